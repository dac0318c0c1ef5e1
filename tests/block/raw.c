/* SPDX-License-Identifier: MIT */
/* Disks on raw files: engines, cache modes, snapshots, locks, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "block/block.h"
#include "tests/test.h"

#define MIB (1u << 20)

/* ---- images and requests */

static char image_path[64];

/* A file of size bytes whose sector n is filled with n's low byte + 1; unlinked by drop_image. */
static const char *make_image(uint64_t size)
{
    snprintf(image_path, sizeof(image_path), "/var/tmp/dragoman-test.XXXXXX");
    int fd = mkstemp(image_path);
    uint8_t sector[BLOCK_SECTOR];
    for (uint64_t at = 0; at < size; at += sizeof(sector)) {
        memset(sector, (int)(at / sizeof(sector) + 1), sizeof(sector));
        size_t n = size - at < sizeof(sector) ? (size_t)(size - at) : sizeof(sector);
        if (pwrite(fd, sector, n, (off_t)at) != (ssize_t)n) {
            perror(image_path);
            exit(2);
        }
    }
    close(fd);
    return image_path;
}

static void drop_image(void)
{
    unlink(image_path);
}

/* Opens the image with "key=value" settings ending in NULL. */
static struct block *open_with(struct error *e, ...)
{
    struct block_options o = {.file = mem_strdup(image_path)};
    va_list ap;
    bool good = true, known;
    va_start(ap, e);
    for (const char *s; good && (s = va_arg(ap, const char *));) {
        char key[32];
        const char *eq = strchr(s, '=');
        snprintf(key, sizeof(key), "%.*s", (int)(eq - s), s);
        good = block_options_set(&o, key, eq + 1, &known, e);
        CHECK_MSG(known, "%s", key);
    }
    va_end(ap);
    struct block *b = good ? block_open(NULL, &o, e) : NULL;
    block_options_free(&o);
    return b;
}

static struct block *must_open(const char *a, const char *b)
{
    struct error e = {{0}};
    struct block *d = open_with(&e, "format=raw", a, b, NULL);
    if (!d) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    return d;
}

struct wait {
    struct block_request r;
    int status;
    unsigned calls;
};

static void wait_done(struct block_request *r, int status)
{
    struct wait *w = container_of(r, struct wait, r);
    w->status = status;
    w->calls++;
}

static int run_one(struct block_queue *q, struct block_request r)
{
    struct wait w = {.r = r};
    w.r.done = wait_done;
    block_queue_submit(q, &w.r);
    CHECK_EQ(w.calls, 0); /* never from within submit */
    block_queue_drain(q);
    CHECK_EQ(w.calls, 1);
    return w.status;
}

static int transfer(struct block_queue *q, enum block_op op, uint64_t offset, void *p, size_t n)
{
    struct iovec iov = {p, n};
    return run_one(q, (struct block_request){
                          .op = op, .offset = offset, .bytes = n, .iov = &iov, .iov_count = 1});
}

static int run_range(struct block_queue *q, enum block_op op, uint64_t offset, uint64_t n,
                     unsigned flags)
{
    return run_one(q,
                   (struct block_request){.op = op, .flags = flags, .offset = offset, .bytes = n});
}

static int run_pieces(struct block_queue *q, enum block_op op, uint64_t offset,
                      const struct iovec *iov, unsigned count)
{
    struct block_request r = {.op = op, .offset = offset, .iov = iov, .iov_count = count};
    for (unsigned i = 0; i < count; i++) {
        r.bytes += iov[i].iov_len;
    }
    return run_one(q, r);
}

static const char *const engines[] = {"aio=io_uring", "aio=threads"};
static const char *const caches[] = {"cache=writeback", "cache=none", "cache=writethrough",
                                     "cache=directsync", "cache=unsafe"};

/* ---- behaviour */

