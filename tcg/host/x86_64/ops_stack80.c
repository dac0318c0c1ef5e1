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
#include "tcg/host/x86_64/stack80.h"
#include "tcg/tlb_layout.h"

#define FLAGS 0x3f
#define C1_HIGH 2       /* in the upper byte of the status word, as are C0, C2, C3: */
#define TOP_OFFSET 0x70 /* TOP as an offset of a register */

/* A register of the stack whose offset is in r. */
static struct operand element(const struct stack80_piece *p, unsigned r, uint32_t byte)
{
    return at_index(STATE, r, 0, (int32_t)(p->s->registers + byte) + p->c->h->config.layout.state);
}

static void load80(struct stack80_piece *p, unsigned r)
{
    stack80_mem(p, 0xdb, 5, element(p, r, 0));
}

static void store80(struct stack80_piece *p, unsigned r)
{
    stack80_mem(p, 0xdb, 7, element(p, r, 0));
}

/* Leaves for the function; so many numbers are on the host's stack then. */
void stack80_leave(struct stack80_piece *p, unsigned cc, unsigned pops, bool clears)
{
    emit_bytes(&p->as, (const uint8_t[]){0x0f, (uint8_t)(0x80 | cc), 0, 0, 0, 0}, 6);
    p->exits[p->exit_count].at = p->as.cold;
    p->exits[p->exit_count].pops = (uint8_t)pops;
    p->exits[p->exit_count].other = false;
    p->exits[p->exit_count++].clears = clears;
}

/* eax = TOP and, in ah, which registers are in use. Of those from ST(0) on, `used` must be and
 * `empty` must not. */
static void check_stack(struct stack80_piece *p, unsigned used, unsigned empty)
{
    struct assembler *as = &p->as;

    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, stack80_state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd4}, 3); /* movzx edx, ah */
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xd2, 0xca}, 2); /* ror dl, cl */
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), (int32_t)(used | empty));
    x_alu_imm(as, ALU_CMP, false, reg_operand(RDX), (int32_t)used);
    stack80_leave(p, CC_NE, 0, false);
}

static void check_control(struct stack80_piece *p)
{
    emit_legacy(&p->as, OPC(PP_66, 0, 0x81), ALU_CMP, stack80_state(p, p->s->control), 2,
                STACK80_CONTROL);
    stack80_leave(p, CC_NE, 0, false);
}

/* rdx = the offset of ST(0), rcx that of ST(n); eax has TOP. */
static void offsets(struct stack80_piece *p, unsigned n)
{
    struct assembler *as = &p->as;

    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd0}, 3); /* movzx edx, al */
    x_shift_imm(as, SHIFT_SHL, false, RDX, 4);
    x_lea(as, false, RCX, at(RDX, (int32_t)(16 * n)));
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), TOP_OFFSET);
}

/* ax = the host's status word; leaves if it flags something new. Uses rcx. */
void stack80_check_flags(struct stack80_piece *p, unsigned pops)
{
    struct assembler *as = &p->as;

    stack80_op(p, 0xdf, 0xe0); /* fnstsw ax */
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, stack80_state(p, p->s->status), 0, 0);
    emit_legacy(as, OPC(0, 0, 0xf7), 2, reg_operand(RCX), 0, 0); /* not */
    x_alu(as, ALU_AND, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xf6, 0xc1, FLAGS}, 3); /* test cl, FLAGS */
    stack80_leave(p, CC_NE, pops, true);
}

/*
 * The guest's C1 becomes that of ax. The status word's bytes are read and written one by one, since
 * the host forwards no store of a byte to a load of two.
 */
void stack80_put_c1(struct stack80_piece *p)
{
    struct assembler *as = &p->as;
    const struct operand upper = stack80_state(p, p->s->status + 1);

    emit_bytes(as, (const uint8_t[]){0x80, 0xe4, C1_HIGH}, 3); /* and ah, C1 */
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, upper, 0, 0);
    emit_bytes(as, (const uint8_t[]){0x80, 0xe1, (uint8_t)~C1_HIGH}, 3); /* and cl */
    emit_bytes(as, (const uint8_t[]){0x08, 0xe1}, 2);                    /* or cl, ah */
    emit_legacy(as, OPC(0, 0, 0x88), RCX, upper, 0, 0);
}

