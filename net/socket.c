/* SPDX-License-Identifier: MIT */
/*
 * Machines connected to each other by a socket: TCP (each frame behind its length, 4 bytes, most
 * significant first, as QEMU does), UDP to one peer, or a multicast group that acts as a hub.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "net/socket.h"

#define LENGTH_BYTES 4u
#define OUT_MAX (1u << 20) /* kept for a peer that does not read; more is dropped */
#define READS_A_ROUND 256u /* two a frame */

/* -netdev socket. */
struct plain_net {
    struct socket_net s; /* first */
    char *listen, *connect, *mcast, *udp, *localaddr;
};

#define ROW(name_, member)                                                                         \
    {                                                                                              \
        name_, NET_TEXT, offsetof(struct plain_net, member), NULL                                  \
    }
static const struct net_option_row socket_rows[] = {
    ROW("listen", listen),
    ROW("connect", connect),
    ROW("mcast", mcast),
    ROW("udp", udp),
    ROW("localaddr", localaddr),
    {"fd", NET_TEXT, 0, "open sockets are not taken; use connect= or listen="},
    {0},
};

/* ---- addresses */

bool net_socket_resolve(const char *what, const char *text, struct sockaddr_storage *a,
                        socklen_t *len, struct error *e)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_PASSIVE}, *found;
    if (!colon || (size_t)(colon - text) >= sizeof(host) || !colon[1]) {
        return error_set(e, "%s=%s: HOST:PORT is accepted", what, text);
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    int r = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found);
    if (r) {
        return error_set(e, "%s=%s: %s", what, text, gai_strerror(r));
    }
    memcpy(a, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

int net_socket_new(int family, int type, struct error *e)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0) {
        error_set(e, "no socket to be had from the host: %s", strerror(errno));
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    return fd;
}

static void set_nonblocking(int fd)
{
    int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- the ways to a peer */

bool net_socket_listen(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                       const char *what, struct error *e)
{
    s->stream = true;
    s->listener = net_socket_new(a->ss_family, SOCK_STREAM, e);
    if (s->listener < 0) {
        return false;
    }
    if (bind(s->listener, (const struct sockaddr *)a, len) < 0 || listen(s->listener, 1) < 0) {
        return error_set(e, "%s: %s", what, strerror(errno));
    }
    set_nonblocking(s->listener);
    return true;
}

bool net_socket_connect(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                        const char *what, struct error *e)
{
    s->stream = true;
    s->fd = net_socket_new(a->ss_family, SOCK_STREAM, e);
    if (s->fd < 0) {
        return false;
    }
    if (connect(s->fd, (const struct sockaddr *)a, len) < 0) {
        return error_set(e, "%s: %s", what, strerror(errno));
    }
    set_nonblocking(s->fd);
    return true;
}

void net_socket_seek(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                     int64_t again_ns)
{
    s->stream = true;
    s->to = *a;
    s->to_len = len;
    s->again_ns = again_ns;
    s->next_ns = os_now_ns();
}

bool net_socket_bind(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                     const char *what, struct error *e)
{
    s->fd = net_socket_new(a->ss_family, SOCK_DGRAM, e);
    if (s->fd < 0) {
        return false;
    }
    if (bind(s->fd, (const struct sockaddr *)a, len) < 0) {
        return error_set(e, "%s: %s", what, strerror(errno));
    }
    set_nonblocking(s->fd);
    return true;
}

bool net_socket_join(struct socket_net *s, const char *local, const char *what, struct error *e)
{
    struct sockaddr_in *group = (struct sockaddr_in *)&s->to;
    struct ip_mreq join = {.imr_multiaddr = group->sin_addr};
    const uint8_t loop = 1;
    if (group->sin_family != AF_INET || !IN_MULTICAST(ntohl(group->sin_addr.s_addr))) {
        return error_set(e, "%s: an address of 224.0.0.0/4 is accepted", what);
    }
    if (local && inet_pton(AF_INET, local, &join.imr_interface) != 1) {
        return error_set(e, "localaddr=%s: an IPv4 address is accepted", local);
    }
    if (!net_socket_bind(s, &s->to, s->to_len, what, e)) {
        return false;
    }
    if (setsockopt(s->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)) < 0 ||
        setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop)) < 0 ||
        (local && setsockopt(s->fd, IPPROTO_IP, IP_MULTICAST_IF, &join.imr_interface,
                             sizeof(join.imr_interface)) < 0)) {
        return error_set(e, "%s: %s", what, strerror(errno));
    }
    return true;
}

/* ---- -netdev socket */

