/* SPDX-License-Identifier: MIT */
/* Reads decode files into rows. The grammar is described at the top of decgen.c. */
#include "tools/decgen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A logical line that is being read. */
struct reader {
    struct isa *isa;
    const char *file;
    int line;
    const char *p;
};

#define FAIL(r, ...) decgen_fail((r)->file, (r)->line, __VA_ARGS__)

static void skip_space(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n') {
        r->p++;
    }
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static char *copy(const char *s, size_t n)
{
    char *t = mem_alloc(n + 1);
    memcpy(t, s, n);
    return t;
}

/* The next word, a name; NULL at anything else. */
static char *take_name(struct reader *r)
{
    skip_space(r);
    const char *start = r->p;
    if (!isalnum((unsigned char)*start)) {
        return NULL;
    }
    while (word_char(*r->p)) {
        r->p++;
    }
    return copy(start, (size_t)(r->p - start));
}

static bool take_char(struct reader *r, char c)
{
    skip_space(r);
    if (*r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

static bool take_keyword(struct reader *r, const char *word)
{
    skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) != 0 || word_char(r->p[n])) {
        return false;
    }
    r->p += n;
    return true;
}

static char *need_name(struct reader *r, const char *what)
{
    char *s = take_name(r);
    if (!s) {
        FAIL(r, "%s expected at \"%.20s\"", what, r->p);
    }
    return s;
}

static char *need_string(struct reader *r, const char *what)
{
    if (!take_char(r, '"')) {
        FAIL(r, "%s in quotes expected at \"%.20s\"", what, r->p);
    }
    const char *end = strchr(r->p, '"');
    if (!end) {
        FAIL(r, "quote is not closed");
    }
    char *s = copy(r->p, (size_t)(end - r->p));
    r->p = end + 1;
    return s;
}

