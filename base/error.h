/* SPDX-License-Identifier: MIT */
/*
 * What the user did wrong, as one line of text: what, where, and what would be accepted.
 * A function that can fail this way returns false (or NULL) and fills the struct error that its
 * caller owns; only system/ prints it.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

struct error {
    char text[512];
};

/*
 * Fills e (NULL: the text is dropped) and returns false, so that `return error_set(e, ...)` reads
 * as the failure it is. Longer texts are cut. The arguments may include e->text itself, and bytes
 * from outside: the text is always one line that a terminal can show (base/visible.h).
 */
bool error_set(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts the formatted text in front of what e says: the outer place before the inner one. */
void error_prefix(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends the formatted text to what e says: a suggestion, a list of choices. */
void error_append(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Appends lines of our own, such as a list of all that could be chosen. */
void error_append_lines(struct error *e, const char *text);

/*
 * The one of n names (NULL entries are skipped) that a user who typed word most likely meant, by
 * edit distance with swapped neighbours counting once; NULL when none is near.
 */
const char *error_nearest_name(const char *word, const char *const *names, size_t n);

/* How many single-character edits (insert, delete, replace, swap neighbours) turn a into b. */
unsigned error_edit_distance(const char *a, const char *b);

#endif
