/* SPDX-License-Identifier: MIT */
/*
 * A protocol that keeps its file in memory and can write down all that reaches it: for power cuts
 * and for tests of drivers. Also fails requests on demand.
 */
#ifndef TESTS_SUPPORT_RECORDER_H
#define TESTS_SUPPORT_RECORDER_H

#include "block/driver.h"

enum record_kind {
    RECORD_WRITE,
    RECORD_FLUSH,
    RECORD_RESIZE, /* to offset bytes */
};

struct record {
    enum record_kind kind;
    bool fua;
    uint64_t offset, bytes;
    uint8_t *data; /* NULL: zeros */
    unsigned file; /* number of the recorder that it came to */
};

struct recorder {
    struct os_mutex lock; /* guards all below */
    uint8_t *file;
    size_t room;
    bool recording;
    unsigned number;       /* of this file */
    struct recorder *into; /* whose records ours go to; NULL: our own */
    struct record *records;
    size_t count, cap;
    /* The fail_after-th write or flush from now on fails with fail_with; 0: none does. */
    unsigned fail_after;
    int fail_with;
    uint64_t most;     /* bytes: the file cannot become longer; 0: it can */
    bool lose_flushes; /* they are not written down */
    bool yields;       /* reads let other threads run */
};

/* A node of that protocol with the given name and contents (NULL: zeros), open for writing. */
struct block_node *recorder_open(struct block_graph *g, const char *name, const void *bytes,
                                 size_t length);
struct recorder *recorder_of(struct block_node *n);
/* How much has been recorded; with the lock. */
size_t recorder_count(struct block_node *n);

#endif
