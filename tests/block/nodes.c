/* SPDX-License-Identifier: MIT */
/* The graph of nodes: opening by options and names, uses and locks, requests through drivers that
 * map, and through drivers that do not. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block.h"
#include "block/driver.h"
#include "tests/test.h"

#define MIB (1u << 20)

static char path[64];

static void make_file(uint64_t size)
{
    snprintf(path, sizeof(path), "/var/tmp/dragoman-test.XXXXXX");
    int fd = mkstemp(path);
    uint8_t sector[512];
    for (uint64_t at = 0; at < size; at += sizeof(sector)) {
        memset(sector, (int)(at / sizeof(sector) + 1), sizeof(sector));
        CHECK(pwrite(fd, sector, sizeof(sector), (off_t)at) == sizeof(sector));
    }
    close(fd);
}

static const struct block_mode rw = {.write = true, .discard = true};
static const struct block_mode ro = {.discard = true};

/* Opens by JSON text in which % stands for the path. */
static struct block_node *open_json(struct block_graph *g, const char *text,
                                    const struct block_mode *m, struct error *e)
{
    char *percent = strchr(text, '%');
    char *full = percent ? mem_printf("%.*s%s%s", (int)(percent - text), text, path, percent + 1)
                         : mem_strdup(text);
    json_t *o = json_loads(full, 0, NULL);
    CHECK_MSG(o != NULL, "%s", full);
    struct block_node *n = block_node_open(g, o, m, e);
    json_decref(o);
    mem_free(full);
    return n;
}

/* ---- files */

TEST(zeros_behind_the_end_make_a_file_longer_and_discards_do_not)
{
    for (unsigned unmap = 0; unmap < 2; unmap++) {
        struct error e = {{0}};
        struct stat st;
        make_file(4096);
        struct block_graph *g = block_graph_create();
        struct block_node *n = open_json(g, "{\"driver\":\"file\",\"filename\":\"%\"}", &rw, &e);
        REQUIRE(n != NULL);
        CHECK_EQ(block_node_discard(n, MIB, 4096), 0);
        CHECK_EQ(block_node_size(n), 4096);
        CHECK_EQ(block_node_zero(n, MIB - 100, 100, unmap ? BLOCK_MAY_UNMAP : 0), 0);
        CHECK_EQ(block_node_size(n), MIB);
        CHECK(stat(path, &st) == 0 && st.st_size == MIB);
        block_node_close(n);
        block_graph_destroy(g);
        unlink(path);
    }
}

/* ---- opening */

TEST(options_make_a_node_of_its_children)
{
    struct error e = {{0}};
    make_file(MIB);
    struct block_graph *g = block_graph_create();
    struct block_node *n = open_json(
        g,
        "{\"driver\":\"raw\",\"node-name\":\"top\",\"file\":{\"driver\":\"file\","
        "\"filename\":\"%\",\"node-name\":\"below\"}}",
        &rw, &e);
    REQUIRE(n != NULL);
    CHECK_STR(block_node_driver(n), "raw");
    CHECK_STR(block_node_name(n), "top");
    CHECK_STR(block_node_file(n), path);
    CHECK_EQ(block_node_size(n), MIB);
    CHECK(block_graph_find(g, "below") == block_node_child(n, "file"));
    CHECK(block_graph_find(g, "other") == NULL);
    block_node_close(n);
    CHECK(block_graph_find(g, "below") == NULL); /* with its last user */
    block_graph_destroy(g);
    unlink(path);
}

TEST(raw_shows_a_part_of_its_file)
{
    struct error e = {{0}};
    uint8_t byte[2];
    make_file(MIB);
    struct block_graph *g = block_graph_create();
    struct block_node *n = open_json(g,
                                     "{\"driver\":\"raw\",\"offset\":1024,\"size\":\"4K\","
                                     "\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
                                     &rw, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_size(n), 4096);
    CHECK_EQ(block_node_read(n, 511, byte, 2), 0);
    CHECK(byte[0] == 3 && byte[1] == 4);
    CHECK_EQ(block_node_read(n, 4095, byte, 2), (uint64_t)-EINVAL);
    CHECK_EQ(block_node_zero(n, 0, 512, 0), 0);
    CHECK_EQ(block_node_read(block_node_child(n, "file"), 1023, byte, 2), 0);
    CHECK(byte[0] == 2 && byte[1] == 0);
    block_node_close(n);
    CHECK(!open_json(g,
                     "{\"driver\":\"raw\",\"offset\":\"1M\",\"size\":512,"
                     "\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
                     &rw, &e));
    CHECK_MSG(strstr(e.text, "reach beyond") != NULL, "%s", e.text);
    block_graph_destroy(g);
    unlink(path);
}

