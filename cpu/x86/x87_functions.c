/* SPDX-License-Identifier: MIT */
/*
 * The transcendental functions of the x87 unit, in software of 113 bits, so that they are the same
 * on every host. Intel SDM, volume 1, 8.3.6 to 8.3.10; volume 2: F2XM1, FCOS, FPATAN, FPTAN, FSIN,
 * FYL2X, FYL2XP1, whose tables of special operands these follow.
 *
 * Series are summed from their last term on, in the form t1 * (1 + t2 * (1 + ...)), until terms are
 * below 2^-116 of the first. Arguments of trigonometric functions are reduced by the manual's value
 * of pi, which has 66 bits (8.3.8); what remains is exact.
 */
#include "cpu/x86/x87.h"

typedef fp_bits quad;

#define QUAD (&fp_formats[FP_BINARY128])
#define Q(high, low) ((quad)UINT64_C(high) << 64 | UINT64_C(low))
#define Q_ONE Q(0x3fff000000000000, 0)
#define Q_TWO Q(0x4000000000000000, 0)
#define Q_SIGN Q(0x8000000000000000, 0)
#define Q_LN2 Q(0x3ffe62e42fefa39e, 0xf35793c7673007e6)
#define Q_LOG2E Q(0x3fff71547652b82f, 0xe1777d0ffda0d23a)
#define Q_PI Q(0x4000921fb54442d1, 0x8469898cc51701b8)
#define Q_PI_2 Q(0x3fff921fb54442d1, 0x8469898cc51701b8)

static struct fp_env nearest(void)
{
    return (struct fp_env){.rules = &fp_rules_x87};
}

static quad add(quad a, quad b)
{
    struct fp_env e = nearest();
    return fp_add(QUAD, a, b, &e);
}

static quad sub(quad a, quad b)
{
    struct fp_env e = nearest();
    return fp_sub(QUAD, a, b, &e);
}

static quad mul(quad a, quad b)
{
    struct fp_env e = nearest();
    return fp_mul(QUAD, a, b, &e);
}

static quad divide(quad a, quad b)
{
    struct fp_env e = nearest();
    return fp_div(QUAD, a, b, &e);
}

static quad root(quad a)
{
    struct fp_env e = nearest();
    return fp_sqrt(QUAD, a, &e);
}

static quad of_int(int64_t n)
{
    struct fp_env e = nearest();
    return fp_from_fixed(QUAD, (uint64_t)n, (struct fp_fixed){64, 0, true}, &e);
}

static bool less(quad a, quad b)
{
    struct fp_env e = nearest();
    return fp_compare(QUAD, a, b, false, &e) == FP_LESS;
}

static quad widen(fp_bits x)
{
    struct fp_env e = nearest();
    return fp_convert(X87, QUAD, x, &e);
}

/* The result; it is never exact. */
static fp_bits rounded(quad r, struct fp_env *env)
{
    const fp_bits v = fp_convert(QUAD, X87, r, env);
    env->flags |= FP_INEXACT;
    return v;
}

static int64_t exponent_of(fp_bits x)
{
    const unsigned biased = (unsigned)(x >> 64) & 0x7fff;
    return (int64_t)(biased ? biased : 1) - 0x3fff - clz64((uint64_t)x);
}

static quad power_of_2(int64_t n)
{
    return (quad)(uint64_t)(0x3fff + n) << 112;
}

static int64_t within_quad(int64_t exponent)
{
    return exponent < -16000 ? -16000 : exponent > 16000 ? 16000 : exponent;
}

/* The significand of x, with its sign. */
static quad significand_of(fp_bits x)
{
    return widen((x >> 79 << 79) | (fp_bits)0x3fff << 64 | (uint64_t)x << clz64((uint64_t)x));
}

/* x, which is far from the ends of QUAD's range, times y times 2^n, which may leave it by far. */
static fp_bits product(quad x, fp_bits y, int64_t n, struct fp_env *env)
{
    const int64_t e = exponent_of(y) + n;
    const uint32_t trap = env->trapped & (e < -16500 ? FP_UNDERFLOW : e > 16500 ? FP_OVERFLOW : 0u);
    const int64_t all = !trap ? e : e < 0 ? e + 24576 : e - 24576; /* volume 1, 8.5.4 and 8.5.5 */
    const int64_t last = within_quad(all), before = within_quad(all - last);
    struct fp_env first = *env;

    first.flags = 0;
    first.trapped = trap ? 0 : env->trapped;
    quad r = mul(mul(x, significand_of(y)), power_of_2(before));
    r = fp_mul(QUAD, r, power_of_2(last), &first);
    first.flags = trap | (first.flags & (FP_OVERFLOW | FP_UNDERFLOW | FP_INEXACT));
    const fp_bits v = fp_convert(QUAD, X87, r, &first);
    env->flags |= first.flags;
    return v;
}

