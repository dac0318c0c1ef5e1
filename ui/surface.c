/* SPDX-License-Identifier: MIT */
/* Pictures in memory, and pixels of guests as pixman has them: see base/surface.h. */
#include "base/surface.h"

#include <pixman.h>

#include "base/mem.h"

struct surface *surface_create(unsigned width, unsigned height)
{
    if (!width || !height || width > SURFACE_MOST || height > SURFACE_MOST) {
        return NULL;
    }
    uint32_t *pixels = mem_try_array((size_t)width * height, sizeof(*pixels));
    pixman_image_t *image = pixels ? pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)width,
                                                              (int)height, pixels, (int)width * 4)
                                   : NULL;
    if (!image) {
        mem_free(pixels);
        return NULL;
    }
    struct surface *s = mem_alloc(sizeof(*s));
    *s = (struct surface){width, height, width, pixels, image};
    return s;
}

void surface_free(struct surface *s)
{
    if (s) {
        pixman_image_unref(s->image);
        mem_free(s->pixels);
        mem_free(s);
    }
}

/* Guests are little-endian but for the last format. */
static pixman_format_code_t format_of(enum surface_format f)
{
    static const pixman_format_code_t formats[] = {
        [SURFACE_X1R5G5B5] = PIXMAN_x1r5g5b5,    [SURFACE_R5G6B5] = PIXMAN_r5g6b5,
        [SURFACE_R8G8B8] = PIXMAN_r8g8b8,        [SURFACE_X8R8G8B8] = PIXMAN_x8r8g8b8,
        [SURFACE_X8R8G8B8_BE] = PIXMAN_b8g8r8x8,
    };
    return formats[f];
}

void surface_put(struct surface *s, unsigned y, unsigned lines, enum surface_format f,
                 const uint8_t *bytes, size_t stride)
{
    /* pixman only reads them */
    pixman_image_t *from = pixman_image_create_bits(format_of(f), (int)s->width, (int)lines,
                                                    (uint32_t *)(uintptr_t)bytes, (int)stride);
    if (from) {
        pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, s->image, 0, 0, 0, 0, 0, (int)y,
                                 (int)s->width, (int)lines);
        pixman_image_unref(from);
    }
}
