/* SPDX-License-Identifier: MIT */
/* What -drive says about an image: keys and values as QEMU's users know them. */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"

static bool take_bool(bool *out, const char *key, const char *value, struct error *e)
{
    if (strcmp(value, "on") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0) {
        *out = true;
    } else if (strcmp(value, "off") == 0 || strcmp(value, "no") == 0 ||
               strcmp(value, "false") == 0) {
        *out = false;
    } else {
        return error_set(e, "%s=%s: 'on' or 'off' is accepted", key, value);
    }
    return true;
}

static bool take_text(char **out, const char *value)
{
    mem_free(*out);
    *out = mem_strdup(value);
    return true;
}

/* A value that must be one of n choices. */
static bool take_choice(char **out, const char *key, const char *value, const char *const *choices,
                        struct error *e)
{
    size_t n = 0;
    while (choices[n]) {
        if (strcmp(choices[n++], value) == 0) {
            return take_text(out, value);
        }
    }
    const char *near = error_nearest_name(value, choices, n);
    error_set(e, "%s=%s:", key, value);
    if (near) {
        error_append(e, " did you mean '%s'?", near);
    }
    error_append(e, " accepted are");
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s %s", i ? "," : "", choices[i]);
    }
    return false;
}

static const char *const cache_names[] = {"writeback",  "none",   "writethrough",
                                          "directsync", "unsafe", NULL};
static const char *const aio_names[] = {"io_uring", "threads", "native", NULL};
static const char *const discard_names[] = {"unmap", "on", "ignore", "off", NULL};
static const char *const detect_names[] = {"off", "on", "unmap", NULL};
static const char *const lock_names[] = {"auto", "on", "off", NULL};

/* The three switches behind cache=; each changes one of direct, write cache, flushes. */
static bool take_cache_switch(struct block_options *o, const char *key, const char *value,
                              struct error *e)
{
    bool on;
    if (!take_bool(&on, key, value, e)) {
        return false;
    }
    if (strcmp(key, "cache.direct") == 0) {
        o->cache_direct = on ? 1 : -1;
    } else if (strcmp(key, "cache.writeback") == 0) {
        o->cache_writeback = on ? 1 : -1;
    } else {
        o->cache_no_flush = on ? 1 : -1;
    }
    return true;
}

static bool take_lock(struct block_options *o, const char *key, const char *value, struct error *e)
{
    char *choice = NULL;
    bool good = take_choice(&choice, key, value, lock_names, e);
    o->no_lock = good && strcmp(choice, "off") == 0;
    mem_free(choice);
    return good;
}

static bool is(const char *key, const char *a, const char *b)
{
    return strcmp(key, a) == 0 || (b && strcmp(key, b) == 0);
}

/* Keys of nodes and drivers, and all below one: they are looked at when the driver is known. */
static bool is_of_node(const char *key)
{
    const struct block_driver *d;
    const struct block_option *o = block_common_options;
    size_t i = 0;
    do {
        for (; o && o->name; o++) {
            if (strcmp(o->name, key) == 0) {
                return true;
            }
        }
        d = block_driver_at(i++);
        o = d ? d->options : NULL;
    } while (d);
    return strchr(key, '.') && strncmp(key, "throttling.", 11) != 0;
}

/* Limits: throttling.bps-total and the older bps_rd_max. */
static char *limit_key(const char *key)
{
    static const struct {
        const char *old, *part;
    } parts[] = {{"_rd", "-read"}, {"_wr", "-write"}, {"", "-total"}};
    if (strncmp(key, "throttling.", 11) == 0) {
        return mem_strdup(key + 11);
    }
    size_t unit = strncmp(key, "bps", 3) == 0 ? 3 : strncmp(key, "iops", 4) == 0 ? 4 : 0;
    if (unit && strcmp(key + unit, "_size") == 0) {
        return mem_strdup("iops-size");
    }
    for (size_t i = 0; unit && i < array_len(parts); i++) {
        size_t n = strlen(parts[i].old);
        if (strncmp(key + unit, parts[i].old, n) == 0) {
            const char *rest = key + unit + n;
            bool max = strcmp(rest, "_max") == 0;
            return *rest && !max
                       ? NULL
                       : mem_printf("%.*s%s%s", (int)unit, key, parts[i].part, max ? "-max" : "");
        }
    }
    return NULL;
}

static bool take_limit(struct block_options *o, const char *key, const char *value, bool *known,
                       struct error *e)
{
    char *limit = is(key, "group", NULL) ? mem_strdup("group") : limit_key(key);
    *known = limit != NULL;
    bool good = true;
    if (limit && strcmp(limit, "group") == 0) {
        take_text(&o->throttle_group, value);
    } else if (limit) {
        struct block_graph *g = block_graph_create();
        good = block_throttle_set(g, key, limit, value, known, e);
        block_graph_destroy(g);
        o->throttle = o->throttle ? o->throttle : json_object();
        json_object_set_new(o->throttle, limit, json_string(value));
    }
    mem_free(limit);
    return good;
}

