/* SPDX-License-Identifier: MIT */
/*
 * Arm GICv3: distributor and redistributors (IHI 0069H chapters 4, 5, 12).
 *
 * One security state (GICD_CTLR.DS is 1), affinity routing always on, 16 bits of INTID. The CPU
 * interface is in gicv3_cpuif.c, LPIs in gicv3_lpi.c. A redistributor forwards interrupts whether
 * or not software woke it (GICR_WAKER). An interrupt that any vCPU may take (IROUTER.IRM) is
 * offered to one that has nothing active, if there is one. Not modelled: message based SPIs,
 * extended ranges, GICR_CTLR.RWP and GICD_CTLR.RWP (writes take effect at once), direct LPI
 * injection.
 */
#include <inttypes.h>

#include "base/log.h"
#include "hw/intc/gic_core.h"

enum { /* GICD */
    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_STATUSR = 0x0010,
    GICD_BITS = 0x0080, /* IGROUPR; the next arrays of 32 registers follow */
    GICD_IPRIORITYR = 0x0400,
    GICD_INMIR = 0x0f80,
    GICD_ITARGETSR = 0x0800,
    GICD_ICFGR = 0x0c00,
    GICD_IGRPMODR = 0x0d00,
    GICD_NSACR = 0x0e00,
    GICD_SGIR = 0x0f00,
    GICD_IROUTER = 0x6000,
    GICD_ID = 0xffd0,
};

enum {
    CTLR_GROUPS = 3,
    CTLR_ARE = 1 << 4,
    CTLR_DS = 1 << 6
};

enum { /* GICR, RD_base frame; the SGI_base frame is at 0x10000 */
    GICR_CTLR = 0x0000,
    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_STATUSR = 0x0010,
    GICR_WAKER = 0x0014,
    GICR_PROPBASER = 0x0070,
    GICR_PENDBASER = 0x0078,
    GICR_INVLPIR = 0x00a0,
    GICR_INVALLR = 0x00b0,
    GICR_SYNCR = 0x00c0,
    GICR_SGI = 0x10000,
};

enum {
    RCTLR_ENABLE_LPIS = 1 << 0,
    RCTLR_CES = 1 << 1, /* LPIs can be disabled again */
    RCTLR_DPG0 = 1 << 24,
    RCTLR_DPG1NS = 1 << 25,
    RCTLR_DPG1S = 1 << 26,
    RCTLR_WRITABLE = RCTLR_DPG0 | RCTLR_DPG1NS | RCTLR_DPG1S,
};
enum {
    WAKER_SLEEP = 1 << 1,
    WAKER_ASLEEP = 1 << 2
};

#define IIDR 0x0000043b /* implementer Arm */
#define ID_BITS 16
#define ROUTER_ANY (UINT64_C(1) << 31)
#define ROUTER_BITS (UINT64_C(0xff) << 32 | ROUTER_ANY | 0xffffff)
#define AFFINITY_BITS (UINT64_C(0xff) << 32 | 0xffffff)
#define PROPBASE_BITS UINT64_C(0x070fffffffffff9f)
#define PENDBASE_BITS UINT64_C(0x070fffffffff0f80)

/* ---- routing */

unsigned gic_find_cpu(const struct gic *g, uint64_t mpidr)
{
    mpidr &= AFFINITY_BITS;
    unsigned guess = (unsigned)(bits64(mpidr, 15, 8) * 16 + bits64(mpidr, 7, 0));
    if (guess < g->num_cpu && g->wire[guess].mpidr == mpidr) {
        return guess;
    }
    for (unsigned i = 0; i < g->num_cpu; i++) {
        if (g->wire[i].mpidr == mpidr) {
            return i;
        }
    }
    return GIC_NO_CPU;
}

/* vCPU i takes part in the 1 of N distribution of a group. */
static bool is_willing(const struct gic *g, unsigned i, unsigned group)
{
    const struct gic_cpu *c = &g->cpu[i];
    return c->group_enabled[group] && !(c->redist_ctlr & (group ? RCTLR_DPG1NS : RCTLR_DPG0));
}

