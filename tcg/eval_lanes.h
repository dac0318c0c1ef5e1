/* SPDX-License-Identifier: MIT */
/* What the evaluators share: lanes of a vector, the floating-point environment. Internal to tcg/.
 */
#ifndef TCG_EVAL_LANES_H
#define TCG_EVAL_LANES_H

#include "base/bits.h"
#include "tcg/eval.h"

/* Lane i of v, w bits wide, zero-extended. */
static inline uint64_t eval_lane(const union ir_vec *v, unsigned w, unsigned i)
{
    switch (w) {
    case 8:
        return v->u8[i];
    case 16:
        return v->u16[i];
    case 32:
        return v->u32[i];
    default:
        return v->u64[i];
    }
}

static inline int64_t eval_signed_lane(const union ir_vec *v, unsigned w, unsigned i)
{
    return sext64(eval_lane(v, w, i), w);
}

static inline void eval_set_lane(union ir_vec *v, unsigned w, unsigned i, uint64_t x)
{
    switch (w) {
    case 8:
        v->u8[i] = (uint8_t)x;
        break;
    case 16:
        v->u16[i] = (uint16_t)x;
        break;
    case 32:
        v->u32[i] = (uint32_t)x;
        break;
    default:
        v->u64[i] = x;
        break;
    }
}

/*
 * The environment of guest's floating point with the IR_FP_ bits in fp, flags clear; rounding is an
 * enum ir_rounding but IR_RDYN.
 */
struct fp_env eval_fp_env(const struct ir_guest *guest, unsigned rounding, uint64_t fp);

/* The evaluator of flags_fcmp. */
void eval_flags_fcmp(struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                     const union ir_vec *b, const union ir_vec *c);

#endif
