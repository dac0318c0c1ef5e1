/* SPDX-License-Identifier: MIT */
/*
 * Commands that move blocks (SBC 5): READ, WRITE, VERIFY, SYNCHRONIZE CACHE, UNMAP, WRITE SAME,
 * READ CAPACITY. Data goes between the controller's memory and the file without a copy; what is
 * compared or repeated goes through a buffer, a piece at a time.
 */
#include <errno.h>

#include "base/bits.h"
#include "base/list.h"
#include "base/mem.h"
#include "hw/scsi/scsi_unit.h"

enum {
    PIECE_BYTES = 65536, /* at least, and at least a block */
    FUA = 1 << 3,
    USER_DATA = 1 << 4, /* READ CD */
    PROTECTION = 0xe0,
    UNMAP_BIT = 1 << 3, /* WRITE SAME */
    NO_DATA = 1 << 0,   /* WRITE SAME(16): zeros */
    UNMAP_HEADER = 8,
    UNMAP_DESCRIPTOR = 16,
    UNMAP_DESCRIPTORS_MAX = 255,
    SAME_BLOCKS_MAX = 0x200000,
};

uint64_t scsi_blocks(const struct scsi_unit *d)
{
    return block_size_bytes(d->block) / d->logical_block_size;
}

/* ---- requests to the disk */

static uint32_t sense_of(const struct block_request *b, int status)
{
    switch (-status) {
    case ENOSPC:
        return SENSE_NO_SPACE;
    case ENOMEDIUM:
        return SENSE_NO_MEDIUM;
    case EACCES:
    case EROFS:
        return SENSE_WRITE_PROTECTED;
    default:
        return b->op == BLOCK_READ ? SENSE_READ_ERROR : SENSE_WRITE_ERROR;
    }
}

static void request_done(struct block_request *b, int status)
{
    struct scsi_command *c = container_of(b, struct scsi_command, b);
    if (status < 0) {
        scsi_finish(c, sense_of(b, status));
    } else {
        c->step(c);
    }
}

/* op of bytes at byte `at` with count pieces; step follows if it ends well. */
static void submit(struct scsi_command *c, enum block_op op, uint64_t bytes,
                   const struct iovec *iov, unsigned count)
{
    const struct scsi_unit *d = c->unit;
    const bool writes = op == BLOCK_WRITE || op == BLOCK_WRITE_ZEROES;
    const unsigned flags = c->b.flags;
    c->b = (struct block_request){.op = op,
                                  .flags = flags | (writes && !d->write_cached ? BLOCK_FUA : 0),
                                  .offset = c->at,
                                  .bytes = bytes,
                                  .iov = iov,
                                  .iov_count = count,
                                  .done = request_done};
    block_queue_submit(c->unit->disk.queue, &c->b);
}

static void end_well(struct scsi_command *c)
{
    scsi_finish(c, SENSE_NONE);
}

/* The blocks that a CDB names: of 6, 10, 12 or 16 bytes. */
struct extent {
    uint64_t lba, blocks;
};

static struct extent extent_of(const uint8_t *cdb)
{
    switch (cdb[0] >> 5) {
    case 0:
        return (struct extent){load_be32(cdb) & 0x1fffff, cdb[4] ? cdb[4] : 256};
    case 4:
        return (struct extent){load_be64(cdb + 2), load_be32(cdb + 10)};
    case 5:
        return (struct extent){load_be32(cdb + 2), load_be32(cdb + 6)};
    default:
        return (struct extent){load_be32(cdb + 2), load_be16(cdb + 7)};
    }
}

/* Sets at and left by the CDB; false: the command has ended. */
static bool take_extent(struct scsi_unit *d, struct scsi_command *c)
{
    const struct extent x = extent_of(c->cdb);
    const uint64_t blocks = scsi_blocks(d);
    if (x.lba > blocks || x.blocks > blocks - x.lba) {
        scsi_finish(c, SENSE_BAD_LBA);
        return false;
    }
    c->at = x.lba * d->logical_block_size;
    c->left = x.blocks * d->logical_block_size;
    return true;
}

