/* SPDX-License-Identifier: MIT */
/*
 * Advanced SIMD shifts: by an immediate, and by the signed low byte of each element of a register
 * (DDI 0487, C4.1.96 "shift by immediate", "three same"). Conversions to fixed point, which are
 * encoded as shifts, are in a64_fp_convert.c.
 *
 * Where a result saturates, mask has all bits set in its element, and FPSR.QC becomes 1. Operands
 * of those have the elements that take no part cleared: zero never saturates.
 */
#include "cpu/arm/a64_simd.h"

/* ---- right shifts */

/* A rounding right shift by n, from 1 to the element's bits: the last bit that goes is added. */
static ir_val shift_right_rounded(struct a64_block *c, unsigned esz, ir_val x, unsigned n,
                                  bool is_signed)
{
    if (!is_signed && esz <= 1) {
        /* The average with 0, rounded up: hosts have it. */
        return vec2(c, IR_urhadd, esz, vec1i(c, IR_shri, esz, x, n - 1), ir_vkonst(c->b, 0));
    }
    const ir_val last = vec_and(c, vec1i(c, IR_shri, esz, x, n - 1), splat(c, esz, 1));
    return vec2(c, IR_add, esz, vec1i(c, is_signed ? IR_sari : IR_shri, esz, x, n), last);
}

enum {
    SHIFT_SIGNED = 1,
    SHIFT_ROUND = 2,
    SHIFT_ADD = 4
};

static void shift_right(struct a64_block *c, unsigned q, unsigned imm, const unsigned reg[2],
                        unsigned flags)
{
    const unsigned esz = a64_shift_esz(imm), n = right_shift(imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val x = read_v(c, reg[1]);
    ir_val r = flags & SHIFT_ROUND ? shift_right_rounded(c, esz, x, n, flags & SHIFT_SIGNED)
                                   : vec1i(c, flags & SHIFT_SIGNED ? IR_sari : IR_shri, esz, x, n);
    if (flags & SHIFT_ADD) {
        r = vec2(c, IR_add, esz, read_v(c, reg[0]), r);
    }
    write_vq(c, reg[0], q, r);
}

#define SHIFT_RIGHT(name, flags)                                                                   \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        shift_right(c, a->q, a->imm, (const unsigned[]){a->rd, a->rn}, flags);                     \
    }
SHIFT_RIGHT(sshr_vi, SHIFT_SIGNED)
SHIFT_RIGHT(ushr_vi, 0)
SHIFT_RIGHT(ssra_vi, SHIFT_SIGNED | SHIFT_ADD)
SHIFT_RIGHT(usra_vi, SHIFT_ADD)
SHIFT_RIGHT(srshr_vi, SHIFT_SIGNED | SHIFT_ROUND)
SHIFT_RIGHT(urshr_vi, SHIFT_ROUND)
SHIFT_RIGHT(srsra_vi, SHIFT_SIGNED | SHIFT_ROUND | SHIFT_ADD)
SHIFT_RIGHT(ursra_vi, SHIFT_ROUND | SHIFT_ADD)
#undef SHIFT_RIGHT

/* ---- shifts that insert: the bits that the shift leaves free are Vd's */

void a64_sri_vi(struct a64_block *c, const struct a64_sri_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = right_shift(a->imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val kept = splat(c, esz,
                              n < elem_bits(esz) ? ~(mask64(elem_bits(esz)) >> n) : ~UINT64_C(0));
    const ir_val x = vec1i(c, IR_shri, esz, read_v(c, a->rn), n);
    write_vq(c, a->rd, a->q, vec_or(c, vec_and(c, read_v(c, a->rd), kept), x));
}

void a64_sli_vi(struct a64_block *c, const struct a64_sli_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = left_shift(a->imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val kept = splat(c, esz, mask64(n));
    const ir_val x = vec1i(c, IR_shli, esz, read_v(c, a->rn), n);
    write_vq(c, a->rd, a->q, vec_or(c, vec_and(c, read_v(c, a->rd), kept), x));
}

/* ---- left shifts */

void a64_shl_vi(struct a64_block *c, const struct a64_shl_vi *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q,
                 vec1i(c, IR_shli, a64_shift_esz(a->imm), read_v(c, a->rn), left_shift(a->imm)));
    }
}

