/* SPDX-License-Identifier: MIT */
/* A command line by its rows; its help; and what is said. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "block/node.h"
#include "tools/command/command.h"

/* ---- reading */

static const struct command_option *by_letter(const struct command *c, char letter)
{
    const struct command_option *o = c->options;
    while (o->id != COMMAND_END && o->letter != letter) {
        o++;
    }
    return o->id == COMMAND_END ? NULL : o;
}

/* A name may be cut off where that leaves one. */
static const struct command_option *by_name(const struct command *c, const char *name, size_t n,
                                            struct error *e)
{
    const struct command_option *found = NULL;
    for (const struct command_option *o = c->options; o->id != COMMAND_END; o++) {
        if (strncmp(o->name, name, n) != 0) {
            continue;
        }
        if (!o->name[n]) {
            return o;
        }
        if (found) {
            error_set(e, "--%.*s may mean --%s or --%s", (int)n, name, found->name, o->name);
            return NULL;
        }
        found = o;
    }
    if (!found) {
        const char *names[64];
        size_t count = 0;
        for (const struct command_option *o = c->options; o->id != COMMAND_END && count < 64; o++) {
            names[count++] = o->name;
        }
        char *word = mem_printf("%.*s", (int)n, name);
        const char *near = error_nearest_name(word, names, count);
        error_set(e, "unknown option '--%s'", word);
        if (near) {
            error_append(e, "; did you mean '--%s'?", near);
        }
        mem_free(word);
    }
    return found;
}

static void add_item(struct command_line *l, const struct command_option *o, const char *value)
{
    l->items = mem_resize_array(l->items, l->item_count + 1, sizeof(*l->items));
    l->items[l->item_count++] = (struct command_item){o, value};
}

/* --NAME, --NAME=VALUE, --NAME VALUE. *i: of argv. */
static bool read_long(struct command_line *l, int argc, char **argv, int *i, struct error *e)
{
    const char *text = argv[*i] + 2, *equal = strchr(text, '=');
    const struct command_option *o = by_name(l->command, text,
                                             equal ? (size_t)(equal - text) : strlen(text), e);
    if (!o) {
        return false;
    }
    if (!o->arg && equal) {
        return error_set(e, "--%s takes no argument", o->name);
    }
    if (o->arg && !equal && *i + 1 >= argc) {
        return error_set(e, "--%s: %s is missing", o->name, o->arg);
    }
    add_item(l, o, !o->arg ? NULL : equal ? equal + 1 : argv[++*i]);
    return true;
}

/* -abVALUE or -ab VALUE. */
static bool read_short(struct command_line *l, int argc, char **argv, int *i, struct error *e)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const struct command_option *o = by_letter(l->command, *p);
        if (!o) {
            return error_set(e, "unknown option '-%c'", *p);
        }
        if (!o->arg) {
            add_item(l, o, NULL);
            continue;
        }
        if (!p[1] && *i + 1 >= argc) {
            return error_set(e, "-%c: %s is missing", *p, o->arg);
        }
        add_item(l, o, p[1] ? p + 1 : argv[++*i]);
        return true;
    }
    return true;
}

bool command_line_read(struct command_line *l, const struct command *c, int argc, char **argv,
                       struct error *e)
{
    bool options = true;
    *l = (struct command_line){.command = c, .names = mem_array((size_t)argc + 1, sizeof(char *))};
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (options && strcmp(a, "--") == 0) {
            options = false;
        } else if (options && a[0] == '-' && a[1] == '-') {
            if (!read_long(l, argc, argv, &i, e)) {
                return false;
            }
        } else if (options && a[0] == '-' && a[1] && !(a[1] >= '0' && a[1] <= '9')) {
            if (!read_short(l, argc, argv, &i, e)) {
                return false;
            }
        } else { /* "-1G" is an amount */
            l->names[l->name_count++] = argv[i];
        }
    }
    return true;
}

void command_line_free(struct command_line *l)
{
    mem_free(l->items);
    mem_free(l->names);
}

bool command_given(const struct command_line *l, int id)
{
    for (size_t i = 0; i < l->item_count; i++) {
        if (l->items[i].option->id == id) {
            return true;
        }
    }
    return false;
}

