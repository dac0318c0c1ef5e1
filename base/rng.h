/* SPDX-License-Identifier: MIT */
/*
 * A small seeded generator of pseudo-random numbers, for tests, fuzzing and -seed: the same seed
 * gives the same numbers on every host. Not for cryptography.
 * The generator is xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2018), seeded by splitmix64.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
uint32_t rng_u32(struct rng *r);

/* A number in [0, n), each equally likely; n is not 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

void rng_bytes(struct rng *r, void *p, size_t n);

#endif
