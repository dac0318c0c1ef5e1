/* SPDX-License-Identifier: MIT */
/*
 * The text of a user's error, and the guess at what was meant: see error.h.
 */
#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/visible.h"

/* The formatted text, in which what came from outside cannot do harm. */
static void format(struct error *out, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static void format(struct error *out, const char *fmt, va_list ap)
{
    char text[sizeof(out->text)];
    vsnprintf(text, sizeof(text), fmt, ap);
    visible_copy(out->text, sizeof(out->text), text, strlen(text), false);
}

bool error_set(struct error *e, const char *fmt, ...)
{
    if (e) {
        struct error set;
        va_list ap;
        va_start(ap, fmt);
        format(&set, fmt, ap);
        va_end(ap);
        memcpy(e->text, set.text, sizeof(set.text));
    }
    return false;
}

/* e->text becomes before followed by after, cut to fit; either may be e->text. */
static void join(struct error *e, const char *before, const char *after)
{
    char text[sizeof(e->text)];
    size_t n = strnlen(before, sizeof(text) - 1);
    memcpy(text, before, n);
    size_t m = strnlen(after, sizeof(text) - 1 - n);
    memcpy(text + n, after, m);
    text[n + m] = '\0';
    memcpy(e->text, text, n + m + 1);
}

void error_prefix(struct error *e, const char *fmt, ...)
{
    if (e) {
        struct error part;
        va_list ap;
        va_start(ap, fmt);
        format(&part, fmt, ap);
        va_end(ap);
        join(e, part.text, e->text);
    }
}

void error_append(struct error *e, const char *fmt, ...)
{
    if (e) {
        struct error part;
        va_list ap;
        va_start(ap, fmt);
        format(&part, fmt, ap);
        va_end(ap);
        join(e, e->text, part.text);
    }
}

void error_append_lines(struct error *e, const char *text)
{
    if (e) {
        join(e, e->text, "\n");
        join(e, e->text, text);
    }
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/*
 * The optimal string alignment distance, by rows of its table of which three are alive: row i holds
 * the distances from the first i characters of a to every beginning of b.
 */
unsigned error_edit_distance(const char *a, const char *b)
{
    enum {
        MAX = 64
    };
    unsigned row[3][MAX + 1];
    size_t na = strnlen(a, MAX), nb = strnlen(b, MAX);
    for (size_t j = 0; j <= nb; j++) {
        row[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < now[j]) {
                now[j] = before[j - 2] + 1;
            }
        }
    }
    return row[na % 3][nb];
}

const char *error_nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned best_distance = 0;
    size_t len = strlen(word);
    for (size_t i = 0; i < n; i++) {
        if (!names[i]) {
            continue;
        }
        unsigned d = error_edit_distance(word, names[i]);
        size_t longer = strlen(names[i]) > len ? strlen(names[i]) : len;
        /* A third of the characters may be wrong; of a very short name, one. */
        bool near = d <= (longer < 6 ? 1 : longer / 3);
        if (near && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
