/* SPDX-License-Identifier: MIT */
/* Floppy drives: formats by the size of the medium, requests, media that change; their bus. */
#include <stdio.h>

#include "base/bits.h"
#include "base/list.h"
#include "hw/block/disk_identity.h"
#include "hw/block/fdc.h"

#define ANY UINT32_MAX

static const char *const type_names[] = {"auto", "none", "120", "144", "288", NULL};
enum {
    TYPE_AUTO,
    TYPE_NONE,
    TYPE_120,
    TYPE_144,
    TYPE_288,
};

static struct floppy *floppy_of(struct device *d)
{
    return (struct floppy *)d;
}

/* ---- formats: cylinders, heads, sectors, rate (0: 500, 1: 300, 2: 250, 3: 1000 kb/s), drive */

static const struct floppy_format formats[] = {
    {80, 2, 18, 0, FLOPPY_144}, {80, 2, 20, 0, FLOPPY_144}, {80, 2, 21, 0, FLOPPY_144},
    {82, 2, 21, 0, FLOPPY_144}, {83, 2, 21, 0, FLOPPY_144}, {80, 2, 22, 0, FLOPPY_144},
    {80, 2, 23, 0, FLOPPY_144}, {80, 2, 24, 0, FLOPPY_144}, {80, 2, 36, 3, FLOPPY_288},
    {80, 2, 39, 3, FLOPPY_288}, {80, 2, 40, 3, FLOPPY_288}, {80, 2, 44, 3, FLOPPY_288},
    {80, 2, 48, 3, FLOPPY_288}, {80, 2, 9, 2, FLOPPY_144},  {80, 2, 10, 2, FLOPPY_144},
    {82, 2, 10, 2, FLOPPY_144}, {83, 2, 10, 2, FLOPPY_144}, {80, 2, 13, 2, FLOPPY_144},
    {80, 2, 14, 2, FLOPPY_144}, {80, 2, 15, 0, FLOPPY_120}, {82, 2, 18, 0, FLOPPY_120},
    {83, 2, 18, 0, FLOPPY_120}, {40, 2, 9, 1, FLOPPY_120},  {40, 1, 9, 1, FLOPPY_120},
    {41, 2, 10, 1, FLOPPY_120}, {42, 2, 10, 1, FLOPPY_120}, {40, 2, 8, 1, FLOPPY_120},
    {40, 1, 8, 1, FLOPPY_120},  {80, 1, 9, 2, FLOPPY_144},
};

static unsigned wanted_type(const struct floppy *d)
{
    static const uint8_t types[] = {[TYPE_NONE] = FLOPPY_NONE,
                                    [TYPE_120] = FLOPPY_120,
                                    [TYPE_144] = FLOPPY_144,
                                    [TYPE_288] = FLOPPY_288};
    return d->drive_type == TYPE_AUTO ? 0xff : types[d->drive_type];
}

/* The format that has the medium's size, and goes into the drive. Without one: the drive's own. */
static void find_format(struct floppy *d)
{
    const uint64_t sectors = block_size_bytes(d->block) / FDC_SECTOR;
    const unsigned type = wanted_type(d);
    const struct floppy_format *found = NULL;
    for (size_t i = 0; i < array_len(formats) && !found; i++) {
        const struct floppy_format *f = &formats[i];
        if ((type == 0xff || f->type == type) &&
            (uint64_t)f->cylinders * f->heads * f->sectors == sectors) {
            found = f;
        }
    }
    for (size_t i = 0; i < array_len(formats) && !found; i++) {
        found = type == 0xff || formats[i].type == type ? &formats[i] : NULL;
    }
    d->format = found ? *found : (struct floppy_format){0};
}

bool floppy_is_empty(const struct floppy *d)
{
    return block_is_empty(d->block) || d->format.type == FLOPPY_NONE;
}

/* A drive without a medium has the type that the controller says. */
unsigned floppy_drive_type(const struct device *dev, unsigned n)
{
    static const uint8_t fallbacks[] = {FLOPPY_144, FLOPPY_NONE, FLOPPY_120, FLOPPY_144,
                                        FLOPPY_288};
    const struct fdc *f = (const struct fdc *)dev;
    const struct floppy *d = n < FDC_DRIVES ? f->drives.unit[n] : NULL;
    if (!d) {
        return FLOPPY_NONE;
    }
    if (wanted_type(d) != 0xff) {
        return wanted_type(d);
    }
    return block_is_empty(d->block) ? fallbacks[f->fallback] : d->format.type;
}

