/* SPDX-License-Identifier: MIT */
/*
 * Switches between tasks. Intel SDM, volume 3, chapter 7: by JMP and CALL to a TSS or a task gate,
 * by an event through a task gate, by IRET with NT set. TSSs of 16 and of 32 bits; long mode has
 * none of it.
 *
 * Until the old state has been written an exception is the old task's; what is found wrong with the
 * new one's segments afterwards is the new task's, before its first instruction.
 */
#include "cpu/x86/frame.h"

#include "base/bits.h"

#define SYSTEM MO_IDX(X86_MMU_SYSTEM)
#define BUSY 2u

/* Where a TSS has what: figures 7-2 and 7-10. */
static const struct layout {
    uint8_t bytes;                                   /* of a register */
    uint8_t least;                                   /* its limit */
    uint8_t cr3, ip, flags, r, seg, segs, ldt, trap; /* 0: it has none */
} layouts[] = {{2, 0x2b, 0, 0x0e, 0x10, 0x12, 0x22, 4, 0x2a, 0},
               {4, 0x67, 0x1c, 0x20, 0x24, 0x28, 0x48, 6, 0x60, 0x64}};

static const struct layout *layout_of(unsigned attr)
{
    return &layouts[(attr & X86_A_TYPE) >= 9];
}

struct task {
    uint16_t selector;
    struct x86_segment tss;
    uint64_t cr3, ip, flags, r[8], seg[X86_SEGMENTS], ldt, trap;
};

/* ---- what can be found wrong before */

static bool find_tss(struct x86_cpu *c, struct task *t, enum x86_task_by by)
{
    const bool back = by == X86_TASK_IRET;
    const enum x86_vector wrong = back ? X86_TS : X86_GP;
    uint64_t d;
    if (t->selector & 4) {
        return x86_fault(c, wrong, t->selector);
    }
    if (!x86_find_descriptor(c, wrong, t->selector, &d)) {
        return false;
    }
    x86_segment_fill(&t->tss, t->selector, d);
    const unsigned type = t->tss.attr & 0x1f;
    if (back ? type != 11 && type != 3 : type != 9 && type != 1) {
        return x86_fault(c, wrong, t->selector);
    }
    if (!(t->tss.attr & X86_A_PRESENT)) {
        return x86_fault(c, X86_NP, t->selector);
    }
    return t->tss.limit >= layout_of(type)->least || x86_fault(c, X86_TS, t->selector);
}

static bool probe(struct x86_cpu *c, uint64_t at, unsigned bytes)
{
    const memop m = MO_8 | SYSTEM;
    return vcpu_probe(&c->vcpu, at, m, ACCESS_WRITE) &&
           vcpu_probe(&c->vcpu, at + bytes - 1, m, ACCESS_WRITE);
}

/* All that will be written may be. */
static bool probe_all(struct x86_cpu *c, const struct task *t)
{
    const struct layout *old = layout_of(c->tr.attr);
    return probe(c, c->tr.base, old->least + 1u) && probe(c, t->tss.base, 2) &&
           probe(c, c->gdt.base + (c->tr.selector & 0xfff8), 8) &&
           probe(c, c->gdt.base + (t->selector & 0xfff8), 8);
}

static bool read_tss(struct x86_cpu *c, struct task *t)
{
    const struct layout *l = layout_of(t->tss.attr);
    const memop m = log2_floor(l->bytes) | SYSTEM, word = MO_16 | SYSTEM;
    const uint64_t at = t->tss.base;
    struct vcpu *v = &c->vcpu;
    bool good = vcpu_load(v, at + l->ip, m, &t->ip) && vcpu_load(v, at + l->flags, m, &t->flags) &&
                vcpu_load(v, at + l->ldt, word, &t->ldt) &&
                (!l->cr3 || vcpu_load(v, at + l->cr3, m, &t->cr3)) &&
                (!l->trap || vcpu_load(v, at + l->trap, word, &t->trap));
    for (unsigned k = 0; k < 8 && good; k++) {
        good = vcpu_load(v, at + l->r + k * l->bytes, m, &t->r[k]);
    }
    for (unsigned k = 0; k < l->segs && good; k++) {
        good = vcpu_load(v, at + l->seg + k * l->bytes, word, &t->seg[k]);
    }
    return good;
}

/* ---- the old task */

static void set_busy(struct x86_cpu *c, uint16_t selector, bool busy)
{
    const uint64_t at = c->gdt.base + (selector & 0xfff8) + 5;
    uint64_t old;
    vcpu_atomic(&c->vcpu, at, MO_8 | SYSTEM, busy ? IR_ATOMIC_SET : IR_ATOMIC_CLR, BUSY, &old);
}

static void write_tss(struct x86_cpu *c, uint64_t flags, uint64_t ip)
{
    const struct layout *l = layout_of(c->tr.attr);
    const memop m = log2_floor(l->bytes) | SYSTEM;
    const uint64_t at = c->tr.base, mask = mask64(8 * l->bytes);
    struct vcpu *v = &c->vcpu;
    vcpu_store(v, at + l->ip, m, ip & mask);
    vcpu_store(v, at + l->flags, m, flags & mask);
    for (unsigned k = 0; k < 8; k++) {
        vcpu_store(v, at + l->r + k * l->bytes, m, c->r[k] & mask);
    }
    for (unsigned k = 0; k < l->segs; k++) {
        vcpu_store(v, at + l->seg + k * l->bytes, MO_16 | SYSTEM, c->seg[k].selector);
    }
}

