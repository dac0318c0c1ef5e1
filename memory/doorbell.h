/* SPDX-License-Identifier: MIT */
/*
 * Doorbells: writes to places in a device's registers that signal an event (base/os.h) in place of
 * calling the device. Who waits for the event may be a thread, another process, or the host's
 * kernel.
 *
 * A write rings in space_store(), where every write to registers comes by that an accelerator does
 * not see for itself (but not in range_store(), by which a device writes to its own). An
 * accelerator that can ring without the program's help has an owner here (struct doorbell_ops), who
 * is told of the doorbells by guest address. A write never rings twice, and none is lost while an
 * owner comes to know of a doorbell or forgets it.
 *
 * A ring costs the thread that waits a wake-up, some microseconds. So a device whose function for
 * the write does the work at once, on the vCPU, has no use of a doorbell where no accelerator rings
 * it; and with counted time it must not have one, since an event has no place in that time.
 */
#ifndef MEMORY_DOORBELL_H
#define MEMORY_DOORBELL_H

#include "memory/space.h"

struct doorbell {
    uint64_t offset; /* in the range */
    unsigned size;   /* of the write: 1, 2, 4, 8; 0: any that begins there */
    bool any_value;  /* else it rings for this value only: */
    uint64_t value;
    int event; /* the caller's */
};

/* Of a range that is in s, shown or not; any thread, but not from the range's own functions if it
 * has a lock. No two of a range ring for the same write. Behind doorbell_remove nobody signals the
 * event any more; what was signalled before is for the caller to take (os_event_take). */
void doorbell_add(struct space *s, const struct mem_range *r, const struct doorbell *d);
void doorbell_remove(struct space *s, const struct mem_range *r, const struct doorbell *d);

/* A write of registers is one that rings: it is done. */
struct doorbells;
bool doorbell_rings(struct doorbells *b, uint64_t offset, unsigned size, uint64_t value);

/* An accelerator that rings by itself: what guest address has which; one call at a time. */
struct doorbell_ops {
    void (*add)(void *opaque, paddr a, const struct doorbell *d);
    void (*remove)(void *opaque, paddr a, const struct doorbell *d);
};
struct doorbell_owner;
struct doorbell_owner *doorbell_own(struct space *s, const struct doorbell_ops *ops, void *opaque);
void doorbell_disown(struct doorbell_owner *o); /* removes all */

/* For memory/space.c: those of a range; freed with it. */
struct doorbells *doorbell_create(void);
void doorbell_free(struct doorbells *b);

#endif
