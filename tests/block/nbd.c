/* SPDX-License-Identifier: MIT */
/* NBD: our client with our server, with a simple one, and with servers that lie. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block.h"
#include "block/block_internal.h"
#include "tests/support/nbd_host.h"
#include "tests/test.h"

#define MIB (1u << 20)

/* ---- opening */

static struct block_node *open_text(struct block_graph *g, const char *text, bool write,
                                    struct error *e)
{
    const struct block_mode m = {.write = write, .discard = true};
    json_t *o = block_options_parse(text, "test", e);
    struct block_node *n = o ? block_node_open(g, o, &m, e) : NULL;
    json_decref(o);
    return n;
}

/* The host's disk, with more options behind. */
static struct block_node *open_host(struct block_graph *g, const struct nbd_host *h,
                                    const char *more, struct error *e)
{
    char *text = mem_printf("nbd,path=%s%s", h->path, more);
    struct block_node *n = open_text(g, text, true, e);
    mem_free(text);
    return n;
}

struct rig {
    struct block_graph *g;
    struct block_node *file; /* what is served */
    struct nbd_server_export x;
    struct nbd_host h;
    struct block_node *n; /* the client's */
    char image[64];
};

static void rig_open(struct rig *r, bool read_only)
{
    struct error e = {{0}};
    *r = (struct rig){.g = block_graph_create()};
    snprintf(r->image, sizeof(r->image), "/var/tmp/dragoman-test.XXXXXX");
    int fd = mkstemp(r->image);
    if (fd < 0 || ftruncate(fd, 4 * MIB) < 0) {
        exit(2);
    }
    close(fd);
    char *text = mem_printf("raw,file.driver=file,file.filename=%s", r->image);
    r->file = open_text(r->g, text, !read_only, &e);
    mem_free(text);
    r->x = (struct nbd_server_export){.name = "disk",
                                      .description = "a disk",
                                      .node = r->file,
                                      .read_only = read_only,
                                      .unmap = true};
    r->h.x = &r->x;
    nbd_host_start(&r->h);
    r->n = r->file ? open_host(r->g, &r->h,
                               read_only ? ",export=disk,read-only=on" : ",export=disk", &e)
                   : NULL;
    CHECK_MSG(r->n != NULL, "%s", e.text);
}

static void rig_close(struct rig *r)
{
    block_node_close(r->n);
    nbd_host_stop(&r->h);
    block_node_close(r->file);
    block_graph_destroy(r->g);
    unlink(r->image);
}

/* ---- behaviour */

TEST(our_client_and_server_agree)
{
    struct rig r;
    struct block_status s;
    static uint8_t a[100000], b[100000];
    rig_open(&r, false);
    REQUIRE(r.n);
    CHECK_EQ(block_node_size(r.n), 4 * MIB);
    memset(a, 0x5a, sizeof(a));
    CHECK_EQ(block_node_write(r.n, 12345, a, sizeof(a), BLOCK_FUA), 0);
    CHECK_EQ(block_node_read(r.file, 12345, b, sizeof(b)), 0);
    CHECK_MEM(a, b, sizeof(a));
    memset(b, 0, sizeof(b));
    CHECK_EQ(block_node_read(r.n, 12345, b, sizeof(b)), 0);
    CHECK_MEM(a, b, sizeof(a));
    CHECK_EQ(block_node_zero(r.n, 16384, 4096, 0), 0);
    CHECK_EQ(block_node_read(r.n, 16384, b, 4096), 0);
    CHECK(block_is_zero(b, 4096));
    CHECK_EQ(block_node_discard(r.n, 65536, 8192), 0);
    CHECK_EQ(block_node_flush(r.n), 0);
    CHECK_EQ(block_node_status(r.n, 2 * MIB, MIB, false, &s), 0);
    CHECK(s.where == BLOCK_ZERO && s.bytes == MIB && s.has_place && s.place == 2 * MIB);
    CHECK_EQ(block_node_status(r.n, 20480, 4096, false, &s), 0);
    CHECK_EQ(s.where, BLOCK_DATA);
    CHECK_EQ(block_node_write(r.n, 4 * MIB - 1, a, 2, 0), (uint64_t)-EINVAL);
    rig_close(&r);
}

