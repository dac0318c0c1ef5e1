/* SPDX-License-Identifier: MIT */
/*
 * Requests to nodes, carried out by the thread that asks: workers, drivers that read and write
 * their children, tools. The same questions to map() as on the hot way (route.c), and where that
 * has no answer the driver's slow functions.
 */
#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

/* Ranges of zeros and discards are cut, so that nobody waits long for a part of them. */
#define ZERO_PIECE (UINT64_C(64) << 20)
#define ZEROS_BYTES 65536

void block_slow_leave(struct block_node *n)
{
    os_mutex_unlock(&n->slow);
}

void block_slow_enter(struct block_node *n)
{
    os_mutex_lock(&n->slow);
}

/* ---- to the host */

static int host(struct block_node *n, struct block_request *r)
{
    r->leaf = n;
    r->node = NULL;
    r->place = r->offset;
    r->progress = 0;
    block_choose_fd(r);
    int status = block_host_sync(r);
    if (status == 0 && (r->op == BLOCK_WRITE || r->op == BLOCK_WRITE_ZEROES) && n->grows) {
        block_node_grown(n, r->offset + r->bytes);
    }
    return status;
}

void block_node_grown(struct block_node *n, uint64_t end)
{
    if (end > block_node_size(n)) {
        os_mutex_lock(&n->tables);
        if (end > n->size_bytes) {
            atomic_set(&n->size_bytes, end);
        }
        os_mutex_unlock(&n->tables);
    }
}

static bool in_range(const struct block_node *n, uint64_t offset, uint64_t bytes)
{
    const uint64_t size = n->grows ? INT64_MAX : block_node_size(n);
    return offset <= size && bytes <= size - offset;
}

/* ---- asking where bytes lie */

static void clip(struct block_extent *x, uint64_t bytes)
{
    x->bytes = x->bytes < bytes ? x->bytes : bytes;
    if (x->bytes == 0) { /* a driver that knows nothing of this place */
        x->kind = BLOCK_MAP_ERROR;
    }
}

int block_node_ask(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                   struct block_extent *x)
{
    *x = (struct block_extent){.bytes = bytes};
    n->driver->map(n, offset, bytes, writing, x);
    if (x->kind == BLOCK_MAP_UNKNOWN) {
        os_mutex_unlock(&n->tables);
        os_mutex_lock(&n->slow);
        int status = n->driver->load(n, offset, writing);
        os_mutex_lock(&n->tables);
        *x = (struct block_extent){.bytes = bytes};
        if (status == 0) {
            n->driver->map(n, offset, bytes, writing, x);
        }
        os_mutex_unlock(&n->slow);
        if (status < 0) {
            return status;
        }
    }
    clip(x, bytes);
    return x->kind == BLOCK_MAP_ERROR || x->kind == BLOCK_MAP_UNKNOWN ? -EIO : 0;
}

int block_node_look(struct block_node *n, uint64_t offset, uint64_t bytes, bool writing,
                    struct block_extent *x)
{
    os_mutex_lock(&n->tables);
    const int status = block_node_ask(n, offset, bytes, writing, x);
    os_mutex_unlock(&n->tables);
    return status;
}

/* ---- reading */

/* Zeros stand behind the node's end. NULL: it has none but these. */
static int read_padded(struct block_node *n, uint64_t offset, const struct iovec *iov,
                       unsigned count, uint64_t bytes)
{
    const uint64_t size = n ? block_node_size(n) : 0;
    const uint64_t there = offset < size ? size - offset : 0;
    const uint64_t some = there < bytes ? there : bytes;
    block_iov_fill_zero(iov, count, some, bytes - some);
    if (some == 0) {
        return 0;
    }
    struct iovec *part = mem_array(count, sizeof(*part));
    unsigned parts = block_iov_slice(iov, count, 0, some, part);
    int status = block_node_readv(n, offset, part, parts, some);
    mem_free(part);
    return status;
}

static int read_packed(struct block_node *n, uint64_t offset, const struct block_extent *x,
                       const struct iovec *iov, unsigned count)
{
    if (count == 1) {
        return n->driver->decode(n, offset, x, iov->iov_base, (size_t)x->bytes);
    }
    void *bytes = mem_try_alloc((size_t)x->bytes);
    int status = bytes ? n->driver->decode(n, offset, x, bytes, (size_t)x->bytes) : -ENOMEM;
    if (status == 0) {
        block_iov_put(iov, count, 0, bytes, (size_t)x->bytes);
    }
    mem_free(bytes);
    return status;
}

