/* SPDX-License-Identifier: MIT */
/* The test machine and the driver's side of virtio; see the header. */
#include "tests/support/virtio_rig.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "hw/pci/pci_regs.h"

/* ---- machine */

static bool build(struct machine *m, struct error *e)
{
    (void)e;
    space_add(m->memory, &(struct mem_range){.base = RIG_RAM,
                                             .size = m->config.ram_bytes,
                                             .kind = RANGE_RAM,
                                             .name = "ram",
                                             .host = m->ram});
    return true;
}

static const struct machine_class rig_class = {
    .name = "rig",
    .arch = "none",
    .default_ram_bytes = RIG_RAM_BYTES,
    .max_cpus = 1,
    .board_size = 8,
    .build = build,
};

static void die(const char *what, const struct error *e)
{
    fprintf(stderr, "test machine: %s: %s\n", what, e->text);
    exit(2);
}

static void intx_set(void *opaque, int line, int level)
{
    struct rig *r = opaque;
    atomic_set(&r->intx[line], level);
}

static void mmio_irq_set(void *opaque, int line, int level)
{
    struct rig *r = opaque;
    (void)line;
    if (level && !atomic_get(&r->mmio_irq)) {
        atomic_add(&r->mmio_irqs, 1);
    }
    atomic_set(&r->mmio_irq, level);
}

static void msi_send(void *opaque, uint64_t addr, uint32_t data, uint32_t requester)
{
    struct rig *r = opaque;
    if (addr == RIG_MSI && data < RIG_MSIS) {
        atomic_set(&r->requester, requester);
        atomic_add(&r->msi[data], 1);
    }
}

static void open_rig(struct rig *r, const char *force_legacy)
{
    struct error e = {{0}};
    *r = (struct rig){.next = RIG_RAM + 0x100000};
    r->m = machine_new(&rig_class);
    r->m->clock = clock_manual_create();
    if (!machine_build(r->m, &e)) {
        die("build", &e);
    }
    r->gpex = device_new(&gpex_pcihost_class, r->m, NULL);
    gpex_set_windows(r->gpex, &(struct pci_windows){
                                  .ecam_base = RIG_ECAM,
                                  .ecam_size = 256 << 20,
                                  .mmio_base = RIG_MMIO,
                                  .mmio_size = 0x2eff0000,
                                  .high_base = RIG_HIGH,
                                  .high_size = UINT64_C(1) << 39,
                                  .pio_base = RIG_PIO,
                                  .pio_size = 0x10000,
                              });
    gpex_set_msi_sink(r->gpex, &(struct pci_msi_sink){msi_send, r});
    r->mmio = device_new(&virtio_mmio_class, r->m, NULL);
    if (!device_set(r->mmio, "force-legacy", force_legacy, &e)) {
        die("force-legacy", &e);
    }
    if (!device_create(r->gpex, &e) || !device_create(r->mmio, &e)) {
        die("devices", &e);
    }
    for (int i = 0; i < 4; i++) {
        r->gpex->irq[i] = (struct irq){intx_set, r, i};
    }
    r->mmio->irq[0] = (struct irq){mmio_irq_set, r, 0};
    virtio_mmio_map(r->mmio, r->m->memory, RIG_VIRTIO_MMIO);
    machine_reset(r->m);
}

void rig_open(struct rig *r)
{
    open_rig(r, "off");
}

void rig_open_legacy(struct rig *r)
{
    open_rig(r, "on");
}

void rig_close(struct rig *r)
{
    struct clock *c = r->m->clock;
    machine_free(r->m);
    clock_destroy(c);
}

struct device *rig_device(struct rig *r, const struct device_class *c, const char *bus,
                          struct error *e, ...)
{
    struct device *d = device_new(c, r->m, NULL);
    bool good = true;
    va_list ap;
    va_start(ap, e);
    for (const char *s; good && (s = va_arg(ap, const char *));) {
        char name[64];
        const char *eq = strchr(s, '=');
        snprintf(name, sizeof(name), "%.*s", (int)(eq - s), s);
        good = device_set(d, name, eq + 1, e);
    }
    va_end(ap);
    d->bus = bus ? machine_find_bus(r->m, bus) : NULL;
    if (!good || !device_create(d, e)) {
        device_free(d);
        return NULL;
    }
    device_reset(d);
    return d;
}

/* ---- memory */

uint64_t rig_load(struct rig *r, paddr a, unsigned size)
{
    uint64_t v = 0;
    if (!space_load(r->m->memory, a, size, &v)) {
        fprintf(stderr, "test machine: bus error at 0x%llx\n", (unsigned long long)a);
        exit(2);
    }
    return v;
}

