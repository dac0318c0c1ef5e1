/* SPDX-License-Identifier: MIT */
/*
 * What is known of the upper lanes of values in vector registers: how many low bits may be other
 * than 0. A scalar's register may hold anything above the scalar, but most have nothing there: what
 * was loaded, and what an operation made of an operand that has nothing above itself (the host
 * passes on what is above the first one). Zero extension of such a value is the value. Arithmetic
 * whose result would need it has it done at its end (upper_cleared), so that one register serves
 * the scalar and the vector. Where a scalar replaces the lowest lane of the vector that its first
 * operand was taken from, as SSE's instructions do, its register is that vector already.
 *
 * For scalars these are facts about the emitters' code, for vectors about the ops' meaning.
 */
#include "tcg/host/x86_64/compile.h"
#include "tcg/opinfo.h"

static unsigned width_of(const struct compiler *c, ir_val v)
{
    return c->width[c->alias[v]];
}

static unsigned max2(unsigned x, unsigned y)
{
    return x > y ? x : y;
}

/* Whole lanes, where each lane is made of the same lanes of the operands and zeros give zero. */
static unsigned by_lane(const struct ir_insn *in, unsigned width)
{
    const unsigned lane = ir_lane_bits(in->type);

    return lane > 64 ? width : (width + lane - 1) / lane * lane;
}

static bool upper_clears(const struct ir_insn *in)
{
    switch (in->op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fma:
    case IR_fmin:
    case IR_fmax:
    case IR_fminnm:
    case IR_fmaxnm:
    case IR_frint:
        return in->type == T_F32 || in->type == T_F64;
    default:
        return false;
    }
}

static unsigned scalar_width(const struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_type_bits(in->type), a = in->a ? width_of(c, in->a) : 128;

    switch (in->op) {
    case IR_load:
        return bits;
    case IR_fadd:
    case IR_fmul: /* in the order that upper_swaps tells */
        return bits >= 32 && (a <= bits || (!c->h->native_fp && width_of(c, in->b) <= bits)) ? bits
                                                                                             : 128;
    case IR_vget:
        return c->h->avx && in->aux && bits >= 32 ? bits : 128;
    case IR_select:
        return max2(width_of(c, in->b), width_of(c, in->c));
    case IR_fabs: /* by a mask that has nothing above */
    case IR_fmov_to_fp:
    case IR_itof:
    case IR_fcvt:
        return bits >= 32 ? bits : 128;
    case IR_fsub:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_frint:
    case IR_fneg:
    case IR_fdaz:
        return bits >= 32 && a <= bits ? bits : 128;
    case IR_fma:
        return bits >= 32 && width_of(c, c->h->native_fp ? in->b : in->c) <= bits ? bits : 128;
    case IR_fmin:
    case IR_fmax:
    case IR_fminnm:
    case IR_fmaxnm:
        return bits >= 32 && max2(a, width_of(c, in->b)) <= bits ? bits : 128;
    default:
        return 128;
    }
}

static unsigned vector_width(const struct compiler *c, const struct ir_insn *in)
{
    const unsigned a = in->a ? width_of(c, in->a) : 128, b = in->b ? width_of(c, in->b) : 128;
    uint64_t k[2];

    switch (in->op) {
    case IR_select:
        return max2(b, width_of(c, in->c));
    case IR_load: {
        const unsigned bits = 8u << (in->imm >> 32 & MO_SIZE_LOG2);
        return bits < 128 ? bits : 128;
    }
    case IR_vkonst:
        return in->imm ? 128 : 0;
    case IR_vzip1:
    case IR_vzip2: /* of doublewords: the upper one is b's */
        return ir_lane_bits(in->type) == 64 && b == 0 ? 64 : 128;
    case IR_vtbl:
        return vector_constant(c, in->b, k) && !(~k[1] & UINT64_C(0x8080808080808080)) ? 64 : 128;
    case IR_vzext:
        return ir_lane_bits(in->src);
    case IR_vlow64:
    case IR_vxtn:
    case IR_vsqxtn:
    case IR_vuqxtn:
    case IR_vsqxtun:
        return a < 64 && in->op == IR_vlow64 ? a : 64;
    case IR_vset:
        return max2(a, (in->aux + 1) * ir_lane_bits(in->type));
    case IR_and:
        return a < b ? a : b;
    case IR_andn:
        return a;
    case IR_or:
    case IR_xor:
        return max2(a, b);
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_smin:
    case IR_smax:
    case IR_umin:
    case IR_umax:
    case IR_sabd:
    case IR_uabd:
    case IR_ssadd:
    case IR_usadd:
    case IR_sssub:
    case IR_ussub:
    case IR_shadd:
    case IR_uhadd:
    case IR_srhadd:
    case IR_urhadd:
    case IR_shsub:
    case IR_uhsub:
        return by_lane(in, max2(a, b));
    case IR_vsaddlp:
    case IR_vuaddlp:
    case IR_shli:
    case IR_shri:
    case IR_sari:
    case IR_abs:
    case IR_neg:
    case IR_popcnt:
        return by_lane(in, a);
    default:
        return ir_type_bits(in->type) == 64 ? 64 : 128;
    }
}

