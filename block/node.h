/* SPDX-License-Identifier: MIT */
/*
 * The graph of nodes that images are made of, for those who use it: disks (block/block.h), the
 * image tool, servers, jobs.
 *
 * A node has a driver. A *protocol* reaches bytes (a file, a device, a server), a *format* gives
 * them the meaning of a disk, a *filter* changes what passes. Nodes below a node are its children,
 * each under a name: "file", "backing", "data-file". What a node is made of is said by a tree of
 * options, a JSON object: {"driver": "qcow2", "file": {"driver": "file", "filename": "x"}}.
 *
 * A graph and what is in it is changed by one thread at a time, and by none while requests are
 * under way in what changes (block_pause). Reading and writing may be done by any thread.
 */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct block_graph;
struct block_node;
struct block_driver;

/* A number with B, K, M, G, T, P or E behind it, or alone: of `alone` bytes. */
bool block_size_parse(const char *text, uint64_t alone, uint64_t *bytes);

/* ---- graph and nodes */

struct block_graph *block_graph_create(void);
/* All nodes must have been closed but those that block_graph_keep was given. NULL is allowed. */
void block_graph_destroy(struct block_graph *g);

/* What a node is used for, and what others may use it for at the same time. */
enum {
    BLOCK_PERM_READ = 1,
    BLOCK_PERM_WRITE = 2,
    BLOCK_PERM_RESIZE = 8,
    BLOCK_PERM_ALL = 11,
};

/* What a node's options mean where they are silent; children get their parent's. */
struct block_mode {
    bool write;        /* the node may be written */
    bool direct;       /* past the host's page cache */
    bool no_flush;     /* a flush does nothing */
    bool discard;      /* discards give room back */
    bool no_lock;      /* the image is not locked against other programs */
    bool repair_none;  /* open as it is: no journal but vhdx's is replayed, nothing marked */
    bool no_backing;   /* for looking at one image: its backing file is not opened */
    bool no_io;        /* for looking at one image: its data file may be missing */
    unsigned char aio; /* enum block_aio */
};

enum block_aio {
    BLOCK_AIO_AUTO, /* io_uring where the host has it */
    BLOCK_AIO_URING,
    BLOCK_AIO_THREADS,
};

/*
 * Opens a node, and what is below it, by options (which are copied). Without "driver" the image is
 * looked at. `mode` says what holds where options are silent. The caller has a reference.
 * NULL: e says what is wrong.
 */
struct block_node *block_node_open(struct block_graph *g, const json_t *options,
                                   const struct block_mode *mode, struct error *e);
/*
 * The options of a file name: a path, "json:{...}", "nbd://HOST/NAME", "file:PATH" and what else
 * drivers take. format: "raw" and such, or NULL. NULL with an error; else json_decref.
 */
json_t *block_options_of_name(const char *name, const char *format, struct error *e);
/* The options of a text: JSON's {...}, or DRIVER,KEY=VALUE,... with dots for what is below. */
json_t *block_options_parse(const char *text, const char *where, struct error *e);
/* block_node_open of such a name. */
struct block_node *block_node_open_name(struct block_graph *g, const char *name, const char *format,
                                        const struct block_mode *mode, struct error *e);

/* The node that has this node-name, or NULL. No reference is taken. */
struct block_node *block_graph_find(struct block_graph *g, const char *node_name);
/* The n-th node in order of opening, or NULL. */
struct block_node *block_graph_at(struct block_graph *g, size_t n);
/* Takes over the caller's reference: the node lives until block_graph_drop or the graph's end. */
void block_graph_keep(struct block_graph *g, struct block_node *n);
bool block_graph_drop(struct block_graph *g, const char *node_name, struct error *e);

void block_node_ref(struct block_node *n);
/* The last reference writes out what is held back, and closes. NULL is allowed. */
void block_node_close(struct block_node *n);

/* Makes a node, and its file, one that may be written, or not any more. While it stands still. */
bool block_node_reopen(struct block_node *n, bool write, struct error *e);

/*
 * A use of a node beside those by its parents: what it does and what it lets others do
 * (BLOCK_PERM_*). It holds a reference. NULL: another use is in the way; who names the user.
 */
struct block_use *block_use_begin(struct block_node *n, const char *who, unsigned does,
                                  unsigned lets, struct error *e);
bool block_use_change(struct block_use *u, unsigned does, unsigned lets, struct error *e);
void block_use_end(struct block_use *u); /* NULL is allowed */

/* ---- throttle groups: limits that several disks may share (driver "throttle") */

