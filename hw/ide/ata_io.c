/* SPDX-License-Identifier: MIT */
/*
 * Commands that move sectors, or speak of them (ACS 7): READ and WRITE in all their forms, READ
 * VERIFY, FLUSH CACHE, DATA SET MANAGEMENT. Data goes between the controller's memory and the file
 * without a copy.
 */
#include "base/bits.h"
#include "hw/ide/ide.h"

enum {
    FUA = 0x80, /* device register of FPDMA commands */
    TRIM = 1,   /* features of DATA SET MANAGEMENT */
    RANGE_BYTES = 8,
};

uint64_t ide_drive_sectors(const struct ide_drive *d)
{
    return block_size_bytes(d->block) / ATA_SECTOR;
}

/* ---- requests */

/* The registers say where it failed (ACS 6.5). */
static void put_address(struct ata_command *c, uint64_t lba)
{
    struct ata_regs *r = &c->regs;
    if (c->row->flags & (ATA_ROW_48 | ATA_ROW_QUEUED)) {
        r->lba = lba & mask64(48);
    } else if (r->device & 0x40) {
        r->lba = (r->lba & ~UINT64_C(0xffffff)) | (lba & 0xffffff);
        r->device = (uint8_t)((r->device & 0xf0) | (lba >> 24 & 15));
    }
}

static void fail_at(struct ata_command *c, uint8_t error)
{
    put_address(c, c->at / ATA_SECTOR);
    ata_fail(c, error);
}

static void failed(struct ata_command *c, const struct block_request *b)
{
    c->moved = 0;
    fail_at(c, b->op == BLOCK_READ ? ATA_UNC : ATA_ABRT);
    ata_stepped(c);
}

static struct ata_command *of(struct block_request *b)
{
    return container_of(b, struct ata_command, b);
}

static void submit(struct ata_command *c, const struct block_request *b)
{
    c->b = *b;
    block_queue_submit(c->drive->disk.queue, &c->b);
}

/* The medium may have become smaller since the command began. */
static bool is_there(const struct ata_command *c, uint64_t at, uint64_t bytes)
{
    const uint64_t size = ide_drive_sectors(c->drive) * ATA_SECTOR;
    return at <= size && bytes <= size - at;
}

/* Sets at and left; false: the command has ended. */
static bool take_extent(struct ide_drive *d, struct ata_command *c)
{
    const uint64_t lba = ata_address(c), n = ata_count(c), sectors = ide_drive_sectors(d);
    d->power = IDE_POWER_ACTIVE;
    if (lba >= sectors || n > sectors - lba) {
        ata_fail(c, ATA_IDNF);
        return false;
    }
    c->at = lba * ATA_SECTOR;
    c->left = n * ATA_SECTOR;
    return true;
}

/* ---- READ, WRITE */

static void begin_transfer(struct ide_drive *d, struct ata_command *c)
{
    const unsigned flags = c->row->flags;
    const bool writes = flags & ATA_ROW_WRITES;
    const bool forced = flags & ATA_ROW_FUA || (c->queued && c->regs.device & FUA);
    if ((flags & ATA_ROW_MULTIPLE) && !d->multiple) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    c->block = (flags & ATA_ROW_MULTIPLE ? d->multiple : 1) * ATA_SECTOR;
    c->direction = writes ? ATA_OUT : ATA_IN;
    c->flags = writes && (forced || !d->write_cached) ? BLOCK_FUA : 0;
    take_extent(d, c);
}

static void transferred(struct block_request *b, int status)
{
    struct ata_command *c = of(b);
    if (status < 0) {
        failed(c, b);
        return;
    }
    c->at += b->bytes;
    c->left -= b->bytes;
    c->moved = b->bytes;
    if (c->left == 0) {
        ata_end(c);
    }
    ata_stepped(c);
}

/* The first bytes of the pieces, of which there may be more: cuts in place what is too long. */
static unsigned cut(struct iovec *iov, unsigned count, uint64_t bytes)
{
    unsigned n = 0;
    while (n < count && bytes) {
        iov[n].iov_len = iov[n].iov_len < bytes ? iov[n].iov_len : bytes;
        bytes -= iov[n++].iov_len;
    }
    return n;
}

static void step_transfer(struct ide_drive *d, struct ata_command *c)
{
    const uint64_t n = c->left < c->iov_bytes ? c->left : c->iov_bytes;
    (void)d;
    if (!is_there(c, c->at, n)) {
        fail_at(c, ATA_IDNF);
        ata_stepped(c);
        return;
    }
    submit(c, &(struct block_request){.op = c->direction == ATA_OUT ? BLOCK_WRITE : BLOCK_READ,
                                      .flags = c->flags,
                                      .offset = c->at,
                                      .bytes = n,
                                      .iov = c->iov,
                                      .iov_count = cut(c->iov, c->iov_count, n),
                                      .done = transferred});
}

/* ---- READ VERIFY SECTORS */

static void begin_verify(struct ide_drive *d, struct ata_command *c)
{
    take_extent(d, c);
}

static void step_verify(struct ide_drive *d, struct ata_command *c);

static void verified(struct block_request *b, int status)
{
    struct ata_command *c = of(b);
    if (status < 0) {
        failed(c, b);
        return;
    }
    c->at += b->bytes;
    c->left -= b->bytes;
    if (c->left) {
        step_verify(c->drive, c);
        return;
    }
    ata_end(c);
    ata_stepped(c);
}

