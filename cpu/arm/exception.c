/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of AArch64: entry to EL1, return, interrupts, software step and breakpoints (DDI 0487,
 * D1.3 and D2; the pseudocode AArch64.TakeException, AArch64.ExceptionReturn). Everything is taken
 * to EL1: EL2 and EL3 are not modelled, nor are SErrors (external aborts are synchronous).
 */
#include "cpu/arm/exception.h"

#include "base/log.h"
#include "cpu/arm/a64.h"
#include "cpu/arm/debug.h"
#include "cpu/arm/pmu.h"
#include "cpu/arm/psci.h"
#include "cpu/arm/semihosting.h"
#include "cpu/arm/sysregs.h"
#include "cpu/arm/timer.h"

#define VECTOR_SYNC 0x000
#define VECTOR_IRQ 0x080
#define VECTOR_FIQ 0x100

/* ---- entry */

static uint32_t saved_pstate(struct arm_cpu *cpu, uint64_t pc)
{
    uint32_t spsr = cpu->pstate | arm_nzcv(cpu);
    if (cpu->branch_type && (uint32_t)pc == cpu->branch_pc) {
        spsr |= (uint32_t)cpu->branch_type << PSTATE_BTYPE_SHIFT;
    }
    cpu->branch_type = 0;
    return spsr;
}

/* Exceptions and returns from them are context synchronization events; for ISB see a64_isb. */
static void synchronize(struct arm_cpu *cpu)
{
    if (cpu->mode & MODE_UNCACHED) {
        tcg_compare_code(&cpu->vcpu);
    }
}

/* Goes to EL1's vector of that kind; pc is the preferred return address. */
static void enter(struct arm_cpu *cpu, uint64_t pc, unsigned kind)
{
    const uint32_t old = cpu->pstate;
    unsigned offset = kind;
    if (arm_el(cpu) == 0) {
        offset += 0x400;
    } else if (old & PSTATE_SP) {
        offset += 0x200;
    }
    arm_pmu_before_switch(cpu);
    cpu->elr[1] = arm_branch_addr(cpu->mode, pc);
    cpu->spsr[1] = saved_pstate(cpu, cpu->elr[1]);
    uint32_t p = (old & (PSTATE_PAN | PSTATE_DIT)) | 1 << PSTATE_EL_SHIFT | PSTATE_SP | PSTATE_DAIF;
    if (arm_has(cpu, ARM_HAS_pan) && !(cpu->sctlr[1] & SCTLR_SPAN)) {
        p |= PSTATE_PAN;
    }
    if (arm_has(cpu, ARM_HAS_ssbs) && (cpu->sctlr[1] & SCTLR_DSSBS)) {
        p |= PSTATE_SSBS;
    }
    if (arm_has(cpu, ARM_HAS_nmi) && !(cpu->sctlr[1] & SCTLR_SPINTMASK)) {
        p |= PSTATE_ALLINT;
    }
    arm_set_pstate(cpu, p);
    arm_pmu_after_switch(cpu);
    cpu->pc = cpu->vbar[1] + offset;
    tcg_mode_changed(&cpu->vcpu);
    synchronize(cpu);
}

/* A class that has a form for exceptions from a lower exception level and one for the same. */
static uint32_t with_level(const struct arm_cpu *cpu, uint32_t syndrome)
{
    switch (syndrome >> 26) {
    case EC_FETCH_LOWER:
    case EC_DATA_LOWER:
    case EC_BREAKPOINT_LOWER:
    case EC_STEP_LOWER:
    case EC_WATCHPOINT_LOWER:
        return arm_el(cpu) ? syndrome + (1u << 26) : syndrome;
    default:
        return syndrome;
    }
}

static void log_exception(const struct arm_cpu *cpu, uint64_t pc, uint32_t syndrome)
{
    if (log_enabled(LOG_INT)) {
        log_print(LOG_INT,
                  "cpu %u: exception EC 0x%02x ISS 0x%07x from EL%u at 0x%llx, FAR 0x%llx\n",
                  cpu->vcpu.index, syndrome >> 26, syndrome & 0x1ffffff, arm_el(cpu),
                  (unsigned long long)pc, (unsigned long long)cpu->far[1]);
    }
}

uint64_t arm_take_sync(struct arm_cpu *cpu, uint64_t pc, uint32_t syndrome)
{
    syndrome = with_level(cpu, syndrome);
    log_exception(cpu, pc, syndrome);
    cpu->esr[1] = syndrome;
    enter(cpu, pc, VECTOR_SYNC);
    return cpu->pc;
}

void arm_raise(struct arm_cpu *cpu, uint32_t syndrome)
{
    cpu->exception = (struct arm_exception){.syndrome = syndrome};
    vcpu_raise(&cpu->vcpu);
}

