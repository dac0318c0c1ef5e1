/* SPDX-License-Identifier: MIT */
/* The state of x87, MMX and SSE before and behind cases: see x86_case.h. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "tests/support/x86_case.h"

/* ---- random */

/* Floating-point numbers at which something changes; and numbers near one, of which sums round. */
static uint32_t single(struct rng *rng)
{
    static const uint32_t values[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 1,
                                      0x807fffff, 0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000,
                                      0x7fc00000, 0xffc12345, 0x7f800001, 0xffa00000, 0x4effffff,
                                      0x4f000000, 0xcf000000, 0x5f000000, 0x40490fdb, 0x3f000000};
    switch (rng_below(rng, 4)) {
    case 0:
        return values[rng_below(rng, array_len(values))];
    case 1:
        return (rng_u32(rng) & 0x80ffffff) | 0x3f000000;
    default:
        return rng_u32(rng);
    }
}

static uint64_t twice(struct rng *rng)
{
    static const uint64_t values[] = {0,
                                      UINT64_C(1) << 63,
                                      UINT64_C(0x3ff0000000000000),
                                      UINT64_C(0xbff0000000000000),
                                      1,
                                      UINT64_C(0x800fffffffffffff),
                                      UINT64_C(0x0010000000000000),
                                      UINT64_C(0x7fefffffffffffff),
                                      UINT64_C(0x7ff0000000000000),
                                      UINT64_C(0xfff0000000000000),
                                      UINT64_C(0x7ff8000000000000),
                                      UINT64_C(0xfff8123456789abc),
                                      UINT64_C(0x7ff0000000000001),
                                      UINT64_C(0xfff4000000000000),
                                      UINT64_C(0x41dfffffffc00000),
                                      UINT64_C(0x41e0000000000000),
                                      UINT64_C(0xc1e0000000200000),
                                      UINT64_C(0x43e0000000000000),
                                      UINT64_C(0x3810000000000000),
                                      UINT64_C(0x47efffffe0000000),
                                      UINT64_C(0x36a0000000000000)};
    switch (rng_below(rng, 4)) {
    case 0:
        return values[rng_below(rng, array_len(values))];
    case 1:
        return (rng_u64(rng) & UINT64_C(0x801fffffffffffff)) | UINT64_C(0x3fe0000000000000);
    default:
        return rng_u64(rng);
    }
}

static void vector(struct rng *rng, uint8_t *p)
{
    const unsigned kind = rng_below(rng, 3);
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t v = kind == 0   ? single(rng) | (uint64_t)single(rng) << 32
                           : kind == 1 ? twice(rng)
                                       : rng_u64(rng);
        store_le64(p + 8 * k, v);
    }
}

/* A number of 80 bits: of any kind, near 1, an integer. */
static void extended(struct rng *rng, uint8_t *p)
{
    static const uint16_t exponents[] = {0, 0, 1, 0x7ffe, 0x7fff, 0x7fff, 0x3fff, 0x3ffe};
    static const uint64_t significands[] = {0,
                                            UINT64_C(1) << 63,
                                            UINT64_C(3) << 62,
                                            UINT64_C(0xa000000000000000),
                                            UINT64_MAX,
                                            1,
                                            UINT64_C(0x7fffffffffffffff),
                                            UINT64_C(0xfffffffffffff800),
                                            UINT64_C(0xffffff8000000000)};
    uint64_t m = rng_u64(rng) | UINT64_C(1) << 63;
    uint16_t e = (uint16_t)rng_u32(rng);
    switch (rng_below(rng, 4)) {
    case 0:
        e = (uint16_t)(exponents[rng_below(rng, array_len(exponents))] | (e & 0x8000));
        m = significands[rng_below(rng, array_len(significands))];
        break;
    case 1:
        e = (uint16_t)((e & 0x8000) | (0x3fff + rng_below(rng, 70)));
        m &= rng_below(rng, 2) ? UINT64_MAX : ~UINT64_C(0) << rng_below(rng, 64);
        break;
    default:
        e = (uint16_t)((e & 0x8000) | (0x3ff0 + rng_below(rng, 32)));
        break;
    }
    store_le64(p, m);
    store_le16(p + 8, e);
}

