/* SPDX-License-Identifier: MIT */
/* VHDX: headers that follow each other, what is refused, the log, sectors of 4 KiB. */
#include "block/vhdx.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "tests/support/formats.h"
#include "tests/test.h"

#define MIB (1u << 20)
#define LOG MIB
#define BAT (2 * MIB)
#define METADATA (3 * MIB)
#define SMALL "{\"block_size\":\"1M\"}"

/* Changes a number at `at`, and puts the checksum of the part around it right. */
static void change(const char *path, uint64_t at, unsigned size, uint64_t value)
{
    uint8_t *part = mem_alloc(VHDX_REGIONS_BYTES);
    const bool regions = at >= VHDX_REGIONS_AT(0) && at < MIB;
    const uint64_t start = regions ? VHDX_REGIONS_AT(0) : align_down(at, VHDX_HEADER_BYTES);
    const size_t n = regions ? VHDX_REGIONS_BYTES : VHDX_HEADER_BYTES;
    FILE *f = fopen(path, "rb");
    CHECK(f && fseek(f, (long)start, SEEK_SET) == 0 && fread(part, 1, n, f) == n);
    fclose(f);
    store_le(part + (at - start), size, value);
    if (start < MIB) {
        store_le32(part + VHDX_CHECKSUM, vhdx_checksum(part, n, VHDX_CHECKSUM));
    }
    formats_patch(path, start, part, n);
    mem_free(part);
}

#define HEADER2 VHDX_HEADER_AT(1) /* the newer one of a new image */

