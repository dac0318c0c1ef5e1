/* SPDX-License-Identifier: MIT */
/* The event loop: descriptors, posted work, timers, and the realtime clock that it drives. */
#include "tests/test.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/os.h"
#include "system/loop.h"
#include "system/realtime.h"

struct seen {
    struct loop *loop;
    struct loop_watch *watch;
    unsigned calls, events;
    int fd;
};

static void drain_one(void *opaque, unsigned events)
{
    struct seen *s = opaque;
    char c;
    s->calls++;
    s->events = events;
    if (read(s->fd, &c, 1) <= 0 && s->watch) {
        loop_unwatch(s->watch);
        s->watch = NULL;
    }
}

/* Two watches, each of which ends both. */
struct pair {
    struct loop_watch *watch[2];
    unsigned calls;
};

static void unwatch_both(void *opaque, unsigned events)
{
    struct pair *p = opaque;
    (void)events;
    p->calls++;
    loop_unwatch(p->watch[0]);
    loop_unwatch(p->watch[1]);
}

TEST(readable_descriptor_calls_its_watch_until_it_is_drained)
{
    int p[2];
    struct loop *l = loop_create();
    REQUIRE(pipe(p) == 0);
    struct seen s = {.loop = l, .fd = p[0]};
    s.watch = loop_watch(l, p[0], LOOP_READ, drain_one, &s);
    loop_turn(l, 0);
    CHECK_EQ(s.calls, 0);
    CHECK(write(p[1], "ab", 2) == 2);
    loop_turn(l, 0);
    loop_turn(l, 0);
    loop_turn(l, 0);
    CHECK_EQ(s.calls, 2);
    CHECK_EQ(s.events, LOOP_READ);
    close(p[1]);
    loop_turn(l, 0); /* the hang-up reads as the end */
    CHECK(s.events & LOOP_HANGUP);
    CHECK(s.watch == NULL);
    close(p[0]);
    loop_destroy(l);
}

TEST(paused_watch_is_not_called_even_when_the_peer_hangs_up)
{
    int p[2];
    struct loop *l = loop_create();
    REQUIRE(pipe(p) == 0);
    struct seen s = {.loop = l, .fd = p[0]};
    s.watch = loop_watch(l, p[0], 0, drain_one, &s);
    close(p[1]);
    loop_turn(l, 0);
    CHECK_EQ(s.calls, 0);
    loop_watch_events(s.watch, LOOP_READ);
    loop_turn(l, 0);
    CHECK_EQ(s.calls, 1);
    close(p[0]);
    loop_destroy(l);
}

TEST(regular_file_is_always_ready)
{
    char name[] = "/tmp/dragoman-loop-XXXXXX";
    int fd = mkstemp(name);
    REQUIRE(fd >= 0);
    unlink(name);
    CHECK(write(fd, "xyz", 3) == 3);
    lseek(fd, 0, SEEK_SET);
    struct loop *l = loop_create();
    struct seen s = {.loop = l, .fd = fd};
    s.watch = loop_watch(l, fd, LOOP_READ, drain_one, &s);
    for (int i = 0; i < 6; i++) {
        loop_turn(l, 1000);
    }
    CHECK_EQ(s.calls, 4); /* three bytes, and the end */
    CHECK(s.watch == NULL);
    close(fd);
    loop_destroy(l);
}

