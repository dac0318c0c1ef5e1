/* SPDX-License-Identifier: MIT */
/* Where the bytes of a disk are: what maps, conversions and commits go by. */
#include <errno.h>

#include "block/block_internal.h"
#include "block/driver.h"

static const enum block_where where_of[] = {
    [BLOCK_MAP_DATA] = BLOCK_DATA,
    [BLOCK_MAP_ZERO] = BLOCK_ZERO,
    [BLOCK_MAP_BACKING] = BLOCK_UNALLOCATED,
    [BLOCK_MAP_PACKED] = BLOCK_PACKED,
};

static int status_of_map(struct block_node *n, uint64_t offset, uint64_t bytes,
                         struct block_status *s)
{
    struct block_extent x;
    int status = block_node_look(n, offset, bytes, false, &x);
    if (status < 0) {
        return status;
    }
    s->where = where_of[x.kind];
    s->bytes = x.bytes;
    s->has_place = x.kind == BLOCK_MAP_DATA || x.has_place;
    s->place = x.offset;
    return 0;
}

/* A node alone. */
static int status_of(struct block_node *n, uint64_t offset, uint64_t bytes, struct block_status *s)
{
    uint64_t base = 0;
    while ((n->linear || (n->driver->kind == BLOCK_FILTER && !n->driver->map)) && n->file) {
        base += n->linear_offset;
        n = n->file;
    }
    *s = (struct block_status){.where = BLOCK_DATA, .bytes = bytes};
    if (n->driver->status) {
        return n->driver->status(n, base + offset, bytes, s);
    }
    if (n->driver->map) {
        return status_of_map(n, base + offset, bytes, s);
    }
    return 0;
}

int block_node_status(struct block_node *n, uint64_t offset, uint64_t bytes, bool chain,
                      struct block_status *s)
{
    unsigned depth = 0;
    for (;; depth++) {
        const uint64_t size = block_node_size(n);
        if (bytes == 0 || offset > size || bytes > size - offset) {
            return -EINVAL;
        }
        int status = status_of(n, offset, bytes, s);
        s->node = n;
        s->depth = depth;
        const struct block_node *real = block_node_skip_filters(n);
        if (status < 0 || s->where != BLOCK_UNALLOCATED || !chain || !real->backing) {
            return status;
        }
        const uint64_t below = block_node_size(real->backing);
        if (offset >= below) {
            return 0;
        }
        bytes = s->bytes < below - offset ? s->bytes : below - offset;
        n = real->backing;
    }
}
