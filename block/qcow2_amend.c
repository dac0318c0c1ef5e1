/* SPDX-License-Identifier: MIT */
/* What can be changed of a qcow2 image that is there: version, refcounts, backing file. */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

static bool done(const struct block_node *n, int status, struct error *e)
{
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

/* The first cluster anew, when all that it speaks of is on the disk. */
static bool write_header(struct block_node *n, struct qcow2_header *h, const char *backing_file,
                         struct error *e)
{
    return done(n, qcow2_commit(n), e) && qcow2_header_rewrite(n, h, backing_file, e) &&
           done(n, block_node_flush(n->file), e);
}

/* ---- backing file */

bool qcow2_set_backing(struct block_node *n, const char *file, const char *format, struct error *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_header h = q->h;
    if (!n->mode.write) {
        return error_set(e, "%s is read-only", block_node_file(n));
    }
    if (file && (q->h.autoclear & QCOW2_RAW_DATA)) {
        return error_set(e, "%s: its data file is a raw image, which has no backing file",
                         block_node_file(n));
    }
    h.backing_format = file && format ? mem_strdup(format) : NULL;
    if (!write_header(n, &h, file, e)) {
        mem_free(h.backing_format);
        return false;
    }
    mem_free(q->h.backing_format);
    q->h = h;
    char *name = mem_strdup(file), *of = file ? mem_strdup(format) : NULL;
    mem_free(n->backing_file);
    mem_free(n->backing_format);
    n->backing_file = name;
    n->backing_format = of;
    return true;
}

/* ---- version */

static bool upgrade(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_header h = q->h;
    h.version = 3;
    h.header_length = QCOW2_HEADER_V3;
    if (!write_header(n, &h, n->backing_file, e)) {
        return false;
    }
    q->h = h;
    return true;
}

static const char *keeps_version_3(const struct qcow2 *q)
{
    return q->has_data_file               ? "an external data file"
           : q->extended                  ? "extended L2 entries"
           : q->h.compression             ? "zstd compression"
           : q->refcount_bits != 16       ? "refcounts that are not of 16 bits"
           : q->bitmap_count              ? "bitmaps"
           : q->h.snapshots               ? "snapshots"
           : q->h.compatible & QCOW2_LAZY ? "lazy refcounts"
                                          : NULL;
}

/* Version 2 has no word for zeros: they are written, or left out where nothing is below. */
static int expand_zeros(struct block_node *n)
{
    const struct qcow2 *q = n->state;
    void *zeros = mem_alloc(q->cluster_bytes);
    int status = 0;
    for (uint64_t at = 0; at < n->size_bytes && status == 0;) {
        struct block_status s;
        const uint64_t left = n->size_bytes - at;
        status = block_node_status(n, at, left, false, &s);
        if (status == 0 && s.where == BLOCK_ZERO && !n->backing) {
            os_mutex_lock(&n->slow);
            status = qcow2_drop(n, at, s.bytes);
            os_mutex_unlock(&n->slow);
        } else if (status == 0 && s.where == BLOCK_ZERO) {
            s.bytes = s.bytes < q->cluster_bytes ? s.bytes : q->cluster_bytes;
            status = block_node_write(n, at, zeros, (size_t)s.bytes, 0);
        }
        at += s.bytes;
    }
    mem_free(zeros);
    return status;
}

static bool downgrade(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    const char *why = keeps_version_3(q);
    if (why) {
        return error_set(e, "%s: version 2 (compat=0.10) has no %s", block_node_file(n), why);
    }
    if (!done(n, expand_zeros(n), e) || !done(n, qcow2_commit(n), e)) {
        return false;
    }
    struct qcow2_header h = q->h;
    h.version = 2;
    h.header_length = QCOW2_HEADER_V2;
    h.compatible = h.autoclear = h.incompatible = 0;
    if (!write_header(n, &h, n->backing_file, e)) {
        return false;
    }
    q->h = h;
    return true;
}

/* ---- refcounts */

static bool set_lazy(struct block_node *n, bool on, struct error *e)
{
    struct qcow2 *q = n->state;
    if (on && q->h.version < 3) {
        return error_set(e, "%s: lazy_refcounts=on needs compat=1.1", block_node_file(n));
    }
    int status = qcow2_commit(n);
    status = status < 0 ? status : qcow2_end_lazy(n);
    q->h.compatible = (q->h.compatible & ~(uint64_t)QCOW2_LAZY) | (on ? QCOW2_LAZY : 0);
    q->lazy = on;
    status = status < 0 ? status : qcow2_header_update(n);
    return done(n, status < 0 ? status : block_node_flush(n->file), e);
}

static uint64_t most_references(const struct qcow2_checking *k)
{
    uint64_t most = 0;
    for (uint64_t i = 0; i < k->clusters; i++) {
        most = k->count[i] > most ? k->count[i] : most;
    }
    return most;
}

static void set_width(struct qcow2 *q, unsigned order)
{
    q->h.refcount_order = order;
    q->refcount_bits = 1u << order;
    q->block_bits = q->cluster_bits + 3 - order;
}

/* All are counted, and written anew in the other width. */
static bool set_refcount_bits(struct block_node *n, uint32_t bits, struct error *e)
{
    struct qcow2 *q = n->state;
    struct block_check c = {0};
    const unsigned old = q->h.refcount_order;
    if (q->h.version < 3 || !is_pow2(bits) || bits > 64) {
        return error_set(e, "%s: refcount_bits=%u: %s", block_node_file(n), bits,
                         q->h.version < 3 ? "16 is accepted with compat=0.10"
                                          : "1, 2, 4, 8, 16, 32 and 64 are accepted");
    }
    os_mutex_lock(&n->tables);
    qcow2_pool_drop(q);
    os_mutex_unlock(&n->tables);
    int status = qcow2_commit(n);
    struct qcow2_checking k = {.node = n, .c = &c};
    k.clusters = qcow2_clusters(q, block_node_size(n->file));
    k.count = k.clusters >> 31 ? NULL : mem_try_array((size_t)k.clusters, sizeof(*k.count));
    status = status < 0 ? status : k.count ? qcow2_check_count_all(&k, false) : -ENOMEM;
    bool good = done(n, status, e);
    if (good && (c.corruptions || (bits < 64 && most_references(&k) > mask64(bits)))) {
        good = error_set(e, "%s: %s", block_node_file(n),
                         c.corruptions ? "it is damaged (a check says how)"
                                       : "a refcount does not fit into so few bits");
    }
    if (good) {
        set_width(q, log2_floor(bits));
        status = qcow2_rebuild(&k);
        if (status < 0) {
            set_width(q, old);
        }
        good = done(n, status < 0 ? status : block_node_flush(n->file), e);
    }
    mem_free(k.count);
    return good;
}

/* ---- all */

static bool is_given(const json_t *given, const char *key)
{
    return json_object_get(given, key) != NULL;
}

bool qcow2_amend(struct block_node *n, void *options, const json_t *given, struct error *e)
{
    const struct qcow2_create *o = options;
    const struct qcow2 *q = n->state;
    const uint32_t version = o->compat & 1 ? 3 : 2;
    const bool compat = is_given(given, "compat") && version != q->h.version;
    if (!n->mode.write) {
        return error_set(e, "%s is read-only", block_node_file(n));
    }
    if (compat && version == 3 && !upgrade(n, e)) {
        return false;
    }
    if (is_given(given, "lazy_refcounts") && !set_lazy(n, o->lazy_refcounts, e)) {
        return false;
    }
    if (is_given(given, "refcount_bits") && o->refcount_bits != q->refcount_bits &&
        !set_refcount_bits(n, o->refcount_bits, e)) {
        return false;
    }
    return !compat || version == 3 || downgrade(n, e);
}
