/* SPDX-License-Identifier: MIT */
/*
 * Serving a node by NBD: the transmission phase; nbd_server_options.c has what comes before.
 *
 * Some threads share a client's socket: one at a time receives a request, whole, then lets the next
 * one receive while it does what is asked, and answers. A client is not trusted: what it may make
 * us allocate is bounded, and a request that is not understood ends it or is answered with an
 * error.
 */
#include "block/nbd_server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block.h"
#include "block/nbd_server_client.h"

#define CREW 4
#define RUNS_MOST 1024u
#define DRAIN_MOST (64u << 20)

struct request {
    unsigned flags;
    enum nbd_command command;
    uint64_t cookie, offset;
    uint32_t bytes;
    uint8_t *data; /* of a write, or for a read */
};

struct crew {
    int fd;
    const struct nbd_server_export *x;
    struct nbd_server_client_state agreed;
    struct os_mutex receiving, sending;
    bool over; /* under receiving */
};

/* ---- answers */

static int send_parts(struct crew *w, const void *head, size_t n, const void *data, size_t length)
{
    os_mutex_lock(&w->sending);
    int status = nbd_send(w->fd, head, n, length > 0);
    status = status < 0 || !length ? status : nbd_send(w->fd, data, length, false);
    os_mutex_unlock(&w->sending);
    return status;
}

static void chunk_head(uint8_t *head, const struct request *r, enum nbd_chunk type, uint32_t n)
{
    store_be32(head, NBD_CHUNK_MAGIC);
    store_be16(head + 4, NBD_CHUNK_DONE);
    store_be16(head + 6, (uint16_t)type);
    store_be64(head + 8, r->cookie);
    store_be32(head + 16, n);
}

/* status: 0 or -errno. Data follows a read that went well. */
static int answer(struct crew *w, const struct request *r, int status)
{
    uint8_t head[28] = {0};
    const bool data = status == 0 && r->command == NBD_CMD_READ;
    if (!w->agreed.structured) {
        store_be32(head, NBD_SIMPLE_MAGIC);
        store_be32(head + 4, nbd_error(-status));
        store_be64(head + 8, r->cookie);
        return send_parts(w, head, 16, r->data, data ? r->bytes : 0);
    }
    if (status < 0) {
        chunk_head(head, r, NBD_CHUNK_ERROR, 6);
        store_be32(head + 20, nbd_error(-status));
        return send_parts(w, head, 26, NULL, 0);
    }
    if (data && r->bytes) {
        chunk_head(head, r, NBD_CHUNK_DATA, r->bytes + 8);
        store_be64(head + 20, r->offset);
        return send_parts(w, head, 28, r->data, r->bytes);
    }
    chunk_head(head, r, NBD_CHUNK_NONE, 0);
    return send_parts(w, head, 20, NULL, 0);
}

static int answer_hole(struct crew *w, const struct request *r)
{
    uint8_t head[32];
    chunk_head(head, r, NBD_CHUNK_HOLE, 12);
    store_be64(head + 20, r->offset);
    store_be32(head + 28, r->bytes);
    return send_parts(w, head, sizeof(head), NULL, 0);
}

/* ---- what is asked */

static int do_read(struct crew *w, struct request *r)
{
    struct block_status s;
    if (w->agreed.structured && !(r->flags & NBD_CMD_DF) && r->bytes &&
        block_node_status(w->x->node, r->offset, r->bytes, true, &s) == 0 &&
        block_status_reads_zero(&s) && s.bytes == r->bytes) {
        return answer_hole(w, r);
    }
    r->data = mem_try_alloc(r->bytes);
    int status = !r->data    ? -ENOMEM
                 : !r->bytes ? 0
                             : block_node_read(w->x->node, r->offset, r->data, r->bytes);
    return answer(w, r, status);
}

static int force(const struct crew *w, const struct request *r, int status)
{
    return status == 0 && (r->flags & NBD_CMD_FUA) ? block_node_flush(w->x->node) : status;
}

