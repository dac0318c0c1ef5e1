/* SPDX-License-Identifier: MIT */
/*
 * Dry translation of A64: whatever the words and the mode, what is emitted is valid IR, and the
 * rules of where a block ends hold.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/arm/a64_decode.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/pauth.h"
#include "cpu/arm/sysregs.h"
#include "tcg/interp.h"
#include "tests/test.h"

#define PC UINT64_C(0xffff000012345000)
#define WORDS 16

struct rig {
    struct arm_cpu *cpu;
    struct ir_builder b;
    uint8_t code[4096];
};

static struct rig *rig_new(const char *model)
{
    struct error e = {""};
    struct rig *r = mem_alloc(sizeof(*r));
    r->cpu = (struct arm_cpu *)arm_cpu_class.create(model, 0, &e);
    arm_cpu_class.reset(&r->cpu->vcpu);
    ir_builder_init(&r->b, arm_cpu_class.ir);
    return r;
}

static void rig_free(struct rig *r)
{
    ir_builder_free(&r->b);
    arm_cpu_class.destroy(&r->cpu->vcpu);
    mem_free(r);
}

/* Translates bytes of code at pc for the mode. */
static void translate(struct rig *r, uint64_t pc, uint64_t mode, uint32_t bytes)
{
    ir_begin(&r->b, pc, mode);
    r->b.code = r->code;
    r->b.code_bytes = bytes;
    r->b.max_guest_insns = 64;
    arm_cpu_class.translate(&r->cpu->vcpu, &r->b);
}

static void put(struct rig *r, unsigned i, uint32_t insn)
{
    store_le32(r->code + 4 * i, insn);
}

static void check_valid(struct rig *r, uint32_t first)
{
    struct error e = {""};
    const bool valid = ir_verify(&r->b, &e);
    CHECK_MSG(valid, "block of 0x%08x in mode 0x%llx: %s", first, (unsigned long long)r->b.mode_key,
              e.text);
    CHECK(r->b.ended);
}

/* The op that ends the block. */
static unsigned last_op(const struct rig *r)
{
    return r->b.insns[r->b.count - 1].op;
}

static const struct ir_call *last_call(const struct rig *r)
{
    return (const struct ir_call *)(uintptr_t)r->b.insns[r->b.count - 1].imm;
}

static uint64_t random_mode(struct rng *rng)
{
    static const uint64_t rare = MODE_STEP_DUE | MODE_IL | MODE_FP_TRAP;
    uint64_t mode = rng_u64(rng) & UINT64_C(0x7ffffff) &
                    ~(uint64_t)(3 | 7 << MODE_IDX_SHIFT | 7 << MODE_UIDX_SHIFT);
    if (rng_below(rng, 8)) {
        mode &= ~rare;
    }
    const unsigned el = rng_below(rng, 2) ? 1 : 0;
    mode |= el | (el ? 1 + rng_below(rng, 2) : 0) << MODE_IDX_SHIFT;
    mode |= (rng_u64(rng) & 0x7f) << MODE_FP_SHIFT;
    return el ? mode : mode | (rng_u64(rng) & 0x7ffff) << MODE_TRAPS_SHIFT;
}

TEST(random_words_give_valid_ir)
{
    static const char *const models[] = {"max", "cortex-a57", "neoverse-v1,pauth=off"};
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned m = 0; m < 3; m++) {
        struct rig *r = rig_new(models[m]);
        for (unsigned n = 0; n < 20000 * test_scale() && !test_state.failures; n++) {
            for (unsigned i = 0; i < WORDS; i++) {
                put(r, i, rng_u32(&rng));
            }
            translate(r, PC, random_mode(&rng), WORDS * 4);
            check_valid(r, load_le32(r->code));
        }
        rig_free(r);
    }
}

TEST(every_row_gives_valid_ir)
{
    struct rng rng;
    struct rig *r = rig_new("max");
    rng_seed(&rng, test_seed());
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        for (unsigned n = 0; n < 40 * test_scale() && !test_state.failures; n++) {
            const uint32_t insn = (rng_u32(&rng) & ~a64_rows[row].mask) | a64_rows[row].value;
            put(r, 0, insn);
            put(r, 1, 0xd503201f); /* NOP */
            translate(r, PC, random_mode(&rng), 8);
            check_valid(r, insn);
        }
    }
    rig_free(r);
}

