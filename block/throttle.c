/* SPDX-License-Identifier: MIT */
/*
 * Limits on bytes and requests a second. A group has a bucket for each limit, which fills at the
 * limit's rate up to what may be had at once; a request takes its share and waits until the bucket
 * it overdrew is at zero again. Disks of one group share its buckets.
 *
 * With -max the rate may be higher by bursts: `max` for max-length seconds, then the limit again.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

enum bucket_kind {
    BPS_TOTAL,
    BPS_READ,
    BPS_WRITE,
    IOPS_TOTAL,
    IOPS_READ,
    IOPS_WRITE,
    BUCKETS
};

struct bucket {
    uint64_t rate, max, length_s; /* 0: none; max and length as they were given */
    double level;                 /* what may be taken now; below 0: somebody waits */
    int64_t filled_ns;
};

struct throttle_group {
    struct throttle_group *next;
    char *name;
    struct os_mutex lock;   /* guards all below */
    struct os_cond hurried; /* the graph's hurry has changed */
    struct bucket bucket[BUCKETS];
    uint64_t iops_size;
};

/* ---- groups */

static struct throttle_group *find_group(struct block_graph *g, const char *name)
{
    struct throttle_group *t = g->throttle_groups;
    while (t && strcmp(t->name, name) != 0) {
        t = t->next;
    }
    return t;
}

static struct throttle_group *get_group(struct block_graph *g, const char *name)
{
    struct throttle_group *t = find_group(g, name);
    if (!t) {
        t = mem_alloc(sizeof(*t));
        t->name = mem_strdup(name);
        t->next = g->throttle_groups;
        g->throttle_groups = t;
        os_mutex_init(&t->lock);
        os_cond_init(&t->hurried);
    }
    return t;
}

void block_throttle_free(struct block_graph *g)
{
    while (g->throttle_groups) {
        struct throttle_group *t = g->throttle_groups;
        g->throttle_groups = t->next;
        os_cond_destroy(&t->hurried);
        os_mutex_destroy(&t->lock);
        mem_free(t->name);
        mem_free(t);
    }
}

void block_throttle_hurry(struct block_graph *g, bool on)
{
    atomic_add(&g->hurry, on ? 1u : -1u);
    for (struct throttle_group *t = g->throttle_groups; t && on; t = t->next) {
        os_mutex_lock(&t->lock);
        os_cond_broadcast(&t->hurried);
        os_mutex_unlock(&t->lock);
    }
}

/* ---- limits */

#define ROW(name_, kind_, member_)                                                                 \
    {                                                                                              \
        name_, BLOCK_OPT_SIZE, offsetof(struct throttle_group, bucket[kind_].member_), NULL,       \
            "of a second", NULL, false                                                             \
    }
#define ROWS(name_, kind_)                                                                         \
    ROW(name_, kind_, rate), ROW(name_ "-max", kind_, max),                                        \
        ROW(name_ "-max-length", kind_, length_s)
static const struct block_option limits[] = {
    ROWS("bps-total", BPS_TOTAL),
    ROWS("bps-read", BPS_READ),
    ROWS("bps-write", BPS_WRITE),
    ROWS("iops-total", IOPS_TOTAL),
    ROWS("iops-read", IOPS_READ),
    ROWS("iops-write", IOPS_WRITE),
    {"iops-size", BLOCK_OPT_SIZE, offsetof(struct throttle_group, iops_size), NULL,
     "larger requests count as several", NULL, false},
    {0},
};

bool block_throttle_set(struct block_graph *g, const char *group, const char *key,
                        const char *value, bool *known, struct error *e)
{
    const struct block_option *o = limits;
    while (o->name && strcmp(o->name, key) != 0) {
        o++;
    }
    *known = o->name != NULL;
    if (!*known) {
        return true;
    }
    struct throttle_group *t = get_group(g, group);
    json_t *options = json_object();
    json_object_set_new(options, key, json_string(value));
    os_mutex_lock(&t->lock);
    bool good = block_options_take(limits, options, t, group, e);
    os_mutex_unlock(&t->lock);
    json_decref(options);
    return good;
}

static bool limits_make_sense(const struct throttle_group *t, struct error *e)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        const struct bucket *b = &t->bucket[i];
        const char *name = limits[3 * i].name;
        if (b->max && (!b->rate || b->max < b->rate)) {
            return error_set(e, "%s-max needs %s, and must not be less", name, name);
        }
        if (b->length_s && !b->max) {
            return error_set(e, "%s-max-length needs %s-max", name, name);
        }
    }
    for (unsigned i = 0; i < BUCKETS; i += 3) {
        if (t->bucket[i].rate && (t->bucket[i + 1].rate || t->bucket[i + 2].rate)) {
            return error_set(e, "%s and its parts for reads and writes exclude each other",
                             limits[3 * i].name);
        }
    }
    return true;
}

