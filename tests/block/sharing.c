/* SPDX-License-Identifier: MIT */
/* Several threads on one node: sectors that share a cluster are written, zeroed and copied up at
 * the same time, and none is lost. */
#include <errno.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "block/block_internal.h"
#include "tests/support/images.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define THREADS 3
#define SECTORS 192u /* of a disk of 24 granules: everybody is everywhere */
#define DEPTH 4

struct writer {
    struct block *disk; /* NULL: by the synchronous functions */
    struct block_node *node;
    unsigned mine; /* sectors n with n % THREADS == mine */
    unsigned rounds;
    uint64_t seed;
    uint8_t expected[SECTORS]; /* what each byte of a sector is */
    unsigned wrong;
};

struct slot {
    struct block_request r;
    struct iovec iov;
    uint8_t bytes[BLOCK_SECTOR];
    int status;
};

static void slot_done(struct block_request *r, int status)
{
    container_of(r, struct slot, r)->status = status;
}

static bool all_are(const uint8_t *p, uint8_t value)
{
    return p[0] == value && memcmp(p, p + 1, BLOCK_SECTOR - 1) == 0;
}

/* DEPTH different sectors of the writer's are written or zeroed together, and read together. */
static void round_of(struct writer *w, struct block_queue *q, struct rng *g, bool reads)
{
    struct slot s[DEPTH];
    unsigned first = (unsigned)rng_below(g, SECTORS / THREADS - DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) {
        unsigned sector = (first + i) * THREADS + w->mine;
        bool zero = !reads && rng_below(g, 4) == 0;
        if (!reads) {
            w->expected[sector] = zero ? 0 : (uint8_t)(1 + rng_below(g, 255));
        }
        memset(s[i].bytes, reads ? 0xa5 : w->expected[sector], BLOCK_SECTOR);
        s[i].iov = (struct iovec){s[i].bytes, BLOCK_SECTOR};
        s[i].r = (struct block_request){.op = reads  ? BLOCK_READ
                                              : zero ? BLOCK_WRITE_ZEROES
                                                     : BLOCK_WRITE,
                                        .offset = sector * BLOCK_SECTOR,
                                        .bytes = BLOCK_SECTOR,
                                        .iov = zero ? NULL : &s[i].iov,
                                        .iov_count = zero ? 0 : 1,
                                        .done = slot_done};
        if (q) {
            block_queue_submit(q, &s[i].r);
        } else {
            s[i].status = block_node_request(w->node, &s[i].r);
        }
    }
    if (q) {
        block_queue_drain(q);
    }
    for (unsigned i = 0; i < DEPTH; i++) {
        unsigned sector = (first + i) * THREADS + w->mine;
        w->wrong += s[i].status != 0 || (reads && !all_are(s[i].bytes, w->expected[sector]));
    }
}

static void write_and_read(void *arg)
{
    struct writer *w = arg;
    struct error e;
    struct rng g;
    struct block_queue *q = w->disk ? block_queue_create(w->disk, DEPTH, &e) : NULL;
    rng_seed(&g, w->seed);
    for (unsigned i = 0; i < w->rounds; i++) {
        round_of(w, q, &g, i % 2);
        if (!q && i % 16 == 0) {
            w->wrong += block_node_copy_up(w->node, BLOCK_SECTOR * rng_below(&g, SECTORS), 1) != 0;
        }
    }
    block_queue_destroy(q);
}

