/* SPDX-License-Identifier: MIT */
/*
 * Guest address spaces.
 *
 * The owner's ranges stand in a list under the space's lock. Each change flattens them into a
 * sorted array of views, a "flat", and publishes it by moving `current` and then counting
 * `generation` up. Readers work like those of a sequence lock: they read the generation, search the
 * current flat, copy the view, and start over if the generation has moved. A flat that is
 * superseded is filled again only FLATS - 1 publications later, so a reader whose generation has
 * not moved has read a flat that nobody wrote. Flats are never freed before the space (one that is
 * too small is kept beside the larger one that replaces it), so a reader that lost the race still
 * reads valid memory.
 *
 * A removed range is used again by the next space_add() that describes the same thing, perhaps
 * elsewhere. A reader with an old view of it then still reaches the same device at the offset that
 * the view says.
 */
#include "memory/space.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/strbuf.h"
#include "memory/dirty.h"
#include "memory/doorbell.h"

#define FLATS 4

struct flat {
    size_t count, cap;
    size_t largest_ram; /* index of the view to look at first */
    struct flat *smaller;
    struct mem_view view[];
};

struct node {
    struct mem_range range;
    struct doorbells *doorbells; /* NULL: it never had any */
    bool mapped;
    uint64_t order; /* of its addition */
    struct node *next;
};

struct listener {
    void (*changed)(void *opaque);
    void *opaque;
};

struct space {
    const char *name;
    uint64_t generation;
    struct flat *current;
    struct dirty *dirty;
    unsigned properties;

    struct os_mutex lock; /* guards all below, and writing the two above */
    struct flat *flat[FLATS];
    unsigned turn;
    struct node *nodes;
    size_t mapped;
    uint64_t additions;
    unsigned open; /* space_begin() without space_commit() */
    bool touched;  /* changed since it was opened */
    struct listener listener[SPACE_LISTENERS], of_doorbells[SPACE_LISTENERS];
};

static paddr range_last(const struct mem_range *r)
{
    return r->base + (r->size - 1);
}

static paddr view_last(const struct mem_view *v)
{
    return v->base + (v->size - 1);
}

/* ---- building and publishing */

static struct flat *flat_create(size_t cap, struct flat *smaller)
{
    struct flat *f = mem_alloc(sizeof(*f) + cap * sizeof(f->view[0]));
    f->cap = cap;
    f->smaller = smaller;
    return f;
}

/* Each word for itself: a reader that lost the race may be looking. */
static void put_view(struct mem_view *at, const struct mem_view *v)
{
    atomic_set(&at->base, v->base);
    atomic_set(&at->size, v->size);
    atomic_set(&at->offset, v->offset);
    atomic_set(&at->range, v->range);
}

static void flat_insert(struct flat *f, size_t at, const struct mem_view *v)
{
    for (size_t i = f->count; i > at; i--) {
        put_view(&f->view[i], &f->view[i - 1]);
    }
    put_view(&f->view[at], v);
    atomic_set(&f->count, f->count + 1);
}

/* Shows r wherever nothing is shown yet. */
static void flat_show(struct flat *f, const struct mem_range *r)
{
    size_t i = 0;
    paddr at = r->base;
    const paddr last = range_last(r);
    while (i < f->count && view_last(&f->view[i]) < at) {
        i++;
    }
    while (at <= last) {
        paddr stop = last; /* of the gap */
        if (i < f->count && f->view[i].base <= last) {
            stop = f->view[i].base - 1;
        }
        if (i == f->count || f->view[i].base > at) {
            struct mem_view v = {at, stop - at + 1, at - r->base, r};
            flat_insert(f, i++, &v);
        }
        if (i == f->count || view_last(&f->view[i]) >= last) {
            break;
        }
        at = view_last(&f->view[i++]) + 1;
    }
}

static bool shows_above(const struct node *a, const struct node *b)
{
    return a->range.priority != b->range.priority ? a->range.priority > b->range.priority
                                                  : a->order > b->order;
}

/* The mapped ranges, highest first; allocated. */
static struct node **sorted_nodes(struct space *s)
{
    struct node **sorted = mem_array(s->mapped, sizeof(*sorted));
    size_t n = 0;
    for (struct node *r = s->nodes; r; r = r->next) {
        if (!r->mapped) {
            continue;
        }
        size_t i = n++;
        for (; i > 0 && shows_above(r, sorted[i - 1]); i--) {
            sorted[i] = sorted[i - 1];
        }
        sorted[i] = r;
    }
    return sorted;
}

