/* SPDX-License-Identifier: MIT */
/*
 * The slow way of qcow2: what takes I/O on tables, and writes to a part of a cluster that has no
 * place of its own. Such a cluster (or subcluster) gets its other bytes from where they were.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/qcow2.h"

/* Room for what comes, and word in the image that it changes. */
static int prepare(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = atomic_get(&q->corrupt) ? -EIO : qcow2_make_room(n);
    return status < 0 ? status : qcow2_bitmaps_begin(n);
}

/* Tables that nobody used for as long as cache-clean-interval says. */
static void clean(struct block_node *n)
{
    struct qcow2 *q = n->state;
    const uint64_t now = os_now_ns();
    if (!q->clean_interval || now - q->cleaned_ns < q->clean_interval * 1000000000u) {
        return;
    }
    os_mutex_lock(&n->tables);
    qcow2_cache_drop_older(&q->l2, q->cleaned_stamp);
    q->cleaned_stamp = q->l2.clock;
    os_mutex_unlock(&n->tables);
    q->cleaned_ns = now;
}

int qcow2_load(struct block_node *n, uint64_t offset, bool writing)
{
    struct qcow2_table *t;
    clean(n);
    int status = writing ? prepare(n) : 0;
    return status < 0 ? status : qcow2_slice_get(n, offset, writing, &t);
}

/* ---- old bytes */

static int read_backing(struct block_node *n, uint64_t at, uint8_t *to, uint64_t bytes)
{
    const uint64_t there = at < n->size_bytes ? n->size_bytes - at : 0; /* then machine state */
    const uint64_t some = there < bytes ? there : bytes;
    memset(to + some, 0, (size_t)(bytes - some));
    return block_node_read_padded(n->backing, at, to, (size_t)some);
}

/* What the guest's bytes are now; *zeros stays true if they are. Nothing is locked. */
static int read_old(struct block_node *n, uint64_t at, uint8_t *to, uint64_t bytes, bool *zeros)
{
    int status = 0;
    while (bytes && status == 0) {
        struct block_extent x;
        status = block_node_look(n, at, bytes, false, &x);
        if (status < 0) {
            return status;
        }
        if (x.kind == BLOCK_MAP_ZERO) {
            memset(to, 0, (size_t)x.bytes);
        } else if (x.kind == BLOCK_MAP_BACKING) {
            status = read_backing(n, at, to, x.bytes);
            *zeros &= !n->backing || block_is_zero(to, (size_t)x.bytes);
        } else {
            *zeros = false;
            status = x.kind == BLOCK_MAP_DATA
                         ? block_node_read(x.node, x.offset, to, (size_t)x.bytes)
                         : qcow2_decode(n, at, &x, to, (size_t)x.bytes);
        }
        at += x.bytes;
        to += x.bytes;
        bytes -= x.bytes;
    }
    return status;
}

/* ---- a write to a part of a cluster */

struct part {
    uint64_t offset, bytes; /* of the guest */
    const struct iovec *iov;
    unsigned count;
    uint64_t skip;        /* of iov */
    uint64_t from, to;    /* of the guest: what is written in all */
    uint64_t base, place; /* of the cluster */
    bool taken;
};

static int write_merged(struct block_node *n, const struct part *p, uint8_t *head, uint8_t *tail)
{
    const struct qcow2 *q = n->state;
    struct iovec *iov = mem_array(p->count + 2, sizeof(*iov));
    const uint64_t before = head ? p->offset - p->from : 0;
    const uint64_t after = tail ? p->to - p->offset - p->bytes : 0;
    unsigned count = 0;
    if (before) {
        iov[count++] = (struct iovec){head, (size_t)before};
    }
    count += block_iov_slice(p->iov, p->count, p->skip, p->bytes, iov + count);
    if (after) {
        iov[count++] = (struct iovec){tail, (size_t)after};
    }
    block_debug_event(n, "write_aio");
    int status = block_node_writev(q->data, p->place + p->offset - before - p->base, iov, count,
                                   before + p->bytes + after, 0);
    mem_free(iov);
    return status;
}

static int fill_part(struct block_node *n, const struct part *p)
{
    struct qcow2 *q = n->state;
    const uint64_t before = p->offset - p->from, after = p->to - p->offset - p->bytes;
    const bool fresh = p->taken && qcow2_is_fresh(q, p->place);
    uint8_t *head = mem_try_alloc((size_t)before + 1), *tail = mem_try_alloc((size_t)after + 1);
    bool head_zero = true, tail_zero = true;
    int status = head && tail ? 0 : -ENOMEM;
    block_debug_event(n, "cow_read");
    if (status == 0) {
        status = read_old(n, p->from, head, before, &head_zero);
    }
    if (status == 0) {
        status = read_old(n, p->offset + p->bytes, tail, after, &tail_zero);
    }
    block_debug_event(n, "cow_write");
    if (status == 0) {
        status = write_merged(n, p, fresh && head_zero ? NULL : head,
                              fresh && tail_zero ? NULL : tail);
        if (status < 0) {
            atomic_set(&q->stale_end, true);
        }
    }
    mem_free(head);
    mem_free(tail);
    return status;
}

