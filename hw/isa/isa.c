/* SPDX-License-Identifier: MIT */
/* The ISA bus. Who is where follows from the devices' own properties. */
#include "hw/isa/isa.h"

#include <inttypes.h>
#include <stdio.h>

static bool attach(struct bus *b, struct device *d, struct error *e)
{
    (void)b, (void)d, (void)e;
    return true;
}

static void detach(struct bus *b, struct device *d)
{
    (void)b, (void)d;
}

/* Its class, and how many of that were there before it: states tell devices apart by it. */
static void place(const struct device *d, char *text, size_t size)
{
    unsigned before = 0;
    for (const struct device *o = d->machine->devices; o && o != d; o = o->next) {
        before += o->cls == d->cls && o->bus == d->bus;
    }
    snprintf(text, size, "%s.%u", d->cls->name, before);
}

void isa_bus_init(struct isa_bus *b, struct machine *m, struct space *ports)
{
    *b = (struct isa_bus){.ports = ports};
    b->bus = (struct bus){.kind = BUS_ISA,
                          .machine = m,
                          .impl = b,
                          .attach = attach,
                          .detach = detach,
                          .place = place};
    snprintf(b->bus.name, sizeof(b->bus.name), "isa.0");
    machine_add_bus(m, &b->bus);
}

static struct isa_bus *bus_of(const struct device *d)
{
    return d->bus->impl;
}

bool isa_map_range(struct device *d, const struct mem_range *want, const struct mem_range **range,
                   struct error *e)
{
    struct space *s = bus_of(d)->ports;
    struct mem_range r = *want;
    struct mem_view v;
    if (r.base > 0xffff || r.size > 0x10000 - r.base) {
        return error_set(e, "iobase=0x%" PRIx64 ": ports go up to 0xffff", r.base);
    }
    if (space_find(s, r.base, &v) || (space_find_next(s, r.base, &v) && v.base < r.base + r.size)) {
        return error_set(e, "iobase=0x%" PRIx64 ": '%s' is at port 0x%" PRIx64, r.base,
                         v.range->name, v.base);
    }
    r.kind = RANGE_MMIO;
    r.name = d->cls->name;
    r.lock = d->lock;
    *range = space_add(s, &r);
    return true;
}

bool isa_map(struct device *d, uint64_t base, uint64_t ports, const struct mmio_ops *ops,
             const struct mem_range **range, struct error *e)
{
    return isa_map_range(
        d, &(struct mem_range){.base = base, .size = ports, .ops = ops, .opaque = d}, range, e);
}

void isa_unmap(struct device *d, const struct mem_range *range)
{
    if (range) {
        space_remove(bus_of(d)->ports, range);
    }
}

bool isa_connect(struct device *d, uint32_t n, struct error *e)
{
    if (n >= 16) {
        return error_set(e, "irq=%" PRIu32 ": lines have the numbers 0 to 15", n);
    }
    d->irq[0] = bus_of(d)->irq[n];
    return true;
}

struct isa_dma *isa_dma_of(const struct device *d)
{
    return bus_of(d)->dma;
}
