/* SPDX-License-Identifier: MIT */
/* VMDK: descriptors, extents of each kind, compressed grains, backing files and content IDs. */
#include "block/vmdk.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/formats.h"
#include "tests/test.h"

#define MIB (1u << 20)
#define GRAIN 65536u

static void put_file(const char *name, const void *bytes, size_t n)
{
    char *path = mem_printf("%s/%s", formats_folder(), name);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, n, f) == n);
    fclose(f);
    mem_free(path);
}

/* A fresh image, under another name in the folder. */
static void make_named(const char *format, uint64_t bytes, const char *name)
{
    char *path = mem_printf("%s/%s", formats_folder(), name);
    CHECK(rename(formats_make(format, NULL, bytes), path) == 0);
    mem_free(path);
}

static const char *text_image(const char *extents)
{
    static char path[100];
    char *text = mem_printf("# Disk DescriptorFile\nversion=1\r\nCID=12345678\nparentCID=ffffffff\n"
                            "createType=\"vmfsSparse\"\n%s\nddb.uuid = \"a=b\"\n",
                            extents);
    put_file("text.vmdk", text, strlen(text));
    snprintf(path, sizeof(path), "%s/text.vmdk", formats_folder());
    mem_free(text);
    return path;
}

TEST(bad_descriptors_are_refused_in_words)
{
    static const struct {
        const char *lines, *says;
    } bad[] = {
        {"", "has no extents"},
        {"RW", "line 6, 'RW': ACCESS SECTORS TYPE"},
        {"RW x FLAT \"a\"", "is accepted, with"},
        {"RW 99999999999999999999 FLAT \"a\"", "is accepted, with"},
        {"RW 8 FALT \"a\" 0", "is accepted, with"},
        {"RW 8 FLAT", "is accepted, with"},
        {"RW 8 FLAT \"a\" -1", "is accepted, with"},
        {"RW 8 FLAT \"json:{}\" 0", "the name of a file is accepted"},
        {"RW 8 FLAT \"nbd://x/\" 0", "the name of a file is accepted"},
        {"RW 8 FLAT \"nowhere\" 0", "No such file"},
        {"RW 8 FLAT \"small\" 0", "has 512 bytes, and not the 4096"},
        {"RW 1 FLAT \"small\" 1", "from 512 on of its extent"},
        {"RW 8 SPARSE \"small\"", "is no sparse vmdk extent"},
        {"NOACCESS 8 FLAT \"a\" 0", "without access"},
        {"RDONLY 1 FLAT \"small\" 0", "its descriptor says that it is not written"},
        {"RW 8 ZERO", "read-only=on"},
        {"CID=xyz", "hexadecimal digits"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        put_file("small", "12345678", 8);
        char *small = mem_printf("%s/small", formats_folder());
        CHECK(truncate(small, 512) == 0);
        CHECK_MSG(formats_refuses("vmdk", text_image(bad[i].lines), bad[i].says, &e), "%s: %s",
                  bad[i].lines, e.text);
        mem_free(small);
    }
    formats_folder_drop();
}

TEST(bad_headers_are_refused_in_words)
{
    static const struct formats_bad bad[] = {
        {0, 7, "is not a vmdk image"},
        {4, 9, "vmdk version 9; 1 to 3 are accepted"},
        {16, 0x7fffffff, "2^54 are accepted"},
        {20, 3, "powers of two from 1 to 4096"},
        {20, 8192, "powers of two from 1 to 4096"},
        {44, 0, "1 to 4096 are accepted"},
        {44, 5000, "1 to 4096 are accepted"},
        {56, 0x7fffffff, "grain directory lies at"},
        {60, 7, "grain directory lies at"},
        {48, 0x7fffffff, "grain directory lies at"},
        {8, 0x10003, "compression 0; 1 (deflate) is accepted"},
        {21 * 512, 0x7fffffff, "a grain table lies at"},
        {12, 0x7fffffff, "one in the file is accepted"},
    };
    struct error e = {{0}};
    CHECK_MSG(formats_refuses_all("vmdk", NULL, bad, array_len(bad), &e), "%s", e.text);
    formats_folder_drop();
}

TEST(images_that_cannot_be_made_are_refused)
{
    static const struct {
        const char *options, *says;
    } bad[] = {
        {"{\"size\":\"3T\"}", "more with subformat=twoGbMaxExtentSparse"},
        {"{\"size\":512,\"subformat\":\"monolithicSpars\"}", "did you mean 'monolithicSparse'"},
        {"{\"size\":512,\"adapter_type\":\"scsi\"}", "lsilogic"},
        {"{\"size\":512,\"compat6\":true,\"hwversion\":\"4\"}", "one of them"},
        {"{\"size\":512,\"hwversion\":\"4\\\"\"}", "a number is accepted"},
        {"{\"size\":512,\"zeroed_grain\":true,\"subformat\":\"monolithicFlat\"}", "no grains"},
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        CHECK_MSG(formats_makes_not("vmdk", bad[i].options, bad[i].says, &e), "%s: %s",
                  bad[i].options, e.text);
    }
    formats_folder_drop();
}

/* ---- extents */

static void write_random(struct block_node *n, uint8_t *model, uint64_t size, unsigned times)
{
    struct rng g;
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < times; i++) {
        const uint64_t bytes = 1 + rng_below(&g, 100000), at = rng_below(&g, size - bytes);
        memset(model + at, (int)i, (size_t)bytes);
        CHECK_EQ(block_node_write(n, at, model + at, (size_t)bytes, 0), 0);
    }
}

