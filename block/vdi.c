/* SPDX-License-Identifier: MIT */
/*
 * VDI, VirtualBox's disk images, version 1.1, as its users' documentation and the images
 * themselves tell: a header of 512 bytes, a map of 32-bit block numbers, blocks of 1 MiB.
 *
 * Blocks lie densely: the header counts them, and other programs take the next place from that
 * count. So the count on disk is never less than what the map names: it is written, and flushed,
 * before the map. A power cut may leave it too high; then check() counts a leak, and repairs it by
 * moving the last blocks into the holes.
 *
 * Not modelled: differencing images and those with snapshots, which VirtualBox keeps in further
 * files; they are refused. Extra bytes before a block.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/bat.h"
#include "block/block_internal.h"
#include "block/drivers.h"

#define HEADER_BYTES 512u
#define BLOCK_DEFAULT (1u << 20)
#define NOWHERE 0xffffffffu
#define DISCARDED 0xfffffffeu
#define BLOCKS_MAX 0xfffffff0u
#define SPARE_MAX (1u << 20) /* holes that are remembered: a sparse file may have any number */

/* Offsets in the header. */
enum {
    AT_TEXT = 0x00,
    AT_SIGNATURE = 0x40,
    AT_VERSION = 0x44,
    AT_HEADER_BYTES = 0x48,
    AT_TYPE = 0x4c,
    AT_MAP = 0x154,
    AT_DATA = 0x158,
    AT_SECTOR_BYTES = 0x168,
    AT_DISK_BYTES = 0x170,
    AT_BLOCK_BYTES = 0x178,
    AT_BLOCK_EXTRA = 0x17c,
    AT_BLOCKS = 0x180,
    AT_ALLOCATED = 0x184,
    AT_UUID = 0x188,
    AT_UUID_SNAPSHOT = 0x198,
    AT_UUID_LINK = 0x1a8,
};
#define SIGNATURE 0xbeda107fu
#define VERSION_1_1 0x00010001u
#define TYPE_DYNAMIC 1u
#define TYPE_STATIC 2u

struct vdi {
    struct bat bat;     /* first */
    uint32_t allocated; /* what the header on disk says; under node->slow */
    uint32_t type;
};

static int vdi_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return n >= HEADER_BYTES && load_le32(head + AT_SIGNATURE) == SIGNATURE ? 100 : 0;
}

/* ---- entries */

static enum bat_kind vdi_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const uint32_t v = load_le32(raw);
    if (v >= DISCARDED) {
        return v == NOWHERE ? BAT_NONE : BAT_ZERO;
    }
    *place = b->first + (uint64_t)v * b->block_bytes;
    return BAT_DATA;
}

static void vdi_encode(const struct bat *b, uint8_t *raw, uint64_t place)
{
    store_le32(raw, place ? (uint32_t)((place - b->first) / b->block_bytes) : NOWHERE);
}

static int set_allocated(struct vdi *v, uint64_t end)
{
    uint8_t raw[4];
    const uint32_t count = (uint32_t)((end - v->bat.first) / v->bat.block_bytes);
    if (count == v->allocated) {
        return 0;
    }
    store_le32(raw, count);
    int status = block_node_write(v->bat.file, AT_ALLOCATED, raw, sizeof(raw), 0);
    if (status == 0) {
        v->allocated = count;
    }
    return status;
}

static int vdi_prepare(struct bat *b, const struct bat_batch *batch)
{
    return set_allocated(container_of(b, struct vdi, bat), batch->end);
}

static const struct bat_ops vdi_ops = {
    .decode = vdi_decode,
    .encode = vdi_encode,
    .prepare = vdi_prepare,
};

/* ---- places that are used: one element each, the block there + 1 */

struct owners {
    const struct bat *bat;
    uint32_t *of;
    uint64_t places, used, last;
};

static void note_owner(void *opaque, uint64_t block, enum bat_kind kind, uint64_t place)
{
    struct owners *o = opaque;
    const uint64_t at = (place - o->bat->first) / o->bat->block_bytes;
    if (kind == BAT_DATA && at < o->places && o->of[at] == 0) {
        o->of[at] = (uint32_t)block + 1;
        o->used++;
        o->last = at > o->last ? at : o->last;
    }
}

/* o->of is the caller's to free. 0 or -errno. */
static int find_owners(struct bat *b, struct owners *o)
{
    const uint64_t end = b->end > b->known_end ? b->end : b->known_end;
    *o = (struct owners){.bat = b};
    o->places = end > b->first ? (end - b->first + b->block_bytes - 1) / b->block_bytes : 0;
    o->places = o->places < BLOCKS_MAX ? o->places : BLOCKS_MAX;
    o->of = mem_try_array(o->places + 1, sizeof(*o->of));
    return o->of ? bat_each(b, note_owner, o) : -ENOMEM;
}

