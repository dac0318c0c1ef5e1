/* SPDX-License-Identifier: MIT */
/*
 * Commands of the floppy disk controller (82078 data sheet, 5 and 6). Heads are where they are sent
 * at once. Sectors go one by one between the drive and `data`, and from there by DMA, or byte by
 * byte through the FIFO.
 */
#include "base/bits.h"
#include "hw/block/fdc.h"

enum {
    OP_READ_TRACK = 0x02,
    OP_WRITE = 0x05,
    OP_READ = 0x06,
    OP_FORMAT = 0x0d,
    OP_VERIFY = 0x16,
    OP_BITS = 0x1f,
    MULTI_TRACK = 0x80,
    SEEK_UP = 0x40,
    LOCK = 0x80,

    CONFIG_IMPLIED_SEEK = 0x40,
    SIZE_512 = 2, /* N */
    ID_BYTES = 4,
    VERIFY_COUNTS = 0x80, /* in the byte of the drive */

    ST3_PROTECTED = 0x40,
    ST3_READY = 0x28, /* and there are two sides */
    ST3_TRACK_0 = 0x10,
};

static struct floppy *drive(const struct fdc *f)
{
    const unsigned n = f->command[1] & 3;
    return n < FDC_DRIVES ? f->drives.unit[n] : NULL;
}

static unsigned head(const struct fdc *f)
{
    return f->command[1] >> 2 & 1;
}

static unsigned operation(const struct fdc *f)
{
    return f->command[0] & OP_BITS;
}

/* Data comes from the host. */
static bool writes(const struct fdc *f)
{
    return operation(f) == OP_WRITE || operation(f) == OP_FORMAT;
}

/* ---- the end of a command with seven bytes of result */

static void finish(struct fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    const struct floppy *d = drive(f);
    f->result[0] = (uint8_t)(st0 | (d ? d->head : head(f)) << 2 | (f->command[1] & 3));
    f->result[1] = st1;
    f->result[2] = st2;
    f->result[3] = f->c;
    f->result[4] = f->h;
    f->result[5] = f->r;
    f->result[6] = f->n;
    fdc_put_result(f, 7, true);
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
    finish(f, FDC_ST0_ABNORMAL, st1, st2);
}

/* ---- sectors */

/* A medium is there, and turns at the rate that it was written with. */
static bool is_readable(struct fdc *f)
{
    struct floppy *d = drive(f);
    if (!d || floppy_is_empty(d) || (f->check_rate && d->format.rate != f->dsr_rate)) {
        fail(f, FDC_ST1_NO_ID, 0);
        return false;
    }
    return true;
}

/* The sector with the ID that is looked for; false: the command has ended. */
static bool locate(struct fdc *f, uint64_t *sector)
{
    const struct floppy *d = drive(f);
    const struct floppy_format *m = &d->format;
    if (d->head >= m->heads || d->cylinder >= m->cylinders) {
        fail(f, FDC_ST1_NO_ID, 0);
        return false;
    }
    if (f->c != d->cylinder) {
        fail(f, FDC_ST1_NO_DATA, FDC_ST2_CYLINDER);
        return false;
    }
    if (f->h != d->head || f->n != SIZE_512 || f->r == 0 || f->r > m->sectors) {
        fail(f, FDC_ST1_NO_DATA, 0);
        return false;
    }
    *sector = ((uint64_t)f->c * m->heads + f->h) * m->sectors + f->r - 1;
    return true;
}

/* The next one of the cylinder; false: there is none (table 5-5 of the data sheet). */
static bool next_sector(struct fdc *f)
{
    struct floppy *d = drive(f);
    if (f->r != f->eot) {
        f->r++;
        return true;
    }
    f->r = 1;
    if ((f->command[0] & MULTI_TRACK) && operation(f) != OP_READ_TRACK) {
        f->h ^= 1;
        if (f->h) {
            d->head = 1;
            return true;
        }
    }
    f->c++;
    return false;
}

