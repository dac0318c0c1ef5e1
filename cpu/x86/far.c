/* SPDX-License-Identifier: MIT */
/*
 * Transfers between code segments. Intel SDM, volume 2: CALL, IRET, JMP, RET (far), and volume 3,
 * 5.8 (call gates), 7.2 and 7.3 (tasks).
 */
#include "cpu/x86/frame.h"
#include "cpu/x86/translate.h"
#include "cpu/x86/vm86.h"

static bool is_protected(const struct x86_cpu *c)
{
    return (c->cr0 & X86_CR0_PE) && !(c->rflags & X86_VM);
}

/* ---- code segments */

/* The descriptor of a code segment that may be gone to at privilege level cpl: that of the segment
 * where it does not conform (back: at its RPL, by a return). */
static bool code_segment(struct x86_cpu *c, uint16_t selector, bool back, uint64_t d)
{
    const unsigned attr = x86_attr_of(d), dpl = x86_dpl_of(attr), rpl = selector & 3u;
    const unsigned cpl = x86_cpl(c), level = back ? rpl : cpl;
    const bool conforming = attr & X86_A_DOWN;
    bool good = (attr & X86_A_USER) && (attr & X86_A_CODE);
    good &= conforming ? dpl <= level : dpl == level && (back || rpl <= level);
    good &= !back || rpl >= cpl;
    good &= !((c->efer & X86_EFER_LMA) && (attr & X86_A_LONG) && (attr & X86_A_BIG));
    if (!good) {
        return x86_fault(c, X86_GP, selector);
    }
    return attr & X86_A_PRESENT ? true : x86_fault(c, X86_NP, selector);
}

/* The new code segment; its descriptor has been looked at, and is marked as accessed. */
static void enter(struct x86_cpu *c, uint16_t selector, uint64_t d, unsigned cpl)
{
    x86_segment_fill(&c->seg[X86_CS], (uint16_t)((selector & 0xfffc) | cpl), d);
    tcg_mode_changed(&c->vcpu);
}

/* ---- call gates: volume 3, 5.8.3 to 5.8.5 */

struct call_gate {
    unsigned bytes; /* that it pushes: 2, 4, 8 */
    unsigned count; /* of parameters */
    uint16_t selector;
    uint64_t offset, code;
};

/* The second half of a gate of long mode. */
static bool read_upper(struct x86_cpu *c, uint16_t selector, uint64_t *upper)
{
    const bool local = selector & 4;
    const uint64_t base = local ? c->ldt.base : c->gdt.base;
    const uint32_t limit = local ? c->ldt.limit : c->gdt.limit, at = (selector & 0xfff8) + 8u;
    if (at + 7 > limit) {
        return x86_fault(c, X86_GP, selector);
    }
    return vcpu_load(&c->vcpu, base + at, MO_64 | MO_IDX(X86_MMU_SYSTEM), upper) &&
           (!(*upper >> 40 & 0x1f) || x86_fault(c, X86_GP, selector));
}

static bool read_call_gate(struct x86_cpu *c, uint16_t selector, uint64_t d, struct call_gate *g)
{
    const bool in_long = c->efer & X86_EFER_LMA, wide = (x86_attr_of(d) & X86_A_TYPE) == 12;
    uint64_t upper = 0;
    if (in_long && !read_upper(c, selector, &upper)) {
        return false;
    }
    g->bytes = in_long ? 8 : wide ? 4 : 2;
    g->count = in_long ? 0 : d >> 32 & 31;
    g->selector = (uint16_t)(d >> 16);
    g->offset = (d & 0xffff) | (wide ? d >> 32 & 0xffff0000 : 0) | upper << 32;
    return true;
}

static bool gate_code(struct x86_cpu *c, struct call_gate *g, bool call)
{
    if (!x86_find_descriptor(c, X86_GP, g->selector, &g->code)) {
        return false;
    }
    const unsigned attr = x86_attr_of(g->code), dpl = x86_dpl_of(attr), cpl = x86_cpl(c);
    const bool conforming = attr & X86_A_DOWN, in_long = c->efer & X86_EFER_LMA;
    bool good = (attr & X86_A_USER) && (attr & X86_A_CODE);
    good &= conforming || call ? dpl <= cpl : dpl == cpl;
    good &= !in_long || ((attr & X86_A_LONG) && !(attr & X86_A_BIG));
    if (!good) {
        return x86_fault(c, X86_GP, g->selector);
    }
    return attr & X86_A_PRESENT ? true : x86_fault(c, X86_NP, g->selector);
}

