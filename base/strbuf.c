/* SPDX-License-Identifier: MIT */
/* The string that grows: see strbuf.h. */
#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/visible.h"

/* Room for n more characters and the NUL. */
static void reserve(struct strbuf *s, size_t n)
{
    size_t want = s->len + n + 1;
    if (want > s->cap) {
        size_t cap = s->cap * 2 > want ? s->cap * 2 : want + 32;
        s->text = mem_realloc(s->text, cap);
        s->cap = cap;
    }
}

void strbuf_free(struct strbuf *s)
{
    mem_free(s->text);
    *s = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *s)
{
    s->len = 0;
    if (s->text) {
        s->text[0] = '\0';
    }
}

void strbuf_vprintf(struct strbuf *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    reserve(s, strlen(fmt) + 16);
    int n = vsnprintf(s->text + s->len, s->cap - s->len, fmt, ap);
    if (n > 0 && (size_t)n >= s->cap - s->len) {
        reserve(s, (size_t)n);
        vsnprintf(s->text + s->len, s->cap - s->len, fmt, again);
    }
    va_end(again);
    if (n > 0) {
        s->len += (size_t)n;
    }
}

void strbuf_printf(struct strbuf *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(s, fmt, ap);
    va_end(ap);
}

void strbuf_puts(struct strbuf *s, const char *text)
{
    strbuf_bytes(s, text, strlen(text));
}

void strbuf_putc(struct strbuf *s, char c)
{
    strbuf_bytes(s, &c, 1);
}

void strbuf_bytes(struct strbuf *s, const void *p, size_t n)
{
    reserve(s, n);
    if (n) {
        memcpy(s->text + s->len, p, n);
    }
    s->len += n;
    s->text[s->len] = '\0';
}

void strbuf_make_visible(struct strbuf *s)
{
    const size_t room = VISIBLE_GROWTH * s->len + 1;
    char *text = mem_alloc(room);
    s->len = visible_copy(text, room, strbuf_text(s), s->len, true);
    s->cap = room;
    mem_free(s->text);
    s->text = text;
}

const char *strbuf_text(const struct strbuf *s)
{
    return s->text ? s->text : "";
}

char *strbuf_take(struct strbuf *s)
{
    char *text = s->text ? s->text : mem_strdup("");
    *s = (struct strbuf){0};
    return text;
}
