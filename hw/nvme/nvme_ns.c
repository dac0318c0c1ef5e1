/* SPDX-License-Identifier: MIT */
/* Namespaces: a controller's own, of its drive=, and devices on its bus. */
#include <stdio.h>

#include "base/mem.h"
#include "hw/block/disk_identity.h"
#include "hw/nvme/nvme.h"
#include "hw/virtio/virtio.h" /* on, off, auto */

enum {
    EVENT_NOTICE = 2,
    NOTICE_NAMESPACE = 0,
    LOG_CHANGED = 4,
};

struct nvme_ns {
    struct device dev; /* first */

    /* Properties. */
    struct nvme_namespace s;
    char *uuid;
    uint64_t eui64;
    uint32_t nsid;
    int32_t bootindex;
};

static struct nvme_ns *ns_of(struct device *d)
{
    return (struct nvme_ns *)d;
}

uint64_t nvme_blocks(const struct nvme_namespace *s)
{
    return block_size_bytes(s->block) / s->logical_block_size;
}

struct nvme_namespace *nvme_find_namespace(const struct nvme *n, uint32_t nsid)
{
    return nsid >= 1 && nsid <= NVME_NAMESPACES_MAX ? n->ns[nsid - 1] : NULL;
}

bool nvme_write_cache(const struct nvme *n)
{
    bool cached = false;
    for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++) {
        cached |= n->ns[i] && n->ns[i]->cached;
    }
    return cached;
}

/* A disk may hand on what another one has let in: twice is enough, since a stopped controller lets
 * nothing in. */
void nvme_drain(struct nvme *n)
{
    for (unsigned i = 0; i < 2 * NVME_NAMESPACES_MAX; i++) {
        struct nvme_namespace *s = n->ns[i % NVME_NAMESPACES_MAX];
        if (s) {
            disk_thread_drain(&s->disk);
        }
    }
}

static uint64_t posted(const struct nvme *n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++) {
        sum += n->ns[i] ? disk_thread_posted(&n->ns[i]->disk) : 0;
    }
    return sum;
}

/* All disks are idle when none was given work while they were waited for, by another one's results.
 * What waits for a retry of the user's is left. */
void nvme_settle_disks(struct nvme *n)
{
    uint64_t before;
    do {
        before = posted(n);
        for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++) {
            if (n->ns[i]) {
                disk_thread_settle(&n->ns[i]->disk);
            }
        }
    } while (posted(n) != before);
}

static void flushed(struct block_request *b, int status)
{
    (void)b, (void)status; /* the controller stops, and has no answer to give */
}

static void run_flush(struct disk_job *j)
{
    struct nvme_namespace *s = container_of(j, struct nvme_namespace, flush_job);
    s->flush = (struct block_request){.op = BLOCK_FLUSH, .done = flushed};
    block_queue_submit(s->disk.queue, &s->flush);
}

void nvme_flush(struct nvme *n)
{
    for (unsigned i = 0; i < NVME_NAMESPACES_MAX; i++) {
        struct nvme_namespace *s = n->ns[i];
        if (s && !block_read_only(s->block)) {
            s->flush_job.run = run_flush;
            disk_thread_post(&s->disk, &s->flush_job);
        }
    }
    nvme_drain(n);
}

/* ---- life of a namespace */

/* Names that are the same whenever the machine is made: of the controller's serial number. */
static void make_names(struct nvme_namespace *s)
{
    const char *serial = s->ctrl->serial;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ s->nsid; /* FNV-1a */
    for (const char *p = serial; *p; p++) {
        hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    }
    store_be64(s->uuid, hash);
    store_be64(s->uuid + 8, hash * UINT64_C(0x9e3779b97f4a7c15));
    s->uuid[6] = (uint8_t)(0x80 | (s->uuid[6] & 0xf)); /* RFC 9562: version 8, of our own making */
    s->uuid[8] = (uint8_t)(0x80 | (s->uuid[8] & 0x3f));
}

static void resized(void *opaque)
{
    struct nvme_namespace *s = opaque;
    struct nvme *n = s->ctrl;
    os_mutex_lock(&n->lock);
    n->changed[(s->nsid - 1) / 64] |= UINT64_C(1) << (s->nsid - 1) % 64;
    nvme_event(n, EVENT_NOTICE, NOTICE_NAMESPACE, LOG_CHANGED);
    nvme_show(n);
    os_mutex_unlock(&n->lock);
}

bool nvme_namespace_create(struct nvme_namespace *s, struct nvme *n, uint32_t nsid, struct error *e)
{
    s->ctrl = n;
    if (s->physical_block_size == UINT32_MAX) {
        s->physical_block_size = s->logical_block_size;
    }
    s->block = disk_find(n->pci.dev.machine, s->drive, false, e);
    s->disk.round_over = nvme_round_over;
    s->disk.opaque = n;
    if (!s->block ||
        !disk_check_blocks(s->logical_block_size, s->physical_block_size, NVME_PAGE_MIN, e) ||
        !disk_thread_open(&s->disk, s->block, 256, nvme_counted(n), e)) {
        return false;
    }
    s->nsid = nsid;
    s->lba_shift = (uint16_t)ctz32(s->logical_block_size);
    s->physical_blocks = (uint16_t)(s->physical_block_size / s->logical_block_size - 1);
    s->cached = disk_write_cache(s->block, s->write_cache);
    make_names(s);
    n->ns[nsid - 1] = s;
    block_on_resize(s->block, resized, s);
    return true;
}

