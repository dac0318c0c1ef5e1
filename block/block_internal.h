/* SPDX-License-Identifier: MIT */
/*
 * What the files of block/ share.
 *
 * A request goes queue.c -> the disk's submit (raw.c, overlay.c) -> an engine (aio_*.c), which has
 * the host do it and gives it back by block_finish(). Layers change a request's fields on the way
 * down, or make requests of their own.
 */
#ifndef BLOCK_BLOCK_INTERNAL_H
#define BLOCK_BLOCK_INTERNAL_H

#include <sys/types.h>

#include "base/os.h"
#include "block/block.h"

enum block_aio {
    BLOCK_AIO_AUTO, /* io_uring where the host has it */
    BLOCK_AIO_URING,
    BLOCK_AIO_THREADS,
};

enum block_detect {
    BLOCK_DETECT_OFF,
    BLOCK_DETECT_ON,
    BLOCK_DETECT_UNMAP,
};

/* The options as numbers. */
struct block_mode {
    bool direct;   /* past the host's page cache */
    bool dsync;    /* done means on stable storage */
    bool no_flush; /* cache=unsafe */
    bool discard;
    enum block_aio aio;
    enum block_detect detect;
};

bool block_mode_parse(const struct block_options *o, struct block_mode *m, struct error *e);

/* A format. Its functions run on a queue's thread, except open and close. */
struct block_format {
    const char *name;
    /* Says from the first bytes of a file (n of them) whether it is of this format. */
    bool (*probe)(const uint8_t *head, size_t n);
    /* Sets b->size_bytes and what else the format knows; b->fd is open. */
    bool (*open)(struct block *b, struct error *e);
    void (*close)(struct block *b); /* may be NULL */
    void (*submit)(struct block_queue *q, struct block_request *r);
};

struct block {
    char *id, *file;
    const struct block_format *format;
    struct block_mode mode;
    bool read_only;
    bool regular; /* a file, not a device */
    int fd;       /* with O_DIRECT if mode.direct */
    int fd_any;   /* takes any alignment; the same as fd unless mode.direct */
    unsigned align;
    uint64_t size_bytes;
    void (*submit)(struct block_queue *q, struct block_request *r);
    struct overlay *overlay; /* snapshot=on */
};

/* An engine. All functions but wake run on the queue's thread. */
struct block_engine {
    const char *name;
    bool (*create)(struct block_queue *q, struct error *e);
    void (*destroy)(struct block_queue *q);
    void (*submit)(struct block_queue *q, struct block_request *r);
    void (*kick)(struct block_queue *q);
    void (*run)(struct block_queue *q);  /* calls block_finish of what is complete */
    void (*wait)(struct block_queue *q); /* kicks; returns when run has something to do, or woken */
};
extern const struct block_engine block_uring_engine, block_threads_engine, block_sync_engine;

bool block_uring_available(void);

struct block_list {
    struct block_request *first, *last;
};

struct block_queue {
    struct block *block;
    const struct block_engine *engine;
    unsigned depth;
    unsigned outstanding; /* submitted and not done */
    unsigned at_host;
    struct block_list waiting;  /* beyond depth */
    struct block_list finished; /* done is still to be called */
    bool finishing;             /* inside finish_all */

    int event_fd;
    uint32_t sleeping; /* the owner is, or is about to be, waiting */
    uint32_t woken;

    void *ring;           /* aio_uring.c */
    struct io_pool *pool; /* aio_threads.c; made when first needed */
};

struct block_queue *block_queue_create_with(struct block *b, const struct block_engine *engine,
                                            unsigned depth, struct error *e);

void block_list_push(struct block_list *l, struct block_request *r);
struct block_request *block_list_pop(struct block_list *l);

/* The host is done with r (status 0 or -errno), or a layer answers it itself. Queue's thread. */
void block_finish(struct block_request *r, int status);

/* To the host: fd, op, offset, bytes, iov and flags are final. */
void block_to_host(struct block_request *r);

/* As block_to_host, for a request that a layer makes on behalf of another; beyond the queue's
 * depth. */
void block_child_submit(struct block_queue *q, struct block_request *r);

/* host.c: carries r out, from r->progress on, and waits for it. Returns 0 or -errno. */
int block_host_sync(struct block_request *r);
/* What of r's transfer is left after progress bytes: fills iov (of r->iov_count elements). */
unsigned block_iov_rest(const struct block_request *r, struct iovec *iov);
void block_iov_zero(const struct block_request *r);
bool block_iov_is_zero(const struct block_request *r);

/* aio_threads.c: hands r to the queue's threads, whatever its engine is. */
void block_pool_submit(struct block_queue *q, struct block_request *r);
/* Gives back what the threads are done with; any engine's run calls it. */
void block_pool_run(struct block_queue *q);
bool block_pool_ready(struct block_queue *q);
void block_pool_destroy(struct block_queue *q);

/* file.c: opens, measures and locks the image. */
bool block_file_open(struct block *b, const struct block_options *o, struct error *e);
void block_file_close(struct block *b);
bool block_lock(int fd, const char *file, bool write, struct error *e);

/* probe.c: the format that a file says it has: its name, also of formats that are not modelled;
 * NULL if it says none. */
const char *block_probe_foreign(const uint8_t *head, size_t n);

/* overlay.c: snapshot=on. */
bool overlay_open(struct block *b, struct error *e);
void overlay_close(struct block *b);

#endif
