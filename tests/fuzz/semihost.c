/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests of semihosting: random calls with random blocks in random memory, of which most is
 * not there. Whatever comes, a call gives a result or lets its vCPU sleep, and the host's files
 * outside of the test's folder and the process's own descriptors stay as they are.
 */
#include "tests/test.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cpu/arm.h"
#include "system/semihost_internal.h"
#include "tests/support/board.h"

enum {
    RAM_BASE = 0x40000000,
    RAM_BYTES = 0x10000
};

static struct {
    struct stream stream; /* first */
    struct stream_reader reader;
    struct test_board *board;
    struct semihost *semihost;
    struct rng rng;
    uint64_t finished;
} t;

static size_t take(struct stream *s, const uint8_t *bytes, size_t n)
{
    (void)s, (void)bytes;
    return rng_below(&t.rng, 4) ? n : rng_below(&t.rng, n + 1);
}

static void set_reader(struct stream *s, const struct stream_reader *r)
{
    (void)s;
    if (r) {
        t.reader = *r;
    }
}

static void nothing(struct stream *s)
{
    (void)s;
}

static const struct stream_ops ops = {
    .write = take, .set_reader = set_reader, .more_room = nothing, .close = nothing};

static bool stopping(void *opaque)
{
    (void)opaque;
    return rng_below(&t.rng, 2);
}

static void heap(void *opaque, uint64_t *low, uint64_t *high)
{
    (void)opaque;
    *low = RAM_BASE;
    *high = RAM_BASE + RAM_BYTES;
}

static void finish(struct vcpu *v, uint64_t result)
{
    (void)v, (void)result;
    t.finished++;
}

static bool begin(bool console)
{
    struct error e;
    memset(&t, 0, sizeof(t));
    rng_seed(&t.rng, test_seed());
    t.stream.ops = &ops;
    t.board = test_board_new(&arm_cpu_class, "max", 1, RAM_BASE, RAM_BYTES, &e);
    if (!t.board) {
        CHECK_MSG(false, "%s", e.text);
        return false;
    }
    t.semihost = semihost_create(&(struct semihost_config){.power = &t.board->power,
                                                           .clock = t.board->clock,
                                                           .console = console ? &t.stream : NULL,
                                                           .vcpus = t.board->vcpus,
                                                           .vcpu_count = 1,
                                                           .arguments = "some words",
                                                           .heap = heap,
                                                           .stopping = stopping});
    return true;
}

static void end(void)
{
    semihost_destroy(t.semihost);
    test_board_free(t.board);
}

static const char *const names[] = {
    "a", "b", ":tt", ":semihosting-features", "", "folder", "folder/", "nowhere/a", "pipe"};

/* An address: mostly in RAM, sometimes at its ends, sometimes anywhere. */
static uint64_t address(void)
{
    switch (rng_below(&t.rng, 8)) {
    case 0:
        return rng_u64(&t.rng);
    case 1:
        return RAM_BASE + RAM_BYTES - rng_below(&t.rng, 40);
    default:
        return RAM_BASE + rng_below(&t.rng, RAM_BYTES);
    }
}

static uint64_t length(void)
{
    return rng_below(&t.rng, 6) ? rng_below(&t.rng, 300) : rng_u64(&t.rng) >> rng_below(&t.rng, 64);
}

static void put(uint64_t at, const void *bytes, size_t n)
{
    if (at >= RAM_BASE && at - RAM_BASE + n <= RAM_BYTES) {
        memcpy(t.board->ram + (at - RAM_BASE), bytes, n);
    }
}

/* A name, and its length, mostly the right one. */
static uint64_t put_name(uint64_t at)
{
    const char *name = names[rng_below(&t.rng, array_len(names))];
    put(at, name, strlen(name) + 1);
    return rng_below(&t.rng, 8) ? strlen(name) : length();
}

static uint64_t handle(void)
{
    return rng_below(&t.rng, 8) ? rng_below(&t.rng, 12) : rng_u64(&t.rng);
}

