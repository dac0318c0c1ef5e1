/* SPDX-License-Identifier: MIT */
/*
 * Packets: SCSI commands of a CD drive (SFF-8020i; ACS 7.18; MMC 6), done by hw/scsi. What a READ
 * gives goes to the controller's memory at once where a block fits, and else through buffer, as
 * replies do. There is no sense with a status: it is kept for REQUEST SENSE.
 */
#include "base/bits.h"
#include "hw/ide/ide.h"

enum {
    OP_REQUEST_SENSE = 0x03,
    OP_MODE_SELECT_6 = 0x15,
    OP_MODE_SELECT_10 = 0x55,
    OP_READ_10 = 0x28,
    OP_READ_12 = 0xa8,
    OP_READ_CD = 0xbe,

    FEATURE_DMA = 1,
    CD_BLOCK = 2048,
    USER_DATA = 0x10,
};

static struct ata_command *of(struct scsi_command *s)
{
    return container_of(s, struct ata_command, scsi);
}

/* ---- the end */

static void end_packet(struct ata_command *c)
{
    ata_end(c);
    c->regs.count = ATA_REASON_PACKET | ATA_REASON_TO_HOST;
}

static void fail_packet(struct ata_command *c, uint32_t sense)
{
    c->drive->packet_sense = sense;
    ata_fail(c, (uint8_t)(sense >> 16 << 4));
    c->regs.count = ATA_REASON_PACKET | ATA_REASON_TO_HOST;
}

/* Fixed sense, as scsi_put_sense has made it. */
static uint32_t sense_of(const struct scsi_command *s)
{
    if (s->overrun) {
        return SENSE_BAD_FIELD;
    }
    return s->status == SCSI_GOOD ? SENSE_NONE
                                  : SCSI_SENSE(s->sense[2], s->sense[12], s->sense[13]);
}

/* Of a step: the unit refused it, which ends the packet. */
static bool refused(struct ata_command *c)
{
    const uint32_t sense = sense_of(&c->scsi);
    if (sense) {
        fail_packet(c, sense);
        ata_stepped(c);
    }
    return sense;
}

/* ---- what a packet says */

static bool is_read(const uint8_t *packet)
{
    return packet[0] == OP_READ_10 || packet[0] == OP_READ_12 || packet[0] == OP_READ_CD;
}

/* READ CD of what READ gives; other forms are refused by the unit. */
static bool is_user_data(const uint8_t *packet)
{
    return (packet[9] & 0xfe) == USER_DATA && !(packet[10] & 7);
}

/* The first block and the number of blocks. */
static void read_extent(const uint8_t *packet, uint64_t *lba, uint64_t *blocks)
{
    *lba = load_be32(packet + 2);
    *blocks = packet[0] == OP_READ_10   ? load_be16(packet + 7)
              : packet[0] == OP_READ_12 ? load_be32(packet + 6)
              : is_user_data(packet)    ? load_be32(packet + 5) & 0xffffff
                                        : 0;
}

static uint32_t bytes_out(const uint8_t *packet)
{
    return packet[0] == OP_MODE_SELECT_10  ? load_be16(packet + 7)
           : packet[0] == OP_MODE_SELECT_6 ? packet[4]
                                           : 0;
}

void ata_take_packet(struct ata_command *c)
{
    const uint8_t *p = c->packet;
    uint64_t lba, blocks;
    c->wants_packet = false;
    c->filled = c->taken = 0;
    c->left = 0;
    c->direction = ATA_NO_DATA;
    if (p[0] != OP_REQUEST_SENSE) {
        c->drive->packet_sense = SENSE_NONE;
    }
    if (is_read(p)) {
        read_extent(p, &lba, &blocks);
        c->at = lba;
        c->left = blocks * CD_BLOCK;
        c->direction = blocks ? ATA_IN : ATA_NO_DATA;
    } else if (bytes_out(p)) {
        c->left = bytes_out(p);
        c->direction = ATA_OUT;
    } else {
        c->direction = ATA_IN; /* as much as the reply has, which may be nothing */
    }
}

/* Blocks of data by PIO are at most as long as the driver says (SFF-8020i 5.8). 0, with which
 * drivers send what has no data, is taken for the most. */
static void begin_packet(struct ide_drive *d, struct ata_command *c)
{
    const uint32_t most = c->regs.lba >> 8 & 0xffff;
    (void)d;
    c->dma = c->regs.features & FEATURE_DMA;
    c->block = most == 0 || most == 0xffff ? 0xfffe : most > 1 ? most & ~1u : 2;
    if (c->has_packet) {
        ata_take_packet(c);
        return;
    }
    c->wants_packet = true;
    c->direction = ATA_OUT;
    c->left = ATA_PACKET_BYTES;
}

/* ---- steps */

