/* SPDX-License-Identifier: MIT */
/*
 * What a board does to a CPU by lines: the A20 gate, SMI and a space of memory for system
 * management mode, whose effect comes before the instruction behind the OUT that has caused it.
 * Programs of real mode on a board with RAM.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "base/bits.h"
#include "base/mem.h"
#include "cpu/x86/cpu.h"
#include "tests/support/board.h"

#if defined(__x86_64__) /* whose assembler makes the programs */

#define START 0x7c00
#define END_PORT 0x10
#define LINE_PORT 0x14
#define RAM_BYTES 0x200000
#define SMRAM 0x30000
#define SMRAM_BYTES 0x10000

__asm__(".pushsection .rodata\n"
        ".globl x86_p_a20, x86_p_smi, x86_smi_handler, x86_lines_end\n"
        ".code16\n"
        /* 1 MiB and what it is without bit 20 */
        "x86_p_a20:\n"
        "  movw $0xffff, %ax\n"
        "  movw %ax, %ds\n"
        "  movw $0x1111, 0x510\n"
        "  outb %al, $0x14\n"
        "  movw $0x2222, 0x512\n"
        "  outb %al, $0x14\n"
        "  movw $0x3333, 0x514\n"
        "  outb %al, $0x10\n"
        "1: jmp 1b\n"
        "x86_p_smi:\n"
        "  xorw %ax, %ax\n"
        "  movw %ax, %ds\n"
        "  outb %al, $0x14\n"
        "  movw 0x500, %bx\n" /* the handler has been there */
        "  movw %bx, 0x502\n"
        "  outb %al, $0x14\n"
        "  movw 0x500, %bx\n"
        "  movw %bx, 0x504\n"
        "  outb %al, $0x10\n"
        "1: jmp 1b\n"
        "x86_smi_handler:\n"
        "  incw 0x500\n"
        "  rsm\n"
        "x86_lines_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t x86_p_a20[], x86_p_smi[], x86_smi_handler[], x86_lines_end[];

struct rig {
    struct test_board *b;
    void (*line)(struct rig *g); /* at each OUT */
    unsigned outs;
};

static bool line_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                       uint64_t value)
{
    struct rig *g = opaque;
    (void)by, (void)offset, (void)size, (void)value;
    g->outs++;
    g->line(g);
    return true;
}

static const struct mmio_ops line_ops = {.store = line_store, .sizes = 1};

static void begin(struct rig *g, const uint8_t *program, const uint8_t *end,
                  void (*line)(struct rig *g))
{
    struct error e = {""};
    g->b = test_board_new(&x86_cpu_class, "max", 1, 0, RAM_BYTES, &e);
    REQUIRE(g->b);
    g->line = line;
    test_board_add_end(g->b, g->b->spaces[1], END_PORT);
    space_add(g->b->spaces[1], &(struct mem_range){.base = LINE_PORT,
                                                   .size = 1,
                                                   .kind = RANGE_MMIO,
                                                   .name = "line",
                                                   .ops = &line_ops,
                                                   .opaque = g});
    memcpy(g->b->ram + START, program, (size_t)(end - program));
    x86_segment_real(&x86_cpu(g->b->vcpus[0])->seg[X86_CS], 0);
    g->b->vcpus[0]->cls->boot(g->b->vcpus[0], START, 0);
}

static const struct accel_config engines[] = {{0}, {.interpreter = true}};

static unsigned half(const struct rig *g, uint32_t at)
{
    return load_le16(g->b->ram + at);
}

static void toggle_a20(struct rig *g)
{
    x86_set_a20(g->b->vcpus[0], g->outs % 2);
}

TEST(the_a20_gate_masks_bit_20_from_the_next_instruction_on)
{
    for (size_t k = 0; k < array_len(engines); k++) {
        struct error e = {""};
        struct rig *g = mem_alloc(sizeof(*g));
        begin(g, x86_p_a20, x86_p_smi, toggle_a20);
        x86_set_a20(g->b->vcpus[0], false);
        CHECK(test_board_go(g->b, &engines[k], 60, &e));
        CHECK_EQ(half(g, 0x500), 0x1111);
        CHECK_EQ(half(g, 0x100500), 0);
        CHECK_EQ(half(g, 0x502), 0);
        CHECK_EQ(half(g, 0x100502), 0x2222);
        CHECK_EQ(half(g, 0x504), 0x3333);
        CHECK_EQ(half(g, 0x100504), 0);
        test_board_free(g->b);
        mem_free(g);
    }
}

static void send_smi(struct rig *g)
{
    x86_send_smi(g->b->vcpus[0]);
}

static void add_ram(struct space *s, paddr base, uint64_t size, uint8_t *host)
{
    space_add(s, &(struct mem_range){
                     .base = base, .size = size, .kind = RANGE_RAM, .name = "part", .host = host});
}

TEST(system_management_mode_sees_a_space_of_its_own)
{
    for (size_t k = 0; k < array_len(engines); k++) {
        struct error e = {""};
        struct rig *g = mem_alloc(sizeof(*g));
        begin(g, x86_p_smi, x86_smi_handler, send_smi);
        uint8_t *smram = os_map_ram(SMRAM_BYTES, &e);
        struct space *s = g->b->spaces[X86_SPACE_SMM];
        REQUIRE(smram);
        add_ram(s, 0, SMRAM, g->b->ram);
        add_ram(s, SMRAM, SMRAM_BYTES, smram);
        memcpy(smram + 0x8000, x86_smi_handler, (size_t)(x86_lines_end - x86_smi_handler));
        memset(g->b->ram + SMRAM, 0xf4, SMRAM_BYTES); /* HLT, which nobody is to come to */
        CHECK(test_board_go(g->b, &engines[k], 60, &e));
        CHECK_EQ(half(g, 0x500), 2);
        CHECK_EQ(half(g, 0x502), 1);
        CHECK_EQ(half(g, 0x504), 2);
        CHECK_EQ(load_le32(smram + 0xfefc), 0x20064);
        CHECK_EQ(load_le32(g->b->ram + SMRAM + 0xfefc), 0xf4f4f4f4);
        test_board_free(g->b);
        os_unmap(smram, SMRAM_BYTES);
        mem_free(g);
    }
}

TEST(init_keeps_what_a_reset_does_not)
{
    struct error e = {""};
    struct vcpu *v = x86_cpu_class.create("max", 0, &e);
    REQUIRE(v);
    struct x86_cpu *c = x86_cpu(v);
    v->cls->reset(v);
    c->smbase = 0x7f000;
    c->mtrr_default = 0xc06;
    c->xcr0 = 3;
    c->fpu.st[2].low = 77;
    c->cr0 |= X86_CR0_PE;
    c->cr0 &= ~UINT64_C(0x20000000);
    c->cr4 = X86_CR4_PAE;
    c->dr[7] = 1;
    c->in_smm = true;
    x86_reset_by_init(c);
    CHECK_EQ(c->smbase, 0x7f000);
    CHECK_EQ(c->mtrr_default, 0xc06);
    CHECK_EQ(c->xcr0, 3);
    CHECK_EQ(c->fpu.st[2].low, 77);
    CHECK_EQ(c->cr0, 0x40000010); /* CD and NW stay */
    CHECK_EQ(c->cr4, 0);
    CHECK_EQ(c->dr[7], X86_DR7_FIXED);
    CHECK(!c->in_smm);
    CHECK_EQ(c->rip, 0xfff0);
    CHECK_EQ(c->seg[X86_CS].base, 0xffff0000);
    v->cls->destroy(v);
}

#else

TEST(lines)
{
    SKIP("the host is not x86-64");
}

#endif
