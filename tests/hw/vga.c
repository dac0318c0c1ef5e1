/* SPDX-License-Identifier: MIT */
/*
 * VGA by itself: what it shows, who is told of it, its memory as memory, its PCI functions, its
 * state, and a guest that means ill. tests/hw/vga_qemu.c compares it with another.
 */
#include "hw/display/vga.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "hw/classes.h"
#include "hw/pci/pci_regs.h"
#include "memory/dirty.h"
#include "tests/support/machine.h"
#include "tests/support/vga_rig.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

/* ---- pictures */

/* Colour n is n in blue. */
static void set_palette(struct vga_rig *r)
{
    vga_out(r, 0x3c8, 1, 0);
    for (unsigned n = 0; n < 3 * 256; n++) {
        vga_out(r, 0x3c9, 1, n % 3 == 2 ? n / 3 & 0x3f : 0);
    }
}

/* A font whose glyph n has n in its lines, colours 0 to 15 that are their numbers in blue. */
static void begin_text(struct vga_rig *r)
{
    vga_set_mode(r, &vga_mode_text);
    for (unsigned n = 0; n < 256; n++) {
        for (unsigned line = 0; line < 32; line++) {
            vga_store(r, VGA_RIG_LINEAR + 4 * (32 * n + line) + 2, 1, n);
        }
    }
    set_palette(r);
    for (unsigned i = 0; i < 16; i++) {
        vga_set_attr(r, i, i);
    }
    vga_palette_on(r, true);
    vga_set(r, 0x3d4, 0x0a, 0x20); /* no cursor */
}

static unsigned colour_at(const struct surface *s, unsigned x, unsigned y)
{
    return (s->pixels[y * s->stride + x] & 0xff) >> 2;
}

TEST(text_is_drawn_with_its_attributes)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    begin_text(&r);
    vga_store(&r, 0xb8000, 2, 0x4a81);
    vga_store(&r, 0xb8002, 2, 0x17c1); /* of those whose ninth dot is as the eighth */
    const struct surface *s = vga_picture(&r);
    REQUIRE(s);
    CHECK_EQ(s->width, 720);
    CHECK_EQ(s->height, 400);
    static const uint8_t first[] = {10, 4, 4, 4, 4, 4, 4, 10, 4},
                         second[] = {7, 7, 1, 1, 1, 1, 1, 7, 7};
    for (unsigned x = 0; x < 9; x++) {
        CHECK_EQ(colour_at(s, x, 15), first[x]);
        CHECK_EQ(colour_at(s, 9 + x, 0), second[x]);
    }
    vga_rig_close(&r);
}

TEST(cursor_has_its_lines_and_blinks)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    begin_text(&r);
    vga_store(&r, 0xb8000 + 2 * 81, 2, 0x0f00);
    vga_set(&r, 0x3d4, 0x0a, 3);
    vga_set(&r, 0x3d4, 0x0b, 5);
    vga_set(&r, 0x3d4, 0x0f, 81);
    const struct surface *s = vga_picture(&r);
    for (unsigned y = 0; y < 16; y++) {
        CHECK_EQ(colour_at(s, 9 + 4, 16 + y), y >= 3 && y <= 5 ? 15 : 0);
    }
    clock_manual_advance(r.m->clock, 240000000);
    CHECK_EQ(colour_at(vga_picture(&r), 13, 20), 0);
    clock_manual_advance(r.m->clock, 240000000);
    CHECK_EQ(colour_at(vga_picture(&r), 13, 20), 15);
    vga_rig_close(&r);
}

