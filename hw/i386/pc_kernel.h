/* SPDX-License-Identifier: MIT */
/* Kernels that firmware starts: pc_kernel.c. */
#ifndef HW_I386_PC_KERNEL_H
#define HW_I386_PC_KERNEL_H

#include "hw/i386/pc_board.h"

/* As the option ROM knows them. */
enum pc_kernel_kind {
    PC_KERNEL_LINUX,
    PC_KERNEL_MULTIBOOT,
    PC_KERNEL_PVH
};

struct pc_kernel {
    char *what;     /* names it in errors */
    uint8_t *bytes; /* the file */
    size_t n;
    uint64_t initrd_bytes;
    enum pc_kernel_kind kind;
    uint32_t initrd_from, initrd_end; /* where the ROM may place a RAM disk */
};

#endif
