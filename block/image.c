/* SPDX-License-Identifier: MIT */
/* Images as a whole: what their drivers can do beside reading and writing, and making them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

const char *const block_prealloc_names[] = {"off", "metadata", "falloc", "full", NULL};

/* ---- what a driver may be able to do */

static bool cannot(const struct block_node *n, const char *what, struct error *e)
{
    return error_set(e, "%s: the format '%s' has no %s", block_node_file(n), n->driver->name, what);
}

bool block_node_info(struct block_node *n, json_t *facts, struct error *e)
{
    const int64_t allocated = block_node_allocated(n);
    json_object_set_new(facts, "filename", json_string(block_node_file(n)));
    json_object_set_new(facts, "format", json_string(n->driver->name));
    json_object_set_new(facts, "virtual-size", json_integer((json_int_t)block_node_size(n)));
    if (allocated >= 0) {
        json_object_set_new(facts, "actual-size", json_integer(allocated));
    }
    if (n->backing_file) {
        char *full = block_name_beside(n, n->backing_file);
        json_object_set_new(facts, "backing-filename", json_string(n->backing_file));
        json_object_set_new(facts, "full-backing-filename", json_string(full));
        mem_free(full);
    }
    if (n->backing_format) {
        json_object_set_new(facts, "backing-filename-format", json_string(n->backing_format));
    }
    return !n->driver->info || n->driver->info(n, facts, e);
}

bool block_node_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->check ? n->driver->check(n, fix, c, e) : cannot(n, "check", e);
}

/* A filter is as long as what it stands on. */
bool block_node_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                       struct error *e)
{
    while (n->follows) {
        n = n->file;
    }
    if (!n->mode.write) {
        return error_set(e, "%s is read-only", block_node_file(n));
    }
    if (n->driver->kind == BLOCK_FORMAT && !is_aligned(bytes, BLOCK_SECTOR)) {
        return error_set(e, "a size of %" PRIu64 " bytes: a multiple of %u is accepted", bytes,
                         BLOCK_SECTOR);
    }
    return n->driver->resize ? n->driver->resize(n, bytes, how, e)
                             : cannot(n, "way to change the size", e);
}

bool block_node_snapshots(struct block_node *n, struct block_snapshot **list, size_t *count,
                          struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->snapshots ? n->driver->snapshots(n, list, count, e)
                                : cannot(n, "snapshots", e);
}

void block_snapshots_free(struct block_snapshot *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i].id);
        mem_free(list[i].name);
    }
    mem_free(list);
}

bool block_node_snapshot_create(struct block_node *n, const struct block_snapshot *s,
                                struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->snapshot_create ? n->driver->snapshot_create(n, s, e)
                                      : cannot(n, "snapshots", e);
}

bool block_node_snapshot_apply(struct block_node *n, const char *which, struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->snapshot_apply ? n->driver->snapshot_apply(n, which, e)
                                     : cannot(n, "snapshots", e);
}

bool block_node_snapshot_delete(struct block_node *n, const char *which, struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->snapshot_delete ? n->driver->snapshot_delete(n, which, e)
                                      : cannot(n, "snapshots", e);
}

int block_node_state_read(struct block_node *n, uint64_t offset, void *bytes, size_t length)
{
    n = block_node_skip_filters(n);
    return n->driver->state_read ? n->driver->state_read(n, offset, bytes, length) : -ENOTSUP;
}

int block_node_state_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length)
{
    n = block_node_skip_filters(n);
    return n->driver->state_write ? n->driver->state_write(n, offset, bytes, length) : -ENOTSUP;
}

bool block_node_bitmap(struct block_node *n, const struct block_bitmap_request *r, struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->bitmap ? n->driver->bitmap(n, r, e) : cannot(n, "bitmaps", e);
}

bool block_node_set_backing(struct block_node *n, const char *file, const char *format,
                            struct error *e)
{
    n = block_node_skip_filters(n);
    return n->driver->set_backing ? n->driver->set_backing(n, file, format, e)
                                  : cannot(n, "backing files", e);
}

/* ---- options of making */

