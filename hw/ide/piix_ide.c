/* SPDX-License-Identifier: MIT */
/*
 * The IDE function of PIIX3 and PIIX4 (Intel 290550, 290562): two channels at their ISA ports, and
 * a bus master for each, whose registers are in BAR 4 (Programming Interface for Bus Master IDE
 * Controller 1.0). The ports are there whether or not the timing registers switch them on, as with
 * QEMU; timings have no effect.
 */
#include "hw/ide/piix_ide.h"

#include "base/bits.h"
#include "base/mem.h"
#include "hw/ide/ide_channel.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_internal.h"

enum {
    CONFIG_IDETIM = 0x40, /* two of 16 bits, then SIDETIM, UDMACTL, UDMATIM */
    BM_BAR = 4,
    BM_BYTES = 16,
    CHANNEL_BYTES = 8,

    BM_COMMAND = 0,
    BM_STATUS = 2,
    BM_TABLE = 4,

    COMMAND_START = 1 << 0,
    COMMAND_TO_MEMORY = 1 << 3,

    STATUS_ACTIVE = 1 << 0,
    STATUS_ERROR = 1 << 1,
    STATUS_INTERRUPT = 1 << 2,
    STATUS_CAPABLE = 3 << 5, /* what software says of the drives */

    PRD_BYTES = 8,
    PRDS_MOST = 65536 / PRD_BYTES,
};

/* Where a transfer stands in its table. */
struct prd_place {
    uint32_t index, used; /* entry, and bytes of it */
    bool over;            /* behind the last one */
    uint8_t pad[3];
};

struct bus_master {
    /* State; under the channel's lock. */
    uint32_t table;
    struct prd_place place;
    uint8_t command, status;
    uint8_t pad[6];

    /* No state. */
    struct piix_ide *owner;
    struct iovec iov[BLOCK_IOV_MAX];
};

struct piix_ide {
    struct pci_device pci; /* first */
    struct ide_channel ch[2];
    struct bus_master bm[2];
    struct space *ports;
    const struct mem_range *mapped[4];
};

static struct piix_ide *of(struct device *d)
{
    return (struct piix_ide *)d;
}

/* ---- the bus master, for its channel */

static bool bm_is_ready(void *opaque)
{
    const struct bus_master *bm = opaque;
    return bm->command & COMMAND_START;
}

/* An entry: 0 bytes are 64 KiB, bit 31 ends the table. */
static bool read_prd(const struct bus_master *bm, uint32_t index, uint32_t *at, uint32_t *bytes,
                     bool *last)
{
    uint8_t entry[PRD_BYTES];
    if (!dma_read(&bm->owner->pci.dev.dma, bm->table + (paddr)index * PRD_BYTES, entry,
                  sizeof(entry))) {
        return false;
    }
    *at = load_le32(entry) & ~1u;
    *bytes = load_le16(entry + 4) & 0xfffe;
    *bytes = *bytes ? *bytes : 65536;
    *last = entry[7] & 0x80 || index + 1 == PRDS_MOST;
    return true;
}

static bool add_piece(struct bus_master *bm, struct ata_command *c, uint32_t at, uint64_t bytes)
{
    while (bytes) {
        size_t n = (size_t)bytes;
        uint8_t *p = dma_map(&bm->owner->pci.dev.dma, at, &n, c->direction == ATA_IN);
        struct iovec *last = c->iov_count ? &bm->iov[c->iov_count - 1] : NULL;
        if (!p) {
            return false;
        }
        if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
            last->iov_len += n;
        } else if (c->iov_count < BLOCK_IOV_MAX) {
            bm->iov[c->iov_count++] = (struct iovec){p, n};
        } else {
            return true; /* the next step has the rest */
        }
        c->iov_bytes += n;
        at += (uint32_t)n;
        bytes -= n;
    }
    return true;
}

static uint64_t bm_map(void *opaque, struct ata_command *c, uint64_t most)
{
    struct bus_master *bm = opaque;
    uint32_t index = bm->place.index, used = bm->place.used, at, bytes;
    bool last = false;
    c->iov = bm->iov;
    c->iov_count = 0;
    c->iov_bytes = 0;
    bool good = pci_bus_master(&bm->owner->pci) && !bm->place.over &&
                !(bm->command & COMMAND_TO_MEMORY) == (c->direction == ATA_OUT);
    while (good && !last && index < PRDS_MOST && c->iov_bytes < most &&
           c->iov_count < BLOCK_IOV_MAX) {
        good = read_prd(bm, index, &at, &bytes, &last);
        if (good && used < bytes) {
            const uint64_t room = bytes - used, left = most - c->iov_bytes;
            good = add_piece(bm, c, at + used, room < left ? room : left);
        }
        used = 0;
        index++;
    }
    if (!good && !bm->place.over) {
        bm->status |= STATUS_ERROR;
    }
    return good ? c->iov_bytes : 0;
}

