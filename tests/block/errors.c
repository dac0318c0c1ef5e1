/* SPDX-License-Identifier: MIT */
/* What becomes of requests that fail, and of those that come while a disk is paused. */
#include <errno.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "block/block.h"
#include "tests/test.h"

struct scene {
    struct block_graph *g;
    struct block *d;
    struct block_queue *q;
    int stopped_with; /* the last status that stopped */
    unsigned stops;
};

static void stop(void *opaque, int status)
{
    struct scene *s = opaque;
    s->stopped_with = status;
    s->stops++;
}

/* A disk on raw on blkdebug on null-co, with one rule. */
static void open_scene(struct scene *s, const char *rule, const char *werror)
{
    struct error e = {{0}};
    bool known;
    struct block_options o = {.format = mem_strdup("raw")};
    char *text = mem_printf("{\"driver\":\"blkdebug\",\"image\":{\"driver\":\"null-co\"},"
                            "\"inject-error\":[%s]}",
                            rule);
    *s = (struct scene){.g = block_graph_create()};
    o.tree = json_object();
    json_object_set_new(o.tree, "file", json_loads(text, 0, NULL));
    for (int i = 0; block_on_error_names[i]; i++) {
        o.werror = strcmp(block_on_error_names[i], werror) == 0 ? (enum block_on_error)i : o.werror;
    }
    s->d = block_open(s->g, &o, &e);
    CHECK_MSG(s->d != NULL, "%s", e.text);
    block_on_stop(s->d, stop, s);
    s->q = block_queue_create(s->d, 4, &e);
    block_options_free(&o);
    mem_free(text);
    (void)known;
}

static void close_scene(struct scene *s)
{
    block_queue_destroy(s->q);
    block_close(s->d);
    block_graph_destroy(s->g);
}

struct sent {
    struct block_request r;
    struct iovec iov;
    uint8_t bytes[512];
    int status;
    unsigned calls;
};

static void told(struct block_request *r, int status)
{
    struct sent *s = container_of(r, struct sent, r);
    s->status = status;
    s->calls++;
}

static void send_one(struct scene *s, struct sent *t, enum block_op op, uint64_t sector)
{
    *t = (struct sent){.iov = {t->bytes, 512}};
    t->r = (struct block_request){.op = op,
                                  .offset = 512 * sector,
                                  .bytes = 512,
                                  .iov = &t->iov,
                                  .iov_count = 1,
                                  .done = told};
    block_queue_submit(s->q, &t->r);
}

/* Until nothing moves any more: results are in, or held. */
static void settle(struct scene *s)
{
    while (block_queue_outstanding(s->q)) {
        block_queue_wait(s->q);
    }
}

#define FULL_ONCE                                                                                  \
    "{\"event\":\"none\",\"iotype\":\"write\",\"sector\":3,\"errno\":28,\"once\":true}"
#define BROKEN "{\"event\":\"none\",\"iotype\":\"write\",\"sector\":3,\"errno\":5}"

TEST(a_write_without_room_waits_for_a_retry)
{
    struct scene s;
    struct sent a, b;
    open_scene(&s, FULL_ONCE, "auto"); /* which is enospc */
    send_one(&s, &a, BLOCK_WRITE, 3);
    send_one(&s, &b, BLOCK_WRITE, 4);
    settle(&s);
    CHECK(a.calls == 0 && b.calls == 1 && b.status == 0);
    CHECK(s.stops == 1 && s.stopped_with == -ENOSPC && block_waits_for_retry(s.d));
    block_retry(s.d);
    block_queue_run(s.q);
    settle(&s);
    CHECK(a.calls == 1 && a.status == 0 && !block_waits_for_retry(s.d));
    close_scene(&s);
}

TEST(enospc_reports_other_errors)
{
    struct scene s;
    struct sent a;
    open_scene(&s, BROKEN, "enospc");
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 1 && a.status == -EIO && s.stops == 0);
    close_scene(&s);
}

TEST(stop_waits_for_all_errors_and_again)
{
    struct scene s;
    struct sent a;
    open_scene(&s, BROKEN, "stop");
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 0 && s.stops == 1);
    block_retry(s.d);
    block_queue_run(s.q);
    settle(&s);
    CHECK(a.calls == 0 && s.stops == 2);
    block_queue_drain(s.q); /* a driver that is reset has given up on it */
    CHECK(a.calls == 1 && a.status == -EIO && !block_waits_for_retry(s.d));
    close_scene(&s);
}

TEST(ignore_and_report_do_as_they_say)
{
    struct scene s;
    struct sent a;
    open_scene(&s, BROKEN, "ignore");
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 1 && a.status == 0 && s.stops == 0);
    close_scene(&s);
    open_scene(&s, BROKEN, "report");
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 1 && a.status == -EIO && s.stops == 0);
    send_one(&s, &a, BLOCK_WRITE, UINT64_MAX / 1024); /* beyond the end: never anybody's error */
    settle(&s);
    CHECK(a.calls == 1 && a.status == -EINVAL);
    close_scene(&s);
}

