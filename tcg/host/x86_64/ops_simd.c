/* SPDX-License-Identifier: MIT */
/* Vector ops that take a few host instructions: comparisons, shifts, shuffles, widening and
 * narrowing, reductions. */
#include "tcg/host/x86_64/compile.h"

#define B66(op) OPC(PP_66, MAP_0F, op)
#define B38(op) OPC(PP_66, MAP_0F38, op)
#define B3A(op) OPC(PP_66, MAP_0F3A, op)

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

/* ---- widening, narrowing, products, reductions, bits */

static opcode extend_op(ir_type t, bool sign)
{
    const unsigned n = ir_lane_bits(t) == 16 ? 0 : ir_lane_bits(t) == 32 ? 3 : 5;

    return B38((sign ? 0x20 : 0x30) + n);
}

static void widen(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra)
{
    const bool sign = in->op == IR_vsxtl || in->op == IR_vsxth,
               high = in->op == IR_vsxth || in->op == IR_vuxth;

    emit_rr(&c->as, extend_op(in->type, sign), dst, high ? X0 : ra);
    if (high) {
        emit_x(&c->as, B66(0x70), X0, reg_operand(ra), 1, 0xee);
    }
}

static void narrow(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra)
{
    switch (ir_lane_bits(in->type)) {
    case 8:
        shuffle(c, dst, ra, K_EVEN_8);
        break;
    case 16:
        shuffle(c, dst, ra, K_EVEN_16);
        break;
    default:
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, dst);
        emit_x(&c->as, B66(0x70), dst, reg_operand(ra), 1, 0x08);
        break;
    }
}

/* The halves are extended, then multiplied at the full width (16 or 32 bits), or by the host's
 * widening product (64). */
static void widening_product(struct compiler *c, const struct ir_insn *in, unsigned dst,
                             unsigned ra, unsigned rb)
{
    const bool sign = in->op == IR_vsmull || in->op == IR_vsmulh,
               high = in->op == IR_vsmulh || in->op == IR_vumulh;
    const unsigned bits = ir_lane_bits(in->type);
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    if (bits == 64) {
        emit_rr(as, sign ? B38(0x28) : B66(0xf4), X0, X1); /* pmuldq, pmuludq: even lanes */
        emit_x(as, B66(0x70), X1, reg_operand(rb), 1, high ? 0xfa : 0x50);
        emit_x(as, B66(0x70), X0, reg_operand(ra), 1, high ? 0xfa : 0x50);
        return;
    }
    emit_rr(as, bits == 16 ? B66(0xd5) : B38(0x40), X0, X1);
    emit_rr(as, extend_op(in->type, sign), X1, high ? X1 : rb);
    emit_rr(as, extend_op(in->type, sign), X0, high ? X0 : ra);
    if (high) {
        emit_x(as, B66(0x70), X1, reg_operand(rb), 1, 0xee);
        emit_x(as, B66(0x70), X0, reg_operand(ra), 1, 0xee);
    }
}

/* The sum of all lanes in lane 0. Bytes by psadbw; wider lanes by halving. */
static void sum(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra)
{
    static const opcode adds[] = {
        [L_I8] = B66(0xfc), [L_I16] = B66(0xfd), [L_I32] = B66(0xfe), [L_I64] = B66(0xd4)};
    const enum ir_lane lane = ir_lane(in->type);
    const unsigned bits = ir_lane_bits(in->type);
    struct assembler *as = &c->as;

    /* Keep lane 0 alone. */
    emit_rr(as, bits == 64 ? SSE_MOVQ_LOAD : SSE_MOVD_TO_XMM, dst, bits == 64 ? X0 : RAX);
    if (bits < 64) {
        if (bits < 32) {
            emit_x(as, OPC(0, 1, bits == 8 ? 0xb6 : 0xb7) | OP_BYTE_RM, RAX, reg_operand(RAX), 0,
                   0);
        }
        emit_rr(as, SSE_MOVD_FROM_XMM, X0, RAX);
    }
    for (unsigned half = bits; half < 128; half *= 2) {
        emit_rr(as, adds[lane], X0, X1);
        emit_x(as, B66(0x73), 3, reg_operand(X1), 1, half / 8); /* psrldq */
        copy(c, true, X1, X0);
    }
    copy(c, true, X0, ra);
}

