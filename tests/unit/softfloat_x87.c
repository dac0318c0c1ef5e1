/* SPDX-License-Identifier: MIT */
/*
 * base/softfloat.h's 80-bit format and x87 rules against the host's x87: all rounding and precision
 * controls, NaNs, unsupported patterns, flags.
 */
#include "base/softfloat.h"
#include "tests/test.h"
#include "tests/unit/softfloat_cases.h"

#if defined(__x86_64__)

/* Runs insns, with a (then b below it) pushed from v, under the control word; what they leave is
 * popped. */
#define HOST(name, load, insns, store)                                                             \
    static uint16_t host_##name(const fp_bits v[2], uint16_t control, fp_bits *r)                  \
    {                                                                                              \
        uint16_t status, plain = 0x37f;                                                            \
        *r = 0;                                                                                    \
        __asm__ volatile(                                                                          \
            "fninit\n\tfldcw %[control]\n\t" load "\n\t" insns "\n\t" store                        \
            "\n\tfnstsw %[status]\n\tfninit\n\tfldcw %[plain]"                                     \
            : [r] "+m"(*r), [status] "=m"(status)                                                  \
            : [a] "m"(v[0]), [b] "m"(v[1]), [control] "m"(control), [plain] "m"(plain)             \
            : "st", "st(1)", "st(2)", "rax", "cc", "memory");                                      \
        return status;                                                                             \
    }
#define ONE "fldt %[a]"
#define TWO "fldt %[b]\n\tfldt %[a]"
#define STORE "fstpt %[r]"

HOST(add, TWO, "fadd %%st(1), %%st", STORE)
HOST(sub, TWO, "fsub %%st(1), %%st", STORE)
HOST(mul, TWO, "fmul %%st(1), %%st", STORE)
HOST(div, TWO, "fdiv %%st(1), %%st", STORE)
HOST(rem, TWO, "fprem1", STORE)
HOST(sqrt, ONE, "fsqrt", STORE)
HOST(rint, ONE, "frndint", STORE)
HOST(to_f32, ONE, "", "fstps %[r]")
HOST(to_f64, ONE, "", "fstpl %[r]")
HOST(from_f32, "flds %[a]", "", STORE)
HOST(from_f64, "fldl %[a]", "", STORE)
HOST(to_i16, ONE, "", "fistps %[r]")
HOST(to_i32, ONE, "", "fistpl %[r]")
HOST(to_i64, ONE, "", "fistpll %[r]")
HOST(from_i64, "fildll %[a]", "", STORE)
HOST(fcomi, TWO, "fcomip %%st(1), %%st\n\tlahf\n\tmovzbl %%ah, %%eax\n\tmovl %%eax, %[r]",
     "fstp %%st")
HOST(fucomi, TWO, "fucomip %%st(1), %%st\n\tlahf\n\tmovzbl %%ah, %%eax\n\tmovl %%eax, %[r]",
     "fstp %%st")

#define SOFT(name, expr)                                                                           \
    static fp_bits soft_##name(const fp_bits v[2], struct fp_env *env)                             \
    {                                                                                              \
        return (expr);                                                                             \
    }
SOFT(add, f80_add(v[0], v[1], env))
SOFT(sub, f80_sub(v[0], v[1], env))
SOFT(mul, f80_mul(v[0], v[1], env))
SOFT(div, f80_div(v[0], v[1], env))
SOFT(rem, f80_rem(v[0], v[1], env))
SOFT(sqrt, f80_sqrt(v[0], env))
SOFT(rint, f80_round_to_int(v[0], env->rounding, true, env))
SOFT(to_f32, f80_to_f32(v[0], env))
SOFT(to_f64, f80_to_f64(v[0], env))
SOFT(from_f32, f32_to_f80((uint32_t)v[0], env))
SOFT(from_f64, f64_to_f80((uint64_t)v[0], env))
SOFT(to_i16, (uint16_t)f80_to_fixed(v[0], (struct fp_fixed){16, 0, true}, env->rounding, env))
SOFT(to_i32, (uint32_t)f80_to_i32(v[0], env->rounding, env))
SOFT(to_i64, (uint64_t)f80_to_i64(v[0], env->rounding, env))
SOFT(from_i64, f80_from_i64((int64_t)v[0], env))

