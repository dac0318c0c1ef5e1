/* SPDX-License-Identifier: MIT */
/*
 * A string that grows. {0} is an empty one; text is always NUL-terminated once anything was added.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
    char *text; /* owned; NULL until the first addition */
    size_t len; /* without the NUL */
    size_t cap;
};

void strbuf_free(struct strbuf *s);

/* Empties s and keeps its room. */
void strbuf_clear(struct strbuf *s);

void strbuf_printf(struct strbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *s, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
void strbuf_puts(struct strbuf *s, const char *text);
void strbuf_putc(struct strbuf *s, char c);
void strbuf_bytes(struct strbuf *s, const void *p, size_t n);

/* Escapes in s what a terminal must not be given (base/visible.h); lines stay lines. */
void strbuf_make_visible(struct strbuf *s);

/* The text, "" if nothing was added; s keeps it. */
const char *strbuf_text(const struct strbuf *s);

/* Gives the text to the caller (mem_free) and empties s. Never NULL. */
char *strbuf_take(struct strbuf *s);

#endif
