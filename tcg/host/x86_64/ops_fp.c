/* SPDX-License-Identifier: MIT */
/*
 * Scalar floating point on the host's unit. The result is computed in xmm0, so that the operands
 * survive for the cold path, which computes what the host does differently from the guest: NaNs
 * (payload, sign, default), and results below the smallest normal number (tininess before rounding,
 * flushing). MXCSR's sticky flags are the guest's.
 */
#include "tcg/host/x86_64/compile.h"

static bool hostable(const struct ir_insn *in)
{
    return (in->type == T_F64 || in->type == T_F32) && !(in->imm & FP_SPECIAL);
}

static unsigned fp_prefix(ir_type t)
{
    return t == T_F64 ? PP_F2 : PP_F3;
}

static opcode compare_op(ir_type t)
{
    return OPC(t == T_F64 ? PP_66 : PP_NONE, MAP_0F, 0x2e);
}

/* Jumps to cold if xmm0 is a NaN. */
static void check_nan(struct compiler *c, ir_type t, uint32_t cold)
{
    x_jcc(&c->as, CC_P, cold);
    emit_rr(&c->as, compare_op(t), X0, X0);
}

/* Jumps to cold if |xmm0| is below or at the smallest normal, or a NaN. */
static void check_small(struct compiler *c, ir_type t, uint32_t cold)
{
    struct assembler *as = &c->as;
    const bool w = t == T_F64;

    /*
     * Twice the bits without the sign, compared as integers: 1 more than the smallest normal is
     * taken off, so that this and all below wrap around and are above infinity as a NaN is.
     */
    x_jcc(as, CC_A, cold);
    if (w) {
        x_alu(as, ALU_CMP, true, RAX, RCX);
        x_mov_imm(as, RCX, UINT64_C(0xffe0000000000000) - UINT64_C(0x0020000000000001));
        x_alu(as, ALU_SUB, true, RAX, RCX);
        x_mov_imm(as, RCX, UINT64_C(0x0020000000000001));
        x_alu(as, ALU_ADD, true, RAX, RAX);
        emit_rr(as, SSE_MOVD_FROM_XMM | OP_W, X0, RAX);
    } else {
        x_alu_imm(as, ALU_CMP, false, reg_operand(RAX), (int32_t)(0xff000000u - 0x01000001u));
        x_alu_imm(as, ALU_SUB, false, reg_operand(RAX), 0x01000001);
        x_alu(as, ALU_ADD, false, RAX, RAX);
        emit_rr(as, SSE_MOVD_FROM_XMM, X0, RAX);
    }
}

static void arithmetic(struct compiler *c, const struct ir_insn *in, unsigned ra, unsigned rb)
{
    static const uint8_t ops[] = {[0] = 0x58, [1] = 0x5c, [2] = 0x59, [3] = 0x5e};
    const unsigned n = in->op == IR_fadd ? 0 : in->op == IR_fsub ? 1 : in->op == IR_fmul ? 2 : 3;
    const opcode op = OPC(fp_prefix(in->type), MAP_0F, ops[n]);

    if (c->h->avx) {
        emit_v(&c->as, op, X0, ra, reg_operand(rb), 0, 0);
    } else {
        emit_rr(&c->as, op, X0, rb);
        copy(c, true, X0, ra);
    }
}

/* xmm0 = ±(a * b) ± c, by the form that multiplies the first two */
static void fused(struct compiler *c, const struct ir_insn *in, unsigned ra, unsigned rb,
                  unsigned rc)
{
    static const uint8_t ops[] = {
        [0] = 0xb9, [1] = 0xbd, [2] = 0xbb, [3] = 0xbf}; /* 231: madd, nmadd, msub, nmsub */

    emit_v(&c->as, OPC(PP_66, MAP_0F38, ops[in->aux & 3]) | W(in->type == T_F64), X0, ra,
           reg_operand(rb), 0, 0);
    copy(c, true, X0, rc);
}

/*
 * Cold, before the evaluator is asked: a product (quotient, fused sum) that is zero because an
 * operand is zero is exact and needs nothing. Falls through to what is emitted next.
 */
static uint32_t skip_exact_zero(struct compiler *c, ir_type t, unsigned ra, unsigned rb,
                                uint32_t resume)
{
    const bool w = t == T_F64;
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    emit_rr(as, SSE_MOVD_FROM_XMM | W(w), X0, RAX);
    x_alu(as, ALU_ADD, w, RAX, RAX);
    emit_bytes(as, (const uint8_t[]){0x70 | CC_NE, 0}, 2);
    const uint32_t not_zero = as->cold;
    const unsigned operands[2] = {ra, rb};
    for (unsigned n = 0; n < 2; n++) {
        emit_rr(as, SSE_MOVD_FROM_XMM | W(w), operands[n], RAX);
        x_alu(as, ALU_ADD, w, RAX, RAX);
        x_jcc(as, CC_E, resume);
    }
    as->rw[not_zero - 1] = (uint8_t)(as->cold - not_zero);
    as->to_cold = false;
    return path;
}

