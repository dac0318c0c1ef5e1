/* SPDX-License-Identifier: MIT */
/*
 * TLB invalidation across vCPUs. A flush of others is posted to their queues; tlb_sync, at the
 * guest's barrier, waits until each has processed what was posted before, or is outside guest code
 * (it processes the queue before it enters again). While it waits, a vCPU counts as outside itself,
 * so two that wait for each other both get on.
 */
#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"

static void apply(struct vcpu *v, const struct flush_request *r)
{
    switch (r->kind) {
    case FLUSH_ALL:
        tlb_drop_all(v);
        break;
    case FLUSH_MAP:
        tlb_drop_map(v);
        break;
    case FLUSH_TAG:
        tlb_drop_tag(v, r->tag);
        break;
    case FLUSH_RANGE:
        tlb_drop_range(v, r->va, r->bytes, r->tag);
        break;
    }
}

void tcg_process_requests(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);

    if (atomic_load(&t->posted) == atomic_load(&t->done)) {
        return;
    }
    os_mutex_lock(&t->lock);
    if (t->queue_overflow) {
        tlb_drop_map(v);
    } else {
        for (unsigned i = 0; i < t->queued; i++) {
            apply(v, &t->queue[i]);
        }
    }
    t->queued = 0;
    t->queue_overflow = false;
    atomic_store(&t->done, atomic_load(&t->posted));
    os_mutex_unlock(&t->lock);
}

static void post(struct vcpu *other, const struct flush_request *r)
{
    struct tcg_vcpu *t = tcg_of(other);

    os_mutex_lock(&t->lock);
    if (t->queued < FLUSH_QUEUE) {
        t->queue[t->queued++] = *r;
    } else {
        t->queue_overflow = true;
    }
    atomic_fetch_add(&t->posted, 1);
    os_mutex_unlock(&t->lock);
    if (atomic_load(&t->in_guest)) {
        vcpu_kick(other);
    }
}

void tcg_map_changed(struct accel *a)
{
    const struct flush_request r = {.kind = FLUSH_MAP};
    struct vcpu *self = vcpu_current();

    for (unsigned i = 0; i < a->count; i++) {
        if (a->vcpus[i] == self) {
            apply(self, &r);
        } else {
            post(a->vcpus[i], &r);
        }
    }
}

static void flush(struct vcpu *v, const struct flush_request *r, bool all_vcpus)
{
    struct tcg_vcpu *t = v->accel;

    apply(v, r);
    if (!t) {
        return;
    }
    atomic_fetch_add(&t->accel->flushing, 1); /* see context_enter_page */
    if (r->kind == FLUSH_RANGE) {
        context_suspect_range(t->accel, r->va, r->bytes, r->tag);
    } else {
        context_suspect_tag(t->accel, r->kind == FLUSH_ALL ? TLB_ANY_TAG : r->tag);
    }
    for (unsigned i = 0; all_vcpus && i < t->accel->count; i++) {
        if (t->accel->vcpus[i] != v) {
            post(t->accel->vcpus[i], r);
        }
    }
    atomic_fetch_sub(&t->accel->flushing, 1);
}

void tlb_flush_all(struct vcpu *v, bool all_vcpus)
{
    flush(v, &(struct flush_request){.kind = FLUSH_ALL}, all_vcpus);
}

void tlb_flush_tag(struct vcpu *v, uint32_t tag, bool all_vcpus)
{
    flush(v, &(struct flush_request){.kind = FLUSH_TAG, .tag = tag}, all_vcpus);
}

void tlb_flush_range(struct vcpu *v, uint64_t va, uint64_t bytes, uint32_t tag, bool all_vcpus)
{
    flush(v, &(struct flush_request){.kind = FLUSH_RANGE, .va = va, .bytes = bytes, .tag = tag},
          all_vcpus);
}

#define SPINS 2000u

void tlb_sync(struct vcpu *v)
{
    struct tcg_vcpu *self = v->accel;

    if (!self || self->accel->count == 1 || self->accel->config.single_thread) {
        return;
    }
    for (unsigned i = 0; i < self->accel->count; i++) {
        struct tcg_vcpu *t = tcg_of(self->accel->vcpus[i]);
        if (t == self) {
            continue;
        }
        const uint64_t wanted = atomic_load(&t->posted);
        unsigned spins = 0;
        while (atomic_load(&t->in_guest) && atomic_load(&t->done) < wanted) {
            atomic_store(&self->in_guest, false);
            tcg_process_requests(v);
            atomic_pause();
            if (++spins > SPINS) { /* its thread may be waiting for this host CPU */
                os_sleep_until_ns(os_now_ns() + 20000);
            }
        }
    }
    atomic_store(&self->in_guest, true);
    tcg_process_requests(v);
}
