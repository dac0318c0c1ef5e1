/* SPDX-License-Identifier: MIT */
/*
 * GICv3 CPU interface: the system registers ICC_*_EL1 (IHI 0069H 12.2), as a bank that the board
 * attaches to each vCPU.
 *
 * One security state, no EL2 or EL3: group 0 is signalled as FIQ, group 1 as IRQ. 5 bits of
 * priority, so there is one active priorities register for each group. Not modelled: the memory
 * mapped interface for legacy operation (ICC_SRE_EL1 is fixed to system registers).
 */
#include "cpu/arm.h"
#include "hw/intc/gic_core.h"

enum {
    CTLR_CBPR = 1 << 0,
    CTLR_EOIMODE = 1 << 1,
    CTLR_PMHE = 1 << 6
};
#define CTLR_WRITABLE (CTLR_CBPR | CTLR_EOIMODE | CTLR_PMHE)
#define CTLR_FIXED (4u << 8 /* PRIbits */ | 1u << 11 /* IDbits: 24 */ | 1u << 15 /* A3V */)

#define REGISTER_OP2(encoding) ((encoding)&7)

/* The interface of the vCPU that runs, with the lock taken. */
static struct gic_cpu *enter(void *opaque, int vcpu)
{
    struct gic *g = opaque;
    os_mutex_lock(&g->mutex);
    return &g->cpu[vcpu];
}

static void leave(void *opaque)
{
    os_mutex_unlock(&((struct gic *)opaque)->mutex);
}

/* ---- acknowledge and end */

static uint64_t acknowledge(void *opaque, int vcpu, unsigned group)
{
    struct gic_cpu *c = enter(opaque, vcpu);
    uint64_t intid = INTID_NONE;
    if (gic_can_take(c, group)) {
        intid = gic_acknowledge(opaque, (unsigned)vcpu);
    }
    leave(opaque);
    return intid;
}

static uint64_t iar0_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    return acknowledge(opaque, vcpu, 0);
}

static uint64_t iar1_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    return acknowledge(opaque, vcpu, 1);
}

static uint64_t nmiar1_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    struct gic_cpu *c = enter(opaque, vcpu);
    uint64_t intid = INTID_NONE;
    if (c->best_nmi && gic_can_take(c, 1)) {
        intid = gic_acknowledge(opaque, (unsigned)vcpu);
    }
    leave(opaque);
    return intid;
}

static uint64_t highest_pending(void *opaque, int vcpu, unsigned group)
{
    struct gic_cpu *c = enter(opaque, vcpu);
    uint64_t intid = c->best_group == group ? c->best : INTID_NONE;
    leave(opaque);
    return intid;
}

static uint64_t hppir0_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    return highest_pending(opaque, vcpu, 0);
}

static uint64_t hppir1_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    return highest_pending(opaque, vcpu, 1);
}

static void end(void *opaque, int vcpu, unsigned group, uint64_t value)
{
    struct gic *g = opaque;
    uint32_t intid = value & 0xffffff;
    if (intid >= GIC_INTIDS && intid < GIC_FIRST_LPI) {
        return;
    }
    struct gic_cpu *c = enter(opaque, vcpu);
    if (gic_drop_priority(opaque, (unsigned)vcpu, group)) {
        if (!(c->ctlr & CTLR_EOIMODE)) {
            gic_deactivate(g, (unsigned)vcpu, intid);
        }
        gic_update(g, (unsigned)vcpu);
    }
    leave(opaque);
}

static void eoir0_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)encoding;
    end(opaque, vcpu, 0, value);
}

static void eoir1_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)encoding;
    end(opaque, vcpu, 1, value);
}

static void dir_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)encoding;
    struct gic_cpu *c = enter(opaque, vcpu);
    if (c->ctlr & CTLR_EOIMODE) {
        gic_deactivate(opaque, (unsigned)vcpu, value & 0xffffff);
    }
    leave(opaque);
}

static uint64_t rpr_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    enter(opaque, vcpu);
    unsigned priority = gic_running_priority(opaque, (unsigned)vcpu);
    uint64_t nmi = ((struct gic *)opaque)->cpu[vcpu].nmi_active;
    leave(opaque);
    return (priority > 0xff ? 0xff : priority) | nmi << 63;
}

/* ---- masks and controls */

