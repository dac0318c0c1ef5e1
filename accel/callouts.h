/* SPDX-License-Identifier: MIT */
/* What generated code calls; see callouts.c. */
#ifndef ACCEL_CALLOUTS_H
#define ACCEL_CALLOUTS_H

#include <stdint.h>

#include "tcg/host.h"

struct vcpu;

extern const struct host_runtime tcg_runtime;

/* The guest's address that the access at s is for; its registers are in memory. */
uint64_t tcg_site_address_leaf(const struct vcpu *v, const struct site *s);
/* host_runtime.mem_leaf */
bool tcg_mem_leaf(struct vcpu *v, const struct site *s);
const void *callout_go(struct vcpu *v, uint64_t pc);

#endif
