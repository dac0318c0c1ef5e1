/* SPDX-License-Identifier: MIT */
/*
 * Opening nodes: from a tree of options to a node with its children. What the image itself says
 * (its format, its backing file) comes in where the options are silent.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

/* Longer chains are taken for circles. */
#define DEPTH_MAX 200
#define HEAD_BYTES 4096

/* ---- options that every node has */

struct common {
    char *driver, *node_name;
    bool read_only, auto_read_only, force_share;
    int discard, detect_zeroes;
    json_t *cache;
};
struct cache {
    bool direct, no_flush;
};

static const char *const discard_names[] = {"ignore", "unmap", "off", "on", NULL};
static const char *const detect_names[] = {
    [BLOCK_DETECT_OFF] = "off", [BLOCK_DETECT_ON] = "on", [BLOCK_DETECT_UNMAP] = "unmap", NULL};

#define O(name_, type_, member, help_)                                                             \
    {                                                                                              \
        name_, type_, offsetof(struct common, member), NULL, help_, NULL, false                    \
    }
const struct block_option block_common_options[] = {
    O("driver", BLOCK_OPT_TEXT, driver, "format, filter or protocol"),
    O("node-name", BLOCK_OPT_TEXT, node_name, "name of the node"),
    O("read-only", BLOCK_OPT_BOOL, read_only, "it is not written"),
    O("auto-read-only", BLOCK_OPT_BOOL, auto_read_only,
      "read-only if the host lets it not be written"),
    O("force-share", BLOCK_OPT_BOOL, force_share, "others may write to it; only while read-only"),
    {"discard", BLOCK_OPT_CHOICE, offsetof(struct common, discard), NULL,
     "whether discards give room back", discard_names, false},
    {"detect-zeroes", BLOCK_OPT_CHOICE, offsetof(struct common, detect_zeroes), NULL,
     "whether writes of zeros are written as zeroes, or as discards", detect_names, false},
    O("cache", BLOCK_OPT_TREE, cache, "cache.direct=, cache.no-flush="),
    {0},
};
#undef O

static const struct block_option cache_options[] = {
    {"direct", BLOCK_OPT_BOOL, offsetof(struct cache, direct), NULL, "past the host's cache", NULL,
     false},
    {"no-flush", BLOCK_OPT_BOOL, offsetof(struct cache, no_flush), NULL, "flushes do nothing", NULL,
     false},
    {0},
};

static bool take_cache(struct block_mode *m, json_t *given, const char *where, struct error *e)
{
    struct cache c = {.direct = m->direct, .no_flush = m->no_flush};
    if (!block_options_take(cache_options, given, &c, where, e) ||
        !block_options_all_taken(given, cache_options, NULL, where, e)) {
        return false;
    }
    m->direct = c.direct;
    m->no_flush = c.no_flush;
    return true;
}

/* Takes the common options out of o; the mode they make is that of the node. */
static bool take_common(json_t *o, const struct block_mode *above, struct common *c,
                        struct block_mode *m, struct error *e)
{
    *m = *above;
    c->read_only = !above->write;
    c->discard = above->discard;
    c->force_share = above->no_lock;
    if (!block_options_take(block_common_options, o, c, "block device", e) ||
        (c->cache && !take_cache(m, c->cache, "cache", e))) {
        return false;
    }
    m->write = !c->read_only;
    m->discard = c->discard & 1;
    m->no_lock = c->force_share;
    if (c->detect_zeroes == BLOCK_DETECT_UNMAP && !m->discard) {
        return error_set(e, "detect-zeroes=unmap needs discard=unmap");
    }
    if (c->force_share && m->write && !above->no_lock) {
        return error_set(e, "force-share=on needs read-only=on");
    }
    return true;
}

/* ---- children */

static void add_child(struct block_node *n, const char *name, struct block_node *node,
                      struct block_use *use)
{
    n->children = mem_resize_array(n->children, n->child_count + 1, sizeof(*n->children));
    n->children[n->child_count++] = (struct block_child){mem_strdup(name), node, use};
}

bool block_child_attach(struct block_node *n, const char *name, struct block_node *node,
                        unsigned does, unsigned lets, struct error *e)
{
    char *who = mem_printf("the %s node '%s'", n->driver->name, n->name);
    struct block_use *use = block_use_begin(node, who, does, lets, e);
    mem_free(who);
    if (use) {
        add_child(n, name, node, use);
    }
    return use != NULL;
}

