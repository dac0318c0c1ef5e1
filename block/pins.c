/* SPDX-License-Identifier: MIT */
/*
 * Keeping requests to a node apart. A hot request pins its range of the node for as long as data
 * moves by what map() said. A slow request that changes something is busy in a range: it waits
 * until nobody has pinned it and no earlier one is busy there; hot requests that come later see it
 * and become slow.
 */
#include "block/block_internal.h"

static bool overlap(const struct block_pin *p, uint64_t offset, uint64_t bytes)
{
    return p->offset < offset + bytes && offset < p->offset + p->bytes;
}

/* Whether one of the list, up to `end` or its end, is in the range. */
static bool any(const struct list *l, const struct list_node *end, uint64_t offset, uint64_t bytes)
{
    for (const struct list_node *i = l->head.next; i != &l->head && i != end; i = i->next) {
        if (overlap(container_of(i, struct block_pin, link), offset, bytes)) {
            return true;
        }
    }
    return false;
}

bool block_pins_busy(const struct block_node *n, uint64_t offset, uint64_t bytes)
{
    return any(&n->busy, NULL, offset, bytes);
}

/* Two hot requests must not both make the same bytes new. */
bool block_pins_new(const struct block_node *n, uint64_t offset, uint64_t bytes)
{
    for (const struct list_node *i = n->pins.head.next; n->new_pins && i != &n->pins.head;
         i = i->next) {
        const struct block_pin *p = container_of(i, struct block_pin, link);
        if (p->is_new && overlap(p, offset, bytes)) {
            return true;
        }
    }
    return false;
}

/* The whole granules around the range. */
static void take_granules(struct block_pin *p)
{
    const uint64_t g = p->node->granule, end = p->offset + p->bytes + g - 1;
    p->offset -= p->offset % g;
    p->bytes = end - end % g - p->offset;
}

void block_pins_add(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes)
{
    p->node = n;
    p->offset = p->asked = offset;
    p->bytes = bytes;
    if (p->is_new && p->extent.whole_granule) {
        take_granules(p);
    }
    n->new_pins += p->is_new;
    list_push_back(&n->pins, &p->link);
}

static void remove_and_wake(struct block_pin *p)
{
    list_remove(&p->link);
    if (p->node->waiters) {
        os_cond_broadcast(&p->node->unpinned);
    }
}

void block_pins_drop(struct block_pin *p, int status)
{
    struct block_node *n = p->node;
    os_mutex_lock(&n->tables);
    if (p->is_new) {
        n->new_pins--;
        n->driver->linked(n, p->asked, &p->extent, status);
    }
    remove_and_wake(p);
    os_mutex_unlock(&n->tables);
}

static void wait_unpinned(struct block_node *n)
{
    n->waiters++;
    os_cond_wait(&n->unpinned, &n->tables);
    n->waiters--;
}

void block_busy_begin(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes)
{
    p->node = n;
    p->is_new = false;
    p->offset = offset;
    p->bytes = bytes;
    take_granules(p);
    list_push_back(&n->busy, &p->link);
    while (any(&n->pins, NULL, p->offset, p->bytes) ||
           any(&n->busy, &p->link, p->offset, p->bytes)) {
        wait_unpinned(n);
    }
}

void block_pin_wait(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    while (block_pins_busy(n, offset, bytes)) {
        wait_unpinned(n);
    }
}

void block_busy_end(struct block_pin *p)
{
    os_mutex_lock(&p->node->tables);
    remove_and_wake(p);
    os_mutex_unlock(&p->node->tables);
}
