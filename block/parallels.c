/* SPDX-License-Identifier: MIT */
/*
 * Parallels' expandable images, both forms ("WithoutFreeSpace" and "WithouFreSpacExt"): a header
 * of 64 bytes, at once followed by a table of 32-bit numbers: sectors in the first form, clusters
 * in the second. What is told here is what the images themselves show.
 *
 * A program that writes to an image first marks it in use, and takes the mark away when it closes
 * it. An image that has the mark was left by a crash: it is looked through before it is written.
 *
 * Not modelled: the extension at ext_off (dirty bitmaps). It is dropped when the image is written,
 * since it would no longer be true. Snapshots, which are in other files.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/bat.h"
#include "block/block_internal.h"
#include "block/drivers.h"

#define HEADER_BYTES 64u
#define MAGIC_OLD "WithoutFreeSpace"
#define MAGIC_EXT "WithouFreSpacExt"
#define MAGIC_BYTES 16u
#define IN_USE 0x746f6e59u
#define FLAG_EMPTY 1u
#define CLUSTER_MAX (256u << 20)

/* Offsets in the header; numbers are little-endian. */
enum {
    AT_VERSION = 16,
    AT_HEADS = 20,
    AT_CYLINDERS = 24,
    AT_CLUSTER = 28, /* sectors */
    AT_CLUSTERS = 32,
    AT_SECTORS = 36, /* 64 bits in the second form, 32 in the first */
    AT_IN_USE = 44,
    AT_DATA = 48, /* sectors */
    AT_FLAGS = 52,
    AT_EXTENSION = 56, /* 64 bits: sectors */
};

struct parallels {
    struct bat bat; /* first */
    bool ext;
    uint32_t unit; /* bytes that one is in an entry */
    bool found_in_use;
    bool marked; /* by us; under node->slow */
    uint8_t header[HEADER_BYTES];
};

static int parallels_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return n >= HEADER_BYTES && load_le32(head + AT_VERSION) == 2 &&
                   (memcmp(head, MAGIC_OLD, MAGIC_BYTES) == 0 ||
                    memcmp(head, MAGIC_EXT, MAGIC_BYTES) == 0)
               ? 100
               : 0;
}

/* ---- entries and the mark */

static enum bat_kind parallels_decode(const struct bat *b, const uint8_t *raw, uint64_t *place)
{
    const struct parallels *p = container_of(b, struct parallels, bat);
    const uint32_t v = load_le32(raw);
    *place = (uint64_t)v * p->unit;
    return v == 0 ? BAT_NONE : BAT_DATA;
}

static void parallels_encode(const struct bat *b, uint8_t *raw, uint64_t place)
{
    const struct parallels *p = container_of(b, struct parallels, bat);
    store_le32(raw, (uint32_t)(place / p->unit));
}

static int mark(struct parallels *p, bool in_use)
{
    uint8_t *h = p->header;
    store_le32(h + AT_IN_USE, in_use ? IN_USE : 0);
    store_le32(h + AT_FLAGS, load_le32(h + AT_FLAGS) & ~FLAG_EMPTY);
    store_le64(h + AT_EXTENSION, 0);
    int status = block_node_write(p->bat.file, 0, h, HEADER_BYTES, 0);
    if (status == 0) {
        p->marked = in_use;
    }
    return status;
}

static int parallels_prepare(struct bat *b, const struct bat_batch *batch)
{
    struct parallels *p = container_of(b, struct parallels, bat);
    (void)batch;
    return p->marked ? 0 : mark(p, true);
}

static const struct bat_ops parallels_ops = {
    .decode = parallels_decode,
    .encode = parallels_encode,
    .prepare = parallels_prepare,
};

/* ---- life */

