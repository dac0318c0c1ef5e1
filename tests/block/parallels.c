/* SPDX-License-Identifier: MIT */
/* Parallels: the older form, the mark of use, what is refused. */
#include <unistd.h>

#include "base/bits.h"
#include "tests/support/formats.h"
#include "tests/test.h"

#define MIB (1u << 20)
#define IN_USE 0x746f6e59u
#define SMALL "{\"cluster_size\":65536}"

TEST(bad_headers_are_refused_in_words)
{
    static const struct formats_bad bad[] = {
        {0, 1, "is not a parallels image"},
        {16, 3, "is not a parallels image of version 2"},
        {28, 0, "clusters of 0 bytes; 512 to"},
        {28, 0x7fffffff, "are accepted"},
        {32, 1, "does not fit into 1 clusters"},
        {40, 0x7fffffff, "does not fit"},
        {48, 1, "lies on its table"},
    };
    struct error e = {{0}};
    CHECK_MSG(formats_refuses_all("parallels", "{\"cluster_size\":4096}", bad, array_len(bad), &e),
              "%s", e.text);
    CHECK_MSG(formats_makes_not("parallels", "{\"size\":512,\"cluster_size\":100}",
                                "multiples of 512", &e),
              "%s", e.text);
    CHECK_MSG(formats_makes_not("parallels", "{\"size\":\"4T\",\"cluster_size\":512}",
                                "clusters are too many", &e),
              "%s", e.text);
    formats_folder_drop();
}

static uint32_t word_at(struct block_node *n, uint64_t offset)
{
    uint8_t raw[4] = {0};
    CHECK_EQ(block_node_read(block_node_child(n, "file"), offset, raw, sizeof(raw)), 0);
    return load_le32(raw);
}

TEST(an_image_is_marked_while_it_is_written)
{
    struct error e = {{0}};
    const char *path = formats_make("parallels", SMALL, 4 * MIB);
    struct block_node *n = formats_open("parallels", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(word_at(n, 44), 0); /* it was not, yet */
    CHECK_EQ(block_node_write(n, 0, "x", 1, 0), 0);
    CHECK_EQ(block_node_flush(n), 0);
    CHECK_EQ(word_at(n, 44), IN_USE);
    block_node_close(n);
    n = formats_open("parallels", path, false, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(word_at(n, 44), 0);
    block_node_close(n);
    formats_folder_drop();
}

TEST(an_image_that_was_not_closed_is_looked_through)
{
    struct error e = {{0}};
    struct block_check c;
    const char *path = formats_make("parallels", SMALL, 4 * MIB);
    formats_patch_le32(path, 44, IN_USE);
    formats_patch_le32(path, 56, 7); /* an extension, which is dropped */
    CHECK(formats_check("parallels", path, 0, &c, &e) && c.corruptions == 1);
    struct block_node *n = formats_open("parallels", path, true, &e); /* and found to be good */
    REQUIRE(n != NULL);
    CHECK_EQ(word_at(n, 56), 0);
    block_node_close(n);
    CHECK_MSG(formats_clean("parallels", path, &e), "%s", e.text);
    formats_patch_le32(path, 44, IN_USE);
    formats_patch_le32(path, 64, 1000);
    CHECK_MSG(formats_refuses("parallels", path, "was not closed properly", &e), "%s", e.text);
    const struct block_mode m = {.write = true, .repair_none = true};
    n = block_node_open_name(formats_graph(), path, NULL, &m, &e);
    REQUIRE(n != NULL);
    c = (struct block_check){0};
    CHECK(block_node_check(n, BLOCK_FIX_ERRORS, &c, &e) && c.corruptions == 0);
    CHECK_EQ(c.corruptions_fixed, 2);
    block_node_close(n);
    CHECK_MSG(formats_run(&e, "qemu-img check -q %s", path), "%s", e.text);
    formats_folder_drop();
}

/* Entries are sectors, and the data is anywhere behind the table. */
TEST(images_of_the_older_form_are_read_and_written)
{
    static uint8_t model[63 * 512 * 20];
    struct error e = {{0}};
    const char *path = formats_make("parallels", "{\"cluster_size\":32256}", sizeof(model));
    formats_patch(path, 0, "WithoutFreeSpace", 16);
    formats_patch_le32(path, 48, 0);
    CHECK(truncate(path, 512) == 0);
    struct block_node *n = formats_open("parallels", path, true, &e);
    REQUIRE(n != NULL);
    for (unsigned i = 0; i < 40; i++) {
        const uint64_t at = (uint64_t)i * 7919 % 19 * 32256 + i;
        memset(model + at, (int)i + 1, 20000);
        CHECK_EQ(block_node_write(n, at, model + at, 20000, 0), 0);
    }
    block_node_close(n);
    CHECK_MSG(formats_clean("parallels", path, &e), "%s", e.text);
    CHECK_MSG(formats_ours_is("parallels", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("parallels", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_run(&e, "qemu-img check -q %s", path), "%s", e.text);
    formats_folder_drop();
}
