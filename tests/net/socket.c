/* SPDX-License-Identifier: MIT */
/* Machines connected by sockets, links, held packets, dumps, and what -netdev refuses. */
#include <fcntl.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/mem.h"
#include "base/os.h"
#include "net/net.h"
#include "tests/test.h"

struct card {
    struct netdev *n;
    struct net_client client;
    bool full;
    unsigned got, works, links; /* links: how often it came up or went down */
    uint8_t last[2000];
    size_t last_bytes;
};

static bool card_deliver(void *opaque, unsigned queue, const struct net_packet *p)
{
    struct card *c = opaque;
    (void)queue;
    if (c->full) {
        return false;
    }
    c->last_bytes = 0;
    for (unsigned i = 0; i < p->iov_count; i++) {
        memcpy(c->last + c->last_bytes, p->iov[i].iov_base, p->iov[i].iov_len);
        c->last_bytes += p->iov[i].iov_len;
    }
    atomic_add(&c->got, 1);
    return true;
}

static void card_work(void *opaque)
{
    struct card *c = opaque;
    atomic_add(&c->works, 1);
}

static void card_link(void *opaque, bool up)
{
    struct card *c = opaque;
    (void)up;
    c->links++;
}

static void plug(struct card *c, const char *kind, const struct net_option *o, size_t count)
{
    struct error e = {{0}};
    *c = (struct card){.client = {card_deliver, card_link, card_work, c}};
    c->n = netdev_open(kind, "n", o, count, &e);
    if (!c->n || !netdev_attach(c->n, &c->client, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

static void unplug(struct card *c)
{
    netdev_attach(c->n, NULL, NULL);
    netdev_close(c->n);
}

static void send_text(struct card *c, const char *text)
{
    /* Two pieces, so that they must be put together. */
    struct iovec iov[2] = {{(void *)(uintptr_t)text, 3}, {(void *)(uintptr_t)(text + 3), 0}};
    iov[1].iov_len = strlen(text) - 3;
    netdev_lock(c->n);
    netdev_send(c->n, 0, &(struct net_packet){.iov = iov, .iov_count = 2, .bytes = strlen(text)});
    netdev_unlock(c->n);
}

static bool wait_for(unsigned *counter, unsigned value)
{
    for (unsigned i = 0; i < 5000 && atomic_get(counter) < value; i++) {
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    return atomic_get(counter) >= value;
}

static unsigned free_port(void)
{
    static unsigned next;
    if (!next) {
        next = 20000 + (unsigned)getpid() % 20000;
    }
    return next++;
}

/* Retries until the peer is connected: a listener takes it when its thread comes to it. */
static void exchange(struct card *a, struct card *b)
{
    for (unsigned i = 0; i < 200 && !atomic_get(&b->got); i++) {
        send_text(a, "a frame of some length, from a");
        wait_for(&b->got, 1);
    }
    CHECK(atomic_get(&b->got) >= 1);
    netdev_lock(b->n);
    CHECK_EQ(b->last_bytes, 30);
    CHECK_MEM(b->last, "a frame of some length, from a", 30);
    netdev_unlock(b->n);
}

TEST(tcp_carries_frames_both_ways)
{
    char where[32];
    struct card a, b;
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1);
    exchange(&b, &a);
    exchange(&a, &b);
    unsigned before = atomic_get(&a.got);
    for (unsigned i = 0; i < 500; i++) {
        send_text(&b, "one of many frames");
    }
    CHECK(wait_for(&a.got, before + 500));
    unplug(&b);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1); /* a new peer */
    atomic_set(&a.got, 0);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}

TEST(udp_carries_frames_both_ways)
{
    char x[32], y[32];
    struct card a, b;
    snprintf(x, sizeof(x), "127.0.0.1:%u", free_port());
    snprintf(y, sizeof(y), "127.0.0.1:%u", free_port());
    plug(&a, "socket", (struct net_option[]){{"udp", x}, {"localaddr", y}}, 2);
    plug(&b, "socket", (struct net_option[]){{"udp", y}, {"localaddr", x}}, 2);
    exchange(&a, &b);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}

TEST(packets_are_kept_while_the_card_is_full)
{
    char where[32];
    struct card a, b;
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1);
    exchange(&b, &a);
    netdev_lock(a.n);
    a.full = true;
    a.got = 0;
    netdev_unlock(a.n);
    for (unsigned i = 0; i < 300; i++) { /* more than are kept before the peer has to wait */
        send_text(&b, "kept for later, in order");
    }
    os_sleep_until_ns(os_now_ns() + 20000000);
    CHECK_EQ(atomic_get(&a.got), 0);
    netdev_lock(a.n);
    a.full = false;
    netdev_room(a.n);
    netdev_unlock(a.n);
    netdev_wake(a.n);
    CHECK(wait_for(&a.got, 300));
    unplug(&a);
    unplug(&b);
}

TEST(link_down_drops_and_tells)
{
    char where[32];
    struct card a, b;
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1);
    exchange(&b, &a);
    netdev_lock(a.n);
    netdev_set_link(a.n, false);
    CHECK(!netdev_link_up(a.n));
    unsigned before = a.got;
    netdev_unlock(a.n);
    CHECK_EQ(a.links, 1);
    send_text(&b, "into the void, this one");
    os_sleep_until_ns(os_now_ns() + 20000000);
    CHECK_EQ(atomic_get(&a.got), before);
    netdev_lock(a.n);
    netdev_set_link(a.n, true);
    netdev_unlock(a.n);
    CHECK_EQ(a.links, 2);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}