/* A range cuts at most one other in two, so there are less than twice as many views. */
static void publish(struct space *s)
{
    unsigned turn = (s->turn + 1) % FLATS;
    struct flat *f = s->flat[turn];
    if (f->cap < 2 * s->mapped) {
        s->flat[turn] = f = flat_create(4 * s->mapped, f);
    }
    struct node **sorted = sorted_nodes(s);
    atomic_fence_release(); /* who sees what we write now sees that the generation moved before */
    atomic_set(&f->count, 0);
    for (size_t i = 0; i < s->mapped; i++) {
        flat_show(f, &sorted[i]->range);
    }
    mem_free(sorted);
    size_t hint = 0;
    uint64_t largest = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (f->view[i].range->kind == RANGE_RAM && f->view[i].size > largest) {
            largest = f->view[i].size;
            hint = i;
        }
    }
    atomic_set(&f->largest_ram, hint);
    s->turn = turn;
    atomic_set_seq(&s->current, f);
}

static void tell(const struct listener *listener)
{
    for (size_t i = 0; i < SPACE_LISTENERS; i++) {
        if (listener[i].changed) {
            listener[i].changed(listener[i].opaque);
        }
    }
}

/* Ends a change that the caller made under the lock, and drops the lock. */
static void changed(struct space *s, bool layout)
{
    if (s->open > 0) {
        s->touched |= layout;
        layout = false;
    } else if (layout) {
        publish(s);
    }
    struct listener listener[SPACE_LISTENERS];
    memcpy(listener, s->listener, sizeof(listener));
    bool quiet = s->open > 0;
    if (!quiet) {
        atomic_add(&s->generation, 1);
    }
    os_mutex_unlock(&s->lock);
    if (!quiet) {
        tell(listener);
    }
}

static struct space *create(const char *name, struct dirty *dirty)
{
    struct space *s = mem_alloc(sizeof(*s));
    s->name = name;
    os_mutex_init(&s->lock);
    s->dirty = dirty;
    for (size_t i = 0; i < FLATS; i++) {
        s->flat[i] = flat_create(64, NULL);
    }
    s->current = s->flat[0];
    return s;
}

struct space *space_create(const char *name)
{
    return create(name, dirty_create());
}

struct space *space_create_beside(const char *name, struct space *other)
{
    dirty_share(other->dirty);
    return create(name, other->dirty);
}

void space_destroy(struct space *s)
{
    for (size_t i = 0; i < FLATS; i++) {
        for (struct flat *f = s->flat[i], *smaller; f; f = smaller) {
            smaller = f->smaller;
            mem_free(f);
        }
    }
    for (struct node *n = s->nodes, *next; n; n = next) {
        next = n->next;
        doorbell_free(n->doorbells);
        mem_free(n);
    }
    os_mutex_destroy(&s->lock);
    dirty_destroy(s->dirty);
    mem_free(s);
}

void space_set_properties(struct space *s, unsigned properties)
{
    s->properties = properties;
}

bool space_has(const struct space *s, enum space_property p)
{
    return s->properties & p;
}

/* ---- changing the map */

static bool same_thing(const struct mem_range *a, const struct mem_range *b)
{
    return a->size == b->size && a->kind == b->kind && a->host == b->host && a->ops == b->ops &&
           a->opaque == b->opaque && a->lock == b->lock && a->name == b->name;
}

static struct node *node_for(struct space *s, const struct mem_range *r)
{
    for (struct node *n = s->nodes; n; n = n->next) {
        if (!n->mapped && same_thing(&n->range, r)) {
            return n;
        }
    }
    struct node *n = mem_alloc(sizeof(*n));
    n->next = s->nodes;
    s->nodes = n;
    n->range = *r;
    return n;
}

const struct mem_range *space_add(struct space *s, const struct mem_range *r)
{
    assert(r->size > 0 && range_last(r) >= r->base);
    assert(r->kind == RANGE_MMIO || r->host);
    assert(r->kind < RANGE_ROMD || r->ops);
    if (r->host) {
        dirty_add_memory(s->dirty, r->host, r->size);
    }
    os_mutex_lock(&s->lock);
    struct node *n = node_for(s, r);
    n->range.base = r->base;
    n->range.priority = r->priority;
    n->mapped = true;
    n->order = s->additions++;
    s->mapped++;
    changed(s, true);
    return &n->range;
}

