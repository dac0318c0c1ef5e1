/* SPDX-License-Identifier: MIT */
/* Guest images that run a batch of cases, and reading the records that they leave. */
#ifndef TESTS_SUPPORT_A64_IMAGE_H
#define TESTS_SUPPORT_A64_IMAGE_H

#include "tests/support/a64_case.h"

/* Cases first to first + count - 1 of a batch, and what is there to run them. */
struct a64_job {
    const struct a64_batch *batch;
    unsigned first, count;
    const char *cpu;      /* as -cpu takes it */
    const char *qemu;     /* the folder with QEMU 10's programs */
    const char *dragoman; /* the emulator of this tree */
    const char *dir;      /* where files may be made */
};

/* Where the records come out. */
enum a64_image_kind {
    A64_IMAGE_BARE,     /* they stay in memory at A64_OUTPUT */
    A64_IMAGE_CHECKSUM, /* as before, and a line with the checksum of each is printed by semihosting
                         */
    A64_IMAGE_LINUX     /* on standard output */
};

/* A part of an image that is loaded at an address; the rest up to reserved bytes is zero. */
struct a64_segment {
    uint64_t address, bytes, reserved;
    const void *data;
    bool writable, executable;
};

#define A64_SEGMENTS 8

struct a64_image {
    struct a64_segment segment[A64_SEGMENTS];
    unsigned segments;
    void *owned[A64_SEGMENTS];
};

bool a64_assembler_present(void);

/* Makes the image of a job. False: *why (static text) is what failed. */
bool a64_image_make(struct a64_image *image, const struct a64_job *job, enum a64_image_kind kind,
                    const char **why);
void a64_image_free(struct a64_image *image);

/* Writes the image as an ELF program. */
bool a64_image_write(const struct a64_image *image, const char *path);

/*
 * The records of count cases that stand one behind the other in bytes[0..n): pointers into it.
 * False: they are not all there.
 */
bool a64_records(const uint8_t *bytes, size_t n, unsigned count, const struct a64_record **records);

static inline const struct a64_change *a64_changes(const struct a64_record *r)
{
    return (const struct a64_change *)(r + 1);
}

/* What the harness prints for a record with A64_IMAGE_CHECKSUM. */
uint64_t a64_record_checksum(const struct a64_record *r);

#endif
