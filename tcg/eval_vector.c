/* SPDX-License-Identifier: MIT */
/*
 * Evaluators of integer vector ops that work lane by lane or across lanes: saturation, halving,
 * shifts by a register, products, reductions, narrowing. Those that move lanes: eval_permute.c.
 */
#include "tcg/eval_lanes.h"

#define EVALUATOR(name)                                                                            \
    void name(struct ir_eval *e, union ir_vec *d, const union ir_vec *a,                           \
              __attribute__((unused)) const union ir_vec *b,                                       \
              __attribute__((unused)) const union ir_vec *c)

/* ---- two operands, lane by lane; the functions get lanes sign- or zero-extended */

static int64_t smallest(unsigned w)
{
    return (int64_t)(~UINT64_C(0) << (w - 1));
}

static int64_t largest(unsigned w)
{
    return (int64_t)mask64(w - 1);
}

/* What an op does with one lane of each operand, and of how many bits. */
struct signed_lanes {
    uint64_t (*of)(int64_t, int64_t, unsigned);
};
struct unsigned_lanes {
    uint64_t (*of)(uint64_t, uint64_t, unsigned);
};

static void lanes_signed(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                         const union ir_vec *b, struct signed_lanes f)
{
    const unsigned w = ir_lane_bits(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        const uint64_t x = f.of(eval_signed_lane(a, w, i), eval_signed_lane(b, w, i), w);
        eval_set_lane(&r, w, i, x & mask64(w));
    }
    *d = r;
}

static void lanes_unsigned(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                           const union ir_vec *b, struct unsigned_lanes f)
{
    const unsigned w = ir_lane_bits(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, w, i, f.of(eval_lane(a, w, i), eval_lane(b, w, i), w) & mask64(w));
    }
    *d = r;
}

static uint64_t saturate_signed(s128 x, unsigned w)
{
    return (uint64_t)(x < smallest(w) ? smallest(w) : x > largest(w) ? largest(w) : (int64_t)x);
}

static uint64_t saturate_unsigned(s128 x, unsigned w)
{
    return x < 0 ? 0 : x > (s128)mask64(w) ? mask64(w) : (uint64_t)x;
}

static uint64_t ssadd(int64_t a, int64_t b, unsigned w)
{
    return saturate_signed((s128)a + b, w);
}

static uint64_t usadd(uint64_t a, uint64_t b, unsigned w)
{
    return saturate_unsigned((s128)a + b, w);
}

static uint64_t sssub(int64_t a, int64_t b, unsigned w)
{
    return saturate_signed((s128)a - b, w);
}

static uint64_t ussub(uint64_t a, uint64_t b, unsigned w)
{
    return saturate_unsigned((s128)a - b, w);
}

static uint64_t shadd(int64_t a, int64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((s128)a + b) >> 1);
}

static uint64_t uhadd(uint64_t a, uint64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((u128)a + b) >> 1);
}

static uint64_t srhadd(int64_t a, int64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((s128)a + b + 1) >> 1);
}

static uint64_t urhadd(uint64_t a, uint64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((u128)a + b + 1) >> 1);
}

static uint64_t shsub(int64_t a, int64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((s128)a - b) >> 1);
}

static uint64_t uhsub(uint64_t a, uint64_t b, __attribute__((unused)) unsigned w)
{
    return (uint64_t)(((s128)a - (s128)b) >> 1);
}

static uint64_t sdmulh(int64_t a, int64_t b, unsigned w)
{
    return saturate_signed((s128)a * b >> (w - 1), w);
}

static uint64_t srdmulh(int64_t a, int64_t b, unsigned w)
{
    return saturate_signed((((s128)a * b >> (w - 2)) + 1) >> 1, w);
}

static uint64_t sabd(int64_t a, int64_t b, __attribute__((unused)) unsigned w)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static uint64_t uabd(uint64_t a, uint64_t b, __attribute__((unused)) unsigned w)
{
    return a > b ? a - b : b - a;
}

static uint64_t sshl(int64_t a, int64_t b, unsigned w)
{
    const int n = (int8_t)b;

    if (n >= 0) {
        return (unsigned)n >= w ? 0 : (uint64_t)a << n;
    }
    return (uint64_t)(a >> (-n >= (int)w ? (int)w - 1 : -n));
}

static uint64_t ushl(uint64_t a, uint64_t b, unsigned w)
{
    const int n = (int8_t)b;

    if (n >= (int)w || -n >= (int)w) {
        return 0;
    }
    return n >= 0 ? a << n : a >> -n;
}

static uint64_t test_bits(uint64_t a, uint64_t b, unsigned w)
{
    return a & b ? mask64(w) : 0;
}

#define EVALUATE_SIGNED(name, function)                                                            \
    EVALUATOR(name)                                                                                \
    {                                                                                              \
        lanes_signed(e, d, a, b, (struct signed_lanes){function});                                 \
    }
