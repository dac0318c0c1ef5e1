/* SPDX-License-Identifier: MIT */
/*
 * Logical units as devices: scsi-hd and scsi-cd, their properties and life, and how a command finds
 * its function. Not modelled: protection information, persistent reservations, burning of discs.
 */
#include "hw/scsi/scsi_disk.h"

#include "base/bits.h"
#include "base/list.h"
#include "hw/block/disk_identity.h"
#include "hw/virtio/virtio.h" /* on, off, auto */

enum {
    EVENT_NEW_MEDIA = 2,
    EVENT_REMOVAL = 3,
};

static struct scsi_disk *disk_of(struct device *d)
{
    return (struct scsi_disk *)d;
}

/* ---- commands of all units (SPC 6) */

static void test_ready(struct scsi_disk *d, struct scsi_command *c)
{
    (void)d;
    scsi_finish(c, SENSE_NONE);
}

/* Sense goes with each status; what is left to be told is what waits. */
static void request_sense(struct scsi_disk *d, struct scsi_command *c)
{
    uint8_t out[SCSI_SENSE_BYTES];
    os_mutex_lock(&d->lock);
    const uint32_t sense = d->attention;
    d->attention = SENSE_NONE;
    os_mutex_unlock(&d->lock);
    const unsigned n = scsi_put_sense(out, sense, c->cdb[1] & 1);
    scsi_reply(c, out, n, c->cdb[4]);
}

static void report_luns(struct scsi_disk *d, struct scsi_command *c)
{
    os_mutex_lock(&d->lock);
    d->attention = d->attention == SENSE_LUNS_CHANGED ? SENSE_NONE : d->attention;
    os_mutex_unlock(&d->lock);
    scsi_report_luns(d->bus, d->scsi_id, c);
}

/* There is one initiator: nobody else can have reserved the unit. */
static void reserve(struct scsi_disk *d, struct scsi_command *c)
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

static const struct scsi_row *find_row(const struct scsi_disk *d, uint8_t opcode)
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
static uint32_t refuse(struct scsi_disk *d, const struct scsi_row *r)
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

void scsi_run(struct disk_job *j)
{
    struct scsi_command *c = container_of(j, struct scsi_command, job);
    const struct scsi_row *r = find_row(c->unit, c->cdb[0]);
    const uint32_t sense = refuse(c->unit, r);
    if (sense) {
        scsi_finish(c, sense);
    } else {
        r->run(c->unit, c);
    }
}

/* ---- what happens to the unit */

void scsi_unit_reset(struct scsi_disk *d, uint32_t attention)
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
    struct scsi_disk *d = opaque;
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
    if (d->bus->event && sense) {
        d->bus->event(d->bus, d, SCSI_UNIT_CHANGED, sense);
    }
}

/* ---- life */

static bool check_sizes(const struct scsi_disk *d, struct error *e)
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
static bool open_block(struct scsi_disk *d, struct error *e)
{
    struct block_options empty = {.empty = true, .read_only = true};
    if (!d->drive && d->type == SCSI_TYPE_CDROM) {
        d->block = d->own_block = block_open(NULL, &empty, e);
    } else {
        d->block = disk_find(d->dev.machine, d->drive, d->removable, e);
    }
    return d->block;
}

static bool make(struct scsi_disk *d, struct error *e)
{
    if (!check_sizes(d, e) || !open_block(d, e)) {
        return false;
    }
    block_set_errors(d->block, (enum block_on_error)d->rerror, (enum block_on_error)d->werror);
    if (d->removable) {
        block_set_removable(d->block, true);
    }
    d->disk.round_over = d->bus->round_over;
    d->disk.opaque = d->bus->opaque;
    return disk_thread_open(&d->disk, d->block, d->bus->depth, d->dev.machine->config.counted, e);
}

