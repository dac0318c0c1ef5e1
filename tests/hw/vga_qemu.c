/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/*
 * VGA beside the other emulator's: the same accesses give the same answers, the same memory and the
 * same pictures, in modes as they are used and with registers at random. Skipped without it.
 */
#include "base/bits.h"
#include "base/rng.h"
#include "tests/support/vga_rig.h"
#include "tests/test.h"

#define OPEN_OR_SKIP(r)                                                                            \
    vga_rig_open(&(r), true);                                                                      \
    if (!(r).other) {                                                                              \
        vga_rig_close(&(r));                                                                       \
        SKIP("there is no qemu10 in the cache");                                                   \
    }

static char why[200];

/* Memory with something in it: all bytes at random, up to n. */
static void fill(struct vga_rig *r, struct rng *rng, size_t n)
{
    static uint8_t bytes[1 << 14];
    for (size_t at = 0; at < n; at += sizeof(bytes)) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)rng_u64(rng);
        }
        vga_write(r, VGA_RIG_LINEAR + at, bytes, sizeof(bytes));
    }
}

static void random_palette(struct vga_rig *r, struct rng *rng)
{
    vga_out(r, 0x3c8, 1, 0);
    for (unsigned i = 0; i < 768; i++) {
        vga_out(r, 0x3c9, 1, (uint32_t)rng_below(rng, 64));
    }
}

static void prepare(struct vga_rig *r, struct rng *rng)
{
    rng_seed(rng, test_seed());
    fill(r, rng, 1 << 18);
    vga_set_mode(r, &vga_mode_text);
    random_palette(r, rng);
    /* Text of more cells than either draws leaves the picture as it was: there has to be one. */
    CHECK_MSG(vga_rig_agrees(r, 0, why, sizeof(why)), "%s", why);
}

TEST(usual_modes_look_the_same)
{
    static const struct {
        const char *name;
        const struct vga_mode *mode;
    } modes[] = {{"text", &vga_mode_text},
                 {"ega", &vga_mode_ega},
                 {"256", &vga_mode_256},
                 {"cga", &vga_mode_cga}};
    struct vga_rig r;
    struct rng rng;
    OPEN_OR_SKIP(r);
    prepare(&r, &rng);
    for (unsigned i = 0; i < array_len(modes); i++) {
        vga_set_mode(&r, modes[i].mode);
        CHECK_MSG(vga_rig_agrees(&r, 1 << 16, why, sizeof(why)), "%s: %s", modes[i].name, why);
    }
    vga_rig_close(&r);
}

/* Changes one register or another of a mode. */
static void disturb(struct vga_rig *r, struct rng *rng)
{
    static const uint8_t crtc[] = {0x01, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d,
                                   0x0e, 0x0f, 0x12, 0x13, 0x14, 0x17, 0x18};
    const unsigned value = (unsigned)rng_below(rng, 256);
    switch (rng_below(rng, 8)) {
    case 0:
        vga_set(r, 0x3c4, 1 + (unsigned)rng_below(rng, 4), value);
        break;
    case 1:
        vga_set(r, 0x3ce, (unsigned)rng_below(rng, 9), value);
        break;
    case 2:
        vga_set_attr(r, (unsigned)rng_below(rng, 0x15), value);
        vga_palette_on(r, rng_below(rng, 8) > 0);
        break;
    default:
        vga_set(r, 0x3d4, crtc[rng_below(rng, sizeof(crtc))], value);
        break;
    }
}

static void describe(struct vga_rig *r)
{
    for (unsigned i = 0; i < 5; i++) {
        fprintf(stderr, "%s%02x", i ? " " : "seq ", vga_get(r, 0x3c4, i));
    }
    for (unsigned i = 0; i < 9; i++) {
        fprintf(stderr, "%s%02x", i ? " " : " gfx ", vga_get(r, 0x3ce, i));
    }
    for (unsigned i = 0; i < 0x19; i++) {
        fprintf(stderr, "%s%02x", i ? " " : " crtc ", vga_get(r, 0x3d4, i));
    }
    for (unsigned i = 0; i < 0x15; i++) {
        vga_in(r, 0x3da, 1);
        vga_out(r, 0x3c0, 1, i);
        fprintf(stderr, "%s%02x", i ? " " : " attr ", vga_in(r, 0x3c1, 1));
    }
    for (unsigned i = 0; i < 10; i++) {
        fprintf(stderr, "%s%04x", i ? " " : " vbe ", vga_get_vbe(r, i));
    }
    fprintf(stderr, "\n");
}