/* A willing vCPU, from the present owner on; the first that is idle if there is one. */
static unsigned any_cpu(const struct gic *g, unsigned intid)
{
    unsigned group = bit(g->spi[intid / 32].group, intid % 32);
    unsigned start = g->owner[intid] == GIC_NO_CPU ? 0 : g->owner[intid];
    unsigned found = GIC_NO_CPU;
    for (unsigned n = 0; n < g->num_cpu; n++) {
        unsigned i = (start + n) % g->num_cpu;
        if (!is_willing(g, i, group)) {
            continue;
        }
        if (gic_running_priority(g, i) == GIC_PRIO_IDLE) {
            return i;
        }
        found = found == GIC_NO_CPU ? i : found;
    }
    return found;
}

void gic_route(struct gic *g, unsigned intid)
{
    unsigned before = g->owner[intid];
    unsigned now = g->router[intid] & ROUTER_ANY ? any_cpu(g, intid)
                                                 : gic_find_cpu(g, g->router[intid]);
    uint32_t b = 1u << (intid % 32);
    g->owner[intid] = (uint16_t)now;
    if (before != GIC_NO_CPU && before != now) {
        g->cpu[before].routed[intid / 32] &= ~b;
        gic_update(g, before);
    }
    if (now != GIC_NO_CPU && !(g->cpu[now].routed[intid / 32] & b)) {
        g->cpu[now].routed[intid / 32] |= b;
        gic_update(g, now);
    }
}

void gic_route_any(struct gic *g)
{
    for (unsigned i = 32; i < g->num_irq; i++) {
        if (g->router[i] & ROUTER_ANY) {
            gic_route(g, i);
        }
    }
}

/* ---- registers that are words of the same layout in GICD and in GICR's SGI_base frame */

/* Set, clear and read registers of one bit, from IGROUPR on; false if offset is none of them. */
static bool bits_kind(uint64_t offset, enum gic_bits *kind)
{
    if (offset < 0x80 || offset >= 0x400) {
        return false;
    }
    static const enum gic_bits kinds[] = {GIC_GROUP,       GIC_SET_ENABLE,    GIC_CLEAR_ENABLE,
                                          GIC_SET_PENDING, GIC_CLEAR_PENDING, GIC_SET_ACTIVE,
                                          GIC_CLEAR_ACTIVE};
    *kind = kinds[(offset - 0x80) / 0x80];
    return true;
}

static uint32_t priorities_read(struct gic *g, unsigned cpu, unsigned first, unsigned size)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)gic_priority_read(g, cpu, first + i) << (8 * i);
    }
    return value;
}

static void priorities_write(struct gic *g, unsigned cpu, unsigned first, unsigned size,
                             uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        gic_priority_write(g, cpu, first + i, (uint8_t)(value >> (8 * i)));
    }
}

