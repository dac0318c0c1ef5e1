/* SPDX-License-Identifier: MIT */
/*
 * Sequences of vector instructions, written in the order in which they run: hot code is emitted
 * backwards, so the steps are collected first and emitted by steps_emit(), last one first. Three
 * operands become one AVX instruction or an SSE one with a move.
 */
#ifndef TCG_HOST_X86_64_SIMD_H
#define TCG_HOST_X86_64_SIMD_H

#include "tcg/host/x86_64/compile.h"

#define B0F(op) OPC(PP_NONE, MAP_0F, op)
#define B66(op) OPC(PP_66, MAP_0F, op)
#define B38(op) OPC(PP_66, MAP_0F38, op)
#define B3A(op) OPC(PP_66, MAP_0F3A, op)

#define PXOR B66(0xef)
#define POR B66(0xeb)
#define PAND B66(0xdb)
#define PANDN B66(0xdf)
#define PSHUFB B38(0x00)
#define PSHUFD B66(0x70)
#define MOVDDUP OPC(PP_F2, MAP_0F, 0x12) /* the lower half in both */

/* By element width; L_I8 has none of the shifts. */
#define SHIFT_LEFT 6
#define SHIFT_RIGHT 2
#define SHIFT_ARITHMETIC 4
extern const opcode lane_add[4], lane_sub[4], lane_equal[4], lane_greater[4], lane_shift[4];

struct step {
    enum {
        STEP_RR,
        STEP_RM,
        STEP_VEX,
        STEP_VEX_RM,
        STEP_EVEX,
        STEP_EVEX_NEAREST,
        STEP_IMM,
        STEP_JCC
    } kind;
    opcode op;
    uint8_t reg, vvvv, rm, imm_bytes;
    uint64_t imm; /* STEP_JCC: where to; STEP_IMM: the constant */
    enum constant constant;
};

#define MAX_STEPS 48
struct steps {
    struct compiler *c;
    unsigned count;
    struct step step[MAX_STEPS];
};

void steps_emit(struct steps *q);

/* reg and rm as the instruction has them; imm: with a byte behind. */
void s_rr(struct steps *q, opcode op, unsigned reg, unsigned rm);
void s_rri(struct steps *q, opcode op, unsigned reg, unsigned rm, unsigned imm);
/* dst = a op b. Without AVX dst must not be b, unless it is a. */
void s_three(struct steps *q, opcode op, unsigned dst, unsigned a, unsigned b);
void s_three_imm(struct steps *q, opcode op, const unsigned dst_a_b[3], unsigned imm);
/* dst = a op constant */
void s_const(struct steps *q, opcode op, unsigned dst, unsigned a, enum constant k);
void s_const_imm(struct steps *q, opcode op, const unsigned dst_a[2], enum constant k,
                 unsigned imm);
/* op reg, constant: no result in a vector register */
void s_compare_const(struct steps *q, opcode op, unsigned reg, enum constant k);
void s_load(struct steps *q, unsigned dst, enum constant k);
void s_copy(struct steps *q, unsigned dst, unsigned src);
/* dst = src shifted by n, as SHIFT_… says; op of lane_shift */
void s_shift(struct steps *q, opcode op, unsigned how, const unsigned dst_src[2], unsigned n);
void s_zero(struct steps *q, unsigned r);
void s_ones(struct steps *q, unsigned r);
/* EVEX.128 of registers below 16; vvvv 0 if the instruction has none */
void s_evex(struct steps *q, opcode op, unsigned reg, unsigned vvvv, unsigned rm);
void s_evex_imm(struct steps *q, opcode op, const unsigned reg_vvvv_rm[3], unsigned imm);
/* The same as s_evex, of scalars or 512 bits, rounded to nearest and raising nothing. */
void s_evex_nearest(struct steps *q, opcode op, unsigned reg, unsigned vvvv, unsigned rm);
/* General registers. */
void s_imm(struct steps *q, unsigned r, uint64_t imm);
void s_alu_imm(struct steps *q, unsigned alu, bool w, unsigned r, uint32_t imm);
void s_jcc(struct steps *q, unsigned cc, uint32_t goal);

/* ---- floating point, shared by its files (ops_fp_lanes.c) */

/* Flushing alone: arithmetic stays on the host's unit as long as nothing is to be flushed. */
#define FP_BUT_FLUSH (FP_SPECIAL & ~(unsigned)IR_FP_FZ)

static inline bool is_f64(ir_type t) /* its lanes are */
{
    return ir_lane(t) == L_F64;
}

/* A vector of 64 bits. */
static inline bool is_half(const struct ir_insn *in)
{
    return ir_is_vector(in->type) && ir_type_bits(in->type) == 64;
}

/* The prefixes that choose between single and double precision. */
static inline unsigned scalar_prefix(ir_type t)
{
    return is_f64(t) ? PP_F2 : PP_F3;
}

static inline unsigned packed_prefix(ir_type t)
{
    return is_f64(t) ? PP_66 : PP_NONE;
}

/* The host's unit flushes to zero, as op in wants it. */
static inline bool is_flushing(const struct ir_insn *in)
{
    return (in->imm & FP_SPECIAL) == IR_FP_FZ;
}

/* Operands of type t in the environment of in are the host unit's business. */
static inline bool is_hostable(const struct ir_insn *in, ir_type t)
{
    return (is_f64(t) || ir_lane(t) == L_F32) && !(in->imm & FP_SPECIAL);
}

/* r = in of x, scalar or by lane: fadd, fsub, fmul, fdiv, fsqrt, fma. Nothing is checked. */
void s_arithmetic(struct steps *q, const struct ir_insn *in, unsigned r, const unsigned x[3]);

/* Jumps to cold if a lane of r is a NaN, or with small also if one is the smallest normal number.
 * Uses rax, xmm1, and without AVX t. */
void s_check_lanes(struct steps *q, ir_type t, const unsigned r_t[2], bool small, uint32_t cold);
/* Rounding of frint and ftoi as the immediate of the host's rounding instructions; not IR_RNA. */
unsigned rounding_imm(unsigned rounding);

#endif
