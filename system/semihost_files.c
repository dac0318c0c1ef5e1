/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: files of the host by handles of the guest. ":tt" is this process's standard input,
 * output or error, by its mode (SH_EXT_STDOUT_STDERR).
 *
 * What is no plain file is opened so that nothing waits: a pipe without its other end is an error
 * or at its end at once, and a read that finds nothing lets the vCPU sleep. Descriptors are used
 * under the lock, so that none is closed, and taken by somebody else, while another vCPU uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/semihost_internal.h"

enum {
    CHUNK = 65536
};

/* SHFB, SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR. */
static const uint8_t features[] = {0x53, 0x48, 0x46, 0x42, 0x03};

/* ---- handles: 1 and up */

unsigned semihost_new_handle(struct semihost_host *h, struct handle what)
{
    unsigned n = 1;
    os_mutex_lock(&h->lock);
    while (n < h->handle_count && h->handles[n].kind != HANDLE_FREE) {
        n++;
    }
    if (n >= h->handle_count && n < SEMIHOST_HANDLES) {
        const unsigned count = h->handle_count ? 2 * h->handle_count : 16;
        h->handles = mem_resize_array(h->handles, count, sizeof(*h->handles));
        memset(h->handles + h->handle_count, 0, (count - h->handle_count) * sizeof(*h->handles));
        h->handle_count = count;
    }
    if (n < SEMIHOST_HANDLES) {
        h->handles[n] = what;
    }
    os_mutex_unlock(&h->lock);
    return n < SEMIHOST_HANDLES ? n : 0;
}

struct handle semihost_handle(struct semihost_host *h, uint64_t number)
{
    return number < h->handle_count ? h->handles[number] : (struct handle){0};
}

static void free_handle(struct handle *f)
{
    if (f->kind == HANDLE_FILE) {
        close(f->fd);
    }
    *f = (struct handle){0};
}

void semihost_close_all(struct semihost_host *h)
{
    os_mutex_lock(&h->lock);
    for (unsigned i = 0; i < h->handle_count; i++) {
        free_handle(&h->handles[i]);
    }
    os_mutex_unlock(&h->lock);
}

/* ---- opening and closing */

/* The modes 0 to 11 are C's r, rb, r+, r+b, w, wb, w+, w+b, a, ab, a+, a+b. */
static int open_flags(uint64_t mode)
{
    static const int kinds[] = {0, O_CREAT | O_TRUNC, O_CREAT | O_APPEND};
    const int access = mode & 2 ? O_RDWR : mode < 4 ? O_RDONLY : O_WRONLY;
    return access | kinds[mode / 4] | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
}

static enum semihost_end give_handle(struct call *k, struct handle f)
{
    const unsigned n = semihost_new_handle(k->host, f);
    if (!n) {
        free_handle(&f);
        return semihost_fail(k, EMFILE);
    }
    return semihost_done(k, n);
}

static enum semihost_end open_features(struct call *k, uint64_t mode)
{
    if (mode > 1) {
        return semihost_fail(k, EACCES);
    }
    return give_handle(k, (struct handle){.kind = HANDLE_FEATURES});
}

enum semihost_end semihost_open(struct call *k)
{
    char name[SEMIHOST_NAME];
    if (!semihost_words(k, 3) || !semihost_text(k, k->words[0], k->words[2], name)) {
        return SEMIHOST_DONE;
    }
    const uint64_t mode = k->words[1];
    if (mode >= 12) {
        return semihost_fail(k, EINVAL);
    }
    if (strcmp(name, ":semihosting-features") == 0) {
        return open_features(k, mode);
    }
    if (semihost_is_remote(k->host)) {
        return semihost_remote_open(k, name, mode);
    }
    if (strcmp(name, ":tt") == 0) {
        return give_handle(k, (struct handle){.kind = HANDLE_STANDARD, .fd = (int)(mode / 4)});
    }
    const int fd = open(name, open_flags(mode), 0644);
    return fd < 0 ? semihost_fail(k, errno)
                  : give_handle(k, (struct handle){.kind = HANDLE_FILE, .fd = fd});
}

enum semihost_end semihost_close(struct call *k)
{
    struct semihost_host *h = k->host;
    if (!semihost_words(k, 1)) {
        return SEMIHOST_DONE;
    }
    os_mutex_lock(&h->lock);
    const struct handle f = semihost_handle(h, k->words[0]);
    if (f.kind != HANDLE_FREE) {
        free_handle(&h->handles[k->words[0]]);
    }
    os_mutex_unlock(&h->lock);
    if (f.kind == HANDLE_REMOTE) {
        k->words[0] = (uint64_t)f.fd;
        return semihost_remote(k);
    }
    return f.kind == HANDLE_FREE ? semihost_fail(k, EBADF) : semihost_done(k, 0);
}