/* ---- requests */

static void begin_now(struct floppy *d);

/* On the drive's thread; where time is counted on the vCPU's, which has the lock. */
static void request_done(struct block_request *b, int status)
{
    struct floppy_io *io = container_of(b, struct floppy_io, b);
    struct floppy *d = container_of(io, struct floppy, io);
    const bool counted = d->disk.counted;
    if (!counted) {
        os_mutex_lock(d->fdc->dev.lock);
    }
    io->busy = false;
    if (io->stale) {
        io->stale = false;
        if (io->again) {
            begin_now(d);
        }
    } else {
        if (b->op == BLOCK_READ && status >= 0) {
            memcpy(d->fdc->data, io->bytes, FDC_SECTOR);
        }
        fdc_disk_done(d->fdc, status);
    }
    if (!counted) {
        os_mutex_unlock(d->fdc->dev.lock);
    }
}

static void run(struct disk_job *j)
{
    struct floppy_io *io = container_of(j, struct floppy_io, job);
    const struct floppy *d = container_of(io, struct floppy, io);
    block_queue_submit(d->disk.queue, &io->b);
}

static void begin_now(struct floppy *d)
{
    struct floppy_io *io = &d->io;
    io->again = false;
    io->busy = true;
    io->iov = (struct iovec){io->bytes, FDC_SECTOR};
    io->b = (struct block_request){.op = io->write ? BLOCK_WRITE : BLOCK_READ,
                                   .offset = io->sector * FDC_SECTOR,
                                   .bytes = FDC_SECTOR,
                                   .iov = &io->iov,
                                   .iov_count = 1,
                                   .done = request_done};
    if (io->write) {
        memcpy(io->bytes, d->fdc->data, FDC_SECTOR);
    }
    io->job.run = run;
    disk_thread_post(&d->disk, &io->job);
}

/* One request at a time: what a reset has left under way is waited for. */
void floppy_begin(struct floppy *d, bool write, uint64_t sector)
{
    const uint64_t sectors = block_size_bytes(d->block) / FDC_SECTOR;
    if (sector >= sectors) { /* the medium is shorter than its format */
        fdc_disk_done(d->fdc, -1);
        return;
    }
    d->io.write = write;
    d->io.sector = sector;
    d->io.again = d->io.busy;
    if (!d->io.busy) {
        begin_now(d);
    }
}

void floppy_forget(struct floppy *d)
{
    d->io.stale = d->io.busy;
    d->io.again = false;
}

static void medium_changed(void *opaque)
{
    struct floppy *d = opaque;
    os_mutex_lock(d->fdc->dev.lock);
    d->changed = true;
    find_format(d);
    os_mutex_unlock(d->fdc->dev.lock);
}

/* ---- life */

static bool open_block(struct floppy *d, struct error *e)
{
    const struct block_options empty = {.empty = true};
    if (d->drive) {
        d->block = disk_find(d->dev.machine, d->drive, true, e);
    } else {
        d->block = d->own_block = block_open(NULL, &empty, e);
    }
    return d->block;
}

static bool floppy_create(struct device *dev, struct error *e)
{
    struct floppy *d = floppy_of(dev);
    if (!open_block(d, e)) {
        error_prefix(e, "floppy: ");
        return false;
    }
    block_set_removable(d->block, true);
    if (!disk_thread_open(&d->disk, d->block, 1, dev->machine->config.counted, e)) {
        error_prefix(e, "floppy: ");
        block_close(d->own_block);
        return false;
    }
    find_format(d);
    d->changed = true;
    block_on_resize(d->block, medium_changed, d);
    return true;
}

static void floppy_destroy(struct device *dev)
{
    struct floppy *d = floppy_of(dev);
    block_on_resize(d->block, NULL, NULL);
    disk_thread_close(&d->disk);
    block_close(d->own_block);
}

static void floppy_reset(struct device *dev)
{
    struct floppy *d = floppy_of(dev);
    d->cylinder = d->head = 0;
    d->changed = true;
}

