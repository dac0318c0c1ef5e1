/* SPDX-License-Identifier: MIT */
/* The parallel port. */
#include "hw/classes.h"
#include "tests/hw/pc_rig.h"

enum {
    DATA = 0x378,
    STATUS = 0x379,
    CONTROL = 0x37a
};

struct bench {
    struct pc_rig p;
    struct device *d;
    struct test_stream printer;
};

static struct stream *find_chardev(void *opaque, const char *id, struct error *e)
{
    (void)id, (void)e;
    return &((struct bench *)opaque)->printer.stream;
}

static void begin(struct bench *b)
{
    struct error e = {""};
    pc_rig_open(&b->p);
    test_stream_init(&b->printer);
    b->p.r.m->backends.chardev = find_chardev;
    b->p.r.m->backends.opaque = b;
    b->d = device_new(&parallel_class, b->p.r.m, NULL);
    b->d->bus = &b->p.isa.bus;
    CHECK(device_set(b->d, "chardev", "printer", &e));
    CHECK_MSG(device_create(b->d, &e), "%s", e.text);
    device_reset(b->d);
}

static void end(struct bench *b)
{
    pc_rig_close(&b->p);
    b->printer.stream.ops->close(&b->printer.stream);
}

static void put(struct bench *b, unsigned port, unsigned value)
{
    pc_out(&b->p, port, 1, value);
}

TEST(firmware_finds_the_port)
{
    struct bench b;
    begin(&b);
    put(&b, DATA, 0xaa);
    CHECK_EQ(pc_in(&b.p, DATA, 1), 0xaa);
    CHECK_EQ(pc_in(&b.p, STATUS, 1), 0xdf);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1), 0xcc);
    end(&b);
}

TEST(a_strobe_prints_a_byte_and_is_acknowledged)
{
    struct bench b;
    begin(&b);
    for (const char *c = "hi"; *c; c++) {
        put(&b, DATA, (uint8_t)*c);
        put(&b, CONTROL, 0x1d);
        put(&b, CONTROL, 0x1c);
    }
    CHECK_STR(strbuf_text(&b.printer.written), "hi");
    CHECK_EQ(b.p.line[7].rises, 2);
    put(&b, CONTROL, 0x00); /* not selected, and in reset */
    put(&b, CONTROL, 0x01);
    CHECK_STR(strbuf_text(&b.printer.written), "hi");
    put(&b, CONTROL, 0x2c);
    CHECK_EQ(pc_in(&b.p, DATA, 1), 0xff); /* turned round */
    end(&b);
}

TEST(places_are_checked)
{
    struct bench b;
    struct error e = {""};
    begin(&b);
    CHECK(!rig_device(&b.p.r, &parallel_class, "isa.0", &e, "index=3", NULL));
    CHECK_STR(e.text, "index=3: 0 to 2 are LPT1 to LPT3");
    CHECK(!rig_device(&b.p.r, &parallel_class, "isa.0", &e, "index=0", NULL));
    CHECK_STR(e.text, "iobase=0x378: 'isa-parallel' is at port 0x378");
    CHECK_MSG(rig_device(&b.p.r, &parallel_class, "isa.0", &e, "index=1", "irq=5", NULL), "%s",
              e.text);
    CHECK_EQ(pc_in(&b.p, 0x27a, 1), 0xcc);
    end(&b);
}

TEST(state_survives_and_any_access_is_taken)
{
    struct bench b;
    begin(&b);
    put(&b, DATA, 0x12);
    put(&b, CONTROL, 0x14);
    CHECK(test_round_trip(b.d));
    CHECK_EQ(pc_in(&b.p, DATA, 1), 0x12);
    CHECK_EQ(pc_in(&b.p, CONTROL, 1), 0xd4);
    pc_rig_hammer(&b.p, b.d, 0, DATA, 4);
    end(&b);
}
