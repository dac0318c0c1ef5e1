/* SPDX-License-Identifier: MIT */
/*
 * Virtqueues: what split and packed rings share, and the split ring.
 * Virtual I/O Device (VIRTIO) 1.2, chapters 2.6 and 2.7.
 *
 * Ring indices are read with acquire and written with release order, and a full fence stands
 * between showing our index and looking at the driver's wish (2.7.7, 2.7.10), so that no
 * notification is lost whichever side is first.
 */
#include "hw/virtio/virtqueue.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/virtio/virtqueue_internal.h"

/* Offsets in the available and used rings (2.7.6, 2.7.8). */
enum {
    RING_FLAGS = 0,
    RING_IDX = 2,
    RING_ENTRIES = 4,
    AVAIL_NO_INTERRUPT = 1,
    USED_NO_NOTIFY = 1,
};

/* ---- helpers for both kinds of ring */

enum virtq_result virtqueue_broken(struct virtqueue *q, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    q->broken = true;
    log_guest(q->who, "bad virtqueue: %s", text);
    return VIRTQ_BROKEN;
}

uint8_t *virtqueue_map_area(struct virtqueue *q, uint64_t a, size_t n, unsigned align)
{
    size_t got = n;
    uint8_t *p = is_aligned(a, align) ? dma_map(q->dma, a, &got, true) : NULL;
    if (!p || got < n) {
        virtqueue_broken(q, "ring at 0x%llx (%zu bytes): not in RAM or not aligned to %u",
                         (unsigned long long)a, n, align);
        return NULL;
    }
    return p;
}

void virtqueue_set16(struct virtqueue *q, uint8_t *p, uint16_t value)
{
    virtq_set16(p, value);
    dma_written(q->dma, p, sizeof(value));
}

/* Adds n bytes at p: to the last piece if they continue it, else as a new one. */
static bool add_piece(struct virtq_chain *c, uint8_t *p, size_t n, bool write)
{
    unsigned used = c->out_count + c->in_count;
    unsigned *count = write ? &c->in_count : &c->out_count;
    struct iovec *last = *count ? &c->iov[used - 1] : NULL;
    *(write ? &c->in_bytes : &c->out_bytes) += n;
    if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
        last->iov_len += n;
        return true;
    }
    if (used == VIRTQ_IOV_MAX) {
        return false;
    }
    if (used == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 8;
        c->iov = mem_resize_array(c->iov, c->cap, sizeof(*c->iov));
    }
    c->iov[used] = (struct iovec){p, n};
    ++*count;
    return true;
}

bool virtq_chain_add(struct virtqueue *q, struct virtq_chain *c, const struct virtq_desc *d)
{
    bool write = d->flags & VIRTQ_DESC_WRITE;
    uint64_t a = d->addr;
    if (!write && c->in_count) {
        virtqueue_broken(q, "a readable buffer follows a writable one");
        return false;
    }
    if (a + d->len < a || c->out_bytes + c->in_bytes + d->len > VIRTQ_CHAIN_BYTES_MAX) {
        virtqueue_broken(q, "chain of more than 4 GiB, or past the end of memory");
        return false;
    }
    for (size_t left = d->len; left > 0;) {
        size_t n = left;
        uint8_t *p = dma_map(q->dma, a, &n, write);
        if (!p) {
            virtqueue_broken(q, "buffer at 0x%llx (%u bytes) is not in RAM",
                             (unsigned long long)d->addr, d->len);
            return false;
        }
        if (!add_piece(c, p, n, write)) {
            virtqueue_broken(q, "chain of more than %u pieces", VIRTQ_IOV_MAX);
            return false;
        }
        a += n;
        left -= n;
    }
    return true;
}

bool virtq_table_open(struct virtqueue *q, struct virtq_table *t, uint64_t a, uint32_t bytes)
{
    size_t n = bytes;
    if (bytes == 0 || bytes % VIRTQ_DESC_BYTES || bytes / VIRTQ_DESC_BYTES > VIRTQ_SIZE_MAX) {
        virtqueue_broken(q, "indirect table of %u bytes", bytes);
        return false;
    }
    t->host = dma_map(q->dma, a, &n, false);
    if (!t->host || n < bytes) {
        virtqueue_broken(q, "indirect table at 0x%llx (%u bytes) is not in RAM",
                         (unsigned long long)a, bytes);
        return false;
    }
    t->count = bytes / VIRTQ_DESC_BYTES;
    t->big_endian = q->big_endian;
    return true;
}

