/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic of MMX and SSE2. Intel SDM, volume 2: PADDB to PADDW, PAVGB, PCMPEQB, PCMPGTB,
 * PMADDWD, PMAXSW, PMINUB, PMULHUW, PMULHW, PMULLW, PMULUDQ, PSADBW, PSLLW, PSRAW, PSRLW, PSUBB to
 * PSUBW. Operands of MMX have an upper half of 0, and that of the result does not count.
 */
#include "cpu/x86/sse.h"

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

X86_BY(x86_vector_op, paddb, IR_add, T_I8X16)
X86_BY(x86_vector_op, paddw, IR_add, T_I16X8)
X86_BY(x86_vector_op, paddd, IR_add, T_I32X4)
X86_BY(x86_vector_op, paddq, IR_add, T_I64X2)
X86_BY(x86_vector_op, psubb, IR_sub, T_I8X16)
X86_BY(x86_vector_op, psubw, IR_sub, T_I16X8)
X86_BY(x86_vector_op, psubd, IR_sub, T_I32X4)
X86_BY(x86_vector_op, psubq, IR_sub, T_I64X2)
X86_BY(x86_vector_op, paddsb, IR_ssadd, T_I8X16)
X86_BY(x86_vector_op, paddsw, IR_ssadd, T_I16X8)
X86_BY(x86_vector_op, paddusb, IR_usadd, T_I8X16)
X86_BY(x86_vector_op, paddusw, IR_usadd, T_I16X8)
X86_BY(x86_vector_op, psubsb, IR_sssub, T_I8X16)
X86_BY(x86_vector_op, psubsw, IR_sssub, T_I16X8)
X86_BY(x86_vector_op, psubusb, IR_ussub, T_I8X16)
X86_BY(x86_vector_op, psubusw, IR_ussub, T_I16X8)
X86_BY(x86_vector_op, pavgb, IR_urhadd, T_I8X16)
X86_BY(x86_vector_op, pavgw, IR_urhadd, T_I16X8)
X86_BY(x86_vector_op, pminub, IR_umin, T_I8X16)
X86_BY(x86_vector_op, pmaxub, IR_umax, T_I8X16)
X86_BY(x86_vector_op, pminsw, IR_smin, T_I16X8)
X86_BY(x86_vector_op, pmaxsw, IR_smax, T_I16X8)
X86_BY(x86_vector_op, pmullw, IR_mul, T_I16X8)
X86_BY(x86_two_vectors, pmulhw, by_high_signed, T_I16X8)
X86_BY(x86_two_vectors, pmulhuw, by_high_unsigned, T_I16X8)
X86_BY(x86_two_vectors, pmaddwd, by_sum_of_products, T_I32X4)
X86_BY(x86_two_vectors, pmuludq, by_even, T_I64X2)
X86_BY(x86_two_vectors, psadbw, by_differences, T_I64X2)
X86_BY(x86_compare_vectors, pcmpeqb, IR_EQ, T_I8X16)
X86_BY(x86_compare_vectors, pcmpeqw, IR_EQ, T_I16X8)
X86_BY(x86_compare_vectors, pcmpeqd, IR_EQ, T_I32X4)
X86_BY(x86_compare_vectors, pcmpgtb, IR_SGT, T_I8X16)
X86_BY(x86_compare_vectors, pcmpgtw, IR_SGT, T_I16X8)
X86_BY(x86_compare_vectors, pcmpgtd, IR_SGT, T_I32X4)

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

X86_BY(shift, psllw, IR_shli, IR_shl, T_I16X8)
X86_BY(shift, pslld, IR_shli, IR_shl, T_I32X4)
X86_BY(shift, psllq, IR_shli, IR_shl, T_I64X2)
X86_BY(shift, psrlw, IR_shri, IR_shr, T_I16X8)
X86_BY(shift, psrld, IR_shri, IR_shr, T_I32X4)
X86_BY(shift, psrlq, IR_shri, IR_shr, T_I64X2)
X86_BY(shift, psraw, IR_sari, IR_sar, T_I16X8)
X86_BY(shift, psrad, IR_sari, IR_sar, T_I32X4)

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
