/* SPDX-License-Identifier: MIT */
/*
 * What a driver of block/ is, and what it may count on. A new one is a file and a line in
 * block/drivers.h; docs/internals-reference.md, section 6, shows one from beginning to end.
 *
 * Requests have a hot way and a slow way.
 *
 * Hot: the thread of a queue asks map() where bytes lie. It answers from tables in memory, without
 * I/O, under node->tables; data then moves between the caller's memory and the host by io_uring,
 * past the driver. Nobody waits here for anything.
 *
 * Slow: what map() cannot answer is done by a worker thread: load() reads tables, write() allocates
 * and copies, decode() unpacks. These are plain sequential code on the functions for children of
 * block/node.h. load, write, zero, discard and flush run under node->slow, one at a time; a driver
 * may let go of it around the transfer of data (block_slow_leave).
 *
 * The core keeps requests to the same bytes apart, by clusters (node->granule): while write, zero,
 * discard or linked run for a range, no other request is under way in it, hot ones included, and
 * what map() said of it before is not used any more. So clusters that a driver frees because of
 * such a request are nobody's. What changes more than a range (resize, snapshots, check) runs while
 * the whole node stands still.
 *
 * The order in which things reach the disk is the driver's: what was written is on stable storage
 * only behind block_node_flush() of the child. A driver whose tables in memory are newer than the
 * disk's sets node->dirty; then a flush of the guest is flush() of the driver, and after it of each
 * child that is written to. flush() clears it at its end, under node->tables: a second flush that
 * finds it clear does not wait for the first.
 */
#ifndef BLOCK_DRIVER_H
#define BLOCK_DRIVER_H

#include "base/list.h"
#include "base/os.h"
#include "block/block.h"
#include "block/node.h"

enum block_kind {
    BLOCK_PROTOCOL,
    BLOCK_FORMAT, /* has a child "file" */
    BLOCK_FILTER, /* has a child "file", and its bytes */
};

/* ---- options */

enum block_option_type {
    BLOCK_OPT_TEXT,   /* char *, owned by the struct; NULL where not given */
    BLOCK_OPT_BOOL,   /* bool */
    BLOCK_OPT_U32,    /* uint32_t */
    BLOCK_OPT_U64,    /* uint64_t */
    BLOCK_OPT_SIZE,   /* uint64_t bytes, K M G T */
    BLOCK_OPT_CHOICE, /* int, index into choices */
    BLOCK_OPT_TREE,   /* json_t *, owned */
};

/* A key that a driver takes. Tables end with name NULL. */
struct block_option {
    const char *name;
    enum block_option_type type;
    size_t offset;       /* of the member, in node->state or the struct of creation */
    const char *initial; /* as a user would write it; NULL: 0, false, none */
    const char *help;
    const char *const *choices; /* ends with NULL */
    bool amendable;             /* creation: block_node_amend takes it */
};

/* What all nodes have. */
extern const struct block_option block_common_options[];
/* What all images are made with: size, and the backing file of formats that have one. */
extern const struct block_option block_create_options[];

/*
 * Fills the struct by rows, and takes the keys out of the object; defaults where a key is missing.
 * False with what is accepted; where names the thing.
 */
bool block_options_take(const struct block_option *rows, json_t *options, void *into,
                        const char *where, struct error *e);
void block_options_release(const struct block_option *rows, void *from);
/* An error if keys are left, with the nearest that is known of both tables (NULL: none). */
bool block_options_all_taken(const json_t *options, const struct block_option *rows,
                             const struct block_option *more, const char *where, struct error *e);

/* ---- mapping */

enum block_map_kind {
    BLOCK_MAP_UNKNOWN, /* load() has to be called first */
    BLOCK_MAP_DATA,    /* lies in node at offset, and a write may go there */
    BLOCK_MAP_NEW,  /* writes only: the bytes go to node at offset, and then linked() is called */
    BLOCK_MAP_ZERO, /* reads as zeros; a write is write()'s */
    BLOCK_MAP_BACKING, /* not here: the backing file's bytes, zeros beyond its end or without one */
    BLOCK_MAP_PACKED,  /* decode() gives the bytes */
    BLOCK_MAP_WRITE,   /* writes only: write() is needed */
    BLOCK_MAP_ERROR,   /* the tables make no sense here: -EIO */
};

enum block_detect {
    BLOCK_DETECT_OFF,
    BLOCK_DETECT_ON,
    BLOCK_DETECT_UNMAP,
};

struct block_extent {
    enum block_map_kind kind;
    bool has_place;          /* ZERO, PACKED: offset is where it is, for block_node_status */
    bool whole_granule;      /* NEW: what is beside bytes in their granule becomes new as well */
    struct block_node *node; /* DATA, NEW; a child */
    uint64_t offset;         /* in node */
    uint64_t bytes;          /* from the offset asked for; the core cuts what is too long */
    uint32_t packed_bytes;   /* PACKED: how many decode() needs; the driver's own */
};

