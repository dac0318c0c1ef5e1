/* SPDX-License-Identifier: MIT */
/*
 * virtio network device: VIRTIO 1.2, chapter 5.1: features, configuration, properties.
 *
 * Packets move on the thread of the netdev. Offloads are offered whatever the back end is, since
 * net/ does in software what it lacks; the guest's CPU is the slowest of all.
 * Not modelled: UDP fragmentation offload, receive-side scaling, hash reports, notification
 * coalescing; none is offered.
 */
#include "hw/virtio/virtio_net.h"

#include "base/bits.h"
#include "base/mem.h"

/* ---- locking and work */

void net_device_lock(struct virtio_net *d)
{
    if (d->netdev) {
        netdev_lock(d->netdev);
    } else {
        os_mutex_lock(&d->v.work_lock);
    }
}

void net_device_unlock(struct virtio_net *d)
{
    if (d->netdev) {
        netdev_unlock(d->netdev);
    } else {
        os_mutex_unlock(&d->v.work_lock);
    }
}

static void net_notify(struct virtio_device *v, unsigned queue)
{
    struct virtio_net *d = as_net(v);
    if (queue == net_control_queue(d)) {
        net_device_lock(d);
        net_control(d);
        net_device_unlock(d);
    } else if (d->netdev) {
        netdev_wake(d->netdev);
    } else {
        net_device_lock(d);
        net_work(d); /* into the void */
        net_device_unlock(d);
    }
}

static void net_start(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    net_device_lock(d);
    d->live = true;
    d->paused = false;
    net_offloads_changed(d);
    net_device_unlock(d);
}

static void net_stop(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    net_device_lock(d);
    d->live = false;
    net_device_unlock(d);
}

/* The back end keeps what comes meanwhile. */
static void net_settle(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    net_device_lock(d);
    d->paused = true;
    net_device_unlock(d);
}

/* ---- link */

/* Of bits of the status in the configuration. The netdev's lock is held. */
static void change_status(struct virtio_net *d, uint8_t clear, uint8_t set)
{
    const uint8_t status = (uint8_t)((d->v.config[NET_CONFIG_STATUS] & ~clear) | set);
    virtio_config_update(&d->v, NET_CONFIG_STATUS, &status, 1);
}

static void link_changed(void *opaque, bool up)
{
    struct virtio_net *d = opaque;
    if (!d->paused) { /* else it is looked at when the device goes on */
        change_status(d, NET_STATUS_LINK_UP, up ? NET_STATUS_LINK_UP : 0);
    }
}

static void net_resume(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    net_device_lock(d);
    d->paused = false;
    link_changed(d, !d->netdev || netdev_link_up(d->netdev));
    if (d->announces) {
        change_status(d, 0, NET_STATUS_ANNOUNCE);
    }
    d->announces = false;
    net_device_unlock(d);
    if (d->netdev) {
        netdev_wake(d->netdev);
    }
}

static void net_reset(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    net_device_lock(d);
    bool up = !d->netdev || netdev_link_up(d->netdev);
    d->pairs = 1;
    d->guest_offloads = 0;
    net_filter_reset(d);
    net_offloads_changed(d);
    net_device_unlock(d);
    os_mutex_lock(&v->leaf);
    memcpy(v->config + NET_CONFIG_MAC, d->mac, 6);
    memset(v->config_writable + NET_CONFIG_MAC, 0, 6);
    v->config[NET_CONFIG_STATUS] = up ? NET_STATUS_LINK_UP : 0;
    os_mutex_unlock(&v->leaf);
}

static void net_negotiated(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    d->guest_offloads = v->accepted & (VIRTIO_F(NET_F_GUEST_CSUM) | VIRTIO_F(NET_F_GUEST_TSO4) |
                                       VIRTIO_F(NET_F_GUEST_TSO6) | VIRTIO_F(NET_F_GUEST_ECN));
    /* 5.1.4.2: a legacy driver without a command for it writes its address. */
    const uint64_t by_command = VIRTIO_F_VERSION_1 | VIRTIO_F(NET_F_CTRL_MAC_ADDR);
    os_mutex_lock(&v->leaf);
    memset(v->config_writable + NET_CONFIG_MAC, v->accepted & by_command ? 0 : 0xff, 6);
    os_mutex_unlock(&v->leaf);
}

