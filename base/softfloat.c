/* SPDX-License-Identifier: MIT */
/*
 * Software floating point: formats, rules, taking numbers apart, choosing NaNs, rounding.
 * See softfloat_core.h for the invariants.
 */
#include "base/softfloat_core.h"

/* A row's sizes: bits of exponent and of fraction; stored is 1 if the leading one is, too. */
#define SIZES(exp, frac, stored)                                                                   \
    .width = 1 + (exp) + (stored) + (frac), .exp_bits = (exp), .frac_bits = (frac),                \
    .bias = (1 << ((exp)-1)) - 1, .explicit_one = (stored)

const struct fp_format fp_formats[FP_FORMATS] = {
    [FP_BINARY16] = {"binary16", SIZES(5, 10, 0), .is_half = true},
    [FP_BINARY16_ALT] = {"binary16alt", SIZES(5, 10, 0), .is_half = true, .no_specials = true},
    [FP_BFLOAT16] = {"bfloat16", SIZES(8, 7, 0)},
    [FP_BINARY32] = {"binary32", SIZES(8, 23, 0)},
    [FP_BINARY64] = {"binary64", SIZES(11, 52, 0)},
    [FP_X87] = {"x87", SIZES(15, 63, 1)},
    [FP_BINARY128] = {"binary128", SIZES(15, 112, 0)},
};

/* The x87's shorter precisions have its exponents: as formats they differ only in the fraction. */
static const struct fp_format x87_short[2] = {
    {"x87-24", SIZES(15, 23, 0)},
    {"x87-53", SIZES(15, 52, 0)},
};

const struct fp_rules fp_rules_arm = {
    .name = "arm",
    .nan_choice = FP_NAN_SIGNALING_FIRST,
    .muladd_order = {2, 0, 1},
    .muladd_invalid = FP_MULADD_DEFAULT_NAN,
    .int_overflow = FP_INT_SATURATE,
};

const struct fp_rules fp_rules_arm_ah = {
    .name = "arm-ah",
    .nan_choice = FP_NAN_FIRST,
    .muladd_order = {0, 1, 2},
    .muladd_invalid = FP_MULADD_QUIET,
    .int_overflow = FP_INT_SATURATE,
    .default_nan_negative = true,
    .tiny_after_rounding = true,
    .flush_is_inexact = true,
    .flush_apart = true,
    .flag_denormals = true,
    .nan_signs_stay = true,
    .quiet_bfloat16 = true,
    .minmax_second = true,
};

const struct fp_rules fp_rules_x86 = {
    .name = "x86",
    .nan_choice = FP_NAN_FIRST,
    .muladd_order = {0, 1, 2},
    .muladd_invalid = FP_MULADD_QUIET,
    .int_overflow = FP_INT_INDEFINITE,
    .default_nan_negative = true,
    .tiny_after_rounding = true,
    .flush_is_inexact = true,
    .flush_apart = true,
    .flag_denormals = true,
    .nan_signs_stay = true,
    .minmax_second = true,
};

const struct fp_rules fp_rules_x87 = {
    .name = "x87",
    .nan_choice = FP_NAN_GREATER,
    .muladd_order = {0, 1, 2},
    .int_overflow = FP_INT_INDEFINITE,
    .default_nan_negative = true,
    .tiny_after_rounding = true,
    .flag_denormals = true,
};

static inline unsigned exp_ones(const struct fp_format *f)
{
    return (1u << f->exp_bits) - 1;
}

static inline fp_bits ones(unsigned n)
{
    return ((fp_bits)1 << n) - 1;
}

/* The pattern of a sign, and exponent and fraction side by side. */
static inline fp_bits join(const struct fp_format *f, bool sign, fp_bits magnitude)
{
    if (unlikely(f->explicit_one)) {
        fp_bits exp = magnitude >> f->frac_bits;
        magnitude = (exp << 1 | (exp != 0)) << f->frac_bits | (magnitude & ones(f->frac_bits));
    }
    return (fp_bits)sign << (f->width - 1) | magnitude;
}

/* The magnitude of infinity, for join. */
static inline fp_bits infinite(const struct fp_format *f)
{
    return (fp_bits)exp_ones(f) << f->frac_bits;
}

static inline fp_bits quiet_bit(const struct fp_format *f)
{
    return (fp_bits)1 << (f->frac_bits - 1);
}

fp_bits fp_infinity(const struct fp_format *f, bool sign)
{
    return join(f, sign, infinite(f));
}

fp_bits fp_greatest(const struct fp_format *f, bool sign)
{
    return join(f, sign, f->no_specials ? ones(f->width - 1u) : infinite(f) - 1);
}

