/* SPDX-License-Identifier: MIT */
/*
 * Writes the reference of the IR, as Markdown, from tcg/ops.h: the comments at its top, then a
 * table for each section. It reads the text, not the macros, since the comments are half of it.
 *
 *   irdocgen tcg/ops.h -o ir.md
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

/* An OP row; each part within the line that was read. */
struct row {
    char *name, *shape, *effects, *evaluator, *comment;
};

/* Cuts s at its end and start blanks. */
static char *trim(char *s)
{
    size_t n;

    while (*s == ' ') {
        s++;
    }
    n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\n')) {
        s[--n] = '\0';
    }
    return s;
}

/* The end of the argument at s: the comma or closing parenthesis that is not within others. */
static char *argument_end(char *s)
{
    unsigned depth = 0;

    for (; *s; s++) {
        if (*s == '(') {
            depth++;
        } else if (*s == ')' && depth-- == 0) {
            return s;
        } else if (*s == ',' && depth == 0) {
            return s;
        }
    }
    return NULL;
}

/* Takes "OP(name, SHAPE, EFFECTS, evaluator)  comment" apart. */
static bool parse_row(char *line, struct row *r)
{
    char **const parts[] = {&r->name, &r->shape, &r->effects, &r->evaluator};
    char *at = line + 3;

    for (size_t i = 0; i < array_len(parts); i++) {
        char *end = argument_end(at);
        if (!end || (*end == ')') != (i == array_len(parts) - 1)) {
            return false;
        }
        *end = '\0';
        *parts[i] = trim(at);
        at = end + 1;
    }
    r->comment = "";
    char *open = strstr(at, "/*"), *close = open ? strstr(open, "*/") : NULL;
    if (close) {
        *close = '\0';
        r->comment = trim(open + 2);
    }
    return true;
}

/* A row that goes on has open parentheses, or an open comment. */
static bool goes_on(const char *line)
{
    int depth = 0;

    for (const char *p = line; *p; p++) {
        depth += (*p == '(') - (*p == ')');
        if (depth == 0 && *p == ')') {
            const char *comment = strstr(p, "/*");
            return comment && !strstr(comment, "*/");
        }
    }
    return true;
}

/* Appends the lines that a row goes on with, without their indentation. */
static void read_rest(char *line, size_t size, FILE *in)
{
    char more[500];

    while (goes_on(line) && fgets(more, sizeof(more), in)) {
        char *text = trim(more);
        if (strncmp(text, "* ", 2) == 0) {
            text += 2;
        }
        const size_t n = strlen(line);
        snprintf(line + n - 1, size - n, " %s\n", text);
    }
}

/* The comment that begins with line, to its end: what the row below it means. */
static void read_above(char *line, size_t size, FILE *in, char *above, size_t room)
{
    size_t n = 0;

    above[0] = '\0';
    do {
        char *end = strstr(line, "*/");
        if (end) {
            *end = '\0';
        }
        n += (size_t)snprintf(above + n, room - n, "%s%s", n ? " " : "", trim(line + 2));
        if (end) {
            return;
        }
    } while (n < room && fgets(line, (int)size, in));
}

/* Text for a cell: a bar would end it. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void put_row(FILE *out, const struct row *r)
{
    const bool function = strncmp(r->evaluator, "EV(", 3) == 0;
    const bool none = strcmp(r->evaluator, "NOEVAL") == 0;

    fprintf(out, "| `%s` | %s | ", r->name, r->shape);
    put_cell(out, strcmp(r->effects, "NOEFFECT") == 0 ? "" : r->effects);
    fputs(" | ", out);
    if (!function && !none) {
        fputc('`', out);
        put_cell(out, r->evaluator);
        fputs(*r->comment ? "`; " : "`", out);
    }
    put_cell(out, r->comment);
    fputs(" |\n", out);
}

static bool convert(FILE *in, FILE *out)
{
    char line[1000], above[500] = "";
    bool essay = false;
    struct row r;

    fputs("# The intermediate representation\n\nGenerated from `tcg/ops.h`.\n\n", out);
    while (fgets(line, sizeof(line), in)) {
        if (strncmp(line, "/* ---- ", 8) == 0) {
            char *end = strstr(line, "*/");
            if (end) {
                *end = '\0';
            }
            fprintf(out,
                    "\n## %s\n\n| op | shape | effects | meaning |\n| --- | --- | --- | --- |\n",
                    trim(line + 8));
        } else if (strncmp(line, "OP(", 3) == 0) {
            read_rest(line, sizeof(line), in);
            if (!parse_row(line, &r)) {
                fprintf(stderr, "irdocgen: a row that is not understood: %s", line);
                return false;
            }
            r.comment = *r.comment ? r.comment : above;
            put_row(out, &r);
            above[0] = '\0';
        } else if (!essay && strncmp(line, "/* ", 3) == 0) {
            read_above(line, sizeof(line), in, above, sizeof(above));
        } else if (strcmp(line, "/*\n") == 0) {
            essay = true;
            fputs("```text\n", out);
        } else if (strncmp(line, " */", 3) == 0 && essay) {
            essay = false;
            fputs("```\n", out);
        } else if (essay) {
            fputs(strncmp(line, " * ", 3) == 0 ? line + 3 : "\n", out);
        }
    }
    return !ferror(in) && !ferror(out);
}

int main(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[2], "-o") != 0) {
        fprintf(stderr, "usage: irdocgen tcg/ops.h -o FILE\n");
        return 2;
    }
    FILE *in = fopen(argv[1], "r"), *out = in ? fopen(argv[3], "w") : NULL;
    if (!in || !out) {
        fprintf(stderr, "irdocgen: %s: %s\n", in ? argv[3] : argv[1], strerror(errno));
        return 1;
    }
    const bool ok = convert(in, out);
    fclose(in);
    if (fclose(out) != 0 || !ok) {
        remove(argv[3]);
        return 1;
    }
    return 0;
}
