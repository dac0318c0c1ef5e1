/* SPDX-License-Identifier: MIT */
/*
 * What generated code asks of the run-time: the next block, a link, an access that the inline TLB
 * did not cover, a function. All of it runs on the vCPU's thread and on the C stack.
 */
#include <string.h>

#include "accel/atomic.h"
#include "accel/blocks.h"
#include "accel/callouts.h"
#include "accel/code_pages.h"
#include "accel/context.h"
#include "accel/countdown.h"
#include "accel/debug.h"
#include "accel/flush.h"
#include "accel/round.h"
#include "accel/tcg.h"
#include "accel/trace.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "tcg/eval.h"

/* The guest must not go on: somebody wants its vCPU, or (counted) its slice is over. */
static bool must_leave(const struct vcpu *v, const struct tcg *a)
{
    return atomic_load(&v->hot.exit_request) || atomic_load(&a->flush_wanted) ||
           (a->base.config.counted && v->hot.countdown <= 0);
}

static void count_leave(struct vcpu *v, const struct tcg *a)
{
    tcg_count(v, atomic_load(&v->hot.exit_request)                 ? COUNT_LEAVE_REQUEST
                 : atomic_load(&a->flush_wanted)                   ? COUNT_LEAVE_FLUSH
                 : a->base.config.counted && v->hot.countdown <= 0 ? COUNT_LEAVE_SLICE
                                                                   : COUNT_LEAVE_DEBUG);
}

/* What an entry for pc and env.aux holds. */
static uint64_t jump_key(struct vcpu *v, uint64_t pc)
{
    const struct tcg_vcpu *t = tcg_of(v);

    return pc ^ t->context->key ^ layout_aux_key(vcpu_env(v)->aux, t->accel->aux_secret);
}

/* b, which was found at pc in the current context, is found by generated code from now on. One that
 * lies on two pages is not, since what it checks when it is entered only block_find brings about;
 * nor one of a page that may be executed in part. */
static void remember_jump(struct vcpu *v, uint64_t pc, const struct block *b)
{
    if (b->second_bytes || b->part) {
        return;
    }
    struct jump_entry *j = &tcg_of(v)->jumps[tcg_jump_slot(tcg_of(v)->accel, pc)];

    atomic_set(&j->host, b->entry);
    atomic_set(&j->key, jump_key(v, pc));
    atomic_fence(); /* as in forget_jumps: either sees what the other did */
    if (!atomic_get(&b->valid)) {
        atomic_set(&j->key, UINT64_MAX);
    }
}

/* A flush that another vCPU has posted is no reason to leave, unless there is somebody to make room
 * for. */
static void attend(struct vcpu *v)
{
    uint32_t flush = EXIT_FLUSH;

    if (atomic_load(&v->hot.exit_request) == EXIT_FLUSH && !work_is_crowded(v->accel->accel) &&
        atomic_compare_exchange_strong(&v->hot.exit_request, &flush, 0)) {
        work_do_errands(v);
    }
}

/* Where to go on at pc, with the guest's registers in memory. */
const void *callout_go(struct vcpu *v, uint64_t pc)
{
    struct tcg_vcpu *t = tcg_of(v);
    struct tcg *a = t->accel;

    tcg_doing(v, DOING_LOOKUP);
    attend(v);
    for (unsigned attempt = 0; attempt < 4; attempt++) {
        context_select(v, pc);
        if (must_leave(v, a) || t->step || (a->breakpoint_count && tcg_has_breakpoint(v, pc))) {
            count_leave(v, a);
            break;
        }
        if (unlikely(t->context->traced)) {
            t->alone = true;
            break;
        }
        const struct jump_entry *j = &t->jumps[tcg_jump_slot(a, pc)];
        const bool traced = trace_entries();
        if (!traced && atomic_get(&j->key) == jump_key(v, pc)) {
            v->hot.pc = pc;
            tcg_doing(v, DOING_LEAF);
            return atomic_get(&j->host);
        }
        struct block *b = block_find(v, pc);
        if (b) {
            if (traced) {
                trace_entry(v, pc);
            } else {
                remember_jump(v, pc, b);
            }
            v->hot.pc = pc;
            tcg_doing(v, DOING_LEAF);
            return b->entry;
        }
        pc = tcg_load_place(v);
    }
    v->hot.pc = pc;
    return host_leave_address(a->host);
}

