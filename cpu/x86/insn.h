/* SPDX-License-Identifier: MIT */
/*
 * Instructions of x86 as the decoders have them that decgen makes of opcode maps: what all rows
 * have in common. Intel SDM, volume 2, chapter 2 (prefixes, ModRM, SIB, REX, VEX) and appendix A.2
 * (notation of operands). Not here: EVEX, XOP, 3DNow!.
 *
 * x86_begin() reads prefixes, opcode and ModRM byte; then the rows' fixed parts, conditions and
 * features tell which row it is; x86_finish() reads the rest and fills in the operands.
 */
#ifndef CPU_X86_INSN_H
#define CPU_X86_INSN_H

#include "base/cursor.h"

#define X86_MAX_BYTES 15
#define X86_MAX_OPERANDS 4
#define X86_NONE 0xff /* no register */
#define X86_RIP 16    /* as a base: the address of the next instruction */

enum x86_status {
    X86_OK,
    X86_UNDEFINED, /* #UD */
    X86_SHORT,     /* x86_instr.bytes, more than there are, are needed to go on */
    X86_LONG       /* more than 15 bytes: #GP(0) */
};

/* How an operand is addressed: the capitals of appendix A.2.1, and what an opcode implies. */
enum x86_method {
    X86_M_A,  /* far pointer in the instruction */
    X86_M_B,  /* general register named by VEX.vvvv */
    X86_M_C,  /* control register */
    X86_M_D,  /* debug register */
    X86_M_E,  /* general register or memory */
    X86_M_F,  /* flags */
    X86_M_G,  /* general register named by ModRM.reg */
    X86_M_H,  /* vector register named by VEX.vvvv */
    X86_M_I,  /* immediate, unsigned if it is shorter than the operation */
    X86_M_sI, /* immediate, extended by its sign */
    X86_M_J,  /* relative to the next instruction */
    X86_M_L,  /* vector register named by the high half of an immediate byte */
    X86_M_M,  /* memory */
    X86_M_N,  /* MMX register named by ModRM.rm */
    X86_M_O,  /* memory at an offset in the instruction */
    X86_M_P,  /* MMX register named by ModRM.reg */
    X86_M_Q,  /* MMX register or memory */
    X86_M_R,  /* general register named by ModRM.rm */
    X86_M_S,  /* segment register */
    X86_M_U,  /* vector register named by ModRM.rm */
    X86_M_V,  /* vector register named by ModRM.reg */
    X86_M_W,  /* vector register or memory */
    X86_M_X,  /* memory at DS:rSI */
    X86_M_Y,  /* memory at ES:rDI */
    X86_M_Z,  /* general register named by the opcode */
    X86_M_rAX,
    X86_M_rCX,
    X86_M_rDX,
    X86_M_ES,
    X86_M_CS,
    X86_M_SS,
    X86_M_DS,
    X86_M_FS,
    X86_M_GS,
    X86_M_1,   /* the number */
    X86_M_ST,  /* top of the x87 stack */
    X86_M_STi, /* x87 register named by ModRM.rm */
    X86_M_XMM0,
    X86_M_VM32, /* memory with a vector of 32-bit indices; the type is the vector's */
    X86_M_VM64
};

/* Types of operands: appendix A.2.2. */
enum x86_type {
    X86_T_none, /* no access: the address alone */
    X86_T_a,    /* two words or doublewords (BOUND) */
    X86_T_b,
    X86_T_d,
    X86_T_dq, /* 16 bytes */
    X86_T_p,  /* far pointer */
    X86_T_pd,
    X86_T_pi,
    X86_T_ps,
    X86_T_q,
    X86_T_qq, /* 32 bytes */
    X86_T_s,  /* limit and base of a descriptor table */
    X86_T_sd,
    X86_T_ss,
    X86_T_t, /* ten bytes */
    X86_T_v, /* 2, 4 or 8 bytes by operand size */
    X86_T_w,
    X86_T_x, /* 16 or 32 bytes by vector length */
    X86_T_y, /* 4 or 8 bytes by operand size */
    X86_T_z  /* 2 or 4 bytes by operand size */
};

enum x86_operand_kind {
    X86_REGISTER,
    X86_MEMORY,
    X86_IMMEDIATE,
    X86_RELATIVE,
    X86_FAR,
    X86_FLAGS
};

enum x86_file {
    X86_GPR,
    X86_HIGH_BYTE, /* AH, CH, DH, BH */
    X86_SEGMENT,
    X86_CONTROL,
    X86_DEBUG,
    X86_X87,
    X86_MMX,
    X86_VECTOR
};

