/* SPDX-License-Identifier: MIT */
/*
 * x87 arithmetic, comparisons, and what changes one register. Intel SDM, volume 1, 8.3 and 8.5;
 * volume 2: F2XM1 to FXTRACT but for loads, stores and control.
 */
#include "cpu/x86/x87.h"

#include <stddef.h>

const struct ir_stack80 x87_stack = {.registers = offsetof(struct x86_cpu, fpu.st),
                                     .top = offsetof(struct x86_cpu, fpu.top),
                                     .control = offsetof(struct x86_cpu, fpu.control),
                                     .status = offsetof(struct x86_cpu, fpu.status)};
_Static_assert(offsetof(struct x86_fpu, used) == offsetof(struct x86_fpu, top) + 1,
               "as struct ir_stack80 says");

/* ---- exceptions */

struct fp_env x87_env(const struct x86_fpu *f)
{
    static const uint8_t rounding[] = {FP_RNE, FP_RDN, FP_RUP, FP_RTZ};
    static const uint8_t precision[] = {24, 0, 53, 0};
    const unsigned trapped = (f->control & X86_FCW_OM ? 0u : FP_OVERFLOW) |
                             (f->control & X86_FCW_UM ? 0u : FP_UNDERFLOW);
    return (struct fp_env){.rules = &fp_rules_x87,
                           .rounding = rounding[f->control >> 10 & 3],
                           .x87_precision = precision[f->control >> 8 & 3],
                           .trapped = (uint8_t)trapped};
}

fp_bits x87_indefinite(void)
{
    return fp_default_nan(X87, &fp_rules_x87);
}

bool x87_raise(struct x86_fpu *f, uint32_t flags)
{
    const uint32_t bits = x86_fp_flags(flags);
    const bool early = bits & ~f->control & 7;
    f->status |= (uint16_t)(early ? bits & 7 : bits);
    if (early) {
        x87_set_c1(f, false);
    }
    x86_fpu_settle(f);
    return !early;
}

bool x87_stack_fault(struct x86_fpu *f, bool overflow)
{
    const bool good = x87_raise(f, FP_INVALID);
    f->status |= X86_FSW_SF;
    x87_set_c1(f, overflow);
    return good;
}

bool x87_begin(struct x86_cpu *c)
{
    if (!(c->fpu.status & X86_FSW_ES)) {
        c->ignne = false;
    } else if (c->cr0 & X86_CR0_NE) {
        x86_raise(c, X86_MF);
        return false;
    } else {
        return x86_x87_ferr(c);
    }
    return true;
}

bool x86_x87_available(struct x86_block *c)
{
    if (c->key & (X86_KEY_EM | X86_KEY_TS)) {
        x86_raise_now(c, X86_NM);
        return false;
    }
    return true;
}

static uint64_t do_pending(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    x87_begin(x86_cpu(v));
    return 0;
}
X87_CALL(pending);

void x86_x87_check(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val status = ir_env_load(b, T_I16, offsetof(struct x86_cpu, fpu.status));
    ir_guard(b, ir_tst(b, IR_NE, status, ir_konst(b, T_I16, X86_FSW_ES)), &row_pending, IR_NONE,
             IR_NONE, 0);
}

bool x86_x87_begin(struct x86_block *c)
{
    if (!x86_x87_available(c)) {
        return false;
    }
    x86_x87_check(c);
    x86_x87_pointers(c, c->instr);
    return true;
}

static bool is_infinite(fp_bits x)
{
    return (x & ~((fp_bits)1 << 79)) == fp_infinity(X87, false);
}

fp_bits x87_compute(struct x86_fpu *f, x87_fn fn, const fp_bits operands[2], struct fp_env *env)
{
    const fp_bits r = fn(operands[0], operands[1], env);
    bool up = false;
    if (env->flags & FP_INEXACT) {
        struct fp_env cut = *env;
        cut.rounding = FP_RTZ;
        up = is_infinite(r) || fn(operands[0], operands[1], &cut) != r;
    }
    x87_set_c1(f, up);
    return r;
}

/* ---- two operands */

