/* SPDX-License-Identifier: MIT */
/*
 * Work for a vCPU's thread; work.h says what it is.
 *
 * Errands. The poster's order is: queue, number, look at in_guest; the vCPU's: in_guest, queue. So
 * a vCPU that is about to enter guest code either is seen in it, and told, or does the errand
 * first. Waiting spins at first, since one that runs answers within microseconds. One that does not
 * may wait for a host CPU, of which there can be fewer than vCPUs: the waiting vCPU sleeps then,
 * and those that have answered pause (work_make_room), so that the others get their turn. Two that
 * wait for each other both get on, because who waits counts as outside.
 *
 * Jobs. A thread does them where it looks for something to do, parked or not (threads.c); nobody
 * waits for one in guest code, so no two can wait for each other.
 */
#include "accel/work.h"

#include <string.h>

#include "accel/ops.h"
#include "base/atomic.h"

#define SPINS 1000u
#define SPINS_CROWDED 100u
#define MAKE_ROOM_NS 100000

/* ---- errands */

uint64_t work_last_errand(const struct vcpu *v)
{
    return atomic_load(&((struct accel_vcpu *)v->accel)->posted);
}

bool work_is_done(const struct vcpu *v, uint64_t number)
{
    return !atomic_load(&v->accel->in_guest) || atomic_load(&v->accel->done) >= number;
}

uint64_t work_post_errand(struct vcpu *v, const struct vcpu_work *w)
{
    struct accel_vcpu *t = v->accel;

    os_mutex_lock(&t->lock);
    if (t->errand_count == WORK_ERRANDS) {
        t->errand_count = 1;
        t->errands[0] = *w;
        t->errands[0].fn = w->all;
    } else if (!t->errand_count || t->errands[0].fn != t->errands[0].all) {
        t->errands[t->errand_count++] = *w;
    } /* else one that does it all waits already */
    const uint64_t number = atomic_fetch_add(&t->posted, 1) + 1;
    os_mutex_unlock(&t->lock);
    if (atomic_load(&t->in_guest)) {
        t->accel->ops->attend(v);
    }
    return number;
}

/* Wakes who waits for t's vCPU, which is outside or has done something. */
static void answer(struct accel_vcpu *t)
{
    struct accel *a = t->accel;

    if (atomic_load(&t->awaited)) {
        os_mutex_lock(&a->sync_lock);
        os_cond_broadcast(&a->answered);
        os_mutex_unlock(&a->sync_lock);
    }
}

/* Under the lock: the queue is empty, and nobody needs to wait for what was in it. */
static void errands_done(struct accel_vcpu *t)
{
    t->errand_count = 0;
    atomic_store(&t->done, atomic_load(&t->posted));
}

void work_do_errands(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    if (!work_has_errands(v)) {
        return;
    }
    os_mutex_lock(&t->lock);
    for (unsigned i = 0; i < t->errand_count; i++) {
        t->errands[i].fn(v, &t->errands[i]);
    }
    errands_done(t);
    os_mutex_unlock(&t->lock);
    answer(t);
}

void work_drop_errands(struct vcpu *v)
{
    struct accel_vcpu *t = v->accel;

    os_mutex_lock(&t->lock);
    errands_done(t);
    os_mutex_unlock(&t->lock);
    answer(t);
}

/* Whoever has stopped the others holds a->world until it releases them. */
void work_enter_guest(struct vcpu *v)
{
    struct accel *a = v->accel->accel;

    for (;;) {
        atomic_store(&v->accel->in_guest, true);
        const struct vcpu *stopper = atomic_load(&a->stopper);
        if (likely(!stopper || stopper == v)) {
            break;
        }
        work_leave_guest(v);
        os_mutex_lock(&a->world);
        os_mutex_unlock(&a->world);
    }
    work_do_errands(v);
}

void work_leave_guest(struct vcpu *v)
{
    atomic_store(&v->accel->in_guest, false);
    answer(v->accel);
}

bool work_is_crowded(const struct accel *a)
{
    return a->count > a->host_cpus;
}

/* Not just until all have answered: those that are woken then would take the host CPU from the one
 * that waited, which has more to flush, for some milliseconds. */
void work_make_room(const struct vcpu *v)
{
    const struct accel *a = v->accel->accel;

    if (work_is_crowded(a) && atomic_load(&((struct accel *)a)->syncing)) {
        os_sleep_until_ns(os_now_ns() + MAKE_ROOM_NS);
    }
}

static void sleep_until_done(struct vcpu *v, uint64_t number)
{
    struct accel *a = v->accel->accel;

    os_mutex_lock(&a->sync_lock);
    atomic_fetch_add(&a->syncing, 1);
    atomic_fetch_add(&v->accel->awaited, 1);
    while (!work_is_done(v, number)) {
        os_cond_wait(&a->answered, &a->sync_lock);
    }
    atomic_fetch_sub(&v->accel->awaited, 1);
    atomic_fetch_sub(&a->syncing, 1);
    os_mutex_unlock(&a->sync_lock);
}