TEST(bad_options_say_what_would_be_accepted)
{
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"{\"driver\":\"rwa\",\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
         "did you mean 'raw'"},
        {"{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filname\":\"%\"}}", "filename=)"},
        {"{\"driver\":\"raw\",\"ofset\":1,\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
         "did you mean 'offset'"},
        {"{\"driver\":\"raw\",\"size\":\"4Q\",\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
         "a number of bytes"},
        {"{\"driver\":\"raw\",\"read-only\":7,\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
         "'on' or 'off'"},
        {"{\"driver\":\"raw\",\"discard\":\"unmpa\",\"file\":{\"driver\":\"file\",\"filename\":\"%"
         "\"}}",
         "did you mean 'unmap'"},
        {"{\"driver\":\"raw\"}", "file= is missing"},
        {"{\"driver\":\"raw\",\"file\":\"nobody\"}", "there is no node 'nobody'"},
        {"{\"driver\":\"raw\",\"node-name\":\"me\",\"file\":\"me\"}", "there is no node 'me'"},
        {"{\"driver\":\"raw\",\"node-name\":\"me\",\"file\":\"me\"}", "there is no node 'me'"},
        {"{\"driver\":\"raw\",\"file\":7}", "the name of a node"},
        {"{\"driver\":\"host_device\",\"filename\":\"%\"}", "not a block device"},
        {"{\"driver\":\"raw\",\"node-name\":\"#x\",\"file\":{\"driver\":\"file\",\"filename\":\"%"
         "\"}}",
         "node-name"},
        {"{\"driver\":\"raw\",\"detect-zeroes\":\"unmap\",\"discard\":\"ignore\","
         "\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}",
         "needs discard=unmap"},
    };
    struct block_graph *g = block_graph_create();
    make_file(4096);
    for (size_t i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        CHECK_MSG(open_json(g, bad[i].json, &rw, &e) == NULL, "%s", bad[i].json);
        CHECK_MSG(strstr(e.text, bad[i].says) != NULL, "%s", e.text);
    }
    CHECK(block_graph_at(g, 0) == NULL); /* nothing is left of them */
    block_graph_destroy(g);
    unlink(path);
}

TEST(json_names_are_options)
{
    struct error e = {{0}};
    make_file(MIB);
    struct block_graph *g = block_graph_create();
    char *name = mem_printf("json:{\"file.filename\":\"%s\",\"file.driver\":\"file\","
                            "\"driver\":\"raw\",\"offset\":512}",
                            path);
    struct block_node *n = block_node_open_name(g, name, NULL, &ro, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_size(n), MIB - 512);
    CHECK(!block_node_writable(n));
    CHECK_EQ(block_node_write(n, 0, "x", 1, 0), (uint64_t)-EACCES);
    block_node_close(n);
    CHECK(!block_node_open_name(g, "json:{\"driver\":", NULL, &ro, &e));
    CHECK_MSG(strstr(e.text, "json:") != NULL, "%s", e.text);
    mem_free(name);
    block_graph_destroy(g);
    unlink(path);
}

/* ---- uses */

TEST(a_node_is_written_by_one_user_at_a_time)
{
    struct error e = {{0}};
    make_file(MIB);
    struct block_graph *g = block_graph_create();
    struct block_node *n = open_json(
        g, "{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"%\"}}", &rw, &e);
    struct block_use *a = block_use_begin(n, "a disk", BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                          BLOCK_PERM_READ, &e);
    REQUIRE(a != NULL);
    CHECK(!block_use_begin(n, "a job", BLOCK_PERM_WRITE, BLOCK_PERM_ALL, &e));
    CHECK_MSG(strstr(e.text, "is used by a disk") != NULL, "%s", e.text);
    CHECK(!block_use_begin(n, "a job", BLOCK_PERM_READ, BLOCK_PERM_READ, &e));
    struct block_use *b = block_use_begin(n, "a job", BLOCK_PERM_READ, BLOCK_PERM_ALL, &e);
    CHECK(b != NULL);
    CHECK(!block_use_change(b, BLOCK_PERM_WRITE, BLOCK_PERM_ALL, &e));
    block_use_end(a);
    CHECK(block_use_change(b, BLOCK_PERM_WRITE, BLOCK_PERM_ALL, &e));
    block_use_end(b);
    block_node_close(n);
    block_graph_destroy(g);
    unlink(path);
}

