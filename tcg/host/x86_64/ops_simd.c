/* SPDX-License-Identifier: MIT */
/* Vector ops that take a few host instructions: comparisons, shifts, shuffles, widening and
 * narrowing, reductions. */
#include "tcg/host/x86_64/simd.h"

static bool full(const struct ir_insn *in)
{
    return ir_type_bits(in->type) == 128;
}

/* dst = a op constant */
static void with_constant(struct compiler *c, opcode op, unsigned dst, unsigned a, enum constant k)
{
    if (c->h->avx) {
        emit_v(&c->as, op, dst, a, constant_place(c, k), 0, 0);
    } else {
        emit_rm(&c->as, op, dst, constant_place(c, k));
        copy(c, true, dst, a);
    }
}

static void zero(struct compiler *c, unsigned r)
{
    emit_rr(&c->as, B66(0xef), r, r);
}

/* ---- comparisons */

static const opcode equal[] = {
    [L_I8] = B66(0x74), [L_I16] = B66(0x75), [L_I32] = B66(0x76), [L_I64] = B38(0x29)};
static const opcode greater[] = {
    [L_I8] = B66(0x64), [L_I16] = B66(0x65), [L_I32] = B66(0x66), [L_I64] = B38(0x37)};
static const enum constant signs[] = {
    [L_I8] = K_SIGN_I8, [L_I16] = K_SIGN_I16, [L_I32] = K_SIGN_I32, [L_I64] = K_SIGN_I64};

static void invert(struct compiler *c, unsigned dst, unsigned r)
{
    with_constant(c, PXOR, dst, r, K_ALL_ONES);
}

/* a >= b: the greater one is a. */
static bool greater_or_equal(struct compiler *c, const struct ir_insn *in,
                             const unsigned dst_a_b[3])
{
    static const opcode greatest[2][3] = {{B38(0x3c), B66(0xee), B38(0x3d)},
                                          {B66(0xde), B38(0x3e), B38(0x3f)}};
    const unsigned cond = in->aux, lane = ir_lane(in->type) - L_I8;
    const bool least = cond == IR_ULE || cond == IR_SLE;
    const bool is_unsigned = cond == IR_ULE || cond == IR_UGE;

    if ((!least && cond != IR_UGE && cond != IR_SGE) || lane > 2) {
        return false;
    }
    const unsigned a = dst_a_b[least ? 2 : 1], b = dst_a_b[least ? 1 : 2];
    three(c, lane_equal[lane], dst_a_b[0], X0, a);
    three(c, greatest[is_unsigned][lane], X0, a, b);
    return true;
}

/* r = a > b by lane; unsigned by flipping the signs of both */
static void greater_than(struct compiler *c, enum ir_lane lane, bool is_unsigned,
                         const unsigned r_a_b[3])
{
    if (!is_unsigned) {
        three(c, greater[lane], r_a_b[0], r_a_b[1], r_a_b[2]);
        return;
    }
    three(c, greater[lane], r_a_b[0], X0, X1);
    with_constant(c, PXOR, X1, r_a_b[2], signs[lane]);
    with_constant(c, PXOR, X0, r_a_b[1], signs[lane]);
}

void emit_vector_compare(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const unsigned cond = in->aux;

    if (!full(in) || lane > L_I64 || (in->op == IR_vcmp && cond < IR_ULT) ||
        (in->op == IR_vcmp && (cond == IR_MI || cond == IR_PL || cond == IR_PE || cond == IR_PO))) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    if (in->op == IR_vtst) {
        invert(c, dst, X0);
        emit_rm(&c->as, equal[lane], X0, constant_place(c, K_ZERO));
        three(c, PAND, X0, ra, rb);
        return;
    }
    if (greater_or_equal(c, in, (const unsigned[]){dst, ra, rb})) {
        return;
    }
    if (cond == IR_EQ || cond == IR_NE) {
        if (cond == IR_NE) {
            invert(c, dst, X0);
        }
        three(c, equal[lane], cond == IR_NE ? X0 : dst, ra, rb);
        return;
    }
    const bool is_unsigned = cond <= IR_UGT;
    const bool swap = cond == IR_ULT || cond == IR_SLT || cond == IR_UGE || cond == IR_SGE;
    const bool negate = cond == IR_ULE || cond == IR_SLE || cond == IR_UGE || cond == IR_SGE;
    if (negate) {
        invert(c, dst, X0);
    }
    greater_than(c, lane, is_unsigned,
                 (const unsigned[]){negate ? X0 : dst, swap ? rb : ra, swap ? ra : rb});
}

