/* SPDX-License-Identifier: MIT */
/*
 * Integer lanes: widening and narrowing, products, sums and extremes across lanes, saturation,
 * halving, bit counts.
 */
#include "tcg/host/x86_64/simd.h"

static bool full(const struct ir_insn *in)
{
    return ir_type_bits(in->type) == 128;
}

static bool integer(const struct ir_insn *in, unsigned max_bits)
{
    return full(in) && ir_lane(in->type) <= L_I64 && ir_lane_bits(in->type) <= max_bits;
}

static unsigned lane_index(const struct ir_insn *in)
{
    return ir_lane(in->type) - L_I8;
}

static const enum constant signs[] = {K_SIGN_I8, K_SIGN_I16, K_SIGN_I32, K_SIGN_I64};
static const opcode min_u[] = {B66(0xda), B38(0x3a), B38(0x3b)},
                    max_u[] = {B66(0xde), B38(0x3e), B38(0x3f)},
                    min_s[] = {B38(0x38), B66(0xea), B38(0x39)},
                    max_s[] = {B38(0x3c), B66(0xee), B38(0x3d)};

/* ---- widening, narrowing, products */

static opcode extend_op(ir_type t, bool sign)
{
    const unsigned n = ir_lane_bits(t) == 16 ? 0 : ir_lane_bits(t) == 32 ? 3 : 5;

    return B38((sign ? 0x20 : 0x30) + n);
}

static void widen(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    const bool sign = in->op == IR_vsxtl || in->op == IR_vsxth,
               high = in->op == IR_vsxth || in->op == IR_vuxth;

    if (high) {
        s_rri(q, PSHUFD, X0, a, 0xee);
    }
    s_rr(q, extend_op(in->type, sign), dst, high ? X0 : a);
}

static void narrow(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    switch (ir_lane_bits(in->type)) {
    case 8:
        s_const(q, PSHUFB, dst, a, K_EVEN_8);
        break;
    case 16:
        s_const(q, PSHUFB, dst, a, K_EVEN_16);
        break;
    default:
        s_rri(q, PSHUFD, X0, a, 0x08);
        s_rr(q, SSE_MOVQ_LOAD, dst, X0);
        break;
    }
}

/* The halves are extended, then multiplied at the full width (16 or 32 bits), or by the host's
 * widening product (64). */
static void widening_product(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3])
{
    const bool sign = in->op == IR_vsmull || in->op == IR_vsmulh,
               high = in->op == IR_vsmulh || in->op == IR_vumulh;
    const unsigned bits = ir_lane_bits(in->type), dst = dst_a_b[0];
    unsigned a = dst_a_b[1], b = dst_a_b[2];

    if (bits == 64) {
        s_rri(q, PSHUFD, X0, a, high ? 0xfa : 0x50);
        s_rri(q, PSHUFD, X1, b, high ? 0xfa : 0x50);
        s_three(q, sign ? B38(0x28) : B66(0xf4), X0, X0, X1); /* pmuldq, pmuludq: even lanes */
    } else if (bits == 32) {
        /* Low and high halves of the products, interleaved. */
        s_three(q, B66(0xd5), X0, a, b);
        s_three(q, sign ? B66(0xe5) : B66(0xe4), X1, a, b);
        s_three(q, high ? B66(0x69) : B66(0x61), X0, X0, X1);
    } else {
        if (high) {
            s_rri(q, PSHUFD, X0, a, 0xee);
            s_rri(q, PSHUFD, X1, b, 0xee);
            a = X0;
            b = X1;
        }
        s_rr(q, extend_op(in->type, sign), X0, a);
        s_rr(q, extend_op(in->type, sign), X1, b);
        s_three(q, B66(0xd5), X0, X0, X1);
    }
    s_copy(q, dst, X0);
}

/* Even bytes in place, odd ones shifted there and back. */
static void byte_product(struct steps *q, unsigned dst, unsigned a, unsigned b)
{
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X0, a}, 8);
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X1, b}, 8);
    s_rr(q, B66(0xd5), X0, X1);
    s_shift(q, lane_shift[1], SHIFT_LEFT, (const unsigned[]){X0, X0}, 8);
    s_three(q, B66(0xd5), X1, a, b);
    s_const(q, PAND, X1, X1, K_LOW_8);
    s_rr(q, POR, X0, X1);
    s_copy(q, dst, X0);
}

