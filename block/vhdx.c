/* SPDX-License-Identifier: MIT */
/*
 * VHDX, Hyper-V's images ([MS-VHDX] 8.0): two headers, of which the newer counts; a table of
 * regions, twice; a log (vhdx_log.c); metadata; and the block allocation table, in which an entry
 * for a bitmap stands behind those of each chunk.
 *
 * The first write gives the image new GUIDs in its header, and goes the slow way for it. Changes of
 * the table go to the log first. Closing an image empties its log.
 *
 * Not modelled: images with a parent, which are refused.
 */
#include "block/vhdx.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"
#include "block/drivers.h"

#define ENTRY_BYTES 32u
#define METADATA_MAX 2047u
#define REGIONS_MAX 2047u

static int vhdx_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return n >= 8 && memcmp(head, "vhdxfile", 8) == 0 ? 100 : 0;
}

/* ---- entries */

static enum bat_kind vhdx_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const uint64_t v = load_le64(raw);
    (void)b;
    switch (v & 7) {
    case VHDX_NOT_PRESENT:
        return BAT_NONE;
    case VHDX_UNDEFINED:
    case VHDX_ZERO:
    case VHDX_UNMAPPED:
        return BAT_ZERO;
    case VHDX_PRESENT:
        *place = align_down(v, VHDX_MIB);
        return BAT_DATA;
    default: /* partly present: only with a parent */
        return BAT_BAD;
    }
}

static void vhdx_encode(const struct bat *b, uint8_t *raw, uint64_t place)
{
    (void)b;
    store_le64(raw, place ? place | VHDX_PRESENT : VHDX_ZERO);
}

static int vhdx_prepare(struct bat *b, const struct bat_batch *batch)
{
    struct vhdx *v = container_of(b, struct vhdx, bat);
    (void)batch;
    v->flushed_bytes = align_down(block_node_size(b->file), VHDX_MIB);
    return 0;
}

/* The header says that there is a log, once it has an entry. */
static int begin_log(struct vhdx *v)
{
    if (v->logged) {
        return 0;
    }
    memcpy(v->header + VHDX_LOG_GUID, v->log_guid, VHDX_GUID_BYTES);
    int status = vhdx_write_header(v);
    v->logged = status == 0;
    return status;
}

static int vhdx_write_out(struct bat *b, const struct bat_batch *t)
{
    struct vhdx *v = container_of(b, struct vhdx, bat);
    int status = 0;
    for (size_t done = 0; done < t->count && status == 0;) {
        const size_t room = vhdx_log_room(v), left = t->count - done;
        const size_t some = left < room ? left : room;
        status = vhdx_log_write(v, t->pages + done, some, t->end);
        status = status < 0 ? status : begin_log(v);
        for (size_t i = 0; i < some && status == 0; i++) {
            const struct bat_copy *p = &t->pages[done + i];
            status = block_node_write(b->file, b->table_offset + p->number * VHDX_LOG_SECTOR,
                                      p->raw, VHDX_LOG_SECTOR, 0);
        }
        done += some;
        if (done < t->count && status == 0) {
            status = block_node_flush(b->file);
        }
    }
    return status;
}

static const struct bat_ops vhdx_ops = {
    .decode = vhdx_decode,
    .encode = vhdx_encode,
    .prepare = vhdx_prepare,
    .write_out = vhdx_write_out,
};

/* ---- headers */

int vhdx_write_header(struct vhdx *v)
{
    uint8_t *h = v->header;
    store_le64(h + VHDX_SEQUENCE, load_le64(h + VHDX_SEQUENCE) + 1);
    store_le32(h + VHDX_CHECKSUM, vhdx_checksum(h, VHDX_HEADER_BYTES, VHDX_CHECKSUM));
    int status = block_node_flush(v->bat.file);
    status = status < 0 ? status
                        : block_node_write(v->bat.file, VHDX_HEADER_AT(v->current ^ 1), h,
                                           VHDX_HEADER_BYTES, 0);
    status = status < 0 ? status : block_node_flush(v->bat.file);
    if (status == 0) {
        v->current ^= 1;
    }
    return status;
}

