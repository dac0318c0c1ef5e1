/* SPDX-License-Identifier: MIT */
/*
 * The threads that run vCPUs: one a vCPU, or (thread=single, counted) one for all in turn.
 *
 * A thread runs guest code while the accelerator is running and its vCPU is powered on, not halted
 * and without a call to the host under way; else it waits. To stop, accel_stop clears `running`,
 * kicks everybody and waits until all are parked. Where an accelerator needs everybody outside for
 * something (a code cache that is full), the thread that finds out calls a meeting: all threads
 * come out, the last one in does the work, and they go on.
 *
 * A kick that comes while a thread makes up its mind is not lost: it listens (ops->listen) before
 * it looks whether there is anything to do but run.
 */
#include <stdio.h>

#include "accel/counted.h"
#include "base/atomic.h"

#define SLICE_NS 2000000

static bool is_single(const struct accel *a)
{
    return a->config.single_thread;
}

bool accel_has_work(struct vcpu *v)
{
    if (atomic_load(&v->powered_off) || atomic_load(&v->calling) || v->accel->frozen) {
        return false;
    }
    if (atomic_load(&v->halted)) {
        if (!v->cls->has_work(v)) {
            return false;
        }
        atomic_store(&v->halted, false);
    }
    return true;
}

/*
 * Waits until v has work or the accelerator stops. What v has is asked without the lock, which a
 * kick takes: looking at interrupts may move lines and kick v itself. A kick during the look is not
 * lost: `kicked` makes us look again.
 */
static void sleep_until_kicked(struct accel_vcpu *t)
{
    struct accel *a = t->accel;

    atomic_store(&t->sleeping, true);
    while (atomic_load(&a->running) && !accel_has_work(t->v) && !work_has_jobs(t->v, false) &&
           !atomic_load(&a->meeting)) {
        os_mutex_lock(&t->lock);
        while (!t->kicked) {
            os_cond_wait(&t->wake, &t->lock);
        }
        t->kicked = false;
        os_mutex_unlock(&t->lock);
    }
    atomic_store(&t->sleeping, false);
}

static void kick_all(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        vcpu_kick(a->vcpus[i]);
        vcpu_wake(a->vcpus[i]);
    }
}

/* ---- meetings */

static void meet(struct accel *a)
{
    kick_all(a);
    os_mutex_lock(&a->lock);
    a->outside++;
    while (atomic_load(&a->meeting)) {
        if (a->outside == accel_thread_count(a)) {
            a->ops->met(a);
            atomic_store(&a->meeting, false);
            os_cond_broadcast(&a->changed);
        } else {
            os_cond_wait(&a->changed, &a->lock);
        }
    }
    a->outside--;
    os_mutex_unlock(&a->lock);
}

/* ---- stopping */

static bool runs(const struct accel_vcpu *t, const struct vcpu *v)
{
    return is_single(t->accel) || t->v == v;
}

/* The thread of t has stopped (out), or goes on. */
static void bring_out(struct accel_vcpu *t, bool out)
{
    const struct accel *a = t->accel;

    for (unsigned i = 0; i < a->count; i++) {
        struct vcpu *v = a->vcpus[i];
        if (!runs(t, v) || v->accel->out == out) {
            continue;
        }
        if (!out) {
            a->ops->begin(v);
        } else if (a->ops->end) {
            a->ops->end(v);
        }
        v->accel->out = out;
    }
}

static bool has_jobs(const struct accel_vcpu *t, bool awaited)
{
    bool has = false;

    for (unsigned i = 0; i < t->accel->count && !has; i++) {
        const struct vcpu *v = t->accel->vcpus[i];
        has = runs(t, v) && work_has_jobs(v, awaited);
    }
    return has;
}

static void do_jobs(struct accel_vcpu *t, bool awaited)
{
    for (unsigned i = 0; i < t->accel->count; i++) {
        struct vcpu *v = t->accel->vcpus[i];
        if (runs(t, v) && work_has_jobs(v, awaited)) {
            work_do_jobs(v, awaited);
        }
    }
}