/* No protection information is there to be checked (SBC 4.22). */
static bool no_protection(struct scsi_command *c)
{
    if (c->cdb[0] >> 5 != 0 && (c->cdb[1] & PROTECTION)) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return false;
    }
    return true;
}

static bool has_room(struct scsi_command *c, uint64_t there)
{
    if (c->left > there) {
        c->overrun = true;
        scsi_finish(c, SENSE_NONE);
        return false;
    }
    return true;
}

/* ---- READ, WRITE */

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

static bool forced(const struct scsi_command *c)
{
    return c->cdb[0] >> 5 != 0 && (c->cdb[1] & FUA);
}

static void read_blocks(struct scsi_unit *d, struct scsi_command *c)
{
    if (!no_protection(c) || !take_extent(d, c) || !has_room(c, c->in_bytes)) {
        return;
    }
    c->moved = c->left;
    c->step = end_well;
    submit(c, BLOCK_READ, c->left, c->in, cut(c->in, c->in_count, c->left));
}

/* READ CD (MMC 6.19) of a sector's user data, which is what READ gives. */
static void read_cd(struct scsi_unit *d, struct scsi_command *c)
{
    const uint8_t wanted = c->cdb[9];
    if ((wanted & 0xfe) != USER_DATA || (c->cdb[10] & 7)) {
        scsi_finish(c, wanted || (c->cdb[10] & 7) ? SENSE_BAD_FIELD : SENSE_NONE);
        return;
    }
    memmove(c->cdb + 7, c->cdb + 6, 3);
    c->cdb[0] = 0xa8; /* READ(12) */
    c->cdb[1] = c->cdb[6] = 0;
    read_blocks(d, c);
}

static void write_blocks(struct scsi_unit *d, struct scsi_command *c)
{
    if (!no_protection(c) || !take_extent(d, c) || !has_room(c, c->out_bytes)) {
        return;
    }
    c->moved = c->left;
    c->step = end_well;
    c->b.flags = forced(c) ? BLOCK_FUA : 0;
    submit(c, BLOCK_WRITE, c->left, c->out, cut(c->out, c->out_count, c->left));
}

void scsi_flush(struct scsi_command *c)
{
    c->at = 0;
    c->step = end_well;
    submit(c, BLOCK_FLUSH, 0, NULL, 0);
}

static void sync_cache(struct scsi_unit *d, struct scsi_command *c)
{
    if (take_extent(d, c)) {
        scsi_flush(c);
    }
}

/* ---- VERIFY */

static uint64_t piece_bytes(const struct scsi_command *c)
{
    return c->left < PIECE_BYTES ? c->left : PIECE_BYTES;
}

static void verify_next(struct scsi_command *c)
{
    if (c->left == 0) {
        scsi_finish(c, SENSE_NONE);
        return;
    }
    c->piece = (struct iovec){c->buffer, piece_bytes(c)};
    submit(c, BLOCK_READ, c->piece.iov_len, &c->piece, 1);
}

static void verify_piece(struct scsi_command *c)
{
    uint8_t said[512];
    const size_t n = c->piece.iov_len;
    for (size_t i = 0; i < n; i += sizeof(said)) {
        const size_t part = n - i < sizeof(said) ? n - i : sizeof(said);
        scsi_out_read(c, c->moved + i, said, part);
        if (memcmp(said, c->buffer + i, part) != 0) {
            scsi_finish(c, SENSE_MISCOMPARE);
            return;
        }
    }
    c->moved += n;
    c->at += n;
    c->left -= n;
    verify_next(c);
}

/* Each piece on the medium is what the driver has, if it says so. */
static void verify(struct scsi_unit *d, struct scsi_command *c)
{
    const unsigned compares = c->cdb[1] >> 1 & 3;
    if (!no_protection(c) || !take_extent(d, c)) {
        return;
    }
    if (compares == 0) {
        scsi_finish(c, SENSE_NONE);
    } else if (compares != 1) {
        scsi_finish(c, SENSE_BAD_FIELD);
    } else if (has_room(c, c->out_bytes)) {
        c->buffer = mem_alloc(PIECE_BYTES);
        c->step = verify_piece;
        verify_next(c);
    }
}

