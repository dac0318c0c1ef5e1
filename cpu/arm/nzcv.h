/* SPDX-License-Identifier: MIT */
/*
 * The condition flags in their two forms: in PSTATE (DDI 0487, C5.2), and as the IR's FLAGS values
 * have them (tcg/ops.h). There C is the borrow of a subtraction, so it is PSTATE's complemented; N
 * and Z are neighbours in both.
 */
#ifndef CPU_ARM_NZCV_H
#define CPU_ARM_NZCV_H

#include "base/bits.h"
#include "tcg/eval.h"

/* Bits of PSTATE. */
enum {
    PSTATE_V_BIT = 28,
    PSTATE_C_BIT = 29,
    PSTATE_Z_BIT = 30,
    PSTATE_N_BIT = 31
};

/* Bits of a FLAGS value. */
enum {
    FLAG_V = 0,
    FLAG_C = 8,
    FLAG_Z = 14,
    FLAG_N = 15
};
_Static_assert(1 << FLAG_V == IR_FLAG_V && 1 << FLAG_C == IR_FLAG_C && 1 << FLAG_Z == IR_FLAG_Z &&
                   1 << FLAG_N == IR_FLAG_N,
               "as the IR has them");

static inline uint32_t nzcv_of_flags(uint64_t f)
{
    return (uint32_t)(bits64(f, FLAG_N, FLAG_Z) << PSTATE_Z_BIT |
                      (uint64_t)!bit(f, FLAG_C) << PSTATE_C_BIT |
                      (uint64_t)bit(f, FLAG_V) << PSTATE_V_BIT);
}

static inline uint64_t nzcv_to_flags(uint32_t nzcv)
{
    return bits64(nzcv, PSTATE_N_BIT, PSTATE_Z_BIT) << FLAG_Z |
           (uint64_t)!bit(nzcv, PSTATE_C_BIT) << FLAG_C |
           (uint64_t)bit(nzcv, PSTATE_V_BIT) << FLAG_V;
}

#endif
