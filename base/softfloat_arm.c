/* SPDX-License-Identifier: MIT */
/*
 * Arm's own floating-point operations; see softfloat_arm.h.
 */
#include "base/softfloat_arm.h"
#include "base/softfloat_core.h"

enum fpcr_bit {
    FPCR_FIZ = 0,
    FPCR_AH = 1,
    FPCR_FZ16 = 19,
    FPCR_RMODE = 22, /* 2 bits */
    FPCR_FZ = 24,
    FPCR_DN = 25,
    FPCR_AHP = 26,
};

static const struct fp_format *const binary32 = &fp_formats[FP_BINARY32];

struct fp_env fp_arm_env(uint64_t fpcr)
{
    bool ah = bit(fpcr, FPCR_AH);
    bool fz = bit(fpcr, FPCR_FZ);
    return (struct fp_env){
        .rules = ah ? &fp_rules_arm_ah : &fp_rules_arm,
        .rounding = (uint8_t)bits64(fpcr, FPCR_RMODE + 1, FPCR_RMODE),
        /* FPUnpackBase: FZ flushes operands only without AH, FIZ does so silently. */
        .flush_inputs = fz && !ah             ? FP_FLUSH_FLAGGED
                        : bit(fpcr, FPCR_FIZ) ? FP_FLUSH
                                              : FP_KEEP,
        .flush_outputs = fz,
        .flush_half = bit(fpcr, FPCR_FZ16),
        .default_nan = bit(fpcr, FPCR_DN),
    };
}

const struct fp_format *fp_arm_half(uint64_t fpcr)
{
    return &fp_formats[bit(fpcr, FPCR_AHP) ? FP_BINARY16_ALT : FP_BINARY16];
}

/*
 * With AH the estimates, the steps and the BFloat16 conversions round to nearest, flush denormals
 * of binary32 and binary64, and raise nothing: they work in a copy of the environment.
 */
static struct fp_env quiet_with_ah(const struct fp_env *env)
{
    struct fp_env e = *env;
    if (fp_arm_ah(env)) {
        e.rounding = FP_RNE;
        e.flush_inputs = FP_FLUSH;
        e.flush_outputs = true;
    }
    return e;
}

static void keep_flags(struct fp_env *env, const struct fp_env *used)
{
    if (!fp_arm_ah(env)) {
        env->flags = used->flags;
    }
}

static fp_bits sign_of(const struct fp_format *f)
{
    return (fp_bits)1 << (f->width - 1);
}

fp_bits fp_arm_neg(const struct fp_format *f, fp_bits a, const struct fp_env *env)
{
    return fp_arm_ah(env) && fp_is_nan(f, a) ? a : a ^ sign_of(f);
}

fp_bits fp_arm_abs(const struct fp_format *f, fp_bits a, const struct fp_env *env)
{
    return fp_arm_ah(env) && fp_is_nan(f, a) ? a : a & ~sign_of(f);
}

/* (2 + fraction) * 2^-1 ... for 1.5 and 2: sig has the leading bits 10 or 11 */
static struct fp_num constant(bool sign, int32_t exp, unsigned top2)
{
    return (struct fp_num){.sig = (u128)top2 << 126, .exp = exp, .kind = FP_FINITE, .sign = sign};
}

/* RecipEstimate: a is a fraction in [1/2, 1) of 9 bits (12 if fine), the result one in [1, 2) */
static unsigned recip_estimate(unsigned a, bool fine)
{
    unsigned reciprocal = (1u << (fine ? 26 : 19)) / (2 * a + 1);
    return (reciprocal + 1) / 2;
}

/* RecipSqrtEstimate: a is a fraction in [1/4, 1) of 9 bits (12 if fine), the result one in [1, 2)
 */