/* ---- WRITE SAME */

static void same_next(struct scsi_command *c);

static void same_piece(struct scsi_command *c)
{
    c->at += c->piece.iov_len;
    c->left -= c->piece.iov_len;
    same_next(c);
}

static void same_next(struct scsi_command *c)
{
    if (c->left == 0) {
        scsi_finish(c, SENSE_NONE);
        return;
    }
    const uint64_t room = c->index; /* bytes of the buffer that are filled */
    c->piece = (struct iovec){c->buffer, c->left < room ? c->left : room};
    submit(c, BLOCK_WRITE, c->piece.iov_len, &c->piece, 1);
}

static bool all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static void write_same(struct scsi_unit *d, struct scsi_command *c)
{
    const size_t block = d->logical_block_size;
    const bool no_data = c->cdb[0] == 0x93 && (c->cdb[1] & NO_DATA);
    const uint64_t blocks = extent_of(c->cdb).blocks;
    if (!no_protection(c) || !take_extent(d, c)) {
        return;
    }
    if (blocks == 0 || blocks > SAME_BLOCKS_MAX || (c->cdb[1] & 0x10)) { /* no anchors */
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    if (!no_data && c->out_bytes < block) {
        c->overrun = true;
        scsi_finish(c, SENSE_NONE);
        return;
    }
    c->buffer = mem_alloc(block > PIECE_BYTES ? block : PIECE_BYTES); /* zeros */
    c->moved = no_data ? 0 : scsi_out_read(c, 0, c->buffer, block);
    if (all_zero(c->buffer, block)) {
        c->b.flags = c->cdb[1] & UNMAP_BIT ? BLOCK_MAY_UNMAP : 0;
        c->step = end_well;
        submit(c, BLOCK_WRITE_ZEROES, c->left, NULL, 0);
        return;
    }
    for (c->index = (uint32_t)block; c->index + block <= PIECE_BYTES; c->index += (uint32_t)block) {
        memcpy(c->buffer + c->index, c->buffer, block);
    }
    c->step = same_piece;
    same_next(c);
}

/* ---- UNMAP */

static void unmap_next(struct scsi_command *c)
{
    const struct scsi_unit *d = c->unit;
    while (c->left >= UNMAP_DESCRIPTOR) {
        const uint8_t *p = c->buffer + UNMAP_HEADER + UNMAP_DESCRIPTOR * (size_t)c->index++;
        const uint64_t lba = load_be64(p), n = load_be32(p + 8), blocks = scsi_blocks(d);
        c->left -= UNMAP_DESCRIPTOR;
        if (lba > blocks || n > blocks - lba) { /* the medium has changed its size meanwhile */
            scsi_finish(c, SENSE_BAD_LBA);
            return;
        }
        if (n) {
            c->at = lba * d->logical_block_size;
            submit(c, BLOCK_DISCARD, n * d->logical_block_size, NULL, 0);
            return;
        }
    }
    scsi_finish(c, SENSE_NONE);
}

/* All is looked at before anything is done. */
static uint32_t check_unmap(const struct scsi_unit *d, const uint8_t *list, uint64_t bytes)
{
    const uint64_t blocks = scsi_blocks(d), most = d->max_unmap_size / d->logical_block_size;
    if (bytes / UNMAP_DESCRIPTOR > UNMAP_DESCRIPTORS_MAX) {
        return SENSE_BAD_PARAMETER;
    }
    for (uint64_t i = 0; i + UNMAP_DESCRIPTOR <= bytes; i += UNMAP_DESCRIPTOR) {
        const uint64_t lba = load_be64(list + i), n = load_be32(list + i + 8);
        if (lba > blocks || n > blocks - lba) {
            return SENSE_BAD_LBA;
        }
        if (n > most) {
            return SENSE_BAD_PARAMETER;
        }
    }
    return SENSE_NONE;
}

static void unmap(struct scsi_unit *d, struct scsi_command *c)
{
    const uint64_t n = load_be16(c->cdb + 7);
    if (n > c->out_bytes) {
        c->overrun = true;
        scsi_finish(c, SENSE_NONE);
        return;
    }
    if ((c->cdb[1] & 1) || (n && n < UNMAP_HEADER)) {
        scsi_finish(c, n && n < UNMAP_HEADER ? SENSE_BAD_PARAMETER_LENGTH : SENSE_BAD_FIELD);
        return;
    }
    c->buffer = mem_alloc(n + UNMAP_HEADER);
    c->moved = scsi_out_read(c, 0, c->buffer, n);
    c->left = n ? load_be16(c->buffer + 2) : 0;
    if (n && (load_be16(c->buffer) < c->left + 6 || n < c->left + UNMAP_HEADER)) {
        scsi_finish(c, SENSE_BAD_PARAMETER_LENGTH);
        return;
    }
    const uint32_t sense = check_unmap(d, c->buffer + UNMAP_HEADER, c->left);
    if (sense) {
        scsi_finish(c, sense);
        return;
    }
    c->step = unmap_next;
    unmap_next(c);
}

/* ---- READ CAPACITY */

static void capacity_10(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[8];
    const uint64_t last = scsi_blocks(d) - 1;
    if (scsi_blocks(d) == 0) {
        scsi_finish(c, SENSE_NO_MEDIUM);
        return;
    }
    if (!(c->cdb[8] & 1) && load_be32(c->cdb + 2)) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    store_be32(out, last < UINT32_MAX ? (uint32_t)last : UINT32_MAX);
    store_be32(out + 4, d->logical_block_size);
    scsi_reply(c, out, sizeof(out), sizeof(out));
}

/* SERVICE ACTION IN(16) has READ CAPACITY(16) alone. */
static void service_in(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[32] = {0};
    if ((c->cdb[1] & 0x1f) != 0x10) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    if (scsi_blocks(d) == 0) {
        scsi_finish(c, SENSE_NO_MEDIUM);
        return;
    }
    store_be64(out, scsi_blocks(d) - 1);
    store_be32(out + 8, d->logical_block_size);
    out[13] = d->physical_exponent;
    out[14] = block_can_discard(d->block) && d->type == SCSI_TYPE_DISK ? 0x80 : 0;
    scsi_reply(c, out, sizeof(out), load_be32(c->cdb + 10));
}

static void seek(struct scsi_unit *d, struct scsi_command *c)
{
    const uint64_t lba = c->cdb[0] == 0x0b ? load_be32(c->cdb) & 0x1fffff : load_be32(c->cdb + 2);
    scsi_finish(c, lba < scsi_blocks(d) ? SENSE_NONE : SENSE_BAD_LBA);
}

const struct scsi_row scsi_io_rows[] = {
    {0x08, ROW_MEDIUM, read_blocks},
    {0x28, ROW_MEDIUM, read_blocks},
    {0xa8, ROW_MEDIUM, read_blocks},
    {0x88, ROW_MEDIUM, read_blocks},
    {0xbe, ROW_MEDIUM | ROW_CD, read_cd},
    {0x0a, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0x2a, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0xaa, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0x8a, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0x2e, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks}, /* and verify: the host does that */
    {0xae, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0x8e, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_blocks},
    {0x2f, ROW_MEDIUM, verify},
    {0xaf, ROW_MEDIUM, verify},
    {0x8f, ROW_MEDIUM, verify},
    {0x35, ROW_MEDIUM, sync_cache},
    {0x91, ROW_MEDIUM, sync_cache},
    {0x41, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_same},
    {0x93, ROW_MEDIUM | ROW_WRITES | ROW_DISK, write_same},
    {0x42, ROW_MEDIUM | ROW_WRITES | ROW_DISK, unmap},
    {0x25, ROW_MEDIUM, capacity_10},
    {0x9e, ROW_MEDIUM, service_in},
    {0x0b, ROW_MEDIUM, seek},
    {0x2b, ROW_MEDIUM, seek},
    {0},
};
