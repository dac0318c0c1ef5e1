/* SPDX-License-Identifier: MIT */
/*
 * Conversions of SSE. Intel SDM, volume 2: CVTDQ2PD to CVTTSS2SI. What has no vector op is done
 * lane by lane.
 */
#include "cpu/x86/sse.h"

/* ---- scalars */

/* From a general register, or memory. */
static void from_general(struct x86_block *c, const struct x86_instr *i, ir_type to)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_read(c, i, &i->op[1]);
        x86_fp_begin(c);
        const ir_val r = ir_itof(c->b, to, x, IR_RDYN, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, &i->op[0], r);
    }
}

static void to_general(struct x86_block *c, const struct x86_instr *i, ir_type from,
                       unsigned rounding)
{
    const struct x86_operand *dst = &i->op[0];
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_scalar(c, i, &i->op[1], from);
        x86_fp_begin(c);
        const ir_val r = ir_ftoi(c->b, x86_type_of(dst->bytes), x, rounding, x86_fp(c));
        x86_fp_end(c);
        x86_write(c, i, dst, r);
    }
}

static void change_precision(struct x86_block *c, const struct x86_instr *i, ir_type from,
                             ir_type to)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_scalar(c, i, &i->op[1], from);
        x86_fp_begin(c);
        const ir_val r = ir_fcvt(c->b, to, x, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, &i->op[0], r);
    }
}

X86_BY(from_general, cvtsi2ss, T_F32)
X86_BY(from_general, cvtsi2sd, T_F64)
X86_BY(to_general, cvtss2si, T_F32, IR_RDYN)
X86_BY(to_general, cvtsd2si, T_F64, IR_RDYN)
X86_BY(to_general, cvttss2si, T_F32, IR_RTZ)
X86_BY(to_general, cvttsd2si, T_F64, IR_RTZ)
X86_BY(change_precision, cvtss2sd, T_F32, T_F64)
X86_BY(change_precision, cvtsd2ss, T_F64, T_F32)

/* ---- lanes of 32 bits */

X86_BY(x86_fp1_packed, cvtdq2ps, IR_vitof, T_F32X4, IR_RDYN)
X86_BY(x86_fp1_packed, cvtps2dq, IR_vftoi, T_F32X4, IR_RDYN)
X86_BY(x86_fp1_packed, cvttps2dq, IR_vftoi, T_F32X4, IR_RTZ)

/* ---- two lanes, of which one side has 64 bits or both have 32; the upper half of the result is 0
 * if it is not used. Into half of a register that keeps the other: CVTPI2PS. */

static ir_val convert(struct x86_block *c, ir_val x, ir_type to, unsigned rounding)
{
    struct ir_builder *b = c->b;
    const unsigned fp = x86_fp(c);
    if (!ir_is_float(ir_type_of(b, x))) {
        return ir_itof(b, to, x, IR_RDYN, fp);
    }
    return ir_is_float(to) ? ir_fcvt(b, to, x, fp) : ir_ftoi(b, to, x, rounding, fp);
}

static void two_lanes(struct x86_block *c, const struct x86_instr *i, ir_type from, ir_type to,
                      unsigned rounding)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[1]);
    x86_fp_begin(c);
    const ir_val low = convert(c, ir_vget(b, from, x, 0), to, rounding);
    const ir_val high = convert(c, ir_vget(b, from, x, 1), to, rounding);
    x86_fp_end(c);
    if (x86_is_mmx(&i->op[1])) {
        x86_mmx_enter(c);
    }
    const bool keeps = !ir_is_float(from) && to == T_F32;
    const ir_val under = keeps ? x86_vector(c, i, dst) : ir_vzext(b, low);
    const ir_val r = keeps ? x86_with_low(c, under, low) : under;
    x86_put_vector(c, dst, ir_vset(b, x86_lanes(to), r, 1, high));
}
X86_BY(two_lanes, cvtps2pd, T_F32, T_F64, 0)
X86_BY(two_lanes, cvtpd2ps, T_F64, T_F32, 0)
X86_BY(two_lanes, cvtdq2pd, T_I32, T_F64, 0)
X86_BY(two_lanes, cvtpd2dq, T_F64, T_I32, IR_RDYN)
X86_BY(two_lanes, cvttpd2dq, T_F64, T_I32, IR_RTZ)
X86_BY(two_lanes, cvtpi2ps, T_I32, T_F32, 0)
X86_BY(two_lanes, cvtpi2pd, T_I32, T_F64, 0)
X86_BY(two_lanes, cvtps2pi, T_F32, T_I32, IR_RDYN)
X86_BY(two_lanes, cvttps2pi, T_F32, T_I32, IR_RTZ)
X86_BY(two_lanes, cvtpd2pi, T_F64, T_I32, IR_RDYN)
X86_BY(two_lanes, cvttpd2pi, T_F64, T_I32, IR_RTZ)