/* Hands the memory of the step what buffer has. */
static void give(struct ata_command *c)
{
    ata_give_bytes(c);
    if (c->left == 0) {
        end_packet(c);
    }
    ata_stepped(c);
}

static void run(struct ata_command *c, void (*done)(struct scsi_command *s))
{
    c->scsi.unit = &c->drive->unit;
    c->scsi.done = done;
    scsi_unit_run(&c->scsi);
}

/* READ of so many blocks from where the packet stands, into the pieces. */
static void run_read(struct ata_command *c, struct iovec *iov, unsigned count, uint64_t blocks,
                     void (*done)(struct scsi_command *s))
{
    c->scsi = (struct scsi_command){
        .cdb[0] = OP_READ_12, .in = iov, .in_count = count, .in_bytes = blocks * CD_BLOCK};
    store_be32(c->scsi.cdb + 2, (uint32_t)c->at);
    store_be32(c->scsi.cdb + 6, (uint32_t)blocks);
    c->piece.iov_len = blocks * CD_BLOCK;
    run(c, done);
}

static void read_done(struct scsi_command *s)
{
    struct ata_command *c = of(s);
    if (refused(c)) {
        return;
    }
    c->at += s->moved / CD_BLOCK;
    c->moved = s->moved;
    c->left -= s->moved;
    if (c->left == 0) {
        end_packet(c);
    }
    ata_stepped(c);
}

static void buffer_read(struct scsi_command *s)
{
    struct ata_command *c = of(s);
    if (refused(c)) {
        return;
    }
    c->at += s->moved / CD_BLOCK;
    c->filled = (uint32_t)s->moved;
    c->taken = 0;
    give(c);
}

static void step_read(struct ata_command *c)
{
    const uint64_t wanted = c->left < c->iov_bytes ? c->left : c->iov_bytes;
    const uint64_t blocks = c->left / CD_BLOCK, most = ATA_BUFFER_BYTES / CD_BLOCK;
    if (c->taken < c->filled) {
        give(c);
    } else if (c->dma && wanted >= CD_BLOCK) {
        run_read(c, c->iov, c->iov_count, wanted / CD_BLOCK, read_done);
    } else {
        c->piece.iov_base = c->buffer;
        run_read(c, &c->piece, 1, blocks < most ? blocks : most, buffer_read);
    }
}

static void reply_done(struct scsi_command *s)
{
    struct ata_command *c = of(s);
    if (refused(c)) {
        return;
    }
    c->replied = true;
    c->filled = c->direction == ATA_IN ? (uint32_t)s->moved : 0;
    c->left = c->filled;
    c->taken = 0;
    if (c->left == 0) {
        end_packet(c);
        ata_stepped(c);
        return;
    }
    give(c);
}

/* The last packet failed, and this one asks why (SFF-8020i 10.8.18). */
static bool tell_sense(struct ata_command *c)
{
    struct ide_drive *d = c->drive;
    if (c->packet[0] != OP_REQUEST_SENSE || !d->packet_sense) {
        return false;
    }
    const unsigned n = scsi_put_sense(c->buffer, d->packet_sense, false);
    d->packet_sense = SENSE_NONE;
    c->replied = true;
    c->filled = c->packet[4] < n ? c->packet[4] : n;
    c->taken = 0;
    c->left = c->filled;
    give(c);
    return true;
}

static void step_reply(struct ata_command *c)
{
    if (c->replied) {
        give(c);
        return;
    }
    if (tell_sense(c)) {
        return;
    }
    c->scsi = (struct scsi_command){.unit = &c->drive->unit};
    memcpy(c->scsi.cdb, c->packet, ATA_PACKET_BYTES);
    c->piece = (struct iovec){c->buffer, ATA_BUFFER_BYTES};
    if (c->direction == ATA_OUT) {
        c->piece.iov_len = c->filled;
        c->scsi.out = &c->piece;
        c->scsi.out_count = 1;
        c->scsi.out_bytes = c->filled;
    } else {
        c->scsi.in = &c->piece;
        c->scsi.in_count = 1;
        c->scsi.in_bytes = ATA_BUFFER_BYTES;
    }
    run(c, reply_done);
}

/* Parameters from the host; the command runs when all are there. */
static void step_parameters(struct ata_command *c)
{
    ata_take_bytes(c);
    if (c->left) {
        ata_stepped(c);
    } else {
        step_reply(c);
    }
}

static void step_packet(struct ide_drive *d, struct ata_command *c)
{
    (void)d;
    if (is_read(c->packet)) {
        if (c->left) {
            step_read(c);
        } else {
            step_reply(c); /* of no blocks: a medium is there, or not */
        }
    } else if (c->direction == ATA_OUT) {
        step_parameters(c);
    } else {
        step_reply(c);
    }
}

const struct ata_row ata_packet_rows[] = {
    {0xa0, 0xa0, ATA_ROW_CD, begin_packet, step_packet},
    {0},
};
