/* SPDX-License-Identifier: MIT */
/*
 * Ports of an AHCI adapter: registers, what is issued, and what the driver is told (AHCI 3.3, 5,
 * 6). FISes that say nothing to a driver (DMA Setup, those that end a bus's own steps) are not
 * written to memory. Not modelled, and not offered: port multipliers, power states of the link,
 * asynchronous notification.
 */
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/ide/ahci.h"

enum {
    HEADER_BYTES = 32,
    FIS_BYTES = 64,

    FIS_FROM_HOST = 0x27,
    FIS_TO_HOST = 0x34,
    FIS_PIO = 0x5f,
    FIS_BITS = 0xa1,
    FIS_INTERRUPT = 1 << 6,
    FIS_COMMAND = 1 << 7,

    /* Where they are received (4.2.1). */
    RECEIVED_PIO = 0x20,
    RECEIVED_REGISTERS = 0x40,
    RECEIVED_BITS = 0x58,

    CONTROL_SRST = 1 << 2,

    LINK_UP = 0x113, /* present, first generation, active */
    SIG_NONE = -1,
    TFD_NONE = 0x7f,
    SCTL_DET = 0xf,
    DET_RESET = 1,
    DET_OFF = 4,
    SERR_EXCHANGED = 1 << 26,
    SERR_PROTOCOL = 1 << 10,
};
#define IS_WRITABLE 0xfd8000afu
#define IE_WRITABLE 0xfdc000ffu
#define CMD_WRITABLE (AHCI_CMD_ST | AHCI_CMD_FRE | 0x032c0000u)

static const struct dma *dma_of(const struct ahci_port *p)
{
    return &p->hba->pci.dev.dma;
}

/* ---- FISes to the driver */

static void receive(const struct ahci_port *p, unsigned at, const uint8_t *fis, size_t n)
{
    if ((p->cmd & AHCI_CMD_FRE) && !dma_write(dma_of(p), p->fis + at, fis, n)) {
        log_guest("ahci", "port %u: FISes are not received in memory", p->number);
    }
}

static void put_registers(uint8_t *fis, const struct ata_regs *r)
{
    fis[2] = r->status;
    fis[3] = r->error;
    for (unsigned i = 0; i < 3; i++) {
        fis[4 + i] = (uint8_t)(r->lba >> 8 * i);
        fis[8 + i] = (uint8_t)(r->lba >> (24 + 8 * i));
    }
    fis[7] = r->device;
    store_le16(fis + 12, r->count);
}

static void send_registers(struct ahci_port *p, const struct ata_regs *r, bool interrupt)
{
    uint8_t fis[20] = {FIS_TO_HOST, interrupt ? FIS_INTERRUPT : 0};
    put_registers(fis, r);
    receive(p, RECEIVED_REGISTERS, fis, sizeof(fis));
    p->tfd = r->status | (uint32_t)r->error << 8;
    p->is |= interrupt ? AHCI_IS_DHRS : 0;
}

/* Data to the host by PIO ends with the status that this one foretells. */
static void send_pio(struct ahci_port *p, const struct ata_regs *r, uint32_t bytes)
{
    uint8_t fis[20] = {FIS_PIO, FIS_INTERRUPT | 1 << 5};
    put_registers(fis, r);
    fis[2] = ATA_READY | ATA_DRQ;
    fis[15] = r->status;
    store_le16(fis + 16, (uint16_t)bytes);
    receive(p, RECEIVED_PIO, fis, sizeof(fis));
    p->tfd = r->status | (uint32_t)r->error << 8;
    p->is |= AHCI_IS_PSS;
}

/* Commands of a queue have ended. The bits of BSY and DRQ stay. */
static void send_bits(struct ahci_port *p, const struct ata_regs *r, uint32_t ended)
{
    uint8_t fis[8] = {FIS_BITS, FIS_INTERRUPT, r->status & 0x77, r->error};
    store_le32(fis + 4, ended);
    receive(p, RECEIVED_BITS, fis, sizeof(fis));
    p->sact &= ~ended;
    p->tfd = (p->tfd & (ATA_BSY | ATA_DRQ)) | (r->status & 0x77) | (uint32_t)r->error << 8;
    p->is |= AHCI_IS_SDBS;
}

