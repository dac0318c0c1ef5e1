/* SPDX-License-Identifier: MIT */
/*
 * Persistent bitmaps of qcow2: which parts of the disk were written since they were cleared. Those
 * that are enabled are in memory from the first write on, while the image says "in use"; at the end
 * they are stored where they were. A power cut leaves them in use: nobody believes them any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "block/qcow2.h"

#define FIXED_BYTES 24u
#define NAME_MAX_BYTES 1023u
#define BITMAPS_MAX 65535u
#define DIRECTORY_MAX (UINT64_C(64) << 20)
#define BITS_MAX (UINT64_C(512) << 20) /* bytes */
#define TABLE_ONES UINT64_C(1)

enum { /* flags */
    IN_USE = 1,
    AUTO = 2,
    COMPATIBLE = 4,
};

struct qcow2_bitmap {
    char *name;
    uint64_t table_offset;
    uint32_t table_size, flags; /* entries; as on the disk, but for those in use by us */
    unsigned granularity;       /* bits */
    uint8_t type;
    uint8_t *extra;
    uint32_t extra_bytes;
    bool broken;   /* in use by somebody who is gone, or of a kind that we do not know */
    uint8_t *bits; /* in memory; NULL: not */
    uint64_t used; /* bits that the disk has, where they are in memory */
};

static bool done(const struct block_node *n, int status, struct error *e)
{
    return status == 0 || error_set(e, "%s: %s", block_node_file(n), strerror(-status));
}

static uint64_t bits_of(const struct qcow2_bitmap *b, uint64_t disk_bytes)
{
    return (disk_bytes >> b->granularity) + ((disk_bytes & mask64(b->granularity)) != 0);
}

static uint64_t bits_bytes(const struct block_node *n, const struct qcow2_bitmap *b)
{
    return (bits_of(b, n->size_bytes) + 7) / 8;
}

static uint64_t table_entries(const struct block_node *n, const struct qcow2_bitmap *b)
{
    const struct qcow2 *q = n->state;
    return qcow2_clusters(q, bits_bytes(n, b));
}

/* The guest's writes are noted in it. */
static bool is_tracked(const struct qcow2_bitmap *b)
{
    return (b->flags & AUTO) && !b->broken;
}

static void free_bitmap(struct qcow2_bitmap *b)
{
    mem_free(b->name);
    mem_free(b->extra);
    mem_free(b->bits);
}

void qcow2_bitmaps_free(struct qcow2 *q)
{
    for (size_t i = 0; i < q->bitmap_count; i++) {
        free_bitmap(&q->bitmap[i]);
    }
    mem_free(q->bitmap);
    q->bitmap = NULL;
    q->bitmap_count = 0;
}

/* ---- the directory */

static bool take_one(const struct block_node *n, const uint8_t *p, uint64_t left, uint64_t *used,
                     struct qcow2_bitmap *b)
{
    const struct qcow2 *q = n->state;
    if (left < FIXED_BYTES) {
        return false;
    }
    const uint32_t name = load_be16(p + 18), extra = load_be32(p + 20);
    *used = align_up(FIXED_BYTES + (uint64_t)extra + name, 8);
    if (*used > left || name == 0 || name > NAME_MAX_BYTES) {
        return false;
    }
    b->table_offset = load_be64(p);
    b->table_size = load_be32(p + 8);
    b->flags = load_be32(p + 12);
    b->type = p[16];
    b->granularity = p[17];
    b->extra = mem_dup(p + FIXED_BYTES, extra);
    b->extra_bytes = extra;
    b->name = mem_printf("%.*s", (int)name, (const char *)p + FIXED_BYTES + extra);
    if (b->granularity < 9 || b->granularity > 31 || b->table_size > BITS_MAX / 512) {
        return false;
    }
    b->broken = (b->flags & (IN_USE | ~7u)) || b->type != 1 ||
                (extra && !(b->flags & COMPATIBLE)) || bits_bytes(n, b) > BITS_MAX ||
                b->table_size != table_entries(n, b) ||
                (b->table_size && !qcow2_offset_is_good(q, b->table_offset));
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct qcow2_bitmap *x = *(struct qcow2_bitmap *const *)a;
    const struct qcow2_bitmap *y = *(struct qcow2_bitmap *const *)b;
    return x->table_offset < y->table_offset ? -1 : x->table_offset > y->table_offset;
}

