/* SPDX-License-Identifier: MIT */
/*
 * Software floating point: add, subtract, multiply, divide, remainder, square root, fused
 * multiply-add. IEEE 754-2019, 5.4.1 and 5.3.1.
 *
 * Significands are 128 bits. Formats of up to 64 significant bits leave the low half 0, which the
 * multiplication and the division use.
 */
#include "base/softfloat_core.h"

static inline uint64_t high64(u128 v)
{
    return (uint64_t)(v >> 64);
}

static inline uint64_t low64(u128 v)
{
    return (uint64_t)v;
}

/* a * b; the high half is returned. */
static u128 multiply(u128 a, u128 b, u128 *low)
{
    u128 hh = (u128)high64(a) * high64(b);
    if (likely(!low64(a) && !low64(b))) {
        *low = 0;
        return hh;
    }
    u128 ll = (u128)low64(a) * low64(b);
    u128 hl = (u128)high64(a) * low64(b);
    u128 lh = (u128)low64(a) * high64(b);
    u128 middle = (u128)high64(ll) + low64(hl) + low64(lh);
    *low = middle << 64 | low64(ll);
    return hh + high64(hl) + high64(lh) + high64(middle);
}

/* high:low >> n, n not 0, what is lost jammed into bit 0 of low. */
static void shift_jam_wide(u128 *high, u128 *low, unsigned n)
{
    if (n < 128) {
        *low = *high << (128 - n) | fp_shift_jam(*low, n);
        *high >>= n;
        return;
    }
    *low = fp_shift_jam(*high, n - 128) | (*low != 0);
    *high = 0;
}

struct fp_num fp_sum(const struct fp_num *a, u128 a_low, const struct fp_num *b, unsigned rounding)
{
    if (a->kind == FP_ZERO && b->kind == FP_ZERO) {
        bool negative = a->sign == b->sign ? a->sign : rounding == FP_RDN;
        return (struct fp_num){.kind = FP_ZERO, .sign = negative};
    }
    if (b->kind == FP_ZERO || a->kind == FP_INFINITE) {
        struct fp_num r = *a;
        r.sig |= a_low != 0;
        return r;
    }
    if (a->kind == FP_ZERO || b->kind == FP_INFINITE) {
        return *b;
    }
    u128 high = a->sig, low = a_low;
    u128 less_high = b->sig, less_low = 0;
    bool sign = a->sign;
    int32_t exp = a->exp;
    if (b->exp > a->exp || (b->exp == a->exp && b->sig > a->sig)) {
        high = b->sig, low = 0;
        less_high = a->sig, less_low = a_low;
        sign = b->sign;
        exp = b->exp;
    }
    if (a->exp != b->exp) {
        shift_jam_wide(&less_high, &less_low, (unsigned)(2 * exp - a->exp - b->exp));
    }
    if (a->sign == b->sign) {
        low += less_low;
        u128 carry = low < less_low;
        high += less_high + carry; /* less_high + 1 cannot wrap: carry needs low bits, so a shift */
        if (high < less_high + carry) {
            low |= high & 1;
            high = high >> 1 | (u128)1 << 127;
            exp++;
        }
        return fp_normal(sign, exp, high | (low != 0));
    }
    high -= less_high + (low < less_low);
    low -= less_low;
    if (!high && !low) {
        return (struct fp_num){.kind = FP_ZERO, .sign = rounding == FP_RDN};
    }
    if (!high) { /* only when nothing was jammed: a shift of 2 or more leaves the top bits */
        return fp_normal(sign, exp - 128, low);
    }
    unsigned shift = fp_clz(high);
    if (shift) {
        high = high << shift | low >> (128 - shift);
        low <<= shift;
    }
    return fp_normal(sign, exp - (int32_t)shift, high | (low != 0));
}

