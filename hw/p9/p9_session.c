/* SPDX-License-Identifier: MIT */
/* Sessions of 9P2000.L: messages, the numbers that a guest holds things by, saving and loading. */
#include "hw/p9/p9_session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"

enum {
    HEADER_BYTES = 7,
    R_LERROR = 7,
    T_VERSION = 100,
    T_AUTH = 102,
    T_ATTACH = 104,
    T_FLUSH = 108,
    T_CLUNK = 120,
    MSIZE_LEAST = 4096,
};

/* ---- fids */

static struct p9_fid **place_of(struct p9_session *s, uint32_t number)
{
    struct p9_fid **at = &s->bucket[number % P9_BUCKETS];
    while (*at && (*at)->number != number) {
        at = &(*at)->next;
    }
    return at;
}

struct p9_fid *p9_fid_find(struct p9_session *s, uint32_t number)
{
    return *place_of(s, number);
}

int p9_fid_add(struct p9_session *s, uint32_t number, int fd, struct p9_fid **out)
{
    struct p9_fid **at = place_of(s, number);
    const int result = *at ? -EBADF : s->fids >= P9_FIDS_MAX ? -ENFILE : 0;
    if (result) {
        if (fd >= 0) {
            close(fd);
        }
        return result;
    }
    *at = mem_alloc(sizeof(**at));
    **at = (struct p9_fid){.number = number, .fd = fd, .file = -1};
    s->fids++;
    *out = *at;
    return 0;
}

void p9_fid_become(struct p9_fid *f, int fd)
{
    if (f->entries) {
        closedir(f->entries);
    }
    if (f->file >= 0) {
        close(f->file);
    }
    if (f->fd >= 0 && f->fd != fd) {
        close(f->fd);
    }
    mem_free(f->name);
    mem_free(f->bytes);
    *f = (struct p9_fid){.next = f->next, .number = f->number, .uid = f->uid, .fd = fd, .file = -1};
}

int p9_fid_drop(struct p9_session *s, uint32_t number)
{
    struct p9_fid **at = place_of(s, number), *f = *at;
    if (!f) {
        return -EBADF;
    }
    const int result = f->kind == P9_FID_NEW_ATTRIBUTE ? p9_set_attribute(s, f) : 0;
    *at = f->next;
    p9_fid_become(f, -1);
    mem_free(f);
    s->fids--;
    return result;
}

/* ---- parts of messages */

bool p9_take32(struct p9_call *c, uint32_t *v, int *result)
{
    *result = -EINVAL;
    return cursor_le32(&c->in, v);
}

bool p9_take64(struct p9_call *c, uint64_t *v, int *result)
{
    *result = -EINVAL;
    return cursor_le64(&c->in, v);
}

bool p9_take_text(struct p9_call *c, char *text, size_t size, int *result)
{
    uint16_t n;
    *result = -EINVAL;
    if (!cursor_le16(&c->in, &n) || n > cursor_left(&c->in)) {
        return false;
    }
    if (n >= size) {
        *result = -ENAMETOOLONG;
        return false;
    }
    text[n] = '\0';
    return cursor_bytes(&c->in, text, n) && memchr(text, 0, n) == NULL;
}

bool p9_take_name(struct p9_call *c, char *name, int *result)
{
    if (!p9_take_text(c, name, P9_NAME_MAX + 1, result)) {
        return false;
    }
    *result = -EINVAL;
    return p9_name_good(c->s->share, name);
}

struct p9_fid *p9_take_fid(struct p9_call *c, int *result)
{
    uint32_t number;
    if (!p9_take32(c, &number, result)) {
        return NULL;
    }
    struct p9_fid *f = p9_fid_find(c->s, number);
    *result = !f ? -EBADF : f->fd < 0 ? -ESTALE : 0;
    return *result ? NULL : f;
}

void p9_put8(struct p9_call *c, uint8_t v)
{
    strbuf_bytes(c->out, &v, 1);
}

static void put(struct p9_call *c, uint64_t v, unsigned n)
{
    uint8_t bytes[8];
    store_le(bytes, n, v);
    strbuf_bytes(c->out, bytes, n);
}

void p9_put16(struct p9_call *c, uint16_t v)
{
    put(c, v, 2);
}

void p9_put32(struct p9_call *c, uint32_t v)
{
    put(c, v, 4);
}

void p9_put64(struct p9_call *c, uint64_t v)
{
    put(c, v, 8);
}

