/* SPDX-License-Identifier: MIT */
/*
 * Moving lanes of MMX, SSE2 and AVX within 16 bytes: packing, interleaving, shuffling. Intel SDM,
 * volume 2: PACKSSWB, PACKUSWB, PSHUFD, PSHUFHW, PSHUFLW, PSHUFW, PUNPCKHBW, PUNPCKLBW, SHUFPS,
 * UNPCKHPS, UNPCKLPS and their like.
 */
#include "cpu/x86/sse.h"

/* ---- packing: two operands of wide lanes, saturated */

static void pack(struct x86_block *c, const struct x86_instr *i, enum ir_op op, ir_type t)
{
    if (x86_sse_begin(c, i)) {
        ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        if (x86_is_mmx(&i->op[0])) {
            x = y = ir_vjoin(c->b, x, y);
        }
        x86_put_vector(c, &i->op[0], x86_v2(c, op, x86_length(i, t), x, y));
    }
}

/* ---- interleaving lanes of the low or the high halves */

/* Of MMX the high halves are the upper part of what the low ones of 128 bits give. */
static void unpack_high(struct x86_block *c, const struct x86_instr *i, ir_type t)
{
    const struct x86_operand *dst = &i->op[0];
    if (!x86_sse_begin(c, i)) {
        return;
    }
    const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
    if (x86_is_mmx(dst)) {
        const ir_val v = x86_v2(c, IR_vzip1, t, x, y);
        x86_put_vector(c, dst, ir_v1(c->b, IR_vdup_lane, T_I64X2, v, 1));
    } else {
        x86_put_vector(c, dst, x86_v2(c, IR_vzip2, x86_length(i, t), x, y));
    }
}

X86_BOTH(pack, packsswb, IR_vspack, T_I8X16)
X86_BOTH(pack, packuswb, IR_vupack, T_I8X16)
X86_BOTH(pack, packssdw, IR_vspack, T_I16X8)
X86_BOTH(x86_vector_op, punpcklbw, IR_vzip1, T_I8X16)
X86_BOTH(x86_vector_op, punpcklwd, IR_vzip1, T_I16X8)
X86_BOTH(x86_vector_op, punpckldq, IR_vzip1, T_I32X4)
X86_BOTH(x86_vector_op, punpcklqdq, IR_vzip1, T_I64X2)
X86_BOTH(x86_vector_op, unpcklps, IR_vzip1, T_I32X4)
X86_BOTH(x86_vector_op, unpcklpd, IR_vzip1, T_I64X2)
X86_BOTH(unpack_high, punpckhbw, T_I8X16)
X86_BOTH(unpack_high, punpckhwd, T_I16X8)
X86_BOTH(unpack_high, punpckhdq, T_I32X4)
X86_BOTH(unpack_high, punpckhqdq, T_I64X2)
X86_BOTH(unpack_high, unpckhps, T_I32X4)
X86_BOTH(unpack_high, unpckhpd, T_I64X2)

/* ---- shuffles by a constant: lane n of each 16 bytes is lane lanes[n] of x */

static ir_val pick(struct x86_block *c, ir_val x, unsigned lane_bytes, const uint8_t lanes[8])
{
    uint64_t half[2] = {0, 0};
    for (unsigned k = 0; k < 16; k++) {
        const uint64_t byte = lanes[k / lane_bytes] * lane_bytes + k % lane_bytes;
        half[k / 8] |= byte << 8 * (k % 8);
    }
    const struct x86_instr length = {.l = ir_is_wide(ir_type_of(c->b, x))};
    const uint64_t all[] = {half[0], half[1], half[0], half[1]};
    return x86_v2(c, IR_vtbl, x86_length(&length, T_I8X16), x, x86_konst_halves(c, &length, all));
}

/* Four lanes by the pairs of bits of an immediate, from the first on. */
static void take_pairs(uint8_t lanes[4], uint64_t imm, unsigned first)
{
    for (unsigned k = 0; k < 4; k++) {
        lanes[k] = (uint8_t)(first + (imm >> 2 * k & 3));
    }
}

static ir_val shuffle_pairs(struct x86_block *c, ir_val x, uint64_t imm)
{
    const struct x86_instr length = {.l = ir_is_wide(ir_type_of(c->b, x))};
    imm &= 0xff;
    return imm == 0xe4 ? x : ir_v1(c->b, IR_vpick, x86_length(&length, T_I32X4), x, (unsigned)imm);
}

static void shuffle_all(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, &i->op[1]);
        x86_put_vector(c, &i->op[0], shuffle_pairs(c, x, (uint64_t)i->imm));
    }
}
X86_IS(shuffle_all, pshufd)
X86_IS(shuffle_all, vpshufd)
X86_IS(shuffle_all, vpermilps_i)

/* Four of the eight words; the others stay. */
static void shuffle_half(struct x86_block *c, const struct x86_instr *i, unsigned first)
{
    uint8_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    take_pairs(lanes + first, (uint64_t)i->imm, first);
    if (x86_sse_begin(c, i)) {
        x86_put_vector(c, &i->op[0], pick(c, x86_vector(c, i, &i->op[1]), 2, lanes));
    }
}

X86_BOTH(shuffle_half, pshuflw, 0)
X86_BOTH(shuffle_half, pshufhw, 4)
X86_BY(shuffle_half, pshufw, 0)

/* Two lanes of the first operand, two of the second. */
static ir_val by_words(struct x86_block *c, const struct x86_instr *i, ir_val x, ir_val y)
{
    const uint64_t imm = i->imm & 0xff, low = (imm & 15) * 0x11, high = (imm >> 4) * 0x11;
    return x == y ? shuffle_pairs(c, x, imm)
                  : x86_v2(c, IR_vzip1, x86_length(i, T_I64X2), shuffle_pairs(c, x, low),
                           shuffle_pairs(c, y, high));
}

static void shuffle_words(struct x86_block *c, const struct x86_instr *i)
{
    if (x86_sse_begin(c, i)) {
        const ir_val x = x86_vector(c, i, x86_first(i)), y = x86_vector(c, i, x86_second(i));
        x86_put_vector(c, &i->op[0], by_words(c, i, x, y));
    }
}
X86_IS(shuffle_words, shufps)
X86_IS(shuffle_words, vshufps)

/* Two bits of the immediate byte for each 16 bytes. */
static ir_val by_doublewords(struct x86_block *c, const struct x86_instr *i, const ir_val xy[2],
                             unsigned n)
{
    const unsigned imm = (unsigned)i->imm >> 2 * n;
    return x86_two_halves(c, (struct x86_half){xy[0], imm & 1},
                          (struct x86_half){xy[1], imm >> 1 & 1});
}
X86_BOTH(x86_by_parts, shufpd, by_doublewords)
