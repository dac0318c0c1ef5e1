/* SPDX-License-Identifier: MIT */
/* Products and quotients. Intel SDM, volume 2: DIV, IDIV, IMUL, MUL, MULX. */
#include "cpu/x86/translate.h"

struct product {
    ir_val low, high, over; /* over: the high half says something */
};

/* Operands of up to 32 bits are multiplied as 64. */
static struct product multiply(struct x86_block *c, unsigned bytes, ir_val x, ir_val y,
                               bool is_signed)
{
    struct ir_builder *b = c->b;
    struct product p;
    if (bytes < 8) {
        const ir_val wide = is_signed ? ir_mul(b, ir_sext(b, T_I64, x), ir_sext(b, T_I64, y))
                                      : ir_mul(b, ir_zext(b, T_I64, x), ir_zext(b, T_I64, y));
        p.low = ir_trunc(b, x86_type_of(bytes), wide);
        p.high = ir_trunc(b, x86_type_of(bytes), ir_ubfx(b, wide, 8 * bytes, 8 * bytes));
        p.over = ir_cmp(b, IR_NE, wide,
                        is_signed ? ir_sext(b, T_I64, p.low) : ir_zext(b, T_I64, p.low));
        return p;
    }
    p.low = ir_mul(b, x, y);
    p.high = is_signed ? ir_smulh(b, x, y) : ir_umulh(b, x, y);
    const ir_val plain = is_signed ? ir_sar(b, p.low, ir_konst(b, T_I64, 63))
                                   : ir_konst(b, T_I64, 0);
    p.over = ir_cmp(b, IR_NE, p.high, plain);
    return p;
}

/* The other flags, which are undefined, are cleared: nothing of those before is needed. */
static void put_over(struct x86_block *c, ir_val over)
{
    const ir_val both = ir_konst(c->b, T_I32, X86_PACK_CF | X86_PACK_OF);
    const ir_val none = ir_konst(c->b, T_I32, 0);
    x86_put_flags(c, ir_flags_from(c->b, ir_select(c->b, over, both, none)));
}

static void write_high(struct x86_block *c, unsigned bytes, ir_val v)
{
    if (bytes == 1) {
        ir_put(c->b, X86_RAX, ir_dep(c->b, ir_get(c->b, X86_RAX), ir_zext(c->b, T_I64, v), 8, 8));
    } else {
        x86_write_reg(c, X86_RDX, bytes, v);
    }
}

static void multiply_rax(struct x86_block *c, const struct x86_instr *i,
                         const struct x86_operand *src, bool is_signed)
{
    const struct product p = multiply(c, src->bytes, x86_read_reg(c, X86_RAX, src->bytes),
                                      x86_read(c, i, src), is_signed);
    x86_write_reg(c, X86_RAX, src->bytes, p.low);
    write_high(c, src->bytes, p.high);
    put_over(c, p.over);
}

void x86_mul(struct x86_block *c, const struct x86_instr *i, const struct x86_mul *a)
{
    multiply_rax(c, i, &a->src, false);
}

void x86_imul(struct x86_block *c, const struct x86_instr *i, const struct x86_imul *a)
{
    multiply_rax(c, i, &a->src, true);
}

void x86_imul2(struct x86_block *c, const struct x86_instr *i, const struct x86_imul2 *a)
{
    const struct product p = multiply(c, a->dst.bytes, x86_read(c, i, &a->dst),
                                      x86_read(c, i, &a->src), true);
    x86_write(c, i, &a->dst, p.low);
    put_over(c, p.over);
}

void x86_imul3(struct x86_block *c, const struct x86_instr *i, const struct x86_imul3 *a)
{
    const struct product p = multiply(c, a->dst.bytes, x86_read(c, i, &a->src),
                                      x86_read_as(c, i, &a->src2, a->dst.bytes), true);
    x86_write(c, i, &a->dst, p.low);
    put_over(c, p.over);
}

/* Where both results go to one register it has the high half. */
void x86_mulx(struct x86_block *c, const struct x86_instr *i, const struct x86_mulx *a)
{
    const struct product p = multiply(c, a->dst.bytes, x86_read_reg(c, X86_RDX, a->dst.bytes),
                                      x86_read(c, i, &a->src2), false);
    x86_write(c, i, &a->src, p.low);
    x86_write(c, i, &a->dst, p.high);
}

static ir_val divide_op(struct x86_block *c, enum ir_op op, ir_type t, const ir_val v[3])
{
    const bool over = op == IR_udivw_over || op == IR_sdivw_over;
    return ir_emit(c->b, (struct ir_insn){.op = (uint16_t)op,
                                          .type = t,
                                          .src = over ? ir_type_of(c->b, v[0]) : T_VOID,
                                          .a = (uint16_t)v[0],
                                          .b = (uint16_t)v[1],
                                          .c = (uint16_t)v[2]});
}

/* Flags stay as they are: they are undefined. */
static void divide(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *src,
                   bool is_signed)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = src->bytes;
    const ir_type t = x86_type_of(bytes);
    const ir_val high = bytes == 1 ? ir_trunc(b, T_I8, ir_ubfx(b, ir_get(b, X86_RAX), 8, 8))
                                   : x86_read_reg(c, X86_RDX, bytes);
    const ir_val v[3] = {high, x86_read_reg(c, X86_RAX, bytes), x86_read(c, i, src)};
    x86_raise_if(c, divide_op(c, is_signed ? IR_sdivw_over : IR_udivw_over, T_I32, v), X86_DE);
    const ir_val quotient = divide_op(c, is_signed ? IR_sdivw : IR_udivw, t, v);
    const ir_val rest = divide_op(c, is_signed ? IR_sremw : IR_uremw, t, v);
    x86_write_reg(c, X86_RAX, bytes, quotient);
    write_high(c, bytes, rest);
}

void x86_div(struct x86_block *c, const struct x86_instr *i, const struct x86_div *a)
{
    divide(c, i, &a->src, false);
}

void x86_idiv(struct x86_block *c, const struct x86_instr *i, const struct x86_idiv *a)
{
    divide(c, i, &a->src, true);
}
