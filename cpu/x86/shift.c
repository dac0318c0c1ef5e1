/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotations. Intel SDM, volume 2: RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, SHLD, SHRD, RORX,
 * SARX/SHLX/SHRX. Counts have 5 bits, of 64-bit operands 6; a count of 0 changes no flag.
 */
#include "cpu/x86/translate.h"

/* The count of a shift, masked, as a value of the operand's type. */
static ir_val count_of(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *o,
                       unsigned bytes)
{
    const unsigned mask = bytes == 8 ? 63 : 31;
    if (o->kind == X86_IMMEDIATE) {
        return x86_konst(c, bytes, (uint64_t)o->value & mask);
    }
    if (bytes >= 4) { /* as the host has it: masked, of the operand's width */
        return ir_and(c->b, x86_read_reg(c, o->reg, bytes), x86_konst(c, bytes, mask));
    }
    const ir_val n = ir_and(c->b, x86_read(c, i, o), ir_konst(c->b, T_I8, mask));
    return bytes == 1 ? n : ir_zext(c->b, x86_type_of(bytes), n);
}

static void shift(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                  const struct x86_operand *src, enum ir_op op)
{
    struct ir_builder *b = c->b;
    const ir_val n = count_of(c, i, src, dst->bytes), x = x86_modify(c, i, dst), f = x86_flags(c);
    ir_val r;
    switch (op) {
    case IR_flags_shl:
        r = ir_shl(b, x, n);
        break;
    case IR_flags_shr:
        r = ir_shr(b, x, n);
        break;
    case IR_flags_sar:
        r = ir_sar(b, x, n);
        break;
    case IR_flags_rol:
        r = ir_rotr(b, x, ir_neg(b, n));
        break;
    case IR_flags_ror:
        r = ir_rotr(b, x, n);
        break;
    default:
        r = ir_emit(b, (struct ir_insn){.op = op == IR_flags_rcl ? IR_rcl : IR_rcr,
                                        .type = ir_type_of(b, x),
                                        .a = (uint16_t)x,
                                        .b = (uint16_t)n,
                                        .c = (uint16_t)f});
        break;
    }
    x86_write(c, i, dst, r);
    x86_put_flags(c, x86_flags_op(c, op, x, n, f));
}

#define SHIFT(name)                                                                                \
    void x86_##name(struct x86_block *c, const struct x86_instr *i, const struct x86_##name *a)    \
    {                                                                                              \
        shift(c, i, &a->dst, &a->src, IR_flags_##name);                                            \
    }
SHIFT(shl)
SHIFT(shr)
SHIFT(sar)
SHIFT(rol)
SHIFT(ror)
SHIFT(rcl)
SHIFT(rcr)
#undef SHIFT

/* SHLD, SHRD: bits of src come in where dst's leave. */
static void shift_double(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *const o[3], bool left)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = o[0]->bytes;
    const ir_val n = count_of(c, i, o[2], bytes), x = x86_modify(c, i, o[0]),
                 y = x86_read(c, i, o[1]), f = x86_flags(c);
    const ir_val back = ir_sub(b, x86_konst(c, bytes, 8 * bytes), n);
    const ir_val r = left ? ir_or(b, ir_shl(b, x, n), ir_shr(b, y, back))
                          : ir_or(b, ir_shr(b, x, n), ir_shl(b, y, back));
    x86_write(c, i, o[0], r);
    const ir_val moved = x86_flags_op(c, left ? IR_flags_shl : IR_flags_shr, x, n, f);
    const ir_val changed = ir_tst(b, IR_MI, ir_xor(b, x, r), ir_xor(b, x, r));
    ir_val g = x86_flags_with(c, ir_flags_logic(b, r), X86_PACK_CF, moved);
    g = x86_flags_set(c, g, X86_PACK_OF, changed);
    const ir_val none = ir_cmp(b, IR_EQ, n, x86_konst(c, bytes, 0));
    x86_put_flags(c, ir_flags_select(b, none, f, g));
}

void x86_shld(struct x86_block *c, const struct x86_instr *i, const struct x86_shld *a)
{
    shift_double(c, i, (const struct x86_operand *const[]){&a->dst, &a->src, &a->src2}, true);
}

void x86_shrd(struct x86_block *c, const struct x86_instr *i, const struct x86_shrd *a)
{
    shift_double(c, i, (const struct x86_operand *const[]){&a->dst, &a->src, &a->src2}, false);
}

/* ---- without flags */

static ir_val plain_count(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *o)
{
    const uint64_t mask = 8u * o->bytes - 1;
    return ir_and(c->b, x86_read(c, i, o), x86_konst(c, o->bytes, mask));
}

void x86_shlx(struct x86_block *c, const struct x86_instr *i, const struct x86_shlx *a)
{
    x86_write(c, i, &a->dst, ir_shl(c->b, x86_read(c, i, &a->src), plain_count(c, i, &a->src2)));
}

void x86_shrx(struct x86_block *c, const struct x86_instr *i, const struct x86_shrx *a)
{
    x86_write(c, i, &a->dst, ir_shr(c->b, x86_read(c, i, &a->src), plain_count(c, i, &a->src2)));
}

void x86_sarx(struct x86_block *c, const struct x86_instr *i, const struct x86_sarx *a)
{
    x86_write(c, i, &a->dst, ir_sar(c->b, x86_read(c, i, &a->src), plain_count(c, i, &a->src2)));
}

void x86_rorx(struct x86_block *c, const struct x86_instr *i, const struct x86_rorx *a)
{
    const ir_val n = x86_konst(c, a->dst.bytes, (uint64_t)a->src2.value & (8u * a->dst.bytes - 1));
    x86_write(c, i, &a->dst, ir_rotr(c->b, x86_read(c, i, &a->src), n));
}
