/* SPDX-License-Identifier: MIT */
/*
 * What network hardware does for a driver, done here when the other side does not: checksums
 * (RFC 1071) and the cutting of large TCP packets (IPv4 RFC 791, IPv6 RFC 8200, TCP RFC 9293).
 * Frames come from outside: every offset is checked.
 */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "net/net_internal.h"

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    PROTOCOL_TCP = 6,

    IPV4_TOTAL_LENGTH = 2,
    IPV4_ID = 4,
    IPV4_FRAGMENT = 6,
    IPV4_IS_FRAGMENT = 0x3fff, /* an offset, or more to come */
    IPV4_PROTOCOL = 9,
    IPV4_CHECKSUM = 10,
    IPV4_ADDRESSES = 12,
    IPV4_BYTES = 20,

    IPV6_PAYLOAD_LENGTH = 4,
    IPV6_NEXT = 6,
    IPV6_ADDRESSES = 8,
    IPV6_BYTES = 40,

    TCP_SEQUENCE = 4,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    TCP_BYTES = 20,
    TCP_FIN = 0x01,
    TCP_PSH = 0x08,
    TCP_CWR = 0x80,
};

/* ---- checksums */

uint64_t net_sum(const uint8_t *p, size_t n, uint64_t sum)
{
    /* Native words first: the ones' complement sum does not mind the byte order until the end. */
    uint64_t native = 0;
    for (; n >= 4; p += 4, n -= 4) {
        uint32_t v;
        memcpy(&v, p, 4);
        native += v;
    }
    if (n >= 2) {
        uint16_t v;
        memcpy(&v, p, 2);
        native += v;
        p += 2;
        n -= 2;
    }
    if (n) {
        uint8_t last[2] = {*p, 0};
        uint16_t v;
        memcpy(&v, last, 2);
        native += v;
    }
    while (native >> 16) {
        native = (native & 0xffff) + (native >> 16);
    }
    uint16_t folded = (uint16_t)native;
    return sum + load_be16(&folded);
}

uint16_t net_sum_end(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

bool net_checksum(uint8_t *f, size_t bytes, const struct net_offload *o)
{
    size_t at = (size_t)o->csum_start + o->csum_offset;
    if (o->csum_start >= bytes || at + 2 > bytes) {
        return false;
    }
    /* The driver has put the sum of the pseudo header into the field. */
    uint16_t c = net_sum_end(net_sum(f + o->csum_start, bytes - o->csum_start, 0));
    store_be16(f + at, c ? c : 0xffff); /* 0 means "none" in UDP, and is the same in TCP */
    return true;
}

/* ---- TCP in IP */

struct tcp_frame {
    bool v6;
    size_t ip, tcp, payload; /* offsets */
    size_t end;              /* of the IP packet */
};

static bool find_ip(const uint8_t *f, size_t bytes, struct tcp_frame *t, uint16_t *type)
{
    size_t at = 12;
    if (bytes < NET_ETHERNET_HEADER) {
        return false;
    }
    *type = load_be16(f + at);
    if (*type == ETHERTYPE_VLAN) {
        at += 4;
        if (bytes < at + 2) {
            return false;
        }
        *type = load_be16(f + at);
    }
    t->ip = at + 2;
    return true;
}

/* Finds the headers; extension headers of IPv6 are not followed. */
static bool find_tcp(const uint8_t *f, size_t bytes, struct tcp_frame *t)
{
    uint16_t type;
    if (!find_ip(f, bytes, t, &type)) {
        return false;
    }
    const uint8_t *ip = f + t->ip;
    size_t left = bytes - t->ip;
    if (type == ETHERTYPE_IPV4 && left >= IPV4_BYTES && ip[0] >> 4 == 4) {
        size_t header = (size_t)(ip[0] & 15) * 4;
        if (header < IPV4_BYTES || ip[IPV4_PROTOCOL] != PROTOCOL_TCP) {
            return false;
        }
        t->v6 = false;
        t->tcp = t->ip + header;
    } else if (type == ETHERTYPE_IPV6 && left >= IPV6_BYTES && ip[0] >> 4 == 6 &&
               ip[IPV6_NEXT] == PROTOCOL_TCP) {
        t->v6 = true;
        t->tcp = t->ip + IPV6_BYTES;
    } else {
        return false;
    }
    if (t->tcp + TCP_BYTES > bytes) {
        return false;
    }
    t->payload = t->tcp + (size_t)(f[t->tcp + TCP_OFFSET] >> 4) * 4;
    t->end = bytes;
    return t->payload >= t->tcp + TCP_BYTES && t->payload <= bytes;
}

static void put_tcp_checksum(uint8_t *f, const struct tcp_frame *t, size_t end)
{
    const uint8_t *ip = f + t->ip;
    uint64_t sum = PROTOCOL_TCP + (end - t->tcp);
    sum = t->v6 ? net_sum(ip + IPV6_ADDRESSES, 32, sum) : net_sum(ip + IPV4_ADDRESSES, 8, sum);
    store_be16(f + t->tcp + TCP_CHECKSUM, 0);
    store_be16(f + t->tcp + TCP_CHECKSUM, net_sum_end(net_sum(f + t->tcp, end - t->tcp, sum)));
}

bool net_checksum_tcp(uint8_t *f, size_t bytes)
{
    struct tcp_frame t;
    if (!find_tcp(f, bytes, &t)) {
        return false;
    }
    put_tcp_checksum(f, &t, bytes);
    return true;
}

/* ---- segmentation */

/* Lengths and checksums of a segment that ends at end; n is its number. */
static void finish_segment(uint8_t *f, const struct tcp_frame *t, size_t end, unsigned n)
{
    uint8_t *ip = f + t->ip;
    if (t->v6) {
        store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(end - t->tcp));
    } else {
        store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(end - t->ip));
        store_be16(ip + IPV4_ID, (uint16_t)(load_be16(ip + IPV4_ID) + n));
        store_be16(ip + IPV4_CHECKSUM, 0);
        store_be16(ip + IPV4_CHECKSUM, net_sum_end(net_sum(ip, t->tcp - t->ip, 0)));
    }
    put_tcp_checksum(f, t, end);
}

