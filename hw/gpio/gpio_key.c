/* SPDX-License-Identifier: MIT */
/* A push button on a GPIO pin: the machine's power button. Pressed, it drives irq[0] high for 100
 * ms of virtual time. */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/gpio/pl061.h"

#define PRESSED_NS (UINT64_C(100) * 1000 * 1000)

struct gpio_key {
    struct device dev;
    struct clock_timer *release;
    uint64_t release_ns; /* when it comes up again; 0: it is up */
};

static void set(struct gpio_key *k, uint64_t release_ns)
{
    k->release_ns = release_ns;
    clock_timer_set(k->release, release_ns ? release_ns : CLOCK_NEVER);
    irq_set(&k->dev.irq[0], release_ns != 0);
}

static void released(void *opaque)
{
    set(opaque, 0);
}

void gpio_key_press(struct device *d)
{
    assert(d->cls == &gpio_key_class);
    set((struct gpio_key *)d, clock_now_ns(d->clock) + PRESSED_NS);
}

static const struct field gpio_key_fields[] = {
    FIELD(gpio_key, release_ns),
    FIELD_SKIP(gpio_key, release),
    FIELD_END,
};

static bool gpio_key_create(struct device *d, struct error *e)
{
    struct gpio_key *k = (struct gpio_key *)d;
    (void)e;
    k->release = clock_timer_create(d->clock, released, k);
    return true;
}

static void gpio_key_destroy(struct device *d)
{
    clock_timer_destroy(((struct gpio_key *)d)->release);
}

static void gpio_key_reset(struct device *d)
{
    set((struct gpio_key *)d, 0);
}

static void gpio_key_loaded(struct device *d)
{
    struct gpio_key *k = (struct gpio_key *)d;
    set(k, k->release_ns);
}

const struct device_class gpio_key_class = {
    .name = "gpio-key",
    .desc = "push button on a GPIO pin",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct gpio_key),
    .fields = gpio_key_fields,
    .create = gpio_key_create,
    .reset = gpio_key_reset,
    .destroy = gpio_key_destroy,
    .loaded = gpio_key_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_INTERNAL,
};
