/* SPDX-License-Identifier: MIT */
/*
 * A pseudo-terminal for another program to open. Its slave side is kept open here: the stream then
 * lives on while nobody has opened it and between users, and the first user finds what was written
 * before it came, as far as the buffers go.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/say.h"
#include "system/stream_fd.h"

struct stream_pty {
    struct stream_fd fd; /* first */
    int slave;
    char *name;
    char *link; /* path=: stands for name; or NULL */
};

static void pty_closed(struct stream_fd *f)
{
    struct stream_pty *p = (struct stream_pty *)f;
    close(p->slave);
    if (p->link) {
        unlink(p->link);
    }
    mem_free(p->link);
    mem_free(p->name);
}

static const struct stream_fd_kind pty_fd_kind = {.closed = pty_closed};

/* Opens a pair in raw mode; -1: errno says why. */
static int open_pair(int *slave, char **name)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const char *path = master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0
                           ? ptsname(master)
                           : NULL;
    *slave = path ? open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    if (*slave < 0) {
        if (master >= 0) {
            close(master);
        }
        return -1;
    }
    struct termios t;
    tcgetattr(*slave, &t);
    cfmakeraw(&t);
    tcsetattr(*slave, TCSANOW, &t);
    *name = mem_strdup(path);
    return master;
}

static struct stream *pty_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    int slave;
    char *name;
    int master = open_pair(&slave, &name);
    if (master < 0) {
        error_set(e, "pty: cannot open a pseudo-terminal: %s", strerror(errno));
        return NULL;
    }
    if (c->path && symlink(name, c->path) < 0) {
        error_set(e, "pty: cannot make the link %s: %s", c->path, strerror(errno));
        close(master);
        close(slave);
        mem_free(name);
        return NULL;
    }
    struct stream_pty *p = mem_alloc(sizeof(*p));
    p->link = c->path ? mem_strdup(c->path) : NULL;
    p->slave = slave;
    p->name = name;
    stream_fd_init(&p->fd, &pty_fd_kind, l, name);
    stream_fd_connect(&p->fd, (struct stream_fd_ends){.in = master, .out = master, .owned = true});
    say("char device redirected to %s (label %s)", name, c->id);
    return &p->fd.stream;
}

static const struct key_row pty_rows[] = {
    {"path", KEY_TEXT, offsetof(struct chardev_config, path), "a link to it", NULL}, {0}};

const struct chardev_kind chardev_pty = {.name = "pty",
                                         .help = "a new pseudo-terminal, whose name is printed",
                                         .rows = pty_rows,
                                         .open = pty_open};
