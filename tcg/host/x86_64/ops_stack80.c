/* SPDX-License-Identifier: MIT */
/*
 * A guest's stack of numbers of 80 bits (tcg/stack80.h) by the host's own unit. Intel SDM, volume
 * 1, chapter 8; volume 2.
 *
 * Between instructions of the guest the host's stack is empty and its control word is the initial
 * one, as C has it. The operands are loaded, the operation is the host's, and what it flagged is
 * compared with the guest's status word before anything is stored: flags that the guest has not got
 * may be another's, from before, since they accumulate. Then, as in all cases that are not usual,
 * the host's unit is cleared and the function is called. So the fast path is taken in the steady
 * state, where the guest's status word has what its operations flag.
 *
 * Code is made forwards in a buffer, and copied in front of what is emitted already.
 */
#include "memory/space.h"
#include "tcg/host/x86_64/compile.h"
#include "tcg/stack80.h"
#include "tcg/tlb_layout.h"

#define INITIAL_CONTROL 0x37f
#define FLAGS 0x3f
#define C1_HIGH 2 /* in the upper byte of the status word, as are C0, C2, C3: */
#define CODES 0x4500
#define TOP_OFFSET 0x70 /* TOP as an offset of a register */

struct piece {
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

static struct operand state(const struct piece *p, uint32_t offset)
{
    return at(STATE, (int32_t)offset + p->c->h->config.layout.state);
}

/* A register of the stack whose offset is in r. */
static struct operand element(const struct piece *p, unsigned r, uint32_t byte)
{
    return at_index(STATE, r, 0, (int32_t)(p->s->registers + byte) + p->c->h->config.layout.state);
}

/* An instruction of the host's unit with memory: opcode and the digit in ModRM. */
static void x87_mem(struct piece *p, unsigned byte, unsigned digit, struct operand o)
{
    emit_legacy(&p->as, OPC(0, 0, byte), digit, o, 0, 0);
}

static void x87(struct piece *p, unsigned first, unsigned second)
{
    emit_bytes(&p->as, (const uint8_t[]){(uint8_t)first, (uint8_t)second}, 2);
}

static void load80(struct piece *p, unsigned r)
{
    x87_mem(p, 0xdb, 5, element(p, r, 0));
}

static void store80(struct piece *p, unsigned r)
{
    x87_mem(p, 0xdb, 7, element(p, r, 0));
}

/* Leaves for the function; so many numbers are on the host's stack then. */
static void leave(struct piece *p, unsigned cc, unsigned pops, bool clears)
{
    emit_bytes(&p->as, (const uint8_t[]){0x0f, (uint8_t)(0x80 | cc), 0, 0, 0, 0}, 6);
    p->exits[p->exit_count].at = p->as.cold;
    p->exits[p->exit_count].pops = (uint8_t)pops;
    p->exits[p->exit_count].other = false;
    p->exits[p->exit_count++].clears = clears;
}

/* eax = TOP and, in ah, which registers are in use. Of those from ST(0) on, `used` must be and
 * `empty` must not. */
static void check_stack(struct piece *p, unsigned used, unsigned empty)
{
    struct assembler *as = &p->as;

    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd4}, 3); /* movzx edx, ah */
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xd2, 0xca}, 2); /* ror dl, cl */
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), (int32_t)(used | empty));
    x_alu_imm(as, ALU_CMP, false, reg_operand(RDX), (int32_t)used);
    leave(p, CC_NE, 0, false);
}

static void check_control(struct piece *p)
{
    emit_legacy(&p->as, OPC(PP_66, 0, 0x81), ALU_CMP, state(p, p->s->control), 2, INITIAL_CONTROL);
    leave(p, CC_NE, 0, false);
}

/* rdx = the offset of ST(0), rcx that of ST(n); eax has TOP. */
static void offsets(struct piece *p, unsigned n)
{
    struct assembler *as = &p->as;

    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd0}, 3); /* movzx edx, al */
    x_shift_imm(as, SHIFT_SHL, false, RDX, 4);
    x_lea(as, false, RCX, at(RDX, (int32_t)(16 * n)));
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), TOP_OFFSET);
}

