/* SPDX-License-Identifier: MIT */
/*
 * Arm GICv2: distributor and CPU interfaces (IHI 0048B.b chapters 3 and 4).
 *
 * Without Security Extensions, with interrupt grouping, up to 8 vCPUs. Private registers are those
 * of the vCPU that accesses them, which the board tells (gic_set_accessor). SGIs are always
 * enabled. Not modelled: bypass of the CPU interface, virtualization.
 */
#include <inttypes.h>

#include "base/log.h"
#include "hw/intc/gic_core.h"

enum { /* GICD */
    GICD_CTLR = 0x000,
    GICD_TYPER = 0x004,
    GICD_IIDR = 0x008,
    GICD_BITS = 0x080,
    GICD_IPRIORITYR = 0x400,
    GICD_ITARGETSR = 0x800,
    GICD_ICFGR = 0xc00,
    GICD_SGIR = 0xf00,
    GICD_CPENDSGIR = 0xf10,
    GICD_SPENDSGIR = 0xf20,
    GICD_ID = 0xfd0,
};

enum { /* GICC */
    GICC_CTLR = 0x00,
    GICC_PMR = 0x04,
    GICC_BPR = 0x08,
    GICC_IAR = 0x0c,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR0 = 0xd0,
    GICC_APR3 = 0xdc,
    GICC_NSAPR0 = 0xe0,
    GICC_NSAPR3 = 0xec,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,
};

enum {
    CTLR_GROUPS = 3,
    CTLR_ACKCTL = 1 << 2,
    CTLR_EOIMODE = 1 << 9,
    CTLR_WRITABLE = 0x61f
};

#define GICD_IIDR_VALUE 0x0000043b /* Arm, as QEMU's */
#define GICC_IIDR_VALUE 0x0002043b

static unsigned accessor(const struct gic *g)
{
    unsigned cpu = g->current_cpu ? g->current_cpu(g->current_cpu_opaque) : 0;
    return cpu < g->num_cpu ? cpu : 0;
}

/* ---- distributor */

static bool bits_kind(uint64_t offset, enum gic_bits *kind)
{
    static const enum gic_bits kinds[] = {GIC_GROUP,       GIC_SET_ENABLE,    GIC_CLEAR_ENABLE,
                                          GIC_SET_PENDING, GIC_CLEAR_PENDING, GIC_SET_ACTIVE,
                                          GIC_CLEAR_ACTIVE};
    if (offset < GICD_BITS || offset >= GICD_IPRIORITYR) {
        return false;
    }
    *kind = kinds[(offset - GICD_BITS) / 0x80];
    return true;
}

/* The mask of a private interrupt is the reader's own; with one vCPU there are no masks. */
static uint8_t mask_read(const struct gic *g, unsigned cpu, unsigned intid)
{
    if (g->num_cpu == 1 || !gic_exists(g, intid)) {
        return 0;
    }
    return intid < 32 ? (uint8_t)(1u << cpu) : g->mask[intid];
}

static void set_mask(struct gic *g, unsigned intid, uint8_t mask)
{
    uint32_t b = 1u << (intid % 32);
    g->mask[intid] = mask;
    for (unsigned i = 0; i < g->num_cpu; i++) {
        uint32_t *routed = &g->cpu[i].routed[intid / 32];
        uint32_t now = bit(mask, i) ? *routed | b : *routed & ~b;
        if (now != *routed) {
            *routed = now;
            gic_update(g, i);
        }
    }
}

static void mask_write(struct gic *g, unsigned intid, uint8_t value)
{
    if (g->num_cpu > 1 && intid >= 32 && gic_exists(g, intid)) {
        set_mask(g, intid, value & (uint8_t)mask64(g->num_cpu));
    }
}

/* Sets or clears pending senders of an SGI at a vCPU. */
static void set_senders(struct gic *g, unsigned cpu, unsigned sgi, uint8_t set, uint8_t clear)
{
    struct gic_cpu *c = &g->cpu[cpu];
    c->sgi_source[sgi] = (uint8_t)((c->sgi_source[sgi] | set) & ~clear);
    c->own.latch = (c->own.latch & ~(1u << sgi)) | (uint32_t)(c->sgi_source[sgi] != 0) << sgi;
    gic_update(g, cpu);
}

