/* SPDX-License-Identifier: MIT */
/*
 * The parts of decgen: what decgen_parse.c reads, decgen_tree.c checks and arranges, and
 * decgen_emit.c writes. The grammar of the input is described at the top of decgen.c.
 */
#ifndef TOOLS_DECGEN_H
#define TOOLS_DECGEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_PIECES 8    /* in one operand */
#define MAX_OPERANDS 16 /* in one row, hidden ones included */
#define MAX_CHOICES 4   /* features, aliases, "over" names of one row */
#define NO_ROW UINT32_MAX

/* A run of bits of an operand: taken from the instruction, or a constant (shift < 0). */
struct piece {
    int shift, width;
    uint32_t bits;
    bool invert;
};

/* An operand, from its most significant piece down. */
struct operand {
    char *name;
    bool is_signed;
    bool hidden; /* only part of another operand: known to expressions, not in the struct */
    int width, pieces;
    struct piece piece[MAX_PIECES];
};

/* An expression or a piece of text as C, and the operands (a bit each) that it mentions. */
struct code {
    char *c;
    uint32_t uses;
};

struct choice {
    struct code cond; /* cond.c is NULL: always */
    struct code text; /* calls that print the alias */
    char *shown;      /* the alias as it stands in the file */
    unsigned feat;
};

struct row {
    const char *file;
    int line;
    char *name; /* of the semantic function and the operand struct */
    char *id;   /* of the row: the name, or name_form */
    uint32_t mask, value;
    int operands, feats, aliases, overs;
    struct operand operand[MAX_OPERANDS];
    struct choice feat[MAX_CHOICES], alias[MAX_OPERANDS];
    char *over[MAX_CHOICES];
    char *shown, *bits;     /* as they stand in the file */
    struct operand *ranged; /* its values lie in low..high; such a row becomes several */
    uint32_t low, high;
    struct code text, where;
    uint32_t next; /* the row that is tried when this one does not apply, or NO_ROW */
    bool first;    /* the first row of its name: declares the struct */
};

struct isa {
    char *name; /* prefix of everything that is generated */
    char *include;
    unsigned rows, feats;
    struct row *row;
    char **feat, **feat_text;
    uint32_t *tree, tree_size, tree_root;
};

/* Prints "file:line: message" and ends the program with status 1. */
_Noreturn void decgen_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The width of the struct member of an operand. */
int decgen_operand_bits(const struct operand *o);

/* Adds the rows of one file. */
void decgen_parse(struct isa *isa, const char *path);

/* Orders overlapping rows, refuses what is ambiguous or unreachable, builds the look-up tree. */
void decgen_tree(struct isa *isa);

/* Write the header, the rows (tree, conditions, text) and the translation switch. */
void decgen_emit_header(const struct isa *isa, FILE *f);
void decgen_emit_rows(const struct isa *isa, FILE *f, const char *header);
void decgen_emit_translate(const struct isa *isa, FILE *f, const char *header);

/* Writes the reference of the instructions, a Markdown table. */
void decgen_emit_reference(const struct isa *isa, FILE *f);

#endif
