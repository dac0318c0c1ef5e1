/* SPDX-License-Identifier: MIT */
/*
 * Refcounts of a qcow2 image made anew from the references that were found, when their own tables
 * are broken. The new ones are written behind the file's end, and behind what is referred to there;
 * the header's one sector switches.
 */
#include <errno.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

struct layout {
    uint64_t area, table, blocks, per; /* clusters; table's are first */
};

static void lay_out(const struct qcow2_checking *k, struct layout *l)
{
    const struct qcow2 *q = k->node->state;
    const uint64_t area = k->outside > k->clusters ? k->outside : k->clusters;
    uint64_t before;
    *l = (struct layout){.area = area, .table = 1, .per = UINT64_C(1) << q->block_bits};
    do {
        before = l->table + l->blocks;
        l->blocks = (l->area + l->table + l->blocks + l->per - 1) / l->per;
        l->table = qcow2_clusters(q, l->blocks * 8);
    } while (l->table + l->blocks != before);
}

static uint64_t references(const struct qcow2_checking *k, const struct layout *l, uint64_t cluster)
{
    if (cluster < k->clusters) {
        return k->count[cluster];
    }
    return cluster < l->area + l->table + l->blocks;
}

static int write_block(struct qcow2_checking *k, const struct layout *l, uint64_t index,
                       uint8_t *bytes)
{
    const struct qcow2 *q = k->node->state;
    for (uint64_t i = 0; i < l->per; i++) {
        const uint64_t found = references(k, l, index * l->per + i), max = qcow2_refcount_max(q);
        qcow2_refcount_put(q, bytes, i, found < max ? found : max);
    }
    return block_node_write(k->node->file, (l->area + l->table + index) << q->cluster_bits, bytes,
                            q->cluster_bytes, 0);
}

int qcow2_rebuild(struct qcow2_checking *k)
{
    struct block_node *n = k->node;
    struct qcow2 *q = n->state;
    struct layout l;
    if (k->outside > 2 * k->clusters + (1u << 16)) { /* the file would become far too long */
        return -EFBIG;
    }
    lay_out(k, &l);
    if (l.table << q->cluster_bits > QCOW2_REFTABLE_MAX) {
        return -EFBIG;
    }
    const uint64_t entries = l.table << (q->cluster_bits - 3);
    uint64_t *table = mem_array((size_t)entries, 8);
    uint8_t *bytes = mem_alloc(q->cluster_bytes);
    int status = 0;
    for (uint64_t i = 0; i < l.blocks && status == 0; i++) {
        table[i] = (l.area + l.table + i) << q->cluster_bits;
        status = write_block(k, &l, i, bytes);
    }
    status = status < 0 ? status : qcow2_l1_write(n, l.area << q->cluster_bits, entries, table);
    status = status < 0 ? status : block_node_flush(n->file);
    if (status == 0) {
        q->h.reftable_offset = l.area << q->cluster_bits;
        q->h.reftable_clusters = (uint32_t)l.table;
        status = qcow2_header_update(n);
    }
    mem_free(bytes);
    mem_free(table);
    os_mutex_lock(&n->tables);
    qcow2_cache_drop_all(&q->blocks);
    os_mutex_unlock(&n->tables);
    q->hint = 0;
    k->rebuild = false;
    return status < 0 ? status : qcow2_reftable_read(n);
}
