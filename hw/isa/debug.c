/* SPDX-License-Identifier: MIT */
/*
 * Two devices for people who write operating systems. "isa-debugcon": what is written to its port
 * goes to a character device, and reading it gives a value that says it is there.
 * "isa-debug-exit": a write of v to its port ends the emulator with status 2v+1.
 */
#include "base/log.h"
#include "base/stream.h"
#include "hw/classes.h"
#include "hw/isa/isa.h"

struct debugcon {
    struct device dev;
    char *chardev;
    struct stream *stream;
    const struct mem_range *range;
    uint32_t iobase, readback; /* properties */
};

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    return ((struct debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    const uint8_t byte = (uint8_t)value;
    (void)offset, (void)size;
    stream_write(((struct debugcon *)opaque)->stream, &byte, 1);
}

static const struct mmio_ops debugcon_ops = {
    .read = debugcon_read, .write = debugcon_write, .sizes = 1};

static bool debugcon_create(struct device *d, struct error *e)
{
    struct debugcon *c = (struct debugcon *)d;
    const struct machine_backends *b = &d->machine->backends;
    if (!c->chardev) {
        return error_set(e, "isa-debugcon needs chardev=ID");
    }
    c->stream = b->chardev(b->opaque, c->chardev, e);
    return c->stream && isa_map(d, c->iobase, 1, &debugcon_ops, &c->range, e);
}

static void debugcon_destroy(struct device *d)
{
    isa_unmap(d, ((struct debugcon *)d)->range);
}

static const struct prop debugcon_props[] = {
    {"iobase", PROP_U32, offsetof(struct debugcon, iobase), "0xe9", "its port", NULL},
    {"readback", PROP_U32, offsetof(struct debugcon, readback), "0xe9", "what reading it gives",
     NULL},
    {"chardev", PROP_CHARDEV, offsetof(struct debugcon, chardev), NULL, "where the bytes go", NULL},
    PROP_END,
};

static const struct field debugcon_fields[] = {
    FIELD_SKIP(debugcon, stream),
    FIELD_SKIP(debugcon, range),
    FIELD_END,
};

const struct device_class debugcon_class = {
    .name = "isa-debugcon",
    .desc = "port whose bytes go to a character device",
    .bus = BUS_ISA,
    .size = sizeof(struct debugcon),
    .props = debugcon_props,
    .fields = debugcon_fields,
    .create = debugcon_create,
    .destroy = debugcon_destroy,
    .flags = DEVICE_PLUGGABLE,
};

/* ---- the end */

struct debug_exit {
    struct device dev;
    const struct mem_range *range;
    uint32_t iobase, iosize; /* properties */
};

static uint64_t exit_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static void exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct power *p = ((struct debug_exit *)opaque)->dev.machine->power;
    (void)offset, (void)size;
    p->exit_status(p, (int)(value << 1 & 0xff) | 1);
}

static const struct mmio_ops exit_ops = {.read = exit_read, .write = exit_write, .sizes = 7};

static bool exit_create(struct device *d, struct error *e)
{
    struct debug_exit *x = (struct debug_exit *)d;
    if (x->iosize == 0) {
        return error_set(e, "iosize=0: it has one port at least");
    }
    return isa_map(d, x->iobase, x->iosize, &exit_ops, &x->range, e);
}

static void exit_destroy(struct device *d)
{
    isa_unmap(d, ((struct debug_exit *)d)->range);
}

static const struct prop exit_props[] = {
    {"iobase", PROP_U32, offsetof(struct debug_exit, iobase), "0x501", "its first port", NULL},
    {"iosize", PROP_U32, offsetof(struct debug_exit, iosize), "2", "how many it has", NULL},
    PROP_END,
};

static const struct field exit_fields[] = {
    FIELD_SKIP(debug_exit, range),
    FIELD_END,
};

const struct device_class debug_exit_class = {
    .name = "isa-debug-exit",
    .desc = "port that ends the emulator",
    .bus = BUS_ISA,
    .size = sizeof(struct debug_exit),
    .props = exit_props,
    .fields = exit_fields,
    .create = exit_create,
    .destroy = exit_destroy,
    .flags = DEVICE_PLUGGABLE,
};
