/* SPDX-License-Identifier: MIT */
/*
 * Folding of guest addresses into the memory op: base + (index << scale) + displacement.
 * All address arithmetic is modulo 2^64, so constants may move freely between the three. Where 32
 * bits of the sum or fewer count, it is modulo 2^32: there any constant is a displacement, and
 * extensions and truncations of operands do not matter.
 */
#include "tcg/fold.h"

/* sum as a displacement; false if it cannot be one. */
static bool as_displacement(const struct ir_insn *in, int64_t sum, int64_t *disp)
{
    if (in->imm >> 32 & MO_WIDTH) {
        sum = (int32_t)sum;
    }
    if (sum != (int32_t)sum) {
        return false;
    }
    *disp = sum;
    return true;
}

static ir_val counted_operand(const struct ir_builder *b, memop m, ir_val v)
{
    for (;;) {
        const struct ir_insn *d = fold_def(b, v);
        uint64_t k;
        const bool resized = ((d->op == IR_zext || d->op == IR_sext) && d->src == T_I32) ||
                             (d->op == IR_trunc && d->type == T_I32);
        const bool masked = d->op == IR_and && fold_is_const(b, d->b, &k) &&
                            (~k & memop_address_mask(m)) == 0;
        if (!resized && !masked) {
            return v;
        }
        v = d->a;
    }
}

/* v without what changes only bits of it that do not count. */
static inline ir_val address_operand(const struct ir_builder *b, const struct ir_insn *in, ir_val v)
{
    const memop m = (memop)(in->imm >> 32);

    return m & MO_WIDTH ? counted_operand(b, m, v) : v;
}

/* Takes constants that were added to the base into the displacement. */
static void fold_base(struct ir_builder *b, struct ir_insn *in, int64_t *disp)
{
    for (;;) {
        ir_val base;
        uint64_t k;
        int64_t sum;

        in->a = (uint16_t)address_operand(b, in, in->a);
        if (fold_is_op_const(b, in->a, IR_add, &base, &k)) {
            sum = (int64_t)((uint64_t)*disp + k);
        } else if (fold_is_op_const(b, in->a, IR_sub, &base, &k)) {
            sum = (int64_t)((uint64_t)*disp - k);
        } else {
            return;
        }
        if (!as_displacement(in, sum, disp)) {
            return;
        }
        in->a = (uint16_t)base;
    }
}

static void fold_index(struct ir_builder *b, struct ir_insn *in, int64_t *disp)
{
    unsigned scale = in->aux >> 8 & 7;
    ir_val index;
    uint64_t k;

    in->b = (uint16_t)address_operand(b, in, in->b);
    if (fold_is_op_const(b, in->b, IR_shl, &index, &k) && k <= 3 && scale + k <= 3) {
        in->b = (uint16_t)address_operand(b, in, index);
        scale += (unsigned)k;
    }
    if (fold_is_const(b, in->b, &k)) {
        const int64_t sum = (int64_t)((uint64_t)*disp + (k << scale));
        if (as_displacement(in, sum, disp)) {
            in->b = IR_NONE;
            scale = 0;
        }
    }
    in->aux = (in->aux & 0xffff00ff) | scale << 8;
}

/* A store takes the low bits of its value: what changes only the others is not needed. */
static void fold_stored(struct ir_builder *b, struct ir_insn *in)
{
    const unsigned bits = 8u << (in->imm >> 32 & MO_SIZE_LOG2);

    for (;;) {
        const struct ir_insn *x = fold_def(b, in->c);
        uint64_t k;
        const bool resized = x->op == IR_trunc || ((x->op == IR_zext || x->op == IR_sext) &&
                                                   ir_lane_bits(x->src) >= bits);
        const bool masked = x->op == IR_and && bits <= 64 && fold_is_const(b, x->b, &k) &&
                            (~k & mask64(bits)) == 0 && !ir_is_vector(x->type);
        if (!resized && !masked) {
            return;
        }
        in->c = x->a;
        in->src = ir_type_of(b, x->a);
    }
}

/* An address that is known becomes its page and a displacement, so that accesses to constants which
 * lie close together are of one base. */
static void fold_known(struct ir_builder *b, struct ir_insn *in, int64_t *disp)
{
    const struct ir_insn *base = fold_def(b, in->a);
    const uint64_t sum = base->imm + (uint64_t)*disp, page = sum & ~UINT64_C(0xfff);

    if (base->op == IR_page && ir_is_near_page(page)) {
        in->a = (uint16_t)ir_emit(b, (struct ir_insn){.op = IR_page, .type = T_I64, .imm = page});
    } else if (base->op == IR_konst && base->type == T_I64) {
        in->a = (uint16_t)ir_konst(b, T_I64, page);
    } else {
        return;
    }
    *disp = (int64_t)(sum - page);
}

void fold_address(struct ir_builder *b, struct ir_insn *in)
{
    int64_t disp = (int32_t)in->imm;

    if (in->op == IR_store || in->op == IR_store_excl) {
        fold_stored(b, in);
    }
    if (!(in->imm >> 32 & MO_WIDTH) && ir_type_of(b, in->a) != T_I64) {
        return;
    }
    fold_base(b, in, &disp);
    if (in->op == IR_load || in->op == IR_store) {
        const struct ir_insn *base = fold_def(b, in->a);
        if (in->b == IR_NONE && base->op == IR_add && base->uses == 0) {
            /* A sum made for this access alone. */
            in->b = base->b;
            in->a = base->a;
            fold_base(b, in, &disp);
        }
        if (in->b != IR_NONE) {
            fold_index(b, in, &disp);
        }
        if (in->b == IR_NONE && !(in->imm >> 32 & MO_WIDTH)) {
            fold_known(b, in, &disp);
        }
    }
    in->imm = (in->imm & ~UINT64_C(0xffffffff)) | (uint32_t)disp;
}
