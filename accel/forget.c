/* SPDX-License-Identifier: MIT */
/*
 * Reset: what a vCPU, or all of them, must no longer know.
 *
 * A vCPU that is switched on begins with empty TLBs and monitors, and its code is looked up anew.
 * Blocks stay: they are what is in memory, and IC maintenance is the guest's business. So do the
 * contexts, which all vCPUs share, but each page of theirs is walked again before it is used. When
 * all vCPUs forget, memory has been filled anew as well, and nothing is left of blocks and
 * contexts.
 *
 * Frames on a code stack need no clearing: generated code begins at its top, whose words match
 * nothing, and never looks below.
 */
#include "accel/counted.h"

/* Another vCPU may wait for the answer to what it has posted. */
static void drop_requests(struct tcg_vcpu *t)
{
    os_mutex_lock(&t->lock);
    t->queued = 0;
    t->queue_overflow = false;
    atomic_store(&t->done, atomic_load(&t->posted));
    os_mutex_unlock(&t->lock);
    tcg_answered(t);
}

/* monitor: the exclusive monitor, too. */
static void forget_own(struct tcg_vcpu *t, bool monitor)
{
    struct vcpu *v = t->v;

    tlb_forget(v);
    drop_requests(t);
    context_forget(t);
    v->hot.raised = 0;
    if (monitor) {
        v->hot.excl_addr = UINT64_MAX;
        v->hot.excl_value[0] = v->hot.excl_value[1] = 0;
    }
    v->env.excl_mark = MONITOR_NONE;
    v->env.insns_left = 0;
    v->env.yields_left = 0;
    t->burst_ns = t->spins_since_ns = 0;
    t->hit = t->pass = t->alone = t->map_changed = false;
}

void accel_forget_vcpu(struct vcpu *v)
{
    struct tcg_vcpu *t = v->accel;

    if (t) {
        forget_own(t, true);
        context_suspect_tag(t->accel, TLB_ANY_TAG);
    }
}

void accel_forget(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        forget_own(tcg_of(a->vcpus[i]), true);
    }
    a->slice_of = NULL;
    if (a->config.counted) {
        counted_forget(a);
    }
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
}

/* Where turns are counted the monitor is state like a register. */
void accel_state_loaded(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        forget_own(tcg_of(a->vcpus[i]), !a->config.counted);
    }
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
}