static unsigned rsqrt_estimate(unsigned a, bool fine)
{
    bool below_half = a < (fine ? 2048 : 256);
    uint64_t w = below_half ? 2 * a + 1 : 2 * (a | 1);
    unsigned b = 0; /* the greatest with w*b*b < limit */
    uint64_t limit = UINT64_C(1) << (fine ? 39 : 28);
    for (unsigned step = fine ? 8192 : 512; step; step >>= 1) {
        uint64_t try = b + step;
        if (w * try * try < limit) {
            b += step;
        }
    }
    return (b + 1) / 2;
}

uint32_t fp_arm_urecpe(uint32_t a)
{
    return a >> 31 ? recip_estimate(a >> 23, false) << 23 : UINT32_MAX;
}

uint32_t fp_arm_ursqrte(uint32_t a)
{
    return a >> 30 ? rsqrt_estimate(a >> 23, false) << 23 : UINT32_MAX;
}

static bool flushes_results(const struct fp_format *f, const struct fp_env *env)
{
    return f->is_half ? env->flush_half : env->flush_outputs;
}

/* The reciprocal of a finite number. */
static fp_bits recpe_finite(const struct fp_format *f, const struct fp_num *n, bool fine,
                            struct fp_env *env)
{
    fp_bits sign = n->sign ? sign_of(f) : 0;
    if (n->exp < -(f->bias + 1)) {
        struct fp_num huge = constant(n->sign, f->bias + 1, 2);
        return fp_round(f, &huge, env->rounding, env);
    }
    if (flushes_results(f, env) && n->exp >= f->bias - 1) {
        env->flags |= FP_UNDERFLOW;
        return sign;
    }
    unsigned bits = fine ? 12 : 8;
    unsigned scaled = (unsigned)(n->sig >> (127 - (fine ? 11 : 8)));
    fp_bits r = (fp_bits)recip_estimate(scaled, fine) << (f->frac_bits - bits);
    int32_t biased = f->bias - 1 - n->exp;
    return sign | (biased < 1 ? r >> (1 - biased) : r + ((fp_bits)(biased - 1) << f->frac_bits));
}

fp_bits fp_arm_recpe(const struct fp_format *f, fp_bits a, bool fine, struct fp_env *env)
{
    struct fp_env e = quiet_with_ah(env);
    struct fp_num n = fp_unpack(f, a, &e);
    fp_bits r;
    if (fp_kind_is_nan(&n)) {
        r = fp_propagate(f, &n, &e);
    } else if (n.kind == FP_INFINITE) {
        r = n.sign ? sign_of(f) : 0;
    } else if (n.kind == FP_ZERO) {
        e.flags |= FP_DIVZERO;
        r = fp_infinity(f, n.sign);
    } else {
        r = recpe_finite(f, &n, fine, &e);
    }
    keep_flags(env, &e);
    return r;
}

/* The reciprocal square root of a positive finite number. */
static fp_bits rsqrte_finite(const struct fp_format *f, const struct fp_num *n, bool fine)
{
    unsigned bits = fine ? 12 : 8;
    int32_t biased = n->exp + f->bias;
    unsigned scaled = (unsigned)(n->sig >> (127 - (fine ? 11 : 8) + (biased & 1)));
    fp_bits r = (fp_bits)rsqrt_estimate(scaled, fine) << (f->frac_bits - bits);
    int32_t result = (3 * f->bias - 1 - biased) / 2;
    return r + ((fp_bits)(result - 1) << f->frac_bits);
}

fp_bits fp_arm_rsqrte(const struct fp_format *f, fp_bits a, bool fine, struct fp_env *env)
{
    struct fp_env e = quiet_with_ah(env);
    struct fp_num n = fp_unpack(f, a, &e);
    fp_bits r = 0;
    if (fp_kind_is_nan(&n)) {
        r = fp_propagate(f, &n, &e);
    } else if (n.kind == FP_ZERO) {
        e.flags |= FP_DIVZERO;
        r = fp_infinity(f, n.sign);
    } else if (n.sign) {
        r = fp_invalid(f, &e);
    } else if (n.kind == FP_FINITE) {
        r = rsqrte_finite(f, &n, fine);
    }
    keep_flags(env, &e);
    return r;
}

