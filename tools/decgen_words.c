/* SPDX-License-Identifier: MIT */
/* Reads the bits of rows that are words, and how long words are. The grammar is in decgen.c. */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int decgen_find_operand(const struct row *row, const char *name, size_t n)
{
    for (int i = 0; i < row->operands; i++) {
        if (strlen(row->operand[i].name) == n && memcmp(row->operand[i].name, name, n) == 0) {
            return i;
        }
    }
    return -1;
}

static struct operand *add_operand(struct reader *r, struct row *row, char *name)
{
    if (decgen_find_operand(row, name, strlen(name)) >= 0) {
        FAIL(r, "operand %s appears twice", name);
    }
    if (row->operands == MAX_OPERANDS) {
        FAIL(r, "more than %d operands", MAX_OPERANDS);
    }
    struct operand *o = &row->operand[row->operands++];
    o->name = name;
    return o;
}

static void add_piece(struct reader *r, struct operand *o, struct piece p)
{
    if (o->pieces == MAX_PIECES) {
        FAIL(r, "operand %s has more than %d parts", o->name, MAX_PIECES);
    }
    o->piece[o->pieces++] = p;
    o->width += p.width;
    if (o->width > r->isa->width) {
        FAIL(r, "operand %s is wider than %d bits", o->name, r->isa->width);
    }
}

/* Reads a run of 0 and 1 as one constant piece. */
static struct piece take_bits(struct reader *r)
{
    struct piece p = {.shift = -1};
    for (; *r->p == '0' || *r->p == '1'; r->p++) {
        p.bits = p.bits << 1 | (uint32_t)(*r->p - '0');
        p.width++;
    }
    return p;
}

/* 0xA7: a constant with four bits a digit. The 0x has been seen. */
static struct piece take_hex(struct reader *r)
{
    struct piece p = {.shift = -1};
    for (r->p += 2; isxdigit((unsigned char)*r->p); r->p++) {
        const int c = tolower((unsigned char)*r->p);
        p.bits = p.bits << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        p.width += 4;
    }
    if (p.width == 0 || p.width > 32) {
        FAIL(r, "a constant of one to eight digits expected at \"%.20s\"", r->p);
    }
    return p;
}

/* =31:6: a constant as a number and its width. The = has been taken. */
static struct piece take_constant(struct reader *r)
{
    char *end;
    const unsigned long value = strtoul(r->p, &end, 10);
    const unsigned long width = *end == ':' ? strtoul(end + 1, &end, 10) : 0;
    if (width < 1 || width > 32 || value > decgen_ones((int)width)) {
        FAIL(r, "=NUMBER:WIDTH expected at \"%.20s\"", r->p);
    }
    r->p = end;
    return (struct piece){.shift = -1, .width = (int)width, .bits = (uint32_t)value};
}

/* Takes fixed bits, in any of the three notations; false if something else comes next. */
static bool take_fixed(struct reader *r, struct piece *p)
{
    if (strncmp(r->p, "0x", 2) == 0) {
        *p = take_hex(r);
    } else if (*r->p == '0' || *r->p == '1') {
        *p = take_bits(r);
    } else if (*r->p == '=' && *r->p++) {
        *p = take_constant(r);
    } else {
        return false;
    }
    return true;
}

static void parse_part(struct reader *r, struct row *row, struct operand *o)
{
    if (*r->p == '0' || *r->p == '1') {
        add_piece(r, o, take_bits(r));
        return;
    }
    bool keep = decgen_take_char(r, '+'), invert = decgen_take_char(r, '!');
    char *name = decgen_need_name(r, "operand or constant");
    int i = decgen_find_operand(row, name, strlen(name));
    if (i < 0 || i == (int)(o - row->operand)) {
        FAIL(r, "%s is no operand of the row", name);
    }
    for (int k = 0; k < row->operand[i].pieces; k++) {
        struct piece p = row->operand[i].piece[k];
        p.invert ^= invert;
        add_piece(r, o, p);
    }
    if (!keep) {
        row->operand[i].hidden = true;
    }
}

