/* SPDX-License-Identifier: MIT */
/*
 * Standard input and output as a byte stream. A terminal is put into raw mode, so that every key
 * reaches the guest, and given back when the stream closes or the process ends in any way.
 */
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/stream_fd.h"
#include "system/terminal.h"

static bool in_use;

static void stdio_closed(struct stream_fd *f)
{
    (void)f;
    terminal_restore();
    in_use = false;
}

static const struct stream_fd_kind stdio_fd_kind = {.closed = stdio_closed};

/* Whether fd was closed when the program started, or can only be used the other way. */
static bool is_closed(int fd, int opposite)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_ACCMODE) == opposite;
}

static struct stream *stdio_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    if (in_use) {
        error_set(
            e, "stdio: standard input and output have a user already; mux=on lets several share");
        return NULL;
    }
    const bool no_input = is_closed(STDIN_FILENO, O_WRONLY);
    if (no_input || is_closed(STDOUT_FILENO, O_RDONLY)) {
        error_set(e, "stdio: standard %s is closed", no_input ? "input" : "output");
        return NULL;
    }
    in_use = true;
    terminal_raw(STDIN_FILENO, c->keep_signals);
    struct stream_fd *f = mem_alloc(sizeof(*f));
    stream_fd_init(f, &stdio_fd_kind, l, "stdio");
    stream_fd_connect(
        f, (struct stream_fd_ends){.in = STDIN_FILENO, .out = STDOUT_FILENO, .may_block = true});
    return &f->stream;
}

static const struct key_row stdio_rows[] = {
    {"signal", KEY_BOOL, offsetof(struct chardev_config, keep_signals),
     "ctrl-c, ctrl-\\ and ctrl-z act on the emulator (on)", NULL},
    {0}};

const struct chardev_kind chardev_stdio = {
    .name = "stdio", .help = "standard input and output", .rows = stdio_rows, .open = stdio_open};