/* Where the cluster is going to be, and how much of it is written. */
static int place_part(struct block_node *n, const struct qcow2_entry *e, struct part *p)
{
    const struct qcow2 *q = n->state;
    const bool own = e->placed && e->copied && !e->packed;
    uint64_t got = 1;
    p->base = align_down(p->offset, q->cluster_bytes);
    p->from = align_down(p->offset, q->sub_bytes);
    p->to = align_up(p->offset + p->bytes, q->sub_bytes);
    if (own) {
        const uint64_t last = (p->to - 1 - p->base) / q->sub_bytes;
        p->from = bit(e->alloc, (unsigned)((p->from - p->base) / q->sub_bytes)) ? p->offset
                                                                                : p->from;
        p->to = bit(e->alloc, (unsigned)last) ? p->offset + p->bytes : p->to;
        p->place = e->place;
        return 0;
    }
    if (e->packed || e->alloc) {
        p->from = p->base;
        p->to = p->base + q->cluster_bytes;
    }
    p->taken = true;
    p->place = p->base;
    return q->has_data_file ? 0 : qcow2_alloc_some(n, 1, &p->place, &got);
}

static int write_part(struct block_node *n, const struct qcow2_entry *e, struct part *p)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    int status = place_part(n, e, p);
    if (status < 0) {
        return status;
    }
    block_slow_leave(n);
    status = fill_part(n, p);
    block_slow_enter(n);
    status = status < 0 ? status : qcow2_slice_get(n, p->offset, true, &t);
    os_mutex_lock(&n->tables);
    if (status == 0) {
        /* Subclusters that are not whole here had data before. */
        qcow2_link(n, t, p->from, p->to - p->from, p->place + p->from - p->base);
    } else if (p->taken && !q->has_data_file) {
        qcow2_pool_untake(n, p->place, 1);
    }
    os_mutex_unlock(&n->tables);
    return status;
}

/* ---- writes */

/* One extent of the request; p->bytes becomes how much of it that was. */
static int write_some(struct block_node *n, struct part *p)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    struct qcow2_entry e;
    int status = qcow2_slice_get(n, p->offset, true, &t);
    status = status < 0 || q->has_data_file ? status : qcow2_pool_fill(n);
    if (status < 0) {
        return status;
    }
    struct block_extent x = {.bytes = p->bytes};
    os_mutex_lock(&n->tables);
    qcow2_map(n, p->offset, p->bytes, true, &x);
    qcow2_entry_get(q, t->bytes, qcow2_slice_index(q, p->offset), &e);
    p->bytes = x.bytes < p->bytes ? x.bytes : p->bytes;
    if (x.kind == BLOCK_MAP_WRITE) {
        const uint64_t to_end = q->cluster_bytes - (p->offset & (q->cluster_bytes - 1));
        p->bytes = p->bytes < to_end ? p->bytes : to_end;
        qcow2_bitmaps_mark(q, p->offset, p->bytes);
    }
    os_mutex_unlock(&n->tables);
    if (x.kind == BLOCK_MAP_WRITE && !e.bad) {
        return write_part(n, &e, p);
    }
    if (x.kind != BLOCK_MAP_DATA && x.kind != BLOCK_MAP_NEW) {
        return qcow2_set_corrupt(n, "a cluster is not where clusters are");
    }
    struct iovec *iov = mem_array(p->count, sizeof(*iov));
    const unsigned count = block_iov_slice(p->iov, p->count, p->skip, p->bytes, iov);
    block_slow_leave(n);
    status = block_node_writev(x.node, x.offset, iov, count, p->bytes, 0);
    block_slow_enter(n);
    mem_free(iov);
    if (x.kind == BLOCK_MAP_NEW) {
        os_mutex_lock(&n->tables);
        qcow2_linked(n, p->offset, &x, status);
        os_mutex_unlock(&n->tables);
    }
    return status;
}

int qcow2_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                uint64_t bytes, unsigned flags)
{
    int status = prepare(n);
    (void)flags; /* FUA is a flush, of the core's */
    for (uint64_t done = 0; done < bytes && status == 0;) {
        struct part p = {.offset = offset + done,
                         .bytes = bytes - done,
                         .iov = iov,
                         .count = count,
                         .skip = done};
        status = write_some(n, &p);
        done += p.bytes;
    }
    return status;
}

/* ---- zeros and discards: one entry after another */

enum forget {
    ZERO_KEEP,  /* reads as zeros; the cluster stays */
    ZERO_UNMAP, /* reads as zeros */
    DISCARD,
    DROP, /* the backing file's bytes show through */
};

static bool backing_reaches(const struct block_node *n, uint64_t offset)
{
    return n->backing && offset < block_node_size(n->backing);
}

