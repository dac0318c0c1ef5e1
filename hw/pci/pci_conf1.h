/* SPDX-License-Identifier: MIT */
/*
 * Configuration mechanism #1 of PC host bridges (PCI Local Bus Specification 3.0, 3.2.2.3.2): an
 * address register at port 0xcf8, which takes doublewords only, and data at 0xcfc. Between its
 * bytes, at 0xcf9, is the reset control register (Intel 82371SB data sheet, 2.5.4).
 */
#ifndef HW_PCI_PCI_CONF1_H
#define HW_PCI_PCI_CONF1_H

#include "hw/pci/pci.h"

struct pci_conf1 {
    struct pci_host *host;
    struct machine *machine;
    const struct mem_range *range;
    uint32_t address;
    uint8_t reset_control;
    uint8_t pad[3];
};

/* Rows of a class whose struct has such a member. */
#define PCI_CONF1_FIELDS(type, conf)                                                               \
    FIELD_SKIP(type, conf.host), FIELD_SKIP(type, conf.machine), FIELD_SKIP(type, conf.range),     \
        FIELD(type, conf.address), FIELD(type, conf.reset_control), FIELD_SKIP(type, conf.pad)

/* Maps the ports; the host has its own space of them. Part of create and destroy. */
void pci_conf1_init(struct pci_conf1 *c, struct pci_host *h, struct machine *m);
void pci_conf1_fini(struct pci_conf1 *c);

#endif
