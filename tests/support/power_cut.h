/* SPDX-License-Identifier: MIT */
/*
 * Power cuts on writable formats. A workload runs on a fresh image over a recording protocol that
 * keeps the file in memory. Then the power is cut at every place of the recording, many times: what
 * was flushed is there, of the later writes a random subset is, torn at 512 bytes. The image must
 * open, check clean but for leaks, and hold all that was acknowledged by a flush; other sectors
 * hold what was written to them since, or before.
 */
#ifndef TESTS_SUPPORT_POWER_CUT_H
#define TESTS_SUPPORT_POWER_CUT_H

#include "base/error.h"
#include "block/driver.h"

struct power_cut_plan {
    const char *format;
    const char *options; /* of creation, JSON, without the size; NULL: none */
    const char *open;    /* further options of opening, JSON; NULL: none */
    /* An image of several files: makes "0", which is opened, and "1" and so on in the folder, and
     * the options by which the format knows these; NULL: one file. */
    bool (*make)(struct block_graph *g, const char *folder, struct error *e);
    const char *children[2];
    uint64_t disk_bytes; /* small: each cut reads all of it */
    unsigned operations; /* of the workload */
    bool repair;         /* leaks and errors are repaired before the disk is looked at */
    /* Something else to do with the image between two operations (snapshots, resize); may be NULL.
     */
    bool (*extra)(struct block_node *n, unsigned operation, struct error *e);
};

struct power_cut_result {
    unsigned writes, flushes, cuts; /* recorded, recorded, made */
    unsigned dirty;                 /* cuts that left the image with leaks or to be repaired */
};

/* False with what was lost, and the cut that lost it. The same seed gives the same cuts. */
bool power_cut_run(const struct power_cut_plan *p, uint64_t seed, unsigned cuts,
                   struct power_cut_result *r, struct error *e);

#endif