/* The parameters, from the caller's stack to the new one. */
static bool copy_parameters(struct x86_cpu *c, const struct call_gate *g, struct x86_frame *to)
{
    for (unsigned k = g->count; k-- > 0;) {
        struct x86_frame from = x86_frame_current(c, g->bytes);
        uint64_t v;
        from.sp = (from.sp + k * g->bytes) & from.mask;
        if (!x86_frame_pop(&from, &v) || !x86_frame_push(to, v)) {
            return false;
        }
    }
    return true;
}

static bool gate_inward(struct x86_cpu *c, struct call_gate *g, uint64_t next, unsigned cpl)
{
    const bool in_long = c->efer & X86_EFER_LMA;
    struct x86_segment ss = x86_null_stack(cpl);
    uint64_t sp;
    if (in_long ? !x86_inner_rsp(c, cpl, 0, &sp) : !x86_inner_stack(c, cpl, &ss, &sp)) {
        return false;
    }
    struct x86_frame f = x86_frame_at(c, in_long ? NULL : &ss, sp, g->bytes, cpl);
    f.error = in_long ? 0 : ss.selector;
    if (!x86_frame_push(&f, c->seg[X86_SS].selector) || !x86_frame_push(&f, c->r[X86_RSP]) ||
        !copy_parameters(c, g, &f) || !x86_frame_push(&f, c->seg[X86_CS].selector) ||
        !x86_frame_push(&f, next) || !x86_may_go(c, g->code, g->offset) ||
        !x86_mark_accessed(c, g->selector, &g->code)) {
        return false;
    }
    c->seg[X86_SS] = ss;
    enter(c, g->selector, g->code, cpl);
    x86_frame_commit(&f);
    return true;
}

static bool gate_level(struct x86_cpu *c, struct call_gate *g, uint64_t next, bool call)
{
    struct x86_frame f = x86_frame_current(c, g->bytes);
    if (c->efer & X86_EFER_LMA) { /* 64-bit code is gone to, perhaps from a segment */
        f = x86_frame_at(c, NULL, f.sp, g->bytes, x86_cpl(c));
    }
    if ((call && (!x86_frame_push(&f, c->seg[X86_CS].selector) || !x86_frame_push(&f, next))) ||
        !x86_may_go(c, g->code, g->offset) || !x86_mark_accessed(c, g->selector, &g->code)) {
        return false;
    }
    enter(c, g->selector, g->code, x86_cpl(c));
    if (call) {
        x86_frame_commit(&f);
    }
    return true;
}

static bool through_call_gate(struct x86_cpu *c, uint16_t selector, uint64_t d, uint64_t next,
                              bool call)
{
    struct call_gate g;
    if (!read_call_gate(c, selector, d, &g) || !gate_code(c, &g, call)) {
        return false;
    }
    const unsigned attr = x86_attr_of(g.code), dpl = x86_dpl_of(attr);
    const bool inward = call && !(attr & X86_A_DOWN) && dpl < x86_cpl(c);
    if (inward ? !gate_inward(c, &g, next, dpl) : !gate_level(c, &g, next, call)) {
        return false;
    }
    c->rip = g.offset;
    return true;
}

/* ---- JMP, CALL by a descriptor of the system: gates and tasks */

enum {
    TYPE_TSS_16 = 1,
    TYPE_CALL_GATE_16 = 4,
    TYPE_TASK_GATE = 5,
    TYPE_TSS_32 = 9,
    TYPE_CALL_GATE = 12
};

/* RIP is set behind it. */
static bool by_system(struct x86_cpu *c, uint16_t selector, uint64_t d, uint64_t next, bool call)
{
    const unsigned attr = x86_attr_of(d), type = attr & X86_A_TYPE, dpl = x86_dpl_of(attr);
    const unsigned known = c->efer & X86_EFER_LMA ? 1u << TYPE_CALL_GATE
                                                  : 1u << TYPE_TSS_16 | 1u << TYPE_CALL_GATE_16 |
                                                        1u << TYPE_TASK_GATE | 1u << TYPE_TSS_32 |
                                                        1u << TYPE_CALL_GATE;
    if (!(known >> type & 1) || dpl < x86_cpl(c) || dpl < (selector & 3u)) {
        return x86_fault(c, X86_GP, selector);
    }
    const enum x86_task_by by = call ? X86_TASK_CALL : X86_TASK_JMP;
    if (type == TYPE_TSS_16 || type == TYPE_TSS_32) {
        return x86_task_switch(c, selector, by, next);
    }
    if (!(attr & X86_A_PRESENT)) {
        return x86_fault(c, X86_NP, selector);
    }
    return type == TYPE_TASK_GATE ? x86_task_switch(c, (uint16_t)(d >> 16), by, next)
                                  : through_call_gate(c, selector, d, next, call);
}

