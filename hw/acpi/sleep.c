/* SPDX-License-Identifier: MIT */
/*
 * The sleep control, sleep status and reset registers of hardware-reduced ACPI (ACPI 6.5, 4.8.3.7
 * and 4.8.3.6). The only state of sleep is S5: off.
 */
#include "hw/acpi/sleep.h"

#include "hw/classes.h"

enum {
    S5 = 5,
    SLP_TYP_SHIFT = 2,
    SLP_EN = 0x20
};

static void control_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct power *p = d->machine->power;
    (void)r;
    if ((value & SLP_EN) && (value >> SLP_TYP_SHIFT & 7) == S5) {
        p->request(p, POWER_OFF);
    }
}

static void reset_written(struct device *d, const struct reg *r, uint64_t value)
{
    struct power *p = d->machine->power;
    (void)r;
    if (value == ACPI_RESET_VALUE) {
        p->request(p, POWER_RESET);
    }
}

static const struct reg sleep_regs[] = {
    {.offset = ACPI_SLEEP_CONTROL,
     .name = "SLEEP_CONTROL",
     .member = REG_NONE,
     .on_write = control_written,
     .size = 1},
    {.offset = ACPI_SLEEP_STATUS, .name = "SLEEP_STATUS", .member = REG_NONE, .size = 1},
    {.offset = ACPI_RESET,
     .name = "RESET",
     .member = REG_NONE,
     .on_write = reset_written,
     .size = 1},
    REG_END,
};

const struct device_class acpi_sleep_class = {
    .name = "acpi-sleep",
    .desc = "registers by which ACPI switches off and resets",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct device),
    .regs = sleep_regs,
    .window_size = ACPI_SLEEP_BYTES,
    .flags = DEVICE_INTERNAL,
};

void acpi_power_button_describe(struct aml *a)
{
    aml_device(a, "PWRB");
    aml_name_string(a, "_HID", "PNP0C0C");
    aml_name_int(a, "_UID", 0);
    aml_end(a);
}

void acpi_sleep_describe(struct aml *a)
{
    aml_name(a, "\\_S5");
    aml_package(a, 4);
    aml_int(a, S5);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_end(a);
}
