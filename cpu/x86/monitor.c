/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT. Intel SDM, volume 2: MONITOR, MWAIT; volume 3, 8.10.
 *
 * A CPU that waits sleeps as in HLT until an interrupt comes, and wakes up by itself now and then,
 * since nobody tells it of stores; programs look at what they wait for themselves. If what is at
 * the address has changed since MONITOR, it does not sleep at all.
 */
#include "cpu/x86/monitor.h"

#include "cpu/x86/translate.h"

#define SLEEP_NS 1000000

enum {
    BY_INTERRUPT = 1, /* ECX: also by one that is masked */
    ASLEEP = 1,
    ASLEEP_BY_MASKED = 2
};

static void woken(void *opaque)
{
    const struct irq irq = vcpu_irq(opaque, X86_LINE_WAKE);
    irq_set(&irq, 1);
}

void x86_monitor_wake(struct x86_cpu *c)
{
    c->in_mwait = 0;
    atomic_fetch_and(&c->vcpu.interrupt_lines, ~(1u << X86_LINE_WAKE));
}

bool x86_monitor_breaks(const struct x86_cpu *c)
{
    return c->in_mwait == ASLEEP_BY_MASKED &&
           (atomic_load(&c->vcpu.interrupt_lines) & 1u << X86_LINE_INTR);
}

void x86_monitor_loaded(struct x86_cpu *c)
{
    if (c->in_mwait) {
        woken(&c->vcpu);
    }
}

void x86_monitor_destroy(struct x86_cpu *c)
{
    if (c->monitor_timer) {
        clock_timer_destroy(c->monitor_timer);
    }
}

static uint64_t do_monitor(struct vcpu *v, uint64_t next, uint64_t at, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    uint64_t byte;
    (void)z, (void)aux;
    if (c->r[X86_RCX] & UINT32_MAX) {
        x86_raise_gp(c);
    } else if (vcpu_load(v, at, MO_8 | MO_IDX(v->cls->mmu_index(v)), &byte)) {
        c->monitor_at = at;
        c->monitor_value = (uint8_t)byte;
        c->monitors = true;
    }
    return x86_go(c, next);
}
X86_CALL(monitor, IR_CALL_FULL);

static bool has_changed(struct x86_cpu *c, bool *changed)
{
    uint64_t byte;
    if (!vcpu_load(&c->vcpu, c->monitor_at, MO_8 | MO_IDX(c->vcpu.cls->mmu_index(&c->vcpu)),
                   &byte)) {
        return false;
    }
    *changed = c->monitor_value != (uint8_t)byte;
    return true;
}

static uint64_t do_mwait(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t how = (uint32_t)c->r[X86_RCX];
    bool changed = true;
    (void)y, (void)z, (void)aux;
    if (how & ~(uint32_t)BY_INTERRUPT) {
        x86_raise_gp(c);
        return next;
    }
    if (c->monitors && !has_changed(c, &changed)) {
        return next;
    }
    c->monitors = false;
    if (!changed) {
        if (!c->monitor_timer) {
            c->monitor_timer = clock_timer_create(v->clock, woken, v);
        }
        c->in_mwait = how & BY_INTERRUPT ? ASLEEP_BY_MASKED : ASLEEP;
        clock_timer_set(c->monitor_timer, clock_now_ns(v->clock) + SLEEP_NS);
        atomic_store(&v->halted, true);
        vcpu_exit_soon(v);
    }
    return x86_go(c, next);
}
X86_CALL(mwait, IR_CALL_FULL);

void x86_monitor(struct x86_block *c, const struct x86_instr *i, const struct x86_monitor *a)
{
    (void)a;
    if (c->cpl) {
        x86_undefined(c);
        return;
    }
    const unsigned seg = i->seg != X86_NONE ? i->seg : X86_DS;
    const ir_val rax = ir_get(c->b, X86_RAX);
    const ir_val at = x86_linear(c, seg, rax, 1, false, i->as);
    x86_tail(c, &row_monitor, at, IR_NONE, 0);
}

void x86_mwait(struct x86_block *c, const struct x86_instr *i, const struct x86_mwait *a)
{
    (void)i, (void)a;
    if (c->cpl) {
        x86_undefined(c);
    } else {
        x86_tail(c, &row_mwait, IR_NONE, IR_NONE, 0);
    }
}
