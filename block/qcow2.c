/* SPDX-License-Identifier: MIT */
/*
 * qcow2 images, versions 2 and 3, as docs/interop/qcow2.txt of QEMU describes them: opening and
 * closing, options, facts. Not modelled: encryption.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/drivers.h"
#include "block/qcow2.h"

#define L2_CACHE_MAX (UINT64_C(32) << 20)
#define ENTRY_BYTES_MAX 65536u

/* ---- options */

static const char *const overlap_names[] = {"none", "constant", "cached", NULL};

#define O(name_, type_, member_, initial_, help_, choices_)                                        \
    {                                                                                              \
        name_, type_, offsetof(struct qcow2, member_), initial_, help_, choices_, false            \
    }
static const struct block_option qcow2_options[] = {
    O("lazy-refcounts", BLOCK_OPT_BOOL, lazy_option, NULL,
      "refcounts are written at the end only (as the image says)", NULL),
    O("pass-discard-request", BLOCK_OPT_BOOL, pass_discard_request, "on",
      "discards of the guest give the file's room back", NULL),
    O("pass-discard-snapshot", BLOCK_OPT_BOOL, pass_discard_snapshot, "on",
      "deleted snapshots give the file's room back", NULL),
    O("pass-discard-other", BLOCK_OPT_BOOL, pass_discard_other, "off",
      "clusters freed otherwise give the file's room back", NULL),
    O("discard-no-unref", BLOCK_OPT_BOOL, discard_no_unref, "off",
      "discarded clusters keep their place", NULL),
    O("overlap-check", BLOCK_OPT_CHOICE, overlap_check, "cached",
      "whether what is allocated is compared with the image's tables", overlap_names),
    O("cache-size", BLOCK_OPT_SIZE, cache_bytes, NULL, "of both caches together", NULL),
    O("l2-cache-size", BLOCK_OPT_SIZE, l2_cache_bytes, NULL,
      "of L2 tables in memory (what the disk needs, at most 32 MiB)", NULL),
    O("l2-cache-entry-size", BLOCK_OPT_SIZE, l2_entry_bytes, NULL,
      "of what is read of a table at once (a cluster, at most 64 KiB)", NULL),
    O("refcount-cache-size", BLOCK_OPT_SIZE, refcount_cache_bytes, NULL,
      "of refcount blocks in memory (4 clusters)", NULL),
    O("cache-clean-interval", BLOCK_OPT_U64, clean_interval, "600",
      "seconds after which unused tables leave memory (0: never)", NULL),
    {0},
};
#undef O

static bool given(const struct block_node *n, const char *key)
{
    return json_object_get(n->options, key) != NULL;
}

static bool check_caches(const struct block_node *n, struct error *e)
{
    const struct qcow2 *q = n->state;
    if (given(n, "cache-size") && given(n, "l2-cache-size") && given(n, "refcount-cache-size")) {
        return error_set(e, "qcow2: cache-size, l2-cache-size and refcount-cache-size: at most two "
                            "of them are accepted");
    }
    if (given(n, "cache-size") && q->l2_cache_bytes > q->cache_bytes) {
        return error_set(e, "qcow2: l2-cache-size may be at most cache-size");
    }
    if (given(n, "cache-size") && q->refcount_cache_bytes > q->cache_bytes) {
        return error_set(e, "qcow2: refcount-cache-size may be at most cache-size");
    }
    if (given(n, "l2-cache-entry-size") &&
        (!is_pow2(q->l2_entry_bytes) || q->l2_entry_bytes < 512 ||
         q->l2_entry_bytes > q->cluster_bytes)) {
        return error_set(e,
                         "qcow2: l2-cache-entry-size=%" PRIu64 ": a power of two from 512 to the "
                         "cluster's size, %u, is accepted",
                         q->l2_entry_bytes, q->cluster_bytes);
    }
    return true;
}

void qcow2_fit_cache(struct block_node *n)
{
    struct qcow2 *q = n->state;
    const uint64_t needed = qcow2_l1_entries(q, n->size_bytes) << q->cluster_bits;
    const uint64_t bytes = q->l2_most < needed ? q->l2_most : needed;
    const uint64_t tables = bytes / q->l2.table_bytes;
    q->l2.limit = tables < QCOW2_CACHE_LEAST ? QCOW2_CACHE_LEAST : (size_t)tables;
    q->l2.whole = q->l2_most >= needed;
}

static void init_caches(struct block_node *n, uint32_t entry_bytes)
{
    struct qcow2 *q = n->state;
    uint64_t l2 = given(n, "l2-cache-size") ? q->l2_cache_bytes
                  : given(n, "cache-size")  ? q->cache_bytes
                                            : L2_CACHE_MAX;
    uint64_t blocks = given(n, "refcount-cache-size") ? q->refcount_cache_bytes : 0;
    if (given(n, "cache-size")) { /* the other one has what is left */
        blocks = given(n, "l2-cache-size") ? q->cache_bytes - l2 : blocks;
        l2 = given(n, "l2-cache-size") ? l2 : q->cache_bytes - blocks;
    }
    blocks = blocks > QCOW2_CACHE_LEAST * q->cluster_bytes ? blocks
                                                           : QCOW2_CACHE_LEAST * q->cluster_bytes;
    qcow2_cache_init(&q->l2, entry_bytes, l2);
    q->l2_most = l2;
    qcow2_fit_cache(n);
    qcow2_cache_init(&q->blocks, q->cluster_bytes, blocks);
}

