/* SPDX-License-Identifier: MIT */
/* Error texts and suggestions: base/error.h. */
#include "base/error.h"

#include "base/bits.h"
#include "tests/test.h"

TEST(setting_returns_false_and_formats)
{
    struct error e;
    CHECK(!error_set(&e, "disk '%s': %d bytes are too few", "a.img", 7));
    CHECK_STR(e.text, "disk 'a.img': 7 bytes are too few");
    CHECK(!error_set(NULL, "dropped %d", 1));
}

TEST(text_may_be_built_from_itself)
{
    struct error e;
    error_set(&e, "inner");
    error_set(&e, "outer: %s", e.text);
    CHECK_STR(e.text, "outer: inner");
}

TEST(prefix_and_suffix_surround_the_text)
{
    struct error e;
    error_set(&e, "no such file");
    error_prefix(&e, "-kernel %s: ", "Image");
    error_append(&e, " (%d)", 2);
    CHECK_STR(e.text, "-kernel Image: no such file (2)");
    error_prefix(NULL, "x");
    error_append(NULL, "x");
}

TEST(long_texts_are_cut_and_terminated)
{
    struct error e;
    error_set(&e, "%600d", 1);
    CHECK_EQ(strlen(e.text), sizeof(e.text) - 1);
    error_append(&e, "more");
    CHECK_EQ(strlen(e.text), sizeof(e.text) - 1);
    error_prefix(&e, "front");
    CHECK_EQ(strlen(e.text), sizeof(e.text) - 1);
    CHECK_EQ(strncmp(e.text, "front ", 6), 0);
    error_prefix(&e, "%600d", 2);
    CHECK_EQ(strlen(e.text), sizeof(e.text) - 1);
}

TEST(distance_counts_each_kind_of_edit_once)
{
    CHECK_EQ(error_edit_distance("virt", "virt"), 0);
    CHECK_EQ(error_edit_distance("virt", "vir"), 1);
    CHECK_EQ(error_edit_distance("virt", "viirt"), 1);
    CHECK_EQ(error_edit_distance("virt", "vert"), 1);
    CHECK_EQ(error_edit_distance("virt", "vrit"), 1);
    CHECK_EQ(error_edit_distance("", "abc"), 3);
    CHECK_EQ(error_edit_distance("kitten", "sitting"), 3);
    CHECK_EQ(error_edit_distance("VIRT", "virt"), 0);
}

TEST(distance_of_overlong_words_is_bounded)
{
    char a[300], b[300];
    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    a[299] = b[299] = '\0';
    CHECK_EQ(error_edit_distance(a, b), 64);
}

TEST(nearest_name_is_suggested_for_a_typo)
{
    static const char *const names[] = {"virtio-blk-pci", NULL, "virtio-net-pci", "pl011", "virt"};
    CHECK_STR(error_nearest_name("virtio-blk-pic", names, array_len(names)), "virtio-blk-pci");
    CHECK_STR(error_nearest_name("pl001", names, array_len(names)), "pl011");
    CHECK_STR(error_nearest_name("vrit", names, array_len(names)), "virt");
}

TEST(nothing_is_suggested_for_a_different_word)
{
    static const char *const names[] = {"virt", "pl011"};
    CHECK(!error_nearest_name("cat", names, array_len(names)));
    CHECK(!error_nearest_name("sbsa-reference", names, array_len(names)));
    CHECK(!error_nearest_name("virt", names, 0));
}