static void ask_disk(struct fdc *f, bool write)
{
    uint64_t sector;
    if (locate(f, &sector)) {
        f->phase = FDC_DISK;
        floppy_begin(drive(f), write, sector);
    }
}

static void ask_host(struct fdc *f)
{
    f->phase = FDC_DATA;
    f->at = 0;
    if (!fdc_uses_dma(f)) {
        fdc_interrupt(f, true);
    }
    fdc_move(f);
}

static void begin_sector(struct fdc *f)
{
    uint64_t sector;
    if (!writes(f)) {
        ask_disk(f, false);
    } else if (operation(f) == OP_FORMAT || locate(f, &sector)) {
        ask_host(f);
    }
}

/* A sector is done. */
static void go_on(struct fdc *f)
{
    const bool counts = operation(f) == OP_VERIFY && (f->command[1] & VERIFY_COUNTS);
    const bool more = next_sector(f);
    if (f->terminal || (counts && --f->left == 0) || (!more && operation(f) == OP_VERIFY)) {
        finish(f, 0, 0, 0);
    } else if (!more) {
        fail(f, FDC_ST1_END, 0);
    } else {
        begin_sector(f);
    }
}

/* FORMAT TRACK: the ID of a sector is there, which gets the filler. */
static void take_id(struct fdc *f)
{
    const uint8_t filler = f->command[5];
    f->c = f->data[0];
    f->h = f->data[1];
    f->r = f->data[2];
    f->n = f->data[3];
    memset(f->data, filler, sizeof(f->data));
    ask_disk(f, true);
}

static void data_done(struct fdc *f)
{
    if (operation(f) == OP_FORMAT) {
        take_id(f);
    } else if (writes(f)) {
        memset(f->data + f->at, 0, (size_t)(FDC_SECTOR - f->at));
        ask_disk(f, true);
    } else {
        go_on(f);
    }
}

void fdc_move(struct fdc *f)
{
    const unsigned size = operation(f) == OP_FORMAT ? ID_BYTES : FDC_SECTOR;
    if (f->phase != FDC_DATA) {
        return;
    }
    if (fdc_uses_dma(f)) {
        bool terminal = false;
        f->at = (uint16_t)(f->at + (writes(f)
                                        ? isa_dma_from_memory(f->dma, f->channel, f->data + f->at,
                                                              size - f->at, &terminal)
                                        : isa_dma_to_memory(f->dma, f->channel, f->data + f->at,
                                                            size - f->at, &terminal)));
        f->terminal |= terminal;
    }
    if (f->at == size || (f->terminal && operation(f) != OP_FORMAT)) {
        data_done(f);
    }
}

static void disk_ended(struct fdc *f, int status)
{
    if (f->phase != FDC_DISK) {
        return;
    }
    if (status < 0) {
        fail(f, FDC_ST1_DATA_ERROR, writes(f) ? 0 : 0x20);
    } else if (operation(f) == OP_FORMAT) {
        if (--f->left == 0) {
            finish(f, 0, 0, 0);
        } else {
            ask_host(f);
        }
    } else if (writes(f) || operation(f) == OP_VERIFY) {
        go_on(f);
    } else {
        ask_host(f);
    }
}

void fdc_disk_done(struct fdc *f, int status)
{
    if (f->timer && f->phase == FDC_DISK) {
        f->io_status = status;
        f->is_due = true;
        clock_timer_set(f->timer, clock_now_ns(f->dev.clock) + FDC_LATENCY_NS);
    } else {
        disk_ended(f, status);
    }
}

void fdc_disk_due(struct fdc *f)
{
    f->is_due = false;
    disk_ended(f, f->io_status);
}

void fdc_disk_again(struct fdc *f)
{
    ask_disk(f, writes(f));
}

