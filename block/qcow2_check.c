/* SPDX-License-Identifier: MIT */
/*
 * The check of a qcow2 image: all references are counted in memory and compared with the refcounts.
 * What the repair does is qcow2_repair.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

void qcow2_check_say(struct qcow2_checking *k, bool error, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (k->c->say) {
        k->c->say(k->c->opaque, error, text);
    }
}

void qcow2_check_count(struct qcow2_checking *k, uint64_t offset, uint64_t bytes, const char *what)
{
    const struct qcow2 *q = k->node->state;
    const uint64_t first = offset >> q->cluster_bits;
    const uint64_t last = bytes ? (offset + bytes - 1) >> q->cluster_bits : first;
    if (bytes == 0) {
        return;
    }
    if (offset + bytes < offset || last >= k->clusters) {
        k->c->corruptions++;
        const uint64_t end = offset + bytes < offset ? UINT64_MAX : last + 1;
        k->outside = end > k->outside ? end : k->outside;
        qcow2_check_say(k, true, "%s at 0x%" PRIx64 " lies outside of the file", what, offset);
        return;
    }
    for (uint64_t i = first; i <= last; i++) {
        k->count[i] += k->count[i] < UINT32_MAX;
    }
}

/* ---- references of the guest's tables */

struct walk {
    struct qcow2_checking *k;
    uint8_t *table;
    uint8_t *seen; /* L2 tables of this L1 table, a bit a cluster */
    uint64_t next; /* where the cluster behind the last one would be */
    bool active;   /* the image's own */
};

static void note_data(struct walk *w, const struct qcow2_entry *e)
{
    const struct qcow2 *q = w->k->node->state;
    struct block_check *c = w->k->c;
    if (w->active) {
        c->allocated_clusters++;
        c->packed_clusters += e->packed;
        c->fragmented_clusters += e->packed || (w->next && w->next != e->place);
        w->next = e->packed ? 0 : e->place + q->cluster_bytes;
    }
}

static void count_table(struct walk *w, uint64_t l2)
{
    const struct qcow2 *q = w->k->node->state;
    for (uint64_t i = 0; i < q->cluster_bytes / q->entry_bytes; i++) {
        struct qcow2_entry e;
        qcow2_entry_get(q, w->table, i, &e);
        if (e.bad) {
            w->k->c->corruptions++;
            qcow2_check_say(w->k, true,
                            "entry %" PRIu64 " of the L2 table at 0x%" PRIx64 " makes no sense", i,
                            l2);
        } else if (e.packed) {
            note_data(w, &e);
            qcow2_check_count(w->k, e.place, e.packed_bytes, "a compressed cluster");
        } else if (e.placed) {
            note_data(w, &e);
            if (!q->has_data_file) {
                qcow2_check_count(w->k, e.place, q->cluster_bytes, "a cluster");
            }
        }
    }
}

static int count_l2(struct walk *w, uint64_t entry)
{
    struct qcow2_checking *k = w->k;
    const struct qcow2 *q = k->node->state;
    const uint64_t l2 = entry & QCOW2_OFFSET, cluster = l2 >> q->cluster_bits;
    if (!l2) {
        return 0;
    }
    if (!qcow2_offset_is_good(q, l2) || cluster >= k->clusters) {
        k->c->corruptions++;
        qcow2_check_say(k, true, "an L2 table at 0x%" PRIx64 ": there can be none", l2);
        return 0;
    }
    qcow2_check_count(k, l2, q->cluster_bytes, "an L2 table");
    if (w->seen[cluster / 8] >> cluster % 8 & 1) {
        k->c->corruptions++;
        qcow2_check_say(k, true, "the L2 table at 0x%" PRIx64 " is used twice", l2);
        return 0;
    }
    w->seen[cluster / 8] |= (uint8_t)(1 << cluster % 8);
    int status = block_node_read(k->node->file, l2, w->table, q->cluster_bytes);
    if (status == 0) {
        count_table(w, l2);
    }
    return status;
}

static int count_l1(struct qcow2_checking *k, uint64_t offset, uint64_t entries, bool active)
{
    const struct qcow2 *q = k->node->state;
    struct walk w = {.k = k, .active = active};
    uint64_t *l1 = mem_try_array((size_t)entries, 8);
    w.table = mem_try_alloc(q->cluster_bytes);
    w.seen = mem_try_alloc((size_t)(k->clusters / 8) + 1);
    int status = l1 && w.table && w.seen ? 0 : -ENOMEM;
    qcow2_check_count(k, offset, entries * 8, "an L1 table");
    status = status < 0 ? status : qcow2_l1_read(k->node, offset, entries, l1);
    for (uint64_t i = 0; i < entries && status == 0; i++) {
        status = count_l2(&w, l1[i]);
    }
    mem_free(w.seen);
    mem_free(w.table);
    mem_free(l1);
    return status;
}

/* ---- all references */

static void count_bitmap(void *opaque, uint64_t offset, uint64_t bytes)
{
    qcow2_check_count(opaque, offset, bytes, "a part of a bitmap");
}

