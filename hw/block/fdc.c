/* SPDX-License-Identifier: MIT */
/* The floppy disk controller: registers (82078 data sheet, 2), properties and life. */
#include "hw/block/fdc.h"

#include "base/bits.h"
#include "hw/isa/isa.h"

enum {
    PORT_SRA = 0,
    PORT_SRB = 1,
    PORT_DOR = 2,
    PORT_TDR = 3,
    PORT_MSR = 4, /* DSR */
    PORT_FIFO = 5,
    PORTS_LOW = 6,
    PORT_DIR = 7, /* CCR */

    DOR_SELECT = 3,
    DOR_RUNS = 1 << 2, /* not reset */
    DOR_DMA = 1 << 3,
    DSR_RESET = 1 << 7,
    RATE = 3,

    MSR_BUSY = 1 << 4,
    MSR_BYTES = 1 << 5, /* data goes through the FIFO */
    MSR_TO_HOST = 1 << 6,
    MSR_READY = 1 << 7,

    DIR_CHANGED = 1 << 7,
    NO_DMA = 1 << 0,     /* of SPECIFY */
    NO_POLLING = 1 << 4, /* of CONFIGURE */
    CONFIG_RESET = 0x20, /* no FIFO */
};

static const char *const fallback_names[] = {"auto", "none", "120", "144", "288", NULL};

static struct fdc *of(struct device *d)
{
    return (struct fdc *)d;
}

struct floppy *fdc_selected(const struct fdc *f)
{
    const unsigned n = f->dor & DOR_SELECT;
    return n < FDC_DRIVES ? f->drives.unit[n] : NULL;
}

void fdc_interrupt(struct fdc *f, bool level)
{
    f->interrupt = level;
    irq_set(&f->dev.irq[0], level && (f->dor & DOR_DMA));
}

bool fdc_uses_dma(const struct fdc *f)
{
    return f->dma && !(f->head_load & NO_DMA);
}

void fdc_put_result(struct fdc *f, unsigned n, bool interrupt)
{
    f->results = (uint8_t)n;
    f->result_at = 0;
    f->count = 0;
    f->phase = n ? FDC_RESULT : FDC_COMMAND;
    if (interrupt) {
        fdc_interrupt(f, true);
    }
}

/* ---- resets */

static void begin_reset(struct fdc *f)
{
    f->phase = FDC_COMMAND;
    f->count = f->results = f->result_at = 0;
    f->seek_waits = 0;
    f->is_due = f->again = false;
    if (f->timer) {
        clock_timer_cancel(f->timer);
    }
    if (!f->locked) {
        f->config = CONFIG_RESET;
        f->precompensation = 0;
    }
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        if (f->drives.unit[n]) {
            floppy_forget(f->drives.unit[n]);
        }
    }
    fdc_interrupt(f, false);
}

/* The drives are polled: all four have become ready (7.4). */
static void end_reset(struct fdc *f)
{
    for (unsigned n = 0; n < 4; n++) {
        f->seek_status[n] = (uint8_t)(FDC_ST0_READY_CHANGED | n);
    }
    f->seek_waits = f->config & NO_POLLING ? 0 : 0xf;
    fdc_interrupt(f, f->seek_waits);
}

/* ---- registers */

static uint8_t main_status(const struct fdc *f)
{
    if (!(f->dor & DOR_RUNS)) {
        return 0;
    }
    switch (f->phase) {
    case FDC_COMMAND:
        return MSR_READY | (f->count ? MSR_BUSY : 0);
    case FDC_RESULT:
        return MSR_READY | MSR_TO_HOST | MSR_BUSY;
    case FDC_DATA:
        if (fdc_uses_dma(f)) {
            return MSR_BUSY;
        }
        return MSR_READY | MSR_BYTES | MSR_BUSY | ((f->command[0] & 0x1f) == 6 ? MSR_TO_HOST : 0);
    default:
        return MSR_BUSY;
    }
}

static uint8_t read_fifo(struct fdc *f)
{
    uint8_t value = 0;
    if (f->phase == FDC_RESULT) {
        fdc_interrupt(f, f->result_at ? f->interrupt : false);
        value = f->result[f->result_at++];
        if (f->result_at == f->results) {
            f->phase = FDC_COMMAND;
            fdc_interrupt(f, false);
        }
    } else if (f->phase == FDC_DATA && (main_status(f) & MSR_TO_HOST)) {
        fdc_interrupt(f, false);
        value = f->data[f->at++];
        fdc_move(f);
    }
    return value;
}

