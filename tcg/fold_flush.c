/* SPDX-License-Identifier: MIT */
/*
 * Flushing of operands to zero (Arm's FZ) as an op of its own: what it is done for then needs no
 * environment, and its result is never too small. Not for arithmetic, whose results are flushed as
 * well; and not where the guest's rules flush operands by a switch of their own, as the host does.
 */
#include "base/softfloat.h"
#include "tcg/fold.h"

#define FLUSH_RULES (IR_FP_FZ | IR_FP_FIZ | IR_FP_ALT | IR_FP_NEP | IR_FP_FIXED)

/* No lane of v is denormal: an arithmetic result that is flushed, an integral or widened number. */
static bool is_flushed(const struct ir_builder *b, ir_val v, ir_type t)
{
    const struct ir_insn *d = fold_def(b, v);
    uint64_t k;

    while ((d->op == IR_fneg || d->op == IR_fabs) && d->type == t) {
        d = fold_def(b, d->a);
    }
    switch (d->op) {
    case IR_itof:
    case IR_vitof:
    case IR_frint:
        return d->type == t;
    case IR_fcvt:
        return d->type == t &&
               (ir_lane_bits(d->src) < ir_lane_bits(t) || (d->imm & FLUSH_RULES) == IR_FP_FZ);
    case IR_fmin:
    case IR_fmax:
    case IR_fminnm:
    case IR_fmaxnm:
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fma:
    case IR_fdaz:
        return d->type == t && (d->imm & FLUSH_RULES) == IR_FP_FZ;
    case IR_fmov_to_fp:
        return (t == T_F32 || t == T_F64) && fold_is_const(b, d->a, &k) &&
               (t == T_F64 ? k << 1 == 0 || k << 1 >> 53
                           : (uint32_t)k << 1 == 0 || (uint32_t)k << 1 >> 24);
    default:
        return false;
    }
}

static ir_val flushed(struct ir_builder *b, ir_val v, ir_type t)
{
    return is_flushed(b, v, t) ? v : ir_fp1(b, IR_fdaz, t, v, 0, IR_FP_FZ);
}

/* Where results and operands are flushed apart: a result that is never too small needs no flushing,
 * and integers are no denormals. */
static void drop_idle(struct ir_insn *in)
{
    const ir_type t = in->op == IR_fcvt ? in->type : T_F32;

    if (in->imm & ~(uint64_t)(IR_FP_FZ | IR_FP_FIZ)) {
        return;
    }
    if ((in->op == IR_itof || in->op == IR_vitof) && in->aux >> 8 == 0 &&
        ir_lane_bits(in->type) >= 32) {
        in->imm = 0;
    } else if (in->op == IR_fcmp || in->op == IR_flags_fcmp || in->op == IR_vfcmp ||
               in->op == IR_ftoi || in->op == IR_vftoi || in->op == IR_frint || t == T_F64) {
        in->imm &= ~(uint64_t)IR_FP_FZ;
    }
}

void fold_flush(struct ir_builder *b, struct ir_insn *in)
{
    const bool of_src = in->op == IR_fcmp || in->op == IR_flags_fcmp || in->op == IR_ftoi ||
                        in->op == IR_fcvt;
    const ir_type t = of_src ? in->src : in->type;
    if (b->guest->fp_rules && b->guest->fp_rules->flush_apart) {
        drop_idle(in);
        return;
    }
    const bool widens = in->op != IR_fcvt || (in->src == T_F32 && in->type == T_F64);

    if ((in->imm & FLUSH_RULES) == IR_FP_FZ && widens &&
        (ir_lane(t) == L_F32 || ir_lane(t) == L_F64)) {
        in->imm &= ~(uint64_t)IR_FP_FZ;
        in->a = (uint16_t)flushed(b, in->a, t);
        in->b = in->b ? (uint16_t)flushed(b, in->b, t) : 0;
    }
}
