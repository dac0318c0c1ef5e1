/* SPDX-License-Identifier: MIT */
/*
 * Registers and protocols of a parallel ATA channel: ide_channel.h; ATA/ATAPI-5 chapters 7 and 9,
 * SFF-8020i 5. A command's steps are done on its drive's thread; between them the host moves data
 * by the data port, or waits.
 */
#include "hw/ide/ide_channel.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/block/due_list.h"

/* Ports of the command block. */
enum {
    PORT_DATA = 0,
    PORT_ERROR = 1, /* features */
    PORT_COUNT = 2,
    PORT_LBA = 3, /* to 5 */
    PORT_DEVICE = 6,
    PORT_STATUS = 7, /* command */

    CONTROL_NIEN = 1 << 1,
    CONTROL_SRST = 1 << 2,
    CONTROL_HOB = 1 << 7, /* the bytes that were written before are read */

    DEVICE_SELECT = 1 << 4,
    OP_DIAGNOSE = 0x90,
    OP_DEVICE_RESET = 0x08,
};

static bool is_counted(const struct ide_channel *ch)
{
    return ch->bus.bus.machine->config.counted;
}

static struct ide_drive *selected(const struct ide_channel *ch)
{
    return ch->bus.unit[ch->selected];
}

static struct ide_drive *working(const struct ide_channel *ch)
{
    return ch->bus.unit[ch->commanded];
}

/* ---- the interrupt line */

static void update_line(const struct ide_channel *ch)
{
    irq_set(ch->irq, ch->interrupts && !(ch->control & CONTROL_NIEN));
}

static void raise(struct ide_channel *ch)
{
    ch->interrupts = true;
    update_line(ch);
    if (ch->dma && !(ch->control & CONTROL_NIEN)) {
        ch->dma->interrupted(ch->dma_opaque);
    }
}

static void lower(struct ide_channel *ch)
{
    ch->interrupts = false;
    update_line(ch);
}

/* ---- phases; each tells whether a step is to be posted */

/* The command is over: what it said is in the drive's registers. */
static bool finish(struct ide_channel *ch)
{
    struct ide_drive *d = working(ch);
    const uint16_t features = d->regs.features;
    ch->phase = IDE_IDLE;
    d->regs = ch->c.regs;
    d->regs.features = features;
    raise(ch);
    return false;
}

static bool go_busy(struct ide_channel *ch)
{
    ch->phase = IDE_BUSY;
    working(ch)->regs.status = ATA_BSY;
    return true;
}

/* A packet's data: how much, and which way (SFF-8020i 5.6). */
static void tell_bytes(struct ide_channel *ch, uint8_t reason)
{
    struct ata_regs *r = &working(ch)->regs;
    if (working(ch)->is_cd && ch->c.regs.command == 0xa0) {
        r->count = reason;
        r->lba = (r->lba & ~UINT64_C(0xffff00)) | (uint64_t)ch->pio_end << 8;
    }
}

/* n bytes are to go through the data port. */
static void open_port(struct ide_channel *ch, enum ide_phase phase, uint32_t n)
{
    ch->phase = (uint8_t)phase;
    ch->pio_at = 0;
    ch->pio_end = n;
    working(ch)->regs.status = ATA_READY | ATA_DRQ;
}

static bool take_block(struct ide_channel *ch)
{
    const struct ata_command *c = &ch->c;
    open_port(ch, IDE_FROM_HOST, (uint32_t)(c->left < c->block ? c->left : c->block));
    tell_bytes(ch, ATA_REASON_IN);
    return false;
}

static void set_piece(struct ide_channel *ch, uint32_t n)
{
    ch->piece = (struct iovec){ch->pio, n};
    ch->c.iov = &ch->piece;
    ch->c.iov_count = 1;
    ch->c.iov_bytes = n;
}

/* Replies whose length is not known yet have a step of the largest length. */
static bool map_dma(struct ide_channel *ch)
{
    struct ata_command *c = &ch->c;
    const uint64_t most = c->left ? c->left : ATA_BUFFER_BYTES;
    if (ch->dma->map(ch->dma_opaque, c, most) == 0) {
        return false;
    }
    return true;
}

/* There is no memory for what the drive has: it stands still, as its bus master does, and no
 * interrupt comes. */
static bool end_short(struct ide_channel *ch)
{
    ch->phase = IDE_IDLE;
    ata_fail(&ch->c, ATA_ABRT);
    working(ch)->regs.status = ch->c.regs.status;
    working(ch)->regs.error = ch->c.regs.error;
    ch->dma->ended(ch->dma_opaque, true);
    return false;
}

