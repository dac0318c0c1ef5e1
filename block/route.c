/* SPDX-License-Identifier: MIT */
/*
 * From a disk's request to the host, on the queue's thread: nodes are asked by map() where the
 * bytes lie, down to a host file; a request whose bytes lie in several places is cut into parts,
 * which are under way together. A part that some node cannot answer from its tables goes to a
 * worker, which asks the root again (node_io.c).
 *
 * While a write gives bytes a place, others to the same granule would only wait in a worker until
 * they can have theirs. They wait here, and are asked for again when that write is done.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

#define PINS_MAX 4
#define PART_IOVS 8

struct block_part {
    struct block_request r;
    struct block_request *whole;
    struct block_part *next;
    struct block_pin pin[PINS_MAX];
    unsigned pins;
    struct list_node of_queue; /* of its makers or its deferred ones */
    uint64_t made, made_end;   /* a maker: whole granules of the root; else equal */
    struct iovec *many;        /* owned; for more pieces than few has */
    struct iovec few[PART_IOVS];
};

/* ---- to the host */

static void leaf_write(const struct block_node *leaf, struct block_request *r)
{
    if (leaf->mode.no_flush) {
        r->flags &= ~(unsigned)BLOCK_FUA;
    }
    if (!leaf->mode.discard) {
        r->flags &= ~(unsigned)BLOCK_MAY_UNMAP;
    }
}

void block_to_leaf(struct block_queue *q, struct block_request *r, struct block_node *leaf)
{
    if (r->op == BLOCK_WRITE || r->op == BLOCK_WRITE_ZEROES) {
        leaf_write(leaf, r);
    }
    if ((r->op == BLOCK_DISCARD && !leaf->mode.discard) ||
        (r->op == BLOCK_FLUSH && (leaf->mode.no_flush || !leaf->mode.write))) {
        block_finish(r, 0);
        return;
    }
    r->leaf = leaf;
    block_choose_fd(r);
    if (block_host_here(q, r)) {
        block_finish(r, 0);
    } else {
        q->engine->submit(q, r);
    }
}

/* ---- parts */

static struct block_part *new_part(struct block_queue *q, struct block_request *whole)
{
    struct block_part *p = q->spare_parts;
    if (p) {
        q->spare_parts = p->next;
    } else {
        p = mem_alloc(sizeof(*p));
    }
    p->whole = whole;
    p->pins = 0;
    p->made = p->made_end = 0;
    return p;
}

static void put_part(struct block_queue *q, struct block_part *p)
{
    mem_free(p->many);
    p->many = NULL;
    p->next = q->spare_parts;
    q->spare_parts = p;
}

void block_route_init(struct block_queue *q)
{
    list_init(&q->makers);
    list_init(&q->deferred);
}

void block_route_free(struct block_queue *q)
{
    while (q->spare_parts) {
        struct block_part *p = q->spare_parts;
        q->spare_parts = p->next;
        mem_free(p);
    }
}

static void part_over(struct block_request *whole, int status)
{
    if (status < 0 && whole->status == 0) {
        whole->status = status;
    }
    if (--whole->parts == 0) {
        block_finish(whole, whole->status);
    }
}

static void drop_pins(struct block_part *p, int status)
{
    while (p->pins) {
        block_pins_drop(&p->pin[--p->pins], status);
    }
}

/* ---- those that give bytes a place, and those that wait for them */

/* p is such a one, in a range of the root. */
static void maker_begin(struct block_queue *q, struct block_part *p, uint64_t offset,
                        uint64_t bytes)
{
    const struct block_node *n = q->block->node;
    while (n && !n->tracked) {
        n = n->file;
    }
    if (n) {
        const uint64_t end = offset + bytes + n->granule - 1;
        p->made = offset - offset % n->granule;
        p->made_end = end - end % n->granule;
        list_push_back(&q->makers, &p->of_queue);
    }
}

/* Whether the first of the bytes is being made; *bytes is cut to what holds for all of them. */
static bool is_made(const struct block_queue *q, uint64_t offset, uint64_t *bytes)
{
    for (const struct list_node *i = q->makers.head.next; i != &q->makers.head; i = i->next) {
        const struct block_part *p = container_of(i, struct block_part, of_queue);
        if (offset < p->made && p->made - offset < *bytes) {
            *bytes = p->made - offset;
        } else if (p->made <= offset && offset < p->made_end) {
            *bytes = *bytes < p->made_end - offset ? *bytes : p->made_end - offset;
            return true;
        }
    }
    return false;
}

