/* SPDX-License-Identifier: MIT */
/*
 * Refcounts of qcow2, and clusters taken by them. A refcount in memory is lowered only when no
 * reference on the disk is left (qcow2_flush.c), so what is 0 here may be used at once, and
 * refcount blocks may be written whenever it suits.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

#define POOL_BYTES (UINT64_C(16) << 20)
#define POOL_LEAST 16

/* ---- one refcount */

uint64_t qcow2_refcount_of(const struct qcow2 *q, const uint8_t *block, uint64_t index)
{
    const unsigned bits = q->refcount_bits;
    if (bits >= 8) {
        return load_be(block + index * (bits / 8), bits / 8);
    }
    return block[index * bits / 8] >> (index * bits % 8) & mask64(bits);
}

void qcow2_refcount_put(const struct qcow2 *q, uint8_t *block, uint64_t index, uint64_t count)
{
    const unsigned bits = q->refcount_bits;
    if (bits >= 8) {
        store_be(block + index * (bits / 8), bits / 8, count);
        return;
    }
    const unsigned lo = (unsigned)(index * bits % 8);
    uint8_t *at = &block[index * bits / 8];
    *at = (uint8_t)deposit64(*at, lo + bits - 1, lo, count);
}

uint64_t qcow2_refcount_max(const struct qcow2 *q)
{
    return q->refcount_bits == 64 ? INT64_MAX : mask64(q->refcount_bits);
}

static uint64_t in_block(const struct qcow2 *q, uint64_t cluster)
{
    return cluster & mask64(q->block_bits);
}

/* tables is held. */
static void put_in(struct block_node *n, struct qcow2_table *t, uint64_t cluster, uint64_t count)
{
    struct qcow2 *q = n->state;
    const uint64_t index = in_block(q, cluster);
    qcow2_refcount_put(q, t->bytes, index, count);
    const uint32_t first = (uint32_t)(index * q->refcount_bits / 8);
    const uint32_t bytes = q->refcount_bits < 8 ? 1 : q->refcount_bits / 8;
    qcow2_table_touch(n, &q->blocks, t, first, bytes);
}

/* ---- the table of blocks */

int qcow2_reftable_read(struct block_node *n)
{
    struct qcow2 *q = n->state;
    const size_t entries = (size_t)q->h.reftable_clusters << (q->cluster_bits - 3);
    mem_free(q->reftable);
    q->reftable = mem_try_array(entries, 8);
    q->reftable_size = q->reftable ? entries : 0;
    return q->reftable ? qcow2_l1_read(n, q->h.reftable_offset, entries, q->reftable) : -ENOMEM;
}

static int fill_area(struct block_node *n, uint64_t from, uint64_t clusters, uint64_t block_at,
                     uint64_t index)
{
    const struct qcow2 *q = n->state;
    uint8_t *bytes = mem_alloc(q->cluster_bytes);
    const uint64_t per = UINT64_C(1) << q->block_bits;
    for (uint64_t i = 0; i < per; i++) {
        const uint64_t c = index * per + i;
        if (c >= from && c < from + clusters) {
            qcow2_refcount_put(q, bytes, i, 1);
        }
    }
    int status = block_node_write(n->file, block_at, bytes, q->cluster_bytes, 0);
    mem_free(bytes);
    return status;
}