void rig_store(struct rig *r, paddr a, unsigned size, uint64_t v)
{
    if (!space_store(r->m->memory, a, size, v)) {
        fprintf(stderr, "test machine: bus error at 0x%llx\n", (unsigned long long)a);
        exit(2);
    }
}

paddr rig_alloc(struct rig *r, size_t n)
{
    paddr a = r->next;
    r->next += align_up(n, 4096);
    assert(r->next <= RIG_RAM + RIG_RAM_BYTES);
    memset(rig_host(r, a), 0, n);
    return a;
}

uint8_t *rig_host(struct rig *r, paddr a)
{
    return r->m->ram + (a - RIG_RAM);
}

static paddr ecam(unsigned bus, unsigned devfn, unsigned offset)
{
    return RIG_ECAM + ((paddr)bus << 20 | devfn << 12 | offset);
}

uint32_t rig_config(struct rig *r, unsigned bus, unsigned devfn, unsigned offset, unsigned size)
{
    return (uint32_t)rig_load(r, ecam(bus, devfn, offset), size);
}

void rig_config_set(struct rig *r, unsigned bus, unsigned devfn, unsigned offset, unsigned size,
                    uint32_t v)
{
    rig_store(r, ecam(bus, devfn, offset), size, v);
}

static unsigned next_cap(struct rig *r, unsigned bus, unsigned devfn, unsigned at, uint8_t id)
{
    for (unsigned n = 0; at && n < 48; n++) {
        if (rig_config(r, bus, devfn, at, 1) == id) {
            return at;
        }
        at = rig_config(r, bus, devfn, at + 1, 1);
    }
    return 0;
}

unsigned rig_cap(struct rig *r, unsigned bus, unsigned devfn, uint8_t id)
{
    return next_cap(r, bus, devfn, rig_config(r, bus, devfn, PCI_CAPABILITY_LIST, 1), id);
}

/* ---- driver: transport */

void drv_open_mmio(struct drv *d, struct rig *r)
{
    *d = (struct drv){.r = r};
}

void drv_open_mmio_legacy(struct drv *d, struct rig *r)
{
    *d = (struct drv){.r = r, .legacy = true, .base = RIG_VIRTIO_MMIO};
    rig_store(r, d->base + 0x28, 4, 4096);
}

static void find_structures(struct drv *d, paddr bar4)
{
    struct rig *r = d->r;
    unsigned at = rig_cap(r, 0, d->devfn, PCI_CAP_VENDOR);
    while (at) {
        paddr a = bar4 + rig_config(r, 0, d->devfn, at + 8, 4);
        switch (rig_config(r, 0, d->devfn, at + 3, 1)) {
        case 1:
            d->common = a;
            break;
        case 2:
            d->notify = a;
            break;
        case 3:
            d->isr = a;
            break;
        case 4:
            d->config = a;
            break;
        }
        at = next_cap(r, 0, d->devfn, rig_config(r, 0, d->devfn, at + 1, 1), PCI_CAP_VENDOR);
    }
}

/* Turns MSI-X on, with its table at that address; false: there is none. */
static bool enable_msix(struct drv *d, paddr table)
{
    struct rig *r = d->r;
    const unsigned devfn = d->devfn, msix = rig_cap(r, 0, devfn, PCI_CAP_MSIX);
    if (msix) {
        unsigned n = (rig_config(r, 0, devfn, msix + 2, 2) & 0x7ff) + 1;
        rig_config_set(r, 0, devfn, msix + 2, 2, PCI_MSIX_ENABLE);
        for (unsigned v = 0; v < n; v++) {
            rig_store(r, table + 16 * v, 8, RIG_MSI);
            rig_store(r, table + 16 * v + 8, 4, v);
            rig_store(r, table + 16 * v + 12, 4, 0);
        }
    }
    return msix != 0;
}

