/* SPDX-License-Identifier: MIT */
/*
 * Character back ends: the kinds of byte stream that -chardev, -serial, -monitor and -gdb name, and
 * the set of those that the command line made, by id. Loop thread.
 */
#ifndef SYSTEM_CHARDEV_H
#define SYSTEM_CHARDEV_H

#include "base/cursor.h"
#include "base/loop.h"
#include "base/power.h"
#include "base/stream.h"
#include "system/keyval.h"
#include "system/mux.h"

/* The keys of all kinds; a kind's table says which are its own. */
struct chardev_config {
    const char *id, *backend;
    const char *path, *input_path, *host, *port, *local_address, *local_port;
    const char *log_file; /* NULL: none */
    bool server, nodelay, append, mux, log_append, telnet;
    bool abstract;        /* a Unix socket's name is no file */
    int wait, ipv4, ipv6; /* -1: not given */
    int tight;            /* 0: the name of an abstract socket is padded */
    uint32_t to;          /* the last port that a server tries; 0: port= only */
    uint64_t size;        /* ringbuf */
    struct power *power;  /* testdev; not of the command line */
    bool keep_signals;    /* stdio: ctrl-c is a signal, not a character */
    uint32_t reconnect_s, reconnect_ms;
};

struct chardev_kind {
    const char *name;
    const char *help;
    const struct key_row *rows;
    /* A stream on the loop; the strings of c outlive it. NULL and an error that names what could
     * not be opened. */
    struct stream *(*open)(const struct chardev_config *c, struct loop *l, struct error *e);
};

extern const struct chardev_kind chardev_null, chardev_stdio, chardev_file, chardev_pipe,
    chardev_pty, chardev_ringbuf, chardev_serial, chardev_socket, chardev_testdev, chardev_udp;
extern const struct chardev_kind *const chardev_kinds[]; /* ends with NULL */

/* under, which it owns, and all that is written to it in the file. NULL: it cannot be written. */
struct stream *stream_log_open(struct stream *under, const char *path, bool append,
                               struct error *e);

/* The telnet protocol over under, which it owns. */
struct stream *stream_telnet_open(struct stream *under);

/* stream_ringbuf.c: takes up to n of the bytes that were written; hands n bytes to the reader as
 * far as it takes them. Both say how many; loop thread. */
bool stream_is_ringbuf(const struct stream *s);
size_t stream_ringbuf_take(struct stream *s, uint8_t *to, size_t n);
size_t stream_ringbuf_give(struct stream *s, const uint8_t *bytes, size_t n);

struct chardevs;

struct chardevs *chardevs_create(struct loop *l);

/* Closes all streams, what is pending being written first. */
void chardevs_destroy(struct chardevs *c);

/* What ctrl-a does on multiplexed back ends made from now on. */
void chardevs_actions(struct chardevs *c, const struct mux_actions *a);

/* Who ends the machine when a back end made from now on is asked to. */
void chardevs_power(struct chardevs *c, struct power *p);

/* Opens what a -chardev group says. The group is kept and becomes the set's. False: an error; the
 * group is freed. */
bool chardevs_add(struct chardevs *c, struct keyvals *k, struct error *e);

/*
 * Opens what the short form of -serial, -monitor and -gdb says ("stdio", "mon:stdio",
 * "tcp:HOST:PORT,server=on", ...) under the id, or finds the one that "chardev:ID" names. *id is
 * the back end's. option is for messages.
 */
struct chardev_short {
    const char *option; /* "-serial" */
    const char *text;   /* the argument */
    const char *id;     /* of a new back end */
    const char *extra;  /* further items for a socket ("server=on,wait=off"), or NULL */
};
bool chardevs_add_short(struct chardevs *c, const struct chardev_short *s, const char **id,
                        struct error *e);

/* chardev_short.c: the id behind "chardev:", or NULL; the group that any other form stands for, or
 * NULL and an error. */
const char *chardev_short_id(const struct chardev_short *s);
struct keyvals *chardev_short_group(const struct chardev_short *s, struct error *e);

/* What -serial and the like take; allocated. */
char *chardevs_short_help(const char *option);

/* Says what is wrong with the argument of -serial and the like, as far as it can be said without
 * opening anything. */
bool chardevs_check_short(const struct chardev_short *s, struct error *e);
/* The same of a -chardev group. */
bool chardevs_check(const struct keyvals *k, struct error *e);

/*
 * The stream of back end id for one more user: a multiplexed one has room for several, any other
 * for one. The stream stays the set's: its user calls set_reader(NULL) when done, never close. NULL
 * and an error if there is none of that id or it has a user.
 */
struct stream *chardevs_use(struct chardevs *c, const char *id, struct error *e);

/* The ringbuf of that id, for the monitor; NULL: e says why. */
struct stream *chardevs_find_ringbuf(struct chardevs *c, const char *id, struct error *e);

/* The user of back end id is gone, having called set_reader(NULL); with `closes` the back end is,
 * too.
 */
void chardevs_leave(struct chardevs *c, const char *id, bool closes);

/* Who is in front of each multiplexed back end, by its id, in a saved state. What is not there now
 * is passed over: back ends are the user's, and may be other ones. */
void chardevs_write(const struct chardevs *c, struct strbuf *out);
bool chardevs_read(struct chardevs *c, struct cursor *in, bool store, struct error *e);

/* One line a back end. */
void chardevs_describe(const struct chardevs *c, struct strbuf *out);

#endif
