/* SPDX-License-Identifier: MIT */
/*
 * Requests through io_uring: reads, writes and flushes go to the ring, a batch by one system call
 * that also waits for what comes back. What is rare (zeroing, discards, the rest of a transfer
 * that was cut short) goes to threads.
 *
 * A wake-up from another thread is a completion like any other: a read of the eventfd is always in
 * the ring while the owner sleeps.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"

struct uring {
    struct io_uring ring;
    bool event_armed;
    uint64_t event_count; /* where the eventfd is read to */
};

/* The user data of the eventfd's read; requests have their address. */
#define EVENT_DATA NULL

static int ring_init(struct io_uring *ring, unsigned entries)
{
    int n = io_uring_queue_init(entries, ring, IORING_SETUP_COOP_TASKRUN);
    if (n == -EINVAL) { /* before Linux 5.19 */
        n = io_uring_queue_init(entries, ring, 0);
    }
    return n;
}

bool block_uring_available(void)
{
    struct io_uring ring;
    if (ring_init(&ring, 1) < 0) {
        return false;
    }
    io_uring_queue_exit(&ring);
    return true;
}

static bool uring_create(struct block_queue *q, struct error *e)
{
    struct uring *u = mem_alloc(sizeof(*u));
    int n = ring_init(&u->ring, q->depth + 1);
    if (n < 0) {
        mem_free(u);
        return error_set(e, "%s: the host gives no io_uring: %s (aio=threads is accepted)",
                         block_file(q->block), strerror(-n));
    }
    q->ring = u;
    return true;
}

static void uring_destroy(struct block_queue *q)
{
    struct uring *u = q->ring;
    io_uring_queue_exit(&u->ring);
    mem_free(u);
}

/* A free submission entry; the kernel takes what is there if there is none. */
static struct io_uring_sqe *get_entry(struct uring *u)
{
    struct io_uring_sqe *s;
    while (!(s = io_uring_get_sqe(&u->ring))) {
        io_uring_submit(&u->ring);
    }
    return s;
}

static void prepare(struct io_uring_sqe *s, const struct block_request *r)
{
    int sync = r->flags & BLOCK_FUA ? RWF_DSYNC : 0;
    if (r->op == BLOCK_FLUSH) {
        io_uring_prep_fsync(s, r->fd, IORING_FSYNC_DATASYNC);
    } else if (r->op == BLOCK_READ && r->iov_count == 1 && r->bytes <= INT32_MAX) {
        io_uring_prep_read(s, r->fd, r->iov->iov_base, (unsigned)r->bytes, r->place);
    } else if (r->op == BLOCK_READ) {
        io_uring_prep_readv(s, r->fd, r->iov, r->iov_count, r->place);
    } else if (r->iov_count == 1 && r->bytes <= INT32_MAX) {
        io_uring_prep_write(s, r->fd, r->iov->iov_base, (unsigned)r->bytes, r->place);
        s->rw_flags = sync;
    } else {
        io_uring_prep_writev2(s, r->fd, r->iov, r->iov_count, r->place, sync);
    }
}

static void uring_submit(struct block_queue *q, struct block_request *r)
{
    struct uring *u = q->ring;
    if (r->op == BLOCK_DISCARD || r->op == BLOCK_WRITE_ZEROES) {
        block_pool_submit(q, r);
        return;
    }
    struct io_uring_sqe *s = get_entry(u);
    prepare(s, r);
    io_uring_sqe_set_data(s, r);
}

static void uring_kick(struct block_queue *q)
{
    struct uring *u = q->ring;
    if (io_uring_sq_ready(&u->ring)) {
        io_uring_submit(&u->ring);
    }
}

/* n is the host's result for r. */
static void came_back(struct block_queue *q, struct block_request *r, int n)
{
    if (n == -EINTR || n == -EAGAIN) {
        block_pool_submit(q, r);
    } else if (n < 0 || r->op == BLOCK_FLUSH || (uint64_t)n == r->bytes) {
        block_finish(r, n < 0 ? n : 0);
    } else if (n == 0 && r->op == BLOCK_READ) {
        block_iov_zero(r); /* past the end of the file */
        block_finish(r, 0);
    } else {
        r->progress = (uint64_t)n;
        block_pool_submit(q, r);
    }
}

static void uring_run(struct block_queue *q)
{
    struct uring *u = q->ring;
    struct io_uring_cqe *c;
    while (io_uring_peek_cqe(&u->ring, &c) == 0) {
        struct block_request *r = io_uring_cqe_get_data(c);
        int n = c->res;
        io_uring_cqe_seen(&u->ring, c);
        if (r == EVENT_DATA) {
            u->event_armed = false;
        } else {
            came_back(q, r, n);
        }
    }
    block_pool_run(q);
}

static void uring_wait(struct block_queue *q)
{
    struct uring *u = q->ring;
    if (!u->event_armed) {
        struct io_uring_sqe *s = get_entry(u);
        io_uring_prep_read(s, q->event_fd, &u->event_count, sizeof(u->event_count), 0);
        io_uring_sqe_set_data(s, EVENT_DATA);
        u->event_armed = true;
    }
    io_uring_submit_and_wait(&u->ring, 1);
}

const struct block_engine block_uring_engine = {
    .name = "io_uring",
    .create = uring_create,
    .destroy = uring_destroy,
    .submit = uring_submit,
    .kick = uring_kick,
    .run = uring_run,
    .wait = uring_wait,
};