static fp_bits subtract_from(fp_bits a, fp_bits b, struct fp_env *e)
{
    return f80_sub(b, a, e);
}

static fp_bits divide_into(fp_bits a, fp_bits b, struct fp_env *e)
{
    return f80_div(b, a, e);
}

/* By bits 5 to 3 of the ModRM byte; 2 and 3 compare. */
static const x87_fn arithmetic[8] = {f80_add, f80_mul,       NULL,    NULL,
                                     f80_sub, subtract_from, f80_div, divide_into};

static unsigned source_of(uint32_t aux)
{
    return aux >> S80_SOURCE_SHIFT & 7;
}

static unsigned reg_of(uint32_t aux)
{
    return aux >> S80_REG_SHIFT & 7;
}

/* A signaling NaN counts as one in the choice between two (volume 1, table 4-7). */
static fp_bits widened(fp_bits r, bool signaling)
{
    return signaling ? r & ~((fp_bits)1 << 62) : r;
}

static fp_bits operand(const struct x86_fpu *f, uint64_t x, uint32_t aux, struct fp_env *env)
{
    switch (source_of(aux)) {
    case S80_REGISTER:
        return x87_get(f, reg_of(aux));
    case S80_F32:
        return widened(f32_to_f80((uint32_t)x, env), f32_is_signaling((uint32_t)x));
    case S80_F64:
        return widened(f64_to_f80(x, env), f64_is_signaling(x));
    default:
        return fp_from_fixed(X87, x,
                             (struct fp_fixed){source_of(aux) == S80_I16 ? 16 : 32, 0, true}, env);
    }
}

/* The flags of reading an operand and of computing: a NaN and a division by zero go before a
 * denormal number (volume 1, 8.6 and 4.9.2). */
static uint32_t both_flags(uint32_t read, uint32_t computed, bool is_nan)
{
    const bool hidden = is_nan || (computed & FP_DIVZERO);
    return computed | (hidden ? read & ~(uint32_t)FP_DENORMAL : read);
}

static void pop_times(struct x86_fpu *f, uint32_t aux)
{
    for (unsigned k = aux >> S80_POP_SHIFT & 3; k; k--) {
        x87_pop(f);
    }
}

static bool is_empty(const struct x86_fpu *f, uint32_t aux)
{
    return x87_is_empty(f, 0) || (source_of(aux) == S80_REGISTER && x87_is_empty(f, reg_of(aux)));
}

static uint64_t do_arithmetic(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    const unsigned to = aux & S80_TO ? reg_of(aux) : 0;
    (void)y, (void)z;
    if (!x87_begin(c)) {
        return 0;
    }
    if (is_empty(f, aux)) {
        if (x87_stack_fault(f, false)) {
            x87_put(f, to, x87_indefinite());
            pop_times(f, aux);
        }
        return 0;
    }
    struct fp_env env = x87_env(f), reading = env;
    const fp_bits other = operand(f, x, aux, &reading), top = x87_get(f, 0);
    const fp_bits operands[2] = {aux & S80_TO ? other : top, aux & S80_TO ? top : other};
    const fp_bits r = x87_compute(f, arithmetic[aux & S80_OP], operands, &env);
    if (x87_raise(f, both_flags(reading.flags, env.flags, fp_is_nan(X87, r)))) {
        x87_put(f, to, r);
        pop_times(f, aux);
    }
    return 0;
}
X87_STACK_CALL(arithmetic, S80_ARITHMETIC);

/* ---- comparisons */

static uint16_t codes_of(enum fp_order o)
{
    return o == FP_UNORDERED ? X86_FSW_C3 | X86_FSW_C2 | X86_FSW_C0
           : o == FP_EQUAL   ? X86_FSW_C3
           : o == FP_LESS    ? X86_FSW_C0
                             : 0;
}

