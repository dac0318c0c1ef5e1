/* SPDX-License-Identifier: MIT */
/*
 * Host bridges of PCs: i440FX (Intel 82441FX data sheet, order 290549) and the memory controller
 * hub of Q35 (Intel 3 Series Express Chipset Family data sheet, order 316966). Between device_new
 * and device_create the board says what it has; afterwards it connects irq[]: PIRQA to PIRQD, of
 * Q35 to PIRQH.
 */
#ifndef HW_PCI_PC_HOST_H
#define HW_PCI_PC_HOST_H

#include "hw/pci/pci.h"

extern const struct device_class i440fx_pcihost_class, i440fx_class, q35_pcihost_class, mch_class;

struct pc_host_config {
    struct space *ports;
    uint8_t *ram, *rom;         /* as struct pam has them */
    uint64_t low_ram, high_ram; /* bytes below and above 4 GiB */
    struct pci_msi_sink msi;
    void (*smram_changed)(void *opaque); /* or NULL; what pc_host_smram says is not what it was */
    void *opaque;
};
void pc_host_configure(struct device *d, const struct pc_host_config *c);
struct bus *pc_host_bus(struct device *d);
const struct pci_host *pc_host_pci(const struct device *d);

/* RAM that system management mode sees, and others do not: up to so many ranges, whose number it
 * gives. */
struct pc_smram {
    paddr base;
    uint64_t size;
};
#define PC_SMRAM_RANGES 2
unsigned pc_host_smram(const struct device *d, struct pc_smram ranges[PC_SMRAM_RANGES]);

/* Q35: where configuration space is in memory, as firmware has put it; *size 0: nowhere. */
paddr q35_ecam(const struct device *d, uint64_t *size);

#endif
