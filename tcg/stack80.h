/* SPDX-License-Identifier: MIT */
/*
 * A guest's stack of eight numbers of 80 bits as the x87 unit has it (Intel SDM, volume 1, chapter
 * 8), and what run-time functions about it are told by op call's constant. A back end whose host
 * has such a unit does the usual cases of a row with `stack80` itself (struct ir_call): no register
 * is empty that must not be, all exceptions are masked, precision and rounding are the initial
 * ones, and nothing is flagged that was not flagged before. The function does all others.
 */
#ifndef TCG_STACK80_H
#define TCG_STACK80_H

#include <stdint.h>

/* Offsets in the CPU struct: eight registers of 16 bytes each; bytes of TOP and, behind it, a bit
 * for each register that is not empty; the control word; the status word without TOP. */
struct ir_stack80 {
    uint32_t registers, top, control, status;
};

enum ir_stack80_kind {
    S80_ARITHMETIC, /* operand a: the other one, if it is no register */
    S80_COMPARE,    /* the same */
    S80_LOAD,       /* a, and of ten bytes b: what was loaded from memory */
    S80_STORE,      /* a: a linear address */
    S80_UNARY,
    S80_MOVE
};

/*
 * Upper half of the constant: what the translator expects of the stack before the instruction. It
 * is a hint: where it is so the registers' places are constants, and where not the same is done
 * with TOP as it is. The functions do not look at it.
 */
#define S80_EXPECTED (1u << 16)
#define S80_EXPECTED_TOP_SHIFT 17  /* 3 bits */
#define S80_EXPECTED_USED_SHIFT 20 /* 8 bits: a bit for each register that is not empty */
#define S80_OPERATION 0xffffu      /* the rest */

/* Arithmetic, comparisons: the operation is bits 5 to 3 of the ModRM byte. */
#define S80_OP 7u
#define S80_SOURCE_SHIFT 3 /* 3 bits: what the other operand is */
enum {
    S80_REGISTER, /* ST(i) */
    S80_F32,
    S80_F64,
    S80_I16,
    S80_I32
};
#define S80_REG_SHIFT 6  /* 3 bits: ST(i), an operand */
#define S80_TO (1u << 9) /* the result goes to ST(i), whose value is the first operand */
#define S80_POP_SHIFT 10 /* 2 bits: so many times */
#define S80_QUIET (1u << 12)
#define S80_EFLAGS (1u << 13) /* a comparison that sets flags */

/* Loads and stores. */
#define S80_KIND 15u
enum {
    S80_K_F32,
    S80_K_F64,
    S80_K_F80,
    S80_K_I16,
    S80_K_I32,
    S80_K_I64,
    S80_K_BCD,
    S80_K_REGISTER,
    S80_K_CONSTANT
};
#define S80_KIND_REG_SHIFT 4 /* of loads: ST(i), or which constant: the opcode's low bits */
#define S80_POP 16u          /* of stores: */
#define S80_CUT 32u          /* towards zero */
#define S80_ALIGN 64u        /* of the memop */

enum {
    S80_U_CHS,
    S80_U_ABS,
    S80_U_TST,
    S80_U_XAM,
    S80_U_SQRT,
    S80_U_RNDINT,
    S80_U_2XM1,
    S80_U_SIN,
    S80_U_COS,
    S80_U_TAN,
    S80_U_SINCOS,
    S80_U_XTRACT
};

enum {
    S80_MOVE_ST,
    S80_MOVE_STP,
    S80_MOVE_STP_UNCHECKED, /* D9 D8+i: an empty register is no fault, and is not copied */
    S80_MOVE_XCH,
    S80_MOVE_FREE,
    S80_MOVE_FREEP,
    S80_MOVE_CMOV,
    S80_MOVE_INC,
    S80_MOVE_DEC,
    S80_MOVE_NOTHING /* but for a pending exception: FNOP */
};
#define S80_MOVE_REG_SHIFT 4

#endif
