/* SPDX-License-Identifier: MIT */
/*
 * The system registers of EL0 and EL1, in the order of their encoding (DDI 0487, chapters D19 and
 * C5), and products' own. Registers of the timers, the PMU and debug have their functions in the
 * files of those. Not here: what EL2, EL3, AArch32, SVE, MTE and trace have; PSTATE fields and
 * FPSR, which a64_system.c reads and writes in place, have rows for their rights only. Errors are
 * never recorded (RAS): ERRIDR_EL1 says that there are no records, and no SError is ever deferred.
 */
#include "cpu/arm/sysregs.h"

#include "base/log.h"
#include "cpu/arm/debug.h"
#include "cpu/arm/models.h"
#include "cpu/arm/pmu.h"
#include "cpu/arm/timer.h"

/* ---- functions of rows */

static uint64_t read_id(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    return cpu->id[r->arg];
}

/* GICv3 has its CPU interface in system registers when the board attached a bank of them. arg: the
 * register of which field GIC says so, at this bit. */
static uint64_t read_pfr_with_gic(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    const unsigned gic = r->arg == ARM_ID_PFR0 ? 24 : 28;
    return cpu->id[r->arg] | (cpu->vcpu.sysregs ? UINT64_C(1) << gic : 0);
}

/* CTR_EL0.DIC is true only where the accelerator sees writes to code (track-code=). */
static uint64_t read_ctr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->id[ARM_ID_CTR] & ~(cpu->vcpu.coherent_code ? 0 : ARM_CTR_DIC);
}

static uint64_t read_zero(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)cpu, (void)r;
    return 0;
}

static void ignore_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)cpu, (void)r, (void)value;
}

static uint64_t read_mpidr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->vcpu.firmware_id | UINT64_C(1) << 31;
}

/* Geometry of the cache that CSSELR_EL1 selects. */
static uint64_t read_ccsidr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return arm_cache_geometry(cpu, cpu->csselr & 15);
}

static uint64_t read_ccsidr2(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return arm_cache_geometry(cpu, cpu->csselr & 15) >> 32;
}

/* Bit AA64: a reset leads to AArch64. A warm reset by software is not there, as in QEMU. */
static uint64_t read_rmr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)cpu, (void)r;
    return 1;
}

/* Where the product's interrupt controller is. */
static uint64_t read_cbar(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return cpu->cbar;
}

/* Of CPUCFR_EL1 (Neoverse N1, V1): no L3 cache of its own. */
static uint64_t read_cpucfr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)cpu, (void)r;
    return 4;
}

/* CPUECTLR_EL1 after reset (Neoverse N1, V1). */
static uint64_t read_cpuectlr_n1(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)cpu, (void)r;
    return UINT64_C(0x0000000961563010);
}

/* Of the Technical Reference Manuals: the cores of the cluster less one, at most four. What RAM
 * latencies the other bits set is nobody's concern. */
static uint64_t read_l2ctlr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    const unsigned n = cpu->cluster_cpus;
    return (uint64_t)(n < 4 ? n - 1 : 3) << 24;
}

static uint64_t read_dczid(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return arm_dczid(arm_el(cpu) == 0 && !(cpu->sctlr[1] & SCTLR_DZE));
}

static uint64_t bit_if(const struct arm_cpu *cpu, enum arm_feature f, uint64_t bits)
{
    return arm_has(cpu, f) ? bits : 0;
}

/* Bits that are 1 where nothing is behind them. They keep what is written: an old guest writes 0.
 */
#define SCTLR_RES1                                                                                 \
    (UINT64_C(0x30400980) | SCTLR_CP15BEN | SCTLR_EOS | SCTLR_EIS | SCTLR_SPAN | SCTLR_TSCXT)

static uint64_t sctlr_mask(const struct arm_cpu *cpu)
{
    return SCTLR_RES1 | SCTLR_M | SCTLR_A | SCTLR_C | SCTLR_SA | SCTLR_SA0 | SCTLR_UMA | SCTLR_I |
           SCTLR_DZE | SCTLR_UCT | SCTLR_NTWI | SCTLR_NTWE | SCTLR_WXN | SCTLR_UCI |
           bit_if(cpu, ARM_HAS_lse2, SCTLR_NAA) | bit_if(cpu, ARM_HAS_specres, SCTLR_ENRCTX) |
           bit_if(cpu, ARM_HAS_bigend, SCTLR_EE | SCTLR_E0E) |
           bit_if(cpu, ARM_HAS_iesb, SCTLR_IESB) | bit_if(cpu, ARM_HAS_cmow, SCTLR_CMOW) |
           bit_if(cpu, ARM_HAS_mops, SCTLR_MSCEN) | bit_if(cpu, ARM_HAS_ssbs, SCTLR_DSSBS) |
           bit_if(cpu, ARM_HAS_pan3, SCTLR_EPAN) | bit_if(cpu, ARM_HAS_tidcp1, SCTLR_TIDCP) |
           bit_if(cpu, ARM_HAS_nmi, SCTLR_NMI | SCTLR_SPINTMASK) |
           bit_if(cpu, ARM_HAS_bti, SCTLR_BT0 | SCTLR_BT1) |
           bit_if(cpu, ARM_HAS_pauth, SCTLR_ENIA | SCTLR_ENIB | SCTLR_ENDA | SCTLR_ENDB);
}

