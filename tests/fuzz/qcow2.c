/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 900 */
/*
 * Hostile qcow2 images: good ones of several kinds in which tables, headers and packed data were
 * changed, by chance or to what a table could well say (places of other tables, of itself, far
 * away; marks). Whatever is asked of them ends with an answer or an error, in bounded memory.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block.h"
#include "tests/support/images.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define FILE_MOST (64 * MIB)
#define MEMORY_MOST (700 * MIB)

static const char *const kinds[] = {
    "{\"cluster_size\": 512}",
    "{\"cluster_size\": \"4K\"}",
    "{}",
    "{\"cluster_size\": \"16K\", \"extended_l2\": true}",
    "{\"compression_type\": \"zstd\", \"lazy_refcounts\": true}",
    "{\"cluster_size\": \"4K\", \"refcount_bits\": 1}",
    "{\"cluster_size\": \"4K\", \"compat\": \"0.10\"}",
};

struct image {
    uint8_t *bytes;
    size_t length;
};

static struct rng rng;

/* ---- good images */

static bool make_good(const char *kind, struct image *m, struct error *e)
{
    struct images i;
    images_begin(&i, rng_u64(&rng));
    bool good = images_make(&i, "qcow2", "x.qcow2", MIB, kind, e);
    struct block_node *n = good ? images_open(&i, "qcow2", "x.qcow2", true, NULL, e) : NULL;
    if (n) {
        const struct block_bitmap_request r = {.action = BLOCK_BITMAP_ADD, .name = "b"};
        good = images_random(&i, n, 20, true, e);
        struct error ignored; /* not all kinds have these */
        block_node_snapshot_create(n, &(struct block_snapshot){.name = (char *)(uintptr_t) "s"},
                                   &ignored);
        block_node_bitmap(n, &r, &ignored);
        good = good && images_random(&i, n, 10, true, e);
        block_node_close(n);
        m->bytes = images_bytes(&i, "x.qcow2", &m->length);
    }
    images_end(&i);
    return good && n;
}

/* ---- damage */

static uint64_t interesting(const struct image *m)
{
    const unsigned cluster_bits = (unsigned)load_be32(m->bytes + 20);
    const uint64_t cluster = UINT64_C(1) << (cluster_bits & 31);
    const uint64_t place = rng_below(&rng, m->length / cluster + 2) * cluster;
    switch (rng_below(&rng, 9)) {
    case 0:
        return place;
    case 1:
        return place | UINT64_C(1) << 63;
    case 2:
        return place | rng_u64(&rng) << 54;
    case 3:
        return place | 1;
    case 4:
        return rng_u64(&rng) & 0x00fffffffffffe00;
    case 5:
        return UINT64_C(1) << rng_below(&rng, 64);
    case 6:
        return load_be64(m->bytes + 40) | UINT64_C(1) << 63;
    case 7:
        return load_be64(m->bytes + 48) | UINT64_C(1) << 63;
    default:
        return rng_u64(&rng) >> rng_below(&rng, 64);
    }
}

/* Somewhere in a table: of the header, or at a place that the header or a table has. */
static size_t some_table(const struct image *m)
{
    static const unsigned fields[] = {40, 48, 64};
    uint64_t at = load_be64(m->bytes + fields[rng_below(&rng, array_len(fields))]);
    if (at + 8 <= m->length && rng_below(&rng, 2)) {
        at = load_be64(m->bytes + at) & 0x00fffffffffffe00;
    }
    at += rng_below(&rng, rng_below(&rng, 2) ? 64 : 4096);
    return at + 8 <= m->length ? (size_t)at : (size_t)rng_below(&rng, m->length - 8);
}

static void damage(struct image *m)
{
    for (uint64_t k = 1 + rng_below(&rng, rng_below(&rng, 2) ? 2 : 12); k; k--) {
        const size_t at = rng_below(&rng, 3) ? some_table(m) : (size_t)rng_below(&rng, 256);
        const uint64_t value = interesting(m);
        switch (rng_below(&rng, 4)) {
        case 0:
            m->bytes[at] = (uint8_t)value;
            break;
        case 1:
            store_be32(m->bytes + align_down(at, 4), (uint32_t)value);
            break;
        default:
            store_be64(m->bytes + align_down(at, 8), value);
        }
    }
    store_be32(m->bytes, 0x514649fb); /* the rest is the file's */
}

/* ---- what is asked of it */

static void say(void *opaque, bool error, const char *text)
{
    unsigned *said = opaque;
    (void)error;
    *said += text[0] != '\0';
}

static void look(struct block_node *n, uint8_t *buffer)
{
    const uint64_t size = block_node_size(n);
    struct error e;
    struct block_status s;
    json_t *facts = json_object();
    block_node_info(n, facts, &e);
    json_decref(facts);
    for (unsigned k = 0; size && k < 12; k++) {
        const uint64_t most = size < MIB ? size : MIB;
        const uint64_t at = rng_below(&rng, k < 8 ? most : size);
        const uint64_t left = size - at, bytes = 1 + rng_below(&rng, 100000);
        block_node_read(n, at, buffer, (size_t)(bytes < left ? bytes : left));
        if (block_node_status(n, at, left, true, &s) == 0) {
            CHECK(s.bytes > 0 && s.bytes <= left);
        }
    }
    block_node_state_read(n, 0, buffer, 4096);
}