static void write_fifo(struct fdc *f, uint8_t value)
{
    if (!(f->dor & DOR_RUNS)) {
        return;
    }
    if (f->phase == FDC_COMMAND) {
        f->command[f->count++] = value;
        if (f->count == fdc_command_bytes(f->command[0])) {
            f->count = 0;
            fdc_execute(f);
        }
    } else if (f->phase == FDC_DATA && (main_status(f) & (MSR_BYTES | MSR_TO_HOST)) == MSR_BYTES) {
        fdc_interrupt(f, false);
        f->data[f->at++] = value;
        fdc_move(f);
    }
}

static void write_dor(struct fdc *f, uint8_t value)
{
    const bool was = f->dor & DOR_RUNS, is = value & DOR_RUNS;
    f->dor = value;
    fdc_interrupt(f, f->interrupt);
    if (was && !is) {
        begin_reset(f);
    } else if (!was && is) {
        end_reset(f);
    }
}

static void write_dsr(struct fdc *f, uint8_t value)
{
    f->dsr_rate = value & RATE;
    if ((value & DSR_RESET) && (f->dor & DOR_RUNS)) {
        begin_reset(f);
        end_reset(f);
    }
}

static uint8_t directory(const struct fdc *f)
{
    const struct floppy *d = fdc_selected(f);
    return !d || d->changed || floppy_is_empty(d) ? DIR_CHANGED : 0;
}

static uint64_t fdc_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fdc *f = opaque;
    (void)size;
    switch (offset) {
    case PORT_DOR:
        return f->dor;
    case PORT_TDR:
        return f->tdr;
    case PORT_MSR:
        return main_status(f);
    case PORT_FIFO:
        return read_fifo(f);
    default: /* status registers A and B are those of a PS/2 */
        return 0xff;
    }
}

static void fdc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fdc *f = opaque;
    (void)size;
    switch (offset) {
    case PORT_DOR:
        write_dor(f, (uint8_t)value);
        break;
    case PORT_TDR:
        f->tdr = value & 3;
        break;
    case PORT_MSR:
        write_dsr(f, (uint8_t)value);
        break;
    case PORT_FIFO:
        write_fifo(f, (uint8_t)value);
        break;
    }
}

static uint64_t high_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    return directory(opaque);
}

static void high_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct fdc *f = opaque;
    (void)offset, (void)size;
    f->dsr_rate = value & RATE;
}

static const struct mmio_ops low_ops = {.read = fdc_read, .write = fdc_write, .sizes = 1};
static const struct mmio_ops high_ops = {.read = high_read, .write = high_write, .sizes = 1};

/* ---- life */

static void timer_due(void *opaque)
{
    struct fdc *f = opaque;
    os_mutex_lock(f->dev.lock);
    if (f->is_due) {
        fdc_disk_due(f);
    }
    os_mutex_unlock(f->dev.lock);
}

static void ready(void *opaque)
{
    struct fdc *f = opaque;
    if (fdc_uses_dma(f)) {
        fdc_move(f);
    }
}

static bool connect(struct fdc *f, struct error *e)
{
    const struct isa_dma_client client = {ready, f};
    struct device *d = &f->dev;
    if (!isa_connect(d, f->irq, e) || !isa_map(d, f->iobase, PORTS_LOW, &low_ops, &f->low, e)) {
        return false;
    }
    if (!isa_map(d, f->iobase + PORT_DIR, 1, &high_ops, &f->high, e)) {
        isa_unmap(d, f->low);
        return false;
    }
    f->dma = isa_dma_of(d);
    if (f->dma && !isa_dma_attach(f->dma, f->channel, &client, e)) {
        isa_unmap(d, f->low);
        isa_unmap(d, f->high);
        return false;
    }
    return true;
}

static bool fdc_create(struct device *d, struct error *e)
{
    struct fdc *f = of(d);
    if (!connect(f, e)) {
        error_prefix(e, "isa-fdc: ");
        return false;
    }
    if (d->machine->config.counted) {
        f->timer = clock_timer_create(d->clock, timer_due, f);
    }
    floppy_bus_init(f);
    return true;
}

static void fdc_destroy(struct device *d)
{
    struct fdc *f = of(d);
    if (f->dma) {
        isa_dma_detach(f->dma, f->channel);
    }
    isa_unmap(d, f->low);
    isa_unmap(d, f->high);
    floppy_bus_fini(f);
    if (f->timer) {
        clock_timer_destroy(f->timer);
    }
}

static void fdc_reset(struct device *d)
{
    struct fdc *f = of(d);
    f->locked = false;
    f->dor = DOR_DMA | DOR_RUNS; /* as QEMU's: firmware finds it at work */
    f->dsr_rate = 2;
    f->tdr = f->step_rate = f->head_load = f->perpendicular = 0;
    begin_reset(f);
}

