/* SPDX-License-Identifier: MIT */
/*
 * A command of an AHCI slot: its table in guest memory (AHCI 4.2.3), and the steps by which data
 * goes between the list of memory and the drive.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "hw/ide/ahci.h"

enum {
    TABLE_PACKET = 0x40,
    TABLE_LIST = 0x80,
    ENTRY_BYTES = 16,
    OP_PACKET = 0xa0,
};

static struct ahci *hba_of(const struct ahci_slot *s)
{
    return s->port->hba;
}

/* ---- the list of memory */

struct entry {
    uint64_t at;
    uint32_t bytes;
    bool told;
};

static bool read_entry(const struct ahci_slot *s, uint32_t index, struct entry *out)
{
    uint8_t raw[ENTRY_BYTES];
    if (!dma_read(&hba_of(s)->pci.dev.dma, s->table + TABLE_LIST + ENTRY_BYTES * (paddr)index, raw,
                  sizeof(raw))) {
        return false;
    }
    const uint32_t last = load_le32(raw + 12);
    *out = (struct entry){
        .at = load_le64(raw) & ~UINT64_C(1), .bytes = (last & 0x3fffff) + 1, .told = last >> 31};
    return true;
}

static bool add_piece(struct ahci_slot *s, uint64_t at, uint64_t bytes)
{
    struct ata_command *c = &s->c;
    while (bytes) {
        size_t n = (size_t)bytes;
        uint8_t *p = dma_map(&hba_of(s)->pci.dev.dma, at, &n, c->direction == ATA_IN);
        struct iovec *last = c->iov_count ? &s->iov[c->iov_count - 1] : NULL;
        if (!p) {
            return false;
        }
        if (last && (uint8_t *)last->iov_base + last->iov_len == p) {
            last->iov_len += n;
        } else if (c->iov_count == BLOCK_IOV_MAX) {
            return true; /* the next step has the rest */
        } else {
            if (c->iov_count == s->iov_cap) {
                s->iov_cap = s->iov_cap ? 2 * s->iov_cap : 16;
                s->iov = mem_resize_array(s->iov, s->iov_cap, sizeof(*s->iov));
            }
            s->iov[c->iov_count++] = (struct iovec){p, n};
        }
        c->iov_bytes += n;
        at += n;
        bytes -= n;
    }
    return true;
}

/* The memory of the next step. Replies whose length is not known yet have the most. */
static bool map(struct ahci_slot *s)
{
    struct ata_command *c = &s->c;
    const uint64_t most = c->left ? c->left : ATA_BUFFER_BYTES;
    uint32_t index = s->index, used = s->used;
    bool good = pci_bus_master(&hba_of(s)->pci);
    struct entry e;
    c->iov_count = 0;
    c->iov_bytes = 0;
    while (good && index < s->entries && c->iov_bytes < most && c->iov_count < BLOCK_IOV_MAX) {
        good = read_entry(s, index++, &e);
        if (good && used < e.bytes) {
            const uint64_t room = e.bytes - used, left = most - c->iov_bytes;
            good = add_piece(s, e.at + used, room < left ? room : left);
        }
        used = 0;
    }
    c->iov = s->iov;
    return good && c->iov_bytes;
}

/* The step has used c.moved bytes. Entries are read again: they may have been changed. */
static void go_on(struct ahci_slot *s)
{
    const struct ata_command *c = &s->c;
    uint64_t left = c->moved;
    struct entry e;
    for (unsigned i = 0; i < c->iov_count && c->direction == ATA_IN; i++) {
        dma_unmap(&hba_of(s)->pci.dev.dma, s->iov[i].iov_base, s->iov[i].iov_len);
    }
    s->moved += left;
    while (left && s->index < s->entries && read_entry(s, s->index, &e)) {
        const uint64_t room = e.bytes > s->used ? e.bytes - s->used : 0;
        s->told |= e.told;
        if (room > left) {
            s->used += (uint32_t)left;
            return;
        }
        left -= room;
        s->index++;
        s->used = 0;
    }
}

/* ---- steps */

static void run_step(struct disk_job *j)
{
    ata_step((struct ata_command *)j);
}