#define MODE_PLAIN (UINT64_C(1) | MODE_SPSEL | (uint64_t)ARM_MMU_EL1 << MODE_IDX_SHIFT)

/* ---- movable blocks: nothing in them depends on the virtual page */

/* An instruction of a movable block at pc, without what names addresses as if it ran there. */
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

/* The same code at another page gives the same block. */
static void check_movable(struct rig *r, struct rig *other, uint64_t mode, uint32_t offset,
                          uint32_t bytes)
{
    const uint64_t elsewhere = UINT64_C(0x0000aaaab5c00000);
    memcpy(other->code, r->code, sizeof(r->code));
    r->b.movable = other->b.movable = true;
    translate(r, PC + offset, mode, bytes);
    translate(other, elsewhere + offset, mode, bytes);
    CHECK(r->b.movable && other->b.movable);
    CHECK_EQ(r->b.count, other->b.count);
    for (ir_val v = 1; v < r->b.count && r->b.count == other->b.count; v++) {
        const struct ir_insn x = without_pc(&r->b, v), y = without_pc(&other->b, v);
        CHECK_MSG(memcmp(&x, &y, sizeof(x)) == 0, "0x%08x in mode 0x%llx: v%u, %u, holds its PC",
                  load_le32(r->code), (unsigned long long)mode, v, x.op);
    }
    check_valid(r, load_le32(r->code));
    r->b.movable = other->b.movable = false;
}

TEST(movable_blocks_of_every_row_are_the_same_at_any_page)
{
    struct rng rng;
    struct rig *r = rig_new("max"), *other = rig_new("max");
    rng_seed(&rng, test_seed());
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        for (unsigned n = 0; n < 40 * test_scale() && !test_state.failures; n++) {
            put(r, 0, (rng_u32(&rng) & ~a64_rows[row].mask) | a64_rows[row].value);
            put(r, 1, 0xd503201f); /* NOP */
            check_movable(r, other, random_mode(&rng), 4 * (uint32_t)rng_below(&rng, 1023), 8);
        }
    }
    rig_free(r);
    rig_free(other);
}

TEST(movable_blocks_of_random_words_are_the_same_at_any_page)
{
    struct rng rng;
    struct rig *r = rig_new("max"), *other = rig_new("max");
    rng_seed(&rng, test_seed());
    for (unsigned n = 0; n < 20000 * test_scale() && !test_state.failures; n++) {
        for (unsigned i = 0; i < WORDS; i++) {
            const unsigned row = (unsigned)rng_below(&rng, A64_ROW_COUNT);
            put(r, i, (rng_u32(&rng) & ~a64_rows[row].mask) | a64_rows[row].value);
        }
        check_movable(r, other, random_mode(&rng), 0x100, WORDS * 4);
    }
    rig_free(r);
    rig_free(other);
}

/* An address that the guest makes without its PC stays where it is. */
TEST(movable_jump_to_a_constant_is_no_link)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0xd2a01000); /* mov x0, #0x800000 */
    put(r, 1, 0xd61f0000); /* br x0 */
    r->b.movable = true;
    translate(r, PC, MODE_PLAIN, 8);
    CHECK_EQ(last_op(r), IR_jump);
    put(r, 1, 0xd63f0000); /* blr x0 */
    translate(r, PC, MODE_PLAIN, 8);
    CHECK_EQ(last_op(r), IR_jumpcall);
    rig_free(r);
}

/* What leads from a tagged address to the one without tag is right there only. */
TEST(block_at_a_tagged_address_is_not_movable)
{
    struct rig *r = rig_new("max");
    r->b.movable = true;
    translate(r, UINT64_C(0x5a00000000401000), MODE_PLAIN | MODE_TBI0, 64);
    CHECK(!r->b.movable);
    CHECK_EQ(r->b.insns[r->b.count - 1].imm, 0x401000);
    rig_free(r);
}

#define MODE_KEYS (MODE_ENIA | MODE_ENIB | MODE_ENDA | MODE_ENDB)

