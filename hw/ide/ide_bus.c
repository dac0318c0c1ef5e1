/* SPDX-License-Identifier: MIT */
/* The places of drives on an IDE bus. */
#include <stdio.h>

#include "hw/ide/ide.h"

static bool choose_place(const struct ide_bus *b, struct ide_drive *d, struct error *e)
{
    if (d->place == IDE_UNIT_ANY) {
        for (d->place = 0; d->place < b->units && b->unit[d->place]; d->place++) {
        }
        return d->place < b->units || error_set(e, "IDE unit %u is in use", b->units - 1);
    }
    if (d->place >= b->units) {
        return error_set(e, "Can't create IDE unit %u, bus supports only %u units", d->place,
                         b->units);
    }
    return !b->unit[d->place] || error_set(e, "IDE unit %u is in use", d->place);
}

static bool bus_attach(struct bus *bus, struct device *dev, struct error *e)
{
    struct ide_bus *b = bus->impl;
    struct ide_drive *d = (struct ide_drive *)dev;
    if (!choose_place(b, d, e)) {
        error_prefix(e, "%s: ", dev->cls->name);
        return false;
    }
    d->on = b;
    b->unit[d->place] = d;
    return true;
}

static void bus_detach(struct bus *bus, struct device *dev)
{
    struct ide_bus *b = bus->impl;
    struct ide_drive *d = (struct ide_drive *)dev;
    if (b->unit[d->place] == d) {
        b->unit[d->place] = NULL;
    }
}

static bool bus_is_full(const struct bus *bus)
{
    const struct ide_bus *b = bus->impl;
    return b->unit[0] && (b->units == 1 || b->unit[1]);
}

static void bus_place(const struct device *dev, char *text, size_t size)
{
    snprintf(text, size, "%u", ((const struct ide_drive *)dev)->place);
}

/* "/pci@.../ide@1,1/drive@0/disk@0": the bus's number, and the unit on it. */
static void bus_firmware_path(const struct device *dev, struct strbuf *out)
{
    const struct ide_drive *d = (const struct ide_drive *)dev;
    const struct device *host = dev->bus->parent;
    if (host->bus && host->bus->firmware_path) {
        host->bus->firmware_path(host, out);
    }
    strbuf_printf(out, "/drive@%x/disk@%x", d->on->number, d->place);
}

void ide_bus_init(struct ide_bus *b, struct device *d, unsigned n)
{
    b->number = n;
    b->bus = (struct bus){.kind = BUS_IDE,
                          .machine = d->machine,
                          .parent = d,
                          .impl = b,
                          .attach = bus_attach,
                          .detach = bus_detach,
                          .is_full = bus_is_full,
                          .place = bus_place,
                          .firmware_path = bus_firmware_path};
    if (d->id) {
        snprintf(b->bus.name, sizeof(b->bus.name), "%.24s.%u", d->id, n);
    }
    machine_add_bus_of(&b->bus, "ide");
}

void ide_bus_fini(struct ide_bus *b)
{
    machine_remove_bus(b->bus.machine, &b->bus);
}