/* After a reset the drive says what it is, once somebody receives it. */
static void send_signature(struct ahci_port *p)
{
    struct ide_drive *d = ahci_drive(p);
    if (!d || !p->unsigned_yet || !(p->cmd & AHCI_CMD_FRE) || p->ssts != LINK_UP) {
        return;
    }
    p->unsigned_yet = false;
    ata_signature(d, &d->regs);
    p->sig = (uint32_t)(d->regs.lba << 8 | d->regs.count);
    send_registers(p, &d->regs, false);
}

/* ---- commands */

static void halt(struct ahci_port *p, uint32_t why)
{
    p->halted = true;
    p->is |= why;
    ahci_update(p);
}

/* A FIS of the control register: a reset by software begins, or ends (6.2.2.x of Serial ATA). */
static void take_control(struct ahci_port *p, unsigned slot, uint8_t control)
{
    struct ide_drive *d = ahci_drive(p);
    const bool was = p->resetting;
    p->resetting = control & CONTROL_SRST;
    if (was && !p->resetting) {
        ide_drive_reset(d, false);
        ata_signature(d, &d->regs);
        p->sig = (uint32_t)(d->regs.lba << 8 | d->regs.count);
        send_registers(p, &d->regs, false);
    } else if (p->resetting) {
        p->tfd |= ATA_BSY;
    }
    p->ci &= ~(1u << slot);
}

/* The next command that can be issued, or none. */
static bool next_slot(const struct ahci_port *p, unsigned *slot)
{
    const uint32_t waiting = p->ci & ~p->held;
    if (!waiting || p->alone || p->halted || p->stopping || !(p->cmd & AHCI_CMD_ST) ||
        !ahci_drive(p) || p->ssts != LINK_UP) {
        return false;
    }
    const uint32_t later = waiting & ~(uint32_t)mask64(p->current + 1u);
    *slot = ctz32(later ? later : waiting);
    return true;
}

static bool fetch(const struct ahci_port *p, unsigned slot, uint8_t *header, uint8_t *fis)
{
    return dma_read(dma_of(p), p->list + HEADER_BYTES * (paddr)slot, header, HEADER_BYTES) &&
           dma_read(dma_of(p), load_le64(header + 8) & ~UINT64_C(0x7f), fis, FIS_BYTES);
}

/* Returns the slot's bit if its command is to be posted. */
static uint32_t issue_one(struct ahci_port *p, unsigned slot)
{
    uint8_t header[HEADER_BYTES], fis[FIS_BYTES];
    struct ahci_slot *s = &p->slot[slot];
    bool now = false;
    p->current = (uint8_t)slot;
    if (!fetch(p, slot, header, fis)) {
        log_guest("ahci", "port %u: the command of slot %u is not in memory", p->number, slot);
        halt(p, AHCI_IS_HBFS);
        return 0;
    }
    if (fis[0] != FIS_FROM_HOST || (fis[1] & 0xf)) {
        log_guest("ahci", "port %u: FIS 0x%02x%02x in slot %u", p->number, fis[0], fis[1], slot);
        p->serr |= SERR_PROTOCOL;
        halt(p, AHCI_IS_IFS);
        return 0;
    }
    if (!(fis[1] & FIS_COMMAND)) {
        take_control(p, slot, fis[15]);
        return 0;
    }
    if (!ahci_slot_begin(s, header, fis, &now)) {
        halt(p, AHCI_IS_HBFS);
        return 0;
    }
    p->held |= 1u << slot;
    if (s->c.queued) {
        p->ci &= ~(1u << slot); /* the drive has taken it: SACT tells of its end */
    } else {
        p->alone = (uint8_t)(slot + 1);
        p->tfd |= ATA_BSY;
    }
    if (now) {
        ahci_port_complete(p, slot);
        return 0;
    }
    return 1u << slot;
}

uint32_t ahci_port_issue(struct ahci_port *p)
{
    uint32_t posted = 0;
    unsigned slot;
    while (next_slot(p, &slot)) {
        posted |= issue_one(p, slot);
    }
    return posted;
}

/* ---- the end of a command */

