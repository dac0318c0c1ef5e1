/* SPDX-License-Identifier: MIT */
/*
 * Breakpoints, watchpoints and single steps of the debugger. Changed only while no vCPU runs.
 *
 * A block ends before each breakpoint, and the run-time leaves there: no jump table or link leads
 * to one (callouts.c). Pages with a watched byte are slow, so that each access of them comes here.
 * An access that meets a watchpoint is refused, and the instruction is left as if it had not begun,
 * wherever in a block it stands; nothing depends on how blocks are linked. Where the debugger wants
 * to look behind the instruction, it is executed again for itself (round.c), and the access noted;
 * so it is with watchpoints of the guest whose exceptions come behind (vcpu_mark). When the guest
 * goes on from a stop before an instruction that is executed alone with watchpoints off.
 *
 * A device is accessed once. So an instruction that has more to do when it accesses one, and could
 * then be left to be repeated, is executed alone from the start (tcg_device_once).
 */
#include "accel/debug.h"
#include "accel/blocks.h"
#include "accel/tcg.h"
#include "accel/track.h"
#include "base/bits.h"
#include "base/mem.h"

/* Where the code is fetched that is at pc: by that address debuggers know it. */
static uint64_t fetched_at(struct vcpu *v, uint64_t pc)
{
    const struct cpu_fetch f = tcg_fetch(v, pc);
    return f.nothing ? pc : tcg_fetched_at(&f, pc);
}

bool tcg_has_breakpoint(struct vcpu *v, uint64_t at)
{
    const struct tcg *a = tcg_of(v)->accel;
    const uint64_t pc = a->breakpoint_count ? fetched_at(v, at) : at;
    for (unsigned i = 0; i < a->breakpoint_count; i++) {
        if (a->breakpoints[i] == pc) {
            return true;
        }
    }
    return false;
}

static bool may_reach_breakpoint(const struct tcg *a, uint64_t pc, uint32_t bytes)
{
    for (unsigned i = 0; i < a->breakpoint_count; i++) {
        const uint64_t distance = a->breakpoints[i] - pc;
        if (distance && distance < bytes) {
            return true;
        }
    }
    return false;
}

uint32_t tcg_insns_to_breakpoint(struct vcpu *v, uint64_t pc, const uint8_t *host, uint32_t bytes)
{
    const struct tcg *a = tcg_of(v)->accel;
    const uint64_t mode = v->cls->mode_key(v);
    char text[128];

    if (!a->breakpoint_count || !may_reach_breakpoint(a, fetched_at(v, pc), bytes)) {
        return UINT32_MAX;
    }
    for (uint32_t at = 0, insns = 0; at < bytes; insns++) {
        if (insns && tcg_has_breakpoint(v, pc + at)) {
            return insns;
        }
        const unsigned n = v->cls->disas(mode, host + at, bytes - at, pc + at, text, sizeof(text));
        if (n == 0) {
            break;
        }
        at += n;
    }
    return UINT32_MAX;
}

/* Blocks that run across a breakpoint, and TLB entries of watched pages, are stale. */
static void forget_translations(struct tcg *a)
{
    os_mutex_lock(&a->translate);
    block_flush_all(a);
    os_mutex_unlock(&a->translate);
    for (unsigned i = 0; i < a->base.count; i++) {
        tlb_drop_all(a->base.vcpus[i]);
    }
}

static void add_breakpoint(struct tcg *a, uint64_t pc)
{
    a->breakpoints = mem_resize_array(a->breakpoints, a->breakpoint_count + 1,
                                      sizeof(*a->breakpoints));
    a->breakpoints[a->breakpoint_count++] = pc;
}

static bool remove_breakpoint(struct tcg *a, uint64_t pc)
{
    for (unsigned i = 0; i < a->breakpoint_count; i++) {
        if (a->breakpoints[i] == pc) {
            a->breakpoints[i] = a->breakpoints[--a->breakpoint_count];
            return true;
        }
    }
    return false;
}

bool tcg_breakpoint(struct accel *base, uint64_t pc, bool insert)
{
    struct tcg *a = tcg_of_accel(base);

    if (insert) {
        add_breakpoint(a, pc);
    } else if (!remove_breakpoint(a, pc)) {
        return false;
    }
    forget_translations(a);
    return true;
}

