/* SPDX-License-Identifier: MIT */
/*
 * Internal snapshots of qcow2: each has an L1 table of its own, and a reference to all that this
 * one leads to. References are counted before a table that has them is the image's, and given back
 * after it is no more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "block/qcow2.h"

#define FIXED_BYTES 40u
#define EXTRA_BYTES 24u
#define NAME_MAX_BYTES 65535u

/* ---- the table */

static void free_one(struct qcow2_snapshot *s)
{
    mem_free(s->s.id);
    mem_free(s->s.name);
    mem_free(s->more);
}

void qcow2_snapshots_free(struct qcow2 *q)
{
    for (uint32_t i = 0; q->snapshot && i < q->h.snapshots; i++) {
        free_one(&q->snapshot[i]);
    }
    mem_free(q->snapshot);
    q->snapshot = NULL;
}

static char *text_at(const uint8_t *p, size_t n)
{
    return mem_printf("%.*s", (int)n, (const char *)p);
}

static void take_fixed(const uint8_t *p, struct qcow2_snapshot *s)
{
    s->l1_offset = load_be64(p);
    s->l1_size = load_be32(p + 8);
    s->s.date_s = load_be32(p + 16);
    s->s.date_ns = load_be32(p + 20);
    s->s.vm_clock_ns = load_be64(p + 24);
    s->s.vm_state_bytes = load_be32(p + 32);
    s->s.icount = UINT64_MAX;
}

static void take_extra(const uint8_t *p, uint32_t bytes, struct qcow2_snapshot *s)
{
    if (bytes >= 8) {
        s->s.vm_state_bytes = load_be64(p);
    }
    if (bytes >= 16) {
        s->s.disk_bytes = load_be64(p + 8);
    }
    if (bytes >= 24) {
        s->s.icount = load_be64(p + 16);
    }
    if (bytes > EXTRA_BYTES) {
        s->more = mem_dup(p + EXTRA_BYTES, bytes - EXTRA_BYTES);
        s->more_bytes = bytes - EXTRA_BYTES;
    }
}

/* Reads one at *at, and moves behind it. */
static int read_one(struct block_node *n, uint64_t *at, struct qcow2_snapshot *s)
{
    const struct qcow2 *q = n->state;
    uint8_t fixed[FIXED_BYTES];
    int status = block_node_read(n->file, *at, fixed, sizeof(fixed));
    if (status < 0) {
        return status;
    }
    const uint32_t extra = load_be32(fixed + 36);
    const size_t id = load_be16(fixed + 12), name = load_be16(fixed + 14);
    if (extra > QCOW2_SNAPSHOT_EXTRA_MAX) {
        return -EFBIG;
    }
    uint8_t *rest = mem_alloc(extra + id + name);
    take_fixed(fixed, s);
    s->s.disk_bytes = q->h.size;
    status = block_node_read(n->file, *at + FIXED_BYTES, rest, extra + id + name);
    take_extra(rest, extra, s);
    s->s.id = text_at(rest + extra, id);
    s->s.name = text_at(rest + extra + id, name);
    *at += align_up(FIXED_BYTES + extra + id + name, 8);
    mem_free(rest);
    if ((uint64_t)s->l1_size * 8 > QCOW2_L1_MAX || !is_aligned(s->l1_offset, q->cluster_bytes) ||
        s->l1_offset > QCOW2_OFFSET || s->s.disk_bytes > INT64_MAX - BLOCK_SECTOR ||
        qcow2_l1_entries(q, s->s.disk_bytes) > s->l1_size) {
        return -EINVAL;
    }
    return status;
}

bool qcow2_snapshots_read(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    const uint64_t file = block_node_size(n->file);
    uint64_t at = q->h.snapshots_offset;
    if (!q->h.snapshots) {
        q->h.snapshots_offset = 0;
        return true;
    }
    if (at > file || (uint64_t)q->h.snapshots * FIXED_BYTES > file - at) {
        return error_set(e, "%s: qcow2: the table of snapshots lies outside of the file",
                         block_node_file(n));
    }
    q->snapshot = mem_array(q->h.snapshots, sizeof(*q->snapshot));
    for (uint32_t i = 0; i < q->h.snapshots; i++) {
        int status = read_one(n, &at, &q->snapshot[i]);
        if (status < 0) {
            return error_set(e, "%s: qcow2: snapshot %u of %u cannot be read: %s",
                             block_node_file(n), i + 1, q->h.snapshots, strerror(-status));
        }
    }
    q->snapshots_bytes = (size_t)(at - q->h.snapshots_offset);
    return true;
}

