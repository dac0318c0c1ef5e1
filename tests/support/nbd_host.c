/* SPDX-License-Identifier: MIT */
/* NBD servers in a test. */
#include "tests/support/nbd_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"

/* ---- the handshake of the simple one */

static void option_reply(int fd, uint32_t option, uint32_t type, const void *data, uint32_t n)
{
    uint8_t head[20];
    store_be64(head, NBD_OPTION_REPLY_MAGIC);
    store_be32(head + 8, option);
    store_be32(head + 12, type);
    store_be32(head + 16, n);
    nbd_send(fd, head, sizeof(head), n > 0);
    nbd_send(fd, data, n, false);
}

static void say_export(const struct nbd_host *h, int fd)
{
    uint8_t data[14];
    store_be16(data, NBD_INFO_BLOCK_SIZE);
    store_be32(data + 2, h->lie == NBD_ODD_BLOCKS ? 3 : h->min_block);
    store_be32(data + 6, 4096);
    store_be32(data + 10, 1 << 20);
    option_reply(fd, NBD_OPT_GO, NBD_REP_INFO, data, 14);
    store_be16(data, NBD_INFO_EXPORT);
    store_be64(data + 2, h->lie == NBD_HUGE ? UINT64_C(1) << 63 : h->size);
    store_be16(data + 10, NBD_HAS_FLAGS | NBD_SEND_FLUSH);
    if (h->lie != NBD_NO_SIZE) {
        option_reply(fd, NBD_OPT_GO, NBD_REP_INFO, data, 12);
    }
    option_reply(fd, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
}

/* False: the client is to be left. */
static bool option(const struct nbd_host *h, int fd, uint32_t what)
{
    uint8_t head[20];
    if (h->lie == NBD_HANGS_UP) {
        return false;
    }
    if (h->lie == NBD_WANTS_TLS) {
        option_reply(fd, what, NBD_REP_ERROR | NBD_REP_TLS, NULL, 0);
    } else if (h->lie == NBD_ENDLESS_REPLY) {
        store_be64(head, NBD_OPTION_REPLY_MAGIC);
        store_be32(head + 8, what);
        store_be32(head + 12, NBD_REP_INFO);
        store_be32(head + 16, UINT32_MAX);
        nbd_send(fd, head, sizeof(head), false);
    } else if (what == NBD_OPT_GO) {
        say_export(h, fd);
    } else if (what == NBD_OPT_STRUCTURED_REPLY && h->lie >= NBD_LAST_OF_HANDSHAKE) {
        option_reply(fd, what, NBD_REP_ACK, NULL, 0);
    } else {
        option_reply(fd, what + (h->lie == NBD_OTHER_OPTION), NBD_REP_ERROR | NBD_REP_UNSUP, NULL,
                     0);
    }
    return true;
}

static bool handshake(const struct nbd_host *h, int fd)
{
    uint8_t head[18], word[16];
    store_be64(head, NBD_MAGIC + (h->lie == NBD_NO_SERVER));
    store_be64(head + 8, NBD_OPTION_MAGIC);
    store_be16(head + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    if (nbd_send(fd, head, sizeof(head), false) < 0 || nbd_receive(fd, word, 4) < 0) {
        return false;
    }
    for (;;) {
        if (nbd_receive(fd, word, 16) < 0 || nbd_receive_away(fd, load_be32(word + 12)) < 0) {
            return false;
        }
        const uint32_t what = load_be32(word + 8);
        if (what == NBD_OPT_ABORT || !option(h, fd, what)) {
            return false;
        }
        if (what == NBD_OPT_GO) {
            return true;
        }
    }
}

/* ---- its lies about requests */

static const struct {
    uint16_t flags, type;
    int32_t length, skip; /* of the chunk; of data from what was asked for */
} chunks[NBD_LIES] = {
    [NBD_OTHER_COOKIE] = {NBD_CHUNK_DONE, NBD_CHUNK_NONE, 0, 0},
    [NBD_DATA_BEFORE] = {NBD_CHUNK_DONE, NBD_CHUNK_DATA, 520, -1},
    [NBD_DATA_BEHIND] = {NBD_CHUNK_DONE, NBD_CHUNK_DATA, 520, 513},
    [NBD_DATA_TOO_LONG] = {NBD_CHUNK_DONE, NBD_CHUNK_DATA, 521, 0},
    [NBD_DATA_OF_NOTHING] = {NBD_CHUNK_DONE, NBD_CHUNK_DATA, 8, 0},
    [NBD_HOLE_BEHIND] = {NBD_CHUNK_DONE, NBD_CHUNK_HOLE, 12, 1},
    [NBD_HOLE_OF_ODD_LENGTH] = {NBD_CHUNK_DONE, NBD_CHUNK_HOLE, 13, 0},
    [NBD_STATUS_OF_A_READ] = {NBD_CHUNK_DONE, NBD_CHUNK_STATUS, 12, 0},
    [NBD_ERROR_OF_NOTHING] = {NBD_CHUNK_DONE, NBD_CHUNK_ERROR, 6, 0},
    [NBD_ERROR_TOO_LONG] = {NBD_CHUNK_DONE, NBD_CHUNK_ERROR, 1 << 24, 0},
    [NBD_UNKNOWN_CHUNK] = {NBD_CHUNK_DONE, 77, 0, 0},
    [NBD_NOT_LAST] = {0, NBD_CHUNK_NONE, 0, 0},
    [NBD_CUT_OFF] = {NBD_CHUNK_DONE, NBD_CHUNK_DATA, 520, 0},
};

static void tell_lie(const struct nbd_host *h, int fd, uint64_t cookie, uint64_t offset)
{
    static const uint8_t nothing[1024];
    uint8_t head[32] = {0};
    if (h->lie == NBD_NO_REPLY || h->lie == NBD_SIMPLE_DATA) {
        store_be32(head, h->lie == NBD_NO_REPLY ? 0x12345678 : NBD_SIMPLE_MAGIC);
        store_be64(head + 8, cookie);
        nbd_send(fd, head, 16, false);
        nbd_send(fd, nothing, 512, false);
        return;
    }
    const int32_t n = chunks[h->lie].length;
    store_be32(head, NBD_CHUNK_MAGIC);
    store_be16(head + 4, chunks[h->lie].flags);
    store_be16(head + 6, chunks[h->lie].type);
    store_be64(head + 8, cookie + (h->lie == NBD_OTHER_COOKIE));
    store_be32(head + 16, (uint32_t)n);
    store_be64(head + 20,
               h->lie == NBD_ERROR_OF_NOTHING ? 0 : offset + (uint64_t)chunks[h->lie].skip);
    store_be32(head + 28, 512);
    const int32_t have = n < 12 ? n : 12;
    nbd_send(fd, head, 20 + (size_t)have, false);
    if (n > 12 && n < 1024) {
        nbd_send(fd, nothing, (size_t)(h->lie == NBD_CUT_OFF ? 100 : n - 12), false);
    }
}

/* ---- requests */

static bool carry_out(struct nbd_host *h, int fd, const uint8_t *head)
{
    const unsigned command = load_be16(head + 6);
    const uint64_t offset = load_be64(head + 16);
    const uint32_t bytes = load_be32(head + 24);
    uint8_t answer[16] = {0};
    const bool fits = offset <= h->size && bytes <= h->size - offset;
    if (command == NBD_CMD_DISC) {
        return false;
    }
    if (!is_aligned(offset | bytes, h->min_block) || !fits) {
        atomic_add(&h->misaligned, 1);
        return false;
    }
    if (command == NBD_CMD_WRITE && nbd_receive(fd, h->disk + offset, bytes) < 0) {
        return false;
    }
    if (h->lie) {
        tell_lie(h, fd, load_be64(head + 8), offset);
        return h->lie != NBD_CUT_OFF;
    }
    store_be32(answer, NBD_SIMPLE_MAGIC);
    memcpy(answer + 8, head + 8, 8);
    nbd_send(fd, answer, sizeof(answer), false);
    return command != NBD_CMD_READ || nbd_send(fd, h->disk + offset, bytes, false) == 0;
}

static void serve(struct nbd_host *h, int fd)
{
    uint8_t head[NBD_REQUEST_BYTES];
    if (!handshake(h, fd)) {
        return;
    }
    for (unsigned n = 0; nbd_receive(fd, head, sizeof(head)) == 0; n++) {
        if ((h->hang_up_after && n == h->hang_up_after) || !carry_out(h, fd, head)) {
            return;
        }
    }
}

/* ---- listening */

static void host(void *arg)
{
    struct nbd_host *h = arg;
    int fd;
    while ((fd = accept(h->listener, NULL, NULL)) >= 0) {
        atomic_add(&h->connections, 1);
        if (h->x) {
            nbd_server_client(fd, h->x);
        } else {
            serve(h, fd);
        }
        close(fd);
    }
}

void nbd_host_start(struct nbd_host *h)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct error e;
    snprintf(h->path, sizeof(h->path), "/var/tmp/dragoman-nbd.XXXXXX");
    int fd = mkstemp(h->path);
    close(fd);
    unlink(h->path);
    memcpy(a.sun_path, h->path, strlen(h->path));
    h->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (h->size && !h->disk) {
        h->disk = mem_alloc((size_t)h->size);
    }
    if (bind(h->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(h->listener, 8) < 0 ||
        !os_thread_start(&h->thread, "nbd", host, h, &e)) {
        perror(h->path);
        exit(2);
    }
}

void nbd_host_stop(struct nbd_host *h)
{
    shutdown(h->listener, SHUT_RDWR);
    os_thread_join(&h->thread);
    close(h->listener);
    unlink(h->path);
    mem_free(h->disk);
    h->disk = NULL;
}
