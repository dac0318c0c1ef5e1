/* SPDX-License-Identifier: MIT */
/*
 * The text that says what a VMDK image consists of: KEY=VALUE lines, and one line an extent
 * (VMware, Virtual Disk Format 5.0, "The Descriptor File").
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/vmdk.h"

struct parse {
    struct vmdk_descriptor *d;
    const char *text, *where;
    unsigned line;
};

/* The next word of a line, or what stands between quotation marks. False: there is none. */
static bool word(const char **at, const char *end, const char **from, size_t *n)
{
    const char *p = *at;
    while (p < end && isspace((unsigned char)*p)) {
        p++;
    }
    if (p == end) {
        return false;
    }
    const bool quoted = *p == '"';
    p += quoted;
    *from = p;
    while (p < end && (quoted ? *p != '"' : !isspace((unsigned char)*p))) {
        p++;
    }
    *n = (size_t)(p - *from);
    *at = p < end ? p + quoted : p;
    return true;
}

static bool is_word(const char *from, size_t n, const char *what)
{
    return strlen(what) == n && strncasecmp(from, what, n) == 0;
}

static bool number(const char **at, const char *end, uint64_t *v)
{
    const char *from;
    size_t n;
    if (!word(at, end, &from, &n) || n == 0 || n > 19) {
        return false;
    }
    *v = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)from[i])) {
            return false;
        }
        *v = *v * 10 + (uint64_t)(from[i] - '0');
    }
    return true;
}

static const struct {
    const char *name;
    enum vmdk_kind kind;
} kinds[] = {
    {"FLAT", VMDK_FLAT},         {"VMFS", VMDK_FLAT},       {"SPARSE", VMDK_SPARSE},
    {"VMFSSPARSE", VMDK_SPARSE}, {"SESPARSE", VMDK_SPARSE}, {"ZERO", VMDK_ZERO},
};

static bool bad_line(const struct parse *p, const char *from, const char *end, struct error *e)
{
    const int n = end - from < 80 ? (int)(end - from) : 80;
    return error_set(e,
                     "%s: line %u, '%.*s': ACCESS SECTORS TYPE \"FILE\" [OFFSET] is accepted, with "
                     "RW or RDONLY and FLAT, SPARSE, ZERO, VMFS, VMFSSPARSE or SESPARSE",
                     p->where, p->line, n, from);
}

/* RW 4192256 SPARSE "disk-s001.vmdk" */
static bool parse_extent(struct parse *p, const char *from, const char *end, struct error *e)
{
    struct vmdk_line l = {.kind = VMDK_ZERO};
    const char *at = from, *w;
    size_t n, i = 0;
    word(&at, end, &w, &n);
    l.read_only = is_word(w, n, "RDONLY");
    if (!number(&at, end, &l.sectors) || l.sectors > (uint64_t)INT64_MAX / BLOCK_SECTOR ||
        !word(&at, end, &w, &n)) {
        return bad_line(p, from, end, e);
    }
    while (i < array_len(kinds) && !is_word(w, n, kinds[i].name)) {
        i++;
    }
    if (i == array_len(kinds)) {
        return bad_line(p, from, end, e);
    }
    l.kind = kinds[i].kind;
    if (l.kind != VMDK_ZERO) {
        if (!word(&at, end, &w, &n) || n == 0 || n > VMDK_NAME_MAX ||
            (l.kind == VMDK_FLAT &&
             word(&(const char *){at}, end, &(const char *){NULL}, &(size_t){0}) &&
             !number(&at, end, &l.offset)) ||
            l.offset > (uint64_t)INT64_MAX / BLOCK_SECTOR) {
            return bad_line(p, from, end, e);
        }
        l.file = mem_printf("%.*s", (int)n, w);
    }
    struct vmdk_descriptor *d = p->d;
    d->lines = mem_resize_array(d->lines, d->count + 1, sizeof(*d->lines));
    d->lines[d->count++] = l;
    return d->count <= VMDK_EXTENTS_MAX ||
           error_set(e, "%s: more than %u extents", p->where, VMDK_EXTENTS_MAX);
}

static void take_text(char **into, const char *from, size_t n)
{
    mem_free(*into);
    *into = mem_printf("%.*s", (int)(n < VMDK_NAME_MAX ? n : VMDK_NAME_MAX), from);
}

/* KEY=VALUE; keys that we need not know are left alone. */
static bool parse_value(struct parse *p, const char *from, const char *equals, const char *end,
                        struct error *e)
{
    struct vmdk_descriptor *d = p->d;
    const char *at = equals + 1, *w;
    size_t n, key = (size_t)(equals - from);
    while (key && isspace((unsigned char)from[key - 1])) {
        key--;
    }
    if (!word(&at, end, &w, &n)) {
        return true;
    }
    const bool cid = is_word(from, key, "CID"), parent = is_word(from, key, "parentCID");
    if (cid || parent) {
        char digits[9] = "", *rest;
        memcpy(digits, w, n < 8 ? n : 8);
        const uint32_t v = (uint32_t)strtoul(digits, &rest, 16);
        if (n == 0 || n > 8 || *rest) {
            return error_set(e, "%s: line %u: up to 8 hexadecimal digits are accepted", p->where,
                             p->line);
        }
        *(cid ? &d->cid : &d->parent_cid) = v;
        if (n == 8) {
            *(cid ? &d->cid_at : &d->parent_cid_at) = (size_t)(w - p->text);
        }
    } else if (is_word(from, key, "createType")) {
        take_text(&d->create_type, w, n);
    } else if (is_word(from, key, "parentFileNameHint")) {
        take_text(&d->parent, w, n);
    }
    return true;
}

static bool parse_line(struct parse *p, const char *from, const char *end, struct error *e)
{
    const char *at = from, *w, *equals = memchr(from, '=', (size_t)(end - from));
    size_t n;
    if (!word(&at, end, &w, &n) || *w == '#') {
        return true;
    }
    if (is_word(w, n, "RW") || is_word(w, n, "RDONLY")) {
        return parse_extent(p, w, end, e);
    }
    if (is_word(w, n, "NOACCESS")) {
        return error_set(e, "%s: line %u: an extent without access", p->where, p->line);
    }
    return !equals || parse_value(p, w, equals, end, e);
}

bool vmdk_descriptor_parse(struct vmdk_descriptor *d, const char *text, const char *where,
                           struct error *e)
{
    struct parse p = {.d = d, .text = text, .where = where};
    bool good = true;
    *d = (struct vmdk_descriptor){.parent_cid = VMDK_NO_PARENT};
    for (const char *at = text; good && *at;) {
        const char *end = at + strcspn(at, "\r\n");
        p.line++;
        good = parse_line(&p, at, end, e);
        at = *end == '\r' && end[1] == '\n' ? end + 2 : *end ? end + 1 : end;
    }
    return good;
}

void vmdk_descriptor_free(struct vmdk_descriptor *d)
{
    for (size_t i = 0; i < d->count; i++) {
        mem_free(d->lines[i].file);
    }
    mem_free(d->lines);
    mem_free(d->create_type);
    mem_free(d->parent);
    *d = (struct vmdk_descriptor){0};
}
