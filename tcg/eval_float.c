/* SPDX-License-Identifier: MIT */
/*
 * Evaluators of floating-point ops, on base/softfloat.h. Rounding is the environment's unless the
 * op's aux names a mode. What the IR_FP_ bits leave open the guest's rules (struct fp_rules)
 * decide.
 */
#include "base/softfloat.h"
#include "tcg/eval_lanes.h"

struct fp_env eval_fp_env(const struct ir_guest *guest, unsigned rounding, uint64_t fp)
{
    const bool fixed = fp & IR_FP_FIXED, fz = fixed || fp & IR_FP_FZ;
    const struct fp_rules *rules = fp & IR_FP_ALT ? guest->fp_rules_alternate : guest->fp_rules;

    return (struct fp_env){
        .rules = rules,
        .rounding = fixed ? FP_RNE : (uint8_t)rounding,
        .flush_inputs = fz && !rules->flush_apart ? FP_FLUSH_FLAGGED
                        : fp & IR_FP_FIZ          ? FP_FLUSH
                                                  : FP_KEEP,
        .flush_outputs = fz,
        .flush_half = fp & IR_FP_FZ16,
        .default_nan = fixed || fp & IR_FP_DN,
    };
}

#define EVALUATOR(name)                                                                            \
    void name(struct ir_eval *e, union ir_vec *d, const union ir_vec *a,                           \
              __attribute__((unused)) const union ir_vec *b,                                       \
              __attribute__((unused)) const union ir_vec *c)

static const struct fp_format *format_of(ir_type t)
{
    switch (ir_lane(t)) {
    case L_F16:
        return &fp_formats[FP_BINARY16];
    case L_BF16:
        return &fp_formats[FP_BFLOAT16];
    case L_F32:
        return &fp_formats[FP_BINARY32];
    default:
        assert(ir_lane(t) == L_F64);
        return &fp_formats[FP_BINARY64];
    }
}

static unsigned rounding_of(const struct ir_eval *e)
{
    const unsigned r = e->in->aux & 7;
    return r == IR_RDYN ? e->fp->rounding : r;
}

/* ---- arithmetic, lane by lane */

static void lanes1(struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                   fp_bits (*f)(const struct fp_format *, fp_bits, struct fp_env *))
{
    const struct fp_format *format = format_of(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, format->width, i,
                      (uint64_t)f(format, eval_lane(a, format->width, i), e->fp));
    }
    *d = r;
}

struct fp_lanes {
    fp_bits (*of)(const struct fp_format *, fp_bits, fp_bits, struct fp_env *);
};

static void lanes2(struct ir_eval *e, union ir_vec *d, const union ir_vec *a, const union ir_vec *b,
                   struct fp_lanes f)
{
    const struct fp_format *format = format_of(e->in->type);
    const unsigned w = format->width;
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, w, i,
                      (uint64_t)f.of(format, eval_lane(a, w, i), eval_lane(b, w, i), e->fp));
    }
    *d = r;
}

#define EVALUATE2(name, function)                                                                  \
    EVALUATOR(name)                                                                                \
    {                                                                                              \
        lanes2(e, d, a, b, (struct fp_lanes){function});                                           \
    }
EVALUATE2(eval_fadd, fp_add)
EVALUATE2(eval_fsub, fp_sub)
EVALUATE2(eval_fmul, fp_mul)
EVALUATE2(eval_fmul_extended, fp_mul_extended)
EVALUATE2(eval_fdiv, fp_div)
EVALUATE2(eval_fmin, fp_min)
EVALUATE2(eval_fmax, fp_max)
EVALUATE2(eval_fminnm, fp_minnum)
EVALUATE2(eval_fmaxnm, fp_maxnum)
#undef EVALUATE2

EVALUATOR(eval_fsqrt)
{
    lanes1(e, d, a, fp_sqrt);
}