/* Holes among the blocks are used first. */
static int find_spare(struct bat *b)
{
    struct owners o;
    int status = find_owners(b, &o);
    if (status == 0 && o.used && o.used <= o.last) {
        const uint64_t holes = o.last + 1 - o.used;
        b->spare_room = holes < SPARE_MAX ? (size_t)holes : SPARE_MAX;
        b->spare = mem_try_array(b->spare_room, sizeof(*b->spare));
        status = b->spare ? 0 : -ENOMEM;
        for (uint64_t i = o.last; status == 0 && b->spare_count < b->spare_room && i-- > 0;) {
            if (!o.of[i]) {
                b->spare[b->spare_count++] = b->first + i * b->block_bytes;
            }
        }
    }
    mem_free(o.of);
    return status;
}

/* ---- life */

static bool is_zero_uuid(const uint8_t *p)
{
    return block_is_zero(p, 16);
}

/* What is not modelled, by name. */
static bool refuse(const struct block_node *n, const uint8_t *h, struct error *e)
{
    const char *name = block_node_file(n);
    const uint32_t type = load_le32(h + AT_TYPE);
    if (load_le32(h + AT_SIGNATURE) != SIGNATURE) {
        return error_set(e, "%s is not a vdi image", name);
    }
    if (load_le32(h + AT_VERSION) != VERSION_1_1) {
        return error_set(e, "%s: vdi version %u.%u is not supported; 1.1 is", name,
                         load_le32(h + AT_VERSION) >> 16, load_le32(h + AT_VERSION) & 0xffff);
    }
    if (type == 4 || !is_zero_uuid(h + AT_UUID_LINK)) {
        return error_set(e,
                         "%s is a differencing vdi image, which is not supported (VBoxManage "
                         "clonemedium makes a whole one)",
                         name);
    }
    if (type != TYPE_DYNAMIC && type != TYPE_STATIC) {
        return error_set(e,
                         "%s: vdi image type %u is not supported; 1 (dynamic) and 2 (static) are",
                         name, type);
    }
    if (load_le32(h + AT_BLOCK_EXTRA) || load_le32(h + AT_SECTOR_BYTES) != BLOCK_SECTOR) {
        return error_set(
            e, "%s: blocks with %u extra bytes and sectors of %u: 0 and %u are accepted", name,
            load_le32(h + AT_BLOCK_EXTRA), load_le32(h + AT_SECTOR_BYTES), BLOCK_SECTOR);
    }
    return true;
}

static bool take_header(struct block_node *n, struct vdi *v, const uint8_t *h, struct error *e)
{
    struct bat *b = &v->bat;
    const char *name = block_node_file(n);
    b->block_bytes = load_le32(h + AT_BLOCK_BYTES);
    b->blocks = load_le32(h + AT_BLOCKS);
    b->table_offset = load_le32(h + AT_MAP);
    b->first = load_le32(h + AT_DATA);
    b->disk_bytes = load_le64(h + AT_DISK_BYTES);
    v->allocated = load_le32(h + AT_ALLOCATED);
    v->type = load_le32(h + AT_TYPE);
    if (!is_pow2(b->block_bytes) || b->block_bytes < 4096 || b->block_bytes > (256u << 20)) {
        return error_set(e, "%s: blocks of %u bytes; powers of two from 4K to 256M are accepted",
                         name, b->block_bytes);
    }
    if (b->disk_bytes > b->blocks * (uint64_t)b->block_bytes) {
        return error_set(e, "%s: a disk of %" PRIu64 " bytes does not fit into %" PRIu64 " blocks",
                         name, b->disk_bytes, b->blocks);
    }
    if (b->table_offset < HEADER_BYTES || !is_aligned(b->table_offset, BLOCK_SECTOR) ||
        !is_aligned(b->first, BLOCK_SECTOR) || b->first < b->table_offset + b->blocks * 4) {
        return error_set(e,
                         "%s: its map at %" PRIu64 " and its blocks from %" PRIu64
                         " on: multiples of %u are accepted that do not overlap",
                         name, b->table_offset, b->first, BLOCK_SECTOR);
    }
    b->disk_bytes = align_up(b->disk_bytes, BLOCK_SECTOR);
    return true;
}

static bool vdi_prepare_write(struct block_node *n, struct error *e)
{
    struct vdi *v = n->state;
    int status = bat_find_end(&v->bat);
    status = status < 0 ? status : find_spare(&v->bat);
    return status == 0 ||
           error_set(e, "%s: its map cannot be read: %s", block_node_file(n), strerror(-status));
}

