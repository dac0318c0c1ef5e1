/* SPDX-License-Identifier: MIT */
/*
 * The virtual clock and its timers.
 *
 * Set timers stand in a binary heap ordered by deadline, then by age, under the clock's lock. A
 * timer knows its place in the heap, so that setting it anew or cancelling it is O(log n). While a
 * function runs, `running` is its timer: clock_timer_destroy() waits for that to change, or, when
 * called from the function itself, tells clock_run_due() that the timer is gone.
 */
#include "base/clock.h"

#include <pthread.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

struct clock_timer {
    struct clock *clock;
    clock_fn fn;
    void *opaque;
    uint64_t due_ns; /* written under the lock, read by anybody */
    uint64_t age;    /* order of creation */
    size_t place;    /* in the heap; NO_PLACE if not set */
};
#define NO_PLACE SIZE_MAX

struct clock {
    struct clock_source source;
    struct os_mutex lock; /* guards all below */
    struct os_cond idle;  /* signalled when running becomes NULL */
    struct clock_timer **heap;
    size_t count, cap;
    uint64_t created;
    size_t timers; /* not yet destroyed */
    struct clock_timer *running;
    pthread_t runner; /* valid while running is not NULL */
    uint64_t manual_now_ns;
};

struct clock *clock_create(struct clock_source source)
{
    struct clock *c = mem_alloc(sizeof(*c));
    c->source = source;
    os_mutex_init(&c->lock);
    os_cond_init(&c->idle);
    return c;
}

void clock_destroy(struct clock *c)
{
    assert(c->timers == 0);
    os_cond_destroy(&c->idle);
    os_mutex_destroy(&c->lock);
    mem_free(c->heap);
    mem_free(c);
}

uint64_t clock_now_ns(struct clock *c)
{
    return c->source.now_ns(c->source.opaque);
}

/* ---- the heap */

static bool sooner(const struct clock_timer *a, const struct clock_timer *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->age < b->age;
}

static void heap_put(struct clock *c, size_t place, struct clock_timer *t)
{
    c->heap[place] = t;
    t->place = place;
}

static void heap_up(struct clock *c, size_t place)
{
    struct clock_timer *t = c->heap[place];
    while (place > 0 && sooner(t, c->heap[(place - 1) / 2])) {
        heap_put(c, place, c->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_put(c, place, t);
}

static void heap_down(struct clock *c, size_t place)
{
    struct clock_timer *t = c->heap[place];
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < c->count && sooner(c->heap[child + 1], c->heap[child])) {
            child++;
        }
        if (child >= c->count || !sooner(c->heap[child], t)) {
            break;
        }
        heap_put(c, place, c->heap[child]);
        place = child;
    }
    heap_put(c, place, t);
}

static void heap_remove(struct clock *c, struct clock_timer *t)
{
    size_t place = t->place;
    t->place = NO_PLACE;
    struct clock_timer *last = c->heap[--c->count];
    if (last != t) {
        heap_put(c, place, last);
        heap_up(c, place);
        heap_down(c, last->place);
    }
}

static void heap_insert(struct clock *c, struct clock_timer *t)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->heap = mem_resize_array(c->heap, c->cap, sizeof(*c->heap));
    }
    heap_put(c, c->count++, t);
    heap_up(c, t->place);
}

/* ---- timers */

struct clock_timer *clock_timer_create(struct clock *c, clock_fn fn, void *opaque)
{
    struct clock_timer *t = mem_alloc(sizeof(*t));
    *t = (struct clock_timer){
        .clock = c, .fn = fn, .opaque = opaque, .due_ns = CLOCK_NEVER, .place = NO_PLACE};
    os_mutex_lock(&c->lock);
    t->age = c->created++;
    c->timers++;
    os_mutex_unlock(&c->lock);
    return t;
}

void clock_timer_destroy(struct clock_timer *t)
{
    if (!t) {
        return;
    }
    struct clock *c = t->clock;
    os_mutex_lock(&c->lock);
    if (t->place != NO_PLACE) {
        heap_remove(c, t);
    }
    if (c->running == t && pthread_equal(c->runner, pthread_self())) {
        c->running = NULL;
    }
    while (c->running == t) {
        os_cond_wait(&c->idle, &c->lock);
    }
    c->timers--;
    os_mutex_unlock(&c->lock);
    mem_free(t);
}

void clock_timer_set(struct clock_timer *t, uint64_t due_ns)
{
    struct clock *c = t->clock;
    os_mutex_lock(&c->lock);
    uint64_t before = c->count ? c->heap[0]->due_ns : CLOCK_NEVER;
    if (t->place != NO_PLACE) {
        heap_remove(c, t);
    }
    atomic_set(&t->due_ns, due_ns);
    if (due_ns != CLOCK_NEVER) {
        heap_insert(c, t);
    }
    bool nearer = due_ns < before;
    os_mutex_unlock(&c->lock);
    if (nearer && c->source.deadline_changed) {
        c->source.deadline_changed(c->source.opaque);
    }
}

void clock_timer_cancel(struct clock_timer *t)
{
    clock_timer_set(t, CLOCK_NEVER);
}

uint64_t clock_timer_due_ns(const struct clock_timer *t)
{
    return atomic_get(&t->due_ns);
}

uint64_t clock_deadline_ns(struct clock *c)
{
    os_mutex_lock(&c->lock);
    uint64_t due = c->count ? c->heap[0]->due_ns : CLOCK_NEVER;
    os_mutex_unlock(&c->lock);
    return due;
}

void clock_run_due(struct clock *c)
{
    os_mutex_lock(&c->lock);
    assert(!c->running);
    /* No more functions than there are timers: one that is always due again must not hold its
     * driver up. */
    for (size_t left = c->timers; left > 0 && c->count > 0; left--) {
        if (c->heap[0]->due_ns > clock_now_ns(c)) {
            break;
        }
        struct clock_timer *t = c->heap[0];
        heap_remove(c, t);
        atomic_set(&t->due_ns, CLOCK_NEVER);
        c->running = t;
        c->runner = pthread_self();
        os_mutex_unlock(&c->lock);
        t->fn(t->opaque);
        os_mutex_lock(&c->lock);
        c->running = NULL;
        os_cond_broadcast(&c->idle);
    }
    os_mutex_unlock(&c->lock);
}

/* ---- the manual clock: its time is only read and written by the thread that drives it and by
 * devices it drives */

static uint64_t manual_now_ns(void *opaque)
{
    const struct clock *c = opaque;
    return atomic_get(&c->manual_now_ns);
}

struct clock *clock_manual_create(void)
{
    struct clock *c = clock_create((struct clock_source){.now_ns = manual_now_ns});
    c->source.opaque = c;
    return c;
}

void clock_manual_advance(struct clock *c, uint64_t ns)
{
    const uint64_t end = c->manual_now_ns + ns;
    for (;;) {
        uint64_t due = clock_deadline_ns(c);
        if (due > end) {
            break;
        }
        if (due > c->manual_now_ns) {
            atomic_set(&c->manual_now_ns, due);
        }
        clock_run_due(c);
    }
    atomic_set(&c->manual_now_ns, end);
}

void clock_manual_set(struct clock *c, uint64_t ns)
{
    atomic_set(&c->manual_now_ns, ns);
}