static bool start_dma(struct ide_channel *ch)
{
    ch->phase = IDE_WAITS;
    working(ch)->regs.status = ATA_READY | ATA_DRQ;
    if (!ch->dma || !ch->dma->is_ready(ch->dma_opaque)) {
        return false;
    }
    return map_dma(ch) ? go_busy(ch) : end_short(ch);
}

static bool start_data(struct ide_channel *ch)
{
    const struct ata_command *c = &ch->c;
    if (c->direction == ATA_NO_DATA) {
        return go_busy(ch);
    }
    if (c->dma) {
        return start_dma(ch);
    }
    if (c->direction == ATA_IN) {
        set_piece(ch, c->block);
        return go_busy(ch);
    }
    take_block(ch);
    if (working(ch)->is_cd) {
        raise(ch);
    }
    return false;
}

static bool begin(struct ide_channel *ch)
{
    struct ata_command *c = &ch->c;
    working(ch)->regs.error = 0;
    ata_begin(c);
    if (c->over) {
        return finish(ch);
    }
    if (c->wants_packet) {
        open_port(ch, IDE_FROM_HOST, ATA_PACKET_BYTES);
        working(ch)->regs.count = ATA_REASON_PACKET;
        return false;
    }
    return start_data(ch);
}

/* All of a block has been written. */
static bool port_filled(struct ide_channel *ch)
{
    struct ata_command *c = &ch->c;
    if (c->wants_packet) {
        memcpy(c->packet, ch->pio, ATA_PACKET_BYTES);
        ata_take_packet(c);
        return start_data(ch);
    }
    set_piece(ch, ch->pio_end);
    return go_busy(ch);
}

/* All of it has been read. A packet has a status of its own, with an interrupt. */
static bool port_emptied(struct ide_channel *ch)
{
    if (!ch->c.over) {
        set_piece(ch, ch->c.block);
        return go_busy(ch);
    }
    if (working(ch)->is_cd && ch->c.regs.command == 0xa0) {
        return finish(ch);
    }
    ch->phase = IDE_IDLE;
    working(ch)->regs.status = ch->c.regs.status;
    return false;
}

/* What follows a step by PIO, or the last one by DMA. */
static bool after_step(struct ide_channel *ch)
{
    const struct ata_command *c = &ch->c;
    const bool in = c->direction == ATA_IN && !c->dma && c->moved && !(c->regs.status & ATA_ERR);
    if (c->dma && c->direction != ATA_NO_DATA) {
        ch->dma->ended(ch->dma_opaque, false);
    }
    if (in) {
        open_port(ch, IDE_TO_HOST, (uint32_t)c->moved);
        tell_bytes(ch, ATA_REASON_TO_HOST);
        raise(ch);
        return false;
    }
    if (c->over) {
        return finish(ch);
    }
    take_block(ch);
    raise(ch);
    return false;
}

/* ---- steps */

static void run_step(struct disk_job *j)
{
    ata_step(&container_of(j, struct ide_channel, c.job)->c);
}

/* Ends what enter() has begun. On a machine whose time is counted a step is done at once, by this
 * thread; what ends it takes the lock. */
static void leave(struct ide_channel *ch, bool post)
{
    ch->c.job.run = run_step;
    if (post && !is_counted(ch)) {
        disk_thread_post(ide_drive_thread(working(ch)), &ch->c.job);
    }
    os_mutex_unlock(&ch->lock);
    if (post && is_counted(ch)) {
        disk_thread_post(ide_drive_thread(working(ch)), &ch->c.job);
    }
}

/* Of a transfer by DMA that has more to do: the next step, on this thread. */
static bool next_dma(struct ide_channel *ch, bool *more)
{
    struct ata_command *c = &ch->c;
    *more = false;
    if (!c->dma || c->direction == ATA_NO_DATA) {
        return false;
    }
    ch->dma->moved(ch->dma_opaque, c);
    ch->step_bytes += c->moved;
    if (c->over) {
        return false;
    }
    *more = map_dma(ch);
    if (!*more) {
        end_short(ch);
    }
    return true;
}

