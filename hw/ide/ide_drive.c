/* SPDX-License-Identifier: MIT */
/* Drives on IDE buses as devices: ide-hd and ide-cd, their properties and life. */
#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/block/disk_identity.h"
#include "hw/ide/ide.h"
#include "hw/virtio/virtio.h" /* on, off, auto */

enum {
    SERIAL_MOST = 20,
    MODEL_MOST = 40,
    VERSION_MOST = 8,

    CYLINDERS_MOST = 65535,
    HEADS_MOST = 16,
    SECTORS_MOST = 255,
    MODE_RESET = 0x45, /* ultra DMA 5 */
};
#define ANY UINT32_MAX

static struct ide_drive *drive_of(struct device *d)
{
    return (struct ide_drive *)d;
}

/* ---- what happens to it */

void ide_drive_drain(struct ide_drive *d)
{
    disk_thread_drain(ide_drive_thread(d));
}

/* ATA/ATAPI-5 9.16: a reset by software leaves what SET FEATURES has set. */
void ide_drive_reset(struct ide_drive *d, bool hard)
{
    d->packet_sense = SENSE_NONE;
    d->queue_failed = false;
    d->power = IDE_POWER_ACTIVE;
    if (!hard) {
        return;
    }
    d->mode = MODE_RESET;
    d->multiple = d->is_cd ? 0 : ATA_MULTIPLE_MOST;
    d->now_heads = (uint16_t)d->heads;
    d->now_sectors = (uint16_t)d->sectors;
    d->switches = IDE_SMART | IDE_SMART_AUTOSAVE | IDE_LOOK_AHEAD;
    d->write_cached = !d->is_cd && disk_write_cache(d->block, d->write_cache);
    d->regs = (struct ata_regs){0};
    d->failed = (struct ata_regs){0};
    if (d->is_cd) {
        scsi_unit_reset(&d->unit, SENSE_RESET);
    }
}

/* ---- properties */

/* Serial numbers are counted over all drives of the machine, as QEMU does. */
static char *usual_serial(const struct ide_drive *d)
{
    unsigned n = 1;
    for (const struct device *o = d->dev.machine->devices; o; o = o->next) {
        n += o->cls->bus == BUS_IDE;
    }
    return mem_printf("QM%05u", n);
}

static void fill_names(struct ide_drive *d)
{
    if (!d->serial) {
        d->serial = usual_serial(d);
    }
    if (!d->ver) {
        d->ver = mem_strdup("2.5+");
    }
    if (!d->model) {
        d->model = mem_strdup(d->is_cd ? "QEMU DVD-ROM" : "QEMU HARDDISK");
    }
}

static bool check_length(const char *name, const char *text, size_t most, struct error *e)
{
    return !text || strlen(text) <= most ||
           error_set(e, "%s=%s: at most %zu characters are accepted", name, text, most);
}

static bool check_properties(const struct ide_drive *d, struct error *e)
{
    if (!check_length("serial", d->serial, SERIAL_MOST, e) ||
        !check_length("model", d->model, MODEL_MOST, e) ||
        !check_length("ver", d->ver, VERSION_MOST, e)) {
        return false;
    }
    if (d->logical_block_size != (d->is_cd ? 2048 : ATA_SECTOR)) {
        return error_set(e, "logical_block_size=%u: %u is the only one for IDE",
                         d->logical_block_size, d->is_cd ? 2048 : ATA_SECTOR);
    }
    return disk_check_blocks(d->logical_block_size, d->physical_block_size, 32768, e);
}

static void choose_sizes(struct ide_drive *d)
{
    if (d->logical_block_size == ANY) {
        d->logical_block_size = d->is_cd ? 2048 : ATA_SECTOR;
    }
    if (d->physical_block_size == ANY) {
        d->physical_block_size = d->logical_block_size;
    }
}