/* ---- split ring */

bool virtq_desc_get(const struct virtq_table *t, unsigned i, struct virtq_desc *d)
{
    if (i >= t->count) {
        return false;
    }
    uint8_t raw[VIRTQ_DESC_BYTES];
    memcpy(raw, t->host + (size_t)i * VIRTQ_DESC_BYTES, sizeof(raw));
    d->addr = t->big_endian ? load_be64(raw) : load_le64(raw);
    d->len = t->big_endian ? load_be32(raw + 8) : load_le32(raw + 8);
    d->flags = t->big_endian ? load_be16(raw + 12) : load_le16(raw + 12);
    d->next = t->big_endian ? load_be16(raw + 14) : load_le16(raw + 14);
    return true;
}

/* Fields of the rings, in the order of a legacy guest that is big-endian too. */
static uint16_t get16(const struct virtqueue *q, const uint8_t *p)
{
    const uint16_t value = virtq_get16(p);
    return unlikely(q->big_endian) ? bswap16(value) : value;
}

static void set16(struct virtqueue *q, uint8_t *p, uint16_t value)
{
    virtqueue_set16(q, p, unlikely(q->big_endian) ? bswap16(value) : value);
}

static void set32(const struct virtqueue *q, uint8_t *p, uint32_t value)
{
    store_le32(p, unlikely(q->big_endian) ? bswap32(value) : value);
}

static uint16_t avail_idx(const struct virtqueue *q)
{
    return get16(q, q->driver + RING_IDX);
}

static bool split_map(struct virtqueue *q)
{
    const struct virtqueue_state *s = q->s;
    if (!is_pow2(s->size)) {
        virtqueue_broken(q, "split ring of %u entries: not a power of two", s->size);
        return false;
    }
    size_t entries = s->size;
    q->desc = virtqueue_map_area(q, s->desc, VIRTQ_DESC_BYTES * entries, 16);
    q->driver = q->desc ? virtqueue_map_area(q, s->driver, 6 + 2 * entries, 2) : NULL;
    q->device = q->driver ? virtqueue_map_area(q, s->device, 6 + 8 * entries, 4) : NULL;
    return q->device != NULL;
}

/* Follows the chain from entry head on. Every step is in the table, and there are at most as many
 * as it has entries. */
static bool split_walk(struct virtqueue *q, struct virtq_chain *c, unsigned head)
{
    struct virtq_table t = {q->desc, q->s->size, q->big_endian};
    struct virtq_desc d;
    bool inside = false; /* an indirect table */
    unsigned at = head;
    for (unsigned steps = 0;; steps++) {
        if (steps >= t.count || !virtq_desc_get(&t, at, &d)) {
            virtqueue_broken(q, "chain with a loop, or a link out of its table");
            return false;
        }
        if (d.flags & VIRTQ_DESC_INDIRECT) {
            if (inside || !q->indirect || (d.flags & VIRTQ_DESC_NEXT)) {
                virtqueue_broken(q, "indirect descriptor where there must be none");
                return false;
            }
            if (!virtq_table_open(q, &t, d.addr, d.len)) {
                return false;
            }
            inside = true;
            at = 0;
            steps = UINT32_MAX; /* 0 after the increment */
            continue;
        }
        if (!virtq_chain_add(q, c, &d)) {
            return false;
        }
        if (!(d.flags & VIRTQ_DESC_NEXT)) {
            return true;
        }
        at = d.next;
    }
}

static enum virtq_result split_pop(struct virtqueue *q, struct virtq_chain *c)
{
    struct virtqueue_state *s = q->s;
    uint16_t waiting = (uint16_t)(avail_idx(q) - s->last_avail);
    if (waiting == 0) {
        return VIRTQ_EMPTY;
    }
    if (waiting > s->size) {
        return virtqueue_broken(q, "%u chains offered in a ring of %u", waiting, s->size);
    }
    uint16_t head = get16(q, q->driver + RING_ENTRIES + 2 * (s->last_avail & (s->size - 1)));
    c->id = head;
    c->descriptors = 1;
    if (!split_walk(q, c, head)) {
        return VIRTQ_BROKEN;
    }
    s->last_avail++;
    return VIRTQ_OK;
}

