/* SPDX-License-Identifier: MIT */
/*
 * Packet back ends: user-mode network, tap, sockets; and the filters in front of them.
 *
 * A netdev has a thread of its own that waits for packets and timers. Everything between a netdev
 * and the device attached to it (its client) happens under the netdev's lock, whichever thread
 * does it; client functions are called with it held. Nobody waits for anything else under it.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/strbuf.h"

struct netdev;
struct stream;

/* An Ethernet frame, at most, with what a segmentation offload may make of it. */
#define NET_PACKET_MAX (65535u + 14 + 4)
#define NET_QUEUES_MAX 16

enum net_gso {
    NET_GSO_NONE,
    NET_GSO_TCP4,
    NET_GSO_UDP,
    NET_GSO_TCP6,
    NET_GSO_UDP_L4
};

/* What is still to be done to a packet, or need not be: as virtio's header says it. */
struct net_offload {
    bool needs_checksum; /* the checksum from csum_start on is still to be put at csum_start +
                            csum_offset */
    bool checksum_valid; /* the checksum was found good */
    bool ecn;
    enum net_gso gso; /* to be cut into segments of gso_size bytes of payload */
    uint16_t gso_size, header_bytes, csum_start, csum_offset;
};

struct net_packet {
    const struct iovec *iov; /* the frame, without FCS; valid during the call only */
    unsigned iov_count;
    size_t bytes;
    struct net_offload offload;
};

/* The first bytes of the frame, in one piece: so many as there are and have room. */
size_t net_copy(const struct net_packet *p, uint8_t *to, size_t room);
/* RFC 1071: sum and the n bytes as big-endian 16-bit words, of which the last may be half there;
 * and the checksum, the complement of what that comes to. */
uint64_t net_sum(const uint8_t *p, size_t n, uint64_t sum);
uint16_t net_sum_end(uint64_t sum);

/* Bits of what a side takes without help: frames with needs_checksum, with gso of a kind. */
enum {
    NET_OFFLOAD_CHECKSUM = 1,
    NET_OFFLOAD_TCP4 = 2,
    NET_OFFLOAD_TCP6 = 4,
    NET_OFFLOAD_ECN = 8,
    NET_OFFLOAD_UDP = 16,
    NET_OFFLOAD_UDP_L4 = 32,
};

/* The device at the guest's side. Called with the netdev's lock held. */
struct net_client {
    /* Takes the packet on queue (or drops it for good: true); false: no room, keep it until
     * netdev_room. */
    bool (*deliver)(void *opaque, unsigned queue, const struct net_packet *p);
    void (*link)(void *opaque, bool up); /* the link state changed; may be NULL */
    void (*work)(void *opaque); /* after netdev_wake, on the netdev's thread; may be NULL */
    void *opaque;
};

/* One key=value of -netdev; a key may come several times (hostfwd=, dnssearch=). */
struct net_option {
    const char *key, *value;
};

/*
 * Opens a back end of kind ("user", "tap", "socket") with n options as -netdev spells them, kind
 * and id already taken off. NULL: e says what is wrong. Any thread.
 */
struct netdev *netdev_open(const char *kind, const char *id, const struct net_option *options,
                           size_t n, struct error *e);
void netdev_close(struct netdev *n); /* the client must be detached */

/* Rows of what -netdev takes: false past the end. */
bool netdev_kind_at(size_t i, const char **kind, const char **desc);
/* Options of a kind and what they take ("on|off", "TEXT"): false past the end or for no kind. */
bool netdev_option_at(const char *kind, size_t i, const char **key, const char **form);

const char *netdev_id(const struct netdev *n);
const char *netdev_kind(const struct netdev *n);
void netdev_describe(struct netdev *n, struct strbuf *out); /* `info network` */

/* One client at a time: false if there is one already. NULL detaches (the lock is not held). */
bool netdev_attach(struct netdev *n, const struct net_client *c, struct error *e);

void netdev_lock(struct netdev *n);
void netdev_unlock(struct netdev *n);

/* The functions below need the lock, except netdev_wake. */

/* Sends a packet from the guest; missing offloads are done in software; a packet that cannot go is
 * dropped. */
void netdev_send(struct netdev *n, unsigned queue, const struct net_packet *p);
/* The client has room again after deliver was false: gives it what was kept. */
void netdev_room(struct netdev *n);
/* What the client can be handed without help (NET_OFFLOAD_*). 0 at first. */
void netdev_set_offloads(struct netdev *n, unsigned client_offloads);
bool netdev_link_up(const struct netdev *n);
void netdev_set_link(struct netdev *n, bool up); /* `set_link`: tells the client */
unsigned netdev_queues(const struct netdev *n);  /* how many the back end offers: 1.. */

/* Has client->work called soon on the netdev's thread. Any thread; cheap when it is awake. */
void netdev_wake(struct netdev *n);

/*
 * Writes what passes through n to a pcap file (-object filter-dump,file=,maxlen=), at most maxlen
 * bytes of each packet. false with an error. Ends with the netdev. Takes the lock.
 */
bool netdev_dump(struct netdev *n, const char *path, uint32_t maxlen, struct error *e);

/* User network only: "tcp:hostaddr:port-guestaddr:port" as hostfwd= takes. Take the lock. */
bool netdev_hostfwd_add(struct netdev *n, const char *rule, struct error *e);
bool netdev_hostfwd_remove(struct netdev *n, const char *rule, struct error *e);

/*
 * A guestfwd= rule to a byte stream: the text of the stream ("tcp:HOST:PORT", "chardev:ID"), or
 * NULL where the network does it alone. Whoever opens a network opens such streams, too, and adds
 * them; a stream stays theirs, and lives until the netdev is closed. Loop thread; takes the lock.
 */
const char *netdev_guestfwd_stream(const char *rule);
bool netdev_guestfwd_add(struct netdev *n, const char *rule, struct stream *s, struct error *e);

#endif
