/* SPDX-License-Identifier: MIT */
/*
 * The common part of GICv2 and GICv3: see gic_core.h.
 *
 * An interrupt is pending if its latch is set, or if it is level sensitive and its line is high.
 * Acknowledging clears the latch only: a level that still stands makes the interrupt active and
 * pending. A pending interrupt is a candidate for a vCPU if it is routed there, enabled, not
 * active, and its group is enabled at the distributor and at the vCPU's interface. The candidates
 * of a vCPU are looked through at each change: a few words.
 */
#include "hw/intc/gic_core.h"

#include "base/mem.h"

/* ---- choosing */

struct choice {
    uint32_t intid;
    uint16_t prio;
    uint8_t group;
    bool nmi; /* of the highest priority */
};

/* Candidates among 32 interrupts, by the groups in enabled_groups (bit 0, bit 1). */
static uint32_t candidates(const struct gic_word *w, unsigned enabled_groups)
{
    uint32_t c = gic_pending(w) & w->enabled & ~w->active;
    c &= (enabled_groups & 1 ? ~w->group : 0) | (enabled_groups & 2 ? w->group : 0);
    return c;
}

/* Of equal priorities the lowest INTID wins, as it comes first. */
static void consider(struct choice *best, const struct gic_word *w, uint32_t bits, unsigned first,
                     const uint8_t *prio)
{
    for (; bits; bits &= bits - 1) {
        unsigned n = ctz32(bits);
        const bool nmi = bit(w->nmi & w->group, n);
        const uint16_t p = nmi ? 0 : prio[n];
        if (nmi > best->nmi || (nmi == best->nmi && p < best->prio)) {
            *best = (struct choice){first + n, p, bit(w->group, n), nmi};
        }
    }
}

static unsigned enabled_groups(const struct gic *g, const struct gic_cpu *c)
{
    return g->ctlr & (c->group_enabled[0] | (unsigned)c->group_enabled[1] << 1);
}

static void choose(struct gic *g, struct gic_cpu *c)
{
    struct choice best = {INTID_NONE, GIC_PRIO_IDLE, 0, false};
    unsigned groups = enabled_groups(g, c);
    if (groups) {
        consider(&best, &c->own, candidates(&c->own, groups), 0, c->prio);
        for (unsigned i = 1; i < g->num_irq / 32; i++) {
            uint32_t bits = candidates(&g->spi[i], groups) & c->routed[i];
            consider(&best, &g->spi[i], bits, 32 * i, &g->prio[32 * i]);
        }
        if ((groups & 2) && !best.nmi && c->lpi_best != INTID_NONE &&
            c->lpi_best_prio < best.prio) {
            best = (struct choice){c->lpi_best, c->lpi_best_prio, 1, false};
        }
    }
    c->best = best.intid;
    c->best_prio = best.prio;
    c->best_group = best.group;
    c->best_nmi = best.nmi;
}

/* ---- priorities (IHI 0069 4.8, IHI 0048 3.3) */

static bool common_bpr(const struct gic *g, const struct gic_cpu *c)
{
    return c->ctlr & (g->v3 ? 1 << 0 : 1 << 4);
}

/* The bits of a priority that decide about preemption. */
static unsigned preemption_mask(const struct gic *g, const struct gic_cpu *c, unsigned group)
{
    if (group == 1 && !common_bpr(g, c)) {
        return 0xff & (0xffu << c->bpr[1]);
    }
    return 0xff & (0x1feu << c->bpr[0]);
}

unsigned gic_running_priority(const struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (c->nmi_active) {
        return 0;
    }
    for (unsigned n = 0; n < GIC_APRS; n++) {
        uint32_t active = *gic_apr(c, 0, n) | *gic_apr(c, 1, n);
        if (active) {
            return (32 * n + ctz32(active)) << gic_level_shift(g);
        }
    }
    return GIC_PRIO_IDLE;
}

