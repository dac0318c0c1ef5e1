/* SPDX-License-Identifier: MIT */
/* The System Management Bus: addresses; see smbus.h. */
#include "hw/i2c/smbus.h"

#include <inttypes.h>
#include <stdio.h>

static uint32_t address_of(const struct device *d)
{
    const struct smbus_class *c = d->cls->kind;
    return *(const uint32_t *)(const void *)((const char *)d + c->address);
}

/* The bus itself uses the addresses below 8 and above 0x77 (SMBus 2.0, 5.2). */
static bool attach(struct bus *bus, struct device *d, struct error *e)
{
    struct smbus *b = bus->impl;
    const uint32_t a = address_of(d);
    if (a < 0x08 || a > 0x77) {
        return error_set(e, "%s: address=0x%" PRIx32 ": from 0x08 to 0x77 is possible",
                         d->cls->name, a);
    }
    if (b->device[a]) {
        return error_set(e, "%s: address=0x%" PRIx32 " on bus %s is taken by %s", d->cls->name, a,
                         bus->name, b->device[a]->cls->name);
    }
    b->device[a] = d;
    return true;
}

static void detach(struct bus *bus, struct device *d)
{
    struct smbus *b = bus->impl;
    if (b->device[address_of(d)] == d) {
        b->device[address_of(d)] = NULL;
    }
}

static void place(const struct device *d, char *text, size_t size)
{
    snprintf(text, size, "%02" PRIx32, address_of(d));
}

void smbus_init(struct smbus *b, struct device *owner)
{
    b->bus = (struct bus){.kind = BUS_I2C,
                          .machine = owner->machine,
                          .parent = owner,
                          .impl = b,
                          .attach = attach,
                          .detach = detach,
                          .place = place};
    machine_add_bus_of(&b->bus, "i2c");
}

void smbus_fini(struct smbus *b)
{
    machine_remove_bus(b->bus.machine, &b->bus);
}
