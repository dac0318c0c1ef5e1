/* SPDX-License-Identifier: MIT */
/*
 * Disk formats against qemu-img and qemu-io, for any format: what one writes the other reads, over
 * seeded random operations, and checks clean. A format is a row.
 */
#ifndef TESTS_SUPPORT_FORMATS_H
#define TESTS_SUPPORT_FORMATS_H

#include "base/error.h"
#include "block/driver.h"

struct format_row {
    const char *format;
    const char *options; /* of creation, JSON, without the size; NULL: none */
    const char *foreign; /* the same for qemu-img's -o: "subformat=fixed"; NULL: none */
    uint64_t bytes;      /* of the disk */
    bool unchecked;      /* qemu-img has no check for it */
    bool written_once;   /* neither of us changes an image that is there: only conversions */
};

/* False with what differs. The same seed gives the same operations. */
bool formats_ours_then_theirs(const struct format_row *r, uint64_t seed, unsigned operations,
                              struct error *e);
bool formats_theirs_then_ours(const struct format_row *r, uint64_t seed, unsigned operations,
                              struct error *e);

/* ---- parts of it, for tests of one format */

/* A folder for images; formats_folder_drop removes it and its files. */
const char *formats_folder(void);
void formats_folder_drop(void);
/* Runs a command by the shell; false with its output. */
bool formats_run(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What the disk at path holds, as qemu-img reads it, or as we do, is what is at model. */
bool formats_theirs_is(const char *format, const char *path, const uint8_t *model, uint64_t bytes,
                       struct error *e);
bool formats_ours_is(const char *format, const char *path, const uint8_t *model, uint64_t bytes,
                     struct error *e);
/* Our check finds nothing. */
bool formats_clean(const char *format, const char *path, struct error *e);
/* Opens for writing; NULL with an error. block_node_close, and the graph stays: formats_graph. */
struct block_node *formats_open(const char *format, const char *path, bool write, struct error *e);
struct block_graph *formats_graph(void);
/* Makes a fresh image, "disk.FORMAT" of the folder, by options in JSON (NULL: none). */
const char *formats_make(const char *format, const char *options, uint64_t bytes);
/* Changes bytes of a file. */
void formats_patch(const char *path, uint64_t offset, const void *bytes, size_t n);
void formats_patch_le32(const char *path, uint64_t offset, uint32_t v);
/* Opening for writing is refused with words that have `says` in them. */
bool formats_refuses(const char *format, const char *path, const char *says, struct error *e);
/* Of fresh images in each of which one word is changed. False: the first that is not refused so. */
struct formats_bad {
    unsigned offset;
    uint32_t value;
    const char *says;
};
bool formats_refuses_all(const char *format, const char *options, const struct formats_bad *bad,
                         size_t n, struct error *e);
/* So is making an image by these options. */
bool formats_makes_not(const char *format, const char *options, const char *says, struct error *e);
/* What a check finds, and repairs. */
bool formats_check(const char *format, const char *path, unsigned fix, struct block_check *c,
                   struct error *e);

#endif
