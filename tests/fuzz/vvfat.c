/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests of fat:rw: folders: tables, entries and names changed anyhow, names that lead
 * elsewhere put in with care. Each flush ends; nothing outside the folder is there afterwards that
 * was not there before, nor gone or other than it was.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "block/block_internal.h"
#include "tests/test.h"

static struct rng rng;
static char outer[] = "/var/tmp/dragoman-fat.XXXXXX";

/* ---- folders: outer/disk is the disk, outer/canary stands beside it */

static void put_file(const char *name, const char *text)
{
    char *path = mem_printf("%s/%s", outer, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        perror(path);
        exit(2);
    }
    close(fd);
    mem_free(path);
}

static void put_folder(const char *name)
{
    char *path = mem_printf("%s/%s", outer, name);
    mkdir(path, 0755);
    mem_free(path);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st, (void)kind, (void)f;
    return remove(path);
}

static void remove_all(const char *name)
{
    char *path = mem_printf("%s/%s", outer, name);
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mem_free(path);
}

static void make_folders(void)
{
    put_folder("disk");
    put_folder("disk/folder");
    put_folder("disk/folder/deeper");
    put_file("disk/a.txt", "one file");
    put_file("disk/FOLDER2.X", "another");
    put_file("disk/folder/a long name of a file", "its content");
    put_file("disk/folder/deeper/b", "deep");
    put_file("canary", "alive");
}

static bool canary_lives(void)
{
    char text[8] = "";
    char *path = mem_printf("%s/canary", outer);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    unsigned entries = 0;
    DIR *d = opendir(outer);
    while (d && readdir(d)) {
        entries++;
    }
    closedir(d);
    close(fd);
    mem_free(path);
    return n == 5 && memcmp(text, "alive", 5) == 0 && entries == 4; /* with . and .. */
}

/* ---- what a guest does */

static struct block_node *open_disk(struct block_graph *g)
{
    static const char *const types[] = {"12", "16", "32"};
    const struct block_mode m = {.write = true};
    struct error e = {{0}};
    char *text = mem_printf("vvfat,dir=%s/disk,rw=on,fat-type=%s", outer,
                            types[rng_below(&rng, 3)]);
    json_t *o = block_options_parse(text, "test", &e);
    struct block_node *n = block_node_open(g, o, &m, &e);
    if (!n) {
        fprintf(stderr, "%s\n", e.text);
    }
    json_decref(o);
    mem_free(text);
    return n;
}

/* The sectors that have something in them but zeros, of the first few MiB. */
#define LOOK (3u << 20)

static uint64_t likely_place(const uint8_t *disk)
{
    for (unsigned tries = 0; tries < 10000; tries++) {
        const uint64_t at = rng_below(&rng, LOOK);
        if (disk[at] && at >= 512 * 64) { /* behind the boot sector, which is looked at */
            return at;
        }
    }
    return 512 * 64;
}

/* An entry whose name is a path that leads out. */
static void put_evil_name(struct block_node *n, const uint8_t *disk)
{
    static const char *const names[] = {"../canary", "..", "/etc/x", "../../x", "a/../..", "."};
    const uint64_t at = align_down(likely_place(disk), 32);
    uint8_t entry[64] = {0};
    const char *name = names[rng_below(&rng, array_len(names))];
    uint8_t sum = 0;
    static const uint8_t places[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    memcpy(entry + 32, "EVIL    TXT\x20", 12);
    store_le16(entry + 32 + 26, (uint16_t)(2 + rng_below(&rng, 8)));
    store_le32(entry + 32 + 28, (uint32_t)rng_below(&rng, 9000));
    for (unsigned i = 0; i < 11; i++) {
        sum = (uint8_t)((sum >> 1 | sum << 7) + entry[32 + i]);
    }
    entry[0] = 0x41;
    entry[11] = 15;
    entry[13] = sum;
    for (unsigned i = 0; i < 13; i++) {
        store_le16(entry + places[i], i < strlen(name) ? (uint8_t)name[i] : 0);
    }
    block_node_write(n, at, entry, sizeof(entry), 0);
}

static void change(struct block_node *n, const uint8_t *disk)
{
    static const uint8_t likely[] = {0, 1, 2, 3, 0xe5, 0x10, 0x0f, 0x2f, '.', 0xff, 0xf8, 0x40};
    if (rng_below(&rng, 4) == 0) {
        put_evil_name(n, disk);
        return;
    }
    const uint64_t at = likely_place(disk) + rng_below(&rng, 16);
    uint8_t bytes[4];
    const size_t some = 1 + (size_t)rng_below(&rng, sizeof(bytes));
    for (size_t i = 0; i < some; i++) {
        bytes[i] = rng_below(&rng, 2) ? likely[rng_below(&rng, sizeof(likely))]
                                      : (uint8_t)rng_u32(&rng);
    }
    block_node_write(n, at, bytes, some, 0);
}

TEST(hostile_guests_stay_in_their_folder)
{
    uint8_t *disk = mem_alloc(LOOK);
    rng_seed(&rng, test_seed());
    if (!mkdtemp(outer)) {
        exit(2);
    }
    for (unsigned i = 0; i < 60 * test_scale(); i++) {
        struct block_graph *g = block_graph_create();
        make_folders();
        struct block_node *n = open_disk(g);
        REQUIRE(n);
        for (unsigned flushes = 0; flushes < 6; flushes++) {
            CHECK_EQ(block_node_read(n, 0, disk, LOOK), 0);
            for (uint64_t k = 1 + rng_below(&rng, 5); k > 0; k--) {
                change(n, disk);
            }
            int status = block_node_flush(n);
            CHECK(status <= 0);
            CHECK(canary_lives());
        }
        block_node_close(n);
        CHECK(canary_lives());
        block_graph_destroy(g);
        remove_all("disk");
    }
    remove_all("");
    mem_free(disk);
}
