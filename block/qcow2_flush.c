/* SPDX-License-Identifier: MIT */
/*
 * How tables reach the disk, so that the power may go at any write:
 *
 *   1. refcount blocks (they only have more references than the disk) and L2 tables that no L1
 *      entry on the disk refers to yet;
 *   2. a flush of the file: the guest's data in new clusters, copied parts included, are behind it;
 *   3. the other L2 slices, then L1 entries;
 *   4. if references went away: another flush, after which refcounts are lowered, in memory and on
 *      the disk. Only now the clusters can be had again.
 *
 * What is written is what the tables held when the flush began; the hot way goes on changing them
 * meanwhile. With lazy refcounts the blocks stay in memory, and the header says that they do.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

#define FREES_MANY 4096

struct piece {
    struct qcow2_cache *c;
    struct qcow2_table *t; /* NULL: of the L1 table */
    uint64_t place;
    uint32_t from, bytes;
    bool first; /* belongs to step 1 */
    uint8_t *copy;
};

struct flushing {
    struct block_node *n;
    struct piece *piece;
    size_t count, cap;
    bool later; /* there are pieces for step 3 */
    struct qcow2_frees frees;
};

/* ---- what is to be freed */

static void add_free(struct qcow2_frees *f, const struct qcow2_free *x)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->list = mem_resize_array(f->list, f->cap, sizeof(*f->list));
    }
    f->list[f->count++] = *x;
}

void qcow2_free_later(struct block_node *n, uint64_t offset, uint64_t clusters, bool discard)
{
    struct qcow2 *q = n->state;
    struct qcow2_free *last = q->frees.count ? &q->frees.list[q->frees.count - 1] : NULL;
    discard |= q->pass_discard_other;
    if (last && clusters && last->discard == discard &&
        last->offset + (last->clusters << q->cluster_bits) == offset) {
        last->clusters += clusters;
    } else if (clusters) {
        add_free(&q->frees, &(struct qcow2_free){offset, clusters, discard});
        atomic_set_release(&n->dirty, true);
    }
}

void qcow2_free_entry(struct block_node *n, const struct qcow2_entry *e, bool discard)
{
    const struct qcow2 *q = n->state;
    if (e->packed) {
        const uint64_t first = e->place >> q->cluster_bits;
        const uint64_t last = (e->place + e->packed_bytes - 1) >> q->cluster_bits;
        qcow2_free_later(n, first << q->cluster_bits, last - first + 1, discard);
    } else if (e->placed && !q->has_data_file) {
        qcow2_free_later(n, e->place, 1, discard);
    }
}

/* ---- pieces; tables is held */

static struct piece *add_piece(struct flushing *f)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 32;
        f->piece = mem_resize_array(f->piece, f->cap, sizeof(*f->piece));
    }
    f->piece[f->count] = (struct piece){0};
    return &f->piece[f->count++];
}

static bool is_dirty(const struct qcow2_table *t)
{
    return t->dirty_from < t->dirty_to;
}

/* Whole sectors, so that none is read to be written. */
static void take_table(struct flushing *f, struct qcow2_cache *c, struct qcow2_table *t,
                       uint64_t place, bool first)
{
    struct piece *p = add_piece(f);
    p->c = c;
    p->t = t;
    p->from = (uint32_t)align_down(t->dirty_from, BLOCK_SECTOR);
    p->bytes = (uint32_t)align_up(t->dirty_to, BLOCK_SECTOR) - p->from;
    p->place = place + p->from;
    p->first = first;
    p->copy = mem_dup(t->bytes + p->from, p->bytes);
    f->later |= !first;
    t->dirty_from = t->dirty_to = 0;
    t->pins++;
    c->dirty--;
}

static void take_blocks(struct flushing *f)
{
    struct qcow2 *q = f->n->state;
    for (size_t i = 0; q->blocks.dirty && i < q->blocks.buckets; i++) {
        for (struct qcow2_table *t = q->blocks.bucket[i]; t; t = t->next) {
            if (is_dirty(t)) {
                take_table(f, &q->blocks, t, q->reftable[t->number] & QCOW2_OFFSET, true);
            }
        }
    }
}

