/* SPDX-License-Identifier: MIT */
/* The watchdog of Intel's 6300ESB. */
#include "hw/classes.h"
#include "hw/pci/pci_regs.h"
#include "tests/support/virtio_rig.h"
#include "tests/test.h"

#define SLOT 0x30
#define BASE (RIG_MMIO + 0x3000)
#define SECOND UINT64_C(1000000000)

enum {
    CONFIG = 0x60,
    LOCK = 0x68,
    TIMER1 = 0,
    TIMER2 = 4,
    RELOAD = 12
};

static unsigned fired;

static void request(struct power *p, enum power_request r)
{
    (void)p;
    fired += r == POWER_WATCHDOG;
}

static struct power power = {.request = request};

struct bench {
    struct rig r;
    struct device *d;
};

static void map(struct bench *b)
{
    rig_config_set(&b->r, 0, SLOT, PCI_BAR0, 4, BASE);
    rig_config_set(&b->r, 0, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void begin(struct bench *b)
{
    struct error e = {""};
    rig_open(&b->r);
    b->r.m->power = &power;
    fired = 0;
    b->d = rig_device(&b->r, &i6300esb_class, "pcie.0", &e, "addr=6", NULL);
    CHECK_MSG(b->d, "%s", e.text);
    map(b);
}

static void unlocked_write(struct bench *b, unsigned offset, uint32_t value)
{
    rig_store(&b->r, BASE + RELOAD, 2, 0x80);
    rig_store(&b->r, BASE + RELOAD, 2, 0x86);
    rig_store(&b->r, BASE + offset, offset == RELOAD ? 2 : 4, value);
}

/* Both stages a second long: 1024 counts of 2^15 cycles at 33 MHz are 1.017 s. */
static void start(struct bench *b, unsigned lock)
{
    unlocked_write(b, TIMER1, 1024);
    unlocked_write(b, TIMER2, 1024);
    rig_config_set(&b->r, 0, SLOT, LOCK, 1, lock);
}

TEST(it_fires_after_both_stages_and_says_so_after_the_reset)
{
    struct bench b;
    begin(&b);
    CHECK_EQ(rig_config(&b.r, 0, SLOT, 0, 4), 0x25ab8086);
    start(&b, 2);
    clock_manual_advance(b.r.m->clock, 2 * SECOND);
    CHECK_EQ(fired, 0);
    clock_manual_advance(b.r.m->clock, SECOND / 10);
    CHECK_EQ(fired, 1);
    device_reset(b.d);
    map(&b);
    CHECK_EQ(rig_load(&b.r, BASE + RELOAD, 2), 0x200);
    unlocked_write(&b, RELOAD, 0x200);
    CHECK_EQ(rig_load(&b.r, BASE + RELOAD, 2), 0);
    clock_manual_advance(b.r.m->clock, 100 * SECOND);
    CHECK_EQ(fired, 1);
    rig_close(&b.r);
}

TEST(feeding_it_holds_it_off)
{
    struct bench b;
    begin(&b);
    start(&b, 2);
    for (int i = 0; i < 10; i++) {
        clock_manual_advance(b.r.m->clock, 3 * SECOND / 2);
        unlocked_write(&b, RELOAD, 0x100);
    }
    CHECK_EQ(fired, 0);
    rig_store(&b.r, BASE + RELOAD, 2, 0x100); /* locked: nothing */
    clock_manual_advance(b.r.m->clock, 3 * SECOND);
    CHECK_EQ(fired, 1);
    rig_close(&b.r);
}

TEST(what_is_locked_cannot_be_stopped)
{
    struct bench b;
    begin(&b);
    start(&b, 2);
    rig_config_set(&b.r, 0, SLOT, LOCK, 1, 0);
    clock_manual_advance(b.r.m->clock, 3 * SECOND);
    CHECK_EQ(fired, 0);
    rig_config_set(&b.r, 0, SLOT, LOCK, 1, 3);
    rig_config_set(&b.r, 0, SLOT, LOCK, 1, 0);
    CHECK_EQ(rig_config(&b.r, 0, SLOT, LOCK, 1), 3);
    clock_manual_advance(b.r.m->clock, 3 * SECOND);
    CHECK_EQ(fired, 1);
    device_reset(b.d);
    rig_config_set(&b.r, 0, SLOT, LOCK, 1, 4);
    CHECK_EQ(rig_config(&b.r, 0, SLOT, LOCK, 1), 4);
    rig_close(&b.r);
}

TEST(it_counts_microseconds_or_does_nothing_at_the_end)
{
    struct bench b;
    begin(&b);
    rig_config_set(&b.r, 0, SLOT, CONFIG, 2, 4);
    start(&b, 6); /* free running */
    clock_manual_advance(b.r.m->clock, SECOND / 100);
    CHECK_EQ(fired, 5); /* 2 * 0.993 ms each */
    rig_config_set(&b.r, 0, SLOT, CONFIG, 2, 0x24);
    clock_manual_advance(b.r.m->clock, SECOND / 100);
    CHECK_EQ(fired, 5);
    rig_close(&b.r);
}