/* Most registers are in use; flags are set of exceptions that are masked. */
static void x87(struct rng *rng, uint8_t *fx)
{
    uint16_t control = (uint16_t)(0x7f | (rng_below(rng, 2) ? rng_u32(rng) & 0xc00 : 0));
    control |= rng_below(rng, 3) ? 0x300 : rng_below(rng, 2) ? 0x200 : 0;
    control ^= rng_below(rng, 6) ? 0 : rng_u32(rng) & 0x3f;
    const unsigned some = rng_below(rng, 3) ? rng_u32(rng) : 0x3f; /* nothing new */
    const unsigned flags = rng_below(rng, 3) ? some & control & 0x3f : 0;
    store_le16(fx, control);
    store_le16(fx + 2, (uint16_t)(rng_below(rng, 8) << 11 | (rng_u32(rng) & 0x4700) | flags));
    fx[4] = (uint8_t)(rng_u32(rng) | rng_u32(rng));
    for (unsigned k = 0; k < 8; k++) {
        extended(rng, fx + X86_FX_ST + 16 * k);
    }
}

/* ST(n) between 2^(from - 0x3fff) and 2^(to - 0x3fff), unless it is something special. */
void x86_case_st(struct rng *rng, uint8_t *fx, unsigned n, const unsigned from_to[2])
{
    uint8_t *p = fx + X86_FX_ST + 16 * n;
    const unsigned e = load_le16(p + 8) & 0x7fff;
    const uint64_t m = load_le64(p);
    if (m == 0 || e == 0x7fff || !(m >> 63)) {
        return;
    }
    store_le16(p + 8, (uint16_t)((load_le16(p + 8) & 0x8000) |
                                 (from_to[0] + rng_below(rng, from_to[1] - from_to[0]))));
}

void x86_case_fx(struct rng *rng, uint8_t *fx)
{
    uint32_t mxcsr = 0x1f80 | (rng_u32(rng) & 0x6000);
    mxcsr |= rng_below(rng, 2) ? 0 : rng_u32(rng) & 0x3f;
    mxcsr |= rng_below(rng, 3) ? 0 : rng_u32(rng) & 0x8040;
    mxcsr ^= rng_below(rng, 6) ? 0 : rng_u32(rng) & 0x1f80;
    const bool upper = rng_below(rng, 3); /* else the upper halves are 0 */
    memset(fx, 0, X86_FX_BYTES);
    x87(rng, fx);
    store_le32(fx + X86_FX_MXCSR, mxcsr);
    store_le32(fx + X86_FX_MXCSR + 4, 0xffff);
    for (unsigned k = 0; k < 16; k++) {
        vector(rng, fx + X86_FX_XMM + 16 * k);
        if (upper) {
            vector(rng, fx + X86_FX_YMM + 16 * k);
        }
    }
    fx[X86_FX_HEADER] = upper ? 7 : 3;
}

/* ---- comparing */

/* Floats that are equal, or as near as RCPPS and RSQRTPS must be to the same number. */
static bool are_near(const uint8_t *x, const uint8_t *y)
{
    float a, b;
    for (unsigned k = 0; k < 4; k++) {
        memcpy(&a, x + 4 * k, 4);
        memcpy(&b, y + 4 * k, 4);
        if (memcmp(x + 4 * k, y + 4 * k, 4) != 0 &&
            !(fabsf(a - b) <= fabsf(b) * (2 * 1.5f / 4096))) {
            return false;
        }
    }
    return true;
}

static bool same_xmm(const uint8_t *x, const uint8_t *y, bool estimate)
{
    return memcmp(x, y, 16) == 0 || (estimate && are_near(x, y));
}

/*
 * SDM, volume 1, 8.3.8: Intel's CPUs reduce angles by a pi of 66 bits, which is what we do; others
 * by more of them, and then a quarter turn is another one by 2^-68.7. Angles here are below 16,
 * which is 10 quarters; a tangent t goes by 1 + t^2 as much.
 */
