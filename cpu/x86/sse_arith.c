/* SPDX-License-Identifier: MIT */
/*
 * Floating-point arithmetic and comparisons of SSE and AVX. Intel SDM, volume 1, 4.8 and 11.5;
 * volume 2: ADDPS and its like, ADDSUBPS, CMPPS, COMISS, DIVPS, HADDPS, HSUBPS, MAXPS, MINPS,
 * MULPS, RCPPS, RSQRTPS, SQRTPS, SUBPS, UCOMISS; logic: ANDNPS, ANDPS, ORPS, XORPS. What the
 * guest's MXCSR says the host's says while code runs (tcg/host/x86_64/ops_fp_native.c).
 */
#include "cpu/x86/sse.h"

#include "base/softfloat.h"

/* ---- two operands */

/* A minimum and a maximum is one of the operands, whatever it is. */
static void computed(struct x86_block *c, enum ir_op op, ir_val r)
{
    if (op == IR_fmin || op == IR_fmax) {
        x86_fp_end(c);
    } else {
        x86_fp_result(c, r);
    }
}

static void packed(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_fp_begin(c);
        const ir_val r = ir_fp2(c->b, op, x86_length(i, t), x, y, x86_fp(c));
        computed(c, op, r);
        x86_put_vector(c, &i->op[0], r);
    }
}

static void scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, x86_second(i), t), x = x86_scalar(c, i, x86_first(i), t);
        x86_fp_begin(c);
        const ir_val r = ir_fp2(c->b, op, t, x, y, x86_fp(c));
        computed(c, op, r);
        x86_put_low(c, i, r);
    }
}

#define FOUR(name, op)                                                                             \
    X86_BOTH(packed, name##ps, op, T_F32X4)                                                        \
    X86_BOTH(packed, name##pd, op, T_F64X2)                                                        \
    X86_BOTH(scalar, name##ss, op, T_F32)                                                          \
    X86_BOTH(scalar, name##sd, op, T_F64)
FOUR(add, IR_fadd)
FOUR(sub, IR_fsub)
FOUR(mul, IR_fmul)
FOUR(div, IR_fdiv)
FOUR(min, IR_fmin)
FOUR(max, IR_fmax)
#undef FOUR

/* ---- neighbours: the lanes with even numbers of both operands, and with odd ones */

static ir_val neighbours(struct x86_block *c, ir_type t, ir_val x, ir_val y, enum ir_op op)
{
    const ir_type lanes = (ir_type)(t - ir_lane(t) + (ir_lane_bits(t) == 32 ? L_I32 : L_I64));
    const ir_val even = x86_v2(c, IR_vuzp1, lanes, x, y), odd = x86_v2(c, IR_vuzp2, lanes, x, y);
    x86_fp_begin(c);
    const ir_val r = ir_fp2(c->b, op, t, even, odd, x86_fp(c));
    x86_fp_result(c, r);
    return r;
}

static ir_val by_neighbours_added(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return neighbours(c, t, x, y, IR_fadd);
}

static ir_val by_neighbours_subtracted(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    return neighbours(c, t, x, y, IR_fsub);
}
X86_BOTH(x86_two_vectors, haddps, by_neighbours_added, T_F32X4)
X86_BOTH(x86_two_vectors, haddpd, by_neighbours_added, T_F64X2)
X86_BOTH(x86_two_vectors, hsubps, by_neighbours_subtracted, T_F32X4)
X86_BOTH(x86_two_vectors, hsubpd, by_neighbours_subtracted, T_F64X2)

/* Lanes with even numbers are subtracted: the other number is added to them. */
static ir_val by_turns(struct x86_block *c, ir_type t, ir_val x, ir_val y)
{
    const ir_val z = x86_turn_signs(c, t, y, 0);
    x86_fp_begin(c);
    const ir_val r = ir_fp2(c->b, IR_fadd, t, x, z, x86_fp(c));
    x86_fp_result(c, r);
    return r;
}
X86_BOTH(x86_two_vectors, addsubps, by_turns, T_F32X4)
X86_BOTH(x86_two_vectors, addsubpd, by_turns, T_F64X2)

/* ---- square roots */

X86_BOTH(x86_fp1_packed, sqrtps, IR_fsqrt, T_F32X4, 0)
X86_BOTH(x86_fp1_packed, sqrtpd, IR_fsqrt, T_F64X2, 0)
X86_BOTH(x86_fp1_scalar, sqrtss, IR_fsqrt, T_F32, 0)
X86_BOTH(x86_fp1_scalar, sqrtsd, IR_fsqrt, T_F64, 0)

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

static ir_val estimate_of(struct x86_block *c, ir_val x, bool root)
{
    return ir_call(c->b, T_V128, &row_estimate, x, IR_NONE, IR_NONE, root);
}

static void estimate_packed(struct x86_block *c, const struct x86_instr *i, bool root)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        const ir_val low = estimate_of(c, x86_part(c, x, 0), root);
        x86_put_vector(c, &i->op[0],
                       i->l ? x86_join(c, low, estimate_of(c, x86_part(c, x, 1), root)) : low);
    }
}

static void estimate_scalar(struct x86_block *c, const struct x86_instr *i, bool root)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = ir_vzext(c->b, x86_scalar(c, i, x86_second(i), T_F32));
        x86_put_low(c, i, ir_vget(c->b, T_F32, estimate_of(c, x, root), 0));
    }
}
X86_BOTH(estimate_packed, rcpps, false)
X86_BOTH(estimate_scalar, rcpss, false)
X86_BOTH(estimate_packed, rsqrtps, true)
X86_BOTH(estimate_scalar, rsqrtss, true)

