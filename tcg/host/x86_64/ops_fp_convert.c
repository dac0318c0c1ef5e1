/* SPDX-License-Identifier: MIT */
/*
 * Conversions between floating-point formats, to and from integers and fixed point, and rounding to
 * integral numbers, scalar and by lane. The cold path is taken for what is out of range, for NaNs,
 * and where a narrowed number is the smallest normal one (ops_fp.c).
 *
 * Inexact is raised by the guest only if the result is in range: a rounding that comes first does
 * so quietly, and a conversion of the number as it was, whose result nobody wants, makes up for it.
 */
#include "tcg/host/x86_64/simd.h"

/* From integers: no result is denormal. */
static bool hostable_flushing(const struct ir_insn *in)
{
    return (is_f64(in->type) || ir_lane(in->type) == L_F32) && !(in->imm & FP_BUT_FLUSH);
}

static void finish(struct compiler *c, const struct ir_insn *in, unsigned dst)
{
    if (is_half(in)) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, X0);
    } else {
        upper_move(c, in, dst, X0);
    }
}

unsigned rounding_imm(unsigned rounding)
{
    static const uint8_t imm[] = {
        [IR_RNE] = 0, [IR_RUP] = 2, [IR_RDN] = 1, [IR_RTZ] = 3, [IR_RDYN] = 4};
    return imm[rounding];
}

/* dst = src, scalar or lanes of type t, rounded as imm says (bit 3: quietly) */
static void s_round(struct steps *q, ir_type t, unsigned dst, unsigned src, unsigned imm)
{
    const unsigned f64 = is_f64(t);

    if (ir_is_vector(t)) {
        s_rri(q, B3A(0x08 + f64), dst, src, imm);
    } else {
        s_three_imm(q, B3A(0x0a + f64), (const unsigned[]){dst, src, src}, imm);
    }
}

/*
 * xmm0 = src to nearest, ties away from zero, quietly, where a sum can be rounded to nearest
 * whatever the guest's mode is: src and almost a half more are truncated. A tie gives the next
 * number, anything less does not reach it, and what has no fraction stays. A NaN stays one.
 */
static void s_round_away_by_sum(struct steps *q, ir_type type, unsigned src)
{
    const bool f64 = is_f64(type);

    s_const(q, PAND, X0, src, f64 ? K_SIGN_F64 : K_SIGN_F32);
    s_const(q, POR, X0, X0, f64 ? K_BELOW_HALF_F64 : K_BELOW_HALF_F32);
    s_evex_nearest(q, OPC(scalar_prefix(type), MAP_0F, 0x58) | W(f64), X0, src, X0);
    s_round(q, type, X0, X0, 3 | 8);
}

/*
 * xmm0 = src to nearest, ties away from zero, quietly: truncated, and one more where what was cut
 * off is a half or more; both are exact. To cold if a number is too large to have a fraction, or
 * not a number. src is not xmm0; uses t, xmm1, rax.
 */
