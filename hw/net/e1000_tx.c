/* SPDX-License-Identifier: MIT */
/*
 * Packets from the guest: SDM, 3.3 to 3.5 (descriptors, segmentation, checksums), 9.2 (VLAN).
 *
 * Descriptors' buffers are put together to a frame; what its first descriptor asks for is done
 * here (checksums of IP) or told to net/ (checksums of TCP and UDP, segmentation), which does it if
 * the back end does not. A frame may still be incomplete when the ring ends: it is state.
 */
#include "base/bits.h"
#include "base/log.h"
#include "hw/net/e1000.h"

enum {
    TCTL_ON = 1 << 1,
    TCTL_PAD = 1 << 3,
    LEAST_BYTES = 60,
    TYPE_AT = 12,
    CHECK_BYTES = 4
};

enum { /* command byte of a descriptor */
    COMMAND_END = 0x01,
    COMMAND_SUM = 0x04, /* of a legacy one: insert a checksum */
    COMMAND_SEGMENT = 0x04,
    COMMAND_REPORT = 0x08,
    COMMAND_EXTENDED = 0x20,
    COMMAND_VLAN = 0x40,
    CONTEXT_TCP = 0x01,
    CONTEXT_IPV4 = 0x02,
    OPTION_IP = 0x01,
    OPTION_TCP = 0x02,
    STATUS_DONE = 1,
    TYPE_CONTEXT = 0,
    TYPE_DATA = 1
};

/* Descriptors that are done before others have their turn. */
#define BUDGET 512

struct descriptor {
    uint64_t address, words; /* as in memory */
};

static uint8_t command_of(const struct descriptor *t)
{
    return (uint8_t)(t->words >> 24);
}

/* ---- checksums */

/* Over bytes first to last (0: the end) of the frame, put at offset. */
static void insert_sum(struct e1000 *d, unsigned first, unsigned offset, unsigned last)
{
    const size_t end = last && last + 1u < d->tx_bytes ? last + 1u : d->tx_bytes;
    if (first >= end || offset + 2u > d->tx_bytes) {
        return;
    }
    /* What a field of zeros would give, as drivers have it; else what it holds goes in. */
    store_be16(d->tx_frame + offset, net_sum_end(net_sum(d->tx_frame + first, end - first, 0)));
}

/* ---- the end of a frame */

/*
 * net/ wants a frame to be segmented as an IP packet that is complete: with its length, the
 * checksum of its IPv4 header, and in the TCP header the sum of the pseudo header. Drivers leave
 * the length out of all of them (SDM, 3.5). False: it is none that could be cut.
 */
static bool complete_headers(struct e1000 *d, const struct e1000_context *c)
{
    uint8_t *ip = d->tx_frame + c->ip_start, *tcp = d->tx_frame + c->tcp_start;
    const bool v4 = c->command & CONTEXT_IPV4;
    const unsigned header = v4 ? 20 : 40;
    if (!(c->command & CONTEXT_TCP) || c->segment == 0 || c->ip_start + header > c->tcp_start ||
        c->tcp_offset < c->tcp_start || c->tcp_offset + 2u > c->header || c->header > d->tx_bytes ||
        d->tx_bytes - c->ip_start > 0xffff) {
        return false;
    }
    const uint32_t tcp_bytes = d->tx_bytes - c->tcp_start;
    uint64_t pseudo = 6 + tcp_bytes;
    if (v4) {
        store_be16(ip + 2, (uint16_t)(d->tx_bytes - c->ip_start));
        store_be16(ip + 10, 0);
        store_be16(ip + 10, net_sum_end(net_sum(ip, c->tcp_start - c->ip_start, 0)));
        pseudo = net_sum(ip + 12, 8, pseudo);
    } else {
        store_be16(ip + 4, (uint16_t)tcp_bytes);
        pseudo = net_sum(ip + 8, 32, pseudo);
    }
    store_be16(tcp + (c->tcp_offset - c->tcp_start), (uint16_t)~net_sum_end(pseudo));
    return true;
}

