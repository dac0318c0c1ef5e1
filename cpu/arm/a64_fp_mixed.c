/* SPDX-License-Identifier: MIT */
/*
 * Products of half-precision and BFloat16 numbers that are added to single-precision ones: FMLAL
 * (FEAT_FHM), BFDOT, BFMLAL, BFMMLA (FEAT_BF16; DDI 0487, C4.1.96): run-time functions.
 */
#include "cpu/arm/a64_simd.h"
#include "cpu/arm/fp_calls.h"

/* Vm, or its element index (esz is the element's) everywhere. */
static ir_val dup_elem(struct a64_block *c, unsigned rm, unsigned esz, unsigned index)
{
    return vec1i(c, IR_vdup_lane, esz, read_v(c, rm), index);
}

/* ---- FMLAL, FMLSL. Options of fp_call_fmlal: bit 0 for the upper half of Vn and Vm, bit 1
 * subtracts */

static void multiply_half(struct a64_block *c, const unsigned rd_rn_q[3], ir_val m, unsigned option)
{
    const uint32_t aux = LANES_AUX(2, lanes_of(2, rd_rn_q[2], 0), option);
    write_v(c, rd_rn_q[0],
            ir_call(c->b, T_V128, &fp_call_fmlal, read_v(c, rd_rn_q[0]), read_v(c, rd_rn_q[1]), m,
                    aux));
}

#define MULTIPLY_HALF(name, subtract)                                                              \
    void a64_##name##_v(struct a64_block *c, const struct a64_##name##_v *a)                       \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            multiply_half(c, (const unsigned[]){a->rd, a->rn, a->q}, read_v(c, a->rm),             \
                          a->high | (subtract) << 1);                                              \
        }                                                                                          \
    }                                                                                              \
    void a64_##name##_elem(struct a64_block *c, const struct a64_##name##_elem *a)                 \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            multiply_half(c, (const unsigned[]){a->rd, a->rn, a->q},                               \
                          dup_elem(c, a->rm, 1, a->index), a->high | (subtract) << 1);             \
        }                                                                                          \
    }
MULTIPLY_HALF(fmlal, 0)
MULTIPLY_HALF(fmlsl, 1)
#undef MULTIPLY_HALF

/* ---- BFloat16 */

static void bf16_call(struct a64_block *c, const struct ir_call *row, const unsigned rd_rn[2],
                      ir_val m, uint32_t aux)
{
    write_v(c, rd_rn[0],
            ir_call(c->b, T_V128, row, read_v(c, rd_rn[0]), read_v(c, rd_rn[1]), m, aux));
}

/* Of FPCR these know AH only, unless EBF is set. */
static unsigned ah(const struct a64_block *c)
{
    return c->fp & IR_FP_ALT ? 1 : 0;
}

static const struct ir_call *bfdot_row(const struct a64_block *c)
{
    return c->mode & MODE_EBF ? &fp_call_bfdot_ebf : &fp_call_bfdot;
}

void a64_bfdot_v(struct a64_block *c, const struct a64_bfdot_v *a)
{
    if (fp_access(c)) {
        bf16_call(c, bfdot_row(c), (const unsigned[]){a->rd, a->rn}, read_v(c, a->rm),
                  LANES_AUX(2, lanes_of(2, a->q, 0), ah(c)));
    }
}

void a64_bfdot_elem(struct a64_block *c, const struct a64_bfdot_elem *a)
{
    if (fp_access(c)) {
        bf16_call(c, bfdot_row(c), (const unsigned[]){a->rd, a->rn},
                  dup_elem(c, a->rm, 2, a->index), LANES_AUX(2, lanes_of(2, a->q, 0), ah(c)));
    }
}

void a64_bfmmla(struct a64_block *c, const struct a64_bfmmla *a)
{
    if (fp_access(c)) {
        bf16_call(c, c->mode & MODE_EBF ? &fp_call_bfmmla_ebf : &fp_call_bfmmla,
                  (const unsigned[]){a->rd, a->rn}, read_v(c, a->rm), LANES_AUX(2, 4, ah(c)));
    }
}

void a64_bfmlal_v(struct a64_block *c, const struct a64_bfmlal_v *a)
{
    if (fp_access(c)) {
        bf16_call(c, &fp_call_bfmlal, (const unsigned[]){a->rd, a->rn}, read_v(c, a->rm),
                  LANES_AUX(2, 4, a->top));
    }
}

void a64_bfmlal_elem(struct a64_block *c, const struct a64_bfmlal_elem *a)
{
    if (fp_access(c)) {
        bf16_call(c, &fp_call_bfmlal, (const unsigned[]){a->rd, a->rn},
                  dup_elem(c, a->rm, 1, a->index), LANES_AUX(2, 4, a->top));
    }
}
