/* SPDX-License-Identifier: MIT */
/*
 * Semihosting: which call is done where, and those that are about neither files nor the console.
 * "Semihosting for AArch32 and AArch64", release 3.0; where that leaves a choice, QEMU's.
 *
 * The guest is not trusted with anything but the host's files, which it may open as this process
 * can. Handles are numbers in a table of ours, buffers are read page by page, and a call that has
 * to wait for the host lets its vCPU sleep, so that the machine can be stopped at any time.
 */
#include "system/semihost.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fields.h"
#include "base/log.h"
#include "base/mem.h"
#include "system/semihost_internal.h"

#define TICKS_PER_SECOND 1000000000
#define APPLICATION_EXIT 0x20026 /* ADP_Stopped_ApplicationExit */

static struct semihost_host *host_of(struct semihost *s)
{
    return (struct semihost_host *)s;
}

enum semihost_end semihost_fail(struct call *k, int error)
{
    atomic_store(&k->host->error, error);
    return semihost_done(k, SEMIHOST_FAILED);
}

/* ---- time: the guest's own where that is what counts, else the host's */

static int64_t now_ns(struct semihost_host *h)
{
    return h->c.counted ? (int64_t)clock_now_ns(h->c.clock) : os_now_ns();
}

/* In hundredths of a second. */
static enum semihost_end processor_time(struct call *k)
{
    struct timespec t = {0};
    if (k->host->c.counted) {
        return semihost_done(k, clock_now_ns(k->host->c.clock) / 10000000);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return semihost_done(k, (uint64_t)t.tv_sec * 100 + (uint64_t)t.tv_nsec / 10000000);
}

static enum semihost_end elapsed(struct call *k)
{
    struct semihost_call *c = k->c;
    const uint64_t ticks = (uint64_t)(now_ns(k->host) - k->host->start_ns);
    const bool stored = c->word_bytes == 8
                            ? semihost_put_word(k, c->argument, ticks)
                            : semihost_put_word(k, c->argument, ticks & UINT32_MAX) &&
                                  semihost_put_word(k, c->argument + 4, ticks >> 32);
    return stored ? semihost_done(k, 0) : semihost_fail(k, EFAULT);
}

/* ---- the guest's circumstances */

/* The block's words are a buffer and its size; the second becomes the text's length. */
static enum semihost_end command_line(struct call *k)
{
    const char *text = k->host->c.arguments ? k->host->c.arguments : "";
    const uint64_t n = strlen(text) + 1;
    if (!semihost_words(k, 2)) {
        return SEMIHOST_DONE;
    }
    if (k->words[1] < n) {
        return semihost_fail(k, E2BIG);
    }
    if (semihost_store(k->c->v, k->words[0], text, n) != n ||
        !semihost_put_word(k, k->c->argument + k->c->word_bytes, n - 1)) {
        return semihost_fail(k, EFAULT);
    }
    return semihost_done(k, 0);
}

/* Heap and stack share what is free: one grows up, the other down. */
static enum semihost_end heap_info(struct call *k)
{
    uint64_t low = 0, high = 0;
    if (!semihost_words(k, 1)) {
        return SEMIHOST_DONE;
    }
    if (k->host->c.heap) {
        k->host->c.heap(k->host->c.opaque, &low, &high);
    }
    const uint64_t words[4] = {low, high, high, low};
    for (unsigned i = 0; i < 4; i++) {
        if (!semihost_put_word(k, k->words[0] + i * k->c->word_bytes, words[i])) {
            return semihost_fail(k, EFAULT);
        }
    }
    return semihost_done(k, 0);
}

/* With words of 32 bits the reason is no block, and there is no status. */
static enum semihost_end end_machine(struct call *k)
{
    struct power *p = k->host->c.power;
    int status = 1;
    if (k->c->op == SYS_EXIT && k->c->word_bytes == 4) {
        status = k->c->argument != APPLICATION_EXIT;
    } else if (!semihost_words(k, 2)) {
        return SEMIHOST_DONE;
    } else if (k->words[0] == APPLICATION_EXIT) {
        status = (int)(k->words[1] & 0xff);
    }
    p->exit_status(p, status);
    k->c->result = 0;
    return SEMIHOST_OFF;
}

/* ---- which call */

/* 0x100 to 0x1ff are for users to define. */
static enum semihost_end unknown(struct call *k)
{
    log_unimp("semihosting", "call 0x%x: there is no such", k->c->op);
    return semihost_fail(k, ENOSYS);
}

/* What a debugger may do. */
static enum semihost_end file_call(struct call *k)
{
    switch (k->c->op) {
    case SYS_OPEN:
        return semihost_open(k);
    case SYS_CLOSE:
        return semihost_close(k);
    case SYS_WRITE:
        return semihost_write_file(k);
    case SYS_READ:
        return semihost_read_file(k);
    case SYS_ISTTY:
        return semihost_is_tty(k);
    case SYS_SEEK:
        return semihost_seek(k);
    case SYS_FLEN:
        return semihost_length(k);
    case SYS_REMOVE:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_remove(k);
    case SYS_RENAME:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_rename(k);
    case SYS_SYSTEM:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_system(k);
    case SYS_WRITEC:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_write_char(k);
    case SYS_WRITE0:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_write_text(k);
    case SYS_READC:
        return semihost_is_remote(k->host) ? semihost_remote(k) : semihost_read_char(k);
    default:
        return unknown(k);
    }
}

static enum semihost_end call(struct semihost *s, struct semihost_call *c)
{
    struct call k = {.host = host_of(s), .c = c};
    switch (c->op) {
    case SYS_ISERROR:
        return semihost_words(&k, 1) ? semihost_done(&k, k.words[0] >> (8 * c->word_bytes - 1) & 1)
                                     : SEMIHOST_DONE;
    case SYS_TMPNAM:
        return semihost_temporary_name(&k);
    case SYS_CLOCK:
        return processor_time(&k);
    case SYS_TIME:
        return semihost_done(&k, k.host->c.counted
                                     ? (uint64_t)k.host->c.time_base_s +
                                           clock_now_ns(k.host->c.clock) / TICKS_PER_SECOND
                                     : (uint64_t)time(NULL));
    case SYS_ERRNO:
        return semihost_done(&k, (uint64_t)atomic_load(&k.host->error));
    case SYS_GET_CMDLINE:
        return command_line(&k);
    case SYS_HEAPINFO:
        return heap_info(&k);
    case SYS_EXIT:
    case SYS_EXIT_EXTENDED:
        return end_machine(&k);
    case SYS_ELAPSED:
        return elapsed(&k);
    case SYS_TICKFREQ:
        return semihost_done(&k, TICKS_PER_SECOND);
    default:
        return file_call(&k);
    }
}

/* ---- life */

struct semihost *semihost_create(const struct semihost_config *c)
{
    struct semihost_host *h = mem_alloc(sizeof(*h));
    h->base.call = call;
    h->c = *c;
    h->where = c->where;
    os_mutex_init(&h->lock);
    h->start_ns = now_ns(h);
    semihost_waits_begin(h);
    semihost_later_begin(h);
    semihost_console_begin(h);
    return &h->base;
}

void semihost_destroy(struct semihost *s)
{
    struct semihost_host *h = host_of(s);
    if (!h) {
        return;
    }
    semihost_waits_end(h);
    semihost_later_end(h);
    semihost_close_all(h);
    mem_free(h->handles);
    os_mutex_destroy(&h->lock);
    mem_free(h);
}

void semihost_stop(struct semihost *s)
{
    if (s) {
        host_of(s)->stopped = true;
    }
}

void semihost_reset(struct semihost *s)
{
    if (s) {
        semihost_close_all(host_of(s));
    }
}

/* ---- state */

static bool is_kept(const struct handle *f)
{
    return f->kind == HANDLE_STANDARD || f->kind == HANDLE_FEATURES || f->kind == HANDLE_FREE;
}

bool semihost_is_idle(struct semihost *s, struct error *e)
{
    struct semihost_host *h = host_of(s);
    for (unsigned i = 0; h && i < h->c.vcpu_count; i++) {
        if (atomic_load(&h->later[i].used)) {
            return error_set(e, "CPU %u waits for the host to end a semihosting call", i);
        }
    }
    return true;
}

bool semihost_can_save(struct semihost *s, struct error *e)
{
    struct semihost_host *h = host_of(s);
    unsigned open = 0;
    for (unsigned i = 0; h && i < h->handle_count; i++) {
        open += !is_kept(&h->handles[i]);
    }
    return semihost_is_idle(s, e) &&
           (!open ||
            error_set(e,
                      "the guest has %u file%s of the host open by semihosting, of which a "
                      "state cannot know what is in them",
                      open, open == 1 ? "" : "s"));
}

void semihost_write(void *s, struct strbuf *out)
{
    const struct semihost_host *h = s;
    fields_put_u32(out, (uint32_t)atomic_load(&((struct semihost_host *)s)->error));
    fields_put_u64(out, (uint64_t)(now_ns(s) - h->start_ns));
    fields_put_u32(out, h->handle_count);
    for (unsigned i = 0; i < h->handle_count; i++) {
        fields_put_u32(out, h->handles[i].kind);
        fields_put_u32(out, (uint32_t)h->handles[i].fd);
        fields_put_u32(out, h->handles[i].position);
    }
}

static bool read_handle(struct cursor *c, struct handle *f)
{
    uint32_t kind, fd;
    if (!cursor_le32(c, &kind) || !cursor_le32(c, &fd) || !cursor_le32(c, &f->position) || fd > 2) {
        return false;
    }
    f->kind = (enum handle_kind)kind;
    f->fd = (int)fd;
    return kind <= HANDLE_FEATURES && is_kept(f);
}

static void wake(void *opaque)
{
    const struct semihost_host *h = opaque;
    if (!h->stopped) {
        semihost_wake_all(opaque);
    }
}

bool semihost_read(void *s, struct cursor *c, unsigned version, bool store, struct error *e)
{
    struct semihost_host *h = s;
    uint32_t error, count;
    uint64_t elapsed_ns;
    (void)version;
    if (!cursor_le32(c, &error) || !cursor_le64(c, &elapsed_ns) || elapsed_ns > INT64_MAX / 2 ||
        !cursor_le32(c, &count) || count > SEMIHOST_HANDLES) {
        return error_set(e, "it has no handles of semihosting");
    }
    struct handle *handles = mem_array(count, sizeof(*handles));
    bool good = true;
    for (uint32_t i = 0; i < count && good; i++) {
        good = read_handle(c, &handles[i]);
    }
    if (!good || !store) {
        mem_free(handles);
        return good || error_set(e, "a handle of semihosting is of no kind that is kept");
    }
    semihost_close_all(h);
    mem_free(h->handles);
    h->handles = handles;
    h->handle_count = count;
    atomic_store(&h->error, (int)error);
    h->start_ns = now_ns(h) - (int64_t)elapsed_ns;
    loop_post(h->c.loop, wake, h); /* who waited then waits again */
    return true;
}
