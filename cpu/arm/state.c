/* SPDX-License-Identifier: MIT */
/*
 * Processor state: PSTATE with its banked stack pointers, flags, floating-point control and status;
 * and arm_cpu.mode, the word of everything that translated code depends on.
 */
#include "base/softfloat.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/exception.h"
#include "cpu/arm/mmu.h"
#include "cpu/arm/nzcv.h"
#include "cpu/arm/pauth.h"
#include "cpu/arm/regs.h"
#include "cpu/arm/sysregs.h"

/* ---- flags */

uint32_t arm_nzcv(const struct arm_cpu *cpu)
{
    return nzcv_of_flags(cpu->nzcv);
}

void arm_set_nzcv(struct arm_cpu *cpu, uint32_t nzcv)
{
    cpu->nzcv = nzcv_to_flags(nzcv);
}

/* ---- PSTATE */

static unsigned bank_of(uint32_t pstate)
{
    return pstate & PSTATE_SP ? (pstate & PSTATE_EL) >> PSTATE_EL_SHIFT : 0;
}

static bool debug_enabled_at(const struct arm_cpu *cpu, uint32_t pstate)
{
    if (cpu->oslsr & OSLSR_OSLK) {
        return false;
    }
    return (pstate & PSTATE_EL) == 0 || ((cpu->mdscr & MDSCR_KDE) && !(pstate & PSTATE_D));
}

/* The parts of mode that depend on PSTATE. */
static uint64_t pstate_mode(const struct arm_cpu *cpu, uint64_t m)
{
    const uint32_t p = cpu->pstate;
    if (p & PSTATE_EL) {
        const uint64_t idx = p & PSTATE_PAN ? ARM_MMU_EL1_PAN : ARM_MMU_EL1;
        m |= 1 << MODE_EL_SHIFT | idx << MODE_IDX_SHIFT;
        m |= (p & PSTATE_UAO ? idx : ARM_MMU_EL0) << MODE_UIDX_SHIFT;
    }
    m |= p & PSTATE_SP ? MODE_SPSEL : 0;
    m |= p & PSTATE_IL ? MODE_IL : 0;
    m |= cpu->sp_misaligned && (m & MODE_SA) ? MODE_SP_CHECK : 0;
    m |= cpu->bti_seen ? MODE_BTI : 0;
    if (unlikely(m & (MODE_DEBUG | MODE_STEP)) && !debug_enabled_at(cpu, p)) {
        m &= ~(uint64_t)(MODE_DEBUG | MODE_STEP);
    } else if (unlikely(m & MODE_STEP) && !(p & PSTATE_SS)) {
        m ^= MODE_STEP | MODE_STEP_DUE;
    }
    return m;
}

void arm_set_pstate(struct arm_cpu *cpu, uint32_t pstate)
{
    const unsigned from = bank_of(cpu->pstate), to = bank_of(pstate);
    cpu->pstate = pstate;
    if (from != to) {
        cpu->sp_el[from] = cpu->sp;
        cpu->sp = cpu->sp_el[to];
        cpu->sp_misaligned = cpu->sp & 15;
    }
    cpu->mode = pstate_mode(cpu, cpu->mode_el[arm_el(cpu)]);
}

/* ---- mode */

static uint64_t fp_mode(uint32_t fpcr)
{
    static const struct {
        uint32_t fpcr, ir;
    } bits[] = {{FPCR_FZ, IR_FP_FZ},       {FPCR_FZ16, IR_FP_FZ16}, {FPCR_DN, IR_FP_DN},
                {FPCR_AH, IR_FP_ALT},      {FPCR_FIZ, IR_FP_FIZ},   {FPCR_NEP, IR_FP_NEP},
                {FPCR_AHP, IR_FP_ALT_HALF}};
    uint64_t m = 0;
    for (unsigned i = 0; i < array_len(bits); i++) {
        m |= fpcr & bits[i].fpcr ? bits[i].ir : 0;
    }
    return m << MODE_FP_SHIFT | (fpcr & FPCR_EBF ? MODE_EBF : 0);
}

static uint64_t if_clear(uint64_t reg, unsigned n, uint64_t trap)
{
    return bit(reg, n) ? 0 : trap;
}

static uint64_t el0_traps(const struct arm_cpu *cpu)
{
    const uint64_t s = cpu->sctlr[1], k = cpu->cntkctl, pmu = cpu->pmu.userenr;
    uint64_t t = if_clear(s, 9, ARM_TRAP_UMA) | if_clear(s, 15, ARM_TRAP_UCT) |
                 if_clear(s, 26, ARM_TRAP_UCI) | if_clear(s, 14, ARM_TRAP_DZE) |
                 if_clear(s, 18, ARM_TRAP_WFE) | if_clear(s, 16, ARM_TRAP_WFI) |
                 if_clear(s, 10, ARM_TRAP_RCTX) | if_clear(s, 33, ARM_TRAP_MOPS) |
                 if_clear(~s, 20, ARM_TRAP_SCXT) | if_clear(~s, 63, ARM_TRAP_TIDCP);
    t |= if_clear(k, 0, ARM_TRAP_PCT) | if_clear(k, 1, ARM_TRAP_VCT) |
         if_clear(k, 8, ARM_TRAP_VTEN) | if_clear(k, 9, ARM_TRAP_PTEN) |
         if_clear(k | k >> 1, 0, ARM_TRAP_FRQ);
    t |= if_clear(pmu, 0, ARM_TRAP_PMU) | if_clear(pmu | pmu >> 1, 0, ARM_TRAP_PMU_SW) |
         if_clear(pmu | pmu >> 2, 0, ARM_TRAP_PMU_CR) |
         if_clear(pmu | pmu >> 3, 0, ARM_TRAP_PMU_ER);
    t |= if_clear(~cpu->mdscr, 12, ARM_TRAP_TDCC);
    return t << MODE_TRAPS_SHIFT;
}

