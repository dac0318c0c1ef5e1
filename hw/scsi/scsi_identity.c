/* SPDX-License-Identifier: MIT */
/*
 * What a unit says of itself: INQUIRY and its vital product data (SPC 6.6, 7.8; SBC 6.6). Vendor,
 * product and the forms of names are those by which guests know QEMU's disks (/dev/disk/by-id).
 */
#include <stdio.h>

#include "base/bits.h"
#include "hw/block/disk_identity.h"
#include "hw/scsi/scsi_unit.h"

enum {
    VPD_SUPPORTED = 0x00,
    VPD_SERIAL = 0x80,
    VPD_DEVICE = 0x83,
    VPD_LIMITS = 0xb0,
    VPD_CHARACTERISTICS = 0xb1,
    VPD_PROVISIONING = 0xb2,

    SERIAL_MAX = 36,
    UNMAP_DESCRIPTORS = 255,
};

static void put_standard(struct scsi_unit *d)
{
    uint8_t *p = d->identity.data;
    const bool cd = d->type == SCSI_TYPE_CDROM;
    p[0] = (uint8_t)d->type;
    p[1] = d->removable ? 0x80 : 0;
    p[2] = (uint8_t)d->scsi_version;
    p[3] = d->packets ? 0x21 : 0x12; /* format of ATAPI; hierarchical LUNs, format 2 */
    p[4] = 36 - 5;
    p[7] = d->packets ? 0 : 0x12; /* synchronous transfers, command queuing */
    disk_put_text(p + 8, d->vendor ? d->vendor : "QEMU", 8);
    disk_put_text(p + 16, d->product ? d->product : cd ? "QEMU CD-ROM" : "QEMU HARDDISK", 16);
    disk_put_text(p + 32, d->ver ? d->ver : "2.5+", 4);
    d->identity.bytes = 36;
}

/* The next page, with its header. */
static struct scsi_page *new_page(struct scsi_unit *d, uint8_t code, unsigned bytes)
{
    struct scsi_page *p = d->vpd;
    while (p->bytes) {
        p++;
    }
    p->bytes = (uint16_t)(4 + bytes);
    p->data[0] = (uint8_t)d->type;
    p->data[1] = code;
    store_be16(p->data + 2, (uint16_t)bytes);
    return p;
}

/* Appends a designation descriptor (SPC 7.8.6). */
static void add_name(struct scsi_page *p, uint8_t code_set, uint8_t type, const void *name,
                     size_t n)
{
    uint8_t *at = p->data + p->bytes;
    at[0] = code_set;
    at[1] = type;
    at[3] = (uint8_t)n;
    memcpy(at + 4, name, n);
    p->bytes = (uint16_t)(p->bytes + 4 + n);
    store_be16(p->data + 2, (uint16_t)(p->bytes - 4));
}

static void put_names(struct scsi_unit *d)
{
    struct scsi_page *p = new_page(d, VPD_DEVICE, 0);
    const char *text = d->device_id ? d->device_id : d->serial ? d->serial : d->drive;
    uint8_t number[8];
    if (text && *text) {
        const size_t n = strlen(text);
        add_name(p, 2, 0, text, n < 255 - 8 - 36 ? n : 255 - 8 - 36); /* vendor specific */
    }
    if (d->wwn) {
        store_be64(number, d->wwn);
        add_name(p, 1, 3, number, 8); /* NAA */
    }
    if (d->port_wwn) {
        store_be64(number, d->port_wwn);
        add_name(p, 0x61, 0x93, number, 8); /* SAS, of the port */
    }
    if (d->port_index) {
        store_be32(number, d->port_index);
        add_name(p, 0x61, 0x94, number, 4); /* relative port */
    }
}

static uint32_t in_blocks(const struct scsi_unit *d, uint64_t bytes)
{
    const uint64_t n = bytes / d->logical_block_size;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void put_limits(struct scsi_unit *d)
{
    uint8_t *p = new_page(d, VPD_LIMITS, 0x3c)->data;
    const uint32_t granularity = d->discard_granularity == SCSI_NUMBER_ANY
                                     ? (d->logical_block_size > 4096 ? d->logical_block_size : 4096)
                                     : d->discard_granularity;
    const uint32_t least = in_blocks(d, d->min_io_size);
    p[4] = 1; /* WRITE SAME of 0 blocks is refused */
    store_be16(p + 6, (uint16_t)(least < UINT16_MAX ? least : UINT16_MAX));
    store_be32(p + 8, in_blocks(d, d->max_io_size));
    store_be32(p + 12, in_blocks(d, d->opt_io_size));
    store_be32(p + 20, in_blocks(d, d->max_unmap_size));
    store_be32(p + 24, UNMAP_DESCRIPTORS);
    store_be32(p + 28, in_blocks(d, granularity));
    store_be64(p + 36, 0x200000);
}

static void put_disk_pages(struct scsi_unit *d)
{
    put_limits(d);
    store_be16(new_page(d, VPD_CHARACTERISTICS, 0x3c)->data + 4, d->rotation_rate);
    uint8_t *p = new_page(d, VPD_PROVISIONING, 4)->data;
    p[5] = 0xe0; /* UNMAP and both WRITE SAME give blocks back */
    p[6] = block_can_discard(d->block) ? 2 : 1;
}

void scsi_identify(struct scsi_unit *d)
{
    struct scsi_page *all = new_page(d, VPD_SUPPORTED, 0);
    put_standard(d);
    if (d->serial && *d->serial) {
        const size_t n = strlen(d->serial), used = n < SERIAL_MAX ? n : SERIAL_MAX;
        memcpy(new_page(d, VPD_SERIAL, (unsigned)used)->data + 4, d->serial, used);
    }
    put_names(d);
    if (d->type == SCSI_TYPE_DISK) {
        put_disk_pages(d);
    } else {
        put_limits(d);
    }
    for (const struct scsi_page *p = d->vpd; p < d->vpd + SCSI_VPD_PAGES && p->bytes; p++) {
        all->data[all->bytes++] = p->data[1];
    }
    store_be16(all->data + 2, (uint16_t)(all->bytes - 4));
}

void scsi_inquiry(struct scsi_unit *d, struct scsi_command *c)
{
    const bool vital = c->cdb[1] & 1;
    const uint16_t allocated = load_be16(c->cdb + 3);
    if ((c->cdb[1] & 2) || (!vital && c->cdb[2])) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    if (!vital) {
        scsi_reply(c, d->identity.data, d->identity.bytes, allocated);
        return;
    }
    for (const struct scsi_page *p = d->vpd; p < d->vpd + SCSI_VPD_PAGES && p->bytes; p++) {
        if (p->data[1] == c->cdb[2]) {
            scsi_reply(c, p->data, p->bytes, allocated);
            return;
        }
    }
    scsi_finish(c, SENSE_BAD_FIELD);
}