static void write_sctlr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    const uint64_t old = cpu->sctlr[1];
    cpu->sctlr[1] = value & sctlr_mask(cpu);
    /* The page walk's results depend on these, and a TLB may hold on to them; no guest relies on
     * that. What was found without the MMU must not be held on to. */
    if ((old ^ cpu->sctlr[1]) & (SCTLR_M | SCTLR_WXN | SCTLR_EPAN | SCTLR_EE)) {
        tlb_flush_all(&cpu->vcpu, false);
    }
    if ((old ^ cpu->sctlr[1]) & (SCTLR_NMI | SCTLR_SPINTMASK)) {
        vcpu_exit_soon(&cpu->vcpu); /* an interrupt may be unmasked now */
    }
}

static void write_tcr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    uint64_t mask = UINT64_C(0x7ffffffbf); /* the fields of Armv8.0 up to IPS */
    mask |= TCR_AS | TCR_TBI0 | TCR_TBI1;
    mask |= bit_if(cpu, ARM_HAS_haf, TCR_HA) | bit_if(cpu, ARM_HAS_hafdbs, TCR_HD) |
            bit_if(cpu, ARM_HAS_hpds, TCR_HPD0 | TCR_HPD1) | bit_if(cpu, ARM_HAS_hpds2, TCR_HWU) |
            bit_if(cpu, ARM_HAS_pauth, TCR_TBID0 | TCR_TBID1) |
            bit_if(cpu, ARM_HAS_e0pd, TCR_E0PD0 | TCR_E0PD1) | bit_if(cpu, ARM_HAS_lpa2, TCR_DS);
    if (cpu->tcr[1] != (value & mask)) {
        cpu->tcr[1] = value & mask;
        tlb_flush_all(&cpu->vcpu, false);
    }
}

static void write_mair(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    (void)r;
    if (cpu->mair[1] != value) {
        cpu->mair[1] = value;
        tlb_flush_all(&cpu->vcpu, false);
    }
}

static uint64_t read_isr(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    const uint32_t lines = cpu->vcpu.interrupt_lines;
    return (lines & 1u << ARM_LINE_IRQ ? 1 << 7 : 0) | (lines & 1u << ARM_LINE_FIQ ? 1 << 6 : 0) |
           (lines & 1u << ARM_LINE_NMI ? 1 << 10 : 0);
}

static uint64_t read_random(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    (void)r;
    return rng_u64(&cpu->rng);
}

/* Where there is no double lock (FEAT_DoubleLock), ID_AA64DFR0_EL1 says 15. */
static void write_osdlr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    cpu->osdlr = (cpu->id[ARM_ID_DFR0] >> 36 & 15) == 15 ? 0 : value & r->mask;
}

/* ---- the table */

#define AT(field_) .offset = offsetof(struct arm_cpu, field_)
#define WITH(feature_) .feature = ARM_HAS_##feature_ + 1
#define KEY(op0, op1, crn, crm, op2) .key = SYSREG_A64(op0, op1, crn, crm, op2)
#define ALL UINT64_MAX

/* A register that is a field, with its writable bits and its reset value. */
#define FIELD(op0, op1, crn, crm, op2, name_, flags_, field_, mask_, reset_)                       \
    {                                                                                              \
        KEY(op0, op1, crn, crm, op2), .name = name_, .flags = flags_, AT(field_), .mask = mask_,   \
                                      .reset = reset_                                              \
    }
/* An identification register of the model. */
#define ID(op0, op1, crn, crm, op2, name_, id_)                                                    \
    {                                                                                              \
        KEY(op0, op1, crn, crm, op2), .name = name_, .flags = SR_R1, .read = read_id,              \
                                      .arg = ARM_ID_##id_                                          \
    }

/* A register of a product whose settings change nothing here. */
#define IMPDEF(op1, crn, crm, op2, name_, feature_)                                                \
    {                                                                                              \
        KEY(3, op1, crn, crm, op2), .name = name_, .flags = SR_RW, .read = read_zero,              \
                                    .write = ignore_write, WITH(feature_)                          \
    }

/* The registers of breakpoint and watchpoint number n, of which arm_sysreg_find knows how many
 * there are. */
#define DBGWVR_MASK ~UINT64_C(3)
#define DBGBCR_MASK UINT64_C(0xffe1e7)
#define DBGWCR_MASK UINT64_C(0x1f1fffff)
#define DEBUG_ROW(n, op2, name_, flags_, field_, mask_)                                            \
    {                                                                                              \
        KEY(2, 0, 0, n, op2), .name = name_ #n "_EL1", .flags = flags_, AT(field_[n]),             \
                              .mask = mask_, .write = arm_debug_write                              \
    }