/* Runs one instruction with x1 = *x and x2 = modifier, which leaves its result in x1. */
static bool runs(struct rig *r, uint32_t insn, uint64_t *x, uint64_t modifier)
{
    put(r, 0, insn);
    translate(r, PC, MODE_PLAIN | MODE_KEYS, 4);
    r->cpu->x[1] = *x;
    r->cpu->x[2] = modifier;
    r->cpu->vcpu.hot.raised = 0;
    ir_interpret(&r->cpu->vcpu, &r->b);
    *x = r->cpu->x[1];
    return !r->cpu->vcpu.hot.raised;
}

/* Codes made by IR are those of the functions in C (pauth_leaf.c). */
static void check_codes(struct rig *r, struct rng *rng)
{
    for (unsigned n = 0; n < 2000; n++) {
        const enum arm_pac_key_id key = n % 4;
        const uint64_t modifier = rng_u64(rng), low = rng_u64(rng) & mask64(48);
        const uint64_t pointer = n & 8 ? rng_u64(rng) : n & 16 ? low | ~mask64(48) : low;
        uint64_t x = pointer, want = arm_pac_add(r->cpu, key, pointer, modifier);
        CHECK(runs(r, 0xdac10041 | key << 10, &x, modifier)); /* PACIA x1, x2 */
        CHECK_EQ(x, want);
        want = x = rng_below(rng, 4) ? x : x ^ UINT64_C(1) << rng_below(rng, 64);
        const bool right = arm_pac_check(r->cpu, key, &want, modifier);
        uint64_t y = x;
        CHECK_EQ(runs(r, 0xdac11041 | key << 10, &y, modifier), right); /* AUTIA x1, x2 */
        CHECK_EQ(y, right ? want : x);
        want = arm_pac_strip(r->cpu, x, key >= ARM_KEY_DA);
        CHECK(runs(r, 0xdac143e1 | (key & 2) << 9, &x, 0)); /* XPACI x1 */
        CHECK_EQ(x, want);
    }
}

TEST(pointers_are_signed_inline_as_by_functions)
{
    static const char *const models[] = {"max", "max,pauth-qarma5=on"};
    static const uint64_t tcrs[] = {0, TCR_TBI0, TCR_TBI0 | TCR_TBID0, TCR_TBI0 | TCR_TBI1,
                                    TCR_TBI1 | TCR_TBID0};
    struct rng rng;
    rng_seed(&rng, test_seed());
    for (unsigned m = 0; m < 2; m++) {
        struct rig *r = rig_new(models[m]);
        for (unsigned i = 0; i < array_len(tcrs); i++) {
            r->cpu->tcr[1] = UINT64_C(0x80100010) | tcrs[i]; /* 48-bit addresses, pages of 4 KB */
            arm_update_mode(r->cpu);
            for (unsigned key = 0; key < ARM_KEY_COUNT; key++) {
                r->cpu->key[key] = (struct arm_pac_key){rng_u64(&rng), rng_u64(&rng)};
            }
            check_codes(r, &rng);
        }
        rig_free(r);
    }
}

TEST(block_ends_with_its_page)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0x91000400); /* add x0, x0, #1 */
    put(r, 1, 0x91000400);
    translate(r, PC + 0xff8, MODE_PLAIN, 8);
    CHECK_EQ(r->b.guest_insns, 2);
    CHECK_EQ(r->b.guest_bytes, 8);
    CHECK_EQ(last_op(r), IR_br);
    CHECK_EQ(r->b.insns[r->b.count - 1].imm, PC + 0x1000);
    rig_free(r);
}

TEST(block_ends_after_as_many_instructions_as_asked_for)
{
    struct rig *r = rig_new("max");
    for (unsigned i = 0; i < WORDS; i++) {
        put(r, i, 0x91000400);
    }
    ir_begin(&r->b, PC, MODE_PLAIN);
    r->b.code = r->code;
    r->b.code_bytes = WORDS * 4;
    r->b.max_guest_insns = 3;
    arm_cpu_class.translate(&r->cpu->vcpu, &r->b);
    CHECK_EQ(r->b.guest_insns, 3);
    CHECK_EQ(r->b.insns[r->b.count - 1].imm, PC + 12);
    rig_free(r);
}

