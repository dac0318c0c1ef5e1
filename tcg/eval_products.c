/* SPDX-License-Identifier: MIT */
/* Vector ops that multiply, sum up, pack and pick lanes the way x86 does: see tcg/ops.h. */
#include "tcg/eval_lanes.h"

#define EVALUATOR(name)                                                                            \
    void name(__attribute__((unused)) struct ir_eval *e, union ir_vec *d, const union ir_vec *a,   \
              __attribute__((unused)) const union ir_vec *b,                                       \
              __attribute__((unused)) const union ir_vec *c)

/* ---- products */

EVALUATOR(eval_vsmule)
{
    for (unsigned i = 0; i < 2; i++) {
        d->s64[i] = (int64_t)(int32_t)a->u64[i] * (int32_t)b->u64[i];
    }
}

EVALUATOR(eval_vumule)
{
    for (unsigned i = 0; i < 2; i++) {
        d->u64[i] = (a->u64[i] & UINT32_MAX) * (b->u64[i] & UINT32_MAX);
    }
}

EVALUATOR(eval_vsmulhi)
{
    for (unsigned i = 0; i < 8; i++) {
        d->u16[i] = (uint16_t)((uint32_t)(a->s16[i] * b->s16[i]) >> 16);
    }
}

EVALUATOR(eval_vumulhi)
{
    for (unsigned i = 0; i < 8; i++) {
        d->u16[i] = (uint16_t)((uint32_t)a->u16[i] * b->u16[i] >> 16);
    }
}

EVALUATOR(eval_vsmulr)
{
    for (unsigned i = 0; i < 8; i++) {
        d->u16[i] = (uint16_t)((uint32_t)(a->s16[i] * b->s16[i] + 0x4000) >> 15);
    }
}

/* ---- sums of neighbours */

EVALUATOR(eval_vsmadd)
{
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t even = (uint32_t)(a->s16[2 * i] * b->s16[2 * i]);
        d->u32[i] = even + (uint32_t)(a->s16[2 * i + 1] * b->s16[2 * i + 1]);
    }
}

EVALUATOR(eval_vusmadd)
{
    for (unsigned i = 0; i < 8; i++) {
        const int sum = a->u8[2 * i] * b->s8[2 * i] + a->u8[2 * i + 1] * b->s8[2 * i + 1];
        d->s16[i] = (int16_t)(sum < INT16_MIN ? INT16_MIN : sum > INT16_MAX ? INT16_MAX : sum);
    }
}

EVALUATOR(eval_vsad)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t sum = 0;
        for (unsigned k = 8 * i; k < 8 * i + 8; k++) {
            sum += a->u8[k] > b->u8[k] ? a->u8[k] - b->u8[k] : b->u8[k] - a->u8[k];
        }
        d->u64[i] = sum;
    }
}

/* ---- lanes that change places */

static void pack(const struct ir_eval *e, union ir_vec *d, const union ir_vec *const x[2],
                 bool is_signed)
{
    const unsigned w = ir_lane_bits(e->in->type), half = 64 / w;
    const int64_t least = is_signed ? -(INT64_C(1) << (w - 1)) : 0;
    const int64_t most = (INT64_C(1) << (is_signed ? w - 1 : w)) - 1;
    union ir_vec r;

    for (unsigned i = 0; i < 2 * half; i++) {
        const int64_t v = eval_signed_lane(x[i / half], 2 * w, i % half);
        eval_set_lane(&r, w, i, (uint64_t)(v < least ? least : v > most ? most : v));
    }
    *d = r;
}

EVALUATOR(eval_vspack)
{
    pack(e, d, (const union ir_vec *const[]){a, b}, true);
}

EVALUATOR(eval_vupack)
{
    pack(e, d, (const union ir_vec *const[]){a, b}, false);
}

EVALUATOR(eval_vpick)
{
    union ir_vec r;

    for (unsigned i = 0; i < 4; i++) {
        r.u32[i] = a->u32[e->in->aux >> 2 * i & 3];
    }
    *d = r;
}