static void stepped(struct ata_command *c)
{
    struct ide_channel *ch = container_of(c, struct ide_channel, c);
    bool more = false, post = false;
    os_mutex_lock(&ch->lock);
    if (ch->stopping) {
        os_mutex_unlock(&ch->lock);
        return;
    }
    const bool handled = next_dma(ch, &more);
    if (!handled && is_counted(ch)) {
        const uint64_t bytes = c->dma ? ch->step_bytes : c->moved;
        ch->is_due = true;
        clock_timer_set(ch->timer,
                        clock_now_ns(ch->bus.bus.parent->clock) + DUE_LATENCY_NS + bytes);
    } else if (!handled) {
        post = after_step(ch);
    }
    leave(ch, post);
    if (more) {
        ata_step(c);
    }
}

/* Counted time: now the host is told. */
static void due(void *opaque)
{
    struct ide_channel *ch = opaque;
    bool post = false;
    os_mutex_lock(&ch->lock);
    if (ch->is_due) {
        ch->is_due = false;
        post = after_step(ch);
    }
    leave(ch, post);
}

/* ---- resets */

/* With the lock in the end. */
static void stop(struct ide_channel *ch)
{
    os_mutex_lock(&ch->lock);
    ch->stopping = true;
    os_mutex_unlock(&ch->lock);
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->bus.unit[i]) {
            ide_drive_drain(ch->bus.unit[i]);
        }
    }
    os_mutex_lock(&ch->lock);
    ch->stopping = ch->again = ch->is_due = false;
    ch->phase = IDE_IDLE;
    if (ch->timer) {
        clock_timer_cancel(ch->timer);
    }
}

static void reset_drives(struct ide_channel *ch, bool hard)
{
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        struct ide_drive *d = ch->bus.unit[i];
        if (d) {
            ide_drive_reset(d, hard);
            ata_signature(d, &d->regs);
        }
    }
    ch->selected = 0;
    lower(ch);
}

void ide_channel_reset(struct ide_channel *ch)
{
    stop(ch);
    ch->control = ch->commanded = 0;
    ch->pio_at = ch->pio_end = 0;
    ch->step_bytes = 0;
    ch->c = (struct ata_command){0};
    reset_drives(ch, true);
    os_mutex_unlock(&ch->lock);
}

/* ---- ports */

static void soft_reset(struct ide_channel *ch, bool begins)
{
    if (begins) {
        os_mutex_unlock(&ch->lock);
        stop(ch);
    }
    reset_drives(ch, false);
    for (unsigned i = 0; i < IDE_UNITS && begins; i++) {
        if (ch->bus.unit[i]) {
            ch->bus.unit[i]->regs.status = ATA_BSY;
        }
    }
}

static void write_control(struct ide_channel *ch, uint8_t value)
{
    const uint8_t changed = ch->control ^ value;
    ch->control = value;
    if (changed & CONTROL_SRST) {
        soft_reset(ch, value & CONTROL_SRST);
    }
    update_line(ch);
}

static bool write_command(struct ide_channel *ch, uint8_t value)
{
    struct ide_drive *d = selected(ch);
    if (!d || ch->stopping || (ch->control & CONTROL_SRST)) {
        return false;
    }
    if (value == OP_DEVICE_RESET && d->is_cd && ch->phase != IDE_IDLE && working(ch) == d) {
        os_mutex_unlock(&ch->lock);
        stop(ch);
    }
    if (ch->phase != IDE_IDLE) {
        log_guest("ide", "command 0x%02x while one is under way", value);
        return false;
    }
    lower(ch);
    if (value == OP_DIAGNOSE) {
        reset_drives(ch, false);
        raise(ch);
        return false;
    }
    ch->commanded = ch->selected;
    ch->step_bytes = 0;
    ch->c = (struct ata_command){
        .drive = d, .stepped = stepped, .buffer = ch->buffer, .regs = d->regs};
    ch->c.regs.command = value;
    return begin(ch);
}

/* What is written goes to both drives. */
static void write_both(struct ide_channel *ch, unsigned port, uint8_t value)
{
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        struct ata_regs *r = ch->bus.unit[i] ? &ch->bus.unit[i]->regs : NULL;
        if (!r) {
            continue;
        }
        if (port == PORT_ERROR) {
            r->features = (uint16_t)(r->features << 8 | value);
        } else if (port == PORT_COUNT) {
            r->count = (uint16_t)(r->count << 8 | value);
        } else if (port == PORT_DEVICE) {
            r->device = value;
        } else {
            const unsigned at = 8 * (port - PORT_LBA);
            r->lba = deposit64(r->lba, at + 31, at + 24, r->lba >> at);
            r->lba = deposit64(r->lba, at + 7, at, value);
        }
    }
}

