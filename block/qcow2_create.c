/* SPDX-License-Identifier: MIT */
/* Making qcow2 images, and what one will take. All of a new image's places are known beforehand. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

static const char *const compat_names[] = {"0.10", "1.1", "v2", "v3", NULL};
static const char *const compression_names[] = {"zlib", "zstd", NULL};

#define O(name_, type_, member_, initial_, help_, choices_, amendable_)                            \
    {                                                                                              \
        name_, type_, offsetof(struct qcow2_create, member_), initial_, help_, choices_,           \
            amendable_                                                                             \
    }
const struct block_option qcow2_create_options[] = {
    O("cluster_size", BLOCK_OPT_SIZE, cluster_size, "64K", "512 to 2M, a power of two", NULL,
      false),
    O("preallocation", BLOCK_OPT_CHOICE, preallocation, "off", "off, metadata, falloc or full",
      block_prealloc_names, false),
    O("compat", BLOCK_OPT_CHOICE, compat, "1.1", "0.10 (version 2) or 1.1 (version 3)",
      compat_names, true),
    O("refcount_bits", BLOCK_OPT_U32, refcount_bits, "16", "1 to 64, a power of two", NULL, true),
    O("lazy_refcounts", BLOCK_OPT_BOOL, lazy_refcounts, "off",
      "refcounts are written at the end only", NULL, true),
    O("extended_l2", BLOCK_OPT_BOOL, extended_l2, "off", "clusters have 32 subclusters", NULL,
      false),
    O("compression_type", BLOCK_OPT_CHOICE, compression_type, "zlib", "zlib or zstd",
      compression_names, false),
    O("data_file", BLOCK_OPT_TEXT, data_file, NULL, "where the guest's data is, apart from tables",
      NULL, false),
    O("data_file_raw", BLOCK_OPT_BOOL, data_file_raw, "off", "the data file is a raw image, too",
      NULL, false),
    {0},
};
#undef O

/* Clusters, in this order. */
struct layout {
    struct qcow2_header h;
    uint64_t table, blocks, l1, l2, data, all;
    uint32_t entry_bytes;
    bool preallocated;
};

static uint64_t up(uint64_t bytes, const struct qcow2_header *h)
{
    return (bytes + mask64(h->cluster_bits)) >> h->cluster_bits;
}

/* ---- what is asked for */

static bool check_version(const struct qcow2_create *o, struct error *e)
{
    if (!(o->compat & 1)) {
        const char *what = o->refcount_bits != 16 ? "refcount_bits"
                           : o->lazy_refcounts    ? "lazy_refcounts"
                           : o->extended_l2       ? "extended_l2"
                           : o->compression_type  ? "compression_type=zstd"
                           : o->data_file         ? "data_file"
                                                  : NULL;
        return !what || error_set(e, "qcow2: %s needs compat=1.1", what);
    }
    return true;
}

static bool check_options(const struct qcow2_create *o, const struct block_create *c,
                          struct error *e)
{
    if (!is_pow2(o->cluster_size) || o->cluster_size < 512 || o->cluster_size > 2u << 20) {
        return error_set(e,
                         "qcow2: cluster_size=%" PRIu64 ": a power of two from 512 to 2M is "
                         "accepted",
                         o->cluster_size);
    }
    if (!is_pow2(o->refcount_bits) || o->refcount_bits > 64) {
        return error_set(e, "qcow2: refcount_bits=%u: 1, 2, 4, 8, 16, 32 and 64 are accepted",
                         o->refcount_bits);
    }
    if (o->extended_l2 && o->cluster_size < 16384) {
        return error_set(e, "qcow2: extended_l2=on needs a cluster_size of 16K at least");
    }
    if (o->data_file_raw && !o->data_file) {
        return error_set(e, "qcow2: data_file_raw=on needs data_file=");
    }
    if (o->data_file_raw && c && c->backing_file) {
        return error_set(e, "qcow2: data_file_raw=on and a backing file exclude each other");
    }
    if (c && c->backing_file && o->preallocation != BLOCK_PREALLOC_OFF && !o->extended_l2) {
        return error_set(e, "qcow2: preallocation= with a backing file needs extended_l2=on");
    }
    return check_version(o, e);
}

