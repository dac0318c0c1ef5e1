/* SPDX-License-Identifier: MIT */
/* Nodes: their names, references and uses. What a node is opened from is open.c's. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

struct block_graph *block_graph_create(void)
{
    struct block_graph *g = mem_alloc(sizeof(*g));
    list_init(&g->nodes);
    os_mutex_init(&g->lock);
    return g;
}

void block_graph_destroy(struct block_graph *g)
{
    if (!g) {
        return;
    }
    struct block_node *n = NULL;
    do { /* closing one may close others */
        n = NULL;
        for (struct list_node *l = g->nodes.head.next; l != &g->nodes.head && !n; l = l->next) {
            struct block_node *each = container_of(l, struct block_node, in_graph);
            n = each->kept ? each : NULL;
        }
        if (n) {
            n->kept = false;
            block_node_close(n);
        }
    } while (n);
    assert(list_empty(&g->nodes));
    block_throttle_free(g);
    os_mutex_destroy(&g->lock);
    mem_free(g);
}

struct block_node *block_graph_find(struct block_graph *g, const char *node_name)
{
    struct block_node *found = NULL;
    os_mutex_lock(&g->lock);
    for (struct list_node *l = g->nodes.head.next; l != &g->nodes.head && !found; l = l->next) {
        struct block_node *n = container_of(l, struct block_node, in_graph);
        found = n->name && strcmp(n->name, node_name) == 0 ? n
                                                           : NULL; /* one being opened has none */
    }
    os_mutex_unlock(&g->lock);
    return found;
}

struct block_node *block_graph_at(struct block_graph *g, size_t n)
{
    struct list_node *l;
    os_mutex_lock(&g->lock);
    for (l = g->nodes.head.next; l != &g->nodes.head && n > 0; l = l->next) {
        n--;
    }
    bool found = l != &g->nodes.head;
    os_mutex_unlock(&g->lock);
    return found ? container_of(l, struct block_node, in_graph) : NULL;
}

void block_graph_keep(struct block_graph *g, struct block_node *n)
{
    (void)g;
    n->kept = true;
}

bool block_graph_drop(struct block_graph *g, const char *node_name, struct error *e)
{
    struct block_node *n = block_graph_find(g, node_name);
    if (!n) {
        return error_set(e, "there is no node '%s'", node_name);
    }
    if (!n->kept) {
        return error_set(e, "the node '%s' is part of another one", node_name);
    }
    if (!list_empty(&n->uses)) {
        const struct block_use *u = container_of(n->uses.head.next, struct block_use, of_node);
        return error_set(e, "the node '%s' is used by %s", node_name, u->who);
    }
    n->kept = false;
    block_node_close(n);
    return true;
}

/* ---- life */

struct block_node *block_node_new(struct block_graph *g, const struct block_driver *d)
{
    struct block_node *n = mem_alloc(sizeof(*n));
    n->driver = d;
    n->graph = g;
    n->state = mem_alloc(d->state_bytes);
    n->fd = n->fd_any = -1;
    n->granule = BLOCK_SECTOR;
    n->align = 1;
    n->references = 1;
    list_init(&n->uses);
    list_init(&n->pins);
    list_init(&n->busy);
    os_mutex_init(&n->tables);
    os_mutex_init(&n->slow);
    os_cond_init(&n->unpinned);
    os_mutex_lock(&g->lock);
    list_push_back(&g->nodes, &n->in_graph);
    os_mutex_unlock(&g->lock);
    return n;
}

void block_node_ref(struct block_node *n)
{
    atomic_add(&n->references, 1);
}

static void free_node(struct block_node *n)
{
    os_mutex_lock(&n->graph->lock);
    list_remove(&n->in_graph);
    os_mutex_unlock(&n->graph->lock);
    while (n->child_count) {
        struct block_child *c = &n->children[--n->child_count];
        block_use_end(c->use);
        mem_free(c->name);
    }
    mem_free(n->children);
    block_options_release(n->driver->options, n->state);
    mem_free(n->state);
    mem_free(n->name);
    mem_free(n->file_name);
    mem_free(n->backing_file);
    mem_free(n->backing_format);
    json_decref(n->options);
    os_cond_destroy(&n->unpinned);
    os_mutex_destroy(&n->slow);
    os_mutex_destroy(&n->tables);
    mem_free(n);
}

void block_node_close(struct block_node *n)
{
    if (!n || atomic_sub(&n->references, 1) != 1) {
        return;
    }
    assert(list_empty(&n->pins) && list_empty(&n->busy));
    if (n->opened && n->mode.write) {
        block_node_flush_tables(n);
    }
    if (n->driver->close) {
        n->driver->close(n);
    }
    free_node(n);
}

/* ---- uses */

static const char *perm_word(unsigned perms)
{
    return perms & BLOCK_PERM_WRITE ? "writes" : perms & BLOCK_PERM_RESIZE ? "resizes" : "reads";
}

