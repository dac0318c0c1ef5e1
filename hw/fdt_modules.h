/* SPDX-License-Identifier: MIT */
/* Modules of -device guest-loader in a device tree (Xen's and Linux's multiboot binding). */
#ifndef HW_FDT_MODULES_H
#define HW_FDT_MODULES_H

#include "hw/machine.h"

/* Adds a node below /chosen, which is there, for each module of m. A status of libfdt. */
int fdt_add_modules(void *tree, const struct machine *m);

#endif
