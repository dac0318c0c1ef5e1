/* SPDX-License-Identifier: MIT */
/* The core of virtio devices: VIRTIO 1.2, chapters 2 (status, features, notifications) and 3. */
#include "hw/virtio/virtio_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"

const char *const virtio_on_off_auto[] = {"on", "off", "auto", NULL};

/* ---- life */

unsigned virtio_queue_add(struct virtio_device *v, unsigned size)
{
    assert(v->queue_count < VIRTIO_QUEUES_MAX && size >= 1 && size <= VIRTQ_SIZE_MAX);
    unsigned n = v->queue_count++;
    struct virtqueue *q = &v->queue[n];
    q->s = &v->queue_state[n];
    q->dma = &v->pci.dev.dma;
    q->who = v->cls->name;
    q->size_usual = (uint16_t)size;
    q->size_max = v->transport && v->transport->queue_max ? (uint16_t)v->transport->queue_max
                                                          : (uint16_t)size;
    virtqueue_reset(q);
    return n;
}

bool virtio_create(struct virtio_device *v, const struct virtio_class *c, struct error *e)
{
    uint64_t features = 0;
    v->cls = c;
    os_mutex_init(&v->lock);
    os_mutex_init(&v->work_lock);
    os_mutex_init(&v->leaf);
    v->config_vector = VIRTQ_NO_VECTOR;
    if (!c->create(v, &features, e)) {
        v->queue_count = 0;
        os_mutex_destroy(&v->lock);
        os_mutex_destroy(&v->work_lock);
        os_mutex_destroy(&v->leaf);
        return false;
    }
    v->offered = features | VIRTIO_F_VERSION_1;
    v->offered |= v->prop_indirect ? VIRTIO_F_INDIRECT_DESC : 0;
    v->offered |= v->prop_event_idx ? VIRTIO_F_EVENT_IDX : 0;
    v->offered |= v->prop_packed ? VIRTIO_F_RING_PACKED : 0;
    v->offered |= v->prop_iommu_platform ? VIRTIO_F_ACCESS_PLATFORM : 0;
    return true;
}

void virtio_stop(struct virtio_device *v)
{
    if (v->running) {
        os_mutex_lock(&v->work_lock);
        atomic_set(&v->running, false);
        os_mutex_unlock(&v->work_lock);
        if (v->cls->stop) {
            v->cls->stop(v);
        }
    }
}

void virtio_destroy(struct virtio_device *v)
{
    virtio_stop(v);
    if (v->cls->destroy) {
        v->cls->destroy(v);
    }
    os_mutex_destroy(&v->lock);
    os_mutex_destroy(&v->work_lock);
    os_mutex_destroy(&v->leaf);
}

void virtio_reset(struct virtio_device *v)
{
    virtio_stop(v);
    for (unsigned i = 0; i < v->queue_count; i++) {
        virtqueue_reset(&v->queue[i]);
    }
    v->accepted = 0;
    v->feature_select = v->driver_feature_select = v->queue_select = 0;
    v->config_vector = VIRTQ_NO_VECTOR;
    os_mutex_lock(&v->leaf);
    atomic_set(&v->status, 0);
    v->isr = 0;
    if (v->transport) {
        v->transport->reset(v);
    }
    os_mutex_unlock(&v->leaf);
    if (v->cls->reset) {
        v->cls->reset(v);
    }
}

bool virtio_check_iothread(struct virtio_device *v, const char *id, struct error *e)
{
    const struct machine_backends *b = &v->pci.dev.machine->backends;
    return !id || !b->iothread || b->iothread(b->opaque, id, e);
}

/* ---- status and features */

uint32_t virtio_features_read(const struct virtio_device *v, uint32_t select)
{
    return select < 2 ? (uint32_t)(v->offered >> 32 * select) : 0;
}

void virtio_features_write(struct virtio_device *v, uint32_t select, uint32_t value)
{
    if (v->status & VIRTIO_STATUS_FEATURES_OK) {
        log_guest(v->cls->name, "features written after FEATURES_OK");
    } else if (select < 2) {
        unsigned at = 32 * select;
        v->accepted = deposit64(v->accepted, at + 31, at, value);
    } else if (value) {
        log_guest(v->cls->name, "feature bits 0x%x of word %u accepted, but not offered", value,
                  select);
    }
}

