/* SPDX-License-Identifier: MIT */
/*
 * Disks: an open image, asynchronous requests to it, and the few synchronous ones that firmware
 * needs.
 *
 * A struct block is opened once and shared; what is in it does not change while it is open, except
 * its size. Requests go through a struct block_queue, which belongs to one thread at a time: that
 * thread submits, waits and is called back. Data moves between the caller's memory and the file
 * without a copy in between. Formats are listed in block/formats.h.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "block/node.h"

#define BLOCK_SECTOR 512u

struct block;
struct block_queue;

/* What a device does with a request that failed. */
enum block_on_error {
    BLOCK_ON_ERROR_AUTO, /* reads: report; writes: enospc */
    BLOCK_ON_ERROR_REPORT,
    BLOCK_ON_ERROR_IGNORE,
    BLOCK_ON_ERROR_ENOSPC, /* stop if the host's disk is full, else report */
    BLOCK_ON_ERROR_STOP,   /* the machine stands still; `cont` tries again */
};
extern const char *const block_on_error_names[]; /* ends with NULL */

/* What a disk is opened with: the keys of -drive that speak of the image. All strings are owned. */
struct block_options {
    char *id;      /* names the disk in messages; may be NULL */
    char *file;    /* path, or another name of an image (block_options_of_name) */
    char *format;  /* "raw", or NULL to look at the image */
    char *cache;   /* writeback none writethrough directsync unsafe; NULL: writeback */
    char *aio;     /* io_uring threads native; NULL: io_uring where the host has it */
    char *discard; /* ignore off unmap on; NULL: unmap */
    signed char cache_direct, cache_writeback, cache_no_flush; /* 1 on, -1 off, 0 as cache says */
    char *detect_zeroes;                                       /* off on unmap; NULL: off */
    bool read_only;
    bool snapshot; /* writes go to a temporary file that is gone at the end */
    bool no_lock;  /* locking=off */
    bool empty;    /* there is no image */
    bool copy_on_read;
    json_t *throttle;     /* limits, by block_throttle_set's keys; may be NULL */
    char *throttle_group; /* NULL: the disk's own */
    enum block_on_error rerror, werror;
    json_t *tree; /* keys of nodes and drivers, as a tree; may be NULL */
};

/*
 * Takes key=value as -drive spells it: file format cache cache.direct cache.writeback
 * cache.no-flush aio readonly read-only snapshot discard detect-zeroes locking driver id, and the
 * keys of nodes and drivers (node-name, file.KEY, backing.KEY). *known tells whether the key is one
 * of these; false with an error for a bad value.
 */
bool block_options_set(struct block_options *o, const char *key, const char *value, bool *known,
                       struct error *e);
void block_options_free(struct block_options *o);

/* Opens and locks the image in the graph, or (NULL) one of its own. NULL: e says what is wrong with
 * it. */
struct block *block_open(struct block_graph *g, const struct block_options *o, struct error *e);
/* A disk of a node that is there. does: BLOCK_PERM_*; lets: of others. */
struct block *block_open_node(struct block_node *n, const char *id, unsigned does, unsigned lets,
                              struct error *e);
/* All queues of b must have been destroyed. NULL is allowed. */
void block_close(struct block *b);

uint64_t block_size_bytes(const struct block *b); /* a multiple of BLOCK_SECTOR */
bool block_read_only(const struct block *b);
bool block_write_cache(const struct block *b); /* a write may be lost before a flush */
bool block_can_discard(const struct block *b); /* a discard gives room back to the host */
/* What the user wants of errors: never AUTO. A device's own wishes, where they are not AUTO, stand
 * above the drive's. */
enum block_on_error block_on_error(const struct block *b, bool write);
void block_set_errors(struct block *b, enum block_on_error on_read, enum block_on_error on_write);
/*
 * Who stops the machine when a request failed and is to be tried again; called on a queue's thread.
 * The request is kept, not told of, until block_retry (any thread), or the queue is drained.
 */
void block_on_stop(struct block *b, void (*stop)(void *opaque, int status), void *opaque);
bool block_waits_for_retry(const struct block *b);
void block_retry(struct block *b);
/* Who wants to hear that the size has changed, on the thread that changed it. */
void block_on_resize(struct block *b, void (*resized)(void *opaque), void *opaque);
/*
 * While paused nothing is under way; what is submitted waits. Not on the thread of a queue. A
 * passive queue's owner does not wait in it: it must stand still when others pause the disk.
 */