/* ax = the host's status word; leaves if it flags something new. Uses rcx. */
static void check_flags(struct piece *p, unsigned pops)
{
    struct assembler *as = &p->as;

    x87(p, 0xdf, 0xe0); /* fnstsw ax */
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, state(p, p->s->status), 0, 0);
    emit_legacy(as, OPC(0, 0, 0xf7), 2, reg_operand(RCX), 0, 0); /* not */
    x_alu(as, ALU_AND, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xf6, 0xc1, FLAGS}, 3); /* test cl, FLAGS */
    leave(p, CC_NE, pops, true);
}

/*
 * The guest's C1 becomes that of ax. The status word's bytes are read and written one by one, since
 * the host forwards no store of a byte to a load of two.
 */
static void put_c1(struct piece *p)
{
    struct assembler *as = &p->as;
    const struct operand upper = state(p, p->s->status + 1);

    emit_bytes(as, (const uint8_t[]){0x80, 0xe4, C1_HIGH}, 3); /* and ah, C1 */
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, upper, 0, 0);
    emit_bytes(as, (const uint8_t[]){0x80, 0xe1, (uint8_t)~C1_HIGH}, 3); /* and cl */
    emit_bytes(as, (const uint8_t[]){0x08, 0xe1}, 2);                    /* or cl, ah */
    emit_legacy(as, OPC(0, 0, 0x88), RCX, upper, 0, 0);
}

/* Its other codes become those of ax, and C1 0; FNSTSW, which often follows, reads both bytes. */
static void put_codes(struct piece *p)
{
    struct assembler *as = &p->as;

    x_alu_imm(as, ALU_AND, false, reg_operand(RAX), CODES);
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, state(p, p->s->status + 1), 0, 0);
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), (int32_t) ~(C1_HIGH | CODES >> 8));
    x_shift_imm(as, SHIFT_SHL, false, RCX, 8);
    x_alu(as, ALU_OR, false, RCX, RAX);
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RAX, state(p, p->s->status), 0, 0);
    x_alu(as, ALU_OR, false, RCX, RAX);
    emit_legacy(as, OPC(PP_66, 0, 0x89), RCX, state(p, p->s->status), 0, 0);
}

static void clear_c1(struct piece *p)
{
    struct operand upper = state(p, p->s->status + 1);

    emit_legacy(&p->as, OPC(0, 0, 0x80), ALU_AND, upper, 1, (uint8_t)~C1_HIGH);
}

/* Drops the top n numbers; uses all three registers. */
static void pop(struct piece *p, unsigned n)
{
    static const uint8_t masks[] = {0xff, 0xfe, 0xfc};
    struct assembler *as = &p->as;

    if (n == 0) {
        return;
    }
    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, state(p, p->s->top), 0, 0);
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xb2, masks[n]}, 2);   /* mov dl, mask */
    emit_bytes(as, (const uint8_t[]){0xd2, 0xc2}, 2);       /* rol dl, cl */
    emit_bytes(as, (const uint8_t[]){0x20, 0xd4}, 2);       /* and ah, dl */
    emit_bytes(as, (const uint8_t[]){0x04, (uint8_t)n}, 2); /* add al, n */
    emit_bytes(as, (const uint8_t[]){0x24, 7}, 2);          /* and al, 7 */
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, state(p, p->s->top), 0, 0);
}

/* Behind check_stack, with eax as it left it: a register more, whose offset is in rdx. */
static void push(struct piece *p)
{
    struct assembler *as = &p->as;

    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x2c, 1}, 2); /* sub al, 1 */
    emit_bytes(as, (const uint8_t[]){0x24, 7}, 2); /* and al, 7 */
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xb2, 1}, 2);    /* mov dl, 1 */
    emit_bytes(as, (const uint8_t[]){0xd2, 0xe2}, 2); /* shl dl, cl */
    emit_bytes(as, (const uint8_t[]){0x08, 0xd4}, 2); /* or ah, dl */
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd0}, 3); /* movzx edx, al */
    x_shift_imm(as, SHIFT_SHL, false, RDX, 4);
}

