/* SPDX-License-Identifier: MIT */
/*
 * A guest architecture as users know it. The program is called after it (dragoman-system-NAME), and
 * what belongs to no single CPU or board is here. To add one: a folder with a struct arch and its
 * CPU classes, a line in cpu/classes.c, and its tests.
 */
#ifndef CPU_ARCH_H
#define CPU_ARCH_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_class;

/* What the header of an ELF file for it says (System V ABI, chapter 4). */
struct arch_elf {
    uint16_t machine; /* e_machine; 0 ends a list */
    uint8_t bits;     /* 32 or 64: EI_CLASS */
    bool big_endian;  /* EI_DATA */
    const char *name; /* for messages */
};

/* Firmware that users name without a folder, and the Debian package that has it. */
struct arch_firmware {
    const char *file; /* NULL ends a list */
    const char *package;
};

struct arch {
    const char *name;                     /* "aarch64" */
    const char *desc;                     /* "64-bit Arm" */
    const struct cpu_class *const *cpus;  /* the kinds of CPU that it has; NULL at the end */
    const struct arch_elf *elf;           /* its programs; no entry: none can be loaded */
    const struct arch_firmware *firmware; /* or NULL */
    const char *const *firmware_dirs;     /* where packages put it; NULL at the end; or NULL */
};

extern const struct arch *const archs[]; /* ends with NULL; cpu/classes.c */
/* NULL: there is none of that name. */
const struct arch *arch_find(const char *name);

#endif