/* The order as condition codes, or as EFLAGS, which are the result. */
static uint64_t put_order(struct x86_fpu *f, uint32_t aux, enum fp_order o, uint64_t flags)
{
    const uint16_t codes = codes_of(o);
    pop_times(f, aux);
    if (!(aux & S80_EFLAGS)) {
        x87_set_codes(f, codes);
        return flags;
    }
    return (codes & X86_FSW_C3 ? X86_PACK_ZF : 0u) | (codes & X86_FSW_C2 ? X86_PACK_PF : 0u) |
           (codes & X86_FSW_C0 ? X86_PACK_CF : 0u);
}

static uint64_t do_compare(struct vcpu *v, uint64_t x, uint64_t flags, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    (void)z;
    if (!x87_begin(c)) {
        return flags;
    }
    x87_set_c1(f, false);
    if (is_empty(f, aux)) {
        return x87_stack_fault(f, false) ? put_order(f, aux, FP_UNORDERED, flags) : flags;
    }
    struct fp_env env = x87_env(f), reading = env;
    const fp_bits other = operand(f, x, aux, &reading);
    const enum fp_order o = fp_compare(X87, x87_get(f, 0), other, !(aux & S80_QUIET), &env);
    return x87_raise(f, both_flags(reading.flags, env.flags, o == FP_UNORDERED))
               ? put_order(f, aux, o, flags)
               : flags;
}
X87_STACK_CALL(compare, S80_COMPARE);

/* ---- one operand */

static fp_bits round_to_int(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return fp_round_to_int(X87, a, e->rounding, true, e);
}

static fp_bits square_root(fp_bits a, fp_bits b, struct fp_env *e)
{
    (void)b;
    return fp_sqrt(X87, a, e);
}

/* Volume 2, FXAM: unsupported, NaN, normal, infinity, zero, empty, denormal. */
static void examine(struct x86_fpu *f)
{
    const fp_bits v = x87_get(f, 0);
    const unsigned exponent = (unsigned)(v >> 64) & 0x7fff;
    const uint64_t m = (uint64_t)v;
    uint16_t codes;
    if (x87_is_empty(f, 0)) {
        codes = X86_FSW_C3 | X86_FSW_C0;
    } else if (exponent && !(m >> 63)) {
        codes = 0;
    } else if (exponent == 0x7fff) {
        codes = m << 1 ? X86_FSW_C0 : X86_FSW_C2 | X86_FSW_C0;
    } else if (exponent) {
        codes = X86_FSW_C2;
    } else {
        codes = m ? X86_FSW_C3 | X86_FSW_C2 : X86_FSW_C3;
    }
    x87_set_codes(f, codes);
    x87_set_c1(f, v >> 79 & 1);
}

/* FCHS and FABS take what is there, whatever it is. */
static void change_sign(struct x86_fpu *f, bool clear)
{
    struct x86_st *st = &f->st[x87_reg(f, 0)];
    x87_set_c1(f, false);
    if (!x87_is_empty(f, 0)) {
        st->high = clear ? st->high & 0x7fff : st->high ^ 0x8000;
    } else if (x87_stack_fault(f, false)) {
        x87_put(f, 0, x87_indefinite());
    }
}

static void test(struct x86_fpu *f)
{
    struct fp_env env = x87_env(f);
    x87_set_c1(f, false);
    if (x87_is_empty(f, 0)) {
        if (x87_stack_fault(f, false)) {
            x87_set_codes(f, codes_of(FP_UNORDERED));
        }
        return;
    }
    const enum fp_order o = fp_compare(X87, x87_get(f, 0), 0, true, &env);
    if (x87_raise(f, env.flags)) {
        x87_set_codes(f, codes_of(o));
    }
}

static void replace(struct x86_fpu *f, x87_fn fn)
{
    struct fp_env env = x87_env(f);
    const fp_bits operands[2] = {x87_get(f, 0), 0};
    if (x87_is_empty(f, 0)) {
        if (x87_stack_fault(f, false)) {
            x87_put(f, 0, x87_indefinite());
        }
        return;
    }
    const fp_bits r = x87_compute(f, fn, operands, &env);
    if (x87_raise(f, env.flags)) {
        x87_put(f, 0, r);
    }
}

/* FSIN, FCOS; with a second result that is pushed FSINCOS and FPTAN (which pushes 1). C2: the
 * argument is out of range, and nothing happens. */