static fp_bits eflags(enum fp_order o)
{
    return 2 | (o == FP_UNORDERED ? 0x45 : o == FP_EQUAL ? 0x40 : o == FP_LESS ? 1 : 0);
}
SOFT(fcomi, eflags(f80_compare(v[0], v[1], true, env)))
SOFT(fucomi, eflags(f80_compare(v[0], v[1], false, env)))

struct op {
    const char *name;
    uint8_t format; /* of the operands */
    uint8_t operands;
    uint16_t (*host)(const fp_bits v[2], uint16_t control, fp_bits *r);
    fp_bits (*soft)(const fp_bits v[2], struct fp_env *env);
};

#define ROW(name, format, operands)                                                                \
    {                                                                                              \
#name, format, operands, host_##name, soft_##name                                          \
    }

static const struct op ops[] = {
    ROW(add, FP_X87, 2),           ROW(sub, FP_X87, 2),           ROW(mul, FP_X87, 2),
    ROW(div, FP_X87, 2),           ROW(rem, FP_X87, 2),           ROW(sqrt, FP_X87, 1),
    ROW(rint, FP_X87, 1),          ROW(to_f32, FP_X87, 1),        ROW(to_f64, FP_X87, 1),
    ROW(from_f32, FP_BINARY32, 1), ROW(from_f64, FP_BINARY64, 1), ROW(to_i16, FP_X87, 1),
    ROW(to_i32, FP_X87, 1),        ROW(to_i64, FP_X87, 1),        ROW(from_i64, FP_BINARY64, 1),
    ROW(fcomi, FP_X87, 2),         ROW(fucomi, FP_X87, 2),
};

enum {
    STATUS_C2 = 1 << 10
};

static uint32_t flags_of_status(uint16_t status)
{
    static const uint32_t flag[6] = {FP_INVALID,  FP_DENORMAL,  FP_DIVZERO,
                                     FP_OVERFLOW, FP_UNDERFLOW, FP_INEXACT};
    uint32_t flags = 0;
    for (unsigned i = 0; i < 6; i++) {
        flags |= status >> i & 1 ? flag[i] : 0;
    }
    return flags;
}

static void compare(const struct op *op, unsigned rounding, unsigned precision, const fp_bits v[2])
{
    static const uint16_t rc[4] = {[FP_RNE] = 0, [FP_RDN] = 1, [FP_RUP] = 2, [FP_RTZ] = 3};
    uint16_t pc = precision == 24 ? 0 : precision == 53 ? 2 : 3;
    struct fp_env env = {.rules = &fp_rules_x87,
                         .rounding = (uint8_t)rounding,
                         .x87_precision = precision == 64 ? 0 : (uint8_t)precision};
    fp_bits want;
    uint16_t control = (uint16_t)(0x3f | pc << 8 | rc[rounding] << 10);
    uint16_t status = op->host(v, control, &want);
    if (op->host == host_rem && status & STATUS_C2) {
        return; /* the first of several steps, which end in a remainder that is not the operands' */
    }
    uint32_t flags = flags_of_status(status);
    fp_bits got = op->soft(v, &env);
    CHECK_MSG(got == want && env.flags == flags,
              "%s %04x'%016" PRIx64 " %04x'%016" PRIx64
              " rounding %u precision %u: %04x'%016" PRIx64 " flags %#x, host %04x'%016" PRIx64
              " flags %#x",
              op->name, (unsigned)(v[0] >> 64), (uint64_t)v[0], (unsigned)(v[1] >> 64),
              (uint64_t)v[1], rounding, precision, (unsigned)(got >> 64), (uint64_t)got, env.flags,
              (unsigned)(want >> 64), (uint64_t)want, flags);
}

TEST(x87_equals_the_host)
{
    static const unsigned precisions[3] = {64, 53, 24};
    struct rng r;
    rng_seed(&r, test_seed());
    for (size_t i = 0; i < array_len(ops); i++) {
        const struct fp_format *f = &fp_formats[ops[i].format];
        for (unsigned n = 0; n < 200000 * test_scale(); n++) {
            fp_bits v[2] = {case_operand(f, &r), 0};
            if (ops[i].operands == 2) {
                v[1] = case_partner(f, v[0], &r);
            }
            compare(&ops[i], n % 4, precisions[n / 4 % 3], v);
        }
    }
}

#else

TEST(x87_comparison)
{
    SKIP("the host is no x86-64");
}

#endif