void drv_open_pci(struct drv *d, struct rig *r, unsigned devfn)
{
    *d = (struct drv){.r = r, .pci = true, .devfn = devfn};
    paddr table = RIG_MMIO + devfn * 0x10000, bar4 = RIG_HIGH + devfn * 0x10000;
    rig_config_set(r, 0, devfn, PCI_BAR0 + 4, 4, (uint32_t)table);
    rig_config_set(r, 0, devfn, PCI_BAR0 + 16, 4, (uint32_t)bar4);
    rig_config_set(r, 0, devfn, PCI_BAR0 + 20, 4, (uint32_t)(bar4 >> 32));
    rig_config_set(r, 0, devfn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    find_structures(d, bar4);
    enable_msix(d, table);
}

void drv_open_pci_legacy(struct drv *d, struct rig *r, unsigned devfn)
{
    const paddr table = RIG_MMIO + devfn * 0x10000, port = 0x1000 + devfn * 0x100;
    *d = (struct drv){.r = r, .pci = true, .legacy = true, .devfn = devfn, .base = RIG_PIO + port};
    rig_config_set(r, 0, devfn, PCI_BAR0, 4, (uint32_t)port);
    rig_config_set(r, 0, devfn, PCI_BAR0 + 4, 4, (uint32_t)table);
    rig_config_set(r, 0, devfn, PCI_COMMAND, 2,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    d->config = d->base + (enable_msix(d, table) ? 24 : 20);
}

static uint32_t mmio_reg(struct drv *d, unsigned offset)
{
    return (uint32_t)rig_load(d->r, RIG_VIRTIO_MMIO + offset, 4);
}

static void mmio_set(struct drv *d, unsigned offset, uint32_t v)
{
    rig_store(d->r, RIG_VIRTIO_MMIO + offset, 4, v);
}

/* A register of the legacy layout: its offset on MMIO, or its port and size on PCI. */
static uint32_t legacy_reg(struct drv *d, unsigned mmio, unsigned port, unsigned size)
{
    return (uint32_t)(d->pci ? rig_load(d->r, d->base + port, size)
                             : rig_load(d->r, d->base + mmio, 4));
}

static void legacy_set(struct drv *d, unsigned mmio, unsigned port, unsigned size, uint32_t v)
{
    if (d->pci) {
        rig_store(d->r, d->base + port, size, v);
    } else {
        rig_store(d->r, d->base + mmio, 4, v);
    }
}

uint32_t drv_status(struct drv *d)
{
    if (d->legacy) {
        return legacy_reg(d, 0x70, 18, 1);
    }
    return d->pci ? (uint32_t)rig_load(d->r, d->common + 0x14, 1) : mmio_reg(d, 0x70);
}

void drv_set_status(struct drv *d, uint32_t status)
{
    if (d->legacy) {
        legacy_set(d, 0x70, 18, 1, status);
    } else if (d->pci) {
        rig_store(d->r, d->common + 0x14, 1, status);
    } else {
        mmio_set(d, 0x70, status);
    }
}

uint64_t drv_features(struct drv *d)
{
    if (d->legacy) {
        return legacy_reg(d, 0x10, 0, 4);
    }
    uint64_t f = 0;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t word;
        if (d->pci) {
            rig_store(d->r, d->common, 4, i);
            word = (uint32_t)rig_load(d->r, d->common + 4, 4);
        } else {
            mmio_set(d, 0x14, i);
            word = mmio_reg(d, 0x10);
        }
        f |= (uint64_t)word << 32 * i;
    }
    return f;
}

bool drv_negotiate(struct drv *d, uint64_t features)
{
    drv_set_status(d, 0);
    drv_set_status(d, VIRTIO_STATUS_ACKNOWLEDGE);
    drv_set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    if (d->legacy) {
        legacy_set(d, 0x20, 4, 4, (uint32_t)features);
        return true;
    }
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t word = (uint32_t)(features >> 32 * i);
        if (d->pci) {
            rig_store(d->r, d->common + 8, 4, i);
            rig_store(d->r, d->common + 12, 4, word);
        } else {
            mmio_set(d, 0x24, i);
            mmio_set(d, 0x20, word);
        }
    }
    drv_set_status(d, drv_status(d) | VIRTIO_STATUS_FEATURES_OK);
    return drv_status(d) & VIRTIO_STATUS_FEATURES_OK;
}

void drv_ok(struct drv *d)
{
    drv_set_status(d, drv_status(d) | VIRTIO_STATUS_DRIVER_OK);
}

uint64_t drv_config(struct drv *d, unsigned offset, unsigned size)
{
    paddr base = d->pci ? d->config : RIG_VIRTIO_MMIO + 0x100;
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i += 4) { /* as drivers do: at most 4 bytes at once */
        unsigned n = size - i < 4 ? size - i : 4;
        v |= rig_load(d->r, base + offset + i, n) << 8 * i;
    }
    return v;
}

void drv_config_set(struct drv *d, unsigned offset, unsigned size, uint64_t v)
{
    rig_store(d->r, (d->pci ? d->config : RIG_VIRTIO_MMIO + 0x100) + offset, size, v);
}

