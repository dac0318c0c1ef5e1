/* SPDX-License-Identifier: MIT */
/* CPU models: what CPUID says. */
#ifndef CPU_X86_MODELS_H
#define CPU_X86_MODELS_H

#include "cpu/x86/cpu.h"

/* Sets the features of the model; false: e says which there are. */
bool x86_model_apply(struct x86_cpu *c, const char *name, struct error *e);
char *x86_models_describe(void); /* allocated */
/* EAX, EBX, ECX, EDX of a leaf and subleaf. */
void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);

#endif
