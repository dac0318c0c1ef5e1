/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts: raising and delivering them. Intel SDM, volume 3, chapter 6. Not here
 * yet: task gates, virtual-8086 mode.
 */
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/mmu.h"

void x86_raise(struct x86_cpu *c, enum x86_vector vector)
{
    c->vector = (uint8_t)vector;
    c->skip = 0;
    c->software = c->has_error = c->look_again = c->trap = false;
    vcpu_raise(&c->vcpu);
}

void x86_raise_error(struct x86_cpu *c, enum x86_vector vector, uint32_t error)
{
    x86_raise(c, vector);
    c->has_error = true;
    c->error = error;
}

bool x86_raise_gp(struct x86_cpu *c)
{
    x86_raise_error(c, X86_GP, 0);
    return false;
}

void x86_raise_trap(struct x86_cpu *c, unsigned vector, unsigned bytes, bool software)
{
    x86_raise(c, vector);
    c->skip = (uint8_t)bytes;
    c->trap = true;
    c->software = software;
}

void x86_raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    struct x86_cpu *c = x86_cpu(v);
    if (fault & FAULT_ALIGN) {
        const bool checked = (c->cr0 & X86_CR0_AM) && (c->rflags & X86_AC) && x86_cpl(c) == 3;
        x86_raise_error(c, checked ? X86_AC_FAULT : X86_GP, 0);
    } else if (fault & FAULT_BUS) {
        x86_raise(c, X86_UD); /* nothing is there: all ones are no instruction */
    } else if (fault & X86_FAULT_CANONICAL) {
        x86_raise_error(c, X86_GP, 0);
        c->look_again = a != ACCESS_FETCH;
    } else {
        c->cr2 = va;
        x86_raise_error(c, X86_PAGE, (uint32_t)fault);
        c->look_again = a != ACCESS_FETCH && !x86_is_long(c) && (va >> 12 == 0xfffff || va < 16);
    }
}

/* ---- delivery */

struct delivery {
    struct x86_cpu *c;
    unsigned vector;
    bool software, has_error, external;
    uint32_t error;
    uint64_t pc;
    bool fault; /* the instruction will be repeated: RF */
};

#define SYSTEM MO_IDX(X86_MMU_SYSTEM)

static bool gp(struct delivery *d, enum x86_vector vector, uint32_t error)
{
    x86_raise_error(d->c, vector, error | !d->software);
    return false;
}

/* Volume 3, figure 6-2: the error code of a gate. */
static uint32_t gate_error(const struct delivery *d)
{
    return d->vector * 8 + 2;
}

struct frame {
    struct x86_cpu *c;
    uint64_t sp, base, mask;
    unsigned bytes;
};

static bool push(struct frame *f, uint64_t v)
{
    f->sp = (f->sp - f->bytes) & f->mask;
    return vcpu_store(&f->c->vcpu, f->sp + f->base, log2_floor(f->bytes) | SYSTEM, v);
}

static bool push_all(struct frame *f, const uint64_t *v, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        if (!push(f, v[k])) {
            return false;
        }
    }
    return true;
}

static uint64_t saved_flags(const struct delivery *d)
{
    return x86_rflags(d->c) | (d->fault ? X86_RF : 0);
}

static void mask_flags(struct x86_cpu *c, bool interrupt_gate)
{
    c->rflags &= ~(uint32_t)(X86_TF | X86_NT | X86_RF | X86_VM | (interrupt_gate ? X86_IF : 0));
}

/* The code segment of a gate, and the privilege level that it has. */
static bool gate_code(struct delivery *d, uint16_t selector, uint64_t *code, unsigned *cpl)
{
    struct x86_cpu *c = d->c;
    if (!(selector & 0xfffc)) {
        return gp(d, X86_GP, 0);
    }
    const enum x86_look found = x86_descriptor(c, selector, code);
    if (found != X86_FOUND) {
        return found == X86_BEYOND ? gp(d, X86_GP, selector & 0xfffc) : false;
    }
    const unsigned attr = *code >> 40 & 0xf0ff, dpl = attr >> X86_A_DPL_SHIFT & 3;
    const bool bad_long = (c->efer & X86_EFER_LMA) && !(attr & X86_A_LONG);
    if (!(attr & X86_A_USER) || !(attr & X86_A_CODE) || dpl > x86_cpl(c) || bad_long) {
        return gp(d, X86_GP, selector & 0xfffc);
    }
    if (!(attr & X86_A_PRESENT)) {
        return gp(d, X86_NP, selector & 0xfffc);
    }
    *cpl = attr & X86_A_DOWN ? x86_cpl(c) : dpl;
    return true;
}

static bool read_tss(struct x86_cpu *c, unsigned at, unsigned bytes, uint64_t *v)
{
    return vcpu_load(&c->vcpu, c->tr.base + at, log2_floor(bytes) | SYSTEM, v);
}

