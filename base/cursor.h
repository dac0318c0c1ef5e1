/* SPDX-License-Identifier: MIT */
/*
 * A reader over bytes from outside that cannot overrun them: every read checks, moves on and
 * returns true, or leaves the cursor and *out alone and returns false.
 * The bytes belong to the caller and must outlive the cursor.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *data;
    size_t len; /* of data */
    size_t pos; /* <= len */
};

static inline void cursor_init(struct cursor *c, const void *data, size_t len)
{
    c->data = data;
    c->len = len;
    c->pos = 0;
}

/* Bytes not yet read. */
static inline size_t cursor_left(const struct cursor *c)
{
    return c->len - c->pos;
}

bool cursor_u8(struct cursor *c, uint8_t *out);
bool cursor_le16(struct cursor *c, uint16_t *out);
bool cursor_le32(struct cursor *c, uint32_t *out);
bool cursor_le64(struct cursor *c, uint64_t *out);
bool cursor_be16(struct cursor *c, uint16_t *out);
bool cursor_be32(struct cursor *c, uint32_t *out);
bool cursor_be64(struct cursor *c, uint64_t *out);

/* Moves n bytes on. */
bool cursor_skip(struct cursor *c, size_t n);

/* Moves to the absolute position pos. */
bool cursor_seek(struct cursor *c, size_t pos);

/* Copies n bytes to out. */
bool cursor_bytes(struct cursor *c, void *out, size_t n);

/* Makes *sub a cursor over bytes [off, off + len) of all that c covers, wherever c stands. */
bool cursor_at(const struct cursor *c, uint64_t off, uint64_t len, struct cursor *sub);

/* Gives in *s the NUL-terminated string at the position, and moves behind its NUL. */
bool cursor_string(struct cursor *c, const char **s);

#endif
