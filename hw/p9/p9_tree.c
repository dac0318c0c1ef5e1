/* SPDX-License-Identifier: MIT */
/* Messages about names and attributes of files: 9P2000.L. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "hw/p9/p9_session.h"

enum {
    WALK_MOST = 16,
    SET_MODE = 1,
    SET_UID = 2,
    SET_GID = 4,
    SET_SIZE = 8,
    SET_ATIME = 0x10,
    SET_MTIME = 0x20,
    SET_ATIME_TO = 0x80,
    SET_MTIME_TO = 0x100,
    BASIC = 0x7ff, /* all of stat */
    REMOVE_FOLDER = 0x200,
};

/* ---- walking */

/* Above the root is the root. */
static int step(struct p9_share *s, int fd, const char *name)
{
    char *own;
    if (strcmp(name, "..") != 0) {
        return p9_find(s, fd, name);
    }
    const int up = p9_parent(s, fd, &own);
    mem_free(own);
    return up == -EBUSY ? p9_find_path(s, "") : up;
}

/* Follows the names; *walked of them lead somewhere. The descriptor of the last. */
static int follow(struct p9_call *c, const struct p9_fid *f, uint16_t names, unsigned *walked)
{
    char name[P9_NAME_MAX + 1];
    struct stat st;
    int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0), result;
    *walked = 0;
    for (unsigned i = 0; fd >= 0 && i < names; i++) {
        if (!p9_take_text(c, name, sizeof(name), &result)) {
            close(fd);
            return result;
        }
        const int next = step(c->s->share, fd, name);
        close(fd);
        fd = next;
        result = fd < 0 ? fd : p9_stat(c->s->share, fd, &st);
        if (result < 0) {
            if (fd >= 0) {
                close(fd);
            }
            return result;
        }
        p9_put_qid(c, &st);
        ++*walked;
    }
    return fd < 0 ? -errno : fd;
}

static int walk(struct p9_call *c)
{
    uint32_t number;
    uint16_t names = 0;
    unsigned walked;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result), *made;
    if (!f || !p9_take32(c, &number, &result)) {
        return result;
    }
    if (!cursor_le16(&c->in, &names) || names > WALK_MOST) {
        return -EINVAL;
    }
    if (f->kind != P9_FID_PATH || (number != f->number && p9_fid_find(c->s, number))) {
        return -EBADF;
    }
    const size_t at = c->out->len;
    p9_put16(c, 0);
    const int fd = follow(c, f, names, &walked);
    if (fd < 0 && walked == 0) {
        return fd;
    }
    c->out->text[at] = (char)walked;
    if (fd < 0) {
        return 0; /* part of the way: the new fid is none */
    }
    if (number == f->number) {
        p9_fid_become(f, fd);
        return 0;
    }
    result = p9_fid_add(c->s, number, fd, &made);
    if (result == 0) {
        made->uid = f->uid;
    }
    return result;
}

/* ---- attributes */

static int get_attributes(struct p9_call *c)
{
    struct stat st;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f) {
        return result;
    }
    if ((result = p9_stat(c->s->share, f->fd, &st)) < 0) {
        return result;
    }
    p9_put64(c, BASIC);
    p9_put_qid(c, &st);
    p9_put32(c, st.st_mode);
    p9_put32(c, st.st_uid);
    p9_put32(c, st.st_gid);
    const uint64_t numbers[] = {st.st_nlink,
                                st.st_rdev,
                                (uint64_t)st.st_size,
                                (uint64_t)st.st_blksize,
                                (uint64_t)st.st_blocks,
                                (uint64_t)st.st_atim.tv_sec,
                                (uint64_t)st.st_atim.tv_nsec,
                                (uint64_t)st.st_mtim.tv_sec,
                                (uint64_t)st.st_mtim.tv_nsec,
                                (uint64_t)st.st_ctim.tv_sec,
                                (uint64_t)st.st_ctim.tv_nsec,
                                0,
                                0, /* birth, generation, version of data: not told */
                                0,
                                0};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        p9_put64(c, numbers[i]);
    }
    return 0;
}