/* Bitmaps whose tables lie in each other cannot both be right; and what the enabled ones take of
 * memory, all together, has a bound. */
static void refuse_shared(struct qcow2 *q)
{
    struct qcow2_bitmap **all = mem_array(q->bitmap_count, sizeof(struct qcow2_bitmap *));
    struct qcow2_bitmap *farthest = NULL;
    uint64_t end = 0, sum = 0;
    for (size_t i = 0; i < q->bitmap_count; i++) {
        all[i] = &q->bitmap[i];
    }
    qsort(all, q->bitmap_count, sizeof(*all), by_place);
    for (size_t i = 0; i < q->bitmap_count; i++) {
        struct qcow2_bitmap *b = all[i];
        const uint64_t own = b->table_offset + (uint64_t)b->table_size * 8;
        if (b->table_size && b->table_offset < end) {
            b->broken = farthest->broken = true;
        }
        if (own > end) {
            end = own;
            farthest = b;
        }
    }
    for (size_t i = 0; i < q->bitmap_count; i++) {
        struct qcow2_bitmap *b = &q->bitmap[i];
        sum += is_tracked(b) ? (uint64_t)b->table_size << q->cluster_bits : 0;
        b->broken |= is_tracked(b) && sum > 2 * BITS_MAX;
    }
    mem_free(all);
}

static bool parse(struct block_node *n, const uint8_t *p, struct error *e)
{
    struct qcow2 *q = n->state;
    uint64_t at = 0, used;
    q->bitmap = mem_array(q->h.bitmaps, sizeof(*q->bitmap));
    while (q->bitmap_count < q->h.bitmaps) {
        struct qcow2_bitmap *b = &q->bitmap[q->bitmap_count++];
        if (!take_one(n, p + at, q->h.bitmaps_bytes - at, &used, b)) {
            return error_set(e, "%s: qcow2: bitmap %zu of %u makes no sense", block_node_file(n),
                             q->bitmap_count, q->h.bitmaps);
        }
        at += used;
    }
    refuse_shared(q);
    for (size_t i = 0; i < q->bitmap_count; i++) {
        q->bitmaps_track |= is_tracked(&q->bitmap[i]);
    }
    return true;
}

bool qcow2_bitmaps_read(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    if (!(q->h.autoclear & QCOW2_BITMAPS)) { /* somebody wrote who did not know of them */
        q->h.bitmaps = 0;
    }
    if (!q->h.bitmaps) {
        return true;
    }
    const uint64_t file = block_node_size(n->file), at = q->h.bitmaps_offset;
    if (q->h.bitmaps > BITMAPS_MAX || q->h.bitmaps_bytes > DIRECTORY_MAX || at > file ||
        q->h.bitmaps_bytes > file - at || !qcow2_offset_is_good(q, at)) {
        return error_set(e, "%s: qcow2: the directory of bitmaps lies outside of the file",
                         block_node_file(n));
    }
    uint8_t *bytes = mem_try_alloc((size_t)q->h.bitmaps_bytes);
    int status = bytes ? block_node_read(n->file, at, bytes, (size_t)q->h.bitmaps_bytes) : -ENOMEM;
    bool good = status == 0
                    ? parse(n, bytes, e)
                    : error_set(e, "%s: qcow2: bitmaps: %s", block_node_file(n), strerror(-status));
    mem_free(bytes);
    return good;
}

static void put_directory(const struct qcow2 *q, struct strbuf *out)
{
    static const char zeros[8];
    for (size_t i = 0; i < q->bitmap_count; i++) {
        const struct qcow2_bitmap *b = &q->bitmap[i];
        uint8_t p[FIXED_BYTES];
        store_be64(p, b->table_offset);
        store_be32(p + 8, b->table_size);
        store_be32(p + 12, b->flags);
        p[16] = b->type;
        p[17] = (uint8_t)b->granularity;
        store_be16(p + 18, (uint16_t)strlen(b->name));
        store_be32(p + 20, b->extra_bytes);
        strbuf_bytes(out, p, sizeof(p));
        strbuf_bytes(out, b->extra, b->extra_bytes);
        strbuf_bytes(out, b->name, strlen(b->name));
        strbuf_bytes(out, zeros, align_up(out->len, 8) - out->len);
    }
}

