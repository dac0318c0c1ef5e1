/* SPDX-License-Identifier: MIT */
/*
 * The AHCI adapter of ICH9: its own registers (AHCI 3.1), PCI, properties and life. BAR 5 has the
 * registers, BAR 4 a pair of I/O ports that lead to them (Serial ATA capability).
 */
#include "hw/ide/ahci.h"

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/ide/ich9_ahci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

enum {
    HBA_CAP = 0x00,
    HBA_GHC = 0x04,
    HBA_IS = 0x08,
    HBA_PI = 0x0c,
    HBA_VS = 0x10,

    GHC_HR = 1 << 0,
    GHC_IE = 1 << 1,

    MEMORY_BAR = 5,
    MEMORY_BYTES = 0x1000,
    PORT_BAR = 4,
    PORT_BYTES = 32,
    PORT_INDEX = 0x10,
    PORT_DATA = 0x14,

    CONFIG_MAP = 0x90,
    MAP_AHCI = 0x40,
    CAP_MSI_AT = 0x80,
    CAP_SATA_AT = 0xa8,
    CAP_SATA = 0x12,
    CAP_SATA_BYTES = 8,
};
#define GHC_AE 0x80000000u
/* 64-bit addresses, queues, 1.5 Gb/s, AHCI only, 32 slots. */
#define CAPABILITIES (0xc0140000u | (AHCI_SLOTS - 1) << 8 | (AHCI_PORTS - 1))
#define ALL_PORTS ((1u << AHCI_PORTS) - 1)

static struct ahci *of(struct device *d)
{
    return (struct ahci *)d;
}

/* ---- interrupts (10.7) */

static void update_line(struct ahci *h)
{
    pci_intx_set(&h->pci, h->is && (h->ghc & GHC_IE));
}

static void notify(struct ahci *h)
{
    if (h->ghc & GHC_IE) {
        pci_msi_notify(&h->pci);
    }
}

void ahci_update(struct ahci_port *p)
{
    struct ahci *h = p->hba;
    const uint32_t bit0 = 1u << p->number;
    if ((p->is & p->ie) && !(h->is & bit0)) {
        h->is |= bit0;
        notify(h);
    }
    update_line(h);
}

/* A bit whose port has still something to tell is set again. */
static void write_is(struct ahci *h, uint32_t value)
{
    h->is &= ~value;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        h->is |= h->port[i].is & h->port[i].ie ? 1u << i : 0;
    }
    if (h->is) {
        notify(h);
    }
    update_line(h);
}

/* ---- registers */

static void reset_hba(struct ahci *h)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_reset(&h->port[i]);
    }
    h->ghc = GHC_AE;
    h->is = 0;
    update_line(h);
}

static void write_ghc(struct ahci *h, uint32_t value)
{
    if (value & GHC_HR) {
        reset_hba(h);
        return;
    }
    const bool begins = ~h->ghc & value & GHC_IE;
    h->ghc = GHC_AE | (value & GHC_IE);
    if (begins && h->is) {
        notify(h);
    }
    update_line(h);
}

static uint32_t read_32(const struct ahci *h, uint64_t offset)
{
    if (offset >= AHCI_PORT_FIRST) {
        const uint64_t n = (offset - AHCI_PORT_FIRST) / AHCI_PORT_BYTES;
        return n < AHCI_PORTS ? ahci_port_read(&h->port[n], offset % AHCI_PORT_BYTES) : 0;
    }
    switch (offset) {
    case HBA_CAP:
        return CAPABILITIES;
    case HBA_GHC:
        return h->ghc;
    case HBA_IS:
        return h->is;
    case HBA_PI:
        return ALL_PORTS;
    case HBA_VS:
        return 0x10000;
    default:
        return 0;
    }
}

static uint64_t memory_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ahci *h = opaque;
    (void)size;
    os_mutex_lock(&h->lock);
    const uint32_t value = read_32(h, offset);
    os_mutex_unlock(&h->lock);
    return value;
}

static void write_32(struct ahci *h, uint64_t offset, uint32_t value)
{
    struct ahci_port *p = &h->port[0];
    uint32_t posted = 0;
    os_mutex_lock(&h->lock);
    if (offset >= AHCI_PORT_FIRST) {
        const uint64_t n = (offset - AHCI_PORT_FIRST) / AHCI_PORT_BYTES;
        if (n < AHCI_PORTS) {
            p = &h->port[n];
            posted = ahci_port_write(p, offset % AHCI_PORT_BYTES, value);
        }
    } else if (offset == HBA_GHC) {
        write_ghc(h, value);
    } else if (offset == HBA_IS) {
        write_is(h, value);
    } else {
        log_guest("ahci", "0x%x written at 0x%llx", value, (unsigned long long)offset);
    }
    ahci_leave(p, posted);
}

static void memory_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    write_32(opaque, offset, (uint32_t)value);
}

/* Index and data ports. */
static uint64_t port_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ahci *h = opaque;
    (void)size;
    os_mutex_lock(&h->lock);
    const uint32_t value = offset == PORT_INDEX  ? h->index
                           : offset == PORT_DATA ? read_32(h, h->index)
                                                 : 0;
    os_mutex_unlock(&h->lock);
    return value;
}

static void port_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ahci *h = opaque;
    (void)size;
    os_mutex_lock(&h->lock);
    h->index = offset == PORT_INDEX ? (uint32_t)value & (MEMORY_BYTES - 4) : h->index;
    const uint32_t index = h->index;
    os_mutex_unlock(&h->lock);
    if (offset == PORT_DATA) {
        write_32(h, index, (uint32_t)value);
    }
}