/* ---- shifts by a constant */

static void shift_bytes(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned n)
{
    /* 16-bit shifts, and a mask for what came from the neighbour. */
    const bool left = in->op == IR_shli;
    const uint64_t repeated = UINT64_C(0x0101010101010101);
    const uint64_t mask = (left ? (0xffu << n) & 0xff : 0xffu >> n) * repeated;
    const uint64_t sign = (0x80u >> n) * repeated;

    if (in->op == IR_sari) { /* ((x >> n) ^ m) - m with m = 0x80 >> n */
        emit_rm(&c->as, B66(0xf8), dst, vector_constant_place(c, (const uint64_t[]){sign, sign}));
        emit_rm(&c->as, PXOR, dst, vector_constant_place(c, (const uint64_t[]){sign, sign}));
    }
    emit_rm(&c->as, PAND, dst, vector_constant_place(c, (const uint64_t[]){mask, mask}));
    emit_x(&c->as, B66(0x71), left ? 6 : 2, reg_operand(dst), 1, n);
}

static void shift_i64_right(struct compiler *c, unsigned dst, unsigned n)
{
    /* Logical, then the sign's copies: (x >> n) - ((x >> 63) << (64 - n)) with x >> 63 as 0 or 1.
     */
    emit_rr(&c->as, B66(0xfb), dst, X1);
    emit_x(&c->as, B66(0x73), 6, reg_operand(X1), 1, 64 - n);
    emit_x(&c->as, B66(0x73), 2, reg_operand(X1), 1, 63);
    emit_x(&c->as, B66(0x73), 2, reg_operand(dst), 1, n);
    copy(c, true, X1, dst);
}

void emit_vector_shift(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const unsigned width = ir_lane_bits(in->type);
    unsigned n = in->aux;

    if (!full(in) || lane > L_I64) {
        fallback(c, in);
        return;
    }
    const bool copies = !c->h->avx || lane == L_I8 || (lane == L_I64 && in->op == IR_sari);
    const unsigned dst = def(c), ra = copies ? use_here(c, in->a, dst) : use(c, in->a, 0);
    if (in->op == IR_sari && n >= width) {
        n = width - 1;
    }
    if (n >= width) {
        three(c, B66(0xef), dst, dst, dst);
        return;
    }
    if (n == 0) {
        copy(c, true, dst, ra);
        return;
    }
    static const uint8_t ops[] = {[L_I16] = 0x71, [L_I32] = 0x72, [L_I64] = 0x73};
    if (!copies) {
        emit_v(&c->as, B66(ops[lane]),
               in->op == IR_shli   ? SHIFT_LEFT
               : in->op == IR_shri ? SHIFT_RIGHT
                                   : SHIFT_ARITHMETIC,
               dst, reg_operand(ra), 1, n);
        return;
    }
    if (lane == L_I8) {
        shift_bytes(c, in, dst, n);
    } else if (lane == L_I64 && in->op == IR_sari) {
        shift_i64_right(c, dst, n);
    } else {
        emit_x(&c->as, B66(ops[lane]),
               in->op == IR_shli   ? 6
               : in->op == IR_shri ? 2
                                   : 4,
               reg_operand(dst), 1, n);
    }
    copy(c, true, dst, ra);
}

/* ---- rotations */