/* The longer table and the blocks of its own clusters lie where the old one had no words for. */
static int grow_table(struct block_node *n, uint64_t index)
{
    struct qcow2 *q = n->state;
    const uint64_t per_cluster = q->cluster_bytes / 8, per = UINT64_C(1) << q->block_bits;
    const uint64_t area = index << q->block_bits;
    uint64_t blocks = 1, table, before;
    do {
        before = blocks;
        const uint64_t least = q->reftable_size + q->reftable_size / 2;
        const uint64_t entries = least > index + blocks + 1 ? least : index + blocks + 1;
        table = (entries + per_cluster - 1) / per_cluster;
        blocks = (table + blocks + per - 1) / per;
    } while (blocks != before);
    if (table * q->cluster_bytes > QCOW2_REFTABLE_MAX ||
        qcow2_is_metadata(q, area << q->cluster_bits, table + blocks)) {
        return -EFBIG;
    }
    uint64_t *longer = mem_array((size_t)(table * per_cluster), 8);
    memcpy(longer, q->reftable, q->reftable_size * 8);
    int status = 0;
    for (uint64_t i = 0; i < blocks && status == 0; i++) {
        longer[index + i] = (area + table + i) << q->cluster_bits;
        status = fill_area(n, area, table + blocks, longer[index + i], index + i);
    }
    block_debug_event(n, "reftable_grow");
    const struct qcow2_header old = q->h;
    status = status < 0 ? status
                        : qcow2_l1_write(n, area << q->cluster_bits, table * per_cluster, longer);
    status = status < 0 ? status : block_node_flush(n->file);
    if (status == 0) {
        q->h.reftable_offset = area << q->cluster_bits;
        q->h.reftable_clusters = (uint32_t)table;
        status = qcow2_header_update(n);
        status = status < 0 ? status : block_node_flush(n->file);
    }
    if (status < 0) {
        q->h.reftable_offset = old.reftable_offset;
        q->h.reftable_clusters = old.reftable_clusters;
        mem_free(longer);
        return status;
    }
    mem_free(q->reftable);
    q->reftable = longer;
    q->reftable_size = (size_t)(table * per_cluster);
    os_mutex_lock(&n->tables);
    qcow2_free_later(n, old.reftable_offset, old.reftable_clusters, false);
    os_mutex_unlock(&n->tables);
    return 0;
}

static int link_block(struct block_node *n, uint64_t index)
{
    const struct qcow2 *q = n->state;
    uint8_t word[8];
    int status = qcow2_blocks_write(n);
    block_debug_event(n, "refblock_alloc_hookup");
    status = status < 0 ? status : block_node_flush(n->file);
    store_be64(word, q->reftable[index]);
    return status < 0 ? status
                      : block_node_write(n->file, q->h.reftable_offset + index * 8, word, 8, 0);
}

/* A block that did not exist, in `cluster`, which is free. On the disk before it is referred to. */
static int make_block(struct block_node *n, uint64_t index, uint64_t cluster)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *holder = NULL, *t;
    if (index >= q->reftable_size) {
        return grow_table(n, index);
    }
    if (qcow2_is_metadata(q, cluster << q->cluster_bits, 1)) {
        return qcow2_set_corrupt(n, "a free cluster is part of a table");
    }
    const uint64_t holds = cluster >> q->block_bits;
    int status = holds == index ? 0 : qcow2_block_get(n, holds, &holder);
    t = status == 0 ? qcow2_table_new(&q->blocks, index) : NULL;
    if (!t || (holds != index && !holder)) {
        mem_free(t);
        return status < 0 ? status : t ? -EIO : -ENOMEM;
    }
    block_debug_event(n, "refblock_alloc");
    os_mutex_lock(&n->tables);
    t->pins = 1;
    qcow2_cache_add(&q->blocks, t);
    put_in(n, holder ? holder : t, cluster, 1);
    qcow2_table_touch(n, &q->blocks, t, 0, q->blocks.table_bytes);
    os_mutex_unlock(&n->tables);
    q->reftable[index] = cluster << q->cluster_bits;
    status = link_block(n, index);
    os_mutex_lock(&n->tables);
    t->pins = 0;
    if (status < 0) {
        put_in(n, holder ? holder : t, cluster, 0);
        q->reftable[index] = 0;
        qcow2_cache_drop(&q->blocks, index);
    }
    os_mutex_unlock(&n->tables);
    return status;
}

int qcow2_block_get(struct block_node *n, uint64_t index, struct qcow2_table **t)
{
    struct qcow2 *q = n->state;
    *t = NULL;
    if (index >= q->reftable_size || !(q->reftable[index] & QCOW2_OFFSET)) {
        return 0;
    }
    const uint64_t at = q->reftable[index] & ~UINT64_C(511);
    if (!qcow2_offset_is_good(q, at)) {
        return qcow2_set_corrupt(n, "a refcount block is not aligned to clusters");
    }
    os_mutex_lock(&n->tables);
    *t = qcow2_cache_find(&q->blocks, index);
    os_mutex_unlock(&n->tables);
    if (*t) {
        return 0;
    }
    block_debug_event(n, "refblock_load");
    struct qcow2_table *fresh = qcow2_table_new(&q->blocks, index);
    int status = fresh ? block_node_read(n->file, at, fresh->bytes, q->cluster_bytes) : -ENOMEM;
    if (status < 0) {
        mem_free(fresh);
        return status;
    }
    os_mutex_lock(&n->tables);
    qcow2_cache_add(&q->blocks, fresh);
    os_mutex_unlock(&n->tables);
    *t = fresh;
    return 0;
}

