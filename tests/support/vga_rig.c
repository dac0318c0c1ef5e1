/* SPDX-License-Identifier: MIT */
/* A VGA card, and another emulator's: see vga_rig.h. */
#include "tests/support/vga_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/classes.h"
#include "tests/support/machine.h"

void vga_rig_open(struct vga_rig *r, bool compare)
{
    static const char *const options[] = {"-vga", "none", "-device", "isa-vga", NULL};
    struct error e;
    memset(r, 0, sizeof(*r));
    r->m = test_machine_new(4096);
    r->ports = space_create("ports");
    space_set_properties(r->ports, SPACE_ONES);
    isa_bus_init(&r->isa, r->m, r->ports);
    r->dev = device_new(&isa_vga_class, r->m, NULL);
    r->dev->bus = &r->isa.bus;
    if (!device_create(r->dev, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(r->dev);
    r->other = compare ? qtest_open("x86_64", options) : NULL;
}

void vga_rig_close(struct vga_rig *r)
{
    if (r->other) {
        qtest_close(r->other);
    }
    test_machine_free(r->m);
    space_destroy(r->ports);
}

/* ---- accesses */

static uint32_t same(struct vga_rig *r, uint32_t mine, uint32_t theirs, unsigned size)
{
    r->differences += ((mine ^ theirs) & (uint32_t)mask64(8 * size)) != 0;
    return mine;
}

void vga_out(struct vga_rig *r, unsigned port, unsigned size, uint32_t value)
{
    space_store(r->ports, port, size, value);
    if (r->other) {
        qtest_out(r->other, port, size, value);
    }
}

uint32_t vga_in(struct vga_rig *r, unsigned port, unsigned size)
{
    uint64_t v = 0;
    space_load(r->ports, port, size, &v);
    return r->other ? same(r, (uint32_t)v, qtest_in(r->other, port, size), size) : (uint32_t)v;
}

void vga_store(struct vga_rig *r, paddr a, unsigned size, uint32_t value)
{
    test_store(r->m, a, size, value);
    if (r->other) {
        qtest_store(r->other, a, size, value);
    }
}

uint32_t vga_load(struct vga_rig *r, paddr a, unsigned size)
{
    const uint32_t v = (uint32_t)test_load(r->m, a, size);
    return r->other ? same(r, v, qtest_load(r->other, a, size), size) : v;
}

void vga_write(struct vga_rig *r, paddr a, const uint8_t *bytes, size_t n)
{
    space_write(r->m->memory, a, bytes, n);
    if (r->other) {
        qtest_write(r->other, a, bytes, n);
    }
}

void vga_set(struct vga_rig *r, unsigned at, unsigned i, unsigned value)
{
    vga_out(r, at, 1, i);
    vga_out(r, at + 1, 1, value);
}

unsigned vga_get(struct vga_rig *r, unsigned at, unsigned i)
{
    vga_out(r, at, 1, i);
    return vga_in(r, at + 1, 1);
}

/* The CRT controller's status makes the next write an index. */
static void expect_index(struct vga_rig *r)
{
    vga_in(r, 0x3ba, 1);
    vga_in(r, 0x3da, 1);
}

void vga_set_attr(struct vga_rig *r, unsigned i, unsigned value)
{
    expect_index(r);
    vga_out(r, 0x3c0, 1, i);
    vga_out(r, 0x3c0, 1, value);
}

void vga_palette_on(struct vga_rig *r, bool on)
{
    expect_index(r);
    vga_out(r, 0x3c0, 1, on ? 0x20 : 0);
}

void vga_set_vbe(struct vga_rig *r, unsigned i, unsigned value)
{
    vga_out(r, 0x1ce, 2, i);
    vga_out(r, 0x1d0, 2, value);
}

unsigned vga_get_vbe(struct vga_rig *r, unsigned i)
{
    vga_out(r, 0x1ce, 2, i);
    return vga_in(r, 0x1d0, 2);
}

void vga_set_mode(struct vga_rig *r, const struct vga_mode *m)
{
    vga_out(r, 0x3c2, 1, m->misc);
    for (unsigned i = 0; i < array_len(m->seq); i++) {
        vga_set(r, 0x3c4, i, m->seq[i]);
    }
    vga_set(r, 0x3d4, 0x11, 0);
    for (unsigned i = 0; i < array_len(m->crtc); i++) {
        vga_set(r, 0x3d4, i, m->crtc[i]);
    }
    for (unsigned i = 0; i < array_len(m->gfx); i++) {
        vga_set(r, 0x3ce, i, m->gfx[i]);
    }
    for (unsigned i = 0; i < array_len(m->attr); i++) {
        vga_set_attr(r, i, m->attr[i]);
    }
    vga_palette_on(r, true);
}

/* IBM VGA/XGA Technical Reference, chapter 2: registers of modes 3, 12, 13 and 5. */
const struct vga_mode vga_mode_text = {
    0x67,
    {0x03, 0x00, 0x03, 0x00, 0x02},
    {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
     0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08, 0x00}};
const struct vga_mode vga_mode_ega = {
    0xe3,
    {0x03, 0x01, 0x0f, 0x00, 0x06},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a,
     0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x01, 0x00, 0x0f, 0x00, 0x00}};
const struct vga_mode vga_mode_256 = {
    0x63,
    {0x03, 0x01, 0x0f, 0x00, 0x0e},
    {0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0f, 0xff},
    {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
     0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x41, 0x00, 0x0f, 0x00, 0x00}};
const struct vga_mode vga_mode_cga = {
    0x63,
    {0x03, 0x09, 0x03, 0x00, 0x02},
    {0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff},
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0f, 0x0f, 0xff},
    {0x00, 0x13, 0x15, 0x17, 0x02, 0x04, 0x06, 0x07, 0x10, 0x11, 0x12,
     0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00}};

