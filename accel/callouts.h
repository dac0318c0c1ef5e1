/* SPDX-License-Identifier: MIT */
/* What generated code calls; see callouts.c. */
#ifndef ACCEL_CALLOUTS_H
#define ACCEL_CALLOUTS_H

#include <stdint.h>

#include "tcg/host.h"

struct vcpu;

extern const struct host_runtime tcg_runtime;
const void *callout_go(struct vcpu *v, uint64_t pc);

#endif
