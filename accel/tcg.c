/* SPDX-License-Identifier: MIT */
/*
 * The translating accelerator's threads: one a vCPU, or (thread=single) one for all in turn.
 *
 * A thread runs guest code while the accelerator is running and its vCPU is powered on and not
 * halted; else it waits. To stop, accel_stop clears `running`, kicks everybody and waits until all
 * are parked. When the code cache is full, the thread that finds out parks everybody else in the
 * same way, empties the cache and lets them go on.
 */
#include <stdio.h>
#include <string.h>

#include "accel/counted.h"
#include "accel/perf.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"

#define DEFAULT_CACHE_BYTES (128u << 20)
#define CACHE_BYTES_A_BLOCK 128u /* room for blocks runs out with room for code, or before */
#define SLICE_NS 2000000
#define CODE_STACK_GUARD 65536u
#define CODE_STACK_HEADROOM                                                                        \
    128u /* bytes above the first frame, read by returns that look for theirs */

bool tcg_has_work(struct vcpu *v)
{
    if (atomic_load(&v->powered_off) || tcg_of(v)->frozen) {
        return false;
    }
    if (atomic_load(&v->halted)) {
        if (!v->cls->has_work(v)) {
            return false;
        }
        atomic_store(&v->halted, false);
    }
    return true;
}

/*
 * Waits until v has work or the accelerator stops. What v has is asked without the lock, which a
 * kick takes: looking at interrupts may move lines and kick v itself. A kick during the look is not
 * lost: `kicked` makes us look again.
 */
static void sleep_until_kicked(struct tcg_vcpu *t)
{
    struct accel *a = t->accel;

    atomic_store(&t->sleeping, true);
    while (atomic_load(&a->running) && !tcg_has_work(t->v) && !atomic_load(&a->flush_wanted)) {
        os_mutex_lock(&t->lock);
        while (!t->kicked) {
            os_cond_wait(&t->wake, &t->lock);
        }
        t->kicked = false;
        os_mutex_unlock(&t->lock);
    }
    atomic_store(&t->sleeping, false);
}

static void kick_all(struct accel *a)
{
    for (unsigned i = 0; i < a->count; i++) {
        struct tcg_vcpu *t = tcg_of(a->vcpus[i]);
        vcpu_kick(a->vcpus[i]);
        os_mutex_lock(&t->lock);
        t->kicked = true;
        os_cond_signal(&t->wake);
        os_mutex_unlock(&t->lock);
    }
}

/* ---- emptying the cache: the threads that run guest code meet here; the last one in does the work
 */

static unsigned thread_count(const struct accel *a)
{
    return a->config.single_thread ? 1 : a->count;
}

static void flush_wanted(struct accel *a)
{
    if (atomic_load(&a->flush_wanted) & FLUSH_CODE) {
        block_flush_all(a);
    } else {
        context_reset(a);
        atomic_store(&a->flush_wanted, 0);
    }
}

static void meet_for_flush(struct accel *a)
{
    kick_all(a);
    os_mutex_lock(&a->lock);
    a->outside++;
    while (atomic_load(&a->flush_wanted)) {
        if (a->outside == thread_count(a)) {
            os_mutex_lock(&a->translate);
            flush_wanted(a);
            os_mutex_unlock(&a->translate);
            os_cond_broadcast(&a->changed);
        } else {
            os_cond_wait(&a->changed, &a->lock);
        }
    }
    a->outside--;
    os_mutex_unlock(&a->lock);
}

/* Waits while the accelerator is stopped. false: the thread ends. */
static bool park(struct tcg_vcpu *t)
{
    struct accel *a = t->accel;

    if (atomic_load(&a->running)) {
        return true;
    }
    os_mutex_lock(&a->lock);
    t->parked = true;
    a->outside++;
    os_cond_broadcast(&a->changed);
    while (!atomic_load(&a->running) && !atomic_load(&a->quit)) {
        os_cond_wait(&a->changed, &a->lock);
    }
    a->outside--;
    t->parked = false;
    os_mutex_unlock(&a->lock);
    return !atomic_load(&a->quit);
}

