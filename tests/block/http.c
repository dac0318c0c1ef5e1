/* SPDX-License-Identifier: MIT */
/* Images on web servers: parts, readahead, many readers, and servers that say what they must not.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block_internal.h"
#include "tests/support/web_host.h"
#include "tests/test.h"

#define SIZE 300001u /* no multiple of anything */

static uint8_t file[SIZE];

static void fill_file(void)
{
    struct rng rng;
    rng_seed(&rng, test_seed());
    rng_bytes(&rng, file, sizeof(file));
    unsetenv("http_proxy");
}

/* The host's file, with more options behind. */
static struct block_node *open_host(struct block_graph *g, const struct web_host *h,
                                    const char *more, struct error *e)
{
    const struct block_mode m = {.write = false};
    char *text = mem_printf("http,url=http://127.0.0.1:%u/%s", h->port, more);
    json_t *o = block_options_parse(text, "test", e);
    struct block_node *n = o ? block_node_open(g, o, &m, e) : NULL;
    json_decref(o);
    mem_free(text);
    return n;
}

TEST(parts_of_a_file_are_read)
{
    struct web_host h = {.file = file, .size = SIZE};
    struct error e = {{0}};
    struct rng rng;
    struct block_graph *g = block_graph_create();
    fill_file();
    rng_seed(&rng, test_seed());
    web_host_start(&h);
    struct block_node *n = open_host(g, &h, ",readahead=4096", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    for (unsigned i = 0; n && i < 100 * test_scale(); i++) {
        static uint8_t bytes[20000];
        const uint64_t at = rng_below(&rng, SIZE);
        const uint64_t most = SIZE - at < sizeof(bytes) ? SIZE - at : sizeof(bytes);
        const size_t some = 1 + (size_t)rng_below(&rng, most);
        CHECK_EQ(block_node_read(n, at, bytes, some), 0);
        CHECK_MEM(bytes, file + at, some);
    }
    if (n) {
        uint8_t byte = 0;
        CHECK_EQ(block_node_size(n), SIZE);
        CHECK_EQ(block_node_read(n, SIZE - 1, &byte, 1), 0);
        CHECK_EQ(byte, file[SIZE - 1]);
        CHECK_EQ(block_node_read(n, SIZE, &byte, 1), 0); /* zeros to the end of the sector */
        CHECK_EQ(byte, 0);
        CHECK_EQ(block_node_read(n, align_up(SIZE, 512), &byte, 1), (uint64_t)-EINVAL);
        CHECK_EQ(block_node_write(n, 0, &byte, 1, 0), (uint64_t)-EACCES);
    }
    block_node_close(n);
    web_host_stop(&h);
    block_graph_destroy(g);
}

TEST(what_stands_behind_is_got_along)
{
    struct web_host h = {.file = file, .size = SIZE};
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    fill_file();
    web_host_start(&h);
    struct block_node *n = open_host(g, &h, ",readahead=64K", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    for (unsigned at = 0; n && at < 65536; at += 512) {
        uint8_t sector[512];
        CHECK_EQ(block_node_read(n, at, sector, 512), 0);
        CHECK_MEM(sector, file + at, 512);
    }
    CHECK_EQ(atomic_get(&h.requests), 1);
    block_node_close(n);
    web_host_stop(&h);
    block_graph_destroy(g);
}

/* ---- several readers */

struct reader {
    struct block_node *n;
    struct os_thread thread;
    unsigned seed, wrong;
};

static void read_much(void *arg)
{
    struct reader *r = arg;
    struct rng rng;
    rng_seed(&rng, r->seed);
    for (unsigned i = 0; i < 60; i++) {
        uint8_t bytes[9000];
        const uint64_t at = rng_below(&rng, SIZE - sizeof(bytes));
        r->wrong += block_node_read(r->n, at, bytes, sizeof(bytes)) != 0 ||
                    memcmp(bytes, file + at, sizeof(bytes)) != 0;
    }
}

TEST(many_readers_get_what_they_asked_for)
{
    struct web_host h = {.file = file, .size = SIZE};
    struct error e = {{0}};
    struct reader r[12];
    struct block_graph *g = block_graph_create();
    fill_file();
    web_host_start(&h);
    struct block_node *n = open_host(g, &h, ",readahead=8192", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    for (unsigned i = 0; n && i < array_len(r); i++) {
        r[i] = (struct reader){.n = n, .seed = i};
        CHECK(os_thread_start(&r[i].thread, "reader", read_much, &r[i], &e));
    }
    for (unsigned i = 0; n && i < array_len(r); i++) {
        os_thread_join(&r[i].thread);
        CHECK_EQ(r[i].wrong, 0);
    }
    block_node_close(n);
    web_host_stop(&h);
    block_graph_destroy(g);
}

TEST(a_file_that_has_moved_is_followed_and_cookies_are_sent)
{
    struct web_host h = {.file = file, .size = SIZE, .moved = "/there"};
    struct error e = {{0}};
    uint8_t bytes[100];
    struct block_graph *g = block_graph_create();
    fill_file();
    web_host_start(&h);
    struct block_node *n = open_host(g, &h, ",cookie=a=1; b=2,sslverify=off,timeout=100", &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    CHECK(n && block_node_read(n, 1000, bytes, 100) == 0 && memcmp(bytes, file + 1000, 100) == 0);
    CHECK_STR(h.cookie, "a=1; b=2");
    block_node_close(n);
    web_host_stop(&h);
    block_graph_destroy(g);
}

/* ---- servers that say what they must not */

static const char *const head_errors[WEB_LAST_OF_HEAD] = {
    [WEB_NOT_THERE] = "status 404",
    [WEB_NO_RANGES] = "gives no parts",
    [WEB_NO_LENGTH] = "does not say how large",
    [WEB_HUGE] = "too large",
    [WEB_LOCAL_FILE] = "file",
    [WEB_IN_CIRCLES] = "redirect",
    [WEB_NOISE] = "",
};

TEST(a_server_that_has_no_such_file_is_an_error)
{
    for (enum web_lie lie = WEB_HONEST + 1; lie < WEB_LAST_OF_HEAD; lie++) {
        struct web_host h = {.file = file, .size = SIZE, .lie = lie};
        struct error e = {{0}};
        struct block_graph *g = block_graph_create();
        fill_file();
        web_host_start(&h);
        struct block_node *n = open_host(g, &h, ",timeout=100", &e);
        CHECK_MSG(!n && strstr(e.text, "http://127.0.0.1") && strstr(e.text, head_errors[lie]),
                  "lie %d: %s", lie, e.text);
        block_node_close(n);
        web_host_stop(&h);
        block_graph_destroy(g);
    }
}

TEST(a_part_that_is_another_is_an_error)
{
    for (enum web_lie lie = WEB_LAST_OF_HEAD; lie < WEB_LIES; lie++) {
        struct web_host h = {.file = file, .size = SIZE, .lie = lie};
        struct error e = {{0}};
        uint8_t bytes[514];
        struct block_graph *g = block_graph_create();
        fill_file();
        memset(bytes, 0xee, sizeof(bytes));
        web_host_start(&h);
        struct block_node *n = open_host(g, &h, ",timeout=100,readahead=512", &e);
        CHECK_MSG(n != NULL, "lie %d: %s", lie, e.text);
        CHECK_MSG(n && block_node_read(n, 4096, bytes + 1, 512) == -EIO, "lie %d", lie);
        CHECK_MSG(bytes[0] == 0xee && bytes[513] == 0xee, "lie %d", lie);
        h.lie = WEB_HONEST;
        CHECK_MSG(n && block_node_read(n, 4096, bytes + 1, 512) == 0, "after lie %d", lie);
        CHECK_MEM(bytes + 1, file + 4096, 512);
        block_node_close(n);
        web_host_stop(&h);
        block_graph_destroy(g);
    }
}

/* ---- options */

static const struct {
    const char *options, *error;
    bool write;
} refused[] = {
    {"http", "http://HOST/PATH is accepted", false},
    {"http,url=https://h/x", "http://HOST/PATH is accepted", false},
    {"https,url=http://h/x", "https://HOST/PATH is accepted", false},
    {"http,url=file:///etc/passwd", "http://HOST/PATH is accepted", false},
    {"http,url=http://h/x,readahead=1000", "multiples of 512", false},
    {"http,url=http://h/x,readahead=1G", "multiples of 512", false},
    {"http,url=http://h/x,timeout=0", "1 to 10000", false},
    {"http,url=http://h/x,password-secret=s", "not in this build", false},
    {"http,url=http://h/x,cookie-secret=s", "not in this build", false},
    {"http,url=http://h/x", "read only", true},
    {"http,url=http://127.0.0.1:1/x", "http://127.0.0.1:1/x: ", false},
};

TEST(options_that_lead_to_no_file)
{
    fill_file();
    for (size_t i = 0; i < array_len(refused); i++) {
        const struct block_mode m = {.write = refused[i].write};
        struct error e = {{0}};
        struct block_graph *g = block_graph_create();
        json_t *o = block_options_parse(refused[i].options, "test", &e);
        struct block_node *n = o ? block_node_open(g, o, &m, &e) : NULL;
        CHECK_MSG(!n && strstr(e.text, refused[i].error), "%s: %s", refused[i].options, e.text);
        block_node_close(n);
        json_decref(o);
        block_graph_destroy(g);
    }
}

TEST(names_of_files)
{
    struct error e;
    json_t *o = block_options_of_protocol("https://h:1/a b?c", &e);
    CHECK_STR(json_string_value(json_object_get(o, "url")), "https://h:1/a b?c");
    CHECK_STR(json_string_value(json_object_get(o, "driver")), "https");
    json_decref(o);
}
