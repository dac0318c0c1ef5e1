/* SPDX-License-Identifier: MIT */
/*
 * virtio over PCI: VIRTIO 1.2, chapter 4.1.
 *
 * BAR 1 has the MSI-X table, BAR 4 (64-bit) the four structures, a page each: common
 * configuration, ISR status, device configuration, notifications (4 bytes a queue). Drivers find
 * them through vendor capabilities. Doorbells take no lock.
 *
 * Legacy drivers find all registers in BAR 0, of I/O ports (4.1.4.10). A device has one of the
 * interfaces, or both: a transitional one, with the identity of legacy ones.
 * Not modelled: queue reset, notification data.
 */
#include <assert.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"
#include "hw/virtio/virtio_internal.h"

enum {
    LEGACY_BAR = 0,
    MSIX_BAR = 1,
    VIRTIO_BAR = 4,

    COMMON_AT = 0x0000,
    ISR_AT = 0x1000,
    DEVICE_AT = 0x2000,
    NOTIFY_AT = 0x3000,
    PART_BYTES = 0x1000,
    BAR_BYTES = 0x4000,
    NOTIFY_MULTIPLIER = 4,
};

/* Vendor capabilities (4.1.4): their types and fields. */
enum {
    CAP_COMMON = 1,
    CAP_NOTIFY = 2,
    CAP_ISR = 3,
    CAP_DEVICE = 4,
    CAP_PCI = 5,

    CAP_LEN = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_DATA = 16, /* notify: multiplier; PCI access: the window */
};

/* The legacy layout (4.1.4.10). With MSI-X enabled the device's configuration begins at 24. */
enum {
    LEGACY_DEVICE_FEATURES = 0,
    LEGACY_DRIVER_FEATURES = 4,
    LEGACY_QUEUE_PFN = 8,
    LEGACY_QUEUE_NUM = 12,
    LEGACY_QUEUE_SELECT = 14,
    LEGACY_QUEUE_NOTIFY = 16,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG_VECTOR = 20,
    LEGACY_QUEUE_VECTOR = 22,
    LEGACY_HEADER_BYTES = 24,
    LEGACY_PAGE_BYTES = 4096
};

/* Common configuration (4.1.4.3). */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    COMMON_BYTES = 0x38,
};

static struct virtio_device *as_virtio(struct device *d)
{
    return (struct virtio_device *)d;
}

/* ---- interrupts; v->leaf is held */

static void interrupt(struct virtio_device *v, unsigned vector, uint32_t why)
{
    if (pci_msix_enabled(&v->pci)) {
        if (vector != VIRTQ_NO_VECTOR) {
            pci_msix_notify(&v->pci, vector);
        }
    } else {
        v->isr |= why;
        pci_intx_set(&v->pci, true);
    }
}

static void queue_interrupt(struct virtio_device *v, unsigned queue)
{
    interrupt(v, atomic_get(&v->queue_state[queue].vector), VIRTIO_ISR_QUEUE);
}

static void config_interrupt(struct virtio_device *v)
{
    interrupt(v, atomic_get(&v->config_vector), VIRTIO_ISR_CONFIG);
}

static void reset_lines(struct virtio_device *v)
{
    pci_intx_set(&v->pci, false);
}

static void loaded(struct virtio_device *v)
{
    pci_device_loaded(&v->pci);
}

static const struct virtio_transport pci_transport = {0, queue_interrupt, config_interrupt,
                                                      reset_lines, loaded};

/* ---- common configuration */

