/* SPDX-License-Identifier: MIT */
/* See changes.h. */
#include "memory/changes.h"

#include "base/mem.h"

/* Addresses that show memory, by one view. */
struct piece {
    paddr base;
    uint64_t size;
    const uint8_t *host;
};

struct pieces {
    struct piece *at;
    size_t count, room;
    uint64_t generation; /* of the map */
};

struct changes {
    struct space *space;
    struct pieces now, next; /* the second is only room between two looks */
    struct changed_range *range;
    size_t count, room;
};

static void add_piece(void *opaque, const struct mem_view *v, enum range_kind kind)
{
    struct pieces *p = opaque;

    if (kind == RANGE_MMIO) {
        return;
    }
    if (p->count == p->room) {
        p->room = p->room ? 2 * p->room : 32;
        p->at = mem_resize_array(p->at, p->room, sizeof(*p->at));
    }
    p->at[p->count++] = (struct piece){v->base, v->size, v->range->host + v->offset};
}

static void look(struct space *s, struct pieces *p)
{
    p->count = 0;
    p->generation = space_each_view(s, add_piece, p);
}

struct changes *changes_create(struct space *s)
{
    struct changes *c = mem_alloc(sizeof(*c));

    c->space = s;
    look(s, &c->now);
    return c;
}

void changes_free(struct changes *c)
{
    if (c) {
        mem_free(c->now.at);
        mem_free(c->next.at);
        mem_free(c->range);
        mem_free(c);
    }
}

static void add_range(struct changes *c, paddr base, uint64_t size)
{
    if (c->count && c->range[c->count - 1].base + c->range[c->count - 1].size == base) {
        c->range[c->count - 1].size += size;
        return;
    }
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 8;
        c->range = mem_resize_array(c->range, c->room, sizeof(*c->range));
    }
    c->range[c->count++] = (struct changed_range){base, size};
}

/* The rest of the i-th piece, from a on; if there is none: nothing, which is further than any. */
static struct piece rest(const struct pieces *p, size_t i, paddr a)
{
    if (i == p->count) {
        return (struct piece){.base = UINT64_MAX, .size = 0};
    }
    const struct piece *q = &p->at[i];
    return q->base >= a ? *q : (struct piece){a, q->size - (a - q->base), q->host + (a - q->base)};
}

/* From the lower beginning of the two: bytes in which neither begins or ends. */
static uint64_t common_bytes(const struct piece *a, const struct piece *b)
{
    if (a->base == b->base && a->size && b->size) {
        return a->size < b->size ? a->size : b->size;
    }
    const bool a_first = a->size && (!b->size || a->base < b->base);
    const struct piece *first = a_first ? a : b, *second = a_first ? b : a;
    const uint64_t gap = second->base - first->base;

    return second->size && gap < first->size ? gap : first->size;
}

static void compare(struct changes *c, const struct pieces *was, const struct pieces *is)
{
    size_t i = 0, k = 0;

    for (paddr at = 0; i < was->count || k < is->count;) {
        const struct piece a = rest(was, i, at), b = rest(is, k, at);
        const paddr base = a.base < b.base ? a.base : b.base;
        const uint64_t n = common_bytes(&a, &b);
        if (a.base != b.base || a.host != b.host) {
            add_range(c, base, n);
        }
        at = base + n;
        i += a.base == base && a.size == n;
        k += b.base == base && b.size == n;
    }
}

bool changes_look(struct changes *c, const struct changed_range **r, size_t *n)
{
    look(c->space, &c->next);
    c->count = 0;
    const bool single = c->next.generation - c->now.generation <= 1;
    if (single) {
        compare(c, &c->now, &c->next);
    }
    const struct pieces was = c->now;
    c->now = c->next;
    c->next = was;
    *r = c->range;
    *n = c->count;
    return single;
}