/* By a node's name, or by options. The caller has a reference. */
static struct block_node *open_spec(struct block_node *n, const json_t *spec,
                                    const struct block_mode *mode, struct error *e)
{
    struct block_node *child;
    if (json_is_string(spec)) {
        child = block_graph_find(n->graph, json_string_value(spec));
        if (!child || !child->opened) { /* it may be the very node that is being opened */
            error_set(e, "there is no node '%s'", json_string_value(spec));
            return NULL;
        }
        block_node_ref(child);
        return child;
    }
    if (!json_is_object(spec)) {
        error_set(e, "the name of a node, or its options, are accepted");
        return NULL;
    }
    if (n->depth >= DEPTH_MAX) {
        error_set(e, "%s: more than %d images stand on each other; is it its own backing file?",
                  block_node_file(n), DEPTH_MAX);
        return NULL;
    }
    return block_node_open_at(n->graph, spec, mode, n->depth + 1, e);
}

struct perms {
    unsigned does, lets;
};

static bool child_of_spec(struct block_node *n, const char *name, const json_t *spec,
                          const struct block_mode *mode, struct perms p, struct error *e)
{
    struct block_node *child = open_spec(n, spec, mode, e);
    bool good = child && block_child_attach(n, name, child, p.does, p.lets, e);
    block_node_close(child); /* its use holds it */
    return good;
}

/* What a format does with its files, and lets be done. */
static unsigned format_does(const struct block_node *n)
{
    return n->mode.write ? BLOCK_PERM_ALL : BLOCK_PERM_READ;
}

static bool open_file(struct block_node *n, const json_t *spec, struct error *e)
{
    struct block_mode m = n->mode;
    m.discard = true; /* whether to discard is decided above */
    if (!child_of_spec(n, "file", spec, &m, (struct perms){0, BLOCK_PERM_ALL}, e)) {
        return false;
    }
    n->file = n->children[0].node;
    mem_free(n->file_name);
    n->file_name = mem_strdup(block_node_file(n->file));
    if (n->mode.write && !n->file->mode.write) {
        n->mode.write = false;
        return n->auto_read_only ||
               error_set(e, "%s is read-only: what stands on it needs read-only=on",
                         block_node_file(n)[0] ? block_node_file(n) : n->file->name);
    }
    return true;
}

/* An image may be anybody's: it has no word in which servers and folders of the host are opened. */
static bool is_file_name(const char *name)
{
    struct error ignored;
    json_t *spec = block_options_of_protocol(name, &ignored);
    const char *driver = json_string_value(json_object_get(spec, "driver"));
    const bool is_file = driver && strcmp(driver, "file") == 0;
    json_decref(spec);
    return is_file;
}

struct block_node *block_child_open(struct block_node *n, const char *name,
                                    const char *default_name, unsigned does, unsigned lets,
                                    struct error *e)
{
    json_t *spec = json_incref(json_object_get(n->options, name));
    struct block_mode m = n->mode;
    m.discard = true;
    if (!spec && default_name && !is_file_name(default_name)) {
        error_set(
            e,
            "the image names '%s', which is no file: where that is meant, %s.driver= and what "
            "else it needs say so",
            default_name, name);
    } else if (!spec && default_name) {
        char *beside = block_name_beside(n, default_name);
        spec = block_options_of_protocol(beside, e);
        mem_free(beside);
    } else if (!spec) {
        error_set(e, "%s: %s= is missing", block_node_file(n), name);
    }
    bool good = spec && child_of_spec(n, name, spec, &m, (struct perms){does, lets}, e);
    json_decref(spec);
    return good ? n->children[n->child_count - 1].node : NULL;
}

/* ---- backing files */

/* The image's own word for its backing file, with what the options add. */
static json_t *backing_spec(const struct block_node *n, const json_t *given, struct error *e)
{
    if (json_is_string(given)) {
        return json_incref((json_t *)(uintptr_t)given);
    }
    if (!n->backing_file || json_object_get(given, "file") || json_object_get(given, "filename")) {
        return given ? json_deep_copy(given) : NULL;
    }
    char *beside = block_name_beside(n, n->backing_file);
    json_t *spec = block_options_of_name(beside, n->backing_format, e);
    mem_free(beside);
    if (spec && given) {
        json_t *more = json_deep_copy(given);
        json_object_update(spec, more);
        json_decref(more);
    }
    return spec;
}

