/* SPDX-License-Identifier: MIT */
/* The table form of tcg/ops.h, and the names of types. */
#include <string.h>

#include "base/bits.h"
#include "tcg/opinfo.h"

enum {
    NOEFFECT = IR_NOEFFECT,
    PURE = IR_PURE,
    READS_FPENV = IR_READS_FPENV,
    STICKY = IR_STICKY,
    READS_STATE = IR_READS_STATE,
    WRITES_STATE = IR_WRITES_STATE,
    LOADS = IR_LOADS,
    STORES = IR_STORES,
    MAY_EXIT = IR_MAY_EXIT,
    ENDS = IR_ENDS,
    COMMUTES = IR_COMMUTES,
    LIFTS = IR_LIFTS,
    SOURCE = IR_SOURCE,
    SHIFT = IR_SHIFT,
    ROTATE = IR_ROTATE
};

/* Operands of each shape. */
enum {
    N_NUL = 0,
    N_UN = 1,
    N_BIN = 2,
    N_TRI = 3,
    N_UNI = 1,
    N_BINI = 2,
    N_TRII = 3,
    N_CVT = 1,
    N_CVTI = 1,
    N_CONST = 0,
    N_GET = 0,
    N_PUT = 1,
    N_ENV = 1,
    N_MEM = 3,
    N_CALLS = 3,
    N_PC = 1,
    N_END = 3
};

/* Computations and memory ops fold; state, calls and control are dealt with where they are built.
 */
enum {
    FOLDS_NUL = 0,
    FOLDS_UN = IR_FOLDS,
    FOLDS_BIN = IR_FOLDS,
    FOLDS_TRI = IR_FOLDS,
    FOLDS_UNI = IR_FOLDS,
    FOLDS_BINI = IR_FOLDS,
    FOLDS_TRII = IR_FOLDS,
    FOLDS_CVT = IR_FOLDS,
    FOLDS_CVTI = IR_FOLDS,
    FOLDS_CONST = 0,
    FOLDS_GET = 0,
    FOLDS_PUT = 0,
    FOLDS_ENV = 0,
    FOLDS_MEM = IR_FOLDS,
    FOLDS_CALLS = 0,
    FOLDS_PC = 0,
    FOLDS_END = 0
};

/* "EV(" and "NOEVAL" start the evaluators that are no expressions. */
#define IS_EXPRESSION(text)                                                                        \
    ((text)[0] == 'E' && (text)[1] == 'V'   ? 0                                                    \
     : (text)[0] == 'N' && (text)[1] == 'O' ? 0                                                    \
                                            : IR_EXPRESSION)

const struct ir_op_info ir_ops[IR_OP_COUNT] = {
#define OP(name, shape, effects, evaluator)                                                        \
    [IR_##name] = {#name, SHAPE_##shape, N_##shape,                                                \
                   (effects) | IS_EXPRESSION(#evaluator) | FOLDS_##shape},
#include "tcg/ops.h"
#undef OP
};

const char *const ir_shape_names[] = {"NUL",  "UN",  "BIN",   "TRI",   "UNI", "BINI",
                                      "TRII", "CVT", "CVTI",  "CONST", "GET", "PUT",
                                      "ENV",  "MEM", "CALLS", "PC",    "END"};

static const struct {
    const char *name;
    ir_type type;
} type_names[] = {
    {"void", T_VOID},
    {"i8", T_I8},
    {"i16", T_I16},
    {"i32", T_I32},
    {"i64", T_I64},
    {"i128", (ir_type)L_I128},
    {"f16", T_F16},
    {"bf16", T_BF16},
    {"f32", T_F32},
    {"f64", T_F64},
    {"f80", (ir_type)L_F80},
    {"f128", (ir_type)L_F128},
    {"flags", T_FLAGS},
    {"i8x16", T_I8X16},
    {"i16x8", T_I16X8},
    {"i32x4", T_I32X4},
    {"i64x2", T_I64X2},
    {"f16x8", T_F16X8},
    {"f32x4", T_F32X4},
    {"f64x2", T_F64X2},
    {"f16x4", T_F16X4},
    {"f32x2", T_F32X2},
    {"bf16x8", IR_TYPE(L_BF16, 3)},
    {"i8x32", T_I8X32},
    {"i16x16", T_I16X16},
    {"i32x8", T_I32X8},
    {"i64x4", T_I64X4},
    {"f16x16", T_F16X16},
    {"f32x8", T_F32X8},
    {"f64x4", T_F64X4},
    {"i8x64", T_I8X64},
    {"i16x32", T_I16X32},
    {"i32x16", T_I32X16},
    {"i64x8", T_I64X8},
    {"f16x32", T_F16X32},
    {"f32x16", T_F32X16},
    {"f64x8", T_F64X8},
};

const char *ir_type_name(ir_type t)
{
    for (size_t i = 0; i < array_len(type_names); i++) {
        if (type_names[i].type == t) {
            return type_names[i].name;
        }
    }
    return "?";
}

bool ir_type_from_name(const char *text, size_t len, ir_type *t)
{
    for (size_t i = 0; i < array_len(type_names); i++) {
        if (strlen(type_names[i].name) == len && memcmp(type_names[i].name, text, len) == 0) {
            *t = type_names[i].type;
            return true;
        }
    }
    return false;
}
