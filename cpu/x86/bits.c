/* SPDX-License-Identifier: MIT */
/*
 * Bits, and numbers of them. Intel SDM, volume 2: BEXTR, BLSI, BLSMSK, BLSR, BSF, BSR, BSWAP, BT,
 * BTC, BTR, BTS, BZHI, CRC32, LZCNT, MOVBE, PDEP, PEXT, POPCNT, TZCNT. What is undefined there
 * stays as it is, or (LZCNT, TZCNT) is cleared.
 */
#include "cpu/x86/translate.h"

/* ---- a bit by its number */

enum change {
    TEST,
    SET,
    CLEAR,
    INVERT
};

static ir_val changed(struct x86_block *c, enum change what, ir_val x, ir_val bit)
{
    return what == SET     ? ir_or(c->b, x, bit)
           : what == CLEAR ? ir_andn(c->b, x, bit)
                           : ir_xor(c->b, x, bit);
}

/*
 * The number in a register counts from an operand in memory, in both directions: the operand's
 * words, and bits in them.
 */
static ir_val word_offset(struct x86_block *c, const struct x86_instr *i,
                          const struct x86_operand *dst, ir_val number)
{
    struct ir_builder *b = c->b;
    const unsigned log2 = log2_floor(dst->bytes);
    const ir_val n = ir_sar(b, ir_sext(b, T_I64, number), ir_konst(b, T_I64, 3 + log2));
    const ir_val at = ir_add(b, x86_offset(c, i, dst), ir_shl(b, n, ir_konst(b, T_I64, log2)));
    return i->as == 8 ? at : ir_ubfx(b, at, 0, 8 * i->as);
}

static ir_val change_memory(struct x86_block *c, const struct x86_instr *i,
                            const struct x86_operand *dst, ir_val at, ir_val bit, enum change what)
{
    static const uint8_t ops[] = {
        [SET] = IR_ATOMIC_SET, [CLEAR] = IR_ATOMIC_CLR, [INVERT] = IR_ATOMIC_EOR};
    if (i->lock) {
        const ir_val linear = x86_linear(c, dst->seg, at, dst->bytes, true, i->as);
        return ir_atomic(c->b, x86_type_of(dst->bytes), x86_memop(c, dst->bytes),
                         (enum ir_atomic)ops[what], linear, bit);
    }
    if (what != TEST) {
        x86_check_write(c, dst->seg, at, dst->bytes, i->as);
    }
    const ir_val x = x86_load(c, dst->seg, at, dst->bytes, i->as);
    if (what != TEST) {
        x86_store(c, dst->seg, at, dst->bytes, i->as, changed(c, what, x, bit));
    }
    return x;
}

static void bit_test(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                     const struct x86_operand *src, enum change what)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = dst->bytes;
    const ir_val number = x86_read_as(c, i, src, bytes);
    const ir_val low = ir_and(b, number, x86_konst(c, bytes, 8 * bytes - 1));
    const ir_val bit = ir_shl(b, x86_konst(c, bytes, 1), low);
    ir_val x;
    if (dst->kind == X86_MEMORY) {
        const ir_val at = src->kind == X86_IMMEDIATE ? x86_offset(c, i, dst)
                                                     : word_offset(c, i, dst, number);
        x = change_memory(c, i, dst, at, bit, what);
    } else {
        x = x86_read(c, i, dst);
        if (what != TEST) {
            x86_write(c, i, dst, changed(c, what, x, bit));
        }
    }
    x86_put_flags(c, x86_flags_set(c, x86_flags(c), X86_PACK_CF, ir_tst(b, IR_NE, x, bit)));
}

void x86_bt(struct x86_block *c, const struct x86_instr *i, const struct x86_bt *a)
{
    bit_test(c, i, &a->dst, &a->src, TEST);
}

void x86_bts(struct x86_block *c, const struct x86_instr *i, const struct x86_bts *a)
{
    bit_test(c, i, &a->dst, &a->src, SET);
}

void x86_btr(struct x86_block *c, const struct x86_instr *i, const struct x86_btr *a)
{
    bit_test(c, i, &a->dst, &a->src, CLEAR);
}

void x86_btc(struct x86_block *c, const struct x86_instr *i, const struct x86_btc *a)
{
    bit_test(c, i, &a->dst, &a->src, INVERT);
}

/* ---- numbers of bits */

