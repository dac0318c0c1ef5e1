/* SPDX-License-Identifier: MIT */
/*
 * A64: addition, subtraction, comparison, multiplication, division, minima and maxima (DDI 0487,
 * C4.1.92 "Add/subtract (immediate)", "Min/max (immediate)", C4.1.95 from "Data-processing (2
 * source)" on).
 */
#include "cpu/arm/a64.h"

/* ---- the shapes that add, adds, sub and subs share */

enum addsub {
    ADD,
    ADDS,
    SUB,
    SUBS
};

static void put_flags(struct a64_block *c, enum addsub op, ir_val n, ir_val m)
{
    if (op == ADDS) {
        put_nzcv(c, ir_flags_cmc(c->b, ir_flags_add(c->b, n, m)));
    } else if (op == SUBS) {
        put_nzcv(c, ir_flags_sub(c->b, n, m));
    }
}

static ir_val result_of(struct a64_block *c, enum addsub op, ir_val n, ir_val m)
{
    return op == ADD || op == ADDS ? ir_add(c->b, n, m) : ir_sub(c->b, n, m);
}

/* Those without flags may write SP. */
static void addsub(struct a64_block *c, enum addsub op, unsigned rd, ir_val n, ir_val m)
{
    const ir_val d = result_of(c, op, n, m);
    if (op == ADD || op == SUB) {
        write_xsp(c, rd, d);
    } else {
        write_x(c, rd, d);
        put_flags(c, op, n, m);
    }
}

#define ADDSUB_IMM(name, op)                                                                       \
    void a64_##name##_imm(struct a64_block *c, const struct a64_##name##_imm *a)                   \
    {                                                                                              \
        const ir_val m = const_of(c, (uint64_t)a->imm << (a->sh ? 12 : 0), a->sf);                 \
        addsub(c, op, a->rd, read_xsp(c, a->rn, a->sf), m);                                        \
    }
ADDSUB_IMM(add, ADD)
ADDSUB_IMM(adds, ADDS)
ADDSUB_IMM(sub, SUB)
ADDSUB_IMM(subs, SUBS)

#define ADDSUB_SHIFT(name, op)                                                                     \
    void a64_##name##_shift(struct a64_block *c, const struct a64_##name##_shift *a)               \
    {                                                                                              \
        const ir_val n = read_x(c, a->rn, a->sf);                                                  \
        const ir_val m = read_shifted(c, a->rm, a->sf, a->shift, a->imm);                          \
        write_x(c, a->rd, result_of(c, op, n, m));                                                 \
        put_flags(c, op, n, m);                                                                    \
    }
ADDSUB_SHIFT(add, ADD)
ADDSUB_SHIFT(adds, ADDS)
ADDSUB_SHIFT(sub, SUB)
ADDSUB_SHIFT(subs, SUBS)

#define ADDSUB_EXT(name, op)                                                                       \
    void a64_##name##_ext(struct a64_block *c, const struct a64_##name##_ext *a)                   \
    {                                                                                              \
        const ir_val m = ir_trunc(c->b, type_of(a->sf), extend_x(c, a->rm, a->option, a->imm));    \
        addsub(c, op, a->rd, read_xsp(c, a->rn, a->sf), m);                                        \
    }
ADDSUB_EXT(add, ADD)
ADDSUB_EXT(adds, ADDS)
ADDSUB_EXT(sub, SUB)
ADDSUB_EXT(subs, SUBS)

/* ---- with carry: the IR's carry of a subtraction is a borrow, as NZCV holds it */

void a64_adc(struct a64_block *c, const struct a64_adc *a)
{
    const ir_val carry = ir_flags_cmc(c->b, get_nzcv(c));
    write_x(c, a->rd, ir_adc(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf), carry));
}

void a64_adcs(struct a64_block *c, const struct a64_adcs *a)
{
    const ir_val carry = ir_flags_cmc(c->b, get_nzcv(c));
    const ir_val n = read_x(c, a->rn, a->sf), m = read_x(c, a->rm, a->sf);
    write_x(c, a->rd, ir_adc(c->b, n, m, carry));
    put_nzcv(c, ir_flags_cmc(c->b, ir_flags_adc(c->b, n, m, carry)));
}

void a64_sbc(struct a64_block *c, const struct a64_sbc *a)
{
    write_x(c, a->rd, ir_sbb(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf), get_nzcv(c)));
}

void a64_sbcs(struct a64_block *c, const struct a64_sbcs *a)
{
    const ir_val borrow = get_nzcv(c);
    const ir_val n = read_x(c, a->rn, a->sf), m = read_x(c, a->rm, a->sf);
    write_x(c, a->rd, ir_sbb(c->b, n, m, borrow));
    put_nzcv(c, ir_flags_sbb(c->b, n, m, borrow));
}

/* ---- conditional comparison */

static void conditional_compare(struct a64_block *c, unsigned cond, unsigned nzcv, ir_val flags)
{
    put_nzcv(c, ir_flags_select(c->b, cond_holds(c, cond), flags, flags_const(c, nzcv)));
}