static bool read_at(struct block_node *n, uint64_t offset, void *bytes, size_t length,
                    struct error *e)
{
    int status = block_node_read(n->file, offset, bytes, length);
    return status == 0 ||
           error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
}

static bool has_checksum(const uint8_t *bytes, size_t n, const char *signature)
{
    return memcmp(bytes, signature, 4) == 0 &&
           load_le32(bytes + VHDX_CHECKSUM) == vhdx_checksum(bytes, n, VHDX_CHECKSUM);
}

static bool find_header(struct block_node *n, struct vhdx *v, struct error *e)
{
    uint8_t *h = mem_alloc(VHDX_HEADER_BYTES);
    bool good = true, found = false;
    for (unsigned i = 0; good && i < 2; i++) {
        good = read_at(n, VHDX_HEADER_AT(i), h, VHDX_HEADER_BYTES, e);
        if (good && has_checksum(h, VHDX_HEADER_BYTES, "head") &&
            (!found || load_le64(h + VHDX_SEQUENCE) > load_le64(v->header + VHDX_SEQUENCE))) {
            memcpy(v->header, h, VHDX_HEADER_BYTES);
            v->current = i;
            found = true;
        }
    }
    mem_free(h);
    if (good && !found) {
        good = error_set(e, "%s is a vhdx image, and neither of its headers has a good checksum",
                         block_node_file(n));
    }
    return good;
}

static bool take_header(struct block_node *n, struct vhdx *v, struct error *e)
{
    const uint8_t *h = v->header;
    const char *name = block_node_file(n);
    if (load_le16(h + VHDX_VERSION) != 1 || load_le16(h + VHDX_LOG_VERSION) != 0) {
        return error_set(e, "%s: vhdx version %u, log version %u; 1 and 0 are accepted", name,
                         load_le16(h + VHDX_VERSION), load_le16(h + VHDX_LOG_VERSION));
    }
    v->log_at = load_le64(h + VHDX_LOG_AT);
    v->log_bytes = load_le32(h + VHDX_LOG_BYTES);
    if (v->log_at < VHDX_MIB || v->log_bytes < VHDX_MIB ||
        !is_aligned(v->log_at | v->log_bytes, VHDX_MIB) || v->log_at > INT64_MAX / 2) {
        return error_set(e,
                         "%s: a log of %" PRIu64 " bytes at %" PRIu64
                         "; multiples of 1M, and not the first of the file, are accepted",
                         name, v->log_bytes, v->log_at);
    }
    return true;
}

/* ---- regions and metadata */

struct region {
    uint64_t at, bytes;
};

static bool overlaps(struct region a, struct region b)
{
    return a.at < b.at + b.bytes && b.at < a.at + a.bytes;
}

static bool take_region(const char *name, const uint8_t *entry, struct region *bat,
                        struct region *metadata, struct error *e)
{
    struct region *r = memcmp(entry, vhdx_guid_bat, VHDX_GUID_BYTES) == 0        ? bat
                       : memcmp(entry, vhdx_guid_metadata, VHDX_GUID_BYTES) == 0 ? metadata
                                                                                 : NULL;
    if (!r) {
        return !(load_le32(entry + 28) & 1) ||
               error_set(e, "%s: a region that must be understood, and is not known", name);
    }
    *r = (struct region){load_le64(entry + 16), load_le32(entry + 24)};
    return (r->at >= VHDX_MIB && r->at < INT64_MAX / 2 && r->bytes >= VHDX_MIB &&
            is_aligned(r->at | r->bytes, VHDX_MIB)) ||
           error_set(e,
                     "%s: a region of %" PRIu64 " bytes at %" PRIu64
                     "; multiples of 1M, and not the first of the file, are accepted",
                     name, r->bytes, r->at);
}