static void s_round_away(struct steps *q, ir_type type, const unsigned src_t[2], uint32_t cold)
{
    const bool f64 = is_f64(type), vector = ir_is_vector(type);
    const unsigned pp = vector ? packed_prefix(type) : scalar_prefix(type), src = src_t[0],
                   t = src_t[1];
    const enum constant integral = f64 ? K_INTEGRAL_F64 : K_INTEGRAL_F32;
    const enum constant abs = f64 ? K_ABS_F64 : K_ABS_F32;

    if (!vector && q->c->h->avx512) {
        s_round_away_by_sum(q, type, src);
        return;
    }
    s_const(q, PAND, X0, src, abs);
    if (vector) {
        s_const(q, f64 ? B38(0x37) : B66(0x66), X0, X0, integral);
        s_rr(q, OPC(packed_prefix(type), MAP_0F, 0x50), RAX, X0);
        s_rr(q, OPC(0, 0, 0x85), RAX, RAX);
        s_jcc(q, CC_NE, cold);
    } else {
        s_load(q, X1, integral);
        s_rr(q, OPC(packed_prefix(type), MAP_0F, 0x2e), X1, X0);
        s_jcc(q, CC_BE, cold);
    }
    s_round(q, type, X0, src, 3 | 8);
    s_three(q, OPC(pp, MAP_0F, 0x5c), X1, src, X0);
    s_const(q, PAND, X1, X1, abs);
    s_load(q, t, f64 ? K_HALF_F64 : K_HALF_F32);
    s_rri(q, OPC(pp, MAP_0F, 0xc2), t, X1, 2); /* a half or more was cut off */
    s_const(q, PAND, t, t, f64 ? K_ONE_F64 : K_ONE_F32);
    s_const(q, PAND, X1, src, f64 ? K_SIGN_F64 : K_SIGN_F32);
    s_rr(q, POR, t, X1);
    s_rr(q, OPC(pp, MAP_0F, 0x58), X0, t);
}

void emit_frint(struct compiler *c, const struct ir_insn *in)
{
    const unsigned rounding = in->aux & 7;
    const bool away = rounding == IR_RNA;

    if (!is_hostable(in, in->type) || (away && in->aux & IR_FRINT_EXACT) || rounding == IR_RODD ||
        rounding == IR_RODD + 1) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool vector = ir_is_vector(in->type), half = is_half(in);
    const unsigned t = away ? temp(c, true) : 0, dup = away && half ? temp(c, true) : X0;
    const unsigned src = half ? dup : ra;
    struct steps q = {.c = c};

    finish(c, in, dst);
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    if (half) {
        s_rr(&q, MOVDDUP, src, ra);
    }
    if (away) {
        s_round_away(&q, in->type, (const unsigned[]){src, t}, cold);
    } else {
        s_round(&q, in->type, X0, src, rounding_imm(rounding) | (in->aux & IR_FRINT_EXACT ? 0 : 8));
    }
    if (vector && away) { /* NaNs have gone to cold with large numbers */
        steps_emit(&q);
        return;
    }
    if (vector) {
        s_check_lanes(&q, in->type, (const unsigned[]){X0, t}, false, cold);
    } else {
        s_rr(&q, OPC(packed_prefix(in->type), MAP_0F, 0x2e), X0, X0);
        s_jcc(&q, CC_P, cold);
    }
    steps_emit(&q);
}

/* ---- between formats */

/* To and from half precision, by singles. */
static void convert_half(struct compiler *c, const struct ir_insn *in)
{
    const bool narrow = in->type == T_F16;
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct steps q = {.c = c};

    copy(c, true, dst, X0);
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    if (narrow) {
        s_rri(&q, B3A(0x21), X0, ra, 0x0e); /* insertps: the other lanes are 0 and raise nothing */
        s_rri(&q, B3A(0x1d), X0, X0, 4);
        q.step[q.count - 1].kind = STEP_VEX;
        s_rr(&q, SSE_MOVD_FROM_XMM, X0, RAX);
        s_alu_imm(&q, ALU_AND, false, RAX, 0x7fff);
        s_alu_imm(&q, ALU_CMP, false, RAX, 0x0400);
        s_jcc(&q, CC_E, cold);
        s_alu_imm(&q, ALU_CMP, false, RAX, 0x7c00);
        s_jcc(&q, CC_A, cold);
    } else {
        s_rri(&q, B66(0xc5), RAX, ra, 0); /* pextrw */
        s_rr(&q, SSE_MOVD_TO_XMM, X0, RAX);
        s_rr(&q, B38(0x13), X0, X0);
        q.step[q.count - 1].kind = STEP_VEX;
        s_rr(&q, B0F(0x2e), X0, X0);
        s_jcc(&q, CC_P, cold);
        if (in->type == T_F64) {
            s_rr(&q, OPC(PP_F3, MAP_0F, 0x5a), X0, X0);
        }
    }
    steps_emit(&q);
}

