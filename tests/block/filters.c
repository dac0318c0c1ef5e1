/* SPDX-License-Identifier: MIT */
/* Filters: limits, failures on demand, copies of what is read. */
#include <errno.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define MIB (1u << 20)

static const struct block_mode rw = {.write = true, .discard = true};

static struct block_node *open_json(struct block_graph *g, const char *text, struct error *e)
{
    json_t *o = json_loads(text, 0, NULL);
    CHECK_MSG(o != NULL, "%s", text);
    struct block_node *n = block_node_open(g, o, &rw, e);
    json_decref(o);
    return n;
}

/* ---- throttle */

static const char slow_disk[] = "{\"driver\":\"throttle\",\"throttle-group\":\"slow\","
                                "\"file\":{\"driver\":\"null-co\",\"size\":\"1M\"}}";

static void limit(struct block_graph *g, const char *group, const char *key, const char *value)
{
    struct error e = {{0}};
    bool known = false;
    CHECK_MSG(block_throttle_set(g, group, key, value, &known, &e) && known, "%s", key);
}

/* Milliseconds that `count` requests of n bytes take. */
static int64_t time_of(struct block_node *n, unsigned count, size_t bytes, bool write)
{
    uint8_t *buffer = mem_alloc(bytes);
    const int64_t start = os_now_ns();
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQ(write ? block_node_write(n, 0, buffer, bytes, 0)
                       : block_node_read(n, 0, buffer, bytes),
                 0);
    }
    mem_free(buffer);
    return (os_now_ns() - start) / 1000000;
}

static void ended(struct block_request *r, int status)
{
    (void)r;
    CHECK_EQ(status, 0);
}

/* The machine stops: what would wait for minutes is done at once. */
TEST(limits_are_off_while_requests_are_waited_for)
{
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    limit(g, "slow", "iops-total", "1");
    struct block_node *n = open_json(g, slow_disk, &e);
    REQUIRE(n != NULL);
    struct block *b = block_open_node(n, "disk", BLOCK_PERM_READ, BLOCK_PERM_ALL, &e);
    struct block_queue *q = b ? block_queue_create(b, 64, &e) : NULL;
    REQUIRE(q != NULL);
    static uint8_t buffer[512];
    const struct iovec iov = {buffer, sizeof(buffer)};
    struct block_request r[60];
    const int64_t start = os_now_ns();
    for (size_t i = 0; i < array_len(r); i++) {
        r[i] = (struct block_request){
            .op = BLOCK_READ, .bytes = 512, .iov = &iov, .iov_count = 1, .done = ended};
        block_queue_submit(q, &r[i]);
    }
    block_queue_drain(q);
    CHECK(os_now_ns() - start < INT64_C(20000000000)); /* of 60 s */
    CHECK(time_of(n, 2, 512, false) >= 900);           /* and then they are on again */
    block_queue_destroy(q);
    block_close(b);
    block_node_close(n);
    block_graph_destroy(g);
}

TEST(a_group_limits_requests_and_bytes)
{
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    limit(g, "slow", "iops-write", "100");
    limit(g, "slow", "bps-read", "1M");
    struct block_node *n = open_json(g, slow_disk, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_size(n), MIB);
    /* A tenth of a second's worth is there at first: 10 of 40 requests, 100 KiB of 400. */
    int64_t writes = time_of(n, 40, 512, true), reads = time_of(n, 4, 102400, false);
    CHECK_MSG(writes >= 290, "%d ms", (int)writes);
    CHECK_MSG(reads >= 280, "%d ms", (int)reads);
    block_node_close(n);
    block_graph_destroy(g);
}

TEST(a_burst_is_let_through)
{
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    limit(g, "burst", "iops-total", "10");
    limit(g, "burst", "iops-total-max", "100");
    limit(g, "burst", "iops-total-max-length", "5");
    struct block_node *n = open_json(g,
                                     "{\"driver\":\"throttle\",\"throttle-group\":\"burst\","
                                     "\"file\":{\"driver\":\"null-co\"}}",
                                     &e);
    REQUIRE(n != NULL);
    CHECK(time_of(n, 200, 512, true) < 15000); /* 20 s without bursts */
    block_node_close(n);
    block_graph_destroy(g);
}

