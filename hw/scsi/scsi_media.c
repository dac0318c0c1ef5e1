/* SPDX-License-Identifier: MIT */
/*
 * Media that come and go (SBC 5.25 START STOP UNIT, SPC 6.32), and what CD and DVD drives say of
 * them (MMC 6). Discs are data in one session with one track, without copy protection.
 */
#include "base/bits.h"
#include "hw/scsi/scsi_unit.h"

enum {
    PROFILE_CD_ROM = 0x0008,
    PROFILE_DVD_ROM = 0x0010,
    CD_BLOCKS_MAX = 80 * 60 * 75,
    LEAD_IN_FRAMES = 150,
    LEAD_OUT = 0xaa,

    EVENT_NONE = 0,
    EVENT_EJECT_REQUEST = 1,
    EVENT_NEW_MEDIA = 2,
    EVENT_REMOVAL = 3,
    CLASS_MEDIA = 4,
};

uint32_t scsi_medium_state(struct scsi_unit *d)
{
    if (d->tray_open) {
        return SENSE_TRAY_OPEN;
    }
    if (block_is_empty(d->block)) {
        return SENSE_NO_MEDIUM;
    }
    return d->stopped ? SENSE_NOT_READY : SENSE_NONE;
}

/* ---- all removable media */

static void start_stop(struct scsi_unit *d, struct scsi_command *c)
{
    const bool start = c->cdb[4] & 1, eject = c->cdb[4] & 2;
    uint32_t sense = SENSE_NONE;
    os_mutex_lock(&d->lock);
    if (c->cdb[4] >> 4) { /* a power condition: nothing turns here */
        sense = SENSE_NONE;
    } else if (eject && d->removable) {
        if (!start && d->locked) {
            sense = SENSE_REMOVAL_PREVENTED;
        } else {
            d->media_event = d->tray_open == !start ? d->media_event
                             : start                ? EVENT_NEW_MEDIA
                                                    : EVENT_REMOVAL;
            d->tray_open = !start;
            d->stopped = false;
        }
    } else {
        d->stopped = !start;
    }
    os_mutex_unlock(&d->lock);
    scsi_finish(c, sense);
}

static void prevent_removal(struct scsi_unit *d, struct scsi_command *c)
{
    os_mutex_lock(&d->lock);
    d->locked = c->cdb[4] & 1;
    os_mutex_unlock(&d->lock);
    scsi_finish(c, SENSE_NONE);
}

/* ---- GET CONFIGURATION (MMC 6.6) */

static bool is_dvd(const struct scsi_unit *d)
{
    return scsi_blocks(d) > CD_BLOCKS_MAX;
}

static unsigned current_profile(struct scsi_unit *d)
{
    return scsi_medium_state(d) ? 0 : is_dvd(d) ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
}

static unsigned put_feature(uint8_t *at, unsigned code, unsigned flags, const void *data, size_t n)
{
    store_be16(at, (uint16_t)code);
    at[2] = (uint8_t)flags; /* version << 2 | persistent << 1 | current */
    at[3] = (uint8_t)n;
    memcpy(at + 4, data, n);
    return 4 + (unsigned)n;
}

/* Appends the features from `first` on that the request's type wants. */
static unsigned put_features(struct scsi_unit *d, uint8_t *out, unsigned first, unsigned type)
{
    const unsigned profile = current_profile(d);
    const bool dvd = profile == PROFILE_DVD_ROM, cd = profile == PROFILE_CD_ROM;
    const uint8_t profiles[8] = {0, PROFILE_DVD_ROM, dvd, 0, 0, PROFILE_CD_ROM, cd, 0};
    static const uint8_t core[8] = {0, 0, 0, 1, 1}, morphing[4] = {2}, removable[4] = {0x29};
    static const uint8_t none[4] = {0};
    const struct {
        unsigned code, flags;
        const uint8_t *data;
        size_t n;
    } rows[] = {
        {0x0000, 0x03, profiles, 8},  {0x0001, 0x0b, core, 8},       {0x0002, 0x07, morphing, 4},
        {0x0003, 0x03, removable, 4}, {0x001e, 0x08u | cd, none, 4}, {0x001f, 0x04u | dvd, none, 4},
    };
    unsigned n = 0;
    for (size_t i = 0; i < array_len(rows); i++) {
        const bool now = rows[i].flags & 1;
        if (type == 2 ? rows[i].code == first
                      : rows[i].code >= first && (type == 0 || (type == 1 && now))) {
            n += put_feature(out + n, rows[i].code, rows[i].flags, rows[i].data, rows[i].n);
        }
    }
    return n;
}

static void get_configuration(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[128] = {0};
    const unsigned type = c->cdb[1] & 3;
    if (type == 3) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    os_mutex_lock(&d->lock);
    const unsigned n = 8 + put_features(d, out + 8, load_be16(c->cdb + 2), type);
    store_be16(out + 6, (uint16_t)current_profile(d));
    os_mutex_unlock(&d->lock);
    store_be32(out, n - 4);
    scsi_reply(c, out, n, load_be16(c->cdb + 7));
}

/* ---- GET EVENT STATUS NOTIFICATION (MMC 6.7) */

