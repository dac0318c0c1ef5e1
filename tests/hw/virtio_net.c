/* SPDX-License-Identifier: MIT */
/* The virtio network device: the test is the driver, and at the other end of a UDP netdev. */
#include "hw/virtio/virtio_net.h"
#include "base/atomic.h"
#include "base/bits.h"
#include "hw/state.h"
#include "tests/support/frames.h"
#include "tests/support/virtio_rig.h"
#include "tests/support/wire.h"
#include "tests/test.h"

extern const struct device_class virtio_net_pci_class, virtio_net_device_class;

#define HDR 12

struct scene {
    struct rig r;
    struct wire wire;
    struct device *dev;
    struct drv d;
    struct ring rx, tx, ctrl;
    unsigned pairs;
    paddr buf; /* 64 KiB for frames out */
};

static struct netdev *give_netdev(void *opaque, const char *id, struct error *e)
{
    struct scene *s = opaque;
    (void)id, (void)e;
    return s->wire.netdev;
}

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(2);
}

struct setting {
    uint64_t features;
    bool mmio, mq;
    unsigned rx_size;
};

static void start_driver(struct scene *s, const struct setting *w)
{
    unsigned size = w->rx_size ? w->rx_size : 64;
    CHECK(drv_negotiate(&s->d, w->features | VIRTIO_F_VERSION_1 | VIRTIO_F(NET_F_CTRL_VQ)));
    ring_open(&s->rx, &s->d, 0, size, w->features);
    ring_open(&s->tx, &s->d, 1, 64, w->features);
    ring_open(&s->ctrl, &s->d, 2 * s->pairs, 16, w->features);
    drv_ok(&s->d);
}

static void open_scene(struct scene *s, const struct setting *w)
{
    struct error e = {{0}};
    *s = (struct scene){.pairs = w->mq ? 2 : 1};
    wire_open(&s->wire);
    rig_open(&s->r);
    s->r.m->config.cpus = 2;
    s->r.m->backends.netdev = give_netdev;
    s->r.m->backends.opaque = s;
    s->dev = rig_device(&s->r, w->mmio ? &virtio_net_device_class : &virtio_net_pci_class,
                        w->mmio ? "virtio-mmio-bus.0" : "pcie.0", &e, "netdev=n",
                        "mac=52:54:00:12:34:56", "packed=on", w->mq ? "mq=on" : "mq=off",
                        w->mmio ? NULL : "addr=4", NULL);
    if (!s->dev) {
        die(e.text);
    }
    if (w->mmio) {
        drv_open_mmio(&s->d, &s->r);
    } else {
        drv_open_pci(&s->d, &s->r, 0x20);
    }
    start_driver(s, w);
    s->buf = rig_alloc(&s->r, 70000);
}

static void close_scene(struct scene *s)
{
    rig_close(&s->r);
    wire_close(&s->wire);
}

/* ---- packets */

/* Sends the frame of n bytes at s->buf + HDR with the header there. */
static void transmit(struct scene *s, uint32_t n)
{
    unsigned id;
    uint32_t len;
    ring_add(&s->tx,
             (struct ring_buf[]){{s->buf, HDR + 20, false}, {s->buf + HDR + 20, n - 20, false}}, 2,
             false);
    ring_kick(&s->tx);
    CHECK(ring_wait(&s->tx, &id, &len));
    CHECK_EQ(len, 0);
}

static size_t far_receive(struct scene *s, uint8_t *f, size_t size, int ms)
{
    return wire_receive(&s->wire, f, size, ms);
}

static void far_send(struct scene *s, const void *f, size_t n)
{
    wire_send(&s->wire, f, n);
}

static paddr post_rx(struct scene *s, uint32_t n)
{
    paddr a = rig_alloc(&s->r, n);
    ring_add(&s->rx, &(struct ring_buf){a, n, true}, 1, false);
    return a;
}

static uint8_t *mem(struct scene *s, paddr a)
{
    return rig_host(&s->r, a);
}