TEST(reads_writes_and_flushes_on_every_engine_and_cache)
{
    for (unsigned i = 0; i < array_len(engines) * array_len(caches); i++) {
        struct error e = {{0}};
        make_image(MIB);
        struct block *b = must_open(engines[i % 2], caches[i / 2]);
        struct block_queue *q = block_queue_create(b, 8, &e);
        REQUIRE(q != NULL);
        static uint8_t buf[MIB];
        CHECK_EQ(block_size_bytes(b), MIB);
        CHECK_EQ(transfer(q, BLOCK_READ, 512 * 7, buf, 4096), 0);
        CHECK_EQ(buf[0], 8);
        CHECK_EQ(buf[4095], 15);
        memset(buf, 0xab, 3000);
        CHECK_EQ(transfer(q, BLOCK_WRITE, 1001, buf, 3000),
                 0); /* neither place nor length aligned */
        CHECK_EQ(transfer(q, BLOCK_FLUSH, 0, NULL, 0), 0);
        memset(buf, 0, sizeof(buf));
        CHECK_EQ(transfer(q, BLOCK_READ, 0, buf, sizeof(buf)), 0);
        CHECK(buf[1000] == 2 && buf[1001] == 0xab && buf[4000] == 0xab && buf[4001] == 8);
        CHECK_EQ(buf[MIB - 1], (MIB / 512) & 0xff);
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

TEST(data_moves_to_and_from_many_pieces)
{
    for (unsigned i = 0; i < 2; i++) {
        struct error e = {{0}};
        make_image(MIB);
        struct block *b = must_open(engines[i], "cache=writeback");
        struct block_queue *q = block_queue_create(b, 8, &e);
        static uint8_t out[65536], in[65536];
        struct iovec iov[64];
        for (unsigned n = 0; n < sizeof(out); n++) {
            out[n] = (uint8_t)(n * 7);
        }
        for (unsigned n = 0; n < 64; n++) { /* the pieces in reverse order */
            iov[n] = (struct iovec){out + 1024 * (63 - n), 1024};
        }
        CHECK_EQ(run_pieces(q, BLOCK_WRITE, 4096, iov, 64), 0);
        for (unsigned n = 0; n < 64; n++) {
            iov[n].iov_base = in + 1024 * (63 - n);
        }
        CHECK_EQ(run_pieces(q, BLOCK_READ, 4096, iov, 64), 0);
        CHECK_MEM(in, out, sizeof(out));
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

TEST(more_requests_than_the_depth_all_end_once)
{
    for (unsigned i = 0; i < 2; i++) {
        struct error e = {{0}};
        make_image(MIB);
        struct block *b = must_open(engines[i], "cache=writeback");
        struct block_queue *q = block_queue_create(b, 4, &e);
        static struct wait w[200];
        static uint8_t buf[200][512];
        static struct iovec iov[200];
        for (unsigned n = 0; n < 200; n++) {
            iov[n] = (struct iovec){buf[n], 512};
            w[n] = (struct wait){.r = {.op = BLOCK_READ,
                                       .offset = 512 * n,
                                       .bytes = 512,
                                       .iov = &iov[n],
                                       .iov_count = 1,
                                       .done = wait_done}};
            block_queue_submit(q, &w[n].r);
        }
        CHECK_EQ(block_queue_outstanding(q), 200);
        block_queue_drain(q);
        CHECK_EQ(block_queue_outstanding(q), 0);
        for (unsigned n = 0; n < 200; n++) {
            CHECK(w[n].calls == 1 && w[n].status == 0 && buf[n][511] == (uint8_t)(n + 1));
        }
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

TEST(requests_out_of_range_fail)
{
    struct error e = {{0}};
    uint8_t buf[1024];
    make_image(4096);
    struct block *b = must_open("aio=threads", "cache=writeback");
    struct block_queue *q = block_queue_create(b, 4, &e);
    CHECK_EQ(transfer(q, BLOCK_READ, 4096 - 512, buf, 1024), (uint64_t)-EINVAL);
    CHECK_EQ(transfer(q, BLOCK_WRITE, UINT64_MAX - 10, buf, 1024), (uint64_t)-EINVAL);
    CHECK_EQ(run_range(q, BLOCK_DISCARD, 0, 8192, 0), (uint64_t)-EINVAL);
    CHECK_EQ(transfer(q, BLOCK_READ, 4096, buf, 0), 0);
    block_queue_destroy(q);
    block_close(b);
    drop_image();
}

TEST(last_sector_that_the_file_has_a_part_of_is_padded)
{
    for (unsigned i = 0; i < array_len(engines) * 2; i++) {
        struct error e = {{0}};
        make_image(1000);
        struct block *b = must_open(engines[i % 2], caches[i / 2]);
        struct block_queue *q = block_queue_create(b, 4, &e);
        uint8_t buf[1024];
        CHECK_EQ(block_size_bytes(b), 1024);
        memset(buf, 0xff, sizeof(buf));
        CHECK_EQ(transfer(q, BLOCK_READ, 0, buf, 1024), 0);
        CHECK(buf[999] == 2 && buf[1000] == 0 && buf[1023] == 0);
        memset(buf, 0x77, sizeof(buf));
        CHECK_EQ(transfer(q, BLOCK_WRITE, 512, buf, 512), 0);
        memset(buf, 0, sizeof(buf));
        CHECK_EQ(transfer(q, BLOCK_READ, 0, buf, 1024), 0);
        CHECK(buf[511] == 1 && buf[512] == 0x77 && buf[1023] == 0x77);
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

static uint64_t blocks_of_image(void)
{
    struct stat st;
    return stat(image_path, &st) == 0 ? (uint64_t)st.st_blocks : 0;
}

TEST(discard_gives_room_back_unless_told_to_ignore_it)
{
    struct error e = {{0}};
    for (unsigned ignore = 0; ignore < 2; ignore++) {
        uint8_t buf[512];
        make_image(4 * MIB);
        sync();
        uint64_t before = blocks_of_image();
        struct block *b = must_open("aio=io_uring", ignore ? "discard=ignore" : "discard=unmap");
        struct block_queue *q = block_queue_create(b, 4, &e);
        CHECK_EQ(block_can_discard(b), !ignore);
        CHECK_EQ(run_range(q, BLOCK_DISCARD, MIB, 2 * MIB, 0), 0);
        CHECK_EQ(transfer(q, BLOCK_READ, MIB, buf, 512), 0);
        CHECK_EQ(buf[0], ignore ? 1 : 0);
        CHECK(ignore ? blocks_of_image() == before : blocks_of_image() <= before - 4096);
        CHECK_EQ(transfer(q, BLOCK_READ, 3 * MIB, buf, 512), 0);
        CHECK_EQ(buf[0], 1);
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

TEST(write_zeroes_zeroes_exactly_its_range)
{
    for (unsigned i = 0; i < 4; i++) {
        struct error e = {{0}};
        static uint8_t buf[MIB];
        make_image(MIB);
        struct block *b = must_open(engines[i % 2], i & 2 ? "cache=none" : "cache=writeback");
        struct block_queue *q = block_queue_create(b, 4, &e);
        CHECK_EQ(run_range(q, BLOCK_WRITE_ZEROES, 1536, 8192, i & 1 ? BLOCK_MAY_UNMAP : 0), 0);
        CHECK_EQ(run_range(q, BLOCK_WRITE_ZEROES, 65536, 512, BLOCK_FUA), 0);
        CHECK_EQ(transfer(q, BLOCK_READ, 0, buf, MIB), 0);
        CHECK(buf[1535] == 3 && buf[1536] == 0 && buf[9727] == 0 && buf[9728] == 20);
        CHECK(buf[65535] == 128 && buf[65536] == 0 && buf[66047] == 0 && buf[66048] == 130);
        block_queue_destroy(q);
        block_close(b);
        drop_image();
    }
}

TEST(detected_zeroes_take_no_room)
{
    struct error e = {{0}};
    static uint8_t buf[2 * MIB];
    make_image(4 * MIB);
    sync();
    uint64_t before = blocks_of_image();
    struct block *b = must_open("detect-zeroes=unmap", "aio=io_uring");
    struct block_queue *q = block_queue_create(b, 4, &e);
    CHECK_EQ(transfer(q, BLOCK_WRITE, MIB, buf, sizeof(buf)), 0);
    CHECK(blocks_of_image() <= before - 4096);
    buf[MIB] = 1;
    CHECK_EQ(transfer(q, BLOCK_WRITE, MIB, buf, sizeof(buf)), 0);
    buf[MIB] = 0;
    CHECK_EQ(transfer(q, BLOCK_READ, MIB, buf, sizeof(buf)), 0);
    CHECK(buf[MIB] == 1 && buf[MIB - 1] == 0);
    block_queue_destroy(q);
    block_close(b);
    drop_image();
}

TEST(read_only_disks_refuse_writes)
{
    struct error e = {{0}};
    uint8_t buf[512];
    make_image(4096);
    chmod(image_path, 0400);
    struct block *b = must_open("readonly=on", "aio=threads");
    struct block_queue *q = block_queue_create(b, 4, &e);
    CHECK(block_read_only(b));
    CHECK_EQ(transfer(q, BLOCK_WRITE, 0, buf, 512), (uint64_t)-EACCES);
    CHECK_EQ(run_range(q, BLOCK_WRITE_ZEROES, 0, 512, 0), (uint64_t)-EACCES);
    CHECK_EQ(transfer(q, BLOCK_READ, 0, buf, 512), 0);
    CHECK(!block_write(b, 0, buf, 512, &e));
    block_queue_destroy(q);
    block_close(b);
    drop_image();
}

/* ---- snapshot */

/* Random requests, each checked against a copy in memory. */
static void random_requests(struct block_queue *q, uint8_t *model, uint64_t size, unsigned count)
{
    struct rng g;
    uint8_t *buf = mem_alloc(65536);
    rng_seed(&g, test_seed());
    for (unsigned n = 0; n < count; n++) {
        uint64_t len = 1 + rng_below(&g, rng_below(&g, 2) ? 65536 : 2000);
        uint64_t at = rng_below(&g, size - len + 1);
        if (rng_below(&g, 2)) {
            at = align_down(at, 4096);
            len = align_up(len, 512) <= size - at && align_up(len, 512) <= 65536
                      ? align_up(len, 512)
                      : len;
        }
        len = len < size - at ? len : size - at;
        switch (rng_below(&g, 4)) {
        case 0:
            rng_bytes(&g, buf, (size_t)len);
            CHECK_EQ(transfer(q, BLOCK_WRITE, at, buf, (size_t)len), 0);
            memcpy(model + at, buf, (size_t)len);
            break;
        case 1:
            CHECK_EQ(
                run_range(q, BLOCK_WRITE_ZEROES, at, len, rng_below(&g, 2) ? BLOCK_MAY_UNMAP : 0),
                0);
            memset(model + at, 0, (size_t)len);
            break;
        default: {
            /* Into two pieces, cut anywhere. */
            size_t cut = (size_t)rng_below(&g, len + 1);
            struct iovec iov[2] = {{buf, cut}, {buf + cut, (size_t)len - cut}};
            CHECK_EQ(run_pieces(q, BLOCK_READ, at, iov, 2), 0);
            CHECK_MEM(buf, model + at, (size_t)len);
        }
        }
    }
    mem_free(buf);
}

TEST(random_requests_equal_a_model)
{
    static const char *const settings[] = {"cache=writeback", "cache=none", "snapshot=on",
                                           "detect-zeroes=unmap"};
    for (unsigned i = 0; i < array_len(engines) * array_len(settings); i++) {
        struct error e = {{0}};
        const uint64_t size = MIB + 1536;
        make_image(size);
        struct block *b = must_open(engines[i % 2], settings[i / 2]);
        struct block_queue *q = block_queue_create(b, 4, &e);
        uint8_t *model = mem_alloc(size);
        CHECK(block_read(b, 0, model, size, &e));
        random_requests(q, model, size, 150 * test_scale());
        block_queue_destroy(q);
        block_close(b);
        mem_free(model);
        drop_image();
    }
}

TEST(snapshot_leaves_the_image_alone)
{
    struct error e = {{0}};
    uint8_t *model = mem_alloc(MIB), *file = mem_alloc(MIB);
    make_image(MIB);
    chmod(image_path, 0400);
    struct block *b = must_open("snapshot=on", "aio=io_uring");
    CHECK(!block_read_only(b));
    struct block_queue *q = block_queue_create(b, 4, &e);
    CHECK(block_read(b, 0, file, MIB, &e));
    memcpy(model, file, MIB);
    random_requests(q, model, MIB, 100);
    CHECK_EQ(run_range(q, BLOCK_DISCARD, 0, MIB, 0), 0);
    CHECK(block_read(b, 0, model, MIB, &e));
    block_queue_destroy(q);
    block_close(b);
    b = must_open("readonly=on", "aio=threads");
    CHECK(block_read(b, 0, model, MIB, &e));
    CHECK_MEM(model, file, MIB);
    block_close(b);
    drop_image();
    mem_free(model);
    mem_free(file);
}

/* ---- locks */

TEST(second_writer_is_refused)
{
    struct error e = {{0}};
    make_image(4096);
    struct block *b = must_open("cache=writeback", "aio=threads");
    CHECK(!open_with(&e, "format=raw", NULL));
    CHECK(strstr(e.text, "is in use") != NULL);
    CHECK(!open_with(&e, "format=raw", "readonly=on", NULL));
    CHECK(!open_with(&e, "format=raw", "snapshot=on", NULL));
    struct block *c = open_with(&e, "format=raw", "locking=off", NULL);
    CHECK(c != NULL);
    block_close(c);
    block_close(b);
    b = must_open("readonly=on", "aio=threads");
    c = open_with(&e, "format=raw", "readonly=on", NULL);
    CHECK(c != NULL); /* readers share */
    CHECK(!open_with(&e, "format=raw", NULL));
    block_close(c);
    block_close(b);
    b = must_open("cache=none", "aio=threads");
    CHECK(b != NULL);
    block_close(b);
    drop_image();
}

/* ---- waking */

struct waker {
    struct block_queue *q;
    uint32_t flag;
};

static void wake_from_thread(void *arg)
{
    struct waker *w = arg;
    for (unsigned i = 0; i < 2000; i++) {
        atomic_set_seq(&w->flag, i + 1);
        block_queue_wake(w->q);
        if (i % 7 == 0) {
            os_sleep_until_ns(os_now_ns() + 20000);
        }
    }
}

TEST(wake_ends_a_wait_and_none_is_lost)
{
    for (unsigned i = 0; i < 2; i++) {
        struct error e = {{0}};
        struct os_thread t;
        make_image(4096);
        struct block *b = must_open(engines[i], "cache=writeback");
        struct waker w = {.q = block_queue_create(b, 4, &e)};
        uint32_t seen = 0;
        REQUIRE(os_thread_start(&t, "waker", wake_from_thread, &w, &e));
        while (seen < 2000) { /* hangs if a wake-up is lost */
            block_queue_wait(w.q);
            seen = atomic_get(&w.flag);
        }
        os_thread_join(&t);
        block_queue_destroy(w.q);
        block_close(b);
        drop_image();
    }
}

/* ---- what is refused */

static void refuse_image(const void *head, size_t n, const char *name)
{
    struct error e = {{0}};
    make_image(4096);
    int fd = open(image_path, O_WRONLY);
    CHECK(pwrite(fd, head, n, 0) == (ssize_t)n);
    close(fd);
    CHECK(!open_with(&e, "aio=threads", NULL));
    CHECK_MSG(strstr(e.text, name) != NULL, "%s", e.text);
    struct block *b = open_with(&e, "format=raw", NULL); /* if the user says so */
    CHECK(b != NULL);
    block_close(b);
    drop_image();
}

TEST(images_of_other_formats_are_refused_by_name)
{
    uint8_t vdi[0x44] = {0};
    memcpy(vdi + 0x40, "\x7f\x10\xda\xbe", 4);
    refuse_image("QFI\xfb\0\0\0\3", 8, "qcow2");
    refuse_image("KDMV", 4, "vmdk");
    refuse_image("vhdxfile", 8, "vhdx");
    refuse_image("conectix", 8, "vpc");
    refuse_image("LUKS\xba\xbe", 6, "luks");
    refuse_image(vdi, sizeof(vdi), "vdi");
}

TEST(what_cannot_be_opened_says_why)
{
    struct error e = {{0}};
    snprintf(image_path, sizeof(image_path), "/nonexistent/disk.img");
    CHECK(!open_with(&e, NULL));
    CHECK(strstr(e.text, "No such file") != NULL);
    snprintf(image_path, sizeof(image_path), "/tmp");
    CHECK(!open_with(&e, "readonly=on", NULL));
    CHECK(strstr(e.text, "neither a file nor") != NULL);
    snprintf(image_path, sizeof(image_path), "/dev/null");
    CHECK(!open_with(&e, NULL));
    make_image(0);
    CHECK(!open_with(&e, NULL));
    CHECK(strstr(e.text, "is empty") != NULL);
    drop_image();
    make_image(512);
    CHECK(!open_with(&e, "format=qed", NULL));
    CHECK(strstr(e.text, "'qed' is not supported") != NULL);
    CHECK(!open_with(&e, "cache=writebakc", NULL));
    CHECK(strstr(e.text, "did you mean 'writeback'") != NULL);
    CHECK(!open_with(&e, "aio=posix", NULL));
    CHECK(!open_with(&e, "readonly=maybe", NULL));
    CHECK(!open_with(&e, "detect-zeroes=unmap", "discard=ignore", NULL));
    drop_image();
}

TEST(unknown_keys_are_left_to_the_caller)
{
    struct block_options o = {0};
    struct error e = {{0}};
    bool known = true;
    CHECK(block_options_set(&o, "if", "virtio", &known, &e));
    CHECK(!known);
    CHECK(block_options_set(&o, "cache.direct", "on", &known, &e) && known);
    CHECK(block_options_set(&o, "cache.no-flush", "off", &known, &e) && known);
    block_options_free(&o);
}

TEST(description_names_file_and_modes)
{
    struct strbuf s = {0};
    make_image(4096);
    struct block *b = must_open("cache=none", "id=disk0");
    block_describe(b, &s);
    CHECK(strstr(s.text, image_path) && strstr(s.text, "cache=none") && strstr(s.text, "disk0"));
    strbuf_free(&s);
    block_close(b);
    drop_image();
}
