/* SPDX-License-Identifier: MIT */
/* 9P2000.L by its messages: what a guest may reach, and what it may not. */
#include "hw/p9/p9.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "tests/support/folder.h"
#include "tests/test.h"

enum {
    LERROR = 7,
    ROOM = 65536,
    NO_ENTRY = 2,
    BAD_FID = 9,
    INVALID = 22,
    READ_ONLY = 30,
};

struct scene {
    char dir[64], outside[80];
    struct p9_share *share;
    struct p9_session *session;
    struct strbuf in, out;
    size_t at; /* of what is read of the answer */
};

/* ---- messages */

static void begin(struct scene *s, uint8_t type)
{
    const uint8_t header[7] = {0, 0, 0, 0, type, 1, 0};
    strbuf_clear(&s->in);
    strbuf_bytes(&s->in, header, sizeof(header));
}

static void put(struct scene *s, uint64_t v, unsigned n)
{
    uint8_t bytes[8];
    store_le(bytes, n, v);
    strbuf_bytes(&s->in, bytes, n);
}

static void put_text(struct scene *s, const char *text)
{
    put(s, strlen(text), 2);
    strbuf_puts(&s->in, text);
}

/* 0, or the error; the answer is of that type. */
static uint32_t send(struct scene *s)
{
    const uint8_t type = (uint8_t)s->in.text[4];
    store_le32(s->in.text, (uint32_t)s->in.len);
    strbuf_clear(&s->out);
    p9_session_answer(s->session, s->in.text, s->in.len, ROOM, &s->out);
    CHECK_EQ(load_le32(s->out.text), s->out.len);
    CHECK_EQ(load_le16(s->out.text + 5), 1);
    s->at = 7;
    if ((uint8_t)s->out.text[4] == LERROR) {
        return load_le32(s->out.text + 7);
    }
    CHECK_EQ((uint8_t)s->out.text[4], type + 1);
    return 0;
}

static uint64_t take(struct scene *s, unsigned n)
{
    CHECK(s->at + n <= s->out.len);
    const uint64_t v = s->at + n <= s->out.len ? load_le(s->out.text + s->at, n) : 0;
    s->at += n;
    return v;
}

static uint32_t walk(struct scene *s, uint32_t fid, uint32_t to, const char *a, const char *b)
{
    begin(s, 110);
    put(s, fid, 4);
    put(s, to, 4);
    put(s, !!a + !!b, 2);
    if (a) {
        put_text(s, a);
    }
    if (b) {
        put_text(s, b);
    }
    return send(s);
}

static uint32_t with_fid(struct scene *s, uint8_t type, uint32_t fid)
{
    begin(s, type);
    put(s, fid, 4);
    return send(s);
}

static uint32_t open_fid(struct scene *s, uint32_t fid, uint32_t flags)
{
    begin(s, 12);
    put(s, fid, 4);
    put(s, flags, 4);
    return send(s);
}

static uint32_t create(struct scene *s, uint32_t fid, const char *name)
{
    begin(s, 14);
    put(s, fid, 4);
    put_text(s, name);
    put(s, 2, 4);
    put(s, 0644, 4);
    put(s, getgid(), 4);
    return send(s);
}

static uint32_t write_text(struct scene *s, uint32_t fid, const char *text)
{
    begin(s, 118);
    put(s, fid, 4);
    put(s, 0, 8);
    put(s, strlen(text), 4);
    strbuf_puts(&s->in, text);
    return send(s);
}

static uint32_t read_fid(struct scene *s, uint32_t fid, uint64_t offset, uint32_t count)
{
    begin(s, 116);
    put(s, fid, 4);
    put(s, offset, 8);
    put(s, count, 4);
    return send(s);
}

/* ---- scenes */

