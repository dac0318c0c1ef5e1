/* SPDX-License-Identifier: MIT */
/*
 * Byte streams on file descriptors: see stream_fd.h.
 *
 * Reading. The loop watches the input while there is a reader with room. Without room the watch
 * pauses and `starved` is set; the reader's owner calls more_room() from its thread, which posts a
 * resumption. The flag is set before room() is asked again, so that room made in between is not
 * missed.
 *
 * Writing. While nothing is pending, a write goes straight to the descriptor on the caller's
 * thread. What the descriptor does not take is kept in a buffer that the loop writes out. When the
 * buffer is full the writer waits a little for the peer: a slow peer loses nothing, a dead one
 * costs a vCPU one wait, after which bytes are dropped until the peer takes some again.
 *
 * Descriptors that other processes share (standard input and output) stay in blocking mode, for the
 * mode would be everybody's; they are asked by poll() and written in pieces that a ready pipe or
 * terminal takes whole.
 */
#include "system/stream_fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/say.h"

enum {
    PENDING_MAX = 1 << 20,
    READ_MAX = 4096,
    BLOCKING_PIECE = 256, /* a terminal that poll() calls writable takes at least this */
    PATIENCE_MS = 1000
};

static void unref(struct stream_fd *f)
{
    if (--f->refs) {
        return;
    }
    os_mutex_destroy(&f->lock);
    mem_free(f->pending);
    mem_free(f);
}

/* Runs fn(f) on the loop, with f kept alive until then. */
static void post(struct stream_fd *f, loop_fn fn)
{
    f->refs++;
    loop_post(f->loop, fn, f);
}

/* ---- writing */

static bool writable_now(const struct stream_fd *f, int timeout_ms)
{
    struct pollfd p = {.fd = f->out_fd, .events = POLLOUT};
    return poll(&p, 1, timeout_ms) > 0;
}

/* Writes without blocking; returns how many were taken, -1 for an error that is not "later". Under
 * the lock. */
static ssize_t write_some(const struct stream_fd *f, const uint8_t *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t piece = n - done;
        if (f->may_block) {
            if (!writable_now(f, 0)) {
                break;
            }
            piece = piece < BLOCKING_PIECE ? piece : BLOCKING_PIECE;
        }
        ssize_t got = f->kind->write ? f->kind->write(f->out_fd, bytes + done, piece)
                                     : write(f->out_fd, bytes + done, piece);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno == EAGAIN || done ? (ssize_t)done : -1;
        }
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* The output is broken: what is pending is lost. A broken connection is noticed by the reading
 * side. */
static void output_failed(struct stream_fd *f)
{
    f->pending_start = f->pending_end = 0;
    if (!f->failed && !f->kind->lost) {
        say_warning("%s: cannot write: %s", f->name, strerror(errno));
    }
    f->failed = true;
}

static void flush_pending(struct stream_fd *f)
{
    if (f->pending_start == f->pending_end || f->out_fd < 0) {
        return;
    }
    ssize_t n = write_some(f, f->pending + f->pending_start, f->pending_end - f->pending_start);
    if (n < 0) {
        output_failed(f);
        return;
    }
    f->pending_start += (unsigned)n;
    f->patient |= n > 0;
    if (f->pending_start == f->pending_end) {
        f->pending_start = f->pending_end = 0;
    }
}

static void on_writable(void *opaque, unsigned events)
{
    struct stream_fd *f = opaque;
    (void)events;
    /* A writer that waits for room holds the lock, and writes what is pending itself. */
    if (!os_mutex_trylock(&f->lock)) {
        return;
    }
    flush_pending(f);
    bool done = f->pending_start == f->pending_end;
    os_mutex_unlock(&f->lock);
    if (done) {
        loop_watch_events(f->out, 0);
    }
}

static void watch_output(void *opaque)
{
    struct stream_fd *f = opaque;
    if (f->out && !f->closing) {
        loop_watch_events(f->out, LOOP_WRITE);
    }
    unref(f);
}

