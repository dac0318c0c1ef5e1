/* SPDX-License-Identifier: MIT */
/* Texts about an x86 vCPU: `info registers`, the log of -d int and -d cpu_reset. */
#ifndef CPU_X86_DUMP_H
#define CPU_X86_DUMP_H

#include "base/strbuf.h"
#include "cpu/x86/cpu.h"

/* An exception or interrupt that was to be delivered. */
struct x86_dump_event {
    unsigned vector;
    uint32_t error;
    bool has_error, software;
    uint64_t pc;
};

void x86_dump_registers(struct vcpu *v, struct strbuf *out);
/* Before it is delivered, by its number among all of the CPU's that were logged. */
void x86_dump_delivery(struct x86_cpu *c, const struct x86_dump_event *e);
/* Another one came of that; first is -1 if none was an exception. */
void x86_dump_nested(int first, unsigned second);
/* The CPU shuts down: what came one after the other. */
void x86_dump_triple(struct x86_cpu *c, const struct x86_dump_event *e, unsigned n);
void x86_dump_shutdown(struct x86_cpu *c, const char *why);
/* INIT; of other resets the machine tells. */
void x86_dump_reset(struct x86_cpu *c);
/* SMM is entered or left. */
void x86_dump_mode(struct x86_cpu *c, const char *what);

#endif