static void put_one(struct strbuf *out, const struct qcow2_snapshot *s)
{
    static const char zeros[8];
    uint8_t p[FIXED_BYTES + EXTRA_BYTES];
    const size_t id = strlen(s->s.id), name = strlen(s->s.name);
    const uint64_t state = s->s.vm_state_bytes;
    store_be64(p, s->l1_offset);
    store_be32(p + 8, s->l1_size);
    store_be16(p + 12, (uint16_t)id);
    store_be16(p + 14, (uint16_t)name);
    store_be32(p + 16, s->s.date_s);
    store_be32(p + 20, s->s.date_ns);
    store_be64(p + 24, s->s.vm_clock_ns);
    store_be32(p + 32, state > UINT32_MAX ? 0 : (uint32_t)state);
    store_be32(p + 36, EXTRA_BYTES + s->more_bytes);
    store_be64(p + 40, state);
    store_be64(p + 48, s->s.disk_bytes);
    store_be64(p + 56, s->s.icount);
    strbuf_bytes(out, p, sizeof(p));
    strbuf_bytes(out, s->more, s->more_bytes);
    strbuf_bytes(out, s->s.id, id);
    strbuf_bytes(out, s->s.name, name);
    strbuf_bytes(out, zeros, align_up(out->len, 8) - out->len);
}

/* The image has these snapshots from now on. The old table is freed by the next flush. */
static int write_table(struct block_node *n, const struct qcow2_snapshot *list, uint32_t count)
{
    struct qcow2 *q = n->state;
    const struct qcow2_header old = q->h;
    struct strbuf out = {0};
    uint64_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        put_one(&out, &list[i]);
    }
    int status = 0;
    if (count) {
        status = qcow2_alloc(n, qcow2_clusters(q, out.len), &offset);
        status = status < 0 ? status : block_node_write(n->file, offset, out.text, out.len, 0);
    }
    status = status < 0 ? status : qcow2_commit(n);
    if (status == 0) {
        q->h.snapshots = count;
        q->h.snapshots_offset = offset;
        status = qcow2_header_update(n);
        status = status < 0 ? status : block_node_flush(n->file);
    }
    if (status < 0) {
        q->h.snapshots = old.snapshots;
        q->h.snapshots_offset = old.snapshots_offset;
    } else {
        os_mutex_lock(&n->tables);
        qcow2_free_later(n, old.snapshots_offset, qcow2_clusters(q, q->snapshots_bytes), false);
        os_mutex_unlock(&n->tables);
        q->snapshots_bytes = out.len;
    }
    strbuf_free(&out);
    return status;
}

bool qcow2_snapshots(struct block_node *n, struct block_snapshot **list, size_t *count,
                     struct error *e)
{
    const struct qcow2 *q = n->state;
    (void)e;
    *count = q->h.snapshots;
    *list = mem_array(*count, sizeof(**list));
    for (size_t i = 0; i < *count; i++) {
        (*list)[i] = q->snapshot[i].s;
        (*list)[i].id = mem_strdup(q->snapshot[i].s.id);
        (*list)[i].name = mem_strdup(q->snapshot[i].s.name);
    }
    return true;
}

/* ---- all that an L1 table leads to */

struct visit {
    struct block_node *n;
    int by;     /* to references; 0: none */
    bool marks; /* COPIED is made to say what the refcount is */
    bool discard;
    uint8_t *table;
    uint64_t done; /* entries of L1 that were counted */
};

static int visit_entry(struct visit *v, struct qcow2_entry *e)
{
    struct qcow2 *q = v->n->state;
    uint64_t count = 0;
    int status = 0;
    if (e->bad) {
        return qcow2_set_corrupt(v->n, "a cluster is not where clusters are");
    }
    if (v->by < 0) {
        os_mutex_lock(&v->n->tables);
        qcow2_free_entry(v->n, e, v->discard);
        os_mutex_unlock(&v->n->tables);
    } else if (v->by > 0 && e->packed) {
        const uint64_t first = e->place >> q->cluster_bits;
        const uint64_t last = (e->place + e->packed_bytes - 1) >> q->cluster_bits;
        status = qcow2_refcount_add(v->n, first, last - first + 1, 1);
    } else if (v->by > 0 && e->placed) {
        status = qcow2_refcount_add(v->n, e->place >> q->cluster_bits, 1, 1);
    }
    if (status == 0 && v->marks && e->placed && !e->packed) {
        status = qcow2_refcount_get(v->n, e->place >> q->cluster_bits, &count);
        e->copied = count == 1;
    }
    return status;
}

