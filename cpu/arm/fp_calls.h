/* SPDX-License-Identifier: MIT */
/*
 * Run-time functions of floating point: what is too rare or too long for IR ops. They take and give
 * vectors in lanes; aux is LANES_AUX(esz, count, option) of a64_simd.h, lanes beyond count become
 * 0. They work in the environment that FPCR asks for and add to the cumulative flags, but for those
 * marked pure.
 */
#ifndef CPU_ARM_FP_CALLS_H
#define CPU_ARM_FP_CALLS_H

#include "tcg/ir.h"

extern const struct ir_call fp_call_recpe, fp_call_rsqrte; /* (a); option: 12 bits, not 8 */
extern const struct ir_call fp_call_recpx;                 /* (a) */
extern const struct ir_call fp_call_recps, fp_call_rsqrts; /* (a, b) */
/* (a) option bit 0: to 64-bit integers, else 32; bit 1: by FPCR, else to zero */
extern const struct ir_call fp_call_rint_range;
extern const struct ir_call
    fp_call_cvtxn; /* (a): doubles to singles in the low half, rounded to odd */
/* (addend, a, b) of halves; option bit 0: the upper half of a and b, bit 1: minus the product */
extern const struct ir_call fp_call_fmlal;
extern const struct ir_call
    fp_call_bfmlal; /* (addend, a, b); option: the odd (1) or even (0) elements of a and b */
extern const struct ir_call fp_call_bfdot,
    fp_call_bfmmla; /* (addend, a, b); option: FPCR.AH; pure */
extern const struct ir_call fp_call_bfdot_ebf, fp_call_bfmmla_ebf; /* (addend, a, b): FPCR.EBF */

#endif
