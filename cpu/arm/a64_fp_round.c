/* SPDX-License-Identifier: MIT */
/*
 * Rounding to integral floating-point numbers, scalar and vector (DDI 0487, C7.2: FRINTN ...
 * FRINT64Z). In the rows mode is 0 to nearest, 1 up, 2 down, 3 to zero, 4 to nearest with ties
 * away, 6 by FPCR and exact, 7 by FPCR.
 */
#include "cpu/arm/a64_simd.h"
#include "cpu/arm/fp_calls.h"

static unsigned rounding(unsigned mode)
{
    return mode == 6 ? IR_RDYN | IR_FRINT_EXACT : mode == 7 ? IR_RDYN : mode;
}

void a64_frint_s(struct a64_block *c, const struct a64_frint_s *a)
{
    const ir_type t = fp_scalar(a->esz);

    if (fp_access(c)) {
        const ir_val n = read_s(c, a->rn, t);
        write_fp(c, a->rd, a->rd, ir_fp1(c->b, IR_frint, t, n, rounding(a->mode), fp_bits_of(c)));
    }
}

void a64_frint_v(struct a64_block *c, const struct a64_frint_v *a)
{
    const ir_type t = fp_lanes(a->esz, a->q);

    if (fp_access(c)) {
        const ir_val n = read_v(c, a->rn);
        write_v(c, a->rd, ir_fp1(c->b, IR_frint, t, n, rounding(a->mode), fp_bits_of(c)));
    }
}

/* Option of fp_call_rint_range: bit 0 for 64-bit integers, bit 1 by FPCR and not to zero. */
static ir_val round_sized(struct a64_block *c, unsigned rn, uint32_t aux)
{
    return ir_call(c->b, T_V128, &fp_call_rint_range, read_v(c, rn), IR_NONE, IR_NONE, aux);
}

void a64_frint_sized_s(struct a64_block *c, const struct a64_frint_sized_s *a)
{
    if (fp_access(c)) {
        const ir_val r = round_sized(c, a->rn, LANES_AUX(a->esz, 1, a->wide | a->x << 1));
        write_fp(c, a->rd, a->rd, ir_vget(c->b, fp_scalar(a->esz), r, 0));
    }
}

void a64_frint_sized_v(struct a64_block *c, const struct a64_frint_sized_v *a)
{
    if (fp_access(c)) {
        const unsigned lanes = lanes_of(a->esz, a->q, 0);
        write_v(c, a->rd, round_sized(c, a->rn, LANES_AUX(a->esz, lanes, a->wide | a->x << 1)));
    }
}