void p9_put_text(struct p9_call *c, const char *text)
{
    const size_t n = strlen(text) < UINT16_MAX ? strlen(text) : UINT16_MAX;
    p9_put16(c, (uint16_t)n);
    strbuf_bytes(c->out, text, n);
}

/* Kind, a version that changes with the contents, number. */
void p9_put_qid(struct p9_call *c, const struct stat *st)
{
    p9_put8(c, S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 0x02 : 0);
    p9_put32(c, (uint32_t)st->st_mtime ^ (uint32_t)st->st_size << 8);
    p9_put64(c, st->st_ino);
}

/* ---- messages of the session itself */

static int version(struct p9_call *c)
{
    char text[32];
    uint32_t msize;
    int result;
    if (!p9_take32(c, &msize, &result) || !p9_take_text(c, text, sizeof(text), &result)) {
        return result;
    }
    p9_session_reset(c->s);
    const bool known = strcmp(text, "9P2000.L") == 0 && msize >= MSIZE_LEAST;
    c->s->msize = known ? (msize < P9_MESSAGE_MAX ? msize : P9_MESSAGE_MAX) : 0;
    p9_put32(c, known ? c->s->msize : msize);
    p9_put_text(c, known ? "9P2000.L" : "unknown");
    return 0;
}

static int no_authentication(struct p9_call *c)
{
    (void)c;
    return -EOPNOTSUPP;
}

static int attach(struct p9_call *c)
{
    char user[P9_NAME_MAX + 1], tree[P9_TEXT_MAX];
    uint32_t number, no_fid, uid;
    struct p9_fid *f;
    struct stat st;
    int result;
    if (!p9_take32(c, &number, &result) || !p9_take32(c, &no_fid, &result) ||
        !p9_take_text(c, user, sizeof(user), &result) ||
        !p9_take_text(c, tree, sizeof(tree), &result) || !p9_take32(c, &uid, &result)) {
        return result;
    }
    const int fd = p9_find_path(c->s->share, "");
    result = fd < 0 ? fd : p9_fid_add(c->s, number, fd, &f);
    result = result < 0 ? result : p9_stat(c->s->share, f->fd, &st);
    if (result == 0) {
        f->uid = uid == UINT32_MAX ? 0 : uid;
        p9_put_qid(c, &st);
    }
    return result;
}

/* Messages are answered one after another: what is to be flushed has been. */
static int flush(struct p9_call *c)
{
    (void)c;
    return 0;
}

static int clunk(struct p9_call *c)
{
    uint32_t number;
    int result;
    return p9_take32(c, &number, &result) ? p9_fid_drop(c->s, number) : result;
}

static const struct p9_row session_rows[] = {
    {T_VERSION, false, version}, {T_AUTH, false, no_authentication},
    {T_ATTACH, false, attach},   {T_FLUSH, false, flush},
    {T_CLUNK, false, clunk},     {0},
};

static const struct p9_row *find_row(uint8_t type)
{
    static const struct p9_row *const tables[] = {session_rows, p9_io_rows, p9_tree_rows};
    for (size_t i = 0; i < array_len(tables); i++) {
        for (const struct p9_row *r = tables[i]; r->run; r++) {
            if (r->type == type) {
                return r;
            }
        }
    }
    return NULL;
}

/* ---- all */

static int run(struct p9_call *c, uint8_t type)
{
    const struct p9_row *r = find_row(type);
    if (!r) {
        return -EOPNOTSUPP;
    }
    if (type != T_VERSION && c->s->msize == 0) {
        return -EPROTO;
    }
    if (r->writes && c->s->share->o.readonly) {
        return -EROFS;
    }
    return r->run(c);
}

void p9_session_answer(struct p9_session *s, const void *in, size_t n, size_t room,
                       struct strbuf *out)
{
    struct p9_call c = {.s = s, .out = out};
    uint8_t header[HEADER_BYTES] = {0}, type = 0;
    uint32_t size = 0;
    uint16_t tag = 0xffff;
    cursor_init(&c.in, in, n);
    const bool good = cursor_le32(&c.in, &size) && cursor_u8(&c.in, &type) &&
                      cursor_le16(&c.in, &tag) && size <= n && size >= HEADER_BYTES;
    const size_t most = s->msize && s->msize < room ? s->msize : room;
    if (good) {
        cursor_init(&c.in, (const uint8_t *)in + HEADER_BYTES, size - HEADER_BYTES);
    }
    strbuf_bytes(out, header, sizeof(header));
    c.room = most > HEADER_BYTES ? most - HEADER_BYTES : 0;
    int result = good ? run(&c, type) : -EINVAL;
    if (result >= 0 && out->len > (most > HEADER_BYTES ? most : HEADER_BYTES)) {
        result = -EMSGSIZE;
    }
    if (result < 0) {
        out->len = HEADER_BYTES;
        p9_put32(&c, (uint32_t)-result);
    }
    store_le32(out->text, (uint32_t)out->len);
    out->text[4] = (char)(result < 0 ? R_LERROR : type + 1);
    store_le16(out->text + 5, tag);
}

