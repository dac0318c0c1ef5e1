/* SPDX-License-Identifier: MIT */
/*
 * What the files of the qcow2 driver share (the published format: docs/interop/qcow2.txt of QEMU).
 *
 * In memory are the L1 table and the table of refcount blocks, whole; L2 tables in slices and
 * refcount blocks as far as two caches reach, in the bytes of the disk. Nothing of them is written
 * before a flush (qcow2_flush.c), which keeps the one rule that power cuts ask for: a reference is
 * durable after what it refers to, and a cluster is used again after the last reference to it is
 * durably gone.
 *
 * Locks: node->slow is held by whoever changes which tables are in memory, or the table of
 * blocks. node->tables is held by whoever reads or changes what map() reads or changes: the L1
 * table, the contents and marks of cached tables, the pool, the list of what is to be freed.
 * What is done to the image as a whole holds neither and has the node for itself.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H

#include "block/driver.h"

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_OFFSET UINT64_C(0x00fffffffffffe00)
#define QCOW2_COPIED (UINT64_C(1) << 63)
#define QCOW2_PACKED (UINT64_C(1) << 62)
#define QCOW2_ZERO UINT64_C(1)

#define QCOW2_L1_MAX (UINT64_C(32) << 20) /* bytes */
#define QCOW2_REFTABLE_MAX (UINT64_C(8) << 20)
#define QCOW2_SNAPSHOTS_MAX 65536u
#define QCOW2_SNAPSHOT_EXTRA_MAX 1024u
#define QCOW2_CACHE_LEAST 4u /* tables */
#define QCOW2_HEADER_V2 72u
#define QCOW2_HEADER_V3 112u /* as we write it */

enum { /* incompatible features, by bit */
    QCOW2_DIRTY = 1,
    QCOW2_CORRUPT = 2,
    QCOW2_DATA_FILE = 4,
    QCOW2_COMPRESSION = 8,
    QCOW2_EXTENDED_L2 = 16,
};
#define QCOW2_LAZY 1u     /* compatible */
#define QCOW2_BITMAPS 1u  /* autoclear */
#define QCOW2_RAW_DATA 2u /* autoclear */

enum qcow2_compression {
    QCOW2_ZLIB,
    QCOW2_ZSTD
};

struct qcow2_header {
    uint32_t version, cluster_bits, crypt, l1_size, refcount_order, header_length;
    uint64_t size, l1_offset, reftable_offset, snapshots_offset, backing_offset;
    uint32_t backing_bytes, reftable_clusters, snapshots;
    uint64_t incompatible, compatible, autoclear;
    uint8_t compression;
    /* Of extensions. */
    char *backing_format, *data_file; /* owned, or NULL */
    uint8_t *features;                /* the table of names, as it is; owned */
    size_t features_bytes;
    uint8_t *unknown; /* extensions that we do not know, as they are; owned */
    size_t unknown_bytes;
    uint32_t bitmaps;
    uint64_t bitmaps_bytes, bitmaps_offset; /* of their directory */
};

/* ---- caches of tables */

struct qcow2_table {
    struct qcow2_table *next; /* of its bucket */
    struct list_node of_age;
    uint64_t number, stamp;
    unsigned pins;                 /* it stays in memory */
    uint32_t dirty_from, dirty_to; /* bytes that are newer than the disk's; equal: none */
    uint8_t bytes[];
};

struct qcow2_cache {
    struct qcow2_table **bucket;
    size_t buckets;     /* a power of two */
    struct list by_age; /* of their last use */
    size_t count, limit, dirty;
    uint32_t table_bytes;
    uint64_t clock;
    bool whole; /* there are no more than it has room for */
};

/* ---- what is to be freed when the flush has come so far */

struct qcow2_free {
    uint64_t offset, clusters;
    bool discard; /* gives the host's room back */
};

struct qcow2_frees {
    struct qcow2_free *list;
    size_t count, cap;
};

/* Clusters that map() may hand out: nobody's, contiguous, in one refcount block. */
struct qcow2_pool {
    uint64_t next, end;        /* clusters */
    struct qcow2_table *block; /* pinned while there are some */
};

struct qcow2_snapshot {
    struct block_snapshot s;
    uint64_t l1_offset;
    uint32_t l1_size;
    uint8_t *more; /* extra data behind what we know; owned */
    uint32_t more_bytes;
};

struct qcow2_bitmap;

enum { /* which tables are looked at */
    QCOW2_OVERLAP_NONE,
    QCOW2_OVERLAP_CONSTANT,
    QCOW2_OVERLAP_CACHED,
};