static bool stays_empty(struct scene *s, struct ring *q)
{
    unsigned id;
    uint32_t len;
    (void)s;
    os_sleep_until_ns(os_now_ns() + 15000000);
    return !ring_used(q, &id, &len);
}

static unsigned control(struct scene *s, uint8_t class, uint8_t command, const void *data,
                        uint32_t n)
{
    unsigned id;
    uint32_t len;
    paddr a = rig_alloc(&s->r, 4096);
    mem(s, a)[0] = class;
    mem(s, a)[1] = command;
    memcpy(mem(s, a) + 16, data, n);
    mem(s, a)[2] = 0xee;
    ring_add(&s->ctrl, (struct ring_buf[]){{a, 2, false}, {a + 16, n, false}, {a + 2, 1, true}}, 3,
             false);
    ring_kick(&s->ctrl);
    CHECK(ring_used(&s->ctrl, &id, &len));
    return mem(s, a)[2];
}

static size_t plain_frame(uint8_t *f, const uint8_t *to, const char *text)
{
    memset(f, 0, 60);
    memcpy(f, to, 6);
    memcpy(f + 6, "\x02\0\0\0\0\1", 6);
    store_be16(f + 12, 0x88b5);
    snprintf((char *)f + 14, 46, "%s", text);
    return 60;
}

static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t group[6] = {1, 0, 0x5e, 1, 2, 3};
static const uint8_t other[6] = {2, 3, 4, 5, 6, 7};

/* ---- sending */

TEST(frames_go_out_on_each_ring_and_transport)
{
    for (unsigned i = 0; i < 8; i++) {
        struct scene s;
        uint8_t f[2000];
        open_scene(&s, &(struct setting){.mmio = i & 1,
                                         .features = (i & 2 ? VIRTIO_F_RING_PACKED : 0) |
                                                     (i & 4 ? VIRTIO_F_EVENT_IDX : 0)});
        for (unsigned n = 0; n < 100; n++) {
            char text[32];
            snprintf(text, sizeof(text), "frame number %u", n);
            transmit(&s, (uint32_t)plain_frame(mem(&s, s.buf) + HDR, other, text));
            CHECK_EQ(far_receive(&s, f, sizeof(f), 2000), 60);
            CHECK_STR((char *)f + 14, text);
        }
        close_scene(&s);
    }
}

static const struct frame_tcp flow = {
    .from = 0x0a00020f, .to = 0x0a000202, .from_port = 40000, .to_port = 80, .flags = FRAME_ACK};

TEST(partial_checksums_are_completed_for_the_wire)
{
    struct scene s;
    uint8_t f[2000];
    open_scene(&s, &(struct setting){.features = VIRTIO_F(NET_F_CSUM)});
    uint8_t *h = mem(&s, s.buf);
    size_t n = frame_tcp4(h + HDR, other, &flow, "some payload, odd", 17, false);
    h[0] = 1;
    store_le16(h + 6, 34);
    store_le16(h + 8, 16);
    transmit(&s, (uint32_t)n);
    CHECK_EQ(far_receive(&s, f, sizeof(f), 2000), n);
    CHECK(frame_checksums_good(f, n));
    store_le16(h + 6, 60000); /* a start outside the frame: dropped */
    transmit(&s, (uint32_t)n);
    CHECK_EQ(far_receive(&s, f, sizeof(f), 20), 0);
    close_scene(&s);
}

