/* SPDX-License-Identifier: MIT */
/*
 * GICv3 locality-specific peripheral interrupts at the redistributors (IHI 0069H 5.1, 12.11).
 *
 * LPIs 8192 to 65535. The pending state of a vCPU's LPIs is a bitmap here, read from the pending
 * table when LPIs are enabled and written back when they are disabled. The configuration table is
 * common to all vCPUs (GICR_TYPER.CommonLPIAff is 0) and cached whole: a guest that changes a byte
 * invalidates it, as the architecture asks, and then it is read again. A table that is not in RAM
 * reads as zero and is not written: such LPIs are disabled.
 */
#include "base/mem.h"
#include "hw/intc/gic_core.h"
#include "memory/dma.h"

#define CONFIG_ENABLE 1
#define CONFIG_PRIO 0xfc
#define PENDBASE_ZERO (UINT64_C(1) << 62)
#define PROP_ADDRESS UINT64_C(0x000ffffffffff000)
#define PEND_ADDRESS UINT64_C(0x000fffffffff0000)

static uint64_t *pending_of(const struct gic *g, unsigned cpu)
{
    return &g->lpi_pending[cpu * GIC_LPI_WORDS];
}

/* INTIDs below this one have an entry in the tables (GICR_PROPBASER.IDbits). */
static uint32_t end_of(const struct gic_cpu *c)
{
    unsigned bits = (unsigned)bits64(c->propbase, 4, 0) + 1;
    uint32_t end = bits >= 16 ? 65536 : 1u << bits;
    return end > GIC_FIRST_LPI ? end : GIC_FIRST_LPI;
}

static bool enabled_at(const struct gic *g, unsigned cpu, uint32_t intid)
{
    return intid >= GIC_FIRST_LPI && (g->cpu[cpu].redist_ctlr & 1) && intid < end_of(&g->cpu[cpu]);
}

/* ---- choosing */

static void consider(struct gic_cpu *c, uint32_t intid, uint8_t config)
{
    unsigned prio = config & CONFIG_PRIO;
    if ((config & CONFIG_ENABLE) && prio < c->lpi_best_prio) {
        c->lpi_best = intid;
        c->lpi_best_prio = (uint16_t)prio;
    }
}

void gicv3_lpi_choose(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    c->lpi_best = INTID_NONE;
    c->lpi_best_prio = GIC_PRIO_IDLE;
    if (!(c->redist_ctlr & 1)) {
        return;
    }
    const uint64_t *pending = pending_of(g, cpu);
    for (unsigned s = 0; s < array_len(c->lpi_summary); s++) {
        for (uint64_t words = c->lpi_summary[s]; words; words &= words - 1) {
            unsigned i = 64 * s + ctz64(words);
            for (uint64_t bits = pending[i]; bits; bits &= bits - 1) {
                unsigned n = 64 * i + ctz64(bits);
                consider(c, GIC_FIRST_LPI + n, g->lpi_config[n]);
            }
        }
    }
}

static void set_word(struct gic *g, unsigned cpu, unsigned i, uint64_t value)
{
    uint64_t *summary = &g->cpu[cpu].lpi_summary[i / 64];
    pending_of(g, cpu)[i] = value;
    *summary = (*summary & ~(UINT64_C(1) << (i % 64))) | (uint64_t)(value != 0) << (i % 64);
}

bool gicv3_lpi_is_pending(const struct gic *g, unsigned cpu, uint32_t intid)
{
    unsigned n = intid - GIC_FIRST_LPI;
    return n < GIC_LPIS && bit(pending_of(g, cpu)[n / 64], n % 64);
}

void gicv3_lpi_set_pending(struct gic *g, unsigned cpu, uint32_t intid, bool pending)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (!enabled_at(g, cpu, intid)) {
        return;
    }
    unsigned n = intid - GIC_FIRST_LPI;
    uint64_t b = UINT64_C(1) << (n % 64);
    uint64_t word = pending_of(g, cpu)[n / 64];
    set_word(g, cpu, n / 64, pending ? word | b : word & ~b);
    if (pending) {
        consider(c, intid, g->lpi_config[n]);
    } else {
        if (c->lpi_best == intid) {
            gicv3_lpi_choose(g, cpu);
        }
    }
    gic_update(g, cpu);
}

