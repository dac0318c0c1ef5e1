/* SPDX-License-Identifier: MIT */
/* The user network: the test is a guest that speaks ARP, DHCP, UDP and TCP by hand. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/stream.h"
#include "net/net_internal.h"
#include "tests/support/frames.h"
#include "tests/test.h"

#define GUEST 0x0a00020fu
#define HOST 0x0a000202u

static const uint8_t everyone[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t gateway[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};

#define RECEIVED_MAX 512

struct guest {
    struct netdev *n;
    struct net_client client;
    struct os_mutex lock;
    uint8_t *frame[RECEIVED_MAX];
    size_t bytes[RECEIVED_MAX];
    struct net_offload offload[RECEIVED_MAX], last; /* last: of what receive() gave */
    unsigned put, got;
};

static bool guest_deliver(void *opaque, unsigned queue, const struct net_packet *p)
{
    struct guest *g = opaque;
    (void)queue;
    os_mutex_lock(&g->lock);
    bool room = g->put - g->got < RECEIVED_MAX;
    if (room) {
        unsigned i = g->put++ % RECEIVED_MAX;
        mem_free(g->frame[i]);
        g->frame[i] = mem_dup(p->iov->iov_base, p->iov->iov_len);
        g->bytes[i] = p->iov->iov_len;
        g->offload[i] = p->offload;
    }
    os_mutex_unlock(&g->lock);
    return room;
}

static void open_guest(struct guest *g, const struct net_option *o, size_t count)
{
    struct error e = {{0}};
    *g = (struct guest){.client = {.deliver = guest_deliver, .opaque = g}};
    os_mutex_init(&g->lock);
    g->n = netdev_open("user", "net0", o, count, &e);
    if (!g->n || !netdev_attach(g->n, &g->client, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

static void close_guest(struct guest *g)
{
    netdev_attach(g->n, NULL, NULL);
    netdev_close(g->n);
    for (unsigned i = 0; i < RECEIVED_MAX; i++) {
        mem_free(g->frame[i]);
    }
}

static void send_offload(struct guest *g, uint8_t *f, size_t n, struct net_offload o)
{
    struct iovec iov = {f, n};
    netdev_lock(g->n);
    netdev_send(g->n, 0,
                &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = n, .offload = o});
    netdev_unlock(g->n);
    netdev_wake(g->n);
}

static void send_frame(struct guest *g, uint8_t *f, size_t n)
{
    send_offload(g, f, n, (struct net_offload){0});
}

/* The next frame, or NULL when none came for so many milliseconds. */
static const uint8_t *receive(struct guest *g, size_t *n, unsigned ms)
{
    for (unsigned i = 0; i <= ms * 10; i++) {
        os_mutex_lock(&g->lock);
        bool any = g->put != g->got;
        unsigned at = g->got % RECEIVED_MAX;
        g->got += any;
        os_mutex_unlock(&g->lock);
        if (any) {
            *n = g->bytes[at];
            g->last = g->offload[at];
            return g->frame[at];
        }
        os_sleep_until_ns(os_now_ns() + 100000);
    }
    return NULL;
}

/* The next frame of the protocol; others are skipped, ARP requests for us are answered. */
static const uint8_t *receive_l4(struct guest *g, unsigned protocol, struct frame_tcp *t, size_t *n,
                                 unsigned ms)
{
    size_t bytes;
    const uint8_t *f;
    while ((f = receive(g, &bytes, ms))) {
        const uint8_t *p = frame_parse(f, bytes, protocol, t, n);
        if (p) {
            CHECK(g->last.needs_checksum || frame_checksums_good(f, bytes));
            return p;
        }
        if (load_be16(f + 12) == 0x0806 && load_be16(f + 20) == 1 && load_be32(f + 38) == GUEST) {
            uint8_t reply[64];
            size_t size = frame_arp_request(reply, GUEST, load_be32(f + 28));
            memcpy(reply, f + 6, 6);
            store_be16(reply + 20, 2);
            memcpy(reply + 32, f + 22, 6);
            send_frame(g, reply, size);
        }
    }
    return NULL;
}

/* ---- a host-side server */

static int host_listen(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
        perror("listen");
        exit(2);
    }
    *port = ntohs(a.sin_port);
    return fd;
}

struct tcp {
    struct guest *g;
    uint16_t port, peer;
    uint32_t seq, ack;
    uint32_t to; /* 0: the host */
};

static void tcp_send(struct tcp *c, uint8_t flags, const void *data, size_t n, bool large)
{
    static uint8_t f[FRAME_MAX + 100];
    struct frame_tcp t = {GUEST, c->to ? c->to : HOST, c->port, c->peer, c->seq, c->ack, flags,
                          65535};
    size_t bytes = frame_tcp4(f, gateway, &t, data, n, !large);
    c->seq += (uint32_t)n + ((flags & (FRAME_SYN | FRAME_FIN)) ? 1 : 0);
    send_offload(c->g, f, bytes,
                 large ? (struct net_offload){.needs_checksum = true,
                                              .gso = NET_GSO_TCP4,
                                              .gso_size = 1460,
                                              .csum_start = 34,
                                              .csum_offset = 16}
                       : (struct net_offload){0});
}

static bool tcp_open(struct tcp *c, struct guest *g, uint16_t peer)
{
    struct frame_tcp t;
    size_t n;
    *c = (struct tcp){g, 33333, peer, 1000, 0, 0};
    tcp_send(c, FRAME_SYN, "", 0, false);
    if (!receive_l4(g, 6, &t, &n, 3000) || !(t.flags & FRAME_SYN) || t.ack != c->seq) {
        return false;
    }
    c->ack = t.seq + 1;
    tcp_send(c, FRAME_ACK, "", 0, false);
    return true;
}

static size_t read_all(int fd, uint8_t *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = read(fd, p + done, n - done);
        if (got <= 0) {
            break;
        }
        done += (size_t)got;
    }
    return done;
}

