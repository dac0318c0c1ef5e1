/* SPDX-License-Identifier: MIT */
/*
 * Work on a disk that goes on while the guest uses it, on a thread of its own. Whoever started a
 * job is told of its end on that thread, and calls block_job_end on their own.
 */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

#include "block/block.h"

struct block_job;

/*
 * Copies into the disk's image what only its backing file has; at the end the image has none. over
 * is called once, on the job's thread. NULL: e says why not. The disk outlives the job.
 */
struct block_job *block_stream_start(struct block *b, void (*over)(void *opaque), void *opaque,
                                     struct error *e);
struct block *block_job_disk(const struct block_job *j);
bool block_job_is_over(const struct block_job *j);
/* Bytes done, of how many. */
void block_job_progress(const struct block_job *j, uint64_t *done, uint64_t *all);
/* The job ends soon, without its last step. */
void block_job_cancel(struct block_job *j);
/* Waits for the thread, does the last step, which pauses the disk, and frees the job. False: e says
 * what went wrong, or that it was cancelled. */
bool block_job_end(struct block_job *j, struct error *e);

#endif
