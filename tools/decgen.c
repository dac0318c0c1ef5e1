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
 *     feature NAME "TEXT" untranslated    (opmap) its rows have no semantic function: they are
 *                                 decoded and printed, and ISA_translate() finds no instruction
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
 *     add      01 /r                      Ev, Gv             lock   base
 *     vaddps   VEX.NP.0F.WIG 58 /r        Vps, Hps, Wps             avx
 *
 * ENCODING, as in section 3.1.1.1: prefixes, opcode, ModRM.
 *
 *     NP, NFx, 66, F3, F2     none of the mandatory prefixes, neither F2 nor F3, this one; if
 *                             nothing is said, 66 is the operand size, F2 and F3 are ignored
 *     REX.W, W0               REX.W must be set, or not
 *     VEX.128.66.0F38.W0      128, 256, LIG, LZ, L0, L1; NP, 66, F3, F2; 0F, 0F38, 0F3A; W0, W1,
 *                             WIG. No prefix is as NP; no length, no W: any
 *     0F 38 40+cc             the opcode behind its escapes; +cc: its low four bits are a
 *                             condition; +r: its low three a register
 *     /r, /0 to /7            ModRM follows; its reg field is this
 *     D0, C0+i                ModRM is this; its rm field is a register number
 *     11:rrr:bbb, !(11):rrr:bbb   ModRM has mod 3, or not; or with bits instead of rrr and bbb
 *
 * OPERAND, as in appendix A.2: Ev, Gb, Iz, Vps, and what an opcode implies: AL, CL, DX, eAX, rAX,
 * 1, CS, ST, STi, XMM0; all are listed in cpu/x86/insn.h. Immediates, offsets and is4 bytes are
 * read in the order of the operands that need them. In the operand struct they are dst, src, src2,
 * src3, or as name=Ev says. Written otherwise than in the manual:
 *
 *     Zv, sIb                 the register of +r; a byte that is extended by its sign
 *     Ux/Mq                   of one type as a register, of another in memory
 *     vm32x                   VSIB, as in the instructions' pages
 *     Mt                      ten bytes
 *
 * TEXT is the mnemonic (else it is NAME); the operands follow it by themselves, N of them if an
 * alias says so. COND is made of members of struct x86_instr, in where and in features only of
 * those that are known after ModRM. Functions in TEXT and COND are x86_fmt_f() and x86_fn_f().
 *
 * ATTRIBUTE: lock (LOCK is allowed, with a memory operand), rep, repz (F3 and F2 repeat; also by
 * ZF); i64, o64, d64, f64 as in appendix A.2.5; os16, os32, os64, as16, as32, as64 (with this
 * operand or address size only); modreg (ModRM.mod is ignored, rm is a register).
 *
 * What is refused is the same: two rows may not be for one instruction unless one is over the
 * other and asks for strictly more. All rows of an opcode must agree on whether ModRM follows.
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
