/* SPDX-License-Identifier: MIT */
/*
 * The folder's entry and its rules for integers; tcg/fold.h states what a rule must meet.
 * Rules for conversions and fields are in fold_convert.c, for comparisons and flags in
 * fold_compare.c, for vectors in fold_vector.c, for addresses in fold_address.c.
 */
#include "tcg/fold.h"
#include "tcg/eval.h"
#include "tcg/opinfo.h"

static ir_val konst(struct ir_builder *b, ir_type t, uint64_t k)
{
    return ir_konst(b, t, k);
}

/* Of constant operands op has a constant result, and a form other than itself to give it in. */
static inline bool folds_constants(enum ir_op op, uint32_t effects)
{
    static_assert(IR_select == IR_cmp + 2, "these rows stand together");
    if (effects & IR_EXPRESSION) {
        return op != IR_konst;
    }
    return (op >= IR_cmp && op <= IR_select) || (op >= IR_flags_add && op <= IR_flags_select &&
                                                 op != IR_flags_from && op != IR_flags_fcmp);
}

/* The value of *in if its operands are constants. */
static ir_val fold_constant(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b), *z = fold_def(b, in->c);

    if (x->op != IR_konst || (in->b != IR_NONE && y->op != IR_konst) ||
        (in->c != IR_NONE && z->op != IR_konst)) {
        return IR_NONE;
    }
    const uint64_t r = ir_eval_scalar(in, x->imm, y->imm, z->imm);
    if (in->type == T_FLAGS) {
        return ir_emit(b, (struct ir_insn){.op = IR_flags_from,
                                           .type = T_FLAGS,
                                           .src = T_I32,
                                           .a = (uint16_t)konst(b, T_I32, r)});
    }
    return konst(b, in->type, r);
}

/* ---- addition and subtraction */

/*
 * x + k where x may itself be a sum with a constant: the chain becomes one addition, so that
 * stepping a pointer back and forth ends at the value it began with.
 */
static ir_val fold_add_constant(struct ir_builder *b, struct ir_insn *in, uint64_t k, bool subtract)
{
    ir_val inner;
    uint64_t ki;
    const uint64_t net = subtract ? 0 - k : k;

    if (k == 0) {
        return in->a;
    }
    const struct ir_insn *x = fold_def(b, in->a);
    if (x->op == IR_page) {
        const uint64_t offset = x->imm + net;
        return ir_is_near_page(offset)
                   ? ir_emit(b, (struct ir_insn){.op = IR_page, .type = T_I64, .imm = offset})
                   : IR_NONE;
    }
    if (fold_is_op_const(b, in->a, IR_add, &inner, &ki)) {
        ki += net;
    } else if (fold_is_op_const(b, in->a, IR_sub, &inner, &ki)) {
        ki = net - ki;
    } else {
        return IR_NONE;
    }
    const uint64_t sum = subtract ? 0 - ki : ki;
    return fold_emit2(b, (enum ir_op)in->op, in->type, inner, konst(b, in->type, sum));
}

static ir_val fold_add(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);

    if (y->op == IR_konst) {
        return fold_add_constant(b, in, y->imm, false);
    }
    if (y->op == IR_neg) {
        return fold_emit2(b, IR_sub, in->type, in->a, y->a);
    }
    if (x->op == IR_neg) {
        return fold_emit2(b, IR_sub, in->type, in->b, x->a);
    }
    return IR_NONE;
}

static ir_val fold_sub(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);

    if (in->a == in->b) {
        return konst(b, in->type, 0);
    }
    if (y->op == IR_konst) {
        return fold_add_constant(b, in, y->imm, true);
    }
    if (x->op == IR_konst && x->imm == 0) {
        return ir_emit(b, (struct ir_insn){.op = IR_neg, .type = in->type, .a = in->b});
    }
    if (y->op == IR_neg) {
        return fold_emit2(b, IR_add, in->type, in->a, y->a);
    }
    if (x->op == IR_add && (x->a == in->b || x->b == in->b)) {
        return x->a == in->b ? x->b : x->a; /* kernels check their stack so, without a register */
    }
    return IR_NONE;
}

