/* SPDX-License-Identifier: MIT */
/*
 * Floating-point conversions: to and from integers and fixed point, between formats (DDI 0487,
 * C4.1.96), scalar and vector. In the rows round is 0 to nearest, 1 up, 2 down, 3 to zero, 4 to
 * nearest with ties away, as in enum ir_rounding.
 */
#include "cpu/arm/a64_simd.h"
#include "cpu/arm/fp_calls.h"
#include "cpu/arm/nzcv.h"

_Static_assert(IR_RNE == 0 && IR_RUP == 1 && IR_RDN == 2 && IR_RTZ == 3 && IR_RNA == 4,
               "the rows' numbers");

#define FRACTION(bits) ((bits) << 8)

/* ---- general registers */

void a64_fcvt_gpr(struct a64_block *c, const struct a64_fcvt_gpr *a)
{
    if (fp_access(c)) {
        const ir_val n = read_s(c, a->rn, fp_scalar(a->esz));
        const unsigned how = a->round | (a->u ? IR_FTOI_UNSIGNED : 0);
        write_x(c, a->rd, ir_ftoi(c->b, type_of(a->sf), n, how, fp_bits_of(c)));
    }
}

#define TO_FIXED(name, how)                                                                        \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            const ir_val n = read_s(c, a->rn, fp_scalar(a->esz));                                  \
            write_x(c, a->rd,                                                                      \
                    ir_ftoi(c->b, type_of(a->sf), n, IR_RTZ | (how) | FRACTION(64u - a->scale),    \
                            fp_bits_of(c)));                                                       \
        }                                                                                          \
    }
TO_FIXED(fcvtzs_fix, 0)
TO_FIXED(fcvtzu_fix, IR_FTOI_UNSIGNED)
#undef TO_FIXED

#define FROM_GPR(name, how)                                                                        \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            const ir_val x = read_x(c, a->rn, a->sf);                                              \
            write_fp(c, a->rd, a->rd, ir_itof(c->b, fp_scalar(a->esz), x, how, fp_bits_of(c)));    \
        }                                                                                          \
    }
FROM_GPR(scvtf_gpr, IR_RDYN)
FROM_GPR(ucvtf_gpr, IR_RDYN | IR_ITOF_UNSIGNED)
FROM_GPR(scvtf_fix, IR_RDYN | FRACTION(64u - a->scale))
FROM_GPR(ucvtf_fix, IR_RDYN | IR_ITOF_UNSIGNED | FRACTION(64u - a->scale))
#undef FROM_GPR

/*
 * FJCVTZS: modulo 2^32, with Z if nothing was lost: if the integer converts back to the very bits
 * that there were (which those of -0 and of denormals do not).
 */
void a64_fjcvtzs(struct a64_block *c, const struct a64_fjcvtzs *a)
{
    if (!fp_access(c)) {
        return;
    }
    const ir_val n = read_s(c, a->rn, T_F64);
    const ir_val r = ir_ftoi(c->b, T_I32, n, IR_RTZ | IR_FTOI_MODULAR, fp_bits_of(c));
    const ir_val back = ir_itof(c->b, T_F64, r, IR_RDYN, 0);
    const ir_val same = ir_cmp(c->b, IR_EQ, ir_vget(c->b, T_I64, ir_vzext(c->b, back), 0),
                               ir_vget(c->b, T_I64, read_v(c, a->rn), 0));
    write_x(c, a->rd, r);
    put_nzcv(c, ir_flags_select(c->b, same, flags_const(c, 1 << (PSTATE_Z_BIT - PSTATE_V_BIT)),
                                flags_const(c, 0)));
}

/* ---- vector registers */

/* Elements of type t to integers of their width, truncated by how. */
static ir_val to_int(struct a64_block *c, ir_type t, ir_val x, unsigned how)
{
    if (ir_is_vector(t)) {
        return ir_fp1(c->b, IR_vftoi, t, x, how, fp_bits_of(c));
    }
    return ir_ftoi(c->b, int_scalar(log2_floor(ir_lane_bits(t)) - 3), x, how, fp_bits_of(c));
}

static void from_int(struct a64_block *c, ir_type t, const unsigned reg[2], unsigned how)
{
    const ir_val n = read_v(c, reg[1]);

    if (ir_is_vector(t)) {
        write_v(c, reg[0], ir_fp1(c->b, IR_vitof, t, n, how, fp_bits_of(c)));
    } else {
        const ir_val x = ir_vget(c->b, int_scalar(log2_floor(ir_lane_bits(t)) - 3), n, 0);
        write_fp(c, reg[0], reg[0], ir_itof(c->b, t, x, how, fp_bits_of(c)));
    }
}

void a64_fcvt_v(struct a64_block *c, const struct a64_fcvt_v *a)
{
    const ir_type t = fp_type(a->esz, a->q, a->scalar);

    if (fp_access(c)) {
        const unsigned how = a->round | (a->u ? IR_FTOI_UNSIGNED : 0);
        write_fp_type(c, a->rd, a->rd, to_int(c, t, read_fp(c, a->rn, t), how));
    }
}