/* ---- refcounts by cluster */

int qcow2_refcount_get(struct block_node *n, uint64_t cluster, uint64_t *count)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    int status = qcow2_block_get(n, cluster >> q->block_bits, &t);
    os_mutex_lock(&n->tables);
    *count = t ? qcow2_refcount_of(q, t->bytes, in_block(q, cluster)) : 0;
    os_mutex_unlock(&n->tables);
    return status;
}

int qcow2_refcount_set(struct block_node *n, uint64_t cluster, uint64_t count)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    int status = qcow2_block_get(n, cluster >> q->block_bits, &t);
    if (status < 0 || !t) {
        return status < 0 ? status : count ? -EIO : 0;
    }
    os_mutex_lock(&n->tables);
    put_in(n, t, cluster, count);
    os_mutex_unlock(&n->tables);
    q->hint = count || cluster >= q->hint ? q->hint : cluster;
    if (!count && q->packed_at >> q->cluster_bits == cluster) {
        q->packed_at = 0;
    }
    return 0;
}

int qcow2_refcount_add(struct block_node *n, uint64_t cluster, uint64_t clusters, int by)
{
    const struct qcow2 *q = n->state;
    for (uint64_t i = 0; i < clusters; i++) {
        uint64_t count;
        int status = qcow2_refcount_get(n, cluster + i, &count);
        if (status == 0 && by < 0 && count == 0) {
            status = qcow2_set_corrupt(n, "a cluster in use has a refcount of 0");
        } else if (status == 0 && by > 0 && count >= qcow2_refcount_max(q)) {
            status = -ERANGE;
        }
        status = status < 0 ? status
                            : qcow2_refcount_set(n, cluster + i, by < 0 ? count - 1 : count + 1);
        if (status < 0) {
            while (i-- > 0 && qcow2_refcount_get(n, cluster + i, &count) == 0) {
                qcow2_refcount_set(n, cluster + i, by < 0 ? count + 1 : count - 1);
            }
            return status;
        }
    }
    return 0;
}

/* ---- free clusters */

static bool overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a_bytes && b_bytes && a < b + b_bytes && b < a + a_bytes;
}

static bool any_of(const uint64_t *table, uint64_t entries, uint64_t offset, uint64_t bytes)
{
    for (uint64_t i = 0; i < entries; i++) {
        const uint64_t at = table[i] & QCOW2_OFFSET;
        if (at && at - offset < bytes) {
            return true;
        }
    }
    return false;
}

bool qcow2_is_metadata(const struct qcow2 *q, uint64_t offset, uint64_t clusters)
{
    const uint64_t bytes = clusters << q->cluster_bits;
    const bool constant = offset < q->cluster_bytes ||
                          overlaps(offset, bytes, q->h.l1_offset, (uint64_t)q->h.l1_size * 8) ||
                          overlaps(offset, bytes, q->h.reftable_offset,
                                   (uint64_t)q->h.reftable_clusters << q->cluster_bits) ||
                          overlaps(offset, bytes, q->h.snapshots_offset, q->snapshots_bytes);
    if (q->overlap_check < QCOW2_OVERLAP_CACHED) {
        return q->overlap_check == QCOW2_OVERLAP_CONSTANT && constant;
    }
    return constant || any_of(q->l1, q->h.l1_size, offset, bytes) ||
           any_of(q->reftable, q->reftable_size, offset, bytes);
}

/* tables is held. */
static bool in_use(const struct qcow2 *q, const struct qcow2_table *t, uint64_t cluster)
{
    return (cluster >= q->pool.next && cluster < q->pool.end) ||
           qcow2_refcount_of(q, t->bytes, in_block(q, cluster)) != 0;
}