/* ---- across lanes */

/* Lane 0 of xmm0 in dst, the rest 0. */
static void only_lane_0(struct steps *q, const struct ir_insn *in, unsigned dst)
{
    const unsigned bits = ir_lane_bits(in->type);

    if (bits == 64) {
        s_rr(q, SSE_MOVQ_LOAD, dst, X0);
    } else {
        s_const(q, PAND, dst, X0, bits == 32 ? K_LOW_32 : bits == 16 ? K_LOWEST_16 : K_LOWEST_8);
    }
}

/* The sum of all lanes in lane 0: of bytes by psadbw, of wider ones by halving. */
static void sum(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    const unsigned bits = ir_lane_bits(in->type);
    const opcode op = lane_add[bits == 8 ? 3 : lane_index(in)];

    if (bits == 8) {
        s_zero(q, X1);
        s_three(q, B66(0xf6), X0, a, X1); /* psadbw */
        a = X0;
    }
    s_rri(q, PSHUFD, X1, a, 0x4e);
    s_three(q, op, X0, a, X1);
    if (bits == 16 || bits == 32) {
        s_rri(q, PSHUFD, X1, X0, 0xb1);
        s_rr(q, op, X0, X1);
    }
    if (bits == 16) {
        s_rri(q, OPC(PP_F2, MAP_0F, 0x70), X1, X0, 0xb1); /* pshuflw */
        s_rr(q, op, X0, X1);
    }
    only_lane_0(q, in, dst);
}

/* phminposuw finds the least of eight unsigned words: others are flipped so that they count that
 * way, bytes first halved to the lesser of two. */
static void extreme_of_words(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    const bool bytes = ir_lane_bits(in->type) == 8;
    const enum constant sign = bytes ? K_SIGN_I8 : K_SIGN_I16,
                        rest = bytes ? K_LANES_7F_8 : K_LANES_7FFF_16;
    enum constant flip = K_ZERO;

    if (in->op == IR_vumaxv) {
        flip = K_ALL_ONES;
        s_const(q, PXOR, X0, a, flip);
    } else if (in->op == IR_vuminv) {
        s_copy(q, X0, a);
    } else {
        flip = in->op == IR_vsminv ? sign : rest;
        s_const(q, PXOR, X0, a, flip);
    }
    if (bytes) {
        s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X1, X0}, 8);
        s_rr(q, min_u[0], X0, X1);
    }
    s_rr(q, B38(0x41), X0, X0); /* phminposuw */
    if (in->op != IR_vuminv) {
        s_const(q, PXOR, X0, X0, flip);
    }
    only_lane_0(q, in, dst);
}

void emit_vector_extreme(struct compiler *c, const struct ir_insn *in)
{
    if (!integer(in, 32)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const opcode op = in->op == IR_vsminv   ? min_s[2]
                      : in->op == IR_vsmaxv ? max_s[2]
                      : in->op == IR_vuminv ? min_u[2]
                                            : max_u[2];
    struct steps q = {.c = c};

    if (ir_lane_bits(in->type) < 32) {
        extreme_of_words(&q, in, dst, ra);
    } else {
        s_rri(&q, PSHUFD, X1, ra, 0x4e);
        s_three(&q, op, X0, ra, X1);
        s_rri(&q, PSHUFD, X1, X0, 0xb1);
        s_rr(&q, op, X0, X1);
        only_lane_0(&q, in, dst);
    }
    steps_emit(&q);
}

/* Sums of neighbours where SSSE3 has no instruction: even lanes of both plus odd lanes of both. */
static void pairwise_sum(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3],
                         unsigned t)
{
    const unsigned a = dst_a_b[1], b = dst_a_b[2];

    if (ir_lane_bits(in->type) == 64) {
        s_three(q, B66(0x6c), X0, a, b);
        s_three(q, B66(0x6d), X1, a, b);
        s_rr(q, lane_add[3], X0, X1);
    } else {
        s_const(q, PSHUFB, X0, a, K_EVEN_8);
        s_const(q, PSHUFB, X1, b, K_EVEN_8);
        s_rr(q, B66(0x6c), X0, X1);
        s_const(q, PSHUFB, t, a, K_ODD_8);
        s_const(q, PSHUFB, X1, b, K_ODD_8);
        s_rr(q, B66(0x6c), t, X1);
        s_rr(q, lane_add[0], X0, t);
    }
    s_copy(q, dst_a_b[0], X0);
}