#define DEBUG_PAIR(n)                                                                              \
    DEBUG_ROW(n, 4, "DBGBVR", SR_RW, dbgbvr, ALL),                                                 \
        DEBUG_ROW(n, 5, "DBGBCR", SR_RW | SR_TAIL, dbgbcr, DBGBCR_MASK),                           \
        DEBUG_ROW(n, 6, "DBGWVR", SR_RW, dbgwvr, DBGWVR_MASK),                                     \
        DEBUG_ROW(n, 7, "DBGWCR", SR_RW | SR_TAIL, dbgwcr, DBGWCR_MASK)

/* Sorted by key. */
const struct arm_sysreg arm_sysregs[] = {
    FIELD(2, 0, 0, 0, 2, "OSDTRRX_EL1", SR_RW, osdtrrx, 0xffffffff, 0),
    DEBUG_PAIR(0),
    DEBUG_PAIR(1),
    FIELD(2, 0, 0, 2, 0, "MDCCINT_EL1", SR_RW, mdccint, 0x60000000, 0),
    {KEY(2, 0, 0, 2, 2), .name = "MDSCR_EL1", .flags = SR_RW | SR_TAIL, AT(mdscr), .mask = 0xf001,
     .write = arm_mdscr_write},
    DEBUG_PAIR(2),
    FIELD(2, 0, 0, 3, 2, "OSDTRTX_EL1", SR_RW, osdtrtx, 0xffffffff, 0),
    DEBUG_PAIR(3),
    DEBUG_PAIR(4),
    DEBUG_PAIR(5),
    FIELD(2, 0, 0, 6, 2, "OSECCR_EL1", SR_RW, oseccr, 0xffffffff, 0),
    DEBUG_PAIR(6),
    DEBUG_PAIR(7),
    DEBUG_PAIR(8),
    DEBUG_PAIR(9),
    DEBUG_PAIR(10),
    DEBUG_PAIR(11),
    DEBUG_PAIR(12),
    DEBUG_PAIR(13),
    DEBUG_PAIR(14),
    DEBUG_PAIR(15),
    {KEY(2, 0, 1, 0, 0), .name = "MDRAR_EL1", .flags = SR_R1, .read = read_zero},
    {KEY(2, 0, 1, 0, 4), .name = "OSLAR_EL1", .flags = SR_W1 | SR_TAIL, .write = arm_oslar_write},
    FIELD(2, 0, 1, 1, 4, "OSLSR_EL1", SR_R1, oslsr, 0, OSLSR_OSLM | OSLSR_OSLK),
    {KEY(2, 0, 1, 3, 4), .name = "OSDLR_EL1", .flags = SR_RW, AT(osdlr), .mask = 1,
     .write = write_osdlr},
    {KEY(2, 0, 1, 4, 4), .name = "DBGPRCR_EL1", .flags = SR_RW, .read = read_zero,
     .write = ignore_write},
    {KEY(2, 0, 7, 8, 6), .name = "DBGCLAIMSET_EL1", .flags = SR_RW, .read = arm_claim_read_set,
     .write = arm_claim_write_set},
    {KEY(2, 0, 7, 9, 6), .name = "DBGCLAIMCLR_EL1", .flags = SR_RW, AT(dbgclaim), .mask = 0xff,
     .write = arm_claim_write_clear},
    {KEY(2, 0, 7, 14, 6), .name = "DBGAUTHSTATUS_EL1", .flags = SR_R1, .read = read_zero},
    {KEY(2, 3, 0, 1, 0), .name = "MDCCSR_EL0", .flags = SR_RO0, .trap = ARM_TRAP_TDCC,
     .read = read_zero},
    {KEY(2, 3, 0, 4, 0), .name = "DBGDTR_EL0", .flags = SR_RW0, .trap = ARM_TRAP_TDCC,
     .wtrap = ARM_TRAP_TDCC, .read = read_zero, .write = ignore_write},
    {KEY(2, 3, 0, 5, 0), .name = "DBGDTRRX_EL0", .flags = SR_RW0, .trap = ARM_TRAP_TDCC,
     .wtrap = ARM_TRAP_TDCC, .read = read_zero, .write = ignore_write},
    ID(3, 0, 0, 0, 0, "MIDR_EL1", MIDR),
    {KEY(3, 0, 0, 0, 5), .name = "MPIDR_EL1", .flags = SR_R1, .read = read_mpidr},
    ID(3, 0, 0, 0, 6, "REVIDR_EL1", REVIDR),
    ID(3, 0, 0, 1, 0, "ID_PFR0_EL1", A32_PFR0),
    {KEY(3, 0, 0, 1, 1), .name = "ID_PFR1_EL1", .flags = SR_R1, .read = read_pfr_with_gic,
     .arg = ARM_ID_A32_PFR1},
    ID(3, 0, 0, 1, 2, "ID_DFR0_EL1", A32_DFR0),
    ID(3, 0, 0, 1, 4, "ID_MMFR0_EL1", A32_MMFR0),
    ID(3, 0, 0, 1, 5, "ID_MMFR1_EL1", A32_MMFR1),
    ID(3, 0, 0, 1, 6, "ID_MMFR2_EL1", A32_MMFR2),
    ID(3, 0, 0, 1, 7, "ID_MMFR3_EL1", A32_MMFR3),
    ID(3, 0, 0, 2, 0, "ID_ISAR0_EL1", A32_ISAR0),
    ID(3, 0, 0, 2, 1, "ID_ISAR1_EL1", A32_ISAR1),
    ID(3, 0, 0, 2, 2, "ID_ISAR2_EL1", A32_ISAR2),
    ID(3, 0, 0, 2, 3, "ID_ISAR3_EL1", A32_ISAR3),
    ID(3, 0, 0, 2, 4, "ID_ISAR4_EL1", A32_ISAR4),
    ID(3, 0, 0, 2, 5, "ID_ISAR5_EL1", A32_ISAR5),
    ID(3, 0, 0, 2, 6, "ID_MMFR4_EL1", A32_MMFR4),
    ID(3, 0, 0, 2, 7, "ID_ISAR6_EL1", A32_ISAR6),
    ID(3, 0, 0, 3, 0, "MVFR0_EL1", MVFR0),
    ID(3, 0, 0, 3, 1, "MVFR1_EL1", MVFR1),
    ID(3, 0, 0, 3, 2, "MVFR2_EL1", MVFR2),
    ID(3, 0, 0, 3, 4, "ID_PFR2_EL1", A32_PFR2),
    ID(3, 0, 0, 3, 5, "ID_DFR1_EL1", A32_DFR1),
    ID(3, 0, 0, 3, 6, "ID_MMFR5_EL1", A32_MMFR5),
    {KEY(3, 0, 0, 4, 0), .name = "ID_AA64PFR0_EL1", .flags = SR_R1, .read = read_pfr_with_gic,
     .arg = ARM_ID_PFR0},
    ID(3, 0, 0, 4, 1, "ID_AA64PFR1_EL1", PFR1),
    ID(3, 0, 0, 4, 2, "ID_AA64PFR2_EL1", PFR2),
    ID(3, 0, 0, 5, 0, "ID_AA64DFR0_EL1", DFR0),
    ID(3, 0, 0, 5, 1, "ID_AA64DFR1_EL1", DFR1),
    ID(3, 0, 0, 6, 0, "ID_AA64ISAR0_EL1", ISAR0),
    ID(3, 0, 0, 6, 1, "ID_AA64ISAR1_EL1", ISAR1),
    ID(3, 0, 0, 6, 2, "ID_AA64ISAR2_EL1", ISAR2),
    ID(3, 0, 0, 7, 0, "ID_AA64MMFR0_EL1", MMFR0),
    ID(3, 0, 0, 7, 1, "ID_AA64MMFR1_EL1", MMFR1),
    ID(3, 0, 0, 7, 2, "ID_AA64MMFR2_EL1", MMFR2),
    ID(3, 0, 0, 7, 3, "ID_AA64MMFR3_EL1", MMFR3),
    ID(3, 0, 0, 7, 4, "ID_AA64MMFR4_EL1", MMFR4),
    {KEY(3, 0, 1, 0, 0), .name = "SCTLR_EL1", .flags = SR_RW | SR_TAIL, AT(sctlr[1]), .mask = ALL,
     .write = write_sctlr}, /* reset: by model */
    FIELD(3, 0, 1, 0, 1, "ACTLR_EL1", SR_RW, actlr[1], 0, 0),
    FIELD(3, 0, 1, 0, 2, "CPACR_EL1", SR_RW | SR_TAIL, cpacr, 3u << 20, 0),
    FIELD(3, 0, 2, 0, 0, "TTBR0_EL1", SR_RW | SR_TAIL, ttbr0[1], ALL, 0),
    FIELD(3, 0, 2, 0, 1, "TTBR1_EL1", SR_RW | SR_TAIL, ttbr1[1], ALL, 0),
    {KEY(3, 0, 2, 0, 2), .name = "TCR_EL1", .flags = SR_RW | SR_TAIL, AT(tcr[1]), .mask = ALL,
     .write = write_tcr},
    {KEY(3, 0, 2, 1, 0), .name = "APIAKeyLo_EL1", .flags = SR_RW, AT(key[ARM_KEY_IA].lo),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 1, 1), .name = "APIAKeyHi_EL1", .flags = SR_RW, AT(key[ARM_KEY_IA].hi),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 1, 2), .name = "APIBKeyLo_EL1", .flags = SR_RW, AT(key[ARM_KEY_IB].lo),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 1, 3), .name = "APIBKeyHi_EL1", .flags = SR_RW, AT(key[ARM_KEY_IB].hi),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 2, 0), .name = "APDAKeyLo_EL1", .flags = SR_RW, AT(key[ARM_KEY_DA].lo),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 2, 1), .name = "APDAKeyHi_EL1", .flags = SR_RW, AT(key[ARM_KEY_DA].hi),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 2, 2), .name = "APDBKeyLo_EL1", .flags = SR_RW, AT(key[ARM_KEY_DB].lo),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 2, 3), .name = "APDBKeyHi_EL1", .flags = SR_RW, AT(key[ARM_KEY_DB].hi),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 3, 0), .name = "APGAKeyLo_EL1", .flags = SR_RW, AT(key[ARM_KEY_GA].lo),
     .mask = ALL, WITH(pauth)},
    {KEY(3, 0, 2, 3, 1), .name = "APGAKeyHi_EL1", .flags = SR_RW, AT(key[ARM_KEY_GA].hi),
     .mask = ALL, WITH(pauth)},
    FIELD(3, 0, 4, 0, 0, "SPSR_EL1", SR_RW, spsr[1], 0xffffffff, 0),
    FIELD(3, 0, 4, 0, 1, "ELR_EL1", SR_RW, elr[1], ALL, 0),
    FIELD(3, 0, 4, 1, 0, "SP_EL0", SR_RW, sp_el[0], ALL, 0),
    {KEY(3, 0, 4, 2, 0), .name = "SPSel", .flags = SR_RW},
    {KEY(3, 0, 4, 2, 2), .name = "CurrentEL", .flags = SR_R1},
    {KEY(3, 0, 4, 2, 3), .name = "PAN", .flags = SR_RW, WITH(pan)},
    {KEY(3, 0, 4, 2, 4), .name = "UAO", .flags = SR_RW, WITH(uao)},
    {KEY(3, 0, 4, 3, 0), .name = "ALLINT", .flags = SR_RW, WITH(nmi)},
    FIELD(3, 0, 5, 1, 0, "AFSR0_EL1", SR_RW, afsr0[1], 0, 0),
    FIELD(3, 0, 5, 1, 1, "AFSR1_EL1", SR_RW, afsr1[1], 0, 0),
    FIELD(3, 0, 5, 2, 0, "ESR_EL1", SR_RW, esr[1], 0xffffffff, 0),
    {KEY(3, 0, 5, 3, 0), .name = "ERRIDR_EL1", .flags = SR_R1, .read = read_zero, WITH(ras)},
    FIELD(3, 0, 6, 0, 0, "FAR_EL1", SR_RW, far[1], ALL, 0),
    FIELD(3, 0, 7, 4, 0, "PAR_EL1", SR_RW, par, ALL, 0),
    {KEY(3, 0, 9, 14, 1), .name = "PMINTENSET_EL1", .flags = SR_RW, WITH(pmu),
     .read = arm_pmu_read_inten, .write = arm_pmu_set_inten},
    {KEY(3, 0, 9, 14, 2), .name = "PMINTENCLR_EL1", .flags = SR_RW, WITH(pmu),
     .read = arm_pmu_read_inten, .write = arm_pmu_clear_inten},
    {KEY(3, 0, 9, 14, 6), .name = "PMMIR_EL1", .flags = SR_R1, .read = read_zero, WITH(pmuv3p4)},
    {KEY(3, 0, 10, 2, 0), .name = "MAIR_EL1", .flags = SR_RW | SR_TAIL, AT(mair[1]), .mask = ALL,
     .write = write_mair},
    FIELD(3, 0, 10, 3, 0, "AMAIR_EL1", SR_RW, amair[1], 0, 0),
    {KEY(3, 0, 10, 4, 0), .name = "LORSA_EL1", .flags = SR_RW, .read = read_zero,
     .write = ignore_write, WITH(lor)},
    {KEY(3, 0, 10, 4, 1), .name = "LOREA_EL1", .flags = SR_RW, .read = read_zero,
     .write = ignore_write, WITH(lor)},
    {KEY(3, 0, 10, 4, 2), .name = "LORN_EL1", .flags = SR_RW, .read = read_zero,
     .write = ignore_write, WITH(lor)},
    {KEY(3, 0, 10, 4, 3), .name = "LORC_EL1", .flags = SR_RW, .read = read_zero,
     .write = ignore_write, WITH(lor)},
    {KEY(3, 0, 10, 4, 7), .name = "LORID_EL1", .flags = SR_R1, .read = read_zero, WITH(lor)},
    FIELD(3, 0, 12, 0, 0, "VBAR_EL1", SR_RW, vbar[1], ~UINT64_C(0x7ff), 0),
    {KEY(3, 0, 12, 0, 1), .name = "RVBAR_EL1", .flags = SR_R1, .read = read_zero},
    {KEY(3, 0, 12, 0, 2), .name = "RMR_EL1", .flags = SR_RW, .read = read_rmr,
     .write = ignore_write},
    {KEY(3, 0, 12, 1, 0), .name = "ISR_EL1", .flags = SR_R1, .read = read_isr},
    {KEY(3, 0, 12, 1, 1), .name = "DISR_EL1", .flags = SR_RW, AT(disr), .mask = 0x81ffffff,
     WITH(ras)},
    FIELD(3, 0, 13, 0, 1, "CONTEXTIDR_EL1", SR_RW, contextidr[1], 0xffffffff, 0),
    FIELD(3, 0, 13, 0, 4, "TPIDR_EL1", SR_RW, tpidr[1], ALL, 0),
    {KEY(3, 0, 13, 0, 7), .name = "SCXTNUM_EL1", .flags = SR_RW, AT(scxtnum[1]), .mask = ALL,
     WITH(csv2_2)},
    FIELD(3, 0, 14, 1, 0, "CNTKCTL_EL1", SR_RW | SR_TAIL, cntkctl, 0x3ff, 0),
    {KEY(3, 0, 15, 0, 0), .name = "CPUCFR_EL1", .flags = SR_R1, .read = read_cpucfr,
     WITH(impdef_n1)},
    IMPDEF(0, 15, 1, 0, "CPUACTLR_EL1", impdef_n1),
    IMPDEF(0, 15, 1, 1, "CPUACTLR2_EL1", impdef_n1),
    IMPDEF(0, 15, 1, 2, "CPUACTLR3_EL1", impdef_n1),
    {KEY(3, 0, 15, 1, 4), .name = "CPUECTLR_EL1", .flags = SR_RW, .read = read_cpuectlr_n1,
     .write = ignore_write, WITH(impdef_n1)},
    IMPDEF(0, 15, 1, 5, "CPUECTLR2_EL1", impdef_v1),
    IMPDEF(0, 15, 2, 0, "ERXPFGF_EL1", impdef_n1),
    IMPDEF(0, 15, 2, 1, "ERXPFGCTL_EL1", impdef_n1),
    IMPDEF(0, 15, 2, 2, "ERXPFGCDN_EL1", impdef_n1),
    IMPDEF(0, 15, 2, 7, "CPUPWRCTLR_EL1", impdef_n1),
    IMPDEF(0, 15, 7, 0, "ATCR_EL1", impdef_n1),
    {KEY(3, 1, 0, 0, 0), .name = "CCSIDR_EL1", .flags = SR_R1, .read = read_ccsidr},
    {KEY(3, 1, 0, 0, 1), .name = "CLIDR_EL1", .flags = SR_R1, .read = read_id, .arg = ARM_ID_CLIDR},
    {KEY(3, 1, 0, 0, 2), .name = "CCSIDR2_EL1", .flags = SR_R1, .read = read_ccsidr2, WITH(ccidx)},
    {KEY(3, 1, 0, 0, 7), .name = "AIDR_EL1", .flags = SR_R1, .read = read_zero},
    {KEY(3, 1, 11, 0, 2), .name = "L2CTLR_EL1", .flags = SR_RW, .read = read_l2ctlr,
     .write = ignore_write, WITH(impdef_a5x)},
    IMPDEF(1, 11, 0, 3, "L2ECTLR_EL1", impdef_a5x),
    IMPDEF(1, 15, 0, 0, "L2ACTLR_EL1", impdef_a5x),
    IMPDEF(1, 15, 2, 0, "CPUACTLR_EL1", impdef_a5x),
    IMPDEF(1, 15, 2, 1, "CPUECTLR_EL1", impdef_a5x),
    IMPDEF(1, 15, 2, 2, "CPUMERRSR_EL1", impdef_a5x),
    IMPDEF(1, 15, 2, 3, "L2MERRSR_EL1", impdef_a5x),
    {KEY(3, 1, 15, 3, 0), .name = "CBAR_EL1", .flags = SR_R1, .read = read_cbar},
    FIELD(3, 2, 0, 0, 0, "CSSELR_EL1", SR_RW, csselr, 0xf, 0),
    {KEY(3, 3, 0, 0, 1), .name = "CTR_EL0", .flags = SR_RO0, .read = read_ctr,
     .trap = ARM_TRAP_UCT},
    {KEY(3, 3, 0, 0, 7), .name = "DCZID_EL0", .flags = SR_RO0, .read = read_dczid},
    {KEY(3, 3, 2, 4, 0), .name = "RNDR", .flags = SR_RO0, .read = read_random, WITH(rng)},
    {KEY(3, 3, 2, 4, 1), .name = "RNDRRS", .flags = SR_RO0, .read = read_random, WITH(rng)},
    {KEY(3, 3, 4, 2, 0), .name = "NZCV", .flags = SR_RW0},
    {KEY(3, 3, 4, 2, 1), .name = "DAIF", .flags = SR_RW0, .trap = ARM_TRAP_UMA,
     .wtrap = ARM_TRAP_UMA},
    {KEY(3, 3, 4, 2, 5), .name = "DIT", .flags = SR_RW0, WITH(dit)},
    {KEY(3, 3, 4, 2, 6), .name = "SSBS", .flags = SR_RW0, WITH(ssbs2)},
    {KEY(3, 3, 4, 4, 0), .name = "FPCR", .flags = SR_RW0 | SR_FP},
    {KEY(3, 3, 4, 4, 1), .name = "FPSR", .flags = SR_RW0 | SR_FP},
    {KEY(3, 3, 9, 12, 0), .name = "PMCR_EL0", .flags = SR_RW0, WITH(pmu), .read = arm_pmu_read_cr,
     .write = arm_pmu_write_cr, .trap = ARM_TRAP_PMU, .wtrap = ARM_TRAP_PMU},
    {KEY(3, 3, 9, 12, 1), .name = "PMCNTENSET_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_cnten, .write = arm_pmu_set_cnten, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU},
    {KEY(3, 3, 9, 12, 2), .name = "PMCNTENCLR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_cnten, .write = arm_pmu_clear_cnten, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU},
    {KEY(3, 3, 9, 12, 3), .name = "PMOVSCLR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_ovs, .write = arm_pmu_clear_ovs, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU},
    {KEY(3, 3, 9, 12, 4), .name = "PMSWINC_EL0", .flags = SR_W1 | SR_W0, WITH(pmu),
     .write = arm_pmu_write_swinc, .trap = ARM_TRAP_PMU_SW, .wtrap = ARM_TRAP_PMU_SW},
    {KEY(3, 3, 9, 12, 5), .name = "PMSELR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_selr, .write = arm_pmu_write_selr, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU_ER},
    {KEY(3, 3, 9, 12, 6), .name = "PMCEID0_EL0", .flags = SR_RO0, WITH(pmu),
     .read = arm_pmu_read_ceid, .trap = ARM_TRAP_PMU, .arg = 0},
    {KEY(3, 3, 9, 12, 7), .name = "PMCEID1_EL0", .flags = SR_RO0, WITH(pmu),
     .read = arm_pmu_read_ceid, .trap = ARM_TRAP_PMU, .arg = 1},
    {KEY(3, 3, 9, 13, 0), .name = "PMCCNTR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_CR,
     .wtrap = ARM_TRAP_PMU, .arg = ARM_PMU_CYCLES},
    {KEY(3, 3, 9, 13, 1), .name = "PMXEVTYPER_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = ARM_PMU_SELECTED},
    {KEY(3, 3, 9, 13, 2), .name = "PMXEVCNTR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = ARM_PMU_SELECTED},
    {KEY(3, 3, 9, 14, 0), .name = "PMUSERENR_EL0", .flags = SR_RW | SR_R0 | SR_TAIL,
     AT(pmu.userenr), .mask = 0xf, WITH(pmu)},
    {KEY(3, 3, 9, 14, 3), .name = "PMOVSSET_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_ovs, .write = arm_pmu_set_ovs, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU},
    FIELD(3, 3, 13, 0, 2, "TPIDR_EL0", SR_RW0, tpidr[0], ALL, 0),
    FIELD(3, 3, 13, 0, 3, "TPIDRRO_EL0", SR_RW | SR_R0, tpidrro_el0, ALL, 0),
    {KEY(3, 3, 13, 0, 7), .name = "SCXTNUM_EL0", .flags = SR_RW0, AT(scxtnum[0]), .mask = ALL,
     WITH(csv2_2), .trap = ARM_TRAP_SCXT, .wtrap = ARM_TRAP_SCXT},
    {KEY(3, 3, 14, 0, 0), .name = "CNTFRQ_EL0", .flags = SR_RO0 | SR_W1, AT(cntfrq),
     .mask = 0xffffffff, .trap = ARM_TRAP_FRQ},
    {KEY(3, 3, 14, 0, 1), .name = "CNTPCT_EL0", .flags = SR_RO0, .read = arm_timer_read_count,
     .trap = ARM_TRAP_PCT},
    {KEY(3, 3, 14, 0, 2), .name = "CNTVCT_EL0", .flags = SR_RO0, .read = arm_timer_read_count,
     .trap = ARM_TRAP_VCT},
    {KEY(3, 3, 14, 0, 5), .name = "CNTPCTSS_EL0", .flags = SR_RO0, .read = arm_timer_read_count,
     .trap = ARM_TRAP_PCT, WITH(ecv)},
    {KEY(3, 3, 14, 0, 6), .name = "CNTVCTSS_EL0", .flags = SR_RO0, .read = arm_timer_read_count,
     .trap = ARM_TRAP_VCT, WITH(ecv)},
    {KEY(3, 3, 14, 2, 0), .name = "CNTP_TVAL_EL0", .flags = SR_RW0, .read = arm_timer_read_tval,
     .write = arm_timer_write_tval, .trap = ARM_TRAP_PTEN, .wtrap = ARM_TRAP_PTEN,
     .arg = ARM_TIMER_PHYS},
    {KEY(3, 3, 14, 2, 1), .name = "CNTP_CTL_EL0", .flags = SR_RW0, .read = arm_timer_read_ctl,
     .write = arm_timer_write_ctl, .trap = ARM_TRAP_PTEN, .wtrap = ARM_TRAP_PTEN,
     .arg = ARM_TIMER_PHYS},
    {KEY(3, 3, 14, 2, 2), .name = "CNTP_CVAL_EL0", .flags = SR_RW0, .read = arm_timer_read_cval,
     .write = arm_timer_write_cval, .trap = ARM_TRAP_PTEN, .wtrap = ARM_TRAP_PTEN,
     .arg = ARM_TIMER_PHYS},
    {KEY(3, 3, 14, 3, 0), .name = "CNTV_TVAL_EL0", .flags = SR_RW0, .read = arm_timer_read_tval,
     .write = arm_timer_write_tval, .trap = ARM_TRAP_VTEN, .wtrap = ARM_TRAP_VTEN,
     .arg = ARM_TIMER_VIRT},
    {KEY(3, 3, 14, 3, 1), .name = "CNTV_CTL_EL0", .flags = SR_RW0, .read = arm_timer_read_ctl,
     .write = arm_timer_write_ctl, .trap = ARM_TRAP_VTEN, .wtrap = ARM_TRAP_VTEN,
     .arg = ARM_TIMER_VIRT},
    {KEY(3, 3, 14, 3, 2), .name = "CNTV_CVAL_EL0", .flags = SR_RW0, .read = arm_timer_read_cval,
     .write = arm_timer_write_cval, .trap = ARM_TRAP_VTEN, .wtrap = ARM_TRAP_VTEN,
     .arg = ARM_TIMER_VIRT},
    {KEY(3, 3, 14, 8, 0), .name = "PMEVCNTR0_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 0},
    {KEY(3, 3, 14, 8, 1), .name = "PMEVCNTR1_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 1},
    {KEY(3, 3, 14, 8, 2), .name = "PMEVCNTR2_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 2},
    {KEY(3, 3, 14, 8, 3), .name = "PMEVCNTR3_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 3},
    {KEY(3, 3, 14, 8, 4), .name = "PMEVCNTR4_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 4},
    {KEY(3, 3, 14, 8, 5), .name = "PMEVCNTR5_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_counter, .write = arm_pmu_write_counter, .trap = ARM_TRAP_PMU_ER,
     .wtrap = ARM_TRAP_PMU, .arg = 5},
    {KEY(3, 3, 14, 12, 0), .name = "PMEVTYPER0_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 0},
    {KEY(3, 3, 14, 12, 1), .name = "PMEVTYPER1_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 1},
    {KEY(3, 3, 14, 12, 2), .name = "PMEVTYPER2_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 2},
    {KEY(3, 3, 14, 12, 3), .name = "PMEVTYPER3_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 3},
    {KEY(3, 3, 14, 12, 4), .name = "PMEVTYPER4_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 4},
    {KEY(3, 3, 14, 12, 5), .name = "PMEVTYPER5_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = 5},
    {KEY(3, 3, 14, 15, 7), .name = "PMCCFILTR_EL0", .flags = SR_RW0, WITH(pmu),
     .read = arm_pmu_read_type, .write = arm_pmu_write_type, .trap = ARM_TRAP_PMU,
     .wtrap = ARM_TRAP_PMU, .arg = ARM_PMU_CYCLES},
};
const unsigned arm_sysreg_count = array_len(arm_sysregs);

/* ---- access */

static bool is_there(const struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    if (r->feature && !arm_has(cpu, r->feature - 1u)) {
        return false;
    }
    if (r->write == arm_debug_write) {
        const unsigned n = r->key >> 3 & 15,
                       lowest = r->key & 2 ? 20 : 12; /* WRPs or BRPs, less one */
        return n <= (cpu->id[ARM_ID_DFR0] >> lowest & 15);
    }
    return true;
}

/* What is not listed of the identification space of op1 0 reads as zero. */
static const struct arm_sysreg reserved_id = {.name = "ID_RES0", .flags = SR_R1, .read = read_zero};

bool arm_sysreg_is_id(uint32_t key)
{
    const uint32_t op1 = key >> 11 & 7;
    return (key & ~UINT32_C(0x383f)) == SYSREG_A64(3, 0, 0, 0, 0) && (op1 <= 1 || op1 == 3);
}

const struct arm_sysreg *arm_sysreg_find(const struct arm_cpu *cpu, uint32_t key)
{
    unsigned low = 0, high = arm_sysreg_count;
    while (low < high) {
        const unsigned mid = (low + high) / 2;
        if (arm_sysregs[mid].key < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    const struct arm_sysreg *r = &arm_sysregs[low];
    if (low < arm_sysreg_count && r->key == key && is_there(cpu, r)) {
        return r;
    }
    return (key & ~UINT32_C(0x3f)) == SYSREG_A64(3, 0, 0, 0, 0) && (key >> 3 & 7) ? &reserved_id
                                                                                  : NULL;
}

uint64_t arm_sysreg_read(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    if (r->read) {
        return r->read(cpu, r);
    }
    return r->offset ? *arm_sysreg_field(cpu, r) : 0;
}

void arm_sysreg_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value)
{
    if (r->write) {
        r->write(cpu, r, value);
    } else if (r->offset) {
        uint64_t *field = arm_sysreg_field(cpu, r);
        *field = (*field & ~r->mask) | (value & r->mask);
    }
}

void arm_sysregs_reset(struct arm_cpu *cpu)
{
    for (unsigned i = 0; i < arm_sysreg_count; i++) {
        if (arm_sysregs[i].offset) {
            *arm_sysreg_field(cpu, &arm_sysregs[i]) = arm_sysregs[i].reset;
        }
    }
    cpu->sctlr[1] = cpu->model->sctlr;
}
