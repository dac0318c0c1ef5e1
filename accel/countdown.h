/* SPDX-License-Identifier: MIT */
/* How the translator counts instructions; see countdown.c. */
#ifndef ACCEL_COUNTDOWN_H
#define ACCEL_COUNTDOWN_H

#include <stdint.h>

struct block;
struct vcpu;

/* As those of struct accel_ops. */
void countdown_begin(struct vcpu *v, int64_t n);
int64_t countdown_left(const struct vcpu *v);
int64_t countdown_shorten(struct vcpu *v, int64_t n);

/* What is left does not hold the block at pc: a shorter block, or the way out of guest code. */
const void *countdown_rest(struct vcpu *v, uint64_t pc);

/* The same for the interpreter, for which no block counts: the block at pc, or a shorter one. NULL
 * as block_find. */
struct block *countdown_find(struct vcpu *v, uint64_t pc);

/* The guest has left a block at the instruction that env.insns_left names, by an exception or to
 * repeat it (hot.raised). */
void countdown_left_block(struct vcpu *v);

#endif
