/* SPDX-License-Identifier: MIT */
/*
 * decgen: reads the instruction rows of an architecture and writes C.
 *
 *     decgen FILE... -o PREFIX
 *
 * writes PREFIX.h (operand structs, prototypes of the semantic functions, row numbers, coverage
 * map), PREFIX.c (the rows as a table, the look-up, the text for the disassembler),
 * PREFIX_translate.c (calls the semantic function of an instruction; apart from the others, so that
 * the decoder links without the semantics), PREFIX_random.c (random instructions of each row, for
 * tests) and PREFIX.md (the rows as a table for readers).
 *
 * The input is made of lines; an indented line continues the one above; # starts a comment.
 *
 *     isa NAME                    rows are words; NAME is the prefix of all names, the context is
 *                                 struct NAME_block
 *     opmap NAME                  rows are of an x86 opcode map instead: see below
 *     include "FILE"              header with the functions that texts and conditions call
 *     feature NAME "TEXT"         a feature that rows may ask for; "base" always exists
 *     units BITS little|big|either    instructions are made of units of 16 or 32 bits; either: the
 *                                 guest chooses the order of bytes. Else: 32 little
 *     length BITS PATTERN...      one whose first unit begins with the bits PATTERN is so long
 *     length BITS otherwise       all others; the last of the lengths. Else: one unit
 *     NAME[/FORM] BITS... [OPERAND=PARTS]... "TEXT" FEATURES [where COND] [over NAME...]
 *         [alias COND "TEXT"]...
 *
 * BITS, from the first unit's highest bit on: 0 and 1 are fixed, so are 0xB9 (four bits a digit)
 * and =31:6 (number and width); a dot is ignored; name:W is an unsigned operand of W bits, name:sW
 * a signed one. A row is as long as its bits, which must agree with the lengths declared.
 * OPERAND=PARTS makes an operand of earlier ones and constants, most significant first, as in
 * off=s(immhi:immlo:00), s() meaning signed; what it is made of is then no operand of its own,
 * unless written +name; !name is its complement. name:W[L..H], L and H + 1 powers of two, stands
 * for a row for each power of two that the operand may have as its highest bit. Rows of one NAME
 * share operands and semantic function; FORM tells them apart.
 *
 * TEXT is copied, but {f(x, y)} calls ISA_fmt_f(out, x, y), {r} calls ISA_fmt_r(out).
 * COND is a C expression of operands; f(x) in it calls ISA_fn_f(x).
 * FEATURES is a list "a, b when COND". A row applies when its fixed bits, its where condition and
 * its features do; else the row it is declared to be "over" is tried, then there is no instruction.
 *
 * Refused: rows that overlap, unless one is "over" the other and fixes strictly more bits; rows
 * that can never apply because others cover them; rows of one name with different operands.
 *
 * Rows of an opcode map are written as in the Intel SDM, volume 2:
 *
 *     NAME[/FORM] ENCODING [OPERAND, ...] ["TEXT"] [ATTRIBUTE...] FEATURES [where COND]
 *         [over NAME...] [alias COND "TEXT" [N]]...
 *
 *     add       01 /r                         Ev, Gv          lock    base
 *     addps     VEX.NP.0F.WIG 58 /r           Vps, Hps, Wps           avx
 *
 * ENCODING, as in section 3.1.1.1: prefixes, opcode, ModRM.
 *     NP (none of 66, F2, F3), NFx (neither F2 nor F3), 66, F3, F2: mandatory prefixes; without
 * any, 66 is the operand size and F2 and F3 are ignored or repeat. REX.W or W0: asked for.
 *     VEX.128.66.0F38.W0: 128, 256, LIG, LZ, L0, L1; NP, 66, F3, F2; 0F, 0F38, 0F3A; W0, W1, WIG.
 * No prefix means NP; no length or W, either. 0F, 0F 38, 0F 3A and the opcode byte, with +r (a
 * register in its low three bits) or +cc (a condition in its low four). /r (ModRM follows), /0 to
 * /7 (its reg field), D0 (all of it), C0+i (rm is a register number), 11:rrr:bbb and !(11):rrr:bbb
 * (registers only, memory only; or bits for rrr and bbb). OPERAND, as in appendix A.2: Ev, Gb, Iz,
 * Vps and so on, and what an opcode implies: AL, CL, DX, eAX, rAX, 1, CS, ST, STi, XMM0.
 * Immediates, offsets and is4 bytes are read in the order of the operands that need them. Not of
 * the manual: Zv is the register of +r, sIb a byte extended by its sign, vm32x VSIB as in the
 * instructions' pages, Ux/Mq one type for registers and another for memory, type t ten bytes.
 * cpu/x86/insn.h lists all. name=Ev gives the operand's name in the operand struct; else they are
 * dst, src, src2, src3. TEXT is the mnemonic, NAME if there is none; operands follow it by
 * themselves, the first N if an alias says so. COND is about members of struct x86_instr; functions
 * in both are x86_. ATTRIBUTE: lock (allowed, with a memory operand), rep, repz (F3 and F2 repeat;
 * also by ZF); i64, o64, d64, f64 as in appendix A.2.5; os16, os32, os64, as16, as32, as64 (only
 * with this operand or address size); modreg (ModRM.mod is ignored: rm is a register).
 *
 * What is refused is the same: two rows may not apply to one instruction unless one is over the
 * other and asks for strictly more.
 */
#include "tools/decgen.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void decgen_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void finish(FILE *f, const char *path)
{
    if (fflush(f) != 0 || ferror(f) || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_all(const struct isa *isa, const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    const char *header = mem_printf("%s.h", slash ? slash + 1 : prefix);

    char *path = mem_printf("%s.h", prefix);
    FILE *f = create(path);
    decgen_emit_header(isa, f);
    finish(f, path);

    path = mem_printf("%s.c", prefix);
    f = create(path);
    decgen_emit_rows(isa, f, header);
    finish(f, path);

    path = mem_printf("%s_translate.c", prefix);
    f = create(path);
    decgen_emit_translate(isa, f, header);
    finish(f, path);

    path = mem_printf("%s_random.c", prefix);
    f = create(path);
    decgen_emit_random(isa, f, header);
    finish(f, path);

    path = mem_printf("%s.md", prefix);
    f = create(path);
    decgen_emit_reference(isa, f);
    finish(f, path);
}

int main(int argc, char **argv)
{
    struct isa isa = {0};
    const char *prefix = NULL;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            prefix = argv[++i];
        } else {
            decgen_parse(&isa, argv[i]);
            files++;
        }
    }
    if (!prefix || !files) {
        fprintf(stderr, "usage: decgen FILE... -o PREFIX\n");
        return 2;
    }
    decgen_tree(&isa);
    write_all(&isa, prefix);
    return 0;
}
