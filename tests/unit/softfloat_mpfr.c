/* SPDX-License-Identifier: MIT */
/*
 * base/softfloat.h against GNU MPFR: every rounding mode (also to odd and ties away, which hosts do
 * not have), tininess before and after rounding, flushed results, all formats. MPFR gives the
 * result truncated to 320 bits and whether that was exact; the reference below rounds it as Arm's
 * FPRoundBase says. Zeros' signs are checked too; infinities and NaNs are the other softfloat
 * tests' business.
 */
#include "base/softfloat.h"
#include "tests/test.h"
#include "tests/unit/softfloat_cases.h"

#if __has_include(<mpfr.h>)
#include <mpfr.h>

enum {
    PRECISION = 320
};

/* |exact result| is value, or a little more if sticky. */
struct exact {
    mpfr_t value;
    bool sticky;
};

static fp_bits ones(unsigned n)
{
    return n < 128 ? ((fp_bits)1 << n) - 1 : ~(fp_bits)0;
}

static void set_u128(mpfr_t x, u128 v)
{
    mpfr_set_ui_2exp(x, (uint64_t)(v >> 64), 64, MPFR_RNDZ);
    mpfr_add_ui(x, x, (uint64_t)v, MPFR_RNDZ);
}

static void to_mpfr(mpfr_t x, const struct fp_format *f, fp_bits a)
{
    fp_bits significand = a & ones(f->frac_bits + f->explicit_one);
    long biased = (long)(a >> (f->frac_bits + f->explicit_one) & ones(f->exp_bits));
    if (!biased) {
        biased = 1;
    } else if (!f->explicit_one) {
        significand += (fp_bits)1 << f->frac_bits;
    }
    set_u128(x, significand);
    mpfr_mul_2si(x, x, biased - f->bias - f->frac_bits, MPFR_RNDZ);
    mpfr_setsign(x, x, a >> (f->width - 1) & 1, MPFR_RNDZ);
}

/* Truncates m, 0 or more, to an integer and tells whether the mode asks for one more. */
static u128 split(mpfr_t m, bool sticky, bool negative, unsigned rounding, bool *up, bool *inexact)
{
    mpfr_t error;
    mpfr_init2(error, PRECISION + 64);
    u128 whole = 0;
    mpfr_set(error, m, MPFR_RNDZ);
    if (mpfr_cmp_ui_2exp(m, 1, 64) >= 0) {
        mpfr_div_2ui(error, m, 64, MPFR_RNDZ);
        uint64_t high = mpfr_get_ui(error, MPFR_RNDZ);
        whole = (u128)high << 64;
        mpfr_sub_ui(error, error, high, MPFR_RNDZ);
        mpfr_mul_2ui(error, error, 64, MPFR_RNDZ);
    }
    uint64_t low = mpfr_get_ui(error, MPFR_RNDZ);
    whole += low;
    mpfr_sub_ui(error, error, low, MPFR_RNDZ);
    int half = mpfr_cmp_d(error, 0.5);
    if (half == 0 && sticky) {
        half = 1;
    }
    *inexact = sticky || !mpfr_zero_p(error);
    *up = (rounding == FP_RNE && (half > 0 || (half == 0 && (whole & 1)))) ||
          (rounding == FP_RNA && half >= 0) || (rounding == FP_RUP && *inexact && !negative) ||
          (rounding == FP_RDN && *inexact && negative);
    mpfr_clear(error);
    return whole;
}

static fp_bits pack(const struct fp_format *f, fp_bits sign, fp_bits exp, fp_bits frac)
{
    if (f->explicit_one) {
        exp = exp << 1 | (exp != 0);
    }
    return sign | exp << f->frac_bits | frac;
}

