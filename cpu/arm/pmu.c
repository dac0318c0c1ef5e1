/* SPDX-License-Identifier: MIT */
/*
 * PMUv3 up to FEAT_PMUv3p5 (DDI 0487, D13). Six event counters and the cycle counter. Events:
 * software increment, CPU cycles (a nanosecond of virtual time each: a CPU of 1 GHz), instructions
 * retired where they are counted (-icount), chained counters; stalls, of which there are none.
 *
 * A counter is a value and what its event stood at when it had that value; reading it brings both
 * up to now. Counters that filter by exception level are brought up to now at each change of level.
 */
#include "cpu/arm/pmu.h"
#include "cpu/arm/models.h"

#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"

enum {
    CR_E = 1 << 0,
    CR_P = 1 << 1,
    CR_C = 1 << 2,
    CR_D = 1 << 3,
    CR_X = 1 << 4,
    CR_DP = 1 << 5,
    CR_LC = 1 << 6,
    CR_LP = 1 << 7, /* FEAT_PMUv3p5 */
    CR_WRITABLE = CR_E | CR_D | CR_X | CR_DP | CR_LC,
};

enum {
    EVENT_SW_INCR = 0x00,
    EVENT_INST_RETIRED = 0x08,
    EVENT_CPU_CYCLES = 0x11,
    EVENT_CHAIN = 0x1e,
    EVENT_STALL_FRONTEND = 0x23,
    EVENT_STALL_BACKEND = 0x24,
    EVENT_STALL = 0x3c,
};

#define TYPE_P (UINT64_C(1) << 31) /* not at EL1 */
#define TYPE_U (UINT64_C(1) << 30) /* not at EL0 */
#define CYCLES_BIT (UINT64_C(1) << 31)
#define COUNTER_BITS (mask64(ARM_PMU_COUNTERS) | CYCLES_BIT)

/* Bit of PMCNTENSET and its like. */
static uint64_t bit_of(unsigned n)
{
    return n == ARM_PMU_CYCLES ? CYCLES_BIT : UINT64_C(1) << n;
}

static unsigned event_of(const struct arm_pmu *p, unsigned n)
{
    return n == ARM_PMU_CYCLES ? EVENT_CPU_CYCLES : p->type[n] & 0xffff;
}

/* How often the event has happened since the vCPU exists. */
static uint64_t happened(struct arm_cpu *cpu, unsigned event)
{
    switch (event) {
    case EVENT_INST_RETIRED:
        return vcpu_instructions(&cpu->vcpu);
    case EVENT_CPU_CYCLES:
        return clock_now_ns(cpu->vcpu.clock);
    default:
        return 0;
    }
}

static bool is_counting(const struct arm_cpu *cpu, unsigned n)
{
    const struct arm_pmu *p = &cpu->pmu;
    const uint64_t barred = arm_el(cpu) ? TYPE_P : TYPE_U;
    return (p->cr & CR_E) && (p->cnten & bit_of(n)) && !(p->type[n] & barred);
}

/* FEAT_PMUv3p5 makes event counters as wide as the cycle counter. */
static uint64_t counter_mask(const struct arm_cpu *cpu, unsigned n)
{
    return mask64(n == ARM_PMU_CYCLES || arm_has(cpu, ARM_HAS_pmuv3p5) ? 64 : 32);
}

/* The width of a counter, as overflow sees it. */
static unsigned width_of(const struct arm_cpu *cpu, unsigned n)
{
    const uint64_t wide = n == ARM_PMU_CYCLES ? CR_LC : arm_has(cpu, ARM_HAS_pmuv3p5) ? CR_LP : 0;
    return cpu->pmu.cr & wide ? 64 : 32;
}

static void add(struct arm_cpu *cpu, unsigned n, uint64_t delta)
{
    struct arm_pmu *p = &cpu->pmu;
    const uint64_t old = p->count[n];
    const bool wide = width_of(cpu, n) == 64;
    p->count[n] = (old + delta) & counter_mask(cpu, n);
    const bool over = wide ? p->count[n] < old : (old & mask64(32)) + delta > mask64(32);
    if (!over) {
        return;
    }
    p->ovs |= bit_of(n);
    const unsigned odd = n + 1;
    if (n % 2 == 0 && odd < ARM_PMU_COUNTERS && event_of(p, odd) == EVENT_CHAIN && (p->cr & CR_E) &&
        (p->cnten & bit_of(odd))) {
        p->count[odd] = (p->count[odd] + 1) & counter_mask(cpu, odd);
        p->ovs |= (p->count[odd] & mask64(width_of(cpu, odd))) == 0 ? bit_of(odd) : 0;
    }
}