static bool take_header(struct block_node *n, struct parallels *p, struct error *e)
{
    const uint8_t *h = p->header;
    const char *name = block_node_file(n);
    const uint64_t cluster = (uint64_t)load_le32(h + AT_CLUSTER) * BLOCK_SECTOR;
    const uint64_t sectors = p->ext ? load_le64(h + AT_SECTORS) : load_le32(h + AT_SECTORS);
    struct bat *b = &p->bat;
    if (cluster == 0 || cluster > CLUSTER_MAX) {
        return error_set(e, "%s: clusters of %" PRIu64 " bytes; 512 to %u are accepted", name,
                         cluster, CLUSTER_MAX);
    }
    b->blocks = load_le32(h + AT_CLUSTERS);
    if (sectors > (uint64_t)INT64_MAX / BLOCK_SECTOR ||
        sectors * BLOCK_SECTOR > b->blocks * cluster) {
        return error_set(e,
                         "%s: a disk of %" PRIu64 " sectors does not fit into %" PRIu64 " clusters",
                         name, sectors, b->blocks);
    }
    b->block_bytes = (uint32_t)cluster;
    b->disk_bytes = sectors * BLOCK_SECTOR;
    b->table_offset = HEADER_BYTES;
    b->first = (uint64_t)load_le32(h + AT_DATA) * BLOCK_SECTOR;
    const uint64_t table_end = HEADER_BYTES + 4 * b->blocks;
    if (b->first && b->first < table_end) {
        return error_set(e, "%s: its data from %" PRIu64 " on lies on its table, up to %" PRIu64,
                         name, b->first, table_end);
    }
    b->first = b->first ? b->first : align_up(table_end, BLOCK_SECTOR);
    return true;
}

/* What a crash left behind is looked through. */
static bool look_through(struct block_node *n, struct parallels *p, struct error *e)
{
    struct block_check c = {0};
    if (!bat_check(&p->bat, 0, 0, &c, e)) {
        return false;
    }
    p->marked = true;
    return c.corruptions == 0 ||
           error_set(e,
                     "%s was not closed properly, and its table has %" PRIu64
                     " errors: it can be read (read-only=on) or repaired (check)",
                     block_node_file(n), c.corruptions);
}

static bool prepare_write(struct block_node *n, struct error *e)
{
    struct parallels *p = n->state;
    int status = bat_find_end(&p->bat);
    if (status < 0) {
        return error_set(e, "%s: its table cannot be read: %s", block_node_file(n),
                         strerror(-status));
    }
    if (n->mode.repair_none) {
        return true;
    }
    if (p->found_in_use && !look_through(n, p, e)) {
        return false;
    }
    if (load_le64(p->header + AT_EXTENSION)) {
        status = mark(p, true);
        status = status < 0 ? status : block_node_flush(n->file);
    }
    return status == 0 ||
           error_set(e, "%s cannot be written: %s", block_node_file(n), strerror(-status));
}

static bool parallels_open(struct block_node *n, struct error *e)
{
    struct parallels *p = n->state;
    struct bat *b = &p->bat;
    int status = block_node_read(n->file, 0, p->header, HEADER_BYTES);
    if (status < 0) {
        return error_set(e, "%s cannot be read: %s", block_node_file(n), strerror(-status));
    }
    if (!parallels_probe(p->header, HEADER_BYTES, NULL)) {
        return error_set(e, "%s is not a parallels image of version 2", block_node_file(n));
    }
    p->ext = memcmp(p->header, MAGIC_EXT, MAGIC_BYTES) == 0;
    if (!take_header(n, p, e)) {
        return false;
    }
    p->unit = p->ext ? b->block_bytes : BLOCK_SECTOR;
    p->found_in_use = load_le32(p->header + AT_IN_USE) == IN_USE;
    b->ops = &parallels_ops;
    b->node = n;
    b->file = n->file;
    b->entry_bytes = 4;
    b->page_entries = 1024;
    b->align = p->unit;
    b->limit = (uint64_t)UINT32_MAX * p->unit;
    n->size_bytes = b->disk_bytes;
    n->granule = b->block_bytes;
    return bat_create(b, e) && (!n->mode.write || prepare_write(n, e));
}

/* The last writer has closed it. */
static void unmark(struct block_node *n)
{
    struct parallels *p = n->state;
    if (p->marked && !n->dirty && block_node_flush(n->file) == 0 && mark(p, false) == 0) {
        block_node_flush(n->file);
        p->found_in_use = false;
    }
}

static bool parallels_reopen(struct block_node *n, bool write, struct error *e)
{
    if (write) {
        return prepare_write(n, e);
    }
    unmark(n);
    return true;
}

