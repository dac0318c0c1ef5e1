/* SPDX-License-Identifier: MIT */
/* The reference interpreter: executes a block of IR on a vCPU's state, op by op, by the evaluators.
 */
#ifndef TCG_INTERP_H
#define TCG_INTERP_H

#include "tcg/ir.h"

enum interp_end {
    INTERP_GO_ON, /* at the PC */
    INTERP_RAISED /* an exception was recorded at the guest instruction at the PC */
};

/*
 * Executes b (ir_verify holds of it) on v's state, on v's thread, with hot.raised clear, and gives
 * the PC in *pc. On INTERP_RAISED register rows are as the instructions of the block left them up
 * to the faulting op: by the rules of tcg/ir.h, as before the faulting guest instruction.
 */
enum interp_end ir_interpret(struct vcpu *v, const struct ir_builder *b, uint64_t *pc);

#endif
