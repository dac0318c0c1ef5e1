/* SPDX-License-Identifier: MIT */
/* Tables of a qcow2 image that are in memory: slices of L2 tables, refcount blocks. */
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

void qcow2_cache_init(struct qcow2_cache *c, uint32_t table_bytes, uint64_t bytes)
{
    const uint64_t limit = bytes / table_bytes;
    *c = (struct qcow2_cache){.table_bytes = table_bytes};
    c->limit = limit < QCOW2_CACHE_LEAST ? QCOW2_CACHE_LEAST : (size_t)limit;
    c->buckets = (size_t)pow2_ceil(c->limit < 65536 ? c->limit : 65536);
    c->bucket = mem_array(c->buckets, sizeof(struct qcow2_table *));
    list_init(&c->by_age);
}

void qcow2_cache_drop_all(struct qcow2_cache *c)
{
    for (size_t i = 0; i < c->buckets; i++) {
        while (c->bucket[i]) {
            struct qcow2_table *t = c->bucket[i];
            c->bucket[i] = t->next;
            list_remove(&t->of_age);
            mem_free(t);
        }
    }
    c->count = c->dirty = 0;
}

void qcow2_cache_free(struct qcow2_cache *c)
{
    qcow2_cache_drop_all(c);
    mem_free(c->bucket);
    *c = (struct qcow2_cache){0};
}

/* Neighbours, which are what is asked for, are in different buckets. */
static struct qcow2_table **bucket_of(struct qcow2_cache *c, uint64_t number)
{
    return &c->bucket[number & (c->buckets - 1)];
}

struct qcow2_table *qcow2_cache_find(struct qcow2_cache *c, uint64_t number)
{
    struct qcow2_table *t = *bucket_of(c, number);
    while (t && t->number != number) {
        t = t->next;
    }
    if (t) {
        t->stamp = ++c->clock;
        if (!c->whole) { /* else nobody has to go */
            list_remove(&t->of_age);
            list_push_back(&c->by_age, &t->of_age);
        }
    }
    return t;
}

static void unlink_table(struct qcow2_cache *c, struct qcow2_table *t)
{
    struct qcow2_table **at = bucket_of(c, t->number);
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    list_remove(&t->of_age);
    c->count--;
    c->dirty -= t->dirty_from < t->dirty_to;
    mem_free(t);
}

static bool may_go(const struct qcow2_table *t)
{
    return !t->pins && t->dirty_from == t->dirty_to;
}

/* The one used longest ago of those that may go, or NULL. */
static struct qcow2_table *victim(struct qcow2_cache *c)
{
    for (struct list_node *l = c->by_age.head.next; l != &c->by_age.head; l = l->next) {
        struct qcow2_table *t = container_of(l, struct qcow2_table, of_age);
        if (may_go(t)) {
            return t;
        }
    }
    return NULL;
}

void qcow2_cache_add(struct qcow2_cache *c, struct qcow2_table *t)
{
    while (c->count >= c->limit) {
        struct qcow2_table *old = victim(c);
        if (!old) {
            break;
        }
        unlink_table(c, old);
    }
    struct qcow2_table **b = bucket_of(c, t->number);
    t->next = *b;
    t->stamp = ++c->clock;
    *b = t;
    list_push_back(&c->by_age, &t->of_age);
    c->count++;
}

void qcow2_cache_drop(struct qcow2_cache *c, uint64_t number)
{
    struct qcow2_table *t = qcow2_cache_find(c, number);
    if (t) {
        unlink_table(c, t);
    }
}

void qcow2_cache_drop_older(struct qcow2_cache *c, uint64_t stamp)
{
    for (struct list_node *l = c->by_age.head.next, *next; l != &c->by_age.head; l = next) {
        struct qcow2_table *t = container_of(l, struct qcow2_table, of_age);
        next = l->next;
        if (t->stamp <= stamp && may_go(t)) {
            unlink_table(c, t);
        }
    }
}

struct qcow2_table *qcow2_table_new(const struct qcow2_cache *c, uint64_t number)
{
    struct qcow2_table *t = mem_try_alloc(sizeof(*t) + c->table_bytes);
    if (t) {
        t->number = number;
    }
    return t;
}

void qcow2_table_touch(struct block_node *n, struct qcow2_cache *c, struct qcow2_table *t,
                       uint32_t from, uint32_t bytes)
{
    const uint32_t to = from + bytes;
    if (t->dirty_from == t->dirty_to) {
        t->dirty_from = from;
        t->dirty_to = to;
        c->dirty++;
    } else {
        t->dirty_from = from < t->dirty_from ? from : t->dirty_from;
        t->dirty_to = to > t->dirty_to ? to : t->dirty_to;
    }
    atomic_set_release(&n->dirty, true);
}