TEST(large_packets_are_cut_for_the_wire)
{
    struct scene s;
    static uint8_t f[2000], data[30000];
    size_t got = 0;
    open_scene(&s, &(struct setting){.features = VIRTIO_F(NET_F_CSUM) | VIRTIO_F(NET_F_HOST_TSO4)});
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i / 100);
    }
    uint8_t *h = mem(&s, s.buf);
    size_t n = frame_tcp4(h + HDR, other, &flow, data, sizeof(data), false);
    h[0] = 1;
    h[1] = 1;
    store_le16(h + 2, 54);
    store_le16(h + 4, 1000);
    store_le16(h + 6, 34);
    store_le16(h + 8, 16);
    transmit(&s, (uint32_t)n);
    while (got < sizeof(data)) {
        struct frame_tcp t;
        size_t bytes = far_receive(&s, f, sizeof(f), 2000), len;
        REQUIRE(bytes > 0);
        const uint8_t *p = frame_parse(f, bytes, 6, &t, &len);
        REQUIRE(p && frame_checksums_good(f, bytes));
        CHECK_EQ(len, 1000);
        CHECK_EQ(t.seq, got);
        CHECK(memcmp(p, data + got, len) == 0);
        got += len;
    }
    h[1] = 77; /* no such kind: dropped */
    transmit(&s, (uint32_t)n);
    CHECK_EQ(far_receive(&s, f, sizeof(f), 20), 0);
    close_scene(&s);
}

TEST(headerless_packets_are_dropped)
{
    struct scene s;
    unsigned id;
    uint32_t len;
    uint8_t f[100];
    open_scene(&s, &(struct setting){0});
    ring_add(&s.tx, &(struct ring_buf){s.buf, 11, false}, 1, false);
    ring_add(&s.tx, &(struct ring_buf){s.buf, 12, false}, 1, false);
    ring_add(&s.tx, &(struct ring_buf){s.buf, 20, true}, 1, false);
    ring_add(&s.tx, &(struct ring_buf){s.buf, 70000, false}, 1, false);
    drv_notify(&s.d, 1);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(ring_wait(&s.tx, &id, &len));
    }
    CHECK_EQ(far_receive(&s, f, sizeof(f), 20), 0);
    CHECK_EQ(drv_status(&s.d), 15);
    close_scene(&s);
}

/* ---- receiving */

TEST(frames_come_in_on_each_ring_and_transport)
{
    for (unsigned i = 0; i < 8; i++) {
        struct scene s;
        uint8_t f[100];
        unsigned id;
        uint32_t len = 0;
        open_scene(&s, &(struct setting){.mmio = i & 1,
                                         .features = (i & 2 ? VIRTIO_F_RING_PACKED : 0) |
                                                     (i & 4 ? VIRTIO_F_EVENT_IDX : 0)});
        for (unsigned n = 0; n < 100; n++) {
            char text[32];
            snprintf(text, sizeof(text), "frame number %u", n);
            paddr a = post_rx(&s, 2000);
            ring_kick(&s.rx);
            far_send(&s, f, plain_frame(f, everyone, text));
            REQUIRE(ring_wait(&s.rx, &id, &len));
            CHECK_EQ(len, 72);
            CHECK_EQ(load_le16(mem(&s, a) + 10), 1);
            CHECK_STR((char *)mem(&s, a) + HDR + 14, text);
            s.r.next = RIG_RAM + 0x300000;
        }
        close_scene(&s);
    }
}

TEST(frames_wait_for_buffers)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        uint8_t f[100];
        unsigned id;
        uint32_t len;
        open_scene(&s, &(struct setting){.features = (i & 1 ? VIRTIO_F_RING_PACKED : 0) |
                                                     (i & 2 ? VIRTIO_F_EVENT_IDX : 0)});
        for (unsigned n = 0; n < 5; n++) {
            char text[32];
            snprintf(text, sizeof(text), "held %u", n);
            far_send(&s, f, plain_frame(f, everyone, text));
        }
        CHECK(stays_empty(&s, &s.rx));
        for (unsigned n = 0; n < 5; n++) {
            char text[32];
            snprintf(text, sizeof(text), "held %u", n);
            paddr a = post_rx(&s, 2000);
            /* The device asked for the first; later it may be about to find out that it needs one.
             */
            CHECK(ring_kick(&s.rx) || n > 0);
            REQUIRE(ring_wait(&s.rx, &id, &len));
            CHECK_STR((char *)mem(&s, a) + HDR + 14, text);
        }
        close_scene(&s);
    }
}