/* The table looked up by the upper nibbles, plus by the lower ones. Through dst, which is none of
 * the operands here. */
static void population(struct compiler *c, unsigned dst, unsigned ra)
{
    struct assembler *as = &c->as;

    emit_rr(as, B66(0xfc), dst, X1);
    emit_rr(as, B38(0x00), X1, X0);
    emit_rm(as, SSE_MOVAPS, X1, constant_place(c, K_POPCNT));
    emit_rm(as, B66(0xdb), X0, constant_place(c, K_LOW_NIBBLE));
    emit_x(as, B66(0x71), 2, reg_operand(X0), 1, 4);
    emit_rr(as, B38(0x00), dst, X1);
    emit_rm(as, SSE_MOVAPS, dst, constant_place(c, K_POPCNT));
    emit_rm(as, B66(0xdb), X1, constant_place(c, K_LOW_NIBBLE));
    copy(c, true, X1, X0);
    copy(c, true, X0, ra);
}

static void choose_bits(struct compiler *c, unsigned dst, unsigned ra, unsigned rb, unsigned rc)
{
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    emit_rr(as, B66(0xeb), X0, X1);
    emit_rr(as, B66(0xdb), X1, rb);
    copy(c, true, X1, ra);
    emit_rr(as, B66(0xdf), X0, rc); /* pandn: ~a & c */
    copy(c, true, X0, ra);
}

/* Bytes by a table of nibbles; 16-bit lanes from their bytes: the upper one's, and the lower one's
 * if that is all zeros. */
static void leading_zeros(struct compiler *c, unsigned dst, unsigned ra, bool words, unsigned t)
{
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    if (words) {
        emit_rr(as, B66(0xfd), X0, X1);
        emit_rr(as, B66(0xdb), X1, t);
        emit_rr(as, B66(0x75), t, X0);
        emit_x(as, B66(0x71), 2, reg_operand(t), 1, 12); /* t = 8 in each lane */
        emit_x(as, B66(0x71), 6, reg_operand(t), 1, 15);
        ones(c, t);
        emit_x(as, B66(0x71), 2, reg_operand(X0), 1, 8);
        emit_rm(as, B66(0xdb), X1, constant_place(c, K_LOW_8));
        copy(c, true, X1, X0);
    }
    emit_rr(as, B66(0xfc), X0, X1);
    emit_rr(as, B66(0xdb), X1, t);
    emit_rm(as, B66(0x74), t, constant_place(c, K_BYTES_4)); /* the upper nibble is 0 */
    copy(c, true, t, X0);
    copy(c, true, X0, t);
    emit_rr(as, B38(0x00), t, X0);
    emit_rm(as, SSE_MOVAPS, t, constant_place(c, K_CLZ_NIBBLE));
    copy(c, true, X1, t);
    emit_rr(as, B38(0x00), t, X1);
    emit_rm(as, SSE_MOVAPS, t, constant_place(c, K_CLZ_NIBBLE));
    emit_rm(as, B66(0xdb), X0, constant_place(c, K_LOW_NIBBLE));
    emit_x(as, B66(0x71), 2, reg_operand(X0), 1, 4);
    copy(c, true, X0, ra);
    emit_rm(as, B66(0xdb), X1, constant_place(c, K_LOW_NIBBLE));
    copy(c, true, X1, ra);
}

