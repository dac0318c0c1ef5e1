/* SPDX-License-Identifier: MIT */
/*
 * Software floating point: to integral values, to and from integers and fixed point, and between
 * formats. IEEE 754-2019, 5.3.1, 5.4.1, 5.4.2 and 5.8; Arm's FPRoundInt, FPToFixed, FixedToFP,
 * FPConvert.
 */
#include "base/softfloat_core.h"

/* How many bits of a finite number's sig are below the units; 1 at least, since cut may not be 0.
 */
static unsigned fraction_cut(int32_t exp)
{
    return (unsigned)(127 - exp);
}

fp_bits fp_round_to_int(const struct fp_format *f, fp_bits a, unsigned rounding, bool exact,
                        struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    if (unlikely(fp_kind_is_nan(&n))) {
        return fp_propagate(f, &n, env);
    }
    if (f->explicit_one) { /* FRNDINT raises DE; ROUNDSD and Arm's FRINT do not */
        fp_used(f, &n, env);
    }
    if (n.kind == FP_FINITE && n.exp < f->frac_bits) {
        bool inexact;
        u128 whole = fp_round_sig(n.sig, fraction_cut(n.exp), rounding, n.sign, &inexact);
        if (inexact && exact) {
            env->flags |= FP_INEXACT;
        }
        if (whole) {
            n = fp_normal(n.sign, 127, whole);
        } else {
            n.kind = FP_ZERO;
        }
    }
    return fp_round(f, &n, FP_RTZ, env);
}

/* The bound of a fixed-point type on the side of sign, as a magnitude. */
static u128 fixed_bound(struct fp_fixed as, bool sign)
{
    if (as.is_signed) {
        return ((u128)1 << (as.width - 1)) - !sign;
    }
    return sign ? 0 : mask64(as.width);
}

static uint64_t fixed_overflow(struct fp_fixed as, const struct fp_num *n, struct fp_env *env)
{
    env->flags |= FP_INVALID;
    if (env->rules->int_overflow == FP_INT_INDEFINITE) {
        return as.is_signed ? ~mask64(as.width - 1u) : mask64(as.width);
    }
    if (fp_kind_is_nan(n)) {
        return 0;
    }
    uint64_t bound = (uint64_t)fixed_bound(as, n->sign);
    return n->sign ? -bound : bound;
}

uint64_t fp_to_fixed(const struct fp_format *f, fp_bits a, struct fp_fixed as, unsigned rounding,
                     struct fp_env *env)
{
    struct fp_num n = fp_unpack(f, a, env);
    if (n.kind == FP_ZERO) {
        return 0;
    }
    int32_t exp = n.exp + as.fraction;
    if (n.kind != FP_FINITE || exp >= as.width) {
        return fixed_overflow(as, &n, env);
    }
    bool inexact;
    u128 whole = fp_round_sig(n.sig, fraction_cut(exp), rounding, n.sign, &inexact);
    if (whole > fixed_bound(as, n.sign)) {
        return fixed_overflow(as, &n, env);
    }
    if (inexact) {
        env->flags |= FP_INEXACT;
    }
    return n.sign ? -(uint64_t)whole : (uint64_t)whole;
}

fp_bits fp_from_fixed(const struct fp_format *f, uint64_t v, struct fp_fixed as, struct fp_env *env)
{
    v = as.is_signed ? (uint64_t)sext64(v, as.width) : v & mask64(as.width);
    if (!v) {
        return 0;
    }
    bool sign = as.is_signed && v >> 63;
    struct fp_num n = fp_normal(sign, 127 - as.fraction, sign ? -v : v);
    return fp_round(f, &n, env->rounding, env);
}

fp_bits fp_convert(const struct fp_format *from, const struct fp_format *to, fp_bits a,
                   struct fp_env *env)
{
    struct fp_env e = *env;
    e.flush_half = false; /* FPUnpackCV, FPRoundCV */
    struct fp_num n = fp_unpack(from, a, &e);
    fp_bits r;
    if (to->no_specials && n.kind >= FP_INFINITE) {
        e.flags |= FP_INVALID;
        n.kind = n.kind == FP_INFINITE ? FP_INFINITE : FP_ZERO;
        r = n.kind == FP_INFINITE ? fp_greatest(to, n.sign) : fp_round(to, &n, e.rounding, &e);
    } else if (fp_kind_is_nan(&n)) {
        r = fp_propagate(to, &n, &e);
    } else {
        r = fp_round(to, &n, e.rounding, &e);
        if (!from->explicit_one) { /* x87 stores raise no DE, loads do */
            fp_used(from, &n, &e);
        }
    }
    env->flags = e.flags;
    return r;
}

uint32_t fp_to_modular(uint64_t a, bool *exact, struct fp_env *env)
{
    struct fp_num n = fp_unpack(&fp_formats[FP_BINARY64], a, env);
    uint64_t whole = 0; /* modulo 2^64 */
    bool inexact = false, outside = n.kind >= FP_INFINITE;
    if (n.kind == FP_FINITE) {
        if (n.exp < 64) {
            whole = (uint64_t)fp_round_sig(n.sig, (unsigned)(127 - n.exp), FP_RTZ, n.sign,
                                           &inexact);
        } else if (n.exp < 127) {
            whole = (uint64_t)(n.sig >> (127 - n.exp));
        }
        outside = n.exp > 31 || whole > (UINT64_C(1) << 31) - !n.sign;
    }
    env->flags |= outside ? FP_INVALID : inexact ? FP_INEXACT : 0;
    /* -0 and a flushed denormal are not exact zeros */
    *exact = !outside && !inexact && (n.kind == FP_FINITE || a == 0);
    return (uint32_t)(n.sign ? -whole : whole);
}

uint16_t fp_to_bfloat16(uint32_t a, struct fp_env *env)
{
    struct fp_env e = *env;

    if (env->rules->quiet_bfloat16) {
        e.rounding = FP_RNE;
        e.flush_inputs = FP_FLUSH;
        e.flush_outputs = true;
    }
    const uint16_t r = f32_to_bf16(a, &e);
    if (!env->rules->quiet_bfloat16) {
        env->flags = e.flags;
    }
    return r;
}
