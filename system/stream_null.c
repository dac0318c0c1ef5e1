/* SPDX-License-Identifier: MIT */
/* The byte stream that takes everything and gives nothing. */
#include "base/mem.h"
#include "system/chardev.h"

static size_t null_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    (void)s;
    (void)bytes;
    return n;
}

static void null_set_reader(struct stream *s, const struct stream_reader *r)
{
    (void)s;
    (void)r;
}

static void null_more_room(struct stream *s)
{
    (void)s;
}

static void null_close(struct stream *s)
{
    mem_free(s);
}

static const struct stream_ops null_ops = {
    .write = null_write,
    .set_reader = null_set_reader,
    .more_room = null_more_room,
    .close = null_close,
};

static struct stream *null_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    (void)c;
    (void)l;
    (void)e;
    struct stream *s = mem_alloc(sizeof(*s));
    s->ops = &null_ops;
    return s;
}

static const struct key_row null_rows[] = {{0}};

const struct chardev_kind chardev_null = {
    .name = "null", .help = "nothing: output is dropped", .rows = null_rows, .open = null_open};
