/* SPDX-License-Identifier: MIT */
/* The accelerators of this program, in the order in which they are tried. */
#include "accel/ops.h"

extern const struct accel_ops tcg_accel; /* tcg.c */

const struct accel_ops *const accel_list[] = {&tcg_accel, NULL};
