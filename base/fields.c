/* SPDX-License-Identifier: MIT */
/* Tables of state: see fields.h. */
#include "base/fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/mem.h"

/* ---- numbers */

size_t fields_width(enum field_type t)
{
    static const uint8_t widths[] = {[FIELD_STRUCT] = 0, [FIELD_BOOL] = 1, [FIELD_U8] = 1,
                                     [FIELD_U16] = 2,    [FIELD_U32] = 4,  [FIELD_U64] = 8};
    return widths[t];
}

static uint64_t number_get(enum field_type t, const void *p)
{
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;
    switch (fields_width(t)) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        memcpy(&v16, p, 2);
        return v16;
    case 4:
        memcpy(&v32, p, 4);
        return v32;
    default:
        memcpy(&v64, p, 8);
        return v64;
    }
}

static void number_set(enum field_type t, void *p, uint64_t value)
{
    const uint16_t v16 = (uint16_t)value;
    const uint32_t v32 = (uint32_t)value;
    switch (fields_width(t)) {
    case 1:
        *(uint8_t *)p = (uint8_t)value;
        break;
    case 2:
        memcpy(p, &v16, 2);
        break;
    case 4:
        memcpy(p, &v32, 4);
        break;
    default:
        memcpy(p, &value, 8);
    }
}

