/* SPDX-License-Identifier: MIT */
/*
 * snapshot=on: writes go to a temporary file without a name, which is gone with the process; the
 * image is only read.
 *
 * The temporary file is sparse and has every byte at the image's offset. A bit for each granule
 * (4 KiB) says where it is to be read. A write that covers a granule partly first copies the
 * granule up. Reads are cut into runs from one side, which are read one after the other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"

#define GRANULE 4096u
#define CHUNK_BITS 32768u /* granules (128 MiB of disk) to a part of the map */

struct overlay {
    int fd;
    struct os_mutex lock; /* guards the map and copying up */
    uint64_t **chunk;     /* NULL: nothing of it was written */
    uint64_t chunk_count;
};

/* A request on its way through: one part after the other, by a request to the host. */
struct overlay_op {
    struct block_request child;
    struct block_request *parent;
    uint64_t done; /* bytes */
    struct iovec iov[];
};

/* ---- the map; o->lock is held */

static bool map_get(const struct overlay *o, uint64_t granule)
{
    const uint64_t *c = o->chunk[granule / CHUNK_BITS];
    return c && bit(c[granule % CHUNK_BITS / 64], granule % 64);
}

static void map_set(struct overlay *o, uint64_t granule)
{
    uint64_t **c = &o->chunk[granule / CHUNK_BITS];
    if (!*c) {
        *c = mem_array(CHUNK_BITS / 64, sizeof(uint64_t));
    }
    (*c)[granule % CHUNK_BITS / 64] |= UINT64_C(1) << granule % 64;
}

/* How many bytes from offset on, of at most n, are on the same side. */
static uint64_t run_length(const struct overlay *o, uint64_t offset, uint64_t n)
{
    bool side = map_get(o, offset / GRANULE);
    uint64_t end = align_down(offset, GRANULE) + GRANULE;
    while (end < offset + n && map_get(o, end / GRANULE) == side) {
        end += GRANULE;
    }
    return end - offset < n ? end - offset : n;
}

/* ---- reads */

static void slice_iov(struct overlay_op *op, uint64_t n)
{
    struct block_request *child = &op->child;
    struct block_request view = *op->parent;
    view.progress = op->done;
    unsigned count = block_iov_rest(&view, op->iov);
    uint64_t left = n;
    for (unsigned i = 0; i < count; i++) {
        if (op->iov[i].iov_len >= left) {
            op->iov[i].iov_len = (size_t)left;
            child->iov_count = i + 1;
            break;
        }
        left -= op->iov[i].iov_len;
    }
    child->iov = op->iov;
}

static void read_part_done(struct block_request *child, int status);

static void read_part(struct overlay_op *op)
{
    struct block_request *parent = op->parent;
    struct block *b = parent->queue->block;
    struct overlay *o = b->overlay;
    uint64_t at = parent->offset + op->done;
    os_mutex_lock(&o->lock);
    uint64_t n = run_length(o, at, parent->bytes - op->done);
    bool ours = map_get(o, at / GRANULE);
    os_mutex_unlock(&o->lock);
    op->child = (struct block_request){
        .op = BLOCK_READ,
        .offset = at,
        .bytes = n,
        .done = read_part_done,
        .layer = op,
        .fd = ours ? o->fd : b->fd_any,
    };
    slice_iov(op, n);
    block_child_submit(parent->queue, &op->child);
}

static void read_part_done(struct block_request *child, int status)
{
    struct overlay_op *op = child->layer;
    struct block_request *parent = op->parent;
    op->done += child->bytes;
    if (status == 0 && op->done < parent->bytes) {
        read_part(op);
        block_queue_kick(parent->queue);
    } else {
        mem_free(op);
        block_finish(parent, status);
    }
}

/* ---- writes */

/* Gives the granule at offset its bytes, if it has none; part of it is about to be written. */
static int copy_up(struct block *b, uint64_t offset)
{
    struct overlay *o = b->overlay;
    uint64_t granule = offset / GRANULE;
    uint8_t bytes[GRANULE] = {0};
    if (map_get(o, granule)) {
        return 0;
    }
    off_t at = (off_t)(granule * GRANULE);
    ssize_t n = pread(b->fd_any, bytes, sizeof(bytes), at);
    if (n < 0 || pwrite(o->fd, bytes, sizeof(bytes), at) != sizeof(bytes)) {
        return errno ? -errno : -EIO;
    }
    map_set(o, granule);
    return 0;
}