static bool are_near_angles(const uint8_t *x, const uint8_t *y)
{
    long double a = 0, b = 0;
    memcpy(&a, x, 10);
    memcpy(&b, y, 10);
    return fabsl(a - b) <= 0x1p-65L * (1 + b * b);
}

/* The same, or so near as functions of less than one unit of error must be; of two, both. */
static bool same_st(const uint8_t *x, const uint8_t *y, unsigned estimate)
{
    const u128 a = (u128)load_le16(x + 8) << 63 | load_le64(x) << 1 >> 1;
    const u128 b = (u128)load_le16(y + 8) << 63 | load_le64(y) << 1 >> 1;
    return memcmp(x, y, 10) == 0 || (estimate && a - b + 2 <= 4) ||
           (estimate == X86_ANGLE && are_near_angles(x, y));
}

/* With an overflow or underflow that is not masked PE says whether the result was exact before it
 * went out of range, which is not modelled. */
static bool same_mxcsr(uint32_t x, uint32_t y)
{
    const uint32_t trapped = x & ~(x >> 7) & 0x18;
    return ((x ^ y) & ~(trapped ? UINT32_C(0x20) : 0)) == 0;
}

/* Control, status, tags; MXCSR. */
static bool same_words(const uint8_t *x, const uint8_t *y, struct x86_fx_how how)
{
    const uint16_t status = load_le16(x + 2) ^ load_le16(y + 2);
    return memcmp(x, y, 2) == 0 && !(status & ~how.codes) && (how.faulted || x[4] == y[4]) &&
           same_mxcsr(load_le32(x + X86_FX_MXCSR), load_le32(y + X86_FX_MXCSR));
}

/* Register k of the eight, not of the stack. */
static const uint8_t *physical(const uint8_t *fx, unsigned k)
{
    return fx + X86_FX_ST + 16 * ((k - (load_le16(fx + 2) >> 11)) & 7);
}

bool x86_fx_same(const uint8_t *x, const uint8_t *y, struct x86_fx_how how)
{
    how.codes |= how.faulted ? 0x3800 : 0; /* TOP */
    bool same = same_words(x, y, how);
    for (unsigned k = 0; k < 8; k++) {
        same &= same_st(physical(x, k), physical(y, k), how.estimate);
    }
    for (unsigned k = 0; k < 16; k++) {
        same &= same_xmm(x + X86_FX_XMM + 16 * k, y + X86_FX_XMM + 16 * k, how.estimate);
        same &= same_xmm(x + X86_FX_YMM + 16 * k, y + X86_FX_YMM + 16 * k, how.estimate);
    }
    return same;
}

void x86_fx_print(const uint8_t *x, const uint8_t *y, struct strbuf *out)
{
    if (!y || !same_words(x, y, (struct x86_fx_how){0})) {
        strbuf_printf(out, " fcw=%x fsw=%x ftw=%x mxcsr=%x", load_le16(x), load_le16(x + 2), x[4],
                      load_le32(x + X86_FX_MXCSR));
    }
    for (unsigned k = 0; k < 8; k++) {
        const uint8_t *p = x + X86_FX_ST + 16 * k;
        if (!y || memcmp(p, y + (p - x), 10) != 0) {
            strbuf_printf(out, " st%u=%04x:%016llx", k, load_le16(p + 8),
                          (unsigned long long)load_le64(p));
        }
    }
    for (unsigned k = 0; k < 32; k++) {
        const uint8_t *p = x + (k < 16 ? X86_FX_XMM : X86_FX_YMM - 256) + 16 * k;
        if (!y || memcmp(p, y + (p - x), 16) != 0) {
            strbuf_printf(out, " %s%u=%016llx:%016llx", k < 16 ? "xmm" : "ymm-high", k % 16,
                          (unsigned long long)load_le64(p + 8), (unsigned long long)load_le64(p));
        }
    }
}
