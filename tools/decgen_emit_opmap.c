/* SPDX-License-Identifier: MIT */
/*
 * Writes the C of a decoder of opcode maps: the rows, the way to them and from them to the semantic
 * functions. What all such decoders have in common, from prefixes to operands, is in
 * cpu/x86/insn.h.
 */
#include "tools/decgen_emit.h"

#include <string.h>

#include "base/mem.h"

/* Rows of features that are decoded only have no semantic function. */
static bool has_semantics(const struct isa *isa, const struct row *r)
{
    for (int i = 0; i < r->feats; i++) {
        if (isa->untranslated[r->feat[i].feat]) {
            return false;
        }
    }
    return true;
}

static void emit_struct(const struct isa *isa, FILE *f, const struct row *r)
{
    fprintf(f, "/* %s */\nstruct %s_%s {\n", r->shown, isa->name, r->name);
    for (int i = 0; i < r->args; i++) {
        fprintf(f, "    struct x86_operand %s;\n", r->arg[i].member);
    }
    if (!r->args) {
        fprintf(f, "    uint8_t none;\n");
    }
    fprintf(
        f,
        "};\nvoid %s_%s(struct %s_block *c, const struct x86_instr *i, const struct %s_%s *a);\n\n",
        isa->name, r->name, isa->name, isa->name, r->name);
}

static const char header_text[] =
    "struct x86_out;\n"
    "\n"
    "extern const struct x86_row $_rows[@_ROW_COUNT];\n"
    "extern const struct x86_map $_map;\n"
    "/* Features whose rows have no semantic function. */\n"
    "extern const bool $_feat_untranslated[@_FEAT_COUNT];\n"
    "\n"
    "/*\n"
    " * Decodes the instruction at p, of which n bytes may be read, with every feature present: "
    "*i,\n"
    " * see cpu/x86/insn.h. mode is 2, 4 or 8: 16-, 32- or 64-bit code. Any thread.\n"
    " */\n"
    "enum x86_status $_decode(unsigned mode, const uint8_t *p, size_t n, struct x86_instr *i);\n"
    "\n"
    "/*\n"
    " * The same, with the features that $_feature() says are there; when it is X86_OK, the "
    "semantic\n"
    " * function has been called and i->row is the row (for coverage).\n"
    " */\n"
    "enum x86_status $_translate(struct $_block *c, unsigned mode, const uint8_t *p, size_t n,\n"
    "                            struct x86_instr *i);\n"
    "\n"
    "/* The two parts of that: what the instruction is, and its semantic function. */\n"
    "enum x86_status $_select(struct $_block *c, unsigned mode, const uint8_t *p, size_t n,\n"
    "                         struct x86_instr *i);\n"
    "void $_perform(struct $_block *c, const struct x86_instr *i);\n"
    "\n"
    "/* The top of the chain of rows that may match, of an instruction up to its ModRM byte. */\n"
    "unsigned $_decode_top(const struct x86_instr *i);\n"
    "\n"
    "/* Has the instruction the row's fixed parts, and is it allocated by the row's condition? */\n"
    "bool $_row_matches(unsigned row, const struct x86_instr *i);\n"
    "\n"
    "/* Is feature needed by the instruction, which the row matches? */\n"
    "bool $_row_needs(unsigned row, const struct x86_instr *i, enum $_feat feat);\n"
    "\n"
    "/* Prints the mnemonic and operands of the instruction, which has been decoded. */\n"
    "void $_row_print(struct x86_out *out, const struct x86_instr *i);\n"
    "\n"
    "/*\n"
    " * For tests: puts a random instruction of the row, as code of the mode, at p, where there "
    "are\n"
    " * 15 bytes of room, and returns its length; 0 if none was found.\n"
    " */\n"
    "unsigned $_random_row(struct rng *rng, unsigned row, unsigned mode, uint8_t *p);\n"
    "\n";

void decgen_opmap_header(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f, header_text);
    for (unsigned i = 0; i < isa->rows; i++) {
        if (isa->row[i].first && has_semantics(isa, &isa->row[i])) {
            emit_struct(isa, f, &isa->row[i]);
        }
    }
}

static bool asks_for(const struct row *r, enum key_field field, unsigned value)
{
    return decgen_key_mask(r, field) && decgen_key_value(r, field) == value;
}

/* The modes that have the row: 2, 4 and 8 (bytes of their operands) as bits. */
static unsigned modes_of(const struct row *r)
{
    const bool rex = !decgen_key_value(r, KEY_VEX) && asks_for(r, KEY_W, 1);
    if (rex || asks_for(r, KEY_LONG, 1) || asks_for(r, KEY_OS, 2) || asks_for(r, KEY_AS, 2)) {
        return 8;
    }
    return asks_for(r, KEY_LONG, 0) || asks_for(r, KEY_AS, 0) ? 2 | 4 : 2 | 4 | 8;
}

