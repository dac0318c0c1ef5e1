/* SPDX-License-Identifier: MIT */
/* The hot way of qcow2: where bytes of the guest are, from tables in memory. */
#include <errno.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "block/qcow2.h"

/* ---- reading */

static void one_unit(const struct qcow2 *q, const struct qcow2_entry *e, uint64_t offset,
                     struct block_extent *x)
{
    const uint64_t in = offset & (q->cluster_bytes - 1);
    const unsigned sub = (unsigned)(in / q->sub_bytes);
    x->bytes = q->sub_bytes - in % q->sub_bytes;
    x->has_place = e->placed;
    x->offset = e->place + in;
    if (e->bad) {
        x->kind = BLOCK_MAP_ERROR;
    } else if (e->packed) {
        x->kind = BLOCK_MAP_PACKED;
        x->has_place = true;
        x->offset = e->place;
        x->packed_bytes = e->packed_bytes;
        x->bytes = q->cluster_bytes - in;
    } else if (bit(e->alloc, sub)) {
        x->kind = BLOCK_MAP_DATA;
        x->node = q->data;
    } else if (bit(e->zero, sub) || offset >= q->state_base) {
        x->kind = BLOCK_MAP_ZERO;
    } else {
        x->kind = BLOCK_MAP_BACKING;
        x->has_place = false;
    }
}

static bool goes_on(const struct block_extent *x, const struct block_extent *next)
{
    return x->kind == next->kind && x->kind != BLOCK_MAP_PACKED && x->kind != BLOCK_MAP_ERROR &&
           x->has_place == next->has_place &&
           (!x->has_place || x->offset + x->bytes == next->offset);
}

static void map_reading(const struct qcow2 *q, const struct qcow2_table *t, uint64_t offset,
                        uint64_t bytes, struct block_extent *x)
{
    const uint64_t end = (offset | mask64(q->slice_bits)) + 1;
    struct qcow2_entry e;
    qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, offset), &e);
    one_unit(q, &e, offset, x);
    while (x->bytes < bytes && offset + x->bytes < end) {
        struct block_extent next = {0};
        const uint64_t at = offset + x->bytes;
        if (is_aligned(at, q->cluster_bytes)) {
            qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, at), &e);
        }
        one_unit(q, &e, at, &next);
        if (!goes_on(x, &next)) {
            break;
        }
        x->bytes += next.bytes;
    }
}

/* ---- writing */

/* It has a cluster that a write may go to. */
static bool is_own(const struct qcow2_entry *e)
{
    return e->placed && e->copied && !e->packed;
}

static bool is_data(const struct qcow2 *q, const struct qcow2_entry *e, uint64_t offset)
{
    return is_own(e) && bit(e->alloc, (unsigned)((offset & (q->cluster_bytes - 1)) / q->sub_bytes));
}

static void map_data(const struct qcow2 *q, const struct qcow2_table *t, uint64_t offset,
                     uint64_t bytes, struct block_extent *x)
{
    map_reading(q, t, offset, bytes, x);
    uint64_t own = q->cluster_bytes - (offset & (q->cluster_bytes - 1));
    while (own < x->bytes) {
        struct qcow2_entry e;
        qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, offset + own), &e);
        if (!is_own(&e)) {
            x->bytes = own;
        }
        own += q->cluster_bytes;
    }
}

/* Whole subclusters that have no data yet, in a cluster that is there. */
static void map_subs(const struct qcow2 *q, const struct qcow2_entry *e, uint64_t offset,
                     uint64_t bytes, struct block_extent *x)
{
    const uint64_t in = offset & (q->cluster_bytes - 1);
    uint64_t some = 0;
    while (in + some < q->cluster_bytes && some + q->sub_bytes <= bytes &&
           !bit(e->alloc, (unsigned)((in + some) / q->sub_bytes))) {
        some += q->sub_bytes;
    }
    if (some && is_aligned(in, q->sub_bytes)) {
        x->kind = BLOCK_MAP_NEW;
        x->node = q->data;
        x->offset = e->place + in;
        x->bytes = some;
    }
}

/* Whole clusters that get a new place. */
static void map_clusters(struct block_node *n, const struct qcow2_table *t, uint64_t offset,
                         uint64_t bytes, struct block_extent *x)
{
    struct qcow2 *q = n->state;
    const uint64_t end = (offset | mask64(q->slice_bits)) + 1;
    uint64_t clusters = 0, at;
    for (at = offset; at < end && at + q->cluster_bytes <= offset + bytes; at += q->cluster_bytes) {
        struct qcow2_entry e;
        qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, at), &e);
        if (e.bad || is_own(&e)) {
            break;
        }
        clusters++;
    }
    uint64_t place = offset, some = clusters;
    if (!q->has_data_file) {
        some = qcow2_pool_take(n, clusters, &place);
    }
    if (some) {
        x->kind = BLOCK_MAP_NEW;
        x->node = q->data;
        x->offset = place;
        x->bytes = some << q->cluster_bits;
    } else if (clusters) { /* write() fills the pool, and goes on */
        x->bytes = clusters << q->cluster_bits;
    }
}

/* Nothing shows through where the cluster has no bytes of its own. */
static bool reads_as_zeros(const struct block_node *n, const struct qcow2_entry *e, uint64_t base)
{
    const struct qcow2 *q = n->state;
    return !e->packed && !e->alloc &&
           (e->zero == qcow2_all_subs(q) || !n->backing || base >= block_node_size(n->backing));
}

