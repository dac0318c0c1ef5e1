/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/*
 * Hostile disk images: good ones of each format whose headers and tables are changed at random,
 * with their checksums put right again or not. Each is refused with a text, or is a disk whose
 * requests are answered or fail; nothing crashes, takes memory without a bound, or goes on for
 * ever. Then it is checked and repaired.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block.h"
#include "block/vhdx.h"
#include "block/vpc.h"
#include "tests/support/folder.h"
#include "tests/support/formats.h"
#include "tests/support/images.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define KIB 1024u
#define MIB (1u << 20)
#define FILE_MAX (UINT64_C(64) << 20)
#define PIECE 65536u

struct kind {
    const char *format, *options;
    uint64_t bytes;                         /* of the disk */
    uint32_t head;                          /* most changes are in the first bytes */
    void (*mend)(uint8_t *image, size_t n); /* puts checksums right */
    bool crashed;                           /* it was not closed */
};

static struct rng rng;

/* ---- checksums */

static void mend_footer(uint8_t *f)
{
    store_be32(f + VPC_CHECKSUM, vpc_checksum(f, VPC_FOOTER_BYTES, VPC_CHECKSUM));
}

static void mend_vpc(uint8_t *image, size_t n)
{
    if (n >= 2048) {
        uint8_t *h = image + VPC_FOOTER_BYTES;
        mend_footer(image);
        mend_footer(image + n - VPC_FOOTER_BYTES);
        store_be32(h + VPC_SPARSE_CHECKSUM, vpc_checksum(h, VPC_HEADER_BYTES, VPC_SPARSE_CHECKSUM));
    }
}

static void mend_vhdx(uint8_t *image, size_t n)
{
    for (unsigned i = 0; i < 2 && n >= MIB; i++) {
        uint8_t *h = image + VHDX_HEADER_AT(i), *r = image + VHDX_REGIONS_AT(i);
        store_le32(h + VHDX_CHECKSUM, vhdx_checksum(h, VHDX_HEADER_BYTES, VHDX_CHECKSUM));
        store_le32(r + VHDX_CHECKSUM, vhdx_checksum(r, VHDX_REGIONS_BYTES, VHDX_CHECKSUM));
    }
    for (size_t at = MIB; at + 8192 <= n && at < 2 * MIB; at += 4096) { /* entries of the log */
        const uint32_t length = load_le32(image + at + 8);
        if (memcmp(image + at, "loge", 4) == 0 && length <= n - at && length <= MIB) {
            store_le32(image + at + 4, vhdx_checksum(image + at, length, 4));
        }
    }
}

static const struct kind kinds[] = {
    {"vdi", NULL, 5 << 20, 1024, NULL, false},
    {"vdi", "{\"static\":true}", 3 << 20, 600, NULL, false},
    {"vpc", "{\"force_size\":true}", 5 << 20, 2048, mend_vpc, false},
    {"vpc", "{\"force_size\":true,\"subformat\":\"fixed\"}", 1 << 20, 512, mend_vpc, false},
    {"parallels", "{\"cluster_size\":65536}", 1 << 20, 256, NULL, false},
    {"vmdk", NULL, 5 << 20, 64 * KIB, NULL, false},
    {"vmdk", "{\"subformat\":\"streamOptimized\"}", 2 << 20, 64 * KIB, NULL, false},
    {"vhdx", "{\"block_size\":1048576}", 2 << 20, 5 << 20, mend_vhdx, false},
    {"vhdx", "{\"block_size\":1048576}", 2 << 20, 5 << 20, mend_vhdx, true},
};

/* ---- a good image, with something in it */

static void scribble(struct block_node *n, unsigned times)
{
    uint8_t *bytes = mem_alloc(PIECE);
    const uint64_t size = block_node_size(n);
    memset(bytes, 0x5a, PIECE);
    for (unsigned i = 0; i < times && size; i++) {
        uint64_t at = rng_below(&rng, size), most = size - at < PIECE ? size - at : PIECE;
        uint64_t some = 1 + rng_below(&rng, most);
        switch (rng_below(&rng, 6)) {
        case 0:
            block_node_zero(n, at, some, BLOCK_MAY_UNMAP);
            break;
        case 1:
            block_node_discard(n, at, some);
            break;
        case 2:
            block_node_flush(n);
            break;
        case 3:
            block_node_read(n, at, bytes, (size_t)some);
            break;
        default:
            block_node_write(n, at, bytes, (size_t)some, 0);
        }
    }
    mem_free(bytes);
}

static void make_good(const struct kind *k, uint8_t **image, size_t *n)
{
    struct images i;
    struct error e = {{0}};
    images_begin(&i, 0);
    bool good = images_create(&i, k->format, "x", k->bytes, k->options, &e);
    struct block_node *node = good ? images_open(&i, k->format, "x", true, NULL, &e) : NULL;
    if (node) {
        scribble(node, 12);
    }
    if (node && k->crashed) {
        CHECK(block_node_flush(node) == 0);
        *image = images_bytes(&i, "x", n);
    }
    block_node_close(node);
    CHECK_MSG(node != NULL, "%s: %s", k->format, e.text);
    if (node && !k->crashed) {
        *image = images_bytes(&i, "x", n);
    }
    images_end(&i);
}

/* ---- changes */

static uint64_t interesting(size_t n)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      511,
                                      512,
                                      0x7fffffff,
                                      0x80000000,
                                      0xfffffffe,
                                      0xffffffff,
                                      UINT64_MAX,
                                      UINT64_MAX / 2,
                                      1 << 20,
                                      65536};
    switch (rng_below(&rng, 4)) {
    case 0:
        return rng_u64(&rng);
    case 1:
        return rng_below(&rng, n);
    case 2:
        return n / BLOCK_SECTOR + rng_below(&rng, 5) - 2;
    default:
        return values[rng_below(&rng, array_len(values))];
    }
}

