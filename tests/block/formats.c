/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/* What we write qemu-img reads, and the other way, for each format (tests/support/formats.h). */
#include "tests/support/formats.h"
#include "base/bits.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)

static const struct format_row rows[] = {
    {"vdi", NULL, NULL, 13 * MIB + 512, false, false},
    {"vdi", "{\"static\":true}", "static=on", 5 * MIB, false, false},
    {"vpc", "{\"force_size\":\"on\"}", "force_size=on", 13 * MIB + 512, true, false},
    {"vpc", NULL, NULL, UINT64_C(17) * 4 * 512 * 200, true, false}, /* has a geometry */
    {"vpc", "{\"force_size\":true,\"subformat\":\"fixed\"}", "force_size=on,subformat=fixed",
     3 * MIB, true, false},
    {"parallels", NULL, NULL, 13 * MIB + 512, false, false},
    {"parallels", "{\"cluster_size\":\"64k\"}", "cluster_size=64k", 5 * MIB, false, false},
    {"vmdk", NULL, NULL, 37 * MIB + 512, false, false},
    {"vmdk", "{\"zeroed_grain\":true}", "zeroed_grain=on", 5 * MIB, false, false},
    {"vmdk", "{\"subformat\":\"monolithicFlat\"}", "subformat=monolithicFlat", 5 * MIB, true,
     false},
    {"vmdk", "{\"subformat\":\"twoGbMaxExtentSparse\"}", "subformat=twoGbMaxExtentSparse", 5 * MIB,
     false, false},
    {"vmdk", "{\"subformat\":\"twoGbMaxExtentFlat\"}", "subformat=twoGbMaxExtentFlat", 5 * MIB,
     true, false},
    {"vhdx", NULL, NULL, 37 * MIB, false, false},
    {"vhdx", "{\"block_size\":\"1M\",\"block_state_zero\":false}",
     "block_size=1M,block_state_zero=off", 9 * MIB + 512, false, false},
    {"vhdx", "{\"subformat\":\"fixed\",\"log_size\":\"3M\"}", "subformat=fixed", 9 * MIB, false,
     false},
};

TEST(what_we_write_qemu_img_reads)
{
    for (size_t i = 0; i < array_len(rows); i++) {
        struct error e = {{0}};
        CHECK_MSG(formats_ours_then_theirs(&rows[i], test_seed() + i, 220 * test_scale(), &e),
                  "%s, row %zu: %s", rows[i].format, i, e.text);
    }
}

TEST(what_qemu_img_writes_we_read)
{
    for (size_t i = 0; i < array_len(rows); i++) {
        struct error e = {{0}};
        CHECK_MSG(formats_theirs_then_ours(&rows[i], test_seed() + i, 220 * test_scale(), &e),
                  "%s, row %zu: %s", rows[i].format, i, e.text);
    }
}