/* NAME=A:B:C or NAME=s(A:B:C); the name has been read. */
static void parse_composite(struct reader *r, struct row *row, char *name)
{
    struct operand *o = add_operand(r, row, name);
    o->is_signed = strncmp(r->p, "s(", 2) == 0;
    if (o->is_signed) {
        r->p += 2;
    }
    do {
        parse_part(r, row, o);
    } while (decgen_take_char(r, ':'));
    if (o->is_signed && !decgen_take_char(r, ')')) {
        FAIL(r, "closing parenthesis expected in operand %s", name);
    }
}

/* [LOW..HIGH] after a field: the words whose field lies in that range of powers of two. */
static void parse_range(struct reader *r, struct row *row, struct operand *o)
{
    char *end;
    unsigned long low = strtoul(r->p, &end, 10), high = 0;
    if (strncmp(end, "..", 2) == 0) {
        high = strtoul(end + 2, &end, 10);
    }
    if (low == 0 || (low & (low - 1)) || ((high + 1) & high) || high < low || high >> o->width ||
        *end != ']') {
        FAIL(r, "the range of %s is not [2^a..2^b - 1] within its width", o->name);
    }
    if (row->ranged) {
        FAIL(r, "two ranges in one row");
    }
    row->ranged = o;
    row->low = (uint32_t)low;
    row->high = (uint32_t)high;
    r->p = end + 1;
}

/* NAME:W or NAME:sW at bit `top` down, not below bit `last`; returns the width. */
static int parse_field(struct reader *r, struct row *row, char *name, int top, int last)
{
    struct operand *o = add_operand(r, row, name);
    o->is_signed = *r->p == 's';
    r->p += o->is_signed;
    char *end;
    long width = strtol(r->p, &end, 10);
    if (end == r->p || width < 1 || width > top - last || width > 32) {
        FAIL(r, "operand %s has no width that fits", name);
    }
    r->p = end;
    add_piece(r, o, (struct piece){.shift = top - (int)width, .width = (int)width});
    if (*r->p == '[') {
        r->p++;
        parse_range(r, row, o);
    }
    return (int)width;
}

/* Before the first row: the rules of lengths are complete, and in the word that holds the bits. */
static void finish_shape(struct reader *r)
{
    struct isa *isa = r->isa;
    if (isa->lengths == 0) {
        isa->length[isa->lengths++] = (struct length_rule){.bits = isa->unit};
    }
    if (isa->length[isa->lengths - 1].mask) {
        FAIL(r, "\"length BITS otherwise\" is missing");
    }
    for (int i = 0; i < isa->lengths; i++) {
        isa->length[i].mask >>= 64 - isa->width;
        isa->length[i].value >>= 64 - isa->width;
    }
}

/* The longest instruction, in bits. */
static int longest(const struct isa *isa)
{
    int bits = 0;
    for (int i = 0; i < isa->lengths; i++) {
        bits = isa->length[i].bits > bits ? isa->length[i].bits : bits;
    }
    return bits;
}

/*
 * Has a word with the bits `value` under `mask` a length that is not the row's? Rules are tried in
 * their order; where a rule is for some of the words only, both halves are looked at.
 */
static bool other_length(const struct isa *isa, uint64_t mask, uint64_t value, int bits)
{
    for (int i = 0; i < isa->lengths; i++) {
        const struct length_rule *rule = &isa->length[i];
        if ((value ^ rule->value) & rule->mask & mask) {
            continue;
        }
        uint64_t open = rule->mask & ~mask;
        if (!open) {
            return rule->bits != bits;
        }
        open &= -open;
        return other_length(isa, mask | open, value, bits) ||
               other_length(isa, mask | open, value | open, bits);
    }
    return true;
}

static void check_length(struct reader *r, const struct row *row)
{
    const struct isa *isa = r->isa;
    char *lengths = NULL;
    for (int i = 0; i < isa->lengths; i++) {
        if (isa->length[i].bits == row->length) {
            lengths = NULL;
            break;
        }
        if (i && isa->length[i].bits == isa->length[i - 1].bits) {
            continue;
        }
        lengths = mem_printf("%s%s%d", lengths ? lengths : "", lengths ? " or " : "",
                             isa->length[i].bits);
    }
    if (lengths) {
        FAIL(r, "%d bits, not %s", row->length, lengths);
    }
    if (other_length(isa, row->mask, row->value, row->length)) {
        FAIL(r, "words of row %s have by their first bits another length than its %d", row->id,
             row->length);
    }
}

