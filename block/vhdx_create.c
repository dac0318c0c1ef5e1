/* SPDX-License-Identifier: MIT */
/* Making VHDX images, and the GUIDs that name their parts. */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/vhdx.h"

#define SECTOR_BYTES 512u
#define LOG_MAX (UINT64_C(256) << 20)

const uint8_t vhdx_guid_bat[] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08};
const uint8_t vhdx_guid_metadata[] = {0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                      0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
const uint8_t vhdx_guid_parameters[] = {0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                        0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
const uint8_t vhdx_guid_disk_bytes[] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                        0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8};
const uint8_t vhdx_guid_page83[] = {0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
                                    0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46};
const uint8_t vhdx_guid_sector[] = {0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
                                    0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};
const uint8_t vhdx_guid_physical[] = {0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44,
                                      0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56};

static const char *const subformat_names[] = {"dynamic", "fixed", NULL};
enum {
    SUBFORMAT_DYNAMIC,
    SUBFORMAT_FIXED
};

const struct block_option vhdx_create_options[] = {
    {"subformat", BLOCK_OPT_CHOICE, offsetof(struct vhdx_create, subformat), "dynamic",
     "dynamic or fixed", subformat_names, false},
    {"block_size", BLOCK_OPT_SIZE, offsetof(struct vhdx_create, block), NULL,
     "bytes of a block; 0: by the disk's size", NULL, false},
    {"log_size", BLOCK_OPT_SIZE, offsetof(struct vhdx_create, log), "1M", "bytes of the log", NULL,
     false},
    {"block_state_zero", BLOCK_OPT_BOOL, offsetof(struct vhdx_create, zeros), "on",
     "new blocks are noted as zeros", NULL, false},
    {0},
};

/* ---- parts: 0 or -errno */

struct layout {
    uint64_t size, block, blocks, entries, gap, bat, bat_bytes, metadata, end;
};

static uint64_t default_block(uint64_t size)
{
    static const struct {
        uint64_t up_to, block;
    } rows[] = {{UINT64_C(1) << 30, 8}, {UINT64_C(100) << 30, 16}, {UINT64_C(32) << 40, 32}};
    for (size_t i = 0; i < array_len(rows); i++) {
        if (size <= rows[i].up_to) {
            return rows[i].block * VHDX_MIB;
        }
    }
    return 64 * VHDX_MIB;
}

static struct layout lay_out(uint64_t size, const struct vhdx_create *o)
{
    struct layout l = {.size = size, .block = o->block ? o->block : default_block(size)};
    l.blocks = (size + l.block - 1) / l.block;
    l.gap = (UINT64_C(1) << 23) * SECTOR_BYTES / l.block;
    l.entries = l.blocks ? l.blocks + (l.blocks - 1) / l.gap : 0;
    l.bat = VHDX_MIB + o->log;
    l.bat_bytes = align_up(l.entries ? l.entries * 8 : 1, VHDX_MIB);
    l.metadata = l.bat + l.bat_bytes;
    l.end = l.metadata + VHDX_MIB;
    return l;
}

static int write_id(struct block_node *file)
{
    static const char creator[] = "dragoman";
    uint8_t id[8 + 2 * sizeof(creator)] = "vhdxfile";
    for (size_t i = 0; i < sizeof(creator); i++) {
        id[8 + 2 * i] = (uint8_t)creator[i];
    }
    return block_node_write(file, 0, id, sizeof(id), 0);
}

static int write_headers(struct block_node *file, uint64_t log)
{
    uint8_t *h = mem_alloc(VHDX_HEADER_BYTES);
    int status = 0;
    memcpy(h, "head", 4);
    os_random(h + VHDX_FILE_GUID, VHDX_GUID_BYTES);
    os_random(h + VHDX_DATA_GUID, VHDX_GUID_BYTES);
    store_le16(h + VHDX_VERSION, 1);
    store_le32(h + VHDX_LOG_BYTES, (uint32_t)log);
    store_le64(h + VHDX_LOG_AT, VHDX_MIB);
    for (unsigned i = 0; i < 2 && status == 0; i++) {
        store_le64(h + VHDX_SEQUENCE, i + 1);
        store_le32(h + VHDX_CHECKSUM, vhdx_checksum(h, VHDX_HEADER_BYTES, VHDX_CHECKSUM));
        status = block_node_write(file, VHDX_HEADER_AT(i), h, VHDX_HEADER_BYTES, 0);
    }
    mem_free(h);
    return status;
}

static void put_region(uint8_t *entry, const uint8_t *guid, uint64_t at, uint64_t bytes)
{
    memcpy(entry, guid, VHDX_GUID_BYTES);
    store_le64(entry + 16, at);
    store_le32(entry + 24, (uint32_t)bytes);
    store_le32(entry + 28, 1);
}

static int write_regions(struct block_node *file, const struct layout *l)
{
    uint8_t *t = mem_alloc(VHDX_REGIONS_BYTES);
    int status = 0;
    memcpy(t, "regi", 4);
    store_le32(t + 8, 2);
    put_region(t + 16, vhdx_guid_bat, l->bat, l->bat_bytes);
    put_region(t + 48, vhdx_guid_metadata, l->metadata, VHDX_MIB);
    store_le32(t + VHDX_CHECKSUM, vhdx_checksum(t, VHDX_REGIONS_BYTES, VHDX_CHECKSUM));
    for (unsigned i = 0; i < 2 && status == 0; i++) {
        status = block_node_write(file, VHDX_REGIONS_AT(i), t, VHDX_REGIONS_BYTES, 0);
    }
    mem_free(t);
    return status;
}

/* Items lie behind the table of 64 KiB; flags: 2 of the disk, 4 must be understood. */
static int write_metadata(struct block_node *file, const struct layout *l, bool fixed)
{
    enum {
        PARAMETERS = 0,
        DISK_BYTES = 8,
        PAGE83 = 16,
        SECTOR = 32,
        PHYSICAL = 36,
        END = 40
    };
    static const struct {
        const uint8_t *guid;
        uint32_t at, bytes, flags;
    } items[] = {{vhdx_guid_parameters, PARAMETERS, 8, 4},
                 {vhdx_guid_disk_bytes, DISK_BYTES, 8, 6},
                 {vhdx_guid_page83, PAGE83, 16, 6},
                 {vhdx_guid_sector, SECTOR, 4, 6},
                 {vhdx_guid_physical, PHYSICAL, 4, 6}};
    uint8_t t[32 * (array_len(items) + 1)] = "metadata", values[END] = {0};
    store_le16(t + 10, array_len(items));
    for (size_t i = 0; i < array_len(items); i++) {
        uint8_t *entry = t + 32 * (i + 1);
        memcpy(entry, items[i].guid, VHDX_GUID_BYTES);
        store_le32(entry + 16, VHDX_REGIONS_BYTES + items[i].at);
        store_le32(entry + 20, items[i].bytes);
        store_le32(entry + 24, items[i].flags);
    }
    store_le32(values + PARAMETERS, (uint32_t)l->block);
    store_le32(values + PARAMETERS + 4, fixed ? 1 : 0);
    store_le64(values + DISK_BYTES, l->size);
    os_random(values + PAGE83, 16);
    store_le32(values + SECTOR, SECTOR_BYTES);
    store_le32(values + PHYSICAL, SECTOR_BYTES);
    int status = block_node_write(file, l->metadata, t, sizeof(t), 0);
    return status < 0 ? status
                      : block_node_write(file, l->metadata + VHDX_REGIONS_BYTES, values,
                                         sizeof(values), 0);
}

static int write_bat(struct block_node *file, const struct layout *l, const struct vhdx_create *o)
{
    uint8_t page[4096];
    const uint64_t each = sizeof(page) / 8, every = l->gap + 1;
    int status = 0;
    if (o->subformat == SUBFORMAT_DYNAMIC && !o->zeros) {
        return 0;
    }
    for (uint64_t at = 0; at < l->entries && status == 0; at += each) {
        memset(page, 0, sizeof(page));
        for (uint64_t i = at; i < at + each && i < l->entries; i++) {
            const uint64_t block = i - i / every; /* every last one is a bitmap's */
            const uint64_t v = o->subformat == SUBFORMAT_FIXED
                                   ? (l->end + block * l->block) | VHDX_PRESENT
                                   : VHDX_ZERO;
            store_le64(page + 8 * (i - at), i % every == l->gap ? 0 : v);
        }
        status = block_node_write(file, l->bat + at * 8, page, sizeof(page), 0);
    }
    return status;
}

/* ---- all of it */

static bool refuse(const struct block_create *c, const struct vhdx_create *o, struct error *e)
{
    if (c->backing_file) {
        return error_set(e, "vhdx: backing_file: images with a parent are not supported");
    }
    if (c->size > VHDX_DISK_MAX) {
        return error_set(e, "vhdx: a disk of %" PRIu64 " bytes is too large: up to 64T is accepted",
                         c->size);
    }
    if (o->block && (!is_pow2(o->block) || o->block < VHDX_MIB || o->block > VHDX_BLOCK_MAX)) {
        return error_set(e,
                         "vhdx: block_size=%" PRIu64 ": powers of two from 1M to 256M are accepted",
                         o->block);
    }
    if (o->log < VHDX_MIB || o->log > LOG_MAX || !is_aligned(o->log, VHDX_MIB)) {
        return error_set(e, "vhdx: log_size=%" PRIu64 ": multiples of 1M up to 256M are accepted",
                         o->log);
    }
    return true;
}

bool vhdx_make(const struct block_create *c, struct error *e)
{
    const struct vhdx_create *o = c->options;
    const bool fixed = o->subformat == SUBFORMAT_FIXED;
    if (!refuse(c, o, e)) {
        return false;
    }
    const struct layout l = lay_out(c->size, o);
    if (!block_node_resize(c->file, l.end + (fixed ? l.blocks * l.block : 0), BLOCK_PREALLOC_OFF,
                           e)) {
        return false;
    }
    int status = write_id(c->file);
    status = status < 0 ? status : write_headers(c->file, o->log);
    status = status < 0 ? status : write_regions(c->file, &l);
    status = status < 0 ? status : write_metadata(c->file, &l, fixed);
    status = status < 0 ? status : write_bat(c->file, &l, o);
    return status == 0 || error_set(e, "%s: %s", c->name, strerror(-status));
}
