/* SPDX-License-Identifier: MIT */
/*
 * Operands that are hard on floating-point arithmetic, for the softfloat tests: special values,
 * runs of ones and zeros, neighbours of boundaries, and operands made so that an operation comes
 * out near a tie, cancels, overflows or underflows.
 */
#ifndef TESTS_UNIT_SOFTFLOAT_CASES_H
#define TESTS_UNIT_SOFTFLOAT_CASES_H

#include "base/rng.h"
#include "base/softfloat.h"

static inline fp_bits case_sign(const struct fp_format *f)
{
    return (fp_bits)1 << (f->width - 1);
}

static inline fp_bits case_pack(const struct fp_format *f, bool sign, unsigned exp, fp_bits frac)
{
    fp_bits one = (fp_bits)1 << f->frac_bits;
    exp &= (1u << f->exp_bits) - 1;
    frac &= one - 1;
    if (f->explicit_one) {
        frac |= exp ? one : 0;
    }
    return (sign ? case_sign(f) : 0) | (fp_bits)exp << (f->frac_bits + f->explicit_one) | frac;
}

/* The biased exponent, with the sign above it. */
static inline unsigned case_exp(const struct fp_format *f, fp_bits a)
{
    return (unsigned)(a >> (f->frac_bits + f->explicit_one));
}

static inline fp_bits case_random_bits(struct rng *r)
{
    return (fp_bits)rng_u64(r) << 64 | rng_u64(r);
}

/* A fraction: random, or with long runs, or a few bits, or next to 0 or to all ones. */
static inline fp_bits case_fraction(const struct fp_format *f, struct rng *r)
{
    fp_bits all = ((fp_bits)1 << f->frac_bits) - 1;
    fp_bits bits = case_random_bits(r);
    unsigned n = (unsigned)rng_below(r, f->frac_bits + 1u);
    switch (rng_below(r, 8)) {
    case 0:
        return all >> n;
    case 1:
        return all << n & all;
    case 2:
        return ((fp_bits)1 << n) & all;
    case 3:
        return (rng_below(r, 5) - 2) & all;
    case 4:
        return bits << n & all; /* short */
    case 5:
        return (((fp_bits)1 << n) - rng_below(r, 3) + 1) & all;
    default:
        return bits & all;
    }
}

/* A biased exponent: any, or near one, or near an end of the range. */
static inline unsigned case_exponent(const struct fp_format *f, struct rng *r)
{
    unsigned ones = (1u << f->exp_bits) - 1;
    unsigned near = (unsigned)rng_below(r, 6);
    switch (rng_below(r, 8)) {
    case 0:
        return near;
    case 1:
        return (ones - near) & ones;
    case 2:
    case 3:
    case 4:
        return ((unsigned)f->bias + (unsigned)rng_below(r, 2 * f->frac_bits + 5u) - f->frac_bits) &
               ones;
    default:
        return (unsigned)rng_below(r, ones + 1u);
    }
}

static inline fp_bits case_operand(const struct fp_format *f, struct rng *r)
{
    bool sign = rng_u64(r) & 1;
    unsigned ones = (1u << f->exp_bits) - 1;
    fp_bits quiet = (fp_bits)1 << (f->frac_bits - 1);
    switch (rng_below(r, 64)) {
    case 0:
        return case_pack(f, sign, 0, 0);
    case 1:
        return case_pack(f, sign, ones, 0);
    case 2:
        return case_pack(f, sign, ones, quiet | case_random_bits(r));
    case 3: {
        fp_bits payload = case_random_bits(r) & (quiet - 1);
        return case_pack(f, sign, ones, payload ? payload : 1);
    }
    case 4:
        return case_pack(f, sign, (unsigned)f->bias, rng_below(r, 4));
    case 5:
        return case_random_bits(r) & (case_sign(f) | (case_sign(f) - 1));
    default:
        return case_pack(f, sign, case_exponent(f, r), case_fraction(f, r));
    }
}

/* A few units in the last place away from a; wraps from the denormals through zero. */
static inline fp_bits case_nearby(const struct fp_format *f, fp_bits a, struct rng *r)
{
    fp_bits all = case_sign(f) | (case_sign(f) - 1);
    return (a + rng_below(r, 5) - 2) & all;
}

/* A second operand for a two-operand operation with a. */
static inline fp_bits case_partner(const struct fp_format *f, fp_bits a, struct rng *r)
{
    unsigned exp = case_exp(f, a);
    bool sign = rng_u64(r) & 1;
    switch (rng_below(r, 8)) {
    case 0: /* cancels */
        return case_nearby(f, a ^ case_sign(f), r);
    case 1: /* just reaches the other's last bits */
        exp -= (unsigned)rng_below(r, f->frac_bits + 5u);
        return case_pack(f, sign, exp, case_fraction(f, r));
    case 2: /* the product is next to the smallest or the greatest number */
        exp = (rng_u64(r) & 1 ? 3u : 1u) * (unsigned)f->bias - exp + (unsigned)rng_below(r, 5) - 2;
        return case_pack(f, sign, exp, case_fraction(f, r));
    case 3: /* so is the quotient */
        exp += (rng_u64(r) & 1 ? 1u : -1u) * (unsigned)f->bias + (unsigned)rng_below(r, 5) - 2;
        return case_pack(f, sign, exp, case_fraction(f, r));
    case 4: /* the product underflows by some bits */
        exp = (unsigned)f->bias - exp - (unsigned)rng_below(r, f->frac_bits + 4u);
        return case_pack(f, sign, exp, case_fraction(f, r));
    default:
        return case_operand(f, r);
    }
}

/* An addend for a*b: often near -a*b, or at the edge of its bits. */
static inline fp_bits case_addend(const struct fp_format *f, fp_bits a, fp_bits b, struct rng *r)
{
    struct fp_env env = {.rules = &fp_rules_arm};
    fp_bits product = fp_mul(f, a, b, &env);
    unsigned exp = case_exp(f, product);
    switch (rng_below(r, 6)) {
    case 0:
        return case_nearby(f, product ^ case_sign(f), r);
    case 1:
        exp += (unsigned)rng_below(r, 2 * f->frac_bits + 8u) - f->frac_bits - 4u;
        return case_pack(f, rng_u64(r) & 1, exp, case_fraction(f, r));
    case 2:
        return case_partner(f, product, r);
    default:
        return case_operand(f, r);
    }
}

/* Operands whose quotient or root is next to a number or to a tie between two. */
static inline fp_bits case_multiple(const struct fp_format *f, fp_bits b, struct rng *r)
{
    struct fp_env env = {.rules = &fp_rules_arm};
    return case_nearby(
        f,
        fp_mul(f, case_pack(f, rng_u64(r) & 1, case_exponent(f, r), case_fraction(f, r)), b, &env),
        r);
}

static inline fp_bits case_square(const struct fp_format *f, struct rng *r)
{
    struct fp_env env = {.rules = &fp_rules_arm};
    fp_bits root = case_pack(f, false, case_exponent(f, r), case_fraction(f, r));
    return case_nearby(f, fp_mul(f, root, root, &env), r);
}

#endif