TEST(mergeable_buffers_are_joined)
{
    for (unsigned i = 0; i < 4; i++) {
        struct scene s;
        static uint8_t f[1500];
        unsigned id;
        uint32_t len;
        paddr a[4];
        open_scene(&s, &(struct setting){.features = VIRTIO_F(NET_F_MRG_RXBUF) |
                                                     (i & 1 ? VIRTIO_F_RING_PACKED : 0) |
                                                     (i & 2 ? VIRTIO_F_EVENT_IDX : 0)});
        for (unsigned n = 0; n < 20; n++) {
            for (unsigned k = 0; k < sizeof(f); k++) {
                f[k] = (uint8_t)(k * 3 + n);
            }
            memcpy(f, everyone, 6);
            a[0] = post_rx(&s, 400);
            a[1] = post_rx(&s, 400);
            ring_kick(&s.rx);
            far_send(&s, f, sizeof(f));
            CHECK(stays_empty(&s, &s.rx)); /* 800 bytes are too few, and stay on offer */
            a[2] = post_rx(&s, 400);
            ring_kick(&s.rx);
            a[3] = post_rx(&s, 400);
            ring_kick(&s.rx);
            size_t at = 0;
            for (unsigned k = 0; k < 4; k++) {
                REQUIRE(ring_wait(&s.rx, &id, &len));
                size_t skip = k == 0 ? HDR : 0;
                CHECK_EQ(len, k == 3 ? 1512 - 1200 : 400);
                CHECK_MEM(mem(&s, a[k]) + skip, f + at, len - skip);
                at += len - skip;
            }
            CHECK_EQ(load_le16(mem(&s, a[0]) + 10), 4);
            s.r.next = RIG_RAM + 0x300000;
        }
        close_scene(&s);
    }
}

TEST(frames_that_no_buffers_can_hold_are_dropped)
{
    for (unsigned merge = 0; merge < 2; merge++) {
        struct scene s;
        static uint8_t f[1500];
        unsigned id;
        uint32_t len;
        open_scene(
            &s, &(struct setting){.features = merge ? VIRTIO_F(NET_F_MRG_RXBUF) : 0, .rx_size = 4});
        memcpy(f, everyone, 6);
        for (unsigned i = 0; i < 4; i++) {
            post_rx(&s, 100);
        }
        ring_kick(&s.rx);
        far_send(&s, f, sizeof(f));
        CHECK(stays_empty(&s, &s.rx));
        far_send(&s, f, plain_frame(f, everyone, "small enough"));
        CHECK(ring_wait(&s.rx, &id, &len));
        CHECK_EQ(len, 72);
        close_scene(&s);
    }
}

/* ---- control */

/* Frames keep their order, so whether the first to come is the one to `to` or the one behind it
 * tells. */
static bool arrives(struct scene *s, const uint8_t *to, int vlan)
{
    uint8_t f[100], behind[100];
    unsigned id;
    uint32_t len;
    size_t n = plain_frame(f, to, "is it for me?");
    if (vlan >= 0) {
        store_be16(f + 12, 0x8100);
        store_be16(f + 14, (uint16_t)vlan);
    }
    paddr first = post_rx(s, 2000);
    post_rx(s, 2000);
    ring_kick(&s->rx);
    far_send(s, f, n);
    far_send(s, behind, plain_frame(behind, frame_mac, "surely"));
    CHECK(ring_wait(&s->rx, &id, &len));
    CHECK_EQ(len, 72);
    bool both = memcmp(mem(s, first) + 12, f, n) == 0;
    if (!both) { /* the second buffer is still on offer: use it up */
        CHECK(memcmp(mem(s, first) + 12, behind, 60) == 0);
        far_send(s, f, plain_frame(f, frame_mac, "filler"));
    }
    CHECK(ring_wait(&s->rx, &id, &len));
    return both;
}

#define FILTERS                                                                                    \
    (VIRTIO_F(NET_F_CTRL_RX) | VIRTIO_F(NET_F_CTRL_RX_EXTRA) | VIRTIO_F(NET_F_CTRL_VLAN))

