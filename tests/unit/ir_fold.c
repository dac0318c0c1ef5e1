/* SPDX-License-Identifier: MIT */
/* The builder's folding, value numbering and register forwarding. */
#include "base/bits.h"
#include "tcg/build.h"
#include "tests/test.h"

enum {
    X0,
    X1,
    NZCV,
    V0,
    ROWS
};

static const struct ir_reg rows[ROWS] = {
    {"x0", T_I64, 0, 0}, {"x1", T_I64, 8, 1}, {"nzcv", T_FLAGS, 16, -1}, {"v0", T_V128, 32, 0}};
static const struct ir_guest guest = {.regs = rows, .reg_count = ROWS};

static struct ir_builder builder;

static struct ir_builder *block(void)
{
    if (!builder.insns) {
        ir_builder_init(&builder, &guest);
    }
    ir_begin(&builder, 0x1000, 0);
    return &builder;
}

static ir_val k64(uint64_t k)
{
    return ir_konst(&builder, T_I64, k);
}

static bool is_const(ir_val v, uint64_t k)
{
    uint64_t have;
    return ir_const_value(&builder, v, &have) && have == k;
}

TEST(equal_constants_and_equal_ops_are_one_value)
{
    struct ir_builder *b = block();
    CHECK_EQ(k64(5), k64(5));
    CHECK(k64(5) != ir_konst(b, T_I32, 5));
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    CHECK_EQ(ir_add(b, x, y), ir_add(b, x, y));
    CHECK(ir_add(b, x, y) != ir_sub(b, x, y));
}

TEST(put_is_forwarded_to_get_and_putting_it_back_is_nothing)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0);
    ir_put(b, X0, k64(3));
    CHECK_EQ(ir_get(b, X0), k64(3));
    const uint32_t count = b->count;
    ir_put(b, X0, ir_get(b, X0));
    ir_put(b, X1, ir_get(b, X1));
    CHECK_EQ(b->count, count + 1);
    CHECK(x != ir_get(b, X0));
}

TEST(pointer_steps_cancel)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0);
    const ir_val down = ir_sub(b, x, k64(32));
    CHECK_EQ(ir_add(b, down, k64(32)), x);
    CHECK_EQ(ir_add(b, ir_add(b, x, k64(8)), k64(8)), ir_add(b, x, k64(16)));
    CHECK_EQ(ir_sub(b, ir_add(b, x, k64(8)), k64(24)), ir_sub(b, x, k64(16)));
}

TEST(constants_fold_at_their_width)
{
    struct ir_builder *b = block();
    const ir_val m = ir_konst(b, T_I32, UINT32_MAX);
    CHECK(is_const(ir_add(b, m, ir_konst(b, T_I32, 1)), 0));
    CHECK(is_const(ir_sext(b, T_I64, m), UINT64_MAX));
    CHECK(is_const(ir_zext(b, T_I64, m), UINT32_MAX));
    CHECK(is_const(ir_cmp(b, IR_SLT, m, ir_konst(b, T_I32, 1)), 1));
    CHECK(is_const(ir_cmp(b, IR_ULT, m, ir_konst(b, T_I32, 1)), 0));
    CHECK(is_const(ir_sdiv(b, ir_konst(b, T_I32, 0x80000000), m), 0x80000000));
}

TEST(zeros_of_reversed_bits_are_counted_from_the_other_end)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0);
    CHECK_EQ(ir_clz(b, ir_rbit(b, x)), ir_ctz(b, x));
    const ir_val w = ir_trunc(b, T_I32, x);
    CHECK_EQ(ir_clz(b, ir_rbit(b, w)), ir_ctz(b, w));
}

TEST(flags_of_subtraction_test_as_comparison)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    const ir_val f = ir_flags_sub(b, x, y);
    CHECK_EQ(ir_flags_test(b, IR_ULE, f), ir_cmp(b, IR_ULE, x, y));
    CHECK_EQ(builder.insns[ir_flags_test(b, IR_MI, f)].op, IR_flags_test);
}

TEST(flags_of_complemented_logic_have_known_carry_and_overflow)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    const ir_val f = ir_flags_cmc(b, ir_flags_logic(b, ir_and(b, x, y)));
    CHECK(is_const(ir_flags_test(b, IR_ULT, f), 1));
    CHECK(is_const(ir_flags_test(b, IR_UGT, f), 0));
    CHECK(is_const(ir_flags_test(b, IR_VS, f), 0));
    CHECK_EQ(ir_flags_test(b, IR_EQ, f), ir_tst(b, IR_EQ, x, y));
    CHECK_EQ(ir_flags_test(b, IR_MI, f), ir_tst(b, IR_MI, x, y));
}

