/* SPDX-License-Identifier: MIT */
/* In place of accel/list.c: the accelerators of dragoman-oracle. */
#include "tests/support/oracle_accel.h"

extern const struct accel_ops tcg_accel;

const struct accel_ops *const accel_list[] = {&tcg_accel, &oracle_accel, NULL};
