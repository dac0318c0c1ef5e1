/* SPDX-License-Identifier: MIT */
/*
 * Conversions of SSE and AVX. Intel SDM, volume 2: CVTDQ2PD to CVTTSS2SI. What has no vector op is
 * done lane by lane.
 */
#include "cpu/x86/sse.h"

/* ---- scalars */

/* From a general register, or memory. */
static void from_general(struct x86_block *c, const struct x86_instr *i, ir_type to)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_read(c, i, x86_second(i));
        x86_fp_begin(c);
        const ir_val r = ir_itof(c->b, to, x, IR_RDYN, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, i, r);
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
        const ir_val x = x86_scalar(c, i, x86_second(i), from);
        x86_fp_begin(c);
        const ir_val r = ir_fcvt(c->b, to, x, x86_fp(c));
        x86_fp_result(c, r);
        x86_put_low(c, i, r);
    }
}

X86_BOTH(from_general, cvtsi2ss, T_F32)
X86_BOTH(from_general, cvtsi2sd, T_F64)
X86_BOTH(to_general, cvtss2si, T_F32, IR_RDYN)
X86_BOTH(to_general, cvtsd2si, T_F64, IR_RDYN)
X86_BOTH(to_general, cvttss2si, T_F32, IR_RTZ)
X86_BOTH(to_general, cvttsd2si, T_F64, IR_RTZ)
X86_BOTH(change_precision, cvtss2sd, T_F32, T_F64)
X86_BOTH(change_precision, cvtsd2ss, T_F64, T_F32)

/* ---- lanes of 32 bits */

X86_BOTH(x86_fp1_packed, cvtdq2ps, IR_vitof, T_F32X4, IR_RDYN)
X86_BOTH(x86_fp1_packed, cvtps2dq, IR_vftoi, T_F32X4, IR_RDYN)
X86_BOTH(x86_fp1_packed, cvttps2dq, IR_vftoi, T_F32X4, IR_RTZ)

/* ---- lanes of 64 bits, or as many of 32, on one side or both; the rest of the result is 0. Into
 * half of a register that keeps the other: CVTPI2PS. */

static ir_val convert(struct x86_block *c, ir_val x, ir_type to, unsigned rounding)
{
    struct ir_builder *b = c->b;
    const unsigned fp = x86_fp(c);
    if (!ir_is_float(ir_type_of(b, x))) {
        return ir_itof(b, to, x, IR_RDYN, fp);
    }
    return ir_is_float(to) ? ir_fcvt(b, to, x, fp) : ir_ftoi(b, to, x, rounding, fp);
}

/* Lanes x[0] up, of which there are n, above zeros. */
static ir_val gather(struct x86_block *c, const ir_val *x, unsigned n)
{
    const ir_type t = x86_lanes(ir_type_of(c->b, x[0]));
    ir_val r = ir_vzext(c->b, x[0]);
    for (unsigned k = 1; k < n; k++) {
        r = ir_vset(c->b, t, r, k, x[k]);
    }
    return r;
}

static void lanes(struct x86_block *c, const struct x86_instr *i, ir_type from, ir_type to,
                  unsigned rounding)
{
    struct ir_builder *b = c->b;
    const struct x86_operand *dst = &i->op[0];
    const unsigned n = i->l ? 4 : 2, of_part = 128 / ir_type_bits(from);
    ir_val r[4];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, &i->op[1]);
    x86_fp_begin(c);
    for (unsigned k = 0; k < n; k++) {
        const ir_val lane = ir_vget(b, from, x86_part(c, x, k / of_part), k % of_part);
        r[k] = convert(c, lane, to, rounding);
    }
    if (from == T_F64 && to == T_F32) {
        x86_fp_result(c, gather(c, r, n));
    } else {
        x86_fp_end(c);
    }
    if (x86_is_mmx(&i->op[1])) {
        x86_mmx_enter(c);
    }
    if (!i->vex && !ir_is_float(from) && to == T_F32) {
        const ir_val low = x86_with_low(c, x86_vector(c, i, dst), r[0]);
        x86_put_vector(c, dst, ir_vset(b, T_F32X4, low, 1, r[1]));
    } else if (i->l && ir_type_bits(to) == 64) {
        x86_put_vector(c, dst, x86_join(c, gather(c, r, 2), gather(c, r + 2, 2)));
    } else {
        x86_put_vector(c, dst, gather(c, r, n));
    }
}
X86_BOTH(lanes, cvtps2pd, T_F32, T_F64, 0)
X86_BOTH(lanes, cvtpd2ps, T_F64, T_F32, 0)
X86_BOTH(lanes, cvtdq2pd, T_I32, T_F64, 0)
X86_BOTH(lanes, cvtpd2dq, T_F64, T_I32, IR_RDYN)
X86_BOTH(lanes, cvttpd2dq, T_F64, T_I32, IR_RTZ)
X86_BY(lanes, cvtpi2ps, T_I32, T_F32, 0)
X86_BY(lanes, cvtpi2pd, T_I32, T_F64, 0)
X86_BY(lanes, cvtps2pi, T_F32, T_I32, IR_RDYN)
X86_BY(lanes, cvttps2pi, T_F32, T_I32, IR_RTZ)
X86_BY(lanes, cvtpd2pi, T_F64, T_I32, IR_RDYN)
X86_BY(lanes, cvttpd2pi, T_F64, T_I32, IR_RTZ)