/* Bytes of each lane turned to the left by n of them. */
static void turned_bytes(unsigned bits, unsigned n, uint64_t k[2])
{
    uint8_t index[16];

    for (unsigned i = 0; i < 16; i++) {
        const unsigned lane = i & ~(bits / 8 - 1);
        index[i] = (uint8_t)(lane | ((i - n) & (bits / 8 - 1)));
    }
    memcpy(k, index, 16);
}

bool emit_vector_rotation(struct compiler *c, const struct ir_insn *in)
{
    const struct ir_insn *x = &c->insns[value(c, in->a)], *y = &c->insns[value(c, in->b)];

    if (x->op == IR_shri) {
        const struct ir_insn *left = y;
        y = x;
        x = left;
    }
    const unsigned bits = ir_lane_bits(x->type), n = x->aux;
    if (in->op != IR_or || x->op != IR_shli || y->op != IR_shri || x->type != y->type ||
        ir_type_bits(in->type) != 128 || ir_type_bits(x->type) != 128 || n + y->aux != bits || !n ||
        bits < 32 || !c->h->avx || value(c, x->a) != value(c, y->a) || (n % 8 && !c->h->avx512)) {
        return false;
    }
    const unsigned dst = def(c), ra = use(c, x->a, 0);
    struct steps q = {.c = c};

    if (c->h->avx512) { /* vprold, vprolq */
        s_evex_imm(&q, B66(0x72) | W(bits == 64), (const unsigned[]){1, dst, ra}, n);
        steps_emit(&q);
    } else {
        uint64_t k[2];
        turned_bytes(bits, n / 8, k);
        emit_v(&c->as, PSHUFB, dst, ra, vector_constant_place(c, k), 0, 0);
    }
    return true;
}

/* ---- shuffles */

static bool reverse_constant(ir_type t, unsigned group, enum constant *k)
{
    switch (ir_lane_bits(t) << 8 | group) {
    case 8 << 8 | 16:
        *k = K_REV16;
        return true;
    case 8 << 8 | 32:
        *k = K_REV32;
        return true;
    case 8 << 8 | 64:
        *k = K_REV64;
        return true;
    case 16 << 8 | 32:
        *k = K_REV16_32;
        return true;
    case 16 << 8 | 64:
        *k = K_REV16_64;
        return true;
    default:
        return false;
    }
}

/* The register that an instruction of three operands may write: with AVX dst itself. */
static unsigned result(const struct compiler *c, unsigned dst)
{
    return c->h->avx ? dst : X0;
}

/* Even or odd lanes of both operands. */
static void unzip(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3])
{
    const bool odd = in->op == IR_vuzp2;
    const unsigned a = dst_a_b[1], b = dst_a_b[2], r = result(q->c, dst_a_b[0]);

    if (ir_lane_bits(in->type) == 32) {
        s_three_imm(q, B0F(0xc6), (const unsigned[]){r, a, b}, odd ? 0xdd : 0x88); /* shufps */
    } else {
        const enum constant k = ir_lane_bits(in->type) == 8 ? (odd ? K_ODD_8 : K_EVEN_8)
                                                            : (odd ? K_ODD_16 : K_EVEN_16);
        s_const(q, PSHUFB, X0, a, k);
        s_const(q, PSHUFB, X1, b, k);
        s_three(q, B66(0x6c), r, X0, X1);
    }
    s_copy(q, dst_a_b[0], r);
}

