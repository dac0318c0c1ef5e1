/* SPDX-License-Identifier: MIT */
/*
 * Requests over a connection to an NBD server, and what becomes of them when it is lost.
 *
 * Everything that a server sends is held against the request that it answers: data only within it,
 * no more runs of a status than fit, one last chunk. What does not fit ends the connection, which
 * then counts as lost; requests that had no answer are sent again over the next one, as long as
 * reconnect_delay_s has not passed.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/nbd_client.h"

#define TRY_AGAIN_NS INT64_C(100000000)
#define STATUS_RUNS_MAX 65536u

struct nbd_call {
    struct list_node link;
    struct nbd_request *r;
    uint64_t cookie;
    uint64_t got;    /* bytes of a read that chunks have brought */
    bool over, lost; /* lost: without an answer */
    int status;
};

void nbd_link_init(struct nbd_link *l)
{
    l->fd = -1;
    os_mutex_init(&l->lock);
    os_mutex_init(&l->sending);
    os_cond_init(&l->changed);
    list_init(&l->waiting);
}

/* ---- connections: the lock is held */

/* Nobody gets an answer any more. But the reader may be in a call's memory: it says so then, when
 * it has found the connection at its end. */
static void mark_lost(struct nbd_link *l)
{
    l->lost_ns = l->lost_ns ? l->lost_ns : os_now_ns();
    if (l->fd >= 0) {
        shutdown(l->fd, SHUT_RDWR);
    }
    while (!l->reading && !list_empty(&l->waiting)) {
        struct nbd_call *c = container_of(l->waiting.head.next, struct nbd_call, link);
        list_remove(&c->link);
        c->over = c->lost = true;
    }
    os_cond_broadcast(&l->changed);
}

/* The same export as before, or none. */
static int connect_again(const struct nbd_link *l, struct nbd_export *x, struct error *e)
{
    int fd = nbd_connect(&l->address, e);
    bool good = fd >= 0 && nbd_negotiate(fd, l->name, x, e);
    if (good && l->export.size &&
        (x->size != l->export.size || (l->export.flags & ~x->flags & ~NBD_READ_ONLY) ||
         (~l->export.flags & x->flags & NBD_READ_ONLY))) {
        good = error_set(e, "the server has another export now");
    }
    if (!good && fd >= 0) {
        close(fd);
    }
    return good ? fd : -1;
}

/* Makes a new connection. The lock is let go of meanwhile; nobody else sends. */
static bool reconnect(struct nbd_link *l)
{
    struct error e;
    struct nbd_export x;
    if (l->fd >= 0) {
        close(l->fd);
        l->fd = -1;
    }
    os_mutex_unlock(&l->lock);
    int fd = connect_again(l, &x, &e);
    os_mutex_lock(&l->lock);
    if (fd >= 0) {
        l->export.structured = x.structured;
        l->export.allocation = x.allocation;
        l->export.allocation_id = x.allocation_id;
        l->fd = fd;
        l->lost_ns = 0;
    }
    return fd >= 0;
}

/* There is a connection, or none within the time. sending is held, and lock, which is let go of. */
static bool ensure(struct nbd_link *l)
{
    while (l->lost_ns) {
        while (l->reading) { /* the reader has not seen yet that it is over */
            os_cond_wait(&l->changed, &l->lock);
        }
        if (reconnect(l)) {
            return true;
        }
        const int64_t end = l->lost_ns + (int64_t)l->reconnect_delay_s * 1000000000;
        const int64_t now = os_now_ns();
        if (now >= end) {
            return false;
        }
        os_cond_wait_until(&l->changed, &l->lock,
                           now + TRY_AGAIN_NS < end ? now + TRY_AGAIN_NS : end);
    }
    return true;
}

bool nbd_link_open(struct nbd_link *l, uint32_t patience_s, struct error *e)
{
    const int64_t end = os_now_ns() + (int64_t)patience_s * 1000000000;
    while ((l->fd = connect_again(l, &l->export, e)) < 0) {
        if (os_now_ns() >= end) {
            return false;
        }
        os_sleep_until_ns(os_now_ns() + TRY_AGAIN_NS);
    }
    return true;
}

void nbd_link_close(struct nbd_link *l)
{
    uint8_t head[NBD_REQUEST_BYTES] = {0};
    if (l->fd >= 0) {
        store_be32(head, NBD_REQUEST_MAGIC);
        store_be16(head + 6, NBD_CMD_DISC);
        nbd_send(l->fd, head, sizeof(head), false);
        close(l->fd);
    }
    l->fd = -1;
    os_cond_destroy(&l->changed);
    os_mutex_destroy(&l->sending);
    os_mutex_destroy(&l->lock);
}

/* ---- answers: the reader, without the lock */

