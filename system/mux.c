/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer behind `mux=on` and `mon:`: see mux.h.
 *
 * Reading is the loop's. What is typed is taken at once, since the escape must get through to a
 * machine whose guest reads nothing, and waits in the buffer of the port that was in front; only
 * when that is full does the multiplexer stop reading. Writing comes from any thread, and a port
 * that is not in front is heard as well. The lock guards what a writer sees of the screen: whether
 * the line has begun, for time stamps.
 */
#include "system/mux.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os.h"

enum {
    PORTS = 8,
    WAITING_MAX = 4096
};

struct mux_port {
    struct stream stream; /* first */
    struct mux *mux;
    struct stream_reader reader;
    bool has_reader;
    _Atomic bool starved; /* bytes wait for the reader's room */
    uint8_t waiting[WAITING_MAX];
    unsigned start, held; /* a ring */
};

struct mux {
    struct stream *under;
    struct loop *loop;
    _Atomic unsigned refs; /* the owner, and posted work */
    struct mux_actions actions;
    struct mux_port ports[PORTS];
    unsigned count, front;
    bool escaped; /* the escape was the last character */
    bool open;

    struct os_mutex lock; /* guards what follows, and keeps a stamp by its line */
    bool stamps;
    bool in_line;
    int64_t start_ns;
};

/* ---- the keys */

static void show(struct mux *m, const char *text)
{
    stream_write(m->under, (const uint8_t *)text, strlen(text));
}

static void key_quit(struct mux *m)
{
    if (m->actions.quit) {
        m->actions.quit(m->actions.opaque);
    }
}

static void key_save(struct mux *m)
{
    if (m->actions.save) {
        m->actions.save(m->actions.opaque);
    }
}

static void event(struct mux_port *p, enum stream_event e)
{
    if (p->has_reader && p->reader.event) {
        p->reader.event(p->reader.opaque, e);
    }
}

static void key_break(struct mux *m)
{
    if (m->count) {
        event(&m->ports[m->front], STREAM_BREAK);
    }
}

static void key_switch(struct mux *m)
{
    if (m->count > 1) {
        mux_set_front(m, (m->front + 1) % m->count);
    }
}

static void key_stamps(struct mux *m)
{
    os_mutex_lock(&m->lock);
    m->stamps = !m->stamps;
    m->start_ns = os_now_ns();
    os_mutex_unlock(&m->lock);
}

static void key_help(struct mux *m);

static const struct key {
    char key;
    const char *help;
    void (*act)(struct mux *m);
} keys[] = {
    {'h', "this help", key_help},
    {'x', "end the machine", key_quit},
    {'c', "go on to the next user: the console, the monitor", key_switch},
    {'b', "send a break", key_break},
    {'s', "write the disks' data out", key_save},
    {'t', "time stamps on or off", key_stamps},
};

static void key_help(struct mux *m)
{
    char name = (char)(m->actions.escape + 'a' - 1);
    char line[100];
    show(m, "\r\n");
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        snprintf(line, sizeof(line), "ctrl-%c %c      %s\r\n", name, keys[i].key, keys[i].help);
        show(m, line);
    }
    snprintf(line, sizeof(line), "ctrl-%c ctrl-%c send ctrl-%c\r\n", name, name, name);
    show(m, line);
}

/* ---- reading */

/* Hands p what waits, as far as its reader takes it. */
static void feed(struct mux_port *p)
{
    bool was_full = p->held == WAITING_MAX;
    while (p->held && p->has_reader) {
        size_t n = p->reader.room(p->reader.opaque);
        if (!n) {
            p->starved =
                true; /* before the question is asked again: room made meanwhile is not missed */
            n = p->reader.room(p->reader.opaque);
        }
        if (!n) {
            break;
        }
        p->starved = false;
        unsigned piece = p->held < WAITING_MAX - p->start ? p->held : WAITING_MAX - p->start;
        piece = n < piece ? (unsigned)n : piece;
        unsigned from = p->start;
        p->start = (p->start + piece) % WAITING_MAX;
        p->held -= piece;
        p->reader.read(p->reader.opaque, p->waiting + from, piece);
    }
    if (was_full && p->held < WAITING_MAX) {
        p->mux->under->ops->more_room(p->mux->under);
    }
}

static void to_front(struct mux *m, uint8_t byte)
{
    struct mux_port *p = &m->ports[m->front];
    if (m->count && p->has_reader && p->held < WAITING_MAX) {
        p->waiting[(p->start + p->held++) % WAITING_MAX] = byte;
    }
}

static void after_escape(struct mux *m, uint8_t byte)
{
    if (byte == m->actions.escape) {
        to_front(m, byte);
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].key == byte || (byte == '?' && keys[i].key == 'h')) {
            keys[i].act(m);
            return;
        }
    }
}