/* n stands on below, whose bytes are all 0x11; it is closed. */
static void start_over(struct block_node *n, unsigned rounds)
{
    struct error e = {{0}};
    struct writer w[THREADS];
    struct os_thread t[THREADS];
    REQUIRE(n != NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct writer){.node = n, .mine = i, .rounds = rounds, .seed = test_seed() + i};
        memset(w[i].expected, 0x11, sizeof(w[i].expected));
        w[i].disk = i + 1 < THREADS ? block_open_node(n, "disk", BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                                      BLOCK_PERM_ALL, &e)
                                    : NULL;
        REQUIRE(os_thread_start(&t[i], "writer", write_and_read, &w[i], &e));
    }
    for (unsigned i = 0; i < THREADS; i++) {
        os_thread_join(&t[i]);
        CHECK_EQ(w[i].wrong, 0);
    }
    uint8_t *disk = mem_alloc(SECTORS * BLOCK_SECTOR);
    CHECK_EQ(block_node_read(n, 0, disk, SECTORS * BLOCK_SECTOR), 0);
    for (unsigned i = 0; i < SECTORS; i++) {
        CHECK_MSG(all_are(disk + i * BLOCK_SECTOR, w[i % THREADS].expected[i]), "sector %u", i);
    }
    mem_free(disk);
    for (unsigned i = 0; i < THREADS; i++) {
        block_close(w[i].disk);
    }
    block_node_close(n);
}

static struct block_node *open_below(struct block_graph *g)
{
    uint8_t *bytes = mem_alloc(SECTORS * BLOCK_SECTOR);
    memset(bytes, 0x11, SECTORS * BLOCK_SECTOR);
    struct block_node *below = recorder_open(g, "below", bytes, SECTORS * BLOCK_SECTOR);
    recorder_of(below)->yields = true; /* in the middle of each copy */
    mem_free(bytes);
    return below;
}

TEST(writers_of_one_cluster_lose_nothing)
{
    struct block_graph *g = block_graph_create();
    struct block_node *below = open_below(g);
    struct error e;
    /* Often anew: clusters are copied up but once. */
    for (unsigned i = 0; i < 60 * test_scale(); i++) {
        start_over(block_overlay_open(below, &e), 60);
    }
    block_node_close(below);
    block_graph_destroy(g);
}

/* ---- qcow2: clusters of eight sectors, tables of which hardly any stay in memory */

static const char *const qcow2_kinds[] = {
    "{\"cluster_size\": 4096}",
    "{\"cluster_size\": 512}",
    "{\"cluster_size\": 16384, \"extended_l2\": true}",
};

static struct block_node *open_qcow2(struct block_graph *g, const uint8_t *image, size_t bytes,
                                     struct block_node **memory, struct error *e)
{
    const struct block_mode m = {.write = true, .discard = true};
    json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:i}", "driver", "qcow2", "file", "memory", "backing",
                          "below", "l2-cache-size", 512, "l2-cache-entry-size", 512);
    *memory = recorder_open(g, "memory", image, bytes);
    struct block_node *n = block_node_open(g, o, &m, e);
    json_decref(o);
    return n;
}

static void share_qcow2(const char *kind)
{
    struct images i;
    struct error e = {{0}};
    images_begin(&i, test_seed());
    CHECK_MSG(images_make(&i, "qcow2", "x", SECTORS * BLOCK_SECTOR, kind, &e), "%s", e.text);
    size_t bytes;
    uint8_t *image = images_bytes(&i, "x", &bytes);
    struct block_node *below = open_below(i.graph), *memory;
    for (unsigned k = 0; k < 30 * test_scale(); k++) {
        struct block_node *n = open_qcow2(i.graph, image, bytes, &memory, &e);
        CHECK_MSG(n != NULL, "%s", e.text);
        start_over(n, 60);
        json_t *o = json_pack("{s:s,s:s,s:s}", "driver", "qcow2", "file", "memory", "backing",
                              "below");
        n = block_node_open(i.graph, o, &(struct block_mode){.write = true}, &e);
        json_decref(o);
        CHECK_MSG(n && images_are_clean(n, &e), "%s: %s", kind, e.text);
        block_node_close(n);
        block_node_close(memory);
    }
    block_node_close(below);
    mem_free(image);
    images_end(&i);
}

TEST(writers_of_one_cluster_of_qcow2_lose_nothing)
{
    for (unsigned k = 0; k < array_len(qcow2_kinds); k++) {
        share_qcow2(qcow2_kinds[k]);
    }
}
