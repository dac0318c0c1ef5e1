/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers of a floppy disk controller: bytes to any of its ports, often nearly good
 * commands, with and without DMA. Nothing crashes, states load, and a reset mends it.
 */
#include "base/bits.h"
#include "base/rng.h"
#include "block/block.h"
#include "hw/block/fdc.h"
#include "hw/isa/i8237.h"
#include "hw/isa/isa.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

static struct block *disk;

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return disk;
}

static void out(struct space *s, unsigned port, uint64_t value)
{
    space_store(s, port, 1, value & 0xff);
}

static uint8_t in(struct space *s, unsigned port)
{
    uint64_t v = 0;
    space_load(s, port, 1, &v);
    return (uint8_t)v;
}

static void some_command(struct space *s, struct rng *g)
{
    static const uint8_t codes[] = {0xe6, 0xc5, 0x4d, 0x4a, 0xd6, 0x42, 0x03, 0x04, 0x07, 0x08,
                                    0x0e, 0x0f, 0x10, 0x13, 0x14, 0x94, 0x8f, 0xcf, 0x46, 0x45};
    const uint8_t code = rng_below(g, 8) ? codes[rng_below(g, sizeof(codes))] : (uint8_t)rng_u64(g);
    out(s, 0x3f5, code);
    for (unsigned i = 1; i < 9 && (in(s, 0x3f4) & 0xd0) == 0x90; i++) {
        static const uint8_t usual[] = {0, 0, 0, 0, 1, 2, 18, 27, 255};
        out(s, 0x3f5, rng_below(g, 3) ? usual[i] : rng_below(g, 2) ? rng_below(g, 6) : rng_u64(g));
    }
}

static void one_action(struct space *s, struct rng *g)
{
    switch (rng_below(g, 10)) {
    case 0:
        out(s, 0x3f0 + (unsigned)rng_below(g, 8), rng_u64(g));
        break;
    case 1:
        out(s, 0x3f2, rng_below(g, 3) ? 0x1c : rng_u64(g));
        break;
    case 2:
        out(s, (unsigned)rng_below(g, 16), rng_u64(g));
        break;
    case 3:
        out(s, 0x0b, 0x44 + 4 * rng_below(g, 2) + 2);
        out(s, 0x0a, 2);
        break;
    case 4:
    case 5:
        for (unsigned i = 0; i < 600; i++) {
            if (in(s, 0x3f4) & 0x40) {
                in(s, 0x3f5);
            } else if ((in(s, 0x3f4) & 0x20)) {
                out(s, 0x3f5, rng_u64(g));
            }
        }
        break;
    case 6:
        out(s, 0x3f7, rng_below(g, 4));
        break;
    default:
        some_command(s, g);
    }
}

static void one_driver(struct rng *g)
{
    struct rig r;
    struct error e = {""};
    struct isa_bus isa;
    rig_open(&r);
    r.m->backends.drive = give_disk;
    r.m->config.counted = rng_below(g, 4) == 0;
    struct space *ports = space_create("ports");
    space_set_properties(ports, SPACE_ONES);
    isa_bus_init(&isa, r.m, ports);
    struct device *dma = rig_device(&r, &i8237_class, NULL, &e, NULL);
    REQUIRE(dma);
    i8237_map(dma, ports);
    isa.dma = rng_below(g, 4) ? i8237_channels(dma) : NULL;
    struct device *fdc = rig_device(&r, &isa_fdc_class, "isa.0", &e, NULL);
    REQUIRE(fdc && rig_device(&r, &floppy_class, "floppy-bus.0", &e, "drive=d", NULL));
    REQUIRE(rig_device(&r, &floppy_class, "floppy-bus.0", &e, NULL));
    for (unsigned n = 0; n < 400; n++) {
        one_action(ports, g);
        if (r.m->config.counted) {
            clock_manual_advance(r.m->clock, rng_below(g, 4000000));
        }
        if (n % 100 == 50) {
            test_states_load(r.m);
        }
    }
    out(ports, 0x3f2, 0x18);
    out(ports, 0x3f2, 0x1c);
    CHECK_EQ(in(ports, 0x3f4), 0x80);
    out(ports, 0x3f5, 0x10);
    CHECK_EQ(in(ports, 0x3f5), 0x90);
    rig_close(&r);
    space_destroy(ports);
}

TEST(random_drivers_of_a_floppy_controller_do_no_harm)
{
    struct rng g;
    disk = test_disk(2880 * 512);
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 200 * test_scale(); i++) {
        one_driver(&g);
    }
    block_close(disk);
}
