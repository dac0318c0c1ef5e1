/* SPDX-License-Identifier: MIT */
/* The SCSI bus: places of units, and answers for places without one (SPC 6.33 REPORT LUNS). */
#include <stdio.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/scsi/scsi_disk.h"

enum {
    OP_REQUEST_SENSE = 0x03,
    OP_INQUIRY = 0x12,
    OP_REPORT_LUNS = 0xa0,
};

static struct scsi_unit *disk_of(struct device *d)
{
    return &((struct scsi_disk *)d)->unit;
}

static void run(struct disk_job *j)
{
    scsi_unit_run(container_of(j, struct scsi_command, job));
}

/* ---- finding units */

static struct scsi_unit *find_locked(const struct scsi_bus *b, unsigned scsi_id, unsigned lun)
{
    struct scsi_unit *d = b->units;
    while (d && !(d->scsi_id == scsi_id && d->lun == lun)) {
        d = d->next;
    }
    return d;
}

struct scsi_unit *scsi_bus_find(struct scsi_bus *b, unsigned scsi_id, unsigned lun)
{
    os_mutex_lock(&b->lock);
    struct scsi_unit *d = find_locked(b, scsi_id, lun);
    os_mutex_unlock(&b->lock);
    return d;
}

bool scsi_bus_has_id(struct scsi_bus *b, unsigned scsi_id)
{
    os_mutex_lock(&b->lock);
    const struct scsi_unit *d = b->units;
    while (d && d->scsi_id != scsi_id) {
        d = d->next;
    }
    os_mutex_unlock(&b->lock);
    return d != NULL;
}

/* ---- answers */

unsigned scsi_put_sense(uint8_t *out, uint32_t sense, bool descriptor)
{
    memset(out, 0, SCSI_SENSE_BYTES);
    if (descriptor) {
        out[0] = 0x72;
        out[1] = (uint8_t)(sense >> 16);
        out[2] = (uint8_t)(sense >> 8);
        out[3] = (uint8_t)sense;
        return 8;
    }
    out[0] = 0x70;
    out[2] = (uint8_t)(sense >> 16);
    out[7] = 10;
    out[12] = (uint8_t)(sense >> 8);
    out[13] = (uint8_t)sense;
    return SCSI_SENSE_BYTES;
}

void scsi_finish(struct scsi_command *c, uint32_t sense)
{
    mem_free(c->buffer);
    c->buffer = NULL;
    c->status = sense ? SCSI_CHECK_CONDITION : SCSI_GOOD;
    c->sense_bytes = sense ? (uint8_t)scsi_put_sense(c->sense, sense, false) : 0;
    c->moved = sense ? 0 : c->moved;
    c->done(c);
}

void scsi_reply(struct scsi_command *c, const void *bytes, size_t n, uint64_t allocated)
{
    const uint8_t *p = bytes;
    const size_t wanted = n < allocated ? n : (size_t)allocated;
    if (allocated > c->in_bytes) {
        c->overrun = true;
        scsi_finish(c, SENSE_NONE);
        return;
    }
    for (unsigned i = 0; i < c->in_count && c->moved < wanted; i++) {
        const size_t left = wanted - c->moved, room = c->in[i].iov_len;
        const size_t part = left < room ? left : room;
        memcpy(c->in[i].iov_base, p + c->moved, part);
        c->moved += part;
    }
    scsi_finish(c, SENSE_NONE);
}

