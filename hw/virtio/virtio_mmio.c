/* SPDX-License-Identifier: MIT */
/*
 * virtio over MMIO: VIRTIO 1.2, chapter 4.2, register layout version 2, and that of legacy drivers
 * (4.2.4), version 1, which is the one that guests of QEMU find unless they ask for the other.
 *
 * Doorbells and interrupt acknowledgement take no lock that a slow register write holds.
 * Not modelled: shared memory regions, queue reset.
 */
#include "hw/virtio/virtio_mmio.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/atomic.h"
#include "base/log.h"
#include "hw/virtio/virtio_internal.h"

enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
    PAGE_BYTES = 0x028, /* legacy, as the next two */
    QUEUE_ALIGN = 0x03c,
    QUEUE_PFN = 0x040,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_LEN_LOW = 0x0b0,
    SHM_BASE_HIGH = 0x0bc,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

struct virtio_mmio {
    struct device dev; /* first */
    bool force_legacy; /* property */
    uint8_t pad[3];
    unsigned index;
    struct bus bus;
    struct virtio_device *plugged; /* or NULL */
};

/* ---- interrupts; v->leaf is held */

static void raise(struct virtio_device *v, uint32_t why)
{
    struct virtio_mmio *t = v->transport_opaque;
    v->isr |= why;
    irq_set(&t->dev.irq[0], 1);
}

static void queue_interrupt(struct virtio_device *v, unsigned queue)
{
    (void)queue;
    raise(v, VIRTIO_ISR_QUEUE);
}

static void config_interrupt(struct virtio_device *v)
{
    raise(v, VIRTIO_ISR_CONFIG);
}

static void reset_lines(struct virtio_device *v)
{
    struct virtio_mmio *t = v->transport_opaque;
    irq_set(&t->dev.irq[0], 0);
}

static void loaded(struct virtio_device *v)
{
    struct virtio_mmio *t = v->transport_opaque;
    irq_set(&t->dev.irq[0], v->isr != 0);
}

static const struct virtio_transport mmio_transport = {VIRTQ_SIZE_MAX, queue_interrupt,
                                                       config_interrupt, reset_lines, loaded};

static void acknowledge(struct virtio_mmio *t, uint32_t bits)
{
    struct virtio_device *v = t->plugged;
    os_mutex_lock(&v->leaf);
    v->isr &= ~bits;
    if (!v->isr) {
        irq_set(&t->dev.irq[0], 0);
    }
    os_mutex_unlock(&v->leaf);
}

/* ---- registers */

static uint32_t unknown_read(unsigned offset)
{
    log_guest("virtio-mmio", "read of write-only or unknown register 0x%x", offset);
    return 0;
}

static void unknown_write(unsigned offset, uint32_t value)
{
    log_guest("virtio-mmio", "write of 0x%x to read-only or unknown register 0x%x", value, offset);
}

/* What both interfaces have. */
static uint32_t shared_read(struct virtio_device *v, unsigned offset)
{
    const struct virtqueue *q = virtio_selected(v);
    switch (offset) {
    case QUEUE_NUM_MAX:
        return q ? q->size_max : 0;
    case STATUS:
        return atomic_get(&v->status);
    default:
        return unknown_read(offset);
    }
}

static void shared_write(struct virtio_device *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DEVICE_FEATURES_SEL:
        v->feature_select = value;
        break;
    case DRIVER_FEATURES_SEL:
        v->driver_feature_select = value;
        break;
    case QUEUE_SEL:
        v->queue_select = value;
        break;
    case QUEUE_NUM:
        virtio_queue_set_size(v, value);
        break;
    default:
        unknown_write(offset, value);
    }
}

/* Registers of version 1. */
static uint32_t legacy_read(struct virtio_device *v, unsigned offset)
{
    switch (offset) {
    case DEVICE_FEATURES:
        return v->feature_select ? 0 : virtio_legacy_features(v);
    case QUEUE_PFN:
        return virtio_legacy_pfn(v, v->legacy_page_bytes);
    default:
        return shared_read(v, offset);
    }
}

