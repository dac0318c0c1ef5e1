/* SPDX-License-Identifier: MIT */
/* The seeded generator: see rng.h for its source. */
#include "base/rng.h"

#include <assert.h>
#include <string.h>

#include "base/bits.h"

static uint64_t rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < array_len(r->s); i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ z >> 31;
    }
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint32_t rng_u32(struct rng *r)
{
    return (uint32_t)(rng_u64(r) >> 32);
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    assert(n);
    /* The high half of a product is uniform once the few low halves that occur too often are out.
     */
    uint64_t reject = -n % n;
    u128 m;
    do {
        m = (u128)rng_u64(r) * n;
    } while ((uint64_t)m < reject);
    return (uint64_t)(m >> 64);
}

void rng_bytes(struct rng *r, void *p, size_t n)
{
    uint8_t *b = p;
    while (n) {
        uint8_t v[8];
        size_t k = n < sizeof(v) ? n : sizeof(v);
        store_le64(v, rng_u64(r));
        memcpy(b, v, k);
        b += k;
        n -= k;
    }
}