static bool open_backing(struct block_node *n, const json_t *given, struct error *e)
{
    struct block_mode m = n->mode;
    m.write = false;
    if (json_is_null(given) || (!given && (!n->backing_file || n->mode.no_backing))) {
        return true;
    }
    json_t *spec = backing_spec(n, given, e);
    bool good = spec && child_of_spec(n, "backing", spec, &m,
                                      (struct perms){BLOCK_PERM_READ, BLOCK_PERM_READ}, e);
    json_decref(spec);
    if (!good) {
        if (strncmp(e->text, "the backing file of ", 20) != 0) { /* of a long chain the last one */
            error_prefix(e, "the backing file of %s: ", block_node_file(n));
        }
        return false;
    }
    n->backing = n->children[n->child_count - 1].node;
    return true;
}

/* ---- formats by looking */

static const struct block_driver *look(struct block_node *file, struct error *e)
{
    uint8_t head[HEAD_BYTES] = {0};
    uint64_t size = block_node_size(file);
    size_t n = size < sizeof(head) ? (size_t)size : sizeof(head);
    int status = block_node_read(file, 0, head, n);
    if (status < 0) {
        error_set(e, "%s cannot be read: %s", block_node_file(file), strerror(-status));
        return NULL;
    }
    const struct block_driver *best = NULL, *d;
    int sure = 0;
    for (size_t i = 0; (d = block_driver_at(i)); i++) {
        int score = d->probe ? d->probe(head, n, block_node_file(file)) : 0;
        if (score > sure) {
            sure = score;
            best = d;
        }
    }
    const char *foreign = block_probe_foreign(head, n);
    if (foreign && !block_driver_find(foreign)) {
        error_set(e,
                  "%s is a %s image, a format that is not supported (format=raw takes its bytes "
                  "for the disk's)",
                  block_node_file(file), foreign);
        return NULL;
    }
    return best;
}

/* ---- nodes */

static bool name_node(struct block_node *n, const char *name, struct error *e)
{
    if (!name) {
        n->name = mem_printf("#block%u", atomic_add(&n->graph->names, 1));
        return true;
    }
    if (!*name || *name == '#' || strlen(name) > 31) {
        n->name = mem_strdup("");
        return error_set(
            e, "node-name=%s: 1 to 31 characters that do not begin with # are accepted", name);
    }
    bool taken = block_graph_find(n->graph, name) != NULL;
    n->name = mem_strdup(taken ? "" : name);
    return !taken || error_set(e, "node-name=%s: there is a node of that name already", name);
}

/* n has its driver, name, mode and file; o the options that are left. */
static bool open_driver(struct block_node *n, json_t *o, struct error *e)
{
    const struct block_driver *d = n->driver;
    json_t *backing = json_incref(json_object_get(o, "backing"));
    char *where = mem_printf("%s", d->name);
    json_object_del(o, "backing");
    bool good = block_options_take(d->options, o, n->state, where, e);
    if (good && n->file && !d->passes_uses) {
        unsigned lets = n->mode.no_lock ? BLOCK_PERM_ALL : BLOCK_PERM_READ;
        good = block_use_change(n->children[0].use, format_does(n), lets, e);
    }
    if (d->kind == BLOCK_FILTER) {
        n->follows = true;
        n->grows = n->file->grows;
    }
    good = good && d->open(n, e);
    /* Keys with the names of children are theirs. */
    for (size_t i = 0; i < n->child_count; i++) {
        json_object_del(o, n->children[i].name);
    }
    good = good && block_options_all_taken(o, d->options, block_common_options, where, e) &&
           open_backing(n, backing, e);
    json_decref(backing);
    mem_free(where);
    n->tracked = d->map && n->mode.write && !n->linear;
    return good;
}

/* Another filter or format stands on the file. */
static struct block_node *open_on_file(json_t *o, const char *driver, struct block_node *n,
                                       struct error *e)
{
    const char *key = n->driver->file_key ? n->driver->file_key : "file";
    const json_t *spec = json_object_get(o, key);
    if (!spec) {
        error_set(e, "%s: %s= is missing", driver ? driver : "the disk", key);
        return NULL;
    }
    if (!open_file(n, spec, e)) {
        return NULL;
    }
    json_object_del(o, key);
    const struct block_driver *d = driver ? n->driver : look(n->file, e);
    if (!d) {
        return NULL;
    }
    if (n->driver != d) {
        mem_free(n->state);
        n->state = mem_alloc(d->state_bytes);
        n->driver = d;
    }
    return n;
}

