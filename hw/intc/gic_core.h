/* SPDX-License-Identifier: MIT */
/*
 * What GICv2 (IHI 0048B) and GICv3 (IHI 0069) have in common: the state of private and shared
 * interrupts, the choice of the highest priority pending interrupt for each vCPU, and priorities at
 * the CPU interface.
 *
 * One security state: GICD_CTLR.DS is 1, or no Security Extensions. Interrupts have 8 bits of
 * priority. GICv2's CPU interface looks at all of them, GICv3's (the CPU's) at 5. All state is
 * guarded by gic.mutex, and is changed by functions that end with gic_update*(), which choose anew
 * and drive the output lines.
 */
#ifndef HW_INTC_GIC_CORE_H
#define HW_INTC_GIC_CORE_H

#include "base/bits.h"
#include "hw/intc/gic.h"

#define GIC_INTIDS 1020 /* private and shared; the next four are special */
#define GIC_WORDS 32    /* of 32 interrupts each; word 0 is private */
#define GIC_SGIS 16
#define GIC_NO_CPU 0xffff
#define GIC_FIRST_LPI 8192
#define GIC_LPIS (65536 - GIC_FIRST_LPI)
#define GIC_LPI_WORDS (GIC_LPIS / 64)

enum {
    INTID_OTHER_GROUP = 1022,
    INTID_NONE = 1023
};

#define GIC_PRIO_IDLE 0x100 /* running priority when nothing is active */
#define GIC_APRS 4          /* active priorities registers of a group */

/* 32 interrupts, a bit each. */
struct gic_word {
    uint32_t enabled;
    uint32_t latch; /* pending by an edge or by software */
    uint32_t line;  /* level of the input */
    uint32_t active;
    uint32_t group; /* 0 or 1 */
    uint32_t edge;  /* edge triggered, else level sensitive */
    uint32_t nmi;   /* GICv3.3: non-maskable, if of group 1 */
};

/* One vCPU: its private interrupts and its CPU interface. */
struct gic_cpu {
    struct gic_word own;
    uint8_t prio[32];
    uint32_t routed[GIC_WORDS];   /* shared interrupts that this vCPU is offered */
    uint8_t sgi_source[GIC_SGIS]; /* GICv2: pending senders of an SGI, a bit each */

    /* Active priorities by group: bit n is the priority n << gic_level_shift(). apr has the first
     * 32 of them, apr_more the rest. */
    uint32_t apr[2];
    uint32_t ctlr; /* the CPU interface's control register */
    uint8_t pmr;
    uint8_t bpr[2]; /* as the register of the group reads */
    uint8_t group_enabled[2];
    uint8_t pad[3];

    uint32_t redist_ctlr, waker; /* GICv3 */
    uint64_t propbase, pendbase;

    uint32_t apr_more[2 * (GIC_APRS - 1)];
    uint8_t nmi_active; /* a non-maskable interrupt runs: bit 63 of ICC_AP1R0_EL1 */
    uint8_t best_nmi;   /* follows from the rest, as the next */
    uint8_t pad4[6];

    /* Follows from the rest. */
    uint32_t best; /* INTID of the highest priority pending interrupt, or INTID_NONE */
    uint16_t best_prio;
    uint8_t best_group;
    uint8_t out;       /* bit 0 IRQ, bit 1 FIQ, bit 2 NMI, as last told */
    uint32_t lpi_best; /* highest priority pending and enabled LPI, or INTID_NONE */
    uint16_t lpi_best_prio;
    uint16_t pad2;
    uint64_t lpi_summary[GIC_LPI_WORDS / 64]; /* which words of its LPI pending bits are not 0 */
};

/* What is no state of a vCPU's part. */
struct gic_wire {
    struct irq irq, fiq, nmi;
    uint64_t mpidr;
};

struct gicv3_region {
    struct gic *gic;
    unsigned first, count;
};

struct gic {
    struct device dev;
    uint32_t num_cpu, num_irq; /* properties; num_irq counts private ones and is a multiple of 32 */
    bool has_lpi, has_nmi;     /* properties */
    bool v3;
    uint8_t pad;
    unsigned regions;

    struct os_mutex mutex;
    struct gic_wire *wire;
    unsigned (*current_cpu)(void *opaque);
    void *current_cpu_opaque;
    struct sysreg_bank bank;
    struct gicv3_region region[GICV3_REGIONS];

    uint32_t ctlr; /* GICD_CTLR: bit 0 and 1 enable group 0 and 1 */
    uint32_t statusr;
    struct gic_word spi[GIC_WORDS];  /* word 0 unused */
    uint8_t prio[GIC_INTIDS + 4];    /* from 32 on */
    uint8_t mask[GIC_INTIDS + 4];    /* GICv2: ITARGETSR */
    uint64_t router[GIC_INTIDS + 4]; /* GICv3: IROUTER */
    uint16_t owner[GIC_INTIDS + 4];  /* GICv3: the vCPU that is offered it now, or GIC_NO_CPU */
    struct gic_cpu *cpu;             /* num_cpu of them */
    size_t cpu_bytes;

    /* GICv3 LPIs (gicv3_lpi.c): configuration bytes from GIC_FIRST_LPI on, and pending bits by
     * vCPU. */
    uint8_t *lpi_config;
    size_t lpi_config_bytes;
    uint64_t *lpi_pending;
    size_t lpi_pending_bytes;
};

/* The rows of props, fields for both classes; see gic_core.c. */
extern const struct prop gic_props[];
extern const struct field gic_fields[];

/* ---- life, called by the classes' functions of the same names */

bool gic_create(struct gic *g, unsigned max_cpus, struct error *e);
void gic_destroy(struct gic *g);
void gic_reset(struct gic *g);
bool gic_check(struct gic *g, struct error *e);
void gic_loaded(struct gic *g);