/* (addend - a*b) / 2^halvings, where infinity times zero counts as 0 */
static fp_bits step(const struct fp_format *f, const fp_bits operands[2], struct fp_num addend,
                    int32_t halvings, struct fp_env *env)
{
    struct fp_env e = quiet_with_ah(env);
    struct fp_num a = fp_unpack(f, fp_arm_neg(f, operands[0], env), &e);
    struct fp_num b = fp_unpack(f, operands[1], &e);
    fp_bits r;
    if (fp_kind_is_nan(&a) || fp_kind_is_nan(&b)) {
        struct fp_num n = fp_choose_nan(&a, &b, e.rules);
        r = fp_propagate(f, &n, &e);
    } else {
        struct fp_num sum = addend;
        if (!fp_infinity_times_zero(&a, &b)) {
            u128 low;
            struct fp_num p = fp_product(&a, &b, &low);
            sum = fp_sum(&p, low, &addend, e.rounding);
        }
        sum.exp -= halvings;
        r = fp_round(f, &sum, e.rounding, &e);
    }
    keep_flags(env, &e);
    return r;
}

fp_bits fp_arm_recps(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return step(f, (const fp_bits[]){a, b}, constant(false, 1, 2), 0, env); /* 2 */
}

fp_bits fp_arm_rsqrts(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env)
{
    return step(f, (const fp_bits[]){a, b}, constant(false, 1, 3), 1, env); /* 3 */
}

fp_bits fp_arm_recpx(const struct fp_format *f, fp_bits a, struct fp_env *env)
{
    struct fp_env e = quiet_with_ah(env);
    struct fp_num n = fp_unpack(f, a, &e);
    fp_bits r;
    if (fp_kind_is_nan(&n)) {
        r = fp_propagate(f, &n, &e);
    } else {
        fp_bits exp = fp_infinity(f, false); /* all ones */
        fp_bits one = (fp_bits)1 << f->frac_bits;
        r = (a & sign_of(f)) | (a & exp ? ~a & exp : exp - one);
    }
    keep_flags(env, &e);
    return r;
}

fp_bits fp_arm_rint_range(const struct fp_format *f, fp_bits a, unsigned bits, unsigned rounding,
                          struct fp_env *env)
{
    struct fp_env e = *env;
    struct fp_num n = fp_unpack(f, a, &e);
    fp_bits r = 0;
    bool inside = !fp_kind_is_nan(&n) && n.kind != FP_INFINITE;
    if (inside) {
        r = fp_round_to_int(f, a, rounding, true, &e);
        n = fp_unpack(f, r, &e);
        int32_t top = (int32_t)bits - 1;
        bool least = n.sign && n.exp == top && n.sig == (u128)1 << 127;
        inside = n.kind == FP_ZERO || n.exp < top || least;
    }
    if (inside) {
        env->flags = e.flags;
        return r;
    }
    env->flags |= FP_INVALID;
    struct fp_num least = constant(true, (int32_t)bits - 1, 2);
    return fp_round(f, &least, FP_RTZ, env);
}

uint32_t fp_arm_bfmlal(uint32_t addend, uint16_t a, uint16_t b, struct fp_env *env)
{
    struct fp_env e = quiet_with_ah(env);
    uint32_t r = f32_muladd((uint32_t)a << 16, (uint32_t)b << 16, addend, &e);
    keep_flags(env, &e);
    return r;
}

/* BFRound: to odd, denormals flushed, but an overflow is an infinity. */
static uint32_t odd_or_infinity(uint32_t r, const struct fp_env *env)
{
    return env->flags & FP_OVERFLOW ? (uint32_t)fp_infinity(binary32, r >> 31) : r;
}