TEST(limits_that_make_no_sense_are_refused)
{
    struct error e = {{0}};
    bool known;
    struct block_graph *g = block_graph_create();
    const char *text = "{\"driver\":\"throttle\",\"throttle-group\":\"a\","
                       "\"file\":{\"driver\":\"null-co\"}}";
    CHECK(!open_json(g, text, &e));
    CHECK_MSG(strstr(e.text, "there is no throttle group 'a'") != NULL, "%s", e.text);
    limit(g, "a", "bps-total-max", "100");
    CHECK(!open_json(g, text, &e));
    CHECK_MSG(strstr(e.text, "bps-total-max needs bps-total") != NULL, "%s", e.text);
    limit(g, "a", "bps-total", "100");
    limit(g, "a", "bps-read", "100");
    CHECK(!open_json(g, text, &e));
    CHECK_MSG(strstr(e.text, "exclude each other") != NULL, "%s", e.text);
    CHECK(block_throttle_set(g, "a", "bps-tital", "1", &known, &e) && !known);
    CHECK(!block_throttle_set(g, "a", "bps-total", "fast", &known, &e));
    block_graph_destroy(g);
}

/* ---- blkdebug */

TEST(errors_come_where_the_rules_say)
{
    struct error e = {{0}};
    uint8_t b[1024] = {0};
    struct block_graph *g = block_graph_create();
    struct block_node *n = open_json(
        g,
        "{\"driver\":\"blkdebug\",\"image\":{\"driver\":\"null-co\",\"size\":\"1M\"},"
        "\"inject-error\":[{\"event\":\"none\",\"iotype\":\"write\",\"sector\":8,\"errno\":28},"
        "{\"event\":\"none\",\"iotype\":\"read\",\"once\":true},"
        "{\"event\":\"flush_to_disk\",\"iotype\":\"discard\",\"state\":2,\"errno\":5}],"
        "\"set-state\":{\"0\":{\"event\":\"write_aio\",\"state\":1,\"new_state\":2}}}",
        &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_read(n, 0, b, 512), (uint64_t)-EIO);
    CHECK_EQ(block_node_read(n, 0, b, 512), 0);
    CHECK_EQ(block_node_flush(n), 0); /* state 1: the third rule stays as it is */
    CHECK_EQ(block_node_discard(n, 0, 512), 0);
    CHECK_EQ(block_node_write(n, 7 * 512, b, 512, 0), 0);
    CHECK_EQ(block_node_write(n, 7 * 512, b, 1024, 0), (uint64_t)-ENOSPC);
    CHECK_EQ(block_node_write(n, 8 * 512 + 511, b, 1, 0), (uint64_t)-ENOSPC);
    CHECK_EQ(block_node_write(n, 9 * 512, b, 512, 0), 0);
    CHECK_EQ(block_node_flush(n), 0); /* state 2 since the first write */
    CHECK_EQ(block_node_discard(n, 0, 512), (uint64_t)-EIO);
    block_node_close(n);
    block_graph_destroy(g);
}

TEST(rules_are_checked)
{
    static const struct {
        const char *rules, *says;
    } bad[] = {{"\"inject-error\":[{\"iotype\":\"raed\"}]", "did you mean 'read'"},
               {"\"inject-error\":[{\"evnt\":\"none\"}]", "did you mean 'event'"},
               {"\"inject-error\":{\"1\":{}}", "a rule is a group"},
               {"\"set-state\":[{\"state\":1}]", "no event="}};
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        struct block_graph *g = block_graph_create();
        char *text = mem_printf("{\"driver\":\"blkdebug\",\"image\":{\"driver\":\"null-co\"},%s}",
                                bad[i].rules);
        CHECK_MSG(!open_json(g, text, &e), "%s", text);
        CHECK_MSG(strstr(e.text, bad[i].says) != NULL, "%s", e.text);
        mem_free(text);
        block_graph_destroy(g);
    }
}

