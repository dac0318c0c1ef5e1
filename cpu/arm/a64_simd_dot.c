/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD dot products and matrix products of bytes: FEAT_DotProd, FEAT_I8MM (DDI 0487,
 * C4.1.96 "three same extra", "by element"). BFloat16: a64_fp_mixed.c.
 */
#include "cpu/arm/a64_simd.h"

/* Vd = Vd + the sums of the products of four bytes of n and of m. */
static void dot(struct a64_block *c, enum ir_op op, const unsigned rd_q[2], ir_val n, ir_val m)
{
    const ir_val r = vec3(c, op, T_I32X4, (const ir_val[]){read_v(c, rd_q[0]), n, m});
    write_vq(c, rd_q[0], rd_q[1], r);
}

#define DOT(name, op)                                                                              \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            dot(c, op, (const unsigned[]){a->rd, a->q}, read_v(c, a->rn), read_v(c, a->rm));       \
        }                                                                                          \
    }
DOT(sdot_v, IR_vsdot)
DOT(udot_v, IR_vudot)
DOT(usdot_v, IR_vusdot)
#undef DOT

/* Four bytes of Vm by index. */
static ir_val quad(struct a64_block *c, unsigned rm, unsigned index)
{
    return vec1i(c, IR_vdup_lane, 2, read_v(c, rm), index);
}

#define DOT_ELEM(name, op)                                                                         \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            const ir_val m = quad(c, a->rm, a->index);                                             \
            dot(c, op, (const unsigned[]){a->rd, a->q}, read_v(c, a->rn), m);                      \
        }                                                                                          \
    }
DOT_ELEM(sdot_elem, IR_vsdot)
DOT_ELEM(udot_elem, IR_vudot)
DOT_ELEM(usdot_elem, IR_vusdot)
#undef DOT_ELEM

/* The element has the unsigned bytes. */
void a64_sudot_elem(struct a64_block *c, const struct a64_sudot_elem *a)
{
    if (fp_access(c)) {
        const ir_val m = quad(c, a->rm, a->index);
        dot(c, IR_vusdot, (const unsigned[]){a->rd, a->q}, m, read_v(c, a->rn));
    }
}

/*
 * Vd, 2 by 2 words, gains Vn, 2 rows of 8 bytes, times the transpose of Vm. Row i of Vn twice
 * against both of Vm gives the halves of two sums; adding neighbours completes them.
 */
static void matrix(struct a64_block *c, enum ir_op op, const unsigned reg[3])
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, reg[1]), m = read_v(c, reg[2]), zero = ir_vkonst(c->b, 0);
    const ir_val row0 = vec2(c, IR_vzip1, 3, n, n), row1 = vec2(c, IR_vzip2, 3, n, n);
    const ir_val sums0 = vec3(c, op, T_I32X4, (const ir_val[]){zero, row0, m});
    const ir_val sums1 = vec3(c, op, T_I32X4, (const ir_val[]){zero, row1, m});
    const ir_val product = vec2(c, IR_vpadd, 2, sums0, sums1);
    write_v(c, reg[0], vec2(c, IR_add, 2, read_v(c, reg[0]), product));
}

#define MATRIX(name, op)                                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        matrix(c, op, (const unsigned[]){a->rd, a->rn, a->rm});                                    \
    }
MATRIX(smmla, IR_vsdot)
MATRIX(ummla, IR_vudot)
MATRIX(usmmla, IR_vusdot)
#undef MATRIX