TEST(filters_follow_the_control_queue)
{
    struct scene s;
    uint8_t table[4 + 6 + 4 + 6] = {1};
    open_scene(&s, &(struct setting){.features = FILTERS});
    CHECK(arrives(&s, other, -1)); /* promiscuous after reset */
    CHECK_EQ(control(&s, 0, 0, "\0", 1), 0);
    CHECK(!arrives(&s, other, -1));
    CHECK(arrives(&s, everyone, -1));
    CHECK(!arrives(&s, group, -1));
    memcpy(table + 4, other, 6);
    table[10] = 1;
    memcpy(table + 14, group, 6);
    CHECK_EQ(control(&s, 1, 0, table, sizeof(table)), 0);
    CHECK(arrives(&s, other, -1));
    CHECK(arrives(&s, group, -1));
    CHECK(!arrives(&s, (const uint8_t *)"\2\0\0\0\0\7", -1));
    CHECK_EQ(control(&s, 0, 5, "\1", 1), 0); /* no broadcast */
    CHECK(!arrives(&s, everyone, -1));
    CHECK_EQ(control(&s, 0, 5, "\0", 1), 0);
    CHECK(!arrives(&s, everyone, 7));
    CHECK_EQ(control(&s, 2, 0, "\7\0", 2), 0);
    CHECK(arrives(&s, everyone, 7));
    CHECK(!arrives(&s, everyone, 8));
    CHECK_EQ(control(&s, 2, 1, "\7\0", 2), 0);
    CHECK(!arrives(&s, everyone, 7));
    close_scene(&s);
}

TEST(bad_commands_are_refused)
{
    struct scene s;
    static uint8_t many[4 + 6 * 100 + 4];
    open_scene(&s,
               &(struct setting){.features = VIRTIO_F(NET_F_CTRL_RX) | VIRTIO_F(NET_F_GUEST_CSUM) |
                                             VIRTIO_F(NET_F_CTRL_GUEST_OFFLOADS)});
    CHECK_EQ(control(&s, 0, 6, "\1", 1), 1);
    CHECK_EQ(control(&s, 0, 0, "", 0), 1);
    CHECK_EQ(control(&s, 1, 0, "\377\377\377\377", 4), 1); /* 4 billion addresses */
    CHECK_EQ(control(&s, 1, 0, "\1\0\0\0", 4), 1);
    CHECK_EQ(control(&s, 1, 2, "", 0), 1);
    CHECK_EQ(control(&s, 2, 0, "\1\0", 2), 1); /* VLAN was not agreed on */
    CHECK_EQ(control(&s, 4, 0, "\1\0", 2), 1); /* nor was MQ */
    CHECK_EQ(control(&s, 99, 0, "", 0), 1);
    CHECK_EQ(control(&s, 5, 0, "\200\0\0\0\0\0\0\0", 8), 1); /* TSO4 was not agreed on */
    CHECK_EQ(control(&s, 5, 0, "\2\0\0\0\0\0\0\0", 8), 0);
    CHECK_EQ(control(&s, 0, 0, "\0", 1), 0);
    many[0] = 100; /* more than the table holds: all are let through */
    CHECK_EQ(control(&s, 1, 0, many, sizeof(many)), 0);
    CHECK(arrives(&s, other, -1));
    CHECK_EQ(drv_status(&s.d), 15);
    close_scene(&s);
}

TEST(command_without_answer_needs_a_reset)
{
    struct scene s;
    open_scene(&s, &(struct setting){0});
    ring_add(&s.ctrl, &(struct ring_buf){s.buf, 2, false}, 1, false);
    drv_notify(&s.d, 2);
    CHECK_EQ(drv_status(&s.d), 15 | VIRTIO_STATUS_NEEDS_RESET);
    start_driver(&s, &(struct setting){0});
    CHECK(arrives(&s, other, -1));
    close_scene(&s);
}