struct x86_operand {
    uint8_t kind;      /* enum x86_operand_kind */
    uint8_t file, reg; /* of a register */
    uint8_t seg;       /* of memory: 0 to 5 for ES, CS, SS, DS, FS, GS */
    uint8_t base;      /* general register, X86_RIP or X86_NONE */
    uint8_t index;     /* general register, or vector register if `vsib`, or X86_NONE */
    uint8_t scale;     /* logarithm */
    uint8_t vsib;      /* bytes of each index in a vector register, which has */
    uint8_t vector;    /* ... so many bytes; both 0: none */
    bool implied;      /* memory or x87 register that no ModRM byte names */
    uint16_t bytes;    /* of the access; of a number: 0 if the opcode implies it */
    int64_t value;     /* immediate, displacement; far: selector << 32 | offset */
};

struct x86_instr {
    struct cursor code; /* what may be read */
    uint8_t bytes;      /* of the instruction; X86_SHORT: needed to go on */
    uint8_t mode;       /* 2, 4, 8: 16-, 32-, 64-bit code */
    uint8_t os, as;     /* operand and address size in bytes; os is final after x86_finish() */
    uint8_t rex;        /* the prefix, or 0 */
    uint8_t rep;        /* 0xf3, 0xf2 or 0 */
    uint8_t seg;        /* override, or X86_NONE */
    bool opsize, lock;  /* prefixes 66 and F0 are there */
    bool vex;
    uint8_t map;                 /* 0 to 3: one-byte, 0F, 0F38, 0F3A */
    uint8_t opcode, modrm;       /* modrm is 0xff if there is none */
    uint8_t pp;                  /* 0 to 3: mandatory prefix none, 66, F3, F2 */
    uint8_t l, w, vvvv;          /* of VEX and REX; vvvv as a register number, of which code
                                    that is not 64-bit ignores the top bit */
    uint8_t ext_r, ext_x, ext_b; /* 8 when REX or VEX has the bit, else 0 */
    uint8_t mod, reg, rm;        /* of ModRM, reg and rm with their high bits */
    uint8_t cc;                  /* the opcode's low four bits, a condition */
    uint8_t ops;                 /* number of operands */
    uint16_t row;
    int64_t imm; /* the last immediate */
    struct x86_operand op[X86_MAX_OPERANDS];
};

struct x86_notation {
    uint8_t method, type, memtype; /* memtype: when it is in memory */
};

enum {
    X86_F_D64 = 1,    /* operand size is 64 bits in 64-bit code, or 16 by prefix */
    X86_F_F64 = 2,    /* ... always */
    X86_F_P66 = 4,    /* prefix 66 is part of the opcode */
    X86_F_REP = 8,    /* a string instruction: F3 and F2 repeat it */
    X86_F_REPZ = 16,  /* ... while it finds ZF set or clear */
    X86_F_MODREG = 32 /* ModRM.mod is ignored: rm is a register */
};

struct x86_row {
    uint64_t mask, value; /* of the key; decgen knows how it is made */
    uint16_t next;        /* tried when this row does not apply, or 0xffff */
    uint8_t feat;         /* the first feature named in the row */
    bool has_where;
    uint8_t flags;
    uint8_t modes; /* that have it: 2, 4 and 8 as bits */
    uint8_t map, vex, pp;
    uint8_t opcode_mask, opcode, modrm_mask, modrm;
    struct x86_notation op[X86_MAX_OPERANDS];
    uint8_t ops;
    const char *name; /* of the row */
    const char *text; /* mnemonic and operands as they stand in the map */
};

/* All rows of an opcode map. */
struct x86_map {
    const struct x86_row *rows;
    unsigned count;
    const uint32_t (*has_modrm)[8]; /* bit n % 32 of [map + 4 * vex][n / 32]: ModRM follows n */
    enum x86_status (*decode)(unsigned mode, const uint8_t *p, size_t n, struct x86_instr *i);
};

/*
 * Starts the instruction at p, of which n bytes may be read: all of *i that comes before the
 * address. Reads no byte behind the 15th. Any thread, as all functions here.
 */
enum x86_status x86_begin(struct x86_instr *i, const struct x86_map *map, unsigned mode,
                          const uint8_t *p, size_t n);

/* Reads the rest of the instruction, which is of the row, and fills in the operands. */
enum x86_status x86_finish(struct x86_instr *i, const struct x86_map *map, unsigned row);

/* For insn.c and operand.c: read a number of 1, 2, 4 or 8 bytes, extended by its sign. */
enum x86_status x86_fetch(struct x86_instr *i, unsigned bytes, int64_t *value);

/* For insn.c: fills in operands; the address is that of the ModRM byte. */
enum x86_status x86_fill_operands(struct x86_instr *i, const struct x86_row *row,
                                  const struct x86_operand *address);

/* The bytes of an operand of the type. */
unsigned x86_type_bytes(const struct x86_instr *i, enum x86_type type);

#endif