static bool open_udp(struct plain_net *p, struct error *e)
{
    struct sockaddr_storage local;
    socklen_t len;
    char what[300];
    if (!p->localaddr) {
        return error_set(e, "udp=%s: localaddr=HOST:PORT is missing", p->udp);
    }
    snprintf(what, sizeof(what), "localaddr=%s", p->localaddr);
    return net_socket_resolve("udp", p->udp, &p->s.to, &p->s.to_len, e) &&
           net_socket_resolve("localaddr", p->localaddr, &local, &len, e) &&
           net_socket_bind(&p->s, &local, len, what, e);
}

static bool open_way(struct plain_net *p, struct error *e)
{
    struct sockaddr_storage a;
    socklen_t len;
    char what[300];
    if (p->udp) {
        return open_udp(p, e);
    }
    if (p->mcast) {
        snprintf(what, sizeof(what), "mcast=%s", p->mcast);
        return net_socket_resolve("mcast", p->mcast, &p->s.to, &p->s.to_len, e) &&
               net_socket_join(&p->s, p->localaddr, what, e);
    }
    const char *key = p->listen ? "listen" : "connect", *text = p->listen ? p->listen : p->connect;
    snprintf(what, sizeof(what), "%s=%s", key, text);
    return net_socket_resolve(key, text, &a, &len, e) &&
           (p->listen ? net_socket_listen : net_socket_connect)(&p->s, &a, len, what, e);
}

void net_socket_init(struct socket_net *s)
{
    s->listener = s->fd = s->connecting = -1;
    s->in = mem_alloc(LENGTH_BYTES + NET_PACKET_MAX);
    s->out = mem_alloc(OUT_MAX);
}

static bool socket_open(struct netdev *n, const struct net_option *o, size_t count, struct error *e)
{
    struct plain_net *p = mem_alloc(sizeof(*p));
    n->impl = p;
    net_socket_init(&p->s);
    if (!net_options_take(socket_rows, p, "socket", o, count, e)) {
        return false;
    }
    if (!!p->listen + !!p->connect + !!p->mcast + !!p->udp != 1) {
        return error_set(e, "one of listen=, connect=, mcast=, udp= is needed");
    }
    return open_way(p, e);
}

static void hang_up(struct socket_net *s)
{
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->fd = -1;
    s->in_bytes = s->out_bytes = 0;
    s->next_ns = os_now_ns() + s->again_ns;
}

void net_socket_fini(struct socket_net *s)
{
    hang_up(s);
    if (s->listener >= 0) {
        close(s->listener);
    }
    if (s->connecting >= 0) {
        close(s->connecting);
    }
    mem_free(s->in);
    mem_free(s->out);
}

static void socket_close(struct netdev *n)
{
    struct plain_net *p = n->impl;
    net_socket_fini(&p->s);
    net_options_free(socket_rows, p);
    mem_free(p);
}

/* ---- out */

static void flush_out(struct socket_net *s)
{
    ssize_t done = send(s->fd, s->out, s->out_bytes, MSG_NOSIGNAL);
    if (done > 0) {
        s->out_bytes -= (size_t)done;
        memmove(s->out, s->out + done, s->out_bytes);
    } else if (done < 0 && errno != EAGAIN && errno != EINTR) {
        hang_up(s);
    }
}

void net_socket_send(struct netdev *n, unsigned queue, const struct net_packet *p)
{
    struct socket_net *s = n->impl;
    (void)queue;
    if (s->fd < 0 || (!s->stream && !s->to_len)) {
        n->dropped++;
    } else if (!s->stream) {
        struct msghdr m = {.msg_name = &s->to,
                           .msg_namelen = s->to_len,
                           .msg_iov = (struct iovec *)(uintptr_t)p->iov,
                           .msg_iovlen = p->iov_count};
        n->dropped += sendmsg(s->fd, &m, MSG_NOSIGNAL) < 0;
    } else if (s->out_bytes + LENGTH_BYTES + p->bytes > OUT_MAX) {
        n->dropped++;
    } else {
        store_be32(s->out + s->out_bytes, (uint32_t)p->bytes);
        net_copy(p, s->out + s->out_bytes + LENGTH_BYTES, p->bytes);
        s->out_bytes += LENGTH_BYTES + p->bytes;
        flush_out(s);
        if (s->fd < 0) { /* the thread has another thing to wait for */
            netdev_wake(n);
        }
    }
}

/* ---- in */

/* Bytes that s->in will have when what it holds is complete: a length, or a frame with it. */
static size_t wanted_bytes(const struct socket_net *s)
{
    return LENGTH_BYTES + (s->in_bytes < LENGTH_BYTES ? 0 : load_be32(s->in));
}

