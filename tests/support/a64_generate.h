/* SPDX-License-Identifier: MIT */
/* Makes test cases from the decode rows: single instructions with what they need around, sequences.
 */
#ifndef TESTS_SUPPORT_A64_GENERATE_H
#define TESTS_SUPPORT_A64_GENERATE_H

#include "tests/support/a64_case.h"

/* Why this row is not executed by cases, or NULL. */
const char *a64_row_elsewhere(unsigned row);

/* What batches are made of. */
enum a64_kind {
    A64_SINGLE_EL0, /* each row in turn, at EL0 */
    A64_SINGLE_EL1, /* each row in turn, at EL1, those included that EL0 cannot execute */
    A64_SEQUENCE,   /* random instructions, each using what the earlier ones left */
    A64_PAUTH,      /* the rows of pointer authentication, at EL1: for another algorithm */
    A64_KINDS
};
extern const char *const a64_kind_names[A64_KINDS];

/*
 * A batch of count cases, allocated: the same for the same kind, seed and row (A64_ROW_NONE: all
 * rows in turn).
 */
struct a64_batch *a64_generate(enum a64_kind kind, uint64_t seed, unsigned count, unsigned row);
void a64_batch_free(struct a64_batch *b);

/* ---- for the parts of the generator */

struct a64_maker {
    struct rng *rng;
    struct a64_batch *batch;
    struct a64_case *c;
    uint64_t slot; /* address of the case's code */
    bool el1;
};

/* Appends an instruction to the case. */
static inline void a64_emit(struct a64_maker *m, uint32_t insn)
{
    m->c->insn[m->c->count++] = insn;
}

/* A random instruction of the row that the architecture defines. False: there is none. */
bool a64_random_insn(struct rng *r, unsigned row, uint32_t *insn);

/* Is what the instruction does left open by the architecture (CONSTRAINED UNPREDICTABLE)? */
bool a64_unpredictable(unsigned row, uint32_t insn);

/* Sets the registers of the memory operand so that it lies in or near the window. */
void a64_aim(struct a64_maker *m, uint32_t insn);

/*
 * Makes the case of an instruction that needs others around, or values it alone asks for; false:
 * the row has no recipe, and the instruction can stand alone.
 */
bool a64_recipe(struct a64_maker *m, unsigned row, uint32_t insn);

/* Fills the case with random instructions that use what earlier ones left: straight, or with
 * branches. */
void a64_make_sequence(struct a64_maker *m);

/* Can the row not be executed at EL0 or under Linux, or only with an outcome that Linux hides? */
bool a64_row_system(unsigned row);
/* Does the result depend on the keys and the algorithm of pointer authentication? */
bool a64_row_pauth(unsigned row);
/* May the row stand in a random sequence at EL0? */
bool a64_row_in_sequences(unsigned row);
/*
 * Bits of FPCR with which the reference is known to do otherwise: a sequence does not have them,
 * since what follows would differ, too.
 */
uint64_t a64_fpcr_unlike(unsigned row);

#endif
