/* SPDX-License-Identifier: MIT */
/* The generic timer (DDI 0487, D11): the physical and the virtual timer of EL1. */
#ifndef CPU_ARM_TIMER_H
#define CPU_ARM_TIMER_H

#include "cpu/arm/cpu.h"

struct arm_sysreg;

/* The system counter. Without EL2 the virtual offset is 0, so that CNTPCT and CNTVCT are one. */
uint64_t arm_count(struct arm_cpu *cpu);

/* The virtual time at which the counter reaches count, ns. */
uint64_t arm_count_to_ns(const struct arm_cpu *cpu, uint64_t count);

/* Sets the lines from what the timers and the PMU say now. On the vCPU's thread. */
void arm_timers_update(struct arm_cpu *cpu);
/* The same if the clock has said so. */
void arm_timers_poll(struct arm_cpu *cpu);

void arm_timers_reset(struct arm_cpu *cpu);
void arm_timers_destroy(struct arm_cpu *cpu);

/* WFI and WFIT: has_work becomes true when the counter reaches count; UINT64_MAX: never because of
 * this. */
void arm_wait_until(struct arm_cpu *cpu, uint64_t count);

/* Functions of rows; arg is enum arm_timer. */
uint64_t arm_timer_read_count(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_timer_read_tval(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_timer_read_ctl(struct arm_cpu *cpu, const struct arm_sysreg *r);
uint64_t arm_timer_read_cval(struct arm_cpu *cpu, const struct arm_sysreg *r);
void arm_timer_write_tval(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_timer_write_ctl(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_timer_write_cval(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);

#endif
