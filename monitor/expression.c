/* SPDX-License-Identifier: MIT */
/*
 * Addresses and numbers in the monitor's commands, as expressions. From the loosest on: + -, then
 * & | ^, then * / %, then + - ~ in front of a term. A term is a number (decimal, 0x, 0 and octal),
 * a character in single quotes, $REGISTER or an expression in parentheses. Scripts written for QEMU
 * rely on & binding tighter than +.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/cpu.h"
#include "monitor/commands.h"

enum {
    DEPTH_MAX = 64 /* parentheses and signs within each other */
};

struct expression {
    struct call *call;
    const char *at;
    unsigned depth;
};

static bool sum(struct expression *x, uint64_t *value);

static void skip_blanks(struct expression *x)
{
    while (isspace((unsigned char)*x->at)) {
        x->at++;
    }
}

static bool register_value(struct vcpu *v, const char *name, size_t n, uint64_t *value)
{
    for (const struct cpu_reg *r = v->cls->regs; r->name; r++) {
        if (strlen(r->name) == n && strncmp(r->name, name, n) == 0 && r->bits <= 64) {
            uint8_t bytes[8] = {0};
            vcpu_read_register(v, r, bytes);
            *value = load_le64(bytes);
            return true;
        }
    }
    return false;
}

static bool register_term(struct expression *x, uint64_t *value)
{
    const char *p = x->at + 1;
    const size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    struct vcpu *v = call_vcpu(x->call);

    x->at = p + n;
    if (n == 2 && strncmp(p, "pc", 2) == 0) {
        *value = v->cls->pc(v);
        return true;
    }
    if (!register_value(v, p, n, value)) {
        strbuf_printf(x->call->out, "there is no register $%.*s\n", (int)n, p);
        return false;
    }
    return true;
}

static bool number_term(struct expression *x, uint64_t *value)
{
    const char *p = x->at;
    char *end;

    errno = 0;
    *value = strtoull(p, &end, 0);
    x->at = end;
    if (errno == ERANGE) {
        strbuf_printf(x->call->out, "'%s' does not fit in 64 bits\n", p);
        return false;
    }
    return true;
}

static bool parentheses(struct expression *x, uint64_t *value)
{
    x->at++;
    if (!sum(x, value)) {
        return false;
    }
    if (*x->at != ')') {
        strbuf_puts(x->call->out, "a ')' is missing\n");
        return false;
    }
    x->at++;
    return true;
}

static bool unary(struct expression *x, uint64_t *value);

static bool sign(struct expression *x, uint64_t *value)
{
    const char c = *x->at++;
    if (!unary(x, value)) {
        return false;
    }
    *value = c == '-' ? 0 - *value : c == '~' ? ~*value : *value;
    return true;
}

static bool term(struct expression *x, uint64_t *value)
{
    const char *p = x->at;
    if (*p == '(') {
        return parentheses(x, value);
    }
    if (*p == '+' || *p == '-' || *p == '~') {
        return sign(x, value);
    }
    if (*p == '$') {
        return register_term(x, value);
    }
    if (*p == '\'' && p[1] && p[2] == '\'') {
        *value = (unsigned char)p[1];
        x->at = p + 3;
        return true;
    }
    if (isdigit((unsigned char)*p)) {
        return number_term(x, value);
    }
    strbuf_printf(x->call->out, "'%s' is not a number, 0x... or $REGISTER\n", p);
    return false;
}

static bool unary(struct expression *x, uint64_t *value)
{
    if (x->depth == DEPTH_MAX) {
        strbuf_printf(x->call->out, "more than %d levels in one expression\n", DEPTH_MAX);
        return false;
    }
    x->depth++;
    skip_blanks(x);
    const bool good = term(x, value);
    skip_blanks(x);
    x->depth--;
    return good;
}

static bool product(struct expression *x, uint64_t *value)
{
    if (!unary(x, value)) {
        return false;
    }
    while (*x->at && strchr("*/%", *x->at)) {
        const char operation = *x->at++;
        uint64_t more;
        if (!unary(x, &more)) {
            return false;
        }
        if (operation != '*' && !more) {
            strbuf_puts(x->call->out, "division by zero\n");
            return false;
        }
        *value = operation == '*'   ? *value * more
                 : operation == '/' ? *value / more
                                    : *value % more;
    }
    return true;
}

static bool logic(struct expression *x, uint64_t *value)
{
    if (!product(x, value)) {
        return false;
    }
    while (*x->at && strchr("&|^", *x->at)) {
        const char operation = *x->at++;
        uint64_t more;
        if (!product(x, &more)) {
            return false;
        }
        *value = operation == '&'   ? *value & more
                 : operation == '|' ? *value | more
                                    : *value ^ more;
    }
    return true;
}

static bool sum(struct expression *x, uint64_t *value)
{
    if (!logic(x, value)) {
        return false;
    }
    while (*x->at == '+' || *x->at == '-') {
        const char operation = *x->at++;
        uint64_t more;
        if (!logic(x, &more)) {
            return false;
        }
        *value = operation == '+' ? *value + more : *value - more;
    }
    return true;
}

bool expression_value(struct call *c, const char *text, uint64_t *value)
{
    struct expression x = {.call = c, .at = text};
    if (!sum(&x, value)) {
        return false;
    }
    if (*x.at) {
        strbuf_printf(c->out, "'%s' is left over behind a number\n", x.at);
        return false;
    }
    return true;
}

bool expression_of_rest(struct call *c, unsigned first, uint64_t *value)
{
    struct strbuf text = {0};
    for (unsigned i = first; i < c->count; i++) {
        strbuf_printf(&text, "%s%s", i > first ? " " : "", c->words[i]);
    }
    const bool good = expression_value(c, strbuf_text(&text), value);
    strbuf_free(&text);
    return good;
}
