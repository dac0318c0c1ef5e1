/* SPDX-License-Identifier: MIT */
/* What the files of ui/curses*.c share. */
#ifndef UI_CURSES_INTERNAL_H
#define UI_CURSES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "hw/input.h"

/* curses_keys.c: the keys, modifiers first, that make a character of an American keyboard, or that
 * a code of curses stands for. Their number; 0: none do. */
#define CURSES_KEYS_MOST 4
size_t curses_keys_of(wint_t code, bool is_key, enum input_key keys[CURSES_KEYS_MOST]);

/* curses_glyphs.c: the character of a code of code page 437. */
wchar_t curses_glyph(unsigned code);

#endif