/*
 * Sets a limit of the group of that name, which is made by the first: bps-total, bps-read,
 * bps-write, iops-total, iops-read, iops-write, each also with -max and -max-length, and
 * iops-size. *known: whether the key is one of these.
 */
bool block_throttle_set(struct block_graph *g, const char *group, const char *key,
                        const char *value, bool *known, struct error *e);

/*
 * Opens, read-only, the content that a snapshot kept: id or name, "snapshot.id=I,snapshot.name=N"
 * or one of the two. The image is not written; what the format does to show the snapshot goes to a
 * temporary file.
 */
struct block_node *block_snapshot_open(struct block_graph *g, const json_t *options,
                                       const char *which, const struct block_mode *mode,
                                       struct error *e);

/* ---- what is known of a node */

const char *block_node_name(const struct block_node *n);   /* node-name; one is made up */
const char *block_node_driver(const struct block_node *n); /* name of its driver */
const char *block_node_file(const struct block_node *n);   /* file name for people; never NULL */
uint64_t block_node_size(const struct block_node *n);      /* bytes; any number for protocols */
bool block_node_writable(const struct block_node *n);
/* The child of that name, or NULL. */
struct block_node *block_node_child(const struct block_node *n, const char *name);
/* The node below that has the same bytes (of a filter), or n. */
struct block_node *block_node_skip_filters(struct block_node *n);
/* Bytes that the node's files take of the host, or -1. */
int64_t block_node_allocated(struct block_node *n);

/* ---- synchronous requests */

/*
 * Any thread but one that has requests of a struct block_queue under way; not on a vCPU's way.
 * 0 or -errno. Any alignment; a range that is not within the size gives -EINVAL.
 * A host's file is not bound: reads behind its end give zeros, writes make it longer.
 */
int block_node_read(struct block_node *n, uint64_t offset, void *bytes, size_t length);
/* The same of a disk behind whose end zeros stand; NULL: it has none but these. */
int block_node_read_padded(struct block_node *n, uint64_t offset, void *bytes, size_t length);
int block_node_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length,
                     unsigned flags);
/* flags: BLOCK_FUA, BLOCK_MAY_UNMAP of block/block.h. */
int block_node_zero(struct block_node *n, uint64_t offset, uint64_t length, unsigned flags);
int block_node_discard(struct block_node *n, uint64_t offset, uint64_t length);
/* What was written before is on stable storage, tables included. */
int block_node_flush(struct block_node *n);
/* Packed: whole clusters, or what ends at the end. -ENOTSUP where the format has no such thing. */
int block_node_write_packed(struct block_node *n, uint64_t offset, const void *bytes,
                            size_t length);

/* Writes to n what it has from its backing file only, in the range grown to clusters. What a guest
 * writes at the same time is kept. */
int block_node_copy_up(struct block_node *n, uint64_t offset, uint64_t bytes);

/* Where a disk's bytes are. */
enum block_where {
    BLOCK_UNALLOCATED, /* zeros, unless a backing file says otherwise */
    BLOCK_ZERO,        /* allocated or noted as zeros */
    BLOCK_DATA,
    BLOCK_PACKED, /* data, compressed */
};

struct block_status {
    enum block_where where;
    uint64_t bytes; /* of a run of the same kind, at most what was asked for */
    bool has_place; /* place is where the bytes are in child */
    uint64_t place;
    struct block_node *node; /* the node of the chain that answers: n or one of its backing files */
    unsigned depth;          /* how many backing files down it is */
};

/* Of an answer with chain. */
static inline bool block_status_reads_zero(const struct block_status *s)
{
    return s->where == BLOCK_ZERO || s->where == BLOCK_UNALLOCATED;
}

/*
 * Looks at [offset, offset + bytes). chain: backing files are asked for what n does not have;
 * else n alone. 0 or -errno.
 */
int block_node_status(struct block_node *n, uint64_t offset, uint64_t bytes, bool chain,
                      struct block_status *s);

/* ---- an image as a whole: the caller has a use that allows it, and no requests are under way */

/* Adds facts under qemu-img's names ("virtual-size", "format-specific") to the object. */
bool block_node_info(struct block_node *n, json_t *facts, struct error *e);

enum {
    BLOCK_FIX_LEAKS = 1,
    BLOCK_FIX_ERRORS = 2,
};

struct block_check {
    /* Says one finding; NULL: none are said. */
    void (*say)(void *opaque, bool error, const char *text);
    void *opaque;
    uint64_t corruptions, leaks, check_errors; /* what is left */
    uint64_t corruptions_fixed, leaks_fixed;
    uint64_t total_clusters, allocated_clusters, fragmented_clusters, packed_clusters;
    uint64_t end_offset; /* of the image in its file; 0: not known */
};
/* fix: BLOCK_FIX_*. False: the format has no check, or it could not be done. */
bool block_node_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e);