bool tcg_watchpoint(struct accel *base, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert)
{
    struct tcg *a = tcg_of_accel(base);

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

/* The first of the n bytes at va that w covers, in *at. Both may reach beyond the last address. */
static bool first_common(const struct cpu_class *cls, const struct watchpoint *w, uint64_t va,
                         uint64_t n, uint64_t *at)
{
    const uint64_t from = cpu_canonical(&cls->regions, w->va);
    const uint64_t a = cpu_canonical(&cls->regions, va);

    *at = a - from < w->bytes ? a : from;
    return a - from < w->bytes || from - a < n;
}

bool tcg_range_watched(const struct tcg *a, uint64_t va, unsigned bits)
{
    const uint64_t bytes = UINT64_C(1) << bits, first = va & ~(bytes - 1);
    uint64_t at;

    for (unsigned i = 0; i < a->watchpoint_count; i++) {
        if (first_common(a->base.vcpus[0]->cls, &a->watchpoints[i], first, bytes, &at)) {
            return true;
        }
    }
    return false;
}

static bool is_of_kind(const struct watchpoint *w, enum access kind)
{
    return w->kind == WATCH_ACCESS || (w->kind == WATCH_WRITE) == (kind == ACCESS_WRITE);
}

bool tcg_watch(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind, unsigned idx)
{
    return (!v->cls->watch || v->cls->watch(v, va, bytes, kind, idx)) &&
           tcg_watch_debugger(v, va, bytes, kind);
}

/* The run-time sees the end of the instruction that runs. false: it is going to, when the
 * instruction is repeated. */
static bool ends_seen(struct vcpu *v)
{
    if (tcg_of(v) && !tcg_of(v)->single) {
        v->hot.raised = TCG_ALONE;
        return false;
    }
    return true;
}

/* Before the instruction, which does not happen (false), or behind it. */
static bool stop_at_watchpoint(struct vcpu *v)
{
    if (!v->cls->watch_stops_behind) {
        v->hot.raised = TCG_WATCHED;
        return false;
    }
    tcg_of(v)->noted = ends_seen(v);
    return tcg_of(v)->noted;
}

bool tcg_watch_debugger(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind)
{
    struct tcg_vcpu *t = tcg_of(v);
    uint64_t at;

    if (!t || t->passing || t->noted) {
        return true;
    }
    for (unsigned i = 0; i < t->accel->watchpoint_count; i++) {
        const struct watchpoint *w = &t->accel->watchpoints[i];
        if (is_of_kind(w, kind) && first_common(v->cls, w, va, bytes, &at)) {
            t->at = (struct accel_watch){.va = at, .kind = w->kind};
            return stop_at_watchpoint(v);
        }
    }
    return true;
}

bool vcpu_mark(struct vcpu *v, uint32_t marks)
{
    if (!ends_seen(v)) {
        return false;
    }
    vcpu_env(v)->marks |= marks;
    return true;
}

/* An access of the instruction that runs may be refused because of a watchpoint, although it is
 * executed alone later. */
static bool may_be_watched(struct vcpu *v)
{
    const struct tcg *a = tcg_of(v)->accel;

    return (v->cls->marks_accesses && v->cls->marks_accesses(v)) ||
           (v->cls->watch_stops_behind && a->watchpoint_count && !tcg_of(v)->passing);
}

bool tcg_device_once(struct vcpu *v)
{
    const struct tcg_vcpu *t = tcg_of(v);

    if (likely(!vcpu_env(v)->more) || !t || t->single) {
        return true;
    }
    if (!may_be_watched(v) && !track_may_refuse(v)) {
        return true;
    }
    v->hot.raised = TCG_ALONE;
    return false;
}

bool tcg_watch_hit(const struct vcpu *v, struct accel_watch *hit)
{
    const struct tcg_vcpu *t = tcg_of(v);

    if (t->hit) {
        *hit = t->at;
    }
    return t->hit;
}

void tcg_step_over(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);

    t->pass = t->hit && !v->cls->watch_stops_behind;
    t->pass_pc = v->cls->pc(v);
}