/* Without a reader in front, what is typed is dropped. */
static size_t mux_room(void *opaque)
{
    struct mux *m = opaque;
    return m->count && m->ports[m->front].has_reader ? WAITING_MAX - m->ports[m->front].held
                                                     : WAITING_MAX;
}

static void mux_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct mux *m = opaque;
    for (size_t i = 0; i < n; i++) {
        if (m->escaped) {
            m->escaped = false;
            after_escape(m, bytes[i]);
        } else if (bytes[i] == m->actions.escape && bytes[i]) {
            m->escaped = true;
        } else {
            to_front(m, bytes[i]);
        }
    }
    for (unsigned i = 0; i < m->count; i++) {
        feed(&m->ports[i]);
    }
}

static void mux_event(void *opaque, enum stream_event e)
{
    struct mux *m = opaque;
    if (e != STREAM_BREAK) {
        m->open = e == STREAM_OPENED;
    }
    for (unsigned i = 0; i < m->count; i++) {
        if (i == m->front || e == STREAM_CLOSED) {
            event(&m->ports[i], e);
        }
    }
}

/* ---- the ports */

static void stamp(struct mux *m)
{
    char text[40];
    int64_t ms = (os_now_ns() - m->start_ns) / 1000000;
    int n = snprintf(text, sizeof(text),
                     "[%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 "] ", ms / 3600000,
                     ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
    stream_write(m->under, (const uint8_t *)text, (size_t)n);
}

static size_t write_stamped(struct mux *m, const uint8_t *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        if (!m->in_line) {
            stamp(m);
        }
        const uint8_t *nl = memchr(bytes + done, '\n', n - done);
        size_t piece = nl ? (size_t)(nl - (bytes + done)) + 1 : n - done;
        size_t got = stream_write(m->under, bytes + done, piece);
        done += got;
        m->in_line = !(nl && got == piece);
        if (got < piece) {
            break;
        }
    }
    return done;
}

static size_t port_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct mux *m = ((struct mux_port *)s)->mux;
    os_mutex_lock(&m->lock);
    size_t done;
    if (m->stamps) {
        done = write_stamped(m, bytes, n);
    } else {
        done = stream_write(m->under, bytes, n);
        if (done) {
            m->in_line = bytes[done - 1] != '\n';
        }
    }
    os_mutex_unlock(&m->lock);
    return done;
}

static void unref(struct mux *m)
{
    if (--m->refs == 0) {
        os_mutex_destroy(&m->lock);
        mem_free(m);
    }
}

static void feed_all(void *opaque)
{
    struct mux *m = opaque;
    for (unsigned i = 0; i < m->count; i++) {
        feed(&m->ports[i]);
    }
    unref(m);
}

static void port_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct mux_port *p = (struct mux_port *)s;
    struct mux *m = p->mux;
    p->has_reader = r != NULL;
    if (r) {
        p->reader = *r;
    }
    p->held = 0;
    if (r && m->open && p == &m->ports[m->front]) {
        event(p, STREAM_OPENED);
    }
    m->under->ops->more_room(m->under);
}

static void port_more_room(struct stream *s)
{
    struct mux_port *p = (struct mux_port *)s;
    bool yes = true;
    if (atomic_compare_exchange_strong(&p->starved, &yes, false)) {
        p->mux->refs++;
        loop_post(p->mux->loop, feed_all, p->mux);
    }
}

static void port_close(struct stream *s)
{
    port_set_reader(s, NULL);
}

static const struct stream_ops port_ops = {
    .write = port_write,
    .set_reader = port_set_reader,
    .more_room = port_more_room,
    .close = port_close,
};

struct stream *mux_port(struct mux *m)
{
    if (m->count == PORTS) {
        return NULL;
    }
    struct mux_port *p = &m->ports[m->count++];
    p->stream.ops = &port_ops;
    p->mux = m;
    return &p->stream;
}

unsigned mux_front(const struct mux *m)
{
    return m->front;
}

bool mux_set_front(struct mux *m, unsigned port)
{
    if (port >= m->count) {
        return false;
    }
    if (port != m->front) {
        m->front = port;
        if (m->open) {
            event(&m->ports[port], STREAM_OPENED);
        }
    }
    return true;
}

struct mux *mux_create(struct stream *under, struct loop *l, const struct mux_actions *a)
{
    struct mux *m = mem_alloc(sizeof(*m));
    m->under = under;
    m->loop = l;
    m->refs = 1;
    m->actions = *a;
    os_mutex_init(&m->lock);
    under->ops->set_reader(
        under, &(struct stream_reader){
                   .room = mux_room, .read = mux_read, .event = mux_event, .opaque = m});
    return m;
}

void mux_destroy(struct mux *m)
{
    m->under->ops->set_reader(m->under, NULL);
    m->under->ops->close(m->under);
    for (unsigned i = 0; i < m->count; i++) {
        m->ports[i].has_reader = false;
    }
    unref(m);
}