void a64_ccmn_reg(struct a64_block *c, const struct a64_ccmn_reg *a)
{
    const ir_val flags = ir_flags_add(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf));
    conditional_compare(c, a->cond, a->nzcv, ir_flags_cmc(c->b, flags));
}

void a64_ccmp_reg(struct a64_block *c, const struct a64_ccmp_reg *a)
{
    const ir_val flags = ir_flags_sub(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf));
    conditional_compare(c, a->cond, a->nzcv, flags);
}

void a64_ccmn_imm(struct a64_block *c, const struct a64_ccmn_imm *a)
{
    const ir_val flags = ir_flags_add(c->b, read_x(c, a->rn, a->sf), const_of(c, a->imm, a->sf));
    conditional_compare(c, a->cond, a->nzcv, ir_flags_cmc(c->b, flags));
}

void a64_ccmp_imm(struct a64_block *c, const struct a64_ccmp_imm *a)
{
    const ir_val flags = ir_flags_sub(c->b, read_x(c, a->rn, a->sf), const_of(c, a->imm, a->sf));
    conditional_compare(c, a->cond, a->nzcv, flags);
}

/* ---- multiplication and division */

void a64_madd(struct a64_block *c, const struct a64_madd *a)
{
    const ir_val product = ir_mul(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf));
    write_x(c, a->rd, ir_add(c->b, read_x(c, a->ra, a->sf), product));
}

void a64_msub(struct a64_block *c, const struct a64_msub *a)
{
    const ir_val product = ir_mul(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf));
    write_x(c, a->rd, ir_sub(c->b, read_x(c, a->ra, a->sf), product));
}

static ir_val long_product(struct a64_block *c, unsigned rn, unsigned rm, bool is_signed)
{
    const ir_val n = read_x(c, rn, 0), m = read_x(c, rm, 0);
    if (is_signed) {
        return ir_mul(c->b, ir_sext(c->b, T_I64, n), ir_sext(c->b, T_I64, m));
    }
    return ir_mul(c->b, ir_zext(c->b, T_I64, n), ir_zext(c->b, T_I64, m));
}

void a64_smaddl(struct a64_block *c, const struct a64_smaddl *a)
{
    write_x(c, a->rd, ir_add(c->b, read_x(c, a->ra, 1), long_product(c, a->rn, a->rm, true)));
}

void a64_smsubl(struct a64_block *c, const struct a64_smsubl *a)
{
    write_x(c, a->rd, ir_sub(c->b, read_x(c, a->ra, 1), long_product(c, a->rn, a->rm, true)));
}

void a64_umaddl(struct a64_block *c, const struct a64_umaddl *a)
{
    write_x(c, a->rd, ir_add(c->b, read_x(c, a->ra, 1), long_product(c, a->rn, a->rm, false)));
}

void a64_umsubl(struct a64_block *c, const struct a64_umsubl *a)
{
    write_x(c, a->rd, ir_sub(c->b, read_x(c, a->ra, 1), long_product(c, a->rn, a->rm, false)));
}

/* Two sources, one operation of the IR, whose division is Arm's: by zero gives 0. */
#define BINARY(name, op)                                                                           \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        write_x(c, a->rd, op(c->b, read_x(c, a->rn, a->sf), read_x(c, a->rm, a->sf)));             \
    }
BINARY(udiv, ir_udiv)
BINARY(sdiv, ir_sdiv)
BINARY(smax_reg, ir_smax)
BINARY(umax_reg, ir_umax)
BINARY(smin_reg, ir_smin)
BINARY(umin_reg, ir_umin)

void a64_smulh(struct a64_block *c, const struct a64_smulh *a)
{
    write_x(c, a->rd, ir_smulh(c->b, read_x(c, a->rn, 1), read_x(c, a->rm, 1)));
}

void a64_umulh(struct a64_block *c, const struct a64_umulh *a)
{
    write_x(c, a->rd, ir_umulh(c->b, read_x(c, a->rn, 1), read_x(c, a->rm, 1)));
}

/* ---- minimum and maximum with an immediate; its sign extends to 64 bits */

#define MINMAX_IMM(name, op)                                                                       \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_val m = const_of(c, (uint64_t)(int64_t)a->imm, a->sf);                            \
        write_x(c, a->rd, op(c->b, read_x(c, a->rn, a->sf), m));                                   \
    }
MINMAX_IMM(smax_imm, ir_smax)
MINMAX_IMM(umax_imm, ir_umax)
MINMAX_IMM(smin_imm, ir_smin)
MINMAX_IMM(umin_imm, ir_umin)

/* ---- addresses of code */

void a64_adr(struct a64_block *c, const struct a64_adr *a)
{
    write_x(c, a->rd, ir_address(c->b, c->pc + (uint64_t)(int64_t)a->off));
}

void a64_adrp(struct a64_block *c, const struct a64_adrp *a)
{
    const uint64_t page = c->pc & ~UINT64_C(0xfff);
    write_x(c, a->rd, ir_address(c->b, page + ((uint64_t)(int64_t)a->off << 12)));
}
