/* SPDX-License-Identifier: MIT */
/* Folding of vector ops, and of ops on integers with a vector type. */
#include "tcg/fold.h"

static bool is_vkonst(const struct ir_builder *b, ir_val v, uint64_t *k)
{
    *k = b->insns[v].imm;
    return b->insns[v].op == IR_vkonst;
}

/* The low bits of k, w of them, repeated over 64 bits. */
static uint64_t repeat(uint64_t k, unsigned w)
{
    k &= mask64(w);
    for (; w < 64; w *= 2) {
        k |= k << w;
    }
    return k;
}

/* The integer that scalar v holds as bits, if v is a constant or a constant moved to a register. */
static bool scalar_bits(const struct ir_builder *b, ir_val v, uint64_t *k)
{
    const struct ir_insn *d = fold_def(b, v);

    if (d->op == IR_fmov_to_fp) {
        d = fold_def(b, d->a);
    }
    *k = d->imm;
    return d->op == IR_konst;
}

/* The lane of a vector as a scalar. */
static ir_val fold_vget(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    const unsigned w = ir_lane_bits(in->type);
    uint64_t k;

    switch (x->op) {
    case IR_vkonst:
        k = x->imm >> (in->aux * w & 63) & mask64(w);
        if (ir_is_float(in->type)) {
            return IR_NONE;
        }
        return ir_konst(b, in->type, k);
    case IR_vzext:
        if (in->aux == 0 && x->src == in->type) {
            return x->a;
        }
        if (in->aux * w >= ir_lane_bits(x->src) && !ir_is_float(in->type)) {
            return ir_konst(b, in->type, 0);
        }
        return IR_NONE;
    case IR_vset:
        if (ir_lane(x->type) == ir_lane(in->type)) {
            return x->aux == in->aux ? x->b : ir_vget(b, in->type, x->a, in->aux);
        }
        return IR_NONE;
    case IR_vdup:
        return x->src == in->type ? x->a : IR_NONE;
    case IR_vlow64:
        return in->aux * w < 64 ? ir_vget(b, in->type, x->a, in->aux) : IR_NONE;
    default:
        return IR_NONE;
    }
}

static ir_val fold_vset(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a), *y = fold_def(b, in->b);

    if (x->op == IR_vset && x->type == in->type && x->aux == in->aux) {
        return ir_vset(b, in->type, x->a, in->aux, in->b);
    }
    if (in->aux == 0 && x->op == IR_vzext && ir_lane_bits(x->src) <= ir_lane_bits(in->type)) {
        return ir_vzext(b, in->b);
    }
    if (y->op == IR_vget && y->aux == in->aux && y->a == in->a &&
        ir_lane(y->type) == ir_lane(in->type)) {
        return in->a;
    }
    return IR_NONE;
}

static ir_val fold_vzext(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    uint64_t k;

    if (x->op == IR_fmov_to_fp) {
        return ir_vzext(b, x->a);
    }
    if (x->op == IR_zext) {
        return ir_vzext(b, x->a);
    }
    if (scalar_bits(b, in->a, &k) && k == 0) {
        return ir_vkonst(b, 0);
    }
    return IR_NONE;
}

static ir_val fold_vlow64(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    switch (x->op) {
    case IR_vlow64:
    case IR_vzext:
    case IR_vxtn:
    case IR_vsqxtn:
    case IR_vuqxtn:
    case IR_vsqxtun:
        return in->a;
    case IR_vset:
        if (x->aux * ir_lane_bits(x->type) >= 64) {
            return ir_v1(b, IR_vlow64, in->type, x->a, 0);
        }
        return IR_NONE;
    case IR_load:
        return 8u << (x->imm >> 32 & MO_SIZE_LOG2) <= 64 ? in->a : IR_NONE;
    case IR_vkonst:
        return x->imm == 0 ? in->a : IR_NONE;
    default:
        /* Floating-point ops on 64-bit vectors clear the upper half. */
        return x->op >= IR_fadd && ir_type_bits(x->type) <= 64 ? in->a : IR_NONE;
    }
}

static ir_val fold_vdup(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (ir_type_bits(in->type) == 128 && scalar_bits(b, in->a, &k)) {
        return ir_vkonst(b, repeat(k, ir_lane_bits(in->type)));
    }
    return IR_NONE;
}

static ir_val fold_vector_not(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);
    uint64_t k;

    if (x->op == IR_not) {
        return x->a;
    }
    return is_vkonst(b, in->a, &k) ? ir_vkonst(b, ~k) : IR_NONE;
}

/* The bits that a shift by a constant has left 0 are all that mask k clears. */
static bool masks_nothing(const struct ir_builder *b, ir_val v, uint64_t k)
{
    const struct ir_insn *x = fold_def(b, v);
    const unsigned w = ir_lane_bits(x->type);

    if ((x->op != IR_shli && x->op != IR_shri) || x->aux >= w || w > 64) {
        return false;
    }
    const uint64_t kept = x->op == IR_shri ? mask64(w) >> x->aux : mask64(w) << x->aux;
    return (~k & repeat(kept, w)) == 0;
}

