/* SPDX-License-Identifier: MIT */
/*
 * Compressed clusters of qcow2: raw deflate with a window of 4 KiB, or a zstd frame. They are
 * packed one behind the other, a host cluster has parts of several.
 */
#include <errno.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/qcow2.h"

/* ---- one cluster: bytes written, or 0: it did not become smaller, or is damaged */

static z_stream stream_of(const void *from, size_t bytes, void *to, size_t room)
{
    return (z_stream){.next_in = (Bytef *)(uintptr_t)from,
                      .avail_in = (uInt)bytes,
                      .next_out = to,
                      .avail_out = (uInt)room};
}

/* What packing one cluster takes of memory, kept for the next: each thread that packs has one. */
struct qcow2_packer {
    struct qcow2_packer *next;
    z_stream z;
    bool has_z;
    ZSTD_CCtx *zstd;
};

static struct qcow2_packer *take_packer(struct block_node *n)
{
    struct qcow2 *q = n->state;
    os_mutex_lock(&n->tables);
    struct qcow2_packer *p = q->packers;
    q->packers = p ? p->next : NULL;
    os_mutex_unlock(&n->tables);
    return p ? p : mem_alloc(sizeof(*p));
}

static void put_packer(struct block_node *n, struct qcow2_packer *p)
{
    struct qcow2 *q = n->state;
    os_mutex_lock(&n->tables);
    p->next = q->packers;
    q->packers = p;
    os_mutex_unlock(&n->tables);
}

void qcow2_packers_free(struct qcow2 *q)
{
    while (q->packers) {
        struct qcow2_packer *p = q->packers;
        q->packers = p->next;
        if (p->has_z) {
            deflateEnd(&p->z);
        }
        ZSTD_freeCCtx(p->zstd);
        mem_free(p);
    }
}

static size_t deflate_all(struct qcow2_packer *p, const void *from, size_t bytes, void *to,
                          size_t room)
{
    const z_stream s = stream_of(from, bytes, to, room);
    z_stream *z = &p->z;
    p->has_z = p->has_z || deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9,
                                        Z_DEFAULT_STRATEGY) == Z_OK;
    if (!p->has_z || deflateReset(z) != Z_OK) {
        return 0;
    }
    z->next_in = s.next_in;
    z->avail_in = s.avail_in;
    z->next_out = s.next_out;
    z->avail_out = s.avail_out;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? room - z->avail_out : 0;
}

/* Writers with a larger window than they should have are read, too. */
static size_t inflate_all(const void *from, size_t bytes, void *to, size_t room)
{
    z_stream s = stream_of(from, bytes, to, room);
    if (inflateInit2(&s, -15) != Z_OK) {
        return 0;
    }
    const int result = inflate(&s, Z_FINISH);
    const size_t made = room - s.avail_out;
    inflateEnd(&s);
    return result == Z_STREAM_END || (result == Z_BUF_ERROR && made == room) ? made : 0;
}

static size_t zstd_all(struct qcow2_packer *p, const void *from, size_t bytes, void *to,
                       size_t room)
{
    p->zstd = p->zstd ? p->zstd : ZSTD_createCCtx();
    const size_t made = p->zstd
                            ? ZSTD_compressCCtx(p->zstd, to, room, from, bytes, ZSTD_CLEVEL_DEFAULT)
                            : 0;
    return ZSTD_isError(made) ? 0 : made;
}

/* Behind the frame are bytes of others. */
static size_t unzstd_all(const void *from, size_t bytes, void *to, size_t room)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = {from, bytes, 0};
    ZSTD_outBuffer out = {to, room, 0};
    while (d && out.pos < room) {
        const size_t before = in.pos + out.pos;
        if (ZSTD_isError(ZSTD_decompressStream(d, &out, &in)) || in.pos + out.pos == before) {
            break;
        }
    }
    ZSTD_freeDCtx(d);
    return out.pos;
}

static bool unpack(const struct qcow2 *q, const void *from, size_t bytes, void *to)
{
    const size_t room = q->cluster_bytes;
    return (q->h.compression == QCOW2_ZSTD ? unzstd_all(from, bytes, to, room)
                                           : inflate_all(from, bytes, to, room)) == room;
}