static void legacy_write(struct virtio_device *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DRIVER_FEATURES:
        if (v->driver_feature_select == 0) {
            virtio_legacy_set_features(v, value);
        }
        break;
    case PAGE_BYTES:
        v->legacy_page_bytes = value;
        break;
    case QUEUE_ALIGN:
        v->legacy_align = value;
        break;
    case QUEUE_PFN:
        virtio_legacy_set_pfn(v, value, v->legacy_page_bytes, v->legacy_align);
        break;
    case STATUS:
        virtio_legacy_set_status(v, value);
        break;
    default:
        shared_write(v, offset, value);
    }
}

static uint32_t register_read(struct virtio_device *v, unsigned offset)
{
    const struct virtqueue *q = virtio_selected(v);
    switch (offset) {
    case DEVICE_FEATURES:
        return virtio_features_read(v, v->feature_select);
    case QUEUE_READY:
        return q && q->s->enabled;
    case CONFIG_GENERATION:
        return virtio_generation(v);
    default:
        if (offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH) {
            return UINT32_MAX; /* 4.2.2: no such region */
        }
        return shared_read(v, offset);
    }
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_mmio *t = opaque;
    struct virtio_device *v = t->plugged;
    uint64_t value;
    if (offset >= CONFIG) {
        return v ? virtio_config_load(v, (unsigned)offset - CONFIG, size) : 0;
    }
    if (size != 4) {
        log_guest("virtio-mmio", "read of %u bytes of register 0x%x", size, (unsigned)offset);
        return 0;
    }
    switch (offset) {
    case MAGIC_VALUE:
        return 0x74726976; /* "virt" */
    case VERSION:
        return t->force_legacy ? 1 : 2;
    case DEVICE_ID:
        return v ? v->cls->id : 0;
    case VENDOR_ID:
        return 0x554d4551; /* "QEMU": some drivers insist on it */
    default:
        break;
    }
    if (!v) {
        return 0;
    }
    if (offset == INTERRUPT_STATUS) {
        return atomic_get(&v->isr);
    }
    os_mutex_lock(&v->lock);
    value = v->legacy ? legacy_read(v, (unsigned)offset) : register_read(v, (unsigned)offset);
    os_mutex_unlock(&v->lock);
    return value;
}

static void register_write(struct virtio_device *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DRIVER_FEATURES:
        virtio_features_write(v, v->driver_feature_select, value);
        break;
    case QUEUE_READY:
        virtio_queue_enable(v, value & 1);
        break;
    case STATUS:
        virtio_set_status(v, value);
        break;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
        virtio_queue_set_address(v, VIRTIO_AREA_DESC, offset & 4, value);
        break;
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
        virtio_queue_set_address(v, VIRTIO_AREA_DRIVER, offset & 4, value);
        break;
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH:
        virtio_queue_set_address(v, VIRTIO_AREA_DEVICE, offset & 4, value);
        break;
    default:
        shared_write(v, offset, value);
    }
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_mmio *t = opaque;
    struct virtio_device *v = t->plugged;
    if (!v) {
        return;
    }
    if (offset == QUEUE_NOTIFY && size == 4) {
        virtio_notify(v, (unsigned)value);
        return;
    }
    if (offset == INTERRUPT_ACK && size == 4) {
        acknowledge(t, (uint32_t)value);
        return;
    }
    if (offset < CONFIG && size != 4) {
        log_guest("virtio-mmio", "write of %u bytes to register 0x%x", size, (unsigned)offset);
        return;
    }
    os_mutex_lock(&v->lock);
    if (offset >= CONFIG) {
        virtio_config_store(v, (unsigned)offset - CONFIG, value, size);
    } else if (v->legacy) {
        legacy_write(v, (unsigned)offset, (uint32_t)value);
    } else {
        register_write(v, (unsigned)offset, (uint32_t)value);
    }
    os_mutex_unlock(&v->lock);
}

static const struct mmio_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .sizes = 1 | 2 | 4};