TEST(watch_may_remove_itself_and_another_that_is_ready)
{
    int a[2], b[2];
    struct loop *l = loop_create();
    struct pair both = {.calls = 0};
    REQUIRE(pipe(a) == 0 && pipe(b) == 0);
    both.watch[0] = loop_watch(l, a[0], LOOP_READ, unwatch_both, &both);
    both.watch[1] = loop_watch(l, b[0], LOOP_READ, unwatch_both, &both);
    CHECK(write(a[1], "a", 1) == 1 && write(b[1], "b", 1) == 1);
    loop_turn(l, 0);
    loop_turn(l, 0);
    CHECK_EQ(both.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    loop_destroy(l);
}

static void count_up(void *opaque)
{
    ++*(_Atomic unsigned *)opaque;
}

struct poster {
    struct loop *loop;
    _Atomic unsigned *count;
    unsigned n;
};

static void post_many(void *opaque)
{
    struct poster *p = opaque;
    for (unsigned i = 0; i < p->n; i++) {
        loop_post(p->loop, count_up, p->count);
    }
    loop_stop(p->loop);
}

TEST(posted_work_of_another_thread_runs_on_the_loop)
{
    struct loop *l = loop_create();
    _Atomic unsigned count = 0;
    struct poster p = {.loop = l, .count = &count, .n = 10000};
    struct os_thread t;
    struct error e;
    CHECK(loop_on_thread(l));
    REQUIRE(os_thread_start(&t, "poster", post_many, &p, &e));
    loop_run(l);
    os_thread_join(&t);
    loop_turn(l, 0); /* what came after the last turn */
    CHECK_EQ(count, 10000);
    loop_destroy(l);
}

static char order[8];
static unsigned ordered;

static void note_a(void *opaque)
{
    (void)opaque;
    order[ordered++] = 'a';
}

static void note_b(void *opaque)
{
    (void)opaque;
    order[ordered++] = 'b';
}

TEST(timers_run_in_the_order_of_their_due_times)
{
    struct loop *l = loop_create();
    struct loop_timer *a = loop_timer_create(l, note_a, NULL),
                      *b = loop_timer_create(l, note_b, NULL);
    int64_t now = os_now_ns();
    ordered = 0;
    memset(order, 0, sizeof(order));
    loop_timer_set(a, now + 2000000);
    loop_timer_set(b, now + 1000000);
    while (ordered < 2) {
        loop_turn(l, -1);
    }
    CHECK_STR(order, "ba");
    CHECK(os_now_ns() >= now + 2000000);
    loop_timer_set(a, now);
    loop_timer_cancel(a);
    loop_turn(l, 0);
    CHECK_STR(order, "ba");
    loop_timer_destroy(a);
    loop_timer_destroy(b);
    loop_destroy(l);
}

TEST(virtual_clock_stands_still_until_started_and_while_stopped)
{
    struct loop *l = loop_create();
    struct realtime *r = realtime_create(l);
    struct clock *c = realtime_clock(r);
    CHECK_EQ(clock_now_ns(c), 0);
    realtime_start(r);
    os_sleep_until_ns(os_now_ns() + 1000000);
    realtime_stop(r);
    uint64_t stopped = clock_now_ns(c);
    CHECK(stopped >= 1000000);
    os_sleep_until_ns(os_now_ns() + 1000000);
    CHECK_EQ(clock_now_ns(c), stopped);
    realtime_start(r);
    CHECK(clock_now_ns(c) >= stopped);
    CHECK(clock_now_ns(c) < stopped + 1000000000);
    realtime_destroy(r);
    loop_destroy(l);
}

TEST(timer_of_the_virtual_clock_fires_only_while_it_runs)
{
    struct loop *l = loop_create();
    struct realtime *r = realtime_create(l);
    struct clock *c = realtime_clock(r);
    _Atomic unsigned fired = 0;
    struct clock_timer *t = clock_timer_create(c, count_up, &fired);
    clock_timer_set(t, 1000000);
    loop_turn(l, 5);
    CHECK_EQ(fired, 0);
    realtime_start(r);
    while (!fired) {
        loop_turn(l, -1);
    }
    CHECK(clock_now_ns(c) >= 1000000);
    clock_timer_set(t, clock_now_ns(c) + 1000000);
    realtime_stop(r);
    loop_turn(l, 5);
    CHECK_EQ(fired, 1);
    clock_timer_destroy(t);
    realtime_destroy(r);
    loop_destroy(l);
}

struct setter {
    struct clock *clock;
    struct clock_timer *timer;
};

static void set_soon(void *opaque)
{
    struct setter *s = opaque;
    clock_timer_set(s->timer, clock_now_ns(s->clock) + 100000);
}

TEST(timer_set_by_another_thread_wakes_a_sleeping_loop)
{
    struct loop *l = loop_create();
    struct realtime *r = realtime_create(l);
    _Atomic unsigned fired = 0;
    struct setter s = {.clock = realtime_clock(r)};
    s.timer = clock_timer_create(s.clock, count_up, &fired);
    struct os_thread t;
    struct error e;
    realtime_start(r);
    REQUIRE(os_thread_start(&t, "setter", set_soon, &s, &e));
    while (!fired) {
        loop_turn(l, -1);
    }
    CHECK_EQ(fired, 1);
    os_thread_join(&t);
    clock_timer_destroy(s.timer);
    realtime_destroy(r);
    loop_destroy(l);
}
