/* SPDX-License-Identifier: MIT */
/* What the files of hw/pci/ share. */
#ifndef HW_PCI_PCI_INTERNAL_H
#define HW_PCI_PCI_INTERNAL_H

#include "hw/pci/pci.h"

/* pci.c: sets bytes that are fixed, or start at this value. */
void pci_config_set16(struct pci_device *p, unsigned offset, uint16_t value);
void pci_config_set32(struct pci_device *p, unsigned offset, uint32_t value);
/* Decodes BAR n at the CPU address, or nowhere (PCI_UNMAPPED). */
void pci_bar_map(struct pci_device *p, unsigned n, uint64_t address);
void pci_bars_update(struct pci_device *p);
/* Offset of its register; of PCI_ROM too. */
unsigned pci_bar_register(const struct pci_device *p, unsigned n);

/* pci_rom.c: the option ROM of a function that is attached; its address register, part of
 * pci_device_init; its end. */
bool pci_rom_load(struct pci_device *p, struct error *e);
void pci_rom_init(struct pci_device *p);
void pci_rom_free(struct pci_device *p);

/* pci_irq.c */
void pci_msix_reset(struct pci_device *p);
/* Masks, enables or the state as a whole changed: sends what was held back, drives the pin. */
void pci_irq_update(struct pci_device *p);

/* pci_describe.c: bus.describe of a PCI bus */
void pci_describe(const struct device *d, int indent, struct strbuf *out);

/*
 * pcie_slot.c: the slot of port p, whose express capability is there already. before_reset: part of
 * the port's reset, first. written: after a write to its configuration. changed: after reset, and
 * after a state was loaded. plug and unplug: those of the bus behind.
 */
void pcie_slot_init(struct pci_device *p, uint32_t slot, bool hot_plug);
void pcie_slot_before_reset(struct pci_device *p, struct pci_bus *behind);
void pcie_slot_written(struct pci_device *p, struct pci_bus *behind, unsigned offset,
                       unsigned size);
void pcie_slot_changed(struct pci_device *p, struct pci_bus *behind);
void pcie_slot_plug(struct bus *b, struct device *d);
bool pcie_slot_unplug(struct bus *b, struct device *d, struct error *e);

/* pci_info.c: bus.info of a root bus */
void pci_info(const struct bus *b, struct strbuf *out);

/* pci_describe.c: bus.firmware_path */
void pci_firmware_path(const struct device *d, struct strbuf *out);

/* pci_bus.c: completes the PCI Express capability once the function has both it and a place. */
void pci_express_placed(struct pci_device *p);
/* The CPU address at which [a, a + size) of bus b is seen, or PCI_UNMAPPED. */
uint64_t pci_bus_decode(const struct pci_bus *b, uint64_t a, uint64_t size, bool io);
/* As above through a bridge: whether its windows pass [a, a + size) downstream. */
bool pci_bridge_passes(const struct pci_device *bridge, uint64_t a, uint64_t size, bool io);
/* Decodes all BARs on b and below it anew. */
void pci_bus_update(struct pci_bus *b);
/* The interrupt line of the root that pin (1..4) of slot devfn on b reaches. */
unsigned pci_bus_line(const struct pci_bus *b, uint8_t devfn, unsigned pin);

#endif
