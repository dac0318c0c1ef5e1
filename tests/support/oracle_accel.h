/* SPDX-License-Identifier: MIT */
/*
 * The oracle (oracle.h) as an accelerator: what accel/ops.h asks for, by who has nothing in common
 * with the translator. It has no watchpoints, and no translated code to tell of.
 *
 * The program dragoman-oracle (Makefile) is dragoman with `-accel oracle` in addition.
 */
#ifndef TESTS_SUPPORT_ORACLE_ACCEL_H
#define TESTS_SUPPORT_ORACLE_ACCEL_H

#include "accel/ops.h"

extern const struct accel_ops oracle_accel;

#endif
