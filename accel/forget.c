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
#include "accel/forget.h"
#include "accel/blocks.h"
#include "accel/context.h"
#include "accel/tcg.h"

/* monitor: the exclusive monitor, too. */
static void forget_own(struct tcg_vcpu *t, bool monitor)
{
    struct vcpu *v = t->base.v;

    work_drop_errands(v); /* before: what is posted from now on is of what changes behind us */
    tlb_forget(v);
    context_forget(t);
    v->hot.raised = 0;
    if (monitor) {
        v->hot.excl_addr = UINT64_MAX;
        v->hot.excl_value[0] = v->hot.excl_value[1] = 0;
    }
    vcpu_env(v)->excl_mark = MONITOR_NONE;
    vcpu_env(v)->insns_left = 0;
    t->hit = t->noted = t->pass = t->alone = t->wants_world = t->map_changed = false;
}

void tcg_forget_vcpu(struct vcpu *v)
{
    forget_own(tcg_of(v), true);
    context_suspect_tag(tcg_of(v)->accel, TLB_ANY_TAG);
}

static void forget_code(struct tcg *a)
{
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
}

void tcg_forget(struct accel *a)
{
    forget_code(tcg_of_accel(a));
}

/* Where turns are counted the monitor is state like a register. */
void tcg_state_loaded(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        forget_own(tcg_of(a->vcpus[i]), !a->config.counted);
    }
    forget_code(tcg_of_accel(a));
}
