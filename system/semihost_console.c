/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: the console of SYS_WRITEC, SYS_WRITE0 and SYS_READC: the back end that
 * -semihosting-config chardev= names, or standard error, from which nothing can be read.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "system/semihost_internal.h"

enum {
    TEXT_MOST = 1 << 20, /* bytes that one SYS_WRITE0 writes */
    PATIENCE_MS = 50     /* between looks at whether the machine is to stop */
};

bool semihost_is_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 0) != 0; /* an error is found by who reads or writes */
}

bool semihost_is_plain(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Waits for a reader that is slow, but not when the machine is to stop: false. */
static bool wait_for_room(const struct semihost_host *h)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (poll(&p, 1, PATIENCE_MS) == 0) {
        if (h->c.stopping && h->c.stopping(h->c.opaque)) {
            return false;
        }
    }
    return true;
}

/* What nobody takes is lost. */
static void write_console(const struct semihost_host *h, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t piece = n < SEMIHOST_PIECE ? n : SEMIHOST_PIECE;
        if (h->c.console) {
            piece = stream_write(h->c.console, (const uint8_t *)bytes, piece);
        } else {
            const ssize_t got = wait_for_room(h) ? write(STDERR_FILENO, bytes, piece) : 0;
            piece = got > 0 ? (size_t)got : 0;
        }
        if (!piece) {
            return;
        }
        bytes += piece;
        n -= piece;
    }
}

enum semihost_end semihost_write_char(struct call *k)
{
    char c;
    if (!semihost_fetch(k->c->v, k->c->argument, &c, 1)) {
        return semihost_fail(k, EFAULT);
    }
    write_console(k->host, &c, 1);
    return semihost_done(k, k->c->result); /* the register is left as it was */
}

/* Up to its zero, or up to where no memory is. */
enum semihost_end semihost_write_text(struct call *k)
{
    char text[512];
    uint64_t piece;
    for (uint64_t at = 0; at < TEXT_MOST; at += piece) {
        const uint64_t va = k->c->argument + at;
        const uint64_t left = GUEST_PAGE_SIZE - (va & (GUEST_PAGE_SIZE - 1));
        piece = left < sizeof(text) ? left : sizeof(text); /* the next page may be a device */
        if (semihost_fetch(k->c->v, va, text, piece) != piece) {
            return semihost_fail(k, EFAULT);
        }
        const uint64_t n = strnlen(text, piece);
        write_console(k->host, text, n);
        if (n < piece) {
            break;
        }
    }
    return semihost_done(k, k->c->result);
}

enum semihost_end semihost_read_char(struct call *k)
{
    struct semihost_host *h = k->host;
    if (!h->c.console) {
        log_guest("semihosting", "SYS_READC waits for input, and -semihosting-config names no "
                                 "chardev=");
    }
    os_mutex_lock(&h->lock);
    if (!h->input_count) {
        const enum semihost_end end = semihost_wait_input(k);
        os_mutex_unlock(&h->lock);
        return end;
    }
    const uint8_t c = h->input[h->input_from];
    h->input_from = (h->input_from + 1) % SEMIHOST_INPUT;
    h->input_count--;
    os_mutex_unlock(&h->lock);
    h->c.console->ops->more_room(h->c.console);
    return semihost_done(k, c);
}

/* ---- what arrives; loop's thread */

static size_t room(void *opaque)
{
    struct semihost_host *h = opaque;
    os_mutex_lock(&h->lock);
    const size_t n = SEMIHOST_INPUT - h->input_count;
    os_mutex_unlock(&h->lock);
    return n;
}

static void arrive(void *opaque, const uint8_t *bytes, size_t n)
{
    struct semihost_host *h = opaque;
    os_mutex_lock(&h->lock);
    for (size_t i = 0; i < n && h->input_count < SEMIHOST_INPUT; i++) {
        h->input[(h->input_from + h->input_count++) % SEMIHOST_INPUT] = bytes[i];
    }
    semihost_wake_readers(h);
    os_mutex_unlock(&h->lock);
}

void semihost_console_begin(struct semihost_host *h)
{
    if (h->c.console) {
        h->c.console->ops->set_reader(
            h->c.console, &(struct stream_reader){.room = room, .read = arrive, .opaque = h});
    }
}
