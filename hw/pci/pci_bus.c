/* SPDX-License-Identifier: MIT */
/*
 * PCI buses: slots, address decoding through bridges, interrupt pins.
 * PCI-to-PCI Bridge Architecture 1.2 chapter 4 (forwarding), 9.1 (interrupt routing).
 */
#include <assert.h>
#include <stdio.h>

#include "base/bits.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

#define DEVFN(slot, function) ((slot) << 3 | (function))

/* ---- slots */

static int free_slot(const struct pci_bus *b)
{
    for (unsigned slot = 0; slot < b->slots; slot++) {
        bool used = false;
        for (unsigned f = 0; f < 8; f++) {
            used = used || b->slot[DEVFN(slot, f)];
        }
        if (!used) {
            return DEVFN(slot, 0);
        }
    }
    return -1;
}

static bool pci_bus_attach(struct bus *bus, struct device *d, struct error *e)
{
    struct pci_bus *b = bus->impl;
    struct pci_device *p = (struct pci_device *)d;
    int devfn = p->addr;
    if (devfn < 0) {
        devfn = free_slot(b);
        if (devfn < 0) {
            return error_set(e, "%s: no free slot on bus %s", d->cls->name, bus->name);
        }
    } else if ((unsigned)devfn >= DEVFN(b->slots, 0)) {
        return error_set(e, "%s: addr=%x.%x: bus %s has slots 0 to 0x%x", d->cls->name, devfn >> 3,
                         devfn & 7, bus->name, b->slots - 1);
    }
    if (b->slot[devfn]) {
        return error_set(e, "%s: addr=%x.%x on bus %s is taken by %s", d->cls->name, devfn >> 3,
                         devfn & 7, bus->name, b->slot[devfn]->dev.cls->name);
    }
    if (!pci_rom_load(p, e)) {
        return false;
    }
    b->slot[devfn] = p;
    p->devfn = (uint8_t)devfn;
    p->bus = b;
    d->bus = bus;
    d->dma.space = b->host->memory;
    pci_express_placed(p);
    return true;
}

static void pci_bus_detach(struct bus *bus, struct device *d)
{
    struct pci_bus *b = bus->impl;
    struct pci_device *p = (struct pci_device *)d;
    if (b->slot[p->devfn] == p) {
        b->slot[p->devfn] = NULL;
    }
    pci_rom_free(p);
}

static void pci_place(const struct device *d, char *text, size_t size)
{
    const unsigned devfn = ((const struct pci_device *)d)->devfn;
    snprintf(text, size, "%02x.%x", devfn >> 3, devfn & 7);
}

void pci_bus_init(struct pci_bus *b, struct machine *m, struct pci_host *host,
                  struct pci_device *bridge, const char *name)
{
    b->host = host;
    b->bridge = bridge;
    b->slots = 32;
    b->bus.kind = BUS_PCI;
    b->bus.machine = m;
    b->bus.parent = bridge ? &bridge->dev : NULL;
    b->bus.impl = b;
    b->bus.attach = pci_bus_attach;
    b->bus.detach = pci_bus_detach;
    b->bus.describe = pci_describe;
    b->bus.place = pci_place;
    b->bus.info = bridge ? NULL : pci_info;
    b->bus.firmware_path = pci_firmware_path;
    snprintf(b->bus.name, sizeof(b->bus.name), "%s", name);
}

static struct space *ports_of(const struct pci_host *h)
{
    return h->ports ? h->ports : h->memory;
}

const struct mem_range *pci_ports_add(struct pci_device *p, const struct pci_bar_part *part)
{
    const struct pci_host *h = p->bus->host;
    const paddr base = h->ports ? 0 : h->windows.pio_base;
    return space_add(ports_of(h), &(struct mem_range){.base = base + part->offset,
                                                      .size = part->size,
                                                      .kind = RANGE_MMIO,
                                                      .priority = h->priority,
                                                      .name = part->name,
                                                      .ops = part->ops,
                                                      .opaque = part->opaque,
                                                      .lock = part->lock});
}

void pci_ports_remove(struct pci_device *p, const struct mem_range *r)
{
    space_remove(ports_of(p->bus->host), r);
}

bool pci_is_of_pc(const struct pci_device *p)
{
    return p->bus->host->ports != NULL;
}

/* A function on the root bus is part of the root complex: its capability says so. */
void pci_express_placed(struct pci_device *p)
{
    unsigned at = p->express_cap;
    if (at && p->bus) {
        uint16_t flags = load_le16(p->config + at + PCI_EXP_FLAGS);
        unsigned type = (unsigned)bits64(flags, 7, 4);
        if (type == PCI_EXP_TYPE_ENDPOINT && !p->bus->bridge) {
            flags = (uint16_t)deposit64(flags, 7, 4, PCI_EXP_TYPE_INTEGRATED_ENDPOINT);
            pci_config_set16(p, at + PCI_EXP_FLAGS, flags);
            /* 7.5.3: no link, hence no link registers. */
            memset(p->config + at + PCI_EXP_LNKCAP, 0, 8);
            memset(p->config + at + PCI_EXP_LNKCAP2, 0, 8);
            memset(p->initial + at + PCI_EXP_LNKCAP, 0, 8);
            memset(p->initial + at + PCI_EXP_LNKCAP2, 0, 8);
            memset(p->writable + at + PCI_EXP_LNKCTL, 0, 4);
            memset(p->writable + at + PCI_EXP_LNKCTL2, 0, 4);
        }
    }
}

/* ---- numbers */

unsigned pci_bus_number(const struct pci_bus *b)
{
    return b->bridge ? b->bridge->config[PCI_SECONDARY_BUS] : 0;
}

