/* SPDX-License-Identifier: MIT */
/*
 * Transfers between code segments. Intel SDM, volume 2: CALL, IRET, JMP, RET (far), and volume 3,
 * 5.8. Not here yet: call gates, tasks, virtual-8086 mode.
 */
#include "cpu/x86/translate.h"

/* What lies on the stack, from its top on. */
struct stack {
    struct x86_cpu *c;
    uint64_t sp, mask;
    unsigned bytes; /* of an element */
};

static struct stack stack_of(struct x86_cpu *c, unsigned bytes)
{
    const uint64_t mask = mask64(8 * x86_stack_bytes(c));
    return (struct stack){c, c->r[X86_RSP] & mask, mask, bytes};
}

static memop memop_of(const struct stack *s)
{
    return log2_floor(s->bytes) | MO_IDX(s->c->vcpu.cls->mmu_index(&s->c->vcpu));
}

static bool element_at(const struct stack *s, bool write, uint64_t *at)
{
    const bool is_long = x86_is_long(s->c);
    *at = s->sp + (is_long ? 0 : s->c->seg[X86_SS].base);
    if (is_long) {
        return true;
    }
    *at &= 0xffffffff;
    return x86_segment_check(s->c, X86_SS, s->sp, s->bytes, write);
}

static bool pop(struct stack *s, uint64_t *v)
{
    uint64_t at;
    if (!element_at(s, false, &at) || !vcpu_load(&s->c->vcpu, at, memop_of(s), v)) {
        return false;
    }
    s->sp = (s->sp + s->bytes) & s->mask;
    return true;
}

static bool push(struct stack *s, uint64_t v)
{
    uint64_t at;
    s->sp = (s->sp - s->bytes) & s->mask;
    return element_at(s, true, &at) && vcpu_store(&s->c->vcpu, at, memop_of(s), v);
}

static void set_sp(const struct stack *s)
{
    uint64_t *sp = &s->c->r[X86_RSP];
    *sp = s->mask == 0xffff ? (*sp & ~UINT64_C(0xffff)) | s->sp : s->sp;
}

static bool is_protected(const struct x86_cpu *c)
{
    return (c->cr0 & X86_CR0_PE) && !(c->rflags & X86_VM);
}

static bool fault(struct x86_cpu *c, enum x86_vector vector, uint16_t selector)
{
    x86_raise_error(c, vector, selector & 0xfffc);
    return false;
}

/* ---- code segments */

/* The descriptor of a code segment that may be gone to at privilege level cpl: that of the segment
 * where it does not conform (back: at its RPL, by a return). */
static bool code_segment(struct x86_cpu *c, uint16_t selector, bool back, uint64_t *d)
{
    if (!(selector & 0xfffc)) {
        return fault(c, X86_GP, 0);
    }
    const enum x86_look found = x86_descriptor(c, selector, d);
    if (found != X86_FOUND) {
        return found == X86_BEYOND ? fault(c, X86_GP, selector) : false;
    }
    const unsigned attr = *d >> 40 & 0xf0ff, dpl = attr >> X86_A_DPL_SHIFT & 3, rpl = selector & 3u;
    const unsigned cpl = x86_cpl(c), level = back ? rpl : cpl;
    const bool conforming = attr & X86_A_DOWN;
    bool good = (attr & X86_A_USER) && (attr & X86_A_CODE);
    good &= conforming ? dpl <= level : dpl == level && rpl <= level;
    good &= !back || rpl >= cpl;
    good &= !((c->efer & X86_EFER_LMA) && (attr & X86_A_LONG) && (attr & X86_A_BIG));
    if (!good) {
        return fault(c, X86_GP, selector);
    }
    return attr & X86_A_PRESENT ? true : fault(c, X86_NP, selector);
}

/* The PC that is gone to must lie within the segment; one of 64-bit code must be canonical. */
static bool may_go(struct x86_cpu *c, uint64_t d, uint64_t pc)
{
    struct x86_segment s;
    x86_segment_fill(&s, 0, d);
    const bool is_long = (c->efer & X86_EFER_LMA) && (s.attr & X86_A_LONG);
    return (is_long ? x86_is_canonical(c, pc) : pc <= s.limit) || fault(c, X86_GP, 0);
}

static bool enter(struct x86_cpu *c, uint16_t selector, uint64_t d, unsigned cpl)
{
    return x86_load_checked(c, X86_CS, (uint16_t)((selector & 0xfffc) | cpl), d);
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
            fault(c, X86_GP, 0);
            return next;
        }
        x86_segment_real(&c->seg[X86_CS], selector);
        tcg_mode_changed(v);
        return x86_go(c, pc);
    }
    if (!code_segment(c, selector, false, &d) || !may_go(c, d, pc) ||
        !enter(c, selector, d, x86_cpl(c))) {
        return next;
    }
    return x86_go(c, pc);
}
X86_CALL(jmp_far, IR_CALL_FULL);

