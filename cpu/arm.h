/* SPDX-License-Identifier: MIT */
/* What a board knows of an Arm vCPU beyond cpu/cpu.h. Called before the vCPU runs, on the loop's
 * thread. */
#ifndef CPU_ARM_H
#define CPU_ARM_H

#include "cpu/arch.h"
#include "cpu/cpu.h"

extern const struct arch aarch64_arch;
extern const struct cpu_class arm_cpu_class;

/* Encodings of system registers (base/sysreg.h): op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2, as the
 * fields of MRS and MSR. Privilege is the exception level. */
#define SYSREG_A64(op0, op1, crn, crm, op2)                                                        \
    ((uint32_t)(op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

/* Input lines of vcpu.interrupt_lines, in the order of their masks in PSTATE. */
enum arm_line {
    ARM_LINE_FIQ,
    ARM_LINE_IRQ,
    ARM_LINE_NMI /* with IRQ: it has superpriority (FEAT_NMI) */
};

enum arm_timer {
    ARM_TIMER_PHYS,
    ARM_TIMER_VIRT,
    ARM_TIMER_COUNT
};

/* Connects the output of a timer, or the overflow interrupt of the PMU. */
void arm_set_timer_irq(struct vcpu *v, enum arm_timer t, struct irq irq);
void arm_set_pmu_irq(struct vcpu *v, struct irq irq);
/* The affinity fields by which PSCI and the GIC name this vCPU (firmware_id). */
void arm_set_mpidr(struct vcpu *v, uint64_t mpidr);
/* How many CPUs its cluster has, with itself; 1 at creation. */
void arm_set_cluster_cpus(struct vcpu *v, unsigned n);
/* Where its interrupt controller is: CBAR_EL1. */
void arm_set_cbar(struct vcpu *v, uint64_t base);
/* Can it take non-maskable interrupts (FEAT_NMI)? */
bool arm_has_nmi(const struct vcpu *v);
/* The seed of RNDR; each vCPU draws its own sequence from it. */
void arm_set_seed(struct vcpu *v, uint64_t seed);

#endif
