/* SPDX-License-Identifier: MIT */
/*
 * PHY and EEPROM of the e1000: SDM, chapter 5 (EEPROM), 13.4.3 to 13.4.5, and IEEE 802.3 clause 22
 * for the PHY, a Marvell 88E1011. Negotiation takes no time, and the other side can all. The EEPROM
 * cannot be written.
 */
#include "base/bits.h"
#include "hw/net/e1000.h"

/* ---- EEPROM */

enum { /* words: SDM, table 5-2 */
    WORD_LED = 0x04,
    WORD_CONTROL1 = 0x0a,
    WORD_SUBSYSTEM = 0x0b,
    WORD_SUBSYSTEM_VENDOR = 0x0c,
    WORD_DEVICE = 0x0d,
    WORD_VENDOR = 0x0e,
    WORD_CONTROL2 = 0x0f,
    WORD_CHECKSUM = 0x3f,
    CONTROL1_VALID = 0x4003, /* its signature; identities are loaded */
    CONTROL2_PAUSE = 0x3000, /* flow control both ways */
    CHECKSUM = 0xbaba        /* the sum of all words */
};

void e1000_eeprom_init(struct e1000 *d)
{
    const struct pci_class *c = d->pci.cls;
    uint16_t sum = 0;
    for (unsigned i = 0; i < 3; i++) {
        d->eeprom[i] = load_le16(d->mac + 2 * i);
    }
    d->eeprom[WORD_LED] = 0xffff; /* the defaults */
    d->eeprom[WORD_CONTROL1] = CONTROL1_VALID;
    d->eeprom[WORD_SUBSYSTEM] = c->subsystem;
    d->eeprom[WORD_SUBSYSTEM_VENDOR] = c->subsystem_vendor;
    d->eeprom[WORD_DEVICE] = c->device;
    d->eeprom[WORD_VENDOR] = c->vendor;
    d->eeprom[WORD_CONTROL2] = CONTROL2_PAUSE;
    for (unsigned i = 0; i < WORD_CHECKSUM; i++) {
        sum = (uint16_t)(sum + d->eeprom[i]);
    }
    d->eeprom[WORD_CHECKSUM] = (uint16_t)(CHECKSUM - sum);
}

enum {
    EECD_CLOCK = 0x01,
    EECD_SELECT = 0x02,
    EECD_IN = 0x04,
    EECD_OUT = 0x08,
    EECD_REQUEST = 0x40,
    EECD_GRANT = 0x80,
    EECD_PRESENT = 0x100
};

enum { /* a command: a start bit, the operation, the address */
    ADDRESS_BITS = 6,
    COMMAND_BITS = 1 + 2 + ADDRESS_BITS,
    OPERATION_READ = 2
};

static void command_complete(struct e1000 *d)
{
    struct e1000_microwire *m = &d->microwire;
    m->bits_in = 0;
    m->high = false;
    if ((m->in >> ADDRESS_BITS & 3) == OPERATION_READ) {
        m->address = m->in & (E1000_EEPROM_WORDS - 1);
        m->out = d->eeprom[m->address];
        m->bits_out = 16;
    }
}

/* The clock rises: a bit of a word comes out, from the upper one on and words behind each other, or
 * one of a command goes in, whose first one is 1. */
static void clock_bit(struct e1000 *d, bool in)
{
    struct e1000_microwire *m = &d->microwire;
    if (m->bits_out > 0) {
        m->high = bit(m->out, --m->bits_out & 15);
        if (m->bits_out == 0) {
            m->address = (m->address + 1) & (E1000_EEPROM_WORDS - 1);
            m->out = d->eeprom[m->address];
            m->bits_out = 16;
        }
    } else if (in || m->bits_in > 0) {
        m->in = (uint16_t)(m->in << 1 | in);
        if (++m->bits_in >= COMMAND_BITS) {
            command_complete(d);
        }
    }
}

void e1000_eecd_written(struct e1000 *d, uint32_t value)
{
    const uint32_t before = d->reg[E1000_EECD];
    d->reg[E1000_EECD] = value;
    if (!(value & EECD_SELECT)) {
        d->microwire = (struct e1000_microwire){.high = true};
    } else if ((value & EECD_CLOCK) && !(before & EECD_CLOCK)) {
        clock_bit(d, value & EECD_IN);
    }
}

uint32_t e1000_eecd(const struct e1000 *d)
{
    const uint32_t v = d->reg[E1000_EECD];
    return v | EECD_PRESENT | (v & EECD_REQUEST ? EECD_GRANT : 0u) |
           (d->microwire.high ? EECD_OUT : 0u);
}

enum {
    EERD_START = 0x01,
    EERD_DONE = 0x10
};

void e1000_eerd_written(struct e1000 *d, uint32_t value)
{
    const unsigned address = value >> 8 & 0xff;
    if (value & EERD_START) {
        const uint16_t word = address < E1000_EEPROM_WORDS ? d->eeprom[address] : 0xffff;
        d->reg[E1000_EERD] = (uint32_t)word << 16 | address << 8 | EERD_DONE | EERD_START;
    } else {
        d->reg[E1000_EERD] = value & 0xff00;
    }
}

