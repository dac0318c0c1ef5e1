/* SPDX-License-Identifier: MIT */
/* Names and descriptors of a shared folder: p9.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "hw/p9/p9.h"

const char *const p9_model_names[] = {"none", "passthrough", "mapped-xattr", "mapped-file", NULL};
const char *const p9_devices_names[] = {"warn", "remap", "forbid", NULL};

bool p9_name_good(const struct p9_share *s, const char *name)
{
    return *name && strlen(name) <= P9_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && !p9_hides_name(s, name);
}

static int open_beneath(int folder, const char *path)
{
    const struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                            RESOLVE_NO_MAGICLINKS};
    const long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

int p9_find(const struct p9_share *s, int folder, const char *name)
{
    return p9_name_good(s, name) ? open_beneath(folder, name) : -ENOENT;
}

int p9_find_path(const struct p9_share *s, const char *path)
{
    return open_beneath(s->root, *path ? path : ".");
}

const char *p9_self(int fd, char *text)
{
    snprintf(text, P9_SELF_BYTES, "/proc/self/fd/%d", fd);
    return text;
}

int p9_reopen(int fd, int flags)
{
    char self[P9_SELF_BYTES];
    const int opened = open(p9_self(fd, self), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return opened < 0 ? -errno : opened;
}

/* What the host says of where fd is; NULL: nothing, or a path that is too long. */
static char *host_path(int fd)
{
    enum {
        MOST = 8192
    };
    char self[P9_SELF_BYTES], *text = mem_alloc(MOST);
    const ssize_t n = readlink(p9_self(fd, self), text, MOST - 1);
    if (n <= 0 || n == MOST - 1 || text[0] != '/') {
        mem_free(text);
        return NULL;
    }
    return text;
}

char *p9_path_of(const struct p9_share *s, int fd)
{
    struct stat a, b;
    char *top = host_path(s->root), *path = host_path(fd), *below = NULL; /* top may have moved */
    const size_t n = top && strcmp(top, "/") != 0 ? strlen(top) : 0;
    if (top && path && strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n])) {
        below = mem_strdup(path[n] ? path + n + 1 : "");
    }
    mem_free(top);
    mem_free(path);
    /* A file that was removed has a name that says so, and that another one may have. */
    const int again = below ? p9_find_path(s, below) : -1;
    const bool same = again >= 0 && fstat(again, &a) == 0 && fstat(fd, &b) == 0 &&
                      a.st_ino == b.st_ino && a.st_dev == b.st_dev;
    if (again >= 0) {
        close(again);
    }
    if (!same) {
        mem_free(below);
        return NULL;
    }
    return below;
}

int p9_parent(const struct p9_share *s, int fd, char **name)
{
    char *path = p9_path_of(s, fd);
    *name = NULL;
    if (!path || !*path) {
        mem_free(path);
        return path ? -EBUSY : -ESTALE;
    }
    char *slash = strrchr(path, '/');
    *name = mem_strdup(slash ? slash + 1 : path);
    if (slash) {
        *slash = '\0';
    }
    const int folder = p9_find_path(s, slash ? path : "");
    mem_free(path);
    if (folder < 0) {
        mem_free(*name);
        *name = NULL;
    }
    return folder;
}

/* ---- the share */

struct p9_share *p9_share_open(const struct p9_options *o, struct error *e)
{
    struct p9_share *s = mem_alloc(sizeof(*s));
    struct stat st;
    s->o = *o;
    os_mutex_init(&s->lock);
    s->root = open(o->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    s->path = s->root < 0 ? NULL : host_path(s->root);
    if (!s->path || fstat(s->root, &st) != 0) {
        error_set(e, "path: %s: %s", o->path, s->root < 0 ? strerror(errno) : "it has no name");
        p9_share_close(s);
        return NULL;
    }
    s->device = st.st_dev;
    const int probe = p9_find_path(s, "");
    if (probe < 0) {
        error_set(e, "path: %s: the host has no openat2: %s", o->path, strerror(-probe));
        p9_share_close(s);
        return NULL;
    }
    close(probe);
    return s;
}

void p9_share_close(struct p9_share *s)
{
    if (s) {
        if (s->root >= 0) {
            close(s->root);
        }
        os_mutex_destroy(&s->lock);
        mem_free(s->path);
        mem_free(s);
    }
}
