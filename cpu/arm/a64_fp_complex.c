/* SPDX-License-Identifier: MIT */
/*
 * Complex numbers: FCADD, FCMLA (FEAT_FCMA; DDI 0487, C7.2.53, C7.2.54). A pair of elements is a
 * number, the real part in the even one.
 */
#include "cpu/arm/a64_simd.h"

enum {
    NEGATE_EVEN = 1,
    NEGATE_ODD = 2
};

/* FPNeg of the even or the odd elements of v, or of both. */
static ir_val negate_some(struct a64_block *c, unsigned esz, ir_type t, ir_val v, unsigned which)
{
    if (which == 0) {
        return v;
    }
    const ir_val negated = fp_neg(c, t, v);
    if (which == (NEGATE_EVEN | NEGATE_ODD)) {
        return negated;
    }
    /* Elements of double width tell even from odd, but for doubles, where a half of the vector
     * does. */
    const uint64_t even = mask64(elem_bits(esz));
    const ir_val mask = esz == 3 ? vec_const(c, ~UINT64_C(0), 0) : splat(c, esz + 1, even);
    return which == NEGATE_EVEN ? vec_select(c, mask, negated, v) : vec_select(c, mask, v, negated);
}

/* The two elements of each number exchanged. */
static ir_val exchanged(struct a64_block *c, unsigned esz, ir_val v)
{
    return esz == 3 ? ir_v2(c->b, IR_vext, T_I8X16, v, v, 8)
                    : vec1i(c, IR_vrev, esz, v, 2 * elem_bits(esz));
}

void a64_fcadd_v(struct a64_block *c, const struct a64_fcadd_v *a)
{
    const ir_type t = fp_lanes(a->esz, a->q);

    if (!fp_access(c)) {
        return;
    }
    /* n + i*m, or n - i*m */
    const ir_val turned = negate_some(c, a->esz, t, exchanged(c, a->esz, read_v(c, a->rm)),
                                      a->rot ? NEGATE_ODD : NEGATE_EVEN);
    write_v(c, a->rd, fp_op2(c, IR_fadd, t, read_v(c, a->rn), turned));
}

/*
 * d + a part of n*m: by the real parts of n (rotations 0 and 180), or by i times their imaginary
 * parts (90 and 270); from 180 on of -n.
 */
static void multiply_add(struct a64_block *c, unsigned esz, unsigned q, const unsigned reg[2],
                         ir_val m, unsigned rot)
{
    static const uint8_t negated[] = {0, NEGATE_EVEN, NEGATE_EVEN | NEGATE_ODD, NEGATE_ODD};
    const ir_type t = fp_lanes(esz, q);
    const ir_val n = read_v(c, reg[1]);
    const ir_val part = vec2(c, rot & 1 ? IR_vtrn2 : IR_vtrn1, esz, n, n);
    const ir_val turned = negate_some(c, esz, t, rot & 1 ? exchanged(c, esz, m) : m, negated[rot]);

    write_v(c, reg[0], ir_fma(c->b, t, part, turned, read_v(c, reg[0]), 0, fp_bits_of(c)));
}

void a64_fcmla_v(struct a64_block *c, const struct a64_fcmla_v *a)
{
    if (fp_access(c)) {
        multiply_add(c, a->esz, a->q, (const unsigned[]){a->rd, a->rn}, read_v(c, a->rm), a->rot);
    }
}

void a64_fcmla_elem(struct a64_block *c, const struct a64_fcmla_elem *a)
{
    if (fp_access(c)) {
        const ir_val m = vec1i(c, IR_vdup_lane, a->esz + 1, read_v(c, a->rm), a->index);
        multiply_add(c, a->esz, a->q, (const unsigned[]){a->rd, a->rn}, m, a->rot);
    }
}
