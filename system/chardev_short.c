/* SPDX-License-Identifier: MIT */
/*
 * Short forms of back ends: what -serial, -monitor and -gdb take. Each is rewritten as the group
 * that -chardev takes, so that there is one way to open a stream.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "system/chardev.h"

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static void put_escaped(struct strbuf *out, const char *text)
{
    for (; *text; text++) {
        strbuf_puts(out, *text == ',' ? ",," : (char[]){*text, '\0'});
    }
}

/* ---- the rest of a form, behind its name, as items of the group */

/* "HOST:PORT" or "[V6]:PORT" in the n bytes at text, as two items with those names. */
static bool put_address(struct strbuf *out, const char *text, size_t n, const char *host_key,
                        const char *port_key)
{
    const char *colon = memrchr(text, ':', n);
    if (!colon || colon + 1 == text + n) {
        return false;
    }
    const char *host = text;
    size_t length = (size_t)(colon - text);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    strbuf_printf(out, ",%s=%.*s,%s=%.*s", host_key, (int)length, host, port_key,
                  (int)(text + n - colon - 1), colon + 1);
    return true;
}

static bool put_path(struct strbuf *out, const char *rest)
{
    strbuf_puts(out, ",path=");
    put_escaped(out, rest);
    return *rest;
}

/* "PATH[,items]", or all of it as items: "path=PATH,...". */
static bool put_unix(struct strbuf *out, const char *rest)
{
    strbuf_printf(out, ",%s%s", after(rest, "path=") ? "" : "path=", rest);
    return *rest;
}

/* "HOST:PORT[,items]", or all of it as items: "host=HOST,port=PORT,...". */
static bool put_tcp(struct strbuf *out, const char *rest)
{
    const size_t n = strcspn(rest, ",");
    if (after(rest, "host=") || after(rest, "port=")) {
        strbuf_printf(out, ",%s", rest);
        return true;
    }
    if (!put_address(out, rest, n, "host", "port")) {
        return false;
    }
    strbuf_puts(out, rest + n);
    return true;
}

/* "[HOST]:PORT[@[ADDRESS]:PORT]": the peer, and what is ours. */
static bool put_udp(struct strbuf *out, const char *rest)
{
    const size_t peer = strcspn(rest, "@");
    if (!put_address(out, rest, peer, "host", "port")) {
        return false;
    }
    const char *ours = rest + peer;
    return !*ours || put_address(out, ours + 1, strlen(ours + 1), "localaddr", "localport");
}

static bool put_device(struct strbuf *out, const char *rest)
{
    strbuf_puts(out, ",path=/dev/");
    put_escaped(out, rest);
    return *rest;
}

/* ---- the forms */

static const struct form {
    const char *name; /* all of it if it ends with no ':' or '/' */
    const char *group;
    bool (*put)(struct strbuf *out, const char *rest); /* NULL: nothing comes behind the name */
    const char *shown, *help;
} forms[] = {
    {"stdio", "stdio", NULL, "stdio", "the terminal, or standard input and output"},
    {NULL, NULL, NULL, "mon:stdio",
     "the same, shared with the monitor: ctrl-a c goes from one to the other"},
    {"null", "null", NULL, "null", "nothing is read, what is written is lost"},
    {NULL, NULL, NULL, "none", "there is no such line"},
    {"pty", "pty", NULL, "pty", "a pseudo-terminal, whose name is told"},
    {"pty:", "pty", put_path, "pty:PATH", "the same; PATH is a link to it"},
    {"file:", "file", put_path, "file:PATH", "what is written goes into a file"},
    {"pipe:", "pipe", put_path, "pipe:PATH", "PATH.in and PATH.out, or PATH for both"},
    {"unix:", "socket", put_unix, "unix:PATH",
     "a socket of the host; ,server=on,wait=off: it waits for peers"},
    {"tcp:", "socket", put_tcp, "tcp:HOST:PORT",
     "a connection; ,server=on,wait=off: it waits for peers"},
    {"telnet:", "socket,telnet=on", put_tcp, "telnet:HOST:PORT", "the same by the telnet protocol"},
    {"udp:", "udp", put_udp, "udp:HOST:PORT", "UDP datagrams; @ADDRESS:PORT behind it: from there"},
    {"/dev/", "serial", put_device, "/dev/NAME", "a serial line of the host"},
    {"testdev", "testdev", NULL, "testdev", "commands of kvm-unit-tests"},
    {NULL, NULL, NULL, "chardev:ID", "the back end of a -chardev"},
};

/* The long form of text; false if it is none that we know. */
static bool expand(const struct chardev_short *s, const char *text, struct strbuf *out)
{
    for (size_t i = 0; i < array_len(forms); i++) {
        const struct form *f = &forms[i];
        const char *rest = f->name ? after(text, f->name) : NULL;
        if (!rest || (!f->put && *rest)) {
            continue;
        }
        strbuf_puts(out, f->group);
        if (f->put && !f->put(out, rest)) {
            return false;
        }
        if (s->extra && after(f->group, "socket")) {
            strbuf_printf(out, ",%s", s->extra);
        }
        return true;
    }
    return false;
}

char *chardevs_short_help(const char *option)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "Back ends of %s:\n", option);
    for (size_t i = 0; i < array_len(forms); i++) {
        strbuf_printf(&s, "  %-17s %s\n", forms[i].shown, forms[i].help);
    }
    return strbuf_take(&s);
}

static bool bad_short(const struct chardev_short *s, struct error *e)
{
    static const char *const windows[] = {"vc", "msmouse", "wctablet", "braille"};
    for (size_t i = 0; i < array_len(windows); i++) {
        if (after(s->text, windows[i])) {
            return error_set(
                e, "%s %s: this build has no window; use stdio, mon:stdio, pty, or a socket",
                s->option, s->text);
        }
    }
    error_set(e, "%s %s: not a back end; accepted:", s->option, s->text);
    for (size_t i = 0; i < array_len(forms); i++) {
        error_append(e, "%s %s", i ? "," : "", forms[i].shown);
    }
    return false;
}

struct keyvals *chardev_short_group(const struct chardev_short *s, struct error *e)
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

const char *chardev_short_id(const struct chardev_short *s)
{
    return after(s->text, "chardev:");
}

bool chardevs_check_short(const struct chardev_short *s, struct error *e)
{
    if (chardev_short_id(s) || strcmp(s->text, "none") == 0) {
        return true;
    }
    struct keyvals *k = chardev_short_group(s, e);
    bool ok = k && chardevs_check(k, e);
    keyvals_free(k);
    return ok;
}
