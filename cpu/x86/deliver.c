/* SPDX-License-Identifier: MIT */
/*
 * Delivery of exceptions and interrupts: through the vectors of real mode, the gates of protected
 * mode, task gates, the gates of long mode. Intel SDM, volume 3, chapter 6, 7.3 (tasks), 20.1.4
 * (real mode), 20.3 (virtual-8086 mode).
 *
 * Nothing of the CPU changes before the last access that may fault has been made; after that a
 * delivery succeeds. A switch of tasks is the exception: what fails late fails in the new task.
 */
#include "cpu/x86/frame.h"

#include "base/bits.h"
#include "cpu/x86/dump.h"

struct delivery {
    struct x86_cpu *c;
    unsigned vector;
    enum x86_event event;
    bool has_error;
    uint32_t error;
    uint64_t pc;
    bool fault; /* the instruction will be repeated: RF */
};

#define SYSTEM MO_IDX(X86_MMU_SYSTEM)

/* Volume 3, figure 6-7: an error code that names a gate. */
static bool gate_fault(const struct delivery *d, enum x86_vector vector)
{
    x86_raise_error(d->c, vector, d->vector * 8 + 2 + (d->event == X86_EVENT_EXTERNAL));
    return false;
}

static uint64_t saved_flags(const struct delivery *d)
{
    return x86_rflags(d->c) | (d->fault ? X86_RF : 0);
}

static void mask_flags(struct x86_cpu *c, bool interrupt_gate)
{
    c->rflags &= ~(uint32_t)(X86_TF | X86_NT | X86_RF | X86_VM | (interrupt_gate ? X86_IF : 0));
}

/* A gate, as far as all kinds are alike. */
struct gate {
    unsigned type;
    uint16_t selector;
    uint64_t offset, code; /* the descriptor of its code segment */
    unsigned cpl;          /* that it leads to */
};

/* The code segment of the gate: volume 3, 6.12.1.1 and 6.14.1. */
static bool find_code(struct delivery *d, struct gate *g)
{
    struct x86_cpu *c = d->c;
    if (!x86_find_descriptor(c, X86_GP, g->selector, &g->code)) {
        return false;
    }
    const unsigned attr = x86_attr_of(g->code), dpl = x86_dpl_of(attr), cpl = x86_cpl(c);
    const bool conforming = attr & X86_A_DOWN, from_virtual = c->rflags & X86_VM;
    bool bad = !(attr & X86_A_USER) || !(attr & X86_A_CODE) || dpl > cpl;
    bad |= (c->efer & X86_EFER_LMA) && (!(attr & X86_A_LONG) || (attr & X86_A_BIG));
    bad |= from_virtual && (conforming || dpl != 0);
    if (bad) {
        return x86_fault(c, X86_GP, g->selector);
    }
    if (!(attr & X86_A_PRESENT)) {
        return x86_fault(c, X86_NP, g->selector);
    }
    g->cpl = conforming ? cpl : dpl;
    return true;
}

/* Software's way through a gate, and whether it is there. */
static bool gate_allows(const struct delivery *d, uint64_t word)
{
    if (d->event == X86_EVENT_SOFTWARE && (word >> 45 & 3) < x86_cpl(d->c)) {
        return gate_fault(d, X86_GP);
    }
    return (word >> 47 & 1) || gate_fault(d, X86_NP);
}

/* ---- long mode: 6.14 */

