/* SPDX-License-Identifier: MIT */
/* CPU models: what CPUID says. */
#ifndef CPU_X86_MODELS_H
#define CPU_X86_MODELS_H

#include "cpu/x86/cpu.h"

/* Sets the features of the model, "NAME,+FEATURE,-FEATURE,FEATURE=on|off…"; false: e says what
 * there is. */
bool x86_model_apply(struct x86_cpu *c, const char *text, struct error *e);
char *x86_models_describe(void); /* allocated */
/* EAX, EBX, ECX, EDX of a leaf and subleaf. */
void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
/* EAX of leaf 1: family, model, stepping; EDX after a reset. */
uint32_t x86_signature(const struct x86_cpu *c);

#endif
