/* SPDX-License-Identifier: MIT */
/*
 * Hostile peers of NBD, both ways: good conversations with bytes changed, left out and cut off, to
 * our server and to our client. Each ends; nothing outside the disk and the caller's memory is
 * written.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "block/nbd_client.h"
#include "block/nbd_server.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define DISK 65536u

static struct rng rng;

/* ---- streams */

static void put(struct strbuf *s, unsigned bytes, uint64_t v)
{
    uint8_t word[8];
    store_be(word, bytes, v);
    strbuf_bytes(s, word, bytes);
}

static void put_option(struct strbuf *s, uint32_t option, const void *data, uint32_t n)
{
    put(s, 8, NBD_OPTION_MAGIC);
    put(s, 4, option);
    put(s, 4, n);
    strbuf_bytes(s, data, n);
}

static void put_request(struct strbuf *s, unsigned flags, unsigned command, uint64_t offset,
                        uint32_t bytes)
{
    put(s, 4, NBD_REQUEST_MAGIC);
    put(s, 2, flags);
    put(s, 2, command);
    put(s, 8, rng_u64(&rng));
    put(s, 8, offset);
    put(s, 4, bytes);
    for (uint32_t i = 0; command == NBD_CMD_WRITE && i < bytes && i < DISK; i++) {
        strbuf_putc(s, (char)i);
    }
}

static const uint8_t go[] = {0, 0, 0, 1, 'd', 0, 2, 0, 3, 0, 2};
static const uint8_t set_meta[] = {0,   0,   0,   1,   'd', 0,   0,   0,   1,   0,
                                   0,   0,   15,  'b', 'a', 's', 'e', ':', 'a', 'l',
                                   'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'};

