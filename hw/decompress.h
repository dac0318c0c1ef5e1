/* SPDX-License-Identifier: MIT */
/* Decompression of whole images: gzip (RFC 1952) and Zstandard (RFC 8878). */
#ifndef HW_DECOMPRESS_H
#define HW_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct unpacked {
    uint8_t *bytes; /* mem_free */
    size_t n;
};

/*
 * Decompresses n bytes into *out; false with an error if they are damaged or truncated, or would
 * grow beyond max bytes. What follows the compressed stream is ignored. what names the input in
 * errors.
 */
bool decompress_gzip(const char *what, const uint8_t *bytes, size_t n, size_t max,
                     struct unpacked *out, struct error *e);
bool decompress_zstd(const char *what, const uint8_t *bytes, size_t n, size_t max,
                     struct unpacked *out, struct error *e);

#endif
