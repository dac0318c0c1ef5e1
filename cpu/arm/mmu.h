/* SPDX-License-Identifier: MIT */
/* Address translation: VMSAv8-64, stage 1 (DDI 0487, D8). */
#ifndef CPU_ARM_MMU_H
#define CPU_ARM_MMU_H

#include "cpu/arm/cpu.h"

/* struct translation.attr */
enum {
    ARM_ATTR_GUARDED = 1 << 0, /* GP: FEAT_BTI checks where indirect branches land */
};

/* Computes what walks need of the registers, after a change of one. */
void arm_update_regimes(struct arm_cpu *cpu);

/* cpu_class.walk: as AT and the TLB's refill see it, with hardware updates of AF and dirty state.
 */
bool arm_walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
              uint64_t *fault);

/* cpu_class.debug_translate, mapping, mmu_index, mmu_index_user, space_tag. */
bool arm_debug_translate(struct vcpu *v, vaddr va, paddr *pa);
void arm_mapping(struct vcpu *v, vaddr va, struct cpu_mapping *m);
unsigned arm_mmu_index(struct vcpu *v);
unsigned arm_mmu_index_user(struct vcpu *v);
uint32_t arm_space_tag(struct vcpu *v, vaddr va, unsigned idx);

/* AT S1E*: translates va as an access of that kind would; the value of PAR_EL1. */
uint64_t arm_address_translate(struct arm_cpu *cpu, uint64_t va, enum access a, unsigned idx);

/* The ASID that the operand of a TLBI or a TTBR names, cut to its width. The tag of an address
 * space. */
uint32_t arm_asid(const struct arm_cpu *cpu, uint64_t asid);

/* Bits of a page's offset, in the half of the address space that va is in. */
unsigned arm_granule_bits(const struct arm_cpu *cpu, uint64_t va);

/* Physical address bits that this CPU has. */
unsigned arm_pa_bits(const struct arm_cpu *cpu);

#endif