const char *command_value(const struct command_line *l, int id)
{
    const char *value = NULL;
    for (size_t i = 0; i < l->item_count; i++) {
        value = l->items[i].option->id == id ? l->items[i].value : value;
    }
    return value;
}

const char *command_value_or(const struct command_line *l, int id, const char *other)
{
    const char *v = command_value(l, id);
    return v ? v : other;
}

static const struct command_option *row_of(const struct command_line *l, int id)
{
    const struct command_option *o = l->command->options;
    while (o->id != id) {
        o++;
    }
    return o;
}

bool command_bytes(const struct command_line *l, int id, uint64_t none, uint64_t *bytes,
                   struct error *e)
{
    const char *v = command_value(l, id);
    *bytes = none;
    return !v || (block_size_parse(v, 1, bytes) && *bytes <= INT64_MAX) ||
           error_set(e, "--%s=%s: a number of bytes is accepted, perhaps with k, M, G, T, P or E",
                     row_of(l, id)->name, v);
}

bool command_number(const struct command_line *l, int id, uint64_t least, uint64_t most,
                    uint64_t *number, struct error *e)
{
    const char *v = command_value(l, id);
    char *end;
    if (!v) {
        return true;
    }
    *number = strtoull(v, &end, 0);
    return (*v >= '0' && *v <= '9' && !*end && *number >= least && *number <= most) ||
           error_set(e, "--%s=%s: a number from %" PRIu64 " to %" PRIu64 " is accepted",
                     row_of(l, id)->name, v, least, most);
}

/* ---- help */

void command_help(const struct command *c)
{
    printf("%s.\n\nusage: %s %s%s[OPTION...] %s\n\noptions:\n", c->summary, command_program,
           c->name, *c->name ? " " : "", c->operands);
    for (const struct command_option *o = c->options; o->id != COMMAND_END; o++) {
        if (o->letter) {
            printf("  -%c, ", o->letter);
        }
        printf("%s--%s%s%s\n      %s\n", o->letter ? "" : "  ", o->name, o->arg ? " " : "",
               o->arg ? o->arg : "", o->help);
    }
    if (c->about) {
        printf("\n%s", c->about);
    }
}

/* Text of ours, with what roff takes for its own escaped. */
static void put_roff(const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
}

void command_manual(const struct command *c)
{
    if (*c->name) {
        printf(".SS %s [\\fIOPTION\\fR...] ", c->name);
        put_roff(c->operands);
        printf("\n%s.\n", c->summary);
    }
    put_roff(c->about ? c->about : "");
    for (const struct command_option *o = c->options; o->id != COMMAND_END; o++) {
        printf(".TP\n");
        if (o->letter) {
            printf("\\fB\\-%c\\fR, ", o->letter);
        }
        printf("\\fB\\-\\-");
        put_roff(o->name);
        printf("\\fR");
        if (o->arg) {
            printf(" \\fI");
            put_roff(o->arg);
            printf("\\fR");
        }
        printf("\n");
        put_roff(o->help);
        printf("\n");
    }
}

/* ---- saying */

static void complain(const char *fmt, va_list ap)
{
    struct error e;
    char *text = mem_vprintf(fmt, ap);
    error_set(&e, "%s", text); /* makes it one line that a terminal can show */
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", command_program, e.text);
    mem_free(text);
}

int command_failf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(fmt, ap);
    va_end(ap);
    return 1;
}

int command_fail(const struct error *e)
{
    return command_failf("%s", e->text);
}

void command_warn(const char *fmt, ...)
{
    char *with = mem_printf("warning: %s", fmt);
    va_list ap;
    va_start(ap, fmt);
    complain(with, ap);
    va_end(ap);
    mem_free(with);
}

int command_usage(const struct command_line *l, const char *fmt, ...)
{
    char *with = mem_printf("%s; '%s%s%s --help' says what is accepted", fmt, command_program,
                            *l->command->name ? " " : "", l->command->name);
    va_list ap;
    va_start(ap, fmt);
    complain(with, ap);
    va_end(ap);
    mem_free(with);
    return 1;
}

void command_say(const char *fmt, ...)
{
    struct strbuf s = {0};
    va_list ap;
    va_start(ap, fmt);
    strbuf_vprintf(&s, fmt, ap);
    va_end(ap);
    strbuf_make_visible(&s);
    fputs(strbuf_text(&s), stdout);
    strbuf_free(&s);
}