static bool disk_create(struct device *dev, struct error *e)
{
    struct scsi_disk *d = disk_of(dev);
    d->type = *(const enum scsi_type *)dev->cls->kind;
    d->removable = d->prop_removable || d->type == SCSI_TYPE_CDROM;
    if (d->logical_block_size == SCSI_NUMBER_ANY) {
        d->logical_block_size = d->type == SCSI_TYPE_CDROM ? 2048 : 512;
    }
    if (d->physical_block_size == SCSI_NUMBER_ANY) {
        d->physical_block_size = d->logical_block_size;
    }
    if (!make(d, e)) {
        error_prefix(e, "%s: ", dev->cls->name);
        block_close(d->own_block);
        return false;
    }
    os_mutex_init(&d->lock);
    d->physical_exponent = (uint8_t)ctz32(d->physical_block_size / d->logical_block_size);
    d->mode_bits = d->dpofua ? 0x10 : 0;
    scsi_identify(d);
    block_on_resize(d->block, medium_changed, d);
    return true;
}

static void disk_destroy(struct device *dev)
{
    struct scsi_disk *d = disk_of(dev);
    block_on_resize(d->block, NULL, NULL);
    disk_thread_close(&d->disk);
    block_close(d->own_block);
    os_mutex_destroy(&d->lock);
}

static void disk_reset(struct device *dev)
{
    struct scsi_disk *d = disk_of(dev);
    disk_thread_drain(&d->disk);
    scsi_unit_reset(d, SENSE_RESET);
}

static void disk_settle(struct device *dev)
{
    disk_thread_settle(&disk_of(dev)->disk);
}

static bool disk_check(struct device *dev, struct error *e)
{
    const struct scsi_disk *d = disk_of(dev);
    return (d->attention >> 24 == 0 && d->media_event <= EVENT_REMOVAL) ||
           error_set(e, "what it has to tell is nothing that a unit can");
}

/* ---- tables */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct scsi_disk, member),                \
        .initial = initial_, .desc = desc_                                                         \
    }
#define P_CHOICE(name_, member, initial_, desc_, choices_)                                         \
    {                                                                                              \
        .name = name_, .type = PROP_ENUM, .offset = offsetof(struct scsi_disk, member),            \
        .initial = initial_, .desc = desc_, .choices = choices_                                    \
    }
#define UNIT_PROPS                                                                                 \
    P("drive", PROP_DRIVE, drive, NULL, "id of the -drive"),                                       \
        P("serial", PROP_STRING, serial, NULL, "serial number, up to 36 characters"),              \
        P("vendor", PROP_STRING, vendor, NULL, "8 characters (QEMU)"),                             \
        P("product", PROP_STRING, product, NULL, "16 characters (QEMU HARDDISK, QEMU CD-ROM)"),    \
        P("ver", PROP_STRING, ver, NULL, "revision, 4 characters (2.5+)"),                         \
        P("device_id", PROP_STRING, device_id, NULL,                                               \
          "name of the device; the serial number, or the drive's id"),                             \
        P("wwn", PROP_U64, wwn, "0", "world wide name; 0: none"),                                  \
        P("port_wwn", PROP_U64, port_wwn, "0", "of the port; 0: none"),                            \
        P("port_index", PROP_U16, port_index, "0", "of the port; 0: none"),                        \
        P("channel", PROP_U32, channel, "0", "0 is the only one"),                                 \
        P("scsi-id", PROP_U32, scsi_id, "auto", "scsi_id; the first that is free"),                \
        P("lun", PROP_U32, lun, "auto", "logical unit; 0 to 16383"),                               \
        P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),        \
        P("logical_block_size", PROP_U32, logical_block_size, "auto",                              \
          "bytes; auto is 512, of a CD 2048"),                                                     \
        P("physical_block_size", PROP_U32, physical_block_size, "auto",                            \
          "bytes; auto is the logical one"),                                                       \
        P("min_io_size", PROP_U32, min_io_size, "0", "bytes"),                                     \
        P("opt_io_size", PROP_U32, opt_io_size, "0", "bytes"),                                     \
        P("max_io_size", PROP_U64, max_io_size, "2147483647", "bytes of a request"),               \
        P("discard_granularity", PROP_U32, discard_granularity, "auto", "bytes; auto is 4096"),    \
        P("scsi_version", PROP_U32, scsi_version, "5", "of SPC, as INQUIRY says it"),              \
        P("share-rw", PROP_BOOL, share_rw, "off", "accepted; the drive's locking= decides"),       \
        P_CHOICE("write-cache", write_cache, "auto",                                               \
                 "at reset; auto as the drive's cache=", virtio_on_off_auto),                      \
        P_CHOICE("rerror", rerror, "auto", "what a read error does; auto: what the drive says",    \
                 block_on_error_names),                                                            \
        P_CHOICE("werror", werror, "auto", "what a write error does; auto: what the drive says",   \
                 block_on_error_names)