/* Undoes what was counted of a table before it failed. */
static void unvisit_entries(struct visit *v, uint64_t entries)
{
    const struct qcow2 *q = v->n->state;
    os_mutex_lock(&v->n->tables);
    for (uint64_t i = 0; i < entries; i++) {
        struct qcow2_entry e;
        qcow2_entry_get(q, v->table, i, &e);
        qcow2_free_entry(v->n, &e, false);
    }
    os_mutex_unlock(&v->n->tables);
}

static int visit_l2(struct visit *v, uint64_t l2)
{
    struct qcow2 *q = v->n->state;
    bool changed = false;
    int status = qcow2_offset_is_good(q, l2)
                     ? block_node_read(v->n->file, l2, v->table, q->cluster_bytes)
                     : qcow2_set_corrupt(v->n, "an L2 table is not aligned to clusters");
    for (uint64_t i = 0; i < q->cluster_bytes / q->entry_bytes && status == 0; i++) {
        struct qcow2_entry e;
        qcow2_entry_get(q, v->table, i, &e);
        const bool was = e.copied;
        status = visit_entry(v, &e);
        if (status < 0 && v->by > 0) {
            unvisit_entries(v, i);
        }
        if (e.copied != was) {
            qcow2_entry_put(q, v->table, i, &e);
            changed = true;
        }
    }
    if (status == 0 && changed) {
        status = block_node_write(v->n->file, l2, v->table, q->cluster_bytes, 0);
    }
    return status < 0 ? status : qcow2_make_room(v->n);
}

/* The entries' own marks follow, too; who has the table writes it. */
static int visit(struct visit *v, uint64_t *l1, uint64_t entries)
{
    const struct qcow2 *q = v->n->state;
    int status = 0;
    v->table = mem_alloc(q->cluster_bytes);
    for (v->done = 0; v->done < entries && status == 0; v->done += status == 0) {
        const uint64_t l2 = l1[v->done] & QCOW2_OFFSET;
        uint64_t count = 0;
        if (!l2) {
            continue;
        }
        status = visit_l2(v, l2);
        if (status == 0 && v->by < 0) {
            os_mutex_lock(&v->n->tables);
            qcow2_free_later(v->n, l2, 1, v->discard);
            os_mutex_unlock(&v->n->tables);
        } else if (status == 0 && v->by > 0) {
            status = qcow2_refcount_add(v->n, l2 >> q->cluster_bits, 1, 1);
        }
        if (status == 0 && v->marks) {
            status = qcow2_refcount_get(v->n, l2 >> q->cluster_bits, &count);
            l1[v->done] = l2 | (count == 1 ? QCOW2_COPIED : 0);
        }
    }
    mem_free(v->table);
    return status;
}

static int count_up(struct block_node *n, uint64_t *l1, uint64_t entries)
{
    struct visit v = {.n = n, .by = 1};
    int status = visit(&v, l1, entries);
    if (status < 0) {
        struct visit back = {.n = n, .by = -1};
        visit(&back, l1, v.done);
    }
    return status < 0 ? status : qcow2_commit(n);
}

static int count_down(struct block_node *n, uint64_t *l1, uint64_t entries, bool discard)
{
    struct visit v = {.n = n, .by = -1, .discard = discard};
    int status = visit(&v, l1, entries);
    return status < 0 ? status : qcow2_commit(n);
}

static int fix_marks(struct block_node *n, uint64_t *l1, uint64_t entries)
{
    struct visit v = {.n = n, .marks = true};
    return visit(&v, l1, entries);
}

/* ---- steps */

static void forget_cached(struct block_node *n)
{
    struct qcow2 *q = n->state;
    os_mutex_lock(&n->tables);
    qcow2_pool_drop(q);
    qcow2_cache_drop_all(&q->l2);
    os_mutex_unlock(&n->tables);
}

