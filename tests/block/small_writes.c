/* SPDX-License-Identifier: MIT */
/* Many writes to parts of new clusters at the same time, through one queue: each cluster is made
 * once, nothing is lost, and what waits for a cluster occupies no worker. */
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block_internal.h"
#include "tests/support/images.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define CLUSTER 65536u
#define DEPTH 64u

struct slot {
    struct block_request r;
    struct iovec iov;
    uint8_t *bytes;
    unsigned calls;
    int status;
};

struct rig {
    struct images i;
    const char *format;
    struct block_node *n;
    struct block *disk;
    struct block_queue *q;
    struct slot slot[DEPTH];
};

static void rig_open(struct rig *r, const char *format, uint64_t size, const char *options,
                     const char *aio)
{
    struct error e = {{0}};
    r->format = format;
    images_begin(&r->i, test_seed());
    CHECK_MSG(images_make(&r->i, r->format, "x", size, options, &e), "%s", e.text);
    char *text = mem_printf(
        "{\"file\": {\"driver\": \"file\", \"filename\": \"%s\", \"aio\": \"%s\"}}",
        images_path(&r->i, "x"), aio);
    json_t *o = json_loads(text, 0, NULL);
    json_object_set_new(o, "driver", json_string(format));
    r->n = block_node_open(r->i.graph, o, &(struct block_mode){.write = true, .discard = true}, &e);
    json_decref(o);
    mem_free(text);
    REQUIRE(r->n != NULL);
    r->disk = block_open_node(r->n, "disk", BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_ALL, &e);
    REQUIRE(r->disk != NULL);
    r->q = block_queue_create(r->disk, DEPTH, &e);
    REQUIRE(r->q != NULL);
}

/* What was written is what the model says, and the tables are as they must be. */
static void rig_close(struct rig *r)
{
    struct error e = {{0}};
    block_queue_destroy(r->q);
    block_close(r->disk);
    CHECK_MSG(images_compare(&r->i, r->n, &e), "%s", e.text);
    CHECK_MSG(!r->n->driver->check || images_are_clean(r->n, &e), "%s", e.text);
    block_node_close(r->n);
    CHECK_MSG(images_qemu_reads(&r->i, r->format, "x", r->i.model, r->i.size, &e), "%s", e.text);
    images_end(&r->i);
}

static void slot_done(struct block_request *r, int status)
{
    struct slot *s = container_of(r, struct slot, r);
    s->calls++;
    s->status = status;
}

/* Random bytes to the place, in the model as well. */
static void submit(struct rig *r, struct slot *s, uint64_t offset, uint64_t bytes)
{
    s->bytes = mem_alloc((size_t)bytes);
    s->calls = 0;
    memset(s->bytes, 1 + (int)rng_below(&r->i.rng, 255), (size_t)bytes);
    memcpy(r->i.model + offset, s->bytes, (size_t)bytes);
    s->iov = (struct iovec){s->bytes, (size_t)bytes};
    s->r = (struct block_request){.op = BLOCK_WRITE,
                                  .offset = offset,
                                  .bytes = bytes,
                                  .iov = &s->iov,
                                  .iov_count = 1,
                                  .done = slot_done};
    block_queue_submit(r->q, &s->r);
}

static void drain(struct rig *r, unsigned count)
{
    block_queue_drain(r->q);
    for (unsigned k = 0; k < count; k++) {
        CHECK_EQ(r->slot[k].calls, 1);
        CHECK_EQ(r->slot[k].status, 0);
        mem_free(r->slot[k].bytes);
    }
}

static unsigned length(const struct list *l)
{
    unsigned n = 0;
    for (const struct list_node *i = l->head.next; i != &l->head; i = i->next) {
        n++;
    }
    return n;
}

TEST(writes_to_a_cluster_that_is_being_made_wait_in_the_queue)
{
    struct rig r;
    rig_open(&r, "qcow2", 4 * MIB, NULL, "threads");
    submit(&r, &r.slot[0], 0, 4096); /* tables come into memory */
    drain(&r, 1);
    for (unsigned k = 0; k < 32; k++) {
        submit(&r, &r.slot[k], CLUSTER + k * 4096, 4096);
    }
    CHECK_EQ(length(&r.q->makers), 2); /* one for each cluster */
    CHECK_EQ(length(&r.q->deferred), 30);
    drain(&r, 32);
    CHECK_EQ(length(&r.q->makers) + length(&r.q->deferred), 0);
    rig_close(&r);
}

/* Neighbours that do not overlap, each begun anywhere, a few at a time up to DEPTH. */
static void write_pieces(struct rig *r)
{
    uint64_t at = rng_below(&r->i.rng, r->i.size);
    unsigned n = 1 + (unsigned)rng_below(&r->i.rng, DEPTH), k;
    for (k = 0; k < n && at < r->i.size; k++) {
        const uint64_t most = rng_below(&r->i.rng, 8) ? 6000 : 200000;
        uint64_t bytes = 1 + rng_below(&r->i.rng, most), left = r->i.size - at;
        bytes = bytes < left ? bytes : left;
        submit(r, &r->slot[k], at, bytes);
        at += bytes + (rng_below(&r->i.rng, 4) ? 0 : rng_below(&r->i.rng, 100000));
    }
    drain(r, k);
}

TEST(what_the_page_cache_takes_and_has_needs_no_thread)
{
    struct rig r;
    struct error e = {{0}};
    uint8_t page[4096];
    rig_open(&r, "raw", MIB, NULL, "threads");
    for (unsigned k = 0; k < 32; k++) {
        submit(&r, &r.slot[k], k * 8192, 4096);
    }
    drain(&r, 32);
    CHECK(r.q->pool == NULL);
    submit(&r, &r.slot[0], 512, 512); /* the rest of the page may be on the disk */
    drain(&r, 1);
    CHECK(r.q->pool != NULL);
    struct block_queue *other = block_queue_create(r.disk, DEPTH, &e);
    REQUIRE(other != NULL);
    struct slot s = {.iov = {page, sizeof(page)}};
    s.r = (struct block_request){.op = BLOCK_READ,
                                 .offset = 8192,
                                 .bytes = sizeof(page),
                                 .iov = &s.iov,
                                 .iov_count = 1,
                                 .done = slot_done};
    block_queue_submit(other, &s.r);
    block_queue_drain(other);
    CHECK_EQ(s.status, 0);
    CHECK_MEM(page, r.i.model + 8192, sizeof(page));
    CHECK(other->pool == NULL);
    block_queue_destroy(other);
    rig_close(&r);
}

TEST(many_small_writes_lose_nothing)
{
    static const char *const kinds[] = {
        NULL,
        "{\"cluster_size\": 4096}",
        "{\"extended_l2\": true}",
        "{\"compat\": \"0.10\"}",
        "{\"preallocation\": \"metadata\"}",
    };
    static const char *const aio[] = {"io_uring", "threads"};
    for (unsigned k = 0; k < array_len(kinds) * array_len(aio); k++) {
        struct rig r;
        rig_open(&r, "qcow2", 8 * MIB + 512, kinds[k / 2], aio[k % 2]);
        for (unsigned round = 0; round < 8 * test_scale(); round++) {
            write_pieces(&r);
            if (rng_below(&r.i.rng, 3) == 0) { /* and made anew */
                const uint64_t from = rng_below(&r.i.rng, 8) * MIB;
                CHECK_EQ(block_node_zero(r.n, from, MIB, BLOCK_MAY_UNMAP), 0);
                memset(r.i.model + from, 0, MIB);
            }
        }
        rig_close(&r);
    }
}