/* Sums of neighbours where SSSE3 has no instruction: even lanes of both plus odd lanes of both. */
static void pairwise_sum(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned ra,
                         unsigned rb, unsigned t)
{
    struct assembler *as = &c->as;

    copy(c, true, dst, X0);
    if (ir_lane_bits(in->type) == 64) {
        emit_rr(as, B66(0xd4), X0, X1);
        emit_rr(as, B66(0x6d), X1, rb);
        copy(c, true, X1, ra);
        emit_rr(as, B66(0x6c), X0, rb);
        copy(c, true, X0, ra);
        return;
    }
    emit_rr(as, B66(0xfc), X0, t);
    emit_rr(as, B66(0x6c), t, X1);
    with_constant(c, B38(0x00), X1, rb, K_ODD_8);
    with_constant(c, B38(0x00), t, ra, K_ODD_8);
    emit_rr(as, B66(0x6c), X0, X1);
    with_constant(c, B38(0x00), X1, rb, K_EVEN_8);
    with_constant(c, B38(0x00), X0, ra, K_EVEN_8);
}

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
        return bits <= 16;
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
    case IR_abs:
        return bits <= 32;
    case IR_sabd:
    case IR_uabd:
        return bits <= 32 && ir_lane(in->type) <= L_I64;
    default:
        return ir_lane(in->type) <= L_I64 || in->op == IR_bsel || in->op == IR_not;
    }
}

/* max(a, b) - min(a, b) */
static void absolute_difference(struct compiler *c, const struct ir_insn *in, unsigned dst,
                                unsigned ra, unsigned rb)
{
    static const opcode smax[] = {[L_I8] = B38(0x3c), [L_I16] = B66(0xee), [L_I32] = B38(0x3d)};
    static const opcode smin[] = {[L_I8] = B38(0x38), [L_I16] = B66(0xea), [L_I32] = B38(0x39)};
    static const opcode umax[] = {[L_I8] = B66(0xde), [L_I16] = B38(0x3e), [L_I32] = B38(0x3f)};
    static const opcode umin[] = {[L_I8] = B66(0xda), [L_I16] = B38(0x3a), [L_I32] = B38(0x3b)};
    static const opcode subs[] = {[L_I8] = B66(0xf8), [L_I16] = B66(0xf9), [L_I32] = B66(0xfa)};
    const enum ir_lane lane = ir_lane(in->type);
    const bool sign = in->op == IR_sabd;

    copy(c, true, dst, X0);
    emit_rr(&c->as, subs[lane], X0, X1);
    three(c, sign ? smin[lane] : umin[lane], X1, ra, rb);
    three(c, sign ? smax[lane] : umax[lane], X0, ra, rb);
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
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned rc = in->c ? use(c, in->c, 0) : 0;
    static const opcode subs[] = {
        [L_I8] = B66(0xf8), [L_I16] = B66(0xf9), [L_I32] = B66(0xfa), [L_I64] = B66(0xfb)};
    static const uint8_t abs_ops[] = {[L_I8] = 0x1c, [L_I16] = 0x1d, [L_I32] = 0x1e};

    switch (in->op) {
    case IR_not:
        copy(c, true, dst, X0);
        emit_rr(&c->as, B66(0xef), X0, ra);
        ones(c, X0);
        break;
    case IR_neg:
        copy(c, true, dst, X0);
        emit_rr(&c->as, subs[ir_lane(in->type)], X0, ra);
        zero(c, X0);
        break;
    case IR_abs:
        emit_rr(&c->as, B38(abs_ops[ir_lane(in->type)]), dst, ra);
        break;
    case IR_popcnt:
        population(c, dst, ra);
        break;
    case IR_clz:
        leading_zeros(c, dst, ra, ir_lane_bits(in->type) == 16, temp(c, true));
        break;
    case IR_vpadd:
        pairwise_sum(c, in, dst, ra, rb, temp(c, true));
        break;
    case IR_bsel:
        choose_bits(c, dst, ra, rb, rc);
        break;
    case IR_sabd:
    case IR_uabd:
        absolute_difference(c, in, dst, ra, rb);
        break;
    case IR_vaddv:
        sum(c, in, dst, ra);
        break;
    case IR_vxtn:
        narrow(c, in, dst, ra);
        break;
    case IR_vsmull:
    case IR_vsmulh:
    case IR_vumull:
    case IR_vumulh:
        widening_product(c, in, dst, ra, rb);
        break;
    default:
        widen(c, in, dst, ra);
        break;
    }
}

/* ---- one lane everywhere; saturating narrowing */

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

