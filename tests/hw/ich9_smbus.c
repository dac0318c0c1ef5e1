/* SPDX-License-Identifier: MIT */
/* ICH9's SMBus function, as Linux's i2c-i801 drives it. */
#include "hw/classes.h"
#include "hw/i2c/smbus.h"
#include "hw/pci/pci_regs.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define DEVFN 0xfb
#define BASE (RIG_PIO + 0x700)

enum {
    STATUS = 0,
    CONTROL = 2,
    COMMAND = 3,
    ADDRESS = 4,
    DATA0 = 5,
    DATA1 = 6,
    BLOCK = 7,
    AUX_CONTROL = 13
};

enum {
    DONE = 2,
    FAILED = 0x10,
    BYTE_DONE = 0x80,
    START = 0x40,
    LAST_BYTE = 0x20,
    INTERRUPT = 1
};

struct bench {
    struct rig r;
    struct device *d;
};

static void begin(struct bench *b)
{
    struct error e = {""};
    rig_open(&b->r);
    b->d = rig_device(&b->r, &ich9_smbus_class, "pcie.0", &e, "addr=1f.3", NULL);
    CHECK_MSG(b->d, "%s", e.text);
    CHECK_MSG(rig_device(&b->r, &smbus_eeprom_class, "i2c.0", &e, "address=0x50", NULL), "%s",
              e.text);
    rig_config_set(&b->r, 0, DEVFN, PCI_BAR0 + 16, 4, 0x700);
    rig_config_set(&b->r, 0, DEVFN, PCI_COMMAND, 2, PCI_COMMAND_IO);
}

static void put(struct bench *b, unsigned offset, unsigned value)
{
    rig_store(&b->r, BASE + offset, 1, value);
}

static unsigned get(struct bench *b, unsigned offset)
{
    return (unsigned)rig_load(&b->r, BASE + offset, 1);
}

static unsigned status(struct bench *b)
{
    return get(b, STATUS) & ~0x40u;
}

static void start(struct bench *b, bool read, unsigned protocol, unsigned command)
{
    put(b, STATUS, 0xfe);
    put(b, ADDRESS, 0x50 << 1 | read);
    put(b, COMMAND, command);
    put(b, CONTROL, START | protocol << 2);
}

TEST(it_is_the_function_that_drivers_look_for)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(rig_config(&b.r, 0, DEVFN, 0, 4), 0x29308086);
    CHECK_EQ(rig_config(&b.r, 0, DEVFN, 8, 4), 0x0c050002);
    CHECK_EQ(rig_config(&b.r, 0, DEVFN, 0x20, 4), 0x701);
    rig_close(&b.r);
}

TEST(whoever_reads_the_semaphore_as_0_has_it)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(get(&b, STATUS), 0);
    CHECK_EQ(get(&b, STATUS), 0x40);
    put(&b, STATUS, 0x40);
    CHECK_EQ(get(&b, STATUS), 0);
    rig_close(&b.r);
}

/* The driver gives a byte each time that it is told the last one went. */
static void write_block(struct bench *b, unsigned command, const char *text, unsigned n)
{
    put(b, STATUS, 0xfe);
    put(b, ADDRESS, 0x50 << 1);
    put(b, COMMAND, command);
    put(b, DATA0, n);
    put(b, BLOCK, (uint8_t)text[0]);
    put(b, CONTROL, START | 5 << 2);
    for (unsigned i = 1; i <= n; i++) {
        CHECK_EQ(status(b), BYTE_DONE);
        if (i < n) {
            put(b, BLOCK, (uint8_t)text[i]);
        }
        put(b, STATUS, BYTE_DONE);
    }
    CHECK_EQ(status(b), DONE);
}

TEST(blocks_go_byte_by_byte)
{
    struct bench b;
    begin(&b);
    write_block(&b, 0x10, "abc", 3);
    start(&b, true, 2, 0x10);
    CHECK_EQ(get(&b, DATA0), 3);
    start(&b, true, 5, 0x10);
    CHECK_EQ(get(&b, DATA0), 3);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_EQ(status(&b), BYTE_DONE);
        CHECK_EQ(get(&b, BLOCK), "abc"[i]);
        put(&b, STATUS, BYTE_DONE);
    }
    CHECK_EQ(status(&b), DONE);
    rig_close(&b.r);
}

TEST(blocks_go_by_the_buffer_if_it_is_on)
{
    struct bench b;
    begin(&b);
    write_block(&b, 0x20, "wxyz", 4);
    put(&b, AUX_CONTROL, 2);
    start(&b, true, 5, 0x20);
    CHECK_EQ(status(&b), DONE);
    get(&b, CONTROL);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(get(&b, BLOCK), "wxyz"[i]);
    }
    rig_close(&b.r);
}

TEST(i2c_reads_last_as_long_as_the_driver_wants)
{
    struct bench b;
    begin(&b);
    write_block(&b, 0x30, "0123456789", 10);
    put(&b, STATUS, 0xfe);
    put(&b, ADDRESS, 0x50 << 1);
    put(&b, DATA1, 0x31);
    put(&b, CONTROL, START | 6 << 2);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(status(&b), BYTE_DONE);
        CHECK_EQ(get(&b, BLOCK), '0' + i);
        if (i == 4) {
            put(&b, CONTROL, LAST_BYTE | 6 << 2);
        }
        put(&b, STATUS, BYTE_DONE);
    }
    CHECK_EQ(status(&b), DONE);
    rig_close(&b.r);
}

TEST(the_end_interrupts_and_killing_ends)
{
    struct bench b;
    begin(&b);
    put(&b, ADDRESS, 0x50 << 1);
    put(&b, CONTROL, START | INTERRUPT);
    CHECK_EQ(b.r.intx[3], 1);
    CHECK(test_round_trip(b.d));
    rig_config_set(&b.r, 0, DEVFN, PCI_COMMAND, 2, PCI_COMMAND_IO);
    CHECK_EQ(b.r.intx[3], 1);
    put(&b, STATUS, 0xfe);
    CHECK_EQ(b.r.intx[3], 0);
    put(&b, CONTROL, 2);
    CHECK_EQ(status(&b), FAILED);
    rig_close(&b.r);
}

TEST(any_access_is_taken)
{
    struct bench b;
    struct rng rng;
    rng_seed(&rng, test_seed());
    begin(&b);
    for (unsigned i = 0; i < 100000 * test_scale(); i++) {
        const unsigned offset = (unsigned)rng_below(&rng, 64);
        unsigned value = (unsigned)rng_below(&rng, 256);
        if (offset == ADDRESS && rng_below(&rng, 2)) {
            value = 0x50 << 1 | (value & 1);
        }
        if (rng_below(&rng, 2)) {
            get(&b, offset);
        } else {
            put(&b, offset, value);
        }
    }
    CHECK(test_round_trip(b.d));
    rig_close(&b.r);
}