TEST(text_is_read_as_text)
{
    struct vga_rig r;
    struct screen_text t = {0};
    vga_rig_open(&r, false);
    begin_text(&r);
    vga_store(&r, 0xb8000 + 2 * (80 * 24 + 79), 2, 0x1e41);
    vga_set(&r, 0x3d4, 0x0a, 13);
    vga_set(&r, 0x3d4, 0x0f, 85);
    screen_read_text(r.m->screens, &t);
    CHECK_EQ(t.columns, 80);
    CHECK_EQ(t.rows, 25);
    CHECK_EQ(t.cells[80 * 24 + 79], 0x1e41);
    CHECK(t.cursor);
    CHECK_EQ(t.cursor_x, 5);
    CHECK_EQ(t.cursor_y, 1);
    vga_set_mode(&r, &vga_mode_256);
    screen_read_text(r.m->screens, &t);
    CHECK_EQ(t.columns, 0);
    mem_free(t.cells);
    vga_rig_close(&r);
}

/* ---- viewers */

struct viewer {
    struct screen_viewer viewer;
    unsigned resized, changed, top, bottom;
};

static void note_resized(void *opaque, const struct surface *s)
{
    struct viewer *v = opaque;
    (void)s;
    v->resized++;
}

static void note_changed(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height)
{
    struct viewer *v = opaque;
    (void)x, (void)width;
    v->top = v->changed && v->top < y ? v->top : y;
    v->bottom = v->changed && v->bottom > y + height ? v->bottom : y + height;
    v->changed++;
}

static void begin_viewer(struct viewer *v, struct screen *s)
{
    *v = (struct viewer){.viewer = {.resized = note_resized, .changed = note_changed, .opaque = v}};
    screen_watch(s, &v->viewer);
}

/* Told of lines [top, bottom), or of nothing, since it was asked last. */
static bool was_told(struct viewer *v, unsigned top, unsigned bottom)
{
    const bool good = top == bottom ? !v->changed
                                    : v->changed && v->top == top && v->bottom == bottom;
    v->changed = 0;
    return good;
}

TEST(viewers_are_told_of_what_has_changed)
{
    struct vga_rig r;
    struct viewer a, b;
    vga_rig_open(&r, false);
    vga_set_mode(&r, &vga_mode_256);
    set_palette(&r);
    struct screen *s = r.m->screens;
    begin_viewer(&a, s);
    begin_viewer(&b, s);
    screen_refresh(s);
    CHECK_EQ(a.resized, 1);
    CHECK(was_told(&a, 0, 400) && was_told(&b, 0, 400));
    screen_refresh(s);
    CHECK(was_told(&a, 0, 0) && was_told(&b, 0, 0));

    test_store(r.m, 0xa0000 + 320 * 100, 1, 7); /* as RAM: the log tells of the page */
    dirty_written(r.m->memory, space_host(r.m->memory, 0xa0000 + 320 * 100, 1, true), 1);
    screen_refresh(s);
    CHECK_MSG(a.changed && a.top <= 200 && a.bottom >= 202 && a.bottom - a.top < 40,
              "lines %u to %u", a.top, a.bottom);
    CHECK_EQ(colour_at(s->surface, 0, 200), 7);
    CHECK_EQ(colour_at(s->surface, 1, 201), 7);
    was_told(&a, 0, 0);
    was_told(&b, 0, 0);

    screen_unwatch(s, &a.viewer);
    vga_set(&r, 0x3d4, 0x0d, 40);
    screen_refresh(s);
    CHECK(was_told(&a, 0, 0) && was_told(&b, 0, 400));
    screen_unwatch(s, &b.viewer);
    vga_rig_close(&r);
}