/* ---- PHY */

enum {
    PHY_CONTROL = 0,
    PHY_STATUS = 1,
    PHY_ID1 = 2,
    PHY_ID2 = 3,
    PHY_ADVERTISED = 4,
    PHY_PARTNER = 5,
    PHY_1000_CONTROL = 9,
    PHY_1000_STATUS = 10,
    PHY_EXTENDED_STATUS = 15,
    PHY_SPECIFIC_CONTROL = 16,
    PHY_SPECIFIC_STATUS = 17,
    PHY_EXTENDED_SPECIFIC = 20,

    CONTROL_RESET = 0x8000,
    CONTROL_RESTART = 0x0200,
    STATUS_UP = 0x0024 /* negotiated, and the link is up */
};

struct phy_row {
    uint8_t n;
    uint16_t writable, initial, with_link; /* bits that are added while the link is up */
};

static const struct phy_row phy_rows[] = {
    {PHY_CONTROL, 0x7dc0, 0x1140, 0},
    {PHY_STATUS, 0, 0x7949, STATUS_UP},
    {PHY_ID1, 0, 0x0141, 0},
    {PHY_ID2, 0, 0x0c20, 0},
    {PHY_ADVERTISED, 0xbfff, 0x0de1, 0},
    {PHY_PARTNER, 0, 0, 0xcde1},
    {6, 0, 0x0000, 0x0003},
    {7, 0xffff, 0x2001, 0},
    {PHY_1000_CONTROL, 0xff00, 0x0e00, 0},
    {PHY_1000_STATUS, 0, 0, 0x3c00},
    {PHY_EXTENDED_STATUS, 0, 0x3000, 0},
    {PHY_SPECIFIC_CONTROL, 0xffff, 0x0360, 0},
    {PHY_SPECIFIC_STATUS, 0, 0x0000, 0xac00}, /* 1000 Mbit/s, full duplex, resolved, up */
    {18, 0xffff, 0, 0},
    {PHY_EXTENDED_SPECIFIC, 0xffff, 0x0d60, 0},
    {24, 0xffff, 0x4100, 0},
    {29, 0x00ff, 0, 0},
    {30, 0xffff, 0, 0},
};

static const struct phy_row *phy_row(unsigned n)
{
    for (unsigned i = 0; i < array_len(phy_rows); i++) {
        if (phy_rows[i].n == n) {
            return &phy_rows[i];
        }
    }
    return NULL;
}

void e1000_phy_reset(struct e1000 *d)
{
    memset(d->phy, 0, sizeof(d->phy));
    for (unsigned i = 0; i < array_len(phy_rows); i++) {
        d->phy[phy_rows[i].n] = phy_rows[i].initial;
    }
}

static uint16_t phy_read(const struct e1000 *d, unsigned n)
{
    const struct phy_row *r = phy_row(n);
    const bool up = d->reg[E1000_STATUS] & STATUS_LINK;
    return r ? (uint16_t)(d->phy[n] | (up ? r->with_link : 0)) : 0;
}

static void phy_write(struct e1000 *d, unsigned n, uint16_t value)
{
    const struct phy_row *r = phy_row(n);
    if (!r) {
        return;
    }
    if (n == PHY_CONTROL && (value & CONTROL_RESET)) {
        e1000_phy_reset(d);
        return;
    }
    d->phy[n] = (uint16_t)((d->phy[n] & ~r->writable) | (value & r->writable));
    if (n == PHY_CONTROL && (value & CONTROL_RESTART)) { /* done already */
        e1000_cause(d, CAUSE_LINK);
    }
}

enum {
    MDIC_WRITE = 1,
    MDIC_READ = 2, /* operations */
    MDIC_READY = 1 << 28,
    MDIC_INTERRUPT = 1 << 29,
    MDIC_ERROR = 1 << 30,
    MDIC_PHY = 1
};

void e1000_mdic_written(struct e1000 *d, uint32_t value)
{
    const unsigned n = value >> 16 & 31, phy = value >> 21 & 31, operation = value >> 26 & 3;
    uint32_t result = (value & 0x2fffffff) | MDIC_READY;
    if (phy != MDIC_PHY) {
        result |= MDIC_ERROR;
    } else if (operation == MDIC_READ) {
        result = (result & ~0xffffu) | phy_read(d, n);
    } else if (operation == MDIC_WRITE) {
        phy_write(d, n, (uint16_t)value);
    }
    d->reg[E1000_MDIC] = result;
    if (value & MDIC_INTERRUPT) {
        e1000_cause(d, CAUSE_MDIO);
    }
}

void e1000_link_changed(struct e1000 *d, bool up)
{
    const bool was_up = d->reg[E1000_STATUS] & STATUS_LINK;
    d->reg[E1000_STATUS] = up ? d->reg[E1000_STATUS] | STATUS_LINK
                              : d->reg[E1000_STATUS] & ~(uint32_t)STATUS_LINK;
    if (up != was_up) {
        e1000_cause(d, CAUSE_LINK);
    }
}
