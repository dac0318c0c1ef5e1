/* SPDX-License-Identifier: MIT */
/* Saving and loading a vCPU's own state: hooks of struct cpu_class. */
#ifndef CPU_X86_STATE_H
#define CPU_X86_STATE_H

#include "base/cursor.h"
#include "cpu/x86/cpu.h"

#define X86_STATE_VERSION 1

void x86_state_save(struct vcpu *v, struct strbuf *out);
bool x86_state_load(struct vcpu *v, struct cursor *c, unsigned version, bool store,
                    struct error *e);
bool x86_state_check(struct vcpu *v, struct error *e);
void x86_state_loaded(struct vcpu *v);

/* false, with the reason in e: a byte of struct x86_cpu that no table names. */
bool x86_state_check_tables(struct error *e);

#endif