/* A part of a cluster that gets a place behind the file's end: the rest is zeros there already. */
static void map_part(struct block_node *n, const struct qcow2_entry *e, uint64_t offset,
                     struct block_extent *x)
{
    struct qcow2 *q = n->state;
    const uint64_t in = offset & (q->cluster_bytes - 1);
    uint64_t place;
    if (q->has_data_file || !reads_as_zeros(n, e, offset - in) || !qcow2_pool_take(n, 1, &place)) {
        return;
    }
    if (!qcow2_is_fresh(q, place)) {
        qcow2_pool_untake(n, place, 1);
        return;
    }
    x->kind = BLOCK_MAP_NEW;
    x->node = q->data;
    x->offset = place + in;
    x->whole_granule = true;
}

static void map_writing(struct block_node *n, struct qcow2_table *t, uint64_t offset,
                        uint64_t bytes, struct block_extent *x)
{
    struct qcow2 *q = n->state;
    const uint64_t to_end = q->cluster_bytes - (offset & (q->cluster_bytes - 1));
    struct qcow2_entry e;
    qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, offset), &e);
    x->kind = BLOCK_MAP_WRITE;
    x->bytes = to_end < bytes ? to_end : bytes;
    if (e.bad) { /* write() says so in the image */
        return;
    }
    if (is_data(q, &e, offset)) {
        map_data(q, t, offset, bytes, x);
    } else if (is_own(&e)) {
        map_subs(q, &e, offset, bytes, x);
    } else if (is_aligned(offset, q->cluster_bytes)) {
        map_clusters(n, t, offset, bytes, x);
    }
    if (x->kind == BLOCK_MAP_WRITE && !is_own(&e) && x->bytes < q->cluster_bytes) {
        map_part(n, &e, offset, x);
    }
    if (x->kind == BLOCK_MAP_NEW) {
        t->pins++; /* until linked() */
    }
    if (x->kind != BLOCK_MAP_WRITE) {
        qcow2_bitmaps_mark(q, offset, x->bytes);
    }
}

bool qcow2_is_fresh(const struct qcow2 *q, uint64_t place)
{
    return !q->has_data_file && q->data->grows && !atomic_get(&q->stale_end) &&
           place >= block_node_size(q->data);
}

void qcow2_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
               struct block_extent *x)
{
    struct qcow2 *q = n->state;
    const uint64_t index = offset >> q->l1_bits;
    const uint64_t l1 = index < q->h.l1_size ? q->l1[index] : 0;
    struct qcow2_table *t = qcow2_slice_find(q, offset);
    if (writing && atomic_get(&q->corrupt)) {
        x->kind = BLOCK_MAP_ERROR;
    } else if (!t && !writing && !(l1 & QCOW2_OFFSET)) {
        x->kind = offset >= q->state_base ? BLOCK_MAP_ZERO : BLOCK_MAP_BACKING;
        x->bytes = (offset | mask64(q->l1_bits)) + 1 - offset;
    } else if (!t ||
               (writing && (!(l1 & QCOW2_COPIED) || (q->bitmaps_track && !q->bitmaps_begun)))) {
        x->kind = BLOCK_MAP_UNKNOWN;
    } else if (writing) {
        map_writing(n, t, offset, bytes, x);
    } else {
        map_reading(q, t, offset, bytes, x);
    }
}

/* ---- what has got its bytes */

/* Bits of the subclusters of [in, in + bytes) of a cluster. */
static uint32_t subs_of(const struct qcow2 *q, uint64_t in, uint64_t bytes)
{
    const uint64_t first = in / q->sub_bytes, end = (in + bytes + q->sub_bytes - 1) / q->sub_bytes;
    return (uint32_t)(mask64((unsigned)end) & ~mask64((unsigned)first));
}

static void link_one(struct block_node *n, struct qcow2_table *t, uint64_t index, uint64_t place,
                     uint32_t subs)
{
    const struct qcow2 *q = n->state;
    struct qcow2_entry old;
    qcow2_entry_get(q, t->bytes, index, &old);
    const bool stays = is_own(&old) && old.place == place;
    struct qcow2_entry e = {
        .placed = true,
        .copied = true,
        .place = place,
        .alloc = (stays ? old.alloc : 0) | subs,
        .zero = (old.packed ? 0 : old.zero) & ~subs,
    };
    if (!stays) {
        qcow2_free_entry(n, &old, false);
    }
    qcow2_entry_put(q, t->bytes, index, &e);
}

void qcow2_link(struct block_node *n, struct qcow2_table *t, uint64_t offset, uint64_t bytes,
                uint64_t place)
{
    struct qcow2 *q = n->state;
    const uint64_t first = qcow2_slice_index(q, offset);
    uint64_t count = 0;
    for (uint64_t done = 0; done < bytes; count++) {
        const uint64_t in = (offset + done) & (q->cluster_bytes - 1);
        const uint64_t to_end = q->cluster_bytes - in;
        const uint64_t some = bytes - done < to_end ? bytes - done : to_end;
        link_one(n, t, first + count, place + done - in, subs_of(q, in, some));
        done += some;
    }
    qcow2_table_touch(n, &q->l2, t, (uint32_t)(first * q->entry_bytes),
                      (uint32_t)(count * q->entry_bytes));
}

void qcow2_linked(struct block_node *n, uint64_t offset, const struct block_extent *x, int status)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t = qcow2_slice_find(q, offset);
    struct qcow2_entry e;
    t->pins--;
    if (status == 0) {
        qcow2_link(n, t, offset, x->bytes, x->offset);
        return;
    }
    if (status != -EAGAIN) { /* which is no write at all */
        atomic_set(&q->stale_end, true);
    }
    qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, offset), &e);
    if (!q->has_data_file && !is_own(&e)) {
        qcow2_pool_untake(n, align_down(x->offset, q->cluster_bytes),
                          x->whole_granule ? 1 : x->bytes >> q->cluster_bits);
    }
}