/* ---- multiplication and division by constants */

static ir_val fold_mul(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (!fold_is_const(b, in->b, &k)) {
        return IR_NONE;
    }
    if (k == 0) {
        return in->b;
    }
    if (is_pow2(k)) {
        return fold_emit2(b, IR_shl, in->type, in->a, konst(b, in->type, log2_floor(k)));
    }
    if (k == mask64(ir_lane_bits(in->type))) {
        return ir_emit(b, (struct ir_insn){.op = IR_neg, .type = in->type, .a = in->a});
    }
    return IR_NONE;
}

static ir_val fold_divide(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (!fold_is_const(b, in->b, &k)) {
        return IR_NONE;
    }
    switch (in->op) {
    case IR_udiv:
        if (is_pow2(k)) {
            return fold_emit2(b, IR_shr, in->type, in->a, konst(b, in->type, log2_floor(k)));
        }
        break;
    case IR_urem:
        if (is_pow2(k)) {
            return fold_emit2(b, IR_and, in->type, in->a, konst(b, in->type, k - 1));
        }
        break;
    case IR_sdiv:
        if (k == 1) {
            return in->a;
        }
        break;
    }
    return k == 0 ? in->b : IR_NONE;
}

/* With nothing in the upper half it is an ordinary one. */
static ir_val fold_wide_division(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (!fold_is_const(b, in->a, &k) || k != 0) {
        return IR_NONE;
    }
    if (in->op == IR_udivw_over) {
        return ir_cmp(b, IR_EQ, in->c, konst(b, in->src, 0));
    }
    return fold_emit2(b, in->op == IR_udivw ? IR_udiv : IR_urem, in->type, in->b, in->c);
}

static ir_val fold_mul_high(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (fold_is_const(b, in->b, &k) && (k == 0 || (k == 1 && in->op == IR_umulh))) {
        return konst(b, in->type, 0);
    }
    return IR_NONE;
}

/* ---- bits */

/* x & (a mask of low bits that an extension of a narrower type gives): the extension. */
static ir_val fold_low_mask(struct ir_builder *b, const struct ir_insn *in, uint64_t k)
{
    const unsigned w = ir_lane_bits(in->type);
    const ir_type narrow = k == 0xff         ? T_I8
                           : k == 0xffff     ? T_I16
                           : k == 0xffffffff ? T_I32
                                             : T_VOID;

    if (narrow != T_VOID) {
        return ir_zext(b, in->type, ir_trunc(b, narrow, in->a));
    }
    if (w == 64 && k > INT32_MAX && is_pow2(k + 1)) {
        return ir_ubfx(b, in->a, 0, log2_floor(k) + 1);
    }
    return IR_NONE;
}

static ir_val fold_and(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);
    ir_val inner;
    uint64_t ki;

    if (in->a == in->b) {
        return in->a;
    }
    if (y->op == IR_konst) {
        const uint64_t k = y->imm;
        if (k == 0) {
            return in->b;
        }
        if (k == mask64(ir_lane_bits(in->type))) {
            return in->a;
        }
        if (fold_is_op_const(b, in->a, IR_and, &inner, &ki)) {
            return fold_emit2(b, IR_and, in->type, inner, konst(b, in->type, k & ki));
        }
        if (x->op == IR_zext && (~k & mask64(ir_lane_bits(x->src))) == 0) {
            return in->a;
        }
        return fold_low_mask(b, in, k);
    }
    if (y->op == IR_not) {
        return fold_emit2(b, IR_andn, in->type, in->a, y->a);
    }
    if (x->op == IR_not) {
        return fold_emit2(b, IR_andn, in->type, in->b, x->a);
    }
    return IR_NONE;
}

static ir_val fold_andn(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);

    if (in->a == in->b) {
        return konst(b, in->type, 0);
    }
    if (y->op == IR_konst) {
        return fold_emit2(b, IR_and, in->type, in->a, konst(b, in->type, ~y->imm));
    }
    if (x->op == IR_konst && x->imm == 0) {
        return in->a;
    }
    if (y->op == IR_not) {
        return fold_emit2(b, IR_and, in->type, in->a, y->a);
    }
    return IR_NONE;
}