TEST(conditional_comparison_tests_as_logic_of_booleans)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    const ir_val first = ir_cmp(b, IR_EQ, x, y);
    const ir_val f = ir_flags_select(b, first, ir_flags_sub(b, x, k64(7)),
                                     ir_flags_from(b, ir_konst(b, T_I32, 0)));
    const ir_val t = ir_flags_test(b, IR_EQ, f);
    CHECK_EQ(builder.insns[t].op, IR_and);
    CHECK_EQ(builder.insns[t].a, first);
    CHECK_EQ(builder.insns[t].b, ir_cmp(b, IR_EQ, x, k64(7)));
}

TEST(floating_point_flags_test_as_relations)
{
    struct ir_builder *b = block();
    const ir_val x = ir_vget(b, T_F64, ir_get(b, V0), 0), y = ir_vget(b, T_F64, ir_get(b, V0), 1);
    const ir_val f = ir_flags_fcmp(b, x, y, false, 0);
    static const struct {
        enum ir_cond cond;
        unsigned relations;
    } rows_[] = {{IR_EQ, IR_FEQ},
                 {IR_NE, IR_FLT | IR_FGT | IR_FUN},
                 {IR_UGE, IR_FEQ | IR_FGT | IR_FUN},
                 {IR_ULT, IR_FLT},
                 {IR_MI, IR_FLT},
                 {IR_PL, IR_FEQ | IR_FGT | IR_FUN},
                 {IR_VS, IR_FUN},
                 {IR_VC, IR_FLT | IR_FEQ | IR_FGT},
                 {IR_UGT, IR_FGT | IR_FUN},
                 {IR_ULE, IR_FLT | IR_FEQ},
                 {IR_SGE, IR_FEQ | IR_FGT},
                 {IR_SLT, IR_FLT | IR_FUN},
                 {IR_SGT, IR_FGT},
                 {IR_SLE, IR_FLT | IR_FEQ | IR_FUN}};
    for (size_t i = 0; i < array_len(rows_); i++) {
        const ir_val t = ir_flags_test(b, rows_[i].cond, f);
        CHECK_EQ(builder.insns[t].op, IR_fcmp);
        CHECK_MSG(builder.insns[t].aux == rows_[i].relations, "condition %d gives relations %u",
                  rows_[i].cond, builder.insns[t].aux);
    }
}

TEST(addresses_move_into_the_access)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    ir_val v = ir_load(b, T_I64, MO_64, ir_add(b, ir_sub(b, x, k64(16)), k64(8)), 4);
    CHECK_EQ(b->insns[v].a, x);
    CHECK_EQ(b->insns[v].imm, (uint64_t)MO_64 << 32 | (uint32_t)-4);
    v = ir_load_indexed(b, T_I64, MO_64, x, ir_shl(b, y, k64(2)), 1);
    CHECK_EQ(b->insns[v].b, y);
    CHECK_EQ(b->insns[v].aux, 3 << 8);
    v = ir_load_indexed(b, T_I64, MO_64, x, k64(3), 3);
    CHECK_EQ(b->insns[v].b, IR_NONE);
    CHECK_EQ((uint32_t)b->insns[v].imm, 24);
    v = ir_load(b, T_I64, MO_64, k64(0x12345678), -8);
    const ir_val w = ir_load(b, T_I64, MO_64, k64(0x12345f00), 0x20);
    CHECK(is_const(b->insns[v].a, 0x12345000) && b->insns[v].a == b->insns[w].a);
    CHECK_EQ((uint32_t)b->insns[v].imm, 0x670);
    CHECK_EQ((uint32_t)b->insns[w].imm, 0xf20);
}

TEST(displacements_that_do_not_fit_stay_in_the_base)
{
    struct ir_builder *b = block();
    const ir_val far = ir_add(b, ir_get(b, X0), k64(UINT64_C(1) << 32));
    const ir_val v = ir_load(b, T_I64, MO_64, far, 0);
    CHECK_EQ(b->insns[v].imm, (uint64_t)MO_64 << 32);
}

TEST(branch_on_a_constant_is_gone_or_final)
{
    struct ir_builder *b = block();
    ir_brcond(b, ir_konst(b, T_I32, 0), 0x2000);
    CHECK(!b->ended);
    ir_brcond(b, ir_konst(b, T_I32, 1), 0x2000);
    CHECK(b->ended);
    const uint32_t count = b->count;
    ir_br(b, 0x3000);
    CHECK_EQ(b->count, count);
    CHECK_EQ(b->insns[count - 1].imm, 0x2000);
}