/* What is put in e's place; false: it stays. */
static bool replaced(const struct block_node *n, enum forget how, const struct qcow2_entry *e,
                     struct qcow2_entry *out)
{
    const struct qcow2 *q = n->state;
    const bool has = e->packed || e->placed;
    const bool keep = q->h.version >= 3 && e->placed && !e->packed &&
                      ((how == ZERO_KEEP) || (how == DISCARD && q->discard_no_unref) ||
                       (how != DROP && (q->h.autoclear & QCOW2_RAW_DATA)));
    *out = keep ? *e : (struct qcow2_entry){0};
    out->alloc = 0;
    const bool zero = q->h.version >= 3 && how != DROP &&
                      (how != DISCARD || keep || n->backing != NULL);
    out->zero = zero ? qcow2_all_subs(q) : 0;
    if (how == DISCARD && (!has || (n->backing && q->h.version < 3))) {
        return false;
    }
    if (how != DROP && !has && e->zero != qcow2_all_subs(q) && q->h.version < 3) {
        return false;
    }
    return memcmp(out, e, sizeof(*e)) != 0;
}

/* The entries of one slice in the range. */
static int forget_slice(struct block_node *n, struct qcow2_table *t, uint64_t offset, uint64_t end,
                        enum forget how)
{
    struct qcow2 *q = n->state;
    const bool pass = how == DISCARD ? q->pass_discard_request : true;
    int status = 0;
    os_mutex_lock(&n->tables);
    for (uint64_t at = offset; at < end; at += q->cluster_bytes) {
        const uint64_t index = qcow2_slice_index(q, at);
        struct qcow2_entry e, with;
        qcow2_entry_get(q, t->bytes, index, &e);
        if (e.bad) {
            status = -EIO;
        } else if (replaced(n, how, &e, &with)) {
            if (!with.placed) {
                qcow2_free_entry(n, &e, pass);
            }
            qcow2_entry_put(q, t->bytes, index, &with);
            qcow2_table_touch(n, &q->l2, t, (uint32_t)(index * q->entry_bytes), q->entry_bytes);
        }
    }
    os_mutex_unlock(&n->tables);
    return status;
}

static int forget(struct block_node *n, uint64_t offset, uint64_t bytes, enum forget how)
{
    struct qcow2 *q = n->state;
    const uint64_t end = offset + bytes;
    const bool makes = (how == ZERO_KEEP || how == ZERO_UNMAP) && q->h.version >= 3;
    int status = prepare(n);
    os_mutex_lock(&n->tables);
    qcow2_bitmaps_mark(q, offset, bytes);
    os_mutex_unlock(&n->tables);
    for (uint64_t at = offset; at < end && status == 0;) {
        uint64_t next = (at | mask64(q->slice_bits)) + 1;
        const uint64_t index = at >> q->l1_bits;
        const bool has = index < q->h.l1_size && (q->l1[index] & QCOW2_OFFSET);
        struct qcow2_table *t = NULL;
        next = next < end ? next : end;
        if (has || (makes && backing_reaches(n, at))) {
            status = qcow2_slice_get(n, at, true, &t);
        }
        if (status == 0 && t) {
            status = forget_slice(n, t, at, next, how);
        }
        status = status < 0 ? status : qcow2_make_room(n);
        at = next;
    }
    return status;
}

int qcow2_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct qcow2 *q = n->state;
    if (q->h.version < 3 && n->backing) {
        return -ENOTSUP;
    }
    if (q->h.autoclear & QCOW2_RAW_DATA) { /* whose readers do not know of the tables */
        int status = prepare(n);
        status = status < 0 ? status : block_node_zero(q->data, offset, bytes, flags);
        if (status < 0) {
            return status;
        }
    }
    return forget(n, offset, bytes, flags & BLOCK_MAY_UNMAP ? ZERO_UNMAP : ZERO_KEEP);
}

int qcow2_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    struct qcow2 *q = n->state;
    if (q->h.autoclear & QCOW2_RAW_DATA) {
        int status = prepare(n);
        os_mutex_lock(&n->tables);
        qcow2_bitmaps_mark(q, offset, bytes);
        os_mutex_unlock(&n->tables);
        return status < 0 ? status : block_node_discard(q->data, offset, bytes);
    }
    return forget(n, offset, bytes, DISCARD);
}

int qcow2_drop(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    return forget(n, offset, bytes, DROP);
}

/* ---- machine state: behind the disk */

int qcow2_state_read(struct block_node *n, uint64_t offset, void *bytes, size_t length)
{
    const struct qcow2 *q = n->state;
    bool zeros = true;
    if (offset > UINT64_C(1) << 40 || length > UINT64_C(1) << 40) {
        return -EINVAL;
    }
    return read_old(n, q->state_base + offset, bytes, length, &zeros);
}

int qcow2_state_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length)
{
    struct qcow2 *q = n->state;
    const struct iovec iov = {(void *)(uintptr_t)bytes, length};
    if (offset > UINT64_C(1) << 40 || length > UINT64_C(1) << 40) {
        return -EFBIG;
    }
    const uint64_t at = q->state_base + offset;
    int status = qcow2_l1_grow(n, qcow2_l1_entries(q, at + length));
    os_mutex_lock(&n->slow);
    status = status < 0 ? status : qcow2_write(n, at, &iov, 1, length, 0);
    os_mutex_unlock(&n->slow);
    return status;
}
