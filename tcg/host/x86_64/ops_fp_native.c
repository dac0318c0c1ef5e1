/* SPDX-License-Identifier: MIT */
/*
 * Floating point of a guest whose rules are this host's (struct fp_rules): the instructions
 * themselves, with nothing checked; all flags are in MXCSR, and so is what is flushed to zero. An
 * instruction more than the guest has might raise what the guest's does not, so what has no such
 * instruction is evaluated.
 */
#include "base/softfloat.h"
#include "tcg/host/x86_64/simd.h"

bool fp_rules_are_native(const struct fp_rules *r)
{
    return r && r->nan_choice == FP_NAN_FIRST && r->muladd_order[0] == 0 &&
           r->muladd_order[1] == 1 && r->muladd_order[2] == 2 &&
           r->muladd_invalid == FP_MULADD_QUIET && r->int_overflow == FP_INT_INDEFINITE &&
           r->default_nan_negative && r->tiny_after_rounding && r->flag_denormals &&
           r->minmax_second && r->nan_signs_stay && r->flush_apart && r->flush_is_inexact;
}

static bool is_single_or_double(ir_type t)
{
    return ir_lane(t) == L_F32 || ir_lane(t) == L_F64;
}

/* A scalar, or a vector of whole registers. */
static bool fits(const struct ir_insn *in)
{
    return is_single_or_double(in->type) && !is_half(in);
}

static opcode of_type(ir_type t, unsigned byte)
{
    return OPC(ir_is_vector(t) ? packed_prefix(t) : scalar_prefix(t), MAP_0F, byte) |
           (ir_is_wide(t) ? OP_L : 0);
}

/* dst = a op b; without AVX by xmm0 where dst is b. */
static void emit_binary(struct compiler *c, const struct ir_insn *in, unsigned byte)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const bool cleared = c->cleared[c->i];
    const unsigned r = cleared ? X0 : dst;

    if (cleared) {
        upper_move(c, in, dst, r);
    }
    three(c, of_type(in->type, byte), r, ra, rb);
}

static void emit_root(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool cleared = c->cleared[c->i], scalar = !ir_is_vector(in->type);
    const unsigned r = cleared ? X0 : dst;

    if (cleared) {
        upper_move(c, in, dst, r);
    }
    if (scalar) {
        three(c, of_type(in->type, 0x51), r, ra, ra);
    } else if (c->h->avx) {
        emit_v(&c->as, of_type(in->type, 0x51), r, 0, reg_operand(ra), 0, 0);
    } else {
        emit_rr(&c->as, of_type(in->type, 0x51), r, ra);
    }
}

/* The form that chooses NaNs in the operands' order: the second is replaced. */
static void emit_fused(struct compiler *c, const struct ir_insn *in)
{
    static const uint8_t forms[] = {[0] = 0xa8, [1] = 0xac, [2] = 0xaa, [3] = 0xae};
    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0),
                   rc = use(c, in->c, 0);
    const bool scalar = !ir_is_vector(in->type), cleared = c->cleared[c->i];
    const unsigned r = cleared || dst == ra || dst == rc ? X0 : dst;

    upper_move(c, in, dst, r);
    emit_v(&c->as,
           B38(forms[in->aux & 3] | scalar) | W(is_f64(in->type)) |
               (ir_is_wide(in->type) ? OP_L : 0),
           r, ra, reg_operand(rc), 0, 0);
    copy(c, true, r, rb);
}

int fp_predicate(unsigned aux)
{
    static const uint8_t predicates[] = {IR_FEQ,
                                         IR_FLT | IR_FCMP_SIGNALLING,
                                         IR_FLT | IR_FEQ | IR_FCMP_SIGNALLING,
                                         IR_FUN,
                                         IR_FLT | IR_FGT | IR_FUN,
                                         IR_FEQ | IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                         IR_FGT | IR_FUN | IR_FCMP_SIGNALLING,
                                         IR_FLT | IR_FEQ | IR_FGT};

    for (unsigned n = 0; n < array_len(predicates); n++) {
        if (predicates[n] == (aux & (15 | IR_FCMP_SIGNALLING))) {
            return (int)n;
        }
    }
    return -1;
}

unsigned fp_exchanged(unsigned aux)
{
    return (aux & ~(unsigned)(IR_FLT | IR_FGT)) | (aux & IR_FLT ? IR_FGT : 0) |
           (aux & IR_FGT ? IR_FLT : 0);
}

