/* SPDX-License-Identifier: MIT */
/*
 * Scalar floating-point arithmetic on the host's unit. The operands survive for the cold path,
 * which computes what the host does differently from the guest: NaNs (payload, sign, default), and
 * products and quotients that are the smallest normal number, which may have been tiny before
 * rounding, when the guest may look, but are not after it, when the host does. Everything smaller,
 * zero included, is tiny for both, and what is tiny for the host raises the same flags, as long as
 * nothing is flushed to zero (FP_SPECIAL). MXCSR's sticky flags are the guest's.
 */
#include "base/softfloat.h"
#include "tcg/host/x86_64/simd.h"
#include "tcg/opinfo.h"

static opcode compare_op(ir_type t)
{
    return OPC(t == T_F64 ? PP_66 : PP_NONE, MAP_0F, 0x2e);
}

/* Jumps to cold if r is a NaN, or with small also if its magnitude is the smallest normal number.
 * Uses xmm1. */
static void s_check(struct steps *q, ir_type t, unsigned r, bool small, uint32_t cold)
{
    if (!small) {
        s_rr(q, compare_op(t), r, r);
        s_jcc(q, CC_P, cold);
        return;
    }
    /* Both are what the comparison calls equal. */
    s_const(q, PAND, X1, r, t == T_F64 ? K_ABS_F64 : K_ABS_F32);
    s_compare_const(q, compare_op(t), X1, t == T_F64 ? K_LEAST_F64 : K_LEAST_F32);
    s_jcc(q, CC_E, cold);
}

void s_arithmetic(struct steps *q, const struct ir_insn *in, unsigned r, const unsigned x[3])
{
    static const uint8_t fmas[] = {
        [0] = 0xb8, [1] = 0xbc, [2] = 0xba, [3] = 0xbe}; /* 231: madd, nmadd, msub, nmsub */
    const bool scalar = !ir_is_vector(in->type);
    const unsigned pp = scalar ? scalar_prefix(in->type) : packed_prefix(in->type);

    switch (in->op) {
    case IR_fsqrt:
        if (scalar) {
            s_three(q, OPC(pp, MAP_0F, 0x51), r, x[0], x[0]);
        } else {
            s_rr(q, OPC(pp, MAP_0F, 0x51), r, x[0]);
        }
        break;
    case IR_fma: /* the form that multiplies the first two */
        s_copy(q, r, x[2]);
        s_three(q, B38(fmas[in->aux & 3] | scalar) | W(is_f64(in->type)), r, x[0], x[1]);
        break;
    case IR_fadd:
        s_three(q, OPC(pp, MAP_0F, 0x58), r, x[0], x[1]);
        break;
    case IR_fsub:
        s_three(q, OPC(pp, MAP_0F, 0x5c), r, x[0], x[1]);
        break;
    case IR_fmul:
        s_three(q, OPC(pp, MAP_0F, 0x59), r, x[0], x[1]);
        break;
    default:
        s_three(q, OPC(pp, MAP_0F, 0x5e), r, x[0], x[1]);
        break;
    }
}

/* ---- cold: what NaNs become */

/* A short jump forwards, to where land() is called. */
static uint32_t jump_ahead(struct assembler *as, unsigned cc)
{
    emit_bytes(as, (const uint8_t[]){(uint8_t)(0x70 | cc), 0}, 2);
    return as->cold;
}

static void land(struct assembler *as, uint32_t jump_end)
{
    as->rw[jump_end - 1] = (uint8_t)(as->cold - jump_end);
}

static const struct fp_rules *rules_of(const struct compiler *c)
{
    return c->h->config.guest->fp_rules;
}

/* r = the default NaN */
static void default_nan(struct compiler *c, bool f64, unsigned r)
{
    const bool sign = rules_of(c)->default_nan_negative;
    struct assembler *as = &c->as;

    x_mov_imm(as, RAX,
              (f64 ? UINT64_C(0x7ff8000000000000) : 0x7fc00000) | (uint64_t)sign
                                                                      << (f64 ? 63 : 31));
    emit_rr(as, SSE_MOVD_TO_XMM | W(f64), r, RAX);
}