/* ---- reading and writing: the result is how many bytes are left */

static enum semihost_end left_over(struct call *k, int error)
{
    if (error) {
        atomic_store(&k->host->error, error);
    }
    return semihost_done(k, k->words[2]);
}

static bool stopping(const struct semihost_host *h)
{
    return h->c.stopping && h->c.stopping(h->c.opaque);
}

/* How many bytes went through; *error: why not all. */
static uint64_t move(struct call *k, int fd, bool out, int *error)
{
    uint8_t *bytes = mem_alloc(CHUNK);
    const uint64_t all = k->words[2] < SEMIHOST_MOST ? k->words[2] : SEMIHOST_MOST;
    uint64_t done = 0;
    ssize_t got = 1;
    while (done < all && got > 0 && !(done && stopping(k->host))) {
        const uint64_t va = k->words[1] + done;
        size_t n = all - done < CHUNK ? (size_t)(all - done) : CHUNK;
        if (out) {
            n = semihost_fetch(k->c->v, va, bytes, n);
        }
        got = n ? (out ? write(fd, bytes, n) : read(fd, bytes, n)) : 0;
        *error = got < 0 ? errno : n ? 0 : EFAULT;
        if (!out && got > 0 && semihost_store(k->c->v, va, bytes, (uint64_t)got) != (uint64_t)got) {
            *error = EFAULT;
            break;
        }
        done += got > 0 ? (uint64_t)got : 0;
        if (got > 0 && (size_t)got < n) {
            break; /* the file's end, or all that is there now */
        }
    }
    mem_free(bytes);
    return done;
}

/* One of this process's standard streams, which others use too, so that it is not ours to make it
 * return at once: it is asked first. */
static enum semihost_end move_standard(struct call *k, int fd, bool out)
{
    const uint64_t left = k->words[2];
    int error = 0;
    if (left && !semihost_is_ready(fd, out ? POLLOUT : POLLIN)) {
        return semihost_wait_file(k, fd, out ? LOOP_WRITE : LOOP_READ);
    }
    if (!semihost_is_plain(fd) && left > SEMIHOST_PIECE) {
        k->words[2] = SEMIHOST_PIECE;
    }
    const uint64_t done = left ? move(k, fd, out, &error) : 0;
    k->words[2] = left;
    if (!done && error == EAGAIN) {
        return semihost_wait_file(k, fd, out ? LOOP_WRITE : LOOP_READ);
    }
    k->words[2] -= done;
    return left_over(k, done ? 0 : error);
}

static enum semihost_end move_file(struct call *k, const struct handle *f, bool out)
{
    int error = 0;
    const uint64_t done = k->words[2] ? move(k, f->fd, out, &error) : 0;
    if (!done && error == EAGAIN) {
        return SEMIHOST_AGAIN;
    }
    k->words[2] -= done;
    return left_over(k, done ? 0 : error);
}

static enum semihost_end read_features(struct call *k, struct handle *f)
{
    const uint64_t there = f->position < sizeof(features) ? sizeof(features) - f->position : 0;
    const uint64_t n = k->words[2] < there ? k->words[2] : there;
    const uint64_t done = semihost_store(k->c->v, k->words[1], features + f->position, n);
    f->position += (uint32_t)done;
    k->words[2] -= done;
    return left_over(k, done == n ? 0 : EFAULT);
}

static enum semihost_end transfer(struct call *k, bool out)
{
    struct semihost_host *h = k->host;
    if (!semihost_words(k, 3)) {
        return SEMIHOST_DONE;
    }
    os_mutex_lock(&h->lock);
    const struct handle f = semihost_handle(h, k->words[0]);
    enum semihost_end end = SEMIHOST_DONE;
    if (f.kind == HANDLE_FILE) {
        end = move_file(k, &f, out);
    } else if (f.kind == HANDLE_FEATURES && !out) {
        end = read_features(k, &h->handles[k->words[0]]);
    } else if (f.kind != HANDLE_STANDARD && f.kind != HANDLE_REMOTE) {
        end = left_over(k, EBADF);
    }
    os_mutex_unlock(&h->lock);
    if (f.kind == HANDLE_STANDARD) {
        return move_standard(k, f.fd, out);
    }
    if (f.kind == HANDLE_REMOTE) {
        k->words[0] = (uint64_t)f.fd;
        return semihost_remote(k);
    }
    return end == SEMIHOST_AGAIN ? semihost_wait_file(k, f.fd, out ? LOOP_WRITE : LOOP_READ) : end;
}

