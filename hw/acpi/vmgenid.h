/* SPDX-License-Identifier: MIT */
/* The virtual machine generation identifier (Microsoft, Virtual Machine Generation ID, 2012). */
#ifndef HW_ACPI_VMGENID_H
#define HW_ACPI_VMGENID_H

#include "hw/acpi/tables.h"

extern const struct device_class vmgenid_class;

#define VMGENID_EVENT 5 /* its general-purpose event */

/* The table that tells of the machine's, if it has one. */
void vmgenid_add_table(struct acpi_tables *t, const struct machine *m);

#endif
