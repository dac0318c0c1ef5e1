/* SPDX-License-Identifier: MIT */
/* One builder function for each plain op of tcg/ops.h: ir_add(b, x, y), ir_not(b, x), ir_extr(b, x,
 * y, n) … */
#ifndef TCG_BUILD_H
#define TCG_BUILD_H

#include "tcg/ir.h"

#define BUILD_UN(name)                                                                             \
    static inline ir_val ir_##name(struct ir_builder *b, ir_val x)                                 \
    {                                                                                              \
        return ir_emit(                                                                            \
            b, (struct ir_insn){.op = IR_##name, .type = ir_type_of(b, x), .a = (uint16_t)x});     \
    }
#define BUILD_BIN(name)                                                                            \
    static inline ir_val ir_##name(struct ir_builder *b, ir_val x, ir_val y)                       \
    {                                                                                              \
        return ir_emit(b, (struct ir_insn){.op = IR_##name,                                        \
                                           .type = ir_type_of(b, x),                               \
                                           .a = (uint16_t)x,                                       \
                                           .b = (uint16_t)y});                                     \
    }
#define BUILD_TRI(name)                                                                            \
    static inline ir_val ir_##name(struct ir_builder *b, ir_val x, ir_val y, ir_val z)             \
    {                                                                                              \
        return ir_emit(b, (struct ir_insn){.op = IR_##name,                                        \
                                           .type = ir_type_of(b, name##_typed_by),                 \
                                           .a = (uint16_t)x,                                       \
                                           .b = (uint16_t)y,                                       \
                                           .c = (uint16_t)z});                                     \
    }
#define BUILD_BINI(name)                                                                           \
    static inline ir_val ir_##name(struct ir_builder *b, ir_val x, ir_val y, unsigned n)           \
    {                                                                                              \
        return ir_emit(b, (struct ir_insn){.op = IR_##name,                                        \
                                           .type = ir_type_of(b, x),                               \
                                           .a = (uint16_t)x,                                       \
                                           .b = (uint16_t)y,                                       \
                                           .aux = n});                                             \
    }

/* clang-format off */
BUILD_BIN(add) BUILD_BIN(sub) BUILD_BIN(mul) BUILD_BIN(umulh) BUILD_BIN(smulh) BUILD_BIN(udiv)
BUILD_BIN(sdiv) BUILD_BIN(urem) BUILD_BIN(srem) BUILD_BIN(and) BUILD_BIN(or) BUILD_BIN(xor)
BUILD_BIN(andn) BUILD_BIN(shl) BUILD_BIN(shr) BUILD_BIN(sar) BUILD_BIN(rotr) BUILD_BIN(smin)
BUILD_BIN(smax) BUILD_BIN(umin) BUILD_BIN(umax)
BUILD_UN(not) BUILD_UN(neg) BUILD_UN(abs) BUILD_UN(clz) BUILD_UN(ctz) BUILD_UN(popcnt)
BUILD_UN(bswap) BUILD_UN(rbit) BUILD_UN(flags_cmc)
BUILD_BINI(extr) BUILD_BINI(crc32) BUILD_BINI(crc32c)
#define adc_typed_by x
#define sbb_typed_by x
#define select_typed_by y
#define flags_select_typed_by y
BUILD_TRI(adc) BUILD_TRI(sbb) BUILD_TRI(select) BUILD_TRI(flags_select)
/* clang-format on */
#undef adc_typed_by
#undef sbb_typed_by
#undef select_typed_by
#undef flags_select_typed_by
#undef BUILD_UN
#undef BUILD_BIN
#undef BUILD_TRI
#undef BUILD_BINI

                            static inline ir_val ir_flags_from(struct ir_builder *b, ir_val bits)
{
    return ir_emit(b, (struct ir_insn){
                          .op = IR_flags_from, .type = T_FLAGS, .src = T_I32, .a = (uint16_t)bits});
}

static inline ir_val ir_flags_bits(struct ir_builder *b, ir_val flags)
{
    return ir_emit(
        b,
        (struct ir_insn){.op = IR_flags_bits, .type = T_I32, .src = T_FLAGS, .a = (uint16_t)flags});
}

#endif