/* With 256 colours each step of theirs is four dots, and not two (IBM VGA/XGA Technical Reference,
 * chapter 2, "Horizontal PEL Panning Register"). */
static void avoid_panning(struct vga_rig *r)
{
    if (!(vga_get(r, 0x3ce, 5) & 0x40)) {
        return;
    }
    vga_in(r, 0x3da, 1);
    const unsigned index = vga_in(r, 0x3c0, 1);
    vga_set_attr(r, 0x13, 0);
    vga_palette_on(r, index & 0x20);
}

static void random_changes(const struct vga_mode *mode, unsigned rounds)
{
    struct vga_rig r;
    struct rng rng;
    OPEN_OR_SKIP(r);
    prepare(&r, &rng);
    for (unsigned i = 0; i < rounds * test_scale() && !test_state.failures; i++) {
        vga_set_mode(&r, mode);
        for (unsigned n = 1 + (unsigned)rng_below(&rng, 4); n > 0; n--) {
            disturb(&r, &rng);
        }
        avoid_panning(&r);
        const bool good = vga_rig_agrees(&r, 0, why, sizeof(why));
        CHECK_MSG(good, "round %u: %s", i, why);
        if (!good) {
            describe(&r);
        }
    }
    vga_rig_close(&r);
}

TEST(text_modes_at_random_look_the_same)
{
    random_changes(&vga_mode_text, 100);
}

TEST(planar_modes_at_random_look_the_same)
{
    random_changes(&vga_mode_ega, 100);
}

TEST(modes_of_256_colours_at_random_look_the_same)
{
    random_changes(&vga_mode_256, 100);
}

TEST(cga_modes_at_random_look_the_same)
{
    random_changes(&vga_mode_cga, 100);
}

/* ---- the window of old */

static void random_window_register(struct vga_rig *r, struct rng *rng)
{
    const unsigned value = (unsigned)rng_below(rng, 256);
    switch (rng_below(rng, 6)) {
    case 0:
        vga_set(r, 0x3c4, 2, value);
        break;
    case 1:
        vga_set(r, 0x3c4, 4, value);
        break;
    case 2:
        vga_set(r, 0x3ce, 6, value);
        break;
    case 3:
        vga_set(r, 0x3d4, rng_below(rng, 2) ? 0x14 : 0x17, value);
        break;
    default:
        vga_set(r, 0x3ce, (unsigned)rng_below(rng, 9), value);
        break;
    }
}

/* Mostly few addresses, so that they are met again. */
static paddr window_address(struct rng *rng, unsigned size)
{
    const uint64_t at = rng_below(rng, 4) ? rng_below(rng, 64) : rng_below(rng, 0x8000);
    return (0xa0000 + 0x8000 * rng_below(rng, 4) + at) & ~(paddr)(size - 1);
}

TEST(accesses_to_the_window_at_random_do_the_same)
{
    struct vga_rig r;
    struct rng rng;
    OPEN_OR_SKIP(r);
    prepare(&r, &rng);
    vga_set_mode(&r, &vga_mode_ega);
    for (unsigned i = 0; i < 6000 * test_scale() && !r.differences; i++) {
        const unsigned size = 1u << rng_below(&rng, 3);
        const paddr a = window_address(&rng, size);
        switch (rng_below(&rng, 3)) {
        case 0:
            random_window_register(&r, &rng);
            break;
        case 1:
            vga_load(&r, a, size);
            break;
        default:
            vga_store(&r, a, size, (uint32_t)rng_u64(&rng));
            break;
        }
        CHECK_MSG(!r.differences, "access %u, of %u bytes at 0x%llx", i, size,
                  (unsigned long long)a);
    }
    const bool good = vga_rig_agrees(&r, 1 << 19, why, sizeof(why));
    CHECK_MSG(good, "%s", why);
    if (!good) {
        describe(&r);
    }
    vga_rig_close(&r);
}

