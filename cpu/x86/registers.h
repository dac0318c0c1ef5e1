/* SPDX-License-Identifier: MIT */
/* The registers that debuggers know, of 64-bit and of 32-bit CPUs. */
#ifndef CPU_X86_REGISTERS_H
#define CPU_X86_REGISTERS_H

#include "cpu/x86/cpu.h"

extern const struct cpu_reg x86_regs_64[], x86_regs_32[];
extern const struct gdb_type x86_gdb_types_64[], x86_gdb_types_32[];

#endif
