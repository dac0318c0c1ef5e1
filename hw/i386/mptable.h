/* SPDX-License-Identifier: MIT */
/* The MP configuration table: what a PC has of CPUs and interrupt controllers, for systems without
 * ACPI. */
#ifndef HW_I386_MPTABLE_H
#define HW_I386_MPTABLE_H

#include "hw/machine.h"

/* The floating pointer structure and the table behind it, as they are in memory at base, a multiple
 * of 16. mem_free. */
uint8_t *mptable_make(const struct machine *m, unsigned ioapics, paddr base, size_t *n);

#endif