void fields_put(struct strbuf *out, enum field_type t, const void *p, size_t count)
{
    const size_t width = fields_width(t);
    if (width == 1) {
        strbuf_bytes(out, p, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        store_le64(bytes, number_get(t, (const uint8_t *)p + i * width));
        strbuf_bytes(out, bytes, width);
    }
}

void fields_put_u16(struct strbuf *out, uint16_t v)
{
    fields_put(out, FIELD_U16, &v, 1);
}

void fields_put_u32(struct strbuf *out, uint32_t v)
{
    fields_put(out, FIELD_U32, &v, 1);
}

void fields_put_u64(struct strbuf *out, uint64_t v)
{
    fields_put(out, FIELD_U64, &v, 1);
}

void fields_put_text(struct strbuf *out, const char *text)
{
    fields_put_u32(out, (uint32_t)strlen(text));
    strbuf_puts(out, text);
}

bool fields_take_text(struct cursor *c, char *text, size_t size)
{
    uint32_t n;
    if (!cursor_le32(c, &n) || n >= size || !cursor_bytes(c, text, n)) {
        return false;
    }
    text[n] = '\0';
    return memchr(text, '\0', n) == NULL;
}

static bool cut_short(struct error *e)
{
    return error_set(e, "the state ends too early");
}

/* Numbers that are at most `most`, if that is not 0. p is not touched without store. */
static bool take(struct cursor *c, const struct field *f, void *p, size_t count, bool store,
                 struct error *e)
{
    const size_t width = fields_width(f->type);
    const uint64_t most = f->type == FIELD_BOOL ? 1 : f->most;
    if (count > cursor_left(c) / width) {
        return cut_short(e);
    }
    const uint8_t *from = c->data + c->pos;
    for (size_t i = 0; i < count; i++) {
        const uint64_t value = load_le(from + i * width, (unsigned)width);
        if (most && value > most) {
            error_set(e, "it is %" PRIu64 ", and at most %" PRIu64 " is possible", value, most);
            if (count > 1) {
                error_prefix(e, "[%zu]: ", i);
            }
            return false;
        }
        if (store) {
            number_set(f->type, (uint8_t *)p + i * width, value);
        }
    }
    return cursor_skip(c, count * width);
}

bool fields_take(struct cursor *c, enum field_type t, void *p, size_t count, bool store,
                 struct error *e)
{
    return take(c, &(struct field){.type = t}, p, count, store, e);
}

/* ---- rows */

static void *member(const struct field *f, const void *base)
{
    return (uint8_t *)(uintptr_t)base + f->offset;
}

static size_t *length_of(const struct field *f, const void *base)
{
    return (size_t *)(void *)((uint8_t *)(uintptr_t)base + f->size);
}

static size_t element_size(const struct field *f)
{
    return f->type == FIELD_STRUCT ? f->part_size : fields_width(f->type);
}

/* The elements of f's state and their number. */
static void *elements(const struct field *f, const void *base, size_t *count)
{
    if (f->kind == FIELD_DATA) {
        *count = f->size / element_size(f);
        return member(f, base);
    }
    void *p = *(void **)member(f, base);
    *count = p ? *length_of(f, base) / (f->kind == FIELD_LIST ? 1 : element_size(f)) : 0;
    return p;
}

static bool is_array(const struct field *f)
{
    return f->kind == FIELD_DATA || f->kind == FIELD_BUFFER || f->kind == FIELD_LIST;
}

/* ---- writing */

static void write_timer(const struct field *f, const void *base, struct strbuf *out)
{
    const struct clock_timer *t = *(struct clock_timer **)member(f, base);
    fields_put_u64(out, t ? clock_timer_due_ns(t) : CLOCK_NEVER);
}

static void write_elements(const struct field *f, const void *base, struct strbuf *out)
{
    size_t count;
    const uint8_t *p = elements(f, base, &count);
    if (f->kind != FIELD_DATA) {
        fields_put_u64(out, count);
    }
    if (f->type != FIELD_STRUCT) {
        fields_put(out, f->type, p, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fields_write(f->parts, p + i * f->part_size, out);
    }
}

void fields_write(const struct field *rows, const void *base, struct strbuf *out)
{
    for (const struct field *f = rows; f && f->name; f++) {
        if (f->kind == FIELD_TIMER) {
            write_timer(f, base, out);
        } else if (is_array(f)) {
            write_elements(f, base, out);
        }
    }
}

/* ---- reading */

struct reading {
    struct cursor *c;
    unsigned version;
    bool store;
    struct error *e;
};

static bool read_rows(const struct reading *r, const struct field *rows, void *base);

static bool read_timer(const struct reading *r, const struct field *f, void *base)
{
    struct clock_timer *t = *(struct clock_timer **)member(f, base);
    uint64_t due_ns;
    if (!cursor_le64(r->c, &due_ns)) {
        return cut_short(r->e);
    }
    if (!t && due_ns != CLOCK_NEVER) {
        return error_set(r->e, "it is set, and there is none here");
    }
    if (r->store && t) {
        clock_timer_set(t, due_ns);
    }
    return true;
}

/* The length of a buffer or list, which is made; *p is its elements. */
static bool read_length(const struct reading *r, const struct field *f, void *base, void **p,
                        size_t *count)
{
    uint64_t n;
    if (!cursor_le64(r->c, &n)) {
        return cut_short(r->e);
    }
    if (f->kind == FIELD_BUFFER && n != *count) {
        return error_set(r->e, "it has %" PRIu64 " elements, and here it has %zu", n, *count);
    }
    if (f->kind == FIELD_LIST && n > f->most) {
        return error_set(r->e, "it has %" PRIu64 " elements, and at most %" PRIu64 " are possible",
                         n, f->most);
    }
    if (f->kind == FIELD_LIST && r->store) {
        void **list = member(f, base);
        mem_free(*list);
        *list = n ? mem_array((size_t)n, element_size(f)) : NULL;
        *length_of(f, base) = (size_t)n;
        *p = *list;
    }
    *count = (size_t)n;
    return true;
}

static bool read_parts(const struct reading *r, const struct field *f, uint8_t *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* A list that is only looked at has no elements yet. */
        if (!read_rows(r, f->parts, p ? p + i * f->part_size : NULL)) {
            if (count > 1) {
                error_prefix(r->e, "[%zu].", i);
            } else {
                error_prefix(r->e, ".");
            }
            return false;
        }
    }
    return true;
}

static bool read_elements(const struct reading *r, const struct field *f, void *base)
{
    size_t count;
    void *p = NULL;
    if (f->kind == FIELD_DATA) {
        count = f->size / element_size(f);
        p = base ? member(f, base) : NULL;
    } else {
        p = elements(f, base, &count);
        if (!read_length(r, f, base, &p, &count)) {
            error_prefix(r->e, ": ");
            return false;
        }
        p = f->kind == FIELD_LIST && !r->store ? NULL : p;
    }
    if (f->type == FIELD_STRUCT) {
        return read_parts(r, f, p, count);
    }
    if (!take(r->c, f, p, count, r->store, r->e)) {
        error_prefix(r->e, r->e->text[0] == '[' ? "" : ": ");
        return false;
    }
    return true;
}

static void set_initial(const struct field *f, void *base)
{
    size_t count;
    if (f->kind == FIELD_TIMER) {
        struct clock_timer *t = *(struct clock_timer **)member(f, base);
        if (t) {
            clock_timer_cancel(t);
        }
        return;
    }
    if (f->kind == FIELD_LIST) {
        mem_free(*(void **)member(f, base));
        *(void **)member(f, base) = NULL;
        *length_of(f, base) = 0;
        return;
    }
    uint8_t *p = elements(f, base, &count);
    for (size_t i = 0; i < count; i++) {
        if (f->type == FIELD_STRUCT) {
            memset(p + i * f->part_size, 0, f->part_size);
        } else {
            number_set(f->type, p + i * fields_width(f->type), f->initial);
        }
    }
}

static bool read_row(const struct reading *r, const struct field *f, void *base)
{
    if (f->kind != FIELD_TIMER) {
        return read_elements(r, f, base);
    }
    if (read_timer(r, f, base)) {
        return true;
    }
    error_prefix(r->e, ": ");
    return false;
}

static bool read_rows(const struct reading *r, const struct field *rows, void *base)
{
    for (const struct field *f = rows; f && f->name; f++) {
        if (f->kind != FIELD_TIMER && !is_array(f)) {
            continue;
        }
        if (f->since <= r->version) {
            if (!read_row(r, f, base)) {
                error_prefix(r->e, "%s", f->name);
                return false;
            }
        } else if (r->store) {
            set_initial(f, base);
        }
    }
    return true;
}

bool fields_read(const struct field *rows, void *base, struct cursor *c, unsigned version,
                 bool store, struct error *e)
{
    return read_rows(&(struct reading){c, version, store, e}, rows, base);
}

/* ---- reset and end */

void fields_reset(const struct field *rows, void *base)
{
    for (const struct field *f = rows; f && f->name; f++) {
        if (is_array(f) && f->kind != FIELD_LIST && !f->keep_at_reset) {
            size_t count;
            void *p = elements(f, base, &count);
            if (count) {
                memset(p, 0, count * element_size(f));
            }
        }
    }
}

void fields_free_lists(const struct field *rows, void *base)
{
    for (const struct field *f = rows; f && f->name; f++) {
        if (f->kind == FIELD_LIST) {
            mem_free(*(void **)member(f, base));
            *(void **)member(f, base) = NULL;
        }
    }
}

/* ---- the check of the tables */

static void mark(uint8_t *listed, size_t size, size_t offset, size_t n)
{
    assert(offset + n <= size);
    memset(listed + offset, 1, n);
}

void fields_mark(const struct field *rows, uint8_t *listed, size_t size)
{
    for (const struct field *f = rows; f && f->name; f++) {
        if (f->kind == FIELD_BUFFER || f->kind == FIELD_LIST || f->kind == FIELD_MEMORY) {
            mark(listed, size, f->offset, sizeof(void *));
            mark(listed, size, f->size, sizeof(size_t));
        } else {
            mark(listed, size, f->offset, f->size);
        }
    }
}

static bool check_row(const struct field *f, const char *what, struct error *e)
{
    char name[128];
    if (!is_array(f)) {
        return true;
    }
    if (f->type == FIELD_STRUCT && !f->parts) {
        return error_set(e, "%s: %s is a struct without a table of its parts", what, f->name);
    }
    if (f->kind == FIELD_DATA && f->size % element_size(f)) {
        return error_set(e, "%s: %s is no whole number of elements", what, f->name);
    }
    snprintf(name, sizeof(name), "%s: %s", what, f->name);
    return !f->parts || fields_check(f->parts, NULL, f->part_size, name, e);
}

bool fields_check(const struct field *rows, const uint8_t *listed, size_t size, const char *what,
                  struct error *e)
{
    uint8_t *seen = mem_alloc(size);
    bool good = true;
    if (listed) {
        memcpy(seen, listed, size);
    }
    fields_mark(rows, seen, size);
    for (const struct field *f = rows; f && f->name && good; f++) {
        good = check_row(f, what, e);
    }
    const uint8_t *gap = good ? memchr(seen, 0, size) : NULL;
    if (gap) {
        size_t first = (size_t)(gap - seen), end = first;
        while (end < size && !seen[end]) {
            end++;
        }
        good = error_set(e, "%s: bytes %zu to %zu are in no table", what, first, end - 1);
    }
    mem_free(seen);
    return good;
}
