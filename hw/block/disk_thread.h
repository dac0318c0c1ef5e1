/* SPDX-License-Identifier: MIT */
/*
 * The thread of a disk that a controller has handed out: it owns the disk's queue, takes jobs from
 * any thread, and is where their block requests end. Controllers with several disks have one each.
 *
 * On a machine whose time is counted there is no thread: a job is done, with all that it asks of
 * the host, before disk_thread_post returns.
 */
#ifndef HW_BLOCK_DISK_THREAD_H
#define HW_BLOCK_DISK_THREAD_H

#include "base/os.h"
#include "block/block.h"

struct disk_job {
    struct disk_job *next;
    void (*run)(struct disk_job *j); /* on the disk's thread; may submit to its queue */
};

struct disk_thread {
    struct block *block;
    struct block_queue *queue;
    bool counted;

    /* After jobs and results of one round, on the thread; may be NULL. */
    void (*round_over)(void *opaque);
    void *opaque;

    struct os_thread thread;
    struct os_mutex lock; /* guards what follows */
    struct os_cond changed;
    struct disk_job *first, *last;
    uint64_t posted; /* jobs, since it was opened */
    bool idle, draining, ending;
};

/* round_over and opaque are set; depth as for block_queue_create. false: nothing to close. */
bool disk_thread_open(struct disk_thread *t, struct block *b, unsigned depth, bool counted,
                      struct error *e);
/* Any thread. The job is the disk's until it runs. */
void disk_thread_post(struct disk_thread *t, struct disk_job *j);
/* How many jobs were posted: more of them say that it has had work since. Any thread. */
uint64_t disk_thread_posted(struct disk_thread *t);
/* Waits until all that was posted is done; what waits for a retry of the user's stays. Not on the
 * disk's thread, with no lock held that a job takes. */
void disk_thread_settle(struct disk_thread *t);
/* The same, and what waits for a retry is given back as failed. */
void disk_thread_drain(struct disk_thread *t);
void disk_thread_close(struct disk_thread *t);

#endif
