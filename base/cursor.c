/* SPDX-License-Identifier: MIT */
/* The bounded reader: see cursor.h. */
#include "base/cursor.h"

#include <string.h>

#include "base/bits.h"

/* Where the next n bytes are, moving behind them; NULL if there are fewer. */
static const uint8_t *take(struct cursor *c, size_t n)
{
    if (n > cursor_left(c)) {
        return NULL;
    }
    const uint8_t *p = c->data + c->pos;
    c->pos += n;
    return p;
}

bool cursor_u8(struct cursor *c, uint8_t *out)
{
    return cursor_bytes(c, out, 1);
}

#define CURSOR_READ(name, type)                                                                    \
    bool cursor_##name(struct cursor *c, type *out)                                                \
    {                                                                                              \
        const uint8_t *p = take(c, sizeof(type));                                                  \
        if (!p) {                                                                                  \
            return false;                                                                          \
        }                                                                                          \
        *out = load_##name(p);                                                                     \
        return true;                                                                               \
    }
CURSOR_READ(le16, uint16_t)
CURSOR_READ(le32, uint32_t)
CURSOR_READ(le64, uint64_t)
CURSOR_READ(be16, uint16_t)
CURSOR_READ(be32, uint32_t)
CURSOR_READ(be64, uint64_t)
#undef CURSOR_READ

bool cursor_skip(struct cursor *c, size_t n)
{
    if (n > cursor_left(c)) {
        return false;
    }
    c->pos += n;
    return true;
}

bool cursor_seek(struct cursor *c, size_t pos)
{
    if (pos > c->len) {
        return false;
    }
    c->pos = pos;
    return true;
}

bool cursor_bytes(struct cursor *c, void *out, size_t n)
{
    if (n > cursor_left(c)) {
        return false;
    }
    if (n) {
        memcpy(out, c->data + c->pos, n);
        c->pos += n;
    }
    return true;
}

bool cursor_at(const struct cursor *c, uint64_t off, uint64_t len, struct cursor *sub)
{
    if (off > c->len || len > c->len - off) {
        return false;
    }
    cursor_init(sub, off ? c->data + off : c->data, (size_t)len);
    return true;
}

bool cursor_string(struct cursor *c, const char **s)
{
    if (!cursor_left(c)) {
        return false;
    }
    const uint8_t *p = c->data + c->pos;
    const uint8_t *nul = memchr(p, 0, cursor_left(c));
    if (!nul) {
        return false;
    }
    *s = (const char *)p;
    c->pos += (size_t)(nul - p) + 1;
    return true;
}
