/* SPDX-License-Identifier: MIT */
/* The translating accelerator's life, and its table of functions. */
#include <string.h>

#include "accel/atomic.h"
#include "accel/blocks.h"
#include "accel/callouts.h"
#include "accel/compilers.h"
#include "accel/context.h"
#include "accel/countdown.h"
#include "accel/debug.h"
#include "accel/fault.h"
#include "accel/flush.h"
#include "accel/forget.h"
#include "accel/info.h"
#include "accel/perf.h"
#include "accel/remap.h"
#include "accel/round.h"
#include "accel/tcg.h"
#include "accel/trace.h"
#include "accel/track.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/fields.h"
#include "base/mem.h"
#include "base/softfloat.h"

#define DEFAULT_CACHE_BYTES (256u << 20) /* a JVM that compiles fills half of it in a minute */
#define CACHE_BYTES_A_BLOCK 128u /* room for blocks runs out with room for code, or before */
#define CODE_STACK_GUARD 65536u
#define CODE_STACK_HEADROOM                                                                        \
    128u /* bytes above the first frame, read by returns that look for theirs */

/* ---- threads */

static void thread_begins(struct vcpu *v)
{
    tcg_of(v)->signal_stack = fault_stack_create();
}

static void thread_ends(struct vcpu *v)
{
    stats_thread_ends();
    fault_stack_free(tcg_of(v)->signal_stack);
}

/* Anything may have been changed meanwhile. */
static void begin(struct vcpu *v)
{
    struct tcg_vcpu *t = tcg_of(v);

    t->context_dirty = t->space_dirty = true;
    t->hit = false;
}

/* What others do to the address is not watched: the monitor is closed, as a context switch may do.
 */
static void lose_turn(struct vcpu *v)
{
    v->hot.excl_addr = UINT64_MAX;
}

static void attend(struct vcpu *v)
{
    tcg_leave_soon(v, EXIT_FLUSH);
}

static void met(struct accel *base)
{
    struct tcg *a = tcg_of_accel(base);

    os_mutex_lock(&a->translate);
    const unsigned wanted = atomic_load(&a->flush_wanted);
    if (wanted & FLUSH_SPACES) {
        space_tags_reset(a);
    }
    if (wanted & FLUSH_CODE) {
        block_flush_all(a);
    } else {
        context_reset(a);
        atomic_store(&a->flush_wanted, 0);
    }
    os_mutex_unlock(&a->translate);
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
    t->base.v->hot.code_stack = top;
    tcg_fp_set_flags(t->base.v, tcg_fp_flags(t->base.v));
    return true;
}

static bool vcpu_setup(struct tcg *a, struct vcpu *v, struct error *e)
{
    struct tcg_vcpu *t = (struct tcg_vcpu *)v->accel;

    vcpu_env(v)->tcg = t;
    vcpu_env(v)->fp_denormals = v->cls->ir->fp_rules->flag_denormals;
    t->accel = a;
    t->stats.doing = DOING_RUN;
    t->jumps = mem_array(JUMP_TABLE_ENTRIES, sizeof(*t->jumps));
    ir_builder_init(&t->builder, v->cls->ir);
    t->builder.no_fold = a->base.config.no_opt;
    v->hot.jump_table = t->jumps;
    v->hot.excl_addr = UINT64_MAX;
    vcpu_env(v)->monitors = a->monitors;
    vcpu_env(v)->interpreting = a->host == NULL;
    begin(v);
    tlb_create(v);
    return !a->host || code_stack_setup(t, e);
}

static uint64_t cache_bytes(const struct tcg *a)
{
    return a->base.config.cache_bytes ? a->base.config.cache_bytes : DEFAULT_CACHE_BYTES;
}