TEST(misaligned_pc_is_an_exception_even_at_the_end_of_a_page)
{
    struct rig *r = rig_new("max");
    translate(r, PC + 0xffe, MODE_PLAIN, 2);
    CHECK_EQ(last_op(r), IR_tail);
    CHECK(last_call(r) == &arm_row_exception);
    CHECK_EQ(r->b.insns[r->b.count - 1].aux, SYNDROME(EC_PC_ALIGN, 0));
    CHECK_EQ(r->b.guest_bytes, 2);
    rig_free(r);
}

TEST(tagged_pc_leads_to_where_it_should_be)
{
    struct rig *r = rig_new("max");
    translate(r, UINT64_C(0x5a00000000401000), MODE_PLAIN | MODE_TBI0, 64);
    CHECK_EQ(last_op(r), IR_br);
    CHECK_EQ(r->b.insns[r->b.count - 1].imm, 0x401000);
    rig_free(r);
}

TEST(stepped_block_is_one_instruction)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0x91000400);
    put(r, 1, 0x91000400);
    translate(r, PC, MODE_PLAIN | MODE_STEP, 64);
    CHECK_EQ(r->b.guest_insns, 1);
    CHECK(last_op(r) == IR_tail && last_call(r) == &arm_row_step_done);
    put(r, 0, 0xd61f0000); /* br x0 */
    translate(r, PC, MODE_PLAIN | MODE_STEP, 64);
    CHECK(last_op(r) == IR_tail && last_call(r) == &arm_row_step_done);
    rig_free(r);
}

/* ---- flags that nobody sees (cpu/arm/a64_lookahead.c) */

static bool flags_die(struct rig *r, uint64_t pc, uint32_t bytes, bool allowed)
{
    ir_begin(&r->b, pc, MODE_PLAIN);
    r->b.code = r->code;
    r->b.code_bytes = bytes;
    r->b.max_guest_insns = 64;
    r->b.look_ahead = allowed;
    r->b.flags_dead = false;
    r->b.look_bytes = 0;
    arm_cpu_class.translate(&r->cpu->vcpu, &r->b);
    return r->b.flags_dead;
}

/* cmp x0, #1; b.eq to word 5; and at words 2 and 5 what is given, each with a compare behind it */
static bool dies_with(struct rig *r, uint32_t at_2, uint32_t at_5)
{
    put(r, 0, 0xf100041f); /* cmp x0, #1 */
    put(r, 1, 0x54000080); /* b.eq .+16 */
    put(r, 2, at_2);
    put(r, 3, 0xf100081f); /* cmp x0, #2 */
    put(r, 4, 0xd65f03c0); /* ret */
    put(r, 5, at_5);
    put(r, 6, 0xab040062); /* adds x2, x3, x4 */
    put(r, 7, 0xd65f03c0);
    return flags_die(r, PC, 32, true);
}

TEST(flags_that_both_successors_overwrite_are_dead)
{
    const uint32_t add = 0x91000421, mov = 0xd28000e5; /* add x1, x1, #1; mov x5, #7 */
    struct rig *r = rig_new("max");
    CHECK(dies_with(r, add, mov));
    CHECK_EQ(r->b.look_bytes, 28);
    CHECK_EQ(r->b.guest_bytes, 8);
    CHECK(!flags_die(r, PC, 32, false));
    CHECK(!flags_die(r, PC, 20, true)); /* one successor is on another page */
    rig_free(r);
}

TEST(flags_that_may_be_seen_live)
{
    static const uint32_t seen[] = {
        0xf9400001, /* ldr x1, [x0]: may fault, and NZCV goes to SPSR */
        0x9100003f, /* mov sp, x1: may be misaligned */
        0x9a820020, /* csel x0, x1, x2, eq */
        0xba020020, /* adcs x0, x1, x2 */
        0xfa411804, /* ccmp x0, #1, #4, ne */
        0xd53b4200, /* mrs x0, nzcv */
        0xd65f03c0, /* ret */
        0x14000001, /* b .+4 */
        0xd4000001, /* svc #0 */
        0x00000000, /* udf #0 */
        0x1e602000, /* fcmp d0, d0: may be trapped */
    };
    const uint32_t add = 0x91000421;
    struct rig *r = rig_new("max");
    for (unsigned i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        CHECK_MSG(!dies_with(r, seen[i], add), "%08x behind the branch", seen[i]);
        CHECK_MSG(!dies_with(r, add, seen[i]), "%08x where the branch goes", seen[i]);
    }
    rig_free(r);
}

