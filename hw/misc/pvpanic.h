/* SPDX-License-Identifier: MIT */
/* The devices by which a guest says that it has crashed. */
#ifndef HW_MISC_PVPANIC_H
#define HW_MISC_PVPANIC_H

#include "hw/acpi/tables.h"

extern const struct device_class pvpanic_pci_class, pvpanic_isa_class;

/* The table that tells of the machine's port, if it has one. */
void pvpanic_add_table(struct acpi_tables *t, const struct machine *m);

#endif
