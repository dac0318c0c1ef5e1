/* SPDX-License-Identifier: MIT */
/* Runs a batch of cases in another program: QEMU's system emulator, its emulator of Linux programs.
 */
#ifndef TESTS_SUPPORT_A64_RUN_H
#define TESTS_SUPPORT_A64_RUN_H

#include "tests/support/a64_image.h"

/* The records of a run: record[i] is that of case first + i. */
struct a64_results {
    const struct a64_record **record;
    uint8_t *bytes; /* where they stand */
    size_t size;
    bool mapped;
    struct a64_record **modelled; /* records that are not among them */
    unsigned models;
};

struct a64_runner {
    const char *program; /* the emulator */
    const char *cpu;     /* for its option -cpu */
    const char *dir;     /* where files may be made */
};

/*
 * Runs the image, which has count cases, on a system emulator with QEMU's options, or as a Linux
 * program. False: *why (allocated) says what failed.
 */
bool a64_run_system(struct a64_results *out, const struct a64_runner *by,
                    const struct a64_image *image, unsigned count, char **why);
bool a64_run_linux(struct a64_results *out, const struct a64_runner *by,
                   const struct a64_image *image, unsigned count, char **why);
/* Runs an image of A64_IMAGE_CHECKSUM, and gives the checksum of each case. */
bool a64_run_checksums(uint64_t *sums, const struct a64_runner *by, const struct a64_image *image,
                       unsigned count, char **why);
void a64_results_free(struct a64_results *r);

#endif