/* Peripheral and component identification: GICv3 by Arm. part is PIDR0. */
static uint32_t id_read(uint64_t offset, unsigned part)
{
    static const uint8_t ids[12] = {0x44, 0, 0, 0, 0, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    unsigned n = (unsigned)(offset - GICD_ID) / 4;
    return n == 4 ? part : ids[n];
}

/* ---- distributor */

static uint32_t dist_typer(const struct gic *g)
{
    uint32_t v = g->num_irq / 32 - 1;
    v |= g->has_nmi ? 1 << 9 : 0;
    v |= g->has_lpi ? 1 << 17 : 0;
    v |= (ID_BITS - 1) << 19;
    v |= 3 << 24; /* A3V; No1N: as QEMU's, though 1 of N is done where it is asked for */
    return v;
}

static uint32_t router_read(struct gic *g, uint64_t offset)
{
    unsigned intid = (unsigned)(offset - GICD_IROUTER) / 8;
    if (intid < 32 || !gic_exists(g, intid)) {
        return 0;
    }
    return (uint32_t)(g->router[intid] >> (offset & 4 ? 32 : 0));
}

static void router_write(struct gic *g, uint64_t offset, uint32_t value)
{
    unsigned intid = (unsigned)(offset - GICD_IROUTER) / 8;
    if (intid < 32 || !gic_exists(g, intid)) {
        return;
    }
    unsigned low = offset & 4 ? 32 : 0;
    g->router[intid] = deposit64(g->router[intid], low + 31, low, value) & ROUTER_BITS;
    gic_route(g, intid);
}

/* INMIR: which of 32 interrupts are non-maskable. */
static uint32_t nmi_read(struct gic *g, unsigned cpu, unsigned n)
{
    return n < g->num_irq / 32 ? gic_word_of(g, cpu, 32 * n)->nmi : 0;
}

static void nmi_write(struct gic *g, unsigned cpu, unsigned n, uint32_t value)
{
    if (!g->has_nmi || n >= g->num_irq / 32) {
        return;
    }
    gic_word_of(g, cpu, 32 * n)->nmi = value & gic_existing(g, 32 * n);
    gic_update_all(g);
}

static uint32_t dist_read32(struct gic *g, uint64_t offset)
{
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        unsigned n = (unsigned)(offset % 0x80) / 4;
        return n ? gic_bits_read(g, 0, kind, n) : 0;
    }
    if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR) {
        unsigned first = (unsigned)(offset - GICD_IPRIORITYR);
        return first < 32 ? 0 : priorities_read(g, 0, first, 4);
    }
    if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR) {
        unsigned n = (unsigned)(offset - GICD_ICFGR) / 4;
        return n < 2 ? 0 : gic_config_read(g, 0, n);
    }
    if (offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * GIC_INTIDS) {
        return router_read(g, offset);
    }
    if (offset >= GICD_INMIR && offset < GICD_INMIR + 0x80) {
        unsigned n = (unsigned)(offset - GICD_INMIR) / 4;
        return n ? nmi_read(g, 0, n) : 0;
    }
    if (offset >= GICD_ID) {
        return id_read(offset, 0x92);
    }
    switch (offset) {
    case GICD_CTLR:
        return g->ctlr | CTLR_ARE | CTLR_DS;
    case GICD_TYPER:
        return dist_typer(g);
    case GICD_IIDR:
        return IIDR;
    case GICD_STATUSR:
        return g->statusr;
    default: /* ITARGETSR, IGRPMODR, NSACR are RAZ here, and the rest is reserved */
        return 0;
    }
}

static void dist_write32(struct gic *g, uint64_t offset, uint32_t value)
{
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        unsigned n = (unsigned)(offset % 0x80) / 4;
        if (n) {
            gic_bits_write(g, 0, kind, n, value);
        }
    } else if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR) {
        unsigned first = (unsigned)(offset - GICD_IPRIORITYR);
        if (first >= 32) {
            priorities_write(g, 0, first, 4, value);
        }
    } else if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR) {
        unsigned n = (unsigned)(offset - GICD_ICFGR) / 4;
        if (n >= 2) {
            gic_config_write(g, 0, n, value);
        }
    } else if (offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * GIC_INTIDS) {
        router_write(g, offset, value);
    } else if (offset >= GICD_INMIR && offset < GICD_INMIR + 0x80) {
        unsigned n = (unsigned)(offset - GICD_INMIR) / 4;
        if (n) {
            nmi_write(g, 0, n, value);
        }
    } else if (offset == GICD_CTLR) {
        g->ctlr = value & CTLR_GROUPS;
        gic_update_all(g);
    } else if (offset == GICD_STATUSR) {
        g->statusr &= ~value;
    } else if (offset < GICD_ITARGETSR || offset >= GICD_ID) {
        log_guest("gicv3",
                  "distributor: write of 0x%" PRIx32 " to read-only or reserved 0x%" PRIx64, value,
                  offset);
    }
}

/* Only priorities are accessible by bytes. */
static bool is_priority(uint64_t offset, uint64_t first, unsigned count)
{
    return offset - first < count;
}

