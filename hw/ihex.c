/* SPDX-License-Identifier: MIT */
/* Intel HEX files: see ihex.h. */
#include "hw/ihex.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum record_type {
    RECORD_DATA,
    RECORD_END,
    RECORD_SEGMENT,       /* base of 16-byte units */
    RECORD_START_SEGMENT, /* CS:IP, which only an 8086 begins at */
    RECORD_LINEAR,        /* upper half of addresses */
    RECORD_START_LINEAR
};

enum {
    HEADER_BYTES = 4,
    RECORD_BYTES_MAX = HEADER_BYTES + 255 + 1, /* and the sum */
    PIECES_MAX = 4096
};

/* A record: length, address, type, data, sum. */
struct record {
    uint8_t bytes[RECORD_BYTES_MAX];
    unsigned data_bytes;
};

struct reader {
    const char *what;
    const uint8_t *at, *end;
    unsigned line;
    struct placements *list;
    uint64_t base;
    struct strbuf piece; /* data that lies in one piece, from piece_at on */
    uint64_t piece_at;
    unsigned pieces;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_byte(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
    if (end - *at < 2 || digit((*at)[0]) < 0 || digit((*at)[1]) < 0) {
        return false;
    }
    *out = (uint8_t)(digit((*at)[0]) << 4 | digit((*at)[1]));
    *at += 2;
    return true;
}

static bool read_record(const uint8_t **at, const uint8_t *end, struct record *r)
{
    uint8_t sum = 0;
    if (*at == end || *(*at)++ != ':' || !read_byte(at, end, &r->bytes[0])) {
        return false;
    }
    r->data_bytes = r->bytes[0];
    sum = r->bytes[0];
    for (unsigned i = 1; i < HEADER_BYTES + r->data_bytes + 1; i++) {
        if (!read_byte(at, end, &r->bytes[i])) {
            return false;
        }
        sum += r->bytes[i];
    }
    return sum == 0;
}

bool ihex_is(const uint8_t *bytes, size_t n)
{
    struct record r;
    return read_record(&bytes, bytes + n, &r) && r.bytes[3] <= RECORD_START_LINEAR;
}

static bool wrong(const struct reader *r, const char *why, struct error *e)
{
    return error_set(e, "%s: line %u of the Intel HEX file %s", r->what, r->line, why);
}

static bool place_piece(struct reader *r, struct error *e)
{
    if (r->piece.len == 0) {
        return true;
    }
    if (++r->pieces > PIECES_MAX) {
        return wrong(r, "begins one piece of memory too many", e);
    }
    struct placement p = {.what = (char *)(uintptr_t)r->what,
                          .base = r->piece_at,
                          .size = r->piece.len,
                          .bytes = (uint8_t *)strbuf_take(&r->piece)};
    return placements_add(r->list, &p, e);
}

static bool add_data(struct reader *r, const struct record *d, struct error *e)
{
    const uint64_t at = r->base + load_be16(d->bytes + 1);
    if (at != r->piece_at + r->piece.len && !place_piece(r, e)) {
        return false;
    }
    if (r->piece.len == 0) {
        r->piece_at = at;
    }
    strbuf_bytes(&r->piece, d->bytes + HEADER_BYTES, d->data_bytes);
    return true;
}

static bool take(struct reader *r, const struct record *d, struct ihex_info *info, struct error *e)
{
    static const uint8_t lengths[] = {[RECORD_SEGMENT] = 2,
                                      [RECORD_START_SEGMENT] = 4,
                                      [RECORD_LINEAR] = 2,
                                      [RECORD_START_LINEAR] = 4};
    const unsigned type = d->bytes[3];
    const uint8_t *data = d->bytes + HEADER_BYTES;
    if (type > RECORD_START_LINEAR) {
        return wrong(r, "is of no known type", e);
    }
    if (type != RECORD_DATA && d->data_bytes != lengths[type]) {
        return wrong(r, "is too long or too short for its type", e);
    }
    switch (type) {
    case RECORD_DATA:
        return add_data(r, d, e);
    case RECORD_SEGMENT:
        r->base = (uint64_t)load_be16(data) << 4;
        return true;
    case RECORD_LINEAR:
        r->base = (uint64_t)load_be16(data) << 16;
        return true;
    case RECORD_START_LINEAR:
        info->has_entry = true;
        info->entry = load_be32(data);
        return true;
    default:
        return true;
    }
}

/* All records up to the one that ends the file. */
static bool read_all(struct reader *r, struct ihex_info *info, struct error *e)
{
    for (;;) {
        struct record d;
        while (r->at < r->end && is_space(*r->at)) {
            r->line += *r->at++ == '\n';
        }
        if (r->at == r->end) {
            return error_set(e, "%s: the Intel HEX file is truncated", r->what);
        }
        if (!read_record(&r->at, r->end, &d)) {
            return wrong(r, "is no record, or its sum is wrong", e);
        }
        if (!take(r, &d, info, e)) {
            return false;
        }
        if (d.bytes[3] == RECORD_END) {
            return place_piece(r, e);
        }
    }
}

bool ihex_place(const char *what, const uint8_t *bytes, size_t n, struct placements *l,
                struct ihex_info *info, struct error *e)
{
    struct reader r = {.what = what, .at = bytes, .end = bytes + n, .line = 1, .list = l};
    *info = (struct ihex_info){0};
    const bool good = read_all(&r, info, e);
    strbuf_free(&r.piece);
    return good;
}