static fp_bits add(const struct fp_format *f, const struct fp_num *a, const struct fp_num *b,
                   struct fp_env *env)
{
    if (unlikely(fp_kind_is_nan(a) || fp_kind_is_nan(b))) {
        struct fp_num n = fp_choose_nan(a, b, env->rules);
        return fp_propagate(f, &n, env);
    }
    if (a->kind == FP_INFINITE && b->kind == FP_INFINITE && a->sign != b->sign) {
        return fp_invalid(f, env);
    }
    struct fp_num r = fp_sum(a, 0, b, env->rounding);
    fp_used(f, a, env);
    fp_used(f, b, env);
    return fp_finish(f, &r, env);
}

fp_bits fp_add(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    return add(f, &x, &y, env);
}

fp_bits fp_sub(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (!fp_kind_is_nan(&y)) { /* a NaN operand keeps its sign */
        y.sign = !y.sign;
    }
    return add(f, &x, &y, env);
}

struct fp_num fp_product(const struct fp_num *a, const struct fp_num *b, u128 *low)
{
    struct fp_num r = {.sign = a->sign != b->sign};
    *low = 0;
    if (a->kind != FP_FINITE || b->kind != FP_FINITE) {
        r.kind = a->kind == FP_INFINITE || b->kind == FP_INFINITE ? FP_INFINITE : FP_ZERO;
        return r;
    }
    r.kind = FP_FINITE;
    r.exp = a->exp + b->exp + 1;
    r.sig = multiply(a->sig, b->sig, low);
    if (!(r.sig >> 127)) {
        r.sig = r.sig << 1 | *low >> 127;
        *low <<= 1;
        r.exp--;
    }
    return r;
}

bool fp_infinity_times_zero(const struct fp_num *a, const struct fp_num *b)
{
    return (a->kind == FP_INFINITE && b->kind == FP_ZERO) ||
           (a->kind == FP_ZERO && b->kind == FP_INFINITE);
}

fp_bits fp_mul(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        struct fp_num n = fp_choose_nan(&x, &y, env->rules);
        return fp_propagate(f, &n, env);
    }
    if (unlikely(fp_infinity_times_zero(&x, &y))) {
        return fp_invalid(f, env);
    }
    u128 low;
    struct fp_num r = fp_product(&x, &y, &low);
    r.sig |= low != 0;
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    return fp_finish(f, &r, env);
}

fp_bits fp_mul_extended(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (fp_infinity_times_zero(&x, &y)) {
        struct fp_num two = {
            .sig = (u128)1 << 127, .exp = 1, .kind = FP_FINITE, .sign = x.sign != y.sign};
        return fp_round(f, &two, FP_RTZ, env);
    }
    return fp_mul(f, a, b, env);
}

/* The NaN of three operands a, b, c that the rules choose; one is a NaN. */
static struct fp_num choose_nan3(const struct fp_num *const operand[3],
                                 const struct fp_rules *rules)
{
    struct fp_num n = *operand[rules->muladd_order[0]];
    for (unsigned i = 1; i < 3; i++) {
        const struct fp_num *next = operand[rules->muladd_order[i]];
        if (fp_kind_is_nan(&n) || fp_kind_is_nan(next)) {
            n = fp_choose_nan(&n, next, rules);
        }
    }
    return n;
}

fp_bits fp_muladd_from(const struct fp_format *factors, const struct fp_format *f,
                       const fp_bits operands[3], struct fp_env *env)
{
    struct fp_num a = fp_unpack(factors, operands[0], env);
    struct fp_num b = fp_unpack(factors, operands[1], env);
    struct fp_num c = fp_unpack(f, operands[2], env);
    bool invalid = fp_infinity_times_zero(&a, &b);
    if (unlikely(fp_kind_is_nan(&a) || fp_kind_is_nan(&b) || fp_kind_is_nan(&c))) {
        if (invalid && c.kind == FP_QUIET && env->rules->muladd_invalid != FP_MULADD_QUIET) {
            fp_bits r = fp_invalid(f, env);
            return env->rules->muladd_invalid == FP_MULADD_DEFAULT_NAN ? r
                                                                       : fp_propagate(f, &c, env);
        }
        struct fp_num n = choose_nan3((const struct fp_num *[]){&a, &b, &c}, env->rules);
        return fp_propagate(f, &n, env);
    }
    if (unlikely(invalid)) {
        return fp_invalid(f, env);
    }
    u128 low;
    struct fp_num p = fp_product(&a, &b, &low);
    if (p.kind == FP_INFINITE && c.kind == FP_INFINITE && p.sign != c.sign) {
        return fp_invalid(f, env);
    }
    struct fp_num r = fp_sum(&p, low, &c, env->rounding);
    fp_used(factors, &a, env);
    fp_used(factors, &b, env);
    fp_used(f, &c, env);
    return fp_finish(f, &r, env);
}

