/* SPDX-License-Identifier: MIT */
/*
 * Segments: descriptors, and loading them. Intel SDM, volume 3, 3.4, 5.5 to 5.8, and volume 2, MOV,
 * LAR, LSL, VERR.
 */
#include "cpu/x86/frame.h"
#include "cpu/x86/translate.h"

#include <stddef.h>

void x86_segment_settle(struct x86_segment *s)
{
    const uint64_t end = (uint64_t)s->limit + 1;
    const bool code = s->attr & X86_A_CODE, open = s->attr & X86_A_WRITE;
    s->end_read = s->end_write = 0;
    if ((s->attr & X86_A_PRESENT) && (s->attr & X86_A_USER) && (code || !(s->attr & X86_A_DOWN))) {
        s->end_read = !code || open ? end : 0;
        s->end_write = !code && open ? end : 0;
    }
}

void x86_segment_fill(struct x86_segment *s, uint16_t selector, uint64_t d)
{
    s->selector = selector;
    s->attr = (uint16_t)(d >> 40 & 0xf0ff);
    s->base = (d >> 16 & 0xffffff) | (d >> 56 << 24);
    s->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
    if (s->attr & X86_A_PAGES) {
        s->limit = s->limit << 12 | 0xfff;
    }
    x86_segment_settle(s);
}

/* Limit and attributes stay what they are, as programs of real mode may want. */
void x86_segment_real(struct x86_segment *s, uint16_t selector)
{
    s->selector = selector;
    s->base = (uint64_t)selector << 4;
    x86_segment_settle(s);
}

enum x86_look x86_descriptor(struct x86_cpu *c, uint16_t selector, uint64_t *d)
{
    const bool local = selector & 4;
    const uint64_t base = local ? c->ldt.base : c->gdt.base;
    const uint32_t limit = local ? c->ldt.limit : c->gdt.limit, at = selector & 0xfff8;
    if (at + 7 > limit || (local && !(c->ldt.attr & X86_A_PRESENT))) {
        return X86_BEYOND;
    }
    return vcpu_load(&c->vcpu, base + at, MO_64 | MO_IDX(X86_MMU_SYSTEM), d) ? X86_FOUND
                                                                             : X86_FAULTED;
}

bool x86_load_checked(struct x86_cpu *c, unsigned reg, uint16_t selector, uint64_t d)
{
    if (!x86_mark_accessed(c, selector, &d)) {
        return false;
    }
    x86_segment_fill(&c->seg[reg], selector, d);
    tcg_mode_changed(&c->vcpu);
    return true;
}

static bool load_null(struct x86_cpu *c, unsigned reg, uint16_t selector)
{
    const unsigned cpl = x86_cpl(c);
    if (reg == X86_SS && !(x86_is_long(c) && cpl < 3 && (selector & 3u) == cpl)) {
        return x86_fault(c, X86_GP, 0);
    }
    c->seg[reg] = (struct x86_segment){
        .selector = selector, .attr = (uint16_t)(reg == X86_SS ? cpl << X86_A_DPL_SHIFT : 0)};
    tcg_mode_changed(&c->vcpu);
    return true;
}

static bool may_load_stack(const struct x86_cpu *c, uint16_t selector, unsigned attr)
{
    const unsigned cpl = x86_cpl(c);
    return (selector & 3u) == cpl && (attr >> X86_A_DPL_SHIFT & 3) == cpl &&
           (attr & (X86_A_USER | X86_A_CODE | X86_A_WRITE)) == (X86_A_USER | X86_A_WRITE);
}

static bool may_load_data(const struct x86_cpu *c, uint16_t selector, unsigned attr)
{
    const unsigned dpl = attr >> X86_A_DPL_SHIFT & 3, rpl = selector & 3u, cpl = x86_cpl(c);
    const bool conforming = (attr & X86_A_CODE) && (attr & X86_A_DOWN);
    if (!(attr & X86_A_USER) || ((attr & X86_A_CODE) && !(attr & X86_A_WRITE))) {
        return false;
    }
    return conforming || (rpl <= dpl && cpl <= dpl);
}

