/* SPDX-License-Identifier: MIT */
/*
 * The counted clock (-icount): virtual time by instructions, the same run every time.
 *
 * All vCPUs run in turn on one host thread, in slices. How long a slice is, when a timer expires,
 * when an interrupt is looked at, whose turn is next: all of it is decided by instruction counts
 * and by what the guest does, nothing by the host's time.
 *
 * Counting is the accelerator's (count_begin, count_left, count_shorten of ops.h). It ends a slice
 * at an exact instruction, and says in the middle of one how many it has completed:
 *
 *     completed in the slice = budget - held - count_left
 *
 * is what a device that reads the clock sees. An instruction that takes an exception counts, as
 * does a fetch that faults, so that a guest that does nothing but fault gets on; one that is
 * repeated in another mode counts when it is done.
 *
 * Ending early. What the guest does may end its slice: a WFI, an interrupt line that rises, a timer
 * set to an earlier time. What is left is then moved to `held`, and the accelerator finds nothing
 * left as soon as it may look. A kick alone is not enough: it would be seen sooner or later as
 * blocks are linked or not.
 *
 * What comes from other threads (a stopped monitor, input) never ends a slice. It is looked at
 * between slices, which are short. A slice is entered and left where the counts say, and nowhere
 * else.
 *
 * Time goes by count << shift, and by what is skipped while no vCPU has work: to the next timer, at
 * once (sleep=off) or when as much host time has passed. shift=auto follows host time: the length
 * of an instruction is adjusted between slices. That is not deterministic, nor meant to be.
 */
#include "accel/counted.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/fields.h"
#include "base/mem.h"

#define SLICE_INSNS 50000       /* at most: what a kick from outside has to wait */
#define SLICE_INSNS_SHORT 10000 /* while a vCPU waits in a loop for what others do */
#define SLICE_INSNS_MIN 1000
#define SLICE_NS 10000000 /* of virtual time, at most: others wait for their turn */
#define SCALE_BITS 16
#define SCALE_MAX ((uint64_t)1024 << SCALE_BITS)
#define PACE_NS 1000000 /* auto: how often the length of an instruction is looked at */

struct counted {
    struct clock *clock;
    struct accel *accel;
    bool follows; /* shift=auto */
    bool sleep;
    uint64_t stop; /* UINT64_MAX: never */

    /* Of the thread that runs the vCPUs. */
    struct vcpu *running; /* whose slice it is; NULL between slices */
    int64_t budget,
        held;    /* of the slice: countdown at its start; taken from countdown to end it early */
    bool kicked; /* it was ended early by a kick */
    unsigned turn;
    const struct vcpu
        *gave_way;     /* the last vCPU that gave others its turn, until it has one again */
    int64_t turn_left; /* instructions until the next vCPU's turn */
    uint64_t base_ns, base_count; /* time is base_ns + (count - base_count) * scale */
    uint64_t scale;               /* ns an instruction, SCALE_BITS behind the point */

    /* At the last end of a slice; written by that thread, read by any. */
    uint64_t count, now_ns;

    /* auto: host time less virtual time; what it was when the scale was last looked at. */
    int64_t host_base_ns, pace_host_ns;
    uint64_t pace_count;

    struct os_mutex lock; /* guards woken */
    struct os_cond wake;
    bool woken; /* something has happened since the thread last looked for work */
};

/* ---- time */

static uint64_t time_at(const struct counted *t, uint64_t count)
{
    return t->base_ns + (uint64_t)((u128)(count - t->base_count) * t->scale >> SCALE_BITS);
}

/* Instructions from now, at the end of a slice, until the clock shows due_ns or more; at most
 * SLICE_INSNS. */
static int64_t insns_until(const struct counted *t, uint64_t count, uint64_t due_ns)
{
    if (due_ns <= time_at(t, count)) {
        return 0;
    }
    const u128 goal = ((u128)(due_ns - t->base_ns) << SCALE_BITS) + t->scale - 1;
    const u128 n = goal / t->scale - (count - t->base_count);
    return n < SLICE_INSNS ? (int64_t)n : SLICE_INSNS;
}

uint64_t counted_in_slice(const struct vcpu *v)
{
    const struct accel *a = v->accel->accel;
    const struct counted *t = a->config.time;

    if (vcpu_current() != v || t->running != v) {
        return 0;
    }
    return (uint64_t)(t->budget - t->held - a->ops->count_left(v));
}

