/* SPDX-License-Identifier: MIT */
/*
 * Cases by this program: see x86_case.h. A vCPU in long mode on a board with nothing but RAM runs a
 * driver that goes to each case by IRETQ, at privilege level 3, and comes back by the exception
 * that ends it. Segments have the selectors that Linux gives them.
 */
#include <string.h>

#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "tests/support/board.h"
#include "tests/support/x86_case.h"

#if defined(__x86_64__) /* whose assembler makes the driver */

#define RAM 0x10000000u
#define RAM_BYTES 0x10400000u
#define GDT (RAM + 0x1000)
#define LDT (RAM + 0x1800)
#define TSS (RAM + 0x1900)
#define IDT (RAM + 0x2000)
#define TABLES (RAM + 0x4000) /* of pages: level 4, 3, 2, and 1 for code and data */
#define VARIABLES (RAM + 0x9000)
#define DRIVER (RAM + 0xa000)
#define STACK_TOP (X86_CASE_HIGH_SP + 0x8000)
#define CASES (RAM + 0x100000)
#define RECORDS (RAM + 0x200000)
#define PORT 0x10

/*
 * The driver. Its variables: the next case, where cases end, the next record, selectors of code,
 * stack and data. Vector n is at driver_vectors + 16 n.
 */
_Static_assert(VARIABLES == 0x10009000 && STACK_TOP == 0x10018000, "as the driver has them");
_Static_assert(sizeof(struct x86_case) == 1024 && sizeof(struct x86_record) == 1536, "likewise");
__asm__(".pushsection .rodata\n"
        ".intel_syntax noprefix\n"
        ".code64\n"
        ".globl x86_driver, x86_driver_vectors, x86_driver_end\n"
        "x86_driver:\n"
        "next: mov r15, [0x10009000]\n"
        "  cmp r15, [0x10009008]\n"
        "  je done\n"
        "  mov rsp, 0x10018000\n"
        "  mov eax, 7\n"
        "  xor edx, edx\n"
        "  xrstor [r15 + 192]\n"
        "  push qword ptr [0x10009020]\n"
        "  push qword ptr [r15 + 32]\n"
        "  push qword ptr [r15 + 128]\n"
        "  push qword ptr [0x10009018]\n"
        "  push qword ptr [r15 + 136]\n"
        "  mov rax, [0x10009028]\n"
        "  mov ds, eax\n"
        "  mov es, eax\n"
        "  mov rax, [r15]\n"
        "  mov rcx, [r15 + 8]\n"
        "  mov rdx, [r15 + 16]\n"
        "  mov rbx, [r15 + 24]\n"
        "  mov rbp, [r15 + 40]\n"
        "  mov rsi, [r15 + 48]\n"
        "  mov rdi, [r15 + 56]\n"
        "  mov r8, [r15 + 64]\n"
        "  mov r9, [r15 + 72]\n"
        "  mov r10, [r15 + 80]\n"
        "  mov r11, [r15 + 88]\n"
        "  mov r12, [r15 + 96]\n"
        "  mov r13, [r15 + 104]\n"
        "  mov r14, [r15 + 112]\n"
        "  mov r15, [r15 + 120]\n"
        "  iretq\n"
        "done: out 0x10, al\n"
        "  jmp done\n"
        ".balign 16\n"
        "x86_driver_vectors:\n"
        ".set v, 0\n"
        ".rept 32\n"
        "  .if (v != 8) && ((v < 10) || (v > 14)) && (v != 17)\n"
        "  push 0\n"
        "  .endif\n"
        "  push v\n"
        "  jmp common\n"
        "  .balign 16\n"
        "  .set v, v + 1\n"
        ".endr\n"
        "common: push r15\n"
        "  mov r15, [0x10009010]\n"
        "  mov [r15], rax\n"
        "  mov [r15 + 8], rcx\n"
        "  mov [r15 + 16], rdx\n"
        "  mov eax, 7\n"
        "  xor edx, edx\n"
        "  xsave [r15 + 704]\n"
        "  mov [r15 + 24], rbx\n"
        "  mov [r15 + 40], rbp\n"
        "  mov [r15 + 48], rsi\n"
        "  mov [r15 + 56], rdi\n"
        "  mov [r15 + 64], r8\n"
        "  mov [r15 + 72], r9\n"
        "  mov [r15 + 80], r10\n"
        "  mov [r15 + 88], r11\n"
        "  mov [r15 + 96], r12\n"
        "  mov [r15 + 104], r13\n"
        "  mov [r15 + 112], r14\n"
        "  pop qword ptr [r15 + 120]\n"
        "  pop qword ptr [r15 + 144]\n" /* vector */
        "  pop qword ptr [r15 + 152]\n" /* error */
        "  pop qword ptr [r15 + 136]\n" /* rip */
        "  pop rax\n"
        "  pop qword ptr [r15 + 128]\n" /* rflags */
        "  pop qword ptr [r15 + 32]\n"  /* rsp */
        "  cld\n"
        "  mov esi, 0x20018000\n"
        "  lea rdi, [r15 + 160]\n"
        "  mov ecx, 64\n"
        "  rep movsq\n"
        "  add rdi, 864\n"
        "  mov [0x10009010], rdi\n"
        "  add qword ptr [0x10009000], 1024\n"
        "  jmp next\n"
        "x86_driver_end:\n"
        ".att_syntax\n"
        ".popsection\n");
