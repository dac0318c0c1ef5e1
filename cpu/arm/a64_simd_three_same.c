/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD three registers of the same type, integers (DDI 0487, C4.1.96 "Advanced SIMD three
 * same" and "scalar three same"). Those that saturate or round shifts are in a64_simd_saturate.c
 * and a64_simd_shift.c, floating point in a64_fp_vector.c.
 *
 * Scalar forms have 64-bit elements only: they are the vector form of which the upper half is
 * cleared.
 */
#include "cpu/arm/a64_simd.h"

/* One IR op does it. */
#define THREE_SAME(name, op)                                                                       \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        write_vq(c, a->rd, a->q, vec2(c, op, a->esz, read_v(c, a->rn), read_v(c, a->rm)));         \
    }
THREE_SAME(add_v, IR_add)
THREE_SAME(sub_v, IR_sub)
THREE_SAME(mul_v, IR_mul)
THREE_SAME(shadd_v, IR_shadd)
THREE_SAME(uhadd_v, IR_uhadd)
THREE_SAME(srhadd_v, IR_srhadd)
THREE_SAME(urhadd_v, IR_urhadd)
THREE_SAME(shsub_v, IR_shsub)
THREE_SAME(uhsub_v, IR_uhsub)
THREE_SAME(smax_v, IR_smax)
THREE_SAME(smin_v, IR_smin)
THREE_SAME(umax_v, IR_umax)
THREE_SAME(umin_v, IR_umin)
THREE_SAME(sabd_v, IR_sabd)
THREE_SAME(uabd_v, IR_uabd)
THREE_SAME(cmtst_v, IR_vtst)
THREE_SAME(pmul_v, IR_pmul8)
#undef THREE_SAME

/* Vd = Vd + (or -) op(Vn, Vm) */
#define ACCUMULATE(name, accumulate, op)                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        const ir_val x = vec2(c, op, a->esz, read_v(c, a->rn), read_v(c, a->rm));                  \
        write_vq(c, a->rd, a->q, vec2(c, accumulate, a->esz, read_v(c, a->rd), x));                \
    }
ACCUMULATE(mla_v, IR_add, IR_mul)
ACCUMULATE(mls_v, IR_sub, IR_mul)
ACCUMULATE(saba_v, IR_add, IR_sabd)
ACCUMULATE(uaba_v, IR_add, IR_uabd)
#undef ACCUMULATE

#define COMPARE(name, cond)                                                                        \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        const ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);                                   \
        write_vq(c, a->rd, a->q, vec_compare(c, cond, a->esz, n, m));                              \
    }
COMPARE(cmgt_v, IR_SGT)
COMPARE(cmge_v, IR_SGE)
COMPARE(cmhi_v, IR_UGT)
COMPARE(cmhs_v, IR_UGE)
COMPARE(cmeq_v, IR_EQ)
#undef COMPARE

/* ---- bitwise */

#define LOGICAL(name, value)                                                                       \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        const ir_val n = read_v(c, a->rn), m = read_v(c, a->rm);                                   \
        write_vq(c, a->rd, a->q, value);                                                           \
    }
LOGICAL(and_v, vec_and(c, n, m))
LOGICAL(bic_v, ir_v2(c->b, IR_andn, T_V128, n, m, 0))
LOGICAL(orr_v, vec_or(c, n, m))
LOGICAL(orn_v, vec_or(c, n, ir_v1(c->b, IR_not, T_V128, m, 0)))
LOGICAL(eor_v, vec_xor(c, n, m))
LOGICAL(bsl_v, vec_select(c, read_v(c, a->rd), n, m))
LOGICAL(bit_v, vec_select(c, m, n, read_v(c, a->rd)))
LOGICAL(bif_v, vec_select(c, m, read_v(c, a->rd), n))
#undef LOGICAL

/* ---- pairwise: the elements of Vn, then those of Vm */

static void pairwise(struct a64_block *c, enum ir_op op, unsigned q, unsigned esz,
                     const unsigned reg[3])
{
    if (!fp_access(c)) {
        return;
    }
    ir_val n = read_v(c, reg[1]), m = read_v(c, reg[2]);
    if (!q) {
        n = m = join64(c, n, m);
    }
    const ir_val r = op == IR_vpadd ? vec2(c, op, esz, n, m)
                                    : vec2(c, op, esz, vec2(c, IR_vuzp1, esz, n, m),
                                           vec2(c, IR_vuzp2, esz, n, m));
    write_vq(c, reg[0], q, r);
}

#define PAIRWISE(name, op)                                                                         \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        pairwise(c, op, a->q, a->esz, (const unsigned[]){a->rd, a->rn, a->rm});                    \
    }
PAIRWISE(addp_v, IR_vpadd)
PAIRWISE(smaxp_v, IR_smax)
PAIRWISE(sminp_v, IR_smin)
PAIRWISE(umaxp_v, IR_umax)
PAIRWISE(uminp_v, IR_umin)
#undef PAIRWISE