TEST(bad_headers_are_refused_in_words)
{
    static const struct {
        uint64_t at;
        unsigned size;
        uint64_t value;
        const char *says;
    } bad[] = {
        {0, 1, 0, "is not a vhdx image"},
        {HEADER2 + VHDX_VERSION, 2, 2, "vhdx version 2, log version 0; 1 and 0"},
        {HEADER2 + VHDX_LOG_BYTES, 4, 4096, "multiples of 1M"},
        {HEADER2 + VHDX_LOG_AT, 8, 0, "not the first of the file"},
        {HEADER2 + VHDX_LOG_AT, 8, BAT, "overlap"},
        {HEADER2 + VHDX_LOG_GUID, 8, 7, "has no whole entry"},
        {VHDX_REGIONS_AT(0) + 8, 4, 5000, "5000 regions"},
        {VHDX_REGIONS_AT(0) + 8, 4, 1, "has no metadata"},
        {VHDX_REGIONS_AT(0) + 8, 4, 0, "has no block allocation table"},
        {VHDX_REGIONS_AT(0) + 16, 4, 7, "must be understood"},
        {VHDX_REGIONS_AT(0) + 32, 8, 4096, "a region of 1048576 bytes at 4096"},
        {METADATA, 1, 0, "are none"},
        {METADATA + 10, 2, 4000, "are none"},
        {METADATA + 32, 4, 1, "must be understood"},
        {METADATA + 48, 4, 0x7fffffff, "do not lie in their region"},
        {METADATA + 65536, 4, 3 * MIB, "powers of two from 1M to 256M"},
        {METADATA + 65540, 4, 2, "images with a parent"},
        {METADATA + 65544, 8, UINT64_C(1) << 60, "whole sectors up to 64T"},
        {METADATA + 65544, 8, UINT64_C(60) << 40, "a table of 131072 entries"},
        {METADATA + 65544 + 24, 4, 1024, "sectors of 1024 bytes"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        const char *path = formats_make("vhdx", SMALL, 4 * MIB);
        change(path, bad[i].at, bad[i].size, bad[i].value);
        CHECK_MSG(formats_refuses("vhdx", path, bad[i].says, &e), "%zu: %s", i, e.text);
    }
    formats_folder_drop();
}

TEST(images_that_cannot_be_made_are_refused)
{
    static const struct {
        const char *options, *says;
    } bad[] = {
        {"{\"size\":\"65T\"}", "up to 64T"},
        {"{\"size\":512,\"block_size\":\"3M\"}", "powers of two from 1M"},
        {"{\"size\":512,\"log_size\":1000}", "multiples of 1M"},
        {"{\"size\":512,\"subformat\":\"thin\"}", "dynamic, fixed"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        CHECK_MSG(formats_makes_not("vhdx", bad[i].options, bad[i].says, &e), "%s: %s",
                  bad[i].options, e.text);
    }
    formats_folder_drop();
}

TEST(the_newer_good_header_counts)
{
    static uint8_t model[4 * MIB];
    struct error e = {{0}};
    const char *path = formats_make("vhdx", SMALL, sizeof(model));
    struct block_node *n = formats_open("vhdx", path, true, &e);
    REQUIRE(n != NULL);
    struct vhdx *v = n->state;
    CHECK_EQ(load_le64(v->header + VHDX_SEQUENCE), 2);
    CHECK_EQ(block_node_write(n, 0, "x", 1, 0), 0);
    CHECK_EQ(load_le64(v->header + VHDX_SEQUENCE), 3); /* new GUIDs */
    CHECK_EQ(block_node_flush(n), 0);
    CHECK_EQ(load_le64(v->header + VHDX_SEQUENCE), 4); /* it has a log */
    block_node_close(n);                               /* and none again: 5 */
    model[0] = 'x';
    for (unsigned i = 0; i < 2; i++) {
        uint8_t was[VHDX_HEADER_BYTES];
        FILE *f = fopen(path, "rb");
        CHECK(f && fseek(f, VHDX_HEADER_AT(i), SEEK_SET) == 0 &&
              fread(was, 1, sizeof(was), f) == sizeof(was));
        fclose(f);
        formats_patch_le32(path, VHDX_HEADER_AT(i) + 100, 1);
        n = formats_open("vhdx", path, false, &e);
        if (i == 0) { /* the other says that there is a log */
            CHECK(!n && strstr(e.text, "its log is to be replayed"));
        } else {
            CHECK_EQ(load_le64(((struct vhdx *)n->state)->header + VHDX_SEQUENCE), 5);
        }
        block_node_close(n);
        formats_patch(path, VHDX_HEADER_AT(i), was, sizeof(was));
    }
    formats_patch_le32(path, VHDX_HEADER_AT(0) + 100, 1);
    formats_patch_le32(path, VHDX_HEADER_AT(1) + 100, 1);
    CHECK_MSG(formats_refuses("vhdx", path, "neither of its headers", &e), "%s", e.text);
    formats_folder_drop();
}

/* ---- the log */

static char *copy_of(const char *path)
{
    struct error e = {{0}};
    char *copy = mem_printf("%s/copy", formats_folder());
    CHECK_MSG(formats_run(&e, "cp %s %s", path, copy), "%s", e.text);
    return copy;
}

TEST(what_our_log_holds_both_replay)
{
    static uint8_t model[9 * MIB];
    struct error e = {{0}};
    const char *path = formats_make("vhdx", SMALL, sizeof(model));
    struct block_node *n = formats_open("vhdx", path, true, &e);
    REQUIRE(n != NULL);
    for (unsigned i = 0; i < 5; i++) {
        memset(model + i * MIB * 2 - (i ? 100 : 0), (int)i + 1, 5000);
        CHECK_EQ(block_node_write(n, i * MIB * 2 - (i ? 100 : 0),
                                  model + i * MIB * 2 - (i ? 100 : 0), 5000, 0),
                 0);
        CHECK_EQ(block_node_flush(n), 0);
    }
    char *copy = copy_of(path); /* as a crash would leave it */
    block_node_close(n);
    for (unsigned i = 0; i < 9; i++) { /* and worse: the table was not written */
        change(copy, BAT + 8 * i, 8, i < 8 ? VHDX_ZERO : 0xfff00000000 | VHDX_PRESENT);
    }
    CHECK(!formats_ours_is("vhdx", copy, model, sizeof(model), &e));
    CHECK_MSG(strstr(e.text, "its log is to be replayed") != NULL, "%s", e.text);
    CHECK_MSG(
        formats_run(&e, "cp %s %s.2 && qemu-img check -q -f vhdx -r all %s.2", copy, copy, copy),
        "%s", e.text);
    char *theirs = mem_printf("%s.2", copy);
    CHECK_MSG(formats_theirs_is("vhdx", theirs, model, sizeof(model), &e), "%s", e.text);
    n = formats_open("vhdx", copy, true, &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vhdx", copy, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vhdx", copy, &e), "%s", e.text);
    mem_free(theirs);
    mem_free(copy);
    formats_folder_drop();
}

/* A log of three entries that need each other, one of zeros, as others write them. */
static void put_entry(const char *path, uint64_t at, uint64_t tail, uint64_t sequence, uint64_t to,
                      uint8_t value)
{
    static const uint8_t guid[16] = "a log's own GUID";
    uint8_t raw[3 * 4096] = {0};
    const bool zeros = value == 0;
    const uint32_t length = zeros ? 4096 : 8192;
    memcpy(raw, "loge", 4);
    store_le32(raw + 8, length);
    store_le32(raw + 12, (uint32_t)tail);
    store_le64(raw + 16, sequence);
    store_le32(raw + 24, 1);
    memcpy(raw + 32, guid, sizeof(guid));
    store_le64(raw + 48, 4 * MIB);
    store_le64(raw + 56, 8 * MIB);
    memcpy(raw + 64, zeros ? "zero" : "desc", 4);
    memset(raw + 68, value, 4);
    memset(raw + 72, value, 8);
    if (zeros) {
        store_le64(raw + 72, 4096);
    }
    store_le64(raw + 80, to);
    store_le64(raw + 88, sequence);
    if (!zeros) {
        memset(raw + 4096, value, 4096);
        memcpy(raw + 4096, "data", 4);
        store_le32(raw + 4096 + 4, 0);
        store_le32(raw + 8188, (uint32_t)sequence);
    }
    store_le32(raw + 4, vhdx_checksum(raw, length, 4));
    const uint64_t first = LOG - at < length ? LOG - at : length;
    formats_patch(path, LOG + at, raw, (size_t)first);
    formats_patch(path, LOG, raw + first, (size_t)(length - first));
    change(path, HEADER2 + VHDX_LOG_GUID, 8, load_le64(guid));
    change(path, HEADER2 + VHDX_LOG_GUID + 8, 8, load_le64(guid + 8));
}

TEST(a_log_that_goes_round_is_replayed_in_order)
{
    struct error e = {{0}};
    uint8_t got[3][16];
    const uint64_t first = LOG - 8192;
    const char *path = formats_make("vhdx", SMALL, 4 * MIB);
    put_entry(path, first - 4096, first - 4096, 4, 6 * MIB, 0); /* an older one */
    put_entry(path, first, first, 5, 7 * MIB, 0x11);
    put_entry(path, 0, first, 6, 7 * MIB + 4096, 0x22);
    put_entry(path, 8192, first, 7, 7 * MIB, 0x33);
    put_entry(path, 20480, 16384, 9, 7 * MIB, 0x44); /* its tail is missing */
    struct block_node *n = formats_open("vhdx", path, true, &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    REQUIRE(n != NULL);
    struct block_node *file = block_node_child(n, "file");
    CHECK_EQ(block_node_size(file), 8 * MIB);
    CHECK_EQ(block_node_read(file, 7 * MIB, got[0], 16), 0);
    CHECK_EQ(block_node_read(file, 7 * MIB + 4080, got[1], 16), 0);
    CHECK_EQ(block_node_read(file, 7 * MIB + 4096, got[2], 16), 0);
    CHECK(got[0][0] == 0x33 && got[0][15] == 0x33 && got[1][0] == 0x33 && got[1][15] == 0x33);
    CHECK(got[2][0] == 0x22 && got[2][15] == 0x22);
    struct block_check c = {0};
    CHECK(block_node_check(n, 0, &c, &e) && c.corruptions == 0 && c.corruptions_fixed == 1);
    block_node_close(n);
    n = formats_open("vhdx", path, false, &e); /* nothing is left to do */
    CHECK_MSG(n != NULL, "%s", e.text);
    block_node_close(n);
    formats_folder_drop();
}

TEST(a_log_that_asks_for_too_much_is_refused)
{
    struct error e = {{0}};
    const char *path = formats_make("vhdx", SMALL, 4 * MIB);
    put_entry(path, 0, 0, 5, UINT64_C(1) << 40, 0x11);
    CHECK_MSG(formats_refuses("vhdx", path, "its log is to be replayed", &e), "%s", e.text);
    path = formats_make("vhdx", SMALL, 4 * MIB);
    put_entry(path, 0, 0, 5, 7 * MIB, 0x11);
    CHECK(truncate(path, 3 * MIB + 200000) == 0);
    CHECK_MSG(formats_refuses("vhdx", path, "its log is to be replayed", &e), "%s", e.text);
    formats_folder_drop();
}

TEST(a_flush_of_more_pages_than_the_log_holds_goes_through_it_in_parts)
{
    struct error e = {{0}};
    const char *path = formats_make("vhdx", SMALL, UINT64_C(300) << 30);
    struct block_node *n = formats_open("vhdx", path, true, &e);
    REQUIRE(n != NULL);
    struct vhdx *v = n->state;
    const uint64_t page = UINT64_C(512) << 20; /* of the disk, a page of the table */
    const unsigned pages = 2 * (unsigned)vhdx_log_room(v) + 3;
    for (unsigned i = 0; i < pages; i++) {
        CHECK_EQ(block_node_write(n, i * page, &(uint8_t){(uint8_t)(i + 1)}, 1, 0), 0);
    }
    CHECK_EQ(block_node_flush(n), 0);
    CHECK_EQ(v->log_sequence, 3);
    block_node_close(n);
    n = formats_open("vhdx", path, false, &e);
    REQUIRE(n != NULL);
    for (unsigned i = 0; i < pages; i++) {
        uint8_t got = 0;
        CHECK(block_node_read(n, i * page, &got, 1) == 0 && got == (uint8_t)(i + 1));
    }
    block_node_close(n);
    CHECK_MSG(formats_run(&e, "qemu-img check -q -f vhdx %s", path), "%s", e.text);
    formats_folder_drop();
}

/* qemu-img does not know them. */
TEST(sectors_of_4096_bytes_have_larger_chunks)
{
    static uint8_t model[5 * MIB];
    struct error e = {{0}};
    const char *path = formats_make("vhdx", SMALL, sizeof(model));
    change(path, METADATA + 65544 + 24, 4, 4096);
    struct block_node *n = formats_open("vhdx", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(((struct vhdx *)n->state)->bat.gap_every, 32768);
    memset(model + 1000, 7, 3 * MIB);
    CHECK_EQ(block_node_write(n, 1000, model + 1000, 3 * MIB, 0), 0);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vhdx", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}