struct qcow2 {
    /* Options. */
    uint64_t l2_cache_bytes, l2_entry_bytes, refcount_cache_bytes, cache_bytes, clean_interval;
    int overlap_check; /* none, constant, cached */
    bool lazy_option, pass_discard_request, pass_discard_snapshot, pass_discard_other,
        discard_no_unref;

    struct qcow2_header h;
    struct block_node *data; /* where guest clusters are */
    bool has_data_file, extended, lazy, writing, opened;
    bool corrupt; /* atomic: found so; nothing is written any more */
    uint32_t cluster_bytes, entry_bytes, sub_bytes, subs; /* subclusters */
    unsigned cluster_bits, slice_bits, l1_bits;           /* of a guest offset */
    uint64_t slice_entries, state_base; /* where machine state begins in the L1 table's space */

    uint64_t *l1;      /* as of the host */
    uint8_t *l1_fresh; /* an entry that the disk does not have */
    size_t l1_fresh_count;
    struct qcow2_cache l2, blocks;
    uint64_t l2_most; /* bytes that the first may take, for a disk of any size */
    uint64_t *reftable;
    size_t reftable_size;               /* entries */
    unsigned refcount_bits, block_bits; /* of a cluster number: which entry of its block */
    uint64_t hint;                      /* no cluster below it is free */
    struct qcow2_pool pool;
    struct qcow2_frees frees;
    uint64_t cleaned_ns, cleaned_stamp;
    /* Clusters that packed data may be added to. */
    uint64_t packed_at;
    struct qcow2_packer *packers; /* idle ones */
    bool stale_end; /* atomic: behind the file's end may be bytes, of a write that failed */

    struct qcow2_snapshot *snapshot;
    size_t snapshots_bytes; /* of the table on disk */
    struct qcow2_bitmap *bitmap;
    size_t bitmap_count;
    bool bitmaps_track, bitmaps_begun;
};

/* So many that the bytes fit into. */
static inline uint64_t qcow2_clusters(const struct qcow2 *q, uint64_t bytes)
{
    return (bytes + q->cluster_bytes - 1) >> q->cluster_bits;
}

/* ---- qcow2_header.c */

/* Reads and checks the header with its extensions. */
bool qcow2_header_read(struct block_node *n, struct qcow2_header *h, struct error *e);
/* Writes all of the first cluster: header, extensions and the backing file's name, whose places h
 * has then. */
bool qcow2_header_write(struct block_node *file, struct qcow2_header *h, const char *backing_file,
                        struct error *e);
/* The same of an image that is there, by steps: cut off anywhere, the image says what it said
 * before, or what it is to say. All that h leads to is on stable storage; then so is h. Alone. */
bool qcow2_header_rewrite(struct block_node *n, struct qcow2_header *h, const char *backing_file,
                          struct error *e);
/* Writes the fixed part, which is in one sector. 0 or -errno. */
int qcow2_header_update(struct block_node *n);
void qcow2_header_free(struct qcow2_header *h);
/* Says in the image that it is broken, and writes no more to it. Returns -EIO. slow or alone. */
int qcow2_set_corrupt(struct block_node *n, const char *why);

/* ---- qcow2_cache.c: tables is held */

void qcow2_cache_init(struct qcow2_cache *c, uint32_t table_bytes, uint64_t bytes);
void qcow2_cache_free(struct qcow2_cache *c);
struct qcow2_table *qcow2_cache_find(struct qcow2_cache *c, uint64_t number);
/* Puts t in, which is the cache's from now on; takes out what was used longest ago, if it can. */
void qcow2_cache_add(struct qcow2_cache *c, struct qcow2_table *t);
void qcow2_cache_drop(struct qcow2_cache *c, uint64_t number);
void qcow2_cache_drop_all(struct qcow2_cache *c);
void qcow2_cache_drop_older(struct qcow2_cache *c, uint64_t stamp);
struct qcow2_table *qcow2_table_new(const struct qcow2_cache *c, uint64_t number); /* or NULL */
void qcow2_table_touch(struct block_node *n, struct qcow2_cache *c, struct qcow2_table *t,
                       uint32_t from, uint32_t bytes);

/* ---- qcow2_l2.c */

/* What a cluster of the guest is. */
struct qcow2_entry {
    bool packed, copied, placed, bad;
    uint64_t place; /* of the cluster, or of the packed bytes */
    uint32_t packed_bytes;
    uint32_t alloc, zero; /* a bit a subcluster; without them one */
};

void qcow2_entry_get(const struct qcow2 *q, const uint8_t *slice, uint64_t index,
                     struct qcow2_entry *e);
void qcow2_entry_put(const struct qcow2 *q, uint8_t *slice, uint64_t index,
                     const struct qcow2_entry *e);