void drv_notify(struct drv *d, unsigned queue)
{
    if (d->legacy) {
        legacy_set(d, 0x50, 16, 2, queue);
    } else if (d->pci) {
        rig_store(d->r, d->notify + 4 * queue, 2, queue);
    } else {
        mmio_set(d, 0x50, queue);
    }
}

/* ---- driver: rings */

static void set_address(struct ring *q, unsigned pci_offset, unsigned mmio_offset, paddr a)
{
    struct drv *d = q->d;
    if (d->pci) {
        rig_store(d->r, d->common + pci_offset, 4, (uint32_t)a);
        rig_store(d->r, d->common + pci_offset + 4, 4, a >> 32);
    } else {
        mmio_set(d, mmio_offset, (uint32_t)a);
        mmio_set(d, mmio_offset + 4, (uint32_t)(a >> 32));
    }
}

/* All of the queue in one piece (2.6.2, 4.1.5.1.3.1). */
static void ring_open_legacy(struct ring *q, struct drv *d, unsigned queue, unsigned size,
                             uint64_t features)
{
    legacy_set(d, 0x30, 14, 2, queue);
    if (d->pci) {
        size = legacy_reg(d, 0, 12, 2);
        rig_store(d->r, d->base + 22, 2, queue);
    } else {
        mmio_set(d, 0x38, size);
        mmio_set(d, 0x3c, 4096);
    }
    const paddr ring = align_up(18 * size + 6, 4096);
    const paddr a = rig_alloc(d->r, ring + 6 + 8 * size);
    *q = (struct ring){.d = d,
                       .queue = queue,
                       .size = size,
                       .event_idx = features & VIRTIO_F_EVENT_IDX,
                       .desc = a,
                       .driver = a + 16 * size,
                       .device = a + ring};
    legacy_set(d, 0x40, 8, 4, (uint32_t)(a / 4096));
}

void ring_open(struct ring *q, struct drv *d, unsigned queue, unsigned size, uint64_t features)
{
    if (d->legacy) {
        ring_open_legacy(q, d, queue, size, features);
        return;
    }
    bool packed = features & VIRTIO_F_RING_PACKED;
    *q = (struct ring){.d = d,
                       .queue = queue,
                       .size = size,
                       .packed = packed,
                       .event_idx = features & VIRTIO_F_EVENT_IDX,
                       .desc = rig_alloc(d->r, 16 * size),
                       .driver = rig_alloc(d->r, 6 + 2 * size),
                       .device = rig_alloc(d->r, 6 + 8 * size),
                       .avail_wrap = true,
                       .used_wrap = true};
    if (d->pci) {
        rig_store(d->r, d->common + 0x16, 2, queue);
        rig_store(d->r, d->common + 0x18, 2, size);
        rig_store(d->r, d->common + 0x1a, 2, queue);
    } else {
        mmio_set(d, 0x30, queue);
        mmio_set(d, 0x38, size);
    }
    set_address(q, 0x20, 0x80, q->desc);
    set_address(q, 0x28, 0x90, q->driver);
    set_address(q, 0x30, 0xa0, q->device);
    if (d->pci) {
        rig_store(d->r, d->common + 0x1c, 2, 1);
    } else {
        mmio_set(d, 0x44, 1);
    }
}

static uint16_t ring16(struct ring *q, paddr a)
{
    return atomic_get_acquire((uint16_t *)(void *)rig_host(q->d->r, a));
}

static void set_ring16(struct ring *q, paddr a, uint16_t v)
{
    atomic_set_release((uint16_t *)(void *)rig_host(q->d->r, a), v);
}

static void put_desc(uint8_t *p, const struct ring_buf *b, uint16_t flags, uint16_t next_or_id,
                     bool packed)
{
    store_le64(p, b->a);
    store_le32(p + 8, b->n);
    store_le16(p + (packed ? 12 : 14), next_or_id);
    store_le16(p + (packed ? 14 : 12), flags | (b->in ? 2 : 0));
}

/* The chain as an indirect table: one descriptor for it. */
static struct ring_buf make_table(struct ring *q, const struct ring_buf *b, unsigned n)
{
    paddr a = rig_alloc(q->d->r, 16 * n);
    for (unsigned i = 0; i < n; i++) {
        put_desc(rig_host(q->d->r, a + 16 * i), &b[i], !q->packed && i + 1 < n ? 1 : 0,
                 (uint16_t)(q->packed ? 0 : i + 1), q->packed);
    }
    return (struct ring_buf){a, 16 * n, false};
}

