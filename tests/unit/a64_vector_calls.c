/* SPDX-License-Identifier: MIT */
/*
 * Run-time functions of A64's vector instructions (cpu/arm/fp_calls.h, simd_calls.h): SM3 and SM4
 * on the examples of GB/T 32905 and 32907, lanes and cumulative flags of the floating-point ones.
 */
#include "base/bits.h"
#include "base/rng.h"
#include "base/softfloat.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/fp_calls.h"
#include "cpu/arm/simd_calls.h"
#include "tests/test.h"

#define LANES(esz, count, option) ((esz) | (count) << 2 | (option) << 8)

typedef void vector_function(struct vcpu *, union ir_vec *, const union ir_vec *,
                             const union ir_vec *, const union ir_vec *, uint32_t);

/* A vCPU and what lies before one. */
struct machine {
    struct tcg_env env;
    struct arm_cpu cpu;
};

static union ir_vec call(const struct ir_call *row, struct arm_cpu *cpu,
                         const union ir_vec *const x[3], uint32_t aux)
{
    union ir_vec d = {.u64 = {0, 0}};

    ((vector_function *)row->fn)(&cpu->vcpu, &d, x[0], x[1], x[2], aux);
    return d;
}

/* Of a pure function, which looks at nothing of the vCPU. */
static union ir_vec pure(const struct ir_call *row, const union ir_vec *a, const union ir_vec *b,
                         const union ir_vec *c, uint32_t aux)
{
    struct machine m = {.cpu.fpcr = 0};
    return call(row, &m.cpu, (const union ir_vec *const[]){a, b, c}, aux);
}

static uint32_t rol(uint32_t x, unsigned n)
{
    n &= 31;
    return n ? x << n | x >> (32 - n) : x;
}

/* ---- SM3 */

static union ir_vec words(const uint32_t *w)
{
    return (union ir_vec){.u32 = {w[0], w[1], w[2], w[3]}};
}

static uint32_t p1(uint32_t x)
{
    return x ^ rol(x, 15) ^ rol(x, 23);
}

static uint32_t expanded(const uint32_t *w, unsigned j)
{
    return p1(w[j - 16] ^ w[j - 9] ^ rol(w[j - 3], 15)) ^ rol(w[j - 13], 7) ^ w[j - 6];
}

TEST(sm3partw_expands_four_words_of_the_message)
{
    struct rng r;
    rng_seed(&r, 3);
    for (unsigned n = 0; n < 100; n++) {
        uint32_t w[20];
        for (unsigned i = 0; i < 16; i++) {
            w[i] = rng_u32(&r);
        }
        for (unsigned i = 16; i < 20; i++) {
            w[i] = expanded(w, i);
        }
        const union ir_vec w0 = words(w), w7 = words(w + 7);
        const union ir_vec w13 = {.u32 = {w[13], w[13], w[14], w[15]}};
        const union ir_vec w10 = words(w + 10), w3 = words(w + 3);
        const union ir_vec part = pure(&simd_call_sm3partw1, &w0, &w7, &w13, 0);
        const union ir_vec got = pure(&simd_call_sm3partw2, &part, &w10, &w3, 0);
        CHECK(memcmp(got.u32, w + 16, 16) == 0);
    }
}

/* One of 64 rounds on A in word 3 to D in word 0, and E to H. */
static void sm3_round(union ir_vec *abcd, union ir_vec *efgh, const uint32_t *w, unsigned j)
{
    const uint32_t t = rol(j < 16 ? 0x79cc4519 : 0x7a879d8a, j);
    const union ir_vec ss1 = {.u32 = {[3] = rol(rol(abcd->u32[3], 12) + efgh->u32[3] + t, 7)}};
    const unsigned i = j % 4;
    union ir_vec w1 = {.u64 = {0, 0}}, w2 = {.u64 = {0, 0}};

    w1.u32[i] = w[j] ^ w[j + 4];
    w2.u32[i] = w[j];
    *abcd = pure(j < 16 ? &simd_call_sm3tt1a : &simd_call_sm3tt1b, abcd, &ss1, &w1, i);
    *efgh = pure(j < 16 ? &simd_call_sm3tt2a : &simd_call_sm3tt2b, efgh, &ss1, &w2, i);
}

