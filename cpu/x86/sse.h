/* SPDX-License-Identifier: MIT */
/*
 * What the semantic functions of MMX, SSE and AVX have in common: whether the unit may be used,
 * operands as vectors of 128 or 256 bits (those of MMX with an upper half that is 0),
 * floating-point operands and results, exceptions that are not masked.
 *
 * An instruction and its VEX form are made by one function: the form's first source is an operand
 * of its own, its vectors may have 256 bits, memory need not be aligned, and what is above the
 * result in its register is cleared. Types of vectors are given for 128 bits.
 */
#ifndef CPU_X86_SSE_H
#define CPU_X86_SSE_H

#include "cpu/x86/translate.h"

/* #UD, #NM, and for MMX #MF; false: nothing more is to be emitted. SSE: with an operand of MMX it
 * uses both. */
bool x86_sse_begin(struct x86_block *c, const struct x86_instr *i);
/* The instruction changes to MMX: all registers are in use, TOP is 0. */
void x86_mmx_enter(struct x86_block *c);

/* The first source, which legacy instructions have in common with the result, and the second one.
 */
static inline const struct x86_operand *x86_first(const struct x86_instr *i)
{
    return &i->op[i->vex];
}

static inline const struct x86_operand *x86_second(const struct x86_instr *i)
{
    return &i->op[1 + i->vex];
}

/* The type of 128 bits at the instruction's length. */
static inline ir_type x86_length(const struct x86_instr *i, ir_type t)
{
    return (ir_type)(t + IR_TYPE(0, i->l));
}

/* The same length in lanes of half the bits. */
static inline ir_type x86_halved(ir_type t)
{
    return (ir_type)(t - 1 + IR_TYPE(0, 1));
}

/* An XMM register, written as the instruction does it. */
ir_val x86_xmm(struct x86_block *c, unsigned reg);
void x86_put_xmm(struct x86_block *c, unsigned reg, ir_val v);

/* An operand: of legacy instructions 16 bytes in memory must be aligned. A general register or
 * shorter memory gives the low bits. */
ir_val x86_vector(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o);
/* One that must be aligned always, and never. */
ir_val x86_vector_aligned(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o);
ir_val x86_vector_unaligned(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *o);
/* The result, to a register of MMX, SSE or AVX. */
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

/* The result is a scalar, and above it what the first source has there. */
static inline void x86_put_low(struct x86_block *c, const struct x86_instr *i, ir_val low)
{
    x86_put_vector(c, &i->op[0], x86_with_low(c, x86_xmm(c, x86_first(i)->reg), low));
}

/* Around the operations of an instruction: behind them, and before anything is written, #XM if one
 * raised a flag that is not masked. In most modes they emit nothing. */
void x86_fp_begin(struct x86_block *c);
void x86_fp_end(struct x86_block *c);
/* The same behind an operation whose results r may underflow. */
void x86_fp_result(struct x86_block *c, ir_val r);
/* Of lanes in two vectors of 128 bits, which may be the same one. */
void x86_fp_parts(struct x86_block *c, ir_val low, ir_val high, ir_type lane);

/* x with the sign of each other lane turned, from `first` (0 or 1) on, if it is no NaN. */
ir_val x86_turn_signs(struct x86_block *c, ir_type t, ir_val x, unsigned first);

/* The instruction is an op on its source, in all lanes of t or as a scalar of type t; aux is the
 * op's. */
void x86_fp1_packed(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux);
void x86_fp1_scalar(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t,
                    unsigned aux);

/* ---- vectors */

static inline ir_val x86_v2(struct x86_block *c, enum ir_op op, ir_type t, ir_val x, ir_val y)
{
    return ir_v2(c->b, op, t, x, y, 0);
}

/* Two halves, 0 or 1 each, of vectors as one. */
struct x86_half {
    ir_val v;
    unsigned half;
};
ir_val x86_two_halves(struct x86_block *c, struct x86_half low, struct x86_half high);

/* 64 bits repeated in a vector of the length of t; constants of the instruction's length, of which
 * the first two words may be all; two parts of 16 bytes as a vector of 32. */
ir_val x86_vkonst(struct x86_block *c, ir_type t, uint64_t k);
ir_val x86_konst_halves(struct x86_block *c, const struct x86_instr *i, const uint64_t half[4]);
ir_val x86_join(struct x86_block *c, ir_val low, ir_val high);
/* Part n of a vector, which may have one only. */
ir_val x86_part(struct x86_block *c, ir_val v, unsigned n);

/* The instruction is a function of its two sources, whose lanes are those of t. */
typedef ir_val (*x86_binary)(struct x86_block *c, ir_type t, ir_val x, ir_val y);
void x86_two_vectors(struct x86_block *c, const struct x86_instr *i, x86_binary f, ir_type t);
/* The same for each 16 bytes by itself, given their number. */
typedef ir_val (*x86_parts)(struct x86_block *c, const struct x86_instr *i, const ir_val xy[2],
                            unsigned n);
void x86_by_parts(struct x86_block *c, const struct x86_instr *i, x86_parts f);
/* The instruction is an op on them. */
void x86_vector_op(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t);

/* The instruction compares lanes: all ones where the condition holds. */
void x86_compare_vectors(struct x86_block *c, const struct x86_instr *i, enum ir_cond cond,
                         ir_type t);

/* An instruction and its VEX form, which is what the function `kind` makes of both. */
#define X86_BOTH(kind, name, ...)                                                                  \
    X86_BY(kind, name, __VA_ARGS__)                                                                \
    X86_BY(kind, v##name, __VA_ARGS__)

/* An instruction that is what the function `kind` makes of it. */
#define X86_IS(kind, name)                                                                         \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        (void)a;                                                                                   \
        kind(c, i);                                                                                \
    }

/* A run-time function do_NAME of vectors, whose result follows from its operands alone. */
#define X86_VECTOR_CALL(name_)                                                                     \
    static const struct ir_call row_##name_ = {.name = "x86_" #name_,                              \
                                               .fn = (void (*)(void))(do_##name_),                 \
                                               .class = IR_CALL_FULL,                              \
                                               .vector = true,                                     \
                                               .pure = true}

#endif
