/* SPDX-License-Identifier: MIT */
/*
 * Compares what two engines made of a case, and explains a difference: the instructions, the
 * registers that matter, what was expected and what was got.
 */
#ifndef TESTS_SUPPORT_A64_COMPARE_H
#define TESTS_SUPPORT_A64_COMPARE_H

#include <stdio.h>

#include "tests/support/a64_image.h"

/* Parts of a result, a bit each. */
enum a64_part {
    A64_PART_X = 1,
    A64_PART_SP = 2,
    A64_PART_PC = 4,
    A64_PART_PSTATE = 8,
    A64_PART_FPCR = 16,
    A64_PART_FPSR = 32,
    A64_PART_V = 64,
    A64_PART_MEMORY = 128,
    A64_PART_EXIT = 256, /* the exception that ended the case: syndrome, or signal */
    A64_PART_FAR = 512,
    A64_PARTS = 10
};
extern const char *const a64_part_names[A64_PARTS];

/* The parts that differ; 0: none. A record of Linux is compared as far as Linux shows things. */
unsigned a64_compare(const struct a64_case *c, const struct a64_record *expected,
                     const struct a64_record *got);

/* Was the case's first instruction of the row under test undefined? */
bool a64_undefined(const struct a64_record *r);

void a64_explain(FILE *f, const struct a64_batch *b, unsigned number,
                 const struct a64_record *expected, const struct a64_record *got);

/* ---- known deviations, tests/insn/aarch64/oracle_differences */

struct a64_difference {
    char engine[16]; /* "linux", or "ours": any other */
    char row[32];    /* name of a row, or what it starts with and a star */
    unsigned parts;
    uint64_t fpcr; /* only with one of these bits of FPCR set; 0: always */
    unsigned seen;
};

struct a64_differences {
    struct a64_difference row[100];
    unsigned count;
};

/* The pattern is a row's name, or its beginning with a star. */
bool a64_name_matches(const char *pattern, const char *name);

/* False: *why (allocated) is what is wrong. */
bool a64_read_differences(struct a64_differences *d, const char *path, char **why);

/* Takes from parts those that are listed for the engine. */
unsigned a64_unlisted(struct a64_differences *d, const char *engine, const struct a64_batch *b,
                      unsigned number, unsigned parts);

#endif