static const void *go(struct vcpu *v, uint64_t pc)
{
    tcg_count(v, COUNT_GO);
    return callout_go(v, pc);
}

/* What l compares where it crosses a page to b, which was fetched from pc. */
static uint32_t id_to_compare(struct tcg *a, const struct block *b, uint64_t pc)
{
    return b->movable ? code_page_at(a, b->pa)->id : context_page_id(a, pc, b->pa);
}

/* l leads to b, fetched from pc, from now on, if both are still what they were. */
static void make_link(struct tcg *a, struct link *l, struct block *b, uint64_t pc)
{
    os_mutex_lock(&a->translate);
    /* Within a page the code page is the one that is running; it may have been remapped since. */
    if (b->valid && l->from->valid && b->mode_key == l->from->mode_key &&
        (l->page_check || (b->pa ^ l->from->pa) >> GUEST_PAGE_BITS == 0)) {
        if (l->to) {
            struct link **at = &l->to->in;
            while (*at && *at != l) {
                at = &(*at)->next_in;
            }
            if (*at) {
                *at = l->next_in;
            }
        }
        atomic_set(&l->to, b);
        l->next_in = b->in;
        b->in = l;
        atomic_set(&l->by_table, 0);
        host_link(a->host, l, b->inner, l->page_check ? id_to_compare(a, b, pc) : 0);
    }
    os_mutex_unlock(&a->translate);
}

/* l has led to another page; another vCPU may stand between its check and its jump. */
static bool leads_elsewhere(const struct tcg *a, const struct link *l, const struct block *b)
{
    const struct block *to = atomic_get(&l->to);

    return a->parallel && l->page_check && to && (to->pa ^ b->pa) >> GUEST_PAGE_BITS;
}

/* l was taken to b at pc: the next time without the run-time. */
static void shorten(struct vcpu *v, struct link *l, struct block *b, uint64_t pc)
{
    if (b->part || l->from->part) {
        return; /* whether the goal may be executed is asked each time */
    }
    if (b->movable != l->from->movable || block_is_nowhere(b) ||
        leads_elsewhere(tcg_of(v)->accel, l, b)) {
        atomic_set(&l->by_table, 1); /* they keep hot.page differently, or there is no page */
        remember_jump(v, pc, b);
    } else if (atomic_get(&l->to) != b) {
        const struct cpu_fetch f = tcg_fetch(v, pc);
        make_link(tcg_of(v)->accel, l, b, tcg_fetched_at(&f, pc));
    }
}

static const void *link_block(struct vcpu *v, struct link *l)
{
    struct tcg_vcpu *t = tcg_of(v);
    struct tcg *a = t->accel;
    const uint64_t pc = link_pc(l, &v->hot);

    vcpu_env(v)->aux = l->aux;
    tcg_count(v, COUNT_LINK);
    tcg_doing(v, DOING_LOOKUP);
    attend(v);
    context_select(v, pc);
    if ((must_leave(v, a) && !l->flags_dead) || t->step || t->context->traced ||
        a->breakpoint_count) {
        return callout_go(v, pc);
    }
    struct block *b = block_find(v, pc);
    if (!b) {
        return callout_go(v, tcg_load_place(v));
    }
    if (trace_entries()) {
        trace_entry(v, pc);
    } else {
        shorten(v, l, b, pc);
    }
    v->hot.pc = pc;
    tcg_doing(v, DOING_LEAF);
    return b->entry;
}

static const void *poll(struct vcpu *v, uint64_t pc)
{
    v->hot.pc = pc;
    tcg_count(v, COUNT_POLL);
    attend(v);
    if (!atomic_load(&v->hot.exit_request)) {
        return callout_go(v, pc);
    }
    count_leave(v, tcg_of(v)->accel);
    return host_leave_address(tcg_of(v)->accel->host);
}

/* Takes the exception that was recorded; the state in memory is complete and its PC is the faulting
 * instruction's. */