static void take_slices(struct flushing *f)
{
    struct qcow2 *q = f->n->state;
    const unsigned up = q->l1_bits - q->slice_bits;
    for (size_t i = 0; q->l2.dirty && i < q->l2.buckets; i++) {
        for (struct qcow2_table *t = q->l2.bucket[i]; t; t = t->next) {
            if (is_dirty(t)) {
                const uint64_t l1 = t->number >> up, in_table = t->number & mask64(up);
                take_table(f, &q->l2, t, (q->l1[l1] & QCOW2_OFFSET) + in_table * q->l2.table_bytes,
                           q->l1_fresh[l1]);
            }
        }
    }
}

static void take_l1(struct flushing *f)
{
    const struct qcow2 *q = f->n->state;
    const uint64_t per = BLOCK_SECTOR / 8;
    for (uint64_t i = 0; q->l1_fresh_count && i < q->h.l1_size; i++) {
        if (!q->l1_fresh[i]) {
            continue;
        }
        struct piece *p = add_piece(f);
        const uint64_t first = align_down(i, per);
        const uint64_t some = q->h.l1_size - first < per ? q->h.l1_size - first : per;
        p->place = q->h.l1_offset + first * 8;
        p->bytes = (uint32_t)some * 8;
        p->copy = mem_alloc(p->bytes);
        for (uint64_t j = 0; j < some; j++) {
            store_be64(p->copy + j * 8, q->l1[first + j]);
        }
        f->later = true;
        i = first + per - 1;
    }
}

static void put_back(struct flushing *f)
{
    struct qcow2 *q = f->n->state;
    for (size_t i = 0; i < f->count; i++) {
        const struct piece *p = &f->piece[i];
        if (p->t) {
            qcow2_table_touch(f->n, p->c, p->t, p->from, p->bytes);
        }
    }
    for (size_t i = 0; i < f->frees.count; i++) {
        add_free(&q->frees, &f->frees.list[i]);
    }
    f->frees.count = 0;
}

static void release(struct flushing *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->piece[i].t) {
            f->piece[i].t->pins--;
        }
        mem_free(f->piece[i].copy);
    }
    mem_free(f->piece);
    mem_free(f->frees.list);
}

/* ---- writing */

static int write_pieces(struct flushing *f, bool first, bool l1)
{
    const struct qcow2 *q = f->n->state;
    int status = 0;
    for (size_t i = 0; i < f->count && status == 0; i++) {
        const struct piece *p = &f->piece[i];
        if (p->first == first && !p->t == l1) {
            block_debug_event(f->n, l1                   ? "l1_update"
                                    : p->c == &q->blocks ? "refblock_update_part"
                                                         : "l2_update");
            status = block_node_write(f->n->file, p->place, p->copy, p->bytes, 0);
        }
    }
    return status;
}

static int barrier(struct block_node *n)
{
    const struct qcow2 *q = n->state;
    block_debug_event(n, "flush_to_os");
    int status = q->has_data_file && q->data->mode.write ? block_node_flush(q->data) : 0;
    block_debug_event(n, "flush_to_disk");
    return status < 0 ? status : block_node_flush(n->file);
}

static int say_lazy(struct block_node *n)
{
    struct qcow2 *q = n->state;
    if (!q->lazy || (q->h.incompatible & QCOW2_DIRTY)) {
        return 0;
    }
    q->h.incompatible |= QCOW2_DIRTY;
    int status = qcow2_header_update(n);
    if (status < 0) {
        q->h.incompatible &= ~(uint64_t)QCOW2_DIRTY;
    }
    return status;
}

static int write_all(struct flushing *f)
{
    struct qcow2 *q = f->n->state;
    int status = f->later ? say_lazy(f->n) : 0;
    status = status < 0 ? status : write_pieces(f, true, false);
    if (status < 0 || !f->later) {
        return status;
    }
    status = barrier(f->n);
    status = status < 0 ? status : write_pieces(f, false, false);
    status = status < 0 ? status : write_pieces(f, false, true);
    if (status == 0 && q->l1_fresh_count) {
        os_mutex_lock(&f->n->tables);
        memset(q->l1_fresh, 0, q->h.l1_size);
        q->l1_fresh_count = 0;
        os_mutex_unlock(&f->n->tables);
    }
    return status;
}