/* Flags have changed, and nothing else. */
static int write_flags(struct block_node *n)
{
    struct qcow2 *q = n->state;
    struct strbuf out = {0};
    put_directory(q, &out);
    int status = out.len == q->h.bitmaps_bytes
                     ? block_node_write(n->file, q->h.bitmaps_offset, out.text, out.len, 0)
                     : -EIO;
    strbuf_free(&out);
    return status < 0 ? status : block_node_flush(n->file);
}

static uint64_t directory_clusters(const struct qcow2 *q)
{
    return q->h.bitmaps ? qcow2_clusters(q, q->h.bitmaps_bytes) : 0;
}

/* The list has changed: another directory, and the header that leads to it. */
static bool write_directory(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_header h = q->h;
    const uint64_t old = q->h.bitmaps_offset, before = directory_clusters(q);
    struct strbuf out = {0};
    uint64_t offset = 0;
    int status = 0;
    put_directory(q, &out);
    if (out.len) {
        status = qcow2_alloc(n, qcow2_clusters(q, out.len), &offset);
        status = status < 0 ? status : block_node_write(n->file, offset, out.text, out.len, 0);
    }
    status = status < 0 ? status : qcow2_commit(n);
    h.bitmaps = (uint32_t)q->bitmap_count;
    h.bitmaps_bytes = out.len;
    h.bitmaps_offset = offset;
    h.autoclear = (h.autoclear & ~(uint64_t)QCOW2_BITMAPS) | (out.len ? QCOW2_BITMAPS : 0);
    strbuf_free(&out);
    if (!done(n, status, e) || !qcow2_header_rewrite(n, &h, n->backing_file, e)) {
        return false;
    }
    q->h = h;
    status = block_node_flush(n->file);
    os_mutex_lock(&n->tables);
    qcow2_free_later(n, old, before, false);
    os_mutex_unlock(&n->tables);
    return done(n, status < 0 ? status : qcow2_commit(n), e);
}

/* ---- tables and bits */

static uint64_t *read_table(struct block_node *n, const struct qcow2_bitmap *b)
{
    uint64_t *table = mem_try_array(b->table_size, 8);
    if (table && qcow2_l1_read(n, b->table_offset, b->table_size, table) < 0) {
        mem_free(table);
        table = NULL;
    }
    return table;
}

/* Those behind the disk's end are nobody's. */
static void clear_tail(struct qcow2_bitmap *b, uint64_t from, uint64_t bytes)
{
    if (from / 8 < bytes && from % 8) {
        b->bits[from / 8] &= (uint8_t)mask64(from % 8);
    }
    const uint64_t whole = (from + 7) / 8;
    memset(b->bits + whole, 0, whole < bytes ? (size_t)(bytes - whole) : 0);
}

static int load_bits(struct block_node *n, struct qcow2_bitmap *b)
{
    const struct qcow2 *q = n->state;
    if (b->bits) {
        return 0;
    }
    uint64_t *table = read_table(n, b);
    uint8_t *bits = mem_try_alloc((size_t)b->table_size << q->cluster_bits);
    int status = table && bits ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < b->table_size && status == 0; i++) {
        uint8_t *to = bits + ((size_t)i << q->cluster_bits);
        const uint64_t at = table[i] & QCOW2_OFFSET;
        if (at && !qcow2_offset_is_good(q, at)) {
            status = -EIO;
        } else if (at) {
            status = block_node_read(n->file, at, to, q->cluster_bytes);
        } else {
            memset(to, table[i] & TABLE_ONES ? 0xff : 0, q->cluster_bytes);
        }
    }
    mem_free(table);
    if (status < 0) {
        mem_free(bits);
        return status;
    }
    b->bits = bits;
    b->used = bits_of(b, n->size_bytes);
    clear_tail(b, b->used, (uint64_t)b->table_size << q->cluster_bits);
    return 0;
}

/* In place: the image says that the bitmap is in use. */
static int store_bits(struct block_node *n, struct qcow2_bitmap *b)
{
    const struct qcow2 *q = n->state;
    uint64_t *table = read_table(n, b);
    int status = table ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < b->table_size && status == 0; i++) {
        const uint8_t *from = b->bits + ((size_t)i << q->cluster_bits);
        uint64_t at = table[i] & QCOW2_OFFSET;
        if (!at && block_is_zero(from, q->cluster_bytes)) {
            table[i] = 0;
            continue;
        }
        status = at ? 0 : qcow2_alloc(n, 1, &at);
        status = status < 0 ? status : block_node_write(n->file, at, from, q->cluster_bytes, 0);
        table[i] = at;
    }
    status = status < 0 ? status : qcow2_commit(n); /* refcounts before references */
    status = status < 0 ? status : qcow2_l1_write(n, b->table_offset, b->table_size, table);
    mem_free(table);
    return status < 0 ? status : block_node_flush(n->file);
}

