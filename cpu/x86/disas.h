/* SPDX-License-Identifier: MIT */
/*
 * Text of x86 instructions in Intel syntax, as GNU objdump writes it with -M intel. The mnemonics
 * stand in the opcode map; here are the operands, and the functions that texts call by name.
 */
#ifndef CPU_X86_DISAS_H
#define CPU_X86_DISAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x86_instr;

/* Where an instruction is printed, and its address. */
struct x86_out {
    char *buf;
    size_t size, len; /* len < size, but for size 0 */
    uint64_t pc;
};

/* Starts a text in buf, which is always terminated; 100 bytes are enough. */
void x86_out_init(struct x86_out *out, char *buf, size_t size, uint64_t pc);

/* Prefixes that the row allows and that the mnemonic does not show: lock, rep and its like. */
void x86_fmt_prefixes(struct x86_out *out, const struct x86_instr *i, unsigned flags);

void x86_fmt_text(struct x86_out *out, const char *text);

/* A condition: o, no, b, ... */
void x86_fmt_cc(struct x86_out *out, unsigned cc);

/*
 * The letter of an operand size that is not the mode's usual one; of instructions that use the
 * stack; of those that load and store descriptor tables.
 */
void x86_fmt_suffix(struct x86_out *out, unsigned os, unsigned mode);
void x86_fmt_stack(struct x86_out *out, unsigned os, unsigned mode);
void x86_fmt_table(struct x86_out *out, unsigned os, unsigned mode);

/* The mnemonic of moves by an offset in the instruction, of this address size. */
void x86_fmt_moffs(struct x86_out *out, unsigned as);

/* The relation of CMPPS and its like: 8 in SSE, 32 in AVX. */
void x86_fmt_compare(struct x86_out *out, int64_t imm);

/* What XLAT addresses. */
void x86_fmt_xlat(struct x86_out *out, unsigned seg, unsigned as);

/* The letter of SYSRET and SYSEXIT: the size of the code they go to. */
void x86_fmt_sysret(struct x86_out *out, unsigned os, unsigned mode);

/* The first n operands, with the space in front of them. */
void x86_fmt_operands(struct x86_out *out, const struct x86_instr *i, unsigned n);

#endif
