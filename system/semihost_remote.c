/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: calls that gdb does on its host. GDB manual, "File-I/O Remote Protocol Extension": a
 * request names buffers of the guest by their addresses, and gdb reads and writes them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "system/semihost_internal.h"

enum {
    STAT_BYTES = 64, /* of struct stat in that protocol, big-endian */
    STAT_SIZE = 28   /* where st_size is in it */
};

bool semihost_is_remote(struct semihost_host *h)
{
    int where = atomic_load(&h->where);
    if (where == SEMIHOST_AUTO) {
        const bool debugged = h->c.debugged && h->c.debugged(h->c.opaque);
        const int found = debugged ? SEMIHOST_GDB : SEMIHOST_NATIVE;
        where = atomic_compare_exchange_strong(&h->where, &where, found) ? found : where;
    }
    return where == SEMIHOST_GDB;
}

/* ---- results; loop's thread, and the machine is stopped */

static int host_error(int theirs)
{
    switch (theirs) {
    case 91:
        return ENAMETOOLONG;
    case 9999:
        return EIO;
    default:
        return theirs; /* the others are numbered alike */
    }
}

/* Guest memory while the machine stands. */
static bool look_at(struct vcpu *v, uint64_t va, uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        paddr pa;
        if (!v->cls->debug_translate(v, va + i, &pa) || !vcpu_space(v, pa) ||
            !space_read(vcpu_space(v, pa), vcpu_plain_address(pa), bytes + i, 1)) {
            return false;
        }
    }
    return true;
}

static uint64_t file_size(const struct semihost_later *l)
{
    uint8_t bytes[8];
    uint64_t size = 0;
    if (!look_at(l->v, l->buffer + STAT_SIZE, bytes, sizeof(bytes))) {
        return SEMIHOST_FAILED;
    }
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        size = size << 8 | bytes[i];
    }
    return size;
}

static uint64_t new_handle(struct semihost_host *h, int64_t fd)
{
    const unsigned n = semihost_new_handle(
        h, (struct handle){.kind = HANDLE_REMOTE, .fd = (int)(uint32_t)fd});
    if (!n) {
        atomic_store(&h->error, EMFILE);
    }
    return n ? n : SEMIHOST_FAILED;
}

/* What the guest gets for gdb's answer. */
static uint64_t result_of(struct semihost_later *l, int64_t got, bool failed)
{
    uint8_t c = 0;
    switch (l->op) {
    case SYS_OPEN:
        return failed ? SEMIHOST_FAILED : new_handle(l->host, got);
    case SYS_READ:
    case SYS_WRITE:
        return failed || got < 0 || (uint64_t)got > l->words[2] ? l->words[2]
                                                                : l->words[2] - (uint64_t)got;
    case SYS_READC:
        return !failed && got == 1 && look_at(l->v, l->buffer, &c, 1) ? c : SEMIHOST_FAILED;
    case SYS_FLEN:
        return failed ? SEMIHOST_FAILED : file_size(l);
    case SYS_ISTTY:
        return failed ? 0 : (uint64_t)got;
    case SYS_SYSTEM:
        return failed ? SEMIHOST_FAILED : (uint64_t)got;
    default:
        return failed ? SEMIHOST_FAILED : 0;
    }
}

static void answered(void *opaque, int64_t result, int error)
{
    struct semihost_later *l = opaque;
    if (error) {
        atomic_store(&l->host->error, host_error(error));
    }
    semihost_finish_later(l, result_of(l, result, error || result < 0));
}

/* ---- requests */

static void ask(void *opaque)
{
    struct semihost_later *l = opaque;
    if (l->host->stopped) {
        return;
    }
    l->host->c.ask(l->host->c.opaque, &l->request);
}

static enum semihost_end refuse(struct call *k)
{
    log_guest("semihosting", "gdb is to do it, and none is connected");
    semihost_fail(k, EIO);
    if (k->c->op == SYS_READ || k->c->op == SYS_WRITE) {
        k->c->result = k->words[2];
    }
    return SEMIHOST_DONE;
}

static enum semihost_end send(struct call *k, const char *text, uint64_t buffer)
{
    struct semihost_host *h = k->host;
    struct semihost_later *l = h->c.ask && h->c.loop && h->c.debugged && h->c.debugged(h->c.opaque)
                                   ? semihost_begin_later(k)
                                   : NULL;
    if (!l) {
        return refuse(k);
    }
    l->buffer = buffer;
    l->request = (struct semihost_request){.v = k->c->v, .done = answered, .opaque = l};
    snprintf(l->request.text, sizeof(l->request.text), "%s", text);
    loop_post(h->c.loop, ask, l);
    return SEMIHOST_LATER;
}

