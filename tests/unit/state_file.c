/* SPDX-License-Identifier: MIT */
/* The file of a machine's state: system/state_file.h, system/state_pages.h. */
#include "system/state_pages.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "base/rng.h"
#include "system/state_form.h"
#include "tests/test.h"

static char folder[] = "/tmp/dragoman-state-XXXXXX";

static void remove_folder(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0) {
        fprintf(stderr, "cannot remove %s\n", folder);
    }
}

static const char *file(const char *name)
{
    static char path[100];
    static bool made;
    if (!made) {
        made = mkdtemp(folder) != NULL;
        atexit(remove_folder);
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Files in the folder. */
static unsigned count_files(void)
{
    char command[100];
    unsigned n = 0;
    snprintf(command, sizeof(command), "ls %s | wc -l", folder);
    FILE *p = popen(command, "r");
    CHECK(p && fscanf(p, "%u", &n) == 1);
    pclose(p);
    return n;
}

static bool write_example(const char *path, struct error *e)
{
    struct state_writer *w = state_writer_open(path, e);
    if (!w) {
        return false;
    }
    state_writer_put(w, STATE_FIELDS, "first", 3, "hello", 5);
    state_writer_put(w, STATE_FIELDS, "empty", 1, NULL, 0);
    state_writer_put(w, STATE_PAGES, "ram", 1, "piece one", 9);
    state_writer_put(w, STATE_PAGES, "ram", 1, "piece two", 9);
    return state_writer_finish(w, e);
}

static size_t read_whole(const char *path, uint8_t *bytes, size_t room)
{
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, bytes, room);
    close(fd);
    return n < 0 ? 0 : (size_t)n;
}

static void write_whole(const char *path, const uint8_t *bytes, size_t n)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, bytes, n) == (ssize_t)n);
    close(fd);
}

TEST(sections_come_back_by_name_and_pages_in_order)
{
    struct error e = {""};
    char bytes[9];
    unlink(file("a"));
    const unsigned files = count_files();
    CHECK_MSG(write_example(file("a"), &e), "%s", e.text);
    CHECK_EQ(count_files(), files + 1);
    struct state_file *f = state_file_open(file("a"), &e);
    REQUIRE(f);
    CHECK_EQ(f->count, 4);
    const struct state_section *s = state_file_find(f, "first");
    REQUIRE(s);
    CHECK_EQ(s->version, 3);
    CHECK_EQ(s->length, 5);
    CHECK_MEM(s->bytes, "hello", 5);
    CHECK(state_file_find(f, "empty"));
    CHECK(!state_file_find(f, "ram"));
    CHECK(!state_file_find(f, "end"));
    CHECK(state_file_pages(f, &f->sections[3], bytes, &e));
    CHECK_MEM(bytes, "piece two", 9);
    state_file_close(f);
}

TEST(a_file_with_any_byte_changed_is_refused)
{
    uint8_t bytes[1000];
    struct error e = {""};
    REQUIRE(write_example(file("a"), &e));
    const size_t n = read_whole(file("a"), bytes, sizeof(bytes));
    for (size_t i = 0; i < n; i++) {
        const bool reserved = i >= STATE_MAGIC_BYTES + 4 && i < STATE_FILE_HEAD;
        bytes[i] ^= 0x40;
        write_whole(file("b"), bytes, n);
        struct state_file *f = state_file_open(file("b"), &e);
        CHECK_MSG(!f || reserved, "byte %zu", i);
        CHECK_MSG(f || strstr(e.text, "/b: "), "%s", e.text);
        state_file_close(f);
        bytes[i] ^= 0x40;
    }
}

TEST(a_file_that_was_cut_off_or_goes_on_is_refused)
{
    uint8_t bytes[1000];
    struct error e = {""};
    REQUIRE(write_example(file("a"), &e));
    const size_t n = read_whole(file("a"), bytes, sizeof(bytes));
    for (size_t k = 0; k < n; k++) {
        write_whole(file("b"), bytes, k);
        CHECK(!state_file_open(file("b"), &e));
    }
    bytes[n] = 0;
    write_whole(file("b"), bytes, n + 1);
    CHECK(!state_file_open(file("b"), &e));
    CHECK(strstr(e.text, "its end does not fit"));
}

