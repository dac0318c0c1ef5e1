/* SPDX-License-Identifier: MIT */
/* The virtual clock of a machine that runs in host time: it goes with the host's clock while the
 * machine runs. */
#ifndef SYSTEM_REALTIME_H
#define SYSTEM_REALTIME_H

#include "base/clock.h"
#include "base/loop.h"

struct realtime;

/* A clock at 0 that stands still, whose timers run on the loop's thread. Never NULL. Loop thread.
 */
struct realtime *realtime_create(struct loop *l);

/* Also destroys the clock; its timers must be gone. */
void realtime_destroy(struct realtime *r);

struct clock *realtime_clock(struct realtime *r);

/* Moves the clock, which stands still, to another time: a loaded state's. */
void realtime_set(struct realtime *r, uint64_t ns);

/* Lets the clock run or stand still; nothing happens if it does already. Loop thread. */
void realtime_start(struct realtime *r);
void realtime_stop(struct realtime *r);

#endif
