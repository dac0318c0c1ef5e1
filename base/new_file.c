/* SPDX-License-Identifier: MIT */
/* A file that takes its name when all of it is there: see new_file.h. */
#include "base/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define BUFFER_BYTES (1u << 20)

struct new_file {
    char *path, *temporary;
    int fd;
    int error; /* errno of the first failure; 0: none */
    unsigned char *buffer;
    size_t used;
};

static void write_out(struct new_file *f, const unsigned char *bytes, size_t n)
{
    while (n > 0 && !f->error) {
        const ssize_t done = write(f->fd, bytes, n);
        if (done < 0 && errno != EINTR) {
            f->error = errno;
        } else if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void flush(struct new_file *f)
{
    write_out(f, f->buffer, f->used);
    f->used = 0;
}

/* What the file would take the place of is none, or a file: never a device. */
static bool can_replace(const char *path, struct error *e)
{
    struct stat st;
    return lstat(path, &st) < 0 || S_ISREG(st.st_mode) ||
           error_set(e, "%s: this is there already, and no file", path);
}

/* Who may read the file that is replaced may read the new one. */
static void keep_mode(const struct new_file *f)
{
    struct stat st;
    if (lstat(f->path, &st) == 0 && S_ISREG(st.st_mode) && fchmod(f->fd, st.st_mode & 0777) < 0) {
        return; /* a file system without modes */
    }
}

struct new_file *new_file_open(const char *path, struct error *e)
{
    if (!can_replace(path, e)) {
        return NULL;
    }
    struct new_file *f = mem_alloc(sizeof(*f));
    f->path = mem_strdup(path);
    /* Beside it, under a name that does not grow with the file's, which may be as long as can be.
     */
    const char *slash = strrchr(path, '/');
    f->temporary = mem_printf("%.*s.dragoman-XXXXXX", slash ? (int)(slash + 1 - path) : 0, path);
    f->fd = mkostemp(f->temporary, O_CLOEXEC);
    if (f->fd < 0) {
        error_set(e, "%s: no file can be made beside it: %s", path, strerror(errno));
        mem_free(f->path);
        mem_free(f->temporary);
        mem_free(f);
        return NULL;
    }
    keep_mode(f);
    f->buffer = mem_alloc(BUFFER_BYTES);
    return f;
}

void new_file_put(struct new_file *f, const void *bytes, size_t n)
{
    if (n > BUFFER_BYTES - f->used) {
        flush(f);
    }
    if (n > BUFFER_BYTES) {
        write_out(f, bytes, n);
    } else if (n) {
        memcpy(f->buffer + f->used, bytes, n);
        f->used += n;
    }
}

bool new_file_failed(const struct new_file *f)
{
    return f->error != 0;
}

static void release(struct new_file *f)
{
    if (f->fd >= 0) {
        close(f->fd);
    }
    mem_free(f->path);
    mem_free(f->temporary);
    mem_free(f->buffer);
    mem_free(f);
}

void new_file_abandon(struct new_file *f)
{
    unlink(f->temporary);
    release(f);
}

/* The name is on the disk as well; a file system that cannot say so has done what it can. */
static void sync_folder(const char *path)
{
    char *copy = mem_strdup(path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    mem_free(copy);
}

static void complete(struct new_file *f)
{
    flush(f);
    if (!f->error && fsync(f->fd) < 0) {
        f->error = errno;
    }
    if (close(f->fd) < 0 && !f->error) {
        f->error = errno;
    }
    f->fd = -1;
    if (!f->error && rename(f->temporary, f->path) < 0) {
        f->error = errno;
    }
}

bool new_file_finish(struct new_file *f, struct error *e)
{
    complete(f);
    if (f->error) {
        error_set(e,
                  "%s: it cannot be written: %s; there is no new file, and an old one is as it was",
                  f->path, strerror(f->error));
        new_file_abandon(f);
        return false;
    }
    sync_folder(f->path);
    release(f);
    return true;
}