static int do_write(struct crew *w, const struct request *r)
{
    int status = r->bytes ? block_node_write(w->x->node, r->offset, r->data, r->bytes,
                                             r->flags & NBD_CMD_FUA ? BLOCK_FUA : 0)
                          : 0;
    return answer(w, r, status);
}

static int do_zero(struct crew *w, const struct request *r)
{
    const bool hole = w->x->unmap && !(r->flags & NBD_CMD_NO_HOLE);
    int status = r->bytes
                     ? block_node_zero(w->x->node, r->offset, r->bytes, hole ? BLOCK_MAY_UNMAP : 0)
                     : 0;
    return answer(w, r, force(w, r, status));
}

static int do_trim(struct crew *w, const struct request *r)
{
    int status = r->bytes && w->x->unmap ? block_node_discard(w->x->node, r->offset, r->bytes) : 0;
    return answer(w, r, force(w, r, status));
}

/* Runs from the offset on, the client's flags of each. 0 or -errno. */
static int find_runs(const struct crew *w, const struct request *r, uint8_t *out, uint32_t *count)
{
    const unsigned most = r->flags & NBD_CMD_REQ_ONE ? 1 : RUNS_MOST;
    uint32_t last = 0;
    *count = 0;
    for (uint64_t at = r->offset, end = at + r->bytes; at < end;) {
        struct block_status s;
        int status = block_node_status(w->x->node, at, end - at, true, &s);
        if (status < 0) {
            return status;
        }
        const uint32_t state = block_status_reads_zero(&s) ? NBD_STATE_ZERO | NBD_STATE_HOLE : 0;
        if (*count && state == last) {
            uint8_t *run = out + (*count - 1) * 8;
            store_be32(run, load_be32(run) + (uint32_t)s.bytes);
        } else if (*count == most) {
            return 0;
        } else {
            store_be32(out + *count * 8, (uint32_t)s.bytes);
            store_be32(out + *count * 8 + 4, state);
            last = state;
            ++*count;
        }
        at += s.bytes;
    }
    return 0;
}

static int do_status(struct crew *w, const struct request *r)
{
    uint8_t head[24], *runs = mem_alloc((size_t)RUNS_MOST * 8);
    uint32_t count;
    int status = find_runs(w, r, runs, &count);
    if (status < 0) {
        status = answer(w, r, status);
    } else {
        chunk_head(head, r, NBD_CHUNK_STATUS, 4 + count * 8);
        store_be32(head + 20, NBD_SERVER_CONTEXT);
        status = send_parts(w, head, sizeof(head), runs, (size_t)count * 8);
    }
    mem_free(runs);
    return status;
}

/* ---- requests */

static const struct {
    unsigned flags; /* that it may have */
    bool changes, range;
} commands[] = {
    [NBD_CMD_READ] = {NBD_CMD_DF, false, true},
    [NBD_CMD_WRITE] = {NBD_CMD_FUA, true, true},
    [NBD_CMD_DISC] = {0, false, false},
    [NBD_CMD_FLUSH] = {NBD_CMD_FUA, false, false},
    [NBD_CMD_TRIM] = {NBD_CMD_FUA, true, true},
    [NBD_CMD_CACHE] = {0, false, true},
    [NBD_CMD_WRITE_ZEROES] = {NBD_CMD_FUA | NBD_CMD_NO_HOLE, true, true},
    [NBD_CMD_BLOCK_STATUS] = {NBD_CMD_REQ_ONE, false, true},
};

/* 0, or -errno for the client. */
static int check(const struct crew *w, const struct request *r)
{
    const uint64_t size = block_node_size(w->x->node);
    if (r->command >= array_len(commands) || (r->flags & ~commands[r->command].flags)) {
        return -EINVAL;
    }
    if (commands[r->command].changes && w->x->read_only) {
        return -EPERM;
    }
    if (commands[r->command].range && (r->offset > size || r->bytes > size - r->offset)) {
        return commands[r->command].changes ? -ENOSPC : -EINVAL;
    }
    if (r->command == NBD_CMD_READ && r->bytes > NBD_PAYLOAD_MAX) {
        return -EINVAL;
    }
    if ((r->flags & NBD_CMD_DF) && !w->agreed.structured) {
        return -EINVAL;
    }
    if (r->command == NBD_CMD_BLOCK_STATUS && (!w->agreed.allocation || !r->bytes)) {
        return -EINVAL;
    }
    return 0;
}

