/* SPDX-License-Identifier: MIT */
/* Decompression of whole images by zlib and libzstd. */
#include "hw/decompress.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

/* The output grows by doubling, up to max. */
struct output {
    uint8_t *bytes;
    size_t used, cap, max;
};

/* Makes room for more; false if max is reached or memory is not to be had. */
static bool grow(struct output *o)
{
    size_t cap = o->cap ? 2 * o->cap : (size_t)1 << 20;
    if (cap > o->max) {
        cap = o->max;
    }
    uint8_t *bytes = cap > o->cap ? mem_try_alloc(cap) : NULL;
    if (!bytes) {
        return false;
    }
    if (o->used) {
        memcpy(bytes, o->bytes, o->used);
    }
    mem_free(o->bytes);
    o->bytes = bytes;
    o->cap = cap;
    return true;
}

static bool too_large(const char *what, size_t max, struct error *e)
{
    return error_set(e, "%s: decompressed, it is larger than the %zu MiB that can be used", what,
                     max >> 20);
}

static bool finish(struct output *o, bool good, struct unpacked *out)
{
    if (good) {
        *out = (struct unpacked){o->bytes, o->used};
    } else {
        mem_free(o->bytes);
    }
    return good;
}

static bool inflate_all(z_stream *z, struct output *o, const char *what, struct error *e)
{
    int r = Z_OK;
    while (r != Z_STREAM_END) {
        if (o->used == o->cap && !grow(o)) {
            return too_large(what, o->max, e);
        }
        size_t room = o->cap - o->used;
        z->next_out = o->bytes + o->used;
        z->avail_out = room > UINT32_MAX ? UINT32_MAX : (uInt)room;
        uInt before = z->avail_out;
        r = inflate(z, Z_NO_FLUSH);
        o->used += before - z->avail_out;
        if (r != Z_OK && r != Z_STREAM_END) {
            return error_set(e, "%s: gzip data is %s", what,
                             r == Z_BUF_ERROR ? "truncated" : "damaged");
        }
    }
    return true;
}

bool decompress_gzip(const char *what, const uint8_t *bytes, size_t n, size_t max,
                     struct unpacked *out, struct error *e)
{
    struct output o = {.max = max};
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = n > UINT32_MAX ? UINT32_MAX : (uInt)n};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        return error_set(e, "%s: zlib cannot start", what);
    }
    bool good = inflate_all(&z, &o, what, e);
    inflateEnd(&z);
    return finish(&o, good, out);
}

static bool unzstd_all(ZSTD_DStream *z, ZSTD_inBuffer *in, struct output *o, const char *what,
                       struct error *e)
{
    size_t left = 1; /* 0: a frame is complete */
    while (left) {
        if (o->used == o->cap && !grow(o)) {
            return too_large(what, o->max, e);
        }
        ZSTD_outBuffer part = {o->bytes, o->cap, o->used};
        left = ZSTD_decompressStream(z, &part, in);
        bool stuck = part.pos == o->used && in->pos == in->size;
        o->used = part.pos;
        if (ZSTD_isError(left)) {
            return error_set(e, "%s: zstd data is damaged: %s", what, ZSTD_getErrorName(left));
        }
        if (left && stuck) {
            return error_set(e, "%s: zstd data is truncated", what);
        }
    }
    return true;
}

bool decompress_zstd(const char *what, const uint8_t *bytes, size_t n, size_t max,
                     struct unpacked *out, struct error *e)
{
    struct output o = {.max = max};
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z) {
        return error_set(e, "%s: zstd cannot start", what);
    }
    ZSTD_inBuffer in = {bytes, n, 0};
    bool good = unzstd_all(z, &in, &o, what, e);
    ZSTD_freeDStream(z);
    return finish(&o, good, out);
}