static void sgir_write(struct gic *g, unsigned cpu, uint32_t value)
{
    static const char who[] = "arm_gic";
    uint32_t list = value >> 16 & 0xff;
    switch (value >> 24 & 3) {
    case 1:
        list = ~(1u << cpu);
        break;
    case 2:
        list = 1u << cpu;
        break;
    case 3:
        log_guest(who, "GICD_SGIR: reserved filter 3");
        return;
    }
    for (unsigned i = 0; i < g->num_cpu; i++) {
        if (bit(list, i)) {
            set_senders(g, i, value & 15, (uint8_t)(1u << cpu), 0);
        }
    }
}

/* Registers with a byte for each interrupt: priorities, masks, pending senders. */
static bool byte_read(struct gic *g, unsigned cpu, uint64_t offset, uint8_t *value)
{
    if (offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR + GIC_INTIDS) {
        *value = gic_priority_read(g, cpu, (unsigned)offset - GICD_IPRIORITYR);
    } else if (offset >= GICD_ITARGETSR && offset < GICD_ITARGETSR + GIC_INTIDS) {
        *value = mask_read(g, cpu, (unsigned)offset - GICD_ITARGETSR);
    } else if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + GIC_SGIS) {
        *value = g->cpu[cpu].sgi_source[offset & 15];
    } else {
        return false;
    }
    return true;
}

static bool byte_write(struct gic *g, unsigned cpu, uint64_t offset, uint8_t value)
{
    if (offset >= GICD_IPRIORITYR && offset < GICD_IPRIORITYR + GIC_INTIDS) {
        gic_priority_write(g, cpu, (unsigned)offset - GICD_IPRIORITYR, value);
    } else if (offset >= GICD_ITARGETSR && offset < GICD_ITARGETSR + GIC_INTIDS) {
        mask_write(g, (unsigned)offset - GICD_ITARGETSR, value);
    } else if (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR) {
        set_senders(g, cpu, offset & 15, 0, value);
    } else if (offset >= GICD_SPENDSGIR && offset < GICD_SPENDSGIR + GIC_SGIS) {
        set_senders(g, cpu, offset & 15, value & (uint8_t)mask64(g->num_cpu), 0);
    } else {
        return false;
    }
    return true;
}

static uint32_t word_read(struct gic *g, unsigned cpu, uint64_t offset)
{
    static const uint8_t ids[12] = {0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        return gic_bits_read(g, cpu, kind, (unsigned)(offset % 0x80) / 4);
    }
    if (offset >= GICD_ICFGR && offset < GICD_ICFGR + 0x100) {
        return gic_config_read(g, cpu, (unsigned)(offset - GICD_ICFGR) / 4);
    }
    if (offset >= GICD_ID && offset < 0x1000) {
        return ids[(offset - GICD_ID) / 4];
    }
    switch (offset) {
    case GICD_CTLR:
        return g->ctlr;
    case GICD_TYPER:
        return (g->num_irq / 32 - 1) | (g->num_cpu - 1) << 5;
    case GICD_IIDR:
        return GICD_IIDR_VALUE;
    default:
        return 0;
    }
}

static void word_write(struct gic *g, unsigned cpu, uint64_t offset, uint32_t value)
{
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        gic_bits_write(g, cpu, kind, (unsigned)(offset % 0x80) / 4, value);
    } else if (offset >= GICD_ICFGR && offset < GICD_ICFGR + 0x100) {
        gic_config_write(g, cpu, (unsigned)(offset - GICD_ICFGR) / 4, value);
    } else if (offset == GICD_CTLR) {
        g->ctlr = value & CTLR_GROUPS;
        gic_update_all(g);
    } else if (offset == GICD_SGIR) {
        sgir_write(g, cpu, value);
    } else {
        log_guest("arm_gic",
                  "distributor: write of 0x%" PRIx32 " to read-only or reserved 0x%" PRIx64, value,
                  offset);
    }
}

static uint64_t dist_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gic *g = opaque;
    uint64_t value = 0;
    os_mutex_lock(&g->mutex);
    unsigned cpu = accessor(g);
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte;
        if (!byte_read(g, cpu, offset + i, &byte)) {
            byte = (uint8_t)(word_read(g, cpu, align_down(offset + i, 4)) >>
                             (8 * ((offset + i) & 3)));
        }
        value |= (uint64_t)byte << (8 * i);
    }
    os_mutex_unlock(&g->mutex);
    return value;
}

