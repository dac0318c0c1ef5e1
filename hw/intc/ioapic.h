/* SPDX-License-Identifier: MIT */
/* The I/O APIC of a PC. */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/device.h"
#include "hw/intc/lapic.h"

extern const struct device_class ioapic_class;

#define IOAPIC_PINS 24
#define IOAPIC_BYTES 0x1000

/* Where messages go; before the machine runs. */
void ioapic_connect(struct device *d, struct device *lapic);
void ioapic_map(struct device *d, struct space *s, paddr base);
/* Input n, 0 to 23, active high. Any thread. */
struct irq ioapic_pin(struct device *d, unsigned n);

#endif