struct search {
    uint64_t want, at, first, run, first_free;
    bool whole; /* all of them; else as many as come first in one block */
};

/* Goes on through one block; true: found. */
static bool search_block(struct block_node *n, const struct qcow2_table *t, struct search *s)
{
    const struct qcow2 *q = n->state;
    const uint64_t end = align_down(s->at, UINT64_C(1) << q->block_bits) +
                         (UINT64_C(1) << q->block_bits);
    bool stop = false;
    os_mutex_lock(&n->tables);
    for (; s->at < end && s->run < s->want && !stop; s->at++) {
        if (in_use(q, t, s->at)) {
            stop = !s->whole && s->run;
            s->run = stop ? s->run : 0;
        } else {
            s->first = s->run++ ? s->first : s->at;
            s->first_free = s->first_free < s->at ? s->first_free : s->at;
        }
    }
    os_mutex_unlock(&n->tables);
    return s->run == s->want || (!s->whole && s->run);
}

/* Blocks are made on the way; one takes the first cluster of the run before it. */
static int search(struct block_node *n, struct search *s)
{
    struct qcow2 *q = n->state;
    s->at = q->hint;
    s->first_free = UINT64_MAX;
    for (;;) {
        struct qcow2_table *t;
        if (s->at > QCOW2_OFFSET >> q->cluster_bits) {
            return -EFBIG;
        }
        int status = qcow2_block_get(n, s->at >> q->block_bits, &t);
        if (status == 0 && !t) {
            const bool grows = s->at >> q->block_bits >= q->reftable_size;
            status = make_block(n, s->at >> q->block_bits, s->run ? s->first : s->at);
            if (s->run && !grows) {
                s->first++;
                s->run--;
            }
        }
        if (status < 0) {
            return status;
        }
        if (t && search_block(n, t, s)) {
            break;
        }
    }
    if (s->first <= s->first_free) {
        q->hint = s->first + (s->whole ? s->want : 0);
    } else {
        q->hint = s->first_free;
    }
    return qcow2_is_metadata(q, s->first << q->cluster_bits, s->run)
               ? qcow2_set_corrupt(n, "a free cluster is part of a table")
               : 0;
}

int qcow2_alloc(struct block_node *n, uint64_t clusters, uint64_t *offset)
{
    struct search s = {.want = clusters, .whole = true};
    const struct qcow2 *q = n->state;
    block_debug_event(n, "cluster_alloc");
    int status = atomic_get(&q->corrupt) ? -EIO : search(n, &s);
    status = status < 0 ? status : qcow2_refcount_add(n, s.first, clusters, 1);
    *offset = s.first << q->cluster_bits;
    return status;
}

/* ---- the pool */

void qcow2_pool_drop(struct qcow2 *q)
{
    struct qcow2_pool *p = &q->pool;
    if (p->block) {
        p->block->pins--;
    }
    if (p->next < p->end && p->next < q->hint) {
        q->hint = p->next;
    }
    *p = (struct qcow2_pool){0};
}

int qcow2_pool_fill(struct block_node *n)
{
    struct qcow2 *q = n->state;
    struct search s = {.want = POOL_BYTES >> q->cluster_bits};
    struct qcow2_table *t;
    s.want = s.want < POOL_LEAST ? POOL_LEAST : s.want;
    os_mutex_lock(&n->tables);
    const bool full = q->pool.next < q->pool.end;
    if (!full) {
        qcow2_pool_drop(q);
    }
    os_mutex_unlock(&n->tables);
    if (full || q->has_data_file) {
        return 0;
    }
    int status = atomic_get(&q->corrupt) ? -EIO : search(n, &s);
    status = status < 0 ? status : qcow2_block_get(n, s.first >> q->block_bits, &t);
    if (status < 0) {
        return status;
    }
    os_mutex_lock(&n->tables);
    t->pins++;
    q->pool = (struct qcow2_pool){s.first, s.first + s.run, t};
    os_mutex_unlock(&n->tables);
    return 0;
}

