/* SPDX-License-Identifier: MIT */
/*
 * What the semantic functions of A64 share: the block that is being translated, and reading and
 * writing its registers.
 *
 * A semantic function gets the operands of its row (build/gen/cpu/arm/a64_decode.h) and emits IR.
 * It reads like the manual's pseudocode. Rules: an unallocated combination ends with `return
 * undefined(c)`; registers are put only after the last access that may fault; whoever ends the
 * block (a branch, an exception) emits nothing after that.
 */
#ifndef CPU_ARM_A64_H
#define CPU_ARM_A64_H

#include "cpu/arm/a64_decode.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/regs.h"
#include "tcg/build.h"
#include "tcg/ir.h"

struct a64_block {
    struct ir_builder *b;
    struct arm_cpu *cpu; /* for what is constant: features, and for the mode below */
    uint64_t mode;       /* MODE_ fields that this block is for */
    uint64_t pc;         /* of this instruction */
    uint32_t insn;
    unsigned el;
    unsigned fp;     /* IR_FP_ bits for floating-point ops */
    memop idx, uidx; /* MO_IDX of ordinary and of unprivileged accesses, with MO_SWAP, and MO_ALIGN
                        where SCTLR_ELx.A is set */
    ir_val unmasked; /* PSTATE_I and PSTATE_F where the last instruction cleared them (I32), or
                        IR_NONE:   interrupts are looked at before the next one */
    bool sp_written; /* by this instruction */
    ir_val aligned_sp; /* a value of SP that is known to be aligned, or IR_NONE */
    ir_val open_sp;    /* SP, where its alignment is still to be checked, or IR_NONE */
    uint64_t jump;     /* the block goes on there, not at the next instruction; 0: it does not */
};

/* ---- features */

static inline bool has(const struct a64_block *c, enum arm_feature f)
{
    return arm_has(c->cpu, f);
}

/* ---- general registers; sf: 64 bits, else the low 32. 31 is the zero register, or (sp forms) the
 * stack pointer */

static inline ir_type type_of(unsigned sf)
{
    return sf ? T_I64 : T_I32;
}

static inline ir_val const_of(struct a64_block *c, uint64_t k, unsigned sf)
{
    return ir_konst(c->b, type_of(sf), k);
}

static inline ir_val read_x(struct a64_block *c, unsigned r, unsigned sf)
{
    if (r == 31) {
        return const_of(c, 0, sf);
    }
    return ir_trunc(c->b, type_of(sf), ir_get(c->b, ARM_REG_X0 + r));
}

static inline ir_val read_xsp(struct a64_block *c, unsigned r, unsigned sf)
{
    return ir_trunc(c->b, type_of(sf), ir_get(c->b, ARM_REG_X0 + r));
}

/* Xm shifted (0 LSL, 1 LSR, 2 ASR, 3 ROR) by a constant. */
ir_val read_shifted(struct a64_block *c, unsigned rm, unsigned sf, unsigned shift, unsigned amount);

/* v is an I64 or an I32, which is zero-extended. */
static inline void write_x(struct a64_block *c, unsigned r, ir_val v)
{
    if (r != 31) {
        ir_put(c->b, ARM_REG_X0 + r, ir_zext(c->b, T_I64, v));
    }
}

/*
 * Writes Xr or SP. SP may become misaligned by this (see a64_translate.c), which may leave the
 * block: an instruction that accesses memory or writes other registers as well calls guard_sp
 * first, with the same value.
 */
void guard_sp(struct a64_block *c, unsigned r, ir_val v);
void write_xsp(struct a64_block *c, unsigned r, ir_val v);

/* ---- condition flags: IR values with C complemented, so that a subtraction's fit as they are */

static inline ir_val get_nzcv(struct a64_block *c)
{
    return ir_get(c->b, ARM_REG_NZCV);
}

static inline void put_nzcv(struct a64_block *c, ir_val flags)
{
    ir_put(c->b, ARM_REG_NZCV, flags);
}

/* NZCV given as the four bits of an instruction. */
ir_val flags_const(struct a64_block *c, unsigned nzcv);

/* An I32 boolean: does the condition (4 bits of an instruction) hold? */
ir_val cond_holds(struct a64_block *c, unsigned cond);

/* ---- SIMD and floating-point registers */

static inline ir_val read_v(struct a64_block *c, unsigned r)
{
    return ir_get(c->b, ARM_REG_V0 + r);
}

/* v is any 128-bit vector. */
static inline void write_v(struct a64_block *c, unsigned r, ir_val v)
{
    ir_put(c->b, ARM_REG_V0 + r, v);
}

