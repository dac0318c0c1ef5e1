/* SPDX-License-Identifier: MIT */
/* The e1000: the test is the driver, and at the other end of a UDP netdev. */
#include "base/bits.h"
#include "hw/classes.h"
#include "hw/pci/pci_regs.h"
#include "net/net.h"
#include "tests/support/frames.h"
#include "tests/support/machine.h"
#include "tests/support/virtio_rig.h"
#include "tests/support/wire.h"
#include "tests/test.h"

#define DEVFN 0x18
#define BASE (RIG_MMIO + 0x40000)
#define PORTS (RIG_PIO + 0x1000)
#define RING 64

enum { /* registers */
    CTRL = 0x0000,
    STATUS = 0x0008,
    EECD = 0x0010,
    EERD = 0x0014,
    MDIC = 0x0020,
    ICR = 0x00c0,
    ITR = 0x00c4,
    ICS = 0x00c8,
    IMS = 0x00d0,
    IMC = 0x00d8,
    RCTL = 0x0100,
    TCTL = 0x0400,
    PBA = 0x1000,
    RDBAL = 0x2800,
    RDH = 0x2810,
    RDT = 0x2818,
    TDBAL = 0x3800,
    TDH = 0x3810,
    TDT = 0x3818,
    RXCSUM = 0x5000,
    MTA = 0x5200,
    RA = 0x5400,
    VFTA = 0x5600
};

enum {
    RCTL_ON = 2,
    RCTL_UNICAST = 8,
    RCTL_BROADCAST = 0x8000,
    RCTL_VLAN = 0x40000,
    RCTL_STRIP = 0x4000000,
    TCTL_ON = 2,
    TCTL_PAD = 8,
    CTRL_VLAN = 0x40000000
};

enum { /* commands of descriptors, in the upper byte of the third word */
    END = 1 << 24,
    SUM = 1 << 26,
    SEGMENT = 1 << 26,
    REPORT = 1 << 27,
    EXTENDED = 1 << 29,
    VLAN = 1 << 30,
    DATA = 1 << 20
};

struct scene {
    struct rig r;
    struct wire wire;
    struct device *d;
    paddr tx, rx, rx_buffer, buffer;
    unsigned tail; /* of the transmit ring */
};

static struct netdev *give_netdev(void *opaque, const char *id, struct error *e)
{
    (void)id, (void)e;
    return ((struct scene *)opaque)->wire.netdev;
}

static uint32_t get(struct scene *s, unsigned offset)
{
    return (uint32_t)rig_load(&s->r, BASE + offset, 4);
}

static void put(struct scene *s, unsigned offset, uint32_t value)
{
    rig_store(&s->r, BASE + offset, 4, value);
}

static uint8_t *mem(struct scene *s, paddr a)
{
    return rig_host(&s->r, a);
}

