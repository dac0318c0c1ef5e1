/* SPDX-License-Identifier: MIT */
/*
 * Requests carried out by threads: the engine for hosts without io_uring, what the io_uring engine
 * leaves to it, and the work of nodes that takes I/O of its own.
 *
 * Threads are started as they are needed and sleep on the queue of work; results go to a list from
 * which the queue's thread takes them.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"

#define THREADS_MAX 16

struct io_pool {
    struct block_queue *queue;
    struct os_mutex lock; /* guards all below */
    struct os_cond work_came;
    struct block_list work, results;
    bool results_ready; /* also read without the lock */
    bool quit;
    unsigned idle, queued, thread_count;
    struct os_thread thread[THREADS_MAX];
};

int block_work(struct block_request *r)
{
    return r->node ? block_node_request(r->node, r) : block_host_sync(r);
}

static void pool_thread(void *arg)
{
    struct io_pool *p = arg;
    os_mutex_lock(&p->lock);
    for (;;) {
        struct block_request *r = block_list_pop(&p->work);
        if (!r && p->quit) {
            break;
        }
        if (!r) {
            p->idle++;
            os_cond_wait(&p->work_came, &p->lock);
            p->idle--;
            continue;
        }
        p->queued--;
        os_mutex_unlock(&p->lock);
        r->status = block_work(r);
        os_mutex_lock(&p->lock);
        block_list_push(&p->results, r);
        atomic_set_seq(&p->results_ready, true);
        block_queue_wake(p->queue);
    }
    os_mutex_unlock(&p->lock);
}

static struct io_pool *pool_of(struct block_queue *q)
{
    if (!q->pool) {
        q->pool = mem_alloc(sizeof(*q->pool));
        q->pool->queue = q;
        os_mutex_init(&q->pool->lock);
        os_cond_init(&q->pool->work_came);
    }
    return q->pool;
}

void block_pool_submit(struct block_queue *q, struct block_request *r)
{
    struct io_pool *p = pool_of(q);
    struct error e;
    os_mutex_lock(&p->lock);
    block_list_push(&p->work, r);
    p->queued++;
    if (p->idle < p->queued && p->thread_count < THREADS_MAX &&
        os_thread_start(&p->thread[p->thread_count], "disk", pool_thread, p, &e)) {
        p->thread_count++;
    }
    bool stuck = p->thread_count == 0;
    if (stuck) { /* the host has no thread to give: slowly, but it goes on */
        block_list_pop(&p->work);
        p->queued--;
    } else {
        os_cond_signal(&p->work_came);
    }
    os_mutex_unlock(&p->lock);
    if (stuck) {
        block_finish(r, block_work(r));
    }
}

bool block_pool_ready(struct block_queue *q)
{
    return q->pool && atomic_get_seq(&q->pool->results_ready);
}

void block_pool_run(struct block_queue *q)
{
    if (!block_pool_ready(q)) {
        return;
    }
    struct io_pool *p = q->pool;
    os_mutex_lock(&p->lock);
    struct block_list results = p->results;
    p->results = (struct block_list){0};
    atomic_set_seq(&p->results_ready, false);
    os_mutex_unlock(&p->lock);
    struct block_request *r;
    while ((r = block_list_pop(&results))) {
        block_finish(r, r->status);
    }
}

void block_pool_destroy(struct block_queue *q)
{
    struct io_pool *p = q->pool;
    if (!p) {
        return;
    }
    os_mutex_lock(&p->lock);
    p->quit = true;
    os_cond_broadcast(&p->work_came);
    os_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++) {
        os_thread_join(&p->thread[i]);
    }
    os_cond_destroy(&p->work_came);
    os_mutex_destroy(&p->lock);
    mem_free(p);
    q->pool = NULL;
}

/* ---- the engine of threads */

static bool nothing_to_create(struct block_queue *q, struct error *e)
{
    (void)q, (void)e;
    return true;
}

static void nothing(struct block_queue *q)
{
    (void)q;
}

static void threads_wait(struct block_queue *q)
{
    struct pollfd p = {.fd = q->event_fd, .events = POLLIN};
    uint64_t count;
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    ssize_t n = read(q->event_fd, &count, sizeof(count));
    assert(n == sizeof(count));
}

const struct block_engine block_threads_engine = {
    .name = "threads",
    .create = nothing_to_create,
    .destroy = nothing,
    .submit = block_pool_submit,
    .kick = nothing,
    .run = block_pool_run,
    .wait = threads_wait,
};
