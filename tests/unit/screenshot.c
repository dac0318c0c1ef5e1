/* SPDX-License-Identifier: MIT */
/* Surfaces, screens and pictures in files. */
#include "ui/screenshot.h"

#include <dlfcn.h>
#include <png.h>

#include "base/bits.h"
#include "base/mem.h"
#include "tests/test.h"

TEST(sides_of_a_surface_have_limits)
{
    CHECK(!surface_create(0, 5));
    CHECK(!surface_create(5, 0));
    CHECK(!surface_create(SURFACE_MOST + 1, 1));
    struct surface *s = surface_create(SURFACE_MOST, 1);
    REQUIRE(s);
    CHECK_EQ(s->pixels[SURFACE_MOST - 1], 0);
    surface_free(s);
}

TEST(pixels_of_guests_are_widened)
{
    static const struct {
        enum surface_format format;
        uint8_t bytes[4];
        uint32_t pixel;
    } rows[] = {{SURFACE_X1R5G5B5, {0xff, 0x7f}, 0xffffff},
                {SURFACE_X1R5G5B5, {0x01, 0x84}, 0x080008},
                {SURFACE_R5G6B5, {0xe0, 0x07}, 0x00ff00},
                {SURFACE_R5G6B5, {0x20, 0x08}, 0x080400},
                {SURFACE_R8G8B8, {0x12, 0x34, 0x56}, 0x563412},
                {SURFACE_X8R8G8B8, {0x12, 0x34, 0x56, 0x99}, 0x563412}};
    struct surface *s = surface_create(1, 2);
    for (unsigned i = 0; i < array_len(rows); i++) {
        surface_put(s, 1, rows[i].format, rows[i].bytes);
        CHECK_EQ(s->pixels[1], rows[i].pixel);
        CHECK_EQ(s->pixels[0], 0);
    }
    surface_free(s);
}

static struct surface *pattern(void)
{
    struct surface *s = surface_create(37, 11);
    for (unsigned i = 0; i < 37 * 11; i++) {
        s->pixels[i] = i * 0x10503u & 0xffffff;
    }
    return s;
}

static void check_rgb(const struct surface *s, const uint8_t *rgb)
{
    for (unsigned i = 0; i < s->width * s->height; i++) {
        CHECK_EQ((uint32_t)rgb[3 * i] << 16 | rgb[3 * i + 1] << 8 | rgb[3 * i + 2], s->pixels[i]);
    }
}

TEST(a_ppm_has_each_pixel)
{
    static const char path[] = "/tmp/dragoman-unit.ppm";
    struct surface *s = pattern();
    struct error e = {""};
    uint8_t rgb[37 * 11 * 3];
    unsigned w = 0, h = 0;
    CHECK_MSG(screenshot_write(s, path, SCREENSHOT_PPM, &e), "%s", e.text);
    FILE *f = fopen(path, "rb");
    REQUIRE(f && fscanf(f, "P6 %u %u 255", &w, &h) == 2 && fgetc(f) == '\n');
    CHECK(w == 37 && h == 11);
    CHECK_EQ(fread(rgb, 1, sizeof(rgb), f), sizeof(rgb));
    CHECK_EQ(fgetc(f), EOF);
    check_rgb(s, rgb);
    fclose(f);
    remove(path);
    surface_free(s);
}

TEST(a_png_has_each_pixel)
{
    static const char path[] = "/tmp/dragoman-unit.png";
    void *library = dlopen("libpng16.so.16", RTLD_NOW);
    REQUIRE(library);
    __typeof__(png_image_begin_read_from_file) *begin =
        (__typeof__(png_image_begin_read_from_file) *)dlsym(library,
                                                            "png_image_begin_read_from_file");
    __typeof__(png_image_finish_read) *end = (__typeof__(png_image_finish_read) *)dlsym(
        library, "png_image_finish_read");
    struct surface *s = pattern();
    struct error e = {""};
    uint8_t rgb[37 * 11 * 3];
    png_image image = {.version = PNG_IMAGE_VERSION};
    CHECK_MSG(screenshot_write(s, path, SCREENSHOT_PNG, &e), "%s", e.text);
    REQUIRE(begin(&image, path));
    CHECK(image.width == 37 && image.height == 11);
    image.format = PNG_FORMAT_RGB;
    REQUIRE(end(&image, NULL, rgb, 0, NULL));
    check_rgb(s, rgb);
    remove(path);
    surface_free(s);
}

TEST(a_picture_that_cannot_be_written_is_told_of)
{
    struct surface *s = pattern();
    struct error e = {""};
    CHECK(!screenshot_write(s, "/nonexistent/a.ppm", SCREENSHOT_PPM, &e));
    CHECK_MSG(strstr(e.text, "/nonexistent/a.ppm"), "%s", e.text);
    CHECK(!screenshot_write(s, "/nonexistent/a.png", SCREENSHOT_PNG, &e));
    surface_free(s);
}
