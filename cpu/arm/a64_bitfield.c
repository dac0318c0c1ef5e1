/* SPDX-License-Identifier: MIT */
/*
 * A64: bit fields, shifts, and operations on the bits and bytes of a register (DDI 0487, C4.1.92
 * "Bitfield", "Extract"; C4.1.95 "Data-processing (1 source)", "(2 source)").
 */
#include "cpu/arm/a64.h"

static unsigned width_of(unsigned sf)
{
    return sf ? 64 : 32;
}

/*
 * The manual's rotation and masks come down to two cases: imms >= immr takes bits [immr, imms] to
 * the bottom, else bits [0, imms] go up to width - immr.
 */
static ir_val shl_const(struct a64_block *c, ir_val v, unsigned n, unsigned sf)
{
    return ir_shl(c->b, v, const_of(c, n, sf));
}

void a64_sbfm(struct a64_block *c, const struct a64_sbfm *a)
{
    const ir_val n = read_x(c, a->rn, a->sf);
    if (a->imms >= a->immr) {
        write_x(c, a->rd, ir_sbfx(c->b, n, a->immr, a->imms - a->immr + 1u));
    } else {
        const ir_val field = ir_sbfx(c->b, n, 0, a->imms + 1u);
        write_x(c, a->rd, shl_const(c, field, width_of(a->sf) - a->immr, a->sf));
    }
}

void a64_ubfm(struct a64_block *c, const struct a64_ubfm *a)
{
    const ir_val n = read_x(c, a->rn, a->sf);
    if (a->imms >= a->immr) {
        write_x(c, a->rd, ir_ubfx(c->b, n, a->immr, a->imms - a->immr + 1u));
    } else if (a->imms + 1u == a->immr) {
        write_x(c, a->rd, shl_const(c, n, width_of(a->sf) - a->immr, a->sf));
    } else {
        const ir_val field = ir_ubfx(c->b, n, 0, a->imms + 1u);
        write_x(c, a->rd, shl_const(c, field, width_of(a->sf) - a->immr, a->sf));
    }
}

void a64_bfm(struct a64_block *c, const struct a64_bfm *a)
{
    const ir_val n = read_x(c, a->rn, a->sf), d = read_x(c, a->rd, a->sf);
    if (a->imms >= a->immr) {
        const unsigned len = a->imms - a->immr + 1u;
        write_x(c, a->rd, ir_dep(c->b, d, ir_shr(c->b, n, const_of(c, a->immr, a->sf)), 0, len));
    } else {
        write_x(c, a->rd, ir_dep(c->b, d, n, width_of(a->sf) - a->immr, a->imms + 1u));
    }
}

void a64_extr(struct a64_block *c, const struct a64_extr *a)
{
    const ir_val n = read_x(c, a->rn, a->sf), m = read_x(c, a->rm, a->sf);
    write_x(c, a->rd, ir_extr(c->b, n, m, a->imms));
}

/* The amount is taken modulo the width. */
#define SHIFT(name, op)                                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        const ir_val m = read_x(c, a->rm, a->sf);                                                  \
        const ir_val amount = ir_and(c->b, m, const_of(c, width_of(a->sf) - 1, a->sf));            \
        write_x(c, a->rd, op(c->b, read_x(c, a->rn, a->sf), amount));                              \
    }
SHIFT(lslv, ir_shl)
SHIFT(lsrv, ir_shr)
SHIFT(asrv, ir_sar)
SHIFT(rorv, ir_rotr)

#define UNARY(name, op)                                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        write_x(c, a->rd, op(c->b, read_x(c, a->rn, a->sf)));                                      \
    }
UNARY(rbit, ir_rbit)
UNARY(rev, ir_bswap)
UNARY(clz, ir_clz)
UNARY(ctz, ir_ctz)
UNARY(cnt_reg, ir_popcnt)
UNARY(abs_reg, ir_abs)

void a64_rev32(struct a64_block *c, const struct a64_rev32 *a)
{
    const ir_val swapped = ir_bswap(c->b, read_x(c, a->rn, 1));
    write_x(c, a->rd, ir_rotr(c->b, swapped, const_of(c, 32, 1)));
}

void a64_rev16(struct a64_block *c, const struct a64_rev16 *a)
{
    const ir_val n = read_x(c, a->rn, a->sf), eight = const_of(c, 8, a->sf);
    const ir_val low = const_of(c, UINT64_C(0x00ff00ff00ff00ff), a->sf);
    const ir_val up = ir_shl(c->b, ir_and(c->b, n, low), eight);
    const ir_val down = ir_and(c->b, ir_shr(c->b, n, eight), low);
    write_x(c, a->rd, ir_or(c->b, up, down));
}

/* Leading bits equal to the sign, without it: of x ^ (x >> 1), whose top bit is 0, one zero less.
 */
void a64_cls(struct a64_block *c, const struct a64_cls *a)
{
    const ir_val n = read_x(c, a->rn, a->sf), one = const_of(c, 1, a->sf);
    const ir_val changes = ir_xor(c->b, n, ir_sar(c->b, n, one));
    write_x(c, a->rd, ir_sub(c->b, ir_clz(c->b, changes), one));
}

void a64_crc32(struct a64_block *c, const struct a64_crc32 *a)
{
    write_x(c, a->rd, ir_crc32(c->b, read_x(c, a->rn, 0), read_x(c, a->rm, a->sf), 1u << a->size));
}

void a64_crc32c(struct a64_block *c, const struct a64_crc32c *a)
{
    write_x(c, a->rd, ir_crc32c(c->b, read_x(c, a->rn, 0), read_x(c, a->rm, a->sf), 1u << a->size));
}