/* ---- the instructions; false: not here */

static unsigned source_of(const struct piece *p)
{
    return p->aux >> S80_SOURCE_SHIFT & 7;
}

static unsigned reg_of(const struct piece *p)
{
    return p->aux >> S80_REG_SHIFT & 7;
}

/* Opcodes of arithmetic with memory, by source. */
static const uint8_t with_memory[] = {
    [S80_F32] = 0xd8, [S80_F64] = 0xdc, [S80_I16] = 0xde, [S80_I32] = 0xda};

static bool arithmetic(struct piece *p)
{
    const unsigned n = reg_of(p), op = p->aux & S80_OP;
    const bool memory = source_of(p) != S80_REGISTER, to = p->aux & S80_TO;

    check_stack(p, memory ? 1 : 1u | 1u << n, 0);
    check_control(p);
    offsets(p, n);
    if (memory) {
        load80(p, RDX);
        x87_mem(p, with_memory[source_of(p)], op, arg_place(p->c->h, 0));
    } else {
        load80(p, to ? RDX : RCX);
        load80(p, to ? RCX : RDX);
        x87(p, 0xd8, 0xc0 | op << 3 | 1);
    }
    /* The destination's offset is in rdx from here on. */
    if (to) {
        x_mov(&p->as, false, RDX, RCX);
    }
    check_flags(p, memory ? 1 : 2);
    store80(p, RDX);
    if (!memory) {
        x87(p, 0xdd, 0xd8); /* fstp st(0) */
    }
    put_c1(p);
    pop(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

/* The codes are packed flags, too: Z, P and C. */
static bool compare(struct piece *p, unsigned dst)
{
    const unsigned n = reg_of(p);
    const bool memory = source_of(p) != S80_REGISTER;

    check_stack(p, memory ? 1 : 1u | 1u << n, 0);
    check_control(p);
    offsets(p, n);
    if (memory) {
        load80(p, RDX);
        x87_mem(p, with_memory[source_of(p)], 3, arg_place(p->c->h, 0));
    } else {
        load80(p, RCX);
        load80(p, RDX);
        if (p->aux & S80_QUIET) {
            x87(p, 0xda, 0xe9);
        } else {
            x87(p, 0xde, 0xd9);
        }
    }
    check_flags(p, 0);
    if (p->aux & S80_EFLAGS) {
        x_alu_imm(&p->as, ALU_AND, false, reg_operand(RAX), CODES);
        x_mov(&p->as, false, dst, RAX);
        clear_c1(p);
    } else {
        put_codes(p);
    }
    pop(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

/* Opcodes and digits, by kind. */
static const uint8_t load_ops[][2] = {[S80_K_F32] = {0xd9, 0},
                                      [S80_K_F64] = {0xdd, 0},
                                      [S80_K_I16] = {0xdf, 0},
                                      [S80_K_I32] = {0xdb, 0},
                                      [S80_K_I64] = {0xdf, 5}};

static bool load(struct piece *p)
{
    const unsigned kind = p->aux & S80_KIND, n = p->aux >> S80_KIND_REG_SHIFT;
    struct assembler *as = &p->as;

    if (kind == S80_K_BCD || (kind == S80_K_REGISTER && n == 7)) {
        return false; /* ST(7) is where the new one goes */
    }
    check_stack(p, kind == S80_K_REGISTER ? 1u << n : 0, 0x80);
    if (kind == S80_K_CONSTANT || kind == S80_K_F32 || kind == S80_K_F64) {
        check_control(p);
    }
    if (kind == S80_K_REGISTER) {
        offsets(p, n);
        load80(p, RCX);
    } else if (kind == S80_K_CONSTANT) {
        x87(p, 0xd9, 0xe8 + n);
    } else if (kind != S80_K_F80) {
        x87_mem(p, load_ops[kind][0], load_ops[kind][1], arg_place(p->c->h, 0));
    }
    if (kind == S80_K_F32 || kind == S80_K_F64) {
        check_flags(p, 1);
    }
    push(p);
    if (kind == S80_K_F80) {
        x_load(as, true, RAX, arg_place(p->c->h, 0));
        x_load(as, false, RCX, arg_place(p->c->h, 1));
        x_store(as, true, RAX, element(p, RDX, 0));
        emit_legacy(as, OPC(PP_66, 0, 0x89), RCX, element(p, RDX, 8), 0, 0);
    } else {
        store80(p, RDX);
    }
    clear_c1(p);
    return true;
}

/* rcx = the addend of the page that the bytes at the address in r are on, if they may be written.
 */
static void check_page(struct piece *p, unsigned r, unsigned bytes)
{
    struct assembler *as = &p->as;

    x_mov(as, true, RCX, r);
    x_lea(as, true, RAX, at(r, (int32_t)bytes - 1));
    x_shift_imm(as, SHIFT_SHR, true, RCX, GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2);
    x_alu_mem(as, ALU_AND, true, RCX, at(TLB_BASE, TLB_LAYOUT_MASK));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -GUEST_PAGE_SIZE);
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(TLB_BASE, RCX, 0, TLB_LAYOUT_WRITE));
    leave(p, CC_NE, 0, false);
    x_load(as, true, RCX, at_index(TLB_BASE, RCX, 0, TLB_LAYOUT_WRITE + 8));
}

/* What is on the host's stack goes to memory, and is dropped. */
static void store_loaded(struct piece *p, unsigned address)
{
    static const uint8_t ops[][3] = {
        [S80_K_F32] = {0xd9, 3, 4}, [S80_K_F64] = {0xdd, 3, 8}, [S80_K_F80] = {0xdb, 7, 10},
        [S80_K_I16] = {0xdf, 3, 2}, [S80_K_I32] = {0xdb, 3, 4}, [S80_K_I64] = {0xdf, 7, 8}};
    static const uint8_t cut[] = {[S80_K_I16] = 0xdf, [S80_K_I32] = 0xdb, [S80_K_I64] = 0xdd};
    const unsigned kind = p->aux & S80_KIND, bytes = ops[kind][2];
    struct assembler *as = &p->as;

    if (p->aux & S80_CUT) {
        x87_mem(p, cut[kind], 1, arg_place(p->c->h, 1));
    } else {
        x87_mem(p, ops[kind][0], ops[kind][1], arg_place(p->c->h, 1));
    }
    check_flags(p, 0);
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, arg_place(p->c->h, 3), 0, 0);
    check_page(p, address, bytes);
    struct operand to = at_index(RCX, address, 0, 0), rest = arg_place(p->c->h, 1);
    x_load(as, bytes >= 8, RAX, rest);
    if (bytes == 2) {
        emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, to, 0, 0);
    } else {
        x_store(as, bytes >= 8, RAX, to);
    }
    if (bytes == 10) {
        rest.disp += 8;
        to.disp += 8;
        emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, rest, 0, 0);
        emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, to, 0, 0);
    }
    x_load(as, false, RAX, arg_place(p->c->h, 3));
    put_c1(p);
}