static void map(struct scene *s)
{
    rig_config_set(&s->r, 0, DEVFN, PCI_BAR0, 4, BASE);
    rig_config_set(&s->r, 0, DEVFN, PCI_BAR0 + 4, 4, 0x1000);
    rig_config_set(&s->r, 0, DEVFN, PCI_COMMAND, 2,
                   PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void start(struct scene *s, uint32_t rctl)
{
    put(s, TDBAL, (uint32_t)s->tx);
    put(s, TDBAL + 8, RING * 16);
    put(s, TCTL, TCTL_ON | TCTL_PAD);
    put(s, RDBAL, (uint32_t)s->rx);
    put(s, RDBAL + 8, RING * 16);
    put(s, RCTL, RCTL_ON | rctl);
    s->tail = 0;
}

static void begin_with(struct scene *s, const char *option)
{
    struct error e = {""};
    *s = (struct scene){.tail = 0};
    wire_open(&s->wire);
    rig_open(&s->r);
    s->r.m->backends.netdev = give_netdev;
    s->r.m->backends.opaque = s;
    s->d = rig_device(&s->r, &e1000_class, "pcie.0", &e, "netdev=n", "mac=52:54:00:12:34:56",
                      "addr=3", option, NULL);
    CHECK_MSG(s->d, "%s", e.text);
    map(s);
    s->tx = rig_alloc(&s->r, 4096);
    s->rx = rig_alloc(&s->r, 4096);
    s->buffer = rig_alloc(&s->r, 70000);
    s->rx_buffer = rig_alloc(&s->r, 0x40000);
    for (unsigned i = 0; i < RING; i++) {
        store_le64(mem(s, s->rx) + 16 * i, s->rx_buffer + 4096 * i);
    }
}

static void begin(struct scene *s)
{
    begin_with(s, NULL);
}

static void end(struct scene *s)
{
    rig_close(&s->r);
    wire_close(&s->wire);
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

/* ---- identity, EEPROM, PHY */

TEST(it_is_the_function_that_drivers_look_for)
{
    struct scene s;
    begin(&s);
    CHECK_EQ(rig_config(&s.r, 0, DEVFN, 0, 4), 0x100e8086);
    CHECK_EQ(rig_config(&s.r, 0, DEVFN, 8, 4), 0x02000003);
    CHECK_EQ(rig_config(&s.r, 0, DEVFN, 0x3d, 1), 1);
    CHECK_EQ(get(&s, STATUS) & 0x83, 0x83);
    CHECK_EQ(get(&s, RA), 0x12005452);
    CHECK_EQ(get(&s, RA + 4), 0x80005634);
    end(&s);
}

static unsigned eerd(struct scene *s, unsigned word)
{
    put(s, EERD, word << 8 | 1);
    CHECK_EQ(get(s, EERD) & 0x10, 0x10);
    return get(s, EERD) >> 16;
}

static void clock_bit(struct scene *s, unsigned in)
{
    put(s, EECD, 0x42 | in << 2);
    put(s, EECD, 0x43 | in << 2);
    put(s, EECD, 0x42 | in << 2);
}

/* Bit by bit, as drivers of this chip do it. */
static unsigned microwire(struct scene *s, unsigned word)
{
    unsigned v = 0;
    put(s, EECD, 0x42);
    for (unsigned command = 6 << 6 | word, i = 9; i-- > 0;) {
        clock_bit(s, command >> i & 1);
    }
    for (unsigned i = 0; i < 16; i++) {
        put(s, EECD, 0x43);
        v = v << 1 | (get(s, EECD) >> 3 & 1);
        put(s, EECD, 0x42);
    }
    put(s, EECD, 0x40);
    return v;
}

TEST(the_eeprom_has_the_address_and_a_right_sum)
{
    struct scene s;
    begin(&s);
    uint16_t sum = 0;
    CHECK_EQ(eerd(&s, 0), 0x5452);
    CHECK_EQ(eerd(&s, 2), 0x5634);
    put(&s, EECD, 0x40);
    CHECK_EQ(get(&s, EECD) & 0x1c0, 0x1c0); /* present, granted */
    for (unsigned i = 0; i < 64; i++) {
        const unsigned v = microwire(&s, i);
        CHECK_EQ(v, eerd(&s, i));
        sum = (uint16_t)(sum + v);
    }
    CHECK_EQ(sum, 0xbaba);
    end(&s);
}

static unsigned phy(struct scene *s, unsigned n)
{
    put(s, MDIC, 2u << 26 | 1u << 21 | n << 16);
    CHECK_EQ(get(s, MDIC) & 0x50000000, 0x10000000);
    return get(s, MDIC) & 0xffff;
}

static void set_phy(struct scene *s, unsigned n, unsigned value)
{
    put(s, MDIC, 1u << 26 | 1u << 21 | n << 16 | value);
}

TEST(the_phy_is_a_marvell_with_a_link)
{
    struct scene s;
    begin(&s);
    CHECK_EQ(phy(&s, 2), 0x0141);
    CHECK_EQ(phy(&s, 3), 0x0c20);
    CHECK_EQ(phy(&s, 1) & 0x24, 0x24);
    CHECK_EQ(phy(&s, 17) & 0xec00, 0xac00);
    set_phy(&s, 4, 0x01e1);
    CHECK_EQ(phy(&s, 4), 0x01e1);
    get(&s, ICR);
    set_phy(&s, 0, 0x1340);
    CHECK_EQ(get(&s, ICR), 4);
    CHECK_EQ(phy(&s, 0), 0x1140);
    set_phy(&s, 0, 0x8000);
    CHECK_EQ(phy(&s, 4), 0x0de1);
    put(&s, MDIC, 2u << 26 | 2u << 21);
    CHECK_EQ(get(&s, MDIC) & 0x40000000, 0x40000000);
    end(&s);
}

TEST(the_link_goes_down_and_up)
{
    struct scene s;
    begin(&s);
    get(&s, ICR);
    put(&s, IMS, 4);
    netdev_lock(s.wire.netdev);
    netdev_set_link(s.wire.netdev, false);
    netdev_unlock(s.wire.netdev);
    CHECK_EQ(get(&s, STATUS) & 2, 0);
    CHECK_EQ(phy(&s, 1) & 0x24, 0);
    CHECK_EQ(s.r.intx[3], 1);
    CHECK_EQ(get(&s, ICR), 4);
    CHECK_EQ(s.r.intx[3], 0);
    netdev_lock(s.wire.netdev);
    netdev_set_link(s.wire.netdev, true);
    netdev_unlock(s.wire.netdev);
    CHECK_EQ(get(&s, STATUS) & 2, 2);
    CHECK_EQ(get(&s, ICR), 4);
    end(&s);
}

TEST(registers_are_reached_by_ports_as_well)
{
    struct scene s;
    begin(&s);
    rig_store(&s.r, PORTS, 4, RA);
    CHECK_EQ(rig_load(&s.r, PORTS + 4, 4), 0x12005452);
    rig_store(&s.r, PORTS, 4, MTA + 8);
    rig_store(&s.r, PORTS + 4, 4, 0x1234);
    CHECK_EQ(get(&s, MTA + 8), 0x1234);
    CHECK_EQ(get(&s, 0x208), 0x1234); /* its older place */
    rig_store(&s.r, PORTS, 4, 0x20000);
    CHECK_EQ(rig_load(&s.r, PORTS + 4, 4), 0);
    end(&s);
}

/* ---- interrupts */

TEST(causes_interrupt_while_they_are_not_masked)
{
    struct scene s;
    begin(&s);
    get(&s, ICR);
    put(&s, ICS, 0x80);
    CHECK_EQ(s.r.intx[3], 0);
    put(&s, IMS, 0x81);
    CHECK_EQ(s.r.intx[3], 1);
    put(&s, IMC, 0x80);
    CHECK_EQ(s.r.intx[3], 0);
    CHECK_EQ(get(&s, IMS), 1);
    put(&s, IMS, 0x80);
    CHECK_EQ(get(&s, ICR), 0x80);
    CHECK_EQ(s.r.intx[3], 0);
    CHECK_EQ(get(&s, ICR), 0);
    put(&s, ICS, 0x11);
    put(&s, ICR, 1);
    CHECK_EQ(get(&s, ICR), 0x10);
    end(&s);
}

TEST(itr_keeps_interrupts_apart)
{
    struct scene s;
    begin(&s);
    get(&s, ICR);
    put(&s, ITR, 1000); /* 256 us */
    put(&s, IMS, 0x80);
    put(&s, ICS, 0x80);
    CHECK_EQ(s.r.intx[3], 1);
    get(&s, ICR);
    put(&s, ICS, 0x80);
    CHECK_EQ(s.r.intx[3], 0);
    clock_manual_advance(s.r.m->clock, 255000);
    CHECK_EQ(s.r.intx[3], 0);
    CHECK(test_round_trip(s.d));
    clock_manual_advance(s.r.m->clock, 1000);
    CHECK_EQ(s.r.intx[3], 1);
    end(&s);
}

TEST(without_mitigation_itr_keeps_nothing_apart)
{
    struct scene s;
    begin_with(&s, "mitigation=off");
    get(&s, ICR);
    put(&s, ITR, 1000);
    put(&s, IMS, 0x80);
    for (unsigned n = 0; n < 2; n++) {
        put(&s, ICS, 0x80);
        CHECK_EQ(s.r.intx[3], 1);
        get(&s, ICR);
    }
    end(&s);
}

/* ---- sending */

static void add(struct scene *s, uint64_t low, uint64_t high)
{
    uint8_t *t = mem(s, s->tx) + 16 * s->tail;
    store_le64(t, low);
    store_le64(t + 8, high);
    s->tail = (s->tail + 1) % RING;
}

/* Hands the ring over, and waits until it is empty. */
static void transmit(struct scene *s)
{
    put(s, TDT, s->tail);
    for (unsigned i = 0; get(s, TDH) != s->tail && i < 5000; i++) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK_EQ(get(s, TDH), s->tail);
}

TEST(frames_go_out_and_are_reported)
{
    struct scene s;
    uint8_t f[200];
    begin(&s);
    start(&s, 0);
    get(&s, ICR);
    for (unsigned n = 0; n < 100; n++) {
        char text[40];
        snprintf(text, sizeof(text), "frame number %u", n);
        const unsigned at = s.tail;
        plain_frame(mem(&s, s.buffer), other, text);
        add(&s, s.buffer, 20);
        add(&s, s.buffer + 20, 40 | END | REPORT);
        transmit(&s);
        CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), 60);
        CHECK_STR((char *)f + 14, text);
        CHECK_EQ(mem(&s, s.tx)[16 * at + 12], 0);
        CHECK_EQ(mem(&s, s.tx)[16 * (at + 1) + 12], 1);
    }
    CHECK_EQ(get(&s, ICR) & 3, 3);
    CHECK_EQ(get(&s, 0x4080), 100);
    CHECK_EQ(get(&s, 0x4080), 0); /* read once */
    CHECK_EQ(get(&s, 0x4090), 6400);
    end(&s);
}

TEST(short_frames_are_padded)
{
    struct scene s;
    uint8_t f[200];
    begin(&s);
    start(&s, 0);
    plain_frame(mem(&s, s.buffer), other, "short");
    add(&s, s.buffer, 20 | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), 60);
    put(&s, TCTL, TCTL_ON);
    add(&s, s.buffer, 20 | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), 20);
    end(&s);
}