/* Vd of a vector instruction: the upper half becomes 0 unless q. */
static inline void write_vq(struct a64_block *c, unsigned r, unsigned q, ir_val v)
{
    write_v(c, r, q ? v : ir_vlow64(c->b, v));
}

/* A scalar of type t (T_F16 to T_F64, or an integer lane) in the low bits of Vr. */
static inline ir_val read_s(struct a64_block *c, unsigned r, ir_type t)
{
    return ir_vget(c->b, t, read_v(c, r), 0);
}

/* The rest of Vr becomes 0. */
static inline void write_s(struct a64_block *c, unsigned r, ir_val v)
{
    write_v(c, r, ir_vzext(c->b, v));
}

/*
 * False if SIMD and floating-point instructions are trapped here (CPACR_EL1.FPEN); the exception is
 * then emitted. To be asked after all that makes the instruction undefined:  if (!fp_access(c)) {
 * return; }
 */
bool fp_access(struct a64_block *c);

/* FPSR.QC becomes 1 if v, a vector, is not 0 (for example the exclusive or of a saturated and a
 * plain result). */
static inline void accumulate_qc(struct a64_block *c, ir_val v)
{
    const ir_val qc = ir_get(c->b, ARM_REG_QC);
    ir_put(c->b, ARM_REG_QC, ir_v2(c->b, IR_or, T_V128, qc, v, 0));
}

/* ---- memory */

/* The memop of an access of 1 << size bytes. */
static inline memop mem_of(const struct a64_block *c, unsigned size)
{
    return size | c->idx |
           (has(c, ARM_HAS_lse2) && size && !(c->idx & MO_ALIGN) ? MO_WHOLE_IN_16 : 0);
}

/*
 * For an access of several values of 1 << size bytes: with big-endian data each of them is reversed
 * for itself. m has MO_SWAP then, or not.
 */
static inline memop units_of(memop m, unsigned size)
{
    const bool swaps = (m & MO_SWAP) && size != MO_8;
    return (m & ~MO_SWAP) |
           (swaps ? MO_SWAP | (size < (m & MO_SIZE_LOG2) ? size << MO_UNIT_SHIFT : 0) : 0);
}

/* Xn|SP as the base of an access: checks the alignment of SP where that is asked for. */
ir_val read_base(struct a64_block *c, unsigned rn);

/* Xm extended as option says (ExtendReg) and shifted left, an I64. */
ir_val extend_x(struct a64_block *c, unsigned rm, unsigned option, unsigned shift);

/* An address of base + off, where that is not part of the access. */
static inline ir_val add_offset(struct a64_block *c, ir_val base, int64_t off)
{
    return ir_add(c->b, base, ir_konst(c->b, T_I64, (uint64_t)off));
}

/* ---- exceptions and the end of the block */

void undefined(struct a64_block *c);
/* Takes the synchronous exception with that syndrome at this instruction. */
void raise_syndrome(struct a64_block *c, uint32_t syndrome);
/* The same, if the I32 boolean is true. */
void raise_if(struct a64_block *c, ir_val condition, uint32_t syndrome);

/* Run-time functions as rows. */
#define A64_ROW(fn_, class_)                                                                       \
    {                                                                                              \
        .name = #fn_, .fn = (void (*)(void))(fn_), .class = (class_)                               \
    }

/*
 * Branches: these end the block, and know software step. next_pc() is the address of the next
 * instruction.
 */
static inline uint64_t next_pc(const struct a64_block *c)
{
    return c->pc + 4;
}
void branch_to(struct a64_block *c, uint64_t pc);    /* ends the block */
void branch_along(struct a64_block *c, uint64_t pc); /* a jump, which the block may follow */
void branch_if(struct a64_block *c, ir_val condition, uint64_t pc);
void branch_flags(struct a64_block *c, unsigned cond, uint64_t pc); /* B.cond */
void branch_call(struct a64_block *c, uint64_t pc);
enum a64_branch_kind {
    A64_JUMP,
    A64_CALL,
    A64_RETURN
};
void branch_value(struct a64_block *c, ir_val pc, enum a64_branch_kind kind);

/* Ends the block: fn runs with the state in memory and gives the PC to go on at; x and y may be
 * IR_NONE. */
void end_with(struct a64_block *c, const struct ir_call *row, ir_val x, ir_val y, uint32_t aux);

/* This instruction's address. An address that guest code computes from its own is made by
 * ir_address: the block may be found at several. */
static inline ir_val pc_value(struct a64_block *c)
{
    return ir_address(c->b, c->pc);
}

#endif