bool net_segment(const uint8_t *f, size_t bytes, uint16_t gso_size, net_frame_fn fn, void *opaque)
{
    struct tcp_frame t;
    if (gso_size == 0 || !find_tcp(f, bytes, &t)) {
        return false;
    }
    uint8_t *out = mem_alloc(t.payload + gso_size);
    uint32_t sequence = load_be32(f + t.tcp + TCP_SEQUENCE);
    uint8_t flags = f[t.tcp + TCP_FLAGS];
    unsigned n = 0;
    for (size_t at = t.payload; at < bytes || n == 0; at += gso_size, n++) {
        size_t piece = bytes - at < gso_size ? bytes - at : gso_size;
        bool last = at + piece >= bytes;
        memcpy(out, f, t.payload);
        memcpy(out + t.payload, f + at, piece);
        store_be32(out + t.tcp + TCP_SEQUENCE, sequence + (uint32_t)(at - t.payload));
        /* RFC 3168, 6.1.2: CWR on the first only; the end's flags on the last. */
        out[t.tcp + TCP_FLAGS] = (uint8_t)(flags &
                                           ~((last ? 0 : TCP_FIN | TCP_PSH) | (n ? TCP_CWR : 0)));
        finish_segment(out, &t, t.payload + piece, n);
        fn(opaque, out, t.payload + piece);
    }
    mem_free(out);
    return true;
}

/* ---- joining */

bool net_parse_tcp4(const uint8_t *f, size_t bytes, struct net_tcp4 *t)
{
    struct tcp_frame found;
    if (!find_tcp(f, bytes, &found) || found.v6 || found.ip != NET_ETHERNET_HEADER ||
        found.tcp != found.ip + IPV4_BYTES ||
        (load_be16(f + found.ip + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT)) {
        return false;
    }
    t->tcp = found.tcp;
    t->payload = found.payload;
    t->end = found.ip + load_be16(f + found.ip + IPV4_TOTAL_LENGTH);
    t->seq = load_be32(f + found.tcp + TCP_SEQUENCE);
    t->flags = f[found.tcp + TCP_FLAGS];
    return t->end >= t->payload && t->end <= bytes;
}

void net_make_large(uint8_t *f, size_t bytes, uint16_t gso_size, struct net_offload *o)
{
    uint8_t *ip = f + NET_ETHERNET_HEADER, *tcp = ip + IPV4_BYTES;
    size_t tcp_bytes = bytes - NET_ETHERNET_HEADER - IPV4_BYTES;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_BYTES + tcp_bytes));
    store_be16(ip + IPV4_CHECKSUM, 0);
    store_be16(ip + IPV4_CHECKSUM, net_sum_end(net_sum(ip, IPV4_BYTES, 0)));
    uint64_t pseudo = net_sum(ip + IPV4_ADDRESSES, 8, PROTOCOL_TCP + tcp_bytes);
    store_be16(tcp + TCP_CHECKSUM, (uint16_t)~net_sum_end(pseudo));
    *o = (struct net_offload){
        .needs_checksum = true,
        .gso = NET_GSO_TCP4,
        .gso_size = gso_size,
        .header_bytes = (uint16_t)(NET_ETHERNET_HEADER + IPV4_BYTES + (tcp[TCP_OFFSET] >> 4) * 4),
        .csum_start = NET_ETHERNET_HEADER + IPV4_BYTES,
        .csum_offset = TCP_CHECKSUM,
    };
}