void emit_fp(struct compiler *c, const struct ir_insn *in)
{
    if (!hostable(in) || (in->op == IR_fma && !c->h->fma)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned rb = in->b ? use(c, in->b, 0) : 0, rc = in->c ? use(c, in->c, 0) : 0;

    copy(c, true, dst, X0);
    if (in->op == IR_fadd || in->op == IR_fsub || in->op == IR_fsqrt) {
        check_nan(c, in->type, cold_evaluate(c, in, X0, c->as.hot));
    } else {
        const uint32_t path = skip_exact_zero(c, in->type, ra, rb, c->as.hot);
        cold_evaluate(c, in, X0, c->as.hot);
        check_small(c, in->type, path);
    }
    if (in->op == IR_fsqrt) {
        emit_rr(&c->as, OPC(fp_prefix(in->type), MAP_0F, 0x51), X0, ra);
    } else if (in->op == IR_fma) {
        fused(c, in, ra, rb, rc);
    } else {
        arithmetic(c, in, ra, rb);
    }
}

/* Flags of a comparison that somebody wants as a value: 0 or 1. */
void emit_fcmp(struct compiler *c, const struct ir_insn *in)
{
    if ((in->src != T_F64 && in->src != T_F32) || (in->imm & FP_SPECIAL)) {
        fallback(c, in);
        return;
    }
    struct assembler *as = &c->as;
    const bool value_used = wanted(c);
    const unsigned dst = value_used ? def(c) : 0, ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned set = in->aux & 15;
    const opcode op = OPC(in->src == T_F64 ? PP_66 : PP_NONE, MAP_0F,
                          in->aux & IR_FCMP_SIGNALLING ? 0x2f : 0x2e);

    if (!value_used) {
        emit_rr(as, op, ra, rb); /* for the cumulative flags */
        return;
    }
    /* One bit a relation, as a number: unordered 8, less 1, equal 2, greater 4; then whether it is
     * in the set. */
    x_alu_imm(as, ALU_AND, false, reg_operand(dst), 1);
    emit_x(as, OPC(0, 0, 0xd3), SHIFT_SHR, reg_operand(dst), 0, 0);
    x_mov_imm(as, dst, set);
    x_cmov(as, CC_P, false, RCX, RAX);
    x_mov_imm(as, RAX, 3);
    x_cmov(as, CC_B, false, RCX, RAX);
    x_mov_imm(as, RAX, 0);
    x_cmov(as, CC_E, false, RCX, RAX);
    x_mov_imm(as, RAX, 1);
    x_mov_imm(as, RCX, 2);
    emit_rr(as, op, ra, rb);
}

static void emit_fcvt(struct compiler *c, const struct ir_insn *in)
{
    const bool narrow = in->type == T_F32;

    if (!hostable(in) || (in->src != T_F64 && in->src != T_F32) || in->src == in->type) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    copy(c, true, dst, X0);
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    if (narrow) {
        check_small(c, in->type, cold);
    } else {
        check_nan(c, in->type, cold);
    }
    emit_rr(&c->as, OPC(fp_prefix(in->src), MAP_0F, 0x5a), X0, ra);
}

static void emit_itof(struct compiler *c, const struct ir_insn *in)
{
    const bool is_unsigned = in->aux & IR_ITOF_UNSIGNED;

    if (!hostable(in) || in->aux >> 8 || (in->aux & 7) != IR_RDYN ||
        (in->src != T_I32 && in->src != T_I64) || (is_unsigned && in->src == T_I64)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;
    const opcode op = OPC(fp_prefix(in->type), MAP_0F, 0x2a);

    copy(c, true, dst, X0);
    if (is_unsigned) {
        emit_rr(as, op | OP_W, X0, RAX);
        x_mov(as, false, RAX, ra);
    } else {
        emit_rr(as, op | W(in->src == T_I64), X0, ra);
    }
    emit_rr(as, OPC(PP_NONE, MAP_0F, 0x57), X0, X0); /* no dependence on the old value */
}

/* Unsigned results by a wider signed conversion would raise inexact where the guest raises invalid
 * alone. */
static void emit_ftoi(struct compiler *c, const struct ir_insn *in)
{
    const bool wide = in->type == T_I64;

    if ((in->src != T_F64 && in->src != T_F32) || (in->imm & FP_SPECIAL) || in->aux >> 8 ||
        (in->aux & (IR_FTOI_JS | IR_FTOI_UNSIGNED)) || (in->aux & 7) != IR_RTZ ||
        (in->type != T_I32 && !wide)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;

    x_mov(as, true, dst, RAX);
    const uint32_t cold = cold_evaluate(c, in, RAX, as->hot);
    /* The host's answer to everything out of range is the least integer: subtracting 1 overflows
     * for it alone. */
    x_jcc(as, CC_O, cold);
    x_alu_imm(as, ALU_CMP, wide, reg_operand(RAX), 1);
    emit_rr(as, OPC(fp_prefix(in->src), MAP_0F, 0x2c) | W(wide), RAX, ra);
}

void emit_fp_convert(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_fcvt) {
        emit_fcvt(c, in);
    } else if (in->op == IR_itof) {
        emit_itof(c, in);
    } else {
        emit_ftoi(c, in);
    }
}
