/* SPDX-License-Identifier: MIT */
/*
 * Mode pages (SPC 6.11 to 6.14, 7.5; SBC 6.5; MMC 7): error recovery, geometry, caching, control,
 * capabilities of a CD drive. The write cache's switch is all that can be changed.
 */
#include "base/bits.h"
#include "hw/scsi/scsi_unit.h"

enum {
    PAGE_RECOVERY = 0x01,
    PAGE_GEOMETRY = 0x04,
    PAGE_CACHING = 0x08,
    PAGE_CONTROL = 0x0a,
    PAGE_CAPABILITIES = 0x2a,
    PAGE_ALL = 0x3f,

    VALUES_CURRENT = 0,
    VALUES_CHANGEABLE = 1,
    VALUES_SAVED = 3,

    WCE = 1 << 2,
    MODE_MAX = 256,
};

/* ---- pages: each puts its bytes behind the two of its header, and returns how many */

static unsigned put_recovery(const struct scsi_unit *d, uint8_t *p)
{
    p[0] = 0x80; /* bad blocks are replaced as they are written */
    if (d->type == SCSI_TYPE_CDROM) {
        p[1] = 0x20; /* retries */
        return 6;
    }
    return 10;
}

static unsigned put_geometry(const struct scsi_unit *d, uint8_t *p)
{
    const uint64_t cylinders = scsi_blocks(d) / (16 * 63);
    store_be32(p, (uint32_t)(cylinders < 0xffffff ? cylinders : 0xffffff) << 8);
    p[3] = 16;
    store_be16(p + 18, d->rotation_rate > 1 ? d->rotation_rate : 5400);
    return 22;
}

static unsigned put_caching(const struct scsi_unit *d, uint8_t *p)
{
    p[0] = d->write_cached ? WCE : 0;
    return 18;
}

static unsigned put_control(const struct scsi_unit *d, uint8_t *p)
{
    (void)d;
    p[1] = 0x10; /* commands may be reordered */
    return 10;
}

static unsigned put_capabilities(const struct scsi_unit *d, uint8_t *p)
{
    p[0] = 0x3b; /* reads CD-R, CD-RW, by method 2, DVD-ROM, DVD-R */
    p[2] = 0x7f; /* audio, digital output, mode 2 forms, several sessions */
    p[3] = 0xff; /* audio data, subchannels, ISRC, UPC, bar codes */
    p[4] = (uint8_t)(0x29 | (d->locked ? 2 : 0)); /* a tray, with a lock and an eject button */
    store_be16(p + 6, 50 * 176);                  /* KB a second at most */
    store_be16(p + 8, 2);                         /* volumes */
    store_be16(p + 10, 2048);                     /* KB of buffer */
    store_be16(p + 12, 16 * 176);                 /* KB a second now */
    store_be16(p + 16, 16 * 176);
    return 20;
}

static const struct {
    uint8_t code;
    bool disk, cd;
    unsigned (*put)(const struct scsi_unit *d, uint8_t *p);
} pages[] = {
    {PAGE_RECOVERY, true, true, put_recovery},
    {PAGE_GEOMETRY, true, false, put_geometry},
    {PAGE_CACHING, true, true, put_caching},
    {PAGE_CONTROL, true, true, put_control},
    {PAGE_CAPABILITIES, false, true, put_capabilities},
};

/* Appends the page with the values that are asked for; returns its bytes, 0 if there is none. */
static unsigned put_page(const struct scsi_unit *d, size_t i, unsigned values, uint8_t *out)
{
    const bool cd = d->type == SCSI_TYPE_CDROM;
    if (cd ? !pages[i].cd : !pages[i].disk) {
        return 0;
    }
    const unsigned n = pages[i].put(d, out + 2);
    if (values == VALUES_CHANGEABLE) {
        memset(out + 2, 0, n);
        out[2] = pages[i].code == PAGE_CACHING && !cd ? WCE : 0;
    }
    out[0] = pages[i].code;
    out[1] = (uint8_t)n;
    return 2 + n;
}

/* ---- MODE SENSE */

static bool is_long(const struct scsi_command *c)
{
    return c->cdb[0] & 0x40; /* the form with ten bytes */
}

static uint8_t medium_bits(const struct scsi_unit *d)
{
    const bool cd = d->type == SCSI_TYPE_CDROM;
    return (uint8_t)(d->mode_bits | (!cd && block_read_only(d->block) ? 0x80 : 0));
}

/* The block descriptor; returns its length. */
static unsigned put_descriptor(const struct scsi_unit *d, uint8_t *p)
{
    const uint64_t blocks = scsi_blocks(d);
    store_be32(p, blocks <= 0xffffff ? (uint32_t)blocks : 0);
    store_be32(p + 4, d->logical_block_size);
    return 8;
}

