/* SPDX-License-Identifier: MIT */
/*
 * Measuring of the translator: where the vCPUs' time goes, and how often what happens for 1,000
 * guest instructions (`info jit on`, -accel tcg,stats=on).
 *
 * Nothing of it costs when it is off but the increments of counts in the run-time. While it is on:
 *
 * - Instructions are counted by generated code: the cache is emptied once and blocks are translated
 *   with the prologue of the counted mode (sub and a branch that is never taken), which a guest of
 *   short blocks feels by a few per cent. Exceptions in a block's middle are given back as there.
 * - Time is sampled: a timer on each thread's CPU time interrupts it, and the handler books the CPU
 *   time since the last one on what the thread is doing now: by the address if that is in the
 *   cache, else by what the run-time said last (tcg_stats.doing). So waiting and idle time is not
 *   in it, and a share is as exact as its samples (some hundred a second) make it.
 *
 * Whether a memory access needed a walk is known behind it only; what was booked on it is moved
 * then (callouts.c).
 */
#include "accel/stats.h"
#include "accel/blocks.h"
#include "accel/tcg.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mem.h"

#define SAMPLE_NS 1000000
#define COUNTDOWN_START (INT64_MAX / 2)

/* ---- samples: everything here happens on the thread that is sampled */

struct sampler {
    struct tcg_vcpu *first;
    timer_t timer;
    bool on;
    int64_t last_ns;
};
static _Thread_local struct sampler sampler;

static void book(struct tcg_stats *s, int doing, uint64_t passed)
{
    atomic_set(&s->ns[doing], s->ns[doing] + passed);
}

static void sample(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    struct tcg_vcpu *t = sampler.first;

    if (!sampler.on || !t) {
        return;
    }
    if (vcpu_current()) {
        t = tcg_of(vcpu_current());
    }
    struct tcg_stats *s = &t->stats;
    const int64_t now = os_thread_cpu_ns();
    const uint64_t passed = (uint64_t)(now - sampler.last_ns);
    const enum host_place place = host_place_of(t->accel->host, context);

    sampler.last_ns = now;
    if (!s->measured) {
        return;
    }
    if (place != HOST_OUTSIDE) {
        book(s, place == HOST_BLOCK ? DOING_BLOCK : DOING_STUB, passed);
        return;
    }
    book(s, s->doing, passed);
    if (s->current && (s->doing == DOING_CALL || s->doing == DOING_TAIL)) {
        s->current->ns += passed;
    }
}

static void allow_samples(void)
{
    const struct sigaction sa = {.sa_sigaction = sample,
                                 .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigset_t set;

    sigaction(SIGPROF, &sa, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void start_samples(struct tcg_vcpu *first)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    const struct itimerspec every = {{0, SAMPLE_NS}, {0, SAMPLE_NS}};

    event._sigev_un._tid = gettid();
    allow_samples();
    sampler.first = first;
    sampler.last_ns = os_thread_cpu_ns();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &sampler.timer) == 0) {
        sampler.on = true;
        timer_settime(sampler.timer, 0, &every, NULL);
    }
}

void stats_thread_ends(void)
{
    if (sampler.on) {
        sampler.on = false; /* a signal that is on its way finds nothing to do */
        timer_delete(sampler.timer);
    }
}

void stats_round(struct tcg_vcpu *first)
{
    if (first->stats.measured && !sampler.on) {
        start_samples(first);
    } else if (!first->stats.measured && sampler.on) {
        stats_thread_ends();
    }
}

/* ---- run-time functions by name */

void stats_enter_row(struct tcg_stats *s, const struct ir_call *row)
{
    unsigned i = (unsigned)((uintptr_t)row / sizeof(*row)) % STATS_ROWS;

    for (unsigned n = 0; n < STATS_ROWS; n++, i = (i + 1) % STATS_ROWS) {
        struct stats_row *r = &s->rows[i];
        if (r->row == row || !r->row) {
            r->row = row;
            r->calls++;
            s->current = r;
            return;
        }
    }
    s->current = NULL;
}

void stats_move(struct tcg_stats *s, enum tcg_doing from, enum tcg_doing to, uint64_t ns)
{
    const uint64_t moved = s->ns[from] - ns;

    s->ns[from] -= moved;
    s->ns[to] += moved;
}

/* ---- on and off */