#define TO_FIXED_VECTOR(name, how)                                                                 \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_type t = fp_type(a64_shift_esz(a->imm), a->q, a->scalar);                         \
        if (fp_access(c)) {                                                                        \
            const unsigned fixed = IR_RTZ | (how) | FRACTION(right_shift(a->imm));                 \
            write_fp_type(c, a->rd, a->rd, to_int(c, t, read_fp(c, a->rn, t), fixed));             \
        }                                                                                          \
    }
TO_FIXED_VECTOR(fcvtzs_vi, 0)
TO_FIXED_VECTOR(fcvtzu_vi, IR_FTOI_UNSIGNED)
#undef TO_FIXED_VECTOR

#define FROM_INT_VECTOR(name, esz, how)                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            from_int(c, fp_type(esz, a->q, a->scalar), (const unsigned[]){a->rd, a->rn}, how);     \
        }                                                                                          \
    }
FROM_INT_VECTOR(scvtf_v, a->esz, IR_RDYN)
FROM_INT_VECTOR(ucvtf_v, a->esz, IR_RDYN | IR_ITOF_UNSIGNED)
FROM_INT_VECTOR(scvtf_vi, a64_shift_esz(a->imm), IR_RDYN | FRACTION(right_shift(a->imm)))
FROM_INT_VECTOR(ucvtf_vi, a64_shift_esz(a->imm),
                IR_RDYN | IR_ITOF_UNSIGNED | FRACTION(right_shift(a->imm)))
#undef FROM_INT_VECTOR

/* ---- between formats */

void a64_fcvt_s(struct a64_block *c, const struct a64_fcvt_s *a)
{
    if (fp_access(c)) {
        const ir_val n = read_s(c, a->rn, fp_scalar(a->esz));
        write_fp(c, a->rd, a->rd, ir_fcvt(c->b, fp_scalar(a->dst), n, fp_bits_of(c)));
    }
}

void a64_bfcvt_s(struct a64_block *c, const struct a64_bfcvt_s *a)
{
    if (fp_access(c)) {
        write_fp(c, a->rd, a->rd, ir_fcvt(c->b, T_BF16, read_s(c, a->rn, T_F32), fp_bits_of(c)));
    }
}

/* Elements first to first + count - 1 of v, converted one by one, in the low elements of the
 * result. */
static ir_val convert_elements(struct a64_block *c, const ir_type from_to[2], ir_val v,
                               unsigned first, unsigned count)
{
    const unsigned to_bits = ir_lane_bits(from_to[1]);
    const ir_type lanes = IR_TYPE(ir_lane(from_to[1]), log2_floor(128 / to_bits));
    ir_val r = IR_NONE;

    for (unsigned i = 0; i < count; i++) {
        const ir_val x = ir_fcvt(c->b, from_to[1], ir_vget(c->b, from_to[0], v, first + i),
                                 fp_bits_of(c));
        r = i == 0 ? ir_vzext(c->b, x) : ir_vset(c->b, lanes, r, i, x);
    }
    return r;
}

void a64_fcvtl_v(struct a64_block *c, const struct a64_fcvtl_v *a)
{
    const ir_type from_to[2] = {fp_scalar(a->esz), fp_scalar(a->esz + 1)};

    if (fp_access(c)) {
        const unsigned count = 8u >> a->esz;
        write_v(c, a->rd, convert_elements(c, from_to, read_v(c, a->rn), a->q * count, count));
    }
}

void a64_fcvtn_v(struct a64_block *c, const struct a64_fcvtn_v *a)
{
    const ir_type from_to[2] = {fp_scalar(a->esz + 1), fp_scalar(a->esz)};

    if (fp_access(c)) {
        const ir_val r = convert_elements(c, from_to, read_v(c, a->rn), 0, 8u >> a->esz);
        write_narrow(c, a->rd, a->q, r);
    }
}

void a64_bfcvtn_v(struct a64_block *c, const struct a64_bfcvtn_v *a)
{
    if (fp_access(c)) {
        const ir_type from_to[2] = {T_F32, T_BF16};
        write_narrow(c, a->rd, a->q, convert_elements(c, from_to, read_v(c, a->rn), 0, 4));
    }
}

/* Double to single, rounded to odd. */
void a64_fcvtxn_v(struct a64_block *c, const struct a64_fcvtxn_v *a)
{
    if (!fp_access(c)) {
        return;
    }
    const uint32_t aux = LANES_AUX(3, a->scalar ? 1 : 2, 0);
    const ir_val r = ir_call(c->b, T_V128, &fp_call_cvtxn, read_v(c, a->rn), IR_NONE, IR_NONE, aux);
    if (a->scalar) {
        write_fp(c, a->rd, a->rd, ir_vget(c->b, T_F32, r, 0));
    } else {
        write_narrow(c, a->rd, a->q, r);
    }
}
