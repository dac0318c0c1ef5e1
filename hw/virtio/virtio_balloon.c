/* SPDX-License-Identifier: MIT */
/*
 * virtio memory balloon: VIRTIO 1.2, chapter 5.5. Pages that the guest puts in, or reports free,
 * are given back to the host; they read as zeros when the guest touches them again.
 *
 * Not modelled: the statistics queue, free page hints, page poison; none is offered.
 */
#include "hw/balloon.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/virtio/virtio.h"

enum {
    F_DEFLATE_ON_OOM = 2,
    F_REPORTING = 5,

    INFLATE = 0,
    DEFLATE = 1,
    REPORTING = 2,

    CONFIG_NUM_PAGES = 0,
    CONFIG_ACTUAL = 4,
    CONFIG_BYTES = 8,
};

/* The unit of the protocol, whatever pages the guest or the host have (5.5.2). */
#define PAGE_BITS 12
#define PAGE_BYTES (1u << PAGE_BITS)

struct virtio_balloon {
    struct virtio_device v;
    bool deflate_on_oom, free_page_reporting; /* properties */
    uint8_t pad[6];
    struct balloon balloon;
    struct virtq_chain chain;
};

static struct virtio_balloon *as_balloon(struct virtio_device *v)
{
    return (struct virtio_balloon *)v;
}

/* ---- giving pages back */

/* Whole host pages within [p, p + n). */
static void discard(struct virtio_balloon *d, uint8_t *p, size_t n)
{
    size_t page = os_page_size();
    uintptr_t start = align_up((uintptr_t)p, page), end = align_down((uintptr_t)p + n, page);
    if (start < end) {
        os_discard((void *)start, end - start);
        dma_unmap(&d->v.pci.dev.dma, (const uint8_t *)start, end - start); /* zeros */
    }
}

/* A run of pages that lie one after the other in host memory. */
struct run {
    uint8_t *start;
    size_t bytes;
};

static void add_page(struct virtio_balloon *d, struct run *r, uint64_t a)
{
    size_t n = PAGE_BYTES;
    uint8_t *p = dma_map(&d->v.pci.dev.dma, a, &n, true);
    if (!p || n < PAGE_BYTES) {
        log_guest("virtio-balloon", "page 0x%llx is not in RAM", (unsigned long long)a);
        return;
    }
    if (r->start && p == r->start + r->bytes) {
        r->bytes += PAGE_BYTES;
    } else if (r->start && p + PAGE_BYTES == r->start) { /* Linux hands them out downwards */
        r->start = p;
        r->bytes += PAGE_BYTES;
    } else {
        discard(d, r->start, r->bytes);
        *r = (struct run){p, PAGE_BYTES};
    }
}

static void inflate(struct virtio_balloon *d)
{
    struct run r = {0};
    uint8_t raw[1024];
    uint64_t at = 0;
    size_t n;
    while ((n = virtq_chain_read(&d->chain, at, raw, sizeof(raw))) >= 4) {
        for (size_t i = 0; i + 4 <= n; i += 4) {
            add_page(d, &r, (uint64_t)virtio_load32(&d->v, raw + i) << PAGE_BITS);
        }
        at += n;
    }
    discard(d, r.start, r.bytes);
}

static void report(struct virtio_balloon *d)
{
    for (unsigned i = 0; i < d->chain.in_count; i++) {
        const struct iovec *v = &d->chain.iov[d->chain.out_count + i];
        discard(d, v->iov_base, v->iov_len);
    }
}

static void balloon_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_balloon *d = as_balloon(v);
    struct virtqueue *q = &v->queue[queue];
    os_mutex_lock(&v->work_lock);
    do {
        virtqueue_notify_off(q);
        while (v->running && virtio_pop(v, queue, &d->chain) == VIRTQ_OK) {
            if (queue == INFLATE) {
                inflate(d);
            } else if (queue == REPORTING) {
                report(d);
            } /* DEFLATE: a page comes back by being touched */
            virtio_complete(v, queue, &d->chain, 0);
        }
        virtio_complete_end(v, queue);
    } while (v->running && virtqueue_notify_on(q));
    os_mutex_unlock(&v->work_lock);
}

/* ---- the monitor's side */

static uint64_t ram_bytes(const struct virtio_balloon *d)
{
    return d->v.pci.dev.machine->config.ram_bytes;
}

