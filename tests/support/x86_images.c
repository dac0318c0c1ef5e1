/* SPDX-License-Identifier: MIT */
/*
 * Cases of XSAVE, XRSTOR and their like: see x86_case.h. Their images have a part of data for
 * themselves. Of the components SSE and AVX are asked for: x87's has pointers that CPUs save or
 * not, and which others there are is the host's.
 */
#include <string.h>

#include "base/bits.h"
#include "cpu/x86/cpu.h"
#include "tests/support/x86_case.h"

#define IMAGES 0xa000u
#define IMAGE_COUNT 16u
#define IMAGE_BYTES 1024u
#define COMPONENTS 6u

bool x86_case_has_image(unsigned row)
{
    static const char *const names[] = {"xsave", "xsavec", "xsaveopt", "xrstor", NULL};
    return x86_case_is(row, names);
}

/* In data; not all are aligned. */
uint32_t x86_case_image(struct rng *rng)
{
    const uint32_t at = IMAGES + IMAGE_BYTES * rng_below(rng, IMAGE_COUNT);
    return rng_below(rng, 8) ? at : at + rng_below(rng, 64);
}

bool x86_case_counts(uint32_t data_offset)
{
    const uint32_t at = data_offset - IMAGES;
    return at >= IMAGE_COUNT * IMAGE_BYTES || at % 64 / 4 != (X86_FX_MXCSR + 4) / 4;
}

/* What can be restored, for the most part. */
void x86_case_put_images(struct rng *rng, uint8_t *data)
{
    for (unsigned k = 0; k < IMAGE_COUNT; k++) {
        uint8_t *p = data + IMAGES + IMAGE_BYTES * k;
        const uint64_t there = rng_u32(rng) & 7, more = rng_u32(rng) & 7;
        const uint64_t compact = UINT64_C(1) << 63 | there | more;
        store_le32(p + X86_FX_MXCSR, 0x1f80 | (rng_u32(rng) & 0xe07f));
        memset(p + X86_FX_HEADER, 0, 64);
        store_le64(p + X86_FX_HEADER, there);
        store_le64(p + X86_FX_HEADER + 8, rng_below(rng, 2) ? compact : 0);
        const unsigned bit = rng_below(rng, 512), component = bit % 64;
        const bool all_same = bit >= 128 || component < 3 || component == 63;
        if (rng_below(rng, 6) == 0 && all_same) { /* which components there are is the CPU's */
            p[X86_FX_HEADER + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

/* EDX:EAX are the components. */
void x86_case_components(struct rng *rng, struct x86_case *c)
{
    c->r[X86_RAX] = (c->r[X86_RAX] & ~mask64(32)) | (rng_u32(rng) & COMPONENTS);
    c->r[X86_RDX] &= ~mask64(32);
}
