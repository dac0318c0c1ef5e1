/* SPDX-License-Identifier: MIT */
/* U-Boot's legacy images: see uimage.h. The layout is that of U-Boot's documentation of mkimage. */
#include "hw/uimage.h"

#include <string.h>
#include <zlib.h>

#include "base/cursor.h"
#include "base/mem.h"

enum {
    UIMAGE_PLAIN = 0,
    UIMAGE_GZIP = 1
};

bool uimage_is(const uint8_t *bytes, size_t n)
{
    return n >= 4 && memcmp(bytes, "\x27\x05\x19\x56", 4) == 0;
}

/* The sum is of the header with zeros in its place. */
static bool header_good(const uint8_t *bytes, uint32_t sum)
{
    uint8_t header[UIMAGE_BYTES];
    memcpy(header, bytes, UIMAGE_BYTES);
    memset(header + 4, 0, 4);
    return crc32(0, header, UIMAGE_BYTES) == sum;
}

bool uimage_read(const char *what, const uint8_t *bytes, size_t n, struct uimage *u,
                 struct error *e)
{
    struct cursor c, data;
    uint32_t magic, header_sum, time, size, data_sum;
    cursor_init(&c, bytes, n);
    if (n < UIMAGE_BYTES || !cursor_be32(&c, &magic) || !cursor_be32(&c, &header_sum) ||
        !cursor_be32(&c, &time) || !cursor_be32(&c, &size) || !cursor_be32(&c, &u->load) ||
        !cursor_be32(&c, &u->entry) || !cursor_be32(&c, &data_sum) || !cursor_u8(&c, &u->os) ||
        !cursor_u8(&c, &u->arch) || !cursor_u8(&c, &u->type) || !cursor_u8(&c, &u->compression)) {
        return error_set(e, "%s: the uImage is truncated", what);
    }
    if (!header_good(bytes, header_sum)) {
        return error_set(e, "%s: the uImage's header is damaged", what);
    }
    if (!cursor_at(&c, UIMAGE_BYTES, size, &data)) {
        return error_set(e, "%s: the uImage is truncated", what);
    }
    if (crc32_z(0, data.data, data.len) != data_sum) {
        return error_set(e, "%s: the uImage's data is damaged", what);
    }
    u->data = data.data;
    u->size = data.len;
    return true;
}

bool uimage_unpack(const char *what, const struct uimage *u, size_t max, struct unpacked *out,
                   struct error *e)
{
    if (u->compression == UIMAGE_GZIP) {
        return decompress_gzip(what, u->data, u->size, max, out, e);
    }
    if (u->compression != UIMAGE_PLAIN) {
        return error_set(e, "%s: uImage compression %u; none and gzip can be read", what,
                         u->compression);
    }
    out->n = u->size;
    out->bytes = mem_try_alloc(u->size ? u->size : 1);
    if (!out->bytes) {
        return error_set(e, "%s: no memory to hold it", what);
    }
    memcpy(out->bytes, u->data, u->size);
    return true;
}
