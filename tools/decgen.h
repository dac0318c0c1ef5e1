/* SPDX-License-Identifier: MIT */
/*
 * The parts of decgen: what decgen_parse.c and its helpers (decgen_read.h) read, decgen_tree.c
 * checks and arranges, and decgen_emit.c, decgen_emit_words.c and decgen_emit_opmap.c write. The
 * grammar of the input is described at the top of decgen.c.
 *
 * All rows are sets of words, "value under mask". For instructions that are words these are the
 * instruction's bits, the first at the top of 32 or 64 bits. For opcode maps they are a key that is
 * put together from what decides: decgen_key.c has its fields.
 */
#ifndef TOOLS_DECGEN_H
#define TOOLS_DECGEN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_PIECES 8    /* in one operand */
#define MAX_OPERANDS 16 /* in one row, hidden ones included */
#define MAX_CHOICES 4   /* features, aliases, "over" names of one row */
#define MAX_LENGTHS 8
#define MAX_ARGS 4 /* operands in a row of an opcode map */
#define X86_MAPS 8 /* one-byte, 0F, 0F38, 0F3A; the same with VEX */
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

/* An operand of an opcode map's row: how it is addressed and its type, as register and in memory.
 */
struct arg {
    char *member;                        /* of the operand struct */
    const char *method, *type, *memtype; /* suffixes of the constants of cpu/x86/insn.h */
    bool modrm;
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
    int args; /* that an alias of an opcode map shows; -1: all */
};

struct row {
    const char *file;
    int line;
    char *name; /* of the semantic function and the operand struct */
    char *id;   /* of the row: the name, or name_form */
    uint64_t mask, value;
    int length; /* in bits */
    int operands, args, feats, aliases, overs;
    struct operand operand[MAX_OPERANDS];
    struct arg arg[MAX_ARGS];
    struct choice feat[MAX_CHOICES], alias[MAX_OPERANDS];
    char *over[MAX_CHOICES];
    char *shown, *bits;     /* as they stand in the file */
    struct operand *ranged; /* its values lie in low..high; such a row becomes several */
    uint32_t low, high;
    struct code text, where;
    char *flags;  /* of an opcode map's row, as C */
    bool modrm;   /* an opcode map's row has a ModRM byte */
    bool any_mod; /* ... whose mod field is ignored */
    bool vvvv;    /* ... or an operand named by VEX.vvvv */
    char *operand_text;
    uint32_t next; /* the row that is tried when this one does not apply, or NO_ROW */
    bool first;    /* the first row of its name: declares the struct */
};

/* An instruction whose first bits are `value` under `mask` has `bits` bits. */
struct length_rule {
    uint64_t mask, value;
    int bits;
};

enum byte_order {
    ORDER_LITTLE,
    ORDER_BIG,
    ORDER_EITHER /* a mode of the guest */
};

struct isa {
    char *name;     /* prefix of everything that is generated */
    bool opmap;     /* rows are of an opcode map, else words */
    const char *fn; /* prefix of the functions that conditions and texts call */
    char *include;
    int unit;              /* bits of what the instruction stream consists of */
    int width;             /* bits of the word that holds an instruction or key: 32 or 64 */
    enum byte_order order; /* within a unit */
    struct length_rule length[MAX_LENGTHS];
    int lengths; /* the last one is for all that no other is for */
    unsigned rows, feats;
    struct row *row;
    char **feat, **feat_text;
    bool *untranslated; /* a feature whose rows are decoded only */
    uint32_t *tree, tree_size, tree_root;
};

/* Prints "file:line: message" and ends the program with status 1. */
_Noreturn void decgen_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* `width` ones. */
uint64_t decgen_ones(int width);

/* The width of the struct member of an operand. */
int decgen_operand_bits(const struct operand *o);

/* The fields of the key by which rows of opcode maps are found. */
enum key_field {
    KEY_OPCODE,
    KEY_MAP,
    KEY_VEX,
    KEY_MODRM,
    KEY_MEM,
    KEY_PP,
    KEY_L,
    KEY_W,
    KEY_LONG,
    KEY_OS,
    KEY_AS,
    KEY_VVVV,
    KEY_LOCK,
    KEY_LOCK_REG,
    KEY_FIELDS
};

/* Asks that `mask` of the field be `value`; false if the row already asks for something else. */
bool decgen_key_set(struct row *row, enum key_field field, unsigned mask, unsigned value);

/* What the row asks of a field. */
unsigned decgen_key_mask(const struct row *row, enum key_field field);
unsigned decgen_key_value(const struct row *row, enum key_field field);

/* Writes the C expression that makes the key of the instruction *i. */
void decgen_key_emit(FILE *f);

/* Adds the rows of one file. */
void decgen_parse(struct isa *isa, const char *path);

/* Fails unless all rows of an opcode agree on whether a ModRM byte follows it. */
void decgen_check_modrm(const struct isa *isa);

/* Orders overlapping rows, refuses what is ambiguous or unreachable, builds the look-up tree. */
void decgen_tree(struct isa *isa);

/* Write one of the files that are generated, for rows that are words and for opcode maps. */
void decgen_emit_header(const struct isa *isa, FILE *f);
void decgen_emit_rows(const struct isa *isa, FILE *f, const char *header);
void decgen_emit_translate(const struct isa *isa, FILE *f, const char *header);
void decgen_emit_random(const struct isa *isa, FILE *f, const char *header);
void decgen_emit_reference(const struct isa *isa, FILE *f);

#endif
