/* SPDX-License-Identifier: MIT */
/*
 * VHD, the images of Virtual PC and Hyper-V ("vpc"): Virtual Hard Disk Image Format Specification
 * 1.0 (Microsoft, 2006). Fixed images are the disk's bytes and a footer; dynamic ones a copy of
 * the footer, a header, a table of sector numbers, and blocks with a bitmap of their sectors before
 * them; the footer comes behind the last block, and moves.
 *
 * A block's place begins where the footer was. After a power cut there may be no footer at the
 * end; then the copy at the start says the same, and opening for writing puts it back.
 * In dynamic images a bitmap tells which sectors were ever written; those that were not are zeros
 * in the file. So reading looks at none. The first write to a block sets all its bits.
 *
 * Differencing images are refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/bat.h"
#include "block/block_internal.h"
#include "block/drivers.h"
#include "block/vpc.h"

struct vpc {
    struct bat bat; /* first; not of fixed images */
    bool fixed;
    int size_of; /* enum size_of */
    uint8_t footer[VPC_FOOTER_BYTES];
    uint64_t *whole; /* a bit for each block whose bitmap is known to be full; under the tables */
};

enum size_of {
    SIZE_AUTO,
    SIZE_CURRENT,
    SIZE_CHS
};
static const char *const size_names[] = {"auto", "current_size", "chs", NULL};

static const struct block_option vpc_options[] = {
    {"force_size_calc", BLOCK_OPT_CHOICE, offsetof(struct vpc, size_of), "auto",
     "what says the disk's size: by who made the image, its current size, or its geometry",
     size_names, false},
    {0},
};

static int vpc_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return n >= VPC_FOOTER_BYTES && memcmp(head, VPC_COOKIE, 8) == 0 ? 100 : 0;
}

/* ---- entries */

static enum bat_kind vpc_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const uint32_t v = load_be32(raw);
    *place = (uint64_t)v * BLOCK_SECTOR + b->lead_bytes;
    return v == VPC_NOWHERE ? BAT_NONE : BAT_DATA;
}

static void vpc_encode(const struct bat *b, uint8_t *raw, uint64_t place)
{
    store_be32(raw, place ? (uint32_t)((place - b->lead_bytes) / BLOCK_SECTOR) : VPC_NOWHERE);
}

/* The bitmap of a block says that all its sectors were written. */
static int fill_bitmap(struct bat *b, uint64_t place)
{
    uint8_t *ones = mem_alloc(b->lead_bytes);
    memset(ones, 0xff, b->lead_bytes);
    int status = block_node_write(b->file, place - b->lead_bytes, ones, b->lead_bytes, 0);
    mem_free(ones);
    return status;
}

static int vpc_prepare(struct bat *b, const struct bat_batch *batch)
{
    const struct vpc *v = container_of(b, struct vpc, bat);
    int status = 0;
    for (size_t i = 0; i < batch->place_count && status == 0; i++) {
        status = fill_bitmap(b, batch->places[i]);
    }
    return status < 0 ? status
                      : block_node_write(b->file, batch->end, v->footer, sizeof(v->footer), 0);
}

static const struct bat_ops vpc_ops = {
    .decode = vpc_decode,
    .encode = vpc_encode,
    .prepare = vpc_prepare,
};

/* ---- life */

static bool read_at(struct block_node *n, uint64_t offset, void *bytes, size_t length,
                    struct error *e)
{
    int status = block_node_read(n->file, offset, bytes, length);
    return status == 0 ||
           error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
}

static bool is_footer(const uint8_t *f)
{
    return memcmp(f, VPC_COOKIE, 8) == 0 &&
           load_be32(f + VPC_CHECKSUM) == vpc_checksum(f, VPC_FOOTER_BYTES, VPC_CHECKSUM);
}

/* The copy at the start, or the one at the end. */
static bool find_footer(struct block_node *n, uint8_t *f, struct error *e)
{
    const uint64_t file = block_node_size(n->file);
    const uint64_t last = file >= VPC_FOOTER_BYTES ? file - VPC_FOOTER_BYTES : 0;
    if (!read_at(n, 0, f, VPC_FOOTER_BYTES, e)) {
        return false;
    }
    if (is_footer(f)) {
        return true;
    }
    if (!read_at(n, last, f, VPC_FOOTER_BYTES, e)) {
        return false;
    }
    return is_footer(f) ||
           error_set(e,
                     "%s is not a vpc image: neither its first nor its last %u bytes are a footer "
                     "with a good checksum",
                     block_node_file(n), VPC_FOOTER_BYTES);
}

/* As Virtual PC and those that follow it count, by the geometry; others say what they mean. */
static uint64_t disk_bytes(const struct vpc *v, const uint8_t *f)
{
    static const char *const sure[] = {"win ", "tap", "d2v ", "qem2"};
    const struct vpc_geometry g = {load_be16(f + VPC_GEOMETRY), f[VPC_GEOMETRY + 2],
                                   f[VPC_GEOMETRY + 3]};
    bool by_geometry = v->size_of != SIZE_CURRENT;
    for (size_t i = 0; v->size_of == SIZE_AUTO && i < array_len(sure); i++) {
        by_geometry &= memcmp(f + VPC_CREATOR, sure[i], 4) != 0;
    }
    const uint64_t sectors = vpc_geometry_sectors(&g);
    if (by_geometry && sectors && (v->size_of == SIZE_CHS || sectors < VPC_GEOMETRY_MAX)) {
        return sectors * BLOCK_SECTOR;
    }
    return align_down(load_be64(f + VPC_SIZE), BLOCK_SECTOR);
}