/* The words of a block that the call can do something with. */
static void fill(uint32_t op, uint64_t words[4])
{
    words[0] = op == SYS_OPEN || op == SYS_REMOVE || op == SYS_RENAME ? address() : handle();
    words[1] = rng_below(&t.rng, 2) ? address() : rng_below(&t.rng, 14);
    words[2] = length();
    words[3] = length();
    switch (op) {
    case SYS_OPEN:
        words[1] = rng_below(&t.rng, 13);
        words[2] = put_name(words[0]);
        break;
    case SYS_REMOVE:
        words[1] = put_name(words[0]);
        break;
    case SYS_RENAME:
        words[1] = put_name(words[0]);
        words[2] = address();
        words[3] = put_name(words[2]);
        break;
    case SYS_GET_CMDLINE:
    case SYS_HEAPINFO:
    case SYS_TMPNAM:
        words[0] = address();
        break;
    default:
        break;
    }
}

static void one_call(unsigned bytes)
{
    static const uint32_t known[] = {
        SYS_OPEN,        SYS_OPEN,     SYS_CLOSE,   SYS_WRITEC,        SYS_WRITE0,  SYS_WRITE,
        SYS_READ,        SYS_READC,    SYS_ISERROR, SYS_ISTTY,         SYS_SEEK,    SYS_FLEN,
        SYS_TMPNAM,      SYS_REMOVE,   SYS_RENAME,  SYS_CLOCK,         SYS_TIME,    SYS_ERRNO,
        SYS_GET_CMDLINE, SYS_HEAPINFO, SYS_EXIT,    SYS_EXIT_EXTENDED, SYS_ELAPSED, SYS_TICKFREQ};
    struct vcpu *v = t.board->vcpus[0];
    uint64_t words[4];
    uint8_t block[32];
    const uint32_t op = rng_below(&t.rng, 30) ? known[rng_below(&t.rng, array_len(known))]
                                              : rng_u32(&t.rng);
    struct semihost_call c = {.v = v,
                              .op = op,
                              .argument = address(),
                              .word_bytes = bytes,
                              .stack = address(),
                              .finish = finish};
    fill(op, words);
    for (unsigned i = 0; i < 4 * bytes; i++) {
        block[i] = (uint8_t)(words[i / bytes] >> 8 * (i % bytes));
    }
    put(c.argument, block, 4 * bytes);
    const enum semihost_end end = t.semihost->call(t.semihost, &c);
    CHECK_MSG(end != SEMIHOST_LATER, "call 0x%x is to end later", op);
    CHECK_MSG(end != SEMIHOST_AGAIN || atomic_load(&v->halted), "call 0x%x waits awake", op);
    atomic_store(&v->halted, false);
}

/* A folder of its own, with one of each kind of file. */
static void enter_folder(char *folder)
{
    CHECK(mkdtemp(folder) && chdir(folder) == 0);
    CHECK(mkdir("folder", 0700) == 0 && mkfifo("pipe", 0600) == 0);
}

static void leave_folder(const char *folder)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK(chdir("/") == 0 && system(command) == 0);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;
    for (int fd = 0; fd < 4096; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* The standard streams of this process are the guest's console: not those that results go to. */
static void swap_streams(int kept[3], bool away)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fflush(stdout);
    for (int fd = 0; fd < 3; fd++) {
        if (away) {
            kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        }
        CHECK(dup2(away ? null : kept[fd], fd) == fd);
        if (!away) {
            close(kept[fd]);
        }
    }
    close(null);
}

static void random_calls(unsigned bytes)
{
    char folder[] = "/tmp/dragoman-fuzz-XXXXXX";
    int kept[3];
    swap_streams(kept, true);
    const unsigned before = open_descriptors();
    enter_folder(folder);
    REQUIRE(begin(true));
    for (unsigned i = 0; i < 200000 * test_scale(); i++) {
        one_call(bytes);
        if (rng_below(&t.rng, 20) == 0) {
            const size_t n = t.reader.room(t.reader.opaque);
            uint8_t some[64] = {0};
            t.reader.read(t.reader.opaque, some, n < sizeof(some) ? n : sizeof(some));
        }
        if (rng_below(&t.rng, 1000) == 0) {
            rng_bytes(&t.rng, t.board->ram, RAM_BYTES);
            semihost_reset(t.semihost);
        }
    }
    end();
    CHECK_EQ(t.finished, 0);
    CHECK_EQ(open_descriptors(), before);
    swap_streams(kept, false);
    leave_folder(folder);
}

