/* SPDX-License-Identifier: MIT */
/*
 * Packets for the guest: SDM, 3.2 (descriptors, filters, checksums), 9.2 (VLAN).
 *
 * A frame is put into as many descriptors' buffers as it needs. When the ring has too few of them
 * the back end keeps it until the driver moves the tail, or it is dropped if all of them would not
 * do. The check sequence that a frame ends with is zeros.
 */
#include "base/bits.h"
#include "base/log.h"
#include "hw/net/e1000.h"

enum { /* RCTL */
    RCTL_ON = 1 << 1,
    RCTL_UNICAST = 1 << 3, /* promiscuous */
    RCTL_MULTICAST = 1 << 4,
    RCTL_LONG = 1 << 5,
    RCTL_THRESHOLD = 8, /* 2 bits */
    RCTL_OFFSET = 12,   /* of multicast hashes, 2 bits */
    RCTL_BROADCAST = 1 << 15,
    RCTL_SIZE = 16, /* of buffers, 2 bits */
    RCTL_VLAN_FILTER = 1 << 18,
    RCTL_SIZE_16 = 1 << 25, /* buffers are 16 times as large */
    RCTL_STRIP = 1 << 26    /* the check sequence */
};

enum { /* of a descriptor */
    LENGTH = 8,
    STATUS = 12,
    STATUS_DONE = 0x01,
    STATUS_END = 0x02,
    STATUS_NO_SUMS = 0x04,
    STATUS_VLAN = 0x08,
    STATUS_TCP = 0x20,
    STATUS_IP = 0x40,
    STATUS_INEXACT = 0x80 /* by a hash */
};

enum {
    MAC_BYTES = 6,
    TYPE_AT = 12,
    HEADER_BYTES = 14,
    CHECK_BYTES = 4,
    LEAST_BYTES = 60, /* of a frame, without the check sequence */
    LONGEST = 1518,   /* unless it may be long, and without a tag */
    RXCSUM_IP = 1 << 8,
    RXCSUM_TCP = 1 << 9
};

/* ---- filters */

static bool is_exact(const struct e1000 *d, const uint8_t *mac)
{
    for (unsigned i = 0; i < E1000_RA_WORDS; i += 2) {
        const uint32_t low = d->ra[i], high = d->ra[i + 1];
        if ((high >> 31) && load_le32(mac) == low && load_le16(mac + 4) == (high & 0xffff)) {
            return true;
        }
    }
    return false;
}

/* 12 bits of the address, from a place that RCTL says, choose a bit of the table. */
static bool is_hashed(const struct e1000 *d, const uint8_t *mac)
{
    static const uint8_t shifts[] = {4, 3, 2, 0};
    const unsigned hash = load_le16(mac + 4) >> shifts[d->reg[E1000_RCTL] >> RCTL_OFFSET & 3];
    return bit(d->mta[hash >> 5 & (E1000_MTA_WORDS - 1)], hash & 31);
}

