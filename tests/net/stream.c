/* SPDX-License-Identifier: MIT */
/* Machines connected by -netdev stream and dgram, over the internet's sockets and this host's. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/os.h"
#include "net/net.h"
#include "tests/test.h"

struct card {
    struct netdev *n;
    struct net_client client;
    unsigned got;
    uint8_t last[100];
    size_t last_bytes;
};

static bool card_deliver(void *opaque, unsigned queue, const struct net_packet *p)
{
    struct card *c = opaque;
    (void)queue;
    c->last_bytes = 0;
    for (unsigned i = 0; i < p->iov_count; i++) {
        const size_t room = sizeof(c->last) - c->last_bytes;
        const size_t n = p->iov[i].iov_len < room ? p->iov[i].iov_len : room;
        memcpy(c->last + c->last_bytes, p->iov[i].iov_base, n);
        c->last_bytes += n;
    }
    atomic_add(&c->got, 1);
    return true;
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static void no_link(void *opaque, bool up)
{
    (void)opaque, (void)up;
}

/* "key=value" pairs up to a NULL. */
static bool try_plug(struct card *c, const char *kind, const char *const *pairs, struct error *e)
{
    static char text[8][120];
    struct net_option o[8];
    size_t n = 0;
    for (; pairs[n]; n++) {
        snprintf(text[n], sizeof(text[n]), "%s", pairs[n]);
        char *value = strchr(text[n], '=');
        *value++ = '\0';
        o[n] = (struct net_option){text[n], value};
    }
    *c = (struct card){.client = {card_deliver, no_link, nothing, c}};
    c->n = netdev_open(kind, "n", o, n, e);
    return c->n && netdev_attach(c->n, &c->client, e);
}