static ir_val fold_or(struct ir_builder *b, struct ir_insn *in)
{
    ir_val inner;
    uint64_t k, ki;

    if (in->a == in->b) {
        return in->a;
    }
    if (!fold_is_const(b, in->b, &k)) {
        return IR_NONE;
    }
    if (k == 0) {
        return in->a;
    }
    if (k == mask64(ir_lane_bits(in->type))) {
        return in->b;
    }
    if (fold_is_op_const(b, in->a, IR_or, &inner, &ki)) {
        return fold_emit2(b, IR_or, in->type, inner, konst(b, in->type, k | ki));
    }
    return IR_NONE;
}

static ir_val fold_xor(struct ir_builder *b, struct ir_insn *in)
{
    ir_val inner;
    uint64_t k, ki;

    if (in->a == in->b) {
        return konst(b, in->type, 0);
    }
    if (!fold_is_const(b, in->b, &k)) {
        return IR_NONE;
    }
    if (k == 0) {
        return in->a;
    }
    if (k == mask64(ir_lane_bits(in->type))) {
        return ir_emit(b, (struct ir_insn){.op = IR_not, .type = in->type, .a = in->a});
    }
    if (fold_is_op_const(b, in->a, IR_xor, &inner, &ki)) {
        return fold_emit2(b, IR_xor, in->type, inner, konst(b, in->type, k ^ ki));
    }
    const enum ir_op op = (enum ir_op)fold_def(b, in->a)->op;
    if (k == 1 && (op == IR_cmp || op == IR_tst || op == IR_flags_test)) {
        return fold_invert(b, in->a);
    }
    return IR_NONE;
}

/* Ops that are their own inverse. */
static ir_val fold_involution(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (x->op == in->op && x->type == in->type) {
        return x->a;
    }
    if (in->op == IR_neg && x->op == IR_sub) {
        return fold_emit2(b, IR_sub, in->type, x->b, x->a);
    }
    return IR_NONE;
}

/* Zeros counted from the other end: how Arm counts trailing ones. */
static ir_val fold_count(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (x->op != IR_rbit || x->type != in->type || ir_is_vector(in->type)) {
        return IR_NONE;
    }
    const enum ir_op other = in->op == IR_clz ? IR_ctz : IR_clz;
    return ir_emit(b,
                   (struct ir_insn){.op = (uint16_t)other, .type = in->type, .a = (uint16_t)x->a});
}

/* ---- shifts by constants */

static ir_val fold_shift(struct ir_builder *b, struct ir_insn *in)
{
    const unsigned w = ir_lane_bits(in->type);
    ir_val inner;
    uint64_t k, ki;

    if (!fold_is_const(b, in->b, &k)) {
        return IR_NONE;
    }
    if (in->op == IR_rotr) {
        k %= w;
    }
    if (k == 0) {
        return in->a;
    }
    if (k >= w && in->op != IR_sar) {
        return konst(b, in->type, 0);
    }
    k = k >= w ? w - 1 : k;
    if (fold_is_op_const(b, in->a, (enum ir_op)in->op, &inner, &ki) && ki < w) {
        const uint64_t sum = in->op == IR_rotr ? (k + ki) % w : k + ki;
        return fold_emit2(b, (enum ir_op)in->op, in->type, inner, konst(b, in->type, sum));
    }
    if (fold_is_op_const(b, in->a, IR_shl, &inner, &ki) && ki <= k && ki < w && in->op != IR_rotr &&
        in->op != IR_shl) {
        const unsigned pos = (unsigned)(k - ki), len = w - (unsigned)k;
        return in->op == IR_shr ? ir_ubfx(b, inner, pos, len) : ir_sbfx(b, inner, pos, len);
    }
    in->b = (uint16_t)konst(b, in->type, k);
    return IR_NONE;
}