static uint32_t common_read(struct virtio_device *v, unsigned offset)
{
    const struct virtqueue *q = virtio_selected(v);
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        return v->feature_select;
    case DEVICE_FEATURE:
        return virtio_features_read(v, v->feature_select);
    case DRIVER_FEATURE_SELECT:
        return v->driver_feature_select;
    case DRIVER_FEATURE:
        return v->driver_feature_select < 2
                   ? (uint32_t)(v->accepted >> 32 * v->driver_feature_select)
                   : 0;
    case CONFIG_MSIX_VECTOR:
        return v->config_vector;
    case NUM_QUEUES:
        return v->queue_count;
    case DEVICE_STATUS:
        return atomic_get(&v->status);
    case CONFIG_GENERATION:
        return virtio_generation(v) & 0xff;
    case QUEUE_SELECT:
        return v->queue_select;
    default:
        break;
    }
    if (!q) {
        return offset == QUEUE_MSIX_VECTOR ? VIRTQ_NO_VECTOR : 0;
    }
    switch (offset) {
    case QUEUE_SIZE:
        return q->s->size;
    case QUEUE_MSIX_VECTOR:
        return q->s->vector;
    case QUEUE_ENABLE:
        return q->s->enabled;
    case QUEUE_NOTIFY_OFF:
        return v->queue_select;
    case QUEUE_DESC:
        return (uint32_t)q->s->desc;
    case QUEUE_DESC + 4:
        return (uint32_t)(q->s->desc >> 32);
    case QUEUE_DRIVER:
        return (uint32_t)q->s->driver;
    case QUEUE_DRIVER + 4:
        return (uint32_t)(q->s->driver >> 32);
    case QUEUE_DEVICE:
        return (uint32_t)q->s->device;
    case QUEUE_DEVICE + 4:
        return (uint32_t)(q->s->device >> 32);
    default:
        return 0;
    }
}

/* 4.1.5.1.2: a vector that cannot be had reads back as none. */
static uint16_t usable_vector(const struct virtio_device *v, uint32_t vector)
{
    return (uint16_t)(vector < v->pci.msix_vectors ? vector : VIRTQ_NO_VECTOR);
}

static void common_write(struct virtio_device *v, unsigned offset, uint32_t value)
{
    struct virtqueue *q = virtio_selected(v);
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        v->feature_select = value;
        break;
    case DRIVER_FEATURE_SELECT:
        v->driver_feature_select = value;
        break;
    case DRIVER_FEATURE:
        virtio_features_write(v, v->driver_feature_select, value);
        break;
    case CONFIG_MSIX_VECTOR:
        atomic_set(&v->config_vector, usable_vector(v, value));
        break;
    case DEVICE_STATUS:
        virtio_set_status(v, value);
        break;
    case QUEUE_SELECT:
        v->queue_select = value;
        break;
    case QUEUE_SIZE:
        virtio_queue_set_size(v, value);
        break;
    case QUEUE_MSIX_VECTOR:
        if (q) {
            atomic_set(&q->s->vector, usable_vector(v, value));
        }
        break;
    case QUEUE_ENABLE:
        virtio_queue_enable(v, value == 1);
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
        virtio_queue_set_address(v, VIRTIO_AREA_DESC, offset & 4, value);
        break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4:
        virtio_queue_set_address(v, VIRTIO_AREA_DRIVER, offset & 4, value);
        break;
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4:
        virtio_queue_set_address(v, VIRTIO_AREA_DEVICE, offset & 4, value);
        break;
    default:
        log_guest(v->cls->name, "write of 0x%x to read-only or unknown register 0x%x", value,
                  offset);
    }
}

/* How wide the field at offset is; 64-bit fields are two of 32 bits (4.1.3.1). */
static unsigned field_bytes(unsigned offset)
{
    if (offset == DEVICE_STATUS || offset == CONFIG_GENERATION) {
        return 1;
    }
    return offset >= CONFIG_MSIX_VECTOR && offset < QUEUE_DESC ? 2 : 4;
}

static uint64_t common_load(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_device *v = opaque;
    uint64_t value = 0;
    for (unsigned done = 0; done < size;) {
        unsigned at = (unsigned)offset + done, n = field_bytes(at);
        unsigned skip = at % n;
        uint32_t part = at < COMMON_BYTES ? common_read(v, at - skip) >> 8 * skip : 0;
        value |= (uint64_t)part << 8 * done;
        done += n - skip;
    }
    return value & mask64(8 * size);
}

static void common_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_device *v = opaque;
    if (offset >= COMMON_BYTES || field_bytes((unsigned)offset) != size) {
        log_guest(v->cls->name, "write of %u bytes at 0x%x of the common configuration", size,
                  (unsigned)offset);
        return;
    }
    common_write(v, (unsigned)offset, (uint32_t)value);
}

/* ---- the other structures */