void nvme_namespace_destroy(struct nvme_namespace *s)
{
    if (s->nsid) {
        block_on_resize(s->block, NULL, NULL);
        nvme_stop(s->ctrl); /* it goes with its controller; the thread of another disk may post */
        disk_thread_close(&s->disk);
        mem_free(s->aside_bytes);
        s->aside_bytes = NULL;
        s->aside_room = 0;
        s->ctrl->ns[s->nsid - 1] = NULL;
        s->nsid = 0;
    }
}

/* ---- the device */

static bool parse_uuid(const char *text, uint8_t *out)
{
    unsigned n = 0;
    for (const char *p = text; *p; p++) {
        const char low = (char)(*p | 0x20);
        const int digit = *p >= '0' && *p <= '9'     ? *p - '0'
                          : low >= 'a' && low <= 'f' ? low - 'a' + 10
                                                     : -1;
        if (*p == '-' && n % 2 == 0) {
            continue;
        }
        if (digit < 0 || n >= 32) {
            return false;
        }
        out[n / 2] = (uint8_t)(out[n / 2] << 4 | digit);
        n++;
    }
    return n == 32;
}

static bool choose_number(const struct nvme *n, struct nvme_ns *d, struct error *e)
{
    if (d->nsid > NVME_NAMESPACES_MAX) {
        return error_set(e, "nsid=%u: 1 to %u are accepted", d->nsid, NVME_NAMESPACES_MAX);
    }
    if (d->nsid == 0) {
        while (d->nsid < NVME_NAMESPACES_MAX && n->ns[d->nsid]) {
            d->nsid++;
        }
        d->nsid++;
    }
    if (d->nsid > NVME_NAMESPACES_MAX || n->ns[d->nsid - 1]) {
        return error_set(e, "nsid=%u is taken", d->nsid);
    }
    return true;
}

static bool ns_make(struct nvme_ns *d, struct nvme *n, struct error *e)
{
    uint8_t uuid[16] = {0};
    const bool own = d->uuid && strcmp(d->uuid, "auto") != 0;
    if (own && !parse_uuid(d->uuid, uuid)) {
        return error_set(e, "uuid=%s: a UUID, or auto, is accepted", d->uuid);
    }
    if (!choose_number(n, d, e) || !nvme_namespace_create(&d->s, n, d->nsid, e)) {
        return false;
    }
    if (own) {
        memcpy(d->s.uuid, uuid, sizeof(uuid));
    }
    store_be64(d->s.eui64, d->eui64);
    return true;
}

static bool ns_create(struct device *dev, struct error *e)
{
    if (!ns_make(ns_of(dev), dev->bus->impl, e)) {
        error_prefix(e, "%s: ", dev->cls->name);
        return false;
    }
    return true;
}

static void ns_destroy(struct device *dev)
{
    nvme_namespace_destroy(&ns_of(dev)->s);
}

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct nvme_ns, member),                  \
        .initial = initial_, .desc = desc_                                                         \
    }
static const struct prop ns_props[] = {
    NVME_NAMESPACE_PROPS(nvme_ns, s),
    P("nsid", PROP_U32, nsid, "0", "its number; 0: the first that is free"),
    P("uuid", PROP_STRING, uuid, NULL, "of the namespace; auto is made of the serial number"),
    P("eui64", PROP_U64, eui64, "0", "of the namespace; 0: none"),
    P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),
    PROP_END,
};
static const struct field ns_fields[] = {
    NVME_NAMESPACE_FIELDS(nvme_ns, s),
    FIELD_END,
};

const struct device_class nvme_ns_class = {
    .name = "nvme-ns",
    .desc = "namespace of an NVMe controller",
    .bus = BUS_NVME,
    .size = sizeof(struct nvme_ns),
    .props = ns_props,
    .fields = ns_fields,
    .create = ns_create,
    .destroy = ns_destroy,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
};

/* ---- the bus */

static void bus_place(const struct device *dev, char *text, size_t size)
{
    snprintf(text, size, "%u", ((const struct nvme_ns *)dev)->nsid);
}

static void bus_firmware_path(const struct device *dev, struct strbuf *out)
{
    const struct device *host = dev->bus->parent;
    host->bus->firmware_path(host, out);
    strbuf_printf(out, "/namespace@%x,0", ((const struct nvme_ns *)dev)->nsid);
}

void nvme_bus_init(struct nvme *n)
{
    struct device *d = &n->pci.dev;
    n->bus = (struct bus){.kind = BUS_NVME,
                          .machine = d->machine,
                          .parent = d,
                          .impl = n,
                          .place = bus_place,
                          .firmware_path = bus_firmware_path};
    if (d->id) {
        snprintf(n->bus.name, sizeof(n->bus.name), "%.30s", d->id);
    }
    machine_add_bus_of(&n->bus, "nvme-bus");
}