void space_remove(struct space *s, const struct mem_range *r)
{
    struct node *n = container_of(r, struct node, range);
    os_mutex_lock(&s->lock);
    assert(n->mapped);
    n->mapped = false;
    s->mapped--;
    changed(s, true);
}

void space_set_kind(struct space *s, const struct mem_range *r, enum range_kind kind)
{
    struct node *n = container_of(r, struct node, range);
    assert((kind == RANGE_MMIO || r->host) && (kind < RANGE_ROMD || r->ops));
    os_mutex_lock(&s->lock);
    atomic_set_seq(&n->range.kind, kind);
    changed(s, false);
}

void space_begin(struct space *s)
{
    os_mutex_lock(&s->lock);
    s->open++;
    os_mutex_unlock(&s->lock);
}

void space_commit(struct space *s)
{
    os_mutex_lock(&s->lock);
    assert(s->open > 0);
    s->open--;
    bool layout = s->touched && s->open == 0;
    if (layout) {
        s->touched = false;
    }
    changed(s, layout);
}

static void listen(struct space *s, struct listener *listener, const struct listener *add)
{
    os_mutex_lock(&s->lock);
    size_t i = 0;
    while (i < SPACE_LISTENERS && listener[i].changed) {
        i++;
    }
    assert(i < SPACE_LISTENERS);
    listener[i] = *add;
    os_mutex_unlock(&s->lock);
}

static void unlisten(struct space *s, struct listener *listener, const struct listener *gone)
{
    os_mutex_lock(&s->lock);
    for (size_t i = 0; i < SPACE_LISTENERS; i++) {
        if (listener[i].changed == gone->changed && listener[i].opaque == gone->opaque) {
            listener[i] = (struct listener){NULL, NULL};
        }
    }
    os_mutex_unlock(&s->lock);
}

void space_listen(struct space *s, void (*fn)(void *opaque), void *opaque)
{
    listen(s, s->listener, &(struct listener){fn, opaque});
}

void space_unlisten(struct space *s, void (*fn)(void *opaque), void *opaque)
{
    unlisten(s, s->listener, &(struct listener){fn, opaque});
}

/* ---- doorbells */

void space_listen_doorbells(struct space *s, void (*fn)(void *opaque), void *opaque)
{
    listen(s, s->of_doorbells, &(struct listener){fn, opaque});
}

void space_unlisten_doorbells(struct space *s, void (*fn)(void *opaque), void *opaque)
{
    unlisten(s, s->of_doorbells, &(struct listener){fn, opaque});
}

struct doorbells *space_doorbells(struct space *s, const struct mem_range *r)
{
    struct node *n = container_of(r, struct node, range);

    os_mutex_lock(&s->lock);
    if (!n->doorbells) {
        atomic_set_release(&n->doorbells, doorbell_create());
    }
    os_mutex_unlock(&s->lock);
    return n->doorbells;
}

struct doorbells *space_doorbells_of(const struct mem_range *r)
{
    return atomic_get_acquire(&container_of(r, struct node, range)->doorbells);
}

void space_tell_doorbells(struct space *s)
{
    struct listener listener[SPACE_LISTENERS];

    os_mutex_lock(&s->lock);
    memcpy(listener, s->of_doorbells, sizeof(listener));
    os_mutex_unlock(&s->lock);
    tell(listener);
}

/* ---- looking up */

uint64_t space_generation(struct space *s)
{
    return atomic_get_acquire(&s->generation);
}

const uint64_t *space_generation_place(const struct space *s)
{
    return &s->generation;
}

/* Each word for itself: a torn copy is noticed by the caller, who looks at the generation. */
static struct mem_view copy_view(const struct mem_view *v)
{
    return (struct mem_view){atomic_get(&v->base), atomic_get(&v->size), atomic_get(&v->offset),
                             atomic_get(&v->range)};
}

static bool view_has(const struct mem_view *v, paddr a)
{
    return a - v->base < v->size;
}

