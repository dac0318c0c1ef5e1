/* SPDX-License-Identifier: MIT */
/*
 * What a vCPU knows beside its registers and memory follows from them: translated code, TLBs,
 * contexts, jump tables, monitors, what others have posted. When all of memory was replaced, all of
 * it goes, the code cache included: finding out what could stay would cost more.
 */
#include "accel/tcg.h"
#include "base/atomic.h"

static void forget(struct vcpu *v, bool counted)
{
    struct tcg_vcpu *t = tcg_of(v);

    os_mutex_lock(&t->lock);
    t->queued = 0;
    t->queue_overflow = false;
    atomic_store(&t->done, atomic_load(&t->posted));
    os_mutex_unlock(&t->lock);
    tlb_drop_map(v);
    v->hot.raised = 0;
    v->env.insns_left = 0;
    v->env.excl_mark = MONITOR_NONE;
    if (!counted) { /* where turns are counted the monitor is state like a register */
        v->hot.excl_addr = UINT64_MAX;
    }
    t->context_dirty = t->space_dirty = true;
}

void accel_state_loaded(struct accel *a)
{
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
    for (unsigned i = 0; i < a->count; i++) {
        forget(a->vcpus[i], a->config.counted);
    }
}