static bool take_for_node(struct block_options *o, const char *key, const char *value,
                          struct error *e)
{
    json_t *text = json_string(value);
    if (!text) {
        return error_set(e, "%s: its value is not UTF-8 text", key);
    }
    if (!o->tree) {
        o->tree = json_object();
    }
    return block_options_put(o->tree, key, text, e);
}

bool block_options_set(struct block_options *o, const char *key, const char *value, bool *known,
                       struct error *e)
{
    *known = true;
    if (is(key, "file", NULL)) {
        return take_text(&o->file, value);
    }
    if (is(key, "format", "driver")) {
        return take_text(&o->format, value);
    }
    if (is(key, "id", NULL)) {
        return take_text(&o->id, value);
    }
    if (is(key, "cache", NULL)) {
        return take_choice(&o->cache, key, value, cache_names, e);
    }
    if (is(key, "cache.direct", "cache.writeback") || is(key, "cache.no-flush", NULL)) {
        return take_cache_switch(o, key, value, e);
    }
    if (is(key, "aio", NULL)) {
        return take_choice(&o->aio, key, value, aio_names, e);
    }
    if (is(key, "discard", NULL)) {
        return take_choice(&o->discard, key, value, discard_names, e);
    }
    if (is(key, "detect-zeroes", NULL)) {
        return take_choice(&o->detect_zeroes, key, value, detect_names, e);
    }
    if (is(key, "locking", NULL)) {
        return take_lock(o, key, value, e);
    }
    if (is(key, "readonly", "read-only")) {
        return take_bool(&o->read_only, key, value, e);
    }
    if (is(key, "snapshot", NULL)) {
        return take_bool(&o->snapshot, key, value, e);
    }
    bool good = take_limit(o, key, value, known, e);
    if (*known || !good) {
        return good;
    }
    *known = is_of_node(key);
    return !*known || take_for_node(o, key, value, e);
}

void block_options_free(struct block_options *o)
{
    mem_free(o->id);
    mem_free(o->file);
    mem_free(o->format);
    mem_free(o->cache);
    mem_free(o->aio);
    mem_free(o->discard);
    mem_free(o->detect_zeroes);
    mem_free(o->throttle_group);
    json_decref(o->throttle);
    json_decref(o->tree);
    *o = (struct block_options){0};
}

/* ---- as a tree */

static bool equal(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

void block_options_mode(const struct block_options *o, struct block_mode *m, bool *writethrough)
{
    *m = (struct block_mode){
        .write = !o->read_only && !o->snapshot,
        .direct = equal(o->cache, "none") || equal(o->cache, "directsync"),
        .no_flush = equal(o->cache, "unsafe"),
        .discard = !equal(o->discard, "ignore") && !equal(o->discard, "off"),
        .no_lock = o->no_lock,
        .aio = !o->aio                    ? BLOCK_AIO_AUTO
               : equal(o->aio, "threads") ? BLOCK_AIO_THREADS
                                          : BLOCK_AIO_URING,
    };
    *writethrough = equal(o->cache, "writethrough") || equal(o->cache, "directsync");
    m->direct = o->cache_direct ? o->cache_direct > 0 : m->direct;
    *writethrough = o->cache_writeback ? o->cache_writeback < 0 : *writethrough;
    m->no_flush = o->cache_no_flush ? o->cache_no_flush > 0 : m->no_flush;
}

/* What file= says, below what file.KEY= say. */
static bool add_name(const struct block_options *o, json_t *tree, struct error *e)
{
    json_t *named = block_options_of_name(o->file, NULL, e);
    if (!named) {
        return false;
    }
    json_t *file = json_object_get(named, "file"), *more = json_object_get(tree, "file");
    if (json_is_object(file) && json_is_object(more)) {
        json_object_update(file, more);
        json_object_del(tree, "file");
    }
    json_object_update_missing(tree, named);
    json_decref(named);
    return true;
}

static json_t *below_filter(const char *driver, json_t *tree)
{
    json_t *filter = json_object();
    json_object_set_new(filter, "driver", json_string(driver));
    json_object_set_new(filter, "file", tree);
    return filter;
}

json_t *block_options_tree(const struct block_options *o, const char *group, struct error *e)
{
    json_t *tree = o->tree ? json_deep_copy(o->tree) : json_object();
    if (o->file && !add_name(o, tree, e)) {
        json_decref(tree);
        return NULL;
    }
    if (o->format) {
        json_object_set_new(tree, "driver", json_string(o->format));
    }
    if (o->detect_zeroes) {
        json_object_set_new(tree, "detect-zeroes", json_string(o->detect_zeroes));
    }
    if (o->copy_on_read) {
        tree = below_filter("copy-on-read", tree);
    }
    if (group) {
        tree = below_filter("throttle", tree);
        json_object_set_new(tree, "throttle-group", json_string(group));
    }
    return tree;
}