static bool lay_out(const struct qcow2_create *o, uint64_t size, struct layout *l, struct error *e)
{
    struct qcow2_header *h = &l->h;
    h->version = o->compat & 1 ? 3 : 2;
    h->cluster_bits = log2_floor(o->cluster_size);
    h->refcount_order = log2_floor(o->refcount_bits);
    h->header_length = h->version < 3 ? QCOW2_HEADER_V2 : QCOW2_HEADER_V3;
    h->size = size;
    h->compression = (uint8_t)o->compression_type;
    h->incompatible = (o->compression_type ? QCOW2_COMPRESSION : 0) |
                      (o->extended_l2 ? QCOW2_EXTENDED_L2 : 0) |
                      (o->data_file ? QCOW2_DATA_FILE : 0);
    h->compatible = o->lazy_refcounts ? QCOW2_LAZY : 0;
    h->autoclear = o->data_file_raw ? QCOW2_RAW_DATA : 0;
    l->entry_bytes = o->extended_l2 ? 16 : 8;
    l->preallocated = o->preallocation != BLOCK_PREALLOC_OFF || o->data_file_raw;
    const uint64_t clusters = up(size, h);
    const uint64_t tables = up(clusters * l->entry_bytes, h);
    l->l1 = up(tables * 8, h);
    l->l2 = l->preallocated ? tables : 0;
    l->data = l->preallocated && !o->data_file ? clusters : 0;
    if (tables * 8 > QCOW2_L1_MAX) {
        return error_set(
            e, "qcow2: %" PRIu64 " bytes are too many for clusters of %" PRIu64 " (cluster_size)",
            size, o->cluster_size);
    }
    uint64_t before, rest = 1 + l->l1 + l->l2 + l->data;
    const unsigned per = h->cluster_bits + 3 - h->refcount_order;
    l->table = 1;
    do {
        before = l->table + l->blocks;
        l->blocks = (rest + l->table + l->blocks + mask64(per)) >> per;
        l->table = up(l->blocks * 8, h);
    } while (l->table + l->blocks != before);
    l->all = rest + l->table + l->blocks;
    h->l1_size = (uint32_t)tables;
    h->reftable_clusters = (uint32_t)l->table;
    h->reftable_offset = UINT64_C(1) << h->cluster_bits;
    h->l1_offset = (1 + l->table + l->blocks) << h->cluster_bits;
    return l->table << h->cluster_bits <= QCOW2_REFTABLE_MAX ||
           error_set(e,
                     "qcow2: so much cannot be preallocated with clusters of %" PRIu64
                     " (cluster_size)",
                     o->cluster_size);
}

/* ---- writing it */

static int write_words(struct block_node *f, uint64_t at, const uint64_t *words, uint64_t count)
{
    uint64_t *out = mem_array((size_t)count, 8);
    for (uint64_t i = 0; i < count; i++) {
        store_be64(&out[i], words[i]);
    }
    int status = count ? block_node_write(f, at, out, (size_t)count * 8, 0) : 0;
    mem_free(out);
    return status;
}

static int write_refcounts(struct block_node *f, const struct layout *l)
{
    const struct qcow2 q = {.refcount_bits = 1u << l->h.refcount_order};
    const unsigned bits = l->h.cluster_bits, per = bits + 3 - l->h.refcount_order;
    uint64_t *table = mem_array((size_t)(l->table << (bits - 3)), 8);
    uint8_t *block = mem_alloc((size_t)1 << bits);
    int status = 0;
    for (uint64_t i = 0; i < l->blocks && status == 0; i++) {
        table[i] = (1 + l->table + i) << bits;
        for (uint64_t j = 0; j < UINT64_C(1) << per; j++) {
            qcow2_refcount_put(&q, block, j, (i << per) + j < l->all);
        }
        status = block_node_write(f, table[i], block, (size_t)1 << bits, 0);
    }
    status = status < 0 ? status
                        : write_words(f, l->h.reftable_offset, table, l->table << (bits - 3));
    mem_free(block);
    mem_free(table);
    return status;
}

static int write_l2(struct block_node *f, const struct layout *l, bool backing)
{
    const struct qcow2 q = {.cluster_bits = l->h.cluster_bits,
                            .cluster_bytes = 1u << l->h.cluster_bits,
                            .entry_bytes = l->entry_bytes,
                            .extended = l->entry_bytes == 16,
                            .subs = l->entry_bytes == 16 ? 32 : 1};
    const uint64_t per = q.cluster_bytes / l->entry_bytes, clusters = up(l->h.size, &l->h);
    const uint64_t first_l2 = (l->h.l1_offset >> q.cluster_bits) + l->l1;
    uint64_t data = l->data ? first_l2 + l->l2 : 0;
    uint8_t *table = mem_alloc(q.cluster_bytes);
    int status = 0;
    for (uint64_t i = 0; i < l->l2 && status == 0; i++) {
        memset(table, 0, q.cluster_bytes);
        for (uint64_t j = 0; j < per && i * per + j < clusters; j++) {
            const struct qcow2_entry e = {.placed = true,
                                          .copied = true,
                                          .place = (data + i * per + j) << q.cluster_bits,
                                          .alloc = backing ? 0 : qcow2_all_subs(&q)};
            qcow2_entry_put(&q, table, j, &e);
        }
        status = block_node_write(f, (first_l2 + i) << q.cluster_bits, table, q.cluster_bytes, 0);
    }
    mem_free(table);
    return status;
}

static int write_l1(struct block_node *f, const struct layout *l)
{
    const uint64_t entries = l->l1 << (l->h.cluster_bits - 3);
    const uint64_t first_l2 = (l->h.l1_offset >> l->h.cluster_bits) + l->l1;
    uint64_t *l1 = mem_array((size_t)entries, 8);
    for (uint64_t i = 0; i < l->l2; i++) {
        l1[i] = (first_l2 + i) << l->h.cluster_bits | QCOW2_COPIED;
    }
    int status = write_words(f, l->h.l1_offset, l1, entries);
    mem_free(l1);
    return status;
}