static void change(struct block_node *n, uint8_t *buffer)
{
    const uint64_t size = block_node_size(n), most = size < MIB ? size : MIB;
    for (unsigned k = 0; size && k < 20; k++) {
        const uint64_t at = rng_below(&rng, rng_below(&rng, 8) ? most : size);
        uint64_t bytes = 1 + rng_below(&rng, 100000);
        bytes = bytes < size - at ? bytes : size - at;
        switch (rng_below(&rng, 5)) {
        case 0:
            block_node_zero(n, at, bytes, rng_below(&rng, 2) ? BLOCK_MAY_UNMAP : 0);
            break;
        case 1:
            block_node_discard(n, at, bytes);
            break;
        case 2:
            block_node_flush(n);
            break;
        default:
            block_node_write(n, at, buffer, (size_t)bytes, 0);
        }
    }
}

static void act(struct block_node *n)
{
    static const enum block_bitmap_action actions[] = {BLOCK_BITMAP_CLEAR, BLOCK_BITMAP_DISABLE,
                                                       BLOCK_BITMAP_MERGE, BLOCK_BITMAP_REMOVE};
    const struct block_bitmap_request r = {
        .action = actions[rng_below(&rng, array_len(actions))], .name = "b", .from_name = "b"};
    struct block_snapshot *list;
    size_t count;
    struct error e;
    switch (rng_below(&rng, 6)) {
    case 0:
        if (block_node_snapshots(n, &list, &count, &e)) {
            block_snapshots_free(list, count);
        }
        block_node_snapshot_create(n, &(struct block_snapshot){.name = (char *)(uintptr_t) "t"},
                                   &e);
        break;
    case 1:
        block_node_snapshot_apply(n, "s", &e);
        break;
    case 2:
        block_node_snapshot_delete(n, "s", &e);
        break;
    case 3:
        block_node_resize(n, rng_below(&rng, 4 * MIB) & ~UINT64_C(511), BLOCK_PREALLOC_OFF, &e);
        break;
    case 4:
        block_node_set_backing(n, NULL, NULL, &e);
        break;
    default:
        block_node_bitmap(n, &r, &e);
    }
}

static void check(struct block_node *n, unsigned fix)
{
    unsigned said = 0;
    struct error e = {{0}};
    struct block_check c = {.say = say, .opaque = &said};
    if (!block_node_check(n, fix, &c, &e)) {
        CHECK(e.text[0] != '\0');
    }
}

static unsigned opened;

static void ask(const struct image *m, uint8_t *buffer)
{
    struct block_mode mode = {
        .write = rng_below(&rng, 4) != 0, .discard = true, .no_backing = true};
    mode.repair_none = rng_below(&rng, 2);
    struct block_graph *g = block_graph_create();
    struct block_node *below = recorder_open(g, "memory", m->bytes, m->length);
    recorder_of(below)->most = FILE_MOST;
    json_t *o = json_pack("{s:s,s:s}", "driver", "qcow2", "file", "memory");
    struct error e = {{0}};
    struct block_node *n = block_node_open(g, o, &mode, &e);
    json_decref(o);
    CHECK(n || e.text[0]);
    if (n) {
        opened++;
        look(n, buffer);
        if (mode.write) {
            change(n, buffer);
            act(n);
            change(n, buffer);
        }
        check(n, 0);
        if (mode.write) {
            check(n, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS);
            change(n, buffer);
        }
        look(n, buffer);
        block_node_close(n);
    }
    block_node_close(below);
    block_graph_destroy(g);
}

TEST(hostile_images_are_answered_in_words_and_bounded_memory)
{
    struct error e = {{0}};
    struct rusage u;
    uint8_t *buffer = mem_alloc(128 * 1024);
    rng_seed(&rng, test_seed());
    rng_bytes(&rng, buffer, 128 * 1024);
    const unsigned rounds = 60 * test_scale();
    for (unsigned k = 0; k < array_len(kinds); k++) {
        struct image good = {0};
        CHECK_MSG(make_good(kinds[k], &good, &e), "%s", e.text);
        for (unsigned r = 0; good.bytes && r < rounds; r++) {
            struct image bad = {mem_dup(good.bytes, good.length), good.length};
            damage(&bad);
            ask(&bad, buffer);
            mem_free(bad.bytes);
        }
        mem_free(good.bytes);
    }
    mem_free(buffer);
    CHECK(opened > rounds); /* most are not refused at the door */
    CHECK_EQ(getrusage(RUSAGE_SELF, &u), 0);
#if !defined(__SANITIZE_ADDRESS__)
    CHECK_MSG((uint64_t)u.ru_maxrss * 1024 < MEMORY_MOST, "%ld KiB", u.ru_maxrss);
#endif
}
