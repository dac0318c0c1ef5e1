/* SPDX-License-Identifier: MIT */
/* Reading FPSR's cumulative flags, for engines that do not read them themselves. */
#include "cpu/arm/fp_flags.h"

#include "tcg/env.h"

uint64_t arm_fp_flags_leaf(struct vcpu *v, uint64_t x, uint64_t y, uint64_t z, uint32_t aux)
{
    (void)x;
    (void)y;
    (void)z;
    (void)aux;
    return tcg_fp_flags(v);
}
