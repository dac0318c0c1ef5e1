/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 600 */
/* qcow2 images as a whole: snapshots, sizes, bitmaps, options, repair; and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block.h"
#include "block/driver.h"
#include "block/job.h"
#include "tests/support/images.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)

static struct images i;
static struct error e;

static struct block_node *made(uint64_t size, const char *options)
{
    images_begin(&i, test_seed());
    e.text[0] = '\0';
    CHECK_MSG(images_make(&i, "qcow2", "x.qcow2", size, options, &e), "%s", e.text);
    struct block_node *n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    return n;
}

static struct block_node *reopened(struct block_node *n, bool write)
{
    block_node_close(n);
    n = images_open(&i, "qcow2", "x.qcow2", write, NULL, &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    return n;
}

static void work(struct block_node *n, unsigned count)
{
    CHECK_MSG(images_random(&i, n, count, false, &e), "%s", e.text);
}

static void clean(struct block_node *n)
{
    CHECK_MSG(images_are_clean(n, &e), "%s", e.text);
}

/* Closes; the other program agrees. */
static void end(struct block_node *n)
{
    CHECK_MSG(images_compare(&i, n, &e), "%s", e.text);
    clean(n);
    block_node_close(n);
    CHECK_MSG(images_qemu_agrees(&i, "qcow2", "x.qcow2", &e), "%s", e.text);
    images_end(&i);
}

/* Changes bytes of the file. */
static void poke(uint64_t at, uint64_t value, unsigned bytes)
{
    uint8_t word[8];
    int fd = open(images_path(&i, "x.qcow2"), O_WRONLY);
    store_be(word, bytes, value);
    CHECK(pwrite(fd, word, bytes, (off_t)at) == (ssize_t)bytes);
    close(fd);
}

static uint64_t peek(uint64_t at, unsigned bytes)
{
    uint8_t word[8] = {0};
    int fd = open(images_path(&i, "x.qcow2"), O_RDONLY);
    CHECK(pread(fd, word, bytes, (off_t)at) == (ssize_t)bytes);
    close(fd);
    return load_be(word, bytes);
}

/* ---- snapshots */

static const char *const snapshot_kinds[] = {
    "{\"cluster_size\": \"4K\"}",
    "{\"cluster_size\": \"64K\", \"extended_l2\": true}",
    "{\"cluster_size\": 512, \"compat\": \"0.10\"}",
    "{\"lazy_refcounts\": true}",
};

TEST(snapshots_keep_what_the_disk_was)
{
    for (unsigned k = 0; k < array_len(snapshot_kinds); k++) {
        struct block_node *n = made(2 * MIB, snapshot_kinds[k]);
        uint8_t *was[3];
        REQUIRE(n != NULL);
        for (unsigned s = 0; s < 3; s++) {
            const char *const names[] = {"first", "second", "third"};
            work(n, 40);
            was[s] = mem_dup(i.model, (size_t)i.size);
            CHECK_MSG(block_node_snapshot_create(
                          n, &(struct block_snapshot){.name = (char *)(uintptr_t)names[s]}, &e),
                      "%s", e.text);
            clean(n);
        }
        work(n, 40);
        n = reopened(n, true);
        CHECK_MSG(block_node_snapshot_apply(n, "second", &e), "%s", e.text);
        memcpy(i.model, was[1], (size_t)i.size);
        CHECK_MSG(images_compare(&i, n, &e), "%s", e.text);
        clean(n);
        work(n, 40);
        CHECK_MSG(block_node_snapshot_delete(n, "second", &e), "%s", e.text);
        clean(n);
        work(n, 20);
        CHECK_MSG(block_node_snapshot_apply(n, "1", &e), "%s", e.text);
        memcpy(i.model, was[0], (size_t)i.size);
        work(n, 20);
        CHECK_MSG(block_node_snapshot_delete(n, "first", &e), "%s", e.text);
        block_node_close(n);
        CHECK_EQ(images_run(&i, "qemu-img snapshot -l x.qcow2 && qemu-img convert -l third "
                                "-O raw x.qcow2 third.raw"),
                 0);
        CHECK_MSG(strstr(images_output(), "third") && !strstr(images_output(), "first"), "%s",
                  images_output());
        n = images_open(&i, "raw", "third.raw", false, NULL, &e);
        uint8_t *disk = mem_alloc((size_t)i.size);
        CHECK(n && block_node_read(n, 0, disk, (size_t)i.size) == 0);
        CHECK_MEM(disk, was[2], (size_t)i.size);
        block_node_close(n);
        n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
        CHECK_MSG(n && block_node_snapshot_delete(n, "third", &e), "%s", e.text);
        mem_free(disk);
        for (unsigned s = 0; s < 3; s++) {
            mem_free(was[s]);
        }
        end(n);
    }
}