static uint64_t pmr_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    uint64_t value = enter(opaque, vcpu)->pmr;
    leave(opaque);
    return value;
}

static void pmr_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)encoding;
    struct gic_cpu *c = enter(opaque, vcpu);
    c->pmr = value & gic_prio_mask(opaque);
    gic_update(opaque, (unsigned)vcpu);
    leave(opaque);
}

/* With CBPR the binary point of group 0 serves both, and that of group 1 reads as one more and
 * ignores writes. */
static uint64_t bpr_read(void *opaque, int vcpu, uint32_t encoding)
{
    unsigned group = encoding == SYSREG_A64(3, 0, 12, 12, 3);
    const struct gic_cpu *c = enter(opaque, vcpu);
    unsigned value = c->bpr[group];
    if (group == 1 && (c->ctlr & CTLR_CBPR)) {
        value = c->bpr[0] < 7 ? c->bpr[0] + 1u : 7;
    }
    leave(opaque);
    return value;
}

static void bpr_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    unsigned group = encoding == SYSREG_A64(3, 0, 12, 12, 3);
    struct gic_cpu *c = enter(opaque, vcpu);
    unsigned point = value & 7;
    if (group == 0 || !(c->ctlr & CTLR_CBPR)) {
        const unsigned least = gic_min_bpr(opaque) + group;
        c->bpr[group] = (uint8_t)(point < least ? least : point);
        gic_update(opaque, (unsigned)vcpu);
    }
    leave(opaque);
}

static uint64_t apr_read(void *opaque, int vcpu, uint32_t encoding)
{
    const unsigned group = encoding == SYSREG_A64(3, 0, 12, 9, 0);
    const struct gic_cpu *c = enter(opaque, vcpu);
    uint64_t value = c->apr[group] | (group ? (uint64_t)c->nmi_active << 63 : 0);
    leave(opaque);
    return value;
}

static void apr_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    const unsigned group = encoding == SYSREG_A64(3, 0, 12, 9, 0);
    struct gic_cpu *c = enter(opaque, vcpu);
    c->apr[group] = (uint32_t)value;
    if (group && ((struct gic *)opaque)->has_nmi) {
        c->nmi_active = value >> 63;
    }
    gic_update(opaque, (unsigned)vcpu);
    leave(opaque);
}

static uint64_t ctlr_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)encoding;
    uint64_t value = enter(opaque, vcpu)->ctlr | CTLR_FIXED;
    leave(opaque);
    return value;
}

static void ctlr_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)encoding;
    enter(opaque, vcpu)->ctlr = value & CTLR_WRITABLE;
    gic_update(opaque, (unsigned)vcpu);
    leave(opaque);
}

/* System registers are enabled, FIQ and IRQ bypass disabled; all fixed. */
static uint64_t sre_read(void *opaque, int vcpu, uint32_t encoding)
{
    (void)opaque, (void)vcpu, (void)encoding;
    return 7;
}

static void sre_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    (void)opaque, (void)vcpu, (void)encoding, (void)value;
}

static uint64_t igrpen_read(void *opaque, int vcpu, uint32_t encoding)
{
    uint64_t value = enter(opaque, vcpu)->group_enabled[REGISTER_OP2(encoding) == 7];
    leave(opaque);
    return value;
}

static void igrpen_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    struct gic_cpu *c = enter(opaque, vcpu);
    uint8_t *enabled = &c->group_enabled[REGISTER_OP2(encoding) == 7];
    if (*enabled != (value & 1)) {
        *enabled = value & 1;
        gic_route_any(opaque);
        gic_update(opaque, (unsigned)vcpu);
    }
    leave(opaque);
}

/* ---- software generated interrupts */

static void send_sgi(struct gic *g, unsigned cpu, unsigned intid, unsigned group)
{
    struct gic_word *w = &g->cpu[cpu].own;
    if (bit(w->group, intid) == group) {
        w->latch |= 1u << intid;
        gic_update(g, cpu);
    }
}

static void send_to_list(struct gic *g, uint64_t value, unsigned group)
{
    unsigned intid = (unsigned)bits64(value, 27, 24);
    uint64_t affinity = bits64(value, 55, 48) << 32 | bits64(value, 39, 32) << 16 |
                        bits64(value, 23, 16) << 8 | bits64(value, 47, 44) << 4;
    for (uint32_t list = value & 0xffff; list; list &= list - 1) {
        unsigned cpu = gic_find_cpu(g, affinity + ctz32(list));
        if (cpu != GIC_NO_CPU) {
            send_sgi(g, cpu, intid, group);
        }
    }
}

