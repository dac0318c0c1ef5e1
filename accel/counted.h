/* SPDX-License-Identifier: MIT */
/* The counted clock's part between the files of accel/; what it is stands in counted.c. */
#ifndef ACCEL_COUNTED_H
#define ACCEL_COUNTED_H

#include "accel/ops.h"

/*
 * One turn, on the thread that runs all vCPUs and outside guest code: timers that are due, then a
 * slice of the vCPU whose turn it is, which is returned, with how it ended; NULL: no vCPU had work,
 * and time has passed instead, or stop_count is reached.
 */
struct vcpu *counted_turn(struct accel *a, enum accel_round *r);
bool counted_reached_stop(const struct accel *a);

/* a is complete: the clock that its settings name counts it. */
void counted_attach(struct accel *a);

/* The machine goes on after it has stood still. Before the vCPUs do; the loop's thread. */
void counted_started(struct accel *a);

/* The machine begins anew, with the first vCPU's turn; time goes on. */
void counted_forget(struct accel *a);

/* vcpu_kick(); any thread. */
void counted_kick(struct vcpu *v);

/* Instructions of all slices that are over; any thread. */
uint64_t counted_instructions(const struct accel *a);

/* Instructions that v has completed in the present slice; 0 outside. */
uint64_t counted_in_slice(const struct vcpu *v);

#endif
