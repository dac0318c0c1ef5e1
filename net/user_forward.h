/* SPDX-License-Identifier: MIT */
/* What a user network forwards. All but user_forward_listen and _end with the netdev's lock held.
 */
#ifndef NET_USER_FORWARD_H
#define NET_USER_FORWARD_H

#include <libslirp.h>

#include "base/error.h"
#include "base/stream.h"

struct netdev;

struct user_forwards {
    struct netdev *n;
    Slirp *slirp;
    struct in_addr guest; /* the first address that DHCP gives */
    struct user_forward_stream *streams;
};

/* hostfwd= */
bool user_forward_host(struct user_forwards *u, const char *rule, struct error *e);
bool user_forward_host_remove(struct user_forwards *u, const char *rule, struct error *e);
/* guestfwd=...-cmd:COMMAND */
bool user_forward_command(struct user_forwards *u, const char *rule, struct error *e);
/* guestfwd= to a stream, which stays its owner's. NULL with an error. */
struct user_forward_stream *user_forward_stream(struct user_forwards *u, const char *rule,
                                                struct stream *s, struct error *e);
/* From now on the guest gets what comes in. Loop thread, without the lock. */
void user_forward_listen(struct user_forward_stream *f);
/* Streams that waited for the guest's connection, or for room in it, go on. */
void user_forward_wake(struct user_forwards *u);
/* Loop thread, and nobody else uses the network any more. */
void user_forward_end(struct user_forwards *u);

#endif