static void transpose(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3])
{
    const bool odd = in->op == IR_vtrn2;
    const unsigned bits = ir_lane_bits(in->type), a = dst_a_b[1], b = dst_a_b[2];

    if (bits == 16) {
        /* pblendw: odd words from the second */
        if (odd) {
            s_shift(q, lane_shift[2], SHIFT_RIGHT, (const unsigned[]){X0, a}, 16);
            s_three_imm(q, B3A(0x0e), (const unsigned[]){X0, X0, b}, 0xaa);
        } else {
            s_shift(q, lane_shift[2], SHIFT_LEFT, (const unsigned[]){X1, b}, 16);
            s_three_imm(q, B3A(0x0e), (const unsigned[]){X0, a, X1}, 0xaa);
        }
    } else if (bits == 8) {
        if (odd) {
            s_load(q, X1, K_LOW_8);
            s_rr(q, PANDN, X1, b); /* upper bytes of b */
            s_shift(q, lane_shift[1], SHIFT_RIGHT, (const unsigned[]){X0, a}, 8);
        } else {
            s_shift(q, lane_shift[1], SHIFT_LEFT, (const unsigned[]){X1, b}, 8);
            s_const(q, PAND, X0, a, K_LOW_8);
        }
        s_rr(q, POR, X0, X1);
    } else { /* the two even (odd) lanes of each, interleaved */
        s_rri(q, PSHUFD, X0, a, odd ? 0x0d : 0x08);
        s_rri(q, PSHUFD, X1, b, odd ? 0x0d : 0x08);
        s_rr(q, B66(0x62), X0, X1); /* punpckldq */
    }
    s_copy(q, dst_a_b[0], X0);
}

static void shuffle(struct steps *q, const struct ir_insn *in, const unsigned dst_a_b[3],
                    enum constant reverse)
{
    const unsigned dst = dst_a_b[0], a = dst_a_b[1], b = dst_a_b[2], r = result(q->c, dst);

    switch (in->op) {
    case IR_vrev:
        if (ir_lane_bits(in->type) == 32) {
            s_rri(q, PSHUFD, dst, a, 0xb1);
        } else {
            s_const(q, PSHUFB, dst, a, reverse);
        }
        break;
    case IR_vext:
        s_three_imm(q, B3A(0x0f), (const unsigned[]){r, b, a}, in->aux); /* palignr */
        s_copy(q, dst, r);
        break;
    case IR_vtbl:
        /* Indices from 16 on get their top bit set, which makes pshufb give 0. */
        s_const(q, B66(0xdc), X1, b, K_BYTES_7);
        s_three(q, PSHUFB, r, a, X1);
        s_copy(q, dst, r);
        break;
    case IR_vuzp1:
    case IR_vuzp2:
        unzip(q, in, dst_a_b);
        break;
    default:
        transpose(q, in, dst_a_b);
        break;
    }
}

/* Where the bytes come from is known: pshufb's own indices. */
static bool by_constant(struct compiler *c, const struct ir_insn *in)
{
    uint64_t k[2];
    uint8_t index[16];

    if (in->op != IR_vtbl || !vector_constant(c, in->b, k)) {
        return false;
    }
    memcpy(index, k, 16);
    for (unsigned i = 0; i < 16; i++) {
        index[i] = index[i] < 16 ? index[i] : 0x80;
    }
    memcpy(k, index, 16);
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    if (c->h->avx) {
        emit_v(&c->as, PSHUFB, dst, ra, vector_constant_place(c, k), 0, 0);
    } else {
        emit_rm(&c->as, PSHUFB, dst, vector_constant_place(c, k));
        copy(c, true, dst, ra);
    }
    return true;
}

void emit_vector_shuffle(struct compiler *c, const struct ir_insn *in)
{
    enum constant k = K_REV16;
    const unsigned bits = ir_lane_bits(in->type);
    const bool unzips = in->op == IR_vuzp1 || in->op == IR_vuzp2;
    const bool transposes = in->op == IR_vtrn1 || in->op == IR_vtrn2;

    if (!full(in) ||
        (in->op == IR_vrev && !reverse_constant(in->type, in->aux, &k) && bits != 32) ||
        (transposes && bits > 64)) {
        fallback(c, in);
        return;
    }
    if ((unzips || transposes || in->op == IR_vzip1 || in->op == IR_vzip2) &&
        (bits == 64 || in->op == IR_vzip1 || in->op == IR_vzip2)) {
        emit_vector(c, in);
        return;
    }
    if (by_constant(c, in)) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    struct steps q = {.c = c};

    shuffle(&q, in, (const unsigned[]){dst, ra, rb}, k);
    steps_emit(&q);
}