int qcow2_decode(struct block_node *n, uint64_t offset, const struct block_extent *x, void *bytes,
                 size_t length)
{
    const struct qcow2 *q = n->state;
    const size_t in = (size_t)(offset & (q->cluster_bytes - 1));
    const bool whole = length == q->cluster_bytes;
    uint8_t *packed = mem_try_alloc(x->packed_bytes);
    uint8_t *cluster = whole ? bytes : mem_try_alloc(q->cluster_bytes);
    int status = packed && cluster && in + length <= q->cluster_bytes ? 0 : -ENOMEM;
    block_debug_event(n, "read_compressed");
    status = status < 0 ? status : block_node_read(n->file, x->offset, packed, x->packed_bytes);
    if (status == 0 && !unpack(q, packed, x->packed_bytes, cluster)) {
        status = -EIO;
    }
    if (status == 0 && !whole) {
        memcpy(bytes, cluster + in, length);
    }
    mem_free(packed);
    if (!whole) {
        mem_free(cluster);
    }
    return status;
}

/* ---- writing */

static int link_packed(struct block_node *n, uint64_t offset, const struct qcow2_entry *e)
{
    struct qcow2 *q = n->state;
    struct qcow2_table *t;
    struct qcow2_entry old;
    int status = qcow2_slice_get(n, offset, true, &t);
    if (status < 0) {
        return status;
    }
    const uint64_t index = qcow2_slice_index(q, offset);
    os_mutex_lock(&n->tables);
    qcow2_entry_get(q, t->bytes, index, &old);
    qcow2_free_entry(n, &old, false);
    qcow2_entry_put(q, t->bytes, index, e);
    qcow2_table_touch(n, &q->l2, t, (uint32_t)(index * q->entry_bytes), q->entry_bytes);
    qcow2_bitmaps_mark(q, offset, q->cluster_bytes);
    os_mutex_unlock(&n->tables);
    return 0;
}

static int write_cluster(struct block_node *n, uint64_t offset, const uint8_t *bytes, uint8_t *room,
                         size_t length)
{
    const struct qcow2 *q = n->state;
    const struct iovec iov = {(void *)(uintptr_t)bytes, length};
    block_slow_leave(n); /* others pack meanwhile */
    struct qcow2_packer *p = take_packer(n);
    const size_t packed = (q->h.compression == QCOW2_ZSTD ? zstd_all : deflate_all)(
        p, bytes, q->cluster_bytes, room, q->cluster_bytes - 1);
    put_packer(n, p);
    block_slow_enter(n);
    if (packed == 0) {
        return qcow2_write(n, offset, &iov, 1, length, 0);
    }
    struct qcow2_entry e = {.packed = true, .packed_bytes = (uint32_t)packed};
    int status = qcow2_alloc_packed(n, e.packed_bytes, &e.place);
    if (status < 0) {
        return status;
    }
    block_debug_event(n, "write_compressed");
    status = block_node_write(n->file, e.place, room, packed, 0);
    status = status < 0 ? status : link_packed(n, offset, &e);
    if (status < 0) {
        os_mutex_lock(&n->tables);
        qcow2_free_entry(n, &e, false);
        os_mutex_unlock(&n->tables);
    }
    return status;
}

int qcow2_write_packed(struct block_node *n, uint64_t offset, const void *bytes, size_t length)
{
    const struct qcow2 *q = n->state;
    uint8_t *room = mem_try_alloc(q->cluster_bytes), *last = NULL;
    int status = q->has_data_file ? -ENOTSUP : room ? 0 : -ENOMEM;
    status = status < 0 ? status : qcow2_bitmaps_begin(n);
    for (size_t done = 0; done < length && status == 0; done += q->cluster_bytes) {
        const uint8_t *from = (const uint8_t *)bytes + done;
        size_t some = length - done < q->cluster_bytes ? length - done : q->cluster_bytes;
        if (some < q->cluster_bytes) {
            last = mem_try_alloc(q->cluster_bytes);
            if (last) {
                memcpy(last, from, some);
            }
            from = last;
        }
        if (!is_aligned(offset + done, q->cluster_bytes) ||
            (some < q->cluster_bytes && offset + length != n->size_bytes)) {
            status = -EINVAL;
        }
        status = status < 0 ? status : !from ? -ENOMEM : qcow2_make_room(n);
        status = status < 0 ? status : write_cluster(n, offset + done, from, room, some);
    }
    mem_free(last);
    mem_free(room);
    return status;
}