/* ---- bits */

/* The table looked up by the upper nibbles, plus by the lower ones. */
static void population(struct steps *q, unsigned dst, unsigned a, unsigned t)
{
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X0, a}, 4);
    s_const(q, PAND, X0, X0, K_LOW_NIBBLE);
    s_const(q, PAND, X1, a, K_LOW_NIBBLE);
    s_load(q, t, K_POPCNT);
    s_rr(q, PSHUFB, t, X0);
    s_load(q, X0, K_POPCNT);
    s_rr(q, PSHUFB, X0, X1);
    s_rr(q, lane_add[0], X0, t);
    s_copy(q, dst, X0);
}

/*
 * Bytes by a table of nibbles, wider lanes from their halves: the upper one's, and the lower one's
 * if that is all zeros.
 */
static void leading_zeros(struct steps *q, unsigned bits, const unsigned dst_a[2], unsigned t)
{
    const unsigned dst = dst_a[0], a = dst_a[1];

    if (bits == 32 && q->c->h->avx512) {
        s_evex(q, B38(0x44), dst, 0, a); /* vplzcntd */
        return;
    }
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X0, a}, 4);
    s_const(q, PAND, X0, X0, K_LOW_NIBBLE);
    s_const(q, PAND, X1, a, K_LOW_NIBBLE);
    s_load(q, t, K_CLZ_NIBBLE);
    s_rr(q, PSHUFB, t, X1);
    s_copy(q, X1, t);
    s_load(q, t, K_CLZ_NIBBLE);
    s_rr(q, PSHUFB, t, X0);
    s_copy(q, X0, t);
    s_const(q, lane_equal[0], t, t, K_BYTES_4); /* the upper nibble is 0 */
    s_rr(q, PAND, X1, t);
    s_rr(q, lane_add[0], X0, X1);
    for (unsigned half = 1; 8u << half <= bits; half++) {
        s_const(q, PAND, X1, X0, half == 1 ? K_LOW_8 : K_LOW_16);
        s_shift(q, lane_shift[half], SHIFT_RIGHT, (const unsigned[]){X0, X0}, 4u << half);
        s_ones(q, t); /* the half's width in each lane */
        s_shift(q, lane_shift[half], SHIFT_RIGHT, (const unsigned[]){t, t}, (8u << half) - 1);
        s_shift(q, lane_shift[half], SHIFT_LEFT, (const unsigned[]){t, t}, 2 + half);
        s_rr(q, lane_equal[half], t, X0);
        s_rr(q, PAND, X1, t);
        s_rr(q, lane_add[half], X0, X1);
    }
    s_copy(q, dst, X0);
}

/* xmm0 = a with the bits of each byte reversed; uses xmm1, t: nibbles by a table, exchanged. */
static void reverse_bits(struct steps *q, unsigned a, unsigned t)
{
    s_const(q, PAND, X1, a, K_LOW_NIBBLE);
    s_load(q, X0, K_RBIT_NIBBLE);
    s_rr(q, PSHUFB, X0, X1);
    s_shift(q, lane_shift[1], SHIFT_LEFT, (const unsigned[]){X0, X0}, 4);
    s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X1, a}, 4);
    s_const(q, PAND, X1, X1, K_LOW_NIBBLE);
    s_load(q, t, K_RBIT_NIBBLE);
    s_rr(q, PSHUFB, t, X1);
    s_rr(q, POR, X0, t);
}

/* Lanes of bytes, and scalars, whose bytes are exchanged then. */
void emit_rbit(struct compiler *c, const struct ir_insn *in)
{
    const bool vector = ir_is_vector(in->type), wide = in->type == T_I64;

    if (!integer(in, 8) && in->type != T_I32 && !wide) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), t = temp(c, true);
    struct steps q = {.c = c};

    if (vector) {
        reverse_bits(&q, ra, t);
        s_copy(&q, dst, X0);
        steps_emit(&q);
        return;
    }
    const uint8_t bswap[3] = {(uint8_t)(0x40 | (wide ? 8 : 0) | (dst & 8 ? 1 : 0)), 0x0f,
                              (uint8_t)(0xc8 | (dst & 7))};
    emit_bytes(&c->as, bswap, 3);
    s_rr(&q, SSE_MOVD_TO_XMM | W(wide), X1, ra);
    s_copy(&q, t, X1);
    reverse_bits(&q, t, t);
    s_rr(&q, SSE_MOVD_FROM_XMM | W(wide), X0, dst);
    steps_emit(&q);
}

