/* SPDX-License-Identifier: MIT */
/*
 * Logical units: their life, what happens to them, and how a command finds its function. Not
 * modelled: protection information, persistent reservations, burning of discs.
 */
#include "hw/scsi/scsi_unit.h"

#include "base/bits.h"
#include "hw/block/disk_identity.h"

enum {
    EVENT_EJECT_REQUEST = 1,
    EVENT_NEW_MEDIA = 2,
    EVENT_REMOVAL = 3,
};

/* ---- commands of all units (SPC 6) */

static void test_ready(struct scsi_unit *d, struct scsi_command *c)
{
    (void)d;
    scsi_finish(c, SENSE_NONE);
}

/* Sense goes with each status; what is left to be told is what waits. */
static void request_sense(struct scsi_unit *d, struct scsi_command *c)
{
    uint8_t out[SCSI_SENSE_BYTES];
    os_mutex_lock(&d->lock);
    const uint32_t sense = d->attention;
    d->attention = SENSE_NONE;
    os_mutex_unlock(&d->lock);
    const unsigned n = scsi_put_sense(out, sense, c->cdb[1] & 1);
    scsi_reply(c, out, n, c->cdb[4]);
}

static void report_luns(struct scsi_unit *d, struct scsi_command *c)
{
    if (!d->bus) { /* packets have no logical units */
        scsi_finish(c, SENSE_BAD_OPCODE);
        return;
    }
    os_mutex_lock(&d->lock);
    d->attention = d->attention == SENSE_LUNS_CHANGED ? SENSE_NONE : d->attention;
    os_mutex_unlock(&d->lock);
    scsi_report_luns(d->bus, d->scsi_id, c);
}

/* There is one initiator: nobody else can have reserved the unit. */
static void reserve(struct scsi_unit *d, struct scsi_command *c)
{
    (void)d;
    scsi_finish(c, c->cdb[1] & 1 ? SENSE_BAD_FIELD : SENSE_NONE);
}

static const struct scsi_row primary_rows[] = {
    {0x00, ROW_MEDIUM, test_ready},
    {0x03, ROW_ATTENTION, request_sense},
    {0x12, ROW_ATTENTION, scsi_inquiry},
    {0xa0, ROW_ATTENTION, report_luns},
    {0x16, 0, reserve},
    {0x17, 0, reserve},
    {0},
};

static const struct scsi_row *find_row(const struct scsi_unit *d, uint8_t opcode)
{
    static const struct scsi_row *const tables[] = {scsi_io_rows, primary_rows, scsi_mode_rows,
                                                    scsi_media_rows};
    const unsigned not_of = d->type == SCSI_TYPE_DISK ? ROW_CD : ROW_DISK;
    for (size_t i = 0; i < array_len(tables); i++) {
        for (const struct scsi_row *r = tables[i]; r->run; r++) {
            if (r->opcode == opcode) {
                return r->flags & not_of ? NULL : r;
            }
        }
    }
    return NULL;
}

/* What keeps a command from being done. */
static uint32_t refuse(struct scsi_unit *d, const struct scsi_row *r)
{
    uint32_t sense = SENSE_NONE;
    os_mutex_lock(&d->lock);
    if (d->attention && !(r && (r->flags & ROW_ATTENTION))) {
        sense = d->attention;
        d->attention = SENSE_NONE;
    } else if (!r) {
        sense = SENSE_BAD_OPCODE;
    } else if (r->flags & ROW_MEDIUM) {
        sense = scsi_medium_state(d);
    }
    if (!sense && (r->flags & ROW_WRITES) && block_read_only(d->block)) {
        sense = SENSE_WRITE_PROTECTED;
    }
    os_mutex_unlock(&d->lock);
    return sense;
}

void scsi_unit_run(struct scsi_command *c)
{
    const struct scsi_row *r = find_row(c->unit, c->cdb[0]);
    const uint32_t sense = refuse(c->unit, r);
    if (sense) {
        scsi_finish(c, sense);
    } else {
        r->run(c->unit, c);
    }
}

/* ---- what happens to the unit */

void scsi_unit_reset(struct scsi_unit *d, uint32_t attention)
{
    os_mutex_lock(&d->lock);
    d->attention = attention;
    d->locked = d->stopped = d->tray_open = false;
    d->media_event = 0;
    d->write_cached = disk_write_cache(d->block, d->write_cache);
    os_mutex_unlock(&d->lock);
}

