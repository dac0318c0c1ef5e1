/* SPDX-License-Identifier: MIT */
/*
 * IEEE 754 arithmetic in integers: every format, rounding mode and flag that a guest may ask for,
 * whatever the host's FPU does. The cold paths of translated code, the folder and the reference
 * interpreter use it.
 *
 * Values are bit patterns. A format is a row of fp_formats; the generic functions take the row, the
 * inline ones (f32_add ...) name it. What guests disagree on (which NaN wins, what counts as tiny,
 * ...) is a struct fp_rules, a const row the guest names; what a guest's control register changes
 * is in struct fp_env.
 *
 * Specification: IEEE 754-2019; for the Arm rows the pseudocode of DDI 0487,
 * shared/functions/float; for the x86 row SDM volume 1, chapters 4 and 11. Exceptions that trap are
 * the caller's, who looks at the flags; see fp_env.trapped.
 *
 * Any thread; no function keeps state outside its arguments. None fails.
 */
#ifndef BASE_SOFTFLOAT_H
#define BASE_SOFTFLOAT_H

#include "base/bits.h"

/* A bit pattern of any format, in the low bits; the others are 0. */
typedef u128 fp_bits;

/* The first four are numbered as Arm's FPCR.RMode. */
enum fp_rounding {
    FP_RNE, /* to nearest, ties to even */
    FP_RUP, /* towards +infinity */
    FP_RDN, /* towards -infinity */
    FP_RTZ, /* towards zero */
    FP_RNA, /* to nearest, ties away from zero */
    FP_ROD, /* to odd: truncate, then set the last bit if inexact */
};

/* Sticky flags, numbered as in Arm's FPSR. */
enum fp_flag {
    FP_INVALID = 1 << 0,
    FP_DIVZERO = 1 << 1,
    FP_OVERFLOW = 1 << 2,
    FP_UNDERFLOW = 1 << 3,
    FP_INEXACT = 1 << 4,
    FP_DENORMAL =
        1 << 7, /* Arm IDC, x86 DE: a denormal operand was flushed or used, by the rules */
};

/* What happens to denormal operands (of all formats but binary16, see flush_half). */
enum fp_flush {
    FP_KEEP,          /* they are used as they are */
    FP_FLUSH,         /* they are read as zeros of their sign */
    FP_FLUSH_FLAGGED, /* so, and FP_DENORMAL is raised */
};

enum fp_nan_choice {
    FP_NAN_SIGNALING_FIRST, /* the first signaling operand, else the first quiet one */
    FP_NAN_FIRST,           /* the first operand that is a NaN */
    FP_NAN_GREATER,         /* a quiet before a signaling one, else the greater significand (x87) */
};

/* (infinity * 0) + quiet NaN in a fused multiply-add */
enum fp_muladd_invalid {
    FP_MULADD_DEFAULT_NAN, /* invalid, the default NaN */
    FP_MULADD_QUIET,       /* the addend, no flag */
    FP_MULADD_INVALID,     /* the addend, and invalid */
};

enum fp_int_overflow {
    FP_INT_SATURATE,   /* the nearest integer there is; of a NaN 0 */
    FP_INT_INDEFINITE, /* the least signed integer, or the greatest unsigned one */
};

/* What an architecture decides where IEEE 754 leaves a choice. */
struct fp_rules {
    const char *name;
    uint8_t nan_choice;        /* enum fp_nan_choice */
    uint8_t muladd_order[3];   /* operands of a*b+c in order of choice: 0 is a, 1 b, 2 c */
    uint8_t muladd_invalid;    /* enum fp_muladd_invalid */
    uint8_t int_overflow;      /* enum fp_int_overflow */
    bool default_nan_negative; /* sign of the default NaN; it is quiet with no other bit set */
    bool tiny_after_rounding;  /* underflow and flushing look at the rounded value */
    bool flush_is_inexact;     /* a flushed result raises FP_INEXACT beside FP_UNDERFLOW */
    bool flush_apart;          /* results and operands are flushed by a switch each, and operands
                                  raise nothing */
    bool flag_denormals;       /* a denormal operand that is used raises FP_DENORMAL */
    bool nan_signs_stay;       /* negation, also in a fused multiply-add, leaves NaNs alone */
    bool quiet_bfloat16;       /* to bfloat16: to nearest, denormals flushed, without flags */
    bool minmax_second;        /* min, max: the second operand if one is a NaN or both are zeros */
};

