/* SPDX-License-Identifier: MIT */
/*
 * Sparse extents of VMDK images: a directory of grain tables, tables of grains. Three headers lead
 * to them: hosted ones ("KDMV": VMware, Virtual Disk Format 5.0), those of ESX ("COWD", and
 * SESPARSE), which are read only. The directory is in memory, tables are pages (block/bat.h).
 *
 * Hosted extents have a second directory with tables of its own; both are written.
 * Not modelled: SESPARSE images whose journal is not empty, which are refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/vmdk.h"

#define HEADER_BYTES 512u
#define GRAIN_MAX (2u << 20)
#define ZERO_GRAIN 1u

static bool bad(const struct vmdk_extent *x, const char *what, uint64_t is, const char *accepted,
                struct error *e)
{
    return error_set(e, "%s: %s %" PRIu64 "; %s accepted", block_node_file(x->file), what, is,
                     accepted);
}

/* ---- entries */

static enum bat_kind sparse_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const struct vmdk_extent *x = container_of(b, struct vmdk_extent, bat);
    const uint32_t v = load_le32(raw);
    *place = (uint64_t)v * BLOCK_SECTOR;
    if (v == 0) {
        return BAT_NONE;
    }
    if (v == ZERO_GRAIN && x->zero_grains) {
        return BAT_ZERO;
    }
    return b->packed ? BAT_PACKED : BAT_DATA;
}

static void sparse_encode(const struct bat *b, uint8_t *raw, uint64_t place)
{
    (void)b;
    store_le32(raw, (uint32_t)(place / BLOCK_SECTOR));
}

/* The kind is in the top four bits, and the number's upper and lower part change places. */
static enum bat_kind se_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const struct vmdk_extent *x = container_of(b, struct vmdk_extent, bat);
    const uint64_t v = load_le64(raw);
    const uint64_t grain = bits64(v, 59, 48) | bits64(v, 47, 0) << 12;
    switch (v >> 60) {
    case 0:
        return v == 0 ? BAT_NONE : BAT_BAD;
    case 1: /* unmapped */
    case 2:
        return BAT_ZERO;
    case 3:
        if (grain > ((uint64_t)INT64_MAX - x->se_grains) / b->block_bytes) {
            return BAT_BAD;
        }
        *place = x->se_grains + grain * b->block_bytes;
        return BAT_DATA;
    default:
        return BAT_BAD;
    }
}

static uint64_t sparse_page_place(const struct bat *b, uint64_t page)
{
    return container_of(b, struct vmdk_extent, bat)->tables[page];
}

static int write_entry(struct vmdk_extent *x, uint64_t dir, uint64_t page, uint64_t place)
{
    uint8_t raw[4];
    store_le32(raw, (uint32_t)(place / BLOCK_SECTOR));
    return block_node_write(x->file, dir + 4 * page, raw, sizeof(raw), 0);
}

/* A table, and its copy, for a part of the disk that has none. */
static int sparse_page_make(struct bat *b, uint64_t page)
{
    struct vmdk_extent *x = container_of(b, struct vmdk_extent, bat);
    const uint64_t bytes = (uint64_t)b->page_entries * b->entry_bytes;
    os_mutex_lock(&b->node->tables);
    const uint64_t place = bat_take_end(b, bytes, BLOCK_SECTOR);
    const uint64_t copy = x->copies ? bat_take_end(b, bytes, BLOCK_SECTOR) : 0;
    os_mutex_unlock(&b->node->tables);
    if (!place || (x->copies && !copy)) {
        return -ENOSPC;
    }
    uint8_t *zeros = mem_alloc((size_t)bytes);
    int status = block_node_write(x->file, place, zeros, (size_t)bytes, 0);
    if (status == 0 && copy) {
        status = block_node_write(x->file, copy, zeros, (size_t)bytes, 0);
    }
    mem_free(zeros);
    status = status < 0 ? status : block_node_flush(x->file);
    if (status == 0 && copy) {
        status = write_entry(x, x->dir_copy, page, copy);
    }
    status = status < 0 ? status : write_entry(x, x->dir, page, place);
    if (status == 0) {
        os_mutex_lock(&b->node->tables);
        x->tables[page] = place;
        if (copy) {
            x->copies[page] = copy;
        }
        os_mutex_unlock(&b->node->tables);
    }
    return status;
}

static int sparse_write_out(struct bat *b, const struct bat_batch *t)
{
    const struct vmdk_extent *x = container_of(b, struct vmdk_extent, bat);
    const size_t bytes = (size_t)b->page_entries * b->entry_bytes;
    int status = 0;
    for (size_t i = 0; i < t->count && status == 0; i++) {
        const uint64_t page = t->pages[i].number;
        if (x->copies && x->copies[page]) {
            status = block_node_write(x->file, x->copies[page], t->pages[i].raw, bytes, 0);
        }
        status = status < 0 ? status
                            : block_node_write(x->file, x->tables[page], t->pages[i].raw, bytes, 0);
    }
    return status;
}