/* ---- a driver */

/* Making an image: what is the same for all. */
struct block_create {
    struct block_graph *graph;
    struct block_node *file;                   /* empty and writable; NULL for protocols */
    const char *name;                          /* where it is being made */
    uint64_t size;                             /* bytes, a multiple of 512 */
    const char *backing_file, *backing_format; /* or NULL */
    void *options;                             /* a struct that create_options filled */
};

struct block_driver {
    const char *name, *desc;
    enum block_kind kind;
    const char *file_key; /* what options call the child "file", where that is not its name */
    bool passes_uses;     /* "file" is used for what the node is used for: filters, raw */

    size_t state_bytes; /* of node->state, zeroed before open */
    const struct block_option *options;

    /* How sure the driver is that a file's first n bytes (and its name) are of its format: 0 to
     * 100. */
    int (*probe)(const uint8_t *head, size_t n, const char *file_name);
    /* Protocols: the options of a name with this prefix ("nbd:"), without it: adds to the object.
     * Prefixes end with NULL. */
    const char *const *prefixes;
    bool (*parse_name)(const char *name, json_t *options, struct error *e);

    /*
     * Options are taken, "file" is open, node->mode says what is wanted. Sets node->size_bytes,
     * and where they apply node->granule, backing_file, backing_format. close is called also after
     * an open that failed; what it does not find done it leaves.
     */
    bool (*open)(struct block_node *n, struct error *e);
    /* Nothing is under way, flush() was called. */
    void (*close)(struct block_node *n);
    /* The node, open and still, is to be written from now on, or no more; "file" is so already
     * where it is to be. NULL: there is nothing to do. */
    bool (*reopen)(struct block_node *n, bool write, struct error *e);

    /* ---- hot: under node->tables, no I/O, no wait. NULL: all requests are slow. */
    /* writing: the answer is for a write; the driver may set aside what NEW needs. */
    void (*map)(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                struct block_extent *x);
    /* A NEW extent has its bytes, or (status < 0) does not and is to be given back. */
    void (*linked)(struct block_node *n, uint64_t offset, const struct block_extent *x, int status);

    /* ---- slow: on a worker; 0 or -errno */
    /* With map: under node->slow; whoever changes what map reads does that under node->tables too.
     * load makes map(offset) answer something other than UNKNOWN until tables are taken again. */
    int (*load)(struct block_node *n, uint64_t offset, bool writing);
    /* Fills bytes from n's PACKED range at offset; no lock is held, x is map's answer. */
    int (*decode)(struct block_node *n, uint64_t offset, const struct block_extent *x, void *bytes,
                  size_t length);
    /* Without map: any thread, several at a time, no lock held. */
    int (*read)(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                uint64_t bytes);
    int (*write)(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                 uint64_t bytes, unsigned flags);
    /* NULL: written as zeros. flags: BLOCK_MAY_UNMAP. -ENOTSUP for a part that the driver would
     * rather have written. */
    int (*zero)(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags);
    int (*discard)(struct block_node *n, uint64_t offset, uint64_t bytes); /* NULL: ignored */
    /* Brings all tables to the children, in an order that a power cut can interrupt anywhere; the
     * last flush of the children is the core's. NULL: nothing is held back. */
    int (*flush)(struct block_node *n);
    int (*write_packed)(struct block_node *n, uint64_t offset, const void *bytes, size_t length);
    /* Protocols and filters: runs of the same kind. NULL: all is data. */
    int (*status)(struct block_node *n, uint64_t offset, uint64_t bytes, struct block_status *s);

    /* ---- the whole image; nothing is under way. NULL: not for this format. */
    bool (*info)(struct block_node *n, json_t *facts, struct error *e);
    bool (*check)(struct block_node *n, unsigned fix, struct block_check *c, struct error *e);
    bool (*resize)(struct block_node *n, uint64_t bytes, enum block_prealloc how, struct error *e);
    bool (*snapshots)(struct block_node *n, struct block_snapshot **list, size_t *count,
                      struct error *e);
    bool (*snapshot_create)(struct block_node *n, const struct block_snapshot *s, struct error *e);
    bool (*snapshot_apply)(struct block_node *n, const char *which, struct error *e);
    bool (*snapshot_delete)(struct block_node *n, const char *which, struct error *e);
    int (*state_read)(struct block_node *n, uint64_t offset, void *bytes, size_t length);
    int (*state_write)(struct block_node *n, uint64_t offset, const void *bytes, size_t length);
    bool (*bitmap)(struct block_node *n, const struct block_bitmap_request *r, struct error *e);
    bool (*amend)(struct block_node *n, void *options, const json_t *given, struct error *e);
    bool (*set_backing)(struct block_node *n, const char *file, const char *format,
                        struct error *e);
    /* Drops all that the image holds, so that its backing file shows through. */
    int (*make_empty)(struct block_node *n);
    /* The backing file was written, and has what the image has. */
    int (*committed)(struct block_node *n);
    int64_t (*allocated)(struct block_node *n); /* protocols: bytes of the host, or -1 */
    /* Protocols: what is done and let be done has changed; false keeps it as it was. */
    bool (*permit)(struct block_node *n, unsigned does, unsigned lets, struct error *e);