/* ---- operands */

static bool is_zero(fp_bits x)
{
    return !(x << 49);
}

static bool is_infinite(fp_bits x)
{
    return (x & ~((fp_bits)1 << 79)) == fp_infinity(X87, false);
}

static bool is_minus(fp_bits x)
{
    return x >> 79;
}

static bool is_one(fp_bits x)
{
    return x == X87_ONE;
}

static fp_bits with_sign(fp_bits x, bool minus)
{
    return x | (fp_bits)minus << 79;
}

/* A NaN, or what is no number. */
static bool is_odd(fp_bits x)
{
    return fp_is_nan(X87, x) || ((x >> 64 & 0x7fff) && !((uint64_t)x >> 63));
}

static void note_denormal(fp_bits x, struct fp_env *env)
{
    env->flags |= !(x >> 64 & 0x7fff) && (uint64_t)x ? FP_DENORMAL : 0;
}

static fp_bits invalid(struct fp_env *env)
{
    env->flags |= FP_INVALID;
    return x87_indefinite();
}

/* ---- 2^x - 1 */

/* e^y - 1 for |y| below 1. */
static quad exp_minus_1(quad y)
{
    quad s = Q_ONE;
    for (int k = 34; k > 1; k--) {
        s = add(Q_ONE, mul(divide(y, of_int(k)), s));
    }
    return mul(y, s);
}

fp_bits x87_f2xm1(fp_bits x, fp_bits unused, struct fp_env *env)
{
    (void)unused;
    if (is_odd(x)) {
        return fp_add(X87, x, x, env);
    }
    if (is_zero(x)) {
        return x;
    }
    if (is_infinite(x)) {
        return is_minus(x) ? with_sign(X87_ONE, true) : x;
    }
    note_denormal(x, env);
    if ((x >> 64 & 0x7fff) >= 0x3fff) { /* 1 and -1; beyond them the result is undefined */
        const fp_bits half = (fp_bits)0x3ffe << 64 | UINT64_C(1) << 63;
        return !is_minus(x) ? x : is_one(x & ~((fp_bits)1 << 79)) ? with_sign(half, true) : x;
    }
    if ((x >> 64 & 0x7fff) < 0x3fff - 116) { /* of the series nothing but its first term */
        env->flags |= FP_INEXACT;
        return product(Q_LN2, x, 0, env);
    }
    return rounded(exp_minus_1(mul(widen(x), Q_LN2)), env);
}

/* ---- logarithms */

/* 2 * artanh(s) for |s| below 0.18 */
static quad artanh2(quad s)
{
    const quad s2 = mul(s, s);
    quad sum = 0;
    for (int k = 47; k >= 1; k -= 2) {
        sum = add(divide(Q_ONE, of_int(k)), mul(s2, sum));
    }
    return mul(Q_TWO, mul(s, sum));
}

/* Of a positive number. */
static quad log2_of(fp_bits x)
{
    const unsigned shift = clz64((uint64_t)x), biased = (unsigned)(x >> 64) & 0x7fff;
    int64_t e = (int64_t)(biased ? biased : 1) - 0x3fff - shift;
    quad m = widen((fp_bits)0x3fff << 64 | (uint64_t)x << shift);
    if (less(Q(0x3fff6a09e667f3bc, 0xc908b2fb1366ea95), m)) { /* the root of 2 */
        m = divide(m, Q_TWO);
        e++;
    }
    const quad ln = artanh2(divide(sub(m, Q_ONE), add(m, Q_ONE)));
    return add(mul(ln, Q_LOG2E), of_int(e));
}

