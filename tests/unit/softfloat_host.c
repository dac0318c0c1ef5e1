/* SPDX-License-Identifier: MIT */
/*
 * base/softfloat.h with the x86 rules against the host's SSE, AVX, FMA, F16C and AVX-512 units:
 * every rounding mode, with and without DAZ and FTZ, results and flags bit for bit.
 */
#include "base/softfloat.h"
#include "tests/test.h"
#include "tests/unit/softfloat_cases.h"

#if defined(__x86_64__)

enum mxcsr_bit {
    MXCSR_IE = 1 << 0,
    MXCSR_DE = 1 << 1,
    MXCSR_ZE = 1 << 2,
    MXCSR_OE = 1 << 3,
    MXCSR_UE = 1 << 4,
    MXCSR_PE = 1 << 5,
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = 0x3f << 7,
    MXCSR_FTZ = 1 << 15,
};

static const uint32_t mxcsr_rounding[4] = {
    [FP_RNE] = 0 << 13, [FP_RDN] = 1 << 13, [FP_RUP] = 2 << 13, [FP_RTZ] = 3 << 13};

static uint32_t flags_of_mxcsr(uint32_t csr)
{
    static const uint32_t flag[6] = {FP_INVALID,  FP_DENORMAL,  FP_DIVZERO,
                                     FP_OVERFLOW, FP_UNDERFLOW, FP_INEXACT};
    uint32_t flags = 0;
    for (unsigned i = 0; i < 6; i++) {
        flags |= csr >> i & 1 ? flag[i] : 0;
    }
    return flags;
}

/* Runs insns on v[0] in xmm0 and rax, v[1] in xmm1, v[2] in xmm2 under *csr; the result is in out.
 */
#define HOST(name, insns, out)                                                                     \
    static uint64_t host_##name(const uint64_t v[3], uint32_t *csr)                                \
    {                                                                                              \
        uint64_t r;                                                                                \
        uint32_t saved;                                                                            \
        __asm__ volatile("stmxcsr %[saved]\n\tldmxcsr %[csr]\n\t"                                  \
                         "movq %[a], %%xmm0\n\tmovq %[b], %%xmm1\n\tmovq %[c], %%xmm2\n\t"         \
                         "movq %[a], %%rax\n\t" insns "\n\tstmxcsr %[csr]\n\tldmxcsr %[saved]\n\t" \
                         "movq " out ", %[r]"                                                      \
                         : [r] "=&r"(r), [csr] "+m"(*csr), [saved] "=m"(saved)                     \
                         : [a] "m"(v[0]), [b] "m"(v[1]), [c] "m"(v[2])                             \
                         : "xmm0", "xmm1", "xmm2", "rax", "rdx", "cc");                            \
        return r;                                                                                  \
    }