/* Keeps what fits of bytes; under the lock. */
static size_t keep(struct stream_fd *f, const uint8_t *bytes, size_t n)
{
    unsigned held = f->pending_end - f->pending_start;
    if (n > PENDING_MAX - held) {
        n = PENDING_MAX - held;
    }
    if (!n) {
        return 0;
    }
    if (!f->pending) {
        f->pending = mem_alloc(PENDING_MAX);
    }
    if (f->pending_end + n > PENDING_MAX) {
        memmove(f->pending, f->pending + f->pending_start, held);
        f->pending_start = 0;
        f->pending_end = held;
    }
    memcpy(f->pending + f->pending_end, bytes, n);
    f->pending_end += (unsigned)n;
    if (!held) {
        post(f, watch_output);
    }
    return n;
}

static size_t fd_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct stream_fd *f = (struct stream_fd *)s;
    size_t done = 0;
    os_mutex_lock(&f->lock);
    if (f->out_fd < 0 || f->failed) {
        done = n; /* nobody listens */
    } else if (f->pending_start == f->pending_end) {
        ssize_t got = write_some(f, bytes, n);
        if (got < 0) {
            output_failed(f);
            got = (ssize_t)n;
        }
        done = (size_t)got;
    }
    done += keep(f, bytes + done, n - done);
    while (done < n && f->out_fd >= 0 && !f->failed) {
        if (!writable_now(f, f->patient ? PATIENCE_MS : 0)) {
            f->patient = false;
            break;
        }
        flush_pending(f);
        done += keep(f, bytes + done, n - done);
    }
    os_mutex_unlock(&f->lock);
    return done;
}

void stream_fd_drain(struct stream_fd *f, int timeout_ms)
{
    os_mutex_lock(&f->lock);
    while (f->out_fd >= 0 && f->pending_start != f->pending_end && writable_now(f, timeout_ms)) {
        flush_pending(f);
    }
    os_mutex_unlock(&f->lock);
}

/* ---- reading */

static size_t reader_room(struct stream_fd *f)
{
    return f->has_reader ? f->reader.room(f->reader.opaque) : 0;
}

static ssize_t read_some(struct stream_fd *f, uint8_t *bytes, size_t n)
{
    return f->kind->read ? f->kind->read(f, f->in_fd, bytes, n) : read(f->in_fd, bytes, n);
}