enum block_prealloc {
    BLOCK_PREALLOC_OFF,
    BLOCK_PREALLOC_METADATA,
    BLOCK_PREALLOC_FALLOC,
    BLOCK_PREALLOC_FULL,
};
extern const char *const block_prealloc_names[]; /* ends with NULL */

bool block_node_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                       struct error *e);

struct block_snapshot {
    char *id, *name; /* owned */
    uint64_t vm_state_bytes;
    uint32_t date_s, date_ns;
    uint64_t vm_clock_ns;
    uint64_t icount; /* UINT64_MAX: none */
    uint64_t disk_bytes;
};
/* *list: *count elements; block_snapshots_free. */
bool block_node_snapshots(struct block_node *n, struct block_snapshot **list, size_t *count,
                          struct error *e);
void block_snapshots_free(struct block_snapshot *list, size_t count);
/* s->id may be NULL: one is chosen. */
bool block_node_snapshot_create(struct block_node *n, const struct block_snapshot *s,
                                struct error *e);
/* By id or name. */
bool block_node_snapshot_apply(struct block_node *n, const char *which, struct error *e);
bool block_node_snapshot_delete(struct block_node *n, const char *which, struct error *e);
/* The state of a machine that snapshots keep, beyond the end of the disk. 0 or -errno. */
int block_node_state_read(struct block_node *n, uint64_t offset, void *bytes, size_t length);
int block_node_state_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length);

enum block_bitmap_action {
    BLOCK_BITMAP_ADD,
    BLOCK_BITMAP_REMOVE,
    BLOCK_BITMAP_CLEAR,
    BLOCK_BITMAP_ENABLE,
    BLOCK_BITMAP_DISABLE,
    BLOCK_BITMAP_MERGE,
};
struct block_bitmap_request {
    enum block_bitmap_action action;
    const char *name;
    uint32_t granularity;    /* add: bytes, or 0 */
    struct block_node *from; /* merge: whose bitmap */
    const char *from_name;
};
bool block_node_bitmap(struct block_node *n, const struct block_bitmap_request *r, struct error *e);

/* Changes options that the driver's rows say can be changed, {"lazy_refcounts": "on"}. */
bool block_node_amend(struct block_node *n, const json_t *options, struct error *e);
/* Writes another backing file's name (NULL: none) into the image; what is open stays. */
bool block_node_set_backing(struct block_node *n, const char *file, const char *format,
                            struct error *e);
/* Puts another node (NULL: none) in the place of the open backing file. */
bool block_node_replace_backing(struct block_node *n, struct block_node *backing, struct error *e);
/* Moves all that n holds into its backing file, which is made writable for as long, and empties n
 * if it can be. progress may be NULL; it says whether to go on. */
bool block_node_commit(struct block_node *n,
                       bool (*progress)(void *opaque, uint64_t done, uint64_t all), void *opaque,
                       struct error *e);
struct block_commit {
    struct block_node *base; /* an image further down, which then has all that stands above it, and
                                nothing is emptied; NULL: the next */
    bool (*progress)(void *opaque, uint64_t done, uint64_t all); /* or NULL */
    void *opaque;
};
bool block_node_commit_to(struct block_node *n, const struct block_commit *how, struct error *e);

/* ---- making images */

/*
 * Makes an image of that format at `name` (a file name as block_options_of_name takes). options:
 * {"size": ..., "backing_file": ..., "backing_fmt": ..., "cluster_size": ...}, values as texts or
 * numbers; unknown keys are errors. What was at the place is lost.
 */
bool block_image_create(struct block_graph *g, const char *format, const char *name,
                        const json_t *options, struct error *e);
enum {
    BLOCK_CREATE_UNSEEN_BACKING = 1, /* the backing file need not be there, if there is a size */
};
bool block_image_create_with(struct block_graph *g, const char *format, const char *name,
                             const json_t *options, unsigned flags, struct error *e);

struct block_measure {
    uint64_t required, fully_allocated;
    uint64_t bitmaps; /* UINT64_MAX: the format keeps none */
};
/* What an image of that format takes, for source's bytes or (NULL) options' "size". */
bool block_image_measure(const char *format, const json_t *options, struct block_node *source,
                         struct block_measure *m, struct error *e);

/* ---- drivers, for help */

const struct block_driver *block_driver_find(const char *name);
const struct block_driver *block_driver_at(size_t n); /* or NULL */

#endif
