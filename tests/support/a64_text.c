/* SPDX-License-Identifier: MIT */
/* See a64_text.h. */
#include "tests/support/a64_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/arm/a64_disas.h"

#define TEXT 100

/* A general register at the start of s: 0 to 30, 31 for SP and the zero register; else -1. */
static int general_register(const char *s, unsigned *width)
{
    *width = s[0] == 'w' ? 32 : 64;
    if (strncmp(s, "sp", 2) == 0 || strncmp(s, "wsp", 3) == 0 || strncmp(s + 1, "zr", 2) == 0) {
        return 31;
    }
    if ((s[0] == 'x' || s[0] == 'w') && isdigit((unsigned char)s[1])) {
        return atoi(s + 1);
    }
    return -1;
}

static void parse_index(const char *s, struct a64_memory *m)
{
    m->index = general_register(s, &m->width);
    const char *extend = strstr(s, ", ");
    if (extend) {
        m->is_signed = extend[2] == 's';
        const char *amount = strchr(extend, '#');
        m->shift = amount ? (unsigned)atoi(amount + 1) : 0;
    }
}

bool a64_memory_operand(uint32_t insn, struct a64_memory *m)
{
    char text[TEXT];
    memset(m, 0, sizeof(*m));
    m->index = m->post = -1;
    if (!a64_disas(insn, 0, text, sizeof(text))) {
        return false;
    }
    char *open = strchr(text, '[');
    while (open && isdigit((unsigned char)open[1])) { /* an element's number */
        open = strchr(open + 1, '[');
    }
    char *close = open ? strchr(open, ']') : NULL;
    if (!close || strncmp(text, "cpy", 3) == 0 || strncmp(text, "set", 3) == 0) {
        return false;
    }
    unsigned width;
    m->base = (unsigned)general_register(open + 1, &width);
    m->writes_back = close[1] == '!' || close[1] == ',';
    m->post = close[1] == ',' ? general_register(close + 3, &width) : -1;
    *close = 0;
    char *second = strstr(open, ", ");
    if (second && second[2] == '#') {
        m->offset = strtoll(second + 3, NULL, 0);
    } else if (second) {
        parse_index(second + 2, m);
    }
    return true;
}

uint64_t a64_index_value(const struct a64_memory *m, uint64_t x)
{
    if (m->index == 31) {
        x = 0;
    }
    if (m->width == 32) {
        x = m->is_signed ? (uint64_t)(int64_t)(int32_t)x : (uint32_t)x;
    }
    return x << m->shift;
}

/* Where the operands start that name vector or scalar registers: behind the mnemonic. */
static const char *operands(char *text)
{
    char *space = strchr(text, ' ');
    return space ? space + 1 : "";
}

/* Vector or scalar register at s (which no name precedes): its number and its size's letter, or -1.
 */
static int vector_register(const char *s, char *letter)
{
    if (!strchr("vbhsdq", s[0]) || !isdigit((unsigned char)s[1])) {
        return -1;
    }
    char *end;
    int n = (int)strtol(s + 1, &end, 10);
    *letter = s[0];
    if (s[0] == 'v') {
        end += *end == '.';
        *letter = end[strspn(end, "0123456789")];
    }
    return n;
}

int a64_element(uint32_t insn)
{
    char text[TEXT], letter;
    static const char letters[] = "bhsd";
    if (!a64_disas(insn, 0, text, sizeof(text))) {
        return -1;
    }
    int found = -1;
    for (const char *s = operands(text); *s; s++) {
        if (!isalnum((unsigned char)s[-1]) && s[-1] != '.' && vector_register(s, &letter) >= 0) {
            const char *at = strchr(letters, letter);
            found = at && *at ? (int)(at - letters) : found;
        }
    }
    return found;
}

/* v1.8b-v4.8b and {v1.8b, v2.8b}: a list may wrap from 31 to 0 */
static uint32_t list_to(const char *s, int first)
{
    uint32_t set = 0;
    char letter;
    const char *dash = strpbrk(s, "-}");
    if (dash && *dash == '-') {
        int last = vector_register(dash + 1, &letter);
        for (int i = first; last >= 0 && i != last; i = (i + 1) % 32) {
            set |= UINT32_C(1) << i;
        }
    }
    return set;
}

void a64_registers(uint32_t insn, uint32_t *general, uint32_t *vector)
{
    char text[TEXT], letter;
    unsigned width;
    *general = *vector = 0;
    if (!a64_disas(insn, 0, text, sizeof(text))) {
        return;
    }
    bool in_list = false;
    for (const char *s = operands(text); *s; s++) {
        in_list = *s == '{' || (in_list && *s != '}');
        if (isalnum((unsigned char)s[-1]) || s[-1] == '.') {
            continue;
        }
        int n = general_register(s, &width);
        if (n >= 0 && s[1] != 'z') {
            *general |= UINT32_C(1) << n;
        }
        n = vector_register(s, &letter);
        if (n >= 0) {
            *vector |= UINT32_C(1) << (n & 31) | (in_list ? list_to(s, n) : 0);
        }
    }
}
