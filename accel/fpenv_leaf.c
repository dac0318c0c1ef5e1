/* SPDX-License-Identifier: MIT */
/*
 * The floating-point environment between guest, host and software. While generated code runs, MXCSR
 * holds the guest's rounding mode and gathers cumulative flags; calls out of it leave MXCSR in
 * hot.guest_mxcsr and put it back afterwards.
 */
#include "base/softfloat.h"
#include "cpu/cpu.h"
#include "tcg/ir.h"

#define MXCSR_MASKS 0x1f80u
#define MXCSR_FLAGS 0x3fu
#define MXCSR_ROUND_SHIFT 13

/* MXCSR: IE 0, DE 1, ZE 2, OE 3, UE 4, PE 5. A denormal operand is no event for a guest that does
 * not flush. */
static uint32_t from_mxcsr(uint32_t m)
{
    return (m & 1 ? FP_INVALID : 0) | (m & 4 ? FP_DIVZERO : 0) | (m & 8 ? FP_OVERFLOW : 0) |
           (m & 16 ? FP_UNDERFLOW : 0) | (m & 32 ? FP_INEXACT : 0);
}

uint32_t tcg_fp_flags(struct vcpu *v)
{
    return v->env.fp_flags | from_mxcsr(v->hot.guest_mxcsr);
}

void tcg_fp_set_flags(struct vcpu *v, uint32_t flags)
{
    v->env.fp_flags = flags;
    v->hot.guest_mxcsr = (v->hot.guest_mxcsr & ~MXCSR_FLAGS) | MXCSR_MASKS;
}

void tcg_fp_set_rounding(struct vcpu *v, unsigned rounding)
{
    /* MXCSR's RC: nearest, down, up, zero. */
    static const uint8_t rc[] = {[IR_RNE] = 0, [IR_RUP] = 2, [IR_RDN] = 1, [IR_RTZ] = 3};

    v->env.fp_rounding = (uint8_t)rounding;
    v->hot.guest_mxcsr = (v->hot.guest_mxcsr & ~(3u << MXCSR_ROUND_SHIFT)) | MXCSR_MASKS |
                         (uint32_t)rc[rounding & 3] << MXCSR_ROUND_SHIFT;
}
