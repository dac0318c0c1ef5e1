/* SPDX-License-Identifier: MIT */
/*
 * A case of the A64 instruction tests: a state, a few instructions, and what state they leave. A
 * batch of cases is one guest image, the same bytes at the same addresses for each engine and
 * emulator: a harness (tests/insn/aarch64/harness*.S) loads a case's state, runs its instructions
 * in their own slot and stores what came out, until all cases are done. Every slot ends in BRK; any
 * exception, that one included, is the end of a case and part of its result.
 *
 * Memory that the cases may touch is a window in two pages with nothing mapped around them. Its
 * contents are one fixed pattern, restored after each case; a result holds the words that changed.
 */
#ifndef TESTS_SUPPORT_A64_CASE_H
#define TESTS_SUPPORT_A64_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

/* The image: guest addresses, virtual and physical the same. */
#define A64_HARNESS UINT64_C(0x40200000) /* the harness' code */
#define A64_TABLES UINT64_C(0x40300000)  /* page tables */
#define A64_CODE UINT64_C(0x40400000)    /* the slots */
#define A64_CONTROL UINT64_C(0x41000000) /* struct a64_control, then the pattern */
#define A64_INPUT UINT64_C(0x41010000)   /* the cases' states */
#define A64_OUTPUT UINT64_C(0x43000000)  /* struct a64_record of each case */
#define A64_OUTPUT_END UINT64_C(0x47000000)
#define A64_WINDOW UINT64_C(0x4800f000) /* two pages */
#define A64_WINDOW_END UINT64_C(0x48011000)
#define A64_RAM UINT64_C(0x40000000)
#define A64_RAM_BYTES (UINT64_C(256) << 20)

#define A64_BATCH 16384 /* the most cases */
#define A64_SLOT_WORDS 64
#define A64_SLOT_BYTES (4 * A64_SLOT_WORDS)

/* The parts of the window that cases write to and that are compared: around the border of the two
 * pages, and the end of the second. */
#define A64_MIDDLE UINT64_C(0x48010000)
#define A64_MAIN_BYTES 2048
#define A64_MAIN (A64_MIDDLE - A64_MAIN_BYTES / 2)
#define A64_EDGE_BYTES 256
#define A64_EDGE (A64_WINDOW_END - A64_EDGE_BYTES)
#define A64_PATTERN_BYTES (A64_MAIN_BYTES + A64_EDGE_BYTES)
#define A64_MAX_CHANGES (A64_PATTERN_BYTES / 8)

struct a64_v {
    uint64_t d[2];
};

struct a64_state {
    uint64_t x[31];
    uint64_t sp; /* SP_EL0 */
    uint64_t pc, pstate, fpcr, fpsr;
    struct a64_v v[32];
    uint64_t sp_el1;
    uint64_t unused;
};

/* What the harness stores for a case; then come the changed words of memory. */
struct a64_record {
    uint64_t bytes; /* of the record and its changes */
    uint64_t changes;
    uint64_t esr, far; /* of the exception; under Linux 0 and the signal's fault address */
    uint64_t signal;   /* under Linux, else 0 */
    uint64_t unused;
    struct a64_state s;
};

struct a64_change {
    uint64_t address, value;
};

/* Read, and the first three members counted up, by the harness. */
struct a64_control {
    uint64_t input, output, left;
    uint64_t report; /* print a checksum of each record by semihosting */
    uint64_t sctlr, tcr, mair, ttbr;
    uint64_t key[10]; /* APIA, APIB, APDA, APDB, APGA: low and high halves */
    uint64_t pattern; /* address */
    uint64_t started; /* under Linux */
};

enum a64_case_flags {
    A64_CASE_SYSTEM = 1, /* not for the emulator of Linux programs */
    A64_CASE_PAUTH = 2,  /* depends on the algorithm of pointer authentication */
};

struct a64_case {
    struct a64_state in;
    uint32_t insn[A64_SLOT_WORDS]; /* slots are filled up with BRK */
    unsigned count;                /* words that are instructions of the case */
    unsigned flags;
    uint16_t row; /* the row under test, or A64_ROW_NONE: a random sequence */
};

struct a64_batch {
    unsigned count;
    struct a64_case *cases;
    uint8_t pattern[A64_PATTERN_BYTES];
};

/* The slot of case number i. */
static inline uint64_t a64_slot(unsigned i)
{
    return A64_CODE + (uint64_t)i * A64_SLOT_BYTES;
}

/* The pattern's bytes that lie at address a of the compared memory, or NULL. */
static inline const uint8_t *a64_pattern_at(const struct a64_batch *b, uint64_t a, unsigned bytes)
{
    if (a >= A64_MAIN && a + bytes <= A64_MAIN + A64_MAIN_BYTES) {
        return &b->pattern[a - A64_MAIN];
    }
    if (a >= A64_EDGE && a + bytes <= A64_WINDOW_END) {
        return &b->pattern[A64_MAIN_BYTES + (a - A64_EDGE)];
    }
    return NULL;
}

#endif
