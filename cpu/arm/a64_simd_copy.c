/* SPDX-License-Identifier: MIT */
/* Advanced SIMD copy and modified immediate (DDI 0487, C4.1.96). */
#include "cpu/arm/a64_simd.h"

/* ---- elements and general registers */

void a64_dup_elem(struct a64_block *c, const struct a64_dup_elem *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_v(c, a->rn);
    if (!a->scalar) {
        write_vq(c, a->rd, a->q, vec1i(c, IR_vdup_lane, a->esz, n, a->index));
    } else if (a->esz == 0) {
        write_s(c, a->rd, ir_vget(c->b, T_I8, n, a->index));
    } else {
        write_s(c, a->rd, ir_vget(c->b, fp_scalar(a->esz), n, a->index));
    }
}

void a64_dup_gpr(struct a64_block *c, const struct a64_dup_gpr *a)
{
    if (fp_access(c)) {
        const ir_val x = ir_trunc(c->b, int_scalar(a->esz), read_x(c, a->rn, 1));
        write_vq(c, a->rd, a->q, ir_vdup(c->b, int_lanes(a->esz), x));
    }
}

void a64_smov(struct a64_block *c, const struct a64_smov *a)
{
    if (fp_access(c)) {
        const ir_val x = ir_vget(c->b, int_scalar(a->esz), read_v(c, a->rn), a->index);
        write_x(c, a->rd, ir_sext(c->b, type_of(a->q), x));
    }
}

void a64_umov(struct a64_block *c, const struct a64_umov *a)
{
    if (fp_access(c)) {
        write_x(c, a->rd, ir_vget(c->b, int_scalar(a->esz), read_v(c, a->rn), a->index));
    }
}

void a64_ins_gpr(struct a64_block *c, const struct a64_ins_gpr *a)
{
    if (fp_access(c)) {
        const ir_val x = ir_trunc(c->b, int_scalar(a->esz), read_x(c, a->rn, 1));
        write_v(c, a->rd, ir_vset(c->b, int_lanes(a->esz), read_v(c, a->rd), a->index, x));
    }
}

/* Elements move as floating-point scalars, which live in vector registers; bytes cannot. */
void a64_ins_elem(struct a64_block *c, const struct a64_ins_elem *a)
{
    static const ir_type lanes[] = {T_I8X16, T_F16X8, T_F32X4, T_F64X2};

    if (fp_access(c)) {
        const ir_type t = (ir_type)ir_lane(lanes[a->esz]);
        const ir_val x = ir_vget(c->b, t, read_v(c, a->rn), a->src);
        write_v(c, a->rd, ir_vset(c->b, lanes[a->esz], read_v(c, a->rd), a->index, x));
    }
}

/* ---- modified immediate */

void a64_movi(struct a64_block *c, const struct a64_movi *a)
{
    if (!fp_access(c)) {
        return;
    }
    const uint64_t k = a64_simd_imm(a->op, a->cmode, a->imm);
    write_vq(c, a->rd, a->q, ir_vkonst(c->b, k));
}

void a64_fmov_vi_half(struct a64_block *c, const struct a64_fmov_vi_half *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q, splat(c, 1, a64_fp_imm(1, a->imm)));
    }
}

void a64_orr_vi(struct a64_block *c, const struct a64_orr_vi *a)
{
    if (fp_access(c)) {
        const ir_val k = ir_vkonst(c->b, a64_simd_imm(0, a->cmode, a->imm));
        write_vq(c, a->rd, a->q, vec_or(c, read_v(c, a->rd), k));
    }
}

void a64_bic_vi(struct a64_block *c, const struct a64_bic_vi *a)
{
    if (fp_access(c)) {
        const ir_val k = ir_vkonst(c->b, ~a64_simd_imm(0, a->cmode, a->imm));
        write_vq(c, a->rd, a->q, vec_and(c, read_v(c, a->rd), k));
    }
}
