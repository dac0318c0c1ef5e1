/* SPDX-License-Identifier: MIT */
/* Debug registers, for who executes instructions and walks page tables: see debug.c. */
#ifndef CPU_X86_DEBUG_H
#define CPU_X86_DEBUG_H

#include "cpu/x86/cpu.h"

struct x86_block;

uint64_t x86_debug_key(const struct x86_cpu *c); /* its part of the mode key */
/* A breakpoint of data or ports is in the page of va. */
bool x86_watches_page(const struct x86_cpu *c, uint64_t va, unsigned idx);
/* Emitted where an instruction begins: #DB if it has a breakpoint. */
void x86_break_check(struct x86_block *c);

/* Each round of a repeated instruction may be followed by a debug exception. */
bool x86_follows_rounds(struct x86_cpu *c);

/* Hooks of struct cpu_class. */
bool x86_marks_accesses(struct vcpu *v);
bool x86_watch(struct vcpu *v, vaddr va, unsigned bytes, enum access a, unsigned idx);
bool x86_traces(uint64_t key);
void x86_followed(struct vcpu *v, uint64_t pc, uint64_t key, uint32_t marks);

#endif