static inline uint32_t qcow2_all_subs(const struct qcow2 *q)
{
    return q->subs == 32 ? UINT32_MAX : 1;
}
/* The slice of a guest's offset, in memory; writing: one that may be changed, made if need be.
 * *t NULL: there is none. slow is held, tables is not. */
int qcow2_slice_get(struct block_node *n, uint64_t offset, bool writing, struct qcow2_table **t);
struct qcow2_table *qcow2_slice_find(struct qcow2 *q, uint64_t offset);
static inline uint64_t qcow2_slice_index(const struct qcow2 *q, uint64_t offset)
{
    return (offset >> q->cluster_bits) & (q->slice_entries - 1);
}
/* Makes a table for machine state or a longer disk fit. Alone. */
int qcow2_l1_grow(struct block_node *n, uint64_t entries);
uint64_t qcow2_l1_entries(const struct qcow2 *q, uint64_t disk_bytes);
int qcow2_l1_read(struct block_node *n, uint64_t offset, uint64_t entries, uint64_t *l1);
int qcow2_l1_write(struct block_node *n, uint64_t offset, uint64_t entries, const uint64_t *l1);
bool qcow2_offset_is_good(const struct qcow2 *q, uint64_t offset);

/* ---- qcow2_refcount.c: slow is held, or alone; tables is not */

int qcow2_reftable_read(struct block_node *n);
uint64_t qcow2_refcount_of(const struct qcow2 *q, const uint8_t *block, uint64_t index);
void qcow2_refcount_put(const struct qcow2 *q, uint8_t *block, uint64_t index, uint64_t count);
uint64_t qcow2_refcount_max(const struct qcow2 *q);
int qcow2_refcount_get(struct block_node *n, uint64_t cluster, uint64_t *count);
int qcow2_refcount_set(struct block_node *n, uint64_t cluster, uint64_t count);
int qcow2_refcount_add(struct block_node *n, uint64_t cluster, uint64_t clusters, int by);
int qcow2_block_get(struct block_node *n, uint64_t index, struct qcow2_table **t);
/* Contiguous clusters, each with a refcount of 1; or at least one and at most that many. */
int qcow2_alloc(struct block_node *n, uint64_t clusters, uint64_t *offset);
int qcow2_alloc_some(struct block_node *n, uint64_t most, uint64_t *offset, uint64_t *clusters);
/* One, for a table or for data, where the next data would be. */
int qcow2_alloc_one(struct block_node *n, uint64_t *offset);
int qcow2_alloc_packed(struct block_node *n, uint32_t bytes, uint64_t *offset);
/* Clusters from the pool: 0: there are none. tables is held. */
uint64_t qcow2_pool_take(struct block_node *n, uint64_t most, uint64_t *offset);
/* Undoes it for clusters that were never linked. tables is held. */
void qcow2_pool_untake(struct block_node *n, uint64_t offset, uint64_t clusters);
int qcow2_pool_fill(struct block_node *n);
void qcow2_pool_drop(struct qcow2 *q);
/* Whether the clusters are of a table that we know. */
bool qcow2_is_metadata(const struct qcow2 *q, uint64_t offset, uint64_t clusters);

/* ---- qcow2_flush.c */

int qcow2_flush(struct block_node *n);
/* A reference to these clusters is gone, or will be with the next flush. tables is held. */
void qcow2_free_later(struct block_node *n, uint64_t offset, uint64_t clusters, bool discard);
void qcow2_free_entry(struct block_node *n, const struct qcow2_entry *e, bool discard);
/* Refcount blocks alone, which may be written at any time. slow, or alone. */
int qcow2_blocks_write(struct block_node *n);
/* Flushes if much is held back, so that there is room for more. slow. */
int qcow2_make_room(struct block_node *n);
/* Flush, file included: what the functions for whole images end their steps with. */
int qcow2_commit(struct block_node *n);

/* ---- qcow2_map.c, qcow2_write.c, qcow2_packed.c */

void qcow2_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
               struct block_extent *x);
/* Nothing was ever written at this place or behind it, so that zeros need not be. */
bool qcow2_is_fresh(const struct qcow2 *q, uint64_t place);
void qcow2_linked(struct block_node *n, uint64_t offset, const struct block_extent *x, int status);
/* These bytes of the guest, whole subclusters or parts of such as have data, are at place (in the
 * data's file) from now on. Within one slice; tables is held. */
void qcow2_link(struct block_node *n, struct qcow2_table *t, uint64_t offset, uint64_t bytes,
                uint64_t place);