TEST(extents_of_several_kinds_are_one_disk)
{
    static uint8_t model[7 * MIB];
    struct error e = {{0}};
    char *flat = mem_printf("%s/flat", formats_folder());
    put_file("flat", "", 0);
    CHECK(truncate(flat, 2 * MIB + 512) == 0);
    make_named("vmdk", 3 * MIB, "one");
    make_named("vmdk", 2 * MIB, "two");
    const char *path = text_image(
        "RW 6144 SPARSE \"one\"\nRW 4096 FLAT \"flat\" 1\nRW 4096 SPARSE \"two\"\n");
    struct block_node *n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    write_random(n, model, sizeof(model), 60);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    mem_free(flat);
    formats_folder_drop();
}

TEST(a_disk_of_more_than_two_gigabytes_is_split)
{
    struct error e = {{0}};
    static const char *const forms[] = {"twoGbMaxExtentSparse", "twoGbMaxExtentFlat"};
    for (size_t i = 0; i < array_len(forms); i++) {
        char options[60];
        uint8_t bytes[8192];
        const uint64_t at = (UINT64_C(2) << 30) - 4096;
        memset(bytes, 0x42, sizeof(bytes));
        snprintf(options, sizeof(options), "{\"subformat\":\"%s\"}", forms[i]);
        const char *path = formats_make("vmdk", options, UINT64_C(5) << 30);
        struct block_node *n = formats_open("vmdk", path, true, &e);
        REQUIRE(n != NULL);
        CHECK_EQ(block_node_size(n), UINT64_C(5) << 30);
        CHECK_EQ(block_node_write(n, at, bytes, sizeof(bytes), 0), 0);
        block_node_close(n);
        CHECK_MSG(formats_run(&e,
                              "qemu-io -f vmdk -c 'read -P 0x42 %" PRIu64 " 8192' "
                              "-c 'read -P 0 %" PRIu64 " 4096' %s > %s/log; "
                              "! grep -i fail %s/log",
                              at, at + 8192, path, formats_folder(), formats_folder()),
                  "%s", e.text);
        formats_folder_drop();
    }
}

/* VMware's tools leave tables out of which nothing is used. */
/* Tables of all extents together have the memory that one image has. */
TEST(tables_of_many_extents_share_a_bound)
{
    const uint64_t most = 16384, stride = UINT64_C(512) * GRAIN, all = UINT64_C(7) << 30;
    struct error e = {{0}};
    const char *path = formats_make("vmdk", "{\"subformat\":\"twoGbMaxExtentSparse\"}", all);
    struct block_graph *g = block_graph_create();
    const struct block_mode m = {.write = true};
    struct block_node *n = block_node_open_name(g, path, "vmdk", &m, &e);
    REQUIRE(n != NULL);
    struct vmdk *v = n->state;
    CHECK(v->count > 3);
    v->share.most = most; /* eight pages */
    for (uint64_t at = 0, k = 1; at < all; at += stride, k++) {
        CHECK_EQ(block_node_write(n, at, &k, sizeof(k), 0), 0);
        CHECK(v->share.bytes <= most);
    }
    for (uint64_t at = 0, k = 1, got; at < all; at += stride, k++) {
        CHECK_EQ(block_node_read(n, at, &got, sizeof(got)), 0);
        CHECK_EQ(got, k);
    }
    CHECK(v->share.bytes <= most && v->share.bytes > most / 2);
    uint64_t sum = 0;
    for (size_t i = 0; i < v->count; i++) {
        sum += v->extents[i].bat.loaded * v->extents[i].bat.page_entries * 4;
    }
    CHECK_EQ(sum, v->share.bytes);
    block_node_close(n);
    block_graph_destroy(g);
}