TEST(snapshots_of_qemu_are_taken_over)
{
    struct block_node *n = made(2 * MIB, NULL);
    work(n, 60);
    uint8_t *was = mem_dup(i.model, (size_t)i.size);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "qemu-img snapshot -c theirs x.qcow2"), 0);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    struct block_snapshot *list;
    size_t count;
    REQUIRE(n && block_node_snapshots(n, &list, &count, &e));
    CHECK_EQ(count, 1);
    CHECK_STR(list[0].name, "theirs");
    CHECK_EQ(list[0].disk_bytes, 2 * MIB);
    CHECK_EQ(list[0].vm_state_bytes, 0);
    block_snapshots_free(list, count);
    work(n, 60);
    CHECK_MSG(block_node_snapshot_apply(n, "theirs", &e), "%s", e.text);
    memcpy(i.model, was, (size_t)i.size);
    mem_free(was);
    CHECK(!block_node_snapshot_apply(n, "nobody's", &e));
    CHECK(strstr(e.text, "has no snapshot 'nobody's'") != NULL);
    end(n);
}

TEST(machine_state_is_kept_with_a_snapshot)
{
    struct block_node *n = made(MIB, "{\"cluster_size\": \"4K\"}");
    const size_t bytes = 3 * MIB + 77;
    uint8_t *state = mem_alloc(bytes), *found = mem_alloc(bytes);
    rng_bytes(&i.rng, state, bytes);
    work(n, 40);
    CHECK_EQ(block_node_state_write(n, 0, state, bytes), 0);
    CHECK_EQ(block_node_state_read(n, 1000, found, 5000), 0);
    CHECK_MEM(found, state + 1000, 5000);
    CHECK_MSG(block_node_snapshot_create(n,
                                         &(struct block_snapshot){.name = (char *)(uintptr_t) "vm",
                                                                  .vm_state_bytes = bytes},
                                         &e),
              "%s", e.text);
    uint8_t *was = mem_dup(i.model, (size_t)i.size);
    clean(n);
    CHECK_EQ(block_node_state_read(n, 0, found, 4096), 0);
    CHECK(block_is_zero(found, 4096)); /* it is the snapshot's alone */
    work(n, 40);
    n = reopened(n, true);
    CHECK_MSG(block_node_snapshot_apply(n, "vm", &e), "%s", e.text);
    CHECK_EQ(block_node_state_read(n, 0, found, bytes), 0);
    CHECK_MEM(found, state, bytes);
    memcpy(i.model, was, (size_t)i.size);
    CHECK_MSG(block_node_resize(n, 2 * MIB, BLOCK_PREALLOC_OFF, &e), "%s", e.text);
    images_model_size(&i, 2 * MIB); /* zeros, no state */
    CHECK_MSG(block_node_snapshot_delete(n, "vm", &e), "%s", e.text);
    mem_free(was);
    mem_free(state);
    mem_free(found);
    end(n);
}

TEST(snapshots_need_refcounts_that_can_count)
{
    struct block_node *n = made(MIB, "{\"refcount_bits\": 1}");
    work(n, 30);
    CHECK(!block_node_snapshot_create(n, &(struct block_snapshot){.name = (char *)(uintptr_t) "a"},
                                      &e));
    CHECK_MSG(strstr(e.text, "refcounts of 1 bits cannot count") != NULL, "%s", e.text);
    work(n, 30);
    end(n);
}

/* ---- sizes */

