/* SPDX-License-Identifier: MIT */
/*
 * Hostile guests of a shared folder: messages of any bytes, and of good forms with any names and
 * numbers. Each has an answer of its length, and nothing beside the folder changes.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "hw/p9/p9_session.h"
#include "tests/support/folder.h"
#include "tests/test.h"

enum {
    MESSAGE = 600,
    ROOM = 5000,
};

static void put(struct strbuf *s, uint64_t v, unsigned n)
{
    uint8_t bytes[8];
    store_le(bytes, n, v);
    strbuf_bytes(s, bytes, n);
}

static void put_name(struct strbuf *s, struct rng *g)
{
    static const char *const names[] = {"a",
                                        "b",
                                        "c",
                                        "..",
                                        ".",
                                        "",
                                        "a/b",
                                        "/etc",
                                        "../guard",
                                        "way_out",
                                        "\1",
                                        "d",
                                        "user.x",
                                        "user.virtfs.mode",
                                        ".virtfs_metadata"};
    const char *name = names[rng_below(g, array_len(names))];
    put(s, strlen(name), 2);
    strbuf_puts(s, name);
}

/* A message of the type with parts of the sizes that most have; some are cut. */
static void make(struct strbuf *s, struct rng *g)
{
    static const struct {
        uint8_t type;
        const char *parts; /* f a fid, 2 4 8 numbers, s a name */
    } forms[] = {
        {100, "4s"},        {104, "f4ss4"}, {110, "ff2sss"}, {12, "f4"},     {14, "fs444"},
        {116, "f84"},       {118, "f84s"},  {120, "f"},      {122, "f"},     {24, "f8"},
        {26, "f444488888"}, {8, "f"},       {16, "fss4"},    {18, "fs4444"}, {72, "fs44"},
        {22, "f"},          {70, "ffs"},    {74, "fsfs"},    {76, "fs4"},    {20, "ffs"},
        {40, "f84"},        {50, "f4"},     {52, "f84"},     {54, "f2884s"}, {30, "ffs"},
        {32, "fs84"},       {108, "2"},
    };
    const size_t which = rng_below(g, array_len(forms));
    strbuf_clear(s);
    put(s, 0, 4);
    put(s, rng_below(g, 50) ? forms[which].type : rng_u64(g), 1);
    put(s, 1, 2);
    for (const char *p = forms[which].parts; *p; p++) {
        const uint64_t any = rng_below(g, 8) ? rng_below(g, 5) : rng_u64(g);
        if (*p == 's') {
            put_name(s, g);
        } else {
            put(s, *p == 'f' ? rng_below(g, 12) : any, *p == 'f' ? 4 : (unsigned)(*p - '0'));
        }
    }
    if (rng_below(g, 20) == 0) {
        s->len -= rng_below(g, s->len - 7 + 1);
    }
    store_le32(s->text, rng_below(g, 50) ? (uint32_t)s->len : (uint32_t)rng_u64(g));
}

static void attach(struct p9_session *s, struct strbuf *in, struct strbuf *out)
{
    strbuf_clear(in);
    put(in, 21, 4);
    put(in, 100, 1);
    put(in, 1, 2);
    put(in, 8192, 4);
    put(in, 8, 2);
    strbuf_puts(in, "9P2000.L");
    strbuf_clear(out);
    p9_session_answer(s, in->text, in->len, ROOM, out);
    strbuf_clear(in);
    put(in, 23, 4);
    put(in, 104, 1);
    put(in, 1, 2);
    put(in, 1, 4);
    put(in, UINT32_MAX, 4);
    put(in, 0, 4);
    put(in, getuid(), 4);
    strbuf_clear(out);
    p9_session_answer(s, in->text, in->len, ROOM, out);
}

static void run(struct p9_session *s, struct rng *g, unsigned count)
{
    struct strbuf in = {0}, out = {0};
    for (unsigned i = 0; i < count; i++) {
        if (i % 200 == 0) {
            attach(s, &in, &out);
        }
        if (rng_below(g, 10)) {
            make(&in, g);
        } else {
            uint8_t bytes[MESSAGE];
            const size_t n = rng_below(g, sizeof(bytes));
            rng_bytes(g, bytes, n);
            strbuf_clear(&in);
            strbuf_bytes(&in, bytes, n);
        }
        const size_t room = rng_below(g, 5) ? ROOM : rng_below(g, 40);
        strbuf_clear(&out);
        p9_session_answer(s, strbuf_text(&in), in.len, room, &out);
        CHECK(out.len == load_le32(out.text) && out.len <= (room > 11 ? room : 11));
    }
    strbuf_free(&in);
    strbuf_free(&out);
}

/* The folder lies in another one, where a guard lies too. */
static void try_model(int model, struct rng *g)
{
    char outer[] = "/var/tmp/dragoman-fuzz9p.XXXXXX", path[100], guard[100], text[8] = "";
    struct error e = {""};
    CHECK(mkdtemp(outer) != NULL);
    snprintf(guard, sizeof(guard), "%s/guard", outer);
    const int fd = open(guard, O_RDWR | O_CREAT, 0644);
    CHECK(write(fd, "guarded", 7) == 7);
    snprintf(path, sizeof(path), "%s/share", outer);
    CHECK(mkdir(path, 0700) == 0);
    const int inner = open(path, O_PATH | O_DIRECTORY);
    CHECK(symlinkat("../guard", inner, "way_out") == 0);
    struct p9_share *share = p9_share_open(
        &(struct p9_options){.path = path, .model = model, .file_mode = 0600, .folder_mode = 0700},
        &e);
    REQUIRE(share);
    struct p9_session *s = p9_session_create(share);
    run(s, g, 3000 * test_scale());
    p9_session_free(s);
    p9_share_close(share);
    CHECK(pread(fd, text, 7, 0) == 7 && memcmp(text, "guarded", 7) == 0);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 1 && st.st_size == 7 &&
          (st.st_mode & 0777) == 0644);
    close(fd);
    close(inner);
    folder_remove(AT_FDCWD, outer);
}

TEST(random_messages_stay_in_the_folder)
{
    struct rng g;
    rng_seed(&g, test_seed());
    log_set_mask(0);
    for (int model = P9_NONE; model <= P9_MAPPED_FILE; model++) {
        try_model(model, &g);
    }
}
