/* SPDX-License-Identifier: MIT */
/*
 * What the semantic functions of MMX and SSE have in common: whether the unit may be used, operands
 * as vectors of 128 bits (those of MMX with an upper half that is 0), floating-point operands and
 * results, exceptions that are not masked.
 */
#ifndef CPU_X86_SSE_H
#define CPU_X86_SSE_H

#include "cpu/x86/translate.h"

/* #UD, #NM, and for MMX #MF; false: nothing more is to be emitted. SSE: with an operand of MMX it
 * uses both. */
bool x86_sse_begin(struct x86_block *c, const struct x86_instr *i);
/* The instruction changes to MMX: all registers are in use, TOP is 0. */
void x86_mmx_enter(struct x86_block *c);

/* An operand: 16 bytes in memory must be aligned. A general register or shorter memory gives the
 * low bits. */
ir_val x86_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o);
ir_val x86_vector_unaligned(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *o);
/* The result, to a register of MMX or SSE. */
void x86_put_vector(struct x86_block *c, const struct x86_operand *o, ir_val v);
/* The low bytes of an operand's size to memory. */
void x86_store_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                      ir_val v, memop more);

static inline bool x86_is_mmx(const struct x86_operand *o)
{
    return o->kind == X86_REGISTER && o->file == X86_MMX;
}

/* ---- floating point */

/* IR_FP_ bits of MXCSR. */
static inline unsigned x86_fp(const struct x86_block *c)
{
    return (c->key & X86_KEY_FTZ ? IR_FP_FZ : 0u) | (c->key & X86_KEY_DAZ ? IR_FP_FIZ : 0u);
}

/* A scalar of type t: the low lane of a register, or memory. */
ir_val x86_scalar(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                  ir_type t);
/* The vector type of the lanes of t. */
static inline ir_type x86_lanes(ir_type t)
{
    return IR_TYPE(ir_lane(t), 7 - log2_floor(ir_lane_bits(t)));
}
/* x with lane 0 replaced by a scalar. */
static inline ir_val x86_with_low(struct x86_block *c, ir_val x, ir_val low)
{
    return ir_vset(c->b, x86_lanes(ir_type_of(c->b, low)), x, 0, low);
}

/* A scalar to lane 0 of a register, whose rest stays. */
static inline void x86_put_low(struct x86_block *c, const struct x86_operand *o, ir_val low)
{
    x86_put_vector(c, o, x86_with_low(c, ir_get(c->b, X86_REG_XMM + o->reg), low));
}

/* Around the operations of an instruction: behind them, and before anything is written, #XM if one
 * raised a flag that is not masked. In most modes they emit nothing. */
void x86_fp_begin(struct x86_block *c);
void x86_fp_end(struct x86_block *c);

/* The instruction is an op on the second operand, in all lanes of t or as a scalar of type t; aux
 * is the op's. */
void x86_fp1_packed(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux);
void x86_fp1_scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux);

/* ---- vectors */

static inline ir_val x86_v2(struct x86_block *c, enum ir_op op, ir_type t, ir_val x, ir_val y)
{
    return ir_v2(c->b, op, t, x, y, 0);
}

/* The instruction is a function of the first operand and the second, whose lanes are those of t. */
typedef ir_val (*x86_binary)(struct x86_block *c, ir_type t, ir_val x, ir_val y);
void x86_two_vectors(struct x86_block *c, const struct x86_instr *i, x86_binary f, ir_type t);
/* The instruction is an op on them. */
void x86_vector_op(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t);

/* The instruction compares lanes: all ones where the condition holds. */
void x86_compare_vectors(struct x86_block *c, const struct x86_instr *i, enum ir_cond cond,
                         ir_type t);

/* A run-time function do_NAME of vectors, whose result follows from its operands alone. */
#define X86_VECTOR_CALL(name_)                                                                     \
    static const struct ir_call row_##name_ = {.name = "x86_" #name_,                              \
                                               .fn = (void (*)(void))(do_##name_),                 \
                                               .class = IR_CALL_FULL,                              \
                                               .vector = true,                                     \
                                               .pure = true}

#endif
