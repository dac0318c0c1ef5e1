/* SPDX-License-Identifier: MIT */
/* Checksums and segmentation in software. */
#include "net/net_internal.h"

#include "base/bits.h"
#include "base/rng.h"
#include "tests/support/frames.h"
#include "tests/test.h"

static uint8_t frame[FRAME_MAX + 100], data[65000];

static const struct frame_tcp flow = {.from = 0x0a00020f,
                                      .to = 0x0a000202,
                                      .from_port = 40000,
                                      .to_port = 80,
                                      .seq = 0xfffffe00,
                                      .ack = 99,
                                      .flags = FRAME_ACK | FRAME_PSH | FRAME_FIN,
                                      .window = 1000};

static void fill_data(void)
{
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 31 + i / 251);
    }
}

TEST(partial_checksum_is_completed)
{
    const struct net_offload o = {.needs_checksum = true, .csum_start = 34, .csum_offset = 16};
    fill_data();
    for (size_t n = 0; n < 40; n++) { /* odd and even */
        size_t bytes = frame_tcp4(frame, frame_mac, &flow, data, n, false);
        CHECK(!frame_checksums_good(frame, bytes));
        CHECK(net_checksum(frame, bytes, &o));
        CHECK(frame_checksums_good(frame, bytes));
    }
}

TEST(whole_checksum_comes_from_the_headers)
{
    fill_data();
    size_t bytes = frame_tcp4(frame, frame_mac, &flow, data, sizeof(data), false);
    store_be16(frame + 50, 0x1234);
    CHECK(net_checksum_tcp(frame, bytes));
    CHECK(frame_checksums_good(frame, bytes));
}

TEST(checksum_outside_the_frame_is_refused)
{
    struct net_offload o = {.needs_checksum = true, .csum_start = 34, .csum_offset = 16};
    size_t bytes = frame_tcp4(frame, frame_mac, &flow, "", 0, false);
    o.csum_offset = (uint16_t)(bytes - 34 - 1);
    CHECK(!net_checksum(frame, bytes, &o));
    o.csum_start = (uint16_t)bytes;
    o.csum_offset = 0;
    CHECK(!net_checksum(frame, bytes, &o));
    o.csum_start = 0xffff;
    o.csum_offset = 0xffff;
    CHECK(!net_checksum(frame, bytes, &o));
}

struct seen {
    unsigned segments;
    size_t bytes;
    uint32_t next_seq;
    unsigned fins, bad;
};

static void see(void *opaque, uint8_t *f, size_t bytes)
{
    struct seen *s = opaque;
    struct frame_tcp t;
    size_t n;
    const uint8_t *p = frame_parse(f, bytes, 6, &t, &n);
    bool good = p && frame_checksums_good(f, bytes) && t.seq == s->next_seq &&
                load_be16(f + 18) == 77 + s->segments && memcmp(p, data + s->bytes, n) == 0;
    s->bad += !good;
    s->segments++;
    s->bytes += n;
    s->next_seq += (uint32_t)n;
    s->fins += t.flags & FRAME_FIN;
}

TEST(large_packets_are_cut_into_right_segments)
{
    static const size_t sizes[] = {0, 1, 1459, 1460, 1461, 14600, 64000};
    fill_data();
    for (unsigned i = 0; i < array_len(sizes); i++) {
        struct seen s = {.next_seq = flow.seq};
        size_t bytes = frame_tcp4(frame, frame_mac, &flow, data, sizes[i], false);
        CHECK(net_segment(frame, bytes, 1460, see, &s));
        CHECK_EQ(s.bad, 0);
        CHECK_EQ(s.bytes, sizes[i]);
        CHECK_EQ(s.segments, sizes[i] ? (sizes[i] + 1459) / 1460 : 1);
        CHECK_EQ(s.fins, 1); /* on the last only */
    }
}

static void count(void *opaque, uint8_t *f, size_t bytes)
{
    (void)f, (void)bytes;
    ++*(unsigned *)opaque;
}

TEST(frames_that_are_no_tcp_are_refused)
{
    unsigned n = 0;
    struct rng g;
    CHECK(!net_segment(frame, 10, 1460, count, &n));
    size_t bytes = frame_tcp4(frame, frame_mac, &flow, data, 3000, false);
    CHECK(!net_segment(frame, bytes, 0, count, &n));
    CHECK(!net_segment(frame, 50, 1460, count, &n)); /* inside the TCP header */
    frame[46] = 15 << 4;                             /* options past the end */
    CHECK(!net_segment(frame, 60, 1460, count, &n));
    frame[46] = 1 << 4;
    CHECK(!net_segment(frame, bytes, 1460, count, &n));
    bytes = frame_udp4(frame, frame_mac, &flow, data, 3000);
    CHECK(!net_segment(frame, bytes, 1460, count, &n));
    CHECK_EQ(n, 0);
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 20000 * test_scale(); i++) {
        bytes = frame_tcp4(frame, frame_mac, &flow, data, (size_t)rng_below(&g, 3000), false);
        for (unsigned k = 0; k < 4; k++) {
            frame[rng_below(&g, 60)] = (uint8_t)rng_u32(&g);
        }
        size_t cut = (size_t)rng_below(&g, bytes + 1);
        struct net_offload o = {.csum_start = (uint16_t)rng_below(&g, 100),
                                .csum_offset = (uint16_t)rng_below(&g, 100)};
        net_segment(frame, cut, (uint16_t)(1 + rng_below(&g, 2000)), count, &n);
        net_checksum_tcp(frame, cut);
        net_checksum(frame, cut, &o);
    }
    CHECK(n > 0);
}

TEST(ipv6_segments_have_their_lengths)
{
    struct seen s = {0};
    uint8_t *ip = frame + 14, *tcp = ip + 40;
    memset(frame, 0, 54 + 20);
    store_be16(frame + 12, 0x86dd);
    ip[0] = 0x60;
    store_be16(ip + 4, 20 + 3000);
    ip[6] = 6;
    memset(ip + 8, 0xfe, 32);
    tcp[12] = 5 << 4;
    memcpy(tcp + 20, data, 3000);
    (void)s;
    unsigned n = 0;
    CHECK(net_segment(frame, 54 + 20 + 3000, 1440, count, &n));
    CHECK_EQ(n, 3);
    CHECK(net_checksum_tcp(frame, 54 + 20 + 3000));
}
