/* SPDX-License-Identifier: MIT */
/* An open disk: opening and closing it, what is known of it, and synchronous requests. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

/* ---- life */

/* The way without a stop, if raw stands on a host file. */
static void find_leaf(struct block *b)
{
    struct block_node *n = b->node;
    b->base = 0;
    while (n->linear) {
        b->base += n->linear_offset;
        n = n->file;
    }
    b->leaf = n->fd >= 0 ? n : NULL;
    if (b->leaf && n != b->node && n->detect_zeroes != BLOCK_DETECT_OFF) {
        b->leaf = NULL;
    }
    b->aio = (enum block_aio)n->mode.aio;
}

static bool use_node(struct block *b, struct block_node *n, unsigned does, unsigned lets,
                     struct error *e)
{
    char *who = mem_printf("the disk '%s'", b->id ? b->id : "");
    b->use = block_use_begin(n, who, does, lets, e);
    mem_free(who);
    if (!b->use) {
        return false;
    }
    b->node = n;
    b->graph = n->graph;
    b->read_only = !(does & BLOCK_PERM_WRITE);
    mem_free(b->file);
    b->file = mem_strdup(block_node_file(n)[0] ? block_node_file(n) : block_node_name(n));
    find_leaf(b);
    block_measure(b);
    if (block_node_size(n) < BLOCK_SECTOR && !block_is_empty(b)) {
        return error_set(e, "%s is empty: a disk has at least %u bytes", b->file, BLOCK_SECTOR);
    }
    return true;
}

static struct block *new_block(const char *id)
{
    struct block *b = mem_alloc(sizeof(*b));
    b->id = mem_strdup(id);
    os_mutex_init(&b->lock);
    os_cond_init(&b->idle);
    list_init(&b->queues);
    return b;
}

static const char *cache_name(const struct block_mode *m, bool writethrough)
{
    return m->no_flush    ? "unsafe"
           : m->direct    ? writethrough ? "directsync" : "none"
           : writethrough ? "writethrough"
                          : "writeback";
}

/* The image is only read; what is written goes elsewhere. */
static bool open_snapshot(struct block *b, struct block_node *below, struct error *e)
{
    struct block_node *top = block_overlay_open(below, e);
    bool good = top && use_node(b, top, BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_READ, e);
    block_node_close(top);
    return good;
}

/* The throttle group of a disk with limits, with these set; *name: NULL if it has none. */
static bool make_group(struct block_graph *g, const struct block_options *o, char **name,
                       struct error *e)
{
    const char *key;
    json_t *v;
    bool known;
    *name = NULL;
    if (!o->throttle && !o->throttle_group) {
        return true;
    }
    *name = o->throttle_group ? mem_strdup(o->throttle_group)
                              : mem_printf("#disk %s", o->id     ? o->id
                                                       : o->file ? o->file
                                                                 : "");
    json_object_foreach(o->throttle, key, v)
    {
        if (!block_throttle_set(g, *name, key, json_string_value(v), &known, e)) {
            return false;
        }
    }
    return true;
}

static bool use_nothing(struct block *b, struct block_graph *g, struct error *e)
{
    struct block_node *n = block_node_new(g, &block_empty_driver);
    n->name = mem_printf("#block%u", atomic_add(&g->names, 1));
    n->opened = true;
    bool good = use_node(b, n, BLOCK_PERM_READ, BLOCK_PERM_ALL, e);
    block_node_close(n);
    return good;
}

static bool open_all(struct block *b, struct block_graph *g, const struct block_options *o,
                     struct error *e)
{
    struct block_mode m;
    block_options_mode(o, &m, &b->writethrough);
    if (o->empty) {
        return use_nothing(b, g, e);
    }
    if (!o->file && !o->tree) {
        return error_set(e, "the file of the disk is missing (file=)");
    }
    char *group;
    json_t *tree = make_group(g, o, &group, e) ? block_options_tree(o, group, e) : NULL;
    mem_free(group);
    struct block_node *n = tree ? block_node_open(g, tree, &m, e) : NULL;
    json_decref(tree);
    if (!n) {
        return false;
    }
    b->snapshot = o->snapshot && !o->read_only;
    bool write = m.write && n->mode.write;
    bool good = b->snapshot
                    ? open_snapshot(b, n, e)
                    : use_node(b, n, write ? BLOCK_PERM_READ | BLOCK_PERM_WRITE : BLOCK_PERM_READ,
                               o->no_lock ? BLOCK_PERM_ALL : BLOCK_PERM_READ, e);
    block_node_close(n);
    return good;
}

struct block *block_open(struct block_graph *g, const struct block_options *o, struct error *e)
{
    struct block *b = new_block(o->id);
    struct block_graph *own = g ? NULL : block_graph_create();
    b->own_graph = own;
    b->rerror = o->rerror;
    b->werror = o->werror;
    if (!open_all(b, g ? g : own, o, e)) {
        block_close(b);
        return NULL;
    }
    return b;
}

struct block *block_open_node(struct block_node *n, const char *id, unsigned does, unsigned lets,
                              struct error *e)
{
    struct block *b = new_block(id);
    if (!use_node(b, n, does, lets, e)) {
        block_close(b);
        return NULL;
    }
    return b;
}

void block_close(struct block *b)
{
    if (b) {
        block_use_end(b->use);
        block_graph_destroy(b->own_graph);
        os_cond_destroy(&b->idle);
        os_mutex_destroy(&b->lock);
        mem_free(b->id);
        mem_free(b->file);
        mem_free(b);
    }
}

