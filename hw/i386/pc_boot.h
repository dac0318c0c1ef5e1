/* SPDX-License-Identifier: MIT */
/*
 * Starting a kernel on a PC without firmware: the kernel, its initial RAM disk and what it is told
 * in memory, and the state in which the first CPU begins. A bzImage by Linux's 32-bit boot protocol
 * (Documentation/arch/x86/boot.rst), an ELF file with Xen's note by the x86/HVM direct boot ABI
 * (docs/misc/pvh.pandoc of Xen).
 */
#ifndef HW_I386_PC_BOOT_H
#define HW_I386_PC_BOOT_H

#include "cpu/x86.h"
#include "hw/machine.h"

/* Types of memory, as e820 has them. */
enum {
    PC_RAM = 1,
    PC_RESERVED = 2
};

struct pc_range {
    uint64_t base, size;
    uint32_t type;
};
#define PC_RANGES 8

/* What a board says before pc_boot_load, and what comes of it. */
struct pc_boot {
    struct placements *placements;
    uint64_t low_ram, high_ram; /* bytes from 0 on, and from 4 GiB on */
    const char *append;         /* the whole command line, or NULL */
    paddr rsdp;                 /* of ACPI; 0: none */

    enum x86_boot kind;
    uint64_t entry, argument;
};

/* Where a board may put tables for the kernel: reserved for firmware in the map that it is given.
 */
#define PC_TABLES UINT64_C(0xe0000)
#define PC_TABLES_END UINT64_C(0x100000)

/* The map of memory; the number of rows. */
unsigned pc_memory_map(const struct pc_boot *b, struct pc_range rows[PC_RANGES]);
/* Reads -kernel and -initrd and places them. config has a kernel. */
bool pc_boot_load(struct pc_boot *b, const struct machine_config *config, struct error *e);

/* pc_pvh.c: of an ELF file. The initial RAM disk is placed, or its size is 0. */
bool pc_boot_is_pvh(const uint8_t *head, size_t n);
bool pc_boot_load_pvh(struct pc_boot *b, const char *what, struct image_file *f, struct error *e);
/* The segments and the entry, of the whole file. */
bool pc_boot_place_pvh(struct pc_boot *b, const char *what, const uint8_t *bytes, size_t n,
                       struct error *e);
bool pc_boot_tell_pvh(struct pc_boot *b, paddr initrd, uint64_t initrd_bytes, struct error *e);
/* pc_boot.c: where both put what they tell the kernel. */
#define PC_PARAMETERS UINT64_C(0x10000)
#define PC_COMMAND_LINE UINT64_C(0x20000)
bool pc_boot_put(struct pc_boot *b, const char *what, paddr at, const void *bytes, size_t n,
                 struct error *e);

#endif