static void trigonometry(struct x86_fpu *f, unsigned op)
{
    static const x87_fn first[] = {[S80_U_SIN] = x87_fsin,
                                   [S80_U_COS] = x87_fcos,
                                   [S80_U_TAN] = x87_ftan,
                                   [S80_U_SINCOS] = x87_fsin};
    const bool pushes = op == S80_U_TAN || op == S80_U_SINCOS;
    const bool no_room = pushes && !x87_is_empty(f, 7);
    const fp_bits x = x87_get(f, 0), operands[2] = {x, 0};
    f->status &= (uint16_t)~X86_FSW_C2;
    if (x87_is_empty(f, 0) || no_room) {
        if (x87_stack_fault(f, !x87_is_empty(f, 0))) {
            x87_put(f, 0, x87_indefinite());
            if (pushes) {
                x87_push(f, x87_indefinite());
            }
        }
        return;
    }
    if (!x87_in_range(x)) {
        x87_set_c1(f, false);
        f->status |= X86_FSW_C2;
        return;
    }
    struct fp_env env = x87_env(f);
    env.x87_precision = 0;
    const fp_bits r = x87_compute(f, first[op], operands, &env);
    fp_bits second = X87_ONE;
    if (op == S80_U_SINCOS) {
        second = x87_fcos(x, 0, &env);
    } else if (op == S80_U_TAN && fp_is_nan(X87, r)) {
        second = r;
    }
    if (x87_raise(f, env.flags)) {
        x87_put(f, 0, r);
        if (pushes) {
            x87_push(f, second);
        }
    }
}

/* The exponent as a number, and the significand with the exponent of 1. */
static void extract(struct x86_fpu *f)
{
    struct fp_env env = x87_env(f);
    const fp_bits x = x87_get(f, 0);
    if (x87_is_empty(f, 0) || !x87_is_empty(f, 7)) {
        if (x87_stack_fault(f, !x87_is_empty(f, 0))) {
            x87_put(f, 0, x87_indefinite());
            x87_push(f, x87_indefinite());
        }
        return;
    }
    x87_set_c1(f, false);
    const fp_bits sign = x >> 79 << 79, infinity = fp_infinity(X87, false);
    const unsigned biased = (unsigned)(x >> 64) & 0x7fff;
    const uint64_t m = (uint64_t)x;
    fp_bits exponent, significand = x;
    const bool supported = !biased || m >> 63;
    if (!supported || (biased == 0x7fff && m << 1)) {
        exponent = significand = fp_add(X87, x, x, &env); /* a NaN, quiet */
    } else if (biased == 0x7fff) {
        exponent = infinity;
    } else if (!m) {
        exponent = infinity | (fp_bits)1 << 79;
        env.flags |= FP_DIVZERO;
    } else {
        const unsigned shift = clz64(m);
        const int e = (biased ? (int)biased : 1) - 0x3fff - (int)shift;
        env.flags |= biased ? 0 : FP_DENORMAL;
        exponent = fp_from_fixed(X87, (uint64_t)e, (struct fp_fixed){64, 0, true}, &env);
        significand = sign | (fp_bits)0x3fff << 64 | m << shift;
    }
    if (x87_raise(f, env.flags)) {
        x87_put(f, 0, exponent);
        x87_push(f, significand);
    }
}

static uint64_t do_unary(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    const uint32_t op = aux & S80_OPERATION;
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    (void)x, (void)y, (void)z;
    if (!x87_begin(c)) {
        return 0;
    }
    switch (op) {
    case S80_U_CHS:
    case S80_U_ABS:
        change_sign(f, op == S80_U_ABS);
        break;
    case S80_U_TST:
        test(f);
        break;
    case S80_U_XAM:
        examine(f);
        break;
    case S80_U_SQRT:
        replace(f, square_root);
        break;
    case S80_U_RNDINT:
        replace(f, round_to_int);
        break;
    case S80_U_2XM1:
        replace(f, x87_f2xm1);
        break;
    case S80_U_XTRACT:
        extract(f);
        break;
    default:
        trigonometry(f, op);
        break;
    }
    return 0;
}
X87_STACK_CALL(unary, S80_UNARY);

