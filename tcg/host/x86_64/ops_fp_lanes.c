/* SPDX-License-Identifier: MIT */
/*
 * Floating point by lane on the host's unit, and minima and maxima, scalar too. As in ops_fp.c,
 * results are checked, and the operands survive for the cold path. Of 64-bit vectors the lower half
 * is worked on twice, so that the upper one raises nothing of its own.
 */
#include "base/softfloat.h"
#include "tcg/host/x86_64/simd.h"
#include "tcg/opinfo.h"

/* dst = r; of a 64-bit vector the lower half. Emitted at once: it is what follows. */
static void finish(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned r)
{
    if (is_half(in)) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, r);
    } else {
        upper_move(c, in, dst, r);
    }
}

/* eax = the signs of r's lanes; jumps to cold if there is one */
static void s_jump_if_any(struct steps *q, ir_type t, unsigned r, uint32_t cold)
{
    s_rr(q, OPC(packed_prefix(t), MAP_0F, 0x50), RAX, r); /* movmskps */
    s_rr(q, OPC(0, 0, 0x85), RAX, RAX);                   /* test */
    s_jcc(q, CC_NE, cold);
}

void s_check_lanes(struct steps *q, ir_type t, const unsigned r_t[2], bool small, uint32_t cold)
{
    const bool f64 = ir_lane(t) == L_F64;
    const opcode compare = OPC(packed_prefix(t), MAP_0F, 0xc2);
    const enum constant abs = f64 ? K_ABS_F64 : K_ABS_F32, least = f64 ? K_LEAST_F64 : K_LEAST_F32;

    if (!small) {
        s_three_imm(q, compare, (const unsigned[]){X1, r_t[0], r_t[0]}, 3); /* unordered */
    } else if (q->c->h->avx) {
        s_const(q, PAND, X1, r_t[0], abs);
        s_const_imm(q, compare, (const unsigned[]){X1, X1}, least, 8); /* equal or unordered */
    } else {
        s_three_imm(q, compare, (const unsigned[]){r_t[1], r_t[0], r_t[0]}, 3);
        s_const(q, PAND, X1, r_t[0], abs);
        s_const(q, lane_equal[f64 ? 3 : 2], X1, X1, least);
        s_rr(q, POR, X1, r_t[1]);
    }
    s_jump_if_any(q, t, X1, cold);
}

/* Raises what denormal lanes of x raise, before an operation that would put something else first.
 */
static void s_touch_lanes(struct steps *q, const struct ir_insn *in, unsigned x)
{
    if (is_half(in)) {
        s_rr(q, MOVDDUP, X1, x);
        x = X1;
    }
    s_three_imm(q, OPC(packed_prefix(in->type), MAP_0F, 0xc2), (const unsigned[]){X1, x, x}, 3);
}