TEST(a_picture_by_the_log_is_the_picture)
{
    struct vga_rig r, plain;
    struct viewer v;
    struct rng rng;
    rng_seed(&rng, test_seed());
    vga_rig_open(&r, false);
    vga_rig_open(&plain, false);
    vga_set_mode(&r, &vga_mode_ega);
    vga_set_mode(&plain, &vga_mode_ega);
    set_palette(&r);
    set_palette(&plain);
    begin_viewer(&v, r.m->screens);
    for (unsigned i = 0; i < 300; i++) {
        for (unsigned n = 0; n < 20; n++) {
            const unsigned offset = (unsigned)rng_below(&rng, 0x10000),
                           value = (unsigned)rng_u64(&rng) & 0xff;
            vga_store(&r, 0xa0000 + offset, 1, value);
            vga_store(&plain, 0xa0000 + offset, 1, value);
        }
        /* Mostly a register that says nothing about the picture: it is drawn by the log alone. */
        static const uint8_t registers[] = {0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0c, 0x0d};
        const unsigned at = registers[rng_below(&rng, sizeof(registers))];
        const unsigned value = at == 0x0f ? 0 : (unsigned)rng_below(&rng, 256);
        vga_set(&r, 0x3d4, at, value);
        vga_set(&plain, 0x3d4, at, value);
        if (i % 40 == 0) {
            vga_set_attr(&r, 0x13, i / 40);
            vga_set_attr(&plain, 0x13, i / 40);
            vga_palette_on(&r, true);
            vga_palette_on(&plain, true);
        }
        const struct surface *mine = vga_picture(&r), *theirs = vga_picture(&plain);
        CHECK_MEM(mine->pixels, theirs->pixels, 640 * 480 * 4);
    }
    screen_unwatch(r.m->screens, &v.viewer);
    vga_rig_close(&r);
    vga_rig_close(&plain);
}

TEST(a_planar_picture_longer_than_the_planes_goes_on_at_their_front)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    vga_set_mode(&r, &vga_mode_ega);
    set_palette(&r);
    vga_set_vbe(&r, 1, 1024);
    vga_set_vbe(&r, 2, 600);
    vga_set_vbe(&r, 3, 4);
    vga_set_vbe(&r, 4, 0x41);
    vga_store(&r, VGA_RIG_LINEAR, 4, 0x00000080);           /* the first dot is 1 */
    vga_store(&r, VGA_RIG_LINEAR + 0x3fffc, 4, 0x00000100); /* the last of the planes is 2 */
    vga_store(&r, VGA_RIG_LINEAR + 0x40000, 4, UINT32_MAX);
    const struct surface *s = vga_picture(&r);
    CHECK_EQ(s->width, 1024);
    CHECK_EQ(colour_at(s, 0, 0), 1);
    CHECK_EQ(colour_at(s, 1023, 511), 2);
    CHECK_EQ(colour_at(s, 0, 512), 1);
    CHECK_EQ(colour_at(s, 1, 512), 0);
    vga_rig_close(&r);
}

/* 872 times 4809 pixels of two bytes leave 1712 bytes of 8 MiB. */
TEST(a_picture_begins_where_all_of_it_is_in_memory)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    vga_set_vbe(&r, 1, 440);
    vga_set_vbe(&r, 2, 480);
    vga_set_vbe(&r, 3, 16);
    vga_set_vbe(&r, 4, 0x41);
    vga_set_vbe(&r, 6, 872);
    vga_set_vbe(&r, 2, 4809);
    vga_set_vbe(&r, 8, 856);
    CHECK_EQ(vga_get_vbe(&r, 8), 856);
    vga_set_vbe(&r, 8, 857);
    CHECK_EQ(vga_get_vbe(&r, 8), 0);
    vga_rig_close(&r);
}

/* ---- memory */

static enum range_kind kind_at(struct vga_rig *r, paddr a)
{
    struct mem_view v;
    return space_find(r->m->memory, a, &v) ? v.range->kind : RANGE_ROMD;
}

TEST(linear_modes_have_the_window_as_memory)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    vga_set_mode(&r, &vga_mode_ega);
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_MMIO);
    vga_set_mode(&r, &vga_mode_256);
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_RAM);
    CHECK_EQ(kind_at(&r, 0xb0000), RANGE_MMIO);
    vga_set(&r, 0x3c4, 2, 0x07); /* a plane is left out */
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_MMIO);
    vga_set_vbe(&r, 1, 640);
    vga_set_vbe(&r, 2, 480);
    vga_set_vbe(&r, 3, 32);
    vga_set_vbe(&r, 4, 0x41);
    vga_set_vbe(&r, 5, 5);
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_RAM);
    vga_store(&r, 0xa0010, 4, 0x11223344);
    CHECK_EQ(vga_load(&r, VGA_RIG_LINEAR + 0x50010, 4), 0x11223344);
    device_reset(r.dev);
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_MMIO);
    vga_rig_close(&r);
}