/* ---- two registers, ST(0) and ST(1) */

enum {
    B_YL2X,
    B_YL2XP1,
    B_PATAN,
    B_SCALE,
    B_PREM,
    B_PREM1
};

static fp_bits power_of_2(int64_t n)
{
    return (fp_bits)(uint64_t)(0x3fff + n) << 64 | UINT64_C(1) << 63;
}

static int64_t between(int64_t low, int64_t n, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

/* x, finite and not 0, of that exponent when its significand has no leading zeros, with the
 * exponent wrapped: volume 1, 8.5.4 and 8.5.5. What is out of range even so is infinity or 0. */
static fp_bits wrapped(fp_bits x, int64_t exponent, struct fp_env *e)
{
    const bool small = exponent < 0;
    const int64_t biased = exponent + (small ? 24576 : -24576) + 0x3fff;
    const fp_bits sign = x >> 79;
    e->flags |= small ? FP_UNDERFLOW : FP_OVERFLOW;
    if (biased > 0 && biased < 0x7fff) {
        return sign << 79 | (fp_bits)(uint64_t)biased << 64 | (uint64_t)x << clz64((uint64_t)x);
    }
    e->flags |= FP_INEXACT;
    return small ? sign << 79 : fp_infinity(X87, sign);
}

/* x, finite and not 0, times 2^n. It is rounded once: one factor has as much of the exponent as
 * there is room for, the other what is left. */
static fp_bits by_power(fp_bits x, int64_t n, struct fp_env *e)
{
    const unsigned biased = (unsigned)(x >> 64) & 0x7fff, shift = clz64((uint64_t)x);
    const int64_t exponent = (int64_t)(biased ? biased : 1) - 0x3fff - shift + n;
    const int64_t second = between(-16382, exponent, 16383);
    const fp_bits first = power_of_2(between(-16382, exponent - second, 16383));
    struct fp_env whole = *e;

    if (exponent != second && (e->trapped & (exponent < 0 ? FP_UNDERFLOW : FP_OVERFLOW))) {
        return wrapped(x, exponent, e);
    }
    whole.x87_precision = 0;
    const fp_bits r = fp_mul(X87, first >> 64 << 64 | (uint64_t)x << shift | x >> 79 << 79,
                             power_of_2(second), &whole);
    e->flags |= whole.flags;
    return r;
}

/* ST(0) by 2 to the power of ST(1), which is cut to an integer. */
static fp_bits scale(fp_bits x, fp_bits y, struct fp_env *e)
{
    const bool odd = fp_is_nan(X87, x) || fp_is_nan(X87, y);
    const unsigned biased = (unsigned)(y >> 64) & 0x7fff, xe = (unsigned)(x >> 64) & 0x7fff;
    const bool minus = y >> 79,
               unsupported = (biased && !((uint64_t)y >> 63)) || (xe && !((uint64_t)x >> 63));
    const bool x_infinite = xe == 0x7fff, x_zero = !xe && !(uint64_t)x;
    if (odd || unsupported) {
        return fp_add(X87, x, y, e);
    }
    if (biased == 0x7fff) {
        if (minus ? x_infinite : x_zero) {
            e->flags |= FP_INVALID;
            return x87_indefinite();
        }
        e->flags |= !xe && !x_zero ? FP_DENORMAL : 0;
        return minus ? x >> 79 << 79 : fp_infinity(X87, x >> 79);
    }
    struct fp_env cut = {.rules = &fp_rules_x87};
    const int64_t n = biased > 0x3fff + 17
                          ? (minus ? -100000 : 100000)
                          : (int64_t)fp_to_fixed(X87, y, (struct fp_fixed){64, 0, true}, FP_RTZ,
                                                 &cut);
    e->flags |= (!xe && !x_zero) || (!biased && (uint64_t)y) ? FP_DENORMAL : 0;
    return x_zero || x_infinite ? x : by_power(x, n, e);
}

/* The remainder of finite numbers, C2 if it is not complete; the quotient's low bits to C0, C3, C1:
 * volume 2, FPREM. */
static fp_bits remainder_of(struct x86_fpu *f, fp_bits x, fp_bits y, bool nearest)
{
    const int ex = (int)(x >> 64 & 0x7fff), ey = (int)(y >> 64 & 0x7fff);
    uint64_t mx = (uint64_t)x, my = (uint64_t)y;
    const unsigned sx = clz64(mx), sy = clz64(my);
    int d = ((ex ? ex : 1) - (int)sx) - ((ey ? ey : 1) - (int)sy);
    const int scale_y = (ey ? ey : 1) - (int)sy;
    u128 r = mx << sx;
    const u128 b = (u128)(my << sy);
    uint64_t q = 0;
    const bool partial = d >= 64;
    const int steps = partial ? 32 + (d & 31) : d;
    f->status &= (uint16_t) ~(X86_FSW_C2 | X86_FSW_C3 | X86_FSW_C1 | X86_FSW_C0);
    for (int k = 0; d >= 0 && k <= steps; k++) {
        q <<= 1;
        if (r >= b) {
            r -= b;
            q |= 1;
        }
        r <<= k < steps ? 1 : 0;
    }
    int exponent = scale_y + (partial ? d - steps : 0); /* of r, as of b */
    bool minus = x >> 79;
    if (d < 0) {
        exponent = scale_y + d;
    }
    if (nearest && !partial && d >= -1) {
        /* Twice the rest against the divisor; below it by one place if d is -1. */
        const u128 twice = d < 0 ? r : r << 1;
        if (twice > b || (twice == b && (q & 1))) {
            r = (d < 0 ? b << 1 : b) - r;
            q++;
            minus = !minus;
        }
    }
    if (partial) {
        f->status |= X86_FSW_C2;
    } else {
        f->status |= (uint16_t)((q & 4 ? X86_FSW_C0 : 0) | (q & 2 ? X86_FSW_C3 : 0) |
                                (q & 1 ? X86_FSW_C1 : 0));
    }
    const fp_bits sign = (fp_bits)(minus && r) << 79 | (r ? 0 : x >> 79 << 79);
    if (!r) {
        return sign;
    }
    /* r may have 65 bits where it was taken from twice the divisor. */
    while (r >> 64) {
        r >>= 1;
        exponent++;
    }
    uint64_t m = (uint64_t)r;
    const unsigned shift = clz64(m);
    if (exponent - (int)shift >= 1) {
        return sign | (fp_bits)(uint64_t)(exponent - (int)shift) << 64 | m << shift;
    }
    return sign | (exponent > 1 ? m << (exponent - 1) : m >> (1 - exponent));
}

static fp_bits partial_remainder(struct x86_fpu *f, fp_bits x, fp_bits y, struct fp_env *e,
                                 bool nearest)
{
    const unsigned ex = (unsigned)(x >> 64) & 0x7fff, ey = (unsigned)(y >> 64) & 0x7fff;
    const uint64_t mx = (uint64_t)x, my = (uint64_t)y;
    x87_set_c1(f, false);
    f->status &= (uint16_t)~X86_FSW_C2;
    if (ex == 0x7fff || ey == 0x7fff || (ex && !(mx >> 63)) || (ey && !(my >> 63)) || !(ey || my)) {
        const bool y_infinite = ey == 0x7fff && my == UINT64_C(1) << 63;
        const bool x_finite = ex != 0x7fff && (!ex || mx >> 63);
        if (y_infinite && x_finite) {
            e->flags |= !ex && mx ? FP_DENORMAL : 0;
            f->status &= (uint16_t) ~(X86_FSW_C2 | X86_FSW_C3 | X86_FSW_C0);
            return x;
        }
        return fp_rem(X87, x, y, e);
    }
    e->flags |= (!ex && mx) || (!ey && my) ? FP_DENORMAL : 0;
    if (!mx) {
        f->status &= (uint16_t) ~(X86_FSW_C2 | X86_FSW_C3 | X86_FSW_C0);
        return x;
    }
    const fp_bits r = remainder_of(f, x, y, nearest);
    return (uint64_t)r && !(r >> 64 & 0x7fff) ? by_power(r, 0, e) : r;
}

static uint64_t do_binary(struct vcpu *v, uint64_t a, uint64_t b, uint64_t z, uint32_t op)
{
    static const x87_fn fns[] = {x87_fyl2x, x87_fyl2xp1, x87_fpatan, scale};
    struct x86_cpu *c = x86_cpu(v);
    struct x86_fpu *f = &c->fpu;
    const bool pops = op <= B_PATAN;
    fp_bits r;
    (void)a, (void)b, (void)z;
    if (!x87_begin(c)) {
        return 0;
    }
    if (x87_is_empty(f, 0) || x87_is_empty(f, 1)) {
        f->status &= op >= B_PREM ? (uint16_t)~X86_FSW_C2 : UINT16_MAX;
        if (x87_stack_fault(f, false)) {
            x87_put(f, pops, x87_indefinite());
            pop_times(f, pops ? 1u << S80_POP_SHIFT : 0);
        }
        return 0;
    }
    struct fp_env env = x87_env(f);
    const fp_bits operands[2] = {x87_get(f, 0), x87_get(f, 1)};
    if (op >= B_PREM) {
        const uint16_t before = f->status;
        r = partial_remainder(f, operands[0], operands[1], &env, op == B_PREM1);
        const uint32_t early = x86_fp_flags(env.flags) & X86_FSW_EARLY & ~f->control;
        if (early || (env.flags & FP_INVALID)) {
            f->status = before & (uint16_t) ~(X86_FSW_C1 | X86_FSW_C2);
        }
    } else {
        env.x87_precision = op == B_SCALE ? env.x87_precision : 0;
        r = x87_compute(f, fns[op], operands, &env);
    }
    if (x87_raise(f, env.flags)) {
        x87_put(f, pops, r);
        pop_times(f, pops ? 1u << S80_POP_SHIFT : 0);
    }
    return 0;
}
X87_CALL(binary);

/* ---- instructions */

static ir_val value_of(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       uint32_t *aux, bool integer)
{
    if (o->kind != X86_MEMORY) {
        *aux |= (uint32_t)o->reg << S80_REG_SHIFT;
        return IR_NONE;
    }
    *aux |= (uint32_t)(integer         ? (o->bytes == 2 ? S80_I16 : S80_I32)
                       : o->bytes == 4 ? S80_F32
                                       : S80_F64)
            << S80_SOURCE_SHIFT;
    return ir_zext(c->b, T_I64, x86_read(c, i, o));
}

static void call(struct x86_block *c, const struct ir_call *row, ir_val x, uint32_t aux)
{
    x87_stack_call(c, T_VOID, row, (const ir_val[]){x, IR_NONE}, aux);
}

/* Arithmetic with memory or a register, which comes last. */
static void by_source(struct x86_block *c, const struct x86_instr *i, uint32_t op, bool integer)
{
    uint32_t aux = op;
    if (x86_x87_begin(c)) {
        const ir_val x = value_of(c, i, &i->op[i->ops - 1], &aux, integer);
        call(c, &row_arithmetic, x, aux);
    }
}

/* To ST(i); with pops behind. */
static void to_register(struct x86_block *c, const struct x86_instr *i, uint32_t op, unsigned pops)
{
    if (x86_x87_begin(c)) {
        call(c, &row_arithmetic, IR_NONE,
             op | S80_TO | (uint32_t)i->op[0].reg << S80_REG_SHIFT | pops << S80_POP_SHIFT);
    }
}

#define ARITH(name, op, to)                                                                        \
    X86_BY(by_source, name, op, false)                                                             \
    X86_BY(by_source, name##_st, op, false)                                                        \
    X86_BY(to_register, name##_to, to, 0)                                                          \
    X86_BY(to_register, name##p, to, 1)
ARITH(fadd, 0, 0)
ARITH(fmul, 1, 1)
ARITH(fsub, 4, 4)
ARITH(fsubr, 5, 5)
ARITH(fdiv, 6, 6)
ARITH(fdivr, 7, 7)
X86_BY(by_source, fiadd, 0, true)
X86_BY(by_source, fimul, 1, true)
X86_BY(by_source, fisub, 4, true)
X86_BY(by_source, fisubr, 5, true)
X86_BY(by_source, fidiv, 6, true)
X86_BY(by_source, fidivr, 7, true)

static void compare(struct x86_block *c, const struct x86_instr *i, uint32_t how, bool integer)
{
    struct ir_builder *b = c->b;
    uint32_t aux = how;
    if (!x86_x87_begin(c)) {
        return;
    }
    const ir_val x = i->ops ? value_of(c, i, &i->op[i->ops - 1], &aux, integer) : IR_NONE;
    if (!i->ops) {
        aux |= 1u << S80_REG_SHIFT; /* FCOMPP */
    }
    if (!(how & S80_EFLAGS)) {
        call(c, &row_compare, x, aux);
        return;
    }
    const ir_val old = ir_zext(b, T_I64, ir_flags_bits(b, x86_flags(c)));
    const ir_val f = x87_stack_call(c, T_I64, &row_compare, (const ir_val[]){x, old}, aux);
    x86_put_flags(c, ir_flags_from(b, ir_trunc(b, T_I32, f)));
}
#define POPS(n) ((n) << S80_POP_SHIFT)
X86_BY(compare, fcom, 0, false)
X86_BY(compare, fcomp, POPS(1u), false)
X86_BY(compare, fcompp, POPS(2u), false)
X86_BY(compare, fucom, S80_QUIET, false)
X86_BY(compare, fucomp, S80_QUIET | POPS(1u), false)
X86_BY(compare, fucompp, S80_QUIET | POPS(2u), false)
X86_BY(compare, ficom, 0, true)
X86_BY(compare, ficomp, POPS(1u), true)
X86_BY(compare, fcomi, S80_EFLAGS, false)
X86_BY(compare, fcomip, S80_EFLAGS | POPS(1u), false)
X86_BY(compare, fucomi, S80_EFLAGS | S80_QUIET, false)
X86_BY(compare, fucomip, S80_EFLAGS | S80_QUIET | POPS(1u), false)

static void by_function(struct x86_block *c, const struct x86_instr *i, const struct ir_call *row,
                        uint32_t op)
{
    (void)i;
    if (!x86_x87_begin(c)) {
        return;
    }
    if (row->stack80) {
        call(c, row, IR_NONE, op);
    } else {
        ir_call(c->b, T_VOID, row, IR_NONE, IR_NONE, IR_NONE, op);
        x87_stack_popped(c, op <= B_PATAN);
    }
}
X86_BY(by_function, fchs, &row_unary, S80_U_CHS)
X86_BY(by_function, fabs, &row_unary, S80_U_ABS)
X86_BY(by_function, ftst, &row_unary, S80_U_TST)
X86_BY(by_function, fxam, &row_unary, S80_U_XAM)
X86_BY(by_function, fsqrt, &row_unary, S80_U_SQRT)
X86_BY(by_function, frndint, &row_unary, S80_U_RNDINT)
X86_BY(by_function, f2xm1, &row_unary, S80_U_2XM1)
X86_BY(by_function, fsin, &row_unary, S80_U_SIN)
X86_BY(by_function, fcos, &row_unary, S80_U_COS)
X86_BY(by_function, fptan, &row_unary, S80_U_TAN)
X86_BY(by_function, fsincos, &row_unary, S80_U_SINCOS)
X86_BY(by_function, fxtract, &row_unary, S80_U_XTRACT)
X86_BY(by_function, fyl2x, &row_binary, B_YL2X)
X86_BY(by_function, fyl2xp1, &row_binary, B_YL2XP1)
X86_BY(by_function, fpatan, &row_binary, B_PATAN)
X86_BY(by_function, fscale, &row_binary, B_SCALE)
X86_BY(by_function, fprem, &row_binary, B_PREM)
X86_BY(by_function, fprem1, &row_binary, B_PREM1)
