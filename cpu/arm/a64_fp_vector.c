/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD floating-point arithmetic, lane by lane: three registers, by element, two-register
 * miscellaneous, with their scalar forms (DDI 0487, C4.1.96). Complex numbers are in
 * a64_fp_complex.c, pairs and reductions in a64_fp_pairwise.c.
 */
#include "cpu/arm/a64_simd.h"

/* ---- three registers of one type */

#define THREE_SAME(name, op)                                                                       \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_lanes(a->esz, a->q);                                                  \
        if (fp_access(c)) {                                                                        \
            write_v(c, a->rd, fp_op2(c, op, t, read_v(c, a->rn), read_v(c, a->rm)));               \
        }                                                                                          \
    }
THREE_SAME(fadd_v, IR_fadd)
THREE_SAME(fsub_v, IR_fsub)
THREE_SAME(fmul_v, IR_fmul)
THREE_SAME(fdiv_v, IR_fdiv)
THREE_SAME(fmax_v, IR_fmax)
THREE_SAME(fmin_v, IR_fmin)
THREE_SAME(fmaxnm_v, IR_fmaxnm)
THREE_SAME(fminnm_v, IR_fminnm)
#undef THREE_SAME

void a64_fmulx_v(struct a64_block *c, const struct a64_fmulx_v *a)
{
    const ir_type t = fp_type(a->esz, a->q, a->scalar);

    if (fp_access(c)) {
        const ir_val n = read_fp(c, a->rn, t), m = read_fp(c, a->rm, t);
        write_fp_type(c, a->rd, a->rn, fp_op2(c, IR_fmul_extended, t, n, m));
    }
}

void a64_fabd_v(struct a64_block *c, const struct a64_fabd_v *a)
{
    const ir_type t = fp_type(a->esz, a->q, a->scalar);

    if (fp_access(c)) {
        const ir_val n = read_fp(c, a->rn, t), m = read_fp(c, a->rm, t);
        write_fp_type(c, a->rd, a->rn, fp_abs(c, t, fp_op2(c, IR_fsub, t, n, m)));
    }
}

void a64_fmla_v(struct a64_block *c, const struct a64_fmla_v *a)
{
    const ir_type t = fp_lanes(a->esz, a->q);

    if (fp_access(c)) {
        write_v(c, a->rd,
                ir_fma(c->b, t, read_v(c, a->rn), read_v(c, a->rm), read_v(c, a->rd), 0,
                       fp_bits_of(c)));
    }
}

void a64_fmls_v(struct a64_block *c, const struct a64_fmls_v *a)
{
    const ir_type t = fp_lanes(a->esz, a->q);

    if (fp_access(c)) {
        write_v(c, a->rd,
                ir_fma(c->b, t, read_v(c, a->rn), read_v(c, a->rm), read_v(c, a->rd), 1,
                       fp_bits_of(c)));
    }
}

/* ---- by element */

#define MULTIPLY_ELEM(name, op)                                                                    \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_type(a->esz, a->q, a->scalar);                                        \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_fp(c, a->rn, t);                                                 \
            const ir_val m = read_fp_elem(c, a->rm, a->esz, a->index, t);                          \
            write_fp_type(c, a->rd, a->rn, fp_op2(c, op, t, n, m));                                \
        }                                                                                          \
    }
MULTIPLY_ELEM(fmul_elem, IR_fmul)
MULTIPLY_ELEM(fmulx_elem, IR_fmul_extended)
#undef MULTIPLY_ELEM

#define FUSED_ELEM(name, negate)                                                                   \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_type(a->esz, a->q, a->scalar);                                        \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_fp(c, a->rn, t);                                                 \
            const ir_val m = read_fp_elem(c, a->rm, a->esz, a->index, t);                          \
            const ir_val d = read_fp(c, a->rd, t);                                                 \
            write_fp_type(c, a->rd, a->rd, ir_fma(c->b, t, n, m, d, negate, fp_bits_of(c)));       \
        }                                                                                          \
    }
FUSED_ELEM(fmla_elem, 0)
FUSED_ELEM(fmls_elem, 1)
#undef FUSED_ELEM

/* ---- one operand */

#define ONE_OPERAND(name, value)                                                                   \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_lanes(a->esz, a->q);                                                  \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_v(c, a->rn);                                                     \
            write_v(c, a->rd, value);                                                              \
        }                                                                                          \
    }
ONE_OPERAND(fabs_v, fp_abs(c, t, n))
ONE_OPERAND(fneg_v, fp_neg(c, t, n))
ONE_OPERAND(fsqrt_v, ir_fp1(c->b, IR_fsqrt, t, n, 0, fp_bits_of(c)))
#undef ONE_OPERAND