static void transfer(struct fdc *f)
{
    struct floppy *d = drive(f);
    f->c = f->command[2];
    f->h = f->command[3];
    f->r = operation(f) == OP_READ_TRACK ? 1 : f->command[4];
    f->n = f->command[5];
    f->eot = f->command[6];
    f->left = f->command[8];
    f->terminal = false;
    if (d) {
        d->head = (uint8_t)head(f);
    }
    if (!is_readable(f)) {
        return;
    }
    if ((f->config & CONFIG_IMPLIED_SEEK) && f->c < d->format.cylinders) {
        d->cylinder = f->c;
    }
    if (writes(f) && block_read_only(d->block)) {
        fail(f, FDC_ST1_PROTECTED, 0);
    } else {
        begin_sector(f);
    }
}

static void format(struct fdc *f)
{
    struct floppy *d = drive(f);
    f->n = f->command[2];
    f->left = f->command[3];
    f->terminal = false;
    if (d) {
        d->head = f->h = (uint8_t)head(f);
        f->c = d->cylinder;
    }
    if (!is_readable(f)) {
        return;
    }
    if (block_read_only(d->block)) {
        fail(f, FDC_ST1_PROTECTED, 0);
    } else if (f->left == 0) {
        finish(f, 0, 0, 0);
    } else {
        ask_host(f);
    }
}

static void read_id(struct fdc *f)
{
    struct floppy *d = drive(f);
    if (d) {
        d->head = (uint8_t)head(f);
        f->c = d->cylinder;
        f->h = d->head;
    }
    f->r = 1;
    f->n = SIZE_512;
    if (!is_readable(f)) {
        return;
    }
    if (d->head >= d->format.heads || d->cylinder >= d->format.cylinders) {
        fail(f, FDC_ST1_NO_ID, 0);
    } else {
        finish(f, 0, 0, 0);
    }
}

/* ---- heads */

/* A step with a medium in the drive takes the change line back. */
static void step_to(struct fdc *f, int cylinder)
{
    const unsigned n = f->command[1] & 3;
    struct floppy *d = drive(f);
    const int most = d && d->format.cylinders > 80 ? d->format.cylinders - 1 : 79 + 5;
    uint8_t status = (uint8_t)(FDC_ST0_SEEK_END | head(f) << 2 | n);
    if (!d) {
        status |= FDC_ST0_ABNORMAL | 0x10; /* track 0 was not found */
    } else {
        const uint8_t to = (uint8_t)(cylinder < 0 ? 0 : cylinder > most ? most : cylinder);
        d->changed &= to == d->cylinder || floppy_is_empty(d);
        d->cylinder = to;
        d->head = (uint8_t)head(f);
    }
    f->seek_status[n] = status;
    f->seek_waits |= (uint8_t)(1u << n);
    fdc_put_result(f, 0, true);
}

static void recalibrate(struct fdc *f)
{
    f->command[1] &= 3;
    step_to(f, 0);
}

static void seek(struct fdc *f)
{
    step_to(f, f->command[2]);
}

static void seek_relative(struct fdc *f)
{
    const struct floppy *d = drive(f);
    const int now = d ? d->cylinder : 0, by = f->command[2];
    step_to(f, f->command[0] & SEEK_UP ? now + by : now - by);
}

static void sense_interrupt(struct fdc *f)
{
    if (!f->seek_waits) {
        f->result[0] = FDC_ST0_INVALID;
        fdc_put_result(f, 1, false);
        return;
    }
    const unsigned n = ctz32(f->seek_waits);
    f->seek_waits &= (uint8_t)(f->seek_waits - 1);
    f->result[0] = f->seek_status[n];
    f->result[1] = n < FDC_DRIVES && f->drives.unit[n] ? f->drives.unit[n]->cylinder : 0;
    fdc_interrupt(f, false);
    fdc_put_result(f, 2, false);
}

static void sense_drive(struct fdc *f)
{
    const struct floppy *d = drive(f);
    f->result[0] = (uint8_t)(ST3_READY | head(f) << 2 | (f->command[1] & 3));
    f->result[0] |= d && block_read_only(d->block) ? ST3_PROTECTED : 0;
    f->result[0] |= d && d->cylinder == 0 ? ST3_TRACK_0 : 0;
    fdc_put_result(f, 1, false);
}

/* ---- settings */

