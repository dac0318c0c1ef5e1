/* SPDX-License-Identifier: MIT */
/*
 * The generic timer (DDI 0487, D11) on the virtual clock.
 *
 * All state belongs to the vCPU's thread. When a deadline passes, the clock's thread only sets
 * timer_due and kicks the vCPU; its run loop asks interrupt_ready or has_work, and they look at the
 * timers and set the lines. Not modelled: the event stream (WFE never sleeps), CNTHCTL and offsets
 * (no EL2), the memory-mapped counter.
 */
#include "cpu/arm/timer.h"

#include "cpu/arm/pmu.h"
#include "cpu/arm/sysregs.h"

enum {
    CTL_ENABLE = 1,
    CTL_IMASK = 2,
    CTL_ISTATUS = 4
};

#define NS_PER_SECOND UINT64_C(1000000000)

uint64_t arm_count(struct arm_cpu *cpu)
{
    const uint64_t ns = clock_now_ns(cpu->vcpu.clock);
    if (NS_PER_SECOND % cpu->cntfrq_hz == 0) {
        return ns / (NS_PER_SECOND / cpu->cntfrq_hz);
    }
    return (uint64_t)((u128)ns * cpu->cntfrq_hz / NS_PER_SECOND);
}

uint64_t arm_count_to_ns(const struct arm_cpu *cpu, uint64_t count)
{
    const u128 ns = ((u128)count * NS_PER_SECOND + cpu->cntfrq_hz - 1) / cpu->cntfrq_hz;
    return ns >= CLOCK_NEVER ? CLOCK_NEVER : (uint64_t)ns;
}

static void expired(void *opaque)
{
    struct arm_cpu *cpu = opaque;
    atomic_store(&cpu->timer_due, true);
    vcpu_kick(&cpu->vcpu);
}

static void waited(void *opaque)
{
    struct arm_cpu *cpu = opaque;
    atomic_store(&cpu->wfit_due, true);
    vcpu_kick(&cpu->vcpu);
}

static bool condition_met(struct arm_cpu *cpu, const struct arm_timer_state *t)
{
    return (t->ctl & CTL_ENABLE) && arm_count(cpu) >= t->cval;
}

static void update(struct arm_cpu *cpu, struct arm_timer_state *t)
{
    const bool met = condition_met(cpu, t), level = met && !(t->ctl & CTL_IMASK);
    if (t->timer) {
        const bool waits = (t->ctl & CTL_ENABLE) && !(t->ctl & CTL_IMASK) && !met;
        clock_timer_set(t->timer, waits ? arm_count_to_ns(cpu, t->cval) : CLOCK_NEVER);
    }
    if (level != t->level) {
        t->level = level;
        irq_set(&t->irq, level);
    }
}

void arm_timers_update(struct arm_cpu *cpu)
{
    for (unsigned i = 0; i < ARM_TIMER_COUNT; i++) {
        update(cpu, &cpu->timer[i]);
    }
}

void arm_timers_poll(struct arm_cpu *cpu)
{
    if (unlikely(atomic_load_explicit(&cpu->timer_due, memory_order_relaxed))) {
        atomic_store(&cpu->timer_due, false);
        arm_timers_update(cpu);
    }
    if (unlikely(atomic_load_explicit(&cpu->pmu_due, memory_order_relaxed))) {
        atomic_store(&cpu->pmu_due, false);
        arm_pmu_update(cpu);
    }
}

/* The clock is known only when the board has attached it: the timers on it are made at the first
 * reset. */
void arm_timers_reset(struct arm_cpu *cpu)
{
    struct clock *clock = cpu->vcpu.clock;
    for (unsigned i = 0; i < ARM_TIMER_COUNT; i++) {
        struct arm_timer_state *t = &cpu->timer[i];
        if (!t->timer && clock) {
            t->timer = clock_timer_create(clock, expired, cpu);
        }
        t->cval = 0;
        t->ctl = 0;
        if (t->timer) {
            update(cpu, t);
        }
    }
    if (!cpu->wfit_timer && clock) {
        cpu->wfit_timer = clock_timer_create(clock, waited, cpu);
    }
}

void arm_timers_destroy(struct arm_cpu *cpu)
{
    for (unsigned i = 0; i < ARM_TIMER_COUNT; i++) {
        if (cpu->timer[i].timer) {
            clock_timer_destroy(cpu->timer[i].timer);
        }
    }
    if (cpu->wfit_timer) {
        clock_timer_destroy(cpu->wfit_timer);
    }
}

void arm_wait_until(struct arm_cpu *cpu, uint64_t count)
{
    atomic_store(&cpu->wfit_due, false);
    if (count != UINT64_MAX) {
        clock_timer_set(cpu->wfit_timer, arm_count_to_ns(cpu, count));
    }
}

/* ---- registers */

uint64_t arm_timer_read_count(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return arm_count(cpu);
}

uint64_t arm_timer_read_tval(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    return (uint32_t)(cpu->timer[r->arg].cval - arm_count(cpu));
}

uint64_t arm_timer_read_ctl(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    struct arm_timer_state *t = &cpu->timer[r->arg];
    if (!condition_met(cpu, t)) {
        return t->ctl;
    }
    update(cpu,
           t); /* whoever sees ISTATUS finds the interrupt pending, however late the clock is */
    return t->ctl | CTL_ISTATUS;
}

uint64_t arm_timer_read_cval(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    return cpu->timer[r->arg].cval;
}

void arm_timer_write_tval(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->timer[r->arg].cval = arm_count(cpu) + (uint64_t)(int64_t)(int32_t)value;
    update(cpu, &cpu->timer[r->arg]);
}

void arm_timer_write_ctl(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->timer[r->arg].ctl = (uint32_t)value & (CTL_ENABLE | CTL_IMASK);
    update(cpu, &cpu->timer[r->arg]);
}

void arm_timer_write_cval(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->timer[r->arg].cval = value;
    update(cpu, &cpu->timer[r->arg]);
}
