/* SPDX-License-Identifier: MIT */
/*
 * Tables of what a struct's state is: a row a member, with its type, so that state is written and
 * read without regard to the host's byte order and padding. Reset, saving, loading and the check
 * that no member was forgotten derive from them.
 *
 * A state that is read is hostile. fields_read() without `store` looks at every length and value
 * and touches nothing; with `store` it cannot fail for bytes that passed.
 *
 * To change a table: a row that is added says the version of its section that it came with
 * (since), and what it is in older states (initial). Rows are never taken away or moved.
 */
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/strbuf.h"

/*
 * FIELD_DATA: fixed bytes of the struct. FIELD_BUFFER: an array that a pointer member owns, of as
 * many bytes as a size_t member says; NULL and 0 are allowed, and a state is loaded only into a
 * struct whose buffer has the saved size. FIELD_LIST: the same, counted in elements, replaced by
 * what is loaded; at most `most` elements. FIELD_MEMORY: a large buffer like RAM, which is no part
 * of a section but saved by pages beside it. FIELD_TIMER: a struct clock_timer *, of which the
 * deadline is saved; NULL is one that is not set. FIELD_TRANSIENT: not state.
 */
enum field_kind {
    FIELD_DATA,
    FIELD_BUFFER,
    FIELD_LIST,
    FIELD_MEMORY,
    FIELD_TIMER,
    FIELD_TRANSIENT
};

enum field_type {
    FIELD_STRUCT, /* its members are described by parts */
    FIELD_BOOL,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64
};

struct field {
    const char *name;
    size_t offset;
    size_t size; /* FIELD_BUFFER, _LIST, _MEMORY: the offset of the size_t member */
    enum field_kind kind;
    enum field_type type;      /* of the member, or of an array's elements */
    const struct field *parts; /* FIELD_STRUCT: of an element; ends with .name NULL */
    size_t part_size;          /* bytes of such an element */
    uint64_t most;             /* not 0: what a number, or the length of a list, may be at most */
    uint64_t initial;          /* of each number, in states older than since */
    uint8_t since;             /* version of the section that has it first */
    bool keep_at_reset;        /* else zeroed at reset, but for FIELD_MEMORY and _TRANSIENT */
};

/* The type of a member, or of the elements if it is an array. */
#define FIELD_TYPE_(x)                                                                             \
    _Generic((x),                                                                                  \
        bool: FIELD_BOOL,                                                                          \
        bool *: FIELD_BOOL,                                                                        \
        unsigned char: FIELD_U8,                                                                   \
        unsigned char *: FIELD_U8,                                                                 \
        signed char: FIELD_U8,                                                                     \
        unsigned short: FIELD_U16,                                                                 \
        unsigned short *: FIELD_U16,                                                               \
        unsigned int: FIELD_U32,                                                                   \
        unsigned int *: FIELD_U32,                                                                 \
        int: FIELD_U32,                                                                            \
        unsigned long: FIELD_U64,                                                                  \
        unsigned long *: FIELD_U64,                                                                \
        long: FIELD_U64,                                                                           \
        unsigned long long: FIELD_U64,                                                             \
        unsigned long long *: FIELD_U64,                                                           \
        default: FIELD_STRUCT)
#define FIELD_MEMBER_(type_, m) (((struct type_ *)0)->m)
#define FIELD_AT_(type_, m)                                                                        \
    .name = #m, .offset = offsetof(struct type_, m), .size = sizeof(FIELD_MEMBER_(type_, m))

/* A number, or an array of numbers. */
#define FIELD(type_, m)                                                                            \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m))                          \
    }
#define FIELD_KEEP(type_, m)                                                                       \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m)), .keep_at_reset = true   \
    }
/* One that came with version n of its section; 0 in older states. */
#define FIELD_SINCE(type_, m, n)                                                                   \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m)), .since = (n)            \
    }
/* The same, at most n. */
#define FIELD_MOST(type_, m, n)                                                                    \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m)), .most = (n)             \
    }
#define FIELD_KEEP_MOST(type_, m, n)                                                               \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m)), .most = (n),            \
                             .keep_at_reset = true                                                 \
    }
/* From that version of the section on; in an older one it is old. */
#define FIELD_KEEP_SINCE(type_, m, version, old)                                                   \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_TYPE_(FIELD_MEMBER_(type_, m)), .initial = (old),       \
                             .since = (version), .keep_at_reset = true                             \
    }
