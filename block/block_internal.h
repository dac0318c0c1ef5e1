/* SPDX-License-Identifier: MIT */
/*
 * What the files of block/ share.
 *
 * A request goes queue.c -> route.c, which asks the nodes where its bytes lie -> an engine
 * (aio_*.c), which has the host do it and gives it back by block_finish(). What no node can answer
 * without I/O goes to a worker thread, and there through node_io.c.
 */
#ifndef BLOCK_BLOCK_INTERNAL_H
#define BLOCK_BLOCK_INTERNAL_H

#include <sys/types.h>

#include "base/list.h"
#include "base/os.h"
#include "block/block.h"
#include "block/driver.h"

struct block_graph {
    struct list nodes;                      /* of struct block_node, in order of opening */
    struct list disks;                      /* of struct block */
    struct os_mutex lock;                   /* guards both lists */
    struct throttle_group *throttle_groups; /* list; throttle.c */
    unsigned hurry; /* atomic: so many wait for requests to end, and no limit holds one back */
    unsigned names; /* atomic: counts nodes without a name of their own */
};

struct block_use {
    struct block_node *node;
    struct list_node of_node;
    char *who;
    unsigned does, lets;
};

/* A disk: a device's use of a node. */
struct block {
    char *id, *file;
    struct block_graph *graph;
    struct block_graph *own_graph; /* made for this disk alone, or NULL */
    struct block_node *node;       /* queues ask it only between block_pause_pass and _idle */
    struct block_use *use;
    uint64_t bytes; /* atomic: the node's size, in whole sectors */
    bool read_only;
    bool writethrough; /* done means on stable storage */
    bool snapshot, removable;
    enum block_aio aio;
    enum block_on_error rerror, werror;

    struct os_mutex lock;        /* guards the list of queues */
    struct os_cond idle;         /* a queue has become idle while paused */
    struct list queues;          /* of struct block_queue */
    uint32_t paused;             /* atomic */
    uint32_t held;               /* atomic: requests that wait for a retry */
    bool (*wants)(void *opaque); /* block_on_eject; or NULL */
    void *wants_opaque;
    void (*stop)(void *opaque, int status);
    void *stop_opaque;
    void (*resized)(void *opaque);
    void *resized_opaque;

    /* The way without a stop: bytes lie in leaf from base on. NULL: block_route asks. */
    struct block_node *leaf;
    uint64_t base;
};

struct block_node *block_node_new(struct block_graph *g, const struct block_driver *d);
struct block_node *block_node_open_at(struct block_graph *g, const json_t *options,
                                      const struct block_mode *mode, unsigned depth,
                                      struct error *e);
struct block_node *block_use_node(const struct block_use *u);
bool block_child_attach(struct block_node *n, const char *name, struct block_node *node,
                        unsigned does, unsigned lets, struct error *e);

/* names.c */
const struct block_driver *block_driver_named(const char *name, const char *where, struct error *e);
json_t *block_json_parse(const char *text, const char *where, struct error *e);
/* Takes an object whose keys may have dots; gives one whose have none. */
json_t *block_options_flat(json_t *nested);
json_t *block_options_of_protocol(const char *name, struct error *e);

/* option_rows.c: sets the key, whose dots lead down the tree; takes over value. */
bool block_options_put(json_t *options, const char *key, json_t *value, struct error *e);

/* options.c: what -drive says, as options of nodes; group: its throttle group, or NULL. */
json_t *block_options_tree(const struct block_options *o, const char *group, struct error *e);
void block_options_mode(const struct block_options *o, struct block_mode *m, bool *writethrough);

/* node_io.c: carries r out at n and waits for it: 0 or -errno. */
int block_node_request(struct block_node *n, struct block_request *r);
/* map()'s answer, after load() if need be. n->tables is held, also afterwards, but not throughout.
 * 0 or -errno. */
int block_node_ask(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                   struct block_extent *x);
/* The same where n->tables is not held. */
int block_node_look(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                    struct block_extent *x);
/* Writes out what the drivers below hold back, without asking the host for a flush where mode says
 * so. */
int block_node_flush_tables(struct block_node *n);
/* A file that grows by being written to now ends at `end` at least. */
void block_node_grown(struct block_node *n, uint64_t end);
/* Whether a flush is one flush of one host file, and of which. */
bool block_node_flush_leaf(struct block_node *n, struct block_node **leaf);

/* ---- keeping requests apart: pins.c; n->tables is held */

/* A hot request, or a slow one that changes something, in [offset, offset + bytes) of a node. */
struct block_pin {
    struct list_node link;
    struct block_node *node;
    uint64_t offset, bytes;
    uint64_t asked; /* new: the offset that map() was asked for */
    struct block_extent extent;
    bool is_new; /* linked() is due */
};

