/* SPDX-License-Identifier: MIT */
/* Pictures in memory, and pixels as guests have them: see base/surface.h. */
#include "base/surface.h"

#include "base/bits.h"
#include "base/mem.h"

struct surface *surface_create(unsigned width, unsigned height)
{
    if (!width || !height || width > SURFACE_MOST || height > SURFACE_MOST) {
        return NULL;
    }
    uint32_t *pixels = mem_try_array((size_t)width * height, sizeof(*pixels));
    if (!pixels) {
        return NULL;
    }
    struct surface *s = mem_alloc(sizeof(*s));
    *s = (struct surface){width, height, width, pixels};
    return s;
}

void surface_free(struct surface *s)
{
    if (s) {
        mem_free(s->pixels);
        mem_free(s);
    }
}

/* The highest bits again below the lowest: all ones stay all ones. */
static uint32_t widen(unsigned v, unsigned bits)
{
    return v << (8 - bits) | v >> (2 * bits - 8);
}

static uint32_t from_555(unsigned v)
{
    return widen(v >> 10 & 31, 5) << 16 | widen(v >> 5 & 31, 5) << 8 | widen(v & 31, 5);
}

static uint32_t from_565(unsigned v)
{
    return widen(v >> 11, 5) << 16 | widen(v >> 5 & 63, 6) << 8 | widen(v & 31, 5);
}

unsigned surface_pixel_bytes(enum surface_format f)
{
    static const uint8_t bytes[] = {
        [SURFACE_X1R5G5B5] = 2, [SURFACE_R5G6B5] = 2, [SURFACE_R8G8B8] = 3, [SURFACE_X8R8G8B8] = 4};
    return bytes[f];
}

static uint32_t pixel_of(enum surface_format f, const uint8_t *bytes)
{
    switch (f) {
    case SURFACE_X1R5G5B5:
        return from_555(load_le16(bytes));
    case SURFACE_R5G6B5:
        return from_565(load_le16(bytes));
    case SURFACE_R8G8B8:
        return load_le16(bytes) | (uint32_t)bytes[2] << 16;
    default:
        return load_le32(bytes) & 0xffffff;
    }
}

bool surface_put(struct surface *s, unsigned y, enum surface_format f, const uint8_t *bytes)
{
    uint32_t *out = s->pixels + (size_t)y * s->stride, differs = 0;
    const unsigned each = surface_pixel_bytes(f);
    for (unsigned x = 0; x < s->width; x++, bytes += each) {
        const uint32_t pixel = pixel_of(f, bytes);
        differs |= out[x] ^ pixel;
        out[x] = pixel;
    }
    return differs != 0;
}
