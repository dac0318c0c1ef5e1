/* SPDX-License-Identifier: MIT */
/*
 * Dry translation of x86: what is emitted of a random instruction is valid IR; movable blocks are
 * the same at any page; where blocks go on behind jumps.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/x86_random.h"
#include "tests/test.h"

#define PC UINT64_C(0x0000555555554000)
#define KEY_64 (UINT64_C(2) | UINT64_C(3) << X86_KEY_CPL_SHIFT | X86_KEY_PROTECTED | X86_KEY_LONG)

struct rig {
    struct x86_cpu *cpu;
    struct ir_builder b;
    uint8_t code[4096];
};

static struct rig *rig_new(void)
{
    struct error e = {""};
    struct rig *r = mem_alloc(sizeof(*r));
    r->cpu = (struct x86_cpu *)x86_cpu_class.create("max", 0, &e);
    x86_cpu_class.reset(&r->cpu->vcpu);
    ir_builder_init(&r->b, x86_cpu_class.ir);
    return r;
}

static void rig_free(struct rig *r)
{
    ir_builder_free(&r->b);
    x86_cpu_class.destroy(&r->cpu->vcpu);
    mem_free(r);
}

/* Translates the rig's code from an offset on, as if its page were there. */
static void translate(struct rig *r, uint64_t page, uint64_t key, uint32_t offset)
{
    ir_begin(&r->b, page + offset, key);
    ir_set_aux(&r->b, 0);
    r->b.fetch_base = 0;
    r->b.fetch_mask = UINT64_MAX;
    r->b.code = r->code + offset;
    r->b.code_bytes = GUEST_PAGE_SIZE - offset;
    r->b.max_guest_insns = 64;
    x86_cpu_class.translate(&r->cpu->vcpu, &r->b);
}

/* An instruction of a movable block, without what names addresses as if it ran there. */
static struct ir_insn without_pc(const struct ir_builder *b, ir_val v)
{
    struct ir_insn in = b->insns[v];
    const struct ir_insn *end = &b->insns[b->count - 1];
    const bool returns = (end->op == IR_brcall && end->a == v) ||
                         (end->op == IR_jumpcall && end->b == v);
    if (in.op == IR_insn || in.op == IR_br || in.op == IR_brcond || in.op == IR_brcall || returns) {
        in.imm -= b->pc;
    }
    return in;
}

static void check_movable(struct rig *r, struct rig *other, uint64_t key, uint32_t offset)
{
    struct error e = {""};
    memcpy(other->code, r->code, sizeof(r->code));
    r->b.movable = other->b.movable = true;
    translate(r, PC, key, offset);
    translate(other, UINT64_C(0x00007f1234567000), key, offset);
    const char *name = x86_rows[0].name;
    struct x86_instr i;
    if (x86_decode(8, r->code + offset, X86_MAX_BYTES, &i) == X86_OK) {
        name = x86_rows[i.row].name;
    }
    CHECK(r->b.movable && other->b.movable);
    CHECK_MSG(r->b.count == other->b.count, "%s", name);
    for (ir_val v = 1; v < r->b.count && r->b.count == other->b.count; v++) {
        const struct ir_insn x = without_pc(&r->b, v), y = without_pc(&other->b, v);
        CHECK_MSG(memcmp(&x, &y, sizeof(x)) == 0, "%s: v%u, %u, holds its PC", name, v, x.op);
    }
    CHECK_MSG(ir_verify(&r->b, &e), "%s: %s", name, e.text);
    r->b.movable = other->b.movable = false;
}

TEST(movable_blocks_of_every_row_are_the_same_at_any_page)
{
    struct rng rng;
    struct rig *r = rig_new(), *other = rig_new();
    rng_seed(&rng, test_seed());
    for (unsigned row = 0; row < X86_ROW_COUNT; row++) {
        for (unsigned n = 0; n < 20 * test_scale() && !test_state.failures; n++) {
            const uint32_t at = (uint32_t)rng_below(&rng, 4000);
            const uint64_t cpl = rng_below(&rng, 2) ? 0 : UINT64_C(3) << X86_KEY_CPL_SHIFT;
            memset(r->code, 0x90, sizeof(r->code));
            if (x86_random_of(&rng, &x86_map, row, 8, r->code + at)) {
                check_movable(r, other, (KEY_64 & ~(UINT64_C(3) << X86_KEY_CPL_SHIFT)) | cpl, at);
            }
        }
    }
    rig_free(r);
    rig_free(other);
}

TEST(code_that_counts_from_a_base_or_wraps_is_not_movable)
{
    struct rig *r = rig_new();
    memset(r->code, 0x90, sizeof(r->code));
    r->b.movable = true;
    translate(r, 0x8048000, X86_KEY_PROTECTED | 1, 0);
    CHECK(!r->b.movable);
    rig_free(r);
}

static uint64_t end_of(struct rig *r, bool follows)
{
    r->b.follows = follows;
    translate(r, PC, KEY_64, 0);
    CHECK_EQ(r->b.insns[r->b.count - 1].op, IR_br);
    return r->b.insns[r->b.count - 1].imm - PC;
}

TEST(block_goes_on_at_the_goal_of_a_jump_forwards)
{
    struct rig *r = rig_new();
    memset(r->code, 0x90, sizeof(r->code));
    memcpy(r->code, "\x90\xeb\x10", 3);                /* nop; jmp .+18 */
    memcpy(r->code + 0x13, "\x48\x01\xd8\xeb\xfe", 5); /* add rax, rbx; jmp . */
    CHECK_EQ(end_of(r, true), 0x16);
    CHECK_EQ(r->b.guest_insns, 4);
    CHECK_EQ(r->b.guest_bytes, 0x18);
    CHECK_EQ(end_of(r, false), 0x13);
    CHECK_EQ(r->b.guest_bytes, 3);
    rig_free(r);
}

TEST(calls_of_trampolines_are_jumps)
{
    static const char thunk[] = "\xe8\x07\0\0\0" /* call .+12; pause; lfence; jmp .-5 */
                                "\xf3\x90\x0f\xae\xe8\xeb\xf9"
                                "\x4c\x89\x1c\x24\xc3"; /* mov [rsp], r11; ret */
    struct rig *r = rig_new();
    memset(r->code, 0x90, sizeof(r->code));
    memcpy(r->code, thunk, sizeof(thunk) - 1);
    r->b.follows = true;
    translate(r, PC, KEY_64, 0);
    CHECK_EQ(r->b.insns[r->b.count - 1].op, IR_jump);
    CHECK_EQ(r->b.guest_insns, 3);
    CHECK_EQ(r->b.guest_bytes, sizeof(thunk) - 1);
    r->code[15] = 0x25; /* mov [0x...], r11 */
    translate(r, PC, KEY_64, 0);
    CHECK_EQ(r->b.insns[r->b.count - 1].op, IR_brcall);
    rig_free(r);
}

TEST(jumps_out_of_the_page_and_far_ones_end_the_block)
{
    struct rig *r = rig_new();
    memset(r->code, 0x90, sizeof(r->code));
    memcpy(r->code, "\xe9\xfb\x0f\0\0", 5); /* jmp to the next page */
    CHECK_EQ(end_of(r, true), 0x1000);
    memcpy(r->code, "\xe9\xfb\x07\0\0", 5); /* jmp .+2048 */
    CHECK_EQ(end_of(r, true), 0x800);
    rig_free(r);
}
