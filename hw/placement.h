/* SPDX-License-Identifier: MIT */
/*
 * What is put into guest memory at each reset: kernels, initial RAM disks, device trees, files of
 * -device loader. A file is kept open and read again at each reset straight into guest memory, so
 * that it takes no memory of ours.
 */
#ifndef HW_PLACEMENT_H
#define HW_PLACEMENT_H

#include "base/error.h"
#include "hw/image.h"
#include "memory/space.h"

struct placement {
    char *what; /* for messages and the map */
    paddr base;
    uint64_t size;          /* bytes copied */
    uint64_t zeros;         /* zero bytes after them */
    uint8_t *bytes;         /* owned; or NULL: from file */
    struct image_file file; /* owned if bytes is NULL */
    uint64_t offset;        /* in the file */
    struct placement *next;
};

struct placements {
    struct placement *first; /* lowest base first */
};

/*
 * Takes over p's bytes or file (also on failure) and lists it. False if it would overlap another
 * one; what: an own copy is made.
 */
bool placements_add(struct placements *l, const struct placement *p, struct error *e);
/* False if not all of it goes to RAM or ROM of s. */
bool placements_check(const struct placements *l, struct space *s, struct error *e);
/* Writes all to RAM and ROM of s; the error says what did not find memory or could not be read any
 * more. */
bool placements_apply(const struct placements *l, struct space *s, struct error *e);
void placements_free(struct placements *l);

#endif
