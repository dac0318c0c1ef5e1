/* SPDX-License-Identifier: MIT */
/*
 * Taking wide vectors apart, for hosts whose registers hold 128 bits or that lack an op on wider
 * ones: a block becomes one that leaves the same state, where each op that the host does not have
 * is that op on each part of 16 bytes.
 */
#ifndef TCG_LOWER_H
#define TCG_LOWER_H

#include "tcg/ir.h"

struct ir_lowering;

/* native_bits: vectors up to that width may be values (128: none that are wide); of the ops on them
 * the host has those that native is true for. probe: a row of class RAISES, (address, memop, 1 for
 * a store), that raises if the access may not happen. */
struct ir_lowering *ir_lowering_create(const struct ir_guest *g, unsigned native_bits,
                                       bool (*native)(const struct ir_insn *in),
                                       const struct ir_call *probe);
void ir_lowering_destroy(struct ir_lowering *l); /* or NULL */

/* Whether a block has ops that the host lacks. */
bool ir_must_lower(struct ir_lowering *l, const struct ir_builder *b);
/* The block of b without the ops that the host lacks. It lasts until the next call. */
struct ir_builder *ir_lower(struct ir_lowering *l, const struct ir_builder *b);

#endif