/* ---- tests */

TEST(gateway_answers_arp)
{
    struct guest g;
    uint8_t f[64];
    size_t n = 0;
    open_guest(&g, NULL, 0);
    send_frame(&g, f, frame_arp_request(f, GUEST, HOST));
    const uint8_t *reply = receive(&g, &n, 3000);
    REQUIRE(reply && n >= 42);
    CHECK_EQ(load_be16(reply + 20), 2);
    CHECK_MEM(reply + 22, gateway, 6);
    close_guest(&g);
}

TEST(dhcp_offers_the_first_address)
{
    struct guest g;
    static uint8_t f[600], bootp[300];
    struct frame_tcp t = {0, 0xffffffff, 68, 67, 0, 0, 0, 0};
    size_t n;
    open_guest(&g, (struct net_option[]){{"net", "192.168.76.0/24"}, {"dhcpstart", "192.168.76.9"}},
               2);
    bootp[0] = 1;
    bootp[1] = 1;
    bootp[2] = 6;
    store_be32(bootp + 4, 0xabcd1234);
    memcpy(bootp + 28, frame_mac, 6);
    store_be32(bootp + 236, 0x63825363);
    memcpy(bootp + 240, "\x35\x01\x01\xff", 4);
    send_frame(&g, f, frame_udp4(f, everyone, &t, bootp, sizeof(bootp)));
    const uint8_t *offer = receive_l4(&g, 17, &t, &n, 3000);
    REQUIRE(offer && n > 240);
    CHECK_EQ(load_be32(offer + 4), 0xabcd1234);
    CHECK_EQ(load_be32(offer + 16), 0xc0a84c09);
    CHECK_EQ(t.from, 0xc0a84c02);
    close_guest(&g);
}

TEST(tcp_to_the_host_carries_large_packets)
{
    struct guest g;
    struct tcp c;
    struct frame_tcp t;
    uint16_t port;
    size_t n;
    static uint8_t out[40000], in[40000];
    int listener = host_listen(&port);
    open_guest(&g, NULL, 0);
    REQUIRE(tcp_open(&c, &g, port));
    int fd = accept(listener, NULL, NULL);
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 13 + i / 256);
    }
    tcp_send(&c, FRAME_ACK | FRAME_PSH, out, sizeof(out), true);
    CHECK_EQ(read_all(fd, in, sizeof(in)), sizeof(in));
    CHECK_MEM(in, out, sizeof(in));

    CHECK(write(fd, out, sizeof(out)) == (ssize_t)sizeof(out));
    size_t got = 0;
    while (got < sizeof(out)) {
        const uint8_t *p = receive_l4(&g, 6, &t, &n, 3000);
        REQUIRE(p != NULL);
        if (n && t.seq == c.ack) {
            memcpy(in + got, p, n < sizeof(in) - got ? n : sizeof(in) - got);
            got += n;
            c.ack += (uint32_t)n;
            tcp_send(&c, FRAME_ACK, "", 0, false);
        }
    }
    CHECK_MEM(in, out, sizeof(in));
    close(fd);
    close(listener);
    close_guest(&g);
}