static ir_val is_zero(struct x86_block *c, ir_val x)
{
    return ir_cmp(c->b, IR_EQ, x, ir_konst(c->b, ir_type_of(c->b, x), 0));
}

/* BSF and BSR of 0 leave the register as it is: all of it. */
static void scan(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                 const struct x86_operand *src, bool forward)
{
    struct ir_builder *b = c->b;
    const unsigned bytes = dst->bytes;
    const ir_val x = x86_read(c, i, src), zero = is_zero(c, x), old = ir_get(b, dst->reg);
    const ir_val n = forward ? ir_ctz(b, x)
                             : ir_xor(b, ir_clz(b, x), x86_konst(c, bytes, 8 * bytes - 1));
    x86_write(c, i, dst, n);
    ir_put(b, dst->reg, ir_select(b, zero, old, ir_get(b, dst->reg)));
    x86_put_flags(c, x86_flags_set(c, x86_flags(c), X86_PACK_ZF, zero));
}

void x86_bsf(struct x86_block *c, const struct x86_instr *i, const struct x86_bsf *a)
{
    scan(c, i, &a->dst, &a->src, true);
}

void x86_bsr(struct x86_block *c, const struct x86_instr *i, const struct x86_bsr *a)
{
    scan(c, i, &a->dst, &a->src, false);
}

static void count(struct x86_block *c, const struct x86_instr *i, const struct x86_operand *dst,
                  ir_val x, ir_val n)
{
    const ir_val none = ir_flags_from(c->b, ir_konst(c->b, T_I32, 0));
    const ir_val f = x86_flags_set(c, none, X86_PACK_CF, is_zero(c, x));
    x86_write(c, i, dst, n);
    x86_put_flags(c, x86_flags_set(c, f, X86_PACK_ZF, is_zero(c, n)));
}

void x86_tzcnt(struct x86_block *c, const struct x86_instr *i, const struct x86_tzcnt *a)
{
    const ir_val x = x86_read(c, i, &a->src);
    count(c, i, &a->dst, x, ir_ctz(c->b, x));
}

void x86_lzcnt(struct x86_block *c, const struct x86_instr *i, const struct x86_lzcnt *a)
{
    const ir_val x = x86_read(c, i, &a->src);
    count(c, i, &a->dst, x, ir_clz(c->b, x));
}

void x86_popcnt(struct x86_block *c, const struct x86_instr *i, const struct x86_popcnt *a)
{
    const ir_val x = x86_read(c, i, &a->src), none = ir_flags_from(c->b, ir_konst(c->b, T_I32, 0));
    x86_write(c, i, &a->dst, ir_popcnt(c->b, x));
    x86_put_flags(c, x86_flags_set(c, none, X86_PACK_ZF, is_zero(c, x)));
}

/* ---- fields: BMI1, BMI2 */

/* S and Z of the result, C as the boolean says, V clear. */
static void put_result(struct x86_block *c, const struct x86_instr *i,
                       const struct x86_operand *dst, ir_val r, ir_val carry)
{
    x86_write(c, i, dst, r);
    x86_put_flags(c, x86_flags_set(c, ir_flags_logic(c->b, r), X86_PACK_CF, carry));
}

void x86_blsr(struct x86_block *c, const struct x86_instr *i, const struct x86_blsr *a)
{
    const ir_val x = x86_read(c, i, &a->src), less = ir_sub(c->b, x, x86_konst(c, a->dst.bytes, 1));
    put_result(c, i, &a->dst, ir_and(c->b, x, less), is_zero(c, x));
}

void x86_blsmsk(struct x86_block *c, const struct x86_instr *i, const struct x86_blsmsk *a)
{
    const ir_val x = x86_read(c, i, &a->src), less = ir_sub(c->b, x, x86_konst(c, a->dst.bytes, 1));
    put_result(c, i, &a->dst, ir_xor(c->b, x, less), is_zero(c, x));
}

void x86_blsi(struct x86_block *c, const struct x86_instr *i, const struct x86_blsi *a)
{
    const ir_val x = x86_read(c, i, &a->src), zero = x86_konst(c, a->dst.bytes, 0);
    put_result(c, i, &a->dst, ir_and(c->b, x, ir_neg(c->b, x)), ir_cmp(c->b, IR_NE, x, zero));
}

