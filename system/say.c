/* SPDX-License-Identifier: MIT */
/* Lines for the user on standard error: see say.h. */
#include "system/say.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/strbuf.h"

static const char *program = "dragoman";

void say_program(const char *name)
{
    program = name;
}

/* The line is written by one call, so that lines of several threads do not mix. */
static void print(const char *kind, const char *fmt, va_list ap)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "%s: %s", program, kind);
    strbuf_vprintf(&s, fmt, ap);
    strbuf_putc(&s, '\n');
    strbuf_make_visible(&s);
    ssize_t n = write(2, strbuf_text(&s), s.len);
    (void)n; /* there is nowhere else to say it */
    strbuf_free(&s);
}

void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print("", fmt, ap);
    va_end(ap);
}

void say_warning(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print("warning: ", fmt, ap);
    va_end(ap);
}