/* FPRoundBase: the bits, and the flags it raises, of an exact value that is not 0. */
static fp_bits reference_round(const struct fp_format *f, const struct exact *x,
                               const struct fp_env *env, uint32_t *flags)
{
    bool ah = env->rules->tiny_after_rounding;
    bool flush = f->is_half ? env->flush_half : env->flush_outputs;
    bool negative = mpfr_signbit(x->value);
    fp_bits sign = (fp_bits)negative << (f->width - 1);
    long exponent = mpfr_get_exp(x->value) - 1;
    long minimum = 1 - f->bias;
    mpfr_t m;
    bool up, inexact, up_unbounded, inexact_unbounded;

    if (!ah && flush && exponent < minimum) {
        *flags |= FP_UNDERFLOW;
        return sign;
    }
    mpfr_init2(m, PRECISION);
    mpfr_abs(m, x->value, MPFR_RNDZ);
    mpfr_mul_2si(m, m, f->frac_bits - exponent, MPFR_RNDZ);
    u128 unbounded = split(m, x->sticky, negative, env->rounding, &up_unbounded,
                           &inexact_unbounded);
    long biased = exponent - minimum + 1 > 0 ? exponent - minimum + 1 : 0;
    if (biased == 0) {
        mpfr_mul_2si(m, m, exponent - minimum, MPFR_RNDZ);
    }
    u128 whole = split(m, x->sticky, negative, env->rounding, &up, &inexact);
    mpfr_clear(m);
    bool tiny = exponent < minimum;
    if (ah && exponent == minimum - 1 && unbounded + up_unbounded == (u128)2 << f->frac_bits) {
        tiny = false;
    }
    if (ah && tiny && flush) {
        *flags |= FP_UNDERFLOW | FP_INEXACT;
        return sign;
    }
    if (tiny && inexact) {
        *flags |= FP_UNDERFLOW;
    }
    whole += up;
    if (biased == 0 && whole == (u128)1 << f->frac_bits) {
        biased = 1;
    }
    if (whole == (u128)2 << f->frac_bits) {
        biased++;
        whole /= 2;
    }
    if (inexact && env->rounding == FP_ROD) {
        whole |= 1;
    }
    long top = (1L << f->exp_bits) - !f->no_specials;
    if (biased >= top) {
        bool infinity = env->rounding == FP_RNE || env->rounding == FP_RNA ||
                        (env->rounding == FP_RUP && !negative) ||
                        (env->rounding == FP_RDN && negative);
        *flags |= f->no_specials ? FP_INVALID : FP_OVERFLOW | FP_INEXACT;
        fp_bits top_exp = ones(f->exp_bits);
        return f->no_specials ? sign | ones(f->width - 1u)
               : infinity     ? pack(f, sign, top_exp, 0)
                              : pack(f, sign, top_exp - 1, ones(f->frac_bits));
    }
    *flags |= inexact ? FP_INEXACT : 0;
    return pack(f, sign, (fp_bits)biased, whole & ones(f->frac_bits));
}

enum operation {
    ADD,
    SUB,
    MUL,
    DIV,
    REM,
    SQRT,
    MULADD,
    OPERATIONS
};
static const char *const operation_name[OPERATIONS] = {"add", "sub",  "mul",   "div",
                                                       "rem", "sqrt", "muladd"};

static fp_bits soft(enum operation op, const struct fp_format *f, const fp_bits v[3],
                    struct fp_env *env)
{
    switch (op) {
    case ADD:
        return fp_add(f, v[0], v[1], env);
    case SUB:
        return fp_sub(f, v[0], v[1], env);
    case MUL:
        return fp_mul(f, v[0], v[1], env);
    case DIV:
        return fp_div(f, v[0], v[1], env);
    case REM:
        return fp_rem(f, v[0], v[1], env);
    case SQRT:
        return fp_sqrt(f, v[0], env);
    default:
        return fp_muladd(f, v[0], v[1], v[2], env);
    }
}

/* Numbers of the tests' lifetime, so that none is allocated for each case. */
struct numbers {
    unsigned compared; /* cases that were not skipped for an operand that is no number */
    mpfr_t a, b, c;
    struct exact result;
};

static void numbers_init(struct numbers *n)
{
    n->compared = 0;
    mpfr_inits2(PRECISION, n->a, n->b, n->c, n->result.value, (mpfr_ptr)0);
}

static void numbers_clear(struct numbers *n)
{
    mpfr_clears(n->a, n->b, n->c, n->result.value, (mpfr_ptr)0);
    mpfr_free_cache();
}

static void exact_result(enum operation op, struct numbers *n)
{
    int inexact;
    mpfr_ptr r = n->result.value;
    switch (op) {
    case ADD:
        inexact = mpfr_add(r, n->a, n->b, MPFR_RNDZ);
        break;
    case SUB:
        inexact = mpfr_sub(r, n->a, n->b, MPFR_RNDZ);
        break;
    case MUL:
        inexact = mpfr_mul(r, n->a, n->b, MPFR_RNDZ);
        break;
    case DIV:
        inexact = mpfr_div(r, n->a, n->b, MPFR_RNDZ);
        break;
    case REM:
        inexact = mpfr_remainder(r, n->a, n->b, MPFR_RNDZ);
        break;
    case SQRT:
        inexact = mpfr_sqrt(r, n->a, MPFR_RNDZ);
        break;
    default:
        inexact = mpfr_fma(r, n->a, n->b, n->c, MPFR_RNDZ);
    }
    n->result.sticky = inexact != 0;
}