bool x86_load_segment(struct x86_cpu *c, unsigned reg, uint16_t selector)
{
    uint64_t d;
    if (!(c->cr0 & X86_CR0_PE) || (c->rflags & X86_VM)) {
        x86_segment_real(&c->seg[reg], selector);
        tcg_mode_changed(&c->vcpu);
        return true;
    }
    if (!(selector & 0xfffc)) {
        return load_null(c, reg, selector);
    }
    switch (x86_descriptor(c, selector, &d)) {
    case X86_BEYOND:
        return x86_fault(c, X86_GP, selector);
    case X86_FAULTED:
        return false;
    default:
        break;
    }
    const unsigned attr = x86_attr_of(d);
    if (!(reg == X86_SS ? may_load_stack(c, selector, attr) : may_load_data(c, selector, attr))) {
        return x86_fault(c, X86_GP, selector);
    }
    if (!(attr & X86_A_PRESENT)) {
        return x86_fault(c, reg == X86_SS ? X86_STACK : X86_NP, selector);
    }
    return x86_load_checked(c, reg, selector, d);
}

/* ---- MOV */

static uint64_t do_load_segment(struct vcpu *v, uint64_t next, uint64_t selector, uint64_t z,
                                uint32_t reg)
{
    (void)z;
    if (x86_load_segment(x86_cpu(v), reg, (uint16_t)selector) && reg == X86_SS) {
        return x86_go_shadowed(x86_cpu(v), next, X86_LOCAL_SS);
    }
    return x86_go(x86_cpu(v), next);
}
X86_CALL(load_segment, IR_CALL_FULL);

void x86_mov_to_sreg(struct x86_block *c, const struct x86_instr *i,
                     const struct x86_mov_to_sreg *a)
{
    const ir_val v = x86_read_as(c, i, &a->src, 2);
    x86_tail(c, &row_load_segment, ir_zext(c->b, T_I64, v), IR_NONE, a->dst.reg);
}

static uint32_t selector_field(unsigned seg)
{
    return (uint32_t)(offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_segment) +
                      offsetof(struct x86_segment, selector));
}

/* To memory 16 bits, to a register as many as the operand size says. */
static void store_word(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       ir_val v)
{
    const unsigned bytes = o->kind == X86_MEMORY ? 2 : i->os;
    x86_write_as(c, i, o, bytes, bytes == 2 ? v : ir_zext(c->b, x86_type_of(bytes), v));
}

void x86_mov_from_sreg(struct x86_block *c, const struct x86_instr *i,
                       const struct x86_mov_from_sreg *a)
{
    store_word(c, i, &a->dst, ir_env_load(c->b, T_I16, selector_field(a->src.reg)));
}

/* ---- LDS and its like: an offset and a selector from memory */

static uint64_t do_load_pointer(struct vcpu *v, uint64_t next, uint64_t offset, uint64_t selector,
                                uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const unsigned seg = aux & 7, reg = aux >> 3 & 15, bytes = aux >> 7;
    if (x86_load_segment(c, seg, (uint16_t)selector)) {
        c->r[reg] = bytes == 2 ? deposit64(c->r[reg], 15, 0, offset) : offset;
    }
    return x86_go(c, next);
}
X86_CALL(load_pointer, IR_CALL_FULL);

static void load_pointer(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *dst, const struct x86_operand *src, unsigned seg)
{
    struct ir_builder *b = c->b;
    const ir_val at = x86_offset(c, i, src);
    const ir_val offset = x86_load(c, src->seg, at, i->os, i->as);
    const ir_val behind = ir_add(b, at, ir_konst(b, T_I64, i->os));
    const ir_val selector = x86_load(c, src->seg, behind, 2, i->as);
    x86_tail(c, &row_load_pointer, ir_zext(b, T_I64, offset), ir_zext(b, T_I64, selector),
             seg | (uint32_t)dst->reg << 3 | (uint32_t)i->os << 7);
}

#define POINTER(name, seg)                                                                         \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        load_pointer(c, i, &a->dst, &a->src, seg);                                                 \
    }
POINTER(les, X86_ES)
POINTER(lds, X86_DS)
POINTER(lss, X86_SS)
POINTER(lfs, X86_FS)
POINTER(lgs, X86_GS)
#undef POINTER

/* ---- looks: LAR, LSL, VERR, VERW */

enum {
    LOOK_LAR,
    LOOK_LSL,
    LOOK_VERR,
    LOOK_VERW
};