TEST(a_disk_grows_and_shrinks)
{
    static const char *const kinds[] = {"{\"cluster_size\": 512}", "{}", "{\"extended_l2\": true}",
                                        "{\"data_file\": \"d\", \"data_file_raw\": true}"};
    for (unsigned k = 0; k < array_len(kinds); k++) {
        static const uint64_t sizes[] = {2 * MIB + 512, MIB - 512, MIB + 1024,
                                         40 * MIB,      512,       2 * MIB};
        struct block_node *n = made(MIB, kinds[k]);
        for (unsigned s = 0; n && s < array_len(sizes); s++) {
            work(n, 20);
            CHECK_MSG(block_node_resize(n, sizes[s], BLOCK_PREALLOC_OFF, &e), "%s: %s", kinds[k],
                      e.text);
            images_model_size(&i, sizes[s]);
            CHECK_MSG(images_compare(&i, n, &e), "%s, to %" PRIu64 ": %s", kinds[k], sizes[s],
                      e.text);
            clean(n);
            n = reopened(n, true);
        }
        CHECK(!block_node_resize(n, 1000, BLOCK_PREALLOC_OFF, &e));
        CHECK(!block_node_resize(n, INT64_MAX & ~511, BLOCK_PREALLOC_OFF, &e));
        end(n);
    }
}

TEST(room_is_set_aside_for_a_longer_disk)
{
    static const enum block_prealloc how[] = {BLOCK_PREALLOC_METADATA, BLOCK_PREALLOC_FALLOC,
                                              BLOCK_PREALLOC_FULL};
    for (unsigned k = 0; k < array_len(how); k++) {
        struct block_node *n = made(MIB + 512, "{\"cluster_size\": \"4K\"}");
        struct block_status s;
        work(n, 60);
        CHECK_MSG(block_node_resize(n, 3 * MIB, how[k], &e), "%s", e.text);
        images_model_size(&i, 3 * MIB);
        CHECK_EQ(block_node_status(n, 2 * MIB, MIB, false, &s), 0);
        CHECK(s.where == BLOCK_DATA);
        end(n);
    }
}

/* ---- backing files */

TEST(commit_moves_all_down_and_empties_the_image)
{
    struct block_node *n = made(2 * MIB, NULL);
    work(n, 50);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "mv x.qcow2 base.qcow2"), 0);
    CHECK_MSG(images_create(&i, "qcow2", "x.qcow2", 3 * MIB,
                            "{\"backing_file\": \"base.qcow2\", \"backing_fmt\": \"qcow2\"}", &e),
              "%s", e.text);
    images_model_size(&i, 3 * MIB);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    REQUIRE(n != NULL);
    work(n, 60);
    CHECK_MSG(block_node_commit(n, NULL, NULL, &e), "%s", e.text);
    struct block_status s;
    CHECK_EQ(block_node_status(n, 0, 3 * MIB, false, &s), 0);
    CHECK(s.where == BLOCK_UNALLOCATED && s.bytes == 3 * MIB);
    end(n);
}

static void note_end(void *opaque)
{
    atomic_set_seq((uint32_t *)opaque, 1);
}

TEST(a_streamed_image_stands_alone)
{
    struct block_node *n = made(2 * MIB, NULL);
    uint32_t over = 0;
    work(n, 50);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "mv x.qcow2 base.qcow2 && qemu-img create -q -f qcow2 -F qcow2 -b "
                            "base.qcow2 x.qcow2"),
             0);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    REQUIRE(n != NULL);
    work(n, 20);
    struct block *d = block_open_node(n, "d", BLOCK_PERM_READ | BLOCK_PERM_WRITE, BLOCK_PERM_READ,
                                      &e);
    struct block_job *j = block_stream_start(d, note_end, &over, &e);
    CHECK_MSG(j != NULL, "%s", e.text);
    while (j && !atomic_get_seq(&over)) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK_MSG(j && block_job_end(j, &e), "%s", e.text);
    block_close(d);
    CHECK_EQ(images_run(&i, "rm base.qcow2"), 0);
    n = reopened(n, true);
    CHECK(n && !block_node_child(n, "backing"));
    work(n, 20);
    end(n);
}

TEST(another_backing_file_is_written_into_the_image)
{
    struct block_node *n = made(MIB, NULL);
    json_t *facts = json_object();
    work(n, 20);
    CHECK_EQ(images_run(&i, "qemu-img create -q -f raw other.raw 1M"), 0);
    CHECK_MSG(block_node_set_backing(n, "other.raw", "raw", &e), "%s", e.text);
    n = reopened(n, true);
    CHECK(block_node_info(n, facts, &e));
    CHECK_STR(json_string_value(json_object_get(facts, "backing-filename")), "other.raw");
    CHECK_STR(json_string_value(json_object_get(facts, "backing-filename-format")), "raw");
    json_decref(facts);
    CHECK_MSG(images_compare(&i, n, &e), "%s", e.text);
    CHECK_MSG(block_node_set_backing(n, NULL, NULL, &e), "%s", e.text);
    n = reopened(n, true);
    CHECK(n && !block_node_child(n, "backing"));
    char *long_name = mem_alloc(2000);
    memset(long_name, 'a', 1999);
    CHECK(!block_node_set_backing(n, long_name, NULL, &e));
    mem_free(long_name);
    end(n);
}

