/* SPDX-License-Identifier: MIT */
/* Estimates and steps of reciprocals and square roots (DDI 0487, C7.2: FRECPE ... URSQRTE):
 * run-time functions. */
#include "cpu/arm/a64_simd.h"
#include "cpu/arm/fp_calls.h"
#include "cpu/arm/simd_calls.h"

struct estimate {
    unsigned q, esz, scalar, rd, merge;
};

static void call(struct a64_block *c, const struct estimate *o, const struct ir_call *row, ir_val n,
                 ir_val m)
{
    /* With FEAT_RPRES estimates of single precision are finer where FPCR.AH is set. */
    const unsigned fine = o->esz == 2 && (c->fp & IR_FP_ALT) && has(c, ARM_HAS_rpres);
    const uint32_t aux = LANES_AUX(o->esz, lanes_of(o->esz, o->q, o->scalar), fine);
    const ir_val r = ir_call(c->b, T_V128, row, n, m, IR_NONE, aux);

    if (o->scalar) {
        write_fp(c, o->rd, o->merge, ir_vget(c->b, fp_scalar(o->esz), r, 0));
    } else {
        write_v(c, o->rd, r);
    }
}

#define ESTIMATE(name, row)                                                                        \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            call(c, &(const struct estimate){a->q, a->esz, a->scalar, a->rd, a->rd}, row,          \
                 read_v(c, a->rn), IR_NONE);                                                       \
        }                                                                                          \
    }
ESTIMATE(frecpe_v, &fp_call_recpe)
ESTIMATE(frsqrte_v, &fp_call_rsqrte)
#undef ESTIMATE

#define STEP(name, row)                                                                            \
    void a64_##name(struct a64_block *c, const struct a64_##name *a)                               \
    {                                                                                              \
        if (fp_access(c)) {                                                                        \
            call(c, &(const struct estimate){a->q, a->esz, a->scalar, a->rd, a->rn}, row,          \
                 read_v(c, a->rn), read_v(c, a->rm));                                              \
        }                                                                                          \
    }
STEP(frecps_v, &fp_call_recps)
STEP(frsqrts_v, &fp_call_rsqrts)
#undef STEP

void a64_frecpx(struct a64_block *c, const struct a64_frecpx *a)
{
    if (fp_access(c)) {
        call(c, &(const struct estimate){0, a->esz, 1, a->rd, a->rd}, &fp_call_recpx,
             read_v(c, a->rn), IR_NONE);
    }
}

void a64_urecpe(struct a64_block *c, const struct a64_urecpe *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q,
                 ir_call(c->b, T_V128, &simd_call_urecpe, read_v(c, a->rn), IR_NONE, IR_NONE, 0));
    }
}

void a64_ursqrte(struct a64_block *c, const struct a64_ursqrte *a)
{
    if (fp_access(c)) {
        write_vq(c, a->rd, a->q,
                 ir_call(c->b, T_V128, &simd_call_ursqrte, read_v(c, a->rn), IR_NONE, IR_NONE, 0));
    }
}