/* Types of system segments that LAR and LSL know, in legacy modes and in long mode. */
static bool known_system_type(const struct x86_cpu *c, unsigned look, unsigned type)
{
    const unsigned legacy = look == LOOK_LAR ? 0x1a3e : 0x0a0e;
    const unsigned in_long = look == LOOK_LAR ? 0x1a04 : 0x0a04;
    return (c->efer & X86_EFER_LMA ? in_long : legacy) >> type & 1;
}

static bool visible(const struct x86_cpu *c, unsigned look, uint16_t selector, unsigned attr)
{
    const unsigned dpl = attr >> X86_A_DPL_SHIFT & 3, rpl = selector & 3u, cpl = x86_cpl(c);
    const bool code = attr & X86_A_CODE;
    if (!(attr & X86_A_USER) && (look >= LOOK_VERR || !known_system_type(c, look, attr & 15))) {
        return false;
    }
    if ((look == LOOK_VERR && code && !(attr & X86_A_WRITE)) ||
        (look == LOOK_VERW && (code || !(attr & X86_A_WRITE)))) {
        return false;
    }
    return ((attr & X86_A_USER) && code && (attr & X86_A_DOWN)) || (rpl <= dpl && cpl <= dpl);
}

/* ZF says whether the segment is visible; LAR and LSL give a word of it then. */
static uint64_t do_look(struct vcpu *v, uint64_t next, uint64_t word, uint64_t z, uint32_t aux)
{
    struct x86_cpu *c = x86_cpu(v);
    const unsigned look = aux & 3, reg = aux >> 2 & 15, bytes = aux >> 6;
    const uint16_t selector = (uint16_t)word;
    uint64_t d = 0;
    (void)z;
    const enum x86_look found = selector & 0xfffc ? x86_descriptor(c, selector, &d) : X86_BEYOND;
    if (found == X86_FAULTED) {
        return next;
    }
    c->flags &= (uint16_t)~X86_PACK_ZF;
    if (found == X86_FOUND && visible(c, look, selector, x86_attr_of(d))) {
        struct x86_segment s;
        x86_segment_fill(&s, selector, d);
        const uint64_t r = look == LOOK_LAR ? d >> 32 & 0xffff00 : s.limit;
        c->flags |= X86_PACK_ZF;
        if (look <= LOOK_LSL) {
            c->r[reg] = bytes == 2 ? deposit64(c->r[reg], 15, 0, r) : r;
        }
    }
    return x86_go(c, next);
}
X86_CALL(look, IR_CALL_FULL);

static void look(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *src,
                 unsigned what, unsigned reg)
{
    if (!(c->key & X86_KEY_PROTECTED)) {
        x86_undefined(c);
        return;
    }
    const ir_val v = x86_read_as(c, i, src, 2);
    x86_tail(c, &row_look, ir_zext(c->b, T_I64, v), IR_NONE,
             what | reg << 2 | (uint32_t)i->os << 6);
}

void x86_lar(struct x86_block *c, const struct x86_instr *i, const struct x86_lar *a)
{
    look(c, i, &a->src, LOOK_LAR, a->dst.reg);
}

void x86_lsl(struct x86_block *c, const struct x86_instr *i, const struct x86_lsl *a)
{
    look(c, i, &a->src, LOOK_LSL, a->dst.reg);
}

void x86_verr(struct x86_block *c, const struct x86_instr *i, const struct x86_verr *a)
{
    look(c, i, &a->src, LOOK_VERR, 0);
}

void x86_verw(struct x86_block *c, const struct x86_instr *i, const struct x86_verw *a)
{
    look(c, i, &a->src, LOOK_VERW, 0);
}

static uint64_t do_store_selector(struct vcpu *v, uint64_t offset, uint64_t value, uint64_t z,
                                  uint32_t seg)
{
    struct x86_cpu *c = x86_cpu(v);
    (void)z;
    if (x86_segment_check(c, seg, offset, 2, true)) {
        vcpu_store(v, (c->seg[seg].base + offset) & 0xffffffff,
                   MO_16 | MO_IDX(v->cls->mmu_index(v)), value);
    }
    return 0;
}
X86_CALL(store_selector, IR_CALL_RAISES);

