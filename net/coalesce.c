/* SPDX-License-Identifier: MIT */
/*
 * Joins TCP segments on their way to the guest, as a network card's receive offload does: the
 * guest's CPU is the slow one, and pays for each packet. Only segments that say the same but for
 * their place in the stream are joined, and none is kept beyond the work that brought it.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "net/net_internal.h"

enum {
    FLAG_PSH = 0x08,
    FLAG_ACK = 0x10,
};

static void deliver(struct netdev *n, uint8_t *f, size_t bytes, const struct net_offload *o)
{
    struct iovec iov = {f, bytes};
    net_deliver(n, 0,
                &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = bytes, .offload = *o});
}

void net_coalesce_flush(struct netdev *n, struct net_coalesce *c)
{
    struct net_offload o = {.checksum_valid = true};
    if (c->bytes) {
        size_t bytes = c->bytes;
        c->bytes = 0;
        if (c->count > 1) {
            net_make_large(c->frame, bytes, c->segment, &o);
        }
        deliver(n, c->frame, bytes, &o);
    }
}

/* Beside lengths, sequence number, checksums, PSH and IP's identification the headers are equal. */
static bool same_flow(const struct net_coalesce *c, const uint8_t *f, const struct net_tcp4 *t)
{
    const uint8_t *p = c->frame;
    return t->payload == c->payload && memcmp(p, f, 16) == 0 && memcmp(p + 20, f + 20, 4) == 0 &&
           memcmp(p + 26, f + 26, 12) == 0 && memcmp(p + 42, f + 42, 5) == 0 &&
           memcmp(p + 48, f + 48, 2) == 0 && memcmp(p + 52, f + 52, t->payload - 52) == 0;
}

static bool fits(const struct net_coalesce *c, const uint8_t *f, const struct net_tcp4 *t)
{
    size_t data = t->end - t->payload;
    return c->bytes && t->seq == c->next_seq && data <= c->segment &&
           c->bytes + data <= 65535 + NET_ETHERNET_HEADER && same_flow(c, f, t);
}

static void begin(struct net_coalesce *c, const uint8_t *f, const struct net_tcp4 *t)
{
    if (!c->frame) {
        c->frame = mem_alloc(NET_PACKET_MAX);
    }
    memcpy(c->frame, f, t->end);
    c->bytes = t->end;
    c->payload = t->payload;
    c->segment = (uint16_t)(t->end - t->payload);
    c->next_seq = t->seq + c->segment;
    c->count = 1;
}

static void append(struct net_coalesce *c, const uint8_t *f, const struct net_tcp4 *t)
{
    size_t data = t->end - t->payload;
    memcpy(c->frame + c->bytes, f + t->payload, data);
    c->frame[47] |= t->flags & FLAG_PSH;
    c->bytes += data;
    c->next_seq += (uint32_t)data;
    c->count++;
}

void net_coalesce_add(struct netdev *n, struct net_coalesce *c, const uint8_t *f, size_t bytes)
{
    struct net_tcp4 t;
    const unsigned both = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TCP4;
    bool joinable = (n->client_offloads & both) == both && net_parse_tcp4(f, bytes, &t) &&
                    t.end > t.payload && t.end <= NET_PACKET_MAX &&
                    (t.flags & ~FLAG_PSH) == FLAG_ACK;
    if (!joinable) {
        net_coalesce_flush(n, c);
        deliver(n, (uint8_t *)(uintptr_t)f, bytes, &(struct net_offload){.checksum_valid = true});
        return;
    }
    if (fits(c, f, &t)) {
        append(c, f, &t);
    } else {
        net_coalesce_flush(n, c);
        begin(c, f, &t);
    }
    if (t.end - t.payload < c->segment) { /* a short one ends a large packet */
        net_coalesce_flush(n, c);
    }
}