static bool only_amendable(const struct block_node *n, const json_t *options, struct error *e)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)options, key, v)
    {
        const struct block_option *o = n->driver->create_options;
        while (o && o->name && strcmp(o->name, key) != 0) {
            o++;
        }
        if (!o || !o->name || !o->amendable) {
            error_set(e, "%s cannot be changed; what can be:", key);
            for (o = n->driver->create_options; o && o->name; o++) {
                error_append(e, "%s%s", o->amendable ? " " : "", o->amendable ? o->name : "");
            }
            return false;
        }
    }
    return true;
}

bool block_node_amend(struct block_node *n, const json_t *options, struct error *e)
{
    n = block_node_skip_filters(n);
    if (!n->driver->amend) {
        return cannot(n, "options that can be changed", e);
    }
    if (!only_amendable(n, options, e)) {
        return false;
    }
    json_t *left = json_deep_copy(options);
    void *into = mem_alloc(n->driver->create_bytes);
    bool good = block_options_take(n->driver->create_options, left, into, n->driver->name, e) &&
                n->driver->amend(n, into, options, e);
    block_options_release(n->driver->create_options, into);
    mem_free(into);
    json_decref(left);
    return good;
}

/* ---- making */

struct common_create {
    uint64_t size;
    char *backing_file, *backing_format;
};

const struct block_option block_create_options[] = {
    {"size", BLOCK_OPT_SIZE, offsetof(struct common_create, size), NULL, "of the disk", NULL,
     false},
    {"backing_file", BLOCK_OPT_TEXT, offsetof(struct common_create, backing_file), NULL,
     "image below this one", NULL, false},
    {"backing_fmt", BLOCK_OPT_TEXT, offsetof(struct common_create, backing_format), NULL,
     "its format", NULL, false},
    {0},
};

struct block_node *block_create_file(struct block_graph *g, const char *name, uint64_t bytes,
                                     struct error *e)
{
    const struct block_mode m = {.write = true, .discard = true};
    json_t *where = block_options_of_protocol(name, e);
    if (!where) {
        return NULL;
    }
    const char *driver = json_string_value(json_object_get(where, "driver"));
    const struct block_driver *d = block_driver_find(driver);
    struct block_node *n = NULL;
    if (!d || !d->create) {
        error_set(e, "%s: images cannot be made by '%s'", name, driver ? driver : "?");
    } else {
        void *options = mem_alloc(d->create_bytes);
        const char *path = json_string_value(json_object_get(where, "filename"));
        struct block_create c = {.graph = g, .name = path, .size = bytes, .options = options};
        n = d->create(&c, e) ? block_node_open(g, where, &m, e) : NULL;
        mem_free(options);
    }
    json_decref(where);
    return n;
}

/* The backing file must be there, and gives the size where none is said. */
static bool look_at_backing(struct block_graph *g, const char *name, struct common_create *c,
                            bool size_given, struct error *e)
{
    const struct block_mode m = {.no_lock = true, .repair_none = true};
    char *path = block_name_beside_path(name, c->backing_file);
    struct block_node *n = block_node_open_name(g, path, c->backing_format, &m, e);
    mem_free(path);
    if (!n) {
        return false;
    }
    c->size = size_given ? c->size : block_node_size(n);
    block_node_close(n);
    return true;
}

/* raw where nothing can be made (what a server has): what is there has to be large enough. */
static bool take_existing(struct block_graph *g, const char *name, uint64_t bytes,
                          const json_t *left, struct error *e)
{
    if (!block_options_all_taken(left, block_create_options, NULL, name, e)) {
        return false;
    }
    const struct block_mode m = {.write = true};
    struct block_node *n = block_node_open_name(g, name, "raw", &m, e);
    bool good = n != NULL;
    if (n && block_node_size(n) < bytes) {
        good = error_set(e,
                         "%s: it has %" PRIu64 " bytes, not %" PRIu64 ", and cannot be made larger",
                         name, block_node_size(n), bytes);
    }
    block_node_close(n);
    return good;
}

