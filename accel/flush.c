/* SPDX-License-Identifier: MIT */
/*
 * TLB invalidation across vCPUs. A flush of others is posted to their queues; tlb_sync, at the
 * guest's barrier, waits until each has processed what was posted before, or is outside guest code
 * (it processes the queue before it enters again). While it waits, a vCPU counts as outside itself,
 * so two that wait for each other both get on.
 *
 * One that runs answers within microseconds: waiting spins first. One that does not may wait for a
 * host CPU, of which there can be fewer than vCPUs: the waiting vCPU sleeps then, and those that
 * have answered pause (tcg_make_room), so that the others get their turn.
 *
 * A device's register that changes the map of physical memory is complete in the same way: the
 * vCPU that wrote it goes on when all others know (tcg_settle_map). It may be in the middle of a
 * block; what the block keeps of the map (addends of groups, which the back end knows) is spoiled
 * before.
 */
#include "accel/tcg.h"
#include "base/atomic.h"
#include "base/bits.h"

static void apply(struct vcpu *v, const struct flush_request *r)
{
    if (!vcpu_env(v)->tlb) {
        return; /* it keeps nothing */
    }
    switch (r->kind) {
    case FLUSH_ALL:
        tlb_drop_all(v);
        break;
    case FLUSH_MAP:
        tlb_drop_map(v);
        break;
    case FLUSH_WRITES:
        tlb_drop_writes(v, (const uint8_t *)(uintptr_t)r->va);
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
    tcg_answered(t);
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
    if (atomic_load(&t->base.in_guest)) {
        tcg_leave_soon(other, EXIT_FLUSH);
    }
}

void tcg_map_changed(struct tcg *a)
{
    const struct flush_request r = {.kind = FLUSH_MAP};
    struct vcpu *self = vcpu_current();

    for (unsigned i = 0; i < a->base.count; i++) {
        if (a->base.vcpus[i] == self) {
            apply(self, &r);
            tcg_of(self)->map_changed = true;
        } else {
            post(a->base.vcpus[i], &r);
        }
    }
    remap_drop_code(a);
}

static void flush(struct vcpu *v, const struct flush_request *r, bool all_vcpus)
{
    struct tcg_vcpu *t = tcg_of(v);

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
    for (unsigned i = 0; all_vcpus && i < t->accel->base.count; i++) {
        if (t->accel->base.vcpus[i] != v) {
            post(t->accel->base.vcpus[i], r);
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

#define SPINS 1000u
#define SPINS_CROWDED 100u
#define MAKE_ROOM_NS 100000

bool tcg_is_crowded(const struct tcg *a)
{
    return a->base.count > a->host_cpus;
}

static bool has_answered(struct tcg_vcpu *t, uint64_t wanted)
{
    return !atomic_load(&t->base.in_guest) || atomic_load(&t->done) >= wanted;
}

void tcg_answered(struct tcg_vcpu *t)
{
    struct tcg *a = t->accel;

    if (atomic_load(&t->awaited)) {
        os_mutex_lock(&a->sync_lock);
        os_cond_broadcast(&a->answered);
        os_mutex_unlock(&a->sync_lock);
    }
}

/* Not just until all have answered: those that are woken then would take the host CPU from the one
 * that waited, which has more to flush, for some milliseconds. */
void tcg_make_room(struct tcg_vcpu *t)
{
    if (tcg_is_crowded(t->accel) && atomic_load(&t->accel->syncing)) {
        os_sleep_until_ns(os_now_ns() + MAKE_ROOM_NS);
    }
}

static void sleep_until_answered(struct tcg_vcpu *t, uint64_t wanted)
{
    struct tcg *a = t->accel;

    os_mutex_lock(&a->sync_lock);
    atomic_fetch_add(&a->syncing, 1);
    atomic_fetch_add(&t->awaited, 1);
    while (!has_answered(t, wanted)) {
        os_cond_wait(&a->answered, &a->sync_lock);
    }
    atomic_fetch_sub(&t->awaited, 1);
    atomic_fetch_sub(&a->syncing, 1);
    os_mutex_unlock(&a->sync_lock);
}

/* self is the vCPU whose thread this is, and counts as outside meanwhile; NULL: of none. */
static void wait_for_all(struct tcg *a, struct tcg_vcpu *self)
{
    const unsigned most = tcg_is_crowded(a) ? SPINS_CROWDED : SPINS;
    unsigned spins = 0;

    for (unsigned i = 0; i < a->base.count; i++) {
        struct tcg_vcpu *t = tcg_of(a->base.vcpus[i]);
        const uint64_t wanted = atomic_load(&t->posted);
        if (t == self || has_answered(t, wanted)) {
            continue;
        }
        if (self) {
            atomic_store(&self->base.in_guest, false);
            tcg_answered(self);
        }
        while (!has_answered(t, wanted) && spins++ < most) {
            atomic_pause();
        }
        if (!has_answered(t, wanted)) {
            sleep_until_answered(t, wanted);
        }
    }
}

static void wait_for_others(struct vcpu *v)
{
    struct tcg_vcpu *self = tcg_of(v);

    wait_for_all(self->accel, self);
    atomic_store(&self->base.in_guest, true);
    tcg_process_requests(v);
}

void tcg_close_pages(struct tcg *a, const uint8_t *host)
{
    const struct flush_request r = {.kind = FLUSH_WRITES, .va = (uint64_t)(uintptr_t)host};
    struct vcpu *self = vcpu_current();
    bool own = false;

    for (unsigned i = 0; i < a->base.count; i++) {
        if (a->base.vcpus[i] == self) {
            apply(self, &r);
            own = true;
        } else {
            post(a->base.vcpus[i], &r);
        }
    }
    if (own && atomic_load(&tcg_of(self)->base.in_guest)) {
        wait_for_others(self);
    } else {
        wait_for_all(a, NULL);
    }
}

bool tlb_sync(struct vcpu *v)
{
    const struct tcg_vcpu *t = tcg_of(v);

    if (!t) {
        return true;
    }
    if (t->accel->base.count > 1 && !t->accel->base.config.single_thread) {
        wait_for_others(v);
    }
    const struct context *c = t->context;
    return !c || t->context_dirty || atomic_get(&c->retired) || atomic_load(&c->suspect) ||
           atomic_load(&v->hot.exit_request);
}

void tcg_settle_map(struct vcpu *v)
{
    tcg_of(v)->map_changed = false;
    tlb_sync(v);
}
