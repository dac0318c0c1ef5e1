/* SPDX-License-Identifier: MIT */
/* Intel's PIIX3, the bridge from PCI to ISA of i440FX boards: its function 0. */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/device.h"

extern const struct device_class piix3_class;

/* The 16 ISA interrupts, which outlive the device. */
void piix3_connect(struct device *d, const struct irq *isa);
/* Input PIRQA# to PIRQD#: n is 0 to 3. Any thread. */
struct irq piix3_pirq(struct device *d, unsigned n);

#endif