static void good_client(struct strbuf *s)
{
    put(s, 4, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    if (rng_below(&rng, 4)) {
        put_option(s, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
        put_option(s, NBD_OPT_SET_META, set_meta, sizeof(set_meta));
        put_option(s, NBD_OPT_LIST_META, set_meta, sizeof(set_meta));
    }
    put_option(s, NBD_OPT_LIST, NULL, 0);
    if (rng_below(&rng, 4)) {
        put_option(s, NBD_OPT_GO, go, sizeof(go));
    } else {
        put_option(s, NBD_OPT_EXPORT_NAME, "d", 1);
    }
    for (unsigned i = 0; i < 12; i++) {
        const uint32_t bytes = (uint32_t)rng_below(&rng, 5000);
        put_request(s, rng_below(&rng, 3) ? 0 : 1u << rng_below(&rng, 5),
                    (unsigned)rng_below(&rng, 10), rng_below(&rng, DISK), bytes);
    }
}

static void put_reply(struct strbuf *s, uint32_t option, uint32_t type, const void *data,
                      uint32_t n)
{
    put(s, 8, NBD_OPTION_REPLY_MAGIC);
    put(s, 4, option);
    put(s, 4, type);
    put(s, 4, n);
    strbuf_bytes(s, data, n);
}

static void put_chunk(struct strbuf *s, unsigned flags, unsigned type, uint64_t cookie, uint32_t n)
{
    put(s, 4, NBD_CHUNK_MAGIC);
    put(s, 2, flags);
    put(s, 2, type);
    put(s, 8, cookie);
    put(s, 4, n);
}

#define READ_BYTES 2048u

/* What answers two reads, a status and a write, as client() asks. */
static void good_server(struct strbuf *s)
{
    static const uint8_t meta[] = {0,   0,   0,   1,   'b', 'a', 's', 'e', ':', 'a',
                                   'l', 'l', 'o', 'c', 'a', 't', 'i', 'o', 'n'};
    static const uint8_t info[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 109};
    static const uint8_t sizes[] = {0, 3, 0, 0, 0, 1, 0, 0, 16, 0, 0, 1, 0, 0};
    static const uint8_t data[READ_BYTES];
    put(s, 8, NBD_MAGIC);
    put(s, 8, NBD_OPTION_MAGIC);
    put(s, 2, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    put_reply(s, NBD_OPT_STRUCTURED_REPLY, NBD_REP_ACK, NULL, 0);
    put_reply(s, NBD_OPT_SET_META, NBD_REP_META, meta, sizeof(meta));
    put_reply(s, NBD_OPT_SET_META, NBD_REP_ACK, NULL, 0);
    put_reply(s, NBD_OPT_GO, NBD_REP_INFO, info, sizeof(info));
    put_reply(s, NBD_OPT_GO, NBD_REP_INFO, sizes, sizeof(sizes));
    put_reply(s, NBD_OPT_GO, NBD_REP_ACK, NULL, 0);
    put_chunk(s, 0, NBD_CHUNK_DATA, 1, 1024 + 8);
    put(s, 8, 512);
    strbuf_bytes(s, data, 1024);
    put_chunk(s, 0, NBD_CHUNK_HOLE, 1, 12);
    put(s, 8, 1536);
    put(s, 4, 1024);
    put_chunk(s, NBD_CHUNK_DONE, NBD_CHUNK_NONE, 1, 0);
    put_chunk(s, NBD_CHUNK_DONE, NBD_CHUNK_DATA, 2, READ_BYTES + 8);
    put(s, 8, 512);
    strbuf_bytes(s, data, READ_BYTES);
    put_chunk(s, NBD_CHUNK_DONE, NBD_CHUNK_STATUS, 3, 20);
    put(s, 4, 1);
    put(s, 8, UINT64_C(4096) << 32);
    put(s, 8, UINT64_C(4096) << 32 | 3);
    put_chunk(s, NBD_CHUNK_DONE, NBD_CHUNK_ERROR, 4, 8);
    put(s, 4, 28);
    put(s, 4, 2 << 16 | 'a');
}

/* A few bytes are others, a part is missing, or it ends too early. */
static void change(struct strbuf *s)
{
    for (uint64_t i = rng_below(&rng, 6); i > 0; i--) {
        static const uint8_t likely[] = {0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff};
        uint8_t *at = (uint8_t *)s->text + rng_below(&rng, s->len);
        *at = rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof(likely))] : (uint8_t)rng_u32(&rng);
    }
    if (rng_below(&rng, 4) == 0) {
        const size_t at = rng_below(&rng, s->len), n = rng_below(&rng, s->len - at) / 8;
        memmove(s->text + at, s->text + at + n, s->len - at - n);
        s->len -= n;
    }
    if (rng_below(&rng, 4) == 0) {
        s->len = rng_below(&rng, s->len);
    }
}

/* ---- the peer: says all it has to say, and listens until the other side ends */

struct peer {
    int fd;
    struct strbuf say;
    struct os_thread speaker;
};

static void speak(void *arg)
{
    struct peer *p = arg;
    nbd_send(p->fd, p->say.text, p->say.len, false);
    shutdown(p->fd, SHUT_WR);
}

static void listen_to_end(struct peer *p)
{
    char some[4096];
    while (recv(p->fd, some, sizeof(some), 0) > 0) {
    }
}

static void serve(void *arg)
{
    struct nbd_server_export *x = ((void **)arg)[0];
    const int fd = *(int *)((void **)arg)[1];
    nbd_server_client(fd, x);
    shutdown(fd, SHUT_RDWR);
}

TEST(hostile_clients_of_our_server)
{
    struct error e;
    struct block_graph *g = block_graph_create();
    struct block_node *n = recorder_open(g, "disk", NULL, DISK);
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 1500 * test_scale(); i++) {
        struct nbd_server_export x = {
            .name = "d", .node = n, .read_only = rng_below(&rng, 4) == 0, .unmap = true};
        int fd[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
        struct peer p = {.fd = fd[1]};
        void *args[2] = {&x, &fd[0]};
        struct os_thread server;
        good_client(&p.say);
        change(&p.say);
        REQUIRE(os_thread_start(&server, "server", serve, args, &e));
        REQUIRE(os_thread_start(&p.speaker, "client", speak, &p, &e));
        listen_to_end(&p);
        os_thread_join(&p.speaker);
        os_thread_join(&server);
        strbuf_free(&p.say);
        close(fd[0]);
        close(fd[1]);
    }
    CHECK_EQ(block_node_size(n), DISK);
    block_node_close(n);
    block_graph_destroy(g);
}

/* How many requests went well. */
static unsigned client(int fd)
{
    unsigned well = 0;
    struct nbd_link l = {.address = {.path = "/nonexistent/socket"}, .name = "d"};
    struct error e;
    uint8_t bytes[READ_BYTES + 2];
    struct iovec iov = {bytes + 1, READ_BYTES};
    memset(bytes, 0xee, sizeof(bytes));
    nbd_link_init(&l);
    l.fd = fd;
    if (nbd_negotiate(fd, "d", &l.export, &e)) {
        static const struct nbd_request rows[] = {
            {.command = NBD_CMD_READ, .offset = 512, .bytes = READ_BYTES},
            {.command = NBD_CMD_READ, .offset = 512, .bytes = READ_BYTES},
            {.command = NBD_CMD_BLOCK_STATUS, .offset = 0, .bytes = 8192},
            {.command = NBD_CMD_WRITE, .offset = 0, .bytes = READ_BYTES},
        };
        for (unsigned i = 0; i < array_len(rows); i++) {
            struct nbd_request r = rows[i];
            r.iov = &iov;
            r.count = 1;
            int status = nbd_link_do(&l, &r);
            well += status == 0;
            CHECK(status <= 0 && r.state_bytes <= r.bytes);
        }
    } else {
        CHECK(e.text[0] != '\0');
    }
    CHECK(bytes[0] == 0xee && bytes[READ_BYTES + 1] == 0xee);
    nbd_link_close(&l);
    return well;
}

TEST(hostile_servers_of_our_client)
{
    struct error e;
    const unsigned runs = 3000 * test_scale();
    unsigned well = 0;
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < runs; i++) {
        int fd[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
        struct peer p = {.fd = fd[1]};
        good_server(&p.say);
        change(&p.say);
        REQUIRE(os_thread_start(&p.speaker, "server", speak, &p, &e));
        well += client(fd[0]); /* closes it */
        os_thread_join(&p.speaker);
        strbuf_free(&p.say);
        close(fd[1]);
    }
    CHECK_MSG(well > runs && well < 3 * runs, "%u of %u conversations came far", well, runs);
}
