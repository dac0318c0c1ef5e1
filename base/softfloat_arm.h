/* SPDX-License-Identifier: MIT */
/*
 * Arm's own floating-point operations, on top of base/softfloat.h: FPCR, estimates and steps,
 * FRINT32/64, sums of BFloat16 products. Any thread; none fails. Specification: DDI 0487,
 * shared/functions/float; the functions are named after the instructions.
 */
#ifndef BASE_SOFTFLOAT_ARM_H
#define BASE_SOFTFLOAT_ARM_H

#include "base/softfloat.h"

/*
 * The environment that FPCR (or AArch32's FPSCR, without the bits of FEAT_AFP) asks for, flags
 * clear: RMode, FZ, FIZ, FZ16, DN, AH. The flags have their places in FPSR.
 */
struct fp_env fp_arm_env(uint64_t fpcr);

/* The half-precision format that conversions use: FPCR.AHP. */
const struct fp_format *fp_arm_half(uint64_t fpcr);

/* Whether env is that of FPCR.AH = 1. */
static inline bool fp_arm_ah(const struct fp_env *env)
{
    return env->rules == &fp_rules_arm_ah;
}

/* FNEG, FABS as other operations use them (FPNeg, FPAbs): with AH a NaN keeps its sign. No flags.
 */
fp_bits fp_arm_neg(const struct fp_format *f, fp_bits a, const struct fp_env *env);
fp_bits fp_arm_abs(const struct fp_format *f, fp_bits a, const struct fp_env *env);

/* FRECPE, FRSQRTE. fine: 12 bits instead of 8 (binary32 with FEAT_RPRES and AH). */
fp_bits fp_arm_recpe(const struct fp_format *f, fp_bits a, bool fine, struct fp_env *env);
fp_bits fp_arm_rsqrte(const struct fp_format *f, fp_bits a, bool fine, struct fp_env *env);

/* URECPE, URSQRTE */
uint32_t fp_arm_urecpe(uint32_t a);
uint32_t fp_arm_ursqrte(uint32_t a);

/* FRECPS: 2 - a*b; FRSQRTS: (3 - a*b) / 2; rounded once */
fp_bits fp_arm_recps(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_arm_rsqrts(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);

/* FRECPX */
fp_bits fp_arm_recpx(const struct fp_format *f, fp_bits a, struct fp_env *env);

/* FRINT32X, FRINT64Z ...: to an integral value within the signed integers of 32 or 64 bits */
fp_bits fp_arm_rint_range(const struct fp_format *f, fp_bits a, unsigned bits, unsigned rounding,
                          struct fp_env *env);

/* BFMLALB, BFMLALT, for one element: addend + a*b */
uint32_t fp_arm_bfmlal(uint32_t addend, uint16_t a, uint16_t b, struct fp_env *env);

/*
 * BFDOT, for one element: addend + (a[0]*b[0] + a[1]*b[1]), rounded to odd at each step, denormals
 * flushed, NaNs the default one, no flags. FPCR decides no more than the default NaN's sign (AH).
 */
uint32_t fp_arm_bfdot(uint32_t addend, const uint16_t a[2], const uint16_t b[2],
                      const struct fp_env *env);

/* BFMMLA: the 2 by 2 matrix sum, a row after another, gains a times the transpose of b (2 by 4). */
void fp_arm_bfmmla(uint32_t sum[4], const uint16_t a[8], const uint16_t b[8],
                   const struct fp_env *env);

/* BFDOT and BFMMLA with FPCR.EBF (FEAT_EBF16): the two products are added and rounded once, then
 * the addend, as FPCR says but for default NaNs and no flags. */
uint32_t fp_arm_bfdot_ebf(uint32_t addend, const uint16_t a[2], const uint16_t b[2],
                          const struct fp_env *env);
void fp_arm_bfmmla_ebf(uint32_t sum[4], const uint16_t a[8], const uint16_t b[8],
                       const struct fp_env *env);

/* FMLAL and its kin, for one element: addend + a*b, a and b binary16, the rest binary32 */
uint32_t fp_arm_fmlal(uint32_t addend, uint16_t a, uint16_t b, struct fp_env *env);

#endif