void work_wait(struct vcpu *v, uint64_t number, struct vcpu *self)
{
    const unsigned most = work_is_crowded(v->accel->accel) ? SPINS_CROWDED : SPINS;

    if (work_is_done(v, number)) {
        return;
    }
    if (self) {
        work_leave_guest(self);
    }
    for (unsigned spins = 0; !work_is_done(v, number) && spins < most; spins++) {
        atomic_pause();
    }
    if (!work_is_done(v, number)) {
        sleep_until_done(v, number);
    }
    if (self) {
        work_enter_guest(self);
    }
}

#define NEVER UINT64_MAX /* so many errands have been done */

/* by: the one that may be in guest code meanwhile. */
static void stop(struct accel *a, struct vcpu *by)
{
    os_mutex_lock(&a->world);
    atomic_store(&a->stopper, by);
    for (unsigned i = 0; i < a->count; i++) {
        if (a->vcpus[i] != by && !work_is_done(a->vcpus[i], NEVER)) {
            vcpu_kick(a->vcpus[i]);
            sleep_until_done(a->vcpus[i], NEVER);
        }
    }
}

void work_stop_others(struct vcpu *v)
{
    work_leave_guest(v);
    stop(v->accel->accel, v);
    work_enter_guest(v);
}

void work_release_others(struct vcpu *v)
{
    work_open_guest(v->accel->accel);
}

void work_close_guest(struct accel *a)
{
    const struct vcpu *v = vcpu_current();

    assert(!v || v->accel->accel != a || !atomic_load(&v->accel->in_guest));
    stop(a, (struct vcpu *)(void *)a); /* none of them */
}

void work_open_guest(struct accel *a)
{
    atomic_store(&a->stopper, NULL);
    os_mutex_unlock(&a->world);
}

/* ---- jobs */

/* v's thread looks whether there is something to do. */
static void alert(struct vcpu *v)
{
    struct accel *a = v->accel->accel;

    vcpu_kick(v);
    if (!atomic_load(&a->running)) {
        os_mutex_lock(&a->lock);
        os_cond_broadcast(&a->changed);
        os_mutex_unlock(&a->lock);
    }
}

/* finished: NULL, or where to say that it is done, under t->lock. */
static bool post_job(struct vcpu *v, const struct vcpu_work *w, bool *finished, bool waits)
{
    struct accel_vcpu *t = v->accel;

    os_mutex_lock(&t->lock);
    while (waits && t->job_count == WORK_JOBS) {
        os_cond_wait(&t->job_done, &t->lock);
    }
    const bool room = t->job_count < WORK_JOBS;
    if (room) {
        t->jobs[t->job_count] = (struct vcpu_job){.work = *w, .finished = finished};
        atomic_store(&t->job_count, t->job_count + 1);
        atomic_fetch_add(&t->jobs_awaited, finished != NULL);
    }
    os_mutex_unlock(&t->lock);
    if (room) {
        alert(v);
    }
    return room;
}

bool work_post_job(struct vcpu *v, const struct vcpu_work *w)
{
    return post_job(v, w, NULL, !vcpu_current());
}

void work_run_on(struct vcpu *v, const struct vcpu_work *w)
{
    struct accel_vcpu *t = v->accel;
    bool finished = false;

    assert(!vcpu_current());
    post_job(v, w, &finished, true);
    os_mutex_lock(&t->lock);
    while (!finished) {
        os_cond_wait(&t->job_done, &t->lock);
    }
    os_mutex_unlock(&t->lock);
}

bool work_has_jobs(const struct vcpu *v, bool awaited)
{
    return atomic_load(awaited ? &v->accel->jobs_awaited : &v->accel->job_count);
}

/* Takes the first out of the queue. */
static bool next_job(struct accel_vcpu *t, bool awaited, struct vcpu_job *job)
{
    os_mutex_lock(&t->lock);
    const bool found = awaited ? t->jobs_awaited : t->job_count;
    if (found) {
        *job = t->jobs[0];
        memmove(&t->jobs[0], &t->jobs[1], (t->job_count - 1) * sizeof(*job));
        atomic_fetch_sub(&t->jobs_awaited, job->finished != NULL);
        atomic_store(&t->job_count, t->job_count - 1);
    }
    os_mutex_unlock(&t->lock);
    return found;
}

static void finish_job(struct accel_vcpu *t, const struct vcpu_job *job)
{
    os_mutex_lock(&t->lock);
    if (job->finished) {
        *job->finished = true;
    }
    os_cond_broadcast(&t->job_done);
    os_mutex_unlock(&t->lock);
}

void work_do_jobs(struct vcpu *v, bool awaited)
{
    struct accel_vcpu *t = v->accel;
    const struct accel_ops *ops = t->accel->ops;
    const bool brought = !t->out && ops->end;
    struct vcpu *before = vcpu_make_current(v);
    struct vcpu_job job;

    if (brought) {
        ops->end(v);
    }
    while (next_job(t, awaited, &job)) {
        job.work.fn(v, &job.work);
        finish_job(t, &job);
    }
    if (!t->out) {
        ops->begin(v);
    }
    vcpu_make_current(before);
}