static bool features_good(struct virtio_device *v)
{
    if (v->accepted & ~v->offered) {
        log_guest(v->cls->name, "features 0x%llx accepted, but not offered",
                  (unsigned long long)(v->accepted & ~v->offered));
        return false;
    }
    if (!(v->accepted & VIRTIO_F_VERSION_1)) {
        log_guest(v->cls->name, "VIRTIO_F_VERSION_1 not accepted: this is not the interface of "
                                "legacy drivers");
        return false;
    }
    return true;
}

void virtio_start(struct virtio_device *v)
{
    for (unsigned i = 0; i < v->queue_count; i++) {
        struct virtqueue *q = &v->queue[i];
        q->packed = virtio_has(v, VIRTIO_F_RING_PACKED);
        q->event_idx = virtio_has(v, VIRTIO_F_EVENT_IDX);
        q->indirect = virtio_has(v, VIRTIO_F_INDIRECT_DESC);
        q->big_endian = virtio_swaps(v);
        q->notify_on_empty = virtio_is_legacy(v) && virtio_has(v, VIRTIO_F_NOTIFY_ON_EMPTY);
        if (q->s->enabled && !virtqueue_start(q)) {
            virtio_broken(v, "queue %u cannot be used", i);
        }
    }
    if (v->cls->start) {
        v->cls->start(v);
    }
    os_mutex_lock(&v->work_lock);
    atomic_set(&v->running, true);
    os_mutex_unlock(&v->work_lock);
}

void virtio_ring_all(struct virtio_device *v)
{
    for (unsigned i = 0; i < v->queue_count; i++) {
        if (v->queue[i].s->enabled) {
            virtio_notify(v, i);
        }
    }
}

void virtio_set_status(struct virtio_device *v, uint32_t status)
{
    if (status == 0) {
        virtio_reset(v);
        return;
    }
    /* 2.1.1: the driver does not clear bits, and does not set NEEDS_RESET. */
    uint32_t old = atomic_get(&v->status);
    uint32_t news = status & 0xff & ~old & ~(uint32_t)VIRTIO_STATUS_NEEDS_RESET;
    if ((news & VIRTIO_STATUS_FEATURES_OK) && !features_good(v)) {
        news &= ~(uint32_t)VIRTIO_STATUS_FEATURES_OK;
    }
    if ((news & VIRTIO_STATUS_DRIVER_OK) && !((old | news) & VIRTIO_STATUS_FEATURES_OK)) {
        log_guest(v->cls->name, "DRIVER_OK without FEATURES_OK");
        news &= ~(uint32_t)VIRTIO_STATUS_DRIVER_OK;
    }
    atomic_or(&v->status, news);
    if ((news & VIRTIO_STATUS_FEATURES_OK) && v->cls->negotiated) {
        v->cls->negotiated(v);
    }
    if (news & VIRTIO_STATUS_DRIVER_OK) {
        virtio_start(v);
        virtio_ring_all(v); /* what the driver offered before it was ready */
    }
}

void virtio_broken(struct virtio_device *v, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_guest(v->cls->name, "%s: the device needs a reset", text);
    uint32_t old = atomic_or(&v->status, VIRTIO_STATUS_NEEDS_RESET);
    /* 2.1.2: told to a driver that is ready, once. */
    if ((old & VIRTIO_STATUS_DRIVER_OK) && !(old & VIRTIO_STATUS_NEEDS_RESET)) {
        os_mutex_lock(&v->leaf);
        v->transport->config_interrupt(v);
        os_mutex_unlock(&v->leaf);
    }
}

/* ---- configuration space */

/* Where the driver finds byte `at`: in a field that is in another order than ours, mirrored. */
static unsigned mirrored(const struct virtio_device *v, unsigned at)
{
    const uint8_t *field = virtio_swaps(v) ? v->cls->config_fields : NULL;
    for (unsigned start = 0; field && *field; start += *field++) {
        if (at < start + *field) {
            return start + *field - 1 - (at - start);
        }
    }
    return at;
}

uint64_t virtio_config_load(struct virtio_device *v, unsigned offset, unsigned size)
{
    uint8_t bytes[8] = {0};
    os_mutex_lock(&v->leaf);
    for (unsigned i = 0; i < size && offset + i < v->config_bytes; i++) {
        bytes[i] = v->config[mirrored(v, offset + i)];
    }
    os_mutex_unlock(&v->leaf);
    return load_le(bytes, size);
}