TEST(flags_live_over_a_jump_that_polls)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0xf100041f); /* cmp x0, #1 */
    put(r, 1, 0x54ffffe0); /* b.eq .-4 */
    put(r, 2, 0xf100081f);
    put(r, 3, 0xd65f03c0);
    CHECK(!flags_die(r, PC, 16, true));
    for (unsigned i = 2; i < 11; i++) {
        put(r, i, 0x91000421); /* more than it looks at */
    }
    put(r, 1, 0xd503201f);
    put(r, 11, 0xf100081f);
    ir_begin(&r->b, PC, MODE_PLAIN);
    r->b.code_bytes = 64;
    r->b.max_guest_insns = 2;
    r->b.look_ahead = true;
    r->b.flags_dead = false;
    arm_cpu_class.translate(&r->cpu->vcpu, &r->b);
    CHECK(!r->b.flags_dead);
    put(r, 9, 0xf100081f);
    ir_begin(&r->b, PC, MODE_PLAIN);
    arm_cpu_class.translate(&r->cpu->vcpu, &r->b);
    CHECK(r->b.flags_dead);
    rig_free(r);
}

static unsigned count_op(const struct rig *r, enum ir_op op)
{
    unsigned n = 0;
    for (unsigned i = 1; i < r->b.count; i++) {
        n += r->b.insns[i].op == op;
    }
    return n;
}

TEST(aligned_stack_frames_are_not_checked)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0xa9be7bfd); /* stp x29, x30, [sp, #-32]! */
    put(r, 1, 0x910003fd); /* mov x29, sp */
    put(r, 2, 0xd10043ff); /* sub sp, sp, #16 */
    put(r, 3, 0xf90007e0); /* str x0, [sp, #8] */
    put(r, 4, 0x910043ff); /* add sp, sp, #16 */
    put(r, 5, 0xa8c27bfd); /* ldp x29, x30, [sp], #32 */
    put(r, 6, 0xd65f03c0); /* ret */
    translate(r, PC, MODE_PLAIN | MODE_SA, 28);
    CHECK_EQ(r->b.guest_insns, 7);
    CHECK_EQ(count_op(r, IR_guard), 0);
    CHECK_EQ(last_op(r), IR_ret);
    rig_free(r);
}

TEST(stack_pointer_from_elsewhere_is_checked_once)
{
    struct rig *r = rig_new("max");
    put(r, 0, 0x910003bf); /* mov sp, x29 */
    put(r, 1, 0xa8c27bfd); /* ldp x29, x30, [sp], #32 */
    put(r, 2, 0xd65f03c0); /* ret */
    translate(r, PC, MODE_PLAIN | MODE_SA, 12);
    CHECK_EQ(count_op(r, IR_guard), 1);
    rig_free(r);
}

TEST(plain_system_registers_stay_in_the_block)
{
    static const uint32_t insns[] = {
        0xd53bd040, /* mrs x0, tpidr_el0 */
        0xd51bd040, /* msr tpidr_el0, x0 */
        0xd5384020, /* mrs x0, elr_el1 */
        0xd5184000, /* msr spsr_el1, x0 */
        0xd5385200, /* mrs x0, esr_el1 */
        0xd53b4220, /* mrs x0, daif */
        0xd50342df, /* msr daifset, #2 */
        0xd50342ff, /* msr daifclr, #2 */
        0xd5384100, /* mrs x0, sp_el0 */
    };
    struct rig *r = rig_new("max");
    for (unsigned i = 0; i < array_len(insns); i++) {
        put(r, i, insns[i]);
    }
    put(r, array_len(insns), 0xd65f03c0);
    translate(r, PC, MODE_PLAIN, 4 * (array_len(insns) + 1));
    CHECK_EQ(r->b.guest_insns, array_len(insns) + 1);
    CHECK_EQ(count_op(r, IR_call), 0);
    CHECK_EQ(last_op(r), IR_ret);
    rig_free(r);
}
