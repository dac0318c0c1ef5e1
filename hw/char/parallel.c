/* SPDX-License-Identifier: MIT */
/*
 * The parallel port of a PC with a printer that is never busy (IBM Personal Computer Technical
 * Reference, parallel printer adapter; IEEE 1284, compatibility mode): each strobe sends the byte
 * to a character device, and is acknowledged at once. Data can be turned round, where nothing
 * comes. Not modelled: EPP and ECP.
 */
#include "base/bits.h"
#include "base/stream.h"
#include "hw/classes.h"
#include "hw/isa/isa.h"

#define PORTS 4

enum {
    DATA,
    STATUS,
    CONTROL
};

enum {
    STATUS_ONLINE = 0xdf, /* not busy, selected, no error; the lower bits are not there */
    CONTROL_STROBE = 0x01,
    CONTROL_INIT = 0x04, /* 0 resets the printer */
    CONTROL_SELECT = 0x08,
    CONTROL_INTERRUPT = 0x10,
    CONTROL_INPUT = 0x20,
    CONTROL_STORED = 0x3f,
    CONTROL_ONES = 0xc0,
    CONTROL_INITIAL = CONTROL_INIT | CONTROL_SELECT
};

struct parallel {
    struct device dev;
    char *chardev;
    struct stream *stream;
    const struct mem_range *range;
    uint32_t index, iobase, irq; /* properties */
    uint8_t data, control;       /* state */
    uint8_t pad[2];
};

static uint64_t ports_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct parallel *p = opaque;
    (void)size;
    switch (offset) {
    case DATA:
        return p->control & CONTROL_INPUT ? 0xff : p->data;
    case STATUS:
        return STATUS_ONLINE;
    case CONTROL:
        return p->control | CONTROL_ONES;
    default:
        return 0xff;
    }
}

static void strobe(const struct parallel *p)
{
    if ((p->control & CONTROL_INIT) && (p->control & CONTROL_SELECT)) {
        stream_write(p->stream, &p->data, 1);
        if (p->control & CONTROL_INTERRUPT) {
            irq_pulse(&p->dev.irq[0]); /* the end of the acknowledgement */
        }
    }
}

static void ports_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct parallel *p = opaque;
    (void)size;
    if (offset == DATA) {
        p->data = (uint8_t)value;
    } else if (offset == CONTROL) {
        const bool strobed = p->control & CONTROL_STROBE;
        p->control = value & CONTROL_STORED;
        if (!strobed && (p->control & CONTROL_STROBE)) {
            strobe(p);
        }
    }
}

static const struct mmio_ops ports_ops = {.read = ports_read, .write = ports_write, .sizes = 1};

/* ---- life */

static bool choose_place(struct parallel *p, struct error *e)
{
    static const uint16_t places[] = {0x378, 0x278, 0x3bc}; /* LPT1 to LPT3 */
    const uint32_t index = p->index == UINT32_MAX ? 0 : p->index;
    if (index >= array_len(places)) {
        return error_set(e, "index=%u: 0 to 2 are LPT1 to LPT3", index);
    }
    p->iobase = p->iobase == UINT32_MAX ? places[index] : p->iobase;
    return true;
}

static bool parallel_create(struct device *d, struct error *e)
{
    struct parallel *p = (struct parallel *)d;
    const struct machine_backends *b = &d->machine->backends;
    if (!choose_place(p, e) || !isa_connect(d, p->irq, e)) {
        return false;
    }
    if (p->chardev) {
        p->stream = b->chardev(b->opaque, p->chardev, e);
        if (!p->stream) {
            return false;
        }
    }
    return isa_map(d, p->iobase, PORTS, &ports_ops, &p->range, e);
}

static void parallel_destroy(struct device *d)
{
    isa_unmap(d, ((struct parallel *)d)->range);
}

static void parallel_reset(struct device *d)
{
    ((struct parallel *)d)->control = CONTROL_INITIAL;
}

static const struct prop parallel_props[] = {
    {"index", PROP_U32, offsetof(struct parallel, index), "auto",
     "0 to 2 are LPT1 to LPT3; says where it is if nothing else does", NULL},
    {"iobase", PROP_U32, offsetof(struct parallel, iobase), "auto", "its first port", NULL},
    {"irq", PROP_U32, offsetof(struct parallel, irq), "7", "its interrupt line", NULL},
    {"chardev", PROP_CHARDEV, offsetof(struct parallel, chardev), NULL,
     "what is printed goes there", NULL},
    PROP_END,
};

static const struct field parallel_fields[] = {
    FIELD_SKIP(parallel, stream), FIELD_SKIP(parallel, range),
    FIELD(parallel, data),        FIELD_MOST(parallel, control, CONTROL_STORED),
    FIELD_SKIP(parallel, pad),    FIELD_END,
};

const struct device_class parallel_class = {
    .name = "isa-parallel",
    .desc = "parallel port with a printer",
    .bus = BUS_ISA,
    .size = sizeof(struct parallel),
    .props = parallel_props,
    .fields = parallel_fields,
    .create = parallel_create,
    .reset = parallel_reset,
    .destroy = parallel_destroy,
    .flags = DEVICE_PLUGGABLE,
};
