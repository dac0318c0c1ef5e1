/* SPDX-License-Identifier: MIT */
/* Floating-point moves: registers, immediates, general registers (DDI 0487, C4.1.96). */
#include "cpu/arm/a64_simd.h"

void a64_fmov_s(struct a64_block *c, const struct a64_fmov_s *a)
{
    if (fp_access(c)) {
        write_s(c, a->rd, read_s(c, a->rn, fp_scalar(a->esz)));
    }
}

void a64_fmov_imm(struct a64_block *c, const struct a64_fmov_imm *a)
{
    if (fp_access(c)) {
        write_s(c, a->rd, ir_konst(c->b, int_scalar(a->esz), a64_fp_imm(a->esz, a->imm)));
    }
}

void a64_fmov_to_gpr(struct a64_block *c, const struct a64_fmov_to_gpr *a)
{
    if (fp_access(c)) {
        write_x(c, a->rd, ir_vget(c->b, int_scalar(a->esz), read_v(c, a->rn), 0));
    }
}

void a64_fmov_from_gpr(struct a64_block *c, const struct a64_fmov_from_gpr *a)
{
    if (fp_access(c)) {
        write_s(c, a->rd, ir_trunc(c->b, int_scalar(a->esz), read_x(c, a->rn, 1)));
    }
}

/* The upper half of a register. */
void a64_fmov_to_gpr_hi(struct a64_block *c, const struct a64_fmov_to_gpr_hi *a)
{
    if (fp_access(c)) {
        write_x(c, a->rd, ir_vget(c->b, T_I64, read_v(c, a->rn), 1));
    }
}

void a64_fmov_from_gpr_hi(struct a64_block *c, const struct a64_fmov_from_gpr_hi *a)
{
    if (fp_access(c)) {
        write_v(c, a->rd, ir_vset(c->b, T_I64X2, read_v(c, a->rd), 1, read_x(c, a->rn, 1)));
    }
}
