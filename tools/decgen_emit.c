/* SPDX-License-Identifier: MIT */
/* Writes the C of a decoder. What the pieces are for is said in the comments that it writes. */
#include "tools/decgen.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

int decgen_operand_bits(const struct operand *o)
{
    return o->is_signed || o->width > 16 ? 32 : o->width > 8 ? 16 : 8;
}

static const char *operand_type(const struct operand *o)
{
    return o->is_signed ? "int32_t" : mem_printf("uint%d_t", decgen_operand_bits(o));
}

/* The C expression that takes an operand out of `insn`. */
static char *extract(const struct operand *o)
{
    char *c = NULL;
    int below = o->width;
    for (int i = 0; i < o->pieces; i++) {
        const struct piece *p = &o->piece[i];
        below -= p->width;
        char *part;
        if (p->shift < 0) {
            part = mem_printf("UINT32_C(%u)", p->bits);
        } else {
            uint32_t mask = (uint32_t)((UINT64_C(1) << p->width) - 1);
            part = mem_printf("(%sinsn >> %d & 0x%x)", p->invert ? "~" : "", p->shift, mask);
        }
        if (below) {
            part = mem_printf("%s << %d", part, below);
        }
        c = c ? mem_printf("%s | %s", c, part) : part;
    }
    if (o->is_signed) {
        c = mem_printf("(int32_t)((%s) << %d) >> %d", c, 32 - o->width, 32 - o->width);
    }
    return c;
}