/* Of a disk that says none: 16 heads, 63 sectors, and as many cylinders as there can be. */
static bool choose_geometry(struct ide_drive *d, struct error *e)
{
    const bool given = d->cylinders || d->heads || d->sectors;
    if (given) {
        return (d->cylinders >= 1 && d->cylinders <= CYLINDERS_MOST && d->heads >= 1 &&
                d->heads <= HEADS_MOST && d->sectors >= 1 && d->sectors <= SECTORS_MOST) ||
               error_set(e, "cyls=%u,heads=%u,secs=%u: 1 to %u, 1 to %u, 1 to %u are accepted",
                         d->cylinders, d->heads, d->sectors, CYLINDERS_MOST, HEADS_MOST,
                         SECTORS_MOST);
    }
    const uint64_t n = ide_drive_sectors(d) / (HEADS_MOST * 63);
    d->cylinders = (uint32_t)(n > 16383 ? 16383 : n < 2 ? 2 : n);
    d->heads = HEADS_MOST;
    d->sectors = 63;
    return true;
}

/* ---- life */

static bool open_disk(struct ide_drive *d, struct error *e)
{
    struct device *dev = &d->dev;
    d->block = disk_find(dev->machine, d->drive, false, e);
    if (!d->block) {
        return false;
    }
    if (block_read_only(d->block)) {
        return error_set(e, "Block node is read-only: a disk of IDE cannot be; use a CD, or SCSI");
    }
    block_set_errors(d->block, (enum block_on_error)d->rerror, (enum block_on_error)d->werror);
    return choose_geometry(d, e) &&
           disk_thread_open(&d->disk, d->block, d->on->depth, dev->machine->config.counted, e);
}

/* The unit has names of its own, which its device's properties set. */
static bool open_cd(struct ide_drive *d, struct error *e)
{
    struct scsi_unit *u = &d->unit;
    u->packets = true;
    u->drive = d->drive;
    u->serial = d->serial;
    u->ver = d->ver;
    u->product = d->model;
    u->logical_block_size = d->logical_block_size;
    u->physical_block_size = d->physical_block_size;
    u->max_io_size = u->max_unmap_size = INT32_MAX;
    u->discard_granularity = SCSI_NUMBER_ANY;
    u->write_cache = d->write_cache;
    u->rerror = d->rerror;
    u->werror = d->werror;
    if (!scsi_unit_open(u, &d->dev, SCSI_TYPE_CDROM, 1, e)) {
        return false;
    }
    d->block = u->block;
    return true;
}

static bool drive_create(struct device *dev, struct error *e)
{
    struct ide_drive *d = drive_of(dev);
    d->is_cd = dev->cls == &ide_cd_class;
    choose_sizes(d);
    fill_names(d);
    bool good = check_properties(d, e);
    if (good && !d->is_cd) {
        good = open_disk(d, e);
    }
    if (!good) {
        error_prefix(e, "%s: ", dev->cls->name);
        return false;
    }
    if (d->is_cd && !open_cd(d, e)) {
        return false;
    }
    ide_drive_reset(d, true);
    ata_signature(d, &d->regs);
    return true;
}

static void drive_destroy(struct device *dev)
{
    struct ide_drive *d = drive_of(dev);
    if (d->is_cd) {
        scsi_unit_close(&d->unit);
    } else {
        disk_thread_close(&d->disk);
    }
}

/* With the machine stopped, after its controller's reset. */
static void drive_reset(struct device *dev)
{
    struct ide_drive *d = drive_of(dev);
    ide_drive_drain(d);
    ide_drive_reset(d, true);
    ata_signature(d, &d->regs);
}

static void drive_settle(struct device *dev)
{
    disk_thread_settle(ide_drive_thread(drive_of(dev)));
}

static bool drive_check(struct device *dev, struct error *e)
{
    const struct ide_drive *d = drive_of(dev);
    if (d->multiple > ATA_MULTIPLE_MOST || (d->multiple && !is_pow2(d->multiple)) ||
        d->now_heads > HEADS_MOST || d->now_sectors > SECTORS_MOST || d->packet_sense >> 24) {
        return error_set(e, "its settings are none that a drive can have");
    }
    return !d->is_cd || scsi_unit_check(&d->unit, e);
}

/* ---- tables */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct ide_drive, member),                \
        .initial = initial_, .desc = desc_                                                         \
    }
#define P_CHOICE(name_, member, initial_, desc_, choices_)                                         \
    {                                                                                              \
        .name = name_, .type = PROP_ENUM, .offset = offsetof(struct ide_drive, member),            \
        .initial = initial_, .desc = desc_, .choices = choices_                                    \
    }
