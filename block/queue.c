/* SPDX-License-Identifier: MIT */
/*
 * Queues of requests: what all engines share.
 *
 * done is never called from submit, however quickly a request ends: it waits in q->finished for the
 * next run, so that a caller's loop is not re-entered. A sleeper is woken over an eventfd, and
 * only when it may be asleep: it says so before it looks for work a last time.
 */
#include <assert.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"

void block_list_push(struct block_list *l, struct block_request *r)
{
    r->next = NULL;
    if (l->last) {
        l->last->next = r;
    } else {
        l->first = r;
    }
    l->last = r;
}

struct block_request *block_list_pop(struct block_list *l)
{
    struct block_request *r = l->first;
    if (r) {
        l->first = r->next;
        if (!l->first) {
            l->last = NULL;
        }
    }
    return r;
}

#define DEPTH_MAX 1024

/* ---- life */

static struct block_queue *create_with(struct block *b, const struct block_engine *engine,
                                       unsigned depth, struct error *e)
{
    struct block_queue *q = mem_alloc(sizeof(*q));
    q->block = b;
    q->depth = depth < 1 ? 1 : depth < DEPTH_MAX ? depth : DEPTH_MAX;
    q->engine = engine;
    block_route_init(q);
    q->event_fd = eventfd(0, EFD_CLOEXEC);
    if (q->event_fd < 0) {
        error_set(e, "%s: no eventfd to be had from the host", block_file(b));
    } else if (engine->create(q, e)) {
        os_mutex_lock(&b->lock);
        list_push_back(&b->queues, &q->of_block);
        os_mutex_unlock(&b->lock);
        return q;
    } else {
        close(q->event_fd);
    }
    mem_free(q);
    return NULL;
}

struct block_queue *block_queue_create(struct block *b, unsigned depth, struct error *e)
{
    struct block_queue *q = NULL;
    if (b->aio != BLOCK_AIO_THREADS) {
        q = create_with(b, &block_uring_engine, depth, e);
    }
    if (!q && b->aio != BLOCK_AIO_URING) {
        q = create_with(b, &block_threads_engine, depth, e);
    }
    return q;
}

void block_queue_destroy(struct block_queue *q)
{
    if (q) {
        block_queue_drain(q);
        os_mutex_lock(&q->block->lock);
        list_remove(&q->of_block);
        os_mutex_unlock(&q->block->lock);
        block_pool_destroy(q);
        block_route_free(q);
        q->engine->destroy(q);
        close(q->event_fd);
        mem_free(q);
    }
}

/* ---- requests */

/* The node's own wishes, where it is not asked any more. */
static void as_node_wants(const struct block_node *n, struct block_request *r)
{
    if (r->op == BLOCK_WRITE && n->detect_zeroes != BLOCK_DETECT_OFF && block_iov_is_zero(r)) {
        r->op = BLOCK_WRITE_ZEROES;
        r->flags |= n->detect_zeroes == BLOCK_DETECT_UNMAP ? BLOCK_MAY_UNMAP : 0;
    }
    if (!n->mode.discard) {
        r->flags &= ~(unsigned)BLOCK_MAY_UNMAP;
    }
}

static void start(struct block_queue *q, struct block_request *r)
{
    const struct block *b = q->block;
    q->at_host++;
    if (b->writethrough && (r->op == BLOCK_WRITE || r->op == BLOCK_WRITE_ZEROES)) {
        r->flags |= BLOCK_FUA;
    }
    if (!b->leaf) {
        block_route(q, r);
    } else if ((r->op == BLOCK_FLUSH && b->writethrough) ||
               (r->op == BLOCK_DISCARD && !b->node->mode.discard)) {
        block_finish(r, 0);
    } else {
        as_node_wants(b->node, r);
        r->node = NULL;
        r->place = b->base + r->offset;
        block_to_leaf(q, r, b->leaf);
    }
}

static bool in_range(const struct block *b, const struct block_request *r)
{
    const uint64_t size = block_size_bytes(b);
    return r->op == BLOCK_FLUSH || (r->offset <= size && r->bytes <= size - r->offset);
}

