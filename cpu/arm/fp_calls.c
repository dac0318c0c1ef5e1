/* SPDX-License-Identifier: MIT */
/* Run-time functions of floating point, on base/softfloat_arm.h; see fp_calls.h. */
#include "cpu/arm/fp_calls.h"

#include "base/softfloat_arm.h"
#include "cpu/arm/cpu.h"

struct lanes {
    unsigned esz, count, option;
    const struct fp_format *format;
    fp_bits (*f)(const struct lanes *, fp_bits a, fp_bits b, struct fp_env *);
};

static struct lanes lanes_from(uint32_t aux)
{
    static const uint8_t formats[] = {0, FP_BINARY16, FP_BINARY32, FP_BINARY64};
    const unsigned esz = aux & 3;

    return (struct lanes){.esz = esz,
                          .count = aux >> 2 & 63,
                          .option = aux >> 8,
                          .format = &fp_formats[formats[esz]]};
}

static uint64_t lane(const union ir_vec *v, unsigned esz, unsigned i)
{
    return esz == 1 ? v->u16[i] : esz == 2 ? v->u32[i] : v->u64[i];
}

static void set_lane(union ir_vec *v, unsigned esz, unsigned i, fp_bits x)
{
    if (esz == 1) {
        v->u16[i] = (uint16_t)x;
    } else if (esz == 2) {
        v->u32[i] = (uint32_t)x;
    } else {
        v->u64[i] = (uint64_t)x;
    }
}

static struct fp_env env_of(struct vcpu *v)
{
    return fp_arm_env(arm_cpu(v)->fpcr);
}

static void raise_flags(struct vcpu *v, const struct fp_env *env)
{
    vcpu_env(v)->fp_flags |= env->flags;
}

/* l->f of each lane of x[0] and x[1]. */
static void each(struct vcpu *v, union ir_vec *d, const union ir_vec *const x[2],
                 const struct lanes *l)
{
    struct fp_env env = env_of(v);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < l->count; i++) {
        set_lane(&r, l->esz, i, l->f(l, lane(x[0], l->esz, i), lane(x[1], l->esz, i), &env));
    }
    raise_flags(v, &env);
    *d = r;
}

#define VECTOR_FUNCTION(name)                                                                      \
    static void name(__attribute__((unused)) struct vcpu *v, union ir_vec *d,                      \
                     const union ir_vec *a, __attribute__((unused)) const union ir_vec *b,         \
                     __attribute__((unused)) const union ir_vec *c,                                \
                     __attribute__((unused)) uint32_t aux)
#define ROW(name_, pure_)                                                                          \
    const struct ir_call fp_call_##name_ = {.name = #name_,                                        \
                                            .fn = (void (*)(void))call_##name_,                    \
                                            .class = IR_CALL_FULL,                                 \
                                            .vector = true,                                        \
                                            .pure = pure_};

#define EACH(name, value)                                                                          \
    static fp_bits lane_##name(const struct lanes *l, fp_bits a,                                   \
                               __attribute__((unused)) fp_bits b, struct fp_env *env)              \
    {                                                                                              \
        return value;                                                                              \
    }
#define EACH_LANE(name, second, value)                                                             \
    EACH(name, value)                                                                              \
    VECTOR_FUNCTION(call_##name)                                                                   \
    {                                                                                              \
        struct lanes l = lanes_from(aux);                                                          \
        l.f = lane_##name;                                                                         \
        each(v, d, (const union ir_vec *const[]){a, second}, &l);                                  \
    }                                                                                              \
    ROW(name, false)
#define EACH1(name, value) EACH_LANE(name, a, value)
#define EACH2(name, value) EACH_LANE(name, b, value)

EACH1(recpe, fp_arm_recpe(l->format, a, l->option, env))
EACH1(rsqrte, fp_arm_rsqrte(l->format, a, l->option, env))
EACH1(recpx, fp_arm_recpx(l->format, a, env))
EACH2(recps, fp_arm_recps(l->format, a, b, env))
EACH2(rsqrts, fp_arm_rsqrts(l->format, a, b, env))
EACH1(rint_range, fp_arm_rint_range(l->format, a, l->option & 1 ? 64 : 32,
                                    l->option & 2 ? env->rounding : FP_RTZ, env))

VECTOR_FUNCTION(call_cvtxn)
{
    const struct lanes l = lanes_from(aux);
    struct fp_env env = env_of(v);
    union ir_vec r = {.u64 = {0, 0}};

    env.rounding = FP_ROD;
    for (unsigned i = 0; i < l.count; i++) {
        r.u32[i] = (uint32_t)fp_convert(&fp_formats[FP_BINARY64], &fp_formats[FP_BINARY32],
                                        a->u64[i], &env);
    }
    raise_flags(v, &env);
    *d = r;
}
ROW(cvtxn, false)

VECTOR_FUNCTION(call_fmlal)
{
    const struct lanes l = lanes_from(aux);
    const unsigned first = l.option & 1 ? l.count : 0;
    struct fp_env env = env_of(v);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < l.count; i++) {
        fp_bits x = b->u16[first + i];
        if (l.option & 2) {
            x = fp_arm_neg(&fp_formats[FP_BINARY16], x, &env);
        }
        r.u32[i] = fp_arm_fmlal(a->u32[i], (uint16_t)x, c->u16[first + i], &env);
    }
    raise_flags(v, &env);
    *d = r;
}
ROW(fmlal, false)

VECTOR_FUNCTION(call_bfmlal)
{
    const unsigned odd = lanes_from(aux).option;
    struct fp_env env = env_of(v);
    union ir_vec r;

    for (unsigned i = 0; i < 4; i++) {
        r.u32[i] = fp_arm_bfmlal(a->u32[i], b->u16[2 * i + odd], c->u16[2 * i + odd], &env);
    }
    raise_flags(v, &env);
    *d = r;
}
ROW(bfmlal, false)

/* The environment of the pure functions. */
static struct fp_env ah_env(unsigned ah)
{
    return (struct fp_env){.rules = ah ? &fp_rules_arm_ah : &fp_rules_arm};
}

VECTOR_FUNCTION(call_bfdot)
{
    const struct lanes l = lanes_from(aux);
    const struct fp_env env = ah_env(l.option);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < l.count; i++) {
        r.u32[i] = fp_arm_bfdot(a->u32[i], &b->u16[2 * i], &c->u16[2 * i], &env);
    }
    *d = r;
}
ROW(bfdot, true)

VECTOR_FUNCTION(call_bfmmla)
{
    const struct fp_env env = ah_env(lanes_from(aux).option);
    union ir_vec r = *a;

    fp_arm_bfmmla(r.u32, b->u16, c->u16, &env);
    *d = r;
}
ROW(bfmmla, true)

/* With FPCR.EBF all of FPCR counts. */
VECTOR_FUNCTION(call_bfdot_ebf)
{
    const struct lanes l = lanes_from(aux);
    const struct fp_env env = env_of(v);
    union ir_vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < l.count; i++) {
        r.u32[i] = fp_arm_bfdot_ebf(a->u32[i], &b->u16[2 * i], &c->u16[2 * i], &env);
    }
    *d = r;
}
ROW(bfdot_ebf, false)

VECTOR_FUNCTION(call_bfmmla_ebf)
{
    const struct fp_env env = env_of(v);
    union ir_vec r = *a;

    fp_arm_bfmmla_ebf(r.u32, b->u16, c->u16, &env);
    *d = r;
}
ROW(bfmmla_ebf, false)
