/* SPDX-License-Identifier: MIT */
/* The driver's side of IDE: see ide_rig.h. */
#include "tests/support/ide_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "block/block.h"
#include "hw/ide/piix_ide.h"
#include "hw/pci/pci_regs.h"
#include "hw/state.h"
#include "tests/support/machine.h"

#define BM_PORT 0xc000
#define CONTROL(base) ((base) + 0x206)

/* ---- the machine */

static struct block *give_drive(void *opaque, const char *id, struct error *e)
{
    struct ide_rig *s = opaque;
    struct block *b = strcmp(id, "disk") == 0    ? s->disk
                      : strcmp(id, "other") == 0 ? s->other
                      : strcmp(id, "cd") == 0    ? s->cd
                                                 : NULL;
    if (!b) {
        error_set(e, "there is no -drive with id=%s", id);
    }
    return b;
}

static struct block *filled_disk(uint64_t bytes)
{
    struct error e = {""};
    uint8_t sector[512];
    struct block *b = test_disk(bytes);
    for (unsigned i = 0; i < 64; i++) {
        memset(sector, (int)(i + 1), sizeof(sector));
        if (!block_write(b, 512 * (uint64_t)i, sector, sizeof(sector), &e)) {
            fprintf(stderr, "%s\n", e.text);
            exit(2);
        }
    }
    return b;
}

void ide_rig_open(struct ide_rig *s, bool counted)
{
    *s = (struct ide_rig){0};
    s->disk = filled_disk(IDE_RIG_DISK);
    s->other = filled_disk(IDE_RIG_DISK / 2);
    s->cd = filled_disk(IDE_RIG_CD);
    rig_open(&s->r);
    s->r.m->backends.drive = give_drive;
    s->r.m->backends.opaque = s;
    s->r.m->config.counted = counted;
    s->ports = space_create("ports");
    space_set_properties(s->ports, SPACE_ONES);
    s->table = rig_alloc(&s->r, 65536);
    s->data = rig_alloc(&s->r, 1 << 20);
}

void ide_rig_close(struct ide_rig *s)
{
    rig_close(&s->r);
    space_destroy(s->ports);
    block_close(s->disk);
    block_close(s->other);
    block_close(s->cd);
    if (s->graph) {
        block_graph_destroy(s->graph);
    }
}

uint8_t *ide_rig_data(struct ide_rig *s)
{
    return rig_host(&s->r, s->data);
}

static void stopped(void *opaque, int status)
{
    (void)opaque, (void)status;
}

void ide_rig_open_failing(struct ide_rig *s)
{
    struct error e = {""};
    struct block_options o = {.format = (char *)"raw", .rerror = BLOCK_ON_ERROR_STOP};
    ide_rig_open(s, false);
    block_close(s->disk);
    s->graph = block_graph_create();
    o.tree = json_object();
    json_object_set_new(o.tree, "file",
                        json_loads("{\"driver\":\"blkdebug\",\"image\":{\"driver\":\"null-co\","
                                   "\"size\":4194304,\"read-zeroes\":true},\"inject-error\":[{"
                                   "\"event\":\"read_aio\",\"sector\":5,\"once\":true}]}",
                                   0, NULL));
    s->disk = block_open(s->graph, &o, &e);
    json_decref(o.tree);
    if (!s->disk) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
    block_on_stop(s->disk, stopped, s);
}

bool ide_rig_waits(struct ide_rig *s)
{
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        if (block_waits_for_retry(s->disk)) {
            return true;
        }
        os_sleep_until_ns(os_now_ns() + 20000);
    }
    return false;
}

static void must(const struct device *d, const struct error *e)
{
    if (!d) {
        fprintf(stderr, "%s\n", e->text);
        exit(2);
    }
}

struct device *ide_rig_drive(struct ide_rig *s, const struct device_class *c, const char *bus,
                             const char *drive, const char *a)
{
    struct error e = {""};
    struct device *d = rig_device(&s->r, c, bus, &e, drive, a, NULL);
    must(d, &e);
    return d;
}

static void irq_set_level(void *opaque, int line, int level)
{
    struct ide_rig *s = opaque;
    if (level && !atomic_get(&s->irq[line])) {
        atomic_add(&s->irq_rises[line], 1);
    }
    atomic_set(&s->irq[line], level);
}

