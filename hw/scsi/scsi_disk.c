/* SPDX-License-Identifier: MIT */
/* Logical units as devices on a SCSI bus: scsi-hd and scsi-cd. */
#include "hw/scsi/scsi_disk.h"

#include "hw/virtio/virtio.h" /* on, off, auto */

static struct scsi_unit *unit_of(struct device *d)
{
    return &((struct scsi_disk *)d)->unit;
}

static bool disk_create(struct device *d, struct error *e)
{
    struct scsi_unit *u = unit_of(d);
    return scsi_unit_open(u, d, *(const enum scsi_type *)d->cls->kind, u->bus->depth, e);
}

static void disk_destroy(struct device *d)
{
    scsi_unit_close(unit_of(d));
}

static void disk_reset(struct device *d)
{
    disk_thread_drain(&unit_of(d)->disk);
    scsi_unit_reset(unit_of(d), SENSE_RESET);
}

static void disk_settle(struct device *d)
{
    disk_thread_settle(&unit_of(d)->disk);
}

static bool disk_check(struct device *d, struct error *e)
{
    return scsi_unit_check(unit_of(d), e);
}

/* ---- tables */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct scsi_disk, unit.member),           \
        .initial = initial_, .desc = desc_                                                         \
    }
#define P_CHOICE(name_, member, initial_, desc_, choices_)                                         \
    {                                                                                              \
        .name = name_, .type = PROP_ENUM, .offset = offsetof(struct scsi_disk, unit.member),       \
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

static const struct field hd_fields[] = {SCSI_UNIT_FIELDS(scsi_disk, unit), FIELD_END};
static const struct field cd_fields[] = {
    SCSI_UNIT_FIELDS(scsi_disk, unit),         FIELD_SKIP(scsi_disk, unit.max_unmap_size),
    FIELD_SKIP(scsi_disk, unit.rotation_rate), FIELD_SKIP(scsi_disk, unit.prop_removable),
    FIELD_SKIP(scsi_disk, unit.dpofua),        FIELD_END,
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
