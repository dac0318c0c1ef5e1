/* SPDX-License-Identifier: MIT */
/*
 * The memory of a space as slots, for accelerators that are told of memory beforehand, as those in
 * a host's kernel are: each slot is a run of guest addresses that shows host memory. What is no
 * slot is I/O: an access there comes back to the program, which makes it by space_load_by and
 * space_store_by, and so does a write to a slot that is read-only.
 *
 * The set follows from the map alone: a slot is a view of RAM, ROM, or of a device that reads like
 * ROM, without the parts of pages at its ends. It is compared with the map after each publication,
 * and the owner is told of differences only:
 *
 *   - what stays is not touched;
 *   - slots never overlap, at any moment: those that go, go first;
 *   - slots cannot be resized. Where a part of one stays (a hole was made in RAM, or closed) it is
 *     removed, and its pieces are added. `still` announces that, before it begins: no vCPU may look
 *     at the slots until the end. So a vCPU never sees RAM that stays missing.
 *
 * The map is published before the slots change, so an access that meets no slot in between is done
 * right by the program.
 */
#ifndef MEMORY_SLOTS_H
#define MEMORY_SLOTS_H

#include "memory/space.h"

enum slot_flag {
    SLOT_READ_ONLY = 1, /* writes are I/O */
    SLOT_LOGGED = 2     /* writes are to be noted: see slots_collect */
};

struct slot {
    paddr base;
    uint64_t size;
    uint8_t *host;  /* of base; it and the two above are multiples of the owner's page */
    unsigned flags; /* SLOT_ */
};

/* Called by whoever changes the map or starts a log, one at a time for each set. */
struct slots_ops {
    /* Of what comes until end; still: vCPUs must be outside, or stay out of the slots. */
    void (*begin)(void *opaque, bool still);
    void (*remove)(void *opaque, const struct slot *s);
    void (*add)(void *opaque, const struct slot *s);
    void (*log)(void *opaque, const struct slot *s); /* SLOT_LOGGED has changed to what s says */
    void (*end)(void *opaque);
    /*
     * Of a slot that is logged: the pages that were written since they were clear, a bit for each
     * from the slot's first on (bitmap is clear before); and those of bitmap are clear from now on,
     * that is, the next write to one is noted.
     */
    void (*written)(void *opaque, const struct slot *s, uint64_t *bitmap);
    void (*clear)(void *opaque, const struct slot *s, const uint64_t *bitmap);
};

struct slots_config {
    uint64_t page_bytes; /* the owner's */
    bool read_only;      /* it has such slots; else such memory is I/O */
    const struct slots_ops *ops;
    void *opaque;
};

struct slots;

/* Adds what there is. The owner's guests write to their slots without telling (memory/dirty.h), so
 * logs of the space's memory are theirs as well from now on. */
struct slots *slots_create(struct space *s, const struct slots_config *c);
void slots_destroy(struct slots *t); /* removes all */

#endif