void virtio_config_store(struct virtio_device *v, unsigned offset, uint64_t value, unsigned size)
{
    bool changes = false;
    os_mutex_lock(&v->leaf);
    for (unsigned i = 0; i < size && offset + i < v->config_bytes; i++) {
        const unsigned at = mirrored(v, offset + i);
        uint8_t w = v->config_writable[at];
        uint8_t *c = &v->config[at];
        *c = (uint8_t)((*c & ~w) | ((value >> 8 * i) & w));
        changes = changes || w;
    }
    os_mutex_unlock(&v->leaf);
    if (!changes) {
        log_guest(v->cls->name, "write to read-only configuration bytes at 0x%x", offset);
    } else if (v->cls->config_written) {
        v->cls->config_written(v, offset, size);
    }
}

uint32_t virtio_generation(struct virtio_device *v)
{
    os_mutex_lock(&v->leaf);
    uint32_t g = v->generation;
    os_mutex_unlock(&v->leaf);
    return g;
}

void virtio_config_update(struct virtio_device *v, unsigned offset, const void *bytes, size_t n)
{
    assert(offset + n <= sizeof(v->config));
    os_mutex_lock(&v->leaf);
    if (memcmp(v->config + offset, bytes, n) != 0) {
        memcpy(v->config + offset, bytes, n);
        v->generation++;
        if (atomic_get(&v->status) & VIRTIO_STATUS_DRIVER_OK) {
            v->transport->config_interrupt(v);
        }
    }
    os_mutex_unlock(&v->leaf);
}

/* ---- queues */

struct virtqueue *virtio_selected(struct virtio_device *v)
{
    return v->queue_select < v->queue_count ? &v->queue[v->queue_select] : NULL;
}

/* The selected queue, if the driver may set it up now. */
static struct virtqueue *selected_to_set_up(struct virtio_device *v)
{
    struct virtqueue *q = virtio_selected(v);
    if (!q || q->s->enabled) {
        log_guest(v->cls->name, "set-up of queue %u, which %s", v->queue_select,
                  q ? "is enabled" : "does not exist");
        return NULL;
    }
    return q;
}

void virtio_queue_set_size(struct virtio_device *v, uint32_t size)
{
    struct virtqueue *q = selected_to_set_up(v);
    if (q && size >= 1 && size <= q->size_max) {
        q->s->size = (uint16_t)size;
    } else if (q) {
        log_guest(v->cls->name, "queue %u: size %u is not in 1..%u", v->queue_select, size,
                  q->size_max);
    }
}

void virtio_queue_set_address(struct virtio_device *v, enum virtio_area area, bool high,
                              uint32_t value)
{
    struct virtqueue *q = selected_to_set_up(v);
    if (q) {
        uint64_t *a = area == VIRTIO_AREA_DESC     ? &q->s->desc
                      : area == VIRTIO_AREA_DRIVER ? &q->s->driver
                                                   : &q->s->device;
        *a = high ? deposit64(*a, 63, 32, value) : deposit64(*a, 31, 0, value);
    }
}

void virtio_queue_enable(struct virtio_device *v, bool enable)
{
    struct virtqueue *q = virtio_selected(v);
    if (!q || !enable || (v->status & VIRTIO_STATUS_DRIVER_OK)) {
        /* 4.1.4.3.2: a queue is disabled by a reset only, and enabled before DRIVER_OK. */
        if (!q || enable != q->s->enabled) {
            log_guest(v->cls->name, "queue %u cannot be %s now", v->queue_select,
                      enable ? "enabled" : "disabled");
        }
        return;
    }
    q->s->enabled = true;
}

void virtio_notify(struct virtio_device *v, unsigned queue)
{
    if (queue >= v->queue_count) {
        log_guest(v->cls->name, "notification of queue %u of %u", queue, v->queue_count);
    } else if (atomic_get(&v->running) || (v->legacy && virtio_legacy_begin(v, queue))) {
        v->cls->notify(v, queue);
    }
}

enum virtq_result virtio_pop(struct virtio_device *v, unsigned queue, struct virtq_chain *c)
{
    struct virtqueue *q = &v->queue[queue];
    bool known = q->broken || !q->device;
    enum virtq_result r = virtqueue_pop(q, c);
    if (r == VIRTQ_BROKEN && !known) {
        virtio_broken(v, "queue %u is broken", queue);
    }
    return r;
}

