/* SPDX-License-Identifier: MIT */
/*
 * The packed ring: one array of descriptors that driver and device both write.
 * Virtual I/O Device (VIRTIO) 1.2, chapter 2.8.
 *
 * A descriptor is available when its AVAIL bit equals the driver's wrap counter and USED does not,
 * and used when both equal the device's. A batch is shown to the driver by writing the flags of
 * its first entry last (2.8.21): the driver looks at entries in order and stops there until then.
 */
#include "hw/virtio/virtqueue_internal.h"

#include <assert.h>

/* Fields of a descriptor, and of an event suppression structure (2.8.13, 2.8.14). */
enum {
    DESC_ADDR = 0,
    DESC_LEN = 8,
    DESC_ID = 12,
    DESC_FLAGS = 14,

    EVENT_OFF_WRAP = 0,
    EVENT_FLAGS = 2,
    EVENT_BYTES = 4,
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_DESC = 2,
};

static uint8_t *entry_at(const struct virtqueue *q, unsigned i)
{
    return q->desc + (size_t)i * VIRTQ_DESC_BYTES;
}

static uint16_t wrap_flags(bool wrap)
{
    return wrap ? VIRTQ_DESC_AVAIL | VIRTQ_DESC_USED : 0;
}

static bool is_available(uint16_t flags, bool wrap)
{
    bool avail = flags & VIRTQ_DESC_AVAIL, used = flags & VIRTQ_DESC_USED;
    return avail == wrap && used != wrap;
}

static void read_desc(const uint8_t *p, struct virtq_desc *d)
{
    d->addr = load_le64(p + DESC_ADDR);
    d->len = load_le32(p + DESC_LEN);
    d->id = load_le16(p + DESC_ID);
    d->flags = load_le16(p + DESC_FLAGS);
}

bool packed_map(struct virtqueue *q)
{
    const struct virtqueue_state *s = q->s;
    q->desc = virtqueue_map_area(q, s->desc, (size_t)VIRTQ_DESC_BYTES * s->size, 16);
    q->driver = q->desc ? virtqueue_map_area(q, s->driver, EVENT_BYTES, 4) : NULL;
    q->device = q->driver ? virtqueue_map_area(q, s->device, EVENT_BYTES, 4) : NULL;
    return q->device != NULL;
}

bool packed_has_work(const struct virtqueue *q)
{
    return is_available(virtq_get16(entry_at(q, q->s->last_avail) + DESC_FLAGS), q->s->avail_wrap);
}

/* The buffers of an indirect table, which lie in order (2.8.7): only WRITE of their flags counts.
 */
static bool add_table(struct virtqueue *q, struct virtq_chain *c, const struct virtq_desc *d)
{
    struct virtq_table t;
    if (!q->indirect || (d->flags & VIRTQ_DESC_NEXT)) {
        virtqueue_broken(q, "indirect descriptor where there must be none");
        return false;
    }
    if (!virtq_table_open(q, &t, d->addr, d->len)) {
        return false;
    }
    for (unsigned i = 0; i < t.count; i++) {
        struct virtq_desc piece;
        read_desc(t.host + (size_t)i * VIRTQ_DESC_BYTES, &piece);
        if (!virtq_chain_add(q, c, &piece)) {
            return false;
        }
    }
    return true;
}

static void advance(const struct virtqueue_state *s, uint16_t *at, bool *wrap, unsigned n)
{
    unsigned next = *at + n;
    if (next >= s->size) {
        next -= s->size;
        *wrap = !*wrap;
    }
    *at = (uint16_t)next;
}

