/* SPDX-License-Identifier: MIT */
/* VHD: sizes and geometries, what is refused, footers that are lost, bitmaps of others. */
#include "block/vpc.h"

#include <unistd.h>

#include "base/bits.h"
#include "tests/support/formats.h"
#include "tests/test.h"

#define MIB (1u << 20)
#define FORCED "{\"force_size\":true}"

TEST(sizes_are_rounded_to_geometries_as_qemu_img_does)
{
    static const uint64_t sizes[] = {512,       MIB,         100 * MIB,    UINT64_C(1) << 30,
                                     100000512, 0x1fffffe00, 0x1fbfe00000, UINT64_C(200) << 30};
    struct error e = {{0}};
    for (size_t i = 0; i < array_len(sizes); i++) {
        const char *path = formats_make("vpc", NULL, sizes[i]);
        struct block_node *n = formats_open("vpc", path, false, &e);
        REQUIRE(n != NULL);
        const uint64_t ours = block_node_size(n);
        block_node_close(n);
        CHECK(ours >= sizes[i]);
        CHECK_MSG(formats_run(&e,
                              "qemu-img create -q -f vpc %s.2 %" PRIu64 " && "
                              "qemu-img info --output=json -f vpc %s.2 | "
                              "grep -q '\"virtual-size\": %" PRIu64 "' && "
                              "qemu-img info --output=json -f vpc %s | "
                              "grep -q '\"virtual-size\": %" PRIu64 "'",
                              path, sizes[i], path, ours, path, ours),
                  "%" PRIu64 " is %" PRIu64 "; %s", sizes[i], ours, e.text);
    }
    formats_folder_drop();
}

static void mend(uint8_t *f, size_t n, size_t at)
{
    store_be32(f + at, vpc_checksum(f, n, at));
}

/* Changes a field of the footer at the start, or (from 512 on) of the header. */
static void change(const char *path, unsigned offset, uint32_t value, bool good_sum)
{
    uint8_t b[VPC_FOOTER_BYTES + VPC_HEADER_BYTES];
    FILE *f = fopen(path, "rb");
    CHECK(f && fread(b, 1, sizeof(b), f) == sizeof(b));
    fclose(f);
    store_be32(b + offset, value);
    if (good_sum) {
        mend(b, VPC_FOOTER_BYTES, VPC_CHECKSUM);
        mend(b + VPC_FOOTER_BYTES, VPC_HEADER_BYTES, VPC_SPARSE_CHECKSUM);
    }
    formats_patch(path, 0, b, sizeof(b));
}

TEST(bad_headers_are_refused_in_words)
{
    static const struct {
        unsigned offset;
        uint32_t value;
        bool good_sum;
        const char *says;
    } bad[] = {
        {VPC_TYPE, VPC_DIFFERENCING, true, "is a differencing vpc image, which is not supported"},
        {VPC_TYPE, 9, true, "vpc image type 9 is not known"},
        {VPC_TYPE, VPC_FIXED, true, "in a file of"},
        {VPC_DATA_OFFSET, 1, true, "does not lie in the file"},
        {512, 7, true, "is none, or its checksum is wrong"},
        {512 + VPC_SPARSE_BLOCKS, 9, false, "its checksum is wrong"},
        {512 + VPC_SPARSE_BLOCKS, 1, true, "does not fit into 1 blocks"},
        {512 + VPC_SPARSE_BLOCK_BYTES, 5, true, "blocks of 5 bytes; powers of two"},
        {512 + VPC_SPARSE_TABLE, 1, true, "does not lie in the file"},
    };
    struct error e = {{0}};
    for (size_t i = 0; i < array_len(bad); i++) {
        const char *path = formats_make("vpc", FORCED, 4 * MIB);
        change(path, bad[i].offset, bad[i].value, bad[i].good_sum);
        CHECK_MSG(formats_refuses("vpc", path, bad[i].says, &e), "%zu: %s", i, e.text);
    }
    const char *path = formats_make("vpc", "{\"subformat\":\"fixed\"}", MIB);
    CHECK(truncate(path, 4096) == 0);
    CHECK_MSG(formats_refuses("vpc", path, "is not a vpc image", &e), "%s", e.text);
    formats_folder_drop();
}

TEST(images_that_cannot_be_made_are_refused)
{
    struct error e = {{0}};
    CHECK_MSG(formats_makes_not("vpc", "{\"size\":\"2041G\"}", "up to 2040G", &e), "%s", e.text);
    CHECK_MSG(
        formats_makes_not("vpc", "{\"size\":512,\"subformat\":\"flat\"}", "dynamic, fixed", &e),
        "%s", e.text);
    formats_folder_drop();
}

TEST(a_lost_footer_is_put_back)
{
    struct error e = {{0}};
    static uint8_t model[4 * MIB];
    const char *path = formats_make("vpc", FORCED, 4 * MIB);
    struct block_node *n = formats_open("vpc", path, true, &e);
    REQUIRE(n != NULL);
    memset(model, 3, 1000);
    CHECK_EQ(block_node_write(n, 0, model, 1000, 0), 0);
    block_node_close(n);
    CHECK(truncate(path, 2048 + 512 + 2 * MIB + 100) == 0);
    CHECK_MSG(formats_ours_is("vpc", path, model, sizeof(model), &e), "%s", e.text);
    n = formats_open("vpc", path, true, &e);
    block_node_close(n);
    change(path, 0, 0, false); /* now only the one at the end is left */
    CHECK_MSG(formats_ours_is("vpc", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}

/* A block that another program wrote a part of, and noted which. */
TEST(the_first_write_to_a_block_sets_its_bitmap)
{
    struct error e = {{0}};
    uint8_t got[512] = {0};
    const char *path = formats_make("vpc", FORCED, 4 * MIB);
    struct block_node *n = formats_open("vpc", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_write(n, 0, "x", 1, 0), 0);
    block_node_close(n);
    formats_patch(path, 2048, got, sizeof(got));
    n = formats_open("vpc", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_write(n, 5000, "y", 1, 0), 0);
    CHECK_EQ(block_node_read(block_node_child(n, "file"), 2048, got, sizeof(got)), 0);
    CHECK(got[0] == 0xff && got[511] == 0xff);
    block_node_close(n);
    CHECK_MSG(formats_clean("vpc", path, &e), "%s", e.text);
    formats_folder_drop();
}

TEST(who_made_an_image_says_what_its_size_is)
{
    static const char *const creators[] = {"win ", "qem2", "tap", "d2v ", "vbox", "vpc ", "zzzz"};
    struct error e = {{0}};
    for (size_t i = 0; i < array_len(creators); i++) {
        const char *path = formats_make("vpc", FORCED, 4 * MIB);
        change(path, VPC_GEOMETRY, 100 << 16 | 4 << 8 | 17, true);
        change(path, VPC_CREATOR, load_be32(creators[i]), true);
        struct block_node *n = formats_open("vpc", path, false, &e);
        REQUIRE(n != NULL);
        CHECK_EQ(block_node_size(n), i < 4 ? 4 * MIB : 100 * 4 * 17 * 512);
        CHECK_MSG(formats_run(&e, "qemu-img info --output=json -f vpc %s | grep -q %" PRIu64, path,
                              block_node_size(n)),
                  "%s: %s", creators[i], e.text);
        block_node_close(n);
    }
    formats_folder_drop();
}