/* The greater RPL of two selectors; ZF says whether it was raised. If not, nothing is written. */
void x86_arpl(struct x86_block *c, const struct x86_instr *i, const struct x86_arpl *a)
{
    struct ir_builder *b = c->b;
    if (!(c->key & X86_KEY_PROTECTED)) {
        x86_undefined(c);
        return;
    }
    const ir_val three = ir_konst(b, T_I16, 3);
    const ir_val x = x86_read(c, i, &a->dst), rpl = ir_and(b, x86_read(c, i, &a->src), three);
    const ir_val less = ir_cmp(b, IR_ULT, ir_and(b, x, three), rpl);
    const ir_val raised = ir_or(b, ir_andn(b, x, three), rpl);
    if (a->dst.kind == X86_MEMORY) {
        ir_guard(b, less, &row_store_selector, x86_offset(c, i, &a->dst), ir_zext(b, T_I64, raised),
                 a->dst.seg);
    } else {
        x86_write(c, i, &a->dst, ir_select(b, less, raised, x));
    }
    x86_put_flags(c, x86_flags_set(c, x86_flags(c), X86_PACK_ZF, less));
}

/* ---- LDT and task register */

static uint64_t do_load_system(struct vcpu *v, uint64_t next, uint64_t word, uint64_t z,
                               uint32_t task)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint16_t selector = (uint16_t)word;
    const bool wide = c->efer & X86_EFER_LMA;
    const memop m = MO_64 | MO_IDX(X86_MMU_SYSTEM);
    uint64_t d, high = 0, old;
    (void)z;
    if (!(selector & 0xfffc) && !task) {
        c->ldt = (struct x86_segment){.selector = selector};
        return x86_go(c, next);
    }
    if (!(selector & 0xfffc) || (selector & 4)) {
        x86_fault(c, X86_GP, selector);
        return next;
    }
    const enum x86_look found = x86_descriptor(c, selector, &d);
    const uint64_t at = c->gdt.base + (selector & 0xfff8);
    if (found == X86_FAULTED || (found == X86_FOUND && wide && !vcpu_load(v, at + 8, m, &high))) {
        return next;
    }
    const unsigned type = found == X86_FOUND ? x86_attr_of(d) & 0x1f : 0x1f;
    const bool right = task ? type == 9 || (type == 1 && !wide) : type == 2;
    if (!right || (wide && (selector & 0xfff8) + 15u > c->gdt.limit)) {
        x86_fault(c, X86_GP, selector);
        return next;
    }
    if (!(x86_attr_of(d) & X86_A_PRESENT)) {
        x86_fault(c, X86_NP, selector);
        return next;
    }
    if (task && !vcpu_atomic(v, at + 5, MO_8 | MO_IDX(X86_MMU_SYSTEM), IR_ATOMIC_SET, 2, &old)) {
        return next;
    }
    struct x86_segment *s = task ? &c->tr : &c->ldt;
    x86_segment_fill(s, selector, d | (task ? UINT64_C(2) << 40 : 0));
    s->base |= wide ? high << 32 : 0;
    return x86_go(c, next);
}
X86_CALL(load_system, IR_CALL_FULL);

static void load_system(struct x86_block *c, const struct x86_instr *i,
                        const struct x86_operand *src, bool task)
{
    if (!(c->key & X86_KEY_PROTECTED)) {
        x86_undefined(c);
    } else if (!x86_privileged(c)) {
        const ir_val v = x86_read_as(c, i, src, 2);
        x86_tail(c, &row_load_system, ir_zext(c->b, T_I64, v), IR_NONE, task);
    }
}

void x86_lldt(struct x86_block *c, const struct x86_instr *i, const struct x86_lldt *a)
{
    load_system(c, i, &a->src, false);
}

void x86_ltr(struct x86_block *c, const struct x86_instr *i, const struct x86_ltr *a)
{
    load_system(c, i, &a->src, true);
}

static void store_system(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *dst, uint32_t at)
{
    if (!(c->key & X86_KEY_PROTECTED)) {
        x86_undefined(c);
    } else if (!x86_user_mode_instruction(c)) {
        store_word(c, i, dst, ir_env_load(c->b, T_I16, at));
    }
}

void x86_sldt(struct x86_block *c, const struct x86_instr *i, const struct x86_sldt *a)
{
    store_system(c, i, &a->dst, offsetof(struct x86_cpu, ldt.selector));
}

void x86_str(struct x86_block *c, const struct x86_instr *i, const struct x86_str *a)
{
    store_system(c, i, &a->dst, offsetof(struct x86_cpu, tr.selector));
}