void arm_raise_far(struct arm_cpu *cpu, uint32_t syndrome, uint64_t far)
{
    cpu->exception = (struct arm_exception){.syndrome = syndrome, .has_far = true, .far = far};
    vcpu_raise(&cpu->vcpu);
}

void arm_retry(struct arm_cpu *cpu)
{
    cpu->exception = (struct arm_exception){.retry = true};
    vcpu_retry(&cpu->vcpu);
}

void arm_take_exception(struct vcpu *v)
{
    struct arm_cpu *cpu = arm_cpu(v);
    if (cpu->exception.interrupt) {
        arm_look_for_interrupts(cpu, cpu->pc);
        return;
    }
    if (cpu->exception.retry) {
        return;
    }
    if (cpu->exception.has_far) {
        cpu->far[1] = cpu->exception.far;
    }
    arm_take_sync(cpu, cpu->pc, cpu->exception.syndrome);
}

uint32_t arm_abort_syndrome(const struct arm_cpu *cpu, enum access a, uint64_t fault, bool is_cm)
{
    (void)cpu;
    uint32_t iss = fault & 0x3f;
    if (fault & FAULT_ALIGN) {
        iss = FSC_ALIGNMENT;
    } else if (fault & FAULT_BUS) {
        iss = FSC_EXTERNAL;
    }
    if (a == ACCESS_FETCH) {
        return SYNDROME(EC_FETCH_LOWER, iss);
    }
    iss |= a == ACCESS_WRITE || is_cm ? ISS_WNR : 0;
    iss |= is_cm ? ISS_CM : 0;
    return SYNDROME(EC_DATA_LOWER, iss);
}

void arm_raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    struct arm_cpu *cpu = arm_cpu(v);
    if (a == ACCESS_FETCH) {
        va = arm_branch_addr(cpu->mode, va);
    }
    if (log_enabled(LOG_MMU)) {
        log_print(LOG_MMU, "cpu %u: fault 0x%llx, %s 0x%llx\n", v->index, (unsigned long long)fault,
                  a == ACCESS_READ    ? "read"
                  : a == ACCESS_WRITE ? "write"
                                      : "fetch",
                  (unsigned long long)va);
    }
    arm_raise_far(cpu, arm_abort_syndrome(cpu, a, fault, false), va);
}

/* ---- interrupts */

_Static_assert(PSTATE_F == 1u << (PSTATE_F_SHIFT + ARM_LINE_FIQ), "order of lines");
_Static_assert(PSTATE_I == 1u << (PSTATE_F_SHIFT + ARM_LINE_IRQ), "order of lines");

#define LINES_MASKABLE (1u << ARM_LINE_FIQ | 1u << ARM_LINE_IRQ)

/* With SCTLR_EL1.NMI interrupts with superpriority are not masked by PSTATE.I, and EL1 masks all of
 * them by ALLINT or, with SPINTMASK, while it uses its own stack pointer. */
static uint32_t unmasked_lines(const struct arm_cpu *cpu)
{
    const uint32_t lines = atomic_load_explicit(&cpu->vcpu.interrupt_lines, memory_order_relaxed);
    const uint32_t usual = lines & LINES_MASKABLE & ~(cpu->pstate >> PSTATE_F_SHIFT);
    if (likely(!(cpu->mode & MODE_NMI))) {
        return usual;
    }
    if (arm_el(cpu) == 1 && ((cpu->pstate & PSTATE_ALLINT) ||
                             ((cpu->sctlr[1] & SCTLR_SPINTMASK) && (cpu->pstate & PSTATE_SP)))) {
        return 0;
    }
    return usual | (lines & 1u << ARM_LINE_NMI ? 1u << ARM_LINE_IRQ : 0);
}

bool arm_interrupt_ready(struct vcpu *v)
{
    if (unlikely(arm_cpu(v)->off_pending)) {
        return false;
    }
    arm_timers_poll(arm_cpu(v));
    return unmasked_lines(arm_cpu(v)) != 0;
}

void arm_take_interrupt(struct vcpu *v)
{
    struct arm_cpu *cpu = arm_cpu(v);
    const bool fiq = unmasked_lines(cpu) & 1u << ARM_LINE_FIQ;
    if (log_enabled(LOG_INT)) {
        log_print(LOG_INT, "cpu %u: %s at 0x%llx from EL%u\n", v->index, fiq ? "FIQ" : "IRQ",
                  (unsigned long long)cpu->pc, arm_el(cpu));
    }
    enter(cpu, cpu->pc, fiq ? VECTOR_FIQ : VECTOR_IRQ);
}

uint64_t arm_look_for_interrupts(struct arm_cpu *cpu, uint64_t pc)
{
    cpu->pc = pc;
    if (unmasked_lines(cpu) && !cpu->vcpu.holds_interrupts) {
        arm_take_interrupt(&cpu->vcpu);
    }
    return cpu->pc;
}