static bool take_regions(struct block_node *n, const uint8_t *t, struct region *metadata,
                         struct error *e)
{
    struct vhdx *v = n->state;
    const char *name = block_node_file(n);
    struct region bat = {0};
    const struct region log = {v->log_at, v->log_bytes};
    const uint32_t count = load_le32(t + 8);
    bool good = count <= REGIONS_MAX ||
                error_set(e, "%s: %u regions; up to %u are accepted", name, count, REGIONS_MAX);
    for (uint32_t i = 0; good && i < count; i++) {
        good = take_region(name, t + 16 + (size_t)i * ENTRY_BYTES, &bat, metadata, e);
    }
    if (good && (!bat.at || !metadata->at)) {
        good = error_set(e, "%s: its table of regions has no %s", name,
                         bat.at ? "metadata" : "block allocation table");
    }
    if (good && (overlaps(bat, *metadata) || overlaps(bat, log) || overlaps(*metadata, log))) {
        good = error_set(e, "%s: its log, metadata and block allocation table overlap", name);
    }
    v->bat.table_offset = bat.at;
    v->bat.blocks = bat.bytes / 8; /* as many as there is room for; take_facts knows better */
    v->bat.meta_end = bat.at + bat.bytes;
    const uint64_t ends[] = {metadata->at + metadata->bytes, log.at + log.bytes};
    for (size_t i = 0; i < array_len(ends); i++) {
        v->bat.meta_end = ends[i] > v->bat.meta_end ? ends[i] : v->bat.meta_end;
    }
    return good;
}

static bool find_regions(struct block_node *n, struct region *metadata, struct error *e)
{
    uint8_t *t = mem_alloc(VHDX_REGIONS_BYTES);
    bool good = true, found = false;
    for (unsigned i = 0; good && !found && i < 2; i++) {
        good = read_at(n, VHDX_REGIONS_AT(i), t, VHDX_REGIONS_BYTES, e);
        found = good && has_checksum(t, VHDX_REGIONS_BYTES, "regi");
    }
    if (good && !found) {
        good = error_set(e, "%s: neither of its tables of regions has a good checksum",
                         block_node_file(n));
    }
    good = good && take_regions(n, t, metadata, e);
    mem_free(t);
    return good;
}

struct facts {
    uint32_t block_bytes, flags, sector_bytes;
    uint64_t disk_bytes;
};

/* One item of the metadata; those that need not be understood are left alone. */
static bool take_item(struct block_node *n, const struct region *m, const uint8_t *entry,
                      struct facts *f, struct error *e)
{
    const uint32_t at = load_le32(entry + 16), bytes = load_le32(entry + 20);
    uint8_t raw[8] = {0};
    const bool parameters = memcmp(entry, vhdx_guid_parameters, VHDX_GUID_BYTES) == 0;
    const bool size = memcmp(entry, vhdx_guid_disk_bytes, VHDX_GUID_BYTES) == 0;
    const bool sector = memcmp(entry, vhdx_guid_sector, VHDX_GUID_BYTES) == 0;
    if (!parameters && !size && !sector) {
        const bool known = memcmp(entry, vhdx_guid_page83, VHDX_GUID_BYTES) == 0 ||
                           memcmp(entry, vhdx_guid_physical, VHDX_GUID_BYTES) == 0;
        return known || !(load_le32(entry + 24) & 4) ||
               error_set(e,
                         "%s: it has metadata that must be understood, and is not known: a "
                         "parent, for one, is not supported",
                         block_node_file(n));
    }
    const uint32_t wanted = sector ? 4 : 8;
    if (bytes < wanted || at > m->bytes || wanted > m->bytes - at) {
        return error_set(e, "%s: its metadata at %u do not lie in their region", block_node_file(n),
                         at);
    }
    if (!read_at(n, m->at + at, raw, wanted, e)) {
        return false;
    }
    if (parameters) {
        f->block_bytes = load_le32(raw);
        f->flags = load_le32(raw + 4);
    } else if (size) {
        f->disk_bytes = load_le64(raw);
    } else {
        f->sector_bytes = load_le32(raw);
    }
    return true;
}

