/* SPDX-License-Identifier: MIT */
/*
 * Requests as the host's synchronous system calls: for threads, for remainders, for firmware.
 *
 * What is in the host's page cache, or goes there, is a copy. A thread, the kernel's own behind a
 * ring too (most file systems write for it in no other way), costs more than that copy by its turn
 * alone; so the queue's thread does it. A host that makes such a write wait is given the next ones
 * by the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

static ssize_t transfer_some(const struct block_request *r, const struct iovec *iov, unsigned n)
{
    off_t at = (off_t)(r->place + r->progress);
    if (r->op == BLOCK_READ) {
        return preadv2(r->fd, iov, (int)n, at, 0);
    }
    return pwritev2(r->fd, iov, (int)n, at, r->flags & BLOCK_FUA ? RWF_DSYNC : 0);
}

static int transfer(struct block_request *r)
{
    struct iovec *iov = mem_array(r->iov_count, sizeof(*iov));
    int status = 0;
    while (r->progress < r->bytes && status == 0) {
        if (r->progress) {
            r->fd = r->leaf->fd_any; /* what is left may not be aligned */
        }
        ssize_t n = transfer_some(r, iov, block_iov_rest(r, iov));
        if (n > 0) {
            r->progress += (uint64_t)n;
        } else if (n == 0 && r->op == BLOCK_READ) {
            block_iov_zero(r);
            r->progress = r->bytes;
        } else if (n == 0) {
            status = -ENOSPC;
        } else if (errno != EINTR) {
            status = -errno;
        }
    }
    mem_free(iov);
    return status;
}

#define ZEROS_BYTES 65536
#define ZEROS_IOVS 64

/* For hosts and file systems without a way to zero a range. */
static int write_zeros(struct block_request *r)
{
    void *zeros = mem_alloc(ZEROS_BYTES);
    struct iovec iov[ZEROS_IOVS];
    int status = 0;
    while (r->progress < r->bytes && status == 0) {
        uint64_t left = r->bytes - r->progress;
        unsigned n = 0;
        for (; n < ZEROS_IOVS && left > 0; n++) {
            size_t piece = left < ZEROS_BYTES ? (size_t)left : ZEROS_BYTES;
            iov[n] = (struct iovec){zeros, piece};
            left -= piece;
        }
        ssize_t done = pwritev2(r->fd, iov, (int)n, (off_t)(r->place + r->progress), 0);
        if (done > 0) {
            r->progress += (uint64_t)done;
        } else if (done == 0) {
            status = -ENOSPC;
        } else if (errno != EINTR) {
            status = -errno;
        }
    }
    mem_free(zeros);
    return status;
}

static bool unsupported(int status)
{
    return status == -EOPNOTSUPP || status == -ENOSYS || status == -EINVAL || status == -ENODEV;
}

static int allocate(const struct block_request *r, int mode)
{
    int n;
    do {
        n = fallocate(r->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)r->place, (off_t)r->bytes);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static int sync_data(int fd)
{
    int n;
    do {
        n = fdatasync(fd);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Zeros behind the end make a file longer, as all writes do. The last byte is ours alone. */
static int reach_end(const struct block_request *r)
{
    const uint64_t end = r->place + r->bytes;
    if (!r->leaf || !r->leaf->grows || r->bytes == 0 || end <= block_node_size(r->leaf)) {
        return 0;
    }
    ssize_t n;
    do {
        n = pwrite(r->leaf->fd_any, "", 1, (off_t)(end - 1));
    } while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int zero(struct block_request *r)
{
    int status = -EOPNOTSUPP;
    if (r->flags & BLOCK_MAY_UNMAP) {
        status = allocate(r, FALLOC_FL_PUNCH_HOLE);
    }
    if (unsupported(status)) {
        status = allocate(r, FALLOC_FL_ZERO_RANGE);
    }
    if (unsupported(status)) {
        status = write_zeros(r);
    }
    if (status == 0) {
        status = reach_end(r);
    }
    return status == 0 && (r->flags & BLOCK_FUA) ? sync_data(r->fd) : status;
}

/* Direct I/O has rules; what does not keep to them goes through the page cache, which the kernel
 * keeps coherent. */
static bool is_direct(const struct block_request *r, unsigned align)
{
    uint64_t all = r->place | r->bytes;
    for (unsigned i = 0; i < r->iov_count; i++) {
        all |= (uintptr_t)r->iov[i].iov_base | r->iov[i].iov_len;
    }
    return is_aligned(all, align);
}

void block_choose_fd(struct block_request *r)
{
    const struct block_node *n = r->leaf;
    bool transfers = r->op == BLOCK_READ || r->op == BLOCK_WRITE;
    r->fd = n->align > 1 && transfers && is_direct(r, n->align) ? n->fd : n->fd_any;
}

#define WRITE_HERE_BYTES 65536u /* writes to one file take turns anyway */
#define READ_HERE_BYTES 16384u  /* longer copies are better made by several threads */
#define HERE_NS 2000000
#define AVOID_HERE 256u

static bool write_here(struct block_queue *q, const struct block_request *r)
{
    if ((r->flags & BLOCK_FUA) || !is_aligned(r->place | r->bytes, os_page_size())) {
        return false; /* a part of a page may have to be read first */
    }
    if (q->avoid_here) {
        q->avoid_here--;
        return false;
    }
    const int64_t begin_ns = os_now_ns();
    const ssize_t n = pwritev2(r->fd, r->iov, (int)r->iov_count, (off_t)r->place, 0);
    q->avoid_here = os_now_ns() - begin_ns > HERE_NS ? AVOID_HERE : 0;
    return n >= 0 && (uint64_t)n == r->bytes; /* else it is tried again, which says what is wrong */
}

bool block_host_here(struct block_queue *q, const struct block_request *r)
{
    if (!r->leaf->grows || r->leaf->align > 1) {
        return false;
    }
    if (r->op == BLOCK_WRITE) {
        return r->bytes <= WRITE_HERE_BYTES && write_here(q, r);
    }
    if (r->op != BLOCK_READ || r->bytes > READ_HERE_BYTES ||
        q->engine != &block_threads_engine) { /* a ring does so itself */
        return false;
    }
    const ssize_t n = preadv2(r->fd, r->iov, (int)r->iov_count, (off_t)r->place, RWF_NOWAIT);
    return n >= 0 && (uint64_t)n == r->bytes;
}

int block_host_sync(struct block_request *r)
{
    int status;
    switch (r->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return transfer(r);
    case BLOCK_DISCARD:
        status = allocate(r, FALLOC_FL_PUNCH_HOLE);
        return unsupported(status) ? 0 : status; /* a discard is a hint */
    case BLOCK_WRITE_ZEROES:
        return zero(r);
    case BLOCK_FLUSH:
        return sync_data(r->fd);
    }
    return -EINVAL;
}
