/* SPDX-License-Identifier: MIT */
/*
 * virtio block device: VIRTIO 1.2, chapter 5.2: configuration, features, properties.
 * Not modelled: secure erase, zoned devices, lifetime metrics; none is offered.
 */
#include "hw/virtio/virtio_blk.h"
#include "base/bits.h"
#include "hw/block/disk_identity.h"

#define QUEUES_AUTO UINT16_MAX
#define GRANULARITY_AUTO UINT32_MAX

/* ---- configuration */

static void put_geometry(struct virtio_blk *d, uint8_t *c)
{
    uint64_t sectors = block_size_bytes(d->block) / BLOCK_SECTOR;
    uint64_t cylinders = sectors / (16 * 63);
    store_le16(c + CONFIG_CYLINDERS, (uint16_t)(cylinders < 1       ? 1
                                                : cylinders > 16383 ? 16383
                                                                    : cylinders));
    c[CONFIG_HEADS] = 16;
    c[CONFIG_SECTORS] = 63;
}

static void put_config(struct virtio_blk *d)
{
    uint8_t *c = d->v.config;
    uint32_t granularity = d->discard_granularity == GRANULARITY_AUTO ? d->logical_block_size
                                                                      : d->discard_granularity;
    d->v.config_bytes = CONFIG_BYTES;
    store_le64(c + CONFIG_CAPACITY, block_size_bytes(d->block) / BLOCK_SECTOR);
    store_le32(c + CONFIG_SEG_MAX, (d->seg_max_adjust ? d->queue_size : 128u) - 2);
    put_geometry(d, c);
    store_le32(c + CONFIG_BLK_SIZE, d->logical_block_size);
    c[CONFIG_PHYSICAL_EXP] = (uint8_t)ctz32(d->physical_block_size / d->logical_block_size);
    store_le16(c + CONFIG_MIN_IO, (uint16_t)(d->min_io_size / d->logical_block_size));
    store_le32(c + CONFIG_OPT_IO, d->opt_io_size / d->logical_block_size);
    store_le16(c + CONFIG_NUM_QUEUES, d->num_queues);
    store_le32(c + CONFIG_MAX_DISCARD_SECTORS, d->max_discard_sectors);
    store_le32(c + CONFIG_MAX_DISCARD_SEG, 1);
    store_le32(c + CONFIG_DISCARD_ALIGNMENT, granularity / BLOCK_SECTOR);
    store_le32(c + CONFIG_MAX_ZEROES_SECTORS, d->max_write_zeroes_sectors);
    store_le32(c + CONFIG_MAX_ZEROES_SEG, 1);
    c[CONFIG_ZEROES_MAY_UNMAP] = 1;
    if (d->config_wce) {
        d->v.config_writable[CONFIG_WRITEBACK] = 1;
    }
}

/* The drive has another size; the driver is told. */
static void blk_resized(void *opaque)
{
    struct virtio_blk *d = opaque;
    uint8_t sectors[8];
    store_le64(sectors, block_size_bytes(d->block) / BLOCK_SECTOR);
    virtio_config_update(&d->v, CONFIG_CAPACITY, sectors, sizeof(sectors));
}

static void blk_reset(struct virtio_device *v)
{
    struct virtio_blk *d = as_blk(v);
    os_mutex_lock(&v->leaf);
    v->config[CONFIG_WRITEBACK] = disk_write_cache(d->block, d->write_cache);
    os_mutex_unlock(&v->leaf);
    blk_drop_parked(d);
    d->latest_due_ns = 0;
}

static bool blk_check(struct virtio_device *v, struct error *e)
{
    struct virtio_blk *d = as_blk(v);
    const uint64_t sectors = load_le64(v->config + CONFIG_CAPACITY);
    const uint64_t here = block_size_bytes(d->block) / BLOCK_SECTOR;
    if (sectors != here) {
        return error_set(e, "its disk has %llu sectors in the state, and %s has %llu",
                         (unsigned long long)sectors, block_file(d->block),
                         (unsigned long long)here);
    }
    return blk_check_parked(d, e);
}

static uint64_t features(const struct virtio_blk *d)
{
    uint64_t f = VIRTIO_F(F_SEG_MAX) | VIRTIO_F(F_GEOMETRY) | VIRTIO_F(F_BLK_SIZE) |
                 VIRTIO_F(F_FLUSH) | VIRTIO_F(F_TOPOLOGY);
    f |= d->config_wce ? VIRTIO_F(F_CONFIG_WCE) : 0;
    f |= d->num_queues > 1 ? VIRTIO_F(F_MQ) : 0;
    if (block_read_only(d->block)) {
        return f | VIRTIO_F(F_RO);
    }
    f |= d->discard ? VIRTIO_F(F_DISCARD) : 0;
    f |= d->write_zeroes ? VIRTIO_F(F_WRITE_ZEROES) : 0;
    return f;
}

