/* SPDX-License-Identifier: MIT */
/* Folding of conversions between widths, bit fields, and moves between register kinds. */
#include "tcg/fold.h"

/* An upper bound of the significant bits of v: all bits from this one on are 0. */
static unsigned significant_bits(const struct ir_builder *b, ir_val v)
{
    const struct ir_insn *d = fold_def(b, v);
    const unsigned w = ir_lane_bits(d->type);
    uint64_t k;

    switch (d->op) {
    case IR_zext:
        return ir_lane_bits(d->src);
    case IR_ubfx:
        return d->aux >> 8;
    case IR_load: {
        const memop m = (memop)(d->imm >> 32);
        return m & MO_SIGN ? w : 8u << (m & MO_SIZE_LOG2);
    }
    case IR_and:
        return fold_is_const(b, d->b, &k) ? 64 - clz64(k) : w;
    case IR_shr:
        return fold_is_const(b, d->b, &k) && k < w ? w - (unsigned)k : w;
    case IR_cmp:
    case IR_tst:
    case IR_fcmp:
    case IR_flags_test:
        return 1;
    default:
        return w;
    }
}

/* v equals the sign extension of its low n bits. */
static bool is_sign_extended(const struct ir_builder *b, ir_val v, unsigned n)
{
    const struct ir_insn *d = fold_def(b, v);
    uint64_t k;

    switch (d->op) {
    case IR_sext:
        return ir_lane_bits(d->src) <= n;
    case IR_sbfx:
        return d->aux >> 8 <= n;
    case IR_load: {
        const memop m = (memop)(d->imm >> 32);
        const unsigned loaded = 8u << (m & MO_SIZE_LOG2);
        return m & MO_SIGN ? loaded <= n : loaded < n;
    }
    case IR_sar:
        return fold_is_const(b, d->b, &k) && ir_lane_bits(d->type) - k <= n;
    default:
        return significant_bits(b, v) < n;
    }
}

static ir_val fold_zext(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (x->op == IR_zext) {
        return ir_zext(b, in->type, x->a);
    }
    if (x->op == IR_trunc && significant_bits(b, x->a) <= ir_lane_bits(x->type)) {
        return x->src == in->type                              ? x->a
               : ir_lane_bits(x->src) < ir_lane_bits(in->type) ? ir_zext(b, in->type, x->a)
                                                               : ir_trunc(b, in->type, x->a);
    }
    return IR_NONE;
}

static ir_val fold_sext(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (x->op == IR_sext) {
        return ir_sext(b, in->type, x->a);
    }
    if (x->op == IR_zext) {
        return ir_zext(b, in->type, x->a);
    }
    if (x->op == IR_trunc && x->src == in->type &&
        is_sign_extended(b, x->a, ir_lane_bits(x->type))) {
        return x->a;
    }
    return IR_NONE;
}

static ir_val fold_trunc(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    const unsigned w = ir_lane_bits(in->type);
    uint64_t k;

    switch (x->op) {
    case IR_trunc:
        return ir_trunc(b, in->type, x->a);
    case IR_zext:
    case IR_sext:
        if (ir_lane_bits(x->src) >= w) {
            return ir_trunc(b, in->type, x->a);
        }
        return x->op == IR_zext ? ir_zext(b, in->type, x->a) : ir_sext(b, in->type, x->a);
    case IR_ubfx:
    case IR_sbfx:
        if ((x->aux & 255) == 0 && x->aux >> 8 >= w) {
            return ir_trunc(b, in->type, x->a);
        }
        return IR_NONE;
    case IR_and:
        if (fold_is_const(b, x->b, &k) && (~k & mask64(w)) == 0) {
            return ir_trunc(b, in->type, x->a);
        }
        return IR_NONE;
    default:
        return IR_NONE;
    }
}

/* The signed or unsigned integer type of len bits, T_VOID if there is none. */
static ir_type type_of_width(unsigned len)
{
    return len == 8 ? T_I8 : len == 16 ? T_I16 : len == 32 ? T_I32 : T_VOID;
}

