/* SPDX-License-Identifier: MIT */
/* CPU models: what CPUID says. */
#ifndef CPU_X86_MODELS_H
#define CPU_X86_MODELS_H

#include "cpu/x86/cpu.h"

/* ECX and EDX of leaf 0x80000005, and of 0x80000006; caches as leaf 4 has them. */
struct x86_caches {
    uint32_t amd[4];
    uint32_t rows[4][4];
};

struct x86_model {
    const char *name;                /* with its version, as "Haswell-v2" */
    const char *alias;               /* another name, or NULL */
    const char *from;                /* the model that this one changes, or NULL */
    const char *id;                  /* of leaves 0x80000002 to 0x80000004; NULL: as that one */
    const char *note;                /* for help, behind the id, or NULL */
    const struct x86_caches *caches; /* NULL: as that one, or as CPUs of other makers had them */
    const char *options;             /* as -cpu has them, between blanks; or NULL */
};

/* The last one's name is NULL. */
extern const struct x86_model x86_models[];

/* ---- models.c */

/* Makes c a CPU of the model, "NAME,+FEATURE,-FEATURE,FEATURE=on|off…"; false: e says what there
 * is. */
bool x86_model_apply(struct x86_cpu *c, const char *text, struct error *e);
/* Takes away what only 64-bit CPUs have. */
void x86_model_without_long_mode(struct x86_cpu *c);
char *x86_models_describe(void); /* allocated */
/* What the model has, or was asked for, and is not emulated: a line each; allocated, or NULL. */
char *x86_model_missing(const struct vcpu *v);

/* ---- cpuid.c */

/* EAX, EBX, ECX, EDX of a leaf and subleaf. */
void x86_cpuid_leaf(const struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t r[4]);
/* EAX of leaf 1: family, model, stepping; EDX after a reset. */
uint32_t x86_signature(const struct x86_cpu *c);

#endif
