/* SPDX-License-Identifier: MIT */
/* Self-hosted debug: breakpoints and watchpoints (DDI 0487, D2). Software step is in exception.c.
 */
#ifndef CPU_ARM_DEBUG_H
#define CPU_ARM_DEBUG_H

#include "cpu/arm/cpu.h"

/* Does an enabled breakpoint match the instruction at pc, in the current state? */
bool arm_breakpoint_matches(const struct arm_cpu *cpu, uint64_t pc);

/* Is some enabled watchpoint, for accesses at exception level el, in the page of va (1 << page_bits
 * bytes)? */
bool arm_watchpoint_in_page(const struct arm_cpu *cpu, uint64_t va, unsigned page_bits,
                            unsigned el);

/* cpu_class.watch: raises the exception of a watchpoint that an access matches, or of a misaligned
 * access of Device memory. */
bool arm_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx);

/* Functions of rows: breakpoint and watchpoint registers, MDSCR, OS lock, claim tags. */
struct arm_sysreg;
void arm_debug_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_mdscr_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_oslar_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
uint64_t arm_claim_read_set(struct arm_cpu *cpu, const struct arm_sysreg *r);
void arm_claim_write_set(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);
void arm_claim_write_clear(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);

#endif
