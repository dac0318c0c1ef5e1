/* SPDX-License-Identifier: MIT */
/*
 * NVMe controllers: registers, properties and life. NVM Express Base Specification 1.4, 3 and 7.6.
 * BAR 0 has registers and doorbells, BAR 4 the MSI-X table. Not modelled, and not offered: a memory
 * buffer, several subsystems, virtual functions, zones.
 */
#include "hw/nvme/nvme.h"

#include "base/log.h"
#include "base/mem.h"
#include "hw/pci/pci_internal.h"
#include "hw/pci/pci_regs.h"
#include "hw/virtio/virtio.h" /* on, off, auto */

enum {
    REGISTER_BYTES = NVME_DOORBELLS,
    MSIX_BAR = 4,
    PAGE_EXPONENT_MAX = 4, /* of pages of 4 KiB */

    CC_WRITABLE_BITS = 0xfffff1,
    CC_FIXED_BITS = 0x3ff0, /* while it is enabled: command set, page size, arbitration (3.1.5) */
    SHUTDOWN = 3 << 14,
};

static struct nvme *of(struct device *d)
{
    return (struct nvme *)d;
}

/* ---- enabling and disabling (7.3, 7.6) */

/* What cannot change while it is enabled. */
static bool admin_is_good(const struct nvme *n)
{
    const uint64_t mask = nvme_page_bytes(n) - 1;
    const unsigned page = n->cc >> 7 & 15, commands = n->cc >> 4 & 7, arbitration = n->cc >> 11 & 7;
    return page <= PAGE_EXPONENT_MAX && commands == 0 && arbitration == 0 && n->asq && n->acq &&
           !((n->asq | n->acq) & mask) && (n->aqa & 0xfff) && (n->aqa >> 16 & 0xfff);
}

static bool can_enable(const struct nvme *n)
{
    const unsigned sqes = n->cc >> 16 & 15, cqes = n->cc >> 20 & 15;
    return admin_is_good(n) && (sqes == 6 || sqes == 0) && (cqes == 4 || cqes == 0);
}

static void enable(struct nvme *n)
{
    if (!can_enable(n)) {
        log_guest("nvme", "enabled with CC 0x%x, AQA 0x%x: that cannot be", n->cc, n->aqa);
        n->csts |= NVME_CSTS_FATAL;
        return;
    }
    n->sq[0] = (struct nvme_sq){.base = n->asq, .entries = (n->aqa & 0xfff) + 1};
    n->cq[0] = (struct nvme_cq){
        .base = n->acq, .entries = (n->aqa >> 16 & 0xfff) + 1, .phase = true, .interrupts = true};
    n->csts = NVME_CSTS_READY;
}

void nvme_stop(struct nvme *n)
{
    os_mutex_lock(&n->post_lock);
    os_mutex_lock(&n->lock);
    n->stopping = true;
    os_mutex_unlock(&n->lock);
    os_mutex_unlock(&n->post_lock);
    nvme_drain(n);
}

static void reset_controller(struct nvme *n)
{
    nvme_stop(n);
    if (n->cc & NVME_CC_ENABLE) { /* whoever enables it next may think nothing was cached */
        nvme_flush(n);
    }
    os_mutex_lock(&n->lock);
    nvme_queues_reset(n);
    nvme_features_reset(n);
    n->csts = 0;
    n->cc &= ~(uint32_t)NVME_CC_ENABLE;
    n->stopping = false;
    pci_intx_set(&n->pci, false);
    os_mutex_unlock(&n->lock);
}

static void write_cc(struct nvme *n, uint32_t value)
{
    const bool was = n->cc & NVME_CC_ENABLE, is = value & NVME_CC_ENABLE;
    const bool shuts_down = (value & SHUTDOWN) && !(n->cc & SHUTDOWN);
    if (was && !is) {
        reset_controller(n);
    } else if (was && shuts_down) {
        nvme_flush(n);
    }
    os_mutex_lock(&n->lock);
    const uint32_t writable = was && is ? CC_WRITABLE_BITS & ~CC_FIXED_BITS : CC_WRITABLE_BITS;
    n->cc = (n->cc & CC_FIXED_BITS & ~writable) | (value & writable);
    if (!was && is) {
        enable(n);
    }
    if (value & SHUTDOWN) { /* all that was acknowledged is on stable storage */
        n->csts |= NVME_CSTS_SHUT_DOWN;
    } else {
        n->csts &= ~(uint32_t)NVME_CSTS_SHUT_DOWN;
    }
    os_mutex_unlock(&n->lock);
}

/* ---- registers (3.1) */