static unsigned add_split(struct ring *q, const struct ring_buf *b, unsigned n, uint16_t extra)
{
    unsigned head = q->next_desc;
    for (unsigned i = 0; i < n; i++) {
        unsigned next = (q->next_desc + 1) % q->size;
        put_desc(rig_host(q->d->r, q->desc + 16 * q->next_desc), &b[i], (i + 1 < n ? 1 : 0) | extra,
                 (uint16_t)next, false);
        q->next_desc = next;
    }
    set_ring16(q, q->driver + 4 + 2 * (q->avail % q->size), (uint16_t)head);
    set_ring16(q, q->driver + 2, ++q->avail);
    return head;
}

static unsigned add_packed(struct ring *q, const struct ring_buf *b, unsigned n, uint16_t extra)
{
    unsigned first = q->avail;
    uint16_t first_flags = 0;
    for (unsigned i = 0; i < n; i++) {
        uint16_t flags = (q->avail_wrap ? 0x80 : 0x8000) | (i + 1 < n ? 1 : 0) | extra;
        uint8_t *p = rig_host(q->d->r, q->desc + 16 * q->avail);
        if (i == 0) {
            first_flags = flags | (b[0].in ? 2 : 0);
            flags = load_le16(p + 14); /* stays as it is until the chain is complete */
            put_desc(p, &(struct ring_buf){b[0].a, b[0].n, false}, flags, (uint16_t)first, true);
        } else {
            put_desc(p, &b[i], flags, (uint16_t)first, true);
        }
        if (++q->avail == q->size) {
            q->avail = 0;
            q->avail_wrap = !q->avail_wrap;
        }
    }
    q->entries[first] = (uint16_t)n;
    set_ring16(q, q->desc + 16 * first + 14, first_flags);
    return first;
}

unsigned ring_add(struct ring *q, const struct ring_buf *b, unsigned n, bool indirect)
{
    struct ring_buf table;
    uint16_t extra = 0;
    if (indirect) {
        table = make_table(q, b, n);
        b = &table;
        n = 1;
        extra = 4;
    }
    q->outstanding++;
    return q->packed ? add_packed(q, b, n, extra) : add_split(q, b, n, extra);
}

bool ring_kick(struct ring *q)
{
    bool wanted;
    atomic_fence();
    if (q->packed) {
        uint16_t flags = ring16(q, q->device + 2);
        wanted = flags == 0 || (flags == 2 && q->event_idx);
    } else if (q->event_idx) {
        /* One chain was added since the last kick, or more: ask as for the last one only if all
         * were kicked one by one; else notify. */
        wanted = ring16(q, q->device + 4 + 8 * q->size) == (uint16_t)(q->avail - 1) ||
                 q->outstanding > 1;
    } else {
        wanted = !(ring16(q, q->device) & 1);
    }
    if (wanted) {
        drv_notify(q->d, q->queue);
    }
    return wanted;
}

bool ring_used(struct ring *q, unsigned *id, uint32_t *len)
{
    if (q->packed) {
        const uint8_t *p = rig_host(q->d->r, q->desc + 16 * q->last_used);
        uint16_t flags = ring16(q, q->desc + 16 * q->last_used + 14);
        bool avail = flags & 0x80, used = flags & 0x8000;
        if (avail != used || used != q->used_wrap) {
            return false;
        }
        *len = load_le32(p + 8);
        *id = load_le16(p + 12);
        q->last_used += q->entries[*id % VIRTQ_SIZE_MAX];
        if (q->last_used >= q->size) {
            q->last_used -= q->size;
            q->used_wrap = !q->used_wrap;
        }
    } else {
        if (ring16(q, q->device + 2) == q->last_used) {
            return false;
        }
        const uint8_t *p = rig_host(q->d->r, q->device + 4 + 8 * (q->last_used % q->size));
        *id = load_le32(p);
        *len = load_le32(p + 4);
        q->last_used++;
    }
    q->outstanding--;
    return true;
}

bool ring_wait(struct ring *q, unsigned *id, uint32_t *len)
{
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        if (ring_used(q, id, len)) {
            return true;
        }
        os_sleep_until_ns(os_now_ns() + 50000);
    }
    return false;
}

void ring_want_interrupt(struct ring *q, bool want)
{
    if (q->packed) {
        if (want && q->event_idx) {
            set_ring16(q, q->driver, (uint16_t)(q->last_used | (q->used_wrap ? 0x8000 : 0)));
        }
        set_ring16(q, q->driver + 2, want ? (q->event_idx ? 2 : 0) : 1);
    } else if (q->event_idx) {
        set_ring16(q, q->driver + 4 + 2 * q->size,
                   (uint16_t)(want ? q->last_used : q->last_used - 1));
    } else {
        set_ring16(q, q->driver, want ? 0 : 1);
    }
}