static bool read_long_gate(struct delivery *d, struct gate *g, unsigned *ist)
{
    struct x86_cpu *c = d->c;
    const uint64_t at = c->idt.base + d->vector * 16;
    uint64_t low, high;
    if (d->vector * 16 + 15 > c->idt.limit) {
        return gate_fault(d, X86_GP);
    }
    if (!vcpu_load(&c->vcpu, at, MO_64 | SYSTEM, &low) ||
        !vcpu_load(&c->vcpu, at + 8, MO_64 | SYSTEM, &high)) {
        return false;
    }
    g->type = low >> 40 & 0x1f;
    g->selector = low >> 16 & 0xffff;
    g->offset = (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32;
    *ist = low >> 32 & 7;
    return g->type < 14 || g->type > 15 ? gate_fault(d, X86_GP) : gate_allows(d, low);
}

static bool deliver_long(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    struct gate g;
    uint64_t sp = c->r[X86_RSP];
    unsigned ist;
    if (!read_long_gate(d, &g, &ist) || !find_code(d, &g)) {
        return false;
    }
    const bool inner = g.cpl < x86_cpl(c);
    if ((ist || inner) && !x86_inner_rsp(c, g.cpl, ist, &sp)) {
        return false;
    }
    struct x86_frame f = x86_frame_at(c, NULL, sp & ~UINT64_C(15), 8, g.cpl);
    const uint64_t saved[] = {c->seg[X86_SS].selector, c->r[X86_RSP], saved_flags(d),
                              c->seg[X86_CS].selector, d->pc,         d->error};
    if (!x86_frame_push_all(&f, saved, d->has_error ? 6 : 5) || !x86_may_go(c, g.code, g.offset) ||
        !x86_mark_accessed(c, g.selector, &g.code)) {
        return false;
    }
    if (inner) {
        c->seg[X86_SS] = x86_null_stack(g.cpl);
    }
    x86_segment_fill(&c->seg[X86_CS], (uint16_t)((g.selector & 0xfffc) | g.cpl), g.code);
    x86_frame_commit(&f);
    mask_flags(c, g.type == 14);
    c->rip = g.offset;
    return true;
}

/* ---- protected mode: 6.12.1, 20.3.3 */

/* What virtual-8086 code had in its data segments goes on the stack first; they become null. */
static unsigned push_virtual(const struct x86_cpu *c, uint64_t *v)
{
    if (!(c->rflags & X86_VM)) {
        return 0;
    }
    v[0] = c->seg[X86_GS].selector;
    v[1] = c->seg[X86_FS].selector;
    v[2] = c->seg[X86_DS].selector;
    v[3] = c->seg[X86_ES].selector;
    return 4;
}

static void drop_virtual(struct x86_cpu *c)
{
    static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    for (unsigned k = 0; k < 4 && (c->rflags & X86_VM); k++) {
        c->seg[data[k]] = (struct x86_segment){0};
    }
}

static bool push_frame(const struct delivery *d, struct x86_frame *f, bool outer)
{
    const struct x86_cpu *c = d->c;
    uint64_t v[10];
    unsigned n = outer ? push_virtual(c, v) : 0;
    if (outer) {
        v[n++] = c->seg[X86_SS].selector;
        v[n++] = c->r[X86_RSP];
    }
    v[n++] = saved_flags(d);
    v[n++] = c->seg[X86_CS].selector;
    v[n++] = d->pc;
    if (d->has_error) {
        v[n++] = d->error;
    }
    return x86_frame_push_all(f, v, n);
}

static bool through_gate(struct delivery *d, struct gate *g)
{
    struct x86_cpu *c = d->c;
    const bool wide = g->type >= 14;
    struct x86_segment ss = c->seg[X86_SS];
    uint64_t sp = c->r[X86_RSP];
    if (!find_code(d, g)) {
        return false;
    }
    const bool inner = g->cpl < x86_cpl(c);
    if (inner && !x86_inner_stack(c, g->cpl, &ss, &sp)) {
        return false;
    }
    struct x86_frame f = x86_frame_at(c, &ss, sp, wide ? 4 : 2, g->cpl);
    f.error = inner ? ss.selector : 0;
    if (!push_frame(d, &f, inner) || !x86_may_go(c, g->code, g->offset) ||
        !x86_mark_accessed(c, g->selector, &g->code)) {
        return false;
    }
    drop_virtual(c);
    c->seg[X86_SS] = ss;
    x86_segment_fill(&c->seg[X86_CS], (uint16_t)((g->selector & 0xfffc) | g->cpl), g->code);
    x86_frame_commit(&f);
    mask_flags(c, !(g->type & 1));
    c->rip = g->offset;
    return true;
}

/* The error code goes on the new task's stack. */
static bool through_task(struct delivery *d, const struct gate *g)
{
    struct x86_cpu *c = d->c;
    const enum x86_task_by by = d->fault ? X86_TASK_FAULT : X86_TASK_EVENT;
    if (!x86_task_switch(c, g->selector, by, d->pc)) {
        return false;
    }
    if (!d->has_error) {
        return true;
    }
    struct x86_frame f = x86_frame_current(c, (c->tr.attr & X86_A_TYPE) >= 9 ? 4 : 2);
    if (!x86_frame_push(&f, d->error)) {
        return false;
    }
    x86_frame_commit(&f);
    return true;
}

#define TASK_GATE 5u

static bool deliver_protected(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    uint64_t word;
    if (d->vector * 8 + 7 > c->idt.limit) {
        return gate_fault(d, X86_GP);
    }
    if (!vcpu_load(&c->vcpu, c->idt.base + d->vector * 8, MO_64 | SYSTEM, &word)) {
        return false;
    }
    struct gate g = {.type = word >> 40 & 0x1f, .selector = word >> 16 & 0xffff};
    g.offset = (word & 0xffff) | (g.type >= 14 ? word >> 32 & 0xffff0000 : 0);
    if (g.type != TASK_GATE && (g.type & ~9u) != 6) {
        return gate_fault(d, X86_GP);
    }
    if (!gate_allows(d, word)) {
        return false;
    }
    return g.type == TASK_GATE ? through_task(d, &g) : through_gate(d, &g);
}

/* ---- real mode: 20.1.4 */

static bool deliver_real(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    uint64_t vector;
    if (d->vector * 4 + 3 > c->idt.limit) {
        return gate_fault(d, X86_GP);
    }
    if (!vcpu_load(&c->vcpu, c->idt.base + d->vector * 4, MO_32 | SYSTEM, &vector)) {
        return false;
    }
    struct x86_frame f = x86_frame_at(c, &c->seg[X86_SS], c->r[X86_RSP], 2, 0);
    f.mask = 0xffff;
    f.sp &= 0xffff;
    const uint64_t saved[] = {saved_flags(d), c->seg[X86_CS].selector, d->pc};
    if (!x86_frame_push_all(&f, saved, 3)) {
        return false;
    }
    x86_frame_commit(&f);
    c->rflags &= ~(uint32_t)(X86_TF | X86_IF | X86_AC | X86_RF);
    x86_segment_real(&c->seg[X86_CS], (uint16_t)(vector >> 16));
    c->rip = vector & 0xffff;
    return true;
}

static bool deliver(struct delivery *d)
{
    d->c->event = d->event;
    if (!(d->c->cr0 & X86_CR0_PE)) {
        return deliver_real(d);
    }
    return d->c->efer & X86_EFER_LMA ? deliver_long(d) : deliver_protected(d);
}

/* ---- exceptions while one is delivered: 6.15, interrupt 8 */

static bool is_contributory(unsigned vector)
{
    return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

static bool doubles(unsigned first, unsigned second)
{
    return (is_contributory(first) && is_contributory(second)) ||
           (first == X86_PAGE && (second == X86_PAGE || is_contributory(second)));
}

static void end(struct x86_cpu *c)
{
    struct vcpu *v = &c->vcpu;
    v->power->request(v->power, POWER_RESET);
    atomic_store(&v->powered_off, true);
    vcpu_exit_soon(v);
}

void x86_shut_down(struct x86_cpu *c, const char *why)
{
    x86_dump_shutdown(c, why);
    end(c);
}

/* What came while d was delivered. */
static struct delivery next_delivery(const struct delivery *d, bool exception)
{
    struct x86_cpu *c = d->c;
    struct delivery n = {.c = c,
                         .vector = c->vector,
                         .event = X86_EVENT_EXTERNAL,
                         .has_error = c->has_error,
                         .error = c->error,
                         .pc = c->rip,
                         .fault = true};
    if (exception && doubles(d->vector, c->vector)) {
        n.vector = X86_DOUBLE;
        n.has_error = true;
        n.error = 0;
    }
    n.has_error &= (c->cr0 & X86_CR0_PE) != 0;
    return n;
}

/* What was to be delivered, one after the other, for the log. */
struct chain {
    struct x86_dump_event event[8];
    unsigned n;
};

static void note(struct chain *chain, const struct delivery *d)
{
    struct x86_dump_event *e = &chain->event[chain->n % array_len(chain->event)];
    *e = (struct x86_dump_event){.vector = d->vector,
                                 .error = d->error,
                                 .has_error = d->has_error,
                                 .software = d->event == X86_EVENT_SOFTWARE,
                                 .pc = d->pc};
    x86_dump_delivery(d->c, e);
    chain->n += chain->n < array_len(chain->event) - 1;
}

/* d could not be delivered, since another exception was raised; true: the CPU shuts down. */
static bool is_over(struct chain *chain, const struct delivery *d, bool exception)
{
    struct x86_cpu *c = d->c;
    c->vcpu.hot.raised = 0;
    c->look_again = false;
    x86_dump_nested(exception ? (int)d->vector : -1, c->vector);
    if (!exception || d->vector != X86_DOUBLE) {
        return false;
    }
    chain->event[chain->n++] = (struct x86_dump_event){
        .vector = c->vector, .error = c->error, .has_error = c->has_error, .pc = c->rip};
    x86_dump_triple(c, chain->event, chain->n);
    end(c);
    return true;
}

/* Until one can be delivered. exception: the first is one, and no interrupt. */
static void deliver_all(struct delivery d, bool exception)
{
    struct x86_cpu *c = d.c;
    struct chain chain = {.n = 0};
    vcpu_env(&c->vcpu)->more = false;
    for (note(&chain, &d); !deliver(&d); note(&chain, &d)) {
        if (is_over(&chain, &d, exception)) {
            break;
        }
        d = next_delivery(&d, exception);
        exception = true;
    }
    if (d.vector == X86_DB) {
        c->dr[7] &= ~(uint64_t)X86_DR7_GD;
    }
    c->event = X86_EVENT_NONE;
    tcg_mode_changed(&c->vcpu);
    c->aux = x86_code_aux(c);
}

void x86_take_exception(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    if (c->interrupted) {
        c->interrupted = false;
        x86_take_interrupt(v);
        return;
    }
    if (c->look_again) {
        x86_refine_fault(c);
    }
    deliver_all((struct delivery){.c = c,
                                  .vector = c->vector,
                                  .event = c->software ? X86_EVENT_SOFTWARE : X86_EVENT_EXTERNAL,
                                  .has_error = c->has_error && (c->cr0 & X86_CR0_PE),
                                  .error = c->error,
                                  .pc = c->rip + c->skip,
                                  .fault = !c->trap},
                !c->software);
}

void x86_deliver_interrupt(struct x86_cpu *c, unsigned vector)
{
    deliver_all((struct delivery){.c = c,
                                  .vector = vector,
                                  .event = X86_EVENT_EXTERNAL,
                                  .pc = c->rip,
                                  .fault = c->rip == c->repeat_pc},
                false);
}