static void get_event(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[8] = {0};
    const bool media = c->cdb[4] & 1 << CLASS_MEDIA;
    if (!(c->cdb[1] & 1)) { /* events are asked for, never waited for */
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    out[3] = 1 << CLASS_MEDIA;
    if (!media) {
        out[1] = 2;
        out[2] = 0x80;
        scsi_reply(c, out, 4, load_be16(c->cdb + 7));
        return;
    }
    os_mutex_lock(&d->lock);
    out[1] = 6;
    out[2] = CLASS_MEDIA;
    out[4] = d->media_event;
    out[5] = (uint8_t)((d->tray_open ? 1 : 0) |
                       (!d->tray_open && !block_is_empty(d->block) ? 2 : 0));
    d->media_event = EVENT_NONE;
    os_mutex_unlock(&d->lock);
    scsi_reply(c, out, 8, load_be16(c->cdb + 7));
}

/* ---- READ TOC (MMC 6.25) */

static void put_address(uint8_t *at, uint64_t block, bool msf)
{
    if (msf) {
        const uint64_t frame = block + LEAD_IN_FRAMES;
        const uint64_t minute = frame / (75 * 60);
        at[1] = (uint8_t)(minute < 255 ? minute : 255);
        at[2] = (uint8_t)(frame / 75 % 60);
        at[3] = (uint8_t)(frame % 75);
    } else {
        store_be32(at, block < UINT32_MAX ? (uint32_t)block : UINT32_MAX);
    }
}

static unsigned put_track(uint8_t *at, unsigned track, uint64_t block, bool msf)
{
    at[1] = 0x14; /* data, its position in the subchannel */
    at[2] = (uint8_t)track;
    put_address(at + 4, block, msf);
    return 8;
}

/* A full TOC has points of a session in place of tracks. */
static unsigned put_point(uint8_t *at, unsigned point, const uint8_t *address)
{
    at[0] = 1; /* session */
    at[1] = 0x14;
    at[3] = (uint8_t)point;
    memcpy(at + 8, address, 3);
    return 11;
}

static unsigned put_full_toc(const struct scsi_unit *d, uint8_t *out)
{
    static const uint8_t first[3] = {1, 0, 0};
    uint8_t start[4] = {0}, end[4] = {0};
    unsigned n = 4;
    put_address(start, 0, true);
    put_address(end, scsi_blocks(d), true);
    out[2] = out[3] = 1;
    n += put_point(out + n, 0xa0, first);
    n += put_point(out + n, 0xa1, first);
    n += put_point(out + n, 0xa2, end + 1);
    n += put_point(out + n, 1, start + 1);
    return n;
}

static void read_toc(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[64] = {0};
    const bool msf = c->cdb[1] & 2;
    const unsigned format = c->cdb[2] & 0xf ? c->cdb[2] & 0xf : c->cdb[9] >> 6; /* SFF-8020 */
    const unsigned track = c->cdb[6];
    unsigned n = 4;
    out[2] = out[3] = 1; /* first and last track, or session */
    if (format == 0 && (track <= 1 || track == LEAD_OUT)) {
        n += track <= 1 ? put_track(out + n, 1, 0, msf) : 0;
        n += put_track(out + n, LEAD_OUT, scsi_blocks(d), msf);
    } else if (format == 1) {
        n += put_track(out + n, 1, 0, msf);
    } else if (format == 2) {
        n = put_full_toc(d, out);
    } else {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    store_be16(out, (uint16_t)(n - 2));
    scsi_reply(c, out, n, load_be16(c->cdb + 7));
}

/* ---- the disc */

static void read_disc_info(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[34] = {0};
    (void)d;
    if (c->cdb[1] & 7) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    out[1] = 32;
    out[2] = 0x0e;                /* complete, the last session too */
    out[3] = out[4] = out[5] = 1; /* tracks and sessions */
    out[6] = 1;
    out[7] = 0x20;             /* may be used without restriction */
    memset(out + 16, 0xff, 8); /* no lead-in of a further session */
    scsi_reply(c, out, sizeof(out), load_be16(c->cdb + 7));
}

/* READ DVD STRUCTURE: physical format, and that there is no copyright (MMC 6.22). */
static void read_structure(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[2052] = {0};
    const unsigned layer = c->cdb[6], format = c->cdb[7];
    unsigned n = 0;
    if ((c->cdb[1] & 0xf) || layer || !is_dvd(d)) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    if (format == 0) {
        const uint64_t last = scsi_blocks(d) - 1 + 0x30000;
        out[4] = 1;    /* DVD-ROM, version 1 */
        out[5] = 0x0f; /* 120 mm, any rate */
        out[6] = 1;    /* one layer */
        store_be32(out + 8, 0x30000);
        store_be32(out + 12, last < 0xffffff ? (uint32_t)last : 0xffffff);
        n = 4 + 2048;
    } else if (format == 1) {
        n = 4 + 4;
    } else {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    store_be16(out, (uint16_t)(n - 2));
    scsi_reply(c, out, n, load_be16(c->cdb + 8));
}

static void mechanism_status(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[8] = {0};
    os_mutex_lock(&d->lock);
    out[1] = d->tray_open ? 0x10 : 0;
    os_mutex_unlock(&d->lock);
    out[5] = 1; /* a slot */
    scsi_reply(c, out, sizeof(out), load_be16(c->cdb + 8));
}

/* SET CD SPEED (MMC 6.37): nothing turns. */
static void set_speed(struct scsi_unit *d, struct scsi_command *c)
{
    (void)d;
    scsi_finish(c, SENSE_NONE);
}

const struct scsi_row scsi_media_rows[] = {
    {0x1b, 0, start_stop},
    {0x1e, 0, prevent_removal},
    {0x46, ROW_ATTENTION | ROW_CD, get_configuration},
    {0x4a, ROW_ATTENTION | ROW_CD, get_event},
    {0x43, ROW_MEDIUM | ROW_CD, read_toc},
    {0x51, ROW_MEDIUM | ROW_CD, read_disc_info},
    {0xad, ROW_MEDIUM | ROW_CD, read_structure},
    {0xbb, ROW_CD, set_speed},
    {0xbd, ROW_CD, mechanism_status},
    {0},
};