static const struct frame_tcp flow = {
    .from = 0x0a00020f, .to = 0x0a000202, .from_port = 40000, .to_port = 80, .flags = FRAME_ACK};

/* Of IP at 14, TCP at 34. */
static void add_context(struct scene *s, uint32_t command, unsigned header, unsigned segment)
{
    add(s, 14 | 24 << 8 | 33 << 16 | UINT64_C(34) << 32 | UINT64_C(50) << 40,
        command | EXTENDED | (uint64_t)header << 40 | (uint64_t)segment << 48);
}

TEST(checksums_are_put_in)
{
    struct scene s;
    uint8_t f[200];
    begin(&s);
    start(&s, 0);
    const size_t n = frame_tcp4(mem(&s, s.buffer), other, &flow, "some payload, odd", 17, false);
    store_be16(mem(&s, s.buffer) + 24, 0);
    add_context(&s, 3u << 24, 0, 0);
    add(&s, s.buffer, n | DATA | EXTENDED | END | UINT64_C(3) << 40);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), n);
    CHECK(frame_checksums_good(f, n));
    add(&s, s.buffer, n | DATA | EXTENDED | END); /* as it is */
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), n);
    CHECK_MEM(f, mem(&s, s.buffer), n);
    /* A legacy descriptor: TCP's, from 34 on, at 50. */
    frame_tcp4(mem(&s, s.buffer), other, &flow, "some payload, odd", 17, false);
    add(&s, s.buffer, n | 50 << 16 | END | SUM | UINT64_C(34) << 40);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), n);
    CHECK(frame_checksums_good(f, n));
    end(&s);
}