TEST(a_server_that_is_read_only_is_not_written)
{
    struct rig r;
    struct error e;
    uint8_t byte = 1;
    rig_open(&r, true);
    REQUIRE(r.n);
    CHECK_EQ(block_node_read(r.n, 0, &byte, 1), 0);
    CHECK_EQ(byte, 0);
    block_node_close(r.n);
    r.n = open_host(r.g, &r.h, ",export=disk", &e);
    CHECK(!r.n && strstr(e.text, "lets it be read only"));
    r.n = open_host(r.g, &r.h, ",export=disk,auto-read-only=on", &e);
    REQUIRE(r.n);
    CHECK(!block_node_writable(r.n));
    rig_close(&r);
}

TEST(an_export_that_is_not_there_is_named)
{
    struct rig r;
    struct error e;
    rig_open(&r, false);
    block_node_close(r.n);
    r.n = open_host(r.g, &r.h, ",export=disc", &e);
    CHECK_MSG(!r.n && strstr(e.text, "disc") && strstr(e.text, "no such export"), "%s", e.text);
    rig_close(&r);
}

/* ---- many requests at once, beside a copy of the disk in memory */

#define SLOTS 16
#define PIECE 8192

struct slot {
    struct block_request r;
    struct iovec iov;
    uint8_t bytes[PIECE];
    bool busy;
};

static void slot_done(struct block_request *r, int status)
{
    struct slot *s = container_of(r, struct slot, r);
    CHECK_EQ(status, 0);
    s->busy = false;
}

/* Slot i has the pieces i, i + SLOTS, ... for itself. */
static void slot_begin(struct slot *s, unsigned i, struct block_queue *q, struct rng *rng,
                       uint8_t *model)
{
    const uint64_t piece = i + SLOTS * rng_below(rng, 4 * MIB / PIECE / SLOTS);
    const uint64_t skip = rng_below(rng, 100), at = piece * PIECE + skip;
    const bool write = rng_below(rng, 3) > 0;
    const bool zero = write && rng_below(rng, 4) == 0;
    const size_t n = 1 + rng_below(rng, PIECE - 100);
    memset(s->bytes, (int)rng_below(rng, 256), n);
    if (write) {
        memset(model + at, zero ? 0 : s->bytes[0], n);
    }
    s->iov = (struct iovec){s->bytes, n};
    s->r = (struct block_request){.op = zero    ? BLOCK_WRITE_ZEROES
                                        : write ? BLOCK_WRITE
                                                : BLOCK_READ,
                                  .flags = zero ? BLOCK_MAY_UNMAP : 0,
                                  .offset = at,
                                  .bytes = n,
                                  .iov = &s->iov,
                                  .iov_count = 1,
                                  .done = slot_done};
    s->busy = true;
    block_queue_submit(q, &s->r);
}

static void storm(struct block_node *n, unsigned rounds)
{
    static struct slot slots[SLOTS];
    static uint8_t model[4 * MIB], now[4 * MIB];
    struct error e;
    struct rng rng;
    rng_seed(&rng, test_seed());
    struct block *b = block_open_node(n, "storm", BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                      BLOCK_PERM_READ, &e);
    struct block_queue *q = b ? block_queue_create(b, SLOTS, &e) : NULL;
    REQUIRE(q);
    memset(model, 0, sizeof(model));
    for (unsigned i = 0; i < rounds; i++) {
        struct slot *s = &slots[i % SLOTS];
        while (s->busy) {
            block_queue_wait(q);
        }
        slot_begin(s, i % SLOTS, q, &rng, model);
    }
    block_queue_drain(q);
    block_queue_destroy(q);
    block_close(b);
    CHECK_EQ(block_node_read(n, 0, now, sizeof(now)), 0);
    CHECK_MEM(model, now, sizeof(now));
}