/* y * log2(x) where one is 0, 1 or infinite; false: none is. */
static bool special_log(fp_bits x, fp_bits y, struct fp_env *env, fp_bits *r)
{
    const bool minus = is_minus(y), small = (x >> 64 & 0x7fff) < 0x3fff;
    if (is_zero(x)) {
        if (is_zero(y)) {
            *r = invalid(env);
        } else {
            env->flags |= is_infinite(y) ? 0 : FP_DIVZERO;
            *r = fp_infinity(X87, !minus);
        }
    } else if (is_minus(x)) {
        *r = invalid(env);
    } else if (is_infinite(x)) {
        *r = is_zero(y) ? invalid(env) : fp_infinity(X87, minus);
    } else if (is_infinite(y)) {
        *r = is_one(x) ? invalid(env) : fp_infinity(X87, minus != small);
    } else if (is_one(x) || is_zero(y)) {
        *r = with_sign(0, minus != (small && is_zero(y)));
    } else {
        return false;
    }
    return true;
}

fp_bits x87_fyl2x(fp_bits x, fp_bits y, struct fp_env *env)
{
    fp_bits r;
    if (is_odd(x) || is_odd(y)) {
        return fp_add(X87, x, y, env);
    }
    if (special_log(x, y, env, &r)) {
        return r;
    }
    note_denormal(x, env);
    note_denormal(y, env);
    const quad l = log2_of(x);
    const bool is_power = !((uint64_t)x << clz64((uint64_t)x) << 1); /* its logarithm is exact */
    env->flags |= is_power ? 0 : FP_INEXACT;
    return product(l, y, 0, env);
}

fp_bits x87_fyl2xp1(fp_bits x, fp_bits y, struct fp_env *env)
{
    const bool minus = is_minus(x) != is_minus(y);
    if (is_odd(x) || is_odd(y)) {
        return fp_add(X87, x, y, env);
    }
    if (is_infinite(x) || is_infinite(y)) {
        return is_zero(x) || is_zero(y) || (is_infinite(x) && is_minus(x))
                   ? invalid(env)
                   : fp_infinity(X87, minus);
    }
    note_denormal(x, env);
    note_denormal(y, env);
    if (is_zero(x) || is_zero(y)) {
        return with_sign(0, minus);
    }
    env->flags |= FP_INEXACT;
    if ((x >> 64 & 0x7fff) < 0x3fff - 116) { /* of the series nothing but its first term */
        return product(mul(Q_LOG2E, significand_of(x)), y, exponent_of(x), env);
    }
    const quad q = widen(x);
    const quad ln = artanh2(divide(q, add(q, Q_TWO)));
    return product(mul(ln, Q_LOG2E), y, 0, env);
}

/* ---- arcs */

/* Of t from 0 to 1: halved twice, then by its series. */
static quad arctan(quad t)
{
    quad sum = 0;
    for (unsigned k = 0; k < 2; k++) {
        t = divide(t, add(Q_ONE, root(add(Q_ONE, mul(t, t)))));
    }
    const quad minus_square = mul(t, t) ^ Q_SIGN;
    for (int k = 51; k >= 1; k -= 2) {
        sum = add(divide(Q_ONE, of_int(k)), mul(minus_square, sum));
    }
    return mul(of_int(4), mul(t, sum));
}

/* The angle of (x, y) in the first quadrant; x and y are not negative, not both 0 or infinite. */
static quad angle(fp_bits x, fp_bits y)
{
    const quad a = widen(x), b = widen(y);
    return less(a, b) ? sub(Q_PI_2, arctan(divide(a, b))) : arctan(divide(b, a));
}

fp_bits x87_fpatan(fp_bits x, fp_bits y, struct fp_env *env)
{
    const fp_bits sign = (fp_bits)1 << 79, mx = x & ~sign, my = y & ~sign;
    quad r;
    if (is_odd(x) || is_odd(y)) {
        return fp_add(X87, x, y, env);
    }
    note_denormal(x, env);
    note_denormal(y, env);
    if (is_infinite(x) && is_infinite(y)) {
        r = divide(Q_PI, of_int(4));
        r = is_minus(x) ? mul(r, of_int(3)) : r;
    } else if (is_zero(y) || is_infinite(x)) {
        if (!is_minus(x)) {
            return with_sign(0, is_minus(y));
        }
        r = Q_PI;
    } else if (is_zero(x) || is_infinite(y)) {
        r = Q_PI_2;
    } else if (!is_minus(x) && (my >> 64) + 116 < mx >> 64) { /* the quotient itself */
        env->flags |= FP_INEXACT;
        return product(divide(Q_ONE, significand_of(x)), y, -exponent_of(x), env);
    } else {
        r = angle(mx, my);
        r = is_minus(x) ? sub(Q_PI, r) : r;
    }
    return rounded(r | (is_minus(y) ? Q_SIGN : 0), env);
}