/* Its other codes become those of ax, and C1 0; FNSTSW, which often follows, reads both bytes. */
void stack80_put_codes(struct stack80_piece *p)
{
    struct assembler *as = &p->as;

    x_alu_imm(as, ALU_AND, false, reg_operand(RAX), STACK80_CODES);
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RCX, stack80_state(p, p->s->status + 1), 0, 0);
    x_alu_imm(as, ALU_AND, false, reg_operand(RCX), (int32_t) ~(C1_HIGH | STACK80_CODES >> 8));
    x_shift_imm(as, SHIFT_SHL, false, RCX, 8);
    x_alu(as, ALU_OR, false, RCX, RAX);
    emit_legacy(as, OPC(0, MAP_0F, 0xb6), RAX, stack80_state(p, p->s->status), 0, 0);
    x_alu(as, ALU_OR, false, RCX, RAX);
    emit_legacy(as, OPC(PP_66, 0, 0x89), RCX, stack80_state(p, p->s->status), 0, 0);
}

void stack80_clear_c1(struct stack80_piece *p)
{
    struct operand upper = stack80_state(p, p->s->status + 1);

    emit_legacy(&p->as, OPC(0, 0, 0x80), ALU_AND, upper, 1, (uint8_t)~C1_HIGH);
}

/* Drops the top n numbers; uses all three registers. */
static void pop(struct stack80_piece *p, unsigned n)
{
    static const uint8_t masks[] = {0xff, 0xfe, 0xfc};
    struct assembler *as = &p->as;

    if (n == 0) {
        return;
    }
    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, stack80_state(p, p->s->top), 0, 0);
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xb2, masks[n]}, 2);   /* mov dl, mask */
    emit_bytes(as, (const uint8_t[]){0xd2, 0xc2}, 2);       /* rol dl, cl */
    emit_bytes(as, (const uint8_t[]){0x20, 0xd4}, 2);       /* and ah, dl */
    emit_bytes(as, (const uint8_t[]){0x04, (uint8_t)n}, 2); /* add al, n */
    emit_bytes(as, (const uint8_t[]){0x24, 7}, 2);          /* and al, 7 */
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, stack80_state(p, p->s->top), 0, 0);
}

/* Behind check_stack, with eax as it left it: a register more, whose offset is in rdx. */
static void push(struct stack80_piece *p)
{
    struct assembler *as = &p->as;

    emit_legacy(as, OPC(0, MAP_0F, 0xb7), RAX, stack80_state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x2c, 1}, 2); /* sub al, 1 */
    emit_bytes(as, (const uint8_t[]){0x24, 7}, 2); /* and al, 7 */
    x_mov(as, false, RCX, RAX);
    emit_bytes(as, (const uint8_t[]){0xb2, 1}, 2);    /* mov dl, 1 */
    emit_bytes(as, (const uint8_t[]){0xd2, 0xe2}, 2); /* shl dl, cl */
    emit_bytes(as, (const uint8_t[]){0x08, 0xd4}, 2); /* or ah, dl */
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, stack80_state(p, p->s->top), 0, 0);
    emit_bytes(as, (const uint8_t[]){0x0f, 0xb6, 0xd0}, 3); /* movzx edx, al */
    x_shift_imm(as, SHIFT_SHL, false, RDX, 4);
}

/* ---- the instructions; false: not here */

/* Opcodes of arithmetic with memory, by source. */
const uint8_t stack80_with_memory[S80_I32 + 1] = {
    [S80_F32] = 0xd8, [S80_F64] = 0xdc, [S80_I16] = 0xde, [S80_I32] = 0xda};