static bool read_metadata(struct block_node *n, const struct region *m, struct facts *f,
                          struct error *e)
{
    uint8_t *t = mem_alloc(VHDX_REGIONS_BYTES);
    bool good = read_at(n, m->at, t, VHDX_REGIONS_BYTES, e);
    const uint16_t count = load_le16(t + 10);
    if (good && (memcmp(t, "metadata", 8) != 0 || count > METADATA_MAX)) {
        good = error_set(e, "%s: its metadata at %" PRIu64 " are none", block_node_file(n), m->at);
    }
    for (uint16_t i = 0; good && i < count; i++) {
        good = take_item(n, m, t + (size_t)(i + 1) * ENTRY_BYTES, f, e);
    }
    mem_free(t);
    return good;
}

static bool take_facts(struct block_node *n, const struct facts *f, struct error *e)
{
    struct vhdx *v = n->state;
    struct bat *b = &v->bat;
    const char *name = block_node_file(n);
    const uint64_t room = b->blocks;
    if (f->flags & 2) {
        return error_set(e, "%s: images with a parent are not supported", name);
    }
    if (!is_pow2(f->block_bytes) || f->block_bytes < VHDX_MIB || f->block_bytes > VHDX_BLOCK_MAX) {
        return error_set(e, "%s: blocks of %u bytes; powers of two from 1M to 256M are accepted",
                         name, f->block_bytes);
    }
    if (f->sector_bytes != 512 && f->sector_bytes != 4096) {
        return error_set(e, "%s: sectors of %u bytes; 512 and 4096 are accepted", name,
                         f->sector_bytes);
    }
    if (f->disk_bytes > VHDX_DISK_MAX || f->disk_bytes % f->sector_bytes) {
        return error_set(e, "%s: a disk of %" PRIu64 " bytes; whole sectors up to 64T are accepted",
                         name, f->disk_bytes);
    }
    b->block_bytes = f->block_bytes;
    b->disk_bytes = f->disk_bytes;
    b->blocks = (f->disk_bytes + f->block_bytes - 1) / f->block_bytes;
    b->gap_every = (UINT64_C(1) << 23) * f->sector_bytes / f->block_bytes;
    if (b->blocks && b->blocks + (b->blocks - 1) / b->gap_every > room) {
        return error_set(e, "%s: a table of %" PRIu64 " entries for %" PRIu64 " blocks", name, room,
                         b->blocks);
    }
    n->size_bytes = f->disk_bytes;
    n->granule = b->block_bytes;
    return true;
}

/* ---- life */

static bool empty_log(struct block_node *n, struct vhdx *v, struct error *e)
{
    if (block_is_zero(v->header + VHDX_LOG_GUID, VHDX_GUID_BYTES)) {
        return true;
    }
    if (!n->mode.write) { /* nor can it be looked at for mending before */
        return error_set(e,
                         "%s was not closed properly: its log is to be replayed, which opening it "
                         "for writing, or mending it (check -r), does",
                         block_node_file(n));
    }
    return vhdx_log_replay(v, e);
}

static void begin_write(struct vhdx *v)
{
    v->changed = v->logged = false;
    v->log_next = 0;
    v->log_sequence = 0;
    os_random(v->log_guid, VHDX_GUID_BYTES);
}

static bool vhdx_open(struct block_node *n, struct error *e)
{
    struct vhdx *v = n->state;
    struct bat *b = &v->bat;
    struct region metadata = {0};
    struct facts f = {0};
    uint8_t head[8];
    b->ops = &vhdx_ops;
    b->node = n;
    b->file = n->file;
    b->entry_bytes = 8;
    b->page_entries = VHDX_LOG_SECTOR / 8;
    b->align = b->first = VHDX_MIB;
    b->limit = UINT64_C(1) << 62;
    if (!read_at(n, 0, head, sizeof(head), e)) {
        return false;
    }
    if (!vhdx_probe(head, sizeof(head), NULL)) {
        return error_set(e, "%s is not a vhdx image", block_node_file(n));
    }
    if (!find_header(n, v, e) || !take_header(n, v, e) || !empty_log(n, v, e) ||
        !find_regions(n, &metadata, e) || !read_metadata(n, &metadata, &f, e) ||
        !take_facts(n, &f, e)) {
        return false;
    }
    begin_write(v);
    return bat_create(b, e);
}