static uint64_t do_call_far(struct vcpu *v, uint64_t next, uint64_t pc, uint64_t word,
                            uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)word, back = c->seg[X86_CS].selector;
    struct stack s = stack_of(c, bytes);
    const bool checked = is_protected(c);
    uint64_t d = 0;
    if ((checked ? !code_segment(c, selector, false, &d) || !may_go(c, d, pc)
                 : pc > c->seg[X86_CS].limit && !fault(c, X86_GP, 0)) ||
        !push(&s, back) || !push(&s, next & mask64(8 * bytes)) ||
        (checked && !enter(c, selector, d, x86_cpl(c)))) {
        return next;
    }
    if (!checked) {
        x86_segment_real(&c->seg[X86_CS], selector);
        tcg_mode_changed(v);
    }
    set_sp(&s);
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
        if ((s->attr >> X86_A_DPL_SHIFT & 3u) < cpl && !conforming) {
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
        return (to_long && cpl < 3) || fault(c, X86_GP, 0);
    }
    const enum x86_look found = x86_descriptor(c, selector, d);
    if (found != X86_FOUND) {
        return found == X86_BEYOND ? fault(c, X86_GP, selector) : false;
    }
    const unsigned attr = *d >> 40 & 0xf0ff;
    if ((selector & 3u) != cpl || (attr >> X86_A_DPL_SHIFT & 3) != cpl ||
        (attr & (X86_A_USER | X86_A_CODE | X86_A_WRITE)) != (X86_A_USER | X86_A_WRITE)) {
        return fault(c, X86_GP, selector);
    }
    return attr & X86_A_PRESENT ? true : fault(c, X86_STACK, selector);
}

static bool load_stack(struct x86_cpu *c, uint16_t selector, uint64_t d, unsigned cpl)
{
    if (selector & 0xfffc) {
        return x86_load_checked(c, X86_SS, selector, d);
    }
    c->seg[X86_SS] = (struct x86_segment){.selector = selector,
                                          .attr = (uint16_t)(cpl << X86_A_DPL_SHIFT)};
    tcg_mode_changed(&c->vcpu);
    return true;
}

struct back {
    uint64_t pc, cs, sp, ss;
    bool has_stack; /* sp and ss are there */
    unsigned bytes; /* of sp */
};

/* Changes code and stack, all that may fault is done first. */
static bool go_back(struct x86_cpu *c, const struct back *b, struct stack *s, uint64_t more)
{
    const uint16_t cs = (uint16_t)b->cs, ss = (uint16_t)b->ss;
    const unsigned cpl = x86_cpl(c), to = cs & 3u;
    uint64_t code, stack = 0;
    if (!code_segment(c, cs, true, &code) ||
        (b->has_stack && !outer_stack(c, ss, to, code, &stack)) || !may_go(c, code, b->pc) ||
        !enter(c, cs, code, to)) {
        return false;
    }
    if (!b->has_stack) { /* the pointer is as wide as the stack of the new code has it */
        const uint64_t popped = (s->sp - c->r[X86_RSP]) & s->mask;
        s->mask = mask64(8 * x86_stack_bytes(c));
        s->sp = (c->r[X86_RSP] + popped + more) & s->mask;
        set_sp(s);
        return true;
    }
    if (!load_stack(c, ss, stack, to)) {
        return false;
    }
    s->mask = mask64(8 * x86_stack_bytes(c));
    s->sp = (b->sp + more) & s->mask & mask64(8 * b->bytes);
    set_sp(s);
    if (to > cpl) {
        drop_segments(c, to);
    }
    return true;
}

/* In real mode. */
static bool go_back_real(struct x86_cpu *c, const struct back *b, struct stack *s, uint64_t more)
{
    if (b->pc > c->seg[X86_CS].limit) {
        return fault(c, X86_GP, 0);
    }
    x86_segment_real(&c->seg[X86_CS], (uint16_t)b->cs);
    s->sp = (s->sp + more) & s->mask;
    set_sp(s);
    tcg_mode_changed(&c->vcpu);
    return true;
}

static uint64_t do_retf(struct vcpu *v, uint64_t next, uint64_t more, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct stack s = stack_of(c, bytes);
    struct back b = {.bytes = bytes};
    (void)z;
    if (!pop(&s, &b.pc) || !pop(&s, &b.cs)) {
        return next;
    }
    if (!is_protected(c)) {
        go_back_real(c, &b, &s, more);
        return x86_go(c, b.pc);
    }
    b.has_stack = (b.cs & 3) > x86_cpl(c);
    if (b.has_stack) {
        s.sp = (s.sp + more) & s.mask;
        if (!pop(&s, &b.sp) || !pop(&s, &b.ss)) {
            return next;
        }
    }
    go_back(c, &b, &s, more);
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
static uint64_t returned(struct x86_cpu *c, uint64_t pc, uint64_t flags, uint64_t mask)
{
    x86_set_rflags(c, flags, mask);
    if (c->nmi_blocked) {
        c->nmi_blocked = false;
        x86_look_for_interrupts(c);
    }
    return x86_go(c, pc);
}

static uint64_t do_iret(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t bytes)
{
    struct x86_cpu *c = x86_cpu(v);
    struct stack s = stack_of(c, bytes);
    struct back b = {.bytes = bytes};
    const uint64_t mask = iret_mask(c, bytes);
    uint64_t flags;
    (void)y, (void)z;
    if ((c->rflags & X86_NT) && (c->efer & X86_EFER_LMA)) {
        fault(c, X86_GP, 0);
        return next;
    }
    if (!pop(&s, &b.pc) || !pop(&s, &b.cs) || !pop(&s, &flags)) {
        return next;
    }
    if (!is_protected(c)) {
        return go_back_real(c, &b, &s, 0) ? returned(c, b.pc, flags, mask) : next;
    }
    b.has_stack = x86_is_long(c) || (b.cs & 3) > x86_cpl(c);
    if (b.has_stack && (!pop(&s, &b.sp) || !pop(&s, &b.ss))) {
        return next;
    }
    return go_back(c, &b, &s, 0) ? returned(c, b.pc, flags, mask) : next;
}
X86_CALL(iret, IR_CALL_FULL);

void x86_iret(struct x86_block *c, const struct x86_instr *i, const struct x86_iret *a)
{
    (void)a;
    x86_tail(c, &row_iret, IR_NONE, IR_NONE, i->os);
}
