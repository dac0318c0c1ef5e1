/* SPDX-License-Identifier: MIT */
/* Messages about what is open, locks, and extended attributes: 9P2000.L. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/mem.h"
#include "hw/p9/p9_session.h"

/* Flags of Linux' generic kind, whatever the guest is. */
enum {
    L_ACCESS = 3,
    L_TRUNC = 01000,
    L_APPEND = 02000,
    L_DSYNC = 010000,
    L_SYNC = 04000000,
    READ_HEADER = 4,
    ENTRY_BYTES = 24, /* beside its name */
};

static int host_flags(uint32_t flags)
{
    int f = (int)(flags & L_ACCESS);
    f |= flags & L_TRUNC ? O_TRUNC : 0;
    f |= flags & L_APPEND ? O_APPEND : 0;
    f |= flags & L_DSYNC ? O_DSYNC : 0;
    f |= (flags & L_SYNC) == L_SYNC ? O_SYNC : 0;
    return f;
}

/* ---- opening */

/* Files and folders; what else there is is the guest's own matter. */
int p9_open_fid(struct p9_session *s, struct p9_fid *f, int flags)
{
    struct stat st;
    (void)s;
    if (fstat(f->fd, &st) != 0) {
        return -errno;
    }
    if (S_ISDIR(st.st_mode)) {
        const int fd = (flags & L_ACCESS) ? -EISDIR : p9_reopen(f->fd, O_RDONLY | O_DIRECTORY);
        f->entries = fd < 0 ? NULL : fdopendir(fd);
        f->kind = f->entries ? P9_FID_FOLDER : f->kind;
        f->at = 0;
        return fd < 0 ? fd : f->entries ? 0 : -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return -ENXIO;
    }
    const int fd = p9_reopen(f->fd, flags);
    if (fd < 0) {
        return fd;
    }
    f->file = fd;
    f->flags = flags & ~O_TRUNC;
    f->kind = P9_FID_FILE;
    return 0;
}

static int open_file(struct p9_call *c)
{
    uint32_t flags;
    struct stat st;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take32(c, &flags, &result)) {
        return result;
    }
    if (f->kind != P9_FID_PATH) {
        return -EBADF;
    }
    if (c->s->share->o.readonly && (flags & (L_ACCESS | L_TRUNC))) {
        return -EROFS;
    }
    result = p9_open_fid(c->s, f, host_flags(flags));
    result = result ? result : p9_stat(c->s->share, f->fd, &st);
    if (result) {
        return result;
    }
    p9_put_qid(c, &st);
    p9_put32(c, 0); /* as many bytes at once as a message holds */
    return 0;
}

/* The folder's fid becomes that of the new file. */
static int create_file(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    struct p9_meta m = {0};
    uint32_t flags;
    struct stat st;
    int result, opened;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_name(c, name, &result) || !p9_take32(c, &flags, &result) ||
        !p9_take32(c, &m.mode, &result) || !p9_take32(c, &m.gid, &result)) {
        return result;
    }
    if (f->kind != P9_FID_PATH) {
        return -EBADF;
    }
    m.uid = f->uid;
    m.mode = S_IFREG | (m.mode & 07777);
    result = p9_make_file(c->s->share, f->fd, name, host_flags(flags), &m, &opened);
    if (result) {
        return result;
    }
    const int fd = p9_find(c->s->share, f->fd, name);
    result = fd < 0 ? fd : p9_stat(c->s->share, fd, &st);
    if (result) {
        close(opened);
        if (fd >= 0) {
            close(fd);
        }
        return result;
    }
    p9_fid_become(f, fd);
    f->kind = P9_FID_FILE;
    f->file = opened;
    f->flags = host_flags(flags) & ~O_TRUNC;
    p9_put_qid(c, &st);
    p9_put32(c, 0);
    return 0;
}

/* ---- bytes */

static int read_bytes(struct p9_call *c)
{
    uint64_t offset;
    uint32_t count;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take64(c, &offset, &result) || !p9_take32(c, &count, &result)) {
        return result;
    }
    const size_t room = c->room > READ_HEADER ? c->room - READ_HEADER : 0;
    count = count < room ? count : (uint32_t)room;
    if (offset > INT64_MAX) {
        return -EINVAL;
    }
    ssize_t n = -1;
    if (f->kind == P9_FID_FILE) {
        n = pread(f->file, c->s->data, count < P9_MESSAGE_MAX ? count : P9_MESSAGE_MAX,
                  (off_t)offset);
        result = -errno;
    } else if (f->kind == P9_FID_ATTRIBUTE) {
        const size_t left = offset < f->size ? f->size - (size_t)offset : 0;
        n = (ssize_t)(count < left ? count : left);
        memcpy(c->s->data, f->bytes ? f->bytes + (left ? offset : 0) : c->s->data, (size_t)n);
    } else {
        result = f->kind == P9_FID_FOLDER ? -EISDIR : -EBADF;
    }
    if (n < 0) {
        return result;
    }
    p9_put32(c, (uint32_t)n);
    strbuf_bytes(c->out, c->s->data, (size_t)n);
    return 0;
}

