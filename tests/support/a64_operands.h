/* SPDX-License-Identifier: MIT */
/* Values that registers of test cases hold: random ones, and those on which instructions turn. */
#ifndef TESTS_SUPPORT_A64_OPERANDS_H
#define TESTS_SUPPORT_A64_OPERANDS_H

#include "tests/support/a64_case.h"

/* True once in n. */
static inline bool a64_once_in(struct rng *r, unsigned n)
{
    return rng_below(r, n) == 0;
}

uint64_t a64_integer(struct rng *r);

/*
 * IEEE bits with elements of 1 << esz bytes (1 to 3). centre is an exponent: finite values often
 * lie around it, so that operands interact.
 */
uint64_t a64_float(struct rng *r, unsigned esz, int centre);

/* A vector of elements of 1 << esz bytes (0 to 3). */
struct a64_v a64_vector(struct rng *r, unsigned esz, int centre);

/* FPCR: often 0; else any rounding mode, DN, FZ, FZ16, AHP, AH with FIZ and NEP. */
uint64_t a64_fpcr(struct rng *r);

/* Fills all but pc and pstate's mode; elements of vectors have 1 << esz bytes. */
void a64_fill_state(struct rng *r, struct a64_state *s, unsigned esz);

void a64_fill_pattern(struct rng *r, uint8_t *p, size_t bytes);

#endif