static bool take_fixed(struct block_node *n, struct vpc *v, struct error *e)
{
    const uint64_t file = block_node_size(n->file);
    if (n->size_bytes > file - VPC_FOOTER_BYTES) {
        return error_set(e,
                         "%s: a fixed disk of %" PRIu64 " bytes in a file of %" PRIu64
                         " (force_size_calc= says what its size is)",
                         block_node_file(n), n->size_bytes, file);
    }
    v->fixed = true;
    n->linear = true;
    return true;
}

static bool take_header(struct block_node *n, struct bat *b, struct error *e)
{
    const struct vpc *v = n->state;
    const uint64_t at = load_be64(v->footer + VPC_DATA_OFFSET);
    uint8_t h[VPC_HEADER_BYTES];
    const char *name = block_node_file(n);
    if (at > block_node_size(n->file) - VPC_FOOTER_BYTES) {
        return error_set(e, "%s: its header at %" PRIu64 " does not lie in the file", name, at);
    }
    if (!read_at(n, at, h, sizeof(h), e)) {
        return false;
    }
    if (memcmp(h, VPC_SPARSE_COOKIE, 8) != 0 ||
        load_be32(h + VPC_SPARSE_CHECKSUM) != vpc_checksum(h, sizeof(h), VPC_SPARSE_CHECKSUM)) {
        return error_set(e, "%s: its header at %" PRIu64 " is none, or its checksum is wrong", name,
                         at);
    }
    b->block_bytes = load_be32(h + VPC_SPARSE_BLOCK_BYTES);
    b->blocks = load_be32(h + VPC_SPARSE_BLOCKS);
    b->table_offset = load_be64(h + VPC_SPARSE_TABLE);
    if (!is_pow2(b->block_bytes) || b->block_bytes < 4096 || b->block_bytes > (256u << 20)) {
        return error_set(e, "%s: blocks of %u bytes; powers of two from 4K to 256M are accepted",
                         name, b->block_bytes);
    }
    if (n->size_bytes > b->blocks * (uint64_t)b->block_bytes) {
        return error_set(e, "%s: a disk of %" PRIu64 " bytes does not fit into %" PRIu64 " blocks",
                         name, n->size_bytes, b->blocks);
    }
    b->blocks = (n->size_bytes + b->block_bytes - 1) / b->block_bytes;
    b->meta_end = at + sizeof(h);
    return true;
}

/* The footer is where the file ends, which is where the last block does. */
static bool mend_end(struct block_node *n, struct error *e)
{
    struct vpc *v = n->state;
    struct bat *b = &v->bat;
    uint8_t f[VPC_FOOTER_BYTES];
    int status = bat_find_end(b);
    if (status == 0 && block_node_size(n->file) == b->end + sizeof(f)) {
        status = block_node_read(n->file, b->end, f, sizeof(f));
        if (status == 0 && memcmp(f, v->footer, sizeof(f)) == 0) {
            return true;
        }
    }
    if (status == 0 && !block_node_resize(n->file, b->end, BLOCK_PREALLOC_OFF, e)) {
        return false;
    }
    status = status < 0 ? status : block_node_write(n->file, b->end, v->footer, sizeof(f), 0);
    b->clean_from = b->end + sizeof(f);
    return status == 0 ||
           error_set(e, "%s: its end cannot be mended: %s", block_node_file(n), strerror(-status));
}

static bool prepare_write(struct block_node *n, struct error *e)
{
    struct vpc *v = n->state;
    if (v->fixed || !n->mode.write) {
        return true;
    }
    if (n->mode.repair_none) {
        return bat_find_end(&v->bat) == 0 ||
               error_set(e, "%s: its table cannot be read", block_node_file(n));
    }
    return mend_end(n, e);
}

static bool take_dynamic(struct block_node *n, struct vpc *v, struct error *e)
{
    struct bat *b = &v->bat;
    if (!take_header(n, b, e)) {
        return false;
    }
    b->ops = &vpc_ops;
    b->node = n;
    b->file = n->file;
    b->disk_bytes = n->size_bytes;
    b->lead_bytes = (uint32_t)align_up(b->block_bytes / BLOCK_SECTOR / 8, BLOCK_SECTOR);
    b->entry_bytes = 4;
    b->page_entries = 1024;
    b->align = BLOCK_SECTOR;
    b->first = VPC_FOOTER_BYTES;
    b->limit = (uint64_t)VPC_NOWHERE * BLOCK_SECTOR;
    if (b->meta_end < b->table_offset + 4 * b->blocks) {
        b->meta_end = b->table_offset + 4 * b->blocks;
    }
    n->granule = b->block_bytes;
    v->whole = mem_try_array(b->blocks / 64 + 1, sizeof(*v->whole));
    return bat_create(b, e) &&
           (v->whole || error_set(e, "%s: out of memory", block_node_file(n))) &&
           prepare_write(n, e);
}

