/* SPDX-License-Identifier: MIT */
/*
 * The registers of an AArch64 vCPU. From the lists here come the translator's rows (arm_ir_guest),
 * gdb's description and `info registers` (arm_regs), and what is saved. System registers are rows
 * of arm_sysregs; the list says which of them a debugger is shown.
 */
#ifndef CPU_ARM_REGS_H
#define CPU_ARM_REGS_H

#include "cpu/arm/cpu.h"
#include "cpu/core_note.h"

/*
 * R(number, home): which have a fixed host register at block boundaries, in order of preference. Of
 * all static references in compiled code x0 to x4, sp and x19 to x22 make about four fifths.
 */
/* clang-format off */
#define ARM_NO_HOME (-1)
#define ARM_GENERAL_REGS(R) \
    R(0, 0)  R(1, 1)  R(2, 2)  R(3, 3)  R(4, 7) \
    R(5, ARM_NO_HOME)  R(6, ARM_NO_HOME)  R(7, ARM_NO_HOME)  R(8, ARM_NO_HOME) \
    R(9, ARM_NO_HOME)  R(10, ARM_NO_HOME) R(11, ARM_NO_HOME) R(12, ARM_NO_HOME) \
    R(13, ARM_NO_HOME) R(14, ARM_NO_HOME) R(15, ARM_NO_HOME) R(16, ARM_NO_HOME) \
    R(17, ARM_NO_HOME) R(18, ARM_NO_HOME) \
    R(19, 5) R(20, 6) R(21, 8) R(22, 9) \
    R(23, ARM_NO_HOME) R(24, ARM_NO_HOME) R(25, ARM_NO_HOME) R(26, ARM_NO_HOME) \
    R(27, ARM_NO_HOME) R(28, ARM_NO_HOME) R(29, ARM_NO_HOME) R(30, ARM_NO_HOME)
#define ARM_SP_HOME 4
#define ARM_VECTOR_REGS(R) \
    R(0, 0)  R(1, 1)  R(2, 2)  R(3, 3)  R(4, 4)  R(5, 5)  R(6, 6)  R(7, 7) \
    R(8, ARM_NO_HOME)  R(9, ARM_NO_HOME)  R(10, ARM_NO_HOME) R(11, ARM_NO_HOME) \
    R(12, ARM_NO_HOME) R(13, ARM_NO_HOME) R(14, ARM_NO_HOME) R(15, ARM_NO_HOME) \
    R(16, 8) R(17, 9) R(18, 10) R(19, 11) R(20, 12) R(21, 13) \
    R(22, ARM_NO_HOME) R(23, ARM_NO_HOME) R(24, ARM_NO_HOME) R(25, ARM_NO_HOME) \
    R(26, ARM_NO_HOME) R(27, ARM_NO_HOME) R(28, ARM_NO_HOME) R(29, ARM_NO_HOME) \
    R(30, ARM_NO_HOME) R(31, ARM_NO_HOME)

/* R(name in arm_sysregs, gdb's number) */
#define ARM_SHOWN_SYSREGS(R) \
    R(SCTLR_EL1, 68) R(CPACR_EL1, 69) R(TTBR0_EL1, 70) R(TTBR1_EL1, 71) R(TCR_EL1, 72) \
    R(MAIR_EL1, 73) R(VBAR_EL1, 74) R(ESR_EL1, 75) R(FAR_EL1, 76) R(ELR_EL1, 77) R(SPSR_EL1, 78) \
    R(PAR_EL1, 81) R(CONTEXTIDR_EL1, 82) R(TPIDR_EL0, 83) R(TPIDRRO_EL0, 84) R(TPIDR_EL1, 85) \
    R(MDSCR_EL1, 86) R(CNTKCTL_EL1, 87) R(MIDR_EL1, 88) \
    R(ACTLR_EL1, 89) R(AFSR0_EL1, 90) R(AFSR1_EL1, 91) R(CNTFRQ_EL0, 92) R(CNTP_CTL_EL0, 93) \
    R(CNTP_CVAL_EL0, 94) R(CNTV_CTL_EL0, 95) R(CNTV_CVAL_EL0, 96) R(CTR_EL0, 97) \
    R(ID_AA64DFR0_EL1, 98) R(ID_AA64DFR1_EL1, 99) R(ID_AA64ISAR0_EL1, 100) \
    R(ID_AA64ISAR1_EL1, 101) R(ID_AA64ISAR2_EL1, 102) R(ID_AA64MMFR0_EL1, 103) \
    R(ID_AA64MMFR1_EL1, 104) R(ID_AA64MMFR2_EL1, 105) R(ID_AA64MMFR3_EL1, 106) \
    R(ID_AA64PFR0_EL1, 107) R(ID_AA64PFR1_EL1, 108) R(MDCCINT_EL1, 109) R(MDRAR_EL1, 110) \
    R(OSDLR_EL1, 111) R(OSECCR_EL1, 112) R(OSLSR_EL1, 113) R(PMCCFILTR_EL0, 114) \
    R(PMCEID0_EL0, 115) R(PMCEID1_EL0, 116) R(PMCNTENSET_EL0, 117) R(PMCR_EL0, 118) \
    R(PMINTENSET_EL1, 119) R(PMSELR_EL0, 120) R(PMUSERENR_EL0, 121) R(REVIDR_EL1, 122) \
    R(RVBAR_EL1, 123)
/* R(name that QEMU gives to it, name in arm_sysregs, gdb's number) */
#define ARM_SHOWN_ALIASES(R) \
    R(SCTLR, SCTLR_EL1, 124) R(CPACR, CPACR_EL1, 125) R(VBAR, VBAR_EL1, 126) \
    R(CNTKCTL, CNTKCTL_EL1, 127) R(AMAIR0, AMAIR_EL1, 128)
/* clang-format on */

/* Rows of the translator, for ir_get and ir_put. */
enum arm_reg_row {
    ARM_REG_X0,
    ARM_REG_SP = 31,
    ARM_REG_NZCV,
    ARM_REG_V0,
    ARM_REG_QC = ARM_REG_V0 + 32,
    ARM_REG_COUNT
};

extern const struct ir_guest arm_ir_guest;
extern const struct cpu_reg arm_regs[]; /* ends with .name NULL */
extern const struct gdb_type arm_gdb_types[];
extern const struct core_note arm_core_notes[];

/* `info registers`: appends text. */
void arm_print_registers(struct vcpu *v, struct strbuf *out);

#endif
