/* SPDX-License-Identifier: MIT */
/* Writes the C of a decoder of words. What the pieces are for is said in what it writes. */
#include "tools/decgen_emit.h"

#include <string.h>

#include "base/mem.h"

int decgen_operand_bits(const struct operand *o)
{
    return o->width > 32 ? 64 : o->is_signed || o->width > 16 ? 32 : o->width > 8 ? 16 : 8;
}

static const char *operand_type(const struct operand *o)
{
    return mem_printf("%sint%d_t", o->is_signed ? "" : "u", decgen_operand_bits(o));
}

/* The C expression that takes one piece out of `insn`. `wide`: as 64 bits, else as 32. */
static char *extract_piece(const struct isa *isa, const struct piece *p, bool wide)
{
    const unsigned long long mask = decgen_ones(p->width);
    const char *invert = p->invert ? "~" : "";
    if (p->shift < 0) {
        return mem_printf("UINT%d_C(%u)", wide ? 64 : 32, p->bits);
    }
    if (wide) {
        return mem_printf("(%sinsn >> %d & UINT64_C(0x%llx))", invert, p->shift, mask);
    }
    return mem_printf(isa->width == 32 ? "(%sinsn >> %d & 0x%llx)"
                                       : "((uint32_t)(%sinsn >> %d) & 0x%llx)",
                      invert, p->shift, mask);
}

/* The C expression that takes an operand out of `insn`. */
static char *extract(const struct isa *isa, const struct operand *o)
{
    char *c = NULL;
    int below = o->width;
    const int bits = o->width > 32 ? 64 : 32;
    for (int i = 0; i < o->pieces; i++) {
        below -= o->piece[i].width;
        char *part = extract_piece(isa, &o->piece[i], o->width > 32);
        if (below) {
            part = mem_printf("%s << %d", part, below);
        }
        c = c ? mem_printf("%s | %s", c, part) : part;
    }
    if (o->is_signed) {
        c = mem_printf("(int%d_t)((%s) << %d) >> %d", bits, c, bits - o->width, bits - o->width);
    }
    return c;
}

static void emit_locals(const struct isa *isa, FILE *f, const struct row *r, uint32_t uses)
{
    for (int i = 0; i < r->operands; i++) {
        const struct operand *o = &r->operand[i];
        if (uses >> i & 1) {
            fprintf(f, "        const %sint%d_t %s = %s;\n", o->is_signed ? "" : "u",
                    o->width > 32 ? 64 : 32, o->name, extract(isa, o));
        }
    }
}

static void emit_struct(const struct isa *isa, FILE *f, const struct row *r)
{
    fprintf(f, "/* %s */\nstruct %s_%s {\n", r->shown, isa->name, r->name);
    bool any = false;
    for (int i = 0; i < r->operands; i++) {
        const struct operand *o = &r->operand[i];
        if (!o->hidden) {
            fprintf(f, "    %s %s;\n", operand_type(o), o->name);
            any = true;
        }
    }
    if (!any) {
        fprintf(f, "    uint8_t none;\n");
    }
    fprintf(f, "};\nvoid %s_%s(struct %s_block *c, const struct %s_%s *a);\n\n", isa->name, r->name,
            isa->name, isa->name, r->name);
}