/* Bytes in any shape (arrays of arrays). */
#define FIELD_KEEP_BYTES(type_, m)                                                                 \
    {                                                                                              \
        FIELD_AT_(type_, m), .type = FIELD_U8, .keep_at_reset = true                               \
    }
/* A struct, or an array of structs, whose rows are table and whose elements are a struct part. */
#define FIELD_PARTS(type_, m, table, part)                                                         \
    {                                                                                              \
        FIELD_AT_(type_, m), .parts = table, .part_size = sizeof(struct part)                      \
    }
#define FIELD_KEEP_PARTS(type_, m, table, part)                                                    \
    {                                                                                              \
        FIELD_AT_(type_, m), .parts = table, .part_size = sizeof(struct part),                     \
                             .keep_at_reset = true                                                 \
    }
#define FIELD_BUF(type_, pointer, bytes)                                                           \
    {                                                                                              \
        .name = #pointer, .offset = offsetof(struct type_, pointer),                               \
        .size = offsetof(struct type_, bytes), .kind = FIELD_BUFFER,                               \
        .type = FIELD_TYPE_(FIELD_MEMBER_(type_, pointer))                                         \
    }
#define FIELD_KEEP_BUF_PARTS(type_, pointer, bytes, table, part)                                   \
    {                                                                                              \
        .name = #pointer, .offset = offsetof(struct type_, pointer),                               \
        .size = offsetof(struct type_, bytes), .kind = FIELD_BUFFER, .parts = table,               \
        .part_size = sizeof(struct part), .keep_at_reset = true                                    \
    }
#define FIELD_LIST_PARTS(type_, pointer, count, table, part, n)                                    \
    {                                                                                              \
        .name = #pointer, .offset = offsetof(struct type_, pointer),                               \
        .size = offsetof(struct type_, count), .kind = FIELD_LIST, .parts = table,                 \
        .part_size = sizeof(struct part), .most = (n), .keep_at_reset = true                       \
    }
#define FIELD_PAGES(type_, pointer, bytes)                                                         \
    {                                                                                              \
        .name = #pointer, .offset = offsetof(struct type_, pointer),                               \
        .size = offsetof(struct type_, bytes), .kind = FIELD_MEMORY                                \
    }
#define FIELD_DUE(type_, timer)                                                                    \
    {                                                                                              \
        .name = #timer, .offset = offsetof(struct type_, timer), .size = sizeof(void *),           \
        .kind = FIELD_TIMER, .keep_at_reset = true                                                 \
    }
#define FIELD_SKIP(type_, m)                                                                       \
    {                                                                                              \
        FIELD_AT_(type_, m), .kind = FIELD_TRANSIENT                                               \
    }
#define FIELD_END                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* Bytes of a number of that type; 0 of a struct. */
size_t fields_width(enum field_type t);

/* Numbers, with the host's order in memory and the low byte first in the stream. */
void fields_put(struct strbuf *out, enum field_type t, const void *p, size_t count);
/* false: e says that bytes are missing, or which of the numbers is none of its type. */
bool fields_take(struct cursor *c, enum field_type t, void *p, size_t count, bool store,
                 struct error *e);
void fields_put_u16(struct strbuf *out, uint16_t v);
void fields_put_u32(struct strbuf *out, uint32_t v);
void fields_put_u64(struct strbuf *out, uint64_t v);
/* A text: its length, then its bytes. */
void fields_put_text(struct strbuf *out, const char *text);
/* Into text, which has room for size bytes with the NUL; false, with nothing said: too long, or
 * bytes are missing. */
bool fields_take_text(struct cursor *c, char *text, size_t size);

/* rows end with .name NULL; NULL is an empty table. */
void fields_write(const struct field *rows, const void *base, struct strbuf *out);
/* Of a section of that version. Without store base is only looked at. */
bool fields_read(const struct field *rows, void *base, struct cursor *c, unsigned version,
                 bool store, struct error *e);
void fields_reset(const struct field *rows, void *base);
/* Frees what FIELD_LIST rows own. */
void fields_free_lists(const struct field *rows, void *base);

/* listed[i] is set for every byte of the struct that a row names. */
void fields_mark(const struct field *rows, uint8_t *listed, size_t size);
/* false, with the reason in e: rows without a type, or a byte of the struct (padding included) that
 * neither a row nor listed names. what is the struct. */
bool fields_check(const struct field *rows, const uint8_t *listed, size_t size, const char *what,
                  struct error *e);

#endif
