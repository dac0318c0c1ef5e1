/* SPDX-License-Identifier: MIT */
/* Making VHD images: geometry, footer and header (the specification is named in vpc.c). */
#include "block/vpc.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"

#define BLOCK_DEFAULT (2u << 20)
#define SECTORS_MAX UINT64_C(0xff000000)
#define TABLE_OFFSET 1536u           /* behind footer and header */
#define YEAR_2000 INT64_C(946684800) /* in seconds since 1970 */

static const char *const subformat_names[] = {"dynamic", "fixed", NULL};
enum {
    SUBFORMAT_DYNAMIC,
    SUBFORMAT_FIXED
};

const struct block_option vpc_create_options[] = {
    {"subformat", BLOCK_OPT_CHOICE, offsetof(struct vpc_create, subformat), "dynamic",
     "dynamic or fixed", subformat_names, false},
    {"force_size", BLOCK_OPT_BOOL, offsetof(struct vpc_create, force_size), "off",
     "the size as it is said, not the next that a geometry has", NULL, false},
    {0},
};

uint32_t vpc_checksum(const uint8_t *bytes, size_t n, size_t at)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += i >= at && i < at + 4 ? 0 : bytes[i];
    }
    return ~sum;
}

struct vpc_geometry vpc_geometry_of(uint64_t sectors)
{
    uint64_t rows, heads, per_row;
    sectors = sectors < VPC_GEOMETRY_MAX ? sectors : VPC_GEOMETRY_MAX;
    if (sectors >= UINT64_C(65535) * 16 * 63) {
        return (struct vpc_geometry){(uint16_t)(sectors / 255 / 16), 16, 255};
    }
    per_row = 17;
    rows = sectors / per_row;
    heads = (rows + 1023) / 1024;
    heads = heads < 4 ? 4 : heads;
    if (rows >= heads * 1024 || heads > 16) {
        per_row = 31;
        heads = 16;
        rows = sectors / per_row;
    }
    if (rows >= heads * 1024) {
        per_row = 63;
        heads = 16;
        rows = sectors / per_row;
    }
    return (struct vpc_geometry){(uint16_t)(rows / heads), (uint8_t)heads, (uint8_t)per_row};
}

uint64_t vpc_geometry_sectors(const struct vpc_geometry *g)
{
    return (uint64_t)g->cylinders * g->heads * g->sectors;
}

/* The next size that has a geometry; *g is its. */
static uint64_t round_size(uint64_t sectors, struct vpc_geometry *g)
{
    uint64_t more = 0;
    if (sectors > VPC_GEOMETRY_MAX) {
        return sectors;
    }
    do {
        *g = vpc_geometry_of(sectors + more++);
    } while (vpc_geometry_sectors(g) < sectors);
    return vpc_geometry_sectors(g);
}

/* "win " is who says the size that is meant, for readers that otherwise go by the geometry. */
static void make_footer(uint8_t *f, uint64_t bytes, const struct vpc_geometry *g, bool fixed)
{
    memset(f, 0, VPC_FOOTER_BYTES);
    memcpy(f, VPC_COOKIE, 8);
    store_be32(f + VPC_FEATURES, 2);
    store_be32(f + VPC_VERSION, 0x00010000);
    store_be64(f + VPC_DATA_OFFSET, fixed ? UINT64_MAX : VPC_FOOTER_BYTES);
    store_be32(f + VPC_TIME, (uint32_t)((int64_t)time(NULL) - YEAR_2000));
    memcpy(f + VPC_CREATOR, "win ", 4);
    store_be32(f + VPC_CREATOR_VERSION, 0x000a0000);
    memcpy(f + VPC_CREATOR_OS, "Wi2k", 4);
    store_be64(f + VPC_ORIGINAL_SIZE, bytes);
    store_be64(f + VPC_SIZE, bytes);
    store_be16(f + VPC_GEOMETRY, g->cylinders);
    f[VPC_GEOMETRY + 2] = g->heads;
    f[VPC_GEOMETRY + 3] = g->sectors;
    store_be32(f + VPC_TYPE, fixed ? VPC_FIXED : VPC_DYNAMIC);
    os_random(f + VPC_UUID, 16);
    store_be32(f + VPC_CHECKSUM, vpc_checksum(f, VPC_FOOTER_BYTES, VPC_CHECKSUM));
}

static void make_header(uint8_t *h, uint32_t blocks)
{
    memset(h, 0, VPC_HEADER_BYTES);
    memcpy(h, VPC_SPARSE_COOKIE, 8);
    store_be64(h + VPC_SPARSE_DATA_OFFSET, UINT64_MAX);
    store_be64(h + VPC_SPARSE_TABLE, TABLE_OFFSET);
    store_be32(h + VPC_SPARSE_VERSION, 0x00010000);
    store_be32(h + VPC_SPARSE_BLOCKS, blocks);
    store_be32(h + VPC_SPARSE_BLOCK_BYTES, BLOCK_DEFAULT);
    store_be32(h + VPC_SPARSE_CHECKSUM, vpc_checksum(h, VPC_HEADER_BYTES, VPC_SPARSE_CHECKSUM));
}

static int write_dynamic(struct block_node *file, const uint8_t *footer, uint64_t bytes)
{
    const uint32_t blocks = (uint32_t)((bytes + BLOCK_DEFAULT - 1) / BLOCK_DEFAULT);
    const size_t table = (size_t)align_up((uint64_t)blocks * 4, BLOCK_SECTOR);
    uint8_t h[VPC_HEADER_BYTES], *entries = mem_alloc(table);
    make_header(h, blocks);
    memset(entries, 0xff, table); /* at most 4 MiB */
    int status = block_node_write(file, 0, footer, VPC_FOOTER_BYTES, 0);
    status = status < 0 ? status : block_node_write(file, VPC_FOOTER_BYTES, h, sizeof(h), 0);
    status = status < 0 ? status : block_node_write(file, TABLE_OFFSET, entries, table, 0);
    status = status < 0 ? status
                        : block_node_write(file, TABLE_OFFSET + table, footer, VPC_FOOTER_BYTES, 0);
    mem_free(entries);
    return status;
}

bool vpc_make(const struct block_create *c, struct error *e)
{
    const struct vpc_create *o = c->options;
    const bool fixed = o->subformat == SUBFORMAT_FIXED;
    struct vpc_geometry g = {65535, 16, 255};
    uint64_t sectors = c->size / BLOCK_SECTOR;
    uint8_t footer[VPC_FOOTER_BYTES];
    if (c->backing_file) {
        return error_set(e, "vpc: backing_file: differencing images are not supported");
    }
    if (sectors > SECTORS_MAX) {
        return error_set(
            e, "vpc: a disk of %" PRIu64 " bytes is too large: up to 2040G is accepted", c->size);
    }
    if (!o->force_size) {
        sectors = round_size(sectors, &g);
    }
    make_footer(footer, sectors * BLOCK_SECTOR, &g, fixed);
    int status = 0;
    if (!fixed) {
        status = write_dynamic(c->file, footer, sectors * BLOCK_SECTOR);
    } else if (!block_node_resize(c->file, sectors * BLOCK_SECTOR, BLOCK_PREALLOC_OFF, e)) {
        return false;
    } else {
        status = block_node_write(c->file, sectors * BLOCK_SECTOR, footer, sizeof(footer), 0);
    }
    return status == 0 || error_set(e, "%s: %s", c->name, strerror(-status));
}