/* ---- PCI */

#define FRAME RIG_MMIO
#define REGISTERS (RIG_MMIO + 0x8000000)

static struct device *open_pci(struct rig *r, const struct device_class *cls, const char *prop)
{
    struct error e;
    rig_open(r);
    struct device *d = rig_device(r, cls, "pcie.0", &e, "addr=4", prop, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(d);
    rig_config_set(r, 0, 0x20, 0x10, 4, (uint32_t)FRAME);
    rig_config_set(r, 0, 0x20, 0x18, 4, (uint32_t)REGISTERS);
    rig_config_set(r, 0, 0x20, 4, 2, 3);
    return d;
}

TEST(memory_is_as_large_as_asked_for)
{
    static const struct {
        const char *prop;
        uint32_t mask;
    } rows[] = {
        {"vgamem_mb=1", 0xfff00008}, {"vgamem_mb=3", 0xffc00008}, {"vgamem_mb=64", 0xfc000008}};
    for (unsigned i = 0; i < array_len(rows); i++) {
        struct rig r;
        open_pci(&r, i ? &vga_pci_class : &secondary_vga_class, rows[i].prop);
        rig_config_set(&r, 0, 0x20, 0x10, 4, UINT32_MAX);
        CHECK_EQ(rig_config(&r, 0, 0x20, 0x10, 4), rows[i].mask);
        CHECK_EQ(rig_load(&r, REGISTERS + 0x500 + 2 * 10, 2), (~rows[i].mask >> 16) + 1);
        rig_close(&r);
    }
    struct error e = {""};
    struct machine *m = test_machine_new(4096);
    struct device *d = device_new(&isa_vga_class, m, NULL);
    CHECK(device_set(d, "vgamem_mb", "1024", &e) && !device_create(d, &e));
    CHECK_MSG(strstr(e.text, "1 to 512"), "%s", e.text);
    device_free(d);
    test_machine_free(m);
}

TEST(a_function_has_memory_registers_and_the_data_of_a_monitor)
{
    struct rig r;
    uint8_t sum = 0;
    open_pci(&r, &vga_pci_class, NULL);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0, 4), 0x11111234);
    CHECK_EQ(rig_config(&r, 0, 0x20, 8, 4), 0x03000002);
    for (unsigned i = 0; i < 128; i++) {
        sum = (uint8_t)(sum + rig_load(&r, REGISTERS + i, 1));
    }
    CHECK_EQ(sum, 0);
    CHECK_EQ(rig_load(&r, REGISTERS, 8), UINT64_C(0x00ffffffffffff00));
    CHECK_EQ(rig_load(&r, REGISTERS + 0x500, 2), 0xb0c5);
    rig_store(&r, REGISTERS + 0x502, 2, 320);
    rig_store(&r, REGISTERS + 0x504, 2, 200);
    rig_store(&r, REGISTERS + 0x506, 2, 32);
    rig_store(&r, REGISTERS + 0x508, 2, 0x41);
    rig_store(&r, REGISTERS + 0x400, 1, 0x20); /* the palette is the screen's */
    rig_store(&r, FRAME + 4 * (320 * 10 + 7), 4, 0x00abcdef);
    CHECK_EQ(rig_load(&r, FRAME + 4 * (320 * 10 + 7), 4), 0x00abcdef);
    struct screen *s = r.m->screens;
    screen_refresh(s);
    REQUIRE(s->surface && s->surface->width == 320 && s->surface->height == 200);
    CHECK_EQ(s->surface->pixels[320 * 10 + 7] & 0xffffff, 0xabcdef);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x604, 4), 0x1e1e1e1e);
    rig_store(&r, REGISTERS + 0x604, 4, 0xbebebebe);
    screen_refresh(s);
    CHECK_EQ(s->surface->pixels[320 * 10 + 7] & 0xffffff, 0xcdab00);
    rig_close(&r);
}