static int collect(struct p9_fid *f, uint64_t offset, const uint8_t *bytes, size_t n)
{
    if (offset != f->filled || n > f->size - f->filled) {
        return -ENOSPC;
    }
    memcpy(f->bytes + f->filled, bytes, n);
    f->filled += n;
    return 0;
}

static int write_bytes(struct p9_call *c)
{
    uint64_t offset;
    uint32_t count;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take64(c, &offset, &result) || !p9_take32(c, &count, &result)) {
        return result;
    }
    if (count > cursor_left(&c->in) || count > P9_MESSAGE_MAX || offset > INT64_MAX) {
        return -EINVAL;
    }
    cursor_bytes(&c->in, c->s->data, count);
    ssize_t n = (ssize_t)count;
    if (f->kind == P9_FID_FILE) {
        n = pwrite(f->file, c->s->data, count, (off_t)offset);
        result = n < 0 ? -errno : 0;
    } else if (f->kind == P9_FID_NEW_ATTRIBUTE) {
        result = collect(f, offset, c->s->data, count);
    } else {
        result = -EBADF;
    }
    if (result < 0) {
        return result;
    }
    p9_put32(c, (uint32_t)n);
    return 0;
}

static int sync_file(struct p9_call *c)
{
    uint32_t data_only = 0;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f) {
        return result;
    }
    if (cursor_left(&c->in) && !p9_take32(c, &data_only, &result)) {
        return result;
    }
    const int fd = f->kind == P9_FID_FILE     ? f->file
                   : f->kind == P9_FID_FOLDER ? dirfd(f->entries)
                                              : -1;
    if (fd < 0) {
        return -EBADF;
    }
    return (data_only ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : -errno;
}

/* ---- entries of folders */

/* What the guest takes an entry for: of a mapped one its attributes say it. */
static unsigned kind_of(struct p9_call *c, const struct p9_fid *f, const struct dirent *d)
{
    struct stat st;
    if (!p9_is_mapped(c->s->share) || d->d_type == DT_DIR) {
        return d->d_type;
    }
    const int fd = p9_find(c->s->share, f->fd, d->d_name);
    const int result = fd < 0 ? fd : p9_stat(c->s->share, fd, &st);
    if (fd >= 0) {
        close(fd);
    }
    return result ? DT_UNKNOWN : IFTODT(st.st_mode);
}

static void put_entry(struct p9_call *c, const struct p9_fid *f, const struct dirent *d)
{
    const unsigned kind = kind_of(c, f, d);
    struct stat st = {.st_ino = d->d_ino, .st_mode = DTTOIF(kind)}, there;
    /* A folder's entry for another file system has the number of what is hidden below that. */
    if (c->s->share->o.devices == P9_REMAP &&
        fstatat(dirfd(f->entries), d->d_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        p9_number(c->s->share, &there)) {
        st.st_ino = there.st_ino;
    }
    p9_put_qid(c, &st);
    p9_put64(c, (uint64_t)d->d_off);
    p9_put8(c, (uint8_t)kind);
    p9_put_text(c, d->d_name);
}

static int read_folder(struct p9_call *c)
{
    uint64_t offset;
    uint32_t count, used = 0;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take64(c, &offset, &result) || !p9_take32(c, &count, &result)) {
        return result;
    }
    if (f->kind != P9_FID_FOLDER) {
        return -EBADF;
    }
    const size_t room = c->room > READ_HEADER ? c->room - READ_HEADER : 0;
    count = count < room ? count : (uint32_t)room;
    if (offset == 0) {
        rewinddir(f->entries);
    } else if (offset != f->at) {
        seekdir(f->entries, (long)offset);
    }
    f->at = offset;
    const size_t at = c->out->len;
    p9_put32(c, 0);
    for (const struct dirent *d; (d = readdir(f->entries));) {
        const size_t bytes = ENTRY_BYTES + strlen(d->d_name);
        if (p9_hides_name(c->s->share, d->d_name)) {
            f->at = (uint64_t)d->d_off;
            continue;
        }
        if (used + bytes > count) {
            seekdir(f->entries, (long)f->at);
            break;
        }
        put_entry(c, f, d);
        used += (uint32_t)bytes;
        f->at = (uint64_t)d->d_off;
    }
    memcpy(c->out->text + at,
           &(uint8_t[4]){(uint8_t)used, (uint8_t)(used >> 8), (uint8_t)(used >> 16),
                         (uint8_t)(used >> 24)},
           4);
    return 0;
}