/* ICC_SGI1R (op2 5) and ICC_ASGI1R (6) send group 1, ICC_SGI0R (7) group 0. */
static void sgir_write(void *opaque, int vcpu, uint32_t encoding, uint64_t value)
{
    struct gic *g = opaque;
    unsigned group = REGISTER_OP2(encoding) != 7;
    enter(opaque, vcpu);
    if (bit(value, 40)) { /* IRM: all but this one */
        for (unsigned i = 0; i < g->num_cpu; i++) {
            if (i != (unsigned)vcpu) {
                send_sgi(g, i, (unsigned)bits64(value, 27, 24), group);
            }
        }
    } else {
        send_to_list(g, value, group);
    }
    leave(opaque);
}

static const struct sysreg_row rows[] = {
    {SYSREG_A64(3, 0, 4, 6, 0), "ICC_PMR_EL1", 1, pmr_read, pmr_write},
    {SYSREG_A64(3, 0, 12, 8, 0), "ICC_IAR0_EL1", 1, iar0_read, NULL},
    {SYSREG_A64(3, 0, 12, 8, 1), "ICC_EOIR0_EL1", 1, NULL, eoir0_write},
    {SYSREG_A64(3, 0, 12, 8, 2), "ICC_HPPIR0_EL1", 1, hppir0_read, NULL},
    {SYSREG_A64(3, 0, 12, 8, 3), "ICC_BPR0_EL1", 1, bpr_read, bpr_write},
    {SYSREG_A64(3, 0, 12, 8, 4), "ICC_AP0R0_EL1", 1, apr_read, apr_write},
    {SYSREG_A64(3, 0, 12, 9, 0), "ICC_AP1R0_EL1", 1, apr_read, apr_write},
    {SYSREG_A64(3, 0, 12, 11, 1), "ICC_DIR_EL1", 1, NULL, dir_write},
    {SYSREG_A64(3, 0, 12, 11, 3), "ICC_RPR_EL1", 1, rpr_read, NULL},
    {SYSREG_A64(3, 0, 12, 11, 5), "ICC_SGI1R_EL1", 1, NULL, sgir_write},
    {SYSREG_A64(3, 0, 12, 11, 6), "ICC_ASGI1R_EL1", 1, NULL, sgir_write},
    {SYSREG_A64(3, 0, 12, 11, 7), "ICC_SGI0R_EL1", 1, NULL, sgir_write},
    {SYSREG_A64(3, 0, 12, 12, 0), "ICC_IAR1_EL1", 1, iar1_read, NULL},
    {SYSREG_A64(3, 0, 12, 12, 1), "ICC_EOIR1_EL1", 1, NULL, eoir1_write},
    {SYSREG_A64(3, 0, 12, 12, 2), "ICC_HPPIR1_EL1", 1, hppir1_read, NULL},
    {SYSREG_A64(3, 0, 12, 12, 3), "ICC_BPR1_EL1", 1, bpr_read, bpr_write},
    {SYSREG_A64(3, 0, 12, 12, 4), "ICC_CTLR_EL1", 1, ctlr_read, ctlr_write},
    {SYSREG_A64(3, 0, 12, 12, 5), "ICC_SRE_EL1", 1, sre_read, sre_write},
    {SYSREG_A64(3, 0, 12, 12, 6), "ICC_IGRPEN0_EL1", 1, igrpen_read, igrpen_write},
    {SYSREG_A64(3, 0, 12, 12, 7), "ICC_IGRPEN1_EL1", 1, igrpen_read, igrpen_write},
    {SYSREG_A64(3, 0, 12, 9, 5), "ICC_NMIAR1_EL1", 1, nmiar1_read, NULL}, /* last: not always */
};

static const struct sysreg_bank bank = {.rows = rows, .count = array_len(rows) - 1},
                                bank_with_nmi = {.rows = rows, .count = array_len(rows)};

const struct sysreg_bank *gicv3_bank(bool nmi)
{
    return nmi ? &bank_with_nmi : &bank;
}