static void emit_row(const struct isa *isa, FILE *f, const struct row *r)
{
    const enum key_field shown[] = {KEY_OPCODE, KEY_MODRM};
    fprintf(f, "    {%s, %s,\n     0x%04x, %u, %d, %s, %u, %u, %u, %u", decgen_word(isa, r->mask),
            decgen_word(isa, r->value), r->next == NO_ROW ? 0xffff : r->next, r->feat[0].feat,
            r->where.c != NULL, r->flags ? r->flags : "0", modes_of(r),
            decgen_key_value(r, KEY_MAP), decgen_key_value(r, KEY_VEX),
            decgen_key_value(r, KEY_PP));
    for (int i = 0; i < 2; i++) {
        fprintf(f, ", 0x%02x, 0x%02x", decgen_key_mask(r, shown[i]), decgen_key_value(r, shown[i]));
    }
    fprintf(f, ",\n     {");
    for (int i = 0; i < r->args; i++) {
        fprintf(f, "%s{X86_M_%s, X86_T_%s, X86_T_%s}", i ? ", " : "", r->arg[i].method,
                r->arg[i].type, r->arg[i].memtype);
    }
    fprintf(f, "%s}, %d, \"%s\",\n     \"%s\"},\n", r->args ? "" : "{0}", r->args, r->id, r->shown);
}

/* Bit n % 32 of word n / 32 of map: a ModRM byte follows opcode n. VEX maps come after the others.
 */
static void emit_modrm(const struct isa *isa, FILE *f)
{
    uint32_t has[X86_MAPS][8] = {{0}};
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        const unsigned map = decgen_key_value(r, KEY_MAP) + 4 * decgen_key_value(r, KEY_VEX);
        for (unsigned n = 0; n < 256 && r->modrm; n++) {
            if (((n ^ decgen_key_value(r, KEY_OPCODE)) & decgen_key_mask(r, KEY_OPCODE)) == 0) {
                has[map][n / 32] |= UINT32_C(1) << n % 32;
            }
        }
    }
    fprintf(f, "static const uint32_t has_modrm[%d][8] = {\n", X86_MAPS);
    for (int map = 0; map < X86_MAPS; map++) {
        fprintf(f, "    {");
        for (int k = 0; k < 8; k++) {
            fprintf(f, "%s0x%x", k ? ", " : "", has[map][k]);
        }
        fprintf(f, "},\n");
    }
    fprintf(f, "};\n\n");
}

static void emit_where(const struct isa *isa, FILE *f)
{
    fprintf(f, "static bool where_holds(unsigned row, const struct x86_instr *i)\n{\n"
               "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->where.c) {
            fprintf(f, "    case %s_ROW_%s:\n        return %s;\n", decgen_upper(isa->name), r->id,
                    r->where.c);
        }
    }
    fprintf(f, "    default:\n        (void)i;\n        return true;\n    }\n}\n\n");
}

static void emit_needs(const struct isa *isa, FILE *f)
{
    decgen_emit_template(
        isa, f,
        "bool $_row_needs(unsigned row, const struct x86_instr *i, enum $_feat feat)\n{\n"
        "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->feats > 1 || r->feat[0].cond.c) {
            fprintf(f, "    case %s_ROW_%s:\n        return ", decgen_upper(isa->name), r->id);
            decgen_emit_choices(isa, f, r);
            fprintf(f, ";\n");
        }
    }
    decgen_emit_template(isa, f,
                         "    default:\n        (void)i;\n"
                         "        return feat == $_rows[row].feat;\n    }\n}\n\n");
}

static void emit_print(const struct isa *isa, FILE *f)
{
    decgen_emit_template(
        isa, f,
        "void $_row_print(struct x86_out *out, const struct x86_instr *i)\n{\n"
        "    x86_fmt_prefixes(out, i, $_rows[i->row].flags);\n    switch (i->row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        fprintf(f, "    case %s_ROW_%s:\n", decgen_upper(isa->name), r->id);
        for (int k = 0; k < r->aliases; k++) {
            const struct choice *a = &r->alias[k];
            fprintf(f,
                    "        if (%s) {\n%s            x86_fmt_operands(out, i, %d);\n"
                    "            break;\n        }\n",
                    a->cond.c, a->text.c, a->args < 0 ? r->args : a->args);
        }
        fprintf(f, "%s        x86_fmt_operands(out, i, %d);\n        break;\n", r->text.c, r->args);
    }
    fprintf(f, "    default:\n        break;\n    }\n}\n\n");
}

static const char decode_text[] =
    "unsigned $_decode_top(const struct x86_instr *i)\n"
    "{\n"
    "    return top_of(key_of(i));\n"
    "}\n"
    "\n"
    "bool $_row_matches(unsigned row, const struct x86_instr *i)\n"
    "{\n"
    "    const struct x86_row *r = &$_rows[row];\n"
    "    return (key_of(i) & r->mask) == r->value && (!r->has_where || where_holds(row, i));\n"
    "}\n"
    "\n"
    "enum x86_status $_decode(unsigned mode, const uint8_t *p, size_t n, struct x86_instr *i)\n"
    "{\n"
    "    enum x86_status status = x86_begin(i, &$_map, mode, p, n);\n"
    "    if (status != X86_OK) {\n"
    "        return status;\n"
    "    }\n"
    "    unsigned row = $_decode_top(i);\n"
    "    while (row != @_ROW_NONE && !$_row_matches(row, i)) {\n"
    "        row = $_rows[row].next;\n"
    "    }\n"
    "    return row == @_ROW_NONE ? X86_UNDEFINED : x86_finish(i, &$_map, row);\n"
    "}\n"
    "\n"
    "const struct x86_map $_map = {$_rows, @_ROW_COUNT, has_modrm, $_decode};\n";

