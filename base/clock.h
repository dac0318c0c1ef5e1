/* SPDX-License-Identifier: MIT */
/*
 * The virtual clock: what devices and guest timers read, and the timers that expire on it.
 *
 * A clock has a time source that its owner (system/ or a test) supplies. Timers are kept in a queue
 * under the clock's lock; clock_run_due() runs the expired ones, without the lock, on the thread
 * that drives the clock. A timer may be set or cancelled from any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX

struct clock;
struct clock_timer;

typedef void (*clock_fn)(void *opaque);

struct clock_source {
    uint64_t (*now_ns)(void *opaque); /* virtual nanoseconds; never goes back */
    void (*deadline_changed)(
        void *opaque); /* the earliest deadline moved nearer; any thread; may be NULL */
    void *opaque;
};

struct clock *clock_create(struct clock_source source);
void clock_destroy(struct clock *c);
uint64_t clock_now_ns(struct clock *c);

/* Timers belong to their owner, who destroys them before the clock. fn runs on the clock's driving
 * thread. */
struct clock_timer *clock_timer_create(struct clock *c, clock_fn fn, void *opaque);
void clock_timer_destroy(
    struct clock_timer *t); /* waits until fn is not running, unless called from it */
void clock_timer_set(struct clock_timer *t,
                     uint64_t due_ns); /* replaces an earlier deadline; CLOCK_NEVER cancels */
void clock_timer_cancel(struct clock_timer *t);
uint64_t clock_timer_due_ns(const struct clock_timer *t); /* CLOCK_NEVER when not set */

uint64_t clock_deadline_ns(struct clock *c); /* earliest deadline, or CLOCK_NEVER */
void clock_run_due(
    struct clock *c); /* runs what is due now, in order of deadline, then of creation */

/* A clock that only moves when told to: for tests. */
struct clock *clock_manual_create(void);
void clock_manual_advance(struct clock *c,
                          uint64_t ns); /* moves and runs what became due, each at its own time */
void clock_manual_set(struct clock *c, uint64_t ns); /* also back; runs nothing */

#endif
