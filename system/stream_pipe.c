/* SPDX-License-Identifier: MIT */
/*
 * A byte stream on named pipes: PATH.in and PATH.out, as seen from the emulator's user the other
 * way round: the emulator reads PATH.in. If there are none, PATH itself is used both ways. The
 * pipes are opened for reading and writing, so that neither the absence of a peer nor its end is
 * seen as the end of the stream.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/stream_fd.h"

static const struct stream_fd_kind pipe_fd_kind = {0};

static int open_suffixed(const char *path, const char *suffix)
{
    char *name = mem_printf("%s%s", path, suffix);
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    mem_free(name);
    return fd;
}

static struct stream *pipe_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    if (!c->path) {
        error_set(e, "pipe: path= is missing");
        return NULL;
    }
    int in = open_suffixed(c->path, ".in"), out = open_suffixed(c->path, ".out");
    if (in < 0 || out < 0) {
        if (in >= 0 || out >= 0) {
            close(in >= 0 ? in : out);
        }
        in = out = open_suffixed(c->path, "");
    }
    if (in < 0) {
        error_set(e, "pipe: cannot open %s: %s (nor %s.in and %s.out; mkfifo makes pipes)", c->path,
                  strerror(errno), c->path, c->path);
        return NULL;
    }
    struct stream_fd *f = mem_alloc(sizeof(*f));
    stream_fd_init(f, &pipe_fd_kind, l, c->path);
    stream_fd_connect(f, (struct stream_fd_ends){.in = in, .out = out, .owned = true});
    return &f->stream;
}

static const struct key_row pipe_rows[] = {{"path", KEY_TEXT, offsetof(struct chardev_config, path),
                                            "PATH.in is read and PATH.out written, or PATH both",
                                            NULL},
                                           {0}};

const struct chardev_kind chardev_pipe = {
    .name = "pipe", .help = "named pipes", .rows = pipe_rows, .open = pipe_open};