void emit_vector_saturate(struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_lane_bits(in->type);
    struct assembler *as = &c->as;

    if (!full(in) || bits > 16) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool is_signed = in->op == IR_vsqxtn;
    const opcode pack_signed = bits == 8 ? B66(0x63) : B66(0x6b);
    const opcode pack_unsigned = bits == 8 ? B66(0x67) : B38(0x2b);

    copy(c, true, dst, X0);
    emit_rr(as, is_signed ? pack_signed : pack_unsigned, X0, X1);
    zero(c, X1);
    if (in->op == IR_vuqxtn) {
        with_constant(c, bits == 8 ? B38(0x3a) : B38(0x3b), X0, ra, bits == 8 ? K_LOW_8 : K_LOW_16);
    } else {
        copy(c, true, X0, ra);
    }
}

/* ---- signs; shifts by lanes */

void emit_fsign(struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_lane_bits(in->type);

    if ((bits != 32 && bits != 64) || (in->imm & FP_SPECIAL)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool f64 = bits == 64;
    const enum constant k = in->op == IR_fabs ? (f64 ? K_ABS_F64 : K_ABS_F32)
                                              : (f64 ? K_SIGN_F64 : K_SIGN_F32);

    if (ir_is_vector(in->type) && ir_type_bits(in->type) == 64) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, dst);
    }
    with_constant(c, in->op == IR_fabs ? B66(0xdb) : B66(0xef), dst, ra, k);
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

/* ---- floating point by lane */

/*
 * rax = lanes of xmm0 that the host may have done differently: NaNs, and with small set those not
 * above the smallest normal (a zero that came from zeros is among them: the cold path sorts it
 * out).
 */
static void check_lanes(struct compiler *c, ir_type t, bool small, uint32_t cold)
{
    const bool f64 = ir_lane(t) == L_F64;
    const unsigned pp = f64 ? PP_66 : PP_NONE;
    struct assembler *as = &c->as;

    x_jcc(as, CC_NE, cold);
    x_test(as, false, RAX, RAX);
    emit_rr(as, OPC(pp, MAP_0F, 0x50), RAX, X1); /* movmskps */
    if (!small) {
        emit_x(as, OPC(pp, MAP_0F, 0xc2), X1, reg_operand(X1), 1, 3); /* unordered with itself */
        copy(c, true, X1, X0);
        return;
    }
    /* |x| - least > infinity - least, unsigned: compared as signed numbers with both sides moved by
     * half the range. */
    with_constant(c, f64 ? B38(0x37) : B66(0x66), X1, X1, f64 ? K_TINY_F64 : K_TINY_F32);
    with_constant(c, f64 ? B66(0xfb) : B66(0xfa), X1, X1, f64 ? K_LEAST_F64 : K_LEAST_F32);
    with_constant(c, OPC(pp, MAP_0F, 0x54), X1, X0, f64 ? K_ABS_F64 : K_ABS_F32);
}

/* As skip_exact_zero of ops_fp.c: takes the lanes that are zero with a zero operand out of X1's bad
 * ones. Forwards. */
static uint32_t skip_exact_zeros(struct compiler *c, ir_type type, const unsigned operands[2],
                                 unsigned t, uint32_t resume)
{
    const bool f64 = ir_lane(type) == L_F64;
    struct assembler *as = &c->as;

    as->to_cold = true;
    const uint32_t path = as->cold;
    for (unsigned n = 0; n < 2; n++) {
        copy(c, true, t, operands[n]);
        emit_rr(as, B66(0xeb), t, X0);
        emit_rr(as, f64 ? B66(0xd4) : B66(0xfe), t, t); /* without the signs, both zero? */
        /* 66 [REX] 0F [38] op ModRM disp32 */
        const uint32_t end = as->cold + 8 + (t >= 8) + f64;
        const struct operand none = {
            .base = RIP, .index = NO_REG, .disp = (int32_t)(K_ZERO * 16 - end)};
        emit_rm(as, f64 ? B38(0x29) : B66(0x76), t, none);
        emit_rr(as, B66(0xdf), t, X1);
        copy(c, true, X1, t);
    }
    emit_rr(as, OPC(f64 ? PP_66 : PP_NONE, MAP_0F, 0x50), RAX, X1);
    x_test(as, false, RAX, RAX);
    x_jcc(as, CC_E, resume);
    as->to_cold = false;
    return path;
}

