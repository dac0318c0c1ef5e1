/* SPDX-License-Identifier: MIT */
/*
 * Vectors of 256 bits, on hosts with AVX2, whose instructions work on each half by itself, as the
 * ops do. What has no instruction or two of its own is taken apart before (tcg/lower.h).
 */
#include "tcg/host/x86_64/simd.h"

#define VPALIGNR B3A(0x0f)
#define VINSERTI128 B3A(0x38)
#define VPBLENDD B3A(0x02)
#define VEXTRACTI128 B3A(0x39)
#define VBROADCASTI128 B38(0x5a)
#define VBROADCASTSD B38(0x19)

static enum ir_lane lane_of(const struct ir_insn *in)
{
    return ir_lane(in->type);
}

/* dst = a op b, in program order the one behind what was emitted before. */
static void wide3(struct compiler *c, opcode op, unsigned dst, unsigned a, unsigned b)
{
    emit_v(&c->as, op | OP_L, dst, a, reg_operand(b), 0, 0);
}

static void wide_imm(struct compiler *c, opcode op, const unsigned dst_a_b[3], unsigned imm)
{
    emit_v(&c->as, op | OP_L, dst_a_b[0], dst_a_b[1], reg_operand(dst_a_b[2]), 1, imm);
}

static void wide_zero(struct compiler *c, unsigned r)
{
    emit_v(&c->as, PXOR, r, r, reg_operand(r), 0, 0);
}

static void wide_ones(struct compiler *c, unsigned r)
{
    wide3(c, B66(0x76), r, r, r);
}

/* ---- which ops */

static const opcode equal[] = {
    [L_I8] = B66(0x74), [L_I16] = B66(0x75), [L_I32] = B66(0x76), [L_I64] = B38(0x29)};
static const opcode greater[] = {
    [L_I8] = B66(0x64), [L_I16] = B66(0x65), [L_I32] = B66(0x66), [L_I64] = B38(0x37)};
static const opcode magnitude[] = {[L_I8] = B38(0x1c), [L_I16] = B38(0x1d), [L_I32] = B38(0x1e)};
static const uint8_t shifts[] = {[L_I16] = 0x71, [L_I32] = 0x72, [L_I64] = 0x73};
static const opcode broadcast[] = {
    [L_I8] = B38(0x78), [L_I16] = B38(0x79), [L_I32] = B38(0x58), [L_I64] = B38(0x59)};

static bool moves_whole(const struct ir_insn *in)
{
    switch (in->op) {
    case IR_get:
    case IR_put:
    case IR_env_load:
    case IR_env_store:
    case IR_select:
    case IR_vkonst:
    case IR_vpart:
    case IR_vwith:
    case IR_vwiden:
        return true;
    case IR_load:
    case IR_store:
        return (in->imm >> 32 & MO_SIZE_LOG2) == MO_256;
    case IR_vdup:
        return ir_lane_bits(in->src) >= 8;
    default:
        return false;
    }
}

static bool is_vector_shift(const struct ir_insn *in)
{
    return (in->op == IR_shl || in->op == IR_shr || in->op == IR_sar) &&
           (lane_of(in) == L_I32 || (lane_of(in) == L_I64 && in->op != IR_sar));
}

bool wide_is_native(const struct ir_insn *in)
{
    const enum ir_lane lane = lane_of(in);

    switch (in->op) {
    case IR_vcmp:
        return in->aux == IR_EQ || in->aux == IR_NE || in->aux == IR_SGT || in->aux == IR_SLT;
    case IR_shli:
    case IR_shri:
        return lane >= L_I16 && lane <= L_I64;
    case IR_sari:
        return lane == L_I16 || lane == L_I32;
    case IR_abs:
        return lane >= L_I8 && lane <= L_I32;
    case IR_vdup_lane:
        return ir_lane_bits(in->type) >= 32;
    case IR_vtst:
    case IR_not:
    case IR_neg:
    case IR_bsel:
    case IR_vext:
    case IR_vpick:
    case IR_vtbl:
        return true;
    default:
        return moves_whole(in) || is_vector_shift(in) || vector_opcode(in, NULL) != 0;
    }
}

/* AVX2 comes with FMA. */
bool wide_is_native_fp(const struct ir_insn *in)
{
    static const struct host h = {.fma = true};

    return wide_is_native(in) || (ir_is_wide(in->type) && fp_has_native(&h, in));
}

/* ---- emitters */

static void emit_wide_konst(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c);

    if (in->imm == 0) {
        wide_zero(c, dst);
    } else if (in->imm == UINT64_MAX) {
        wide_ones(c, dst);
    } else {
        const struct operand o = vector_constant_place(c, (const uint64_t[]){in->imm, in->imm});
        emit_v(&c->as, VBROADCASTSD | OP_L, dst, 0, o, 0, 0);
    }
}

static void emit_wide_dup(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), bits = ir_lane_bits(in->src);
    const opcode op = broadcast[bits == 8 ? L_I8 : bits == 16 ? L_I16 : bits == 32 ? L_I32 : L_I64];
    const unsigned from = class_of(in->src) ? ra : X0;

    emit_v(&c->as, op | OP_L, dst, 0, reg_operand(from), 0, 0);
    if (from == X0) {
        emit_v(&c->as, SSE_MOVD_TO_XMM | W(bits == 64), X0, 0, reg_operand(ra), 0, 0);
    }
}

