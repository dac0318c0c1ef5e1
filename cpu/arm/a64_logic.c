/* SPDX-License-Identifier: MIT */
/*
 * A64: logical operations, moves, conditional selection, flag manipulation (DDI 0487, C4.1.92
 * "Logical (immediate)", "Move wide (immediate)"; C4.1.95 "Logical (shifted register)",
 * "Conditional select", "Rotate right into flags").
 */
#include "cpu/arm/a64.h"
#include "cpu/arm/a64_disas.h"
#include "cpu/arm/nzcv.h"

ir_val read_shifted(struct a64_block *c, unsigned rm, unsigned sf, unsigned shift, unsigned amount)
{
    const ir_val m = read_x(c, rm, sf);
    if (amount == 0) {
        return m;
    }
    const ir_val n = const_of(c, amount, sf);
    switch (shift) {
    case 0:
        return ir_shl(c->b, m, n);
    case 1:
        return ir_shr(c->b, m, n);
    case 2:
        return ir_sar(c->b, m, n);
    default:
        return ir_rotr(c->b, m, n);
    }
}

static void put_logic_flags(struct a64_block *c, ir_val result)
{
    put_nzcv(c, ir_flags_cmc(c->b, ir_flags_logic(c->b, result))); /* C is 0 */
}

/* ---- with an immediate: those without flags may write SP */

static ir_val bitmask(struct a64_block *c, unsigned sf, unsigned n, unsigned immr, unsigned imms)
{
    return const_of(c, a64_bitmask(sf, n, immr, imms), sf);
}

#define LOGIC_IMM(name, op)                                                                        \
    void a64_##name##_imm(struct a64_block *c, const struct a64_##name##_imm *a)                   \
    {                                                                                              \
        const ir_val m = bitmask(c, a->sf, a->n, a->immr, a->imms);                                \
        write_xsp(c, a->rd, op(c->b, read_x(c, a->rn, a->sf), m));                                 \
    }
LOGIC_IMM(and, ir_and)
LOGIC_IMM(orr, ir_or)
LOGIC_IMM(eor, ir_xor)

void a64_ands_imm(struct a64_block *c, const struct a64_ands_imm *a)
{
    const ir_val m = bitmask(c, a->sf, a->n, a->immr, a->imms);
    const ir_val d = ir_and(c->b, read_x(c, a->rn, a->sf), m);
    write_x(c, a->rd, d);
    put_logic_flags(c, d);
}

/* ---- with a shifted register */

#define LOGIC_SHIFT(name, value)                                                                   \
    void a64_##name##_shift(struct a64_block *c, const struct a64_##name##_shift *a)               \
    {                                                                                              \
        const ir_val n = read_x(c, a->rn, a->sf);                                                  \
        const ir_val m = read_shifted(c, a->rm, a->sf, a->shift, a->imm);                          \
        write_x(c, a->rd, value);                                                                  \
    }
LOGIC_SHIFT(and, ir_and(c->b, n, m))
LOGIC_SHIFT(bic, ir_andn(c->b, n, m))
LOGIC_SHIFT(orr, ir_or(c->b, n, m))
LOGIC_SHIFT(orn, ir_or(c->b, n, ir_not(c->b, m)))
LOGIC_SHIFT(eor, ir_xor(c->b, n, m))
LOGIC_SHIFT(eon, ir_xor(c->b, n, ir_not(c->b, m)))

void a64_ands_shift(struct a64_block *c, const struct a64_ands_shift *a)
{
    const ir_val m = read_shifted(c, a->rm, a->sf, a->shift, a->imm);
    const ir_val d = ir_and(c->b, read_x(c, a->rn, a->sf), m);
    write_x(c, a->rd, d);
    put_logic_flags(c, d);
}

void a64_bics_shift(struct a64_block *c, const struct a64_bics_shift *a)
{
    const ir_val m = read_shifted(c, a->rm, a->sf, a->shift, a->imm);
    const ir_val d = ir_andn(c->b, read_x(c, a->rn, a->sf), m);
    write_x(c, a->rd, d);
    put_logic_flags(c, d);
}

/* ---- moves */

void a64_movn(struct a64_block *c, const struct a64_movn *a)
{
    write_x(c, a->rd, const_of(c, ~((uint64_t)a->imm << a->hw * 16), a->sf));
}

void a64_movz(struct a64_block *c, const struct a64_movz *a)
{
    write_x(c, a->rd, const_of(c, (uint64_t)a->imm << a->hw * 16, a->sf));
}

void a64_movk(struct a64_block *c, const struct a64_movk *a)
{
    const unsigned pos = a->hw * 16u;
    const ir_val kept = const_of(c, ~(UINT64_C(0xffff) << pos), a->sf);
    const ir_val d = ir_and(c->b, read_x(c, a->rd, a->sf), kept);
    write_x(c, a->rd, ir_or(c->b, d, const_of(c, (uint64_t)a->imm << pos, a->sf)));
}