static const struct block_driver block_unknown_driver = {.name = "image"};

static struct block_node *open_with(struct block_graph *g, json_t *o, const struct common *c,
                                    const struct block_mode *m, unsigned depth, struct error *e)
{
    const struct block_driver *d = &block_unknown_driver;
    if (c->driver && !(d = block_driver_named(c->driver, "driver", e))) {
        return NULL;
    }
    struct block_node *n = block_node_new(g, d);
    n->mode = *m;
    n->depth = depth;
    n->detect_zeroes = (unsigned char)c->detect_zeroes;
    n->auto_read_only = c->auto_read_only;
    n->options = json_deep_copy(o);
    bool good = name_node(n, c->node_name, e);
    if (good && (!c->driver || d->kind != BLOCK_PROTOCOL)) {
        good = open_on_file(o, c->driver, n, e) != NULL;
    }
    good = good && open_driver(n, o, e);
    n->opened = good;
    if (!good) {
        block_node_close(n);
        return NULL;
    }
    return n;
}

/* Options of a protocol by a name alone: {"filename": "nbd://..."}. */
static bool expand_name(json_t *o, struct error *e)
{
    const char *name = json_string_value(json_object_get(o, "filename"));
    if (json_object_get(o, "driver") || !name) {
        return true;
    }
    json_t *parsed = block_options_of_protocol(name, e);
    if (!parsed) {
        return false;
    }
    json_object_del(o, "filename");
    json_object_update(parsed, o);
    json_object_update(o, parsed);
    json_decref(parsed);
    return true;
}

struct block_node *block_node_open_at(struct block_graph *g, const json_t *options,
                                      const struct block_mode *mode, unsigned depth,
                                      struct error *e)
{
    json_t *o = json_deep_copy(options);
    struct common c = {0};
    struct block_mode m;
    struct block_node *n = NULL;
    if (expand_name(o, e) && take_common(o, mode, &c, &m, e)) {
        n = open_with(g, o, &c, &m, depth, e);
    }
    block_options_release(block_common_options, &c);
    json_decref(o);
    return n;
}

struct block_node *block_node_open(struct block_graph *g, const json_t *options,
                                   const struct block_mode *mode, struct error *e)
{
    return block_node_open_at(g, options, mode, 0, e);
}

/* ---- later */

static void set_write(struct block_node *n, bool write)
{
    n->mode.write = write;
    n->tracked = n->driver->map && write && !n->linear;
}

bool block_node_reopen(struct block_node *n, bool write, struct error *e)
{
    struct error ignored;
    if (n->mode.write == write) {
        return true;
    }
    if (!write && block_node_flush(n) < 0) {
        return error_set(e, "%s: it cannot be flushed", block_node_file(n));
    }
    if (write && n->file && !block_node_reopen(n->file, true, e)) {
        return false;
    }
    set_write(n, write);
    bool good = true;
    if (write && n->file && !n->driver->passes_uses) {
        good = block_use_change(n->children[0].use, BLOCK_PERM_ALL, BLOCK_PERM_READ, e);
    }
    if (good && n->driver->reopen && !n->driver->reopen(n, write, e)) {
        good = false;
    }
    if (!good) {
        set_write(n, !write);
    } else if (!write && n->file) {
        if (!n->driver->passes_uses) {
            block_use_change(n->children[0].use, BLOCK_PERM_READ, BLOCK_PERM_READ, &ignored);
        }
        block_node_reopen(n->file, false, &ignored);
    }
    return good;
}

bool block_node_replace_backing(struct block_node *n, struct block_node *backing, struct error *e)
{
    if (backing &&
        !block_child_attach(n, "backing", backing, BLOCK_PERM_READ, BLOCK_PERM_READ, e)) {
        return false;
    }
    for (size_t i = 0; n->backing && i < n->child_count; i++) {
        if (n->children[i].node == n->backing) {
            block_use_end(n->children[i].use);
            mem_free(n->children[i].name);
            memmove(&n->children[i], &n->children[i + 1],
                    (n->child_count - i - 1) * sizeof(n->children[0]));
            n->child_count--;
            break;
        }
    }
    n->backing = backing;
    return true;
}
