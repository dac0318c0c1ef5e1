/* SPDX-License-Identifier: MIT */
/*
 * The registers of an AArch64 vCPU. One list gives the translator's rows (regs.c: arm_ir_guest),
 * gdb's description of registers and `info registers` (arm_regs).
 */
#ifndef CPU_ARM_REGS_H
#define CPU_ARM_REGS_H

#include "cpu/arm/cpu.h"

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

/* `info registers`: appends text. */
void arm_print_registers(struct vcpu *v, struct strbuf *out);

#endif
