/* SPDX-License-Identifier: MIT */
/*
 * Bridges to conventional PCI buses of 32 slots: pci-bridge, from another such bus, and
 * pcie-pci-bridge, from PCI Express. PCI-to-PCI Bridge Architecture 1.2; PCI Express to
 * PCI/PCI-X Bridge 1.0. Not modelled: the standard hot-plug controller; nothing comes to their
 * buses while the machine runs.
 */
#include <stdio.h>

#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

struct pci_bridge {
    struct pci_device pci; /* first */
    uint8_t chassis;
    uint8_t pad[7];
    struct pci_bus secondary;
};

static struct pci_bridge *bridge_of(void *d)
{
    return d;
}

static void bridge_config_written(struct device *d, unsigned offset, unsigned size)
{
    /* The windows end with the upper halves of the I/O addresses. */
    if (offset < PCI_IO_LIMIT_UPPER + 2 && offset + size > PCI_COMMAND) {
        pci_bus_update(&bridge_of(d)->secondary);
    }
}

static const struct pci_class plain_pci = {
    .vendor = 0x1b36,
    .device = 0x0001,
    .class_code = 0x060400,
    .config_written = bridge_config_written,
    .bridge = true,
};

static const struct pci_class express_pci = {
    .vendor = 0x1b36,
    .device = 0x000e,
    .class_code = 0x060400,
    .config_written = bridge_config_written,
    .bridge = true,
};

/* Its bus has the bridge's id as its name. */
static bool bridge_create(struct device *d, struct error *e)
{
    struct pci_bridge *b = bridge_of(d);
    const struct pci_class *cls = d->cls->kind;
    char name[32];
    if (!d->bus) {
        return error_set(e, "%s needs a PCI bus", d->cls->name);
    }
    if (cls == &plain_pci && !b->chassis) {
        return error_set(e, "%s: chassis_nr is missing: a number from 1 to 255, of its own",
                         d->cls->name);
    }
    pci_device_init(&b->pci, cls);
    if (cls == &express_pci) {
        pci_cap_add_power(&b->pci);
        pci_cap_add_express(&b->pci, PCI_EXP_TYPE_PCI_BRIDGE);
    }
    snprintf(name, sizeof(name), "%s", d->id ? d->id : "");
    if (!d->id) {
        snprintf(name, sizeof(name), "%s.%02x.%x", "pci", b->pci.devfn >> 3, b->pci.devfn & 7);
    }
    struct pci_bus *parent = d->bus->impl;
    pci_bus_init(&b->secondary, d->machine, parent->host, &b->pci, name);
    b->pci.secondary = &b->secondary;
    machine_add_bus(d->machine, &b->secondary.bus);
    return true;
}

static void bridge_reset(struct device *d)
{
    pci_device_reset(&bridge_of(d)->pci);
    pci_bus_update(&bridge_of(d)->secondary);
}

static bool bridge_check(struct device *d, struct error *e)
{
    return pci_device_check(&bridge_of(d)->pci, e);
}

static void bridge_loaded(struct device *d)
{
    pci_device_loaded(&bridge_of(d)->pci);
    pci_bus_update(&bridge_of(d)->secondary);
}

static void bridge_destroy(struct device *d)
{
    machine_remove_bus(d->machine, &bridge_of(d)->secondary.bus);
    pci_device_fini(&bridge_of(d)->pci);
}

static const struct prop plain_props[] = {
    PCI_PROPS(pci_bridge, pci),
    {"chassis_nr", PROP_U8, offsetof(struct pci_bridge, chassis), NULL,
     "number of the chassis, which no other bridge has", NULL},
    PROP_END,
};

static const struct prop express_props[] = {PCI_PROPS(pci_bridge, pci), PROP_END};

static const struct field bridge_fields[] = {
    PCI_FIELDS(pci_bridge, pci),
    FIELD_SKIP(pci_bridge, chassis),
    FIELD_SKIP(pci_bridge, pad),
    FIELD_SKIP(pci_bridge, secondary),
    FIELD_END,
};

#define BRIDGE_CLASS(name_, desc_, props_, kind_)                                                  \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_PCI, .size = sizeof(struct pci_bridge),           \
        .props = props_, .fields = bridge_fields, .create = bridge_create, .reset = bridge_reset,  \
        .destroy = bridge_destroy, .check = bridge_check, .loaded = bridge_loaded,                 \
        .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE, .kind = kind_                              \
    }

const struct device_class pci_bridge_class = BRIDGE_CLASS("pci-bridge", "PCI bridge", plain_props,
                                                          &plain_pci);
const struct device_class pcie_pci_bridge_class = BRIDGE_CLASS(
    "pcie-pci-bridge", "PCI Express to PCI bridge", express_props, &express_pci);