/*
 * WFI ends on an interrupt whether it is masked or not. What the clock has said is looked at by
 * interrupt_ready; a vCPU that was switched off is off when its thread comes to ask here.
 */
bool arm_has_work(struct vcpu *v)
{
    struct arm_cpu *cpu = arm_cpu(v);
    if (unlikely(cpu->off_pending)) {
        cpu->off_pending = false;
        atomic_store(&v->powered_off, true);
        return false;
    }
    return atomic_load(&v->interrupt_lines) != 0 || atomic_load(&cpu->timer_due) ||
           atomic_load(&cpu->pmu_due) || atomic_load(&cpu->wfit_due);
}

/* ---- return */

uint64_t arm_next(struct arm_cpu *cpu, uint64_t pc)
{
    if (unlikely(cpu->mode & MODE_STEP)) {
        arm_set_pstate(cpu, cpu->pstate & ~PSTATE_SS);
        tcg_mode_changed(&cpu->vcpu);
    }
    cpu->pc = pc;
    return pc;
}

static bool is_illegal_return(const struct arm_cpu *cpu, uint32_t spsr)
{
    const unsigned el = (spsr & PSTATE_EL) >> PSTATE_EL_SHIFT;
    return (spsr & PSTATE_NRW) || el > arm_el(cpu) || (spsr & 2) || (el == 0 && (spsr & PSTATE_SP));
}

static uint32_t returned_ss(const struct arm_cpu *cpu, uint32_t spsr, unsigned el)
{
    const bool from = (cpu->mdscr & MDSCR_KDE) && !(cpu->pstate & PSTATE_D);
    const bool to = el == 0 || ((cpu->mdscr & MDSCR_KDE) && !(spsr & PSTATE_D));
    const bool active = (cpu->mdscr & MDSCR_SS) && !(cpu->oslsr & OSLSR_OSLK);
    return active && !from && to ? spsr & PSTATE_SS : 0;
}

uint64_t arm_return(struct arm_cpu *cpu, uint64_t pc, uint64_t spsr64)
{
    const uint32_t spsr = (uint32_t)spsr64;
    uint32_t keep = PSTATE_EL | PSTATE_SP | PSTATE_SSBS | PSTATE_UAO | PSTATE_DIT, p;
    if (is_illegal_return(cpu, spsr)) {
        p = (cpu->pstate & keep) | PSTATE_IL | returned_ss(cpu, spsr, arm_el(cpu));
    } else {
        uint32_t settable = PSTATE_EL | PSTATE_SP | PSTATE_IL;
        settable |= arm_has(cpu, ARM_HAS_ssbs) ? PSTATE_SSBS : 0;
        settable |= arm_has(cpu, ARM_HAS_uao) ? PSTATE_UAO : 0;
        settable |= arm_has(cpu, ARM_HAS_dit) ? PSTATE_DIT : 0;
        p = (spsr & settable) | returned_ss(cpu, spsr, (spsr & PSTATE_EL) >> PSTATE_EL_SHIFT);
    }
    p |= spsr & (PSTATE_DAIF | (arm_has(cpu, ARM_HAS_pan) ? PSTATE_PAN : 0) |
                 (arm_has(cpu, ARM_HAS_nmi) ? PSTATE_ALLINT : 0));
    arm_set_nzcv(cpu, spsr);
    arm_pmu_before_switch(cpu);
    arm_set_pstate(cpu, p);
    arm_pmu_after_switch(cpu);
    pc = arm_branch_addr(cpu->mode, pc);
    cpu->branch_pc = (uint32_t)pc;
    cpu->branch_type = arm_has(cpu, ARM_HAS_bti) ? (spsr & PSTATE_BTYPE) >> PSTATE_BTYPE_SHIFT : 0;
    cpu->vcpu.hot.excl_addr = UINT64_MAX;
    cpu->pc = pc;
    tcg_mode_changed(&cpu->vcpu);
    synchronize(cpu);
    return arm_look_for_interrupts(cpu, pc);
}

/* ---- what blocks end with: x is the PC of the instruction */

/* SVC and its like have executed when their exception is taken: a software step is over. */
static void step_advance(struct arm_cpu *cpu)
{
    if (cpu->mode & MODE_STEP) {
        cpu->pstate &= ~PSTATE_SS;
    }
}

static uint64_t do_exception(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t syndrome)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    if (syndrome >> 26 == EC_PC_ALIGN) {
        cpu->far[1] = pc;
    }
    return arm_take_sync(cpu, pc, syndrome);
}
const struct ir_call arm_row_exception = A64_ROW(do_exception, IR_CALL_FULL);

