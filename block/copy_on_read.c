/* SPDX-License-Identifier: MIT */
/* A filter that keeps in an image what was read from its backing file. */
#include <errno.h>

#include "base/mem.h"
#include "block/block_internal.h"
#include "block/drivers.h"

#define PIECE (UINT64_C(1) << 20)

/* One run of [at, end) of n: copies it if it is the backing file's. *bytes: how long it is. */
static int copy_run(struct block_node *n, uint64_t at, uint64_t end, void *buffer, uint64_t *bytes)
{
    struct block_extent x;
    uint64_t most = end - at < PIECE ? end - at : PIECE;
    int status = block_node_look(n, at, most, false, &x);
    *bytes = status < 0 ? 0 : x.bytes;
    if (status < 0 || x.kind != BLOCK_MAP_BACKING || at >= block_node_size(n->backing)) {
        return status;
    }
    struct iovec iov = {buffer, (size_t)x.bytes};
    status = block_node_read_padded(n->backing, at, buffer, (size_t)x.bytes);
    return status < 0 ? status : block_node_write_busy(n, at, &iov, 1, x.bytes, 0);
}

int block_node_copy_up(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    struct block_pin pin;
    n = block_node_skip_filters(n);
    if (!n->backing || !n->mode.write || !n->driver->map) {
        return n->backing && !n->mode.write ? -EACCES : 0;
    }
    const uint64_t size = block_node_size(n);
    uint64_t at = offset - offset % n->granule, end = offset + bytes + n->granule - 1;
    end -= end % n->granule;
    end = end < size ? end : size;
    void *buffer = mem_try_alloc(PIECE);
    int status = buffer ? 0 : -ENOMEM;
    block_node_busy(n, &pin, at, end - at);
    while (at < end && status == 0) {
        uint64_t run;
        status = copy_run(n, at, end, buffer, &run);
        at += run;
    }
    block_node_busy_over(&pin);
    mem_free(buffer);
    return status;
}

static bool cor_open(struct block_node *n, struct error *e)
{
    (void)n, (void)e;
    return true;
}

/* A copy that fails is no failed read. */
static int cor_read(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                    uint64_t bytes)
{
    if (n->file->mode.write) {
        block_node_copy_up(n->file, offset, bytes);
    }
    return block_node_readv(n->file, offset, iov, count, bytes);
}

static int cor_write(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes, unsigned flags)
{
    return block_node_writev(n->file, offset, iov, count, bytes, flags);
}

static int cor_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    return block_node_zero(n->file, offset, bytes, flags);
}

static int cor_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    return block_node_discard(n->file, offset, bytes);
}

const struct block_driver block_copy_on_read_driver = {
    .name = "copy-on-read",
    .desc = "writes to the image what is read from its backing file",
    .kind = BLOCK_FILTER,
    .passes_uses = true,
    .open = cor_open,
    .read = cor_read,
    .write = cor_write,
    .zero = cor_zero,
    .discard = cor_discard,
};
