/* SPDX-License-Identifier: MIT */
/* Doorbells of devices, and who rings them; see doorbell.h. */
#include "memory/doorbell.h"

#include <assert.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

struct doorbells {
    struct os_mutex lock; /* held while one is signalled: behind its removal nobody does */
    struct doorbell *bell;
    unsigned count, room;
};

struct doorbells *doorbell_create(void)
{
    struct doorbells *b = mem_alloc(sizeof(*b));

    os_mutex_init(&b->lock);
    return b;
}

void doorbell_free(struct doorbells *b)
{
    if (b) {
        os_mutex_destroy(&b->lock);
        mem_free(b->bell);
        mem_free(b);
    }
}

/* ---- ringing */

static bool rings(const struct doorbell *d, uint64_t offset, unsigned size, uint64_t value)
{
    return d->offset == offset && (!d->size || d->size == size) &&
           (d->any_value || d->value == (value & mask64(8 * size)));
}

bool doorbell_rings(struct doorbells *b, uint64_t offset, unsigned size, uint64_t value)
{
    bool rung = false;

    if (!atomic_get(&b->count)) {
        return false;
    }
    os_mutex_lock(&b->lock);
    for (unsigned i = 0; i < b->count && !rung; i++) {
        if ((rung = rings(&b->bell[i], offset, size, value))) {
            os_event_signal(b->bell[i].event);
        }
    }
    os_mutex_unlock(&b->lock);
    return rung;
}

/* ---- the list */

static bool is_same(const struct doorbell *a, const struct doorbell *b)
{
    return a->offset == b->offset && a->size == b->size && a->any_value == b->any_value &&
           (a->any_value || a->value == b->value) && a->event == b->event;
}

/* Some write would ring both. */
static bool collide(const struct doorbell *a, const struct doorbell *b)
{
    return a->offset == b->offset && (!a->size || !b->size || a->size == b->size) &&
           (a->any_value || b->any_value || a->value == b->value);
}

void doorbell_add(struct space *s, const struct mem_range *r, const struct doorbell *d)
{
    struct doorbells *b = space_doorbells(s, r);

    assert(d->offset < r->size && d->size <= r->size - d->offset);
    os_mutex_lock(&b->lock);
    for (unsigned i = 0; i < b->count; i++) {
        assert(!collide(&b->bell[i], d));
    }
    if (b->count == b->room) {
        b->room = b->room ? 2 * b->room : 4;
        b->bell = mem_resize_array(b->bell, b->room, sizeof(*b->bell));
    }
    b->bell[b->count] = *d;
    atomic_set(&b->count, b->count + 1);
    os_mutex_unlock(&b->lock);
    space_tell_doorbells(s);
}

void doorbell_remove(struct space *s, const struct mem_range *r, const struct doorbell *d)
{
    struct doorbells *b = space_doorbells(s, r);
    unsigned i = 0;

    os_mutex_lock(&b->lock);
    while (i < b->count && !is_same(&b->bell[i], d)) {
        i++;
    }
    assert(i < b->count);
    b->bell[i] = b->bell[b->count - 1];
    atomic_set(&b->count, b->count - 1);
    os_mutex_unlock(&b->lock);
    space_tell_doorbells(s);
}

/* ---- owners */

struct placed {
    paddr a;
    struct doorbell bell;
};

struct placed_list {
    struct placed *at;
    size_t count, room;
};

struct doorbell_owner {
    struct space *space;
    const struct doorbell_ops *ops;
    void *opaque;
    struct os_mutex lock;
    struct placed_list now;
};

static void place(struct placed_list *l, paddr a, const struct doorbell *d)
{
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 8;
        l->at = mem_resize_array(l->at, l->room, sizeof(*l->at));
    }
    l->at[l->count++] = (struct placed){a, *d};
}

/* Those that a view shows as a whole, where writes come to the range's functions. */
static void place_view(void *opaque, const struct mem_view *v, enum range_kind kind)
{
    struct doorbells *b = space_doorbells_of(v->range);

    if (!b || kind < RANGE_ROMD) {
        return;
    }
    os_mutex_lock(&b->lock);
    for (unsigned i = 0; i < b->count; i++) {
        const struct doorbell *d = &b->bell[i];
        const uint64_t at = d->offset - v->offset, bytes = d->size ? d->size : 1;
        if (d->offset >= v->offset && at < v->size && bytes <= v->size - at) {
            place(opaque, v->base + at, d);
        }
    }
    os_mutex_unlock(&b->lock);
}

static bool has(const struct placed_list *l, const struct placed *p)
{
    size_t i = 0;

    while (i < l->count && (l->at[i].a != p->a || !is_same(&l->at[i].bell, &p->bell))) {
        i++;
    }
    return i < l->count;
}

/* Under the lock; takes the list. */
static void become(struct doorbell_owner *o, const struct placed_list *list)
{
    for (size_t i = 0; i < o->now.count; i++) {
        if (!has(list, &o->now.at[i])) {
            o->ops->remove(o->opaque, o->now.at[i].a, &o->now.at[i].bell);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!has(&o->now, &list->at[i])) {
            o->ops->add(o->opaque, list->at[i].a, &list->at[i].bell);
        }
    }
    mem_free(o->now.at);
    o->now = *list;
}

static void follow(void *opaque)
{
    struct doorbell_owner *o = opaque;
    struct placed_list list = {.at = NULL};

    os_mutex_lock(&o->lock);
    space_each_view(o->space, place_view, &list);
    become(o, &list);
    os_mutex_unlock(&o->lock);
}

struct doorbell_owner *doorbell_own(struct space *s, const struct doorbell_ops *ops, void *opaque)
{
    struct doorbell_owner *o = mem_alloc(sizeof(*o));

    o->space = s;
    o->ops = ops;
    o->opaque = opaque;
    os_mutex_init(&o->lock);
    space_listen(s, follow, o);
    space_listen_doorbells(s, follow, o);
    follow(o);
    return o;
}

void doorbell_disown(struct doorbell_owner *o)
{
    space_unlisten(o->space, follow, o);
    space_unlisten_doorbells(o->space, follow, o);
    os_mutex_lock(&o->lock);
    become(o, &(struct placed_list){.at = NULL});
    os_mutex_unlock(&o->lock);
    os_mutex_destroy(&o->lock);
    mem_free(o);
}