/* ---- comparisons */

/* Volume 2, CMPPD, table 3-1. Legacy instructions have the first eight; the fifth bit is about
 * quiet NaNs. */
static unsigned relations(const struct x86_instr *i)
{
    static const uint8_t r[16] = {IR_FEQ,
                                  IR_FLT | IR_FCMP_SIGNALLING,
                                  IR_FLT | IR_FEQ | IR_FCMP_SIGNALLING,
                                  IR_FUN,
                                  IR_FLT | IR_FGT | IR_FUN,
                                  IR_FEQ | IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                  IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                  IR_FLT | IR_FEQ | IR_FGT,
                                  IR_FEQ | IR_FUN,
                                  IR_FLT | IR_FUN | IR_FCMP_SIGNALLING,
                                  IR_FLT | IR_FEQ | IR_FUN | IR_FCMP_SIGNALLING,
                                  0,
                                  IR_FLT | IR_FGT,
                                  IR_FGT | IR_FEQ | IR_FCMP_SIGNALLING,
                                  IR_FGT | IR_FCMP_SIGNALLING,
                                  IR_FLT | IR_FEQ | IR_FGT | IR_FUN};
    return r[i->imm & (i->vex ? 15 : 7)] ^ (i->vex && (i->imm & 16) ? IR_FCMP_SIGNALLING : 0u);
}

static void compare_packed(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_fp_begin(c);
        const ir_val r = ir_vfcmp(c->b, x86_length(i, t), relations(i), x, y, x86_fp(c));
        x86_fp_end(c);
        x86_put_vector(c, &i->op[0], r);
    }
}

static void compare_scalar(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = ir_type_bits(t) / 8;
    if (x86_sse_begin(c, i)) {
        const ir_val y = x86_scalar(c, i, x86_second(i), t), x = x86_scalar(c, i, x86_first(i), t);
        x86_fp_begin(c);
        const ir_val r = ir_fcmp(b, relations(i), x, y, x86_fp(c));
        x86_fp_end(c);
        x86_put_low(c, i, ir_neg(b, bytes == 8 ? ir_zext(b, T_I64, r) : r));
    }
}

X86_BOTH(compare_packed, cmpps, T_F32X4)
X86_BOTH(compare_packed, cmppd, T_F64X2)
X86_BOTH(compare_scalar, cmpss, T_F32)
X86_BOTH(compare_scalar, cmpsd, T_F64)

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
X86_BOTH(compare_flags, ucomiss, T_F32, false)
X86_BOTH(compare_flags, ucomisd, T_F64, false)
X86_BOTH(compare_flags, comiss, T_F32, true)
X86_BOTH(compare_flags, comisd, T_F64, true)

/* ---- logic */

static void logic(struct x86_block *c, const struct x86_instr *i, enum ir_op op)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        const bool not = op == IR_andn; /* of the first operand */
        x86_put_vector(c, &i->op[0],
                       x86_v2(c, op, x86_length(i, T_V128), not ? y : x, not ? x : y));
    }
}
X86_BOTH(logic, andps, IR_and)
X86_BOTH(logic, andpd, IR_and)
X86_BOTH(logic, andnps, IR_andn)
X86_BOTH(logic, andnpd, IR_andn)
X86_BOTH(logic, orps, IR_or)
X86_BOTH(logic, orpd, IR_or)
X86_BOTH(logic, xorps, IR_xor)
X86_BOTH(logic, xorpd, IR_xor)
X86_BOTH(logic, pand, IR_and)
X86_BOTH(logic, pandn, IR_andn)
X86_BOTH(logic, por, IR_or)
X86_BOTH(logic, pxor, IR_xor)
