/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic of MMX, SSE2 and AVX2. Intel SDM, volume 2: PADDB to PADDW, PAVGB, PCMPEQB,
 * PCMPGTB, PMADDWD, PMAXSW, PMINUB, PMULHUW, PMULHW, PMULLW, PMULUDQ, PSADBW, PSLLW, PSRAW, PSRLW,
 * PSUBB to PSUBW. Operands of MMX have an upper half of 0, and that of the result does not count.
 */
#include "cpu/x86/sse.h"

X86_BOTH(x86_vector_op, paddb, IR_add, T_I8X16)
X86_BOTH(x86_vector_op, paddw, IR_add, T_I16X8)
X86_BOTH(x86_vector_op, paddd, IR_add, T_I32X4)
X86_BOTH(x86_vector_op, paddq, IR_add, T_I64X2)
X86_BOTH(x86_vector_op, psubb, IR_sub, T_I8X16)
X86_BOTH(x86_vector_op, psubw, IR_sub, T_I16X8)
X86_BOTH(x86_vector_op, psubd, IR_sub, T_I32X4)
X86_BOTH(x86_vector_op, psubq, IR_sub, T_I64X2)
X86_BOTH(x86_vector_op, paddsb, IR_ssadd, T_I8X16)
X86_BOTH(x86_vector_op, paddsw, IR_ssadd, T_I16X8)
X86_BOTH(x86_vector_op, paddusb, IR_usadd, T_I8X16)
X86_BOTH(x86_vector_op, paddusw, IR_usadd, T_I16X8)
X86_BOTH(x86_vector_op, psubsb, IR_sssub, T_I8X16)
X86_BOTH(x86_vector_op, psubsw, IR_sssub, T_I16X8)
X86_BOTH(x86_vector_op, psubusb, IR_ussub, T_I8X16)
X86_BOTH(x86_vector_op, psubusw, IR_ussub, T_I16X8)
X86_BOTH(x86_vector_op, pavgb, IR_urhadd, T_I8X16)
X86_BOTH(x86_vector_op, pavgw, IR_urhadd, T_I16X8)
X86_BOTH(x86_vector_op, pminub, IR_umin, T_I8X16)
X86_BOTH(x86_vector_op, pmaxub, IR_umax, T_I8X16)
X86_BOTH(x86_vector_op, pminsw, IR_smin, T_I16X8)
X86_BOTH(x86_vector_op, pmaxsw, IR_smax, T_I16X8)
X86_BOTH(x86_vector_op, pmullw, IR_mul, T_I16X8)
X86_BOTH(x86_vector_op, pmulhw, IR_vsmulhi, T_I16X8)
X86_BOTH(x86_vector_op, pmulhuw, IR_vumulhi, T_I16X8)
X86_BOTH(x86_vector_op, pmaddwd, IR_vsmadd, T_I32X4)
X86_BOTH(x86_vector_op, pmuludq, IR_vumule, T_I64X2)
X86_BOTH(x86_vector_op, psadbw, IR_vsad, T_I64X2)
X86_BOTH(x86_compare_vectors, pcmpeqb, IR_EQ, T_I8X16)
X86_BOTH(x86_compare_vectors, pcmpeqw, IR_EQ, T_I16X8)
X86_BOTH(x86_compare_vectors, pcmpeqd, IR_EQ, T_I32X4)
X86_BOTH(x86_compare_vectors, pcmpgtb, IR_SGT, T_I8X16)
X86_BOTH(x86_compare_vectors, pcmpgtw, IR_SGT, T_I16X8)
X86_BOTH(x86_compare_vectors, pcmpgtd, IR_SGT, T_I32X4)

/* ---- shifts of lanes, by an immediate byte or by a number of 64 bits: beyond the lane nothing is
 * left, or signs */

static void shift(struct x86_block *c, const struct x86_instr *i, enum ir_op by_constant,
                  enum ir_op by_lanes, ir_type t)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0], *n = x86_second(i);
    t = x86_length(i, t);
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, x86_first(i));
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

/* VEX forms by an immediate byte are rows of their own. */
#define SHIFT(name, by_constant, by_lanes, t)                                                      \
    X86_BOTH(shift, name, by_constant, by_lanes, t)                                                \
    X86_BY(shift, v##name##_i, by_constant, by_lanes, t)
SHIFT(psllw, IR_shli, IR_shl, T_I16X8)
SHIFT(pslld, IR_shli, IR_shl, T_I32X4)
SHIFT(psllq, IR_shli, IR_shl, T_I64X2)
SHIFT(psrlw, IR_shri, IR_shr, T_I16X8)
SHIFT(psrld, IR_shri, IR_shr, T_I32X4)
SHIFT(psrlq, IR_shri, IR_shr, T_I64X2)
SHIFT(psraw, IR_sari, IR_sar, T_I16X8)
SHIFT(psrad, IR_sari, IR_sar, T_I32X4)
#undef SHIFT

/* AVX2: each lane by its own number. */
X86_BY(x86_vector_op, vpsllvd, IR_shl, T_I32X4)
X86_BY(x86_vector_op, vpsllvq, IR_shl, T_I64X2)
X86_BY(x86_vector_op, vpsrlvd, IR_shr, T_I32X4)
X86_BY(x86_vector_op, vpsrlvq, IR_shr, T_I64X2)
X86_BY(x86_vector_op, vpsravd, IR_sar, T_I32X4)

/* Of 16 bytes by bytes. */
static void shift_bytes(struct x86_block *c, const struct x86_instr *i, bool left)
{
    struct ir_builder *b = c->b;
    const ir_type t = x86_length(i, T_I8X16);
    const unsigned n = i->imm & 0xff;
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, x86_first(i)), zero = x86_vkonst(c, t, 0);
    ir_val r = zero;
    if (n < 16 && left) {
        r = n ? ir_v2(b, IR_vext, t, zero, x, 16 - n) : x;
    } else if (n < 16) {
        r = n ? ir_v2(b, IR_vext, t, x, zero, n) : x;
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_BOTH(shift_bytes, psrldq, false)
X86_BOTH(shift_bytes, pslldq, true)