/* Whether one of n's other uses minds. */
static bool uses_agree(const struct block_node *n, const struct block_use *but, unsigned does,
                       unsigned lets, struct error *e)
{
    for (struct list_node *l = n->uses.head.next; l != &n->uses.head; l = l->next) {
        const struct block_use *u = container_of(l, struct block_use, of_node);
        if (u == but) {
            continue;
        }
        if (does & ~u->lets) {
            return error_set(e, "%s is used by %s, which lets nobody else %s",
                             block_node_file(n)[0] ? block_node_file(n) : n->name, u->who,
                             does & ~u->lets & BLOCK_PERM_WRITE ? "write to it" : "change it");
        }
        if (u->does & ~lets) {
            return error_set(e, "%s is used by %s, which %s it",
                             block_node_file(n)[0] ? block_node_file(n) : n->name, u->who,
                             perm_word(u->does & ~lets));
        }
    }
    return true;
}

static void all_uses(const struct block_node *n, const struct block_use *but, unsigned *does,
                     unsigned *lets)
{
    for (struct list_node *l = n->uses.head.next; l != &n->uses.head; l = l->next) {
        const struct block_use *u = container_of(l, struct block_use, of_node);
        *does |= u == but ? 0 : u->does;
        *lets &= u == but ? BLOCK_PERM_ALL : u->lets;
    }
}

/* Tells whoever is below what n is used for: all that other uses do, and does, lets. */
static bool pass_uses(struct block_node *n, const struct block_use *but, unsigned does,
                      unsigned lets, struct error *e)
{
    all_uses(n, but, &does, &lets);
    if (n->driver->permit && !n->driver->permit(n, does, lets, e)) {
        return false;
    }
    for (size_t i = 0; n->driver->passes_uses && i < n->child_count; i++) {
        if (n->children[i].node == n->file &&
            !block_use_change(n->children[i].use, does, lets, e)) {
            return false;
        }
    }
    return true;
}

struct block_use *block_use_begin(struct block_node *n, const char *who, unsigned does,
                                  unsigned lets, struct error *e)
{
    if ((does & BLOCK_PERM_WRITE) && !n->mode.write) {
        error_set(e, "%s is read-only (read-only=off lets it be written)",
                  block_node_file(n)[0] ? block_node_file(n) : n->name);
        return NULL;
    }
    if (!uses_agree(n, NULL, does, lets, e) || !pass_uses(n, NULL, does, lets, e)) {
        return NULL;
    }
    struct block_use *u = mem_alloc(sizeof(*u));
    u->node = n;
    u->who = mem_strdup(who);
    u->does = does;
    u->lets = lets;
    list_push_back(&n->uses, &u->of_node);
    block_node_ref(n);
    return u;
}

bool block_use_change(struct block_use *u, unsigned does, unsigned lets, struct error *e)
{
    if (!uses_agree(u->node, u, does, lets, e) || !pass_uses(u->node, u, does, lets, e)) {
        return false;
    }
    u->does = does;
    u->lets = lets;
    return true;
}

struct block_node *block_use_node(const struct block_use *u)
{
    return u->node;
}

void block_use_end(struct block_use *u)
{
    struct error e;
    if (u) {
        list_remove(&u->of_node);
        pass_uses(u->node, NULL, 0, BLOCK_PERM_ALL, &e); /* asks for less: nobody minds */
        block_node_close(u->node);
        mem_free(u->who);
        mem_free(u);
    }
}

/* ---- what is known */

const char *block_node_name(const struct block_node *n)
{
    return n->name;
}

const char *block_node_driver(const struct block_node *n)
{
    return n->driver->name;
}

const char *block_node_file(const struct block_node *n)
{
    return n->file_name ? n->file_name : "";
}

uint64_t block_node_size(const struct block_node *n)
{
    while (n->follows) {
        n = n->file;
    }
    return atomic_get(&n->size_bytes);
}

bool block_node_writable(const struct block_node *n)
{
    return n->mode.write;
}

struct block_node *block_node_child(const struct block_node *n, const char *name)
{
    for (size_t i = 0; i < n->child_count; i++) {
        if (strcmp(n->children[i].name, name) == 0) {
            return n->children[i].node;
        }
    }
    return NULL;
}

struct block_node *block_node_skip_filters(struct block_node *n)
{
    while (n->driver->kind == BLOCK_FILTER && n->file) {
        n = n->file;
    }
    return n;
}

int64_t block_node_allocated(struct block_node *n)
{
    int64_t sum = 0;
    if (n->driver->allocated) {
        return n->driver->allocated(n);
    }
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i].node != n->backing) {
            int64_t each = block_node_allocated(n->children[i].node);
            if (each < 0) {
                return -1;
            }
            sum += each;
        }
    }
    return n->child_count ? sum : -1;
}
