/* SPDX-License-Identifier: MIT */
/* Evaluators of vector ops that move lanes without computing on them. */
#include <string.h>

#include "tcg/eval_lanes.h"

#define EVALUATOR(name)                                                                            \
    void name(__attribute__((unused)) struct ir_eval *e, union ir_vec *d,                          \
              __attribute__((unused)) const union ir_vec *a,                                       \
              __attribute__((unused)) const union ir_vec *b,                                       \
              __attribute__((unused)) const union ir_vec *c)

EVALUATOR(eval_vkonst)
{
    for (unsigned i = 0; i < ir_type_bits(e->in->type) / 64; i++) {
        d->u64[i] = e->in->imm;
    }
}

EVALUATOR(eval_vpart)
{
    *d = (union ir_vec){.u64 = {a->u64[2 * e->in->aux], a->u64[2 * e->in->aux + 1]}};
}

EVALUATOR(eval_vwith)
{
    const uint64_t x[2] = {b->u64[0], b->u64[1]};

    *d = *a;
    memcpy(&d->u64[2 * e->in->aux], x, sizeof(x));
}

EVALUATOR(eval_vwiden)
{
    (void)e;
    *d = (union ir_vec){.u64 = {a->u64[0], a->u64[1]}};
}

/* Every lane of the type is x. */
static void fill(const struct ir_eval *e, union ir_vec *d, uint64_t x)
{
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, ir_lane_bits(e->in->type), i, x);
    }
    *d = r;
}

EVALUATOR(eval_vdup)
{
    fill(e, d, a->u64[0]);
}

EVALUATOR(eval_vdup_lane)
{
    fill(e, d, eval_lane(a, ir_lane_bits(e->in->type), e->in->aux));
}

EVALUATOR(eval_vget)
{
    *d = (union ir_vec){.u64 = {eval_lane(a, ir_lane_bits(e->in->type), e->in->aux), 0}};
}

EVALUATOR(eval_vset)
{
    const uint64_t x = b->u64[0];

    *d = *a;
    eval_set_lane(d, ir_lane_bits(e->in->type), e->in->aux, x);
}

EVALUATOR(eval_vzext)
{
    *d = (union ir_vec){.u64 = {a->u64[0], 0}};
}

EVALUATOR(eval_vsigns)
{
    const unsigned w = 8u << e->in->aux;
    uint64_t r = 0;

    for (unsigned i = 0; i < 128 / w; i++) {
        r |= (eval_lane(a, w, i) >> (w - 1)) << i;
    }
    *d = (union ir_vec){.u64 = {r, 0}};
}

EVALUATOR(eval_vlow64)
{
    *d = (union ir_vec){.u64 = {a->u64[0], 0}};
}

EVALUATOR(eval_fmov)
{
    *d = (union ir_vec){.u64 = {a->u64[0] & mask64(ir_lane_bits(e->in->type)), 0}};
}

EVALUATOR(eval_vext)
{
    const unsigned first = e->in->aux;
    union ir_vec r;

    for (unsigned i = 0; i < 16; i++) {
        r.u8[i] = first + i < 16 ? a->u8[first + i] : b->u8[first + i - 16];
    }
    *d = r;
}

/* Lane 2k of the result is lane first + k * step of a, lane 2k + 1 the same of b. */
static void interleave(const struct ir_eval *e, union ir_vec *d, const union ir_vec *const x[2],
                       unsigned first, unsigned step)
{
    const unsigned w = ir_lane_bits(e->in->type);
    union ir_vec r;

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, w, i, eval_lane(x[i & 1], w, first + i / 2 * step));
    }
    *d = r;
}

EVALUATOR(eval_vzip1)
{
    interleave(e, d, (const union ir_vec *const[]){a, b}, 0, 1);
}

EVALUATOR(eval_vzip2)
{
    interleave(e, d, (const union ir_vec *const[]){a, b}, ir_lane_count(e->in->type) / 2, 1);
}

EVALUATOR(eval_vtrn1)
{
    interleave(e, d, (const union ir_vec *const[]){a, b}, 0, 2);
}

EVALUATOR(eval_vtrn2)
{
    interleave(e, d, (const union ir_vec *const[]){a, b}, 1, 2);
}

static void every_other(const struct ir_eval *e, union ir_vec *d, const union ir_vec *a,
                        const union ir_vec *b, unsigned first)
{
    const unsigned w = ir_lane_bits(e->in->type), half = ir_lane_count(e->in->type) / 2;
    union ir_vec r;

    for (unsigned i = 0; i < half; i++) {
        eval_set_lane(&r, w, i, eval_lane(a, w, 2 * i + first));
        eval_set_lane(&r, w, half + i, eval_lane(b, w, 2 * i + first));
    }
    *d = r;
}

EVALUATOR(eval_vuzp1)
{
    every_other(e, d, a, b, 0);
}

EVALUATOR(eval_vuzp2)
{
    every_other(e, d, a, b, 1);
}

EVALUATOR(eval_vrev)
{
    const unsigned w = ir_lane_bits(e->in->type), group = e->in->aux / w;
    union ir_vec r;

    for (unsigned i = 0; i < ir_lane_count(e->in->type); i++) {
        eval_set_lane(&r, w, i, eval_lane(a, w, i / group * group + (group - 1 - i % group)));
    }
    *d = r;
}

EVALUATOR(eval_vtbl)
{
    union ir_vec r;

    for (unsigned i = 0; i < 16; i++) {
        r.u8[i] = b->u8[i] < 16 ? a->u8[b->u8[i]] : 0;
    }
    *d = r;
}