static bool create_host(struct tcg *a, const struct cpu_class *cls, struct error *e)
{
    struct host_config hc = {
        .layout = VCPU_LAYOUT,
        .runtime = tcg_runtime,
        .guest = cls->ir,
        .cache_bytes = cache_bytes(a),
        .aux_secret = a->aux_secret,
        .level = a->base.config.host_level,
        .counted = a->base.config.counted,
        .compilers = a->parallel ? a->base.count : 1,
    };

    hc.layout.context = offsetof(struct tcg_vcpu, context);
    hc.layout.switches = offsetof(struct tcg_vcpu, switches);
    hc.layout.stale = offsetof(struct context, retired);
    a->host = host_create(&hc, e);
    if (a->host) {
        compilers_create(a);
    }
    return a->host != NULL;
}

static void map_changed(struct accel *a)
{
    tcg_map_changed(tcg_of_accel(a));
}

/* Whether writes to code are tracked: as the user asks, or as a vCPU needs it. They are told. */
static bool choose_tracking(const struct tcg *a)
{
    const enum accel_track track = a->base.config.track_code;
    bool needed = false;

    for (unsigned i = 0; i < a->base.count; i++) {
        needed |= a->base.vcpus[i]->cls->coherent_code || a->base.vcpus[i]->coherent_code;
    }
    const bool tracks = track == ACCEL_TRACK_ON || (track == ACCEL_TRACK_AUTO && needed);
    for (unsigned i = 0; i < a->base.count; i++) {
        a->base.vcpus[i]->coherent_code = tracks;
    }
    return tracks;
}

/* What needs no memory of a size that may not be had. */
static void init(struct tcg *a)
{
    os_mutex_init(&a->translate);
    os_cond_init(&a->compiler_free);
    space_tags_create(a);
    a->tracks_code = choose_tracking(a);
    a->parallel = accel_thread_count(&a->base) > 1;
    a->code_align = a->base.vcpus[0]->cls->ir->code_align;
    os_random(&a->spoiled_key, sizeof(a->spoiled_key));
    a->spoiled_key = (a->spoiled_key & mask64(52)) | (uint64_t)0x7ff << 52;
    os_random(&a->aux_secret, sizeof(a->aux_secret));
    a->hash = mem_array((size_t)1 << BLOCK_HASH_BITS, sizeof(*a->hash));
    a->pages = mem_alloc(sizeof(*a->pages));
    remap_create(a);
    a->page_ids = mem_alloc(sizeof(*a->page_ids));
    const uint64_t blocks = cache_bytes(a) / CACHE_BYTES_A_BLOCK;
    a->block_capacity = blocks < LAYOUT_MOVED_IDS ? (uint32_t)blocks : LAYOUT_MOVED_IDS - 1;
    a->tracked = mem_alloc(sizeof(*a->tracked));
    a->monitors = accel_thread_count(&a->base) > 1 ? monitors_create() : NULL;
}

static bool setup(struct tcg *a, struct error *e)
{
    const struct accel_config *c = &a->base.config;

    if (!c->interpreter && !create_host(a, a->base.vcpus[0]->cls, e)) {
        return false;
    }
    if ((c->perf_map || c->jit_dump) && !(a->perf = perf_create(c, a->host, e))) {
        return false;
    }
    if (!(a->blocks = os_map_ram(a->block_capacity * sizeof(*a->blocks), e))) {
        return false;
    }
    for (unsigned i = 0; i < a->base.count; i++) {
        if (!vcpu_setup(a, a->base.vcpus[i], e)) {
            return false;
        }
    }
    return true;
}

/* ---- who wants to know of writes: memory/dirty.h */

static void close_pages(void *opaque, const uint8_t *host)
{
    tcg_close_pages(opaque, host);
}

static void attach_to_memory(struct tcg *a)
{
    static const struct dirty_guests guests = {.close = close_pages, .code = track_code_written};
    struct dirty *d = space_dirty(a->base.vcpus[0]->memory);

    if (a->tracks_code) {
        dirty_track_code(d, true);
    }
    a->guests_slot = dirty_add_guests(d, &guests, a);
    a->attached = true;
    tcg_close_pages(a, NULL); /* somebody may have begun to log meanwhile */
}