fp_bits fp_default_nan(const struct fp_format *f, const struct fp_rules *rules)
{
    return join(f, rules->default_nan_negative, infinite(f) | quiet_bit(f));
}

bool fp_is_nan(const struct fp_format *f, fp_bits a)
{
    return !f->no_specials && (a & ones(f->width - 1u)) > fp_infinity(f, false);
}

bool fp_is_signaling(const struct fp_format *f, fp_bits a)
{
    return fp_is_nan(f, a) && !(a & quiet_bit(f));
}

fp_bits fp_invalid(const struct fp_format *f, struct fp_env *env)
{
    env->flags |= FP_INVALID;
    return fp_default_nan(f, env->rules);
}

/* A denormal operand: normalized, or flushed. */
static void unpack_denormal(const struct fp_format *f, struct fp_num *n, struct fp_env *env)
{
    if (f->is_half ? env->flush_half : env->flush_inputs != FP_KEEP) {
        if (!f->is_half && env->flush_inputs == FP_FLUSH_FLAGGED) {
            env->flags |= FP_DENORMAL;
        }
        n->kind = FP_ZERO;
        return;
    }
    unsigned shift = fp_clz(n->sig);
    n->kind = FP_FINITE;
    n->denormal = true;
    n->sig <<= shift;
    n->exp = 1 - f->bias - (int32_t)shift;
}

/* Whether an x87 operand's leading one fits its exponent; a pseudo-denormal is made a number here.
 */
static bool unpack_explicit(const struct fp_format *f, fp_bits a, struct fp_num *n)
{
    bool one = a >> f->frac_bits & 1;
    bool biased = a >> (f->frac_bits + 1) & exp_ones(f);
    if (one && !biased) {
        n->kind = FP_FINITE;
        n->denormal = true;
        n->sig |= (u128)1 << 127;
        n->exp = 1 - f->bias;
        return false;
    }
    if (!one && biased) {
        n->kind = FP_UNSUPPORTED;
        return false;
    }
    return true;
}

struct fp_num fp_unpack_special(const struct fp_format *f, fp_bits a, struct fp_env *env)
{
    unsigned biased = (unsigned)(a >> (f->frac_bits + f->explicit_one)) & exp_ones(f);
    fp_bits frac = a & ones(f->frac_bits);
    struct fp_num n = {
        .sig = frac << (127 - f->frac_bits), .kind = FP_ZERO, .sign = a >> (f->width - 1) & 1};
    if (unlikely(f->explicit_one) && !unpack_explicit(f, a, &n)) {
        return n;
    }
    if (biased == 0) {
        if (frac) {
            unpack_denormal(f, &n, env);
        }
    } else if (biased == exp_ones(f) && !f->no_specials) {
        n.kind = !frac ? FP_INFINITE : frac & quiet_bit(f) ? FP_QUIET : FP_SIGNALING;
    } else {
        n.kind = FP_FINITE;
        n.sig |= (u128)1 << 127;
        n.exp = (int32_t)biased - f->bias;
    }
    return n;
}

fp_bits fp_propagate(const struct fp_format *f, const struct fp_num *n, struct fp_env *env)
{
    if (n->kind != FP_QUIET) {
        env->flags |= FP_INVALID;
    }
    if (env->default_nan || n->kind == FP_UNSUPPORTED) {
        return fp_default_nan(f, env->rules);
    }
    return join(f, n->sign, infinite(f) | quiet_bit(f) | n->sig >> (127 - f->frac_bits));
}

/* Whether the first of two operands is the NaN that the rules choose. */
static bool first_nan_wins(const struct fp_num *a, const struct fp_num *b,
                           const struct fp_rules *rules)
{
    bool both = fp_kind_is_nan(a) && fp_kind_is_nan(b);
    if (!both || rules->nan_choice == FP_NAN_FIRST) {
        return fp_kind_is_nan(a);
    }
    if (rules->nan_choice == FP_NAN_SIGNALING_FIRST) {
        return a->kind >= b->kind;
    }
    if (a->kind != b->kind) {
        return a->kind == FP_QUIET;
    }
    return a->sig != b->sig ? a->sig > b->sig : !a->sign;
}

struct fp_num fp_choose_nan(const struct fp_num *a, const struct fp_num *b,
                            const struct fp_rules *rules)
{
    struct fp_num n = first_nan_wins(a, b, rules) ? *a : *b;
    n.kind = a->kind > b->kind ? a->kind : b->kind; /* invalid if one of them makes it so */
    return n;
}

/* Of an overflow or underflow that traps: 3/4 of the exponents' range away. What is not in range
 * then (of a conversion) is no result at all, and not called inexact. */
