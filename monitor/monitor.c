/* SPDX-License-Identifier: MIT */
/* A human monitor on a byte stream: line editing, commands, output with the line ends of a
 * terminal. */
#include "monitor/monitor.h"

#include <string.h>

#include "base/mem.h"
#include "monitor/commands.h"
#include "monitor/lineedit.h"

struct monitor {
    struct monitor_context context;
    struct monitor_session session;
    struct stream *stream;
    struct lineedit edit;
    bool greeted;
};

static void put(struct monitor *m, const char *text, size_t n)
{
    stream_write(m->stream, (const uint8_t *)text, n);
}

/* Output of a command, whose lines end with a newline alone. */
static void put_lines(struct monitor *m, const struct strbuf *s)
{
    const char *p = strbuf_text(s);
    while (*p) {
        size_t n = strcspn(p, "\n");
        put(m, p, n);
        p += n;
        if (*p) {
            put(m, "\r\n", 2);
            p++;
        }
    }
}

static void execute(struct monitor *m)
{
    struct strbuf out = {0};
    monitor_execute(&m->session, m->edit.line, &out);
    put_lines(m, &out);
    strbuf_free(&out);
}

static size_t room(void *opaque)
{
    (void)opaque;
    return 4096;
}

static void receive(void *opaque, const uint8_t *bytes, size_t n)
{
    struct monitor *m = opaque;
    for (size_t i = 0; i < n && !m->context.control->ending; i++) {
        struct strbuf shown = {0};
        bool complete = lineedit_byte(&m->edit, bytes[i], &shown);
        put(m, strbuf_text(&shown), shown.len);
        strbuf_clear(&shown);
        if (complete) {
            execute(m);
        }
        if (complete && !m->context.control->ending) {
            lineedit_start(&m->edit, &shown);
            put(m, strbuf_text(&shown), shown.len);
        }
        strbuf_free(&shown);
    }
}

static void event(void *opaque, enum stream_event e)
{
    struct monitor *m = opaque;
    struct strbuf s = {0};
    if (e == STREAM_CLOSED) {
        m->greeted = false;
    }
    if (e != STREAM_OPENED) {
        return;
    }
    if (!m->greeted) {
        strbuf_puts(&s, "\r\n");
        m->context.control->describe(m->context.control, "version", &s);
        strbuf_puts(&s, "type 'help' for the commands\n");
        put_lines(m, &s);
        strbuf_clear(&s);
        m->greeted = true;
    } else {
        put(m, "\r\n", 2);
    }
    lineedit_start(&m->edit, &s);
    put(m, strbuf_text(&s), s.len);
    strbuf_free(&s);
}

struct monitor *monitor_create(const struct monitor_context *c, struct stream *s)
{
    struct monitor *m = mem_alloc(sizeof(*m));
    m->context = *c;
    m->session.context = &m->context;
    m->stream = s;
    lineedit_init(&m->edit, c->prompt ? c->prompt : "(dragoman) ", commands_complete);
    s->ops->set_reader(
        s, &(struct stream_reader){.room = room, .read = receive, .event = event, .opaque = m});
    return m;
}

void monitor_destroy(struct monitor *m)
{
    m->stream->ops->set_reader(m->stream, NULL);
    lineedit_free(&m->edit);
    mem_free(m);
}
