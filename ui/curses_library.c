/* SPDX-License-Identifier: MIT */
/* Loads ncursesw: see curses_library.h. */
#include "ui/curses_library.h"

#include <dlfcn.h>

#define CURSES_LIBRARY "libncursesw.so.6"

bool curses_library_load(struct curses_library *l, struct error *e)
{
    void *found = dlopen(CURSES_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    bool good = found != NULL;
    if (!good) {
        return error_set(e, "%s cannot be loaded (on Debian the package libncursesw6 has it)",
                         CURSES_LIBRARY);
    }
#define LOAD(name)                                                                                 \
    l->name = (__typeof__(name) *)dlsym(found, #name);                                             \
    good = good && l->name;
    CURSES_FUNCTIONS(LOAD)
#undef LOAD
    l->colours = dlsym(found, "COLORS");
    l->screen = dlsym(found, "stdscr");
    return (good && l->colours && l->screen) ||
           error_set(e, "%s lacks functions of version 6", CURSES_LIBRARY);
}