/* ---- opening */

static void take_geometry(struct block_node *n)
{
    struct qcow2 *q = n->state;
    const struct qcow2_header *h = &q->h;
    q->cluster_bits = h->cluster_bits;
    q->cluster_bytes = 1u << h->cluster_bits;
    q->extended = h->incompatible & QCOW2_EXTENDED_L2;
    q->has_data_file = h->incompatible & QCOW2_DATA_FILE;
    q->entry_bytes = q->extended ? 16 : 8;
    q->subs = q->extended ? 32 : 1;
    q->sub_bytes = q->cluster_bytes / q->subs;
    q->l1_bits = 2 * q->cluster_bits - (q->extended ? 4 : 3);
    q->refcount_bits = 1u << h->refcount_order;
    q->block_bits = q->cluster_bits + 3 - h->refcount_order;
    q->state_base = qcow2_l1_entries(q, h->size) << q->l1_bits;
    n->size_bytes = align_up(h->size, BLOCK_SECTOR);
    n->granule = q->cluster_bytes;
}

static void take_slices(struct block_node *n)
{
    struct qcow2 *q = n->state;
    uint32_t entry = q->cluster_bytes < ENTRY_BYTES_MAX ? q->cluster_bytes : ENTRY_BYTES_MAX;
    entry = given(n, "l2-cache-entry-size") ? (uint32_t)q->l2_entry_bytes : entry;
    q->slice_entries = entry / q->entry_bytes;
    q->slice_bits = q->cluster_bits + log2_floor(q->slice_entries);
    init_caches(n, entry);
}

static bool read_tables(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    q->l1 = mem_try_array(q->h.l1_size, 8);
    q->l1_fresh = mem_try_alloc(q->h.l1_size);
    int status = q->l1 && q->l1_fresh ? 0 : -ENOMEM;
    block_debug_event(n, "l1_read");
    status = status < 0 ? status : qcow2_l1_read(n, q->h.l1_offset, q->h.l1_size, q->l1);
    status = status < 0 ? status : qcow2_reftable_read(n);
    return status == 0 || error_set(e, "%s: qcow2: its tables cannot be read: %s",
                                    block_node_file(n), strerror(-status));
}

static bool open_data(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    q->data = n->file;
    if (q->has_data_file) {
        const unsigned lets = n->mode.no_lock ? BLOCK_PERM_ALL : BLOCK_PERM_READ;
        q->data = block_child_open(n, "data-file", q->h.data_file,
                                   n->mode.write ? BLOCK_PERM_ALL : BLOCK_PERM_READ, lets, e);
        if (!q->data && n->mode.no_io) {
            q->data = n->file; /* only its name is looked at */
        } else if (!q->data) {
            error_prefix(e, "the data file of %s: ", block_node_file(n));
            return false;
        }
    }
    return true;
}

static bool qcow2_open(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    if (!qcow2_header_read(n, &q->h, e)) {
        return false;
    }
    take_geometry(n);
    if (!check_caches(n, e)) {
        return false;
    }
    if ((q->h.incompatible & QCOW2_CORRUPT) && n->mode.write && !n->mode.repair_none) {
        return error_set(e,
                         "%s: the image is marked as corrupt; it can be read (read-only=on), or "
                         "repaired by a check",
                         block_node_file(n));
    }
    take_slices(n);
    q->opened = true;
    return read_tables(n, e) && open_data(n, e) && qcow2_snapshots_read(n, e) &&
           qcow2_bitmaps_read(n, e) && (!n->mode.write || qcow2_begin_writing(n, e));
}

/* Features that whoever writes without knowing them clears. */
static int clear_unknown(struct block_node *n)
{
    struct qcow2 *q = n->state;
    const uint64_t known = q->h.autoclear & (QCOW2_BITMAPS | QCOW2_RAW_DATA);
    if (n->mode.repair_none || q->h.autoclear == known) {
        return 0;
    }
    q->h.autoclear = known;
    int status = qcow2_header_update(n);
    return status < 0 ? status : block_node_flush(n->file);
}

bool qcow2_begin_writing(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    struct block_check c = {0};
    const bool lazy = given(n, "lazy-refcounts") ? q->lazy_option : q->h.compatible & QCOW2_LAZY;
    if ((q->h.incompatible & QCOW2_CORRUPT) && !n->mode.repair_none) {
        return error_set(e, "%s: the image is marked as corrupt", block_node_file(n));
    }
    int status = clear_unknown(n);
    if (status < 0) {
        return error_set(e, "%s: %s", block_node_file(n), strerror(-status));
    }
    q->writing = true;
    if ((q->h.incompatible & QCOW2_DIRTY) && !n->mode.repair_none) {
        if (!qcow2_check(n, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &c, e)) {
            return false;
        }
        if (c.corruptions) {
            return error_set(e, "%s: it was not closed, and could not be repaired",
                             block_node_file(n));
        }
    }
    q->lazy = lazy && q->h.version >= 3;
    return true;
}

