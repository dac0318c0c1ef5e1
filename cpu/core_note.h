/* SPDX-License-Identifier: MIT */
/*
 * Notes of an ELF core file that hold a CPU's registers, as Linux writes them for a process and
 * debuggers read them (System V ABI, chapter 5; NT_PRSTATUS and its like of <linux/elf.h>).
 */
#ifndef CPU_CORE_NOTE_H
#define CPU_CORE_NOTE_H

#include <stdint.h>

/* The registers with gdb's numbers first to last, one after the other, size bytes each. */
struct core_part {
    int16_t first, last;
    uint16_t at; /* of the first, in the note */
    uint8_t size;
};

#define CORE_PARTS 4u

struct core_note {
    uint32_t type;   /* 0 ends a list */
    uint16_t bytes;  /* the rest is zero */
    uint16_t pid_at; /* of a 32-bit process number: the CPU's, counted from 1; 0: it has none */
    struct core_part parts[CORE_PARTS]; /* one of size 0 ends it */
};

#endif
