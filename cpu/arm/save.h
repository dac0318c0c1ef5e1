/* SPDX-License-Identifier: MIT */
/* Saving and loading a vCPU's state; only while it does not run. */
#ifndef CPU_ARM_SAVE_H
#define CPU_ARM_SAVE_H

#include "cpu/arm/cpu.h"

/* Appends the state of v. */
void arm_save(struct vcpu *v, struct strbuf *out);
/* Takes what arm_save wrote for the same model; false: e says why, and v is as it was. */
bool arm_load(struct vcpu *v, const void *bytes, size_t n, struct error *e);

#endif