static void report(struct tcg_vcpu *t, enum accel_exit why)
{
    struct accel *a = t->accel;

    atomic_store(&a->running, false);
    kick_all(a);
    if (!atomic_exchange(&a->reported, true)) {
        a->exited(a->opaque, t->v, why);
    }
}

static void after_round(struct tcg_vcpu *t)
{
    const struct accel *a = t->accel;

    if (t->step) {
        t->step = false;
        report(t, ACCEL_DEBUG);
    } else if (t->hit) {
        report(t, ACCEL_DEBUG);
    } else if (a->breakpoint_count && tcg_has_breakpoint(a, t->v->cls->pc(t->v)) &&
               !atomic_load(&t->v->halted)) {
        report(t, ACCEL_DEBUG);
    }
}

static void run_thread(void *arg)
{
    struct tcg_vcpu *t = arg;
    struct accel *a = t->accel;
    void *stack = fault_stack_create();

    for (tcg_listen(t->v); park(t); tcg_listen(t->v)) {
        stats_round(t);
        if (atomic_load(&a->flush_wanted)) {
            meet_for_flush(a);
        } else if (!tcg_has_work(t->v)) {
            sleep_until_kicked(t);
        } else {
            tcg_run(t->v);
            after_round(t);
        }
    }
    stats_thread_ends();
    fault_stack_free(stack);
}

/* One round of all vCPUs in counted mode. */
static void counted_round(struct accel *a)
{
    struct vcpu *v = counted_turn(a);

    if (v) {
        after_round(tcg_of(v));
    } else if (counted_reached_stop(a)) {
        report(tcg_of(a->vcpus[0]), ACCEL_COUNT);
    }
}

/* thread=single: each vCPU with work gets a slice, ended by a kick from the slice's timer thread.
 */
static void run_all(void *arg)
{
    struct accel *a = arg;
    struct tcg_vcpu *first = tcg_of(a->vcpus[0]);
    void *stack = fault_stack_create();

    while (park(first)) {
        stats_round(first);
        if (atomic_load(&a->flush_wanted)) {
            meet_for_flush(a);
        }
        if (a->config.counted) {
            counted_round(a);
            continue;
        }
        bool any = false;
        for (unsigned i = 0; i < a->count; i++) {
            struct tcg_vcpu *t = tcg_of(a->vcpus[i]);
            tcg_listen(t->v);
            if (!atomic_load(&a->running) || !tcg_has_work(t->v)) {
                continue;
            }
            any = true;
            if (a->slice_of && a->slice_of != t->v) {
                a->slice_of->hot.excl_addr = UINT64_MAX; /* nobody watches what others do to it */
            }
            atomic_set(&a->slice_of, t->v);
            atomic_store(&a->slice_end_ns, os_now_ns() + SLICE_NS);
            tcg_run(t->v);
            after_round(t);
        }
        if (!any && atomic_load(&a->running)) {
            os_mutex_lock(&first->lock);
            os_cond_wait_until(&first->wake, &first->lock, os_now_ns() + SLICE_NS / 4);
            os_mutex_unlock(&first->lock);
        }
    }
    stats_thread_ends();
    fault_stack_free(stack);
}

static void slice_timer(void *arg)
{
    struct accel *a = arg;

    while (!atomic_load(&a->quit)) {
        os_sleep_until_ns(os_now_ns() + SLICE_NS);
        struct vcpu *v = atomic_get(&a->slice_of);
        if (atomic_load(&a->running) && os_now_ns() >= atomic_load(&a->slice_end_ns) && v) {
            vcpu_kick(v);
        }
    }
}

/* ---- life */