static const char header_text[] =
    "struct $_out;\n"
    "\n"
    "/* What is known of a row without its operands. */\n"
    "struct $_row {\n"
    "    % mask, value;\n"
    "    uint16_t next;    /* tried when this row does not apply, or @_ROW_NONE */\n"
    "    uint8_t feat;     /* the first feature named in the row */\n"
    "    bool has_where;   /* some words with its fixed bits are unallocated */\n"
    "    uint8_t bytes;    /* of its instructions */\n"
    "    const char *name; /* of the row */\n"
    "    const char *text; /* as it stands in the decode file */\n"
    "};\n"
    "extern const struct $_row $_rows[@_ROW_COUNT];\n"
    "\n"
    "/*\n"
    " * An instruction stands in a word with its first bit at the top; what follows its last bit "
    "is\n"
    " * ignored. The number of bytes of an instruction:\n"
    " */\n"
    "unsigned $_bytes(% insn);\n"
    "\n"
    "/*\n"
    " * Reads the instruction at p, of which n bytes are there, and returns how many it has. If "
    "that\n"
    " * is more than n, *insn is not set, and at least so many bytes are needed to go on. Any\n"
    " * thread.\n"
    " */\n"
    "unsigned $_read(const uint8_t *p, size_t n, `% *insn);\n"
    "\n"
    "/* The reverse: writes the bytes of insn to p and returns their number. */\n"
    "unsigned $_write(uint8_t *p, `% insn);\n"
    "\n"
    "/* For tests: puts a random instruction of the row into *insn; false if none was found. */\n"
    "bool $_random_row(struct rng *rng, unsigned row, % *insn);\n"
    "\n"
    "/* The row of an instruction when every feature is present, or @_ROW_NONE. Any thread. */\n"
    "unsigned $_decode_row(% insn);\n"
    "\n"
    "/* The top of the chain of rows that may match; $_row_matches() says which does. */\n"
    "unsigned $_decode_top(% insn);\n"
    "\n"
    "/* Has insn the row's fixed bits, and is it allocated by the row's condition? */\n"
    "bool $_row_matches(unsigned row, % insn);\n"
    "\n"
    "/* Is feature needed by the instruction, which the row matches? */\n"
    "bool $_row_needs(unsigned row, % insn, enum $_feat feat);\n"
    "\n"
    "/* Prints the instruction, which the row matches, by the $_fmt_ functions. */\n"
    "void $_row_print(struct $_out *out, unsigned row, % insn);\n"
    "\n"
    "/*\n"
    " * Calls the semantic function of insn and returns its row (for coverage), or @_ROW_NONE "
    "when\n"
    " * insn is unallocated with the features that $_feature() says are there.\n"
    " */\n"
    "unsigned $_translate_row(struct $_block *c, % insn);\n"
    "\n"
    "static inline bool $_translate_insn(struct $_block *c, % insn)\n"
    "{\n"
    "    return $_translate_row(c, insn) != @_ROW_NONE;\n"
    "}\n"
    "\n";

/* Writes a template, for ` a parameter where the guest chooses the order of bytes. */
static void emit_ordered(const struct isa *isa, FILE *f, const char *text)
{
    for (const char *p = text; *p;) {
        const size_t n = strcspn(p, "`");
        decgen_emit_template(isa, f, mem_printf("%.*s", (int)n, p));
        p += n;
        if (*p) {
            fputs(isa->order == ORDER_EITHER ? "bool big, " : "", f);
            p++;
        }
    }
}

void decgen_words_header(const struct isa *isa, FILE *f)
{
    emit_ordered(isa, f, header_text);
    for (unsigned i = 0; i < isa->rows; i++) {
        if (isa->row[i].first) {
            emit_struct(isa, f, &isa->row[i]);
        }
    }
}

static void emit_table(const struct isa *isa, FILE *f)
{
    fprintf(f, "const struct %s_row %s_rows[] = {\n", isa->name, isa->name);
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        fprintf(f, "    {%s, %s, 0x%04x, %u, %d, %d, \"%s\",\n     \"%s\"},\n",
                decgen_word(isa, r->mask), decgen_word(isa, r->value),
                r->next == NO_ROW ? 0xffff : r->next, r->feat[0].feat, r->where.c != NULL,
                r->length / 8, r->id, r->shown);
    }
    fprintf(f, "};\n\n");
}

static void emit_bytes(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f, "unsigned $_bytes(% insn)\n{\n");
    for (int i = 0; i < isa->lengths; i++) {
        const struct length_rule *rule = &isa->length[i];
        if (rule->mask) {
            fprintf(f, "    if ((insn & %s) == %s) {\n        return %d;\n    }\n",
                    decgen_word(isa, rule->mask), decgen_word(isa, rule->value), rule->bits / 8);
        }
    }
    fprintf(f, "    (void)insn;\n    return %d;\n}\n\n", isa->length[isa->lengths - 1].bits / 8);
}

