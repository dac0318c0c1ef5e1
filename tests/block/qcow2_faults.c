/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/*
 * A host that fails in the middle of the driver's work, at each of its events: requests fail, but
 * what was acknowledged is there, now and after the image was closed, and the image has at most
 * leaks.
 */
#include <errno.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "tests/support/images.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define SECTORS 1024u
#define OPERATIONS 150u

static const char *const events[] = {
    "l2_load",
    "l2_update",
    "l1_update",
    "l2_alloc_cow_read",
    "l2_alloc_write",
    "refblock_load",
    "refblock_alloc",
    "refblock_alloc_hookup",
    "refblock_update_part",
    "reftable_grow",
    "cluster_alloc",
    "cluster_free",
    "cow_read",
    "cow_write",
    "write_aio",
    "flush_to_os",
    "flush_to_disk",
    "header_update",
};
static const char *const kinds[] = {
    "{\"cluster_size\": 512, \"refcount_bits\": 64}",
    "{\"cluster_size\": 4096, \"lazy_refcounts\": true}",
    "{\"cluster_size\": 16384, \"extended_l2\": true}",
};

/* What each sector may hold: a bit for each byte that it may be filled with. */
static uint8_t may_be[SECTORS][32];

static void only(uint64_t sector, uint8_t value)
{
    memset(may_be[sector], 0, sizeof(may_be[0]));
    may_be[sector][value / 8] |= (uint8_t)(1 << value % 8);
}

static void also(uint64_t sector, uint8_t value)
{
    may_be[sector][value / 8] |= (uint8_t)(1 << value % 8);
}

static void check_range(const char *what, struct block_node *n, uint64_t first, uint64_t count)
{
    uint8_t *p = mem_alloc((size_t)count * 512);
    const int status = block_node_read(n, first * 512, p, (size_t)count * 512);
    for (uint64_t k = 0; status == 0 && k < count; k++) {
        const uint8_t v = p[k * 512];
        CHECK_MSG((may_be[first + k][v / 8] >> v % 8 & 1) &&
                      memcmp(p + k * 512, p + k * 512 + 1, 511) == 0,
                  "%s: sector %" PRIu64 " has %u", what, first + k, v);
    }
    mem_free(p);
}

static int one(struct images *i, struct block_node *n, uint64_t first, uint64_t count,
               uint8_t value)
{
    uint8_t *p = mem_alloc((size_t)count * 512);
    memset(p, value, (size_t)count * 512);
    int status = value ? block_node_write(n, first * 512, p, (size_t)count * 512, 0)
                       : block_node_zero(n, first * 512, count * 512,
                                         rng_below(&i->rng, 2) ? BLOCK_MAY_UNMAP : 0);
    mem_free(p);
    return status;
}

static unsigned failures;

static void operate(const char *what, struct images *i, struct block_node *n)
{
    for (unsigned k = 0; k < OPERATIONS; k++) {
        const uint64_t count = 1 + rng_below(&i->rng, rng_below(&i->rng, 3) ? 20 : 200);
        const uint64_t first = rng_below(&i->rng, SECTORS - count + 1);
        const uint8_t value = rng_below(&i->rng, 4) ? (uint8_t)(1 + rng_below(&i->rng, 255)) : 0;
        switch (rng_below(&i->rng, 6)) {
        case 0:
            failures += block_node_flush(n) < 0;
            break;
        case 1:
            check_range(what, n, first, count);
            break;
        case 2:
            failures += block_node_discard(n, first * 512, count * 512) < 0;
            for (uint64_t s = 0; s < count; s++) {
                also(first + s, 0);
            }
            break;
        default: {
            const int status = one(i, n, first, count, value);
            failures += status < 0;
            for (uint64_t s = 0; s < count; s++) {
                status == 0 ? only(first + s, value) : also(first + s, value);
            }
        }
        }
    }
}

/* Three failures, each for the next request after the event has come again. */
static char *with_rules(const struct images *i, const char *event, const char *type, int error)
{
    return mem_printf(
        "{\"l2-cache-size\": 2048, \"l2-cache-entry-size\": 512, \"refcount-cache-size\": 512,"
        "\"file\": {\"driver\": \"blkdebug\", \"image\": {\"driver\": \"file\", \"filename\": "
        "\"%s\"}, \"set-state\": ["
        "{\"event\": \"%s\", \"state\": 1, \"new_state\": 2},"
        "{\"event\": \"%s\", \"state\": 2, \"new_state\": 3},"
        "{\"event\": \"%s\", \"state\": 3, \"new_state\": 4}],"
        "\"inject-error\": ["
        "{\"event\": \"%s\", \"state\": 2, \"iotype\": \"%s\", \"errno\": %d, \"once\": true},"
        "{\"event\": \"%s\", \"state\": 3, \"iotype\": \"%s\", \"errno\": %d, \"once\": true},"
        "{\"event\": \"%s\", \"state\": 4, \"iotype\": \"%s\", \"errno\": %d, \"once\": true}]}}",
        images_path(i, "x"), event, event, event, event, type, error, event, type, error, event,
        type, error);
}

