/* SPDX-License-Identifier: MIT */
/* The folder: what an instruction that is about to be appended simplifies to. Internal to tcg/. */
#ifndef TCG_FOLD_H
#define TCG_FOLD_H

#include "base/bits.h"
#include "tcg/ir.h"

/*
 * The existing (or newly emitted) value that *in equals, or IR_NONE: then *in, which may have been
 * rewritten in place, is to be appended. Requirements for a rule:
 *   - It holds for every operand value and every width the op takes.
 *   - It never evaluates anything STICKY, and never drops a memory access or a call.
 *   - It terminates: each rewriting either leaves fewer operations or is towards the one normal
 *     form (constants on the right, sub of a constant kept, zext of trunc for masks).
 *   - What it emits is built from the operands' operands, which dominate.
 */
ir_val ir_fold(struct ir_builder *b, struct ir_insn *in);

/* The parts of ir_fold, by file. */
ir_val fold_integer(struct ir_builder *b, struct ir_insn *in);
ir_val fold_convert(struct ir_builder *b, struct ir_insn *in);
ir_val fold_compare(struct ir_builder *b, struct ir_insn *in);
ir_val fold_flags(struct ir_builder *b, struct ir_insn *in);
ir_val fold_vector(struct ir_builder *b, struct ir_insn *in);
void fold_flush(struct ir_builder *b, struct ir_insn *in);
void fold_address(struct ir_builder *b, struct ir_insn *in);

/* The boolean that is 1 where v is 0. */
ir_val fold_wide(struct ir_builder *b, struct ir_insn *in); /* ops of a wide type */
ir_val fold_invert(struct ir_builder *b, ir_val v);

static inline const struct ir_insn *fold_def(const struct ir_builder *b, ir_val v)
{
    return &b->insns[v];
}

static inline bool fold_is_const(const struct ir_builder *b, ir_val v, uint64_t *k)
{
    *k = b->insns[v].imm;
    return b->insns[v].op == IR_konst;
}

/* v is op(x, konst): x in *x and the constant in *k. */
static inline bool fold_is_op_const(const struct ir_builder *b, ir_val v, enum ir_op op, ir_val *x,
                                    uint64_t *k)
{
    const struct ir_insn *d = &b->insns[v];
    *x = d->a;
    *k = b->insns[d->b].imm;
    return d->op == op && b->insns[d->b].op == IR_konst;
}

static inline ir_val fold_emit2(struct ir_builder *b, enum ir_op op, ir_type t, ir_val x, ir_val y)
{
    return ir_emit(
        b, (struct ir_insn){.op = (uint16_t)op, .type = t, .a = (uint16_t)x, .b = (uint16_t)y});
}

#endif