#define EVALUATE_UNSIGNED(name, function)                                                          \
    EVALUATOR(name)                                                                                \
    {                                                                                              \
        lanes_unsigned(e, d, a, b, (struct unsigned_lanes){function});                             \
    }
EVALUATE_SIGNED(eval_ssadd, ssadd)
EVALUATE_UNSIGNED(eval_usadd, usadd)
EVALUATE_SIGNED(eval_sssub, sssub)
EVALUATE_UNSIGNED(eval_ussub, ussub)
EVALUATE_SIGNED(eval_shadd, shadd)
EVALUATE_UNSIGNED(eval_uhadd, uhadd)
EVALUATE_SIGNED(eval_srhadd, srhadd)
EVALUATE_UNSIGNED(eval_urhadd, urhadd)
EVALUATE_SIGNED(eval_shsub, shsub)
EVALUATE_UNSIGNED(eval_uhsub, uhsub)
EVALUATE_SIGNED(eval_sdmulh, sdmulh)
EVALUATE_SIGNED(eval_srdmulh, srdmulh)
EVALUATE_SIGNED(eval_sabd, sabd)
EVALUATE_UNSIGNED(eval_uabd, uabd)
EVALUATE_SIGNED(eval_sshl, sshl)
EVALUATE_UNSIGNED(eval_ushl, ushl)
EVALUATE_UNSIGNED(eval_vtst, test_bits)
#undef EVALUATE_SIGNED
#undef EVALUATE_UNSIGNED

EVALUATOR(eval_vcmp)
{
    const unsigned w = ir_lane_bits(e->in->type);
    const struct ir_insn compare = {
        .op = IR_cmp, .type = T_I32, .src = (ir_type)ir_lane(e->in->type), .aux = e->in->aux};
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        const bool holds = ir_eval_scalar(&compare, eval_lane(a, w, i), eval_lane(b, w, i), 0);
        eval_set_lane(&r, w, i, holds ? mask64(w) : 0);
    }
    *d = r;
}

EVALUATOR(eval_bsel)
{
    (void)e;
    for (unsigned i = 0; i < 2; i++) {
        d->u64[i] = (a->u64[i] & b->u64[i]) | (~a->u64[i] & c->u64[i]);
    }
}

/* ---- sums and extremes across lanes */

EVALUATOR(eval_vpadd)
{
    const unsigned w = ir_lane_bits(e->in->type), half = ir_lane_count(e->in->type) / 2;
    union ir_vec r;

    for (unsigned i = 0; i < half; i++) {
        eval_set_lane(&r, w, i, eval_lane(a, w, 2 * i) + eval_lane(a, w, 2 * i + 1));
        eval_set_lane(&r, w, half + i, eval_lane(b, w, 2 * i) + eval_lane(b, w, 2 * i + 1));
    }
    *d = r;
}

EVALUATOR(eval_vaddv)
{
    const unsigned w = ir_lane_bits(e->in->type);
    uint64_t sum = 0;

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        sum += eval_lane(a, w, i);
    }
    *d = (union ir_vec){.u64 = {sum & mask64(w), 0}};
}

static void extreme(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a, enum ir_op op)
{
    const unsigned w = ir_lane_bits(e->in->type);
    const struct ir_insn pick = {.op = (uint16_t)op, .type = (ir_type)ir_lane(e->in->type)};
    uint64_t best = eval_lane(a, w, 0);

    for (unsigned i = 1; i < ir_lane_count(e->in->type); i++) {
        best = ir_eval_scalar(&pick, best, eval_lane(a, w, i), 0);
    }
    *d = (union ir_vec){.u64 = {best, 0}};
}

EVALUATOR(eval_vsminv)
{
    extreme(e, d, a, IR_smin);
}

EVALUATOR(eval_vsmaxv)
{
    extreme(e, d, a, IR_smax);
}

EVALUATOR(eval_vuminv)
{
    extreme(e, d, a, IR_umin);
}

EVALUATOR(eval_vumaxv)
{
    extreme(e, d, a, IR_umax);
}

/* ---- to lanes of half or double width */

static void widen(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a, bool is_signed,
                  bool high)
{
    const unsigned w = ir_lane_bits(e->in->type), n = ir_lane_count(e->in->type);
    union ir_vec r;

    for (unsigned i = 0; i < n; i++) {
        const unsigned from = high ? n + i : i;
        eval_set_lane(&r, w, i,
                      is_signed ? (uint64_t)eval_signed_lane(a, w / 2, from)
                                : eval_lane(a, w / 2, from));
    }
    *d = r;
}

static void add_neighbours(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                           bool sign)
{
    const unsigned w = ir_lane_bits(e->in->type), half = w / 2;
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < 128 / w; i++) {
        eval_set_lane(&r, w, i,
                      sign ? (uint64_t)eval_signed_lane(a, half, 2 * i) +
                                 (uint64_t)eval_signed_lane(a, half, 2 * i + 1)
                           : eval_lane(a, half, 2 * i) + eval_lane(a, half, 2 * i + 1));
    }
    *d = r;
}