static void choose_bits(struct steps *q, const unsigned dst_a_b_c[4])
{
    const unsigned a = dst_a_b_c[1];

    s_three(q, PANDN, X0, a, dst_a_b_c[3]); /* ~a & c */
    s_three(q, PAND, X1, a, dst_a_b_c[2]);
    s_three(q, POR, q->c->h->avx ? dst_a_b_c[0] : X0, X0, X1);
    if (!q->c->h->avx) {
        s_copy(q, dst_a_b_c[0], X0);
    }
}

/* ---- one op of several */

static bool misc_inline(const struct ir_insn *in)
{
    const unsigned bits = ir_lane_bits(in->type);

    if (!full(in)) {
        return false;
    }
    switch (in->op) {
    case IR_popcnt:
        return bits == 8;
    case IR_clz:
        return bits <= 32;
    case IR_ctz:
    case IR_bswap:
        return false;
    case IR_vpadd:
        return bits == 8 || bits == 64;
    case IR_vsxtl:
    case IR_vsxth:
    case IR_vuxtl:
    case IR_vuxth:
        return bits >= 16;
    case IR_sabd:
    case IR_uabd:
        return integer(in, 32);
    default:
        return ir_lane(in->type) <= L_I64 || in->op == IR_bsel || in->op == IR_not;
    }
}

/* max(a, b) - min(a, b) */
static void absolute_difference(struct steps *q, const struct ir_insn *in,
                                const unsigned dst_a_b[3])
{
    const unsigned lane = lane_index(in);
    const bool sign = in->op == IR_sabd;

    s_three(q, sign ? max_s[lane] : max_u[lane], X0, dst_a_b[1], dst_a_b[2]);
    s_three(q, sign ? min_s[lane] : min_u[lane], X1, dst_a_b[1], dst_a_b[2]);
    s_rr(q, lane_sub[lane], X0, X1);
    s_copy(q, dst_a_b[0], X0);
}

static void magnitude(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    static const uint8_t ops[] = {0x1c, 0x1d, 0x1e};

    if (ir_lane_bits(in->type) < 64) {
        s_rr(q, B38(ops[lane_index(in)]), dst, a);
        return;
    }
    s_zero(q, X1); /* (a ^ m) - m, m = 0 > a */
    s_rr(q, lane_greater[3], X1, a);
    s_three(q, PXOR, X0, a, X1);
    s_rr(q, lane_sub[3], X0, X1);
    s_copy(q, dst, X0);
}

static void one_operand(struct steps *q, const struct ir_insn *in, unsigned dst, unsigned a)
{
    switch (in->op) {
    case IR_not:
        s_const(q, PXOR, dst, a, K_ALL_ONES);
        break;
    case IR_neg:
        s_zero(q, X0);
        s_rr(q, lane_sub[lane_index(in)], X0, a);
        s_copy(q, dst, X0);
        break;
    case IR_abs:
        magnitude(q, in, dst, a);
        break;
    case IR_vaddv:
        sum(q, in, dst, a);
        break;
    case IR_vxtn:
        narrow(q, in, dst, a);
        break;
    default:
        widen(q, in, dst, a);
        break;
    }
}

