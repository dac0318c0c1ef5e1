/* SPDX-License-Identifier: MIT */
/* What other instructions ask of virtual-8086 mode, and of its extensions: see vm86.c. */
#ifndef CPU_X86_VM86_H
#define CPU_X86_VM86_H

#include "cpu/x86/cpu.h"

struct x86_block;
struct x86_frame;

/* Emits PUSHF or POPF (INT n) of code whose IOPL is below 3 (in this mode); false: it is as
 * elsewhere. */
bool x86_virtual_flags(struct x86_block *c, bool pops, unsigned bytes);
bool x86_virtual_int(struct x86_block *c, unsigned vector, unsigned bytes);

/* CLI and STI: *done: VIF was changed, and IF stays. false: #GP(0) has been raised. */
bool x86_virtual_interrupts(struct x86_cpu *c, bool on, bool *done);

/* IRET in this mode, and into it, with EIP, CS and EFLAGS popped. RIP is set; false: raised. */
bool x86_iret_virtual(struct x86_cpu *c, struct x86_frame *f);
bool x86_iret_to_virtual(struct x86_cpu *c, struct x86_frame *f, const uint64_t popped[3]);

#endif