/* Opcodes and digits, by kind. */
const uint8_t stack80_loads[S80_K_I64 + 1][2] = {[S80_K_F32] = {0xd9, 0},
                                                 [S80_K_F64] = {0xdd, 0},
                                                 [S80_K_I16] = {0xdf, 0},
                                                 [S80_K_I32] = {0xdb, 0},
                                                 [S80_K_I64] = {0xdf, 5}};

static bool arithmetic(struct stack80_piece *p)
{
    const unsigned n = stack80_reg(p), op = p->aux & S80_OP;
    const bool memory = stack80_source(p) != S80_REGISTER, to = p->aux & S80_TO;

    check_stack(p, memory ? 1 : 1u | 1u << n, 0);
    check_control(p);
    offsets(p, n);
    if (memory) {
        load80(p, RDX);
        stack80_mem(p, stack80_with_memory[stack80_source(p)], op, arg_place(p->c->h, 0));
    } else {
        load80(p, to ? RDX : RCX);
        load80(p, to ? RCX : RDX);
        stack80_op(p, 0xd8, 0xc0 | op << 3 | 1);
    }
    /* The destination's offset is in rdx from here on. */
    if (to) {
        x_mov(&p->as, false, RDX, RCX);
    }
    stack80_check_flags(p, memory ? 1 : 2);
    store80(p, RDX);
    if (!memory) {
        stack80_op(p, 0xdd, 0xd8); /* fstp st(0) */
    }
    stack80_put_c1(p);
    pop(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

/* The codes are packed flags, too: Z, P and C. */
static bool compare(struct stack80_piece *p, unsigned dst)
{
    const unsigned n = stack80_reg(p);
    const bool memory = stack80_source(p) != S80_REGISTER;

    check_stack(p, memory ? 1 : 1u | 1u << n, 0);
    check_control(p);
    offsets(p, n);
    if (memory) {
        load80(p, RDX);
        stack80_mem(p, stack80_with_memory[stack80_source(p)], 3, arg_place(p->c->h, 0));
    } else {
        load80(p, RCX);
        load80(p, RDX);
        if (p->aux & S80_QUIET) {
            stack80_op(p, 0xda, 0xe9);
        } else {
            stack80_op(p, 0xde, 0xd9);
        }
    }
    stack80_check_flags(p, 0);
    if (p->aux & S80_EFLAGS) {
        x_alu_imm(&p->as, ALU_AND, false, reg_operand(RAX), STACK80_CODES);
        x_mov(&p->as, false, dst, RAX);
        stack80_clear_c1(p);
    } else {
        stack80_put_codes(p);
    }
    pop(p, p->aux >> S80_POP_SHIFT & 3);
    return true;
}

static bool load(struct stack80_piece *p)
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
        stack80_op(p, 0xd9, 0xe8 + n);
    } else if (kind != S80_K_F80) {
        stack80_mem(p, stack80_loads[kind][0], stack80_loads[kind][1], arg_place(p->c->h, 0));
    }
    if (kind == S80_K_F32 || kind == S80_K_F64) {
        stack80_check_flags(p, 1);
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
    stack80_clear_c1(p);
    return true;
}

/* rcx = the addend of the page that the bytes at the address in r are on, if they may be written.
 */
void stack80_check_page(struct stack80_piece *p, unsigned r, unsigned bytes)
{
    struct assembler *as = &p->as;

    x_mov(as, true, RCX, r);
    x_lea(as, true, RAX, at(r, (int32_t)bytes - 1));
    x_shift_imm(as, SHIFT_SHR, true, RCX, GUEST_PAGE_BITS - TLB_LAYOUT_LINE_LOG2);
    x_alu_mem(as, ALU_AND, true, RCX, at(TLB_BASE, TLB_LAYOUT_MASK));
    x_alu_imm(as, ALU_AND, true, reg_operand(RAX), -GUEST_PAGE_SIZE);
    x_alu_mem(as, ALU_CMP, true, RAX, at_index(TLB_BASE, RCX, 0, TLB_LAYOUT_WRITE));
    stack80_leave(p, CC_NE, 0, false);
    x_load(as, true, RCX, at_index(TLB_BASE, RCX, 0, TLB_LAYOUT_WRITE + 8));
}

/* What is on the host's stack goes to memory, and is dropped. */
void stack80_store_loaded(struct stack80_piece *p, unsigned address)
{
    static const uint8_t ops[][3] = {
        [S80_K_F32] = {0xd9, 3, 4}, [S80_K_F64] = {0xdd, 3, 8}, [S80_K_F80] = {0xdb, 7, 10},
        [S80_K_I16] = {0xdf, 3, 2}, [S80_K_I32] = {0xdb, 3, 4}, [S80_K_I64] = {0xdf, 7, 8}};
    static const uint8_t cut[] = {[S80_K_I16] = 0xdf, [S80_K_I32] = 0xdb, [S80_K_I64] = 0xdd};
    const unsigned kind = p->aux & S80_KIND, bytes = ops[kind][2];
    struct assembler *as = &p->as;

    if (p->aux & S80_CUT) {
        stack80_mem(p, cut[kind], 1, arg_place(p->c->h, 1));
    } else {
        stack80_mem(p, ops[kind][0], ops[kind][1], arg_place(p->c->h, 1));
    }
    stack80_check_flags(p, 0);
    emit_legacy(as, OPC(PP_66, 0, 0x89), RAX, arg_place(p->c->h, 3), 0, 0);
    stack80_check_page(p, address, bytes);
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
    stack80_put_c1(p);
}

static bool store(struct stack80_piece *p, unsigned address)
{
    if ((p->aux & S80_KIND) == S80_K_BCD || p->aux & S80_ALIGN) {
        return false;
    }
    check_stack(p, 1, 0);
    check_control(p);
    offsets(p, 0);
    load80(p, RDX);
    stack80_store_loaded(p, address);
    pop(p, p->aux & S80_POP ? 1 : 0);
    return true;
}

static bool unary(struct stack80_piece *p)
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
        stack80_clear_c1(p);
        return true;
    }
    case S80_U_SQRT:
    case S80_U_RNDINT:
        check_control(p);
        offsets(p, 0);
        load80(p, RDX);
        stack80_op(p, 0xd9, p->aux == S80_U_SQRT ? 0xfa : 0xfc);
        stack80_check_flags(p, 1);
        store80(p, RDX);
        stack80_put_c1(p);
        return true;
    default:
        return false;
    }
}

