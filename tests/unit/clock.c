/* SPDX-License-Identifier: MIT */
/* The contract of base/clock.h. */
#include "base/clock.h"

#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "tests/test.h"

struct record {
    struct clock *clock;
    uint64_t at[64]; /* time of each call */
    int who[64];
    int count;
};

struct caller {
    struct record *record;
    struct clock_timer *timer;
    int name;
    uint64_t period_ns;
    bool dies;
};

static void called(void *opaque)
{
    struct caller *c = opaque;
    struct record *r = c->record;
    if (r->count < 64) {
        r->at[r->count] = clock_now_ns(r->clock);
        r->who[r->count] = c->name;
    }
    r->count++;
    if (c->period_ns) {
        clock_timer_set(c->timer, clock_now_ns(r->clock) + c->period_ns);
    }
    if (c->dies) {
        clock_timer_destroy(c->timer);
        c->timer = NULL;
    }
}

static struct caller caller(struct record *r, int name)
{
    return (struct caller){.record = r, .name = name};
}

static void caller_start(struct caller *c, uint64_t due_ns)
{
    c->timer = clock_timer_create(c->record->clock, called, c);
    clock_timer_set(c->timer, due_ns);
}

TEST(timers_expire_in_order_of_deadline_then_creation)
{
    struct record r = {.clock = clock_manual_create()};
    struct caller late = caller(&r, 1), soon = caller(&r, 2), soon_too = caller(&r, 3);
    caller_start(&late, 200);
    caller_start(&soon, 100);
    caller_start(&soon_too, 100);
    CHECK_EQ(clock_deadline_ns(r.clock), 100);

    clock_manual_advance(r.clock, 99);
    CHECK_EQ(r.count, 0);
    clock_manual_advance(r.clock, 101);
    CHECK_EQ(r.count, 3);
    CHECK_EQ(r.who[0], 2);
    CHECK_EQ(r.who[1], 3);
    CHECK_EQ(r.who[2], 1);
    CHECK_EQ(r.at[0], 100);
    CHECK_EQ(r.at[2], 200);
    CHECK_EQ(clock_deadline_ns(r.clock), CLOCK_NEVER);

    clock_timer_destroy(late.timer);
    clock_timer_destroy(soon.timer);
    clock_timer_destroy(soon_too.timer);
    clock_destroy(r.clock);
}

TEST(periodic_timer_sees_each_of_its_own_times)
{
    struct record r = {.clock = clock_manual_create()};
    struct caller tick = caller(&r, 1);
    tick.period_ns = 10;
    caller_start(&tick, 10);
    clock_manual_advance(r.clock, 105);
    CHECK_EQ(r.count, 10);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(r.at[i], 10 * (i + 1));
    }
    CHECK_EQ(clock_now_ns(r.clock), 105);
    CHECK_EQ(clock_timer_due_ns(tick.timer), 110);
    clock_timer_destroy(tick.timer);
    clock_destroy(r.clock);
}

TEST(cancelled_and_replaced_deadlines_do_not_expire)
{
    struct record r = {.clock = clock_manual_create()};
    struct caller a = caller(&r, 1), b = caller(&r, 2);
    caller_start(&a, 10);
    caller_start(&b, 10);
    clock_timer_cancel(a.timer);
    CHECK_EQ(clock_timer_due_ns(a.timer), CLOCK_NEVER);
    clock_timer_set(b.timer, 50);
    clock_manual_advance(r.clock, 20);
    CHECK_EQ(r.count, 0);
    clock_manual_advance(r.clock, 30);
    CHECK_EQ(r.count, 1);
    CHECK_EQ(r.who[0], 2);
    clock_timer_destroy(a.timer);
    clock_timer_destroy(b.timer);
    clock_destroy(r.clock);
}

TEST(timer_may_be_destroyed_by_its_own_function)
{
    struct record r = {.clock = clock_manual_create()};
    struct caller a = caller(&r, 1);
    a.dies = true;
    caller_start(&a, 5);
    clock_manual_advance(r.clock, 10);
    CHECK_EQ(r.count, 1);
    CHECK(!a.timer);
    clock_destroy(r.clock);
}

/* A source whose time stands still at `now`, and that counts the calls of deadline_changed. */
struct still {
    uint64_t now;
    int told;
};