static int read_extent(struct block_node *n, uint64_t offset, const struct block_extent *x,
                       const struct iovec *iov, unsigned count)
{
    switch (x->kind) {
    case BLOCK_MAP_DATA:
        return block_node_readv(x->node, x->offset, iov, count, x->bytes);
    case BLOCK_MAP_ZERO:
        block_iov_fill_zero(iov, count, 0, x->bytes);
        return 0;
    case BLOCK_MAP_BACKING:
        return read_padded(n->backing, offset, iov, count, x->bytes);
    case BLOCK_MAP_PACKED:
        return read_packed(n, offset, x, iov, count);
    default:
        return -EIO;
    }
}

static int read_mapped(struct block_node *n, uint64_t offset, const struct iovec *iov,
                       unsigned count, uint64_t bytes)
{
    struct iovec *part = mem_array(count, sizeof(*part));
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0;) {
        struct block_pin pin = {.is_new = false};
        struct block_extent x;
        os_mutex_lock(&n->tables);
        do { /* asking may have let go of the lock */
            block_pin_wait(n, offset + done, bytes - done);
            status = block_node_ask(n, offset + done, bytes - done, false, &x);
        } while (status == 0 && block_pins_busy(n, offset + done, x.bytes));
        if (status == 0 && n->tracked) {
            block_pins_add(n, &pin, offset + done, x.bytes);
        }
        os_mutex_unlock(&n->tables);
        if (status == 0) {
            unsigned parts = block_iov_slice(iov, count, done, x.bytes, part);
            status = read_extent(n, offset + done, &x, part, parts);
            done += x.bytes;
        }
        if (pin.node) {
            block_pins_drop(&pin, status);
        }
    }
    mem_free(part);
    return status;
}

static int read_node(struct block_node *n, struct block_request *r)
{
    if (n->driver->map) {
        return read_mapped(n, r->offset, r->iov, r->iov_count, r->bytes);
    }
    return n->driver->read(n, r->offset, r->iov, r->iov_count, r->bytes);
}

/* ---- writing */

static int write_extent(struct block_node *n, uint64_t offset, struct block_extent *x,
                        const struct iovec *iov, unsigned count, unsigned flags)
{
    int status;
    switch (x->kind) {
    case BLOCK_MAP_DATA:
        return block_node_writev(x->node, x->offset, iov, count, x->bytes, flags);
    case BLOCK_MAP_NEW:
        status = block_node_writev(x->node, x->offset, iov, count, x->bytes, flags);
        os_mutex_lock(&n->tables);
        n->driver->linked(n, offset, x, status);
        os_mutex_unlock(&n->tables);
        return status;
    default:
        os_mutex_lock(&n->slow);
        status = n->driver->write(n, offset, iov, count, x->bytes, flags);
        os_mutex_unlock(&n->slow);
        return status;
    }
}

int block_node_write_busy(struct block_node *n, uint64_t offset, const struct iovec *iov,
                          unsigned count, uint64_t bytes, unsigned flags)
{
    struct iovec *part = mem_array(count, sizeof(*part));
    int status = 0;
    for (uint64_t done = 0; done < bytes && status == 0;) {
        struct block_extent x;
        status = block_node_look(n, offset + done, bytes - done, true, &x);
        if (status == 0) {
            unsigned parts = block_iov_slice(iov, count, done, x.bytes, part);
            status = write_extent(n, offset + done, &x, part, parts, flags);
            done += x.bytes;
        }
    }
    mem_free(part);
    return status;
}

void block_node_busy(struct block_node *n, struct block_pin *p, uint64_t offset, uint64_t bytes)
{
    p->node = NULL;
    if (n->tracked) {
        os_mutex_lock(&n->tables);
        block_busy_begin(n, p, offset, bytes);
        os_mutex_unlock(&n->tables);
    }
}

void block_node_busy_over(struct block_pin *p)
{
    if (p->node) {
        block_busy_end(p);
    }
}

static int zero_node(struct block_node *n, struct block_request *r);

static int write_node(struct block_node *n, struct block_request *r)
{
    struct block_pin pin;
    int status;
    if (n->detect_zeroes != BLOCK_DETECT_OFF && block_iov_is_zero(r)) {
        struct block_request zeros = *r;
        zeros.op = BLOCK_WRITE_ZEROES;
        zeros.flags |= n->detect_zeroes == BLOCK_DETECT_UNMAP ? BLOCK_MAY_UNMAP : 0;
        return zero_node(n, &zeros);
    }
    if (!n->driver->map) {
        return n->driver->write(n, r->offset, r->iov, r->iov_count, r->bytes, r->flags);
    }
    block_node_busy(n, &pin, r->offset, r->bytes);
    status = block_node_write_busy(n, r->offset, r->iov, r->iov_count, r->bytes,
                                   r->flags & ~BLOCK_FUA);
    block_node_busy_over(&pin);
    return status == 0 && (r->flags & BLOCK_FUA) ? block_node_flush(n) : status;
}

/* ---- zeros and discards */