/* Under the lock: the thread counts as stopped, or no longer. */
static void set_parked(struct accel_vcpu *t, bool parked)
{
    t->parked = parked;
    t->accel->outside += parked ? 1u : -1u;
    os_cond_broadcast(&t->accel->changed);
}

/* Waits while the accelerator is stopped. false: the thread ends. */
static bool park(struct accel_vcpu *t)
{
    struct accel *a = t->accel;

    if (atomic_load(&a->running)) {
        if (t->out) { /* the thread has come to this behind accel_start */
            bring_out(t, false);
        }
        return true;
    }
    bring_out(t, true);
    os_mutex_lock(&a->lock);
    set_parked(t, true);
    while (!atomic_load(&a->running) && !atomic_load(&a->quit)) {
        const bool awaited = a->settled;
        if (has_jobs(t, awaited)) {
            set_parked(t, false);
            os_mutex_unlock(&a->lock);
            do_jobs(t, awaited);
            os_mutex_lock(&a->lock);
            set_parked(t, true);
        } else {
            os_cond_wait(&a->changed, &a->lock);
        }
    }
    set_parked(t, false);
    os_mutex_unlock(&a->lock);
    if (atomic_load(&a->quit)) {
        return false;
    }
    bring_out(t, false);
    return true;
}

static void report(struct accel_vcpu *t, enum accel_exit why)
{
    struct accel *a = t->accel;

    atomic_store(&a->running, false);
    kick_all(a);
    if (!atomic_exchange(&a->reported, true)) {
        a->exited(a->opaque, t->v, why);
    }
}

/* All have stopped, and jobs that were posted before are done. */
static bool all_settled(const struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        if ((i < accel_thread_count(a) && !a->vcpus[i]->accel->parked) ||
            work_has_jobs(a->vcpus[i], false)) {
            return false;
        }
    }
    return true;
}

void accel_stop(struct accel *a)
{
    if (!a->started) {
        return;
    }
    atomic_store(&a->running, false);
    kick_all(a);
    os_mutex_lock(&a->lock);
    while (!a->settled && !all_settled(a)) {
        os_cond_wait(&a->changed, &a->lock);
    }
    a->settled = true;
    os_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->count; i++) {
        a->vcpus[i]->accel->step = false; /* it may be asleep, and not have made it */
        a->vcpus[i]->holds_interrupts = false;
    }
}

void accel_start(struct accel *a)
{
    if (a->config.counted && !atomic_load(&a->running)) {
        counted_started(a);
    }
    os_mutex_lock(&a->lock);
    a->settled = false;
    atomic_store(&a->reported, false);
    atomic_store(&a->running, true);
    os_cond_broadcast(&a->changed);
    os_mutex_unlock(&a->lock);
}

void accel_hold(struct accel *a, struct vcpu *v)
{
    atomic_store(&a->running, false);
    vcpu_kick(v);
}

bool accel_running(const struct accel *a)
{
    return atomic_load(&((struct accel *)(uintptr_t)a)->running);
}

/* ---- a thread for each vCPU */

enum accel_round accel_run(struct vcpu *v)
{
    struct vcpu *before = vcpu_make_current(v);
    const enum accel_round r = v->accel->accel->ops->run(v);

    vcpu_make_current(before);
    return r;
}

static void after_round(struct accel_vcpu *t, enum accel_round r)
{
    if (r == ACCEL_ROUND_DEBUG) {
        t->step = false;
        t->v->holds_interrupts = false;
        report(t, ACCEL_DEBUG);
    }
}

static void begin_thread(struct accel_vcpu *t)
{
    if (t->accel->ops->thread_begins) {
        t->accel->ops->thread_begins(t->v);
    }
}

static void end_thread(struct accel_vcpu *t)
{
    if (t->accel->ops->thread_ends) {
        t->accel->ops->thread_ends(t->v);
    }
}

