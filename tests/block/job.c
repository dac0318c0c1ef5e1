/* SPDX-License-Identifier: MIT */
/* Jobs on disks in use. */
#include "block/job.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block_internal.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define DISK_BYTES (4u << 20)

struct scene {
    struct block_graph *g;
    struct block_node *below, *image;
    struct block *disk;
    uint32_t over;
};

static void note_end(void *opaque)
{
    atomic_add(&((struct scene *)opaque)->over, 1);
}

static void open_scene(struct scene *s)
{
    struct error e = {{0}};
    uint8_t *bytes = mem_alloc(DISK_BYTES);
    for (unsigned i = 0; i < DISK_BYTES; i++) {
        bytes[i] = (uint8_t)(i / 512 * 7 + 1);
    }
    *s = (struct scene){.g = block_graph_create()};
    s->below = recorder_open(s->g, "below", bytes, DISK_BYTES);
    s->image = block_overlay_open(s->below, &e);
    s->disk = s->image ? block_open_node(s->image, "d", BLOCK_PERM_READ | BLOCK_PERM_WRITE,
                                         BLOCK_PERM_READ, &e)
                       : NULL;
    CHECK_MSG(s->disk != NULL, "%s", e.text);
    mem_free(bytes);
}

static void close_scene(struct scene *s)
{
    block_close(s->disk);
    block_node_close(s->image);
    block_node_close(s->below);
    block_graph_destroy(s->g);
}

static void wait_over(struct scene *s)
{
    const int64_t limit = os_now_ns() + INT64_C(60000000000);
    while (!atomic_get_seq(&s->over) && os_now_ns() < limit) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK(atomic_get_seq(&s->over));
}

TEST(a_streamed_image_needs_its_backing_file_no_more)
{
    struct scene s;
    struct error e = {{0}};
    uint64_t done, all;
    uint8_t *disk = mem_alloc(DISK_BYTES);
    open_scene(&s);
    CHECK(block_write(s.disk, 70000, "guest", 5, &e));
    struct block_job *j = block_stream_start(s.disk, note_end, &s, &e);
    REQUIRE(j != NULL);
    CHECK(block_write(s.disk, 3000000, "later", 5, &e)); /* beside it */
    wait_over(&s);
    block_job_progress(j, &done, &all);
    CHECK(done == DISK_BYTES && all == DISK_BYTES && block_job_is_over(j));
    CHECK_MSG(block_job_end(j, &e), "%s", e.text);
    CHECK(block_node_child(s.image, "backing") == NULL);
    memset(recorder_of(s.below)->file, 0xee, DISK_BYTES);
    CHECK(block_read(s.disk, 0, disk, DISK_BYTES, &e));
    CHECK_MEM(disk + 70000, "guest", 5);
    CHECK_MEM(disk + 3000000, "later", 5);
    unsigned wrong = 0;
    for (unsigned i = 0; i < DISK_BYTES; i++) {
        bool written = (i >= 70000 && i < 70005) || (i >= 3000000 && i < 3000005);
        wrong += !written && disk[i] != (uint8_t)(i / 512 * 7 + 1);
    }
    CHECK_EQ(wrong, 0);
    CHECK(!block_stream_start(s.disk, note_end, &s, &e));
    CHECK_MSG(strstr(e.text, "has no backing file") != NULL, "%s", e.text);
    mem_free(disk);
    close_scene(&s);
}

TEST(a_cancelled_job_leaves_the_backing_file)
{
    struct scene s;
    struct error e = {{0}};
    open_scene(&s);
    recorder_of(s.below)->yields = true;
    struct block_job *j = block_stream_start(s.disk, note_end, &s, &e);
    REQUIRE(j != NULL);
    block_job_cancel(j);
    wait_over(&s);
    CHECK(!block_job_end(j, &e));
    CHECK_MSG(strstr(e.text, "cancelled") != NULL, "%s", e.text);
    CHECK(block_node_child(s.image, "backing") == s.below);
    close_scene(&s);
}