static void emit_locals(FILE *f, const struct row *r, uint32_t uses)
{
    for (int i = 0; i < r->operands; i++) {
        const struct operand *o = &r->operand[i];
        if (uses >> i & 1) {
            fprintf(f, "        const %s %s = %s;\n", o->is_signed ? "int32_t" : "uint32_t",
                    o->name, extract(o));
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

static char *upper(const char *s)
{
    char *t = mem_printf("%s", s);
    for (char *p = t; *p; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
    return t;
}

static void emit_enums(const struct isa *isa, FILE *f)
{
    const char *up = upper(isa->name);
    fprintf(f, "enum %s_feat {\n", isa->name);
    for (unsigned i = 0; i < isa->feats; i++) {
        fprintf(f, "    %s_FEAT_%s, /* %s */\n", up, isa->feat[i], isa->feat_text[i]);
    }
    fprintf(f, "    %s_FEAT_COUNT\n};\n\nenum %s_row_id {\n", up, isa->name);
    for (unsigned i = 0; i < isa->rows; i++) {
        fprintf(f, "    %s_ROW_%s,\n", up, isa->row[i].id);
    }
    fprintf(f, "    %s_ROW_COUNT,\n    %s_ROW_NONE = 0xffff\n};\n\n", up, up);
}

/* $ stands for the prefix, @ for it in capitals. */
static void emit_template(const struct isa *isa, FILE *f, const char *text)
{
    const char *up = upper(isa->name);
    for (const char *p = text; *p; p++) {
        if (*p == '$') {
            fputs(isa->name, f);
        } else if (*p == '@') {
            fputs(up, f);
        } else {
            fputc(*p, f);
        }
    }
}

static const char header_text[] =
    "struct $_block;\n"
    "struct $_out;\n"
    "\n"
    "/* What is known of a row without its operands. */\n"
    "struct $_row {\n"
    "    uint32_t mask, value;\n"
    "    uint16_t next;    /* tried when this row does not apply, or @_ROW_NONE */\n"
    "    uint8_t feat;     /* the first feature named in the row */\n"
    "    bool has_where;   /* some words with its fixed bits are unallocated */\n"
    "    const char *name; /* of the row */\n"
    "    const char *text; /* as it stands in the decode file */\n"
    "};\n"
    "extern const struct $_row $_rows[@_ROW_COUNT];\n"
    "extern const char *const $_feat_names[@_FEAT_COUNT];\n"
    "\n"
    "/* The row of an instruction when every feature is present, or @_ROW_NONE. Any thread. */\n"
    "unsigned $_decode_row(uint32_t insn);\n"
    "\n"
    "/* The top of the chain of rows that may match; $_row_matches() says which does. */\n"
    "unsigned $_decode_top(uint32_t insn);\n"
    "\n"
    "/* Has insn the row's fixed bits, and is it allocated by the row's condition? */\n"
    "bool $_row_matches(unsigned row, uint32_t insn);\n"
    "\n"
    "/* Is feature needed by the instruction, which the row matches? */\n"
    "bool $_row_needs(unsigned row, uint32_t insn, enum $_feat feat);\n"
    "\n"
    "/* Prints the instruction, which the row matches, by the $_fmt_ functions. */\n"
    "void $_row_print(struct $_out *out, unsigned row, uint32_t insn);\n"
    "\n"
    "/*\n"
    " * Calls the semantic function of insn and returns its row (for coverage), or @_ROW_NONE "
    "when\n"
    " * insn is unallocated with the features that $_feature() says are there.\n"
    " */\n"
    "unsigned $_translate_row(struct $_block *c, uint32_t insn);\n"
    "\n"
    "static inline bool $_translate_insn(struct $_block *c, uint32_t insn)\n"
    "{\n"
    "    return $_translate_row(c, insn) != @_ROW_NONE;\n"
    "}\n"
    "\n"
    "/* Provided by the semantics: does the guest's CPU have the feature? */\n"
    "bool $_feature(const struct $_block *c, enum $_feat feat);\n"
    "\n";

void decgen_emit_header(const struct isa *isa, FILE *f)
{
    const char *up = upper(isa->name);
    fprintf(f, "/* Generated by decgen: operands, rows and semantic functions of %s. */\n",
            isa->name);
    fprintf(f, "#ifndef GEN_%s_DECODE_H\n#define GEN_%s_DECODE_H\n\n", up, up);
    fprintf(f, "#include <stdbool.h>\n#include <stdint.h>\n\n");
    emit_enums(isa, f);
    emit_template(isa, f, header_text);
    for (unsigned i = 0; i < isa->rows; i++) {
        if (isa->row[i].first) {
            emit_struct(isa, f, &isa->row[i]);
        }
    }
    fprintf(f, "/* X(name) for each semantic function. */\n#define %s_ROWS(X)", up);
    for (unsigned i = 0; i < isa->rows; i++) {
        if (isa->row[i].first) {
            fprintf(f, " \\\n    X(%s)", isa->row[i].name);
        }
    }
    fprintf(f, "\n\n#endif\n");
}

static void emit_table(const struct isa *isa, FILE *f)
{
    fprintf(f, "const struct %s_row %s_rows[] = {\n", isa->name, isa->name);
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        fprintf(f, "    {0x%08x, 0x%08x, 0x%04x, %u, %d, \"%s\",\n     \"%s\"},\n", r->mask,
                r->value, r->next == NO_ROW ? 0xffff : r->next, r->feat[0].feat, r->where.c != NULL,
                r->id, r->shown);
    }
    fprintf(f, "};\n\nconst char *const %s_feat_names[] = {\n", isa->name);
    for (unsigned i = 0; i < isa->feats; i++) {
        fprintf(f, "    \"%s\",\n", isa->feat[i]);
    }
    fprintf(f, "};\n\nstatic const uint32_t tree[] = {");
    for (uint32_t i = 0; i < isa->tree_size; i++) {
        fprintf(f, "%s0x%x,", i % 8 ? " " : "\n    ", isa->tree[i]);
    }
    fprintf(f, "\n};\n\n");
}

static const char lookup_text[] =
    "unsigned $_decode_top(uint32_t insn)\n"
    "{\n"
    "    uint32_t e = tree_root;\n"
    "    while (!(e >> 31)) {\n"
    "        uint32_t width = e >> 5 & 15;\n"
    "        e = tree[(e >> 9) + (insn >> (e & 31) & ((UINT32_C(1) << width) - 1))];\n"
    "    }\n"
    "    return e & 0xffff;\n"
    "}\n"
    "\n"
    "bool $_row_matches(unsigned row, uint32_t insn)\n"
    "{\n"
    "    const struct $_row *r = &$_rows[row];\n"
    "    return (insn & r->mask) == r->value && (!r->has_where || where_holds(row, insn));\n"
    "}\n"
    "\n"
    "unsigned $_decode_row(uint32_t insn)\n"
    "{\n"
    "    unsigned row = $_decode_top(insn);\n"
    "    while (row != @_ROW_NONE && !$_row_matches(row, insn)) {\n"
    "        row = $_rows[row].next;\n"
    "    }\n"
    "    return row;\n"
    "}\n";

static void emit_where(const struct isa *isa, FILE *f)
{
    const char *up = upper(isa->name);
    fprintf(f, "static bool where_holds(unsigned row, uint32_t insn)\n{\n    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->where.c) {
            fprintf(f, "    case %s_ROW_%s: {\n", up, r->id);
            emit_locals(f, r, r->where.uses);
            fprintf(f, "        return %s;\n    }\n", r->where.c);
        }
    }
    fprintf(f, "    default:\n        (void)insn;\n        return true;\n    }\n}\n\n");
}

static void emit_needs(const struct isa *isa, FILE *f)
{
    const char *up = upper(isa->name);
    fprintf(f, "\nbool %s_row_needs(unsigned row, uint32_t insn, enum %s_feat feat)\n{\n",
            isa->name, isa->name);
    fprintf(f, "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        uint32_t uses = 0;
        for (int k = 0; k < r->feats; k++) {
            uses |= r->feat[k].cond.uses;
        }
        if (r->feats == 1 && !r->feat[0].cond.c) {
            continue;
        }
        fprintf(f, "    case %s_ROW_%s: {\n", up, r->id);
        emit_locals(f, r, uses);
        fprintf(f, "        return ");
        for (int k = 0; k < r->feats; k++) {
            const struct choice *c = &r->feat[k];
            fprintf(f, "%s(feat == %s_FEAT_%s%s%s%s)", k ? " ||\n               " : "", up,
                    isa->feat[c->feat], c->cond.c ? " && (" : "", c->cond.c ? c->cond.c : "",
                    c->cond.c ? ")" : "");
        }
        fprintf(f, ";\n    }\n");
    }
    fprintf(
        f,
        "    default:\n        (void)insn;\n        return feat == %s_rows[row].feat;\n    }\n}\n",
        isa->name);
}

static void emit_print(const struct isa *isa, FILE *f)
{
    const char *up = upper(isa->name);
    fprintf(f, "\nvoid %s_row_print(struct %s_out *out, unsigned row, uint32_t insn)\n{\n",
            isa->name, isa->name);
    fprintf(f, "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        uint32_t uses = r->text.uses;
        for (int k = 0; k < r->aliases; k++) {
            uses |= r->alias[k].cond.uses | r->alias[k].text.uses;
        }
        fprintf(f, "    case %s_ROW_%s: {\n", up, r->id);
        emit_locals(f, r, uses);
        for (int k = 0; k < r->aliases; k++) {
            fprintf(f, "        if (%s) {\n%s            break;\n        }\n", r->alias[k].cond.c,
                    r->alias[k].text.c);
        }
        fprintf(f, "%s        break;\n    }\n", r->text.c);
    }
    fprintf(f, "    default:\n        (void)insn;\n        break;\n    }\n}\n");
}

void decgen_emit_rows(const struct isa *isa, FILE *f, const char *header)
{
    fprintf(f, "/* Generated by decgen: rows, look-up and texts of %s. */\n", isa->name);
    fprintf(f, "#include \"%s\"\n\n", header);
    if (isa->include) {
        fprintf(f, "#include \"%s\"\n\n", isa->include);
    }
    emit_table(isa, f);
    fprintf(f, "static const uint32_t tree_root = 0x%x;\n\n", isa->tree_root);
    emit_where(isa, f);
    emit_template(isa, f, lookup_text);
    emit_needs(isa, f);
    emit_print(isa, f);
}

static const char translate_text[] = "unsigned $_translate_row(struct $_block *c, uint32_t insn)\n"
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
    fprintf(f, "        if ((insn & 0x%08x) != 0x%08x", r->mask, r->value);
    if (r->where.c) {
        fprintf(f, " ||\n            !(%s)", r->where.c);
    }
    for (int i = 0; i < r->feats; i++) {
        const struct choice *feat = &r->feat[i];
        if (feat->feat != 0) {
            fprintf(f, " ||\n            (%s%s%s!%s_feature(c, %s_FEAT_%s))",
                    feat->cond.c ? "(" : "", feat->cond.c ? feat->cond.c : "",
                    feat->cond.c ? ") && " : "", isa->name, upper(isa->name),
                    isa->feat[feat->feat]);
        }
    }
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
                    extract(o));
            any = true;
        }
    }
    fprintf(f, "%s};\n        %s_%s(c, &a);\n        return true;\n", any ? "" : "0", isa->name,
            r->name);
}

