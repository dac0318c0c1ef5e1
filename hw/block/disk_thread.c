/* SPDX-License-Identifier: MIT */
/* The thread of a disk: disk_thread.h. */
#include "hw/block/disk_thread.h"

static struct disk_job *take_all(struct disk_thread *t)
{
    struct disk_job *jobs = t->first;
    t->first = t->last = NULL;
    return jobs;
}

static void run_all(struct disk_job *j)
{
    struct disk_job *next;
    for (; j; j = next) {
        next = j->next; /* j may be posted again, or freed */
        j->run(j);
    }
}

static void over(struct disk_thread *t)
{
    if (t->round_over) {
        t->round_over(t->opaque);
    }
}

static void disk_main(void *arg)
{
    struct disk_thread *t = arg;
    bool ending = false;
    while (!ending) {
        os_mutex_lock(&t->lock);
        struct disk_job *jobs = take_all(t);
        const bool drains = t->draining && !jobs;
        ending = t->ending && !jobs;
        t->idle = !jobs && !drains && block_queue_outstanding(t->queue) == 0;
        if (t->idle) {
            os_cond_broadcast(&t->changed);
        }
        os_mutex_unlock(&t->lock);
        run_all(jobs);
        if (drains || ending) {
            block_queue_drain(t->queue);
        } else if (!jobs) {
            block_queue_wait(t->queue);
        }
        over(t);
        if (drains) {
            os_mutex_lock(&t->lock);
            t->draining = false;
            os_mutex_unlock(&t->lock);
        }
    }
}

bool disk_thread_open(struct disk_thread *t, struct block *b, unsigned depth, bool counted,
                      struct error *e)
{
    t->counted = counted;
    t->block = b;
    t->queue = block_queue_create(b, depth, e);
    if (!t->queue) {
        return false;
    }
    t->idle = true;
    os_mutex_init(&t->lock);
    os_cond_init(&t->changed);
    if (counted) {
        block_queue_passive(t->queue);
    } else if (!os_thread_start(&t->thread, "disk", disk_main, t, e)) {
        os_cond_destroy(&t->changed);
        os_mutex_destroy(&t->lock);
        block_queue_destroy(t->queue);
        t->queue = NULL;
        return false;
    }
    return true;
}

void disk_thread_post(struct disk_thread *t, struct disk_job *j)
{
    if (t->counted) {
        j->run(j);
        while (block_queue_outstanding(t->queue)) {
            block_queue_wait(t->queue);
        }
        over(t);
        return;
    }
    j->next = NULL;
    os_mutex_lock(&t->lock);
    t->posted++;
    if (t->last) {
        t->last->next = j;
    } else {
        t->first = j;
    }
    t->last = j;
    t->idle = false;
    os_mutex_unlock(&t->lock);
    block_queue_wake(t->queue);
}

uint64_t disk_thread_posted(struct disk_thread *t)
{
    if (t->counted) {
        return 0;
    }
    os_mutex_lock(&t->lock);
    const uint64_t posted = t->posted;
    os_mutex_unlock(&t->lock);
    return posted;
}

static void wait_idle(struct disk_thread *t, bool drain)
{
    if (t->counted) {
        return;
    }
    block_hurry(t->block, true);
    os_mutex_lock(&t->lock);
    t->draining |= drain;
    t->idle &= !drain;
    block_queue_wake(t->queue);
    while (!t->idle) {
        os_cond_wait(&t->changed, &t->lock);
    }
    os_mutex_unlock(&t->lock);
    block_hurry(t->block, false);
}

void disk_thread_settle(struct disk_thread *t)
{
    wait_idle(t, false);
}

void disk_thread_drain(struct disk_thread *t)
{
    wait_idle(t, true);
}

void disk_thread_close(struct disk_thread *t)
{
    if (!t->queue) {
        return;
    }
    if (!t->counted) {
        os_mutex_lock(&t->lock);
        t->ending = true;
        os_mutex_unlock(&t->lock);
        block_queue_wake(t->queue);
        os_thread_join(&t->thread);
    }
    block_queue_destroy(t->queue);
    t->queue = NULL;
    os_cond_destroy(&t->changed);
    os_mutex_destroy(&t->lock);
}
