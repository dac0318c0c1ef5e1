/* SPDX-License-Identifier: MIT */
/* What the printer, the parser and the verifier of IR agree on. Internal to tcg/. */
#ifndef TCG_TEXT_H
#define TCG_TEXT_H

#include "tcg/ir.h"

/* What an op's name is followed by, from aux. */
enum ir_qualifier {
    QUALIFIER_NONE,
    QUALIFIER_CONDITION,
    QUALIFIER_RELATIONS,
    QUALIFIER_ATOMIC,
    QUALIFIER_BARRIER
};

enum ir_qualifier ir_qualifier(enum ir_op op);

/* src of an instruction of that op is its operand's type; else it is T_VOID. */
bool ir_has_source_type(enum ir_op op);

/* aux is an operand that is written as a number. */
bool ir_has_aux(enum ir_op op);

/* Instruction v as a line of text. */
void ir_print_insn(const struct ir_builder *b, ir_val v, struct strbuf *out);

#define IR_MEMOP_NAMES 21
struct ir_memop_name {
    const char *name;
    memop is, of; /* in the bits of a field */
};
extern const struct ir_memop_name ir_memop_names[IR_MEMOP_NAMES];

extern const char *const ir_cond_names[16];    /* by enum ir_cond */
extern const char *const ir_relation_names[5]; /* by bit: enum ir_relation, IR_FCMP_SIGNALLING */
extern const char *const ir_atomic_names[9];   /* by enum ir_atomic */
extern const char *const ir_barrier_names[3];  /* by enum ir_barrier */

#endif