void ahci_leave(struct ahci_port *p, uint32_t posted)
{
    struct disk_thread *t = posted ? ide_drive_thread(ahci_drive(p)) : NULL;
    const bool counted = ahci_counted(p->hba);
    for (uint32_t m = posted; m && !counted; m &= m - 1) {
        disk_thread_post(t, &p->slot[ctz32(m)].c.job);
    }
    os_mutex_unlock(&p->hba->lock);
    /* Where time is counted a step is done at once, by this thread; what ends it takes the lock. */
    for (uint32_t m = posted; m && counted; m &= m - 1) {
        disk_thread_post(t, &p->slot[ctz32(m)].c.job);
    }
}

static void keep_result(struct ahci_slot *s, bool lacking)
{
    const unsigned n = (unsigned)(s - s->port->slot);
    s->port->result[n] = (struct ahci_result){
        .regs = s->c.regs, .moved = (uint32_t)s->moved, .lacking = lacking, .told = s->told};
}

/* On the drive's thread. */
static void stepped(struct ata_command *c)
{
    struct ahci_slot *s = (struct ahci_slot *)c;
    struct ahci_port *p = s->port;
    const unsigned n = (unsigned)(s - p->slot);
    uint32_t posted = 0;
    os_mutex_lock(&p->hba->lock);
    if (p->stopping) {
        os_mutex_unlock(&p->hba->lock);
        return;
    }
    go_on(s);
    if (!c->over && map(s)) {
        os_mutex_unlock(&p->hba->lock);
        ata_step(c);
        return;
    }
    keep_result(s, !c->over);
    if (ahci_counted(p->hba)) {
        const struct due_item item = {.queue = p->number, .id = (uint16_t)n};
        due_list_add(&p->due, p->timer, clock_now_ns(p->hba->pci.dev.clock), s->moved, &item);
    } else {
        ahci_port_complete(p, n);
        posted = ahci_port_issue(p);
    }
    ahci_leave(p, posted);
}

/* ---- the beginning */

static uint64_t six_bytes(const uint8_t *low, const uint8_t *high)
{
    return (load_le32(low) & 0xffffff) | (uint64_t)(load_le32(high) & 0xffffff) << 24;
}

/* Registers of a FIS from the host (Serial ATA 10.3.4). */
static void take_registers(struct ata_regs *r, const uint8_t *fis)
{
    *r = (struct ata_regs){.command = fis[2],
                           .features = (uint16_t)(fis[3] | fis[11] << 8),
                           .lba = six_bytes(fis + 4, fis + 8),
                           .device = fis[7],
                           .count = load_le16(fis + 12)};
}

bool ahci_slot_begin(struct ahci_slot *s, const uint8_t *header, const uint8_t *fis, bool *now)
{
    struct ata_command *c = &s->c;
    struct ahci_port *p = s->port;
    *c = (struct ata_command){
        .job.run = run_step, .drive = ahci_drive(p), .stepped = stepped, .buffer = p->buffer};
    take_registers(&c->regs, fis);
    s->table = load_le64(header + 8) & ~UINT64_C(0x7f);
    s->entries = load_le16(header + 2);
    s->index = s->used = 0;
    s->moved = 0;
    s->told = false;
    if (c->regs.command == OP_PACKET) {
        c->has_packet = true;
        if (!dma_read(&p->hba->pci.dev.dma, s->table + TABLE_PACKET, c->packet, ATA_PACKET_BYTES)) {
            return false;
        }
    }
    ata_begin(c);
    s->pio = !c->dma && c->direction != ATA_NO_DATA && c->regs.command != OP_PACKET;
    c->dma = true; /* of the drive's view: it is handed memory */
    *now = c->over;
    if (!c->over && c->direction != ATA_NO_DATA && !map(s)) {
        if (c->left) {
            *now = true;
            keep_result(s, true);
            return true;
        }
        c->iov_count = 0; /* a reply that has nothing, perhaps */
        c->iov_bytes = 0;
    }
    if (*now) {
        keep_result(s, false);
    }
    return true;
}

void ahci_slot_free(struct ahci_slot *s)
{
    mem_free(s->iov);
    s->iov = NULL;
    s->iov_cap = 0;
}