const struct mem_range *virtio_mmio_map(struct device *d, struct space *s, paddr base)
{
    d->window = space_add(s, &(struct mem_range){
                                 .base = base,
                                 .size = VIRTIO_MMIO_BYTES,
                                 .kind = RANGE_MMIO,
                                 .name = "virtio-mmio",
                                 .ops = &mmio_ops,
                                 .opaque = d,
                             });
    return d->window;
}

/* ---- the bus and its one device */

static bool mmio_attach(struct bus *b, struct device *d, struct error *e)
{
    struct virtio_mmio *t = b->impl;
    struct virtio_device *v = (struct virtio_device *)d;
    if (t->plugged) {
        return error_set(e, "%s: bus %s has a device already", d->cls->name, b->name);
    }
    v->transport = &mmio_transport;
    v->transport_opaque = t;
    v->legacy = t->force_legacy;
    t->plugged = v;
    return true;
}

static void mmio_detach(struct bus *b, struct device *d)
{
    struct virtio_mmio *t = b->impl;
    (void)d;
    t->plugged = NULL;
}

bool virtio_mmio_plug(struct device *d, struct error *e)
{
    if (!d->bus) {
        return error_set(e, "%s needs a virtio bus, such as virtio-mmio-bus.0", d->cls->name);
    }
    return virtio_create((struct virtio_device *)d, d->cls->kind, e);
}

void virtio_mmio_set_index(struct device *d, unsigned index)
{
    ((struct virtio_mmio *)d)->index = index;
}

struct bus *virtio_mmio_bus(struct device *d)
{
    return &((struct virtio_mmio *)d)->bus;
}

bool virtio_mmio_in_use(const struct device *d)
{
    return ((const struct virtio_mmio *)d)->plugged != NULL;
}

void virtio_mmio_describe(struct aml *a, unsigned index, uint64_t base, uint32_t gsi)
{
    char name[16];
    snprintf(name, sizeof(name), "VR%02u", index);
    aml_device(a, name);
    aml_name_string(a, "_HID", "LNRO0005");
    aml_name_int(a, "_UID", index);
    aml_name_int(a, "_CCA", 1);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_memory32(a, (uint32_t)base, VIRTIO_MMIO_BYTES);
    aml_interrupt(a, AML_LEVEL, gsi);
    aml_end(a);
    aml_end(a);
}

static void mmio_firmware_path(const struct device *d, struct strbuf *out)
{
    strbuf_printf(out, "/virtio-mmio@%016" PRIx64, d->bus->parent->window->base);
}

static bool mmio_is_full(const struct bus *b)
{
    return virtio_mmio_in_use(b->parent);
}

static bool mmio_create(struct device *d, struct error *e)
{
    struct virtio_mmio *t = (struct virtio_mmio *)d;
    (void)e;
    t->bus = (struct bus){
        .kind = BUS_VIRTIO,
        .machine = d->machine,
        .parent = d,
        .impl = t,
        .attach = mmio_attach,
        .detach = mmio_detach,
        .is_full = mmio_is_full,
        .firmware_path = mmio_firmware_path,
    };
    snprintf(t->bus.name, sizeof(t->bus.name), "virtio-mmio-bus.%u", t->index);
    machine_add_bus(d->machine, &t->bus);
    return true;
}

static void mmio_destroy(struct device *d)
{
    machine_remove_bus(d->machine, virtio_mmio_bus(d));
}

static const struct prop mmio_props[] = {
    {"force-legacy", PROP_BOOL, offsetof(struct virtio_mmio, force_legacy), "on",
     "the register layout is that of legacy drivers, version 1", NULL},
    PROP_END,
};

static const struct field mmio_fields[] = {
    FIELD_SKIP(virtio_mmio, pad),
    FIELD_SKIP(virtio_mmio, index),
    FIELD_SKIP(virtio_mmio, bus),
    FIELD_SKIP(virtio_mmio, plugged),
    FIELD_END,
};

const struct device_class virtio_mmio_class = {
    .name = "virtio-mmio",
    .desc = "virtio transport over MMIO",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct virtio_mmio),
    .props = mmio_props,
    .fields = mmio_fields,
    .create = mmio_create,
    .destroy = mmio_destroy,
    .flags = DEVICE_THREAD_SAFE,
};
