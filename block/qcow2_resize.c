/* SPDX-License-Identifier: MIT */
/* Another size for the disk of a qcow2 image, and none of its contents. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "block/qcow2.h"

static bool done(const struct block_node *n, int status, struct error *e)
{
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

/* Drops a range, whole clusters, which need not be of the disk. */
static int drop(struct block_node *n, uint64_t offset, uint64_t end)
{
    int status = 0;
    if (end > offset) {
        os_mutex_lock(&n->slow);
        status = qcow2_drop(n, offset, end - offset);
        os_mutex_unlock(&n->slow);
    }
    return status;
}

static void set_size(struct block_node *n, uint64_t bytes)
{
    struct qcow2 *q = n->state;
    os_mutex_lock(&n->tables);
    atomic_set(&n->size_bytes, bytes);
    q->state_base = qcow2_l1_entries(q, bytes) << q->l1_bits;
    qcow2_fit_cache(n);
    os_mutex_unlock(&n->tables);
}

/* The image says so. */
static int write_size(struct block_node *n, uint64_t bytes)
{
    struct qcow2 *q = n->state;
    const uint64_t old = q->h.size;
    int status = qcow2_commit(n);
    q->h.size = bytes;
    status = status < 0 ? status : qcow2_header_update(n);
    if (status < 0) {
        q->h.size = old;
        return status;
    }
    return block_node_flush(n->file);
}

/* ---- growing */

/* What a longer disk would show of its last cluster, or of a backing file that is longer. */
static int zero_tail(struct block_node *n, uint64_t old, uint64_t bytes)
{
    const struct qcow2 *q = n->state;
    const uint64_t below = n->backing ? block_node_size(n->backing) : 0;
    uint64_t end = align_up(old, q->cluster_bytes);
    end = end > below ? end : below;
    end = end < bytes ? end : bytes;
    return end > old ? block_node_zero(n, old, end - old, BLOCK_MAY_UNMAP) : 0;
}

/* Zeros, which the file has room for: an image does not refer to what is behind its end. */
static int make_zeros(struct block_node *n, uint64_t place, uint64_t bytes, unsigned flags)
{
    struct block_node *data = ((struct qcow2 *)n->state)->data;
    struct error e;
    int status = block_node_zero(data, place, bytes, flags);
    if (status == 0 && data->grows && block_node_size(data) < place + bytes &&
        !block_node_resize(data, place + bytes, BLOCK_PREALLOC_OFF, &e)) {
        status = -EIO;
    }
    return status;
}

/* Clusters for a run that has none. */
static int allocate_some(struct block_node *n, uint64_t at, uint64_t most, uint64_t *some,
                         unsigned flags)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    uint64_t place = at, clusters = most;
    const uint64_t in_slice = ((at | mask64(q->slice_bits)) + 1 - at) >> q->cluster_bits;
    clusters = clusters < in_slice ? clusters : in_slice;
    int status = qcow2_make_room(n);
    status = status < 0 || q->has_data_file ? status
                                            : qcow2_alloc_some(n, clusters, &place, &clusters);
    if (status < 0) {
        return status;
    }
    *some = clusters << q->cluster_bits;
    status = make_zeros(n, place, *some, flags);
    status = status < 0 ? status : qcow2_slice_get(n, at, true, &t);
    os_mutex_lock(&n->tables);
    if (status == 0) {
        qcow2_link(n, t, at, *some, place);
    } else if (!q->has_data_file) {
        qcow2_free_later(n, place, clusters, false);
    }
    os_mutex_unlock(&n->tables);
    return status;
}

static int preallocate(struct block_node *n, uint64_t from, uint64_t to, enum block_prealloc how)
{
    const struct qcow2 *q = n->state;
    const unsigned flags = how == BLOCK_PREALLOC_METADATA ? BLOCK_MAY_UNMAP : 0;
    int status = 0;
    os_mutex_lock(&n->slow);
    for (uint64_t at = align_up(from, q->cluster_bytes), some = 0; at < to && status == 0;
         at += some) {
        status = allocate_some(n, at, (align_up(to, q->cluster_bytes) - at) >> q->cluster_bits,
                               &some, flags);
    }
    os_mutex_unlock(&n->slow);
    return status;
}

static int grow(struct block_node *n, uint64_t bytes, enum block_prealloc how)
{
    struct qcow2 *q = n->state;
    const uint64_t old = n->size_bytes;
    /* State that a snapshot brought with it would be in the way. */
    int status = drop(n, q->state_base, (uint64_t)q->h.l1_size << q->l1_bits);
    status = status < 0 ? status : qcow2_l1_grow(n, qcow2_l1_entries(q, bytes));
    if (status < 0) {
        return status;
    }
    set_size(n, bytes);
    status = zero_tail(n, old, bytes);
    if (status == 0 && how != BLOCK_PREALLOC_OFF) {
        status = preallocate(n, old, bytes, how);
    }
    status = status < 0 ? status : write_size(n, bytes);
    if (status < 0) {
        set_size(n, old);
    }
    return status;
}

/* ---- shrinking */

static int shrink(struct block_node *n, uint64_t bytes)
{
    struct qcow2 *q = n->state;
    const uint64_t old = n->size_bytes;
    int status = write_size(n, bytes); /* what is behind is nobody's */
    if (status < 0) {
        return status;
    }
    status = drop(n, align_up(bytes, q->cluster_bytes), align_up(old, q->cluster_bytes));
    set_size(n, bytes);
    return status < 0 ? status : qcow2_commit(n);
}

static bool resize_data(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                        struct error *e)
{
    const struct qcow2 *q = n->state;
    return !(q->h.autoclear & QCOW2_RAW_DATA) ||
           block_node_resize(q->data, bytes,
                             how == BLOCK_PREALLOC_METADATA ? BLOCK_PREALLOC_OFF : how, e);
}

static bool resize_all(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                       struct error *e)
{
    const uint64_t old = n->size_bytes;
    if (bytes < old) {
        return done(n, shrink(n, bytes), e) && resize_data(n, bytes, BLOCK_PREALLOC_OFF, e);
    }
    if (!resize_data(n, bytes, how, e)) {
        return false;
    }
    return bytes == old || done(n, grow(n, bytes, how), e);
}

bool qcow2_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how, struct error *e)
{
    const struct qcow2 *q = n->state;
    if (q->h.version < 3 && q->h.snapshots) {
        return error_set(e, "%s: an image of version 2 that has snapshots keeps its size",
                         block_node_file(n));
    }
    if (qcow2_l1_entries(q, bytes) > QCOW2_L1_MAX / 8) {
        return error_set(e, "%s: %" PRIu64 " bytes are too many for clusters of %u",
                         block_node_file(n), bytes, q->cluster_bytes);
    }
    struct error why;
    if (!qcow2_bitmaps_resize_begin(n, bytes, e)) {
        return false;
    }
    bool good = resize_all(n, bytes, how, e);
    if (!qcow2_bitmaps_resize_end(n, &why) && good) {
        *e = why;
        good = false;
    }
    return good;
}

int qcow2_make_empty(struct block_node *n)
{
    const struct qcow2 *q = n->state;
    if (q->h.autoclear & QCOW2_RAW_DATA) {
        return -ENOTSUP;
    }
    int status = drop(n, 0, align_up(n->size_bytes, q->cluster_bytes));
    return status < 0 ? status : qcow2_commit(n);
}
