/* SPDX-License-Identifier: MIT */
/* Drivers by name, and names of images as options. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "block/block_internal.h"
#include "block/drivers.h"

/* ---- drivers */

static const struct block_driver *const drivers[] = {
#define ROW(variable) &variable,
    BLOCK_DRIVERS(ROW)
#undef ROW
};

const struct block_driver *block_driver_at(size_t n)
{
    return n < array_len(drivers) ? drivers[n] : NULL;
}

const struct block_driver *block_driver_find(const char *name)
{
    for (size_t i = 0; i < array_len(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}

const struct block_driver *block_driver_named(const char *name, const char *where, struct error *e)
{
    const struct block_driver *d = block_driver_find(name);
    if (d) {
        return d;
    }
    const char *names[array_len(drivers)];
    for (size_t i = 0; i < array_len(drivers); i++) {
        names[i] = drivers[i]->name;
    }
    const char *near = error_nearest_name(name, names, array_len(drivers));
    error_set(e, "%s: format '%s' is not supported", where, name);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    error_append(e, "; accepted are");
    for (size_t i = 0; i < array_len(drivers); i++) {
        error_append(e, "%s %s", i ? "," : "", names[i]);
    }
    return NULL;
}

/* ---- names */

static const char *after(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

json_t *block_json_parse(const char *text, const char *where, struct error *e)
{
    json_error_t why;
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (o && json_is_object(o)) {
        return o;
    }
    error_set(e, "%s: %s", where, o ? "a JSON object {\"driver\": ...} is accepted" : why.text);
    if (!o) {
        error_append(e, " at character %d (JSON is accepted)", why.position);
    }
    json_decref(o);
    return NULL;
}

json_t *block_options_flat(json_t *nested)
{
    json_t *flat = json_object();
    const char *key;
    json_t *v;
    struct error e;
    json_object_foreach(nested, key, v)
    {
        if (strchr(key, '.')) {
            block_options_put(flat, key, json_incref(v), &e);
        } else {
            json_object_set(flat, key, v);
        }
    }
    json_decref(nested);
    return flat;
}

/* One KEY=VALUE of a list, up to its comma; ",," in it is a comma. Returns what is behind. */
static const char *next_item(const char *text, struct strbuf *item)
{
    strbuf_clear(item);
    for (; *text && (*text != ',' || text[1] == ','); text++) {
        text += *text == ',';
        strbuf_putc(item, *text);
    }
    return *text ? text + 1 : text;
}

static bool put_item(json_t *options, char *item, bool first, struct error *e)
{
    char *value = strchr(item, '=');
    if (!value && first) {
        json_object_set_new(options, "driver", json_string(item));
        return true;
    }
    if (!value || value == item) {
        return error_set(e, "'%s': KEY=VALUE is accepted", item);
    }
    *value++ = '\0';
    json_t *text = json_string(value);
    return text ? block_options_put(options, item, text, e)
                : error_set(e, "%s: its value is not UTF-8 text", item);
}

json_t *block_options_parse(const char *text, const char *where, struct error *e)
{
    if (text[0] == '{') {
        json_t *o = block_json_parse(text, where, e);
        return o ? block_options_flat(o) : NULL;
    }
    json_t *o = json_object();
    struct strbuf item = {0};
    bool good = true;
    for (const char *at = text; good && *at;) {
        bool first = at == text;
        at = next_item(at, &item);
        good = !item.len || put_item(o, item.text, first, e);
    }
    strbuf_free(&item);
    if (!good) {
        error_prefix(e, "%s: ", where);
        json_decref(o);
        return NULL;
    }
    return o;
}

static const struct block_driver *driver_of_prefix(const char *name, const char **rest)
{
    for (size_t i = 0; i < array_len(drivers); i++) {
        for (const char *const *p = drivers[i]->prefixes; p && *p; p++) {
            if ((*rest = after(name, *p))) {
                return drivers[i];
            }
        }
    }
    return NULL;
}

/* Protocols that QEMU has and this build has not: refused, or their names would be taken for those
 * of files. */
static bool is_built(const char *name, struct error *e)
{
    static const char *const tls[] = {"nbds:", "nbds+tcp:", "nbds+unix:"};
    static const char *const other[] = {
        "ssh://",          "sftp://",         "ftp://", "ftps://",    "tftp://",
        "iscsi://",        "iser://",         "nfs://", "gluster://", "gluster+tcp://",
        "gluster+unix://", "gluster+rdma://", "rbd:"};
    for (size_t i = 0; i < array_len(tls); i++) {
        if (after(name, tls[i])) {
            return error_set(e, "%s: NBD over TLS is not in this build; %.3s%s is accepted", name,
                             tls[i], tls[i] + 4);
        }
    }
    for (size_t i = 0; i < array_len(other); i++) {
        if (after(name, other[i])) {
            return error_set(e,
                             "%s: the protocol %.*s is not in this build (file:%s is a file of "
                             "that name)",
                             name, (int)strcspn(other[i], ":"), other[i], name);
        }
    }
    return true;
}

json_t *block_options_of_protocol(const char *name, struct error *e)
{
    const char *rest = after(name, "file:");
    if (!rest && !is_built(name, e)) {
        return NULL;
    }
    const struct block_driver *d = rest ? NULL : driver_of_prefix(name, &rest);
    json_t *o = json_object();
    if (!d) { /* file.c tells devices from files */
        json_object_set_new(o, "filename", json_string(rest ? rest : name));
        json_object_set_new(o, "driver", json_string("file"));
        if (!json_object_get(o, "filename")) {
            json_decref(o);
            error_set(e, "a file name is not UTF-8 text");
            return NULL;
        }
        return o;
    }
    json_object_set_new(o, "driver", json_string(d->name));
    if (!d->parse_name(rest, o, e)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *block_options_of_name(const char *name, const char *format, struct error *e)
{
    const char *json = after(name, "json:");
    json_t *o;
    if (json) {
        o = block_json_parse(json, "json:", e);
        if (o) {
            o = block_options_flat(o);
        }
    } else {
        json_t *file = block_options_of_protocol(name, e);
        o = file ? json_object() : NULL;
        if (o) {
            json_object_set_new(o, "file", file);
        }
    }
    if (o && format && !json_object_get(o, "driver")) {
        json_object_set_new(o, "driver", json_string(format));
    }
    return o;
}

struct block_node *block_node_open_name(struct block_graph *g, const char *name, const char *format,
                                        const struct block_mode *mode, struct error *e)
{
    json_t *o = block_options_of_name(name, format, e);
    struct block_node *n = o ? block_node_open(g, o, mode, e) : NULL;
    json_decref(o);
    return n;
}

/* A name that means the same from every folder. */
static bool is_absolute(const char *name)
{
    const char *rest;
    return name[0] == '/' || after(name, "json:") || driver_of_prefix(name, &rest);
}

char *block_name_beside_path(const char *image, const char *name)
{
    const char *slash = strrchr(image, '/');
    const char *rest = after(name, "file:");
    name = rest ? rest : name;
    if (is_absolute(name) || !slash) {
        return mem_strdup(name);
    }
    return mem_printf("%.*s/%s", (int)(slash - image), image, name);
}

char *block_name_beside(const struct block_node *n, const char *name)
{
    return block_name_beside_path(block_node_file(n), name);
}
