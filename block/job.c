/* SPDX-License-Identifier: MIT */
/* Jobs: an image that takes over what its backing file has. */
#include "block/job.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"

#define PIECE (UINT64_C(1) << 20)

struct block_job {
    struct block *disk;
    struct block_node *node; /* the image */
    struct os_thread thread;
    void (*over)(void *opaque);
    void *opaque;
    uint64_t done, all;        /* done: atomic */
    uint32_t cancelled, ended; /* atomic */
    int status;                /* of the thread, once it has ended */
};

static int stream_piece(struct block_node *n, uint64_t at, uint64_t left, uint64_t *bytes)
{
    struct block_status s;
    int status = block_node_status(n, at, left < PIECE ? left : PIECE, false, &s);
    *bytes = s.bytes;
    return status == 0 && s.where == BLOCK_UNALLOCATED ? block_node_copy_up(n, at, s.bytes)
                                                       : status;
}

static void stream(void *arg)
{
    struct block_job *j = arg;
    for (uint64_t at = 0; at < j->all && j->status == 0;) {
        uint64_t bytes;
        j->status = stream_piece(j->node, at, j->all - at, &bytes);
        at += j->status == 0 ? bytes : 0;
        atomic_set(&j->done, at);
        if (atomic_get(&j->cancelled)) {
            j->status = -ECANCELED;
        }
    }
    if (j->status == 0) { /* before the image forgets where its bytes were */
        j->status = block_node_flush(j->node);
    }
    atomic_set_seq(&j->ended, 1);
    j->over(j->opaque);
}

struct block_job *block_stream_start(struct block *b, void (*over)(void *opaque), void *opaque,
                                     struct error *e)
{
    struct block_node *n = block_node_skip_filters(b->node);
    if (!n->backing) {
        error_set(e, "%s has no backing file", block_file(b));
        return NULL;
    }
    if (!n->mode.write) {
        error_set(e, "%s is read-only", block_file(b));
        return NULL;
    }
    struct block_job *j = mem_alloc(sizeof(*j));
    *j = (struct block_job){
        .disk = b, .node = n, .over = over, .opaque = opaque, .all = block_node_size(n)};
    if (!os_thread_start(&j->thread, "stream", stream, j, e)) {
        mem_free(j);
        return NULL;
    }
    return j;
}

struct block *block_job_disk(const struct block_job *j)
{
    return j->disk;
}

bool block_job_is_over(const struct block_job *j)
{
    return atomic_get_seq(&j->ended);
}

void block_job_progress(const struct block_job *j, uint64_t *done, uint64_t *all)
{
    *done = atomic_get(&j->done);
    *all = j->all;
}

void block_job_cancel(struct block_job *j)
{
    atomic_set(&j->cancelled, 1);
}

static bool drop_backing(struct block_job *j, struct error *e)
{
    struct block_node *n = j->node;
    block_pause(j->disk);
    bool good = (!n->driver->set_backing || n->driver->set_backing(n, NULL, NULL, e)) &&
                block_node_replace_backing(n, NULL, e);
    block_resume(j->disk);
    return good;
}

bool block_job_end(struct block_job *j, struct error *e)
{
    os_thread_join(&j->thread);
    bool good = j->status == 0;
    if (j->status == -ECANCELED) {
        error_set(e, "%s: the job was cancelled", block_file(j->disk));
    } else if (!good) {
        error_set(e, "%s: %s", block_file(j->disk), strerror(-j->status));
    } else {
        good = drop_backing(j, e);
    }
    mem_free(j);
    return good;
}