static int write_zeros(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    uint64_t most = bytes < ZEROS_BYTES ? bytes : ZEROS_BYTES;
    void *zeros = mem_alloc((size_t)most);
    int status = 0;
    while (bytes > 0 && status == 0) {
        struct iovec iov = {zeros, bytes < most ? (size_t)bytes : (size_t)most};
        status = n->driver->map ? block_node_write_busy(n, offset, &iov, 1, iov.iov_len, 0)
                                : n->driver->write(n, offset, &iov, 1, iov.iov_len, 0);
        offset += iov.iov_len;
        bytes -= iov.iov_len;
    }
    mem_free(zeros);
    return status;
}

/* A part of a granule: what reads as zeros already is left alone. The range is busy. */
static int zero_edge(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    struct block_extent x;
    int status = block_node_look(n, offset, bytes, false, &x);
    if (status < 0) {
        return status;
    }
    if (x.bytes >= bytes &&
        (x.kind == BLOCK_MAP_ZERO ||
         (x.kind == BLOCK_MAP_BACKING && (!n->backing || offset >= block_node_size(n->backing))))) {
        return 0;
    }
    return write_zeros(n, offset, bytes);
}

static int zero_whole(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    int status = -ENOTSUP;
    if (n->driver->zero) {
        os_mutex_lock(&n->slow);
        status = n->driver->zero(n, offset, bytes, flags & BLOCK_MAY_UNMAP);
        os_mutex_unlock(&n->slow);
    }
    return status == -ENOTSUP ? write_zeros(n, offset, bytes) : status;
}

/* [first, last) are the whole granules in [offset, offset + bytes). */
static void whole_granules(const struct block_node *n, uint64_t offset, uint64_t bytes,
                           uint64_t *first, uint64_t *last)
{
    const uint64_t g = n->granule, end_ = offset + bytes;
    *first = (offset + g - 1) / g * g;
    *last = end_ == block_node_size(n) ? end_ : end_ / g * g;
    if (*first >= *last) {
        *first = *last = end_;
    }
}

static int zero_piece(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    uint64_t first, last;
    int status = 0;
    whole_granules(n, offset, bytes, &first, &last);
    if (first > offset) {
        status = zero_edge(n, offset, first - offset);
    }
    if (status == 0 && last > first) {
        status = zero_whole(n, first, last - first, flags);
    }
    if (status == 0 && offset + bytes > last) {
        status = zero_edge(n, last, offset + bytes - last);
    }
    return status;
}

static int discard_piece(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    uint64_t first, last;
    whole_granules(n, offset, bytes, &first, &last);
    if (last <= first || !n->driver->discard) {
        return 0;
    }
    os_mutex_lock(&n->slow);
    int status = n->driver->discard(n, first, last - first);
    os_mutex_unlock(&n->slow);
    return status;
}

/* Piece by piece; pieces end at granules. */
static int range_node(struct block_node *n, struct block_request *r)
{
    const uint64_t piece = ZERO_PIECE - ZERO_PIECE % n->granule + n->granule;
    int status = 0;
    for (uint64_t at = r->offset; at < r->offset + r->bytes && status == 0;) {
        uint64_t left = r->offset + r->bytes - at, most = piece - at % n->granule;
        uint64_t some = left < most ? left : most;
        struct block_pin pin;
        block_node_busy(n, &pin, at, some);
        status = r->op == BLOCK_DISCARD ? discard_piece(n, at, some)
                                        : zero_piece(n, at, some, r->flags);
        block_node_busy_over(&pin);
        at += some;
    }
    return status;
}

static int zero_node(struct block_node *n, struct block_request *r)
{
    int status;
    if (!n->mode.discard) {
        r->flags &= ~(unsigned)BLOCK_MAY_UNMAP;
    }
    if (!n->driver->map) {
        status = n->driver->zero
                     ? n->driver->zero(n, r->offset, r->bytes, r->flags & BLOCK_MAY_UNMAP)
                     : -ENOTSUP;
        status = status == -ENOTSUP ? write_zeros(n, r->offset, r->bytes) : status;
    } else {
        status = range_node(n, r);
    }
    return status == 0 && (r->flags & BLOCK_FUA) ? block_node_flush(n) : status;
}

static int discard_node(struct block_node *n, struct block_request *r)
{
    if (!n->mode.discard || !n->driver->discard) {
        return 0;
    }
    return n->driver->map ? range_node(n, r) : n->driver->discard(n, r->offset, r->bytes);
}

/* ---- flushes */

static int flush_driver(struct block_node *n)
{
    if (!n->driver->flush || (n->driver->map && !atomic_get_acquire(&n->dirty))) {
        return 0;
    }
    os_mutex_lock(&n->slow);
    int status = n->driver->flush(n);
    os_mutex_unlock(&n->slow);
    return status;
}