void virtio_complete(struct virtio_device *v, unsigned queue, const struct virtq_chain *c,
                     uint32_t written)
{
    virtqueue_push(&v->queue[queue], c, written);
}

void virtio_complete_end(struct virtio_device *v, unsigned queue)
{
    struct virtqueue *q = &v->queue[queue];
    if (q->batch_chains == 0) {
        return;
    }
    virtqueue_publish(q);
    if (virtqueue_should_signal(q)) {
        os_mutex_lock(&v->leaf);
        v->transport->queue_interrupt(v, queue);
        os_mutex_unlock(&v->leaf);
    }
}

void virtio_round_complete(struct virtio_device *v, struct virtio_round *r, unsigned queue,
                           const struct virtq_chain *c, uint32_t written)
{
    virtio_complete(v, queue, c, written);
    r->queues[queue / 64] |= UINT64_C(1) << queue % 64;
}

void virtio_round_end(struct virtio_device *v, struct virtio_round *r)
{
    for (unsigned i = 0; i < array_len(r->queues); i++) {
        while (r->queues[i]) {
            const unsigned n = ctz64(r->queues[i]);
            r->queues[i] &= r->queues[i] - 1;
            virtio_complete_end(v, 64 * i + n);
        }
    }
}

/* ---- the functions of both device classes */

void virtio_device_reset(struct device *d)
{
    struct virtio_device *v = (struct virtio_device *)d;
    os_mutex_lock(&v->lock);
    virtio_reset(v);
    /* Drivers tell it before they reset the device: that keeps it. */
    v->legacy_page_bytes = 0;
    v->guest_big_endian = false;
    v->legacy_align = VIRTIO_LEGACY_ALIGN;
    os_mutex_unlock(&v->lock);
    if (d->cls->bus == BUS_PCI) {
        pci_device_reset(&v->pci);
    }
}

void virtio_device_destroy(struct device *d)
{
    struct virtio_device *v = (struct virtio_device *)d;
    virtio_destroy(v);
    if (d->cls->bus == BUS_PCI) {
        pci_device_fini(&v->pci);
    }
}

void virtio_device_settle(struct device *d)
{
    struct virtio_device *v = (struct virtio_device *)d;
    if (v->running && v->cls->settle) {
        v->cls->settle(v);
    }
}

static bool check_status(const struct virtio_device *v, struct error *e)
{
    const bool agreed = v->status & VIRTIO_STATUS_FEATURES_OK;
    if ((v->status & VIRTIO_STATUS_DRIVER_OK) && !agreed && !virtio_legacy_features_good(v)) {
        return error_set(e, "its driver is ready, and has agreed on no features");
    }
    if (!agreed) {
        return true;
    }
    if ((v->accepted & ~v->offered) || !(v->accepted & VIRTIO_F_VERSION_1)) {
        return error_set(e,
                         "its driver has agreed on features 0x%llx, and the device of this machine "
                         "offers 0x%llx: its properties, or its back end, are other ones",
                         (unsigned long long)v->accepted, (unsigned long long)v->offered);
    }
    return true;
}

bool virtio_device_check(struct device *d, struct error *e)
{
    struct virtio_device *v = (struct virtio_device *)d;
    if ((d->cls->bus == BUS_PCI && !pci_device_check(&v->pci, e)) || !check_status(v, e)) {
        return false;
    }
    for (unsigned i = 0; i < v->queue_count; i++) {
        if (!virtqueue_check(&v->queue[i], virtio_has(v, VIRTIO_F_RING_PACKED), e)) {
            error_prefix(e, "queue %u: ", i);
            return false;
        }
    }
    return !v->cls->check || v->cls->check(v, e);
}

/* What ran before ends; what was loaded begins with resume. */
void virtio_device_loaded(struct device *d)
{
    struct virtio_device *v = (struct virtio_device *)d;
    virtio_stop(v);
    if (v->cls->loaded) {
        v->cls->loaded(v);
    }
    v->transport->loaded(v);
}

void virtio_device_resume(struct device *d)
{
    struct virtio_device *v = (struct virtio_device *)d;
    const bool begins = !v->running && (v->status & VIRTIO_STATUS_DRIVER_OK);
    if (begins) {
        virtio_start(v);
    }
    if (v->running && v->cls->resume) {
        v->cls->resume(v);
    }
    /* No doorbell was lost. But a look too many does no harm where it is not counted. */
    if (begins && !d->machine->config.counted) {
        virtio_ring_all(v);
    }
}