size_t scsi_out_read(const struct scsi_command *c, uint64_t offset, void *bytes, size_t n)
{
    size_t done = 0;
    for (unsigned i = 0; i < c->out_count && done < n; i++) {
        const size_t have = c->out[i].iov_len;
        if (offset >= have) {
            offset -= have;
            continue;
        }
        const size_t part = have - offset < n - done ? have - offset : n - done;
        memcpy((uint8_t *)bytes + done, (const uint8_t *)c->out[i].iov_base + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

void scsi_report_luns(struct scsi_bus *b, unsigned scsi_id, struct scsi_command *c)
{
    const uint32_t allocated = load_be32(c->cdb + 6);
    size_t n = 1; /* unit 0 is always reported, or stands for the id */
    if (allocated < 16 || c->cdb[2] > 2) {
        scsi_finish(c, SENSE_BAD_FIELD);
        return;
    }
    os_mutex_lock(&b->lock);
    for (const struct scsi_unit *d = b->units; d; d = d->next) {
        n += d->scsi_id == scsi_id && d->lun;
    }
    uint8_t *out = mem_alloc(8 + 8 * n), *at = out + 16;
    for (const struct scsi_unit *d = b->units; d; d = d->next) {
        if (d->scsi_id == scsi_id && d->lun) { /* SAM 4.7: peripheral addressing, or flat */
            at[0] = d->lun < 256 ? 0 : (uint8_t)(0x40 | d->lun >> 8);
            at[1] = (uint8_t)d->lun;
            at += 8;
        }
    }
    os_mutex_unlock(&b->lock);
    if (c->cdb[2] == 1) { /* only well known logical units, of which there are none */
        n = 0;
    }
    store_be32(out, (uint32_t)(8 * n));
    scsi_reply(c, out, 8 + 8 * n, allocated);
    mem_free(out);
}

/* A unit that is not there, of an id that is (SPC 6.4.1, 6.37). */
static void answer_absent(struct scsi_bus *b, unsigned scsi_id, struct scsi_command *c)
{
    uint8_t out[36] = {0};
    switch (c->cdb[0]) {
    case OP_INQUIRY:
        if (c->cdb[1] & 3 || c->cdb[2]) {
            scsi_finish(c, SENSE_BAD_FIELD);
            return;
        }
        out[0] = 0x7f; /* no device of any kind, and none can be */
        out[2] = 5;
        out[3] = 0x12;
        out[4] = sizeof(out) - 5;
        scsi_reply(c, out, sizeof(out), load_be16(c->cdb + 3));
        return;
    case OP_REQUEST_SENSE:
        scsi_put_sense(out, SENSE_NO_LUN, c->cdb[1] & 1);
        scsi_reply(c, out, c->cdb[1] & 1 ? 8 : SCSI_SENSE_BYTES, c->cdb[4]);
        return;
    case OP_REPORT_LUNS:
        scsi_report_luns(b, scsi_id, c);
        return;
    default:
        scsi_finish(c, SENSE_NO_LUN);
    }
}

void scsi_bus_submit(struct scsi_bus *b, unsigned scsi_id, unsigned lun, struct scsi_command *c)
{
    struct scsi_unit *d = scsi_bus_find(b, scsi_id, lun);
    if (d) {
        c->unit = d;
        c->job.run = run;
        disk_thread_post(&d->disk, &c->job);
    } else {
        answer_absent(b, scsi_id, c);
    }
}

void scsi_bus_settle(struct scsi_bus *b)
{
    for (struct scsi_unit *d = b->units; d; d = d->next) {
        disk_thread_settle(&d->disk);
    }
}

void scsi_bus_drain(struct scsi_bus *b)
{
    for (struct scsi_unit *d = b->units; d; d = d->next) {
        disk_thread_drain(&d->disk);
    }
}

void scsi_bus_reset(struct scsi_bus *b, unsigned scsi_id, unsigned lun, uint32_t attention)
{
    for (struct scsi_unit *d = b->units; d; d = d->next) {
        if ((scsi_id == SCSI_NUMBER_ANY || d->scsi_id == scsi_id) &&
            (lun == SCSI_NUMBER_ANY || d->lun == lun)) {
            scsi_unit_reset(d, attention);
        }
    }
}

/* ---- places */

static bool find_id(const struct scsi_bus *b, struct scsi_unit *d, struct error *e)
{
    for (d->scsi_id = 0; d->scsi_id < b->ids; d->scsi_id++) {
        if (!find_locked(b, d->scsi_id, d->lun)) {
            return true;
        }
    }
    return error_set(e, "no free scsi-id");
}

static bool find_lun(const struct scsi_bus *b, struct scsi_unit *d, struct error *e)
{
    for (d->lun = 0; d->lun <= SCSI_LUN_MAX; d->lun++) {
        if (!find_locked(b, d->scsi_id, d->lun)) {
            return true;
        }
    }
    return error_set(e, "no free lun");
}

/* As QEMU has it: the next unit where only the id is said; else the first id that has the lun
 * free. */
static bool choose_place(const struct scsi_bus *b, struct scsi_unit *d, struct error *e)
{
    if (d->channel) {
        return error_set(e, "bad scsi channel id: %u; 0 is the only one", d->channel);
    }
    if (d->scsi_id != SCSI_NUMBER_ANY && d->scsi_id >= b->ids) {
        return error_set(e, "bad scsi device id: %u; 0 to %u are accepted", d->scsi_id, b->ids - 1);
    }
    if (d->lun != SCSI_NUMBER_ANY && d->lun > SCSI_LUN_MAX) {
        return error_set(e, "bad scsi device lun: %u; 0 to %u are accepted", d->lun, SCSI_LUN_MAX);
    }
    if (d->scsi_id == SCSI_NUMBER_ANY) {
        d->lun = d->lun == SCSI_NUMBER_ANY ? 0 : d->lun;
        return find_id(b, d, e);
    }
    if (d->lun == SCSI_NUMBER_ANY) {
        return find_lun(b, d, e);
    }
    return !find_locked(b, d->scsi_id, d->lun) ||
           error_set(e, "lun already used by '%s'",
                     find_locked(b, d->scsi_id, d->lun)->dev->cls->name);
}

static bool bus_attach(struct bus *bus, struct device *dev, struct error *e)
{
    struct scsi_bus *b = bus->impl;
    struct scsi_unit *d = disk_of(dev), **end = &b->units;
    if (!choose_place(b, d, e)) {
        error_prefix(e, "%s: ", dev->cls->name);
        return false;
    }
    d->dev = dev;
    d->bus = b;
    d->next = NULL;
    os_mutex_lock(&b->lock);
    while (*end) {
        end = &(*end)->next;
    }
    *end = d;
    os_mutex_unlock(&b->lock);
    return true;
}

static void bus_detach(struct bus *bus, struct device *dev)
{
    struct scsi_bus *b = bus->impl;
    os_mutex_lock(&b->lock);
    for (struct scsi_unit **at = &b->units; *at; at = &(*at)->next) {
        if (*at == disk_of(dev)) {
            *at = (*at)->next;
            break;
        }
    }
    os_mutex_unlock(&b->lock);
}

static void bus_place(const struct device *dev, char *text, size_t size)
{
    const struct scsi_unit *d = &((const struct scsi_disk *)dev)->unit;
    snprintf(text, size, "%u:%u", d->scsi_id, d->lun);
}

static void bus_firmware_path(const struct device *dev, struct strbuf *out)
{
    const struct scsi_unit *d = &((const struct scsi_disk *)dev)->unit;
    const struct device *host = dev->bus->parent;
    if (host->bus && host->bus->firmware_path) {
        host->bus->firmware_path(host, out);
    }
    strbuf_printf(out, "/channel@%x/disk@%x,%x", d->channel, d->scsi_id, d->lun);
}

/* ---- hot plug */

/* Who is there already learns that there are others (SPC 4.6.7, REPORTED LUNS DATA HAS CHANGED). */
static void others_changed(struct scsi_bus *b, const struct scsi_unit *but)
{
    for (struct scsi_unit *d = b->units; d; d = d->next) {
        os_mutex_lock(&d->lock);
        if (d != but && !d->attention) {
            d->attention = SENSE_LUNS_CHANGED;
        }
        os_mutex_unlock(&d->lock);
    }
}

static void bus_plug(struct bus *bus, struct device *dev)
{
    struct scsi_bus *b = bus->impl;
    others_changed(b, disk_of(dev));
    if (b->event) {
        b->event(b, disk_of(dev), SCSI_UNIT_COMES, 0);
    }
}

/* Nobody is asked: the unit is gone, and the driver learns it. */
static bool bus_unplug(struct bus *bus, struct device *dev, struct error *e)
{
    struct scsi_bus *b = bus->impl;
    (void)e;
    disk_thread_drain(&disk_of(dev)->disk);
    bus_detach(bus, dev);
    if (b->event) {
        b->event(b, disk_of(dev), SCSI_UNIT_GOES, 0);
    }
    others_changed(b, disk_of(dev));
    machine_release(dev);
    return true;
}

void scsi_bus_init(struct scsi_bus *b, struct device *d)
{
    os_mutex_init(&b->lock);
    b->bus = (struct bus){
        .kind = BUS_SCSI,
        .machine = d->machine,
        .parent = d,
        .impl = b,
        .attach = bus_attach,
        .detach = bus_detach,
        .place = bus_place,
        .firmware_path = bus_firmware_path,
        .plug = b->hot_plug ? bus_plug : NULL,
        .unplug = b->hot_plug ? bus_unplug : NULL,
    };
    if (d->id) {
        snprintf(b->bus.name, sizeof(b->bus.name), "%.24s.0", d->id);
    }
    machine_add_bus_of(&b->bus, "scsi");
}

void scsi_bus_fini(struct scsi_bus *b)
{
    machine_remove_bus(b->bus.machine, &b->bus);
    os_mutex_destroy(&b->lock);
}