#define DRIVE_PROPS                                                                                \
    P("drive", PROP_DRIVE, drive, NULL, "id of the -drive"),                                       \
        P("unit", PROP_U32, place, "auto", "0 or 1 on its bus; auto is the first that is free"),   \
        P("serial", PROP_STRING, serial, NULL, "serial number, up to 20 characters (QM00001...)"), \
        P("model", PROP_STRING, model, NULL, "up to 40 characters (QEMU HARDDISK, QEMU DVD-ROM)"), \
        P("ver", PROP_STRING, ver, NULL, "revision, up to 8 characters (2.5+)"),                   \
        P("wwn", PROP_U64, wwn, "0", "world wide name; 0: none"),                                  \
        P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),        \
        P("logical_block_size", PROP_U32, logical_block_size, "auto",                              \
          "bytes; 512, of a CD 2048, is the only one"),                                            \
        P("physical_block_size", PROP_U32, physical_block_size, "auto",                            \
          "bytes; auto is the logical one"),                                                       \
        P("share-rw", PROP_BOOL, share_rw, "off", "accepted; the drive's locking= decides"),       \
        P_CHOICE("write-cache", write_cache, "auto",                                               \
                 "at reset; auto as the drive's cache=", virtio_on_off_auto),                      \
        P_CHOICE("rerror", rerror, "auto", "what a read error does; auto: what the drive says",    \
                 block_on_error_names),                                                            \
        P_CHOICE("werror", werror, "auto", "what a write error does; auto: what the drive says",   \
                 block_on_error_names)

static const struct prop hd_props[] = {
    DRIVE_PROPS,
    P("cyls", PROP_U32, cylinders, "0", "of the geometry; 0: by the size"),
    P("heads", PROP_U32, heads, "0", "of the geometry; 0: 16"),
    P("secs", PROP_U32, sectors, "0", "of the geometry; 0: 63"),
    P("rotation_rate", PROP_U16, rotation_rate, "0", "turns a minute; 1: none, 0: not said"),
    PROP_END,
};
static const struct prop cd_props[] = {DRIVE_PROPS, PROP_END};

#define DRIVE_FIELDS                                                                               \
    FIELD_KEEP_PARTS(ide_drive, regs, ata_regs_fields, ata_regs),                                  \
        FIELD_KEEP(ide_drive, packet_sense), FIELD_KEEP(ide_drive, now_heads),                     \
        FIELD_KEEP(ide_drive, now_sectors), FIELD_KEEP(ide_drive, multiple),                       \
        FIELD_KEEP(ide_drive, mode), FIELD_KEEP(ide_drive, power),                                 \
        FIELD_KEEP(ide_drive, switches), FIELD_KEEP(ide_drive, write_cached),                      \
        FIELD_KEEP(ide_drive, queue_failed), FIELD_KEEP(ide_drive, failed_tag),                    \
        FIELD_KEEP_PARTS(ide_drive, failed, ata_regs_fields, ata_regs),                            \
        FIELD_SKIP(ide_drive, pad), FIELD_SKIP(ide_drive, pad2), FIELD_SKIP(ide_drive, on),        \
        FIELD_SKIP(ide_drive, block), FIELD_SKIP(ide_drive, disk), FIELD_SKIP(ide_drive, is_cd),   \
        FIELD_SKIP(ide_drive, pad4), SCSI_UNIT_FIELDS(ide_drive, unit),                            \
        SCSI_UNIT_NO_PROPS(ide_drive, unit)

static const struct field hd_fields[] = {DRIVE_FIELDS, FIELD_END};
static const struct field cd_fields[] = {
    DRIVE_FIELDS,
    FIELD_SKIP(ide_drive, cylinders),
    FIELD_SKIP(ide_drive, heads),
    FIELD_SKIP(ide_drive, sectors),
    FIELD_SKIP(ide_drive, rotation_rate),
    FIELD_END,
};

#define DRIVE_CLASS(name_, desc_, props_, fields_)                                                 \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_IDE, .size = sizeof(struct ide_drive),            \
        .props = props_, .fields = fields_, .create = drive_create, .reset = drive_reset,          \
        .destroy = drive_destroy, .settle = drive_settle, .check = drive_check,                    \
        .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE                                             \
    }
const struct device_class ide_hd_class = DRIVE_CLASS("ide-hd", "virtual IDE disk", hd_props,
                                                     hd_fields);
const struct device_class ide_cd_class = DRIVE_CLASS("ide-cd", "virtual IDE CD-ROM", cd_props,
                                                     cd_fields);