bool blend_by_signs(struct compiler *c, const struct ir_insn *in)
{
    static const uint8_t bytes[] = {[L_I8] = 0x4c, [L_I32] = 0x4a, [L_I64] = 0x4b};
    const struct ir_insn *mask = &c->insns[value(c, in->a)];
    const enum ir_lane lane = ir_lane(mask->type);

    if (!c->h->avx || mask->op != IR_vcmp || mask->aux != IR_SLT || mask->type == T_VOID ||
        ir_is_wide(mask->type) != ir_is_wide(in->type) || lane > L_I64 || !bytes[lane]) {
        return false;
    }
    const struct ir_insn *zero = &c->insns[value(c, mask->b)];
    if (zero->op != IR_vkonst || zero->imm != 0) {
        return false;
    }
    const unsigned dst = def(c), rm = use(c, mask->a, 0), rb = use(c, in->b, 0),
                   rc = use(c, in->c, 0);
    emit_v(&c->as, B3A(bytes[lane]) | (ir_is_wide(in->type) ? OP_L : 0), dst, rc, reg_operand(rb),
           1, (uint64_t)rm << 4);
    return true;
}

void emit_vector_misc(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_vpadd && full(in) &&
        (ir_lane_bits(in->type) == 16 || ir_lane_bits(in->type) == 32)) {
        emit_vector(c, in);
        return;
    }
    if (!misc_inline(in)) {
        fallback(c, in);
        return;
    }
    if (in->op == IR_bsel && blend_by_signs(c, in)) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned rc = in->c ? use(c, in->c, 0) : 0;
    const unsigned dst_a_b[] = {dst, ra, rb};
    struct steps q = {.c = c};

    switch (in->op) {
    case IR_popcnt:
        population(&q, dst, ra, temp(c, true));
        break;
    case IR_clz:
        leading_zeros(&q, ir_lane_bits(in->type), dst_a_b, temp(c, true));
        break;
    case IR_vpadd:
        pairwise_sum(&q, in, dst_a_b, temp(c, true));
        break;
    case IR_bsel:
        choose_bits(&q, (const unsigned[]){dst, ra, rb, rc});
        break;
    case IR_sabd:
    case IR_uabd:
        absolute_difference(&q, in, dst_a_b);
        break;
    case IR_vsmull:
    case IR_vsmulh:
    case IR_vumull:
    case IR_vumulh:
        widening_product(&q, in, dst_a_b);
        break;
    case IR_mul:
        byte_product(&q, dst, ra, rb);
        break;
    default:
        one_operand(&q, in, dst, ra);
        break;
    }
    steps_emit(&q);
}

/* ---- saturating narrowing */

/* 64-bit lanes: what does not fit is replaced by the bound, then the low halves are taken. */
static void saturate_wide(struct steps *q, const struct ir_insn *in, const unsigned dst_a[2],
                          unsigned t)
{
    unsigned x = dst_a[1];

    if (in->op == IR_vsqxtn) {
        s_load(q, t, K_MAX_I32);
        s_three(q, lane_greater[3], X0, x, t);
        s_copy(q, X1, x);
        s_rr(q, B38(0x15), X1, t); /* blendvpd by xmm0 */
        s_load(q, t, K_MIN_I32);
        s_three(q, lane_greater[3], X0, t, X1);
        s_rr(q, B38(0x15), X1, t);
        s_rri(q, PSHUFD, X0, X1, 0x08);
    } else {
        if (in->op == IR_vsqxtun) { /* negative: 0 */
            s_zero(q, X1);
            s_rr(q, lane_greater[3], X1, x);
            s_rr(q, PANDN, X1, x);
            s_copy(q, t, X1);
            x = t;
        }
        s_shift(q, lane_shift[3], SHIFT_RIGHT, (const unsigned[]){X0, x}, 32);
        s_zero(q, X1);
        s_rr(q, lane_greater[2], X0, X1); /* the upper half, now the lower: not 0 (and positive) */
        s_shift(q, lane_shift[3], SHIFT_RIGHT, (const unsigned[]){X1, x}, 63);
        s_rr(q, lane_sub[3], X0, X1);
        s_rr(q, POR, X0, x);
        s_rri(q, PSHUFD, X0, X0, 0x08);
    }
    s_rr(q, SSE_MOVQ_LOAD, dst_a[0], X0);
}