/* n lowest bits of x; all if there are not so many. */
static ir_val low_bits(struct x86_block *c, unsigned bytes, ir_val x, ir_val n)
{
    return ir_andn(c->b, x, ir_shl(c->b, x86_konst(c, bytes, UINT64_MAX), n));
}

void x86_bzhi(struct x86_block *c, const struct x86_instr *i, const struct x86_bzhi *a)
{
    const unsigned bytes = a->dst.bytes;
    const ir_val x = x86_read(c, i, &a->src), n = ir_ubfx(c->b, x86_read(c, i, &a->src2), 0, 8);
    put_result(c, i, &a->dst, low_bits(c, bytes, x, n),
               ir_cmp(c->b, IR_UGE, n, x86_konst(c, bytes, 8 * bytes)));
}

void x86_bextr(struct x86_block *c, const struct x86_instr *i, const struct x86_bextr *a)
{
    struct ir_builder *b = c->b;
    const ir_val x = x86_read(c, i, &a->src), how = x86_read(c, i, &a->src2);
    const ir_val moved = ir_shr(b, x, ir_ubfx(b, how, 0, 8));
    put_result(c, i, &a->dst, low_bits(c, a->dst.bytes, moved, ir_ubfx(b, how, 8, 8)),
               ir_konst(b, T_I32, 0));
}

static uint64_t do_pdep(struct vcpu *v, uint64_t x, uint64_t mask, uint64_t z, uint32_t aux)
{
    uint64_t r = 0;
    (void)v, (void)z, (void)aux;
    for (; mask; mask &= mask - 1, x >>= 1) {
        r |= x & 1 ? mask & -mask : 0;
    }
    return r;
}
static const struct ir_call row_pdep = {
    .name = "x86_pdep", .fn = (void (*)(void))do_pdep, .class = IR_CALL_FULL, .pure = true};

static uint64_t do_pext(struct vcpu *v, uint64_t x, uint64_t mask, uint64_t z, uint32_t aux)
{
    uint64_t r = 0;
    (void)v, (void)z, (void)aux;
    for (uint64_t bit = 1; mask; mask &= mask - 1, bit <<= 1) {
        r |= x & mask & -mask ? bit : 0;
    }
    return r;
}
static const struct ir_call row_pext = {
    .name = "x86_pext", .fn = (void (*)(void))do_pext, .class = IR_CALL_FULL, .pure = true};

static void by_call(struct x86_block *c, const struct x86_instr *i, const struct ir_call *row,
                    const struct x86_operand *const o[3])
{
    const ir_val x = ir_zext(c->b, T_I64, x86_read(c, i, o[1]));
    const ir_val mask = ir_zext(c->b, T_I64, x86_read(c, i, o[2]));
    const ir_val r = ir_call(c->b, T_I64, row, x, mask, IR_NONE, 0);
    x86_write(c, i, o[0], ir_trunc(c->b, x86_type_of(o[0]->bytes), r));
}

void x86_pdep(struct x86_block *c, const struct x86_instr *i, const struct x86_pdep *a)
{
    by_call(c, i, &row_pdep, (const struct x86_operand *const[]){&a->dst, &a->src, &a->src2});
}

void x86_pext(struct x86_block *c, const struct x86_instr *i, const struct x86_pext *a)
{
    by_call(c, i, &row_pext, (const struct x86_operand *const[]){&a->dst, &a->src, &a->src2});
}

/* ---- bytes */

/* Of 16 bits the result is undefined; processors clear them. */
void x86_bswap(struct x86_block *c, const struct x86_instr *i, const struct x86_bswap *a)
{
    const ir_val x = x86_read(c, i, &a->dst);
    x86_write(c, i, &a->dst, a->dst.bytes == 2 ? x86_konst(c, 2, 0) : ir_bswap(c->b, x));
}

void x86_movbe(struct x86_block *c, const struct x86_instr *i, const struct x86_movbe *a)
{
    x86_write(c, i, &a->dst, ir_bswap(c->b, x86_read(c, i, &a->src)));
}

void x86_crc32(struct x86_block *c, const struct x86_instr *i, const struct x86_crc32 *a)
{
    const ir_val old = x86_read_reg(c, a->dst.reg, 4), x = x86_read(c, i, &a->src);
    x86_write_reg(c, a->dst.reg, 4, ir_crc32c(c->b, old, x, a->src.bytes));
}
