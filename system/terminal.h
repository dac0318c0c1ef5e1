/* SPDX-License-Identifier: MIT */
/*
 * The controlling terminal in raw mode, and its way back: the user gets the terminal as it was at
 * any end of the process that the process can notice: exit, a fatal signal, a crash.
 */
#ifndef SYSTEM_TERMINAL_H
#define SYSTEM_TERMINAL_H

#include <stdbool.h>

/*
 * Puts the terminal at fd into raw mode: every key goes to the guest. With signals the keys for
 * interrupt, quit and suspend keep their meaning. Nothing happens if fd is no terminal. One
 * terminal at a time. Main thread.
 */
void terminal_raw(int fd, bool signals);

/*
 * Somebody else is about to change the mode of the terminal at fd: it is saved, and given back by
 * terminal_restore, which then also writes farewell (kept until it is called; NULL: nothing).
 */
void terminal_lend(int fd);
void terminal_set_farewell(const char *farewell);

/* Gives back the saved mode, if any. Async-signal-safe; any number of times. */
void terminal_restore(void);

bool terminal_is_raw(void);

/* Columns of the terminal at fd, or 80. */
unsigned terminal_columns(int fd);

#endif