/* Whatever FPCR says, but for the sign of the default NaN. */
static struct fp_env bfdot_env(const struct fp_env *env)
{
    return (struct fp_env){
        .rules = env->rules,
        .rounding = FP_ROD,
        .flush_inputs = FP_FLUSH,
        .flush_outputs = true,
        .default_nan = true,
    };
}

static uint32_t bf_mul(uint16_t a, uint16_t b, const struct fp_env *env)
{
    struct fp_env e = bfdot_env(env);
    uint32_t r = f32_mul((uint32_t)a << 16, (uint32_t)b << 16, &e);
    return odd_or_infinity(r, &e);
}

static uint32_t bf_add(uint32_t a, uint32_t b, const struct fp_env *env)
{
    struct fp_env e = bfdot_env(env);
    uint32_t r = f32_add(a, b, &e);
    return odd_or_infinity(r, &e);
}

uint32_t fp_arm_bfdot(uint32_t addend, const uint16_t a[2], const uint16_t b[2],
                      const struct fp_env *env)
{
    return bf_add(addend, bf_add(bf_mul(a[0], b[0], env), bf_mul(a[1], b[1], env), env), env);
}

static uint64_t f64_of_bf(uint16_t a, const struct fp_env *env)
{
    struct fp_env e = *env;
    return f32_to_f64((uint32_t)a << 16, &e);
}

/*
 * a[0]*b[0] + a[1]*b[1], rounded once (FPDot). In binary64 products of BFloat16 are exact; their
 * sum, rounded to odd, has bits enough to be rounded again.
 */
static uint32_t bf_dot(const uint16_t a[2], const uint16_t b[2], const struct fp_env *env)
{
    struct fp_env odd = *env, last = *env;
    odd.rounding = FP_ROD;
    odd.flush_outputs = false;
    const uint64_t product = f64_mul(f64_of_bf(a[0], env), f64_of_bf(b[0], env), &odd);
    const uint64_t x = f64_of_bf(a[1], env), y = f64_of_bf(b[1], env);
    uint64_t sum = f64_muladd(x, y, product, &odd);
    if (sum << 1 == 0) {
        odd.rounding = env->rounding; /* which decides about the sign of an exact zero */
        sum = f64_muladd(x, y, product, &odd);
    }
    return f64_to_f32(sum, &last);
}

uint32_t fp_arm_bfdot_ebf(uint32_t addend, const uint16_t a[2], const uint16_t b[2],
                          const struct fp_env *env)
{
    struct fp_env e = *env;
    e.default_nan = true;
    const uint32_t sum = bf_dot(a, b, &e);
    return f32_add(addend, sum, &e);
}

typedef uint32_t bfdot_fn(uint32_t addend, const uint16_t a[2], const uint16_t b[2],
                          const struct fp_env *env);

static void bfmmla(uint32_t sum[4], const uint16_t a[8], const uint16_t b[8],
                   const struct fp_env *env, bfdot_fn *dot)
{
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 2; j++) {
            for (unsigned k = 0; k < 4; k += 2) {
                sum[2 * i + j] = dot(sum[2 * i + j], &a[4 * i + k], &b[4 * j + k], env);
            }
        }
    }
}

void fp_arm_bfmmla(uint32_t sum[4], const uint16_t a[8], const uint16_t b[8],
                   const struct fp_env *env)
{
    bfmmla(sum, a, b, env, fp_arm_bfdot);
}

void fp_arm_bfmmla_ebf(uint32_t sum[4], const uint16_t a[8], const uint16_t b[8],
                       const struct fp_env *env)
{
    bfmmla(sum, a, b, env, fp_arm_bfdot_ebf);
}

uint32_t fp_arm_fmlal(uint32_t addend, uint16_t a, uint16_t b, struct fp_env *env)
{
    return (uint32_t)fp_muladd_from(&fp_formats[FP_BINARY16], binary32,
                                    (const fp_bits[]){a, b, addend}, env);
}
