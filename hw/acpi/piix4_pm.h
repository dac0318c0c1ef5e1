/* SPDX-License-Identifier: MIT */
/* The power management function of Intel's PIIX4, with its SMBus host; of i440FX boards. */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/acpi/pm.h"

extern const struct device_class piix4_pm_class;

/* What the OS and firmware are told of it: SMI commands by port 0xb2, and the general-purpose
 * events' block, whose ports are fixed. */
#define PIIX4_SMI_COMMAND 0xb2
#define PIIX4_ACPI_ENABLE 0xf1
#define PIIX4_ACPI_DISABLE 0xf0
#define PIIX4_GPE_BASE 0xafe0
#define PIIX4_GPE_BYTES 4 /* status and enable */

/* Between device_new and device_create: the I/O ports, and where SMI# goes. irq[0] is SCI, which
 * is ISA interrupt 9. */
void piix4_pm_connect(struct device *d, struct space *ports, const struct acpi_smi *smi);
/* For events; under the machine's lock. */
struct acpi_pm *piix4_pm(struct device *d);

#endif