/* Brings every counter up to now. */
static void sync(struct arm_cpu *cpu)
{
    struct arm_pmu *p = &cpu->pmu;
    for (unsigned n = 0; n <= ARM_PMU_CYCLES; n++) {
        const uint64_t now = happened(cpu, event_of(p, n));
        if (is_counting(cpu, n) && now != p->base[n]) {
            add(cpu, n, now - p->base[n]);
        }
        p->base[n] = now;
    }
}

/* When the next overflow that interrupts is due; one of instructions is looked for each
 * millisecond. */
static uint64_t next_overflow(struct arm_cpu *cpu)
{
    const struct arm_pmu *p = &cpu->pmu;
    const uint64_t now = clock_now_ns(cpu->vcpu.clock);
    uint64_t due = CLOCK_NEVER;
    for (unsigned n = 0; n <= ARM_PMU_CYCLES; n++) {
        const unsigned event = event_of(p, n);
        if (!(p->inten & bit_of(n)) || !is_counting(cpu, n) ||
            (event != EVENT_CPU_CYCLES && event != EVENT_INST_RETIRED)) {
            continue;
        }
        const unsigned width = width_of(cpu, n);
        uint64_t left = (mask64(width) - (p->count[n] & mask64(width)));
        if (event == EVENT_INST_RETIRED) {
            left = left / 4 < 1000000 ? left / 4 + 1000 : 1000000;
        }
        const uint64_t at = left >= CLOCK_NEVER - 1 - now ? CLOCK_NEVER : now + left + 1;
        due = at < due ? at : due;
    }
    return due;
}

void arm_pmu_update(struct arm_cpu *cpu)
{
    struct arm_pmu *p = &cpu->pmu;
    sync(cpu);
    const bool level = (p->cr & CR_E) && (p->ovs & p->inten & COUNTER_BITS);
    if (p->timer) {
        clock_timer_set(p->timer, next_overflow(cpu));
    }
    if (level != p->level) {
        p->level = level;
        irq_set(&p->irq, level);
    }
}

static void find_filters(struct arm_pmu *p)
{
    p->filtered = false;
    for (unsigned n = 0; n <= ARM_PMU_CYCLES; n++) {
        p->filtered |= (p->cr & CR_E) && (p->cnten & bit_of(n)) && (p->type[n] & (TYPE_P | TYPE_U));
    }
}

static void changed(struct arm_cpu *cpu)
{
    find_filters(&cpu->pmu);
    arm_pmu_update(cpu);
}

void arm_pmu_before_switch(struct arm_cpu *cpu)
{
    if (unlikely(cpu->pmu.filtered)) {
        sync(cpu);
    }
}

void arm_pmu_after_switch(struct arm_cpu *cpu)
{
    if (unlikely(cpu->pmu.filtered)) {
        arm_pmu_update(cpu);
    }
}

static void due(void *opaque)
{
    struct arm_cpu *cpu = opaque;
    atomic_store(&cpu->pmu_due, true);
    vcpu_kick(&cpu->vcpu);
}

void arm_pmu_reset(struct arm_cpu *cpu)
{
    struct arm_pmu *p = &cpu->pmu;
    if (!p->timer && cpu->vcpu.clock && arm_has(cpu, ARM_HAS_pmu)) {
        p->timer = clock_timer_create(cpu->vcpu.clock, due, cpu);
    }
    p->cr = p->cnten = p->inten = p->ovs = p->userenr = p->selr = 0;
    for (unsigned n = 0; n <= ARM_PMU_CYCLES; n++) {
        p->type[n] = p->count[n] = 0;
    }
    if (p->timer) {
        changed(cpu);
    }
}

void arm_pmu_destroy(struct arm_cpu *cpu)
{
    if (cpu->pmu.timer) {
        clock_timer_destroy(cpu->pmu.timer);
    }
}

/* ---- registers */

uint64_t arm_pmu_read_cr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return (uint64_t)cpu->model->pmu_id << 16 | cpu->pmu.cr | ARM_PMU_COUNTERS << 11;
}

