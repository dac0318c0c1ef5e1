/* SPDX-License-Identifier: MIT */
/* Kernels that firmware starts: pc_kernel.c has Linux's and the option ROM, pc_flat.c those that
 * begin in 32-bit mode. */
#ifndef HW_I386_PC_KERNEL_H
#define HW_I386_PC_KERNEL_H

#include "hw/i386/pc.h"
#include "hw/nvram/fw_cfg.h"

/* As the option ROM knows them. */
enum pc_kernel_kind {
    PC_KERNEL_LINUX,
    PC_KERNEL_MULTIBOOT,
    PC_KERNEL_PVH
};

/* Memory below 640 KiB, as the ROM has it. */
enum {
    PC_ROM_SETUP = 0x10000, /* Linux's setup code */
    PC_ROM_COMMAND_LINE = 0x20000,
    PC_ROM_COMMAND_LINE_MOST = 0xffff,
    PC_ROM_INFO = 0x31000, /* what other kernels are told, */
    PC_ROM_INFO_MOST = 0x7000,
    PC_ROM_MAP = 0x38000 /* and the map of memory, which the ROM makes */
};

#define PC_KERNEL_FILE_MOST (UINT64_C(1) << 31)

struct pc_kernel {
    char *what;     /* names it in errors */
    uint8_t *bytes; /* the file */
    size_t n;
    uint64_t initrd_bytes;
    enum pc_kernel_kind kind;
    uint32_t initrd_from, initrd_end; /* where the ROM may place a RAM disk */
};

/* -kernel, -initrd and -append for firmware: items of fw_cfg, and the ROM. */
bool pc_kernel_add(struct pc *pc, struct error *e);

/* Without firmware: places -kernel if it is a multiboot kernel, else *is is false. */
bool pc_kernel_place_multiboot(struct pc *pc, bool *is, struct error *e);

/* An item and that of its size; the bytes are taken over. */
void pc_kernel_blob(struct pc *pc, enum fw_cfg_key key, enum fw_cfg_key size_key, uint8_t *bytes,
                    size_t n);

/* pc_flat.c: what k is, and its items. */
bool pc_flat_is_multiboot(const struct pc_kernel *k);
bool pc_flat_is_pvh(const struct pc_kernel *k);
bool pc_flat_add(struct pc *pc, struct pc_kernel *k, struct error *e);
/* In memory, for a machine without firmware; k is multiboot. */
bool pc_flat_place(struct pc *pc, struct pc_kernel *k, struct error *e);

#endif