TEST(another_format_or_another_file_is_told_apart)
{
    uint8_t bytes[1000];
    struct error e = {""};
    REQUIRE(write_example(file("a"), &e));
    const size_t n = read_whole(file("a"), bytes, sizeof(bytes));
    bytes[STATE_MAGIC_BYTES] = 2;
    write_whole(file("b"), bytes, n);
    CHECK(!state_file_open(file("b"), &e));
    CHECK(strstr(e.text, "the file is of format 2, and this program reads format 1"));
    write_whole(file("b"), (const uint8_t *)"#!/bin/sh\n", 10);
    CHECK(!state_file_open(file("b"), &e));
    CHECK(strstr(e.text, "this is no state of a machine"));
    CHECK(!state_file_open(file("none"), &e));
    CHECK(strstr(e.text, "No such file"));
    CHECK(!state_file_open(folder, &e));
    CHECK(!state_file_open("/dev/zero", &e));
}

TEST(a_section_twice_is_refused)
{
    struct error e = {""};
    struct state_writer *w = state_writer_open(file("a"), &e);
    REQUIRE(w);
    state_writer_put(w, STATE_FIELDS, "x", 1, "1", 1);
    state_writer_put(w, STATE_FIELDS, "x", 1, "2", 1);
    CHECK(state_writer_finish(w, &e));
    CHECK(!state_file_open(file("a"), &e));
    CHECK(strstr(e.text, "there are two sections 'x'"));
}

/* In a process that may write files of so many bytes only; its exit status. */
static int save_limited(const char *path, rlim_t most)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        struct error e = {""};
        uint8_t *bytes = mem_alloc(3 << 20);
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){most, most});
        struct state_writer *w = state_writer_open(path, &e);
        if (!w) {
            _exit(3);
        }
        state_writer_put(w, STATE_FIELDS, "x", 1, bytes, 3 << 20);
        if (state_writer_finish(w, &e)) {
            _exit(0);
        }
        _exit(strstr(e.text, "an old one is as it was") && strstr(e.text, "too large") ? 1 : 2);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_failed_write_leaves_the_old_file_and_no_other)
{
    struct error e = {""};
    uint8_t before[1000], after[1000];
    REQUIRE(write_example(file("old"), &e));
    const size_t n = read_whole(file("old"), before, sizeof(before));
    const unsigned files = count_files();
    CHECK_EQ(save_limited(file("old"), 1 << 20), 1);
    CHECK_EQ(read_whole(file("old"), after, sizeof(after)), n);
    CHECK_MEM(before, after, n);
    CHECK_EQ(save_limited(file("new"), 1 << 20), 1);
    CHECK(access(file("new"), F_OK) != 0);
    CHECK_EQ(count_files(), files);
    CHECK_EQ(save_limited(file("old"), 4 << 20), 0);
    CHECK(read_whole(file("old"), after, sizeof(after)) != n);
}

TEST(what_is_no_file_is_not_replaced)
{
    struct error e = {""};
    CHECK(!state_writer_open("/dev/null", &e));
    CHECK_STR(e.text, "/dev/null: this is there already, and no file");
    CHECK(!state_writer_open(file("no/folder"), &e));
    CHECK(strstr(e.text, "no file can be made beside it"));
    CHECK(access("/dev/null", F_OK) == 0);
}

TEST(a_save_that_is_given_up_leaves_nothing)
{
    struct error e = {""};
    const unsigned files = count_files();
    struct state_writer *w = state_writer_open(file("gone"), &e);
    REQUIRE(w);
    state_writer_put(w, STATE_FIELDS, "x", 1, "1", 1);
    state_writer_abandon(w);
    CHECK_EQ(count_files(), files);
}