/* The counts, with those that the TLB keeps itself. */
static void counts_of(const struct vcpu *v, uint64_t *counts)
{
    const struct tcg_vcpu *t = tcg_of(v);

    for (unsigned i = 0; i < COUNT_COUNT; i++) {
        counts[i] = atomic_get(&t->stats.counts[i]);
    }
    counts[COUNT_REFILL] = atomic_get(&vcpu_env(v)->tlb->refills);
    counts[COUNT_WALK] = atomic_get(&vcpu_env(v)->tlb->walks);
}

static void vcpu_measure(struct tcg *a, struct vcpu *v, bool on)
{
    struct tcg_stats *s = &tcg_of(v)->stats;

    s->measured = on;
    if (!on) {
        return;
    }
    if (!s->rows) {
        s->rows = mem_array(STATS_ROWS, sizeof(*s->rows));
    }
    memset(s->rows, 0, STATS_ROWS * sizeof(*s->rows));
    memset(s->ns, 0, sizeof(s->ns));
    s->current = NULL;
    counts_of(v, s->base);
    if (!a->base.config.counted) {
        v->hot.countdown = COUNTDOWN_START;
    }
}

void stats_measure(struct tcg *a, bool on)
{
    if (!a->base.config.counted && on != a->measured) {
        os_mutex_lock(&a->translate);
        host_set_counted(a->host, on);
        block_flush_all(a);
        os_mutex_unlock(&a->translate);
    }
    for (unsigned i = 0; i < a->base.count; i++) {
        vcpu_measure(a, a->base.vcpus[i], on);
    }
    a->measured = on;
    a->measured_from = accel_instructions(&a->base);
}

uint64_t stats_instructions(struct tcg *a)
{
    uint64_t n = 0;

    if (a->base.config.counted) {
        return accel_instructions(&a->base) - a->measured_from;
    }
    for (unsigned i = 0; i < a->base.count; i++) {
        n += (uint64_t)(COUNTDOWN_START - atomic_get(&a->base.vcpus[i]->hot.countdown));
    }
    return n;
}

/* ---- report */

struct sums {
    uint64_t counts[COUNT_COUNT], ns[DOING_COUNT], total_ns;
    double thousands; /* of guest instructions */
    struct stats_row rows[STATS_ROWS];
    unsigned row_count;
};

static void add_row(struct sums *m, const struct stats_row *r)
{
    unsigned i = 0;

    while (i < m->row_count && m->rows[i].row != r->row) {
        i++;
    }
    if (i == STATS_ROWS) {
        return;
    }
    m->row_count += i == m->row_count;
    m->rows[i].row = r->row;
    m->rows[i].calls += r->calls;
    m->rows[i].ns += r->ns;
}

static void add_vcpu(struct sums *m, const struct vcpu *v)
{
    const struct tcg_stats *s = &tcg_of(v)->stats;
    uint64_t counts[COUNT_COUNT];

    counts_of(v, counts);
    for (unsigned i = 0; i < COUNT_COUNT; i++) {
        m->counts[i] += counts[i] - s->base[i];
    }
    for (unsigned i = 0; i < DOING_COUNT; i++) {
        m->ns[i] += atomic_get(&s->ns[i]);
        m->total_ns += atomic_get(&s->ns[i]);
    }
    for (unsigned i = 0; i < STATS_ROWS; i++) {
        if (s->rows[i].row) {
            add_row(m, &s->rows[i]);
        }
    }
}

static const char *const doing_names[DOING_COUNT] = {
    [DOING_BLOCK] = "translated code",  [DOING_STUB] = "stubs",
    [DOING_LEAF] = "leaf functions",    [DOING_LOOKUP] = "look-ups",
    [DOING_TRANSLATE] = "translation",  [DOING_REFILL] = "TLB refills",
    [DOING_WALK] = "TLB misses",        [DOING_MEM] = "other accesses",
    [DOING_CALL] = "functions",         [DOING_OP] = "evaluated ops",
    [DOING_TAIL] = "functions at ends", [DOING_EXCEPTION] = "exceptions",
    [DOING_RUN] = "run loop",
};

static void put_times(const struct sums *m, struct strbuf *out)
{
    const double total = (double)(m->total_ns ? m->total_ns : 1);

    strbuf_puts(out, "time by samples, share of the vCPUs' host CPU time\n");
    for (unsigned i = 0; i < DOING_COUNT; i++) {
        strbuf_printf(out, "  %-18s%6.2f %%\n", doing_names[i], 100 * (double)m->ns[i] / total);
    }
}

