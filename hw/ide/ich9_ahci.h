/* SPDX-License-Identifier: MIT */
/* The AHCI adapter of the ICH9 bridge, as boards add it. */
#ifndef HW_IDE_ICH9_AHCI_H
#define HW_IDE_ICH9_AHCI_H

#include "hw/ide/ide.h"

#define ICH9_AHCI_PORTS 6u

extern const struct device_class ich9_ahci_class;

/* The bus of a port, of an adapter that was created. */
struct ide_bus *ahci_bus(struct device *d, unsigned n);

#endif
