/* SPDX-License-Identifier: MIT */
/*
 * What the two ways of doing an instruction of the stack of 80-bit numbers share: with TOP as it is
 * found (ops_stack80.c), and with TOP as it is expected (stack80_fixed.c). Code is made forwards in
 * a piece's buffer.
 */
#ifndef TCG_HOST_X86_64_STACK80_H
#define TCG_HOST_X86_64_STACK80_H

#include "tcg/host/x86_64/compile.h"
#include "tcg/stack80.h"

#define STACK80_CONTROL 0x37f /* the initial control word */
#define STACK80_CODES 0x4500  /* C0, C2, C3 of the status word */

struct stack80_piece {
    struct compiler *c;
    const struct ir_stack80 *s;
    uint32_t aux; /* of the op, without what is expected: */
    unsigned top;
    uint8_t used;
    struct assembler as;
    uint8_t code[400];
    struct {
        uint32_t at; /* behind the jump */
        uint8_t pops;
        bool clears;
        bool other; /* to the piece for any TOP */
    } exits[6];
    unsigned exit_count;
};

static inline struct operand stack80_state(const struct stack80_piece *p, uint32_t offset)
{
    return at(STATE, (int32_t)offset + p->c->h->config.layout.state);
}

/* An instruction of the host's unit with memory: opcode and the digit in ModRM. */
static inline void stack80_mem(struct stack80_piece *p, unsigned byte, unsigned digit,
                               struct operand o)
{
    emit_legacy(&p->as, OPC(0, 0, byte), digit, o, 0, 0);
}

static inline void stack80_op(struct stack80_piece *p, unsigned first, unsigned second)
{
    emit_bytes(&p->as, (const uint8_t[]){(uint8_t)first, (uint8_t)second}, 2);
}

static inline unsigned stack80_source(const struct stack80_piece *p)
{
    return p->aux >> S80_SOURCE_SHIFT & 7;
}

static inline unsigned stack80_reg(const struct stack80_piece *p)
{
    return p->aux >> S80_REG_SHIFT & 7;
}

/* Opcodes of arithmetic with memory, by source; opcodes and digits of loads, by kind. */
extern const uint8_t stack80_with_memory[S80_I32 + 1];
extern const uint8_t stack80_loads[S80_K_I64 + 1][2];

/* Leaves for the function; so many numbers are on the host's stack then, and flags are cleared. */
void stack80_leave(struct stack80_piece *p, unsigned cc, unsigned pops, bool clears);
/* ax = the host's status word; leaves if it flags something new. Uses rcx. */
void stack80_check_flags(struct stack80_piece *p, unsigned pops);
/* The guest's C1, or C0, C2 and C3 (and C1 0), become those of ax. */
void stack80_put_c1(struct stack80_piece *p);
void stack80_put_codes(struct stack80_piece *p);
void stack80_clear_c1(struct stack80_piece *p);
/* rcx = the addend of the page that the bytes at the address in r are on; leaves if they may not be
 * written. */
void stack80_check_page(struct stack80_piece *p, unsigned r, unsigned bytes);
/* What is on the host's stack goes to memory, and is dropped. */
void stack80_store_loaded(struct stack80_piece *p, unsigned address);

/* stack80_fixed.c: the piece where the stack is as expected; false: it is none. regs: the operands'
 * registers. */
bool stack80_make_fixed(struct stack80_piece *p, const struct ir_call *row, unsigned dst,
                        const unsigned regs[2]);

#endif
