/* SPDX-License-Identifier: MIT */
/* Pieces of memory that a request moves data to and from. */
#include <string.h>

#include "block/block_internal.h"
#include "block/driver.h"

unsigned block_iov_slice(const struct iovec *iov, unsigned count, uint64_t skip, uint64_t length,
                         struct iovec *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < count && length > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        uint64_t some = iov[i].iov_len - skip;
        some = some < length ? some : length;
        out[n++] = (struct iovec){(uint8_t *)iov[i].iov_base + skip, (size_t)some};
        length -= some;
        skip = 0;
    }
    return n;
}

unsigned block_iov_rest(const struct block_request *r, struct iovec *iov)
{
    return block_iov_slice(r->iov, r->iov_count, r->progress, r->bytes - r->progress, iov);
}

/* What to do with a run of a piece: it and the bytes that belong to it. */
enum move {
    GET,
    PUT,
    CLEAR
};

static void walk(const struct iovec *iov, unsigned count, uint64_t skip, uint8_t *other,
                 uint64_t length, enum move what)
{
    for (unsigned i = 0; i < count && length > 0; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        uint8_t *p = (uint8_t *)iov[i].iov_base + skip;
        size_t n = iov[i].iov_len - (size_t)skip < length ? iov[i].iov_len - (size_t)skip
                                                          : (size_t)length;
        if (what == CLEAR) {
            memset(p, 0, n);
        } else {
            memcpy(what == GET ? other : p, what == GET ? p : other, n);
            other += n;
        }
        length -= n;
        skip = 0;
    }
}

void block_iov_get(const struct iovec *iov, unsigned count, uint64_t skip, void *to, size_t length)
{
    walk(iov, count, skip, to, length, GET);
}

void block_iov_put(const struct iovec *iov, unsigned count, uint64_t skip, const void *from,
                   size_t length)
{
    walk(iov, count, skip, (uint8_t *)(uintptr_t)from, length, PUT);
}

void block_iov_fill_zero(const struct iovec *iov, unsigned count, uint64_t skip, uint64_t length)
{
    walk(iov, count, skip, NULL, length, CLEAR);
}

/* Zeros what a read has not filled: past the end of the file. */
void block_iov_zero(const struct block_request *r)
{
    block_iov_fill_zero(r->iov, r->iov_count, r->progress, r->bytes - r->progress);
}

bool block_is_zero(const void *bytes, size_t n)
{
    /* All bytes equal the first one, which is zero. */
    const uint8_t *p = bytes;
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

bool block_iov_is_zero(const struct block_request *r)
{
    for (unsigned i = 0; i < r->iov_count; i++) {
        if (!block_is_zero(r->iov[i].iov_base, r->iov[i].iov_len)) {
            return false;
        }
    }
    return true;
}