static void receive_segments(struct scene *s, const uint8_t *data, size_t all, size_t segment)
{
    static uint8_t f[4000];
    for (size_t got = 0; got < all;) {
        struct frame_tcp t;
        size_t len;
        const size_t bytes = wire_receive(&s->wire, f, sizeof(f), 2000);
        REQUIRE(bytes > 0);
        const uint8_t *p = frame_parse(f, bytes, 6, &t, &len);
        REQUIRE(p && frame_checksums_good(f, bytes));
        CHECK_EQ(len, all - got < segment ? all - got : segment);
        CHECK_EQ(t.seq, got);
        CHECK(memcmp(p, data + got, len) == 0);
        got += len;
    }
}

TEST(large_packets_are_cut)
{
    struct scene s;
    static uint8_t data[30500], f[100];
    begin(&s);
    start(&s, 0);
    for (unsigned i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i / 100);
    }
    uint8_t *h = mem(&s, s.buffer);
    const size_t n = frame_tcp4(h, other, &flow, data, sizeof(data), false);
    store_be16(h + 16, 0); /* as drivers leave it: no length, no checksum, no length in the sum */
    store_be16(h + 24, 0);
    add_context(&s, 7u << 24 | (uint32_t)sizeof(data), 54, 1000);
    add(&s, s.buffer, 54 | DATA | EXTENDED | SEGMENT);
    add(&s, s.buffer + 54, (n - 54) | DATA | EXTENDED | SEGMENT | END | REPORT);
    transmit(&s);
    receive_segments(&s, data, sizeof(data), 1000);
    CHECK_EQ(get(&s, 0x40f8), 1);
    add_context(&s, 7u << 24, 54, 0); /* segments of nothing */
    add(&s, s.buffer, n | DATA | EXTENDED | SEGMENT | END);
    add_context(&s, 7u << 24, 255, 1000); /* headers that reach beyond the frame */
    add(&s, s.buffer, 60 | DATA | EXTENDED | SEGMENT | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 20), 0);
    end(&s);
}