static void mode_sense(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[MODE_MAX] = {0};
    const unsigned code = c->cdb[2] & 0x3f, values = c->cdb[2] >> 6;
    const unsigned header = is_long(c) ? 8 : 4;
    const bool describes = !(c->cdb[1] & 8) && d->type == SCSI_TYPE_DISK;
    const uint16_t allocated = is_long(c) ? load_be16(c->cdb + 7) : c->cdb[4];
    unsigned n = header, found = 0;
    if (values == VALUES_SAVED) {
        scsi_finish(c, SENSE_NO_SAVED_PAGES);
        return;
    }
    os_mutex_lock(&d->lock);
    n += describes ? put_descriptor(d, out + n) : 0;
    for (size_t i = 0; i < array_len(pages); i++) {
        if (code == PAGE_ALL || code == pages[i].code) {
            const unsigned bytes = put_page(d, i, values, out + n);
            found += bytes > 0;
            n += bytes;
        }
    }
    os_mutex_unlock(&d->lock);
    if (!found && code) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    if (is_long(c)) {
        store_be16(out, (uint16_t)(n - 2));
        out[3] = medium_bits(d);
        store_be16(out + 6, describes ? 8 : 0);
    } else {
        out[0] = (uint8_t)(n - 1);
        out[2] = medium_bits(d);
        out[3] = describes ? 8 : 0;
    }
    scsi_reply(c, out, n, allocated);
}

/* ---- MODE SELECT */

/* A page may only say what is the case, but for the write cache. */
static uint32_t select_page(struct scsi_unit *d, const uint8_t *p, unsigned n, bool *cached)
{
    uint8_t now[MODE_MAX] = {0}, mask[MODE_MAX] = {0};
    for (size_t i = 0; i < array_len(pages); i++) {
        if (pages[i].code != (p[0] & 0x7f)) {
            continue;
        }
        const unsigned bytes = put_page(d, i, VALUES_CURRENT, now);
        put_page(d, i, VALUES_CHANGEABLE, mask);
        if (bytes == 0 || bytes != n) {
            return SENSE_BAD_PARAMETER;
        }
        for (unsigned k = 2; k < n; k++) {
            if ((p[k] ^ now[k]) & ~mask[k]) {
                return SENSE_BAD_PARAMETER;
            }
        }
        if (pages[i].code == PAGE_CACHING) {
            *cached = p[2] & WCE;
        }
        return SENSE_NONE;
    }
    return SENSE_BAD_PARAMETER;
}

static uint32_t select_pages(struct scsi_unit *d, const uint8_t *p, unsigned n, bool *cached)
{
    while (n) {
        if (n < 2 || (p[0] & 0x40) || p[1] + 2u > n) { /* no subpages */
            return n < 2 || p[1] + 2u > n ? SENSE_BAD_PARAMETER_LENGTH : SENSE_BAD_PARAMETER;
        }
        const uint32_t sense = select_page(d, p, p[1] + 2u, cached);
        if (sense) {
            return sense;
        }
        n -= p[1] + 2u;
        p += p[1] + 2;
    }
    return SENSE_NONE;
}

static uint32_t check_header(const struct scsi_unit *d, const struct scsi_command *c,
                             const uint8_t *p, unsigned n, unsigned *pages_at)
{
    const unsigned header = is_long(c) ? 8 : 4;
    if (n < header) {
        return SENSE_BAD_PARAMETER_LENGTH;
    }
    const unsigned descriptor = is_long(c) ? load_be16(p + 6) : p[3];
    if (descriptor != 0 && descriptor != 8) {
        return SENSE_BAD_PARAMETER;
    }
    if (header + descriptor > n) {
        return SENSE_BAD_PARAMETER_LENGTH;
    }
    if (descriptor && (load_be32(p + header + 4) & 0xffffff) != d->logical_block_size) {
        return SENSE_BAD_PARAMETER;
    }
    *pages_at = header + descriptor;
    return SENSE_NONE;
}

static void mode_select(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t in[MODE_MAX] = {0};
    const unsigned n = is_long(c) ? load_be16(c->cdb + 7) : c->cdb[4];
    unsigned at = 0;
    if (n > c->out_bytes) {
        c->overrun = true;
        scsi_finish(c, SENSE_NONE);
        return;
    }
    if (!(c->cdb[1] & 0x10) || (c->cdb[1] & 1) || n > sizeof(in)) {
        scsi_finish(c, SENSE_BAD_FIELD); /* pages of the standard's form, none of them saved */
        return;
    }
    if (n == 0) {
        scsi_finish(c, SENSE_NONE);
        return;
    }
    c->moved = scsi_out_read(c, 0, in, n);
    uint32_t sense = check_header(d, c, in, n, &at);
    os_mutex_lock(&d->lock);
    bool cached = d->write_cached;
    sense = sense ? sense : select_pages(d, in + at, n - at, &cached);
    const bool flushes = !sense && d->write_cached && !cached;
    d->write_cached = sense ? d->write_cached : cached;
    os_mutex_unlock(&d->lock);
    if (flushes) {
        scsi_flush(c);
    } else {
        scsi_finish(c, sense);
    }
}

const struct scsi_row scsi_mode_rows[] = {
    {0x15, 0, mode_select},
    {0x55, 0, mode_select},
    {0x1a, 0, mode_sense},
    {0x5a, 0, mode_sense},
    {0},
};