static bool store(struct piece *p, unsigned address)
{
    if ((p->aux & S80_KIND) == S80_K_BCD || p->aux & S80_ALIGN) {
        return false;
    }
    check_stack(p, 1, 0);
    check_control(p);
    offsets(p, 0);
    load80(p, RDX);
    store_loaded(p, address);
    pop(p, p->aux & S80_POP ? 1 : 0);
    return true;
}

static bool unary(struct piece *p)
{
    struct assembler *as = &p->as;

    check_stack(p, 1, 0);
    switch (p->aux) {
    case S80_U_CHS:
    case S80_U_ABS: {
        const bool clears = p->aux == S80_U_ABS;
        offsets(p, 0);
        emit_legacy(as, OPC(PP_66, 0, 0x81), clears ? ALU_AND : ALU_XOR, element(p, RDX, 8), 2,
                    clears ? 0x7fff : 0x8000);
        clear_c1(p);
        return true;
    }
    case S80_U_SQRT:
    case S80_U_RNDINT:
        check_control(p);
        offsets(p, 0);
        load80(p, RDX);
        x87(p, 0xd9, p->aux == S80_U_SQRT ? 0xfa : 0xfc);
        check_flags(p, 1);
        store80(p, RDX);
        put_c1(p);
        return true;
    default:
        return false;
    }
}