TEST(the_device_stands_above_the_drive_and_passive_queues_report)
{
    struct scene s;
    struct sent a;
    open_scene(&s, BROKEN, "report");
    block_set_errors(s.d, BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_STOP);
    CHECK_EQ(block_on_error(s.d, false), BLOCK_ON_ERROR_REPORT);
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 0 && s.stops == 1);
    block_queue_drain(s.q);
    block_queue_passive(s.q);
    send_one(&s, &a, BLOCK_WRITE, 3);
    settle(&s);
    CHECK(a.calls == 1 && a.status == -EIO && s.stops == 1);
    close_scene(&s);
}

/* ---- pausing */

struct worker {
    struct scene *s;
    uint32_t quit, done; /* requests that came back */
};

static void work(void *arg)
{
    struct worker *w = arg;
    struct sent t[3];
    while (!atomic_get_seq(&w->quit)) {
        for (unsigned i = 0; i < 3; i++) {
            send_one(w->s, &t[i], BLOCK_WRITE, i);
        }
        while (block_queue_outstanding(w->s->q)) {
            block_queue_wait(w->s->q);
        }
        atomic_add(&w->done, 3);
    }
}

TEST(nothing_is_done_while_a_disk_is_paused)
{
    struct scene s;
    struct error e = {{0}};
    struct os_thread t;
    open_scene(&s, BROKEN, "auto");
    block_set_errors(s.d, BLOCK_ON_ERROR_AUTO, BLOCK_ON_ERROR_REPORT);
    struct worker w = {.s = &s};
    REQUIRE(os_thread_start(&t, "worker", work, &w, &e));
    for (unsigned i = 0; i < 50; i++) {
        block_pause(s.d);
        const uint32_t before = atomic_get_seq(&w.done);
        os_sleep_until_ns(os_now_ns() + 1000000);
        CHECK(atomic_get_seq(&w.done) - before <= 3); /* those that had come back already */
        block_resume(s.d);
        const int64_t limit = os_now_ns() + INT64_C(20000000000);
        while (atomic_get_seq(&w.done) - before <= 3 && os_now_ns() < limit) {
            os_yield();
        }
        CHECK(atomic_get_seq(&w.done) - before > 3); /* and on it goes */
    }
    atomic_set_seq(&w.quit, 1);
    os_thread_join(&t);
    close_scene(&s);
}

/* ---- sizes */

static void note_resize(void *opaque)
{
    ++*(unsigned *)opaque;
}

TEST(a_disk_in_use_gets_another_size)
{
    struct error e = {{0}};
    char path[] = "/var/tmp/dragoman-test.XXXXXX";
    unsigned heard = 0;
    int fd = mkstemp(path);
    CHECK(ftruncate(fd, 1 << 20) == 0);
    close(fd);
    struct block *d = block_open(NULL, &(struct block_options){.file = path, .format = "raw"}, &e);
    REQUIRE(d != NULL);
    block_on_resize(d, note_resize, &heard);
    CHECK(block_resize(d, 3 << 20, &e));
    CHECK(block_size_bytes(d) == 3 << 20 && heard == 1);
    CHECK(!block_resize(d, 1000, &e) && !block_resize(d, 0, &e));
    CHECK(block_size_bytes(d) == 3 << 20 && heard == 1);
    block_close(d);
    unlink(path);
}

/* ---- media */

TEST(media_are_changed_and_taken_out)
{
    struct error e = {{0}};
    char path[] = "/var/tmp/dragoman-test.XXXXXX";
    unsigned heard = 0;
    uint8_t b[512];
    int fd = mkstemp(path);
    CHECK(ftruncate(fd, 1 << 20) == 0 && pwrite(fd, "medium", 6, 0) == 6);
    close(fd);
    struct block *d = block_open(NULL, &(struct block_options){.empty = true, .id = "cd"}, &e);
    REQUIRE(d != NULL);
    struct block_queue *q = block_queue_create(d, 4, &e);
    struct scene s = {.d = d, .q = q};
    struct sent t;
    CHECK(block_is_empty(d) && block_size_bytes(d) == 0 && !block_read(d, 0, b, 512, &e));
    struct block_options o = {.file = path, .format = "raw", .read_only = true};
    CHECK(!block_insert(d, &o, &e));
    CHECK_MSG(strstr(e.text, "'cd' is not removable") != NULL, "%s", e.text);
    block_set_removable(d, true);
    block_on_resize(d, note_resize, &heard);
    CHECK_MSG(block_insert(d, &o, &e), "%s", e.text);
    CHECK(!block_is_empty(d) && block_size_bytes(d) == 1 << 20 && heard == 1);
    send_one(&s, &t, BLOCK_READ, 0);
    block_queue_drain(q);
    CHECK(t.status == 0 && memcmp(t.bytes, "medium", 6) == 0);
    o.file = "/nonexistent";
    CHECK(!block_insert(d, &o, &e) && !block_is_empty(d) && heard == 1);
    CHECK(block_insert(d, NULL, &e) && block_is_empty(d) && heard == 2);
    send_one(&s, &t, BLOCK_READ, 0);
    block_queue_drain(q);
    CHECK(t.status < 0);
    block_queue_destroy(q);
    block_close(d);
    unlink(path);
}