/* and, andn, or, xor of vectors: lanes do not matter, so the type does not either. */
static ir_val fold_vector_logic(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;
    const enum ir_op op = (enum ir_op)in->op;

    in->type = T_V128;
    if (in->a == in->b) {
        return op == IR_and || op == IR_or ? in->a : ir_vkonst(b, 0);
    }
    if (op != IR_andn && is_vkonst(b, in->a, &k)) {
        const uint16_t a = in->a;
        in->a = in->b;
        in->b = a;
    }
    if (op == IR_andn && is_vkonst(b, in->a, &k) && k == 0) {
        return in->a;
    }
    if (is_vkonst(b, in->b, &k)) {
        if (k == 0) {
            return op == IR_and ? in->b : in->a;
        }
        if (k == UINT64_MAX) {
            return op == IR_and    ? in->a
                   : op == IR_or   ? in->b
                   : op == IR_andn ? ir_vkonst(b, 0)
                                   : ir_v1(b, IR_not, T_V128, in->a, 0);
        }
        return op == IR_and && masks_nothing(b, in->a, k) ? in->a : IR_NONE;
    }
    if (op == IR_and && fold_def(b, in->b)->op == IR_not) {
        return fold_emit2(b, IR_andn, T_V128, in->a, fold_def(b, in->b)->a);
    }
    return IR_NONE;
}

static ir_val fold_vector_arithmetic(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    if (in->op == IR_sub && in->a == in->b) {
        return ir_vkonst(b, 0);
    }
    if (in->op == IR_add && is_vkonst(b, in->a, &k) && k == 0) {
        return in->b;
    }
    return is_vkonst(b, in->b, &k) && k == 0 ? in->a : IR_NONE;
}

static ir_val fold_bsel(struct ir_builder *b, struct ir_insn *in)
{
    uint64_t k;

    in->type = T_V128;
    if (in->b == in->c) {
        return in->b;
    }
    if (is_vkonst(b, in->a, &k) && (k == 0 || k == UINT64_MAX)) {
        return k ? in->b : in->c;
    }
    return IR_NONE;
}

/* Sign bits changed twice. */
static ir_val fold_sign(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (x->type != in->type || x->imm != in->imm) {
        return IR_NONE;
    }
    if (x->op == IR_fneg) {
        if (in->op == IR_fabs) {
            return ir_fp1(b, IR_fabs, in->type, x->a, in->aux, (unsigned)in->imm);
        }
        /* Of a 64-bit vector the result has its upper half cleared. */
        return ir_is_vector(in->type) && ir_type_bits(in->type) < 128 ? IR_NONE : x->a;
    }
    return x->op == IR_fabs && in->op == IR_fabs ? in->a : IR_NONE;
}

/* ---- wide vectors: parts that were put together are taken apart again */

static ir_val fold_vpart(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    switch (x->op) {
    case IR_vwith:
        return x->aux == in->aux ? x->b : ir_vpart(b, x->a, in->aux);
    case IR_vwiden:
        return in->aux == 0 ? x->a : ir_vkonst(b, 0);
    case IR_vkonst:
        return ir_vkonst(b, x->imm);
    default:
        return IR_NONE;
    }
}

ir_val fold_wide(struct ir_builder *b, struct ir_insn *in)
{
    const struct ir_insn *x = fold_def(b, in->a);

    if (in->op == IR_load) {
        fold_address(b, in);
    } else if (in->op == IR_vwith && x->op == IR_vwith && x->aux == in->aux) {
        return ir_vwith(b, x->a, in->aux, in->b);
    } else if (in->op == IR_vwith && x->op == IR_vwiden && in->aux == 0) {
        return ir_vwiden(b, in->type, in->b);
    }
    return IR_NONE;
}

ir_val fold_vector(struct ir_builder *b, struct ir_insn *in)
{
    switch (in->op) {
    case IR_vpart:
        return fold_vpart(b, in);
    case IR_vget:
        return fold_vget(b, in);
    case IR_vset:
        return fold_vset(b, in);
    case IR_vzext:
        return fold_vzext(b, in);
    case IR_vlow64:
        return fold_vlow64(b, in);
    case IR_vdup:
        return fold_vdup(b, in);
    case IR_vext:
        return in->aux == 0 ? in->a : in->aux == 16 ? in->b : IR_NONE;
    case IR_and:
    case IR_andn:
    case IR_or:
    case IR_xor:
        return fold_vector_logic(b, in);
    case IR_add:
    case IR_sub:
        return fold_vector_arithmetic(b, in);
    case IR_not:
        return fold_vector_not(b, in);
    case IR_shli:
    case IR_shri:
    case IR_sari:
        return in->aux == 0 ? in->a : IR_NONE;
    case IR_bsel:
        return fold_bsel(b, in);
    case IR_fneg:
    case IR_fabs:
        return fold_sign(b, in);
    default:
        return IR_NONE;
    }
}