void decgen_emit_translate(const struct isa *isa, FILE *f, const char *header)
{
    fprintf(f, "/* Generated by decgen: calls the semantic functions of %s. */\n", isa->name);
    fprintf(f, "#include \"%s\"\n\n", header);
    if (isa->include) {
        fprintf(f, "#include \"%s\"\n\n", isa->include);
    }
    fprintf(f, "/* Calls the semantic function of the row, if that applies. */\n");
    fprintf(f, "static bool apply(struct %s_block *c, unsigned row, uint32_t insn)\n{\n",
            isa->name);
    fprintf(f, "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        uint32_t uses = r->where.uses;
        for (int k = 0; k < r->feats; k++) {
            uses |= r->feat[k].cond.uses;
        }
        fprintf(f, "    case %s_ROW_%s: {\n", upper(isa->name), r->id);
        emit_locals(f, r, uses);
        emit_refusal(isa, f, r);
        emit_call(isa, f, r);
        fprintf(f, "    }\n");
    }
    fprintf(f, "    default:\n        return false;\n    }\n}\n\n");
    emit_template(isa, f, translate_text);
}

/* A cell of a table: one line, without the character that ends it. */
static void emit_cell(FILE *f, const char *text)
{
    bool space = false;
    fprintf(f, "`");
    for (; *text; text++) {
        if (*text == ' ' || *text == '\n') {
            space = true;
            continue;
        }
        fprintf(f, "%s%s", space ? " " : "", *text == '|' ? "\\|" : "");
        if (*text != '|') {
            fputc(*text, f);
        }
        space = false;
    }
    fprintf(f, "`");
}

void decgen_emit_reference(const struct isa *isa, FILE *f)
{
    fprintf(f, "# Instructions of %s\n\nGenerated by decgen from the decode rows.\n\n", isa->name);
    fprintf(f, "| row | bits from the top, operands | text | features |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        fprintf(f, "| %s | ", r->id);
        emit_cell(f, r->bits);
        fprintf(f, " | ");
        emit_cell(f, r->shown);
        for (int k = 0; k < r->aliases; k++) {
            fprintf(f, "<br>");
            emit_cell(f, r->alias[k].shown);
        }
        fprintf(f, " | ");
        for (int k = 0; k < r->feats; k++) {
            fprintf(f, "%s%s", k ? ", " : "", isa->feat_text[r->feat[k].feat]);
        }
        fprintf(f, " |\n");
    }
}
