/* SPDX-License-Identifier: MIT */
/*
 * The legacy interface of virtio devices, for drivers from before version 1 of the specification:
 * VIRTIO 1.2, the sections "Legacy Interface" of chapters 2 to 4, and "Virtio PCI Card
 * Specification" 0.9.5. What its registers do on either transport is here; the transports say where
 * they are.
 *
 * Such a driver agrees on features without a word about it, tells one address of a queue, from
 * which the places of its three parts follow, and may use it before it says that it is ready: then
 * the device begins with the first doorbell. A device that is driven so has not accepted
 * VIRTIO_F_VERSION_1. Its rings, headers and configuration are in the byte order that its guest has
 * when it resets the device.
 */
#include "hw/virtio/virtio_internal.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "cpu/cpu.h"

static uint64_t offered(const struct virtio_device *v)
{
    const uint64_t modern = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_PACKED;
    const uint64_t added = VIRTIO_F_NOTIFY_ON_EMPTY | VIRTIO_F_ANY_LAYOUT | v->legacy_only;
    return ((v->offered & ~modern) | added) & ~v->cls->legacy_absent;
}

bool virtio_is_legacy(const struct virtio_device *v)
{
    return v->legacy && !(v->accepted & VIRTIO_F_VERSION_1);
}

uint32_t virtio_legacy_features(const struct virtio_device *v)
{
    return (uint32_t)offered(v);
}

void virtio_legacy_set_features(struct virtio_device *v, uint32_t value)
{
    if (v->running) {
        log_guest(v->cls->name, "features written to a device that runs");
    } else {
        v->accepted = value;
    }
}

bool virtio_legacy_features_good(const struct virtio_device *v)
{
    return v->legacy && !(v->accepted & ~offered(v));
}

/* The driver agrees by going on; bits that were not offered count for nothing. */
static void begin(struct virtio_device *v)
{
    if (v->running) {
        return;
    }
    if (v->accepted & ~offered(v)) {
        log_guest(v->cls->name, "features 0x%llx accepted, but not offered",
                  (unsigned long long)(v->accepted & ~offered(v)));
        v->accepted &= offered(v);
    }
    if (v->cls->negotiated) {
        v->cls->negotiated(v);
    }
    virtio_start(v);
}

void virtio_legacy_set_status(struct virtio_device *v, uint32_t status)
{
    if (status == 0) {
        const struct vcpu *by = vcpu_current();
        virtio_reset(v);
        v->guest_big_endian = by && vcpu_big_endian(by);
        return;
    }
    const uint32_t ours = VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FEATURES_OK;
    const uint32_t news = status & 0xff & ~ours & ~atomic_get(&v->status);
    atomic_or(&v->status, news);
    if (news & VIRTIO_STATUS_DRIVER_OK) {
        begin(v);
        virtio_ring_all(v);
    }
}

/* Where the parts of the selected queue are (2.6.2): one behind the other, the used ring aligned.
 */
static void set_places(struct virtqueue_state *s, uint64_t base, uint32_t align)
{
    s->desc = base;
    s->driver = base + UINT64_C(16) * s->size;
    s->device = align_up(s->driver + 6 + UINT64_C(2) * s->size, align);
}

void virtio_legacy_set_pfn(struct virtio_device *v, uint32_t pfn, uint32_t page_bytes,
                           uint32_t align)
{
    struct virtqueue *q = virtio_selected(v);
    const bool ran = v->running;
    if (!q) {
        log_guest(v->cls->name, "set-up of queue %u, which does not exist", v->queue_select);
        return;
    }
    if (pfn == 0) {
        virtio_reset(v);
        return;
    }
    if (!is_pow2(page_bytes) || !is_pow2(align)) {
        log_guest(v->cls->name, "queue %u: pages of %u bytes, aligned to %u", v->queue_select,
                  page_bytes, align);
        return;
    }
    /* The device looks at its queues when it begins. */
    if (ran) {
        virtio_stop(v);
    }
    set_places(q->s, (uint64_t)pfn * page_bytes, align);
    q->s->enabled = true;
    if (ran) {
        virtio_start(v);
    }
}

uint16_t virtio_load16(const struct virtio_device *v, const void *p)
{
    return virtio_swaps(v) ? load_be16(p) : load_le16(p);
}

uint32_t virtio_load32(const struct virtio_device *v, const void *p)
{
    return virtio_swaps(v) ? load_be32(p) : load_le32(p);
}

uint64_t virtio_load64(const struct virtio_device *v, const void *p)
{
    return virtio_swaps(v) ? load_be64(p) : load_le64(p);
}

void virtio_store16(const struct virtio_device *v, void *p, uint16_t value)
{
    store_le16(p, virtio_swaps(v) ? bswap16(value) : value);
}

void virtio_store32(const struct virtio_device *v, void *p, uint32_t value)
{
    store_le32(p, virtio_swaps(v) ? bswap32(value) : value);
}

uint32_t virtio_legacy_pfn(struct virtio_device *v, uint32_t page_bytes)
{
    const struct virtqueue *q = virtio_selected(v);
    return q && q->s->enabled && page_bytes ? (uint32_t)(q->s->desc / page_bytes) : 0;
}

bool virtio_legacy_begin(struct virtio_device *v, unsigned queue)
{
    os_mutex_lock(&v->lock);
    const bool modern = atomic_get(&v->status) & VIRTIO_STATUS_FEATURES_OK;
    if (virtio_is_legacy(v) && !modern && v->queue[queue].s->enabled) {
        begin(v);
    }
    const bool running = v->running;
    os_mutex_unlock(&v->lock);
    return running;
}
