/* SPDX-License-Identifier: MIT */
/*
 * The byte stream by which kvm-unit-tests end: what the guest writes are commands, a number and a
 * letter. "Nq" ends the emulator with status 2N + 1, so that no test that says it has succeeded is
 * mistaken for an emulator that never ran it. Nothing can be read.
 */
#include <ctype.h>

#include "base/mem.h"
#include "base/power.h"
#include "system/chardev.h"

struct stream_testdev {
    struct stream stream; /* first */
    struct power *power;
    uint32_t number; /* of the command so far */
    bool given;
};

static size_t testdev_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct stream_testdev *t = (struct stream_testdev *)s;
    for (size_t i = 0; i < n; i++) {
        if (isdigit(bytes[i])) {
            t->number = t->number * 10 + (bytes[i] - '0');
            t->given = true;
            continue;
        }
        if (bytes[i] == 'q' && t->given && t->power) {
            t->power->exit_status(t->power, (int)((t->number << 1 | 1) & 0xff));
        }
        t->number = 0;
        t->given = false;
    }
    return n;
}

static void testdev_set_reader(struct stream *s, const struct stream_reader *r)
{
    (void)s, (void)r;
}

static void testdev_more_room(struct stream *s)
{
    (void)s;
}

static void testdev_close(struct stream *s)
{
    mem_free(s);
}

static const struct stream_ops testdev_ops = {.write = testdev_write,
                                              .set_reader = testdev_set_reader,
                                              .more_room = testdev_more_room,
                                              .close = testdev_close};

static struct stream *testdev_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    (void)l, (void)e;
    struct stream_testdev *t = mem_alloc(sizeof(*t));
    *t = (struct stream_testdev){.stream = {&testdev_ops}, .power = c->power};
    return &t->stream;
}

static const struct key_row testdev_rows[] = {{0}};

const struct chardev_kind chardev_testdev = {
    .name = "testdev",
    .help = "commands of kvm-unit-tests: \"0q\" ends with status 1",
    .rows = testdev_rows,
    .open = testdev_open};
