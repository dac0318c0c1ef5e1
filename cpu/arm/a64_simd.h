/* SPDX-License-Identifier: MIT */
/*
 * What the semantic functions of floating point and Advanced SIMD share: lane types by element
 * size, operands with the lanes that do not take part cleared, results with the rest of the
 * register.
 *
 * esz is the logarithm of an element's bytes. q: the operands have 128 bits, else 64. scalar: one
 * element. The result of an instruction clears what is above it in the register, unless FPCR.NEP
 * asks for merging.
 */
#ifndef CPU_ARM_A64_SIMD_H
#define CPU_ARM_A64_SIMD_H

#include "base/bits.h"
#include "cpu/arm/a64.h"
#include "cpu/arm/a64_disas.h"

/* ---- types */

static inline ir_type int_lanes(unsigned esz)
{
    static const ir_type types[] = {T_I8X16, T_I16X8, T_I32X4, T_I64X2};
    return types[esz];
}

static inline ir_type int_scalar(unsigned esz)
{
    static const ir_type types[] = {T_I8, T_I16, T_I32, T_I64};
    return types[esz];
}

/* esz 1 to 3 */
static inline ir_type fp_scalar(unsigned esz)
{
    static const ir_type types[] = {T_VOID, T_F16, T_F32, T_F64};
    return types[esz];
}

static inline ir_type fp_lanes(unsigned esz, unsigned q)
{
    static const ir_type types[2][4] = {{T_VOID, T_F16X4, T_F32X2, T_VOID},
                                        {T_VOID, T_F16X8, T_F32X4, T_F64X2}};
    return types[q][esz];
}

/* Of an instruction that has vector and scalar forms. */
static inline ir_type fp_type(unsigned esz, unsigned q, unsigned scalar)
{
    return scalar ? fp_scalar(esz) : fp_lanes(esz, q);
}

/* Bits of an element. */
static inline unsigned elem_bits(unsigned esz)
{
    return 8u << esz;
}

/* Shifts by an immediate: the element is told by the highest bit of imm (immh:immb),
 * a64_shift_esz(). */
static inline unsigned right_shift(unsigned imm)
{
    return 2 * elem_bits(a64_shift_esz(imm)) - imm;
}

static inline unsigned left_shift(unsigned imm)
{
    return imm - elem_bits(a64_shift_esz(imm));
}

/* ---- values */

/* Every element is k. */
static inline ir_val splat(struct a64_block *c, unsigned esz, uint64_t k)
{
    k &= mask64(elem_bits(esz));
    for (unsigned w = elem_bits(esz); w < 64; w *= 2) {
        k |= k << w;
    }
    return ir_vkonst(c->b, k);
}

static inline ir_val vec1(struct a64_block *c, enum ir_op op, unsigned esz, ir_val x)
{
    return ir_v1(c->b, op, int_lanes(esz), x, 0);
}

/* An op with a constant operand: shifts, vdup_lane, vrev. */
static inline ir_val vec1i(struct a64_block *c, enum ir_op op, unsigned esz, ir_val x, unsigned n)
{
    return ir_v1(c->b, op, int_lanes(esz), x, n);
}

static inline ir_val vec2(struct a64_block *c, enum ir_op op, unsigned esz, ir_val x, ir_val y)
{
    return ir_v2(c->b, op, int_lanes(esz), x, y, 0);
}

static inline ir_val vec3(struct a64_block *c, enum ir_op op, ir_type t, const ir_val x[3])
{
    return ir_v3(c->b, op, t, x[0], x[1], x[2], 0);
}

static inline ir_val vec_compare(struct a64_block *c, enum ir_cond cond, unsigned esz, ir_val x,
                                 ir_val y)
{
    return ir_v2(c->b, IR_vcmp, int_lanes(esz), x, y, cond);
}

/* Bits: mask ? x : y. */
static inline ir_val vec_select(struct a64_block *c, ir_val mask, ir_val x, ir_val y)
{
    return ir_v3(c->b, IR_bsel, T_V128, mask, x, y, 0);
}

static inline ir_val vec_and(struct a64_block *c, ir_val x, ir_val y)
{
    return ir_v2(c->b, IR_and, T_V128, x, y, 0);
}

static inline ir_val vec_or(struct a64_block *c, ir_val x, ir_val y)
{
    return ir_v2(c->b, IR_or, T_V128, x, y, 0);
}

static inline ir_val vec_xor(struct a64_block *c, ir_val x, ir_val y)
{
    return ir_v2(c->b, IR_xor, T_V128, x, y, 0);
}