/* Nothing is made in the range any more. What waits for another maker now goes on waiting. */
static void maker_end(struct block_queue *q, uint64_t from, uint64_t end)
{
    for (struct list_node *i = q->deferred.head.next, *next; i != &q->deferred.head; i = next) {
        struct block_part *p = container_of(i, struct block_part, of_queue);
        uint64_t some = p->r.bytes;
        next = i->next;
        if (p->r.offset >= from && p->r.offset < end && !is_made(q, p->r.offset, &some)) {
            list_remove(i);
            block_route(q, &p->r);
        }
    }
}

static void part_done(struct block_request *r, int status)
{
    struct block_part *p = container_of(r, struct block_part, r);
    struct block_request *whole = p->whole;
    const uint64_t from = p->made, end = p->made_end;
    drop_pins(p, status);
    if (end) {
        list_remove(&p->of_queue);
    }
    if (status == 0 && r->leaf && r->op != BLOCK_READ && r->leaf->grows) {
        block_node_grown(r->leaf, r->place + r->bytes);
    }
    struct block_queue *q = r->queue;
    put_part(q, p);
    part_over(whole, status);
    if (end) {
        maker_end(q, from, end);
    }
}

/* The pieces of memory of [at, at + bytes) of the whole request. */
static void give_pieces(struct block_part *p, uint64_t at, uint64_t bytes)
{
    const struct block_request *w = p->whole;
    struct iovec *out = p->few;
    if (at == 0 && bytes == w->bytes) {
        p->r.iov = w->iov;
        p->r.iov_count = w->iov_count;
        return;
    }
    if (w->iov_count > PART_IOVS) {
        out = p->many = mem_array(w->iov_count, sizeof(*out));
    }
    p->r.iov = out;
    p->r.iov_count = block_iov_slice(w->iov, w->iov_count, at, bytes, out);
}

static void start_part(struct block_queue *q, struct block_part *p, uint64_t at, uint64_t bytes)
{
    const struct block_request *w = p->whole;
    p->r = (struct block_request){
        .op = w->op,
        .flags = w->flags,
        .offset = w->offset + at,
        .bytes = bytes,
        .done = part_done,
    };
    if (w->iov) {
        give_pieces(p, at, bytes);
    }
    p->r.is_part = true;
    p->whole->parts++;
    block_child_begin(q, &p->r);
}

static void to_worker(struct block_queue *q, struct block_part *p, uint64_t at, uint64_t bytes)
{
    start_part(q, p, at, bytes);
    if (p->r.op == BLOCK_WRITE) {
        maker_begin(q, p, p->r.offset, bytes);
    }
    p->r.node = q->block->node;
    block_pool_submit(q, &p->r);
}

static void defer(struct block_queue *q, struct block_part *p, uint64_t at, uint64_t bytes)
{
    start_part(q, p, at, bytes);
    list_push_back(&q->deferred, &p->of_queue);
}

/* ---- asking */

enum answer {
    LEAF,    /* the bytes are in a host file */
    AT_ONCE, /* in a node whose driver has submit() */
    ZEROS,
    SLOW
};

struct way {
    struct block_node *node;
    uint64_t offset, bytes;
    bool writing, fua, made_new;
    bool looked_at; /* it is known not to be zeros */
};

/* One step down from a node with map. True: w stands at the next node. */
static bool step(struct block_part *p, struct way *w, enum answer *a)
{
    struct block_node *n = w->node;
    struct block_extent x = {.bytes = w->bytes};
    os_mutex_lock(&n->tables);
    if (p->pins == PINS_MAX || block_pins_busy(n, w->offset, w->bytes) ||
        (w->writing &&
         (block_pins_new(n, w->offset, w->bytes) || (w->fua && atomic_get(&n->dirty))))) {
        os_mutex_unlock(&n->tables);
        *a = SLOW;
        return false;
    }
    n->driver->map(n, w->offset, w->bytes, w->writing, &x);
    x.bytes = x.bytes < w->bytes ? x.bytes : w->bytes;
    bool goes_on = x.bytes > 0 && (x.kind == BLOCK_MAP_DATA || x.kind == BLOCK_MAP_NEW);
    if (goes_on && n->tracked) {
        struct block_pin *pin = &p->pin[p->pins++];
        pin->extent = x;
        pin->is_new = x.kind == BLOCK_MAP_NEW;
        block_pins_add(n, pin, w->offset, x.bytes);
    }
    os_mutex_unlock(&n->tables);
    w->bytes = x.bytes;
    w->made_new |= x.kind == BLOCK_MAP_NEW;
    if (goes_on) {
        w->node = x.node;
        w->offset = x.offset;
        return true;
    }
    *a = SLOW;
    if (x.bytes == 0 || w->writing) {
        return false;
    }
    if (x.kind == BLOCK_MAP_BACKING) {
        const uint64_t size = n->backing ? block_node_size(n->backing) : 0;
        const uint64_t there = w->offset < size ? size - w->offset : 0;
        w->bytes = there && there < w->bytes ? there : w->bytes;
        w->node = n->backing;
        *a = ZEROS;
        return there > 0;
    }
    *a = x.kind == BLOCK_MAP_ZERO ? ZEROS : SLOW;
    return false;
}

