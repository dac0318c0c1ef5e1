/* SPDX-License-Identifier: MIT */
/* Breakpoints, watchpoints and single steps of the debugger. Changed only while no vCPU runs. */
#include "accel/tcg.h"
#include "base/mem.h"

bool tcg_has_breakpoint(const struct accel *a, uint64_t pc)
{
    for (unsigned i = 0; i < a->breakpoint_count; i++) {
        if (a->breakpoints[i] == pc) {
            return true;
        }
    }
    return false;
}

/* Blocks that run across a breakpoint, and TLB entries of watched pages, are stale. */
static void forget_translations(struct accel *a)
{
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
    for (unsigned i = 0; i < a->count; i++) {
        tlb_drop_all(a->vcpus[i]);
    }
}

bool accel_breakpoint(struct accel *a, uint64_t pc, bool insert)
{
    for (unsigned i = 0; i < a->breakpoint_count; i++) {
        if (a->breakpoints[i] == pc) {
            if (!insert) {
                a->breakpoints[i] = a->breakpoints[--a->breakpoint_count];
            }
            forget_translations(a);
            return true;
        }
    }
    if (!insert) {
        return false;
    }
    a->breakpoints = mem_resize_array(a->breakpoints, a->breakpoint_count + 1,
                                      sizeof(*a->breakpoints));
    a->breakpoints[a->breakpoint_count++] = pc;
    forget_translations(a);
    return true;
}

bool accel_watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert)
{
    for (unsigned i = 0; i < a->watchpoint_count && !insert; i++) {
        struct watchpoint *w = &a->watchpoints[i];
        if (w->va == va && w->bytes == bytes && w->kind == k) {
            *w = a->watchpoints[--a->watchpoint_count];
            forget_translations(a);
            return true;
        }
    }
    if (!insert || bytes == 0) {
        return false;
    }
    a->watchpoints = mem_resize_array(a->watchpoints, a->watchpoint_count + 1,
                                      sizeof(*a->watchpoints));
    a->watchpoints[a->watchpoint_count++] = (struct watchpoint){
        .va = va, .bytes = bytes, .kind = k};
    forget_translations(a);
    return true;
}

bool tcg_page_watched(const struct accel *a, uint64_t va)
{
    const uint64_t page = tlb_canonical(va) >> GUEST_PAGE_BITS;

    for (unsigned i = 0; i < a->watchpoint_count; i++) {
        const struct watchpoint *w = &a->watchpoints[i];
        if (page >= tlb_canonical(w->va) >> GUEST_PAGE_BITS &&
            page <= tlb_canonical(w->va + w->bytes - 1) >> GUEST_PAGE_BITS) {
            return true;
        }
    }
    return false;
}

bool tcg_watch(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind, unsigned idx)
{
    struct accel *a = tcg_of(v)->accel;

    if (v->cls->watch && !v->cls->watch(v, va, bytes, kind, idx)) {
        return false;
    }
    if (!a) {
        return true;
    }
    for (unsigned i = 0; i < a->watchpoint_count; i++) {
        const struct watchpoint *w = &a->watchpoints[i];
        const bool hit = w->kind == WATCH_ACCESS ||
                         (w->kind == WATCH_WRITE) == (kind == ACCESS_WRITE);
        if (hit && va < w->va + w->bytes && w->va < va + bytes) {
            a->watch_hit = w->va;
            tcg_of(v)->watched = true;
            atomic_store(&v->hot.exit_request, EXIT_LEAVE);
        }
    }
    return true;
}

uint64_t accel_watch_hit(const struct accel *a)
{
    return a->watch_hit;
}