static bool move(struct piece *p)
{
    const unsigned n = p->aux >> S80_MOVE_REG_SHIFT, op = p->aux & 15;

    if (op == S80_MOVE_XCH) {
        check_stack(p, 1u | 1u << n, 0);
        offsets(p, n);
        load80(p, RDX);
        load80(p, RCX);
        store80(p, RDX);
        store80(p, RCX);
        clear_c1(p);
        return true;
    }
    /* A copy to a register in use. */
    if (op != S80_MOVE_ST && op != S80_MOVE_STP) {
        return false;
    }
    check_stack(p, 1u | 1u << n, 0);
    if (n) {
        offsets(p, n);
        load80(p, RDX);
        store80(p, RCX);
    }
    clear_c1(p);
    pop(p, op == S80_MOVE_STP);
    return true;
}

/* ---- the same where the stack is as expected: places are constants */

static struct operand fixed(const struct piece *p, unsigned n, uint32_t byte)
{
    return state(p, p->s->registers + 16 * ((p->top + n) & 7) + byte);
}

static void load_fixed(struct piece *p, unsigned n)
{
    x87_mem(p, 0xdb, 5, fixed(p, n, 0));
}

static void store_fixed(struct piece *p, unsigned n)
{
    x87_mem(p, 0xdb, 7, fixed(p, n, 0));
}

static bool is_used(const struct piece *p, unsigned n)
{
    return p->used >> ((p->top + n) & 7) & 1;
}

/* TOP, registers in use and the control word, which lie side by side. */
static uint32_t expected(const struct piece *p)
{
    return p->top | (uint32_t)p->used << 8 | (uint32_t)INITIAL_CONTROL << 16;
}

static void check_expected(struct piece *p)
{
    emit_legacy(&p->as, OPC(0, 0, 0x81), ALU_CMP, state(p, p->s->top), 4, expected(p));
    leave(p, CC_NE, 0, false);
    p->exits[p->exit_count - 1].other = true;
}

/* All of it, for the next comparison, which would wait for parts. */
static void put_expected(struct piece *p)
{
    emit_legacy(&p->as, OPC(0, 0, 0xc7), 0, state(p, p->s->top), 4, expected(p));
}

static void pop_fixed(struct piece *p, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        p->used &= (uint8_t) ~(1u << p->top);
        p->top = (p->top + 1) & 7;
    }
    if (n) {
        put_expected(p);
    }
}

