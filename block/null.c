/* SPDX-License-Identifier: MIT */
/* Disks that keep nothing, for measuring: writes are dropped, reads give zeros or what was there.
 */
#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "block/block_internal.h"
#include "block/drivers.h"

struct null {
    uint64_t size, latency_ns;
    bool read_zeroes;
};

static const struct block_option null_options[] = {
    {"size", BLOCK_OPT_SIZE, offsetof(struct null, size), "1G", "bytes", NULL, false},
    {"latency-ns", BLOCK_OPT_U64, offsetof(struct null, latency_ns), NULL, "of a request", NULL,
     false},
    {"read-zeroes", BLOCK_OPT_BOOL, offsetof(struct null, read_zeroes), "off",
     "reads give zeros; else memory stays as it is", NULL, false},
    {0},
};

static bool null_open(struct block_node *n, struct error *e)
{
    const struct null *d = n->state;
    if (!is_aligned(d->size, BLOCK_SECTOR) || d->size > INT64_MAX) {
        return error_set(e, "%s: size: a multiple of %u is accepted", n->driver->name,
                         BLOCK_SECTOR);
    }
    n->size_bytes = d->size;
    return true;
}

/* null-co:// and null-aio://: nothing is behind. */
static bool null_parse(const char *rest, json_t *o, struct error *e)
{
    (void)o;
    return strcmp(rest, "//") == 0 || error_set(e, "only null-co:// and null-aio:// are accepted");
}

static int wait_latency(const struct block_node *n)
{
    const struct null *d = n->state;
    if (d->latency_ns) {
        os_sleep_until_ns(os_now_ns() + (int64_t)d->latency_ns);
    }
    return 0;
}

static int null_read(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes)
{
    const struct null *d = n->state;
    (void)offset;
    if (d->read_zeroes) {
        block_iov_fill_zero(iov, count, 0, bytes);
    }
    return wait_latency(n);
}

static int null_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes, unsigned flags)
{
    (void)offset, (void)iov, (void)count, (void)bytes, (void)flags;
    return wait_latency(n);
}

static int null_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    (void)offset, (void)bytes, (void)flags;
    return wait_latency(n);
}

static int null_status(struct block_node *n, uint64_t offset, uint64_t bytes,
                       struct block_status *s)
{
    const struct null *d = n->state;
    (void)offset;
    s->where = d->read_zeroes ? BLOCK_ZERO : BLOCK_DATA;
    s->bytes = bytes;
    return 0;
}

static int64_t null_allocated(struct block_node *n)
{
    (void)n;
    return 0;
}

/* Without a latency nothing needs a thread. */
static void null_submit(struct block_queue *q, struct block_request *r)
{
    const struct null *d = r->node->state;
    if (d->latency_ns) {
        block_pool_submit(q, r);
        return;
    }
    if (r->op == BLOCK_READ && d->read_zeroes) {
        block_iov_fill_zero(r->iov, r->iov_count, 0, r->bytes);
    }
    block_finish(r, 0);
}

#define NULL_DRIVER(name_, desc_, prefixes_)                                                       \
    {                                                                                              \
        .name = name_, .desc = desc_, .kind = BLOCK_PROTOCOL, .state_bytes = sizeof(struct null),  \
        .options = null_options, .open = null_open, .read = null_read, .write = null_write,        \
        .zero = null_zero, .discard = NULL, .status = null_status, .allocated = null_allocated,    \
        .submit = null_submit, .prefixes = prefixes_, .parse_name = null_parse                     \
    }

static const char *const co_prefixes[] = {"null-co:", NULL};
static const char *const aio_prefixes[] = {"null-aio:", NULL};

const struct block_driver block_null_co_driver = NULL_DRIVER(
    "null-co", "nothing: writes are dropped", co_prefixes);
const struct block_driver block_null_aio_driver = NULL_DRIVER("null-aio", "the same", aio_prefixes);

/* ---- nothing at all */

static int empty_read(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes)
{
    (void)n, (void)offset, (void)iov, (void)count, (void)bytes;
    return -ENOMEDIUM;
}

static int empty_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                       unsigned count, uint64_t bytes, unsigned flags)
{
    (void)n, (void)offset, (void)iov, (void)count, (void)bytes, (void)flags;
    return -ENOMEDIUM;
}

/* A drive without a medium; no name leads to it. */
const struct block_driver block_empty_driver = {
    .name = "empty",
    .desc = "no medium",
    .kind = BLOCK_PROTOCOL,
    .read = empty_read,
    .write = empty_write,
};
