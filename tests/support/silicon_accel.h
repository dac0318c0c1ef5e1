/* SPDX-License-Identifier: MIT */
/*
 * An accelerator of tiny guests that run on silicon.h: what one in the host's kernel has of
 * accel/ops.h. Each function of it is what one call of a kernel would be.
 */
#ifndef TESTS_SUPPORT_SILICON_ACCEL_H
#define TESTS_SUPPORT_SILICON_ACCEL_H

#include "accel/ops.h"
#include "tests/support/silicon.h"

extern const struct accel_ops silicon_accel;

/* The machine behind an accelerator that is silicon's. */
struct silicon *silicon_of(struct accel *a);

/* Messages to vector `data` of vCPU n are written to this address + n << 12. */
#define SILICON_MSI UINT64_C(0xfee00000)

#endif