static inline ir_val low64(struct a64_block *c, ir_val v)
{
    return ir_vlow64(c->b, v);
}

/* The low halves of two vectors, low's first. */
static inline ir_val join64(struct a64_block *c, ir_val low, ir_val high)
{
    return ir_vjoin(c->b, low, high);
}

/* The 128-bit constant high:low. */
static inline ir_val vec_const(struct a64_block *c, uint64_t low, uint64_t high)
{
    return ir_vkonst_halves(c->b, low, high);
}

/* Element 0 of v with the rest cleared. */
static inline ir_val only_element0(struct a64_block *c, ir_val v, unsigned esz)
{
    switch (esz) {
    case 0:
        return vec_and(c, low64(c, v), ir_vkonst(c->b, 0xff));
    case 3:
        return low64(c, v);
    default:
        return ir_vzext(c->b, ir_vget(c->b, fp_scalar(esz), v, 0));
    }
}

/* Vr with the elements that take no part cleared. */
static inline ir_val read_elements(struct a64_block *c, unsigned r, unsigned esz, unsigned q,
                                   unsigned scalar)
{
    const ir_val v = read_v(c, r);
    return scalar ? only_element0(c, v, esz) : q ? v : low64(c, v);
}

/* ---- results */

/* An element-narrowing instruction: v's low half becomes Vd, or with q ("2") its upper half. */
static inline void write_narrow(struct a64_block *c, unsigned rd, unsigned q, ir_val v)
{
    write_v(c, rd, q ? join64(c, read_v(c, rd), v) : low64(c, v));
}

/* The scalar result of a floating-point instruction; FPCR.NEP takes the rest from Vmerge. */
static inline void write_fp(struct a64_block *c, unsigned rd, unsigned merge, ir_val v)
{
    if (c->fp & IR_FP_NEP) {
        const ir_type t = ir_type_of(c->b, v);
        const ir_type lanes = IR_TYPE(ir_lane(t), log2_floor(128 / ir_lane_bits(t)));
        write_v(c, rd, ir_vset(c->b, lanes, read_v(c, merge), 0, v));
    } else {
        write_s(c, rd, v);
    }
}

/* ---- floating point */

/* The environment of an op: FPCR.NEP is the instructions' affair. */
static inline unsigned fp_bits_of(const struct a64_block *c)
{
    return c->fp & ~(unsigned)IR_FP_NEP;
}

/* The operand of an instruction with vector and scalar forms, for an op of type t. */
static inline ir_val read_fp(struct a64_block *c, unsigned r, ir_type t)
{
    return ir_is_vector(t) ? read_v(c, r) : read_s(c, r, t);
}

/* Element index of Vr, in each lane if t is a vector. */
static inline ir_val read_fp_elem(struct a64_block *c, unsigned r, unsigned esz, unsigned index,
                                  ir_type t)
{
    return ir_is_vector(t) ? vec1i(c, IR_vdup_lane, esz, read_v(c, r), index)
                           : ir_vget(c->b, t, read_v(c, r), index);
}

/* The result of type t, which has its upper part cleared if it is a vector of 64 bits. */
static inline void write_fp_type(struct a64_block *c, unsigned rd, unsigned merge, ir_val v)
{
    if (ir_is_vector(ir_type_of(c->b, v))) {
        write_v(c, rd, v);
    } else {
        write_fp(c, rd, merge, v);
    }
}

/* FPNeg and FPAbs: with AH a NaN keeps its sign. */
static inline ir_val fp_neg(struct a64_block *c, ir_type t, ir_val x)
{
    return ir_fp1(c->b, IR_fneg, t, x, 0, c->fp & IR_FP_ALT);
}

static inline ir_val fp_abs(struct a64_block *c, ir_type t, ir_val x)
{
    return ir_fp1(c->b, IR_fabs, t, x, 0, c->fp & IR_FP_ALT);
}

static inline ir_val fp_op2(struct a64_block *c, enum ir_op op, ir_type t, ir_val x, ir_val y)
{
    return ir_fp2(c->b, op, t, x, y, fp_bits_of(c));
}

/* ---- run-time functions on lanes: rows of fp_calls.h, simd_calls.h */

/* aux of those that work on several element sizes and counts; option is the function's own. */
#define LANES_AUX(esz, count, option)                                                              \
    ((uint32_t)(esz) | (uint32_t)(count) << 2 | (uint32_t)(option) << 8)

static inline unsigned lanes_of(unsigned esz, unsigned q, unsigned scalar)
{
    return scalar ? 1 : (q ? 16u : 8u) >> esz;
}

#endif
