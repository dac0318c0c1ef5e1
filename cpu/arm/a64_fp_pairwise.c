/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD floating-point pairwise, scalar pairwise and across lanes (DDI 0487, C4.1.96;
 * Reduce() of shared/functions/vector). A reduction takes the two halves of the vector, so pairs of
 * neighbours are combined until one is left: the same tree.
 */
#include "cpu/arm/a64_simd.h"

/* op of the even and the odd elements of m:n, as a vector of type t */
static ir_val combine(struct a64_block *c, enum ir_op op, ir_type t, ir_val n, ir_val m)
{
    const unsigned esz = log2_floor(ir_lane_bits(t)) - 3;
    return fp_op2(c, op, t, vec2(c, IR_vuzp1, esz, n, m), vec2(c, IR_vuzp2, esz, n, m));
}

static void pairwise(struct a64_block *c, enum ir_op op, ir_type t, const unsigned reg[3])
{
    if (!fp_access(c)) {
        return;
    }
    ir_val n = read_v(c, reg[1]), m = read_v(c, reg[2]);
    if (ir_type_bits(t) == 64) {
        n = m = join64(c, n, m);
    }
    write_v(c, reg[0], combine(c, op, t, n, m));
}

#define PAIRWISE(name, op)                                                                         \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        pairwise(c, op, fp_lanes(a->esz, a->q), (const unsigned[]){a->rd, a->rn, a->rm});          \
    }
PAIRWISE(faddp_v, IR_fadd)
PAIRWISE(fmaxp_v, IR_fmax)
PAIRWISE(fminp_v, IR_fmin)
PAIRWISE(fmaxnmp_v, IR_fmaxnm)
PAIRWISE(fminnmp_v, IR_fminnm)
#undef PAIRWISE

/* op of elements 0 and 1 of v */
static ir_val pair(struct a64_block *c, enum ir_op op, unsigned esz, ir_val v)
{
    const ir_type t = fp_scalar(esz);
    return fp_op2(c, op, t, ir_vget(c->b, t, v, 0), ir_vget(c->b, t, v, 1));
}

#define PAIR(name, op)                                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            write_s(c, a->rd, pair(c, op, a->esz, read_v(c, a->rn)));                              \
        }                                                                                          \
    }
PAIR(faddp_pair, IR_fadd)
PAIR(fmaxp_pair, IR_fmax)
PAIR(fminp_pair, IR_fmin)
PAIR(fmaxnmp_pair, IR_fmaxnm)
PAIR(fminnmp_pair, IR_fminnm)
#undef PAIR

/* Four singles, or four or eight halves. What the lanes beyond the pairs compute is a pair's too,
 * or of zeros. */
static void across(struct a64_block *c, enum ir_op op, unsigned esz, unsigned q,
                   const unsigned reg[2])
{
    if (!fp_access(c)) {
        return;
    }
    ir_val v = read_v(c, reg[1]);
    if (esz == 1 && !q) {
        v = low64(c, v);
    }
    for (unsigned n = lanes_of(esz, q, 0); n > 2; n /= 2) {
        v = combine(c, op, fp_lanes(esz, 0), v, v);
    }
    write_s(c, reg[0], pair(c, op, esz, v));
}

#define ACROSS(name, op)                                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        across(c, op, a->esz, a->q, (const unsigned[]){a->rd, a->rn});                             \
    }
ACROSS(fmaxv, IR_fmax)
ACROSS(fminv, IR_fmin)
ACROSS(fmaxnmv, IR_fmaxnm)
ACROSS(fminnmv, IR_fminnm)
#undef ACROSS