static int carry_out(struct crew *w, struct request *r)
{
    int status = check(w, r);
    if (status < 0) {
        return answer(w, r, status);
    }
    switch (r->command) {
    case NBD_CMD_READ:
        return do_read(w, r);
    case NBD_CMD_WRITE:
        return r->data ? do_write(w, r) : answer(w, r, -ENOMEM);
    case NBD_CMD_FLUSH:
        return answer(w, r, block_node_flush(w->x->node));
    case NBD_CMD_TRIM:
        return do_trim(w, r);
    case NBD_CMD_WRITE_ZEROES:
        return do_zero(w, r);
    case NBD_CMD_BLOCK_STATUS:
        return do_status(w, r);
    default: /* CACHE: the host reads ahead as it likes */
        return answer(w, r, 0);
    }
}

/* The data of a write that cannot be taken is received and forgotten. */
static int receive_payload(struct crew *w, struct request *r)
{
    if (r->bytes > DRAIN_MOST) {
        return -EPROTO;
    }
    r->data = r->bytes <= NBD_PAYLOAD_MAX && check(w, r) == 0 ? mem_try_alloc(r->bytes) : NULL;
    return r->data ? nbd_receive(w->fd, r->data, r->bytes) : nbd_receive_away(w->fd, r->bytes);
}

/* 0 or -errno: it is over, or makes no sense. receiving is held. */
static int receive(struct crew *w, struct request *r)
{
    uint8_t head[NBD_REQUEST_BYTES];
    int status = nbd_receive(w->fd, head, sizeof(head));
    if (status < 0 || load_be32(head) != NBD_REQUEST_MAGIC) {
        return -EPROTO;
    }
    *r = (struct request){
        .flags = load_be16(head + 4),
        .command = (enum nbd_command)load_be16(head + 6),
        .cookie = load_be64(head + 8),
        .offset = load_be64(head + 16),
        .bytes = load_be32(head + 24),
    };
    if (r->command == NBD_CMD_DISC) {
        return -ESHUTDOWN;
    }
    return r->command == NBD_CMD_WRITE ? receive_payload(w, r) : 0;
}

static void work(void *arg)
{
    struct crew *w = arg;
    for (;;) {
        struct request r = {.data = NULL};
        os_mutex_lock(&w->receiving);
        if (!w->over && receive(w, &r) < 0) {
            w->over = true;
        }
        const bool over = w->over;
        os_mutex_unlock(&w->receiving);
        if (!over && carry_out(w, &r) < 0) {
            shutdown(w->fd, SHUT_RDWR); /* whoever receives sees it */
        }
        mem_free(r.data);
        if (over) {
            return;
        }
    }
}

static void set_limit(int fd, uint32_t seconds)
{
    const struct timeval t = {.tv_sec = seconds};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

bool nbd_server_client(int fd, const struct nbd_server_export *x)
{
    struct crew w = {.fd = fd, .x = x};
    struct os_thread threads[CREW - 1];
    struct error e;
    unsigned n = 0;
    set_limit(fd, x->silence_s);
    if (!nbd_server_agree(fd, x, &w.agreed)) {
        return false;
    }
    set_limit(fd, 0);
    os_mutex_init(&w.receiving);
    os_mutex_init(&w.sending);
    while (n < CREW - 1 && os_thread_start(&threads[n], "nbd", work, &w, &e)) {
        n++;
    }
    work(&w);
    for (unsigned i = 0; i < n; i++) {
        os_thread_join(&threads[i]);
    }
    if (!x->read_only) {
        block_node_flush(x->node);
    }
    os_mutex_destroy(&w.receiving);
    os_mutex_destroy(&w.sending);
    return true;
}