static ir_val fold_ubfx(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    const unsigned w = ir_lane_bits(in->type), pos = in->aux & 255, len = in->aux >> 8;
    const ir_type narrow = type_of_width(len);

    if (pos + len == w) {
        return pos == 0 ? in->a
                        : fold_emit2(b, IR_shr, in->type, in->a, ir_konst(b, in->type, pos));
    }
    if (pos == 0 && narrow != T_VOID) {
        return ir_zext(b, in->type, ir_trunc(b, narrow, in->a));
    }
    if (x->op == IR_zext) {
        const unsigned have = ir_lane_bits(x->src);
        if (pos >= have) {
            return ir_konst(b, in->type, 0);
        }
        const unsigned most = len < have - pos ? len : have - pos;
        return ir_zext(b, in->type, ir_ubfx(b, x->a, pos, most));
    }
    if (x->op == IR_ubfx) {
        const unsigned have = x->aux >> 8;
        if (pos >= have) {
            return ir_konst(b, in->type, 0);
        }
        return ir_ubfx(b, x->a, (x->aux & 255) + pos, len < have - pos ? len : have - pos);
    }
    return IR_NONE;
}

static ir_val fold_sbfx(struct ir_builder *b, struct ir_insn *in)
{
    const unsigned w = ir_lane_bits(in->type), pos = in->aux & 255, len = in->aux >> 8;
    const ir_type narrow = type_of_width(len);

    if (pos + len == w) {
        return pos == 0 ? in->a
                        : fold_emit2(b, IR_sar, in->type, in->a, ir_konst(b, in->type, pos));
    }
    if (pos == 0 && narrow != T_VOID) {
        return ir_sext(b, in->type, ir_trunc(b, narrow, in->a));
    }
    return IR_NONE;
}

static ir_val fold_dep(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);
    const unsigned w = ir_lane_bits(in->type), pos = in->aux & 255, len = in->aux >> 8;
    uint64_t k;

    if (len == w) {
        return in->b;
    }
    if (x->op == IR_dep && x->aux == in->aux) {
        return ir_dep(b, x->a, in->b, pos, len);
    }
    if (y->op == IR_and && fold_is_const(b, y->b, &k) && (~k & mask64(len)) == 0) {
        return ir_dep(b, in->a, y->a, pos, len);
    }
    if (y->op == IR_zext && ir_lane_bits(y->src) >= len) {
        const struct ir_insn *z = fold_def(b, y->a);
        if (z->op == IR_trunc && z->src == in->type) {
            return ir_dep(b, in->a, z->a, pos, len);
        }
    }
    if (x->op == IR_konst && x->imm == 0 && pos + len == w) {
        return fold_emit2(b, IR_shl, in->type, in->b, ir_konst(b, in->type, pos));
    }
    return IR_NONE;
}

/* Bits moved to the other kind of register and back, or a lane read as the wrong kind. */
static ir_val fold_fmov(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    const enum ir_op back = in->op == IR_fmov_to_int ? IR_fmov_to_fp : IR_fmov_to_int;

    if (x->op == back && x->src == in->type) {
        return x->a;
    }
    if (x->op == IR_vget) {
        return ir_vget(b, in->type, x->a, x->aux);
    }
    return IR_NONE;
}

ir_val fold_convert(struct ir_builder *b, struct ir_insn *in)
{
    switch (in->op) {
    case IR_zext:
        return fold_zext(b, in);
    case IR_sext:
        return fold_sext(b, in);
    case IR_trunc:
        return fold_trunc(b, in);
    case IR_ubfx:
        return fold_ubfx(b, in);
    case IR_sbfx:
        return fold_sbfx(b, in);
    case IR_dep:
        return fold_dep(b, in);
    case IR_fmov_to_int:
    case IR_fmov_to_fp:
        return fold_fmov(b, in);
    default:
        return IR_NONE;
    }
}
