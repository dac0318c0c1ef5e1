/* SPDX-License-Identifier: MIT */
/* The models of -cpu, and their properties. */
#ifndef CPU_ARM_MODELS_H
#define CPU_ARM_MODELS_H

#include "cpu/arm/cpu.h"

#define ARM_CACHES 3 /* levels 1 data, 1 instruction, 2 unified */

#define ARM_CTR_DIC (UINT64_C(1) << 29) /* of CTR_EL0: code needs no invalidation */

/* Which implementation-defined registers a product has. */
enum arm_impdef {
    ARM_IMPDEF_CBAR, /* CBAR_EL1 alone */
    ARM_IMPDEF_A5X,  /* and those of Cortex-A35, A53, A57 and A72 */
    ARM_IMPDEF_N1,   /* and those of Neoverse N1 */
    ARM_IMPDEF_V1    /* and CPUECTLR2_EL1 */
};

struct arm_model {
    const char *name;
    uint64_t id[ARM_ID_COUNT];
    uint64_t ccsidr[ARM_CACHES];
    uint64_t sctlr;      /* SCTLR_EL1 after reset */
    uint32_t counter_hz; /* of the generic timer */
    uint16_t pmu_id;     /* PMCR_EL0.IMP and IDCODE */
    enum arm_impdef impdef;
};

extern const struct arm_model arm_models[]; /* as many as names */
extern const char *const arm_model_names[]; /* ends with NULL */

/*
 * Makes cpu the model of text, "name,property=value,...". false: e says what is wrong and what is
 * accepted.
 */
bool arm_model_apply(struct arm_cpu *cpu, const char *text, struct error *e);

/* Text of -cpu help. Allocated. */
char *arm_model_help(void);

/* CCSIDR_EL1 for the cache that a value of CSSELR_EL1 selects. */
uint64_t arm_cache_geometry(const struct arm_cpu *cpu, unsigned csselr);

#endif