static void specify(struct fdc *f)
{
    f->step_rate = f->command[1];
    f->head_load = f->command[2];
    fdc_put_result(f, 0, false);
}

static void configure(struct fdc *f)
{
    f->config = f->command[2];
    f->precompensation = f->command[3];
    fdc_put_result(f, 0, false);
}

static void perpendicular(struct fdc *f)
{
    f->perpendicular = f->command[1];
    fdc_put_result(f, 0, false);
}

static void lock(struct fdc *f)
{
    f->locked = f->command[0] & LOCK;
    f->result[0] = f->locked ? 0x10 : 0;
    fdc_put_result(f, 1, false);
}

static void option(struct fdc *f)
{
    fdc_put_result(f, 0, false);
}

static void version(struct fdc *f)
{
    f->result[0] = 0x90;
    fdc_put_result(f, 1, false);
}

static void part_id(struct fdc *f)
{
    f->result[0] = 0x41;
    fdc_put_result(f, 1, false);
}

static void power_down(struct fdc *f)
{
    f->result[0] = f->command[1];
    fdc_put_result(f, 1, false);
}

static void dump(struct fdc *f)
{
    for (unsigned n = 0; n < 4; n++) {
        const struct floppy *d = n < FDC_DRIVES ? f->drives.unit[n] : NULL;
        f->result[n] = d ? d->cylinder : 0;
    }
    f->result[4] = f->step_rate;
    f->result[5] = f->head_load;
    f->result[6] = f->eot;
    f->result[7] = (uint8_t)((f->locked ? 0x80 : 0) | (f->perpendicular & 0x3f));
    f->result[8] = f->config;
    f->result[9] = f->precompensation;
    fdc_put_result(f, 10, false);
}

/* ---- the table */

static const struct row {
    uint8_t mask, code, bytes;
    void (*run)(struct fdc *f);
} rows[] = {
    {0x1f, OP_READ, 9, transfer},   {0x3f, OP_WRITE, 9, transfer},
    {0x1f, OP_VERIFY, 9, transfer}, {0x9f, OP_READ_TRACK, 9, transfer},
    {0xbf, OP_FORMAT, 6, format},   {0xbf, 0x0a, 2, read_id},
    {0xff, 0x03, 3, specify},       {0xff, 0x04, 2, sense_drive},
    {0xff, 0x07, 2, recalibrate},   {0xff, 0x08, 1, sense_interrupt},
    {0xff, 0x0f, 3, seek},          {0xbf, 0x8f, 3, seek_relative},
    {0xff, 0x0e, 1, dump},          {0xff, 0x10, 1, version},
    {0xff, 0x12, 2, perpendicular}, {0xff, 0x13, 4, configure},
    {0x7f, 0x14, 1, lock},          {0xff, 0x17, 2, power_down},
    {0xff, 0x18, 1, part_id},       {0xff, 0x33, 2, option},
};

static const struct row *find_row(uint8_t code)
{
    for (size_t i = 0; i < array_len(rows); i++) {
        if ((code & rows[i].mask) == rows[i].code) {
            return &rows[i];
        }
    }
    return NULL;
}

unsigned fdc_command_bytes(uint8_t code)
{
    const struct row *r = find_row(code);
    return r ? r->bytes : 1;
}

void fdc_execute(struct fdc *f)
{
    const struct row *r = find_row(f->command[0]);
    if (r) {
        r->run(f);
        return;
    }
    f->result[0] = FDC_ST0_INVALID;
    fdc_put_result(f, 1, false);
}

bool fdc_command_check(const struct fdc *f, struct error *e)
{
    const struct row *r = find_row(f->command[0]);
    const bool moves = f->phase == FDC_DISK || f->phase == FDC_DATA;
    const unsigned size = operation(f) == OP_FORMAT ? ID_BYTES : FDC_SECTOR;
    const bool good = !moves || (r && (r->run == transfer || r->run == format) && drive(f) &&
                                 f->at <= size && (f->phase == FDC_DISK || f->at < size));
    return good || error_set(e, "its command 0x%02x is none that can be under way", f->command[0]);
}