static const void *take(struct vcpu *v)
{
    tcg_count(v, COUNT_EXCEPTION);
    tcg_doing(v, DOING_EXCEPTION);
    if (!tcg_take_raised(v)) {
        v->hot.pc = tcg_load_place(v);
        return host_leave_address(tcg_of(v)->accel->host);
    }
    return callout_go(v, tcg_load_place(v));
}

typedef uint64_t (*int_fn)(struct vcpu *, uint64_t, uint64_t, uint64_t, uint32_t);
typedef void (*vec_fn)(struct vcpu *, union ir_vec *, const union ir_vec *, const union ir_vec *,
                       const union ir_vec *, uint32_t);

/* A run-time function will be called. */
static void begin_row(struct vcpu *v, const struct ir_call *row, enum tcg_doing d)
{
    struct tcg_stats *s = &tcg_of(v)->stats;

    if (s->measured) {
        stats_enter_row(s, row);
    }
    tcg_doing(v, d);
}

static const void *tail(struct vcpu *v, const struct ir_call *row, uint32_t aux, uint64_t at)
{
    const uint64_t *args = vcpu_env(v)->args;

    tcg_count(v, COUNT_TAIL);
    begin_row(v, row, DOING_TAIL);
    tcg_store_place(v, at);
    vcpu_env(v)->aux = 0; /* unless it says otherwise */
    vcpu_env(v)->insns_left = 1;
    vcpu_env(v)->more = true;
    tcg_of(v)->block = NULL;
    const uint64_t pc = ((int_fn)row->fn)(v, args[0], args[1], args[2], aux);

    if (v->hot.raised) {
        return take(v);
    }
    vcpu_env(v)->insns_left = 0;
    if (unlikely(tcg_of(v)->map_changed)) {
        tcg_settle_map(v);
    }
    return callout_go(v, pc);
}

static uint64_t site_pc(const struct vcpu *v, const struct site *s)
{
    return tcg_page_of(v, s->block) + (s->block->pc & (GUEST_PAGE_SIZE - 1)) + s->insn;
}

/* The guest leaves the block at s because an exception was recorded. */
static const void *leave_at(struct vcpu *v, const struct site *s)
{
    host_sync(tcg_of(v)->accel->host, v, s);
    vcpu_env(v)->aux = (s->block->aux & ~mask64(32)) | s->local;
    tcg_store_place(v, site_pc(v, s));
    return take(v);
}

/* Behind a function in the middle of a block: NULL, or where the guest goes on when it leaves. */
static const void *finish(struct vcpu *v, const struct site *s, bool leaves)
{
    tcg_of(v)->block = NULL;
    if (unlikely(tcg_of(v)->map_changed)) {
        host_forget_addends(tcg_of(v)->accel->host, v, s);
        tcg_settle_map(v);
    }
    if (leaves) {
        return leave_at(v, s);
    }
    vcpu_env(v)->insns_left = 0;
    tcg_doing(v, DOING_LEAF);
    return NULL;
}

static const void *call(struct vcpu *v, const struct ir_call *row, const struct site *s,
                        uint32_t aux)
{
    tcg_count(v, COUNT_CALL);
    begin_row(v, row, DOING_CALL);
    vcpu_env(v)->insns_left = s->insns_left;
    vcpu_env(v)->more = true;
    tcg_of(v)->block = s->block;
    if (row->vector) {
        union ir_vec *x = (union ir_vec *)vcpu_env(v)->vec_args;
        ((vec_fn)row->fn)(v, &x[3], &x[0], &x[1], &x[2], aux);
    } else {
        const uint64_t *args = vcpu_env(v)->args;
        vcpu_env(v)->args[0] = ((int_fn)row->fn)(v, args[0], args[1], args[2], aux);
    }
    return finish(v, s, v->hot.raised);
}

static bool load_vector(struct vcpu *v, const struct site *s, uint64_t va, memop m)
{
    union ir_vec x = {.u64 = {0, 0}};

    if ((m & MO_SIZE_LOG2) < MO_128 ? !vcpu_load(v, va, m, &x.u64[0])
                                    : !vcpu_load_vector(v, va, m, x.u64)) {
        return false;
    }
    *(union ir_vec *)vcpu_env(v)->vec[s->data] = x;
    return true;
}