static bool flat_find(const struct flat *f, paddr a, struct mem_view *v)
{
    size_t low = 0, high = atomic_get(&f->count);
    size_t hint = atomic_get(&f->largest_ram);
    if (hint < high) {
        *v = copy_view(&f->view[hint]);
        if (view_has(v, a)) {
            return true;
        }
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        *v = copy_view(&f->view[mid]);
        if (view_has(v, a)) {
            return true;
        }
        if (a < v->base) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return false;
}

bool space_find(struct space *s, paddr a, struct mem_view *v)
{
    for (;;) {
        uint64_t generation = atomic_get_acquire(&s->generation);
        bool found = flat_find(atomic_get_acquire(&s->current), a, v);
        atomic_fence_acquire();
        if (likely(atomic_get(&s->generation) == generation)) {
            return found;
        }
    }
}

static bool flat_find_next(const struct flat *f, paddr a, struct mem_view *v)
{
    for (size_t i = 0; i < atomic_get(&f->count); i++) {
        *v = copy_view(&f->view[i]);
        if (view_last(v) >= a) {
            return true;
        }
    }
    return false;
}

bool space_find_next(struct space *s, paddr a, struct mem_view *v)
{
    for (;;) {
        uint64_t generation = atomic_get_acquire(&s->generation);
        bool found = flat_find_next(atomic_get_acquire(&s->current), a, v);
        atomic_fence_acquire();
        if (likely(atomic_get(&s->generation) == generation)) {
            return found;
        }
    }
}

/* v is kept sorted; gives the number of its elements. */
static unsigned keep_largest(struct mem_view *v, unsigned n, unsigned most,
                             const struct mem_view *add)
{
    unsigned at = n;

    while (at > 0 && v[at - 1].size < add->size) {
        at--;
    }
    if (at == most) {
        return n;
    }
    n += n < most;
    memmove(&v[at + 1], &v[at], (n - 1 - at) * sizeof(*v));
    v[at] = *add;
    return n;
}

unsigned space_find_ram(struct space *s, struct mem_view *v, unsigned most)
{
    for (;;) {
        uint64_t generation = atomic_get_acquire(&s->generation);
        const struct flat *f = atomic_get_acquire(&s->current);
        unsigned n = 0;
        for (size_t i = 0; i < atomic_get(&f->count); i++) {
            const struct mem_view view = copy_view(&f->view[i]);
            if (atomic_get(&view.range->kind) == RANGE_RAM) {
                n = keep_largest(v, n, most, &view);
            }
        }
        atomic_fence_acquire();
        if (likely(atomic_get(&s->generation) == generation)) {
            return n;
        }
    }
}

uint64_t space_each_view(struct space *s, space_view_fn fn, void *opaque)
{
    os_mutex_lock(&s->lock);
    const uint64_t generation = s->generation;
    for (size_t i = 0; i < s->current->count; i++) {
        fn(opaque, &s->current->view[i], s->current->view[i].range->kind);
    }
    os_mutex_unlock(&s->lock);
    return generation;
}

bool space_find_host(struct space *s, const void *host, paddr *a)
{
    bool found = false;
    os_mutex_lock(&s->lock);
    const struct flat *f = s->current;
    for (size_t i = 0; f && i < f->count && !found; i++) {
        const struct mem_view *v = &f->view[i];
        const uint8_t *first = v->range->host ? v->range->host + v->offset : NULL;
        found = first && v->range->kind == RANGE_RAM && (const uint8_t *)host >= first &&
                (uint64_t)((const uint8_t *)host - first) < v->size;
        if (found) {
            *a = v->base + (uint64_t)((const uint8_t *)host - first);
        }
    }
    os_mutex_unlock(&s->lock);
    return found;
}

struct dirty *space_dirty(struct space *s)
{
    return s->dirty;
}

char *space_describe(struct space *s)
{
    static const char *const kinds[] = {"ram", "rom", "romd", "i/o"};
    struct strbuf out = {0};
    struct mem_view v;
    os_mutex_lock(&s->lock);
    strbuf_printf(&out, "address-space: %s\n", s->name);
    for (size_t i = 0; i < s->current->count; i++) {
        v = s->current->view[i];
        strbuf_printf(&out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", v.base,
                      view_last(&v), v.range->priority, kinds[v.range->kind], v.range->name);
        if (v.offset) {
            strbuf_printf(&out, " @%016" PRIx64, v.offset);
        }
        strbuf_putc(&out, '\n');
    }
    os_mutex_unlock(&s->lock);
    return strbuf_take(&out);
}