static void emit_untranslated(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f, "const bool $_feat_untranslated[@_FEAT_COUNT] = {");
    for (unsigned i = 0; i < isa->feats; i++) {
        fprintf(f, "%s%d", i ? ", " : "", isa->untranslated[i]);
    }
    fprintf(f, "};\n\n");
}

void decgen_opmap_rows(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "#include \"cpu/x86/disas.h\"\n\nconst struct x86_row $_rows[] = {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        emit_row(isa, f, &isa->row[i]);
    }
    fprintf(f, "};\n\n");
    decgen_emit_feature_names(isa, f);
    emit_untranslated(isa, f);
    decgen_emit_tree(isa, f);
    emit_modrm(isa, f);
    fprintf(f, "static uint64_t key_of(const struct x86_instr *i)\n{\n    return ");
    decgen_key_emit(f);
    fprintf(f, ";\n}\n\n");
    emit_where(isa, f);
    emit_needs(isa, f);
    emit_print(isa, f);
    decgen_emit_template(isa, f, decode_text);
}

static void emit_applies(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "static bool applies(struct $_block *c, unsigned row, const struct "
                         "x86_instr *i)\n{\n"
                         "    if (!$_row_matches(row, i)) {\n        return false;\n    }\n"
                         "    switch (row) {\n");
    for (unsigned i = 0; i < isa->rows; i++) {
        const struct row *r = &isa->row[i];
        if (r->feats == 1 && r->feat[0].feat == 0) {
            continue;
        }
        fprintf(f, "    case %s_ROW_%s:\n        if (false", decgen_upper(isa->name), r->id);
        decgen_emit_absent(isa, f, r);
        fprintf(f, ") {\n            return false;\n        }\n        return true;\n");
    }
    fprintf(f, "    default:\n        (void)c;\n        return true;\n    }\n}\n\n");
}

static void emit_calls(const struct isa *isa, FILE *f)
{
    decgen_emit_template(isa, f,
                         "void $_perform(struct $_block *c, const struct x86_instr *i)\n{\n"
                         "    switch (i->row) {\n");
    for (unsigned k = 0; k < isa->rows; k++) {
        const struct row *first = &isa->row[k];
        if (!has_semantics(isa, first)) {
            continue;
        }
        for (unsigned i = k; i < isa->rows && first->first; i++) {
            if (strcmp(isa->row[i].name, first->name) == 0) {
                fprintf(f, "    case %s_ROW_%s:\n", decgen_upper(isa->name), isa->row[i].id);
            }
        }
        if (!first->first) {
            continue;
        }
        fprintf(f, "        %s_%s(c, i, &(struct %s_%s){", isa->name, first->name, isa->name,
                first->name);
        for (int i = 0; i < first->args; i++) {
            fprintf(f, "%s.%s = i->op[%d]", i ? ", " : "", first->arg[i].member, i);
        }
        fprintf(f, "%s});\n        break;\n", first->args ? "" : "0");
    }
    fprintf(f, "    default:\n        break;\n    }\n}\n\n");
}

static const char translate_text[] =
    "enum x86_status $_select(struct $_block *c, unsigned mode, const uint8_t *p, size_t n,\n"
    "                         struct x86_instr *i)\n"
    "{\n"
    "    const enum x86_status status = x86_begin(i, &$_map, mode, p, n);\n"
    "    if (status != X86_OK) {\n"
    "        return status;\n"
    "    }\n"
    "    unsigned row = $_decode_top(i);\n"
    "    while (row != @_ROW_NONE && !applies(c, row, i)) {\n"
    "        row = $_rows[row].next;\n"
    "    }\n"
    "    return row == @_ROW_NONE ? X86_UNDEFINED : x86_finish(i, &$_map, row);\n"
    "}\n"
    "\n"
    "enum x86_status $_translate(struct $_block *c, unsigned mode, const uint8_t *p, size_t n,\n"
    "                            struct x86_instr *i)\n"
    "{\n"
    "    const enum x86_status status = $_select(c, mode, p, n, i);\n"
    "    if (status == X86_OK) {\n"
    "        $_perform(c, i);\n"
    "    }\n"
    "    return status;\n"
    "}\n";

void decgen_opmap_translate(const struct isa *isa, FILE *f)
{
    emit_applies(isa, f);
    emit_calls(isa, f);
    decgen_emit_template(isa, f, translate_text);
}

void decgen_opmap_random(const struct isa *isa, FILE *f)
{
    decgen_emit_template(
        isa, f,
        "#include \"tests/support/x86_random.h\"\n\n"
        "unsigned $_random_row(struct rng *rng, unsigned row, unsigned mode, uint8_t *p)\n{\n"
        "    return x86_random_of(rng, &$_map, row, mode, p);\n}\n");
}
