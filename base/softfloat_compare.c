/* SPDX-License-Identifier: MIT */
/*
 * Software floating point: compare, minimum and maximum. IEEE 754-2019, 5.11 and 9.6, and
 * IEEE 754-2008, 5.3.1 (minNum, maxNum); Arm's FPMax, FPMaxNum; SSE's MINPS.
 */
#include "base/softfloat_core.h"

/* Of two numbers that are no NaNs; the zeros are equal. */
static enum fp_order order(const struct fp_num *a, const struct fp_num *b)
{
    if (a->kind == FP_ZERO && b->kind == FP_ZERO) {
        return FP_EQUAL;
    }
    if (a->kind == FP_ZERO || b->kind == FP_ZERO || a->sign != b->sign) {
        bool less = a->kind == FP_ZERO ? !b->sign : a->sign;
        return less ? FP_LESS : FP_GREATER;
    }
    int magnitude = (a->kind > b->kind) - (a->kind < b->kind);
    if (!magnitude && a->kind == FP_FINITE) {
        magnitude = (a->exp > b->exp) - (a->exp < b->exp);
        if (!magnitude) {
            magnitude = (a->sig > b->sig) - (a->sig < b->sig);
        }
    }
    return (enum fp_order)(a->sign ? -magnitude : magnitude);
}

enum fp_order fp_compare(const struct fp_format *f, fp_bits a, fp_bits b, bool signaling,
                         struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        if (signaling || x.kind > FP_QUIET || y.kind > FP_QUIET) {
            env->flags |= FP_INVALID;
        }
        return FP_UNORDERED;
    }
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    return order(&x, &y);
}

/* rules->minmax_second: the second operand as it is, but for flushing. */
static bool second_wins(const struct fp_num *a, const struct fp_num *b, struct fp_env *env)
{
    if (fp_kind_is_nan(a) || fp_kind_is_nan(b)) {
        env->flags |= FP_INVALID;
        return true;
    }
    return a->kind == FP_ZERO && b->kind == FP_ZERO;
}

/* The greater of two numbers, or the less. The zeros are ordered. */
static const struct fp_num *pick(const struct fp_num *a, const struct fp_num *b, bool greater)
{
    enum fp_order o = order(a, b);
    if (o == FP_EQUAL) {
        return a->sign == greater ? b : a;
    }
    return (o == FP_GREATER) == greater ? a : b;
}

static fp_bits minmax(const struct fp_format *f, fp_bits a, fp_bits b, bool greater,
                      struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    const struct fp_num *r;
    if (env->rules->minmax_second) {
        if (second_wins(&x, &y, env)) {
            return y.kind == FP_ZERO ? fp_round(f, &y, env->rounding, env) : b;
        }
        fp_used(f, &x, env);
        fp_used(f, &y, env);
        r = pick(&x, &y, greater);
        return r->kind == FP_ZERO ? fp_round(f, r, env->rounding, env) : r == &x ? a : b;
    }
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        struct fp_num n = fp_choose_nan(&x, &y, env->rules);
        return fp_propagate(f, &n, env);
    }
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    return fp_round(f, pick(&x, &y, greater), env->rounding, env);
}

static fp_bits minmaxnum(const struct fp_format *f, fp_bits a, fp_bits b, bool greater,
                         struct fp_env *env)
{
    struct fp_num x = fp_unpack(f, a, env);
    struct fp_num y = fp_unpack(f, b, env);
    bool both = fp_kind_is_nan(&x) && fp_kind_is_nan(&y);
    if (!both && x.kind == FP_QUIET) {
        x = y;
    } else if (!both && y.kind == FP_QUIET) {
        y = x;
    }
    if (unlikely(fp_kind_is_nan(&x) || fp_kind_is_nan(&y))) {
        struct fp_num n = fp_choose_nan(&x, &y, env->rules);
        return fp_propagate(f, &n, env);
    }
    fp_used(f, &x, env);
    fp_used(f, &y, env);
    return fp_round(f, pick(&x, &y, greater), env->rounding, env);
}

fp_bits fp_min(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return minmax(f, a, b, false, env);
}

fp_bits fp_max(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return minmax(f, a, b, true, env);
}

fp_bits fp_minnum(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return minmaxnum(f, a, b, false, env);
}

fp_bits fp_maxnum(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return minmaxnum(f, a, b, true, env);
}
