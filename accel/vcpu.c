/* SPDX-License-Identifier: MIT */
/*
 * What the rest of the program asks of a vCPU, whoever runs it: attention, its input lines, power,
 * which one the calling thread runs.
 */
#include "accel/counted.h"
#include "base/atomic.h"

static _Thread_local struct vcpu *current;

struct vcpu *vcpu_current(void)
{
    return current;
}

struct vcpu *vcpu_make_current(struct vcpu *v)
{
    struct vcpu *before = current;

    current = v;
    return before;
}

/* ---- attention */

void vcpu_wake(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    os_mutex_lock(&t->lock);
    t->kicked = true;
    os_cond_signal(&t->wake);
    os_mutex_unlock(&t->lock);
}

void vcpu_kick(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    if (!t) {
        atomic_store(&v->hot.exit_request, 1);
        return;
    }
    if (t->accel->config.counted) {
        counted_kick(v);
        return;
    }
    t->accel->ops->kick(v);
    if (t->accel->config.single_thread) {
        vcpu_wake(t->accel->vcpus[0]);
    } else if (atomic_load(&t->sleeping)) {
        vcpu_wake(v);
    }
}

void vcpu_exit_soon(struct vcpu *v)
{
    vcpu_kick(v);
}

/*
 * A host CPU that is given away may not come back for milliseconds, so it is for a guest only that
 * does nothing but spin: so many yields took less than BURST_NS, one time after the other for
 * SPINS_NS. It is given away once in that time then.
 */
#define BURST_YIELDS 256
#define BURST_NS 25000
#define SPINS_NS 50000

void vcpu_yield(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    v->hot.yields_left = 0;
    if (!t) {
        return;
    }
    if (t->accel->config.single_thread) {
        vcpu_kick(v);
        return;
    }
    const int64_t now = os_now_ns();
    v->hot.yields_left = BURST_YIELDS;
    if (now - t->burst_ns > BURST_NS) {
        t->spins_since_ns = now;
    } else if (now - t->spins_since_ns > SPINS_NS) {
        os_yield();
        t->spins_since_ns = os_now_ns();
    }
    t->burst_ns = os_now_ns();
}

/* ---- input lines */

/* The accelerator's own inputs of a vCPU follow lines, and wake it without a kick. false: it looks
 * at them in each round. */
static bool passes_on(struct vcpu *v, int line, int level)
{
    struct accel_vcpu *t = v->accel;

    if (!t || !t->accel->ops->line) {
        return false;
    }
    t->accel->ops->line(v, line, level);
    if (level && atomic_load(&t->sleeping)) {
        vcpu_wake(v);
    }
    return true;
}

static void set_line(void *opaque, int line, int level)
{
    struct vcpu *v = opaque;
    const uint32_t mask = 1u << line;
    const uint32_t before = level ? atomic_fetch_or(&v->interrupt_lines, mask)
                                  : atomic_fetch_and(&v->interrupt_lines, ~mask);

    if (!(before & mask) == !level) {
        return;
    }
    if (!passes_on(v, line, level) && level) {
        vcpu_kick(v);
    }
}

struct irq vcpu_irq(struct vcpu *v, int line)
{
    return (struct irq){.set = set_line, .opaque = v, .line = line};
}

/* ---- power */

static void start(struct vcpu *v, const struct vcpu_work *w)
{
    accel_forget_vcpu(v);
    v->cls->reset(v);
    v->cls->boot(v, w->args[0], w->args[1]);
    atomic_store(&v->halted, false);
    atomic_store(&v->powered_off, false);
    atomic_store(&v->starting, false);
}

/* Who sets `starting` has the say; so two that ask at once do not both start it. */
enum power_cpu_result vcpu_start(struct vcpu *v, uint64_t entry, uint64_t context)
{
    const struct vcpu_work w = {.fn = start, .args = {entry, context}};

    if (atomic_exchange(&v->starting, true)) {
        return POWER_CPU_STARTING;
    }
    if (!atomic_load(&v->powered_off)) {
        atomic_store(&v->starting, false);
        return POWER_CPU_ALREADY_ON;
    }
    if (!v->accel) {
        start(v, &w);
    } else if (!work_post_job(v, &w)) {
        atomic_store(&v->starting, false);
        return POWER_CPU_STARTING; /* it has too much to do: to be asked again */
    }
    return POWER_CPU_OK;
}

int vcpu_power_state(struct vcpu *v)
{
    return atomic_load(&v->starting) ? 2 : atomic_load(&v->powered_off);
}