static const struct bat_ops sparse_ops = {
    .decode = sparse_decode,
    .encode = sparse_encode,
    .page_place = sparse_page_place,
    .page_make = sparse_page_make,
    .write_out = sparse_write_out,
};
static const struct bat_ops se_ops = {
    .decode = se_decode,
    .page_place = sparse_page_place,
};

/* ---- directories */

/* Reads `count` numbers of `size` bytes at `place`. NULL with an error. */
static uint8_t *read_dir(const struct vmdk_extent *x, uint64_t place, uint64_t count, unsigned size,
                         struct error *e)
{
    const uint64_t file = block_node_size(x->file);
    if (place > file || count * size > file - place) {
        bad(x, "its grain directory lies at", place, "one in the file is", e);
        return NULL;
    }
    uint8_t *raw = mem_try_array((size_t)count, size);
    int status = raw ? block_node_read(x->file, place, raw, (size_t)count * size) : -ENOMEM;
    if (status < 0) {
        error_set(e, "%s: its grain directory: %s", block_node_file(x->file), strerror(-status));
        mem_free(raw);
        return NULL;
    }
    return raw;
}

/* Places of tables; what is not in the file is an error. */
static uint64_t *read_tables(struct vmdk_extent *x, uint64_t dir, uint64_t count, struct error *e)
{
    const uint64_t file = block_node_size(x->file);
    const uint64_t bytes = (uint64_t)x->bat.page_entries * x->bat.entry_bytes;
    uint8_t *raw = read_dir(x, dir, count, 4, e);
    uint64_t *tables = raw ? mem_try_array((size_t)count, sizeof(*tables)) : NULL;
    for (uint64_t i = 0; tables && i < count; i++) {
        tables[i] = (uint64_t)load_le32(raw + 4 * i) * BLOCK_SECTOR;
        if (tables[i] > file || (tables[i] && bytes > file - tables[i])) {
            bad(x, "a grain table lies at", tables[i], "one in the file is", e);
            mem_free(tables);
            tables = NULL;
            break;
        }
        if (tables[i] + bytes > x->bat.meta_end) {
            x->bat.meta_end = tables[i] + bytes;
        }
    }
    mem_free(raw);
    return tables;
}

/* ---- headers */

/* What follows from the numbers of grains and of entries; x->disk_bytes is known. */
static bool take_grains(struct vmdk_extent *x, uint64_t sectors, uint64_t grain_sectors,
                        uint64_t entries, uint64_t *tables, struct error *e)
{
    struct bat *b = &x->bat;
    if (grain_sectors > GRAIN_MAX / BLOCK_SECTOR || !is_pow2(grain_sectors)) {
        return bad(x, "grains of this many sectors:", grain_sectors,
                   "powers of two from 1 to 4096 are", e);
    }
    if (entries == 0 || entries > 4096) {
        return bad(x, "grain tables of this many entries:", entries, "1 to 4096 are", e);
    }
    if (sectors > (uint64_t)INT64_MAX / BLOCK_SECTOR) {
        return bad(x, "this many sectors:", sectors, "2^54 are", e);
    }
    x->disk_bytes = sectors * BLOCK_SECTOR;
    b->disk_bytes = x->disk_bytes;
    b->block_bytes = (uint32_t)(grain_sectors * BLOCK_SECTOR);
    b->blocks = (sectors + grain_sectors - 1) / grain_sectors;
    b->page_entries = (uint32_t)entries;
    b->align = b->block_bytes;
    b->first = BLOCK_SECTOR;
    b->limit = (uint64_t)UINT32_MAX * BLOCK_SECTOR;
    *tables = (b->blocks + entries - 1) / entries;
    struct vmdk *v = b->node->state;
    v->tables += *tables; /* extents may be one and the same small file */
    return v->tables <= VMDK_TABLES_MAX ||
           bad(x, "too many grain tables, with those of the extents before:", v->tables,
               "up to 4194304 are", e);
}

/* Where the header says that the directory is at the end, a copy of it there tells. */
static bool find_footer(const struct vmdk_extent *x, uint8_t *h, struct error *e)
{
    const uint64_t file = block_node_size(x->file);
    if (load_le64(h + VMDK_AT_DIR) != VMDK_DIR_AT_END) {
        return true;
    }
    if (file < 2 * HEADER_BYTES ||
        block_node_read(x->file, file - 2 * HEADER_BYTES, h, HEADER_BYTES) < 0 ||
        memcmp(h, VMDK_SPARSE_MAGIC, 4) != 0 || load_le64(h + VMDK_AT_DIR) == VMDK_DIR_AT_END) {
        return error_set(e, "%s: the footer, which says where its grains are, is missing",
                         block_node_file(x->file));
    }
    return true;
}