static void look_again(const char *what, struct images *i)
{
    struct error e = {{0}};
    struct block_check c = {0};
    struct block_node *n = images_open(i, "qcow2", "x", true, NULL, &e);
    CHECK_MSG(n != NULL, "%s: %s", what, e.text);
    if (n) {
        CHECK_MSG(block_node_check(n, 0, &c, &e), "%s: %s", what, e.text);
        CHECK_MSG(c.corruptions == 0, "%s: %" PRIu64 " corruptions", what, c.corruptions);
        check_range(what, n, 0, SECTORS);
        block_node_close(n);
    }
}

static void suffer(const char *kind, const char *event, const char *type, int error, uint64_t seed)
{
    struct images i;
    struct error e = {{0}};
    images_begin(&i, seed);
    CHECK_MSG(images_make(&i, "qcow2", "x", SECTORS * 512, kind, &e), "%s", e.text);
    for (unsigned s = 0; s < SECTORS; s++) {
        only(s, 0);
    }
    char *what = mem_printf("%s, %s at %s", kind, type, event);
    char *options = with_rules(&i, event, type, error);
    struct block_node *n = images_open(&i, "qcow2", "x", true, options, &e);
    CHECK_MSG(n != NULL, "%s: %s", what, e.text);
    if (n) {
        operate(what, &i, n);
        int status = -EIO;
        for (unsigned k = 0; k < 10 && status < 0; k++) {
            status = block_node_flush(n);
        }
        CHECK_MSG(status == 0, "%s: no flush succeeds", what);
        check_range(what, n, 0, SECTORS);
        block_node_close(n);
        look_again(what, &i);
    }
    mem_free(options);
    mem_free(what);
    images_end(&i);
}

TEST(nothing_acknowledged_is_lost_by_a_host_that_fails)
{
    static const char *const types[] = {"any", "write", "read", "flush"};
    uint64_t seed = test_seed();
    for (unsigned k = 0; k < array_len(kinds); k++) {
        for (unsigned v = 0; v < array_len(events); v++) {
            for (unsigned t = 0; t < array_len(types); t++) {
                suffer(kinds[k], events[v], types[t], t % 2 ? ENOSPC : EIO, seed++);
            }
        }
    }
    printf("# %u requests failed\n", failures);
    CHECK(failures > 100);
}

/* ---- the order of what is written */

/* The first record from `from` on that is a write of [at, at + 64 KiB), or count. */
static size_t write_of(const struct recorder *r, size_t from, uint64_t at)
{
    while (from < r->count &&
           (r->records[from].kind != RECORD_WRITE || r->records[from].offset < at ||
            r->records[from].offset >= at + 65536)) {
        from++;
    }
    return from;
}

/* A cluster is anybody's only when the last reference to it is gone for good. */
TEST(a_refcount_is_lowered_behind_a_flush_of_what_referred)
{
    struct images i;
    struct error e = {{0}};
    size_t length;
    static uint8_t cluster[65536] = {1};
    const struct block_mode m = {.write = true, .discard = true};
    images_begin(&i, test_seed());
    REQUIRE(images_make(&i, "qcow2", "x", 1 << 20, NULL, &e));
    uint8_t *bytes = images_bytes(&i, "x", &length);
    struct block_node *below = recorder_open(i.graph, "memory", bytes, length);
    struct recorder *r = recorder_of(below);
    json_t *o = json_pack("{s:s,s:s}", "driver", "qcow2", "file", "memory");
    struct block_node *n = block_node_open(i.graph, o, &m, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_write(n, 0, cluster, sizeof(cluster), 0), 0);
    CHECK_EQ(block_node_flush(n), 0);
    r->recording = true;
    CHECK_EQ(block_node_discard(n, 0, sizeof(cluster)), 0);
    CHECK_EQ(block_node_flush(n), 0);
    r->recording = false;
    const uint64_t table = load_be64(r->file + load_be64(r->file + 40)) & ~(UINT64_C(1) << 63);
    const uint64_t counts = load_be64(r->file + load_be64(r->file + 48));
    size_t at = write_of(r, 0, table);
    const size_t lowered = write_of(r, 0, counts);
    CHECK(at < lowered && lowered < r->count);
    while (at < lowered && r->records[at].kind != RECORD_FLUSH) {
        at++;
    }
    CHECK_MSG(at < lowered, "there is no flush before record %zu", lowered);
    block_node_close(n);
    block_node_close(below);
    json_decref(o);
    mem_free(bytes);
    images_end(&i);
}