/* The sign of a zero result: MPFR's for truncation, but exact cancellation gives -0 downwards. */
static fp_bits reference_zero(enum operation op, const struct fp_format *f, const struct numbers *n,
                              unsigned rounding)
{
    bool negative = mpfr_signbit(n->result.value);
    bool cancels = op == ADD || op == SUB || op == MULADD;
    if (cancels && rounding == FP_RDN) {
        bool first = mpfr_signbit(n->a), second = mpfr_signbit(n->b) != (op == SUB);
        bool zeros = mpfr_zero_p(n->a) && mpfr_zero_p(n->b);
        if (op == MULADD) {
            first = first != second;
            second = mpfr_signbit(n->c);
            zeros = (mpfr_zero_p(n->a) || mpfr_zero_p(n->b)) && mpfr_zero_p(n->c);
        }
        negative = !zeros || first || second;
    }
    return (fp_bits)negative << (f->width - 1);
}

/* An x87 pattern whose leading one does not fit its exponent. */
static bool unsupported(const struct fp_format *f, fp_bits a)
{
    bool exp = (a >> (f->frac_bits + f->explicit_one) & ones(f->exp_bits)) != 0;
    return f->explicit_one && exp != (a >> f->frac_bits & 1);
}

/* No number. */
static bool special(const struct fp_format *f, fp_bits a)
{
    if (unsupported(f, a)) {
        return true;
    }
    return !f->no_specials && (a & ones(f->width - 1u)) >= fp_infinity(f, false);
}

#define HEX "%#" PRIx64 "'%016" PRIx64
#define HEX_ARGS(v) (uint64_t)((v) >> 64), (uint64_t)(v)

static void check(enum operation op, const struct fp_format *f, const fp_bits v[3],
                  const struct fp_env *env, struct numbers *n)
{
    if (special(f, v[0]) || special(f, v[1]) || special(f, v[2])) {
        return;
    }
    to_mpfr(n->a, f, v[0]);
    to_mpfr(n->b, f, v[1]);
    to_mpfr(n->c, f, v[2]);
    if ((op == SQRT && mpfr_signbit(n->a)) || ((op == DIV || op == REM) && mpfr_zero_p(n->b))) {
        return;
    }
    exact_result(op, n);
    uint32_t flags = 0;
    fp_bits want = mpfr_zero_p(n->result.value) ? reference_zero(op, f, n, env->rounding)
                                                : reference_round(f, &n->result, env, &flags);
    struct fp_env e = *env;
    fp_bits got = soft(op, f, v, &e);
    n->compared++;
    e.flags &= ~(uint32_t)FP_DENORMAL;
    CHECK_MSG(got == want && e.flags == flags,
              "%s %s " HEX " " HEX " " HEX " rounding %u rules %s flush %d: " HEX
              " flags %#x, not " HEX " flags %#x",
              f->name, operation_name[op], HEX_ARGS(v[0]), HEX_ARGS(v[1]), HEX_ARGS(v[2]),
              env->rounding, env->rules->name, env->flush_outputs, HEX_ARGS(got), e.flags,
              HEX_ARGS(want), flags);
}

/* The case number's environment: all combinations of six modes, two rules, flushing (rarer) or not.
 */
static struct fp_env environment(unsigned n)
{
    bool flush = n / 12 % 4 == 3;
    return (struct fp_env){
        .rules = n / 6 % 2 ? &fp_rules_arm_ah : &fp_rules_arm,
        .rounding = (uint8_t)(n % 6),
        .flush_outputs = flush,
        .flush_half = false,
    };
}

static void operands(enum operation op, const struct fp_format *f, fp_bits v[3], struct rng *r)
{
    bool made = rng_below(r, 4) == 0;
    v[0] = case_operand(f, r);
    v[1] = case_partner(f, v[0], r);
    v[2] = op == MULADD ? case_addend(f, v[0], v[1], r) : 0;
    if (made && (op == DIV || op == REM)) {
        v[0] = case_multiple(f, v[1], r);
    } else if (op == SQRT) {
        v[0] = made ? case_square(f, r) : v[0] & ones(f->width - 1u);
        v[1] = 0;
    }
}