static void count_refcounts(struct qcow2_checking *k)
{
    const struct qcow2 *q = k->node->state;
    qcow2_check_count(k, q->h.reftable_offset, (uint64_t)q->h.reftable_clusters << q->cluster_bits,
                      "the refcount table");
    for (size_t i = 0; i < q->reftable_size; i++) {
        const uint64_t at = q->reftable[i];
        if (!at) {
            continue;
        }
        if (!qcow2_offset_is_good(q, at) || at >> q->cluster_bits >= k->clusters) {
            k->c->corruptions++;
            k->rebuild = true;
            qcow2_check_say(k, true, "a refcount block at 0x%" PRIx64 ": there can be none", at);
            continue;
        }
        qcow2_check_count(k, at, q->cluster_bytes, "a refcount block");
        if (k->count[at >> q->cluster_bits] > 1) {
            k->rebuild = true;
            qcow2_check_say(k, true, "the refcount block at 0x%" PRIx64 " is used otherwise, too",
                            at);
        }
    }
}

int qcow2_check_count_all(struct qcow2_checking *k, bool refcounts)
{
    const struct qcow2 *q = k->node->state;
    memset(k->count, 0, (size_t)k->clusters * sizeof(*k->count));
    qcow2_check_count(k, 0, q->cluster_bytes, "the header");
    int status = count_l1(k, q->h.l1_offset, q->h.l1_size, true);
    for (uint32_t i = 0; i < q->h.snapshots && status == 0; i++) {
        status = count_l1(k, q->snapshot[i].l1_offset, q->snapshot[i].l1_size, false);
    }
    qcow2_check_count(k, q->h.snapshots_offset, q->snapshots_bytes, "the table of snapshots");
    status = status < 0 ? status : qcow2_bitmaps_walk(k->node, count_bitmap, k);
    if (status == 0 && refcounts) {
        count_refcounts(k);
    }
    return status;
}

/* ---- refcounts */

static int compare_one(struct qcow2_checking *k, uint64_t cluster, uint64_t count)
{
    const uint64_t found = cluster < k->clusters ? k->count[cluster] : 0;
    const struct qcow2 *q = k->node->state;
    const bool leak = count > found;
    const bool fix = k->fix & (leak ? BLOCK_FIX_LEAKS : BLOCK_FIX_ERRORS);
    if (found && (cluster + 1) << q->cluster_bits > k->c->end_offset) {
        k->c->end_offset = (cluster + 1) << q->cluster_bits;
    }
    if (count == found || (cluster >= k->clusters && k->outside)) {
        return 0; /* or somebody may refer to it, and it would be given to another */
    }
    qcow2_check_say(k, !leak, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64,
                    fix    ? "Repairing"
                    : leak ? "Leaked"
                           : "ERROR",
                    cluster, count, found);
    if (fix && !k->rebuild) {
        *(leak ? &k->c->leaks_fixed : &k->c->corruptions_fixed) += 1;
        return qcow2_refcount_set(k->node, cluster, found);
    }
    *(leak ? &k->c->leaks : &k->c->corruptions) += 1;
    return 0;
}

static int compare_block(struct qcow2_checking *k, uint64_t index)
{
    const struct qcow2 *q = k->node->state;
    const uint64_t per = UINT64_C(1) << q->block_bits, first = index << q->block_bits;
    struct qcow2_table *t;
    int status = qcow2_block_get(k->node, index, &t);
    if (status == -EIO && k->rebuild) {
        return 0;
    }
    for (uint64_t i = 0; i < per && status == 0 && (t || first + i < k->clusters); i++) {
        if (!t && k->count[first + i]) {
            k->rebuild = true; /* there is nowhere to put it */
        }
        status = compare_one(k, first + i, t ? qcow2_refcount_of(q, t->bytes, i) : 0);
        if (status == 0 && t) { /* a repair may have taken it out */
            status = qcow2_block_get(k->node, index, &t);
        }
    }
    return status;
}

static int compare_refcounts(struct qcow2_checking *k)
{
    const struct qcow2 *q = k->node->state;
    const uint64_t last = (k->clusters + mask64(q->block_bits)) >> q->block_bits;
    const uint64_t blocks = last > q->reftable_size ? last : q->reftable_size;
    int status = 0;
    for (uint64_t i = 0; i < blocks && status == 0; i++) {
        status = qcow2_make_room(k->node);
        status = status < 0 ? status : compare_block(k, i);
    }
    return status;
}

/* ---- the marks of what may be written in place */

static bool wrong_mark(struct qcow2_checking *k, uint64_t offset, bool copied, int *status)
{
    const struct qcow2 *q = k->node->state;
    uint64_t count = 0;
    *status = qcow2_refcount_get(k->node, offset >> q->cluster_bits, &count);
    if (*status < 0 || copied == (count == 1)) {
        return false;
    }
    const bool fix = k->fix & BLOCK_FIX_ERRORS;
    qcow2_check_say(k, true, "%s OFLAG_COPIED of 0x%" PRIx64 ": refcount=%" PRIu64,
                    fix ? "Repairing" : "ERROR", offset, count);
    *(fix ? &k->c->corruptions_fixed : &k->c->corruptions) += 1;
    return fix;
}