TEST(lanes_written_are_lanes_read)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), v = ir_get(b, V0);
    CHECK_EQ(ir_vget(b, T_I64, ir_vzext(b, x), 0), x);
    CHECK(is_const(ir_vget(b, T_I64, ir_vzext(b, x), 1), 0));
    CHECK_EQ(ir_vget(b, T_I64, ir_vset(b, T_I64X2, v, 1, x), 1), x);
    CHECK_EQ(ir_vget(b, T_I64, ir_vset(b, T_I64X2, v, 1, x), 0), ir_vget(b, T_I64, v, 0));
    CHECK_EQ(ir_vset(b, T_I64X2, ir_vset(b, T_I64X2, v, 0, k64(1)), 0, x),
             ir_vset(b, T_I64X2, v, 0, x));
}

TEST(extensions_of_extensions_are_one)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), w = ir_trunc(b, T_I32, x), c = ir_trunc(b, T_I8, x);
    CHECK_EQ(ir_trunc(b, T_I32, ir_zext(b, T_I64, w)), w);
    CHECK_EQ(ir_zext(b, T_I64, ir_zext(b, T_I32, c)), ir_zext(b, T_I64, c));
    CHECK_EQ(ir_sext(b, T_I64, ir_zext(b, T_I32, c)), ir_zext(b, T_I64, c));
    CHECK_EQ(ir_and(b, x, k64(0xff)), ir_zext(b, T_I64, c));
    CHECK_EQ(ir_ubfx(b, x, 0, 32), ir_zext(b, T_I64, w));
}

TEST(stored_value_loses_what_the_store_does_not_take)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0);
    ir_store(b, MO_8, x, 0, ir_trunc(b, T_I8, ir_and(b, x, k64(0xfff))));
    CHECK_EQ(b->insns[b->count - 1].c, x);
    CHECK_EQ(b->insns[b->count - 1].src, T_I64);
    const ir_val masked = ir_and(b, x, k64(0x7f));
    ir_store(b, MO_8, x, 0, masked);
    CHECK_EQ(b->insns[b->count - 1].c, masked);
}

TEST(extension_of_a_load_that_extends_is_the_load)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0);
    const ir_val u = ir_load(b, T_I64, MO_8, x, 0);
    CHECK_EQ(ir_sext(b, T_I64, ir_trunc(b, T_I32, u)), u);
    CHECK_EQ(ir_zext(b, T_I64, ir_trunc(b, T_I8, u)), u);
    const ir_val s = ir_load(b, T_I64, MO_16 | MO_SIGN, x, 0);
    CHECK_EQ(ir_sext(b, T_I64, ir_trunc(b, T_I32, s)), s);
    CHECK(ir_zext(b, T_I64, ir_trunc(b, T_I32, s)) != s);
}

TEST(extension_of_a_boolean_goes_to_any_width)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), is = ir_cmp(b, IR_EQ, x, k64(1));
    CHECK_EQ(ir_zext(b, T_I64, ir_trunc(b, T_I8, is)), ir_zext(b, T_I64, is));
    const ir_val u = ir_load(b, T_I64, MO_8, x, 0);
    CHECK_EQ(ir_zext(b, T_I32, ir_trunc(b, T_I8, u)), ir_trunc(b, T_I32, u));
}

TEST(field_needs_no_extension_of_what_it_takes)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X0 + 1);
    const ir_val low = ir_zext(b, T_I64, ir_trunc(b, T_I8, y));
    CHECK_EQ(ir_dep(b, x, low, 8, 8), ir_dep(b, x, y, 8, 8));
    CHECK(ir_dep(b, x, low, 0, 16) != ir_dep(b, x, y, 0, 16));
}

TEST(signed_comparison_of_inverted_signs_is_unsigned)
{
    struct ir_builder *b = block();
    const ir_val bias = k64(UINT64_C(1) << 63);
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1);
    const ir_val f = ir_flags_sub(b, ir_xor(b, x, bias), ir_xor(b, y, bias));
    CHECK_EQ(ir_flags_test(b, IR_SLT, f), ir_cmp(b, IR_ULT, x, y));
    CHECK_EQ(ir_flags_test(b, IR_SGT, f), ir_cmp(b, IR_UGT, x, y));
    CHECK_EQ(ir_cmp(b, IR_SLE, ir_xor(b, x, bias), k64(5)),
             ir_cmp(b, IR_ULE, x, k64(UINT64_C(1) << 63 | 5)));
}