/*
 * Of operands the host propagates the first that is a NaN. Guests do so, but for those that prefer
 * a signalling second one to a quiet first one. The NaN of an invalid operation is the rules'
 * default. What remains, also the smallest normal number, is left to what is emitted next.
 */
static uint32_t nan_path(struct compiler *c, const struct ir_insn *in, const unsigned r_a_b[3],
                         uint32_t resume)
{
    struct assembler *as = &c->as;
    const bool f64 = in->type == T_F64;
    const opcode compare = compare_op(in->type);
    const unsigned r = r_a_b[0], a = r_a_b[1], b = r_a_b[2];

    as->to_cold = true;
    const uint32_t path = as->cold;
    emit_rr(as, compare, r, r);
    const uint32_t number = jump_ahead(as, CC_NP);
    if (in->imm & IR_FP_DN) {
        default_nan(c, f64, r);
        x_jmp(as, resume);
        land(as, number);
        as->to_cold = false;
        return path;
    }
    emit_rr(as, compare, a, b);
    const uint32_t generated = jump_ahead(as, CC_NP);
    if (rules_of(c)->nan_choice == FP_NAN_FIRST) {
        x_jmp(as, resume);
    }
    emit_rr(as, compare, b, b);
    x_jcc(as, CC_NP, resume);
    emit_rr(as, SSE_MOVD_FROM_XMM | W(f64), b, RAX);
    emit_x(as, OPC(0, MAP_0F, 0xba) | W(f64), 4, reg_operand(RAX), 1,
           f64 ? 51 : 22); /* bt: quiet */
    x_jcc(as, CC_B, resume);
    const uint32_t signalling = jump_ahead(as, CC_AE);
    land(as, generated);
    default_nan(c, f64, r);
    x_jmp(as, resume);
    land(as, number);
    land(as, signalling);
    as->to_cold = false;
    return path;
}

/*
 * ---- flushing to zero: by the host's unit as well (tcg/host/x86_64/fpenv_leaf.c). What it cannot
 * tell traps and is evaluated, so are NaNs, because a denormal operand beside one is flagged too.
 */

/* Raises what a denormal x raises, before an operation that would put something else first. */
static void s_touch(struct steps *q, ir_type t, unsigned x)
{
    s_rr(q, compare_op(t), x, x);
}