static uint64_t still_now(void *opaque)
{
    return ((struct still *)opaque)->now;
}

static void still_told(void *opaque)
{
    ((struct still *)opaque)->told++;
}

TEST(source_is_told_only_of_nearer_deadlines)
{
    struct still s = {.now = 0};
    struct record r = {.clock = clock_create((struct clock_source){still_now, still_told, &s})};
    struct caller a = caller(&r, 1), b = caller(&r, 2);
    caller_start(&a, 100);
    CHECK_EQ(s.told, 1);
    caller_start(&b, 200);
    CHECK_EQ(s.told, 1);
    clock_timer_set(b.timer, 50);
    CHECK_EQ(s.told, 2);
    clock_timer_cancel(b.timer);
    CHECK_EQ(s.told, 2);
    clock_timer_destroy(a.timer);
    clock_timer_destroy(b.timer);
    clock_destroy(r.clock);
}

static void always_due(void *opaque)
{
    struct caller *c = opaque;
    c->record->count++;
    clock_timer_set(c->timer, 0);
}

TEST(timer_that_is_always_due_does_not_hold_its_driver_up)
{
    struct still s = {.now = 100};
    struct record r = {.clock = clock_create((struct clock_source){still_now, NULL, &s})};
    struct caller a = caller(&r, 1), b = caller(&r, 2);
    a.timer = clock_timer_create(r.clock, always_due, &a);
    clock_timer_set(a.timer, 0);
    caller_start(&b, 500);
    clock_run_due(r.clock);
    CHECK(r.count >= 1 && r.count <= 2);
    clock_timer_destroy(a.timer);
    clock_timer_destroy(b.timer);
    clock_destroy(r.clock);
}

TEST(random_sets_and_cancels_expire_as_in_a_sorted_list)
{
    enum {
        TIMERS = 40
    };
    struct rng rng;
    rng_seed(&rng, test_seed());
    struct record r = {.clock = clock_manual_create()};
    struct caller c[TIMERS];
    uint64_t due[TIMERS];
    for (int i = 0; i < TIMERS; i++) {
        c[i] = caller(&r, i);
        due[i] = 1 + rng_below(&rng, 50);
        caller_start(&c[i], due[i]);
    }
    for (int i = 0; i < 200; i++) {
        int which = (int)rng_below(&rng, TIMERS);
        due[which] = rng_below(&rng, 4) ? 1 + rng_below(&rng, 50) : CLOCK_NEVER;
        clock_timer_set(c[which].timer, due[which]);
    }
    clock_manual_advance(r.clock, 100);
    int expected = 0;
    for (int i = 0; i < TIMERS; i++) {
        expected += due[i] != CLOCK_NEVER;
    }
    CHECK_EQ(r.count, expected);
    for (int i = 0; i < expected; i++) {
        CHECK_EQ(r.at[i], due[r.who[i]]);
        CHECK(i == 0 || r.at[i - 1] < r.at[i] ||
              (r.at[i - 1] == r.at[i] && r.who[i - 1] < r.who[i]));
    }
    for (int i = 0; i < TIMERS; i++) {
        clock_timer_destroy(c[i].timer);
    }
    clock_destroy(r.clock);
}

struct slow {
    struct clock *clock;
    _Atomic bool started, ended;
};

static void slow_called(void *opaque)
{
    struct slow *s = opaque;
    s->started = true;
    os_sleep_until_ns(os_now_ns() + 20 * 1000 * 1000);
    s->ended = true;
}

static void slow_drive(void *opaque)
{
    clock_run_due(((struct slow *)opaque)->clock);
}

TEST(destroy_waits_for_a_function_that_runs_on_another_thread)
{
    struct still now = {.now = 10};
    struct slow s = {.clock = clock_create((struct clock_source){still_now, NULL, &now})};
    struct clock_timer *t = clock_timer_create(s.clock, slow_called, &s);
    struct os_thread thread;
    struct error e;
    clock_timer_set(t, 5);
    REQUIRE(os_thread_start(&thread, "clock", slow_drive, &s, &e));
    while (!s.started) {
        os_sleep_until_ns(os_now_ns() + 100 * 1000);
    }
    clock_timer_destroy(t);
    CHECK(s.ended);
    os_thread_join(&thread);
    clock_destroy(s.clock);
}