static bool arithmetic_fixed(struct piece *p)
{
    const unsigned n = reg_of(p), op = p->aux & S80_OP, to = p->aux & S80_TO ? n : 0;
    const bool memory = source_of(p) != S80_REGISTER;

    if (!is_used(p, 0) || !is_used(p, n)) {
        return false;
    }
    check_expected(p);
    load_fixed(p, to);
    if (memory) {
        x87_mem(p, with_memory[source_of(p)], op, arg_place(p->c->h, 0));
    } else {
        load_fixed(p, to ? 0 : n);
        x87(p, 0xde, 0xc0 | (op < 4 ? op : op ^ 1) << 3 | 1); /* the first one, op the second */
    }
    check_flags(p, 1);
    store_fixed(p, to);
    put_c1(p);
    pop_fixed(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

static bool compare_fixed(struct piece *p, unsigned dst)
{
    const unsigned n = reg_of(p);
    const bool memory = source_of(p) != S80_REGISTER;

    if (!is_used(p, 0) || !is_used(p, n)) {
        return false;
    }
    check_expected(p);
    if (memory) {
        load_fixed(p, 0);
        x87_mem(p, with_memory[source_of(p)], 3, arg_place(p->c->h, 0));
    } else {
        load_fixed(p, n);
        load_fixed(p, 0);
        x87(p, p->aux & S80_QUIET ? 0xda : 0xde, p->aux & S80_QUIET ? 0xe9 : 0xd9);
    }
    check_flags(p, 0);
    if (p->aux & S80_EFLAGS) {
        x_alu_imm(&p->as, ALU_AND, false, reg_operand(RAX), CODES);
        x_mov(&p->as, false, dst, RAX);
        clear_c1(p);
    } else {
        put_codes(p);
    }
    pop_fixed(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

static bool load_fixed_kind(struct piece *p, unsigned kind, unsigned n)
{
    if (kind == S80_K_REGISTER) {
        load_fixed(p, n);
    } else if (kind == S80_K_CONSTANT) {
        x87(p, 0xd9, 0xe8 + n);
    } else {
        x87_mem(p, load_ops[kind][0], load_ops[kind][1], arg_place(p->c->h, 0));
    }
    return kind == S80_K_F32 || kind == S80_K_F64;
}

static bool load_to_fixed(struct piece *p, const unsigned regs[2])
{
    const unsigned kind = p->aux & S80_KIND, n = p->aux >> S80_KIND_REG_SHIFT;
    struct assembler *as = &p->as;

    if (kind == S80_K_BCD || is_used(p, 7) ||
        (kind == S80_K_REGISTER && (n == 7 || !is_used(p, n)))) {
        return false;
    }
    check_expected(p);
    if (kind != S80_K_F80 && load_fixed_kind(p, kind, n)) {
        check_flags(p, 1);
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
    clear_c1(p);
    return true;
}

static bool store_from_fixed(struct piece *p, unsigned address)
{
    const unsigned kind = p->aux & S80_KIND;

    if (kind == S80_K_BCD || p->aux & S80_ALIGN || !is_used(p, 0)) {
        return false;
    }
    check_expected(p);
    if (kind == S80_K_F80) { /* nothing is rounded */
        check_page(p, address, 10);
        load_fixed(p, 0);
        x87_mem(p, 0xdb, 7, at_index(RCX, address, 0, 0));
        clear_c1(p);
    } else {
        load_fixed(p, 0);
        store_loaded(p, address);
    }
    pop_fixed(p, p->aux & S80_POP ? 1 : 0);
    return true;
}

static bool unary_fixed(struct piece *p)
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
        clear_c1(p);
        return true;
    }
    case S80_U_SQRT:
    case S80_U_RNDINT:
        check_expected(p);
        load_fixed(p, 0);
        x87(p, 0xd9, p->aux == S80_U_SQRT ? 0xfa : 0xfc);
        check_flags(p, 1);
        store_fixed(p, 0);
        put_c1(p);
        return true;
    default:
        return false;
    }
}

static bool move_fixed(struct piece *p)
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
    clear_c1(p);
    const uint8_t bit = (uint8_t)(1u << ((p->top + n) & 7));
    const bool fills = !(p->used & bit);
    p->used |= bit;
    pop_fixed(p, op == S80_MOVE_STP);
    if (fills && op == S80_MOVE_ST) {
        put_expected(p);
    }
    return true;
}

static bool make_fixed(struct piece *p, const struct ir_call *row, unsigned dst,
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

/* ---- */

/* The operand whose register must be there while the piece is made: a store's address. */
static bool make(struct piece *p, const struct ir_call *row, unsigned dst, unsigned address)
{
    switch (row->stack80_kind) {
    case S80_ARITHMETIC:
        return arithmetic(p);
    case S80_COMPARE:
        return compare(p, dst);
    case S80_LOAD:
        return load(p);
    case S80_STORE:
        return store(p, address);
    case S80_UNARY:
        return unary(p);
    default:
        return move(p);
    }
}

/* The piece's jumps, of which the code is at start. */
static void aim(struct piece *p, uint32_t start, const uint32_t *paths)
{
    for (unsigned n = 0; n < p->exit_count; n++) {
        const uint32_t rel = paths[n] - (start + p->exits[n].at);
        memcpy(p->code + p->exits[n].at - 4, &rel, 4);
    }
}

/* Cold: the call, with the operands in env.args already; on at resume. */
static uint32_t cold_call(struct compiler *c, const struct ir_insn *in, uint32_t site, unsigned dst)
{
    struct assembler *as = &c->as;
    const uint32_t resume = as->hot, start = as->cold;

    x_mov_imm(as, RAX, (uintptr_t)in->imm);
    x_mov_imm(as, RDX, in->aux);
    x_mov_imm(as, RCX, site);
    x_call(as, c->h->stubs.call);
    if (in->type != T_VOID) {
        load_result(c, dst, in->type, arg_place(c->h, 0));
    }
    x_jmp(as, resume);
    return start;
}

/* A place for each way out of the piece: to the call at `plain`, or to the other piece. */
static void cold_paths(struct piece *p, uint32_t plain, uint32_t other, uint32_t *paths)
{
    struct assembler *as = &p->c->as;

    for (unsigned n = 0; n < p->exit_count; n++) {
        paths[n] = p->exits[n].other ? other : plain;
        if (p->exits[n].clears) {
            paths[n] = as->cold;
            for (unsigned k = 0; k < p->exits[n].pops; k++) {
                emit_bytes(as, (const uint8_t[]){0xdd, 0xd8}, 2); /* fstp st(0) */
            }
            emit_bytes(as, (const uint8_t[]){0xdb, 0xe2}, 2); /* fnclex */
            x_jmp(as, plain);
        }
    }
}

/* The piece for any TOP in the cold part; where. */
static uint32_t cold_piece(struct piece *p, uint32_t plain)
{
    struct assembler *as = &p->c->as;
    uint32_t paths[array_len(p->exits)];

    cold_paths(p, plain, 0, paths);
    const uint32_t start = as->cold, resume = as->hot;
    aim(p, start, paths);
    emit_bytes(as, p->code, p->as.cold);
    x_jmp(as, resume);
    return start;
}

static struct piece new_piece(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;

    return (struct piece){.c = c,
                          .s = row->stack80,
                          .aux = in->aux & S80_OPERATION,
                          .top = in->aux >> S80_EXPECTED_TOP_SHIFT & 7,
                          .used = (uint8_t)(in->aux >> S80_EXPECTED_USED_SHIFT)};
}

bool emit_stack80(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const unsigned dst = in->type != T_VOID ? def(c) : 0;
    struct piece any = new_piece(c, in), fast = any, *hot = &any;
    unsigned regs[2] = {0};
    uint32_t index, paths[array_len(any.exits)], other = 0;

    any.as = (struct assembler){.rw = any.code, .to_cold = true, .vex = false};
    fast.as = (struct assembler){.rw = fast.code, .to_cold = true, .vex = false};
    regs[0] = in->a ? use(c, in->a, 0) : 0;
    regs[1] = in->b ? use(c, in->b, 0) : 0;
    if (!make(&any, row, dst, regs[0])) {
        return false;
    }
    assert(any.as.cold <= sizeof(any.code) && any.exit_count <= array_len(any.exits));
    new_site(c, SITE_OTHER, true, &index);
    c->as.to_cold = true;
    const uint32_t plain = cold_call(c, in, index, dst);
    if (in->aux & S80_EXPECTED && make_fixed(&fast, row, dst, regs)) {
        assert(fast.as.cold <= sizeof(fast.code) && fast.exit_count <= array_len(fast.exits));
        other = cold_piece(&any, plain);
        hot = &fast;
    }
    cold_paths(hot, plain, other, paths);
    c->as.to_cold = false;
    aim(hot, c->as.hot - hot->as.cold, paths);
    emit_bytes(&c->as, hot->code, hot->as.cold);
    if (in->b) {
        store_operand(c, in->b, arg_place(c->h, 1));
    }
    if (in->a) {
        store_operand(c, in->a, arg_place(c->h, 0));
    }
    return true;
}
