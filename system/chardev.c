/* SPDX-License-Identifier: MIT */
/*
 * Character back ends by id, and their short forms: see chardev.h. A short form is rewritten as the
 * group that -chardev takes, so that there is one way to open a stream.
 */
#include "system/chardev.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/fields.h"
#include "base/mem.h"

struct chardev {
    struct chardev *next;
    struct chardev_config config;
    struct keyvals *group; /* owns the strings of config */
    const struct chardev_kind *kind;
    struct stream *stream; /* NULL: the multiplexer has it */
    struct mux *mux;
    unsigned users;
};

struct chardevs {
    struct loop *loop;
    struct mux_actions actions;
    struct chardev *list; /* the latest first */
};

const struct chardev_kind *const chardev_kinds[] = {&chardev_file, &chardev_null,   &chardev_pipe,
                                                    &chardev_pty,  &chardev_socket, &chardev_stdio,
                                                    NULL};

static const struct key_row common_rows[] = {
    {"backend", KEY_TEXT, offsetof(struct chardev_config, backend), "the kind", NULL},
    {"id", KEY_TEXT, offsetof(struct chardev_config, id), "name for -serial, -monitor, -device",
     NULL},
    {"mux", KEY_BOOL, offsetof(struct chardev_config, mux),
     "several users share it; ctrl-a h lists the keys (off)", NULL},
    {"logfile", KEY_TEXT, offsetof(struct chardev_config, log_file),
     "file that what is written goes to as well", NULL},
    {"logappend", KEY_BOOL, offsetof(struct chardev_config, log_append),
     "keep what that file holds (off)", NULL},
    {0}};

struct chardevs *chardevs_create(struct loop *l)
{
    struct chardevs *c = mem_alloc(sizeof(*c));
    c->loop = l;
    c->actions.escape = 1;
    return c;
}

void chardevs_destroy(struct chardevs *c)
{
    while (c->list) {
        struct chardev *d = c->list;
        c->list = d->next;
        if (d->mux) {
            mux_destroy(d->mux);
        } else {
            d->stream->ops->set_reader(d->stream, NULL);
            d->stream->ops->close(d->stream);
        }
        keyvals_free(d->group);
        mem_free(d);
    }
    mem_free(c);
}

void chardevs_actions(struct chardevs *c, const struct mux_actions *a)
{
    c->actions = *a;
}

static struct chardev *find_chardev(const struct chardevs *c, const char *id)
{
    struct chardev *d = c->list;
    while (d && strcmp(d->config.id, id) != 0) {
        d = d->next;
    }
    return d;
}

static bool no_such_kind(const struct keyvals *k, const char *kind, struct error *e)
{
    const char *names[16];
    size_t n = 0;
    while (chardev_kinds[n]) {
        names[n] = chardev_kinds[n]->name;
        n++;
    }
    names[n] = NULL;
    error_set(e, "%s: there is no '%s' back end in this build", k->where, kind);
    keyval_choices(e, kind, names);
    return false;
}

static const struct chardev_kind *find_kind(const char *name)
{
    for (size_t i = 0; chardev_kinds[i]; i++) {
        if (strcmp(chardev_kinds[i]->name, name) == 0) {
            return chardev_kinds[i];
        }
    }
    return NULL;
}

/* Reads the group by its kind's table. */
static bool read_group(const struct keyvals *k, const struct chardev_kind **kind,
                       struct chardev_config *c, struct error *e)
{
    const char *name = keyvals_get(k, "backend");
    if (!name) {
        return error_set(e, "%s: the kind is missing", k->where);
    }
    *kind = find_kind(name);
    if (!*kind) {
        return no_such_kind(k, name, e);
    }
    *c = (struct chardev_config){.wait = -1, .ipv4 = -1, .ipv6 = -1, .keep_signals = true};
    return keyvals_apply(k, (*kind)->rows, common_rows, c, e) &&
           keyvals_apply(k, common_rows, (*kind)->rows, c, e) &&
           (c->id || error_set(e, "%s: id= is missing", k->where));
}

bool chardevs_check(const struct keyvals *k, struct error *e)
{
    const struct chardev_kind *kind;
    struct chardev_config c;
    return read_group(k, &kind, &c, e);
}

