/* SPDX-License-Identifier: MIT */
/*
 * Intel's 82540EM Gigabit Ethernet controller (PCI/PCI-X Family of Gigabit Ethernet Controllers
 * Software Developer's Manual, 317453): registers, interrupts, life. Packets move on the thread of
 * the netdev.
 *
 * Not modelled: loopback, flow control (its registers only store), waking, splitting of headers,
 * the packet buffer, delays of interrupts but for ITR, writing of the EEPROM, power management.
 */
#include "hw/net/e1000.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/classes.h"
#include "hw/machine.h"

#define MMIO_BYTES 0x20000
#define IO_BYTES 0x40

enum {
    STATS_BASE = 0x4000,
    MTA_BASE = 0x5200,
    RA_BASE = 0x5400,
    VFTA_BASE = 0x5600,
    RA_VALID_WORD = 1
};
#define RA_HIGH_WRITABLE 0x8003ffffu
#define ITR_UNIT_NS 256

void e1000_lock(struct e1000 *d)
{
    if (d->netdev) {
        netdev_lock(d->netdev);
    } else {
        os_mutex_lock(&d->own_lock);
    }
}

void e1000_unlock(struct e1000 *d)
{
    if (d->netdev) {
        netdev_unlock(d->netdev);
    } else {
        os_mutex_unlock(&d->own_lock);
    }
}

/* ---- interrupts */

/* The line is up while a cause is there that is not masked; it goes up at most as often as ITR
 * says. */
static void update_interrupt(struct e1000 *d)
{
    const uint64_t now = clock_now_ns(d->pci.dev.clock);
    const bool wanted = d->reg[E1000_ICR] & d->reg[E1000_IMS];
    const bool is_up = atomic_get(&d->pci.intx_level);
    if (wanted && !is_up && d->mitigation && now < d->next_interrupt_ns) {
        clock_timer_set(d->timer, d->next_interrupt_ns);
        return;
    }
    if (wanted && !is_up) {
        d->next_interrupt_ns = now + (uint64_t)d->reg[E1000_ITR] * ITR_UNIT_NS;
    }
    clock_timer_cancel(d->timer);
    pci_intx_set(&d->pci, wanted);
}

static void interrupt_due(void *opaque)
{
    struct e1000 *d = opaque;
    e1000_lock(d);
    update_interrupt(d);
    e1000_unlock(d);
}

void e1000_cause(struct e1000 *d, uint32_t causes)
{
    d->reg[E1000_ICR] |= causes;
    update_interrupt(d);
}

/* ---- statistics: they stay at their ends, and reading clears them */