/* Cold: xmm0 is as it is if it is a NaN, and the default one is not asked for. Falls through. */
static uint32_t keep_nan(struct compiler *c, const struct ir_insn *in, uint32_t resume)
{
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    if (!(in->imm & IR_FP_DN)) {
        emit_rr(as, OPC(packed_prefix(in->type), MAP_0F, 0x2e), X0, X0);
        x_jcc(as, CC_P, resume);
    }
    as->to_cold = false;
    return path;
}

static void emit_fcvt(struct compiler *c, const struct ir_insn *in)
{
    const bool narrow = in->type == T_F32;

    if (c->h->f16c && !(in->imm & (FP_SPECIAL | IR_FP_ALT_HALF | IR_FP_FZ16)) &&
        ((in->type == T_F16 && in->src == T_F32) ||
         (in->src == T_F16 && is_hostable(in, in->type)))) {
        convert_half(c, in);
        return;
    }
    const bool flushes = narrow && in->src == T_F64 && is_flushing(in);
    if ((!flushes && (!is_hostable(in, in->type) || !is_hostable(in, in->src))) ||
        in->src == in->type) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const opcode op = OPC(scalar_prefix(in->src), MAP_0F, 0x5a);
    struct steps q = {.c = c};

    copy(c, true, dst, X0);
    if (narrow || in->imm & IR_FP_DN) {
        const uint32_t resume = c->as.hot, keeps = flushes ? 0 : keep_nan(c, in, resume);
        const uint32_t evaluate = cold_evaluate(c, in, X0, resume),
                       cold = flushes ? evaluate : keeps;
        s_rr(&q, B0F(0x57), X0, X0); /* what the host leaves above the result is 0 */
        s_rr(&q, op, X0, ra);
        s_const(&q, PAND, X1, X0, narrow ? K_ABS_F32 : K_ABS_F64);
        s_compare_const(&q, OPC(packed_prefix(in->type), MAP_0F, 0x2e), X1,
                        narrow ? K_LEAST_F32 : K_LEAST_F64);
        s_jcc(&q, narrow ? CC_E : CC_P, cold);
        steps_emit(&q);
        if (flushes) {
            trap_range(c, resume, evaluate);
        }
    } else {                         /* a NaN keeps its sign and the rest, as on Arm */
        s_rr(&q, B0F(0x57), X0, X0); /* what the host leaves above the result is 0 */
        s_rr(&q, op, X0, ra);
    }
    steps_emit(&q);
}

/* ---- scalars and integers */

/* r = 2^n of type t, in each lane of a vector; uses rax */
static void s_power_of_2(struct steps *q, ir_type t, unsigned r, int n)
{
    const bool f64 = is_f64(t);

    s_imm(q, RAX, f64 ? (uint64_t)(1023 + n) << 52 : (uint64_t)(127 + n) << 23);
    s_rr(q, SSE_MOVD_TO_XMM | W(f64), r, RAX);
    if (ir_is_vector(t)) {
        s_rri(q, PSHUFD, r, r, f64 ? 0x44 : 0);
    }
}

/* Cold: an integer with its top bit set, halved with what is lost kept in the last bit, and
 * doubled. */
static uint32_t large_unsigned(struct compiler *c, const struct ir_insn *in, unsigned ra,
                               uint32_t resume)
{
    struct assembler *as = &c->as;
    const unsigned pp = scalar_prefix(in->type);

    as->to_cold = true;
    const uint32_t path = as->cold;
    x_mov(as, true, RAX, ra);
    x_mov(as, true, RCX, ra);
    x_shift_imm(as, SHIFT_SHR, true, RAX, 1);
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), 1);
    x_alu(as, ALU_OR, true, RAX, RCX);
    emit_rr(as, B0F(0x57), X0, X0);
    emit_rr(as, OPC(pp, MAP_0F, 0x2a) | OP_W, X0, RAX);
    emit_rr(as, OPC(pp, MAP_0F, 0x58), X0, X0);
    x_jmp(as, resume);
    as->to_cold = false;
    return path;
}

