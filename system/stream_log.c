/* SPDX-License-Identifier: MIT */
/* A byte stream whose output is written to a file as well: logfile= of any -chardev. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"

struct stream_log {
    struct stream stream; /* first */
    struct stream *under;
    int fd;
};

static struct stream_log *log_of(struct stream *s)
{
    return (struct stream_log *)s;
}

/* What the stream took. The file is opened for appending, so pieces of several threads do not mix.
 */
static size_t log_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct stream_log *l = log_of(s);
    const size_t taken = stream_write(l->under, bytes, n);
    for (size_t done = 0; done < taken;) {
        const ssize_t got = write(l->fd, bytes + done, taken - done);
        if (got <= 0) {
            break; /* the disk is full: the line goes on without its log */
        }
        done += (size_t)got;
    }
    return taken;
}

static void log_set_reader(struct stream *s, const struct stream_reader *r)
{
    log_of(s)->under->ops->set_reader(log_of(s)->under, r);
}

static void log_more_room(struct stream *s)
{
    log_of(s)->under->ops->more_room(log_of(s)->under);
}

static void log_close(struct stream *s)
{
    struct stream_log *l = log_of(s);
    l->under->ops->close(l->under);
    close(l->fd);
    mem_free(l);
}

static const struct stream_ops log_ops = {.write = log_write,
                                          .set_reader = log_set_reader,
                                          .more_room = log_more_room,
                                          .close = log_close};

struct stream *stream_log_open(struct stream *under, const char *path, bool append, struct error *e)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (append ? 0 : O_TRUNC),
                        0666);
    if (fd < 0) {
        error_set(e, "logfile: cannot write %s: %s", path, strerror(errno));
        return NULL;
    }
    struct stream_log *l = mem_alloc(sizeof(*l));
    *l = (struct stream_log){{&log_ops}, under, fd};
    return &l->stream;
}