/* As another program would see it: by a graph of its own. */
static bool other_program_opens(const struct block_mode *m, unsigned does, unsigned lets)
{
    struct error e = {{0}};
    struct block_graph *g = block_graph_create();
    struct block_node *n = block_node_open_name(g, path, "raw", m, &e);
    struct block_use *u = n ? block_use_begin(n, "it", does, lets, &e) : NULL;
    bool good = u != NULL;
    block_use_end(u);
    block_node_close(n);
    block_graph_destroy(g);
    return good;
}

TEST(files_are_locked_for_what_is_done_with_them)
{
    struct error e = {{0}};
    const unsigned all = BLOCK_PERM_ALL, read = BLOCK_PERM_READ;
    make_file(MIB);
    struct block_graph *g = block_graph_create();
    struct block_node *n = block_node_open_name(g, path, "raw", &rw, &e);
    CHECK(other_program_opens(&rw, all, read)); /* nobody uses it yet */
    struct block_use *u = block_use_begin(n, "a", read, all, &e);
    CHECK(other_program_opens(&rw, read | BLOCK_PERM_WRITE, read));
    CHECK(block_use_change(u, read | BLOCK_PERM_WRITE, read, &e));
    CHECK(!other_program_opens(&rw, BLOCK_PERM_WRITE, all));
    CHECK(!other_program_opens(&ro, read, read));
    CHECK(other_program_opens(&ro, read, all));
    CHECK(block_use_change(u, read, read, &e));
    CHECK(!other_program_opens(&rw, BLOCK_PERM_WRITE, all));
    CHECK(other_program_opens(&ro, read, read));
    block_use_end(u);
    CHECK(other_program_opens(&rw, all, read));
    block_node_close(n);
    block_graph_destroy(g);
    unlink(path);
}

/* ---- null */

TEST(null_takes_what_it_is_given_and_keeps_nothing)
{
    struct error e = {{0}};
    uint8_t byte = 7;
    struct block_graph *g = block_graph_create();
    struct block_node *n = open_json(
        g, "{\"driver\":\"null-co\",\"size\":\"1M\",\"read-zeroes\":true}", &rw, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_size(n), MIB);
    CHECK_EQ(block_node_write(n, 5, &byte, 1, 0), 0);
    CHECK_EQ(block_node_read(n, 5, &byte, 1), 0);
    CHECK_EQ(byte, 0);
    CHECK_EQ(block_node_flush(n), 0);
    block_node_close(n);
    block_graph_destroy(g);
}

/* ---- where bytes are */

TEST(status_tells_holes_from_data)
{
    struct error e = {{0}};
    struct block_status s;
    make_file(0);
    struct block_graph *g = block_graph_create();
    int fd = open(path, O_RDWR);
    CHECK(ftruncate(fd, 4 * MIB) == 0 && pwrite(fd, "x", 1, 2 * MIB) == 1);
    close(fd);
    struct block_node *n = block_node_open_name(g, path, "raw", &ro, &e);
    REQUIRE(n != NULL);
    CHECK_EQ(block_node_status(n, 0, 4 * MIB, true, &s), 0);
    CHECK(s.where == BLOCK_ZERO && s.bytes <= 2 * MIB && s.bytes > MIB);
    CHECK_EQ(block_node_status(n, 2 * MIB, 512, true, &s), 0);
    CHECK(s.where == BLOCK_DATA && s.has_place && s.place == 2 * MIB && s.bytes == 512);
    CHECK_EQ(block_node_status(n, 4 * MIB, 512, true, &s), (uint64_t)-EINVAL);
    block_node_close(n);
    block_graph_destroy(g);
    unlink(path);
}

/* ---- making and resizing */

