/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD integers that saturate, but for shifts and narrowing: sums and differences,
 * doubling products (DDI 0487, C4.1.96). Each also computes the result that wraps; where the two
 * differ, FPSR.QC becomes 1. Elements that take no part are cleared in the operands, so that they
 * neither saturate nor leave anything in the result.
 */
#include "cpu/arm/a64_simd.h"

/* The operands of one instruction; rm may be unused. */
struct operands {
    unsigned q, esz, scalar, rd, rn, rm;
};

static ir_val read_n(struct a64_block *c, const struct operands *o)
{
    return read_elements(c, o->rn, o->esz, o->q, o->scalar);
}

static ir_val read_m(struct a64_block *c, const struct operands *o)
{
    return read_elements(c, o->rm, o->esz, o->q, o->scalar);
}

static ir_val read_d(struct a64_block *c, const struct operands *o)
{
    return read_elements(c, o->rd, o->esz, o->q, o->scalar);
}

/* Vd = saturated; QC if it is not the same as wrapped. */
static void finish(struct a64_block *c, const struct operands *o, ir_val saturated, ir_val wrapped)
{
    accumulate_qc(c, vec_xor(c, saturated, wrapped));
    write_v(c, o->rd, saturated);
}

#define OPERANDS(a)                                                                                \
    {                                                                                              \
        .q = (a)->q, .esz = (a)->esz, .scalar = (a)->scalar, .rd = (a)->rd, .rn = (a)->rn          \
    }
#define OPERANDS3(a)                                                                               \
    {                                                                                              \
        .q = (a)->q, .esz = (a)->esz, .scalar = (a)->scalar, .rd = (a)->rd, .rn = (a)->rn,         \
        .rm = (a)->rm                                                                              \
    }

/* ---- sums and differences */

static void add_or_sub(struct a64_block *c, struct operands o, enum ir_op op, enum ir_op wrapping)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_n(c, &o), m = read_m(c, &o);
    finish(c, &o, vec2(c, op, o.esz, n, m), vec2(c, wrapping, o.esz, n, m));
}

#define ADD_OR_SUB(name, op, wrapping)                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        add_or_sub(c, (struct operands)OPERANDS3(a), op, wrapping);                                \
    }
ADD_OR_SUB(sqadd_v, IR_ssadd, IR_add)
ADD_OR_SUB(uqadd_v, IR_usadd, IR_add)
ADD_OR_SUB(sqsub_v, IR_sssub, IR_sub)
ADD_OR_SUB(uqsub_v, IR_ussub, IR_sub)
#undef ADD_OR_SUB

/*
 * A signed and an unsigned number: with the sign bit of Vd inverted, which adds half the range to
 * it, the sum is one of two numbers of Vn's kind and saturates where theirs does.
 */
static void add_mixed(struct a64_block *c, struct operands o, enum ir_op op)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_n(c, &o), d = read_d(c, &o);
    const ir_val sign = splat(c, o.esz, UINT64_C(1) << (elem_bits(o.esz) - 1));
    const ir_val r = vec_xor(c, vec2(c, op, o.esz, vec_xor(c, d, sign), n), sign);
    finish(c, &o, r, vec2(c, IR_add, o.esz, d, n));
}

void a64_suqadd_v(struct a64_block *c, const struct a64_suqadd_v *a)
{
    add_mixed(c, (struct operands)OPERANDS(a), IR_usadd);
}

void a64_usqadd_v(struct a64_block *c, const struct a64_usqadd_v *a)
{
    add_mixed(c, (struct operands)OPERANDS(a), IR_ssadd);
}

void a64_sqneg_v(struct a64_block *c, const struct a64_sqneg_v *a)
{
    const struct operands o = OPERANDS(a);
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_n(c, &o);
    finish(c, &o, vec2(c, IR_sssub, o.esz, ir_vkonst(c->b, 0), n), vec1(c, IR_neg, o.esz, n));
}

/* The absolute value that does not fit is one more, unsigned, than the greatest that does. */
void a64_sqabs_v(struct a64_block *c, const struct a64_sqabs_v *a)
{
    const struct operands o = OPERANDS(a);
    if (!fp_access(c)) {
        return;
    }
    const ir_val wrapped = vec1(c, IR_abs, o.esz, read_n(c, &o));
    const ir_val greatest = splat(c, o.esz, mask64(elem_bits(o.esz) - 1));
    finish(c, &o, vec2(c, IR_umin, o.esz, wrapped, greatest), wrapped);
}

/* ---- the high half of the doubled product, for elements of 16 or 32 bits */

enum {
    HIGH_ROUND = 1,
    HIGH_ADD = 2,
    HIGH_SUB = 4
};

/*
 * With a third operand, half of the elements: (±2nm + (d << bits) + rounding) >> bits, all of it
 * halved so that it fits an element of double width.
 */
static ir_val doubling_high_half(struct a64_block *c, unsigned esz, const ir_val dnm[3],
                                 unsigned upper, unsigned flags)
{
    const unsigned bits = elem_bits(esz);
    ir_val x = vec2(c, upper ? IR_vsmulh : IR_vsmull, esz + 1, dnm[1], dnm[2]);

    const ir_val wide = vec1(c, upper ? IR_vsxth : IR_vsxtl, esz + 1, dnm[0]);
    const ir_val d = vec1i(c, IR_shli, esz + 1, wide, bits - 1);
    x = vec2(c, flags & HIGH_SUB ? IR_sub : IR_add, esz + 1, d, x);
    if (flags & HIGH_ROUND) {
        x = vec2(c, IR_add, esz + 1, x, splat(c, esz + 1, UINT64_C(1) << (bits - 2)));
    }
    const ir_val exact = vec1i(c, IR_sari, esz + 1, x, bits - 1);
    const ir_val r = vec1(c, IR_vsqxtn, esz, exact);
    accumulate_qc(c, vec_xor(c, exact, vec1(c, IR_vsxtl, esz + 1, r)));
    return r;
}

