/* SPDX-License-Identifier: MIT */
/*
 * Text from outside (names of files, contents of images, what a guest says of itself) as a message,
 * a line of the log or of a monitor may show it: what is no character in UTF-8, and control
 * characters, by which a terminal is steered, stand as \xNN. All that is ours is left as it is.
 */
#ifndef BASE_VISIBLE_H
#define BASE_VISIBLE_H

#include <stdbool.h>
#include <stddef.h>

#define VISIBLE_GROWTH 4 /* bytes that one byte may become */

/*
 * Copies n bytes of text to out, which has room for size bytes, the last of them for the NUL that
 * ends it; what does not fit is left off, by whole characters. lines: \n and \t are copied, too.
 * Returns the length.
 */
size_t visible_copy(char *out, size_t size, const char *text, size_t n, bool lines);

#endif
