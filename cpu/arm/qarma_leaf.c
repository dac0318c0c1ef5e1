/* SPDX-License-Identifier: MIT */
/*
 * The tweakable block cipher QARMA-64 (R. Avanzi, "The QARMA Block Cipher Family", ToSC 2017), as
 * FEAT_PACQARMA5 and FEAT_PACQARMA3 use it. A state is 16 cells of 4 bits; cell 0 is the most
 * significant.
 */
#include "cpu/arm/pauth.h"

static const uint64_t round_constants[] = {
    0,
    UINT64_C(0x13198a2e03707344),
    UINT64_C(0xa4093822299f31d0),
    UINT64_C(0x082efa98ec4e6c89),
    UINT64_C(0x452821e638d01377),
};
static const uint64_t alpha = UINT64_C(0xc0ac29b7c97c50dd);

/* The S-boxes sigma1, its own inverse, and sigma2 with its inverse. */
static const uint8_t sigma1[16] = {10, 13, 14, 6, 15, 7, 3, 5, 9, 8, 0, 12, 11, 1, 2, 4};
static const uint8_t sigma2[16] = {11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10};
static const uint8_t sigma2_inverse[16] = {5, 14, 13, 8, 10, 11, 1, 9, 2, 6, 15, 0, 4, 12, 7, 3};

/* Cell i of the result is cell p[i]. */
static const uint8_t tau[16] = {0, 11, 6, 13, 10, 1, 12, 7, 5, 14, 3, 8, 15, 4, 9, 2};
static const uint8_t tau_inverse[16] = {0, 5, 15, 10, 13, 8, 2, 7, 11, 14, 4, 1, 6, 3, 9, 12};
static const uint8_t tweak_order[16] = {6, 5, 14, 15, 0, 1, 2, 3, 7, 12, 13, 4, 8, 9, 10, 11};
static const uint8_t tweak_order_inverse[16] = {4,  5,  6,  7,  11, 1,  0, 8,
                                                12, 13, 14, 15, 9,  10, 2, 3};

static unsigned cell(uint64_t s, unsigned i)
{
    return s >> (60 - 4 * i) & 15;
}

static uint64_t permute(uint64_t s, const uint8_t *p)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        r = r << 4 | cell(s, p[i]);
    }
    return r;
}

static uint64_t substitute(uint64_t s, const uint8_t *box)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        r = r << 4 | box[cell(s, i)];
    }
    return r;
}

/* Each cell rotated left by n. */
static uint64_t rotate_cells(uint64_t s, unsigned n)
{
    const uint64_t low = UINT64_C(0x1111111111111111) * ((1u << n) - 1);
    return (s << n & ~low) | (s >> (4 - n) & low);
}

/* The columns multiplied by the circulant matrix (0, rho, rho^2, rho): its own inverse. Row i is 16
 * bits. */
static uint64_t mix(uint64_t s)
{
    const uint64_t once = rotate_cells(s, 1), twice = rotate_cells(s, 2);
    return ror64(once, 48, 64) ^ ror64(twice, 32, 64) ^ ror64(once, 16, 64);
}

static bool has_lfsr(unsigned i)
{
    return 1u << i & (1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 8 | 1u << 11 | 1u << 13);
}

static uint64_t next_tweak(uint64_t t)
{
    uint64_t r = 0;
    t = permute(t, tweak_order);
    for (unsigned i = 0; i < 16; i++) {
        const unsigned x = cell(t, i);
        r = r << 4 | (has_lfsr(i) ? x >> 1 | ((x ^ x >> 1) & 1) << 3 : x);
    }
    return r;
}

static uint64_t last_tweak(uint64_t t)
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 16; i++) {
        const unsigned x = cell(t, i);
        r = r << 4 | (has_lfsr(i) ? (x << 1 & 15) | ((x >> 3 ^ x) & 1) : x);
    }
    return permute(r, tweak_order_inverse);
}

uint64_t qarma64(uint64_t data, uint64_t tweak, const struct arm_pac_key *key, unsigned rounds)
{
    const uint64_t w0 = key->hi, k0 = key->lo;
    const uint64_t w1 = (w0 << 63 | w0 >> 1) ^ w0 >> 63;
    const uint8_t *box = rounds == 5 ? sigma2 : sigma1;
    const uint8_t *box_inverse = rounds == 5 ? sigma2_inverse : sigma1;
    uint64_t s = data ^ w0;

    for (unsigned i = 0; i < rounds; i++) {
        s ^= k0 ^ tweak ^ round_constants[i];
        if (i > 0) {
            s = mix(permute(s, tau));
        }
        s = substitute(s, box);
        tweak = next_tweak(tweak);
    }
    s = substitute(mix(permute(s ^ w1 ^ tweak, tau)), box);
    s = mix(permute(s, tau)) ^ k0;
    s = substitute(permute(s, tau_inverse), box_inverse);
    s = permute(mix(s), tau_inverse) ^ w0 ^ tweak;
    for (unsigned i = rounds; i-- > 0;) {
        s = substitute(s, box_inverse);
        if (i > 0) {
            s = permute(mix(s), tau_inverse);
        }
        tweak = last_tweak(tweak);
        s ^= k0 ^ tweak ^ round_constants[i] ^ alpha;
    }
    return s ^ w1;
}
