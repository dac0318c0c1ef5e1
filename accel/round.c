/* SPDX-License-Identifier: MIT */
/*
 * Running one vCPU: guest code by the host back end or by the reference interpreter, and what comes
 * between.
 *
 * A kick stores exit_request and spoils the context's key, so that neither a probe nor a return
 * matches; generated code then asks the run-time, which leaves. The run loop clears exit_request
 * before it looks at anything that somebody may want (tcg_listen), so that no request is lost.
 */
#include "accel/round.h"
#include "accel/blocks.h"
#include "accel/callouts.h"
#include "accel/context.h"
#include "accel/countdown.h"
#include "accel/debug.h"
#include "accel/flush.h"
#include "accel/tcg.h"
#include "accel/trace.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "tcg/interp.h"

void tcg_leave_soon(struct vcpu *v, uint32_t why)
{
    struct tcg_vcpu *t = tcg_of(v);

    atomic_fetch_or(&v->hot.exit_request, why);
    __atomic_store_n(&v->hot.key, t->accel->spoiled_key, __ATOMIC_SEQ_CST);
    __atomic_store_n(&v->hot.code_slots, t->accel->null_slots.fixed, __ATOMIC_SEQ_CST);
}

void tcg_kick(struct vcpu *v)
{
    tcg_leave_soon(v, EXIT_LEAVE);
}

void vcpu_raise(struct vcpu *v)
{
    v->hot.raised = TCG_RAISED;
}

void vcpu_retry(struct vcpu *v)
{
    v->hot.raised = TCG_RETRY;
}

void tcg_mode_changed(struct vcpu *v)
{
    if (tcg_of(v)) {
        tcg_of(v)->context_dirty = true;
        tcg_of(v)->switching.from = NULL;
    }
}

/* One that follows another change, which has not been looked at, does not say what it leaves. */
void tcg_switched(struct vcpu *v, unsigned kind, uint64_t bits, uint64_t aux)
{
    struct tcg_vcpu *t = tcg_of(v);

    if (!t) {
        return;
    }
    const bool known = t->context && !t->context_dirty;
    tcg_mode_changed(v);
    if (known) {
        t->switching = (struct pending_switch){
            .from = t->context, .bits = bits, .aux = aux, .kind = kind & (TCG_SWITCH_KINDS - 1)};
    }
}

void tcg_context_changed(struct vcpu *v)
{
    if (tcg_of(v)) {
        tcg_of(v)->context_dirty = true;
        tcg_of(v)->space_dirty = true;
        switches_forget(tcg_of(v));
    }
}

/* An exception or interrupt is taken. What that accesses meets no watchpoint: there is no
 * instruction that could be left and be executed again. */
static void take(struct vcpu *v, void (*how)(struct vcpu *v))
{
    const bool passing = tcg_of(v)->passing;

    tcg_of(v)->passing = true;
    how(v);
    tcg_of(v)->passing = passing;
}

bool tcg_take_raised(struct vcpu *v)
{
    const uint32_t raised = v->hot.raised;

    countdown_left_block(v);
    v->hot.raised = 0;
    tcg_of(v)->ended = false;
    tcg_of(v)->retried = raised == TCG_RETRY;
    if (raised == TCG_WATCHED) {
        tcg_of(v)->hit = true;
        return false;
    }
    if (raised == TCG_ALONE) {
        tcg_of(v)->alone = true;
        return false;
    }
    take(v, v->cls->take_exception);
    return true;
}

/* The block, at that PC, by the interpreter; where the guest goes on, with an exception taken. */
static uint64_t interpret_block(struct vcpu *v, const struct block *b, uint64_t at)
{
    if (trace_entries()) {
        trace_entry(v, at);
    }
    v->hot.page = at & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    v->hot.countdown -= b->guest_insns;
    tcg_of(v)->block = b;
    vcpu_env(v)->insns_left = b->guest_insns + 1; /* each instruction takes one when it begins */
    uint64_t pc = ir_interpret(v, b->ir);
    tcg_of(v)->block = NULL;
    tcg_store_place(v, pc);
    if (v->hot.raised) {
        tcg_take_raised(v);
        pc = tcg_load_place(v);
    } else if (vcpu_env(v)->insns_left > 1) {
        v->hot.countdown += vcpu_env(v)->insns_left - 1; /* left by a branch in the middle */
    }
    vcpu_env(v)->insns_left = 0;
    if (unlikely(tcg_of(v)->map_changed)) {
        tcg_settle_map(v);
    }
    return pc;
}

static void interpret(struct vcpu *v, uint64_t pc)
{
    struct tcg_vcpu *t = tcg_of(v);
    const bool counted = t->accel->base.config.counted;

    while (!atomic_load(&v->hot.exit_request) && !t->step && !t->hit && !t->alone &&
           !(counted && v->hot.countdown <= 0)) {
        context_select(v, pc);
        if (t->accel->breakpoint_count && tcg_has_breakpoint(v, pc)) {
            break;
        }
        if (unlikely(t->context->traced)) {
            t->alone = true;
            break;
        }
        struct block *b = counted ? countdown_find(v, pc) : block_find(v, pc);
        if (!b) {
            pc = tcg_load_place(v);
            if (atomic_load(&t->accel->flush_wanted)) {
                break;
            }
            continue;
        }
        pc = interpret_block(v, b, pc);
    }
    tcg_store_place(v, pc);
}