TEST(a_chain_of_eight_is_one_disk)
{
    struct block_node *n = made(2 * MIB, NULL);
    for (unsigned k = 0; k < 8; k++) {
        work(n, 15);
        block_node_close(n);
        CHECK_EQ(images_run(&i,
                            "mv x.qcow2 b%u.qcow2 && qemu-img create -q -f qcow2 -F qcow2 -b "
                            "b%u.qcow2 x.qcow2",
                            k, k),
                 0);
        n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
        CHECK_MSG(n != NULL, "%s", e.text);
    }
    work(n, 15);
    end(n);
}

TEST(an_image_that_stands_on_itself_is_refused)
{
    struct block_node *n = made(MIB, NULL);
    CHECK_MSG(block_node_set_backing(n, "x.qcow2", "qcow2", &e), "%s", e.text);
    block_node_close(n);
    CHECK(!images_open(&i, "qcow2", "x.qcow2", false, NULL, &e));
    CHECK_MSG(strstr(e.text, "its own backing file") != NULL, "%s", e.text);
    images_end(&i);
}

/* ---- bitmaps */

static bool bitmap(struct block_node *n, enum block_bitmap_action a, const char *name,
                   const char *from)
{
    return block_node_bitmap(
        n, &(struct block_bitmap_request){.action = a, .name = name, .from_name = from}, &e);
}

/* As a server of the other program's shows them: the parts that are not "data" were written. */
static unsigned runs_in_bitmap(const char *name)
{
    unsigned runs = 0;
    CHECK_EQ(images_run(&i,
                        "timeout 60 qemu-nbd -r -t -f qcow2 -B %s -k $PWD/s x.qcow2 & "
                        "p=$!; until test -S s; do sleep 0.1; done; qemu-img map --image-opts "
                        "--output=json driver=nbd,server.type=unix,server.path=$PWD/s,"
                        "x-dirty-bitmap=qemu:dirty-bitmap:%s; "
                        "kill $p; wait $p; rm -f s",
                        name, name) > 1,
             0);
    for (const char *at = images_output(); (at = strstr(at, "\"data\": false")); at++) {
        runs++;
    }
    return runs;
}

TEST(bitmaps_note_what_is_written)
{
    struct block_node *n = made(8 * MIB, NULL);
    uint8_t byte = 7;
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "all", NULL), "%s", e.text);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "some", NULL), "%s", e.text);
    CHECK(!bitmap(n, BLOCK_BITMAP_ADD, "some", NULL));
    CHECK_EQ(block_node_write(n, 3 * MIB, &byte, 1, 0), 0);
    i.model[3 * MIB] = 7;
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_DISABLE, "some", NULL), "%s", e.text);
    n = reopened(n, true);
    CHECK_EQ(block_node_write(n, 5 * MIB, &byte, 1, 0), 0);
    i.model[5 * MIB] = 7;
    clean(n);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "qemu-img info --output=json x.qcow2"), 0);
    CHECK_MSG(strstr(images_output(), "\"all\"") && !strstr(images_output(), "in-use"), "%s",
              images_output());
    CHECK_EQ(runs_in_bitmap("all"), 2);
    CHECK_EQ(runs_in_bitmap("some"), 1);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    REQUIRE(n != NULL);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_MERGE, "some", "all"), "%s", e.text);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_CLEAR, "all", NULL), "%s", e.text);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ENABLE, "some", NULL), "%s", e.text);
    clean(n);
    work(n, 50);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_REMOVE, "all", NULL), "%s", e.text);
    CHECK(!bitmap(n, BLOCK_BITMAP_REMOVE, "all", NULL));
    work(n, 50);
    clean(n);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_REMOVE, "some", NULL), "%s", e.text);
    end(n);
}

static void touch(struct block_node *n, uint64_t at)
{
    const uint8_t byte = 9;
    CHECK_EQ(block_node_write(n, at, &byte, 1, 0), 0);
    i.model[at] = byte;
}