/* Fills what net/ is to do; false: the frame is dropped. */
static bool plan_segments(struct e1000 *d, struct net_offload *o)
{
    const struct e1000_context *c = &d->context;
    if (!complete_headers(d, c)) {
        log_guest("e1000", "a packet to be segmented whose headers are not as its context says");
        return false;
    }
    *o = (struct net_offload){.needs_checksum = true,
                              .gso = c->command & CONTEXT_IPV4 ? NET_GSO_TCP4 : NET_GSO_TCP6,
                              .gso_size = c->segment,
                              .header_bytes = c->header,
                              .csum_start = c->tcp_start,
                              .csum_offset = (uint16_t)(c->tcp_offset - c->tcp_start)};
    e1000_count(d, STAT_TX_SEGMENTED, 1);
    return true;
}

static void plan_sums(struct e1000 *d, struct net_offload *o)
{
    const struct e1000_context *c = &d->sum_context;
    const bool whole = c->tcp_end == 0 || c->tcp_end + 1u >= d->tx_bytes;
    if (d->tx_options & OPTION_IP) {
        insert_sum(d, c->ip_start, c->ip_offset, c->ip_end);
    }
    if (!(d->tx_options & OPTION_TCP)) {
        return;
    }
    if (whole && c->tcp_offset >= c->tcp_start && c->tcp_offset + 2u <= d->tx_bytes) {
        o->needs_checksum = true;
        o->csum_start = c->tcp_start;
        o->csum_offset = (uint16_t)(c->tcp_offset - c->tcp_start);
    } else {
        insert_sum(d, c->tcp_start, c->tcp_offset, c->tcp_end);
    }
}

/* Puts the tag behind the addresses. */
static void insert_tag(struct e1000 *d, struct net_offload *o)
{
    uint8_t *at = d->tx_frame + TYPE_AT;
    memmove(at + E1000_VLAN_BYTES, at, d->tx_bytes - TYPE_AT);
    store_be16(at, (uint16_t)d->reg[E1000_VET]);
    store_be16(at + 2, d->tx_vlan);
    d->tx_bytes += E1000_VLAN_BYTES;
    if (o->needs_checksum) {
        o->csum_start = (uint16_t)(o->csum_start + E1000_VLAN_BYTES);
        o->header_bytes = (uint16_t)(o->header_bytes + (o->gso ? E1000_VLAN_BYTES : 0));
    }
}

static void count_frame(struct e1000 *d)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const size_t n = d->tx_bytes + (size_t)CHECK_BYTES;
    e1000_count(d, STAT_TX_ALL, 1);
    e1000_count(d, STAT_TX_GOOD, 1);
    e1000_count_bytes(d, STAT_TX_BYTES, n);
    e1000_count_bytes(d, STAT_TX_GOOD_BYTES, n);
    e1000_count_size(d, STAT_TX_SIZES, n);
    if (memcmp(d->tx_frame, broadcast, 6) == 0) {
        e1000_count(d, STAT_TX_BROADCAST, 1);
    } else if (d->tx_frame[0] & 1) {
        e1000_count(d, STAT_TX_MULTICAST, 1);
    }
}

static void send_frame(struct e1000 *d)
{
    struct net_offload o = {.needs_checksum = false};
    const bool extended = d->tx_command & COMMAND_EXTENDED;
    if (d->tx_too_long || d->tx_bytes < TYPE_AT + 2) {
        log_guest("e1000", "a frame of %u bytes or more is dropped", d->tx_bytes);
        return;
    }
    if (extended && (d->tx_command & COMMAND_SEGMENT)) {
        if (!plan_segments(d, &o)) {
            return;
        }
    } else if (extended) {
        plan_sums(d, &o);
    }
    if ((d->tx_command & COMMAND_VLAN) && (d->reg[E1000_CTRL] & CTRL_VLAN)) {
        insert_tag(d, &o);
    }
    if (d->tx_bytes < LEAST_BYTES && (d->reg[E1000_TCTL] & TCTL_PAD)) {
        memset(d->tx_frame + d->tx_bytes, 0, LEAST_BYTES - d->tx_bytes);
        d->tx_bytes = LEAST_BYTES;
    }
    count_frame(d);
    if (d->netdev) {
        struct iovec iov = {d->tx_frame, d->tx_bytes};
        const struct net_packet p = {&iov, 1, d->tx_bytes, o};
        netdev_send(d->netdev, 0, &p);
    }
}

/* ---- descriptors */