TEST(address_can_be_changed)
{
    struct scene s;
    open_scene(&s, &(struct setting){.features = FILTERS | VIRTIO_F(NET_F_CTRL_MAC_ADDR)});
    CHECK_EQ(drv_config(&s.d, 0, 4), 0x12005452);
    CHECK_EQ(control(&s, 1, 1, other, 6), 0);
    CHECK_EQ(drv_config(&s.d, 0, 4), 0x05040302);
    drv_set_status(&s.d, 0);
    CHECK_EQ(drv_config(&s.d, 0, 4), 0x12005452);
    close_scene(&s);
}

TEST(link_changes_reach_the_driver)
{
    struct scene s;
    open_scene(&s, &(struct setting){.features = VIRTIO_F(NET_F_STATUS)});
    rig_store(&s.r, s.d.common + 0x10, 2, 3); /* vector for configuration changes */
    CHECK_EQ(drv_config(&s.d, 6, 2), 1);
    netdev_lock(s.wire.netdev);
    netdev_set_link(s.wire.netdev, false);
    netdev_unlock(s.wire.netdev);
    CHECK_EQ(drv_config(&s.d, 6, 2), 0);
    CHECK_EQ(s.r.msi[3], 1);
    netdev_lock(s.wire.netdev);
    netdev_set_link(s.wire.netdev, true);
    netdev_unlock(s.wire.netdev);
    CHECK_EQ(drv_config(&s.d, 6, 2), 1);
    close_scene(&s);
}

TEST(several_queues_share_the_flows)
{
    struct scene s;
    struct ring rx1, tx1;
    static uint8_t f[200];
    unsigned id, counts[2] = {0};
    uint32_t len;
    open_scene(&s, &(struct setting){.mq = true, .features = VIRTIO_F(NET_F_MQ)});
    CHECK_EQ(drv_config(&s.d, 8, 2), 2);
    drv_set_status(&s.d, 0);
    CHECK(drv_negotiate(&s.d, VIRTIO_F_VERSION_1 | VIRTIO_F(NET_F_MQ) | VIRTIO_F(NET_F_CTRL_VQ)));
    ring_open(&s.rx, &s.d, 0, 64, 0);
    ring_open(&s.tx, &s.d, 1, 64, 0);
    ring_open(&rx1, &s.d, 2, 64, 0);
    ring_open(&tx1, &s.d, 3, 64, 0);
    ring_open(&s.ctrl, &s.d, 4, 16, 0);
    drv_ok(&s.d);
    CHECK_EQ(control(&s, 4, 0, "\3\0", 2), 1);
    CHECK_EQ(control(&s, 4, 0, "\0\0", 2), 1);
    CHECK_EQ(control(&s, 4, 0, "\2\0", 2), 0);
    for (unsigned i = 0; i < 32; i++) {
        ring_add(&s.rx, &(struct ring_buf){s.buf + 2000 * i, 2000, true}, 1, false);
        ring_add(&rx1, &(struct ring_buf){s.buf + 2000 * i, 2000, true}, 1, false);
    }
    drv_notify(&s.d, 0);
    drv_notify(&s.d, 2);
    for (unsigned i = 0; i < 32; i++) {
        struct frame_tcp t = flow;
        t.from_port = (uint16_t)(1000 + i / 2); /* two packets of each flow */
        far_send(&s, f, frame_tcp4(f, frame_mac, &t, "x", 1, true));
    }
    for (unsigned i = 0; i < 2000 && counts[0] + counts[1] < 32; i++) {
        counts[0] += ring_used(&s.rx, &id, &len);
        counts[1] += ring_used(&rx1, &id, &len);
        os_sleep_until_ns(os_now_ns() + 100000);
    }
    CHECK_EQ(counts[0] + counts[1], 32);
    CHECK(counts[0] >= 6 && counts[1] >= 6 && counts[0] % 2 == 0);
    memset(mem(&s, s.buf), 0, HDR);
    plain_frame(mem(&s, s.buf) + HDR, other, "by the second queue");
    ring_add(&tx1, &(struct ring_buf){s.buf, HDR + 60, false}, 1, false);
    ring_kick(&tx1);
    CHECK_EQ(far_receive(&s, f, sizeof(f), 2000), 60);
    close_scene(&s);
}