/* The data file stands beside the image. */
static bool make_data_file(const struct block_create *c, const struct qcow2_create *o,
                           struct error *e)
{
    char *name = block_name_beside(c->file, o->data_file);
    struct block_node *d = block_create_file(c->graph, name, 0, e);
    const enum block_prealloc how = o->preallocation == BLOCK_PREALLOC_METADATA
                                        ? BLOCK_PREALLOC_OFF
                                        : (enum block_prealloc)o->preallocation;
    bool good = d && block_node_resize(d, c->size, how, e);
    block_node_close(d);
    mem_free(name);
    return good;
}

static bool give_room(const struct block_create *c, const struct layout *l,
                      const struct qcow2_create *o, struct error *e)
{
    const bool full = o->preallocation > BLOCK_PREALLOC_METADATA && !o->data_file;
    return block_node_resize(c->file, l->all << l->h.cluster_bits,
                             full ? (enum block_prealloc)o->preallocation : BLOCK_PREALLOC_OFF, e);
}

bool qcow2_create(const struct block_create *c, struct error *e)
{
    const struct qcow2_create *o = c->options;
    struct layout l = {0};
    if (!check_options(o, c, e) || !lay_out(o, c->size, &l, e) ||
        (o->data_file && !make_data_file(c, o, e)) || !give_room(c, &l, o, e)) {
        return false;
    }
    l.h.backing_format = c->backing_file ? (char *)(uintptr_t)c->backing_format : NULL;
    l.h.data_file = o->data_file;
    int status = write_refcounts(c->file, &l);
    status = status < 0 ? status : write_l2(c->file, &l, c->backing_file != NULL);
    status = status < 0 ? status : write_l1(c->file, &l);
    if (status < 0) {
        return error_set(e, "%s: %s", c->name, strerror(-status));
    }
    return qcow2_header_write(c->file, &l.h, c->backing_file, e);
}

/* ---- measuring: tables as if all were allocated, and data */

static uint64_t refcount_bytes(uint64_t clusters, const struct qcow2_header *h)
{
    const unsigned per = h->cluster_bits + 3 - h->refcount_order;
    uint64_t table = 0, blocks = 0, last, n = 0;
    do {
        last = n;
        blocks = (clusters + table + blocks + mask64(per)) >> per;
        table = up(blocks * 8, h);
        n = clusters + blocks + table;
    } while (n != last);
    return (blocks + table) << h->cluster_bits;
}

static bool count_source(struct block_node *source, const struct qcow2_header *h, uint64_t *bytes,
                         struct error *e)
{
    const uint64_t size = block_node_size(source), cluster = UINT64_C(1) << h->cluster_bits;
    uint64_t counted = 0; /* up to here */
    *bytes = 0;
    for (uint64_t at = 0; at < size;) {
        struct block_status s;
        int status = block_node_status(source, at, size - at, true, &s);
        if (status < 0) {
            return error_set(e, "%s: %s", block_node_file(source), strerror(-status));
        }
        if (s.where == BLOCK_DATA || s.where == BLOCK_PACKED) {
            const uint64_t from = align_down(at, cluster), to = align_up(at + s.bytes, cluster);
            *bytes += to - (from > counted ? from : counted);
            counted = to;
        }
        at += s.bytes;
    }
    return true;
}

bool qcow2_measure(const void *options, uint64_t size, struct block_node *source,
                   struct block_measure *m, struct error *e)
{
    const struct qcow2_create *o = options;
    struct layout l = {0};
    struct qcow2_create plain = *o;
    plain.preallocation = BLOCK_PREALLOC_OFF;
    plain.data_file_raw = false;
    if (!check_options(o, NULL, e) || !lay_out(&plain, size, &l, e)) {
        return false;
    }
    const uint64_t cluster = o->cluster_size, data = align_up(size, cluster);
    uint64_t needed = data;
    /* Tables of both levels are counted whole. */
    const uint64_t l2 = align_up(data / cluster * l.entry_bytes, cluster);
    const uint64_t l1 = align_up(l2 / cluster * 8, cluster);
    const uint64_t most = cluster + l2 + l1;
    if (source && !count_source(source, &l.h, &needed, e)) {
        return false;
    }
    if (!source) {
        needed = o->preallocation >= BLOCK_PREALLOC_FALLOC ? data : 0;
    } else if (o->preallocation >= BLOCK_PREALLOC_FALLOC) {
        needed = data;
    }
    const uint64_t fixed = most + refcount_bytes((most + data) / cluster, &l.h);
    m->fully_allocated = fixed + (o->data_file ? 0 : data);
    m->required = fixed + (o->data_file ? 0 : needed);
    m->bitmaps = 0;
    return true;
}
