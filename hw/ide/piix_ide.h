/* SPDX-License-Identifier: MIT */
/* The IDE function of the PIIX3 and PIIX4 bridges. */
#ifndef HW_IDE_PIIX_IDE_H
#define HW_IDE_PIIX_IDE_H

#include "hw/ide/ide.h"

extern const struct device_class piix3_ide_class, piix4_ide_class;

/* For boards, after device_create: the registers at the ports of the first PCs (0x1f0, 0x3f6, 0x170
 * and 0x376). irq[0] and irq[1] of the device are the lines of its channels, ISA's 14 and 15. */
void piix_ide_map(struct device *d, struct space *ports);
/* Bus n: 0 or 1. */
struct ide_bus *piix_ide_bus(struct device *d, unsigned n);

#endif