void emit_vector_fp(struct compiler *c, const struct ir_insn *in)
{
    if (emit_fp_half(c, in)) {
        return;
    }
    if (!ir_is_vector(in->type)) {
        emit_fp(c, in);
        return;
    }
    if ((ir_lane(in->type) != L_F64 && ir_lane(in->type) != L_F32) || in->imm & FP_BUT_FLUSH ||
        (in->op == IR_fma && !c->h->fma)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned rc = in->c ? use(c, in->c, 0) : 0;
    const bool half = is_half(in), fma = in->op == IR_fma;
    const bool small = in->op != IR_fadd && in->op != IR_fsub && in->op != IR_fsqrt &&
                       !c->h->config.guest->fp_rules->tiny_after_rounding;
    const unsigned t = (half && fma) || (small && !c->h->avx) ? temp(c, true) : 0;
    const bool direct = c->h->avx && !half && dst != ra && dst != rb && dst != rc;
    const unsigned r = half && fma ? t : direct ? dst : X0;
    struct steps q = {.c = c};

    finish(c, in, dst, r);
    const uint32_t resume = c->as.hot, cold = cold_evaluate(c, in, r, resume);
    if (is_flushing(in) && (in->op == IR_fsqrt || in->op == IR_fdiv)) {
        s_touch_lanes(&q, in, ra);
    }
    if (half) {
        s_rr(&q, MOVDDUP, X0, ra);
        if (in->b) {
            s_rr(&q, MOVDDUP, X1, rb);
        }
        if (in->c) {
            s_rr(&q, MOVDDUP, t, rc);
        }
        s_arithmetic(&q, in, r, (const unsigned[]){X0, X1, t});
    } else {
        s_arithmetic(&q, in, r, (const unsigned[]){ra, rb, rc});
    }
    s_check_lanes(&q, in->type, (const unsigned[]){r, t}, small, cold);
    steps_emit(&q);
    if (is_flushing(in)) {
        trap_range(c, resume, cold);
    }
}

/*
 * ---- minima and maxima. NaNs are sorted out first, since the host raises invalid for quiet ones
 * and prefers its second operand. Of zeros it gives the second as well: both orders together hold
 * the sign that is asked for. Where operands are flushed so is the result, times 1: not all hosts
 * might do it.
 */
void emit_fp_minmax(struct compiler *c, const struct ir_insn *in)
{
    if ((ir_lane(in->type) != L_F64 && ir_lane(in->type) != L_F32) || in->imm & FP_BUT_FLUSH) {
        fallback(c, in);
        return;
    }
    const bool max = in->op == IR_fmax || in->op == IR_fmaxnm, scalar = !ir_is_vector(in->type);
    const bool half = is_half(in), f64 = ir_lane(in->type) == L_F64;
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned t = half ? temp(c, true) : 0, a = half ? X0 : ra, b = half ? X1 : rb;
    const opcode op = OPC(scalar ? (f64 ? PP_F2 : PP_F3) : packed_prefix(in->type), MAP_0F,
                          max ? 0x5f : 0x5d);
    struct steps q = {.c = c};

    finish(c, in, dst, X0);
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    if (half) {
        s_rr(&q, MOVDDUP, X0, ra);
        s_rr(&q, MOVDDUP, X1, rb);
    }
    if (scalar) {
        s_rr(&q, OPC(packed_prefix(in->type), MAP_0F, 0x2e), ra, rb); /* ucomiss */
        s_jcc(&q, CC_P, cold);
    } else {
        const unsigned mask = half ? t : X0;
        s_three_imm(&q, OPC(packed_prefix(in->type), MAP_0F, 0xc2), (const unsigned[]){mask, a, b},
                    3);
        s_jump_if_any(&q, in->type, mask, cold);
    }
    s_three(&q, op, half ? t : X0, a, b);
    s_three(&q, op, X1, b, a);
    s_three(&q, max ? PAND : POR, X0, half ? t : X0, X1);
    if (is_flushing(in)) {
        s_const(&q, OPC(scalar ? scalar_prefix(in->type) : packed_prefix(in->type), MAP_0F, 0x59),
                X0, X0, f64 ? K_ONE_F64 : K_ONE_F32);
    }
    steps_emit(&q);
}

/* ---- signs */

void emit_fsign(struct compiler *c, const struct ir_insn *in)
{
    if ((ir_lane(in->type) != L_F32 && ir_lane(in->type) != L_F64) || in->imm & FP_BUT_FLUSH) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool f64 = ir_lane(in->type) == L_F64;
    const bool one = !ir_is_vector(in->type);
    const enum constant abs[] = {K_ABS_F32, K_ABS_F64, K_ABS_ONE_F32, K_ABS_ONE_F64};
    const enum constant sign[] = {K_SIGN_F32, K_SIGN_F64, K_SIGN_ONE_F32, K_SIGN_ONE_F64};
    const enum constant k = (in->op == IR_fabs ? abs : sign)[2 * one + f64];
    struct steps q = {.c = c};

    s_const(&q, in->op == IR_fabs ? PAND : PXOR, dst, ra, k);
    if (is_half(in)) {
        s_rr(&q, SSE_MOVQ_LOAD, dst, dst);
    }
    steps_emit(&q);
}

/* ---- comparisons: of the host's predicates equal is quiet, less and less-or-equal are
 * signalling, as the guest's usual ones are */

void emit_vfcmp(struct compiler *c, const struct ir_insn *in)
{
    const unsigned set = in->aux & 15;
    const bool signalling = in->aux & IR_FCMP_SIGNALLING;
    const bool known = signalling ? set == IR_FGT || set == IR_FLT || set == (IR_FGT | IR_FEQ) ||
                                        set == (IR_FLT | IR_FEQ)
                                  : set == IR_FEQ;

    if (!is_hostable(in, in->type) || !known) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const bool swap = set & IR_FGT, half = is_half(in);
    unsigned a = swap ? rb : ra, b = swap ? ra : rb;
    struct steps q = {.c = c};

    finish(c, in, dst, X0);
    if (half) {
        s_rr(&q, MOVDDUP, X0, a);
        s_rr(&q, MOVDDUP, X1, b);
        a = X0;
        b = X1;
    }
    s_three_imm(&q, OPC(packed_prefix(in->type), MAP_0F, 0xc2), (const unsigned[]){X0, a, b},
                set == IR_FEQ  ? 0
                : set & IR_FEQ ? 2
                               : 1);
    steps_emit(&q);
}