static void dist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gic *g = opaque;
    os_mutex_lock(&g->mutex);
    unsigned cpu = accessor(g), done = 0;
    while (done < size && byte_write(g, cpu, offset + done, (uint8_t)(value >> (8 * done)))) {
        done++;
    }
    if (done == 0 && size == 4) {
        word_write(g, cpu, offset, (uint32_t)value);
    } else if (done < size) {
        log_guest("arm_gic", "distributor: write of %u bytes at 0x%" PRIx64 " ignored", size,
                  offset);
    }
    os_mutex_unlock(&g->mutex);
}

static const struct mmio_ops dist_ops = {
    .read = dist_read, .write = dist_write, .sizes = 1 | 2 | 4};

/* ---- CPU interface: group 0 by IAR and its like, group 1 by AIAR or, with AckCtl, by both */

/* What IAR (group 0) or AIAR (group 1) gives instead of a group 0 or 1 interrupt; INTID_NONE:
 * nothing instead. */
static uint32_t other_group(const struct gic_cpu *c, unsigned group)
{
    if (group == 0 && c->best_group == 1 && !(c->ctlr & CTLR_ACKCTL)) {
        return INTID_OTHER_GROUP;
    }
    return group == 1 && c->best_group == 0 ? INTID_NONE : 0;
}

/* An SGI comes with its sender in bits 12..10: the lowest of those pending. */
static uint32_t with_sender(const struct gic_cpu *c, uint32_t intid)
{
    bool sgi = intid < GIC_SGIS && c->sgi_source[intid];
    return sgi ? intid | ctz32(c->sgi_source[intid]) << 10 : intid;
}

static uint32_t acknowledge(struct gic *g, unsigned cpu, unsigned group)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (!gic_can_take(c, c->best_group)) {
        return INTID_NONE;
    }
    uint32_t instead = other_group(c, group);
    if (instead) {
        return instead;
    }
    uint32_t value = with_sender(c, c->best);
    gic_acknowledge(g, cpu);
    return value;
}

static uint32_t highest_pending(const struct gic_cpu *c, unsigned group)
{
    if (c->best == INTID_NONE) {
        return INTID_NONE;
    }
    uint32_t instead = other_group(c, group);
    return instead ? instead : with_sender(c, c->best);
}

static void end(struct gic *g, unsigned cpu, unsigned group, uint32_t value)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint32_t intid = value & 0x3ff;
    if (intid >= GIC_INTIDS) {
        return;
    }
    bool dropped = gic_drop_priority(g, cpu, group);
    if (!dropped && group == 0 && (c->ctlr & CTLR_ACKCTL)) {
        dropped = gic_drop_priority(g, cpu, 1);
    }
    if (dropped) {
        if (!(c->ctlr & CTLR_EOIMODE)) {
            gic_deactivate(g, cpu, intid);
        }
        gic_update(g, cpu);
    }
}

static uint32_t cpu_read32(struct gic *g, unsigned cpu, uint64_t offset)
{
    struct gic_cpu *c = &g->cpu[cpu];
    unsigned running = gic_running_priority(g, cpu);
    switch (offset) {
    case GICC_CTLR:
        return c->ctlr;
    case GICC_PMR:
        return c->pmr;
    case GICC_BPR:
        return c->bpr[0];
    case GICC_ABPR:
        return c->bpr[1];
    case GICC_IAR:
        return acknowledge(g, cpu, 0);
    case GICC_AIAR:
        return acknowledge(g, cpu, 1);
    case GICC_RPR:
        return running > 0xff ? 0xff : running;
    case GICC_HPPIR:
        return highest_pending(c, 0);
    case GICC_AHPPIR:
        return highest_pending(c, 1);
    case GICC_APR0 ... GICC_APR3:
        return *gic_apr(c, 0, (unsigned)(offset - GICC_APR0) / 4);
    case GICC_NSAPR0 ... GICC_NSAPR3:
        return *gic_apr(c, 1, (unsigned)(offset - GICC_NSAPR0) / 4);
    case GICC_IIDR:
        return GICC_IIDR_VALUE;
    default:
        return 0;
    }
}

static void bpr_write(struct gic_cpu *c, unsigned group, uint32_t value)
{
    unsigned point = value & 7;
    c->bpr[group] = (uint8_t)(point < group ? group : point);
}