static bool open_group(struct chardevs *c, struct chardev *d, struct error *e)
{
    const struct keyvals *k = d->group;
    if (!read_group(k, &d->kind, &d->config, e)) {
        return false;
    }
    if (find_chardev(c, d->config.id)) {
        return error_set(e, "%s: the id '%s' is taken", k->where, d->config.id);
    }
    d->stream = d->kind->open(&d->config, c->loop, e);
    if (!d->stream) {
        error_prefix(e, "%s: ", k->where);
        return false;
    }
    if (d->config.log_file) {
        struct stream *log = stream_log_open(d->stream, d->config.log_file, d->config.log_append,
                                             e);
        if (!log) {
            d->stream->ops->close(d->stream);
            error_prefix(e, "%s: ", k->where);
            return false;
        }
        d->stream = log;
    }
    if (d->config.mux) {
        d->mux = mux_create(d->stream, c->loop, &c->actions);
        d->stream = NULL;
    }
    return true;
}

bool chardevs_add(struct chardevs *c, struct keyvals *k, struct error *e)
{
    struct chardev *d = mem_alloc(sizeof(*d));
    d->group = k;
    if (!open_group(c, d, e)) {
        keyvals_free(k);
        mem_free(d);
        return false;
    }
    d->next = c->list;
    c->list = d;
    return true;
}

/* ---- short forms */

/* "HOST:PORT[,items]" or "[V6]:PORT[,items]" as items of a socket. */
static bool short_tcp(const char *text, struct strbuf *out)
{
    size_t all = strcspn(text, ",");
    const char *colon = memrchr(text, ':', all);
    if (!colon || colon + 1 == text + all) {
        return false;
    }
    const char *host = text;
    size_t n = (size_t)(colon - text);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    strbuf_printf(out, "socket,host=%.*s,port=%.*s%s", (int)n, host, (int)(text + all - colon - 1),
                  colon + 1, text + all);
    return true;
}

static void put_escaped(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        strbuf_puts(out, *text == ',' ? ",," : (char[]){*text, '\0'});
    }
}

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* The long form of text; false if it is none that we know. */
static bool expand(const struct chardev_short *s, const char *text, struct strbuf *out)
{
    const char *rest;
    if (strcmp(text, "null") == 0 || strcmp(text, "stdio") == 0 || strcmp(text, "pty") == 0) {
        strbuf_puts(out, text);
    } else if ((rest = after(text, "file:")) || (rest = after(text, "pipe:"))) {
        strbuf_printf(out, "%.4s,path=", text);
        put_escaped(out, rest);
    } else if ((rest = after(text, "unix:"))) {
        strbuf_printf(out, "socket,path=%s", rest);
    } else if ((rest = after(text, "tcp:"))) {
        if (!short_tcp(rest, out)) {
            return false;
        }
    } else {
        return false;
    }
    if (s->extra && after(strbuf_text(out), "socket")) {
        strbuf_printf(out, ",%s", s->extra);
    }
    return true;
}

char *chardevs_short_help(const char *option)
{
    static const char *const rows[][2] = {
        {"stdio", "the terminal, or standard input and output"},
        {"mon:stdio", "the same, shared with the monitor: ctrl-a c goes from one to the other"},
        {"null", "nothing is read, what is written is lost"},
        {"none", "there is no such line"},
        {"pty", "a pseudo-terminal, whose name is told"},
        {"file:PATH", "what is written goes into a file"},
        {"pipe:PATH", "PATH.in and PATH.out, or PATH for both"},
        {"unix:PATH", "a socket of the host; ,server=on,wait=off: it waits for peers"},
        {"tcp:HOST:PORT", "a connection; ,server=on,wait=off: it waits for peers"},
        {"chardev:ID", "the back end of a -chardev"},
    };
    struct strbuf s = {0};
    strbuf_printf(&s, "Back ends of %s:\n", option);
    for (size_t i = 0; i < array_len(rows); i++) {
        strbuf_printf(&s, "  %-14s %s\n", rows[i][0], rows[i][1]);
    }
    return strbuf_take(&s);
}

