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

uint64_t a64_fp_imm(unsigned imm8, unsigned esz)
{
    const unsigned exponent_bits = esz == 1 ? 5 : esz == 2 ? 8 : 11;
    const unsigned fraction_bits = elem_bits(esz) - exponent_bits - 1;
    const uint64_t b = imm8 >> 6 & 1;
    /* NOT(b), b repeated, and the next two bits of imm8 */
    const uint64_t exponent = (b ^ 1) << (exponent_bits - 1) |
                              (b ? mask64(exponent_bits - 3) << 2 : 0) | (imm8 >> 4 & 3);
    return (uint64_t)(imm8 >> 7) << (elem_bits(esz) - 1) | exponent << fraction_bits |
           (uint64_t)(imm8 & 15) << (fraction_bits - 4);
}

static uint64_t repeat32(uint64_t x)
{
    return x << 32 | x;
}

/* cmode 1110 with op: each bit of imm8 is a byte of ones. */
static uint64_t byte_mask(unsigned imm8)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < 8; i++) {
        r |= bit(imm8, i) ? UINT64_C(0xff) << (8 * i) : 0;
    }
    return r;
}

/* AdvSIMDExpandImm, with the inversion of MVNI */
static uint64_t expand_imm(unsigned op, unsigned cmode, uint64_t imm8)
{
    uint64_t r;

    if (cmode < 8) {
        r = repeat32(imm8 << (8 * (cmode >> 1)));
    } else if (cmode < 12) {
        r = repeat32((imm8 << 16 | imm8) << (8 * (cmode >> 1 & 1)));
    } else if (cmode < 14) {
        r = repeat32(cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff);
    } else if (cmode == 14) {
        return op ? byte_mask((unsigned)imm8) : imm8 * UINT64_C(0x0101010101010101);
    } else {
        return op ? a64_fp_imm((unsigned)imm8, 3) : repeat32(a64_fp_imm((unsigned)imm8, 2));
    }
    return op ? ~r : r;
}

void a64_movi(struct a64_block *c, const struct a64_movi *a)
{
    if (!fp_access(c)) {
        return;
    }
    const uint64_t k = expand_imm(a->op, a->cmode, a->imm);
    write_vq(c, a->rd, a->q, ir_vkonst(c->b, k));
}

void a64_fmov_vi_half(struct a64_block *c, const struct a64_fmov_vi_half *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q, splat(c, 1, a64_fp_imm(a->imm, 1)));
    }
}

void a64_orr_vi(struct a64_block *c, const struct a64_orr_vi *a)
{
    if (fp_access(c)) {
        const ir_val k = ir_vkonst(c->b, expand_imm(0, a->cmode, a->imm));
        write_vq(c, a->rd, a->q, vec_or(c, read_v(c, a->rd), k));
    }
}

void a64_bic_vi(struct a64_block *c, const struct a64_bic_vi *a)
{
    if (fp_access(c)) {
        const ir_val k = ir_vkonst(c->b, ~expand_imm(0, a->cmode, a->imm));
        write_vq(c, a->rd, a->q, vec_and(c, read_v(c, a->rd), k));
    }
}