/* ---- life */

static bool check_sizes(struct virtio_blk *d, struct error *e)
{
    if (!disk_check_blocks(d->logical_block_size, d->physical_block_size, 32768, e) ||
        !disk_check_transfers(d->min_io_size, d->opt_io_size, d->logical_block_size, e)) {
        return false;
    }
    if (block_size_bytes(d->block) < d->logical_block_size) {
        return error_set(e, "%s is shorter than one block of %u bytes", block_file(d->block),
                         d->logical_block_size);
    }
    return true;
}

static bool check_queues(struct virtio_blk *d, struct error *e)
{
    if (d->num_queues == QUEUES_AUTO) {
        /* A queue for each vCPU, where interrupts can be told apart. */
        bool pci = d->v.pci.dev.cls->bus == BUS_PCI;
        unsigned cpus = d->v.pci.dev.machine->config.cpus;
        unsigned most = VIRTIO_QUEUES_MAX - 1;
        d->num_queues = (uint16_t)(!pci || cpus < 1 ? 1 : cpus < most ? cpus : most);
    }
    if (d->num_queues < 1 || d->num_queues > VIRTIO_QUEUES_MAX) {
        return error_set(e, "num-queues=%u: 1 to %u are accepted", d->num_queues,
                         VIRTIO_QUEUES_MAX);
    }
    if (!is_pow2(d->queue_size) || d->queue_size < 4 || d->queue_size > VIRTQ_SIZE_MAX) {
        return error_set(e, "queue-size=%u: a power of two from 4 to %u is accepted", d->queue_size,
                         VIRTQ_SIZE_MAX);
    }
    return true;
}

static bool check_properties(struct virtio_blk *d, struct error *e)
{
    d->block = disk_find(d->v.pci.dev.machine, d->drive, false, e);
    if (!d->block || !check_sizes(d, e) || !check_queues(d, e) ||
        !virtio_check_iothread(&d->v, d->iothread, e)) {
        return false;
    }
    block_set_errors(d->block, (enum block_on_error)d->rerror, (enum block_on_error)d->werror);
    return true;
}

static bool blk_create(struct virtio_device *v, uint64_t *f, struct error *e)
{
    struct virtio_blk *d = as_blk(v);
    if (!check_properties(d, e)) {
        error_prefix(e, "%s: ", v->pci.dev.cls->name);
        return false;
    }
    for (unsigned i = 0; i < d->num_queues; i++) {
        virtio_queue_add(v, d->queue_size);
    }
    *f = features(d);
    v->legacy_only = VIRTIO_F(F_SCSI);
    put_config(d);
    blk_io_create(d);
    block_on_resize(d->block, blk_resized, d);
    return true;
}

static void blk_destroy(struct virtio_device *v)
{
    struct virtio_blk *d = as_blk(v);
    if (d->block) {
        block_on_resize(d->block, NULL, NULL);
    }
    blk_io_destroy(d);
}

static const uint8_t blk_config_fields[] = {8, 4, 4, 2, 1, 1, 4, 1, 1, 2, 4, 1,
                                            1, 2, 4, 4, 4, 4, 4, 1, 1, 1, 1, 0};

static const struct virtio_class blk_class = {
    .config_fields = blk_config_fields,
    .id = VIRTIO_ID_BLOCK,
    .name = "virtio-blk",
    .legacy_absent = VIRTIO_F_ANY_LAYOUT, /* as QEMU has it, and the next: SCSI requests fail */
    .create = blk_create,
    .destroy = blk_destroy,
    .start = blk_start,
    .stop = blk_stop,
    .settle = blk_settle,
    .resume = blk_resume,
    .reset = blk_reset,
    .check = blk_check,
    .notify = blk_notify,
};

/* ---- the two device classes */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct virtio_blk, member),               \
        .initial = initial_, .desc = desc_                                                         \
    }
#define P_CHOICE(name_, member, initial_, desc_, choices_)                                         \
    {                                                                                              \
        .name = name_, .type = PROP_ENUM, .offset = offsetof(struct virtio_blk, member),           \
        .initial = initial_, .desc = desc_, .choices = choices_                                    \
    }
