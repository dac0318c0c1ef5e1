/* SPDX-License-Identifier: MIT */
/* Kernels of tests: kernels.h. */
#include "tests/support/kernels.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "base/bits.h"

void make_image(uint8_t *image, uint64_t text_offset, uint64_t image_size)
{
    memset(image, 0, 64);
    for (uint32_t i = 64; i < IMAGE_BYTES; i += 4) {
        store_le32(image + i, i);
    }
    store_le64(image + 8, text_offset);
    store_le64(image + 16, image_size);
    store_le64(image + 24, 0xa);
    memcpy(image + 56, "ARM\x64", 4);
}

size_t pack_gzip(const void *bytes, size_t n, uint8_t *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)n,
                  .next_out = out,
                  .avail_out = (uInt)room};
    const bool begun = deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) ==
                       Z_OK;
    const bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    assert(begun && done);
    deflateEnd(&z);
    return z.total_out;
}

void make_efi(uint8_t *image, uint32_t section_end)
{
    make_image(image, 0, 1 << 20);
    memcpy(image, "MZ", 2);
    store_le32(image + 0x3c, 64);
    uint8_t *pe = image + 64;
    memset(pe, 0, 400);
    memcpy(pe, "PE", 2);
    store_le16(pe + 6, 1);    /* sections */
    store_le16(pe + 20, 160); /* optional header */
    store_le32(pe + 24 + 160 + 16, section_end - 4096);
    store_le32(pe + 24 + 160 + 20, 4096);
}

size_t make_zboot(uint8_t *out, const char *type, const uint8_t *payload, size_t n)
{
    memset(out, 0, 4096);
    memcpy(out, "MZ", 2);
    memcpy(out + 4, "zimg", 4);
    store_le32(out + 8, 4096);
    store_le32(out + 12, (uint32_t)n);
    strcpy((char *)out + 24, type);
    memcpy(out + 4096, payload, n);
    return 4096 + n;
}

size_t make_uimage(uint8_t *out, uint8_t compression, const uint8_t *data, size_t n)
{
    memset(out, 0, 64);
    store_be32(out, 0x27051956);
    store_be32(out + 12, (uint32_t)n);
    store_be32(out + 16, 0x40400000);
    store_be32(out + 20, 0x40400040);
    store_be32(out + 24, (uint32_t)crc32(0, data, (uInt)n));
    out[28] = 5;
    out[29] = 22;
    out[30] = 2;
    out[31] = compression;
    store_be32(out + 4, (uint32_t)crc32(0, out, 64));
    memcpy(out + 64, data, n);
    return 64 + n;
}

size_t make_elf(uint8_t *out, const struct elf_spec *s)
{
    memset(out, 0, 120);
    memcpy(out, "\177ELF\2\1\1", 7);
    store_le16(out + 16, 2);
    store_le16(out + 18, s->machine);
    store_le64(out + 24, s->entry);
    store_le64(out + 32, 64);
    store_le16(out + 54, 56);
    store_le16(out + 56, 1);
    uint8_t *p = out + 64;
    store_le32(p, 1);
    store_le64(p + 8, 120);
    store_le64(p + 16, s->vaddr);
    store_le64(p + 24, s->paddr);
    store_le64(p + 32, s->file_bytes);
    store_le64(p + 40, s->memory_bytes);
    memset(out + 120, 0x33, 64);
    return 120 + 64;
}