static void split_push(struct virtqueue *q, const struct virtq_chain *c, uint32_t written)
{
    unsigned at = (uint16_t)(q->s->used + q->batch_entries) & (q->s->size - 1);
    uint8_t *entry = q->device + RING_ENTRIES + 8 * at;
    set32(q, entry, c->id);
    set32(q, entry + 4, written);
    dma_written(q->dma, entry, 8);
    q->batch_entries++;
}

static void split_publish(struct virtqueue *q)
{
    q->s->used += q->batch_entries;
    set16(q, q->device + RING_IDX, q->s->used);
}

static bool split_should_signal(struct virtqueue *q)
{
    struct virtqueue_state *s = q->s;
    if (q->notify_on_empty && s->in_flight == 0 && avail_idx(q) == s->last_avail) {
        s->signalled = s->used;
        return true;
    }
    if (!q->event_idx) {
        return !(get16(q, q->driver + RING_FLAGS) & AVAIL_NO_INTERRUPT);
    }
    uint16_t event = get16(q, q->driver + RING_ENTRIES + 2 * s->size);
    uint16_t news = (uint16_t)(s->used - s->signalled);
    s->signalled = s->used;
    /* 2.7.7.2: the driver asks for the entry after which used is event + 1. */
    return (uint16_t)(s->used - event - 1) < news;
}

static void split_notify(struct virtqueue *q, bool on)
{
    if (!q->event_idx) {
        set16(q, q->device + RING_FLAGS, on ? 0 : USED_NO_NOTIFY);
    } else if (on) {
        /* The next chain that comes: what is there already has been looked at, and left. */
        set16(q, q->device + RING_ENTRIES + 8 * q->s->size, avail_idx(q));
    } /* else: the driver has passed the last event index, and stays silent */
}

static bool split_has_work(const struct virtqueue *q)
{
    return avail_idx(q) != q->s->last_avail;
}

/* ---- either kind */

const struct field virtqueue_fields[] = {
    FIELD(virtqueue_state, desc),
    FIELD(virtqueue_state, driver),
    FIELD(virtqueue_state, device),
    FIELD_MOST(virtqueue_state, size, VIRTQ_SIZE_MAX),
    FIELD(virtqueue_state, vector),
    FIELD(virtqueue_state, last_avail),
    FIELD(virtqueue_state, used),
    FIELD(virtqueue_state, signalled),
    FIELD_MOST(virtqueue_state, in_flight, 2 * VIRTQ_SIZE_MAX),
    FIELD(virtqueue_state, enabled),
    FIELD(virtqueue_state, avail_wrap),
    FIELD(virtqueue_state, used_wrap),
    FIELD_SKIP(virtqueue_state, pad),
    FIELD_END,
};

bool virtqueue_check(const struct virtqueue *q, bool packed, struct error *e)
{
    const struct virtqueue_state *s = q->s;
    if (s->size < 1 || s->size > q->size_max) {
        return error_set(e, "it has %u entries, and 1 to %u are possible", s->size, q->size_max);
    }
    if (packed && (s->last_avail >= s->size || s->used >= s->size)) {
        return error_set(e, "its positions, %u and %u, are not within its %u entries",
                         s->last_avail, s->used, s->size);
    }
    return true;
}

bool virtqueue_start(struct virtqueue *q)
{
    struct error e;
    q->batch_chains = q->batch_entries = 0;
    q->broken = false;
    if (!virtqueue_check(q, q->packed, &e)) {
        virtqueue_broken(q, "%s", e.text);
        return false;
    }
    return q->packed ? packed_map(q) : split_map(q);
}

void virtqueue_reset(struct virtqueue *q)
{
    *q->s = (struct virtqueue_state){
        .size = q->size_usual,
        .vector = VIRTQ_NO_VECTOR,
        .avail_wrap = true,
        .used_wrap = true,
    };
    q->packed = q->event_idx = q->indirect = q->notify_on_empty = q->broken = q->big_endian = false;
    q->desc = q->driver = q->device = NULL;
    q->batch_chains = q->batch_entries = 0;
}

