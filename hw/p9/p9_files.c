/* SPDX-License-Identifier: MIT */
/* What makes, moves and removes files of a shared folder: p9.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hw/p9/p9.h"

/* In mapped models all that is no folder is a file of this process's. */
static mode_t host_mode(const struct p9_share *s, uint32_t mode)
{
    if (!p9_is_mapped(s)) {
        return mode & 07777;
    }
    return S_ISDIR(mode) ? s->o.folder_mode : s->o.file_mode;
}

/* What was just made is the guest's, or it goes again. */
static int hand_over(struct p9_share *s, int folder, const char *name, const struct p9_meta *m)
{
    const int fd = p9_find(s, folder, name);
    const int result = fd < 0 ? fd : p9_meta_create(s, folder, name, fd, m);
    if (fd >= 0) {
        close(fd);
    }
    if (result < 0) {
        unlinkat(folder, name, S_ISDIR(m->mode) ? AT_REMOVEDIR : 0);
    }
    return result;
}

int p9_make_file(struct p9_share *s, int folder, const char *name, int flags,
                 const struct p9_meta *m, int *opened)
{
    const int fd = openat(folder, name,
                          flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                          host_mode(s, m->mode));
    if (fd < 0) {
        return -errno;
    }
    const int result = hand_over(s, folder, name, m);
    if (result < 0) {
        close(fd);
        return result;
    }
    *opened = fd;
    return 0;
}

int p9_make_folder(struct p9_share *s, int folder, const char *name, const struct p9_meta *m)
{
    return mkdirat(folder, name, host_mode(s, m->mode)) != 0 ? -errno
                                                             : hand_over(s, folder, name, m);
}

int p9_make_node(struct p9_share *s, int folder, const char *name, const struct p9_meta *m)
{
    const bool mapped = p9_is_mapped(s);
    const mode_t mode = mapped ? S_IFREG | host_mode(s, m->mode) : m->mode & (S_IFMT | 07777);
    return mknodat(folder, name, mode, mapped ? 0 : m->rdev) != 0 ? -errno
                                                                  : hand_over(s, folder, name, m);
}

int p9_make_link(struct p9_share *s, int folder, const char *name, const char *to,
                 const struct p9_meta *m)
{
    int fd;
    if (!p9_is_mapped(s)) {
        return symlinkat(to, folder, name) != 0 ? -errno : hand_over(s, folder, name, m);
    }
    const int result = p9_make_file(s, folder, name, O_WRONLY, m, &fd);
    if (result < 0) {
        return result;
    }
    const size_t n = strlen(to);
    const bool good = write(fd, to, n) == (ssize_t)n;
    close(fd);
    if (!good) {
        unlinkat(folder, name, 0);
        return -EIO;
    }
    return 0;
}

int p9_read_link(struct p9_share *s, int fd, char *text, size_t size)
{
    struct stat st;
    ssize_t n;
    int result = p9_stat(s, fd, &st);
    if (result < 0 || !S_ISLNK(st.st_mode)) {
        return result < 0 ? result : -EINVAL;
    }
    if (p9_is_mapped(s) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        const int file = p9_reopen(fd, O_RDONLY);
        n = file < 0 ? -1 : read(file, text, size - 1);
        result = file < 0 ? file : -errno;
        if (file >= 0) {
            close(file);
        }
    } else {
        n = readlinkat(fd, "", text, size - 1);
        result = -errno;
    }
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? result : (int)n;
}

int p9_link(struct p9_share *s, int fd, int folder, const char *name)
{
    char self[P9_SELF_BYTES];
    struct stat st;
    if (linkat(AT_FDCWD, p9_self(fd, self), folder, name, AT_SYMLINK_FOLLOW) != 0) {
        return -errno;
    }
    if (s->o.model != P9_MAPPED_FILE) {
        return 0;
    }
    const int result = p9_stat(s, fd, &st);
    const struct p9_meta m = {st.st_uid, st.st_gid, st.st_mode, st.st_rdev};
    return result ? result : p9_meta_create(s, folder, name, fd, &m);
}

int p9_rename(struct p9_share *s, int from, const char *name, int to, const char *new_name)
{
    if (renameat(from, name, to, new_name) != 0) {
        return -errno;
    }
    return p9_meta_move(s, from, name, to, new_name);
}

/* A folder that has nothing but metadata is empty. */
int p9_remove(struct p9_share *s, int folder, const char *name, bool is_folder)
{
    if (is_folder && s->o.model == P9_MAPPED_FILE) {
        const int inner = p9_find(s, folder, name);
        if (inner >= 0) {
            unlinkat(inner, ".virtfs_metadata", AT_REMOVEDIR);
            close(inner);
        }
    }
    if (unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0) != 0) {
        return -errno;
    }
    return p9_meta_move(s, folder, name, -1, NULL);
}
