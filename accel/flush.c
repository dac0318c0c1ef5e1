/* SPDX-License-Identifier: MIT */
/*
 * TLB invalidation across vCPUs. A flush of others is an errand (work.h) of theirs; tlb_sync, at
 * the guest's barrier, waits until each has done what was posted before, or is outside guest code.
 *
 * A device's register that changes the map of physical memory is complete in the same way: the
 * vCPU that wrote it goes on when all others know (tcg_settle_map). It may be in the middle of a
 * block; what the block keeps of the map (addends of groups, which the back end knows) is spoiled
 * before.
 */
#include "accel/flush.h"
#include "accel/context.h"
#include "accel/remap.h"
#include "accel/tcg.h"
#include "base/atomic.h"

/* A flush, as others post it (work.h). */
struct flush_request {
    enum {
        FLUSH_ALL,
        FLUSH_MAP,    /* and what is known of the physical map */
        FLUSH_WRITES, /* the lines for writes of the page whose host address is va, 0: of all */
        FLUSH_TAG,
        FLUSH_RANGE
    } kind;
    uint64_t va, bytes;
    uint32_t tag;
};

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
        if (tcg_of(v)) {
            context_forget_fetched(tcg_of(v));
        }
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

static void run_errand(struct vcpu *v, const struct vcpu_work *w)
{
    const struct flush_request r = {.kind = (int)w->args[0],
                                    .va = w->args[1],
                                    .bytes = w->args[2],
                                    .tag = (uint32_t)w->args[3]};

    apply(v, &r);
}

/* In place of any number of them. */
static void drop_it_all(struct vcpu *v, const struct vcpu_work *w)
{
    (void)w;
    apply(v, &(struct flush_request){.kind = FLUSH_MAP});
}

static void post(struct vcpu *other, const struct flush_request *r)
{
    const struct vcpu_work w = {
        .fn = run_errand, .all = drop_it_all, .args = {r->kind, r->va, r->bytes, r->tag}};

    work_post_errand(other, &w);
}

/* To all of a's. true: one of them runs here, and has done it. */
static bool tell_all(struct tcg *a, const struct flush_request *r)
{
    struct vcpu *self = vcpu_current(); /* perhaps another accelerator's */
    bool own = false;

    for (unsigned i = 0; i < a->base.count; i++) {
        if (a->base.vcpus[i] == self) {
            apply(self, r);
            own = true;
        } else {
            post(a->base.vcpus[i], r);
        }
    }
    return own;
}

void tcg_map_changed(struct tcg *a)
{
    if (tell_all(a, &(struct flush_request){.kind = FLUSH_MAP})) {
        tcg_of(vcpu_current())->map_changed = true;
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

/* self is the vCPU whose guest code waits; NULL: none does. */
static void wait_for_all(const struct accel *a, struct vcpu *self)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (a->vcpus[i] != self) {
            work_wait(a->vcpus[i], work_last_errand(a->vcpus[i]), self);
        }
    }
}

/* v, which runs, waits for those of a but itself. */
static void wait_for(struct accel *a, struct vcpu *v)
{
    wait_for_all(a, v);
    work_do_errands(v);
}

void tcg_close_pages(struct tcg *a, const uint8_t *host)
{
    struct vcpu *self = vcpu_current(); /* perhaps another accelerator's */

    tell_all(a, &(struct flush_request){.kind = FLUSH_WRITES, .va = (uint64_t)(uintptr_t)host});
    if (self && self->accel && atomic_load(&self->accel->in_guest)) {
        wait_for(&a->base, self);
    } else {
        wait_for_all(&a->base, NULL);
    }
}

bool tlb_sync(struct vcpu *v)
{
    const struct tcg_vcpu *t = tcg_of(v);

    if (!t) {
        return true;
    }
    if (accel_thread_count(&t->accel->base) > 1) {
        wait_for(&t->accel->base, v);
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