TEST(a_table_that_is_missing_is_made)
{
    static uint8_t model[70 * MIB];
    struct error e = {{0}};
    const char *path = formats_make("vmdk", NULL, sizeof(model));
    formats_patch(path, 21 * 512 + 4, "\0\0\0\0\0\0\0\0", 8); /* two of three, of the copies */
    formats_patch(path, 34 * 512 + 4, "\0\0\0\0\0\0\0\0", 8); /* and of those that count */
    struct block_node *n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(((struct vmdk *)n->state)->extents[0].tables[1], 0);
    write_random(n, model, sizeof(model), 60);
    block_node_close(n);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}

/* ---- ESX */

TEST(sparse_extents_of_esx_are_read)
{
    static uint8_t image[16 * MIB / 8], model[4 * MIB];
    struct error e = {{0}};
    uint8_t *h = image;
    memcpy(h, "COWD", 4);
    store_le32(h + 4, 1);
    store_le32(h + 8, 3);
    store_le32(h + 12, sizeof(model) / 512);
    store_le32(h + 16, 8); /* sectors of a grain */
    store_le32(h + 20, 4); /* directory */
    store_le32(h + 24, 1);
    store_le32(image + 4 * 512, 8); /* table: 4,096 entries, 32 sectors */
    for (unsigned i = 0; i < 20; i++) {
        store_le32(image + 8 * 512 + 4 * (i * 7), 100 + 8 * (19 - i));
        memset(image + (100 + 8 * (19 - i)) * 512, (int)i + 1, 4096);
        memset(model + i * 7 * 4096, (int)i + 1, 4096);
    }
    put_file("esx", image, sizeof(image));
    const char *path = text_image("RW 8192 VMFSSPARSE \"esx\"\n");
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_refuses("vmdk", path, "can only be read", &e), "%s", e.text);
    formats_folder_drop();
}

TEST(se_sparse_extents_are_read)
{
    static uint8_t image[2 * MIB], model[4 * MIB];
    struct error e = {{0}};
    static const uint64_t head[] = {0xcafebabe, 0x200000001, sizeof(model) / 512,
                                    8,          64,          0,
                                    0,          0,           0,
                                    0,          1,           1,
                                    2,          2,           4,
                                    4,          8,           1,
                                    16,         64,          80,
                                    1,          81,          1,
                                    128,        2048};
    for (size_t i = 0; i < array_len(head); i++) {
        store_le64(image + 8 * i, head[i]);
    }
    store_le64(image + 512, 0xcafecafe);
    store_le64(image + 8 * 512, UINT64_C(0x1000000000000000));
    for (unsigned i = 0; i < 30; i++) {
        static const uint64_t kind[] = {3, 2, 1};
        store_le64(image + 16 * 512 + 8 * (i * 5),
                   kind[i % 3] << 60 | (i % 3 ? 0 : (uint64_t)i << 48));
        memset(image + (128 + 8 * i) * 512, (int)i + 1, 4096);
        memset(model + i * 5 * 4096, i % 3 ? 0 : (int)i + 1, 4096);
    }
    put_file("se", image, sizeof(image));
    const char *path = text_image("RW 8192 SESPARSE \"se\"\n");
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_refuses("vmdk", path, "it is a SESPARSE extent", &e), "%s", e.text);
    image[512 + 24] = 1;
    put_file("se", image, sizeof(image));
    CHECK(!formats_ours_is("vmdk", path, model, sizeof(model), &e));
    CHECK_MSG(strstr(e.text, "journal is to be replayed") != NULL, "%s", e.text);
    formats_folder_drop();
}

