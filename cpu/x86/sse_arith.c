/* SPDX-License-Identifier: MIT */
/*
 * Floating-point arithmetic and comparisons of SSE. Intel SDM, volume 1, 4.8 and 11.5; volume 2:
 * ADDPS and its like, ADDSUBPS, CMPPS, COMISS, DIVPS, HADDPS, HSUBPS, MAXPS, MINPS, MULPS, RCPPS,
 * RSQRTPS, SQRTPS, SUBPS, UCOMISS; logic: ANDNPS, ANDPS, ORPS, XORPS. What the guest's MXCSR says
 * the host's says while code runs (tcg/host/x86_64/ops_fp_native.c).
 */
#include "cpu/x86/sse.h"

#include "base/softfloat.h"

/* ---- two operands */

static void packed(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        x86_fp_begin(c);
        const ir_val r = ir_fp2(c->b, op, t, x, y, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}

static void scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, &i->op[1], t), x = x86_scalar(c, i, &i->op[0], t);
        x86_fp_begin(c);
        const ir_val r = ir_fp2(c->b, op, t, x, y, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, &i->op[0], r);
    }
}

#define FOUR(name, op)                                                                             \
    X86_BY(packed, name##ps, op, T_F32X4)                                                          \
    X86_BY(packed, name##pd, op, T_F64X2)                                                          \
    X86_BY(scalar, name##ss, op, T_F32)                                                            \
    X86_BY(scalar, name##sd, op, T_F64)
FOUR(add, IR_fadd)
FOUR(sub, IR_fsub)
FOUR(mul, IR_fmul)
FOUR(div, IR_fdiv)
FOUR(min, IR_fmin)
FOUR(max, IR_fmax)
#undef FOUR

/* ---- neighbours: the lanes with even numbers of both operands, and with odd ones */

static void horizontal(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    const ir_type lanes = ir_lane_bits(t) == 32 ? T_I32X4 : T_I64X2;
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        const ir_val even = x86_v2(c, IR_vuzp1, lanes, x, y);
        const ir_val odd = x86_v2(c, IR_vuzp2, lanes, x, y);
        x86_fp_begin(c);
        const ir_val r = ir_fp2(c->b, op, t, even, odd, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}
X86_BY(horizontal, haddps, IR_fadd, T_F32X4)
X86_BY(horizontal, haddpd, IR_fadd, T_F64X2)
X86_BY(horizontal, hsubps, IR_fsub, T_F32X4)
X86_BY(horizontal, hsubpd, IR_fsub, T_F64X2)

/* Lanes with even numbers are subtracted, others added: one by one, or flags would be raised by
 * what is not a result. */
static void alternate(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const ir_type lane = (ir_type)ir_lane(t);
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        ir_val r = x;
        x86_fp_begin(c);
        for (unsigned k = 0; k < ir_lane_count(t); k++) {
            const ir_val lx = ir_vget(b, lane, x, k), ly = ir_vget(b, lane, y, k);
            r = ir_vset(b, t, r, k, ir_fp2(b, k & 1 ? IR_fadd : IR_fsub, lane, lx, ly, x86_fp(c)));
        }
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}
X86_BY(alternate, addsubps, T_F32X4)
X86_BY(alternate, addsubpd, T_F64X2)

/* ---- square roots */

X86_BY(x86_fp1_packed, sqrtps, IR_fsqrt, T_F32X4, 0)
X86_BY(x86_fp1_packed, sqrtpd, IR_fsqrt, T_F64X2, 0)
X86_BY(x86_fp1_scalar, sqrtss, IR_fsqrt, T_F32, 0)
X86_BY(x86_fp1_scalar, sqrtsd, IR_fsqrt, T_F64, 0)

/* ---- estimates: by software, within the manual's 1.5 / 4096; they raise no flags */

/* The 12 bits below the leading one that are kept. */
static uint32_t cut(uint32_t x)
{
    return (x + 0x400) & ~UINT32_C(0x7ff);
}

/* 1 / x or 1 / sqrt(x). Denormals are zeros; what is too small becomes one. */
static uint32_t estimate(uint32_t x, bool root)
{
    const uint32_t sign = x & 0x80000000, one = 0x3f800000;
    struct fp_env env = {.rules = &fp_rules_x86, .flush_inputs = FP_FLUSH, .flush_outputs = true};
    if (f32_is_nan(x)) {
        return x | 0x400000;
    }
    if (!(x & 0x7f800000)) {
        return sign | 0x7f800000;
    }
    if (root && sign) {
        return 0xffc00000;
    }
    const uint32_t r = f32_div(one, root ? f32_sqrt(x, &env) : x, &env);
    return (r & 0x7f800000) && (r & 0x7fffffff) < 0x7f7ff000 ? cut(r) : r;
}

static void do_estimate(struct vcpu *v, union ir_vec *d, const union ir_vec *a,
                        const union ir_vec *b, const union ir_vec *c, uint32_t root)
{
    (void)v, (void)b, (void)c;
    for (unsigned k = 0; k < 4; k++) {
        d->u32[k] = estimate(a->u32[k], root);
    }
}
X86_VECTOR_CALL(estimate);

static void estimates(struct x86_block *c, const struct x86_instr *i, bool is_scalar, bool root)
{
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const struct x86_operand *src = &i->op[1];
    const ir_val y = is_scalar && src->kind == X86_MEMORY
                         ? ir_vzext(c->b, x86_scalar(c, i, src, T_F32))
                         : x86_vector(c, i, src);
    ir_val r = ir_call(c->b, T_V128, &row_estimate, y, IR_NONE, IR_NONE, root);
    if (is_scalar) {
        r = x86_with_low(c, x86_vector(c, i, &i->op[0]), ir_vget(c->b, T_F32, r, 0));
    }
    x86_put_vector(c, &i->op[0], r);
}
X86_BY(estimates, rcpps, false, false)
X86_BY(estimates, rcpss, true, false)
X86_BY(estimates, rsqrtps, false, true)
X86_BY(estimates, rsqrtss, true, true)

/* ---- comparisons */

/* Volume 2, CMPPD, table 3-1: the low three bits; the fourth and fifth are AVX's. */
static unsigned relations(uint64_t imm)
{
    static const uint8_t r[8] = {IR_FEQ,
                                 IR_FLT | IR_FCMP_SIGNALLING,
                                 IR_FLT | IR_FEQ | IR_FCMP_SIGNALLING,
                                 IR_FUN,
                                 IR_FLT | IR_FGT | IR_FUN,
                                 IR_FEQ | IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                 IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                 IR_FLT | IR_FEQ | IR_FGT};
    return r[imm & 7];
}

static void compare_packed(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        x86_fp_begin(c);
        const ir_val r = ir_vfcmp(c->b, t, relations((uint64_t)i->imm), x, y, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}

static void compare_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = ir_type_bits(t) / 8;
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, &i->op[1], t), x = x86_scalar(c, i, &i->op[0], t);
        x86_fp_begin(c);
        const ir_val r = ir_fcmp(b, relations((uint64_t)i->imm), x, y, x86_fp(c));
        x86_fp_end(c);
        const ir_val mask = ir_neg(b, bytes == 8 ? ir_zext(b, T_I64, r) : r);
        x86_put_vector(
            c, &i->op[0],
            ir_vset(b, bytes == 8 ? T_I64X2 : T_I32X4, x86_vector(c, i, &i->op[0]), 0, mask));
    }
}

X86_BY(compare_packed, cmpps, T_F32X4)
X86_BY(compare_packed, cmppd, T_F64X2)
X86_BY(compare_scalar, cmpss, T_F32)
X86_BY(compare_scalar, cmpsd, T_F64)

/* Z, P, C: unordered all, less C, equal Z. */
static void compare_flags(struct x86_block *c, const struct x86_instr *i, ir_type t,
                          bool signalling)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, &i->op[1], t), x = x86_scalar(c, i, &i->op[0], t);
        x86_fp_begin(c);
        const ir_val f = ir_flags_fcmp(
            c->b, x, y, IR_FLAGS_FCMP_ZPC | (signalling ? IR_FLAGS_FCMP_SIGNALLING : 0), x86_fp(c));
        x86_fp_end(c);
        x86_put_flags(c, f);
    }
}
X86_BY(compare_flags, ucomiss, T_F32, false)
X86_BY(compare_flags, ucomisd, T_F64, false)
X86_BY(compare_flags, comiss, T_F32, true)
X86_BY(compare_flags, comisd, T_F64, true)

/* ---- logic */

static void logic(struct x86_block *c, const struct x86_instr *i, enum ir_op op)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[0]), y = x86_vector(c, i, &i->op[1]);
        const bool not = op == IR_andn; /* of the first operand */
        x86_put_vector(c, &i->op[0], x86_v2(c, op, T_V128, not ? y : x, not ? x : y));
    }
}
X86_BY(logic, andps, IR_and)
X86_BY(logic, andpd, IR_and)
X86_BY(logic, andnps, IR_andn)
X86_BY(logic, andnpd, IR_andn)
X86_BY(logic, orps, IR_or)
X86_BY(logic, orpd, IR_or)
X86_BY(logic, xorps, IR_xor)
X86_BY(logic, xorpd, IR_xor)
X86_BY(logic, pand, IR_and)
X86_BY(logic, pandn, IR_andn)
X86_BY(logic, por, IR_or)
X86_BY(logic, pxor, IR_xor)