TEST(sticky_ops_merge_until_a_function_may_look)
{
    static const struct ir_call row = {.name = "look", .class = IR_CALL_FULL};
    struct ir_builder *b = block();
    const ir_val x = ir_vget(b, T_F64, ir_get(b, V0), 0);
    const ir_val sum = ir_fp2(b, IR_fadd, T_F64, x, x, 0);
    CHECK_EQ(ir_fp2(b, IR_fadd, T_F64, x, x, 0), sum);
    CHECK(ir_fp2(b, IR_fadd, T_F64, x, x, IR_FP_FZ) != sum);
    ir_call(b, T_VOID, &row, IR_NONE, IR_NONE, IR_NONE, 0);
    CHECK(ir_fp2(b, IR_fadd, T_F64, x, x, 0) != sum);
}

TEST(operands_that_cannot_be_denormal_are_not_flushed)
{
    struct ir_builder *b = block();
    const ir_val x = ir_vget(b, T_F64, ir_get(b, V0), 0), n = ir_get(b, X0);
    const ir_val sum = ir_fp2(b, IR_fadd, T_F64, x, x, IR_FP_FZ);
    const ir_val kept = ir_fp2(b, IR_fadd, T_F64, x, x, 0);
    const ir_val narrow = ir_fcvt(b, T_F32, x, IR_FP_FZ);
    const ir_val known[] = {sum,
                            ir_fp1(b, IR_fneg, T_F64, sum, 0, 0),
                            ir_itof(b, T_F64, n, IR_RDYN, IR_FP_FZ),
                            ir_fp1(b, IR_frint, T_F64, x, IR_RTZ, IR_FP_FZ),
                            ir_fcvt(b, T_F64, narrow, IR_FP_FZ),
                            ir_fp2(b, IR_fmax, T_F64, x, sum, IR_FP_FZ)};
    for (unsigned i = 0; i < array_len(known); i++) {
        const ir_val test = ir_fcmp(b, IR_FEQ, known[i], sum, IR_FP_FZ);
        CHECK_EQ(builder.insns[test].a, known[i]);
        CHECK_EQ(builder.insns[test].imm, 0);
    }
    const ir_val test = ir_fcmp(b, IR_FEQ, kept, x, IR_FP_FZ);
    CHECK_EQ(builder.insns[builder.insns[test].a].op, IR_fdaz);
    CHECK_EQ(builder.insns[builder.insns[test].a].a, kept);
}

TEST(masks_of_what_a_shift_has_left_do_nothing)
{
    struct ir_builder *b = block();
    const ir_val v = ir_get(b, V0);
    const ir_val right = ir_v1(b, IR_shri, T_I32X4, v, 20), left = ir_v1(b, IR_shli, T_I16X8, v, 4);
    const ir_val low = ir_vkonst(b, UINT64_C(0x00000fff00000fff));
    const ir_val high = ir_vkonst(b, UINT64_C(0xfff0fff0fff0fff0));
    CHECK_EQ(ir_v2(b, IR_and, T_V128, right, low, 0), right);
    CHECK_EQ(ir_v2(b, IR_and, T_V128, high, left, 0), left);
    CHECK(ir_v2(b, IR_and, T_V128, left, low, 0) != left);
    CHECK(ir_v2(b, IR_and, T_V128, right, ir_vkonst(b, UINT64_C(0x7ff00000fff)), 0) != right);
}

TEST(inverting_any_boolean_ends)
{
    struct ir_builder *b = block();
    const ir_val x = ir_get(b, X0), y = ir_get(b, X1), one = ir_konst(b, T_I32, 1);
    const ir_val both = ir_and(b, ir_cmp(b, IR_EQ, x, y), ir_cmp(b, IR_SLT, x, y));
    const ir_val no = ir_xor(b, both, one);
    CHECK_EQ(builder.insns[no].op, IR_xor);
    CHECK_EQ(ir_xor(b, no, one), both);
    CHECK_EQ(ir_xor(b, ir_cmp(b, IR_EQ, x, y), one), ir_cmp(b, IR_NE, x, y));
    CHECK_EQ(ir_cmp(b, IR_EQ, no, ir_konst(b, T_I32, 0)), both);
}

TEST(no_fold_appends_as_told)
{
    struct ir_builder *b = block();
    b->no_fold = true;
    CHECK(k64(1) != k64(1));
    CHECK(ir_get(b, X0) != ir_get(b, X0));
    b->no_fold = false;
}