static uint64_t debug_mode(const struct arm_cpu *cpu)
{
    uint64_t m = cpu->mdscr & MDSCR_SS ? MODE_STEP : 0;
    if (cpu->mdscr & MDSCR_MDE) {
        for (unsigned i = 0; i < ARM_BREAKPOINTS_MAX; i++) {
            m |= cpu->dbgbcr[i] & 1 ? MODE_DEBUG : 0;
        }
    }
    m |= m && (cpu->mdscr & MDSCR_KDE) ? MODE_KDE : 0;
    return m;
}

static uint64_t mode_of_el(const struct arm_cpu *cpu, unsigned el)
{
    const uint64_t s = cpu->sctlr[1], tcr = cpu->tcr[1];
    const unsigned fpen = cpu->cpacr >> 20 & 3;
    uint64_t m = fp_mode(cpu->fpcr) | debug_mode(cpu);
    m |= s & SCTLR_A || !(s & SCTLR_M) ? MODE_ALIGN : 0; /* without the MMU all memory is Device */
    m |= s & SCTLR_NAA ? MODE_NAA : 0;
    m |= s & SCTLR_I ? 0 : MODE_UNCACHED;
    m |= s & SCTLR_NMI ? MODE_NMI : 0;
    m |= s & (el ? SCTLR_EE : SCTLR_E0E) ? MODE_BIG_ENDIAN : 0;
    m |= (fpen == 3 || (fpen == 1 && el)) ? 0 : MODE_FP_TRAP;
    m |= s & (el ? SCTLR_SA : SCTLR_SA0) ? MODE_SA : 0;
    m |= (tcr & TCR_TBI0) && !(tcr & TCR_TBID0) ? MODE_TBI0 : 0;
    m |= (tcr & TCR_TBI1) && !(tcr & TCR_TBID1) ? MODE_TBI1 : 0;
    m |= s & SCTLR_ENIA ? MODE_ENIA : 0;
    m |= s & SCTLR_ENIB ? MODE_ENIB : 0;
    m |= s & SCTLR_ENDA ? MODE_ENDA : 0;
    m |= s & SCTLR_ENDB ? MODE_ENDB : 0;
    m |= s & (el ? SCTLR_BT1 : SCTLR_BT0) ? MODE_BT : 0;
    return el ? m : m | el0_traps(cpu);
}

void arm_update_mode(struct arm_cpu *cpu)
{
    arm_update_regimes(cpu);
    arm_pac_update(cpu);
    cpu->mode_el[0] = mode_of_el(cpu, 0);
    cpu->mode_el[1] = mode_of_el(cpu, 1);
    cpu->mode = pstate_mode(cpu, cpu->mode_el[arm_el(cpu)]);
    vcpu_env(&cpu->vcpu)->top_byte_ignored[0] = cpu->tcr[1] & TCR_TBI0;
    vcpu_env(&cpu->vcpu)->top_byte_ignored[1] = cpu->tcr[1] & TCR_TBI1;
}

void arm_mode_changed(struct arm_cpu *cpu)
{
    arm_update_mode(cpu);
    tcg_context_changed(&cpu->vcpu);
}

/* ---- FPCR and FPSR */

uint32_t arm_fpcr_mask(const struct arm_cpu *cpu)
{
    uint32_t m = FPCR_AHP | FPCR_DN | FPCR_FZ | 3u << FPCR_RMODE_SHIFT;
    m |= arm_has(cpu, ARM_HAS_fp16) ? FPCR_FZ16 : 0;
    m |= arm_has(cpu, ARM_HAS_ebf16) ? FPCR_EBF : 0;
    m |= arm_has(cpu, ARM_HAS_afp) ? FPCR_AH | FPCR_FIZ | FPCR_NEP : 0;
    return m;
}

uint64_t arm_fpcr(const struct arm_cpu *cpu)
{
    return cpu->fpcr;
}

_Static_assert(IR_RNE == 0 && IR_RUP == 1 && IR_RDN == 2 && IR_RTZ == 3, "FPCR.RMode");

void arm_set_fpcr(struct arm_cpu *cpu, uint64_t value)
{
    cpu->fpcr = (uint32_t)value & arm_fpcr_mask(cpu);
    tcg_fp_set_rounding(&cpu->vcpu, cpu->fpcr >> FPCR_RMODE_SHIFT & 3);
    tcg_fp_set_flush(&cpu->vcpu, (cpu->fpcr & (FPCR_FZ | FPCR_AH | FPCR_FIZ)) == FPCR_FZ);
}

/* The cumulative bits of FPSR are where softfloat has its flags. */
_Static_assert(FPSR_IOC == (int)FP_INVALID && FPSR_DZC == (int)FP_DIVZERO &&
                   FPSR_OFC == (int)FP_OVERFLOW,
               "FPSR");
_Static_assert(FPSR_UFC == (int)FP_UNDERFLOW && FPSR_IXC == (int)FP_INEXACT &&
                   FPSR_IDC == (int)FP_DENORMAL,
               "FPSR");

uint64_t arm_fpsr(struct arm_cpu *cpu)
{
    const uint64_t qc = cpu->qc.u64[0] | cpu->qc.u64[1] ? FPSR_QC : 0;
    return qc | (tcg_fp_flags(&cpu->vcpu) & FPSR_FLAGS);
}

void arm_set_fpsr(struct arm_cpu *cpu, uint64_t value)
{
    tcg_fp_set_flags(&cpu->vcpu, (uint32_t)value & FPSR_FLAGS);
    cpu->qc.u64[0] = value & FPSR_QC ? 1 : 0;
    cpu->qc.u64[1] = 0;
}
