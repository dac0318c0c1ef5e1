/* SPDX-License-Identifier: MIT */
/*
 * What the kinds of networks on sockets share: socket.c (-netdev socket, and frames on any socket),
 * stream.c (-netdev stream and dgram).
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <sys/socket.h>

#include "net/net_internal.h"

struct socket_net {
    int listener; /* -1: none */
    int fd;       /* the peer, or the datagram socket; -1: nobody */
    bool stream;
    struct sockaddr_storage to; /* datagrams; to_len 0: to nobody */
    socklen_t to_len;

    /* A client that looks for its peer again, at `to`: after so long, or 0. */
    int64_t again_ns;
    int64_t next_ns; /* of os_now_ns(): the next attempt */
    int connecting;  /* the socket of one that is under way; -1: none is */

    uint8_t *in; /* a frame with its length, or a datagram */
    size_t in_bytes;
    uint8_t *out; /* what the peer did not take yet */
    size_t out_bytes;
};

void net_socket_init(struct socket_net *s);
void net_socket_fini(struct socket_net *s);
/* n->impl begins with a struct socket_net. */
void net_socket_send(struct netdev *n, unsigned queue, const struct net_packet *p);
void net_socket_fill(struct netdev *n, struct net_poll *p);
void net_socket_dispatch(struct netdev *n, const struct net_poll *p);

/* "HOST:PORT" (or ":PORT", any address) as the first IPv4 address of that name. */
bool net_socket_resolve(const char *what, const char *text, struct sockaddr_storage *a,
                        socklen_t *len, struct error *e);
/* -1: e says why. */
int net_socket_new(int family, int type, struct error *e);
/* The ways to a peer, with a socket of the address's family; what is for messages. */
bool net_socket_listen(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                       const char *what, struct error *e);
bool net_socket_connect(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                        const char *what, struct error *e);
/* The same, again and again after again_ns until the peer is there, and when it was lost. */
void net_socket_seek(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                     int64_t again_ns);
bool net_socket_bind(struct socket_net *s, const struct sockaddr_storage *a, socklen_t len,
                     const char *what, struct error *e);
/* Joins the group that s->to is; local: an IPv4 address of ours, or NULL. */
bool net_socket_join(struct socket_net *s, const char *local, const char *what, struct error *e);

#endif
