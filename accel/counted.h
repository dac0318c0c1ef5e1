/* SPDX-License-Identifier: MIT */
/* The counted clock's part between the files of accel/; what it is stands in counted.c. */
#ifndef ACCEL_COUNTED_H
#define ACCEL_COUNTED_H

#include "accel/tcg.h"

/*
 * One turn, on the thread that runs all vCPUs and outside guest code: timers that are due, then a
 * slice of the vCPU whose turn it is, which is returned; NULL: no vCPU had work, and time has
 * passed instead, or stop_count is reached.
 */
struct vcpu *counted_turn(struct accel *a);
bool counted_reached_stop(const struct accel *a);

/* a is complete: the clock that its settings name counts it. */
void counted_attach(struct accel *a);

/* The machine goes on after it has stood still. Before the vCPUs do; the loop's thread. */
void counted_started(struct accel *a);

/* The machine begins anew, with the first vCPU's turn; time goes on. */
void counted_forget(struct accel *a);

/* vcpu_kick(); any thread. */
void counted_kick(struct vcpu *v);

/* What is left of the slice does not hold the block at pc: a shorter block, or the way out of guest
 * code. */
const void *counted_rest(struct vcpu *v, uint64_t pc);

/* The same for the interpreter, for which no block counts: the block at pc, or a shorter one. NULL
 * as block_find. */
struct block *counted_find(struct vcpu *v, uint64_t pc);

/* The guest has left a block at the instruction that env.insns_left names, by an exception or to
 * repeat it (hot.raised). */
void counted_left_block(struct vcpu *v);

/* Instructions of all slices that are over; any thread. */
uint64_t counted_instructions(const struct accel *a);

/* Instructions that v has completed in the present slice; 0 outside. */
uint64_t counted_in_slice(const struct vcpu *v);

#endif