static const struct prop hd_props[] = {
    UNIT_PROPS,
    P("max_unmap_size", PROP_U64, max_unmap_size, "1073741824", "bytes of a descriptor of UNMAP"),
    P("removable", PROP_BOOL, prop_removable, "off", "the medium can be changed"),
    P("dpofua", PROP_BOOL, dpofua, "off", "say that writes can be forced to the medium"),
    P("rotation_rate", PROP_U16, rotation_rate, "0", "turns a minute; 1: none, 0: not said"),
    PROP_END,
};
static const struct prop cd_props[] = {UNIT_PROPS, PROP_END};

#define UNIT_FIELDS                                                                                \
    FIELD_KEEP(scsi_disk, attention), FIELD_KEEP(scsi_disk, media_event),                          \
        FIELD_KEEP(scsi_disk, tray_open), FIELD_KEEP(scsi_disk, locked),                           \
        FIELD_KEEP(scsi_disk, stopped), FIELD_KEEP(scsi_disk, write_cached),                       \
        FIELD_SKIP(scsi_disk, pad), FIELD_SKIP(scsi_disk, pad2), FIELD_SKIP(scsi_disk, bus),       \
        FIELD_SKIP(scsi_disk, next), FIELD_SKIP(scsi_disk, block),                                 \
        FIELD_SKIP(scsi_disk, own_block), FIELD_SKIP(scsi_disk, type),                             \
        FIELD_SKIP(scsi_disk, removable), FIELD_SKIP(scsi_disk, physical_exponent),                \
        FIELD_SKIP(scsi_disk, mode_bits), FIELD_SKIP(scsi_disk, pad3),                             \
        FIELD_SKIP(scsi_disk, lock), FIELD_SKIP(scsi_disk, disk), FIELD_SKIP(scsi_disk, identity), \
        FIELD_SKIP(scsi_disk, vpd)

static const struct field hd_fields[] = {UNIT_FIELDS, FIELD_END};
static const struct field cd_fields[] = {
    UNIT_FIELDS,
    FIELD_SKIP(scsi_disk, max_unmap_size),
    FIELD_SKIP(scsi_disk, rotation_rate),
    FIELD_SKIP(scsi_disk, prop_removable),
    FIELD_SKIP(scsi_disk, dpofua),
    FIELD_END,
};

static const enum scsi_type hd_type = SCSI_TYPE_DISK, cd_type = SCSI_TYPE_CDROM;

#define UNIT_CLASS(name_, desc_, props_, fields_, kind_)                                           \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_SCSI, .size = sizeof(struct scsi_disk),           \
        .props = props_, .fields = fields_, .create = disk_create, .reset = disk_reset,            \
        .destroy = disk_destroy, .settle = disk_settle, .check = disk_check,                       \
        .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE, .kind = kind_                              \
    }
const struct device_class scsi_hd_class = UNIT_CLASS("scsi-hd", "SCSI disk", hd_props, hd_fields,
                                                     &hd_type);
const struct device_class scsi_cd_class = UNIT_CLASS("scsi-cd", "SCSI CD-ROM", cd_props, cd_fields,
                                                     &cd_type);