/* The constant shifts of scalars have one form: shl, shr, sar by a konst. */
static ir_val fold_shift_aux(struct ir_builder *b, struct ir_insn *in)
{
    const enum ir_op op = in->op == IR_shli ? IR_shl : in->op == IR_shri ? IR_shr : IR_sar;
    return fold_emit2(b, op, in->type, in->a, konst(b, in->type, in->aux));
}

static ir_val fold_extr(struct ir_builder *b, struct ir_insn *in)
{
    const unsigned w = ir_lane_bits(in->type);

    if (in->aux == 0) {
        return in->b;
    }
    if (in->aux >= w) {
        return in->a;
    }
    if (in->a == in->b) {
        return fold_emit2(b, IR_rotr, in->type, in->a, konst(b, in->type, in->aux));
    }
    return IR_NONE;
}

/* adc and sbb (and their flags) of a known carry. */
static ir_val fold_carry(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *f = fold_def(b, in->c);
    uint64_t k;

    if (f->op != IR_flags_from || !fold_is_const(b, f->a, &k) || k & IR_FLAG_C) {
        return IR_NONE;
    }
    switch (in->op) {
    case IR_adc:
        return fold_emit2(b, IR_add, in->type, in->a, in->b);
    case IR_sbb:
        return fold_emit2(b, IR_sub, in->type, in->a, in->b);
    case IR_flags_adc:
        return ir_flags_add(b, in->a, in->b);
    default:
        return ir_flags_sub(b, in->a, in->b);
    }
}

ir_val fold_integer(struct ir_builder *b, struct ir_insn *in)
{
    switch (in->op) {
    case IR_add:
        return fold_add(b, in);
    case IR_sub:
        return fold_sub(b, in);
    case IR_mul:
        return fold_mul(b, in);
    case IR_udiv:
    case IR_sdiv:
    case IR_urem:
    case IR_srem:
        return fold_divide(b, in);
    case IR_umulh:
    case IR_smulh:
        return fold_mul_high(b, in);
    case IR_and:
        return fold_and(b, in);
    case IR_andn:
        return fold_andn(b, in);
    case IR_or:
        return fold_or(b, in);
    case IR_xor:
        return fold_xor(b, in);
    case IR_not:
    case IR_neg:
    case IR_bswap:
    case IR_rbit:
        return fold_involution(b, in);
    case IR_clz:
    case IR_ctz:
        return fold_count(b, in);
    case IR_shl:
    case IR_shr:
    case IR_sar:
    case IR_rotr:
        return fold_shift(b, in);
    case IR_shli:
    case IR_shri:
    case IR_sari:
        return fold_shift_aux(b, in);
    case IR_extr:
        return fold_extr(b, in);
    case IR_smin:
    case IR_smax:
    case IR_umin:
    case IR_umax:
        return in->a == in->b ? in->a : IR_NONE;
    default:
        return IR_NONE;
    }
}

/* Which part of the folder knows an op. */
enum family {
    NOTHING,
    INTEGER,
    CONVERT,
    COMPARE,
    FLAGS,
    VECTOR,
    ADDRESS,
    CARRY,
    WIDE_DIVISION,
    FLUSH
};

