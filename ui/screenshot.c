/* SPDX-License-Identifier: MIT */
/* Pictures in files: PPM as its manual page (netpbm) says, PNG by libpng, which is loaded when it
 * is needed. */
#include "ui/screenshot.h"

#include <dlfcn.h>
#include <png.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/new_file.h"

/* Red, green, blue of a line. */
static void to_rgb(const struct surface *s, unsigned y, uint8_t *out)
{
    const uint32_t *p = s->pixels + (size_t)y * s->stride;
    for (unsigned x = 0; x < s->width; x++) {
        *out++ = (uint8_t)(p[x] >> 16);
        *out++ = (uint8_t)(p[x] >> 8);
        *out++ = (uint8_t)p[x];
    }
}

static void write_ppm(const struct surface *s, struct new_file *f, uint8_t *line)
{
    char head[48];
    const int n = snprintf(head, sizeof(head), "P6\n%u %u\n255\n", s->width, s->height);
    new_file_put(f, head, (size_t)n);
    for (unsigned y = 0; y < s->height; y++) {
        to_rgb(s, y, line);
        new_file_put(f, line, 3 * (size_t)s->width);
    }
}

typedef __typeof__(png_image_write_to_memory) png_writer;

/* The library stays: asking for it again costs little. */
static png_writer *find_writer(void)
{
    void *library = dlopen("libpng16.so.16", RTLD_NOW | RTLD_LOCAL);
    return library ? (png_writer *)dlsym(library, "png_image_write_to_memory") : NULL;
}

static bool write_png(const struct surface *s, struct new_file *f, png_writer *writer,
                      uint8_t *pixels)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = s->width,
                       .height = s->height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t n = PNG_IMAGE_PNG_SIZE_MAX(image);
    uint8_t *packed = mem_try_alloc(n);
    for (unsigned y = 0; y < s->height; y++) {
        to_rgb(s, y, pixels + 3 * (size_t)y * s->width);
    }
    const bool good = packed && writer(&image, packed, &n, 0, pixels, 0, NULL);
    if (good) {
        new_file_put(f, packed, n);
    }
    mem_free(packed);
    return good;
}

/* ---- the file */

bool screenshot_write(const struct surface *s, const char *path, enum screenshot_format format,
                      struct error *e)
{
    const bool png = format == SCREENSHOT_PNG;
    png_writer *writer = png ? find_writer() : NULL;
    if (png && !writer) {
        return error_set(e, "libpng cannot be loaded (on Debian the package libpng16-16 has it)");
    }
    uint8_t *pixels = mem_try_array(3 * (size_t)s->width, png ? s->height : 1);
    struct new_file *f = pixels ? new_file_open(path, e) : NULL;
    bool good = pixels || error_set(e, "%s: no memory for the picture", path);
    if (f && png && !write_png(s, f, writer, pixels)) {
        new_file_abandon(f);
        f = NULL;
        good = error_set(e, "%s: libpng cannot write the picture", path);
    } else if (f && !png) {
        write_ppm(s, f, pixels);
    }
    mem_free(pixels);
    return good && f && new_file_finish(f, e);
}