static void emit_lanes_compare(struct compiler *c, const struct ir_insn *in)
{
    const bool swap = fp_predicate(in->aux) < 0;
    const int predicate = fp_predicate(swap ? fp_exchanged(in->aux) : in->aux);

    const unsigned dst = def(c), ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned a = swap ? rb : ra, b = swap ? ra : rb;
    if (c->h->avx) {
        emit_v(&c->as, of_type(in->type, 0xc2), dst, a, reg_operand(b), 1, (uint64_t)predicate);
        return;
    }
    copy(c, true, dst, X0);
    emit_x(&c->as, of_type(in->type, 0xc2), X0, reg_operand(b), 1, (uint64_t)predicate);
    copy(c, true, X0, a);
}

/* By way of xmm0, since scalars keep what is above the result. */
static void emit_precision(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);

    copy(c, true, dst, X0);
    emit_rr(&c->as, of_type(in->src, 0x5a), X0, ra);
    three(c, PXOR, X0, X0, X0);
}

static void emit_integral(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned imm = rounding_imm(in->aux & 7) | (in->aux & IR_FRINT_EXACT ? 0 : 8);
    const opcode op = B3A((ir_is_vector(in->type) ? 0x08 : 0x0a) | is_f64(in->type));

    upper_move(c, in, dst, X0);
    emit_x(&c->as, op, X0, reg_operand(ra), 1, imm);
    copy(c, true, X0, ra);
}

static void emit_to_integer(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned byte = (in->aux & 7) == IR_RTZ ? 0x2c : 0x2d;

    emit_rr(&c->as, OPC(scalar_prefix(in->src), MAP_0F, byte) | W(in->type == T_I64), dst, ra);
}

static void emit_lanes_to_integers(struct compiler *c, const struct ir_insn *in)
{
    const unsigned dst = def(c), ra = use(c, in->a, 0);

    emit_rr(&c->as, OPC((in->aux & 7) == IR_RTZ ? PP_F3 : PP_66, MAP_0F, 0x5b), dst, ra);
}

/* To signed integers by the host's two ways of rounding. */
static bool converts(const struct ir_insn *in)
{
    return in->aux == IR_RTZ || in->aux == IR_RDYN;
}

bool fp_has_native(const struct host *h, const struct ir_insn *in)
{
    if (in->imm & ~(uint64_t)FP_OWN_FLUSH) {
        return false;
    }
    switch (in->op) {
    case IR_fadd:
    case IR_fsub:
    case IR_fmul:
    case IR_fdiv:
    case IR_fsqrt:
    case IR_fmin:
    case IR_fmax:
        return fits(in);
    case IR_fma:
        return fits(in) && h->fma;
    case IR_vfcmp:
        return fits(in) && (fp_predicate(in->aux) >= 0 || fp_predicate(fp_exchanged(in->aux)) >= 0);
    case IR_fcvt:
        return is_single_or_double(in->type) && is_single_or_double(in->src);
    case IR_frint:
        return fits(in) && !ir_is_wide(in->type) &&
               ((in->aux & 7) <= IR_RTZ || (in->aux & 7) == IR_RDYN);
    case IR_ftoi:
        return is_single_or_double(in->src) && converts(in) &&
               (in->type == T_I32 || in->type == T_I64);
    case IR_vftoi:
        return in->type == T_F32X4 && converts(in);
    default:
        return false;
    }
}

static void emit_own(struct compiler *c, const struct ir_insn *in)
{
    static const uint8_t bytes[IR_OP_COUNT] = {
        [IR_fadd] = 0x58, [IR_fsub] = 0x5c, [IR_fmul] = 0x59,
        [IR_fdiv] = 0x5e, [IR_fmin] = 0x5d, [IR_fmax] = 0x5f};

    switch (in->op) {
    case IR_fsqrt:
        emit_root(c, in);
        break;
    case IR_fma:
        emit_fused(c, in);
        break;
    case IR_vfcmp:
        emit_lanes_compare(c, in);
        break;
    case IR_fcvt:
        emit_precision(c, in);
        break;
    case IR_frint:
        emit_integral(c, in);
        break;
    case IR_ftoi:
        emit_to_integer(c, in);
        break;
    case IR_vftoi:
        emit_lanes_to_integers(c, in);
        break;
    default:
        emit_binary(c, in, bytes[in->op]);
        break;
    }
}

void emit_fp_native(struct compiler *c, const struct ir_insn *in)
{
    const bool compares = in->op == IR_fcmp || in->op == IR_flags_fcmp;
    const bool from_integers = (in->op == IR_itof || in->op == IR_vitof) && !in->imm &&
                               in->aux >> 8 == 0 && is_single_or_double(in->type);

    if (fp_has_native(c->h, in)) {
        emit_own(c, in);
    } else if (compares || from_integers) {
        emitters[in->op](c, in); /* they raise what the guest's do */
    } else {
        fallback(c, in);
    }
}