static bool preempts(const struct gic *g, unsigned cpu)
{
    const struct gic_cpu *c = &g->cpu[cpu];
    if (c->best_nmi) { /* the mask is not asked */
        return !c->nmi_active;
    }
    return c->best != INTID_NONE && c->best_prio < c->pmr &&
           (c->best_prio & preemption_mask(g, c, c->best_group)) < gic_running_priority(g, cpu);
}

bool gic_can_take(const struct gic_cpu *c, unsigned group)
{
    return c->out && c->best_group == group;
}

/* GICv3 signals group 0 by FIQ; GICv2 does if GICC_CTLR.FIQEn is set. */
static unsigned output_bit(const struct gic *g, const struct gic_cpu *c)
{
    bool fiq = c->best_group == 0 && (g->v3 || bit(c->ctlr, 3));
    return fiq ? 2 : c->best_nmi ? 5 : 1;
}

static void drive(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    unsigned out = preempts(g, cpu) ? output_bit(g, c) : 0;
    unsigned changed = out ^ c->out;
    c->out = (uint8_t)out;
    if (changed & 4) {
        irq_set(&g->wire[cpu].nmi, out >> 2);
    }
    if (changed & 1) {
        irq_set(&g->wire[cpu].irq, out & 1);
    }
    if (changed & 2) {
        irq_set(&g->wire[cpu].fiq, out >> 1 & 1);
    }
}

void gic_update(struct gic *g, unsigned cpu)
{
    choose(g, &g->cpu[cpu]);
    drive(g, cpu);
}

void gic_update_for(struct gic *g, unsigned cpu, unsigned intid)
{
    if (intid < 32) {
        gic_update(g, cpu);
    } else if (g->v3) {
        if (g->owner[intid] != GIC_NO_CPU) {
            gic_update(g, g->owner[intid]);
        }
    } else {
        for (unsigned i = 0; i < g->num_cpu; i++) {
            if (bit(g->mask[intid], i)) {
                gic_update(g, i);
            }
        }
    }
}

void gic_update_all(struct gic *g)
{
    for (unsigned i = 0; i < g->num_cpu; i++) {
        gic_update(g, i);
    }
}

/* ---- the CPU interface */

/* Ends the pending state that the acknowledged interrupt had by its latch; a GICv2 SGI may have
 * further senders. */
static void clear_latch(struct gic *g, unsigned cpu, uint32_t intid)
{
    struct gic_cpu *c = &g->cpu[cpu];
    struct gic_word *w = gic_word_of(g, cpu, intid);
    if (!g->v3 && intid < GIC_SGIS) {
        c->sgi_source[intid] &= (uint8_t)(c->sgi_source[intid] - 1);
        if (c->sgi_source[intid]) {
            return;
        }
    }
    w->latch &= ~(1u << (intid % 32));
}

uint32_t gic_acknowledge(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint32_t intid = c->best;
    unsigned level = (c->best_prio & preemption_mask(g, c, c->best_group)) >> gic_level_shift(g);
    if (c->best_nmi) {
        c->nmi_active = 1;
    } else {
        *gic_apr(c, c->best_group, level / 32) |= 1u << (level % 32);
    }
    if (intid >= GIC_FIRST_LPI) {
        gicv3_lpi_set_pending(g, cpu, intid, false);
        return intid;
    }
    gic_word_of(g, cpu, intid)->active |= 1u << (intid % 32);
    clear_latch(g, cpu, intid);
    if (g->v3) {
        gic_update(g, cpu);
    } else {
        gic_update_for(g, cpu, intid);
    }
    return intid;
}

bool gic_drop_priority(struct gic *g, unsigned cpu, unsigned group)
{
    struct gic_cpu *c = &g->cpu[cpu];
    if (c->nmi_active) {
        c->nmi_active = group == 0;
        return group == 1;
    }
    for (unsigned n = 0; n < GIC_APRS; n++) {
        uint32_t active = *gic_apr(c, 0, n) | *gic_apr(c, 1, n);
        uint32_t highest = active & -active, *own = gic_apr(c, group, n);
        if (highest) {
            const bool is_own = *own & highest;
            *own &= ~highest;
            return is_own;
        }
    }
    return false;
}