void block_pause(struct block *b);
/* As long as it is on, limits of throttle groups hold no request back: for who waits until all have
 * ended. It counts; any thread, while the medium stays. */
void block_hurry(struct block *b, bool on);
void block_resume(struct block *b);
/*
 * Media: a disk whose device lets them be changed may be empty; then it has no bytes. Who listens
 * to the size hears of a change. block_insert with options of the new image: false leaves what was
 * there. o NULL: nothing is inserted.
 */
void block_set_removable(struct block *b, bool removable);
bool block_is_removable(const struct block *b);
bool block_is_empty(const struct block *b);
/* Whose guest may keep the medium in: wants tells it that the medium is to go, and says whether it
 * is locked. On the thread that calls block_wants_medium. */
void block_on_eject(struct block *b, bool (*wants)(void *opaque), void *opaque);
/* Asks the device for the medium. False: the guest has locked it, and was told. */
bool block_wants_medium(struct block *b);
bool block_insert(struct block *b, const struct block_options *o, struct error *e);
/* While requests are under way in other threads. */
bool block_resize(struct block *b, uint64_t bytes, struct error *e);
const char *block_file(const struct block *b);
struct block_node *block_node(const struct block *b);
const char *block_id(const struct block *b);                    /* or NULL */
void block_describe(const struct block *b, struct strbuf *out); /* one line for `info block` */

/* Synchronous, any thread, not on a vCPU's way. false with an error. */
bool block_read(struct block *b, uint64_t offset, void *bytes, size_t n, struct error *e);
bool block_write(struct block *b, uint64_t offset, const void *bytes, size_t n, struct error *e);
bool block_flush(struct block *b, struct error *e);

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_DISCARD,
    BLOCK_WRITE_ZEROES,
    BLOCK_FLUSH
};

enum {
    BLOCK_FUA = 1,       /* write, write zeroes: done means on stable storage */
    BLOCK_MAY_UNMAP = 2, /* write zeroes: the room may be given back */
};

struct block_request {
    enum block_op op;
    unsigned flags;
    uint64_t offset, bytes;  /* any alignment; within the size */
    const struct iovec *iov; /* read, write: bytes in all; valid until done */
    unsigned iov_count;      /* at most BLOCK_IOV_MAX */
    /* Called once, on the queue's thread, from block_queue_run/wait/drain; status 0 or -errno. */
    void (*done)(struct block_request *r, int status);

    /* The rest belongs to block/ until done is called. */
    struct block_request *next;
    struct block_queue *queue;
    struct block_node *leaf; /* where the engine takes it: a host file */
    struct block_node *node; /* where a worker takes it; NULL: to leaf */
    uint64_t place;          /* in leaf's file */
    int fd;                  /* of leaf, for the engine */
    int status;              /* result, while it waits to be told */
    uint64_t progress;       /* bytes done of a transfer that the host cut short */
    unsigned parts;          /* it was cut into, and are under way */
    bool is_part;
    bool refused; /* it never began */
};

#define BLOCK_IOV_MAX 1024

/*
 * Makes a queue for requests to b: an io_uring ring, or a pool of threads. At most depth requests
 * are at the host at once; more are kept waiting in order. The queue may be handed to another
 * thread while nothing is outstanding. NULL with an error.
 */
struct block_queue *block_queue_create(struct block *b, unsigned depth, struct error *e);
/* Its owner asks for results when it needs them, and is nobody to be told of errors later: requests
 * that failed are given back whatever the user wants. Before the first request. */
void block_queue_passive(struct block_queue *q);
/* Waits for what is outstanding (calling done) and frees the queue. NULL is allowed. */
void block_queue_destroy(struct block_queue *q);

/* Gives r, which the caller owns and keeps until done, to the queue. The host may see it only at
 * the next kick. */
void block_queue_submit(struct block_queue *q, struct block_request *r);
/* Hands all that was submitted to the host. */
void block_queue_kick(struct block_queue *q);
/* Calls done of what is complete, without waiting. Returns how many. */
unsigned block_queue_run(struct block_queue *q);
/* Kicks, sleeps until something is complete or block_queue_wake() was called, and runs. */
void block_queue_wait(struct block_queue *q);
/* Ends one present or next block_queue_wait. Any thread; cheap when the queue's thread is awake. */
void block_queue_wake(struct block_queue *q);
/* Kicks and runs until nothing is outstanding; what waits for a retry is given back. */
void block_queue_drain(struct block_queue *q);
/* Without those that wait for a retry. */
unsigned block_queue_outstanding(const struct block_queue *q);

#endif
