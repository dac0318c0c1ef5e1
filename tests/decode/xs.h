/* SPDX-License-Identifier: MIT */
/* Parts of mnemonics that the sample opcode map needs. */
#ifndef TESTS_DECODE_XS_H
#define TESTS_DECODE_XS_H

#include "cpu/x86/disas.h"

/* The predicate of CMPPS. */
static inline void x86_fmt_compare(struct x86_out *out, int64_t imm)
{
    static const char *const names[8] = {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"};
    x86_fmt_text(out, names[imm & 7]);
}

#endif
