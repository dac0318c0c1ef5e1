/* SPDX-License-Identifier: MIT */
/* The control queue of the virtio network device, and what it sets: VIRTIO 1.2, 5.1.6.5. */
#include "base/bits.h"
#include "base/log.h"
#include "hw/virtio/virtio_net.h"

enum {
    CLASS_RX = 0,
    RX_PROMISC = 0,
    RX_ALLMULTI = 1,
    RX_ALLUNI = 2,
    RX_NOMULTI = 3,
    RX_NOUNI = 4,
    RX_NOBCAST = 5,

    CLASS_MAC = 1,
    MAC_TABLE_SET = 0,
    MAC_ADDR_SET = 1,

    CLASS_VLAN = 2,
    VLAN_ADD = 0,
    VLAN_DEL = 1,

    CLASS_ANNOUNCE = 3,
    ANNOUNCE_ACK = 0,

    CLASS_MQ = 4,
    MQ_VQ_PAIRS_SET = 0,

    CLASS_GUEST_OFFLOADS = 5,
    GUEST_OFFLOADS_SET = 0,

    ACK_OK = 0,
    ACK_ERR = 1,
};

/* A command's data behind class and command. */
struct command {
    const struct virtq_chain *chain;
    uint64_t at;
};

static bool take(struct command *c, void *bytes, size_t n)
{
    size_t got = virtq_chain_read(c->chain, c->at, bytes, n);
    c->at += got;
    return got == n;
}

static bool rx_mode(struct virtio_net *d, uint8_t command, struct command *c)
{
    struct net_filter *f = &d->filter;
    uint8_t *const modes[] = {&f->promiscuous,  &f->all_multicast, &f->all_unicast,
                              &f->no_multicast, &f->no_unicast,    &f->no_broadcast};
    uint8_t on;
    if (command >= array_len(modes) || !take(c, &on, 1)) {
        return false;
    }
    *modes[command] = on != 0;
    return true;
}

/* One of the two tables: a count, then addresses. What does not fit is remembered as "all". */
static bool take_table(const struct virtio_net *d, struct net_filter *f, struct command *c,
                       uint16_t *entries, uint8_t *overflow)
{
    uint8_t raw[4];
    if (!take(c, raw, 4)) {
        return false;
    }
    uint32_t count = virtio_load32(&d->v, raw);
    if ((c->chain->out_bytes - c->at) / 6 < count) {
        return false;
    }
    uint32_t room = NET_MAC_TABLE - f->unicast;
    *overflow = count > room;
    if (*overflow) {
        c->at += 6 * (uint64_t)count;
        return true;
    }
    *entries = (uint16_t)count;
    /* The multicast table follows the unicast one, whose count is 0 while it is being read. */
    unsigned first = entries == &f->multicast ? f->unicast : 0;
    return take(c, f->mac[first], 6 * (size_t)count);
}

static bool set_tables(struct virtio_net *d, struct command *c)
{
    struct net_filter f = d->filter;
    f.unicast = f.multicast = 0;
    if (!take_table(d, &f, c, &f.unicast, &f.unicast_overflow) ||
        !take_table(d, &f, c, &f.multicast, &f.multicast_overflow)) {
        return false;
    }
    d->filter = f;
    return true;
}

static bool mac_command(struct virtio_net *d, uint8_t command, struct command *c)
{
    uint8_t mac[6];
    if (command == MAC_TABLE_SET) {
        return set_tables(d, c);
    }
    if (command != MAC_ADDR_SET || !take(c, mac, 6)) {
        return false;
    }
    os_mutex_lock(&d->v.leaf);
    memcpy(d->v.config + NET_CONFIG_MAC, mac, 6);
    os_mutex_unlock(&d->v.leaf);
    return true;
}

static bool vlan_command(struct virtio_net *d, uint8_t command, struct command *c)
{
    uint8_t raw[2];
    if (command > VLAN_DEL || !take(c, raw, 2) || virtio_load16(&d->v, raw) >= 4096) {
        return false;
    }
    unsigned id = virtio_load16(&d->v, raw);
    uint8_t b = (uint8_t)(1u << id % 8);
    d->filter.vlans[id / 8] = (uint8_t)(command == VLAN_ADD ? d->filter.vlans[id / 8] | b
                                                            : d->filter.vlans[id / 8] & ~b);
    return true;
}

static bool announce_ack(struct virtio_net *d)
{
    os_mutex_lock(&d->v.leaf);
    d->v.config[NET_CONFIG_STATUS] &= (uint8_t)~NET_STATUS_ANNOUNCE;
    os_mutex_unlock(&d->v.leaf);
    return true;
}

static bool set_pairs(struct virtio_net *d, struct command *c)
{
    uint8_t raw[2];
    if (!take(c, raw, 2) || virtio_load16(&d->v, raw) < 1 ||
        virtio_load16(&d->v, raw) > d->max_pairs) {
        return false;
    }
    d->pairs = virtio_load16(&d->v, raw);
    if (d->netdev) {
        netdev_wake(d->netdev); /* queues that were not looked at before */
    }
    return true;
}

#define GUEST_OFFLOADS                                                                             \
    (VIRTIO_F(NET_F_GUEST_CSUM) | VIRTIO_F(NET_F_GUEST_TSO4) | VIRTIO_F(NET_F_GUEST_TSO6) |        \
     VIRTIO_F(NET_F_GUEST_ECN))