/* ---- buckets; the group's lock is held */

#define WAIT_MAX_S 1e9 /* what a limit of a byte a second may ask for */

/* What may be taken at once: the burst, or a tenth of a second. */
static double depth(const struct bucket *b)
{
    const uint64_t seconds = b->length_s ? b->length_s : 1;
    return b->max ? (double)b->max * (double)seconds : (double)b->rate / 10;
}

/* Takes n; returns for how long to wait. */
static int64_t take(struct bucket *b, double n, int64_t now_ns)
{
    if (!b->rate) {
        return 0;
    }
    if (!b->filled_ns) {
        b->level = depth(b);
    } else {
        b->level += (double)(now_ns - b->filled_ns) * 1e-9 * (double)b->rate;
    }
    b->level = b->level < depth(b) ? b->level : depth(b);
    b->filled_ns = now_ns;
    b->level -= n;
    const double seconds = b->level < 0 ? -b->level / (double)b->rate : 0;
    return (int64_t)((seconds < WAIT_MAX_S ? seconds : WAIT_MAX_S) * 1e9);
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct throttle {
    char *group_name;
    struct throttle_group *group;
};

static void wait_turn(struct block_node *n, bool write, uint64_t bytes)
{
    struct throttle_group *t = ((struct throttle *)n->state)->group;
    const int64_t now = os_now_ns();
    const unsigned part = write ? 2 : 1;
    int64_t wait = 0;
    os_mutex_lock(&t->lock);
    double requests = t->iops_size && bytes > t->iops_size
                          ? (double)((bytes + t->iops_size - 1) / t->iops_size)
                          : 1;
    wait = longer(wait, take(&t->bucket[BPS_TOTAL], (double)bytes, now));
    wait = longer(wait, take(&t->bucket[BPS_TOTAL + part], (double)bytes, now));
    wait = longer(wait, take(&t->bucket[IOPS_TOTAL], requests, now));
    wait = longer(wait, take(&t->bucket[IOPS_TOTAL + part], requests, now));
    for (bool more = wait > 0; more && !atomic_get(&n->graph->hurry);) {
        more = os_cond_wait_until(&t->hurried, &t->lock, now + wait);
    }
    os_mutex_unlock(&t->lock);
}

/* ---- the filter */

static const struct block_option throttle_options[] = {
    {"throttle-group", BLOCK_OPT_TEXT, offsetof(struct throttle, group_name), NULL,
     "id of an -object throttle-group", NULL, false},
    {0},
};

static bool throttle_open(struct block_node *n, struct error *e)
{
    struct throttle *t = n->state;
    if (!t->group_name) {
        return error_set(e, "throttle: throttle-group= is missing");
    }
    t->group = find_group(n->graph, t->group_name);
    if (!t->group) {
        return error_set(e, "throttle: there is no throttle group '%s'", t->group_name);
    }
    if (!limits_make_sense(t->group, e)) {
        error_prefix(e, "the throttle group '%s': ", t->group_name);
        return false;
    }
    return true;
}

static int throttle_read(struct block_node *n, uint64_t offset, const struct iovec *iov,
                         unsigned count, uint64_t bytes)
{
    wait_turn(n, false, bytes);
    return block_node_readv(n->file, offset, iov, count, bytes);
}

static int throttle_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                          unsigned count, uint64_t bytes, unsigned flags)
{
    wait_turn(n, true, bytes);
    return block_node_writev(n->file, offset, iov, count, bytes, flags);
}

static int throttle_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    wait_turn(n, true, bytes);
    return block_node_zero(n->file, offset, bytes, flags);
}

static int throttle_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    wait_turn(n, true, bytes);
    return block_node_discard(n->file, offset, bytes);
}

const struct block_driver block_throttle_driver = {
    .name = "throttle",
    .desc = "limits bytes and requests a second",
    .kind = BLOCK_FILTER,
    .passes_uses = true,
    .state_bytes = sizeof(struct throttle),
    .options = throttle_options,
    .open = throttle_open,
    .read = throttle_read,
    .write = throttle_write,
    .zero = throttle_zero,
    .discard = throttle_discard,
};
