/* SPDX-License-Identifier: MIT */
/* What both sides of NBD do with a socket. */
#include <errno.h>
#include <sys/socket.h>

#include "base/bits.h"
#include "block/nbd_proto.h"

/* The protocol's numbers are Linux's, of those that it has. */
static const int numbers[] = {EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN};

int nbd_errno(uint32_t error)
{
    for (size_t i = 0; i < array_len(numbers); i++) {
        if ((uint32_t)numbers[i] == error) {
            return numbers[i];
        }
    }
    return error ? EINVAL : 0;
}

uint32_t nbd_error(int errno_)
{
    if (errno_ == EACCES || errno_ == EROFS) {
        return EPERM;
    }
    if (errno_ == EFBIG || errno_ == EDQUOT) {
        return ENOSPC;
    }
    for (size_t i = 0; i < array_len(numbers); i++) {
        if (numbers[i] == errno_) {
            return (uint32_t)errno_;
        }
    }
    return errno_ ? EIO : 0;
}

int nbd_send(int fd, const void *bytes, size_t n, bool more)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = send(fd, at, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (done < 0 && errno != EINTR) {
            return -errno;
        }
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

int nbd_receive(int fd, void *bytes, size_t n)
{
    char *at = bytes;
    while (n > 0) {
        ssize_t done = recv(fd, at, n, MSG_WAITALL);
        if (done == 0) {
            return -ECONNRESET;
        }
        if (done < 0 && errno != EINTR) {
            return -errno;
        }
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

int nbd_receive_away(int fd, uint64_t n)
{
    char some[4096];
    int status = 0;
    while (n > 0 && status == 0) {
        const size_t part = n < sizeof(some) ? (size_t)n : sizeof(some);
        status = nbd_receive(fd, some, part);
        n -= part;
    }
    return status;
}
