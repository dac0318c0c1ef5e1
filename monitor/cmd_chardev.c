/* SPDX-License-Identifier: MIT */
/* Monitor commands for character back ends in memory. */
#include <ctype.h>

#include "monitor/commands.h"

/* Control characters of the guest are shown, not sent to the terminal. */
static void put_visible(struct strbuf *out, const struct strbuf *bytes)
{
    const char *text = strbuf_text(bytes);
    for (size_t i = 0; i < bytes->len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\\') {
            strbuf_puts(out, "\\\\");
        } else if (c == '\n' || c == '\t' || (c < 0x80 && isprint(c))) {
            strbuf_putc(out, (char)c);
        } else if (c != '\r') {
            strbuf_printf(out, "\\u%04X", c);
        }
    }
    if (bytes->len && text[bytes->len - 1] != '\n') {
        strbuf_putc(out, '\n');
    }
}

static void ringbuf_read(struct call *c)
{
    struct control *k = call_control(c);
    struct strbuf bytes = {0};
    struct error e;
    uint64_t n;
    if (expression_value(c, c->words[1], &n)) {
        const bool good = k->ringbuf_read(k, c->words[0], n, &bytes, &e);
        put_visible(c->out, &bytes);
        call_report(c, good, &e);
    }
    strbuf_free(&bytes);
}

static void ringbuf_write(struct call *c)
{
    struct control *k = call_control(c);
    struct error e;
    call_report(c, k->ringbuf_write(k, c->words[0], c->words[1], &e), &e);
}

const struct command commands_chardev[] = {
    {"ringbuf_read", NULL, "ID BYTES", 2, 2, "take what was written to a back end in memory",
     ringbuf_read},
    {"ringbuf_write", NULL, "ID TEXT", 2, 2, "give a back end in memory input", ringbuf_write},
    {0}};
