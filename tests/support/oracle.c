/* SPDX-License-Identifier: MIT */
/* See oracle.h. */
#include "tests/support/oracle.h"

#include <assert.h>
#include <string.h>

#include "tcg/interp.h"

void oracle_init(struct oracle *o, struct vcpu *v)
{
    *o = (struct oracle){.v = v};
    assert(!vcpu_env(v)->tcg && !vcpu_env(v)->tlb);
    ir_builder_init(&o->builder, v->cls->ir);
    vcpu_env(v)->interpreting = true;
    v->hot.excl_addr = UINT64_MAX;
}

void oracle_free(struct oracle *o)
{
    ir_builder_free(&o->builder);
}

/* The instruction counts, unless it has not happened and is repeated. */
static void take(struct oracle *o)
{
    struct vcpu *v = o->v;

    o->insns -= v->hot.raised != TCG_RAISED;
    o->refused = v->hot.raised == TCG_WATCHED;
    v->hot.raised = 0;
    if (!o->refused) {
        v->cls->take_exception(v);
    }
}

/* The bytes at va to the end of their page or range; false: the exception has been taken. */
static bool fetch_page(struct oracle *o, uint64_t va, const uint8_t **bytes, uint32_t *n)
{
    struct vcpu *v = o->v;
    struct translation t;
    struct mem_view m;
    uint64_t fault = FAULT_BUS;

    if (!v->cls->walk(v, va, ACCESS_FETCH, v->cls->mmu_index(v), &t, &fault) ||
        !vcpu_space(v, t.pa) || !space_find(vcpu_space(v, t.pa), vcpu_plain_address(t.pa), &m) ||
        m.range->kind == RANGE_MMIO) {
        v->cls->raise_memory(v, va, ACCESS_FETCH, fault);
        take(o);
        return false;
    }
    const paddr at = vcpu_plain_address(t.pa);
    const uint64_t left = m.base + m.size - at, in_page = GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE;
    const uint64_t in_part = t.in_part >> ACCESS_FETCH & 1 ? t.to - at % GUEST_PAGE_SIZE : in_page;
    *bytes = m.range->host + m.offset + (at - m.base);
    *n = (uint32_t)(left < in_part ? left : in_part);
    return true;
}

/* The rest of an instruction that lies on two pages. */
static bool fetch_second(struct oracle *o, uint64_t va)
{
    struct ir_builder *b = &o->builder;
    const uint8_t *more;
    uint32_t n;

    if (!fetch_page(o, va, &more, &n)) {
        return false;
    }
    const uint32_t left = IR_CROSSING_BYTES - b->code_bytes;
    memcpy(b->crossing, b->code, b->code_bytes);
    memcpy(b->crossing + b->code_bytes, more, n < left ? n : left);
    b->code = b->crossing;
    b->code_bytes += n < left ? n : left;
    return true;
}

/* The bytes of the code at pc to the end of their page or range; false: the exception has been
 * taken. */
static bool fetch(struct oracle *o, uint64_t pc)
{
    struct vcpu *v = o->v;
    struct cpu_fetch f = {.mask = UINT64_MAX};

    if (v->cls->fetch) {
        v->cls->fetch(v, pc, o->builder.aux, &f);
    }
    o->builder.fetch_base = f.base;
    o->builder.fetch_mask = f.mask;
    o->builder.code = NULL;
    o->builder.code_bytes = 0;
    if (f.nothing) {
        return true;
    }
    const uint64_t va = (pc + f.base) & f.mask;
    if (!fetch_page(o, va, &o->builder.code, &o->builder.code_bytes)) {
        return false;
    }
    return !v->cls->crosses || o->builder.code_bytes >= IR_CROSSING_BYTES ||
           !v->cls->crosses(v, o->builder.code, o->builder.code_bytes) ||
           fetch_second(o, (va + o->builder.code_bytes) & f.mask);
}

/* Behind the instruction that began at pc in that mode. */
static void follow(struct oracle *o, uint64_t pc, uint64_t mode)
{
    struct vcpu *v = o->v;
    const uint32_t marks = vcpu_env(v)->marks;

    if (!marks && !(v->cls->traces && v->cls->traces(mode))) {
        return;
    }
    v->cls->followed(v, pc, mode, marks);
    if (v->hot.raised) {
        v->hot.raised = 0;
        v->cls->take_exception(v);
    }
}

static void execute(struct oracle *o)
{
    struct vcpu *v = o->v;
    struct ir_builder *b = &o->builder;

    vcpu_env(v)->marks = 0;

    ir_begin(b, v->cls->pc(v), v->cls->mode_key(v));
    ir_set_aux(b, v->cls->aux ? v->cls->aux(v) : 0);
    if (!fetch(o, b->pc)) {
        return;
    }
    b->max_guest_insns = 1;
    b->mmu_current = (uint8_t)v->cls->mmu_index(v);
    b->mmu_user = (uint8_t)v->cls->mmu_index_user(v);
    b->look_ahead = b->flags_dead = b->movable = b->follows = b->loops = false;
    b->branches_left = 0;
    v->cls->translate(v, b);
    v->hot.page = b->pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    vcpu_env(v)->insns_left = b->guest_insns + 1;
    v->cls->set_pc(v, ir_interpret(v, b));
    if (v->cls->set_aux) {
        v->cls->set_aux(v, vcpu_env(v)->aux);
    }
    if (v->hot.raised) {
        take(o);
    } else {
        follow(o, b->pc, b->mode_key);
    }
}

static bool runs(struct oracle *o, enum oracle_reason *why)
{
    struct vcpu *v = o->v;

    if (o->refused) {
        o->refused = false;
        *why = ORACLE_REFUSED;
        return false;
    }
    if (atomic_exchange(&v->hot.exit_request, 0)) {
        *why = ORACLE_KICKED;
        return false;
    }
    if (atomic_load(&v->powered_off)) {
        *why = ORACLE_OFF;
        return false;
    }
    if (atomic_load(&v->halted) && !v->cls->has_work(v)) {
        *why = ORACLE_ASLEEP;
        return false;
    }
    atomic_store(&v->halted, false);
    return true;
}

enum oracle_reason oracle_run(struct oracle *o, uint64_t insns)
{
    struct vcpu *v = o->v, *before = vcpu_make_current(v);
    enum oracle_reason why = ORACLE_COUNT;

    for (const uint64_t end = o->insns + insns; o->insns < end && runs(o, &why);) {
        if (!v->holds_interrupts && v->cls->interrupt_ready(v)) {
            v->cls->take_interrupt(v);
        }
        o->insns++;
        execute(o);
    }
    vcpu_make_current(before);
    return why;
}
