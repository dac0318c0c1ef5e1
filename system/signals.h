/* SPDX-License-Identifier: MIT */
/* SIGINT, SIGTERM and SIGHUP as requests to end in order. */
#ifndef SYSTEM_SIGNALS_H
#define SYSTEM_SIGNALS_H

#include "base/loop.h"

/*
 * From now on the first of these signals calls fn on the loop's thread with the signal's number and
 * the sender's process (0: the kernel, as for a key); a second one ends the process at once. Main
 * thread, once, before other threads start.
 */
void signals_watch(struct loop *l, void (*fn)(void *opaque, int sig, int sender), void *opaque);

/* Ends the watch and gives the signals their default action. */
void signals_unwatch(void);

#endif