static bool net_check(struct virtio_device *v, struct error *e)
{
    const struct virtio_net *d = as_net(v);
    const struct net_filter *f = &d->filter;
    if (d->pairs < 1 || d->pairs > d->max_pairs) {
        return error_set(e, "its driver uses %u pairs of queues, and here it has %u", d->pairs,
                         d->max_pairs);
    }
    if (f->unicast + f->multicast > NET_MAC_TABLE) {
        return error_set(e, "its filter has %u addresses, of at most %u", f->unicast + f->multicast,
                         NET_MAC_TABLE);
    }
    return !(d->guest_offloads & ~v->accepted) ||
           error_set(e, "its driver has turned offloads on that it has not agreed on");
}

/* The machine may be somewhere else now: switches are to learn where. On a counted machine there is
 * nothing that the state does not say. */
static void net_loaded(struct virtio_device *v)
{
    as_net(v)->announces = virtio_has(v, VIRTIO_F(NET_F_GUEST_ANNOUNCE)) &&
                           !v->pci.dev.machine->config.counted;
}

/* ---- features and configuration */

static uint64_t features(const struct virtio_net *d)
{
    const struct {
        bool on;
        unsigned n;
    } rows[] = {
        {true, NET_F_MAC},
        {d->csum, NET_F_CSUM},
        {d->guest_csum, NET_F_GUEST_CSUM},
        {d->guest_csum && d->guest_tso4, NET_F_GUEST_TSO4},
        {d->guest_csum && d->guest_tso6, NET_F_GUEST_TSO6},
        {d->guest_csum && d->guest_tso4 && d->guest_ecn, NET_F_GUEST_ECN},
        {d->csum && d->gso && d->host_tso4, NET_F_HOST_TSO4},
        {d->csum && d->gso && d->host_tso6, NET_F_HOST_TSO6},
        {d->csum && d->gso && d->host_tso4 && d->host_ecn, NET_F_HOST_ECN},
        {d->mrg_rxbuf, NET_F_MRG_RXBUF},
        {d->status, NET_F_STATUS},
        {d->ctrl_vq, NET_F_CTRL_VQ},
        {d->ctrl_vq && d->ctrl_rx, NET_F_CTRL_RX},
        {d->ctrl_vq && d->ctrl_vlan, NET_F_CTRL_VLAN},
        {d->ctrl_vq && d->ctrl_rx && d->ctrl_rx_extra, NET_F_CTRL_RX_EXTRA},
        {d->ctrl_vq && d->ctrl_mac_addr, NET_F_CTRL_MAC_ADDR},
        {d->ctrl_vq && d->guest_csum && d->ctrl_guest_offloads, NET_F_CTRL_GUEST_OFFLOADS},
        {d->ctrl_vq && d->status && d->guest_announce, NET_F_GUEST_ANNOUNCE},
        {d->ctrl_vq && d->max_pairs > 1, NET_F_MQ},
        {d->host_mtu != 0, NET_F_MTU},
        {d->speed != UINT32_MAX || d->duplex, NET_F_SPEED_DUPLEX},
    };
    uint64_t f = 0;
    for (unsigned i = 0; i < array_len(rows); i++) {
        f |= rows[i].on ? VIRTIO_F(rows[i].n) : 0;
    }
    return f;
}

static void put_config(struct virtio_net *d)
{
    uint8_t *c = d->v.config;
    bool half = d->duplex && strcmp(d->duplex, "half") == 0;
    /* As far as there is something to tell. */
    d->v.config_bytes = d->speed != UINT32_MAX || d->duplex ? NET_CONFIG_END
                        : d->host_mtu                       ? NET_CONFIG_SPEED
                        : d->max_pairs > 1                  ? NET_CONFIG_MTU
                                                            : NET_CONFIG_MAX_PAIRS;
    memcpy(c + NET_CONFIG_MAC, d->mac, 6);
    store_le16(c + NET_CONFIG_MAX_PAIRS, (uint16_t)d->max_pairs);
    store_le16(c + NET_CONFIG_MTU, d->host_mtu);
    store_le32(c + NET_CONFIG_SPEED, d->speed);
    c[NET_CONFIG_DUPLEX] = d->duplex ? !half : 0xff;
}

/* ---- life */

static bool check_queue_size(const char *what, unsigned size, struct error *e)
{
    return (is_pow2(size) && size >= 16 && size <= VIRTQ_SIZE_MAX) ||
           error_set(e, "%s=%u: a power of two from 16 to %u is accepted", what, size,
                     VIRTQ_SIZE_MAX);
}