void ide_rig_piix(struct ide_rig *s)
{
    struct error e = {""};
    s->host = rig_device(&s->r, &piix3_ide_class, "pcie.0", &e, "addr=4", NULL);
    must(s->host, &e);
    for (int i = 0; i < 2; i++) {
        s->host->irq[i] = (struct irq){irq_set_level, s, i};
    }
    piix_ide_map(s->host, s->ports);
    rig_config_set(&s->r, 0, 0x20, PCI_BAR0 + 16, 4, BM_PORT);
    rig_config_set(&s->r, 0, 0x20, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
    s->bm = RIG_PIO + BM_PORT;
}

/* ---- ports */

uint32_t ide_in(struct ide_rig *s, unsigned port, unsigned size)
{
    uint64_t v = 0;
    space_load(s->ports, port, size, &v);
    return (uint32_t)v;
}

void ide_out(struct ide_rig *s, unsigned port, unsigned size, uint32_t value)
{
    space_store(s->ports, port, size, value);
}

void ide_start(struct ide_rig *s, unsigned base, const struct ide_regs *r)
{
    ide_out(s, base + 6, 1, r->device);
    if (r->ext) {
        ide_out(s, base + 1, 1, r->features >> 8);
        ide_out(s, base + 2, 1, r->count >> 8);
        for (unsigned i = 0; i < 3; i++) {
            ide_out(s, base + 3 + i, 1, (uint8_t)(r->lba >> (24 + 8 * i)));
        }
    }
    ide_out(s, base + 1, 1, (uint8_t)r->features);
    ide_out(s, base + 2, 1, (uint8_t)r->count);
    for (unsigned i = 0; i < 3; i++) {
        ide_out(s, base + 3 + i, 1, (uint8_t)(r->lba >> 8 * i));
    }
    ide_out(s, base + 7, 1, r->command);
}

uint8_t ide_wait(struct ide_rig *s, unsigned base)
{
    uint8_t status = ATA_BSY;
    for (int64_t end = os_now_ns() + INT64_C(10000000000); os_now_ns() < end;) {
        status = (uint8_t)ide_in(s, CONTROL(base), 1);
        if (!(status & ATA_BSY)) {
            return status;
        }
        if (s->r.m->config.counted) {
            clock_manual_advance(s->r.m->clock, 1000000);
        } else {
            os_sleep_until_ns(os_now_ns() + 20000);
        }
    }
    return status;
}

uint8_t ide_command(struct ide_rig *s, unsigned base, const struct ide_regs *r)
{
    ide_start(s, base, r);
    ide_wait(s, base);
    return (uint8_t)ide_in(s, base + 7, 1);
}

uint8_t ide_pio_in(struct ide_rig *s, unsigned base, const struct ide_regs *r, uint32_t n)
{
    uint8_t *p = ide_rig_data(s), status = 0;
    ide_start(s, base, r);
    for (uint32_t at = 0; at < n; at += 2) {
        if (at % 512 == 0) {
            status = ide_wait(s, base);
            ide_in(s, base + 7, 1);
        }
        if (!(status & ATA_DRQ)) {
            return status;
        }
        store_le16(p + at, (uint16_t)ide_in(s, base, 2));
    }
    ide_wait(s, base);
    return (uint8_t)ide_in(s, base + 7, 1);
}

uint8_t ide_pio_out(struct ide_rig *s, unsigned base, const struct ide_regs *r, uint32_t n)
{
    const uint8_t *p = ide_rig_data(s);
    uint8_t status = 0;
    ide_start(s, base, r);
    for (uint32_t at = 0; at < n; at += 4) {
        if (at % 512 == 0) {
            status = ide_wait(s, base);
            ide_in(s, base + 7, 1);
        }
        if (!(status & ATA_DRQ)) {
            return status;
        }
        ide_out(s, base, 4, load_le32(p + at));
    }
    ide_wait(s, base);
    return (uint8_t)ide_in(s, base + 7, 1);
}

void ide_put_table(struct ide_rig *s, paddr at, uint32_t n, uint32_t piece)
{
    uint8_t *p = rig_host(&s->r, s->table);
    for (; n; p += 8) {
        const uint32_t part = n < piece ? n : piece;
        n -= part;
        store_le32(p, (uint32_t)at);
        store_le32(p + 4, (part & 0xffff) | (n ? 0 : 0x80000000u));
        at += part;
    }
}

uint8_t ide_dma(struct ide_rig *s, const struct ide_regs *r, bool to_memory, uint32_t n,
                uint32_t piece)
{
    const uint8_t direction = to_memory ? 8 : 0;
    ide_put_table(s, s->data, n, piece);
    rig_store(&s->r, s->bm, 1, direction);
    rig_store(&s->r, s->bm + 2, 1, 6);
    rig_store(&s->r, s->bm + 4, 4, (uint32_t)s->table);
    ide_start(s, 0x1f0, r);
    rig_store(&s->r, s->bm, 1, direction | 1);
    ide_wait(s, 0x1f0);
    const uint8_t status = (uint8_t)ide_in(s, 0x1f7, 1);
    rig_store(&s->r, s->bm, 1, direction);
    return status;
}

void ide_save(struct device *host, struct device *drive, struct ide_saved *out)
{
    *out = (struct ide_saved){0};
    device_save(drive, &out->drive);
    device_save(host, &out->host);
}

bool ide_load(struct device *host, struct device *drive, struct ide_saved *in)
{
    struct error e = {""};
    device_reset(host);
    const bool good = device_load(drive, in->drive.text, in->drive.len, &e) &&
                      device_load(host, in->host.text, in->host.len, &e);
    strbuf_free(&in->drive);
    strbuf_free(&in->host);
    return good;
}

static bool is_same(const struct strbuf *a, const struct strbuf *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

bool ide_round_trip(struct device *host, struct device *drive)
{
    struct ide_saved first, again, kept;
    ide_save(host, drive, &first);
    ide_save(host, drive, &kept);
    bool good = ide_load(host, drive, &first);
    ide_save(host, drive, &again);
    good = good && is_same(&kept.host, &again.host) && is_same(&kept.drive, &again.drive);
    strbuf_free(&kept.host);
    strbuf_free(&kept.drive);
    strbuf_free(&again.host);
    strbuf_free(&again.drive);
    return good;
}