static bool read_some(struct socket_net *s)
{
    size_t want = wanted_bytes(s);
    if (want > LENGTH_BYTES + NET_PACKET_MAX) {
        hang_up(s); /* it does not speak our protocol */
        return false;
    }
    ssize_t got = recv(s->fd, s->in + s->in_bytes, want - s->in_bytes, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        hang_up(s);
    }
    s->in_bytes += got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Takes what the peer sends, a frame at a time. Who sends without end gets no more than a round:
 * others wait for the network's lock. */
static void read_stream(struct netdev *n, struct socket_net *s)
{
    for (unsigned i = 0; i < READS_A_ROUND && net_may_deliver(n) && read_some(s); i++) {
        if (s->in_bytes >= LENGTH_BYTES && s->in_bytes == wanted_bytes(s)) {
            net_deliver_bytes(n, s->in + LENGTH_BYTES, s->in_bytes - LENGTH_BYTES);
            s->in_bytes = 0;
        }
    }
}

static void read_datagrams(struct netdev *n, struct socket_net *s)
{
    for (unsigned i = 0; i < 64 && net_may_deliver(n); i++) {
        ssize_t got = recv(s->fd, s->in, NET_PACKET_MAX, 0);
        if (got <= 0) {
            break;
        }
        net_deliver_bytes(n, s->in, (size_t)got);
    }
}

/* ---- looking for a peer */

static void attempt_failed(struct socket_net *s)
{
    close(s->connecting);
    s->connecting = -1;
    s->next_ns = os_now_ns() + s->again_ns;
}

static void attempt(struct socket_net *s)
{
    s->connecting = socket(s->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->connecting < 0) {
        s->next_ns = os_now_ns() + s->again_ns;
    } else if (connect(s->connecting, (const struct sockaddr *)&s->to, s->to_len) < 0 &&
               errno != EINPROGRESS) {
        attempt_failed(s);
    }
}

static void attempt_over(struct socket_net *s)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(s->connecting, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
        attempt_failed(s);
        return;
    }
    s->fd = s->connecting;
    s->connecting = -1;
    set_nonblocking(s->fd);
}

/* What the thread waits for while there is no peer. */
static void fill_seeking(struct socket_net *s, struct net_poll *p)
{
    if (s->connecting < 0 && s->again_ns && s->next_ns <= os_now_ns()) {
        attempt(s);
    }
    if (s->connecting >= 0) {
        net_poll_add(p, s->connecting, POLLOUT);
    } else {
        net_poll_add(p, s->listener, POLLIN);
        p->deadline_ns = s->again_ns && s->next_ns < p->deadline_ns ? s->next_ns : p->deadline_ns;
    }
}

void net_socket_fill(struct netdev *n, struct net_poll *p)
{
    struct socket_net *s = n->impl;
    if (s->fd < 0) {
        fill_seeking(s, p);
    } else {
        net_poll_add(p, -1, 0);
    }
    net_poll_add(p, s->fd,
                 (short)((net_may_deliver(n) ? POLLIN : 0) | (s->out_bytes ? POLLOUT : 0)));
}

void net_socket_dispatch(struct netdev *n, const struct net_poll *p)
{
    struct socket_net *s = n->impl;
    if (p->fd[1].revents && s->fd < 0 && s->connecting >= 0) {
        attempt_over(s);
        return;
    }
    if (p->fd[1].revents && s->fd < 0) {
        s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (s->fd >= 0) {
            set_nonblocking(s->fd);
        }
        return;
    }
    if (s->fd < 0 || p->fd[2].fd != s->fd) {
        return; /* hung up while the thread slept */
    }
    if (s->out_bytes && (p->fd[2].revents & POLLOUT)) {
        flush_out(s);
    }
    if (s->fd >= 0 && (p->fd[2].revents & (POLLIN | POLLHUP | POLLERR))) {
        if (s->stream) {
            read_stream(n, s);
        } else {
            read_datagrams(n, s);
        }
    }
}

static void socket_describe(struct netdev *n, struct strbuf *out)
{
    const struct plain_net *s = n->impl;
    const char *way = s->listen ? "listen" : s->connect ? "connect" : s->mcast ? "mcast" : "udp";
    const char *where = s->listen    ? s->listen
                        : s->connect ? s->connect
                        : s->mcast   ? s->mcast
                                     : s->udp;
    strbuf_printf(out, "  %s=%s%s\n", way, where, s->s.fd < 0 ? ", no peer" : "");
}

const struct netdev_kind net_socket_kind = {
    .name = "socket",
    .desc = "another machine, over TCP, UDP or a multicast group",
    .options = socket_rows,
    .open = socket_open,
    .close = socket_close,
    .send = net_socket_send,
    .fill = net_socket_fill,
    .dispatch = net_socket_dispatch,
    .describe = socket_describe,
};
