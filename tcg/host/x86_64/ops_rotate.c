/* SPDX-License-Identifier: MIT */
/*
 * Flags of shifts and rotations, and rotations through the carry. The host's own instructions make
 * them; around them is what the host leaves undefined or does not change: the overflow of more than
 * one place, counts beyond a narrow operand, and a count of 0.
 *
 * The packed flags from before are in edx, the count is in cl.
 */
#include "tcg/eval.h"
#include "tcg/host/x86_64/compile.h"

static unsigned kind_of(unsigned op)
{
    switch (op) {
    case IR_flags_rol:
        return SHIFT_ROL;
    case IR_flags_ror:
        return SHIFT_ROR;
    case IR_flags_rcl:
    case IR_rcl:
        return SHIFT_RCL;
    case IR_flags_rcr:
    case IR_rcr:
        return SHIFT_RCR;
    case IR_flags_shl:
        return SHIFT_SHL;
    case IR_flags_shr:
        return SHIFT_SHR;
    default:
        return SHIFT_SAR;
    }
}

static bool through_carry(unsigned kind)
{
    return kind == SHIFT_RCL || kind == SHIFT_RCR;
}

struct moved {
    unsigned kind, ra;
    ir_type t;
    bool by_constant;
    unsigned n;
};

static bool is_shift(const struct moved *m)
{
    return m->kind >= SHIFT_SHL;
}

/* rax = a moved as the host does it, of type t, which may be wider than a's. */
static void move_rax(struct compiler *c, const struct moved *m, ir_type t)
{
    struct assembler *as = &c->as;

    if (m->by_constant) {
        emit_x(as, flags_sized(0xc1, t), m->kind, reg_operand(RAX), 1, m->n);
    } else {
        emit_rr(as, flags_sized(0xd3, t), m->kind, RAX);
    }
    if (through_carry(m->kind)) {
        emit_x(as, OPC(0, MAP_0F, 0xba), 4, reg_operand(RDX), 1, 8); /* bt edx, 8 */
    }
}

/* ah, al = the flags of one place. */
static void by_one(struct compiler *c, const struct moved *m)
{
    struct assembler *as = &c->as;

    x_setcc(as, CC_O, RAX);
    x_byte(as, 0x9f); /* lahf */
    emit_rr(as, flags_sized(0xd1, m->t), m->kind, RAX);
    if (through_carry(m->kind)) {
        emit_x(as, OPC(0, MAP_0F, 0xba), 4, reg_operand(RDX), 1, 8);
    }
    x_mov(as, true, RAX, m->ra);
}

/* The same of several: no overflow. Narrow shifts are of 32 bits, where no count is too large. */
static void by_several(struct compiler *c, const struct moved *m)
{
    const unsigned w = ir_type_bits(m->t);
    const bool narrow = w < 32 && is_shift(m), left = m->kind == SHIFT_SHL;
    struct assembler *as = &c->as;

    emit_bytes(as, (const uint8_t[]){0xb0, 0}, 2);        /* mov al, 0 */
    if (narrow && left) {                                 /* the carry is what was moved to bit w */
        emit_bytes(as, (const uint8_t[]){0x0a, 0xe1}, 2); /* or ah, cl */
        x_byte(as, 0x9f);
        emit_rr(as, flags_sized(0x85, m->t), RAX, RAX);
        x_setcc(as, CC_B, RCX);
        emit_x(as, OPC(0, MAP_0F, 0xba), 4, reg_operand(RAX), 1, w);
    } else {
        x_byte(as, 0x9f);
    }
    move_rax(c, m, narrow ? T_I32 : m->t);
    if (narrow) {
        const bool sign = m->kind == SHIFT_SAR;
        emit_x(as, OPC(0, MAP_0F, (sign ? 0xbe : 0xb6) | (w == 16)) | (w == 8 ? OP_BYTE_RM : 0),
               RAX, reg_operand(m->ra), 0, 0);
    } else {
        x_mov(as, true, RAX, m->ra);
    }
}

/* edx = the packed flags from those in ax, and for a rotation the old ones. */
static void merge(struct compiler *c, const struct moved *m)
{
    const int32_t moved = IR_FLAG_C | IR_FLAG_V;
    struct assembler *as = &c->as;

    if (is_shift(m)) {
        emit_rr(as, OPC(0, MAP_0F, 0xb7), RDX, RAX);
        return;
    }
    x_alu(as, ALU_OR, false, RDX, RAX);
    x_alu_imm(as, ALU_AND, false, reg_operand(RAX), moved);
    x_alu_imm(as, ALU_AND, false, reg_operand(RDX), IR_FLAGS_ALL & ~moved);
}

static struct moved moved_of(struct compiler *c, const struct ir_insn *in, ir_type t)
{
    const unsigned mask = t == T_I64 ? 63 : 31;
    struct moved m = {.kind = kind_of(in->op), .t = t};
    uint64_t k;

    m.by_constant = constant(c, in->b, &k);
    m.n = m.by_constant ? (unsigned)k & mask : 0;
    m.ra = use(c, in->a, 0);
    return m;
}

void emit_flags_moved(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), mask = in->src == T_I64 ? 63 : 31;
    const struct moved m = moved_of(c, in, in->src);
    const unsigned rb = m.by_constant ? 0 : use(c, in->b, 0);
    const bool keeps = !m.by_constant || m.n == 0 || !is_shift(&m);
    struct assembler *as = &c->as;

    if (keeps) {
        flags_claim_operands(c, in->c, 0);
    }
    x_mov(as, false, dst, RDX);
    if (!m.by_constant) {
        const uint32_t done = as->hot;
        merge(c, &m);
        const uint32_t merging = as->hot;
        by_several(c, &m);
        const uint32_t several = as->hot;
        x_jmp(as, merging);
        by_one(c, &m);
        x_jcc(as, CC_NE, several);
        x_alu_imm(as, ALU_CMP, false, reg_operand(RCX), 1);
        x_jcc(as, CC_E, done);
        x_alu_imm(as, ALU_AND, false, reg_operand(RCX), (int32_t)mask);
        x_mov(as, false, RCX, rb);
    } else if (m.n) {
        merge(c, &m);
        (m.n == 1 ? by_one : by_several)(c, &m);
    }
    if (keeps) {
        flags_packed_into(c, RDX, in->c);
    }
}

void emit_rotate_carry(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);
    const struct moved m = moved_of(c, in, in->type);
    const unsigned rb = m.by_constant ? 0 : use(c, in->b, 0);

    flags_claim_operands(c, in->c, 0);
    x_mov(&c->as, in->type == T_I64, dst, RAX);
    move_rax(c, &m, m.t);
    x_mov(&c->as, true, RAX, m.ra);
    if (!m.by_constant) {
        x_mov(&c->as, false, RCX, rb);
    }
    flags_packed_into(c, RDX, in->c);
}

void emit_flags_with(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);

    flags_claim_operands(c, in->a, 0);
    flags_claim_operands(c, in->b, 0);
    const unsigned t = temp(c, false);
    x_mov(&c->as, false, dst, RDX);
    x_alu(&c->as, ALU_OR, false, RDX, t);
    x_alu_imm(&c->as, ALU_AND, false, reg_operand(RDX), (int32_t)(IR_FLAGS_ALL & ~in->aux));
    flags_packed_into(c, RDX, in->a);
    x_alu_imm(&c->as, ALU_AND, false, reg_operand(t), (int32_t)in->aux);
    x_mov(&c->as, false, t, RDX);
    flags_packed_into(c, RDX, in->b);
}
