/* SPDX-License-Identifier: MIT */
/* One round of a vCPU by the translator; see round.c. */
#ifndef ACCEL_ROUND_H
#define ACCEL_ROUND_H

#include "accel/ops.h"

/* Generated code asks the run-time at its next poll, which leaves, or (EXIT_FLUSH alone) may
 * process the queue of flushes there; any thread. */
void tcg_leave_soon(struct vcpu *v, uint32_t why);
/* As those of struct accel_ops. */
void tcg_kick(struct vcpu *v);
void tcg_listen(struct vcpu *v);
enum accel_round tcg_run(struct vcpu *v);
/* v has left a block because hot.raised says so, and its PC is the instruction's: takes the
 * exception. false: v stops there, at a watchpoint. */
bool tcg_take_raised(struct vcpu *v);

#endif
