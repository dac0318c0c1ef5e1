/* SPDX-License-Identifier: MIT */
/* The generic event device of hardware-reduced ACPI (ACPI 6.5, 5.6.9): how the machine tells the
 * guest of events. */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "hw/acpi/aml.h"
#include "hw/device.h"

extern const struct device_class ged_class;

/* Bits of its selector register. */
enum ged_event {
    GED_POWER_DOWN = 2,
};

/* Tells the guest. The machine's lock is held, or its loop runs. */
void ged_raise(struct device *d, enum ged_event event);
/* The devices \_SB.GED and PWRB, in the scope that is open. */
void ged_describe(struct aml *a, uint64_t base, uint32_t gsi);

#endif
