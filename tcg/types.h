/* SPDX-License-Identifier: MIT */
/*
 * Types of IR values: a lane type and a count of lanes.
 *
 * An ir_type is lane | log2(count) << 4. Vector operands are bags of bits: an op reads them in the
 * lanes of its own type, so there is no bitcast between vectors of one size. Lane 0 is the host's
 * lane 0 (lowest address, least significant).
 */
#ifndef TCG_TYPES_H
#define TCG_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

typedef uint8_t ir_type;

enum ir_lane {
    L_VOID,
    L_I8,
    L_I16,
    L_I32,
    L_I64,
    L_I128,
    L_F16,
    L_BF16,
    L_F32,
    L_F64,
    L_F80,
    L_F128,
    L_FLAGS /* a condition flags value, see tcg/ops.h */
};

#define IR_TYPE(lane, log2_count) ((ir_type)((lane) | (log2_count) << 4))
#define T_VOID ((ir_type)L_VOID)
#define T_I8 ((ir_type)L_I8)
#define T_I16 ((ir_type)L_I16)
#define T_I32 ((ir_type)L_I32)
#define T_I64 ((ir_type)L_I64)
#define T_F16 ((ir_type)L_F16)
#define T_BF16 ((ir_type)L_BF16)
#define T_F32 ((ir_type)L_F32)
#define T_F64 ((ir_type)L_F64)
#define T_FLAGS ((ir_type)L_FLAGS)
#define T_I8X16 IR_TYPE(L_I8, 4)
#define T_I16X8 IR_TYPE(L_I16, 3)
#define T_I32X4 IR_TYPE(L_I32, 2)
#define T_I64X2 IR_TYPE(L_I64, 1)
#define T_F16X8 IR_TYPE(L_F16, 3)
#define T_F32X4 IR_TYPE(L_F32, 2)
#define T_F64X2 IR_TYPE(L_F64, 1)
#define T_F16X4                                                                                    \
    IR_TYPE(L_F16, 2) /* 64-bit vectors exist for floating-point ops only; the upper half of the   \
                         result is 0 */
#define T_F32X2 IR_TYPE(L_F32, 1)
#define T_V128 T_I64X2 /* a 128-bit vector whose lanes do not matter */
/* Wider ones, where the guest has them (struct ir_guest). */
#define T_I8X32 IR_TYPE(L_I8, 5)
#define T_I16X16 IR_TYPE(L_I16, 4)
#define T_I32X8 IR_TYPE(L_I32, 3)
#define T_I64X4 IR_TYPE(L_I64, 2)
#define T_F16X16 IR_TYPE(L_F16, 4)
#define T_F32X8 IR_TYPE(L_F32, 3)
#define T_F64X4 IR_TYPE(L_F64, 2)
#define T_V256 T_I64X4
#define T_I8X64 IR_TYPE(L_I8, 6)
#define T_I16X32 IR_TYPE(L_I16, 5)
#define T_I32X16 IR_TYPE(L_I32, 4)
#define T_I64X8 IR_TYPE(L_I64, 3)
#define T_F16X32 IR_TYPE(L_F16, 5)
#define T_F32X16 IR_TYPE(L_F32, 4)
#define T_F64X8 IR_TYPE(L_F64, 3)
#define T_V512 T_I64X8

static inline enum ir_lane ir_lane(ir_type t)
{
    return (enum ir_lane)(t & 15);
}

static inline unsigned ir_lane_count(ir_type t)
{
    return 1u << (t >> 4);
}

static inline bool ir_is_vector(ir_type t)
{
    return t >> 4 != 0;
}

/* Bits of one lane; 0 for VOID, 16 for FLAGS. */
static inline unsigned ir_lane_bits(ir_type t)
{
    static const uint8_t bits[16] = {0, 8, 16, 32, 64, 128, 16, 16, 32, 64, 80, 128, 16};

    return bits[t & 15];
}

static inline unsigned ir_type_bits(ir_type t)
{
    return ir_lane_bits(t) << (t >> 4);
}

static inline bool ir_is_wide(ir_type t)
{
    return t >= IR_TYPE(0, 2) && ir_type_bits(t) > 128; /* most have fewer lanes */
}

/* The vector of 128 bits with the lanes of t, which is a wide one. */
static inline ir_type ir_part_type(ir_type t)
{
    return IR_TYPE(ir_lane(t), 7 - log2_floor(ir_lane_bits(t)));
}

static inline unsigned ir_part_count(ir_type t)
{
    return ir_type_bits(t) / 128;
}

static inline bool ir_is_float(ir_type t)
{
    return ir_lane(t) >= L_F16 && ir_lane(t) <= L_F128;
}

/* Lives in a vector register: any vector, any floating-point scalar. */
static inline bool ir_in_vector_register(ir_type t)
{
    return ir_is_vector(t) || ir_is_float(t);
}

#endif
