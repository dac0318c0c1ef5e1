/* SPDX-License-Identifier: MIT */
/*
 * The telnet protocol over another byte stream (RFC 854, 857 echo, 858 suppress go ahead, 856
 * binary): telnet=on of a socket. The terminal at the other end is asked to leave echo and editing
 * to us. What it says of options is not answered: it may do as it likes, and nothing then depends
 * on it. A break becomes a break of the line.
 */
#include <string.h>

#include "base/mem.h"
#include "system/chardev.h"

enum {
    TELNET_SB = 250, /* an option's details, up to SE */
    TELNET_SE = 240,
    TELNET_BREAK = 243,
    TELNET_WILL = 251, /* WILL, WONT, DO, DONT: the option follows */
    TELNET_DO = 253,
    TELNET_DONT = 254,
    TELNET_IAC = 255,

    OPTION_BINARY = 0,
    OPTION_ECHO = 1,
    OPTION_NO_GO_AHEAD = 3
};

/* Where in a command the input is. */
enum state {
    DATA,
    RETURN, /* behind a carriage return: a NUL is part of it */
    COMMAND,
    OPTION,
    DETAILS,
    DETAILS_COMMAND
};

struct stream_telnet {
    struct stream stream; /* first */
    struct stream *under;
    struct stream_reader reader;
    enum state state;
    bool owes; /* the second half of a byte 255 */
};

static struct stream_telnet *telnet_of(struct stream *s)
{
    return (struct stream_telnet *)s;
}

/* ---- output */

/* A byte 255 is sent twice. Whatever is reported as taken has gone as a whole. */
static size_t telnet_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    static const uint8_t twice[] = {TELNET_IAC, TELNET_IAC};
    struct stream_telnet *t = telnet_of(s);
    struct stream *under = t->under;
    size_t done = 0;
    if (t->owes && !stream_write(under, twice, 1)) {
        return 0;
    }
    t->owes = false;

    while (done < n) {
        const uint8_t *iac = memchr(bytes + done, TELNET_IAC, n - done);
        const size_t plain = iac ? (size_t)(iac - (bytes + done)) : n - done;
        const size_t taken = stream_write(under, bytes + done, plain);
        done += taken;
        if (taken < plain || !iac) {
            return done;
        }
        const size_t sent = stream_write(under, twice, sizeof(twice));
        if (sent == 0) {
            return done;
        }
        done++;
        t->owes = sent == 1;
        if (t->owes) {
            return done;
        }
    }
    return done;
}

static void greet(struct stream_telnet *t)
{
    static const uint8_t words[] = {
        TELNET_IAC, TELNET_WILL, OPTION_ECHO,   TELNET_IAC, TELNET_WILL, OPTION_NO_GO_AHEAD,
        TELNET_IAC, TELNET_WILL, OPTION_BINARY, TELNET_IAC, TELNET_DO,   OPTION_BINARY,
    };
    t->state = DATA;
    stream_write(t->under, words, sizeof(words));
}

/* ---- input */

static bool is_data(struct stream_telnet *t, uint8_t c)
{
    t->state = c == '\r' ? RETURN : DATA;
    return true;
}

static void take_command(struct stream_telnet *t, uint8_t c)
{
    t->state = c >= TELNET_WILL ? OPTION : c == TELNET_SB ? DETAILS : DATA;
    if (c == TELNET_BREAK && t->reader.event) {
        t->reader.event(t->reader.opaque, STREAM_BREAK);
    }
}

/* Whether c is for the reader. */
static bool take_byte(struct stream_telnet *t, uint8_t c)
{
    switch (t->state) {
    case RETURN:
        if (c == 0) {
            t->state = DATA;
            return false;
        }
        /* fall through */
    case DATA:
        if (c != TELNET_IAC) {
            return is_data(t, c);
        }
        t->state = COMMAND;
        return false;
    case COMMAND:
        if (c == TELNET_IAC) {
            return is_data(t, c);
        }
        take_command(t, c);
        return false;
    case OPTION:
        t->state = DATA;
        return false;
    case DETAILS:
        t->state = c == TELNET_IAC ? DETAILS_COMMAND : DETAILS;
        return false;
    case DETAILS_COMMAND:
        t->state = c == TELNET_SE ? DATA : DETAILS;
        return false;
    }
    return false;
}

static size_t telnet_room(void *opaque)
{
    const struct stream_telnet *t = opaque;
    return t->reader.room ? t->reader.room(t->reader.opaque) : 0;
}

static void telnet_read(void *opaque, const uint8_t *bytes, size_t n)
{
    struct stream_telnet *t = opaque;
    uint8_t *data = mem_alloc(n);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (take_byte(t, bytes[i])) {
            data[count++] = bytes[i];
        }
    }
    if (count) {
        t->reader.read(t->reader.opaque, data, count);
    }
    mem_free(data);
}

static void telnet_event(void *opaque, enum stream_event e)
{
    struct stream_telnet *t = opaque;
    if (e == STREAM_OPENED) {
        greet(t);
    }
    if (t->reader.event) {
        t->reader.event(t->reader.opaque, e);
    }
}

/* ---- the stream */

static void telnet_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct stream_telnet *t = telnet_of(s);
    const struct stream_reader mine = {telnet_room, telnet_read, telnet_event, t};
    t->reader = r ? *r : (struct stream_reader){0};
    t->under->ops->set_reader(t->under, r ? &mine : NULL);
}

static void telnet_more_room(struct stream *s)
{
    telnet_of(s)->under->ops->more_room(telnet_of(s)->under);
}

static void telnet_close(struct stream *s)
{
    telnet_of(s)->under->ops->close(telnet_of(s)->under);
    mem_free(s);
}

static const struct stream_ops telnet_ops = {.write = telnet_write,
                                             .set_reader = telnet_set_reader,
                                             .more_room = telnet_more_room,
                                             .close = telnet_close};

struct stream *stream_telnet_open(struct stream *under)
{
    struct stream_telnet *t = mem_alloc(sizeof(*t));
    *t = (struct stream_telnet){.stream = {&telnet_ops}, .under = under};
    return &t->stream;
}