int block_node_flush(struct block_node *n)
{
    int status = n->mode.write ? flush_driver(n) : 0;
    if (n->fd >= 0 && n->mode.write && !n->mode.no_flush && status == 0) {
        status = host(n, &(struct block_request){.op = BLOCK_FLUSH});
    }
    for (size_t i = 0; i < n->child_count; i++) {
        struct block_node *c = n->children[i].node;
        if (c != n->backing && c->mode.write) {
            int below = block_node_flush(c);
            status = status ? status : below;
        }
    }
    return status;
}

int block_node_flush_tables(struct block_node *n)
{
    return flush_driver(n);
}

bool block_node_flush_leaf(struct block_node *n, struct block_node **leaf)
{
    if (!n->mode.write) {
        return true;
    }
    if (n->fd >= 0) {
        bool first = !*leaf;
        *leaf = n;
        return first;
    }
    if (n->driver->flush && (!n->driver->map || atomic_get_acquire(&n->dirty))) {
        return false;
    }
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i].node != n->backing &&
            !block_node_flush_leaf(n->children[i].node, leaf)) {
            return false;
        }
    }
    return true;
}

/* ---- all requests */

/* What a server has need not be whole sectors, which is what formats read. */
static bool passes_end(const struct block_node *n, const struct block_request *r)
{
    const uint64_t size = block_node_size(n), end = r->offset + r->bytes;
    return r->op == BLOCK_READ && n->driver->kind == BLOCK_PROTOCOL && !n->grows &&
           r->offset <= size && end > size && end <= align_up(size, BLOCK_SECTOR);
}

int block_node_request(struct block_node *n, struct block_request *r)
{
    bool changes = r->op != BLOCK_READ && r->op != BLOCK_FLUSH;
    if (r->op == BLOCK_FLUSH) {
        return block_node_flush(n);
    }
    if (changes && !n->mode.write) {
        return -EACCES;
    }
    if (passes_end(n, r)) {
        return read_padded(n, r->offset, r->iov, r->iov_count, r->bytes);
    }
    if (!in_range(n, r->offset, r->bytes)) {
        return -EINVAL;
    }
    if (r->bytes == 0) {
        return 0;
    }
    if (n->fd >= 0) {
        return host(n, r);
    }
    switch (r->op) {
    case BLOCK_READ:
        return read_node(n, r);
    case BLOCK_WRITE:
        return write_node(n, r);
    case BLOCK_WRITE_ZEROES:
        return zero_node(n, r);
    default:
        return discard_node(n, r);
    }
}

int block_node_readv(struct block_node *n, uint64_t offset, const struct iovec *iov, unsigned count,
                     uint64_t bytes)
{
    return block_node_request(
        n, &(struct block_request){
               .op = BLOCK_READ, .offset = offset, .bytes = bytes, .iov = iov, .iov_count = count});
}

int block_node_writev(struct block_node *n, uint64_t offset, const struct iovec *iov,
                      unsigned count, uint64_t bytes, unsigned flags)
{
    return block_node_request(n, &(struct block_request){.op = BLOCK_WRITE,
                                                         .flags = flags,
                                                         .offset = offset,
                                                         .bytes = bytes,
                                                         .iov = iov,
                                                         .iov_count = count});
}

int block_node_read(struct block_node *n, uint64_t offset, void *bytes, size_t length)
{
    struct iovec iov = {bytes, length};
    return block_node_readv(n, offset, &iov, 1, length);
}

int block_node_read_padded(struct block_node *n, uint64_t offset, void *bytes, size_t length)
{
    struct iovec iov = {bytes, length};
    return read_padded(n, offset, &iov, 1, length);
}

int block_node_write(struct block_node *n, uint64_t offset, const void *bytes, size_t length,
                     unsigned flags)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, length};
    return block_node_writev(n, offset, &iov, 1, length, flags);
}

int block_node_zero(struct block_node *n, uint64_t offset, uint64_t length, unsigned flags)
{
    return block_node_request(
        n, &(struct block_request){
               .op = BLOCK_WRITE_ZEROES, .flags = flags, .offset = offset, .bytes = length});
}

int block_node_discard(struct block_node *n, uint64_t offset, uint64_t length)
{
    return block_node_request(
        n, &(struct block_request){.op = BLOCK_DISCARD, .offset = offset, .bytes = length});
}

int block_node_write_packed(struct block_node *n, uint64_t offset, const void *bytes, size_t length)
{
    struct block_pin pin;
    if (!n->driver->write_packed) {
        return -ENOTSUP;
    }
    if (!n->mode.write || !in_range(n, offset, length)) {
        return n->mode.write ? -EINVAL : -EACCES;
    }
    block_node_busy(n, &pin, offset, length);
    os_mutex_lock(&n->slow);
    int status = n->driver->write_packed(n, offset, bytes, length);
    os_mutex_unlock(&n->slow);
    block_node_busy_over(&pin);
    return status;
}
