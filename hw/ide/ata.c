/* SPDX-License-Identifier: MIT */
/* How a command of an ATA drive finds its function, and ends: ata.h. */
#include "hw/ide/ata.h"

#include "base/bits.h"
#include "hw/ide/ide.h"

const struct field ata_regs_fields[] = {
    FIELD(ata_regs, lba),      FIELD(ata_regs, count),
    FIELD(ata_regs, features), FIELD(ata_regs, device),
    FIELD(ata_regs, command),  FIELD(ata_regs, status),
    FIELD(ata_regs, error),    FIELD_END,
};

const struct field ata_command_fields[] = {
    FIELD_PARTS(ata_command, regs, ata_regs_fields, ata_regs),
    FIELD(ata_command, packet),
    FIELD(ata_command, has_packet),
    FIELD(ata_command, dma),
    FIELD(ata_command, queued),
    FIELD(ata_command, over),
    FIELD(ata_command, wants_packet),
    FIELD_MOST(ata_command, direction, ATA_OUT),
    FIELD_MOST(ata_command, block, ATA_BUFFER_BYTES),
    FIELD(ata_command, left),
    FIELD(ata_command, moved),
    FIELD(ata_command, at),
    FIELD_MOST(ata_command, filled, ATA_BUFFER_BYTES),
    FIELD_MOST(ata_command, taken, ATA_BUFFER_BYTES),
    FIELD_MOST(ata_command, flags, BLOCK_FUA),
    FIELD_MOST(ata_command, ranges, ATA_BUFFER_BYTES / 8),
    FIELD(ata_command, replied),
    FIELD_SKIP(ata_command, job),
    FIELD_SKIP(ata_command, drive),
    FIELD_SKIP(ata_command, stepped),
    FIELD_SKIP(ata_command, buffer),
    FIELD_SKIP(ata_command, iov),
    FIELD_SKIP(ata_command, iov_count),
    FIELD_SKIP(ata_command, iov_bytes),
    FIELD_SKIP(ata_command, row),
    FIELD_SKIP(ata_command, b),
    FIELD_SKIP(ata_command, scsi),
    FIELD_SKIP(ata_command, piece),
    FIELD_SKIP(ata_command, pad),
    FIELD_SKIP(ata_command, pad2),
    FIELD_END,
};

static const struct ata_row *find_row(const struct ide_drive *d, uint8_t code)
{
    static const struct ata_row *const tables[] = {ata_io_rows, ata_control_rows, ata_identify_rows,
                                                   ata_packet_rows};
    const unsigned of = d->is_cd ? ATA_ROW_CD : ATA_ROW_DISK;
    for (size_t i = 0; i < array_len(tables); i++) {
        for (const struct ata_row *r = tables[i]; r->begin; r++) {
            if (code >= r->first && code <= r->last && (r->flags & of)) {
                return r;
            }
        }
    }
    return NULL;
}

void ata_end(struct ata_command *c)
{
    c->over = true;
    c->regs.status = ATA_READY;
    c->regs.error = 0;
}

void ata_fail(struct ata_command *c, uint8_t error)
{
    c->over = true;
    c->regs.status = ATA_DRDY | ATA_ERR;
    c->regs.error = error;
    c->left = 0;
}

void ata_stepped(struct ata_command *c)
{
    c->stepped(c);
}

void ata_begin(struct ata_command *c)
{
    struct ide_drive *d = c->drive;
    c->row = find_row(d, c->regs.command);
    c->block = ATA_SECTOR;
    c->regs.status = ATA_READY;
    c->regs.error = 0;
    /* ACS 4.16.5: after an error of a queued command its log page is read first. */
    const bool is_log = c->regs.command == 0x2f || c->regs.command == 0x47;
    if (!c->row || (d->queue_failed && !is_log)) {
        ata_fail(c, ATA_ABRT);
        return;
    }
    c->dma = c->row->flags & ATA_ROW_DMA;
    c->queued = c->row->flags & ATA_ROW_QUEUED;
    c->row->begin(d, c);
}

void ata_step(struct ata_command *c)
{
    c->moved = 0;
    c->row->step(c->drive, c);
}

/* What comes from the host goes into buffer, unless it is sectors. */
static bool has_room(const struct ata_command *c)
{
    const bool buffered = c->direction == ATA_OUT && !(c->row->flags & ATA_ROW_WRITES);
    return !buffered || c->left <= ATA_BUFFER_BYTES - c->filled;
}

bool ata_loaded(struct ata_command *c)
{
    c->row = find_row(c->drive, c->regs.command);
    return c->row && c->row->step && c->taken <= c->filled && has_room(c);
}

/* ---- data in memory */

uint8_t *ata_reply(struct ata_command *c, uint32_t n)
{
    memset(c->buffer, 0, n);
    c->direction = ATA_IN;
    c->filled = n;
    c->taken = 0;
    c->left = n;
    return c->buffer;
}

void ata_give_bytes(struct ata_command *c)
{
    for (unsigned i = 0; i < c->iov_count && c->taken < c->filled; i++) {
        const size_t have = c->filled - c->taken, room = c->iov[i].iov_len;
        const size_t n = have < room ? have : room;
        memcpy(c->iov[i].iov_base, c->buffer + c->taken, n);
        c->taken += (uint32_t)n;
        c->left -= n;
        c->moved += n;
    }
}

void ata_take_bytes(struct ata_command *c)
{
    for (unsigned i = 0; i < c->iov_count && c->left; i++) {
        const size_t have = c->iov[i].iov_len, n = c->left < have ? (size_t)c->left : have;
        memcpy(c->buffer + c->filled, c->iov[i].iov_base, n);
        c->filled += (uint32_t)n;
        c->left -= n;
        c->moved += n;
    }
}

void ata_step_buffer(struct ide_drive *d, struct ata_command *c)
{
    (void)d;
    ata_give_bytes(c);
    if (c->left == 0) {
        ata_end(c);
    }
    ata_stepped(c);
}

/* ---- addresses (ACS 4.1; of geometries ATA-5 6.2) */

static uint64_t from_geometry(const struct ide_drive *d, const struct ata_regs *r)
{
    const uint64_t cylinder = r->lba >> 8 & 0xffff, sector = r->lba & 0xff;
    const uint64_t head = r->device & 15;
    if (sector == 0 || sector > d->now_sectors || head >= d->now_heads) {
        return UINT64_MAX;
    }
    return (cylinder * d->now_heads + head) * d->now_sectors + sector - 1;
}

uint64_t ata_address(const struct ata_command *c)
{
    const struct ata_regs *r = &c->regs;
    if (c->row->flags & (ATA_ROW_48 | ATA_ROW_QUEUED)) {
        return r->lba;
    }
    return r->device & 0x40 ? (r->lba & 0xffffff) | (uint64_t)(r->device & 15) << 24
                            : from_geometry(c->drive, r);
}

uint32_t ata_count(const struct ata_command *c)
{
    const struct ata_regs *r = &c->regs;
    if (c->queued) {
        return r->features ? r->features : 65536;
    }
    if (c->row->flags & ATA_ROW_48) {
        return r->count ? r->count : 65536;
    }
    return r->count & 0xff ? r->count & 0xff : 256;
}

void ata_signature(const struct ide_drive *d, struct ata_regs *r)
{
    *r = (struct ata_regs){.lba = d->is_cd ? 0xeb1401 : 1,
                           .count = 1,
                           .command = r->command,
                           .status = d->is_cd ? 0 : ATA_READY,
                           .error = 1};
}