static fp_bits as_operand(const struct fp_format *f, fp_bits a, struct fp_env *env)
{
    const fp_bits sign = a & (fp_bits)1 << (f->width - 1), magnitude = a ^ sign;
    const unsigned flush = !f->is_half ? env->flush_inputs : env->flush_half ? FP_FLUSH : FP_KEEP;

    if (fp_is_signaling(f, a)) {
        env->flags |= FP_INVALID;
        return a | (fp_bits)1 << (f->frac_bits - 1);
    }
    if (magnitude == 0 || magnitude >> f->frac_bits || flush == FP_KEEP) {
        return a;
    }
    env->flags |= flush == FP_FLUSH_FLAGGED ? FP_DENORMAL : 0;
    return sign;
}

EVALUATOR(eval_fdaz)
{
    lanes1(e, d, a, as_operand);
}

static fp_bits sign_of(const struct fp_format *f)
{
    return (fp_bits)1 << (f->width - 1);
}

/* fneg and fabs are PURE, so they have no environment but its constants. Each lane's sign becomes
 * `keep` of itself, then exclusive-or `flip`. */
static void change_signs(struct ir_eval *e, union ir_vec *d, const union ir_vec *a, bool keep,
                         bool flip)
{
    const struct fp_format *f = format_of(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        fp_bits x = eval_lane(a, f->width, i);
        if (!(e->in->imm & IR_FP_ALT) || !fp_is_nan(f, x)) {
            x = keep ? x : x & ~sign_of(f);
            x ^= flip ? sign_of(f) : 0;
        }
        eval_set_lane(&r, f->width, i, (uint64_t)x);
    }
    *d = r;
}

EVALUATOR(eval_fneg)
{
    change_signs(e, d, a, true, true);
}

EVALUATOR(eval_fabs)
{
    change_signs(e, d, a, false, false);
}

static fp_bits negated(const struct fp_format *f, fp_bits a, const struct fp_env *env)
{
    return env->rules->nan_signs_stay && fp_is_nan(f, a) ? a : a ^ sign_of(f);
}

EVALUATOR(eval_fma)
{
    const struct fp_format *f = format_of(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        fp_bits x = eval_lane(a, f->width, i), z = eval_lane(c, f->width, i);
        if (e->in->aux & 1) {
            x = negated(f, x, e->fp);
        }
        if (e->in->aux & 2) {
            z = negated(f, z, e->fp);
        }
        eval_set_lane(&r, f->width, i,
                      (uint64_t)fp_muladd(f, x, eval_lane(b, f->width, i), z, e->fp));
    }
    *d = r;
}

/* ---- comparisons */

static unsigned relation(struct ir_eval *e, ir_type t, uint64_t a, uint64_t b, bool signalling)
{
    switch (fp_compare(format_of(t), a, b, signalling, e->fp)) {
    case FP_LESS:
        return IR_FLT;
    case FP_EQUAL:
        return IR_FEQ;
    case FP_GREATER:
        return IR_FGT;
    default:
        return IR_FUN;
    }
}

EVALUATOR(eval_fcmp)
{
    const bool signalling = e->in->aux & IR_FCMP_SIGNALLING;
    const unsigned r = relation(e, e->in->src, a->u64[0], b->u64[0], signalling);

    *d = (union ir_vec){.u64 = {r & e->in->aux ? 1 : 0, 0}};
}

EVALUATOR(eval_vfcmp)
{
    const unsigned w = ir_lane_bits(e->in->type);
    const bool signalling = e->in->aux & IR_FCMP_SIGNALLING;
    union ir_vec result = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        const unsigned r = relation(e, e->in->type, eval_lane(a, w, i), eval_lane(b, w, i),
                                    signalling);
        eval_set_lane(&result, w, i, r & e->in->aux ? mask64(w) : 0);
    }
    *d = result;
}

