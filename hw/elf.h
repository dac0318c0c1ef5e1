/* SPDX-License-Identifier: MIT */
/* Loading of ELF executables (System V ABI, chapters 4 and 5) for a guest of any word size and byte
 * order. */
#ifndef HW_ELF_H
#define HW_ELF_H

#include "hw/placement.h"

enum {
    ELF_MACHINE_386 = 3,
    ELF_MACHINE_PPC64 = 21,
    ELF_MACHINE_S390 = 22,
    ELF_MACHINE_ARM = 40,
    ELF_MACHINE_X86_64 = 62,
    ELF_MACHINE_AARCH64 = 183,
    ELF_MACHINE_RISCV = 243
};

struct elf_file {
    const char *what; /* names it in errors */
    const uint8_t *bytes;
    size_t n;
};

struct elf_info {
    uint64_t entry;
    paddr low, high; /* of what is loaded: the first byte, and one behind the last */
};

/* True if the bytes start as an ELF file does. */
bool elf_is(const uint8_t *bytes, size_t n);

/*
 * Places the loadable segments at their physical addresses. False with an error if the file is no
 * complete little-endian 64-bit executable for machine.
 */
bool elf_place(const struct elf_file *f, unsigned machine, struct placements *l,
               struct elf_info *info, struct error *e);

/* The name of an ELF machine number, for messages; "unknown machine" if it has none here. */
const char *elf_machine_name(unsigned machine);

#endif