static void run_one(void *arg)
{
    struct accel_vcpu *t = arg;
    struct accel *a = t->accel;

    begin_thread(t);
    for (a->ops->listen(t->v); park(t); a->ops->listen(t->v)) {
        if (atomic_load(&a->meeting)) {
            meet(a);
        } else if (work_has_jobs(t->v, false)) {
            work_do_jobs(t->v, false);
        } else if (!accel_has_work(t->v)) {
            sleep_until_kicked(t);
        } else {
            after_round(t, accel_run(t->v));
        }
    }
    end_thread(t);
}

/* ---- one thread for all */

static void counted_round(struct accel *a)
{
    enum accel_round r;
    struct vcpu *v = counted_turn(a, &r);

    if (v) {
        after_round(v->accel, r);
    } else if (counted_reached_stop(a)) {
        report(a->vcpus[0]->accel, ACCEL_COUNT);
    }
}

/* A slice of v, ended by a kick from the slices' timer. */
static void slice(struct accel *a, struct vcpu *v)
{
    if (a->slice_of && a->slice_of != v && a->ops->lose_turn) {
        a->ops->lose_turn(a->slice_of);
    }
    atomic_set(&a->slice_of, v);
    atomic_store(&a->slice_end_ns, os_now_ns() + SLICE_NS);
    after_round(v->accel, accel_run(v));
}

static bool one_slice_each(struct accel *a)
{
    bool any = false;

    for (unsigned i = 0; i < a->count; i++) {
        struct vcpu *v = a->vcpus[i];
        a->ops->listen(v);
        if (atomic_load(&a->running) && accel_has_work(v)) {
            any = true;
            slice(a, v);
        }
    }
    return any;
}

/* Nobody has work. */
static void sleep_a_while(struct accel_vcpu *first)
{
    os_mutex_lock(&first->lock);
    if (!first->kicked) {
        os_cond_wait_until(&first->wake, &first->lock, os_now_ns() + SLICE_NS / 4);
    }
    first->kicked = false;
    os_mutex_unlock(&first->lock);
}

static void run_all(void *arg)
{
    struct accel *a = arg;
    struct accel_vcpu *first = a->vcpus[0]->accel;

    begin_thread(first);
    while (park(first)) {
        if (atomic_load(&a->meeting)) {
            meet(a);
        }
        do_jobs(first, false);
        if (a->config.counted) {
            counted_round(a);
        } else if (!one_slice_each(a) && atomic_load(&a->running)) {
            sleep_a_while(first);
        }
    }
    end_thread(first);
}

static void slice_timer(void *arg)
{
    struct accel *a = arg;

    while (!atomic_load(&a->quit)) {
        os_sleep_until_ns(os_now_ns() + SLICE_NS);
        struct vcpu *v = atomic_get(&a->slice_of);
        if (atomic_load(&a->running) && os_now_ns() >= atomic_load(&a->slice_end_ns) && v) {
            vcpu_kick(v);
        }
    }
}

/* ---- life */

bool accel_start_threads(struct accel *a, struct error *e)
{
    for (unsigned i = 0; i < accel_thread_count(a); i++) {
        char name[16];
        struct accel_vcpu *t = a->vcpus[i]->accel;
        snprintf(name, sizeof(name), "vcpu %u", i);
        void (*run)(void *) = is_single(a) ? run_all : run_one;
        void *arg = is_single(a) ? (void *)a : t;
        if (!(t->has_thread = os_thread_start(&t->thread, name, run, arg, e))) {
            return false;
        }
    }
    if (is_single(a) && !a->config.counted && a->count > 1 &&
        !(a->has_timer = os_thread_start(&a->timer, "slices", slice_timer, a, e))) {
        return false;
    }
    a->started = true;
    return true;
}

void accel_end_threads(struct accel *a)
{
    os_mutex_lock(&a->lock);
    atomic_store(&a->quit, true);
    os_cond_broadcast(&a->changed);
    os_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < accel_thread_count(a); i++) {
        struct accel_vcpu *t = a->vcpus[i]->accel;
        if (t->has_thread) {
            os_thread_join(&t->thread);
        }
    }
    if (a->has_timer) {
        os_thread_join(&a->timer);
    }
}