EVALUATOR(eval_flags_fcmp)
{
    const bool zpc = e->in->aux & IR_FLAGS_FCMP_ZPC;
    unsigned flags = 0;

    switch (relation(e, e->in->src, a->u64[0], b->u64[0], e->in->aux & IR_FLAGS_FCMP_SIGNALLING)) {
    case IR_FLT:
        flags = zpc ? IR_FLAG_C : IR_FLAG_N | IR_FLAG_C;
        break;
    case IR_FEQ:
        flags = IR_FLAG_Z;
        break;
    case IR_FUN:
        flags = zpc ? IR_FLAG_Z | IR_FLAG_P | IR_FLAG_C : IR_FLAG_V;
        break;
    default:
        break;
    }
    *d = (union ir_vec){.u64 = {flags, 0}};
}

/* ---- conversions */

/* The format of a conversion's end: half precision may be without infinities and NaNs. */
static const struct fp_format *conversion_format(const struct ir_eval *e, ir_type t)
{
    if (ir_lane(t) == L_F16 && e->in->imm & IR_FP_ALT_HALF) {
        return &fp_formats[FP_BINARY16_ALT];
    }
    return format_of(t);
}

EVALUATOR(eval_fcvt)
{
    uint64_t r;

    if (e->in->type == T_BF16 && e->in->src == T_F32) {
        r = fp_to_bfloat16(a->u32[0], e->fp);
    } else {
        r = (uint64_t)fp_convert(conversion_format(e, e->in->src),
                                 conversion_format(e, e->in->type), a->u64[0], e->fp);
    }
    *d = (union ir_vec){.u64 = {r, 0}};
}

EVALUATOR(eval_frint)
{
    const struct fp_format *f = format_of(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        const fp_bits x = eval_lane(a, f->width, i);
        eval_set_lane(
            &r, f->width, i,
            (uint64_t)fp_round_to_int(f, x, rounding_of(e), e->in->aux & IR_FRINT_EXACT, e->fp));
    }
    *d = r;
}

static struct fp_fixed fixed_of(const struct ir_eval *e, unsigned w, unsigned unsigned_bit)
{
    return (struct fp_fixed){.width = (uint8_t)w,
                             .fraction = (uint8_t)(e->in->aux >> 8),
                             .is_signed = !(e->in->aux & unsigned_bit)};
}

EVALUATOR(eval_ftoi)
{
    const unsigned w = ir_lane_bits(e->in->type);
    uint64_t r;

    if (e->in->aux & IR_FTOI_MODULAR) {
        bool exact;
        r = fp_to_modular(a->u64[0], &exact, e->fp);
    } else {
        r = fp_to_fixed(format_of(e->in->src), a->u64[0], fixed_of(e, w, IR_FTOI_UNSIGNED),
                        rounding_of(e), e->fp);
    }
    *d = (union ir_vec){.u64 = {r & mask64(w), 0}};
}

EVALUATOR(eval_itof)
{
    const struct fp_fixed as = fixed_of(e, ir_lane_bits(e->in->src), IR_ITOF_UNSIGNED);

    *d = (union ir_vec){
        .u64 = {(uint64_t)fp_from_fixed(format_of(e->in->type), a->u64[0], as, e->fp), 0}};
}

EVALUATOR(eval_vftoi)
{
    const struct fp_format *f = format_of(e->in->type);
    const struct fp_fixed as = fixed_of(e, f->width, IR_FTOI_UNSIGNED);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, f->width, i,
                      fp_to_fixed(f, eval_lane(a, f->width, i), as, rounding_of(e), e->fp));
    }
    *d = r;
}

EVALUATOR(eval_vitof)
{
    const struct fp_format *f = format_of(e->in->type);
    const struct fp_fixed as = fixed_of(e, f->width, IR_ITOF_UNSIGNED);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, f->width, i,
                      (uint64_t)fp_from_fixed(f, eval_lane(a, f->width, i), as, e->fp));
    }
    *d = r;
}