int qcow2_end_lazy(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = qcow2_blocks_write(n);
    if (status == 0 && (q->h.incompatible & QCOW2_DIRTY)) {
        status = block_node_flush(n->file);
        q->h.incompatible &= ~(uint64_t)QCOW2_DIRTY;
        status = status < 0 ? status : qcow2_header_update(n);
    }
    return status;
}

int qcow2_end_writing(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = atomic_get(&q->corrupt) ? -EIO : qcow2_bitmaps_store(n);
    os_mutex_lock(&n->tables);
    qcow2_pool_drop(q);
    os_mutex_unlock(&n->tables);
    q->writing = false;
    if (!atomic_get(&q->corrupt) && atomic_get(&n->dirty)) { /* whatever became of bitmaps */
        const int flushed = qcow2_flush(n);
        status = status < 0 ? status : flushed;
    }
    return status < 0 || !q->lazy ? status : qcow2_end_lazy(n);
}

static bool qcow2_reopen(struct block_node *n, bool write, struct error *e)
{
    if (write) {
        return qcow2_begin_writing(n, e);
    }
    int status = qcow2_end_writing(n);
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

static void qcow2_close(struct block_node *n)
{
    struct qcow2 *q = n->state;
    if (q->writing) {
        qcow2_end_writing(n);
    }
    if (q->opened) {
        qcow2_cache_free(&q->l2);
        qcow2_cache_free(&q->blocks);
    }
    qcow2_snapshots_free(q);
    qcow2_bitmaps_free(q);
    qcow2_packers_free(q);
    qcow2_header_free(&q->h);
    mem_free(q->frees.list);
    mem_free(q->l1);
    mem_free(q->l1_fresh);
    mem_free(q->reftable);
}

/* ---- facts */

static bool qcow2_info(struct block_node *n, json_t *facts, struct error *e)
{
    const struct qcow2 *q = n->state;
    const struct qcow2_header *h = &q->h;
    json_t *data = json_object(), *of_format = json_object();
    (void)e;
    json_object_set_new(facts, "cluster-size", json_integer(q->cluster_bytes));
    json_object_set_new(facts, "dirty-flag", json_boolean(h->incompatible & QCOW2_DIRTY));
    json_object_set_new(data, "compat", json_string(h->version < 3 ? "0.10" : "1.1"));
    json_object_set_new(data, "compression-type",
                        json_string(h->compression == QCOW2_ZSTD ? "zstd" : "zlib"));
    json_object_set_new(data, "refcount-bits", json_integer(q->refcount_bits));
    if (h->version >= 3) {
        json_object_set_new(data, "lazy-refcounts", json_boolean(h->compatible & QCOW2_LAZY));
        json_object_set_new(data, "corrupt", json_boolean(h->incompatible & QCOW2_CORRUPT));
        json_object_set_new(data, "extended-l2", json_boolean(q->extended));
    }
    if (q->has_data_file) {
        json_object_set_new(data, "data-file", json_string(h->data_file ? h->data_file : ""));
        json_object_set_new(data, "data-file-raw", json_boolean(h->autoclear & QCOW2_RAW_DATA));
    }
    if (q->bitmap_count) {
        qcow2_bitmaps_info(q, data);
    }
    json_object_set_new(of_format, "type", json_string("qcow2"));
    json_object_set_new(of_format, "data", data);
    json_object_set_new(facts, "format-specific", of_format);
    return true;
}

static int qcow2_probe(const uint8_t *head, size_t n, const char *file_name)
{
    (void)file_name;
    return n >= 8 && load_be32(head) == QCOW2_MAGIC && load_be32(head + 4) >= 2 ? 100 : 0;
}

const struct block_driver block_qcow2_driver = {
    .name = "qcow2",
    .desc = "copy on write, snapshots, compression",
    .kind = BLOCK_FORMAT,
    .state_bytes = sizeof(struct qcow2),
    .options = qcow2_options,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .reopen = qcow2_reopen,
    .map = qcow2_map,
    .linked = qcow2_linked,
    .load = qcow2_load,
    .decode = qcow2_decode,
    .write = qcow2_write,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .write_packed = qcow2_write_packed,
    .info = qcow2_info,
    .check = qcow2_check,
    .resize = qcow2_resize,
    .snapshots = qcow2_snapshots,
    .snapshot_create = qcow2_snapshot_create,
    .snapshot_apply = qcow2_snapshot_apply,
    .snapshot_delete = qcow2_snapshot_delete,
    .state_read = qcow2_state_read,
    .state_write = qcow2_state_write,
    .bitmap = qcow2_bitmap,
    .amend = qcow2_amend,
    .set_backing = qcow2_set_backing,
    .make_empty = qcow2_make_empty,
    .create_options = qcow2_create_options,
    .create_bytes = sizeof(struct qcow2_create),
    .create = qcow2_create,
    .measure = qcow2_measure,
};