/* ---- locks: there is one guest, whose own they are */

static int lock(struct p9_call *c)
{
    int result;
    if (!p9_take_fid(c, &result)) {
        return result;
    }
    p9_put8(c, 0);
    return 0;
}

/* Nobody else has one: what was asked about comes back as "no lock". */
static int get_lock(struct p9_call *c)
{
    char client[P9_NAME_MAX + 1];
    uint64_t start, length;
    uint32_t process;
    uint8_t type;
    int result;
    if (!p9_take_fid(c, &result)) {
        return result;
    }
    if (!cursor_u8(&c->in, &type) || !p9_take64(c, &start, &result) ||
        !p9_take64(c, &length, &result) || !p9_take32(c, &process, &result) ||
        !p9_take_text(c, client, sizeof(client), &result)) {
        return -EINVAL;
    }
    p9_put8(c, 2);
    p9_put64(c, start);
    p9_put64(c, length);
    p9_put32(c, process);
    p9_put_text(c, client);
    return 0;
}

/* ---- extended attributes */

/* The list without what the model keeps there. */
static size_t without_hidden(const struct p9_share *s, char *list, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n;) {
        const size_t length = strnlen(list + i, n - i) + 1;
        const size_t part = length < n - i ? length : n - i;
        if (!p9_hides_attribute(s, list + i)) {
            memmove(list + kept, list + i, part);
            kept += part;
        }
        i += part;
    }
    return kept;
}

static ssize_t get_attribute(const struct p9_share *s, int fd, const char *name, char *bytes)
{
    char self[P9_SELF_BYTES];
    p9_self(fd, self);
    if (!*name) {
        const ssize_t n = listxattr(self, bytes, P9_ATTRIBUTE_MAX - 1);
        if (n > 0) {
            bytes[n] = '\0';
        }
        return n < 0 ? -errno : (ssize_t)without_hidden(s, bytes, (size_t)n);
    }
    if (p9_hides_attribute(s, name)) {
        return -ENODATA;
    }
    const ssize_t n = getxattr(self, name, bytes, P9_ATTRIBUTE_MAX - 1);
    return n < 0 ? -errno : n;
}

static int walk_attribute(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    uint32_t number;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result), *made;
    if (!f || !p9_take32(c, &number, &result) || !p9_take_text(c, name, sizeof(name), &result)) {
        return result;
    }
    char *bytes = mem_alloc(P9_ATTRIBUTE_MAX);
    const ssize_t n = get_attribute(c->s->share, f->fd, name, bytes);
    const int fd = n < 0 ? -1 : fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
    result = n < 0 ? (int)n : fd < 0 ? -errno : p9_fid_add(c->s, number, fd, &made);
    if (result < 0) {
        mem_free(bytes);
        return result;
    }
    made->kind = P9_FID_ATTRIBUTE;
    made->bytes = (uint8_t *)bytes;
    made->size = (size_t)n;
    p9_put64(c, (uint64_t)n);
    return 0;
}

static int create_attribute(struct p9_call *c)
{
    char name[P9_NAME_MAX + 1];
    uint64_t size;
    uint32_t flags;
    int result;
    struct p9_fid *f = p9_take_fid(c, &result);
    if (!f || !p9_take_text(c, name, sizeof(name), &result) || !p9_take64(c, &size, &result) ||
        !p9_take32(c, &flags, &result)) {
        return result;
    }
    if (f->kind != P9_FID_PATH) {
        return -EBADF;
    }
    if (size > P9_ATTRIBUTE_MAX) {
        return -E2BIG;
    }
    if (p9_hides_attribute(c->s->share, name)) {
        return -EACCES;
    }
    f->kind = P9_FID_NEW_ATTRIBUTE;
    f->name = mem_strdup(name);
    f->bytes = mem_alloc(size + 1);
    f->size = (size_t)size;
    f->flags = (int)(flags & (XATTR_CREATE | XATTR_REPLACE));
    return 0;
}

/* One without bytes is taken away. */
int p9_set_attribute(struct p9_session *s, struct p9_fid *f)
{
    char self[P9_SELF_BYTES];
    (void)s;
    if (f->filled != f->size) {
        return -EINVAL;
    }
    p9_self(f->fd, self);
    const int result = f->size ? setxattr(self, f->name, f->bytes, f->size, f->flags)
                               : removexattr(self, f->name);
    return result == 0 ? 0 : -errno;
}

const struct p9_row p9_io_rows[] = {
    {12, false, open_file},
    {14, true, create_file},
    {116, false, read_bytes},
    {118, true, write_bytes},
    {40, false, read_folder},
    {50, false, sync_file},
    {52, false, lock},
    {54, false, get_lock},
    {30, false, walk_attribute},
    {32, true, create_attribute},
    {0},
};