TEST(reset_amid_traffic)
{
    struct scene s;
    uint8_t f[100];
    open_scene(&s, &(struct setting){0});
    plain_frame(mem(&s, s.buf) + HDR, other, "out");
    for (unsigned n = 0; n < 30; n++) {
        s.r.next = RIG_RAM + 0x300000;
        for (unsigned i = 0; i < 32; i++) {
            post_rx(&s, 2000);
            ring_add(&s.tx, &(struct ring_buf){s.buf, HDR + 60, false}, 1, false);
            far_send(&s, f, plain_frame(f, everyone, "in"));
        }
        drv_notify(&s.d, 0);
        drv_notify(&s.d, 1);
        start_driver(&s, &(struct setting){0});
    }
    CHECK_EQ(drv_status(&s.d), 15);
    close_scene(&s);
}

TEST(state_survives_saving_and_the_guest_announces_itself)
{
    struct scene s, t;
    struct error e = {{0}};
    struct strbuf out = {0};
    const struct setting w = {.features = FILTERS | VIRTIO_F(NET_F_GUEST_ANNOUNCE) |
                                          VIRTIO_F(NET_F_STATUS)};
    open_scene(&s, &w);
    CHECK_EQ(control(&s, 0, 0, "\0", 1), 0);
    CHECK(!arrives(&s, other, -1));
    device_save(s.dev, &out);
    open_scene(&t, &w);
    drv_set_status(&t.d, 0);
    netdev_lock(s.wire.netdev);
    memcpy(t.r.m->ram, s.r.m->ram, RIG_RAM_BYTES);
    netdev_unlock(s.wire.netdev);
    CHECK_MSG(device_load(t.dev, out.text, out.len, &e), "%s", e.text);
    t.rx = s.rx;
    t.tx = s.tx;
    t.ctrl = s.ctrl;
    t.rx.d = t.tx.d = t.ctrl.d = &t.d;
    t.r.next = s.r.next;
    CHECK(!arrives(&t, other, -1));
    CHECK(arrives(&t, everyone, -1));
    CHECK_EQ(drv_config(&t.d, 6, 2), 3);
    CHECK_EQ(control(&t, 3, 0, "", 0), 0);
    CHECK_EQ(drv_config(&t.d, 6, 2), 1);
    strbuf_free(&out);
    close_scene(&s);
    close_scene(&t);
}

TEST(card_without_a_netdev_swallows_packets)
{
    struct rig r;
    struct error e = {{0}};
    struct drv d;
    struct ring tx;
    unsigned id;
    uint32_t len;
    rig_open(&r);
    CHECK(rig_device(&r, &virtio_net_device_class, "virtio-mmio-bus.0", &e, NULL) != NULL);
    drv_open_mmio(&d, &r);
    CHECK(drv_negotiate(&d, VIRTIO_F_VERSION_1));
    ring_open(&tx, &d, 1, 16, 0);
    drv_ok(&d);
    ring_add(&tx, &(struct ring_buf){rig_alloc(&r, 4096), 100, false}, 1, false);
    ring_kick(&tx);
    CHECK(ring_used(&tx, &id, &len));
    drv_set_status(&d, 0);
    rig_close(&r);
}

TEST(bad_properties_are_refused)
{
    static const char *const bad[] = {"rx_queue_size=100", "tx_queue_size=2048", "duplex=both",
                                      "host_mtu=10", "mac=01:00:00:00:00:01"};
    struct rig r;
    rig_open(&r);
    for (unsigned i = 0; i < array_len(bad); i++) {
        struct error e = {{0}};
        CHECK_MSG(!rig_device(&r, &virtio_net_pci_class, "pcie.0", &e, bad[i], NULL), "%s", bad[i]);
        CHECK(strlen(e.text) > 10);
    }
    rig_close(&r);
}

TEST(tables_list_every_byte)
{
    struct error e = {{0}};
    CHECK_MSG(device_check_class(&virtio_net_pci_class, &e), "%s", e.text);
    CHECK_MSG(device_check_class(&virtio_net_device_class, &e), "%s", e.text);
}
