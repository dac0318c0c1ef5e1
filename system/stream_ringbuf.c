/* SPDX-License-Identifier: MIT */
/*
 * A byte stream whose output is kept in memory, the latest of it, until the monitor's ringbuf_read
 * takes it; ringbuf_write is its input. Loop thread, but for the writer.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "system/chardev.h"

enum {
    SIZE_USUAL = 64 << 10,
    SIZE_MAX_BYTES = 256 << 20
};

struct stream_ringbuf {
    struct stream stream; /* first */
    struct stream_reader reader;
    struct os_mutex lock; /* guards what follows */
    uint64_t start, end;  /* counted on; bytes [start, end) are kept */
    uint32_t size;        /* a power of two */
    uint8_t *bytes;
};

static const struct stream_ops ringbuf_ops;

static struct stream_ringbuf *ringbuf_of(struct stream *s)
{
    return (struct stream_ringbuf *)s;
}

static size_t ringbuf_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct stream_ringbuf *r = ringbuf_of(s);
    os_mutex_lock(&r->lock);
    for (size_t i = 0; i < n; i++) {
        r->bytes[r->end++ & (r->size - 1)] = bytes[i];
    }
    if (r->end - r->start > r->size) {
        r->start = r->end - r->size;
    }
    os_mutex_unlock(&r->lock);
    return n;
}

static void ringbuf_set_reader(struct stream *s, const struct stream_reader *r)
{
    ringbuf_of(s)->reader = r ? *r : (struct stream_reader){0};
}

static void ringbuf_more_room(struct stream *s)
{
    (void)s; /* what the reader did not take was refused */
}

static void ringbuf_close(struct stream *s)
{
    struct stream_ringbuf *r = ringbuf_of(s);
    os_mutex_destroy(&r->lock);
    mem_free(r->bytes);
    mem_free(r);
}

static const struct stream_ops ringbuf_ops = {.write = ringbuf_write,
                                              .set_reader = ringbuf_set_reader,
                                              .more_room = ringbuf_more_room,
                                              .close = ringbuf_close};

bool stream_is_ringbuf(const struct stream *s)
{
    return s->ops == &ringbuf_ops;
}

size_t stream_ringbuf_take(struct stream *s, uint8_t *to, size_t n)
{
    struct stream_ringbuf *r = ringbuf_of(s);
    size_t count = 0;
    os_mutex_lock(&r->lock);
    while (count < n && r->start != r->end) {
        to[count++] = r->bytes[r->start++ & (r->size - 1)];
    }
    os_mutex_unlock(&r->lock);
    return count;
}

size_t stream_ringbuf_give(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct stream_ringbuf *r = ringbuf_of(s);
    const size_t room = r->reader.room ? r->reader.room(r->reader.opaque) : 0;
    n = n < room ? n : room;
    if (n) {
        r->reader.read(r->reader.opaque, bytes, n);
    }
    return n;
}

static struct stream *ringbuf_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    (void)l;
    const uint64_t size = c->size ? c->size : SIZE_USUAL;
    if (size > SIZE_MAX_BYTES || (size & (size - 1))) {
        error_set(e, "ringbuf: size=%llu: a power of two up to 256M is accepted",
                  (unsigned long long)size);
        return NULL;
    }
    struct stream_ringbuf *r = mem_alloc(sizeof(*r));
    r->stream.ops = &ringbuf_ops;
    r->size = (uint32_t)size;
    r->bytes = mem_alloc(r->size);
    os_mutex_init(&r->lock);
    return &r->stream;
}

static const struct key_row ringbuf_rows[] = {
    {"size", KEY_SIZE, offsetof(struct chardev_config, size),
     "bytes kept, a power of two (64K); the monitor's ringbuf_read takes them", NULL},
    {0}};

const struct chardev_kind chardev_ringbuf = {
    .name = "ringbuf",
    .help = "memory, which the monitor's ringbuf_read and ringbuf_write are for",
    .rows = ringbuf_rows,
    .open = ringbuf_open};