static void write_rom(const char *path, unsigned bytes)
{
    FILE *f = fopen(path, "wb");
    for (unsigned i = 0; f && i < bytes; i++) {
        fputc(i == 0 ? 0x55 : i == 1 ? 0xaa : (int)(i & 0xff), f);
    }
    CHECK(f && fclose(f) == 0);
}

TEST(an_option_rom_is_seen_where_its_register_says)
{
    static const char path[] = "/tmp/dragoman-test-rom";
    struct rig r;
    write_rom(path, 5000);
    open_pci(&r, &vga_pci_class, "romfile=/tmp/dragoman-test-rom");
    rig_config_set(&r, 0, 0x20, 0x30, 4, UINT32_MAX);
    CHECK_EQ(rig_config(&r, 0, 0x20, 0x30, 4), 0xffffe001);
    rig_config_set(&r, 0, 0x20, 0x30, 4, (uint32_t)REGISTERS + 0x10000);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x10000, 4), UINT32_MAX); /* not enabled */
    rig_config_set(&r, 0, 0x20, 0x30, 4, (uint32_t)REGISTERS + 0x10001);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x10000, 4), 0x0302aa55);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x10000 + 4999, 1), 4999 & 0xff);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x10000 + 5000, 1), 0);
    rig_config_set(&r, 0, 0x20, 4, 2, 0);
    CHECK_EQ(rig_load(&r, REGISTERS + 0x10000, 4), UINT32_MAX);
    rig_close(&r);

    struct error e = {""};
    rig_open(&r);
    CHECK(!rig_device(&r, &vga_pci_class, "pcie.0", &e, "romfile=/nonexistent/rom", NULL));
    CHECK_MSG(strstr(e.text, "/nonexistent/rom"), "%s", e.text);
    rig_close(&r);
    remove(path);
}

/* ---- state, and ill will */

TEST(state_is_kept)
{
    struct vga_rig r;
    vga_rig_open(&r, false);
    begin_text(&r);
    vga_store(&r, 0xb8000, 2, 0x1f41);
    vga_set(&r, 0x3ce, 4, 2);
    vga_load(&r, 0xb8000, 1); /* the latches have something */
    CHECK(test_round_trip(r.dev));
    vga_set_vbe(&r, 1, 800);
    vga_set_vbe(&r, 2, 600);
    vga_set_vbe(&r, 3, 16);
    vga_set_vbe(&r, 4, 0xc1);
    vga_set_vbe(&r, 5, 3);
    CHECK(test_round_trip(r.dev));
    CHECK_EQ(kind_at(&r, 0xa0000), RANGE_RAM);
    vga_store(&r, 0xa0000, 1, 0x5a);
    CHECK_EQ(vga_load(&r, VGA_RIG_LINEAR + 0x30000, 1), 0x5a);
    vga_rig_close(&r);
}

static void do_anything(struct vga_rig *r, struct rng *rng)
{
    static const uint16_t ports[] = {0x3c0, 0x3c4, 0x3c5, 0x3ce, 0x3cf,
                                     0x3d4, 0x3d5, 0x3c2, 0x1ce, 0x1d0};
    const unsigned size = 1u << rng_below(rng, 3);
    const uint32_t value = (uint32_t)(rng_below(rng, 2) ? rng_u64(rng) : rng_below(rng, 256));
    uint64_t got;
    switch (rng_below(rng, 6)) {
    case 0:
        vga_set_vbe(r, (unsigned)rng_below(rng, 12), value);
        break;
    case 1:
        space_store(r->m->memory, 0xa0000 + rng_below(rng, 0x20000 - 4), size, value);
        break;
    case 2:
        space_load(r->m->memory, 0xa0000 + rng_below(rng, 0x20000 - 4), size, &got);
        break;
    case 3:
        space_store(r->ports, 0x3b0 + rng_below(rng, 0x30), size, value);
        space_load(r->ports, 0x3b0 + rng_below(rng, 0x30), size, &got);
        break;
    default:
        space_store(r->ports, ports[rng_below(rng, array_len(ports))], size, value);
        break;
    }
}