static bool move(struct stack80_piece *p)
{
    const unsigned n = p->aux >> S80_MOVE_REG_SHIFT, op = p->aux & 15;

    if (op == S80_MOVE_XCH) {
        check_stack(p, 1u | 1u << n, 0);
        offsets(p, n);
        load80(p, RDX);
        load80(p, RCX);
        store80(p, RDX);
        store80(p, RCX);
        stack80_clear_c1(p);
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
    stack80_clear_c1(p);
    pop(p, op == S80_MOVE_STP);
    return true;
}

/* ---- */

/* The operand whose register must be there while the piece is made: a store's address. */
static bool make(struct stack80_piece *p, const struct ir_call *row, unsigned dst, unsigned address)
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
static void aim(struct stack80_piece *p, uint32_t start, const uint32_t *paths)
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
static void cold_paths(struct stack80_piece *p, uint32_t plain, uint32_t other, uint32_t *paths)
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
static uint32_t cold_piece(struct stack80_piece *p, uint32_t plain)
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

static struct stack80_piece new_piece(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;

    return (struct stack80_piece){.c = c,
                                  .s = row->stack80,
                                  .aux = in->aux & S80_OPERATION,
                                  .top = in->aux >> S80_EXPECTED_TOP_SHIFT & 7,
                                  .used = (uint8_t)(in->aux >> S80_EXPECTED_USED_SHIFT)};
}

bool emit_stack80(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_call *row = (const struct ir_call *)(uintptr_t)in->imm;
    const unsigned dst = in->type != T_VOID ? def(c) : 0;
    struct stack80_piece any = new_piece(c, in), fast = any, *hot = &any;
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
    if (in->aux & S80_EXPECTED && stack80_make_fixed(&fast, row, dst, regs)) {
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
