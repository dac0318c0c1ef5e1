/* SPDX-License-Identifier: MIT */
/* VDI: what is refused, what a check finds and repairs, places that are used again. */
#include <unistd.h>

#include "base/bits.h"
#include "block/bat.h"
#include "tests/support/formats.h"
#include "tests/test.h"

#define MIB (1u << 20)
#define MAP 512u /* where the map of an image that we make is */

TEST(bad_headers_are_refused_in_words)
{
    static const struct formats_bad bad[] = {
        {0x40, 1, "is not a vdi image"},
        {0x44, 0x10002, "version 1.2 is not supported"},
        {0x4c, 4, "differencing vdi image"},
        {0x4c, 3, "type 3 is not supported"},
        {0x1a8, 7, "differencing vdi image"},
        {0x168, 4096, "sectors of 4096"},
        {0x17c, 8, "8 extra bytes"},
        {0x178, 0, "blocks of 0 bytes; powers of two"},
        {0x178, 3 * MIB, "powers of two from 4K to 256M"},
        {0x180, 1, "does not fit into 1 blocks"},
        {0x180, 0x7fffffff, "multiples of 512 are accepted that do not overlap"},
        {0x154, 100, "multiples of 512"},
        {0x158, 512, "do not overlap"},
    };
    struct error e = {{0}};
    CHECK_MSG(formats_refuses_all("vdi", NULL, bad, array_len(bad), &e), "%s", e.text);
    formats_folder_drop();
}

TEST(images_that_cannot_be_made_are_refused)
{
    struct error e = {{0}};
    CHECK_MSG(formats_makes_not("vdi", "{\"size\":\"2000T\"}", "up to 1023T", &e), "%s", e.text);
    CHECK_MSG(formats_makes_not("vdi", "{\"size\":512,\"static\":7}", "static", &e), "%s", e.text);
    CHECK_MSG(formats_makes_not("vdi", "{\"size\":512,\"statc\":true}", "did you mean", &e), "%s",
              e.text);
    const char *below = formats_make("vdi", NULL, MIB);
    char options[200];
    snprintf(options, sizeof(options), "{\"size\":512,\"backing_file\":\"%s\"}", below);
    CHECK_MSG(formats_makes_not("vdi", options, "has no backing files", &e), "%s", e.text);
    formats_folder_drop();
}

static void fill(const char *path, uint64_t offset, uint64_t bytes, uint8_t value)
{
    struct error e = {{0}};
    uint8_t block[4096];
    struct block_node *n = formats_open("vdi", path, true, &e);
    REQUIRE(n != NULL);
    memset(block, value, sizeof(block));
    for (uint64_t at = offset; at < offset + bytes; at += sizeof(block)) {
        CHECK_EQ(block_node_write(n, at, block, sizeof(block), 0), 0);
    }
    block_node_close(n);
}

TEST(blocks_on_each_other_and_nowhere_are_repaired)
{
    static uint8_t model[4 * MIB];
    struct error e = {{0}};
    struct block_check c;
    const char *path = formats_make("vdi", NULL, 4 * MIB);
    fill(path, 0, MIB, 1);
    fill(path, MIB, MIB, 2);
    formats_patch_le32(path, MAP + 8, 1);  /* the third lies on the second */
    formats_patch_le32(path, MAP + 12, 9); /* the fourth nowhere */
    CHECK(formats_check("vdi", path, 0, &c, &e) && c.corruptions == 2);
    CHECK(formats_check("vdi", path, BLOCK_FIX_ERRORS | BLOCK_FIX_LEAKS, &c, &e));
    CHECK_MSG(c.corruptions == 0 && c.corruptions_fixed >= 2, "%s", e.text);
    CHECK_MSG(formats_clean("vdi", path, &e), "%s", e.text);
    memset(model, 1, MIB);
    memset(model + MIB, 2, 2 * MIB);
    CHECK_MSG(formats_ours_is("vdi", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_run(&e, "qemu-img check -q -f vdi %s", path), "%s", e.text);
    formats_folder_drop();
}

TEST(holes_are_used_first_and_repaired)
{
    static uint8_t model[4 * MIB];
    struct error e = {{0}};
    struct block_check c;
    const char *path = formats_make("vdi", NULL, 4 * MIB);
    fill(path, 0, 3 * MIB, 7);
    formats_patch_le32(path, MAP, 0xffffffff); /* a place that nobody names any more */
    memset(model, 7, 3 * MIB);
    memset(model, 0, MIB);
    CHECK(formats_check("vdi", path, 0, &c, &e) && c.leaks == 1 && c.corruptions == 0);
    fill(path, 3 * MIB, 4096, 9); /* takes it, and the old bytes are gone */
    memset(model + 3 * MIB, 9, 4096);
    CHECK_MSG(formats_ours_is("vdi", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vdi", path, &e), "%s", e.text);
    formats_patch_le32(path, MAP + 4, 0xffffffff);
    memset(model + MIB, 0, MIB);
    CHECK(formats_check("vdi", path, BLOCK_FIX_LEAKS, &c, &e) && c.leaks == 0 && c.leaks_fixed > 0);
    CHECK_MSG(formats_run(&e, "qemu-img check -q -f vdi %s", path), "%s", e.text);
    CHECK_MSG(formats_ours_is("vdi", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}

TEST(a_table_is_read_again_when_memory_for_it_is_short)
{
    struct error e = {{0}};
    uint64_t at[64];
    uint8_t got;
    const char *path = formats_make("vdi", NULL, UINT64_C(100) << 30); /* 100 pages of the table */
    struct block_node *n = formats_open("vdi", path, false, &e);
    REQUIRE(n != NULL);
    struct bat *b = n->state;
    b->loaded_max = 3;
    REQUIRE(block_node_reopen(n, true, &e));
    for (unsigned i = 0; i < array_len(at); i++) {
        at[i] = (uint64_t)i * (UINT64_C(3) << 29) + i;
        CHECK_EQ(block_node_write(n, at[i], &(uint8_t){(uint8_t)(i + 1)}, 1, 0), 0);
        CHECK(b->loaded <= 3);
    }
    for (unsigned i = 0; i < array_len(at); i++) {
        CHECK(block_node_read(n, at[i], &got, 1) == 0 && got == i + 1);
        CHECK(b->loaded <= 3);
    }
    block_node_close(n);
    CHECK_MSG(formats_clean("vdi", path, &e), "%s", e.text);
    formats_folder_drop();
}