static uint64_t isr_load(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_device *v = opaque;
    uint32_t isr = 0;
    (void)size;
    if (offset == 0) {
        os_mutex_lock(&v->leaf);
        isr = v->isr;
        v->isr = 0;
        pci_intx_set(&v->pci, false);
        os_mutex_unlock(&v->leaf);
    }
    return isr;
}

static void isr_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_device *v = opaque;
    log_guest(v->cls->name, "write of 0x%llx (%u bytes) at 0x%x of the ISR status",
              (unsigned long long)value, size, (unsigned)offset);
}

static uint64_t device_load_config(void *opaque, uint64_t offset, unsigned size)
{
    return virtio_config_load(opaque, (unsigned)offset, size);
}

static void device_store_config(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    virtio_config_store(opaque, (unsigned)offset, value, size);
}

static uint64_t notify_load(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void notify_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_device *v = opaque;
    (void)value, (void)size;
    if (!pci_bus_master(&v->pci)) {
        log_guest(v->cls->name, "notification while the function may not be bus master");
        return;
    }
    virtio_notify(v, (unsigned)(offset / NOTIFY_MULTIPLIER));
}

static const struct mmio_ops common_ops = {
    .read = common_load, .write = common_store, .sizes = 1 | 2 | 4};
static const struct mmio_ops isr_ops = {.read = isr_load, .write = isr_store, .sizes = 1 | 2 | 4};
static const struct mmio_ops device_ops = {
    .read = device_load_config, .write = device_store_config, .sizes = 1 | 2 | 4};
static const struct mmio_ops notify_ops = {
    .read = notify_load, .write = notify_store, .sizes = 1 | 2 | 4};

/* ---- the configuration access capability (4.1.4.9): BAR accesses through configuration space */

/* The part of the BAR that the capability's fields name, or NULL; size is 0 unless 1, 2 or 4. */
static const struct pci_bar_part *window_part(struct virtio_device *v, uint32_t *offset,
                                              unsigned *size)
{
    const uint8_t *cap = v->pci.config + v->pci_cfg_cap;
    const struct pci_bar *b = &v->pci.bar[VIRTIO_BAR];
    *offset = load_le32(cap + CAP_OFFSET);
    *size = load_le32(cap + CAP_LENGTH);
    if (cap[CAP_BAR] != VIRTIO_BAR || (*size != 1 && *size != 2 && *size != 4) ||
        !is_aligned(*offset, *size)) {
        return NULL;
    }
    for (unsigned i = 0; i < b->part_count; i++) {
        const struct pci_bar_part *part = &b->part[i];
        if (*offset >= part->offset && *offset - part->offset < part->size) {
            *offset -= part->offset;
            return part;
        }
    }
    return NULL;
}

static bool touches_window(const struct virtio_device *v, unsigned offset, unsigned size)
{
    unsigned at = v->pci_cfg_cap + CAP_DATA;
    return v->pci_cfg_cap && offset < at + 4 && offset + size > at;
}

void virtio_pci_config_reading(struct device *d, unsigned offset, unsigned size)
{
    struct virtio_device *v = as_virtio(d);
    uint32_t at;
    unsigned n;
    if (touches_window(v, offset, size)) {
        const struct pci_bar_part *part = window_part(v, &at, &n);
        if (part) {
            struct mem_range r = {.ops = part->ops, .opaque = part->opaque, .lock = part->lock};
            const struct requester by = {.id = pci_requester_id(&v->pci), .device = true};
            uint64_t value;
            range_load(&r, &by, at, n, &value); /* 0 if it is refused */
            store_le32(v->pci.config + v->pci_cfg_cap + CAP_DATA, (uint32_t)value);
        }
    }
}

void virtio_pci_config_written(struct device *d, unsigned offset, unsigned size)
{
    struct virtio_device *v = as_virtio(d);
    uint32_t at;
    unsigned n;
    if (touches_window(v, offset, size)) {
        const struct pci_bar_part *part = window_part(v, &at, &n);
        if (part) {
            struct mem_range r = {.ops = part->ops, .opaque = part->opaque, .lock = part->lock};
            const struct requester by = {.id = pci_requester_id(&v->pci), .device = true};
            range_store(&r, &by, at, n, load_le32(v->pci.config + v->pci_cfg_cap + CAP_DATA));
        }
    }
}

/* ---- the legacy interface */

