/* SPDX-License-Identifier: MIT */
/* The L1 table, and L2 tables in slices: what each cluster of the guest is. */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

/* ---- entries */

static void get_packed(const struct qcow2 *q, uint64_t word, struct qcow2_entry *e)
{
    const unsigned shift = 62 - (q->cluster_bits - 8);
    e->packed = true;
    e->place = word & mask64(shift);
    e->packed_bytes = (uint32_t)(((word >> shift & mask64(q->cluster_bits - 8)) + 1) * 512 -
                                 (e->place & 511));
    e->bad = q->has_data_file;
}

void qcow2_entry_get(const struct qcow2 *q, const uint8_t *slice, uint64_t index,
                     struct qcow2_entry *e)
{
    const uint8_t *at = slice + index * q->entry_bytes;
    const uint64_t word = load_be64(at);
    *e = (struct qcow2_entry){0};
    if (word & QCOW2_PACKED) {
        get_packed(q, word, e);
        return;
    }
    e->place = word & QCOW2_OFFSET;
    e->placed = e->place || (q->has_data_file && (word & QCOW2_COPIED));
    e->copied = e->placed && (q->has_data_file || (word & QCOW2_COPIED));
    e->bad = !is_aligned(e->place, q->cluster_bytes);
    if (q->extended) {
        e->alloc = load_be32(at + 12);
        e->zero = load_be32(at + 8);
        e->bad |= (e->alloc & e->zero) || (e->alloc && !e->placed);
    } else {
        e->zero = q->h.version >= 3 && (word & QCOW2_ZERO);
        e->alloc = e->placed && !e->zero;
    }
}

void qcow2_entry_put(const struct qcow2 *q, uint8_t *slice, uint64_t index,
                     const struct qcow2_entry *e)
{
    uint8_t *at = slice + index * q->entry_bytes;
    uint64_t word = e->place | (e->copied ? QCOW2_COPIED : 0);
    if (e->packed) {
        const uint64_t sectors = ((e->place & 511) + e->packed_bytes + 511) / 512 - 1;
        word = e->place | sectors << (62 - (q->cluster_bits - 8)) | QCOW2_PACKED;
    } else if (!q->extended && e->zero) {
        word |= QCOW2_ZERO;
    }
    store_be64(at, word);
    if (q->extended) {
        store_be32(at + 8, e->zero);
        store_be32(at + 12, e->alloc);
    }
}

/* ---- L1 */

bool qcow2_offset_is_good(const struct qcow2 *q, uint64_t offset)
{
    return offset && is_aligned(offset, q->cluster_bytes) && offset <= QCOW2_OFFSET;
}

uint64_t qcow2_l1_entries(const struct qcow2 *q, uint64_t disk_bytes)
{
    return (disk_bytes >> q->l1_bits) + ((disk_bytes & mask64(q->l1_bits)) != 0);
}

int qcow2_l1_read(struct block_node *n, uint64_t offset, uint64_t entries, uint64_t *l1)
{
    int status = entries ? block_node_read(n->file, offset, l1, (size_t)entries * 8) : 0;
    for (uint64_t i = 0; status == 0 && i < entries; i++) {
        l1[i] = load_be64(&l1[i]);
    }
    return status;
}

int qcow2_l1_write(struct block_node *n, uint64_t offset, uint64_t entries, const uint64_t *l1)
{
    uint64_t *bytes = mem_array((size_t)entries, 8);
    for (uint64_t i = 0; i < entries; i++) {
        store_be64(&bytes[i], l1[i]);
    }
    int status = entries ? block_node_write(n->file, offset, bytes, (size_t)entries * 8, 0) : 0;
    mem_free(bytes);
    return status;
}

/* The old table is durably nobody's before it is freed. */
int qcow2_l1_grow(struct block_node *n, uint64_t entries)
{
    struct qcow2 *q = n->state;
    const struct qcow2_header old = q->h;
    uint64_t *l1, offset, clusters;
    int status = entries > QCOW2_L1_MAX / 8 ? -EFBIG : 0;
    if (status < 0 || entries <= q->h.l1_size) {
        return status;
    }
    clusters = qcow2_clusters(q, entries * 8);
    status = qcow2_commit(n);
    status = status < 0 ? status : qcow2_alloc(n, clusters, &offset);
    if (status < 0) {
        return status;
    }
    l1 = mem_array((size_t)clusters << (q->cluster_bits - 3), 8);
    memcpy(l1, q->l1, (size_t)q->h.l1_size * 8);
    status = qcow2_l1_write(n, offset, clusters << (q->cluster_bits - 3), l1);
    status = status < 0 ? status : qcow2_commit(n);
    if (status == 0) {
        q->h.l1_offset = offset;
        q->h.l1_size = (uint32_t)entries;
        status = qcow2_header_update(n);
        status = status < 0 ? status : qcow2_commit(n);
    }
    if (status < 0) { /* which of the two the disk knows of is not known */
        q->h.l1_offset = old.l1_offset;
        q->h.l1_size = old.l1_size;
        mem_free(l1);
        return status;
    }
    os_mutex_lock(&n->tables);
    mem_free(q->l1);
    q->l1 = l1;
    mem_free(q->l1_fresh);
    q->l1_fresh = mem_alloc((size_t)entries);
    qcow2_free_later(n, old.l1_offset, qcow2_clusters(q, (uint64_t)old.l1_size * 8), false);
    os_mutex_unlock(&n->tables);
    return 0;
}

