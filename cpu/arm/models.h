/* SPDX-License-Identifier: MIT */
/* The models of -cpu, and their properties. */
#ifndef CPU_ARM_MODELS_H
#define CPU_ARM_MODELS_H

#include "cpu/arm/cpu.h"

#define ARM_CACHES 3 /* levels 1 data, 1 instruction, 2 unified */

struct arm_model {
    const char *name;
    uint64_t id[ARM_ID_COUNT];
    uint64_t ccsidr[ARM_CACHES];
    uint32_t counter_hz; /* of the generic timer */
    bool has_l2ctlr;     /* L2CTLR_EL1 tells the number of cores */
    uint16_t pmu_id;     /* PMCR_EL0.IMP and IDCODE; 0: MIDR_EL1 says it */
};

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
