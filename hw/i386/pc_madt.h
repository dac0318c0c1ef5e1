/* SPDX-License-Identifier: MIT */
/* The MADT of PCs. */
#ifndef HW_I386_PC_MADT_H
#define HW_I386_PC_MADT_H

#include "hw/acpi/tables.h"
#include "hw/i386/pc.h"

/* levels: ISA interrupts that are levels, as those are that PCI's lines may lead to; a bit each. */
void pc_add_madt(struct acpi_tables *t, const struct machine *m, const struct pc *pc,
                 uint16_t levels);

#endif