static uint64_t dist_read(void *opaque, uint64_t offset, unsigned size)
{
    struct gic *g = opaque;
    uint64_t value = 0;
    os_mutex_lock(&g->mutex);
    if (size >= 4) {
        value = dist_read32(g, offset);
        value |= size == 8 ? (uint64_t)dist_read32(g, offset + 4) << 32 : 0;
    } else if (is_priority(offset, GICD_IPRIORITYR + 32, GIC_INTIDS - 32)) {
        value = priorities_read(g, 0, (unsigned)(offset - GICD_IPRIORITYR), size);
    } else {
        value = bits64(dist_read32(g, align_down(offset, 4)), 31, 8 * (unsigned)(offset & 3));
    }
    os_mutex_unlock(&g->mutex);
    return value;
}

static void dist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct gic *g = opaque;
    os_mutex_lock(&g->mutex);
    if (size >= 4) {
        dist_write32(g, offset, (uint32_t)value);
        if (size == 8) {
            dist_write32(g, offset + 4, (uint32_t)(value >> 32));
        }
    } else if (is_priority(offset, GICD_IPRIORITYR + 32, GIC_INTIDS - 32)) {
        priorities_write(g, 0, (unsigned)(offset - GICD_IPRIORITYR), size, (uint32_t)value);
    } else {
        log_guest("gicv3", "distributor: write of %u bytes at 0x%" PRIx64 " ignored", size, offset);
    }
    os_mutex_unlock(&g->mutex);
}

static const struct mmio_ops dist_ops = {.read = dist_read, .write = dist_write};

/* ---- redistributors */

static uint64_t redist_typer(const struct gic *g, const struct gicv3_region *r, unsigned cpu)
{
    uint64_t mpidr = g->wire[cpu].mpidr;
    uint64_t affinity = bits64(mpidr, 39, 32) << 24 | bits64(mpidr, 23, 0);
    bool last = cpu == r->first + r->count - 1;
    return affinity << 32 | (uint64_t)cpu << 8 |
           UINT64_C(1) << 24 /* CommonLPIAff: all of one Aff3 */ | (last ? 1 << 4 : 0) |
           (g->has_lpi ? 1 : 0);
}

static uint32_t sgi_frame_read(struct gic *g, unsigned cpu, uint64_t offset)
{
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        return offset % 0x80 == 0 ? gic_bits_read(g, cpu, kind, 0) : 0;
    }
    if (is_priority(offset, GICD_IPRIORITYR, 32)) {
        return priorities_read(g, cpu, (unsigned)(offset - GICD_IPRIORITYR), 4);
    }
    if (offset == GICD_ICFGR || offset == GICD_ICFGR + 4) {
        return gic_config_read(g, cpu, (unsigned)(offset - GICD_ICFGR) / 4);
    }
    return offset == GICD_INMIR ? nmi_read(g, cpu, 0) : 0;
}

static void sgi_frame_write(struct gic *g, unsigned cpu, uint64_t offset, uint32_t value)
{
    enum gic_bits kind;
    if (bits_kind(offset, &kind)) {
        if (offset % 0x80 == 0) {
            gic_bits_write(g, cpu, kind, 0, value);
        }
    } else if (is_priority(offset, GICD_IPRIORITYR, 32)) {
        priorities_write(g, cpu, (unsigned)(offset - GICD_IPRIORITYR), 4, value);
    } else if (offset == GICD_ICFGR || offset == GICD_ICFGR + 4) {
        gic_config_write(g, cpu, (unsigned)(offset - GICD_ICFGR) / 4, value);
    } else if (offset == GICD_INMIR) {
        nmi_write(g, cpu, 0, value);
    }
}

static uint32_t redist_read32(struct gic *g, const struct gicv3_region *r, unsigned cpu,
                              uint64_t offset)
{
    const struct gic_cpu *c = &g->cpu[cpu];
    if (offset >= GICR_SGI) {
        return sgi_frame_read(g, cpu, offset - GICR_SGI);
    }
    if (offset >= GICD_ID) {
        return id_read(offset, 0x93);
    }
    unsigned high = offset & 4 ? 32 : 0;
    switch (offset) {
    case GICR_CTLR:
        return c->redist_ctlr | (g->has_lpi ? RCTLR_CES : 0);
    case GICR_IIDR:
        return IIDR;
    case GICR_TYPER:
    case GICR_TYPER + 4:
        return (uint32_t)(redist_typer(g, r, cpu) >> (offset == GICR_TYPER ? 0 : 32));
    case GICR_WAKER:
        return c->waker;
    case GICR_PROPBASER:
    case GICR_PROPBASER + 4:
        return (uint32_t)(c->propbase >> high);
    case GICR_PENDBASER:
    case GICR_PENDBASER + 4:
        return (uint32_t)((c->pendbase & ~(UINT64_C(1) << 62)) >> high);
    default: /* also GICR_SYNCR: nothing is in progress */
        return 0;
    }
}