/* ---- the tables in guest memory */

/* Reads up to n bytes; what is not in RAM is zero. */
static void read_table(struct gic *g, paddr a, uint8_t *bytes, size_t n)
{
    if (!dma_read(&g->dev.dma, a, bytes, n)) {
        memset(bytes, 0, n);
    }
}

static void reload_all(struct gic *g, const struct gic_cpu *c)
{
    uint32_t count = end_of(c) - GIC_FIRST_LPI;
    memset(g->lpi_config, 0, GIC_LPIS);
    read_table(g, c->propbase & PROP_ADDRESS, g->lpi_config, count);
}

/* Any vCPU with enabled LPIs will do: they share the table. */
void gicv3_lpi_reload(struct gic *g, uint32_t intid)
{
    unsigned any = 0;
    while (any < g->num_cpu && !(g->cpu[any].redist_ctlr & 1)) {
        any++;
    }
    if (any == g->num_cpu) {
        return;
    }
    const struct gic_cpu *c = &g->cpu[any];
    if (intid == 0) {
        reload_all(g, c);
    } else if (enabled_at(g, any, intid)) {
        unsigned n = intid - GIC_FIRST_LPI;
        read_table(g, (c->propbase & PROP_ADDRESS) + n, &g->lpi_config[n], 1);
    }
    for (unsigned i = 0; i < g->num_cpu; i++) {
        if (intid == 0 || gicv3_lpi_is_pending(g, i, intid)) {
            gicv3_lpi_choose(g, i);
            gic_update(g, i);
        }
    }
}

/* The pending table has a bit for each INTID from 0 on. */
static paddr pending_table(const struct gic_cpu *c)
{
    return (c->pendbase & PEND_ADDRESS) + GIC_FIRST_LPI / 8;
}

void gicv3_lpi_enable(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint8_t bytes[GIC_LPIS / 8] = {0};
    if (!(c->pendbase & PENDBASE_ZERO)) {
        read_table(g, pending_table(c), bytes, (end_of(c) - GIC_FIRST_LPI) / 8);
    }
    for (unsigned i = 0; i < GIC_LPI_WORDS; i++) {
        set_word(g, cpu, i, load_le64(&bytes[8 * i]));
    }
    reload_all(g, c);
    gicv3_lpi_choose(g, cpu);
    gic_update(g, cpu);
}

void gicv3_lpi_disable(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint8_t bytes[GIC_LPIS / 8];
    for (unsigned i = 0; i < GIC_LPI_WORDS; i++) {
        store_le64(&bytes[8 * i], pending_of(g, cpu)[i]);
        set_word(g, cpu, i, 0);
    }
    dma_write(&g->dev.dma, pending_table(c), bytes, (end_of(c) - GIC_FIRST_LPI) / 8);
    gicv3_lpi_choose(g, cpu);
    gic_update(g, cpu);
}

void gicv3_lpi_move_all(struct gic *g, unsigned from, unsigned to)
{
    if (from == to || !(g->cpu[to].redist_ctlr & 1)) {
        return;
    }
    for (unsigned i = 0; i < GIC_LPI_WORDS; i++) {
        set_word(g, to, i, pending_of(g, to)[i] | pending_of(g, from)[i]);
        set_word(g, from, i, 0);
    }
    gicv3_lpi_choose(g, from);
    gicv3_lpi_choose(g, to);
    gic_update(g, from);
    gic_update(g, to);
}

void gicv3_lpi_create(struct gic *g)
{
    g->lpi_config_bytes = GIC_LPIS;
    g->lpi_config = mem_alloc(g->lpi_config_bytes);
    g->lpi_pending_bytes = g->num_cpu * GIC_LPI_WORDS * sizeof(uint64_t);
    g->lpi_pending = mem_alloc(g->lpi_pending_bytes);
}

void gicv3_lpi_reset(struct gic *g)
{
    for (unsigned i = 0; i < g->num_cpu; i++) {
        gicv3_lpi_choose(g, i);
    }
}

void gicv3_lpi_loaded(struct gic *g, unsigned cpu)
{
    for (unsigned i = 0; i < GIC_LPI_WORDS; i++) {
        set_word(g, cpu, i, pending_of(g, cpu)[i]);
    }
    gicv3_lpi_choose(g, cpu);
}
