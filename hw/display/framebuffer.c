/* SPDX-License-Identifier: MIT */
/* Pictures in memory: see framebuffer.h. */
#include "hw/display/framebuffer.h"

#include "base/bits.h"

static bool put_line(const struct framebuffer *f, struct surface *s, unsigned y)
{
    const uint8_t *bytes = f->bytes + y * f->stride;
    uint32_t line[FRAMEBUFFER_MOST_X];
    if (!f->big_endian || f->format != SURFACE_X8R8G8B8) {
        return surface_put(s, y, f->format, bytes);
    }
    for (unsigned x = 0; x < f->width; x++) {
        line[x] = bswap32(load_le32(bytes + 4 * x));
    }
    return surface_put(s, y, f->format, (const uint8_t *)line);
}

void framebuffer_draw(const struct framebuffer *f, struct screen *s)
{
    unsigned first = 0, end = 0; /* lines that have changed, and are not told of yet */
    if (!f->bytes || f->width > FRAMEBUFFER_MOST_X || !screen_resize(s, f->width, f->height)) {
        return;
    }
    for (unsigned y = 0; y < f->height; y++) {
        if (put_line(f, s->surface, y)) {
            first = first < end ? first : y;
            end = y + 1;
        } else if (first < end) {
            screen_changed(s, 0, first, f->width, end - first);
            first = end = 0;
        }
    }
    if (first < end) {
        screen_changed(s, 0, first, f->width, end - first);
    }
}