void e1000_count(struct e1000 *d, unsigned stat, uint64_t n)
{
    const uint64_t v = d->stat[stat] + n;
    d->stat[stat] = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

void e1000_count_bytes(struct e1000 *d, unsigned stat, uint64_t n)
{
    const uint64_t v = (d->stat[stat] | (uint64_t)d->stat[stat + 1] << 32) + n;
    d->stat[stat] = (uint32_t)v;
    d->stat[stat + 1] = (uint32_t)(v >> 32);
}

void e1000_count_size(struct e1000 *d, unsigned first, size_t bytes)
{
    static const uint16_t most[] = {64, 127, 255, 511, 1023};
    unsigned i = 0;
    while (i < array_len(most) && bytes > most[i]) {
        i++;
    }
    e1000_count(d, first + i, 1);
}

/* ---- registers */

static const struct row {
    const char *name;
    uint32_t offset, writable, initial;
} rows[] = {
#define E1000_ROW_(name, offset, writable, initial) {#name, offset, writable, initial},
    E1000_REGISTERS(E1000_ROW_)
#undef E1000_ROW_
};

/* Names that the first of these controllers had for some of them (SDM, table 13-2, alternate
 * offsets). */
static uint32_t canonical(uint32_t offset)
{
    static const uint16_t aliases[][2] = {
        {0x0004, 0x0000}, {0x0110, 0x2800}, {0x0114, 0x2804}, {0x0118, 0x2808}, {0x0120, 0x2810},
        {0x0128, 0x2818}, {0x0108, 0x2820}, {0x0420, 0x3800}, {0x0424, 0x3804}, {0x0428, 0x3808},
        {0x0430, 0x3810}, {0x0438, 0x3818}, {0x0440, 0x3820}, {0x0160, 0x2168}, {0x0168, 0x2160}};
    for (unsigned i = 0; i < array_len(aliases); i++) {
        if (aliases[i][0] == offset) {
            return aliases[i][1];
        }
    }
    return offset >= 0x0040 && offset < 0x00c0   ? RA_BASE + (offset - 0x0040)
           : offset >= 0x0200 && offset < 0x0400 ? MTA_BASE + (offset - 0x0200)
           : offset >= 0x0600 && offset < 0x0800 ? VFTA_BASE + (offset - 0x0600)
                                                 : offset;
}

/* The word of a table, or NULL. */
static uint32_t *table_word(struct e1000 *d, uint32_t offset)
{
    const struct {
        uint32_t base, words;
        uint32_t *word;
    } tables[] = {{STATS_BASE, STATS, d->stat},
                  {MTA_BASE, E1000_MTA_WORDS, d->mta},
                  {RA_BASE, E1000_RA_WORDS, d->ra},
                  {VFTA_BASE, E1000_VFTA_WORDS, d->vfta}};
    for (unsigned i = 0; i < array_len(tables); i++) {
        if (offset >= tables[i].base && (offset - tables[i].base) / 4 < tables[i].words) {
            return &tables[i].word[(offset - tables[i].base) / 4];
        }
    }
    return NULL;
}

/* Or E1000_REGISTER_COUNT. */
static unsigned find_register(uint32_t offset)
{
    unsigned i = 0;
    while (i < E1000_REGISTER_COUNT && rows[i].offset != offset) {
        i++;
    }
    return i;
}

static uint32_t read_causes(struct e1000 *d)
{
    const uint32_t v = d->reg[E1000_ICR];
    d->reg[E1000_ICR] = 0;
    update_interrupt(d);
    return v;
}

static uint32_t read_word(struct e1000 *d, uint32_t offset)
{
    const unsigned i = find_register(offset);
    uint32_t *word = i == E1000_REGISTER_COUNT ? table_word(d, offset) : NULL;
    if (word) {
        const uint32_t v = *word;
        *word = offset < MTA_BASE ? 0 : v;
        return v;
    }
    switch (i) {
    case E1000_ICR:
        return read_causes(d);
    case E1000_EECD:
        return e1000_eecd(d);
    case E1000_REGISTER_COUNT:
        log_guest("e1000", "there is no register at 0x%05x", offset);
        return 0;
    default:
        return d->reg[i];
    }
}

static void reset_registers(struct e1000 *d);

static void control_written(struct e1000 *d, uint32_t value)
{
    if (value & CTRL_RESET) {
        reset_registers(d);
        return;
    }
    if (value & CTRL_PHY_RESET) {
        e1000_phy_reset(d);
    }
    d->reg[E1000_CTRL] = value & ~CTRL_PHY_RESET;
}

/* The thread of the netdev sends, and sees whether there is room for what waits. */
static void wake(struct e1000 *d)
{
    if (d->netdev) {
        netdev_wake(d->netdev);
    } else {
        while (!d->paused && !e1000_transmit(d)) {
        }
    }
}

/* The transmit side has what the receive side leaves of 64 KiB (SDM, 13.4.16). */
static uint32_t packet_buffer(uint32_t receive_kib)
{
    return receive_kib | (receive_kib < 64 ? 64 - receive_kib : 0) << 16;
}

/* Those that do more than store. */
static void register_written(struct e1000 *d, unsigned i, uint32_t value)
{
    switch (i) {
    case E1000_CTRL:
        control_written(d, value);
        break;
    case E1000_EERD:
        e1000_eerd_written(d, value);
        break;
    case E1000_MDIC:
        e1000_mdic_written(d, value);
        break;
    case E1000_ICR:
        d->reg[E1000_ICR] &= ~value;
        break;
    case E1000_ICS:
        d->reg[E1000_ICR] |= value & CAUSES;
        break;
    case E1000_IMS:
        d->reg[E1000_IMS] |= value & CAUSES;
        break;
    case E1000_IMC:
        d->reg[E1000_IMS] &= ~value;
        break;
    case E1000_PBA:
        d->reg[E1000_PBA] = packet_buffer(value & rows[E1000_PBA].writable);
        break;
    case E1000_RDT:
    case E1000_TDT:
    case E1000_RCTL:
    case E1000_TCTL:
        wake(d);
        break;
    default:
        break;
    }
}

static void write_word(struct e1000 *d, uint32_t offset, uint32_t value)
{
    const unsigned i = find_register(offset);
    if (i == E1000_REGISTER_COUNT) {
        uint32_t *word = table_word(d, offset);
        if (word && offset < MTA_BASE) {
            return; /* statistics are only read */
        }
        if (word) {
            const bool high = offset >= RA_BASE && offset < VFTA_BASE && (offset & 4);
            *word = high ? value & RA_HIGH_WRITABLE : value;
        } else {
            log_guest("e1000", "0x%08x written at 0x%05x, where no register is", value, offset);
        }
        return;
    }
    if (i == E1000_EECD) { /* edges count */
        e1000_eecd_written(d, value & rows[i].writable);
        return;
    }
    d->reg[i] = (d->reg[i] & ~rows[i].writable) | (value & rows[i].writable);
    register_written(d, i, value);
    if (i == E1000_ICR || i == E1000_ICS || i == E1000_IMS || i == E1000_IMC) {
        update_interrupt(d);
    }
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct e1000 *d = opaque;
    (void)size;
    e1000_lock(d);
    const uint32_t v = read_word(d, canonical((uint32_t)offset));
    e1000_unlock(d);
    return v;
}

static void mmio_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct e1000 *d = opaque;
    (void)size;
    e1000_lock(d);
    write_word(d, canonical((uint32_t)offset), (uint32_t)value);
    e1000_unlock(d);
}