#define HOST_BOTH(name, insn)                                                                      \
    HOST(f32_##name, insn "ss %%xmm1, %%xmm0", "%%xmm0")                                           \
    HOST(f64_##name, insn "sd %%xmm1, %%xmm0", "%%xmm0")

HOST_BOTH(add, "add")
HOST_BOTH(sub, "sub")
HOST_BOTH(mul, "mul")
HOST_BOTH(div, "div")
HOST_BOTH(min, "min")
HOST_BOTH(max, "max")
HOST(f32_sqrt, "sqrtss %%xmm0, %%xmm0", "%%xmm0")
HOST(f64_sqrt, "sqrtsd %%xmm0, %%xmm0", "%%xmm0")
HOST(f32_rint, "roundss $4, %%xmm0, %%xmm0", "%%xmm0")
HOST(f64_rint, "roundsd $4, %%xmm0, %%xmm0", "%%xmm0")
HOST(f32_nearbyint, "roundss $12, %%xmm0, %%xmm0", "%%xmm0")
HOST(f64_nearbyint, "roundsd $12, %%xmm0, %%xmm0", "%%xmm0")
HOST(f32_muladd, "vfmadd213ss %%xmm2, %%xmm0, %%xmm1", "%%xmm1")
HOST(f64_muladd, "vfmadd213sd %%xmm2, %%xmm0, %%xmm1", "%%xmm1")
HOST(f32_to_f64, "cvtss2sd %%xmm0, %%xmm0", "%%xmm0")
HOST(f64_to_f32, "cvtsd2ss %%xmm0, %%xmm0", "%%xmm0")
HOST(f32_to_f16, "vcvtps2ph $4, %%xmm0, %%xmm0", "%%xmm0")
HOST(f16_to_f32, "vcvtph2ps %%xmm0, %%xmm0", "%%xmm0")
HOST(f32_to_i32, "cvtss2si %%xmm0, %%eax", "%%rax")
HOST(f32_to_i64, "cvtss2si %%xmm0, %%rax", "%%rax")
HOST(f64_to_i32, "cvtsd2si %%xmm0, %%eax", "%%rax")
HOST(f64_to_i64, "cvtsd2si %%xmm0, %%rax", "%%rax")
HOST(f32_to_i64_rtz, "cvttss2si %%xmm0, %%rax", "%%rax")
HOST(f64_to_i64_rtz, "cvttsd2si %%xmm0, %%rax", "%%rax")
HOST(f32_to_u32, "vcvtss2usi %%xmm0, %%eax", "%%rax")
HOST(f32_to_u64, "vcvtss2usi %%xmm0, %%rax", "%%rax")
HOST(f64_to_u32, "vcvtsd2usi %%xmm0, %%eax", "%%rax")
HOST(f64_to_u64, "vcvtsd2usi %%xmm0, %%rax", "%%rax")
HOST(i32_to_f32, "cvtsi2ssl %%eax, %%xmm0", "%%xmm0")
HOST(i64_to_f32, "cvtsi2ssq %%rax, %%xmm0", "%%xmm0")
HOST(i32_to_f64, "cvtsi2sdl %%eax, %%xmm0", "%%xmm0")
HOST(i64_to_f64, "cvtsi2sdq %%rax, %%xmm0", "%%xmm0")
HOST(u32_to_f32, "vcvtusi2ssl %%eax, %%xmm0, %%xmm0", "%%xmm0")
HOST(u64_to_f32, "vcvtusi2ssq %%rax, %%xmm0, %%xmm0", "%%xmm0")
HOST(u32_to_f64, "vcvtusi2sdl %%eax, %%xmm0, %%xmm0", "%%xmm0")
HOST(u64_to_f64, "vcvtusi2sdq %%rax, %%xmm0, %%xmm0", "%%xmm0")
/* ZF, PF, CF in bits 6, 2, 0 */
HOST(f32_ucomi, "xorl %%eax, %%eax\n\tucomiss %%xmm1, %%xmm0\n\tlahf\n\tshrl $8, %%eax", "%%rax")
HOST(f64_ucomi, "xorl %%eax, %%eax\n\tucomisd %%xmm1, %%xmm0\n\tlahf\n\tshrl $8, %%eax", "%%rax")
HOST(f32_comi, "xorl %%eax, %%eax\n\tcomiss %%xmm1, %%xmm0\n\tlahf\n\tshrl $8, %%eax", "%%rax")
HOST(f64_comi, "xorl %%eax, %%eax\n\tcomisd %%xmm1, %%xmm0\n\tlahf\n\tshrl $8, %%eax", "%%rax")

/* The same in software. */
#define SOFT(name, expr)                                                                           \
    static uint64_t soft_##name(const uint64_t v[3], struct fp_env *env)                           \
    {                                                                                              \
        return (uint64_t)(expr);                                                                   \
    }
#define A ((uint32_t)v[0])
#define B ((uint32_t)v[1])
#define C ((uint32_t)v[2])
#define CSR_MODE env->rounding

#define SOFT2(name)                                                                                \
    SOFT(f32_##name, f32_##name(A, B, env))                                                        \
    SOFT(f64_##name, f64_##name(v[0], v[1], env))
SOFT2(add)
SOFT2(sub)
SOFT2(mul)
SOFT2(div)
SOFT2(min)
SOFT2(max)
SOFT(f32_sqrt, f32_sqrt(A, env))
SOFT(f64_sqrt, f64_sqrt(v[0], env))
SOFT(f32_rint, f32_round_to_int(A, CSR_MODE, true, env))
SOFT(f64_rint, f64_round_to_int(v[0], CSR_MODE, true, env))
SOFT(f32_nearbyint, f32_round_to_int(A, CSR_MODE, false, env))
SOFT(f64_nearbyint, f64_round_to_int(v[0], CSR_MODE, false, env))
SOFT(f32_muladd, f32_muladd(A, B, C, env))
SOFT(f64_muladd, f64_muladd(v[0], v[1], v[2], env))
SOFT(f32_to_f64, f32_to_f64(A, env))
SOFT(f64_to_f32, f64_to_f32(v[0], env))
SOFT(f32_to_f16, f32_to_f16(A, env))
SOFT(f16_to_f32, f16_to_f32((uint16_t)A, env))
SOFT(f32_to_i32, (uint32_t)f32_to_i32(A, CSR_MODE, env))
SOFT(f32_to_i64, f32_to_i64(A, CSR_MODE, env))
SOFT(f64_to_i32, (uint32_t)f64_to_i32(v[0], CSR_MODE, env))
SOFT(f64_to_i64, f64_to_i64(v[0], CSR_MODE, env))
SOFT(f32_to_i64_rtz, f32_to_i64(A, FP_RTZ, env))
SOFT(f64_to_i64_rtz, f64_to_i64(v[0], FP_RTZ, env))
SOFT(f32_to_u32, f32_to_u32(A, CSR_MODE, env))
SOFT(f32_to_u64, f32_to_u64(A, CSR_MODE, env))
SOFT(f64_to_u32, f64_to_u32(v[0], CSR_MODE, env))
SOFT(f64_to_u64, f64_to_u64(v[0], CSR_MODE, env))
SOFT(i32_to_f32, f32_from_i32((int32_t)A, env))
SOFT(i64_to_f32, f32_from_i64((int64_t)v[0], env))
SOFT(i32_to_f64, f64_from_i32((int32_t)A, env))
SOFT(i64_to_f64, f64_from_i64((int64_t)v[0], env))
SOFT(u32_to_f32, f32_from_u32(A, env))
SOFT(u64_to_f32, f32_from_u64(v[0], env))
SOFT(u32_to_f64, f64_from_u32(A, env))
SOFT(u64_to_f64, f64_from_u64(v[0], env))

static uint64_t eflags(enum fp_order o)
{
    return 2 | (o == FP_UNORDERED ? 0x45 : o == FP_EQUAL ? 0x40 : o == FP_LESS ? 1 : 0);
}
SOFT(f32_ucomi, eflags(f32_compare(A, B, false, env)))
SOFT(f64_ucomi, eflags(f64_compare(v[0], v[1], false, env)))
SOFT(f32_comi, eflags(f32_compare(A, B, true, env)))
SOFT(f64_comi, eflags(f64_compare(v[0], v[1], true, env)))

enum shape {
    UNARY,
    BINARY,
    PRODUCT,
    QUOTIENT,
    ROOT,
    FUSED,
    INTEGER
};

struct op {
    const char *name;
    const char *feature; /* of the host beyond x86-64-v2, or null */
    uint8_t format;
    uint8_t result_bits;
    uint8_t shape;
    uint64_t (*host)(const uint64_t v[3], uint32_t *csr);
    uint64_t (*soft)(const uint64_t v[3], struct fp_env *env);
};

#define ROW(name, feature, format, bits, shape)                                                    \
    {                                                                                              \
#name, feature, format, bits, shape, host_##name, soft_##name                              \
    }
#define ROWS(name, feature, shape)                                                                 \
    ROW(f32_##name, feature, FP_BINARY32, 32, shape),                                              \
        ROW(f64_##name, feature, FP_BINARY64, 64, shape)

static const struct op arithmetic[] = {
    ROWS(add, NULL, BINARY),   ROWS(sub, NULL, BINARY), ROWS(mul, NULL, PRODUCT),
    ROWS(div, NULL, QUOTIENT), ROWS(sqrt, NULL, ROOT),  ROWS(muladd, "fma", FUSED),
};

static const struct op comparisons[] = {
    ROWS(min, NULL, BINARY),
    ROWS(max, NULL, BINARY),
    ROW(f32_ucomi, NULL, FP_BINARY32, 8, BINARY),
    ROW(f64_ucomi, NULL, FP_BINARY64, 8, BINARY),
    ROW(f32_comi, NULL, FP_BINARY32, 8, BINARY),
    ROW(f64_comi, NULL, FP_BINARY64, 8, BINARY),
};

static const struct op conversions[] = {
    ROWS(rint, NULL, UNARY),
    ROWS(nearbyint, NULL, UNARY),
    ROW(f32_to_f64, NULL, FP_BINARY32, 64, UNARY),
    ROW(f64_to_f32, NULL, FP_BINARY64, 32, UNARY),
    ROW(f32_to_f16, "avx2", FP_BINARY32, 16, UNARY),
    ROW(f16_to_f32, "avx2", FP_BINARY16, 32, UNARY),
    ROW(f32_to_i32, NULL, FP_BINARY32, 32, UNARY),
    ROW(f32_to_i64, NULL, FP_BINARY32, 64, UNARY),
    ROW(f64_to_i32, NULL, FP_BINARY64, 32, UNARY),
    ROW(f64_to_i64, NULL, FP_BINARY64, 64, UNARY),
    ROW(f32_to_i64_rtz, NULL, FP_BINARY32, 64, UNARY),
    ROW(f64_to_i64_rtz, NULL, FP_BINARY64, 64, UNARY),
    ROW(f32_to_u32, "avx512f", FP_BINARY32, 32, UNARY),
    ROW(f32_to_u64, "avx512f", FP_BINARY32, 64, UNARY),
    ROW(f64_to_u32, "avx512f", FP_BINARY64, 32, UNARY),
    ROW(f64_to_u64, "avx512f", FP_BINARY64, 64, UNARY),
    ROW(i32_to_f32, NULL, FP_BINARY32, 32, INTEGER),
    ROW(i64_to_f32, NULL, FP_BINARY64, 32, INTEGER),
    ROW(i32_to_f64, NULL, FP_BINARY32, 64, INTEGER),
    ROW(i64_to_f64, NULL, FP_BINARY64, 64, INTEGER),
    ROW(u32_to_f32, "avx512f", FP_BINARY32, 32, INTEGER),
    ROW(u64_to_f32, "avx512f", FP_BINARY64, 32, INTEGER),
    ROW(u32_to_f64, "avx512f", FP_BINARY32, 64, INTEGER),
    ROW(u64_to_f64, "avx512f", FP_BINARY64, 64, INTEGER),
};

/* An integer of any size, with runs, at times next to a tie of a 24 or 53 bit significand. */
static uint64_t integer(struct rng *r)
{
    uint64_t v = rng_u64(r) >> rng_below(r, 64);
    switch (rng_below(r, 4)) {
    case 0:
        v = (v | 1) << rng_below(r, 64);
        break;
    case 1:
        v = (UINT64_C(1) << rng_below(r, 64)) + rng_below(r, 5) - 2;
        break;
    default:
        break;
    }
    return rng_u64(r) & 1 ? v : -v;
}

static void operands(const struct op *op, uint64_t v[3], struct rng *r)
{
    const struct fp_format *f = &fp_formats[op->format];
    v[0] = (uint64_t)case_operand(f, r);
    v[1] = v[2] = 0;
    bool made = rng_below(r, 4) == 0;
    switch (op->shape) {
    case UNARY:
        break;
    case QUOTIENT:
        v[1] = (uint64_t)case_partner(f, v[0], r);
        v[0] = made ? (uint64_t)case_multiple(f, v[1], r) : v[0];
        break;
    case ROOT:
        v[0] = made ? (uint64_t)case_square(f, r) : v[0];
        break;
    case FUSED:
        v[1] = (uint64_t)case_partner(f, v[0], r);
        v[2] = (uint64_t)case_addend(f, v[0], v[1], r);
        break;
    case INTEGER:
        v[0] = integer(r);
        break;
    default:
        v[1] = (uint64_t)case_partner(f, v[0], r);
    }
}

static bool host_has(const char *feature)
{
    if (!feature) {
        return true;
    }
    if (strcmp(feature, "fma") == 0) {
        return __builtin_cpu_supports("fma");
    }
    if (strcmp(feature, "avx2") == 0) { /* and F16C, which came before it */
        return __builtin_cpu_supports("avx2");
    }
    return __builtin_cpu_supports("avx512f");
}

static void compare(const struct op *op, unsigned rounding, uint32_t modes, const uint64_t v[3])
{
    uint32_t csr = MXCSR_MASKS | mxcsr_rounding[rounding] | modes;
    struct fp_env env = {
        .rules = &fp_rules_x86,
        .rounding = (uint8_t)rounding,
        .flush_inputs = modes & MXCSR_DAZ ? FP_FLUSH : FP_KEEP,
        .flush_outputs = modes & MXCSR_FTZ,
    };
    uint64_t mask = mask64(op->result_bits);
    uint64_t want = op->host(v, &csr) & mask;
    uint64_t got = op->soft(v, &env) & mask;
    CHECK_MSG(want == got && flags_of_mxcsr(csr) == env.flags,
              "%s %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " rounding %u modes %#x: %#" PRIx64
              " flags %#x, host %#" PRIx64 " flags %#x",
              op->name, v[0], v[1], v[2], rounding, modes, got, env.flags, want,
              flags_of_mxcsr(csr));
}

static void compare_all(const struct op *ops, size_t count, unsigned cases)
{
    struct rng r;
    rng_seed(&r, test_seed());
    for (size_t i = 0; i < count; i++) {
        for (unsigned n = 0; host_has(ops[i].feature) && n < cases * test_scale(); n++) {
            uint64_t v[3];
            operands(&ops[i], v, &r);
            unsigned rounding = n % 4;
            uint32_t modes = n % 16 < 8    ? 0
                             : n % 16 < 12 ? MXCSR_DAZ | MXCSR_FTZ
                             : n & 1       ? MXCSR_DAZ
                                           : MXCSR_FTZ;
            compare(&ops[i], rounding, modes, v);
        }
    }
}

TEST(arithmetic_equals_the_host)
{
    compare_all(arithmetic, array_len(arithmetic), 2000000);
}

TEST(comparisons_equal_the_host)
{
    compare_all(comparisons, array_len(comparisons), 500000);
}

TEST(conversions_equal_the_host)
{
    compare_all(conversions, array_len(conversions), 400000);
}

#else

TEST(host_comparison)
{
    SKIP("the host is no x86-64");
}

#endif
