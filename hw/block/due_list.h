/* SPDX-License-Identifier: MIT */
/*
 * Completions of a disk controller on a machine whose time is counted: what the host has done, and
 * the guest is told of when a time has passed that depends on nothing but the request's size. In
 * the order of the requests. The list is state of the device.
 */
#ifndef HW_BLOCK_DUE_LIST_H
#define HW_BLOCK_DUE_LIST_H

#include "base/clock.h"
#include "base/error.h"
#include "base/fields.h"

#define DUE_LATENCY_NS 100000 /* of a request, beside a nanosecond a byte */
#define DUE_MOST 65536        /* elements */

/* What a controller tells its driver in the end; the names are those of virtio. */
struct due_item {
    uint64_t due_ns;
    uint32_t queue, written;
    uint16_t id, descriptors;
    uint32_t pad;
};

struct due_list {
    struct due_item *items; /* owned */
    size_t count;
    uint64_t latest_ns;
};

extern const struct field due_item_fields[];
/* Rows of a class whose struct has a struct due_list called due. */
#define DUE_LIST_FIELDS(type, due)                                                                 \
    FIELD_LIST_PARTS(type, due.items, due.count, due_item_fields, due_item, DUE_MOST),             \
        FIELD_KEEP(type, due.latest_ns)

/* due_ns is set here; timer is set for the first. */
void due_list_add(struct due_list *l, struct clock_timer *timer, uint64_t now_ns, uint64_t bytes,
                  const struct due_item *item);
/* The first that is due, taken off; else false, and the timer is set for the next. */
bool due_list_take(struct due_list *l, struct clock_timer *timer, uint64_t now_ns,
                   struct due_item *item);
void due_list_clear(struct due_list *l, struct clock_timer *timer);
/* After loading: the timer follows. */
void due_list_loaded(struct due_list *l, struct clock_timer *timer);
/* A list that was loaded is one that due_list_add can have made. */
bool due_list_check(const struct due_list *l, bool counted, struct error *e);

#endif
