/* SPDX-License-Identifier: MIT */
/* Semihosting for AArch32 and AArch64, release 3.0: the operations that a test program needs to
 * report and to end. */
#ifndef CPU_ARM_SEMIHOSTING_H
#define CPU_ARM_SEMIHOSTING_H

#include "cpu/arm/cpu.h"

/* The call W0 with its argument X1; the result is in X0. False: an exception was recorded by
 * arm_raise. */
bool arm_semihosting(struct arm_cpu *cpu);

#endif