int qcow2_load(struct block_node *n, uint64_t offset, bool writing);
int qcow2_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                uint64_t bytes, unsigned flags);
int qcow2_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags);
int qcow2_discard(struct block_node *n, uint64_t offset, uint64_t bytes);
/* Drops what the range holds, without a word in its place: the backing file shows through. */
int qcow2_drop(struct block_node *n, uint64_t offset, uint64_t bytes);
int qcow2_decode(struct block_node *n, uint64_t offset, const struct block_extent *x, void *bytes,
                 size_t length);
int qcow2_write_packed(struct block_node *n, uint64_t offset, const void *bytes, size_t length);
void qcow2_packers_free(struct qcow2 *q);
int qcow2_state_read(struct block_node *n, uint64_t offset, void *bytes, size_t length);
int qcow2_state_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length);

/* ---- qcow2_snapshot.c: alone */

bool qcow2_snapshots_read(struct block_node *n, struct error *e);
void qcow2_snapshots_free(struct qcow2 *q);
bool qcow2_snapshots(struct block_node *n, struct block_snapshot **list, size_t *count,
                     struct error *e);
bool qcow2_snapshot_create(struct block_node *n, const struct block_snapshot *s, struct error *e);
bool qcow2_snapshot_apply(struct block_node *n, const char *which, struct error *e);
bool qcow2_snapshot_delete(struct block_node *n, const char *which, struct error *e);

/* ---- qcow2_check.c, qcow2_repair.c: alone */

bool qcow2_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e);

struct qcow2_checking {
    struct block_node *node;
    struct block_check *c;
    unsigned fix;
    uint32_t *count; /* references that were found, a cluster */
    uint64_t clusters;
    bool rebuild;     /* the refcounts are to be made anew */
    uint64_t outside; /* clusters: the end of what is referred to behind the file's end, or 0 */
};
/* Each reference: clusters that [offset, offset + bytes) touches. */
void qcow2_check_count(struct qcow2_checking *k, uint64_t offset, uint64_t bytes, const char *what);
/* Counts all references; refcounts: those to the refcounts' own clusters, too. 0 or -errno. */
int qcow2_check_count_all(struct qcow2_checking *k, bool refcounts);
void qcow2_check_say(struct qcow2_checking *k, bool error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Refcounts made anew, by k->count, in clusters that nobody has. */
int qcow2_rebuild(struct qcow2_checking *k);

/* ---- qcow2_create.c, qcow2_resize.c, qcow2_amend.c */

extern const struct block_option qcow2_create_options[];
struct qcow2_create {
    uint64_t cluster_size;
    int preallocation, compat, compression_type;
    uint32_t refcount_bits;
    bool lazy_refcounts, extended_l2, data_file_raw;
    char *data_file;
};
bool qcow2_create(const struct block_create *c, struct error *e);
bool qcow2_measure(const void *options, uint64_t size, struct block_node *source,
                   struct block_measure *m, struct error *e);
bool qcow2_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how, struct error *e);
int qcow2_make_empty(struct block_node *n);
bool qcow2_amend(struct block_node *n, void *options, const json_t *given, struct error *e);
bool qcow2_set_backing(struct block_node *n, const char *file, const char *format, struct error *e);

/* ---- qcow2_bitmap.c */

bool qcow2_bitmaps_read(struct block_node *n, struct error *e);
void qcow2_bitmaps_free(struct qcow2 *q);
/* The bytes are about to be written by the guest. tables is held. */
void qcow2_bitmaps_mark(struct qcow2 *q, uint64_t offset, uint64_t bytes);
/* Says in the image that its bitmaps are being changed in memory; and that they are whole. */
int qcow2_bitmaps_begin(struct block_node *n);
int qcow2_bitmaps_store(struct block_node *n);
/* Calls fn for each piece of the file that bitmaps take. 0 or -errno. */
int qcow2_bitmaps_walk(struct block_node *n,
                       void (*fn)(void *opaque, uint64_t offset, uint64_t bytes), void *opaque);
void qcow2_bitmaps_info(const struct qcow2 *q, json_t *facts);
bool qcow2_bitmap(struct block_node *n, const struct block_bitmap_request *r, struct error *e);
/* Before and after the disk's size changes to that many bytes, or has failed to. Alone. */
bool qcow2_bitmaps_resize_begin(struct block_node *n, uint64_t disk_bytes, struct error *e);
bool qcow2_bitmaps_resize_end(struct block_node *n, struct error *e);

/* ---- qcow2.c */

/* The disk has another size: so has the cache of its L2 tables. tables is held, or alone. */
void qcow2_fit_cache(struct block_node *n);
/* What is done before the first write, and after the last one. */
bool qcow2_begin_writing(struct block_node *n, struct error *e);
int qcow2_end_writing(struct block_node *n);
/* Refcounts that were held back are written, and the image says so. */
int qcow2_end_lazy(struct block_node *n);

#endif