static void change(uint8_t *image, size_t n, uint32_t head)
{
    const size_t within = rng_below(&rng, 8) && head < n ? head >> rng_below(&rng, 3) : n;
    const unsigned size = 1u << rng_below(&rng, 4);
    if (within < 16) {
        return;
    }
    size_t at = (size_t)rng_below(&rng, within - 8);
    at -= rng_below(&rng, 2) ? at % size : 0;
    switch (rng_below(&rng, 4)) {
    case 0:
        image[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
        break;
    case 1:
        store_be(image + at, size, interesting(n));
        break;
    case 2: /* what is elsewhere */
        memmove(image + at, image + rng_below(&rng, within - 8), size);
        break;
    default:
        store_le(image + at, size, interesting(n));
    }
}

static uint64_t said;
static unsigned opened, refused;

static void hear(void *opaque, bool error, const char *text)
{
    (void)opaque, (void)error;
    said += strlen(text) > 0;
}

static void use(const struct kind *k, struct block_graph *g, struct block_mode m)
{
    struct error e = {{0}};
    json_t *o = json_object();
    json_object_set_new(o, "driver", json_string(k->format));
    json_object_set_new(o, "file", json_string("memory"));
    struct block_node *node = block_node_open(g, o, &m, &e);
    CHECK_MSG(node || e.text[0], "%s was refused without a word", k->format);
    opened += node != NULL;
    refused += node == NULL;
    if (node) {
        json_t *facts = json_object();
        struct block_check c = {.say = hear};
        block_node_info(node, facts, &e);
        scribble(node, 12);
        block_node_check(node, 0, &c, &e);
        c = (struct block_check){.say = hear};
        if (m.write && block_node_check(node, BLOCK_FIX_ERRORS | BLOCK_FIX_LEAKS, &c, &e)) {
            scribble(node, 4);
        }
        json_decref(facts);
    }
    block_node_close(node);
    json_decref(o);
}

static void one(const struct kind *k, const uint8_t *good, size_t n)
{
    struct block_graph *g = block_graph_create();
    uint8_t *image = mem_dup(good, n);
    size_t length = rng_below(&rng, 6) ? n : (size_t)rng_below(&rng, n + 1);
    for (uint64_t i = 1 + rng_below(&rng, 6); i > 0; i--) {
        change(image, length, k->head);
    }
    if (k->mend && rng_below(&rng, 4)) {
        k->mend(image, length);
    }
    struct block_node *below = recorder_open(g, "memory", image, length);
    recorder_of(below)->most = FILE_MAX;
    for (unsigned i = 0; i < 3; i++) {
        use(k, g, (struct block_mode){.write = i > 0, .discard = true, .repair_none = i == 2});
    }
    block_node_close(below);
    block_graph_destroy(g);
    mem_free(image);
}

TEST(changed_images_are_refused_or_used)
{
    unsigned all_refused = 0;
    rng_seed(&rng, test_seed());
    for (size_t i = 0; i < array_len(kinds); i++) {
        uint8_t *image = NULL;
        size_t n = 0;
        make_good(&kinds[i], &image, &n);
        opened = refused = 0;
        for (unsigned round = 0; image && round < 150 * test_scale(); round++) {
            one(&kinds[i], image, n);
        }
        mem_free(image);
        printf("# %s: opened %u times, refused %u times\n", kinds[i].format, opened, refused);
        CHECK(opened > 0);
        all_refused += refused;
    }
    CHECK(said > 0 && all_refused > 0);
}

/* Texts that name other files: each is one of them again, or nothing. */
TEST(changed_descriptors_are_refused_or_used)
{
    static const char *const words[] = {
        "RW ", "SPARSE ",       "FLAT ", "ZERO", "\"",  "disk.vmdk", "s001", "=", "\n",
        "\r",  "CID",           "99",    "0 ",   "-1 ", "RDONLY ",   "../",  "/", "json:",
        "#",   "parentCID=1\n",
    };
    const char *path = formats_make("vmdk", "{\"subformat\":\"twoGbMaxExtentSparse\"}", 1 << 20);
    struct error e = {{0}};
    uint8_t *good = NULL;
    size_t n = 0;
    rng_seed(&rng, test_seed());
    CHECK(folder_read_file(path, &good, &n));
    opened = refused = 0;
    for (unsigned round = 0; round < 300 * test_scale(); round++) {
        uint8_t *text = mem_dup(good, n);
        for (uint64_t i = rng_below(&rng, 4); i > 0; i--) {
            const char *w = words[rng_below(&rng, array_len(words))];
            memcpy(text + rng_below(&rng, n - 20), w, strlen(w));
        }
        CHECK(truncate(path, rng_below(&rng, 4) ? (off_t)n : (off_t)rng_below(&rng, n)) == 0);
        formats_patch(path, 0, text, rng_below(&rng, 4) ? n : (size_t)rng_below(&rng, n));
        struct block_node *node = formats_open("vmdk", path, rng_below(&rng, 2), &e);
        *(node ? &opened : &refused) += 1;
        CHECK(node || e.text[0]);
        if (node) {
            scribble(node, 4);
        }
        block_node_close(node);
        mem_free(text);
    }
    CHECK(opened > 0 && refused > 0);
    mem_free(good);
    formats_folder_drop();
}
