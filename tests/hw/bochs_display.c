/* SPDX-License-Identifier: MIT */
/* Displays whose picture lies in memory as it is shown: bochs-display and ramfb. */
#include "base/bits.h"
#include "base/surface.h"
#include "hw/classes.h"
#include "hw/nvram/fw_cfg.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define FRAME RIG_MMIO
#define REGISTERS (RIG_MMIO + 0x8000000)

static struct device *open_bochs(struct rig *r, const char *prop)
{
    struct error e;
    rig_open(r);
    struct device *d = rig_device(r, &bochs_display_class, "pcie.0", &e, "addr=4", prop, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(d);
    rig_config_set(r, 0, 0x20, 0x10, 4, (uint32_t)FRAME);
    rig_config_set(r, 0, 0x20, 0x18, 4, (uint32_t)REGISTERS);
    rig_config_set(r, 0, 0x20, 4, 2, 2);
    return d;
}

static void set(struct rig *r, unsigned index, unsigned value)
{
    rig_store(r, REGISTERS + 0x500 + 2 * index, 2, value);
}

static unsigned get(struct rig *r, unsigned index)
{
    return (unsigned)rig_load(r, REGISTERS + 0x500 + 2 * index, 2);
}

static void mode(struct rig *r, unsigned x, unsigned y, unsigned bits)
{
    set(r, 1, x);
    set(r, 2, y);
    set(r, 3, bits);
    set(r, 6, x);
    set(r, 8, 0);
    set(r, 9, 0);
    set(r, 4, 0x41);
}

static const struct surface *picture(struct rig *r)
{
    screen_refresh(r->m->screens);
    return r->m->screens->surface;
}

TEST(registers_store_and_tell_of_memory)
{
    struct rig r;
    open_bochs(&r, NULL);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0, 4), 0x11111234);
    CHECK_EQ(rig_config(&r, 0, 0x20, 8, 4), 0x03800002);
    for (unsigned i = 0; i < 11; i++) {
        set(&r, i, 0x1234);
        CHECK_EQ(get(&r, i), i == 0 ? 0xb0c5 : i == 10 ? 0x100 : 0x1234);
    }
    CHECK_EQ(rig_load(&r, REGISTERS + 0x400, 4), UINT32_MAX); /* no ports of VGA */
    CHECK_EQ(rig_load(&r, REGISTERS, 8), UINT64_C(0x00ffffffffffff00));
    rig_close(&r);
}

TEST(pictures_are_shown_from_where_the_registers_say)
{
    struct rig r;
    open_bochs(&r, NULL);
    mode(&r, 640, 480, 32);
    set(&r, 6, 1000);
    set(&r, 8, 3);
    set(&r, 9, 5);
    rig_store(&r, FRAME + 4 * (1000 * 5 + 3), 4, 0x123456);
    rig_store(&r, FRAME + 4 * (1000 * (5 + 479) + 3 + 639), 4, 0xabcdef);
    const struct surface *s = picture(&r);
    REQUIRE(s && s->width == 640 && s->height == 480);
    CHECK_EQ(s->pixels[0], 0x123456);
    CHECK_EQ(s->pixels[640 * 480 - 1], 0xabcdef);
    rig_store(&r, REGISTERS + 0x604, 4, 0xbebebebe);
    CHECK_EQ(picture(&r)->pixels[0], 0x341200); /* the other order of bytes */
    mode(&r, 64, 64, 16);
    rig_store(&r, FRAME + 2 * 64, 2, 0xf800);
    s = picture(&r);
    CHECK(s->width == 64 && s->height == 64);
    CHECK_EQ(s->pixels[64], 0xff0000);
    rig_close(&r);
}

TEST(modes_that_cannot_be_show_nothing_new)
{
    static const struct {
        unsigned x, y, bits;
    } rows[] = {{63, 480, 32}, {640, 63, 32},   {640, 480, 24},
                {640, 480, 0}, {16001, 64, 16}, {4096, 4096, 32}};
    struct rig r;
    open_bochs(&r, "vgamem=16M");
    mode(&r, 640, 480, 32);
    CHECK_EQ(picture(&r)->width, 640);
    for (unsigned i = 0; i < array_len(rows); i++) {
        mode(&r, rows[i].x, rows[i].y, rows[i].bits);
        const struct surface *s = picture(&r);
        CHECK(s->width == 640 && s->height == 480);
    }
    mode(&r, 640, 480, 32);
    set(&r, 9, 0xffff);
    CHECK_EQ(picture(&r)->width, 640);
    rig_close(&r);
}