static bool store_vector(struct vcpu *v, const struct site *s, uint64_t va, memop m)
{
    const union ir_vec *x = (const union ir_vec *)vcpu_env(v)->vec[s->data];

    return (m & MO_SIZE_LOG2) < MO_128 ? vcpu_store(v, va, m, x->u64[0])
                                       : vcpu_store_vector(v, va, m, x->u64);
}

static bool access_by_register(struct vcpu *v, const struct site *s, uint64_t va)
{
    const bool vector = ir_in_vector_register(s->type);
    const memop m = memop_of_access(s->memop, s->segment != 0);

    if (s->kind == SITE_LOAD) {
        uint64_t value;
        if (vector) {
            return load_vector(v, s, va, m);
        }
        if (!vcpu_load(v, va, m, &value)) {
            return false;
        }
        vcpu_env(v)->gpr[s->data] = s->type == T_I32 ? (uint32_t)value : value;
        return true;
    }
    if (vector) {
        return store_vector(v, s, va, m);
    }
    return vcpu_store(v, va, m,
                      s->data == SITE_NO_REG ? (uint64_t)(int64_t)(int32_t)s->aux
                                             : vcpu_env(v)->gpr[s->data]);
}

/* An access by the run-time. Whether it walks is known behind it: so is what it is booked on. */
static const void *mem(struct vcpu *v, const struct site *s)
{
    struct tcg_stats *stats = &tcg_of(v)->stats;
    const uint64_t walks = vcpu_env(v)->tlb->walks, ns = stats->ns[DOING_MEM];

    tcg_doing(v, DOING_MEM);
    vcpu_env(v)->tlb->slow++;
    vcpu_env(v)->insns_left = s->insns_left;
    vcpu_env(v)->more = s->more;
    tcg_of(v)->block = s->block;
    const bool done = access_by_register(v, s, tcg_site_address_leaf(v, s));
    const bool walked = vcpu_env(v)->tlb->walks != walks;
    tcg_count(v, walked ? COUNT_MEM_WALK : COUNT_MEM);
    if (walked && stats->ns[DOING_MEM] != ns) {
        stats_move(stats, DOING_MEM, DOING_WALK, ns);
    }
    return finish(v, s, !done);
}

static const void *op(struct vcpu *v, const struct site *s)
{
    union ir_vec *x = (union ir_vec *)vcpu_env(v)->vec_args;

    tcg_doing(v, DOING_OP);
    if (s->op == (uint8_t)IR_load_excl || s->op == (uint8_t)IR_store_excl ||
        s->op == (uint8_t)IR_atomic || s->op == (uint8_t)IR_cas) {
        tcg_count(v, COUNT_ATOMIC);
        vcpu_env(v)->insns_left = s->insns_left;
        vcpu_env(v)->more = s->more;
        tcg_of(v)->block = s->block;
        return finish(v, s, !atomic_site(v, s));
    }
    tcg_count(v, COUNT_OP);
    const struct ir_insn in = {
        .op = s->op, .type = s->type, .src = s->src, .aux = s->aux, .imm = vcpu_env(v)->args[0]};
    ir_eval_op(v, v->cls->ir, &in, &x[3], (const union ir_vec *const[]){&x[0], &x[1], &x[2]});
    tcg_doing(v, DOING_LEAF);
    return NULL;
}

static const void *counted(struct vcpu *v, uint64_t pc, uint32_t insns)
{
    v->hot.countdown += insns;
    return countdown_rest(v, pc);
}

static uint64_t probe(struct vcpu *v, uint64_t va, uint64_t m, uint64_t write, uint32_t aux)
{
    (void)aux;
    vcpu_probe(v, va, (uint32_t)m, write ? ACCESS_WRITE : ACCESS_READ);
    return 0;
}

static const struct ir_call row_probe = {"probe", (void (*)(void))probe, IR_CALL_RAISES,
                                         .vector = false, .pure = false};

const struct host_runtime tcg_runtime = {
    .probe = &row_probe,
    .link = link_block,
    .go = go,
    .poll = poll,
    .tail = tail,
    .mem_leaf = tcg_mem_leaf,
    .mem = mem,
    .call = call,
    .op = op,
    .counted = counted,
};
