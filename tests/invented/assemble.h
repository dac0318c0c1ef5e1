/* SPDX-License-Identifier: MIT */
/* Writes instructions of the invented architecture, for programs that tests make by hand. */
#ifndef TESTS_INVENTED_ASSEMBLE_H
#define TESTS_INVENTED_ASSEMBLE_H

#include <stdint.h>

#include "base/bits.h"

struct inv_asm {
    uint8_t *p; /* where the next one goes */
};

/* First bytes of instructions, as tests/invented/inv.decode has them. */
enum {
    INV_ASM_MOV = 0x01,
    INV_ASM_SUB = 0x03,
    INV_ASM_RET = 0x12,
    INV_ASM_RTI = 0x23,
    INV_ASM_ADDI = 0x40,
    INV_ASM_LD64 = 0x44,
    INV_ASM_ST32 = 0x4b,
    INV_ASM_ST64 = 0x4c,
    INV_ASM_CALL = 0x51,
    INV_ASM_BRCT = 0x52,
    INV_ASM_POUT = 0x62,
    INV_ASM_XADD = 0x64,
    INV_ASM_MVM = 0x65,
    INV_ASM_SETMODE = 0x82
};

/* Conditions of CMPBR. */
enum {
    INV_ASM_NE = 3,
    INV_ASM_SGE = 5
};

static inline void inv_asm_half(struct inv_asm *o, unsigned x)
{
    store_be16(o->p, (uint16_t)x);
    o->p += 2;
}

static inline void inv_asm_two(struct inv_asm *o, unsigned op, unsigned r1, unsigned r2)
{
    inv_asm_half(o, op << 8 | r1 << 4 | r2);
}

static inline void inv_asm_four(struct inv_asm *o, unsigned op, unsigned regs, int imm)
{
    inv_asm_half(o, op << 8 | regs);
    inv_asm_half(o, (uint16_t)imm);
}

static inline void inv_asm_movi(struct inv_asm *o, unsigned r, uint32_t imm)
{
    inv_asm_half(o, 0xc000 | r << 4);
    inv_asm_half(o, imm >> 16);
    inv_asm_half(o, imm & 0xffff);
}

/* To p if r stands so to imm. */
static inline void inv_asm_compare(struct inv_asm *o, unsigned r, unsigned cond, int imm,
                                   const uint8_t *p)
{
    const int64_t off = (p - o->p) / 2;

    inv_asm_half(o, 0xc400 | r << 4 | cond);
    inv_asm_half(o, (uint16_t)imm);
    inv_asm_half(o, (uint16_t)off);
}

/* Counts r down, and goes to p unless it is 0. */
static inline void inv_asm_brct(struct inv_asm *o, unsigned r, const uint8_t *p)
{
    inv_asm_four(o, INV_ASM_BRCT, r << 4, (int)((p - o->p) / 2));
}

#endif
