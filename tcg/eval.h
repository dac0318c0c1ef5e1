/* SPDX-License-Identifier: MIT */
/*
 * Evaluators: what each op of tcg/ops.h computes. They define the ops; the folder, the reference
 * interpreter, and back ends (for ops and for cases that they do not emit) call them.
 *
 * Representation: a scalar of any kind is in u64[0], zero-extended, with u64[1] 0; FLAGS likewise;
 * a vector fills the union, lane 0 first, and a 64-bit vector has u64[1] 0.
 */
#ifndef TCG_EVAL_H
#define TCG_EVAL_H

#include "tcg/ir.h"

struct fp_env;

struct ir_eval {
    const struct ir_insn *in; /* op, type, src, aux, imm count; the operands' names do not */
    struct fp_env *fp;        /* of base/softfloat.h; for floating-point ops */
};

/*
 * Computes the op of *in (op, type, src, aux, imm) on its operands a, b, c (those the shape lacks
 * are not read) into *d, which may be one of them. For every op that has an evaluator, and for the
 * NOEVAL ones without effects (comparisons, select, flags). Floating point takes its rounding from
 * env.fp_rounding and adds to env.fp_flags; ops without floating point do not read v and
 * guest, which may then be NULL.
 */
void ir_eval_op(struct vcpu *v, const struct ir_guest *guest, const struct ir_insn *in,
                union ir_vec *d, const union ir_vec *const operands[3]);

/*
 * The same for ops on integer and FLAGS scalars: operands are zero-extended.
 * For LIFTS ops with an expression and a vector type, one lane.
 */
uint64_t ir_eval_scalar(const struct ir_insn *in, uint64_t a, uint64_t b, uint64_t c);

/* Condition cond of a FLAGS value. */
bool ir_eval_condition(enum ir_cond cond, uint64_t flags);

/* The bits of a FLAGS value; see tcg/ops.h. */
enum {
    IR_FLAG_V = 1 << 0,
    IR_FLAG_C = 1 << 8,
    IR_FLAG_P = 1 << 10,
    IR_FLAG_A = 1 << 12,
    IR_FLAG_Z = 1 << 14,
    IR_FLAG_N = 1 << 15,
    IR_FLAGS_ALL = IR_FLAG_V | IR_FLAG_C | IR_FLAG_P | IR_FLAG_A | IR_FLAG_Z | IR_FLAG_N
};

/* The EV functions of tcg/ops.h, declared: EV makes an evaluator two arguments, of which PICK takes
 * the second. */
#define PICK(...) PICK_SECOND(__VA_ARGS__)
#define PICK_SECOND(first, second, ...) second
#define EV(function)                                                                               \
    ~, void function(struct ir_eval *e, union ir_vec *d, const union ir_vec *a,                    \
                     const union ir_vec *b, const union ir_vec *c);
#define OP(name, shape, effects, evaluator) PICK(evaluator, , )
#include "tcg/ops.h"
#undef OP
#undef EV
#undef PICK
#undef PICK_SECOND

#endif