int qcow2_blocks_write(struct block_node *n)
{
    struct flushing f = {.n = n};
    os_mutex_lock(&n->tables);
    take_blocks(&f);
    os_mutex_unlock(&n->tables);
    int status = write_pieces(&f, true, false);
    os_mutex_lock(&n->tables);
    if (status < 0) {
        put_back(&f);
    }
    release(&f);
    os_mutex_unlock(&n->tables);
    return status;
}

/* ---- frees */

/* Gives the host's room back, of clusters that are nobody's. It is no error if that fails. */
static void discard_run(struct block_node *n, uint64_t *offset, uint64_t *bytes)
{
    if (*bytes) {
        block_debug_event(n, "cluster_free");
        block_node_discard(n->file, *offset, *bytes);
        *bytes = 0;
    }
}

static int free_one(struct block_node *n, const struct qcow2_free *x, uint64_t *run,
                    uint64_t *run_bytes)
{
    const struct qcow2 *q = n->state;
    for (uint64_t i = 0; i < x->clusters; i++) {
        const uint64_t offset = x->offset + (i << q->cluster_bits);
        uint64_t count = 1;
        int status = qcow2_refcount_add(n, offset >> q->cluster_bits, 1, -1);
        status = status < 0 || !x->discard
                     ? status
                     : qcow2_refcount_get(n, offset >> q->cluster_bits, &count);
        if (status < 0) {
            return status;
        }
        if (count == 0) {
            if (*run_bytes && *run + *run_bytes != offset) {
                discard_run(n, run, run_bytes);
            }
            *run = *run_bytes ? *run : offset;
            *run_bytes += q->cluster_bytes;
        }
    }
    return 0;
}

/* What fails half-way is a leak. */
static int apply_frees(struct flushing *f)
{
    struct qcow2 *q = f->n->state;
    uint64_t run = 0, run_bytes = 0;
    if (!f->frees.count) {
        return 0;
    }
    int status = barrier(f->n);
    if (status < 0) {
        os_mutex_lock(&f->n->tables);
        for (size_t i = 0; i < f->frees.count; i++) {
            add_free(&q->frees, &f->frees.list[i]);
        }
        os_mutex_unlock(&f->n->tables);
        return status;
    }
    for (size_t i = 0; i < f->frees.count && status == 0; i++) {
        status = free_one(f->n, &f->frees.list[i], &run, &run_bytes);
    }
    discard_run(f->n, &run, &run_bytes);
    return status < 0 || q->lazy ? status : qcow2_blocks_write(f->n);
}

/* ---- flushes */

int qcow2_flush(struct block_node *n)
{
    struct qcow2 *q = n->state;
    struct flushing f = {.n = n};
    if (atomic_get(&q->corrupt)) {
        return -EIO;
    }
    os_mutex_lock(&n->tables);
    if (!q->lazy) {
        take_blocks(&f);
    }
    take_slices(&f);
    take_l1(&f);
    f.frees = q->frees;
    q->frees = (struct qcow2_frees){0};
    os_mutex_unlock(&n->tables);
    int status = write_all(&f);
    if (status == 0) {
        status = apply_frees(&f);
    } else {
        os_mutex_lock(&n->tables);
        put_back(&f);
        os_mutex_unlock(&n->tables);
    }
    os_mutex_lock(&n->tables);
    release(&f);
    /* What the hot way has done since is another flush's. */
    atomic_set_release(&n->dirty, status < 0 || q->l2.dirty || q->l1_fresh_count ||
                                      q->frees.count || (!q->lazy && q->blocks.dirty));
    os_mutex_unlock(&n->tables);
    return status;
}

/* Lazy or not. */
int qcow2_commit(struct block_node *n)
{
    int status = qcow2_blocks_write(n);
    status = status < 0 ? status : qcow2_flush(n);
    status = status < 0 ? status : qcow2_blocks_write(n);
    return status < 0 ? status : barrier(n);
}

int qcow2_make_room(struct block_node *n)
{
    struct qcow2 *q = n->state;
    os_mutex_lock(&n->tables);
    const bool full = !q->l2.whole && q->l2.count >= q->l2.limit;
    const bool flush = (full && q->l2.dirty * 4 > q->l2.limit * 3) || q->frees.count > FREES_MANY;
    const bool blocks = q->blocks.dirty * 2 > q->blocks.limit;
    os_mutex_unlock(&n->tables);
    if (flush) {
        return qcow2_flush(n);
    }
    return blocks ? qcow2_blocks_write(n) : 0;
}