TEST(segments_from_the_host_are_joined_for_who_takes_them)
{
    struct guest g;
    struct tcp c;
    struct frame_tcp t;
    uint16_t port;
    size_t n, got = 0;
    unsigned large = 0;
    static uint8_t out[300000], in[300000];
    int listener = host_listen(&port);
    open_guest(&g, NULL, 0);
    netdev_lock(g.n);
    netdev_set_offloads(g.n, NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TCP4);
    netdev_unlock(g.n);
    REQUIRE(tcp_open(&c, &g, port));
    int fd = accept(listener, NULL, NULL);
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 13 + i / 256);
    }
    CHECK(write(fd, out, sizeof(out)) == (ssize_t)sizeof(out));
    while (got < sizeof(out)) {
        const uint8_t *p = receive_l4(&g, 6, &t, &n, 3000);
        REQUIRE(p != NULL);
        if (n && t.seq == c.ack) {
            uint8_t *f = (uint8_t *)(uintptr_t)p - 54;
            if (n > 1460) {
                large++;
                CHECK_EQ(g.last.gso, NET_GSO_TCP4);
                CHECK_EQ(g.last.csum_start + g.last.csum_offset, 50);
                CHECK(g.last.gso_size > 500 && g.last.gso_size <= 1460);
                CHECK_EQ(load_be16(f + 16), 40 + n);
                /* Completed as the guest would: right. */
                CHECK(net_checksum(f, 54 + n, &g.last) && frame_checksums_good(f, 54 + n));
            }
            memcpy(in + got, p, n < sizeof(in) - got ? n : sizeof(in) - got);
            got += n;
            c.ack += (uint32_t)n;
            tcp_send(&c, FRAME_ACK, "", 0, false);
        }
    }
    CHECK(large > 0);
    CHECK_MEM(in, out, sizeof(in));
    close(fd);
    close(listener);
    close_guest(&g);
}

