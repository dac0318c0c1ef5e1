/* SPDX-License-Identifier: MIT */
/* Files that take their names when all of them is there. */
#include "base/new_file.h"
#include "tests/test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/dragoman-new-file-XXXXXX";
static char path[64];

static void begin(void)
{
    strcpy(folder, "/tmp/dragoman-new-file-XXXXXX");
    REQUIRE(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
}

static unsigned files(void)
{
    DIR *d = opendir(folder);
    unsigned n = 0;
    for (const struct dirent *i; d && (i = readdir(d));) {
        n += strcmp(i->d_name, ".") != 0 && strcmp(i->d_name, "..") != 0;
    }
    closedir(d);
    return n;
}

static void end(void)
{
    unlink(path);
    CHECK_EQ(files(), 0);
    rmdir(folder);
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    fputs(text, f);
    fclose(f);
}

static bool has_text(const char *text)
{
    char seen[64] = "";
    FILE *f = fopen(path, "r");
    const size_t n = f ? fread(seen, 1, sizeof(seen) - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    return n == strlen(text) && strcmp(seen, text) == 0;
}

TEST(the_name_comes_with_the_last_byte)
{
    struct error e;
    begin();
    write_text("old");
    struct new_file *f = new_file_open(path, &e);
    REQUIRE(f);
    new_file_put(f, "ne", 2);
    new_file_put(f, "w", 1);
    CHECK(has_text("old"));
    CHECK(!new_file_failed(f));
    CHECK(new_file_finish(f, &e));
    CHECK(has_text("new"));
    CHECK_EQ(files(), 1);
    end();
}

/* The temporary name is no longer than the file's. */
TEST(a_name_may_be_as_long_as_the_host_takes)
{
    struct error e;
    begin();
    char longest[340];
    snprintf(longest, sizeof(longest), "%s/%0255d", folder, 7);
    struct new_file *f = new_file_open(longest, &e);
    REQUIRE(f);
    new_file_put(f, "new", 3);
    CHECK(new_file_finish(f, &e));
    CHECK_EQ(files(), 1);
    CHECK_EQ(unlink(longest), 0);
    end();
}

TEST(what_is_abandoned_leaves_nothing)
{
    struct error e;
    begin();
    write_text("old");
    struct new_file *f = new_file_open(path, &e);
    REQUIRE(f);
    new_file_put(f, "new", 3);
    new_file_abandon(f);
    CHECK(has_text("old"));
    CHECK_EQ(files(), 1);
    end();
}

TEST(a_full_disk_leaves_the_old_file)
{
    struct error e;
    struct rlimit was, little = {.rlim_cur = 1 << 20};
    char *bytes = calloc(1, 3 << 20);
    begin();
    write_text("old");
    REQUIRE(bytes && getrlimit(RLIMIT_FSIZE, &was) == 0);
    little.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
    struct new_file *f = new_file_open(path, &e);
    REQUIRE(f);
    new_file_put(f, bytes, 3 << 20);
    CHECK(new_file_failed(f));
    CHECK(!new_file_finish(f, &e));
    setrlimit(RLIMIT_FSIZE, &was);
    CHECK(strstr(e.text, path) == e.text);
    CHECK(strstr(e.text, "File too large") != NULL);
    CHECK(has_text("old"));
    CHECK_EQ(files(), 1);
    free(bytes);
    end();
}

TEST(only_files_are_replaced)
{
    struct error e;
    begin();
    CHECK(!new_file_open(folder, &e));
    CHECK(strstr(e.text, "no file") != NULL);
    CHECK(!new_file_open("/dev/null", &e));
    CHECK(!new_file_open("/nonexistent/file", &e));
    CHECK(strstr(e.text, "/nonexistent/file: ") == e.text);
    end();
}
