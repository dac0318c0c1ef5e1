/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 120 */
/*
 * Random programs of an invented architecture (tests/invented/machine.h), with events at given
 * counts of instructions, leave the same under every engine as under one that keeps nothing
 * (tests/support/oracle.h). Instructions are counted, so a program need not end.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "tests/invented/program.h"
#include "tests/support/board.h"
#include "tests/support/host_level.h"
#include "tests/support/oracle.h"
#include "tests/test.h"

#define PROGRAMS 20u
#define VCPUS 2u
#define EVENTS 60u
#define INSNS_MAX 400u /* between events, at most */

/* What is compared. */
struct result {
    uint64_t words[128];
    unsigned count;
};

static void note(struct result *r, uint64_t word)
{
    r->words[r->count++] = word;
}

/* What is left after each event. */
struct history {
    struct result at[EVENTS];
    unsigned count;
};

/* A machine, and what happens to it. */
struct rig {
    struct test_board *board;
    struct rng events;
    unsigned left; /* events */
    struct clock_timer *timer;
    uint64_t due; /* the next event's count */
    struct history *history;
    struct os_mutex lock;
    struct os_cond changed;
    bool over;
    uint64_t ports; /* what was done to them */
};

static struct inv_cpu *cpu_of(const struct rig *g, unsigned n)
{
    return inv_cpu(g->board->vcpus[n]);
}

static void load(struct rig *g, uint64_t seed)
{
    inv_program(g->board->ram, seed);
    rng_seed(&g->events, seed ^ 1);
    for (unsigned i = 0; i < VCPUS; i++) {
        inv_start(cpu_of(g, i), &g->events);
        g->board->vcpus[i]->powered_off = g->board->vcpus[i]->halted = false;
    }
    g->left = EVENTS;
    g->history->count = 0;
    g->ports = 0;
    g->over = false;
}

static uint64_t gap(struct rig *g)
{
    return 1 + rng_below(&g->events, INSNS_MAX);
}

/* Flags without those that have no meaning. */
#define FLAGS_MEANT 0xc101u

static void look_at(const struct inv_cpu *c, struct result *r)
{
    note(r, c->pc);
    note(r, c->aux);
    note(r, c->mode);
    note(r, c->ie);
    note(r, c->segment[0]);
    note(r, c->segment[1]);
    note(r, c->ccn);
    for (unsigned i = 0; i < 16; i++) {
        note(r, c->r[i]);
    }
    note(r, c->flags & FLAGS_MEANT);
    for (unsigned i = 0; i < INV_REGIONS; i++) {
        note(r, c->spaces[i]);
    }
    for (unsigned i = 0; i < INV_CAUSES; i++) {
        note(r, c->counts[i]);
    }
    note(r, c->saved_pc);
    note(r, c->saved_aux);
    note(r, c->saved_mode);
    note(r, c->cause);
    note(r, c->address);
    note(r, c->hits);
    note(r, c->held);
}

static void look(const struct rig *g, struct result *r)
{
    r->count = 0;
    for (unsigned i = 0; i < VCPUS; i++) {
        look_at(cpu_of(g, i), r);
    }
    note(r, g->ports);
    note(r, hash_bytes(g->board->ram, INV_RAM_BYTES));
}

/* What is left is noted, then something happens. */
static void happen(struct rig *g)
{
    look(g, &g->history->at[g->history->count++]);
    inv_event(cpu_of(g, (unsigned)rng_below(&g->events, VCPUS)), &g->events);
    for (unsigned i = 0; i < VCPUS; i++) {
        tlb_flush_all(g->board->vcpus[i], false);
    }
    g->left--;
}

/* ---- ports and a device, which give another number each time */

static uint64_t note_port(struct rig *g, uint64_t what)
{
    g->ports = hash_mix64(g->ports ^ what);
    return g->ports;
}

static uint64_t read_port(void *opaque, uint64_t offset, unsigned size)
{
    return note_port(opaque, offset << 8 | size) >> (64 - 8 * size);
}

static void write_port(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    note_port(opaque, value << 24 | offset << 8 | size | 0x80);
}

static const struct mmio_ops ports = {.read = read_port, .write = write_port};

/* ---- the oracle */

/* vCPUs have turns as accel/counted.c gives them: until one gives way, or for so many. */
#define TURN_INSNS 50000
#define TURN_INSNS_SHORT 10000

struct turns {
    struct oracle of[VCPUS];
    unsigned at;
    int64_t left;
    int gave_way; /* -1: nobody did since it had its turn */
};

static void next_turn(struct turns *t)
{
    t->at = (t->at + 1) % VCPUS;
    t->gave_way = t->gave_way == (int)t->at ? -1 : t->gave_way;
    t->left = t->gave_way >= 0 ? TURN_INSNS_SHORT : TURN_INSNS;
}

/* At most n instructions; how many it were. */
static uint64_t go_on(struct turns *t, uint64_t n)
{
    if (t->left <= 0) {
        next_turn(t);
    }
    struct oracle *o = &t->of[t->at];
    const uint64_t before = o->insns;
    const bool kicked = oracle_run(o, n < (uint64_t)t->left ? n : (uint64_t)t->left) ==
                            ORACLE_KICKED ||
                        atomic_exchange(&o->v->hot.exit_request, 0);

    t->left -= (int64_t)(o->insns - before);
    if (kicked && !o->v->cls->interrupt_ready(o->v)) {
        t->left = 0;
        t->gave_way = (int)t->at;
    }
    return o->insns - before;
}