static int copy_up_ends(struct block *b, const struct block_request *r)
{
    uint64_t end = r->offset + r->bytes;
    int status = 0;
    os_mutex_lock(&b->overlay->lock);
    if (!is_aligned(r->offset, GRANULE)) {
        status = copy_up(b, r->offset);
    }
    if (status == 0 && !is_aligned(end, GRANULE) && end < b->size_bytes) {
        status = copy_up(b, end);
    }
    os_mutex_unlock(&b->overlay->lock);
    return status;
}

static void write_done(struct block_request *child, int status)
{
    struct overlay_op *op = child->layer;
    struct block_request *parent = op->parent;
    struct overlay *o = parent->queue->block->overlay;
    if (status == 0) {
        os_mutex_lock(&o->lock);
        for (uint64_t a = align_down(child->offset, GRANULE); a < child->offset + child->bytes;
             a += GRANULE) {
            map_set(o, a / GRANULE);
        }
        os_mutex_unlock(&o->lock);
    }
    mem_free(op);
    block_finish(parent, status);
}

static void write_through(struct block_request *r)
{
    struct block *b = r->queue->block;
    int status = copy_up_ends(b, r);
    if (status < 0) {
        block_finish(r, status);
        return;
    }
    struct overlay_op *op = mem_alloc(sizeof(*op));
    op->parent = r;
    op->child = *r;
    op->child.flags = r->flags & ~(unsigned)BLOCK_FUA; /* it will not outlive a crash anyway */
    op->child.done = write_done;
    op->child.layer = op;
    op->child.fd = b->overlay->fd;
    block_child_submit(r->queue, &op->child);
}

static void overlay_submit(struct block_queue *q, struct block_request *r)
{
    (void)q;
    struct overlay_op *op;
    switch (r->op) {
    case BLOCK_READ:
        op = mem_alloc(sizeof(*op) + r->iov_count * sizeof(op->iov[0]));
        op->parent = r;
        read_part(op);
        break;
    case BLOCK_WRITE:
    case BLOCK_WRITE_ZEROES:
        write_through(r);
        break;
    case BLOCK_DISCARD: /* what the image has must not show through */
    case BLOCK_FLUSH:
        block_finish(r, 0);
        break;
    }
}

/* ---- life */

static int temporary_file(struct error *e)
{
    const char *dir = getenv("TMPDIR");
    dir = dir && *dir ? dir : "/var/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) { /* a file system without O_TMPFILE */
        char path[4096];
        snprintf(path, sizeof(path), "%s/dragoman.XXXXXX", dir);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
        }
    }
    if (fd < 0) {
        error_set(e, "snapshot=on: no temporary file in %s: %s (TMPDIR names another folder)", dir,
                  strerror(errno));
    }
    return fd;
}

bool overlay_open(struct block *b, struct error *e)
{
    struct overlay *o = mem_alloc(sizeof(*o));
    uint64_t granules = align_up(b->size_bytes, GRANULE) / GRANULE;
    o->chunk_count = (granules + CHUNK_BITS - 1) / CHUNK_BITS;
    o->chunk = mem_try_array(o->chunk_count, sizeof(*o->chunk));
    if (!o->chunk) {
        mem_free(o);
        return error_set(e, "snapshot=on: %s is too large", b->file);
    }
    o->fd = temporary_file(e);
    if (o->fd < 0 || ftruncate(o->fd, (off_t)b->size_bytes) < 0) {
        if (o->fd >= 0) {
            error_set(e, "snapshot=on: the temporary file cannot be as large as %s: %s", b->file,
                      strerror(errno));
            close(o->fd);
        }
        mem_free(o->chunk);
        mem_free(o);
        return false;
    }
    os_mutex_init(&o->lock);
    b->overlay = o;
    b->submit = overlay_submit;
    return true;
}

void overlay_close(struct block *b)
{
    struct overlay *o = b->overlay;
    if (o) {
        for (uint64_t i = 0; i < o->chunk_count; i++) {
            mem_free(o->chunk[i]);
        }
        mem_free(o->chunk);
        os_mutex_destroy(&o->lock);
        close(o->fd);
        mem_free(o);
    }
}