static void emit_wide_compare(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const enum ir_lane lane = lane_of(in);

    if (in->op == IR_vtst) {
        wide3(c, PXOR, dst, X0, X1);
        wide_ones(c, X1);
        wide3(c, equal[lane], X0, X0, X1);
        wide_zero(c, X1);
        wide3(c, PAND, X0, ra, rb);
    } else if (in->aux == IR_NE) {
        wide3(c, PXOR, dst, X0, X1);
        wide_ones(c, X1);
        wide3(c, equal[lane], X0, ra, rb);
    } else if (in->aux == IR_EQ) {
        wide3(c, equal[lane], dst, ra, rb);
    } else {
        const bool swap = in->aux == IR_SLT;
        wide3(c, greater[lane], dst, swap ? rb : ra, swap ? ra : rb);
    }
}

static void emit_wide_shift(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), w = ir_lane_bits(in->type);
    const unsigned how = in->op == IR_shli   ? SHIFT_LEFT
                         : in->op == IR_shri ? SHIFT_RIGHT
                                             : SHIFT_ARITHMETIC;
    const unsigned n = in->op == IR_sari && in->aux >= w ? w - 1 : in->aux;

    wide_imm(c, B66(shifts[lane_of(in)]), (const unsigned[]){how, dst, ra}, n);
}

static void emit_wide_shift_by_vector(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned op = in->op == IR_shl ? 0x47 : in->op == IR_shr ? 0x45 : 0x46;

    wide3(c, B38(op) | W(lane_of(in) == L_I64), dst, ra, rb);
}

static void emit_wide_unary(struct compiler *c, const struct ir_insn *in)
{
    static const opcode subtract[] = {
        [L_I8] = B66(0xf8), [L_I16] = B66(0xf9), [L_I32] = B66(0xfa), [L_I64] = B66(0xfb)};
    const unsigned dst = def(c), ra = use(c, in->a, 0);

    switch (in->op) {
    case IR_not:
        wide3(c, PXOR, dst, ra, X0);
        wide_ones(c, X0);
        break;
    case IR_neg:
        wide3(c, subtract[lane_of(in)], dst, X0, ra);
        wide_zero(c, X0);
        break;
    default:
        emit_v(&c->as, magnitude[lane_of(in)] | OP_L, dst, 0, reg_operand(ra), 0, 0);
        break;
    }
}

/* (b & a) | (c & ~a) */
static void emit_wide_bsel(struct compiler *c, const struct ir_insn *in)
{
    if (blend_by_signs(c, in)) {
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0),
                   rc = use(c, in->c, 0);

    wide3(c, POR, dst, X0, X1);
    wide3(c, PANDN, X1, ra, rc);
    wide3(c, PAND, X0, rb, ra);
}

static void emit_wide_shuffle(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;
    const unsigned n = in->aux;

    switch (in->op) {
    case IR_vdup_lane: /* vpshufd */
        wide_imm(c, PSHUFD, (const unsigned[]){dst, 0, ra},
                 ir_lane_bits(in->type) == 32 ? n * 0x55
                 : n                          ? 0xee
                                              : 0x44);
        break;
    case IR_vpick:
        wide_imm(c, PSHUFD, (const unsigned[]){dst, 0, ra}, n);
        break;
    case IR_vext:
        wide_imm(c, VPALIGNR, (const unsigned[]){dst, rb, ra}, n);
        break;
    default: { /* vtbl: indices of 16 and more get their top bit set by a saturating addition */
        const uint64_t k = UINT64_C(0x7070707070707070);
        wide3(c, PSHUFB, dst, ra, X0);
        wide3(c, B66(0xdc), X0, rb, X0);
        emit_v(&c->as, VBROADCASTI128 | OP_L, X0, 0,
               vector_constant_place(c, (const uint64_t[]){k, k}), 0, 0);
        break;
    }
    }
}

static void emit_wide_parts(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = in->b ? use(c, in->b, 0) : 0;

    switch (in->op) {
    case IR_vpart: /* the upper one: the lower needs nothing */
        emit_v(&c->as, VEXTRACTI128 | OP_L, ra, 0, reg_operand(dst), 1, in->aux);
        break;
    case IR_vwith:
        wide_imm(c, in->aux ? VINSERTI128 : VPBLENDD, (const unsigned[]){dst, ra, rb},
                 in->aux ? in->aux : 15);
        break;
    default: /* vwiden: what VEX.128 writes has zeros above */
        emit_v(&c->as, SSE_MOVAPS, dst, 0, reg_operand(ra), 0, 0);
        break;
    }
}

static void emit_by_row(struct compiler *c, const struct ir_insn *in)
{
    bool swap;
    const opcode op = vector_opcode(in, &swap);
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);

    wide3(c, op, dst, swap ? rb : ra, swap ? ra : rb);
}

void emit_wide(struct compiler *c, const struct ir_insn *in)
{
    switch (in->op) {
    case IR_get:
        emit_get(c, in);
        break;
    case IR_env_load:
        emit_env(c, in);
        break;
    case IR_load:
        emit_load(c, in);
        break;
    case IR_select:
        emit_select(c, in);
        break;
    case IR_vkonst:
        emit_wide_konst(c, in);
        break;
    case IR_vdup:
        emit_wide_dup(c, in);
        break;
    case IR_vpart:
    case IR_vwith:
    case IR_vwiden:
        emit_wide_parts(c, in);
        break;
    case IR_vcmp:
    case IR_vtst:
        emit_wide_compare(c, in);
        break;
    case IR_shli:
    case IR_shri:
    case IR_sari:
        emit_wide_shift(c, in);
        break;
    case IR_shl:
    case IR_shr:
    case IR_sar:
        emit_wide_shift_by_vector(c, in);
        break;
    case IR_not:
    case IR_neg:
    case IR_abs:
        emit_wide_unary(c, in);
        break;
    case IR_bsel:
        emit_wide_bsel(c, in);
        break;
    case IR_vdup_lane:
    case IR_vext:
    case IR_vpick:
    case IR_vtbl:
        emit_wide_shuffle(c, in);
        break;
    default:
        emit_by_row(c, in);
        break;
    }
}
