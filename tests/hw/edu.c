/* SPDX-License-Identifier: MIT */
/* The educational device: its registers, interrupts and DMA. */
#include "base/bits.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

extern const struct device_class edu_class;

#define EDU RIG_MMIO
#define BUFFER 0x40000

struct scene {
    struct rig r;
    struct device *dev;
};

static void open_scene(struct scene *s, const char *prop)
{
    struct error e = {""};
    rig_open(&s->r);
    s->dev = rig_device(&s->r, &edu_class, "pcie.0", &e, "addr=4", prop, NULL);
    if (!s->dev) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    device_reset(s->dev);
    rig_config_set(&s->r, 0, 0x20, 0x10, 4, (uint32_t)EDU);
    rig_config_set(&s->r, 0, 0x20, 4, 2, 6);
}

static uint32_t reg(struct scene *s, unsigned offset)
{
    return (uint32_t)rig_load(&s->r, EDU + offset, 4);
}

static void set(struct scene *s, unsigned offset, uint32_t v)
{
    rig_store(&s->r, EDU + offset, 4, v);
}

/* INTA of slot 4. */
static int line(const struct scene *s)
{
    return s->r.intx[0];
}

TEST(it_lives_and_says_what_it_is)
{
    struct scene s;
    open_scene(&s, NULL);
    CHECK_EQ(rig_config(&s.r, 0, 0x20, 0, 4), 0x11e81234);
    CHECK_EQ(rig_config(&s.r, 0, 0x20, 8, 1), 0x10);
    CHECK_EQ(reg(&s, 0), 0x010000ed);
    set(&s, 4, 0x12345678);
    CHECK_EQ(reg(&s, 4), ~0x12345678u);
    CHECK_EQ(reg(&s, 0x10), UINT32_MAX);
    CHECK_EQ(rig_load(&s.r, EDU, 8), UINT64_MAX); /* not in eight bytes */
    rig_close(&s.r);
}

TEST(factorials_are_computed_in_time)
{
    static const struct {
        uint32_t n, product;
    } rows[] = {{0, 1}, {1, 1}, {5, 120}, {12, 479001600}, {13, 1932053504}, {0xffffffff, 0}};
    struct scene s;
    open_scene(&s, NULL);
    for (unsigned i = 0; i < array_len(rows); i++) {
        set(&s, 8, rows[i].n);
        CHECK_EQ(reg(&s, 0x20), 1);
        set(&s, 8, 3); /* it is busy */
        CHECK_EQ(reg(&s, 8), rows[i].n);
        clock_manual_advance(s.r.m->clock, 10000);
        CHECK_EQ(reg(&s, 0x20), 0);
        CHECK_EQ(reg(&s, 8), rows[i].product);
    }
    CHECK_EQ(line(&s), 0);
    set(&s, 0x20, 0xff);
    CHECK_EQ(reg(&s, 0x20), 0x80);
    set(&s, 8, 4);
    CHECK_EQ(reg(&s, 0x20), 0x81);
    clock_manual_advance(s.r.m->clock, 10000);
    CHECK_EQ(line(&s), 1);
    CHECK_EQ(reg(&s, 0x24), 1);
    set(&s, 0x64, 1);
    CHECK_EQ(line(&s), 0);
    rig_close(&s.r);
}

TEST(interrupts_are_raised_and_acknowledged)
{
    struct scene s;
    open_scene(&s, NULL);
    set(&s, 0x60, 6);
    CHECK_EQ(line(&s), 1);
    set(&s, 0x64, 2);
    CHECK_EQ(line(&s), 1);
    CHECK_EQ(reg(&s, 0x24), 4);
    set(&s, 0x64, 4);
    CHECK_EQ(line(&s), 0);
    set(&s, 0x60, 0);
    CHECK_EQ(line(&s), 0);
    rig_close(&s.r);
}

TEST(messages_take_the_place_of_the_pin)
{
    struct scene s;
    open_scene(&s, NULL);
    const unsigned cap = rig_cap(&s.r, 0, 0x20, 5);
    REQUIRE(cap);
    CHECK_EQ(rig_config(&s.r, 0, 0x20, cap + 2, 2), 0x80);
    set(&s, 0x60, 1);
    rig_config_set(&s.r, 0, 0x20, cap + 4, 4, RIG_MSI);
    rig_config_set(&s.r, 0, 0x20, cap + 8, 4, 0);
    rig_config_set(&s.r, 0, 0x20, cap + 12, 2, 9);
    rig_config_set(&s.r, 0, 0x20, cap + 2, 2, 1);
    CHECK_EQ(line(&s), 0);
    set(&s, 0x60, 2);
    CHECK_EQ(s.r.msi[9], 1);
    CHECK_EQ(line(&s), 0);
    CHECK_EQ(reg(&s, 0x24), 3);
    CHECK(test_round_trip(s.dev));
    set(&s, 0x60, 4);
    CHECK_EQ(s.r.msi[9], 2);
    rig_close(&s.r);
}

static void dma(struct scene *s, uint64_t from, uint64_t to, uint64_t n, uint32_t command)
{
    rig_store(&s->r, EDU + 0x80, 8, from);
    rig_store(&s->r, EDU + 0x88, 8, to);
    rig_store(&s->r, EDU + 0x90, 8, n);
    set(s, 0x98, command);
    CHECK_EQ(reg(s, 0x98), command);
    clock_manual_advance(s->r.m->clock, 100000);
    CHECK_EQ(reg(s, 0x98), command & ~1u);
}

TEST(dma_goes_both_ways_within_the_buffer)
{
    struct scene s;
    open_scene(&s, "dma_mask=0xffffffffff");
    const paddr a = rig_alloc(&s.r, 8192);
    uint8_t *p = rig_host(&s.r, a);
    memset(p, 0x3c, 4096);
    dma(&s, a, BUFFER, 4096, 1);
    dma(&s, BUFFER + 96, a + 4096, 4000, 7);
    CHECK(p[4096] == 0x3c && p[8095] == 0x3c && p[8096] == 0);
    CHECK_EQ(line(&s), 1);
    CHECK_EQ(reg(&s, 0x24), 0x100);
    memset(p, 0, 8192);
    dma(&s, BUFFER + 97, a, 4000, 3); /* beyond the end, before the start, too much */
    dma(&s, BUFFER - 1, a, 4, 3);
    dma(&s, BUFFER, a, UINT64_MAX, 3);
    dma(&s, UINT64_MAX, a, 16, 3);
    CHECK(p[0] == 0 && p[4000] == 0);
    dma(&s, BUFFER, 0, 16, 3); /* no memory */
    CHECK(test_round_trip(s.dev));
    dma(&s, BUFFER, a, 16, 3);
    CHECK_EQ(p[15], 0x3c);
    rig_close(&s.r);
}

TEST(dma_reaches_what_its_mask_says)
{
    struct scene s;
    open_scene(&s, NULL); /* 28 bits: memory begins above */
    const paddr a = rig_alloc(&s.r, 4096);
    memset(rig_host(&s.r, a), 0x3c, 16);
    dma(&s, BUFFER, a, 16, 3);
    CHECK_EQ(*rig_host(&s.r, a), 0x3c);
    rig_close(&s.r);
}