enum virtq_result virtqueue_pop(struct virtqueue *q, struct virtq_chain *c)
{
    c->out_count = c->in_count = 0;
    c->out_bytes = c->in_bytes = 0;
    if (unlikely(q->broken || !q->device)) {
        return VIRTQ_BROKEN;
    }
    enum virtq_result r = q->packed ? packed_pop(q, c) : split_pop(q, c);
    if (r == VIRTQ_OK) {
        /* Of a driver that keeps to the rules no more than the ring holds. */
        q->s->in_flight += c->descriptors;
        if (q->s->in_flight > q->s->size) {
            return virtqueue_broken(q, "buffers offered again before they were given back");
        }
    }
    return r;
}

void virtqueue_unpop(struct virtqueue *q, const struct virtq_chain *c)
{
    q->s->in_flight -= c->descriptors;
    if (q->packed) {
        packed_unpop(q, c);
    } else {
        q->s->last_avail--;
    }
}

/* The device has written so many bytes from the first writable one on. */
static void unmap_written(struct virtqueue *q, const struct virtq_chain *c, uint32_t written)
{
    for (unsigned i = 0; i < c->in_count && written; i++) {
        const struct iovec *v = &c->iov[c->out_count + i];
        const uint32_t n = v->iov_len < written ? (uint32_t)v->iov_len : written;
        dma_unmap(q->dma, v->iov_base, n);
        written -= n;
    }
}

void virtqueue_push(struct virtqueue *q, const struct virtq_chain *c, uint32_t written)
{
    if (unlikely(q->broken)) {
        return;
    }
    unmap_written(q, c, written);
    if (q->packed) {
        packed_push(q, c, written);
    } else {
        split_push(q, c, written);
    }
    q->batch_chains++;
}

void virtqueue_publish(struct virtqueue *q)
{
    if (q->batch_chains == 0 || q->broken) {
        return;
    }
    q->s->in_flight -= q->batch_entries;
    if (q->packed) {
        packed_publish(q);
    } else {
        split_publish(q);
    }
    q->batch_chains = q->batch_entries = 0;
}

bool virtqueue_should_signal(struct virtqueue *q)
{
    if (q->broken) {
        return false;
    }
    atomic_fence();
    return q->packed ? packed_should_signal(q) : split_should_signal(q);
}

void virtqueue_notify_off(struct virtqueue *q)
{
    if (!q->broken && q->device) {
        if (q->packed) {
            packed_notify(q, false);
        } else {
            split_notify(q, false);
        }
    }
}

bool virtqueue_notify_on(struct virtqueue *q)
{
    if (q->broken || !q->device) {
        return false;
    }
    if (q->packed) {
        packed_notify(q, true);
    } else {
        split_notify(q, true);
    }
    atomic_fence();
    return q->packed ? packed_has_work(q) : split_has_work(q);
}

/* ---- chains */

void virtq_chain_free(struct virtq_chain *c)
{
    mem_free(c->iov);
    *c = (struct virtq_chain){0};
}

size_t virtq_iov_copy(const struct iovec *iov, unsigned count, uint64_t offset, void *bytes,
                      size_t n, bool to_iov)
{
    size_t done = 0;
    for (unsigned i = 0; i < count && done < n; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        size_t piece = iov[i].iov_len - (size_t)offset;
        piece = piece < n - done ? piece : n - done;
        uint8_t *at = (uint8_t *)iov[i].iov_base + offset;
        if (to_iov) {
            memcpy(at, (uint8_t *)bytes + done, piece);
        } else {
            memcpy((uint8_t *)bytes + done, at, piece);
        }
        done += piece;
        offset = 0;
    }
    return done;
}

size_t virtq_chain_read(const struct virtq_chain *c, uint64_t offset, void *bytes, size_t n)
{
    return virtq_iov_copy(c->iov, c->out_count, offset, bytes, n, false);
}

size_t virtq_chain_write(const struct virtq_chain *c, uint64_t offset, const void *bytes, size_t n)
{
    return virtq_iov_copy(c->iov + c->out_count, c->in_count, offset, (void *)(uintptr_t)bytes, n,
                          true);
}

struct iovec *virtq_trim_front(struct iovec *iov, unsigned *count, size_t n)
{
    while (*count && n >= iov->iov_len) {
        n -= iov->iov_len;
        iov++;
        --*count;
    }
    if (*count && n) {
        iov->iov_base = (uint8_t *)iov->iov_base + n;
        iov->iov_len -= n;
    }
    return iov;
}
