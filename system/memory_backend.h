/* SPDX-License-Identifier: MIT */
/*
 * -object memory-backend-ram, -file and -memfd: where guest memory comes from. A back end opens its
 * file when it is made, and is mapped when a machine uses it.
 */
#ifndef SYSTEM_MEMORY_BACKEND_H
#define SYSTEM_MEMORY_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum memory_kind {
    MEMORY_RAM,
    MEMORY_FILE,
    MEMORY_MEMFD
};

struct memory_options {
    uint64_t size, align, offset, hugetlb_bytes;
    const char *path; /* -file */
    int share;        /* -1: as the kind has it */
    int merge;        /* -1: on */
    int dump;         /* -1: off, as all guest memory */
    int reserve;      /* -1: on */
    int seal;         /* -1: on */
    bool prealloc, discard_data, readonly, hugetlb;
    uint32_t prealloc_threads;
};

struct memory_backend;

/* id is for messages; the strings of o outlive the back end. NULL: e says why. */
struct memory_backend *memory_backend_create(enum memory_kind kind, const char *id,
                                             const struct memory_options *o, struct error *e);
void memory_backend_free(struct memory_backend *b); /* NULL is allowed */
uint64_t memory_backend_bytes(const struct memory_backend *b);
/* Puts it where memory of its size is reserved. One mapping at a time. */
bool memory_backend_map(struct memory_backend *b, void *at, struct error *e);
bool memory_backend_is_file(const struct memory_backend *b); /* also a memfd */
bool memory_backend_used(const struct memory_backend *b);
/* Takes the pages from the host now. */
bool memory_take(void *p, uint64_t bytes, struct error *e);
/* Lines of `info memdev`. */
void memory_backend_describe(const struct memory_backend *b, struct strbuf *out);

#endif