TEST(tags_are_put_in)
{
    struct scene s;
    uint8_t f[200];
    begin(&s);
    start(&s, 0);
    put(&s, CTRL, get(&s, CTRL) | CTRL_VLAN);
    const size_t n = frame_tcp4(mem(&s, s.buffer), other, &flow, "some payload, odd", 17, false);
    add_context(&s, 3u << 24, 0, 0);
    add(&s, s.buffer, n | DATA | EXTENDED | END | VLAN | UINT64_C(2) << 40 | UINT64_C(0x123) << 48);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), n + 4);
    CHECK_EQ(load_be32(f + 12), 0x81000123);
    memmove(f + 12, f + 16, n - 12);
    CHECK(frame_checksums_good(f, n));
    end(&s);
}

TEST(what_is_no_frame_is_dropped)
{
    struct scene s;
    uint8_t f[100];
    begin(&s);
    start(&s, 0);
    add(&s, s.buffer, 10 | END);                      /* no header */
    add(&s, UINT64_C(1) << 60, 60 | END);             /* not in memory */
    add(&s, s.buffer, 60 | 9 << 20 | EXTENDED | END); /* of no type */
    for (unsigned i = 0; i < 5; i++) {
        add(&s, s.buffer, 0xffff);
    }
    add(&s, s.buffer, 60 | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 20), 0);
    plain_frame(mem(&s, s.buffer), other, "good");
    add(&s, s.buffer, 60 | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), 60);
    end(&s);
}

TEST(a_frame_that_is_half_there_is_state)
{
    struct scene s;
    uint8_t f[100];
    begin(&s);
    start(&s, 0);
    plain_frame(mem(&s, s.buffer), other, "two halves");
    add(&s, s.buffer, 30);
    transmit(&s);
    CHECK(test_round_trip(s.d));
    add(&s, s.buffer + 30, 30 | END);
    transmit(&s);
    CHECK_EQ(wire_receive(&s.wire, f, sizeof(f), 2000), 60);
    CHECK_STR((char *)f + 14, "two halves");
    end(&s);
}

