/* SPDX-License-Identifier: MIT */
/* A look at the code behind a block. */
#ifndef CPU_ARM_A64_LOOKAHEAD_H
#define CPU_ARM_A64_LOOKAHEAD_H

#include <stdbool.h>
#include <stdint.h>

struct a64_block;

/*
 * At the end of a block, c->pc behind its last instruction: sets flags_dead of the builder if the
 * block's NZCV is overwritten by each successor before anybody can see it, and look_bytes, the
 * guest bytes from the block's first that this rests on.
 */
void a64_look_ahead(struct a64_block *c);

/* insn only computes, or branches by a register's bits: whether SP is aligned does not matter to
 * it. */
bool a64_computes_or_tests(uint32_t insn);

#endif