extern const struct fp_rules fp_rules_arm;    /* FPCR.AH = 0, and AArch32 */
extern const struct fp_rules fp_rules_arm_ah; /* FPCR.AH = 1 (FEAT_AFP) */
extern const struct fp_rules fp_rules_x86;    /* SSE, AVX */
extern const struct fp_rules fp_rules_x87;

struct fp_env {
    const struct fp_rules *rules;
    uint32_t flags;        /* enum fp_flag; functions only set bits */
    uint8_t rounding;      /* enum fp_rounding */
    uint8_t flush_inputs;  /* enum fp_flush */
    bool flush_outputs;    /* results too small to be normal become zeros */
    bool flush_half;       /* binary16: operands and results, without FP_DENORMAL (Arm FZ16) */
    bool default_nan;      /* a NaN result is the default NaN */
    uint8_t x87_precision; /* of FP_X87 arithmetic: 24 or 53 bits, or 0, which is all 64 */
    uint8_t trapped;       /* FP_OVERFLOW, FP_UNDERFLOW: the result is delivered with its exponent
                              wrapped (IEEE 754-1985, 7.3 and 7.4), a tiny one also if it is exact */
};

enum fp_format_id {
    FP_BINARY16,
    FP_BINARY16_ALT, /* Arm's alternative half precision: no infinities, no NaNs */
    FP_BFLOAT16,
    FP_BINARY32,
    FP_BINARY64,
    FP_X87, /* 80 bits: sign, 15 bits of exponent, 64 of significand */
    FP_BINARY128,
    FP_FORMATS,
};

struct fp_format {
    const char *name;
    uint8_t width; /* bits in all */
    uint8_t exp_bits;
    uint8_t frac_bits; /* below the leading one */
    bool no_specials;  /* the greatest exponent is one like the others */
    bool explicit_one; /* the leading one is stored, above the fraction */
    bool is_half;      /* flush_half is its flag, and its denormals never raise FP_DENORMAL */
    int32_t bias;
};

extern const struct fp_format fp_formats[FP_FORMATS];

enum fp_order {
    FP_LESS = -1,
    FP_EQUAL = 0,
    FP_GREATER = 1,
    FP_UNORDERED = 2,
};

/* An integer or fixed-point type: width is 8 to 64, fraction at most 64 of its bits are below 1. */
struct fp_fixed {
    uint8_t width;
    uint8_t fraction;
    bool is_signed;
};

/*
 * The functions below take operands of format f, round by env->rounding (or by the mode they are
 * given), and add to env->flags.
 */