/* ---- with g->mutex held */

static inline struct gic_word *gic_word_of(struct gic *g, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &g->cpu[cpu].own : &g->spi[intid / 32];
}

/* The least binary point of group 0; that of group 1 is one more. */
static inline unsigned gic_min_bpr(const struct gic *g)
{
    return g->v3 ? 2 : 0;
}

/* The bits of a priority, and of the mask, that the CPU interface has. */
static inline uint8_t gic_prio_mask(const struct gic *g)
{
    return g->v3 ? 0xf8 : 0xff;
}

/* Group priorities are this far apart, as a power of two. */
static inline unsigned gic_level_shift(const struct gic *g)
{
    return gic_min_bpr(g) + 1;
}

static inline uint32_t *gic_apr(struct gic_cpu *c, unsigned group, unsigned n)
{
    return n ? &c->apr_more[group * (GIC_APRS - 1) + n - 1] : &c->apr[group];
}

static inline uint8_t *gic_prio_of(struct gic *g, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &g->cpu[cpu].prio[intid] : &g->prio[intid];
}

static inline uint32_t gic_pending(const struct gic_word *w)
{
    return w->latch | (w->line & ~w->edge);
}

/* True for INTIDs that exist as private or shared interrupts. */
static inline bool gic_exists(const struct gic *g, uint32_t intid)
{
    return intid < g->num_irq && intid < GIC_INTIDS;
}

/* Chooses the highest priority pending interrupt of a vCPU and drives its lines. */
void gic_update(struct gic *g, unsigned cpu);
/* As gic_update of every vCPU that is offered interrupt intid (cpu says whose, if it is private).
 */
void gic_update_for(struct gic *g, unsigned cpu, unsigned intid);
void gic_update_all(struct gic *g);

/* GICv3: offers shared interrupt intid to the vCPU that its route names. */
void gic_route(struct gic *g, unsigned intid);
/* Routes those anew that any vCPU may take: the set of willing vCPUs has changed. */
void gic_route_any(struct gic *g);
/* The index of the vCPU with this affinity, or GIC_NO_CPU. */
unsigned gic_find_cpu(const struct gic *g, uint64_t mpidr);

/* Priority of what is active at the CPU interface, or GIC_PRIO_IDLE. */
/* Which of 32 interrupts from first on exist. */
uint32_t gic_existing(const struct gic *g, unsigned first);

unsigned gic_running_priority(const struct gic *g, unsigned cpu);
/* The pending interrupt is of the given group and would be taken now (priority mask, preemption).
 */
bool gic_can_take(const struct gic_cpu *c, unsigned group);
/* Makes the best pending interrupt active (which gic_can_take allowed) and returns it. */
uint32_t gic_acknowledge(struct gic *g, unsigned cpu);
/* Ends the highest active priority if it is group's. False: it is not, nothing was done. */
bool gic_drop_priority(struct gic *g, unsigned cpu, unsigned group);
/* Ends the active state of intid, for whatever it was. */
void gic_deactivate(struct gic *g, unsigned cpu, uint32_t intid);

/* ---- registers that both have; n counts registers from the first; cpu says whose private ones */

enum gic_bits {
    GIC_GROUP,
    GIC_SET_ENABLE,
    GIC_CLEAR_ENABLE,
    GIC_SET_PENDING,
    GIC_CLEAR_PENDING,
    GIC_SET_ACTIVE,
    GIC_CLEAR_ACTIVE
};
uint32_t gic_bits_read(struct gic *g, unsigned cpu, enum gic_bits kind, unsigned n);
void gic_bits_write(struct gic *g, unsigned cpu, enum gic_bits kind, unsigned n, uint32_t value);
uint32_t gic_config_read(struct gic *g, unsigned cpu, unsigned n); /* ICFGR, 16 interrupts each */
void gic_config_write(struct gic *g, unsigned cpu, unsigned n, uint32_t value);
uint8_t gic_priority_read(struct gic *g, unsigned cpu, unsigned intid); /* a byte of IPRIORITYR */
void gic_priority_write(struct gic *g, unsigned cpu, unsigned intid, uint8_t value);

/* ---- gicv3_cpuif.c, gicv3_lpi.c */

const struct sysreg_bank *gicv3_bank(bool nmi); /* rows, without opaque */

/* Reads the LPI tables that vCPU cpu's redistributor was just given (EnableLPIs was set). */
void gicv3_lpi_enable(struct gic *g, unsigned cpu);
/* Writes pending bits back to guest memory and forgets them (EnableLPIs was cleared). */
void gicv3_lpi_disable(struct gic *g, unsigned cpu);
/* Chooses lpi_best anew. */
void gicv3_lpi_choose(struct gic *g, unsigned cpu);
/* Sets or clears the pending state of an LPI at a vCPU and updates it. Does nothing where LPIs are
 * not enabled. */
void gicv3_lpi_set_pending(struct gic *g, unsigned cpu, uint32_t intid, bool pending);
bool gicv3_lpi_is_pending(const struct gic *g, unsigned cpu, uint32_t intid);
/* Reads the configuration of one LPI, or of all (intid 0), from the table in guest memory again. */
void gicv3_lpi_reload(struct gic *g, uint32_t intid);
/* Moves all pending LPIs of one vCPU to another. */
void gicv3_lpi_move_all(struct gic *g, unsigned from, unsigned to);
/* What follows from a vCPU's loaded state. */
void gicv3_lpi_loaded(struct gic *g, unsigned cpu);
/* Makes the tables of a GIC with LPIs. */
void gicv3_lpi_create(struct gic *g);
/* All vCPUs as new: no LPI is pending or configured. */
void gicv3_lpi_reset(struct gic *g);

#endif
