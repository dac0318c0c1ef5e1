/* SPDX-License-Identifier: MIT */
/* See pci_conf1.h. */
#include "hw/pci/pci_conf1.h"

enum {
    BASE = 0xcf8,
    PORTS = 8,
    ADDRESS = 0,
    RESET = 1,
    DATA = 4
};

#define ENABLE 0x80000000u
#define ADDRESS_BITS 0x80fffffcu

enum { /* of the reset control register */
    HARD = 2,
    RESET_NOW = 4
};

static unsigned bus_of(const struct pci_conf1 *c)
{
    return c->address >> 16 & 0xff;
}

static unsigned devfn_of(const struct pci_conf1 *c)
{
    return c->address >> 8 & 0xff;
}

static unsigned offset_of(const struct pci_conf1 *c, uint64_t port)
{
    return (c->address & 0xfc) | (port & 3);
}

static uint64_t conf1_read(void *opaque, uint64_t port, unsigned size)
{
    const struct pci_conf1 *c = opaque;
    if (port == ADDRESS && size == 4) {
        return c->address;
    }
    if (port == RESET && size == 1) {
        return c->reset_control;
    }
    if (port >= DATA && (c->address & ENABLE)) {
        return pci_host_read(c->host, bus_of(c), devfn_of(c), offset_of(c, port), size);
    }
    return UINT32_MAX;
}

/* The machine is reset when the bit comes on. */
static void reset_written(struct pci_conf1 *c, uint8_t value)
{
    const bool now = (value & RESET_NOW) && !(c->reset_control & RESET_NOW);
    c->reset_control = value & (HARD | RESET_NOW);
    if (now) {
        c->machine->power->request(c->machine->power, POWER_RESET);
    }
}

static void conf1_write(void *opaque, uint64_t port, uint64_t value, unsigned size)
{
    struct pci_conf1 *c = opaque;
    if (port == ADDRESS && size == 4) {
        c->address = (uint32_t)value & ADDRESS_BITS;
    } else if (port == RESET && size == 1) {
        reset_written(c, (uint8_t)value);
    } else if (port >= DATA && (c->address & ENABLE)) {
        pci_host_write(c->host, bus_of(c), devfn_of(c), offset_of(c, port), (uint32_t)value, size);
    }
}

static const struct mmio_ops conf1_ops = {
    .read = conf1_read, .write = conf1_write, .sizes = 1 | 2 | 4};

void pci_conf1_init(struct pci_conf1 *c, struct pci_host *h, struct machine *m)
{
    c->host = h;
    c->machine = m;
    c->range = space_add(h->ports, &(struct mem_range){.base = BASE,
                                                       .size = PORTS,
                                                       .kind = RANGE_MMIO,
                                                       .name = "pci-conf",
                                                       .ops = &conf1_ops,
                                                       .opaque = c,
                                                       .lock = &h->lock});
}

void pci_conf1_fini(struct pci_conf1 *c)
{
    space_remove(c->host->ports, c->range);
}