int qcow2_bitmaps_walk(struct block_node *n, void (*fn)(void *, uint64_t, uint64_t), void *opaque)
{
    const struct qcow2 *q = n->state;
    if (q->h.bitmaps) {
        fn(opaque, q->h.bitmaps_offset, q->h.bitmaps_bytes);
    }
    for (size_t i = 0; i < q->bitmap_count; i++) {
        const struct qcow2_bitmap *b = &q->bitmap[i];
        fn(opaque, b->table_offset, (uint64_t)b->table_size * 8);
        uint64_t *table = read_table(n, b);
        if (!table) {
            return -ENOMEM;
        }
        for (uint32_t j = 0; j < b->table_size; j++) {
            if (table[j] & QCOW2_OFFSET) {
                fn(opaque, table[j] & QCOW2_OFFSET, q->cluster_bytes);
            }
        }
        mem_free(table);
    }
    return 0;
}

/* ---- while the guest writes */

void qcow2_bitmaps_mark(struct qcow2 *q, uint64_t offset, uint64_t bytes)
{
    for (size_t i = 0; q->bitmaps_begun && i < q->bitmap_count; i++) {
        const struct qcow2_bitmap *b = &q->bitmap[i];
        const uint64_t last = (offset + bytes - 1) >> b->granularity;
        for (uint64_t at = offset >> b->granularity;
             b->bits && is_tracked(b) && at <= last && at < b->used; at++) {
            b->bits[at / 8] |= (uint8_t)(1 << at % 8);
        }
    }
}

int qcow2_bitmaps_begin(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = 0;
    if (!q->bitmaps_track || q->bitmaps_begun) {
        return 0;
    }
    for (size_t i = 0; i < q->bitmap_count && status == 0; i++) {
        if (is_tracked(&q->bitmap[i])) {
            status = load_bits(n, &q->bitmap[i]);
            q->bitmap[i].flags |= IN_USE;
        }
    }
    status = status < 0 ? status : write_flags(n);
    os_mutex_lock(&n->tables);
    q->bitmaps_begun = status == 0;
    os_mutex_unlock(&n->tables);
    return status;
}

int qcow2_bitmaps_store(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = 0;
    if (!q->bitmaps_begun) {
        return 0;
    }
    for (size_t i = 0; i < q->bitmap_count && status == 0; i++) {
        struct qcow2_bitmap *b = &q->bitmap[i];
        if (is_tracked(b) && b->bits) {
            status = store_bits(n, b);
            b->broken = status < 0; /* the image goes on saying that it is in use */
            b->flags &= ~(uint32_t)(status < 0 ? 0 : IN_USE);
            mem_free(b->bits);
            b->bits = NULL;
        }
    }
    for (size_t i = 0; i < q->bitmap_count && status < 0; i++) { /* those behind it */
        struct qcow2_bitmap *b = &q->bitmap[i];
        b->broken |= b->bits != NULL;
        mem_free(b->bits);
        b->bits = NULL;
    }
    os_mutex_lock(&n->tables);
    q->bitmaps_begun = false;
    os_mutex_unlock(&n->tables);
    return status < 0 ? status : write_flags(n);
}

void qcow2_bitmaps_info(const struct qcow2 *q, json_t *facts)
{
    json_t *all = json_array();
    for (size_t i = 0; i < q->bitmap_count; i++) {
        const struct qcow2_bitmap *b = &q->bitmap[i];
        json_t *flags = json_array();
        if (b->flags & IN_USE) {
            json_array_append_new(flags, json_string("in-use"));
        }
        if (b->flags & AUTO) {
            json_array_append_new(flags, json_string("auto"));
        }
        json_t *one = json_object();
        json_object_set_new(one, "flags", flags);
        json_object_set_new(one, "name", json_string(b->name));
        json_object_set_new(one, "granularity", json_integer((json_int_t)1 << b->granularity));
        json_array_append_new(all, one);
    }
    json_object_set_new(facts, "bitmaps", all);
}

/* ---- what users ask for */