static void put_file(const char *dir, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void attach(struct scene *s)
{
    begin(s, 100);
    put(s, 65536, 4);
    put_text(s, "9P2000.L");
    CHECK_EQ(send(s), 0);
    CHECK_EQ(take(s, 4), 65536);
    begin(s, 104);
    put(s, 1, 4);
    put(s, UINT32_MAX, 4);
    put_text(s, "");
    put_text(s, "");
    put(s, getuid(), 4);
    CHECK_EQ(send(s), 0);
}

static void open_scene(struct scene *s, int model, bool readonly)
{
    struct error e = {""};
    char path[200];
    memset(s, 0, sizeof(*s));
    snprintf(s->dir, sizeof(s->dir), "/var/tmp/dragoman-9p.XXXXXX");
    CHECK(mkdtemp(s->dir) != NULL);
    snprintf(s->outside, sizeof(s->outside), "%s.secret", s->dir);
    CHECK(mkdir(s->outside, 0755) == 0);
    put_file(s->outside, "file", "secret");
    put_file(s->dir, "plain", "some bytes");
    snprintf(path, sizeof(path), "%s/below", s->dir);
    CHECK(mkdir(path, 0755) == 0);
    put_file(path, "deep", "deeper");
    snprintf(path, sizeof(path), "%s/out", s->dir);
    CHECK(symlink(s->outside, path) == 0);
    const struct p9_options o = {.path = s->dir,
                                 .model = model,
                                 .readonly = readonly,
                                 .file_mode = 0600,
                                 .folder_mode = 0700};
    s->share = p9_share_open(&o, &e);
    if (!s->share) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    s->session = p9_session_create(s->share);
    attach(s);
}

static void close_scene(struct scene *s)
{
    p9_session_free(s->session);
    p9_share_close(s->share);
    strbuf_free(&s->in);
    strbuf_free(&s->out);
    folder_remove(AT_FDCWD, s->dir);
    folder_remove(AT_FDCWD, s->outside);
}

/* ---- the tests */

TEST(files_are_found_read_and_written)
{
    struct scene s;
    open_scene(&s, P9_NONE, false);
    CHECK_EQ(walk(&s, 1, 2, "below", "deep"), 0);
    CHECK_EQ(take(&s, 2), 2);
    CHECK_EQ(take(&s, 1), 0x80);
    CHECK_EQ(open_fid(&s, 2, 0), 0);
    CHECK_EQ(read_fid(&s, 2, 2, 100), 0);
    CHECK_EQ(take(&s, 4), 4);
    CHECK_MEM(s.out.text + s.at, "eper", 4);
    CHECK_EQ(write_text(&s, 2, "no"), BAD_FID); /* not opened for it */
    CHECK_EQ(walk(&s, 1, 3, NULL, NULL), 0);
    CHECK_EQ(create(&s, 3, "new"), 0);
    CHECK_EQ(write_text(&s, 3, "hello"), 0);
    CHECK_EQ(read_fid(&s, 3, 0, 100), 0);
    CHECK_EQ(take(&s, 4), 5);
    CHECK_EQ(with_fid(&s, 120, 3), 0);
    CHECK_EQ(with_fid(&s, 120, 3), BAD_FID);
    CHECK_EQ(walk(&s, 1, 4, "new", NULL), 0);
    CHECK_EQ(walk(&s, 1, 4, "new", NULL), BAD_FID);
    close_scene(&s);
}

TEST(nothing_leads_out)
{
    static const char *const names[] = {"..", "../x", "/etc/passwd", "below/../..",
                                        ".",  "",     "out/file"};
    struct scene s;
    open_scene(&s, P9_NONE, false);
    for (unsigned i = 1; i < array_len(names); i++) {
        CHECK_EQ(walk(&s, 1, 9, names[i], NULL), NO_ENTRY);
        CHECK_EQ(create(&s, 1, names[i]), INVALID);
    }
    CHECK_EQ(walk(&s, 1, 2, "..", "plain"), 0); /* above the root is the root */
    CHECK_EQ(take(&s, 2), 2);
    CHECK_EQ(walk(&s, 1, 3, "below", ".."), 0);
    CHECK_EQ(walk(&s, 3, 4, "plain", NULL), 0);
    CHECK_EQ(walk(&s, 1, 5, "out", "file"), 0); /* the link is there, and nothing below it */
    CHECK_EQ(take(&s, 2), 1);
    CHECK_EQ(take(&s, 1), 0x02);
    CHECK_EQ(walk(&s, 1, 5, "out", NULL), 0);
    CHECK(open_fid(&s, 5, 0) != 0);
    CHECK(create(&s, 5, "evil") != 0);
    CHECK_EQ(with_fid(&s, 22, 5), 0); /* what it says is for the guest to follow */
    CHECK_EQ(take(&s, 2), strlen(s.outside));
    close_scene(&s);
}

TEST(what_moves_out_of_the_folder_is_lost)
{
    struct scene s;
    char from[200], to[200];
    open_scene(&s, P9_NONE, false);
    CHECK_EQ(walk(&s, 1, 2, "below", NULL), 0);
    snprintf(from, sizeof(from), "%s/below", s.dir);
    snprintf(to, sizeof(to), "%s/below", s.outside);
    CHECK(rename(from, to) == 0); /* by somebody on the host */
    CHECK(walk(&s, 2, 3, "..", "file") != 0);
    CHECK(with_fid(&s, 122, 2) != 0);
    close_scene(&s);
}

TEST(a_link_that_takes_a_name_is_not_followed)
{
    struct scene s;
    char path[200], content[16] = "";
    open_scene(&s, P9_NONE, false);
    snprintf(path, sizeof(path), "%s/file", s.outside);
    CHECK_EQ(walk(&s, 1, 2, NULL, NULL), 0);
    CHECK(create(&s, 2, "out") != 0); /* it is there already */
    const int fd = open(path, O_RDONLY);
    CHECK(read(fd, content, sizeof(content)) == 6 && memcmp(content, "secret", 6) == 0);
    close(fd);
    close_scene(&s);
}

TEST(mapped_owners_and_kinds_are_the_guests_alone)
{
    for (int model = P9_MAPPED; model <= P9_MAPPED_FILE; model++) {
        struct scene s;
        char path[200];
        struct stat st;
        open_scene(&s, model, false);
        begin(&s, 18); /* a device */
        put(&s, 1, 4);
        put_text(&s, "null");
        put(&s, S_IFCHR | 0666, 4);
        put(&s, 1, 4);
        put(&s, 3, 4);
        put(&s, 77, 4);
        CHECK_EQ(send(&s), 0);
        CHECK_EQ(walk(&s, 1, 2, "null", NULL), 0);
        begin(&s, 24);
        put(&s, 2, 4);
        put(&s, 0x7ff, 8);
        CHECK_EQ(send(&s), 0);
        s.at = 7 + 8 + 13;
        CHECK_EQ(take(&s, 4), S_IFCHR | 0666);
        take(&s, 4);
        CHECK_EQ(take(&s, 4), 77);
        CHECK_EQ(open_fid(&s, 2, 0), 0); /* a file of no bytes on the host */
        snprintf(path, sizeof(path), "%s/null", s.dir);
        CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
        CHECK_EQ(walk(&s, 1, 3, ".virtfs_metadata", NULL), NO_ENTRY);
        begin(&s, 32); /* nor by attributes */
        put(&s, 1, 4);
        put_text(&s, "user.virtfs.uid");
        put(&s, 4, 8);
        put(&s, 0, 4);
        CHECK_EQ(send(&s) != 0, model == P9_MAPPED || model == P9_MAPPED_FILE);
        close_scene(&s);
    }
}

TEST(what_is_renamed_over_another_keeps_its_own_kind)
{
    struct scene s;
    char path[200];
    open_scene(&s, P9_MAPPED_FILE, false);
    snprintf(path, sizeof(path), "%s/plain", s.dir); /* which the host has made */
    const int fd = open(path, O_WRONLY | O_CREAT, 0644);
    CHECK(fd >= 0);
    close(fd);
    begin(&s, 18);
    put(&s, 1, 4);
    put_text(&s, "null");
    put(&s, S_IFCHR | 0666, 4);
    put(&s, 1, 4);
    put(&s, 3, 4);
    put(&s, 77, 4);
    CHECK_EQ(send(&s), 0);
    begin(&s, 74);
    put(&s, 1, 4);
    put_text(&s, "plain");
    put(&s, 1, 4);
    put_text(&s, "null");
    CHECK_EQ(send(&s), 0);
    CHECK_EQ(walk(&s, 1, 2, "null", NULL), 0);
    begin(&s, 24);
    put(&s, 2, 4);
    put(&s, 0x7ff, 8);
    CHECK_EQ(send(&s), 0);
    s.at = 7 + 8 + 13;
    CHECK_EQ(take(&s, 4) & S_IFMT, S_IFREG);
    close_scene(&s);
}

TEST(a_folder_that_is_only_read_refuses_the_rest)
{
    struct scene s;
    open_scene(&s, P9_NONE, true);
    CHECK_EQ(create(&s, 1, "new"), READ_ONLY);
    CHECK_EQ(walk(&s, 1, 2, "plain", NULL), 0);
    CHECK_EQ(open_fid(&s, 2, 01000), READ_ONLY);
    CHECK_EQ(open_fid(&s, 2, 1), READ_ONLY);
    CHECK_EQ(with_fid(&s, 122, 2), READ_ONLY);
    CHECK_EQ(open_fid(&s, 2, 0), 0);
    close_scene(&s);
}

TEST(messages_that_are_none_are_answered)
{
    struct scene s;
    open_scene(&s, P9_NONE, false);
    CHECK_EQ(with_fid(&s, 24, 99), BAD_FID);
    begin(&s, 110); /* cut short */
    put(&s, 1, 4);
    CHECK_EQ(send(&s), INVALID);
    begin(&s, 200);
    CHECK_EQ(send(&s), 95);
    strbuf_clear(&s.out);
    p9_session_answer(s.session, "\1\0", 2, ROOM, &s.out);
    CHECK_EQ((uint8_t)s.out.text[4], LERROR);
    strbuf_clear(&s.out);
    p9_session_answer(s.session, "\xff\xff\xff\xff\x6e\1\0", 7, 0, &s.out);
    CHECK_EQ(s.out.len, 11);
    begin(&s, 118); /* more bytes than there are */
    put(&s, 1, 4);
    put(&s, 0, 8);
    put(&s, UINT32_MAX, 4);
    CHECK_EQ(send(&s), INVALID);
    begin(&s, 32);
    put(&s, 1, 4);
    put_text(&s, "user.x");
    put(&s, UINT64_MAX, 8);
    put(&s, 0, 4);
    CHECK_EQ(send(&s), 7);
    begin(&s, 100);
    put(&s, 65536, 4);
    put_text(&s, "9P2000.u");
    CHECK_EQ(send(&s), 0);
    CHECK_EQ(take(&s, 4), 65536);
    CHECK_EQ(take(&s, 2), 7); /* "unknown" */
    CHECK(with_fid(&s, 24, 1) != 0);
    close_scene(&s);
}

TEST(what_is_held_comes_back_after_loading)
{
    struct scene s;
    struct strbuf state = {0};
    struct error e = {""};
    open_scene(&s, P9_NONE, false);
    CHECK_EQ(walk(&s, 1, 2, "plain", NULL), 0);
    CHECK_EQ(open_fid(&s, 2, 0), 0);
    CHECK_EQ(walk(&s, 1, 3, "below", "deep"), 0);
    p9_session_save(s.session, &state);
    unlinkat(AT_FDCWD, s.dir, 0);
    p9_session_reset(s.session);
    CHECK(with_fid(&s, 24, 1) != 0);
    CHECK_MSG(p9_session_load(s.session, state.text, state.len, false, &e), "%s", e.text);
    CHECK(p9_session_load(s.session, state.text, state.len, true, &e));
    CHECK_EQ(read_fid(&s, 2, 5, 100), 0);
    CHECK_EQ(take(&s, 4), 5);
    CHECK_EQ(walk(&s, 3, 4, NULL, NULL), 0);
    for (size_t i = 0; i + 1 < state.len; i++) {
        if (!p9_session_load(s.session, state.text, i, false, &e)) {
            CHECK(strlen(e.text) > 10);
        }
    }
    strbuf_free(&state);
    close_scene(&s);
}

TEST(folders_must_be_there)
{
    struct error e = {""};
    CHECK(!p9_share_open(&(struct p9_options){.path = "/no/such/folder"}, &e));
    CHECK(strstr(e.text, "/no/such/folder"));
    CHECK(!p9_share_open(&(struct p9_options){.path = "/proc/version"}, &e));
}

/* The number of a name in the folder that fid reads, as its entries say it; 0: it is not there. */
static uint64_t number_in_entries(struct scene *s, uint32_t fid, const char *name)
{
    uint64_t offset = 0, number = 0;
    for (bool more = true; more && !number;) {
        begin(s, 40);
        put(s, fid, 4);
        put(s, offset, 8);
        put(s, 8192, 4);
        CHECK_EQ(send(s), 0);
        const size_t end = (size_t)take(s, 4) + s->at;
        more = s->at < end;
        while (s->at < end) {
            take(s, 5);
            const uint64_t of = take(s, 8);
            offset = take(s, 8);
            take(s, 1);
            const size_t n = (size_t)take(s, 2);
            if (n == strlen(name) && memcmp(s->out.text + s->at, name, n) == 0) {
                number = of;
            }
            s->at += n;
        }
    }
    return number;
}

/* /proc is another file system in /. */
TEST(files_of_several_file_systems_have_numbers_of_their_own)
{
    struct scene s = {.at = 0};
    struct error e = {{0}};
    s.share = p9_share_open(
        &(struct p9_options){.path = "/", .readonly = true, .devices = P9_REMAP}, &e);
    REQUIRE(s.share != NULL);
    s.session = p9_session_create(s.share);
    attach(&s);
    CHECK_EQ(walk(&s, 1, 2, NULL, NULL), 0);
    CHECK_EQ(open_fid(&s, 2, 0), 0);
    const uint64_t listed = number_in_entries(&s, 2, "proc");
    CHECK_EQ(walk(&s, 1, 3, "proc", NULL), 0);
    take(&s, 2 + 5);
    const uint64_t found = take(&s, 8);
    CHECK(listed >> 56 != 0);
    CHECK_EQ(listed, found);
    CHECK_EQ(number_in_entries(&s, 2, "etc") >> 56, 0);
    p9_session_free(s.session);
    p9_share_close(s.share);
    strbuf_free(&s.in);
    strbuf_free(&s.out);
}