static uint64_t capabilities(const struct nvme *n)
{
    return n->mqes | UINT64_C(1) << 16 /* contiguous queues */ | UINT64_C(15) << 24 /* 7.5 s */ |
           UINT64_C(1) << 37 /* NVM commands */ | (uint64_t)PAGE_EXPONENT_MAX << 52;
}

static uint64_t whole_register(const struct nvme *n, uint64_t offset, unsigned *bytes)
{
    *bytes = 4;
    switch (offset) {
    case NVME_CAP:
        *bytes = 8;
        return capabilities(n);
    case NVME_VS:
        return 0x10400;
    case NVME_INTMS:
    case NVME_INTMC:
        return n->intm;
    case NVME_CC:
        return n->cc;
    case NVME_CSTS:
        return n->csts;
    case NVME_AQA:
        return n->aqa;
    case NVME_ASQ:
        *bytes = 8;
        return n->asq;
    case NVME_ACQ:
        *bytes = 8;
        return n->acq;
    default:
        return 0;
    }
}

static uint64_t nvme_read(void *opaque, uint64_t offset, unsigned size)
{
    struct nvme *n = opaque;
    unsigned bytes;
    os_mutex_lock(&n->lock);
    uint64_t value = whole_register(n, offset & ~UINT64_C(7), &bytes);
    if (bytes == 4 && (size == 8 || offset & 4)) {
        const uint64_t high = whole_register(n, (offset & ~UINT64_C(7)) + 4, &bytes);
        value = (uint32_t)value | high << 32;
    }
    os_mutex_unlock(&n->lock);
    value >>= 8 * (offset & 7);
    return value & mask64(8 * size);
}

static void write_address(uint64_t *at, uint64_t offset, uint32_t value)
{
    *at = offset & 4 ? (uint32_t)*at | (uint64_t)value << 32
                     : (*at & ~UINT64_C(0xffffffff)) | value;
    *at &= ~UINT64_C(0xfff);
}

/* Of the admin queues: they are set while the controller is disabled (3.1.8 to 3.1.10). */
static void write_admin(struct nvme *n, uint64_t offset, uint32_t value)
{
    if (n->cc & NVME_CC_ENABLE) {
        log_guest("nvme", "0x%x written at 0x%llx of an enabled controller", value,
                  (unsigned long long)offset);
    } else if (offset == NVME_AQA) {
        n->aqa = value & 0x0fff0fff;
    } else {
        write_address(offset < NVME_ACQ ? &n->asq : &n->acq, offset, value);
    }
}

static void write_32(struct nvme *n, uint64_t offset, uint32_t value)
{
    if (offset == NVME_CC) {
        write_cc(n, value);
        return;
    }
    os_mutex_lock(&n->lock);
    switch (offset) {
    case NVME_INTMS:
    case NVME_INTMC:
        n->intm = offset == NVME_INTMS ? n->intm | value : n->intm & ~value;
        nvme_interrupts_update(n);
        break;
    case NVME_AQA:
    case NVME_ASQ:
    case NVME_ASQ + 4:
    case NVME_ACQ:
    case NVME_ACQ + 4:
        write_admin(n, offset, value);
        break;
    default:
        log_guest("nvme", "0x%x written at 0x%llx, where nothing can be", value,
                  (unsigned long long)offset);
    }
    os_mutex_unlock(&n->lock);
}

static void nvme_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct nvme *n = opaque;
    write_32(n, offset, (uint32_t)value);
    if (size == 8) {
        write_32(n, offset + 4, (uint32_t)(value >> 32));
    }
}

static uint64_t doorbell_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size; /* 3.1.24: what is read has no meaning */
    return 0;
}

static void doorbell_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    (void)size;
    nvme_doorbell(opaque, offset, (uint32_t)value);
}

static const struct mmio_ops register_ops = {
    .read = nvme_read, .write = nvme_write, .sizes = 4 | 8};
static const struct mmio_ops doorbell_ops = {
    .read = doorbell_read, .write = doorbell_write, .sizes = 4};

/* ---- life */

static const struct pci_class nvme_pci = {
    .vendor = 0x1b36,
    .device = 0x0010,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x010802,
    .revision = 2,
    .interrupt_pin = 1,
};

static bool check_properties(struct nvme *n, struct error *e)
{
    if (!n->serial || !*n->serial) {
        return error_set(e, "serial= is missing");
    }
    if (n->num_queues) { /* the older name counts the admin queue */
        n->max_ioqpairs = n->num_queues - 1;
    }
    if (n->max_ioqpairs < 1 || n->max_ioqpairs >= NVME_QUEUES_MAX) {
        return error_set(e, "max_ioqpairs=%u: 1 to %u are accepted", n->max_ioqpairs,
                         NVME_QUEUES_MAX - 1);
    }
    if (n->mqes < 1) {
        return error_set(e, "mqes=0: 1 to 65535 are accepted");
    }
    if (n->msix_qsize < 1 || n->msix_qsize > PCI_MSIX_MAX) {
        return error_set(e, "msix_qsize=%u: 1 to %u are accepted", n->msix_qsize, PCI_MSIX_MAX);
    }
    if (n->mdts < 1 || n->mdts > 9) {
        return error_set(e, "mdts=%u: 1 to 9 are accepted", n->mdts);
    }
    if (n->aerl >= NVME_AER_MAX) {
        return error_set(e, "aerl=%u: 0 to %u are accepted", n->aerl, NVME_AER_MAX - 1);
    }
    return true;
}

