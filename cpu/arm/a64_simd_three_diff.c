/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD three registers of different types, integers and polynomials (DDI 0487, C4.1.96
 * "Advanced SIMD three different"), and the products by an element. esz is the narrower element's.
 * Long and wide forms with q ("2") take the upper half of the narrow operands. Doubling products
 * that saturate are in a64_simd_saturate.c.
 */
#include "cpu/arm/a64_simd.h"

struct operands {
    unsigned q, esz, rd, rn, rm;
};

#define OPERANDS(a)                                                                                \
    (&(const struct operands){                                                                     \
        .q = (a)->q, .esz = (a)->esz, .rd = (a)->rd, .rn = (a)->rn, .rm = (a)->rm})

/* The half of v that q says, extended to elements of double width. */
static ir_val widened(struct a64_block *c, const struct operands *o, ir_val v, bool is_signed)
{
    static const enum ir_op ops[2][2] = {{IR_vuxtl, IR_vuxth}, {IR_vsxtl, IR_vsxth}};
    return vec1(c, ops[is_signed][o->q], o->esz + 1, v);
}

/* ---- sums and differences */

static void add_long(struct a64_block *c, const struct operands *o, enum ir_op op, bool is_signed)
{
    if (fp_access(c)) {
        const ir_val n = widened(c, o, read_v(c, o->rn), is_signed);
        const ir_val m = widened(c, o, read_v(c, o->rm), is_signed);
        write_v(c, o->rd, vec2(c, op, o->esz + 1, n, m));
    }
}

static void add_wide(struct a64_block *c, const struct operands *o, enum ir_op op, bool is_signed)
{
    if (fp_access(c)) {
        const ir_val m = widened(c, o, read_v(c, o->rm), is_signed);
        write_v(c, o->rd, vec2(c, op, o->esz + 1, read_v(c, o->rn), m));
    }
}

/* The high halves of the sums, rounded if asked. */
static void add_high(struct a64_block *c, const struct operands *o, enum ir_op op, bool round)
{
    const unsigned wide = o->esz + 1, bits = elem_bits(o->esz);

    if (fp_access(c)) {
        ir_val x = vec2(c, op, wide, read_v(c, o->rn), read_v(c, o->rm));
        if (round) {
            x = vec2(c, IR_add, wide, x, splat(c, wide, UINT64_C(1) << (bits - 1)));
        }
        write_narrow(c, o->rd, o->q, vec1(c, IR_vxtn, o->esz, vec1i(c, IR_shri, wide, x, bits)));
    }
}

static void difference_long(struct a64_block *c, const struct operands *o, enum ir_op op,
                            bool accumulate)
{
    if (fp_access(c)) {
        const ir_val narrow = vec2(c, op, o->esz, read_v(c, o->rn), read_v(c, o->rm));
        const ir_val x = widened(c, o, narrow, false);
        write_v(c, o->rd, accumulate ? vec2(c, IR_add, o->esz + 1, read_v(c, o->rd), x) : x);
    }
}

#define THREE_DIFF(name, function, op, option)                                                     \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        function(c, OPERANDS(a), op, option);                                                      \
    }
THREE_DIFF(saddl_v, add_long, IR_add, true)
THREE_DIFF(uaddl_v, add_long, IR_add, false)
THREE_DIFF(ssubl_v, add_long, IR_sub, true)
THREE_DIFF(usubl_v, add_long, IR_sub, false)
THREE_DIFF(saddw_v, add_wide, IR_add, true)
THREE_DIFF(uaddw_v, add_wide, IR_add, false)
THREE_DIFF(ssubw_v, add_wide, IR_sub, true)
THREE_DIFF(usubw_v, add_wide, IR_sub, false)
THREE_DIFF(addhn_v, add_high, IR_add, false)
THREE_DIFF(raddhn_v, add_high, IR_add, true)
THREE_DIFF(subhn_v, add_high, IR_sub, false)
THREE_DIFF(rsubhn_v, add_high, IR_sub, true)
THREE_DIFF(sabdl_v, difference_long, IR_sabd, false)
THREE_DIFF(uabdl_v, difference_long, IR_uabd, false)
THREE_DIFF(sabal_v, difference_long, IR_sabd, true)
THREE_DIFF(uabal_v, difference_long, IR_uabd, true)
#undef THREE_DIFF

/* ---- products */

/* accumulate: IR_add, IR_sub, or IR_konst for none */
static void multiply_long(struct a64_block *c, const struct operands *o, ir_val m, bool is_signed,
                          enum ir_op accumulate)
{
    static const enum ir_op ops[2][2] = {{IR_vumull, IR_vumulh}, {IR_vsmull, IR_vsmulh}};
    ir_val r = vec2(c, ops[is_signed][o->q], o->esz + 1, read_v(c, o->rn), m);

    if (accumulate != IR_konst) {
        r = vec2(c, accumulate, o->esz + 1, read_v(c, o->rd), r);
    }
    write_v(c, o->rd, r);
}

#define MULTIPLY_LONG(name, is_signed, accumulate)                                                 \
    void a64_##name##_v(struct a64_block *c, const struct a64_##name##_v *a)                       \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            multiply_long(c, OPERANDS(a), read_v(c, a->rm), is_signed, accumulate);                \
        }                                                                                          \
    }                                                                                              \
    void a64_##name##_elem(struct a64_block *c, const struct a64_##name##_elem *a)                 \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            const ir_val m = vec1i(c, IR_vdup_lane, a->esz, read_v(c, a->rm), a->index);           \
            multiply_long(c, OPERANDS(a), m, is_signed, accumulate);                               \
        }                                                                                          \
    }
MULTIPLY_LONG(smull, true, IR_konst)
MULTIPLY_LONG(umull, false, IR_konst)
MULTIPLY_LONG(smlal, true, IR_add)
MULTIPLY_LONG(umlal, false, IR_add)
MULTIPLY_LONG(smlsl, true, IR_sub)
MULTIPLY_LONG(umlsl, false, IR_sub)
#undef MULTIPLY_LONG

/* MUL, MLA, MLS by element */
static void multiply_elem(struct a64_block *c, const struct operands *o, unsigned index,
                          enum ir_op accumulate)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val m = vec1i(c, IR_vdup_lane, o->esz, read_v(c, o->rm), index);
    ir_val r = vec2(c, IR_mul, o->esz, read_v(c, o->rn), m);
    if (accumulate != IR_konst) {
        r = vec2(c, accumulate, o->esz, read_v(c, o->rd), r);
    }
    write_vq(c, o->rd, o->q, r);
}

void a64_mul_elem(struct a64_block *c, const struct a64_mul_elem *a)
{
    multiply_elem(c, OPERANDS(a), a->index, IR_konst);
}

void a64_mla_elem(struct a64_block *c, const struct a64_mla_elem *a)
{
    multiply_elem(c, OPERANDS(a), a->index, IR_add);
}

void a64_mls_elem(struct a64_block *c, const struct a64_mls_elem *a)
{
    multiply_elem(c, OPERANDS(a), a->index, IR_sub);
}

/* Polynomials: eight products of bytes, or one of doublewords. */
void a64_pmull_v(struct a64_block *c, const struct a64_pmull_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);
    write_v(c, a->rd,
            a->esz == 0 ? ir_v2(c->b, IR_pmull8, T_I16X8, n, m, a->q)
                        : ir_v2(c->b, IR_pmull64, T_V128, n, m, a->q ? 3 : 0));
}
