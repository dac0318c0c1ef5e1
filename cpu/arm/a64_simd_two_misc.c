/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD two-register miscellaneous, integers (DDI 0487, C4.1.96). Those that saturate or
 * narrow are in a64_simd_saturate.c and a64_simd_shift.c, floating point in a64_fp_*.c.
 */
#include "cpu/arm/a64_simd.h"

#define TWO_MISC(name, value)                                                                      \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        const ir_val n = read_v(c, a->rn);                                                         \
        write_vq(c, a->rd, a->q, value);                                                           \
    }
TWO_MISC(rev64_v, vec1i(c, IR_vrev, a->esz, n, 64))
TWO_MISC(rev32_v, vec1i(c, IR_vrev, a->esz, n, 32))
TWO_MISC(rev16_v, vec1i(c, IR_vrev, a->esz, n, 16))
TWO_MISC(clz_v, vec1(c, IR_clz, a->esz, n))
TWO_MISC(cnt_v, vec1(c, IR_popcnt, 0, n))
TWO_MISC(not_v, ir_v1(c->b, IR_not, T_V128, n, 0))
TWO_MISC(rbit_v, vec1(c, IR_rbit, 0, n))
TWO_MISC(abs_v, vec1(c, IR_abs, a->esz, n))
TWO_MISC(neg_v, vec1(c, IR_neg, a->esz, n))
TWO_MISC(cmgt_z, vec_compare(c, IR_SGT, a->esz, n, ir_vkonst(c->b, 0)))
TWO_MISC(cmge_z, vec_compare(c, IR_SGE, a->esz, n, ir_vkonst(c->b, 0)))
TWO_MISC(cmeq_z, vec_compare(c, IR_EQ, a->esz, n, ir_vkonst(c->b, 0)))
TWO_MISC(cmle_z, vec_compare(c, IR_SLE, a->esz, n, ir_vkonst(c->b, 0)))
TWO_MISC(cmlt_z, vec_compare(c, IR_SLT, a->esz, n, ir_vkonst(c->b, 0)))
#undef TWO_MISC

/* Bits after the sign bit that are equal to it: the sign bit itself counts as one more zero. */
void a64_cls_v(struct a64_block *c, const struct a64_cls_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, a->rn);
    const ir_val sign = vec1i(c, IR_sari, a->esz, n, elem_bits(a->esz) - 1);
    const ir_val zeros = vec1(c, IR_clz, a->esz, vec_xor(c, n, sign));
    write_vq(c, a->rd, a->q, vec2(c, IR_sub, a->esz, zeros, splat(c, a->esz, 1)));
}

/* ---- sums of neighbours in elements of double width; esz is the narrower */

static ir_val add_neighbours(struct a64_block *c, unsigned esz, ir_val n, bool is_signed)
{
    const unsigned wide = esz + 1, bits = elem_bits(esz);

    if (!is_signed || wide < 3) {
        return vec1(c, is_signed ? IR_vsaddlp : IR_vuaddlp, wide, n);
    }
    const ir_val even = vec1i(c, IR_sari, wide, vec1i(c, IR_shli, wide, n, bits), bits);
    return vec2(c, IR_add, wide, even, vec1i(c, IR_sari, wide, n, bits));
}

#define ADD_NEIGHBOURS(name, is_signed, accumulate)                                                \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (!fp_access(c)) {                                                                       \
            return;                                                                                \
        }                                                                                          \
        ir_val r = add_neighbours(c, a->esz, read_v(c, a->rn), is_signed);                         \
        if (accumulate) {                                                                          \
            r = vec2(c, IR_add, a->esz + 1, read_v(c, a->rd), r);                                  \
        }                                                                                          \
        write_vq(c, a->rd, a->q, r);                                                               \
    }
ADD_NEIGHBOURS(saddlp, true, false)
ADD_NEIGHBOURS(uaddlp, false, false)
ADD_NEIGHBOURS(sadalp, true, true)
ADD_NEIGHBOURS(uadalp, false, true)
#undef ADD_NEIGHBOURS
