/* SPDX-License-Identifier: MIT */
/* The command line of a command, by its rows; its help; and what is said. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/visible.h"
#include "tools/img/img.h"

/* ---- reading */

static const struct img_option *by_letter(const struct img_command *c, char letter)
{
    const struct img_option *o = c->options;
    while (o->id != IMG_END && o->letter != letter) {
        o++;
    }
    return o->id == IMG_END ? NULL : o;
}

/* A name may be cut off where that leaves one. */
static const struct img_option *by_name(const struct img_command *c, const char *name, size_t n,
                                        struct error *e)
{
    const struct img_option *found = NULL;
    for (const struct img_option *o = c->options; o->id != IMG_END; o++) {
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
        for (const struct img_option *o = c->options; o->id != IMG_END && count < 64; o++) {
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

static void add_item(struct img_line *l, const struct img_option *o, const char *value)
{
    l->items = mem_resize_array(l->items, l->item_count + 1, sizeof(*l->items));
    l->items[l->item_count++] = (struct img_item){o, value};
}

/* --NAME, --NAME=VALUE, --NAME VALUE. *i: of argv. */
static bool read_long(struct img_line *l, int argc, char **argv, int *i, struct error *e)
{
    const char *text = argv[*i] + 2, *equal = strchr(text, '=');
    const struct img_option *o = by_name(l->command, text,
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
static bool read_short(struct img_line *l, int argc, char **argv, int *i, struct error *e)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const struct img_option *o = by_letter(l->command, *p);
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

bool img_line_read(struct img_line *l, const struct img_command *c, int argc, char **argv,
                   struct error *e)
{
    bool options = true;
    *l = (struct img_line){.command = c, .names = mem_array((size_t)argc + 1, sizeof(char *))};
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

void img_line_free(struct img_line *l)
{
    mem_free(l->items);
    mem_free(l->names);
}

bool img_given(const struct img_line *l, enum img_option_id id)
{
    for (size_t i = 0; i < l->item_count; i++) {
        if (l->items[i].option->id == id) {
            return true;
        }
    }
    return false;
}

const char *img_value(const struct img_line *l, enum img_option_id id)
{
    const char *value = NULL;
    for (size_t i = 0; i < l->item_count; i++) {
        value = l->items[i].option->id == id ? l->items[i].value : value;
    }
    return value;
}

static const struct img_option *row_of(const struct img_line *l, enum img_option_id id)
{
    const struct img_option *o = l->command->options;
    while (o->id != id) {
        o++;
    }
    return o;
}

bool img_output(const struct img_line *l, bool *json, struct error *e)
{
    const char *v = img_value(l, IMG_OUTPUT);
    *json = v && strcmp(v, "json") == 0;
    return !v || *json || strcmp(v, "human") == 0 ||
           error_set(e, "--output=%s: human and json are accepted", v);
}

bool img_bytes(const struct img_line *l, enum img_option_id id, uint64_t none, uint64_t *bytes,
               struct error *e)
{
    const char *v = img_value(l, id);
    *bytes = none;
    return !v || (block_size_parse(v, 1, bytes) && *bytes <= INT64_MAX) ||
           error_set(e, "--%s=%s: a number of bytes is accepted, perhaps with k, M, G, T, P or E",
                     row_of(l, id)->name, v);
}

bool img_number(const struct img_line *l, enum img_option_id id, uint64_t least, uint64_t most,
                uint64_t *number, struct error *e)
{
    const char *v = img_value(l, id);
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

void img_help(const struct img_command *c)
{
    printf("%s.\n\nusage: dragoman-img %s [OPTION...] %s\n\noptions:\n", c->summary, c->name,
           c->operands);
    for (const struct img_option *o = c->options; o->id != IMG_END; o++) {
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

void img_manual(const struct img_command *c)
{
    printf(".SS %s [\\fIOPTION\\fR...] ", c->name);
    put_roff(c->operands);
    printf("\n%s.\n", c->summary);
    put_roff(c->about ? c->about : "");
    for (const struct img_option *o = c->options; o->id != IMG_END; o++) {
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
    fprintf(stderr, "dragoman-img: %s\n", e.text);
    mem_free(text);
}

int img_failf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    complain(fmt, ap);
    va_end(ap);
    return 1;
}

int img_fail(const struct error *e)
{
    return img_failf("%s", e->text);
}

void img_warn(const char *fmt, ...)
{
    char *with = mem_printf("warning: %s", fmt);
    va_list ap;
    va_start(ap, fmt);
    complain(with, ap);
    va_end(ap);
    mem_free(with);
}

int img_usage(const struct img_line *l, const char *fmt, ...)
{
    char *with = mem_printf("%s; 'dragoman-img %s --help' says what is accepted", fmt,
                            l->command->name);
    va_list ap;
    va_start(ap, fmt);
    complain(with, ap);
    va_end(ap);
    mem_free(with);
    return 1;
}

void img_say(const char *fmt, ...)
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

void img_say_json(json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(4));
    printf("%s\n", text ? text : "null");
    free(text);
    json_decref(value);
}

/* "1.5 MiB": three digits, without zeros behind the point. */
void img_size_text(uint64_t bytes, struct strbuf *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 999.5 && unit < 6) {
        value /= 1024;
        unit++;
    }
    strbuf_printf(out, "%0.3g %s", value, units[unit]);
}
