/* SPDX-License-Identifier: MIT */
/*
 * Disks that stand still for a moment, and requests that wait until a failure has been seen to.
 *
 * A queue says that it is busy before it looks whether its disk is paused, and who pauses a disk
 * says so before looking whether a queue is busy: one of them sees the other.
 */
#include <errno.h>

#include "base/atomic.h"
#include "block/block_internal.h"

/* ---- pausing */

bool block_pause_pass(struct block_queue *q)
{
    if (q->at_host == 0) {
        atomic_set_seq(&q->busy, 1);
    }
    if (!atomic_get_seq(&q->block->paused)) {
        return true;
    }
    if (q->at_host == 0) {
        block_pause_idle(q);
    }
    return false;
}

void block_pause_idle(struct block_queue *q)
{
    struct block *b = q->block;
    atomic_set_seq(&q->busy, 0);
    if (atomic_get_seq(&b->paused)) {
        os_mutex_lock(&b->lock);
        os_cond_broadcast(&b->idle);
        os_mutex_unlock(&b->lock);
    }
}

static struct block_queue *queue_at(struct list_node *l)
{
    return container_of(l, struct block_queue, of_block);
}

/* A queue that somebody has to wait for; b->lock is held. */
static bool any_busy(const struct block *b)
{
    for (struct list_node *l = b->queues.head.next; l != &b->queues.head; l = l->next) {
        if (atomic_get_seq(&queue_at(l)->busy)) {
            return true;
        }
    }
    return false;
}

void block_hurry(struct block *b, bool on)
{
    if (b->node) {
        block_throttle_hurry(b->node->graph, on);
    }
}

void block_pause(struct block *b)
{
    atomic_add(&b->paused, 1);
    block_hurry(b, true);
    os_mutex_lock(&b->lock);
    for (struct list_node *l = b->queues.head.next; l != &b->queues.head; l = l->next) {
        struct block_queue *q = queue_at(l);
        while (q->passive && q->at_host > 0) { /* nobody else is in it */
            os_mutex_unlock(&b->lock);
            block_queue_wait(q);
            os_mutex_lock(&b->lock);
        }
    }
    while (any_busy(b)) {
        os_cond_wait(&b->idle, &b->lock);
    }
    os_mutex_unlock(&b->lock);
    block_hurry(b, false);
}

static void wake_all(struct block *b)
{
    os_mutex_lock(&b->lock);
    for (struct list_node *l = b->queues.head.next; l != &b->queues.head; l = l->next) {
        block_queue_wake(queue_at(l));
    }
    os_mutex_unlock(&b->lock);
}

void block_resume(struct block *b)
{
    atomic_sub(&b->paused, 1);
    wake_all(b);
}

/* ---- failures */

bool block_hold(struct block_queue *q, struct block_request *r)
{
    struct block *b = q->block;
    const enum block_on_error how = block_on_error(b, r->op != BLOCK_READ);
    if (r->is_part || r->refused) {
        return false;
    }
    if (how == BLOCK_ON_ERROR_IGNORE) {
        r->status = 0;
        return false;
    }
    if (!b->stop || q->passive || q->draining || how == BLOCK_ON_ERROR_REPORT ||
        (how == BLOCK_ON_ERROR_ENOSPC && r->status != -ENOSPC)) {
        return false;
    }
    block_list_push(&q->held, r);
    q->held_count++;
    atomic_add(&b->held, 1);
    b->stop(b->stop_opaque, r->status);
    return true;
}

void block_on_stop(struct block *b, void (*stop)(void *opaque, int status), void *opaque)
{
    b->stop = stop;
    b->stop_opaque = opaque;
}

bool block_waits_for_retry(const struct block *b)
{
    return atomic_get_seq(&b->held) > 0;
}

void block_retry(struct block *b)
{
    os_mutex_lock(&b->lock);
    for (struct list_node *l = b->queues.head.next; l != &b->queues.head; l = l->next) {
        atomic_set_seq(&queue_at(l)->retry, 1);
        block_queue_wake(queue_at(l));
    }
    os_mutex_unlock(&b->lock);
}

/* ---- sizes */

void block_on_resize(struct block *b, void (*resized)(void *opaque), void *opaque)
{
    b->resized = resized;
    b->resized_opaque = opaque;
}

bool block_resize(struct block *b, uint64_t bytes, struct error *e)
{
    struct block_use *u = b->use;
    const unsigned does = u->does, lets = u->lets;
    struct error ignored;
    if (bytes < BLOCK_SECTOR) {
        return error_set(e, "a disk has at least %u bytes", BLOCK_SECTOR);
    }
    block_pause(b);
    bool good = block_use_change(u, does | BLOCK_PERM_RESIZE, lets, e);
    if (good) {
        good = block_node_resize(b->node, bytes, BLOCK_PREALLOC_OFF, e);
        block_use_change(u, does, lets, &ignored); /* asks for less */
        block_measure(b);
    }
    block_resume(b);
    if (good && b->resized) {
        b->resized(b->resized_opaque);
    }
    return good;
}