void gic_deactivate(struct gic *g, unsigned cpu, uint32_t intid)
{
    if (gic_exists(g, intid)) {
        gic_word_of(g, cpu, intid)->active &= ~(1u << (intid % 32));
        gic_update_for(g, cpu, intid);
    }
}

/* ---- inputs */

static void set_line(struct gic *g, unsigned cpu, unsigned intid, bool level)
{
    uint32_t b = 1u << (intid % 32);
    os_mutex_lock(&g->mutex);
    struct gic_word *w = gic_word_of(g, cpu, intid);
    bool before = w->line & b;
    if (before != level) {
        w->line ^= b;
        if (level && (w->edge & b)) {
            w->latch |= b;
        }
        if (level && g->v3 && intid >= 32 && bit(g->router[intid], 31)) {
            gic_route(g, intid);
        }
        if (level || !(w->edge & b)) {
            gic_update_for(g, cpu, intid);
        }
    }
    os_mutex_unlock(&g->mutex);
}

/* A line is the number of the vCPU times 16 and the PPI, or the number of the SPI. */
static void ppi_set(void *opaque, int line, int level)
{
    set_line(opaque, (unsigned)line / 16, 16 + (unsigned)line % 16, level != 0);
}

static void spi_set(void *opaque, int line, int level)
{
    set_line(opaque, 0, 32 + (unsigned)line, level != 0);
}

struct irq gic_ppi(struct device *d, unsigned cpu, unsigned ppi)
{
    struct gic *g = (struct gic *)d;
    assert(cpu < g->num_cpu && ppi < 16);
    return (struct irq){ppi_set, g, (int)(cpu * 16 + ppi)};
}

struct irq gic_spi(struct device *d, unsigned spi)
{
    struct gic *g = (struct gic *)d;
    assert(gic_exists(g, 32 + spi));
    return (struct irq){spi_set, g, (int)spi};
}

void gic_connect_nmi(struct device *d, unsigned cpu, struct irq nmi)
{
    ((struct gic *)d)->wire[cpu].nmi = nmi;
}

void gic_connect(struct device *d, unsigned cpu, struct irq irq, struct irq fiq)
{
    struct gic *g = (struct gic *)d;
    assert(cpu < g->num_cpu);
    g->wire[cpu].irq = irq;
    g->wire[cpu].fiq = fiq;
}

/* ---- registers */

static uint32_t *bits_word(struct gic_word *w, enum gic_bits kind)
{
    switch (kind) {
    case GIC_GROUP:
        return &w->group;
    case GIC_SET_ENABLE:
    case GIC_CLEAR_ENABLE:
        return &w->enabled;
    case GIC_SET_PENDING:
    case GIC_CLEAR_PENDING:
        return &w->latch;
    default:
        return &w->active;
    }
}

uint32_t gic_bits_read(struct gic *g, unsigned cpu, enum gic_bits kind, unsigned n)
{
    if (n >= g->num_irq / 32) {
        return 0;
    }
    struct gic_word *w = gic_word_of(g, cpu, 32 * n);
    bool pending = kind == GIC_SET_PENDING || kind == GIC_CLEAR_PENDING;
    return pending ? gic_pending(w) : *bits_word(w, kind);
}

uint32_t gic_existing(const struct gic *g, unsigned first)
{
    unsigned end = g->num_irq < GIC_INTIDS ? g->num_irq : GIC_INTIDS;
    return first >= end ? 0 : (uint32_t)mask64(end - first);
}

static void bits_written(struct gic *g, unsigned cpu, unsigned n, uint32_t bits)
{
    if (n == 0) {
        gic_update(g, cpu);
        return;
    }
    for (; bits; bits &= bits - 1) {
        unsigned intid = 32 * n + ctz32(bits);
        if (g->v3 && bit(g->router[intid], 31)) {
            gic_route(g, intid);
        }
        gic_update_for(g, cpu, intid);
    }
}