static void shift_long(struct a64_block *c, unsigned q, unsigned imm, const unsigned reg[2],
                       const enum ir_op widen[2])
{
    const unsigned wide = a64_shift_esz(imm) + 1;

    if (fp_access(c)) {
        const ir_val x = vec1(c, widen[q], wide, read_v(c, reg[1]));
        write_v(c, reg[0], vec1i(c, IR_shli, wide, x, left_shift(imm)));
    }
}

void a64_sshll_vi(struct a64_block *c, const struct a64_sshll_vi *a)
{
    shift_long(c, a->q, a->imm, (const unsigned[]){a->rd, a->rn},
               (const enum ir_op[]){IR_vsxtl, IR_vsxth});
}

void a64_ushll_vi(struct a64_block *c, const struct a64_ushll_vi *a)
{
    shift_long(c, a->q, a->imm, (const unsigned[]){a->rd, a->rn},
               (const enum ir_op[]){IR_vuxtl, IR_vuxth});
}

/* SHLL: by the element's bits. */
void a64_shll(struct a64_block *c, const struct a64_shll *a)
{
    if (fp_access(c)) {
        const ir_val x = vec1(c, a->q ? IR_vuxth : IR_vuxtl, a->esz + 1, read_v(c, a->rn));
        write_v(c, a->rd, vec1i(c, IR_shli, a->esz + 1, x, elem_bits(a->esz)));
    }
}

/* The number of x's sign that is greatest in magnitude. */
static ir_val extreme_of_sign(struct a64_block *c, unsigned esz, ir_val x)
{
    const unsigned bits = elem_bits(esz);
    return vec_xor(c, vec1i(c, IR_sari, esz, x, bits - 1), splat(c, esz, mask64(bits - 1)));
}

static ir_val differs(struct a64_block *c, unsigned esz, ir_val x, ir_val y)
{
    return ir_v1(c->b, IR_not, T_V128, vec_compare(c, IR_EQ, esz, x, y), 0);
}