extern const uint8_t x86_driver[], x86_driver_vectors[], x86_driver_end[];

static void put64(struct test_board *b, uint32_t at, uint64_t v)
{
    store_le64(b->ram + (at - RAM), v);
}

/* The selectors that Linux has: kernel 0x10, 0x18; user 0x23, 0x2b, 0x33; the local table's are
 * 0x07 and 0x0f. */
static void put_segments(struct test_board *b)
{
    const uint64_t tss = (UINT64_C(0x89) << 40) | 103 | (uint64_t)(TSS & 0xffffff) << 16 |
                         (uint64_t)(TSS >> 24) << 56;
    put64(b, GDT + 0x10, UINT64_C(0x00af9b000000ffff));
    put64(b, GDT + 0x18, UINT64_C(0x00cf93000000ffff));
    put64(b, GDT + 0x20, UINT64_C(0x00cffb000000ffff));
    put64(b, GDT + 0x28, UINT64_C(0x00cff3000000ffff));
    put64(b, GDT + 0x30, UINT64_C(0x00affb000000ffff));
    put64(b, GDT + 0x40, tss);
    put64(b, LDT,
          UINT64_C(0x0000fb000000ffff) | (uint64_t)(X86_CASE_CODE & 0xffffff) << 16 |
              (uint64_t)(X86_CASE_CODE >> 24) << 56);
    put64(b, LDT + 8,
          UINT64_C(0x0000f3000000ffff) | (uint64_t)(X86_CASE_DATA & 0xffffff) << 16 |
              (uint64_t)(X86_CASE_DATA >> 24) << 56);
    put64(b, TSS + 4, STACK_TOP);
    put64(b, TSS + 96, UINT64_C(104) << 48); /* no ports */
}

static void put_vectors(struct test_board *b)
{
    const uint32_t first = DRIVER + (uint32_t)(x86_driver_vectors - x86_driver);
    for (unsigned v = 0; v < 32; v++) {
        const uint64_t at = first + 16 * v, dpl = v == 3 || v == 4 ? 3 : 0;
        put64(b, IDT + 16 * v,
              (at & 0xffff) | 0x10 << 16 | (0x8e00 | dpl << 13) << 32 | (at >> 16 & 0xffff) << 48);
    }
}

/* Code and data for everybody; the rest of RAM for the driver, by pages of 2 MiB. */
static void put_pages(struct test_board *b)
{
    put64(b, TABLES, (TABLES + 0x1000) | 7);
    put64(b, TABLES + 0x1000, (TABLES + 0x2000) | 7);
    for (uint64_t at = RAM; at < X86_CASE_CODE; at += 0x200000) {
        put64(b, (uint32_t)(TABLES + 0x2000 + (at >> 21) * 8), at | 0x83);
    }
    put64(b, TABLES + 0x2000 + (X86_CASE_CODE >> 21) * 8, (TABLES + 0x3000) | 7);
    for (uint32_t k = 0; k < 2 * X86_CASE_ROOM / 0x1000; k++) {
        const bool data = k >= X86_CASE_ROOM / 0x1000;
        put64(b, TABLES + 0x3000 + 8 * k, (X86_CASE_CODE + 0x1000 * k) | 7 | (uint64_t)data << 63);
    }
}