void gic_bits_write(struct gic *g, unsigned cpu, enum gic_bits kind, unsigned n, uint32_t value)
{
    if (n >= g->num_irq / 32) {
        return;
    }
    uint32_t *w = bits_word(gic_word_of(g, cpu, 32 * n), kind);
    uint32_t before = *w;
    value &= gic_existing(g, 32 * n);
    if (!g->v3 && n == 0 && kind != GIC_GROUP && kind < GIC_SET_ACTIVE) {
        value &= ~(uint32_t)mask64(
            GIC_SGIS); /* always enabled, and made pending by GICD_SPENDSGIR */
    }
    switch (kind) {
    case GIC_GROUP:
        *w = value;
        break;
    case GIC_SET_ENABLE:
    case GIC_SET_PENDING:
    case GIC_SET_ACTIVE:
        *w |= value;
        break;
    default:
        *w &= ~value;
    }
    bits_written(g, cpu, n, before ^ *w);
}

uint32_t gic_config_read(struct gic *g, unsigned cpu, unsigned n)
{
    if (n >= g->num_irq / 16) {
        return 0;
    }
    uint32_t edge = gic_word_of(g, cpu, 16 * n)->edge >> (16 * (n % 2));
    uint32_t value = 0;
    for (unsigned i = 0; i < 16; i++) {
        value |= (edge >> i & 1) << (2 * i + 1);
    }
    return value;
}

/* SGIs are edge triggered whatever is written. */
void gic_config_write(struct gic *g, unsigned cpu, unsigned n, uint32_t value)
{
    if (n == 0 || n >= g->num_irq / 16) {
        return;
    }
    struct gic_word *w = gic_word_of(g, cpu, 16 * n);
    uint32_t edge = 0;
    for (unsigned i = 0; i < 16; i++) {
        edge |= (value >> (2 * i + 1) & 1) << i;
    }
    unsigned shift = 16 * (n % 2);
    uint32_t before = w->edge;
    w->edge = (w->edge & ~(0xffffu << shift)) | (edge << shift);
    w->edge &= gic_existing(g, 32 * (n / 2));
    bits_written(g, cpu, n / 2, before ^ w->edge);
}

uint8_t gic_priority_read(struct gic *g, unsigned cpu, unsigned intid)
{
    return gic_exists(g, intid) ? *gic_prio_of(g, cpu, intid) : 0;
}

void gic_priority_write(struct gic *g, unsigned cpu, unsigned intid, uint8_t value)
{
    if (gic_exists(g, intid)) {
        *gic_prio_of(g, cpu, intid) = value;
        gic_update_for(g, cpu, intid);
    }
}

/* ---- life */

bool gic_create(struct gic *g, unsigned max_cpus, struct error *e)
{
    if (g->num_cpu < 1 || g->num_cpu > max_cpus) {
        return error_set(e, "device '%s': num-cpu=%u: from 1 to %u are possible", g->dev.cls->name,
                         g->num_cpu, max_cpus);
    }
    if (g->num_irq < 64 || g->num_irq > 32 * GIC_WORDS || g->num_irq % 32 != 0) {
        return error_set(e, "device '%s': num-irq=%u: multiples of 32 from 64 to %u are possible",
                         g->dev.cls->name, g->num_irq, 32 * GIC_WORDS);
    }
    os_mutex_init(&g->mutex);
    g->cpu_bytes = g->num_cpu * sizeof(*g->cpu);
    g->cpu = mem_alloc(g->cpu_bytes);
    g->wire = mem_array(g->num_cpu, sizeof(*g->wire));
    return true;
}

void gic_destroy(struct gic *g)
{
    mem_free(g->cpu);
    mem_free(g->wire);
    mem_free(g->lpi_config);
    mem_free(g->lpi_pending);
    os_mutex_destroy(&g->mutex);
}

