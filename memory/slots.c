/* SPDX-License-Identifier: MIT */
/* Slots of memory, and how they follow the map; see slots.h. */
#include "memory/slots.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "memory/dirty.h"

/* By address; they do not overlap. */
struct slot_list {
    struct slot *slot;
    size_t count, room;
};

struct slots {
    struct space *space;
    struct slots_config config;
    unsigned guests; /* slot of dirty_add_guests */
    struct os_mutex lock;
    struct slot_list now;
};

static void append(struct slot_list *l, const struct slot *s)
{
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        l->slot = mem_resize_array(l->slot, l->room, sizeof(*l->slot));
    }
    l->slot[l->count++] = *s;
}

/* ---- what the map says */

struct wanted {
    const struct slots *t;
    struct slot_list list;
};

static void want(void *opaque, const struct mem_view *v, enum range_kind kind)
{
    struct wanted *w = opaque;
    const struct slots *t = w->t;
    const uint64_t page = t->config.page_bytes, cut = (page - v->base % page) % page;
    const bool read_only = kind != RANGE_RAM;

    if (kind == RANGE_MMIO || v->size < cut + page || (read_only && !t->config.read_only)) {
        return;
    }
    struct slot s = {.base = v->base + cut,
                     .size = (v->size - cut) / page * page,
                     .host = v->range->host + v->offset + cut,
                     .flags = read_only ? SLOT_READ_ONLY : 0};
    if ((uintptr_t)s.host % page) {
        return; /* a page of the guest's is on two of the host's */
    }
    if (!read_only && dirty_is_logged(space_dirty(t->space), s.host, s.size)) {
        s.flags |= SLOT_LOGGED;
    }
    append(&w->list, &s);
}

/* ---- the difference */

/* One is the other, but for logging. */
static bool is_same(const struct slot *a, const struct slot *b)
{
    return a->base == b->base && a->size == b->size && a->host == b->host &&
           !((a->flags ^ b->flags) & SLOT_READ_ONLY);
}

static bool overlap(const struct slot *a, const struct slot *b)
{
    return a->base < b->base + b->size && b->base < a->base + a->size;
}

/* Both show the same memory at some addresses. */
static bool share(const struct slot *a, const struct slot *b)
{
    return overlap(a, b) && a->host + (b->base - a->base) == b->host;
}

struct difference {
    struct slot_list gone, come, logged;
    bool still;
};

static void compare(struct difference *d, const struct slot_list *was, const struct slot_list *is)
{
    size_t i = 0, k = 0;

    while (i < was->count || k < is->count) {
        const struct slot *a = i < was->count ? &was->slot[i] : NULL;
        const struct slot *b = k < is->count ? &is->slot[k] : NULL;
        if (a && b && is_same(a, b)) {
            if (a->flags != b->flags) {
                append(&d->logged, b);
            }
            i++, k++;
        } else if (a && (!b || a->base <= b->base)) {
            append(&d->gone, a);
            i++;
        } else {
            append(&d->come, b);
            k++;
        }
    }
}

/* A part of what goes comes again; or what was written to it would be lost if vCPUs ran on between
 * the last look at its log and its end. */
static bool must_be_still(const struct difference *d)
{
    for (size_t i = 0, k = 0; i < d->gone.count; i++) {
        const struct slot *a = &d->gone.slot[i];
        if (a->flags & SLOT_LOGGED) {
            return true;
        }
        while (k < d->come.count && d->come.slot[k].base + d->come.slot[k].size <= a->base) {
            k++;
        }
        for (size_t n = k; n < d->come.count && overlap(a, &d->come.slot[n]); n++) {
            if (share(a, &d->come.slot[n])) {
                return true;
            }
        }
    }
    return false;
}

/* ---- logs */

