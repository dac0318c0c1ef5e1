/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Breakpoints and watchpoints of a debugger, put anywhere and at any time into programs that change
 * their mappings (tests/support/churn.h): each engine stops where the oracle stops, which looks at
 * each instruction and each access, with the same registers, and goes on to the same end. That also
 * where watchpoints stop behind the instruction.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "tests/support/churn.h"
#include "tests/support/oracle.h"
#include "tests/test.h"

#define PROGRAMS 6u
#define STOPS 60u
#define BREAKPOINTS 5u
#define WATCHPOINTS 6u
#define TRACE_INSNS 12000u

struct watch {
    uint64_t va, bytes;
    enum watch_kind kind;
};

struct points {
    uint64_t pc[BREAKPOINTS];
    unsigned breakpoints;
    struct watch watch[WATCHPOINTS];
    unsigned watchpoints;
};

/* ---- the oracle's side: a class of which every access is asked about */

struct seen {
    uint64_t va;
    unsigned bytes;
};

static struct {
    struct cpu_class cls;
    const struct points *points; /* NULL: accesses are noted, */
    struct seen *noted;          /* here */
    unsigned count;
    bool passing;
    bool met; /* behind an instruction: it has met */
    struct accel_watch hit;
} asked;

/* A64, but for where watchpoints stop. */
static struct cpu_class stops_behind;

static bool walk_slow(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
                      uint64_t *fault)
{
    const bool good = arm_cpu_class.walk(v, va, a, idx, t, fault);
    t->slow = true;
    return good;
}

static bool wants(const struct watch *w, enum access a)
{
    return w->kind == WATCH_ACCESS || (w->kind == WATCH_WRITE) == (a == ACCESS_WRITE);
}

static bool ask(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx)
{
    if (!arm_cpu_class.watch(v, va, bytes, a, idx)) {
        return false;
    }
    if (!asked.points) {
        asked.noted = mem_resize_array(asked.noted, asked.count + 1, sizeof(*asked.noted));
        asked.noted[asked.count++] = (struct seen){va, bytes};
        return true;
    }
    for (unsigned i = 0; i < asked.points->watchpoints && !asked.passing; i++) {
        const struct watch *w = &asked.points->watch[i];
        if (wants(w, a) && va < w->va + w->bytes && w->va < va + bytes) {
            const struct accel_watch hit = {.va = va > w->va ? va : w->va, .kind = w->kind};
            if (asked.cls.watch_stops_behind) {
                asked.hit = vcpu_env(v)->marks ? asked.hit : hit;
                return vcpu_mark(v, 1);
            }
            asked.hit = hit;
            v->hot.raised = TCG_WATCHED;
            return false;
        }
    }
    return true;
}

static void note_met(struct vcpu *v, uint64_t pc, uint64_t mode_key, uint32_t marks)
{
    (void)v, (void)pc, (void)mode_key;
    asked.met = marks;
}

/* One instruction, which meets no watchpoint if it passes. true: it was refused for one, or has met
 * one. */
static bool oracle_step(struct oracle *o, bool passes, bool *off)
{
    asked.passing = passes;
    asked.met = false;
    enum oracle_reason why;
    do {
        why = oracle_run(o, 1);
    } while (why == ORACLE_KICKED); /* by the end of a program before: nothing was done */
    asked.passing = false;
    *off = why == ORACLE_OFF;
    return why == ORACLE_REFUSED || asked.met;
}

/* It stands before an access that was refused. */
static bool goes_over(bool at_watchpoint)
{
    return at_watchpoint && !asked.cls.watch_stops_behind;
}

static bool is_breakpoint(const struct points *p, uint64_t pc)
{
    for (unsigned i = 0; i < p->breakpoints; i++) {
        if (p->pc[i] == pc) {
            return true;
        }
    }
    return false;
}

enum stop {
    AT_END,
    AT_BREAKPOINT,
    AT_WATCHPOINT
};

/* From where it stands, over a breakpoint that is there, or the watchpoint that it met last. */
static enum stop oracle_next(struct oracle *o, struct test_board *b, bool at_watchpoint)
{
    bool passes = goes_over(at_watchpoint) || is_breakpoint(asked.points, o->v->cls->pc(o->v));
    for (;; passes = false) {
        bool off;
        const bool watched = oracle_step(o, passes, &off);
        if (off || b->ended) {
            return AT_END;
        }
        if (watched) {
            return AT_WATCHPOINT;
        }
        if (is_breakpoint(asked.points, o->v->cls->pc(o->v))) {
            return AT_BREAKPOINT;
        }
    }
}

/* ---- the engine's side */

struct engine {
    struct accel *a;
    struct test_board *board;
    struct os_mutex lock; /* of stopped */
    struct os_cond changed;
    bool stopped;
};

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    struct engine *e = opaque;
    (void)v;
    CHECK(why == ACCEL_DEBUG);
    os_mutex_lock(&e->lock);
    e->stopped = true;
    os_cond_signal(&e->changed);
    os_mutex_unlock(&e->lock);
}