uint64_t qcow2_pool_take(struct block_node *n, uint64_t most, uint64_t *offset)
{
    struct qcow2 *q = n->state;
    struct qcow2_pool *p = &q->pool;
    const uint64_t left = p->end - p->next, some = left < most ? left : most;
    *offset = p->next << q->cluster_bits;
    for (uint64_t i = 0; i < some; i++) {
        put_in(n, p->block, p->next + i, 1);
    }
    p->next += some;
    return some;
}

void qcow2_pool_untake(struct block_node *n, uint64_t offset, uint64_t clusters)
{
    struct qcow2 *q = n->state;
    struct qcow2_pool *p = &q->pool;
    const uint64_t first = offset >> q->cluster_bits;
    if (!p->block || first + clusters != p->next) {
        qcow2_free_later(n, offset, clusters, false);
        return;
    }
    for (uint64_t i = 0; i < clusters; i++) {
        put_in(n, p->block, first + i, 0);
    }
    p->next = first;
}

int qcow2_alloc_some(struct block_node *n, uint64_t most, uint64_t *offset, uint64_t *clusters)
{
    const struct qcow2 *q = n->state;
    int status;
    *clusters = 0;
    block_debug_event(n, "cluster_alloc");
    do { /* the hot way may be quicker */
        status = qcow2_pool_fill(n);
        if (status == 0) {
            os_mutex_lock(&n->tables);
            *clusters = qcow2_pool_take(n, most, offset);
            os_mutex_unlock(&n->tables);
        }
    } while (status == 0 && !*clusters);
    return atomic_get(&q->corrupt) ? -EIO : status;
}

/* ---- packed data: several in a cluster, each of which counts */

/* Makes the cluster behind a packed one its neighbour; *took: it is free, or was the pool's. */
static int take_next(struct block_node *n, uint64_t cluster, bool *took)
{
    const struct qcow2 *q = n->state;
    const uint64_t index = cluster >> q->block_bits;
    uint64_t count = 1, at;
    os_mutex_lock(&n->tables);
    const bool pooled = cluster >= q->pool.next && cluster < q->pool.end;
    *took = pooled && cluster == q->pool.next && qcow2_pool_take(n, 1, &at);
    os_mutex_unlock(&n->tables);
    if (pooled || index >= q->reftable_size || !q->reftable[index] ||
        qcow2_is_metadata(q, cluster << q->cluster_bits, 1)) {
        return 0;
    }
    int status = qcow2_refcount_get(n, cluster, &count);
    *took = status == 0 && count == 0;
    return *took ? qcow2_refcount_add(n, cluster, 1, 1) : status;
}

static int add_to_packed(struct block_node *n, uint32_t bytes, bool *fits)
{
    const struct qcow2 *q = n->state;
    const uint64_t cluster = q->packed_at >> q->cluster_bits;
    const uint32_t room = q->cluster_bytes - (uint32_t)(q->packed_at & (q->cluster_bytes - 1));
    uint64_t count = 0;
    *fits = false;
    int status = qcow2_refcount_get(n, cluster, &count);
    if (status < 0 || count == 0 || count >= qcow2_refcount_max(q)) {
        return status;
    }
    bool next = bytes <= room;
    if (!next) {
        status = take_next(n, cluster + 1, &next);
    }
    if (status < 0 || !next) {
        return status;
    }
    *fits = true;
    return qcow2_refcount_add(n, cluster, 1, 1);
}

/* As data does, so that no hole is left behind the last cluster. */
int qcow2_alloc_one(struct block_node *n, uint64_t *offset)
{
    const struct qcow2 *q = n->state;
    uint64_t got;
    return q->has_data_file ? qcow2_alloc(n, 1, offset) : qcow2_alloc_some(n, 1, offset, &got);
}

int qcow2_alloc_packed(struct block_node *n, uint32_t bytes, uint64_t *offset)
{
    struct qcow2 *q = n->state;
    bool fits = false;
    int status = atomic_get(&q->corrupt) ? -EIO : 0;
    if (status == 0 && !is_aligned(q->packed_at, q->cluster_bytes)) {
        status = add_to_packed(n, bytes, &fits);
    }
    if (status == 0 && !fits) {
        status = qcow2_alloc_one(n, &q->packed_at);
    }
    *offset = q->packed_at;
    q->packed_at = status < 0 ? 0 : q->packed_at + bytes;
    return status;
}
