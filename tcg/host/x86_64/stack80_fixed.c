/* SPDX-License-Identifier: MIT */
/*
 * Instructions of the stack of 80-bit numbers where it is as the translator expected: TOP,
 * registers in use and the control word are compared at once, and then all places are constants.
 */
#include "tcg/host/x86_64/stack80.h"

static struct operand fixed(const struct stack80_piece *p, unsigned n, uint32_t byte)
{
    return stack80_state(p, p->s->registers + 16 * ((p->top + n) & 7) + byte);
}

static void load_fixed(struct stack80_piece *p, unsigned n)
{
    stack80_mem(p, 0xdb, 5, fixed(p, n, 0));
}

static void store_fixed(struct stack80_piece *p, unsigned n)
{
    stack80_mem(p, 0xdb, 7, fixed(p, n, 0));
}

static bool is_used(const struct stack80_piece *p, unsigned n)
{
    return p->used >> ((p->top + n) & 7) & 1;
}

/* TOP, registers in use and the control word, which lie side by side. */
static uint32_t expected(const struct stack80_piece *p)
{
    return p->top | (uint32_t)p->used << 8 | (uint32_t)STACK80_CONTROL << 16;
}

static void check_expected(struct stack80_piece *p)
{
    emit_legacy(&p->as, OPC(0, 0, 0x81), ALU_CMP, stack80_state(p, p->s->top), 4, expected(p));
    stack80_leave(p, CC_NE, 0, false);
    p->exits[p->exit_count - 1].other = true;
}

/* All of it, for the next comparison, which would wait for parts. */
static void put_expected(struct stack80_piece *p)
{
    emit_legacy(&p->as, OPC(0, 0, 0xc7), 0, stack80_state(p, p->s->top), 4, expected(p));
}

static void pop_fixed(struct stack80_piece *p, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        p->used &= (uint8_t) ~(1u << p->top);
        p->top = (p->top + 1) & 7;
    }
    if (n) {
        put_expected(p);
    }
}

