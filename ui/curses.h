/* SPDX-License-Identifier: MIT */
/*
 * -display curses: the machine's first screen in the terminal while it is in text mode, and its
 * keyboard. The escape key (ctrl-a) is ours: behind it x ends the emulator, h helps, and itself is
 * the guest's. Loop thread.
 */
#ifndef UI_CURSES_H
#define UI_CURSES_H

#include "base/error.h"
#include "base/loop.h"
#include "hw/machine.h"

struct curses_config {
    struct machine *machine;
    struct loop *loop;
    uint8_t escape;            /* its code, 1 for ctrl-a */
    void (*end)(void *opaque); /* the user wants to */
    void *opaque;
};

struct curses;

/* Takes the terminal. NULL: it is none that can be used. */
struct curses *curses_open(const struct curses_config *c, struct error *e);
/* Gives it back as it was. */
void curses_close(struct curses *c);
/* Codes that give the terminal its own screen back, for whoever cannot call curses_close. */
const char *curses_farewell(const struct curses *c);

#endif