static void resized(struct block_node *n, uint64_t bytes)
{
    CHECK_MSG(block_node_resize(n, bytes, BLOCK_PREALLOC_OFF, &e), "%s", e.text);
    images_model_size(&i, bytes);
    clean(n);
}

/* Their tables get longer and shorter: an entry is for 2 MiB here. */
TEST(bitmaps_are_as_long_as_their_disk)
{
    struct block_bitmap_request r = {.action = BLOCK_BITMAP_ADD, .name = "on", .granularity = 512};
    struct block_node *n = made(8 * MIB, "{\"cluster_size\": 512}");
    CHECK_MSG(block_node_bitmap(n, &r, &e), "%s", e.text);
    r.name = "off";
    CHECK_MSG(block_node_bitmap(n, &r, &e), "%s", e.text);
    touch(n, 3 * MIB);
    touch(n, 7 * MIB);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_DISABLE, "off", NULL), "%s", e.text);
    resized(n, 20 * MIB + 512);
    touch(n, 20 * MIB);
    resized(n, 6 * MIB);
    n = reopened(n, true);
    resized(n, 10 * MIB);
    touch(n, 10 * MIB - 1);
    resized(n, 10 * MIB + 512 * 3);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "qemu-img info --output=json x.qcow2"), 0);
    CHECK_MSG(strstr(images_output(), "\"off\"") && !strstr(images_output(), "in-use"), "%s",
              images_output());
    CHECK_EQ(runs_in_bitmap("on"), 2);
    CHECK_EQ(runs_in_bitmap("off"), 1);
    end(images_open(&i, "qcow2", "x.qcow2", true, NULL, &e));
}

/* Going back to a snapshot of another size changes all of the disk. */
TEST(bitmaps_follow_a_snapshot_of_another_size)
{
    struct block_node *n = made(4 * MIB, "{\"cluster_size\": 4096}");
    CHECK_MSG(block_node_snapshot_create(n, &(struct block_snapshot){.name = "s"}, &e), "%s",
              e.text);
    resized(n, 3 * MIB);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "b", NULL), "%s", e.text);
    CHECK_MSG(block_node_snapshot_apply(n, "s", &e), "%s", e.text);
    CHECK_EQ(block_node_size(n), 4 * MIB);
    images_model_size(&i, 4 * MIB);
    clean(n);
    block_node_close(n);
    CHECK_EQ(runs_in_bitmap("b"), 1);
    CHECK_MSG(!strstr(images_output(), "\"data\": true"), "%s", images_output());
    end(images_open(&i, "qcow2", "x.qcow2", true, NULL, &e));
}

/* An image says that two bitmaps have one table: neither is believed. */
TEST(bitmaps_that_share_a_table_are_not_believed)
{
    struct block_node *n = made(MIB, NULL);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "one", NULL), "%s", e.text);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "two", NULL), "%s", e.text);
    block_node_close(n);
    uint64_t directory = 0;
    for (uint64_t at = 112; at < 512 && !directory; at += 8) {
        directory = peek(at, 4) == 0x23852875 ? peek(at + 24, 8) : 0;
    }
    REQUIRE(directory != 0);
    poke(directory + 32, peek(directory, 8), 8);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    REQUIRE(n != NULL);
    touch(n, 0);
    CHECK(!bitmap(n, BLOCK_BITMAP_CLEAR, "one", NULL));
    CHECK(!bitmap(n, BLOCK_BITMAP_CLEAR, "two", NULL));
    CHECK(!block_node_resize(n, 2 * MIB, BLOCK_PREALLOC_OFF, &e));
    CHECK_MSG(strstr(e.text, "not whole") != NULL, "%s", e.text);
    CHECK_MSG(images_compare(&i, n, &e), "%s", e.text);
    block_node_close(n);
    images_end(&i);
}

TEST(bitmaps_whose_writer_is_gone_can_only_be_removed)
{
    struct block_node *n = made(MIB, NULL);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_ADD, "b", NULL), "%s", e.text);
    work(n, 10);
    CHECK_EQ(block_node_flush(n), 0);
    CHECK_EQ(images_run(&i, "cp x.qcow2 y.qcow2"), 0); /* as after a crash */
    block_node_close(n);
    CHECK_EQ(images_run(&i, "mv y.qcow2 x.qcow2"), 0);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    CHECK(!bitmap(n, BLOCK_BITMAP_ENABLE, "b", NULL));
    CHECK_MSG(strstr(e.text, "can only be removed") != NULL, "%s", e.text);
    work(n, 10);
    CHECK_MSG(bitmap(n, BLOCK_BITMAP_REMOVE, "b", NULL), "%s", e.text);
    end(n);
}

