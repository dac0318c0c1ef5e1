/* SPDX-License-Identifier: MIT */
/* Evaluation of any op without effects on memory, rows or control: the dispatch over tcg/ops.h. */
#include <string.h>

#include "base/bits.h"
#include "base/softfloat.h"
#include "tcg/env.h"
#include "tcg/eval.h"
#include "tcg/eval_lanes.h"
#include "tcg/opinfo.h"

/* EV makes an evaluator two arguments, of which PICK takes the second. */
#define PICK(...) PICK_SECOND(__VA_ARGS__)
#define PICK_SECOND(first, second, ...) second
#define EV(function) ~, function
#define OP(name, shape, effects, evaluator) [IR_##name] = PICK(evaluator, NULL, ),
static void (*const evaluators[IR_OP_COUNT])(struct ir_eval *, union ir_vec *, const union ir_vec *,
                                             const union ir_vec *, const union ir_vec *) = {
#include "tcg/ops.h"
};
#undef OP
#undef EV
#undef PICK
#undef PICK_SECOND

static void eval_lanes(const struct ir_insn *in, union ir_vec *d, const union ir_vec *a,
                       const union ir_vec *b, const union ir_vec *c)
{
    const unsigned operands = ir_ops[in->op].operands, w = ir_lane_bits(in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(in->type); i++) {
        const uint64_t x = eval_lane(a, w, i);
        const uint64_t y = operands > 1 ? eval_lane(b, w, i) : 0;
        const uint64_t z = operands > 2 ? eval_lane(c, w, i) : 0;
        eval_set_lane(&r, w, i, ir_eval_scalar(in, x, y, z));
    }
    *d = r;
}

static void eval_integer(const struct ir_insn *in, union ir_vec *d, const union ir_vec *a,
                         const union ir_vec *b, const union ir_vec *c)
{
    const unsigned operands = ir_ops[in->op].operands;
    const uint64_t x = operands > 0 ? a->u64[0] : 0;
    const uint64_t y = operands > 1 ? b->u64[0] : 0;
    const uint64_t z = operands > 2 ? c->u64[0] : 0;

    *d = (union ir_vec){.u64 = {ir_eval_scalar(in, x, y, z), 0}};
}

/* Such an op on wide vectors is not one on each part. */
static bool is_whole(enum ir_op op)
{
    return op == IR_vkonst || op == IR_vdup || op == IR_vset || op == IR_vzext || op == IR_select ||
           (op >= IR_vpart && op <= IR_vwiden);
}

static void eval_parts(struct vcpu *v, const struct ir_guest *guest, const struct ir_insn *in,
                       union ir_vec *d, const union ir_vec *const operands[3])
{
    struct ir_insn part = *in;
    union ir_vec whole = {.u64 = {0, 0}};

    part.type = ir_part_type(in->type);
    for (unsigned n = 0; n < ir_part_count(in->type); n++) {
        union ir_vec x[3], r;
        for (unsigned i = 0; i < ir_ops[in->op].operands; i++) {
            memcpy(&x[i], &operands[i]->u64[2 * n], 16);
        }
        ir_eval_op(v, guest, &part, &r, (const union ir_vec *const[]){&x[0], &x[1], &x[2]});
        memcpy(&whole.u64[2 * n], &r, 16);
    }
    *d = whole;
}

void ir_eval_op(struct vcpu *v, const struct ir_guest *guest, const struct ir_insn *in,
                union ir_vec *d, const union ir_vec *const operands[3])
{
    const union ir_vec *a = operands[0], *b = operands[1], *c = operands[2];

    if (ir_is_wide(in->type) && !is_whole((enum ir_op)in->op)) {
        eval_parts(v, guest, in, d, operands);
    } else if (ir_ops[in->op].effects & IR_STICKY) {
        struct fp_env fp = eval_fp_env(guest, vcpu_env(v)->fp_rounding, in->imm);
        struct ir_eval e = {.in = in, .fp = &fp};
        if (in->op == IR_flags_fcmp) {
            eval_flags_fcmp(&e, d, a, b, c);
        } else {
            evaluators[in->op](&e, d, a, b, c);
        }
        vcpu_env(v)->fp_flags |= fp.flags;
    } else if (evaluators[in->op]) {
        struct ir_eval e = {.in = in};
        evaluators[in->op](&e, d, a, b, c);
    } else if (in->op == IR_select) {
        *d = a->u64[0] ? *b : *c;
    } else if (ir_is_vector(in->type)) {
        eval_lanes(in, d, a, b, c);
    } else {
        eval_integer(in, d, a, b, c);
    }
}