/* Behind a port all functions are PCI Express ones. */
static void add_caps(struct nvme *n)
{
    const struct pci_bus *bus = n->pci.dev.bus ? n->pci.dev.bus->impl : NULL;
    if (bus && bus->bridge) {
        pci_cap_add_express(&n->pci, PCI_EXP_TYPE_ENDPOINT);
        pci_cap_add_power(&n->pci);
    }
}

static void add_registers(struct nvme *n)
{
    n->queues = n->max_ioqpairs + 1;
    const uint32_t bytes = (uint32_t)pow2_ceil(REGISTER_BYTES + 8 * (uint64_t)n->queues);
    pci_bar_add(&n->pci, 0, PCI_BAR_MEM64, bytes);
    pci_bar_add_part(&n->pci, 0,
                     &(struct pci_bar_part){0, REGISTER_BYTES, "nvme", &register_ops, n, NULL});
    pci_bar_add_part(&n->pci, 0,
                     &(struct pci_bar_part){REGISTER_BYTES, bytes - REGISTER_BYTES,
                                            "nvme-doorbells", &doorbell_ops, n, NULL});
    pci_msix_init(&n->pci, MSIX_BAR, n->msix_qsize);
}

static bool nvme_create(struct device *d, struct error *e)
{
    struct nvme *n = of(d);
    if (!check_properties(n, e)) {
        error_prefix(e, "nvme: ");
        return false;
    }
    os_mutex_init(&n->lock);
    os_mutex_init(&n->post_lock);
    if (nvme_counted(n)) {
        n->timer = clock_timer_create(d->clock, nvme_due, n);
    }
    if (n->own.drive && !nvme_namespace_create(&n->own, n, 1, e)) {
        error_prefix(e, "nvme: ");
        if (n->timer) {
            clock_timer_destroy(n->timer);
        }
        os_mutex_destroy(&n->lock);
        os_mutex_destroy(&n->post_lock);
        return false;
    }
    pci_device_init(&n->pci, &nvme_pci);
    if (n->use_intel_id) {
        pci_config_set16(&n->pci, PCI_VENDOR_ID, 0x8086);
        pci_config_set16(&n->pci, PCI_DEVICE_ID, 0x5845);
    }
    add_caps(n);
    add_registers(n);
    nvme_bus_init(n);
    return true;
}

static void nvme_destroy(struct device *d)
{
    struct nvme *n = of(d);
    nvme_stop(n);
    nvme_namespace_destroy(&n->own);
    machine_remove_bus(d->machine, &n->bus);
    due_list_clear(&n->due, n->timer);
    due_list_clear(&n->owed, NULL);
    if (n->timer) {
        clock_timer_destroy(n->timer);
    }
    for (struct nvme_command *c = n->spare; c; c = n->spare) {
        n->spare = c->next;
        mem_free(c->iov);
        mem_free(c);
    }
    os_mutex_destroy(&n->lock);
    os_mutex_destroy(&n->post_lock);
    pci_device_fini(&n->pci);
}

static void nvme_reset(struct device *d)
{
    struct nvme *n = of(d);
    reset_controller(n);
    n->cc = n->intm = n->aqa = 0;
    n->asq = n->acq = 0;
    pci_device_reset(&n->pci);
}

static void nvme_settle(struct device *d)
{
    nvme_settle_disks(of(d));
}

static bool nvme_check(struct device *d, struct error *e)
{
    const struct nvme *n = of(d);
    if (!pci_device_check(&n->pci, e)) {
        return false;
    }
    if ((n->csts & NVME_CSTS_READY) && !admin_is_good(n)) {
        return error_set(e, "it is ready, and its registers are none that it can have become so");
    }
    return nvme_queues_check(n, e);
}

static void nvme_loaded(struct device *d)
{
    nvme_queues_loaded(of(d));
    pci_device_loaded(&of(d)->pci);
}

static void nvme_resume(struct device *d)
{
    struct nvme *n = of(d);
    if (!nvme_counted(n)) {
        nvme_take_all(n); /* what the driver put into its queues before */
    }
}

