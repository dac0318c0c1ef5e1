/* SPDX-License-Identifier: MIT */
/*
 * A byte stream: terminal, pty, socket, file. A device writes to it and is handed what arrives.
 * Implemented by system/stream_<kind>.c. Callbacks run on the loop's thread; stream_write may be
 * called from any.
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct stream;

enum stream_event {
    STREAM_OPENED,
    STREAM_CLOSED,
    STREAM_BREAK
};

struct stream_reader {
    size_t (*room)(void *opaque); /* bytes that read() will take now */
    void (*read)(void *opaque, const uint8_t *bytes,
                 size_t n);                           /* n never exceeds the last room() */
    void (*event)(void *opaque, enum stream_event e); /* may be NULL */
    void *opaque;
};

struct stream_ops {
    /* Takes up to n bytes, returns how many; never blocks for long (a full peer drops or buffers,
     * as the kind says). */
    size_t (*write)(struct stream *s, const uint8_t *bytes, size_t n);
    void (*set_reader)(struct stream *s, const struct stream_reader *r); /* NULL removes it */
    void (*more_room)(
        struct stream *s);           /* the reader can take more: poll room() again; any thread */
    void (*close)(struct stream *s); /* frees the stream */
};

struct stream {
    const struct stream_ops *ops;
};

static inline size_t stream_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    return s ? s->ops->write(s, bytes, n) : n;
}

#endif