static void step_verify(struct ide_drive *d, struct ata_command *c)
{
    const uint64_t n = c->left < ATA_BUFFER_BYTES ? c->left : ATA_BUFFER_BYTES;
    (void)d;
    if (!is_there(c, c->at, n)) {
        fail_at(c, ATA_IDNF);
        ata_stepped(c);
        return;
    }
    c->piece = (struct iovec){c->buffer, n};
    submit(c, &(struct block_request){.op = BLOCK_READ,
                                      .offset = c->at,
                                      .bytes = n,
                                      .iov = &c->piece,
                                      .iov_count = 1,
                                      .done = verified});
}

/* ---- FLUSH CACHE */

static void begin_flush(struct ide_drive *d, struct ata_command *c)
{
    (void)d, (void)c;
}

static void flushed(struct block_request *b, int status)
{
    struct ata_command *c = of(b);
    if (status < 0) {
        ata_fail(c, ATA_ABRT);
    } else {
        ata_end(c);
    }
    ata_stepped(c);
}

void ata_step_flush(struct ide_drive *d, struct ata_command *c)
{
    if (d->is_cd) {
        ata_end(c);
        ata_stepped(c);
        return;
    }
    submit(c, &(struct block_request){.op = BLOCK_FLUSH, .done = flushed});
}

/* ---- DATA SET MANAGEMENT (ACS 7.6): ranges of 48 bits of address and 16 of count */

static void begin_trim(struct ide_drive *d, struct ata_command *c)
{
    if (c->regs.features != TRIM || c->regs.count == 0 || c->regs.count > ATA_TRIM_SECTORS_MOST) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    d->power = IDE_POWER_ACTIVE;
    c->direction = ATA_OUT;
    c->left = (uint64_t)c->regs.count * ATA_SECTOR;
}

static bool range_at(const struct ata_command *c, uint32_t i, uint64_t *at, uint64_t *bytes)
{
    const uint64_t entry = load_le64(c->buffer + RANGE_BYTES * (size_t)i);
    *at = (entry & mask64(48)) * ATA_SECTOR;
    *bytes = (entry >> 48) * ATA_SECTOR;
    return *bytes != 0;
}

static void trim_next(struct ata_command *c);

static void trimmed(struct block_request *b, int status)
{
    if (status < 0) {
        failed(of(b), b);
    } else {
        trim_next(of(b));
    }
}

static void trim_next(struct ata_command *c)
{
    while (c->ranges < c->filled / RANGE_BYTES) {
        if (!range_at(c, c->ranges++, &c->at, &c->piece.iov_len)) {
            continue;
        }
        if (!is_there(c, c->at, c->piece.iov_len)) { /* it has shrunk meanwhile */
            fail_at(c, ATA_IDNF);
            ata_stepped(c);
            return;
        }
        submit(c, &(struct block_request){.op = BLOCK_DISCARD,
                                          .offset = c->at,
                                          .bytes = c->piece.iov_len,
                                          .done = trimmed});
        return;
    }
    ata_end(c);
    ata_stepped(c);
}

/* All is looked at before anything is done. */
static bool check_ranges(struct ata_command *c)
{
    for (uint32_t i = 0; i < c->filled / RANGE_BYTES; i++) {
        uint64_t at, bytes;
        if (range_at(c, i, &at, &bytes) && !is_there(c, at, bytes)) {
            c->at = at;
            return false;
        }
    }
    return true;
}

static void step_trim(struct ide_drive *d, struct ata_command *c)
{
    (void)d;
    ata_take_bytes(c);
    if (c->left) {
        ata_stepped(c);
    } else if (!check_ranges(c)) {
        fail_at(c, ATA_IDNF);
        ata_stepped(c);
    } else {
        c->ranges = 0;
        trim_next(c);
    }
}

#define DISK ATA_ROW_DISK
#define EXT ATA_ROW_48
#define DMA ATA_ROW_DMA
#define OUT ATA_ROW_WRITES
#define MANY ATA_ROW_MULTIPLE
#define FORCED ATA_ROW_FUA
#define NCQ (ATA_ROW_DMA | ATA_ROW_QUEUED)
#define RW(first, last, flags)                                                                     \
    {                                                                                              \
        first, last, flags, begin_transfer, step_transfer                                          \
    }
const struct ata_row ata_io_rows[] = {
    RW(0x20, 0x21, DISK),
    RW(0x24, 0x24, DISK | EXT),
    RW(0x25, 0x25, DISK | EXT | DMA),
    RW(0x29, 0x29, DISK | EXT | MANY),
    RW(0xc4, 0xc4, DISK | MANY),
    RW(0xc8, 0xc9, DISK | DMA),
    RW(0x60, 0x60, DISK | NCQ),
    RW(0x30, 0x31, DISK | OUT),
    RW(0x34, 0x34, DISK | OUT | EXT),
    RW(0x35, 0x35, DISK | OUT | EXT | DMA),
    RW(0x39, 0x39, DISK | OUT | EXT | MANY),
    RW(0x3c, 0x3c, DISK | OUT), /* and verify: the host does that */
    RW(0x3d, 0x3d, DISK | OUT | EXT | DMA | FORCED),
    RW(0xc5, 0xc5, DISK | OUT | MANY),
    RW(0xca, 0xcb, DISK | OUT | DMA),
    RW(0xce, 0xce, DISK | OUT | EXT | MANY | FORCED),
    RW(0x61, 0x61, DISK | OUT | NCQ),
    {0x40, 0x41, DISK, begin_verify, step_verify},
    {0x42, 0x42, DISK | EXT, begin_verify, step_verify},
    {0xe7, 0xe7, ATA_ROW_BOTH, begin_flush, ata_step_flush},
    {0xea, 0xea, DISK | EXT, begin_flush, ata_step_flush},
    {0x06, 0x06, DISK | EXT | DMA, begin_trim, step_trim},
    {0},
};