TEST(room_that_qemu_leaves_at_the_end_is_a_leak_that_a_repair_cuts_off)
{
    static uint8_t model[MIB];
    struct error e = {{0}};
    struct block_check c = {0};
    const char *path = formats_make("vmdk", "{\"zeroed_grain\":true}", sizeof(model));
    memset(model, 5, GRAIN);
    CHECK_MSG(formats_run(&e, "qemu-io -f vmdk -c 'write -P 5 0 %u' -c 'write -z %u %u' %s",
                          4 * GRAIN, GRAIN, 3 * GRAIN, path),
              "%s", e.text);
    CHECK(formats_check("vmdk", path, 0, &c, &e) && c.corruptions == 0 && c.leaks == 3);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK(formats_check("vmdk", path, BLOCK_FIX_LEAKS, &c, &e) && c.leaks_fixed == 3);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}

/* ---- compressed grains */

static const char stream[] = "{\"subformat\":\"streamOptimized\"}";

TEST(compressed_grains_are_written_again_and_read_by_both)
{
    static uint8_t model[5 * MIB + 512];
    struct error e = {{0}};
    const char *path = formats_make("vmdk", stream, sizeof(model));
    struct block_node *n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    memset(model, 9, 3 * GRAIN);
    CHECK_EQ(block_node_write_packed(n, 0, model, 3 * GRAIN), 0);
    memset(model + 5 * MIB, 8, 512);
    CHECK_EQ(block_node_write_packed(n, 5 * MIB, model + 5 * MIB, 512), 0); /* the disk's end */
    write_random(n, model, sizeof(model), 40);
    CHECK_EQ(block_node_zero(n, 100000, 200000, 0), 0);
    memset(model + 100000, 0, 200000);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    CHECK_MSG(formats_run(&e,
                          "cd %s && qemu-img convert -O raw %s a && "
                          "qemu-img convert -O vmdk -o subformat=streamOptimized -f raw a %s",
                          formats_folder(), path, path),
              "%s", e.text);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    formats_folder_drop();
}

TEST(a_check_unpacks_grains_and_leaves_the_end_alone)
{
    static uint8_t model[MIB];
    struct error e = {{0}};
    struct block_check c = {0};
    const char *path = formats_make("vmdk", stream, sizeof(model));
    struct block_node *n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    write_random(n, model, sizeof(model), 10);
    CHECK(block_node_check(n, BLOCK_FIX_ERRORS | BLOCK_FIX_LEAKS, &c, &e) && c.corruptions == 0);
    CHECK(c.packed_clusters > 0);
    write_random(n, model, sizeof(model), 20);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    formats_patch_le32(path, 65536 + 12, 0xffffffff); /* the first grain that was packed */
    n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_zero(n, 0, MIB, 0), 0); /* new grains instead of all */
    CHECK(block_node_check(n, 0, &c, &e) && c.corruptions == 0);
    enum bat_kind kind;
    uint64_t place;
    CHECK_EQ(bat_look(&((struct vmdk *)n->state)->extents[0].bat, 0, &kind, &place), 0);
    CHECK_EQ(block_node_write(block_node_child(n, "file"), place + 12, "damaged", 7, 0), 0);
    CHECK(block_node_check(n, 0, &c, &e) && c.corruptions == 1);
    CHECK(block_node_read(n, 0, model, 512) < 0);
    block_node_close(n);
    formats_folder_drop();
}

/* As VMware's tools write streams: where the directory is, only the end of the file says. */
TEST(a_stream_with_its_directory_at_the_end_is_read)
{
    static uint8_t model[MIB];
    struct error e = {{0}};
    uint8_t head[512], end[3 * 512] = {0};
    const char *path = formats_make("vmdk", stream, sizeof(model));
    struct block_node *n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    write_random(n, model, sizeof(model), 10);
    CHECK_EQ(block_node_read(block_node_child(n, "file"), 0, head, sizeof(head)), 0);
    CHECK_EQ(block_node_flush(n), 0);
    store_le64(end, 1); /* marker of a footer */
    store_le32(end + 12, 3);
    memcpy(end + 512, head, 512);
    const uint64_t at = align_up(block_node_size(block_node_child(n, "file")), 512);
    block_node_close(n);
    formats_patch(path, at, end, sizeof(end));
    store_le64(head + VMDK_AT_DIR, UINT64_MAX);
    formats_patch(path, 0, head, sizeof(head));
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_refuses("vmdk", path, "written in one go", &e), "%s", e.text);
    CHECK(truncate(path, (off_t)at) == 0);
    CHECK(!formats_ours_is("vmdk", path, model, sizeof(model), &e));
    CHECK_MSG(strstr(e.text, "footer") != NULL, "%s", e.text);
    formats_folder_drop();
}