enum semihost_end semihost_write_file(struct call *k)
{
    return transfer(k, true);
}

enum semihost_end semihost_read_file(struct call *k)
{
    return transfer(k, false);
}

/* ---- about an open file */

static enum semihost_end seek_features(struct call *k, struct handle *f)
{
    if (k->words[1] > sizeof(features)) {
        return semihost_fail(k, EINVAL);
    }
    f->position = (uint32_t)k->words[1];
    return semihost_done(k, 0);
}

static enum semihost_end ask_file(struct call *k, struct handle *f)
{
    struct stat st;
    switch (k->c->op) {
    case SYS_SEEK:
        return lseek(f->fd, (off_t)k->words[1], SEEK_SET) < 0 ? semihost_fail(k, errno)
                                                              : semihost_done(k, 0);
    case SYS_FLEN:
        return fstat(f->fd, &st) < 0 ? semihost_fail(k, errno)
                                     : semihost_done(k, (uint64_t)st.st_size);
    default: /* SYS_ISTTY */
        if (isatty(f->fd)) {
            return semihost_done(k, 1);
        }
        atomic_store(&k->host->error, ENOTTY);
        return semihost_done(k, 0);
    }
}

static enum semihost_end ask_features(struct call *k, struct handle *f)
{
    switch (k->c->op) {
    case SYS_SEEK:
        return seek_features(k, f);
    case SYS_FLEN:
        return semihost_done(k, sizeof(features));
    default:
        return semihost_done(k, 0);
    }
}

/* SYS_SEEK, SYS_FLEN, SYS_ISTTY. */
static enum semihost_end ask(struct call *k, unsigned words)
{
    struct semihost_host *h = k->host;
    if (!semihost_words(k, words)) {
        return SEMIHOST_DONE;
    }
    os_mutex_lock(&h->lock);
    const struct handle f = semihost_handle(h, k->words[0]);
    enum semihost_end end = SEMIHOST_DONE;
    if (f.kind == HANDLE_FILE || f.kind == HANDLE_STANDARD) {
        end = ask_file(k, &h->handles[k->words[0]]);
    } else if (f.kind == HANDLE_FEATURES) {
        end = ask_features(k, &h->handles[k->words[0]]);
    } else if (f.kind == HANDLE_FREE) {
        end = semihost_fail(k, EBADF);
    }
    os_mutex_unlock(&h->lock);
    if (f.kind == HANDLE_REMOTE) {
        k->words[0] = (uint64_t)f.fd;
        return semihost_remote(k);
    }
    return end;
}

enum semihost_end semihost_is_tty(struct call *k)
{
    return ask(k, 1);
}

enum semihost_end semihost_seek(struct call *k)
{
    return ask(k, 2);
}

enum semihost_end semihost_length(struct call *k)
{
    return ask(k, 1);
}

/* ---- names */

enum semihost_end semihost_remove(struct call *k)
{
    char name[SEMIHOST_NAME];
    if (!semihost_words(k, 2) || !semihost_text(k, k->words[0], k->words[1], name)) {
        return SEMIHOST_DONE;
    }
    return remove(name) < 0 ? semihost_fail(k, errno) : semihost_done(k, 0);
}

enum semihost_end semihost_rename(struct call *k)
{
    char from[SEMIHOST_NAME], to[SEMIHOST_NAME];
    if (!semihost_words(k, 4) || !semihost_text(k, k->words[0], k->words[1], from) ||
        !semihost_text(k, k->words[2], k->words[3], to)) {
        return SEMIHOST_DONE;
    }
    return rename(from, to) < 0 ? semihost_fail(k, errno) : semihost_done(k, 0);
}

/* The words are a buffer, a number and the buffer's size. */
enum semihost_end semihost_temporary_name(struct call *k)
{
    const char *folder = getenv("TMPDIR");
    if (!semihost_words(k, 3)) {
        return SEMIHOST_DONE;
    }
    char *name = mem_printf("%s/dragoman-%x%02x", folder && *folder ? folder : "/tmp",
                            (unsigned)getpid(), (unsigned)k->words[1] & 0xff);
    const uint64_t n = strlen(name) + 1;
    int error = 0;
    if (k->words[2] < n) {
        error = E2BIG;
    } else if (semihost_store(k->c->v, k->words[0], name, n) != n) {
        error = EFAULT;
    }
    mem_free(name);
    return error ? semihost_fail(k, error) : semihost_done(k, 0);
}