static bool fdc_check(struct device *d, struct error *e)
{
    const struct fdc *f = of(d);
    const bool good = f->count < sizeof(f->command) && f->results <= sizeof(f->result) &&
                      f->result_at <= f->results &&
                      (f->phase != FDC_RESULT || f->result_at < f->results) &&
                      (f->count == 0 || f->count < fdc_command_bytes(f->command[0])) &&
                      (!f->is_due || f->timer);
    return good ? fdc_command_check(f, e) : error_set(e, "its bytes are none that it can have");
}

static void fdc_loaded(struct device *d)
{
    struct fdc *f = of(d);
    f->again = f->phase == FDC_DISK && !f->is_due;
    for (unsigned n = 0; n < FDC_DRIVES; n++) {
        if (f->drives.unit[n]) {
            floppy_forget(f->drives.unit[n]);
        }
    }
    fdc_interrupt(f, f->interrupt);
}

static void fdc_resume(struct device *d)
{
    struct fdc *f = of(d);
    os_mutex_lock(d->lock);
    if (f->again) {
        f->again = false;
        fdc_disk_again(f);
    }
    os_mutex_unlock(d->lock);
}

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct fdc, member), .initial = initial_, \
        .desc = desc_                                                                              \
    }
static const struct prop fdc_props[] = {
    P("iobase", PROP_U64, iobase, "0x3f0", "the first of its eight ports"),
    P("irq", PROP_U32, irq, "6", "line of the ISA bus"),
    P("dma", PROP_U32, channel, "2", "DMA channel"),
    P("check_media_rate", PROP_BOOL, check_rate, "on",
      "a medium is read only at the rate that it is for"),
    {.name = "fallback",
     .type = PROP_ENUM,
     .offset = offsetof(struct fdc, fallback),
     .initial = "288",
     .desc = "type of a drive that has had no medium",
     .choices = fallback_names},
    PROP_END,
};

static const struct field fdc_fields[] = {
    FIELD_KEEP(fdc, dor),
    FIELD_KEEP(fdc, dsr_rate),
    FIELD_KEEP(fdc, tdr),
    FIELD_KEEP_MOST(fdc, phase, FDC_RESULT),
    FIELD_KEEP(fdc, command),
    FIELD_KEEP(fdc, count),
    FIELD_KEEP(fdc, result),
    FIELD_KEEP(fdc, results),
    FIELD_KEEP(fdc, result_at),
    FIELD_KEEP(fdc, step_rate),
    FIELD_KEEP(fdc, head_load),
    FIELD_KEEP(fdc, config),
    FIELD_KEEP(fdc, precompensation),
    FIELD_KEEP(fdc, perpendicular),
    FIELD_KEEP(fdc, locked),
    FIELD_KEEP(fdc, interrupt),
    FIELD_KEEP(fdc, is_due),
    FIELD_KEEP(fdc, seek_status),
    FIELD_KEEP_MOST(fdc, seek_waits, 0xf),
    FIELD_KEEP(fdc, c),
    FIELD_KEEP(fdc, h),
    FIELD_KEEP(fdc, r),
    FIELD_KEEP(fdc, n),
    FIELD_KEEP(fdc, eot),
    FIELD_KEEP(fdc, data),
    FIELD_KEEP(fdc, at),
    FIELD_KEEP(fdc, left),
    FIELD_KEEP(fdc, terminal),
    FIELD_KEEP(fdc, io_status),
    FIELD_DUE(fdc, timer),
    FIELD_SKIP(fdc, pad),
    FIELD_SKIP(fdc, pad2),
    FIELD_SKIP(fdc, low),
    FIELD_SKIP(fdc, high),
    FIELD_SKIP(fdc, dma),
    FIELD_SKIP(fdc, drives),
    FIELD_SKIP(fdc, again),
    FIELD_SKIP(fdc, pad3),
    FIELD_SKIP(fdc, pad4),
    FIELD_END,
};

const struct device_class isa_fdc_class = {
    .name = "isa-fdc",
    .desc = "virtual floppy controller",
    .bus = BUS_ISA,
    .size = sizeof(struct fdc),
    .props = fdc_props,
    .fields = fdc_fields,
    .create = fdc_create,
    .reset = fdc_reset,
    .destroy = fdc_destroy,
    .check = fdc_check,
    .loaded = fdc_loaded,
    .resume = fdc_resume,
    .flags = DEVICE_PLUGGABLE,
};