TEST(raw_images_are_made_and_resized)
{
    struct error e = {{0}};
    struct stat st;
    make_file(4096);
    struct block_graph *g = block_graph_create();
    json_t *o = json_pack("{s:s}", "size", "1M");
    CHECK(block_image_create(g, "raw", path, o, &e));
    CHECK(stat(path, &st) == 0 && st.st_size == MIB && st.st_blocks == 0);
    json_object_set_new(o, "preallocation", json_string("full"));
    CHECK(block_image_create(g, "raw", path, o, &e));
    CHECK(stat(path, &st) == 0 && (uint64_t)st.st_blocks * 512 >= MIB);
    json_object_set_new(o, "cluster_size", json_string("64K"));
    CHECK(!block_image_create(g, "raw", path, o, &e));
    CHECK_MSG(strstr(e.text, "cluster_size") != NULL, "%s", e.text);
    json_decref(o);
    struct block_node *n = block_node_open_name(g, path, "raw", &rw, &e);
    struct block_use *u = block_use_begin(n, "test", BLOCK_PERM_ALL, BLOCK_PERM_READ, &e);
    CHECK(block_node_resize(n, 2 * MIB, BLOCK_PREALLOC_OFF, &e));
    CHECK_EQ(block_node_size(n), 2 * MIB);
    CHECK(stat(path, &st) == 0 && st.st_size == 2 * MIB);
    CHECK(!block_node_resize(n, 1000, BLOCK_PREALLOC_OFF, &e));
    block_use_end(u);
    block_node_close(n);
    block_graph_destroy(g);
    unlink(path);
}

/* ---- commit */

TEST(what_snapshot_took_goes_into_the_image_by_commit)
{
    struct error e = {{0}};
    uint8_t byte[2];
    make_file(MIB);
    struct block_options o = {.file = path, .format = "raw", .snapshot = true};
    struct block *d = block_open(NULL, &o, &e);
    REQUIRE(d != NULL);
    CHECK(block_write(d, 5000, "ab", 2, &e));
    int fd = open(path, O_RDONLY);
    CHECK(pread(fd, byte, 2, 5000) == 2 && byte[0] == 10);
    CHECK(!other_program_opens(&rw, BLOCK_PERM_WRITE, BLOCK_PERM_ALL));
    CHECK(other_program_opens(&ro, BLOCK_PERM_READ, BLOCK_PERM_READ));
    CHECK_MSG(block_node_commit(block_node(d), NULL, NULL, &e), "%s", e.text);
    CHECK(pread(fd, byte, 2, 5000) == 2 && byte[0] == 'a' && byte[1] == 'b');
    CHECK(pread(fd, byte, 1, 5002) == 1 && byte[0] == 10);
    CHECK(other_program_opens(&ro, BLOCK_PERM_READ, BLOCK_PERM_READ)); /* as before */
    CHECK(block_write(d, 5000, "cd", 2, &e));
    CHECK(pread(fd, byte, 1, 5000) == 1 && byte[0] == 'a');
    CHECK(block_read(d, 4999, byte, 2, &e) && byte[0] == 10 && byte[1] == 'c');
    block_close(d);
    close(fd);
    chmod(path, 0400);
    if (geteuid() != 0) { /* whom nothing is forbidden */
        d = block_open(NULL, &o, &e);
        CHECK(d && !block_node_commit(block_node(d), NULL, NULL, &e));
        block_close(d);
    }
    unlink(path);
}

TEST(what_stands_on_a_read_only_node_is_read_only)
{
    struct error e = {{0}};
    make_file(4096);
    struct block_graph *g = block_graph_create();
    struct block_node *f = open_json(
        g, "{\"driver\":\"file\",\"node-name\":\"f\",\"read-only\":true,\"filename\":\"%\"}", &rw,
        &e);
    REQUIRE(f != NULL);
    CHECK(!open_json(g, "{\"driver\":\"raw\",\"file\":\"f\"}", &rw, &e));
    CHECK_MSG(strstr(e.text, "needs read-only=on") != NULL, "%s", e.text);
    struct block_node *n = open_json(
        g, "{\"driver\":\"raw\",\"auto-read-only\":true,\"file\":\"f\"}", &rw, &e);
    REQUIRE(n != NULL);
    CHECK(!block_node_writable(n));
    block_node_close(n);
    n = open_json(g, "{\"driver\":\"raw\",\"read-only\":true,\"file\":\"f\"}", &rw, &e);
    CHECK(n && !block_node_writable(n));
    block_node_close(n);
    block_node_close(f);
    block_graph_destroy(g);
    unlink(path);
}