static int check_marks_l2(struct qcow2_checking *k, uint64_t l2, uint8_t *table)
{
    const struct qcow2 *q = k->node->state;
    int status = block_node_read(k->node->file, l2, table, q->cluster_bytes);
    bool changed = false;
    for (uint64_t i = 0; i < q->cluster_bytes / q->entry_bytes && status == 0; i++) {
        struct qcow2_entry e;
        qcow2_entry_get(q, table, i, &e);
        if (!e.bad && !e.packed && e.placed && e.place >> q->cluster_bits < k->clusters &&
            wrong_mark(k, e.place, e.copied, &status)) {
            e.copied = !e.copied;
            qcow2_entry_put(q, table, i, &e);
            changed = true;
        }
    }
    return status < 0 || !changed ? status
                                  : block_node_write(k->node->file, l2, table, q->cluster_bytes, 0);
}

static int check_marks(struct qcow2_checking *k)
{
    struct qcow2 *q = k->node->state;
    uint8_t *table = mem_try_alloc(q->cluster_bytes), word[8];
    int status = table ? 0 : -ENOMEM;
    for (uint64_t i = 0; i < q->h.l1_size && status == 0; i++) {
        const uint64_t l2 = q->l1[i] & QCOW2_OFFSET;
        if (!qcow2_offset_is_good(q, l2) || l2 >> q->cluster_bits >= k->clusters) {
            continue;
        }
        if (wrong_mark(k, l2, q->l1[i] & QCOW2_COPIED, &status)) {
            q->l1[i] ^= QCOW2_COPIED;
            store_be64(word, q->l1[i]);
            status = block_node_write(k->node->file, q->h.l1_offset + i * 8, word, 8, 0);
        }
        if (status == 0 && !q->has_data_file) {
            status = check_marks_l2(k, l2, table);
        }
    }
    mem_free(table);
    return status;
}

/* ---- the whole */

static int check_all(struct qcow2_checking *k)
{
    struct qcow2 *q = k->node->state;
    int status = qcow2_check_count_all(k, true);
    status = status < 0 ? status : compare_refcounts(k);
    if (status == 0 && k->rebuild && (k->fix & BLOCK_FIX_ERRORS)) {
        k->c->corruptions_fixed += k->c->corruptions;
        k->c->leaks_fixed += k->c->leaks;
        k->c->corruptions = k->c->leaks = 0;
        k->c->allocated_clusters = k->c->fragmented_clusters = k->c->packed_clusters = 0;
        status = qcow2_check_count_all(k, false);
        k->c->corruptions_fixed -= k->c->corruptions < k->c->corruptions_fixed
                                       ? k->c->corruptions
                                       : k->c->corruptions_fixed;
        status = status < 0 ? status : qcow2_rebuild(k);
    }
    if (status == 0 && k->fix) {
        status = qcow2_blocks_write(k->node);
        status = status < 0 ? status : block_node_flush(k->node->file);
    }
    status = status < 0 || (k->rebuild && !(k->fix & BLOCK_FIX_ERRORS)) ? status : check_marks(k);
    if (status == 0 && k->fix) {
        status = block_node_flush(k->node->file);
    }
    if (status == 0 && (k->fix & BLOCK_FIX_ERRORS) && !k->c->corruptions &&
        (q->h.incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT))) {
        q->h.incompatible &= ~(uint64_t)(QCOW2_DIRTY | QCOW2_CORRUPT);
        q->corrupt = false;
        status = qcow2_header_update(k->node);
    }
    return status;
}

/* Tables in memory are on the disk, and nothing is set aside. */
static int settle(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = 0;
    os_mutex_lock(&n->tables);
    qcow2_pool_drop(q);
    os_mutex_unlock(&n->tables);
    if (q->writing && !q->corrupt) {
        status = qcow2_commit(n);
        status = status < 0 ? status : qcow2_blocks_write(n);
    }
    return status;
}

bool qcow2_check(struct block_node *n, unsigned fix, struct block_check *c, struct error *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_checking k = {.node = n, .c = c, .fix = fix};
    if (fix && !n->mode.write) {
        return error_set(e, "%s is read-only, and cannot be repaired", block_node_file(n));
    }
    const uint64_t file = block_node_size(n->file);
    k.clusters = qcow2_clusters(q, file);
    k.count = k.clusters >> 31 ? NULL : mem_try_array((size_t)k.clusters, sizeof(*k.count));
    if (!k.count) {
        return error_set(e, "%s: a file of %" PRIu64 " bytes has too many clusters to check",
                         block_node_file(n), file);
    }
    c->total_clusters = qcow2_clusters(q, n->size_bytes);
    int status = settle(n);
    const bool was = q->corrupt;
    q->corrupt = q->corrupt && !fix; /* or nothing could be repaired */
    status = status < 0 ? status : check_all(&k);
    q->corrupt |= was && c->corruptions;
    mem_free(k.count);
    os_mutex_lock(&n->tables);
    qcow2_cache_drop_all(&q->l2);
    os_mutex_unlock(&n->tables);
    return status == 0 || error_set(e, "%s: the check could not be done: %s", block_node_file(n),
                                    strerror(-status));
}