/* ---- receiving */

static uint8_t *descriptor(struct scene *s, unsigned n)
{
    return mem(s, s->rx) + 16 * n;
}

/* Until descriptor n is done; false: it is not within 2 s. */
static bool arrives(struct scene *s, unsigned n, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        if (get(s, RDH) != n && (descriptor(s, n)[12] & 1)) {
            return true;
        }
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    return false;
}

TEST(frames_come_in)
{
    struct scene s;
    uint8_t f[2000];
    begin(&s);
    start(&s, RCTL_BROADCAST);
    put(&s, RDT, RING - 1);
    get(&s, ICR);
    put(&s, IMS, 0x80);
    wire_send(&s.wire, f, plain_frame(f, everyone, "hello"));
    REQUIRE(arrives(&s, 0, 2000));
    CHECK_EQ(load_le64(descriptor(&s, 0) + 8), 64 | UINT64_C(7) << 32); /* no sums looked at */
    CHECK_STR((char *)mem(&s, s.rx_buffer) + 14, "hello");
    CHECK_EQ(s.r.intx[3], 1);
    CHECK_EQ(get(&s, ICR) & 0x80, 0x80);
    put(&s, RCTL, RCTL_ON | RCTL_BROADCAST | RCTL_STRIP);
    wire_send(&s.wire, f, 20); /* padded */
    REQUIRE(arrives(&s, 1, 2000));
    CHECK_EQ(load_le16(descriptor(&s, 1) + 8), 60);
    memset(f + 60, 0x5a, 1440);
    wire_send(&s.wire, f, 1500);
    REQUIRE(arrives(&s, 2, 2000));
    CHECK_EQ(load_le16(descriptor(&s, 2) + 8), 1500);
    CHECK_MEM(mem(&s, s.rx_buffer + 8192), f, 1500);
    CHECK_EQ(get(&s, 0x4074), 3);
    CHECK_EQ(get(&s, 0x4078), 3);
    end(&s);
}

TEST(a_frame_may_need_several_buffers)
{
    struct scene s;
    uint8_t f[1000];
    begin(&s);
    start(&s, RCTL_BROADCAST | RCTL_STRIP | 3 << 16); /* of 256 bytes */
    put(&s, RDT, 3);
    for (unsigned i = 0; i < sizeof(f); i++) {
        f[i] = (uint8_t)i;
    }
    memcpy(f, everyone, 6);
    wire_send(&s.wire, f, sizeof(f)); /* four of them: there are only three */
    CHECK(!arrives(&s, 0, 15));
    put(&s, RDT, 10);
    REQUIRE(arrives(&s, 3, 2000));
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(load_le16(descriptor(&s, i) + 8), i < 3 ? 256 : 232);
        CHECK_EQ(descriptor(&s, i)[12] & 2, i < 3 ? 0 : 2);
        CHECK_MEM(mem(&s, s.rx_buffer + 4096 * i), f + 256 * i, i < 3 ? 256 : 232);
    }
    end(&s);
}

/* Whether a frame to that address comes, by descriptor n. */
static bool comes_to(struct scene *s, const uint8_t *to, unsigned n)
{
    uint8_t f[60];
    wire_send(&s->wire, f, plain_frame(f, to, "x"));
    return arrives(s, n, n < RING && get(s, RDH) == n ? 40 : 2000);
}

TEST(addresses_are_filtered)
{
    struct scene s;
    begin(&s);
    start(&s, 0);
    put(&s, RDT, RING - 1);
    CHECK(!comes_to(&s, everyone, 0));
    CHECK(!comes_to(&s, other, 0));
    CHECK(!comes_to(&s, group, 0));
    CHECK(comes_to(&s, frame_mac, 0));
    put(&s, RA + 8, load_le32(other)); /* another one of its own */
    put(&s, RA + 12, 0x80000000u | load_le16(other + 4));
    CHECK(comes_to(&s, other, 1));
    const unsigned hash = load_le16(group + 4) >> 4;
    put(&s, MTA + 4 * (hash >> 5 & 127), 1u << (hash & 31));
    CHECK(comes_to(&s, group, 2));
    CHECK_EQ(descriptor(&s, 2)[12] & 0x80, 0x80); /* by a hash */
    put(&s, RA + 12, 0);
    CHECK(!comes_to(&s, other, 3));
    put(&s, RCTL, RCTL_ON | RCTL_UNICAST);
    CHECK(comes_to(&s, other, 3));
    put(&s, RCTL, 0);
    CHECK(!comes_to(&s, frame_mac, 4));
    end(&s);
}