static const uint8_t families[IR_OP_COUNT] = {
    [IR_add] = INTEGER,
    [IR_sub] = INTEGER,
    [IR_mul] = INTEGER,
    [IR_udiv] = INTEGER,
    [IR_sdiv] = INTEGER,
    [IR_urem] = INTEGER,
    [IR_srem] = INTEGER,
    [IR_umulh] = INTEGER,
    [IR_smulh] = INTEGER,
    [IR_and] = INTEGER,
    [IR_andn] = INTEGER,
    [IR_or] = INTEGER,
    [IR_xor] = INTEGER,
    [IR_not] = INTEGER,
    [IR_neg] = INTEGER,
    [IR_bswap] = INTEGER,
    [IR_rbit] = INTEGER,
    [IR_clz] = INTEGER,
    [IR_ctz] = INTEGER,
    [IR_shl] = INTEGER,
    [IR_shr] = INTEGER,
    [IR_sar] = INTEGER,
    [IR_rotr] = INTEGER,
    [IR_shli] = INTEGER,
    [IR_shri] = INTEGER,
    [IR_sari] = INTEGER,
    [IR_extr] = INTEGER,
    [IR_smin] = INTEGER,
    [IR_smax] = INTEGER,
    [IR_umin] = INTEGER,
    [IR_umax] = INTEGER,
    [IR_zext] = CONVERT,
    [IR_sext] = CONVERT,
    [IR_trunc] = CONVERT,
    [IR_ubfx] = CONVERT,
    [IR_sbfx] = CONVERT,
    [IR_dep] = CONVERT,
    [IR_fmov_to_int] = CONVERT,
    [IR_fmov_to_fp] = CONVERT,
    [IR_cmp] = COMPARE,
    [IR_tst] = COMPARE,
    [IR_select] = COMPARE,
    [IR_flags_select] = COMPARE,
    [IR_flags_cmc] = FLAGS,
    [IR_flags_with] = FLAGS,
    [IR_udivw] = WIDE_DIVISION,
    [IR_uremw] = WIDE_DIVISION,
    [IR_udivw_over] = WIDE_DIVISION,
    [IR_flags_from] = FLAGS,
    [IR_flags_bits] = FLAGS,
    [IR_flags_test] = FLAGS,
    [IR_adc] = CARRY,
    [IR_sbb] = CARRY,
    [IR_flags_adc] = CARRY,
    [IR_flags_sbb] = CARRY,
    [IR_vdup] = VECTOR,
    [IR_vpart] = VECTOR,
    [IR_vget] = VECTOR,
    [IR_vset] = VECTOR,
    [IR_vzext] = VECTOR,
    [IR_vlow64] = VECTOR,
    [IR_vext] = VECTOR,
    [IR_bsel] = VECTOR,
    [IR_fneg] = VECTOR,
    [IR_fabs] = VECTOR,
    [IR_fcmp] = FLUSH,
    [IR_vfcmp] = FLUSH,
    [IR_flags_fcmp] = FLUSH,
    [IR_frint] = FLUSH,
    [IR_ftoi] = FLUSH,
    [IR_vftoi] = FLUSH,
    [IR_fcvt] = FLUSH,
    [IR_load] = ADDRESS,
    [IR_store] = ADDRESS,
    [IR_load_excl] = ADDRESS,
    [IR_store_excl] = ADDRESS,
    [IR_atomic] = ADDRESS,
    [IR_cas] = ADDRESS,
};

ir_val ir_fold(struct ir_builder *b, struct ir_insn *in)
{
    const uint32_t effects = ir_ops[in->op].effects;

    if (effects & IR_COMMUTES && fold_def(b, in->a)->op == IR_konst) {
        const uint16_t a = in->a;
        in->a = in->b;
        in->b = a;
    }
    if (unlikely(ir_is_wide(in->type))) {
        return fold_wide(b, in);
    }
    if (fold_def(b, in->a)->op == IR_konst && !ir_is_vector(in->type) &&
        folds_constants((enum ir_op)in->op, effects)) {
        const ir_val v = fold_constant(b, in);
        if (v != IR_NONE) {
            return v;
        }
    }
    switch ((enum family)families[in->op]) {
    case NOTHING:
        return ir_gives_moved_flags(in->op) ? fold_flags(b, in) : IR_NONE;
    case INTEGER:
        return ir_is_vector(in->type) ? fold_vector(b, in) : fold_integer(b, in);
    case CONVERT:
        return fold_convert(b, in);
    case COMPARE:
        return fold_compare(b, in);
    case FLAGS:
        return fold_flags(b, in);
    case VECTOR:
        return fold_vector(b, in);
    case CARRY:
        return fold_carry(b, in);
    case WIDE_DIVISION:
        return fold_wide_division(b, in);
    case ADDRESS:
        fold_address(b, in);
        return IR_NONE;
    case FLUSH:
        fold_flush(b, in);
        return IR_NONE;
    }
    return IR_NONE;
}