static void cpu_write32(struct gic *g, unsigned cpu, uint64_t offset, uint32_t value)
{
    struct gic_cpu *c = &g->cpu[cpu];
    switch (offset) {
    case GICC_CTLR:
        c->ctlr = value & CTLR_WRITABLE;
        c->group_enabled[0] = value & 1;
        c->group_enabled[1] = value >> 1 & 1;
        break;
    case GICC_PMR:
        c->pmr = (uint8_t)value;
        break;
    case GICC_BPR:
        bpr_write(c, 0, value);
        break;
    case GICC_ABPR:
        bpr_write(c, 1, value);
        break;
    case GICC_EOIR:
        end(g, cpu, 0, value);
        return;
    case GICC_AEOIR:
        end(g, cpu, 1, value);
        return;
    case GICC_APR0 ... GICC_APR3:
        *gic_apr(c, 0, (unsigned)(offset - GICC_APR0) / 4) = value;
        break;
    case GICC_NSAPR0 ... GICC_NSAPR3:
        *gic_apr(c, 1, (unsigned)(offset - GICC_NSAPR0) / 4) = value;
        break;
    case GICC_DIR:
        if (c->ctlr & CTLR_EOIMODE) {
            gic_deactivate(g, cpu, value & 0x3ff);
        }
        return;
    default:
        log_guest("arm_gic",
                  "CPU interface: write of 0x%" PRIx32 " to read-only or reserved 0x%" PRIx64,
                  value, offset);
        return;
    }
    gic_update(g, cpu);
}

static uint64_t cpu_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gic *g = opaque;
    (void)size;
    os_mutex_lock(&g->mutex);
    uint64_t value = cpu_read32(g, accessor(g), offset);
    os_mutex_unlock(&g->mutex);
    return value;
}

static void cpu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gic *g = opaque;
    (void)size;
    os_mutex_lock(&g->mutex);
    cpu_write32(g, accessor(g), offset, (uint32_t)value);
    os_mutex_unlock(&g->mutex);
}

static const struct mmio_ops cpu_ops = {.read = cpu_read, .write = cpu_write, .sizes = 4};

/* ---- what boards call, and life */

static void map(struct device *d, struct space *s, struct mem_range r)
{
    r.kind = RANGE_MMIO;
    r.opaque = d;
    space_add(s, &r);
}

void gicv2_map_dist(struct device *d, struct space *s, paddr base)
{
    map(d, s,
        (struct mem_range){
            .base = base, .size = GICV2_DIST_SIZE, .name = "gic_dist", .ops = &dist_ops});
}

void gicv2_map_cpu(struct device *d, struct space *s, paddr base)
{
    map(d, s,
        (struct mem_range){
            .base = base, .size = GICV2_CPU_SIZE, .name = "gic_cpu", .ops = &cpu_ops});
}

void gic_set_accessor(struct device *d, unsigned (*current_cpu)(void *opaque), void *opaque)
{
    struct gic *g = (struct gic *)d;
    g->current_cpu = current_cpu;
    g->current_cpu_opaque = opaque;
}

static bool gicv2_create(struct device *d, struct error *e)
{
    struct gic *g = (struct gic *)d;
    if (g->has_lpi) {
        return error_set(e, "device 'arm_gic': has-lpi=on: a GICv2 has no LPIs");
    }
    return gic_create(g, 8, e);
}

static void gicv2_destroy(struct device *d)
{
    gic_destroy((struct gic *)d);
}

/* A single vCPU is offered everything. */
static void gicv2_reset(struct device *d)
{
    struct gic *g = (struct gic *)d;
    gic_reset(g);
    os_mutex_lock(&g->mutex);
    for (unsigned i = 32; g->num_cpu == 1 && i < g->num_irq; i++) {
        set_mask(g, i, 1);
    }
    os_mutex_unlock(&g->mutex);
}

static bool gicv2_check(struct device *d, struct error *e)
{
    return gic_check((struct gic *)d, e);
}

static void gicv2_loaded(struct device *d)
{
    gic_loaded((struct gic *)d);
}

const struct device_class arm_gic_class = {
    .name = "arm_gic",
    .desc = "Arm GICv2 interrupt controller",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct gic),
    .props = gic_props,
    .fields = gic_fields,
    .version = 3, /* 2: more active priorities, 3: non-maskable interrupts */
    .create = gicv2_create,
    .reset = gicv2_reset,
    .destroy = gicv2_destroy,
    .check = gicv2_check,
    .loaded = gicv2_loaded,
    .flags = DEVICE_THREAD_SAFE,
};