static bool arithmetic_fixed(struct stack80_piece *p)
{
    const unsigned n = stack80_reg(p), op = p->aux & S80_OP, to = p->aux & S80_TO ? n : 0;
    const bool memory = stack80_source(p) != S80_REGISTER;

    if (!is_used(p, 0) || !is_used(p, n)) {
        return false;
    }
    check_expected(p);
    load_fixed(p, to);
    if (memory) {
        stack80_mem(p, stack80_with_memory[stack80_source(p)], op, arg_place(p->c->h, 0));
    } else {
        load_fixed(p, to ? 0 : n);
        stack80_op(p, 0xde,
                   0xc0 | (op < 4 ? op : op ^ 1) << 3 | 1); /* the first one, op the second */
    }
    stack80_check_flags(p, 1);
    store_fixed(p, to);
    stack80_put_c1(p);
    pop_fixed(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

static bool compare_fixed(struct stack80_piece *p, unsigned dst)
{
    const unsigned n = stack80_reg(p);
    const bool memory = stack80_source(p) != S80_REGISTER;

    if (!is_used(p, 0) || !is_used(p, n)) {
        return false;
    }
    check_expected(p);
    if (memory) {
        load_fixed(p, 0);
        stack80_mem(p, stack80_with_memory[stack80_source(p)], 3, arg_place(p->c->h, 0));
    } else {
        load_fixed(p, n);
        load_fixed(p, 0);
        stack80_op(p, p->aux & S80_QUIET ? 0xda : 0xde, p->aux & S80_QUIET ? 0xe9 : 0xd9);
    }
    stack80_check_flags(p, 0);
    if (p->aux & S80_EFLAGS) {
        x_alu_imm(&p->as, ALU_AND, false, reg_operand(RAX), STACK80_CODES);
        x_mov(&p->as, false, dst, RAX);
        stack80_clear_c1(p);
    } else {
        stack80_put_codes(p);
    }
    pop_fixed(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

static bool load_fixed_kind(struct stack80_piece *p, unsigned kind, unsigned n)
{
    if (kind == S80_K_REGISTER) {
        load_fixed(p, n);
    } else if (kind == S80_K_CONSTANT) {
        stack80_op(p, 0xd9, 0xe8 + n);
    } else {
        stack80_mem(p, stack80_loads[kind][0], stack80_loads[kind][1], arg_place(p->c->h, 0));
    }
    return kind == S80_K_F32 || kind == S80_K_F64;
}

static bool load_to_fixed(struct stack80_piece *p, const unsigned regs[2])
{
    const unsigned kind = p->aux & S80_KIND, n = p->aux >> S80_KIND_REG_SHIFT;
    struct assembler *as = &p->as;

    if (kind == S80_K_BCD || is_used(p, 7) ||
        (kind == S80_K_REGISTER && (n == 7 || !is_used(p, n)))) {
        return false;
    }
    check_expected(p);
    if (kind != S80_K_F80 && load_fixed_kind(p, kind, n)) {
        stack80_check_flags(p, 1);
    }
    p->top = (p->top - 1) & 7;
    p->used |= (uint8_t)(1u << p->top);
    if (kind == S80_K_F80) {
        x_store(as, true, regs[0], fixed(p, 0, 0));
        emit_legacy(as, OPC(PP_66, 0, 0x89), regs[1], fixed(p, 0, 8), 0, 0);
    } else {
        store_fixed(p, 0);
    }
    put_expected(p);
    stack80_clear_c1(p);
    return true;
}

static bool store_from_fixed(struct stack80_piece *p, unsigned address)
{
    const unsigned kind = p->aux & S80_KIND;

    if (kind == S80_K_BCD || p->aux & S80_ALIGN || !is_used(p, 0)) {
        return false;
    }
    check_expected(p);
    if (kind == S80_K_F80) { /* nothing is rounded */
        stack80_check_page(p, address, 10);
        load_fixed(p, 0);
        stack80_mem(p, 0xdb, 7, at_index(RCX, address, 0, 0));
        stack80_clear_c1(p);
    } else {
        load_fixed(p, 0);
        stack80_store_loaded(p, address);
    }
    pop_fixed(p, p->aux & S80_POP ? 1 : 0);
    return true;
}

static bool unary_fixed(struct stack80_piece *p)
{
    if (!is_used(p, 0)) {
        return false;
    }
    switch (p->aux) {
    case S80_U_CHS:
    case S80_U_ABS: {
        const bool clears = p->aux == S80_U_ABS;
        check_expected(p);
        emit_legacy(&p->as, OPC(0, 0, 0x80), clears ? ALU_AND : ALU_XOR, fixed(p, 0, 9), 1,
                    clears ? 0x7f : 0x80);
        stack80_clear_c1(p);
        return true;
    }
    case S80_U_SQRT:
    case S80_U_RNDINT:
        check_expected(p);
        load_fixed(p, 0);
        stack80_op(p, 0xd9, p->aux == S80_U_SQRT ? 0xfa : 0xfc);
        stack80_check_flags(p, 1);
        store_fixed(p, 0);
        stack80_put_c1(p);
        return true;
    default:
        return false;
    }
}

static bool move_fixed(struct stack80_piece *p)
{
    const unsigned n = p->aux >> S80_MOVE_REG_SHIFT, op = p->aux & 15;

    if (op > S80_MOVE_XCH || op == S80_MOVE_STP_UNCHECKED || !is_used(p, 0) ||
        (op == S80_MOVE_XCH && !is_used(p, n))) {
        return false;
    }
    check_expected(p);
    if (n) {
        load_fixed(p, 0);
        if (op == S80_MOVE_XCH) {
            load_fixed(p, n);
            store_fixed(p, 0);
        }
        store_fixed(p, n);
    }
    stack80_clear_c1(p);
    const uint8_t bit = (uint8_t)(1u << ((p->top + n) & 7));
    const bool fills = !(p->used & bit);
    p->used |= bit;
    pop_fixed(p, op == S80_MOVE_STP);
    if (fills && op == S80_MOVE_ST) {
        put_expected(p);
    }
    return true;
}

bool stack80_make_fixed(struct stack80_piece *p, const struct ir_call *row, unsigned dst,
                        const unsigned regs[2])
{
    switch (row->stack80_kind) {
    case S80_ARITHMETIC:
        return arithmetic_fixed(p);
    case S80_COMPARE:
        return compare_fixed(p, dst);
    case S80_LOAD:
        return load_to_fixed(p, regs);
    case S80_STORE:
        return store_from_fixed(p, regs[0]);
    case S80_UNARY:
        return unary_fixed(p);
    default:
        return move_fixed(p);
    }
}