/* The place is behind what was moved. Entries are read again: they may have been changed. */
static void bm_moved(void *opaque, const struct ata_command *c)
{
    struct bus_master *bm = opaque;
    uint64_t left = c->moved;
    uint32_t at, bytes;
    bool last = false;
    for (unsigned i = 0; i < c->iov_count && c->direction == ATA_IN; i++) {
        dma_unmap(&bm->owner->pci.dev.dma, bm->iov[i].iov_base, bm->iov[i].iov_len);
    }
    while (left && !last && read_prd(bm, bm->place.index, &at, &bytes, &last)) {
        const uint32_t room = bytes - bm->place.used;
        if (bytes <= bm->place.used || room <= left) {
            left -= bytes <= bm->place.used ? 0 : room;
            bm->place = (struct prd_place){.index = bm->place.index + 1, .over = last};
        } else {
            bm->place.used += (uint32_t)left;
            left = 0;
        }
    }
}

/* The bit stays where the table has memory left (chapter 3.1 of the programming interface). */
static void bm_ended(void *opaque, bool more)
{
    struct bus_master *bm = opaque;
    if (more || bm->place.over) {
        bm->status &= (uint8_t)~STATUS_ACTIVE;
    }
}

static void bm_interrupted(void *opaque)
{
    struct bus_master *bm = opaque;
    bm->status |= STATUS_INTERRUPT;
}

static const struct ide_dma_ops bm_dma = {bm_is_ready, bm_map, bm_moved, bm_ended, bm_interrupted};

/* ---- its registers */

static uint8_t read_register(const struct bus_master *bm, unsigned offset)
{
    switch (offset) {
    case BM_COMMAND:
        return bm->command;
    case BM_STATUS:
        return bm->status;
    default:
        return offset >= BM_TABLE ? (uint8_t)(bm->table >> 8 * (offset - BM_TABLE)) : 0;
    }
}

static uint64_t bm_read(void *opaque, uint64_t offset, unsigned size)
{
    struct piix_ide *p = opaque;
    const unsigned n = (unsigned)offset / CHANNEL_BYTES;
    uint64_t value = 0;
    os_mutex_lock(&p->ch[n].lock);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)read_register(&p->bm[n], (unsigned)(offset + i) % CHANNEL_BYTES)
                 << 8 * i;
    }
    os_mutex_unlock(&p->ch[n].lock);
    return value;
}

/* Started: the transfer begins with the table. Stopped: what is under way has ended before. */
static void write_command(struct piix_ide *p, unsigned n, uint8_t value)
{
    struct bus_master *bm = &p->bm[n];
    const bool was = bm->command & COMMAND_START, is = value & COMMAND_START;
    if (was && !is) {
        ide_channel_wait(&p->ch[n]);
    }
    os_mutex_lock(&p->ch[n].lock);
    bm->command = value & (COMMAND_START | COMMAND_TO_MEMORY);
    if (is && !was) {
        bm->place = (struct prd_place){0};
        bm->status |= STATUS_ACTIVE;
    } else if (!is) {
        bm->status &= (uint8_t)~STATUS_ACTIVE;
    }
    os_mutex_unlock(&p->ch[n].lock);
    if (is && !was) {
        ide_channel_dma_started(&p->ch[n]);
    }
}

static void write_register(struct piix_ide *p, uint64_t offset, uint8_t value)
{
    const unsigned n = (unsigned)offset / CHANNEL_BYTES, at = (unsigned)offset % CHANNEL_BYTES;
    struct bus_master *bm = &p->bm[n];
    if (at == BM_COMMAND) {
        write_command(p, n, value);
        return;
    }
    os_mutex_lock(&p->ch[n].lock);
    if (at == BM_STATUS) {
        const uint8_t cleared = value & (STATUS_ERROR | STATUS_INTERRUPT);
        bm->status = (uint8_t)((bm->status & ~cleared & ~STATUS_CAPABLE) |
                               (value & STATUS_CAPABLE));
    } else if (at >= BM_TABLE) {
        const unsigned bit0 = 8 * (at - BM_TABLE);
        bm->table = (uint32_t)deposit64(bm->table, bit0 + 7, bit0, value) & ~3u;
    }
    os_mutex_unlock(&p->ch[n].lock);
}

static void bm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        write_register(opaque, offset + i, (uint8_t)(value >> 8 * i));
    }
}

static const struct mmio_ops bm_ops = {.read = bm_read, .write = bm_write, .sizes = 1 | 2 | 4};

/* ---- life */

static const struct pci_class piix3_pci = {
    .vendor = 0x8086,
    .device = 0x7010,
    .class_code = 0x010180,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
};
static const struct pci_class piix4_pci = {
    .vendor = 0x8086,
    .device = 0x7111,
    .class_code = 0x010180,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
};