/* Without a third operand: only the least number times itself saturates. */
static void doubling_high_product(struct a64_block *c, const struct operands *o, ir_val m,
                                  unsigned flags)
{
    const ir_val least = splat(c, o->esz, UINT64_C(1) << (elem_bits(o->esz) - 1)), n = read_n(c, o);
    const ir_val both = vec2(c, IR_and, 3, vec_compare(c, IR_EQ, o->esz, n, least),
                             vec_compare(c, IR_EQ, o->esz, m, least));

    accumulate_qc(c, both);
    write_v(c, o->rd, vec2(c, flags & HIGH_ROUND ? IR_srdmulh : IR_sdmulh, o->esz, n, m));
}

/* m has the elements of the second factor; what is cleared in Vn does not matter there. */
static void doubling_high(struct a64_block *c, const struct operands *o, ir_val m, unsigned flags)
{
    if (!(flags & (HIGH_ADD | HIGH_SUB))) {
        doubling_high_product(c, o, m, flags);
        return;
    }
    const ir_val dnm[3] = {read_d(c, o), read_n(c, o), m};
    ir_val r = doubling_high_half(c, o->esz, dnm, 0, flags);
    if (o->q) {
        r = join64(c, r, doubling_high_half(c, o->esz, dnm, 1, flags));
    }
    write_v(c, o->rd, r);
}

#define DOUBLING_HIGH(name, flags)                                                                 \
    void a64_##name##_v(struct a64_block *c, const struct a64_##name##_v *a)                       \
    {                                                                                              \
        const struct operands o = OPERANDS3(a);                                                    \
        if (fp_access(c)) {                                                                        \
            doubling_high(c, &o, read_v(c, o.rm), flags);                                          \
        }                                                                                          \
    }                                                                                              \
    void a64_##name##_elem(struct a64_block *c, const struct a64_##name##_elem *a)                 \
    {                                                                                              \
        const struct operands o = OPERANDS3(a);                                                    \
        if (fp_access(c)) {                                                                        \
            const ir_val m = vec1i(c, IR_vdup_lane, o.esz, read_v(c, o.rm), a->index);             \
            doubling_high(c, &o, m, flags);                                                        \
        }                                                                                          \
    }
DOUBLING_HIGH(sqdmulh, 0)
DOUBLING_HIGH(sqrdmulh, HIGH_ROUND)
DOUBLING_HIGH(sqrdmlah, HIGH_ROUND | HIGH_ADD)
DOUBLING_HIGH(sqrdmlsh, HIGH_ROUND | HIGH_SUB)
#undef DOUBLING_HIGH

/* ---- the doubled product in elements of double width: esz is that of the factors */

/* accumulate: IR_ssadd, IR_sssub, or IR_konst for none. */
static void doubling_long(struct a64_block *c, const struct operands *o, ir_val m,
                          enum ir_op accumulate)
{
    const unsigned wide = o->esz + 1;
    const ir_val n = o->scalar ? only_element0(c, read_v(c, o->rn), o->esz) : read_v(c, o->rn);
    const ir_val product = vec2(c, o->q ? IR_vsmulh : IR_vsmull, wide, n, m);
    ir_val r = vec2(c, IR_ssadd, wide, product, product);

    accumulate_qc(c, vec_xor(c, r, vec2(c, IR_add, wide, product, product)));
    if (accumulate != IR_konst) {
        const ir_val d = o->scalar ? only_element0(c, read_v(c, o->rd), wide) : read_v(c, o->rd);
        const ir_val wrapped = vec2(c, accumulate == IR_ssadd ? IR_add : IR_sub, wide, d, r);
        r = vec2(c, accumulate, wide, d, r);
        accumulate_qc(c, vec_xor(c, r, wrapped));
    }
    write_v(c, o->rd, r);
}

#define DOUBLING_LONG(name, accumulate)                                                            \
    void a64_##name##_v(struct a64_block *c, const struct a64_##name##_v *a)                       \
    {                                                                                              \
        const struct operands o = OPERANDS3(a);                                                    \
        if (fp_access(c)) {                                                                        \
            doubling_long(c, &o, read_v(c, o.rm), accumulate);                                     \
        }                                                                                          \
    }                                                                                              \
    void a64_##name##_elem(struct a64_block *c, const struct a64_##name##_elem *a)                 \
    {                                                                                              \
        const struct operands o = OPERANDS3(a);                                                    \
        if (fp_access(c)) {                                                                        \
            const ir_val m = vec1i(c, IR_vdup_lane, o.esz, read_v(c, o.rm), a->index);             \
            doubling_long(c, &o, m, accumulate);                                                   \
        }                                                                                          \
    }
DOUBLING_LONG(sqdmull, IR_konst)
DOUBLING_LONG(sqdmlal, IR_ssadd)
DOUBLING_LONG(sqdmlsl, IR_sssub)
#undef DOUBLING_LONG