static void emit_itof(struct compiler *c, const struct ir_insn *in)
{
    const bool is_unsigned = in->aux & IR_ITOF_UNSIGNED, wide = in->src == T_I64;
    const unsigned fraction = in->aux >> 8;

    if (!hostable_flushing(in) || (in->aux & 7) != IR_RDYN || (in->src != T_I32 && !wide)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const opcode op = OPC(scalar_prefix(in->type), MAP_0F, 0x2a);
    struct steps q = {.c = c};

    copy(c, true, dst, X0);
    if (fraction) {
        s_power_of_2(&q, in->type, X1, -(int)fraction);
        s_rr(&q, OPC(scalar_prefix(in->type), MAP_0F, 0x59), X0, X1);
        steps_emit(&q);
    }
    const uint32_t large = wide && is_unsigned ? large_unsigned(c, in, ra, c->as.hot) : 0;
    if (large) {
        s_rr(&q, OPC(0, 0, 0x85) | OP_W, ra, ra);
        s_jcc(&q, CC_S, large);
    }
    s_rr(&q, B0F(0x57), X0, X0); /* no dependence on the old value */
    if (is_unsigned && !wide) {
        s_rr(&q, OPC(0, 0, 0x8b), RAX, ra);
        s_rr(&q, op | OP_W, X0, RAX);
    } else {
        s_rr(&q, op | W(wide), X0, ra);
    }
    steps_emit(&q);
}

/* rax = the upper 32 bits of x, or all of a single */
static void s_upper_bits(struct steps *q, ir_type t, unsigned x)
{
    s_rr(q, SSE_MOVD_FROM_XMM | W(t == T_F64), x, RAX);
    if (t == T_F64) {
        s_rri(q, OPC(0, 0, 0xc1) | OP_W, SHIFT_SHR, RAX, 32);
    }
}

/* The number as it is rounded, or scaled: src or xmm0. */
static unsigned s_prepare(struct steps *q, const struct ir_insn *in, const unsigned src_t[2],
                          uint32_t cold)
{
    const unsigned rounding = in->aux & 7, fraction = in->aux >> 8, src = src_t[0];

    if (fraction) {
        s_upper_bits(q, in->src, src);
        s_alu_imm(q, ALU_AND, false, RAX, INT32_MAX);
        s_alu_imm(q, ALU_CMP, false, RAX, in->src == T_F64 ? 0x43e00000 : 0x5f000000);
        s_jcc(q, CC_AE, cold);
        s_power_of_2(q, in->src, X1, (int)fraction);
        s_three(q, OPC(scalar_prefix(in->src), MAP_0F, 0x59), X0, src, X1);
        return X0;
    }
    if (rounding == IR_RNA) {
        s_round_away(q, in->src, src_t, cold);
        return X0;
    }
    if (rounding != IR_RTZ) {
        s_round(q, in->src, X0, src, rounding_imm(rounding) | 8);
        return X0;
    }
    return src;
}

/*
 * Unsigned: only what is positive and in the range, or below 2^63, goes on. Signed: the host's
 * answer to everything out of range is the least integer: subtracting 1 overflows for it alone.
 */
static void s_to_integer(struct steps *q, const struct ir_insn *in, const unsigned dst_x[2],
                         uint32_t cold)
{
    const unsigned dst = dst_x[0], x = dst_x[1];
    const bool wide = in->type == T_I64;
    const opcode op = OPC(scalar_prefix(in->src), MAP_0F, 0x2c);

    if (in->aux & IR_FTOI_UNSIGNED) {
        s_upper_bits(q, in->src, x);
        s_alu_imm(q, ALU_CMP, false, RAX,
                  in->src == T_F64 ? (wide ? 0x43e00000 : 0x41f00000)
                                   : (wide ? 0x5f000000 : 0x4f800000));
        s_jcc(q, CC_AE, cold);
        s_rr(q, op | OP_W, dst, x);
        return;
    }
    s_rr(q, op | W(wide), dst, x);
    s_alu_imm(q, ALU_CMP, wide, dst, 1);
    s_jcc(q, CC_O, cold);
}

/*
 * Cold, of FJCVTZS: the integer modulo 2^32, where it has at most 64 bits. The hot path's
 * conversion has raised what the guest raises; truncating quietly first adds nothing to it.
 */
static uint32_t beyond_32_bits(struct compiler *c, unsigned dst, unsigned x, uint32_t evaluate)
{
    struct assembler *as = &c->as;
    const uint32_t resume = as->hot;

    as->to_cold = true;
    const uint32_t path = as->cold;
    emit_x(as, B3A(0x0b), X0, reg_operand(x), 1, 3 | 8); /* roundsd */
    emit_rr(as, OPC(PP_F2, MAP_0F, 0x2c) | OP_W, RAX, X0);
    x_alu_imm(as, ALU_CMP, true, reg_operand(RAX), 1);
    x_jcc(as, CC_O, evaluate);
    x_mov(as, false, dst, RAX);
    x_jmp(as, resume);
    as->to_cold = false;
    return path;
}

static void emit_ftoi(struct compiler *c, const struct ir_insn *in)
{
    const unsigned rounding = in->aux & 7, fraction = in->aux >> 8;

    if (!is_hostable(in, in->src) || (in->type != T_I32 && in->type != T_I64) ||
        rounding == IR_RODD || rounding == IR_RODD + 1 ||
        ((fraction || in->aux & IR_FTOI_MODULAR) && rounding != IR_RTZ)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned t = rounding == IR_RNA ? temp(c, true) : 0;
    struct steps q = {.c = c};

    uint32_t cold = cold_evaluate(c, in, dst, c->as.hot);
    if (in->aux & IR_FTOI_MODULAR) {
        cold = beyond_32_bits(c, dst, ra, cold);
    }
    const unsigned x = s_prepare(&q, in, (const unsigned[]){ra, t}, cold);
    s_to_integer(&q, in, (const unsigned[]){dst, x}, cold);
    if (rounding != IR_RTZ) {
        s_rr(&q, OPC(scalar_prefix(in->src), MAP_0F, 0x2c) | OP_W, RCX, ra); /* inexact */
    }
    steps_emit(&q);
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

/* ---- lanes and integers of their width */

/* AVX-512 has them of 64 bits, and unsigned: vcvttps2udq, vcvttpd2qq, vcvttpd2uqq. */
#define TO_U32 OPC(PP_NONE, MAP_0F, 0x78)
#define TO_I64 (OPC(PP_66, MAP_0F, 0x7a) | OP_W)
#define TO_U64 (OPC(PP_66, MAP_0F, 0x78) | OP_W)
#define FROM_U32 OPC(PP_F2, MAP_0F, 0x7a)
#define FROM_I64 (OPC(PP_F3, MAP_0F, 0xe6) | OP_W)
#define FROM_U64 (OPC(PP_F3, MAP_0F, 0x7a) | OP_W)

/* xmm0 from two 64-bit integers in rax and rcx; uses xmm1 */
static void s_join(struct steps *q)
{
    s_rr(q, SSE_MOVD_TO_XMM | OP_W, X0, RAX);
    s_rr(q, SSE_MOVD_TO_XMM | OP_W, X1, RCX);
    s_rr(q, B66(0x6c), X0, X1);
}

static void s_f64_to_i64(struct steps *q, unsigned x, uint32_t cold)
{
    const opcode op = OPC(PP_F2, MAP_0F, 0x2c) | OP_W;

    s_rri(q, PSHUFD, X1, x, 0xee);
    s_rr(q, op, RAX, x);
    s_rr(q, op, RCX, X1);
    s_alu_imm(q, ALU_CMP, true, RAX, 1);
    s_jcc(q, CC_O, cold);
    s_alu_imm(q, ALU_CMP, true, RCX, 1);
    s_jcc(q, CC_O, cold);
    s_join(q);
}

/* The answer to what is out of range is the least integer, or the greatest unsigned one. */
static void s_lanes_to_integers(struct steps *q, const struct ir_insn *in, unsigned x,
                                uint32_t cold)
{
    const bool f64 = is_f64(in->type), is_unsigned = in->aux & IR_FTOI_UNSIGNED;

    if (f64 && !q->c->h->avx512) {
        s_f64_to_i64(q, x, cold);
        return;
    }
    if (is_unsigned && !q->c->h->avx512) { /* positive and below 2^31 */
        s_const(q, B66(0x66), X1, x, K_BELOW_I32_F32);
        s_rr(q, POR, X1, x);
        s_rr(q, OPC(PP_NONE, MAP_0F, 0x50), RAX, X1);
        s_rr(q, OPC(0, 0, 0x85), RAX, RAX);
        s_jcc(q, CC_NE, cold);
        s_rr(q, OPC(PP_F3, MAP_0F, 0x5b), X0, x);
        return;
    }
    if (is_unsigned) {
        s_evex(q, f64 ? TO_U64 : TO_U32, X0, 0, x);
        s_ones(q, X1);
        s_rr(q, lane_equal[f64 ? 3 : 2], X1, X0);
    } else {
        if (f64) {
            s_evex(q, TO_I64, X0, 0, x);
        } else {
            s_rr(q, OPC(PP_F3, MAP_0F, 0x5b), X0, x);
        }
        s_const(q, lane_equal[f64 ? 3 : 2], X1, X0, f64 ? K_SIGN_F64 : K_SIGN_F32);
    }
    s_rr(q, OPC(packed_prefix(in->type), MAP_0F, 0x50), RAX, X1);
    s_rr(q, OPC(0, 0, 0x85), RAX, RAX);
    s_jcc(q, CC_NE, cold);
}

/* Lanes as they are scaled or rounded: src or xmm0. Of lanes that do not fit a signed integer none
 * has a fraction, so rounding may raise inexact at once. */
static unsigned s_prepare_lanes(struct steps *q, const struct ir_insn *in, const unsigned src_t[2],
                                uint32_t cold)
{
    const unsigned rounding = in->aux & 7, fraction = in->aux >> 8, src = src_t[0];
    const bool f64 = is_f64(in->type);

    if (fraction) {
        s_const(q, PAND, X1, src, f64 ? K_ABS_F64 : K_ABS_F32);
        s_const(q, lane_greater[f64 ? 3 : 2], X1, X1, f64 ? K_FIXED_F64 : K_FIXED_F32);
        s_rr(q, OPC(packed_prefix(in->type), MAP_0F, 0x50), RAX, X1);
        s_rr(q, OPC(0, 0, 0x85), RAX, RAX);
        s_jcc(q, CC_NE, cold);
        s_power_of_2(q, in->type, X1, (int)fraction);
        s_three(q, OPC(packed_prefix(in->type), MAP_0F, 0x59), X0, src, X1);
        return X0;
    }
    if (rounding == IR_RNA) {
        s_round_away(q, in->type, src_t, cold);
        return X0;
    }
    if (rounding != IR_RTZ) {
        const bool quiet = in->aux & IR_FTOI_UNSIGNED;
        s_round(q, in->type, X0, src, rounding_imm(rounding) | (quiet ? 8 : 0));
        return X0;
    }
    return src;
}

static void lanes_to_integers(struct compiler *c, const struct ir_insn *in)
{
    const unsigned rounding = in->aux & 7;
    const bool half = is_half(in), away = rounding == IR_RNA;
    const bool quiet = away || (rounding != IR_RTZ && in->aux & IR_FTOI_UNSIGNED);
    const unsigned dst = def(c), ra = use(c, in->a, 0), t = away ? temp(c, true) : 0;
    const unsigned src = half ? temp(c, true) : ra;
    struct steps q = {.c = c};

    finish(c, in, dst);
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    if (half) {
        s_rr(&q, MOVDDUP, src, ra);
    }
    const unsigned x = s_prepare_lanes(&q, in, (const unsigned[]){src, t}, cold);
    s_lanes_to_integers(&q, in, x, cold);
    if (quiet) { /* inexact */
        s_round(&q, in->type, X1, src, rounding_imm(IR_RDYN));
    }
    steps_emit(&q);
}

static void lanes_from_integers(struct compiler *c, const struct ir_insn *in)
{
    const bool half = is_half(in), f64 = is_f64(in->type), v4 = c->h->avx512;
    const bool is_unsigned = in->aux & IR_ITOF_UNSIGNED;
    const unsigned dst = def(c), ra = use(c, in->a, 0), fraction = in->aux >> 8;
    const unsigned src = half ? X0 : ra;
    struct steps q = {.c = c};

    finish(c, in, dst);
    if (half) {
        s_rr(&q, MOVDDUP, X0, ra);
    }
    if (!f64 && !is_unsigned) {
        s_rr(&q, B0F(0x5b), X0, src);
    } else if (v4) {
        s_evex(&q, !f64 ? FROM_U32 : is_unsigned ? FROM_U64 : FROM_I64, X0, 0, src);
    } else if (f64) {
        s_rr(&q, SSE_MOVD_FROM_XMM | OP_W, src, RAX);
        s_rri(&q, B3A(0x16) | OP_W, src, RCX, 1); /* pextrq */
        s_rr(&q, B0F(0x57), X0, X0);
        s_rr(&q, B0F(0x57), X1, X1);
        s_rr(&q, OPC(PP_F2, MAP_0F, 0x2a) | OP_W, X0, RAX);
        s_rr(&q, OPC(PP_F2, MAP_0F, 0x2a) | OP_W, X1, RCX);
        s_rr(&q, B66(0x6c), X0, X1);
    } else { /* the halves, of which both are exact */
        s_shift(&q, lane_shift[2], SHIFT_RIGHT, (const unsigned[]){X1, src}, 16);
        s_rr(&q, B0F(0x5b), X1, X1);
        s_const(&q, B0F(0x59), X1, X1, K_65536_F32);
        s_const(&q, PAND, X0, src, K_LOW_16);
        s_rr(&q, B0F(0x5b), X0, X0);
        s_rr(&q, B0F(0x58), X0, X1);
    }
    if (fraction) {
        s_power_of_2(&q, in->type, X1, -(int)fraction);
        s_rr(&q, OPC(packed_prefix(in->type), MAP_0F, 0x59), X0, X1);
    }
    steps_emit(&q);
}

void emit_vector_convert(struct compiler *c, const struct ir_insn *in)
{
    const bool to_int = in->op == IR_vftoi, v4 = c->h->avx512;
    const unsigned rounding = in->aux & 7, fraction = in->aux >> 8;
    const bool wide_unsigned = is_f64(in->type) && in->aux & IR_FTOI_UNSIGNED;

    if (wide_unsigned && !v4) {
        fallback(c, in);
    } else if (!to_int && rounding == IR_RDYN && hostable_flushing(in)) {
        lanes_from_integers(c, in);
    } else if (to_int && is_hostable(in, in->type) && rounding != IR_RODD &&
               rounding != IR_RODD + 1 && (!fraction || rounding == IR_RTZ)) {
        lanes_to_integers(c, in);
    } else {
        fallback(c, in);
    }
}
