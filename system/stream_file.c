/* SPDX-License-Identifier: MIT */
/* A byte stream into a file, and perhaps out of another: -chardev file. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/stream_fd.h"

static const struct stream_fd_kind file_fd_kind = {0};

static struct stream *file_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    if (!c->path) {
        error_set(e, "file: path= is missing");
        return NULL;
    }
    int in = -1;
    if (c->input_path) {
        in = open(c->input_path, O_RDONLY | O_CLOEXEC);
        if (in < 0) {
            error_set(e, "file: cannot read %s: %s", c->input_path, strerror(errno));
            return NULL;
        }
    }
    int out = open(c->path, O_WRONLY | O_CREAT | O_CLOEXEC | (c->append ? O_APPEND : O_TRUNC),
                   0666);
    if (out < 0) {
        error_set(e, "file: cannot write %s: %s", c->path, strerror(errno));
        if (in >= 0) {
            close(in);
        }
        return NULL;
    }
    struct stream_fd *f = mem_alloc(sizeof(*f));
    stream_fd_init(f, &file_fd_kind, l, c->path);
    stream_fd_connect(f, (struct stream_fd_ends){.in = in, .out = out, .owned = true});
    return &f->stream;
}

static const struct key_row file_rows[] = {
    {"path", KEY_TEXT, offsetof(struct chardev_config, path), "file to write", NULL},
    {"append", KEY_BOOL, offsetof(struct chardev_config, append), "keep what it holds (off)", NULL},
    {"input-path", KEY_TEXT, offsetof(struct chardev_config, input_path), "file to read", NULL},
    {0}};

const struct chardev_kind chardev_file = {
    .name = "file", .help = "a file", .rows = file_rows, .open = file_open};