#define BLK_PROPS                                                                                  \
    P("drive", PROP_DRIVE, drive, NULL, "id of the -drive"),                                       \
        P("serial", PROP_STRING, serial, NULL, "serial number, up to 20 characters"),              \
        P("num-queues", PROP_U16, num_queues, "auto", "queues; auto is one for each vCPU (PCI)"),  \
        P("queue-size", PROP_U16, queue_size, "256", "entries of a queue"),                        \
        P("logical_block_size", PROP_U32, logical_block_size, "512", "bytes"),                     \
        P("physical_block_size", PROP_U32, physical_block_size, "512", "bytes"),                   \
        P("min_io_size", PROP_U16, min_io_size, "0", "bytes"),                                     \
        P("opt_io_size", PROP_U32, opt_io_size, "0", "bytes"),                                     \
        P("discard_granularity", PROP_U32, discard_granularity, "auto",                            \
          "bytes; auto is the logical block size"),                                                \
        P("discard", PROP_BOOL, discard, "on", "offer discards"),                                  \
        P("write-zeroes", PROP_BOOL, write_zeroes, "on", "offer write zeroes"),                    \
        P("max-discard-sectors", PROP_U32, max_discard_sectors, "4194303", "of one request"),      \
        P("max-write-zeroes-sectors", PROP_U32, max_write_zeroes_sectors, "4194303",               \
          "of one request"),                                                                       \
        P("config-wce", PROP_BOOL, config_wce, "on", "the driver may turn the write cache off"),   \
        P_CHOICE("write-cache", write_cache, "auto",                                               \
                 "at reset; auto as the drive's cache=", virtio_on_off_auto),                      \
        P("seg-max-adjust", PROP_BOOL, seg_max_adjust, "on", "pieces of a request by queue-size"), \
        P("request-merging", PROP_BOOL, request_merging, "on", "accepted; the host merges"),       \
        P("share-rw", PROP_BOOL, share_rw, "off", "accepted; the drive's locking= decides"),       \
        P_CHOICE("rerror", rerror, "auto", "what a read error does; auto: what the drive says",    \
                 block_on_error_names),                                                            \
        P_CHOICE("werror", werror, "auto", "what a write error does; auto: what the drive says",   \
                 block_on_error_names),                                                            \
        P("iothread", PROP_OBJECT, iothread, NULL,                                                 \
          "id of an -object iothread; each disk has a thread of its own"),                         \
        P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting")

static const struct prop blk_pci_props[] = {BLK_PROPS, VIRTIO_PROPS(virtio_blk, v),
                                            VIRTIO_PCI_PROPS(virtio_blk, v), PROP_END};
static const struct prop blk_device_props[] = {BLK_PROPS, VIRTIO_PROPS(virtio_blk, v), PROP_END};
static const struct field parked_fields[] = {
    FIELD(blk_parked, due_ns),         FIELD(blk_parked, status_at), FIELD(blk_parked, queue),
    FIELD(blk_parked, written),        FIELD(blk_parked, id),        FIELD(blk_parked, descriptors),
    FIELD_MOST(blk_parked, failed, 1), FIELD_SKIP(blk_parked, pad),  FIELD_END,
};

static const struct field blk_fields[] = {
    VIRTIO_FIELDS(virtio_blk, v),
    FIELD_LIST_PARTS(virtio_blk, parked, parked_count, parked_fields, blk_parked,
                     VIRTIO_QUEUES_MAX *VIRTQ_SIZE_MAX),
    FIELD(virtio_blk, latest_due_ns),
    FIELD_SKIP(virtio_blk, pad),
    FIELD_SKIP(virtio_blk, pad2),
    FIELD_SKIP(virtio_blk, block),
    FIELD_SKIP(virtio_blk, requests),
    FIELD_SKIP(virtio_blk, spare),
    FIELD_SKIP(virtio_blk, waiting),
    FIELD_SKIP(virtio_blk, answered),
    FIELD_SKIP(virtio_blk, timer),
    FIELD_SKIP(virtio_blk, first_due),
    FIELD_SKIP(virtio_blk, last_due),
    FIELD_SKIP(virtio_blk, thread),
    FIELD_SKIP(virtio_blk, idle_lock),
    FIELD_SKIP(virtio_blk, became_idle),
    FIELD_SKIP(virtio_blk, stopping),
    FIELD_SKIP(virtio_blk, has_thread),
    FIELD_SKIP(virtio_blk, idle),
    FIELD_SKIP(virtio_blk, pad3),
    FIELD_SKIP(virtio_blk, pad4),
    FIELD_END,
};

static const struct virtio_pci_class blk_pci = VIRTIO_PCI_CLASS(&blk_class, VIRTIO_ID_BLOCK,
                                                                0x010000);

const struct device_class virtio_blk_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-blk-pci", "virtio-blk", "virtio block device", BUS_PCI, virtio_blk, blk_pci_props,
    blk_fields, &blk_pci, .boot_node = "disk@0,0");
const struct device_class virtio_blk_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-blk-device", NULL, "virtio block device", BUS_VIRTIO, virtio_blk, blk_device_props,
    blk_fields, &blk_class, .boot_node = "disk@0,0");