static void complete_queued(struct ahci_port *p, unsigned slot, const struct ahci_result *r)
{
    struct ide_drive *d = ahci_drive(p);
    if (!(r->regs.status & ATA_ERR)) {
        send_bits(p, &r->regs, 1u << slot);
        return;
    }
    d->queue_failed = true;
    d->failed_tag = (uint8_t)(r->regs.count >> 3 & 31);
    d->failed = r->regs;
    send_bits(p, &r->regs, 0);
    halt(p, AHCI_IS_TFES);
}

/* After an error the slot stays in CI: the driver sees by CCS which it was. */
static void complete_alone(struct ahci_port *p, unsigned slot, const struct ahci_result *r)
{
    const struct ahci_slot *s = &p->slot[slot];
    const bool failed = r->regs.status & ATA_ERR;
    if (!dma_store32(dma_of(p), p->list + HEADER_BYTES * (paddr)slot + 4, r->moved)) {
        log_guest("ahci", "port %u: the list of commands is not in memory", p->number);
    }
    if (s->pio && s->c.direction == ATA_IN && !failed) {
        send_pio(p, &r->regs, r->moved);
    } else {
        send_registers(p, &r->regs, true);
    }
    if (failed) {
        halt(p, AHCI_IS_TFES);
    } else {
        p->ci &= ~(1u << slot);
    }
}

void ahci_port_complete(struct ahci_port *p, unsigned slot)
{
    const struct ahci_result *r = &p->result[slot];
    const bool alone = p->alone == slot + 1;
    p->held &= ~(1u << slot);
    p->alone = alone ? 0 : p->alone;
    if (p->halted) { /* the drive has dropped it */
        return;
    }
    p->is |= r->told ? AHCI_IS_DPS : 0;
    if (r->lacking) {
        log_guest("ahci", "port %u: slot %u has less memory than data", p->number, slot);
        p->tfd &= ~(uint32_t)ATA_BSY;
        halt(p, AHCI_IS_OFS);
    } else if (alone) {
        complete_alone(p, slot, r);
    } else {
        complete_queued(p, slot, r);
    }
    ahci_update(p);
}

/* Counted time. */
void ahci_port_due(void *opaque)
{
    struct ahci_port *p = opaque;
    struct due_item item;
    uint32_t posted = 0;
    os_mutex_lock(&p->hba->lock);
    while (due_list_take(&p->due, p->timer, clock_now_ns(p->hba->pci.dev.clock), &item)) {
        ahci_port_complete(p, item.id);
        posted |= ahci_port_issue(p);
    }
    ahci_leave(p, posted);
}

/* ---- registers */

void ahci_port_stop(struct ahci_port *p)
{
    p->stopping = true;
    os_mutex_unlock(&p->hba->lock);
    if (ahci_drive(p)) {
        ide_drive_drain(ahci_drive(p));
    }
    os_mutex_lock(&p->hba->lock);
    p->stopping = p->again = false;
    p->held = 0;
    p->alone = 0;
    due_list_clear(&p->due, p->timer);
}

static void link_down(struct ahci_port *p, uint32_t ssts)
{
    ahci_port_stop(p);
    p->ssts = ssts;
    p->tfd = TFD_NONE;
    p->sig = (uint32_t)SIG_NONE;
    p->ci = p->sact = 0;
    p->resetting = p->halted = false;
}

static void link_up(struct ahci_port *p)
{
    if (!ahci_drive(p)) {
        p->ssts = 0;
        return;
    }
    ide_drive_reset(ahci_drive(p), true);
    p->ssts = LINK_UP;
    p->unsigned_yet = true;
    p->serr |= SERR_EXCHANGED;
    p->is |= AHCI_IS_PCS;
    send_signature(p);
    ahci_update(p);
}

static void write_sctl(struct ahci_port *p, uint32_t value)
{
    const uint32_t was = p->sctl & SCTL_DET, is = value & SCTL_DET;
    p->sctl = value & 0xfff;
    if (is == DET_RESET && was != is) {
        link_down(p, 0);
    } else if (is == DET_OFF && was != is) {
        link_down(p, DET_OFF);
    } else if (is == 0 && was) {
        link_up(p);
    }
}