/* ---- the display interface */

static unsigned vbe_value(struct rng *rng, unsigned i)
{
    static const uint16_t depths[] = {0, 4, 8, 15, 16, 24, 32, 5, 0xffff};
    if (i == 3) {
        return depths[rng_below(rng, array_len(depths))];
    }
    if (i == 4) {
        return (unsigned)(rng_below(rng, 4) ? rng_below(rng, 2) : rng_below(rng, 256));
    }
    return (unsigned)(rng_below(rng, 4) ? rng_below(rng, 1300) : rng_below(rng, 0x10000));
}

static void compare_registers(struct vga_rig *r)
{
    for (unsigned i = 0; i < 12; i++) {
        vga_get_vbe(r, i);
        CHECK_MSG(!r->differences, "register %u of the display interface", i);
    }
    for (unsigned i = 0; i < 8; i++) {
        vga_get(r, 0x3c4, i);
        CHECK_MSG(!r->differences, "register %u of the sequencer", i);
    }
    for (unsigned i = 0; i < 16; i++) {
        vga_get(r, 0x3ce, i);
        CHECK_MSG(!r->differences, "register %u of the graphics controller", i);
    }
    for (unsigned i = 0; i < 0x20; i++) {
        vga_get(r, 0x3d4, i);
        CHECK_MSG(!r->differences, "register %u of the CRT controller", i);
    }
}

TEST(registers_of_the_display_interface_at_random_are_the_same)
{
    struct vga_rig r;
    struct rng rng;
    OPEN_OR_SKIP(r);
    prepare(&r, &rng);
    for (unsigned i = 0; i < 1000 * test_scale() && !test_state.failures; i++) {
        const unsigned index = (unsigned)rng_below(&rng, 12), value = vbe_value(&rng, index);
        vga_set_vbe(&r, index, value);
        compare_registers(&r);
        if (test_state.failures) {
            fprintf(stderr, "write %u: 0x%x to %u\n", i, value, index);
            describe(&r);
        }
    }
    vga_rig_close(&r);
}

static void vbe_mode(struct vga_rig *r, unsigned x, unsigned y, unsigned bits)
{
    vga_set_vbe(r, 4, 0);
    vga_set_vbe(r, 1, x);
    vga_set_vbe(r, 2, y);
    vga_set_vbe(r, 3, bits);
    vga_set_vbe(r, 4, 0xc1); /* and memory as it is */
}

TEST(modes_of_the_display_interface_look_the_same)
{
    static const unsigned depths[] = {4, 8, 15, 16, 24, 32};
    struct vga_rig r;
    struct rng rng;
    OPEN_OR_SKIP(r);
    prepare(&r, &rng);
    fill(&r, &rng, 1 << 21);
    for (unsigned i = 0; i < 60 * test_scale() && !test_state.failures; i++) {
        const unsigned bits = depths[i % array_len(depths)];
        vga_set_mode(&r, i % 3 ? &vga_mode_256 : &vga_mode_ega);
        vbe_mode(&r, 8 + 8 * (unsigned)rng_below(&rng, 100), 1 + (unsigned)rng_below(&rng, 500),
                 bits);
        if (rng_below(&rng, 2)) {
            vga_set_vbe(&r, 6, (unsigned)rng_below(&rng, 1200));
        }
        if (rng_below(&rng, 2)) {
            vga_set_vbe(&r, 8, (unsigned)rng_below(&rng, 100));
            vga_set_vbe(&r, 9, (unsigned)rng_below(&rng, 100));
        }
        if (rng_below(&rng, 4) == 0) {
            vga_out(&r, 0x3c8, 1, 0);
            vga_set_vbe(&r, 4, 0xe1);
            for (unsigned k = 0; k < 768; k++) {
                vga_out(&r, 0x3c9, 1, (uint32_t)rng_below(&rng, 256));
            }
        }
        const bool good = vga_rig_agrees(&r, 0, why, sizeof(why));
        CHECK_MSG(good, "round %u, %u bits: %s", i, bits, why);
        if (!good) {
            describe(&r);
        }
    }
    vga_rig_close(&r);
}