static void leave(struct x86_cpu *c, struct task *t, enum x86_task_by by, uint64_t next)
{
    const bool nests = by != X86_TASK_JMP && by != X86_TASK_IRET;
    uint64_t flags = x86_rflags(c) | (by == X86_TASK_FAULT ? X86_RF : 0);
    if (!nests) {
        set_busy(c, c->tr.selector, false);
    }
    if (by == X86_TASK_IRET) {
        flags &= ~(uint64_t)X86_NT;
    }
    write_tss(c, flags, next);
    if (nests) {
        vcpu_store(&c->vcpu, t->tss.base, MO_16 | SYSTEM, c->tr.selector);
        t->flags |= X86_NT;
    }
    if (by != X86_TASK_IRET) {
        set_busy(c, t->selector, true);
    }
    t->tss.attr |= BUSY;
}

/* ---- the new one: table 7-1 */

static bool load_ldt(struct x86_cpu *c, uint16_t selector)
{
    uint64_t d;
    c->ldt = (struct x86_segment){.selector = selector};
    if (!(selector & 0xfffc)) {
        return true;
    }
    if (selector & 4) {
        return x86_fault(c, X86_TS, selector);
    }
    if (!x86_find_descriptor(c, X86_TS, selector, &d)) {
        return false;
    }
    if ((x86_attr_of(d) & 0x1f) != 2 || !(x86_attr_of(d) & X86_A_PRESENT)) {
        return x86_fault(c, X86_TS, selector);
    }
    x86_segment_fill(&c->ldt, selector, d);
    return true;
}

static bool is_good(const struct x86_cpu *c, unsigned reg, uint16_t selector, unsigned attr)
{
    const unsigned dpl = x86_dpl_of(attr), rpl = selector & 3u, cpl = x86_cpl(c);
    const bool code = attr & X86_A_CODE, conforming = code && (attr & X86_A_DOWN);
    if (!(attr & X86_A_USER)) {
        return false;
    }
    if (reg == X86_CS) {
        return code && (conforming ? dpl <= rpl : dpl == rpl);
    }
    if (reg == X86_SS) {
        return !code && (attr & X86_A_WRITE) && dpl == cpl && rpl == cpl;
    }
    return (!code || (attr & X86_A_WRITE)) && (conforming || (dpl >= cpl && dpl >= rpl));
}

static bool load_segment(struct x86_cpu *c, unsigned reg, uint16_t selector)
{
    uint64_t d;
    if (!(selector & 0xfffc) && reg != X86_CS && reg != X86_SS) {
        return true;
    }
    if (!x86_find_descriptor(c, X86_TS, selector, &d)) {
        return false;
    }
    if (!is_good(c, reg, selector, x86_attr_of(d))) {
        return x86_fault(c, X86_TS, selector);
    }
    if (!(x86_attr_of(d) & X86_A_PRESENT)) {
        return x86_fault(c, reg == X86_SS ? X86_STACK : X86_NP, selector);
    }
    return x86_load_checked(c, reg, selector, d);
}

/* Selectors are in place before the first one is looked at; the privilege level is CS's RPL. */
static void put_selectors(struct x86_cpu *c, const struct task *t)
{
    const bool virtual = c->rflags & X86_VM;
    for (unsigned k = 0; k < X86_SEGMENTS; k++) {
        c->seg[k] = (struct x86_segment){.selector = (uint16_t)t->seg[k]};
        if (virtual) {
            x86_segment_virtual(&c->seg[k], (uint16_t)t->seg[k]);
        }
    }
    if (!virtual) {
        const unsigned cpl = t->seg[X86_CS] & 3;
        c->seg[X86_SS].attr = (uint16_t)(cpl << X86_A_DPL_SHIFT);
    }
}

static void put_registers(struct x86_cpu *c, const struct task *t)
{
    const bool wide = layout_of(t->tss.attr)->bytes == 4;
    for (unsigned k = 0; k < 8; k++) {
        c->r[k] = wide ? t->r[k] : t->r[k] | 0xffff0000;
    }
    c->rip = t->ip;
    x86_set_rflags(c, t->flags, wide ? UINT32_MAX : 0xffff);
    c->cr0 |= X86_CR0_TS;
    c->dr[7] &= ~UINT64_C(0x155); /* what is enabled for the task alone */
    x86_debug_changed(c);
    x86_flags_returned(c, false);
    if (wide && (c->cr0 & X86_CR0_PG)) {
        x86_load_cr3(c, t->cr3);
    }
}

static bool load_segments(struct x86_cpu *c, const struct task *t)
{
    static const uint8_t order[] = {X86_CS, X86_SS, X86_DS, X86_ES, X86_FS, X86_GS};
    if (!load_ldt(c, (uint16_t)t->ldt)) {
        return false;
    }
    for (unsigned k = 0; k < X86_SEGMENTS && !(c->rflags & X86_VM); k++) {
        if (!load_segment(c, order[k], (uint16_t)t->seg[order[k]])) {
            return false;
        }
    }
    return c->rip <= c->seg[X86_CS].limit || x86_fault(c, X86_GP, 0);
}

bool x86_task_switch(struct x86_cpu *c, uint16_t selector, enum x86_task_by by, uint64_t next)
{
    struct task t = {.selector = selector};
    if (!find_tss(c, &t, by) || !read_tss(c, &t) || !probe_all(c, &t)) {
        return false;
    }
    leave(c, &t, by, next);
    c->tr = t.tss;
    put_registers(c, &t);
    put_selectors(c, &t);
    tcg_context_changed(&c->vcpu);
    if (!load_segments(c, &t)) {
        return false;
    }
    if (t.trap & 1) {
        c->dr[6] |= X86_DR6_BT;
        x86_raise_trap(c, X86_DB, 0, false);
        return false;
    }
    return true;
}