static void reset_cpu(struct gic *g, unsigned cpu)
{
    struct gic_cpu *c = &g->cpu[cpu];
    uint32_t line = c->own.line;
    memset(c, 0, sizeof(*c));
    c->own.line = line;
    c->own.edge = (uint32_t)mask64(GIC_SGIS);
    c->bpr[0] = (uint8_t)gic_min_bpr(g);
    c->bpr[1] = (uint8_t)(gic_min_bpr(g) + 1);
    c->best = c->lpi_best = INTID_NONE;
    c->waker = g->v3 ? 6 : 0;
    c->own.enabled = g->v3 ? 0 : (uint32_t)mask64(GIC_SGIS);
}

/* The levels of input lines are their drivers' and stay. */
void gic_reset(struct gic *g)
{
    os_mutex_lock(&g->mutex);
    for (unsigned i = 0; i < GIC_WORDS; i++) {
        g->spi[i] = (struct gic_word){.line = g->spi[i].line};
    }
    for (unsigned i = 0; i < g->num_cpu; i++) {
        irq_set(&g->wire[i].irq, 0);
        irq_set(&g->wire[i].fiq, 0);
        irq_set(&g->wire[i].nmi, 0);
        reset_cpu(g, i);
    }
    if (g->has_lpi) {
        gicv3_lpi_reset(g);
    }
    for (unsigned i = 32; g->v3 && i < g->num_irq; i++) {
        g->owner[i] = GIC_NO_CPU;
        gic_route(g, i);
    }
    os_mutex_unlock(&g->mutex);
}

/* ---- loaded state */

static bool check_word(const struct gic *g, const struct gic_word *w, unsigned n, struct error *e)
{
    const uint32_t bits = w->enabled | w->latch | w->line | w->active | w->group | w->edge | w->nmi;
    return !(bits & ~gic_existing(g, 32 * n)) ||
           error_set(e, "it has interrupts from %u on that are not there", 32 * n);
}

static bool check_cpu(const struct gic *g, const struct gic_cpu *c, struct error *e)
{
    if (!check_word(g, &c->own, 0, e)) {
        return false;
    }
    for (unsigned group = 0; group < 2; group++) {
        if (c->bpr[group] > 7 || c->bpr[group] < gic_min_bpr(g) + group) {
            return error_set(e, "its binary point %u is %u, and %u to 7 are possible", group,
                             c->bpr[group], gic_min_bpr(g) + group);
        }
    }
    return g->has_lpi || !c->redist_ctlr ||
           error_set(e, "it takes LPIs, which this machine has not");
}

bool gic_check(struct gic *g, struct error *e)
{
    for (unsigned i = 0; i < g->num_cpu; i++) {
        if (!check_cpu(g, &g->cpu[i], e)) {
            error_prefix(e, "vCPU %u: ", i);
            return false;
        }
    }
    for (unsigned i = 1; i < GIC_WORDS; i++) {
        if (!check_word(g, &g->spi[i], i, e)) {
            return false;
        }
    }
    for (unsigned i = 32; g->v3 && i < g->num_irq; i++) {
        if (g->owner[i] >= g->num_cpu && g->owner[i] != GIC_NO_CPU) {
            return error_set(e, "interrupt %u goes to vCPU %u, of %u", i, g->owner[i], g->num_cpu);
        }
    }
    return true;
}

/* The routing bits follow from the owners. */
static void route_to_owner(struct gic *g, unsigned intid)
{
    for (unsigned i = 0; i < g->num_cpu; i++) {
        uint32_t *routed = &g->cpu[i].routed[intid / 32];
        *routed = (*routed & ~(1u << (intid % 32))) | (uint32_t)(i == g->owner[intid])
                                                          << (intid % 32);
    }
}

