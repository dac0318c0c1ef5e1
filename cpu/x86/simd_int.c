/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic of MMX and SSE2. Intel SDM, volume 2: PADDB to PADDW, PAVGB, PCMPEQB, PCMPGTB,
 * PMADDWD, PMAXSW, PMINUB, PMULHUW, PMULHW, PMULLW, PMULUDQ, PSADBW, PSLLW, PSRAW, PSRLW, PSUBB to
 * PSUBW. Operands of MMX have an upper half of 0, and that of the result does not count.
 */
#include "cpu/x86/sse.h"

typedef ir_val (*binary)(struct x86_block *c, ir_type t, ir_val x, ir_val y);

static void two(struct x86_block *c, const struct x86_instr *i, binary f, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], f(c, t, x, y));
    }
}

#define OP(op)                                                                                     \
    static ir_val by_##op(struct x86_block *c, ir_type t, ir_val x, ir_val y)                      \
    {                                                                                              \
        return x86_v2(c, IR_##op, t, x, y);                                                        \
    }
OP(add)
OP(sub)
OP(ssadd)
OP(usadd)
OP(sssub)
OP(ussub)
OP(urhadd)
OP(umin)
OP(umax)
OP(smin)
OP(smax)
OP(mul)
#undef OP

static ir_val by_equal(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return ir_v2(c->b, IR_vcmp, t, x, y, IR_EQ);
}

static ir_val by_greater(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return ir_v2(c->b, IR_vcmp, t, x, y, IR_SGT);
}

/* ---- products of words, of which wide lanes are made */

static ir_val high_words(struct x86_block *c, enum ir_op low, enum ir_op high, ir_val x, ir_val y)
{
    return x86_v2(c, IR_vuzp2, T_I16X8, x86_v2(c, low, T_I32X4, x, y),
                  x86_v2(c, high, T_I32X4, x, y));
}

static ir_val by_high_signed(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    (void)t;
    return high_words(c, IR_vsmull, IR_vsmulh, x, y);
}

static ir_val by_high_unsigned(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    (void)t;
    return high_words(c, IR_vumull, IR_vumulh, x, y);
}

static ir_val by_sum_of_products(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return x86_v2(c, IR_vpadd, t, x86_v2(c, IR_vsmull, t, x, y), x86_v2(c, IR_vsmulh, t, x, y));
}

static ir_val by_even(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return x86_v2(c, IR_vumull, t, x86_v2(c, IR_vuzp1, T_I32X4, x, x),
                  x86_v2(c, IR_vuzp1, T_I32X4, y, y));
}

static ir_val by_differences(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    ir_val v = x86_v2(c, IR_uabd, T_I8X16, x, y);
    (void)t;
    v = ir_v1(c->b, IR_vuaddlp, T_I16X8, v, 0);
    v = ir_v1(c->b, IR_vuaddlp, T_I32X4, v, 0);
    return ir_v1(c->b, IR_vuaddlp, T_I64X2, v, 0);
}

#define TWO(name, f, t)                                                                            \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)a;                                                                                   \
        two(c, i, by_##f, t);                                                                      \
    }
TWO(paddb, add, T_I8X16)
TWO(paddw, add, T_I16X8)
TWO(paddd, add, T_I32X4)
TWO(paddq, add, T_I64X2)
TWO(psubb, sub, T_I8X16)
TWO(psubw, sub, T_I16X8)
TWO(psubd, sub, T_I32X4)
TWO(psubq, sub, T_I64X2)
TWO(paddsb, ssadd, T_I8X16)
TWO(paddsw, ssadd, T_I16X8)
TWO(paddusb, usadd, T_I8X16)
TWO(paddusw, usadd, T_I16X8)
TWO(psubsb, sssub, T_I8X16)
TWO(psubsw, sssub, T_I16X8)
TWO(psubusb, ussub, T_I8X16)
TWO(psubusw, ussub, T_I16X8)
TWO(pavgb, urhadd, T_I8X16)
TWO(pavgw, urhadd, T_I16X8)
TWO(pminub, umin, T_I8X16)
TWO(pmaxub, umax, T_I8X16)
TWO(pminsw, smin, T_I16X8)
TWO(pmaxsw, smax, T_I16X8)
TWO(pmullw, mul, T_I16X8)
TWO(pmulhw, high_signed, T_I16X8)
TWO(pmulhuw, high_unsigned, T_I16X8)
TWO(pmaddwd, sum_of_products, T_I32X4)
TWO(pmuludq, even, T_I64X2)
TWO(psadbw, differences, T_I64X2)
TWO(pcmpeqb, equal, T_I8X16)
TWO(pcmpeqw, equal, T_I16X8)
TWO(pcmpeqd, equal, T_I32X4)
TWO(pcmpgtb, greater, T_I8X16)
TWO(pcmpgtw, greater, T_I16X8)
TWO(pcmpgtd, greater, T_I32X4)

/* ---- shifts of lanes, by an immediate byte or by a number of 64 bits: beyond the lane nothing is
 * left, or signs */

static void shift(struct x86_block *c, const struct x86_instr *i, enum ir_op by_constant,
                  enum ir_op by_lanes, ir_type t)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0], *n = &i->op[1];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, dst);
    if (n->kind == X86_IMMEDIATE) {
        const unsigned most = ir_lane_bits(t), by = n->value & 0xff;
        x86_put_vector(c, dst, ir_v1(b, by_constant, t, x, by < most ? by : most));
        return;
    }
    const ir_val most = ir_konst(b, T_I64, 127);
    const ir_val by = ir_umin(b, ir_vget(b, T_I64, x86_vector(c, i, n), 0), most);
    const ir_type lane = (ir_type)ir_lane(t);
    const ir_val all = ir_vdup(b, t, lane == T_I64 ? by : ir_trunc(b, lane, by));
    x86_put_vector(c, dst, x86_v2(c, by_lanes, t, x, all));
}

#define SHIFT(name, constant, lanes, t)                                                            \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)a;                                                                                   \
        shift(c, i, IR_##constant, IR_##lanes, t);                                                 \
    }
SHIFT(psllw, shli, shl, T_I16X8)
SHIFT(pslld, shli, shl, T_I32X4)
SHIFT(psllq, shli, shl, T_I64X2)
SHIFT(psrlw, shri, shr, T_I16X8)
SHIFT(psrld, shri, shr, T_I32X4)
SHIFT(psrlq, shri, shr, T_I64X2)
SHIFT(psraw, sari, sar, T_I16X8)
SHIFT(psrad, sari, sar, T_I32X4)
#undef SHIFT

/* Of the whole register, by bytes. */
void x86_psrldq(struct x86_block *c, const struct x86_instr *i, const struct x86_psrldq *a)
{
    const unsigned n = a->src.value & 0xff;
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), zero = ir_vkonst(c->b, 0);
        x86_put_vector(c, &a->dst, n > 15 ? zero : ir_v2(c->b, IR_vext, T_I8X16, x, zero, n));
    }
}

void x86_pslldq(struct x86_block *c, const struct x86_instr *i, const struct x86_pslldq *a)
{
    const unsigned n = a->src.value & 0xff;
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &a->dst), zero = ir_vkonst(c->b, 0);
        x86_put_vector(c, &a->dst,
                       n > 15   ? zero
                       : n == 0 ? x
                                : ir_v2(c->b, IR_vext, T_I8X16, zero, x, 16 - n));
    }
}