TEST(tags_are_taken_out_and_filtered)
{
    struct scene s;
    uint8_t f[64];
    begin(&s);
    start(&s, RCTL_BROADCAST | RCTL_VLAN | RCTL_STRIP);
    put(&s, RDT, RING - 1);
    plain_frame(f, everyone, "tagged");
    memmove(f + 16, f + 12, 48);
    store_be32(f + 12, 0x81002123);
    wire_send(&s.wire, f, 64);
    CHECK(!arrives(&s, 0, 300));
    put(&s, VFTA + 4 * (0x123 / 32), 1u << 0x123 % 32);
    wire_send(&s.wire, f, 64);
    REQUIRE(arrives(&s, 0, 2000));
    CHECK_EQ(load_le16(descriptor(&s, 0) + 8), 64); /* as it is */
    put(&s, CTRL, get(&s, CTRL) | CTRL_VLAN);
    wire_send(&s.wire, f, 64);
    REQUIRE(arrives(&s, 1, 2000));
    CHECK_EQ(load_le64(descriptor(&s, 1) + 8), 60 | UINT64_C(0x0f) << 32 | UINT64_C(0x2123) << 48);
    CHECK_STR((char *)mem(&s, s.rx_buffer + 4096) + 14, "tagged");
    end(&s);
}

TEST(long_frames_come_only_if_they_may)
{
    struct scene s;
    static uint8_t f[4000];
    begin(&s);
    start(&s, RCTL_BROADCAST);
    put(&s, RDT, RING - 1);
    memcpy(f, everyone, 6);
    wire_send(&s.wire, f, 1515);
    CHECK(!arrives(&s, 0, 30));
    wire_send(&s.wire, f, 1514);
    CHECK(arrives(&s, 0, 2000));
    put(&s, RCTL, RCTL_ON | RCTL_BROADCAST | 0x20);
    wire_send(&s.wire, f, 4000);
    CHECK(arrives(&s, 2, 2000));
    end(&s);
}

/* ---- life */

TEST(a_software_reset_leaves_the_defaults)
{
    struct scene s;
    begin(&s);
    start(&s, RCTL_UNICAST);
    put(&s, MTA, 5);
    put(&s, RA, 7);
    put(&s, IMS, 0xff);
    put(&s, ICS, 1);
    put(&s, CTRL, 1 << 26);
    CHECK_EQ(s.r.intx[3], 0);
    CHECK_EQ(get(&s, RCTL), 0);
    CHECK_EQ(get(&s, IMS), 0);
    CHECK_EQ(get(&s, MTA), 0);
    CHECK_EQ(get(&s, RA), 0x12005452);
    CHECK_EQ(get(&s, CTRL) & 1 << 26, 0);
    end(&s);
}

/* SDM, 13.4.16: both sides share 64 KiB, and only the receive side's part is written. */
TEST(the_packet_buffer_is_shared_out)
{
    static const uint32_t shares[][2] = {{0, 0x00400000},          {0x30, 0x00100030},
                                         {0xffff0020, 0x00200020}, {0x40, 0x00000040},
                                         {0x78, 0x00000078},       {0x88, 0x00380008}};
    struct scene s;
    begin(&s);
    CHECK_EQ(get(&s, PBA), 0x00100030);
    for (unsigned i = 0; i < array_len(shares); i++) {
        put(&s, PBA, shares[i][0]);
        CHECK_EQ(get(&s, PBA), shares[i][1]);
        CHECK(test_round_trip(s.d));
        CHECK_EQ(get(&s, PBA), shares[i][1]);
    }
    put(&s, CTRL, 1 << 26);
    CHECK_EQ(get(&s, PBA), 0x00100030);
    end(&s);
}

