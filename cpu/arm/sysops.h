/* SPDX-License-Identifier: MIT */
/* The operations of SYS: cache maintenance, address translation, TLB maintenance, prediction
 * restriction. */
#ifndef CPU_ARM_SYSOPS_H
#define CPU_ARM_SYSOPS_H

#include "cpu/arm/a64.h"

/* op1<<11 | CRn<<7 | CRm<<3 | op2, as the fields of SYS. */
#define SYSOP(op1, crn, crm, op2) ((op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/*
 * Emits the operation with the operand xt (the zero register's value if rt is 31). false: it is
 * undefined here, and nothing was emitted.
 */
bool a64_emit_sysop(struct a64_block *c, unsigned op, ir_val xt);

/* Completes the TLB invalidations of this vCPU: a guard's function, which clears tlbi_pending. */
extern const struct ir_call arm_row_tlb_sync;

#endif
