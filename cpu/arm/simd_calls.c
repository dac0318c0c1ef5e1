/* SPDX-License-Identifier: MIT */
/*
 * Run-time functions of vector instructions; see simd_calls.h. SM3: GB/T 32905, SM4: GB/T 32907,
 * divided into operations as DDI 0487, C7.2 does it. Word 3 of a vector is the newest of a state.
 */
#include "cpu/arm/simd_calls.h"

#include "base/softfloat_arm.h"

#define VECTOR_FUNCTION(name)                                                                      \
    static void call_##name(__attribute__((unused)) struct vcpu *v, union ir_vec *d,               \
                            const union ir_vec *a, __attribute__((unused)) const union ir_vec *b,  \
                            __attribute__((unused)) const union ir_vec *c,                         \
                            __attribute__((unused)) uint32_t aux)
#define ROW(name_)                                                                                 \
    const struct ir_call simd_call_##name_ = {.name = #name_,                                      \
                                              .fn = (void (*)(void))call_##name_,                  \
                                              .class = IR_CALL_FULL,                               \
                                              .vector = true,                                      \
                                              .pure = true};

/* ---- estimates of unsigned fixed-point numbers */

VECTOR_FUNCTION(urecpe)
{
    for (unsigned i = 0; i < 4; i++) {
        d->u32[i] = fp_arm_urecpe(a->u32[i]);
    }
}
ROW(urecpe)

VECTOR_FUNCTION(ursqrte)
{
    for (unsigned i = 0; i < 4; i++) {
        d->u32[i] = fp_arm_ursqrte(a->u32[i]);
    }
}
ROW(ursqrte)

/* ---- SM3 */

static uint32_t rol(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* P1 of the message expansion. */
static uint32_t permute1(uint32_t x)
{
    return x ^ rol(x, 15) ^ rol(x, 23);
}

VECTOR_FUNCTION(sm3partw1)
{
    union ir_vec r;

    for (unsigned i = 0; i < 4; i++) {
        const uint32_t next = i < 3 ? c->u32[i + 1] : r.u32[0];
        r.u32[i] = permute1(a->u32[i] ^ b->u32[i] ^ rol(next, 15));
    }
    *d = r;
}
ROW(sm3partw1)

VECTOR_FUNCTION(sm3partw2)
{
    union ir_vec t, r;

    for (unsigned i = 0; i < 4; i++) {
        t.u32[i] = b->u32[i] ^ rol(c->u32[i], 7);
        r.u32[i] = a->u32[i] ^ t.u32[i];
    }
    r.u32[3] ^= permute1(rol(t.u32[0], 15));
    *d = r;
}
ROW(sm3partw2)

static uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
    return x ^ y ^ z;
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | (x & z) | (y & z);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | (~x & z);
}

/* Half a round. dnm: the state, SS1 in word 3, and the message word number aux. */
struct half_round {
    unsigned turn; /* of the word that becomes the oldest but one */
    uint32_t (*f)(uint32_t, uint32_t, uint32_t);
};

static const struct half_round tt1a = {9, parity}, tt1b = {9, majority}, tt2a = {19, parity},
                               tt2b = {19, choose};

static void sm3_round(union ir_vec *d, const union ir_vec *const dnm[3], uint32_t aux,
                      const struct half_round *how)
{
    const uint32_t *s = dnm[0]->u32;
    uint32_t new = how->f(s[3], s[2], s[1]) + s[0] + dnm[2]->u32[aux];

    if (how->turn == 9) {
        new += dnm[1]->u32[3] ^ rol(s[3], 12);
    } else {
        new += dnm[1]->u32[3];
        new ^= rol(new, 9) ^ rol(new, 17);
    }
    *d = (union ir_vec){.u32 = {s[1], rol(s[2], how->turn), s[3], new}};
}

#define SM3_ROUND(name, how)                                                                       \
    VECTOR_FUNCTION(name)                                                                          \
    {                                                                                              \
        sm3_round(d, (const union ir_vec *const[]){a, b, c}, aux, &how);                           \
    }                                                                                              \
    ROW(name)
SM3_ROUND(sm3tt1a, tt1a)
SM3_ROUND(sm3tt1b, tt1b)
SM3_ROUND(sm3tt2a, tt2a)
SM3_ROUND(sm3tt2b, tt2b)
#undef SM3_ROUND

/* ---- SM4 */

static const uint8_t sm4_box[256] = {
    0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05,
    0x2b, 0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99,
    0x9c, 0x42, 0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62,
    0xe4, 0xb3, 0x1c, 0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6,
    0x47, 0x07, 0xa7, 0xfc, 0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8,
    0x68, 0x6b, 0x81, 0xb2, 0x71, 0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35,
    0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58, 0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87,
    0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27, 0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e,
    0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5, 0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1,
    0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad, 0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3,
    0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29, 0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f,
    0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a, 0x72, 0x6d, 0x6c, 0x5b, 0x51,
    0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41, 0x1f, 0x10, 0x5a, 0xd8,
    0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8, 0xe5, 0xb4, 0xb0,
    0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e, 0xc6, 0x84,
    0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39, 0x48,
};

/* Four rounds on the words of state; mix is the linear part of the round function. */
static void sm4_rounds(union ir_vec *d, const union ir_vec *state, const union ir_vec *keys,
                       uint32_t (*mix)(uint32_t))
{
    union ir_vec r = *state;

    for (unsigned i = 0; i < 4; i++) {
        const uint32_t x = r.u32[1] ^ r.u32[2] ^ r.u32[3] ^ keys->u32[i];
        uint32_t t = 0;
        for (unsigned k = 0; k < 32; k += 8) {
            t |= (uint32_t)sm4_box[x >> k & 255] << k;
        }
        const uint32_t new = r.u32[0] ^ mix(t);
        r = (union ir_vec){.u32 = {r.u32[1], r.u32[2], r.u32[3], new}};
    }
    *d = r;
}

static uint32_t mix_data(uint32_t x)
{
    return x ^ rol(x, 2) ^ rol(x, 10) ^ rol(x, 18) ^ rol(x, 24);
}

static uint32_t mix_key(uint32_t x)
{
    return x ^ rol(x, 13) ^ rol(x, 23);
}

VECTOR_FUNCTION(sm4e)
{
    sm4_rounds(d, a, b, mix_data);
}
ROW(sm4e)

VECTOR_FUNCTION(sm4ekey)
{
    sm4_rounds(d, a, b, mix_key);
}
ROW(sm4ekey)