/* The medium has another size, or there is another one. */
static void medium_changed(void *opaque)
{
    struct scsi_unit *d = opaque;
    const bool empty = block_is_empty(d->block);
    const uint32_t sense = !d->removable ? SENSE_CAPACITY_CHANGED
                           : empty       ? SENSE_NONE
                                         : SENSE_MEDIUM_CHANGED;
    os_mutex_lock(&d->lock);
    d->attention = sense ? sense : d->attention;
    if (d->removable) {
        d->media_event = empty ? EVENT_REMOVAL : EVENT_NEW_MEDIA;
        d->tray_open = d->stopped = false;
    }
    os_mutex_unlock(&d->lock);
    if (d->bus && d->bus->event && sense) {
        d->bus->event(d->bus, d, SCSI_UNIT_CHANGED, sense);
    }
}

/* The user wants the medium: a guest that has locked it is to let it go (MMC 6.7, eject request).
 */
static bool medium_wanted(void *opaque)
{
    struct scsi_unit *d = opaque;
    os_mutex_lock(&d->lock);
    const bool locked = d->locked;
    d->media_event = locked ? EVENT_EJECT_REQUEST : d->media_event;
    os_mutex_unlock(&d->lock);
    return locked;
}

/* ---- life */

static bool check_sizes(const struct scsi_unit *d, struct error *e)
{
    if (!disk_check_blocks(d->logical_block_size, d->physical_block_size, 32768, e) ||
        !disk_check_transfers(d->min_io_size, d->opt_io_size, d->logical_block_size, e)) {
        return false;
    }
    if (d->serial && strlen(d->serial) > 36) {
        return error_set(e, "serial=%s: at most 36 characters are accepted", d->serial);
    }
    if (d->scsi_version > 7) {
        return error_set(e, "scsi_version=%u: 0 to 7 are accepted", d->scsi_version);
    }
    return true;
}

/* A drive that was given none is empty. */
static bool open_block(struct scsi_unit *d, struct error *e)
{
    struct block_options empty = {.empty = true, .read_only = true};
    if (!d->drive && d->type == SCSI_TYPE_CDROM) {
        d->block = d->own_block = block_open(NULL, &empty, e);
    } else {
        d->block = disk_find(d->dev->machine, d->drive, d->removable, e);
    }
    return d->block;
}

static bool make(struct scsi_unit *d, unsigned depth, struct error *e)
{
    if (!check_sizes(d, e) || !open_block(d, e)) {
        return false;
    }
    block_set_errors(d->block, (enum block_on_error)d->rerror, (enum block_on_error)d->werror);
    if (d->removable) {
        block_set_removable(d->block, true);
    }
    d->disk.round_over = d->bus ? d->bus->round_over : NULL;
    d->disk.opaque = d->bus ? d->bus->opaque : NULL;
    return disk_thread_open(&d->disk, d->block, depth, d->dev->machine->config.counted, e);
}

static void choose_sizes(struct scsi_unit *d)
{
    if (d->logical_block_size == SCSI_NUMBER_ANY) {
        d->logical_block_size = d->type == SCSI_TYPE_CDROM ? 2048 : 512;
    }
    if (d->physical_block_size == SCSI_NUMBER_ANY) {
        d->physical_block_size = d->logical_block_size;
    }
}

bool scsi_unit_open(struct scsi_unit *d, struct device *dev, enum scsi_type type, unsigned depth,
                    struct error *e)
{
    d->dev = dev;
    d->type = type;
    d->removable = d->prop_removable || type == SCSI_TYPE_CDROM;
    choose_sizes(d);
    if (!make(d, depth, e)) {
        error_prefix(e, "%s: ", dev->cls->name);
        block_close(d->own_block);
        return false;
    }
    os_mutex_init(&d->lock);
    d->physical_exponent = (uint8_t)ctz32(d->physical_block_size / d->logical_block_size);
    d->mode_bits = d->dpofua ? 0x10 : 0;
    scsi_identify(d);
    block_on_resize(d->block, medium_changed, d);
    block_on_eject(d->block, d->removable ? medium_wanted : NULL, d);
    return true;
}

void scsi_unit_close(struct scsi_unit *d)
{
    block_on_resize(d->block, NULL, NULL);
    block_on_eject(d->block, NULL, NULL);
    disk_thread_close(&d->disk);
    block_close(d->own_block);
    os_mutex_destroy(&d->lock);
}

bool scsi_unit_check(const struct scsi_unit *d, struct error *e)
{
    return (d->attention >> 24 == 0 && d->media_event <= EVENT_REMOVAL) ||
           error_set(e, "what it has to tell is nothing that a unit can");
}
