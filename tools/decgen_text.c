/* SPDX-License-Identifier: MIT */
/* Makes C of the conditions and texts of rows. The grammar is described at the top of decgen.c. */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

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
    while (decgen_word_char(*r->p)) {
        r->p++;
    }
    size_t n = (size_t)(r->p - start);
    if (*r->p == '(') {
        append_text(code, mem_printf("%s_fn_", r->isa->fn));
    } else if (r->isa->opmap) {
        append_text(code, "i->");
    } else {
        int i = decgen_find_operand(row, start, n);
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
void decgen_expression(struct reader *r, struct row *row, const char *stop, struct code *code)
{
    int depth = 0;
    while (*r->p) {
        if (depth == 0 && strchr(stop, *r->p)) {
            break;
        }
        const char *here = r->p;
        if (isalpha((unsigned char)*r->p)) {
            if (decgen_take_keyword(r, "where") || decgen_take_keyword(r, "over") ||
                decgen_take_keyword(r, "alias")) {
                r->p = here;
                break;
            }
            parse_identifier(r, row, code);
        } else if (isdigit((unsigned char)*r->p)) {
            while (decgen_word_char(*r->p)) {
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
    char *name = decgen_need_name(r, "function");
    append_text(code, mem_printf("%s_fmt_%s(out", r->isa->fn, name));
    if (decgen_take_char(r, '(')) {
        struct code args = {.uses = code->uses};
        append_text(code, ", ");
        decgen_expression(r, row, ")", &args);
        append_text(code, args.c);
        code->uses = args.uses;
        if (!decgen_take_char(r, ')')) {
            FAIL(r, "closing parenthesis expected in a text");
        }
    }
    append_text(code, ");\n");
    if (!decgen_take_char(r, '}')) {
        FAIL(r, "closing brace expected in a text");
    }
}

/* A text becomes calls of ISA_fmt_text() and of the functions in braces. */
struct code decgen_text(struct reader *outer, struct row *row, const char *text)
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
        append_text(&code, mem_printf("%s_fmt_text(out, \"%.*s\");\n", r->isa->fn, (int)n, r->p));
        r->p += n;
    }
    if (!code.c) {
        FAIL(r, "empty text");
    }
    return code;
}