static uint64_t do_svc(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t imm)
{
    (void)y, (void)z;
    step_advance(arm_cpu(v));
    return arm_take_sync(arm_cpu(v), pc + 4, SYNDROME(EC_SVC, imm));
}
const struct ir_call arm_row_svc = A64_ROW(do_svc, IR_CALL_FULL);

static uint64_t do_hvc(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t imm)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    if (imm != 0 || !cpu->psci_by_hvc) {
        return arm_take_sync(cpu, pc, SYNDROME_UNDEFINED);
    }
    arm_psci_call(cpu);
    return arm_next(cpu, pc + 4);
}
const struct ir_call arm_row_hvc = A64_ROW(do_hvc, IR_CALL_FULL);

static uint64_t do_brk(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t imm)
{
    (void)y, (void)z;
    return arm_take_sync(arm_cpu(v), pc, SYNDROME(EC_BRK, imm));
}
const struct ir_call arm_row_brk = A64_ROW(do_brk, IR_CALL_FULL);

static uint64_t do_hlt(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t imm)
{
    (void)y, (void)z;
    struct arm_cpu *cpu = arm_cpu(v);
    if (imm == 0xf000 && arm_semihosting_answers(cpu)) {
        cpu->pc = pc;
        return arm_semihosting(cpu) ? arm_next(cpu, pc + 4) : pc;
    }
    return arm_take_sync(cpu, pc, SYNDROME_UNDEFINED);
}
const struct ir_call arm_row_hlt = A64_ROW(do_hlt, IR_CALL_FULL);

static uint64_t do_eret(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    return arm_return(arm_cpu(v), pc, arm_cpu(v)->spsr[1]);
}
const struct ir_call arm_row_eret = A64_ROW(do_eret, IR_CALL_FULL);

static uint64_t do_unmasked(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    return arm_look_for_interrupts(arm_cpu(v), pc);
}
const struct ir_call arm_row_unmasked = A64_ROW(do_unmasked, IR_CALL_FULL);

static uint64_t do_step_done(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    return arm_next(arm_cpu(v), pc);
}
const struct ir_call arm_row_step_done = A64_ROW(do_step_done, IR_CALL_FULL);

/* ISS: ISV, and EX for a load-exclusive, which is not remembered: the manual allows ISV to be 0
 * then. */
static uint64_t do_step_due(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    return arm_take_sync(arm_cpu(v), pc, SYNDROME(EC_STEP_LOWER, FSC_DEBUG));
}
const struct ir_call arm_row_step_due = A64_ROW(do_step_due, IR_CALL_FULL);

/* ---- guards and checks */

static uint64_t do_raise(struct vcpu *v, uint64_t far, uint64_t y, uint64_t z, uint32_t syndrome)
{
    (void)far, (void)y, (void)z;
    arm_raise(arm_cpu(v), syndrome);
    return 0;
}
const struct ir_call arm_row_raise = A64_ROW(do_raise, IR_CALL_RAISES);

static uint64_t do_interrupt(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    arm_cpu(v)->exception = (struct arm_exception){.interrupt = true};
    vcpu_retry(v);
    return 0;
}
const struct ir_call arm_row_interrupt = A64_ROW(do_interrupt, IR_CALL_RAISES);

static uint64_t do_breakpoint(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    if (arm_breakpoint_matches(arm_cpu(v), pc)) {
        arm_raise(arm_cpu(v), SYNDROME(EC_BREAKPOINT_LOWER, FSC_DEBUG));
    }
    return 0;
}
const struct ir_call arm_row_breakpoint = A64_ROW(do_breakpoint, IR_CALL_RAISES);

static uint64_t do_sp_misaligns(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x, (void)y, (void)z, (void)aux;
    arm_cpu(v)->sp_misaligned = true;
    arm_mode_changed(arm_cpu(v));
    arm_retry(arm_cpu(v));
    return 0;
}
const struct ir_call arm_row_sp_misaligns = A64_ROW(do_sp_misaligns, IR_CALL_RAISES);

static uint64_t do_sp_written(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    struct arm_cpu *cpu = arm_cpu(v);
    if (!(cpu->sp & 15)) {
        cpu->sp_misaligned = false;
        arm_mode_changed(cpu);
    }
    return arm_next(cpu, pc);
}
const struct ir_call arm_row_sp_written = A64_ROW(do_sp_written, IR_CALL_FULL);

/* The block's end, where SP was written and has not been checked. */
static uint64_t do_sp_open(struct vcpu *v, uint64_t pc, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)y, (void)z, (void)aux;
    struct arm_cpu *cpu = arm_cpu(v);
    if (cpu->sp & 15) {
        cpu->sp_misaligned = true;
        arm_mode_changed(cpu);
    }
    return arm_next(cpu, pc);
}
const struct ir_call arm_row_sp_open = A64_ROW(do_sp_open, IR_CALL_FULL);