static struct qcow2_bitmap *find(const struct block_node *n, const char *name, struct error *e)
{
    const struct qcow2 *q = n->state;
    for (size_t i = 0; i < q->bitmap_count; i++) {
        if (strcmp(q->bitmap[i].name, name) == 0) {
            return &q->bitmap[i];
        }
    }
    if (e) {
        error_set(e, "%s has no bitmap '%s'", block_node_file(n), name);
    }
    return NULL;
}

/* A table of the disk's size, all zeros, is b's from then on. */
static int make_table(struct block_node *n, struct qcow2_bitmap *b)
{
    const struct qcow2 *q = n->state;
    const uint32_t size = (uint32_t)table_entries(n, b);
    const uint64_t clusters = qcow2_clusters(q, (uint64_t)size * 8);
    uint64_t *zeros = mem_try_array((size_t)size + 1, 8);
    uint64_t offset = 0;
    int status = !zeros ? -ENOMEM : clusters ? qcow2_alloc(n, clusters, &offset) : 0;
    status = status < 0 ? status : qcow2_l1_write(n, offset, size, zeros);
    mem_free(zeros);
    if (status == 0) {
        b->table_offset = offset;
        b->table_size = size;
    }
    return status;
}

static bool add(struct block_node *n, const struct block_bitmap_request *r, struct error *e)
{
    struct qcow2 *q = n->state;
    const uint32_t granularity = r->granularity ? r->granularity : 65536;
    struct qcow2_bitmap b = {.flags = AUTO, .type = 1};
    if (q->h.version < 3) {
        return error_set(e, "%s: qcow2 of version 2 has no bitmaps (amend compat=1.1)",
                         block_node_file(n));
    }
    if (find(n, r->name, NULL) || q->bitmap_count >= BITMAPS_MAX) {
        return error_set(e, "%s has a bitmap '%s' already", block_node_file(n), r->name);
    }
    if (!is_pow2(granularity) || granularity < 512 || granularity > 1u << 31 || !*r->name ||
        strlen(r->name) > NAME_MAX_BYTES) {
        return error_set(e,
                         "bitmap '%s': a name of 1 to 1023 bytes, and a granularity that is a "
                         "power of two from 512 to 2G, are accepted",
                         r->name);
    }
    b.granularity = log2_floor(granularity);
    if (bits_bytes(n, &b) > BITS_MAX) {
        return error_set(e, "bitmap '%s': it would be too large; a larger granularity is accepted",
                         r->name);
    }
    const int status = make_table(n, &b);
    if (status < 0) {
        return done(n, status, e);
    }
    b.name = mem_strdup(r->name);
    b.extra = mem_alloc(0);
    q->bitmap = mem_resize_array(q->bitmap, q->bitmap_count + 1, sizeof(b));
    q->bitmap[q->bitmap_count++] = b;
    return write_directory(n, e);
}

static void free_clusters(struct block_node *n, const struct qcow2_bitmap *b, bool table_too)
{
    const struct qcow2 *q = n->state;
    uint64_t *table = read_table(n, b);
    os_mutex_lock(&n->tables);
    for (uint32_t i = 0; table && i < b->table_size; i++) {
        const uint64_t at = table[i] & QCOW2_OFFSET;
        qcow2_free_later(n, at, qcow2_offset_is_good(q, at), false);
    }
    if (table_too) {
        qcow2_free_later(n, b->table_offset, qcow2_clusters(q, (uint64_t)b->table_size * 8), false);
    }
    os_mutex_unlock(&n->tables);
    mem_free(table);
}

static bool remove_one(struct block_node *n, struct qcow2_bitmap *b, struct error *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_bitmap gone = *b;
    const size_t behind = q->bitmap_count - (size_t)(b - q->bitmap) - 1;
    memmove(b, b + 1, behind * sizeof(*b));
    q->bitmap_count--;
    bool good = write_directory(n, e);
    if (good) {
        free_clusters(n, &gone, true);
        good = done(n, qcow2_commit(n), e);
    }
    free_bitmap(&gone);
    return good;
}

/* The bits are changed in memory; then all is as with a guest's writes. */
static int rewrite(struct block_node *n, struct qcow2_bitmap *b)
{
    const uint32_t flags = b->flags;
    b->flags |= IN_USE;
    int status = write_flags(n);
    status = status < 0 ? status : store_bits(n, b);
    b->flags = flags;
    mem_free(b->bits);
    b->bits = NULL;
    return status < 0 ? status : write_flags(n);
}