static struct nbd_call *find(struct nbd_link *l, uint64_t cookie)
{
    struct nbd_call *found = NULL;
    os_mutex_lock(&l->lock);
    for (struct list_node *n = l->waiting.head.next; n != &l->waiting.head; n = n->next) {
        struct nbd_call *c = container_of(n, struct nbd_call, link);
        found = c->cookie == cookie ? c : found;
    }
    os_mutex_unlock(&l->lock);
    return found;
}

static void answer(struct nbd_link *l, struct nbd_call *c)
{
    os_mutex_lock(&l->lock);
    list_remove(&c->link);
    c->over = true;
    os_cond_broadcast(&l->changed);
    os_mutex_unlock(&l->lock);
}

/* Data from the socket to [skip, skip + n) of the caller's memory. */
static int receive_data(int fd, const struct nbd_request *r, uint64_t skip, uint32_t n)
{
    int status = 0;
    for (unsigned i = 0; i < r->count && n > 0 && status == 0; i++) {
        const size_t length = r->iov[i].iov_len;
        if (skip >= length) {
            skip -= length;
            continue;
        }
        const size_t some = length - skip < n ? length - (size_t)skip : n;
        status = nbd_receive(fd, (char *)r->iov[i].iov_base + skip, some);
        n -= (uint32_t)some;
        skip = 0;
    }
    return status;
}

/* -EPROTO: the server says what it must not. */
static int data_chunk(int fd, struct nbd_call *c, uint32_t n)
{
    const struct nbd_request *r = c->r;
    uint8_t at[8];
    if (r->command != NBD_CMD_READ || n <= 8) {
        return -EPROTO;
    }
    int status = nbd_receive(fd, at, 8);
    const uint64_t skip = load_be64(at) - r->offset;
    if (status == 0 && (load_be64(at) < r->offset || skip > r->bytes || n - 8 > r->bytes - skip)) {
        status = -EPROTO;
    }
    c->got += n - 8;
    return status < 0 ? status : receive_data(fd, r, skip, n - 8);
}

static int hole_chunk(int fd, struct nbd_call *c, uint32_t n)
{
    const struct nbd_request *r = c->r;
    uint8_t at[12];
    if (r->command != NBD_CMD_READ || n != sizeof(at)) {
        return -EPROTO;
    }
    int status = nbd_receive(fd, at, sizeof(at));
    const uint64_t skip = load_be64(at) - r->offset;
    const uint32_t bytes = load_be32(at + 8);
    if (status == 0 && (load_be64(at) < r->offset || skip > r->bytes || bytes > r->bytes - skip)) {
        status = -EPROTO;
    }
    if (status == 0) {
        c->got += bytes;
        block_iov_fill_zero(r->iov, r->count, skip, bytes);
    }
    return status;
}

static int status_chunk(const struct nbd_link *l, int fd, struct nbd_request *r, uint32_t n)
{
    uint8_t run[12];
    if (r->command != NBD_CMD_BLOCK_STATUS || n < sizeof(run) || n % 8 != 4 ||
        n / 8 > STATUS_RUNS_MAX) {
        return -EPROTO;
    }
    int status = nbd_receive(fd, run, sizeof(run));
    if (status < 0) {
        return status;
    }
    if (load_be32(run) != l->export.allocation_id || load_be32(run + 4) == 0) {
        return -EPROTO;
    }
    r->state_bytes = load_be32(run + 4);
    r->state_bytes = r->state_bytes < r->bytes ? r->state_bytes : r->bytes;
    r->state = load_be32(run + 8);
    return nbd_receive_away(fd, n - sizeof(run));
}

static int error_chunk(int fd, struct nbd_call *c, unsigned type, uint32_t n)
{
    uint8_t head[6];
    if (n < sizeof(head) || n > NBD_NAME_MAX + 16) {
        return -EPROTO;
    }
    int status = nbd_receive(fd, head, sizeof(head));
    if (status < 0) {
        return status;
    }
    const uint32_t rest = n - (uint32_t)sizeof(head), text = load_be16(head + 4);
    if (load_be32(head) == 0 || text + (type == NBD_CHUNK_ERROR_AT ? 8 : 0) > rest) {
        return -EPROTO;
    }
    c->status = c->status ? c->status : -nbd_errno(load_be32(head));
    return nbd_receive_away(fd, rest);
}

/* *last: no more chunks come. */
static int chunk(struct nbd_link *l, int fd, bool *last)
{
    uint8_t head[16];
    int status = nbd_receive(fd, head, sizeof(head));
    if (status < 0) {
        return status;
    }
    const unsigned type = load_be16(head + 2);
    const uint32_t n = load_be32(head + 12);
    struct nbd_call *c = find(l, load_be64(head + 4));
    *last = load_be16(head) & NBD_CHUNK_DONE;
    if (!c) {
        return -EPROTO;
    }
    switch (type) {
    case NBD_CHUNK_NONE:
        status = n == 0 && *last ? 0 : -EPROTO;
        break;
    case NBD_CHUNK_DATA:
        status = data_chunk(fd, c, n);
        break;
    case NBD_CHUNK_HOLE:
        status = hole_chunk(fd, c, n);
        break;
    case NBD_CHUNK_STATUS:
        status = status_chunk(l, fd, c->r, n);
        break;
    default:
        status = type & 0x8000 ? error_chunk(fd, c, type, n) : -EPROTO;
    }
    if (status == 0 && *last && c->r->command == NBD_CMD_READ && !c->status &&
        c->got != c->r->bytes) {
        return -EPROTO; /* what is not there would be what the memory held before */
    }
    if (status == 0 && *last) {
        answer(l, c);
    }
    return status;
}