static void run_oracle(struct rig *g)
{
    struct turns t = {.gave_way = -1};

    for (unsigned i = 0; i < VCPUS; i++) {
        oracle_init(&t.of[i], g->board->vcpus[i]);
    }
    while (g->left) {
        for (uint64_t n = gap(g); n > 0;) {
            n -= go_on(&t, n);
        }
        happen(g);
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        oracle_free(&t.of[i]);
    }
}

/* ---- an engine, whose clock counts instructions */

static void due(void *opaque)
{
    struct rig *g = opaque;

    happen(g);
    if (g->left) {
        clock_timer_set(g->timer, g->due += gap(g));
        return;
    }
    os_mutex_lock(&g->lock);
    g->over = true;
    os_cond_signal(&g->changed);
    os_mutex_unlock(&g->lock);
}

static void exited(void *opaque, struct vcpu *v, enum accel_exit why)
{
    (void)opaque, (void)v, (void)why;
}

static bool wait_over(struct rig *g)
{
    const int64_t end = os_now_ns() + INT64_C(30000000000);

    os_mutex_lock(&g->lock);
    while (!g->over && os_cond_wait_until(&g->changed, &g->lock, end)) {
    }
    const bool over = g->over;
    os_mutex_unlock(&g->lock);
    return over;
}

static bool run_engine(struct rig *g, const struct accel_config *config, struct error *e)
{
    struct accel_config own = *config;

    own.counted = true;
    own.cache_bytes = 8u << 20;
    own.time = counted_create(&own);
    g->timer = clock_timer_create(counted_clock(own.time), due, g);
    clock_timer_set(g->timer, g->due = gap(g));
    struct accel *a = accel_create(&own, g->board->vcpus, g->board->count, exited, g, e);
    bool over = false;
    if (a) {
        accel_start(a);
        over = wait_over(g);
        accel_stop(a);
        accel_destroy(a);
    }
    clock_timer_destroy(g->timer);
    counted_destroy(own.time);
    return over;
}

/* ---- comparing them */

static void create(struct rig *g)
{
    struct error e = {""};

    *g = (struct rig){.history = mem_alloc(sizeof(struct history))};
    g->board = test_board_new(&inv_cpu_class, "", VCPUS, 0, INV_RAM_BYTES, &e);
    os_mutex_init(&g->lock);
    os_cond_init(&g->changed);
    if (g->board) {
        space_add(g->board->spaces[1], &(struct mem_range){.size = INV_PORT_BYTES,
                                                           .kind = RANGE_MMIO,
                                                           .name = "ports",
                                                           .ops = &ports,
                                                           .opaque = g});
        space_add(g->board->memory, &(struct mem_range){.base = INV_DEVICE,
                                                        .size = GUEST_PAGE_SIZE,
                                                        .kind = RANGE_MMIO,
                                                        .name = "device",
                                                        .ops = &ports,
                                                        .opaque = g});
    }
}

static void destroy(struct rig *g)
{
    test_board_free(g->board);
    os_cond_destroy(&g->changed);
    os_mutex_destroy(&g->lock);
    mem_free(g->history);
}

/* The first event before which there is a difference, and which word differs. */
static bool differs(const struct rig *got, const struct rig *want, char *why, size_t size)
{
    for (unsigned n = 0; n < EVENTS; n++) {
        const struct result *x = &got->history->at[n], *y = &want->history->at[n];
        for (unsigned i = 0; i < y->count; i++) {
            if (x->words[i] != y->words[i]) {
                snprintf(why, size, "event %u: word %u is 0x%" PRIx64 ", not 0x%" PRIx64, n, i,
                         x->words[i], y->words[i]);
                return true;
            }
        }
    }
    return false;
}

static void compare(const struct accel_config *config)
{
    struct error e = {""};
    struct rig mine, theirs;
    uint64_t taken[INV_CAUSES] = {0};

    create(&mine);
    create(&theirs);
    REQUIRE(mine.board && theirs.board);
    for (unsigned n = 0; n < PROGRAMS * test_scale(); n++) {
        const uint64_t seed = test_seed() + n;
        char why[200] = "";
        load(&theirs, seed);
        run_oracle(&theirs);
        load(&mine, seed);
        const bool over = run_engine(&mine, config, &e);
        CHECK_MSG(over && !differs(&mine, &theirs, why, sizeof(why)), "program 0x%" PRIx64 ": %s%s",
                  seed, over ? "" : e.text, why);
        for (unsigned i = 0; i < INV_CAUSES * VCPUS; i++) {
            taken[i % INV_CAUSES] += cpu_of(&theirs, i / INV_CAUSES)->counts[i % INV_CAUSES];
        }
    }
    for (unsigned i = 0; i < INV_CAUSES; i++) {
        CHECK(taken[i] > PROGRAMS);
    }
    destroy(&mine);
    destroy(&theirs);
}

static void compare_level(int level)
{
    if (!test_host_has_level(level)) {
        SKIP("the host is not an x86-64-v%d", level);
    }
    compare(&(struct accel_config){.host_level = level});
}

TEST(host_code_of_level_2_equals_the_oracle)
{
    compare_level(2);
}

TEST(host_code_of_level_3_equals_the_oracle)
{
    compare_level(3);
}

TEST(host_code_of_level_4_equals_the_oracle)
{
    compare_level(4);
}

TEST(host_code_without_folding_equals_the_oracle)
{
    compare(&(struct accel_config){.no_opt = true});
}

TEST(the_interpreter_equals_the_oracle)
{
    compare(&(struct accel_config){.interpreter = true});
}
