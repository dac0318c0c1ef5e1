/* SPDX-License-Identifier: MIT */
/*
 * What the parts of decgen that write C share. decgen_emit_words.c and decgen_emit_opmap.c write
 * what depends on how an instruction is encoded.
 */
#ifndef TOOLS_DECGEN_EMIT_H
#define TOOLS_DECGEN_EMIT_H

#include "tools/decgen.h"

/* s in capitals. */
char *decgen_upper(const char *s);

/*
 * A number of the width of the isa's words as a C constant, and the type of such a word.
 */
const char *decgen_word(const struct isa *isa, uint64_t value);
const char *decgen_word_type(const struct isa *isa);

/* Writes text: $ stands for the isa's name, @ for it in capitals, % for the type of a word. */
void decgen_emit_template(const struct isa *isa, FILE *f, const char *text);

/* Declares the features and rows; the table of the features' names. */
void decgen_emit_enums(const struct isa *isa, FILE *f);
void decgen_emit_feature_names(const struct isa *isa, FILE *f);

/* X(name) for each semantic function. */
void decgen_emit_names(const struct isa *isa, FILE *f);

/* The tree, and the function top_of(), which finds a leaf of it. */
void decgen_emit_tree(const struct isa *isa, FILE *f);

/* The comment and includes with which a file begins. */
void decgen_emit_start(const struct isa *isa, FILE *f, const char *what, const char *header);

/* The condition "feature `feat` is needed" of a row that has several. */
void decgen_emit_choices(const struct isa *isa, FILE *f, const struct row *r);

/* Continues a condition: a feature that the row needs is absent. */
void decgen_emit_absent(const struct isa *isa, FILE *f, const struct row *r);

/* The operands (a bit each) that the conditions of the row's features use. */
uint32_t decgen_feature_uses(const struct row *r);

/* The parts of the files for rows that are words, and for those of an opcode map. */
void decgen_words_header(const struct isa *isa, FILE *f);
void decgen_words_rows(const struct isa *isa, FILE *f);
void decgen_words_translate(const struct isa *isa, FILE *f);
void decgen_words_random(const struct isa *isa, FILE *f);
void decgen_opmap_header(const struct isa *isa, FILE *f);
void decgen_opmap_rows(const struct isa *isa, FILE *f);
void decgen_opmap_translate(const struct isa *isa, FILE *f);
void decgen_opmap_random(const struct isa *isa, FILE *f);

#endif
