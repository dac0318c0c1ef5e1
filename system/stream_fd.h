/* SPDX-License-Identifier: MIT */
/*
 * What all byte streams on file descriptors share: reading into a reader that says how much it
 * takes, and writing from any thread through a bounded buffer. The kinds (terminal, file, pipe,
 * pty, socket) embed a struct stream_fd, connect and disconnect descriptors, and are told when a
 * peer is lost.
 */
#ifndef SYSTEM_STREAM_FD_H
#define SYSTEM_STREAM_FD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "base/os.h"
#include "base/stream.h"

struct stream_fd;

struct stream_fd_kind {
    /* In place of read(2) and write(2); NULL: these. */
    ssize_t (*read)(struct stream_fd *f, int fd, uint8_t *bytes, size_t n);
    ssize_t (*write)(int fd, const uint8_t *bytes, size_t n);
    /* Something was read and not handed on, for want of room: read takes it. NULL: never. */
    bool (*held)(struct stream_fd *f);
    /* The peer closed or broke the connection, which still stands. NULL: the input has ended,
     * output goes on. */
    void (*lost)(struct stream_fd *f);
    /* Frees what the kind owns beside the descriptors, which are already disconnected; NULL:
     * nothing. */
    void (*closed)(struct stream_fd *f);
};

struct stream_fd {
    struct stream stream; /* first */
    const struct stream_fd_kind *kind;
    struct loop *loop;
    const char *name; /* for messages; owned by the chardev */

    /* Loop thread. */
    struct stream_reader reader;
    bool has_reader;
    bool told_open; /* the reader knows that the stream is open */
    bool closing;
    struct loop_watch *in, *out;

    _Atomic bool starved;  /* the reader had no room; more_room must wake the loop */
    _Atomic unsigned refs; /* the stream itself, and posted work that names it */

    struct os_mutex lock; /* guards what follows */
    int in_fd, out_fd;    /* -1: not connected */
    bool may_block;       /* the descriptors are shared with others and left in blocking mode */
    bool owned;           /* close the descriptors at disconnect */
    bool failed;          /* writing failed; said once */
    bool patient;         /* the last wait for room was rewarded */
    uint8_t *pending;     /* bytes not yet written: [pending_start, pending_end) */
    unsigned pending_start, pending_end;
};

/* Sets up f, whose memory is the kind's (mem_alloc), unconnected. */
void stream_fd_init(struct stream_fd *f, const struct stream_fd_kind *kind, struct loop *l,
                    const char *name);

struct stream_fd_ends {
    int in, out;    /* descriptors, the same one allowed; -1: that way is closed */
    bool may_block; /* they are shared with other processes: not switched to non-blocking mode */
    bool owned;     /* closed at disconnect */
};

/* Loop thread. Starts to use the descriptors and tells the reader that the stream is open. */
void stream_fd_connect(struct stream_fd *f, struct stream_fd_ends ends);

/* Loop thread. Drops what is unwritten and tells the reader; nothing happens when not connected. */
void stream_fd_disconnect(struct stream_fd *f);

bool stream_fd_connected(struct stream_fd *f);

/* Loop thread. Tells the reader of an event. */
void stream_fd_event(struct stream_fd *f, enum stream_event e);

/* Waits at most timeout_ms until all is written. */
void stream_fd_drain(struct stream_fd *f, int timeout_ms);

#endif
