/* SPDX-License-Identifier: MIT */
/* Power State Coordination Interface 1.1 (DEN 0022) and the SMCCC calls that lead to it. */
#ifndef CPU_ARM_PSCI_H
#define CPU_ARM_PSCI_H

#include "cpu/arm/cpu.h"

/* Carries out the call in X0 to X3 and leaves the result in X0. On the vCPU's thread, with all
 * state in memory. */
void arm_psci_call(struct arm_cpu *cpu);

/* Switches the vCPU off: it executes nothing after the present instruction. */
void arm_power_down(struct arm_cpu *cpu);

#endif