/* ---- options of images that are there */

static bool amend(struct block_node *n, const char *options)
{
    json_t *o = json_loads(options, 0, NULL);
    bool good = block_node_amend(n, o, &e);
    json_decref(o);
    return good;
}

TEST(version_and_refcounts_can_be_changed)
{
    struct block_node *n = made(2 * MIB, "{\"compat\": \"0.10\", \"cluster_size\": \"4K\"}");
    work(n, 50);
    CHECK(!amend(n, "{\"refcount_bits\": 8}"));
    CHECK_MSG(amend(n, "{\"compat\": \"1.1\"}"), "%s", e.text);
    work(n, 50);
    static const unsigned bits[] = {1, 64, 8, 2, 32, 4, 16};
    for (unsigned k = 0; k < array_len(bits); k++) {
        char text[40];
        snprintf(text, sizeof(text), "{\"refcount_bits\": %u}", bits[k]);
        CHECK_MSG(amend(n, text), "%s", e.text);
        clean(n);
        work(n, 20);
        n = reopened(n, true);
    }
    CHECK_MSG(amend(n, "{\"lazy_refcounts\": true}"), "%s", e.text);
    work(n, 20);
    CHECK(!amend(n, "{\"compat\": \"0.10\"}"));
    CHECK_MSG(strstr(e.text, "lazy refcounts") != NULL, "%s", e.text);
    CHECK_MSG(amend(n, "{\"lazy_refcounts\": false, \"compat\": \"0.10\"}"), "%s", e.text);
    CHECK(!amend(n, "{\"cluster_size\": 4096}"));
    n = reopened(n, true);
    work(n, 20);
    end(n);
}

/* ---- measuring */

TEST(images_take_as_much_as_qemu_says)
{
    static const char *const options[] = {"cluster_size=65536",   "cluster_size=512",
                                          "cluster_size=2097152", "refcount_bits=64",
                                          "extended_l2=on",       "preallocation=full"};
    static const uint64_t sizes[] = {0, 512, 10 * MIB, UINT64_C(1) << 40};
    images_begin(&i, test_seed());
    for (unsigned k = 0; k < array_len(options) * array_len(sizes); k++) {
        const char *o = options[k % array_len(options)];
        const uint64_t size = sizes[k / array_len(options)];
        struct block_measure m;
        char *text = mem_printf("x,%s", o);
        json_t *j = block_options_parse(text, "measure", &e);
        json_object_del(j, "driver");
        json_object_set_new(j, "size", json_integer((json_int_t)size));
        if (images_run(&i, "qemu-img measure -O qcow2 -o %s --size %" PRIu64, o, size) == 0) {
            unsigned long long required = 0, all = 0;
            CHECK_MSG(block_image_measure("qcow2", j, NULL, &m, &e), "%s", e.text);
            sscanf(images_output(), "required size: %llu fully allocated size: %llu", &required,
                   &all);
            CHECK_MSG(m.required == required && m.fully_allocated == all,
                      "%s, %" PRIu64 ": %" PRIu64 " and %" PRIu64 ", not %llu and %llu", o, size,
                      m.required, m.fully_allocated, required, all);
        } else {
            CHECK_MSG(!block_image_measure("qcow2", j, NULL, &m, &e), "%s, %" PRIu64, o, size);
        }
        json_decref(j);
        mem_free(text);
    }
    images_end(&i);
}

/* ---- repair */

