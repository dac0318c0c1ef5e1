/* SPDX-License-Identifier: MIT */
/* Forgetting what vCPUs did before; see forget.c. As those of struct accel_ops. */
#ifndef ACCEL_FORGET_H
#define ACCEL_FORGET_H

struct accel;
struct vcpu;

void tcg_forget(struct accel *a);
void tcg_forget_vcpu(struct vcpu *v);
void tcg_state_loaded(struct accel *a);

#endif
