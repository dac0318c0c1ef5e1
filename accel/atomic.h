/* SPDX-License-Identifier: MIT */
/* Atomic operations of guests; see atomic.c. */
#ifndef ACCEL_ATOMIC_H
#define ACCEL_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/host.h"

struct vcpu;

bool atomic_site(struct vcpu *v, const struct site *s); /* operands and result in env.vec_args */
uint64_t *monitors_create(void);                        /* for mem_free */

#endif