static struct timespec time_of(bool set, bool to, uint64_t sec, uint64_t nsec)
{
    if (!set) {
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    }
    if (!to) {
        return (struct timespec){.tv_nsec = UTIME_NOW};
    }
    return (struct timespec){(time_t)sec, (long)(nsec < 1000000000 ? nsec : 0)};
}

static int set_size(const struct p9_fid *f, uint64_t size)
{
    char self[P9_SELF_BYTES];
    struct stat st;
    if (size > INT64_MAX) {
        return -EFBIG;
    }
    if (f->file >= 0 && ftruncate(f->file, (off_t)size) == 0) {
        return 0;
    }
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return -EINVAL;
    }
    return truncate(p9_self(f->fd, self), (off_t)size) == 0 ? 0 : -errno;
}

static int set_attributes(struct p9_call *c)
{
    uint32_t valid, mode, uid, gid;
    uint64_t v[5]; /* size, times */
    char self[P9_SELF_BYTES];
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take32(c, &valid, &result) || !p9_take32(c, &mode, &result) ||
        !p9_take32(c, &uid, &result) || !p9_take32(c, &gid, &result)) {
        return result;
    }
    for (unsigned i = 0; i < 5; i++) {
        if (!p9_take64(c, &v[i], &result)) {
            return result;
        }
    }
    result = p9_meta_change(c->s->share, f->fd, valid & (SET_MODE | SET_UID | SET_GID),
                            &(struct p9_meta){uid, gid, mode, 0});
    if (result == 0 && (valid & SET_SIZE)) {
        result = set_size(f, v[0]);
    }
    if (result == 0 && (valid & (SET_ATIME | SET_MTIME))) {
        const struct timespec times[2] = {
            time_of(valid & SET_ATIME, valid & SET_ATIME_TO, v[1], v[2]),
            time_of(valid & SET_MTIME, valid & SET_MTIME_TO, v[3], v[4])};
        result = utimensat(AT_FDCWD, p9_self(f->fd, self), times, 0) == 0 ? 0 : -errno;
    }
    return result;
}

static int stat_system(struct p9_call *c)
{
    struct statfs st;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f) {
        return result;
    }
    if (fstatfs(f->fd, &st) != 0) {
        return -errno;
    }
    p9_put32(c, 0x01021997); /* as v9fs calls itself */
    p9_put32(c, (uint32_t)st.f_bsize);
    p9_put64(c, st.f_blocks);
    p9_put64(c, st.f_bfree);
    p9_put64(c, st.f_bavail);
    p9_put64(c, st.f_files);
    p9_put64(c, st.f_ffree);
    p9_put64(c, 0);
    p9_put32(c, P9_NAME_MAX);
    return 0;
}

/* ---- new names */

/* The qid of what was just made. */
static int put_made(struct p9_call *c, int folder, const char *name)
{
    struct stat st;
    const int fd = p9_find(c->s->share, folder, name);
    const int result = fd < 0 ? fd : p9_stat(c->s->share, fd, &st);
    if (fd >= 0) {
        close(fd);
    }
    if (result == 0) {
        p9_put_qid(c, &st);
    }
    return result;
}

static int make_link(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1], to[P9_TEXT_MAX];
    struct p9_meta m = {.mode = S_IFLNK | 0777};
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_name(c, name, &result) || !p9_take_text(c, to, sizeof(to), &result) ||
        !p9_take32(c, &m.gid, &result)) {
        return result;
    }
    m.uid = f->uid;
    result = p9_make_link(c->s->share, f->fd, name, to, &m);
    return result ? result : put_made(c, f->fd, name);
}