static fp_bits round_wrapped(const struct fp_format *f, const struct fp_num *n, unsigned rounding,
                             struct fp_env *env)
{
    const bool up = n->exp + f->bias < 1;
    const int32_t by = 3 << (f->exp_bits - 2);
    const uint8_t trapped = env->trapped;
    struct fp_num moved = *n;

    moved.exp += up ? by : -by;
    const uint32_t flags = env->flags | (up ? FP_UNDERFLOW : FP_OVERFLOW);
    env->trapped = 0;
    env->flags = 0;
    const fp_bits r = fp_round(f, &moved, rounding, env);
    env->trapped = trapped;
    env->flags = flags | (env->flags == FP_INEXACT ? FP_INEXACT : 0);
    return r;
}

static fp_bits overflow(const struct fp_format *f, const struct fp_num *n, unsigned rounding,
                        struct fp_env *env)
{
    const bool sign = n->sign;
    if (env->trapped & FP_OVERFLOW) {
        return round_wrapped(f, n, rounding, env);
    }
    if (f->no_specials) {
        env->flags |= FP_INVALID;
        return fp_greatest(f, sign);
    }
    env->flags |= FP_OVERFLOW | FP_INEXACT;
    bool away = rounding == FP_RNE || rounding == FP_RNA || rounding == (sign ? FP_RDN : FP_RUP);
    return away ? fp_infinity(f, sign) : fp_greatest(f, sign);
}

/* Whether n, below the least normal number, is still so when rounded to the format's precision. */
static bool tiny_when_rounded(const struct fp_format *f, const struct fp_num *n, unsigned rounding)
{
    if (n->exp + f->bias < 0) {
        return true;
    }
    bool inexact;
    return !(fp_round_sig(n->sig, 127 - f->frac_bits, rounding, n->sign, &inexact) >>
             (f->frac_bits + 1));
}

/* A finite number below the least normal one. */
static fp_bits round_tiny(const struct fp_format *f, const struct fp_num *n, unsigned rounding,
                          struct fp_env *env)
{
    bool tiny = !env->rules->tiny_after_rounding || tiny_when_rounded(f, n, rounding);
    if (tiny && (env->trapped & FP_UNDERFLOW)) {
        return round_wrapped(f, n, rounding, env);
    }
    if (tiny && (f->is_half ? env->flush_half : env->flush_outputs)) {
        env->flags |= FP_UNDERFLOW | (env->rules->flush_is_inexact ? FP_INEXACT : 0);
        return join(f, n->sign, 0);
    }
    bool inexact;
    unsigned cut = (unsigned)(127 - f->frac_bits + 1 - (n->exp + f->bias));
    u128 q = fp_round_sig(n->sig, cut, rounding, n->sign, &inexact);
    if (inexact) {
        env->flags |= FP_INEXACT | (tiny ? FP_UNDERFLOW : 0);
    }
    return join(f, n->sign, q); /* a carry makes it the least normal number */
}

fp_bits fp_round(const struct fp_format *f, const struct fp_num *n, unsigned rounding,
                 struct fp_env *env)
{
    if (n->kind == FP_ZERO) {
        return join(f, n->sign, 0);
    }
    if (n->kind == FP_INFINITE) {
        return fp_infinity(f, n->sign);
    }
    assert_hot(n->kind == FP_FINITE && n->sig >> 127);
    int32_t biased = n->exp + f->bias;
    int32_t limit = (int32_t)exp_ones(f) + f->no_specials;
    if (unlikely(biased < 1)) {
        return round_tiny(f, n, rounding, env);
    }
    if (unlikely(biased >= limit)) {
        return overflow(f, n, rounding, env);
    }
    bool inexact;
    u128 q = fp_round_sig(n->sig, 127 - f->frac_bits, rounding, n->sign, &inexact);
    /* The leading one, and a carry out of the significand, add to the exponent. */
    fp_bits r = ((fp_bits)(biased - 1) << f->frac_bits) + q;
    if (unlikely(r >> f->frac_bits >= (fp_bits)limit)) {
        return overflow(f, n, rounding, env);
    }
    if (inexact) {
        env->flags |= FP_INEXACT;
    }
    return join(f, n->sign, r);
}

fp_bits fp_finish(const struct fp_format *f, const struct fp_num *n, struct fp_env *env)
{
    if (likely(!f->explicit_one || !env->x87_precision)) {
        return fp_round(f, n, env->rounding, env);
    }
    const struct fp_format *s = &x87_short[env->x87_precision == 53];
    fp_bits r = fp_round(s, n, env->rounding, env);
    return join(f, n->sign, (r & ones(s->width - 1u)) << (f->frac_bits - s->frac_bits));
}