void block_queue_submit(struct block_queue *q, struct block_request *r)
{
    const struct block *b = q->block;
    bool changes = r->op != BLOCK_READ && r->op != BLOCK_FLUSH;
    r->queue = q;
    r->progress = 0;
    r->is_part = r->refused = false;
    q->outstanding++;
    if (!in_range(b, r) || (changes && b->read_only) || r->iov_count > BLOCK_IOV_MAX) {
        q->at_host++;
        r->refused = true;
        block_finish(r, changes && b->read_only ? -EACCES : -EINVAL);
    } else if (r->bytes == 0 && r->op != BLOCK_FLUSH) {
        q->at_host++;
        block_finish(r, 0);
    } else if (q->at_host >= q->depth || !block_pause_pass(q)) {
        block_list_push(&q->waiting, r);
    } else {
        start(q, r);
    }
}

void block_child_begin(struct block_queue *q, struct block_request *r)
{
    r->queue = q;
    q->outstanding++;
}

void block_finish(struct block_request *r, int status)
{
    r->status = status;
    block_list_push(&r->queue->finished, r);
}

static void start_waiting(struct block_queue *q)
{
    while (q->waiting.first && q->at_host < q->depth && block_pause_pass(q)) {
        start(q, block_list_pop(&q->waiting));
    }
}

/* Calls done of all that is finished, also of what ends meanwhile; fills up what the host may have.
 */
static unsigned finish_all(struct block_queue *q)
{
    unsigned n = 0;
    struct block_request *r;
    if (q->finishing) {
        return 0;
    }
    q->finishing = true;
    while ((r = block_list_pop(&q->finished))) {
        q->at_host -= !r->is_part;
        if (r->status < 0 && block_hold(q, r)) {
            continue;
        }
        q->outstanding--;
        n++;
        r->done(r, r->status);
        start_waiting(q);
    }
    q->finishing = false;
    if (q->at_host == 0) {
        block_pause_idle(q);
    }
    return n;
}

/* What failed is begun anew, before all that waits. */
static void begin_held(struct block_queue *q)
{
    struct block_list waiting = q->waiting;
    struct block_request *r;
    atomic_sub(&q->block->held, q->held_count);
    q->waiting = q->held;
    q->held = (struct block_list){0};
    q->held_count = 0;
    for (r = q->waiting.first; r; r = r->next) {
        r->progress = 0;
    }
    while ((r = block_list_pop(&waiting))) {
        block_list_push(&q->waiting, r);
    }
}

/* What failed is given back as it is. */
static void give_back_held(struct block_queue *q)
{
    struct block_request *r;
    while ((r = block_list_pop(&q->held))) {
        atomic_sub(&q->block->held, 1);
        q->held_count--;
        q->at_host++;
        block_finish(r, r->status);
    }
}

void block_queue_kick(struct block_queue *q)
{
    q->engine->kick(q);
}

unsigned block_queue_run(struct block_queue *q)
{
    q->engine->run(q);
    if (atomic_get(&q->retry) && atomic_swap(&q->retry, 0)) {
        begin_held(q);
    }
    unsigned n = finish_all(q);
    start_waiting(q);
    return n;
}

void block_queue_wait(struct block_queue *q)
{
    atomic_set_seq(&q->sleeping, 1);
    if (!q->finished.first && !atomic_get_seq(&q->woken) && !block_pool_ready(q)) {
        q->engine->wait(q);
    } else {
        q->engine->kick(q);
    }
    atomic_set_seq(&q->sleeping, 0);
    atomic_swap(&q->woken, 0); /* whole before the caller looks for what it was woken for */
    block_queue_run(q);
}

void block_queue_wake(struct block_queue *q)
{
    atomic_set_seq(&q->woken, 1);
    if (atomic_get_seq(&q->sleeping) && atomic_swap(&q->sleeping, 0)) {
        uint64_t one = 1;
        ssize_t n = write(q->event_fd, &one, sizeof(one));
        assert(n == sizeof(one));
    }
}

void block_queue_drain(struct block_queue *q)
{
    q->draining = true;
    block_hurry(q->block, true);
    give_back_held(q);
    while (q->outstanding) {
        block_queue_wait(q);
    }
    block_hurry(q->block, false);
    q->draining = false;
}

void block_queue_passive(struct block_queue *q)
{
    q->passive = true;
}

unsigned block_queue_outstanding(const struct block_queue *q)
{
    return q->outstanding - q->held_count;
}