bool vcpu_is_counted(const struct vcpu *v)
{
    return v->accel && v->accel->accel->config.counted;
}

uint64_t vcpu_instructions(const struct vcpu *v)
{
    const uint64_t before = atomic_get(&v->instructions);

    return vcpu_is_counted(v) ? before + counted_in_slice(v) : before;
}

/* The vCPU whose slice is running, if this is its thread. */
static struct vcpu *in_slice(const struct counted *t)
{
    struct vcpu *v = vcpu_current();

    return v && v == t->running ? v : NULL;
}

static uint64_t now_ns(void *opaque)
{
    const struct counted *t = opaque;
    const struct vcpu *v = in_slice(t);

    return v ? time_at(t, t->count + counted_in_slice(v)) : atomic_get(&t->now_ns);
}

static void set_time(struct counted *t, uint64_t ns)
{
    t->base_ns = ns;
    t->base_count = t->count;
    atomic_set(&t->now_ns, ns);
}

static void wake(struct counted *t)
{
    os_mutex_lock(&t->lock);
    t->woken = true;
    os_cond_signal(&t->wake);
    os_mutex_unlock(&t->lock);
}

/* Takes all but n of what is left of v's slice. */
static void shorten(struct counted *t, struct vcpu *v, int64_t n)
{
    t->held += t->accel->ops->count_shorten(v, n);
}

/* A timer was set: by the guest that runs, whose slice ends in time, or from outside. */
static void deadline_changed(void *opaque)
{
    struct counted *t = opaque;
    struct vcpu *v = in_slice(t);

    if (v) {
        shorten(t, v, insns_until(t, t->count + counted_in_slice(v), clock_deadline_ns(t->clock)));
    } else {
        wake(t);
    }
}

void counted_kick(struct vcpu *v)
{
    struct counted *t = v->accel->accel->config.time;

    if (v == in_slice(t) && atomic_load(&v->accel->in_guest)) {
        t->kicked = true;
        t->accel->ops->kick(v);
        shorten(t, v, 0);
    } else {
        wake(t);
    }
}

/* ---- auto */

/* Makes instructions longer or shorter, so that virtual time is as far as host time again a while
 * from now. */
static void pace(struct counted *t)
{
    const int64_t host = os_now_ns(), passed = host - t->pace_host_ns;
    const uint64_t done = t->count - t->pace_count;

    if (passed < PACE_NS || !done) {
        return;
    }
    const int64_t behind = host - t->host_base_ns - (int64_t)t->now_ns;
    const int64_t wanted = passed + behind / 4;
    const uint64_t scale = wanted > 0 ? (uint64_t)((u128)(uint64_t)wanted << SCALE_BITS) / done : 1;
    set_time(t, t->now_ns);
    t->scale = scale < 1 ? 1 : scale > SCALE_MAX ? SCALE_MAX : scale;
    t->pace_host_ns = host;
    t->pace_count = t->count;
}

void counted_started(struct accel *a)
{
    struct counted *t = a->config.time;

    t->pace_host_ns = os_now_ns();
    t->pace_count = t->count;
    t->host_base_ns = t->pace_host_ns - (int64_t)t->now_ns;
}

/* ---- nobody has work */

/* How far virtual time is ahead of what it follows; 0 if it does not follow. */
static int64_t lead(const struct counted *t, int64_t host)
{
    return t->follows && t->sleep ? (int64_t)t->now_ns - (host - t->host_base_ns) : 0;
}

/* Until due_ns has come, in host time, or until something happens. */
static void sleep_until(struct counted *t, uint64_t due_ns)
{
    const int64_t start = os_now_ns(), ahead = lead(t, start);
    const uint64_t left = due_ns == CLOCK_NEVER ? CLOCK_NEVER : due_ns - t->now_ns;
    const bool ends = left < INT64_MAX / 2;
    bool over = false;

    os_mutex_lock(&t->lock);
    while (!t->woken && !over) {
        if (ends) {
            over = !os_cond_wait_until(&t->wake, &t->lock, start + (int64_t)left + ahead);
        } else {
            os_cond_wait(&t->wake, &t->lock);
        }
    }
    t->woken = false;
    os_mutex_unlock(&t->lock);
    if (t->sleep) {
        const int64_t slept = os_now_ns() - start - ahead;
        const uint64_t passed = slept > 0 ? (uint64_t)slept : 0;
        set_time(t, t->now_ns + (over || passed > left ? left : passed));
    }
}