/* Behind struct device; what a state brings is looked at by loaded. */
static struct vga *vga_of(struct device *d)
{
    return (struct vga *)(void *)((uint8_t *)d + sizeof(struct device));
}

TEST(any_state_makes_a_picture_or_none)
{
    struct vga_rig r;
    struct rng rng;
    struct screen_text t = {0};
    rng_seed(&rng, test_seed());
    vga_rig_open(&r, false);
    for (unsigned i = 0; i < 2000 * test_scale(); i++) {
        struct vga_regs *regs = &vga_of(r.dev)->regs;
        uint8_t *bytes = (uint8_t *)regs;
        for (unsigned k = 0; k < sizeof(*regs); k++) {
            bytes[k] = (uint8_t)(rng_below(&rng, 4) ? rng_u64(&rng) : rng_below(&rng, 2) * 0xff);
        }
        regs->attr_data = regs->dac_8bit = regs->big_endian = rng_below(&rng, 2);
        regs->seq_index &= 7; /* as the table of fields has it */
        regs->gfx_index &= 15;
        regs->dac_part %= 3;
        regs->attr_index |= 0x20;
        regs->vbe[VBE_ENABLE] = (uint16_t)rng_below(&rng, 2);
        r.dev->cls->loaded(r.dev);
        screen_refresh(r.m->screens);
        screen_read_text(r.m->screens, &t);
        vga_in(&r, 0x3c9, 1);
        vga_load(&r, 0xa0000 + (unsigned)rng_below(&rng, 0x1fffc), 4);
    }
    mem_free(t.cells);
    vga_rig_close(&r);
}

static void note_gone(void *opaque)
{
    ++*(unsigned *)opaque;
}

TEST(viewers_learn_of_the_end)
{
    unsigned gone = 0;
    struct rig r;
    struct screen_viewer v = {.gone = note_gone, .opaque = &gone};
    struct device *d = open_pci(&r, &vga_pci_class, NULL);
    screen_watch(r.m->screens, &v);
    screen_refresh(r.m->screens);
    device_free(d);
    CHECK_EQ(gone, 1);
    CHECK(!r.m->screens && !dirty_used(space_dirty(r.m->memory)));
    rig_close(&r);
}

TEST(any_registers_make_a_picture_or_none)
{
    struct vga_rig r;
    struct viewer v;
    struct rng rng;
    struct screen_text t = {0};
    rng_seed(&rng, test_seed());
    vga_rig_open(&r, false);
    vga_set_mode(&r, &vga_mode_text);
    begin_viewer(&v, r.m->screens);
    unsigned sizes = 0;
    for (unsigned i = 0; i < 1500 * test_scale(); i++) {
        for (unsigned n = (unsigned)rng_below(&rng, 30); n > 0; n--) {
            do_anything(&r, &rng);
        }
        if (rng_below(&rng, 2)) {
            vga_palette_on(&r, true);
        }
        screen_refresh(r.m->screens);
        screen_read_text(r.m->screens, &t);
        if (i % 100 == 0) {
            CHECK(test_round_trip(r.dev));
            vga_set_mode(&r, i % 200 ? &vga_mode_ega : &vga_mode_256);
        }
    }
    sizes = v.resized;
    CHECK_MSG(sizes > 50, "%u sizes", sizes);
    screen_unwatch(r.m->screens, &v.viewer);
    mem_free(t.cells);
    vga_rig_close(&r);
}