static void check_format(enum fp_format_id id, unsigned cases)
{
    const struct fp_format *f = &fp_formats[id];
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (enum operation op = 0; op < OPERATIONS; op++) {
        for (unsigned i = 0; i < cases * test_scale(); i++) {
            fp_bits v[3];
            struct fp_env env = environment(i);
            operands(op, f, v, &r);
            check(op, f, v, &env, &n);
        }
    }
    CHECK(n.compared > cases * test_scale() * OPERATIONS / 2);
    numbers_clear(&n);
}

TEST(binary16_arithmetic_equals_mpfr)
{
    check_format(FP_BINARY16, 250000);
}

TEST(bfloat16_arithmetic_equals_mpfr)
{
    check_format(FP_BFLOAT16, 250000);
}

TEST(binary32_arithmetic_equals_mpfr)
{
    check_format(FP_BINARY32, 250000);
}

TEST(binary64_arithmetic_equals_mpfr)
{
    check_format(FP_BINARY64, 250000);
}

TEST(x87_arithmetic_equals_mpfr)
{
    check_format(FP_X87, 250000);
}

TEST(binary128_arithmetic_equals_mpfr)
{
    check_format(FP_BINARY128, 250000);
}

/* Division's digits of 64 bits are guessed from the divisor's upper half: make that guess bad. */
TEST(binary128_quotients_of_awkward_divisors_equal_mpfr)
{
    const struct fp_format *f = &fp_formats[FP_BINARY128];
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (unsigned i = 0; i < 40000 * test_scale(); i++) {
        fp_bits low = (ones(49) << rng_below(&r, 4) & ones(49)) - rng_below(&r, 3);
        fp_bits b = case_pack(f, false, 16383, low | (fp_bits)rng_below(&r, 3) << 49);
        fp_bits q = case_pack(f, false, 16383, ones(112) << rng_below(&r, 112) | rng_below(&r, 4));
        struct fp_env env = environment(i);
        fp_bits a = case_nearby(f, fp_mul(f, b, q, &env), &r);
        env.flags = 0;
        check(i & 1 ? DIV : REM, f, (const fp_bits[]){a, b, 0}, &env, &n);
    }
    numbers_clear(&n);
}

/* FZ16 flushes operands as well, so results are checked of normal operands. */
TEST(binary16_flushed_results_equal_mpfr)
{
    const struct fp_format *f = &fp_formats[FP_BINARY16];
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (unsigned i = 0; i < 200000 * test_scale(); i++) {
        fp_bits v[3];
        struct fp_env env = environment(i % 12);
        enum operation op = i % OPERATIONS;
        env.flush_half = true;
        operands(op, f, v, &r);
        for (unsigned k = 0; k < 3; k++) {
            v[k] |= v[k] & 0x7c00 ? 0 : 0x400;
        }
        check(op, f, v, &env, &n);
    }
    numbers_clear(&n);
}

TEST(binary16_roots_equal_mpfr_exhaustively)
{
    struct numbers n;
    numbers_init(&n);
    for (unsigned i = 0; i < 12; i++) {
        struct fp_env env = environment(i);
        for (uint64_t a = 0; a < 0x7c00; a++) {
            check(SQRT, &fp_formats[FP_BINARY16], (const fp_bits[]){a, 0, 0}, &env, &n);
        }
    }
    numbers_clear(&n);
}

static void check_conversion(enum fp_format_id from, enum fp_format_id to, fp_bits a,
                             const struct fp_env *env, struct numbers *n)
{
    const struct fp_format *f = &fp_formats[from], *t = &fp_formats[to];
    if (special(f, a)) {
        return;
    }
    to_mpfr(n->result.value, f, a);
    n->result.sticky = false;
    uint32_t flags = 0;
    fp_bits want = mpfr_zero_p(n->result.value)
                       ? (fp_bits)mpfr_signbit(n->result.value) << (t->width - 1)
                       : reference_round(t, &n->result, env, &flags);
    struct fp_env e = *env;
    fp_bits got = fp_convert(f, t, a, &e);
    n->compared++;
    e.flags &= ~(uint32_t)FP_DENORMAL;
    CHECK_MSG(got == want && e.flags == flags,
              "%s " HEX " to %s rounding %u rules %s flush %d: " HEX " flags %#x, not " HEX
              " flags %#x",
              f->name, HEX_ARGS(a), t->name, env->rounding, env->rules->name, env->flush_outputs,
              HEX_ARGS(got), e.flags, HEX_ARGS(want), flags);
}

