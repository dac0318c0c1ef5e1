/* SPDX-License-Identifier: MIT */
/*
 * A byte stream in UDP datagrams: what is written in one piece is one, what arrives in them is one
 * stream. Those of others than the peer are not seen.
 */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/chardev.h"
#include "system/stream_fd.h"

enum {
    DATAGRAM_MAX = 65536,
    SEND_MAX = 8192 /* in one datagram */
};

struct stream_udp {
    struct stream_fd fd; /* first */
    size_t start, end;   /* of a datagram that the reader has not taken whole */
    uint8_t datagram[DATAGRAM_MAX];
};

static bool udp_held(struct stream_fd *f)
{
    const struct stream_udp *u = (const struct stream_udp *)f;
    return u->start < u->end;
}

/* A peer that is not there (ECONNREFUSED) may come yet. */
static ssize_t udp_read(struct stream_fd *f, int fd, uint8_t *bytes, size_t n)
{
    struct stream_udp *u = (struct stream_udp *)f;
    if (!udp_held(f)) {
        const ssize_t got = recv(fd, u->datagram, sizeof(u->datagram), 0);
        u->start = 0;
        u->end = got > 0 ? (size_t)got : 0;
        if (got <= 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    n = n < u->end - u->start ? n : u->end - u->start;
    memcpy(bytes, u->datagram + u->start, n);
    u->start += n;
    return (ssize_t)n;
}

/* What cannot be sent is lost, as datagrams may be; the line goes on. */
static ssize_t udp_write(int fd, const uint8_t *bytes, size_t n)
{
    n = n < SEND_MAX ? n : SEND_MAX;
    const ssize_t sent = send(fd, bytes, n, 0);
    return sent < 0 && errno != EAGAIN && errno != EINTR ? (ssize_t)n : sent;
}

static const struct stream_fd_kind udp_fd_kind = {
    .read = udp_read, .held = udp_held, .write = udp_write};

static struct addrinfo *resolve(const char *what, const char *host, const char *port,
                                const struct chardev_config *c, struct error *e)
{
    const int family = c->ipv4 > 0 || c->ipv6 == 0   ? AF_INET
                       : c->ipv6 > 0 || c->ipv4 == 0 ? AF_INET6
                                                     : AF_UNSPEC;
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *list = NULL;
    const int r = getaddrinfo(host, port, &hints, &list);
    if (r) {
        error_set(e, "udp: %s %s:%s: %s", what, host, port, gai_strerror(r));
    }
    return list;
}

/* A socket between the two addresses; -1: e says why. */
static int open_between(const struct addrinfo *peer, const struct addrinfo *local, struct error *e)
{
    const int one = 1;
    const int fd = socket(peer->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (fd < 0 || (local && bind(fd, local->ai_addr, local->ai_addrlen) < 0)) {
        error_set(e, "udp: cannot use the local address: %s", strerror(errno));
    } else if (connect(fd, peer->ai_addr, peer->ai_addrlen) < 0) {
        error_set(e, "udp: cannot reach the peer's address: %s", strerror(errno));
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int open_socket(const struct chardev_config *c, struct error *e)
{
    struct addrinfo *peer, *local = NULL;
    int fd = -1;
    peer = resolve("peer", c->host && *c->host ? c->host : "localhost", c->port, c, e);
    if (!peer) {
        return -1;
    }
    const bool bound = c->local_address || c->local_port;
    if (bound) {
        local = resolve("local address",
                        c->local_address && *c->local_address ? c->local_address
                        : peer->ai_family == AF_INET6         ? "::"
                                                              : "0.0.0.0",
                        c->local_port && *c->local_port ? c->local_port : "0", c, e);
    }
    if (!bound || local) {
        fd = open_between(peer, local, e);
    }
    freeaddrinfo(peer);
    if (local) {
        freeaddrinfo(local);
    }
    return fd;
}

static struct stream *udp_open(const struct chardev_config *c, struct loop *l, struct error *e)
{
    if (!c->port || !*c->port) {
        error_set(e, "udp: port= is missing");
        return NULL;
    }
    const int fd = open_socket(c, e);
    if (fd < 0) {
        return NULL;
    }
    struct stream_udp *u = mem_alloc(sizeof(*u));
    stream_fd_init(&u->fd, &udp_fd_kind, l, c->id);
    stream_fd_connect(&u->fd, (struct stream_fd_ends){.in = fd, .out = fd, .owned = true});
    return &u->fd.stream;
}

#define MEMBER(m) offsetof(struct chardev_config, m)

static const struct key_row udp_rows[] = {
    {"host", KEY_TEXT, MEMBER(host), "the peer (localhost)", NULL},
    {"port", KEY_TEXT, MEMBER(port), "its port", NULL},
    {"localaddr", KEY_TEXT, MEMBER(local_address), "address to send from and receive at", NULL},
    {"localport", KEY_TEXT, MEMBER(local_port), "port of that (any)", NULL},
    {"ipv4", KEY_SWITCH, MEMBER(ipv4), "only IPv4", NULL},
    {"ipv6", KEY_SWITCH, MEMBER(ipv6), "only IPv6", NULL},
    {0}};

const struct chardev_kind chardev_udp = {
    .name = "udp", .help = "UDP datagrams", .rows = udp_rows, .open = udp_open};