TEST(sm3tt_hashes_the_standards_example)
{
    static const uint32_t start[8] = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                                      0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
    static const uint32_t expected[8] = {0x66c7f0f4, 0x62eeedd9, 0xd1f2d46b, 0xdc10e4e2,
                                         0x4167c487, 0x5cf2f7a2, 0x297da02b, 0x8f4ba8e0};
    uint32_t w[68] = {0x61626380, [15] = 24}; /* "abc", padded */
    union ir_vec abcd, efgh;

    for (unsigned j = 16; j < 68; j++) {
        w[j] = expanded(w, j);
    }
    for (unsigned i = 0; i < 4; i++) {
        abcd.u32[3 - i] = start[i];
        efgh.u32[3 - i] = start[4 + i];
    }
    for (unsigned j = 0; j < 64; j++) {
        sm3_round(&abcd, &efgh, w, j);
    }
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(abcd.u32[3 - i] ^ start[i], expected[i]);
        CHECK_EQ(efgh.u32[3 - i] ^ start[4 + i], expected[4 + i]);
    }
}

/* ---- SM4 */

TEST(sm4_enciphers_the_standards_example)
{
    const union ir_vec text = {.u32 = {0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210}};
    static const uint32_t fk[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};
    union ir_vec key, state = text;

    for (unsigned i = 0; i < 4; i++) {
        key.u32[i] = text.u32[i] ^ fk[i];
    }
    for (unsigned round = 0; round < 32; round += 4) {
        union ir_vec ck;
        for (unsigned i = 0; i < 16; i++) {
            const uint32_t byte = (4 * round + i) * 7 & 255;
            ck.u32[i / 4] = i % 4 ? ck.u32[i / 4] << 8 | byte : byte;
        }
        key = pure(&simd_call_sm4ekey, &key, &ck, &ck, 0);
        state = pure(&simd_call_sm4e, &state, &key, &key, 0);
    }
    /* The last four words, in reverse, are the cipher. */
    CHECK_EQ(state.u32[3], 0x681edf34);
    CHECK_EQ(state.u32[2], 0xd206965e);
    CHECK_EQ(state.u32[1], 0x86b3e94f);
    CHECK_EQ(state.u32[0], 0x536e4246);
}

/* ---- floating point */

TEST(estimate_of_zero_is_infinity_and_a_division_by_zero)
{
    struct machine m = {.cpu.fpcr = 0};
    const union ir_vec n = {.u32 = {0x40000000, 0x80000000, 0x3f800000, 0}};
    const union ir_vec got = call(&fp_call_recpe, &m.cpu,
                                  (const union ir_vec *const[]){&n, NULL, NULL}, LANES(2, 2, 0));

    CHECK_EQ(got.u32[0], 0x3eff8000); /* about a half */
    CHECK_EQ(got.u32[1], 0xff800000);
    CHECK_EQ(got.u64[1], 0); /* lanes that take no part */
    CHECK_EQ(vcpu_env(&m.cpu.vcpu)->fp_flags, FP_DIVZERO);
}

TEST(flags_accumulate)
{
    struct machine m = {.cpu.fpcr = 0};
    const union ir_vec n = {.u32 = {0x7f800001, 0, 0, 0}};

    vcpu_env(&m.cpu.vcpu)->fp_flags = FP_INEXACT;
    call(&fp_call_rsqrte, &m.cpu, (const union ir_vec *const[]){&n, NULL, NULL}, LANES(2, 1, 0));
    CHECK_EQ(vcpu_env(&m.cpu.vcpu)->fp_flags, (uint32_t)(FP_INEXACT | FP_INVALID));
}