enum virtq_result packed_pop(struct virtqueue *q, struct virtq_chain *c)
{
    struct virtqueue_state *s = q->s;
    if (!packed_has_work(q)) {
        return VIRTQ_EMPTY;
    }
    struct virtq_desc d;
    unsigned n = 0, at = s->last_avail;
    do {
        if (n == s->size) {
            return virtqueue_broken(q, "chain longer than the ring");
        }
        read_desc(entry_at(q, at), &d);
        if (d.flags & VIRTQ_DESC_INDIRECT) {
            if (n > 0) {
                return virtqueue_broken(q, "indirect descriptor where there must be none");
            }
            if (!add_table(q, c, &d)) {
                return VIRTQ_BROKEN;
            }
        } else if (!virtq_chain_add(q, c, &d)) {
            return VIRTQ_BROKEN;
        }
        n++;
        at = at + 1 < s->size ? at + 1 : 0;
    } while (d.flags & VIRTQ_DESC_NEXT);
    c->id = d.id; /* 2.8.6: of the last descriptor */
    c->descriptors = (uint16_t)n;
    advance(s, &s->last_avail, &s->avail_wrap, n);
    return VIRTQ_OK;
}

void packed_unpop(struct virtqueue *q, const struct virtq_chain *c)
{
    struct virtqueue_state *s = q->s;
    if (s->last_avail < c->descriptors) {
        s->last_avail += s->size;
        s->avail_wrap = !s->avail_wrap;
    }
    s->last_avail -= c->descriptors;
}

void packed_push(struct virtqueue *q, const struct virtq_chain *c, uint32_t written)
{
    struct virtqueue_state *s = q->s;
    uint8_t *entry = entry_at(q, s->used);
    uint16_t flags = wrap_flags(s->used_wrap) | (written ? VIRTQ_DESC_WRITE : 0);
    store_le32(entry + DESC_LEN, written);
    store_le16(entry + DESC_ID, c->id);
    if (q->batch_chains == 0) {
        q->first = s->used;
        q->first_flags = flags;
    } else {
        virtq_set16(entry + DESC_FLAGS, flags);
    }
    dma_written(q->dma, entry, VIRTQ_DESC_BYTES);
    q->batch_entries += c->descriptors;
    advance(s, &s->used, &s->used_wrap, c->descriptors);
}

void packed_publish(struct virtqueue *q)
{
    struct virtqueue_state *s = q->s;
    virtqueue_set16(q, entry_at(q, q->first) + DESC_FLAGS, q->first_flags);
    unsigned news = s->signalled + q->batch_entries;
    s->signalled = (uint16_t)(news < 2u * s->size ? news : 2u * s->size);
}

/* A position in the ring together with its wrap counter, counted over two rounds. */
static unsigned position(const struct virtqueue_state *s, unsigned at, bool wrap)
{
    return wrap ? at : at + s->size;
}

bool packed_should_signal(struct virtqueue *q)
{
    struct virtqueue_state *s = q->s;
    unsigned flags = virtq_get16(q->driver + EVENT_FLAGS) & 3;
    unsigned news = s->signalled;
    s->signalled = 0;
    if (flags != EVENT_DESC || !q->event_idx) {
        return flags != EVENT_DISABLE && news > 0;
    }
    uint16_t off_wrap = virtq_get16(q->driver + EVENT_OFF_WRAP);
    unsigned round = 2u * s->size;
    unsigned event = position(s, off_wrap & 0x7fffu, off_wrap >> 15);
    unsigned now = position(s, s->used, s->used_wrap);
    /* An offset out of the ring asks for an entry that never comes. */
    unsigned distance = event < round ? (now + round - event) % round : 0;
    return distance >= 1 && distance <= news;
}

void packed_notify(struct virtqueue *q, bool on)
{
    struct virtqueue_state *s = q->s;
    /* Where the next chain will be is not known while some are left lying. */
    if (on && q->event_idx && !packed_has_work(q)) {
        virtqueue_set16(q, q->device + EVENT_OFF_WRAP,
                        (uint16_t)(s->last_avail | (s->avail_wrap ? 1u << 15 : 0)));
        virtqueue_set16(q, q->device + EVENT_FLAGS, EVENT_DESC);
    } else {
        virtqueue_set16(q, q->device + EVENT_FLAGS, on ? EVENT_ENABLE : EVENT_DISABLE);
    }
}
