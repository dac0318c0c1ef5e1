/* SPDX-License-Identifier: MIT */
/* The performance monitors extension, PMUv3 for Armv8.1 (DDI 0487, D13): cycles, retired
 * instructions, software counts. */
#ifndef CPU_ARM_PMU_H
#define CPU_ARM_PMU_H

#include "cpu/arm/cpu.h"

struct arm_sysreg;

/* arg of the rows below, beside the number of an event counter. */
#define ARM_PMU_CYCLES ARM_PMU_COUNTERS
#define ARM_PMU_SELECTED (ARM_PMU_COUNTERS + 1) /* by PMSELR_EL0 */

/* Looks for overflows, sets the line and the next deadline. On the vCPU's thread. */
void arm_pmu_update(struct arm_cpu *cpu);

/* The exception level is about to change, and has changed: for counters that filter by it. */
void arm_pmu_before_switch(struct arm_cpu *cpu);
void arm_pmu_after_switch(struct arm_cpu *cpu);

void arm_pmu_reset(struct arm_cpu *cpu);
void arm_pmu_destroy(struct arm_cpu *cpu);

uint64_t arm_pmu_read_cr(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_inten(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_selr(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_ceid(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_counter(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_pmu_read_type(struct arm_cpu *cpu, const struct arm_sysreg *r);
void arm_pmu_write_cr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_set_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_clear_cnten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_set_inten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_clear_inten(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_set_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_clear_ovs(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_write_selr(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_write_swinc(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_write_counter(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_pmu_write_type(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);

#endif