/* Hands on what is held as far as the reader takes it. */
static void give_held(struct stream_fd *f)
{
    uint8_t bytes[READ_MAX];
    size_t room;
    while (f->kind->held && f->kind->held(f) && (room = reader_room(f)) > 0) {
        const ssize_t n = read_some(f, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
        f->reader.read(f->reader.opaque, bytes, (size_t)n);
    }
}

/* The input watch follows what the reader can take. */
static void update_input(struct stream_fd *f)
{
    if (!f->in) {
        return;
    }
    give_held(f);
    bool room = reader_room(f) > 0;
    if (!room) {
        f->starved = true;
        room = reader_room(f) > 0;
    }
    if (room) {
        f->starved = false;
    }
    loop_watch_events(f->in, room ? LOOP_READ : 0);
}

static void input_ended(struct stream_fd *f)
{
    if (f->kind->lost) {
        f->kind->lost(f);
        return;
    }
    loop_unwatch(f->in);
    f->in = NULL;
}

static void on_readable(void *opaque, unsigned events)
{
    struct stream_fd *f = opaque;
    uint8_t bytes[READ_MAX];
    (void)events;
    size_t room = reader_room(f);
    if (room) {
        ssize_t n = read_some(f, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
        if (n > 0) {
            f->reader.read(f->reader.opaque, bytes, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            input_ended(f);
            return;
        }
    }
    update_input(f);
}

static void resume_input(void *opaque)
{
    struct stream_fd *f = opaque;
    if (!f->closing) {
        update_input(f);
    }
    unref(f);
}

static void fd_more_room(struct stream *s)
{
    struct stream_fd *f = (struct stream_fd *)s;
    bool yes = true;
    if (atomic_compare_exchange_strong(&f->starved, &yes, false)) {
        post(f, resume_input);
    }
}

void stream_fd_event(struct stream_fd *f, enum stream_event e)
{
    if (e != STREAM_BREAK) {
        bool open = e == STREAM_OPENED;
        if (f->told_open == open) {
            return;
        }
        f->told_open = open;
    }
    if (f->has_reader && f->reader.event) {
        f->reader.event(f->reader.opaque, e);
    }
}

/* A new reader learns by the loop that the stream is open, when whoever set it has returned. */
static void greet_reader(void *opaque)
{
    struct stream_fd *f = opaque;
    if (!f->closing && stream_fd_connected(f)) {
        stream_fd_event(f, STREAM_OPENED);
        update_input(f);
    }
    unref(f);
}

static void fd_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct stream_fd *f = (struct stream_fd *)s;
    f->has_reader = r != NULL;
    f->told_open = false;
    if (r) {
        f->reader = *r;
        post(f, greet_reader);
    } else if (f->in) {
        loop_watch_events(f->in, 0);
    }
}

/* ---- connecting */

static void set_nonblocking(int fd)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
}

bool stream_fd_connected(struct stream_fd *f)
{
    os_mutex_lock(&f->lock);
    bool yes = f->in_fd >= 0 || f->out_fd >= 0;
    os_mutex_unlock(&f->lock);
    return yes;
}

void stream_fd_connect(struct stream_fd *f, struct stream_fd_ends ends)
{
    assert(!stream_fd_connected(f));
    if (!ends.may_block) {
        set_nonblocking(ends.in);
        set_nonblocking(ends.out);
    }
    os_mutex_lock(&f->lock);
    f->in_fd = ends.in;
    /* One descriptor for both ways needs two, since the loop watches each way by itself. */
    f->out_fd = ends.out >= 0 && ends.out == ends.in ? fcntl(ends.in, F_DUPFD_CLOEXEC, 3)
                                                     : ends.out;
    f->may_block = ends.may_block;
    f->owned = ends.owned;
    f->failed = false;
    f->patient = true;
    f->pending_start = f->pending_end = 0;
    os_mutex_unlock(&f->lock);
    if (f->out_fd >= 0) {
        f->out = loop_watch(f->loop, f->out_fd, 0, on_writable, f);
    }
    if (f->in_fd >= 0) {
        f->in = loop_watch(f->loop, f->in_fd, 0, on_readable, f);
    }
    stream_fd_event(f, STREAM_OPENED);
    update_input(f);
}

void stream_fd_disconnect(struct stream_fd *f)
{
    if (!stream_fd_connected(f)) {
        return;
    }
    loop_unwatch(f->in);
    loop_unwatch(f->out);
    f->in = f->out = NULL;
    os_mutex_lock(&f->lock);
    int in = f->in_fd, out = f->out_fd;
    f->in_fd = f->out_fd = -1;
    os_mutex_unlock(&f->lock);
    if (f->owned) {
        if (in >= 0) {
            close(in);
        }
        if (out >= 0) {
            close(out);
        }
    }
    stream_fd_event(f, STREAM_CLOSED);
}

static void fd_close(struct stream *s)
{
    struct stream_fd *f = (struct stream_fd *)s;
    f->has_reader = false;
    f->closing = true;
    stream_fd_drain(f, PATIENCE_MS);
    stream_fd_disconnect(f);
    if (f->kind->closed) {
        f->kind->closed(f);
    }
    unref(f);
}

static const struct stream_ops fd_ops = {
    .write = fd_write,
    .set_reader = fd_set_reader,
    .more_room = fd_more_room,
    .close = fd_close,
};

void stream_fd_init(struct stream_fd *f, const struct stream_fd_kind *kind, struct loop *l,
                    const char *name)
{
    f->stream.ops = &fd_ops;
    f->kind = kind;
    f->loop = l;
    f->name = name;
    f->refs = 1;
    f->in_fd = f->out_fd = -1;
    os_mutex_init(&f->lock);
}