static bool code_stack_setup(struct tcg_vcpu *t, struct error *e)
{
    t->code_stack = os_map_stack(HOST_CODE_STACK_BYTES, CODE_STACK_GUARD, e);
    if (!t->code_stack) {
        return false;
    }
    uint8_t *top = (uint8_t *)t->code_stack + HOST_CODE_STACK_BYTES - CODE_STACK_HEADROOM;
    memset(top, 0xff, CODE_STACK_HEADROOM); /* no frame matches */
    t->v->hot.code_stack = top;
    tcg_fp_set_flags(t->v, tcg_fp_flags(t->v));
    return true;
}

static bool vcpu_setup(struct accel *a, struct vcpu *v, struct error *e)
{
    struct tcg_vcpu *t = mem_alloc(sizeof(*t));

    v->accel = t;
    t->v = v;
    t->accel = a;
    t->context_dirty = t->space_dirty = true;
    t->stats.doing = DOING_RUN;
    t->jumps = mem_array(JUMP_TABLE_ENTRIES, sizeof(*t->jumps));
    os_mutex_init(&t->lock);
    os_cond_init(&t->wake);
    ir_builder_init(&t->builder, v->cls->ir);
    t->builder.no_fold = a->config.no_opt;
    v->hot.jump_table = t->jumps;
    v->hot.excl_addr = UINT64_MAX;
    v->env.monitors = a->monitors;
    v->env.interpreting = a->host == NULL;
    if (!v->env.tlb) {
        tlb_create(v);
    }
    return !a->host || code_stack_setup(t, e);
}

static uint64_t cache_bytes(const struct accel *a)
{
    return a->config.cache_bytes ? a->config.cache_bytes : DEFAULT_CACHE_BYTES;
}

/* Generated code, its homes and the jump tables are a class's. */
static bool of_one_class(const struct accel *a, struct error *e)
{
    for (unsigned i = 1; i < a->count; i++) {
        if (a->vcpus[i]->cls != a->vcpus[0]->cls) {
            return error_set(e, "vCPUs of the kinds '%s' and '%s' need an accelerator each",
                             a->vcpus[0]->cls->name, a->vcpus[i]->cls->name);
        }
    }
    return true;
}

static bool create_host(struct accel *a, const struct cpu_class *cls, struct error *e)
{
    const struct host_config hc = {
        .layout = {.hot = (int32_t)offsetof(struct vcpu, hot) - (int32_t)VCPU_STATE_OFFSET,
                   .env = (int32_t)offsetof(struct vcpu, env) - (int32_t)VCPU_STATE_OFFSET,
                   .state = -(int32_t)VCPU_STATE_OFFSET},
        .runtime = tcg_runtime,
        .guest = cls->ir,
        .cache_bytes = cache_bytes(a),
        .level = a->config.host_level,
        .counted = a->config.counted,
    };

    a->host = host_create(&hc, e);
    return a->host != NULL;
}

static void map_changed(void *opaque)
{
    tcg_map_changed(opaque);
}

static void listen(struct accel *a)
{
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        struct space *s = a->vcpus[0]->spaces[i];
        if (s) {
            assert(space_dirty(s) == space_dirty(a->vcpus[0]->memory));
            space_listen(s, map_changed, a);
        }
    }
}

static void unlisten(struct accel *a)
{
    for (unsigned i = 0; i < VCPU_SPACES; i++) {
        if (a->vcpus[0]->spaces[i]) {
            space_unlisten(a->vcpus[0]->spaces[i], map_changed, a);
        }
    }
}

/* What needs no memory of a size that may not be had. */
static struct accel *create(const struct accel_config *c, struct vcpu **vcpus, unsigned count)
{
    struct accel *a = mem_alloc(sizeof(*a));