/* Rows of the second table: a count, and the time that is booked on it (-1: none is). */
static const struct {
    const char *name;
    enum tcg_count count;
    int doing;
} event_rows[] = {
    {"look-ups", COUNT_LOOKUP, DOING_LOOKUP},
    {"translations", COUNT_TRANSLATE, DOING_TRANSLATE},
    {"TLB refills", COUNT_REFILL, DOING_REFILL},
    {"page walks", COUNT_WALK, -1},
    {"exceptions", COUNT_EXCEPTION, DOING_EXCEPTION},
    {"exit: indirect", COUNT_GO, -1},
    {"exit: link", COUNT_LINK, -1},
    {"exit: tail", COUNT_TAIL, DOING_TAIL},
    {"exit: TLB miss", COUNT_MEM_WALK, DOING_WALK},
    {"exit: memory", COUNT_MEM, DOING_MEM},
    {"exit: function", COUNT_CALL, DOING_CALL},
    {"exit: op", COUNT_OP, DOING_OP},
    {"exit: atomic", COUNT_ATOMIC, -1},
    {"exit: poll", COUNT_POLL, -1},
    {"left: request", COUNT_LEAVE_REQUEST, -1},
    {"left: cache full", COUNT_LEAVE_FLUSH, -1},
    {"left: debugger", COUNT_LEAVE_DEBUG, -1},
    {"left: slice", COUNT_LEAVE_SLICE, -1},
};

/* tries: what the time is for; n of them came to something. */
static void put_event(const struct sums *m, const char *name, uint64_t n, uint64_t tries,
                      uint64_t ns, struct strbuf *out)
{
    strbuf_printf(out, "  %-24s%12.4f", name, (double)n / m->thousands);
    if (ns && tries) {
        strbuf_printf(out, " %9.0f", (double)ns / (double)tries);
    }
    strbuf_puts(out, "\n");
}

static void put_events(const struct sums *m, struct strbuf *out)
{
    strbuf_puts(out, "for 1,000 guest instructions      times   ns each\n");
    for (unsigned i = 0; i < sizeof(event_rows) / sizeof(event_rows[0]); i++) {
        const int doing = event_rows[i].doing;
        const uint64_t n = m->counts[event_rows[i].count];
        /* What the run-time does itself has first been tried as a refill. */
        const uint64_t refused = doing == DOING_REFILL
                                     ? m->counts[COUNT_MEM] + m->counts[COUNT_MEM_WALK]
                                     : 0;
        put_event(m, event_rows[i].name, n, n + refused, doing < 0 ? 0 : m->ns[doing], out);
    }
}

#define ROWS_SHOWN 12

static int by_calls(const void *a, const void *b)
{
    const struct stats_row *x = a, *y = b;

    return x->calls < y->calls ? 1 : x->calls > y->calls ? -1 : 0;
}

static void put_rows(struct sums *m, struct strbuf *out)
{
    qsort(m->rows, m->row_count, sizeof(m->rows[0]), by_calls);
    strbuf_printf(out, "functions called most, of %u (without LEAF ones)\n", m->row_count);
    for (unsigned i = 0; i < m->row_count && i < ROWS_SHOWN; i++) {
        put_event(m, m->rows[i].row->name, m->rows[i].calls, m->rows[i].calls, m->rows[i].ns, out);
    }
}

void stats_info(struct tcg *a, struct strbuf *out)
{
    struct sums *m = mem_alloc(sizeof(*m));
    const uint64_t insns = stats_instructions(a);
    uint64_t entries = 0;

    for (unsigned i = 0; i < a->base.count; i++) {
        add_vcpu(m, a->base.vcpus[i]);
        entries += atomic_get(&vcpu_env(a->base.vcpus[i])->entries);
    }
    m->thousands = (double)(insns ? insns : 1) / 1000;
    strbuf_printf(out, "measured            %" PRIu64 " guest instructions, %.3f ns each\n", insns,
                  (double)m->total_ns / (m->thousands * 1000));
    strbuf_printf(out, "blocks entered      %" PRIu64 ", %.2f guest instructions each\n", entries,
                  m->thousands * 1000 / (double)(entries ? entries : 1));
    put_times(m, out);
    put_events(m, out);
    put_rows(m, out);
    mem_free(m);
}