fp_bits fp_add(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_sub(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_mul(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
/* As fp_mul, but infinity times zero is 2, with the product's sign. */
fp_bits fp_mul_extended(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_div(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_sqrt(const struct fp_format *f, fp_bits a, struct fp_env *env);

/* a - b*n, n the integer nearest to a/b (ties to even); exact. */
fp_bits fp_rem(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);

/* a*b + c, rounded once. A guest that negates does so on the operands. */
fp_bits fp_muladd(const struct fp_format *f, fp_bits a, fp_bits b, fp_bits c, struct fp_env *env);

/* The same with factors of a narrower format than the addend and result, which are of format f. */
fp_bits fp_muladd_from(const struct fp_format *factors, const struct fp_format *f,
                       const fp_bits operands[3], struct fp_env *env);

/* min and max: a NaN operand makes a NaN (but see rules->minmax_second); -0 is less than +0. */
fp_bits fp_min(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_max(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);

/* minNum and maxNum of IEEE 754-2008: one quiet NaN yields the other operand. */
fp_bits fp_minnum(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);
fp_bits fp_maxnum(const struct fp_format *f, fp_bits a, fp_bits b, struct fp_env *env);

/* FP_INVALID for a signaling NaN; if signaling, for any NaN. */
enum fp_order fp_compare(const struct fp_format *f, fp_bits a, fp_bits b, bool signaling,
                         struct fp_env *env);

/* To an integral value of the same format; FP_INEXACT is raised only if exact. */
fp_bits fp_round_to_int(const struct fp_format *f, fp_bits a, unsigned rounding, bool exact,
                        struct fp_env *env);

/* From one format to another. flush_half plays no part. A NaN keeps the top of its payload. */
fp_bits fp_convert(const struct fp_format *from, const struct fp_format *to, fp_bits a,
                   struct fp_env *env);

/* The result is in the low `width` bits, sign-extended to 64 if signed. Out of range: FP_INVALID
 * alone. */
uint64_t fp_to_fixed(const struct fp_format *f, fp_bits a, struct fp_fixed as, unsigned rounding,
                     struct fp_env *env);

/* From binary64 to 32 bits, towards zero and modulo 2^32. Where a signed integer of 32 bits does
 * not hold it: FP_INVALID alone. *exact: nothing was lost, nor the sign of a zero. */
uint32_t fp_to_modular(uint64_t a, bool *exact, struct fp_env *env);

/* From binary32 to bfloat16; see rules->quiet_bfloat16. */
uint16_t fp_to_bfloat16(uint32_t a, struct fp_env *env);

/* Only the low `width` bits of v count. */
fp_bits fp_from_fixed(const struct fp_format *f, uint64_t v, struct fp_fixed as,
                      struct fp_env *env);

/* The default NaN, and infinity and the greatest number of the given sign. */
fp_bits fp_default_nan(const struct fp_format *f, const struct fp_rules *rules);
fp_bits fp_infinity(const struct fp_format *f, bool sign);
fp_bits fp_greatest(const struct fp_format *f, bool sign);

/* Of the bit pattern alone. */
bool fp_is_nan(const struct fp_format *f, fp_bits a);
bool fp_is_signaling(const struct fp_format *f, fp_bits a);

/* The same by format: f32_add(a, b, &env), f64_to_i32(a, FP_RTZ, &env), f16_from_u64(v, &env) ...
 */
#define FP_FORMAT_FUNCTIONS(p, type, row)                                                          \
    static inline type p##_add(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_add(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_sub(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_sub(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_mul(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_mul(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_div(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_div(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_rem(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_rem(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_sqrt(type a, struct fp_env *env)                                        \
    {                                                                                              \
        return (type)fp_sqrt(row, a, env);                                                         \
    }                                                                                              \
    static inline type p##_muladd(type a, type b, type c, struct fp_env *env)                      \
    {                                                                                              \
        return (type)fp_muladd(row, a, b, c, env);                                                 \
    }                                                                                              \
    static inline type p##_min(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_min(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_max(type a, type b, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_max(row, a, b, env);                                                       \
    }                                                                                              \
    static inline type p##_minnum(type a, type b, struct fp_env *env)                              \
    {                                                                                              \
        return (type)fp_minnum(row, a, b, env);                                                    \
    }                                                                                              \
    static inline type p##_maxnum(type a, type b, struct fp_env *env)                              \
    {                                                                                              \
        return (type)fp_maxnum(row, a, b, env);                                                    \
    }                                                                                              \
    static inline enum fp_order p##_compare(type a, type b, bool signaling, struct fp_env *env)    \
    {                                                                                              \
        return fp_compare(row, a, b, signaling, env);                                              \
    }                                                                                              \
    static inline type p##_round_to_int(type a, unsigned rounding, bool exact, struct fp_env *env) \
    {                                                                                              \
        return (type)fp_round_to_int(row, a, rounding, exact, env);                                \
    }                                                                                              \
    static inline uint64_t p##_to_fixed(type a, struct fp_fixed as, unsigned rounding,             \
                                        struct fp_env *env)                                        \
    {                                                                                              \
        return fp_to_fixed(row, a, as, rounding, env);                                             \
    }                                                                                              \
    static inline type p##_from_fixed(uint64_t v, struct fp_fixed as, struct fp_env *env)          \
    {                                                                                              \
        return (type)fp_from_fixed(row, v, as, env);                                               \
    }                                                                                              \
    static inline int32_t p##_to_i32(type a, unsigned rounding, struct fp_env *env)                \
    {                                                                                              \
        return (int32_t)fp_to_fixed(row, a, (struct fp_fixed){32, 0, true}, rounding, env);        \
    }                                                                                              \
    static inline uint32_t p##_to_u32(type a, unsigned rounding, struct fp_env *env)               \
    {                                                                                              \
        return (uint32_t)fp_to_fixed(row, a, (struct fp_fixed){32, 0, false}, rounding, env);      \
    }                                                                                              \
    static inline int64_t p##_to_i64(type a, unsigned rounding, struct fp_env *env)                \
    {                                                                                              \
        return (int64_t)fp_to_fixed(row, a, (struct fp_fixed){64, 0, true}, rounding, env);        \
    }                                                                                              \
    static inline uint64_t p##_to_u64(type a, unsigned rounding, struct fp_env *env)               \
    {                                                                                              \
        return fp_to_fixed(row, a, (struct fp_fixed){64, 0, false}, rounding, env);                \
    }                                                                                              \
    static inline type p##_from_i32(int32_t v, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_from_fixed(row, (uint32_t)v, (struct fp_fixed){32, 0, true}, env);         \
    }                                                                                              \
    static inline type p##_from_u32(uint32_t v, struct fp_env *env)                                \
    {                                                                                              \
        return (type)fp_from_fixed(row, v, (struct fp_fixed){32, 0, false}, env);                  \
    }                                                                                              \
    static inline type p##_from_i64(int64_t v, struct fp_env *env)                                 \
    {                                                                                              \
        return (type)fp_from_fixed(row, (uint64_t)v, (struct fp_fixed){64, 0, true}, env);         \
    }                                                                                              \
    static inline type p##_from_u64(uint64_t v, struct fp_env *env)                                \
    {                                                                                              \
        return (type)fp_from_fixed(row, v, (struct fp_fixed){64, 0, false}, env);                  \
    }                                                                                              \
    static inline bool p##_is_nan(type a)                                                          \
    {                                                                                              \
        return fp_is_nan(row, a);                                                                  \
    }                                                                                              \
    static inline bool p##_is_signaling(type a)                                                    \
    {                                                                                              \
        return fp_is_signaling(row, a);                                                            \
    }

FP_FORMAT_FUNCTIONS(f16, uint16_t, &fp_formats[FP_BINARY16])
FP_FORMAT_FUNCTIONS(bf16, uint16_t, &fp_formats[FP_BFLOAT16])
FP_FORMAT_FUNCTIONS(f32, uint32_t, &fp_formats[FP_BINARY32])
FP_FORMAT_FUNCTIONS(f64, uint64_t, &fp_formats[FP_BINARY64])
FP_FORMAT_FUNCTIONS(f80, fp_bits, &fp_formats[FP_X87])
FP_FORMAT_FUNCTIONS(f128, fp_bits, &fp_formats[FP_BINARY128])
#undef FP_FORMAT_FUNCTIONS

/* f32_to_f64(a, &env) ... */
#define FP_CONVERSION(from, from_type, from_row, to, to_type, to_row)                              \
    static inline to_type from##_to_##to(from_type a, struct fp_env *env)                          \
    {                                                                                              \
        return (to_type)fp_convert(&fp_formats[from_row], &fp_formats[to_row], a, env);            \
    }
FP_CONVERSION(f16, uint16_t, FP_BINARY16, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f16, uint16_t, FP_BINARY16, f64, uint64_t, FP_BINARY64)
FP_CONVERSION(f16alt, uint16_t, FP_BINARY16_ALT, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f16alt, uint16_t, FP_BINARY16_ALT, f64, uint64_t, FP_BINARY64)
FP_CONVERSION(bf16, uint16_t, FP_BFLOAT16, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, f16, uint16_t, FP_BINARY16)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, f16alt, uint16_t, FP_BINARY16_ALT)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, bf16, uint16_t, FP_BFLOAT16)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, f64, uint64_t, FP_BINARY64)
FP_CONVERSION(f64, uint64_t, FP_BINARY64, f16, uint16_t, FP_BINARY16)
FP_CONVERSION(f64, uint64_t, FP_BINARY64, f16alt, uint16_t, FP_BINARY16_ALT)
FP_CONVERSION(f64, uint64_t, FP_BINARY64, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, f80, fp_bits, FP_X87)
FP_CONVERSION(f64, uint64_t, FP_BINARY64, f80, fp_bits, FP_X87)
FP_CONVERSION(f80, fp_bits, FP_X87, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f80, fp_bits, FP_X87, f64, uint64_t, FP_BINARY64)
FP_CONVERSION(f32, uint32_t, FP_BINARY32, f128, fp_bits, FP_BINARY128)
FP_CONVERSION(f64, uint64_t, FP_BINARY64, f128, fp_bits, FP_BINARY128)
FP_CONVERSION(f128, fp_bits, FP_BINARY128, f32, uint32_t, FP_BINARY32)
FP_CONVERSION(f128, fp_bits, FP_BINARY128, f64, uint64_t, FP_BINARY64)
#undef FP_CONVERSION

#endif