static void floppy_settle(struct device *dev)
{
    disk_thread_settle(&floppy_of(dev)->disk);
}

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct floppy, member),                   \
        .initial = initial_, .desc = desc_                                                         \
    }
static const struct prop floppy_props[] = {
    P("drive", PROP_DRIVE, drive, NULL, "id of the -drive; none: it is empty"),
    P("unit", PROP_U32, place, "auto", "0 or 1; auto is the first that is free"),
    {.name = "drive-type",
     .type = PROP_ENUM,
     .offset = offsetof(struct floppy, drive_type),
     .initial = "auto",
     .desc = "of the drive; auto: by the medium",
     .choices = type_names},
    P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),
    P("share-rw", PROP_BOOL, share_rw, "off", "accepted; the drive's locking= decides"),
    PROP_END,
};

static const struct field floppy_fields[] = {
    FIELD_KEEP(floppy, cylinder),
    FIELD_KEEP(floppy, head),
    FIELD_KEEP(floppy, changed),
    FIELD_SKIP(floppy, pad),
    FIELD_SKIP(floppy, pad2),
    FIELD_SKIP(floppy, pad3),
    FIELD_SKIP(floppy, fdc),
    FIELD_SKIP(floppy, block),
    FIELD_SKIP(floppy, own_block),
    FIELD_SKIP(floppy, disk),
    FIELD_SKIP(floppy, format),
    FIELD_SKIP(floppy, io),
    FIELD_END,
};

const struct device_class floppy_class = {
    .name = "floppy",
    .desc = "virtual floppy drive",
    .bus = BUS_FLOPPY,
    .size = sizeof(struct floppy),
    .props = floppy_props,
    .fields = floppy_fields,
    .create = floppy_create,
    .destroy = floppy_destroy,
    .reset = floppy_reset,
    .settle = floppy_settle,
    .flags = DEVICE_PLUGGABLE,
};

/* ---- the bus */

static bool bus_attach(struct bus *bus, struct device *dev, struct error *e)
{
    struct fdc *f = bus->impl;
    struct floppy *d = floppy_of(dev);
    if (d->place == ANY) {
        d->place = f->drives.unit[0] ? 1 : 0;
    }
    if (d->place >= FDC_DRIVES) {
        return error_set(e, "floppy: Can't create floppy unit %u, bus supports only %u units",
                         d->place, FDC_DRIVES);
    }
    if (f->drives.unit[d->place]) {
        return error_set(e, "floppy: Floppy unit %u is in use", d->place);
    }
    d->fdc = f;
    f->drives.unit[d->place] = d;
    return true;
}

static void bus_detach(struct bus *bus, struct device *dev)
{
    struct fdc *f = bus->impl;
    const struct floppy *d = floppy_of(dev);
    if (f->drives.unit[d->place] == d) {
        f->drives.unit[d->place] = NULL;
    }
}

static bool bus_is_full(const struct bus *bus)
{
    const struct fdc *f = bus->impl;
    return f->drives.unit[0] && f->drives.unit[1];
}

static void bus_place(const struct device *dev, char *text, size_t size)
{
    snprintf(text, size, "%u", ((const struct floppy *)dev)->place);
}

static void bus_firmware_path(const struct device *dev, struct strbuf *out)
{
    const struct floppy *d = (const struct floppy *)dev;
    const struct device *bridge = d->fdc->dev.bus->parent;
    if (bridge && bridge->bus && bridge->bus->firmware_path) {
        bridge->bus->firmware_path(bridge, out);
    }
    strbuf_printf(out, "/fdc@%04x/floppy@%x", (unsigned)d->fdc->iobase, d->place);
}

void floppy_bus_init(struct fdc *f)
{
    f->drives.bus = (struct bus){.kind = BUS_FLOPPY,
                                 .machine = f->dev.machine,
                                 .parent = &f->dev,
                                 .impl = f,
                                 .attach = bus_attach,
                                 .detach = bus_detach,
                                 .is_full = bus_is_full,
                                 .place = bus_place,
                                 .firmware_path = bus_firmware_path};
    machine_add_bus_of(&f->drives.bus, "floppy-bus");
}

void floppy_bus_fini(struct fdc *f)
{
    machine_remove_bus(f->dev.machine, &f->drives.bus);
}

struct bus *floppy_bus(struct device *d)
{
    return &((struct fdc *)d)->drives.bus;
}
