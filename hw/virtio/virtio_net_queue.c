/* SPDX-License-Identifier: MIT */
/*
 * Packets of the virtio network device: VIRTIO 1.2, 5.1.6.
 *
 * Sending: the pieces of a chain, without the header, are the packet. Receiving: a packet is put
 * into as many buffers as it needs (mergeable buffers) or into one; when there are too few they
 * are put back and the back end keeps the packet until the driver offers more.
 */
#include "base/bits.h"
#include "base/log.h"
#include "base/mem.h"
#include "hw/virtio/virtio_net.h"

/* struct virtio_net_hdr (5.1.6), always with num_buffers. */
enum {
    HDR_FLAGS = 0,
    HDR_GSO_TYPE = 1,
    HDR_LEN = 2,
    HDR_GSO_SIZE = 4,
    HDR_CSUM_START = 6,
    HDR_CSUM_OFFSET = 8,
    HDR_NUM_BUFFERS = 10,
    HDR_BYTES_MAX = 12,

    FLAG_NEEDS_CSUM = 1,
    FLAG_DATA_VALID = 2,

    GSO_TCPV4 = 1,
    GSO_TCPV6 = 4,
    GSO_ECN = 0x80,
};

/* Packets sent before the thread looks at its sockets again. */
#define SEND_BUDGET 256

/* ---- from the guest */

static bool parse_header(const struct virtio_net *d, const uint8_t *h, struct net_offload *o)
{
    unsigned gso = h[HDR_GSO_TYPE] & ~(unsigned)GSO_ECN;
    *o = (struct net_offload){
        .needs_checksum = h[HDR_FLAGS] & FLAG_NEEDS_CSUM,
        .ecn = h[HDR_GSO_TYPE] & GSO_ECN,
        .gso = gso == GSO_TCPV4   ? NET_GSO_TCP4
               : gso == GSO_TCPV6 ? NET_GSO_TCP6
                                  : NET_GSO_NONE,
        .gso_size = virtio_load16(&d->v, h + HDR_GSO_SIZE),
        .header_bytes = virtio_load16(&d->v, h + HDR_LEN),
        .csum_start = virtio_load16(&d->v, h + HDR_CSUM_START),
        .csum_offset = virtio_load16(&d->v, h + HDR_CSUM_OFFSET),
    };
    return gso == 0 || (o->gso != NET_GSO_NONE && o->gso_size > 0);
}

static void send_chain(struct virtio_net *d, unsigned pair, struct virtq_chain *c)
{
    uint8_t h[HDR_BYTES_MAX];
    const unsigned bytes = net_header_bytes(d);
    struct net_packet p = {.iov_count = c->out_count};
    if (virtq_chain_read(c, 0, h, bytes) < bytes || !parse_header(d, h, &p.offload)) {
        log_guest(d->v.cls->name, "packet without a header, or with an unknown one, is dropped");
        return;
    }
    p.iov = virtq_trim_front(c->iov, &p.iov_count, bytes);
    p.bytes = c->out_bytes - bytes;
    if (d->netdev && p.bytes > 0) {
        netdev_send(d->netdev, pair, &p);
    }
}

/* False: more is waiting. */
static bool send_pair(struct virtio_net *d, unsigned pair)
{
    unsigned queue = 2 * pair + 1;
    struct virtqueue *q = &d->v.queue[queue];
    unsigned budget = SEND_BUDGET;
    do {
        virtqueue_notify_off(q);
        while (budget && virtio_pop(&d->v, queue, &d->tx_chain) == VIRTQ_OK) {
            send_chain(d, pair, &d->tx_chain);
            virtio_complete(&d->v, queue, &d->tx_chain, 0);
            budget--;
        }
        virtio_complete_end(&d->v, queue);
    } while (budget && virtqueue_notify_on(q));
    return budget > 0;
}

void net_work(void *opaque)
{
    struct virtio_net *d = opaque;
    bool done = true;
    if (!d->live || d->paused) {
        return;
    }
    for (unsigned pair = 0; pair < d->pairs; pair++) {
        done = send_pair(d, pair) && done;
    }
    if (d->netdev) {
        netdev_room(d->netdev);
        if (!done) {
            netdev_wake(d->netdev);
        }
    }
}

/* ---- to the guest */

static void make_header(const struct virtio_net *d, const struct net_offload *o, unsigned buffers,
                        uint8_t *h)
{
    memset(h, 0, HDR_BYTES_MAX);
    h[HDR_FLAGS] = o->needs_checksum ? FLAG_NEEDS_CSUM : o->checksum_valid ? FLAG_DATA_VALID : 0;
    h[HDR_GSO_TYPE] = o->gso == NET_GSO_TCP4 ? GSO_TCPV4 : o->gso == NET_GSO_TCP6 ? GSO_TCPV6 : 0;
    h[HDR_GSO_TYPE] |= o->gso && o->ecn ? GSO_ECN : 0;
    virtio_store16(&d->v, h + HDR_LEN, o->header_bytes);
    virtio_store16(&d->v, h + HDR_GSO_SIZE, o->gso_size);
    virtio_store16(&d->v, h + HDR_CSUM_START, o->csum_start);
    virtio_store16(&d->v, h + HDR_CSUM_OFFSET, o->csum_offset);
    virtio_store16(&d->v, h + HDR_NUM_BUFFERS, (uint16_t)buffers);
}

