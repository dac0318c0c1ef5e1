/* SPDX-License-Identifier: MIT */
/* High halves of doubled products by lane, and sums of neighbours, which are products with ones. */
#include "tcg/host/x86_64/simd.h"

/* ---- high halves. The one product that does not fit, of the least number with itself, is the
 * least number again, which no other product gives. */

static void s_words(struct steps *q, bool rounded, unsigned a, unsigned b)
{
    if (rounded) {
        s_three(q, B38(0x0b), X0, a, b); /* pmulhrsw */
        return;
    }
    s_three(q, B66(0xe5), X0, a, b); /* pmulhw */
    s_three(q, B66(0xd5), X1, a, b); /* pmullw */
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X1, X1}, 15);
    s_rr(q, lane_add[1], X0, X0);
    s_rr(q, POR, X0, X1);
}

/* Products of 64 bits of the even lanes and of the odd ones. */
static void s_doublewords(struct steps *q, bool rounded, const unsigned a_b_t[3])
{
    const unsigned t = a_b_t[2];

    s_three(q, B38(0x28), X0, a_b_t[0], a_b_t[1]); /* pmuldq */
    s_shift(q, lane_shift[3], SHIFT_RIGHT, (const unsigned[]){X1, a_b_t[0]}, 32);
    s_shift(q, lane_shift[3], SHIFT_RIGHT, (const unsigned[]){t, a_b_t[1]}, 32);
    s_rr(q, B38(0x28), X1, t);
    if (rounded) {
        s_const(q, lane_add[3], X0, X0, K_HALF_OF_2_31);
        s_const(q, lane_add[3], X1, X1, K_HALF_OF_2_31);
    }
    s_shift(q, lane_shift[3], SHIFT_RIGHT, (const unsigned[]){X0, X0}, 31);
    s_rr(q, lane_add[3], X1, X1);
    s_rri(q, B3A(0x0e), X0, X1, 0xcc); /* pblendw: the upper halves */
}

void emit_vector_doubled(struct compiler *c, const struct ir_insn *in)
{
    const bool words = in->type == T_I16X8, rounded = in->op == IR_srdmulh;

    if (!words && in->type != T_I32X4) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    struct steps q = {.c = c};

    if (words) {
        s_words(&q, rounded, ra, rb);
    } else {
        s_doublewords(&q, rounded, (const unsigned[]){ra, rb, temp(c, true)});
    }
    s_const(&q, lane_equal[words ? 1 : 2], X1, X0, words ? K_SIGN_I16 : K_SIGN_I32);
    s_rr(&q, PXOR, X0, X1);
    s_copy(&q, dst, X0);
    steps_emit(&q);
}

/* ---- sums of neighbours */

/* Of 32 and 64 bits, unsigned, or signed of 64: both halves brought to the lane's width. */
static void s_sum_of_halves(struct steps *q, const struct ir_insn *in, const unsigned dst_a[2])
{
    const unsigned wide = ir_lane(in->type) - L_I8, bits = ir_lane_bits(in->type) / 2, a = dst_a[1];

    s_shift(q, lane_shift[wide], SHIFT_RIGHT, (const unsigned[]){X0, a}, bits);
    s_shift(q, lane_shift[wide], SHIFT_LEFT, (const unsigned[]){X1, a}, bits);
    s_shift(q, lane_shift[wide], SHIFT_RIGHT, (const unsigned[]){X1, X1}, bits);
    s_rr(q, lane_add[wide], X0, X1);
    s_copy(q, dst_a[0], X0);
}

void emit_vector_neighbours(struct compiler *c, const struct ir_insn *in)
{
    const bool sign = in->op == IR_vsaddlp;
    const unsigned bits = ir_lane_bits(in->type);

    if (bits < 16 || (sign && bits == 64)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct steps q = {.c = c};

    if (bits == 16 && sign) { /* pmaddubsw: unsigned by signed */
        s_load(&q, X0, K_LANES_1_8);
        s_rr(&q, B38(0x04), X0, ra);
        s_copy(&q, dst, X0);
    } else if (bits == 16) {
        s_const(&q, B38(0x04), dst, ra, K_LANES_1_8);
    } else if (sign) {
        s_const(&q, B66(0xf5), dst, ra, K_LANES_1_16); /* pmaddwd */
    } else {
        s_sum_of_halves(&q, in, (const unsigned[]){dst, ra});
    }
    steps_emit(&q);
}