TEST(conversions_between_formats_equal_mpfr)
{
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (enum fp_format_id from = 0; from < FP_FORMATS; from++) {
        for (enum fp_format_id to = 0; to < FP_FORMATS; to++) {
            for (unsigned i = 0; i < 20000 * test_scale(); i++) {
                struct fp_env env = environment(i);
                check_conversion(from, to, case_operand(&fp_formats[from], &r), &env, &n);
            }
        }
    }
    CHECK(n.compared > 20000 * test_scale() * FP_FORMATS * FP_FORMATS / 2);
    numbers_clear(&n);
}

TEST(half_precision_widens_exhaustively)
{
    static const enum fp_format_id wide[] = {FP_BINARY32, FP_BINARY64, FP_BFLOAT16};
    static const enum fp_format_id half[] = {FP_BINARY16, FP_BINARY16_ALT, FP_BFLOAT16};
    struct numbers n;
    numbers_init(&n);
    struct fp_env env = environment(0);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 3; j++) {
            for (uint64_t a = 0; a < 0x10000; a++) {
                check_conversion(half[i], wide[j], a, &env, &n);
            }
        }
    }
    numbers_clear(&n);
}

/* FPToFixed and FPRoundInt: x scaled by 2^fraction, rounded to an integer; in *whole its magnitude.
 */
static bool reference_integer(mpfr_t x, unsigned rounding, uint64_t *whole, bool *inexact)
{
    bool up, negative = mpfr_signbit(x);
    mpfr_t m;
    mpfr_init2(m, PRECISION);
    mpfr_abs(m, x, MPFR_RNDZ);
    bool fits = mpfr_get_exp(m) <= 64 || mpfr_zero_p(m);
    if (fits) {
        u128 rounded = split(m, false, negative, rounding, &up, inexact);
        rounded += up;
        fits = !(rounded >> 64);
        *whole = (uint64_t)rounded;
    }
    mpfr_clear(m);
    return fits;
}

static void check_fixed(const struct fp_format *f, fp_bits a, struct fp_fixed as, unsigned rounding,
                        struct numbers *n)
{
    uint64_t whole = 0;
    bool inexact = false, negative = a >> (f->width - 1) & 1;
    bool fits = false;
    if (unsupported(f, a)) {
        return;
    }
    if (!special(f, a)) {
        to_mpfr(n->a, f, a);
        mpfr_mul_2si(n->a, n->a, as.fraction, MPFR_RNDZ);
        fits = reference_integer(n->a, rounding, &whole, &inexact);
    }
    uint64_t limit = as.is_signed ? (UINT64_C(1) << (as.width - 1)) - !negative
                     : negative   ? 0
                                  : mask64(as.width);
    uint32_t flags = inexact ? FP_INEXACT : 0;
    if (!fits || whole > limit) {
        whole = fp_is_nan(f, a) ? 0 : limit;
        flags = FP_INVALID;
    }
    uint64_t want = negative ? -whole : whole;
    struct fp_env env = {.rules = &fp_rules_arm};
    uint64_t got = fp_to_fixed(f, a, as, rounding, &env);
    CHECK_MSG(got == want && env.flags == flags,
              "%s " HEX " to %u bits, %u of fraction, rounding %u: %#" PRIx64
              " flags %#x, not %#" PRIx64 " flags %#x",
              f->name, HEX_ARGS(a), as.width, as.fraction, rounding, got, env.flags, want, flags);
}