static bool vdi_open(struct block_node *n, struct error *e)
{
    struct vdi *v = n->state;
    struct bat *b = &v->bat;
    uint8_t h[HEADER_BYTES];
    int status = block_node_read(n->file, 0, h, sizeof(h));
    if (status < 0) {
        return error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
    }
    if (!refuse(n, h, e) || !take_header(n, v, h, e)) {
        return false;
    }
    b->ops = &vdi_ops;
    b->node = n;
    b->file = n->file;
    b->entry_bytes = 4;
    b->page_entries = 1024;
    b->align = 1;
    b->limit = b->first + (uint64_t)BLOCKS_MAX * b->block_bytes;
    n->size_bytes = b->disk_bytes;
    n->granule = b->block_bytes;
    return bat_create(b, e) && (!n->mode.write || vdi_prepare_write(n, e));
}

static bool vdi_reopen(struct block_node *n, bool write, struct error *e)
{
    struct vdi *v = n->state;
    if (!write) {
        return true;
    }
    mem_free(v->bat.spare);
    v->bat.spare = NULL;
    v->bat.spare_count = v->bat.spare_room = 0;
    return vdi_prepare_write(n, e);
}

/* Places that were set aside and given back at last are not counted. */
static void vdi_close(struct block_node *n)
{
    struct vdi *v = n->state;
    if (v->bat.pages && n->opened && n->mode.write && v->bat.end > v->bat.first &&
        v->bat.end < v->bat.first + (uint64_t)v->allocated * v->bat.block_bytes) {
        set_allocated(v, v->bat.end);
    }
    bat_destroy(&v->bat);
}

/* ---- the whole image */

static bool vdi_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct vdi *v = n->state;
    (void)e;
    json_object_set_new(facts, "cluster-size", json_integer(v->bat.block_bytes));
    return true;
}

static int copy_block(struct bat *b, uint64_t from, uint64_t to)
{
    uint8_t *buffer = mem_try_alloc(b->block_bytes);
    int status = buffer ? block_node_read(b->file, from, buffer, b->block_bytes) : -ENOMEM;
    status = status < 0 ? status : block_node_write(b->file, to, buffer, b->block_bytes, 0);
    mem_free(buffer);
    return status;
}

/* Moves the last blocks into the holes. */
static int fill_holes(struct bat *b, struct owners *o)
{
    uint64_t hole = 0, last = o->places;
    int status = 0;
    while (status == 0) {
        while (hole < o->used && o->of[hole]) {
            hole++;
        }
        while (last > o->used && !o->of[last - 1]) {
            last--;
        }
        if (hole >= o->used || last <= o->used) {
            break;
        }
        last--;
        const uint64_t to = b->first + hole * b->block_bytes;
        status = copy_block(b, b->first + last * b->block_bytes, to);
        status = status < 0 ? status
                            : bat_link(b, (uint64_t)(o->of[last] - 1) * b->block_bytes, to);
        o->of[hole++] = o->of[last];
        o->of[last] = 0;
    }
    return status < 0 ? status : bat_flush(b);
}

/* The map is on stable storage before the header counts less, and before the file is cut: places
 * that it may still name stay counted, also when this fails. */
static int pack_blocks(struct vdi *v, struct owners *o)
{
    struct bat *b = &v->bat;
    int status = fill_holes(b, o);
    status = status < 0 ? status : block_node_flush(b->file);
    if (status < 0) {
        return status;
    }
    b->end = b->first + o->used * b->block_bytes;
    b->spare_count = 0;
    return set_allocated(v, b->end);
}

/* The header's count is that of the blocks: holes and a count that is too high are leaks. */
static bool check_count(struct vdi *v, unsigned fix, struct block_check *c, struct error *e)
{
    struct bat *b = &v->bat;
    struct owners o;
    int status = find_owners(b, &o);
    const bool holes = status == 0 && o.used && o.last + 1 != o.used;
    const bool too_low = status == 0 && o.used && v->allocated <= o.last;
    if (status == 0 && (holes || v->allocated != o.used)) {
        const bool fixes = fix & (too_low ? BLOCK_FIX_ERRORS : BLOCK_FIX_LEAKS);
        const uint64_t wrong = v->allocated > o.used ? v->allocated - o.used
                                                     : o.used - v->allocated;
        if (fixes) {
            status = pack_blocks(v, &o);
        }
        *(too_low ? (fixes ? &c->corruptions_fixed : &c->corruptions)
                  : (fixes ? &c->leaks_fixed : &c->leaks)) += wrong ? wrong : 1;
        if (c->say) {
            c->say(c->opaque, too_low, "the header does not count the blocks that are used");
        }
    }
    mem_free(o.of);
    return status == 0 || error_set(e, "%s: %s", block_node_file(b->node), strerror(-status));
}

