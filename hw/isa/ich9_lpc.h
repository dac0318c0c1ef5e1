/* SPDX-License-Identifier: MIT */
/* The LPC bridge of ICH9, function 1f.0 of Q35 boards: ISA, power management, interrupt routing. */
#ifndef HW_ISA_ICH9_LPC_H
#define HW_ISA_ICH9_LPC_H

#include "hw/acpi/ich9_pm.h"

extern const struct device_class ich9_lpc_class;

struct ich9_lpc_config {
    struct space *ports;
    struct acpi_smi smi;      /* where SMI# goes */
    struct device *fw_cfg;    /* firmware is told of what SMIs can do; NULL: there is no SMM */
    const struct irq *inputs; /* [24]: ISA interrupts, then PIRQA# to PIRQH# at the I/O APIC; they
                                 outlive the device */
};

/* Between device_new and device_create. */
void ich9_lpc_configure(struct device *d, const struct ich9_lpc_config *c);
/* Input PIRQA# to PIRQH#: n is 0 to 7. Any thread. */
struct irq ich9_lpc_pirq(struct device *d, unsigned n);
/* Which of them pin 1 to 4 of a slot of the root bus is led to. */
unsigned ich9_lpc_line(unsigned slot, unsigned pin);
/* For events; under the machine's lock. */
struct acpi_pm *ich9_lpc_pm(struct device *d);

#endif
