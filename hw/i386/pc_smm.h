/* SPDX-License-Identifier: MIT */
/* What CPUs in system management mode see of memory, and how they come into that mode. */
#ifndef HW_I386_PC_SMM_H
#define HW_I386_PC_SMM_H

#include "hw/acpi/pm.h"
#include "hw/i386/pc_board.h"

/* Gives the CPUs their space for the mode. When CPUs and host bridge are there. */
void pc_smm_add(struct pc_board *b);
void pc_smm_destroy(struct pc_board *b);
/* RAM for the mode is elsewhere: of struct pc_host_config, opaque is the board. */
void pc_smm_changed(void *opaque);
/* How the chipset asks for the mode. */
struct acpi_smi pc_smm_request(struct pc_board *b);

#endif