/* The pages of s within [host, host + n) that were written are dirty for everybody, and clear. */
static void collect_slot(const struct slots *t, const struct slot *s, const uint8_t *host,
                         uint64_t n)
{
    const uint64_t page = t->config.page_bytes, pages = s->size / page;
    const size_t words = (size_t)((pages + 63) / 64);
    uint64_t *bitmap = mem_array(words, sizeof(*bitmap));
    bool any = false;

    t->config.ops->written(t->config.opaque, s, bitmap);
    for (size_t i = 0; i < words; i++) {
        for (uint64_t left = bitmap[i]; left; left &= left - 1) {
            const uint64_t number = i * 64 + ctz64(left);
            const uint8_t *at = s->host + number * page;
            if (at + page <= host || at >= host + n) {
                bitmap[i] &= ~(UINT64_C(1) << number % 64);
                continue;
            }
            for (uint64_t k = 0; k < page; k += (uint64_t)1 << DIRTY_PAGE_BITS) {
                dirty_touch(space_dirty(t->space), at + k);
            }
            any = true;
        }
    }
    if (any) {
        t->config.ops->clear(t->config.opaque, s, bitmap);
    }
    mem_free(bitmap);
}

static void collect(void *opaque, const uint8_t *host, uint64_t n)
{
    struct slots *t = opaque;

    os_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->now.count; i++) {
        const struct slot *s = &t->now.slot[i];
        if ((s->flags & SLOT_LOGGED) && s->host < host + n && host < s->host + s->size) {
            collect_slot(t, s, host, n);
        }
    }
    os_mutex_unlock(&t->lock);
}

/* ---- following */

/* Under the lock: the set becomes what the list says, and takes it. */
static void become(struct slots *t, struct slot_list *list)
{
    const struct slots_ops *ops = t->config.ops;
    struct difference d = {.still = false};

    compare(&d, &t->now, list);
    if (d.gone.count || d.come.count || d.logged.count) {
        ops->begin(t->config.opaque, must_be_still(&d));
        for (size_t i = 0; i < d.gone.count; i++) {
            if (d.gone.slot[i].flags & SLOT_LOGGED) {
                collect_slot(t, &d.gone.slot[i], d.gone.slot[i].host, d.gone.slot[i].size);
            }
            ops->remove(t->config.opaque, &d.gone.slot[i]);
        }
        for (size_t i = 0; i < d.logged.count; i++) {
            ops->log(t->config.opaque, &d.logged.slot[i]);
        }
        for (size_t i = 0; i < d.come.count; i++) {
            ops->add(t->config.opaque, &d.come.slot[i]);
        }
        ops->end(t->config.opaque);
    }
    mem_free(d.gone.slot);
    mem_free(d.come.slot);
    mem_free(d.logged.slot);
    mem_free(t->now.slot);
    t->now = *list;
}

/* Two that publish at the same time may come here in either order: each compares with the last map
 * that there is. */
static void follow(void *opaque)
{
    struct slots *t = opaque;
    struct wanted w = {.t = t};

    os_mutex_lock(&t->lock);
    space_each_view(t->space, want, &w);
    become(t, &w.list);
    os_mutex_unlock(&t->lock);
}

/* The guests have no page open in a way that could be closed: they are logged, or they are not. */
static void close_page(void *opaque, const uint8_t *host)
{
    (void)opaque, (void)host;
}

static const struct dirty_guests guests = {
    .close = close_page, .logs_changed = follow, .collect = collect};

struct slots *slots_create(struct space *s, const struct slots_config *c)
{
    struct slots *t = mem_alloc(sizeof(*t));

    assert(is_pow2(c->page_bytes) && c->page_bytes >= (uint64_t)1 << DIRTY_PAGE_BITS);
    t->space = s;
    t->config = *c;
    os_mutex_init(&t->lock);
    t->guests = dirty_add_guests(space_dirty(s), &guests, t);
    space_listen(s, follow, t);
    follow(t);
    return t;
}

void slots_destroy(struct slots *t)
{
    space_unlisten(t->space, follow, t);
    dirty_remove_guests(space_dirty(t->space), t->guests);
    os_mutex_lock(&t->lock);
    become(t, &(struct slot_list){.slot = NULL});
    os_mutex_unlock(&t->lock);
    os_mutex_destroy(&t->lock);
    mem_free(t);
}
