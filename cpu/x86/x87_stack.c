/* SPDX-License-Identifier: MIT */
/*
 * What the stack of x87 registers will be at an instruction: Intel SDM, volume 1, 8.1.2. A block is
 * translated when it is about to be executed, so the stack is what it is at the block's first x87
 * instruction, and those behind it change it in a known way. Code hardly ever comes by with another
 * TOP. This is a guess: host code looks before it relies on it.
 */
#include "cpu/x86/x87.h"

static void pop(struct x86_block *c, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        c->stack80.used &= (uint8_t) ~(1u << c->stack80.top);
        c->stack80.top = (c->stack80.top + 1) & 7;
    }
}

static void push(struct x86_block *c)
{
    c->stack80.top = (c->stack80.top - 1) & 7;
    c->stack80.used |= (uint8_t)(1u << c->stack80.top);
}

static void look(struct x86_block *c)
{
    if (!c->stack80.known) {
        c->stack80.known = true;
        c->stack80.top = c->cpu->fpu.top & 7;
        c->stack80.used = c->cpu->fpu.used;
    }
}

void x87_stack_popped(struct x86_block *c, unsigned n)
{
    look(c);
    pop(c, n);
}

static void moved(struct x86_block *c, unsigned op, unsigned n)
{
    const uint8_t bit = (uint8_t)(1u << ((c->stack80.top + n) & 7));

    switch (op) {
    case S80_MOVE_ST:
    case S80_MOVE_STP:
    case S80_MOVE_STP_UNCHECKED:
        c->stack80.used |= bit;
        pop(c, op != S80_MOVE_ST);
        break;
    case S80_MOVE_FREE:
    case S80_MOVE_FREEP:
        c->stack80.used &= (uint8_t)~bit;
        pop(c, op == S80_MOVE_FREEP);
        break;
    case S80_MOVE_INC:
    case S80_MOVE_DEC:
        c->stack80.top = (c->stack80.top + (op == S80_MOVE_INC ? 1 : 7)) & 7;
        break;
    default:
        break;
    }
}

static void expect(struct x86_block *c, enum ir_stack80_kind kind, uint32_t aux)
{
    switch (kind) {
    case S80_ARITHMETIC:
    case S80_COMPARE:
        pop(c, aux >> S80_POP_SHIFT & 3);
        break;
    case S80_LOAD:
        push(c);
        break;
    case S80_STORE:
        pop(c, aux & S80_POP ? 1 : 0);
        break;
    case S80_UNARY:
        if (aux == S80_U_TAN || aux == S80_U_SINCOS || aux == S80_U_XTRACT) {
            push(c);
        }
        break;
    default:
        moved(c, aux & 15, aux >> S80_MOVE_REG_SHIFT);
    }
}

ir_val x87_stack_call(struct x86_block *c, ir_type type, const struct ir_call *row,
                      const ir_val operands[2], uint32_t aux)
{
    look(c);
    const uint32_t hint = S80_EXPECTED | (uint32_t)c->stack80.top << S80_EXPECTED_TOP_SHIFT |
                          (uint32_t)c->stack80.used << S80_EXPECTED_USED_SHIFT;
    expect(c, (enum ir_stack80_kind)row->stack80_kind, aux);
    return ir_call(c->b, type, row, operands[0], operands[1], IR_NONE, aux | hint);
}
