/* SPDX-License-Identifier: MIT */
/* System management mode, for who takes interrupts: see smm.c. */
#ifndef CPU_X86_SMM_H
#define CPU_X86_SMM_H

#include "cpu/x86/cpu.h"

/* An SMI is taken; halted: by a CPU that waited in HLT. */
void x86_enter_smm(struct x86_cpu *c, bool halted);

#endif
