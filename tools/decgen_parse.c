/* SPDX-License-Identifier: MIT */
/* Reads decode files and opcode maps into rows. The grammar is described at the top of decgen.c. */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

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
        f->feat = find_feature(r, decgen_need_name(r, "feature"));
        if (decgen_take_keyword(r, "when")) {
            decgen_skip_space(r);
            decgen_expression(r, row, ",", &f->cond);
        }
    } while (decgen_take_char(r, ','));
}

static void parse_aliases(struct reader *r, struct row *row)
{
    while (decgen_take_keyword(r, "alias")) {
        if (row->aliases == MAX_OPERANDS) {
            FAIL(r, "more than %d aliases", MAX_OPERANDS);
        }
        struct choice *a = &row->alias[row->aliases++];
        decgen_skip_space(r);
        decgen_expression(r, row, "\"", &a->cond);
        a->shown = decgen_need_string(r, "text");
        a->text = decgen_text(r, row, a->shown);
        decgen_skip_space(r);
        a->args = r->isa->opmap && isdigit((unsigned char)*r->p) ? *r->p++ - '0' : -1;
    }
}

static void parse_row(struct reader *r, struct row *row)
{
    row->file = r->file;
    row->line = r->line;
    row->name = row->id = decgen_need_name(r, "name");
    if (decgen_take_char(r, '/')) {
        row->id = mem_printf("%s_%s", row->name, decgen_need_name(r, "form"));
    }
    if (r->isa->opmap) {
        decgen_opcode(r, row);
    } else {
        decgen_bits(r, row);
        row->shown = decgen_need_string(r, "text");
        row->text = decgen_text(r, row, row->shown);
    }
    parse_features(r, row);
    if (decgen_take_keyword(r, "where")) {
        decgen_skip_space(r);
        decgen_expression(r, row, "", &row->where);
    }
    if (decgen_take_keyword(r, "over")) {
        do {
            if (row->overs == MAX_CHOICES) {
                FAIL(r, "more than %d rows below", MAX_CHOICES);
            }
            row->over[row->overs++] = decgen_need_name(r, "row");
        } while (decgen_take_char(r, ','));
    }
    parse_aliases(r, row);
}

void decgen_add_row(struct isa *isa, const struct row *row)
{
    if ((isa->rows & (isa->rows - 1)) == 0) {
        isa->row = mem_resize_array(isa->row, isa->rows ? 2 * isa->rows : 1, sizeof(*isa->row));
    }
    isa->row[isa->rows++] = *row;
}

static void add_feature(struct isa *isa, char *name, char *text)
{
    isa->feat = mem_resize_array(isa->feat, isa->feats + 1, sizeof(*isa->feat));
    isa->feat_text = mem_resize_array(isa->feat_text, isa->feats + 1, sizeof(*isa->feat_text));
    isa->untranslated = mem_resize_array(isa->untranslated, isa->feats + 1,
                                         sizeof(*isa->untranslated));
    isa->untranslated[isa->feats] = false;
    isa->feat[isa->feats] = name;
    isa->feat_text[isa->feats] = text;
    isa->feats++;
}

/* isa NAME: rows are words, of 32 bits if nothing else is said. opmap NAME: of an opcode map. */
static void parse_isa(struct reader *r, bool opmap)
{
    struct isa *isa = r->isa;
    isa->name = decgen_need_name(r, "name");
    isa->opmap = opmap;
    isa->fn = opmap ? "x86" : isa->name;
    isa->unit = 32;
    isa->width = opmap ? 64 : 32;
    add_feature(isa, "base", "always there");
}

static void parse_line(struct reader *r)
{
    struct isa *isa = r->isa;
    if (decgen_take_keyword(r, "isa")) {
        parse_isa(r, false);
    } else if (decgen_take_keyword(r, "opmap")) {
        parse_isa(r, true);
    } else if (!isa->opmap && decgen_shape(r)) {
        /* units or a length */
    } else if (decgen_take_keyword(r, "include")) {
        isa->include = decgen_need_string(r, "header");
    } else if (decgen_take_keyword(r, "feature")) {
        char *name = decgen_need_name(r, "name");
        if (isa->opmap && (!islower((unsigned char)*name) || decgen_is_attribute(name))) {
            FAIL(r, "feature %s: a small letter comes first, and it is no attribute", name);
        }
        add_feature(isa, name, decgen_need_string(r, "description"));
        isa->untranslated[isa->feats - 1] = isa->opmap && decgen_take_keyword(r, "untranslated");
    } else {
        if (!isa->name) {
            FAIL(r, "\"isa NAME\" or \"opmap NAME\" comes first");
        }
        struct row row = {0};
        parse_row(r, &row);
        if (isa->opmap) {
            decgen_add_row(isa, &row);
        } else {
            decgen_add_word_row(isa, &row);
        }
    }
    decgen_skip_space(r);
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