fp_bits fp_muladd(const struct fp_format *f, fp_bits a, fp_bits b, fp_bits c, struct fp_env *env)
{
    return fp_muladd_from(f, f, (const fp_bits[]){a, b, c}, env);
}

/* The next 64 bits of the quotient rest / b, rest < b, and what then remains. b has bit 127 set. */
static uint64_t divide_digit(u128 *rest, u128 b)
{
    uint64_t bh = high64(b), bl = low64(b);
    u128 estimate = *rest /
                    bh; /* at most 2 too great: b is at least bh << 64, and bh has its top bit */
    u128 over = *rest - estimate * bh;
    if (!bl) {
        *rest = over << 64;
        return (uint64_t)estimate;
    }
    while (estimate >> 64) { /* rest's high half equals bh */
        estimate--;
        over += bh;
    }
    u128 less = estimate * bl;
    while (!high64(over) && less > over << 64) {
        estimate--;
        over += bh;
        less -= bl;
    }
    *rest = (over << 64) - less;
    return (uint64_t)estimate;
}

/* a / b of finite numbers, to at least f's precision. */
static struct fp_num quotient(const struct fp_format *f, const struct fp_num *a,
                              const struct fp_num *b)
{
    struct fp_num r = {.kind = FP_FINITE, .sign = a->sign != b->sign, .exp = a->exp - b->exp};
    bool one = a->sig >= b->sig; /* else the quotient is 1/2 or more, but below 1 */
    u128 rest = one ? a->sig - b->sig : a->sig;
    r.sig = (u128)divide_digit(&rest, b->sig) << 64;
    if (f->frac_bits > 60 && rest) {
        r.sig |= divide_digit(&rest, b->sig);
    }
    if (one) {
        r.sig = fp_shift_jam(r.sig, 1) | (u128)1 << 127;
    } else {
        r.exp--;
    }
    r.sig |= rest != 0;
    return r;
}

fp_bits fp_div(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        struct fp_num n = fp_choose_nan(&x, &y, env->rules);
        return fp_propagate(f, &n, env);
    }
    if (x.kind == y.kind && x.kind != FP_FINITE) {
        return fp_invalid(f, env);
    }
    struct fp_num r = {.sign = x.sign != y.sign};
    if (y.kind == FP_ZERO) {
        /* Division by zero comes before the denormal operand, in the SDM's table of priorities too.
         */
        env->flags |= x.kind == FP_INFINITE ? 0 : FP_DIVZERO;
        return fp_infinity(f, r.sign);
    }
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    if (x.kind == FP_FINITE && y.kind == FP_FINITE) {
        r = quotient(f, &x, &y);
    } else {
        r.kind = x.kind == FP_INFINITE ? FP_INFINITE : FP_ZERO;
    }
    return fp_finish(f, &r, env);
}

/*
 * a - b*n for finite a, b. The dividend is reduced modulo the divisor while its exponent comes down
 * to the divisor's, a bit at a time and then 64; the last bit of the quotient decides ties.
 */