/* Flows stay on one queue: a hash of addresses and ports chooses it. */
static unsigned pair_of(const struct virtio_net *d, const uint8_t *f, size_t n)
{
    uint32_t hash = 0;
    if (d->pairs <= 1 || n < 54) {
        return 0;
    }
    bool v4 = load_be16(f + 12) == 0x0800, v6 = load_be16(f + 12) == 0x86dd;
    unsigned from = v4 ? 26 : 22, to = v4 ? 38 : 58;
    for (unsigned i = from; (v4 || v6) && i < to && i < n; i++) {
        hash = (hash ^ f[i]) * 0x01000193u;
    }
    return (hash >> 16) % d->pairs;
}

enum {
    TOO_FEW = 0,
    NEVER = -1, /* no number of buffers of this driver will do */
};

/* Takes buffers for bytes off the queue and returns how many, or why not; then all were put back.
 */
static int take_buffers(struct virtio_net *d, unsigned queue, uint64_t bytes)
{
    struct virtqueue *q = &d->v.queue[queue];
    bool merge = virtio_has(&d->v, VIRTIO_F(NET_F_MRG_RXBUF));
    unsigned most = merge ? q->s->size : 1, n = 0;
    uint64_t room = 0;
    while (room < bytes && n < most) {
        struct virtq_chain *c = &d->rx_chain[n];
        if (virtio_pop(&d->v, queue, c) != VIRTQ_OK) {
            break;
        }
        room += c->in_bytes;
        n++;
    }
    if (room >= bytes && d->rx_chain[0].in_bytes >= net_header_bytes(d)) {
        return (int)n;
    }
    int why = n == most || room >= bytes || q->broken || !q->device ? NEVER : TOO_FEW;
    while (n > 0) {
        virtqueue_unpop(q, &d->rx_chain[--n]);
    }
    return why;
}

/* Copies the packet into the chains, header first. */
static void fill_buffers(struct virtio_net *d, unsigned queue, unsigned n,
                         const struct net_packet *p)
{
    uint8_t h[HDR_BYTES_MAX];
    unsigned piece = 0;
    size_t at = 0; /* in the piece */
    make_header(d, &p->offload, n, h);
    for (unsigned i = 0; i < n; i++) {
        struct virtq_chain *c = &d->rx_chain[i];
        uint64_t filled = i == 0 ? virtq_chain_write(c, 0, h, net_header_bytes(d)) : 0;
        while (filled < c->in_bytes && piece < p->iov_count) {
            const struct iovec *v = &p->iov[piece];
            size_t done = virtq_chain_write(c, filled, (uint8_t *)v->iov_base + at,
                                            v->iov_len - at);
            filled += done;
            at += done;
            if (at == v->iov_len) {
                piece++;
                at = 0;
            }
        }
        virtio_complete(&d->v, queue, c, (uint32_t)filled);
    }
    virtio_complete_end(&d->v, queue);
}

bool net_deliver_to_guest(void *opaque, unsigned unused, const struct net_packet *p)
{
    struct virtio_net *d = opaque;
    uint8_t head[64];
    size_t n = net_copy(p, head, sizeof(head));
    (void)unused;
    if (d->live && d->paused) {
        return false;
    }
    if (!d->live || !net_filter_accepts(d, head, n)) {
        return true; /* dropped */
    }
    unsigned queue = 2 * pair_of(d, head, n);
    struct virtqueue *q = &d->v.queue[queue];
    int buffers = take_buffers(d, queue, p->bytes + net_header_bytes(d));
    if (buffers == TOO_FEW) {
        virtqueue_notify_on(q);
        buffers = take_buffers(d, queue, p->bytes + net_header_bytes(d)); /* that came meanwhile */
    }
    if (buffers <= 0) {
        return buffers == NEVER;
    }
    virtqueue_notify_off(q);
    fill_buffers(d, queue, (unsigned)buffers, p);
    return true;
}

void net_chains_free(struct virtio_net *d)
{
    virtq_chain_free(&d->tx_chain);
    virtq_chain_free(&d->ctrl_chain);
    for (unsigned i = 0; d->rx_chain && i < VIRTQ_SIZE_MAX; i++) {
        virtq_chain_free(&d->rx_chain[i]);
    }
    mem_free(d->rx_chain);
}
