/* SPDX-License-Identifier: MIT */
/* FPSR's cumulative flags as a run-time function. */
#ifndef CPU_ARM_FP_FLAGS_H
#define CPU_ARM_FP_FLAGS_H

#include <stdint.h>

struct vcpu;

/* tcg_fp_flags(v). An integer function of class LEAF (tcg/ir.h); operands are not looked at. */
uint64_t arm_fp_flags_leaf(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux);

#endif