/* ---- pictures */

const struct surface *vga_picture(struct vga_rig *r)
{
    screen_refresh(r->m->screens);
    return r->m->screens->surface;
}

static bool same_pixels(const struct surface *s, const uint8_t *rgb, char *why, size_t size)
{
    for (unsigned y = 0; y < s->height; y++) {
        for (unsigned x = 0; x < s->width; x++, rgb += 3) {
            const uint32_t theirs = (uint32_t)rgb[0] << 16 | rgb[1] << 8 | rgb[2];
            const uint32_t mine = s->pixels[(size_t)y * s->stride + x] & 0xffffff;
            if (mine != theirs) {
                snprintf(why, size, "pixel %u, %u of %ux%u is %06x, not %06x", x, y, s->width,
                         s->height, mine, theirs);
                return false;
            }
        }
    }
    return true;
}

/* The other emulator keeps what it has drawn unless it sees a reason to draw anew. */
static void start_anew(struct vga_rig *r)
{
    unsigned w, h;
    expect_index(r);
    const uint32_t index = vga_in(r, 0x3c0, 1);
    vga_out(r, 0x3c0, 1, 0);
    vga_picture(r);
    mem_free(qtest_picture(r->other, NULL, &w, &h));
    expect_index(r);
    vga_out(r, 0x3c0, 1, index);
    expect_index(r);
}

static bool same_picture(struct vga_rig *r, char *why, size_t size)
{
    unsigned w, h;
    start_anew(r);
    const struct surface *s = vga_picture(r);
    uint8_t *rgb = qtest_picture(r->other, NULL, &w, &h);
    bool good = rgb && s && w == s->width && h == s->height;
    if (!good) {
        snprintf(why, size, "the picture is %ux%u, not %ux%u", s ? s->width : 0, s ? s->height : 0,
                 rgb ? w : 0, rgb ? h : 0);
    } else {
        good = same_pixels(s, rgb, why, size);
    }
    mem_free(rgb);
    return good;
}

static bool same_memory(struct vga_rig *r, size_t n, char *why, size_t size)
{
    uint8_t *mine = mem_alloc(n), *theirs = mem_alloc(n);
    space_read(r->m->memory, VGA_RIG_LINEAR, mine, n);
    qtest_read(r->other, VGA_RIG_LINEAR, theirs, n);
    size_t i = 0;
    while (i < n && mine[i] == theirs[i]) {
        i++;
    }
    if (i < n) {
        snprintf(why, size, "byte 0x%zx of memory is 0x%02x, not 0x%02x", i, mine[i], theirs[i]);
    }
    mem_free(mine);
    mem_free(theirs);
    return i == n;
}

bool vga_rig_agrees(struct vga_rig *r, size_t memory, char *why, size_t size)
{
    *why = '\0';
    if (!r->other) {
        return true;
    }
    if (r->differences) {
        snprintf(why, size, "%u reads differ", r->differences);
        return false;
    }
    return (!memory || same_memory(r, memory, why, size)) && same_picture(r, why, size);
}