static bool set_offloads(struct virtio_net *d, struct command *c)
{
    uint8_t raw[8];
    if (!take(c, raw, 8) || (virtio_load64(&d->v, raw) & ~(d->v.accepted & GUEST_OFFLOADS))) {
        return false;
    }
    d->guest_offloads = virtio_load64(&d->v, raw);
    net_offloads_changed(d);
    return true;
}

void net_offloads_changed(struct virtio_net *d)
{
    uint64_t g = d->guest_offloads;
    unsigned offloads = 0;
    if (g & VIRTIO_F(NET_F_GUEST_CSUM)) {
        offloads = NET_OFFLOAD_CHECKSUM;
        offloads |= g & VIRTIO_F(NET_F_GUEST_TSO4) ? NET_OFFLOAD_TCP4 : 0;
        offloads |= g & VIRTIO_F(NET_F_GUEST_TSO6) ? NET_OFFLOAD_TCP6 : 0;
        offloads |= g & VIRTIO_F(NET_F_GUEST_ECN) ? NET_OFFLOAD_ECN : 0;
    }
    if (d->netdev) {
        netdev_set_offloads(d->netdev, offloads);
    }
}

/* A class is there if its feature was agreed on. */
static bool run(struct virtio_net *d, const uint8_t *head, struct command *c)
{
    static const uint8_t feature_of[] = {
        [CLASS_RX] = NET_F_CTRL_RX,     [CLASS_MAC] = NET_F_CTRL_VQ,
        [CLASS_VLAN] = NET_F_CTRL_VLAN, [CLASS_ANNOUNCE] = NET_F_GUEST_ANNOUNCE,
        [CLASS_MQ] = NET_F_MQ,          [CLASS_GUEST_OFFLOADS] = NET_F_CTRL_GUEST_OFFLOADS,
    };
    uint8_t class = head[0], command = head[1];
    if (class >= array_len(feature_of) || !virtio_has(&d->v, VIRTIO_F(feature_of[class]))) {
        return false;
    }
    switch (class) {
    case CLASS_RX:
        return rx_mode(d, command, c);
    case CLASS_MAC:
        return mac_command(d, command, c);
    case CLASS_VLAN:
        return vlan_command(d, command, c);
    case CLASS_ANNOUNCE:
        return command == ANNOUNCE_ACK && announce_ack(d);
    case CLASS_MQ:
        return command == MQ_VQ_PAIRS_SET && set_pairs(d, c);
    default:
        return command == GUEST_OFFLOADS_SET && set_offloads(d, c);
    }
}

static void one_command(struct virtio_net *d, unsigned queue)
{
    struct virtq_chain *chain = &d->ctrl_chain;
    struct command c = {chain, 0};
    uint8_t head[2];
    if (chain->in_bytes < 1 || !take(&c, head, 2)) {
        d->v.queue[queue].broken = true;
        virtio_broken(&d->v, "control command without its parts");
        return;
    }
    uint8_t ack = run(d, head, &c) ? ACK_OK : ACK_ERR;
    if (ack == ACK_ERR) {
        log_guest(d->v.cls->name, "control command %u.%u is refused", head[0], head[1]);
    }
    virtq_chain_write(chain, 0, &ack, 1);
    virtio_complete(&d->v, queue, chain, 1);
}

void net_control(struct virtio_net *d)
{
    unsigned queue = net_control_queue(d);
    struct virtqueue *q = &d->v.queue[queue];
    do {
        virtqueue_notify_off(q);
        while (d->live && virtio_pop(&d->v, queue, &d->ctrl_chain) == VIRTQ_OK) {
            one_command(d, queue);
        }
        virtio_complete_end(&d->v, queue);
    } while (d->live && virtqueue_notify_on(q));
}

/* ---- the filter */

void net_filter_reset(struct virtio_net *d)
{
    d->filter = (struct net_filter){.promiscuous = 1};
    memset(d->filter.vlans, 0, sizeof(d->filter.vlans));
}

static bool in_table(const struct net_filter *f, unsigned first, unsigned count, const uint8_t *mac)
{
    for (unsigned i = first; i < first + count; i++) {
        if (memcmp(f->mac[i], mac, 6) == 0) {
            return true;
        }
    }
    return false;
}

bool net_filter_accepts(const struct virtio_net *d, const uint8_t *frame, size_t n)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct net_filter *f = &d->filter;
    if (n < 14) {
        return false;
    }
    if (f->promiscuous) {
        return true;
    }
    if (virtio_has(&d->v, VIRTIO_F(NET_F_CTRL_VLAN)) && n >= 16 &&
        load_be16(frame + 12) == 0x8100) {
        unsigned id = load_be16(frame + 14) & 0xfff;
        if (!bit(f->vlans[id / 8], id % 8)) {
            return false;
        }
    }
    if (memcmp(frame, broadcast, 6) == 0) {
        return !f->no_broadcast;
    }
    if (frame[0] & 1) {
        return !f->no_multicast && (f->all_multicast || f->multicast_overflow ||
                                    in_table(f, f->unicast, f->multicast, frame));
    }
    return !f->no_unicast && (f->all_unicast || f->unicast_overflow ||
                              memcmp(frame, d->v.config + NET_CONFIG_MAC, 6) == 0 ||
                              in_table(f, 0, f->unicast, frame));
}
