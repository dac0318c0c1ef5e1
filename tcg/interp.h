/* SPDX-License-Identifier: MIT */
/* The reference interpreter: executes a block of IR on a vCPU's state, op by op, by the evaluators.
 */
#ifndef TCG_INTERP_H
#define TCG_INTERP_H

#include "tcg/ir.h"

/*
 * Executes b (ir_verify holds of it) on v's state, on v's thread, with hot.raised clear, and gives
 * the PC to go on at. If an exception was recorded, hot.raised is set, the PC is that of the guest
 * instruction, and register rows are as the instructions of the block left them up to the faulting
 * op: by the rules of tcg/ir.h, as before the guest instruction.
 */
uint64_t ir_interpret(struct vcpu *v, const struct ir_builder *b);

#endif