static int make_node(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    struct p9_meta m = {0};
    uint32_t major, minor;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_name(c, name, &result) || !p9_take32(c, &m.mode, &result) ||
        !p9_take32(c, &major, &result) || !p9_take32(c, &minor, &result) ||
        !p9_take32(c, &m.gid, &result)) {
        return result;
    }
    if (S_ISDIR(m.mode) || S_ISLNK(m.mode)) {
        return -EINVAL;
    }
    m.uid = f->uid;
    m.rdev = makedev(major, minor);
    result = p9_make_node(c->s->share, f->fd, name, &m);
    return result ? result : put_made(c, f->fd, name);
}

static int make_folder(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    struct p9_meta m = {0};
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_name(c, name, &result) || !p9_take32(c, &m.mode, &result) ||
        !p9_take32(c, &m.gid, &result)) {
        return result;
    }
    m.uid = f->uid;
    m.mode = S_IFDIR | (m.mode & 07777);
    result = p9_make_folder(c->s->share, f->fd, name, &m);
    return result ? result : put_made(c, f->fd, name);
}

static int read_link(struct p9_call *c)
{
    char text[P9_TEXT_MAX];
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f) {
        return result;
    }
    result = p9_read_link(c->s->share, f->fd, text, sizeof(text));
    if (result < 0) {
        return result;
    }
    p9_put_text(c, text);
    return 0;
}

static int hard_link(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    int result;
    struct p9_fid *folder = p9_take_fid(c, &result);
    struct p9_fid *f = folder ? p9_take_fid(c, &result) : NULL;
    if (!f || !p9_take_name(c, name, &result)) {
        return result;
    }
    return p9_link(c->s->share, f->fd, folder->fd, name);
}

static int rename_at(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1], new_name[P9_NAME_MAX + 1];
    int result;
    struct p9_fid *from = p9_take_fid(c, &result), *to;
    if (!from || !p9_take_name(c, name, &result) || !(to = p9_take_fid(c, &result)) ||
        !p9_take_name(c, new_name, &result)) {
        return result;
    }
    return p9_rename(c->s->share, from->fd, name, to->fd, new_name);
}

static int unlink_at(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    uint32_t flags;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_name(c, name, &result) || !p9_take32(c, &flags, &result)) {
        return result;
    }
    return p9_remove(c->s->share, f->fd, name, flags & REMOVE_FOLDER);
}

/* The same by what is held: older messages. */
static int rename_fid(struct p9_call *c)
{
    char new_name[P9_NAME_MAX + 1], *name;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    struct p9_fid *to = f ? p9_take_fid(c, &result) : NULL;
    if (!to || !p9_take_name(c, new_name, &result)) {
        return result;
    }
    const int folder = p9_parent(c->s->share, f->fd, &name);
    result = folder < 0 ? folder : p9_rename(c->s->share, folder, name, to->fd, new_name);
    if (folder >= 0) {
        close(folder);
    }
    mem_free(name);
    return result;
}

/* The fid is gone, whatever comes of it. */
static int remove_fid(struct p9_call *c)
{
    char *name = NULL;
    struct stat st;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f) {
        return result;
    }
    const int folder = p9_parent(c->s->share, f->fd, &name);
    result = folder < 0 ? folder : fstat(f->fd, &st) != 0 ? -errno : 0;
    result = result ? result : p9_remove(c->s->share, folder, name, S_ISDIR(st.st_mode));
    if (folder >= 0) {
        close(folder);
    }
    mem_free(name);
    p9_fid_drop(c->s, f->number);
    return result;
}

const struct p9_row p9_tree_rows[] = {
    {110, false, walk},         {24, false, get_attributes},
    {26, true, set_attributes}, {8, false, stat_system},
    {16, true, make_link},      {18, true, make_node},
    {72, true, make_folder},    {22, false, read_link},
    {70, true, hard_link},      {74, true, rename_at},
    {76, true, unlink_at},      {20, true, rename_fid},
    {122, true, remove_fid},    {0},
};
