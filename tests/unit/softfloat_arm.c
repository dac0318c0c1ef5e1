/* SPDX-License-Identifier: MIT */
/*
 * Arm's rules for floating point (base/softfloat_arm.h and the Arm rows of base/softfloat.h): NaNs,
 * flushing, FPCR.AH, estimates and steps, FMULX, FJCVTZS, BFloat16. Expected values follow the
 * pseudocode of DDI 0487, shared/functions/float.
 */
#include "base/softfloat_arm.h"
#include "tests/test.h"
#include "tests/unit/softfloat_cases.h"

#include <math.h>

enum fpcr {
    FIZ = 1 << 0,
    AH = 1 << 1,
    FZ16 = 1 << 19,
    RP = 1 << 22,
    RM = 2 << 22,
    RZ = 3 << 22,
    FZ = 1 << 24,
    DN = 1 << 25,
    AHP = 1 << 26,
};

#define F16 (&fp_formats[FP_BINARY16])
#define F32 (&fp_formats[FP_BINARY32])
#define F64 (&fp_formats[FP_BINARY64])

/* An expression that uses env, under an FPCR: its value and the flags it raises. */
#define EXPECT(fpcr, expr, value, flags_)                                                          \
    do {                                                                                           \
        struct fp_env env = fp_arm_env(fpcr);                                                      \
        uint64_t expect_got = (uint64_t)(expr);                                                    \
        CHECK_MSG(expect_got == (uint64_t)(value) && env.flags == (uint32_t)(flags_),              \
                  "%s under FPCR %#x: %#" PRIx64 " flags %#x, not %#" PRIx64 " flags %#x", #expr,  \
                  (unsigned)(fpcr), expect_got, env.flags, (uint64_t)(value), (unsigned)(flags_)); \
    } while (0)

enum {
    ONE = 0x3f800000,
    TWO = 0x40000000,
    INF = 0x7f800000,
    MAX = 0x7f7fffff,
    MIN = 0x00800000,    /* the least normal number */
    DENORM = 0x00400000, /* half of it */
    QNAN1 = 0x7fc00001,
    QNAN2 = 0xffc00002,
    QNAN3 = 0x7fc00003,
    SNAN1 = 0x7f800001,
    SNAN2 = 0xff800002,
    SNAN3 = 0x7f800003,
    DEFAULT = 0x7fc00000,
};
#define NEG(x) ((x) ^ 0x80000000u)

TEST(fpcr_sets_the_environment)
{
    struct fp_env env = fp_arm_env(0);
    CHECK(env.rules == &fp_rules_arm && env.rounding == FP_RNE && env.flush_inputs == FP_KEEP);
    CHECK(!env.flush_outputs && !env.flush_half && !env.default_nan && !env.flags);
    CHECK_EQ(fp_arm_env(RP).rounding, FP_RUP);
    CHECK_EQ(fp_arm_env(RM).rounding, FP_RDN);
    CHECK_EQ(fp_arm_env(RZ).rounding, FP_RTZ);
    CHECK_EQ(fp_arm_env(FZ).flush_inputs, FP_FLUSH_FLAGGED);
    CHECK_EQ(fp_arm_env(FIZ).flush_inputs, FP_FLUSH);
    CHECK_EQ(fp_arm_env(FZ | AH).flush_inputs, FP_KEEP);
    CHECK_EQ(fp_arm_env(FZ | AH | FIZ).flush_inputs, FP_FLUSH);
    CHECK_EQ(fp_arm_env(FZ | FIZ).flush_inputs, FP_FLUSH_FLAGGED);
    CHECK(fp_arm_half(AHP) == &fp_formats[FP_BINARY16_ALT] && fp_arm_half(0) == F16);
}