static void plug(struct card *c, const char *kind, const char *const *pairs)
{
    struct error e = {""};
    if (!try_plug(c, kind, pairs, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(2);
    }
}

static void unplug(struct card *c)
{
    netdev_attach(c->n, NULL, NULL);
    netdev_close(c->n);
}

/* Again until it comes: a listener takes its peer when its thread comes to it. */
static void exchange(struct card *a, struct card *b)
{
    static const char frame[] = "a frame of some length";
    struct iovec iov = {(void *)(uintptr_t)frame, sizeof(frame)};
    atomic_set(&b->got, 0);
    for (unsigned i = 0; i < 20000 && !atomic_get(&b->got); i++) {
        netdev_lock(a->n);
        netdev_send(a->n, 0,
                    &(struct net_packet){.iov = &iov, .iov_count = 1, .bytes = sizeof(frame)});
        netdev_unlock(a->n);
        os_sleep_until_ns(os_now_ns() + 1000000);
    }
    CHECK(atomic_get(&b->got) >= 1);
    netdev_lock(b->n);
    CHECK_EQ(b->last_bytes, sizeof(frame));
    CHECK_MEM(b->last, frame, sizeof(frame));
    netdev_unlock(b->n);
}

#define PAIRS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const char *port(unsigned i)
{
    static char text[4][32];
    snprintf(text[i], sizeof(text[i]), "%u", 20000 + ((unsigned)getpid() * 4 + i) % 20000);
    return text[i];
}

static const char *pair(unsigned i, const char *key, const char *value)
{
    static char text[6][160];
    snprintf(text[i], sizeof(text[i]), "%s=%s", key, value);
    return text[i];
}

static void path_of(char *text, size_t size, const char *name)
{
    snprintf(text, size, "/var/tmp/dragoman-%s.%u", name, (unsigned)getpid());
}

TEST(streams_go_over_both_kinds_of_sockets)
{
    char path[80];
    struct card a, b;
    path_of(path, sizeof(path), "stream");
    plug(&a, "stream", PAIRS("server=on", "addr.type=unix", pair(0, "addr.path", path)));
    plug(&b, "stream", PAIRS("addr.type=unix", pair(1, "addr.path", path)));
    exchange(&a, &b);
    exchange(&b, &a);
    unplug(&b);
    plug(&b, "stream", PAIRS("addr.type=unix", pair(1, "addr.path", path), "server=off"));
    exchange(&b, &a); /* another peer */
    unplug(&b);
    unplug(&a);
    CHECK(access(path, F_OK) != 0);

    plug(
        &a, "stream",
        PAIRS("server=on", "addr.type=inet", "addr.host=127.0.0.1", pair(0, "addr.port", port(0))));
    plug(&b, "stream",
         PAIRS("addr.type=inet", "addr.host=127.0.0.1", pair(1, "addr.port", port(0))));
    exchange(&a, &b);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}

/* A client whose peer is not there yet, and one whose peer goes and comes back. */
TEST(a_client_looks_for_its_peer_again)
{
    char path[80];
    struct card a, b;
    path_of(path, sizeof(path), "again");
    plug(&b, "stream", PAIRS("addr.type=unix", pair(1, "addr.path", path), "reconnect-ms=20"));
    for (unsigned round = 0; round < 2; round++) {
        os_sleep_until_ns(os_now_ns() + 50000000);
        plug(&a, "stream", PAIRS("server=on", "addr.type=unix", pair(0, "addr.path", path)));
        exchange(&b, &a);
        exchange(&a, &b);
        unplug(&a);
    }
    unplug(&b);
    plug(&b, "stream",
         PAIRS("addr.type=inet", "addr.host=127.0.0.1", pair(1, "addr.port", port(3)),
               "reconnect=1"));
    plug(
        &a, "stream",
        PAIRS("server=on", "addr.type=inet", "addr.host=127.0.0.1", pair(0, "addr.port", port(3))));
    exchange(&b, &a);
    exchange(&a, &b);
    unplug(&a);
    unplug(&b);
}

TEST(datagrams_go_over_both_kinds_of_sockets)
{
    char one[80], two[80];
    struct card a, b;
    path_of(one, sizeof(one), "one");
    path_of(two, sizeof(two), "two");
    plug(&a, "dgram",
         PAIRS("local.type=unix", pair(0, "local.path", one), "remote.type=unix",
               pair(1, "remote.path", two)));
    plug(&b, "dgram",
         PAIRS("local.type=unix", pair(0, "local.path", two), "remote.type=unix",
               pair(1, "remote.path", one)));
    exchange(&a, &b);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
    CHECK(access(one, F_OK) != 0 && access(two, F_OK) != 0);

    plug(&a, "dgram",
         PAIRS("local.type=inet", "local.host=127.0.0.1", pair(0, "local.port", port(1)),
               "remote.type=inet", "remote.host=127.0.0.1", pair(1, "remote.port", port(2))));
    plug(&b, "dgram",
         PAIRS("local.type=inet", "local.host=127.0.0.1", pair(0, "local.port", port(2)),
               "remote.type=inet", "remote.host=127.0.0.1", pair(1, "remote.port", port(1))));
    exchange(&a, &b);
    exchange(&b, &a);
    unplug(&a);
    unplug(&b);
}

TEST(addresses_that_are_none_say_why)
{
    static const struct {
        const char *kind, *pairs[6], *says;
    } rows[] = {
        {"stream", {"server=on"}, "addr.type="},
        {"stream", {"addr.type=fd"}, "inet or unix is accepted"},
        {"stream", {"addr.type=inet", "addr.host=127.0.0.1"}, "addr.port= is missing"},
        {"stream", {"addr.type=unix"}, "addr.path"},
        {"stream", {"addr.type=unix", "addr.path=/no/such/socket"}, "unix:/no/such/socket"},
        {"stream", {"addr.type=unix", "addr.path=/no/such", "server=on"}, "unix:/no/such"},
        {"stream",
         {"addr.type=unix", "addr.path=x", "reconnect-ms=5", "server=on"},
         "for a client"},
        {"stream",
         {"addr.type=unix", "addr.path=x", "reconnect-ms=5", "reconnect=1"},
         "one of them"},
        {"stream", {"addr.type=unix", "addr.path=x", "reconnect=soon"}, "a number"},
        {"dgram", {"remote.type=inet", "remote.host=127.0.0.1", "remote.port=9"}, "local.type="},
        {"dgram",
         {"local.type=unix", "local.path=/var/tmp/x", "remote.type=inet", "remote.port=9"},
         "they are one kind"},
        {"dgram", {"local.type=inet"}, "local.port= is missing"},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct card c;
        struct error e = {""};
        CHECK_MSG(!try_plug(&c, rows[i].kind, rows[i].pairs, &e), "%s", rows[i].says);
        CHECK_MSG(strstr(e.text, rows[i].says), "%s", e.text);
    }
}
