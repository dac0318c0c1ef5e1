/* SPDX-License-Identifier: MIT */
/*
 * What the text of an instruction tells the generator of test cases: its memory operand, the
 * registers it names, the width of its vector elements. The disassembler derives from the decode
 * rows, so that every row is covered without a second table.
 */
#ifndef TESTS_SUPPORT_A64_TEXT_H
#define TESTS_SUPPORT_A64_TEXT_H

#include <stdbool.h>
#include <stdint.h>

/* [base, #offset] or [base, index, extend #shift]; post-indexed forms have no offset. */
struct a64_memory {
    unsigned base;  /* 31 is SP */
    int index;      /* register, 31 is XZR, or -1 */
    unsigned width; /* of index, in bits: 32 or 64 */
    bool is_signed; /* index extends with its sign */
    unsigned shift;
    int64_t offset;
    int post;         /* register that is added afterwards, or -1 */
    bool writes_back; /* by that, or a constant */
};

/* False if the instruction has no such operand (or that of a memory copy or set). */
bool a64_memory_operand(uint32_t insn, struct a64_memory *m);

/* What index holds, extended and shifted. */
uint64_t a64_index_value(const struct a64_memory *m, uint64_t x);

/* The logarithm of the bytes of the elements, or scalars, that are named last: a source. -1: none.
 */
int a64_element(uint32_t insn);

/* Bit n: general register n is named; bit 31: SP. The same for vector registers, lists included. */
void a64_registers(uint32_t insn, uint32_t *general, uint32_t *vector);

#endif
