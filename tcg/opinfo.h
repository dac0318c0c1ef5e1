/* SPDX-License-Identifier: MIT */
/* What tcg/ops.h says of each op, as a table: name, shape, effects. */
#ifndef TCG_OPINFO_H
#define TCG_OPINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg/ir.h"

/* The shapes of tcg/ops.h. */
enum ir_shape {
    SHAPE_NUL,
    SHAPE_UN,
    SHAPE_BIN,
    SHAPE_TRI,
    SHAPE_UNI,
    SHAPE_BINI,
    SHAPE_TRII,
    SHAPE_CVT,
    SHAPE_CVTI,
    SHAPE_CONST,
    SHAPE_GET,
    SHAPE_PUT,
    SHAPE_ENV,
    SHAPE_MEM,
    SHAPE_CALLS,
    SHAPE_PC,
    SHAPE_END
};

enum ir_effects {
    IR_NOEFFECT = 0,
    IR_PURE = 1 << 0,
    IR_READS_FPENV = 1 << 1,
    IR_STICKY = 1 << 2,
    IR_READS_STATE = 1 << 3,
    IR_WRITES_STATE = 1 << 4,
    IR_LOADS = 1 << 5,
    IR_STORES = 1 << 6,
    IR_MAY_EXIT = 1 << 7,
    IR_ENDS = 1 << 8,
    IR_COMMUTES = 1 << 9,
    IR_LIFTS = 1 << 10,
    IR_EXPRESSION = 1 << 11, /* the evaluator is an expression over integers, not EV or NOEVAL */
    IR_FOLDS = 1 << 12,      /* the folder may know something better */
    IR_SOURCE = 1 << 13,
    IR_SHIFT = 1 << 14,
    IR_ROTATE = 1 << 15
};

struct ir_op_info {
    const char *name;
    uint8_t shape;    /* enum ir_shape */
    uint8_t operands; /* of the shape; 3 where it depends on the instruction (MEM, CALLS) */
    uint16_t effects; /* enum ir_effects */
};

/* By enum ir_op. */
extern const struct ir_op_info ir_ops[IR_OP_COUNT];
extern const char *const ir_shape_names[];

/* It gives the flags of a shift or a rotation. */
static inline bool ir_gives_moved_flags(unsigned op)
{
    return ir_ops[op].effects & (IR_SHIFT | IR_ROTATE);
}

/* Text of type t, such as "i64", "f32x4", "flags". Static. */
const char *ir_type_name(ir_type t);

/* The type named by the first len characters at text in *t; false if there is none. */
bool ir_type_from_name(const char *text, size_t len, ir_type *t);

#endif
