/* SPDX-License-Identifier: MIT */
/* Scalar floating-point arithmetic (DDI 0487, C4.1.96: data processing with 1, 2 and 3 sources). */
#include "cpu/arm/a64_simd.h"

#define ARITH(name, op)                                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_scalar(a->esz);                                                       \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_s(c, a->rn, t), m = read_s(c, a->rm, t);                         \
            write_fp(c, a->rd, a->rn, fp_op2(c, op, t, n, m));                                     \
        }                                                                                          \
    }
ARITH(fadd_s, IR_fadd)
ARITH(fsub_s, IR_fsub)
ARITH(fmul_s, IR_fmul)
ARITH(fdiv_s, IR_fdiv)
ARITH(fmax_s, IR_fmax)
ARITH(fmin_s, IR_fmin)
ARITH(fmaxnm_s, IR_fmaxnm)
ARITH(fminnm_s, IR_fminnm)
#undef ARITH

void a64_fnmul_s(struct a64_block *c, const struct a64_fnmul_s *a)
{
    const ir_type t = fp_scalar(a->esz);

    if (fp_access(c)) {
        const ir_val product = fp_op2(c, IR_fmul, t, read_s(c, a->rn, t), read_s(c, a->rm, t));
        write_fp(c, a->rd, a->rn, fp_neg(c, t, product));
    }
}

#define ONE_SOURCE(name, value)                                                                    \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_scalar(a->esz);                                                       \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_s(c, a->rn, t);                                                  \
            write_fp(c, a->rd, a->rd, value);                                                      \
        }                                                                                          \
    }
ONE_SOURCE(fabs_s, fp_abs(c, t, n))
ONE_SOURCE(fneg_s, fp_neg(c, t, n))
ONE_SOURCE(fsqrt_s, ir_fp1(c->b, IR_fsqrt, t, n, 0, fp_bits_of(c)))
#undef ONE_SOURCE

/* ---- fused: negate bit 0 is of the product, bit 1 of the addend */

#define FUSED(name, negate)                                                                        \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_scalar(a->esz);                                                       \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_s(c, a->rn, t), m = read_s(c, a->rm, t);                         \
            write_fp(c, a->rd, a->ra,                                                              \
                     ir_fma(c->b, t, n, m, read_s(c, a->ra, t), negate, fp_bits_of(c)));           \
        }                                                                                          \
    }
FUSED(fmadd, 0)
FUSED(fmsub, 1)
FUSED(fnmadd, 3)
FUSED(fnmsub, 2)
#undef FUSED