static bool take_flags(struct vmdk_extent *x, const uint8_t *h, bool footer, struct error *e)
{
    const uint32_t flags = load_le32(h + VMDK_AT_FLAGS);
    struct bat *b = &x->bat;
    b->packed = flags & VMDK_FLAG_COMPRESSED;
    x->markers = flags & VMDK_FLAG_MARKERS;
    x->zero_grains = flags & VMDK_FLAG_ZERO_GRAINS;
    if (b->packed && load_le16(h + VMDK_AT_COMPRESSION) != 1) {
        return bad(x, "compression", load_le16(h + VMDK_AT_COMPRESSION), "1 (deflate) is", e);
    }
    if (footer) {
        x->only_read = "it was written in one go, with its directory at its end";
    }
    return true;
}

static bool open_hosted(struct vmdk_extent *x, uint8_t *h, struct vmdk_embedded *d, struct error *e)
{
    struct bat *b = &x->bat;
    uint64_t tables;
    if (load_le32(h + VMDK_AT_VERSION) < 1 || load_le32(h + VMDK_AT_VERSION) > 3) {
        return bad(x, "vmdk version", load_le32(h + VMDK_AT_VERSION), "1 to 3 are", e);
    }
    if (d) {
        const uint64_t at = load_le64(h + VMDK_AT_DESCRIPTOR);
        const uint64_t sectors = load_le64(h + VMDK_AT_DESCRIPTOR_SIZE);
        const uint64_t most = VMDK_DESCRIPTOR_MAX / BLOCK_SECTOR;
        d->offset = at < UINT32_MAX ? at * BLOCK_SECTOR : 0;
        d->bytes = d->offset ? (sectors < most ? sectors : most) * BLOCK_SECTOR : 0;
    }
    const bool footer = load_le64(h + VMDK_AT_DIR) == VMDK_DIR_AT_END;
    b->ops = &sparse_ops;
    b->entry_bytes = 4;
    if (!find_footer(x, h, e) || !take_flags(x, h, footer, e) ||
        !take_grains(x, load_le64(h + VMDK_AT_CAPACITY), load_le64(h + VMDK_AT_GRAIN),
                     load_le32(h + VMDK_AT_TABLE_ENTRIES), &tables, e)) {
        return false;
    }
    const uint64_t dir = load_le64(h + VMDK_AT_DIR), copy = load_le64(h + VMDK_AT_DIR_COPY);
    if (dir > UINT32_MAX || copy > UINT32_MAX) {
        return bad(x, "its grain directory lies at sector", dir > UINT32_MAX ? dir : copy,
                   "one in the file is", e);
    }
    const uint64_t overhead = load_le64(h + VMDK_AT_OVERHEAD);
    b->meta_end = overhead < UINT32_MAX ? overhead * BLOCK_SECTOR : 0;
    x->dir = dir * BLOCK_SECTOR;
    x->dir_copy = load_le32(h + VMDK_AT_FLAGS) & VMDK_FLAG_COPIES ? copy * BLOCK_SECTOR : 0;
    x->tables = read_tables(x, x->dir, tables, e);
    return x->tables != NULL;
}

/* "COWD": 32-bit numbers; tables of 4,096 grains. */
static bool open_cowd(struct vmdk_extent *x, const uint8_t *h, struct error *e)
{
    uint64_t tables;
    x->bat.ops = &sparse_ops;
    x->bat.entry_bytes = 4;
    x->dir = (uint64_t)load_le32(h + 20) * BLOCK_SECTOR;
    x->only_read = "it is a sparse extent of ESX";
    if (!take_grains(x, load_le32(h + 12), load_le32(h + 16), 4096, &tables, e)) {
        return false;
    }
    if (load_le32(h + 24) < tables) {
        return bad(x, "a grain directory of this many entries:", load_le32(h + 24),
                   "one for the whole disk is", e);
    }
    x->tables = read_tables(x, x->dir, tables, e);
    return x->tables != NULL;
}