static int end_log(struct block_node *n, struct vhdx *v)
{
    if (!v->logged || n->dirty) {
        return 0;
    }
    memset(v->header + VHDX_LOG_GUID, 0, VHDX_GUID_BYTES);
    int status = vhdx_write_header(v); /* it flushes the table before */
    v->logged = status < 0;
    return status;
}

static bool vhdx_reopen(struct block_node *n, bool write, struct error *e)
{
    struct vhdx *v = n->state;
    int status = write ? 0 : end_log(n, v);
    if (write) {
        begin_write(v);
    }
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

static void vhdx_close(struct block_node *n)
{
    struct vhdx *v = n->state;
    if (n->opened && n->mode.write) {
        end_log(n, v);
    }
    bat_destroy(&v->bat);
}

/* ---- requests */

/* The image is another than it was: both its GUIDs are new. */
static int change_guids(struct vhdx *v)
{
    if (v->changed) {
        return 0;
    }
    os_random(v->header + VHDX_FILE_GUID, VHDX_GUID_BYTES);
    os_random(v->header + VHDX_DATA_GUID, VHDX_GUID_BYTES);
    int status = vhdx_write_header(v);
    if (status == 0) {
        os_mutex_lock(&v->bat.node->tables);
        v->changed = true;
        os_mutex_unlock(&v->bat.node->tables);
    }
    return status;
}

static void vhdx_map(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                     struct block_extent *x)
{
    struct vhdx *v = n->state;
    bat_map(&v->bat, offset, bytes, writing && v->changed, x);
    if (writing && !v->changed && x->kind != BLOCK_MAP_UNKNOWN && x->kind != BLOCK_MAP_ERROR) {
        const uint64_t block = v->bat.block_bytes - offset % v->bat.block_bytes;
        x->kind = BLOCK_MAP_WRITE;
        x->bytes = x->bytes < block ? x->bytes : block;
    }
}

static int vhdx_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes, unsigned flags)
{
    struct vhdx *v = n->state;
    (void)flags;
    int status = change_guids(v);
    return status < 0 ? status : bat_write(&v->bat, offset, iov, count, bytes);
}

static int vhdx_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct vhdx *v = n->state;
    int status = change_guids(v);
    return status < 0 ? status : bat_zero(&v->bat, offset, bytes, flags);
}

static int vhdx_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    struct vhdx *v = n->state;
    int status = change_guids(v);
    return status < 0 ? status : bat_discard(&v->bat, offset, bytes);
}

/* ---- the whole image */

static bool vhdx_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct vhdx *v = n->state;
    (void)e;
    json_object_set_new(facts, "cluster-size", json_integer(v->bat.block_bytes));
    return true;
}

static bool vhdx_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    struct vhdx *v = n->state;
    if (v->replayed && c->say) {
        c->say(c->opaque, false, "the image was not closed properly; its log was replayed");
    }
    c->corruptions_fixed += v->replayed;
    v->replayed = false;
    return bat_check(&v->bat, fix, BAT_ANY_TAIL, c, e); /* the file may be longer, by design */
}

const struct block_driver block_vhdx_driver = {
    .name = "vhdx",
    .desc = "Hyper-V's images",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct vhdx),
    .probe = vhdx_probe,
    .open = vhdx_open,
    .close = vhdx_close,
    .reopen = vhdx_reopen,
    .map = vhdx_map,
    .linked = bat_node_linked,
    .load = bat_node_load,
    .write = vhdx_write,
    .zero = vhdx_zero,
    .discard = vhdx_discard,
    .flush = bat_node_flush,
    .info = vhdx_info,
    .check = vhdx_check,
    .create_options = vhdx_create_options,
    .create_bytes = sizeof(struct vhdx_create),
    .create = vhdx_make,
};