static int simple(struct nbd_link *l, int fd)
{
    uint8_t rest[12];
    int status = nbd_receive(fd, rest, sizeof(rest));
    if (status < 0) {
        return status;
    }
    const uint32_t error = load_be32(rest);
    struct nbd_call *c = find(l, load_be64(rest + 4));
    if (!c || c->r->command == NBD_CMD_BLOCK_STATUS) {
        return -EPROTO;
    }
    c->status = -nbd_errno(error);
    if (!error && c->r->command == NBD_CMD_READ) {
        /* Where chunks were agreed on, data comes by them alone. */
        status = l->export.structured ? -EPROTO : receive_data(fd, c->r, 0, c->r->bytes);
    }
    if (status == 0) {
        answer(l, c);
    }
    return status;
}

static int read_one(struct nbd_link *l, int fd)
{
    uint8_t magic[4];
    bool last;
    int status = nbd_receive(fd, magic, sizeof(magic));
    if (status < 0) {
        return status;
    }
    return load_be32(magic) == NBD_SIMPLE_MAGIC                          ? simple(l, fd)
           : load_be32(magic) == NBD_CHUNK_MAGIC && l->export.structured ? chunk(l, fd, &last)
                                                                         : -EPROTO;
}

/* Until c is over. The lock is held, and let go of. */
static void await(struct nbd_link *l, struct nbd_call *c)
{
    while (!c->over) {
        if (l->reading) {
            os_cond_wait(&l->changed, &l->lock);
            continue;
        }
        l->reading = true;
        const int fd = l->fd;
        int status = 0;
        while (!c->over && status == 0 && !l->lost_ns) {
            os_mutex_unlock(&l->lock);
            status = read_one(l, fd);
            os_mutex_lock(&l->lock);
        }
        l->reading = false;
        if (status < 0 || l->lost_ns) {
            mark_lost(l);
        }
        os_cond_broadcast(&l->changed); /* another one reads on */
    }
}

/* ---- requests */

static int send_request(int fd, const struct nbd_call *c)
{
    const struct nbd_request *r = c->r;
    const bool data = r->command == NBD_CMD_WRITE;
    uint8_t head[NBD_REQUEST_BYTES];
    store_be32(head, NBD_REQUEST_MAGIC);
    store_be16(head + 4, (uint16_t)r->flags);
    store_be16(head + 6, r->command);
    store_be64(head + 8, c->cookie);
    store_be64(head + 16, r->offset);
    store_be32(head + 24, r->bytes);
    int status = nbd_send(fd, head, sizeof(head), data);
    uint64_t left = data ? r->bytes : 0;
    for (unsigned i = 0; left > 0 && status == 0; i++) {
        const size_t some = r->iov[i].iov_len < left ? r->iov[i].iov_len : (size_t)left;
        left -= some;
        status = nbd_send(fd, r->iov[i].iov_base, some, left > 0);
    }
    return status;
}

/* Once, over the connection there is. *lost: it got no answer. */
static int try(struct nbd_link *l, struct nbd_request *r, bool *lost)
{
    struct nbd_call c = {.r = r};
    os_mutex_lock(&l->sending);
    os_mutex_lock(&l->lock);
    if (!ensure(l)) {
        os_mutex_unlock(&l->lock);
        os_mutex_unlock(&l->sending);
        *lost = false;
        return -EIO;
    }
    c.cookie = ++l->next_cookie;
    list_push_back(&l->waiting, &c.link);
    const int fd = l->fd;
    os_mutex_unlock(&l->lock);
    int status = send_request(fd, &c);
    os_mutex_lock(&l->lock);
    if (status < 0) {
        mark_lost(l);
    }
    os_mutex_unlock(&l->sending);
    await(l, &c);
    os_mutex_unlock(&l->lock);
    *lost = c.lost;
    return c.status;
}

int nbd_link_do(struct nbd_link *l, struct nbd_request *r)
{
    int64_t first_lost = 0;
    for (;;) {
        bool lost;
        int status = try(l, r, &lost);
        if (!lost) {
            return status;
        }
        /* A server that takes connections and drops each is no server. */
        first_lost = first_lost ? first_lost : os_now_ns();
        if (os_now_ns() - first_lost >= (int64_t)l->reconnect_delay_s * 1000000000) {
            return -EIO;
        }
    }
}
