/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and messages that come from outside: which are taken when, and CLI, HLT, STI. Intel
 * SDM, volume 3, 6.7 (NMI), 6.8.1 (IF), 6.8.3 (after STI and loads of SS), 8.4 and 9.1.2 (INIT and
 * start-up messages). Not here yet: SMI.
 *
 * No interrupt comes between STI, where it sets IF, or a load of SS, and the end of the instruction
 * behind it. That one is a block of its own, since its `local` says so; it looks for interrupts
 * that wait once it is entered, so that it is left when it is done.
 */
#include "cpu/x86/translate.h"

#include <string.h>

#define INTR (1u << X86_LINE_INTR)
#define NMI (1u << X86_LINE_NMI)
#define INIT (1u << X86_LINE_INIT)

static bool lines_ready(struct x86_cpu *c)
{
    const uint32_t lines = atomic_load(&c->vcpu.interrupt_lines);
    return (lines & INIT) || ((lines & NMI) && !c->nmi_blocked) ||
           ((lines & ~(NMI | INIT)) && (c->rflags & X86_IF));
}

bool x86_interrupt_ready(struct vcpu *v)
{
    return !(x86_cpu(v)->aux & X86_LOCAL_SHADOW) && lines_ready(x86_cpu(v));
}

bool x86_has_work(struct vcpu *v)
{
    return lines_ready(x86_cpu(v));
}

void x86_look_for_interrupts(struct x86_cpu *c)
{
    if (lines_ready(c)) {
        vcpu_exit_soon(&c->vcpu);
    }
}

uint64_t x86_go_shadowed(struct x86_cpu *c, uint64_t pc)
{
    x86_go(c, pc);
    vcpu_env(&c->vcpu)->aux |= X86_LOCAL_SHADOW;
    return pc;
}

/* ---- INIT, start-up */

/* A start-up message that came before the INIT was done; whoever takes it starts the CPU. */
static void start_kept(struct x86_cpu *c)
{
    const uint32_t startup = atomic_exchange(&c->startup, 0);
    if (startup) {
        vcpu_start(&c->vcpu, (uint64_t)(startup & 0xff) << 12, 0);
    }
}

/* A reset but for the caches, and for what holds numbers that programs compute with. */
static void init(struct x86_cpu *c)
{
    struct vcpu *v = &c->vcpu;
    const uint64_t keep = UINT64_C(0x60000000), cr0 = c->cr0, tsc = c->tsc_offset;
    x86_reset(v);
    c->cr0 = (c->cr0 & ~keep) | (cr0 & keep);
    c->tsc_offset = tsc;
    tlb_flush_all(v, false);
    atomic_store(&v->halted, false);
    atomic_store(&v->powered_off, v->index != 0);
    /* Until here a start-up message is kept; from here on it starts the CPU by itself. */
    atomic_fetch_and(&v->interrupt_lines, ~INIT);
    start_kept(c);
}

/* A line that latches: lowered when it is taken. */
static void latch(struct vcpu *v, enum x86_line line)
{
    const struct irq irq = vcpu_irq(v, line);
    irq_set(&irq, 1);
}

void x86_send_nmi(struct vcpu *v)
{
    latch(v, X86_LINE_NMI);
}

void x86_send_init(struct vcpu *v)
{
    if (!atomic_load(&v->powered_off)) {
        atomic_store(&x86_cpu(v)->startup, 0);
        latch(v, X86_LINE_INIT);
    }
}

void x86_send_startup(struct vcpu *v, uint8_t vector)
{
    atomic_store(&x86_cpu(v)->startup, 256u | vector);
    if (!(atomic_load(&v->interrupt_lines) & INIT)) {
        start_kept(x86_cpu(v));
    }
}

/* ---- taking */

static void take_external(struct x86_cpu *c)
{
    const int vector = c->apic ? c->apic->acknowledge(c->apic->opaque, (int)c->vcpu.index) : 32;
    if (vector >= 0) {
        x86_deliver_interrupt(c, (unsigned)vector & 0xff);
    }
}

void x86_take_interrupt(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t lines = atomic_load(&v->interrupt_lines);
    if (lines & INIT) {
        atomic_fetch_and(&v->interrupt_lines, ~NMI);
        init(c);
    } else if ((lines & NMI) && !c->nmi_blocked) {
        atomic_fetch_and(&v->interrupt_lines, ~NMI);
        c->nmi_blocked = true;
        x86_deliver_interrupt(c, X86_NMI);
    } else {
        take_external(c);
    }
}

/* ---- CLI, STI, HLT */

static uint64_t do_interrupts(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t on)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool was_on = c->rflags & X86_IF;
    (void)y, (void)z;
    if ((c->cr0 & X86_CR0_PE) && x86_cpl(c) > (c->rflags >> 12 & 3)) {
        x86_raise_gp(c);
        return next;
    }
    c->rflags = on ? c->rflags | X86_IF : c->rflags & ~X86_IF;
    return on && !was_on ? x86_go_shadowed(c, next) : x86_go(c, next);
}
X86_CALL(interrupts, IR_CALL_FULL);

void x86_cli(struct x86_block *c, const struct x86_instr *i, const struct x86_cli *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_interrupts, IR_NONE, IR_NONE, false);
}

void x86_sti(struct x86_block *c, const struct x86_instr *i, const struct x86_sti *a)
{
    (void)i, (void)a;
    x86_tail(c, &row_interrupts, IR_NONE, IR_NONE, true);
}

static uint64_t do_hlt(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    atomic_store(&v->halted, true);
    vcpu_exit_soon(v);
    return x86_go(x86_cpu(v), next);
}
X86_CALL(hlt, IR_CALL_FULL);

void x86_hlt(struct x86_block *c, const struct x86_instr *i, const struct x86_hlt *a)
{
    (void)i, (void)a;
    if (!x86_privileged(c)) {
        x86_tail(c, &row_hlt, IR_NONE, IR_NONE, 0);
    }
}

/* ---- the instruction in the shadow */

static uint64_t do_leave_shadow(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    x86_look_for_interrupts(x86_cpu(v));
    return 0;
}
X86_CALL(leave_shadow, IR_CALL_FULL);

void x86_leave_shadow(struct x86_block *c)
{
    ir_call(c->b, T_VOID, &row_leave_shadow, IR_NONE, IR_NONE, IR_NONE, 0);
}
