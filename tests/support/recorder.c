/* SPDX-License-Identifier: MIT */
/* A file in memory that writes down what reaches it. */
#include "tests/support/recorder.h"

#include <errno.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "block/block_internal.h"

struct recorder *recorder_of(struct block_node *n)
{
    return n->state;
}

/* r->lock is held. */
static void make_room(struct block_node *n, uint64_t end)
{
    struct recorder *r = n->state;
    if (end > r->room) {
        size_t room = (size_t)end + (size_t)end / 2 + 65536;
        r->file = mem_realloc(r->file, room);
        memset(r->file + r->room, 0, room - r->room);
        r->room = room;
    }
    if (end > n->size_bytes) {
        atomic_set(&n->size_bytes, end);
    }
}

static void push(struct recorder *r, const struct record *what)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 256;
        r->records = mem_resize_array(r->records, r->cap, sizeof(*r->records));
    }
    r->records[r->count++] = *what;
}

/* r->lock is held. */
static void note(struct recorder *r, struct record what)
{
    what.file = r->number;
    if (r->recording && r->into) {
        os_mutex_lock(&r->into->lock);
        push(r->into, &what);
        os_mutex_unlock(&r->into->lock);
    } else if (r->recording) {
        push(r, &what);
    }
}

/* The write of [.., end). */
static int fails(struct recorder *r, uint64_t end)
{
    if (r->most && end > r->most) {
        return -EFBIG;
    }
    return r->fail_after && --r->fail_after == 0 ? r->fail_with : 0;
}

static int recorder_read(struct block_node *n, uint64_t offset, const struct iovec *iov,
                         unsigned count, uint64_t bytes)
{
    struct recorder *r = n->state;
    os_mutex_lock(&r->lock);
    uint64_t there = offset < n->size_bytes ? n->size_bytes - offset : 0;
    there = there < bytes ? there : bytes;
    block_iov_put(iov, count, 0, r->file + (there ? offset : 0), (size_t)there);
    block_iov_fill_zero(iov, count, there, bytes - there);
    os_mutex_unlock(&r->lock);
    if (r->yields) {
        os_sleep_until_ns(os_now_ns() + 1000);
    }
    return 0;
}

static int recorder_write(struct block_node *n, uint64_t offset, const struct iovec *iov,
                          unsigned count, uint64_t bytes, unsigned flags)
{
    struct recorder *r = n->state;
    os_mutex_lock(&r->lock);
    int status = fails(r, offset + bytes);
    if (status == 0) {
        make_room(n, offset + bytes);
        block_iov_get(iov, count, 0, r->file + offset, (size_t)bytes);
        note(r, (struct record){RECORD_WRITE, flags & BLOCK_FUA, offset, bytes,
                                r->recording ? mem_dup(r->file + offset, (size_t)bytes) : NULL, 0});
    }
    os_mutex_unlock(&r->lock);
    return status;
}

static int recorder_zero(struct block_node *n, uint64_t offset, uint64_t bytes, unsigned flags)
{
    struct recorder *r = n->state;
    (void)flags;
    os_mutex_lock(&r->lock);
    int status = fails(r, offset + bytes);
    if (status == 0) {
        make_room(n, offset + bytes);
        memset(r->file + offset, 0, (size_t)bytes);
        note(r, (struct record){RECORD_WRITE, false, offset, bytes, NULL, 0});
    }
    os_mutex_unlock(&r->lock);
    return status;
}

/* A file's discard is a hole. */
static int recorder_discard(struct block_node *n, uint64_t offset, uint64_t bytes)
{
    uint64_t size = block_node_size(n);
    return offset >= size
               ? 0
               : recorder_zero(n, offset, bytes < size - offset ? bytes : size - offset, 0);
}

static int recorder_flush(struct block_node *n)
{
    struct recorder *r = n->state;
    os_mutex_lock(&r->lock);
    int status = fails(r, 0);
    if (status == 0 && !r->lose_flushes) {
        note(r, (struct record){.kind = RECORD_FLUSH});
    }
    os_mutex_unlock(&r->lock);
    return status;
}

static bool recorder_resize(struct block_node *n, uint64_t bytes, enum block_prealloc how,
                            struct error *e)
{
    struct recorder *r = n->state;
    (void)how;
    if (r->most && bytes > r->most) {
        return error_set(e, "the file would be too long");
    }
    os_mutex_lock(&r->lock);
    if (bytes < n->size_bytes) {
        memset(r->file + bytes, 0, (size_t)(n->size_bytes - bytes));
    }
    make_room(n, bytes);
    atomic_set(&n->size_bytes, bytes);
    note(r, (struct record){.kind = RECORD_RESIZE, .offset = bytes});
    os_mutex_unlock(&r->lock);
    return true;
}

/* On the queue's thread, as a host file would be written by the kernel. */
static void recorder_submit(struct block_queue *q, struct block_request *r)
{
    (void)q;
    int status = r->op == BLOCK_READ
                     ? recorder_read(r->node, r->place, r->iov, r->iov_count, r->bytes)
                     : recorder_write(r->node, r->place, r->iov, r->iov_count, r->bytes, r->flags);
    block_finish(r, status);
}

static void recorder_close(struct block_node *n)
{
    struct recorder *r = n->state;
    for (size_t i = 0; i < r->count; i++) {
        mem_free(r->records[i].data);
    }
    mem_free(r->records);
    mem_free(r->file);
    os_mutex_destroy(&r->lock);
}

static const struct block_driver recorder_driver = {
    .name = "recorder",
    .desc = "memory",
    .kind = BLOCK_PROTOCOL,
    .state_bytes = sizeof(struct recorder),
    .close = recorder_close,
    .read = recorder_read,
    .write = recorder_write,
    .zero = recorder_zero,
    .discard = recorder_discard,
    .flush = recorder_flush,
    .resize = recorder_resize,
    .submit = recorder_submit,
};

struct block_node *recorder_open(struct block_graph *g, const char *name, const void *bytes,
                                 size_t length)
{
    struct block_node *n = block_node_new(g, &recorder_driver);
    struct recorder *r = n->state;
    n->name = mem_strdup(name);
    n->file_name = mem_strdup(name);
    n->mode = (struct block_mode){.write = true, .discard = true};
    n->grows = n->opened = true;
    os_mutex_init(&r->lock);
    make_room(n, length);
    if (bytes) {
        memcpy(r->file, bytes, length);
    }
    return n;
}

size_t recorder_count(struct block_node *n)
{
    struct recorder *r = n->state;
    os_mutex_lock(&r->lock);
    size_t count = r->count;
    os_mutex_unlock(&r->lock);
    return count;
}