static void merge_bits(const struct block_node *n, struct qcow2_bitmap *to,
                       const struct block_node *m, const struct qcow2_bitmap *from)
{
    const uint64_t bits = (m->size_bytes + mask64(from->granularity)) >> from->granularity;
    for (uint64_t i = 0; i < bits; i++) {
        if (!(from->bits[i / 8] >> i % 8 & 1)) {
            continue;
        }
        uint64_t end = (i + 1) << from->granularity;
        end = end < n->size_bytes ? end : n->size_bytes;
        for (uint64_t at = i << from->granularity >> to->granularity << to->granularity; at < end;
             at += UINT64_C(1) << to->granularity) {
            const uint64_t k = at >> to->granularity;
            to->bits[k / 8] |= (uint8_t)(1 << k % 8);
        }
    }
}

static bool merge(struct block_node *n, struct qcow2_bitmap *b,
                  const struct block_bitmap_request *r, struct error *e)
{
    struct block_node *m = block_node_skip_filters(r->from ? r->from : n);
    if (m->driver != n->driver) {
        return error_set(e, "%s is no qcow2 image, and has no bitmaps", block_node_file(m));
    }
    struct qcow2_bitmap *from = find(m, r->from_name, e);
    if (!from) {
        return false;
    }
    if (from->broken || m->size_bytes != n->size_bytes) {
        return error_set(e, "bitmap '%s' of %s: %s", from->name, block_node_file(m),
                         from->broken ? "it was in use when its writer ended, and is not whole"
                                      : "the disks have different sizes");
    }
    int status = load_bits(m, from);
    status = status < 0 ? status : load_bits(n, b);
    if (status == 0 && b != from) {
        merge_bits(n, b, m, from);
    }
    status = status < 0 ? status : rewrite(n, b);
    if (b != from) {
        mem_free(from->bits);
        from->bits = NULL;
    }
    return done(n, status, e);
}

static bool clear(struct block_node *n, struct qcow2_bitmap *b, struct error *e)
{
    const struct qcow2 *q = n->state;
    int status = load_bits(n, b);
    if (status == 0) {
        memset(b->bits, 0, (size_t)b->table_size << q->cluster_bits);
        status = rewrite(n, b);
    }
    return done(n, status, e);
}

static bool set_enabled(struct block_node *n, struct qcow2_bitmap *b, bool on, struct error *e)
{
    b->flags = (b->flags & ~(uint32_t)AUTO) | (on ? AUTO : 0);
    return done(n, write_flags(n), e);
}

static bool act(struct block_node *n, struct qcow2_bitmap *b, const struct block_bitmap_request *r,
                struct error *e)
{
    if (b->broken && r->action != BLOCK_BITMAP_REMOVE) {
        return error_set(e,
                         "bitmap '%s' of %s was in use when its writer ended, and is not whole: "
                         "it can only be removed",
                         b->name, block_node_file(n));
    }
    switch (r->action) {
    case BLOCK_BITMAP_REMOVE:
        return remove_one(n, b, e);
    case BLOCK_BITMAP_CLEAR:
        return clear(n, b, e);
    case BLOCK_BITMAP_MERGE:
        return merge(n, b, r, e);
    default:
        return set_enabled(n, b, r->action == BLOCK_BITMAP_ENABLE, e);
    }
}

bool qcow2_bitmap(struct block_node *n, const struct block_bitmap_request *r, struct error *e)
{
    struct qcow2 *q = n->state;
    if (!n->mode.write) {
        return error_set(e, "%s is read-only", block_node_file(n));
    }
    int status = qcow2_bitmaps_store(n); /* what a guest has changed so far */
    if (status < 0) {
        return done(n, status, e);
    }
    struct qcow2_bitmap *b = NULL;
    bool good = r->action == BLOCK_BITMAP_ADD ? add(n, r, e)
                                              : (b = find(n, r->name, e)) && act(n, b, r, e);
    q->bitmaps_track = false;
    for (size_t i = 0; i < q->bitmap_count; i++) {
        q->bitmaps_track |= is_tracked(&q->bitmap[i]);
    }
    return good;
}

/* ---- another size of the disk: a bitmap is as long as its disk */

static const struct qcow2_bitmap *first_broken(const struct qcow2 *q)
{
    for (size_t i = 0; i < q->bitmap_count; i++) {
        if (q->bitmap[i].broken) {
            return &q->bitmap[i];
        }
    }
    return NULL;
}