void emit_fdaz(struct compiler *c, const struct ir_insn *in)
{
    if (!is_flushing(in) || (ir_lane(in->type) != L_F32 && ir_lane(in->type) != L_F64)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const bool scalar = !ir_is_vector(in->type), f64 = is_f64(in->type);
    const unsigned pp = scalar ? scalar_prefix(in->type) : packed_prefix(in->type);
    struct steps q = {.c = c};

    if (is_half(in)) {
        emit_rr(&c->as, SSE_MOVQ_LOAD, dst, X0);
        s_rr(&q, MOVDDUP, X0, ra);
        s_const(&q, OPC(pp, MAP_0F, 0x59), X0, X0, f64 ? K_ONE_F64 : K_ONE_F32);
    } else { /* 1 times x is what x is as an operand */
        s_const(&q, OPC(pp, MAP_0F, 0x59), dst, ra, f64 ? K_ONE_F64 : K_ONE_F32);
    }
    steps_emit(&q);
}

/* The cold path for a result that is a NaN, or with small perhaps the smallest normal number. */
static uint32_t cold_result(struct compiler *c, const struct ir_insn *in, const unsigned r_a_b[3],
                            uint32_t *evaluate)
{
    const bool own_order = in->op == IR_fma || upper_swaps(c, in); /* of NaNs */
    const bool propagates = (!own_order && rules_of(c)->nan_choice != FP_NAN_GREATER) ||
                            in->imm & IR_FP_DN;
    const uint32_t resume = c->as.hot;
    const uint32_t nan = propagates && !is_flushing(in) ? nan_path(c, in, r_a_b, resume) : 0;

    *evaluate = cold_evaluate(c, in, r_a_b[0], resume);
    return nan ? nan : *evaluate;
}

void emit_fp(struct compiler *c, const struct ir_insn *in)
{
    if ((in->type != T_F64 && in->type != T_F32) || in->imm & FP_BUT_FLUSH ||
        (in->op == IR_fma && !c->h->fma)) {
        fallback(c, in);
        return;
    }
    const unsigned dst = def(c), ra = use(c, in->a, 0);
    const unsigned rb = in->b ? use(c, in->b, 0) : 0, rc = in->c ? use(c, in->c, 0) : 0;
    const bool small = in->op != IR_fadd && in->op != IR_fsub && in->op != IR_fsqrt &&
                       !rules_of(c)->tiny_after_rounding;
    const bool direct = c->h->avx && dst != ra && dst != rb && dst != rc && !c->cleared[c->i];
    const unsigned r = direct ? dst : X0;
    struct steps q = {.c = c};
    uint32_t evaluate;

    upper_move(c, in, dst, r);
    const uint32_t resume = c->as.hot;
    const uint32_t cold = cold_result(c, in, (const unsigned[]){r, ra, rb ? rb : ra}, &evaluate);
    if (is_flushing(in) && (in->op == IR_fsqrt || in->op == IR_fdiv)) {
        s_touch(&q, in->type, ra);
    }
    const bool swap = upper_swaps(c, in);
    s_arithmetic(&q, in, r, (const unsigned[]){swap ? rb : ra, swap ? ra : rb, rc});
    s_check(&q, in->type, r, small, cold);
    steps_emit(&q);
    if (is_flushing(in)) {
        trap_range(c, resume, evaluate);
    }
}

/* Flags of a comparison that somebody wants as a value: 0 or 1. */
void emit_fcmp(struct compiler *c, const struct ir_insn *in)
{
    if ((in->src != T_F64 && in->src != T_F32) || fp_is_special(c, in)) {
        fallback(c, in);
        return;
    }
    struct assembler *as = &c->as;
    const bool value_used = wanted(c);
    const unsigned dst = value_used ? def(c) : 0, ra = use(c, in->a, 0), rb = use(c, in->b, 0);
    const unsigned set = in->aux & 15;
    const opcode op = OPC(in->src == T_F64 ? PP_66 : PP_NONE, MAP_0F,
                          in->aux & IR_FCMP_SIGNALLING ? 0x2f : 0x2e);

    if (!value_used) {
        emit_rr(as, op, ra, rb); /* for the cumulative flags */
        return;
    }
    const bool swap = fp_predicate(in->aux) < 0;
    const int predicate = fp_predicate(swap ? fp_exchanged(in->aux) : in->aux);
    if (c->h->avx && predicate >= 0) {
        x_alu_imm(as, ALU_AND, false, reg_operand(dst), 1);
        emit_rr(as, SSE_MOVD_FROM_XMM, X0, dst);
        emit_v(as, OPC(scalar_prefix(in->src), MAP_0F, 0xc2), X0, swap ? rb : ra,
               reg_operand(swap ? ra : rb), 1, (uint64_t)predicate);
        return;
    }
    /* One bit a relation, as a number: unordered 8, less 1, equal 2, greater 4; then whether it is
     * in the set. */
    x_alu_imm(as, ALU_AND, false, reg_operand(dst), 1);
    emit_x(as, OPC(0, 0, 0xd3), SHIFT_SHR, reg_operand(dst), 0, 0);
    x_mov_imm(as, dst, set);
    x_cmov(as, CC_P, false, RCX, RAX);
    x_mov_imm(as, RAX, 3);
    x_cmov(as, CC_B, false, RCX, RAX);
    x_mov_imm(as, RAX, 0);
    x_cmov(as, CC_E, false, RCX, RAX);
    x_mov_imm(as, RAX, 1);
    x_mov_imm(as, RCX, 2);
    emit_rr(as, op, ra, rb);
}