TEST(host_reaches_a_forwarded_port)
{
    struct guest g;
    struct frame_tcp t;
    struct error e = {{0}};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port;
    size_t n;
    char rule[64];
    close(host_listen(&port)); /* one that is free */
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%u-:2222", port);
    open_guest(&g, &(struct net_option){"hostfwd", rule}, 1);
    a.sin_port = htons(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    CHECK(receive_l4(&g, 6, &t, &n, 5000) != NULL);
    CHECK_EQ(t.to_port, 2222);
    CHECK_EQ(t.to, GUEST);
    CHECK(t.flags & FRAME_SYN);
    close(fd);

    CHECK(!netdev_hostfwd_add(g.n, rule, &e)); /* the port is taken */
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%u", port);
    CHECK(netdev_hostfwd_remove(g.n, rule, &e));
    CHECK(!netdev_hostfwd_remove(g.n, rule, &e));
    bool open = true;
    for (unsigned i = 0; i < 1000 && open; i++) { /* until the thread lets go of the port */
        fd = socket(AF_INET, SOCK_STREAM, 0);
        open = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
        close(fd);
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK(!open);
    close_guest(&g);
}

/* A byte stream of the host's, in memory. */
struct pipe_stream {
    struct stream stream; /* first */
    struct stream_reader reader;
    bool has_reader;
    uint8_t got[100];
    size_t got_bytes;  /* atomic */
    uint32_t may_send; /* atomic: more_room was called */
};

static size_t pipe_write(struct stream *s, const uint8_t *bytes, size_t n)
{
    struct pipe_stream *p = (struct pipe_stream *)s;
    for (size_t i = 0; i < n && p->got_bytes < sizeof(p->got); i++) {
        p->got[p->got_bytes] = bytes[i];
        atomic_set_release(&p->got_bytes, p->got_bytes + 1);
    }
    return n;
}

static void pipe_set_reader(struct stream *s, const struct stream_reader *r)
{
    struct pipe_stream *p = (struct pipe_stream *)s;
    p->has_reader = r != NULL;
    if (r) {
        p->reader = *r;
    }
}

static void pipe_more_room(struct stream *s)
{
    atomic_set(&((struct pipe_stream *)s)->may_send, 1);
}

static const struct stream_ops pipe_ops = {
    .write = pipe_write, .set_reader = pipe_set_reader, .more_room = pipe_more_room};

static void connect_to_stream(struct guest *g, struct pipe_stream *p, uint32_t server)
{
    struct tcp c = {g, 33333, 7777, 1000, 0, server};
    struct frame_tcp t;
    size_t n;
    CHECK_EQ(p->reader.room(p->reader.opaque), 0); /* nobody is there yet */
    tcp_send(&c, FRAME_SYN, "", 0, false);
    REQUIRE(receive_l4(g, 6, &t, &n, 3000) && (t.flags & FRAME_SYN) && t.ack == c.seq);
    c.ack = t.seq + 1;
    tcp_send(&c, FRAME_ACK, "", 0, false);
    tcp_send(&c, FRAME_ACK | FRAME_PSH, "to the host", 11, false);
    for (unsigned i = 0; i < 3000 && atomic_get_acquire(&p->got_bytes) < 11; i++) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK_MEM(p->got, "to the host", 11);
    CHECK(atomic_get(&p->may_send));
    CHECK(p->reader.room(p->reader.opaque) >= 12);
    p->reader.read(p->reader.opaque, (const uint8_t *)"to the guest", 12);
    const uint8_t *f;
    while ((f = receive_l4(g, 6, &t, &n, 3000)) && n == 0) {
    }
    REQUIRE(f && n == 12);
    CHECK_MEM(f, "to the guest", 12);
}

TEST(an_address_is_forwarded_to_a_stream)
{
    struct guest g;
    struct error e = {{0}};
    struct pipe_stream p = {.stream = {&pipe_ops}};
    const char *rule = "tcp:10.0.2.100:7777-chardev:x";
    CHECK_STR(netdev_guestfwd_stream(rule), "chardev:x");
    CHECK_STR(netdev_guestfwd_stream(":10.0.2.100:7777-tcp:10.1.1.1:80"), "tcp:10.1.1.1:80");
    CHECK(!netdev_guestfwd_stream("tcp:10.0.2.100:7777-cmd:cat"));
    CHECK(!netdev_guestfwd_stream("udp:10.0.2.100:7777-chardev:x"));
    open_guest(&g, &(struct net_option){"guestfwd", rule}, 1);
    REQUIRE(netdev_guestfwd_add(g.n, rule, &p.stream, &e));
    CHECK(!netdev_guestfwd_add(g.n, rule, &p.stream, &e)); /* the port is taken */
    REQUIRE(p.has_reader);
    connect_to_stream(&g, &p, 0x0a000264);
    close_guest(&g);
    CHECK(!p.has_reader);
}

TEST(restrict_keeps_the_guest_inside)
{
    struct guest g;
    struct tcp c;
    struct frame_tcp t;
    uint16_t port;
    size_t n;
    int listener = host_listen(&port);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    open_guest(&g, &(struct net_option){"restrict", "on"}, 1);
    c = (struct tcp){&g, 33333, port, 1000, 0, 0};
    tcp_send(&c, FRAME_SYN, "", 0, false);
    const uint8_t *p = receive_l4(&g, 6, &t, &n, 200);
    CHECK(!p || !(t.flags & FRAME_SYN));
    CHECK(accept(listener, NULL, NULL) < 0);
    close(listener);
    close_guest(&g);
}

TEST(tftp_serves_its_folder)
{
    struct guest g;
    static uint8_t f[600];
    char dir[] = "/tmp/dragoman-tftp.XXXXXX", path[64];
    struct frame_tcp t = {GUEST, HOST, 5000, 69, 0, 0, 0, 0};
    size_t n;
    REQUIRE(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/boot.txt", dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    CHECK(write(fd, "hello, guest", 12) == 12);
    close(fd);
    open_guest(&g, &(struct net_option){"tftp", dir}, 1);
    send_frame(&g, f, frame_udp4(f, gateway, &t, "\0\1boot.txt\0octet", 17));
    const uint8_t *p = receive_l4(&g, 17, &t, &n, 3000);
    REQUIRE(p && n == 16);
    CHECK_MEM(p, "\0\3\0\1hello, guest", 16);
    unlink(path);
    rmdir(dir);
    close_guest(&g);
}

TEST(description_lists_connections)
{
    struct guest g;
    struct strbuf s = {0};
    open_guest(&g, NULL, 0);
    netdev_describe(g.n, &s);
    CHECK(strstr(s.text, "net0: type=user, link up") != NULL);
    strbuf_free(&s);
    close_guest(&g);
}
