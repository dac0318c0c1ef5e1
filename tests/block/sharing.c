/* SPDX-License-Identifier: MIT */
/* Several threads on one node: sectors that share a cluster are written, zeroed and copied up at
 * the same time, and none is lost. */
#include <errno.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "block/block_internal.h"
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

static void start_over(struct block_node *below, unsigned rounds)
{
    struct error e = {{0}};
    struct writer w[THREADS];
    struct os_thread t[THREADS];
    struct block_node *n = block_overlay_open(below, &e);
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

TEST(writers_of_one_cluster_lose_nothing)
{
    struct block_graph *g = block_graph_create();
    uint8_t *bytes = mem_alloc(SECTORS * BLOCK_SECTOR);
    memset(bytes, 0x11, SECTORS * BLOCK_SECTOR);
    struct block_node *below = recorder_open(g, "below", bytes, SECTORS * BLOCK_SECTOR);
    recorder_of(below)->yields = true; /* in the middle of each copy */
    /* Often anew: clusters are copied up but once. */
    for (unsigned i = 0; i < 60 * test_scale(); i++) {
        start_over(below, 60);
    }
    block_node_close(below);
    block_graph_destroy(g);
    mem_free(bytes);
}