void emit_vector_saturate(struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_lane_bits(in->type);

    if (!integer(in, 32)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const opcode pack_signed = bits == 8 ? B66(0x63) : B66(0x6b);
    const opcode pack_unsigned = bits == 8 ? B66(0x67) : B38(0x2b);
    struct steps q = {.c = c};

    if (bits == 32) {
        saturate_wide(&q, in, (const unsigned[]){dst, ra}, temp(c, true));
        steps_emit(&q);
        return;
    }
    s_zero(&q, X1);
    if (in->op == IR_vuqxtn) {
        s_const(&q, bits == 8 ? min_u[1] : min_u[2], X0, ra, bits == 8 ? K_LOW_8 : K_LOW_16);
        s_rr(&q, pack_unsigned, X0, X1);
        s_copy(&q, dst, X0);
    } else {
        s_three(&q, in->op == IR_vsqxtn ? pack_signed : pack_unsigned, X0, ra, X1);
        s_copy(&q, dst, X0);
    }
    steps_emit(&q);
}

/* ---- saturating sums and differences of 32 and 64 bits */

/* The wrapped result where the sign is right, else the extreme of the other sign. */
static void saturate_signed(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3],
                            unsigned t)
{
    const unsigned lane = lane_index(in), a = dst_a_b[1], b = dst_a_b[2];
    const bool add = in->op == IR_ssadd;

    s_three(q, add ? lane_add[lane] : lane_sub[lane], X1, a, b);
    /* Overflow, as a sign: of a sum if both operands differ from it, of a difference if the
     * operands differ and a does from it. */
    s_three(q, PXOR, X0, X1, a);
    s_three(q, PXOR, t, add ? X1 : a, b);
    s_rr(q, PAND, X0, t);
    s_shift(q, lane_shift[2], SHIFT_ARITHMETIC, (const unsigned[]){t, X1}, 31);
    if (lane == 3) {
        s_rri(q, PSHUFD, t, t, 0xf5);
    }
    s_const(q, PXOR, t, t, signs[lane]);
    s_rr(q, lane == 3 ? B38(0x15) : B38(0x14), X1, t); /* blendv by xmm0 */
    s_copy(q, dst_a_b[0], X1);
}

static void saturate_unsigned(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3],
                              unsigned t)
{
    const unsigned a = dst_a_b[1], b = dst_a_b[2];
    const bool add = in->op == IR_usadd, wide = lane_index(in) == 3;

    if (wide && add) { /* carry: the sum is below a */
        s_three(q, lane_add[3], X1, a, b);
        s_const(q, PXOR, X0, X1, K_SIGN_I64);
        s_const(q, PXOR, t, a, K_SIGN_I64);
        s_rr(q, lane_greater[3], t, X0);
        s_three(q, POR, X0, X1, t);
    } else if (wide) {
        s_const(q, PXOR, X0, b, K_SIGN_I64);
        s_const(q, PXOR, t, a, K_SIGN_I64);
        s_rr(q, lane_greater[3], X0, t);
        s_three(q, lane_sub[3], X1, a, b);
        s_rr(q, PANDN, X0, X1);
    } else if (add) { /* min(a, ~b) + b */
        s_ones(q, X0);
        s_rr(q, PXOR, X0, b);
        s_rr(q, min_u[2], X0, a);
        s_rr(q, lane_add[2], X0, b);
    } else { /* max(a, b) - b */
        s_three(q, max_u[2], X0, a, b);
        s_rr(q, lane_sub[2], X0, b);
    }
    s_copy(q, dst_a_b[0], X0);
}

void emit_vector_saturating(struct compiler *c, const struct ir_insn *in)
{
    if (!integer(in, 64) || ir_lane_bits(in->type) < 32) {
        emit_vector(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0), t = temp(c, true);
    const unsigned dst_a_b[] = {dst, ra, rb};
    struct steps q = {.c = c};

    if (in->op == IR_ssadd || in->op == IR_sssub) {
        saturate_signed(&q, in, dst_a_b, t);
    } else {
        saturate_unsigned(&q, in, dst_a_b, t);
    }
    steps_emit(&q);
}

/* ---- halving sums and differences */

/* Bytes: the host has the sum rounded up, unsigned. Signed ones are moved by half the range and
 * back, a - b is a + ~b + 1 with the range's half too much, and without rounding up the last bit
 * that differs is taken off. */
static void halve_bytes(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3])
{
    const unsigned a = dst_a_b[1], b = dst_a_b[2];
    const bool sign = in->op == IR_shadd || in->op == IR_srhadd || in->op == IR_shsub;
    const bool subtract = in->op == IR_shsub || in->op == IR_uhsub;

    if (sign) {
        s_const(q, PXOR, X0, a, K_SIGN_I8);
        s_const(q, PXOR, X1, b, subtract ? K_LANES_7F_8 : K_SIGN_I8);
    } else {
        s_copy(q, X0, a);
        if (subtract) {
            s_ones(q, X1);
            s_rr(q, PXOR, X1, b);
        } else {
            s_copy(q, X1, b);
        }
    }
    s_rr(q, B66(0xe0), X0, X1); /* pavgb */
    if (in->op == IR_shadd || in->op == IR_uhadd) {
        s_three(q, PXOR, X1, a, b);
        s_const(q, PAND, X1, X1, K_LANES_1_8);
        s_rr(q, lane_sub[0], X0, X1);
    }
    if (sign || subtract) {
        s_const(q, PXOR, X0, X0, K_SIGN_I8);
    }
    s_copy(q, dst_a_b[0], X0);
}