/* Numbers in the directory of SESPARSE are of tables in an area for them; upper half 0x10000000. */
static bool se_tables(struct vmdk_extent *x, uint64_t count, struct error *e)
{
    const uint64_t file = block_node_size(x->file), bytes = 4096 * 8;
    uint8_t *raw = read_dir(x, x->dir, count, 8, e);
    x->tables = raw ? mem_try_array((size_t)count, sizeof(*x->tables)) : NULL;
    bool good = x->tables != NULL;
    for (uint64_t i = 0; good && i < count; i++) {
        const uint64_t v = load_le64(raw + 8 * i);
        if (v == 0) {
            continue;
        }
        x->tables[i] = x->se_tables + (v & UINT32_MAX) * bytes;
        if (v >> 32 != 0x10000000 || x->tables[i] > file || bytes > file - x->tables[i]) {
            good = bad(x, "an entry of its grain directory is", v, "a table in the file is", e);
        }
    }
    mem_free(raw);
    return good;
}

/* Offsets in the header of SESPARSE, and in its volatile one. */
enum {
    SE_VERSION = 0x08,
    SE_CAPACITY = 0x10,
    SE_GRAIN = 0x18,
    SE_TABLE = 0x20,
    SE_VOLATILE = 0x50,
    SE_DIR = 0x80,
    SE_TABLES = 0x90,
    SE_GRAINS = 0xc0,
    SE_VOLATILE_REPLAY = 24,
};
#define SE_VERSION_2_1 UINT64_C(0x0000000200000001)
#define SE_VOLATILE_MAGIC UINT64_C(0xcafecafe)
#define SE_PLACE_MAX (UINT64_C(1) << 50)

static bool open_se(struct vmdk_extent *x, const uint8_t *h, struct error *e)
{
    struct bat *b = &x->bat;
    uint8_t state[32];
    uint64_t tables;
    const uint64_t changes = load_le64(h + SE_VOLATILE);
    if (load_le64(h + SE_VERSION) != SE_VERSION_2_1) {
        return bad(x, "SESPARSE version", load_le64(h + SE_VERSION), "2.1 is", e);
    }
    b->ops = &se_ops;
    b->entry_bytes = 8;
    x->only_read = "it is a SESPARSE extent";
    if (!take_grains(x, load_le64(h + SE_CAPACITY), load_le64(h + SE_GRAIN), 4096, &tables, e)) {
        return false;
    }
    if (load_le64(h + SE_TABLE) != 64 || load_le64(h + SE_DIR) > SE_PLACE_MAX ||
        load_le64(h + SE_TABLES) > SE_PLACE_MAX || load_le64(h + SE_GRAINS) > SE_PLACE_MAX ||
        changes > SE_PLACE_MAX) {
        return bad(x, "grain tables of this many sectors:", load_le64(h + SE_TABLE),
                   "64, and places in the file are", e);
    }
    int status = block_node_read(x->file, changes * BLOCK_SECTOR, state, sizeof(state));
    if (status < 0 || load_le64(state) != SE_VOLATILE_MAGIC || state[SE_VOLATILE_REPLAY]) {
        return error_set(e, "%s: its journal is to be replayed first, by ESX",
                         block_node_file(x->file));
    }
    x->dir = load_le64(h + SE_DIR) * BLOCK_SECTOR;
    x->se_tables = load_le64(h + SE_TABLES) * BLOCK_SECTOR;
    x->se_grains = load_le64(h + SE_GRAINS) * BLOCK_SECTOR;
    return se_tables(x, tables, e);
}

bool vmdk_sparse_open(struct block_node *n, struct vmdk_extent *x, struct vmdk_embedded *descriptor,
                      struct error *e)
{
    uint8_t h[HEADER_BYTES];
    int status = block_node_read(x->file, 0, h, sizeof(h));
    if (status < 0) {
        return error_set(e, "%s cannot be read: %s", block_node_file(x->file), strerror(-status));
    }
    x->bat.node = n;
    x->bat.file = x->file;
    x->bat.disk_offset = x->disk_offset;
    bool good = memcmp(h, VMDK_SPARSE_MAGIC, 4) == 0 ? open_hosted(x, h, descriptor, e)
                : memcmp(h, VMDK_COWD_MAGIC, 4) == 0 ? open_cowd(x, h, e)
                : load_le64(h) == VMDK_SE_MAGIC
                    ? open_se(x, h, e)
                    : error_set(e, "%s is no sparse vmdk extent", block_node_file(x->file));
    return good && bat_create(&x->bat, e);
}

bool vmdk_sparse_prepare_write(struct vmdk_extent *x, struct error *e)
{
    if (x->dir_copy && !x->copies) {
        x->copies = read_tables(x, x->dir_copy, x->bat.page_count, e);
        return x->copies != NULL;
    }
    return true;
}

void vmdk_sparse_close(struct vmdk_extent *x)
{
    bat_destroy(&x->bat);
    mem_free(x->tables);
    mem_free(x->copies);
    x->tables = x->copies = NULL;
}
