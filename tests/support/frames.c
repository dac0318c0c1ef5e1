/* SPDX-License-Identifier: MIT */
/* Frames for tests. The arithmetic is plain on purpose: it checks the emulator's. */
#include "tests/support/frames.h"

#include <string.h>

#include "base/bits.h"

const uint8_t frame_mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

static uint16_t checksum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static uint32_t pseudo(const uint8_t *ip, unsigned protocol, size_t n)
{
    return (uint16_t)~checksum(ip + 12, 8, (uint32_t)(protocol + n));
}

static uint8_t *headers(uint8_t *f, const uint8_t *to_mac, const struct frame_tcp *t,
                        unsigned protocol, size_t n)
{
    uint8_t *ip = f + 14;
    memcpy(f, to_mac, 6);
    memcpy(f + 6, frame_mac, 6);
    store_be16(f + 12, 0x0800);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    store_be16(ip + 2, (uint16_t)(20 + n));
    store_be16(ip + 4, 77);
    ip[8] = 64;
    ip[9] = (uint8_t)protocol;
    store_be32(ip + 12, t->from);
    store_be32(ip + 16, t->to);
    store_be16(ip + 10, checksum(ip, 20, 0));
    store_be16(ip + 20, t->from_port);
    store_be16(ip + 22, t->to_port);
    return ip + 20;
}

size_t frame_tcp4(uint8_t *f, const uint8_t *to_mac, const struct frame_tcp *t, const void *data,
                  size_t n, bool full)
{
    uint8_t *tcp = headers(f, to_mac, t, 6, 20 + n);
    store_be32(tcp + 4, t->seq);
    store_be32(tcp + 8, t->ack);
    tcp[12] = 5 << 4;
    tcp[13] = t->flags;
    store_be16(tcp + 14, t->window);
    store_be32(tcp + 16, 0);
    memcpy(tcp + 20, data, n);
    uint32_t sum = pseudo(f + 14, 6, 20 + n);
    store_be16(tcp + 16, full ? checksum(tcp, 20 + n, sum) : (uint16_t)sum);
    return 14 + 20 + 20 + n;
}

size_t frame_udp4(uint8_t *f, const uint8_t *to_mac, const struct frame_tcp *t, const void *data,
                  size_t n)
{
    uint8_t *udp = headers(f, to_mac, t, 17, 8 + n);
    store_be16(udp + 4, (uint16_t)(8 + n));
    store_be16(udp + 6, 0);
    memcpy(udp + 8, data, n);
    store_be16(udp + 6, checksum(udp, 8 + n, pseudo(f + 14, 17, 8 + n)));
    return 14 + 20 + 8 + n;
}

size_t frame_arp_request(uint8_t *f, uint32_t from, uint32_t wanted)
{
    memset(f, 0, 60);
    memset(f, 0xff, 6);
    memcpy(f + 6, frame_mac, 6);
    store_be16(f + 12, 0x0806);
    store_be16(f + 14, 1);
    store_be16(f + 16, 0x0800);
    f[18] = 6;
    f[19] = 4;
    store_be16(f + 20, 1);
    memcpy(f + 22, frame_mac, 6);
    store_be32(f + 28, from);
    store_be32(f + 38, wanted);
    return 60;
}

const uint8_t *frame_parse(const uint8_t *f, size_t bytes, unsigned protocol, struct frame_tcp *t,
                           size_t *n)
{
    size_t header = protocol == 6 ? 20 : 8;
    if (bytes < 34 + header || load_be16(f + 12) != 0x0800 || f[14] != 0x45 || f[23] != protocol) {
        return NULL;
    }
    const uint8_t *ip = f + 14, *l4 = ip + 20;
    size_t total = load_be16(ip + 2);
    if (protocol == 6) {
        header = (size_t)(l4[12] >> 4) * 4;
    }
    if (total + 14 > bytes || total < 20 + header) {
        return NULL;
    }
    *t = (struct frame_tcp){.from = load_be32(ip + 12),
                            .to = load_be32(ip + 16),
                            .from_port = load_be16(l4),
                            .to_port = load_be16(l4 + 2)};
    if (protocol == 6) {
        t->seq = load_be32(l4 + 4);
        t->ack = load_be32(l4 + 8);
        t->flags = l4[13];
        t->window = load_be16(l4 + 14);
    }
    *n = total - 20 - header;
    return l4 + header;
}

bool frame_checksums_good(const uint8_t *f, size_t bytes)
{
    const uint8_t *ip = f + 14;
    size_t total = load_be16(ip + 2);
    return bytes >= 14 + total && checksum(ip, 20, 0) == 0 &&
           checksum(ip + 20, total - 20, pseudo(ip, ip[9], total - 20)) == 0;
}