static void set_context(struct e1000 *d, const struct descriptor *t)
{
    const uint64_t a = t->address, w = t->words;
    const struct e1000_context c = {.ip_start = (uint8_t)a,
                                    .ip_offset = (uint8_t)(a >> 8),
                                    .ip_end = (uint16_t)(a >> 16),
                                    .tcp_start = (uint8_t)(a >> 32),
                                    .tcp_offset = (uint8_t)(a >> 40),
                                    .tcp_end = (uint16_t)(a >> 48),
                                    .command = command_of(t),
                                    .header = (uint8_t)(w >> 40),
                                    .segment = (uint16_t)(w >> 48)};
    *(c.command & COMMAND_SEGMENT ? &d->context : &d->sum_context) = c;
}

static void append(struct e1000 *d, uint64_t address, uint32_t n)
{
    const uint32_t room = NET_PACKET_MAX - E1000_VLAN_BYTES - d->tx_bytes;
    if (n > room || !dma_read(&d->pci.dev.dma, address, d->tx_frame + d->tx_bytes, n)) {
        d->tx_too_long = true;
        return;
    }
    d->tx_bytes += n;
}

static void begin_frame(struct e1000 *d, const struct descriptor *t)
{
    if (!d->tx_begun) {
        d->tx_begun = true;
        d->tx_too_long = false;
        d->tx_bytes = 0;
        d->tx_options = (uint8_t)(t->words >> 40);
        d->tx_command = command_of(t);
    }
}

/* Of the last descriptor: the tag, and of a legacy one the checksum. */
static void end_frame(struct e1000 *d, const struct descriptor *t)
{
    const uint8_t command = command_of(t);
    d->tx_vlan = (uint16_t)(t->words >> 48);
    d->tx_command |= command & COMMAND_VLAN;
    if (!(command & COMMAND_EXTENDED) && (command & COMMAND_SUM)) {
        insert_sum(d, (uint8_t)(t->words >> 40), (uint8_t)(t->words >> 16), 0);
    }
    send_frame(d);
    d->tx_begun = false;
    d->tx_bytes = 0;
}

static void take_descriptor(struct e1000 *d, const struct descriptor *t)
{
    const uint8_t command = command_of(t);
    const bool extended = command & COMMAND_EXTENDED;
    const unsigned type = t->words >> 20 & 15;
    if (extended && type == TYPE_CONTEXT) {
        set_context(d, t);
        return;
    }
    if (extended && type != TYPE_DATA) {
        log_guest("e1000", "there are no descriptors of type %u", type);
        return;
    }
    begin_frame(d, t);
    append(d, t->address, (uint32_t)(t->words & (extended ? 0xfffff : 0xffff)));
    if (command & COMMAND_END) {
        end_frame(d, t);
    }
}

/* Whether the driver wants to hear of it. */
static bool report(struct e1000 *d, const struct descriptor *t, paddr a)
{
    if (!(command_of(t) & COMMAND_REPORT)) {
        return false;
    }
    dma_store32(&d->pci.dev.dma, a + 12, (uint32_t)(t->words >> 32) | STATUS_DONE);
    return true;
}

static bool ring_has_more(const struct e1000 *d)
{
    const unsigned n = d->reg[E1000_TDLEN] / E1000_DESCRIPTOR_BYTES;
    const unsigned head = d->reg[E1000_TDH], tail = d->reg[E1000_TDT];
    return head < n && tail < n && head != tail && (d->reg[E1000_TCTL] & TCTL_ON) &&
           pci_bus_master(&d->pci);
}

bool e1000_transmit(struct e1000 *d)
{
    const struct dma *dma = &d->pci.dev.dma;
    uint32_t causes = 0;
    unsigned budget = BUDGET;
    for (; budget > 0 && ring_has_more(d); budget--) {
        const unsigned n = d->reg[E1000_TDLEN] / E1000_DESCRIPTOR_BYTES, head = d->reg[E1000_TDH];
        const paddr a = e1000_ring_base(d, E1000_TDBAL) + (paddr)head * E1000_DESCRIPTOR_BYTES;
        struct descriptor t;
        if (dma_load64(dma, a, &t.address) && dma_load64(dma, a + 8, &t.words)) {
            take_descriptor(d, &t);
            causes |= report(d, &t, a) ? CAUSE_TX_WRITTEN : 0u;
        } else {
            log_guest("e1000", "the transmit ring is not in memory");
        }
        d->reg[E1000_TDH] = head + 1 < n ? head + 1 : 0;
        causes |= d->reg[E1000_TDH] == d->reg[E1000_TDT] ? CAUSE_TX_EMPTY : 0u;
    }
    if (causes) {
        e1000_cause(d, causes);
    }
    return !ring_has_more(d);
}