static struct fp_num remainder_of(const struct fp_num *a, const struct fp_num *b)
{
    int32_t apart = a->exp - b->exp;
    if (apart < -1) { /* |a| < |b| / 2 */
        return *a;
    }
    u128 rest = a->sig, unit = b->sig;
    bool odd = false;
    if (apart < 0) { /* |a| < |b| */
        rest >>= 1;
        apart = 0;
    } else if (rest >= unit) {
        rest -= unit;
        odd = true;
    }
    for (int32_t n = apart % 64; n > 0; n--) {
        odd = rest >> 127 || rest << 1 >= unit;
        rest = (rest << 1) - (odd ? unit : 0);
    }
    for (int32_t n = apart / 64; n > 0; n--) {
        odd = divide_digit(&rest, unit) & 1;
    }
    if (!rest) {
        return (struct fp_num){.kind = FP_ZERO, .sign = a->sign};
    }
    u128 other = unit - rest; /* what is missing to the next multiple */
    bool up = rest > other || (rest == other && odd);
    return fp_normal(a->sign != up, b->exp, up ? other : rest);
}

fp_bits fp_rem(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        struct fp_num n = fp_choose_nan(&x, &y, env->rules);
        return fp_propagate(f, &n, env);
    }
    if (x.kind == FP_INFINITE || y.kind == FP_ZERO) {
        return fp_invalid(f, env);
    }
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    if (x.kind == FP_FINITE && y.kind == FP_FINITE) {
        x = remainder_of(&x, &y);
    }
    return fp_round(f, &x, env->rounding, env);
}

/* The integer square root of n, which is 2^62 or more; off by at most 1. */
static uint64_t root_32(uint64_t n)
{
    uint64_t x = ((n >> 31) + (UINT64_C(1) << 32)) / 3; /* a line within 1/16 of the root */
    x = (x + n / x) >> 1;                               /* Newton's steps square that error, */
    x = (x + n / x) >> 1;                               /* 2^-9, 2^-19 */
    return (x + n / x) >> 1;
}

/* The integer square root of n, which is 2^126 or more, and what remains. */
static uint64_t root_64(u128 n, u128 *rest)
{
    uint64_t x = root_32(high64(n));
    u128 guess = ((u128)x << 31) + (n >> 33) / x; /* (y + n/y) / 2 for y = x << 32 */
    uint64_t r = guess >> 64 ? UINT64_MAX : (uint64_t)guess;
    while ((u128)r * r > n) {
        r--;
    }
    while (n - (u128)r * r > 2 * (u128)r) {
        r++;
    }
    *rest = n - (u128)r * r;
    return r;
}

/*
 * 64 more bits of the root r of n: the root of n << 128. Newton's step gives them, too great by a
 * little; rest is n - r*r, at most 2r.
 */
static u128 root_128(uint64_t r, u128 rest, bool *exact)
{
    u128 digit = (rest << 63) / r;
    if (digit >> 64) {
        digit = UINT64_MAX;
    }
    /* (r << 64 + digit)^2 <= n << 128 is digit^2 <= (rest << 64 - 2 * r * digit) << 64 */
    u128 left = (rest << 64) - ((u128)r * (uint64_t)digit << 1);
    while (!high64(left) && digit * digit > left << 64) {
        digit--;
        left += (u128)r << 1;
    }
    *exact = !high64(left) && digit * digit == left << 64;
    return (u128)r << 64 | digit;
}

fp_bits fp_sqrt(const struct fp_format *f, fp_bits a, struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    if (unlikely(fp_kind_is_nan(&n))) {
        return fp_propagate(f, &n, env);
    }
    if (n.sign && n.kind != FP_ZERO) {
        return fp_invalid(f, env);
    }
    fp_used(f, &n, env);
    if (n.kind == FP_FINITE) {
        u128 rest;
        bool exact;
        u128 square = n.exp & 1 ? n.sig : n.sig >> 1;
        uint64_t r = root_64(square, &rest);
        n.exp >>= 1; /* towards -infinity: an odd exponent gave its 2 to the significand */
        if (f->frac_bits > 60) {
            n.sig = root_128(r, rest, &exact);
        } else {
            n.sig = (u128)r << 64;
            exact = !rest;
        }
        n.sig |= !exact;
    }
    return fp_finish(f, &n, env);
}