static bool piix_create(struct device *d, struct error *e)
{
    struct piix_ide *p = of(d);
    (void)e;
    pci_device_init(&p->pci, d->cls->kind);
    memset(p->pci.writable + CONFIG_IDETIM, 0xff, 12);
    pci_bar_add(&p->pci, BM_BAR, PCI_BAR_IO, BM_BYTES);
    pci_bar_add_part(&p->pci, BM_BAR,
                     &(struct pci_bar_part){0, BM_BYTES, "ide-bus-master", &bm_ops, p, NULL});
    for (unsigned n = 0; n < 2; n++) {
        p->bm[n].owner = p;
        ide_channel_init(&p->ch[n], d, n, &bm_dma, &p->bm[n]);
    }
    return true;
}

static void add_ports(struct piix_ide *p, unsigned i, paddr base, uint64_t size,
                      const struct mmio_ops *ops)
{
    p->mapped[i] = space_add(p->ports, &(struct mem_range){.base = base,
                                                           .size = size,
                                                           .kind = RANGE_MMIO,
                                                           .name = "ide",
                                                           .ops = ops,
                                                           .opaque = &p->ch[i / 2]});
}

void piix_ide_map(struct device *d, struct space *ports)
{
    struct piix_ide *p = of(d);
    p->ports = ports;
    add_ports(p, 0, 0x1f0, 8, &ide_command_ops);
    add_ports(p, 1, 0x3f6, 1, &ide_control_ops);
    add_ports(p, 2, 0x170, 8, &ide_command_ops);
    add_ports(p, 3, 0x376, 1, &ide_control_ops);
}

struct ide_bus *piix_ide_bus(struct device *d, unsigned n)
{
    return &of(d)->ch[n].bus;
}

static void piix_destroy(struct device *d)
{
    struct piix_ide *p = of(d);
    for (unsigned i = 0; i < 4 && p->ports; i++) {
        space_remove(p->ports, p->mapped[i]);
    }
    for (unsigned n = 0; n < 2; n++) {
        ide_channel_fini(&p->ch[n]);
    }
    pci_device_fini(&p->pci);
}

static void piix_reset(struct device *d)
{
    struct piix_ide *p = of(d);
    for (unsigned n = 0; n < 2; n++) {
        ide_channel_reset(&p->ch[n]);
        p->bm[n].table = 0;
        p->bm[n].place = (struct prd_place){0};
        p->bm[n].command = p->bm[n].status = 0;
    }
    pci_device_reset(&p->pci);
}

static void piix_settle(struct device *d)
{
    for (unsigned n = 0; n < 2; n++) {
        ide_channel_settle(&of(d)->ch[n]);
    }
}

static bool piix_check(struct device *d, struct error *e)
{
    const struct piix_ide *p = of(d);
    return pci_device_check(&p->pci, e) && ide_channel_check(&p->ch[0], e) &&
           ide_channel_check(&p->ch[1], e);
}

static void piix_loaded(struct device *d)
{
    for (unsigned n = 0; n < 2; n++) {
        ide_channel_loaded(&of(d)->ch[n]);
    }
    pci_device_loaded(&of(d)->pci);
}

static void piix_resume(struct device *d)
{
    for (unsigned n = 0; n < 2; n++) {
        ide_channel_resume(&of(d)->ch[n]);
    }
}

static const struct prop piix_props[] = {PCI_PROPS(piix_ide, pci), PROP_END};

static const struct field place_fields[] = {
    FIELD_MOST(prd_place, index, PRDS_MOST),
    FIELD_MOST(prd_place, used, 65536),
    FIELD(prd_place, over),
    FIELD_SKIP(prd_place, pad),
    FIELD_END,
};
static const struct field bm_fields[] = {
    FIELD(bus_master, table),    FIELD_PARTS(bus_master, place, place_fields, prd_place),
    FIELD(bus_master, command),  FIELD(bus_master, status),
    FIELD_SKIP(bus_master, pad), FIELD_SKIP(bus_master, owner),
    FIELD_SKIP(bus_master, iov), FIELD_END,
};
static const struct field piix_fields[] = {
    PCI_FIELDS(piix_ide, pci),
    FIELD_KEEP_PARTS(piix_ide, ch, ide_channel_fields, ide_channel),
    FIELD_KEEP_PARTS(piix_ide, bm, bm_fields, bus_master),
    FIELD_SKIP(piix_ide, ports),
    FIELD_SKIP(piix_ide, mapped),
    FIELD_END,
};

#define PIIX_CLASS(name_, desc_, kind_)                                                            \
    {                                                                                              \
        .name = name_, .desc = desc_, .bus = BUS_PCI, .size = sizeof(struct piix_ide),             \
        .props = piix_props, .fields = piix_fields, .create = piix_create, .reset = piix_reset,    \
        .destroy = piix_destroy, .settle = piix_settle, .check = piix_check,                       \
        .loaded = piix_loaded, .resume = piix_resume, .flags = DEVICE_THREAD_SAFE, .kind = kind_   \
    }
const struct device_class piix3_ide_class = PIIX_CLASS("piix3-ide", "IDE of the PIIX3 bridge",
                                                       &piix3_pci);
const struct device_class piix4_ide_class = PIIX_CLASS("piix4-ide", "IDE of the PIIX4 bridge",
                                                       &piix4_pci);