static int find_operand(const struct row *row, const char *name, size_t n)
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
    if (find_operand(row, name, strlen(name)) >= 0) {
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
    if (o->width > 32) {
        FAIL(r, "operand %s is wider than 32 bits", o->name);
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

static void parse_part(struct reader *r, struct row *row, struct operand *o)
{
    if (*r->p == '0' || *r->p == '1') {
        add_piece(r, o, take_bits(r));
        return;
    }
    bool keep = take_char(r, '+'), invert = take_char(r, '!');
    char *name = need_name(r, "operand or constant");
    int i = find_operand(row, name, strlen(name));
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
    } while (take_char(r, ':'));
    if (o->is_signed && !take_char(r, ')')) {
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

/* NAME:W or NAME:sW at bit `top` down; returns the width. */
static int parse_field(struct reader *r, struct row *row, char *name, int top)
{
    struct operand *o = add_operand(r, row, name);
    o->is_signed = *r->p == 's';
    r->p += o->is_signed;
    char *end;
    long width = strtol(r->p, &end, 10);
    if (end == r->p || width < 1 || width > top) {
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

static void parse_bits(struct reader *r, struct row *row)
{
    int top = 32;
    skip_space(r);
    const char *start = r->p;
    for (skip_space(r); *r->p != '"'; skip_space(r)) {
        if (*r->p == '0' || *r->p == '1') {
            struct piece p = take_bits(r);
            if (p.width > top) {
                FAIL(r, "more than 32 bits");
            }
            top -= p.width;
            row->mask |= ((p.width == 32 ? 0 : UINT32_C(1) << p.width) - 1) << top;
            row->value |= p.bits << top;
        } else if (*r->p == '.') {
            r->p++;
            top--;
        } else {
            char *name = need_name(r, "bits or operand");
            if (take_char(r, '=')) {
                parse_composite(r, row, name);
            } else if (take_char(r, ':')) {
                top -= parse_field(r, row, name, top);
            } else {
                FAIL(r, "%s needs a width", name);
            }
        }
    }
    if (top != 0) {
        FAIL(r, "%d bits, not 32", 32 - top);
    }
    row->bits = copy(start, (size_t)(r->p - start));
}

/* Appends to a growing string. */
static void append(struct code *code, const char *s, size_t n)
{
    size_t len = code->c ? strlen(code->c) : 0;
    char *grown = mem_alloc(len + n + 1);
    if (len) {
        memcpy(grown, code->c, len);
    }
    memcpy(grown + len, s, n);
    code->c = grown;
}

static void append_text(struct code *code, const char *s)
{
    append(code, s, strlen(s));
}

/* One identifier of an expression: an operand, or a function of the architecture. */
static void parse_identifier(struct reader *r, struct row *row, struct code *code)
{
    const char *start = r->p;
    while (word_char(*r->p)) {
        r->p++;
    }
    size_t n = (size_t)(r->p - start);
    if (*r->p == '(') {
        append_text(code, mem_printf("%s_fn_", r->isa->name));
    } else {
        int i = find_operand(row, start, n);
        if (i < 0) {
            FAIL(r, "%.*s is no operand of %s", (int)n, start, row->name);
        }
        code->uses |= UINT32_C(1) << i;
    }
    append(code, start, n);
}

/*
 * Copies a C expression up to a character of `stop` outside parentheses, or a keyword that ends a
 * condition. Operators are passed on as they are: the C compiler checks them.
 */
static void parse_expression(struct reader *r, struct row *row, const char *stop, struct code *code)
{
    int depth = 0;
    while (*r->p) {
        if (depth == 0 && strchr(stop, *r->p)) {
            break;
        }
        const char *here = r->p;
        if (isalpha((unsigned char)*r->p)) {
            if (take_keyword(r, "where") || take_keyword(r, "over") || take_keyword(r, "alias")) {
                r->p = here;
                break;
            }
            parse_identifier(r, row, code);
        } else if (isdigit((unsigned char)*r->p)) {
            while (word_char(*r->p)) {
                r->p++;
            }
            append(code, here, (size_t)(r->p - here));
        } else if (strchr("()!~&|^=<>+-*?:, \t\n", *r->p)) {
            depth += (*r->p == '(') - (*r->p == ')');
            if (depth < 0) {
                FAIL(r, "unbalanced parenthesis");
            }
            append(code, *r->p == '\n' ? " " : r->p, 1);
            r->p++;
        } else {
            FAIL(r, "'%c' in an expression", *r->p);
        }
    }
    if (!code->c || depth) {
        FAIL(r, "expression expected at \"%.20s\"", r->p);
    }
    for (size_t n = strlen(code->c); n && code->c[n - 1] == ' '; n--) {
        code->c[n - 1] = 0;
    }
}

/* {f(x, y)}: the brace has been read. */
static void parse_insert(struct reader *r, struct row *row, struct code *code)
{
    char *name = need_name(r, "function");
    append_text(code, mem_printf("%s_fmt_%s(out", r->isa->name, name));
    if (take_char(r, '(')) {
        struct code args = {.uses = code->uses};
        append_text(code, ", ");
        parse_expression(r, row, ")", &args);
        append_text(code, args.c);
        code->uses = args.uses;
        if (!take_char(r, ')')) {
            FAIL(r, "closing parenthesis expected in a text");
        }
    }
    append_text(code, ");\n");
    if (!take_char(r, '}')) {
        FAIL(r, "closing brace expected in a text");
    }
}

/* A text becomes calls of ISA_fmt_text() and of the functions in braces. */
static struct code parse_text(struct reader *outer, struct row *row, const char *text)
{
    struct reader in = *outer, *r = &in;
    struct code code = {0};
    r->p = text;
    while (*r->p) {
        if (*r->p == '{') {
            r->p++;
            parse_insert(r, row, &code);
            continue;
        }
        size_t n = strcspn(r->p, "{");
        append_text(&code, mem_printf("%s_fmt_text(out, \"%.*s\");\n", r->isa->name, (int)n, r->p));
        r->p += n;
    }
    if (!code.c) {
        FAIL(r, "empty text");
    }
    return code;
}

static unsigned find_feature(struct reader *r, const char *name)
{
    for (unsigned i = 0; i < r->isa->feats; i++) {
        if (strcmp(r->isa->feat[i], name) == 0) {
            return i;
        }
    }
    FAIL(r, "feature %s is not declared", name);
}

static void parse_features(struct reader *r, struct row *row)
{
    do {
        if (row->feats == MAX_CHOICES) {
            FAIL(r, "more than %d features", MAX_CHOICES);
        }
        struct choice *f = &row->feat[row->feats++];
        f->feat = find_feature(r, need_name(r, "feature"));
        if (take_keyword(r, "when")) {
            skip_space(r);
            parse_expression(r, row, ",", &f->cond);
        }
    } while (take_char(r, ','));
}

static void parse_aliases(struct reader *r, struct row *row)
{
    while (take_keyword(r, "alias")) {
        if (row->aliases == MAX_OPERANDS) {
            FAIL(r, "more than %d aliases", MAX_OPERANDS);
        }
        struct choice *a = &row->alias[row->aliases++];
        skip_space(r);
        parse_expression(r, row, "\"", &a->cond);
        a->shown = need_string(r, "text");
        a->text = parse_text(r, row, a->shown);
    }
}

static void parse_row(struct reader *r, struct row *row)
{
    row->file = r->file;
    row->line = r->line;
    row->name = row->id = need_name(r, "name");
    if (take_char(r, '/')) {
        row->id = mem_printf("%s_%s", row->name, need_name(r, "form"));
    }
    parse_bits(r, row);
    row->shown = need_string(r, "text");
    row->text = parse_text(r, row, row->shown);
    parse_features(r, row);
    if (take_keyword(r, "where")) {
        skip_space(r);
        parse_expression(r, row, "", &row->where);
    }
    if (take_keyword(r, "over")) {
        for (char *s = need_name(r, "row"); s; s = take_char(r, ',') ? need_name(r, "row") : NULL) {
            if (row->overs == MAX_CHOICES) {
                FAIL(r, "more than %d rows below", MAX_CHOICES);
            }
            row->over[row->overs++] = s;
        }
    }
    parse_aliases(r, row);
}

static void add_row(struct isa *isa, const struct row *row)
{
    if ((isa->rows & (isa->rows - 1)) == 0) {
        isa->row = mem_resize_array(isa->row, isa->rows ? 2 * isa->rows : 1, sizeof(*isa->row));
    }
    isa->row[isa->rows++] = *row;
}

/* A ranged row becomes one for each power of two, its highest bit fixed. */
static void add_ranged(struct isa *isa, const struct row *row)
{
    const struct piece *field = &row->ranged->piece[0];
    for (uint32_t low = row->low; low <= row->high; low *= 2) {
        struct row part = *row;
        uint32_t below = low - 1, all = (UINT32_C(1) << field->width) - 1;
        part.mask |= (all & ~below) << field->shift;
        part.value |= low << field->shift;
        part.ranged = NULL;
        part.id = mem_printf("%s_%u", row->id, low);
        add_row(isa, &part);
    }
}

static void add_feature(struct isa *isa, char *name, char *text)
{
    isa->feat = mem_resize_array(isa->feat, isa->feats + 1, sizeof(*isa->feat));
    isa->feat_text = mem_resize_array(isa->feat_text, isa->feats + 1, sizeof(*isa->feat_text));
    isa->feat[isa->feats] = name;
    isa->feat_text[isa->feats] = text;
    isa->feats++;
}

static void parse_line(struct reader *r)
{
    struct isa *isa = r->isa;
    if (take_keyword(r, "isa")) {
        isa->name = need_name(r, "name");
        add_feature(isa, "base", "always there");
    } else if (take_keyword(r, "include")) {
        isa->include = need_string(r, "header");
    } else if (take_keyword(r, "feature")) {
        char *name = need_name(r, "name");
        add_feature(isa, name, need_string(r, "description"));
    } else {
        if (!isa->name) {
            FAIL(r, "\"isa NAME\" comes first");
        }
        struct row row = {0};
        parse_row(r, &row);
        if (row.ranged) {
            add_ranged(isa, &row);
        } else {
            add_row(isa, &row);
        }
    }
    skip_space(r);
    if (*r->p) {
        FAIL(r, "unexpected \"%.20s\"", r->p);
    }
}

/* Cuts a comment off; a # in quotes is none. */
static void strip_comment(char *s)
{
    bool quoted = false;
    for (; *s; s++) {
        quoted ^= *s == '"';
        if (*s == '#' && !quoted) {
            *s = 0;
            return;
        }
    }
}

void decgen_parse(struct isa *isa, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    char buf[1024];
    char *text = NULL;
    struct reader r = {.isa = isa, .file = path};
    int line = 0;
    bool more;
    do {
        more = fgets(buf, sizeof(buf), f);
        line++;
        if (more) {
            buf[strcspn(buf, "\n")] = 0;
            strip_comment(buf);
        }
        bool blank = more && buf[strspn(buf, " \t")] == 0;
        bool continued = more && text && isspace((unsigned char)buf[0]);
        if (more && continued && !blank) {
            text = mem_printf("%s\n%s", text, buf);
        } else if (!blank) {
            if (text) {
                r.p = text;
                parse_line(&r);
            }
            text = more ? mem_printf("%s", buf) : NULL;
            r.line = line;
        }
    } while (more);
    fclose(f);
}
