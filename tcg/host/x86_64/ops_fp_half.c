/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of half precision, by single precision and F16C. A sum, product, quotient or root of
 * numbers of 11 bits that is rounded to 24 bits first is rounded to 11 or fewer as if it had not
 * been, in every mode (S. Figueroa, "When is double rounding innocuous?", 1995), and if the first
 * rounding is inexact so is the second. A fused sum may be next to the middle between two numbers:
 * what is in the middle after the first rounding, or will be denormal, is evaluated, and so are
 * NaNs and, as in ops_fp.c, the smallest normal number.
 */
#include "tcg/host/x86_64/simd.h"

/* Registers of one op: singles of the operands, what is collected for the check, halves. */
struct halves {
    unsigned a, b, c, suspect, low;
};

/* r = x's group of four (or its scalar) as singles */
static void s_widen(struct steps *q, const struct ir_insn *in, const unsigned r_x[2],
                    unsigned group)
{
    const unsigned r = r_x[0];
    unsigned x = r_x[1];

    if (!ir_is_vector(in->type)) { /* what is above raises nothing */
        s_const(q, PAND, r, x, K_LOWEST_16);
        x = r;
    } else if (group) {
        s_rri(q, PSHUFD, r, x, 0xee);
        x = r;
    }
    s_rr(q, B38(0x13), r, x); /* vcvtph2ps */
    q->step[q->count - 1].kind = STEP_VEX;
}

/* r = the singles x as halves; the upper half is 0 */
static void s_narrow(struct steps *q, unsigned r, unsigned x)
{
    s_rri(q, B3A(0x1d), x, r, 4); /* vcvtps2ph by the rounding mode */
    q->step[q->count - 1].kind = STEP_VEX;
}

/* suspect |= fused sums in xmm0 whose second rounding may go wrong. Uses xmm1 and t. */
static void s_suspect(struct steps *q, const unsigned suspect_t[2])
{
    const unsigned suspect = suspect_t[0], t = suspect_t[1];

    s_const(q, PAND, X1, X0, K_HALF_REST);
    s_const(q, lane_equal[2], X1, X1, K_HALF_MIDDLE);
    s_rr(q, POR, suspect, X1);
    s_const(q, PAND, X1, X0, K_ABS_F32);
    s_const(q, lane_add[2], X1, X1, K_ALL_ONES); /* zero is not denormal */
    s_const(q, B38(0x3b), t, X1, K_HALF_DENORMAL);
    s_rr(q, lane_equal[2], t, X1);
    s_rr(q, POR, suspect, t);
}

/* xmm0 = the group's result as singles */
static void s_group(struct steps *q, const struct ir_insn *in, const unsigned operands[3],
                    const struct halves *h, unsigned group)
{
    const struct ir_insn single = {
        .op = in->op, .type = ir_is_vector(in->type) ? T_F32X4 : T_F32, .aux = in->aux};

    s_widen(q, in, (const unsigned[]){h->a, operands[0]}, group);
    if (in->b) {
        s_widen(q, in, (const unsigned[]){h->b, operands[1]}, group);
    }
    if (in->c) {
        s_widen(q, in, (const unsigned[]){h->c, operands[2]}, group);
    }
    if (in->op == IR_fma) {
        s_arithmetic(q, &single, h->c, (const unsigned[]){h->a, h->b, h->c});
        s_copy(q, X0, h->c);
        s_suspect(q, (const unsigned[]){h->suspect, h->c});
    } else {
        s_arithmetic(q, &single, X0, (const unsigned[]){h->a, h->b, 0});
    }
}

/* To cold if a half in low is a NaN or the smallest normal number, or something is suspect. */
static void s_check_halves(struct steps *q, const struct ir_insn *in, const struct halves *h,
                           uint32_t cold)
{
    s_const(q, PAND, X1, h->low, K_ABS_F16);
    s_const(q, lane_greater[1], X0, X1, K_INFINITY_F16);
    s_const(q, lane_equal[1], X1, X1, K_LEAST_F16);
    s_rr(q, POR, X0, X1);
    if (in->op == IR_fma) {
        s_rr(q, POR, X0, h->suspect);
    }
    s_rr(q, B66(0xd7), RAX, X0); /* pmovmskb */
    s_rr(q, OPC(0, 0, 0x85), RAX, RAX);
    s_jcc(q, CC_NE, cold);
}

bool emit_fp_half(struct compiler *c, const struct ir_insn *in)
{
    const bool fused = in->op == IR_fma, wide = in->type == T_F16X8;

    if (ir_lane(in->type) != L_F16 || !c->h->f16c || (fused && !c->h->fma) ||
        in->imm & (FP_SPECIAL | IR_FP_FZ16)) {
        return false;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned operands[] = {ra, rb, in->c ? use(c, in->c, 0) : 0};
    struct halves h = {.a = X0, .b = X1, .low = temp(c, true)};
    struct steps q = {.c = c};

    if (fused) {
        h.c = temp(c, true);
        h.suspect = temp(c, true);
        s_zero(&q, h.suspect);
    }
    copy(c, true, dst, h.low);
    const uint32_t cold = cold_evaluate(c, in, h.low, c->as.hot);
    s_group(&q, in, operands, &h, 0);
    s_narrow(&q, h.low, X0);
    if (wide) {
        s_group(&q, in, operands, &h, 1);
        s_narrow(&q, X0, X0);
        s_rr(&q, B66(0x6c), h.low, X0);
    }
    s_check_halves(&q, in, &h, cold);
    steps_emit(&q);
    return true;
}