TEST(random_calls_of_64_bits_get_answers)
{
    random_calls(8);
}

TEST(random_calls_of_32_bits_get_answers)
{
    random_calls(4);
}

/* ---- what a guest cannot have */

static uint64_t call_with(uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t words[3] = {a, b, c};
    struct semihost_call k = {
        .v = t.board->vcpus[0], .op = op, .argument = RAM_BASE, .word_bytes = 8, .finish = finish};
    memcpy(t.board->ram, words, sizeof(words));
    CHECK_EQ(t.semihost->call(t.semihost, &k), SEMIHOST_DONE);
    return k.result;
}

TEST(handles_are_numbers_of_a_table_that_ends)
{
    char folder[] = "/tmp/dragoman-fuzz-XXXXXX";
    struct error e;
    enter_folder(folder);
    REQUIRE(begin(true));
    memcpy(t.board->ram + 0x100, "folder", 7);
    unsigned n = 0;
    while (n < 2000 && call_with(SYS_OPEN, RAM_BASE + 0x100, 0, 6) == n + 1) {
        n++;
    }
    CHECK_EQ(n, SEMIHOST_HANDLES - 1);
    CHECK_EQ(call_with(SYS_ERRNO, 0, 0, 0), 24); /* EMFILE */
    CHECK(!semihost_can_save(t.semihost, &e));
    CHECK(strstr(e.text, "the guest has 1023 files of the host open by semihosting"));
    CHECK_EQ(call_with(SYS_CLOSE, 5, 0, 0), 0);
    CHECK_EQ(call_with(SYS_OPEN, RAM_BASE + 0x100, 0, 6), 5);
    semihost_reset(t.semihost);
    CHECK(semihost_can_save(t.semihost, &e));
    CHECK_EQ(call_with(SYS_CLOSE, 5, 0, 0), UINT64_MAX);
    end();
    leave_folder(folder);
}

TEST(a_name_is_not_longer_than_what_is_read_of_it)
{
    REQUIRE(begin(true));
    memset(t.board->ram + 0x100, 'a', 0x2000);
    CHECK_EQ(call_with(SYS_OPEN, RAM_BASE + 0x100, 0, 4095), UINT64_MAX);
    CHECK_EQ(call_with(SYS_ERRNO, 0, 0, 0), 22); /* no zero behind it */
    CHECK_EQ(call_with(SYS_OPEN, RAM_BASE + 0x100, 0, 4096), UINT64_MAX);
    CHECK_EQ(call_with(SYS_ERRNO, 0, 0, 0), 36); /* ENAMETOOLONG */
    CHECK_EQ(call_with(SYS_OPEN, RAM_BASE + 0x100, 0, UINT64_MAX), UINT64_MAX);
    end();
}

TEST(saved_handles_are_checked)
{
    struct strbuf s = {0};
    struct cursor c;
    struct error e;
    REQUIRE(begin(true));
    memcpy(t.board->ram + 0x100, ":tt", 4);
    CHECK_EQ(call_with(SYS_OPEN, RAM_BASE + 0x100, 4, 3), 1);
    semihost_write(t.semihost, &s);
    cursor_init(&c, s.text, s.len);
    CHECK(semihost_read(t.semihost, &c, 1, false, &e) && cursor_left(&c) == 0);
    for (unsigned i = 0; i < 2000; i++) { /* looked at, and never taken */
        char *bytes = mem_dup(s.text, s.len);
        bytes[rng_below(&t.rng, s.len)] ^= (char)(1 << rng_below(&t.rng, 8));
        cursor_init(&c, bytes, rng_below(&t.rng, 2) ? s.len : rng_below(&t.rng, s.len));
        semihost_read(t.semihost, &c, 1, false, &e);
        mem_free(bytes);
    }
    s.text[16 + 12] = HANDLE_FILE; /* of handle 1: a descriptor of ours */
    cursor_init(&c, s.text, s.len);
    CHECK(!semihost_read(t.semihost, &c, 1, false, &e));
    strbuf_free(&s);
    end();
}