/* ---- JMP, CALL */

static uint64_t do_jmp_far(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t word, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)word;
    uint64_t d;
    (void)aux;
    if (!is_protected(c)) {
        if (pc > c->seg[X86_CS].limit) {
            x86_raise_gp(c);
            return next;
        }
        x86_segment_real(&c->seg[X86_CS], selector);
        tcg_mode_changed(v);
        return x86_go(c, pc);
    }
    if (!x86_find_descriptor(c, X86_GP, selector, &d)) {
        return next;
    }
    if (!(x86_attr_of(d) & X86_A_USER)) {
        by_system(c, selector, d, next, false);
        return x86_go(c, c->rip);
    }
    if (code_segment(c, selector, false, d) && x86_may_go(c, d, pc) &&
        x86_mark_accessed(c, selector, &d)) {
        enter(c, selector, d, x86_cpl(c));
    }
    return x86_go(c, pc);
}
X86_CALL(jmp_far, IR_CALL_FULL);

/* To a segment: CS and the next PC are pushed. */
static bool call_segment(struct x86_frame *f, uint16_t selector, uint64_t d, uint64_t pc,
                         uint64_t next)
{
    struct x86_cpu *c = f->c;
    const bool checked = is_protected(c);
    if ((checked ? !code_segment(c, selector, false, d) || !x86_may_go(c, d, pc)
                 : pc > c->seg[X86_CS].limit && !x86_fault(c, X86_GP, 0)) ||
        !x86_frame_push(f, c->seg[X86_CS].selector) || !x86_frame_push(f, next) ||
        (checked && !x86_mark_accessed(c, selector, &d))) {
        return false;
    }
    if (checked) {
        enter(c, selector, d, x86_cpl(c));
    } else {
        x86_segment_real(&c->seg[X86_CS], selector);
        tcg_mode_changed(&c->vcpu);
    }
    x86_frame_commit(f);
    return true;
}

static uint64_t do_call_far(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t word,
                            uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)word;
    struct x86_frame f = x86_frame_current(c, bytes);
    uint64_t d = 0;
    if (is_protected(c)) {
        if (!x86_find_descriptor(c, X86_GP, selector, &d)) {
            return next;
        }
        if (!(x86_attr_of(d) & X86_A_USER)) {
            by_system(c, selector, d, next, true);
            return x86_go(c, c->rip);
        }
    }
    call_segment(&f, selector, d, pc, next);
    return x86_go(c, pc);
}
X86_CALL(call_far, IR_CALL_FULL);

static void far(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                const struct ir_call *row)
{
    struct ir_builder *b = c->b;
    ir_val pc, selector;
    if (o->kind == X86_FAR) {
        pc = ir_konst(b, T_I64, (uint64_t)o->value & 0xffffffff);
        selector = ir_konst(b, T_I64, (uint64_t)o->value >> 32 & 0xffff);
    } else {
        const ir_val at = x86_offset(c, i, o);
        pc = ir_zext(b, T_I64, x86_load(c, o->seg, at, i->os, i->as));
        const ir_val behind = ir_add(b, at, ir_konst(b, T_I64, i->os));
        selector = ir_zext(b, T_I64, x86_load(c, o->seg, behind, 2, i->as));
    }
    x86_tail(c, row, pc, selector, i->os);
}

void x86_jmp_far(struct x86_block *c, const struct x86_instr *i, const struct x86_jmp_far *a)
{
    far(c, i, &a->dst, &row_jmp_far);
}

void x86_call_far(struct x86_block *c, const struct x86_instr *i, const struct x86_call_far *a)
{
    far(c, i, &a->dst, &row_call_far);
}

/* ---- RET, IRET */

