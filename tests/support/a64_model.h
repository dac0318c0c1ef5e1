/* SPDX-License-Identifier: MIT */
/*
 * Expected results from the manual's pseudocode, for the rows that QEMU 10 does not have: those of
 * FEAT_CSSC (DDI 0487, C6.2).
 */
#ifndef TESTS_SUPPORT_A64_MODEL_H
#define TESTS_SUPPORT_A64_MODEL_H

#include "tests/support/a64_case.h"

bool a64_row_modelled(unsigned row);

/* The record of the case number of its batch, whose one instruction is of such a row. */
void a64_model(const struct a64_case *c, struct a64_record *r);

#endif
