/* SPDX-License-Identifier: MIT */
/*
 * The floating-point environment between guest, host and software. While generated code runs, MXCSR
 * holds the guest's rounding mode and gathers cumulative flags; calls out of it leave MXCSR in
 * hot.guest_mxcsr and put it back afterwards.
 *
 * Flushing to zero is done by the host's own DAZ and FTZ, which tell less than the guest
 * wants to know: a denormal operand is not told at all, and what is flushed counts as inexact,
 * which it is not for the guest. So these exceptions are not masked until what they would tell is
 * known:
 *
 *   denormal operand   until the guest's flag for it is set; then DAZ
 *   underflow          until the guest's flags for it and for inexact are set; then FTZ acts
 *   inexact            until the guest's flag for it is set
 *
 * A trap (tcg_fp_trap) has the operation evaluated by software, which sets the guest's flags, or
 * masks what is known by then and repeats it. Programs that flush run into a handful of traps each
 * time they clear their flags. Flags of exceptions that are not masked are 0 in MXCSR.
 *
 * A guest whose rules are the host's has DAZ and FTZ as it sets them, and wants to know no more.
 */
#include "base/softfloat.h"
#include "tcg/env.h"
#include "tcg/host.h"
#include "tcg/ir.h"

#define MXCSR_FLAGS 0x3fu
#define MXCSR_DE 0x02u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define MXCSR_DAZ 0x40u
#define MXCSR_MASK_SHIFT 7 /* the mask of each flag, that much further left */
#define MXCSR_MASKS (MXCSR_FLAGS << MXCSR_MASK_SHIFT)
#define MXCSR_ROUND (3u << 13)
#define MXCSR_FTZ 0x8000u

/* MXCSR: IE 0, DE 1, ZE 2, OE 3, UE 4, PE 5. A denormal operand that is used is an event for some
 * guests only. */
static uint32_t from_mxcsr(const struct tcg_env *env, uint32_t m)
{
    const bool denormals = env->fp_denormals && !env->fp_flush;

    return (denormals && m & MXCSR_DE ? FP_DENORMAL : 0) | (m & 1 ? FP_INVALID : 0) |
           (m & 4 ? FP_DIVZERO : 0) | (m & 8 ? FP_OVERFLOW : 0) |
           (m & MXCSR_UE ? FP_UNDERFLOW : 0) | (m & MXCSR_PE ? FP_INEXACT : 0);
}

/* What MXCSR is, but for the rounding mode, when the guest's flags are known to be these. */
static uint32_t control(const struct tcg_env *env, uint32_t known)
{
    const uint32_t both = FP_UNDERFLOW | FP_INEXACT;
    uint32_t trap = 0, m = MXCSR_MASKS;

    if (!env->fp_flush) {
        return m | (env->fp_flush_results ? MXCSR_FTZ : 0) |
               (env->fp_flush_operands ? MXCSR_DAZ : 0);
    }
    trap |= known & FP_DENORMAL ? 0 : MXCSR_DE;
    trap |= (known & both) == both ? 0 : MXCSR_UE;
    trap |= known & FP_INEXACT ? 0 : MXCSR_PE;
    m &= ~(trap << MXCSR_MASK_SHIFT);
    return m | MXCSR_FTZ | (trap & MXCSR_DE ? 0 : MXCSR_DAZ);
}

uint32_t tcg_fp_flags(struct vcpu *v)
{
    return vcpu_env(v)->fp_flags | from_mxcsr(vcpu_env(v), vcpu_hot(v)->guest_mxcsr);
}

void tcg_fp_set_flags(struct vcpu *v, uint32_t flags)
{
    uint32_t *m = &vcpu_hot(v)->guest_mxcsr;

    vcpu_env(v)->fp_flags = flags;
    *m = (*m & MXCSR_ROUND) | control(vcpu_env(v), flags);
}

void tcg_fp_set_rounding(struct vcpu *v, unsigned rounding)
{
    /* MXCSR's RC: nearest, down, up, zero. */
    static const uint8_t rc[] = {[IR_RNE] = 0, [IR_RUP] = 2, [IR_RDN] = 1, [IR_RTZ] = 3};
    uint32_t *m = &vcpu_hot(v)->guest_mxcsr;

    vcpu_env(v)->fp_rounding = (uint8_t)rounding;
    *m = (*m & ~MXCSR_ROUND) | (uint32_t)rc[rounding & 3] << 13;
}

void tcg_fp_set_flush(struct vcpu *v, bool flush)
{
    if (vcpu_env(v)->fp_flush != flush) {
        vcpu_env(v)->fp_flush = flush;
        tcg_fp_set_flags(v, tcg_fp_flags(v));
    }
}

void tcg_fp_set_flush_apart(struct vcpu *v, bool results, bool operands)
{
    struct tcg_env *env = vcpu_env(v);
    const uint32_t flags = tcg_fp_flags(v);

    env->fp_flush_results = results;
    env->fp_flush_operands = operands;
    tcg_fp_set_flags(v, flags);
}

bool tcg_fp_trap(struct vcpu *v, uint32_t *mxcsr, bool can_evaluate)
{
    struct tcg_env *env = vcpu_env(v);
    const uint32_t both = FP_UNDERFLOW | FP_INEXACT;
    const uint32_t unmasked = ~(*mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS,
                   traps = *mxcsr & unmasked;
    const uint32_t known = env->fp_flags | from_mxcsr(env, *mxcsr & ~unmasked);
    bool evaluate = false;

    if (traps & MXCSR_DE) {
        env->fp_flags |= FP_DENORMAL;
    } else if (traps & MXCSR_UE && (known & both) != both) {
        evaluate = can_evaluate;
        env->fp_flags |= can_evaluate ? 0 : both;
    } else if (traps & MXCSR_PE && !(known & FP_INEXACT)) {
        evaluate = can_evaluate;
        env->fp_flags |= can_evaluate ? 0 : (uint32_t)FP_INEXACT;
    }
    *mxcsr &= MXCSR_ROUND | (MXCSR_FLAGS & ~unmasked);
    *mxcsr |= control(env, env->fp_flags | from_mxcsr(env, *mxcsr));
    return evaluate;
}