#define NUMBER(v) (unsigned long long)(v)

enum semihost_end semihost_remote_open(struct call *k, const char *name, uint64_t mode)
{
    enum {
        CREATE = 0x200,
        TRUNCATE = 0x400,
        APPEND = 8
    };
    static const unsigned kinds[] = {0, CREATE | TRUNCATE, CREATE | APPEND};
    if (strcmp(name, ":tt") == 0) {
        const unsigned n = semihost_new_handle(
            k->host, (struct handle){.kind = HANDLE_REMOTE, .fd = (int)(mode / 4)});
        return n ? semihost_done(k, n) : semihost_fail(k, EMFILE);
    }
    char text[200];
    const unsigned access = mode & 2 ? 2 : mode >= 4;
    snprintf(text, sizeof(text), "open,%llx/%llx,%x,%x", NUMBER(k->words[0]),
             NUMBER(k->words[2] + 1), access | kinds[mode / 4], 0644);
    return send(k, text, 0);
}

/* The whole of a name or command that words n and n + 1 are about. */
static bool is_text(struct call *k, unsigned n)
{
    char name[SEMIHOST_NAME];
    return semihost_text(k, k->words[n], k->words[n + 1], name);
}

static enum semihost_end remote_name(struct call *k, const char *what)
{
    char text[200];
    if (!semihost_words(k, 2) || !is_text(k, 0)) {
        return SEMIHOST_DONE;
    }
    snprintf(text, sizeof(text), "%s,%llx/%llx", what, NUMBER(k->words[0]),
             NUMBER(k->words[1] + 1));
    return send(k, text, 0);
}

static enum semihost_end remote_rename(struct call *k)
{
    char text[200];
    if (!semihost_words(k, 4) || !is_text(k, 0) || !is_text(k, 2)) {
        return SEMIHOST_DONE;
    }
    snprintf(text, sizeof(text), "rename,%llx/%llx,%llx/%llx", NUMBER(k->words[0]),
             NUMBER(k->words[1] + 1), NUMBER(k->words[2]), NUMBER(k->words[3] + 1));
    return send(k, text, 0);
}

/* Bytes to gdb's console. */
static enum semihost_end remote_print(struct call *k, uint64_t n)
{
    char text[200];
    snprintf(text, sizeof(text), "write,1,%llx,%llx", NUMBER(k->c->argument), NUMBER(n));
    return n ? send(k, text, 0) : semihost_done(k, 0);
}

static enum semihost_end remote_print_text(struct call *k)
{
    enum {
        MOST = 1 << 20
    };
    uint64_t n = 0;
    char c = 1;
    while (n < MOST && semihost_fetch(k->c->v, k->c->argument + n, &c, 1) && c) {
        n++;
    }
    return remote_print(k, n);
}

/* Of an open file; words[0] is gdb's number. */
static enum semihost_end remote_file(struct call *k)
{
    char text[200];
    uint64_t buffer = 0;
    const unsigned fd = (unsigned)k->words[0];
    switch (k->c->op) {
    case SYS_CLOSE:
        if (fd <= 2) {
            return semihost_done(k, 0); /* gdb's own */
        }
        snprintf(text, sizeof(text), "close,%x", fd);
        break;
    case SYS_READ:
    case SYS_WRITE:
        snprintf(text, sizeof(text), "%s,%x,%llx,%llx", k->c->op == SYS_READ ? "read" : "write", fd,
                 NUMBER(k->words[1]), NUMBER(k->words[2]));
        break;
    case SYS_SEEK:
        snprintf(text, sizeof(text), "lseek,%x,%llx,0", fd, NUMBER(k->words[1]));
        break;
    case SYS_FLEN:
        buffer = (k->c->stack - STAT_BYTES) & ~15ull;
        snprintf(text, sizeof(text), "fstat,%x,%llx", fd, NUMBER(buffer));
        break;
    default: /* SYS_ISTTY */
        snprintf(text, sizeof(text), "isatty,%x", fd);
    }
    return send(k, text, buffer);
}

enum semihost_end semihost_remote(struct call *k)
{
    char text[200];
    switch (k->c->op) {
    case SYS_REMOVE:
        return remote_name(k, "unlink");
    case SYS_SYSTEM:
        return remote_name(k, "system");
    case SYS_RENAME:
        return remote_rename(k);
    case SYS_WRITEC:
        return remote_print(k, 1);
    case SYS_WRITE0:
        return remote_print_text(k);
    case SYS_READC:
        snprintf(text, sizeof(text), "read,0,%llx,1", NUMBER(k->c->stack - 1));
        return send(k, text, k->c->stack - 1);
    default:
        return remote_file(k);
    }
}
