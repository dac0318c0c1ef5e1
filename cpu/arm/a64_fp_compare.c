/* SPDX-License-Identifier: MIT */
/*
 * Floating-point comparison and selection, scalar and vector (DDI 0487, C4.1.96). FCMEQ is quiet,
 * the other relations signal for every NaN.
 */
#include "cpu/arm/a64_simd.h"

/* ---- to the condition flags */

/* 0.0 of type t */
static ir_val fp_zero(struct a64_block *c, ir_type t)
{
    return ir_vget(c->b, t, ir_vkonst(c->b, 0), 0);
}

void a64_fcmp_s(struct a64_block *c, const struct a64_fcmp_s *a)
{
    const ir_type t = fp_scalar(a->esz);

    if (fp_access(c)) {
        const ir_val n = read_s(c, a->rn, t);
        const ir_val m = a->z ? fp_zero(c, t) : read_s(c, a->rm, t);
        put_nzcv(c, ir_flags_fcmp(c->b, n, m, a->e, fp_bits_of(c)));
    }
}

/* If the condition fails nothing is compared: zeros take the operands' place, which raise no flag.
 */
void a64_fccmp_s(struct a64_block *c, const struct a64_fccmp_s *a)
{
    const ir_type t = fp_scalar(a->esz);

    if (!fp_access(c)) {
        return;
    }
    const ir_val holds = cond_holds(c, a->cond), zero = fp_zero(c, t);
    const ir_val n = ir_select(c->b, holds, read_s(c, a->rn, t), zero);
    const ir_val m = ir_select(c->b, holds, read_s(c, a->rm, t), zero);
    const ir_val compared = ir_flags_fcmp(c->b, n, m, a->e, fp_bits_of(c));
    put_nzcv(c, ir_flags_select(c->b, holds, compared, flags_const(c, a->nzcv)));
}

void a64_fcsel(struct a64_block *c, const struct a64_fcsel *a)
{
    const ir_type t = fp_scalar(a->esz);

    if (fp_access(c)) {
        const ir_val holds = cond_holds(c, a->cond);
        write_s(c, a->rd, ir_select(c->b, holds, read_s(c, a->rn, t), read_s(c, a->rm, t)));
    }
}

/* ---- to masks */

/* All ones in an element where the relation holds; a scalar's is an integer of its width. */
static ir_val compare(struct a64_block *c, ir_type t, unsigned relation, ir_val x, ir_val y)
{
    if (ir_is_vector(t)) {
        return ir_vfcmp(c->b, t, relation, x, y, fp_bits_of(c));
    }
    const ir_val holds = ir_zext(c->b, T_I64, ir_fcmp(c->b, relation, x, y, fp_bits_of(c)));
    return ir_trunc(c->b, int_scalar(log2_floor(ir_lane_bits(t)) - 3), ir_neg(c->b, holds));
}

enum {
    EQ = IR_FEQ,
    GE = IR_FGT | IR_FEQ | IR_FCMP_SIGNALLING,
    GT = IR_FGT | IR_FCMP_SIGNALLING,
    LE = IR_FLT | IR_FEQ | IR_FCMP_SIGNALLING,
    LT = IR_FLT | IR_FCMP_SIGNALLING,
};

#define COMPARE(name, relation, operand)                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_type(a->esz, a->q, a->scalar);                                        \
        if (fp_access(c)) {                                                                        \
            const ir_val n = operand(c, t, read_fp(c, a->rn, t));                                  \
            const ir_val m = operand(c, t, read_fp(c, a->rm, t));                                  \
            write_fp_type(c, a->rd, a->rm, compare(c, t, relation, n, m));                         \
        }                                                                                          \
    }
#define AS_IT_IS(c, t, x) (x)
COMPARE(fcmeq_v, EQ, AS_IT_IS)
COMPARE(fcmge_v, GE, AS_IT_IS)
COMPARE(fcmgt_v, GT, AS_IT_IS)
COMPARE(facge_v, GE, fp_abs)
COMPARE(facgt_v, GT, fp_abs)
#undef COMPARE
#undef AS_IT_IS

/* FPCR.NEP does not ask these to merge. */
#define COMPARE_ZERO(name, relation)                                                               \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_type(a->esz, a->q, a->scalar);                                        \
        if (fp_access(c)) {                                                                        \
            const ir_val zero = ir_is_vector(t) ? ir_vkonst(c->b, 0) : fp_zero(c, t);              \
            const ir_val r = compare(c, t, relation, read_fp(c, a->rn, t), zero);                  \
            write_v(c, a->rd, ir_is_vector(t) ? r : ir_vzext(c->b, r));                            \
        }                                                                                          \
    }
COMPARE_ZERO(fcmeq_z, EQ)
COMPARE_ZERO(fcmge_z, GE)
COMPARE_ZERO(fcmgt_z, GT)
COMPARE_ZERO(fcmle_z, LE)
COMPARE_ZERO(fcmlt_z, LT)
#undef COMPARE_ZERO