TEST(nan_of_two_operands)
{
    EXPECT(0, f32_add(QNAN1, QNAN2, &env), QNAN1, 0);
    EXPECT(0, f32_add(ONE, QNAN2, &env), QNAN2, 0);
    EXPECT(0, f32_sub(ONE, QNAN2, &env), QNAN2, 0);
    EXPECT(0, f32_mul(QNAN1, SNAN2, &env), QNAN2, FP_INVALID); /* the signaling one */
    EXPECT(0, f32_div(SNAN1, SNAN2, &env), QNAN1, FP_INVALID);
    EXPECT(DN, f32_add(QNAN1, QNAN2, &env), DEFAULT, 0);
    EXPECT(DN, f32_add(SNAN2, ONE, &env), DEFAULT, FP_INVALID);
    EXPECT(AH, f32_mul(QNAN1, SNAN2, &env), QNAN1, FP_INVALID); /* always the first */
    EXPECT(AH, f32_mul(ONE, SNAN2, &env), QNAN2, FP_INVALID);
    EXPECT(AH | DN, f32_mul(ONE, QNAN1, &env), NEG(DEFAULT), 0);
    EXPECT(0, f32_sub(INF, INF, &env), DEFAULT, FP_INVALID);
    EXPECT(AH, f32_sub(INF, INF, &env), NEG(DEFAULT), FP_INVALID);
    EXPECT(0, f32_sqrt(SNAN2, &env), QNAN2, FP_INVALID);
    EXPECT(0, f32_sqrt(NEG(ONE), &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_sqrt(NEG(0), &env), NEG(0), 0);
}

TEST(nan_of_a_fused_multiply_add)
{
    /* the addend comes first, and the signaling ones before the quiet */
    EXPECT(0, f32_muladd(QNAN1, QNAN2, QNAN3, &env), QNAN3, 0);
    EXPECT(0, f32_muladd(QNAN1, QNAN2, ONE, &env), QNAN1, 0);
    EXPECT(0, f32_muladd(QNAN1, SNAN2, QNAN3, &env), QNAN2, FP_INVALID);
    EXPECT(0, f32_muladd(SNAN1, SNAN2, SNAN3, &env), QNAN3, FP_INVALID);
    EXPECT(0, f32_muladd(ONE, SNAN2, QNAN3, &env), QNAN2, FP_INVALID);
    /* with AH the first of n, m, a */
    EXPECT(AH, f32_muladd(QNAN1, SNAN2, SNAN3, &env), QNAN1, FP_INVALID);
    EXPECT(AH, f32_muladd(ONE, QNAN2, SNAN3, &env), QNAN2, FP_INVALID);
    EXPECT(AH, f32_muladd(ONE, ONE, SNAN3, &env), QNAN3, FP_INVALID);
    /* infinity times zero and a quiet NaN */
    EXPECT(0, f32_muladd(INF, 0, QNAN3, &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_muladd(NEG(0), INF, SNAN3, &env), QNAN3, FP_INVALID);
    EXPECT(AH, f32_muladd(INF, 0, QNAN3, &env), QNAN3, 0);
    EXPECT(0, f32_muladd(INF, 0, ONE, &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_muladd(INF, ONE, NEG(INF), &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_muladd(INF, ONE, INF, &env), INF, 0);
    EXPECT(0, f32_muladd(ONE, ONE, NEG(INF), &env), NEG(INF), 0);
    EXPECT(0, f32_muladd(ONE, NEG(0), 0, &env), 0, 0);
    EXPECT(RM, f32_muladd(ONE, NEG(0), 0, &env), NEG(0), 0);
    EXPECT(0, f32_muladd(ONE, NEG(0), NEG(0), &env), NEG(0), 0);
}

TEST(denormal_operands)
{
    EXPECT(0, f32_add(DENORM, DENORM, &env), MIN, 0);
    EXPECT(FZ, f32_add(DENORM, ONE, &env), ONE, FP_DENORMAL);
    EXPECT(FIZ, f32_add(DENORM, NEG(DENORM), &env), 0, 0);
    EXPECT(FIZ | FZ, f32_add(DENORM, ONE, &env), ONE, FP_DENORMAL);
    EXPECT(FIZ | AH, f32_add(DENORM, ONE, &env), ONE, 0);
    EXPECT(AH, f32_add(DENORM, DENORM, &env), MIN, FP_DENORMAL);
    EXPECT(AH | FZ, f32_add(DENORM, MIN, &env), DENORM + MIN, FP_DENORMAL);
    EXPECT(FZ, f32_add(DENORM, QNAN1, &env), QNAN1, FP_DENORMAL);
    EXPECT(AH, f32_add(DENORM, QNAN1, &env), QNAN1, 0);
    EXPECT(AH, f32_div(DENORM, 0, &env), INF, FP_DIVZERO);
    EXPECT(AH, f32_div(0, DENORM, &env), 0, FP_DENORMAL);
    EXPECT(AH, f32_muladd(DENORM, INF, NEG(INF), &env), NEG(DEFAULT), FP_INVALID);
    EXPECT(FZ, f32_compare(DENORM, 0, false, &env), FP_EQUAL, FP_DENORMAL);
    EXPECT(AH, f32_compare(DENORM, 0, false, &env), FP_GREATER, FP_DENORMAL);
    EXPECT(AH, f32_round_to_int(DENORM, FP_RUP, true, &env), ONE, FP_INEXACT);
    EXPECT(AH, f32_to_i32(DENORM, FP_RUP, &env), 1, FP_INEXACT);
    EXPECT(FZ, f32_to_i32(DENORM, FP_RUP, &env), 0, FP_DENORMAL);
    EXPECT(AH, f32_to_f64(DENORM, &env), UINT64_C(0x3800000000000000), FP_DENORMAL);
    /* half precision has its own bit, and no flag */
    EXPECT(FZ, f16_add(0x0200, 0x0200, &env), 0x0400, 0);
    EXPECT(FZ16, f16_add(0x0200, 0x0200, &env), 0, 0);
    EXPECT(AH, f16_add(0x0200, 0x0200, &env), 0x0400, 0);
    EXPECT(FZ16, f16_to_f32(0x0200, &env), 0x38000000, 0);
    EXPECT(FZ16, f32_to_f16(0x38000000, &env), 0x0200, 0);
    EXPECT(AH, f16_to_f32(0x0200, &env), 0x38000000, 0);
}

TEST(denormal_results)
{
    EXPECT(0, f32_mul(MIN, 0x3f000000, &env), DENORM, 0); /* exact: no underflow */
    EXPECT(FZ, f32_mul(NEG(MIN), 0x3f000000, &env), NEG(0), FP_UNDERFLOW);
    EXPECT(AH | FZ, f32_mul(MIN, 0x3f000000, &env), 0, FP_UNDERFLOW | FP_INEXACT);
    EXPECT(FIZ, f32_mul(MIN, 0x3f000000, &env), DENORM, 0);
    /* just below MIN, where rounding brings it back */
    EXPECT(0, f32_mul(MIN, 0x3f7fffff, &env), MIN, FP_UNDERFLOW | FP_INEXACT);
    EXPECT(AH, f32_mul(MIN + 1, 0x3f7ffffe, &env), MIN, FP_INEXACT);
    EXPECT(AH, f32_mul(MIN, 0x3f7fffff, &env), MIN, FP_UNDERFLOW | FP_INEXACT);
    EXPECT(FZ, f32_mul(MIN + 1, 0x3f7ffffe, &env), 0, FP_UNDERFLOW);
    EXPECT(AH | FZ, f32_mul(MIN + 1, 0x3f7ffffe, &env), MIN, FP_INEXACT);
    EXPECT(FZ16, f16_mul(0x0400, 0x3800, &env), 0, FP_UNDERFLOW);
    EXPECT(FZ, f64_to_f32(UINT64_C(0x3800000000000000), &env), 0, FP_UNDERFLOW);
    EXPECT(FZ, f64_to_f16(UINT64_C(0x3f00000000000000), &env), 0x0200, 0);
}

TEST(minimum_and_maximum)
{
    EXPECT(0, f32_max(0, NEG(0), &env), 0, 0);
    EXPECT(0, f32_min(0, NEG(0), &env), NEG(0), 0);
    EXPECT(0, f32_max(QNAN1, ONE, &env), QNAN1, 0);
    EXPECT(0, f32_maxnum(QNAN1, ONE, &env), ONE, 0);
    EXPECT(0, f32_minnum(NEG(ONE), QNAN1, &env), NEG(ONE), 0);
    EXPECT(0, f32_maxnum(SNAN1, ONE, &env), QNAN1, FP_INVALID);
    EXPECT(0, f32_maxnum(QNAN1, SNAN2, &env), QNAN2, FP_INVALID);
    EXPECT(0, f32_maxnum(QNAN1, QNAN2, &env), QNAN1, 0);
    EXPECT(FZ, f32_max(DENORM, NEG(ONE), &env), 0, FP_DENORMAL);
    /* AH: as SSE's MAXSS, but not for the Num variants */
    EXPECT(AH, f32_max(0, NEG(0), &env), NEG(0), 0);
    EXPECT(AH, f32_max(QNAN1, ONE, &env), ONE, FP_INVALID);
    EXPECT(AH | DN, f32_max(ONE, SNAN2, &env), SNAN2, FP_INVALID);
    EXPECT(AH | FZ, f32_max(DENORM, NEG(ONE), &env), DENORM, FP_DENORMAL);
    EXPECT(AH | FZ, f32_maxnum(DENORM, NEG(ONE), &env), 0, FP_DENORMAL | FP_UNDERFLOW | FP_INEXACT);
    EXPECT(AH, f32_maxnum(0, NEG(0), &env), 0, 0);
    EXPECT(AH, f32_maxnum(QNAN1, ONE, &env), ONE, 0);
    EXPECT(AH, f32_maxnum(QNAN1, SNAN2, &env), QNAN1, FP_INVALID);
    EXPECT(AH | FIZ, f32_min(ONE, NEG(DENORM), &env), NEG(0), 0);
}

TEST(negation_keeps_a_nan_with_ah)
{
    struct fp_env ah = fp_arm_env(AH), env = fp_arm_env(0);
    CHECK_EQ(fp_arm_neg(F32, QNAN1, &env), NEG(QNAN1));
    CHECK_EQ(fp_arm_neg(F32, QNAN1, &ah), QNAN1);
    CHECK_EQ(fp_arm_neg(F32, ONE, &ah), NEG(ONE));
    CHECK_EQ(fp_arm_abs(F32, QNAN2, &env), NEG(QNAN2));
    CHECK_EQ(fp_arm_abs(F32, QNAN2, &ah), QNAN2);
    CHECK_EQ(fp_arm_abs(F32, NEG(INF), &ah), INF);
}

TEST(half_precision_conversions)
{
    EXPECT(0, f32_to_f16(0x477ff000, &env), 0x7c00, FP_OVERFLOW | FP_INEXACT); /* 65520 */
    EXPECT(RZ, f32_to_f16(0x477ff000, &env), 0x7bff, FP_INEXACT);
    EXPECT(RZ, f32_to_f16(0x47800000, &env), 0x7bff, FP_OVERFLOW | FP_INEXACT);
    EXPECT(0, f32_to_f16alt(0x477ff000, &env), 0x7c00, FP_INEXACT); /* 65536 is a number there */
    EXPECT(0, f32_to_f16alt(0x48000000, &env), 0x7fff, FP_INVALID);
    EXPECT(0, f32_to_f16alt(NEG(INF), &env), 0xffff, FP_INVALID);
    EXPECT(0, f32_to_f16alt(NEG(QNAN1), &env), 0x8000, FP_INVALID);
    EXPECT(0, f16alt_to_f32(0x7fff, &env), 0x47ffe000, 0); /* 131008 */
    EXPECT(0, f32_to_f16(0x7fa02001, &env), 0x7f01, FP_INVALID);
    EXPECT(0, f16_to_f32(0xfd01, &env), 0xffe02000, FP_INVALID);
    EXPECT(DN, f16_to_f64(0xfe01, &env), UINT64_C(0x7ff8000000000000), 0);
    EXPECT(0, f64_to_f32(UINT64_C(0xfff00000e0000001), &env), 0xffc00007, FP_INVALID);
}

TEST(fmulx_is_two_for_infinity_times_zero)
{
    EXPECT(0, fp_mul_extended(F32, INF, NEG(0), &env), NEG(TWO), 0);
    EXPECT(0, fp_mul_extended(F16, 0, 0x7c00, &env), 0x4000, 0);
    EXPECT(0, fp_mul_extended(F64, 0, UINT64_C(0x7ff0000000000000), &env), UINT64_C(1) << 62, 0);
    EXPECT(FZ, fp_mul_extended(F32, INF, DENORM, &env), TWO, FP_DENORMAL);
    EXPECT(0, fp_mul_extended(F32, TWO, SNAN1, &env), QNAN1, FP_INVALID);
    EXPECT(0, fp_mul_extended(F32, TWO, ONE, &env), TWO, 0);
}

/* RecipEstimate and RecipSqrtEstimate as the manual gives them for 9 bits. */
static unsigned recip_9(unsigned a)
{
    a = a * 2 + 1;
    unsigned b = (1u << 19) / a;
    return (b + 1) / 2;
}

static unsigned rsqrt_9(unsigned a)
{
    if (a < 256) {
        a = a * 2 + 1;
    } else {
        a = (a >> 1) << 1;
        a = (a + 1) * 2;
    }
    unsigned b = 512;
    while (a * (b + 1) * (b + 1) < 1u << 28) {
        b++;
    }
    return (b + 1) / 2;
}

TEST(estimates_follow_the_tables)
{
    for (unsigned a = 256; a < 512; a++) {
        uint32_t fraction = (a & 255) << 15;
        uint32_t want = (recip_9(a) & 255) << 15;
        EXPECT(0, fp_arm_recpe(F32, 0x3f000000 | fraction, false, &env), 0x3f800000 | want, 0);
        EXPECT(0, fp_arm_recpe(F32, 0xc0800000 | fraction | 0x7fff, false, &env), 0xbe000000 | want,
               0);
        EXPECT(0, fp_arm_recpe(F16, 0x3800 | fraction >> 13, false, &env), 0x3c00 | want >> 13, 0);
        CHECK_EQ(fp_arm_urecpe(a << 23 | 12345), recip_9(a) << 23);
    }
    for (unsigned a = 128; a < 512; a++) {
        uint32_t fraction = a < 256 ? (a & 127) << 16 : (a & 255) << 15;
        uint32_t want = (rsqrt_9(a) & 255) << 15;
        uint32_t in = a < 256 ? 0x3e800000 : 0x3f000000; /* 1/4, 1/2 */
        EXPECT(0, fp_arm_rsqrte(F32, in | fraction, false, &env), 0x3f800000 | want, 0);
        EXPECT(0,
               fp_arm_rsqrte(F64,
                             (uint64_t)fraction << 29 | (a < 256 ? UINT64_C(0x3fd) : 0x3fe) << 52,
                             false, &env),
               (uint64_t)want << 29 | UINT64_C(0x3ff) << 52, 0);
        CHECK_EQ(fp_arm_ursqrte(a << 23 | 54321), rsqrt_9(a) << 23);
    }
    CHECK_EQ(fp_arm_urecpe(0x7fffffff), UINT32_MAX);
    CHECK_EQ(fp_arm_ursqrte(0x3fffffff), UINT32_MAX);
}

/* FEAT_RPRES: 12 bits, of the same real number as host arithmetic gives it. */
TEST(fine_estimates_are_the_rounded_reciprocals)
{
    for (unsigned a = 2048; a < 4096; a++) {
        uint32_t fraction = (a & 2047) << 12;
        unsigned want = (unsigned)floor(33554432.0 / (2 * a + 1) + 0.5);
        EXPECT(AH, fp_arm_recpe(F32, 0x3f000000 | fraction, false, &env), /* without it */
               0x3f800000 | (recip_9(a >> 3) & 255) << 15, 0);
        EXPECT(AH, fp_arm_rsqrte(F32, 0x3f000000 | fraction, false, &env),
               0x3f800000 | (rsqrt_9(a >> 3) & 255) << 15, 0);
        EXPECT(AH, fp_arm_recpe(F32, 0x3f000000 | fraction, true, &env),
               0x3f800000 | (want & 4095) << 11, 0);
        want = (unsigned)floor(262144.0 / sqrt(a | 1) + 0.5);
        EXPECT(AH, fp_arm_rsqrte(F32, 0x3f000000 | fraction, true, &env),
               0x3f800000 | (want & 4095) << 11, 0);
        want = (unsigned)floor(262144.0 / sqrt(a / 2 + 0.5) +
                               0.5); /* a 2 places lower: 1024..2047 */
        EXPECT(AH, fp_arm_rsqrte(F32, 0x3e800000 | fraction, true, &env),
               0x3f800000 | (want & 4095) << 11, 0);
    }
}

TEST(estimates_at_the_ends)
{
    EXPECT(0, fp_arm_recpe(F32, 0, false, &env), INF, FP_DIVZERO);
    EXPECT(AH, fp_arm_recpe(F32, NEG(0), false, &env), NEG(INF), 0);
    EXPECT(0, fp_arm_recpe(F32, NEG(INF), false, &env), NEG(0), 0);
    EXPECT(0, fp_arm_recpe(F32, SNAN1, false, &env), QNAN1, FP_INVALID);
    EXPECT(AH, fp_arm_recpe(F32, SNAN1, false, &env), QNAN1, 0);
    EXPECT(0, fp_arm_recpe(F32, 0x001fffff, false, &env), INF, FP_OVERFLOW | FP_INEXACT);
    EXPECT(RZ, fp_arm_recpe(F32, 0x001fffff, false, &env), MAX, FP_OVERFLOW | FP_INEXACT);
    EXPECT(0, fp_arm_recpe(F32, 0x00200000, false, &env), 0x7f7f8000, 0);
    EXPECT(FZ, fp_arm_recpe(F32, 0x00200000, false, &env), INF, FP_DIVZERO | FP_DENORMAL);
    EXPECT(AH, fp_arm_recpe(F32, 0x00200000, false, &env), INF, 0);
    EXPECT(0, fp_arm_recpe(F32, 0x7f000000, false, &env), 0x003fe000, 0); /* a denormal result */
    EXPECT(FZ, fp_arm_recpe(F32, 0xff000000, false, &env), NEG(0), FP_UNDERFLOW);
    EXPECT(FZ16, fp_arm_recpe(F16, 0x7800, false, &env), 0, FP_UNDERFLOW);
    EXPECT(0, fp_arm_rsqrte(F32, NEG(0), false, &env), NEG(INF), FP_DIVZERO);
    EXPECT(0, fp_arm_rsqrte(F32, NEG(ONE), false, &env), DEFAULT, FP_INVALID);
    EXPECT(AH, fp_arm_rsqrte(F32, NEG(ONE), false, &env), NEG(DEFAULT), 0);
    EXPECT(0, fp_arm_rsqrte(F32, INF, false, &env), 0, 0);
    EXPECT(0, fp_arm_rsqrte(F32, 1, false, &env), 0x64b48000, 0); /* 2^-149 */
    EXPECT(0, fp_arm_recpx(F32, 0x41234567, &env), 0x3e800000, 0);
    EXPECT(0, fp_arm_recpx(F32, NEG(DENORM), &env), 0xff000000, 0);
    EXPECT(FZ, fp_arm_recpx(F32, DENORM, &env), 0x7f000000, FP_DENORMAL);
    EXPECT(0, fp_arm_recpx(F32, INF, &env), 0, 0);
    EXPECT(0, fp_arm_recpx(F64, 0, &env), UINT64_C(0x7fe0000000000000), 0);
}

static unsigned biased_exp(uint64_t a)
{
    return (unsigned)(a >> 52 & 0x7ff);
}

/* Of finite numbers a step is a fused multiply-add; so it can be compared with one. */
TEST(steps_are_fused)
{
    const uint64_t minus = UINT64_C(1) << 63, two = UINT64_C(0x4000000000000000),
                   three_halves = UINT64_C(0x3ff8000000000000);
    struct rng r;
    rng_seed(&r, test_seed());
    for (unsigned i = 0; i < 200000 * test_scale(); i++) {
        uint64_t a = (uint64_t)case_operand(F64, &r), b = (uint64_t)case_partner(F64, a, &r);
        if (biased_exp(a) == 0x7ff || biased_exp(b) == 0x7ff || biased_exp(b) < 2) {
            continue; /* b can be halved */
        }
        uint64_t half = b - (UINT64_C(1) << 52);
        bool ah = i & 8;
        uint64_t fpcr = i % 4 * RP | (i & 4 ? FZ : 0) | (ah ? AH : 0);
        struct fp_env step = fp_arm_env(fpcr), fused = step;
        if (ah) { /* to nearest, flushed, silent */
            fused = (struct fp_env){
                .rules = &fp_rules_arm_ah, .flush_inputs = FP_FLUSH, .flush_outputs = true};
        }
        struct fp_env step2 = step, fused2 = fused;
        uint64_t recps = (uint64_t)fp_arm_recps(F64, a, b, &step);
        CHECK_MSG(recps == f64_muladd(a ^ minus, b, two, &fused) &&
                      step.flags == (ah ? 0 : fused.flags),
                  "FRECPS %#" PRIx64 " %#" PRIx64 " FPCR %#" PRIx64, a, b, fpcr);
        uint64_t rsqrts = (uint64_t)fp_arm_rsqrts(F64, a, b, &step2);
        CHECK_MSG(rsqrts == f64_muladd(a ^ minus, half, three_halves, &fused2) &&
                      step2.flags == (ah ? 0 : fused2.flags),
                  "FRSQRTS %#" PRIx64 " %#" PRIx64 " FPCR %#" PRIx64, a, b, fpcr);
    }
}

TEST(steps_have_their_own_special_cases)
{
    EXPECT(0, fp_arm_recps(F32, INF, 0, &env), TWO, 0);
    EXPECT(0, fp_arm_rsqrts(F32, NEG(0), INF, &env), 0x3fc00000, 0);
    EXPECT(FZ, fp_arm_recps(F32, INF, DENORM, &env), TWO, FP_DENORMAL);
    EXPECT(0, fp_arm_recps(F32, INF, ONE, &env), NEG(INF), 0);
    EXPECT(0, fp_arm_recps(F32, TWO, ONE, &env), 0, 0);
    EXPECT(RM, fp_arm_recps(F32, TWO, ONE, &env), NEG(0), 0);
    EXPECT(0, fp_arm_recps(F32, QNAN1, ONE, &env), NEG(QNAN1), 0); /* negated first */
    EXPECT(AH, fp_arm_recps(F32, QNAN1, ONE, &env), QNAN1, 0);
    EXPECT(0, fp_arm_recps(F32, QNAN1, SNAN2, &env), QNAN2, FP_INVALID);
    EXPECT(AH, fp_arm_recps(F32, ONE, SNAN2, &env), QNAN2, 0);
}

TEST(frint_to_a_range)
{
    const uint64_t least32 = UINT64_C(0xc1e0000000000000), least64 = UINT64_C(0xc3e0000000000000);
    EXPECT(0, fp_arm_rint_range(F32, 0x4f000000, 32, FP_RTZ, &env), 0xcf000000, FP_INVALID);
    EXPECT(0, fp_arm_rint_range(F32, 0xcf000000, 32, FP_RTZ, &env), 0xcf000000, 0);
    EXPECT(0, fp_arm_rint_range(F32, QNAN1, 64, FP_RTZ, &env), 0xdf000000, FP_INVALID);
    EXPECT(0, fp_arm_rint_range(F32, SNAN1, 64, FP_RTZ, &env), 0xdf000000, FP_INVALID);
    EXPECT(0, fp_arm_rint_range(F32, INF, 32, FP_RTZ, &env), 0xcf000000, FP_INVALID);
    EXPECT(0, fp_arm_rint_range(F64, UINT64_C(0x41dfffffffe00000), 32, FP_RNE, &env), least32,
           FP_INVALID); /* 2^31 - 1/2 */
    EXPECT(0, fp_arm_rint_range(F64, UINT64_C(0x41dfffffffe00000), 32, FP_RTZ, &env),
           UINT64_C(0x41dfffffffc00000), FP_INEXACT);
    EXPECT(0, fp_arm_rint_range(F64, UINT64_C(0xc1e0000000100000), 32, FP_RTZ, &env), least32,
           FP_INEXACT); /* -2^31 - 1/2 */
    EXPECT(0, fp_arm_rint_range(F64, UINT64_C(0xc1e0000000200000), 32, FP_RDN, &env), least32,
           FP_INVALID);
    EXPECT(0, fp_arm_rint_range(F64, least64, 64, FP_RNE, &env), least64, 0);
    EXPECT(0, fp_arm_rint_range(F64, least64 + 1, 64, FP_RNE, &env), least64, FP_INVALID);
    EXPECT(FZ, fp_arm_rint_range(F32, DENORM, 32, FP_RUP, &env), 0, FP_DENORMAL);
    EXPECT(0, fp_arm_rint_range(F32, NEG(DENORM), 32, FP_RUP, &env), NEG(0), FP_INEXACT);
}

TEST(fjcvtzs_is_modulo_two_to_the_32nd)
{
    struct rng r;
    rng_seed(&r, test_seed());
    for (unsigned i = 0; i < 200000 * test_scale(); i++) {
        uint64_t a = (uint64_t)case_operand(F64, &r);
        double x;
        memcpy(&x, &a, sizeof(x));
        struct fp_env env = fp_arm_env(0);
        bool exact;
        uint32_t got = fp_to_modular(a, &exact, &env);
        uint32_t want = 0;
        bool inside = x > -2147483649.0 && x < 2147483648.0;
        if (isfinite(x)) {
            want = (uint32_t)(int64_t)fmod(trunc(x), 4294967296.0);
        }
        CHECK_MSG(got == want && exact == (inside && x == trunc(x) && a != UINT64_C(1) << 63) &&
                      env.flags == (!inside         ? FP_INVALID
                                    : x != trunc(x) ? FP_INEXACT
                                                    : 0),
                  "FJCVTZS %#" PRIx64 ": %#x exact %d flags %#x", a, got, exact, env.flags);
    }
    bool exact;
    EXPECT(FZ, fp_to_modular(1, &exact, &env), 0, FP_DENORMAL);
    CHECK(!exact);
}

/* A real number as binary32, rounded to odd, denormals flushed; x is exact. */
static uint32_t odd(long double x)
{
    float f = (float)x; /* to nearest; then back towards zero if it went away from it */
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    if (fabsl((long double)f) > fabsl(x)) {
        bits--;
    }
    memcpy(&f, &bits, sizeof(f));
    if (fabsl(x) >= 0x1p128L) {
        return (bits & 0x80000000) | INF;
    }
    if (fabsl(x) < 0x1p-126L) {
        return bits & 0x80000000;
    }
    return bits | ((long double)f != x);
}

/* A normal bfloat16 number whose products and sums stay exact in the host's long double. */
static uint16_t moderate(struct rng *r)
{
    return (uint16_t)(case_pack(&fp_formats[FP_BFLOAT16], rng_u64(r) & 1,
                                122 + (unsigned)rng_below(r, 10),
                                case_fraction(&fp_formats[FP_BFLOAT16], r)));
}

static float widen(uint16_t a)
{
    uint32_t bits = (uint32_t)a << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

TEST(bfdot_rounds_to_odd_at_each_step)
{
    struct rng r;
    rng_seed(&r, test_seed());
    struct fp_env env = fp_arm_env(0);
    for (unsigned i = 0; i < 200000 * test_scale(); i++) {
        uint16_t a[2] = {moderate(&r), moderate(&r)}, b[2] = {moderate(&r), moderate(&r)};
        uint32_t addend = (uint32_t)case_pack(
            F32, rng_u64(&r) & 1, 105 + (unsigned)rng_below(&r, 40), case_fraction(F32, &r));
        float c, pair;
        memcpy(&c, &addend, sizeof(c));
        long double sum = (long double)widen(a[0]) * widen(b[0]) +
                          (long double)widen(a[1]) * widen(b[1]);
        uint32_t pair_bits = sum == 0 ? 0 : odd(sum);
        memcpy(&pair, &pair_bits, sizeof(pair));
        sum = (long double)c + pair;
        uint32_t want = sum == 0 ? 0 : odd(sum);
        CHECK_EQ(fp_arm_bfdot(addend, a, b, &env), want);
    }
}

TEST(bfloat16_special_cases)
{
    static const uint16_t one[2] = {0x3f80, 0}, tiny[2] = {0x0040, 0x0080},
                          half[2] = {0x3f80, 0x3f00};
    static const uint16_t huge[2] = {0x7f7f, 0}, inf[2] = {0x7f80, 0xff80},
                          ones[2] = {0x3f80, 0x3f80};
    static const uint16_t nan[2] = {0x7f81, 0};
    EXPECT(RP, fp_arm_bfdot(MAX, huge, huge, &env), INF, 0);     /* overflow is an infinity */
    EXPECT(0, fp_arm_bfdot(NEG(0), tiny, half, &env), 0, 0);     /* denormals in and out */
    EXPECT(0, fp_arm_bfdot(0x00000001, one, one, &env), ONE, 0); /* the addend's too */
    EXPECT(0, fp_arm_bfdot(0, inf, ones, &env), DEFAULT, 0);
    EXPECT(AH, fp_arm_bfdot(0, inf, ones, &env), NEG(DEFAULT), 0);
    EXPECT(0, fp_arm_bfdot(SNAN1, ones, ones, &env), DEFAULT, 0);
    EXPECT(0, fp_arm_bfdot(ONE, nan, ones, &env), DEFAULT, 0);
    EXPECT(0, fp_to_bfloat16(0x3f808000, &env), 0x3f80, FP_INEXACT); /* a tie */
    EXPECT(0, fp_to_bfloat16(0x3f818000, &env), 0x3f82, FP_INEXACT);
    EXPECT(RP, fp_to_bfloat16(0x3f800001, &env), 0x3f81, FP_INEXACT);
    EXPECT(AH | RP, fp_to_bfloat16(0x3f800001, &env), 0x3f80, 0);
    EXPECT(0, fp_to_bfloat16(MAX, &env), 0x7f80, FP_OVERFLOW | FP_INEXACT);
    EXPECT(0, fp_to_bfloat16(SNAN2, &env), 0xffc0, FP_INVALID);
    EXPECT(AH | DN, fp_to_bfloat16(SNAN1, &env), 0xffc0, 0);
    EXPECT(0, fp_to_bfloat16(DENORM, &env), 0x0040, 0);
    EXPECT(FZ, fp_to_bfloat16(DENORM, &env), 0, FP_DENORMAL);
    EXPECT(AH, fp_to_bfloat16(DENORM, &env), 0, 0);
    EXPECT(RP, fp_arm_bfmlal(1, 0x3f80, 0x3f80, &env), ONE + 1, FP_INEXACT);
    EXPECT(AH | RP, fp_arm_bfmlal(1, 0x3f80, 0x3f80, &env), ONE, 0);
}

TEST(bfmmla_multiplies_by_the_transpose)
{
    static const uint16_t a[8] = {0x3f80, 0x4000, 0x4040, 0x4080,  /* 1 2 3 4 */
                                  0x40a0, 0x40c0, 0x40e0, 0x4100}; /* 5 6 7 8 */
    static const uint16_t b[8] = {0x3f80, 0, 0, 0x3f80, 0, 0x3f80, 0x3f80, 0};
    uint32_t sum[4] = {0, ONE, 0, NEG(ONE)};
    struct fp_env env = fp_arm_env(0);
    fp_arm_bfmmla(sum, a, b, &env);
    CHECK_EQ(sum[0], 0x40a00000); /* 1 + 4 */
    CHECK_EQ(sum[1], 0x40c00000); /* 1 + 2 + 3 */
    CHECK_EQ(sum[2], 0x41500000); /* 5 + 8 */
    CHECK_EQ(sum[3], 0x41400000); /* -1 + 6 + 7 */
}

TEST(fmlal_widens_and_fuses)
{
    EXPECT(0, fp_arm_fmlal(0x33800000, 0x3c00, 0x3c00, &env), ONE, FP_INEXACT); /* 2^-24: a tie */
    EXPECT(0, fp_arm_fmlal(0x33800001, 0x3c00, 0x3c00, &env), ONE + 1, FP_INEXACT);
    EXPECT(0, fp_arm_fmlal(0, 0x0001, 0x0001, &env), 0x27800000, 0); /* 2^-48 */
    EXPECT(FZ16, fp_arm_fmlal(ONE, 0x0001, 0x7bff, &env), ONE, 0);
    EXPECT(0, fp_arm_fmlal(QNAN1, 0x7e01, 0x7e02, &env), QNAN1, 0);
    EXPECT(0, fp_arm_fmlal(ONE, 0x3c00, 0x7e02, &env), 0x7fc04000, 0);
    EXPECT(0, fp_arm_fmlal(QNAN1, 0x3c00, 0xfc02, &env), 0xffc04000, FP_INVALID);
    EXPECT(AH, fp_arm_fmlal(SNAN1, 0x7e01, 0x3c00, &env), 0x7fc02000, FP_INVALID);
    EXPECT(0, fp_arm_fmlal(QNAN1, 0x7c00, 0, &env), DEFAULT, FP_INVALID);
    EXPECT(AH, fp_arm_fmlal(DENORM, 0x0001, 0x3c00, &env), 0x33800000, FP_DENORMAL | FP_INEXACT);
}

TEST(remainders)
{
    EXPECT(0, f32_rem(0x40a00000, 0x40000000, &env), ONE, 0);      /* 5 rem 2 */
    EXPECT(0, f32_rem(0x40400000, 0x40000000, &env), NEG(ONE), 0); /* 3 rem 2: a tie to 2 */
    EXPECT(0, f32_rem(NEG(ONE), 0x3f800000, &env), NEG(0), 0);
    EXPECT(0, f32_rem(INF, ONE, &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_rem(ONE, 0, &env), DEFAULT, FP_INVALID);
    EXPECT(0, f32_rem(ONE, NEG(INF), &env), ONE, 0);
    EXPECT(0, f32_rem(QNAN1, 0, &env), QNAN1, 0);
}

static uint32_t ebf_dot(uint64_t fpcr, uint32_t addend, uint16_t a0, uint16_t b0, uint16_t a1,
                        uint16_t b1)
{
    const struct fp_env env = fp_arm_env(fpcr);
    return fp_arm_bfdot_ebf(addend, (const uint16_t[]){a0, a1}, (const uint16_t[]){b0, b1}, &env);
}

/* FPCR.EBF: bfloat16 3f80 is 1, bf80 is -1, 2180 is 2^-60, 0040 is denormal. */
TEST(extended_bfloat16_products_are_rounded_once_by_fpcr)
{
    CHECK_EQ(ebf_dot(0, 0, 0x3f80, 0x3f80, 0x2180, 0x3f80), 0x3f800000);
    CHECK_EQ(ebf_dot(RP, 0, 0x3f80, 0x3f80, 0x2180, 0x3f80), 0x3f800001);
    CHECK_EQ(ebf_dot(0, 0x80000000, 0x3f80, 0x3f80, 0xbf80, 0x3f80), 0);
    CHECK_EQ(ebf_dot(2 * RP, 0x80000000, 0x3f80, 0x3f80, 0xbf80, 0x3f80), 0x80000000);
    CHECK_EQ(ebf_dot(0, 0, 0x0040, 0x3f80, 0, 0), 0x00400000);
    CHECK_EQ(ebf_dot(FZ, 0, 0x0040, 0x3f80, 0, 0), 0);
    CHECK_EQ(ebf_dot(0, 0, 0x7f80, 0, 0, 0), 0x7fc00000);               /* infinity times zero */
    CHECK_EQ(ebf_dot(0, 0xffffffff, 0x3f80, 0x3f80, 0, 0), 0x7fc00000); /* a NaN: the default one */
    CHECK_EQ(ebf_dot(0, 0, 0x7f7f, 0x4000, 0xff7f, 0x4000), 0);         /* no overflow between */
}
