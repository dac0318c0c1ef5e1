/* SPDX-License-Identifier: MIT */
/*
 * PCI Express root port: a bridge from the root complex to a bus with one slot.
 * PCI Express Base 4.0 section 7.5.3; PCI-to-PCI Bridge Architecture 1.2.
 *
 * Not modelled: power management events, advanced error reporting; the capability registers say so.
 */
#include <stdio.h>

#include "base/bits.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"

struct pcie_root_port {
    struct pci_device pci; /* first */
    uint8_t chassis, port;
    bool hot_plug;
    uint8_t pad;
    uint32_t slot;
    struct pci_bus secondary;
};

static void port_config_written(struct device *d, unsigned offset, unsigned size)
{
    struct pcie_root_port *r = (struct pcie_root_port *)d;
    pcie_slot_written(&r->pci, &r->secondary, offset, size);
    /* The windows end with the upper halves of the I/O addresses. */
    const unsigned slot = r->pci.express_cap + PCI_EXP_SLTCTL;
    if ((offset < PCI_IO_LIMIT_UPPER + 2 && offset + size > PCI_COMMAND) ||
        (offset < slot + 2 && offset + size > slot)) {
        pci_bus_update(&r->secondary);
    }
}

static const struct pci_class port_pci_class = {
    .vendor = 0x1b36,
    .device = 0x000c,
    .class_code = 0x060400,
    .interrupt_pin = 1,
    .bridge = true,
    .config_written = port_config_written,
};

static bool port_create(struct device *d, struct error *e)
{
    struct pcie_root_port *r = (struct pcie_root_port *)d;
    struct pci_device *p = &r->pci;
    if (r->slot >= 1 << 13) {
        return error_set(e, "pcie-root-port: slot=%u: at most 8191", r->slot);
    }
    if (!d->bus) {
        return error_set(e, "pcie-root-port needs a PCI bus");
    }
    pci_device_init(p, &port_pci_class);
    pci_cap_add_power(p);
    pci_cap_add_express(p, PCI_EXP_TYPE_ROOT_PORT);
    const uint32_t link = load_le32(p->config + p->express_cap + PCI_EXP_LNKCAP);
    pci_config_set32(p, p->express_cap + PCI_EXP_LNKCAP, link | (uint32_t)r->port << 24);
    store_le16(p->writable + p->express_cap + PCI_EXP_RTCTL, 0x001f);
    pcie_slot_init(p, r->slot, r->hot_plug);
    pci_msix_init(p, 0, 1);
    char name[32];
    snprintf(name, sizeof(name), "%s", d->id ? d->id : "");
    if (!d->id) {
        snprintf(name, sizeof(name), "pcie-port.%u", r->slot);
    }
    struct pci_bus *parent = d->bus->impl;
    pci_bus_init(&r->secondary, d->machine, parent->host, p, name);
    p->secondary = &r->secondary;
    r->secondary.slots = 1;
    if (r->hot_plug) {
        r->secondary.bus.plug = pcie_slot_plug;
        r->secondary.bus.unplug = pcie_slot_unplug;
    }
    machine_add_bus(d->machine, &r->secondary.bus);
    return true;
}

static void port_reset(struct device *d)
{
    struct pcie_root_port *r = (struct pcie_root_port *)d;
    pcie_slot_before_reset(&r->pci, &r->secondary);
    pci_device_reset(&r->pci);
    pcie_slot_changed(&r->pci, &r->secondary);
    pci_bus_update(&r->secondary);
}

static bool port_check(struct device *d, struct error *e)
{
    return pci_device_check((struct pci_device *)d, e);
}

static void port_loaded(struct device *d)
{
    struct pcie_root_port *r = (struct pcie_root_port *)d;
    pcie_slot_changed(&r->pci, &r->secondary);
    pci_device_loaded(&r->pci);
    pci_bus_update(&r->secondary);
}

static void port_destroy(struct device *d)
{
    struct pcie_root_port *r = (struct pcie_root_port *)d;
    machine_remove_bus(d->machine, &r->secondary.bus);
    pci_device_fini(&r->pci);
}

static const struct prop port_props[] = {
    PCI_PROPS(pcie_root_port, pci),
    {"chassis", PROP_U8, offsetof(struct pcie_root_port, chassis), NULL, "number of the chassis",
     NULL},
    {"slot", PROP_U32, offsetof(struct pcie_root_port, slot), NULL, "physical slot number", NULL},
    {"hotplug", PROP_BOOL, offsetof(struct pcie_root_port, hot_plug), "on",
     "devices come and go while the machine runs", NULL},
    {"port", PROP_U8, offsetof(struct pcie_root_port, port), NULL, "port number of the link", NULL},
    {.name = NULL},
};

static const struct field port_fields[] = {
    PCI_FIELDS(pcie_root_port, pci),
    FIELD_SKIP(pcie_root_port, pad),
    FIELD_SKIP(pcie_root_port, secondary),
    {.name = NULL},
};

const struct device_class pcie_root_port_class = {
    .name = "pcie-root-port",
    .desc = "PCI Express root port",
    .bus = BUS_PCI,
    .size = sizeof(struct pcie_root_port),
    .props = port_props,
    .fields = port_fields,
    .create = port_create,
    .reset = port_reset,
    .destroy = port_destroy,
    .check = port_check,
    .loaded = port_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &port_pci_class,
};