/* What is above op v's scalar in its register is what is above its first operand in that one's. */
static bool passes_upper(const struct compiler *c, const struct ir_insn *in)
{
    return c->h->native_fp && (in->op == IR_fadd || in->op == IR_fsub || in->op == IR_fmul ||
                               in->op == IR_fdiv || in->op == IR_fmin || in->op == IR_fmax);
}

#define CHAIN_AT_MOST 32

/* The registers of scalar v, and of the scalars that it was made of, have above them what vector
 * `of` has; they are kept so. */
static bool comes_from(struct compiler *c, uint16_t v, uint16_t of)
{
    uint16_t x = v;

    for (unsigned n = 0; x != of; n++, x = c->alias[c->insns[x].a]) {
        if (n == CHAIN_AT_MOST || x >= FIRST_ROW_VALUE || c->cleared[x] ||
            !passes_upper(c, &c->insns[x]) || c->insns[x].type != c->insns[v].type) {
            return false;
        }
    }
    for (x = v; x != of; x = c->alias[c->insns[x].a]) {
        c->whole[x] = true;
    }
    return true;
}

/* A vector whose lowest lane is replaced: by a scalar whose register has the rest of it. */
static void replaced_lane(struct compiler *c, uint32_t i, const struct ir_insn *in)
{
    const uint16_t v = c->alias[in->b];

    if (in->aux == 0 && !ir_is_wide(in->type) && v < FIRST_ROW_VALUE &&
        !ir_is_vector(c->insns[v].type) &&
        ir_type_bits(c->insns[v].type) == ir_lane_bits(in->type) && v != c->alias[in->a] &&
        comes_from(c, v, c->alias[in->a])) {
        c->alias[i] = v;
    }
}

void upper_track(struct compiler *c, uint32_t i)
{
    const struct ir_insn *in = &c->insns[i];

    c->cleared[i] = c->whole[i] = false;
    c->width[i] = (uint8_t)(ir_is_wide(in->type)     ? 128
                            : ir_is_vector(in->type) ? vector_width(c, in)
                                                     : scalar_width(c, in));
    const bool extends = in->op == IR_vzext && class_of(in->src);
    if (in->op == IR_vset) {
        replaced_lane(c, i, in);
        return;
    }
    if (!extends && in->op != IR_vlow64) {
        return;
    }
    const unsigned bits = extends ? ir_type_bits(in->src) : 64;
    const uint16_t v = c->alias[in->a];
    if (c->width[v] > bits && extends && c->insns[v].type == in->src && !c->whole[v] &&
        upper_clears(&c->insns[v])) {
        c->cleared[v] = true;
        c->width[v] = (uint8_t)bits;
    }
    if (c->width[v] <= bits) {
        c->alias[i] = v;
    }
}

bool upper_swaps(const struct compiler *c, const struct ir_insn *in)
{
    const unsigned bits = ir_type_bits(in->type);

    return !c->h->native_fp && (in->op == IR_fadd || in->op == IR_fmul) &&
           width_of(c, in->a) > bits && width_of(c, in->b) <= bits;
}

void upper_move(struct compiler *c, const struct ir_insn *in, unsigned dst, unsigned r)
{
    if (!c->cleared[c->i]) {
        copy(c, true, dst, r);
    } else if (in->type == T_F64) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, r);
    } else if (c->h->avx) { /* insertps: lane 0, and zeros */
        emit_v(&c->as, OPC(PP_66, MAP_0F3A, 0x21), dst, r, reg_operand(r), 1, 0x0e);
    } else {
        emit_x(&c->as, OPC(PP_66, MAP_0F3A, 0x21), dst, reg_operand(r), 1, 0x0e);
    }
}