bool block_pins_busy(const struct block_node *n, uint64_t offset, uint64_t bytes);
bool block_pins_new(const struct block_node *n, uint64_t offset, uint64_t bytes);
void block_pins_add(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes);
/* Takes it out, calls linked() where that is due, and wakes whoever waits. Takes the lock itself.
 */
void block_pins_drop(struct block_pin *p, int status);
/* Waits until nothing else is under way in the range, and has later ones wait for it. */
void block_busy_begin(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes);
void block_busy_end(struct block_pin *p); /* takes the lock itself */
/* Waits until no request that changes something is under way in the range. */
void block_pin_wait(struct block_node *n, uint64_t offset, uint64_t bytes);

/* Nothing else that changes something is under way in the range of n, which has map, in between;
 * and a write in it. */
void block_node_busy(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes);
void block_node_busy_over(struct block_pin *p);
int block_node_write_busy(struct block_node *n, uint64_t offset, const struct iovec *iov,
                          unsigned count, uint64_t bytes, unsigned flags);
/* ---- engines and queues */

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
extern const struct block_engine block_uring_engine, block_threads_engine;

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
    bool draining, passive;
    struct block_list held; /* failed, and to be tried again */
    unsigned held_count;
    struct list_node of_block;
    uint32_t busy;  /* atomic: something is at the host, or about to be */
    uint32_t retry; /* atomic: held requests are to be begun anew */

    int event_fd;
    uint32_t sleeping; /* the owner is, or is about to be, waiting */
    uint32_t woken;

    void *ring;                     /* aio_uring.c */
    struct io_pool *pool;           /* aio_threads.c; made when first needed */
    unsigned avoid_here;            /* host.c: so many writes more go to the engine */
    struct block_part *spare_parts; /* route.c */
    struct list makers, deferred;   /* route.c */
};

void block_list_push(struct block_list *l, struct block_request *r);
struct block_request *block_list_pop(struct block_list *l);

/* The host is done with r (status 0 or -errno), or a layer answers it itself. Queue's thread. */
void block_finish(struct block_request *r, int status);

/* block.c: the node may have another size. */
void block_measure(struct block *b);

/* pause.c: before a request of q begins: false: it has to wait. And when none is at the host. */
bool block_pause_pass(struct block_queue *q);
void block_pause_idle(struct block_queue *q);
/* Whether r, which failed, is kept for a retry; else its status is what is to be told. */
bool block_hold(struct block_queue *q, struct block_request *r);

/* route.c */
void block_route(struct block_queue *q, struct block_request *r);
void block_route_init(struct block_queue *q);
void block_route_free(struct block_queue *q);
/* To the host's file behind leaf, at r->place; op, bytes, iov and flags are final but for what
 * leaf's mode says. */
void block_to_leaf(struct block_queue *q, struct block_request *r, struct block_node *leaf);

/* Counts a request that route.c makes on behalf of another; beyond the queue's depth. */
void block_child_begin(struct block_queue *q, struct block_request *r);

/* host.c: carries r out at r->leaf, from r->progress on, and waits for it. Returns 0 or -errno. */
int block_host_sync(struct block_request *r);
/* Whether the host could take or give all of r's bytes at once, from its page cache; then it has.
 * On the queue's thread. */
bool block_host_here(struct block_queue *q, const struct block_request *r);
/* What a worker does with r: a node's work or the host's. */
int block_work(struct block_request *r);
/* Sets r->fd by what leaf's file wants of addresses. */
void block_choose_fd(struct block_request *r);
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

/* lock.c */
struct block_lock {
    unsigned does, lets; /* what is held */
};
bool block_lock_change(struct block_lock *l, int fd, const char *file, unsigned does, unsigned lets,
                       struct error *e);

/* throttle.c */
void block_throttle_free(struct block_graph *g);
void block_throttle_hurry(struct block_graph *g, bool on);

/* null.c: what an empty drive holds. */
extern const struct block_driver block_empty_driver;

/* probe.c: the format that a file says it has: its name, also of formats that are not modelled;
 * NULL if it says none. */
const char *block_probe_foreign(const uint8_t *head, size_t n);

/* overlay.c: a node that takes writes for below into a temporary file. NULL with an error. */
struct block_node *block_overlay_open(struct block_node *below, struct error *e);
/* The same with so many bytes more, whole sectors, which read as zeros. */
struct block_node *block_overlay_open_longer(struct block_node *below, uint64_t by,
                                             struct error *e);
/* file.c: a node of a file that is open; takes over fd. */
struct block_node *block_file_of_fd(struct block_graph *g, int fd, const struct block_mode *m,
                                    uint64_t bytes);

#endif