/* Until the accelerator reports or the program has ended. */
static void wait_for(struct engine *e)
{
    const int64_t give_up = os_now_ns() + INT64_C(20000000000);
    os_mutex_lock(&e->lock);
    while (!e->stopped && !e->board->ended && os_now_ns() < give_up) {
        os_cond_wait_until(&e->changed, &e->lock, os_now_ns() + 200000);
    }
    CHECK(e->stopped || e->board->ended);
    e->stopped = false;
    os_mutex_unlock(&e->lock);
    accel_stop(e->a);
}

static void put(struct engine *e, const struct points *p, bool insert)
{
    for (unsigned i = 0; i < p->breakpoints; i++) {
        CHECK(accel_breakpoint(e->a, p->pc[i], insert));
    }
    for (unsigned i = 0; i < p->watchpoints; i++) {
        const struct watch *w = &p->watch[i];
        CHECK(accel_watchpoint(e->a, w->va, w->bytes, w->kind, insert));
    }
}

/* As gdb goes on: over the breakpoint by a step without any; a watchpoint is for the engine. */
static enum stop engine_next(struct engine *e, const struct points *p, struct accel_watch *hit)
{
    struct vcpu *v = e->board->vcpus[0];
    if (is_breakpoint(p, v->cls->pc(v))) {
        put(e, p, false);
        accel_step(e->a, v);
        wait_for(e);
        put(e, p, true);
        if (is_breakpoint(p, v->cls->pc(v)) && !e->board->ended) {
            return AT_BREAKPOINT;
        }
    } else {
        accel_step_over(v);
    }
    if (!e->board->ended) {
        accel_start(e->a);
        wait_for(e);
    }
    return accel_watch_hit(v, hit) ? AT_WATCHPOINT : e->board->ended ? AT_END : AT_BREAKPOINT;
}

/* ---- where points are put: at what the program executes and accesses */

static void choose_points(struct rng *r, uint64_t seed, struct points *p)
{
    struct error e;
    struct churn *c = churn_create(&e);
    struct vcpu *v = churn_board(c)->vcpus[0];
    uint64_t pcs[TRACE_INSNS];
    struct oracle o;
    unsigned n = 0;

    churn_load(c, seed, false);
    asked.points = NULL;
    asked.count = 0;
    v->cls = &asked.cls;
    oracle_init(&o, v);
    while (n < TRACE_INSNS && !churn_board(c)->ended) {
        pcs[n++] = v->cls->pc(v);
        oracle_run(&o, 1);
    }
    oracle_free(&o);
    *p = (struct points){.breakpoints = BREAKPOINTS, .watchpoints = WATCHPOINTS};
    p->pc[0] = pcs[rng_below(r, n)];
    for (unsigned i = 1; i < BREAKPOINTS; i++) { /* some close to each other, before or behind */
        p->pc[i] = rng_below(r, 2) ? p->pc[i - 1] + 4 * rng_below(r, 40) - 80
                                   : pcs[rng_below(r, n)];
    }
    for (unsigned i = 0; i < WATCHPOINTS; i++) {
        const struct seen *s = &asked.noted[rng_below(r, asked.count)];
        static const uint16_t sizes[] = {1, 2, 4, 8, 8, 16, 64, 512};
        p->watch[i] = (struct watch){.va = s->va + rng_below(r, s->bytes + 8) - 4,
                                     .bytes = sizes[rng_below(r, array_len(sizes))],
                                     .kind = (enum watch_kind)rng_below(r, 3)};
    }
    v->cls = &arm_cpu_class;
    churn_free(c);
}

static void same_state(struct churn *mine, struct churn *theirs, uint64_t seed, unsigned stop)
{
    struct churn_result got, want;
    char why[200] = "";
    const struct vcpu *a = churn_board(mine)->vcpus[0], *b = churn_board(theirs)->vcpus[0];

    churn_result(mine, &got);
    churn_result(theirs, &want);
    const bool differ = churn_differs(&got, &want, why, sizeof(why));
    CHECK_MSG(!differ, "program 0x%" PRIx64 ", stop %u: %s", seed, stop, why);
    if (stop != STOPS) {
        CHECK_EQ(a->cls->pc(a), b->cls->pc(b));
    }
}

static bool one_stop(struct engine *e, struct oracle *o, const struct points *p, uint64_t seed,
                     unsigned n)
{
    struct accel_watch hit = {0};
    const bool at = accel_watch_hit(e->board->vcpus[0], &hit);
    const enum stop want = oracle_next(o, (struct test_board *)o->v->power, at);
    const enum stop got = engine_next(e, p, &hit);

    CHECK_MSG(got == want, "program 0x%" PRIx64 ", stop %u is %d, not %d", seed, n, got, want);
    if (got == AT_WATCHPOINT && want == AT_WATCHPOINT) {
        CHECK_EQ(hit.va, asked.hit.va);
        CHECK_EQ(hit.kind, asked.hit.kind);
    }
    return got == want && got != AT_END;
}