    a->config = *c;
    a->config.single_thread |= c->counted;
    a->vcpus = vcpus;
    a->count = count;
    os_mutex_init(&a->lock);
    os_cond_init(&a->changed);
    os_mutex_init(&a->translate);
    os_mutex_init(&a->sync_lock);
    os_cond_init(&a->answered);
    a->host_cpus = os_cpu_count();
    os_random(&a->spoiled_key, sizeof(a->spoiled_key));
    a->spoiled_key = (a->spoiled_key & mask64(52)) | (uint64_t)0x7ff << 52;
    a->hash = mem_array((size_t)1 << BLOCK_HASH_BITS, sizeof(*a->hash));
    a->pages = mem_alloc(sizeof(*a->pages));
    a->code_hosts = mem_alloc(sizeof(*a->code_hosts));
    a->page_ids = mem_alloc(sizeof(*a->page_ids));
    const uint64_t blocks = cache_bytes(a) / CACHE_BYTES_A_BLOCK;
    a->block_capacity = blocks < LAYOUT_MOVED_IDS ? (uint32_t)blocks : LAYOUT_MOVED_IDS - 1;
    a->tracked = mem_alloc(sizeof(*a->tracked));
    a->monitors = a->config.single_thread || count == 1 ? NULL : monitors_create();
    return a;
}

static bool setup(struct accel *a, struct error *e)
{
    const struct accel_config *c = &a->config;

    if (!of_one_class(a, e) || (!c->interpreter && !create_host(a, a->vcpus[0]->cls, e))) {
        return false;
    }
    if ((c->perf_map || c->jit_dump) && !(a->perf = perf_create(c, a->host, e))) {
        return false;
    }
    if (!(a->blocks = os_map_ram(a->block_capacity * sizeof(*a->blocks), e))) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        if (!vcpu_setup(a, a->vcpus[i], e)) {
            return false;
        }
    }
    return true;
}

/* They are parked until accel_start. */
static bool start_threads(struct accel *a, struct error *e)
{
    for (unsigned i = 0; i < thread_count(a); i++) {
        char name[16];
        struct tcg_vcpu *t = tcg_of(a->vcpus[i]);
        snprintf(name, sizeof(name), "vcpu %u", i);
        void (*run)(void *) = a->config.single_thread ? run_all : run_thread;
        void *arg = a->config.single_thread ? (void *)a : t;
        if (!(t->has_thread = os_thread_start(&t->thread, name, run, arg, e))) {
            return false;
        }
    }
    if (a->config.single_thread && !a->config.counted && a->count > 1) {
        a->has_timer = os_thread_start(&a->timer, "slices", slice_timer, a, e);
        return a->has_timer;
    }
    return true;
}

/* ---- who wants to know of writes: memory/dirty.h */

static void close_pages(void *opaque, const uint8_t *host)
{
    tcg_close_pages(opaque, host);
}

static void attach_to_memory(struct accel *a)
{
    static const struct dirty_guests guests = {.close = close_pages, .code = track_code_written};
    struct dirty *d = space_dirty(a->vcpus[0]->memory);

    a->tracks_code = a->config.track_code == ACCEL_TRACK_ON ||
                     (a->config.track_code == ACCEL_TRACK_AUTO && a->vcpus[0]->cls->coherent_code);
    if (a->tracks_code) {
        dirty_track_code(d, true);
    }
    listen(a);
    dirty_set_guests(d, &guests, a);
    tcg_close_pages(a, NULL); /* somebody may have begun to log meanwhile */
}

static void detach_from_memory(struct accel *a)
{
    struct dirty *d = space_dirty(a->vcpus[0]->memory);

    dirty_set_guests(d, NULL, NULL);
    track_forget(a);
    if (a->tracks_code) {
        dirty_track_code(d, false);
    }
}

struct accel *accel_create(const struct accel_config *c, struct vcpu **vcpus, unsigned count,
                           accel_exited_fn exited, void *opaque, struct error *e)
{
    struct accel *a = create(c, vcpus, count);

    a->exited = exited;
    a->opaque = opaque;
    if (!setup(a, e)) {
        accel_destroy(a);
        return NULL;
    }
    if (c->counted) {
        counted_attach(a);
    }
    fault_handler_install();
    attach_to_memory(a);
    if (c->stats) {
        stats_measure(a, true);
    }
    if (!start_threads(a, e)) {
        accel_destroy(a);
        return NULL;
    }
    a->started = true;
    return a;
}