    /* ---- making images */
    const struct block_option *create_options;
    size_t create_bytes; /* of the struct that they fill */
    bool (*create)(const struct block_create *c, struct error *e);
    bool (*measure)(const void *options, uint64_t size, struct block_node *source,
                    struct block_measure *m, struct error *e);

    void (*event)(struct block_node *n, const char *event); /* block_debug_event */

    /* A protocol whose requests the queue's own thread can do at once: calls block_finish. */
    void (*submit)(struct block_queue *q, struct block_request *r);
};

/* ---- a node, as its driver sees it */

struct block_child {
    char *name;
    struct block_node *node;
    struct block_use *use; /* holds the reference */
};

struct block_node {
    const struct block_driver *driver;
    void *state; /* the driver's */
    struct block_graph *graph;
    char *name; /* node-name */
    char *file_name;
    struct block_mode mode;
    json_t *options; /* as it was opened, for `json:` names */

    uint64_t size_bytes; /* changed while the node stands still, or under node->tables; of formats a
                            multiple of 512 */
    bool grows;          /* writes behind the end make it longer, reads there give zeros */
    bool follows;        /* the size is the file's, always */
    uint32_t granule;    /* ranges of slow requests grow to multiples of it; at least 512 */
    bool dirty;          /* atomic: tables in memory are newer than the disk's */

    struct block_node *file, *backing;   /* children of these names, or NULL */
    char *backing_file, *backing_format; /* what the image says; set by open; owned */
    struct block_child *children;
    size_t child_count;

    /* Protocols on a host file: -1 for others. Requests go to the host by these. */
    int fd;         /* with O_DIRECT if mode.direct */
    int fd_any;     /* takes any alignment */
    unsigned align; /* that fd needs */

    struct os_mutex tables, slow;

    /* A node whose bytes are those of "file" from this offset on (raw): nothing is asked. */
    bool linear;
    uint64_t linear_offset;

    unsigned char detect_zeroes; /* enum block_detect */
    bool auto_read_only;

    /* graph.c and node_io.c */
    struct list_node in_graph;
    struct list uses;    /* of struct block_use */
    unsigned references; /* atomic */
    unsigned depth;      /* of children being opened */
    bool opened;
    bool kept;               /* by block_graph_keep */
    bool tracked;            /* requests are kept apart: it has map and can be written */
    struct list pins, busy;  /* hot requests; slow ones that change: under tables */
    struct os_cond unpinned; /* one of pins or busy has gone */
    unsigned waiters;        /* for that */
    unsigned new_pins;       /* of pins, those for which linked() is due */
};

/* Lets other slow requests run while this one moves data. Ranges are still kept apart. */
void block_slow_leave(struct block_node *n);
void block_slow_enter(struct block_node *n);

/*
 * Opens a child besides "file" and "backing", which the core opens: by the node's option of that
 * name, else by default_name (NULL: an error). perm as block_use_begin.
 */
struct block_node *block_child_open(struct block_node *n, const char *name,
                                    const char *default_name, unsigned does, unsigned lets,
                                    struct error *e);
/* A name in an image as seen from here: relative ones stand beside the image. mem_free. */
char *block_name_beside(const struct block_node *n, const char *name);
char *block_name_beside_path(const char *image, const char *name);
/* Makes and opens a further file of an image that is being made ("disk-s001.vmdk"). */
struct block_node *block_create_file(struct block_graph *g, const char *name, uint64_t bytes,
                                     struct error *e);

/* Tells the fault injector below, if there is one, what is about to be done: "l2_load" and such. */
void block_debug_event(struct block_node *n, const char *event);

/* True: an all-zero range of memory. */
bool block_is_zero(const void *bytes, size_t n);

/* Pieces of memory: length bytes from skip on of iov[count], copied from or to, or as pieces (out
 * has room for count). */
void block_iov_get(const struct iovec *iov, unsigned count, uint64_t skip, void *to, size_t length);
void block_iov_put(const struct iovec *iov, unsigned count, uint64_t skip, const void *from,
                   size_t length);
void block_iov_fill_zero(const struct iovec *iov, unsigned count, uint64_t skip, uint64_t length);
unsigned block_iov_slice(const struct iovec *iov, unsigned count, uint64_t skip, uint64_t length,
                         struct iovec *out);
int block_node_readv(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes);
int block_node_writev(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes, unsigned flags);

#endif