/* One instruction, which may meet a watchpoint first. at: both stand at one, and go over it. */
static bool one_step(struct engine *e, struct oracle *o, bool at)
{
    struct vcpu *v = e->board->vcpus[0];
    struct accel_watch hit = {0};

    bool off;
    const bool refused = oracle_step(o, goes_over(at), &off);
    if (at) {
        accel_step_over(v);
    }
    accel_step(e->a, v);
    wait_for(e);
    CHECK_EQ(accel_watch_hit(v, &hit), refused);
    CHECK(!refused || hit.va == asked.hit.va);
    return refused;
}

static void some_steps(struct engine *e, struct oracle *o, struct rng *r, bool at)
{
    for (uint64_t n = rng_below(r, 6); n > 0 && !e->board->ended; n--) {
        at = one_step(e, o, at);
    }
}

static void debug_program(struct engine *e, struct churn *mine, struct churn *theirs, uint64_t seed)
{
    struct points p;
    struct rng r;
    struct oracle o;
    unsigned n = 0;
    const uint64_t before = accel_instructions(e->a); /* 0 if they are not counted */

    rng_seed(&r, seed);
    choose_points(&r, seed, &p);
    churn_load(theirs, seed, false);
    churn_board(theirs)->vcpus[0]->cls = &asked.cls;
    oracle_init(&o, churn_board(theirs)->vcpus[0]);
    asked.points = &p;
    accel_forget(e->a);
    churn_load(mine, seed, false);
    put(e, &p, true);
    while (n < STOPS && one_stop(e, &o, &p, seed, n)) {
        struct accel_watch hit;
        same_state(mine, theirs, seed, n++);
        some_steps(e, &o, &r, accel_watch_hit(e->board->vcpus[0], &hit));
        same_state(mine, theirs, seed, n);
    }
    CHECK(n > 0);
    CHECK(!before || accel_instructions(e->a) - before == o.insns);
    put(e, &p, false);
    p = (struct points){0};
    while (!churn_board(theirs)->ended) {
        oracle_next(&o, churn_board(theirs), false);
    }
    while (!churn_board(mine)->ended && test_state.failures == 0) {
        accel_start(e->a);
        wait_for(e);
    }
    same_state(mine, theirs, seed, STOPS);
    oracle_free(&o);
    churn_board(theirs)->vcpus[0]->cls = &arm_cpu_class;
}

static void debug_class(const struct cpu_class *cls, const struct accel_config *config)
{
    struct error error = {""};
    struct accel_config own = *config;
    struct churn *mine = churn_create(&error), *theirs = churn_create(&error);
    struct engine e = {.board = churn_board(mine)};

    asked.cls = *cls;
    asked.cls.walk = walk_slow;
    asked.cls.walk_leaf = NULL;
    asked.cls.watch = ask;
    asked.cls.followed = note_met;
    e.board->vcpus[0]->cls = cls;
    os_mutex_init(&e.lock);
    os_cond_init(&e.changed);
    own.cache_bytes = 4u << 20;
    own.time = config->counted ? counted_create(config) : NULL;
    e.a = accel_create(&own, e.board->vcpus, 1, exited, &e, &error);
    REQUIRE(e.a);
    for (unsigned n = 0; n < PROGRAMS * test_scale() && test_state.failures == 0; n++) {
        debug_program(&e, mine, theirs, test_seed() + n);
    }
    accel_destroy(e.a);
    counted_destroy(own.time);
    os_cond_destroy(&e.changed);
    os_mutex_destroy(&e.lock);
    mem_free(asked.noted);
    asked.noted = NULL;
    churn_free(mine);
    churn_free(theirs);
}

static void debug(const struct accel_config *config)
{
    debug_class(&arm_cpu_class, config);
}

static void debug_behind(const struct accel_config *config)
{
    stops_behind = arm_cpu_class;
    stops_behind.watch_stops_behind = true;
    debug_class(&stops_behind, config);
}

TEST(host_code_stops_behind_what_it_accesses)
{
    debug_behind(&(struct accel_config){0});
}

TEST(the_interpreter_stops_behind_what_it_accesses)
{
    debug_behind(&(struct accel_config){.interpreter = true});
}

TEST(counted_code_stops_behind_what_it_accesses)
{
    debug_behind(&(struct accel_config){.counted = true, .shift = 3});
}

TEST(host_code_stops_where_it_should)
{
    debug(&(struct accel_config){0});
}

TEST(host_code_of_level_2_stops_where_it_should)
{
    debug(&(struct accel_config){.host_level = 2});
}

TEST(the_interpreter_stops_where_it_should)
{
    debug(&(struct accel_config){.interpreter = true});
}

TEST(counted_code_stops_where_it_should)
{
    debug(&(struct accel_config){.counted = true, .shift = 3});
}

TEST(the_counted_interpreter_stops_where_it_should)
{
    debug(&(struct accel_config){.counted = true, .shift = 3, .interpreter = true});
}
