/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and messages that come from outside: which are taken when, and CLI, HLT, STI. Intel
 * SDM, volume 3, 6.7 (NMI), 6.8.1 (IF), 6.8.3 (after STI and loads of SS), 8.4 and 9.1.2 (INIT and
 * start-up messages), 31.3 (SMI); the A20 gate, since it is a line of the CPU, too.
 *
 * No interrupt comes between STI, where it sets IF, or a load of SS, and the end of the instruction
 * behind it. That one is a block of its own, since its `local` says so; it looks for interrupts
 * that wait once it is entered, so that it is left when it is done.
 */
#include "cpu/x86/monitor.h"
#include "cpu/x86/smm.h"
#include "cpu/x86/translate.h"
#include "cpu/x86/vm86.h"

#include <stddef.h>
#include <string.h>

#define INTR (1u << X86_LINE_INTR)
#define NMI (1u << X86_LINE_NMI)
#define INIT (1u << X86_LINE_INIT)
#define SMI (1u << X86_LINE_SMI)

/* Of the lines that are up those that are not masked: in SMM no SMI, and INIT waits. */
static uint32_t lines_ready(const struct x86_cpu *c)
{
    const uint32_t masked = (c->in_smm ? SMI | INIT : 0) | (c->nmi_blocked ? NMI : 0) |
                            (c->rflags & X86_IF ? 0 : INTR);
    return atomic_load(&c->vcpu.interrupt_lines) & ~masked;
}

bool x86_interrupt_ready(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    if (atomic_load(&c->a20_wanted) != c->a20_masked) {
        x86_settle_a20(c);
    }
    return !(c->aux & X86_LOCAL_SHADOW) && (lines_ready(c) || x86_monitor_breaks(c));
}

bool x86_has_work(struct vcpu *v)
{
    return lines_ready(x86_cpu(v)) || x86_monitor_breaks(x86_cpu(v));
}

void x86_look_for_interrupts(struct x86_cpu *c)
{
    if (lines_ready(c)) {
        vcpu_exit_soon(&c->vcpu);
    }
}

uint64_t x86_go_shadowed(struct x86_cpu *c, uint64_t pc, unsigned local)
{
    x86_go(c, pc);
    vcpu_env(&c->vcpu)->aux |= X86_LOCAL_SHADOW | local;
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

static void init(struct x86_cpu *c)
{
    struct vcpu *v = &c->vcpu;
    x86_reset_by_init(c);
    tlb_flush_all(v, false);
    atomic_store(&v->halted, false);
    atomic_store(&v->powered_off, v->index != 0);
    /* Until here a start-up message is kept; from here on it starts the CPU by itself. */
    atomic_fetch_and(&v->interrupt_lines, ~INIT);
    start_kept(c);
}

/* ---- the A20 gate */

void x86_settle_a20(struct x86_cpu *c)
{
    c->a20_masked = atomic_load(&c->a20_wanted);
    tlb_flush_all(&c->vcpu, false);
    tcg_context_changed(&c->vcpu);
}

void x86_set_a20(struct vcpu *v, bool open)
{
    atomic_store(&x86_cpu(v)->a20_wanted, !open);
    vcpu_kick(v);
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

void x86_send_smi(struct vcpu *v)
{
    latch(v, X86_LINE_SMI);
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

/* By priority: volume 3, table 6-2. */
void x86_take_interrupt(struct vcpu *v)
{
    struct x86_cpu *c = x86_cpu(v);
    const uint32_t lines = lines_ready(c);
    const bool halted = atomic_load(&v->halted) && !c->in_mwait;
    x86_monitor_wake(c);
    if (lines & SMI) {
        atomic_fetch_and(&v->interrupt_lines, ~SMI);
        x86_enter_smm(c, halted);
    } else if (lines & INIT) {
        atomic_fetch_and(&v->interrupt_lines, ~NMI);
        init(c);
    } else if (lines & NMI) {
        atomic_fetch_and(&v->interrupt_lines, ~NMI);
        c->nmi_blocked = true;
        x86_deliver_interrupt(c, X86_NMI);
    } else if (lines & INTR) {
        take_external(c);
    }
}

/* ---- CLI, STI, HLT */

static uint64_t do_interrupts(struct vcpu *v, uint64_t next, uint64_t y, uint64_t z, uint32_t on)
{
    struct x86_cpu *c = x86_cpu(v);
    const bool was_on = c->rflags & X86_IF;
    bool done;
    (void)y, (void)z;
    if (!x86_virtual_interrupts(c, on, &done) || done) {
        return x86_go(c, next);
    }
    c->rflags = on ? c->rflags | X86_IF : c->rflags & ~X86_IF;
    return on && !was_on ? x86_go_shadowed(c, next, 0) : x86_go(c, next);
}
X86_CALL(interrupts, IR_CALL_FULL);

/* IF may be changed, and nobody looks at single instructions. */
static bool is_allowed(const struct x86_block *c)
{
    const bool checked = c->key & (X86_KEY_PROTECTED | X86_KEY_VM86);
    return !(c->key & X86_KEY_TF) && !(checked && c->cpl > (c->key >> X86_KEY_IOPL_SHIFT & 3));
}

static ir_val rflags(struct x86_block *c)
{
    return ir_env_load(c->b, T_I32, offsetof(struct x86_cpu, rflags));
}

static void put_rflags(struct x86_block *c, ir_val v)
{
    ir_env_store(c->b, offsetof(struct x86_cpu, rflags), v);
}

void x86_cli(struct x86_block *c, const struct x86_instr *i, const struct x86_cli *a)
{
    (void)i, (void)a;
    if (!is_allowed(c)) {
        x86_tail(c, &row_interrupts, IR_NONE, IR_NONE, false);
        return;
    }
    put_rflags(c, ir_andn(c->b, rflags(c), ir_konst(c->b, T_I32, X86_IF)));
}

void x86_slow_if_waiting(struct x86_block *c)
{
    struct ir_builder *b = c->b;
    const ir_val lines = ir_env_load(b, T_I32, offsetof(struct x86_cpu, vcpu.interrupt_lines));
    const uint32_t local = b->local;
    b->local = local | X86_LOCAL_WAITS;
    ir_brcond(b, ir_cmp(b, IR_NE, lines, ir_konst(b, T_I32, 0)), c->pc);
    b->local = local;
}

/* If an interrupt waits the function does it; else there is nothing that the shadow would keep
 * away. */
void x86_sti(struct x86_block *c, const struct x86_instr *i, const struct x86_sti *a)
{
    struct ir_builder *b = c->b;
    (void)i, (void)a;
    if (!is_allowed(c) || c->waits || c->shadow) {
        x86_tail(c, &row_interrupts, IR_NONE, IR_NONE, true);
        return;
    }
    x86_slow_if_waiting(c);
    put_rflags(c, ir_or(b, rflags(c), ir_konst(b, T_I32, X86_IF)));
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