static uint16_t legacy_vector(struct virtio_device *v, unsigned offset)
{
    const struct virtqueue *q = virtio_selected(v);
    if (offset == LEGACY_CONFIG_VECTOR) {
        return v->config_vector;
    }
    return q ? q->s->vector : VIRTQ_NO_VECTOR;
}

static uint32_t legacy_register(struct virtio_device *v, unsigned offset, unsigned size)
{
    const struct virtqueue *q = virtio_selected(v);
    switch (offset) {
    case LEGACY_DEVICE_FEATURES:
        return virtio_legacy_features(v);
    case LEGACY_DRIVER_FEATURES:
        return (uint32_t)v->accepted;
    case LEGACY_QUEUE_PFN:
        return virtio_legacy_pfn(v, LEGACY_PAGE_BYTES);
    case LEGACY_QUEUE_NUM:
        return q ? q->size_max : 0;
    case LEGACY_QUEUE_SELECT:
        return v->queue_select;
    case LEGACY_STATUS:
        return atomic_get(&v->status);
    default:
        log_guest(v->cls->name, "read of %u bytes at legacy register 0x%x", size, offset);
        return 0;
    }
}

static void legacy_register_write(struct virtio_device *v, unsigned offset, uint32_t value)
{
    switch (offset) {
    case LEGACY_DRIVER_FEATURES:
        virtio_legacy_set_features(v, value);
        break;
    case LEGACY_QUEUE_PFN:
        virtio_legacy_set_pfn(v, value, LEGACY_PAGE_BYTES, VIRTIO_LEGACY_ALIGN);
        break;
    case LEGACY_QUEUE_SELECT:
        v->queue_select = value & 0xffff;
        break;
    case LEGACY_STATUS:
        virtio_legacy_set_status(v, value & 0xff);
        break;
    default:
        log_guest(v->cls->name, "write of 0x%x to legacy register 0x%x", value, offset);
    }
}

static uint64_t legacy_load(void *opaque, uint64_t offset, unsigned size)
{
    return legacy_register(opaque, (unsigned)offset, size);
}

static void legacy_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    legacy_register_write(opaque, (unsigned)offset, (uint32_t)value);
}

static uint64_t legacy_status_load(void *opaque, uint64_t offset, unsigned size)
{
    return legacy_register(opaque, LEGACY_STATUS + (unsigned)offset, size);
}

static void legacy_status_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    legacy_register_write(opaque, LEGACY_STATUS + (unsigned)offset, (uint32_t)value);
}

static void legacy_notify_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_device *v = opaque;
    (void)offset, (void)size;
    if (!pci_bus_master(&v->pci)) {
        log_guest(v->cls->name, "notification while the function may not be bus master");
        return;
    }
    virtio_notify(v, (unsigned)value);
}

/* Vectors, if there are any, and the device's configuration: behind the ISR status. */
static uint64_t legacy_rest_load(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_device *v = opaque;
    const unsigned at = LEGACY_CONFIG_VECTOR + (unsigned)offset;
    if (!pci_msix_enabled(&v->pci)) {
        return virtio_config_load(v, at - LEGACY_CONFIG_VECTOR, size);
    }
    return at >= LEGACY_HEADER_BYTES ? virtio_config_load(v, at - LEGACY_HEADER_BYTES, size)
                                     : legacy_vector(v, at);
}

static void legacy_rest_store(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct virtio_device *v = opaque;
    struct virtqueue *q = virtio_selected(v);
    const unsigned at = LEGACY_CONFIG_VECTOR + (unsigned)offset;
    if (!pci_msix_enabled(&v->pci)) {
        virtio_config_store(v, at - LEGACY_CONFIG_VECTOR, value, size);
    } else if (at >= LEGACY_HEADER_BYTES) {
        virtio_config_store(v, at - LEGACY_HEADER_BYTES, value, size);
    } else if (at == LEGACY_CONFIG_VECTOR) {
        atomic_set(&v->config_vector, usable_vector(v, (uint32_t)value));
    } else if (at == LEGACY_QUEUE_VECTOR && q) {
        atomic_set(&q->s->vector, usable_vector(v, (uint32_t)value));
    }
}

static const struct mmio_ops legacy_ops = {
    .read = legacy_load, .write = legacy_store, .sizes = 1 | 2 | 4};