/* The options for d, which may be shared with the protocol below (raw). */
static bool make(struct block_graph *g, const struct block_driver *d, const char *name,
                 struct common_create *c, json_t *left, struct error *e)
{
    if (!d->create) {
        return take_existing(g, name, c->size, left, e);
    }
    void *options = mem_alloc(d->create_bytes);
    struct block_create bc = {.graph = g,
                              .name = name,
                              .size = align_up(c->size, BLOCK_SECTOR),
                              .backing_file = c->backing_file,
                              .backing_format = c->backing_format,
                              .options = options};
    bool good = block_options_take(d->create_options, left, options, d->name, e) &&
                block_options_all_taken(left, d->create_options, block_create_options, d->name, e);
    if (good && d->kind != BLOCK_PROTOCOL) {
        bc.file = block_create_file(g, name, 0, e);
        good = bc.file != NULL;
    }
    struct block_use *use = NULL;
    if (good && bc.file) {
        use = block_use_begin(bc.file, "the making of an image", BLOCK_PERM_ALL, BLOCK_PERM_READ,
                              e);
        good = use != NULL;
    }
    good = good && d->create(&bc, e);
    if (good && bc.file && block_node_flush(bc.file) < 0) {
        good = error_set(e, "%s: it cannot be written", name);
    }
    block_use_end(use);
    block_node_close(bc.file);
    block_options_release(d->create_options, options);
    mem_free(options);
    return good;
}

/* raw is made by the protocol alone. */
static const struct block_driver *maker(const char *format, const char *name, struct error *e)
{
    const struct block_driver *d = block_driver_named(format, "create", e);
    if (d && strcmp(d->name, "raw") == 0) {
        json_t *where = block_options_of_protocol(name, e);
        d = where ? block_driver_find(json_string_value(json_object_get(where, "driver"))) : NULL;
        json_decref(where);
    }
    if (d && !d->create && (d->kind != BLOCK_PROTOCOL || !d->write)) {
        error_set(e, "%s: images of '%s' cannot be made", name, d->name);
        return NULL;
    }
    return d;
}

bool block_image_create(struct block_graph *g, const char *format, const char *name,
                        const json_t *options, struct error *e)
{
    return block_image_create_with(g, format, name, options, 0, e);
}

bool block_image_create_with(struct block_graph *g, const char *format, const char *name,
                             const json_t *options, unsigned flags, struct error *e)
{
    struct common_create c = {0};
    const struct block_driver *d = maker(format, name, e);
    if (!d) {
        return false;
    }
    const bool size_given = json_object_get(options, "size") != NULL;
    json_t *left = options ? json_deep_copy(options) : json_object();
    bool good = block_options_take(block_create_options, left, &c, "create", e);
    if (good && c.backing_file && d->kind == BLOCK_PROTOCOL) {
        good = error_set(e, "the format '%s' has no backing files", format);
    }
    if (good && c.backing_file && !(size_given && (flags & BLOCK_CREATE_UNSEEN_BACKING))) {
        good = look_at_backing(g, name, &c, size_given, e);
    } else if (good && !size_given) { /* nothing says it */
        good = error_set(e, "the size of the image is missing (size)");
    }
    if (good && c.size > INT64_MAX - BLOCK_SECTOR) {
        good = error_set(e, "size: %" PRIu64 " bytes are too many", c.size);
    }
    good = good && make(g, d, name, &c, left, e);
    block_options_release(block_create_options, &c);
    json_decref(left);
    return good;
}

bool block_image_measure(const char *format, const json_t *options, struct block_node *source,
                         struct block_measure *m, struct error *e)
{
    const struct block_driver *d = block_driver_named(format, "measure", e);
    struct common_create c = {0};
    if (!d) {
        return false;
    }
    if (!d->measure) {
        return error_set(e, "the format '%s' cannot be measured", format);
    }
    json_t *left = options ? json_deep_copy(options) : json_object();
    void *into = mem_alloc(d->create_bytes);
    bool good = block_options_take(block_create_options, left, &c, "measure", e) &&
                block_options_take(d->create_options, left, into, format, e) &&
                block_options_all_taken(left, d->create_options, block_create_options, format, e);
    m->bitmaps = UINT64_MAX;
    good = good &&
           d->measure(into, align_up(source ? block_node_size(source) : c.size, BLOCK_SECTOR),
                      source, m, e);
    block_options_release(d->create_options, into);
    block_options_release(block_create_options, &c);
    mem_free(into);
    json_decref(left);
    return good;
}

/* ---- commit */

#define COMMIT_PIECE (UINT64_C(1) << 20)

