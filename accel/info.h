/* SPDX-License-Identifier: MIT */
/* What the translator tells of itself; see info.c. As those of struct accel_ops. */
#ifndef ACCEL_INFO_H
#define ACCEL_INFO_H

#include "accel/accel.h"

void tcg_info_jit(struct accel *a, struct strbuf *out);
bool tcg_measure(struct accel *a, bool on, struct error *e);

#endif