/* ---- media */

void block_set_removable(struct block *b, bool removable)
{
    b->removable = removable;
}

bool block_is_removable(const struct block *b)
{
    return b->removable;
}

bool block_is_empty(const struct block *b)
{
    return b->node->driver == &block_empty_driver;
}

void block_on_eject(struct block *b, bool (*wants)(void *opaque), void *opaque)
{
    b->wants = wants;
    b->wants_opaque = opaque;
}

bool block_wants_medium(struct block *b)
{
    return !b->wants || !b->wants(b->wants_opaque);
}

/* Gives b, which stands still, what fresh was opened with, and closes what it had. */
static void take_over(struct block *b, struct block *fresh)
{
    struct block old = *b;
    b->file = fresh->file;
    b->node = fresh->node;
    b->use = fresh->use;
    b->read_only = fresh->read_only;
    b->writethrough = fresh->writethrough;
    b->snapshot = fresh->snapshot;
    b->aio = fresh->aio;
    b->leaf = fresh->leaf;
    b->base = fresh->base;
    atomic_set(&b->bytes, fresh->bytes);
    fresh->file = old.file;
    fresh->use = old.use;
}

bool block_insert(struct block *b, const struct block_options *o, struct error *e)
{
    const struct block_options nothing = {.empty = true};
    if (!b->removable) {
        return error_set(e, "Device '%s' is not removable", b->id ? b->id : "");
    }
    struct block *fresh = block_open(b->graph, o ? o : &nothing, e);
    if (!fresh) {
        return false;
    }
    block_pause(b);
    take_over(b, fresh);
    block_resume(b);
    block_close(fresh);
    if (b->resized) {
        b->resized(b->resized_opaque);
    }
    return true;
}

/* ---- what is known */

struct block_node *block_node(const struct block *b)
{
    return b->node;
}

uint64_t block_size_bytes(const struct block *b)
{
    return atomic_get(&b->bytes);
}

void block_measure(struct block *b)
{
    atomic_set(&b->bytes, align_down(block_node_size(b->node), BLOCK_SECTOR));
}

bool block_read_only(const struct block *b)
{
    return b->read_only;
}

bool block_write_cache(const struct block *b)
{
    return !b->writethrough;
}

bool block_can_discard(const struct block *b)
{
    return b->node->mode.discard && !b->read_only && !b->snapshot;
}

const char *const block_on_error_names[] = {
    [BLOCK_ON_ERROR_AUTO] = "auto",     [BLOCK_ON_ERROR_REPORT] = "report",
    [BLOCK_ON_ERROR_IGNORE] = "ignore", [BLOCK_ON_ERROR_ENOSPC] = "enospc",
    [BLOCK_ON_ERROR_STOP] = "stop",     NULL};

enum block_on_error block_on_error(const struct block *b, bool write)
{
    enum block_on_error how = write ? b->werror : b->rerror;
    return how != BLOCK_ON_ERROR_AUTO ? how : write ? BLOCK_ON_ERROR_ENOSPC : BLOCK_ON_ERROR_REPORT;
}

void block_set_errors(struct block *b, enum block_on_error on_read, enum block_on_error on_write)
{
    b->rerror = on_read != BLOCK_ON_ERROR_AUTO ? on_read : b->rerror;
    b->werror = on_write != BLOCK_ON_ERROR_AUTO ? on_write : b->werror;
}

const char *block_file(const struct block *b)
{
    return b->file;
}

const char *block_id(const struct block *b)
{
    return b->id;
}

void block_describe(const struct block *b, struct strbuf *out)
{
    if (block_is_empty(b)) {
        strbuf_printf(out, "%s: [not inserted]\n", b->id ? b->id : "disk");
        return;
    }
    const struct block_node *n = b->snapshot && b->node->backing ? b->node->backing : b->node;
    strbuf_printf(out, "%s: %s (%s), %" PRIu64 " bytes%s%s, cache=%s%s\n", b->id ? b->id : "disk",
                  b->file, n->driver->name, block_size_bytes(b), b->read_only ? ", read-only" : "",
                  b->snapshot ? ", snapshot" : "", cache_name(&n->mode, b->writethrough),
                  n->mode.discard ? ", discard=unmap" : "");
}

/* ---- synchronous requests */

static bool told(const struct block *b, int status, const char *what, uint64_t offset, size_t n,
                 struct error *e)
{
    return status == 0 || error_set(e, "%s: %s of %zu bytes at %" PRIu64 " failed: %s", b->file,
                                    what, n, offset, strerror(-status));
}

static bool in_disk(const struct block *b, uint64_t offset, size_t n)
{
    const uint64_t size = block_size_bytes(b);
    return offset <= size && n <= size - offset;
}

bool block_read(struct block *b, uint64_t offset, void *bytes, size_t n, struct error *e)
{
    int status = in_disk(b, offset, n) ? block_node_read(b->node, offset, bytes, n) : -EINVAL;
    return told(b, status, "read", offset, n, e);
}

bool block_write(struct block *b, uint64_t offset, const void *bytes, size_t n, struct error *e)
{
    int status = b->read_only ? -EACCES
                 : !in_disk(b, offset, n)
                     ? -EINVAL
                     : block_node_write(b->node, offset, bytes, n, b->writethrough ? BLOCK_FUA : 0);
    return told(b, status, "write", offset, n, e);
}

bool block_flush(struct block *b, struct error *e)
{
    return told(b, block_node_flush(b->node), "flush", 0, 0, e);
}