static const char read_text[] =
    "unsigned $_read(const uint8_t *p, size_t n, `% *insn)\n"
    "{\n"
    "    unsigned bytes = UNIT;\n"
    "    % word = 0;\n"
    "    for (unsigned at = 0; at < bytes; at++) {\n"
    "        if ((at & (UNIT - 1)) == 0 && n < bytes) {\n"
    "            return bytes;\n"
    "        }\n"
    "        const unsigned from = BIG ? at : (at | (UNIT - 1)) - (at & (UNIT - 1));\n"
    "        word |= (%)p[from] << (8 * (sizeof(word) - 1 - at));\n"
    "        if (at == UNIT - 1) {\n"
    "            bytes = $_bytes(word);\n"
    "        }\n"
    "    }\n"
    "    *insn = word;\n"
    "    return bytes;\n"
    "}\n"
    "\n"
    "unsigned $_write(uint8_t *p, `% insn)\n"
    "{\n"
    "    const unsigned bytes = $_bytes(insn);\n"
    "    for (unsigned i = 0; i < bytes; i++) {\n"
    "        const unsigned to = BIG ? i : (i | (UNIT - 1)) - (i & (UNIT - 1));\n"
    "        p[to] = (uint8_t)(insn >> (8 * (sizeof(insn) - 1 - i)));\n"
    "    }\n"
    "    return bytes;\n"
    "}\n"
    "\n";

static void emit_read(const struct isa *isa, FILE *f)
{
    emit_bytes(isa, f);
    fprintf(f, "#define UNIT %du\n#define BIG %s\n\n", isa->unit / 8,
            isa->order == ORDER_EITHER ? "big"
            : isa->order == ORDER_BIG  ? "true"
                                       : "false");
    emit_ordered(isa, f, read_text);
}

static const char lookup_text[] =
    "unsigned $_decode_top(% insn)\n"
    "{\n"
    "    return top_of(insn);\n"
    "}\n"
    "\n"
    "bool $_row_matches(unsigned row, % insn)\n"
    "{\n"
    "    const struct $_row *r = &$_rows[row];\n"
    "    return (insn & r->mask) == r->value && (!r->has_where || where_holds(row, insn));\n"
    "}\n"
    "\n"
    "unsigned $_decode_row(% insn)\n"
    "{\n"
    "    unsigned row = top_of(insn);\n"
    "    while (row != @_ROW_NONE && !$_row_matches(row, insn)) {\n"
    "        row = $_rows[row].next;\n"
    "    }\n"
    "    return row;\n"
    "}\n";

static void emit_where(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "static bool where_holds(unsigned row, % insn)\n{\n    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->where.c) {
            fprintf(f, "    case %s_ROW_%s: {\n", decgen_upper(isa->name), r->id);
            emit_locals(isa, f, r, r->where.uses);
            fprintf(f, "        return %s;\n    }\n", r->where.c);
        }
    }
    fprintf(f, "    default:\n        (void)insn;\n        return true;\n    }\n}\n\n");
}

static void emit_needs(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "\nbool $_row_needs(unsigned row, % insn, enum $_feat feat)\n{\n"
                         "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->feats == 1 && !r->feat[0].cond.c) {
            continue;
        }
        fprintf(f, "    case %s_ROW_%s: {\n", decgen_upper(isa->name), r->id);
        emit_locals(isa, f, r, decgen_feature_uses(r));
        fprintf(f, "        return ");
        decgen_emit_choices(isa, f, r);
        fprintf(f, ";\n    }\n");
    }
    decgen_emit_template(isa, f,
                         "    default:\n        (void)insn;\n"
                         "        return feat == $_rows[row].feat;\n    }\n}\n");
}

static void emit_print(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "\nvoid $_row_print(struct $_out *out, unsigned row, % insn)\n{\n"
                         "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        uint32_t uses = r->text.uses;
        for (int k = 0; k < r->aliases; k++) {
            uses |= r->alias[k].cond.uses | r->alias[k].text.uses;
        }
        fprintf(f, "    case %s_ROW_%s: {\n", decgen_upper(isa->name), r->id);
        emit_locals(isa, f, r, uses);
        for (int k = 0; k < r->aliases; k++) {
            fprintf(f, "        if (%s) {\n%s            break;\n        }\n", r->alias[k].cond.c,
                    r->alias[k].text.c);
        }
        fprintf(f, "%s        break;\n    }\n", r->text.c);
    }
    fprintf(f, "    default:\n        (void)insn;\n        break;\n    }\n}\n");
}

