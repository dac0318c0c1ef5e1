/* SPDX-License-Identifier: MIT */
/* Raw images: the disk's bytes are the file's. */
#include <errno.h>

#include "base/bits.h"
#include "block/block_internal.h"
#include "block/formats.h"

static bool raw_probe(const uint8_t *head, size_t n)
{
    (void)head, (void)n;
    return true;
}

static bool raw_open(struct block *b, struct error *e)
{
    (void)b, (void)e; /* size_bytes is the file's */
    return true;
}

/* Direct I/O has rules; what does not keep to them goes through the page cache, which the kernel
 * keeps coherent. */
static bool is_direct(const struct block *b, const struct block_request *r)
{
    uint64_t all = r->offset | r->bytes;
    for (unsigned i = 0; i < r->iov_count; i++) {
        all |= (uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
    }
    return is_aligned(all, b->align);
}

static void raw_write(const struct block *b, struct block_request *r)
{
    if (b->mode.dsync) {
        r->flags |= BLOCK_FUA;
    }
    if (b->mode.no_flush) {
        r->flags &= ~(unsigned)BLOCK_FUA;
    }
    if (r->op == BLOCK_WRITE && b->mode.detect != BLOCK_DETECT_OFF && block_iov_is_zero(r)) {
        r->op = BLOCK_WRITE_ZEROES;
        r->flags |= b->mode.detect == BLOCK_DETECT_UNMAP ? BLOCK_MAY_UNMAP : 0;
    }
    if (!b->mode.discard) {
        r->flags &= ~(unsigned)BLOCK_MAY_UNMAP;
    }
}

static void raw_submit(struct block_queue *q, struct block_request *r)
{
    const struct block *b = q->block;
    bool transfers = r->op == BLOCK_READ || r->op == BLOCK_WRITE;
    if (r->op == BLOCK_WRITE || r->op == BLOCK_WRITE_ZEROES) {
        raw_write(b, r);
    }
    if ((r->op == BLOCK_DISCARD && !b->mode.discard) ||
        (r->op == BLOCK_FLUSH && (b->mode.no_flush || b->mode.dsync || b->read_only))) {
        block_finish(r, 0);
        return;
    }
    r->fd = b->align > 1 && transfers && is_direct(b, r) ? b->fd : b->fd_any;
    block_to_host(r);
}

const struct block_format block_raw_format = {
    .name = "raw",
    .probe = raw_probe,
    .open = raw_open,
    .submit = raw_submit,
};