/* Volume 3, 6.14. */
static bool deliver_long(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    uint64_t low, high, code, sp = c->r[X86_RSP];
    unsigned cpl;
    const uint64_t at = c->idt.base + d->vector * 16;
    if (d->vector * 16 + 15 > c->idt.limit) {
        return gp(d, X86_GP, gate_error(d));
    }
    if (!vcpu_load(&c->vcpu, at, MO_64 | SYSTEM, &low) ||
        !vcpu_load(&c->vcpu, at + 8, MO_64 | SYSTEM, &high)) {
        return false;
    }
    const unsigned type = low >> 40 & 0x1f, dpl = low >> 45 & 3, ist = low >> 32 & 7;
    if (type < 14 || type > 15 || (d->software && dpl < x86_cpl(c))) {
        return gp(d, X86_GP, gate_error(d));
    }
    if (!(low >> 47 & 1)) {
        return gp(d, X86_NP, gate_error(d));
    }
    if (!gate_code(d, low >> 16 & 0xffff, &code, &cpl)) {
        return false;
    }
    if (ist ? !read_tss(c, 36 + 8 * ist - 8, 8, &sp)
            : cpl < x86_cpl(c) && !read_tss(c, 4 + 8 * cpl, 8, &sp)) {
        return false;
    }
    struct frame f = {c, sp & ~UINT64_C(15), 0, UINT64_MAX, 8};
    const uint64_t saved[] = {c->seg[X86_SS].selector, c->r[X86_RSP], saved_flags(d),
                              c->seg[X86_CS].selector, d->pc,         d->error};
    if (!push_all(&f, saved, d->has_error ? 6 : 5)) {
        return false;
    }
    if (cpl < x86_cpl(c)) {
        c->seg[X86_SS] = (struct x86_segment){.selector = (uint16_t)cpl,
                                              .attr = (uint16_t)(cpl << X86_A_DPL_SHIFT)};
    }
    if (!x86_load_checked(c, X86_CS, (uint16_t)((low >> 16 & 0xfffc) | cpl), code)) {
        return false;
    }
    c->r[X86_RSP] = f.sp;
    mask_flags(c, type == 14);
    c->rip = (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32;
    return true;
}

/* The stack of an inner level: volume 3, 6.12.1. */
static bool inner_stack(struct delivery *d, unsigned cpl, uint64_t *sp, uint16_t *ss,
                        uint64_t *stack)
{
    struct x86_cpu *c = d->c;
    const bool wide = (c->tr.attr & 15) >= 9;
    const unsigned at = wide ? 4 + 8 * cpl : 2 + 4 * cpl;
    uint64_t word;
    if (!read_tss(c, at, wide ? 4 : 2, sp) || !read_tss(c, at + (wide ? 4 : 2), 2, &word)) {
        return false;
    }
    *ss = (uint16_t)word;
    const enum x86_look found = *ss & 0xfffc ? x86_descriptor(c, *ss, stack) : X86_BEYOND;
    if (found != X86_FOUND) {
        return found == X86_BEYOND ? gp(d, X86_TS, *ss & 0xfffc) : false;
    }
    const unsigned attr = *stack >> 40 & 0xf0ff;
    if ((*ss & 3u) != cpl || (attr >> X86_A_DPL_SHIFT & 3) != cpl ||
        (attr & (X86_A_USER | X86_A_CODE | X86_A_WRITE)) != (X86_A_USER | X86_A_WRITE)) {
        return gp(d, X86_TS, *ss & 0xfffc);
    }
    return attr & X86_A_PRESENT ? true : gp(d, X86_STACK, *ss & 0xfffc);
}

static bool deliver_protected(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    uint64_t gate, code, stack = 0, sp;
    uint16_t ss = c->seg[X86_SS].selector;
    unsigned cpl;
    if (d->vector * 8 + 7 > c->idt.limit) {
        return gp(d, X86_GP, gate_error(d));
    }
    if (!vcpu_load(&c->vcpu, c->idt.base + d->vector * 8, MO_64 | SYSTEM, &gate)) {
        return false;
    }
    const unsigned type = gate >> 40 & 0x1f, dpl = gate >> 45 & 3;
    const bool wide = type >= 14;
    if ((type & ~9u) != 6 || (d->software && dpl < x86_cpl(c))) {
        return gp(d, X86_GP, gate_error(d));
    }
    if (!(gate >> 47 & 1)) {
        return gp(d, X86_NP, gate_error(d));
    }
    if (!gate_code(d, gate >> 16 & 0xffff, &code, &cpl)) {
        return false;
    }
    const bool inner = cpl < x86_cpl(c);
    struct x86_segment s = c->seg[X86_SS];
    sp = c->r[X86_RSP];
    if (inner) {
        if (!inner_stack(d, cpl, &sp, &ss, &stack)) {
            return false;
        }
        x86_segment_fill(&s, ss, stack);
    }
    struct frame f = {c, sp, s.base, s.attr & X86_A_BIG ? 0xffffffff : 0xffff, wide ? 4 : 2};
    const uint64_t saved[] = {c->seg[X86_SS].selector, c->r[X86_RSP], saved_flags(d),
                              c->seg[X86_CS].selector, d->pc,         d->error};
    if (!push_all(&f, saved + (inner ? 0 : 2), (d->has_error ? 6 : 5) - (inner ? 0 : 2))) {
        return false;
    }
    if ((inner && !x86_load_checked(c, X86_SS, ss, stack)) ||
        !x86_load_checked(c, X86_CS, (uint16_t)((gate >> 16 & 0xfffc) | cpl), code)) {
        return false;
    }
    c->r[X86_RSP] = f.mask == 0xffff ? deposit64(c->r[X86_RSP], 15, 0, f.sp) : f.sp;
    mask_flags(c, !(type & 1));
    c->rip = (gate & 0xffff) | (wide ? gate >> 32 & 0xffff0000 : 0);
    return true;
}

static bool deliver_real(struct delivery *d)
{
    struct x86_cpu *c = d->c;
    uint64_t vector;
    if (d->vector * 4 + 3 > c->idt.limit) {
        return gp(d, X86_GP, gate_error(d));
    }
    if (!vcpu_load(&c->vcpu, c->idt.base + d->vector * 4, MO_32 | SYSTEM, &vector)) {
        return false;
    }
    struct frame f = {c, c->r[X86_RSP], c->seg[X86_SS].base, 0xffff, 2};
    const uint64_t saved[] = {saved_flags(d), c->seg[X86_CS].selector, d->pc};
    if (!push_all(&f, saved, 3)) {
        return false;
    }
    c->r[X86_RSP] = deposit64(c->r[X86_RSP], 15, 0, f.sp);
    c->rflags &= ~(uint32_t)(X86_TF | X86_IF | X86_AC | X86_RF);
    x86_segment_real(&c->seg[X86_CS], (uint16_t)(vector >> 16));
    c->rip = vector & 0xffff;
    return true;
}

static bool deliver(struct delivery *d)
{
    if (!(d->c->cr0 & X86_CR0_PE)) {
        return deliver_real(d);
    }
    return d->c->efer & X86_EFER_LMA ? deliver_long(d) : deliver_protected(d);
}

/* ---- exceptions while one is delivered: volume 3, 6.15, interrupt 8 */

static bool is_contributory(unsigned vector)
{
    return vector == X86_DE || (vector >= X86_TS && vector <= X86_GP);
}

static bool doubles(unsigned first, unsigned second)
{
    return (is_contributory(first) && is_contributory(second)) ||
           (first == X86_PAGE && (second == X86_PAGE || is_contributory(second)));
}

static void shut_down(struct x86_cpu *c)
{
    struct vcpu *v = &c->vcpu;
    log_guest("x86", "triple fault at %#llx, CPU#%u", (unsigned long long)c->rip, v->index);
    v->power->request(v->power, POWER_RESET);
    atomic_store(&v->powered_off, true);
    vcpu_exit_soon(v);
}

/* Until one can be delivered. */
static void deliver_all(struct delivery d)
{
    struct x86_cpu *c = d.c;
    const uint64_t pc = c->rip;
    while (!deliver(&d)) {
        const unsigned first = d.vector, second = c->vector;
        const bool exception = !d.software && !d.external;
        c->vcpu.hot.raised = 0;
        if (exception && first == X86_DOUBLE) {
            shut_down(c);
            return;
        }
        d = (struct delivery){.c = c, .vector = second, .pc = pc, .fault = true};
        d.has_error = c->has_error;
        d.error = c->error;
        if (exception && doubles(first, second)) {
            d.vector = X86_DOUBLE;
            d.has_error = true;
            d.error = 0;
        }
    }
    tcg_mode_changed(&c->vcpu);
    c->aux = x86_code_aux(c);
}

void x86_take_exception(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    if (c->look_again) {
        x86_refine_fault(c);
    }
    deliver_all((struct delivery){.c = c,
                                  .vector = c->vector,
                                  .software = c->software,
                                  .has_error = c->has_error && (c->cr0 & X86_CR0_PE),
                                  .error = c->error,
                                  .pc = c->rip + c->skip,
                                  .fault = !c->trap});
}

void x86_deliver_interrupt(struct x86_cpu *c, unsigned vector)
{
    deliver_all((struct delivery){.c = c, .vector = vector, .pc = c->rip, .external = true});
}