static bool bad_short(const struct chardev_short *s, struct error *e)
{
    if (strncmp(s->text, "vc", 2) == 0) {
        return error_set(e,
                         "%s %s: this build has no window; use stdio, mon:stdio, pty, or a socket",
                         s->option, s->text);
    }
    return error_set(
        e,
        "%s %s: not a back end; accepted: stdio, mon:stdio, null, none, pty, file:PATH, "
        "pipe:PATH, unix:PATH, tcp:HOST:PORT (both with ,server=on,wait=off), chardev:ID",
        s->option, s->text);
}

/* The group that the short form stands for, or NULL and an error. */
static struct keyvals *long_form(const struct chardev_short *s, struct error *e)
{
    const char *behind_mon = after(s->text, "mon:");
    const char *text = behind_mon ? behind_mon : s->text;
    struct strbuf full = {0};
    if (!expand(s, text, &full)) {
        strbuf_free(&full);
        bad_short(s, e);
        return NULL;
    }
    struct keyvals *k = keyvals_parse(s->option, strbuf_text(&full), "backend", e);
    strbuf_free(&full);
    if (!k) {
        return NULL;
    }
    mem_free(k->where);
    k->where = mem_printf("%s %s", s->option, s->text);
    keyvals_set(k, "id", s->id);
    if (behind_mon) {
        keyvals_set(k, "mux", "on");
        if (strcmp(text, "stdio") == 0) {
            keyvals_set(k, "signal", "off"); /* ctrl-c is the guest's; ctrl-a x ends */
        }
    }
    return k;
}

bool chardevs_check_short(const struct chardev_short *s, struct error *e)
{
    if (after(s->text, "chardev:") || strcmp(s->text, "none") == 0) {
        return true;
    }
    struct keyvals *k = long_form(s, e);
    bool ok = k && chardevs_check(k, e);
    keyvals_free(k);
    return ok;
}

bool chardevs_add_short(struct chardevs *c, const struct chardev_short *s, const char **id,
                        struct error *e)
{
    const char *name = after(s->text, "chardev:");
    if (name) {
        struct chardev *d = find_chardev(c, name);
        *id = d ? d->config.id : NULL;
        return d ||
               error_set(e, "%s %s: there is no -chardev with id=%s", s->option, s->text, name);
    }
    struct keyvals *k = long_form(s, e);
    if (!k || !chardevs_add(c, k, e)) {
        return false;
    }
    *id = c->list->config.id;
    return true;
}

/* ---- users */

struct stream *chardevs_use(struct chardevs *c, const char *id, struct error *e)
{
    struct chardev *d = find_chardev(c, id);
    if (!d) {
        error_set(e, "there is no -chardev with id=%s", id);
        return NULL;
    }
    struct stream *s = d->stream;
    if (d->mux) {
        s = mux_port(d->mux);
    } else if (d->users) {
        s = NULL;
    }
    if (!s) {
        error_set(e, "the back end '%s' has %s; with mux=on up to 8 users share one", id,
                  d->mux ? "too many users" : "a user already");
        return NULL;
    }
    d->users++;
    return s;
}

void chardevs_describe(const struct chardevs *c, struct strbuf *out)
{
    for (const struct chardev *d = c->list; d; d = d->next) {
        strbuf_printf(out, "%s: %s%s, %u user%s\n", d->config.id, d->kind->name,
                      d->mux ? " (mux)" : "", d->users, d->users == 1 ? "" : "s");
    }
}

/* ---- state */

void chardevs_write(const struct chardevs *c, struct strbuf *out)
{
    uint32_t n = 0;
    for (const struct chardev *d = c->list; d; d = d->next) {
        n += d->mux != NULL;
    }
    fields_put_u32(out, n);
    for (const struct chardev *d = c->list; d; d = d->next) {
        if (d->mux) {
            fields_put_text(out, d->config.id);
            fields_put_u32(out, mux_front(d->mux));
        }
    }
}

bool chardevs_read(struct chardevs *c, struct cursor *in, bool store, struct error *e)
{
    uint32_t n, front;
    bool good = cursor_le32(in, &n);
    for (uint32_t i = 0; good && i < n; i++) {
        char id[256];
        good = fields_take_text(in, id, sizeof(id)) && cursor_le32(in, &front);
        struct chardev *d = good && store ? find_chardev(c, id) : NULL;
        if (d && d->mux) {
            mux_set_front(d->mux, front);
        }
    }
    return good || error_set(e, "it ends too early");
}