static bool write_port(struct ide_channel *ch, unsigned port, uint8_t value)
{
    ch->control &= (uint8_t)~CONTROL_HOB;
    if (port == PORT_STATUS) {
        return write_command(ch, value);
    }
    if (ch->phase == IDE_BUSY || ch->stopping) {
        return false;
    }
    write_both(ch, port, value);
    if (port == PORT_DEVICE && ch->phase == IDE_IDLE) {
        ch->selected = value & DEVICE_SELECT ? 1 : 0;
    }
    return false;
}

/* A drive that is not there reads as zeros. */
static uint8_t read_port(struct ide_channel *ch, unsigned port)
{
    const struct ide_drive *d = selected(ch);
    const bool before = ch->control & CONTROL_HOB;
    if (!d) {
        return 0;
    }
    const struct ata_regs *r = &d->regs;
    switch (port) {
    case PORT_ERROR:
        return before ? (uint8_t)(r->features >> 8) : r->error;
    case PORT_COUNT:
        return (uint8_t)(before ? r->count >> 8 : r->count);
    case PORT_DEVICE:
        return r->device | 0xa0;
    case PORT_STATUS:
        return r->status;
    default:
        return (uint8_t)(r->lba >> (8 * (port - PORT_LBA) + (before ? 24 : 0)));
    }
}

static uint32_t read_data(struct ide_channel *ch, unsigned size, bool *post)
{
    uint32_t value = 0;
    if (ch->phase != IDE_TO_HOST || ch->stopping) {
        return 0;
    }
    for (unsigned i = 0; i < size && ch->pio_at < ch->pio_end; i++) {
        value |= (uint32_t)ch->pio[ch->pio_at++] << 8 * i;
    }
    *post = ch->pio_at == ch->pio_end && port_emptied(ch);
    return value;
}

static bool write_data(struct ide_channel *ch, uint64_t value, unsigned size)
{
    if (ch->phase != IDE_FROM_HOST || ch->stopping) {
        return false;
    }
    for (unsigned i = 0; i < size && ch->pio_at < ch->pio_end; i++) {
        ch->pio[ch->pio_at++] = (uint8_t)(value >> 8 * i);
    }
    return ch->pio_at == ch->pio_end && port_filled(ch);
}

static uint64_t command_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ide_channel *ch = opaque;
    uint64_t value = 0;
    bool post = false;
    os_mutex_lock(&ch->lock);
    if (offset == PORT_DATA) {
        value = read_data(ch, size, &post);
    } else {
        for (unsigned i = 0; i < size; i++) {
            const unsigned port = (unsigned)offset + i;
            value |= (uint64_t)read_port(ch, port) << 8 * i;
            if (port == PORT_STATUS) {
                lower(ch);
            }
        }
    }
    leave(ch, post);
    return value;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ide_channel *ch = opaque;
    bool post = false;
    os_mutex_lock(&ch->lock);
    if (offset == PORT_DATA) {
        post = write_data(ch, value, size);
    } else {
        for (unsigned i = 0; i < size; i++) {
            post = write_port(ch, (unsigned)offset + i, (uint8_t)(value >> 8 * i));
        }
    }
    leave(ch, post);
}

static uint64_t control_read(void *opaque, uint64_t offset, unsigned size)
{
    struct ide_channel *ch = opaque;
    (void)offset, (void)size;
    os_mutex_lock(&ch->lock);
    const uint8_t value = read_port(ch, PORT_STATUS);
    os_mutex_unlock(&ch->lock);
    return value;
}

static void control_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct ide_channel *ch = opaque;
    (void)offset, (void)size;
    os_mutex_lock(&ch->lock);
    write_control(ch, (uint8_t)value);
    os_mutex_unlock(&ch->lock);
}

const struct mmio_ops ide_command_ops = {
    .read = command_read, .write = command_write, .sizes = 1 | 2 | 4};
const struct mmio_ops ide_control_ops = {.read = control_read, .write = control_write, .sizes = 1};

/* ---- life */

void ide_channel_dma_started(struct ide_channel *ch)
{
    os_mutex_lock(&ch->lock);
    leave(ch, ch->phase == IDE_WAITS && !ch->stopping && start_dma(ch));
}

void ide_channel_wait(struct ide_channel *ch)
{
    for (unsigned i = 0; i < IDE_UNITS; i++) {
        if (ch->bus.unit[i]) {
            disk_thread_settle(ide_drive_thread(ch->bus.unit[i]));
        }
    }
}

