/* SPDX-License-Identifier: MIT */
/*
 * Random programs of the invented architecture, and what happens to them from outside at given
 * counts of instructions. A program is not meant to end: it is run for so many instructions.
 */
#ifndef TESTS_INVENTED_PROGRAM_H
#define TESTS_INVENTED_PROGRAM_H

#include "base/rng.h"
#include "tests/invented/machine.h"

/* Memory (RAM's host address) of that seed. */
void inv_program(uint8_t *ram, uint64_t seed);
/* A vCPU at the start of a program, with random registers. */
void inv_start(struct inv_cpu *c, struct rng *r);

/* One event: a device writes into the code, pages move, and the vCPU, which stands between two
 * instructions, may be put somewhere else. Then the caller flushes the TLBs of all. */
void inv_event(struct inv_cpu *c, struct rng *r);

#endif
