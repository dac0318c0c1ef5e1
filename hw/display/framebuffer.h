/* SPDX-License-Identifier: MIT */
/* A picture that lies in memory as it is shown, line by line. */
#ifndef HW_DISPLAY_FRAMEBUFFER_H
#define HW_DISPLAY_FRAMEBUFFER_H

#include "base/surface.h"

struct framebuffer {
    const uint8_t *bytes; /* NULL: there is no picture, and the last one stays */
    enum surface_format format;
    bool big_endian; /* pixels of four bytes */
    unsigned width, height;
    size_t stride; /* bytes */
};

#define FRAMEBUFFER_MOST_X 16000
#define FRAMEBUFFER_MOST_Y 12000

/* Brings the screen up to date. What has changed is found by comparing. Loop thread. */
void framebuffer_draw(const struct framebuffer *f, struct screen *s);

#endif
