/* SPDX-License-Identifier: MIT */
/* An open disk: opening and closing it, what is known of it, and synchronous requests. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "block/block_internal.h"
#include "block/formats.h"

static const struct block_format *const formats[] = {
#define ROW(variable) &variable,
    BLOCK_FORMATS(ROW)
#undef ROW
};

/* ---- the format */

static bool named_format(struct block *b, const char *name, struct error *e)
{
    const char *names[array_len(formats)];
    for (size_t i = 0; i < array_len(formats); i++) {
        if (strcmp(formats[i]->name, name) == 0) {
            b->format = formats[i];
            return true;
        }
        names[i] = formats[i]->name;
    }
    error_set(e, "%s: format '%s' is not supported; accepted are", b->file, name);
    for (size_t i = 0; i < array_len(formats); i++) {
        error_append(e, "%s %s", i ? "," : "", names[i]);
    }
    return false;
}

static bool found_format(struct block *b, struct error *e)
{
    uint8_t head[512] = {0};
    ssize_t n = pread(b->fd_any, head, sizeof(head), 0);
    if (n < 0) {
        return error_set(e, "%s cannot be read: %s", b->file, strerror(errno));
    }
    const char *foreign = block_probe_foreign(head, (size_t)n);
    for (size_t i = 0; i < array_len(formats); i++) {
        const struct block_format *f = formats[i];
        if (f->probe(head, (size_t)n) && !(foreign && f == &block_raw_format)) {
            b->format = f;
            return true;
        }
    }
    return error_set(e,
                     "%s is a %s image, a format that is not supported (format=raw takes its bytes "
                     "for the disk's)",
                     b->file, foreign);
}

/* ---- life */

static bool open_all(struct block *b, const struct block_options *o, struct error *e)
{
    if (!b->file) {
        return error_set(e, "the file of the disk is missing (file=)");
    }
    if (!block_mode_parse(o, &b->mode, e)) {
        return false;
    }
    if (b->mode.aio == BLOCK_AIO_URING && !block_uring_available()) {
        return error_set(e, "aio=%s: the host has no io_uring (aio=threads is accepted)", o->aio);
    }
    /* The name first: a typo is not to wait for the file. */
    if ((o->format && !named_format(b, o->format, e)) || !block_file_open(b, o, e) ||
        (!o->format && !found_format(b, e)) || !b->format->open(b, e)) {
        return false;
    }
    b->submit = b->format->submit;
    if (o->snapshot && !b->read_only) {
        return overlay_open(b, e);
    }
    return true;
}

struct block *block_open(const struct block_options *o, struct error *e)
{
    struct block *b = mem_alloc(sizeof(*b));
    b->fd = b->fd_any = -1;
    b->id = mem_strdup(o->id);
    b->file = mem_strdup(o->file);
    b->read_only = o->read_only;
    if (!open_all(b, o, e)) {
        block_close(b);
        return NULL;
    }
    return b;
}

void block_close(struct block *b)
{
    if (b) {
        overlay_close(b);
        if (b->format && b->format->close) {
            b->format->close(b);
        }
        block_file_close(b);
        mem_free(b->id);
        mem_free(b->file);
        mem_free(b);
    }
}

/* ---- what is known */

uint64_t block_size_bytes(const struct block *b)
{
    return b->size_bytes;
}

bool block_read_only(const struct block *b)
{
    return b->read_only;
}

bool block_write_cache(const struct block *b)
{
    return !b->mode.dsync;
}

bool block_can_discard(const struct block *b)
{
    return b->mode.discard && !b->read_only && !b->overlay;
}

const char *block_file(const struct block *b)
{
    return b->file;
}

const char *block_id(const struct block *b)
{
    return b->id;
}

void block_describe(const struct block *b, struct strbuf *out)
{
    strbuf_printf(out, "%s: %s (%s), %" PRIu64 " bytes%s%s, cache=%s%s\n", b->id ? b->id : "disk",
                  b->file, b->format->name, b->size_bytes, b->read_only ? ", read-only" : "",
                  b->overlay ? ", snapshot" : "",
                  b->mode.no_flush ? "unsafe"
                  : b->mode.direct ? b->mode.dsync ? "directsync" : "none"
                  : b->mode.dsync  ? "writethrough"
                                   : "writeback",
                  b->mode.discard ? ", discard=unmap" : "");
}

/* ---- synchronous requests */

static void sync_done(struct block_request *r, int status)
{
    *(int *)r->layer = status;
}

static bool sync_request(struct block *b, struct block_request *r, const char *what,
                         struct error *e)
{
    int status = -EIO;
    struct block_queue *q = block_queue_create_with(b, &block_sync_engine, 1, e);
    if (!q) {
        return false;
    }
    r->done = sync_done;
    r->layer = &status;
    block_queue_submit(q, r);
    block_queue_drain(q);
    block_queue_destroy(q);
    if (status < 0) {
        return error_set(e, "%s: %s of %" PRIu64 " bytes at %" PRIu64 " failed: %s", b->file, what,
                         r->bytes, r->offset, strerror(-status));
    }
    return true;
}

bool block_read(struct block *b, uint64_t offset, void *bytes, size_t n, struct error *e)
{
    struct iovec iov = {bytes, n};
    return sync_request(
        b,
        &(struct block_request){
            .op = BLOCK_READ, .offset = offset, .bytes = n, .iov = &iov, .iov_count = 1},
        "read", e);
}

bool block_write(struct block *b, uint64_t offset, const void *bytes, size_t n, struct error *e)
{
    struct iovec iov = {(void *)(uintptr_t)bytes, n};
    return sync_request(
        b,
        &(struct block_request){
            .op = BLOCK_WRITE, .offset = offset, .bytes = n, .iov = &iov, .iov_count = 1},
        "write", e);
}

bool block_flush(struct block *b, struct error *e)
{
    return sync_request(b, &(struct block_request){.op = BLOCK_FLUSH}, "flush", e);
}
