/* SPDX-License-Identifier: MIT */
/*
 * What the files of the virtio network device share: virtio_net.c (device), virtio_net_queue.c
 * (packets), virtio_net_ctrl.c (control queue and receive filter).
 *
 * All queues belong to whoever holds the netdev's lock (without a netdev: v.work_lock), and are
 * touched only while live is set.
 */
#ifndef HW_VIRTIO_VIRTIO_NET_H
#define HW_VIRTIO_VIRTIO_NET_H

#include "hw/virtio/virtio.h"
#include "net/net.h"

enum {
    NET_F_CSUM = 0,
    NET_F_GUEST_CSUM = 1,
    NET_F_CTRL_GUEST_OFFLOADS = 2,
    NET_F_MTU = 3,
    NET_F_MAC = 5,
    NET_F_GSO = 6, /* legacy */
    NET_F_GUEST_TSO4 = 7,
    NET_F_GUEST_TSO6 = 8,
    NET_F_GUEST_ECN = 9,
    NET_F_HOST_TSO4 = 11,
    NET_F_HOST_TSO6 = 12,
    NET_F_HOST_ECN = 13,
    NET_F_MRG_RXBUF = 15,
    NET_F_STATUS = 16,
    NET_F_CTRL_VQ = 17,
    NET_F_CTRL_RX = 18,
    NET_F_CTRL_VLAN = 19,
    NET_F_CTRL_RX_EXTRA = 20,
    NET_F_GUEST_ANNOUNCE = 21,
    NET_F_MQ = 22,
    NET_F_CTRL_MAC_ADDR = 23,
    NET_F_SPEED_DUPLEX = 63,
};

/* Configuration (5.1.4). */
enum {
    NET_CONFIG_MAC = 0,
    NET_CONFIG_STATUS = 6,
    NET_CONFIG_MAX_PAIRS = 8,
    NET_CONFIG_MTU = 10,
    NET_CONFIG_SPEED = 12,
    NET_CONFIG_DUPLEX = 16,
    NET_CONFIG_END = 17,

    NET_STATUS_LINK_UP = 1,
    NET_STATUS_ANNOUNCE = 2,
};

#define NET_PAIRS_MAX 16
#define NET_MAC_TABLE 64

/* Which packets the guest wants; set through the control queue. */
struct net_filter {
    uint8_t promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    uint8_t unicast_overflow, multicast_overflow; /* the table was too small: take all */
    uint16_t unicast, multicast;                  /* entries of mac[], unicast ones first */
    uint8_t mac[NET_MAC_TABLE][6];
    uint8_t vlans[4096 / 8];
};

struct virtio_net {
    struct virtio_device v;

    uint64_t guest_offloads; /* state: feature bits */

    /* Properties. */
    char *netdev_id, *tx, *duplex;
    int32_t bootindex;
    uint32_t pad4;
    uint32_t speed;
    uint16_t rx_queue_size, tx_queue_size, host_mtu;
    uint8_t mac[6];
    bool mq;
    bool csum, guest_csum, gso, guest_tso4, guest_tso6, guest_ecn, guest_ufo;
    bool host_tso4, host_tso6, host_ecn, host_ufo, mrg_rxbuf, status;
    bool ctrl_vq, ctrl_rx, ctrl_vlan, ctrl_rx_extra, ctrl_mac_addr, ctrl_guest_offloads;
    bool guest_announce;
    uint8_t pad;

    /* State. */
    uint16_t pairs; /* that the driver uses */
    struct net_filter filter;
    uint8_t pad2[4];

    /* No state. */
    struct netdev *netdev; /* or NULL */
    struct net_client client;
    bool live, paused;
    bool announces; /* once it goes on: the machine may be somewhere else */
    uint8_t pad3;
    unsigned max_pairs;
    struct virtq_chain tx_chain, ctrl_chain;
    struct virtq_chain *rx_chain; /* [VIRTQ_SIZE_MAX]: the buffers of one packet */
};

static inline struct virtio_net *as_net(struct virtio_device *v)
{
    return (struct virtio_net *)v;
}

/* Of the header in front of each packet: that of legacy drivers tells no number of buffers, unless
 * they may be several. */
static inline unsigned net_header_bytes(const struct virtio_net *d)
{
    const uint64_t longer = VIRTIO_F_VERSION_1 | VIRTIO_F(NET_F_MRG_RXBUF);
    return d->v.accepted & longer ? 12 : 10;
}

void net_device_lock(struct virtio_net *d);
void net_device_unlock(struct virtio_net *d);

/* virtio_net_queue.c; the lock is held. */
bool net_deliver_to_guest(void *opaque, unsigned queue, const struct net_packet *p);
void net_work(void *opaque); /* sends what the guest offers, takes up deliveries again */
void net_chains_free(struct virtio_net *d);

/* virtio_net_ctrl.c; the lock is held. */
void net_control(struct virtio_net *d);
bool net_filter_accepts(const struct virtio_net *d, const uint8_t *frame, size_t n);
void net_filter_reset(struct virtio_net *d);
/* Tells the back end what the driver takes. */
void net_offloads_changed(struct virtio_net *d);

static inline unsigned net_control_queue(const struct virtio_net *d)
{
    return 2 * d->max_pairs;
}

#endif
