/* SPDX-License-Identifier: MIT */
/* U-Boot's legacy images (uImage): a header of 64 bytes, big-endian, in front of a kernel or an
 * initial RAM disk. */
#ifndef HW_UIMAGE_H
#define HW_UIMAGE_H

#include "hw/decompress.h"

enum uimage_type {
    UIMAGE_KERNEL = 2,
    UIMAGE_RAMDISK = 3
};

enum uimage_os {
    UIMAGE_LINUX = 5
};

#define UIMAGE_BYTES 64

struct uimage {
    uint32_t load, entry;
    uint8_t os, arch, type, compression;
    const uint8_t *data; /* in the caller's bytes */
    size_t size;
};

/* True if the bytes start as a uImage does. */
bool uimage_is(const uint8_t *bytes, size_t n);

/* Reads the header and checks its sum and the data's; what names the file in errors. */
bool uimage_read(const char *what, const uint8_t *bytes, size_t n, struct uimage *u,
                 struct error *e);

/* What the data is when it is unpacked (none, gzip), at most max bytes. */
bool uimage_unpack(const char *what, const struct uimage *u, size_t max, struct unpacked *out,
                   struct error *e);

#endif