static const struct mmio_ops legacy_notify_ops = {
    .read = notify_load, .write = legacy_notify_store, .sizes = 1 | 2 | 4};
static const struct mmio_ops legacy_status_ops = {
    .read = legacy_status_load, .write = legacy_status_store, .sizes = 1};
static const struct mmio_ops legacy_rest_ops = {
    .read = legacy_rest_load, .write = legacy_rest_store, .sizes = 1 | 2 | 4};

static void add_legacy_bar(struct virtio_device *v)
{
    uint32_t bytes = 32;
    while (bytes < LEGACY_HEADER_BYTES + v->config_bytes) {
        bytes *= 2;
    }
    const struct pci_bar_part parts[] = {
        {0, LEGACY_QUEUE_NOTIFY, "virtio-pci-legacy", &legacy_ops, v, &v->lock},
        {LEGACY_QUEUE_NOTIFY, 2, "virtio-pci-legacy-notify", &legacy_notify_ops, v, NULL},
        {LEGACY_STATUS, 1, "virtio-pci-legacy-status", &legacy_status_ops, v, &v->lock},
        {LEGACY_ISR, 1, "virtio-pci-legacy-isr", &isr_ops, v, NULL},
        {LEGACY_CONFIG_VECTOR, bytes - LEGACY_CONFIG_VECTOR, "virtio-pci-legacy-device",
         &legacy_rest_ops, v, &v->lock},
    };
    pci_bar_add(&v->pci, LEGACY_BAR, PCI_BAR_IO, bytes);
    for (unsigned i = 0; i < array_len(parts); i++) {
        pci_bar_add_part(&v->pci, LEGACY_BAR, &parts[i]);
    }
}

/* ---- life */

static unsigned add_cap(struct pci_device *p, uint8_t type, uint32_t offset, uint32_t length,
                        unsigned extra)
{
    unsigned at = pci_cap_add(p, PCI_CAP_VENDOR, CAP_DATA + extra);
    p->config[at + CAP_LEN] = p->initial[at + CAP_LEN] = (uint8_t)(CAP_DATA + extra);
    p->config[at + CAP_TYPE] = p->initial[at + CAP_TYPE] = type;
    p->config[at + CAP_BAR] = p->initial[at + CAP_BAR] = type == CAP_PCI ? 0 : VIRTIO_BAR;
    pci_config_set32(p, at + CAP_OFFSET, offset);
    pci_config_set32(p, at + CAP_LENGTH, length);
    return at;
}

/* In the places where QEMU has them. */
static void add_caps(struct virtio_device *v)
{
    struct pci_device *p = &v->pci;
    add_cap(p, CAP_COMMON, COMMON_AT, PART_BYTES, 0);
    add_cap(p, CAP_ISR, ISR_AT, PART_BYTES, 0);
    add_cap(p, CAP_DEVICE, DEVICE_AT, PART_BYTES, 0);
    unsigned at = add_cap(p, CAP_NOTIFY, NOTIFY_AT, PART_BYTES, 4);
    pci_config_set32(p, at + CAP_DATA, NOTIFY_MULTIPLIER);
    at = add_cap(p, CAP_PCI, 0, 0, 4);
    v->pci_cfg_cap = at;
    p->writable[at + CAP_BAR] = 0xff;
    memset(p->writable + at + CAP_OFFSET, 0xff, 12); /* offset, length, data */
}

static void add_bar(struct virtio_device *v)
{
    const struct pci_bar_part parts[] = {
        {COMMON_AT, PART_BYTES, "virtio-pci-common", &common_ops, v, &v->lock},
        {ISR_AT, PART_BYTES, "virtio-pci-isr", &isr_ops, v, NULL},
        {DEVICE_AT, PART_BYTES, "virtio-pci-device", &device_ops, v, &v->lock},
        {NOTIFY_AT, PART_BYTES, "virtio-pci-notify", &notify_ops, v, NULL},
    };
    pci_bar_add(&v->pci, VIRTIO_BAR, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, BAR_BYTES);
    for (unsigned i = 0; i < array_len(parts); i++) {
        pci_bar_add_part(&v->pci, VIRTIO_BAR, &parts[i]);
    }
}