/* All is on the disk, and memory has no other word. */
static bool begin(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    if (!n->mode.write) {
        return error_set(e, "%s is read-only", block_node_file(n));
    }
    if (q->has_data_file) {
        return error_set(e, "%s has an external data file, and so no snapshots",
                         block_node_file(n));
    }
    int status = qcow2_commit(n);
    forget_cached(n);
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

static bool failed(const struct block_node *n, const char *what, int status, struct error *e)
{
    if (status == -ERANGE) {
        const struct qcow2 *q = n->state;
        return error_set(e, "%s: %s: refcounts of %u bits cannot count one more (refcount_bits)",
                         block_node_file(n), what, q->refcount_bits);
    }
    return status == 0 || error_set(e, "%s: %s: %s", block_node_file(n), what, strerror(-status));
}

static struct qcow2_snapshot *find(const struct block_node *n, const char *which, struct error *e)
{
    const struct qcow2 *q = n->state;
    for (int by_name = 0; by_name < 2; by_name++) {
        for (uint32_t i = 0; i < q->h.snapshots; i++) {
            const struct block_snapshot *s = &q->snapshot[i].s;
            if (strcmp(by_name ? s->name : s->id, which) == 0) {
                return &q->snapshot[i];
            }
        }
    }
    error_set(e, "%s has no snapshot '%s'", block_node_file(n), which);
    return NULL;
}

static char *choose_id(const struct qcow2 *q, const char *wanted)
{
    unsigned long most = 0;
    for (uint32_t i = 0; i < q->h.snapshots; i++) {
        const unsigned long id = strtoul(q->snapshot[i].s.id, NULL, 10);
        most = id > most && id < UINT32_MAX ? id : most;
    }
    return wanted ? mem_strdup(wanted) : mem_printf("%lu", most + 1);
}

/* ---- create */

static int write_active(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = fix_marks(n, q->l1, q->h.l1_size);
    status = status < 0 ? status : qcow2_l1_write(n, q->h.l1_offset, q->h.l1_size, q->l1);
    return status < 0 ? status : block_node_flush(n->file);
}

static int add_snapshot(struct block_node *n, struct qcow2_snapshot *s)
{
    struct qcow2 *q = n->state;
    const uint64_t clusters = qcow2_clusters(q, (uint64_t)q->h.l1_size * 8);
    s->l1_size = q->h.l1_size;
    int status = clusters ? qcow2_alloc(n, clusters, &s->l1_offset) : 0;
    status = status < 0 ? status : qcow2_l1_write(n, s->l1_offset, s->l1_size, q->l1);
    status = status < 0 ? status : count_up(n, q->l1, q->h.l1_size);
    if (status < 0) {
        os_mutex_lock(&n->tables);
        qcow2_free_later(n, s->l1_offset, s->l1_offset ? clusters : 0, false);
        os_mutex_unlock(&n->tables);
        return status;
    }
    status = write_active(n);
    if (status == 0) {
        q->snapshot = mem_resize_array(q->snapshot, q->h.snapshots + 1, sizeof(*q->snapshot));
        q->snapshot[q->h.snapshots] = *s;
        status = write_table(n, q->snapshot, q->h.snapshots + 1);
    }
    return status;
}

bool qcow2_snapshot_create(struct block_node *n, const struct block_snapshot *s, struct error *e)
{
    struct qcow2 *q = n->state;
    if (q->h.snapshots >= QCOW2_SNAPSHOTS_MAX || strlen(s->name ? s->name : "") > NAME_MAX_BYTES) {
        return error_set(e,
                         "%s: at most 65536 snapshots, with names of at most 65535 bytes, are "
                         "accepted",
                         block_node_file(n));
    }
    if (!begin(n, e)) {
        return false;
    }
    struct qcow2_snapshot copy = {.s = *s};
    copy.s.id = choose_id(q, s->id);
    copy.s.name = mem_strdup(s->name ? s->name : "");
    copy.s.disk_bytes = q->h.size;
    int status = add_snapshot(n, &copy);
    if (status < 0) {
        qcow2_commit(n);
        free_one(&copy);
        forget_cached(n);
        return failed(n, "the snapshot cannot be made", status, e);
    }
    /* The state is the snapshot's alone. */
    status = qcow2_drop(n, q->state_base, align_up(s->vm_state_bytes, q->cluster_bytes));
    status = status < 0 ? status : qcow2_commit(n);
    return failed(n, "the snapshot was made", status, e);
}

/* ---- apply */

static int switch_l1(struct block_node *n, uint64_t *l1, uint64_t entries, uint64_t disk_bytes)
{
    struct qcow2 *q = n->state;
    const struct qcow2_header old = q->h;
    const uint64_t clusters = qcow2_clusters(q, entries * 8);
    uint64_t offset = 0;
    int status = clusters ? qcow2_alloc(n, clusters, &offset) : 0;
    status = status < 0 ? status : fix_marks(n, l1, entries);
    status = status < 0 ? status : qcow2_l1_write(n, offset, entries, l1);
    status = status < 0 ? status : qcow2_commit(n);
    if (status == 0) {
        q->h.l1_offset = offset;
        q->h.l1_size = (uint32_t)entries;
        q->h.size = disk_bytes;
        status = qcow2_header_update(n);
        status = status < 0 ? status : block_node_flush(n->file);
    }
    if (status < 0) {
        q->h.l1_offset = old.l1_offset;
        q->h.l1_size = old.l1_size;
        q->h.size = old.size;
    }
    return status;
}

static int apply(struct block_node *n, const struct qcow2_snapshot *s)
{
    struct qcow2 *q = n->state;
    uint64_t *old = q->l1, old_offset = q->h.l1_offset;
    const uint32_t old_size = q->h.l1_size;
    uint64_t *l1 = mem_try_array(s->l1_size, 8);
    int status = l1 ? qcow2_l1_read(n, s->l1_offset, s->l1_size, l1) : -ENOMEM;
    status = status < 0 ? status : count_up(n, l1, s->l1_size);
    status = status < 0 ? status : switch_l1(n, l1, s->l1_size, s->s.disk_bytes);
    if (status < 0) {
        mem_free(l1);
        return status;
    }
    os_mutex_lock(&n->tables);
    q->l1 = l1;
    mem_free(q->l1_fresh);
    q->l1_fresh = mem_alloc(s->l1_size);
    q->l1_fresh_count = 0;
    q->state_base = qcow2_l1_entries(q, q->h.size) << q->l1_bits;
    qcow2_free_later(n, old_offset, qcow2_clusters(q, (uint64_t)old_size * 8), false);
    os_mutex_unlock(&n->tables);
    atomic_set(&n->size_bytes, align_up(q->h.size, BLOCK_SECTOR));
    qcow2_fit_cache(n);
    status = count_down(n, old, old_size, false);
    mem_free(old);
    return status;
}

/* For the bitmaps that record, all of the disk changes. */
static int mark_all(struct block_node *n, uint64_t bytes)
{
    struct qcow2 *q = n->state;
    int status = qcow2_bitmaps_begin(n);
    os_mutex_lock(&n->tables);
    if (status == 0 && bytes) {
        qcow2_bitmaps_mark(q, 0, bytes);
    }
    os_mutex_unlock(&n->tables);
    return status;
}

bool qcow2_snapshot_apply(struct block_node *n, const char *which, struct error *e)
{
    const struct qcow2_snapshot *s = find(n, which, e);
    const uint64_t bytes = s ? align_up(s->s.disk_bytes, BLOCK_SECTOR) : 0;
    struct error why;
    if (!s || !begin(n, e) || !qcow2_bitmaps_resize_begin(n, bytes, e)) {
        return false;
    }
    forget_cached(n);
    int status = mark_all(n, bytes > n->size_bytes ? bytes : n->size_bytes);
    status = status < 0 ? status : apply(n, s);
    forget_cached(n);
    const bool good = qcow2_bitmaps_resize_end(n, &why);
    if (status == 0 && !good) {
        *e = why;
    }
    return failed(n, "the snapshot cannot be applied", status, e) && good;
}

/* ---- delete */

static int take_out(struct block_node *n, uint32_t index)
{
    struct qcow2 *q = n->state;
    struct qcow2_snapshot s = q->snapshot[index];
    const uint32_t rest = q->h.snapshots - index - 1;
    uint64_t *l1 = mem_try_array(s.l1_size, 8);
    int status = l1 ? qcow2_l1_read(n, s.l1_offset, s.l1_size, l1) : -ENOMEM;
    if (status == 0) {
        memmove(&q->snapshot[index], &q->snapshot[index + 1], rest * sizeof(s));
        status = write_table(n, q->snapshot, q->h.snapshots - 1);
        if (status < 0) {
            memmove(&q->snapshot[index + 1], &q->snapshot[index], rest * sizeof(s));
            q->snapshot[index] = s;
        } else {
            free_one(&s);
        }
    }
    if (status == 0) {
        os_mutex_lock(&n->tables);
        qcow2_free_later(n, s.l1_offset, qcow2_clusters(q, (uint64_t)s.l1_size * 8), false);
        os_mutex_unlock(&n->tables);
        status = count_down(n, l1, s.l1_size, q->pass_discard_snapshot);
    }
    status = status < 0 ? status : write_active(n);
    mem_free(l1);
    return status;
}

bool qcow2_snapshot_delete(struct block_node *n, const char *which, struct error *e)
{
    const struct qcow2 *q = n->state;
    const struct qcow2_snapshot *s = find(n, which, e);
    if (!s || !begin(n, e)) {
        return false;
    }
    int status = take_out(n, (uint32_t)(s - q->snapshot));
    forget_cached(n);
    return failed(n, "the snapshot cannot be deleted", status, e);
}
