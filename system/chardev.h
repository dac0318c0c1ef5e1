/* SPDX-License-Identifier: MIT */
/*
 * Character back ends: the kinds of byte stream that -chardev, -serial, -monitor and -gdb name, and
 * the set of those that the command line made, by id. Loop thread.
 */
#ifndef SYSTEM_CHARDEV_H
#define SYSTEM_CHARDEV_H

#include "base/cursor.h"
#include "base/loop.h"
#include "base/stream.h"
#include "system/keyval.h"
#include "system/mux.h"

/* The keys of all kinds; a kind's table says which are its own. */
struct chardev_config {
    const char *id, *backend;
    const char *path, *input_path, *host, *port;
    const char *log_file; /* NULL: none */
    bool server, nodelay, append, mux, log_append;
    int wait, ipv4, ipv6; /* -1: not given */
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
    chardev_pty, chardev_socket;
extern const struct chardev_kind *const chardev_kinds[]; /* ends with NULL */

/* under, which it owns, and all that is written to it in the file. NULL: it cannot be written. */
struct stream *stream_log_open(struct stream *under, const char *path, bool append,
                               struct error *e);

struct chardevs;

struct chardevs *chardevs_create(struct loop *l);

/* Closes all streams, what is pending being written first. */
void chardevs_destroy(struct chardevs *c);

/* What ctrl-a does on multiplexed back ends made from now on. */
void chardevs_actions(struct chardevs *c, const struct mux_actions *a);

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

/* Who is in front of each multiplexed back end, by its id, in a saved state. What is not there now
 * is passed over: back ends are the user's, and may be other ones. */
void chardevs_write(const struct chardevs *c, struct strbuf *out);
bool chardevs_read(struct chardevs *c, struct cursor *in, bool store, struct error *e);

/* One line a back end. */
void chardevs_describe(const struct chardevs *c, struct strbuf *out);

#endif