static bool vpc_open(struct block_node *n, struct error *e)
{
    struct vpc *v = n->state;
    if (!find_footer(n, v->footer, e)) {
        return false;
    }
    const uint32_t type = load_be32(v->footer + VPC_TYPE);
    n->size_bytes = disk_bytes(v, v->footer);
    if (n->size_bytes > INT64_MAX) {
        return error_set(e, "%s: %" PRIu64 " bytes are too many for a disk", block_node_file(n),
                         n->size_bytes);
    }
    switch (type) {
    case VPC_FIXED:
        return take_fixed(n, v, e);
    case VPC_DYNAMIC:
        return take_dynamic(n, v, e);
    case VPC_DIFFERENCING:
        return error_set(e,
                         "%s is a differencing vpc image, which is not supported; fixed and "
                         "dynamic ones are",
                         block_node_file(n));
    default:
        return error_set(e, "%s: vpc image type %u is not known; 2 (fixed) and 3 (dynamic) are",
                         block_node_file(n), type);
    }
}

static bool vpc_reopen(struct block_node *n, bool write, struct error *e)
{
    return !write || prepare_write(n, e);
}

static void vpc_close(struct block_node *n)
{
    struct vpc *v = n->state;
    bat_destroy(&v->bat);
    mem_free(v->whole);
}

/* ---- requests */

static uint64_t block_at(const struct vpc *v, uint64_t offset)
{
    return offset / v->bat.block_bytes;
}

static bool is_whole(const struct vpc *v, uint64_t block)
{
    return bit(v->whole[block / 64], block % 64);
}

static void set_whole(struct vpc *v, uint64_t block)
{
    v->whole[block / 64] |= UINT64_C(1) << block % 64;
}

static void vpc_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                    struct block_extent *x)
{
    struct vpc *v = n->state;
    if (v->fixed) {
        x->kind = BLOCK_MAP_DATA;
        x->node = n->file;
        x->offset = offset;
        return;
    }
    bat_map(&v->bat, offset, bytes, writing, x);
    if (writing && x->kind == BLOCK_MAP_DATA && !is_whole(v, block_at(v, offset))) {
        x->kind = BLOCK_MAP_WRITE;
    }
}

static void vpc_linked(struct block_node *n, uint64_t offset, const struct block_extent *x,
                       int status)
{
    struct vpc *v = n->state;
    bat_linked(&v->bat, offset, x, status);
    if (status == 0) {
        set_whole(v, block_at(v, offset)); /* by the next flush */
    }
}

static int vpc_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes, unsigned flags)
{
    struct vpc *v = n->state;
    enum bat_kind kind;
    uint64_t place;
    (void)flags;
    int status = bat_look(&v->bat, offset, &kind, &place);
    if (status == 0 && kind == BAT_DATA && !is_whole(v, block_at(v, offset))) {
        status = fill_bitmap(&v->bat, place);
    }
    status = status < 0 ? status : bat_write(&v->bat, offset, iov, count, bytes);
    if (status == 0) {
        os_mutex_lock(&n->tables);
        set_whole(v, block_at(v, offset));
        os_mutex_unlock(&n->tables);
    }
    return status;
}

static int vpc_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct vpc *v = n->state;
    return v->fixed ? block_node_zero(n->file, offset, bytes, flags)
                    : bat_zero(&v->bat, offset, bytes, flags);
}

static int vpc_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    struct vpc *v = n->state;
    return v->fixed ? block_node_discard(n->file, offset, bytes)
                    : bat_discard(&v->bat, offset, bytes);
}

static int vpc_flush(struct block_node *n)
{
    return ((struct vpc *)n->state)->fixed ? 0 : bat_node_flush(n);
}

/* ---- the whole image */

static bool vpc_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct vpc *v = n->state;
    (void)e;
    if (!v->fixed) {
        json_object_set_new(facts, "cluster-size", json_integer(v->bat.block_bytes));
    }
    return true;
}

static bool vpc_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    struct vpc *v = n->state;
    if (v->fixed) {
        return true; /* there is nothing in it that could be wrong */
    }
    if (!bat_check(&v->bat, fix, VPC_FOOTER_BYTES, c, e)) {
        return false;
    }
    return !fix || mend_end(n, e);
}

const struct block_driver block_vpc_driver = {
    .name = "vpc",
    .desc = "VHD, Virtual PC's and Hyper-V's images",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct vpc),
    .options = vpc_options,
    .probe = vpc_probe,
    .open = vpc_open,
    .close = vpc_close,
    .reopen = vpc_reopen,
    .map = vpc_map,
    .linked = vpc_linked,
    .load = bat_node_load,
    .write = vpc_write,
    .zero = vpc_zero,
    .discard = vpc_discard,
    .flush = vpc_flush,
    .info = vpc_info,
    .check = vpc_check,
    .create_options = vpc_create_options,
    .create_bytes = sizeof(struct vpc_create),
    .create = vpc_make,
};
