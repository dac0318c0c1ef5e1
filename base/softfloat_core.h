/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the software floating point share: numbers taken apart, and the one function
 * that rounds and puts them together again. Only base/softfloat*.c include this.
 *
 * The rules that keep results correctly rounded:
 * - A finite number is sig * 2^(exp - 127) with bit 127 of sig set; every format's significand fits
 *   with at least 14 bits to spare.
 * - What does not fit is or-ed into bit 0 ("jammed"): bit 0 set means "this or a little more". Any
 *   rounding decision is made at least one bit above it, so it comes out as of the exact value.
 * - An operation computes such a number and calls fp_round once.
 */
#ifndef BASE_SOFTFLOAT_CORE_H
#define BASE_SOFTFLOAT_CORE_H

#include "base/softfloat.h"

enum fp_kind {
    FP_ZERO,
    FP_FINITE,
    FP_INFINITE,
    FP_QUIET,
    FP_SIGNALING,
    FP_UNSUPPORTED, /* an x87 pattern that is no number; as a NaN operand it makes the default NaN
                     */
};

struct fp_num {
    u128 sig; /* of a NaN its payload, the quiet bit at bit 126 */
    int32_t exp;
    uint8_t kind; /* enum fp_kind */
    bool sign;
    bool denormal; /* it was a denormal operand, and was not flushed */
};

/* fp_unpack of anything but the normal numbers of formats that do not store the leading one. */
struct fp_num fp_unpack_special(const struct fp_format *f, fp_bits a, struct fp_env *env);

/* Rounds and packs a number of any kind but NaN, raising what the result calls for. */
fp_bits fp_round(const struct fp_format *f, const struct fp_num *n, unsigned rounding,
                 struct fp_env *env);

/* The same for results of arithmetic: by env->rounding, and env->x87_precision. */
fp_bits fp_finish(const struct fp_format *f, const struct fp_num *n, struct fp_env *env);

/* The quiet NaN that an operation makes of NaN n, raising FP_INVALID if it was signaling. */
fp_bits fp_propagate(const struct fp_format *f, const struct fp_num *n, struct fp_env *env);

/* The default NaN, with FP_INVALID. */
fp_bits fp_invalid(const struct fp_format *f, struct fp_env *env);

/* The one of a and b, at least one of them a NaN, that the rules choose. It turns signaling if one
 * is. */
struct fp_num fp_choose_nan(const struct fp_num *a, const struct fp_num *b,
                            const struct fp_rules *rules);

/* a + b, of which neither is a NaN and not both are infinities; a_low is 128 more bits of a.sig. */
struct fp_num fp_sum(const struct fp_num *a, u128 a_low, const struct fp_num *b, unsigned rounding);

/* a * b, of which neither is a NaN; *low has 128 more bits of sig. Not for infinity times zero. */
struct fp_num fp_product(const struct fp_num *a, const struct fp_num *b, u128 *low);
bool fp_infinity_times_zero(const struct fp_num *a, const struct fp_num *b);

/* Takes an operand apart, flushing it as env says. */
static inline struct fp_num fp_unpack(const struct fp_format *f, fp_bits a, struct fp_env *env)
{
    unsigned ones = (1u << f->exp_bits) - 1;
    unsigned biased = (unsigned)(a >> f->frac_bits) & ones;
    if (unlikely(biased == 0 || biased == ones || f->explicit_one)) {
        return fp_unpack_special(f, a, env);
    }
    return (struct fp_num){.sig = (u128)1 << 127 | a << (127 - f->frac_bits),
                           .exp = (int32_t)biased - f->bias,
                           .kind = FP_FINITE,
                           .sign = a >> (f->width - 1) & 1};
}

/* sig >> cut rounded to an integer; cut may be anything from 1. *inexact tells whether bits were
 * lost. */
static inline u128 fp_round_sig(u128 sig, unsigned cut, unsigned rounding, bool sign, bool *inexact)
{
    if (unlikely(cut > 128)) { /* below half of the last place */
        sig = sig != 0;
        cut = 128;
    }
    const u128 half = (u128)1 << 127;
    u128 rest = sig << (128 - cut);
    u128 kept = cut < 128 ? sig >> cut : 0;
    bool up = false;
    *inexact = rest != 0;
    switch (rounding) {
    case FP_RNE:
        up = rest > half || (rest == half && (kept & 1));
        break;
    case FP_RNA:
        up = rest >= half;
        break;
    case FP_RUP:
        up = rest && !sign;
        break;
    case FP_RDN:
        up = rest && sign;
        break;
    case FP_ROD:
        return kept | (rest != 0);
    default:
        assert(rounding == FP_RTZ);
    }
    return kept + up;
}

static inline bool fp_kind_is_nan(const struct fp_num *n)
{
    return n->kind >= FP_QUIET;
}

/* FP_DENORMAL for an operand of format f that an operation has used, where the rules raise it. */
static inline void fp_used(const struct fp_format *f, const struct fp_num *n, struct fp_env *env)
{
    if (unlikely(n->denormal) && env->rules->flag_denormals && !f->is_half) {
        env->flags |= FP_DENORMAL;
    }
}

static inline unsigned fp_clz(u128 v)
{
    uint64_t hi = (uint64_t)(v >> 64);
    return hi ? clz64(hi) : 64 + clz64((uint64_t)v);
}

/* v >> n for any n, with what is lost jammed into bit 0. */
static inline u128 fp_shift_jam(u128 v, unsigned n)
{
    if (n == 0) {
        return v;
    }
    return n < 128 ? v >> n | ((v << (128 - n)) != 0) : v != 0;
}

/* A finite number of sig, not 0, whose bit 127 weighs 2^exp. */
static inline struct fp_num fp_normal(bool sign, int32_t exp, u128 sig)
{
    unsigned shift = fp_clz(sig);
    return (struct fp_num){
        .sig = sig << shift, .exp = exp - (int32_t)shift, .kind = FP_FINITE, .sign = sign};
}

#endif
