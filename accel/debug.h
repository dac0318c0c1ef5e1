/* SPDX-License-Identifier: MIT */
/* Breakpoints and watchpoints of the debugger; see debug.c. */
#ifndef ACCEL_DEBUG_H
#define ACCEL_DEBUG_H

#include "accel/ops.h"

struct tcg;

struct watchpoint {
    uint64_t va, bytes;
    enum watch_kind kind;
};

/* As those of struct accel_ops. */
bool tcg_breakpoint(struct accel *a, uint64_t pc, bool insert);
bool tcg_watchpoint(struct accel *a, uint64_t va, uint64_t bytes, enum watch_kind k, bool insert);
bool tcg_watch_hit(const struct vcpu *v, struct accel_watch *hit);
void tcg_step_over(struct vcpu *v);

/* An access of a page that is watched by the debugger or the guest. false: it must not happen: the
 * guest's watchpoint raised an exception, or the debugger's wants the instruction to be left. */
bool tcg_watch(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind, unsigned idx);
bool tcg_watch_debugger(struct vcpu *v, uint64_t va, unsigned bytes, enum access kind);
/* The run-time is about to access a device for the instruction that runs. false: not now, since the
 * instruction may be left by a later access of it and repeated, and the device would be accessed
 * twice (hot.raised). */
bool tcg_device_once(struct vcpu *v);
bool tcg_has_breakpoint(struct vcpu *v, uint64_t pc);
/* The debugger watches a byte of the 2^bits around va. */
bool tcg_range_watched(const struct tcg *a, uint64_t va, unsigned bits);
/* Instructions from pc, whose bytes are at host, to the next breakpoint behind
 * it; UINT32_MAX: there is none. */
uint32_t tcg_insns_to_breakpoint(struct vcpu *v, uint64_t pc, const uint8_t *host, uint32_t bytes);

#endif
