/* SPDX-License-Identifier: MIT */
/* Files that the command line names and boards read: kernels, firmware, what -device loader loads.
 */
#ifndef HW_IMAGE_H
#define HW_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* A regular file that is open for reading. */
struct image_file {
    FILE *file; /* NULL: not open */
    char *path;
    uint64_t size; /* bytes, when it was opened */
};

/* Opens the file at path; what names it in errors: "-kernel". */
bool image_open(struct image_file *f, const char *what, const char *path, struct error *e);
void image_close(struct image_file *f);
/* Reads exactly n bytes at offset; false at the end of the file or on an error. */
bool image_read(const struct image_file *f, uint64_t offset, void *bytes, size_t n);
/* The whole file, mem_free; NULL with an error if it is larger than max bytes or unreadable. */
uint8_t *image_read_all(const struct image_file *f, const char *what, uint64_t max,
                        struct error *e);

#endif