static void redist_ctlr_write(struct gic *g, unsigned cpu, uint32_t value)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint32_t before = c->redist_ctlr;
    uint32_t writable = RCTLR_WRITABLE | (g->has_lpi ? RCTLR_ENABLE_LPIS : 0);
    c->redist_ctlr = value & writable;
    if ((before ^ c->redist_ctlr) & RCTLR_ENABLE_LPIS) {
        if (c->redist_ctlr & RCTLR_ENABLE_LPIS) {
            gicv3_lpi_enable(g, cpu);
        } else {
            gicv3_lpi_disable(g, cpu);
        }
    }
    if ((before ^ c->redist_ctlr) & RCTLR_WRITABLE) {
        gic_route_any(g);
    }
}

/* The table addresses do not change while LPIs are enabled. */
static void table_base_write(struct gic *g, unsigned cpu, uint64_t offset, uint32_t value)
{
    struct gic_cpu *c = &g->cpu[cpu];
    bool prop = offset < GICR_PENDBASER;
    uint64_t *base = prop ? &c->propbase : &c->pendbase;
    unsigned low = offset & 4 ? 32 : 0;
    if (!g->has_lpi) {
        return;
    }
    if (c->redist_ctlr & RCTLR_ENABLE_LPIS) {
        log_guest("gicv3", "GICR_%sBASER written while LPIs are enabled", prop ? "PROP" : "PEND");
        return;
    }
    *base = deposit64(*base, low + 31, low, value);
    *base &= prop ? PROPBASE_BITS : PENDBASE_BITS | UINT64_C(1) << 62;
}

static void redist_write32(struct gic *g, unsigned cpu, uint64_t offset, uint32_t value)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (offset >= GICR_SGI) {
        sgi_frame_write(g, cpu, offset - GICR_SGI, value);
        return;
    }
    switch (offset) {
    case GICR_CTLR:
        redist_ctlr_write(g, cpu, value);
        break;
    case GICR_WAKER:
        c->waker = value & WAKER_SLEEP ? WAKER_SLEEP | WAKER_ASLEEP : 0;
        break;
    case GICR_PROPBASER:
    case GICR_PROPBASER + 4:
    case GICR_PENDBASER:
    case GICR_PENDBASER + 4:
        table_base_write(g, cpu, offset, value);
        break;
    case GICR_INVLPIR:
        if (g->has_lpi && value >= GIC_FIRST_LPI) {
            gicv3_lpi_reload(g, value);
        }
        break;
    case GICR_INVALLR:
        if (g->has_lpi) {
            gicv3_lpi_reload(g, 0);
        }
        break;
    case GICR_INVLPIR + 4:
    case GICR_INVALLR + 4:
    case GICR_STATUSR:
        break;
    default:
        log_guest("gicv3",
                  "redistributor %u: write of 0x%" PRIx32 " to read-only or reserved 0x%" PRIx64,
                  cpu, value, offset);
    }
}

/* The redistributor that offset within region r belongs to, and the offset within that. */
static unsigned redist_at(const struct gicv3_region *r, uint64_t *offset)
{
    unsigned cpu = r->first + (unsigned)(*offset / GICV3_REDIST_SIZE);
    *offset %= GICV3_REDIST_SIZE;
    return cpu;
}

