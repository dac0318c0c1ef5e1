/* SPDX-License-Identifier: MIT */
/* The words and marks of which lines of decode files and opcode maps are made. */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

void decgen_skip_space(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n') {
        r->p++;
    }
}

bool decgen_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

char *decgen_copy(const char *s, size_t n)
{
    char *t = mem_alloc(n + 1);
    memcpy(t, s, n);
    return t;
}

/* The next word, a name; NULL at anything else. */
char *decgen_take_name(struct reader *r)
{
    decgen_skip_space(r);
    const char *start = r->p;
    if (!isalnum((unsigned char)*start)) {
        return NULL;
    }
    while (decgen_word_char(*r->p)) {
        r->p++;
    }
    return decgen_copy(start, (size_t)(r->p - start));
}

bool decgen_take_char(struct reader *r, char c)
{
    decgen_skip_space(r);
    if (*r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

bool decgen_take_keyword(struct reader *r, const char *word)
{
    decgen_skip_space(r);
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) != 0 || decgen_word_char(r->p[n])) {
        return false;
    }
    r->p += n;
    return true;
}

char *decgen_need_name(struct reader *r, const char *what)
{
    char *s = decgen_take_name(r);
    if (!s) {
        FAIL(r, "%s expected at \"%.20s\"", what, r->p);
    }
    return s;
}

char *decgen_need_string(struct reader *r, const char *what)
{
    if (!decgen_take_char(r, '"')) {
        FAIL(r, "%s in quotes expected at \"%.20s\"", what, r->p);
    }
    const char *end = strchr(r->p, '"');
    if (!end) {
        FAIL(r, "quote is not closed");
    }
    char *s = decgen_copy(r->p, (size_t)(end - r->p));
    r->p = end + 1;
    return s;
}