/* A left shift that loses something does not come back by the right shift. */
void a64_sqshl_vi(struct a64_block *c, const struct a64_sqshl_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = left_shift(a->imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val x = read_elements(c, a->rn, esz, a->q, a->scalar);
    const ir_val shifted = vec1i(c, IR_shli, esz, x, n);
    const ir_val mask = differs(c, esz, vec1i(c, IR_sari, esz, shifted, n), x);
    accumulate_qc(c, mask);
    write_v(c, a->rd, vec_select(c, mask, extreme_of_sign(c, esz, x), shifted));
}

void a64_uqshl_vi(struct a64_block *c, const struct a64_uqshl_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = left_shift(a->imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val x = read_elements(c, a->rn, esz, a->q, a->scalar);
    const ir_val shifted = vec1i(c, IR_shli, esz, x, n);
    const ir_val mask = differs(c, esz, vec1i(c, IR_shri, esz, shifted, n), x);
    accumulate_qc(c, mask);
    write_v(c, a->rd, vec_or(c, shifted, mask));
}

/* Signed to unsigned: negative numbers become 0. */
void a64_sqshlu_vi(struct a64_block *c, const struct a64_sqshlu_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = left_shift(a->imm);

    if (!fp_access(c)) {
        return;
    }
    const ir_val x = read_elements(c, a->rn, esz, a->q, a->scalar);
    const ir_val shifted = vec1i(c, IR_shli, esz, x, n);
    const ir_val mask = differs(c, esz, vec1i(c, IR_shri, esz, shifted, n), x);
    const ir_val negative = vec1i(c, IR_sari, esz, x, elem_bits(esz) - 1);
    accumulate_qc(c, vec_or(c, mask, negative));
    write_v(c, a->rd, ir_v2(c->b, IR_andn, T_V128, vec_or(c, shifted, mask), negative, 0));
}

/* ---- right shifts that narrow: esz is that of the result */

void a64_shrn_vi(struct a64_block *c, const struct a64_shrn_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm);

    if (fp_access(c)) {
        const ir_val x = vec1i(c, IR_shri, esz + 1, read_v(c, a->rn), right_shift(a->imm));
        write_narrow(c, a->rd, a->q, vec1(c, IR_vxtn, esz, x));
    }
}

/* A carry out of the rounding is above what is kept. */
void a64_rshrn_vi(struct a64_block *c, const struct a64_rshrn_vi *a)
{
    const unsigned esz = a64_shift_esz(a->imm), n = right_shift(a->imm);

    if (fp_access(c)) {
        const ir_val half = splat(c, esz + 1, UINT64_C(1) << (n - 1));
        const ir_val x = vec2(c, IR_add, esz + 1, read_v(c, a->rn), half);
        write_narrow(c, a->rd, a->q, vec1(c, IR_vxtn, esz, vec1i(c, IR_shri, esz + 1, x, n)));
    }
}

/* x, of double width, narrowed by op; QC where widening gives another number back. */
static ir_val saturate_narrow(struct a64_block *c, unsigned esz, enum ir_op op, ir_val x)
{
    const ir_val r = vec1(c, op, esz, x);
    const ir_val back = vec1(c, op == IR_vsqxtn ? IR_vsxtl : IR_vuxtl, esz + 1, r);
    accumulate_qc(c, vec_xor(c, back, x));
    return r;
}

struct narrowing {
    unsigned q, scalar, esz, rd, rn;
    unsigned shift; /* 0: none */
    bool round;
    enum ir_op op;
};

static void narrow(struct a64_block *c, const struct narrowing *o)
{
    if (!fp_access(c)) {
        return;
    }
    const bool is_signed = o->op != IR_vuqxtn;
    ir_val x = read_elements(c, o->rn, o->esz + 1, 1, o->scalar);
    if (o->round) {
        x = shift_right_rounded(c, o->esz + 1, x, o->shift, is_signed);
    } else if (o->shift) {
        x = vec1i(c, is_signed ? IR_sari : IR_shri, o->esz + 1, x, o->shift);
    }
    write_narrow(c, o->rd, o->q, saturate_narrow(c, o->esz, o->op, x));
}

#define SHIFT_NARROW(name, op_, round_)                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        narrow(c, &(const struct narrowing){.q = a->q,                                             \
                                            .scalar = a->scalar,                                   \
                                            .esz = a64_shift_esz(a->imm),                          \
                                            .rd = a->rd,                                           \
                                            .rn = a->rn,                                           \
                                            .shift = right_shift(a->imm),                          \
                                            .round = round_,                                       \
                                            .op = op_});                                           \
    }
SHIFT_NARROW(sqshrn_vi, IR_vsqxtn, false)
SHIFT_NARROW(sqrshrn_vi, IR_vsqxtn, true)
SHIFT_NARROW(uqshrn_vi, IR_vuqxtn, false)
SHIFT_NARROW(uqrshrn_vi, IR_vuqxtn, true)
SHIFT_NARROW(sqshrun_vi, IR_vsqxtun, false)
SHIFT_NARROW(sqrshrun_vi, IR_vsqxtun, true)
#undef SHIFT_NARROW

void a64_xtn(struct a64_block *c, const struct a64_xtn *a)
{
    if (fp_access(c)) {
        write_narrow(c, a->rd, a->q, vec1(c, IR_vxtn, a->esz, read_v(c, a->rn)));
    }
}

#define EXTRACT_NARROW(name, op_)                                                                  \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        narrow(c, &(const struct narrowing){.q = a->q,                                             \
                                            .scalar = a->scalar,                                   \
                                            .esz = a->esz,                                         \
                                            .rd = a->rd,                                           \
                                            .rn = a->rn,                                           \
                                            .op = op_});                                           \
    }
