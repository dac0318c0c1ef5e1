/* SPDX-License-Identifier: MIT */
/* The contract of memory/doorbell.h: who is called by a write, and who is signalled. */
#include "memory/doorbell.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "memory/dma.h"
#include "tests/test.h"

#define AT UINT64_C(0x1000)

struct device {
    struct space *space;
    const struct mem_range *range;
    uint64_t writes; /* that came to its function */
};

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct device *d = opaque;

    (void)offset, (void)value, (void)size;
    atomic_add(&d->writes, 1);
}

static const struct mmio_ops ops = {.read = device_read, .write = device_write};

static struct mem_range range_at(struct device *d, paddr a)
{
    return (struct mem_range){
        .base = a, .size = 0x100, .kind = RANGE_MMIO, .name = "device", .ops = &ops, .opaque = d};
}

static void set_up(struct device *d)
{
    *d = (struct device){.space = space_create("memory")};
    const struct mem_range r = range_at(d, AT);
    d->range = space_add(d->space, &r);
}

static int event(void)
{
    struct error e = {""};
    const int n = os_event_create(&e);

    CHECK_MSG(n >= 0, "%s", e.text);
    return n;
}

TEST(a_write_of_that_size_and_value_signals_and_does_not_call)
{
    struct device d;
    set_up(&d);
    const struct doorbell bell = {.offset = 0x50, .size = 4, .value = 3, .event = event()};

    doorbell_add(d.space, d.range, &bell);
    CHECK(space_store(d.space, AT + 0x50, 4, 3));
    CHECK_EQ(d.writes, 0);
    CHECK(os_event_take(bell.event) && !os_event_take(bell.event));
    space_store(d.space, AT + 0x50, 4, 2);
    space_store(d.space, AT + 0x50, 2, 3);
    space_store(d.space, AT + 0x54, 4, 3);
    CHECK_EQ(d.writes, 3);
    CHECK(!os_event_take(bell.event));
    doorbell_remove(d.space, d.range, &bell);
    space_store(d.space, AT + 0x50, 4, 3);
    CHECK_EQ(d.writes, 4);
    CHECK(!os_event_take(bell.event));
    os_event_close(bell.event);
    space_destroy(d.space);
}

TEST(each_queue_has_its_own)
{
    struct device d;
    int events[4];
    set_up(&d);
    for (unsigned i = 0; i < array_len(events); i++) {
        events[i] = event();
        doorbell_add(d.space, d.range,
                     &(struct doorbell){.offset = 8, .size = 4, .value = i, .event = events[i]});
    }
    space_store(d.space, AT + 8, 4, 2);
    for (unsigned i = 0; i < array_len(events); i++) {
        CHECK_EQ(os_event_take(events[i]), i == 2);
        os_event_close(events[i]);
    }
    space_destroy(d.space);
}

TEST(any_size_and_any_value_ring)
{
    struct device d;
    set_up(&d);
    const struct doorbell bell = {.offset = 4, .any_value = true, .event = event()};

    doorbell_add(d.space, d.range, &bell);
    for (unsigned size = 1; size <= 8; size *= 2) {
        space_store(d.space, AT + 4, size, UINT64_C(0x123456789abcdef) + size);
        CHECK(os_event_take(bell.event));
    }
    CHECK_EQ(d.writes, 0);
    os_event_close(bell.event);
    space_destroy(d.space);
}

TEST(the_value_is_compared_in_the_width_of_the_write)
{
    struct device d;
    set_up(&d);
    const struct doorbell bell = {.size = 1, .value = 0x34, .event = event()};

    doorbell_add(d.space, d.range, &bell);
    space_store(d.space, AT, 1, 0x1234);
    CHECK(os_event_take(bell.event));
    os_event_close(bell.event);
    space_destroy(d.space);
}

TEST(a_doorbell_moves_with_its_range)
{
    struct device d;
    set_up(&d);
    const struct doorbell bell = {.offset = 8, .size = 2, .any_value = true, .event = event()};
    const struct mem_range moved = range_at(&d, 0x8000);

    doorbell_add(d.space, d.range, &bell);
    space_remove(d.space, d.range);
    CHECK(!space_store(d.space, AT + 8, 2, 0));
    CHECK(space_add(d.space, &moved) == d.range);
    space_store(d.space, 0x8008, 2, 0);
    CHECK(os_event_take(bell.event));
    os_event_close(bell.event);
    space_destroy(d.space);
}

/* ---- an accelerator that rings by itself */

#define MOST 64u

struct owner {
    struct {
        paddr a;
        struct doorbell bell;
    } at[MOST];
    unsigned count;
};

static void add(void *opaque, paddr a, const struct doorbell *d)
{
    struct owner *o = opaque;

    assert(o->count < MOST);
    for (unsigned i = 0; i < o->count; i++) {
        CHECK(o->at[i].a != a || o->at[i].bell.value != d->value);
    }
    o->at[o->count].a = a;
    o->at[o->count++].bell = *d;
}

