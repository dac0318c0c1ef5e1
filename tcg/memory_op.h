/* SPDX-License-Identifier: MIT */
/* The memory ops of the IR at an address: what the reference interpreter does. Internal to tcg/. */
#ifndef TCG_MEMORY_OP_H
#define TCG_MEMORY_OP_H

#include "tcg/ir.h"

/*
 * Performs *in (op, type, src, aux's enum ir_atomic, and the memop in imm count) at va. b and c are
 * its operands: c the value, b what cas expects. The result is in *d, zero- or sign-extended; ops
 * without one leave it. On v's thread. false: an exception was recorded, and memory is as before
 * (but for the first half of a store that crosses into a page that faults).
 */
bool ir_memory_op(struct vcpu *v, const struct ir_insn *in, uint64_t va, const union ir_vec *b,
                  const union ir_vec *c, union ir_vec *d);

#endif