static unsigned told, top, bottom;

static void note(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height)
{
    (void)opaque, (void)x, (void)width;
    told++;
    top = y;
    bottom = y + height;
}

TEST(only_lines_that_differ_are_told_of)
{
    struct rig r;
    struct screen_viewer v = {.changed = note};
    open_bochs(&r, NULL);
    mode(&r, 640, 480, 32);
    picture(&r);
    screen_watch(r.m->screens, &v);
    picture(&r);
    CHECK_EQ(told, 0);
    rig_store(&r, FRAME + 4 * (640 * 100 + 5), 4, 1);
    rig_store(&r, FRAME + 4 * (640 * 101 + 7), 4, 1);
    picture(&r);
    CHECK_EQ(told, 1);
    CHECK(top == 100 && bottom == 102);
    screen_unwatch(r.m->screens, &v);
    rig_close(&r);
}

TEST(state_is_kept)
{
    struct rig r;
    struct device *d = open_bochs(&r, NULL);
    mode(&r, 640, 480, 32);
    CHECK(test_round_trip(d));
    rig_close(&r);
}

/* ---- ramfb */

static struct device *open_ramfb(struct machine *m)
{
    struct error e = {""};
    struct device *fw = test_device(m, &fw_cfg_class, NULL);
    struct device *d = device_new(&ramfb_class, m, NULL);
    (void)fw;
    if (!device_create(d, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(d);
    return d;
}

struct told {
    uint64_t address;
    uint32_t form, width, height, stride;
};

#define XR24 0x34325258

/* As the guest does it: the file is its own. */
static void tell(struct device *d, const struct told *t)
{
    uint8_t *config = (uint8_t *)d + sizeof(struct device);
    store_be64(config, t->address);
    store_be32(config + 8, t->form);
    store_be32(config + 16, t->width);
    store_be32(config + 20, t->height);
    store_be32(config + 24, t->stride);
}

TEST(ramfb_shows_guest_memory)
{
    struct machine *m = test_machine_new(4 << 20);
    struct device *d = open_ramfb(m);
    tell(d, &(struct told){TEST_RAM_BASE + 0x1000, XR24, 320, 200, 1300});
    test_store32(m, TEST_RAM_BASE + 0x1000, 0x123456);
    test_store32(m, TEST_RAM_BASE + 0x1000 + 1300 * 199 + 4 * 319, 0xfedcba);
    screen_refresh(m->screens);
    const struct surface *s = m->screens->surface;
    REQUIRE(s && s->width == 320 && s->height == 200);
    CHECK_EQ(s->pixels[0], 0x123456);
    CHECK_EQ(s->pixels[320 * 200 - 1], 0xfedcba);
    CHECK(test_round_trip(d));
    test_machine_free(m);
}

TEST(ramfb_shows_nothing_that_is_no_picture)
{
    static const struct told rows[] = {
        {0, XR24, 320, 200, 0},                             /* no memory there */
        {TEST_RAM_BASE + (4 << 20) - 4, XR24, 320, 200, 0}, /* not all of it */
        {TEST_RAM_BASE, 0x12345678, 320, 200, 0},           /* no such form */
        {TEST_RAM_BASE, XR24, 15, 200, 0},                  /* too small */
        {TEST_RAM_BASE, XR24, 320, 0xffffffff, 0},          /* too large */
        {TEST_RAM_BASE, XR24, 320, 200, 1279},              /* lines overlap */
        {TEST_RAM_BASE, XR24, 320, 200, 0xffffffff},        /* too far apart */
        {UINT64_MAX, XR24, 320, 200, 0},
    };
    struct machine *m = test_machine_new(4 << 20);
    struct device *d = open_ramfb(m);
    for (unsigned i = 0; i < array_len(rows); i++) {
        tell(d, &rows[i]);
        screen_refresh(m->screens);
        CHECK_MSG(!m->screens->surface, "row %u", i);
    }
    test_machine_free(m);
    struct error e = {""};
    m = test_machine_new(4096);
    d = device_new(&ramfb_class, m, NULL);
    CHECK(!device_create(d, &e) && strstr(e.text, "no fw_cfg"));
    device_free(d);
    test_machine_free(m);
}