static void detach_from_memory(struct tcg *a)
{
    struct dirty *d = space_dirty(a->base.vcpus[0]->memory);

    if (!a->attached) {
        return;
    }
    dirty_remove_guests(d, a->guests_slot);
    track_forget(a);
    if (a->tracks_code) {
        dirty_track_code(d, false);
    }
}

static bool create(struct accel *base, struct error *e)
{
    struct tcg *a = tcg_of_accel(base);

    init(a);
    if (!setup(a, e)) {
        return false;
    }
    fault_handler_install();
    attach_to_memory(a);
    if (base->config.stats) {
        stats_measure(a, true);
    }
    return true;
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
    tlb_destroy(vcpu_env(v)->tlb);
    vcpu_env(v)->tlb = NULL;
    vcpu_env(v)->tcg = NULL;
}

static void destroy(struct accel *base)
{
    struct tcg *a = tcg_of_accel(base);

    if (!a->hash) {
        return; /* it was not begun */
    }
    detach_from_memory(a);
    perf_destroy(a->perf); /* before the cache is emptied, so that the files keep what was in it */
    a->perf = NULL;
    if (a->blocks) {
        block_flush_all(a);
        context_free_spare(a);
        os_unmap(a->blocks, a->block_capacity * sizeof(*a->blocks));
    }
    for (unsigned i = 0; i < base->count; i++) {
        if (tcg_of(base->vcpus[i])) {
            vcpu_teardown(base->vcpus[i]);
        }
    }
    if (a->host) {
        compilers_destroy(a);
        host_destroy(a->host);
    }
    hash_free(a->pages);
    remap_destroy(a);
    hash_free(a->page_ids);
    mem_free(a->pages);
    hash_free(a->tracked);
    mem_free(a->tracked);
    mem_free(a->page_ids);
    mem_free(a->hash);
    mem_free(a->monitors);
    mem_free(a->breakpoints);
    mem_free(a->watchpoints);
    os_mutex_destroy(&a->translate);
    os_cond_destroy(&a->compiler_free);
    space_tags_destroy(a);
}

/* ---- the table */

/* The exclusive monitor, which is state like a register where turns are counted. */
static const struct field turn_fields[] = {
    FIELD(vcpu, hot.excl_addr),
    FIELD(vcpu, hot.excl_value),
    FIELD_END,
};

const struct accel_ops tcg_accel = {
    .name = "tcg",
    .description = "translates the guest's instructions to the host's",
    .can = ACCEL_CAN_COUNT | ACCEL_CAN_BREAK | ACCEL_CAN_WATCH | ACCEL_CAN_STEP |
           ACCEL_CAN_TRANSLATE,
    .bytes = sizeof(struct tcg),
    .vcpu_bytes = sizeof(struct tcg_vcpu),
    .create = create,
    .destroy = destroy,
    .thread_begins = thread_begins,
    .thread_ends = thread_ends,
    .begin = begin,
    .run = tcg_run,
    .kick = tcg_kick,
    .listen = tcg_listen,
    .attend = attend,
    .lose_turn = lose_turn,
    .met = met,
    .forget = tcg_forget,
    .forget_vcpu = tcg_forget_vcpu,
    .state_loaded = tcg_state_loaded,
    .map_changed = map_changed,
    .count_begin = countdown_begin,
    .count_left = countdown_left,
    .count_shorten = countdown_shorten,
    .turn_fields = turn_fields,
    .breakpoint = tcg_breakpoint,
    .watchpoint = tcg_watchpoint,
    .watch_hit = tcg_watch_hit,
    .step_over = tcg_step_over,
    .info_jit = tcg_info_jit,
    .measure = tcg_measure,
    .log_changed = tcg_log_changed,
};