static void idle(struct counted *t)
{
    const uint64_t due = clock_deadline_ns(t->clock);

    if (t->sleep || due == CLOCK_NEVER) {
        sleep_until(t, due);
    } else {
        t->host_base_ns -= (int64_t)(due - t->now_ns);
        set_time(t, due);
    }
    t->pace_host_ns = os_now_ns();
    t->pace_count = t->count;
}

/* ---- slices */

/* A debugger's step goes before the order of turns. */
static struct vcpu *stepping(const struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (a->vcpus[i]->accel->step) {
            return a->vcpus[i];
        }
    }
    return NULL;
}

static void lose_turn(const struct counted *t, struct vcpu *v)
{
    if (t->accel->ops->lose_turn) {
        t->accel->ops->lose_turn(v);
    }
}

static void begin_turn(struct counted *t, unsigned n)
{
    struct vcpu **vcpus = t->accel->vcpus;
    const int64_t most = (int64_t)(((uint64_t)SLICE_NS << SCALE_BITS) / t->scale);

    if (n != t->turn) {
        lose_turn(t, vcpus[t->turn]);
    }
    if (t->gave_way == vcpus[n]) {
        t->gave_way = NULL;
    }
    t->turn = n;
    t->turn_left = t->gave_way ? SLICE_INSNS_SHORT : SLICE_INSNS;
    t->turn_left = most < SLICE_INSNS_MIN ? SLICE_INSNS_MIN
                   : most < t->turn_left  ? most
                                          : t->turn_left;
}

static struct vcpu *whose_turn(struct counted *t)
{
    const struct accel *a = t->accel;
    struct vcpu *v = stepping(a);

    if (v && accel_has_work(v)) {
        return v; /* if it sleeps, the others may wake it */
    }
    if (t->turn_left > 0 && accel_has_work(a->vcpus[t->turn])) {
        return a->vcpus[t->turn];
    }
    for (unsigned i = 1; i <= a->count; i++) {
        const unsigned n = (t->turn + i) % a->count;
        if (accel_has_work(a->vcpus[n])) {
            begin_turn(t, n);
            return a->vcpus[n];
        }
    }
    return NULL;
}

/* At least one instruction: a timer that is always due must not keep the guest from getting on. */
static int64_t slice_of(struct counted *t, struct vcpu *v)
{
    const uint64_t due = clock_deadline_ns(t->clock), left = t->stop - t->count;
    int64_t n = v->accel->step ? 1 : t->turn_left;

    if (due != CLOCK_NEVER) {
        const int64_t until = insns_until(t, t->count, due);
        n = until < n ? until : n;
    }
    n = n < 1 ? 1 : n;
    return left < (uint64_t)n ? (int64_t)left : n;
}

static void end_slice(struct counted *t, struct vcpu *v)
{
    const int64_t done = t->budget - t->held - t->accel->ops->count_left(v);

    assert(done >= 0);
    t->running = NULL;
    atomic_set(&v->instructions, v->instructions + (uint64_t)done);
    atomic_set(&t->count, t->count + (uint64_t)done);
    atomic_set(&t->now_ns, time_at(t, t->count));
    t->turn_left -= done;
    /* A kick without an interrupt to take is a vCPU that sleeps, or gives way to others. */
    if (t->kicked && !v->cls->interrupt_ready(v)) {
        t->turn_left = 0;
        t->gave_way = atomic_load(&v->halted) || atomic_load(&v->powered_off) ? t->gave_way : v;
    }
}

bool counted_reached_stop(const struct accel *a)
{
    return a->config.time->count >= a->config.time->stop;
}

struct vcpu *counted_turn(struct accel *a, enum accel_round *r)
{
    struct counted *t = a->config.time;

    if (counted_reached_stop(a)) {
        return NULL;
    }
    if (t->follows) {
        pace(t);
    }
    clock_run_due(t->clock);
    struct vcpu *v = whose_turn(t);
    if (!v) {
        idle(t);
        return NULL;
    }
    t->budget = slice_of(t, v);
    t->held = 0;
    t->kicked = false;
    a->ops->count_begin(v, t->budget);
    t->running = v;
    a->ops->listen(v);
    *r = accel_run(v);
    end_slice(t, v);
    return v;
}

