/* SPDX-License-Identifier: MIT */
/*
 * A serial line of the host, or another character device: -chardev serial, -serial /dev/NAME. A
 * terminal line is put into raw mode and back at the end; its speed stays as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/stream_fd.h"

struct stream_serial {
    struct stream_fd fd; /* first */
    int line;            /* of its own, for the settings; -1: no terminal line */
    struct termios before;
};

static void serial_closed(struct stream_fd *f)
{
    struct stream_serial *s = (struct stream_serial *)f;
    if (s->line >= 0) {
        tcsetattr(s->line, TCSANOW, &s->before);
        close(s->line);
    }
}

static const struct stream_fd_kind serial_fd_kind = {.closed = serial_closed};

static void set_raw(struct stream_serial *s, int fd)
{
    s->line = -1;
    if (tcgetattr(fd, &s->before) == 0) {
        struct termios raw = s->before;
        cfmakeraw(&raw);
        raw.c_cflag |= CLOCAL | CREAD;
        tcsetattr(fd, TCSANOW, &raw);
        s->line = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
}

static struct stream *serial_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    struct stat st;
    if (!c->path) {
        error_set(e, "serial: path= is missing");
        return NULL;
    }
    const int fd = open(c->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        error_set(e, "serial: cannot open %s: %s", c->path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)) {
        error_set(e, "serial: %s is no character device; a file is -serial file:PATH", c->path);
        close(fd);
        return NULL;
    }
    struct stream_serial *s = mem_alloc(sizeof(*s));
    set_raw(s, fd);
    stream_fd_init(&s->fd, &serial_fd_kind, l, c->path);
    stream_fd_connect(&s->fd, (struct stream_fd_ends){.in = fd, .out = fd, .owned = true});
    return &s->fd.stream;
}

static const struct key_row serial_rows[] = {
    {"path", KEY_TEXT, offsetof(struct chardev_config, path), "device of the host", NULL}, {0}};

const struct chardev_kind chardev_serial = {.name = "serial",
                                            .help = "a serial line of the host",
                                            .rows = serial_rows,
                                            .open = serial_open};