TEST(damaged_refcounts_are_found_and_repaired)
{
    /* In turn: a block's entries, the table's first entry, a mark. */
    for (unsigned k = 0; k < 5; k++) {
        struct block_node *n = made(2 * MIB, "{\"cluster_size\": \"4K\"}");
        struct block_check c = {0};
        work(n, 60);
        block_node_close(n);
        const uint64_t table = peek(48, 8), block = peek(table, 8), l1 = peek(40, 8);
        static const struct block_mode fix = {.write = true, .repair_none = true, .no_flush = true};
        switch (k) {
        case 0:
            poke(block + 6, 0, 4); /* of the L1 table and an L2 table */
            break;
        case 1:
            poke(block + 20, 0x00070008, 4);
            break;
        case 2:
            poke(table, 0, 8);
            break;
        case 3:
            poke(table, block + 512, 8);
            break;
        default:
            poke(l1, peek(l1, 8) & ~(UINT64_C(1) << 63), 8);
        }
        json_t *o = block_options_of_name(images_path(&i, "x.qcow2"), "qcow2", &e);
        n = block_node_open(i.graph, o, &fix, &e);
        json_decref(o);
        REQUIRE(n != NULL);
        CHECK(block_node_check(n, 0, &c, &e) && (c.corruptions || c.leaks));
        c = (struct block_check){0};
        CHECK_MSG(block_node_check(n, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &c, &e), "%s", e.text);
        CHECK_MSG(c.corruptions == 0 && c.leaks == 0 && (c.corruptions_fixed || c.leaks_fixed),
                  "case %u: %" PRIu64 " corruptions, %" PRIu64 " leaks", k, c.corruptions, c.leaks);
        n = reopened(n, true);
        CHECK_MSG(images_compare(&i, n, &e), "%s", e.text);
        work(n, 30);
        end(n);
    }
}

TEST(an_image_that_was_not_closed_is_repaired_when_it_is_opened)
{
    struct block_node *n = made(MIB, "{\"lazy_refcounts\": true}");
    work(n, 40);
    CHECK_EQ(block_node_flush(n), 0);
    CHECK_EQ(images_run(&i, "cp x.qcow2 y.qcow2"), 0);
    block_node_close(n);
    CHECK_EQ(peek(72, 8) & 1, 0);
    CHECK_EQ(images_run(&i, "mv y.qcow2 x.qcow2"), 0);
    CHECK_EQ(peek(72, 8) & 1, 1);
    n = images_open(&i, "qcow2", "x.qcow2", false, NULL, &e); /* as it is */
    CHECK_MSG(n && images_compare(&i, n, &e), "%s", e.text);
    n = reopened(n, true);
    CHECK_EQ(peek(72, 8) & 1, 0);
    end(n);
}

TEST(an_image_that_contradicts_itself_is_marked)
{
    struct block_node *n = made(MIB, NULL);
    uint8_t bytes[512] = {1};
    CHECK_EQ(block_node_write(n, 0, bytes, 512, 0), 0);
    block_node_close(n);
    /* The refcounts say that the tables' own clusters are free. */
    poke(peek(peek(48, 8), 8), 0, 8);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    CHECK_EQ(block_node_write(n, 512 * 1024, bytes, 512, 0), (uint64_t)-EIO);
    CHECK_EQ(block_node_read(n, 0, bytes, 512), 0);
    CHECK_EQ(bytes[0], 1);
    CHECK_EQ(block_node_write(n, 0, bytes, 512, 0), (uint64_t)-EIO);
    block_node_close(n);
    CHECK_EQ(peek(72, 8) & 2, 2);
    CHECK(!images_open(&i, "qcow2", "x.qcow2", true, NULL, &e));
    CHECK_MSG(strstr(e.text, "marked as corrupt") != NULL, "%s", e.text);
    n = images_open(&i, "qcow2", "x.qcow2", false, NULL, &e);
    CHECK_MSG(n != NULL, "%s", e.text);
    block_node_close(n);
    CHECK_EQ(images_run(&i, "qemu-img check -r all x.qcow2 >&2"), 0);
    n = images_open(&i, "qcow2", "x.qcow2", true, NULL, &e);
    CHECK_MSG(n && images_are_clean(n, &e), "%s", e.text);
    block_node_close(n);
    images_end(&i);
}

/* ---- what is refused */

struct refusal {
    uint64_t at, value;
    unsigned bytes;
    const char *says;
};