/* ---- state: between slices, so that nothing of a slice is in it */

#define NOBODY UINT32_MAX

struct counted_state {
    uint64_t count, base_ns, base_count, scale, turn_left;
    uint32_t turn, gave_way;
};

static const struct field state_fields[] = {
    FIELD(counted_state, count),      FIELD(counted_state, base_ns),
    FIELD(counted_state, base_count), FIELD(counted_state, scale),
    FIELD(counted_state, turn_left),  FIELD(counted_state, turn),
    FIELD(counted_state, gave_way),   FIELD_END,
};

void counted_write(const struct counted *t, struct strbuf *out)
{
    const struct counted_state s = {.count = t->count,
                                    .base_ns = t->base_ns,
                                    .base_count = t->base_count,
                                    .scale = t->scale,
                                    .turn_left = (uint64_t)t->turn_left,
                                    .turn = t->turn,
                                    .gave_way = t->gave_way ? t->gave_way->index : NOBODY};
    fields_write(state_fields, &s, out);
    for (unsigned i = 0; t->accel->ops->turn_fields && i < t->accel->count; i++) {
        fields_write(t->accel->ops->turn_fields, t->accel->vcpus[i], out);
    }
}

static bool check_state(const struct counted *t, const struct counted_state *s, struct error *e)
{
    const unsigned vcpus = t->accel->count;
    const u128 ns = s->base_ns + ((u128)(s->count - s->base_count) * s->scale >> SCALE_BITS);

    if (!t->follows && s->scale != t->scale) {
        return error_set(e, "an instruction takes %llu/65536 ns, and by -icount here %llu/65536",
                         (unsigned long long)s->scale, (unsigned long long)t->scale);
    }
    return (s->scale >= 1 && s->scale <= SCALE_MAX && s->base_count <= s->count &&
            ns <= INT64_MAX / 2 && s->turn < vcpus &&
            (s->gave_way == NOBODY || s->gave_way < vcpus) &&
            (int64_t)s->turn_left <= SLICE_INSNS) ||
           error_set(e, "its numbers are none that a run can have come to");
}

bool counted_read(struct counted *t, struct cursor *c, unsigned version, bool store,
                  struct error *e)
{
    struct counted_state s = {0};

    if (!fields_read(state_fields, &s, c, version, true, e) || !check_state(t, &s, e)) {
        return false;
    }
    if (store) {
        t->count = s.count;
        t->base_ns = s.base_ns;
        t->base_count = s.base_count;
        t->scale = s.scale;
        t->turn_left = (int64_t)s.turn_left;
        t->turn = s.turn;
        t->gave_way = s.gave_way == NOBODY ? NULL : t->accel->vcpus[s.gave_way];
        atomic_set(&t->now_ns, time_at(t, t->count));
    }
    const struct field *own = t->accel->ops->turn_fields;
    for (unsigned i = 0; own && i < t->accel->count; i++) {
        if (!fields_read(own, t->accel->vcpus[i], c, version, store, e)) {
            return false;
        }
    }
    return true;
}

/* ---- life */

struct counted *counted_create(const struct accel_config *c)
{
    struct counted *t = mem_alloc(sizeof(*t));

    t->follows = c->shift < 0;
    t->sleep = c->sleep;
    t->stop = c->stop_count ? c->stop_count : UINT64_MAX;
    t->scale = (uint64_t)1 << (SCALE_BITS + (t->follows ? 0 : c->shift));
    os_mutex_init(&t->lock);
    os_cond_init(&t->wake);
    t->clock = clock_create(
        (struct clock_source){.now_ns = now_ns, .deadline_changed = deadline_changed, .opaque = t});
    return t;
}

void counted_attach(struct accel *a)
{
    a->config.time->accel = a;
}

void counted_forget(struct accel *a)
{
    struct counted *t = a->config.time;

    t->turn = 0;
    t->turn_left = 0;
    t->gave_way = NULL;
}

struct clock *counted_clock(const struct counted *t)
{
    return t->clock;
}

uint64_t counted_instructions(const struct accel *a)
{
    return atomic_get(&a->config.time->count);
}

void counted_destroy(struct counted *t)
{
    if (t) {
        clock_destroy(t->clock);
        os_cond_destroy(&t->wake);
        os_mutex_destroy(&t->lock);
        mem_free(t);
    }
}