/* Room in memory for bits of either size; new ones are zeros. */
static int stretch(const struct block_node *n, struct qcow2_bitmap *b, uint64_t disk_bytes)
{
    const struct qcow2 *q = n->state;
    const uint64_t old = (uint64_t)b->table_size << q->cluster_bits;
    const uint64_t bytes = qcow2_clusters(q, (bits_of(b, disk_bytes) + 7) / 8) << q->cluster_bits;
    if (bytes > BITS_MAX) {
        return -EFBIG;
    }
    if (bytes > old) {
        uint8_t *bits = mem_try_alloc((size_t)bytes);
        if (!bits) {
            return -ENOMEM;
        }
        memcpy(bits, b->bits, (size_t)old);
        mem_free(b->bits);
        b->bits = bits;
    }
    b->used = bits_of(b, disk_bytes);
    clear_tail(b, b->used, bytes > old ? bytes : old);
    return 0;
}

bool qcow2_bitmaps_resize_begin(struct block_node *n, uint64_t disk_bytes, struct error *e)
{
    struct qcow2 *q = n->state;
    const struct qcow2_bitmap *broken = first_broken(q);
    if (!q->bitmap_count || disk_bytes == n->size_bytes) {
        return true;
    }
    if (broken) {
        return error_set(e,
                         "%s has the bitmap '%s', which is not whole: it keeps its size until that "
                         "is removed",
                         block_node_file(n), broken->name);
    }
    int status = qcow2_bitmaps_store(n);
    for (size_t i = 0; i < q->bitmap_count && status == 0; i++) {
        status = load_bits(n, &q->bitmap[i]);
        status = status < 0 ? status : stretch(n, &q->bitmap[i], disk_bytes);
    }
    for (size_t i = 0; i < q->bitmap_count; i++) {
        q->bitmap[i].flags |= status < 0 ? 0 : IN_USE;
    }
    const bool loaded = status == 0;
    status = status < 0 ? status : write_flags(n);
    for (size_t i = 0; i < q->bitmap_count && status < 0; i++) {
        mem_free(q->bitmap[i].bits);
        q->bitmap[i].bits = NULL;
        q->bitmap[i].broken = loaded; /* what the image says of them is not known */
    }
    os_mutex_lock(&n->tables);
    q->bitmaps_begun = status == 0; /* zeros that a longer disk gets are noted */
    os_mutex_unlock(&n->tables);
    return done(n, status, e);
}

/* The bits go to another place, with a table of the disk's size. */
static int move_bits(struct block_node *n, struct qcow2_bitmap *b)
{
    const int status = make_table(n, b);
    return status < 0 ? status : store_bits(n, b);
}

/* None of them can be believed: as the image says. */
static void lose_all(struct qcow2 *q, const struct qcow2_bitmap *old)
{
    for (size_t i = 0; i < q->bitmap_count; i++) {
        q->bitmap[i].table_offset = old[i].table_offset;
        q->bitmap[i].table_size = old[i].table_size;
        q->bitmap[i].flags |= IN_USE;
        q->bitmap[i].broken = true;
    }
}

static int move_all(struct block_node *n)
{
    struct qcow2 *q = n->state;
    int status = 0;
    for (size_t i = 0; i < q->bitmap_count; i++) {
        struct qcow2_bitmap *b = &q->bitmap[i];
        clear_tail(b, bits_of(b, n->size_bytes), table_entries(n, b) << q->cluster_bits);
        status = status < 0 ? status : move_bits(n, b);
        mem_free(b->bits);
        b->bits = NULL;
        b->flags &= ~(uint32_t)IN_USE;
    }
    return status;
}

bool qcow2_bitmaps_resize_end(struct block_node *n, struct error *e)
{
    struct qcow2 *q = n->state;
    if (!q->bitmap_count || !q->bitmap[0].bits) {
        return true;
    }
    struct qcow2_bitmap *old = mem_dup(q->bitmap, q->bitmap_count * sizeof(*old));
    os_mutex_lock(&n->tables);
    q->bitmaps_begun = false;
    os_mutex_unlock(&n->tables);
    bool good = done(n, move_all(n), e) && write_directory(n, e);
    if (!good) {
        lose_all(q, old);
    }
    for (size_t i = 0; i < q->bitmap_count && good; i++) {
        free_clusters(n, &old[i], true);
    }
    mem_free(old);
    return good && done(n, qcow2_commit(n), e);
}