static void set_bytes(struct balloon *b, uint64_t bytes)
{
    struct virtio_balloon *d = container_of(b, struct virtio_balloon, balloon);
    uint64_t ram = ram_bytes(d);
    uint8_t pages[4];
    bytes = bytes < PAGE_BYTES ? PAGE_BYTES : bytes < ram ? bytes : ram;
    store_le32(pages, (uint32_t)((ram - bytes) >> PAGE_BITS));
    virtio_config_update(&d->v, CONFIG_NUM_PAGES, pages, sizeof(pages));
}

static uint64_t actual_bytes(struct balloon *b)
{
    struct virtio_balloon *d = container_of(b, struct virtio_balloon, balloon);
    uint64_t ram = ram_bytes(d);
    os_mutex_lock(&d->v.leaf);
    uint64_t in = (uint64_t)load_le32(d->v.config + CONFIG_ACTUAL) << PAGE_BITS;
    os_mutex_unlock(&d->v.leaf);
    return in < ram ? ram - in : 0;
}

/* ---- life */

static void balloon_reset(struct virtio_device *v)
{
    os_mutex_lock(&v->leaf);
    memset(v->config + CONFIG_ACTUAL, 0, 4); /* what was wanted stays so */
    os_mutex_unlock(&v->leaf);
}

static bool balloon_create(struct virtio_device *v, uint64_t *features, struct error *e)
{
    struct virtio_balloon *d = as_balloon(v);
    struct machine *m = v->pci.dev.machine;
    if (m->balloon) {
        return error_set(e, "%s: the machine has a balloon already", v->pci.dev.cls->name);
    }
    virtio_queue_add(v, 128);
    virtio_queue_add(v, 128);
    *features = d->deflate_on_oom ? VIRTIO_F(F_DEFLATE_ON_OOM) : 0;
    if (d->free_page_reporting) {
        virtio_queue_add(v, 32);
        *features |= VIRTIO_F(F_REPORTING);
    }
    v->config_bytes = CONFIG_BYTES;
    store_le32(v->config_writable + CONFIG_ACTUAL, UINT32_MAX);
    d->balloon = (struct balloon){set_bytes, actual_bytes};
    m->balloon = &d->balloon;
    return true;
}

static void balloon_destroy(struct virtio_device *v)
{
    v->pci.dev.machine->balloon = NULL;
    virtq_chain_free(&as_balloon(v)->chain);
}

static const struct virtio_class balloon_class = {
    .id = VIRTIO_ID_BALLOON,
    .name = "virtio-balloon",
    .create = balloon_create,
    .destroy = balloon_destroy,
    .reset = balloon_reset,
    .notify = balloon_notify,
};

#define BALLOON_PROPS                                                                              \
    {"deflate-on-oom",                                                                             \
     PROP_BOOL,                                                                                    \
     offsetof(struct virtio_balloon, deflate_on_oom),                                              \
     "off",                                                                                        \
     "the guest may take pages back when it has none left",                                        \
     NULL},                                                                                        \
    {                                                                                              \
        "free-page-reporting", PROP_BOOL, offsetof(struct virtio_balloon, free_page_reporting),    \
            "off", "the guest reports free pages by itself", NULL                                  \
    }

static const struct prop balloon_pci_props[] = {BALLOON_PROPS, VIRTIO_PROPS(virtio_balloon, v),
                                                VIRTIO_PCI_PROPS_WITH(virtio_balloon, v, "2"),
                                                PROP_END};
static const struct prop balloon_device_props[] = {BALLOON_PROPS, VIRTIO_PROPS(virtio_balloon, v),
                                                   PROP_END};
static const struct field balloon_fields[] = {
    VIRTIO_FIELDS(virtio_balloon, v),
    FIELD_SKIP(virtio_balloon, pad),
    FIELD_SKIP(virtio_balloon, balloon),
    FIELD_SKIP(virtio_balloon, chain),
    FIELD_END,
};

static const struct virtio_pci_class balloon_pci = VIRTIO_PCI_CLASS(&balloon_class,
                                                                    VIRTIO_ID_BALLOON, 0x00ff00);

const struct device_class virtio_balloon_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-balloon-pci", "virtio-balloon", "virtio memory balloon", BUS_PCI, virtio_balloon,
    balloon_pci_props, balloon_fields, &balloon_pci);
const struct device_class virtio_balloon_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-balloon-device", NULL, "virtio memory balloon", BUS_VIRTIO, virtio_balloon,
    balloon_device_props, balloon_fields, &balloon_class);