/* ---- L2 tables */

static int copy_table(struct block_node *n, uint64_t from, uint64_t to)
{
    const struct qcow2 *q = n->state;
    void *bytes = mem_try_alloc(q->cluster_bytes);
    int status = bytes ? block_node_read(n->file, from, bytes, q->cluster_bytes) : -ENOMEM;
    status = status < 0 ? status : block_node_write(n->file, to, bytes, q->cluster_bytes, 0);
    mem_free(bytes);
    return status;
}

/* A table of its own for an L1 entry that has none, or a snapshot's. */
static int make_table(struct block_node *n, uint64_t l1_index, uint64_t old)
{
    struct qcow2 *q = n->state;
    uint64_t at;
    block_debug_event(n, "l2_alloc_cow_read");
    int status = qcow2_alloc_one(n, &at);
    if (status < 0) {
        return status;
    }
    block_debug_event(n, "l2_alloc_write");
    status = old ? copy_table(n, old, at) : block_node_zero(n->file, at, q->cluster_bytes, 0);
    os_mutex_lock(&n->tables);
    if (status < 0) {
        qcow2_free_later(n, at, 1, false);
    } else {
        q->l1[l1_index] = at | QCOW2_COPIED;
        q->l1_fresh_count += !q->l1_fresh[l1_index];
        q->l1_fresh[l1_index] = 1;
        atomic_set_release(&n->dirty, true);
        if (old) {
            qcow2_free_later(n, old, 1, false);
        }
    }
    os_mutex_unlock(&n->tables);
    return status;
}

struct qcow2_table *qcow2_slice_find(struct qcow2 *q, uint64_t offset)
{
    return qcow2_cache_find(&q->l2, offset >> q->slice_bits);
}

static int read_slice(struct block_node *n, uint64_t offset, uint64_t table, struct qcow2_table **t)
{
    struct qcow2 *q = n->state;
    const uint64_t in_table = (offset >> q->slice_bits) & mask64(q->l1_bits - q->slice_bits);
    block_debug_event(n, "l2_load");
    *t = qcow2_table_new(&q->l2, offset >> q->slice_bits);
    if (!*t) {
        return -ENOMEM;
    }
    int status = block_node_read(n->file, table + in_table * q->l2.table_bytes, (*t)->bytes,
                                 q->l2.table_bytes);
    if (status < 0) {
        mem_free(*t);
        *t = NULL;
        return status;
    }
    os_mutex_lock(&n->tables);
    qcow2_cache_add(&q->l2, *t);
    os_mutex_unlock(&n->tables);
    return 0;
}

int qcow2_slice_get(struct block_node *n, uint64_t offset, bool writing, struct qcow2_table **t)
{
    struct qcow2 *q = n->state;
    const uint64_t index = offset >> q->l1_bits;
    *t = NULL;
    if (index >= q->h.l1_size) {
        return writing ? -EIO : 0;
    }
    uint64_t entry = q->l1[index];
    if ((entry & QCOW2_OFFSET) && !qcow2_offset_is_good(q, entry & QCOW2_OFFSET)) {
        return qcow2_set_corrupt(n, "an L2 table is not aligned to clusters");
    }
    if (writing && !(entry & QCOW2_COPIED)) {
        int status = make_table(n, index, entry & QCOW2_OFFSET);
        if (status < 0) {
            return status;
        }
        entry = q->l1[index];
    }
    if (!(entry & QCOW2_OFFSET)) {
        return 0;
    }
    os_mutex_lock(&n->tables);
    *t = qcow2_slice_find(q, offset);
    os_mutex_unlock(&n->tables);
    return *t ? 0 : read_slice(n, offset, entry & QCOW2_OFFSET, t);
}