struct commit {
    struct block_node *top, *base; /* base stands `depth` images below top */
    unsigned depth;
    bool (*progress)(void *, uint64_t, uint64_t);
    void *opaque;
};

static int commit_piece(const struct commit *c, uint64_t at, const struct block_status *s,
                        void *buffer)
{
    if (s->depth >= c->depth || (s->where == BLOCK_UNALLOCATED && c->depth == 1)) {
        return 0;
    }
    if (block_status_reads_zero(s)) {
        return block_node_zero(c->base, at, s->bytes, BLOCK_MAY_UNMAP);
    }
    int status = block_node_read(c->top, at, buffer, (size_t)s->bytes);
    return status < 0 ? status : block_node_write(c->base, at, buffer, (size_t)s->bytes, 0);
}

static int commit_all(const struct commit *c)
{
    const uint64_t size = block_node_size(c->top);
    void *buffer = mem_buffer(COMMIT_PIECE);
    int status = 0;
    for (uint64_t at = 0; at < size && status == 0;) {
        struct block_status s;
        uint64_t most = size - at < COMMIT_PIECE ? size - at : COMMIT_PIECE;
        status = block_node_status(c->top, at, most, c->depth > 1, &s);
        status = status < 0 ? status : commit_piece(c, at, &s, buffer);
        at += status < 0 ? 0 : s.bytes;
        if (status == 0 && c->progress && !c->progress(c->opaque, at, size)) {
            status = -ECANCELED;
        }
    }
    mem_free(buffer);
    return status < 0 ? status : block_node_flush(c->base);
}

/* The use that the image above has of its backing file. */
static struct block_use *backing_use(struct block_node *n)
{
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i].node == n->backing) {
            return n->children[i].use;
        }
    }
    return NULL;
}

static bool commit_into(const struct commit *c, struct error *e)
{
    struct block_node *top = c->top;
    if (block_node_size(c->base) < block_node_size(top) &&
        !block_node_resize(c->base, block_node_size(top), BLOCK_PREALLOC_OFF, e)) {
        return false;
    }
    int status = commit_all(c);
    if (status == 0 && c->depth == 1 && top->driver->make_empty && top->mode.write) {
        status = top->driver->make_empty(top);
    }
    if (status == 0 && c->depth == 1 && top->driver->committed && top->mode.write) {
        status = top->driver->committed(top);
    }
    return status == 0 || error_set(e, "%s: %s", block_node_file(top), strerror(-status));
}

/* base is written as long as this takes; above is the image that stands on it. */
static bool commit_to(struct block_node *above, const struct commit *c, struct error *e)
{
    struct error ignored;
    const bool was = c->base->mode.write;
    if (!block_use_change(backing_use(above), BLOCK_PERM_READ, BLOCK_PERM_ALL, e)) {
        return false;
    }
    struct block_use *use = NULL;
    bool good = block_node_reopen(c->base, true, e);
    if (good) {
        use = block_use_begin(c->base, "commit", BLOCK_PERM_ALL, BLOCK_PERM_READ, e);
        good = use && commit_into(c, e);
    }
    block_use_end(use);
    if (!was) {
        block_node_reopen(c->base, false, &ignored);
    }
    block_use_change(backing_use(above), BLOCK_PERM_READ, BLOCK_PERM_READ, &ignored);
    return good;
}

bool block_node_commit_to(struct block_node *n, const struct block_commit *how, struct error *e)
{
    n = block_node_skip_filters(n);
    struct commit c = {n, how->base ? how->base : n->backing, 1, how->progress, how->opaque};
    struct block_node *above = n;
    if (!n->backing) {
        return error_set(e, "%s has no backing file", block_node_file(n));
    }
    while (above->backing != c.base) {
        above = block_node_skip_filters(above->backing);
        c.depth++;
        if (!above->backing) {
            return error_set(e, "%s is no backing file of %s", block_node_file(c.base),
                             block_node_file(n));
        }
    }
    return commit_to(above, &c, e);
}

bool block_node_commit(struct block_node *n, bool (*progress)(void *, uint64_t, uint64_t),
                       void *opaque, struct error *e)
{
    const struct block_commit how = {NULL, progress, opaque};
    return block_node_commit_to(n, &how, e);
}