static bool vdi_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    struct vdi *v = n->state;
    struct bat *b = &v->bat;
    if (fix && n->mode.write && !check_count(v, fix, &(struct block_check){0}, e)) {
        return false;
    }
    return bat_check(b, fix, 0, c, e) && check_count(v, fix, c, e);
}

/* ---- making images */

struct vdi_create {
    bool is_static;
};

static const struct block_option vdi_create_options[] = {
    {"static", BLOCK_OPT_BOOL, offsetof(struct vdi_create, is_static), "off",
     "all blocks are in the file from the start", NULL, false},
    {0},
};

static void make_header(uint8_t *h, uint64_t size, uint32_t blocks, bool is_static)
{
    static const char text[] = "<<< Oracle VM VirtualBox Disk Image >>>\n";
    memset(h, 0, HEADER_BYTES);
    memcpy(h + AT_TEXT, text, sizeof(text));
    store_le32(h + AT_SIGNATURE, SIGNATURE);
    store_le32(h + AT_VERSION, VERSION_1_1);
    store_le32(h + AT_HEADER_BYTES, 0x180);
    store_le32(h + AT_TYPE, is_static ? TYPE_STATIC : TYPE_DYNAMIC);
    store_le32(h + AT_MAP, HEADER_BYTES);
    store_le32(h + AT_DATA, HEADER_BYTES + (uint32_t)align_up((uint64_t)blocks * 4, BLOCK_SECTOR));
    store_le32(h + AT_SECTOR_BYTES, BLOCK_SECTOR);
    store_le64(h + AT_DISK_BYTES, size);
    store_le32(h + AT_BLOCK_BYTES, BLOCK_DEFAULT);
    store_le32(h + AT_BLOCKS, blocks);
    store_le32(h + AT_ALLOCATED, is_static ? blocks : 0);
    os_random(h + AT_UUID, 16);
    os_random(h + AT_UUID_SNAPSHOT, 16);
}

static int write_map(struct block_node *file, uint32_t blocks, bool is_static)
{
    uint8_t page[4096];
    int status = 0;
    for (uint32_t i = 0; i < blocks && status == 0; i += sizeof(page) / 4) {
        const uint32_t some = blocks - i < sizeof(page) / 4 ? blocks - i : sizeof(page) / 4;
        for (uint32_t k = 0; k < some; k++) {
            store_le32(page + 4 * k, is_static ? i + k : NOWHERE);
        }
        status = block_node_write(file, HEADER_BYTES + (uint64_t)i * 4, page, some * 4, 0);
    }
    return status;
}

static bool vdi_make(const struct block_create *c, struct error *e)
{
    const struct vdi_create *o = c->options;
    const uint64_t blocks = (c->size + BLOCK_DEFAULT - 1) / BLOCK_DEFAULT;
    uint8_t h[HEADER_BYTES];
    if (c->backing_file) {
        return error_set(e, "vdi: backing_file: the format has no backing files");
    }
    if (blocks > UINT64_C(0x3fffff80)) { /* then the first block's place fits into 32 bits */
        return error_set(
            e, "vdi: a disk of %" PRIu64 " bytes is too large: up to 1023T is accepted", c->size);
    }
    make_header(h, c->size, (uint32_t)blocks, o->is_static);
    int status = block_node_write(c->file, 0, h, sizeof(h), 0);
    status = status < 0 ? status : write_map(c->file, (uint32_t)blocks, o->is_static);
    if (status < 0) {
        return error_set(e, "%s: %s", c->name, strerror(-status));
    }
    const uint64_t first = load_le32(h + AT_DATA);
    return block_node_resize(c->file, first + (o->is_static ? blocks * BLOCK_DEFAULT : 0),
                             BLOCK_PREALLOC_OFF, e);
}

const struct block_driver block_vdi_driver = {
    .name = "vdi",
    .desc = "VirtualBox's images",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct vdi),
    .probe = vdi_probe,
    .open = vdi_open,
    .close = vdi_close,
    .reopen = vdi_reopen,
    .map = bat_node_map,
    .linked = bat_node_linked,
    .load = bat_node_load,
    .write = bat_node_write,
    .zero = bat_node_zero,
    .discard = bat_node_discard,
    .flush = bat_node_flush,
    .info = vdi_info,
    .check = vdi_check,
    .create_options = vdi_create_options,
    .create_bytes = sizeof(struct vdi_create),
    .create = vdi_make,
};
