/* SPDX-License-Identifier: MIT */
/* Saving and loading a vCPU's own state: hooks of struct cpu_class. */
#ifndef CPU_ARM_SAVE_H
#define CPU_ARM_SAVE_H

#include "base/cursor.h"
#include "cpu/arm/cpu.h"

#define ARM_STATE_VERSION 1

void arm_save(struct vcpu *v, struct strbuf *out);
bool arm_load(struct vcpu *v, struct cursor *c, unsigned version, bool store, struct error *e);
bool arm_check_state(struct vcpu *v, struct error *e);
void arm_loaded(struct vcpu *v);

/* false, with the reason in e: a byte of struct arm_cpu that no table of registers or state names.
 */
bool arm_check_tables(struct error *e);

#endif
