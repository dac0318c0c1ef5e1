/* SPDX-License-Identifier: MIT */
/* What -drive says about an image: keys and values as QEMU's users know them. */
#include <string.h>

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

bool block_options_set(struct block_options *o, const char *key, const char *value, bool *known,
                       struct error *e)
{
    *known = true;
    if (is(key, "file", "file.filename")) {
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
    if (is(key, "aio", "file.aio")) {
        return take_choice(&o->aio, key, value, aio_names, e);
    }
    if (is(key, "discard", NULL)) {
        return take_choice(&o->discard, key, value, discard_names, e);
    }
    if (is(key, "detect-zeroes", NULL)) {
        return take_choice(&o->detect_zeroes, key, value, detect_names, e);
    }
    if (is(key, "locking", "file.locking")) {
        return take_lock(o, key, value, e);
    }
    if (is(key, "readonly", "read-only")) {
        return take_bool(&o->read_only, key, value, e);
    }
    if (is(key, "snapshot", NULL)) {
        return take_bool(&o->snapshot, key, value, e);
    }
    *known = false;
    return true;
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
    *o = (struct block_options){0};
}

static bool equal(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* detect-zeroes=unmap without discard=unmap: as in QEMU, refused. */
bool block_mode_parse(const struct block_options *o, struct block_mode *m, struct error *e)
{
    *m = (struct block_mode){
        .direct = equal(o->cache, "none") || equal(o->cache, "directsync"),
        .dsync = equal(o->cache, "writethrough") || equal(o->cache, "directsync"),
        .no_flush = equal(o->cache, "unsafe"),
        .discard = !equal(o->discard, "ignore") && !equal(o->discard, "off"),
        .aio = !o->aio                    ? BLOCK_AIO_AUTO
               : equal(o->aio, "threads") ? BLOCK_AIO_THREADS
                                          : BLOCK_AIO_URING,
        .detect = equal(o->detect_zeroes, "on")      ? BLOCK_DETECT_ON
                  : equal(o->detect_zeroes, "unmap") ? BLOCK_DETECT_UNMAP
                                                     : BLOCK_DETECT_OFF,
    };
    m->direct = o->cache_direct ? o->cache_direct > 0 : m->direct;
    m->dsync = o->cache_writeback ? o->cache_writeback < 0 : m->dsync;
    m->no_flush = o->cache_no_flush ? o->cache_no_flush > 0 : m->no_flush;
    if (m->detect == BLOCK_DETECT_UNMAP && !m->discard) {
        return error_set(e, "detect-zeroes=unmap needs discard=unmap");
    }
    return true;
}