static const struct mmio_ops mmio_ops = {.read = mmio_read, .write = mmio_write, .sizes = 4};

/* ---- the same by ports: an address, and the register that it names (SDM, 13.1.2) */

enum {
    IO_ADDRESS = 0,
    IO_DATA = 4
};

static uint64_t io_read(void *opaque, uint64_t offset, unsigned size)
{
    struct e1000 *d = opaque;
    uint32_t v = 0;
    (void)size;
    e1000_lock(d);
    if (offset == IO_ADDRESS) {
        v = d->io_address;
    } else if (offset == IO_DATA && d->io_address < MMIO_BYTES) {
        v = read_word(d, canonical(d->io_address & ~3u));
    }
    e1000_unlock(d);
    return v;
}

static void io_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct e1000 *d = opaque;
    (void)size;
    e1000_lock(d);
    if (offset == IO_ADDRESS) {
        d->io_address = (uint32_t)value;
    } else if (offset == IO_DATA && d->io_address < MMIO_BYTES) {
        write_word(d, canonical(d->io_address & ~3u), (uint32_t)value);
    }
    e1000_unlock(d);
}

static const struct mmio_ops io_ops = {.read = io_read, .write = io_write, .sizes = 4};

/* ---- the netdev */

static void work(void *opaque)
{
    struct e1000 *d = opaque;
    if (d->paused) {
        return;
    }
    if (!e1000_transmit(d)) {
        netdev_wake(d->netdev);
    }
    netdev_room(d->netdev);
}

static bool link_is_up(const struct e1000 *d)
{
    return !d->netdev || netdev_link_up(d->netdev);
}

static void link_changed(void *opaque, bool up)
{
    struct e1000 *d = opaque;
    if (!d->paused) { /* else it is looked at when the device goes on */
        e1000_link_changed(d, up);
    }
}

static bool attach_netdev(struct e1000 *d, struct error *e)
{
    struct machine *m = d->pci.dev.machine;
    if (!d->netdev_id) {
        return true; /* a card without a cable */
    }
    struct netdev *n = m->backends.netdev(m->backends.opaque, d->netdev_id, e);
    d->client = (struct net_client){e1000_deliver, link_changed, work, d};
    if (!n || !netdev_attach(n, &d->client, e)) {
        return false;
    }
    d->netdev = n;
    return true;
}

/* ---- life */