void gic_loaded(struct gic *g)
{
    os_mutex_lock(&g->mutex);
    for (unsigned i = 0; i < g->num_cpu; i++) {
        struct gic_cpu *c = &g->cpu[i];
        irq_set(&g->wire[i].irq, 0);
        irq_set(&g->wire[i].fiq, 0);
        c->out = 0;
        c->lpi_best = INTID_NONE;
        if (g->has_lpi) {
            gicv3_lpi_loaded(g, i);
        }
    }
    for (unsigned i = 32; g->v3 && i < g->num_irq; i++) {
        route_to_owner(g, i);
    }
    gic_update_all(g);
    os_mutex_unlock(&g->mutex);
}

const struct prop gic_props[] = {
    {"num-cpu", PROP_U32, offsetof(struct gic, num_cpu), "1", "vCPUs", NULL},
    {"num-irq", PROP_U32, offsetof(struct gic, num_irq), "288",
     "interrupts, the 32 private ones included", NULL},
    {"has-nmi", PROP_BOOL, offsetof(struct gic, has_nmi), "off", "non-maskable interrupts (GICv3)",
     NULL},
    {"has-lpi", PROP_BOOL, offsetof(struct gic, has_lpi), "off", "LPIs (GICv3)", NULL},
    PROP_END,
};

static const struct field word_fields[] = {
    FIELD(gic_word, enabled),      FIELD(gic_word, latch),
    FIELD(gic_word, line),         FIELD(gic_word, active),
    FIELD(gic_word, group),        FIELD(gic_word, edge),
    FIELD_SINCE(gic_word, nmi, 3), FIELD_END,
};

static const struct field cpu_fields[] = {
    FIELD_PARTS(gic_cpu, own, word_fields, gic_word),
    FIELD(gic_cpu, prio),
    FIELD(gic_cpu, routed),
    FIELD(gic_cpu, sgi_source),
    FIELD(gic_cpu, apr),
    FIELD(gic_cpu, ctlr),
    FIELD(gic_cpu, pmr),
    FIELD(gic_cpu, bpr),
    FIELD_MOST(gic_cpu, group_enabled, 1),
    FIELD_SKIP(gic_cpu, pad),
    FIELD(gic_cpu, redist_ctlr),
    FIELD(gic_cpu, waker),
    FIELD(gic_cpu, propbase),
    FIELD(gic_cpu, pendbase),
    FIELD_SKIP(gic_cpu, best),
    FIELD_SKIP(gic_cpu, best_prio),
    FIELD_SKIP(gic_cpu, best_group),
    FIELD_SKIP(gic_cpu, out),
    FIELD_SKIP(gic_cpu, lpi_best),
    FIELD_SKIP(gic_cpu, lpi_best_prio),
    FIELD_SKIP(gic_cpu, pad2),
    FIELD_SKIP(gic_cpu, lpi_summary),
    FIELD_SINCE(gic_cpu, apr_more, 2),
    FIELD_SINCE(gic_cpu, nmi_active, 3),
    FIELD_SKIP(gic_cpu, best_nmi),
    FIELD_SKIP(gic_cpu, pad4),
    FIELD_END,
};

const struct field gic_fields[] = {
    FIELD_MOST(gic, ctlr, 3),
    FIELD(gic, statusr),
    FIELD_KEEP_PARTS(gic, spi, word_fields, gic_word),
    FIELD(gic, prio),
    FIELD(gic, mask),
    FIELD(gic, router),
    FIELD_KEEP(gic, owner),
    FIELD_KEEP_BUF_PARTS(gic, cpu, cpu_bytes, cpu_fields, gic_cpu),
    FIELD_BUF(gic, lpi_config, lpi_config_bytes),
    FIELD_BUF(gic, lpi_pending, lpi_pending_bytes),
    FIELD_SKIP(gic, v3),
    FIELD_SKIP(gic, pad),
    FIELD_SKIP(gic, mutex),
    FIELD_SKIP(gic, wire),
    FIELD_SKIP(gic, current_cpu),
    FIELD_SKIP(gic, current_cpu_opaque),
    FIELD_SKIP(gic, bank),
    FIELD_SKIP(gic, region),
    FIELD_SKIP(gic, regions),
    FIELD_END,
};