EVALUATOR(eval_vsaddlp)
{
    add_neighbours(e, d, a, true);
}

EVALUATOR(eval_vuaddlp)
{
    add_neighbours(e, d, a, false);
}

EVALUATOR(eval_vsxtl)
{
    widen(e, d, a, true, false);
}

EVALUATOR(eval_vsxth)
{
    widen(e, d, a, true, true);
}

EVALUATOR(eval_vuxtl)
{
    widen(e, d, a, false, false);
}

EVALUATOR(eval_vuxth)
{
    widen(e, d, a, false, true);
}

EVALUATOR(eval_vxtn)
{
    const unsigned w = ir_lane_bits(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type) / 2; i++) {
        eval_set_lane(&r, w, i, eval_lane(a, 2 * w, i));
    }
    *d = r;
}

static void narrow(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                   bool from_signed, uint64_t (*saturate)(s128, unsigned))
{
    const unsigned w = ir_lane_bits(e->in->type);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type) / 2; i++) {
        const s128 x = from_signed ? (s128)eval_signed_lane(a, 2 * w, i)
                                   : (s128)eval_lane(a, 2 * w, i);
        eval_set_lane(&r, w, i, saturate(x, w));
    }
    *d = r;
}

EVALUATOR(eval_vsqxtn)
{
    narrow(e, d, a, true, saturate_signed);
}

EVALUATOR(eval_vuqxtn)
{
    narrow(e, d, a, false, saturate_unsigned);
}

EVALUATOR(eval_vsqxtun)
{
    narrow(e, d, a, true, saturate_unsigned);
}

/* ---- products */

static void multiply_long(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                          const union ir_vec *b, bool is_signed)
{
    const bool high = e->in->op == IR_vsmulh || e->in->op == IR_vumulh;
    union ir_vec x, y;

    widen(e, &x, a, is_signed, high);
    widen(e, &y, b, is_signed, high);
    const unsigned w = ir_lane_bits(e->in->type);
    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(d, w, i, eval_lane(&x, w, i) * eval_lane(&y, w, i));
    }
}

EVALUATOR(eval_vsmull)
{
    multiply_long(e, d, a, b, true);
}

EVALUATOR(eval_vsmulh)
{
    multiply_long(e, d, a, b, true);
}

EVALUATOR(eval_vumull)
{
    multiply_long(e, d, a, b, false);
}

EVALUATOR(eval_vumulh)
{
    multiply_long(e, d, a, b, false);
}

static void dot(union ir_vec *d, const union ir_vec *const x[3], bool b_signed, bool c_signed)
{
    union ir_vec r;

    for (unsigned i = 0; i < 4; i++) {
        int32_t sum = x[0]->s32[i];
        for (unsigned k = 4 * i; k < 4 * i + 4; k++) {
            sum += (b_signed ? x[1]->s8[k] : x[1]->u8[k]) * (c_signed ? x[2]->s8[k] : x[2]->u8[k]);
        }
        r.s32[i] = sum;
    }
    *d = r;
}

EVALUATOR(eval_vsdot)
{
    (void)e;
    dot(d, (const union ir_vec *const[]){a, b, c}, true, true);
}

EVALUATOR(eval_vudot)
{
    (void)e;
    dot(d, (const union ir_vec *const[]){a, b, c}, false, false);
}

EVALUATOR(eval_vusdot)
{
    (void)e;
    dot(d, (const union ir_vec *const[]){a, b, c}, false, true);
}

/* The carry-less product of x and the low n bits of y. */
static u128 multiply_polynomials(u128 x, uint64_t y, unsigned n)
{
    u128 r = 0;

    for (unsigned i = 0; i < n; i++) {
        r ^= bit(y, i) ? x << i : 0;
    }
    return r;
}

EVALUATOR(eval_pmul8)
{
    (void)e;
    for (unsigned i = 0; i < 16; i++) {
        d->u8[i] = (uint8_t)multiply_polynomials(a->u8[i], b->u8[i], 8);
    }
}

EVALUATOR(eval_pmull8)
{
    const unsigned first = e->in->aux ? 8 : 0;
    union ir_vec r;

    for (unsigned i = 0; i < 8; i++) {
        r.u16[i] = (uint16_t)multiply_polynomials(a->u8[first + i], b->u8[first + i], 8);
    }
    *d = r;
}

EVALUATOR(eval_pmull64)
{
    const u128 r = multiply_polynomials(a->u64[e->in->aux & 1], b->u64[e->in->aux >> 1 & 1], 64);

    d->u64[0] = (uint64_t)r;
    d->u64[1] = (uint64_t)(r >> 64);
}