EXTRACT_NARROW(sqxtn, IR_vsqxtn)
EXTRACT_NARROW(uqxtn, IR_vuqxtn)
EXTRACT_NARROW(sqxtun, IR_vsqxtun)
#undef EXTRACT_NARROW

/* ---- by the signed low byte of each element of Vm; negative is to the right */

enum {
    BY_REG_SIGNED = 1,
    BY_REG_ROUND = 2,
    BY_REG_SATURATE = 4
};

struct by_register {
    unsigned q, scalar, esz, rd, rn, rm;
};

/* The last bit that a right shift of x by -count drops; 0 for left shifts. */
static ir_val last_bit_out(struct a64_block *c, unsigned esz, enum ir_op shift, ir_val x,
                           ir_val count)
{
    /* One step less to the right; a count of 127 must not turn into -128. */
    const ir_val less = vec2(c, IR_ssadd, 0, count, splat(c, 0, 1));
    return vec_and(c, vec2(c, shift, esz, x, less), splat(c, esz, 1));
}

/* Where a shift of x to the left loses something. shifted: the result. */
static ir_val lost(struct a64_block *c, unsigned esz, enum ir_op shift, const ir_val x_shifted[2],
                   ir_val count)
{
    const ir_val back = vec2(c, shift, esz, x_shifted[1], vec1(c, IR_neg, esz, count));
    /* The sign of the count's byte, in the whole element. */
    const ir_val top = vec1i(c, IR_shli, esz, count, elem_bits(esz) - 8);
    const ir_val right = vec1i(c, IR_sari, esz, top, elem_bits(esz) - 1);
    return ir_v2(c->b, IR_andn, T_V128, differs(c, esz, back, x_shifted[0]), right, 0);
}

static void shift_by_register(struct a64_block *c, const struct by_register *o, unsigned flags)
{
    const bool is_signed = flags & BY_REG_SIGNED;
    const enum ir_op shift = is_signed ? IR_sshl : IR_ushl;

    if (!fp_access(c)) {
        return;
    }
    const ir_val x = read_elements(c, o->rn, o->esz, o->q, o->scalar), count = read_v(c, o->rm);
    const ir_val shifted = vec2(c, shift, o->esz, x, count);
    ir_val r = shifted;
    if (flags & BY_REG_ROUND) {
        r = vec2(c, IR_add, o->esz, r, last_bit_out(c, o->esz, shift, x, count));
    }
    if (flags & BY_REG_SATURATE) {
        const ir_val mask = lost(c, o->esz, shift, (const ir_val[]){x, shifted}, count);
        accumulate_qc(c, mask);
        r = is_signed ? vec_select(c, mask, extreme_of_sign(c, o->esz, x), r) : vec_or(c, r, mask);
    }
    write_v(c, o->rd, r);
}

#define SHIFT_BY_REGISTER(name, flags)                                                             \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        shift_by_register(c,                                                                       \
                          &(const struct by_register){.q = a->q,                                   \
                                                      .scalar = a->scalar,                         \
                                                      .esz = a->esz,                               \
                                                      .rd = a->rd,                                 \
                                                      .rn = a->rn,                                 \
                                                      .rm = a->rm},                                \
                          flags);                                                                  \
    }
SHIFT_BY_REGISTER(sshl_v, BY_REG_SIGNED)
SHIFT_BY_REGISTER(ushl_v, 0)
SHIFT_BY_REGISTER(srshl_v, BY_REG_SIGNED | BY_REG_ROUND)
SHIFT_BY_REGISTER(urshl_v, BY_REG_ROUND)
SHIFT_BY_REGISTER(sqshl_v, BY_REG_SIGNED | BY_REG_SATURATE)
SHIFT_BY_REGISTER(uqshl_v, BY_REG_SATURATE)
SHIFT_BY_REGISTER(sqrshl_v, BY_REG_SIGNED | BY_REG_ROUND | BY_REG_SATURATE)
SHIFT_BY_REGISTER(uqrshl_v, BY_REG_ROUND | BY_REG_SATURATE)
#undef SHIFT_BY_REGISTER