/* ---- pages */

#define MEMORY ((4u << 20) * 2 + 3 * 4096)

static struct state_memory memory(void)
{
    struct error e = {""};
    uint8_t *bytes = os_map_ram(MEMORY, &e);
    CHECK(bytes);
    return (struct state_memory){.name = (char *)"ram", .bytes = bytes, .size = MEMORY};
}

static bool save_memory(const struct state_memory *m, const char *path, struct error *e)
{
    struct state_writer *w = state_writer_open(path, e);
    if (!w) {
        return false;
    }
    state_pages_save(w, m, NULL);
    return state_writer_finish(w, e);
}

TEST(pages_come_back_and_those_of_zeros_take_no_room)
{
    struct error e = {""};
    struct rng rng;
    struct state_memory m = memory(), to = memory();
    rng_seed(&rng, test_seed());
    m.bytes[5 * 4096 + 17] = 3;                 /* packs well */
    rng_bytes(&rng, m.bytes + 9 * 4096, 40960); /* does not */
    m.bytes[MEMORY - 1] = 9;                    /* the last piece is short */
    REQUIRE(save_memory(&m, file("pages"), &e));
    struct stat st;
    CHECK(stat(file("pages"), &st) == 0 && st.st_size < 45000);
    struct state_file *f = state_file_open(file("pages"), &e);
    REQUIRE(f);
    CHECK_EQ(f->count, 2);
    to.bytes[100] = 1; /* zeros here, and in a piece that is not in the file */
    to.bytes[5 << 20] = 1;
    CHECK(state_pages_load(f, &to, false, NULL, &e));
    CHECK_EQ(to.bytes[5 << 20], 1);
    CHECK(state_pages_load(f, &to, true, NULL, &e));
    CHECK_MEM(to.bytes, m.bytes, MEMORY);
    to.size -= 4096;
    CHECK(!state_pages_load(f, &to, false, NULL, &e));
    CHECK(strstr(e.text, "pages of 'ram' are none of a memory of"));
    state_file_close(f);
    os_unmap(m.bytes, MEMORY);
    os_unmap(to.bytes, MEMORY);
}

/* Sections of pages with good checksums and any contents are refused or stay within the memory. */
TEST(pages_are_not_trusted)
{
    struct error e = {""};
    struct rng rng;
    struct state_memory m = memory(), to = memory();
    uint8_t *piece = mem_alloc(5 << 20);
    unsigned refused = 0;
    rng_seed(&rng, test_seed());
    rng_bytes(&rng, m.bytes + 9 * 4096, 8192);
    m.bytes[4096] = 1;
    REQUIRE(save_memory(&m, file("pages"), &e));
    struct state_file *f = state_file_open(file("pages"), &e);
    REQUIRE(f);
    const struct state_section s = f->sections[0];
    for (unsigned i = 0; i < 300 * test_scale(); i++) {
        CHECK(state_file_pages(f, &s, piece, &e));
        const uint64_t near = rng_below(&rng, 2) ? 40 : s.length;
        for (unsigned k = 0; k < 1 + rng_below(&rng, 3); k++) {
            piece[rng_below(&rng, near)] = (uint8_t)rng_u32(&rng);
        }
        struct state_writer *w = state_writer_open(file("bad"), &e);
        REQUIRE(w);
        state_writer_put(w, STATE_PAGES, "ram", 1, piece, s.length - rng_below(&rng, 2));
        CHECK(state_writer_finish(w, &e));
        struct state_file *bad = state_file_open(file("bad"), &e);
        REQUIRE(bad);
        if (!state_pages_load(bad, &to, false, NULL, &e)) {
            refused++;
        } else {
            CHECK(state_pages_load(bad, &to, true, NULL, &e));
        }
        state_file_close(bad);
    }
    CHECK(refused > 100);
    state_file_close(f);
    mem_free(piece);
    os_unmap(m.bytes, MEMORY);
    os_unmap(to.bytes, MEMORY);
}
