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

static void ones(struct compiler *c, unsigned r)
{
    emit_rr(&c->as, B66(0x76), r, r); /* pcmpeqd */
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

static void invert(struct compiler *c, unsigned r)
{
    emit_rr(&c->as, B66(0xef), r, X1);
    ones(c, X1);
}

/* xmm0 = a > b by lane; unsigned by flipping the signs of both */
static void greater_than(struct compiler *c, enum ir_lane lane, bool is_unsigned, unsigned a,
                         unsigned b)
{
    if (!is_unsigned) {
        three(c, greater[lane], X0, a, b);
        return;
    }
    emit_rr(&c->as, greater[lane], X0, X1);
    with_constant(c, B66(0xef), X1, b, signs[lane]);
    with_constant(c, B66(0xef), X0, a, signs[lane]);
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
    copy(c, true, dst, X0);
    if (in->op == IR_vtst) {
        invert(c, X0);
        emit_rr(&c->as, equal[lane], X0, X1);
        zero(c, X1);
        three(c, B66(0xdb), X0, ra, rb);
        return;
    }
    if (cond == IR_EQ || cond == IR_NE) {
        if (cond == IR_NE) {
            invert(c, X0);
        }
        three(c, equal[lane], X0, ra, rb);
        return;
    }
    const bool is_unsigned = cond <= IR_UGT;
    const bool swap = cond == IR_ULT || cond == IR_SLT || cond == IR_UGE || cond == IR_SGE;
    const bool negate = cond == IR_ULE || cond == IR_SLE || cond == IR_UGE || cond == IR_SGE;
    if (negate) {
        invert(c, X0);
    }
    greater_than(c, lane, is_unsigned, swap ? rb : ra, swap ? ra : rb);
}

/* ---- shifts by a constant */

static void shift_bytes(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned n)
{
    /* 16-bit shifts, and a mask for what came from the neighbour. */
    const bool left = in->op == IR_shli;
    const uint64_t mask = (left ? (0xffu << n) & 0xff : 0xffu >> n) * UINT64_C(0x0101010101010101);

    if (in->op == IR_sari) {
        /* ((x >> n) ^ m) - m with m = 0x80 >> n */
        emit_rr(&c->as, B66(0xf8), dst, X1);
        emit_rr(&c->as, B66(0xef), dst, X1);
        emit_rr(&c->as, B66(0x6c), X1, X1);
        emit_rr(&c->as, SSE_MOVD_TO_XMM | OP_W, X1, RAX);
        x_mov_imm(&c->as, RAX, (0x80u >> n) * UINT64_C(0x0101010101010101));
    }
    emit_rr(&c->as, B66(0xdb), dst, X1);
    emit_rr(&c->as, B66(0x6c), X1, X1);
    emit_rr(&c->as, SSE_MOVD_TO_XMM | OP_W, X1, RAX);
    x_mov_imm(&c->as, RAX, mask);
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
    const unsigned dst = def(c), ra = use_here(c, in->a, dst);
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

/* ---- shuffles */

static void shuffle(struct compiler *c, unsigned dst, unsigned ra, enum constant k)
{
    with_constant(c, B38(0x00), dst, ra, k);
}

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

/* Even or odd lanes of both operands. */
static void unzip(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra,
                  unsigned rb)
{
    const bool odd = in->op == IR_vuzp2;
    struct assembler *as = &c->as;

    if (ir_lane(in->type) == L_I32 || ir_lane(in->type) == L_F32) {
        copy(c, true, dst, X0);
        emit_x(as, OPC(PP_NONE, MAP_0F, 0xc6), X0, reg_operand(rb), 1,
               odd ? 0xdd : 0x88); /* shufps */
        copy(c, true, X0, ra);
        return;
    }
    const enum constant k = ir_lane_bits(in->type) == 8 ? (odd ? K_ODD_8 : K_EVEN_8)
                                                        : (odd ? K_ODD_16 : K_EVEN_16);
    copy(c, true, dst, X0);
    emit_rr(as, B66(0x6c), X0, X1);
    shuffle(c, X1, rb, k);
    shuffle(c, X0, ra, k);
}

static void transpose(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra,
                      unsigned rb)
{
    const bool odd = in->op == IR_vtrn2;
    struct assembler *as = &c->as;

    const unsigned bits = ir_lane_bits(in->type);
    copy(c, true, dst, X0);
    if (bits == 16) {
        emit_x(as, B3A(0x0e), X0, reg_operand(odd ? rb : X1), 1, 0xaa); /* pblendw: odd words */
        if (odd) {
            emit_x(as, B66(0x72), 2, reg_operand(X0), 1, 16);
        } else {
            emit_x(as, B66(0x72), 6, reg_operand(X1), 1, 16);
            copy(c, true, X1, rb);
        }
        copy(c, true, X0, ra);
        return;
    }
    if (bits == 8) {
        emit_rr(as, B66(0xeb), X0, X1);
        if (odd) {
            emit_x(as, B66(0x71), 2, reg_operand(X0), 1, 8);
            emit_rr(as, B66(0xdf), X1, rb); /* pandn: upper bytes of b */
            emit_rm(as, SSE_MOVAPS, X1, constant_place(c, K_LOW_8));
        } else {
            emit_rm(as, B66(0xdb), X0, constant_place(c, K_LOW_8));
            emit_x(as, B66(0x71), 6, reg_operand(X1), 1, 8);
            copy(c, true, X1, rb);
        }
        copy(c, true, X0, ra);
        return;
    }
    /* 32-bit lanes: the two even (odd) lanes of each, interleaved. */
    emit_rr(as, B66(0x62), X0, X1); /* punpckldq */
    emit_x(as, B66(0x70), X1, reg_operand(rb), 1, odd ? 0x0d : 0x08);
    emit_x(as, B66(0x70), X0, reg_operand(ra), 1, odd ? 0x0d : 0x08);
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
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    struct assembler *as = &c->as;

    switch (in->op) {
    case IR_vrev:
        if (bits == 32) {
            emit_x(as, B66(0x70), dst, reg_operand(ra), 1, 0xb1);
        } else {
            shuffle(c, dst, ra, k);
        }
        break;
    case IR_vext:
        copy(c, true, dst, X0);
        emit_x(as, B3A(0x0f), X0, reg_operand(ra), 1, in->aux);
        copy(c, true, X0, rb);
        break;
    case IR_vtbl:
        /* Indices from 16 on get their top bit set, which makes pshufb give 0. */
        copy(c, true, dst, X0);
        emit_rr(as, B38(0x00), X0, X1);
        copy(c, true, X0, ra);
        with_constant(c, B66(0xdc), X1, rb, K_BYTES_7);
        break;
    default:
        if (unzips) {
            unzip(c, in, dst, ra, rb);
        } else {
            transpose(c, in, dst, ra, rb);
        }
        break;
    }
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

/* EVEX.128, of registers below 16 (the AVX-512 forms of 16-bit lanes have no other encoding). */
static void evex(struct compiler *c, opcode op, unsigned reg, unsigned vvvv, unsigned rm)
{
    const uint8_t p[6] = {
        0x62,
        (uint8_t)((reg & 8 ? 0 : 0x80) | 0x40 | (rm & 8 ? 0 : 0x20) | 0x10 | (op >> 8 & 3)),
        (uint8_t)((op & OP_W ? 0x80 : 0) | (~vvvv & 15) << 3 | 4 | (op >> 16 & 3)),
        0x08,
        (uint8_t)op,
        (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7))};

    emit_bytes(&c->as, p, 6);
}

static void lanes_shift(struct compiler *c, enum ir_lane lane, unsigned op, unsigned dst,
                        unsigned a, unsigned count)
{
    static const uint8_t ops[3][2] = {
        {0x12, 0x47}, {0x10, 0x45}, {0x11, 0x46}}; /* left, right, arithmetic */

    if (lane == L_I16) {
        evex(c, B38(ops[op][0]) | OP_W, dst, a, count);
    } else if (lane == L_I64 && op == 2) {
        evex(c, B38(0x46) | OP_W, dst, a, count);
    } else {
        emit_v(&c->as, B38(ops[op][1]) | W(lane == L_I64), dst, a, reg_operand(count), 0, 0);
    }
}

/*
 * By the signed low byte of each lane: left, and right by the negated count. Counts that are
 * negative are beyond the width when read without a sign, for which the logical shifts give 0; the
 * arithmetic one must be masked out.
 */
void emit_vector_variable_shift(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const bool arithmetic = in->op == IR_sshl;

    if (!full(in) || !c->h->avx2 || lane < L_I16 || lane > L_I64 ||
        ((lane == L_I16 || (lane == L_I64 && arithmetic)) && !c->h->avx512)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0), t = temp(c, true);
    static const uint8_t shifts[] = {[L_I16] = 0x71, [L_I32] = 0x72, [L_I64] = 0x73};
    static const opcode subs[] = {[L_I16] = B66(0xf9), [L_I32] = B66(0xfa), [L_I64] = B66(0xfb)};
    const unsigned width = ir_lane_bits(in->type);
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    emit_rr(as, B66(0xeb), X0, X1);
    lanes_shift(c, lane, 0, X0, ra, t);
    if (arithmetic) {
        emit_rr(as, B66(0xdb), X1, X0); /* only where 0 > count */
        emit_rr(as, greater[lane], X0, t);
        zero(c, X0);
    }
    lanes_shift(c, lane, arithmetic ? 2 : 1, X1, ra, X1);
    emit_rr(as, subs[lane], X1, t);
    zero(c, X1);
    if (lane == L_I64) {
        shift_i64_right(c, t, width - 8);
    } else {
        emit_x(as, B66(shifts[lane]), 4, reg_operand(t), 1, width - 8);
    }
    emit_x(as, B66(shifts[lane]), 6, reg_operand(t), 1, width - 8);
    copy(c, true, t, rb);
}
