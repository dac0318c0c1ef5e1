/* SPDX-License-Identifier: MIT */
/* How a guest of hardware-reduced ACPI switches the machine off, or resets it (ACPI 6.5, 4.8.3.7).
 */
#ifndef HW_ACPI_SLEEP_H
#define HW_ACPI_SLEEP_H

#include "hw/acpi/aml.h"
#include "hw/device.h"

extern const struct device_class acpi_sleep_class;

/* Its registers, of a byte each. */
enum {
    ACPI_SLEEP_CONTROL,
    ACPI_SLEEP_STATUS,
    ACPI_RESET,
    ACPI_SLEEP_BYTES
};
#define ACPI_RESET_VALUE 0x42

/* The object \_S5: what to write to switch it off. */
void acpi_sleep_describe(struct aml *a);
/* The device of the power button, in \\_SB (4.8.2.2.1.2). */
void acpi_power_button_describe(struct aml *a);

#endif
