/* SPDX-License-Identifier: MIT */
/* Loading of ELF executables (System V ABI, chapters 4 and 5) for a guest of any word size and byte
 * order. */
#ifndef HW_ELF_H
#define HW_ELF_H

#include "cpu/arch.h"
#include "hw/placement.h"

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
 * complete executable of one of the kinds.
 */
bool elf_place(const struct elf_file *f, const struct arch_elf *kinds, struct placements *l,
               struct elf_info *info, struct error *e);

#endif