/* ---- backing files */

TEST(an_image_stands_on_the_content_that_it_was_made_for)
{
    static uint8_t model[4 * MIB];
    struct error e = {{0}};
    char *base = mem_printf("%s/base.vmdk", formats_folder());
    CHECK(rename(formats_make("vmdk", NULL, sizeof(model)), base) == 0);
    struct block_node *n = formats_open("vmdk", base, true, &e);
    REQUIRE(n != NULL);
    write_random(n, model, sizeof(model), 20);
    block_node_close(n);
    const char *path = formats_make("vmdk",
                                    "{\"backing_file\":\"base.vmdk\",\"backing_fmt\":\"vmdk\","
                                    "\"zeroed_grain\":true}",
                                    0);
    n = formats_open("vmdk", path, true, &e);
    REQUIRE(n != NULL);
    CHECK_STR(n->backing_file, "base.vmdk");
    for (uint64_t at = 1000; at < sizeof(model); at += 700000) {
        memset(model + at, 0xee, 100000);
        CHECK_EQ(block_node_write(n, at, model + at, 100000, 0), 0);
    }
    memset(model + GRAIN * 3, 0, GRAIN * 10);
    CHECK_EQ(block_node_zero(n, GRAIN * 3, GRAIN * 10, BLOCK_MAY_UNMAP), 0);
    block_node_close(n);
    CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    CHECK_MSG(formats_clean("vmdk", path, &e), "%s", e.text);
    CHECK_MSG(formats_run(&e,
                          "cd %s && qemu-img create -q -f vmdk -b base.vmdk -F vmdk theirs.vmdk && "
                          "qemu-img compare -q theirs.vmdk base.vmdk",
                          formats_folder()),
              "%s", e.text);
    n = formats_open("vmdk", base, true, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_write(n, 0, "changed", 7, 0), 0);
    block_node_close(n);
    CHECK_MSG(formats_refuses("vmdk", path, "it was changed meanwhile", &e), "%s", e.text);
    CHECK(!formats_theirs_is("vmdk", path, model, sizeof(model), &e)); /* nor does qemu-img */
    mem_free(base);
    formats_folder_drop();
}

TEST(what_was_opened_for_reading_is_written_later)
{
    static uint8_t model[5 * MIB];
    static const char *const forms[] = {NULL, "{\"subformat\":\"twoGbMaxExtentSparse\"}"};
    for (size_t i = 0; i < array_len(forms); i++) {
        struct error e = {{0}};
        memset(model, 0, sizeof(model));
        const char *path = formats_make("vmdk", forms[i], sizeof(model));
        struct block_node *n = formats_open("vmdk", path, false, &e);
        REQUIRE(n != NULL);
        CHECK_MSG(block_node_reopen(n, true, &e), "%s", e.text);
        write_random(n, model, sizeof(model), 20);
        CHECK_MSG(block_node_reopen(n, false, &e), "%s", e.text);
        CHECK(block_node_write(n, 0, "x", 1, 0) < 0);
        block_node_close(n);
        CHECK_MSG(formats_ours_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
        CHECK_MSG(formats_theirs_is("vmdk", path, model, sizeof(model), &e), "%s", e.text);
    }
    formats_folder_drop();
}

TEST(a_circle_of_backing_files_is_refused)
{
    struct error e = {{0}};
    const char *path = text_image("parentFileNameHint=\"text.vmdk\"\nparentCID=12345678\n"
                                  "RW 8 ZERO\n");
    const struct block_mode m = {0};
    CHECK(!block_node_open_name(formats_graph(), path, NULL, &m, &e));
    CHECK_MSG(strstr(e.text, "the backing file of") != NULL, "%s", e.text);
    formats_folder_drop();
}

TEST(other_formats_below_are_refused)
{
    struct error e = {{0}};
    char options[200];
    make_named("vdi", MIB, "base");
    snprintf(options, sizeof(options), "{\"backing_file\":\"%s/base\",\"backing_fmt\":\"vdi\"}",
             formats_folder());
    CHECK_MSG(formats_makes_not("vmdk", options, "is vdi, and backing files of vmdk", &e), "%s",
              e.text);
    formats_folder_drop();
}