uint32_t pci_requester_id(const struct pci_device *p)
{
    return pci_bus_number(p->bus) << 8 | p->devfn;
}

/* The bridge on b that passes configuration accesses to bus number n on. */
static struct pci_bus *bus_towards(struct pci_bus *b, unsigned n)
{
    for (unsigned i = 0; i < 256; i++) {
        struct pci_device *p = b->slot[i];
        if (p && p->secondary && n >= p->config[PCI_SECONDARY_BUS] &&
            n <= p->config[PCI_SUBORDINATE_BUS] && p->config[PCI_SECONDARY_BUS]) {
            return p->secondary;
        }
    }
    return NULL;
}

struct pci_device *pci_find(struct pci_host *h, unsigned bus, unsigned devfn)
{
    struct pci_bus *b = &h->root;
    /* Each step goes one bridge down; the tree is finite. */
    while (b && pci_bus_number(b) != bus) {
        b = bus_towards(b, bus);
    }
    struct pci_device *p = b && !b->off ? b->slot[devfn & 0xff] : NULL;
    return p && !p->dev.released ? p : NULL;
}

/* ---- address decoding */

static bool inside(uint64_t a, uint64_t size, uint64_t base, uint64_t end)
{
    return a >= base && a < end && size <= end - a;
}

/* base and limit registers hold address bits 31..20 (15..12 for I/O) at their upper end. */
bool pci_bridge_passes(const struct pci_device *p, uint64_t a, uint64_t size, bool io)
{
    const uint8_t *c = p->config;
    uint16_t command = load_le16(c + PCI_COMMAND);
    if (!(command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return false;
    }
    if (io) {
        uint64_t base = (uint64_t)(c[PCI_IO_BASE] & 0xf0) << 8 |
                        (uint64_t)load_le16(c + PCI_IO_BASE_UPPER) << 16;
        uint64_t end = ((uint64_t)(c[PCI_IO_LIMIT] & 0xf0) << 8 |
                        (uint64_t)load_le16(c + PCI_IO_LIMIT_UPPER) << 16) +
                       0x1000;
        return inside(a, size, base, end);
    }
    uint64_t base = (uint64_t)(load_le16(c + PCI_MEMORY_BASE) & 0xfff0) << 16;
    uint64_t end = ((uint64_t)(load_le16(c + PCI_MEMORY_LIMIT) & 0xfff0) << 16) + 0x100000;
    uint64_t pref = (uint64_t)(load_le16(c + PCI_PREF_BASE) & 0xfff0) << 16 |
                    (uint64_t)load_le32(c + PCI_PREF_BASE_UPPER) << 32;
    uint64_t pref_end = ((uint64_t)(load_le16(c + PCI_PREF_LIMIT) & 0xfff0) << 16 |
                         (uint64_t)load_le32(c + PCI_PREF_LIMIT_UPPER) << 32) +
                        0x100000;
    return inside(a, size, base, end) || inside(a, size, pref, pref_end);
}

uint64_t pci_bus_decode(const struct pci_bus *b, uint64_t a, uint64_t size, bool io)
{
    const struct pci_windows *w = &b->host->windows;
    for (; b->bridge; b = b->bridge->bus) {
        if (b->off || !b->bridge->bus || !pci_bridge_passes(b->bridge, a, size, io)) {
            return PCI_UNMAPPED;
        }
    }
    if (io) {
        return inside(a, size, 0, w->pio_size) ? w->pio_base + a : PCI_UNMAPPED;
    }
    if (inside(a, size, w->mmio_base, w->mmio_base + w->mmio_size) ||
        inside(a, size, w->high_base, w->high_base + w->high_size)) {
        return a;
    }
    return PCI_UNMAPPED;
}

void pci_bus_update(struct pci_bus *b)
{
    for (unsigned i = 0; i < 256; i++) {
        struct pci_device *p = b->slot[i];
        if (p && p->cls) {
            pci_bars_update(p);
            if (p->secondary) {
                pci_bus_update(p->secondary); /* as deep as the user nested bridges */
            }
        }
    }
}

/* ---- interrupt pins */

unsigned pci_bus_line(const struct pci_bus *b, uint8_t devfn, unsigned pin)
{
    for (; b->bridge; b = b->bridge->bus) {
        pin = (pin - 1 + (devfn >> 3)) % 4 + 1;
        devfn = b->bridge->devfn;
    }
    return b->host->line ? b->host->line(b->host, devfn, pin) : (pin - 1 + (devfn >> 3)) % 4;
}

/* ---- the host's side */

void pci_host_init(struct pci_host *h, struct device *d, const char *bus_name)
{
    os_mutex_init(&h->lock);
    os_mutex_init(&h->irq_lock);
    h->memory = d->machine->memory;
    h->irq = d->irq;
    pci_bus_init(&h->root, d->machine, h, NULL, bus_name);
    h->root.bus.parent = d;
    machine_add_bus(d->machine, &h->root.bus);
}

void pci_host_fini(struct pci_host *h)
{
    machine_remove_bus(h->root.bus.machine, &h->root.bus);
    os_mutex_destroy(&h->lock);
    os_mutex_destroy(&h->irq_lock);
}

uint32_t pci_host_read(struct pci_host *h, unsigned bus, unsigned devfn, unsigned offset,
                       unsigned size)
{
    struct pci_device *p = pci_find(h, bus, devfn);
    return p ? pci_config_read(p, offset, size) : (uint32_t)mask64(8 * size);
}

void pci_host_write(struct pci_host *h, unsigned bus, unsigned devfn, unsigned offset,
                    uint32_t value, unsigned size)
{
    struct pci_device *p = pci_find(h, bus, devfn);
    if (p) {
        pci_config_write(p, offset, value, size);
    }
}
