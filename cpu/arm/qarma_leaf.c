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

/* The linear layer of a forward round, and its inverse. */
static uint64_t diffuse(uint64_t s)
{
    return mix(permute(s, tau));
}

static uint64_t undiffuse(uint64_t s)
{
    return permute(mix(s), tau_inverse);
}

/* The next tweak: cells in another order, and some of them through a shift register of 4 bits. */
static uint64_t next_tweak(uint64_t t)
{
    static const unsigned shifted = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 4 | 1u << 8 | 1u << 11 |
                                    1u << 13;
    uint64_t r = 0;
    t = permute(t, tweak_order);
    for (unsigned i = 0; i < 16; i++) {
        const unsigned x = cell(t, i);
        r = r << 4 | (shifted >> i & 1 ? x >> 1 | ((x ^ x >> 1) & 1) << 3 : x);
    }
    return r;
}

/* Everything but the S-boxes is linear, so what becomes of a state is the sum of what becomes of
 * its cells. */
void qarma_init(struct qarma *q, unsigned rounds)
{
    q->rounds = rounds;
    q->box_inverse = rounds == 5 ? sigma2_inverse : sigma1;
    const uint8_t *box = rounds == 5 ? sigma2 : sigma1;
    for (unsigned i = 0; i < 16; i++) {
        for (uint64_t x = 0; x < 16; x++) {
            const unsigned at = 60 - 4 * i;
            q->forward[i][x] = diffuse((uint64_t)box[x] << at);
            q->backward[i][x] = undiffuse((uint64_t)q->box_inverse[x] << at);
            q->linear[i][x] = diffuse(x << at);
            q->tweak[i][x] = next_tweak(x << at);
        }
    }
}

/* What becomes of all cells. */
static uint64_t sum(const uint64_t table[16][16], uint64_t s)
{
#define CELL(i) table[i][s >> (60 - 4 * (i)) & 15]
    return (CELL(0) ^ CELL(1) ^ CELL(2) ^ CELL(3)) ^ (CELL(4) ^ CELL(5) ^ CELL(6) ^ CELL(7)) ^
           (CELL(8) ^ CELL(9) ^ CELL(10) ^ CELL(11)) ^ (CELL(12) ^ CELL(13) ^ CELL(14) ^ CELL(15));
#undef CELL
}

uint64_t qarma64(const struct qarma *q, uint64_t data, uint64_t tweak,
                 const struct arm_pac_key *key)
{
    const uint64_t w0 = key->hi, k0 = key->lo;
    const uint64_t w1 = (w0 << 63 | w0 >> 1) ^ w0 >> 63;
    uint64_t tweaks[QARMA_ROUNDS_MAX], s = data ^ w0;

    /* s is what the round's S-boxes will be applied to, together with the linear layer of the next
     * one. */
    for (unsigned i = 0; i < q->rounds; i++) {
        const uint64_t round_key = k0 ^ tweak ^ round_constants[i];
        s = i == 0 ? s ^ round_key : sum(q->forward, s) ^ sum(q->linear, round_key);
        tweaks[i] = tweak;
        tweak = sum(q->tweak, tweak);
    }
    s = sum(q->forward, s) ^ sum(q->linear, w1 ^ tweak);
    s = sum(q->forward, s) ^ k0;
    s = sum(q->backward, permute(s, tau_inverse)) ^ w0 ^ tweak;
    for (unsigned i = q->rounds; i-- > 0;) {
        s = i > 0 ? sum(q->backward, s) : substitute(s, q->box_inverse);
        s ^= k0 ^ tweaks[i] ^ round_constants[i] ^ alpha;
    }
    return s ^ w1;
}
