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

void x86_case_fx(struct rng *rng, uint8_t *fx)
{
    uint32_t mxcsr = 0x1f80 | (rng_u32(rng) & 0x6000);
    mxcsr |= rng_below(rng, 2) ? 0 : rng_u32(rng) & 0x3f;
    mxcsr |= rng_below(rng, 3) ? 0 : rng_u32(rng) & 0x8040;
    mxcsr ^= rng_below(rng, 6) ? 0 : rng_u32(rng) & 0x1380;
    memset(fx, 0, X86_FX_BYTES);
    store_le16(fx, 0x37f);
    store_le32(fx + X86_FX_MXCSR, mxcsr);
    store_le32(fx + X86_FX_MXCSR + 4, 0xffff);
    for (unsigned k = 0; k < 8; k++) {
        store_le64(fx + X86_FX_ST + 16 * k, rng_u64(rng));
        store_le16(fx + X86_FX_ST + 16 * k + 8, (uint16_t)rng_u32(rng));
    }
    for (unsigned k = 0; k < 16; k++) {
        vector(rng, fx + X86_FX_XMM + 16 * k);
    }
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

/* Control, status, tags; MXCSR. */
static bool same_words(const uint8_t *x, const uint8_t *y, bool faulted)
{
    return memcmp(x, y, faulted ? 4 : 5) == 0 && memcmp(x + X86_FX_MXCSR, y + X86_FX_MXCSR, 4) == 0;
}

bool x86_fx_same(const uint8_t *x, const uint8_t *y, struct x86_fx_how how)
{
    bool same = same_words(x, y, how.faulted);
    for (unsigned k = 0; k < 8; k++) {
        same &= memcmp(x + X86_FX_ST + 16 * k, y + X86_FX_ST + 16 * k, 10) == 0;
    }
    for (unsigned k = 0; k < 16; k++) {
        same &= same_xmm(x + X86_FX_XMM + 16 * k, y + X86_FX_XMM + 16 * k, how.estimate);
    }
    return same;
}

void x86_fx_print(const uint8_t *x, const uint8_t *y, struct strbuf *out)
{
    if (!y || !same_words(x, y, false)) {
        strbuf_printf(out, " fcw=%x fsw=%x ftw=%x mxcsr=%x", load_le16(x), load_le16(x + 2), x[4],
                      load_le32(x + X86_FX_MXCSR));
    }
    for (unsigned k = 0; k < 8; k++) {
        const uint8_t *p = x + X86_FX_ST + 16 * k;
        if (y && memcmp(p, y + (p - x), 10) != 0) {
            strbuf_printf(out, " st%u=%04x:%016llx", k, load_le16(p + 8),
                          (unsigned long long)load_le64(p));
        }
    }
    for (unsigned k = 0; k < 16; k++) {
        const uint8_t *p = x + X86_FX_XMM + 16 * k;
        if (!y || memcmp(p, y + (p - x), 16) != 0) {
            strbuf_printf(out, " xmm%u=%016llx:%016llx", k, (unsigned long long)load_le64(p + 8),
                          (unsigned long long)load_le64(p));
        }
    }
}
