/* SPDX-License-Identifier: MIT */
/* dragoman-nbd: what its files share. */
#ifndef TOOLS_NBD_NBD_H
#define TOOLS_NBD_NBD_H

#include "block/nbd_client.h"
#include "block/nbd_server.h"
#include "tools/command/command.h"

#define LISTENERS_MAX 8

struct nbd_listener {
    const char *path; /* of a unix socket, or NULL: */
    const char *host, *port;
    int fds[LISTENERS_MAX];
    unsigned count;
};

/* listen.c: opens the sockets. False: e says why there are none. */
bool nbd_listener_open(struct nbd_listener *l, struct error *e);
/* Also removes a unix socket. */
void nbd_listener_close(struct nbd_listener *l);

struct nbd_service {
    const struct nbd_server_export *x;
    const struct nbd_listener *listener;
    uint64_t most;   /* clients at a time; 0: any number */
    bool persistent; /* goes on when the last client has gone */
    bool verbose;
    int stop; /* a descriptor that can be read when it is to end */
};
/* serve.c: until it is told to stop, or the last client has gone. */
void nbd_service_run(const struct nbd_service *s);

/* list.c: prints what a server exports. */
bool nbd_list(const struct nbd_address *a, struct error *e);

#endif