/* The PCI device ids of those that were there before version 1 of the specification (4.1.2.1). */
static uint16_t legacy_device_id(unsigned virtio_id)
{
    static const uint16_t ids[] = {
        [VIRTIO_ID_NET] = 0x1000,     [VIRTIO_ID_BLOCK] = 0x1001, [VIRTIO_ID_BALLOON] = 0x1002,
        [VIRTIO_ID_CONSOLE] = 0x1003, [VIRTIO_ID_SCSI] = 0x1004,  [VIRTIO_ID_9P] = 0x1009,
        [VIRTIO_ID_RNG] = 0x1005};
    return virtio_id < array_len(ids) ? ids[virtio_id] : 0;
}

/* On a bridge's other side, where all functions are PCI Express ones. */
static bool behind_port(const struct device *d)
{
    const struct pci_bus *bus = d->bus ? d->bus->impl : NULL;
    return bus && bus->bridge;
}

/* Which interfaces there are. */
static bool choose_forms(struct virtio_device *v, const struct virtio_class *c, struct error *e)
{
    enum {
        ON,
        OFF,
        AUTO
    };
    const struct device *d = &v->pci.dev;
    const int disable = v->prop_disable_legacy;
    v->legacy = disable == OFF || (disable == AUTO && !behind_port(d));
    if (v->prop_disable_modern && disable == ON) {
        return error_set(e, "%s: disable-legacy=on and disable-modern=on leave no interface",
                         d->cls->name);
    }
    if (v->prop_disable_modern && !v->legacy) {
        return error_set(e,
                         "%s: disable-modern=on needs disable-legacy=off behind a PCI Express "
                         "port",
                         d->cls->name);
    }
    if (v->legacy && !legacy_device_id(c->id)) { /* younger than the legacy interface */
        if (disable == OFF || v->prop_disable_modern) {
            return error_set(e, "%s: the device has no legacy form", d->cls->name);
        }
        v->legacy = false;
    }
    if (v->legacy && v->prop_iommu_platform) {
        return error_set(e, "%s: iommu_platform=on needs disable-legacy=on", d->cls->name);
    }
    return true;
}

/* The identity of the forms that were chosen. */
static void identify(struct virtio_device *v, const struct virtio_class *c)
{
    struct pci_device *p = &v->pci;
    if (v->legacy) {
        pci_config_set16(p, PCI_DEVICE_ID, legacy_device_id(c->id));
        pci_config_set16(p, PCI_SUBSYSTEM_ID, c->id);
        p->config[PCI_REVISION_ID] = p->initial[PCI_REVISION_ID] = 0;
    }
}

static bool check_vectors(const struct virtio_device *v, struct error *e)
{
    return v->prop_vectors == UINT32_MAX || v->prop_vectors <= PCI_MSIX_MAX ||
           error_set(e, "%s: vectors=%u: at most %u", v->pci.dev.cls->name, v->prop_vectors,
                     PCI_MSIX_MAX);
}

static void add_registers(struct virtio_device *v)
{
    if (behind_port(&v->pci.dev)) {
        pci_cap_add_express(&v->pci, PCI_EXP_TYPE_ENDPOINT);
        pci_cap_add_power(&v->pci);
    }
    if (v->legacy) {
        add_legacy_bar(v);
    }
    if (!v->prop_disable_modern) {
        add_caps(v);
        add_bar(v);
    }
}

bool virtio_pci_create(struct device *d, struct error *e)
{
    struct virtio_device *v = as_virtio(d);
    const struct virtio_pci_class *c = d->cls->kind;
    if (!check_vectors(v, e) || !choose_forms(v, c->virtio, e)) {
        return false;
    }
    v->transport = &pci_transport;
    pci_device_init(&v->pci, &c->pci);
    if (!virtio_create(v, c->virtio, e)) {
        pci_device_fini(&v->pci);
        return false;
    }
    identify(v, c->virtio);
    unsigned vectors = v->prop_vectors;
    if (vectors == UINT32_MAX) {
        vectors = v->queue_count + 1 < PCI_MSIX_MAX ? v->queue_count + 1 : PCI_MSIX_MAX;
    }
    add_registers(v);
    if (vectors) {
        pci_msix_init(&v->pci, MSIX_BAR, vectors);
    }
    return true;
}
