/* SPDX-License-Identifier: MIT */
/* Semihosting of AArch64: base/semihost.h has the calls. */
#ifndef CPU_ARM_SEMIHOSTING_H
#define CPU_ARM_SEMIHOSTING_H

#include "cpu/arm/cpu.h"

/* HLT 0xF000 is a call here, and not undefined. */
bool arm_semihosting_answers(const struct arm_cpu *cpu);

/* The call W0 with its argument X1; the result is in X0, now or later. False: it is to be made
 * again when the vCPU, which is halted, wakes. */
bool arm_semihosting(struct arm_cpu *cpu);

#endif