void accel_start(struct accel *a)
{
    if (a->config.counted && !atomic_load(&a->running)) {
        counted_started(a);
    }
    for (unsigned i = 0; i < a->count && !atomic_load(&a->running); i++) {
        struct tcg_vcpu *t = tcg_of(a->vcpus[i]);
        t->context_dirty = t->space_dirty = true;
        t->hit = false;
    }
    os_mutex_lock(&a->lock);
    atomic_store(&a->reported, false);
    atomic_store(&a->running, true);
    os_cond_broadcast(&a->changed);
    os_mutex_unlock(&a->lock);
}

static bool all_parked(const struct accel *a)
{
    for (unsigned i = 0; i < thread_count(a); i++) {
        if (!tcg_of(a->vcpus[i])->parked) {
            return false;
        }
    }
    return true;
}

void accel_stop(struct accel *a)
{
    if (!a->started) {
        return;
    }
    atomic_store(&a->running, false);
    kick_all(a);
    os_mutex_lock(&a->lock);
    while (!all_parked(a)) {
        os_cond_wait(&a->changed, &a->lock);
    }
    os_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < a->count; i++) {
        tcg_of(a->vcpus[i])->step = false; /* it may be asleep, and not have made it */
    }
}

static void vcpu_teardown(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);

    if (t->code_stack) {
        os_unmap_stack(t->code_stack, HOST_CODE_STACK_BYTES, CODE_STACK_GUARD);
    }
    ir_builder_free(&t->builder);
    mem_free(t->stats.rows);
    mem_free(t->jumps);
    os_mutex_destroy(&t->lock);
    os_cond_destroy(&t->wake);
    tlb_destroy(v->env.tlb);
    v->env.tlb = NULL;
    mem_free(t);
    v->accel = NULL;
}

void accel_destroy(struct accel *a)
{
    accel_stop(a);
    unlisten(a);
    os_mutex_lock(&a->lock);
    atomic_store(&a->quit, true);
    os_cond_broadcast(&a->changed);
    os_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < thread_count(a); i++) {
        struct tcg_vcpu *t = a->vcpus[i]->accel;
        if (t && t->has_thread) {
            os_thread_join(&t->thread);
        }
    }
    if (a->has_timer) {
        os_thread_join(&a->timer);
    }
    detach_from_memory(a);
    perf_destroy(a->perf); /* before the cache is emptied, so that the files keep what was in it */
    a->perf = NULL;
    if (a->blocks) {
        block_flush_all(a);
        context_free_spare(a);
        os_unmap(a->blocks, a->block_capacity * sizeof(*a->blocks));
    }
    for (unsigned i = 0; i < a->count; i++) {
        if (a->vcpus[i]->accel) {
            vcpu_teardown(a->vcpus[i]);
        }
    }
    if (a->host) {
        host_destroy(a->host);
    }
    hash_free(a->pages);
    hash_free(a->code_hosts);
    hash_free(a->page_ids);
    mem_free(a->pages);
    hash_free(a->tracked);
    mem_free(a->tracked);
    mem_free(a->code_hosts);
    mem_free(a->page_ids);
    mem_free(a->hash);
    mem_free(a->monitors);
    mem_free(a->breakpoints);
    mem_free(a->watchpoints);
    os_mutex_destroy(&a->lock);
    os_mutex_destroy(&a->translate);
    os_mutex_destroy(&a->sync_lock);
    os_cond_destroy(&a->answered);
    os_cond_destroy(&a->changed);
    mem_free(a);
}

void accel_hold(struct accel *a, struct vcpu *v)
{
    atomic_store(&a->running, false);
    vcpu_kick(v);
}

bool accel_running(const struct accel *a)
{
    return atomic_load(&((struct accel *)(uintptr_t)a)->running);
}

void accel_step(struct accel *a, struct vcpu *v)
{
    tcg_of(v)->step = true;
    accel_start(a);
}

void accel_freeze(struct vcpu *v, bool frozen)
{
    tcg_of(v)->frozen = frozen;
}