/* To an outer level: data segments that it may not have become null. */
static void drop_segments(struct x86_cpu *c, unsigned cpl)
{
    static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
    for (unsigned k = 0; k < 4; k++) {
        struct x86_segment *s = &c->seg[data[k]];
        const bool conforming = (s->attr & X86_A_CODE) && (s->attr & X86_A_DOWN);
        if (x86_dpl_of(s->attr) < cpl && !conforming) {
            const uint64_t base = s->base;
            *s = (struct x86_segment){.base = base};
        }
    }
}

/* The stack segment of the level that is returned to. */
static bool outer_stack(struct x86_cpu *c, uint16_t selector, unsigned cpl, uint64_t code,
                        uint64_t *d)
{
    const bool to_long = (c->efer & X86_EFER_LMA) && (code >> 40 & X86_A_LONG);
    *d = 0;
    if (!(selector & 0xfffc)) {
        return (to_long && cpl < 3 && (selector & 3u) == cpl) || x86_fault(c, X86_GP, 0);
    }
    if (!x86_find_descriptor(c, X86_GP, selector, d)) {
        return false;
    }
    const unsigned attr = x86_attr_of(*d);
    if ((selector & 3u) != cpl || x86_dpl_of(attr) != cpl ||
        (attr & (X86_A_USER | X86_A_CODE | X86_A_WRITE)) != (X86_A_USER | X86_A_WRITE)) {
        return x86_fault(c, X86_GP, selector);
    }
    return attr & X86_A_PRESENT ? x86_mark_accessed(c, selector, d)
                                : x86_fault(c, X86_STACK, selector);
}

static void load_stack(struct x86_cpu *c, uint16_t selector, uint64_t d, unsigned cpl)
{
    if (selector & 0xfffc) {
        x86_segment_fill(&c->seg[X86_SS], selector, d);
    } else {
        c->seg[X86_SS] = x86_null_stack(cpl);
    }
    tcg_mode_changed(&c->vcpu);
}

struct back {
    uint64_t pc, cs, sp, ss;
    bool has_stack; /* sp and ss are there */
    unsigned bytes; /* of sp */
};

/* Changes code and stack, all that may fault is done first. */
static bool go_back(struct x86_cpu *c, const struct back *b, const struct x86_frame *f,
                    uint64_t more)
{
    const uint16_t cs = (uint16_t)b->cs, ss = (uint16_t)b->ss;
    const unsigned cpl = x86_cpl(c), to = cs & 3u;
    const uint64_t popped = (f->sp - c->r[X86_RSP]) & f->mask;
    uint64_t code, stack = 0;
    if (!x86_find_descriptor(c, X86_GP, cs, &code) || !code_segment(c, cs, true, code) ||
        (b->has_stack && !outer_stack(c, ss, to, code, &stack)) || !x86_may_go(c, code, b->pc) ||
        !x86_mark_accessed(c, cs, &code)) {
        return false;
    }
    enter(c, cs, code, to);
    if (b->has_stack) {
        load_stack(c, ss, stack, to);
    }
    /* The pointer is as wide as the stack of the new code has it. */
    const uint64_t sp = b->has_stack ? b->sp & mask64(8 * b->bytes) : c->r[X86_RSP] + popped;
    struct x86_frame back = x86_frame_current(c, b->bytes);
    back.sp = (sp + more) & back.mask;
    x86_frame_commit(&back);
    if (b->has_stack && to > cpl) {
        drop_segments(c, to);
    }
    return true;
}

/* In real and virtual-8086 mode. */
static bool go_back_real(struct x86_cpu *c, const struct back *b, struct x86_frame *f,
                         uint64_t more)
{
    if (b->pc > c->seg[X86_CS].limit) {
        return x86_fault(c, X86_GP, 0);
    }
    x86_segment_real(&c->seg[X86_CS], (uint16_t)b->cs);
    f->sp = (f->sp + more) & f->mask;
    x86_frame_commit(f);
    tcg_mode_changed(&c->vcpu);
    return true;
}

