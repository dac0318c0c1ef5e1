/* SPDX-License-Identifier: MIT */
/*
 * Intel's PIIX3 (82371SB data sheet, 290550), function 0: bridge from PCI to ISA, and interrupt
 * router. The DMA and interrupt controllers and the timer of the chip are devices of their own, and
 * the reset control is with PCI's configuration ports. Not modelled: what decides which ISA
 * addresses are decoded (its registers only store), motherboard interrupts and DMA, its own power
 * management.
 */
#include "hw/isa/piix3.h"

#include "hw/classes.h"
#include "hw/isa/config_rows.h"
#include "hw/isa/pirq.h"
#include "hw/pci/pci_regs.h"

#define ROUTES 4
#define ROUTE_REGISTER 0x60

static const struct config_row piix3_rows[] = {
    {PCI_COMMAND, 2, 0x0007, 0x0008, 0},
    {PCI_STATUS, 2, 0x0200, 0, 0x3800},
    {0x4c, 1, 0x4d, 0x7f, 0},     /* IORT: I/O recovery */
    {0x4e, 2, 0x0003, 0x03ff, 0}, /* XBCS: chip selects of the X bus */
    {0x60, 4, 0x80808080, 0x8f8f8f8f, 0},
    {0x69, 1, 0x02, 0xfe, 0},     /* TOM: top of memory */
    {0x6a, 2, 0x0000, 0x00f5, 0}, /* MSTAT */
    {0x70, 2, 0x8080, 0xefef, 0}, /* MBIRQ */
    {0x76, 2, 0x0c0c, 0x8f8f, 0}, /* MBDMA */
    {0x78, 2, 0x0002, 0xffff, 0}, /* PCSC: programmable chip select */
    {0x80, 1, 0x00, 0x7f, 0},     /* APICBASE */
    {0x82, 1, 0x00, 0x0f, 0},     /* DLC: deterministic latency */
    {0xa0, 1, 0x08, 0x1f, 0},     /* SMICNTL */
    {0xa2, 2, 0x0000, 0x00ff, 0}, /* SMIEN */
    {0xa4, 4, 0x00000000, 0xe000fffb, 0},
    {0xa8, 1, 0x0f, 0xff, 0}, /* FTMR */
    {0xaa, 2, 0x0000, 0x00ff, 0},
    {0xac, 1, 0x00, 0xff, 0},
    {0xae, 1, 0x00, 0xff, 0},
};

struct piix3 {
    struct pci_device pci; /* first */
    struct pirq pirq;
};

static struct piix3 *of(struct device *d)
{
    assert(d->cls == &piix3_class);
    return (struct piix3 *)d;
}

void piix3_connect(struct device *d, const struct irq *isa)
{
    pirq_connect(&of(d)->pirq, isa, 16);
}

struct irq piix3_pirq(struct device *d, unsigned n)
{
    assert(n < ROUTES);
    return pirq_input(&of(d)->pirq, n);
}

/* ---- configuration space */

static void apply_routes(struct piix3 *p)
{
    for (unsigned n = 0; n < ROUTES; n++) {
        pirq_set_route(&p->pirq, n, p->pci.config[ROUTE_REGISTER + n], 0);
    }
}

static void config_written(struct device *d, unsigned offset, unsigned size)
{
    if (offset < ROUTE_REGISTER + ROUTES && offset + size > ROUTE_REGISTER) {
        apply_routes(of(d));
    }
}

static const struct pci_class piix3_pci = {
    .vendor = 0x8086,
    .device = 0x7000,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x060100,
    .config_written = config_written,
};

/* ---- life */

static bool piix3_create(struct device *d, struct error *e)
{
    struct piix3 *p = of(d);
    (void)e;
    p->pci.multifunction = true;
    pci_device_init(&p->pci, &piix3_pci);
    config_rows_add(&p->pci, piix3_rows, array_len(piix3_rows));
    pirq_init(&p->pirq);
    return true;
}

static void piix3_destroy(struct device *d)
{
    pirq_fini(&of(d)->pirq);
    pci_device_fini(&of(d)->pci);
}

static void piix3_reset(struct device *d)
{
    pci_device_reset(&of(d)->pci);
    apply_routes(of(d));
}

static bool piix3_check(struct device *d, struct error *e)
{
    return pci_device_check(&of(d)->pci, e);
}

static void piix3_loaded(struct device *d)
{
    pci_device_loaded(&of(d)->pci);
    apply_routes(of(d));
}

static const struct prop piix3_props[] = {PCI_PROPS(piix3, pci), PROP_END};

static const struct field piix3_fields[] = {
    PCI_FIELDS(piix3, pci),
    FIELD_SKIP(piix3, pirq),
    FIELD_END,
};

const struct device_class piix3_class = {
    .name = "PIIX3",
    .desc = "bridge from PCI to ISA",
    .bus = BUS_PCI,
    .size = sizeof(struct piix3),
    .props = piix3_props,
    .fields = piix3_fields,
    .create = piix3_create,
    .reset = piix3_reset,
    .destroy = piix3_destroy,
    .check = piix3_check,
    .loaded = piix3_loaded,
    .flags = DEVICE_THREAD_SAFE,
    .kind = &piix3_pci,
};
