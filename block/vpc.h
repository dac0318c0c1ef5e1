/* SPDX-License-Identifier: MIT */
/* What the two files of the VHD format share: where things are in its footer and header. */
#ifndef BLOCK_VPC_H
#define BLOCK_VPC_H

#include "block/driver.h"

#define VPC_FOOTER_BYTES 512u
#define VPC_HEADER_BYTES 1024u
#define VPC_COOKIE "conectix"
#define VPC_SPARSE_COOKIE "cxsparse"
#define VPC_NOWHERE 0xffffffffu
/* Sectors of the largest geometry: it may mean a disk of more. */
#define VPC_GEOMETRY_MAX (UINT64_C(65535) * 16 * 255)

/* Offsets in the footer; numbers are big-endian. */
enum {
    VPC_FEATURES = 8,
    VPC_VERSION = 12,
    VPC_DATA_OFFSET = 16,
    VPC_TIME = 24,
    VPC_CREATOR = 28,
    VPC_CREATOR_VERSION = 32,
    VPC_CREATOR_OS = 36,
    VPC_ORIGINAL_SIZE = 40,
    VPC_SIZE = 48,
    VPC_GEOMETRY = 56,
    VPC_TYPE = 60,
    VPC_CHECKSUM = 64,
    VPC_UUID = 68,
};
/* In the header of dynamic images. */
enum {
    VPC_SPARSE_DATA_OFFSET = 8,
    VPC_SPARSE_TABLE = 16,
    VPC_SPARSE_VERSION = 24,
    VPC_SPARSE_BLOCKS = 28,
    VPC_SPARSE_BLOCK_BYTES = 32,
    VPC_SPARSE_CHECKSUM = 36,
};
enum {
    VPC_FIXED = 2,
    VPC_DYNAMIC = 3,
    VPC_DIFFERENCING = 4
};

struct vpc_geometry {
    uint16_t cylinders;
    uint8_t heads, sectors;
};

/* The one's complement of the sum of all bytes but those of the checksum, at `at`. */
uint32_t vpc_checksum(const uint8_t *bytes, size_t n, size_t at);
/* The geometry of a disk of at most so many sectors (the specification's appendix). */
struct vpc_geometry vpc_geometry_of(uint64_t sectors);
uint64_t vpc_geometry_sectors(const struct vpc_geometry *g);

struct vpc_create {
    int subformat;
    bool force_size;
};
extern const struct block_option vpc_create_options[];
bool vpc_make(const struct block_create *c, struct error *e);

#endif