/* A guest may hold many files: as many as the host lets this process have. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct p9_session *p9_session_create(struct p9_share *share)
{
    struct p9_session *s = mem_alloc(sizeof(*s));
    raise_limit();
    s->share = share;
    s->data = mem_alloc(P9_MESSAGE_MAX);
    return s;
}

void p9_session_reset(struct p9_session *s)
{
    for (unsigned i = 0; i < P9_BUCKETS; i++) {
        while (s->bucket[i]) {
            s->bucket[i]->kind = P9_FID_PATH; /* attributes that are not whole are not set */
            p9_fid_drop(s, s->bucket[i]->number);
        }
    }
    s->msize = 0;
}

void p9_session_free(struct p9_session *s)
{
    if (s) {
        p9_session_reset(s);
        mem_free(s->data);
        mem_free(s);
    }
}

/* ---- saving and loading: msize; of each fid number, user, kind, flags, path */

void p9_session_save(struct p9_session *s, struct strbuf *out)
{
    struct p9_call c = {.s = s, .out = out};
    p9_put32(&c, s->msize);
    for (unsigned i = 0; i < P9_BUCKETS; i++) {
        for (const struct p9_fid *f = s->bucket[i]; f; f = f->next) {
            char *path = f->fd < 0 ? NULL : p9_path_of(s->share, f->fd);
            p9_put32(&c, f->number);
            p9_put32(&c, f->uid);
            p9_put8(&c, path ? (uint8_t)f->kind : 0xff);
            p9_put32(&c, (uint32_t)f->flags);
            p9_put_text(&c, path ? path : "");
            mem_free(path);
        }
    }
}

static int reopen(struct p9_session *s, struct p9_fid *f, uint8_t kind, uint32_t flags)
{
    if (kind == P9_FID_PATH) {
        return 0;
    }
    return kind == P9_FID_FILE || kind == P9_FID_FOLDER
               ? p9_open_fid(s, f, (int)(flags & ~(uint32_t)(O_TRUNC | O_CREAT | O_EXCL)))
               : -ESTALE;
}

static bool load_fid(struct p9_call *c, bool store)
{
    char path[P9_TEXT_MAX];
    uint32_t number, uid, flags;
    uint8_t kind;
    struct p9_fid *f;
    int result;
    if (!cursor_le32(&c->in, &number) || !cursor_le32(&c->in, &uid) || !cursor_u8(&c->in, &kind) ||
        !cursor_le32(&c->in, &flags) || !p9_take_text(c, path, sizeof(path), &result) ||
        path[0] == '/') {
        return false;
    }
    if (!store) {
        return true;
    }
    const int fd = kind == 0xff ? -1 : p9_find_path(c->s->share, path);
    if (p9_fid_add(c->s, number, fd < 0 ? -1 : fd, &f) == 0) {
        f->uid = uid;
        if (fd >= 0 && reopen(c->s, f, kind, flags) < 0) {
            p9_fid_become(f, -1);
        }
    }
    return true;
}

bool p9_session_load(struct p9_session *s, const void *bytes, size_t n, bool store, struct error *e)
{
    struct p9_call c = {.s = s};
    uint32_t msize;
    unsigned fids = 0;
    cursor_init(&c.in, bytes, n);
    bool good = cursor_le32(&c.in, &msize) &&
                (msize == 0 || (msize >= MSIZE_LEAST && msize <= P9_MESSAGE_MAX));
    if (store) {
        p9_session_reset(s);
        s->msize = good ? msize : 0;
    }
    while (good && cursor_left(&c.in)) {
        good = ++fids <= P9_FIDS_MAX && load_fid(&c, store);
    }
    return good || error_set(e, "what its guest holds of a folder is none that a guest can hold");
}