static uint32_t write_cmd(struct ahci_port *p, uint32_t value)
{
    const bool was = p->cmd & AHCI_CMD_ST, is = value & AHCI_CMD_ST;
    p->cmd = (value & CMD_WRITABLE) | AHCI_CMD_SUD | AHCI_CMD_POD;
    p->cmd |= value & AHCI_CMD_FRE ? AHCI_CMD_FR : 0;
    p->cmd |= is ? AHCI_CMD_CR : 0;
    if (was && !is) {
        ahci_port_stop(p);
        p->ci = p->sact = 0;
        p->halted = false;
        p->current = 0;
        p->tfd &= ~(uint32_t)(ahci_drive(p) && !p->resetting ? ATA_BSY : 0);
    }
    if (value & AHCI_CMD_CLO) { /* 3.3.7: BSY and DRQ are cleared */
        p->tfd &= ~(uint32_t)(ATA_BSY | ATA_DRQ);
    }
    send_signature(p);
    return ahci_port_issue(p);
}

uint32_t ahci_port_read(const struct ahci_port *p, unsigned offset)
{
    switch (offset) {
    case AHCI_PX_CLB:
    case AHCI_PX_CLB + 4:
        return (uint32_t)(p->list >> 8 * (offset & 4));
    case AHCI_PX_FB:
    case AHCI_PX_FB + 4:
        return (uint32_t)(p->fis >> 8 * (offset & 4));
    case AHCI_PX_IS:
        return p->is;
    case AHCI_PX_IE:
        return p->ie;
    case AHCI_PX_CMD:
        return p->cmd | (p->cmd & AHCI_CMD_ST ? (uint32_t)p->current << 8 : 0);
    case AHCI_PX_TFD:
        return p->tfd;
    case AHCI_PX_SIG:
        return p->sig;
    case AHCI_PX_SSTS:
        return p->ssts;
    case AHCI_PX_SCTL:
        return p->sctl;
    case AHCI_PX_SERR:
        return p->serr;
    case AHCI_PX_SACT:
        return p->sact;
    case AHCI_PX_CI:
        return p->ci;
    default:
        return 0;
    }
}

static void write_address(uint64_t *at, unsigned offset, uint32_t value, uint32_t aligned)
{
    *at = offset & 4 ? deposit64(*at, 63, 32, value) : deposit64(*at, 31, 0, value & ~aligned);
}

static void write_serr(struct ahci_port *p, uint32_t value)
{
    p->serr &= ~value;
    p->is &= ~(p->serr & SERR_EXCHANGED ? 0 : (uint32_t)AHCI_IS_PCS);
    ahci_update(p);
}

uint32_t ahci_port_write(struct ahci_port *p, unsigned offset, uint32_t value)
{
    const bool runs = p->cmd & AHCI_CMD_ST;
    switch (offset) {
    case AHCI_PX_CLB:
    case AHCI_PX_CLB + 4:
        write_address(&p->list, offset, value, 0x3ff);
        break;
    case AHCI_PX_FB:
    case AHCI_PX_FB + 4:
        write_address(&p->fis, offset, value, 0xff);
        break;
    case AHCI_PX_IS:
        p->is &= ~(value & IS_WRITABLE);
        ahci_update(p);
        break;
    case AHCI_PX_IE:
        p->ie = value & IE_WRITABLE;
        ahci_update(p);
        break;
    case AHCI_PX_CMD:
        return p->stopping ? 0 : write_cmd(p, value);
    case AHCI_PX_SCTL:
        if (!p->stopping) {
            write_sctl(p, value);
        }
        break;
    case AHCI_PX_SERR:
        write_serr(p, value);
        break;
    case AHCI_PX_SACT:
        p->sact |= runs ? value : 0;
        break;
    case AHCI_PX_CI:
        p->ci |= runs ? value : 0;
        return ahci_port_issue(p);
    default:
        log_guest("ahci", "0x%x written at 0x%x of port %u", value, offset, p->number);
    }
    return 0;
}

void ahci_port_reset(struct ahci_port *p)
{
    link_down(p, 0);
    p->list = p->fis = 0;
    p->is = p->ie = p->sctl = p->serr = 0;
    p->cmd = AHCI_CMD_SUD | AHCI_CMD_POD;
    p->current = 0;
    memset(p->result, 0, sizeof(p->result));
    if (ahci_drive(p)) {
        ide_drive_reset(ahci_drive(p), true);
        p->ssts = LINK_UP;
        p->unsigned_yet = true;
    }
}

