/* SPDX-License-Identifier: MIT */
/* Run-time functions of integer and cryptographic vector instructions that are too rare for IR ops.
 * All are pure. */
#ifndef CPU_ARM_SIMD_CALLS_H
#define CPU_ARM_SIMD_CALLS_H

#include "tcg/ir.h"

extern const struct ir_call simd_call_urecpe, simd_call_ursqrte; /* (n) */

/* aux of the SM3TT functions: the word of m */
extern const struct ir_call simd_call_sm3partw1, simd_call_sm3partw2; /* (d, n, m) */
extern const struct ir_call simd_call_sm3tt1a, simd_call_sm3tt1b;     /* (d, n, m) */
extern const struct ir_call simd_call_sm3tt2a, simd_call_sm3tt2b;     /* (d, n, m) */
extern const struct ir_call simd_call_sm4e;                           /* (d, n) */
extern const struct ir_call simd_call_sm4ekey;                        /* (n, m) */

#endif