void arm_pmu_write_cr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    struct arm_pmu *p = &cpu->pmu;
    sync(cpu);
    for (unsigned n = 0; n < ARM_PMU_COUNTERS && (value & CR_P); n++) {
        p->count[n] = 0;
    }
    if (value & CR_C) {
        p->count[ARM_PMU_CYCLES] = 0;
    }
    p->cr = value & (CR_WRITABLE | (arm_has(cpu, ARM_HAS_pmuv3p5) ? CR_LP : 0));
    changed(cpu);
}

uint64_t arm_pmu_read_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->pmu.cnten;
}

void arm_pmu_set_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    sync(cpu);
    cpu->pmu.cnten |= value & COUNTER_BITS;
    changed(cpu);
}

void arm_pmu_clear_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    sync(cpu);
    cpu->pmu.cnten &= ~value;
    changed(cpu);
}

uint64_t arm_pmu_read_inten(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->pmu.inten;
}

void arm_pmu_set_inten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    cpu->pmu.inten |= value & COUNTER_BITS;
    changed(cpu);
}

void arm_pmu_clear_inten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    cpu->pmu.inten &= ~value;
    changed(cpu);
}

uint64_t arm_pmu_read_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    sync(cpu);
    return cpu->pmu.ovs;
}

void arm_pmu_set_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    sync(cpu);
    cpu->pmu.ovs |= value & COUNTER_BITS;
    changed(cpu);
}

void arm_pmu_clear_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    sync(cpu);
    cpu->pmu.ovs &= ~value;
    changed(cpu);
}

uint64_t arm_pmu_read_selr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->pmu.selr;
}

void arm_pmu_write_selr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    cpu->pmu.selr = value & 31;
}

/* A bit for each event that counts, from number 0 (PMCEID0) or 32. */
uint64_t arm_pmu_read_ceid(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    if (r->arg == 0) {
        return 1u << EVENT_SW_INCR | 1u << EVENT_CPU_CYCLES |
               (vcpu_is_counted(&cpu->vcpu) ? 1u << EVENT_INST_RETIRED : 0);
    }
    return (arm_has(cpu, ARM_HAS_pmuv3p1)
                ? 1u << (EVENT_STALL_FRONTEND - 32) | 1u << (EVENT_STALL_BACKEND - 32)
                : 0) |
           (arm_has(cpu, ARM_HAS_pmuv3p4) ? 1u << (EVENT_STALL - 32) : 0);
}

void arm_pmu_write_swinc(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    sync(cpu);
    for (unsigned n = 0; n < ARM_PMU_COUNTERS; n++) {
        if ((value >> n & 1) && is_counting(cpu, n) && event_of(&cpu->pmu, n) == EVENT_SW_INCR) {
            add(cpu, n, 1);
        }
    }
    changed(cpu);
}

/* The counter that a row names; false: PMSELR_EL0 names one that is not there. */
static bool counter_of(const struct arm_cpu *cpu, const struct arm_sysreg *r, unsigned *n)
{
    *n = r->arg;
    if (r->arg != ARM_PMU_SELECTED) {
        return true;
    }
    *n = cpu->pmu.selr == 31 ? ARM_PMU_CYCLES : (unsigned)cpu->pmu.selr;
    return cpu->pmu.selr < ARM_PMU_COUNTERS || cpu->pmu.selr == 31;
}

uint64_t arm_pmu_read_counter(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    unsigned n;
    if (!counter_of(cpu, r, &n)) {
        return 0;
    }
    sync(cpu);
    return cpu->pmu.count[n];
}

void arm_pmu_write_counter(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    unsigned n;
    if (counter_of(cpu, r, &n)) {
        sync(cpu);
        cpu->pmu.count[n] = value & counter_mask(cpu, n);
        changed(cpu);
    }
}

uint64_t arm_pmu_read_type(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    unsigned n;
    return counter_of(cpu, r, &n) ? cpu->pmu.type[n] : 0;
}

void arm_pmu_write_type(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    unsigned n;
    if (counter_of(cpu, r, &n)) {
        sync(cpu);
        cpu->pmu.type[n] = value & (TYPE_P | TYPE_U | (n == ARM_PMU_CYCLES ? 0 : 0xffff));
        changed(cpu);
    }
}