TEST(state_survives_saving_and_loading)
{
    struct scene s;
    uint8_t f[100];
    begin(&s);
    start(&s, RCTL_BROADCAST);
    put(&s, RDT, RING - 1);
    put(&s, IMS, 0x80);
    wire_send(&s.wire, f, plain_frame(f, everyone, "one"));
    REQUIRE(arrives(&s, 0, 2000));
    CHECK(test_round_trip(s.d));
    CHECK_EQ(s.r.intx[3], 1);
    wire_send(&s.wire, f, plain_frame(f, everyone, "two"));
    REQUIRE(arrives(&s, 1, 2000));
    CHECK_STR((char *)mem(&s, s.rx_buffer + 4096) + 14, "two");
    end(&s);
}

TEST(a_card_without_a_cable_works_into_the_void)
{
    struct scene s;
    struct error e = {""};
    begin(&s);
    struct device *d = rig_device(&s.r, &e1000_class, "pcie.0", &e, "addr=4", NULL);
    CHECK_MSG(d, "%s", e.text);
    rig_config_set(&s.r, 0, DEVFN, PCI_COMMAND, 2, 0);
    rig_config_set(&s.r, 0, 0x20, PCI_BAR0, 4, BASE);
    rig_config_set(&s.r, 0, 0x20, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    start(&s, 0);
    plain_frame(mem(&s, s.buffer), other, "void");
    add(&s, s.buffer, 60 | END | REPORT);
    put(&s, TDT, 1);
    CHECK_EQ(get(&s, TDH), 1);
    CHECK_EQ(mem(&s, s.tx)[12], 1);
    end(&s);
}

static uint64_t any_value(struct scene *s, struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return rng_u64(rng);
    case 1:
        return s->tx + rng_below(rng, 8192);
    case 2:
        return rng_below(rng, RING * 16);
    default:
        return rng_u64(rng) >> rng_below(rng, 64);
    }
}

/* Registers, descriptors and frames of any kind at once. */
TEST(any_access_is_taken)
{
    static const uint16_t hot[] = {CTRL, EECD,  EERD, MDIC, ICR,    ITR,    ICS,   RCTL, TCTL,
                                   IMS,  RDBAL, RDH,  RDT,  0x2808, 0x3808, TDBAL, TDH,  TDT};
    struct scene s;
    struct rng rng;
    uint8_t f[1600];
    rng_seed(&rng, test_seed());
    memset(f, 0xff, sizeof(f));
    begin(&s);
    start(&s, RCTL_BROADCAST);
    for (unsigned i = 0; i < 60000 * test_scale(); i++) {
        const unsigned offset = rng_below(&rng, 2) ? hot[rng_below(&rng, array_len(hot))]
                                                   : (unsigned)rng_below(&rng, 0x5900) & ~3u;
        switch (rng_below(&rng, 8)) {
        case 0:
            store_le64(mem(&s, s.tx + 8 * rng_below(&rng, 1024)), any_value(&s, &rng));
            break;
        case 1:
            get(&s, offset);
            break;
        case 2:
            if (i % 8 == 0) {
                wire_send(&s.wire, f, 14 + rng_below(&rng, sizeof(f) - 14));
            }
            break;
        case 3:
            start(&s, RCTL_BROADCAST | ((uint32_t)rng_u64(&rng) & 0x06030020));
            put(&s, RDT, (unsigned)rng_below(&rng, RING));
            put(&s, TDT, (unsigned)rng_below(&rng, RING));
            break;
        default:
            put(&s, offset, (uint32_t)any_value(&s, &rng));
            break;
        }
        if (i % 1000 == 0) {
            clock_manual_advance(s.r.m->clock, 1000000);
        }
    }
    CHECK(test_round_trip(s.d));
    end(&s);
}