static bool check_properties(struct virtio_net *d, struct error *e)
{
    if (d->duplex && strcmp(d->duplex, "half") != 0 && strcmp(d->duplex, "full") != 0) {
        return error_set(e, "duplex=%s: half or full is accepted", d->duplex);
    }
    if (d->mac[0] & 1) {
        return error_set(e, "mac=: a multicast address is not a card's");
    }
    if (d->host_mtu && d->host_mtu < 68) {
        return error_set(e, "host_mtu=%u: at least 68 is accepted", d->host_mtu);
    }
    if (d->guest_ufo || d->host_ufo) {
        return error_set(e, "guest_ufo and host_ufo: only off is modelled");
    }
    return check_queue_size("rx_queue_size", d->rx_queue_size, e) &&
           check_queue_size("tx_queue_size", d->tx_queue_size, e);
}

static bool attach_netdev(struct virtio_net *d, struct error *e)
{
    struct machine *m = d->v.pci.dev.machine;
    if (!d->netdev_id) {
        return true; /* a card without a cable */
    }
    struct netdev *n = m->backends.netdev(m->backends.opaque, d->netdev_id, e);
    d->client = (struct net_client){net_deliver_to_guest, link_changed, net_work, d};
    if (!n || !netdev_attach(n, &d->client, e)) {
        return false;
    }
    d->netdev = n;
    return true;
}

static bool net_create(struct virtio_device *v, uint64_t *f, struct error *e)
{
    struct virtio_net *d = as_net(v);
    static const uint8_t no_mac[6], usual_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    if (memcmp(d->mac, no_mac, 6) == 0) {
        memcpy(d->mac, usual_mac, 6);
    }
    if (!check_properties(d, e) || !attach_netdev(d, e)) {
        error_prefix(e, "%s: ", v->pci.dev.cls->name);
        return false;
    }
    unsigned cpus = v->pci.dev.machine->config.cpus;
    d->max_pairs = !d->mq || cpus < 1 ? 1 : cpus < NET_PAIRS_MAX ? cpus : NET_PAIRS_MAX;
    d->pairs = 1;
    for (unsigned i = 0; i < d->max_pairs; i++) {
        virtio_queue_add(v, d->rx_queue_size);
        virtio_queue_add(v, d->tx_queue_size);
    }
    if (d->ctrl_vq) {
        virtio_queue_add(v, 64);
    }
    d->rx_chain = mem_array(VIRTQ_SIZE_MAX, sizeof(*d->rx_chain));
    put_config(d);
    *f = features(d);
    v->legacy_only = d->csum && d->gso ? VIRTIO_F(NET_F_GSO) : 0;
    return true;
}

static void net_destroy(struct virtio_device *v)
{
    struct virtio_net *d = as_net(v);
    if (d->netdev) {
        netdev_attach(d->netdev, NULL, NULL);
    }
    net_chains_free(d);
}

static const uint8_t net_config_fields[] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 4, 1, 0};

static const struct virtio_class net_class = {
    .config_fields = net_config_fields,
    .id = VIRTIO_ID_NET,
    .name = "virtio-net",
    .create = net_create,
    .destroy = net_destroy,
    .negotiated = net_negotiated,
    .start = net_start,
    .stop = net_stop,
    .reset = net_reset,
    .settle = net_settle,
    .resume = net_resume,
    .check = net_check,
    .loaded = net_loaded,
    .notify = net_notify,
};

/* ---- the two device classes */

#define P(name_, type_, member, initial_, desc_)                                                   \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct virtio_net, member),               \
        .initial = initial_, .desc = desc_                                                         \
    }
