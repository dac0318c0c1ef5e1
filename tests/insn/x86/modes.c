/* SPDX-License-Identifier: MIT */
/*
 * From real mode to protected mode, long mode and back: a program on a board with RAM and nothing
 * else that leaves a word in memory at each station. Intel SDM, volume 3, 9.8 and 9.9. In each mode
 * it takes an interrupt and the exception of a division by 0. By the engine that keeps nothing and
 * by host code.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "tests/support/board.h"

#if defined(__x86_64__) /* whose assembler makes the program */

#define START 0x7c00
#define WORDS 0x500 /* what it leaves, 8 bytes each */
#define TABLES 0x10000
#define PORT 0x10

/* Addresses are those of `at` plus 0x7c00. Handlers of a division by 0 skip it: 2 bytes. */
__asm__(".pushsection .rodata\n"
        ".globl x86_modes, x86_modes_end\n"
        ".set at, x86_modes - 0x7c00\n"
        "x86_modes:\n"
        ".code16\n"
        "  xorw %ax, %ax\n"
        "  movw %ax, %ds\n"
        "  movw %ax, %ss\n"
        "  movw $0x7000, %sp\n"
        "  movw $(1f - at), 0x80\n"
        "  movw %ax, 0x82\n"
        "  movw $(2f - at), 0\n"
        "  movw %ax, 2\n"
        "  int $0x20\n"
        "  xorw %bx, %bx\n"
        "  divw %bx\n"
        "  movw %sp, 0x510\n"
        "  lgdtl (gdtr - at)\n"
        "  movl %cr0, %eax\n"
        "  orb $1, %al\n"
        "  movl %eax, %cr0\n"
        "  ljmpl $8, $(protected - at)\n"
        "1: movl $0x1111, %cs:0x500\n" /* code may be written in real mode */
        "  iret\n"
        "2: movl $0x2222, 0x508\n"
        "  pushw %bp\n"
        "  movw %sp, %bp\n"
        "  addw $2, 2(%bp)\n"
        "  popw %bp\n"
        "  iret\n"
        ".code32\n"
        "protected:\n"
        "  movl $0x10, %eax\n"
        "  movl %eax, %ds\n"
        "  movl %eax, %es\n"
        "  movl %eax, %ss\n"
        "  movl $0x7000, %esp\n"
        "  lidtl (idtr - at)\n"
        "  int $1\n"
        "  xorl %ebx, %ebx\n"
        "  divl %ebx\n"
        "  movl %esp, 0x528\n"
        "  movl %cr4, %eax\n"
        "  orl $0x20, %eax\n"
        "  movl %eax, %cr4\n"
        "  movl $0x10000, %eax\n"
        "  movl %eax, %cr3\n"
        "  movl $0xc0000080, %ecx\n"
        "  rdmsr\n"
        "  orl $0x100, %eax\n"
        "  wrmsr\n"
        "  movl %cr0, %eax\n"
        "  orl $0x80000000, %eax\n"
        "  movl %eax, %cr0\n"
        "  ljmpl $0x18, $(long_mode - at)\n"
        "3: movl $0x3333, 0x518\n"
        "  iretl\n"
        "4: movl $0x4444, 0x520\n"
        "  addl $2, (%esp)\n"
        "  iretl\n"
        ".code64\n"
        "long_mode:\n"
        "  movabsq $0x123456789abcdef0, %rax\n"
        "  movq %rax, 0x530\n"
        "  movl $0xc0000080, %ecx\n"
        "  rdmsr\n"
        "  movl %eax, 0x538\n"
        "  lidtq (idtr64 - at)\n"
        "  int $1\n"
        "  xorl %ebx, %ebx\n"
        "  divl %ebx\n"
        "  pushq $8\n"
        "  pushq $(compatible - at)\n"
        "  lretq\n"
        "5: movl $0x5555, 0x540\n"
        "  iretq\n"
        "6: movl $0x6666, 0x548\n"
        "  addq $2, (%rsp)\n"
        "  iretq\n"
        ".code32\n"
        "compatible:\n"
        "  movl $0x7777, 0x550\n"
        "  movl %cr0, %eax\n"
        "  andl $0x7fffffff, %eax\n"
        "  movl %eax, %cr0\n"
        "  movl $0xc0000080, %ecx\n"
        "  rdmsr\n"
        "  movl %eax, 0x558\n"
        "  ljmpl $0x20, $(small - at)\n"
        ".code16\n"
        "small:\n"
        "  movl %cr0, %eax\n"
        "  andb $0xfe, %al\n"
        "  movl %eax, %cr0\n"
        "  ljmpw $0x10, $(real - at - 0x100)\n"
        "real:\n"
        "  xorw %ax, %ax\n"
        "  movw %ax, %ds\n"
        "  movw %cs, 0x560\n"
        "  movl $0x8888, 0x568\n"
        "  movl $0x9999, %cs:0x470\n"
        "  outb %al, $0x10\n"
        "9: jmp 9b\n"
        ".balign 8\n"
        "gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff\n"
        "  .quad 0x00009b000000ffff\n"
        "gdtr: .word 39\n"
        "  .long gdt - at\n"
        ".balign 8\n"
        "idt: .word 4b - at, 8, 0x8e00, 0, 3b - at, 8, 0x8e00, 0\n"
        "idtr: .word 15\n"
        "  .long idt - at\n"
        ".balign 8\n"
        "idt64: .word 6b - at, 0x18, 0x8e00, 0, 0, 0, 0, 0, 5b - at, 0x18, 0x8e00, 0, 0, 0, 0, 0\n"
        "idtr64: .word 31\n"
        "  .quad idt64 - at\n"
        "x86_modes_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t x86_modes[], x86_modes_end[];

/* Pages of 2 MiB at their own addresses, for the first GiB. */
static void put_tables(struct test_board *b)
{
    test_board_put(b, TABLES, (TABLES + 0x1000) | 3);
    test_board_put(b, TABLES + 0x1000, (TABLES + 0x2000) | 3);
    for (uint64_t k = 0; k < 512; k++) {
        test_board_put(b, TABLES + 0x2000 + 8 * k, k << 21 | 0x83);
    }
}

static void go_through_modes(const struct accel_config *config)
{
    static const uint64_t expected[] = {
        0x1111, 0x2222, 0x7000, 0x3333, 0x4444, 0x7000, UINT64_C(0x123456789abcdef0), 0x500, 0x5555,
        0x6666, 0x7777, 0x100,  0x10,   0x8888, 0x9999};
    struct error e = {""};
    struct test_board *b = test_board_new(&x86_cpu_class, "max", 1, 0, 0x200000, &e);
    REQUIRE(b);
    test_board_add_end(b, b->spaces[1], PORT);
    memcpy(b->ram + START, x86_modes, (size_t)(x86_modes_end - x86_modes));
    put_tables(b);
    x86_segment_real(&x86_cpu(b->vcpus[0])->seg[X86_CS], 0);
    b->vcpus[0]->cls->boot(b->vcpus[0], START, 0);
    CHECK(config ? test_board_go(b, config, 60, &e) : test_board_go_oracle(b, 100000));
    for (unsigned k = 0; k < sizeof(expected) / sizeof(expected[0]); k++) {
        CHECK_EQ(load_le64(b->ram + WORDS + 8 * k), expected[k]);
    }
    /* Tables that were walked have their accessed bits. */
    CHECK(b->ram[TABLES] & 0x20);
    CHECK(b->ram[TABLES + 0x2000] & 0x40);
    test_board_free(b);
}

TEST(host_code_goes_through_all_modes)
{
    go_through_modes(&(struct accel_config){0});
}

TEST(interpreter_goes_through_all_modes)
{
    go_through_modes(&(struct accel_config){.interpreter = true});
}

TEST(engine_that_keeps_nothing_goes_through_all_modes)
{
    go_through_modes(NULL);
}

#else

TEST(modes)
{
    SKIP("the host is not x86-64");
}

#endif