/*
 * One instruction, in a block for itself, at pc. The key is spoiled, so that a jump or return asks
 * the run-time, which leaves.
 */
static void step_one(struct vcpu *v, uint64_t pc)
{
    struct tcg_vcpu *t = tcg_of(v);

    t->full = false;
    struct block *b = block_find(v, pc);
    t->ended = b != NULL;
    if (!b) {
        return;
    }
    if (t->accel->host) {
        if (trace_entries()) {
            trace_entry(v, pc);
        }
        atomic_set(&v->hot.key, t->accel->spoiled_key);
        atomic_set(&v->hot.code_slots, t->accel->null_slots.fixed);
        v->hot.pc = pc;
        host_enter(t->accel->host, v, b->entry);
        tcg_store_place(v, v->hot.pc);
        return;
    }
    tcg_store_place(v, interpret_block(v, b, pc));
}

/* v has completed the instruction that began at pc in mode (traced: each is followed there). */
static void follow(struct vcpu *v, uint64_t pc, uint64_t mode, bool traced)
{
    struct tcg_vcpu *t = tcg_of(v);
    const uint32_t marks = vcpu_env(v)->marks;

    t->hit |= t->noted;
    if (!marks && !traced) {
        return;
    }
    v->cls->followed(v, pc, mode, marks);
    if (v->hot.raised) {
        v->hot.raised = 0;
        take(v, v->cls->take_exception);
    }
}

/* The instruction at which v stands, while no other vCPU runs if it needs that; once more if it has
 * not happened and is repeated (vcpu_retry). Where there is no room for its block (full), v has to
 * leave before it can happen. */
static void run_alone(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);
    const bool step = t->step;

    t->step = t->single = true;
    do {
        const bool stops = t->wants_world;
        const uint64_t pc = tcg_load_place(v);
        t->alone = t->wants_world = t->noted = t->retried = false;
        vcpu_env(v)->marks = 0;
        if (stops) {
            work_stop_others(v);
        }
        context_select(v, pc);
        const uint64_t mode = t->context->mode_key;
        const bool traced = t->context->traced;
        step_one(v, pc);
        if (stops) {
            work_release_others(v);
        }
        if (t->ended) {
            follow(v, pc, mode, traced);
        }
    } while (t->alone || t->retried);
    t->single = t->noted = false;
    t->step = step;
}

/* The same, whatever it accesses. */
static void pass_watchpoint(struct vcpu *v)
{
    tcg_of(v)->passing = true;
    run_alone(v);
    tcg_of(v)->passing = false;
}

static void run_host(struct vcpu *v)
{
    struct tcg *a = tcg_of(v)->accel;
    const void *entry = callout_go(v, tcg_load_place(v));

    if (entry != host_leave_address(a->host)) {
        host_enter(a->host, v, entry);
    }
    tcg_store_place(v, v->hot.pc);
}

/* Blocks, until somebody wants the thread. One is left before an instruction that would store into
 * it, or whose end matters, and that is executed alone. */
static void run_blocks(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);

    for (;;) {
        if (t->accel->host) {
            run_host(v);
        } else {
            interpret(v, tcg_load_place(v));
        }
        if (!t->alone) {
            return;
        }
        run_alone(v);
        if (t->hit) {
            return;
        }
    }
}

static void run_on(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);
    const bool passes = t->pass && t->pass_pc == v->cls->pc(v);

    t->pass = false;
    if (passes) {
        pass_watchpoint(v);
        t->pass = t->full;
        if (t->full) {
            return;
        }
    }
    if (t->step) {
        if (!passes) {
            run_alone(v);
        }
    } else {
        run_blocks(v);
    }
}

void tcg_listen(struct vcpu *v)
{
    atomic_store(&v->hot.exit_request, 0);
}

/* The debugger wants to know of it that v stands where it does. A step that has not happened is
 * made in the next round. */
static bool concerns_debugger(struct vcpu *v)
{
    const struct tcg_vcpu *t = tcg_of(v);

    if (t->step && t->full) {
        return false;
    }
    return t->step || t->hit ||
           (t->accel->breakpoint_count && tcg_has_breakpoint(v, v->cls->pc(v)) &&
            !atomic_load(&v->halted));
}

/* Runs v until it halts, or until exit_request says that somebody wants something else. */
enum accel_round tcg_run(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);
    struct tcg *a = t->accel;

    stats_round(a->base.config.single_thread ? tcg_of(a->base.vcpus[0]) : t);
    t->step = t->base.step;
    t->full = false;
    tcg_doing(v, DOING_RUN);
    work_do_errands(v);
    if (!v->holds_interrupts && v->cls->interrupt_ready(v)) {
        take(v, v->cls->take_interrupt);
        atomic_store(&v->halted, false);
    }
    if (!atomic_load(&v->halted) && !atomic_load(&v->powered_off)) { /* INIT may switch it off */
        work_make_room(v);
        work_enter_guest(v);
        run_on(v);
        work_leave_guest(v);
        tcg_doing(v, DOING_RUN);
    }
    vcpu_env(v)->insns_left = 0;
    block_forget_short(a);
    const bool concerned = concerns_debugger(v);
    t->step = false;
    return concerned ? ACCEL_ROUND_DEBUG : ACCEL_ROUND_OVER;
}