/* SDM, 14.1: as power leaves it, but for the PHY; the first address comes from the EEPROM. */
static void reset_registers(struct e1000 *d)
{
    for (unsigned i = 0; i < E1000_REGISTER_COUNT; i++) {
        d->reg[i] = rows[i].initial;
    }
    d->reg[E1000_STATUS] |= link_is_up(d) ? STATUS_LINK : 0u;
    memset(d->stat, 0, sizeof(d->stat));
    memset(d->mta, 0, sizeof(d->mta));
    memset(d->ra, 0, sizeof(d->ra));
    memset(d->vfta, 0, sizeof(d->vfta));
    d->ra[0] = load_le32(d->mac);
    d->ra[RA_VALID_WORD] = load_le16(d->mac + 4) | 1u << 31;
    d->io_address = 0;
    d->next_interrupt_ns = 0;
    d->microwire = (struct e1000_microwire){.high = true};
    d->tx_begun = d->tx_too_long = false;
    d->tx_bytes = 0;
    update_interrupt(d);
}

static const struct pci_class e1000_pci = {
    .vendor = 0x8086,
    .device = 0x100e,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x020000,
    .revision = 3,
    .interrupt_pin = 1,
    .rom = "efi-e1000.rom",
};

static bool e1000_create(struct device *dev, struct error *e)
{
    struct e1000 *d = (struct e1000 *)dev;
    static const uint8_t no_mac[6], usual_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    if (memcmp(d->mac, no_mac, 6) == 0) {
        memcpy(d->mac, usual_mac, 6);
    }
    if (d->mac[0] & 1) {
        return error_set(e, "e1000: mac=: a multicast address is not a card's");
    }
    d->paused = true; /* packets wait for the first reset */
    if (!attach_netdev(d, e)) {
        error_prefix(e, "e1000: ");
        return false;
    }
    os_mutex_init(&d->own_lock);
    pci_device_init(&d->pci, &e1000_pci);
    pci_bar_add(&d->pci, 0, PCI_BAR_MEM32, MMIO_BYTES);
    pci_bar_add_part(&d->pci, 0,
                     &(struct pci_bar_part){0, MMIO_BYTES, "e1000", &mmio_ops, d, NULL});
    pci_bar_add(&d->pci, 1, PCI_BAR_IO, IO_BYTES);
    pci_bar_add_part(&d->pci, 1, &(struct pci_bar_part){0, IO_BYTES, "e1000-io", &io_ops, d, NULL});
    e1000_eeprom_init(d);
    d->timer = clock_timer_create(dev->clock, interrupt_due, d);
    return true;
}

static void e1000_destroy(struct device *dev)
{
    struct e1000 *d = (struct e1000 *)dev;
    if (d->netdev) {
        netdev_attach(d->netdev, NULL, NULL);
    }
    clock_timer_destroy(d->timer);
    pci_device_fini(&d->pci);
    os_mutex_destroy(&d->own_lock);
}

static void e1000_reset(struct device *dev)
{
    struct e1000 *d = (struct e1000 *)dev;
    pci_device_reset(&d->pci);
    e1000_lock(d);
    d->paused = false;
    d->context = d->sum_context = (struct e1000_context){0};
    e1000_phy_reset(d);
    reset_registers(d);
    if (d->netdev) {
        netdev_set_offloads(d->netdev, 0);
    }
    e1000_unlock(d);
}

static void e1000_settle(struct device *dev)
{
    struct e1000 *d = (struct e1000 *)dev;
    e1000_lock(d);
    d->paused = true;
    e1000_unlock(d);
}

static void e1000_resume(struct device *dev)
{
    struct e1000 *d = (struct e1000 *)dev;
    e1000_lock(d);
    d->paused = false;
    e1000_link_changed(d, link_is_up(d));
    update_interrupt(d);
    wake(d);
    e1000_unlock(d);
}

static bool e1000_check(struct device *dev, struct error *e)
{
    const struct e1000 *d = (const struct e1000 *)dev;
    const uint64_t last = clock_now_ns(dev->clock) + UINT16_MAX * (uint64_t)ITR_UNIT_NS;
    if (d->next_interrupt_ns > last) {
        return error_set(e, "its next interrupt is further away than it can be");
    }
    for (unsigned i = 0; i < E1000_REGISTER_COUNT; i++) {
        const bool kept = i != E1000_STATUS && i != E1000_EERD && i != E1000_MDIC &&
                          i != E1000_ICR && i != E1000_IMS;
        const uint32_t v = d->reg[i];
        const uint32_t fixed = i == E1000_PBA ? packet_buffer(v & rows[i].writable)
                                              : rows[i].initial;
        if (kept && (v ^ fixed) & ~rows[i].writable) {
            return error_set(e, "its register %s cannot be 0x%08x", rows[i].name, v);
        }
    }
    return pci_device_check(&d->pci, e);
}