static bool is_stepping(struct ide_channel *ch)
{
    os_mutex_lock(&ch->lock);
    const bool steps = ch->phase == IDE_BUSY && !ch->is_due;
    os_mutex_unlock(&ch->lock);
    return steps;
}

void ide_channel_settle(struct ide_channel *ch)
{
    ide_channel_wait(ch);
    if (!is_stepping(ch)) {
        return;
    }
    const struct ata_command before = ch->c; /* nobody changes it while it waits */
    stop(ch);
    ch->c = before;
    ch->phase = IDE_BUSY;
    ch->again = true;
    os_mutex_unlock(&ch->lock);
}

void ide_channel_init(struct ide_channel *ch, struct device *d, unsigned n,
                      const struct ide_dma_ops *dma, void *opaque)
{
    ch->bus.units = IDE_UNITS;
    ch->bus.depth = 1;
    ch->irq = &d->irq[n];
    ch->dma = dma;
    ch->dma_opaque = opaque;
    os_mutex_init(&ch->lock);
    if (d->machine->config.counted) {
        ch->timer = clock_timer_create(d->clock, due, ch);
    }
    ide_bus_init(&ch->bus, d, n);
}

void ide_channel_fini(struct ide_channel *ch)
{
    ide_bus_fini(&ch->bus);
    if (ch->timer) {
        clock_timer_destroy(ch->timer);
    }
    os_mutex_destroy(&ch->lock);
}

bool ide_channel_check(const struct ide_channel *ch, struct error *e)
{
    struct ata_command c = ch->c;
    c.drive = working(ch);
    if (ch->phase == IDE_IDLE) {
        return true;
    }
    const bool packet = ch->phase == IDE_FROM_HOST && c.wants_packet;
    const bool good = c.drive && ata_loaded(&c) && ch->pio_at <= ch->pio_end &&
                      (c.block || c.direction == ATA_NO_DATA) && (!c.dma || ch->dma) &&
                      (!packet || ch->pio_end <= ATA_PACKET_BYTES);
    return (good && (ch->is_due || ch->phase != IDE_BUSY || !c.over)) ||
           error_set(e, "its command 0x%02x is not one that can be under way", c.regs.command);
}

void ide_channel_loaded(struct ide_channel *ch)
{
    struct ata_command *c = &ch->c;
    c->drive = working(ch);
    c->stepped = stepped;
    c->buffer = ch->buffer;
    ch->again = ch->phase == IDE_BUSY && !ch->is_due;
    if (ch->phase != IDE_IDLE) {
        ata_loaded(c);
    }
    update_line(ch);
}

void ide_channel_resume(struct ide_channel *ch)
{
    bool post = false;
    os_mutex_lock(&ch->lock);
    if (ch->again) {
        const struct ata_command *c = &ch->c;
        ch->again = false;
        post = true;
        if (c->dma && c->direction != ATA_NO_DATA) {
            post = map_dma(ch) || end_short(ch);
        } else {
            set_piece(ch, c->direction == ATA_IN ? c->block : ch->pio_end);
        }
    }
    leave(ch, post);
}

const struct field ide_channel_fields[] = {
    FIELD_MOST(ide_channel, phase, IDE_WAITS),
    FIELD_MOST(ide_channel, selected, 1),
    FIELD(ide_channel, control),
    FIELD_MOST(ide_channel, commanded, 1),
    FIELD(ide_channel, interrupts),
    FIELD(ide_channel, is_due),
    FIELD_MOST(ide_channel, pio_at, ATA_BUFFER_BYTES),
    FIELD_MOST(ide_channel, pio_end, ATA_BUFFER_BYTES),
    FIELD(ide_channel, step_bytes),
    FIELD_PARTS(ide_channel, c, ata_command_fields, ata_command),
    FIELD(ide_channel, pio),
    FIELD(ide_channel, buffer),
    FIELD_DUE(ide_channel, timer),
    FIELD_SKIP(ide_channel, pad),
    FIELD_SKIP(ide_channel, pad2),
    FIELD_SKIP(ide_channel, bus),
    FIELD_SKIP(ide_channel, irq),
    FIELD_SKIP(ide_channel, lock),
    FIELD_SKIP(ide_channel, dma),
    FIELD_SKIP(ide_channel, dma_opaque),
    FIELD_SKIP(ide_channel, piece),
    FIELD_SKIP(ide_channel, stopping),
    FIELD_SKIP(ide_channel, again),
    FIELD_END,
};