static void put_batch(struct test_board *b, const struct x86_batch *batch)
{
    static const uint8_t code[9] = {[2] = 0x07, [4] = 0x23, [8] = 0x33};
    const uint64_t data = batch->mode == 2 ? 0x0f : 0x2b;
    const uint64_t variables[] = {CASES,   CASES + batch->count * sizeof(struct x86_case),
                                  RECORDS, code[batch->mode],
                                  data,    data};
    memcpy(b->ram + (DRIVER - RAM), x86_driver, (size_t)(x86_driver_end - x86_driver));
    for (uint32_t k = 0; k < 6; k++) {
        put64(b, VARIABLES + 8 * k, variables[k]);
    }
    memcpy(b->ram + (CASES - RAM), batch->cases, batch->count * sizeof(struct x86_case));
    memcpy(b->ram + (X86_CASE_CODE - RAM), batch->code, X86_CASE_ROOM);
    memcpy(b->ram + (X86_CASE_DATA - RAM), batch->data, X86_CASE_ROOM);
}

static void segment(struct x86_segment *s, struct test_board *b, uint32_t table, uint16_t selector)
{
    x86_segment_fill(s, selector, load_le64(b->ram + (table - RAM) + (selector & 0xfff8)));
}

/* As an operating system leaves it. */
static void enter_long_mode(struct test_board *b)
{
    struct x86_cpu *c = x86_cpu(b->vcpus[0]);
    c->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP | X86_CR0_AM | 0x10;
    c->cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_FSGSBASE | X86_CR4_UMIP | X86_CR4_PSE;
    c->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
    c->xcr0 = 7;
    c->cr0 |= X86_CR0_NE | X86_CR0_MP;
    c->cr3 = TABLES;
    c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    c->gdt = (struct x86_table){.base = GDT, .limit = 0x7f};
    c->idt = (struct x86_table){.base = IDT, .limit = 32 * 16 - 1};
    segment(&c->seg[X86_CS], b, GDT, 0x10);
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        if (k != X86_CS) {
            segment(&c->seg[k], b, GDT, 0x18);
        }
    }
    c->seg[X86_FS] = c->seg[X86_GS] = (struct x86_segment){0};
    segment(&c->tr, b, GDT, 0x40);
    c->ldt = (struct x86_segment){.base = LDT, .limit = 15, .attr = 0x82, .selector = 0x50};
    c->vcpu.cls->boot(&c->vcpu, DRIVER, 0);
    c->r[X86_RSP] = STACK_TOP;
}

bool x86_guest_run(const struct x86_batch *batch, const struct accel_config *config,
                   struct x86_results *out)
{
    struct error e;
    struct test_board *b = test_board_new(&x86_cpu_class, "max", 1, RAM, RAM_BYTES, &e);
    if (!b) {
        return false;
    }
    test_board_add_end(b, b->spaces[1], PORT);
    put_segments(b);
    put_vectors(b);
    put_pages(b);
    put_batch(b, batch);
    enter_long_mode(b);
    const bool ended = config ? test_board_go(b, config, 120, &e)
                              : test_board_go_oracle(b, UINT64_C(10000000));
    const uint64_t at = load_le64(b->ram + (VARIABLES + 16 - RAM));
    out->count = (unsigned)((at - RECORDS) / sizeof(struct x86_record));
    memcpy(out->record, b->ram + (RECORDS - RAM), sizeof(out->record));
    memcpy(out->data, b->ram + (X86_CASE_DATA - RAM), X86_CASE_ROOM);
    test_board_free(b);
    return ended && out->count == batch->count;
}

#else

bool x86_guest_run(const struct x86_batch *batch, const struct accel_config *config,
                   struct x86_results *out)
{
    (void)batch, (void)config, (void)out;
    return false;
}

#endif