/* ---- one lane everywhere */

void emit_vdup_lane(struct compiler *c, const struct ir_insn *in)
{
    const unsigned n = in->aux, bits = ir_lane_bits(in->type);
    struct assembler *as = &c->as;

    if (!full(in)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    if (bits == 64) {
        emit_x(as, B66(0x70), dst, reg_operand(ra), 1, n ? 0xee : 0x44);
    } else if (bits == 32) {
        emit_x(as, B66(0x70), dst, reg_operand(ra), 1, n * 0x55);
    } else if (bits == 16) {
        emit_x(as, B66(0x70), dst, reg_operand(dst), 1, n < 4 ? 0 : 0xaa);
        emit_x(as, OPC(n < 4 ? PP_F2 : PP_F3, MAP_0F, 0x70), dst, reg_operand(ra), 1,
               (n & 3) * 0x55);
    } else {
        emit_rr(as, B38(0x00), dst, X0);
        zero(c, X0);
        emit_rr(as, SSE_MOVD_TO_XMM, dst, RAX);
        emit_x(as, B3A(0x14), ra, reg_operand(RAX), 1, n);
    }
}

/* ---- shifts by lanes */

enum {
    LEFT,
    RIGHT,
    ARITHMETIC
};

/* AVX2 has shifts of 32 bits and logical ones of 64, AVX-512 those of 16 and the other. */
static bool has_lanes_shift(const struct host *h, enum ir_lane lane, unsigned how)
{
    return lane == L_I32 || (lane == L_I64 && how != ARITHMETIC) ? h->avx2 : h->avx512;
}

static void s_lanes_shift(struct steps *q, enum ir_lane lane, unsigned how,
                          const unsigned dst_a_count[3])
{
    static const uint8_t ops[3][2] = {{0x12, 0x47}, {0x10, 0x45}, {0x11, 0x46}};
    const unsigned dst = dst_a_count[0], a = dst_a_count[1], count = dst_a_count[2];

    if (lane == L_I16) {
        s_evex(q, B38(ops[how][0]) | OP_W, dst, a, count);
    } else if (lane == L_I64 && how == ARITHMETIC) {
        s_evex(q, B38(0x46) | OP_W, dst, a, count);
    } else {
        s_three(q, B38(ops[how][1]) | W(lane == L_I64), dst, a, count);
    }
}

/* r = the signed low byte of each lane of x */
static void s_count(struct steps *q, enum ir_lane lane, unsigned r, unsigned x)
{
    const unsigned width = 8u << (lane - L_I8);

    if (lane == L_I64) { /* the sign's copies, and the byte itself */
        s_shift(q, lane_shift[2], SHIFT_LEFT, (const unsigned[]){r, x}, 24);
        s_shift(q, lane_shift[2], SHIFT_ARITHMETIC, (const unsigned[]){r, r}, 24);
        s_rri(q, PSHUFD, X1, r, 0xa0);
        s_shift(q, lane_shift[2], SHIFT_ARITHMETIC, (const unsigned[]){X1, X1}, 31);
        s_three_imm(q, B3A(0x0e), (const unsigned[]){r, r, X1}, 0xcc); /* pblendw: upper halves */
        return;
    }
    s_shift(q, lane_shift[lane - L_I8], SHIFT_LEFT, (const unsigned[]){r, x}, width - 8);
    s_shift(q, lane_shift[lane - L_I8], SHIFT_ARITHMETIC, (const unsigned[]){r, r}, width - 8);
}

/*
 * xmm0 = a shifted by the counts t, which are signed: left, and right by the negated count. Counts
 * that are negative are beyond the width when read without a sign, for which the logical shifts
 * give 0; the arithmetic one must be masked out.
 */
static void s_both_ways(struct steps *q, enum ir_lane lane, bool arithmetic, unsigned a, unsigned t)
{
    const unsigned n = lane - L_I8;

    s_zero(q, X1);
    s_rr(q, lane_sub[n], X1, t);
    s_lanes_shift(q, lane, arithmetic ? ARITHMETIC : RIGHT, (const unsigned[]){X1, a, X1});
    if (arithmetic) {
        s_zero(q, X0);
        s_rr(q, lane_greater[n], X0, t);
        s_rr(q, PAND, X1, X0); /* only where 0 > count */
    }
    s_lanes_shift(q, lane, LEFT, (const unsigned[]){X0, a, t});
    s_rr(q, POR, X0, X1);
}

/*
 * Even and odd lanes in turn, as lanes of twice the width: the even ones extended, of the odd ones
 * the even ones' place is zero and is cleared again. r collects.
 */
static void s_by_halves(struct steps *q, enum ir_lane lane, bool arithmetic,
                        const unsigned a_b_t_x_r[5])
{
    const enum ir_lane wide = (enum ir_lane)(lane + 1);
    const unsigned width = 8u << (lane - L_I8), t = a_b_t_x_r[2], x = a_b_t_x_r[3];
    const unsigned a = a_b_t_x_r[0], b = a_b_t_x_r[1], r = a_b_t_x_r[4];
    const opcode shift = lane_shift[wide - L_I8];
    const enum constant low = lane == L_I8 ? K_LOW_8 : K_LOW_16;

    s_count(q, wide, t, b);
    s_shift(q, shift, SHIFT_LEFT, (const unsigned[]){x, a}, width);
    s_shift(q, shift, arithmetic ? SHIFT_ARITHMETIC : SHIFT_RIGHT, (const unsigned[]){x, x}, width);
    s_both_ways(q, wide, arithmetic, x, t);
    s_const(q, PAND, r, X0, low);
    s_shift(q, shift, SHIFT_RIGHT, (const unsigned[]){t, b}, width);
    s_count(q, wide, t, t);
    s_load(q, x, low);
    s_three(q, PANDN, x, x, a);
    s_both_ways(q, wide, arithmetic, x, t);
    s_load(q, x, low);
    s_three(q, PANDN, X0, x, X0);
    s_rr(q, POR, X0, r);
}

/* The arithmetic shift of 64 bits that AVX2 has not: logical, of the number without its sign. */
static void s_i64_both_ways(struct steps *q, unsigned a, unsigned t, unsigned sign)
{
    s_zero(q, sign);
    s_rr(q, lane_greater[3], sign, a);
    s_zero(q, X1);
    s_rr(q, lane_sub[3], X1, t);
    s_three(q, PXOR, X0, a, sign);
    s_lanes_shift(q, L_I64, RIGHT, (const unsigned[]){X1, X0, X1});
    s_rr(q, PXOR, X1, sign);
    s_zero(q, X0);
    s_rr(q, lane_greater[3], X0, t);
    s_rr(q, PAND, X1, X0);
    s_lanes_shift(q, L_I64, LEFT, (const unsigned[]){X0, a, t});
    s_rr(q, POR, X0, X1);
}

/* By the signed low byte of each lane. */
void emit_vector_variable_shift(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const bool arithmetic = in->op == IR_sshl;
    const unsigned how = arithmetic ? ARITHMETIC : RIGHT;

    if (!full(in) || !c->h->avx2 || lane > L_I64 || (lane == L_I8 && !c->h->avx512)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0), t = temp(c, true);
    struct steps q = {.c = c};

    if (lane != L_I8 && has_lanes_shift(c->h, lane, how)) {
        s_count(&q, lane, t, rb);
        s_both_ways(&q, lane, arithmetic, ra, t);
    } else if (lane == L_I64) {
        s_count(&q, lane, t, rb);
        s_i64_both_ways(&q, ra, t, temp(c, true));
    } else {
        const unsigned x = temp(c, true), r = temp(c, true);
        s_by_halves(&q, lane, arithmetic, (const unsigned[]){ra, rb, t, x, r});
    }
    s_copy(&q, dst, X0);
    steps_emit(&q);
}