static void e1000_loaded(struct device *dev)
{
    struct e1000 *d = (struct e1000 *)dev;
    pci_device_loaded(&d->pci);
}

static const struct prop e1000_props[] = {
    {"netdev", PROP_NETDEV, offsetof(struct e1000, netdev_id), NULL, "id of the -netdev", NULL},
    {"mac", PROP_MAC, offsetof(struct e1000, mac), NULL, "address", NULL},
    {"bootindex", PROP_BOOTINDEX, offsetof(struct e1000, bootindex), "none",
     "place in the order of booting", NULL},
    {"mitigation", PROP_BOOL, offsetof(struct e1000, mitigation), "on",
     "interrupts come at most as often as the driver wants", NULL},
    PCI_PROPS(e1000, pci),
    PROP_END,
};

static const struct field context_fields[] = {
    FIELD(e1000_context, ip_start),  FIELD(e1000_context, ip_offset),
    FIELD(e1000_context, tcp_start), FIELD(e1000_context, tcp_offset),
    FIELD(e1000_context, ip_end),    FIELD(e1000_context, tcp_end),
    FIELD(e1000_context, segment),   FIELD(e1000_context, header),
    FIELD(e1000_context, command),   FIELD_END,
};

static const struct field microwire_fields[] = {
    FIELD(e1000_microwire, in),
    FIELD(e1000_microwire, out),
    FIELD_MOST(e1000_microwire, bits_in, 9),
    FIELD_MOST(e1000_microwire, bits_out, 16),
    FIELD_MOST(e1000_microwire, address, E1000_EEPROM_WORDS - 1),
    FIELD(e1000_microwire, high),
    FIELD_END,
};

static const struct field e1000_fields[] = {
    PCI_FIELDS(e1000, pci),
    FIELD_SKIP(e1000, pad),
    FIELD_KEEP(e1000, next_interrupt_ns),
    FIELD_KEEP(e1000, reg),
    FIELD_KEEP(e1000, io_address),
    FIELD_KEEP(e1000, stat),
    FIELD_KEEP(e1000, mta),
    FIELD_KEEP(e1000, ra),
    FIELD_KEEP(e1000, vfta),
    FIELD_KEEP(e1000, phy),
    FIELD_KEEP_PARTS(e1000, microwire, microwire_fields, e1000_microwire),
    FIELD_KEEP_PARTS(e1000, context, context_fields, e1000_context),
    FIELD_KEEP_PARTS(e1000, sum_context, context_fields, e1000_context),
    FIELD_KEEP_MOST(e1000, tx_bytes, NET_PACKET_MAX - E1000_VLAN_BYTES),
    FIELD_KEEP(e1000, tx_options),
    FIELD_KEEP(e1000, tx_command),
    FIELD_KEEP(e1000, tx_vlan),
    FIELD_KEEP(e1000, tx_begun),
    FIELD_KEEP(e1000, tx_too_long),
    FIELD_SKIP(e1000, pad2),
    FIELD_KEEP(e1000, tx_frame),
    FIELD_SKIP(e1000, eeprom),
    FIELD_SKIP(e1000, pad4),
    FIELD_SKIP(e1000, netdev),
    FIELD_SKIP(e1000, client),
    FIELD_SKIP(e1000, own_lock),
    FIELD_SKIP(e1000, timer),
    FIELD_SKIP(e1000, paused),
    FIELD_SKIP(e1000, pad3),
    FIELD_END,
};

const struct device_class e1000_class = {
    .name = "e1000",
    .desc = "Intel 82540EM Gigabit Ethernet",
    .alias = "e1000-82540em",
    .bus = BUS_PCI,
    .size = sizeof(struct e1000),
    .props = e1000_props,
    .fields = e1000_fields,
    .create = e1000_create,
    .reset = e1000_reset,
    .destroy = e1000_destroy,
    .settle = e1000_settle,
    .check = e1000_check,
    .loaded = e1000_loaded,
    .resume = e1000_resume,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .boot_node = "ethernet-phy@0",
    .kind = &e1000_pci,
};