/* ---- tables */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct nvme, member),                     \
        .initial = initial_, .desc = desc_                                                         \
    }
static const struct prop nvme_props[] = {
    PCI_PROPS(nvme, pci),
    NVME_NAMESPACE_PROPS(nvme, own),
    P("serial", PROP_STRING, serial, NULL, "serial number, up to 20 characters"),
    P("max_ioqpairs", PROP_U32, max_ioqpairs, "64", "queues beside the admin queue, at most"),
    P("num_queues", PROP_U32, num_queues, "0",
      "the same with the admin queue, under its older name"),
    P("mqes", PROP_U16, mqes, "2047", "entries of a queue, less one"),
    P("msix_qsize", PROP_U16, msix_qsize, "65", "MSI-X vectors"),
    P("mdts", PROP_U8, mdts, "7", "2^N pages of 4 KiB are the most that a command moves"),
    P("aerl", PROP_U8, aerl, "3", "requests for events at the same time, less one"),
    P("use-intel-id", PROP_BOOL, use_intel_id, "off", "have the ids of QEMU's older controllers"),
    P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),
    PROP_END,
};

static const struct field event_fields[] = {
    FIELD(nvme_event, type),
    FIELD(nvme_event, info),
    FIELD(nvme_event, page),
    FIELD_SKIP(nvme_event, pad),
    FIELD_END,
};
static const struct field sq_fields[] = {
    FIELD(nvme_sq, base),     FIELD(nvme_sq, entries),  FIELD(nvme_sq, head),
    FIELD(nvme_sq, tail),     FIELD(nvme_sq, cqid),     FIELD(nvme_sq, delete_cid),
    FIELD(nvme_sq, deleting), FIELD_SKIP(nvme_sq, pad), FIELD_END,
};
static const struct field cq_fields[] = {
    FIELD(nvme_cq, base),       FIELD(nvme_cq, entries),  FIELD(nvme_cq, head),
    FIELD(nvme_cq, tail),       FIELD(nvme_cq, vector),   FIELD(nvme_cq, phase),
    FIELD(nvme_cq, interrupts), FIELD_SKIP(nvme_cq, pad), FIELD_END,
};
static const struct field nvme_fields[] = {
    PCI_FIELDS(nvme, pci),
    NVME_NAMESPACE_FIELDS(nvme, own),
    FIELD_KEEP(nvme, intm),
    FIELD_KEEP(nvme, cc),
    FIELD_KEEP(nvme, csts),
    FIELD_KEEP(nvme, aqa),
    FIELD_KEEP(nvme, asq),
    FIELD_KEEP(nvme, acq),
    FIELD_KEEP(nvme, changed),
    FIELD_KEEP(nvme, features),
    FIELD_KEEP(nvme, events_masked),
    FIELD_KEEP(nvme, aer_cid),
    FIELD_KEEP_PARTS(nvme, event, event_fields, nvme_event),
    FIELD_KEEP_MOST(nvme, aer_count, NVME_AER_MAX),
    FIELD_KEEP_MOST(nvme, event_count, NVME_EVENTS_MAX),
    FIELD_KEEP_MOST(nvme, write_cached, 1),
    FIELD_KEEP_PARTS(nvme, sq, sq_fields, nvme_sq),
    FIELD_KEEP_PARTS(nvme, cq, cq_fields, nvme_cq),
    DUE_LIST_FIELDS(nvme, due),
    DUE_LIST_FIELDS(nvme, owed),
    FIELD_SKIP(nvme, pad),
    FIELD_SKIP(nvme, pad2),
    FIELD_SKIP(nvme, pad3),
    FIELD_SKIP(nvme, bus),
    FIELD_SKIP(nvme, ns),
    FIELD_SKIP(nvme, post_lock),
    FIELD_SKIP(nvme, lock),
    FIELD_SKIP(nvme, timer),
    FIELD_SKIP(nvme, spare),
    FIELD_SKIP(nvme, in_flight),
    FIELD_SKIP(nvme, signals),
    FIELD_SKIP(nvme, queues),
    FIELD_SKIP(nvme, under_way),
    FIELD_SKIP(nvme, stopping),
    FIELD_SKIP(nvme, pad4),
    FIELD_END,
};

const struct device_class nvme_class = {
    .name = "nvme",
    .desc = "NVM Express controller",
    .bus = BUS_PCI,
    .size = sizeof(struct nvme),
    .props = nvme_props,
    .fields = nvme_fields,
    .create = nvme_create,
    .reset = nvme_reset,
    .destroy = nvme_destroy,
    .settle = nvme_settle,
    .check = nvme_check,
    .loaded = nvme_loaded,
    .resume = nvme_resume,
    .boot_node = "namespace@1,0",
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &nvme_pci,
};