static uint64_t redist_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct gicv3_region *r = opaque;
    struct gic *g = r->gic;
    unsigned cpu = redist_at(r, &offset);
    uint64_t value;
    os_mutex_lock(&g->mutex);
    if (size >= 4) {
        value = redist_read32(g, r, cpu, offset);
        value |= size == 8 ? (uint64_t)redist_read32(g, r, cpu, offset + 4) << 32 : 0;
    } else {
        value = redist_read32(g, r, cpu, align_down(offset, 4)) >> (8 * (offset & 3));
    }
    os_mutex_unlock(&g->mutex);
    return value;
}

static void redist_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const struct gicv3_region *r = opaque;
    struct gic *g = r->gic;
    unsigned cpu = redist_at(r, &offset);
    os_mutex_lock(&g->mutex);
    if (size >= 4) {
        redist_write32(g, cpu, offset, (uint32_t)value);
        if (size == 8) {
            redist_write32(g, cpu, offset + 4, (uint32_t)(value >> 32));
        }
    } else if (is_priority(offset, GICR_SGI + GICD_IPRIORITYR, 32)) {
        priorities_write(g, cpu, (unsigned)(offset - GICR_SGI - GICD_IPRIORITYR), size,
                         (uint32_t)value);
    } else {
        log_guest("gicv3", "redistributor %u: write of %u bytes at 0x%" PRIx64 " ignored", cpu,
                  size, offset);
    }
    os_mutex_unlock(&g->mutex);
}

static const struct mmio_ops redist_ops = {.read = redist_read, .write = redist_write};

/* ---- what boards call */

void gicv3_map_dist(struct device *d, struct space *s, paddr base)
{
    struct mem_range r = {.base = base,
                          .size = GICV3_DIST_SIZE,
                          .kind = RANGE_MMIO,
                          .name = "gicv3_dist",
                          .ops = &dist_ops,
                          .opaque = d};
    space_add(s, &r);
}

void gicv3_map_redists(struct device *d, struct space *s, paddr base, unsigned first,
                       unsigned count)
{
    struct gic *g = (struct gic *)d;
    assert(g->regions < GICV3_REGIONS && count > 0 && first + count <= g->num_cpu);
    struct gicv3_region *region = &g->region[g->regions++];
    *region = (struct gicv3_region){g, first, count};
    struct mem_range r = {.base = base,
                          .size = (uint64_t)count * GICV3_REDIST_SIZE,
                          .kind = RANGE_MMIO,
                          .name = "gicv3_redist",
                          .ops = &redist_ops,
                          .opaque = region};
    space_add(s, &r);
}

void gic_set_affinity(struct device *d, unsigned cpu, uint64_t mpidr)
{
    struct gic *g = (struct gic *)d;
    assert(cpu < g->num_cpu);
    g->wire[cpu].mpidr = mpidr & AFFINITY_BITS;
}

const struct sysreg_bank *gic_sysregs(struct device *d)
{
    return &((struct gic *)d)->bank;
}

/* ---- life */

static bool gicv3_create(struct device *d, struct error *e)
{
    struct gic *g = (struct gic *)d;
    g->v3 = true;
    if (!gic_create(g, 512, e)) {
        return false;
    }
    if (g->has_lpi) {
        gicv3_lpi_create(g);
    }
    g->bank = *gicv3_bank(g->has_nmi);
    g->bank.opaque = g;
    return true;
}

static void gicv3_destroy(struct device *d)
{
    gic_destroy((struct gic *)d);
}

static void gicv3_reset(struct device *d)
{
    gic_reset((struct gic *)d);
}

static bool gicv3_check(struct device *d, struct error *e)
{
    return gic_check((struct gic *)d, e);
}

static void gicv3_loaded(struct device *d)
{
    gic_loaded((struct gic *)d);
}

const struct device_class arm_gicv3_class = {
    .name = "arm-gicv3",
    .desc = "Arm GICv3 interrupt controller",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct gic),
    .props = gic_props,
    .fields = gic_fields,
    .version = 3, /* 2: more active priorities, 3: non-maskable interrupts */
    .create = gicv3_create,
    .reset = gicv3_reset,
    .destroy = gicv3_destroy,
    .check = gicv3_check,
    .loaded = gicv3_loaded,
    .flags = DEVICE_THREAD_SAFE,
};