TEST(step_of_infinity_and_zero_is_two)
{
    struct machine m = {.cpu.fpcr = 0};
    const union ir_vec n = {.u64 = {UINT64_C(0x7ff0000000000000), UINT64_C(0x3ff0000000000000)}};
    const union ir_vec x = {.u64 = {0, UINT64_C(0x3ff0000000000000)}};
    const union ir_vec got = call(&fp_call_recps, &m.cpu,
                                  (const union ir_vec *const[]){&n, &x, NULL}, LANES(3, 2, 0));

    CHECK_EQ(got.u64[0], UINT64_C(0x4000000000000000));
    CHECK_EQ(got.u64[1], UINT64_C(0x3ff0000000000000));
    CHECK_EQ(vcpu_env(&m.cpu.vcpu)->fp_flags, 0);
}

TEST(sized_rounding_out_of_range_gives_the_least_integer)
{
    struct machine m = {.cpu.fpcr = 0};
    const union ir_vec n = {.u64 = {UINT64_C(0x41e0000000000000), UINT64_C(0x3ff8000000000000)}};
    const union ir_vec got = call(&fp_call_rint_range, &m.cpu,
                                  (const union ir_vec *const[]){&n, NULL, NULL}, LANES(3, 2, 2));

    CHECK_EQ(got.u64[0], UINT64_C(0xc1e0000000000000)); /* -2^31 */
    CHECK_EQ(got.u64[1], UINT64_C(0x4000000000000000)); /* 1.5, to nearest */
    CHECK_EQ(vcpu_env(&m.cpu.vcpu)->fp_flags, (uint32_t)(FP_INVALID | FP_INEXACT));
}

TEST(odd_rounding_narrows_without_a_tie)
{
    struct machine m = {.cpu.fpcr = 0};
    /* 1 + 2^-24 + 2^-52: the last bit of the single becomes 1 */
    const union ir_vec n = {.u64 = {UINT64_C(0x3ff0000010000001), 0}};
    const union ir_vec got = call(&fp_call_cvtxn, &m.cpu,
                                  (const union ir_vec *const[]){&n, NULL, NULL}, LANES(3, 1, 0));

    CHECK_EQ(got.u32[0], 0x3f800001);
    CHECK_EQ(vcpu_env(&m.cpu.vcpu)->fp_flags, FP_INEXACT);
}

TEST(long_products_of_halves_take_the_half_and_the_sign_they_are_told)
{
    struct machine m = {.cpu.fpcr = 0};
    const union ir_vec sum = {.u32 = {0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000}};
    const union ir_vec n = {.u16 = {0, 0, 0x4000, 0x4200, 0, 0, 0, 0}}; /* 2, 3 */
    const union ir_vec *const x[3] = {&sum, &n, &n};

    const union ir_vec added = call(&fp_call_fmlal, &m.cpu, x, LANES(2, 2, 1));
    CHECK_EQ(added.u32[0], 0x40a00000); /* 1 + 4 */
    CHECK_EQ(added.u32[1], 0x41200000); /* 1 + 9 */
    CHECK_EQ(added.u64[1], 0);
    const union ir_vec subtracted = call(&fp_call_fmlal, &m.cpu, x, LANES(2, 2, 3));
    CHECK_EQ(subtracted.u32[0], 0xc0400000);
    CHECK_EQ(subtracted.u32[1], 0xc1000000);
}

TEST(bfloat16_dot_products)
{
    const union ir_vec sum = {.u32 = {0x3f800000, 0, 0, 0}};
    const union ir_vec n = {.u16 = {0x4000, 0x4040, 0, 0, 0, 0, 0, 0}}; /* 2, 3 */
    const union ir_vec got = pure(&fp_call_bfdot, &sum, &n, &n, LANES(2, 4, 0));

    CHECK_EQ(got.u32[0], 0x41600000); /* 1 + 4 + 9 */
    CHECK_EQ(got.u32[1], 0);
}
