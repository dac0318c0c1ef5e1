/* SPDX-License-Identifier: MIT */
/*
 * Hot plug on the root bus of i440FX boards by ACPI: ports that say in which slots devices came or
 * are to go, a general-purpose event, and the code of the tables that reads them. QEMU's interface
 * (docs/specs/acpi_pci_hotplug). Not modelled: buses behind bridges, numbers of network cards.
 *
 * State is guarded by the host bridge's lock.
 */
#ifndef HW_ACPI_PCI_PLUG_H
#define HW_ACPI_PCI_PLUG_H

#include "hw/acpi/aml.h"
#include "hw/acpi/pm.h"
#include "hw/pci/pci.h"

#define ACPI_PCI_PLUG_BASE 0xae00
#define ACPI_PCI_PLUG_BYTES 0x18
#define ACPI_PCI_PLUG_EVENT 1 /* the general-purpose event */

struct acpi_pci_plug {
    struct acpi_pm *pm;
    struct pci_bus *bus;
    struct space *ports;
    const struct mem_range *range;

    /* State: slots by bits, and the bus of the next accesses. */
    uint32_t up, down, selected;
    uint32_t pad;
};

extern const struct field acpi_pci_plug_fields[];

/* Devices may come to that bus and go from it, from now on. fini may come without init. */
void acpi_pci_plug_init(struct acpi_pci_plug *p, struct acpi_pm *pm, struct pci_bus *bus,
                        struct space *ports);
void acpi_pci_plug_fini(struct acpi_pci_plug *p);
/* Who was asked to go is gone behind a reset. */
void acpi_pci_plug_reset(struct acpi_pci_plug *p);

/* What the bridge's device in the namespace has for it, and the handler of the event, whose scope
 * is the whole namespace. device: the bridge's name from there. */
void acpi_pci_plug_slots(struct aml *a, const struct pci_bus *bus);
void acpi_pci_plug_event(struct aml *a, const char *device);

#endif
