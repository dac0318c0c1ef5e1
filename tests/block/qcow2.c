/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/* qcow2: random requests beside a model, and what qemu-img says of the same files. */

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "tests/support/images.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)

struct kind {
    const char *name;
    uint64_t size;
    const char *options; /* of creation */
    const char *qemu;    /* the same for qemu-img */
    bool packed;
};

static const struct kind kinds[] = {
    {"plain", 4 * MIB, NULL, "compat=1.1", true},
    {"version 2", 4 * MIB, "{\"compat\": \"0.10\"}", "compat=0.10", true},
    {"clusters of 512 bytes", 3 * MIB + 1536, "{\"cluster_size\": 512}", "cluster_size=512", false},
    {"clusters of 4 KiB", 4 * MIB, "{\"cluster_size\": \"4K\"}", "cluster_size=4k", false},
    {"clusters of 2 MiB", 9 * MIB, "{\"cluster_size\": \"2M\"}", "cluster_size=2M", false},
    {"refcounts of 1 bit", 4 * MIB, "{\"refcount_bits\": 1}", "refcount_bits=1", true},
    {"refcounts of 64 bits", 4 * MIB, "{\"refcount_bits\": 64, \"cluster_size\": 1024}",
     "refcount_bits=64,cluster_size=1024", false},
    {"lazy refcounts", 4 * MIB, "{\"lazy_refcounts\": true}", "lazy_refcounts=on", true},
    {"extended L2", 4 * MIB, "{\"extended_l2\": true}", "extended_l2=on", true},
    {"extended L2, 16 KiB", 4 * MIB, "{\"extended_l2\": true, \"cluster_size\": \"16K\"}",
     "extended_l2=on,cluster_size=16k", false},
    {"zstd", 4 * MIB, "{\"compression_type\": \"zstd\"}", "compression_type=zstd", true},
    {"data file", 4 * MIB, "{\"data_file\": \"x.data\"}", "data_file=x.data", false},
    {"raw data file", 4 * MIB, "{\"data_file\": \"x.data\", \"data_file_raw\": true}",
     "data_file=x.data,data_file_raw=on", false},
    {"preallocated", 4 * MIB, "{\"preallocation\": \"metadata\"}", "preallocation=metadata", true},
    {"preallocated in full", 4 * MIB, "{\"preallocation\": \"full\", \"cluster_size\": 4096}",
     "preallocation=full,cluster_size=4096", false},
};

/* Two rounds of requests with a reopening between, then both programs look. */
static void exercise(struct images *i, const struct kind *k, const char *open)
{
    struct error e = {{0}};
    for (unsigned round = 0; round < 2; round++) {
        struct block_node *n = images_open(i, "qcow2", "x.qcow2", true, open, &e);
        CHECK_MSG(n != NULL, "%s: %s", k->name, e.text);
        if (!n) {
            return;
        }
        CHECK_MSG(images_compare(i, n, &e), "%s: reopened: %s", k->name, e.text);
        CHECK_MSG(images_random(i, n, 150 * test_scale(), k->packed, &e), "%s: %s", k->name,
                  e.text);
        CHECK_MSG(images_are_clean(n, &e), "%s: %s", k->name, e.text);
        CHECK_MSG(images_random(i, n, 20, k->packed, &e), "%s: after a check: %s", k->name, e.text);
        block_node_close(n);
    }
    CHECK_MSG(images_qemu_agrees(i, "qcow2", "x.qcow2", &e), "%s: %s", k->name, e.text);
}

TEST(random_requests_equal_a_model_and_qemu_reads_them)
{
    for (unsigned k = 0; k < array_len(kinds); k++) {
        struct images i;
        struct error e = {{0}};
        images_begin(&i, test_seed() + k);
        CHECK_MSG(images_make(&i, "qcow2", "x.qcow2", kinds[k].size, kinds[k].options, &e),
                  "%s: %s", kinds[k].name, e.text);
        CHECK_MSG(images_qemu_agrees(&i, "qcow2", "x.qcow2", &e), "%s, new: %s", kinds[k].name,
                  e.text);
        exercise(&i, &kinds[k], NULL);
        images_end(&i);
    }
}

/* The same in images that the other program made, and with caches that hold next to nothing. */
TEST(images_of_qemu_are_read_and_written)
{
    for (unsigned k = 0; k < array_len(kinds); k++) {
        struct images i;
        struct error e = {{0}};
        images_begin(&i, test_seed() + 100 + k);
        CHECK_MSG(images_qemu_make(&i, "qcow2", "x.qcow2", kinds[k].size, kinds[k].qemu, &e),
                  "%s: %s", kinds[k].name, e.text);
        exercise(&i, &kinds[k],
                 "{\"l2-cache-size\": 512, \"l2-cache-entry-size\": 512, "
                 "\"refcount-cache-size\": 1}");
        images_end(&i);
    }
}

/* ---- backing files */

static const char *const backed[] = {
    "{\"backing_file\": \"base.qcow2\", \"backing_fmt\": \"qcow2\"}",
    "{\"backing_file\": \"base.qcow2\", \"backing_fmt\": \"qcow2\", \"extended_l2\": true}",
    "{\"backing_file\": \"base.qcow2\", \"backing_fmt\": \"qcow2\", \"compat\": \"0.10\"}",
    "{\"backing_file\": \"base.qcow2\", \"backing_fmt\": \"qcow2\", \"cluster_size\": 512}",
};

/* A base with contents, which the model has then. */
static void make_base(struct images *i, uint64_t size)
{
    struct error e = {{0}};
    CHECK_MSG(images_make(i, "qcow2", "base.qcow2", size, NULL, &e), "%s", e.text);
    struct block_node *n = images_open(i, "qcow2", "base.qcow2", true, NULL, &e);
    REQUIRE(n != NULL);
    CHECK_MSG(images_random(i, n, 60, true, &e), "%s", e.text);
    block_node_close(n);
}

/* An image on top whose disk may have another size; the model stays the base's. */
static bool make_top(struct images *i, uint64_t size, const char *options, struct error *e)
{
    images_model_size(i, size);
    return images_create(i, "qcow2", "x.qcow2", size, options, e);
}

TEST(backing_files_show_through_where_nothing_was_written)
{
    for (unsigned k = 0; k < array_len(backed); k++) {
        static const uint64_t sizes[] = {4 * MIB, 3 * MIB + 512, 6 * MIB};
        for (unsigned s = 0; s < array_len(sizes); s++) {
            const struct kind kind = {.name = backed[k], .packed = k == 0};
            struct images i;
            struct error e = {{0}};
            images_begin(&i, test_seed() + 200 + k);
            make_base(&i, 4 * MIB);
            CHECK_MSG(make_top(&i, sizes[s], backed[k], &e), "%s", e.text);
            CHECK_MSG(images_qemu_agrees(&i, "qcow2", "x.qcow2", &e), "%s", e.text);
            exercise(&i, &kind, NULL);
            images_end(&i);
        }
    }
}
