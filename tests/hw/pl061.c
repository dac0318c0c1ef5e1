/* SPDX-License-Identifier: MIT */
/* The PL061 GPIO controller, and the power button at one of its pins. */
#include "hw/gpio/pl061.h"

#include "tests/support/machine.h"
#include "tests/test.h"

#define GPIO 0x09030000
enum {
    ALL = 0xff << 2, /* DATA, all pins */
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c
};

struct bench {
    struct machine *m;
    struct device *gpio;
    struct test_line irq;
};

static void begin(struct bench *b)
{
    *b = (struct bench){.m = test_machine_new(4096)};
    b->gpio = test_device(b->m, &pl061_class, NULL);
    b->gpio->irq[0] = test_line_irq(&b->irq);
    device_map(b->gpio, b->m->memory, GPIO);
}

static void end(struct bench *b)
{
    test_machine_free(b->m);
}

static uint32_t get(struct bench *b, unsigned reg)
{
    return test_load32(b->m, GPIO + reg);
}

static void put(struct bench *b, unsigned reg, uint32_t value)
{
    test_store32(b->m, GPIO + reg, value);
}

static void pin(struct bench *b, unsigned n, int level)
{
    struct irq irq = pl061_pin(b->gpio, n);
    irq_set(&irq, level);
}

TEST(address_selects_the_pins_and_direction_who_drives_them)
{
    struct bench b;
    begin(&b);
    pin(&b, 0, 1);
    pin(&b, 7, 1);
    CHECK_EQ(get(&b, ALL), 0x81);
    CHECK_EQ(get(&b, 0x80 << 2), 0x80);
    CHECK_EQ(get(&b, 0), 0);
    put(&b, DIR, 0x0f);
    put(&b, 0x06 << 2, 0xff);
    CHECK_EQ(get(&b, ALL), 0x86); /* pin 0 is an output now, and low */
    put(&b, ALL, 0xf0);
    CHECK_EQ(get(&b, ALL), 0x80);
    end(&b);
}

TEST(edges_are_kept_until_cleared)
{
    struct bench b;
    begin(&b);
    put(&b, IE, 1 << 3);
    put(&b, IEV, 1 << 3);
    pin(&b, 3, 1);
    pin(&b, 3, 0);
    CHECK_EQ(get(&b, RIS), 1 << 3);
    CHECK_EQ(b.irq.level, 1);
    put(&b, IC, 1 << 3);
    CHECK_EQ(b.irq.level, 0);
    put(&b, IEV, 0);
    pin(&b, 3, 1);
    CHECK_EQ(get(&b, RIS), 0);
    pin(&b, 3, 0);
    CHECK_EQ(get(&b, MIS), 1 << 3);
    put(&b, IC, 0xff);
    put(&b, IBE, 1 << 3);
    pin(&b, 3, 1);
    CHECK_EQ(get(&b, RIS), 1 << 3);
    end(&b);
}

TEST(levels_last_as_long_as_the_pin_has_them)
{
    struct bench b;
    begin(&b);
    put(&b, IS, 1 << 2);
    put(&b, IEV, 1 << 2);
    put(&b, IE, 1 << 2);
    CHECK_EQ(b.irq.level, 0);
    pin(&b, 2, 1);
    CHECK_EQ(b.irq.level, 1);
    put(&b, IC, 1 << 2);
    CHECK_EQ(b.irq.level, 1);
    pin(&b, 2, 0);
    CHECK_EQ(b.irq.level, 0);
    put(&b, IEV, 0);
    CHECK_EQ(b.irq.level, 1);
    end(&b);
}

TEST(key_is_down_for_a_tenth_of_a_second)
{
    struct bench b;
    begin(&b);
    struct device *key = test_device(b.m, &gpio_key_class, NULL);
    key->irq[0] = pl061_pin(b.gpio, 3);
    put(&b, IE, 1 << 3);
    put(&b, IBE, 1 << 3);
    gpio_key_press(key);
    CHECK_EQ(get(&b, ALL), 1 << 3);
    CHECK_EQ(b.irq.level, 1);
    put(&b, IC, 1 << 3);
    clock_manual_advance(b.m->clock, 99999999);
    CHECK_EQ(b.irq.level, 0);
    CHECK(test_round_trip(key));
    CHECK_EQ(get(&b, ALL), 1 << 3);
    put(&b, IC, 1 << 3);
    clock_manual_advance(b.m->clock, 1);
    CHECK_EQ(get(&b, ALL), 0);
    CHECK_EQ(b.irq.level, 1);
    end(&b);
}

TEST(state_survives_saving_and_loading)
{
    struct bench b;
    begin(&b);
    put(&b, DIR, 1);
    put(&b, ALL, 1);
    put(&b, IE, 2);
    put(&b, IEV, 2);
    pin(&b, 1, 1);
    CHECK(test_round_trip(b.gpio));
    CHECK_EQ(get(&b, ALL), 3);
    CHECK_EQ(b.irq.level, 1);
    CHECK_EQ(get(&b, 0xfe0), 0x61);
    device_reset(b.gpio);
    CHECK_EQ(b.irq.level, 0);
    CHECK_EQ(get(&b, ALL), 2); /* the outside still drives pin 1 */
    end(&b);
}