void decgen_words_rows(const struct isa *isa, FILE *f)
{
    emit_table(isa, f);
    decgen_emit_feature_names(isa, f);
    decgen_emit_tree(isa, f);
    emit_read(isa, f);
    emit_where(isa, f);
    decgen_emit_template(isa, f, lookup_text);
    emit_needs(isa, f);
    emit_print(isa, f);
}

static const char translate_text[] = "unsigned $_translate_row(struct $_block *c, % insn)\n"
                                     "{\n"
                                     "    unsigned row = $_decode_top(insn);\n"
                                     "    while (row != @_ROW_NONE && !apply(c, row, insn)) {\n"
                                     "        row = $_rows[row].next;\n"
                                     "    }\n"
                                     "    return row;\n"
                                     "}\n";

/* Leaves the case when the row does not apply: by a fixed bit, its condition or a feature. */
static void emit_refusal(const struct isa *isa, FILE *f, const struct row *r)
{
    fprintf(f, "        if ((insn & %s) != %s", decgen_word(isa, r->mask),
            decgen_word(isa, r->value));
    if (r->where.c) {
        fprintf(f, " ||\n            !(%s)", r->where.c);
    }
    decgen_emit_absent(isa, f, r);
    fprintf(f, ") {\n            return false;\n        }\n");
}

static void emit_call(const struct isa *isa, FILE *f, const struct row *r)
{
    fprintf(f, "        const struct %s_%s a = {", isa->name, r->name);
    bool any = false;
    for (int i = 0; i < r->operands; i++) {
        const struct operand *o = &r->operand[i];
        if (!o->hidden) {
            fprintf(f, "%s\n            .%s = (%s)(%s)", any ? "," : "", o->name, operand_type(o),
                    extract(isa, o));
            any = true;
        }
    }
    fprintf(f, "%s};\n        %s_%s(c, &a);\n        return true;\n", any ? "" : "0", isa->name,
            r->name);
}

void decgen_words_translate(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "/* Calls the semantic function of the row, if that applies. */\n"
                         "static bool apply(struct $_block *c, unsigned row, % insn)\n{\n"
                         "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        fprintf(f, "    case %s_ROW_%s: {\n", decgen_upper(isa->name), r->id);
        emit_locals(isa, f, r, r->where.uses | decgen_feature_uses(r));
        emit_refusal(isa, f, r);
        emit_call(isa, f, r);
        fprintf(f, "    }\n");
    }
    fprintf(f, "    default:\n        return false;\n    }\n}\n\n");
    decgen_emit_template(isa, f, translate_text);
}

static const char random_text[] =
    "#include \"base/rng.h\"\n"
    "\n"
    "/* Random bits; often mostly ones or mostly zeros, which operands treat specially. */\n"
    "static % random_bits(struct rng *rng)\n"
    "{\n"
    "    % bits = (%)rng_u64(rng);\n"
    "    switch (rng_below(rng, 4)) {\n"
    "    case 0:\n"
    "        return bits | (%)rng_u64(rng);\n"
    "    case 1:\n"
    "        return bits & (%)rng_u64(rng);\n"
    "    default:\n"
    "        return bits;\n"
    "    }\n"
    "}\n"
    "\n"
    "bool $_random_row(struct rng *rng, unsigned row, % *insn)\n"
    "{\n"
    "    const struct $_row *r = &$_rows[row];\n"
    "    const unsigned unused = 8 * (sizeof(%) - r->bytes);\n"
    "    for (unsigned i = 0; i < 20000; i++) {\n"
    "        % word = (random_bits(rng) & ~r->mask) | r->value;\n"
    "        word = word >> unused << unused;\n"
    "        if ($_decode_row(word) == row) {\n"
    "            *insn = word;\n"
    "            return true;\n"
    "        }\n"
    "    }\n"
    "    return false;\n"
    "}\n";

void decgen_words_random(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f, random_text);
}
