/* SPDX-License-Identifier: MIT */
/*
 * All calls of "Semihosting for AArch32 and AArch64", release 3.0, one after the other. Each result
 * is a line on the UART, by which the emulator is compared with another; what depends on the time
 * is checked here. The files are in the emulator's working folder, which is empty at first.
 */
#include "tests/system/aarch64/lib/guest.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_TMPNAM = 0x0d,
    SYS_REMOVE = 0x0e,
    SYS_RENAME = 0x0f,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_SYSTEM = 0x12,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31
};

enum {
    MODE_R = 0,
    MODE_RB = 1,
    MODE_R_PLUS = 2,
    MODE_W = 4,
    MODE_WB = 5,
    MODE_W_PLUS = 6,
    MODE_A = 8,
    MODE_AB = 9,
    MODE_A_PLUS = 10
};

extern char image_end[];

static u64 call(u64 operation, const void *argument)
{
    register u64 x0 __asm__("x0") = operation;
    register const void *x1 __asm__("x1") = argument;
    __asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

static u64 call3(u64 operation, u64 a, u64 b, u64 c)
{
    volatile u64 block[3] = {a, b, c};
    return call(operation, (const void *)block);
}

static u64 length(const char *text)
{
    u64 n = 0;
    while (text[n]) {
        n++;
    }
    return n;
}

static void show(const char *name, u64 value)
{
    print("= ");
    print(name);
    print(" ");
    print_hex(value);
    print("\n");
}

static void show_errno(const char *name, u64 value)
{
    show(name, value);
    show(" errno", call(SYS_ERRNO, 0));
}

static void show_text(const char *name, const char *text)
{
    print("= ");
    print(name);
    print(" '");
    print(text);
    print("'\n");
}

static u64 open_file(const char *name, u64 mode)
{
    return call3(SYS_OPEN, (u64)name, mode, length(name));
}

static char buffer[4096];

/* The bytes from the file's place on, as a text. */
static void show_read(const char *name, u64 file, u64 n)
{
    for (u64 i = 0; i < sizeof(buffer); i++) {
        buffer[i] = 0;
    }
    show(name, call3(SYS_READ, file, (u64)buffer, n));
    show_text(name, buffer);
}

TEST(files)
{
    show("open w", open_file("one", MODE_W) != 0);
    u64 f = open_file("one", MODE_W_PLUS);
    CHECK(f != 0 && f != UINT64_MAX);
    show("write", call3(SYS_WRITE, f, (u64) "abcdefgh", 8));
    show("write nothing", call3(SYS_WRITE, f, (u64) "", 0));
    show("flen", call3(SYS_FLEN, f, 0, 0));
    show("istty", call3(SYS_ISTTY, f, 0, 0));
    show("seek", call3(SYS_SEEK, f, 2, 0));
    show_read("read 3", f, 3);
    show_read("read more than there is", f, 100);
    show_read("read at the end", f, 100);
    show_errno("seek behind the end", call3(SYS_SEEK, f, 1000, 0));
    show("write there", call3(SYS_WRITE, f, (u64) "x", 1));
    show("flen", call3(SYS_FLEN, f, 0, 0));
    show_errno("seek to nowhere", call3(SYS_SEEK, f, UINT64_MAX, 0));
    show("close", call3(SYS_CLOSE, f, 0, 0));
    show_errno("close again", call3(SYS_CLOSE, f, 0, 0));
    show_errno("write closed", call3(SYS_WRITE, f, (u64) "abc", 3));
    show_errno("read closed", call3(SYS_READ, f, (u64)buffer, 3));
    show_errno("flen closed", call3(SYS_FLEN, f, 0, 0));
    show_errno("istty closed", call3(SYS_ISTTY, f, 0, 0));
    show_errno("seek closed", call3(SYS_SEEK, f, 0, 0));
}

TEST(modes)
{
    static const char *const names[] = {"r",  "rb",  "r+", "r+b", "w",  "wb",
                                        "w+", "w+b", "a",  "ab",  "a+", "a+b"};
    for (u64 m = 0; m < 12; m++) {
        show_text("mode", names[m]);
        u64 f = open_file("modes", MODE_W);
        call3(SYS_WRITE, f, (u64) "old", 3);
        call3(SYS_CLOSE, f, 0, 0);
        f = open_file("modes", m);
        show("  writes", call3(SYS_WRITE, f, (u64) "new", 3));
        call3(SYS_SEEK, f, 0, 0);
        show_read("  reads", f, 10);
        show("  flen", call3(SYS_FLEN, f, 0, 0));
        call3(SYS_CLOSE, f, 0, 0);
    }
    show_errno("mode 12", open_file("modes", 12));
    show_errno("open r of nothing", open_file("nothing", MODE_R));
    show_errno("open w in no folder", open_file("nowhere/at/all", MODE_W));
    show_errno("open w of a folder", open_file("/", MODE_W));
    show_errno("empty name", open_file("", MODE_R));
}

TEST(names)
{
    show("remove", call3(SYS_REMOVE, (u64) "modes", 5, 0));
    show_errno("remove again", call3(SYS_REMOVE, (u64) "modes", 5, 0));
    volatile u64 block[4] = {(u64) "one", 3, (u64) "two", 3};
    show("rename", call(SYS_RENAME, (const void *)block));
    show_errno("rename again", call(SYS_RENAME, (const void *)block));
    show("remove two", call3(SYS_REMOVE, (u64) "two", 3, 0));
    u64 f = call3(SYS_OPEN, (u64) "shorter name", MODE_W, 4);
    show_errno("a name that goes on behind its length", f);
    show_errno("a length beyond the name", call3(SYS_OPEN, (u64) "s\0rter", MODE_W, 6));
}

TEST(consoles)
{
    u64 in = open_file(":tt", MODE_R), out = open_file(":tt", MODE_W),
        err = open_file(":tt", MODE_A);
    show("tt handles", (in != UINT64_MAX) + (out != UINT64_MAX) + (err != UINT64_MAX));
    show("write out", call3(SYS_WRITE, out, (u64) "to out\n", 7));
    show("write err", call3(SYS_WRITE, err, (u64) "to err\n", 7));
    show_errno("seek out", call3(SYS_SEEK, out, 0, 0));
    show_errno("flen out", call3(SYS_FLEN, out, 0, 0));
    show_errno("istty out", call3(SYS_ISTTY, out, 0, 0));
    show_errno("write in", call3(SYS_WRITE, in, (u64) "to in\n", 6));
    show("close out", call3(SYS_CLOSE, out, 0, 0));
    show("close err", call3(SYS_CLOSE, err, 0, 0));
    out = open_file(":tt", MODE_WB);
    show("write out after its close", call3(SYS_WRITE, out, (u64) "again\n", 6));
    call(SYS_WRITE0, "by write0\n");
    call(SYS_WRITEC, "c");
    call(SYS_WRITEC, "\n");
    static const char zero[] = "a\0b\n";
    show("write a zero byte", call3(SYS_WRITE, out, (u64)zero, 4));
}

TEST(input)
{
    u64 in = open_file(":tt", MODE_R);
    show_read("read in", in, 4);
    show_read("read on", in, 100);
}

TEST(features)
{
    u64 f = open_file(":semihosting-features", MODE_R);
    show("flen", call3(SYS_FLEN, f, 0, 0));
    show("read", call3(SYS_READ, f, (u64)buffer, 16));
    for (int i = 0; i < 5; i++) {
        show("byte", (u8)buffer[i]);
    }
    show("at the end", call3(SYS_READ, f, (u64)buffer, 16));
    show_errno("seek", call3(SYS_SEEK, f, 4, 0));
    show("read 1", call3(SYS_READ, f, (u64)buffer, 1));
    show_errno("seek too far", call3(SYS_SEEK, f, 100, 0));
    show("read behind", call3(SYS_READ, f, (u64)buffer, 1));
    show("istty", call3(SYS_ISTTY, f, 0, 0));
    show_errno("write", call3(SYS_WRITE, f, (u64) "abc", 3));
    show("close", call3(SYS_CLOSE, f, 0, 0));
    show_errno("open w", open_file(":semihosting-features", MODE_W));
    show_errno("open rb", open_file(":semihosting-features", MODE_RB));
    show_errno("other", open_file(":other", MODE_R));
}

TEST(errors)
{
    show("iserror 0", call3(SYS_ISERROR, 0, 0, 0));
    show("iserror 5", call3(SYS_ISERROR, 5, 0, 0));
    show("iserror -1", call3(SYS_ISERROR, UINT64_MAX, 0, 0));
    show("iserror 2^31", call3(SYS_ISERROR, 0x80000000, 0, 0));
    show_errno("a bad block", call(SYS_OPEN, (void *)0xfff0000000));
    show_errno("a bad name", call3(SYS_OPEN, 0xfff0000000, 0, 5));
    u64 f = open_file("three", MODE_W_PLUS);
    show_errno("write from nowhere", call3(SYS_WRITE, f, 0xfff0000000, 5));
    show_errno("read to nowhere", call3(SYS_READ, f, 0xfff0000000, 5));
    show_errno("a handle beyond all", call3(SYS_WRITE, 12345678, (u64) "abc", 3));
    show_errno("handle 0", call3(SYS_WRITE, 0, (u64) "abc", 3));
    call3(SYS_CLOSE, f, 0, 0);
    show("remove", call3(SYS_REMOVE, (u64) "three", 5, 0));
}

TEST(large)
{
    static char many[300000];
    u64 sum = 0;
    for (u64 i = 0; i < sizeof(many); i++) {
        many[i] = (char)(i * 7 + i / 256);
    }
    u64 f = open_file("large", MODE_W_PLUS);
    show("write", call3(SYS_WRITE, f, (u64)many, sizeof(many)));
    call3(SYS_SEEK, f, 0, 0);
    for (u64 i = 0; i < sizeof(many); i++) {
        many[i] = 0;
    }
    show("read", call3(SYS_READ, f, (u64)many, sizeof(many)));
    for (u64 i = 0; i < sizeof(many); i++) {
        sum += many[i] == (char)(i * 7 + i / 256);
    }
    show("equal bytes", sum);
    call3(SYS_CLOSE, f, 0, 0);
    call3(SYS_REMOVE, (u64) "large", 5, 0);
}

TEST(time)
{
    static volatile u64 ticks[2];
    u64 c = call(SYS_CLOCK, 0), t = call(SYS_TIME, 0);
    CHECK(c < 100 * 1000);
    CHECK(t > 1700000000 && t < 8000000000);
    show("elapsed", call(SYS_ELAPSED, (const void *)ticks));
    u64 frequency = call(SYS_TICKFREQ, 0);
    show("tickfreq", frequency);
    u64 start = counter();
    while (counter() - start < counter_frequency() / 20) {
    }
    show("elapsed", call(SYS_ELAPSED, (const void *)(ticks + 1)));
    CHECK(ticks[1] - ticks[0] >= frequency / 20 && ticks[1] - ticks[0] < 60 * frequency);
    CHECK(call(SYS_CLOCK, 0) >= c && call(SYS_TIME, 0) - t <= 60);
    show_errno("elapsed to nowhere", call(SYS_ELAPSED, (void *)0xfff0000000));
}

TEST(others)
{
    static volatile u64 heap[4];
    static volatile u64 block[3];
    block[0] = (u64)heap;
    show("heapinfo", call(SYS_HEAPINFO, (const void *)block));
    CHECK(heap[0] <= (u64)image_end && (u64)image_end - heap[0] < 4096);
    CHECK_EQ(heap[1], 0x60000000); /* where 512 MiB end */
    CHECK_EQ(heap[2], heap[1]);
    CHECK_EQ(heap[3], heap[0]);
    block[0] = (u64)buffer;
    block[1] = sizeof(buffer);
    show("get_cmdline", call(SYS_GET_CMDLINE, (const void *)block));
    show("length", block[1]);
    show_text("cmdline", buffer);
    block[1] = 3;
    show_errno("get_cmdline into too little", call(SYS_GET_CMDLINE, (const void *)block));
    show("tmpnam", call3(SYS_TMPNAM, (u64)buffer, 1, sizeof(buffer)));
    CHECK(length(buffer) > 4);
    show_errno("tmpnam into too little", call3(SYS_TMPNAM, (u64)buffer, 1, 3));
    show_errno("tmpnam of a large number", call3(SYS_TMPNAM, (u64)buffer, 1000, sizeof(buffer)));
    show("system", call3(SYS_SYSTEM, (u64) "exit 3", 6, 0));
    show("system", call3(SYS_SYSTEM, (u64) "echo made > made", 16, 0));
    show_errno("system", call3(SYS_SYSTEM, (u64) "exec /nowhere/at/all 2> /dev/null", 33, 0));
    u64 f = open_file("made", MODE_R);
    show_read("what it made", f, 100);
}
