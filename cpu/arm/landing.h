/* SPDX-License-Identifier: MIT */
/* Where indirect branches may land (FEAT_BTI). */
#ifndef CPU_ARM_LANDING_H
#define CPU_ARM_LANDING_H

#include "cpu/arm/a64.h"

/* PSTATE.BTYPE of an indirect branch with register rn, or of an indirect call; emitted before the
 * branch. */
void note_branch(struct a64_block *c, ir_val pc, unsigned rn, bool call);

/* In MODE_BTI, at the first instruction of a block: may an indirect branch lead here? */
void check_landing(struct a64_block *c);

/* Ends a block when the first guarded page has been met: x is the PC. */
extern const struct ir_call arm_row_bti_seen;

#endif
