/* SPDX-License-Identifier: MIT */
/* See oracle.h. */
#include "tests/support/oracle.h"

#include <assert.h>

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

/* The bytes at pc to the end of their page or range; false: the exception has been taken. */
static bool fetch(struct oracle *o, uint64_t pc)
{
    struct vcpu *v = o->v;
    struct translation t;
    struct mem_view m;
    uint64_t fault = FAULT_BUS;

    if (!v->cls->walk(v, pc, ACCESS_FETCH, v->cls->mmu_index(v), &t, &fault) ||
        !vcpu_space(v, t.pa) || !space_find(vcpu_space(v, t.pa), vcpu_plain_address(t.pa), &m) ||
        m.range->kind == RANGE_MMIO) {
        v->cls->raise_memory(v, pc, ACCESS_FETCH, fault);
        take(o);
        return false;
    }
    const paddr at = vcpu_plain_address(t.pa);
    const uint64_t left = m.base + m.size - at, in_page = GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE;
    o->builder.code = m.range->host + m.offset + (at - m.base);
    o->builder.code_bytes = (uint32_t)(left < in_page ? left : in_page);
    return true;
}

static void execute(struct oracle *o)
{
    struct vcpu *v = o->v;
    struct ir_builder *b = &o->builder;

    ir_begin(b, v->cls->pc(v), v->cls->mode_key(v));
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
    if (v->hot.raised) {
        take(o);
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
        if (v->cls->interrupt_ready(v)) {
            v->cls->take_interrupt(v);
        }
        o->insns++;
        execute(o);
    }
    vcpu_make_current(before);
    return why;
}
