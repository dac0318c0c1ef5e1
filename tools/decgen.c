/* SPDX-License-Identifier: MIT */
/*
 * decgen: reads the instruction rows of an architecture with 32-bit instructions and writes C.
 *
 *     decgen FILE... -o PREFIX
 *
 * writes PREFIX.h (operand structs, prototypes of the semantic functions, row numbers),
 * PREFIX.c (the rows as a table, the look-up, the text for the disassembler) and
 * PREFIX_translate.c (calls the semantic function of an instruction; apart from the others, so that
 * the decoder links without the semantics) and PREFIX.md (the rows as a table for readers).
 *
 * The input is made of lines; an indented line continues the one above; # starts a comment.
 *
 *     isa NAME                    prefix of all names; the context is struct NAME_block
 *     include "FILE"              header with the functions that texts and conditions call
 *     feature NAME "TEXT"         a feature that rows may ask for; "base" always exists
 *     NAME[/FORM] BITS... [OPERAND=PARTS]... "TEXT" FEATURES [where COND] [over NAME...]
 *         [alias COND "TEXT"]...
 *
 * BITS, from bit 31 down: 0 and 1 are fixed, a dot is ignored; name:W is an unsigned operand of W
 * bits, name:sW a signed one. OPERAND=PARTS makes an operand of earlier ones and constants, most
 * significant first, as in off=s(immhi:immlo:00), s() meaning signed; what it is made of is then no
 * operand of its own, unless written +name; !name is its complement. name:W[L..H], L and H + 1
 * powers of two, stands for a row for each power of two that the operand may have as its highest
 * bit. Rows of one NAME share operands and semantic function; FORM tells them apart.
 *
 * TEXT is copied, but {f(x, y)} calls ISA_fmt_f(out, x, y), {r} calls ISA_fmt_r(out).
 * COND is a C expression of operands; f(x) in it calls ISA_fn_f(x).
 * FEATURES is a list "a, b when COND". A row applies when its fixed bits, its where condition and
 * its features do; else the row it is declared to be "over" is tried, then there is no instruction.
 *
 * Refused: rows that overlap, unless one is "over" the other and fixes strictly more bits; rows
 * that can never apply because others cover them; rows of one name with different operands.
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