/* Where the first bytes at w lie; w->bytes becomes how many of them do. */
static enum answer find(struct block_part *p, struct way *w)
{
    enum answer a = SLOW;
    for (;;) {
        struct block_node *n = w->node;
        if (w->writing && n->detect_zeroes != BLOCK_DETECT_OFF && !w->looked_at) {
            return SLOW;
        }
        w->looked_at = false;
        if (n->fd >= 0) {
            return LEAF;
        }
        if (n->linear) {
            w->offset += n->linear_offset;
            w->node = n->file;
        } else if (n->driver->submit) {
            return w->offset + w->bytes > block_node_size(n) ? SLOW : AT_ONCE; /* a part sector */
        } else if (!n->driver->map || !step(p, w, &a)) {
            return a;
        }
    }
}

/* Takes back what was found on the way. */
static void forget(struct block_part *p)
{
    drop_pins(p, -EAGAIN);
}

/* Starts what of r begins at `at`; returns how many bytes that is. */
static uint64_t route_part(struct block_queue *q, struct block_request *r, uint64_t at)
{
    struct block_part *p = new_part(q, r);
    struct way w = {
        .node = q->block->node,
        .offset = r->offset + at,
        .bytes = r->bytes - at,
        .writing = r->op == BLOCK_WRITE,
        .fua = r->flags & BLOCK_FUA,
        .looked_at = true,
    };
    if (is_made(q, w.offset, &w.bytes)) {
        defer(q, p, at, w.bytes);
        return w.bytes;
    }
    const uint64_t all = w.bytes;
    enum answer a = find(p, &w);
    if (w.bytes == 0) {
        w.bytes = all;
    }
    /* What is new must be known to the tables on disk before the write is done for good; and a
     * driver has set aside what it said, no part of it. */
    if (a != SLOW && w.made_new && (w.fua || p->pin[0].extent.bytes != w.bytes)) {
        w.bytes = p->pin[0].extent.bytes;
        a = SLOW;
    }
    if (a == SLOW) {
        forget(p);
        to_worker(q, p, at, w.bytes);
    } else if (a == ZEROS) {
        block_iov_fill_zero(r->iov, r->iov_count, at, w.bytes);
        forget(p);
        put_part(q, p);
    } else {
        start_part(q, p, at, w.bytes);
        if (w.made_new) {
            maker_begin(q, p, p->r.offset, w.bytes);
        }
        p->r.place = w.offset;
        if (a == LEAF) {
            block_to_leaf(q, &p->r, w.node);
        } else {
            p->r.node = w.node;
            w.node->driver->submit(q, &p->r);
        }
    }
    return w.bytes;
}

/* ---- whole requests */

static void route_flush(struct block_queue *q, struct block_request *r)
{
    struct block_node *leaf = NULL;
    if (block_node_flush_leaf(q->block->node, &leaf)) {
        if (leaf) {
            block_to_leaf(q, r, leaf);
        } else {
            block_finish(r, 0);
        }
        return;
    }
    r->node = q->block->node;
    block_pool_submit(q, r);
}

void block_route(struct block_queue *q, struct block_request *r)
{
    r->status = 0;
    r->leaf = r->node = NULL;
    if (r->op == BLOCK_FLUSH) {
        route_flush(q, r);
        return;
    }
    const struct block_node *root = q->block->node;
    const bool zeros = r->op == BLOCK_WRITE && root->detect_zeroes != BLOCK_DETECT_OFF &&
                       block_iov_is_zero(r);
    if ((r->op != BLOCK_READ && r->op != BLOCK_WRITE) || zeros) {
        r->node = q->block->node;
        block_pool_submit(q, r);
        return;
    }
    r->parts = 1;
    for (uint64_t at = 0; at < r->bytes;) {
        at += route_part(q, r, at);
    }
    part_over(r, 0);
}