void emit_vector_fp(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const bool f64 = lane == L_F64;

    if (!ir_is_vector(in->type)) {
        emit_fp(c, in);
        return;
    }
    if (!full(in) || (lane != L_F64 && lane != L_F32) || (in->imm & FP_SPECIAL) ||
        (in->op == IR_fma && !c->h->fma)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned rc = in->c ? use(c, in->c, 0) : 0;
    const unsigned pp = f64 ? PP_66 : PP_NONE;
    static const uint8_t fmas[] = {0xb8, 0xbc, 0xba, 0xbe};

    const bool small = in->op != IR_fadd && in->op != IR_fsub && in->op != IR_fsqrt;
    const unsigned t = small ? temp(c, true) : 0, factors[2] = {ra, rb};
    copy(c, true, dst, X0);
    const uint32_t path = small ? skip_exact_zeros(c, in->type, factors, t, c->as.hot) : 0;
    const uint32_t cold = cold_evaluate(c, in, X0, c->as.hot);
    check_lanes(c, in->type, small, small ? path : cold);
    switch (in->op) {
    case IR_fsqrt:
        emit_rr(&c->as, OPC(pp, MAP_0F, 0x51), X0, ra);
        break;
    case IR_fma:
        emit_v(&c->as, OPC(PP_66, MAP_0F38, fmas[in->aux & 3]) | W(f64), X0, ra, reg_operand(rb), 0,
               0);
        copy(c, true, X0, rc);
        break;
    default:
        three(c,
              OPC(pp, MAP_0F,
                  in->op == IR_fadd   ? 0x58
                  : in->op == IR_fsub ? 0x5c
                  : in->op == IR_fmul ? 0x59
                                      : 0x5e),
              X0, ra, rb);
        break;
    }
}

/* The host's predicates: equal is quiet, less and less-or-equal are signalling, as the guest's
 * usual ones are. */
void emit_vfcmp(struct compiler *c, const struct ir_insn *in)
{
    const enum ir_lane lane = ir_lane(in->type);
    const unsigned set = in->aux & 15;
    const bool signalling = in->aux & IR_FCMP_SIGNALLING;
    const bool known = signalling ? set == IR_FGT || set == IR_FLT || set == (IR_FGT | IR_FEQ) ||
                                        set == (IR_FLT | IR_FEQ)
                                  : set == IR_FEQ;

    if (!full(in) || (lane != L_F32 && lane != L_F64) || (in->imm & FP_SPECIAL) || !known) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const bool swap = set & IR_FGT;

    copy(c, true, dst, X0);
    emit_x(&c->as, OPC(lane == L_F64 ? PP_66 : PP_NONE, MAP_0F, 0xc2), X0,
           reg_operand(swap ? ra : rb), 1,
           set == IR_FEQ  ? 0
           : set & IR_FEQ ? 2
                          : 1);
    copy(c, true, X0, swap ? rb : ra);
}

/* Four signed 32-bit lanes; the rest by the run-time. */
void emit_vector_convert(struct compiler *c, const struct ir_insn *in)
{
    const bool to_int = in->op == IR_vftoi;
    const unsigned rounding = in->aux & 7;

    if (in->type != T_F32X4 || (in->imm & FP_SPECIAL) || in->aux >> 3 ||
        rounding != (to_int ? IR_RTZ : IR_RDYN)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    struct assembler *as = &c->as;

    if (!to_int) {
        emit_rr(as, OPC(PP_NONE, MAP_0F, 0x5b), dst, ra);
        return;
    }
    copy(c, true, dst, X0);
    const uint32_t cold = cold_evaluate(c, in, X0, as->hot);
    /* What is out of range is the least integer. */
    x_jcc(as, CC_NE, cold);
    x_test(as, false, RAX, RAX);
    emit_rr(as, OPC(PP_NONE, MAP_0F, 0x50), RAX, X1);
    with_constant(c, B66(0x76), X1, X0, K_SIGN_F32);
    emit_rr(as, OPC(PP_F3, MAP_0F, 0x5b), X0, ra);
}
