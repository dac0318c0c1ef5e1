/* SPDX-License-Identifier: MIT */
/* ncursesw, which is loaded when it is needed: its functions by their names. */
#ifndef UI_CURSES_LIBRARY_H
#define UI_CURSES_LIBRARY_H

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <stdbool.h>

#include "base/error.h"

#define CURSES_FUNCTIONS(X)                                                                        \
    X(newterm)                                                                                     \
    X(delscreen)                                                                                   \
    X(endwin)                                                                                      \
    X(raw)                                                                                         \
    X(noecho)                                                                                      \
    X(nonl)                                                                                        \
    X(keypad)                                                                                      \
    X(nodelay)                                                                                     \
    X(set_escdelay)                                                                                \
    X(newwin)                                                                                      \
    X(delwin)                                                                                      \
    X(wresize)                                                                                     \
    X(getmaxx)                                                                                     \
    X(getmaxy)                                                                                     \
    X(wget_wch)                                                                                    \
    X(wmove)                                                                                       \
    X(wadd_wch)                                                                                    \
    X(setcchar)                                                                                    \
    X(waddnstr)                                                                                    \
    X(werase)                                                                                      \
    X(wrefresh)                                                                                    \
    X(clearok)                                                                                     \
    X(curs_set)                                                                                    \
    X(has_colors)                                                                                  \
    X(start_color)                                                                                 \
    X(init_pair)                                                                                   \
    X(tigetstr)

#define CURSES_MEMBER(name) __typeof__(name) *name;
struct curses_library {
    CURSES_FUNCTIONS(CURSES_MEMBER)
    int *colours;    /* COLORS */
    WINDOW **screen; /* stdscr */
};
#undef CURSES_MEMBER

/* False: it is not there, or another. */
bool curses_library_load(struct curses_library *l, struct error *e);

#endif