TEST(what_cannot_be_opened_says_why)
{
    static const struct refusal refused[] = {
        {0, 0x514649fa, 4, "is not a qcow2 image"},
        {4, 4, 4, "version 4"},
        {20, 8, 4, "9 to 21"},
        {20, 22, 4, "9 to 21"},
        {24, UINT64_MAX, 8, "too large"},
        {24, UINT64_C(1) << 40, 8, "too few"},
        {32, 1, 4, "encrypted (AES)"},
        {32, 2, 4, "encrypted (LUKS)"},
        {36, 0x10000000, 4, "at most 4194304"},
        {40, 513, 8, "L1 table is at 513"},
        {48, 100, 8, "refcount table is at 100"},
        {56, 0x10000, 4, "at most 8 MiB"},
        {60, 70000, 4, "at most 65536"},
        {60, 2, 4, "snapshot"},
        {72, 32, 8, "bit 5"},
        {72, UINT64_C(1) << 63 | 32, 8, "bit 63"},
        {72, 8, 8, "compression type 0"},
        {96, 7, 4, "0 to 6"},
        {100, 96, 4, "a header length of 96"},
        {104, 2, 1, "compression type 2"},
        {112, 0xe2792aca, 4, "wrong length"},
        {8, UINT64_C(1) << 32, 8, "first cluster"},
    };
    for (unsigned k = 0; k < array_len(refused); k++) {
        const struct refusal *r = &refused[k];
        block_node_close(made(MIB, NULL));
        if (r->at == 112) {
            poke(116, 0x7fffffff, 4);
        }
        poke(r->at, r->value, r->bytes);
        struct block_node *n = images_open(&i, "qcow2", "x.qcow2", false, NULL, &e);
        CHECK_MSG(!n && strstr(e.text, r->says), "at %" PRIu64 ": %s", r->at, e.text);
        block_node_close(n);
        images_end(&i);
    }
}

TEST(unknown_features_are_named)
{
    block_node_close(made(MIB, NULL));
    /* The table of names is the first extension; its rows have 48 bytes. */
    CHECK_EQ(peek(112, 4), 0x6803f857);
    poke(121, 6, 1);
    poke(72, 64, 8);
    CHECK(!images_open(&i, "qcow2", "x.qcow2", false, NULL, &e));
    CHECK_MSG(strstr(e.text, "not supported: 'dirty bit'") != NULL, "%s", e.text);
    images_end(&i);
}

TEST(autoclear_bits_that_are_not_known_are_cleared_by_a_writer)
{
    block_node_close(made(MIB, NULL));
    poke(88, 0x8000000000000005, 8);
    block_node_close(images_open(&i, "qcow2", "x.qcow2", false, NULL, &e));
    CHECK_EQ(peek(88, 8), 0x8000000000000005);
    block_node_close(images_open(&i, "qcow2", "x.qcow2", true, NULL, &e));
    CHECK_EQ(peek(88, 8), 1);
    images_end(&i);
}

TEST(bad_options_are_refused_in_words)
{
    static const struct {
        const char *options, *says;
    } creation[] = {
        {"{\"cluster_size\": 1000}", "a power of two from 512"},
        {"{\"cluster_size\": \"4M\"}", "a power of two from 512"},
        {"{\"refcount_bits\": 3}", "1, 2, 4, 8"},
        {"{\"refcount_bits\": 8, \"compat\": \"0.10\"}", "refcount_bits needs compat=1.1"},
        {"{\"lazy_refcounts\": true, \"compat\": \"v2\"}", "lazy_refcounts needs compat=1.1"},
        {"{\"extended_l2\": true, \"cluster_size\": 4096}", "16K"},
        {"{\"data_file_raw\": true}", "needs data_file="},
        {"{\"compression_type\": \"lz4\"}", "zlib, zstd"},
        {"{\"encryption\": true}", "encryption"},
    };
    static const struct {
        const char *options, *says;
    } opening[] = {
        {"{\"l2-cache-entry-size\": 1000}", "a power of two"},
        {"{\"cache-size\": 4096, \"l2-cache-size\": 8192}", "at most cache-size"},
        {"{\"cache-size\": 4096, \"l2-cache-size\": 1, \"refcount-cache-size\": 1}", "at most two"},
        {"{\"overlap-check\": \"all\"}", "none, constant, cached"},
        {"{\"encrypt.key-secret\": \"x\"}", "encrypt"},
    };
    images_begin(&i, test_seed());
    for (unsigned k = 0; k < array_len(creation); k++) {
        CHECK_MSG(!images_make(&i, "qcow2", "y", MIB, creation[k].options, &e) &&
                      strstr(e.text, creation[k].says),
                  "%s: %s", creation[k].options, e.text);
    }
    CHECK(images_make(&i, "qcow2", "x.qcow2", MIB, NULL, &e));
    for (unsigned k = 0; k < array_len(opening); k++) {
        struct block_node *n = images_open(&i, "qcow2", "x.qcow2", true, opening[k].options, &e);
        CHECK_MSG(!n && strstr(e.text, opening[k].says), "%s: %s", opening[k].options, e.text);
        block_node_close(n);
    }
    images_end(&i);
}