static uint64_t do_retf(struct vcpu *v, uint64_t next, uint64_t more, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_frame f = x86_frame_current(c, bytes);
    struct back b = {.bytes = bytes};
    (void)z;
    if (!x86_frame_pop(&f, &b.pc) || !x86_frame_pop(&f, &b.cs)) {
        return next;
    }
    if (!is_protected(c)) {
        go_back_real(c, &b, &f, more);
        return x86_go(c, b.pc);
    }
    b.has_stack = (b.cs & 3) > x86_cpl(c);
    if (b.has_stack) {
        f.sp = (f.sp + more) & f.mask;
        if (!x86_frame_pop(&f, &b.sp) || !x86_frame_pop(&f, &b.ss)) {
            return next;
        }
    }
    go_back(c, &b, &f, more);
    return x86_go(c, b.pc);
}
X86_CALL(retf, IR_CALL_FULL);

void x86_retf(struct x86_block *c, const struct x86_instr *i, const struct x86_retf *a)
{
    const uint64_t more = (uint64_t)a->src.value & 0xffff;
    x86_tail(c, &row_retf, ir_konst(c->b, T_I64, more), IR_NONE, i->os);
}

void x86_retf_plain(struct x86_block *c, const struct x86_instr *i, const struct x86_retf_plain *a)
{
    (void)a;
    x86_tail(c, &row_retf, ir_konst(c->b, T_I64, 0), IR_NONE, i->os);
}

/* What IRET may change of RFLAGS: volume 2, IRET; before the privilege level changes. */
static uint64_t iret_mask(const struct x86_cpu *c, unsigned bytes)
{
    const unsigned cpl = x86_cpl(c), iopl = c->rflags >> 12 & 3;
    uint64_t mask = X86_STATUS | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID;
    mask |= cpl == 0 || !(c->cr0 & X86_CR0_PE) ? X86_IOPL | X86_IF | X86_VIF | X86_VIP : 0;
    mask |= cpl <= iopl ? X86_IF : 0;
    return bytes == 2 ? mask & 0xffff : mask;
}

/* Behind the last access that may fault. */
static uint64_t returned(struct x86_cpu *c, uint64_t pc, bool had_rf)
{
    x86_flags_returned(c, had_rf);
    if (c->nmi_blocked) {
        c->nmi_blocked = false;
        x86_look_for_interrupts(c);
    }
    return x86_go(c, pc);
}

/* NT is set: to the task whose TSS the current one links to. */
static uint64_t return_to_task(struct x86_cpu *c, uint64_t next)
{
    const bool had_rf = c->rflags & X86_RF;
    uint64_t link;
    if (c->efer & X86_EFER_LMA) {
        x86_raise_gp(c);
    } else if (x86_read_tss(c, 0, 2, &link) &&
               x86_task_switch(c, (uint16_t)link, X86_TASK_IRET, next)) {
        return returned(c, c->rip, had_rf);
    }
    return next;
}

static uint64_t do_iret(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct x86_frame f = x86_frame_current(c, bytes);
    const uint64_t mask = iret_mask(c, bytes);
    const bool had_rf = c->rflags & X86_RF;
    uint64_t popped[3]; /* PC, CS, RFLAGS */
    (void)y, (void)z;
    if (c->rflags & X86_VM) {
        return x86_iret_virtual(c, &f) ? returned(c, c->rip, had_rf) : next;
    }
    if ((c->rflags & X86_NT) && is_protected(c)) {
        return return_to_task(c, next);
    }
    if (!x86_frame_pop_all(&f, popped, 3)) {
        return next;
    }
    struct back b = {.pc = popped[0], .cs = popped[1], .bytes = bytes};
    const bool in_long = c->efer & X86_EFER_LMA;
    if (!is_protected(c)) {
        if (!go_back_real(c, &b, &f, 0)) {
            return next;
        }
    } else if ((popped[2] & X86_VM) && bytes == 4 && x86_cpl(c) == 0 && !in_long) {
        return x86_iret_to_virtual(c, &f, popped) ? returned(c, c->rip, had_rf) : next;
    } else {
        b.has_stack = x86_is_long(c) || (b.cs & 3) > x86_cpl(c);
        if ((b.has_stack && (!x86_frame_pop(&f, &b.sp) || !x86_frame_pop(&f, &b.ss))) ||
            !go_back(c, &b, &f, 0)) {
            return next;
        }
    }
    x86_set_rflags(c, popped[2], mask);
    return returned(c, b.pc, had_rf);
}
X86_CALL(iret, IR_CALL_FULL);

void x86_iret(struct x86_block *c, const struct x86_instr *i, const struct x86_iret *a)
{
    (void)a;
    x86_tail(c, &row_iret, IR_NONE, IR_NONE, i->os);
}