TEST(many_requests_at_once_are_each_answered)
{
    struct rig r;
    rig_open(&r, false);
    if (r.n) {
        storm(r.n, 2000 * test_scale());
    }
    rig_close(&r);
}

TEST(blocks_of_a_server_are_kept_whole)
{
    struct nbd_host h = {.size = 4 * MIB, .min_block = 4096};
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    nbd_host_start(&h);
    struct block_node *n = open_host(g, &h, "", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    if (n) {
        storm(n, 1000 * test_scale());
    }
    block_node_close(n);
    CHECK_EQ(atomic_get(&h.misaligned), 0);
    nbd_host_stop(&h);
    block_graph_destroy(g);
}

/* ---- connections that are lost */

TEST(requests_wait_for_a_server_that_comes_back)
{
    struct nbd_host h = {.size = 4 * MIB, .min_block = 1, .hang_up_after = 7};
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    nbd_host_start(&h);
    struct block_node *n = open_host(g, &h, ",reconnect-delay=100000", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    if (n) {
        storm(n, 300);
    }
    CHECK(atomic_get(&h.connections) > 300 / 7);
    block_node_close(n);
    nbd_host_stop(&h);
    block_graph_destroy(g);
}

TEST(without_a_delay_a_lost_request_fails_and_the_next_connects_anew)
{
    struct nbd_host h = {.size = MIB, .min_block = 1, .hang_up_after = 1};
    struct error e = {{0}};
    uint8_t byte;
    struct block_graph *g = block_graph_create();
    nbd_host_start(&h);
    struct block_node *n = open_host(g, &h, "", &e);
    REQUIRE(n);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(block_node_read(n, 0, &byte, 1), 0);
        CHECK_EQ(block_node_read(n, 0, &byte, 1), (uint64_t)-EIO);
    }
    CHECK_EQ(atomic_get(&h.connections), 5);
    block_node_close(n);
    nbd_host_stop(&h);
    block_graph_destroy(g);
}

/* ---- servers that lie */

TEST(a_lie_in_the_handshake_is_an_error)
{
    for (enum nbd_lie lie = NBD_HONEST + 1; lie < NBD_LAST_OF_HANDSHAKE; lie++) {
        struct nbd_host h = {.size = MIB, .min_block = 1, .lie = lie};
        struct error e = {{0}};
        struct block_graph *g = block_graph_create();
        nbd_host_start(&h);
        struct block_node *n = open_host(g, &h, "", &e);
        CHECK_MSG(!n && e.text[0] && strstr(e.text, h.path), "lie %d: %s", lie, e.text);
        CHECK_MSG(lie != NBD_WANTS_TLS || strstr(e.text, "TLS"), "%s", e.text);
        nbd_host_stop(&h);
        block_graph_destroy(g);
    }
}

TEST(a_lie_about_a_request_fails_it)
{
    for (enum nbd_lie lie = NBD_LAST_OF_HANDSHAKE; lie < NBD_LIES; lie++) {
        struct nbd_host h = {.size = MIB, .min_block = 1, .lie = lie};
        struct error e = {{0}};
        uint8_t bytes[514];
        struct block_graph *g = block_graph_create();
        memset(bytes, 0xee, sizeof(bytes));
        nbd_host_start(&h);
        struct block_node *n = open_host(g, &h, "", &e);
        CHECK_MSG(n != NULL, "lie %d: %s", lie, e.text);
        CHECK_MSG(n && block_node_read(n, 4096, bytes + 1, 512) == -EIO, "lie %d", lie);
        CHECK_MSG(bytes[0] == 0xee && bytes[513] == 0xee, "lie %d", lie);
        block_node_close(n);
        nbd_host_stop(&h);
        block_graph_destroy(g);
    }
}

/* ---- names and options */

static const struct {
    const char *name, *options; /* NULL: it is refused */
} names[] = {
    {"nbd:unix:/a/b", "{\"driver\": \"nbd\", \"path\": \"/a/b\"}"},
    {"nbd:unix:/a/b:exportname=x y",
     "{\"driver\": \"nbd\", \"export\": \"x y\", \"path\": \"/a/b\"}"},
    {"nbd:host:7", "{\"driver\": \"nbd\", \"host\": \"host\", \"port\": \"7\"}"},
    {"nbd:[::1]:7:exportname=a",
     "{\"driver\": \"nbd\", \"export\": \"a\", \"host\": \"::1\", \"port\": \"7\"}"},
    {"nbd://host", "{\"driver\": \"nbd\", \"host\": \"host\", \"port\": \"10809\"}"},
    {"nbd://[fe80::1]:1/a/b%20c",
     "{\"driver\": \"nbd\", \"export\": \"a/b c\", \"host\": \"fe80::1\", \"port\": \"1\"}"},
    {"nbd+tcp://h:2/", "{\"driver\": \"nbd\", \"host\": \"h\", \"port\": \"2\"}"},
    {"nbd+unix:///x?socket=/a%2fb", "{\"driver\": \"nbd\", \"export\": \"x\", \"path\": \"/a/b\"}"},
    {"nbd+unix:///?socket=s", "{\"driver\": \"nbd\", \"path\": \"s\"}"},
    {"nbd:", NULL},
    {"nbd:host", NULL},
    {"nbd:unix:", NULL},
    {"nbd:unix::exportname=x", NULL},
    {"nbd::7", NULL},
    {"nbd:host:", NULL},
    {"nbd://", NULL},
    {"nbd://[::1", NULL},
    {"nbd://[::1]x:7", NULL},
    {"nbd+unix:///x", NULL},
    {"nbd+unix:///x?sock=/a", NULL},
    {"nbd+unix://host/x?socket=/a", NULL},
    {"nbds://host/x", NULL},
    {"nbds+unix:///x?socket=/a", NULL},
    {"ssh://host/x", NULL},
};

TEST(names_of_servers)
{
    for (size_t i = 0; i < array_len(names); i++) {
        struct error e = {{0}};
        json_t *o = block_options_of_protocol(names[i].name, &e);
        char *text = o ? json_dumps(o, JSON_SORT_KEYS) : NULL;
        if (names[i].options) {
            CHECK_MSG(text && strcmp(text, names[i].options) == 0, "%s: %s", names[i].name,
                      text ? text : e.text);
        } else {
            CHECK_MSG(!o && e.text[0], "%s: %s", names[i].name, text ? text : "");
        }
        free(text);
        json_decref(o);
    }
}

static const struct {
    const char *options, *error;
} refused[] = {
    {"nbd", "the server is missing"},
    {"nbd,path=a,host=b", "there are two servers"},
    {"nbd,server.type=unix", "the server is missing"},
    {"nbd,server.type=vsock,server.path=a", "unix and inet are accepted"},
    {"nbd,server.type=unix,server.host=a", "one server is accepted"},
    {"nbd,server.type=inet,server.host=a,path=b", "one server is accepted"},
    {"nbd,server.type=unix,server.pth=a", "did you mean 'path'?"},
    {"nbd,path=a,tls-creds=t", "there is no TLS"},
    {"nbd,path=a,x-dirty-bitmap=b", "not in this build"},
    {"nbd,path=/nonexistent/socket", "/nonexistent/socket: no connection"},
    {"nbd,path=a,reconnect-delay=soon", "a whole number"},
};

TEST(options_that_lead_to_no_server)
{
    for (size_t i = 0; i < array_len(refused); i++) {
        struct error e = {{0}};
        struct block_graph *g = block_graph_create();
        struct block_node *n = open_text(g, refused[i].options, true, &e);
        CHECK_MSG(!n && strstr(e.text, refused[i].error), "%s: %s", refused[i].options, e.text);
        block_node_close(n);
        block_graph_destroy(g);
    }
}