void decgen_bits(struct reader *r, struct row *row)
{
    if (!r->isa->rows) {
        finish_shape(r);
    }
    const int width = r->isa->width, end = width - longest(r->isa);
    int top = width;
    decgen_skip_space(r);
    const char *start = r->p;
    for (decgen_skip_space(r); *r->p != '"'; decgen_skip_space(r)) {
        struct piece p;
        if (take_fixed(r, &p)) {
            if (p.width > top - end) {
                FAIL(r, "more than %d bits", width - end);
            }
            top -= p.width;
            row->mask |= decgen_ones(p.width) << top;
            row->value |= (uint64_t)p.bits << top;
        } else if (*r->p == '.') {
            r->p++;
            top--;
        } else {
            char *name = decgen_need_name(r, "bits or operand");
            if (decgen_take_char(r, '=')) {
                parse_composite(r, row, name);
            } else if (decgen_take_char(r, ':')) {
                top -= parse_field(r, row, name, top, end);
            } else {
                FAIL(r, "%s needs a width", name);
            }
        }
    }
    row->length = width - top;
    check_length(r, row);
    row->bits = decgen_copy(start, (size_t)(r->p - start));
}

static int take_number(struct reader *r, const char *what)
{
    char *end;
    decgen_skip_space(r);
    long n = strtol(r->p, &end, 10);
    if (end == r->p || n < 0 || n > 64) {
        FAIL(r, "%s expected at \"%.20s\"", what, r->p);
    }
    r->p = end;
    return (int)n;
}

/* units BITS little|big|either: the rows that follow are words made of such units. */
static void parse_units(struct reader *r)
{
    struct isa *isa = r->isa;
    isa->unit = take_number(r, "number of bits");
    if (isa->rows || (isa->unit != 16 && isa->unit != 32)) {
        FAIL(r, "units have 16 or 32 bits and are declared before the rows");
    }
    if (decgen_take_keyword(r, "big")) {
        isa->order = ORDER_BIG;
    } else if (decgen_take_keyword(r, "either")) {
        isa->order = ORDER_EITHER;
    } else if (!decgen_take_keyword(r, "little")) {
        FAIL(r, "byte order expected: little, big or either");
    }
}

/* length BITS PATTERN..., or length BITS otherwise: how long what begins so is. */
static void parse_length(struct reader *r)
{
    struct isa *isa = r->isa;
    const int bits = take_number(r, "number of bits");
    if (isa->rows || bits == 0 || bits % isa->unit) {
        FAIL(r, "lengths are multiples of the unit, %d bits, and come before the rows", isa->unit);
    }
    isa->width = bits > 32 ? 64 : isa->width;
    do {
        struct length_rule rule = {.bits = bits};
        if (!decgen_take_keyword(r, "otherwise")) {
            decgen_skip_space(r);
            struct piece p = take_bits(r);
            if (p.width == 0 || p.width > isa->unit) {
                FAIL(r, "bits within the first unit expected at \"%.20s\"", r->p);
            }
            rule.mask = decgen_ones(p.width) << (64 - p.width);
            rule.value = (uint64_t)p.bits << (64 - p.width);
        }
        if (isa->lengths == MAX_LENGTHS) {
            FAIL(r, "more than %d patterns of lengths", MAX_LENGTHS);
        }
        isa->length[isa->lengths++] = rule;
        decgen_skip_space(r);
    } while (*r->p);
}

bool decgen_shape(struct reader *r)
{
    if (decgen_take_keyword(r, "units")) {
        parse_units(r);
    } else if (decgen_take_keyword(r, "length")) {
        parse_length(r);
    } else {
        return false;
    }
    return true;
}

/* A ranged row becomes one for each power of two, its highest bit fixed. */
void decgen_add_word_row(struct isa *isa, const struct row *row)
{
    if (!row->ranged) {
        decgen_add_row(isa, row);
        return;
    }
    const struct piece *field = &row->ranged->piece[0];
    for (uint32_t low = row->low; low <= row->high; low *= 2) {
        struct row part = *row;
        uint64_t below = low - 1, all = decgen_ones(field->width);
        part.mask |= (all & ~below) << field->shift;
        part.value |= (uint64_t)low << field->shift;
        part.ranged = NULL;
        part.id = mem_printf("%s_%u", row->id, low);
        decgen_add_row(isa, &part);
    }
}
