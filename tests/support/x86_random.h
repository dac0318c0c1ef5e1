/* SPDX-License-Identifier: MIT */
/* Random x86 instructions of a row of an opcode map. What decgen makes for tests calls this. */
#ifndef TESTS_SUPPORT_X86_RANDOM_H
#define TESTS_SUPPORT_X86_RANDOM_H

#include "base/rng.h"
#include "cpu/x86/insn.h"

/*
 * Puts a random instruction of the row, in code of the mode (2, 4 or 8), at p, where there is room
 * for 15 bytes; returns its length, or 0 if none was found. It has prefixes that matter to it and
 * sometimes others, all forms of addresses, and any values else.
 */
unsigned x86_random_of(struct rng *rng, const struct x86_map *map, unsigned row, unsigned mode,
                       uint8_t *p);

#endif