static void parallels_close(struct block_node *n)
{
    struct parallels *p = n->state;
    if (n->opened && n->mode.write) {
        unmark(n);
    }
    bat_destroy(&p->bat);
}

/* ---- the whole image */

static bool parallels_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct parallels *p = n->state;
    (void)e;
    json_object_set_new(facts, "cluster-size", json_integer(p->bat.block_bytes));
    if (p->found_in_use) {
        json_object_set_new(facts, "dirty-flag", json_true());
    }
    return true;
}

static bool parallels_check(struct block_node *n, unsigned fix, struct block_check *c,
                            struct error *e)
{
    struct parallels *p = n->state;
    const bool left = p->found_in_use && !p->marked;
    if (!bat_check(&p->bat, fix, 0, c, e)) {
        return false;
    }
    if (left && c->say) {
        c->say(c->opaque, true, "the image was not closed properly");
    }
    if (left && (fix & BLOCK_FIX_ERRORS) && c->corruptions == 0 && mark(p, false) == 0) {
        p->found_in_use = false;
        c->corruptions_fixed++;
    } else {
        c->corruptions += left;
    }
    return true;
}

/* ---- making images */

struct parallels_create {
    uint64_t cluster;
};

static const struct block_option parallels_create_options[] = {
    {"cluster_size", BLOCK_OPT_SIZE, offsetof(struct parallels_create, cluster), "1M",
     "bytes of a cluster", NULL, false},
    {0},
};

static bool parallels_make(const struct block_create *c, struct error *e)
{
    const uint64_t cluster = ((const struct parallels_create *)c->options)->cluster;
    uint8_t h[HEADER_BYTES] = MAGIC_EXT;
    if (c->backing_file) {
        return error_set(e, "parallels: backing_file: the format has no backing files");
    }
    if (cluster == 0 || cluster > CLUSTER_MAX || !is_aligned(cluster, BLOCK_SECTOR)) {
        return error_set(
            e, "parallels: cluster_size=%" PRIu64 ": multiples of 512 up to %u are accepted",
            cluster, CLUSTER_MAX);
    }
    const uint64_t clusters = (c->size + cluster - 1) / cluster;
    const uint64_t data = bat_round_up(HEADER_BYTES + 4 * clusters, cluster);
    if (clusters > INT32_MAX || data / BLOCK_SECTOR > UINT32_MAX) {
        return error_set(e, "parallels: %" PRIu64 " clusters are too many: up to %d are accepted",
                         clusters, INT32_MAX);
    }
    store_le32(h + AT_VERSION, 2);
    store_le32(h + AT_HEADS, 16);
    store_le32(h + AT_CYLINDERS, (uint32_t)(c->size / BLOCK_SECTOR / 16 / 32));
    store_le32(h + AT_CLUSTER, (uint32_t)(cluster / BLOCK_SECTOR));
    store_le32(h + AT_CLUSTERS, (uint32_t)clusters);
    store_le64(h + AT_SECTORS, c->size / BLOCK_SECTOR);
    store_le32(h + AT_DATA, (uint32_t)(data / BLOCK_SECTOR));
    if (!block_node_resize(c->file, data, BLOCK_PREALLOC_OFF, e)) { /* no cluster has a place */
        return false;
    }
    int status = block_node_write(c->file, 0, h, sizeof(h), 0);
    return status == 0 || error_set(e, "%s: %s", c->name, strerror(-status));
}

const struct block_driver block_parallels_driver = {
    .name = "parallels",
    .desc = "Parallels' expandable images",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct parallels),
    .probe = parallels_probe,
    .open = parallels_open,
    .close = parallels_close,
    .reopen = parallels_reopen,
    .map = bat_node_map,
    .linked = bat_node_linked,
    .load = bat_node_load,
    .write = bat_node_write,
    .zero = bat_node_zero,
    .discard = bat_node_discard,
    .flush = bat_node_flush,
    .info = parallels_info,
    .check = parallels_check,
    .create_options = parallels_create_options,
    .create_bytes = sizeof(struct parallels_create),
    .create = parallels_make,
};
