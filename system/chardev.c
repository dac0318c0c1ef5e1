/* SPDX-License-Identifier: MIT */
/* Character back ends by id: see chardev.h. */
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
    struct power *power; /* NULL: no back end ends the machine */
    struct mux_actions actions;
    struct chardev *list; /* the latest first */
};

const struct chardev_kind *const chardev_kinds[] = {&chardev_file,
                                                    &chardev_null,
                                                    &chardev_pipe,
                                                    &chardev_pty,
                                                    &chardev_ringbuf,
                                                    &chardev_serial,
                                                    &chardev_socket,
                                                    &chardev_stdio,
                                                    &chardev_testdev,
                                                    &chardev_udp,
                                                    NULL};

/* Those that QEMU has and this build has not. */
static const struct {
    const char *name, *why;
} absent_kinds[] = {
    {"braille", "Braille displays are not driven"},
    {"dbus", "it needs a display by D-Bus"},
    {"hub", "several back ends of one line are not joined; mux=on joins several lines in one"},
    {"msmouse", "it needs a window"},
    {"mux", "mux=on of any other kind does that"},
    {"parallel", "parallel ports of the host are not driven"},
    {"qemu-vdagent", "it needs a window"},
    {"spiceport", "there is no SPICE server"},
    {"spicevmc", "there is no SPICE server"},
    {"vc", "there is no window; use stdio, pty or socket"},
    {"wctablet", "it needs a window"},
};

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

static void close_chardev(struct chardev *d)
{
    if (d->mux) {
        mux_destroy(d->mux);
    } else {
        d->stream->ops->set_reader(d->stream, NULL);
        d->stream->ops->close(d->stream);
    }
    keyvals_free(d->group);
    mem_free(d);
}

void chardevs_destroy(struct chardevs *c)
{
    while (c->list) {
        struct chardev *d = c->list;
        c->list = d->next;
        close_chardev(d);
    }
    mem_free(c);
}

void chardevs_power(struct chardevs *c, struct power *p)
{
    c->power = p;
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
    for (size_t i = 0; i < array_len(absent_kinds); i++) {
        if (strcmp(absent_kinds[i].name, kind) == 0) {
            return error_set(e, "%s: '%s' is not in this build: %s", k->where, kind,
                             absent_kinds[i].why);
        }
    }
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
    *c = (struct chardev_config){
        .wait = -1, .ipv4 = -1, .ipv6 = -1, .tight = 1, .keep_signals = true};
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
    d->config.power = c->power;
    d->stream = d->kind->open(&d->config, c->loop, e);
    if (!d->stream) {
        error_prefix(e, "%s: ", k->where);
        return false;
    }
    if (d->config.telnet) {
        d->stream = stream_telnet_open(d->stream);
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

/* ---- by a short form */

bool chardevs_add_short(struct chardevs *c, const struct chardev_short *s, const char **id,
                        struct error *e)
{
    const char *name = chardev_short_id(s);
    if (name) {
        struct chardev *d = find_chardev(c, name);
        *id = d ? d->config.id : NULL;
        return d ||
               error_set(e, "%s %s: there is no -chardev with id=%s", s->option, s->text, name);
    }
    struct keyvals *k = chardev_short_group(s, e);
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

struct stream *chardevs_find_ringbuf(struct chardevs *c, const char *id, struct error *e)
{
    const struct chardev *d = find_chardev(c, id);
    if (!d || !d->stream || !stream_is_ringbuf(d->stream)) {
        error_set(e, d ? "the back end '%s' is no ringbuf" : "there is no -chardev with id=%s", id);
        return NULL;
    }
    return d->stream;
}

void chardevs_leave(struct chardevs *c, const char *id, bool closes)
{
    struct chardev **at = &c->list;
    while (*at && strcmp((*at)->config.id, id) != 0) {
        at = &(*at)->next;
    }
    struct chardev *d = *at;
    if (d && closes) {
        *at = d->next;
        close_chardev(d);
    } else if (d) {
        d->users--;
    }
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
