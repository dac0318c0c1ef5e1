/* SPDX-License-Identifier: MIT */
/*
 * Random options of nodes: keys and values that are good somewhere, put together anyhow, as texts
 * and as JSON, and changed. Each is refused with a text, or makes a node that can be read; nothing
 * is left behind.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "block/block_internal.h"
#include "tests/test.h"

static struct rng rng;
static char path[] = "/var/tmp/dragoman-test.XXXXXX";

static const char *const keys[] = {
    "driver",
    "node-name",
    "read-only",
    "discard",
    "detect-zeroes",
    "cache.direct",
    "cache",
    "file",
    "file.driver",
    "file.filename",
    "filename",
    "offset",
    "size",
    "image",
    "image.driver",
    "backing",
    "aio",
    "inject-error",
    "throttle-group",
    "inject-error.0.event",
    "file.size",
    "latency-ns",
    "set-state.0.event",
    "image.filename",
    "inject-error.0.sector",
    "file.file",
    "file.file.driver",
    "read-zeroes",
    "force-share",
    "locking",
};
static const char *const values[] = {
    "raw",
    "null-co",
    "null-aio",
    "blkdebug",
    "throttle",
    "copy-on-read",
    "file",
    "on",
    "off",
    "unmap",
    "0",
    "512",
    "4096",
    "1M",
    "8E",
    "-1",
    "18446744073709551615",
    "a",
    "g",
    "none",
    "threads",
    "read_aio",
    "json:{}",
    "host_device",
};

static const char *pick(const char *const *from, size_t n)
{
    return from[rng_below(&rng, n)];
}

static const char *value(void)
{
    return rng_below(&rng, 6) ? pick(values, array_len(values)) : path;
}

/* What would be accepted as it is; % stands for the path. */
static const char *const good[] = {
    "null-co",
    "raw,file.driver=null-co",
    "raw,file.driver=file,file.filename=%",
    "file,filename=%",
    "blkdebug,image.driver=null-co",
    "throttle,throttle-group=g,file.driver=raw,file.file.driver=file,file.file.filename=%",
    "copy-on-read,file.driver=null-co,file.size=1M",
    "raw,offset=512,file.driver=blkdebug,file.image.driver=file,file.image.filename=%",
};

static void put_text(struct strbuf *s)
{
    if (rng_below(&rng, 2)) {
        const char *text = pick(good, array_len(good)), *percent = strchr(text, '%');
        strbuf_printf(s, "%.*s%s", (int)(percent ? percent - text : (long)strlen(text)), text,
                      percent ? path : "");
    }
    for (uint64_t i = s->len ? rng_below(&rng, 3) : 6; i > 0; i--) {
        strbuf_printf(s, "%s%s=%s", s->len ? "," : "", pick(keys, array_len(keys)), value());
    }
}

static void put_json(struct strbuf *s, unsigned depth)
{
    strbuf_putc(s, '{');
    for (uint64_t i = 0, n = 1 + rng_below(&rng, 5); i < n; i++) {
        strbuf_printf(s, "%s\"%s\":", i ? "," : "", pick(keys, array_len(keys)));
        switch (rng_below(&rng, depth < 4 ? 6 : 4)) {
        case 0:
            strbuf_printf(s, "%d", (int)rng_below(&rng, 5000) - 100);
            break;
        case 1:
            strbuf_puts(s, rng_below(&rng, 2) ? "true" : "null");
            break;
        case 4:
            put_json(s, depth + 1);
            break;
        case 5:
            strbuf_putc(s, '[');
            put_json(s, depth + 1);
            strbuf_putc(s, ']');
            break;
        default:
            strbuf_printf(s, "\"%s\"", value());
        }
    }
    strbuf_putc(s, '}');
}

static void change(struct strbuf *s)
{
    for (uint64_t i = rng_below(&rng, 4); i > 1; i--) {
        s->text[rng_below(&rng, s->len)] = (char)(32 + rng_below(&rng, 95));
    }
}

static bool try_one(const char *text)
{
    const struct block_mode m = {.discard = true};
    struct error e = {{0}};
    bool known, opened = false;
    struct block_graph *g = block_graph_create();
    block_throttle_set(g, "g", "iops-total", "1000000", &known, &e);
    json_t *o = block_options_parse(text, "options", &e);
    struct block_node *n = o ? block_node_open(g, o, &m, &e) : NULL;
    if (n) {
        uint8_t byte;
        struct block_status s;
        uint64_t size = block_node_size(n);
        int status = size ? block_node_read(n, size - 1, &byte, 1) : 0;
        CHECK_MSG(status <= 0, "%s", text);
        CHECK_MSG(!size || block_node_status(n, 0, size, true, &s) <= 0, "%s", text);
        opened = true;
    } else {
        CHECK_MSG(strlen(e.text) > 5, "%s", text);
    }
    block_node_close(n);
    CHECK_MSG(block_graph_at(g, 0) == NULL, "%s", text);
    json_decref(o);
    block_graph_destroy(g);
    return opened;
}

TEST(options_of_nodes_make_one_or_are_refused)
{
    unsigned opened = 0;
    int fd = mkstemp(path);
    CHECK(ftruncate(fd, 65536) == 0);
    close(fd);
    rng_seed(&rng, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        struct strbuf s = {0};
        if (rng_below(&rng, 2)) {
            put_json(&s, 0);
        } else {
            put_text(&s);
        }
        change(&s);
        opened += try_one(s.text);
        strbuf_free(&s);
    }
    printf("# %u opened\n", opened);
    CHECK(opened > 300);
    unlink(path);
}