#define OFFER(name, member) P(name, PROP_BOOL, member, "on", "offer this feature")
#define NET_PROPS                                                                                  \
    P("netdev", PROP_NETDEV, netdev_id, NULL, "id of the -netdev"),                                \
        P("mac", PROP_MAC, mac, NULL, "address"),                                                  \
        P("mq", PROP_BOOL, mq, "off", "a pair of queues for each vCPU"),                           \
        P("rx_queue_size", PROP_U16, rx_queue_size, "256", "entries"),                             \
        P("tx_queue_size", PROP_U16, tx_queue_size, "256", "entries"),                             \
        P("host_mtu", PROP_U16, host_mtu, "0", "largest packet to tell the driver; 0: none"),      \
        P("speed", PROP_U32, speed, "unknown", "Mbit/s to tell the driver"),                       \
        P("duplex", PROP_STRING, duplex, NULL, "half or full, to tell the driver"),                \
        P("bootindex", PROP_BOOTINDEX, bootindex, "none", "place in the order of booting"),        \
        P("tx", PROP_STRING, tx, NULL, "accepted"), OFFER("csum", csum),                           \
        OFFER("guest_csum", guest_csum), OFFER("gso", gso), OFFER("guest_tso4", guest_tso4),       \
        OFFER("guest_tso6", guest_tso6), OFFER("guest_ecn", guest_ecn),                            \
        P("guest_ufo", PROP_BOOL, guest_ufo, "off", "off is the only choice: not modelled"),       \
        OFFER("host_tso4", host_tso4), OFFER("host_tso6", host_tso6), OFFER("host_ecn", host_ecn), \
        P("host_ufo", PROP_BOOL, host_ufo, "off", "off is the only choice: not modelled"),         \
        OFFER("mrg_rxbuf", mrg_rxbuf), OFFER("status", status), OFFER("ctrl_vq", ctrl_vq),         \
        OFFER("ctrl_rx", ctrl_rx), OFFER("ctrl_vlan", ctrl_vlan),                                  \
        OFFER("ctrl_rx_extra", ctrl_rx_extra), OFFER("ctrl_mac_addr", ctrl_mac_addr),              \
        OFFER("ctrl_guest_offloads", ctrl_guest_offloads), OFFER("guest_announce", guest_announce)

static const struct prop net_pci_props[] = {NET_PROPS, VIRTIO_PROPS(virtio_net, v),
                                            VIRTIO_PCI_PROPS(virtio_net, v), PROP_END};
static const struct prop net_device_props[] = {NET_PROPS, VIRTIO_PROPS(virtio_net, v), PROP_END};
static const struct field filter_fields[] = {
    FIELD_MOST(net_filter, promiscuous, 1),
    FIELD_MOST(net_filter, all_multicast, 1),
    FIELD_MOST(net_filter, all_unicast, 1),
    FIELD_MOST(net_filter, no_multicast, 1),
    FIELD_MOST(net_filter, no_unicast, 1),
    FIELD_MOST(net_filter, no_broadcast, 1),
    FIELD_MOST(net_filter, unicast_overflow, 1),
    FIELD_MOST(net_filter, multicast_overflow, 1),
    FIELD_MOST(net_filter, unicast, NET_MAC_TABLE),
    FIELD_MOST(net_filter, multicast, NET_MAC_TABLE),
    FIELD_KEEP_BYTES(net_filter, mac),
    FIELD(net_filter, vlans),
    FIELD_END,
};

static const struct field net_fields[] = {
    VIRTIO_FIELDS(virtio_net, v),
    FIELD_KEEP(virtio_net, pairs),
    FIELD_KEEP(virtio_net, guest_offloads),
    FIELD_KEEP_PARTS(virtio_net, filter, filter_fields, net_filter),
    FIELD_SKIP(virtio_net, pad),
    FIELD_SKIP(virtio_net, pad2),
    FIELD_SKIP(virtio_net, netdev),
    FIELD_SKIP(virtio_net, client),
    FIELD_SKIP(virtio_net, live),
    FIELD_SKIP(virtio_net, paused),
    FIELD_SKIP(virtio_net, announces),
    FIELD_SKIP(virtio_net, pad3),
    FIELD_SKIP(virtio_net, pad4),
    FIELD_SKIP(virtio_net, max_pairs),
    FIELD_SKIP(virtio_net, tx_chain),
    FIELD_SKIP(virtio_net, ctrl_chain),
    FIELD_SKIP(virtio_net, rx_chain),
    FIELD_END,
};

static const struct virtio_pci_class net_pci = VIRTIO_PCI_CLASS(&net_class, VIRTIO_ID_NET,
                                                                0x020000);

const struct device_class virtio_net_pci_class = VIRTIO_DEVICE_CLASS(
    "virtio-net-pci", "virtio-net", "virtio network device", BUS_PCI, virtio_net, net_pci_props,
    net_fields, &net_pci, .boot_node = "ethernet-phy@0");
const struct device_class virtio_net_device_class = VIRTIO_DEVICE_CLASS(
    "virtio-net-device", NULL, "virtio network device", BUS_VIRTIO, virtio_net, net_device_props,
    net_fields, &net_class, .boot_node = "ethernet-phy@0");
