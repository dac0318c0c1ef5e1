/* SPDX-License-Identifier: MIT */
/*
 * Virtual time as host time less the time that the machine stood still.
 *
 * now() is read by every vCPU and takes no lock: a sequence count, odd while the clock is being
 * started or stopped, tells a reader to try again. Timers are driven by a timerfd that the loop
 * watches and that is set on the thread that moved the earliest deadline nearer, which costs one
 * system call and wakes nobody.
 */
#include "system/realtime.h"

#include <assert.h>
#include <stdatomic.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"

struct realtime {
    struct clock *clock;
    int timer; /* timerfd on the clock of os_now_ns() */
    struct loop_watch *watch;

    _Atomic unsigned sequence; /* odd while the next two change */
    _Atomic bool running;
    _Atomic int64_t offset_ns; /* running: host time at virtual 0; else: the virtual time */

    struct os_mutex lock; /* guards armed_ns and the setting of the timer */
    uint64_t armed_ns;    /* virtual time that the timer is set to; CLOCK_NEVER: not set */
};

static uint64_t now_ns(void *opaque)
{
    struct realtime *r = opaque;
    for (;;) {
        unsigned before = atomic_load_explicit(&r->sequence, memory_order_acquire);
        bool running = atomic_load_explicit(&r->running, memory_order_acquire);
        int64_t offset = atomic_load_explicit(&r->offset_ns, memory_order_acquire);
        int64_t now = running ? os_now_ns() - offset : offset;
        if (!(before & 1) && atomic_load_explicit(&r->sequence, memory_order_relaxed) == before) {
            return (uint64_t)now;
        }
    }
}

/* Sets the timer to the clock's earliest deadline; any thread. */
static void schedule(void *opaque)
{
    struct realtime *r = opaque;
    os_mutex_lock(&r->lock);
    uint64_t due = r->running ? clock_deadline_ns(r->clock) : CLOCK_NEVER;
    if (due != r->armed_ns) {
        struct itimerspec t = {0}; /* stays zero, which disarms, for "never" */
        uint64_t host = due + (uint64_t)r->offset_ns;
        if (due < INT64_MAX && host < INT64_MAX) {
            t.it_value.tv_sec = (time_t)(host / 1000000000);
            t.it_value.tv_nsec = (long)(host % 1000000000);
            t.it_value.tv_nsec += host == 0;
        }
        timerfd_settime(r->timer, TFD_TIMER_ABSTIME, &t, NULL);
        r->armed_ns = due;
    }
    os_mutex_unlock(&r->lock);
}

static void forget_armed(struct realtime *r)
{
    os_mutex_lock(&r->lock);
    r->armed_ns = CLOCK_NEVER;
    os_mutex_unlock(&r->lock);
}

static void expired(void *opaque, unsigned events)
{
    struct realtime *r = opaque;
    uint64_t count;
    (void)events;
    if (read(r->timer, &count, sizeof(count)) < 0) {
        return; /* it was set anew in the meantime */
    }
    forget_armed(r);
    if (r->running) {
        clock_run_due(r->clock);
        schedule(r);
    }
}

struct realtime *realtime_create(struct loop *l)
{
    struct realtime *r = mem_alloc(sizeof(*r));
    os_mutex_init(&r->lock);
    r->armed_ns = CLOCK_NEVER;
    r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    assert(r->timer >= 0);
    r->watch = loop_watch(l, r->timer, LOOP_READ, expired, r);
    r->clock = clock_create(
        (struct clock_source){.now_ns = now_ns, .deadline_changed = schedule, .opaque = r});
    return r;
}

void realtime_destroy(struct realtime *r)
{
    clock_destroy(r->clock);
    loop_unwatch(r->watch);
    close(r->timer);
    os_mutex_destroy(&r->lock);
    mem_free(r);
}

struct clock *realtime_clock(struct realtime *r)
{
    return r->clock;
}

/* Switches between the two meanings of offset_ns; the virtual time does not jump. */
static void set_running(struct realtime *r, bool running)
{
    if (r->running == running) {
        return;
    }
    r->sequence++;
    r->offset_ns = os_now_ns() - r->offset_ns;
    r->running = running;
    r->sequence++;
    schedule(r);
}

void realtime_set(struct realtime *r, uint64_t ns)
{
    assert(!r->running);
    r->sequence++;
    r->offset_ns = (int64_t)ns;
    r->sequence++;
}

void realtime_start(struct realtime *r)
{
    set_running(r, true);
}

void realtime_stop(struct realtime *r)
{
    set_running(r, false);
}
