/* SPDX-License-Identifier: MIT */
/* Page faults as x86_walk tells them: the error code of #PF, or this. */
#ifndef CPU_X86_MMU_H
#define CPU_X86_MMU_H

#define X86_FAULT_CANONICAL (UINT64_C(1) << 32)

#endif