static const struct mmio_ops memory_ops = {.read = memory_read, .write = memory_write, .sizes = 4};
static const struct mmio_ops port_ops = {.read = port_read, .write = port_write, .sizes = 4};

/* ---- life */

static const struct pci_class ich9_ahci_pci = {
    .vendor = 0x8086,
    .device = 0x2922,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x010601,
    .revision = 2,
    .interrupt_pin = 1,
};

/* Capabilities are where the chip has them; the last to be added is the first of the list. */
static void add_caps(struct ahci *h)
{
    h->pci.cap_end = CAP_SATA_AT;
    const unsigned at = pci_cap_add(&h->pci, CAP_SATA, CAP_SATA_BYTES);
    pci_config_set16(&h->pci, at + 2, 0x10); /* version 1.0 */
    pci_config_set32(&h->pci, at + 4, PORT_INDEX / 4 << 4 | (PORT_BAR + 4));
    h->pci.cap_end = CAP_MSI_AT;
    pci_msi_init(&h->pci);
}

static void add_port(struct ahci *h, unsigned n)
{
    struct ahci_port *p = &h->port[n];
    p->hba = h;
    p->number = n;
    p->buffer = mem_alloc(ATA_BUFFER_BYTES);
    for (unsigned i = 0; i < AHCI_SLOTS; i++) {
        p->slot[i].port = p;
    }
    if (ahci_counted(h)) {
        p->timer = clock_timer_create(h->pci.dev.clock, ahci_port_due, p);
    }
    p->bus.units = 1;
    p->bus.depth = AHCI_SLOTS;
    ide_bus_init(&p->bus, &h->pci.dev, n);
}

static bool ahci_create(struct device *d, struct error *e)
{
    struct ahci *h = of(d);
    (void)e;
    os_mutex_init(&h->lock);
    pci_device_init(&h->pci, &ich9_ahci_pci);
    h->pci.initial[CONFIG_MAP] = h->pci.config[CONFIG_MAP] = MAP_AHCI;
    add_caps(h);
    pci_bar_add(&h->pci, PORT_BAR, PCI_BAR_IO, PORT_BYTES);
    pci_bar_add_part(&h->pci, PORT_BAR,
                     &(struct pci_bar_part){0, PORT_BYTES, "ahci-index", &port_ops, h, NULL});
    pci_bar_add(&h->pci, MEMORY_BAR, PCI_BAR_MEM32, MEMORY_BYTES);
    pci_bar_add_part(&h->pci, MEMORY_BAR,
                     &(struct pci_bar_part){0, MEMORY_BYTES, "ahci", &memory_ops, h, NULL});
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        add_port(h, n);
    }
    return true;
}

struct ide_bus *ahci_bus(struct device *d, unsigned n)
{
    return &of(d)->port[n].bus;
}

static void ahci_destroy(struct device *d)
{
    struct ahci *h = of(d);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        struct ahci_port *p = &h->port[n];
        due_list_clear(&p->due, p->timer);
        if (p->timer) {
            clock_timer_destroy(p->timer);
        }
        for (unsigned i = 0; i < AHCI_SLOTS; i++) {
            ahci_slot_free(&p->slot[i]);
        }
        mem_free(p->buffer);
        ide_bus_fini(&p->bus);
    }
    pci_device_fini(&h->pci);
    os_mutex_destroy(&h->lock);
}

static void ahci_reset(struct device *d)
{
    struct ahci *h = of(d);
    os_mutex_lock(&h->lock);
    reset_hba(h);
    h->index = 0;
    os_mutex_unlock(&h->lock);
    pci_device_reset(&h->pci);
}

static void ahci_settle(struct device *d)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_settle(&of(d)->port[n]);
    }
}

static bool ahci_check(struct device *d, struct error *e)
{
    const struct ahci *h = of(d);
    bool good = pci_device_check(&h->pci, e) &&
                (h->index < MEMORY_BYTES || error_set(e, "its index is beyond its registers"));
    for (unsigned n = 0; n < AHCI_PORTS && good; n++) {
        good = ahci_port_check(&h->port[n], e);
    }
    return good;
}

static void ahci_loaded(struct device *d)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_loaded(&of(d)->port[n]);
    }
    pci_device_loaded(&of(d)->pci);
}

static void ahci_resume(struct device *d)
{
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_resume(&of(d)->port[n]);
    }
}

static const struct prop ahci_props[] = {PCI_PROPS(ahci, pci), PROP_END};

static const struct field ahci_fields[] = {
    PCI_FIELDS(ahci, pci),
    FIELD_KEEP(ahci, ghc),
    FIELD_KEEP(ahci, is),
    FIELD_KEEP(ahci, index),
    FIELD_KEEP_PARTS(ahci, port, ahci_port_fields, ahci_port),
    FIELD_SKIP(ahci, pad),
    FIELD_SKIP(ahci, lock),
    FIELD_END,
};

const struct device_class ich9_ahci_class = {
    .name = "ich9-ahci",
    .desc = "AHCI adapter of the ICH9 bridge, with six ports",
    .alias = "ahci",
    .bus = BUS_PCI,
    .size = sizeof(struct ahci),
    .props = ahci_props,
    .fields = ahci_fields,
    .create = ahci_create,
    .reset = ahci_reset,
    .destroy = ahci_destroy,
    .settle = ahci_settle,
    .check = ahci_check,
    .loaded = ahci_loaded,
    .resume = ahci_resume,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &ich9_ahci_pci,
};
