/* SPDX-License-Identifier: MIT */
/*
 * Division of twice the width. The host's instructions fault where the quotient does not fit, so it
 * is found out first; what is signed is divided as magnitudes. In program order rdx:rax is the
 * dividend and rcx the divisor; narrow operands are extended.
 */
#include "tcg/host/x86_64/compile.h"

/* dst = src of type t, extended to 64 bits */
static void extend(struct compiler *c, ir_type t, bool sign, unsigned dst, unsigned src)
{
    const unsigned w = ir_type_bits(t);
    struct assembler *as = &c->as;

    if (w == 64 || (w == 32 && !sign)) {
        x_mov(as, w == 64, dst, src);
    } else if (w == 32) {
        emit_rr(as, OPC(0, 0, 0x63) | OP_W, dst, src);
    } else {
        const opcode op = OPC(0, MAP_0F, (sign ? 0xbe : 0xb6) | (w == 16));
        emit_x(as, op | W(sign) | (w == 8 ? OP_BYTE_RM : 0), dst, reg_operand(src), 0, 0);
    }
}

static void negate(struct compiler *c, unsigned r)
{
    emit_rr(&c->as, OPC(0, 0, 0xf7) | OP_W, 3, r);
}

/* The carry = the sign of r's value of type t */
static void sign_to_carry(struct compiler *c, ir_type t, unsigned r)
{
    emit_x(&c->as, OPC(0, MAP_0F, 0xba) | OP_W, 4, reg_operand(r), 1, ir_type_bits(t) - 1);
}

struct division {
    ir_type t;
    unsigned high, low, by;
};

/* The carry = the sign of the quotient. Uses rcx. */
static void quotient_sign(struct compiler *c, const struct division *d)
{
    sign_to_carry(c, d->t, RCX);
    x_alu(&c->as, ALU_XOR, true, RCX, d->by);
    x_mov(&c->as, true, RCX, d->high);
}

static void divide_unsigned(struct compiler *c, const struct division *d, uint32_t over)
{
    struct assembler *as = &c->as;

    emit_rr(as, OPC(0, 0, 0xf7) | OP_W, 6, RCX);
    if (d->t != T_I64) {
        x_mov_imm(as, RDX, 0);
        x_alu(as, ALU_OR, true, RAX, RDX);
        extend(c, d->t, false, RDX, d->low);
        x_shift_imm(as, SHIFT_SHL, true, RAX, ir_type_bits(d->t));
        x_mov(as, true, RAX, RDX);
    } else {
        x_mov(as, true, RAX, d->low);
    }
    x_jcc(as, CC_AE, over);
    x_alu(as, ALU_CMP, true, RDX, RCX);
    extend(c, d->t, false, RDX, d->high);
    extend(c, d->t, false, RCX, d->by);
}

static void load_signed(struct compiler *c, const struct division *d)
{
    struct assembler *as = &c->as;

    extend(c, d->t, true, RCX, d->by);
    if (d->t == T_I64) {
        x_mov(as, true, RAX, d->low);
        x_mov(as, true, RDX, d->high);
        return;
    }
    emit_bytes(as, (const uint8_t[]){0x48, 0x99}, 2); /* cqo */
    x_alu(as, ALU_OR, true, RAX, RDX);
    extend(c, d->t, false, RDX, d->low);
    x_shift_imm(as, SHIFT_SHL, true, RAX, ir_type_bits(d->t));
    extend(c, d->t, true, RAX, d->high);
}

/* rax, rdx = magnitudes of quotient and remainder; the first fits. */
static void divide_magnitudes(struct compiler *c, const struct division *d, uint32_t over)
{
    struct assembler *as = &c->as;

    x_jcc(as, CC_A, over);
    x_alu(as, ALU_CMP, true, RAX, RCX);
    x_alu_imm(as, ALU_ADC, true, reg_operand(RCX), 0); /* one more if it is negative */
    x_mov_imm(as, RCX, mask64(ir_type_bits(d->t) - 1));
    quotient_sign(c, d);
    emit_rr(as, OPC(0, 0, 0xf7) | OP_W, 6, RCX);
    x_jcc(as, CC_AE, over);
    x_alu(as, ALU_CMP, true, RDX, RCX);
    const uint32_t positive_by = as->hot;
    negate(c, RCX);
    x_jcc(as, CC_NS, positive_by);
    x_test(as, true, RCX, RCX);
    const uint32_t positive = as->hot;
    x_alu_imm(as, ALU_SBB, true, reg_operand(RDX), 0);
    negate(c, RAX);
    negate(c, RDX);
    x_jcc(as, CC_NS, positive);
    x_test(as, true, RDX, RDX);
    load_signed(c, d);
}

/* The result r: rax or rdx with its sign. */
static void give_sign(struct compiler *c, const struct division *d, bool remainder, uint32_t done)
{
    if (remainder) {
        negate(c, RDX);
        x_jcc(&c->as, CC_AE, done);
        sign_to_carry(c, d->t, d->high);
    } else {
        negate(c, RAX);
        x_jcc(&c->as, CC_AE, done);
        quotient_sign(c, d);
    }
}

void emit_wide_divide(struct compiler *c, const struct ir_insn *in)
{
    const bool sign = in->op == IR_sdivw || in->op == IR_sremw || in->op == IR_sdivw_over;
    const bool remainder = in->op == IR_uremw || in->op == IR_sremw;
    const bool asks = in->op == IR_udivw_over || in->op == IR_sdivw_over;
    const unsigned dst = def(c), result = remainder ? RDX : RAX;
    const struct division d = {.t = asks ? in->src : in->type,
                               .high = use(c, in->a, 0),
                               .low = use(c, in->b, 0),
                               .by = use(c, in->c, 0)};
    struct assembler *as = &c->as;

    x_mov(as, !asks && d.t == T_I64, dst, result);
    const uint32_t done = as->hot;
    x_mov_imm(as, result, asks);
    const uint32_t over = as->hot;
    x_jmp(as, done);
    if (asks) {
        x_mov_imm(as, RAX, 0);
    } else if (sign) {
        const uint32_t positive = as->hot; /* on to the jump */
        give_sign(c, &d, remainder, positive);
    }
    if (sign) {
        divide_magnitudes(c, &d, over);
    } else {
        divide_unsigned(c, &d, over);
    }
}