/* ---- conditional selection */

#define CONDITIONAL(name, otherwise)                                                               \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_val n = read_x(c, a->rn, a->sf), m = read_x(c, a->rm, a->sf);                     \
        write_x(c, a->rd, ir_select(c->b, cond_holds(c, a->cond), n, otherwise));                  \
    }
CONDITIONAL(csel, m)
CONDITIONAL(csinc, ir_add(c->b, m, const_of(c, 1, a->sf)))
CONDITIONAL(csinv, ir_not(c->b, m))
CONDITIONAL(csneg, ir_neg(c->b, m))

/* ---- flags */

/* Bit n of an I32 or I64 as an I32 boolean. */
static ir_val bit_of(struct a64_block *c, ir_val v, unsigned n)
{
    return ir_trunc(c->b, T_I32, ir_ubfx(c->b, v, n, 1));
}

static ir_val with_flag(struct a64_block *c, ir_val bits, unsigned pos, ir_val boolean)
{
    return ir_dep(c->b, bits, boolean, pos, 1);
}

void a64_rmif(struct a64_block *c, const struct a64_rmif *a)
{
    static const uint8_t places[4] = {FLAG_V, FLAG_C, FLAG_Z, FLAG_N};
    const ir_val n = ir_rotr(c->b, read_x(c, a->rn, 1), const_of(c, a->imm, 1));
    ir_val bits = ir_flags_bits(c->b, get_nzcv(c));
    for (unsigned i = 0; i < 4; i++) {
        if (a->mask >> i & 1) {
            ir_val v = bit_of(c, n, i);
            if (places[i] == FLAG_C) {
                v = ir_xor(c->b, v, const_of(c, 1, 0));
            }
            bits = with_flag(c, bits, places[i], v);
        }
    }
    put_nzcv(c, ir_flags_from(c->b, bits));
}

/* SETF8, SETF16: C stays. */
void a64_setf(struct a64_block *c, const struct a64_setf *a)
{
    const unsigned msb = a->size ? 15 : 7;
    const ir_val n = read_x(c, a->rn, 0);
    const ir_val sign = bit_of(c, n, msb);
    const ir_val low = const_of(c, (UINT64_C(2) << msb) - 1, 0);
    ir_val bits = ir_flags_bits(c->b, get_nzcv(c));
    bits = with_flag(c, bits, FLAG_N, sign);
    bits = with_flag(c, bits, FLAG_Z, ir_tst(c->b, IR_EQ, n, low));
    bits = with_flag(c, bits, FLAG_V, ir_xor(c->b, sign, bit_of(c, n, msb + 1)));
    put_nzcv(c, ir_flags_from(c->b, bits));
}

void a64_cfinv(struct a64_block *c, const struct a64_cfinv *a)
{
    (void)a;
    put_nzcv(c, ir_flags_cmc(c->b, get_nzcv(c)));
}

/* From the flags of a floating-point comparison to an alternative format, and back (FEAT_FlagM2).
 */

void a64_axflag(struct a64_block *c, const struct a64_axflag *a)
{
    (void)a;
    const ir_val flags = get_nzcv(c);
    const ir_val v = ir_flags_test(c->b, IR_VS, flags);
    const ir_val z = ir_or(c->b, ir_flags_test(c->b, IR_EQ, flags), v);
    const ir_val not_c = ir_or(c->b, ir_flags_test(c->b, IR_ULT, flags), v);
    const ir_val bits = with_flag(c, const_of(c, 0, 0), FLAG_Z, z);
    put_nzcv(c, ir_flags_from(c->b, with_flag(c, bits, FLAG_C, not_c)));
}

void a64_xaflag(struct a64_block *c, const struct a64_xaflag *a)
{
    (void)a;
    const ir_val flags = get_nzcv(c);
    const ir_val carry = ir_flags_test(c->b, IR_UGE, flags),
                 not_c = ir_flags_test(c->b, IR_ULT, flags);
    const ir_val z = ir_flags_test(c->b, IR_EQ, flags), not_z = ir_flags_test(c->b, IR_NE, flags);
    ir_val bits = with_flag(c, const_of(c, 0, 0), FLAG_N, ir_and(c->b, not_c, not_z));
    bits = with_flag(c, bits, FLAG_Z, ir_and(c->b, z, carry));
    bits = with_flag(c, bits, FLAG_C, ir_and(c->b, not_c, not_z)); /* C is C or Z */
    bits = with_flag(c, bits, FLAG_V, ir_and(c->b, not_c, z));
    put_nzcv(c, ir_flags_from(c->b, bits));
}