/* ---- sine, cosine, tangent */

bool x87_in_range(fp_bits x)
{
    return is_odd(x) || is_infinite(x) || (x >> 64 & 0x7fff) < 0x3fff + 63;
}

/* The series of sine, or of cosine, for a number of at most pi / 4. */
static quad sine(quad r)
{
    const quad minus_square = mul(r, r) ^ Q_SIGN;
    quad s = Q_ONE;
    for (int k = 32; k > 0; k -= 2) {
        s = add(Q_ONE, mul(divide(minus_square, of_int((int64_t)k * (k + 1))), s));
    }
    return mul(r, s);
}

static quad cosine(quad r)
{
    const quad minus_square = mul(r, r) ^ Q_SIGN;
    quad s = Q_ONE;
    for (int k = 33; k > 0; k -= 2) {
        s = add(Q_ONE, mul(divide(minus_square, of_int((int64_t)k * (k + 1))), s));
    }
    return s;
}

/* |x| = quarter turns + rest; pi / 2 is 0x3243f6a8885a308d3 of units of 2^-65. */
static quad reduce(fp_bits x, unsigned *quarters)
{
    const u128 unit = (u128)3 << 64 | UINT64_C(0x243f6a8885a308d3);
    const int e = (int)(x >> 64 & 0x7fff) - 0x3fff - 63 + 65;
    *quarters = 0;
    if (e < 0) {
        return widen(x & ~((fp_bits)1 << 79));
    }
    const u128 v = (u128)(uint64_t)x << e;
    const u128 rest = v % unit;
    struct fp_env env = nearest();
    *quarters = (unsigned)(v / unit) & 3;
    const quad high = fp_from_fixed(QUAD, (uint64_t)(rest >> 64), (struct fp_fixed){64, 1, false},
                                    &env);
    const quad low = fp_from_fixed(QUAD, (uint64_t)rest, (struct fp_fixed){64, 0, false}, &env);
    /* 2^-65: less in the exponent. */
    return add(high, low ? low - ((quad)65 << 112) : 0);
}

/* Sine (0) or cosine (1) of quarters and rest. */
static quad turn(quad rest, unsigned quarters)
{
    const bool far = less(divide(Q_PI_2, Q_TWO), rest);
    const quad r = far ? sub(Q_PI_2, rest) : rest;
    const quad v = (quarters & 1) != far ? cosine(r) : sine(r);
    return quarters & 2 ? v ^ Q_SIGN : v;
}

/* What is no finite number other than 0; false: it is. */
static bool special_angle(fp_bits x, struct fp_env *env, fp_bits *r)
{
    if (is_odd(x)) {
        *r = fp_add(X87, x, x, env);
    } else if (is_infinite(x)) {
        *r = invalid(env);
    } else {
        *r = x;
        note_denormal(x, env);
        return is_zero(x);
    }
    return true;
}

fp_bits x87_fsin(fp_bits x, fp_bits unused, struct fp_env *env)
{
    fp_bits special;
    unsigned quarters;
    (void)unused;
    if (special_angle(x, env, &special)) {
        return special;
    }
    const quad rest = reduce(x, &quarters);
    return rounded(turn(rest, quarters) ^ (is_minus(x) ? Q_SIGN : 0), env);
}

fp_bits x87_fcos(fp_bits x, fp_bits unused, struct fp_env *env)
{
    fp_bits special;
    unsigned quarters;
    (void)unused;
    if (special_angle(x, env, &special)) {
        return is_zero(x) ? X87_ONE : special;
    }
    const quad rest = reduce(x, &quarters);
    return rounded(turn(rest, quarters + 1), env);
}

fp_bits x87_ftan(fp_bits x, fp_bits unused, struct fp_env *env)
{
    fp_bits special;
    unsigned quarters;
    (void)unused;
    if (special_angle(x, env, &special)) {
        return special;
    }
    const quad rest = reduce(x, &quarters);
    const quad r = divide(turn(rest, quarters), turn(rest, quarters + 1));
    return rounded(r ^ (is_minus(x) ? Q_SIGN : 0), env);
}