static void remove_bell(void *opaque, paddr a, const struct doorbell *d)
{
    struct owner *o = opaque;
    unsigned i = 0;

    while (i < o->count && (o->at[i].a != a || o->at[i].bell.event != d->event ||
                            o->at[i].bell.value != d->value)) {
        i++;
    }
    CHECK(i < o->count);
    o->at[i] = o->at[--o->count];
}

static const struct doorbell_ops owner_ops = {add, remove_bell};

TEST(an_owner_follows_doorbells_and_the_map)
{
    struct owner o = {.count = 0};
    struct device d;
    set_up(&d);
    const struct doorbell bell = {.offset = 0x10, .size = 4, .any_value = true, .event = event()};
    const struct mem_range moved = range_at(&d, 0x8000);
    struct mem_range cover = range_at(&d, AT + 0x12);

    doorbell_add(d.space, d.range, &bell);
    struct doorbell_owner *owner = doorbell_own(d.space, &owner_ops, &o);
    CHECK(o.count == 1 && o.at[0].a == AT + 0x10);
    space_remove(d.space, d.range);
    CHECK_EQ(o.count, 0);
    space_add(d.space, &moved);
    CHECK(o.count == 1 && o.at[0].a == 0x8010);
    /* a part of its bytes is covered: the program looks at what is written there */
    cover.base = 0x8012;
    cover.priority = 1;
    const struct mem_range *over = space_add(d.space, &cover);
    CHECK_EQ(o.count, 0);
    space_remove(d.space, over);
    CHECK_EQ(o.count, 1);
    doorbell_remove(d.space, d.range, &bell);
    CHECK_EQ(o.count, 0);
    doorbell_add(d.space, d.range, &bell);
    CHECK_EQ(o.count, 1);
    doorbell_disown(owner);
    CHECK_EQ(o.count, 0);
    os_event_close(bell.event);
    space_destroy(d.space);
}

/* ---- races */

struct guest {
    struct device *d;
    struct os_thread thread;
    const bool *over;
    uint64_t stores;
};

static void store_for_ever(void *opaque)
{
    struct guest *g = opaque;

    while (!atomic_get(g->over)) {
        space_store(g->d->space, AT + 8, 4, 1);
        atomic_add(&g->stores, 1);
    }
}

/* Guests write while doorbells come and go. Behind each removal its event stays silent, and each
 * write was seen by one of the two. */
TEST(behind_its_removal_nobody_signals)
{
    struct device d;
    struct guest g[3];
    struct error e;
    bool over = false;
    unsigned rung = 0;
    set_up(&d);

    for (unsigned i = 0; i < array_len(g); i++) {
        g[i] = (struct guest){.d = &d, .over = &over};
        REQUIRE(os_thread_start(&g[i].thread, "guest", store_for_ever, &g[i], &e));
    }
    for (unsigned n = 0; n < 200 * test_scale(); n++) {
        const struct doorbell bell = {.offset = 8, .size = 4, .value = 1, .event = event()};
        doorbell_add(d.space, d.range, &bell);
        rung += os_event_wait(bell.event, 20000);
        doorbell_remove(d.space, d.range, &bell);
        os_event_take(bell.event);
        const uint64_t calls = atomic_get(&d.writes);
        while (atomic_get(&d.writes) == calls) {
            os_yield();
        }
        CHECK(!os_event_take(bell.event));
        os_event_close(bell.event);
    }
    for (unsigned i = 0; i < array_len(g); i++) { /* on a busy host one may have been late */
        while (atomic_get(&g[i].stores) <= 100) {
            os_yield();
        }
    }
    atomic_set(&over, true);
    for (unsigned i = 0; i < array_len(g); i++) {
        os_thread_join(&g[i].thread);
    }
    CHECK(rung > 0);
    space_destroy(d.space);
}

static void ring_so_often(void *opaque)
{
    struct guest *g = opaque;

    for (uint64_t n = 0; n < 100000; n++) {
        atomic_set_release(&g->stores, n);
        space_store(g->d->space, AT + 8, 4, 1);
    }
}

/* No signal is lost: who takes the event and then looks sees all that was written before it. */
TEST(the_last_write_is_heard)
{
    struct device d;
    struct guest g = {.d = &d};
    struct error e;
    set_up(&d);
    const struct doorbell bell = {.offset = 8, .size = 4, .value = 1, .event = event()};

    doorbell_add(d.space, d.range, &bell);
    REQUIRE(os_thread_start(&g.thread, "guest", ring_so_often, &g, &e));
    uint64_t seen = 0;
    while (seen < 99999 && os_event_wait(bell.event, INT64_C(10000000000))) {
        os_event_take(bell.event);
        seen = atomic_get_acquire(&g.stores);
    }
    CHECK(seen >= 99999);
    os_thread_join(&g.thread);
    CHECK_EQ(d.writes, 0);
    os_event_close(bell.event);
    space_destroy(d.space);
}