/* ---- copy-on-read */

TEST(what_is_read_is_kept)
{
    struct error e = {{0}};
    struct block_status s;
    uint8_t *disk = mem_alloc(MIB), b[4];
    for (unsigned i = 0; i < MIB; i++) {
        disk[i] = (uint8_t)(i / 512);
    }
    struct block_graph *g = block_graph_create();
    struct block_node *below = recorder_open(g, "below", disk, MIB);
    struct block_node *image = block_overlay_open(below, &e);
    REQUIRE(image != NULL);
    char *text = mem_printf("{\"driver\":\"copy-on-read\",\"file\":\"%s\"}",
                            block_node_name(image));
    struct block_node *n = open_json(g, text, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_write(n, 5000, "new", 3, 0), 0);
    CHECK_EQ(block_node_read(n, 8191, b, 2), 0);
    CHECK(b[0] == 15 && b[1] == 16);
    CHECK_EQ(block_node_status(image, 4096, MIB - 4096, false, &s), 0);
    CHECK(s.where == BLOCK_DATA && s.bytes == 8192); /* two granules and no more */
    CHECK_EQ(block_node_status(image, 12288, 4096, false, &s), 0);
    CHECK_EQ(s.where, BLOCK_UNALLOCATED);
    memset(recorder_of(below)->file, 0xee, MIB);
    CHECK_EQ(block_node_read(n, 8191, b, 2), 0);
    CHECK(b[0] == 15 && b[1] == 16);
    CHECK_EQ(block_node_read(n, 4999, b, 4), 0);
    CHECK_MEM(b, "\x09new", 4);
    block_node_close(n);
    block_node_close(image);
    block_node_close(below);
    block_graph_destroy(g);
    mem_free(text);
    mem_free(disk);
}

/* ---- through a disk's queue */

struct seen {
    struct block_request r;
    int status;
};

static void note_status(struct block_request *r, int status)
{
    container_of(r, struct seen, r)->status = status;
}

TEST(requests_of_a_disk_pass_filters)
{
    struct error e = {{0}};
    uint8_t b[512] = {0};
    struct iovec iov = {b, sizeof(b)};
    struct block_graph *g = block_graph_create();
    struct block_options o = {.format = mem_strdup("raw")};
    bool known;
    CHECK(block_options_set(&o, "file.driver", "blkdebug", &known, &e) && known);
    CHECK(block_options_set(&o, "file.image.driver", "null-co", &known, &e) && known);
    CHECK(block_options_set(&o, "file.inject-error.0.event", "none", &known, &e));
    CHECK(block_options_set(&o, "file.inject-error.0.sector", "3", &known, &e));
    CHECK(block_options_set(&o, "iops", "1000", &known, &e) && known);
    CHECK(block_options_set(&o, "throttling.bps-read", "10M", &known, &e) && known);
    struct block *d = block_open(g, &o, &e);
    REQUIRE(d != NULL);
    CHECK_STR(block_node_driver(block_node(d)), "throttle");
    struct block_queue *q = block_queue_create(d, 4, &e);
    for (unsigned i = 0; i < 6; i++) {
        struct seen s = {.r = {.op = i % 2 ? BLOCK_READ : BLOCK_WRITE,
                               .offset = 512 * i,
                               .bytes = 512,
                               .iov = &iov,
                               .iov_count = 1,
                               .done = note_status},
                         .status = 1};
        block_queue_submit(q, &s.r);
        block_queue_drain(q);
        CHECK_EQ(s.status, i == 3 ? (uint64_t)-EIO : 0);
    }
    block_queue_destroy(q);
    block_close(d);
    block_options_free(&o);
    block_graph_destroy(g);
}
