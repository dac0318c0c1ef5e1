/* SPDX-License-Identifier: MIT */
/*
 * What the parts of decgen that read the input share: the position in a logical line, and the
 * words and marks at it. decgen_words.c and decgen_opmap.c read how a row is encoded,
 * decgen_text.c its conditions and texts, decgen_parse.c the rest.
 */
#ifndef TOOLS_DECGEN_READ_H
#define TOOLS_DECGEN_READ_H

#include "tools/decgen.h"

/* A logical line that is being read. */
struct reader {
    struct isa *isa;
    const char *file;
    int line;
    const char *p;
};

#define FAIL(r, ...) decgen_fail((r)->file, (r)->line, __VA_ARGS__)

/* The first n characters of s as a string. */
char *decgen_copy(const char *s, size_t n);

bool decgen_word_char(char c);
void decgen_skip_space(struct reader *r);

/* The next word, a name; NULL at anything else. */
char *decgen_take_name(struct reader *r);

/* Takes the character or the word if it comes next. */
bool decgen_take_char(struct reader *r, char c);
bool decgen_take_keyword(struct reader *r, const char *word);

/* Take the next name or quoted string; `what` is what the line lacks if there is none. */
char *decgen_need_name(struct reader *r, const char *what);
char *decgen_need_string(struct reader *r, const char *what);

/* The index of the row's operand whose name is the n characters at `name`, or -1. */
int decgen_find_operand(const struct row *row, const char *name, size_t n);

/* A C expression of operands, up to a character of `stop` or a keyword that ends a condition. */
void decgen_expression(struct reader *r, struct row *row, const char *stop, struct code *code);

/* A text as calls of the functions that print it. */
struct code decgen_text(struct reader *r, struct row *row, const char *text);

/* The bits of a row that is a word, from its opening to before its text. */
void decgen_bits(struct reader *r, struct row *row);

/* The lines "units" and "length", whose first word has been read; true if it was one of them. */
bool decgen_shape(struct reader *r);

/* Adds the row, or a ranged row's rows. */
void decgen_add_word_row(struct isa *isa, const struct row *row);
void decgen_add_row(struct isa *isa, const struct row *row);

/* The encoding and operands of a row of an opcode map, up to its attributes and features. */
void decgen_opcode(struct reader *r, struct row *row);

/* Is the word an attribute of such a row? */
bool decgen_is_attribute(const char *name);

/* The operands of such a row, and what they ask of its ModRM byte. */
void decgen_operands(struct reader *r, struct row *row);

#endif