/* (a & b) + ((a ^ b) >> 1); rounded (a | b) - ((a ^ b) >> 1); the difference ((a ^ b) >> 1) -
 * (~a & b). */
static void halve(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3])
{
    const unsigned a = dst_a_b[1], b = dst_a_b[2], lane = lane_index(in);
    const bool sign = in->op == IR_shadd || in->op == IR_srhadd || in->op == IR_shsub;
    const bool subtract = in->op == IR_shsub || in->op == IR_uhsub;
    const bool rounded = in->op == IR_srhadd || in->op == IR_urhadd;

    s_three(q, PXOR, X1, a, b);
    s_shift(q, lane_shift[lane], sign ? SHIFT_ARITHMETIC : SHIFT_RIGHT, (const unsigned[]){X1, X1},
            1);
    s_three(q, subtract ? PANDN : rounded ? POR : PAND, X0, a, b);
    if (subtract) {
        s_rr(q, lane_sub[lane], X1, X0);
        s_copy(q, dst_a_b[0], X1);
    } else {
        s_rr(q, rounded ? lane_sub[lane] : lane_add[lane], X0, X1);
        s_copy(q, dst_a_b[0], X0);
    }
}

void emit_vector_halving(struct compiler *c, const struct ir_insn *in)
{
    if (in->op == IR_urhadd && integer(in, 16)) {
        emit_vector(c, in);
        return;
    }
    if (!integer(in, 32)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned dst_a_b[] = {dst, ra, rb};
    struct steps q = {.c = c};

    if (ir_lane_bits(in->type) == 8) {
        halve_bytes(&q, in, dst_a_b);
    } else {
        halve(&q, in, dst_a_b);
    }
    steps_emit(&q);
}

/* ---- sums of four products of bytes: even and odd ones as words, whose products are summed in
 * pairs by pmaddwd */

static void extend_bytes(struct steps *q, bool sign, bool odd, unsigned dst, unsigned x)
{
    const unsigned from_x[] = {dst, x}, again[] = {dst, dst};

    if (odd) {
        s_shift(q, lane_shift[1], sign ? SHIFT_ARITHMETIC : SHIFT_RIGHT, from_x, 8);
    } else if (sign) {
        s_shift(q, lane_shift[1], SHIFT_LEFT, from_x, 8);
        s_shift(q, lane_shift[1], SHIFT_ARITHMETIC, again, 8);
    } else {
        s_const(q, PAND, dst, x, K_LOW_8);
    }
}

void emit_vector_dot(struct compiler *c, const struct ir_insn *in)
{
    if (in->type != T_I32X4) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned rc = use(c, in->c, 0), t = temp(c, true);
    const bool sign_b = in->op == IR_vsdot, sign_c = in->op != IR_vudot;
    struct steps q = {.c = c};

    extend_bytes(&q, sign_b, false, X0, rb);
    extend_bytes(&q, sign_c, false, X1, rc);
    s_rr(&q, B66(0xf5), X0, X1); /* pmaddwd */
    extend_bytes(&q, sign_b, true, t, rb);
    extend_bytes(&q, sign_c, true, X1, rc);
    s_rr(&q, B66(0xf5), X1, t);
    s_rr(&q, lane_add[2], X0, X1);
    s_three(&q, lane_add[2], X0, X0, ra);
    s_copy(&q, dst, X0);
    steps_emit(&q);
}