TEST(wake_calls_the_card_on_the_thread)
{
    char where[32];
    struct card a;
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    for (unsigned i = 1; i <= 100; i++) {
        netdev_wake(a.n);
        CHECK(wait_for(&a.works, i));
    }
    unplug(&a);
}

TEST(dump_is_a_pcap_file)
{
    char where[32], path[] = "/tmp/dragoman-pcap.XXXXXX";
    struct card a, b;
    struct error e = {{0}};
    uint8_t bytes[300];
    int fd = mkstemp(path);
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1);
    CHECK(netdev_dump(b.n, path, 20, &e));
    CHECK(!netdev_dump(b.n, "/tmp", 20, &e));
    CHECK(!netdev_dump(b.n, path, 20, &e));
    send_text(&b, "a frame that is longer than what is kept");
    ssize_t n = read(fd, bytes, sizeof(bytes));
    CHECK_EQ(n, 24 + 16 + 20);
    CHECK_EQ(load_le32(bytes), 0xa1b2c3d4);
    CHECK_EQ(load_le32(bytes + 16), 20);
    CHECK_EQ(load_le32(bytes + 20), 1);
    CHECK_EQ(load_le32(bytes + 32), 20);
    CHECK_EQ(load_le32(bytes + 36), 40);
    CHECK_MEM(bytes + 40, "a frame that is long", 20);
    close(fd);
    unlink(path);
    unplug(&a);
    unplug(&b);
}

static void refused(const char *kind, const char *key, const char *value, const char *text)
{
    struct error e = {{0}};
    struct net_option o = {key, value};
    CHECK(!netdev_open(kind, "n", &o, key ? 1 : 0, &e));
    CHECK_MSG(strstr(e.text, text) != NULL, "%s=%s: %s", key, value, e.text);
}

TEST(bad_options_are_refused_with_what_is_accepted)
{
    char where[32];
    struct card a;
    struct error e = {{0}};
    refused("usr", NULL, NULL, "accepted are bridge, dgram, socket, stream, tap, user");
    refused("socket", NULL, NULL, "one of listen=");
    refused("socket", "lisen", "x", "did you mean 'listen'");
    refused("socket", "listen", "1234", "HOST:PORT is accepted");
    refused("socket", "mcast", "127.0.0.1:1234", "224.0.0.0/4");
    refused("socket", "udp", "127.0.0.1:1234", "localaddr=HOST:PORT is missing");
    refused("socket", "connect", "127.0.0.1:1", "refused");
    refused("user", "hostfwd", "tcp::x-:22", "is accepted");
    refused("user", "hostfwd", "tcp::2222", "is accepted");
    refused("user", "net", "10.0.2.0/33", "8 to 30");
    refused("user", "host", "192.168.1.1", "is not in the network");
    refused("user", "dns", "here", "IPv4 address");
    refused("user", "restrict", "maybe", "'on' or 'off'");
    refused("user", "smb", "/tmp", "not modelled");
    refused("user", "guestfwd", "tcp:10.0.2.100:80", "-cmd:COMMAND");
    refused("tap", "vhost", "on", "not modelled");
    refused("tap", "fd", "x", "open file descriptor");
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    refused("socket", "listen", where, "in use");
    char rule[64];
    snprintf(rule, sizeof(rule), "tcp:127.0.0.1:%s-:22", where + 10);
    refused("user", "hostfwd", rule, "cannot be had");
    CHECK(!netdev_attach(a.n, &a.client, &e));
    CHECK(strstr(e.text, "has a device already") != NULL);
    unplug(&a);
}

TEST(garbage_from_a_peer_ends_the_connection)
{
    char where[32];
    struct card a, b;
    snprintf(where, sizeof(where), "127.0.0.1:%u", free_port());
    plug(&a, "socket", &(struct net_option){"listen", where}, 1);
    char url[64];
    snprintf(url, sizeof(url), "/dev/tcp/127.0.0.1/%s", where + 10);
    char command[160];
    snprintf(command, sizeof(command), "bash -c 'printf \"\\xff\\xff\\xff\\xff junk\" > %s'", url);
    CHECK_EQ(system(command), 0);
    os_sleep_until_ns(os_now_ns() + 20000000);
    plug(&b, "socket", &(struct net_option){"connect", where}, 1);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}
