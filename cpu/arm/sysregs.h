/* SPDX-License-Identifier: MIT */
/*
 * System registers of AArch64 (DDI 0487, D19): the table that MRS, MSR, reset and saving read, and
 * the bits of those registers that other files look at.
 */
#ifndef CPU_ARM_SYSREGS_H
#define CPU_ARM_SYSREGS_H

#include "cpu/arm/cpu.h"

#define SCTLR_M (UINT64_C(1) << 0)
#define SCTLR_A (UINT64_C(1) << 1)
#define SCTLR_C (UINT64_C(1) << 2)
#define SCTLR_SA (UINT64_C(1) << 3)
#define SCTLR_SA0 (UINT64_C(1) << 4)
#define SCTLR_NAA (UINT64_C(1) << 6)
#define SCTLR_CP15BEN (UINT64_C(1) << 5)
#define SCTLR_UMA (UINT64_C(1) << 9)
#define SCTLR_ENRCTX (UINT64_C(1) << 10)
#define SCTLR_EOS (UINT64_C(1) << 11)
#define SCTLR_I (UINT64_C(1) << 12)
#define SCTLR_ENDB (UINT64_C(1) << 13)
#define SCTLR_DZE (UINT64_C(1) << 14)
#define SCTLR_UCT (UINT64_C(1) << 15)
#define SCTLR_NTWI (UINT64_C(1) << 16)
#define SCTLR_NTWE (UINT64_C(1) << 18)
#define SCTLR_WXN (UINT64_C(1) << 19)
#define SCTLR_TSCXT (UINT64_C(1) << 20)
#define SCTLR_IESB (UINT64_C(1) << 21)
#define SCTLR_EIS (UINT64_C(1) << 22)
#define SCTLR_SPAN (UINT64_C(1) << 23)
#define SCTLR_E0E (UINT64_C(1) << 24)
#define SCTLR_EE (UINT64_C(1) << 25)
#define SCTLR_UCI (UINT64_C(1) << 26)
#define SCTLR_ENDA (UINT64_C(1) << 27)
#define SCTLR_ENIB (UINT64_C(1) << 30)
#define SCTLR_ENIA (UINT64_C(1) << 31)
#define SCTLR_CMOW (UINT64_C(1) << 32)
#define SCTLR_MSCEN (UINT64_C(1) << 33)
#define SCTLR_BT0 (UINT64_C(1) << 35)
#define SCTLR_BT1 (UINT64_C(1) << 36)
#define SCTLR_DSSBS (UINT64_C(1) << 44)
#define SCTLR_EPAN (UINT64_C(1) << 57)
#define SCTLR_NMI (UINT64_C(1) << 61)
#define SCTLR_SPINTMASK (UINT64_C(1) << 62)
#define SCTLR_TIDCP (UINT64_C(1) << 63)

#define TCR_EPD0 (UINT64_C(1) << 7)
#define TCR_A1 (UINT64_C(1) << 22)
#define TCR_EPD1 (UINT64_C(1) << 23)
#define TCR_AS (UINT64_C(1) << 36)
#define TCR_TBI0 (UINT64_C(1) << 37)
#define TCR_TBI1 (UINT64_C(1) << 38)
#define TCR_HA (UINT64_C(1) << 39)
#define TCR_HD (UINT64_C(1) << 40)
#define TCR_HPD0 (UINT64_C(1) << 41)
#define TCR_HPD1 (UINT64_C(1) << 42)
#define TCR_HWU (UINT64_C(0xff) << 43) /* HWU059 to HWU162 */
#define TCR_TBID0 (UINT64_C(1) << 51)
#define TCR_TBID1 (UINT64_C(1) << 52)
#define TCR_E0PD0 (UINT64_C(1) << 55)
#define TCR_E0PD1 (UINT64_C(1) << 56)
#define TCR_DS (UINT64_C(1) << 59)

#define MDSCR_SS (1u << 0)
#define MDSCR_TDCC (1u << 12)
#define MDSCR_KDE (1u << 13)
#define MDSCR_MDE (1u << 15)
#define OSLSR_OSLK (1u << 1)
#define OSLSR_OSLM (1u << 3)

/* Rights and nature of a row. */
enum {
    SR_R1 = 1 << 0, /* EL1 reads */
    SR_W1 = 1 << 1,
    SR_R0 = 1 << 2, /* EL0 reads, unless trapped */
    SR_W0 = 1 << 3,
    SR_TAIL = 1 << 4, /* a write changes what translated code depends on: ends the block */
    SR_FP = 1 << 5,   /* CPACR_EL1 must allow floating point */
    SR_RW = SR_R1 | SR_W1,
    SR_RO0 = SR_R1 | SR_R0,
    SR_RW0 = SR_RW | SR_R0 | SR_W0,
};

struct arm_sysreg {
    uint16_t key;         /* SYSREG_A64 */
    uint16_t flags;       /* SR_ */
    uint16_t feature;     /* enum arm_feature + 1 that it comes with, or 0 */
    uint32_t trap, wtrap; /* ARM_TRAP_ bit that keeps EL0 from reading and from writing, or 0 */
    const char *name;
    uint32_t offset; /* of a 64-bit field of struct arm_cpu, or 0: none */
    uint64_t mask;   /* writable bits of the field */
    uint64_t reset;  /* its value after reset */
    unsigned arg;    /* for the functions */
    uint64_t (*read)(struct arm_cpu *cpu, const struct arm_sysreg *r); /* NULL: the field */
    void (*write)(struct arm_cpu *cpu, const struct arm_sysreg *r,
                  uint64_t value); /* NULL: the field, masked */
};

extern const struct arm_sysreg arm_sysregs[];
extern const unsigned arm_sysreg_count;

/* The row of a register that this CPU has, or NULL. */
const struct arm_sysreg *arm_sysreg_find(const struct arm_cpu *cpu, uint32_t key);

/* Is key in the space of identification registers, whose reads trap with FEAT_IDST (op0 3, op1 0, 1
 * or 3, CRn 0, CRm 0 to 7)? */
bool arm_sysreg_is_id(uint32_t key);

/* Is key in the space of implementation-defined registers (op0 3, CRn 11 or 15)? */
static inline bool arm_sysreg_is_impdef(uint32_t key)
{
    const uint32_t crn = key >> 7 & 15;
    return key >> 14 == 3 && (crn == 11 || crn == 15);
}

/* Reads or writes by the row, without looking at rights. On the vCPU's thread. */
uint64_t arm_sysreg_read(struct arm_cpu *cpu, const struct arm_sysreg *r);
void arm_sysreg_write(struct arm_cpu *cpu, const struct arm_sysreg *r, uint64_t value);

static inline uint64_t *arm_sysreg_field(struct arm_cpu *cpu, const struct arm_sysreg *r)
{
    return (uint64_t *)(void *)((uint8_t *)cpu + r->offset);
}

/* DC ZVA clears 4 << this bytes. */
#define ARM_ZVA_LOG2_WORDS 4u

/* DCZID_EL0, where DC ZVA is allowed or not. */
static inline uint64_t arm_dczid(bool prohibited)
{
    return ARM_ZVA_LOG2_WORDS | (prohibited ? 1u << 4 : 0);
}

/* All registers at their reset values. */
void arm_sysregs_reset(struct arm_cpu *cpu);

#endif