/* ---- state */

/* Slots whose commands the drive has done. */
static uint32_t due_slots(const struct ahci_port *p)
{
    uint32_t slots = 0;
    for (size_t i = 0; i < p->due.count; i++) {
        slots |= 1u << (p->due.items[i].id % AHCI_SLOTS);
    }
    return slots;
}

/* What waits for a retry of the user's is taken back, and issued anew. */
void ahci_port_settle(struct ahci_port *p)
{
    if (!ahci_drive(p)) {
        return;
    }
    disk_thread_settle(ide_drive_thread(ahci_drive(p)));
    os_mutex_lock(&p->hba->lock);
    const uint32_t held = p->held;
    const uint8_t alone = p->alone;
    if (held & ~due_slots(p)) {
        ahci_port_stop(p);
        p->held = held;
        p->alone = alone;
        p->again = true;
    }
    os_mutex_unlock(&p->hba->lock);
}

bool ahci_port_check(const struct ahci_port *p, struct error *e)
{
    bool good = ahci_drive(p) || !p->held;
    for (size_t i = 0; i < p->due.count; i++) {
        good = good && p->due.items[i].id < AHCI_SLOTS && p->held >> p->due.items[i].id & 1;
    }
    good = good && (!p->alone || p->held >> (p->alone - 1) & 1);
    return good ? due_list_check(&p->due, ahci_counted(p->hba), e)
                : error_set(e, "port %u has commands that it cannot have", p->number);
}

void ahci_port_loaded(struct ahci_port *p)
{
    p->again = p->held & ~due_slots(p);
    due_list_loaded(&p->due, p->timer);
}

void ahci_port_resume(struct ahci_port *p)
{
    uint32_t posted = 0;
    os_mutex_lock(&p->hba->lock);
    if (p->again) {
        const uint32_t slots = p->held & ~due_slots(p);
        p->again = false;
        p->held &= ~slots;
        p->alone = p->alone && slots >> (p->alone - 1) & 1 ? 0 : p->alone;
        for (uint32_t m = p->halted ? 0 : slots; m; m &= m - 1) {
            posted |= issue_one(p, ctz32(m));
        }
    }
    ahci_leave(p, posted);
}

static const struct field result_fields[] = {
    FIELD_PARTS(ahci_result, regs, ata_regs_fields, ata_regs),
    FIELD(ahci_result, moved),
    FIELD(ahci_result, lacking),
    FIELD(ahci_result, told),
    FIELD_SKIP(ahci_result, pad),
    FIELD_END,
};

const struct field ahci_port_fields[] = {
    FIELD(ahci_port, list),
    FIELD(ahci_port, fis),
    FIELD(ahci_port, is),
    FIELD(ahci_port, ie),
    FIELD(ahci_port, cmd),
    FIELD(ahci_port, tfd),
    FIELD(ahci_port, sig),
    FIELD(ahci_port, ssts),
    FIELD(ahci_port, sctl),
    FIELD(ahci_port, serr),
    FIELD(ahci_port, sact),
    FIELD(ahci_port, ci),
    FIELD(ahci_port, held),
    FIELD_MOST(ahci_port, current, AHCI_SLOTS - 1),
    FIELD_MOST(ahci_port, alone, AHCI_SLOTS),
    FIELD(ahci_port, halted),
    FIELD(ahci_port, resetting),
    FIELD(ahci_port, unsigned_yet),
    FIELD_PARTS(ahci_port, result, result_fields, ahci_result),
    DUE_LIST_FIELDS(ahci_port, due),
    FIELD_SKIP(ahci_port, pad),
    FIELD_SKIP(ahci_port, bus),
    FIELD_SKIP(ahci_port, hba),
    FIELD_SKIP(ahci_port, number),
    FIELD_SKIP(ahci_port, stopping),
    FIELD_SKIP(ahci_port, again),
    FIELD_SKIP(ahci_port, pad2),
    FIELD_SKIP(ahci_port, timer),
    FIELD_SKIP(ahci_port, buffer),
    FIELD_SKIP(ahci_port, slot),
    FIELD_END,
};
