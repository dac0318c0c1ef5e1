/* SPDX-License-Identifier: MIT */
/* A CPU that waits in MWAIT, for who takes interrupts: see monitor.c. */
#ifndef CPU_X86_MONITOR_H
#define CPU_X86_MONITOR_H

#include "cpu/x86/cpu.h"

/* It goes on. */
void x86_monitor_wake(struct x86_cpu *c);
/* An interrupt that is masked wakes it up. */
bool x86_monitor_breaks(const struct x86_cpu *c);
/* Its state has been loaded: it looks again. */
void x86_monitor_loaded(struct x86_cpu *c);
void x86_monitor_destroy(struct x86_cpu *c);

#endif