/* Whether the guest wants what is for that address; *inexact: by a hash. */
static bool wants_address(const struct e1000 *d, const uint8_t *mac, bool *inexact)
{
    static const uint8_t broadcast[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint32_t rctl = d->reg[E1000_RCTL];
    const bool multicast = mac[0] & 1;
    *inexact = false;
    if (multicast ? rctl & RCTL_MULTICAST : rctl & RCTL_UNICAST) {
        return true;
    }
    if (memcmp(mac, broadcast, MAC_BYTES) == 0 && (rctl & RCTL_BROADCAST)) {
        return true;
    }
    if (is_exact(d, mac)) {
        return true;
    }
    *inexact = is_hashed(d, mac);
    return *inexact;
}

static bool wants_vlan(const struct e1000 *d, const uint8_t *head)
{
    const unsigned vlan = load_be16(head + HEADER_BYTES) & 0xfff;
    return !(d->reg[E1000_RCTL] & RCTL_VLAN_FILTER) || bit(d->vfta[vlan / 32], vlan % 32);
}

/* ---- the ring */

/* In units of descriptors: how many are the hardware's. */
static unsigned available(const struct e1000 *d)
{
    const unsigned n = d->reg[E1000_RDLEN] / E1000_DESCRIPTOR_BYTES;
    const unsigned head = d->reg[E1000_RDH], tail = d->reg[E1000_RDT];
    if (head >= n || tail >= n) {
        return 0;
    }
    return tail >= head ? tail - head : n - head + tail;
}

static unsigned buffer_bytes(const struct e1000 *d)
{
    const uint32_t rctl = d->reg[E1000_RCTL];
    const unsigned size = 2048u >> (rctl >> RCTL_SIZE & 3);
    return rctl & RCTL_SIZE_16 ? (size == 2048 ? 2048 : size * 16) : size;
}

/* Fewer than 1/2, 1/4 or 1/8 are left. */
static bool is_low(const struct e1000 *d)
{
    const unsigned n = d->reg[E1000_RDLEN] / E1000_DESCRIPTOR_BYTES;
    const unsigned fraction = d->reg[E1000_RCTL] >> RCTL_THRESHOLD & 3;
    return available(d) <= n >> (fraction < 3 ? fraction + 1 : 3);
}

/* ---- a frame */

/* Its bytes as the guest gets them: the head without a tag that was taken out, then the rest of
 * the packet, then zeros. */
struct frame {
    const struct net_packet *p;
    uint8_t head[HEADER_BYTES + E1000_VLAN_BYTES];
    size_t head_bytes, skipped; /* of the packet's beginning: in head, taken out behind it */
    size_t bytes;               /* in all */
    uint8_t status;
    uint16_t vlan;
};

/* n bytes from at on, into guest memory at a. */
static void copy_packet(struct e1000 *d, const struct net_packet *p, size_t at, paddr a, size_t n)
{
    for (unsigned i = 0; i < p->iov_count && n > 0; i++) {
        const size_t length = p->iov[i].iov_len;
        if (at >= length) {
            at -= length;
            continue;
        }
        const size_t piece = length - at < n ? length - at : n;
        dma_write(&d->pci.dev.dma, a, (const uint8_t *)p->iov[i].iov_base + at, piece);
        a += piece;
        n -= piece;
        at = 0;
    }
}

static void copy_frame(struct e1000 *d, const struct frame *f, size_t at, paddr a, size_t n)
{
    static const uint8_t zeros[LEAST_BYTES + CHECK_BYTES];
    const size_t end = f->head_bytes + (f->p->bytes - f->head_bytes - f->skipped);
    if (at < f->head_bytes && n > 0) {
        const size_t piece = f->head_bytes - at < n ? f->head_bytes - at : n;
        dma_write(&d->pci.dev.dma, a, f->head + at, piece);
        a += piece;
        at += piece;
        n -= piece;
    }
    if (at < end && n > 0) {
        const size_t piece = end - at < n ? end - at : n;
        copy_packet(d, f->p, at + f->skipped, a, piece);
        a += piece;
        n -= piece;
    }
    if (n > 0) {
        dma_write(&d->pci.dev.dma, a, zeros, n < sizeof(zeros) ? n : sizeof(zeros));
    }
}

/* What the descriptors tell of it; false: the guest does not want it. */
static bool look_at(struct e1000 *d, struct frame *f)
{
    bool inexact;
    const size_t n = net_copy(f->p, f->head, sizeof(f->head));
    const bool tagged = n == sizeof(f->head) && load_be16(f->head + TYPE_AT) == d->reg[E1000_VET];
    if (n < HEADER_BYTES || !wants_address(d, f->head, &inexact) ||
        (tagged && !wants_vlan(d, f->head))) {
        return false;
    }
    f->head_bytes = TYPE_AT;
    f->status = inexact ? STATUS_INEXACT : 0;
    if (tagged && (d->reg[E1000_CTRL] & CTRL_VLAN)) {
        f->skipped = E1000_VLAN_BYTES;
        f->vlan = load_be16(f->head + HEADER_BYTES);
        f->status |= STATUS_VLAN;
    }
    const bool sums = f->p->offload.checksum_valid && (d->reg[E1000_RXCSUM] & RXCSUM_TCP) &&
                      (d->reg[E1000_RXCSUM] & RXCSUM_IP);
    f->status |= sums ? STATUS_TCP | STATUS_IP : STATUS_NO_SUMS;
    f->bytes = f->p->bytes - f->skipped;
    f->bytes = f->bytes < LEAST_BYTES ? LEAST_BYTES : f->bytes;
    const size_t longest = LONGEST - CHECK_BYTES + (tagged ? E1000_VLAN_BYTES : 0);
    return f->p->bytes <= longest || (d->reg[E1000_RCTL] & RCTL_LONG);
}

static void count_frame(struct e1000 *d, const struct frame *f)
{
    const size_t n = f->bytes + CHECK_BYTES;
    static const uint8_t broadcast[MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    e1000_count(d, STAT_RX_ALL, 1);
    e1000_count(d, STAT_RX_GOOD, 1);
    e1000_count_bytes(d, STAT_RX_BYTES, n);
    e1000_count_bytes(d, STAT_RX_GOOD_BYTES, n);
    e1000_count_size(d, STAT_RX_SIZES, n);
    if (memcmp(f->head, broadcast, MAC_BYTES) == 0) {
        e1000_count(d, STAT_RX_BROADCAST, 1);
    } else if (f->head[0] & 1) {
        e1000_count(d, STAT_RX_MULTICAST, 1);
    }
}

/* The next descriptor gets n bytes from at on. */
static void fill_descriptor(struct e1000 *d, const struct frame *f, size_t at, size_t n, bool last)
{
    const struct dma *dma = &d->pci.dev.dma;
    const unsigned ring = d->reg[E1000_RDLEN] / E1000_DESCRIPTOR_BYTES, head = d->reg[E1000_RDH];
    const paddr a = e1000_ring_base(d, E1000_RDBAL) + (paddr)head * E1000_DESCRIPTOR_BYTES;
    uint64_t buffer;
    if (dma_load64(dma, a, &buffer)) {
        copy_frame(d, f, at, buffer, n);
        const uint64_t status = f->status | STATUS_DONE | (last ? STATUS_END : 0u);
        /* Length, checksum (none), status, errors (none), tag: at once, as the driver looks. */
        dma_store64(dma, a + LENGTH, n | status << 8 * (STATUS - LENGTH) | (uint64_t)f->vlan << 48);
    } else {
        log_guest("e1000", "the receive ring is not in memory");
    }
    d->reg[E1000_RDH] = head + 1 < ring ? head + 1 : 0;
}

bool e1000_deliver(void *opaque, unsigned queue, const struct net_packet *p)
{
    struct e1000 *d = opaque;
    struct frame f = {.p = p};
    (void)queue;
    if (d->paused) {
        return false;
    }
    if (!(d->reg[E1000_RCTL] & RCTL_ON) || !pci_bus_master(&d->pci) || !look_at(d, &f)) {
        return true; /* dropped */
    }
    const unsigned size = buffer_bytes(d), ring = d->reg[E1000_RDLEN] / E1000_DESCRIPTOR_BYTES;
    const size_t all = f.bytes + (d->reg[E1000_RCTL] & RCTL_STRIP ? 0 : CHECK_BYTES);
    const size_t needed = (all + size - 1) / size;
    if (needed > available(d)) {
        if (needed < ring) { /* as many as the ring can have, or fewer */
            return false;
        }
        e1000_count(d, STAT_MISSED, 1);
        e1000_cause(d, CAUSE_RX_OVERRUN);
        return true;
    }
    for (size_t at = 0; at < all; at += size) {
        const size_t n = all - at < size ? all - at : size;
        fill_descriptor(d, &f, at, n, at + n == all);
    }
    count_frame(d, &f);
    e1000_cause(d, CAUSE_RX | (is_low(d) ? CAUSE_RX_LOW : 0u));
    return true;
}