static void check_rint(const struct fp_format *f, fp_bits a, unsigned rounding, struct numbers *n)
{
    bool up, inexact = false;
    if (special(f, a)) {
        return;
    }
    fp_bits want = a;
    to_mpfr(n->a, f, a);
    if (mpfr_zero_p(n->a) || mpfr_get_exp(n->a) < 120) { /* greater ones are integers */
        mpfr_abs(n->b, n->a, MPFR_RNDZ);
        u128 whole = split(n->b, false, mpfr_signbit(n->a), rounding, &up, &inexact);
        set_u128(n->result.value, whole + up);
        mpfr_setsign(n->result.value, n->result.value, mpfr_signbit(n->a), MPFR_RNDZ);
        n->result.sticky = false;
        struct fp_env exact = environment(0);
        uint32_t none = 0;
        want = whole + up > 0 ? reference_round(f, &n->result, &exact, &none)
                              : (fp_bits)mpfr_signbit(n->a) << (f->width - 1);
        CHECK(!none);
    }
    for (unsigned flagged = 0; flagged < 2; flagged++) {
        struct fp_env env = {.rules = &fp_rules_arm};
        fp_bits got = fp_round_to_int(f, a, rounding, flagged, &env);
        CHECK_MSG(got == want && env.flags == (flagged && inexact ? FP_INEXACT : 0),
                  "%s " HEX " to an integer, rounding %u: " HEX " flags %#x, not " HEX, f->name,
                  HEX_ARGS(a), rounding, HEX_ARGS(got), env.flags, HEX_ARGS(want));
    }
}

static const struct fp_fixed fixed_types[] = {
    {16, 0, true}, {16, 0, false},  {32, 0, true}, {32, 0, false},  {64, 0, true},  {64, 0, false},
    {16, 9, true}, {16, 16, false}, {32, 1, true}, {32, 32, false}, {64, 33, true}, {64, 64, false},
};

TEST(binary16_to_integers_equals_mpfr_exhaustively)
{
    struct numbers n;
    numbers_init(&n);
    for (uint64_t a = 0; a < 0x10000; a++) {
        unsigned rounding = FP_RNE;
        for (; rounding <= FP_RNA; rounding++) {
            check_rint(&fp_formats[FP_BINARY16], a, rounding, &n);
        }
        for (unsigned i = 0; i < array_len(fixed_types); i++) {
            check_fixed(&fp_formats[FP_BINARY16], a, fixed_types[i], (a + i) % 5, &n);
        }
    }
    numbers_clear(&n);
}

TEST(wider_formats_to_integers_equal_mpfr)
{
    static const enum fp_format_id formats[] = {FP_BINARY32, FP_BINARY64, FP_BFLOAT16, FP_X87,
                                                FP_BINARY128};
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (unsigned i = 0; i < 900000 * test_scale(); i++) {
        const struct fp_format *f = &fp_formats[formats[i % 5]];
        fp_bits a = case_operand(f, &r);
        check_rint(f, a, i / 5 % 5, &n);
        check_fixed(f, a, fixed_types[rng_below(&r, array_len(fixed_types))], i / 5 % 5, &n);
    }
    numbers_clear(&n);
}

TEST(integers_to_all_formats_equal_mpfr)
{
    struct numbers n;
    struct rng r;
    rng_seed(&r, test_seed());
    numbers_init(&n);
    for (unsigned i = 0; i < 400000 * test_scale(); i++) {
        const struct fp_format *f = &fp_formats[rng_below(&r, FP_FORMATS)];
        struct fp_fixed as = fixed_types[rng_below(&r, array_len(fixed_types))];
        uint64_t v = rng_u64(&r) >> rng_below(&r, 64);
        v = rng_u64(&r) & 1 ? v : -v;
        struct fp_env env = environment(i), e = env;
        if (as.is_signed) {
            mpfr_set_si(n.result.value, sext64(v, as.width), MPFR_RNDZ);
        } else {
            mpfr_set_ui(n.result.value, v & mask64(as.width), MPFR_RNDZ);
        }
        mpfr_div_2ui(n.result.value, n.result.value, as.fraction, MPFR_RNDZ);
        n.result.sticky = false;
        uint32_t flags = 0;
        fp_bits want = mpfr_zero_p(n.result.value) ? 0
                                                   : reference_round(f, &n.result, &env, &flags);
        fp_bits got = fp_from_fixed(f, v, as, &e);
        CHECK_MSG(got == want && e.flags == flags,
                  "%#" PRIx64 " of %u bits, %u of fraction, to %s rounding %u: " HEX
                  " flags %#x, not " HEX " flags %#x",
                  v, as.width, as.fraction, f->name, env.rounding, HEX_ARGS(got), e.flags,
                  HEX_ARGS(want), flags);
    }
    numbers_clear(&n);
}

#else

TEST(mpfr_comparison)
{
    SKIP("mpfr.h is not there (Debian: libmpfr-dev)");
}

#endif
