/* SPDX-License-Identifier: MIT */
/* What the files of net/ share. */
#ifndef NET_NET_INTERNAL_H
#define NET_NET_INTERNAL_H

#include <poll.h>

#include "base/os.h"
#include "net/net.h"

#define NET_ETHERNET_HEADER 14u

/* What a back end's thread waits for, filled anew each time around. */
struct net_poll {
    struct pollfd *fd;
    unsigned count, cap;
    int64_t deadline_ns; /* of os_now_ns(); INT64_MAX: none */
};
/* Returns the index in p->fd. */
unsigned net_poll_add(struct net_poll *p, int fd, short events);

/* A kind of back end. All functions but open run with the lock held. */
struct netdev_kind {
    const char *name, *desc;
    const struct net_option_row *options;
    /* Takes the options; sets n->impl, and n->offloads and n->queues if they are more than none and
     * one. */
    bool (*open)(struct netdev *n, const struct net_option *o, size_t count, struct error *e);
    void (*close)(struct netdev *n); /* also of one that failed to open, if impl is set */
    /* The frame in one piece if it is not in n->offloads what it asks for; else as it came. */
    void (*send)(struct netdev *n, unsigned queue, const struct net_packet *p);
    void (*fill)(struct netdev *n, struct net_poll *p);
    void (*dispatch)(struct netdev *n, const struct net_poll *p);
    void (*describe)(struct netdev *n, struct strbuf *out);
    void (*client_offloads)(struct netdev *n); /* n->client_offloads changed; may be NULL */
};
extern const struct netdev_kind net_user_kind, net_tap_kind, net_bridge_kind, net_socket_kind,
    net_stream_kind, net_dgram_kind;

/* A packet that the client had no room for. */
struct net_held;

struct netdev {
    const struct netdev_kind *kind;
    char *id;
    void *impl;
    unsigned offloads; /* NET_OFFLOAD_* that send takes */
    unsigned queues;

    struct os_mutex lock; /* guards all below, and impl */
    const struct net_client *client;
    unsigned client_offloads;
    bool link_up, quit;
    struct net_held *held, **held_end;
    unsigned held_count;
    size_t held_bytes;
    struct net_dump *dump;
    /* NET_PACKET_MAX bytes for frames in one piece, to the back end and to the client. */
    uint8_t *scratch, *scratch_in;
    uint64_t sent, received, dropped;

    struct os_thread thread;
    bool has_thread;
    struct net_poll poll;
    int wake_fd;
    uint32_t sleeping, woken, waiters; /* any thread */
};

/* A packet for the guest, from the back end. Missing offloads of the client are done here. */
void net_deliver(struct netdev *n, unsigned queue, const struct net_packet *p);
/* The client keeps up: false while packets are held for it, and a back end that can wait should. */
bool net_may_deliver(const struct netdev *n);
/* n bytes at p as a packet without offloads. */
void net_deliver_bytes(struct netdev *n, const void *p, size_t bytes);
/* The frame's bytes in one piece: its own, or a copy in n->scratch; NULL if it is too long. */
uint8_t *net_linear(struct netdev *n, const struct net_packet *p);

/* ---- offload.c: what hardware would do to a frame of bytes at f, in one piece */

/* Puts the checksum where o says; false if that is outside. */
bool net_checksum(uint8_t *f, size_t bytes, const struct net_offload *o);
/* As above, from the headers: also right when the driver left out what is usual in the field. */
bool net_checksum_tcp(uint8_t *f, size_t bytes);
typedef void (*net_frame_fn)(void *opaque, uint8_t *f, size_t bytes);
/* Cuts a TCP frame into segments, each with its own headers and checksums; false if it is none. */
bool net_segment(const uint8_t *f, size_t bytes, uint16_t gso_size, net_frame_fn fn, void *opaque);

/* Makes one large packet of a frame with the headers of its first segment: lengths, the checksum of
 * IP, that of the pseudo header in TCP's; fills *o. The frame is known to be TCP in IPv4. */
void net_make_large(uint8_t *f, size_t bytes, uint16_t gso_size, struct net_offload *o);
/* The parts of a frame that is TCP in IPv4, both without surprises; false if it is not. */
struct net_tcp4 {
    size_t tcp, payload, end; /* offsets */
    uint32_t seq;
    uint8_t flags;
};
bool net_parse_tcp4(const uint8_t *f, size_t bytes, struct net_tcp4 *t);

/* ---- coalesce.c: joins segments of one TCP flow that come one after the other */

struct net_coalesce {
    uint8_t *frame; /* what is pending; owned, made when first needed */
    size_t bytes;   /* 0: nothing is pending */
    size_t payload; /* offset in it */
    uint32_t next_seq;
    uint16_t segment; /* payload of the first */
    unsigned count;
};
/* Delivers the frame to n's client, now or, joined with others, later. */
void net_coalesce_add(struct netdev *n, struct net_coalesce *c, const uint8_t *f, size_t bytes);
/* Delivers what is pending. */
void net_coalesce_flush(struct netdev *n, struct net_coalesce *c);

/* ---- bridge_helper.c */

/* The descriptor of a new tap interface in the bridge, by the helper program; helper NULL: the one
 * that QEMU's packages have. -1: e says why. */
int net_bridge_helper(const char *helper, const char *bridge, struct error *e);

/* ---- dump.c */

struct net_dump *net_dump_open(const char *path, uint32_t maxlen, struct error *e);
void net_dump_close(struct net_dump *d);
void net_dump_packet(struct net_dump *d, const struct net_packet *p);

/* ---- options.c: a table of what a kind takes */

enum net_option_type {
    NET_TEXT, /* char *, owned */
    NET_BOOL,
    NET_U32,
    NET_LIST, /* struct net_texts: the option may come several times */
};

struct net_texts {
    char **text;
    size_t count;
};

struct net_option_row {
    const char *name;
    enum net_option_type type;
    size_t offset;       /* in the kind's struct */
    const char *refused; /* or why it is not accepted */
};

/* rows end with .name NULL. kind names the back end in messages. */
bool net_options_take(const struct net_option_row *rows, void *base, const char *kind,
                      const struct net_option *o, size_t count, struct error *e);
void net_options_free(const struct net_option_row *rows, void *base);

#endif
