/* SPDX-License-Identifier: MIT */
/*
 * The event loop's outside: who makes it, runs it and ends it, and timers in host time for the back
 * ends (a reconnect, a poll). What devices and back ends use of it is base/loop.h.
 */
#ifndef SYSTEM_LOOP_H
#define SYSTEM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

/* A loop whose thread is the calling one until loop_run is called on another. Never NULL. */
struct loop *loop_create(void);

/* Frees the loop; watches and timers must be gone; posted work that did not run is dropped. */
void loop_destroy(struct loop *l);

/* Runs until loop_stop; may be called again. Makes the caller the loop's thread. */
void loop_run(struct loop *l);

/* Makes loop_run return after the turn it is in; any thread. */
void loop_stop(struct loop *l);

/* One turn: waits at most timeout_ms (-1: without limit) for something to do and does it. Loop
 * thread only. */
void loop_turn(struct loop *l, int timeout_ms);

/* Runs the posted work that stands in the queue; for an end, when turns are over. Loop thread only.
 */
void loop_run_posted(struct loop *l);

/* A timer in host time (os_now_ns). Loop thread only. */
struct loop_timer;
struct loop_timer *loop_timer_create(struct loop *l, loop_fn fn, void *opaque);
void loop_timer_set(struct loop_timer *t, int64_t due_ns); /* replaces an earlier one */
void loop_timer_cancel(struct loop_timer *t);
void loop_timer_destroy(struct loop_timer *t); /* NULL is allowed */

#endif
